"""Policies without a barrier: each worker pushes its gradient, and goes on as the policy lets it."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from core.common.parameters import OneOf, Whole, takes
from core.common.validation import MAX_BATCHES, MAX_WORK, MAX_WORKERS, whole
from core.common.wording import counted
from core.policies.base import WAIT_FOR, Policy
from core.policies.release_rules import AfterUpdate, OwnBatches, SharedQueue, WithinBound
from core.policies.steps import back_to_back
from core.schedule.schedule import Schedule, Stretch
from core.schedule.update_order import after_own, update_order, when_full
from core.server.queue import through_server
from core.server.release import Release
from core.workload.draws import Draws
from core.workload.networks import Network
from core.workload.workload import Workload

Laid = tuple[np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray | None]
"""Compute times, when each mini-batch starts and when its push arrives, and which were begun: None where all were."""


@dataclass(frozen=True, kw_only=True)
class Asynchronous(Policy):
    """Asynchronous (ASP): nobody waits.

    Attributes:
        accumulate: K, the server applies the mean of every K gradients that arrive (K-batch-async); 1 by default: each
            alone.
        assignment: "static" (the default), B batches for every worker, or "shared", one queue that whoever is free
            takes from.

    """

    name, code = "Asynchronous", "async"
    accumulate: int = takes(
        Whole(1, MAX_WORK),
        1,
        key="accumulate",
        axis=(1, 2, 4, 8, 16),
        label="Gradients per update",
        help="The server applies the mean of so many gradients at a time.",
        usual=(1, 64),
        step=1,
    )
    assignment: str = takes(
        OneOf(("static", "shared")),
        "static",
        key="assignment",
        label="Batch assignment",
        help="static: every worker has its own batches. shared: one queue that whoever is free takes from.",
    )

    @property
    def text(self) -> str:
        accumulate = f" {self.accumulate}" if self.accumulate > 1 else ""
        return f"async{accumulate}{' shared' if self.is_shared else ''}"

    @property
    def price(self) -> str:
        return "uneven shares, as quick workers contribute more" if self.is_shared else ""

    @property
    def label(self) -> str:
        details = []
        if self.accumulate > 1:
            details.append(f"updates of {self.accumulate}")
        if self.is_shared:
            details.append("shared queue")
        return f"{self.name} ({', '.join(details)})" if details else self.name

    @property
    def rule(self) -> str:
        next_one = "takes the next batch from one queue for all" if self.is_shared else "goes on with its own batches"
        mean = f" The server applies the mean of every {self.accumulate} gradients." if self.accumulate > 1 else ""
        return f"Nobody waits: each worker pushes its gradient, reads the parameters again and {next_one}.{mean}"

    def goes_push_by_push(self, network: Network) -> bool:
        return not network.answers_at_once

    @property
    def is_shared(self) -> bool:
        """Whether all take from one queue of N·B batches, instead of B each."""
        return self.assignment == "shared"

    def schedule(self, draws: Draws) -> Schedule:
        if draws.fails or not draws.workload.network.answers_at_once:
            return through_server(draws, draws.workload.work, self.accumulate, self.release(draws.workload))
        compute, (start, arrived), used = self.shared(draws) if self.is_shared else self.static(draws)
        total, ready, finish = draws.workload.work, start + compute, arrived[-1]
        if used is None:
            rank = update_order(arrived)
        else:
            finish = np.where(used, arrived, 0).max(axis=0)
            start, ready, arrived = (np.where(used, time, finish) for time in (start, ready, arrived))
            rank = update_order(np.where(used, arrived, behind(finish, used)))
        return Schedule(
            stretches=(Stretch("compute", start, ready), Stretch("comm", ready, arrived)),
            read_ms=start,
            ready_ms=ready,
            applied_ms=when_full(arrived, rank, self.accumulate, total),
            finish_ms=finish,
            update=rank // self.accumulate,
            version=after_own(rank) // self.accumulate,
            updates=-(-total // self.accumulate),
            used=used,
            started=used,
        )

    def release(self, workload: Workload) -> Release:
        """Who goes on where pushes queue at a server."""
        return SharedQueue(workload.workers, workload.work) if self.is_shared else OwnBatches(workload.batches)

    def static(self, draws: Draws) -> Laid:
        """Every worker's B batches, back to back."""
        return draws.compute_ms, back_to_back(draws.compute_ms + draws.push_ms), None

    def shared(self, draws: Draws) -> Laid:
        """The first N·B batches that anybody is free for; ties go to the lower worker number.

        All start one at once; each of the first N·B − N to end frees its worker for one more.
        """
        workers, rows = draws.workload.workers, draws.workload.batches
        more = draws.workload.work - workers
        while True:
            compute = draws.compute_rows(rows)
            start, end = back_to_back(compute + draws.push_rows(rows))
            place = update_order(end)
            if (place[-1] >= more).all():
                taken = np.ones(place.shape, dtype=bool)
                np.less(place[:-1], more, out=taken[1:])
                return compute, (start, end), taken
            rows = draws.more_rows(rows)  # somebody was free for more than the rows that were drawn


