"""Setting controls from code, and turning sliders into fields to type in; the URL follows."""

import streamlit as st

from core.link import DEFAULTS
from pages.shared.keys import CONTROLS, Number
from pages.shared.links import off_slider, shown


def put(values: dict) -> None:
    """Set controls; the URL follows. Values beyond the ends of a slider turn sliders into fields to type in."""
    at = st.session_state
    at.update({key: list(value) if key == "policies" else value for key, value in values.items()})
    if not at.typing and any(off_slider(key, value) for key, value in values.items()):
        at.typing = True
        switch()


def switch() -> None:
    """Fields in the place of sliders, or sliders with the values as near as they allow."""
    at = st.session_state
    at.switched = True
    at.update(shown())
    if not at.typing:
        far = {key: value for key, value in shown().items() if off_slider(key, value)}
        at.update({key: clipped(key, value, *CONTROLS[key].slides) for key, value in far.items()})


@st.fragment(run_every=0.2)
def settle() -> None:
    """Soon after a switch, run once more: Streamlit writes to the URL only what is set on a widget that it knows."""
    if not st.session_state.pop("switched", False):
        st.session_state.set_again = True
        st.rerun()


def before_controls() -> None:
    """Called before any control is drawn: there are fields where a slider is too short, and after a switch every
    control is set to what it is."""
    at = st.session_state
    if "typing" not in at:
        at.typing = any(off_slider(key, value) for key, value in shown().items())
    if at.pop("set_again", False):
        at.update(shown())


def within_range(values: dict) -> dict:
    """The values, as near as the controls' ranges allow."""
    at = {key: CONTROLS[key] for key in values}
    return {
        key: clipped(key, value, at[key].low, at[key].high) if isinstance(at[key], Number) else value
        for key, value in values.items()
    }


def clipped(key: str, value: float, low: float, high: float) -> float:
    """The value between two ends, of the type of its control."""
    return type(DEFAULTS[key])(min(max(value, low), high))
