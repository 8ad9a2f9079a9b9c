"""The random numbers of some runs: drawn once, one stream per concern, shared by every policy."""

from collections.abc import Callable
from functools import cached_property, partial

import numpy as np

from core.common.validation import MAX_WORK, ScenarioError, check_work
from core.workload.workload import Workload

COMPUTE, NETWORK, SPREAD, HICCUPS, EPISODES = range(5)
FAILURES = 7  # the stream after those of training
FIRST_FAILURES = 4  # of each worker in the first block; each further block has twice as many
CHUNK_WORK = 2**16  # mini-batches whose arrays fit a core's cache together
FEWEST_ROWS = 16  # that are drawn of a further block
BLOCK_WORK, BLOCK_RUNS = 2**19, 1024  # of what goes push by push: more would take gigabytes
FEW_PUSHES = 200  # on their way at a time, in all runs together, below which a heap is quicker than windows

Draw = Callable[[np.random.Generator, tuple[int, int, int]], np.ndarray]
"""(stream, (runs, batches, workers)) → numbers of that shape, filled in C order."""


class TooManyRuns(Exception):  # noqa: N818 - a signal to take fewer runs at once, never seen by a user
    """These runs need more memory together than they may take; one chunk at a time fits."""


class TooFewRows(ScenarioError):  # noqa: N818 - a ScenarioError by another name
    """Fewer rows were given than are needed."""

    def __init__(self, name: str, given: int, needed: str, who: str = "this policy") -> None:
        super().__init__(f"{name}: {given:,} rows were given, but {who} needs {needed}.")
        self.name, self.given, self.needed = name, given, needed

    def said_of(self, who: str) -> "TooFewRows":
        """The same with the name of who needs more."""
        return TooFewRows(self.name, self.given, self.needed, who)


