"""A question: a workload, and the policy under which it runs."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from core.common.parameters import OfKind, Part, keys, takes
from core.common.validation import check_work
from core.policies import Policy, Synchronous
from core.policies.registry import POLICIES
from core.workload.workload import Workload


@dataclass(frozen=True, kw_only=True)
class Scenario(Workload):
    """One question: a workload (workers, batches, compute law, stragglers, network, seed) under a policy.

    Scenarios are immutable; `dataclasses.replace` makes another one.

    Attributes:
        workers: N, machines that train in parallel; 4 by default.
        batches: B, mini-batches of each worker in one epoch; 10 by default.
        compute: law of the time that one mini-batch takes; `Uniform()` by default.
        stragglers: slow machines, slow episodes and hiccups; none by default.
        network: what communication costs; `FlatLatency()` by default.
        seed: the same seed gives the same draws on any machine; 42 by default.
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

    @property
    def workload(self) -> Workload:
        """All but the policy."""
        return Workload(**{f.name: getattr(self, f.name) for f in fields(Workload)})


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
