"""The value of every control, whether it is on the page or not.

The session holds them. While a control is on the page, Streamlit has its value too, under its key: what a visitor has
moved is taken over from there before anything else happens.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from core.common.parameters import Number
from core.common.validation import ScenarioError
from core.links import DEFAULTS, PARAMETERS
from pages.shared.session import session


def now() -> dict[str, Any]:
    """The value of every control; not to be changed."""
    found = session().values
    assert found is not None  # the address has been read before anything asks
    return found


def value(key: str) -> Any:
    """The value of one control."""
    return now()[key]


def take_over(by_widget: bool) -> bool:
    """Take over what widgets have been moved to, at the start of a run or a callback; and whether any was moved.

    by_widget: whether it may be a widget that this run is for, and not a button, a link, Back or Forward.

    After a control was set, a browser may go on sending what it showed before, until it has drawn the new value. That
    is no move; only if it is all that has happened, somebody has moved a single control back.
    """
    known = session()
    if known.values is None:
        return False
    held = st.session_state.to_dict()  # one look for all of them: each costs as much as many
    known.mounted &= held.keys()  # a run that was cut short has drawn widgets that Streamlit has forgotten since
    found = taken({key: held[key] for key in known.mounted})
    differing = {key: value for key, value in found.items() if value != known.values[key]}
    outdated = {key: value for key, value in differing.items() if value in known.replaced.get(key, ())}
    if by_widget and len(differing) == len(outdated) == 1:
        outdated = {}
    for key in outdated:
        st.session_state[key] = for_widget(known.values[key])
    moved = {key: value for key, value in differing.items() if key not in outdated}
    known.values = {**known.values, **moved}
    if "policies" in moved:
        st.session_state.policies = list(moved["policies"])  # what was typed as a code is shown by its name
    if not known.acted:
        known.replaced = {key: known.replaced[key] for key in known.replaced if key in outdated or key not in found}
    return bool(moved)


def taken(held: dict[str, Any]) -> dict[str, Any]:
    """What widgets hold, as values of their controls; what a control refuses is left out, and said beside it."""
    known, found = session(), {}
    known.refused = {}
    for key, value in held.items():
        parameter = PARAMETERS[key]
        if isinstance(value, list):
            found[key] = tuple(value)
        elif isinstance(parameter.rule, Number):
            try:
                found[key] = parameter.rule.checked(parameter.label, whole_if_it_is(value))
            except ScenarioError as refused:
                assert known.values
                known.refused[key] = f"{refused} It stays at {known.values[key]:,.15g}."
        else:
            found[key] = value
    return found


def whole_if_it_is(value: float) -> float:
    """A number as it is, and as an int where it is a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def put(values: dict[str, Any]) -> None:
    """Set controls."""
    known, at = session(), st.session_state
    before = known.values or DEFAULTS
    known.values = {**before, **values}
    for key in values:
        known.refused.pop(key, None)
    for key in values.keys() & known.mounted:
        at[key] = for_widget(values[key])
        known.replaced.setdefault(key, set()).update((before[key], values[key]))


@contextmanager
def mounted(key: str) -> Iterator[None]:
    """Around the drawing of a widget: a new one shows the control's value.

    Should the run be interrupted before Streamlit knows the widget, it is as new the next time.
    """
    known = session()
    if key not in known.mounted:
        st.session_state[key] = for_widget(value(key))
    yield
    known.mounted.add(key)
    known.on_page.add(key)


def forget_widgets() -> None:
    """At the end of a run: of what is not on the page any more, Streamlit holds no value."""
    known = session()
    for key in known.mounted - known.on_page:
        del st.session_state[key]
    known.mounted = set(known.on_page)


def for_widget(value: Any) -> Any:
    """A value as a widget takes it."""
    return list(value) if isinstance(value, tuple) else value


def sliders_again() -> None:
    """No field is left where a slider can hold the number; also after all have become fields."""
    session().fields.clear()
    session().mounted.clear()  # there will be other widgets


def is_field(key: str) -> bool:
    """Whether a number is typed: where all are, where no slider spans it, and once it was beyond the slider's ends."""
    known, ends = session(), PARAMETERS[key].usual
    as_field = ends is None or bool(st.session_state.get("typing")) or key in known.fields
    if ends is not None and not as_field:
        as_field = not ends[0] <= value(key) <= ends[1]
    if as_field != (key in known.fields):
        known.mounted.discard(key)  # there will be another widget
    if as_field:
        known.fields.add(key)
    return as_field


def within_range(values: dict[str, Any]) -> dict[str, Any]:
    """The values, as near as the controls' ranges allow."""
    return {
        key: rule.nearest(value) if isinstance(rule := PARAMETERS[key].rule, Number) else value
        for key, value in values.items()
    }
