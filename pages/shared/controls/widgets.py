"""The widget of each control."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.common.parameters import Flag, Number, OneOf, Parameter, Text
from core.links import MOST_POLICIES, PARAMETERS, PolicyTexts
from pages.shared.controls import values

IN_SIGHT = ("mode",)
"""Choices whose options are all in sight."""
SIDE_BY_SIDE = ("curves_over", "curves_of", "worker_order")
"""Choices of which there are few, side by side."""
PROPOSED = ("sync", "async", "async shared", "ssp 1", "ssp 3", "backup 3", "k-async 2", "local 4", "rebalanced")
"""Policies to pick from; others can be typed."""


def control(key: str, options: Sequence[str] = (), *, disabled: bool = False, placeholder: str = "") -> Any:
    """Draw the widget of one control, and return its value.

    options: those that can be picked here, where they are not the same everywhere.
    """
    if options and values.value(key) not in options:
        values.put({key: options[0]})
    parameter = PARAMETERS[key]
    common = {"label": parameter.label, "key": key, "help": parameter.help, "disabled": disabled}
    with values.mounted(key):
        return widget(parameter, values.value(key), options, placeholder, common)


def widget(at: Parameter, value: Any, options: Sequence[str], placeholder: str, common: dict[str, Any]) -> Any:
    """The widget that fits a control, and its value.

    The value is its default, too: if a browser missed that it was set, as the run was interrupted, it knows it still.
    """
    match at.rule:
        case OneOf(choices) if at.key in IN_SIGHT:
            return st.radio(options=choices, index=choices.index(value), horizontal=True, **common)
        case OneOf(choices) if at.key in SIDE_BY_SIDE:
            return st.segmented_control(options=options or choices, default=value, required=True, **common)
        case OneOf(choices):
            return st.selectbox(options=choices, index=choices.index(value), **common)
        case PolicyTexts():
            known = list(dict.fromkeys([*PROPOSED, *value]))
            return st.multiselect(
                options=known, default=list(value), max_selections=MOST_POLICIES, accept_new_options=True, **common
            )
        case Flag():
            return st.toggle(value=value, **common)
        case Text() if options:
            return st.selectbox(options=options, index=options.index(value), **common)
        case Text(most):
            return st.text_input(value=value, max_chars=most, placeholder=placeholder, **common)
        case Number() as rule:
            return number(at, rule, value, common)


def number(at: Parameter, rule: Number, value: float, common: dict[str, Any]) -> float:
    """A slider, or a field where numbers are typed or the range is too large for a slider."""
    kind = rule.kind
    assert at.step is not None  # every control of a number has one
    common |= {"value": value, "step": kind(at.step)}
    if at.usual and not st.session_state.get("typing"):
        low, high = map(kind, at.usual)
        return st.slider(min_value=low, max_value=high, format=at.format, **common)
    low, high = rule.ends
    written = at.format if not at.usual else "%g" if kind is float else "%d"
    return st.number_input(min_value=low, max_value=high, format=written, **common)
