"""When everything happened in some runs: arrays over (rows, workers, runs).

A row is one mini-batch of every worker: as many rows as batches where each worker does its own, more where some of
their work is thrown away.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Protocol

import numpy as np

PHASES = ("compute", "wait", "comm", "cancelled", "down")
HIDDEN = "hidden comm"
"""The phase of network time that passes while workers compute or wait: beside their own phases, not one of them."""
CHUNK = 2**18  # times that are laid out at once where only their sums are asked for
REASONS = ("", "barrier", "staleness bound", "server queue", "update", "restart", "regroup", "empty queue")
"""Why workers wait under the policies that there are; empty for other phases."""


class AnyStretch(Protocol):
    """One stretch in the life of every mini-batch, however it is kept: as a `Stretch` says."""

    @property
    def phase(self) -> str:
        """One of `PHASES`."""

    @property
    def reason(self) -> str:
        """What a wait waits for, one of `REASONS`; empty for other phases."""

    @property
    def start_ms(self) -> np.ndarray:
        """When it starts, broadcasts to (rows, workers, runs), ms."""

    @property
    def end_ms(self) -> np.ndarray:
        """When it ends, likewise; the same as its start where it takes no time."""

    def took_ms(self) -> np.ndarray:
        """How long it takes in all of a worker's rows together, broadcasts to (workers, runs), ms."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """One stretch in the life of every mini-batch: its phase, its start and end, why a wait waits.

    Attributes:
        phase: compute, wait, comm, cancelled or down.
        start_ms: when it starts, ms; broadcasts to (rows, workers, runs).
        end_ms: when it ends, ms; the same as its start where it takes no time.
        reason: what a wait waits for, one of `REASONS`; empty for other phases.

    """

    phase: str
    start_ms: np.ndarray
    end_ms: np.ndarray
    reason: str = ""

    def took_ms(self) -> np.ndarray:
        """How long it takes in all of a worker's rows together, broadcasts to (workers, runs), ms."""
        return time_between(self.start_ms, self.end_ms)


@dataclass(frozen=True, eq=False)
class PatchedStretch:
    """A stretch with other times in some mini-batches, such as those that a failure cut.

    It stands for a `Stretch` whose ends are made when they are asked for.

    Attributes:
        phase: compute, wait, comm, cancelled or down.
        usual_start_ms: when it starts elsewhere, broadcasts to (rows, workers, runs), ms.
        usual_end_ms: when it ends elsewhere, likewise; the same array where it takes no time.
        cells: those mini-batches, (cells,): row · workers · runs + worker · runs + run. Of those that are there several
            times the last one counts, and the others take no time.
        since_ms: when it starts there, (cells,), ms.
        until_ms: when it ends there, (cells,), ms.
        shape: (rows, workers, runs).
        reason: what a wait waits for, one of `REASONS`; empty for other phases.

    """

    phase: str
    usual_start_ms: np.ndarray
    usual_end_ms: np.ndarray
    cells: np.ndarray
    since_ms: np.ndarray
    until_ms: np.ndarray
    shape: tuple[int, int, int]
    reason: str = ""

    @cached_property
    def start_ms(self) -> np.ndarray:
        """When it starts, (rows, workers, runs), ms."""
        return replaced(self.usual_start_ms, self.shape, self.cells, self.since_ms)

    @cached_property
    def end_ms(self) -> np.ndarray:
        """When it ends, (rows, workers, runs), ms."""
        return replaced(self.usual_end_ms, self.shape, self.cells, self.until_ms)

    def took_ms(self) -> np.ndarray:
        """How long it takes in all of a worker's rows together, (workers, runs), ms."""
        rows, workers, runs = self.shape
        here_ms = self.until_ms - self.since_ms
        if self.usual_start_ms is self.usual_end_ms:
            return of_lanes(self.cells, here_ms, self.shape)
        if workers > 1 and max(times.shape[1] for times in (self.usual_start_ms, self.usual_end_ms)) == workers:
            return time_between(self.usual_start_ms, self.usual_end_ms, self.in_rows(here_ms))
        took = np.broadcast_to(self.usual_end_ms - self.usual_start_ms, (rows, 1, runs))
        total = np.repeat(summed(took), workers, axis=0)
        row, lane = np.divmod(self.cells, workers * runs)
        differs = here_ms != took[row, 0, lane % runs]
        if differs.any():
            (mine,) = np.nonzero(np.isin(lane, lane[differs]))
            lane, of = np.unique(lane[mine], return_inverse=True)
            of_each = took[:, 0].take(lane % runs, axis=1)
            of_each[row[mine], of] = here_ms[mine]
            total.put(lane, summed(of_each))
        return total

    def in_rows(self, here_ms: np.ndarray) -> Callable[[slice, np.ndarray], None]:
        """What puts times of the cells, (cells,), into the times of some rows."""
        rising = np.argsort(self.cells, kind="stable")
        cells, here_ms = self.cells[rising], here_ms[rising]
        layer = self.shape[1] * self.shape[2]

        def put(rows: slice, times: np.ndarray) -> None:
            first, last = np.searchsorted(cells, [rows.start * layer, rows.stop * layer])
            times.put(cells[first:last] - rows.start * layer, here_ms[first:last])

        return put


