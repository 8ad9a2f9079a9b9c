"""The widget of each control."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from core.common.parameters import Flag, Number, OneOf, Parameter, Text
from core.common.validation import ScenarioError
from core.links import MOST_POLICIES, PARAMETERS, PolicyTexts
from core.policies.registry import CODES, policy_from_text
from core.report.parameters import NAMES
from pages.shared.controls import values
from pages.shared.session import session

SIDE_BY_SIDE = ("curves_over", "curves_of", "worker_order")
"""Choices of which there are few, side by side."""


def control(
    key: str,
    options: Sequence[str] = (),
    *,
    disabled: bool = False,
    placeholder: str = "",
    on_change: Callable[[], None] | None = None,
) -> Any:
    """Draw the widget of one control, and return its value.

    options: those that can be picked here, where they are not the same everywhere.
    """
    if options and values.value(key) not in options:
        values.put({key: options[0]})
    parameter = PARAMETERS[key]
    common = {"label": parameter.label, "key": key, "help": parameter.help, "disabled": disabled}
    if on_change:
        common["on_change"] = on_change
    if isinstance(parameter.rule, Number):
        draw = field if values.is_field(key) else slider
        with values.mounted(key):
            draw(parameter, parameter.rule, values.value(key), common)
        if message := session().refused.get(key):
            st.error(message, icon=":material/block:")
        return values.value(key)
    with values.mounted(key):
        return choice(parameter, values.value(key), options, placeholder, common)


def choice(at: Parameter, value: Any, options: Sequence[str], placeholder: str, common: dict[str, Any]) -> Any:
    """The widget of a control that is no number, and its value.

    The value is its default, too: if a browser missed that it was set, as the run was interrupted, it knows it still.
    """
    names = NAMES.get(at.key, {})
    match at.rule:
        case OneOf(choices) if at.key in SIDE_BY_SIDE:
            return st.segmented_control(options=options or choices, default=value, required=True, **common)
        case OneOf(choices):
            return st.selectbox(
                options=choices, index=choices.index(value), format_func=lambda each: names.get(each, each), **common
            )
        case PolicyTexts():
            known = list(dict.fromkeys([*value, *proposed_policies(values.value("workers"))]))
            return st.multiselect(
                options=known,
                default=list(value),
                format_func=policy_name,
                max_selections=MOST_POLICIES,
                accept_new_options=True,
                **common,
            )
        case Flag():
            return st.toggle(value=value, **common)
        case Text() if options:
            return st.selectbox(options=options, index=options.index(value), format_func=policy_name, **common)
        case Text(most):
            return st.text_input(value=value, max_chars=most, placeholder=placeholder, **common)


def slider(at: Parameter, rule: Number, value: float, common: dict[str, Any]) -> None:
    """A slider over the usual part of a number's range."""
    assert at.usual
    assert at.step is not None
    low, high = map(rule.kind, at.usual)
    st.slider(min_value=low, max_value=high, value=value, step=rule.kind(at.step), format=at.format, **common)


def field(at: Parameter, rule: Number, value: float, common: dict[str, Any]) -> None:
    """A field for a number. It has no ends of its own: what is beyond the range is said, not changed."""
    assert at.step is not None
    written = at.format if at.format and at.format.startswith("%") else "%g"
    st.number_input(value=float(value), step=float(at.step), format=written, **common)


def proposed_policies(workers: int) -> list[str]:
    """Policies to pick from, with parameters that make sense for so many workers."""
    found = [policy.proposed(workers).text for policy in CODES.values()]
    return [*found[:2], "async shared", *found[2:]]


def policy_name(text: str) -> str:
    """What people call a policy: by its name and parameters, or as it was typed where no policy is called that."""
    try:
        return policy_from_text(text).label
    except ScenarioError:
        return text
