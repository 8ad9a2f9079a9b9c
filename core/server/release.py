"""Who goes on after which push: the rule of a policy, for a window of pushes and for one push after the other."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Window:
    """The pushes that are on their way to the server, numbered in the order in which they arrive, 0 first."""

    place: np.ndarray
    """The number of each worker's push, (workers, runs); of no meaning for who has none."""
    pushing: np.ndarray
    """Whether a worker has one, (workers, runs)."""
    before: np.ndarray
    """How many pushes have been served before the window, (runs,)."""
    finished: np.ndarray
    """How many of them were each worker's, (workers, runs)."""

    @property
    def never(self) -> int:
        """What stands for no push of the window."""
        return len(self.place)


AfterPush = Callable[[int, int, list[int]], Iterable[int]]
"""(number of a push in its run, its worker, how many of each worker's have been applied) → who goes on after it."""


class Release(ABC):
    """A rule in two forms that agree: whatever one says of a run, the other says of it, too.

    A worker is in one of three states: its push is on its way, it waits to be released, or it is done for good.
    """

    reason = ""
    """Why a worker waits after it has been served."""

    @property
    def quota(self) -> int | None:
        """After how many mini-batches of its own a worker is done for good; None where that is not what ends it."""
        return None

    @property
    def ahead(self) -> int:
        """How many batches a worker may be ahead of the slowest: any number, unless the rule says otherwise."""
        return self.quota or 0

    @abstractmethod
    def in_window(self, window: Window) -> np.ndarray:
        """After which push of the window each worker goes on, (workers, runs); `Window.never` where it does not.

        Valid only up to the first push that a worker released in this window could overtake.
        """

    @abstractmethod
    def push_by_push(self) -> AfterPush:
        """The rule for a single run, asked once for every push in the order of their service."""
