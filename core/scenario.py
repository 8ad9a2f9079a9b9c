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

    Raises ScenarioError, naming field, value and range, for anything out of bounds.
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
    """Every parameter of a workload and of some policies that a link carries: its key, and its name with dots."""
    named = {key: name for name, key in keys(type(workload)).items()}
    for f in fields(Workload):
        part = getattr(workload, f.name)
        if isinstance(part, Part):
            named |= {key: f"{f.name}.{name}" for name, key in keys(type(part)).items()}
    for policy in policies:
        named |= {key: f"policy.{name}" for name, key in keys(type(policy)).items()}
    return named
