"""What is asked of a cluster whatever the policy: workers, batches, compute law, stragglers, network, seed."""

from dataclasses import dataclass, fields, replace
from typing import Self

from core.common.parameters import Checked, OfKind, Part, Whole, parameters, takes
from core.common.validation import MAX_BATCHES, MAX_WORKERS, ScenarioError, refuse_unknown, shown, whole
from core.workload.compute_laws import LAWS, ComputeLaw, Uniform
from core.workload.failures import Failures
from core.workload.networks import NETWORKS, FlatLatency, Network
from core.workload.stragglers import Stragglers

MAX_SEED = 2**53 - 1  # what a link and a browser carry exactly
MAX_SAMPLES = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Workload(Checked):
    """N workers, B mini-batches each, their compute law, stragglers, network, failures, seed: what all policies meet.

    Attributes:
        workers: N, machines that train in parallel; 4 by default.
        batches: B, mini-batches of each worker in one epoch; 10 by default.
        compute: law of the time that one mini-batch takes; `Uniform()` by default.
        stragglers: slow machines, slow episodes and hiccups; none by default.
        network: what communication costs; `FlatLatency()` by default.
        seed: the same seed gives the same draws on any machine; 42 by default.
        failures: of workers, and how policies recover from them; none by default.
        samples_per_batch: samples of one mini-batch, for samples per second and cost per million of them; 0, the
            default, says nothing of samples.

    Raises:
        ScenarioError: for a value out of bounds; it names field, value and range.

    """

    workers: int = takes(
        Whole(1, MAX_WORKERS),
        4,
        key="workers",
        axis=(1, 2, 4, 8, 16, 32, 64),
        label="Number of workers",
        help="Machines that train in parallel.",
        usual=(1, 64),
        step=1,
    )
    batches: int = takes(
        Whole(1, MAX_BATCHES),
        10,
        key="batches",
        axis=(1, 2, 5, 10, 20, 50, 100),
        label="Number of batches per epoch",
        help="Mini-batches of each worker in one epoch.",
        usual=(1, 100),
        step=1,
    )
    compute: ComputeLaw = takes(OfKind(ComputeLaw, LAWS), default_factory=Uniform)
    stragglers: Stragglers = takes(OfKind(Stragglers, {"Stragglers": Stragglers}), default_factory=Stragglers)
    network: Network = takes(OfKind(Network, NETWORKS), default_factory=FlatLatency)
    seed: int = takes(
        Whole(0, MAX_SEED),
        42,
        key="seed",
        label="Random seed",
        help="The same seed gives the same draws on any machine.",
        step=1,
    )
    failures: Failures = takes(OfKind(Failures, {"Failures": Failures}), default_factory=Failures)
    samples_per_batch: int = takes(
        Whole(0, MAX_SAMPLES),
        0,
        key="samples_per_batch",
        label="Samples per mini-batch",
        help="For samples per second and what a million of them cost; 0 leaves samples out.",
        usual=(0, 1_024),
        step=1,
    )

    def __post_init__(self) -> None:
        if self.failures is None:
            object.__setattr__(self, "failures", Failures())
        super().__post_init__()
        whole("stragglers.slow_workers", self.stragglers.slow_workers, 0, self.workers)
        self.compute.check(self.workers)
        self.network.check(self.workers)

    @property
    def work(self) -> int:
        """Mini-batches of one epoch: workers × batches."""
        return self.workers * self.batches

    @property
    def without_failures(self) -> Self:
        """The same with workers that never fail, and no checkpoints."""
        return replace(self, failures=Failures())

    def to_dict(self) -> dict:
        """Every field in a plain dict of numbers, strings and dicts; `from_dict` turns it back.

        Returns:
            {field: value}; a law, a network, a policy as {"kind": class name, field: value, …}.

        """
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value.to_dict() if isinstance(value, Part) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, data: dict) -> Self:
        """What `to_dict` described; missing fields take their defaults.

        Args:
            data: {field: value}, as `to_dict` has it.

        Raises:
            ScenarioError: for an unknown field or kind, and for a value out of bounds.

        """
        if not isinstance(data, dict):
            raise ScenarioError(f"scenario: {shown(data)} is not a dict of fields.")
        known, values = parameters(cls), {}
        refuse_unknown("", data, list(known))
        for name, value in data.items():
            rule = known[name].rule
            values[name] = rule.from_dict(name, value) if isinstance(rule, OfKind) else value
        return cls(**values)

    @classmethod
    def checked(cls, value: object) -> Self:
        """The value itself, or ScenarioError where it is not an object of this class."""
        if not isinstance(value, cls):
            raise ScenarioError(f"scenario: {shown(value)} is not a {cls.__name__}.")
        return value
