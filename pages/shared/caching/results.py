"""Answers worth keeping: for all visitors, or, where they come from a visitor's own trace, in that session alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import streamlit as st

from core.simulation.run import MODEL_VERSION
from pages.shared.controls import values
from pages.shared.controls.url import pins_own_trace
from pages.shared.session import session

R = TypeVar("R")


@dataclass(eq=False)
class Remembered(Generic[R]):
    """A function whose answers are kept."""

    compute: Callable[..., R]
    shared: Callable[[str, int, tuple], R]
    """The same from what is asked, the version of the model and the arguments: its answers are kept for everybody."""
    own: int
    """How many answers a session keeps while its trace is in use."""

    def __call__(self, *arguments: Any) -> R:
        asked = repr(arguments)
        if from_a_trace():
            return privately(self.compute, asked, arguments, self.own)
        return self.shared(asked, MODEL_VERSION, arguments)


def remembered(
    *, entries: int, size: str, own: int = 1, spinner: bool | str = False
) -> Callable[[Callable[..., R]], Remembered[R]]:
    """A decorator for a function whose answers depend on its arguments alone, as `repr` writes them.

    entries, size: how many answers are kept for everybody, and how much memory they may take together. own: how many
    a session keeps while its trace is in use; nothing of a trace is kept where others could see it.
    """

    def decorate(compute: Callable[..., R]) -> Remembered[R]:
        def shared(asked: str, version: int, _arguments: tuple) -> R:
            return compute(*_arguments)

        shared.__module__, shared.__qualname__ = compute.__module__, compute.__qualname__  # a cache of its own
        cached = st.cache_data(max_entries=entries, max_size=size, show_spinner=spinner)(shared)
        return Remembered(compute, cached, own)

    return decorate


def from_a_trace() -> bool:
    """Whether what is asked now may come from a trace: nothing of that is kept where others could see it."""
    return values.value("times") != "controls" or pins_own_trace(values.value("pin"))


def privately(compute: Callable[..., R], asked: str, arguments: tuple, own: int) -> R:
    """The answer from this session, or a new one; of each function the last few are kept."""
    kept = session().private_answers.setdefault(compute.__qualname__, {})
    answer = kept[asked] if asked in kept else compute(*arguments)
    kept[asked] = answer
    for old in list(kept)[: len(kept) - own]:
        del kept[old]
    return answer
