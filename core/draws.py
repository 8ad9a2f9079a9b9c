"""The random numbers of some runs: drawn once, one stream per concern, shared by every policy."""

from functools import cached_property

import numpy as np

COMPUTE, NETWORK = 0, 1
CHUNK_WORK = 2**16  # mini-batches whose arrays fit a core's cache together


class Draws:
    """Compute and network times of a chunk of a scenario's runs, each (batches, workers, runs) in ms.

    Drawn batch by batch, workers 0…N−1 inside a batch (SPEC §1), from streams that depend only on the scenario, the
    concern and the chunk: policies see the same numbers, and the first runs of a chunk are the same however many
    are asked for. Arrays that were measured or given may take the place of either.
    """

    def __init__(self, scenario, *, chunk: int = 0, runs: int = 1, compute_ms=None, push_ms=None):
        self.scenario, self.chunk, self.runs = scenario, chunk, runs
        if compute_ms is not None:
            self.compute_ms = compute_ms
        if push_ms is not None:
            self.push_ms = push_ms

    @cached_property
    def compute_ms(self) -> np.ndarray:
        """Compute time of every mini-batch."""
        return self._drawn(self.scenario.compute.draw, COMPUTE)

    @cached_property
    def push_ms(self) -> np.ndarray:
        """Network time of every push, for policies without a barrier."""
        return self._drawn(self.scenario.network.draw_push, NETWORK)

    @property
    def barrier_ms(self) -> float:
        """Network time after a barrier."""
        return self.scenario.network.barrier_ms(self.scenario.workers)

    def _drawn(self, draw, concern: int) -> np.ndarray:
        stream = np.random.SeedSequence(self.scenario.seed, spawn_key=(concern, self.chunk))
        shape = (self.scenario.batches, self.scenario.workers, chunk_runs(self.scenario))
        return np.ascontiguousarray(draw(np.random.default_rng(stream), shape)[..., : self.runs])


def chunk_runs(scenario) -> int:
    """Runs in one chunk: fixed by the scenario's size, so that a run never depends on how many are asked for."""
    return max(1, CHUNK_WORK // scenario.work)
