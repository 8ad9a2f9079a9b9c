"""Exchanges of all workers: what is left of them after a barrier, and what has gone before."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from core.schedule.schedule import Beside
from core.workload.draws import Draws


@dataclass(frozen=True, eq=False)
class Exchange:
    """Exchanges after barriers, of which the first buckets may go out before."""

    cost_ms: np.ndarray
    """What each takes in all."""
    exposed_ms: np.ndarray
    """What is left of it after the barrier."""
    lead_ms: np.ndarray
    """How long before the barrier the first bucket is ready."""

    @classmethod
    def of(cls, draws: Draws, cost_ms: np.ndarray, lead_ms: np.ndarray) -> Self:
        """The exchanges that cost so much, their first buckets ready so long before the barrier."""
        if not draws.head_start:
            return cls(cost_ms, cost_ms, np.zeros(1))
        return cls(cost_ms, draws.workload.network.exposed_ms(cost_ms, lead_ms), lead_ms)

    def __getitem__(self, some: tuple[np.ndarray, ...]) -> "Exchange":
        """Some of several exchanges."""
        return Exchange(self.cost_ms[some], self.exposed_ms[some], self.lead_ms[some])

    def followed_by(self, others: "Exchange") -> "Exchange":
        """These exchanges, and others after them."""
        both = ((getattr(each, field.name) for each in (self, others)) for field in fields(self))
        return Exchange(*(np.concatenate(list(times)) for times in both))

    def hidden(self, row: int | slice, barrier_ms: np.ndarray) -> list[Beside]:
        """What has gone before barriers, in one piece from the first bucket on: pauses between buckets are left out.

        Args:
            row: the row before the barrier, or the rows before several.
            barrier_ms: when it is met, (1, runs) or (rows, 1, runs), ms.

        """
        if not self.lead_ms.any():
            return []
        first = barrier_ms - self.lead_ms
        last = first + (self.cost_ms - self.exposed_ms)
        if isinstance(row, slice):
            return [Beside(np.arange(len(first)), first, last)]
        return [Beside(np.array([row]), first[None], last[None])]
