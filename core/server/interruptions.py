"""What failures do to workers that push to a server: what is lost, and what is only held up."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.server.timestamps import Timestamps
from core.workload.draws import Draws
from core.workload.next_failures import NextFailures

FEW_MOMENTS = 16  # up to so many, times are counted for each of them instead of being sorted


@dataclass(frozen=True)
class Loss:
    """A mini-batch that was lost.

    Attributes:
        run: in which run.
        worker: whose.
        row: its row of the draws, which it keeps when it is done again.
        failed_ms: when its worker failed, ms.
        back_ms: when the worker is back.
        read_ms: when it had read the parameters.
        start_ms: when it began to compute, or would have.

    """

    run: int
    worker: int
    row: int
    failed_ms: float
    back_ms: float
    read_ms: float
    start_ms: float


@dataclass(frozen=True)
class Idle:
    """A failure that lost nothing, as the worker's push was being served, or had been.

    Attributes:
        run: in which run.
        worker: whose.
        row: of the push.
        failed_ms: when the worker failed, ms.
        back_ms: when it is back.

    """

    run: int
    worker: int
    row: int
    failed_ms: float
    back_ms: float


@dataclass(frozen=True, eq=False)
class Events:
    """Failures one by one, arrays of one length; see `Loss` and `Idle`."""

    run: np.ndarray
    worker: np.ndarray
    row: np.ndarray
    failed_ms: np.ndarray
    back_ms: np.ndarray
    read_ms: np.ndarray
    start_ms: np.ndarray
    is_idle: np.ndarray
    """Whether nothing was lost; then `read_ms` and `start_ms` have no meaning."""

    @classmethod
    def of(cls, losses: Sequence[Loss], idles: Sequence[Idle]) -> "Events":
        """Losses, then failures without a loss."""
        of_each = [(*numbers(one), one.read_ms, one.start_ms, False) for one in losses]
        of_each += [(*numbers(one), np.nan, np.nan, True) for one in idles]
        whole, times = np.int64, np.float64
        kinds = (whole, whole, whole, times, times, times, times, np.bool_)
        columns = zip(*of_each, strict=True) if of_each else [()] * len(kinds)
        return cls(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))

    def taken(self, which: np.ndarray) -> "Events":
        """Some of them, by number or by a mask."""
        return Events(**{name: values[which] for name, values in vars(self).items()})


def numbers(one: Loss | Idle) -> tuple[int, int, int, float, float]:
    """The numbers that every failure has."""
    return one.run, one.worker, one.row, one.failed_ms, one.back_ms


@dataclass
class Interruptions:
    """What failures did in some runs, for each worker in the order of time."""

    next: NextFailures
    """The failures, of which these are those that were met."""
    losses: list[Loss] = field(default_factory=list)
    idles: list[Idle] = field(default_factory=list)
    restarts: dict[tuple[int, int, int], float] = field(default_factory=dict)
    """When mini-batches (row, worker, run) were begun that had to wait until their worker was back, ms."""

    def events(self) -> "Events":
        """The losses, then the failures without a loss; each worker's in order of time."""
        return Events.of(self.losses, self.idles)

    def corrected(self, passed: Timestamps, draws: Draws, size: int) -> Timestamps:
        """The timestamps with those mini-batches put right that were begun when their worker was back.

        Args:
            passed: as if workers began each when they were released.
            draws: compute and network times.
            size: pushes of an update.

        """
        if not self.restarts:
            return passed
        row, worker, run = np.array(list(self.restarts)).T
        cells, begun = (row, worker, run), np.array(list(self.restarts.values()))
        rows = len(passed.rank)
        if passed.read is not passed.start:  # else they were begun so
            passed.read[cells] = passed.start[cells] = begun
            passed.ready[cells] = begun + draws.compute_rows(rows)[cells]
            passed.arrived[cells] = passed.ready[cells] + draws.push_rows(rows)[cells]
        applied = np.where(passed.used, passed.applied, np.inf)
        for one in np.unique(run):
            mine = run == one
            before = how_many_by(begun[mine], applied[..., one])
            passed.version[row[mine], worker[mine], one] = before // size
        return passed


def how_many_by(moments: np.ndarray, times: np.ndarray) -> np.ndarray:
    """How many of some times come no later than each moment, (moments,)."""
    if len(moments) <= FEW_MOMENTS:
        return np.array([np.count_nonzero(times <= moment) for moment in moments])
    return np.searchsorted(np.sort(times, axis=None), moments, side="right")
