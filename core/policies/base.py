"""What a policy is: who waits for whom, turned into a Schedule for many runs at once."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, Self

from core.common.parameters import Part
from core.schedule.schedule import Schedule
from core.workload.draws import Draws
from core.workload.networks import Network

LONG = 8_192  # mini-batches of a run
WAIT_FOR = {
    "in_links": 3,
    "key": "wait_for",
    "axis": (1, 2, 3, 4, 6, 8),
    "label": "Gradients to wait for",
    "help": "How many workers' gradients an update waits for.",
    "usual": (1, 64),
    "step": 1,
}
"""About the field that several policies share."""


@dataclass(frozen=True, kw_only=True)
class Policy(Part, ABC):
    """A rule that decides when each worker may start its next mini-batch."""

    prefix = "policy."
    name = ""
    """What people call it."""
    code = ""
    """What a link calls it."""
    has_barrier = False
    """Whether workers meet at barriers and exchange together; otherwise each pushes on its own."""

    @property
    def text(self) -> str:
        """Its code and its parameters, as a link and a person write them: sync, ssp 3."""
        return " ".join([self.code, *(str(getattr(self, field.name)) for field in fields(self))])

    @property
    def label(self) -> str:
        """Its name, with its parameters where it has any: no two policies share a label."""
        parameters = ", ".join(f"{field.name} {getattr(self, field.name)}" for field in fields(self))
        return f"{self.name} ({parameters})" if parameters else self.name

    @property
    @abstractmethod
    def rule(self) -> str:
        """Who waits for whom, in a sentence for people."""

    @property
    def price(self) -> str:
        """What it asks for beside staleness and cancelled work; empty where nothing."""
        return ""

    def check(self, workers: int) -> None:
        """Check that the policy's parameters fit that many workers.

        Args:
            workers: how many there are.

        Raises:
            ScenarioError: where a parameter does not fit.

        """

    @classmethod
    def proposed(cls, workers: int) -> Self:
        """The policy with parameters that make sense for so many workers, to start from."""
        return cls()

    @classmethod
    def nearest(cls, **values: Any) -> Self:
        """The policy with these values; those that contradict others are made to fit them.

        Args:
            values: of its fields, by name.

        Raises:
            ScenarioError: for a value that its field does not take.

        """
        return cls(**values)

    def fitted(self, workers: int) -> Self:
        """The same policy, its parameters cut to what that many workers allow."""
        return self

    def rows(self, workers: int, batches: int) -> int:
        """How many mini-batches each worker starts."""
        return batches

    def goes_push_by_push(self, network: Network) -> bool:
        """Whether its pushes are served in order on this network, so that each depends on those before it."""
        return False

    def goes_on_without(self, recovery: str) -> bool:
        """Whether those behind a barrier go on without one that fails, or else all go back to a checkpoint.

        Args:
            recovery: of `Failures`.

        """
        return recovery == "elastic"

    def pushes(self, workers: int, batches: int, network: Network) -> int:
        """How many mini-batches of each worker count several times as work: those of long runs that go push by push."""
        long = workers * batches > LONG and self.goes_push_by_push(network)
        return self.rows(workers, batches) if long else 0

    @abstractmethod
    def schedule(self, draws: Draws) -> Schedule:
        """When everything happens in every run of the draws.

        Args:
            draws: compute and network times of some runs.

        Returns:
            The schedule of all of them.

        Raises:
            ScenarioError: where the draws have fewer rows than the policy needs.
            TooManyRuns: where the runs need too much memory together, and fewer at a time would do.

        """
