"""A change of scenario: which parameters differ, and what that does to the epoch under each policy."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from core.common.validation import ScenarioError, shown, whole
from core.links import OF_SCENARIO, values_of
from core.maps import is_idle
from core.money import Prices
from core.policies.base import Policy
from core.scenario import Scenario
from core.schedule.metrics import PARTS
from core.simulation.paired import MOST_POLICIES, paired_figures
from core.statistics.independent import independent_ratios
from core.statistics.verdicts import Ratio, ratios
from core.workload.compute_laws import Measured
from core.workload.workload import Workload


@dataclass(frozen=True)
class Difference:
    """A parameter that differs between two scenarios.

    Attributes:
        key: what a link calls it.
        before: its value in the pinned scenario; None where that has no such parameter.
        after: its value in the other one, likewise.

    """

    key: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """How long an epoch took under a policy.

    Attributes:
        policy: its label.
        work: mini-batches of an epoch, of all workers.
        epoch_ms: epoch time of each run, (runs,), ms.
        parts_ms: mean time of a worker in each phase and in the tail, ms; they add up to the mean epoch time.

    """

    policy: str
    work: int
    epoch_ms: np.ndarray
    parts_ms: Mapping[str, float]

    @property
    def mean_ms(self) -> float:
        """Mean epoch time, ms."""
        return float(self.epoch_ms.mean())

    @property
    def throughput(self) -> float:
        """Mini-batches per second, over all runs together."""
        return 1000 * self.work / self.mean_ms


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """What a change of scenario does to the epoch under a policy.

    Attributes:
        before: in the pinned scenario.
        after: in the other one.
        ratio: the mean time of a mini-batch (epoch time over its mini-batches) before over that after, with its
            interval: above 1 where it has become faster. As long as both epochs are of as many mini-batches, that is
            the ratio of the mean epoch times.
        paired: whether run r of both saw the same draws; otherwise the interval takes them for independent.

    """

    before: Outcome
    after: Outcome
    ratio: Ratio
    paired: bool

    @property
    def saved_ms(self) -> dict[str, float]:
        """By how much the mean time of a worker in each phase has become shorter, ms; it adds up to the epoch's."""
        return {phase: ms - self.after.parts_ms[phase] for phase, ms in self.before.parts_ms.items()}


def what_changed(
    pinned: Workload, now: Workload, policies: Iterable[Policy], replicates: int = 1000, *, threads: int | None = None
) -> list[Change]:
    """What a change of scenario does to the mean epoch time under each of some policies.

    Both scenarios are simulated as often. Where they share their draws (`shares_draws`), run r of the one is compared
    with run r of the other (common random numbers), and otherwise the runs are taken for independent. Scenarios of one
    seed then still have some random numbers in common, which makes the intervals wider than they need be: of 300 trials
    each with more workers or batches, they held the true ratio in 98 to 100 %. All policies are corrected for (Holm),
    so the intervals are 95 % ones for all of them together.

    Args:
        pinned: the scenario before; its own policy does not matter.
        now: the scenario after, likewise.
        policies: at least one; their parameters are cut to what the workers of each scenario allow.
        replicates: how many runs of each, 1 or more.
        threads: how many at a time; one per core by default.

    Returns:
        A `Change` for each policy, in their order.

    Raises:
        ScenarioError: for an argument out of range, no policy, and for more than 20 million mini-batches.

    Source:
        Fieller, Some problems in interval estimation (1954); Welch, The generalization of "Student's" problem (1947).

    Example:
        >>> from dataclasses import replace
        >>> from core import AlphaBeta, Scenario, Synchronous
        >>> from core.changes import what_changed
        >>> pinned = Scenario(network=AlphaBeta(bandwidth_gbps=10, message_mb=400))
        >>> now = replace(pinned, network=AlphaBeta(bandwidth_gbps=100, message_mb=400))
        >>> (change,) = what_changed(pinned, now, [Synchronous()], replicates=100)
        >>> change.paired, change.ratio.outcome, f"{change.ratio.value:.2f}", f"{change.saved_ms['comm']:,.0f} ms"
        (True, 'decided', '1.71', '4,320 ms')

    """
    Workload.checked(pinned)
    Workload.checked(now)
    chosen = policies_of(policies)
    replicates = whole("replicates", replicates, 1, 10_000_000)
    before, after = (outcomes(each, chosen, replicates, threads=threads) for each in (pinned, now))
    return changes(before, after, shares_draws(pinned, now))


