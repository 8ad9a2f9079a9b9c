"""Who goes on after a push that a server has applied, under each policy that pushes; see `core.server.release`."""

from dataclasses import dataclass, field

import numpy as np

from core.server.release import AfterPush, Release, Window


@dataclass(frozen=True)
class OwnBatches(Release):
    """A worker that has been served goes on, until it has done all of its own batches."""

    batches: int

    @property
    def quota(self) -> int:
        return self.batches

    def in_window(self, window: Window) -> np.ndarray:
        return np.where(window.pushing & (window.finished + 1 < self.batches), window.place, window.never)

    def push_by_push(self) -> AfterPush:
        return lambda number, worker, finished: (worker,) if finished[worker] < self.batches else ()


@dataclass(frozen=True)
class SharedQueue(Release):
    """A worker that has been served goes on, until all batches of the epoch have been begun."""

    workers: int
    work: int
    """Batches of the epoch."""
    reason = "empty queue"

    def in_window(self, window: Window) -> np.ndarray:
        more = window.before + window.place < self.work - self.workers
        return np.where(window.pushing & more, window.place, window.never)

    def push_by_push(self) -> AfterPush:
        return lambda number, worker, finished: (worker,) if number < self.work - self.workers else ()


@dataclass(frozen=True)
class WithinBound(Release):
    """A worker that has been served goes on, unless it is too far ahead of the slowest: then it is held."""

    workers: int
    batches: int
    bound: int
    reason = "staleness bound"

    @property
    def quota(self) -> int:
        return self.batches

    @property
    def ahead(self) -> int:
        return self.bound

    def in_window(self, window: Window) -> np.ndarray:
        slowest = window.finished.min(axis=0)
        catch_up = np.where(window.finished == slowest, window.place, -1).max(axis=0)  # the last of the slowest
        done = window.finished + window.pushing
        place = np.where(window.pushing, window.place, -1)
        after = np.where(done - self.bound <= slowest, place, np.maximum(place, catch_up))
        return np.where(done < self.batches, after, window.never)

    def push_by_push(self) -> AfterPush:
        return HeldBack(self, level=[self.workers] + [0] * self.batches)


@dataclass
class HeldBack:
    """Those that a staleness bound holds in one run: each is just too far ahead, so all go on when the slowest does."""

    rule: WithinBound
    level: list[int]
    """How many workers have finished so many batches."""
    slowest: int = 0
    """How many the slowest has."""
    held: list[int] = field(default_factory=list)

    def __call__(self, number: int, worker: int, finished: list[int]) -> list[int]:
        done, released = finished[worker], []
        self.level[done - 1] -= 1
        self.level[done] += 1
        if not self.level[self.slowest]:
            self.slowest += 1
            released, self.held = self.held, []
        if done < self.rule.batches:
            (released if done - self.rule.bound <= self.slowest else self.held).append(worker)
        return released


@dataclass(frozen=True)
class AfterUpdate(Release):
    """Workers go on together when an update has been made of their gradients; after the last one nobody does."""

    group: int
    """Gradients of an update."""
    work: int
    reason = "update"

    def in_window(self, window: Window) -> np.ndarray:
        # A worker that waits is in the group of the last push that was served.
        number = window.before + np.where(window.pushing, window.place, -1)
        last = number // self.group * self.group + self.group - 1
        return np.where(last < self.work - 1, np.minimum(last - window.before, window.never), window.never)

    def push_by_push(self) -> AfterPush:
        return Gathering(self)


@dataclass
class Gathering:
    """Those in one run whose gradients wait for others of their update."""

    rule: AfterUpdate
    waiting: list[int] = field(default_factory=list)

    def __call__(self, number: int, worker: int, finished: list[int]) -> list[int]:
        self.waiting.append(worker)
        if (number + 1) % self.rule.group or number + 1 == self.rule.work:
            return []
        released, self.waiting = self.waiting, []
        return released
