"""Ratios of few paired times: a t-interval on the mean of their logarithms."""

import math

import numpy as np

from core.statistics.student import two_sided_quantile
from core.statistics.verdicts import ROUNDING, Ratio


def log_ratio(one: np.ndarray, other: np.ndarray, level: float) -> Ratio | None:
    """The geometric mean of one time over another, run by run, with a t-interval at a level.

    Args:
        one: times of some runs.
        other: times of the same runs.
        level: how often the interval may miss the true ratio.

    Returns:
        The ratio; None where a run has no time, or where a time is 0.

    Source:
        Student's t-interval for the mean of log(one / other) (textbook).

    """
    if not len(one) or not (np.isfinite(one) & np.isfinite(other) & (one > 0) & (other > 0)).all():
        return None
    logs = np.log(one / other)
    runs, mean = len(logs), float(logs.mean())
    value = math.exp(mean)
    if runs < 2:
        return Ratio(
            value=value, low=math.nan, high=math.nan, decided=False, deviation=math.nan, level=level, runs=runs
        )
    deviation = float(logs.std(ddof=1))
    if deviation <= ROUNDING:
        value = 1.0 if abs(value - 1) <= ROUNDING else value
        return Ratio(value=value, low=value, high=value, decided=value != 1, deviation=0.0, level=level, runs=runs)
    half = two_sided_quantile(level, runs - 1) * deviation / math.sqrt(runs)
    with np.errstate(over="ignore"):
        low, high = (float(np.exp(end)) for end in (mean - half, mean + half))
    decided = low > 1 or high < 1
    return Ratio(value=value, low=low, high=high, decided=decided, deviation=value * deviation, level=level, runs=runs)