def time_between(
    start_ms: np.ndarray, end_ms: np.ndarray, put: Callable[[slice, np.ndarray], None] | None = None
) -> np.ndarray:
    """The times from starts to ends, (rows, workers or 1, runs), added up over the rows.

    Args:
        start_ms: when something starts, ms.
        end_ms: when it ends, ms.
        put: (rows, times) puts other times into those of some rows.

    """
    shape = np.broadcast_shapes(start_ms.shape, end_ms.shape)
    if math.prod(shape) <= CHUNK:
        times = end_ms - start_ms
        if put is not None:
            put(slice(0, len(times)), times)
        return summed(times)
    start_ms, end_ms = np.broadcast_to(start_ms, shape), np.broadcast_to(end_ms, shape)

    def took(rows: slice, out: np.ndarray) -> None:
        np.subtract(end_ms[rows], start_ms[rows], out=out)
        if put is not None:
            put(rows, out)

    return added_up(shape, took)


def added_up(shape: tuple[int, ...], work_out: Callable[[slice, np.ndarray], object]) -> np.ndarray:
    """Sums of times along the first axis, of which no more are laid out at once than fit a core's cache.

    Args:
        shape: (rows, workers or 1, runs).
        work_out: (rows, times) works the times of some rows out.

    """
    rows, *lanes = shape
    step = max(1, min(rows, CHUNK // math.prod(lanes)))
    times = np.zeros((step + 1, *lanes))
    for first in range(0, rows, step):
        here = slice(first, min(first + step, rows))
        count = here.stop - first
        work_out(here, times[1 : count + 1])
        times[0] = summed(times[: count + 1])
    return times[0]


def of_lanes(cells: np.ndarray, times_ms: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Times of some cells, (cells,), added up for each worker and run, (workers, runs), ms."""
    _, workers, runs = shape
    return np.bincount(cells % (workers * runs), times_ms, workers * runs).reshape(workers, runs)


def replaced(times: np.ndarray, shape: tuple[int, int, int], cells: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Times of all mini-batches, (rows, workers, runs), with other times in some cells."""
    found = np.broadcast_to(times, shape).copy()
    found.put(cells, by)
    return found


def summed(values: np.ndarray) -> np.ndarray:
    """Sums along the first axis, added up sequentially whatever the number of runs.

    NumPy does so where more than one sum is left, but adds a single one up pairwise.
    """
    return values.sum(axis=0) if values[0].size > 1 else np.cumsum(values, axis=0)[-1]


@dataclass(frozen=True, eq=False)
class Beside:
    """Network time that passes while workers compute or wait: beside their phases, in no worker's time.

    Attributes:
        row: the mini-batch after which each exchange is sent: (exchanges,), or one for each worker and run,
            (exchanges, workers, runs).
        start_ms: from when on the network is at it, ms; broadcasts to (exchanges, workers, runs).
        end_ms: until when it is and the worker does not wait for it, ms; its start where the worker waits all along.

    """

    row: np.ndarray
    start_ms: np.ndarray
    end_ms: np.ndarray

    def by_row(self, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """When each row's exchange starts and ends, (rows, workers or 1, runs), ms; at 0 of rows that have none.

        Args:
            rows: how many there are; of each all workers have the same exchange.

        """
        start, end = (np.zeros((rows, *self.start_ms.shape[1:])) for _ in range(2))
        start[self.row], end[self.row] = self.start_ms, self.end_ms
        return start, end

    @classmethod
    def of_rows(cls, start_ms: np.ndarray, end_ms: np.ndarray) -> "Beside | None":
        """One exchange a row; None where all of them are empty."""
        if not (end_ms > start_ms).any():
            return None
        return cls(np.arange(len(start_ms)), start_ms, end_ms)

    @classmethod
    def joined(cls, several: Sequence["Beside"]) -> "Beside | None":
        """Several as one; None where there are none."""
        if len(several) < 2:
            return several[0] if several else None
        return cls(*(np.concatenate([getattr(each, f.name) for each in several]) for f in fields(cls)))


@dataclass(frozen=True, eq=False)
class Outages:
    """The failures of some runs, in no order: arrays of one length."""

    worker: np.ndarray
    run: np.ndarray
    failed_ms: np.ndarray
    back_ms: np.ndarray

    def per_run(self, runs: int) -> np.ndarray:
        """How many there were in each of so many runs, (runs,)."""
        return np.bincount(self.run, minlength=runs)


@dataclass(frozen=True, eq=False)
class Averages:
    """How the parameters of workers, each of which takes steps of its own, are averaged."""

    ends: np.ndarray
    """How many mini-batches of its own each worker has done when it sends its parameters for each average; broadcasts
    to (averages, workers, runs)."""
    delay: int = 0
    """How many mini-batches later a worker takes the average in."""
    fragments: int = 1
    """An average is of one of so many parts of the parameters, in turn."""
    balanced: bool = False
    """Whether each worker takes as many mini-batches between two averages as its speed allows: then they weigh as much,
    and it takes an average in before it sends the same part again, at the latest."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Schedule:
    """Every mini-batch of some runs; arrays broadcast to (rows, workers, runs), times in ms."""

    stretches: tuple[AnyStretch, ...]
    """In the order in which a mini-batch lives through them."""
    read_ms: np.ndarray
    """When its worker read the parameters."""
    ready_ms: np.ndarray
    """When its gradient was computed."""
    applied_ms: np.ndarray
    """When the server applied it."""
    finish_ms: np.ndarray
    """When each worker was done for good, (workers, runs)."""
    update: np.ndarray
    """Number of the update that used the gradient, 0 first; of no meaning where none did."""
    version: np.ndarray
    """How many updates the parameters had seen when they were read."""
    updates: int | np.ndarray
    """Changes of the parameters in one run; of each, (runs,), where they differ."""
    batch: np.ndarray | None = None
    """Which of its worker's mini-batches a row is of; None where it is the row's own number, as nothing is done again.
    """
    used: np.ndarray | None = None
    """Whether an update used the gradient; None where all are used."""
    started: np.ndarray | None = None
    """Whether the mini-batch was ever begun; None where all were."""
    barrier_ms: np.ndarray | None = None
    """When everybody went on after a row, NaN where nobody waited for all; None where there are no barriers."""
    outages: Outages | None = None
    """The failures that workers met; None where nobody may fail."""
    averages: Averages | None = None
    """Where an update is an average of the workers' parameters, each after local steps of its own; else None."""
    hidden: Beside | None = None
    """Network time that passes beside the workers' phases; None where there is none."""

    @property
    def averaged(self) -> bool:
        """Whether an update is the average of the workers' parameters, each after local steps of its own."""
        return self.averages is not None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(rows, workers, runs)."""
        return self.ready_ms.shape

    @property
    def batches(self) -> np.ndarray:
        """Which of its worker's mini-batches each row is of, (rows, workers, runs)."""
        own = np.arange(self.shape[0])[:, None, None] if self.batch is None else self.batch
        return np.broadcast_to(own, self.shape)

    @property
    def failures(self) -> np.ndarray | None:
        """How many failures there were, (runs,); None where nobody may fail."""
        return None if self.outages is None else self.outages.per_run(self.shape[2])

    @property
    def gradients(self) -> int:
        """Gradients that the updates of one run used."""
        rows, workers, _ = self.shape
        return rows * workers if self.used is None else int(np.count_nonzero(self.used[..., 0]))

    @property
    def exchanges(self) -> float:
        """How many times a worker exchanges all the parameters or gradients in one run, on average over the workers."""
        if self.averages is not None:
            return float(np.mean(self.updates)) / self.averages.fragments
        return float(np.mean(self.updates)) if self.barrier_ms is not None else self.gradients / self.shape[1]

    @property
    def update_number(self) -> np.ndarray:
        """Number of the update that used each gradient, 0 first; −1 where none did."""
        return self.update if self.used is None else np.where(self.used, self.update, -1)

    @property
    def staleness(self) -> np.ndarray:
        """Updates strictly between a gradient's read and its own application; −1 where it was not used."""
        staleness = self.update - self.version
        return staleness if self.used is None else np.where(self.used, staleness, -1)


def one_run(schedule: Schedule, run: int, *arrays: np.ndarray) -> list[np.ndarray]:
    """The arrays of one run, each (workers, batches)."""
    return [np.broadcast_to(array, schedule.shape)[..., run].T for array in arrays]
