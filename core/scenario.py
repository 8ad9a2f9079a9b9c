"""A question: a workload, and the policy under which it runs."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from core.common.parameters import OfKind, Part, keys, takes
from core.common.validation import ScenarioError, check_work, shown
from core.policies import Policy, Synchronous
from core.policies.registry import POLICIES
from core.workload.failures import elastic_share, push_step_ms, rollback_ms
from core.workload.workload import Workload

MOST_STRETCHED = 100  # times as long as without failures
WITHOUT_FAILURES = {"delay": 0, "balance": False}
"""Settings of policies with a barrier that go only where nobody fails, and the value that always goes."""
WHY_NOT = {
    "delay": "with a delay workers never stand at one place, so that there is no moment to go back to or to regroup at",
    "balance": "balanced rounds would have to be divided anew among the workers that are up",
}


@dataclass(frozen=True, kw_only=True)
class Scenario(Workload):
    """One question: a workload (workers, batches, compute law, stragglers, network, failures, seed) under a policy.

    Scenarios are immutable; `dataclasses.replace` makes another one.

    Attributes:
        workers: N, machines that train in parallel; 4 by default.
        batches: B, mini-batches of each worker in one epoch; 10 by default.
        compute: law of the time that one mini-batch takes; `Uniform()` by default.
        stragglers: slow machines, slow episodes and hiccups; none by default.
        network: what communication costs; `FlatLatency()` by default.
        seed: the same seed gives the same draws on any machine; 42 by default.
        failures: of workers, and how policies recover from them; `Failures()`, none, by default.
        samples_per_batch: samples of one mini-batch, for samples per second; 0 by default, which says nothing of them.
        policy: who waits for whom; `Synchronous()` by default.

    Raises:
        ScenarioError: for a value out of bounds, which it names with its field and range, and above 20 million
            mini-batches.

    Example:
        >>> from core import AlphaBeta, LogNormal, Scenario, StaleSynchronous
        >>> scenario = Scenario(
        ...     workers=8,
        ...     compute=LogNormal(mean_ms=300, cv=0.4),
        ...     network=AlphaBeta(bandwidth_gbps=25),
        ...     policy=StaleSynchronous(bound=3),
        ... )
        >>> Scenario.from_dict(scenario.to_dict()) == scenario
        True

    """

    policy: Policy = takes(OfKind(Policy, POLICIES), default_factory=Synchronous)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.policy.check(self.workers)
        pushes = self.policy.pushes(self.workers, self.batches, self.network)
        check_work(self.workers, self.batches, [self.policy.rows(self.workers, self.batches)], pushes=pushes)
        check_failures(self, self.policy)

    @property
    def workload(self) -> Workload:
        """All but the policy."""
        return Workload(**{f.name: getattr(self, f.name) for f in fields(Workload)})


def step_ms(workload: Workload) -> float:
    """About how long the slowest worker computes for a mini-batch, ms."""
    stragglers = workload.stragglers
    slowed = stragglers.slowdown if stragglers.slow_workers else 1
    hiccups = 1 + stragglers.hiccup_probability * (stragglers.hiccup_factor - 1)
    episodes = 1 + stragglers.episode_share * (stragglers.episode_factor - 1)
    return float(np.max(workload.compute.worker_means_ms)) * slowed * hiccups * episodes


def stretched_by_failures(workload: Workload, policy: Policy) -> float:
    """About how many times as long an epoch takes as without failures; 1 where nobody fails."""
    failures, workers = workload.failures, workload.workers
    if not failures.any:
        return 1.0
    computing, network = step_ms(workload), workload.network
    if not policy.has_barrier:
        step = computing + 2 * float(np.max(network.pull_of(workers)))
        return push_step_ms(step, failures.restart_ms, failures.mtbf_ms) / step
    step, rows = computing + network.barrier_ms(workers), policy.rows(workers, workload.batches)
    if policy.goes_on_without(failures.recovery):
        regroups = 1 + 2 * failures.regroup_ms * workers / failures.mtbf_ms
        return regroups / elastic_share(step, failures.restart_ms, failures.mtbf_ms)
    every = min(failures.checkpoint_batches or rows, rows) * step
    cost = failures.checkpoint_ms if failures.checkpoint_batches else 0.0
    return rollback_ms(1.0, every, cost, failures.restart_ms, failures.mtbf_ms, workers)


def check_recovery(policy: Policy, otherwise: str = "failures.mtbf_hours 0") -> None:
    """Check that a policy can be simulated with workers that fail: all must meet before the next round begins.

    Args:
        policy: how it recovers.
        otherwise: what else would do, as nobody fails then.

    Raises:
        ScenarioError: where it cannot; it says why, names the field, and what to set it to.

    """
    for name in not_with_failures(policy):
        raise ScenarioError(
            f"policy.{name}: {shown(getattr(policy, name))} does not go together with failures of workers, as "
            f"{WHY_NOT[name]}; take policy.{name} {shown(WITHOUT_FAILURES[name])}, or {otherwise}."
        )


def not_with_failures(policy: Policy) -> list[str]:
    """Which settings of a policy do not go together with failures of workers: names in `WHY_NOT`."""
    return [name for name, plain in WITHOUT_FAILURES.items() if getattr(policy, name, plain) != plain]


def check_failures(workload: Workload, policy: Policy) -> None:
    """Check that a policy can recover, and that failures leave an epoch within 100 times its time without them.

    Args:
        workload: what is run.
        policy: how it recovers.

    Raises:
        ScenarioError: where it cannot, or where an epoch is expected to take longer; it says what would help.

    """
    if not workload.failures.any:
        return
    check_recovery(policy)
    if stretched_by_failures(workload, policy) <= MOST_STRETCHED:
        return
    failures, advice = workload.failures, "take a longer time between failures, or shorter mini-batches"
    if policy.has_barrier and not policy.goes_on_without(failures.recovery):
        more = "checkpoints more often" if failures.checkpoint_batches else "checkpoints, with checkpoint_batches"
        advice = f"take {more}, a longer time between failures, or elastic recovery"
    raise ScenarioError(
        f"failures.mtbf_hours: at {failures.mtbf_hours:g} h for each of {workload.workers:,} workers an epoch is "
        f"expected to take more than {MOST_STRETCHED} times as long as without failures; {advice}."
    )


def under(workload: Workload, policy: Policy) -> Scenario:
    """The workload, or the workload of a scenario, under a policy."""
    return Scenario(**{f.name: getattr(workload, f.name) for f in fields(Workload)}, policy=policy)


def dotted_names(workload: Workload, policies: Sequence[Policy] = ()) -> dict[str, str]:
    """Every parameter of a workload and of some policies that a link carries: its key, and its name with dots.

    Args:
        workload: what fields and parts are listed of.
        policies: whose parameters are listed, as policy.…

    Returns:
        {key in a link: dotted name}, such as {"workers": "workers", "jitter": "compute.jitter"}.

    """
    named = {key: name for name, key in keys(type(workload)).items()}
    for f in fields(Workload):
        part = getattr(workload, f.name)
        if isinstance(part, Part):
            named |= {key: f"{f.name}.{name}" for name, key in keys(type(part)).items()}
    for policy in policies:
        named |= {key: f"policy.{name}" for name, key in keys(type(policy)).items()}
    return named
