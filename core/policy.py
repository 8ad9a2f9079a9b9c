"""What a policy is: who waits for whom, turned into a Schedule for many runs at once."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields

from core.draws import Draws
from core.parts import Part
from core.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Policy(Part, ABC):
    """A rule that decides when each worker may start its next mini-batch."""

    name = ""
    """What people call it."""

    @property
    def label(self) -> str:
        """Its name, with its parameters where it has any: no two policies share a label."""
        parameters = ", ".join(f"{field.name} {getattr(self, field.name)}" for field in fields(self))
        return f"{self.name} ({parameters})" if parameters else self.name

    def check(self, workers: int) -> None:
        """ScenarioError where a parameter does not fit that many workers."""

    def rows(self, workers: int, batches: int) -> int:
        """How many mini-batches each worker starts."""
        return batches

    def goes_by_events(self, network) -> bool:
        """Whether its schedule is an event loop over pushes, which is quicker for many runs at once."""
        return False

    @abstractmethod
    def schedule(self, draws: Draws) -> Schedule:
        """The schedule of every run in the draws."""
