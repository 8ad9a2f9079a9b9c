"""The random numbers of some runs: drawn once, one stream per concern, shared by every policy."""

from functools import cached_property

import numpy as np

from core.parts import ScenarioError

COMPUTE, NETWORK, SPREAD, HICCUPS = range(4)
CHUNK_WORK = 2**16  # mini-batches whose arrays fit a core's cache together


class Draws:
    """Compute and network times of a chunk of a scenario's runs, each (batches, workers, runs) in ms.

    Drawn run by run, batch by batch, workers 0…N−1 inside a batch (SPEC §1), from streams that depend only on the
    seed, the concern and the chunk: policies see the same numbers, the first runs of a chunk are the same however
    many are asked for, and the first run's first batches are the same however many follow. Arrays that were measured
    or given may take the place of either.
    """

    def __init__(self, scenario, *, chunk: int = 0, runs: int = 1, compute_ms=None, push_ms=None):
        self.scenario, self.chunk, self.runs = scenario, chunk, runs
        self._given_compute_ms = compute_ms
        if push_ms is not None:
            self.push_ms = push_ms[: scenario.batches]

    @cached_property
    def compute_ms(self) -> np.ndarray:
        """Compute time of every mini-batch: base draw × worker factor × hiccup factor."""
        return self.compute_rows(self.scenario.batches)

    def compute_rows(self, rows: int) -> np.ndarray:
        """Compute times of as many rows as a policy needs, (rows, workers, runs): a worker's j-th is its j-th row.

        Rows beyond the scenario's batches come in blocks of as many again, each from a stream of its own, so that
        a row does not depend on how many are asked for. Raises ScenarioError when fewer were given.
        """
        if self._given_compute_ms is not None:
            if rows > len(self._given_compute_ms):
                given, name = len(self._given_compute_ms), self.scenario.policy.label
                raise ScenarioError(f"compute_ms: {given:,} rows were given, but {name} needs {rows:,}.")
            return self._given_compute_ms[:rows]
        blocks = [self._compute_block(block) for block in range(-(-rows // self.scenario.batches))]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)[:rows]

    def _compute_block(self, block: int) -> np.ndarray:
        if block not in self._blocks:
            stragglers = self.scenario.stragglers
            times = self._drawn(self.scenario.compute.draw, COMPUTE, block)
            if stragglers.persistent:
                times *= self.worker_factors
            if stragglers.transient:
                times *= self._drawn(stragglers.hiccup_factors, HICCUPS, block)
            self._blocks[block] = times
        return self._blocks[block]

    @cached_property
    def _blocks(self) -> dict[int, np.ndarray]:
        return {}

    @cached_property
    def worker_factors(self) -> np.ndarray:
        """How many times slower each worker is for good, (workers, runs)."""
        return self.scenario.stragglers.worker_factors(self._stream(SPREAD), self.runs, self.scenario.workers).T

    @cached_property
    def push_ms(self) -> np.ndarray:
        """Network time of every push, for policies without a barrier."""
        return self._drawn(self.scenario.network.draw_push, NETWORK)

    @property
    def barrier_ms(self) -> float:
        """Network time after a barrier."""
        return self.scenario.network.barrier_ms(self.scenario.workers)

    def _drawn(self, draw, concern: int, block: int = 0) -> np.ndarray:
        by_run = draw(self._stream(concern, block), (self.runs, self.scenario.batches, self.scenario.workers))
        return np.ascontiguousarray(by_run.transpose(1, 2, 0))

    def _stream(self, concern: int, block: int = 0) -> np.random.Generator:
        key = (concern, self.chunk, block) if block else (concern, self.chunk)
        return np.random.default_rng(np.random.SeedSequence(self.scenario.seed, spawn_key=key))


def chunk_runs(scenario) -> int:
    """Runs in one chunk: fixed by the scenario's size, so that a run never depends on how many are asked for."""
    return max(1, CHUNK_WORK // scenario.work)
