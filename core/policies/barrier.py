"""Policies with a barrier: all wait, then pay the network together."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from core.common.parameters import Flag, Whole, parameters, takes
from core.common.validation import MAX_BATCHES, MAX_WORKERS, ScenarioError, whole
from core.common.wording import counted
from core.policies.averages import in_balanced_rounds, in_equal_rounds, in_equal_rounds_with_delay
from core.policies.base import WAIT_FOR, Policy
from core.policies.elastic import Group
from core.policies.exchange import Exchange
from core.policies.rollback import with_rollback
from core.policies.steps import back_to_back
from core.policies.whole_group import quickest
from core.schedule.schedule import Beside, Schedule, Stretch
from core.workload.draws import Draws


@dataclass(frozen=True, kw_only=True)
class Synchronous(Policy):
    """Bulk-synchronous (BSP): after each batch all wait for the slowest, then pay the network once."""

    name, code, has_barrier = "Synchronous", "sync", True
    rule = "After every batch all wait for the slowest; then they pay the network together."

    def schedule(self, draws: Draws) -> Schedule:
        if draws.goes_on_without:
            return Group(draws, wait_for=draws.workload.workers).schedule()
        return recovered(with_barriers(draws.compute_ms, draws), draws)


@dataclass(frozen=True, kw_only=True)
class ElasticSynchronous(Synchronous):
    """Synchronous, with a group that goes on without workers that fail, whatever recovery the workload asks for.

    So that it can be compared with synchronous workers that go back to checkpoints. Where nobody fails it is the same.
    """

    name, code = "Elastic synchronous", "elastic"
    rule = (
        "As synchronous, but the others go on without a worker that fails; it joins the first batch after it is back."
    )

    def goes_on_without(self, recovery: str) -> bool:
        return True

    def schedule(self, draws: Draws) -> Schedule:
        if draws.fails:
            return Group(draws, wait_for=draws.workload.workers).schedule()
        return super().schedule(draws)


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

        def of_those(up: np.ndarray, runs: np.ndarray) -> np.ndarray:
            mean = np.where(up, speed[:, runs], 0).sum(axis=0) / np.maximum(1, up.sum(axis=0))
            return speed[:, runs] / np.where(mean > 0, mean, 1)

        if draws.goes_on_without:
            return Group(draws, wait_for=draws.workload.workers, sizes=of_those).schedule()
        sizes = speed / speed.mean(axis=0)
        return recovered(with_barriers(draws.compute_ms * sizes, draws), draws)


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
        used = quickest(compute, needed)
        last = np.where(used, compute, 0).max(axis=1, keepdims=True)
        exchange = Exchange.of(draws, draws.barrier_rows(iterations), draws.head_start * last)
        start, end = back_to_back(last + exchange.exposed_ms)
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
            update=iteration,
            version=iteration,
            updates=iterations,
            used=used,
            barrier_ms=barrier,
            hidden=Beside.joined(exchange.hidden(slice(None), barrier)),
        )


def largest_divisor(of: int, most: int) -> int:
    """The largest number up to another that divides it."""
    return next(each for each in range(min(of, most), 0, -1) if of % each == 0)


@dataclass(frozen=True, kw_only=True)
class LocalSGD(Policy):
    """Local SGD: `period` batches on one's own, then a barrier, the average of the parameters, the network once.

    With a delay, a worker sends its parameters and goes on; it takes the average in so many batches later, by adding
    what averaging has changed, and waits only if the average is not there by then. With fragments, a part of the
    parameters is averaged at a time, in turn. Where each row's barrier has a cost of its own, a round pays the mean of
    its rows'.

    Attributes:
        period: H, batches that each worker trains on its own between two averages of the same parameters; 4 by default.
        delay: d, batches after which an average is taken in, from 0 (the default: all wait for it) to below H.
        fragments: P, parts of the parameters, one of which is averaged every H/P batches; it must divide H; 1 by
            default.
        balance: whether each worker takes as many batches between two averages as its known speed allows, at least one
            and N·H/P in all, with its weight in the average in proportion; no by default.

    Source:
        Stich 2019 (local SGD); Douillard et al. 2025, arXiv 2501.18512 (delay and fragments).

    """

    name, code, has_barrier = "Local SGD", "local", True
    period: int = takes(
        Whole(1, MAX_BATCHES),
        4,
        key="period",
        axis=(1, 2, 4, 8, 16, 32),
        label="Local steps per round",
        help="Batches that each worker trains on its own between two averages of the parameters.",
        usual=(1, 100),
        step=1,
    )
    delay: int = takes(
        Whole(0, MAX_BATCHES - 1),
        0,
        key="delay",
        axis=(0, 1, 2, 3),
        label="Averaging delay (batches)",
        help="Workers carry on while parameters are averaged, and apply the average this many batches later, fewer "
        "than a round has. 0: all wait for it.",
        usual=(0, 99),
        step=1,
    )
    fragments: int = takes(
        Whole(1, MAX_BATCHES),
        1,
        key="fragments",
        axis=(1, 2, 4),
        label="Fragments",
        help="Parts of the parameters that are averaged in turn, one every H/P batches; their number must divide a "
        "round's batches; a value that does not counts as the next lower one that does.",
        usual=(1, 100),
        step=1,
    )
    balance: bool = takes(
        Flag(),
        False,
        key="balance",
        label="Balanced rounds",
        help="Each worker takes as many batches in a round as its known speed allows.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.delay >= self.period:
            raise ScenarioError(
                f"policy.delay: {self.delay:,} is not below policy.period, which is {self.period:,}: an average is "
                f"taken in before the next one is sent; take 0 to {self.period - 1:,}."
            )
        if self.period % self.fragments:
            raise ScenarioError(
                f"policy.fragments: {self.fragments:,} does not divide policy.period, which is {self.period:,}; take, "
                f"for example, {largest_divisor(self.period, self.fragments):,}."
            )

    @classmethod
    def nearest(cls, **values: Any) -> Self:
        """A delay below the period, and fragments that divide it."""
        plain = {name: parameter.default for name, parameter in parameters(cls).items()}
        period, delay, fragments, balance = (
            parameters(cls)[name].rule.checked(f"{cls.prefix}{name}", value) for name, value in (plain | values).items()
        )
        parts = largest_divisor(period, fragments)
        return cls(period=period, delay=min(delay, period - 1), fragments=parts, balance=balance)

    @property
    def text(self) -> str:
        return " ".join([self.code, str(self.period), *self._more])

    @property
    def label(self) -> str:
        return f"{self.name} ({', '.join([f'every {self.period}', *self._more])})"

    @property
    def _more(self) -> list[str]:
        """Its other settings, where they are not the default, as its text and its label write them."""
        said = [f"{name} {value}" for name, value in (("delay", self.delay),) if value]
        said += [f"fragments {self.fragments}"] if self.fragments > 1 else []
        return said + (["balance"] if self.balance else [])

    @property
    def rule(self) -> str:
        alone = counted(self.period // self.fragments, "batch", "batches")
        who, what = "Each worker trains", "their parameters"
        if self.balance:
            who, alone = "In each round a worker trains", f"as many batches as its speed allows, {alone} on average,"
        if self.fragments > 1:
            what = f"one of {self.fragments} parts of their parameters in turn"
        if not self.delay:
            return f"{who} {alone} on its own; then all wait for the slowest and average {what}."
        later = counted(self.delay, "batch", "batches")
        return f"{who} {alone} on its own and goes on while all average {what}; the average is taken in {later} later."

    @property
    def price(self) -> str:
        if self.period == 1:
            return ""
        late = f", which are {counted(self.delay, 'batch', 'batches')} old when they are taken in" if self.delay else ""
        return f"parameters that drift apart for up to {self.period} batches between two averages{late}"

    def schedule(self, draws: Draws) -> Schedule:
        every = self.period // self.fragments
        if draws.goes_on_without:
            group = Group(draws, wait_for=draws.workload.workers, period=every, fragments=self.fragments)
            return group.schedule()
        return recovered(self.without_failures(draws), draws, every)

    def without_failures(self, draws: Draws) -> Schedule:
        """The schedule of rounds between two averages."""
        every = self.period // self.fragments
        if self.balance:
            return in_balanced_rounds(draws, every, self.fragments, self.delay)
        if self.delay:
            return in_equal_rounds_with_delay(draws, every, self.fragments, self.delay)
        return in_equal_rounds(draws, every, self.fragments)


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


def with_barriers(compute: np.ndarray, draws: Draws) -> Schedule:
    """The schedule of runs in which all wait for the slowest after each row, then pay the network once.

    Args:
        compute: compute times, (rows, workers, runs), ms.
        draws: what the network takes after each barrier.

    """
    slowest = compute.max(axis=1, keepdims=True)
    exchange = Exchange.of(draws, draws.barrier_rows(len(compute)), draws.head_start * slowest)
    start, end = back_to_back(slowest + exchange.exposed_ms)
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
        hidden=Beside.joined(exchange.hidden(slice(None), barrier)),
    )
