"""Answers worth keeping: for all visitors, or, where they come from a visitor's own trace, in that session alone."""

from collections.abc import Callable

import streamlit as st

from core.simulation.run import MODEL_VERSION
from pages.shared.controls import values
from pages.shared.session import session


def remembered(*, entries: int, size: str, own: int = 1, spinner: bool | str = False) -> Callable:
    """A decorator for a function whose answers depend on its arguments alone, as `repr` writes them.

    entries, size: how many answers are kept for everybody, and how much memory they may take together. own: how many
    a session keeps while its trace is in use; nothing of a trace is kept where others could see it.
    """

    def decorate(compute: Callable) -> Callable:
        def shared(asked: str, version: int, _arguments: tuple):
            return compute(*_arguments)

        shared.__module__, shared.__qualname__ = compute.__module__, compute.__qualname__  # a cache of its own
        shared = st.cache_data(max_entries=entries, max_size=size, show_spinner=spinner)(shared)

        def answer(*arguments):
            asked = repr(arguments)
            if from_a_trace():
                return privately(compute, asked, arguments, own)
            return answer.shared(asked, MODEL_VERSION, arguments)

        answer.shared = shared
        return answer

    return decorate


def from_a_trace() -> bool:
    """Whether what is asked now comes from a trace: nothing of that is kept where others could see it."""
    return values.value("times") != "controls"


def privately(compute: Callable, asked: str, arguments: tuple, own: int):
    """The answer from this session, or a new one; of each function the last few are kept."""
    kept = session().private_answers.setdefault(compute.__qualname__, {})
    answer = kept[asked] if asked in kept else compute(*arguments)
    kept[asked] = answer
    for old in list(kept)[: len(kept) - own]:
        del kept[old]
    return answer
