"""One run: a scenario simulated once, its figures, and tables of what happened when."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from core.common.validation import MAX_WORK, TIME_RANGE_MS, ScenarioError, as_table, shown
from core.scenario import Scenario, check_recovery
from core.schedule import failures, metrics, tables
from core.schedule.metrics import Metrics
from core.schedule.schedule import Schedule
from core.workload.draws import Draws, TooFewRows

FAILING_ROWS = 50  # times as many given rows may be used where workers fail, and iterations are lost
MODEL_VERSION = 1  # raised whenever the same scenario would give other numbers: caches are keyed on it


@dataclass(frozen=True, eq=False)
class Run:
    """One simulated epoch: its metrics, and tables of what happened when (times in ms).

    Attributes:
        scenario: what was simulated.
        schedule: when everything happened, as arrays.

    Raises:
        ScenarioError: where either is something else.

    """

    scenario: Scenario
    schedule: Schedule

    def __post_init__(self) -> None:
        Scenario.checked(self.scenario)
        if not isinstance(self.schedule, Schedule):
            raise ScenarioError(f"schedule: {shown(self.schedule)} is not a Schedule.")

    @cached_property
    def metrics(self) -> Metrics:
        """The figures of the run."""
        return Metrics(**{name: values[0].item() for name, values in metrics.measure(self.schedule).items()})

    def segments(self) -> pd.DataFrame:
        """Every phase that took any time, by worker and start.

        Returns:
            Columns: worker, batch, phase, reason (of a wait, else empty), start_ms, end_ms.

        """
        return tables.segments(self.schedule).table()

    def gradients(self) -> pd.DataFrame:
        """Every gradient that was begun, by worker and batch.

        Returns:
            Columns: worker, batch, read_ms, ready_ms, applied_ms, update_number (0 first, −1 for those that were not
            used), staleness (updates, −1 for those that were not used), used, and update (update_number by its old
            name).

        """
        return tables.gradients(self.schedule)

    def barriers(self) -> pd.DataFrame:
        """Every barrier, and whom it waited for; no rows where the policy has none.

        Returns:
            Columns: batch, barrier_ms (when everybody went on to the network), straggler (the slowest worker, −1 where
            nobody waited).

        """
        found = tables.barriers(self.schedule)
        none = np.zeros(0, dtype=np.int64)
        return (found or tables.Barriers(none, np.zeros(0), none)).table()

    def contributions(self) -> pd.DataFrame:
        """How many gradients of each worker were used, and how many thrown away.

        Returns:
            Columns: worker, used, cancelled.

        """
        return tables.contributions(self.schedule).table()

    def failures(self) -> pd.DataFrame:
        """Every failure of a worker that was met, in the order of time; no rows where nobody failed.

        Returns:
            Columns: worker, failed_ms, back_ms (when it is back, or when the epoch ends), down_ms, lost_batches (what
            has to be done again because of it) and lost_ms (for how long that had been computed, all workers together).

        """
        return failures.failures(self.schedule).table()

    def staleness_counts(self) -> pd.DataFrame:
        """How many of the gradients used had which staleness.

        Returns:
            Columns: staleness (updates), gradients; only what occurs.

        """
        gradients = tables.staleness_counts(self.schedule)
        occurs = np.flatnonzero(gradients)
        return pd.DataFrame({"staleness": occurs, "gradients": gradients[occurs]})

    def worker_shares(self) -> pd.DataFrame:
        """Where each worker's epoch went.

        Returns:
            Columns: worker, phase (compute, wait, comm, cancelled or tail), ms, percent (of the epoch).

        """
        by_phase = {phase: ms[:, 0] for phase, ms in metrics.phase_ms(self.schedule).items()}
        table = pd.DataFrame(by_phase).rename_axis("worker").reset_index()
        table = table.melt("worker", var_name="phase", value_name="ms")
        return table.assign(percent=100 * table["ms"] / self.metrics.epoch_ms)


def simulate(
    scenario: Scenario,
    *,
    compute_ms: ArrayLike | None = None,
    network_ms: ArrayLike | None = None,
    failures_ms: ArrayLike | None = None,
) -> Run:
    """One run of the scenario.

    Args:
        scenario: what is run.
        compute_ms: given compute times instead of random ones, (rows, workers) in ms with rows ≥ batches; the first
            rows are used, more of them by policies that throw work away.
        network_ms: given delays of the pushes instead of random ones, likewise; policies with a barrier do not push
            and ignore them.
        failures_ms: given times of failures instead of random ones, (rows, workers) in ms: each worker's own in rising
            order, NaN after its last. How workers recover, `scenario.failures` says.

    Returns:
        The run: its metrics, and tables of what happened when.

    Raises:
        ScenarioError: when a given array has the wrong shape or too few rows, or a time that is not finite, negative
            or (compute) zero, or longer than 1e12 ms; and for given failures that are not in order.

    Example:
        >>> from core import Scenario, simulate
        >>> run = simulate(Scenario(workers=2, batches=1), compute_ms=[[100, 300]])
        >>> run.segments()[["worker", "phase", "start_ms", "end_ms"]].values.tolist()
        [[0, 'compute', 0.0, 100.0], [0, 'wait', 100.0, 300.0], [0, 'comm', 300.0, 500.0],
         [1, 'compute', 0.0, 300.0], [1, 'comm', 300.0, 500.0]]

    """
    fails = Scenario.checked(scenario).failures.any or failures_ms is not None
    if failures_ms is not None:
        check_recovery(scenario.policy, "give no failures_ms")
    draws = Draws(
        scenario,
        compute_ms=given_draws("compute_ms", compute_ms, scenario, positive=True, fails=fails),
        push_ms=given_draws("network_ms", network_ms, scenario, positive=False, fails=fails),
        failures_ms=given_failures(failures_ms, scenario),
    )
    try:
        return Run(scenario, scenario.policy.schedule(draws))
    except TooFewRows as error:
        raise error.said_of(scenario.policy.label) from None


def given_draws(
    name: str, values: ArrayLike | None, scenario: Scenario, *, positive: bool, fails: bool
) -> np.ndarray | None:
    """Given draws (rows, workers) as (rows, workers, 1), or None as it came; ScenarioError if they do not fit."""
    if values is None:
        return None
    wanted = f"an array of at least {scenario.batches:,} rows × {scenario.workers:,} workers"
    needed = scenario.work + 1  # if one worker did everything
    most_rows = min(needed * (FAILING_ROWS if fails else 1), MAX_WORK // scenario.workers)
    used = as_table(name, values, wanted, scenario.workers, scenario.batches, most_rows)
    most = TIME_RANGE_MS[1]
    good = (used <= most) & (used > 0 if positive else used >= 0)
    if not good.all():
        row, worker = np.argwhere(~good)[0]
        allowed = f"a number {'above' if positive else 'from'} 0 to {most:g} ms"
        raise ScenarioError(f"{name}: {used[row, worker]} at row {row}, worker {worker} is not {allowed}.")
    return used[..., None]


def given_failures(values: ArrayLike | None, scenario: Scenario) -> np.ndarray | None:
    """Given times of failures (rows, workers) as (rows, workers, 1), infinite after each last; None as it came."""
    if values is None:
        return None
    wanted = f"an array of times of failures, at least 1 row × {scenario.workers:,} workers"
    given = as_table("failures_ms", values, wanted, scenario.workers)
    ended = np.isnan(given)
    times = np.where(ended, np.inf, given)
    before = np.concatenate([np.zeros_like(times[:1]), times[:-1]])
    good = (ended | ((given >= 0) & (given <= TIME_RANGE_MS[1]))) & (times >= before)
    if not good.all():
        row, worker = np.argwhere(~good)[0]
        raise ScenarioError(
            f"failures_ms: {given[row, worker]} at row {row}, worker {worker} is not a number from 0 to "
            f"{TIME_RANGE_MS[1]:g} ms that is at least the worker's one before; after its last, all are NaN."
        )
    return times[..., None]