def policies_of(policies: Iterable[Policy]) -> list[Policy]:
    """The policies as a list; ScenarioError where there are none, too many, or something else among them."""
    several = isinstance(policies, Iterable) and not isinstance(policies, str | bytes | Mapping)
    found = list(islice(policies, MOST_POLICIES + 1)) if several else []
    if not 0 < len(found) <= MOST_POLICIES or not all(isinstance(policy, Policy) for policy in found):
        raise ScenarioError(f"policies: {shown(policies)} is not a list of policies.")
    return found


def outcomes(
    workload: Workload, policies: Sequence[Policy], replicates: int, *, threads: int | None = None
) -> list[Outcome]:
    """How long an epoch takes under each of some policies, all of them on the same draws.

    Args:
        workload: what is run.
        policies: their parameters are cut to what its workers allow; two may come to the same.
        replicates: how many runs of each.
        threads: how many at a time; one per core by default.

    Raises:
        ScenarioError: where a policy cannot be run, and for more than 20 million mini-batches.

    """
    fitted = [policy.fitted(workload.workers) for policy in policies]
    figures = paired_figures(workload, fitted, replicates, threads)
    return [outcome(policy.label, workload.work, each) for policy, each in zip(fitted, figures, strict=True)]


def outcome(policy: str, work: int, figures: Mapping[str, np.ndarray]) -> Outcome:
    """The outcome that the figures of some runs give, each (runs,), by the names of `Metrics`."""
    epoch_ms = figures["epoch_ms"]
    parts = {phase: float((epoch_ms * figures[share]).mean() / 100) for phase, share in PARTS.items()}
    return Outcome(policy=policy, work=work, epoch_ms=epoch_ms, parts_ms=parts)


def changes(before: Sequence[Outcome], after: Sequence[Outcome], paired: bool) -> list[Change]:
    """What has changed under each policy, all of them judged together.

    Args:
        before: in the pinned scenario, a policy each.
        after: in the other scenario, in the same order.
        paired: whether both share their draws; where one has more runs, they are taken for independent all the same.

    """
    both = list(zip(before, after, strict=True))
    paired = paired and all(len(one.epoch_ms) == len(other.epoch_ms) for one, other in both)
    times = [(one.epoch_ms / one.work, other.epoch_ms / other.work) for one, other in both]
    judged = (ratios if paired else independent_ratios)(times)
    return [
        Change(before=one, after=other, ratio=ratio, paired=paired)
        for (one, other), ratio in zip(both, judged, strict=True)
    ]


def shares_draws(one: Workload, other: Workload) -> bool:
    """Whether run r of two scenarios sees the same random numbers, put through laws of the same kind.

    That takes as many workers and batches, the same seed, and the same law of compute times, whatever its parameters;
    of measured times the same table. Stragglers, networks and failures have streams of their own.
    """
    same_law = type(one.compute) is type(other.compute)
    if isinstance(one.compute, Measured):
        same_law = one.compute == other.compute
    return same_law and (one.workers, one.batches, one.seed) == (other.workers, other.batches, other.seed)


def differences(
    pinned: Workload, now: Workload, prices: tuple[Prices, Prices] | None = None, times: tuple[str, str] = ("", "")
) -> list[Difference]:
    """The parameters in which two scenarios differ, without those that change nothing in either.

    Args:
        pinned: the scenario before; the policy counts where both are scenarios, and not where they are workloads.
        now: the scenario after.
        prices: what machines cost before and after; nothing is said of them where they are left out.
        times: where the compute times of either come from, as the key `times` of a link has it.

    Example:
        >>> from core import Scenario, Uniform
        >>> from core.changes import differences
        >>> differences(Scenario(), Scenario(workers=8, compute=Uniform(mean_ms=400)))
        [Difference(key='workers', before=4, after=8), Difference(key='batch_ms', before=500.0, after=400.0)]

    """
    if not (isinstance(pinned, Scenario) and isinstance(now, Scenario)):
        pinned, now = without_policy(pinned), without_policy(now)
    before, after = (
        described(workload, prices[place] if prices else None) | {"times": times[place]}
        for place, workload in enumerate((pinned, now))
    )
    return [
        Difference(key, before.get(key), after.get(key)) for key in OF_SCENARIO if before.get(key) != after.get(key)
    ]


def without_policy(workload: Workload) -> Workload:
    """The workload, or that of a scenario."""
    return workload.workload if isinstance(workload, Scenario) else workload


def described(workload: Workload, prices: Prices | None) -> dict[str, Any]:
    """The values of a scenario by their keys, without those that change nothing."""
    found = values_of(workload, prices)
    return {key: value for key, value in found.items() if not is_idle(key, found)}