@dataclass(frozen=True, kw_only=True)
class StaleSynchronous(Policy):
    """Stale-synchronous (SSP): a worker may be at most `bound` batches ahead of the slowest.

    It may start batch k only when every worker's batch k − bound − 1 has been applied; a worker that was held reads
    again when it is released.

    Attributes:
        bound: how many batches a worker may be ahead; 0 waits after every batch; 1 by default.

    Source:
        Ho et al. 2013.

    """

    name, code = "Stale synchronous", "ssp"
    bound: int = takes(
        Whole(0, MAX_BATCHES),
        1,
        key="bound",
        axis=(0, 1, 2, 3, 5, 10, 20),
        label="Staleness bound (batches)",
        help="How many batches a worker may be ahead of the slowest. 0 is sync; a very large bound is async.",
        usual=(0, 20),
        step=1,
    )

    @property
    def label(self) -> str:
        return f"{self.name} (bound {self.bound})"

    @property
    def rule(self) -> str:
        if self.bound == 0:
            return "Nobody starts a batch before the slowest worker has finished the last one."
        ahead = counted(self.bound, "batch", "batches")
        return f"Nobody may be more than {ahead} ahead of the slowest worker; who is that far ahead waits for it."

    def goes_push_by_push(self, network: Network) -> bool:
        return not network.answers_at_once

    def schedule(self, draws: Draws) -> Schedule:
        workload = draws.workload
        if workload.network.answers_at_once and not draws.fails:
            return self.free(draws)
        return through_server(draws, workload.work, 1, WithinBound(workload.workers, workload.batches, self.bound))

    def free(self, draws: Draws) -> Schedule:
        """The schedule where no pushes queue: a recurrence over batches."""
        compute, step = draws.compute_ms, draws.compute_ms + draws.push_ms
        start, applied = np.zeros_like(step), np.empty_like(step)
        released = np.full((len(step), *step.shape[2:]), -np.inf)  # when everybody has finished a batch
        for batch in range(len(step)):
            if batch:
                start[batch] = applied[batch - 1]
            if batch > self.bound:
                np.maximum(start[batch], released[batch - self.bound - 1], out=start[batch])
            np.add(start[batch], step[batch], out=applied[batch])
            released[batch] = applied[batch].max(axis=0)
        ready, go_on = start + compute, np.concatenate([start[1:], applied[-1:]])
        rank = update_order(applied)
        version = after_own(rank)
        if self.bound + 1 < len(rank):  # the update that released a worker came before its read
            freed_by = rank[: -self.bound - 1].max(axis=1, keepdims=True) + 1
            np.maximum(version[self.bound + 1 :], freed_by, out=version[self.bound + 1 :])
        return Schedule(
            stretches=(
                Stretch("compute", start, ready),
                Stretch("comm", ready, applied),
                Stretch("wait", applied, go_on, reason="staleness bound"),
            ),
            read_ms=start,
            ready_ms=ready,
            applied_ms=applied,
            finish_ms=applied[-1],
            update=rank,
            version=version,
            updates=rank[..., 0].size,
        )


@dataclass(frozen=True, kw_only=True)
class KAsync(Policy):
    """K-async: the first `wait_for` gradients make an update, and only their workers restart.

    The others go on with the parameters that they read. The last update takes no more than the epoch still needs;
    what is in flight then is cancelled.

    Attributes:
        wait_for: K, how many gradients an update waits for, from 1 to N; 2 by default.

    Source:
        Dutta et al., arXiv 2003.10579.

    """

    name, code = "K-async", "k-async"
    wait_for: int = takes(Whole(1, MAX_WORKERS), 2, **WAIT_FOR)

    @property
    def label(self) -> str:
        return f"{self.name} (first {self.wait_for})"

    @property
    def rule(self) -> str:
        if self.wait_for == 1:
            return "Every gradient that arrives is an update, after which its worker alone reads the parameters again."
        return (
            f"The first {self.wait_for} gradients to arrive make an update, and only their workers read again; the "
            "others go on with the parameters that they had read."
        )

    @classmethod
    def proposed(cls, workers: int) -> Self:
        return cls(wait_for=max(1, workers // 2))

    def check(self, workers: int) -> None:
        whole("policy.wait_for", self.wait_for, 1, workers)

    def fitted(self, workers: int) -> Self:
        return replace(self, wait_for=min(self.wait_for, workers))

    def goes_push_by_push(self, network: Network) -> bool:
        return True

    def schedule(self, draws: Draws) -> Schedule:
        total = draws.workload.work
        return through_server(draws, total, self.wait_for, AfterUpdate(self.wait_for, total))


def behind(finish: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Times after the end of every run, all different, for what has no place in its order of updates."""
    return 2 * finish.max(axis=0) * (1 + np.arange(used[..., 0].size).reshape(*used.shape[:2], 1) / used[..., 0].size)
