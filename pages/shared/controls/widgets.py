"""The widget of each control."""

from collections.abc import Sequence

import streamlit as st

from pages.shared.controls import values
from pages.shared.controls.specs import CONTROLS, MOST_POLICIES, Choice, Number, Switch, Tabs, Text


def control(key: str, options: Sequence[str] = (), *, disabled: bool = False, placeholder: str = ""):
    """Draw the widget of one control, and return its value.

    options: those that can be picked here, where they are not the same everywhere.
    """
    at = CONTROLS[key]
    values.show(key)
    common = {"key": key, "help": at.help, "disabled": disabled}
    if options and values.value(key) not in options:
        values.put({key: options[0]})
    if key == "mode":
        return st.radio(at.label, at.options, horizontal=True, **common)
    if key == "policies":
        return st.multiselect(at.label, at.options, max_selections=MOST_POLICIES, accept_new_options=True, **common)
    if isinstance(at, Switch):
        return st.toggle(at.label, **common)
    if isinstance(at, Tabs):
        return st.segmented_control(at.label, options or at.options, required=True, **common)
    if isinstance(at, Choice):
        return st.selectbox(at.label, options or at.options, **common)
    if isinstance(at, Text) and options:
        return st.selectbox(at.label, options, **common)
    if isinstance(at, Text):
        return st.text_input(at.label, max_chars=300, placeholder=placeholder, **common)
    return number(at, common)


def number(at: Number, common: dict) -> float:
    """A slider, or a field where numbers are typed or the range is too large for a slider."""
    if at.slides and not st.session_state.get("typing"):
        return st.slider(at.label, *at.slides, step=at.step, format=at.format, **common)
    typed = at.format if not at.slides else "%g" if isinstance(at.step, float) else "%d"
    return st.number_input(at.label, at.low, at.high, step=at.step, format=typed, **common)
