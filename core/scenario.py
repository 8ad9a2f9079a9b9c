"""What is asked: workers, batches, compute law, stragglers, network, policy, seed, checked on construction."""

from dataclasses import dataclass, field, fields

from core.common.validation import Part, ScenarioError, check_work, part_from_dict, refuse_unknown, shown, whole
from core.policies import Synchronous
from core.policies.base import Policy
from core.policies.registry import POLICIES
from core.workload.compute_laws import LAWS, ComputeLaw, Uniform
from core.workload.networks import NETWORKS, FlatLatency, Network
from core.workload.stragglers import Stragglers

MAX_WORKERS = 4_096
MAX_BATCHES = 100_000
MAX_SEED = 2**53 - 1  # what a link and a browser carry exactly

PARTS = {
    "compute": (ComputeLaw, LAWS),
    "stragglers": (Stragglers, {"Stragglers": Stragglers}),
    "network": (Network, NETWORKS),
    "policy": (Policy, POLICIES),
}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One question: N workers, B mini-batches each, compute law, stragglers, network, policy and seed.

    Raises ScenarioError, naming field, value and range, for anything out of bounds.
    """

    workers: int = 4
    batches: int = 10
    compute: ComputeLaw = field(default_factory=Uniform)
    stragglers: Stragglers = field(default_factory=Stragglers)
    network: Network = field(default_factory=FlatLatency)
    policy: Policy = field(default_factory=Synchronous)
    seed: int = 42

    def __post_init__(self):
        for name, low, high in (("workers", 1, MAX_WORKERS), ("batches", 1, MAX_BATCHES), ("seed", 0, MAX_SEED)):
            object.__setattr__(self, name, whole(name, getattr(self, name), low, high))
        for name, (kind, known) in PARTS.items():
            if not isinstance(getattr(self, name), kind):
                raise ScenarioError(f"{name}: {shown(getattr(self, name))} is not one of {', '.join(known)}.")
        whole("stragglers.slow_workers", self.stragglers.slow_workers, 0, self.workers)
        self.compute.check(self.workers)
        self.policy.check(self.workers)
        pushes = self.policy.pushes(self.workers, self.batches, self.network)
        check_work(self.workers, self.batches, [self.policy.rows(self.workers, self.batches)], pushes=pushes)

    @property
    def work(self) -> int:
        """Mini-batches of one epoch: workers × batches."""
        return self.workers * self.batches

    def to_dict(self) -> dict:
        """A plain dict of numbers and strings; `from_dict` turns it back."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value.to_dict() if isinstance(value, Part) else value for name, value in values.items()}

    @classmethod
    def checked(cls, value) -> "Scenario":
        """The value, or ScenarioError when it is not a scenario."""
        if not isinstance(value, cls):
            raise ScenarioError(f"scenario: {shown(value)} is not a Scenario.")
        return value

    @classmethod
    def from_dict(cls, data: dict) -> "Scenario":
        """The scenario that `to_dict` described; missing fields take their defaults."""
        if not isinstance(data, dict):
            raise ScenarioError(f"scenario: {shown(data)} is not a dict of fields.")
        refuse_unknown("", data, [f.name for f in fields(cls)])
        parts = {name: part_from_dict(name, data[name], known) for name, (_, known) in PARTS.items() if name in data}
        return cls(**{**data, **parts})
