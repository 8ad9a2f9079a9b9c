"""The widget of each control."""

from collections.abc import Sequence

import streamlit as st

from pages.shared.controls import values
from pages.shared.controls.specs import (
    CONTROLS,
    MOST_POLICIES,
    Choice,
    Control,
    Number,
    Policies,
    Radio,
    Switch,
    Tabs,
    Text,
)


def control(key: str, options: Sequence[str] = (), *, disabled: bool = False, placeholder: str = ""):
    """Draw the widget of one control, and return its value.

    options: those that can be picked here, where they are not the same everywhere.
    """
    if options and values.value(key) not in options:
        values.put({key: options[0]})
    at, common = CONTROLS[key], {"key": key, "help": CONTROLS[key].help, "disabled": disabled}
    with values.mounted(key):
        return widget(at, values.value(key), options, placeholder, common)


def widget(at: Control, value, options: Sequence[str], placeholder: str, common: dict):
    """The widget that fits a control, and its value.

    The value is its default, too: if a browser missed that it was set, as the run was interrupted, it knows it still.
    """
    match at:
        case Radio():
            return st.radio(at.label, at.options, at.options.index(value), horizontal=True, **common)
        case Policies():
            known = list(dict.fromkeys([*at.options, *value]))
            return st.multiselect(
                at.label, known, list(value), max_selections=MOST_POLICIES, accept_new_options=True, **common
            )
        case Switch():
            return st.toggle(at.label, value, **common)
        case Tabs():
            return st.segmented_control(at.label, options or at.options, default=value, required=True, **common)
        case Choice():
            return st.selectbox(at.label, at.options, at.options.index(value), **common)
        case Text() if options:
            return st.selectbox(at.label, options, options.index(value), **common)
        case Text():
            return st.text_input(at.label, value, max_chars=300, placeholder=placeholder, **common)
        case Number():
            return number(at, value, common)


def number(at: Number, value: float, common: dict) -> float:
    """A slider, or a field where numbers are typed or the range is too large for a slider."""
    if at.slides and not st.session_state.get("typing"):
        return st.slider(at.label, *at.slides, value, at.step, at.format, **common)
    typed = at.format if not at.slides else "%g" if isinstance(at.step, float) else "%d"
    return st.number_input(at.label, at.low, at.high, value, at.step, typed, **common)