class Draws:
    """Compute and network times of some runs of a workload, (batches, workers, runs), ms; the same for every policy.

    Drawn run by run, batch by batch, workers 0…N−1 inside a batch (SPEC §1), from streams that depend only on the
    seed, the concern and the chunk: policies see the same numbers, the first runs of a chunk are the same however
    many are asked for, and the first run's first batches are the same however many follow.

    Args:
        workload: what is drawn for.
        chunk: number of the chunk that the first run is the first of.
        runs: how many.
        compute_ms: given compute times in place of drawn ones, (rows, workers, runs), ms.
        push_ms: given network times of pushes, likewise.
        barrier_ms: given network times after the rows' barriers in place of the network's, (rows, 1, runs), ms.
        failures_ms: given times of failures in place of drawn ones, (failures, workers, runs), ms; each worker's own
            in rising order, infinite after its last.

    """

    def __init__(
        self,
        workload: Workload,
        *,
        chunk: int = 0,
        runs: int = 1,
        compute_ms: np.ndarray | None = None,
        push_ms: np.ndarray | None = None,
        barrier_ms: np.ndarray | None = None,
        failures_ms: np.ndarray | None = None,
    ) -> None:
        self.workload, self.chunk, self.runs = workload, chunk, runs
        self._given = {COMPUTE: compute_ms, NETWORK: push_ms}
        self._barrier_ms, self._failures_ms = barrier_ms, failures_ms
        self._blocks: dict[tuple[int, int], np.ndarray] = {}
        self._slow_at_end: dict[int, np.ndarray] = {}
        self._last_failure_ms = np.zeros(())

    @property
    def compute_ms(self) -> np.ndarray:
        """Compute time of every mini-batch: base draw × worker factor × hiccup factor × episode factor."""
        return self.compute_rows(self.workload.batches)

    @property
    def push_ms(self) -> np.ndarray:
        """Network time of every push, for policies without a barrier."""
        return self.push_rows(self.workload.batches)

    def compute_rows(self, rows: int, first: int = 0) -> np.ndarray:
        """Compute times of as many rows as a policy needs: a worker's j-th mini-batch takes its j-th row.

        Rows beyond the workload's batches come in blocks of as many again, each from a stream of its own, so that
        a row does not depend on how many are asked for. Of a block that is drawn for a single run of each chunk, no
        more is drawn than is asked for, and some to spare.

        Args:
            rows: how many.
            first: how many of them to leave out, as they are not asked for; none by default.

        Returns:
            (rows − first, workers, runs), ms.

        Raises:
            TooFewRows: when fewer were given.

        """
        return self._rows(COMPUTE, rows, self._compute_block, first)

    def push_rows(self, rows: int) -> np.ndarray:
        """Network times of as many pushes of each worker as a policy needs, (rows, workers, runs), ms."""
        draw = self.workload.network.draw_push
        return self._rows(NETWORK, rows, lambda block, count: self._drawn(draw, NETWORK, block, count))

    @cached_property
    def worker_factors(self) -> np.ndarray:
        """How many times as long each worker always takes, (workers, runs)."""

        def draw(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
            return self.workload.stragglers.worker_factors(rng, shape[0], shape[2])

        return self._by_run(draw, SPREAD, 0, self.workload.batches).T

    @property
    def fails(self) -> bool:
        """Whether workers may fail."""
        return self._failures_ms is not None or self.workload.failures.any

    @property
    def goes_on_without(self) -> bool:
        """Whether a group with a barrier goes on without those of its workers that fail."""
        return self.fails and self.workload.failures.elastic

    def failures_ms(self, block: int) -> np.ndarray:
        """When each worker fails next, after the blocks before, (failures, workers, runs), ms.

        In wall time, those in its own down time among them. Blocks come in their order; after the last given failure
        all are infinite.
        """
        shape, size = (self.workload.workers, self.runs), chunk_runs(self.workload)
        if self._failures_ms is not None:
            return (
                np.full((1, *shape), np.inf)
                if block
                else np.broadcast_to(self._failures_ms, (len(self._failures_ms), *shape))
            )
        rows, mean = FIRST_FAILURES << min(block, 10), self.workload.failures.mtbf_ms
        parts = [
            self._stream(FAILURES, self.chunk + i, block).exponential(
                mean, (min(size, self.runs - i * size), rows, shape[0])
            )
            for i in range(-(-self.runs // size))
        ]
        found = np.cumsum(np.concatenate(parts).transpose(1, 2, 0), axis=0)
        if block:
            found += self._last_failure_ms
        self._last_failure_ms = found[-1]
        return found

    @property
    def slowness(self) -> np.ndarray:
        """What a scheduler can know of each worker's speed, (workers, runs): its factor, or its mean given time."""
        given = self._given[COMPUTE]
        if given is not None:
            return given[: self.workload.batches].mean(axis=0)
        return self.worker_factors * self.workload.compute.worker_means_ms[:, None]

    def more_rows(self, rows: int) -> int:
        """How many rows to go on with where a worker has used up so many: half as many again, or all there are.

        Args:
            rows: how many it has used up.

        Raises:
            ScenarioError: when no more were given, or one run would pass 20 million mini-batches.
            TooManyRuns: when these runs together would.

        """
        workers = self.workload.workers
        given = min((len(array) for array in self._given.values() if array is not None), default=MAX_WORK)
        if rows >= given:
            raise TooFewRows("compute_ms, network_ms", given, "more")
        check_work(workers, self.workload.batches, [rows + 1])
        more = min(rows + max(1, rows // 2), given, MAX_WORK // workers)
        if more * workers * self.runs > MAX_WORK and self.runs > chunk_runs(self.workload):
            raise TooManyRuns
        return more

    def barrier_rows(self, rows: int, parts: int = 1) -> np.ndarray:
        """What exchanges after the barriers of so many rows take, (rows, 1, runs), ms; what all share is not copied.

        Args:
            rows: how many.
            parts: what is exchanged is one of so many equal parts of a message; of given times, as large a share.

        Raises:
            TooFewRows: when fewer were given.

        """
        if self._barrier_ms is None:
            cost = self.workload.network.barrier_ms(self.workload.workers, parts)
            return np.broadcast_to(cost, (rows, 1, self.runs))
        if rows > len(self._barrier_ms):
            raise TooFewRows("barrier_ms", len(self._barrier_ms), f"{rows:,}")
        return self._barrier_ms[:rows] / parts

    @property
    def head_start(self) -> float:
        """Share of a mini-batch by which its first bucket goes out before its end; 0 where network times are given."""
        return self.workload.network.head_start if self._barrier_ms is None else 0.0

    def _rows(
        self, concern: int, rows: int, draw_block: Callable[[int, int], np.ndarray], first: int = 0
    ) -> np.ndarray:
        given = self._given[concern]
        if given is not None:
            if rows > len(given):
                raise TooFewRows(("compute_ms", "network_ms")[concern], len(given), f"{rows:,}")
            return given[first:rows]
        size, blocks = self.workload.batches, []
        for block in range(-(-rows // size)):
            drawn, needed = len(self._blocks.get((concern, block), ())), min(size, rows - block * size)
            if drawn < needed:
                begins_alike = block and chunk_runs(self.workload) == 1  # however few rows of it are drawn
                count = min(size, max(needed, 2 * drawn, FEWEST_ROWS)) if begins_alike else size
                self._blocks[concern, block] = draw_block(block, count)
            if first < (block + 1) * size:
                blocks.append(self._blocks[concern, block][max(0, first - block * size) : rows - block * size])
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def _compute_block(self, block: int, rows: int) -> np.ndarray:
        stragglers = self.workload.stragglers
        law = partial(self.workload.compute.draw, first_row=block * self.workload.batches)
        times = self._drawn(law, COMPUTE, block, rows)
        if stragglers.persistent:
            times *= self.worker_factors
        if stragglers.transient:
            times *= self._drawn(stragglers.hiccup_factors, HICCUPS, block, rows)
        if stragglers.episodic:
            np.multiply(times, stragglers.episode_factor, out=times, where=self._slow_in_episodes(block, rows))
        return times

    def _slow_in_episodes(self, block: int, rows: int) -> np.ndarray:
        """Which mini-batches of a block fall into episodes, (rows, workers, runs); they go on from block to block.

        Blocks are drawn in their order.
        """
        uniform = self._drawn(lambda rng, shape: rng.random(shape), EPISODES, block, rows)
        slow = self.workload.stragglers.slow_in_episodes(uniform, self._slow_at_end.get(block - 1))
        self._slow_at_end[block] = slow[-1].copy()  # of the rest, no more than this is kept
        return slow

    def _drawn(self, draw: Draw, concern: int, block: int, rows: int) -> np.ndarray:
        return np.ascontiguousarray(self._by_run(draw, concern, block, rows).transpose(1, 2, 0))

    def _by_run(self, draw: Draw, concern: int, block: int, rows: int) -> np.ndarray:
        shape, size = (rows, self.workload.workers), chunk_runs(self.workload)
        parts = [
            draw(self._stream(concern, self.chunk + i, block), (min(size, self.runs - i * size), *shape))
            for i in range(-(-self.runs // size))
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _stream(self, concern: int, chunk: int, block: int) -> np.random.Generator:
        key = (concern, chunk, block) if block else (concern, chunk)
        return np.random.default_rng(np.random.SeedSequence(self.workload.seed, spawn_key=key))


def chunk_runs(workload: Workload) -> int:
    """Runs in one chunk: fixed by the size of the workload, so that a run never depends on how many are asked for."""
    return max(1, CHUNK_WORK // workload.work)


def block_chunks(workload: Workload) -> int:
    """Chunks whose pushes go through a server together; one, where all runs together would still be few pushes."""
    runs, size = min(BLOCK_RUNS, BLOCK_WORK // workload.work), chunk_runs(workload)
    return 1 if size == 1 and runs * workload.workers < FEW_PUSHES else max(1, runs // size)
