"""Policies with a barrier: all wait, then pay the network together."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from core.common.parameters import Whole, takes
from core.common.validation import MAX_BATCHES, MAX_WORKERS, whole
from core.common.wording import counted
from core.policies.base import WAIT_FOR, Policy
from core.policies.elastic import Group
from core.policies.rollback import with_rollback
from core.policies.steps import back_to_back
from core.schedule.schedule import Schedule, Stretch
from core.workload.draws import Draws


@dataclass(frozen=True, kw_only=True)
class Synchronous(Policy):
    """Bulk-synchronous (BSP): after each batch all wait for the slowest, then pay the network once."""

    name, code, has_barrier = "Synchronous", "sync", True
    rule = "After every batch all wait for the slowest; then they pay the network together."

    def schedule(self, draws: Draws) -> Schedule:
        if draws.goes_on_without:
            return Group(draws, wait_for=draws.workload.workers).schedule()
        plain = with_barriers(draws.compute_ms, draws.barrier_rows(draws.workload.batches))
        return recovered(plain, draws)


@dataclass(frozen=True, kw_only=True)
class Rebalanced(Policy):
    """Synchronous, with mini-batch sizes in proportion to each worker's known speed; their sum is kept.

    Compute time is taken to be proportional to the size, and sizes need not be whole.
    """

    name, code, has_barrier = "Rebalanced", "rebalanced", True
    rule = "As synchronous, but quicker workers get larger mini-batches, so that all are done at about the same time."

    @property
    def price(self) -> str:
        return "mini-batches of unequal size, in proportion to speeds that must be known"

    def schedule(self, draws: Draws) -> Schedule:
        speed = 1 / draws.slowness

        def resized(compute: np.ndarray, up: np.ndarray) -> np.ndarray:
            mean = np.where(up, speed, 0).sum(axis=0) / np.maximum(1, up.sum(axis=0))
            return compute * (speed / np.where(mean > 0, mean, 1))

        if draws.goes_on_without:
            return Group(draws, wait_for=draws.workload.workers, resize=resized).schedule()
        sizes = speed / speed.mean(axis=0)
        plain = with_barriers(draws.compute_ms * sizes, draws.barrier_rows(draws.workload.batches))
        return recovered(plain, draws)


@dataclass(frozen=True, kw_only=True)
class BackupWorkers(Policy):
    """K-sync: an iteration ends when the first `wait_for` of N have finished; the rest is cancelled.

    Then everybody pays the network. The last iteration waits for no more gradients than the epoch still needs.

    Attributes:
        wait_for: K, how many gradients an update waits for, from 1 to N; 1 by default.

    Source:
        Chen et al. 2016.

    """

    name, code, has_barrier = "Backup workers", "backup", True
    wait_for: int = takes(Whole(1, MAX_WORKERS), 1, **WAIT_FOR)

    @property
    def label(self) -> str:
        return f"{self.name} (first {self.wait_for})"

    @property
    def rule(self) -> str:
        first = f"{self.wait_for} workers have" if self.wait_for > 1 else "worker has"
        return f"A batch ends when the first {first} finished it; what the others were at is thrown away."

    @classmethod
    def proposed(cls, workers: int) -> Self:
        return cls(wait_for=max(1, workers - 1))

    def check(self, workers: int) -> None:
        whole("policy.wait_for", self.wait_for, 1, workers)

    def fitted(self, workers: int) -> Self:
        return replace(self, wait_for=min(self.wait_for, workers))

    def rows(self, workers: int, batches: int) -> int:
        return -(-workers * batches // self.wait_for)

    def schedule(self, draws: Draws) -> Schedule:
        if draws.goes_on_without:
            return Group(draws, wait_for=self.wait_for).schedule()
        return recovered(self.without_failures(draws), draws)

    def without_failures(self, draws: Draws) -> Schedule:
        """The schedule of iterations that end with their first gradients."""
        workers, batches = draws.workload.workers, draws.workload.batches
        iterations = self.rows(workers, batches)
        compute = draws.compute_rows(iterations)
        needed = np.full((iterations, 1, 1), self.wait_for)
        needed[-1] = workers * batches - (iterations - 1) * self.wait_for
        place = np.argsort(np.argsort(compute, axis=1, kind="stable"), axis=1, kind="stable")
        used = place < needed
        last = np.where(used, compute, 0).max(axis=1, keepdims=True)
        start, end = back_to_back(last + draws.barrier_rows(iterations))
        barrier = start + last
        ready = np.where(used, start + compute, barrier)
        iteration = np.arange(iterations)[:, None, None]
        return Schedule(
            stretches=(
                Stretch("compute", start, np.where(used, ready, start)),
                Stretch("cancelled", start, np.where(used, start, barrier)),
                Stretch("wait", ready, barrier, reason="barrier"),
                Stretch("comm", barrier, end),
            ),
            read_ms=start,
            ready_ms=ready,
            applied_ms=end,
            finish_ms=end[-1],
            update=np.where(used, iteration, -1),
            version=iteration,
            updates=iterations,
            used=used,
            barrier_ms=barrier,
        )


@dataclass(frozen=True, kw_only=True)
class LocalSGD(Policy):
    """Local SGD: `period` batches on one's own, then a barrier, the average of the parameters, the network once.

    Where each row's barrier has a cost of its own, a round pays the mean of its rows'.

    Attributes:
        period: H, batches that each worker trains on its own between two averages; 4 by default.

    """

    name, code, has_barrier = "Local SGD", "local", True
    period: int = takes(
        Whole(1, MAX_BATCHES),
        4,
        key="period",
        axis=(1, 2, 4, 8, 16, 32),
        label="Local Steps per Round",
        help="Batches that each worker trains on its own between two averages of the parameters.",
        usual=(1, 100),
        step=1,
    )

    @property
    def label(self) -> str:
        return f"{self.name} (every {self.period})"

    @property
    def rule(self) -> str:
        alone = counted(self.period, "batch", "batches")
        return f"Each worker trains {alone} on its own; then all wait for the slowest and average their parameters."

    @property
    def price(self) -> str:
        if self.period == 1:
            return ""
        return f"parameters that drift apart for {self.period} batches between two averages"

    def schedule(self, draws: Draws) -> Schedule:
        if draws.goes_on_without:
            return Group(draws, wait_for=draws.workload.workers, period=self.period).schedule()
        return recovered(self.without_failures(draws), draws, self.period)

    def without_failures(self, draws: Draws) -> Schedule:
        """The schedule of rounds between two averages."""
        compute = draws.compute_ms
        batches = len(compute)
        network = means_of_rounds(draws.barrier_rows(batches), self.period)
        rounds = -(-batches // self.period)
        start, ready = np.empty_like(compute), np.empty_like(compute)
        barrier = np.full((batches, 1, compute.shape[2]), np.nan)
        read, applied = np.empty_like(barrier), np.empty_like(barrier)
        clock = np.zeros((1, compute.shape[2]))
        for first in range(0, batches, self.period):
            mine = slice(first, first + self.period)
            begun, done = back_to_back(compute[mine])
            np.add(begun, clock, out=start[mine])
            np.add(done, clock, out=ready[mine])
            read[mine] = clock
            final = min(first + self.period, batches) - 1
            barrier[final] = ready[final].max(axis=0)
            clock = barrier[final] + network[first // self.period]
            applied[mine] = clock
        at_barrier = np.isfinite(barrier)
        until = np.where(at_barrier, barrier, ready)
        number = (np.arange(batches) // self.period)[:, None, None]
        return Schedule(
            stretches=(
                Stretch("compute", start, ready),
                Stretch("wait", ready, until, reason="barrier"),
                Stretch("comm", until, np.where(at_barrier, applied, until)),
            ),
            read_ms=read,
            ready_ms=ready,
            applied_ms=applied,
            finish_ms=applied[-1],
            update=number,
            version=number,
            updates=rounds,
            barrier_ms=barrier,
            averaged=True,
        )


def recovered(plain: Schedule, draws: Draws, period: int = 1) -> Schedule:
    """The schedule with failures after which all go back to a checkpoint, or as it is where nobody fails.

    Args:
        plain: the schedule without failures.
        draws: whose failures they are.
        period: rows of a round.

    """
    if not draws.fails:
        return plain
    every = draws.workload.failures.checkpoint_batches
    return with_rollback(plain, draws, checkpointed_rows(plain.shape[0], every, period))


def checkpointed_rows(rows: int, every: int, period: int) -> np.ndarray:
    """Behind which rows there is a checkpoint, (rows,): the first at or after each multiple that ends a round.

    Args:
        rows: how many there are.
        every: from one checkpoint to the next, rows; 0 for none.
        period: rows of a round.

    """
    done = np.arange(1, rows + 1)
    ends_round = (done % period == 0) | (done == rows)
    due = done // every if every else np.zeros(rows, dtype=np.int64)
    before = np.concatenate([[0], np.maximum.accumulate(np.where(ends_round, due, 0))[:-1]])
    return ends_round & (due > before)


def means_of_rounds(rows: np.ndarray, period: int) -> np.ndarray:
    """The mean of every `period` rows (the last round may have fewer); to the last bit what they share."""
    first, starts = rows[:1], np.arange(0, len(rows), period)
    counts = np.minimum(period, len(rows) - starts)[:, None, None]
    return first + np.add.reduceat(rows - first, starts, axis=0) / counts


def with_barriers(compute: np.ndarray, barrier_ms: np.ndarray) -> Schedule:
    """The schedule of runs in which all wait for the slowest after each row, then pay the network once.

    Args:
        compute: compute times, (rows, workers, runs), ms.
        barrier_ms: network time after each barrier, (rows, 1, runs), ms.

    """
    slowest = compute.max(axis=1, keepdims=True)
    start, end = back_to_back(slowest + barrier_ms)
    ready, barrier = start + compute, start + slowest
    batch = np.arange(len(compute))[:, None, None]
    return Schedule(
        stretches=(
            Stretch("compute", start, ready),
            Stretch("wait", ready, barrier, reason="barrier"),
            Stretch("comm", barrier, end),
        ),
        read_ms=start,
        ready_ms=ready,
        applied_ms=end,
        finish_ms=end[-1],
        update=batch,
        version=batch,
        updates=len(compute),
        barrier_ms=barrier,
    )
