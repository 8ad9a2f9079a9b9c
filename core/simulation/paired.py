"""The verbs: one run, many runs of one policy, and paired runs of several."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from core.common.validation import (
    MAX_WORK,
    PUSH_WEIGHT,
    ScenarioError,
    check_work,
    shown,
    whole,
)
from core.policies.base import Policy
from core.scenario import Scenario
from core.schedule import metrics
from core.workload.draws import Draws, TooManyRuns, block_chunks, chunk_runs


def replicate(scenario: Scenario, replicates: int, *, threads: int | None = None) -> pd.DataFrame:
    """Metrics of many independent runs: one row a replicate; row 0 is exactly `simulate(scenario)`.

    Row r depends on the scenario and r alone, not on `replicates` or `threads` (default: one per core).
    Raises ScenarioError above 20 million mini-batches, before anything is allocated.
    """
    (figures,) = paired_figures(scenario, [Scenario.checked(scenario).policy], replicates, threads)
    return pd.DataFrame(figures, index=pd.RangeIndex(replicates, name="replicate"))


def compare(
    scenario: Scenario, policies: Sequence[Policy], replicates: int = 1000, *, threads: int | None = None
) -> pd.DataFrame:
    """Metrics of several policies on the same draws: columns policy, replicate and the metrics.

    Replicate r of every policy saw the same compute times (common random numbers), so differences and ratios
    can be taken pair by pair. Raises ScenarioError as `replicate` does, and for an empty or repeated policy.
    """
    Scenario.checked(scenario)
    policies = check_policies(policies)
    figures = paired_figures(scenario, policies, replicates, threads)
    number = np.arange(replicates)
    tables = [
        pd.DataFrame({"policy": p.label, "replicate": number, **f}) for p, f in zip(policies, figures, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def check_policies(policies: Sequence[Policy]) -> list[Policy]:
    """The policies as a list, or ScenarioError where they are none, or not policies, or one is named twice."""
    if not isinstance(policies, Sequence):
        raise ScenarioError(f"policies: {shown(policies)} is not a list of policies.")
    for policy in policies:
        if not isinstance(policy, Policy):
            raise ScenarioError(f"policies: {shown(policy)} is not a policy.")
    if not policies or len(set(policies)) < len(policies):
        raise ScenarioError(f"policies: {shown(policies)} must name at least one policy, none of them twice.")
    return list(policies)


def most_replicates(scenario: Scenario, policies: Sequence[Policy]) -> int:
    """How many replicates `compare` takes at the most; none where even one is too much."""
    rows, pushes = work_of(scenario, policies)
    return MAX_WORK // (scenario.workers * (sum(rows) + (PUSH_WEIGHT - 1) * pushes))


def work_of(scenario: Scenario, policies: Sequence[Policy]) -> tuple[list[int], int]:
    """How many mini-batches each policy lets every worker start, and how many of all go push by push."""
    rows = [policy.rows(scenario.workers, scenario.batches) for policy in policies]
    return rows, sum(policy.pushes(scenario.workers, scenario.batches, scenario.network) for policy in policies)


def paired_figures(
    scenario: Scenario, policies: list[Policy], replicates: int, threads: int | None
) -> list[dict[str, np.ndarray]]:
    """Every figure of every replicate, for each policy, all of them on the same draws, chunk by chunk on threads."""
    replicates = whole("replicates", replicates, 1, MAX_WORK)
    threads = whole("threads", (os.cpu_count() or 1) if threads is None else threads, 1, 1024)
    for policy in policies:
        policy.check(scenario.workers)
    rows, pushes = work_of(scenario, policies)
    check_work(scenario.workers, scenario.batches, rows, replicates, pushes)
    size = chunk_runs(scenario)
    together = block_chunks(scenario) if any(policy.goes_push_by_push(scenario.network) for policy in policies) else 1
    blocks = range(0, -(-replicates // size), together)

    def measured(chunk: int, chunks: int = together) -> list[list[dict]]:
        draws = Draws(scenario, chunk=chunk, runs=min(chunks * size, replicates - chunk * size))
        try:
            return [[metrics.measure(policy.schedule(draws)) for policy in policies]]
        except TooManyRuns:
            return [part for i in range(-(-draws.runs // size)) for part in measured(chunk + i, 1)]

    keep_freed_memory()
    with ThreadPoolExecutor(min(threads, len(blocks))) as pool:
        parts = [part for parts in pool.map(measured, blocks) for part in parts]
    return [
        {name: np.concatenate([part[i][name] for part in parts]) for name in parts[0][i]} for i in range(len(policies))
    ]


def keep_freed_memory() -> None:
    """Let glibc keep what a chunk frees for the next one: returned pages come back one costly fault at a time.

    Freeing a large mapped block raises its thresholds; the block is never touched. No effect on other systems.
    """
    np.empty(2**25 - 2**13, dtype=np.uint8)
