"""The random numbers of some runs: drawn once, one stream per concern, shared by every policy."""

from functools import cached_property

import numpy as np

COMPUTE, NETWORK = 0, 1


class Draws:
    """Compute and network times of `runs` runs of a scenario, each (runs, workers, batches) in ms.

    Drawn batch by batch, workers 0…N−1 inside a batch (SPEC §1), from streams that depend only on the seed,
    the concern and the chunk: policies see the same numbers, and a chunk of more runs begins with the same ones.
    Arrays that were measured or given may take the place of either.
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
        by_batch = draw(np.random.default_rng(stream), (self.runs, self.scenario.batches, self.scenario.workers))
        return np.ascontiguousarray(by_batch.transpose(0, 2, 1))
