"""A log of failures: how often workers fail, how long they are down, and which recovery would lose least."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.common.validation import MAX_WORKERS, ScenarioError, real, shown, whole
from core.common.wording import counted
from core.traces.failure_logs import read_down_times
from core.workload.failures import HOUR_MS, best_interval_ms, elastic_share, rollback_ms

RANGE = 0.95
UNITS = ("ms", "s", "min", "h")
NOBODY_ELSE = "The log does not say how many workers there are: it names {}. If there are more, each fails less often."
FROM_FIRST_TO_LAST = (
    "The log does not say for how many hours workers were watched, so its first failure only starts the clock, and the "
    "last one stops it."
)
DRAWS, FEWEST = 2_000, 8
"""Random logs that a log is compared with, and below how many failures nothing is said of their law."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FailureLog:
    """What a log of failures says; each figure with the range in which the true one lies with 95 %.

    Attributes:
        workers: how many there are.
        failures: how many failures.
        observed_hours: for how long all of them were watched, or that the log spans.
        mtbf_hours: mean time between failures of one worker: time up of all workers over failures.
        mtbf_low: lower end of its range (Poisson, exact).
        mtbf_high: upper end; infinite without failures.
        restart_s: mean time until a worker is back, s; NaN where no end is known.
        restart_low: lower end of its range (bootstrap).
        restart_high: upper end.
        variation: standard deviation of the times between failures of all workers together over their mean: 1 where
            they are exponential; NaN below 8 failures.
        exponential: whether that is what as many exponential times would give; None below 8 failures.
        left_out: how many rows could not be used.
        notes: what was understood of the log, a sentence each.

    """

    workers: int
    failures: int
    observed_hours: float
    mtbf_hours: float
    mtbf_low: float
    mtbf_high: float
    restart_s: float
    restart_low: float
    restart_high: float
    variation: float
    exponential: bool | None
    left_out: int
    notes: tuple[str, ...] = ()


def read_failures(
    log: Any, workers: int | None = None, *, observed_hours: float | None = None, unit: str | None = None
) -> FailureLog:
    """How often workers fail and how long they are down, from a log with a row for each failure.

    Args:
        log: a data frame, or a path or an open file: a table (CSV, JSON, Parquet) with columns start, end (or
            duration) and worker (or rank, node, …), or a log whose lines say who went down and came back when. Times
            are numbers in one unit, or dates. An end may be missing. Bad rows are left out and counted.
        workers: how many there are, those that never failed among them; as many as the log names by default.
        observed_hours: for how long they were watched. By default nobody knows: then the first failure of the log
            only starts the clock, and the last one stops it.
        unit: of times that are numbers and do not say it themselves: ms, s, min or h; s by default.

    Returns:
        Mean time between failures and restart time, each with a range, and whether failures come at random.

    Raises:
        ScenarioError: for what is no such log, and for one without a usable row.

    Source:
        Exact Poisson interval (Garwood 1936); Cox & Lewis, The Statistical Analysis of Series of Events (1966).

    Example:
        >>> import pandas as pd
        >>> from core.traces.failures import read_failures
        >>> log = pd.DataFrame({"start": [10, 50], "end": [11, 52], "worker": [0, 3]})
        >>> found = read_failures(log, workers=4, observed_hours=100, unit="h")
        >>> round(found.mtbf_hours), round(found.restart_s)
        (198, 5400)

    """
    if unit is not None and unit not in UNITS:
        raise ScenarioError(f"unit: {shown(unit)} is not {', '.join(UNITS)}.")
    down = read_down_times(log, unit)
    start, end = down.start_ms, down.end_ms
    if not len(start):
        raise ScenarioError("log: no row has a start, a worker, and an end that is not before the start.")
    named = 1 if down.worker is None else len(set(down.worker))
    assumed = () if workers is not None else (NOBODY_ELSE.format(counted(named, "worker")),)
    workers = named if workers is None else whole("workers", workers, 1, MAX_WORKERS)
    if workers < named:
        raise ScenarioError(f"workers: {workers:,} are fewer than the {named:,} that the log names.")
    span_ms = float(np.nanmax(np.concatenate([start, end])) - start.min())
    down_ms = (end - start)[np.isfinite(end)]
    if observed_hours is None:
        assumed, observed_ms = (*assumed, FROM_FIRST_TO_LAST), span_ms
        up_hours, counted_ones, (few, many) = between_first_and_last(start, end, workers)
    else:
        observed_ms = HOUR_MS * real("observed_hours", observed_hours, 0, 1e9, above=True)
        if observed_ms < span_ms:
            raise ScenarioError(
                f"observed_hours: {observed_ms / HOUR_MS:g} is less than the log spans, {span_ms / HOUR_MS:g}."
            )
        up_hours, counted_ones = (workers * observed_ms - down_ms.sum()) / HOUR_MS, len(start)
        few, many = poisson_range(counted_ones)
    if up_hours <= 0:
        raise ScenarioError(
            f"observed_hours: in {observed_ms / HOUR_MS:g} hours, as long as the log spans, all workers were down; say "
            "for how many hours they were watched."
        )
    gaps = np.diff(np.sort(start))
    variation = float(gaps.std(ddof=1) / gaps.mean()) if len(start) >= FEWEST and gaps.any() else math.nan
    low, high = mean_range(down_ms / 1000)
    return FailureLog(
        workers=workers,
        failures=len(start),
        observed_hours=observed_ms / HOUR_MS,
        mtbf_hours=up_hours / counted_ones,
        mtbf_low=up_hours / many,
        mtbf_high=up_hours / few if few else math.inf,
        restart_s=float(down_ms.mean() / 1000) if len(down_ms) else math.nan,
        restart_low=low,
        restart_high=high,
        variation=variation,
        exponential=looks_exponential(variation, len(gaps)),
        left_out=down.left_out,
        notes=(*down.notes, *assumed),
    )


