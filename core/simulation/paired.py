"""Many runs: of one policy, or of several on the same draws."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd

from core.common.validation import MAX_WORK, PUSH_WEIGHT, ScenarioError, check_work, shown, whole
from core.policies.base import Policy
from core.scenario import Scenario, check_failures
from core.schedule import metrics
from core.workload.draws import Draws, TooManyRuns, block_chunks, chunk_runs
from core.workload.workload import Workload

MOST_POLICIES = 1_000  # of one call
Figures = dict[str, np.ndarray]
"""Every figure of `Metrics` by name, a value a run."""


def replicate(scenario: Scenario, replicates: int, *, threads: int | None = None) -> pd.DataFrame:
    """Metrics of many independent runs: one row per replicate; row 0 is exactly `simulate(scenario)`.

    Row r depends on the scenario and r alone, not on `replicates` or `threads`.

    Args:
        scenario: what is run.
        replicates: how many runs, 1 or more.
        threads: how many at a time; one per core by default.

    Returns:
        A table with a column for every metric (see `core.schedule.metrics.Metrics`), its index the replicate.

    Raises:
        ScenarioError: for an argument out of range, and for more than 20 million mini-batches (push by push, each
            counts five times), before anything is allocated.

    Example:
        >>> from core import Scenario, replicate
        >>> bool(replicate(Scenario(), 100)["epoch_ms"].between(7_200, 8_100).all())
        True

    """
    (figures,) = paired_figures(scenario, [Scenario.checked(scenario).policy], replicates, threads)
    return pd.DataFrame(figures, index=pd.RangeIndex(replicates, name="replicate"))


def compare(
    scenario: Workload, policies: Iterable[Policy], replicates: int = 1000, *, threads: int | None = None
) -> pd.DataFrame:
    """Metrics of several policies on the same draws, one row per policy and replicate.

    Replicate r of every policy saw the same compute times (common random numbers), so differences and ratios
    can be taken pair by pair.

    Args:
        scenario: a workload, or a scenario, whose own policy does not matter.
        policies: at least one, none of them twice.
        replicates: how many runs of each, 1 or more.
        threads: how many at a time; one per core by default.

    Returns:
        Columns policy (its label), replicate, and the metrics.

    Raises:
        ScenarioError: for an argument out of range, no policy or a repeated one, and for more than 20 million
            mini-batches (push by push, each counts five times).

    Example:
        >>> from core import Asynchronous, Scenario, Synchronous, compare
        >>> table = compare(Scenario(), [Synchronous(), Asynchronous()], replicates=100)
        >>> epochs = table.groupby("policy", sort=False)["epoch_ms"].mean()
        >>> bool(epochs["Synchronous"] > 1.3 * epochs["Asynchronous"])
        True

    """
    Workload.checked(scenario)
    policies = check_policies(policies)
    figures = paired_figures(scenario, policies, replicates, threads)
    number = np.arange(replicates)
    tables = [
        pd.DataFrame({"policy": p.label, "replicate": number, **f}) for p, f in zip(policies, figures, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def check_policies(policies: Iterable[Policy]) -> list[Policy]:
    """The policies as a list, or ScenarioError where they are none, or not policies, or one is named twice."""
    found: list[Policy] = []
    try:
        for policy in () if isinstance(policies, str | bytes | Mapping) else islice(policies, MOST_POLICIES + 1):
            if not isinstance(policy, Policy):
                raise ScenarioError(f"policies: {shown(policy)} is not a policy.")
            found.append(policy)
    except TypeError:
        pass
    if not found:
        raise ScenarioError(f"policies: {shown(policies)} is not a list of policies.")
    if len(set(found)) < len(found) or len(found) > MOST_POLICIES:
        raise ScenarioError(f"policies: {shown(found)} must name at least one policy, none of them twice.")
    return found


def most_replicates(workload: Workload, policies: Sequence[Policy]) -> int:
    """How many replicates `compare` takes at the most; none where even one is too much."""
    rows, pushes = work_of(workload, policies)
    return MAX_WORK // (workload.workers * (sum(rows) + (PUSH_WEIGHT - 1) * pushes))


def work_of(workload: Workload, policies: Sequence[Policy]) -> tuple[list[int], int]:
    """How many mini-batches each policy lets every worker start, and how many of all go push by push."""
    rows = [policy.rows(workload.workers, workload.batches) for policy in policies]
    return rows, sum(policy.pushes(workload.workers, workload.batches, workload.network) for policy in policies)


@dataclass(frozen=True)
class Block:
    """Runs that are simulated together: some whole chunks of draws, of which the last may be cut off."""

    chunk: int
    """Number of the first chunk."""
    runs: int

    def chunks(self, size: int) -> list["Block"]:
        """The same runs, a chunk of so many at a time."""
        return [
            Block(self.chunk + number, min(size, self.runs - first))
            for number, first in enumerate(range(0, self.runs, size))
        ]


def paired_figures(
    workload: Workload, policies: Sequence[Policy], replicates: int, threads: int | None
) -> list[Figures]:
    """Every figure of every replicate, for each policy, all of them on the same draws, block by block on threads.

    Args:
        workload: what is run; the policy of a scenario does not matter.
        policies: at least one.
        replicates: how many runs of each, 1 or more.
        threads: how many at a time; one per core where it is None.

    Raises:
        ScenarioError: above 20 million mini-batches, and for a policy that does not fit the workers.

    """
    replicates = whole("replicates", replicates, 1, MAX_WORK)
    threads = whole("threads", (os.cpu_count() or 1) if threads is None else threads, 1, 1024)
    for policy in policies:
        policy.check(workload.workers)
        check_failures(workload, policy)
    rows, pushes = work_of(workload, policies)
    check_work(workload.workers, workload.batches, rows, replicates, pushes)
    blocks = blocks_of(workload, policies, replicates)
    keep_freed_memory()
    with ThreadPoolExecutor(min(threads, len(blocks))) as pool:
        return joined(list(pool.map(lambda block: block_figures(workload, policies, block), blocks)))


def blocks_of(workload: Workload, policies: Sequence[Policy], replicates: int) -> list[Block]:
    """The replicates in blocks of chunks: one chunk each, or several if runs are simulated event by event.

    They are if pushes go through a server, or if workers fail.
    """
    size = chunk_runs(workload)
    by_event = workload.failures.any or any(policy.goes_push_by_push(workload.network) for policy in policies)
    together = block_chunks(workload) if by_event else 1
    firsts = range(0, -(-replicates // size), together)
    return [Block(first, min(together * size, replicates - first * size)) for first in firsts]


def block_figures(workload: Workload, policies: Sequence[Policy], block: Block) -> list[Figures]:
    """Every figure of the runs of a block, for each policy: of all together, or chunk by chunk if that is too much."""
    draws = Draws(workload, chunk=block.chunk, runs=block.runs)
    try:
        return [metrics.measure(policy.schedule(draws)) for policy in policies]
    except TooManyRuns:
        return joined([block_figures(workload, policies, one) for one in block.chunks(chunk_runs(workload))])


def joined(blocks: Sequence[list[Figures]]) -> list[Figures]:
    """The figures of several blocks as those of all their runs, for each policy."""
    return [
        {name: np.concatenate([figures[name] for figures in of_policy]) for name in of_policy[0]}
        for of_policy in zip(*blocks, strict=True)
    ]


def keep_freed_memory() -> None:
    """Let glibc keep what a chunk frees for the next one: returned pages come back one costly fault at a time.

    Freeing a large mapped block raises its thresholds; the block is never touched. No effect on other systems.
    """
    np.empty(2**25 - 2**13, dtype=np.uint8)
