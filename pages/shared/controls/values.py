"""The value of every control, whether it is on the page or not.

The session holds them. While a control is on the page, Streamlit has its value too, under its key: what a visitor has
moved is taken over from there before anything else happens.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from core.common.parameters import Number
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
    found = {key: settled(held[key]) for key in known.mounted & held.keys()}
    differing = {key: value for key, value in found.items() if value != known.values[key]}
    outdated = {key: value for key, value in differing.items() if value in known.replaced.get(key, ())}
    if by_widget and len(differing) == len(outdated) == 1:
        outdated = {}
    for key in outdated:
        st.session_state[key] = for_widget(known.values[key])
    moved = {key: value for key, value in differing.items() if key not in outdated}
    known.values = {**known.values, **moved}
    if not known.acted:
        known.replaced = {key: known.replaced[key] for key in known.replaced if key in outdated or key not in found}
    return bool(moved)


def settled(value: Any) -> Any:
    """A value that does not change: a list of policies is a tuple."""
    return tuple(value) if isinstance(value, list) else value


def put(values: dict[str, Any]) -> None:
    """Set controls. Values beyond the ends of a slider turn sliders into fields."""
    known, at = session(), st.session_state
    before = known.values or DEFAULTS
    known.values = {**before, **values}
    if not at.get("typing") and any(off_slider(key, value) for key, value in values.items()):
        at.typing = True
        known.mounted.clear()  # there will be other widgets
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


def sliders_or_fields() -> None:
    """After the switch between the two has moved: sliders have the values as near as they allow."""
    values = dict(now())
    session().mounted.clear()  # there will be other widgets
    if not st.session_state.typing:
        values = {key: on_slider(key, value) for key, value in values.items()}
    put(values)


def off_slider(key: str, value: Any) -> bool:
    """Whether a value is beyond the ends of its control's slider."""
    ends = PARAMETERS[key].usual
    return ends is not None and not ends[0] <= value <= ends[1]


def on_slider(key: str, value: Any) -> Any:
    """The value, or the end of its control's slider that it is beyond."""
    ends = PARAMETERS[key].usual
    return value if ends is None else type(value)(sorted((value, *ends))[1])


def within_range(values: dict[str, Any]) -> dict[str, Any]:
    """The values, as near as the controls' ranges allow."""
    return {
        key: rule.nearest(value) if isinstance(rule := PARAMETERS[key].rule, Number) else value
        for key, value in values.items()
    }
