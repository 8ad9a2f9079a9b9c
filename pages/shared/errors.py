"""Where errors end: what was refused is said, and of what went wrong an id, with its detail in the server's log."""

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import streamlit as st

from core import ScenarioError
from pages.shared.controls import values
from pages.shared.session import session


@contextmanager
def boundary() -> Iterator[None]:
    """Around the app, and around each fragment: those run by themselves, without the app around them."""
    try:
        yield
    except ScenarioError as refused:
        st.error(str(refused), icon=":material/block:")
    except Exception:
        incident = uuid.uuid4().hex[:8]
        logging.getLogger(__name__).exception("incident %s", incident)
        st.error(f"Something went wrong on our side (incident {incident}). Change a control or press Reset to go on.")


def action(callback: Callable[..., None]) -> Callable[..., None]:
    """The callback of a button: it runs before the app, so it has a boundary of its own; the press counts as a move.

    For callbacks alone: what a page calls in the middle of a run must not be one.
    """

    @wraps(callback)
    def act(*arguments: Any) -> None:
        values.take_over(by_widget=False)
        session().acted = True
        with boundary():
            callback(*arguments)

    return act
