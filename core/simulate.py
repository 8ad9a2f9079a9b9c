"""The verbs: one run, many runs of one policy, and paired runs of several."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from core import metrics, schedule
from core.draws import Draws, TooManyRuns, block_chunks, chunk_runs
from core.metrics import Metrics
from core.parts import MAX_WORK, PUSH_WEIGHT, TIME_RANGE_MS, ScenarioError, as_table, check_work, shown, whole
from core.policies import Policy
from core.scenario import Scenario
from core.schedule import Schedule

MODEL_VERSION = 1  # raised whenever the same scenario would give other numbers: caches are keyed on it


@dataclass(frozen=True, eq=False)
class Run:
    """One simulated epoch: its metrics, and tables of what happened when (times in ms)."""

    scenario: Scenario
    schedule: Schedule

    def __post_init__(self):
        Scenario.checked(self.scenario)
        if not isinstance(self.schedule, Schedule):
            raise ScenarioError(f"schedule: {shown(self.schedule)} is not a Schedule.")

    @cached_property
    def metrics(self) -> Metrics:
        """The figures of the run."""
        return Metrics(**{name: values[0].item() for name, values in metrics.measure(self.schedule).items()})

    def segments(self) -> pd.DataFrame:
        """Phases with their times: worker, batch, phase, reason (of a wait), start_ms, end_ms."""
        return schedule.segments(self.schedule).table()

    def gradients(self) -> pd.DataFrame:
        """Gradients with their staleness: worker, batch, read_ms, ready_ms, applied_ms, update, staleness, used."""
        return schedule.gradients(self.schedule)

    def barriers(self) -> pd.DataFrame:
        """Barriers and whom each waited for: batch, barrier_ms, straggler. Empty where there are none."""
        found = schedule.barriers(self.schedule)
        return pd.DataFrame(columns=["batch", "barrier_ms", "straggler"]) if found is None else found.table()

    def contributions(self) -> pd.DataFrame:
        """Gradients of each worker: worker, used, cancelled."""
        return schedule.contributions(self.schedule).table()

    def staleness_counts(self) -> pd.DataFrame:
        """How many of the gradients used were how stale: staleness (updates), gradients."""
        gradients = schedule.staleness_counts(self.schedule)
        occurs = np.flatnonzero(gradients)
        return pd.DataFrame({"staleness": occurs, "gradients": gradients[occurs]})

    def worker_shares(self) -> pd.DataFrame:
        """Where each worker's epoch went: worker, phase (the phases and tail), ms, percent of the epoch."""
        by_phase = {phase: ms[:, 0] for phase, ms in metrics.phase_ms(self.schedule).items()}
        table = pd.DataFrame(by_phase).rename_axis("worker").reset_index()
        table = table.melt("worker", var_name="phase", value_name="ms")
        return table.assign(percent=100 * table["ms"] / self.metrics.epoch_ms)


def simulate(scenario: Scenario, *, compute_ms=None, network_ms=None) -> Run:
    """One run of the scenario.

    compute_ms, network_ms: given draws instead of random ones, (rows, workers) in ms with rows ≥ batches; the
    first rows are used, more of them by policies that throw work away. network_ms is the delay of each push;
    policies with a barrier do not push and ignore it.
    Raises ScenarioError when a given array has the wrong shape, or a time that is not finite, negative or
    (compute) zero, or longer than 1e12 ms.
    """
    draws = Draws(
        Scenario.checked(scenario),
        compute_ms=given_draws("compute_ms", compute_ms, scenario, positive=True),
        push_ms=given_draws("network_ms", network_ms, scenario, positive=False),
    )
    return Run(scenario, scenario.policy.schedule(draws))


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


def given_draws(name: str, values, scenario: Scenario, *, positive: bool) -> np.ndarray | None:
    """Given draws (rows, workers) as (rows, workers, 1), or None as it came; ScenarioError if they do not fit."""
    if values is None:
        return None
    wanted = f"an array of at least {scenario.batches:,} rows × {scenario.workers:,} workers"
    most_rows = min(scenario.work + 1, MAX_WORK // scenario.workers)  # if one worker did everything
    used = as_table(name, values, wanted, scenario.workers, scenario.batches, most_rows)
    most = TIME_RANGE_MS[1]
    good = (used <= most) & (used > 0 if positive else used >= 0)
    if not good.all():
        row, worker = np.argwhere(~good)[0]
        allowed = f"a number {'above' if positive else 'from'} 0 to {most:g} ms"
        raise ScenarioError(f"{name}: {used[row, worker]} at row {row}, worker {worker} is not {allowed}.")
    return used[..., None]