def between_first_and_last(start: np.ndarray, end: np.ndarray, workers: int) -> tuple[float, int, tuple[float, float]]:
    """Hours in which workers were up between the first and the last failure, and what ended them.

    Args:
        start: when workers failed, ms.
        end: when each was back; NaN where nobody knows.
        workers: how many there are.

    Returns:
        The hours, how many failures ended them, which is all but the first, and the range of how many are expected.

    Source:
        A test that ends with a failure: twice the expected failures are χ² with twice as many degrees of freedom
        (Epstein & Sobel, Life Testing, 1953).

    """
    first_ms, last_ms = float(start.min()), float(start.max())
    if first_ms == last_ms:
        raise ScenarioError(
            "observed_hours: the log has failures at one time only; say for how many hours workers were watched."
        )
    down_ms = np.nansum(np.minimum(end, last_ms) - start)
    later = len(start) - 1
    few, many = poisson_range(later)[0], poisson_range(later - 1)[1]
    return (workers * (last_ms - first_ms) - down_ms) / HOUR_MS, later, (few, many)


def poisson_range(count: int) -> tuple[float, float]:
    """The means with which as many events, or as few, come with a chance of 2.5 % only."""
    tail, k = (1 - RANGE) / 2, np.arange(count + 1)
    log_factorial = np.array([math.lgamma(number + 1) for number in range(count + 1)])

    def at_most(number: int, mean: float) -> float:
        return float(np.exp(k * math.log(mean) - mean - log_factorial)[: number + 1].sum())

    low = bisected(lambda mean: 1 - at_most(count - 1, mean) > tail, count) if count else 0.0
    return low, bisected(lambda mean: at_most(count, mean) < tail, count)


def bisected(beyond: Callable[[float], bool], count: int) -> float:
    """Where something begins to be true."""
    low, high = 1e-9, count + 10 * math.sqrt(count + 1) + 10
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return high


def mean_range(values: np.ndarray) -> tuple[float, float]:
    """The ends of the middle 95 % of means of values drawn again; NaN where there are none."""
    if not len(values):
        return math.nan, math.nan
    picked = np.random.default_rng(1).choice(values, (DRAWS, min(len(values), 1_000)))
    low, high = np.quantile(picked.mean(axis=1), [(1 - RANGE) / 2, (1 + RANGE) / 2])
    return float(low), float(high)


def looks_exponential(variation: float, gaps: int) -> bool | None:
    """Whether the variation lies in the middle 95 % of those that as many exponential times have."""
    if math.isnan(variation):
        return None
    drawn = np.random.default_rng(2).exponential(size=(DRAWS, min(gaps, 2_000)))
    low, high = np.quantile(drawn.std(axis=1, ddof=1) / drawn.mean(axis=1), [(1 - RANGE) / 2, (1 + RANGE) / 2])
    return bool(low <= variation <= high)


def recoveries(
    log: FailureLog, step_ms: float, checkpoint_s: float, intervals: Sequence[int] | None = None
) -> pd.DataFrame:
    """What each checkpoint interval, and an elastic group, leaves of the workers' time: the best first.

    Args:
        log: how often workers fail.
        step_ms: time of a step without failures, ms.
        checkpoint_s: what a checkpoint costs, s.
        intervals: steps between two checkpoints; by default around √(2δM).

    Returns:
        Columns: recovery, checkpoint_batches (0 for none), useful_percent, and its range by that of the mean time
        between failures, low_percent and high_percent.

    Raises:
        ScenarioError: for a time that is not a positive number.

    Source:
        `core.theory.failures`.

    """
    step_ms = real("step_ms", step_ms, 0, 1e12, above=True)
    checkpoint_ms = 1000 * real("checkpoint_s", checkpoint_s, 0, 1e6)
    if not isinstance(log, FailureLog):
        raise ScenarioError(f"log: {shown(log)} is not a FailureLog.")
    together_ms = log.mtbf_hours * HOUR_MS / log.workers
    best = max(1, round(best_interval_ms(checkpoint_ms, together_ms) / step_ms))
    every = (
        sorted({max(1, round(best * factor)) for factor in (0.25, 0.5, 1, 2, 4)}) if intervals is None else intervals
    )
    restart_ms = 0.0 if math.isnan(log.restart_s) else 1000 * log.restart_s
    hours = (log.mtbf_hours, log.mtbf_low, log.mtbf_high)

    def row(name: str, batches: int, share: Callable[[float], float]) -> dict[str, Any]:
        value, low, high = (100 * share(min(each, 1e9) * HOUR_MS) for each in hours)
        return {
            "recovery": name,
            "checkpoint_batches": batches,
            "useful_percent": value,
            "low_percent": low,
            "high_percent": high,
        }

    def kept(batches: int) -> Callable[[float], float]:
        work = batches * step_ms
        return lambda mtbf: work / rollback_ms(work, work, checkpoint_ms, restart_ms, mtbf, log.workers)

    rows = [row("rollback", batches, kept(batches)) for batches in every]
    rows.append(row("elastic", 0, lambda mtbf: elastic_share(step_ms, restart_ms, mtbf)))
    return pd.DataFrame(rows).sort_values("useful_percent", ascending=False, kind="stable", ignore_index=True)
