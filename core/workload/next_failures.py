"""The failures of some runs, one after the other: what a recovery asks for."""

from typing import TypeAlias

import numpy as np

from core.common.validation import MAX_WORK, ScenarioError
from core.schedule.schedule import Outages
from core.workload.draws import Draws

Lanes: TypeAlias = tuple[np.ndarray, ...]
"""Some workers of some runs: their numbers, and those of their runs."""


class NextFailures:
    """The next failure of every worker of every run; more are drawn when they are asked for.

    Attributes:
        next_ms: when each worker fails next, (workers, runs), ms; infinite where it does not.
        met: the failures that were met so far: workers, their runs, when they failed and when they are back, ms.

    """

    def __init__(self, draws: Draws) -> None:
        self.draws, self.blocks = draws, 1
        self.times = draws.failures_ms(0)
        self.place = np.zeros(self.times.shape[1:], dtype=np.int64)
        self.next_ms = self.times[0].copy()
        self.met: list[tuple[np.ndarray, ...]] = []

    def first(self) -> tuple[np.ndarray, np.ndarray]:
        """When the next failure of each run comes, and whose it is, (runs,) each; ties go to the lower number."""
        who = self.next_ms.argmin(axis=0)
        return self.next_ms[who, np.arange(len(who))], who

    def meet(self, lanes: Lanes, back_ms: np.ndarray) -> None:
        """Note the next failure of some workers; those that fall into its down time are passed over.

        Args:
            lanes: whose failure it is.
            back_ms: when each is back, ms.

        """
        self.met.append((*lanes, self.next_ms[lanes], back_ms))
        self.go_on(lanes)
        self.pass_over(lanes, back_ms)

    @property
    def outages(self) -> Outages:
        """The failures that were met so far."""
        nobody, never = np.zeros(0, dtype=np.int64), np.zeros(0)
        columns = zip((nobody, nobody, never, never), *self.met, strict=True)
        return Outages(*(np.concatenate(each) for each in columns))

    def pass_over(self, lanes: Lanes, until_ms: np.ndarray) -> None:
        """Leave out what comes before a time, (lanes,), ms."""
        while True:
            before = self.next_ms[lanes] < until_ms
            if not before.any():
                return
            lanes, until_ms = (lanes[0][before], lanes[1][before]), until_ms[before]
            self.go_on(lanes)

    def go_on(self, lanes: Lanes) -> None:
        """Turn to the failures after the next ones of some workers."""
        self.place[lanes] += 1
        while self.place[lanes].max(initial=0) >= len(self.times):
            if self.times.size > MAX_WORK:
                raise ScenarioError(
                    f"failures.mtbf_hours: {self.draws.workload.failures.mtbf_hours:g} makes more failures than can be "
                    "simulated; take a longer time between failures, or a shorter epoch."
                )
            self.times = np.concatenate([self.times, self.draws.failures_ms(self.blocks)])
            self.blocks += 1
        self.next_ms[lanes] = self.times[self.place[lanes], *lanes]
