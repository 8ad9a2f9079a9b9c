"""What failures do to workers that push to a server: what is lost, and what is only held up."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from core.server.timestamps import Timestamps
from core.workload.draws import Draws
from core.workload.next_failures import NextFailures

Lane: TypeAlias = tuple[int, int]
"""A worker, and its run."""


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


@dataclass
class Interruptions:
    """What failures did in some runs, for each worker in the order of time."""

    next: NextFailures
    """The failures, of which these are those that were met."""
    losses: list[Loss] = field(default_factory=list)
    idles: list[Idle] = field(default_factory=list)
    restarts: dict[tuple[int, int, int], float] = field(default_factory=dict)
    """When mini-batches (row, worker, run) were begun that had to wait until their worker was back, ms."""

    def by_lane(self) -> dict[Lane, tuple[list[Loss], list[Idle]]]:
        """The losses and the failures without a loss of every worker that failed."""
        found: dict[Lane, tuple[list[Loss], list[Idle]]] = defaultdict(lambda: ([], []))
        for loss in self.losses:
            found[loss.worker, loss.run][0].append(loss)
        for idle in self.idles:
            found[idle.worker, idle.run][1].append(idle)
        return found

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
        for one in np.unique(run):
            mine = run == one
            applied = np.sort(passed.applied[..., one][passed.used[..., one]])
            before = np.searchsorted(applied, begun[mine], side="right")
            passed.version[row[mine], worker[mine], one] = before // size
        return passed
