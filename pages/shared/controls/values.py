"""The value of every control, whether it is on the page or not.

The session holds them. While a control is on the page, Streamlit has its value too, under its key: what a visitor has
moved is taken over from there before anything else happens.
"""

import streamlit as st

from core.link import DEFAULTS
from pages.shared.controls.specs import CONTROLS, Number
from pages.shared.session import session


def now() -> dict:
    """The value of every control; not to be changed."""
    return session().values


def value(key: str):
    """The value of one control."""
    return session().values[key]


def take_over() -> bool:
    """Take over what widgets have been moved to, at the start of a run or a callback; and whether any was moved."""
    known, held = session(), st.session_state.to_dict()  # one look for all of them: each costs as much as many
    if known.values is None:
        return False
    moved = {key: settled(held[key]) for key in known.values.keys() & held.keys()}
    moved = {key: value for key, value in moved.items() if value != known.values[key]}
    known.values = {**known.values, **moved}
    return bool(moved)


def settled(value):
    """A value that does not change: a list of policies is a tuple."""
    return tuple(value) if isinstance(value, list) else value


def put(values: dict) -> None:
    """Set controls. Values beyond the ends of a slider turn sliders into fields."""
    known, at = session(), st.session_state
    known.values = {**(known.values or DEFAULTS), **values}
    if not at.get("typing") and any(off_slider(key, value) for key, value in values.items()):
        at.typing = True
        values = known.values  # the widgets are other ones, which know nothing of the old ones
    for key in values.keys() & at.to_dict().keys():
        at[key] = for_widget(values[key])


def show(key: str) -> None:
    """Have the widget of a control that comes onto the page show its value."""
    session().on_page.add(key)
    if key not in st.session_state:
        st.session_state[key] = for_widget(value(key))


def forget_widgets() -> None:
    """At the end of a run: of what is not on the page any more, Streamlit holds no value."""
    on_page = session().on_page
    for key in session().values.keys() & st.session_state.to_dict().keys() - on_page:
        del st.session_state[key]


def for_widget(value):
    """A value as a widget takes it."""
    return list(value) if isinstance(value, tuple) else value


def sliders_or_fields() -> None:
    """After the switch between the two has moved: sliders have the values as near as they allow."""
    values = dict(now())
    if not st.session_state.typing:
        far = {key: value for key, value in values.items() if off_slider(key, value)}
        values |= {key: clipped(key, value, *CONTROLS[key].slides) for key, value in far.items()}
    put(values)


def off_slider(key: str, value) -> bool:
    """Whether a value is beyond the ends of its control's slider."""
    ends = getattr(CONTROLS[key], "slides", None)
    return bool(ends) and not ends[0] <= value <= ends[1]


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
