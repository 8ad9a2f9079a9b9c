"""When everything happened in some runs: arrays over (rows, workers, runs).

A row is one mini-batch of every worker: as many rows as batches where each worker does its own, more where some of
their work is thrown away.
"""

from dataclasses import dataclass

import numpy as np

PHASES = ("compute", "wait", "comm", "cancelled", "down")
REASONS = ("", "barrier", "staleness bound", "server queue", "update", "restart", "regroup", "empty queue")
"""Why workers wait under the policies that there are; empty for other phases."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """One stretch in the life of every mini-batch: its phase, its start and end, why a wait waits.

    Attributes:
        phase: compute, wait, comm, cancelled or down.
        start_ms: when it starts, ms; broadcasts to (rows, workers, runs).
        end_ms: when it ends, ms; the same as its start where it takes no time.
        reason: what a wait waits for, one of `REASONS`; empty for other phases.

    """

    phase: str
    start_ms: np.ndarray
    end_ms: np.ndarray
    reason: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Schedule:
    """Every mini-batch of some runs; arrays broadcast to (rows, workers, runs), times in ms."""

    stretches: tuple[Stretch, ...]
    """In the order in which a mini-batch lives through them."""
    read_ms: np.ndarray
    """When its worker read the parameters."""
    ready_ms: np.ndarray
    """When its gradient was computed."""
    applied_ms: np.ndarray
    """When the server applied it."""
    finish_ms: np.ndarray
    """When each worker was done for good, (workers, runs)."""
    update: np.ndarray
    """Number of the update that used the gradient, 0 first."""
    version: np.ndarray
    """How many updates the parameters had seen when they were read."""
    updates: int | np.ndarray
    """Changes of the parameters in one run; of each, (runs,), where they differ."""
    batch: np.ndarray | None = None
    """Which of its worker's mini-batches a row is of; None where it is the row's own number, as nothing is done again.
    """
    used: np.ndarray | None = None
    """Whether an update used the gradient; None where all are used. Unused ones have update −1."""
    started: np.ndarray | None = None
    """Whether the mini-batch was ever begun; None where all were."""
    barrier_ms: np.ndarray | None = None
    """When everybody went on after a row, NaN where nobody waited for all; None where there are no barriers."""
    failures: np.ndarray | None = None
    """How many failures there were, (runs,); None where nobody may fail."""
    averaged: bool = False
    """Whether an update is the average of the workers' parameters, each after local steps of its own."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(rows, workers, runs)."""
        return self.ready_ms.shape

    @property
    def batches(self) -> np.ndarray:
        """Which of its worker's mini-batches each row is of, (rows, workers, runs)."""
        own = np.arange(self.shape[0])[:, None, None] if self.batch is None else self.batch
        return np.broadcast_to(own, self.shape)

    @property
    def gradients(self) -> int:
        """Gradients that the updates of one run used."""
        rows, workers, _ = self.shape
        return rows * workers if self.used is None else int(np.count_nonzero(self.used[..., 0]))

    @property
    def staleness(self) -> np.ndarray:
        """Updates strictly between a gradient's read and its own application; −1 where it was not used."""
        staleness = self.update - self.version
        return staleness if self.used is None else np.where(self.used, staleness, -1)


def one_run(schedule: Schedule, run: int, *arrays: np.ndarray) -> list[np.ndarray]:
    """The arrays of one run, each (workers, batches)."""
    return [np.broadcast_to(array, schedule.shape)[..., run].T for array in arrays]
