"""Ratios of mean times from runs that are not in pairs, each side with draws of its own."""

import math
from collections.abc import Sequence

import numpy as np

from core.statistics.student import two_sided_p, two_sided_quantile
from core.statistics.verdicts import LEVEL, ROUNDING, Ratio, bounds, holm


def independent_ratios(pairs: Sequence[tuple[np.ndarray, np.ndarray]], level: float = LEVEL) -> list[Ratio]:
    """The mean of one time over that of another, of several, all of them judged together (`holm`).

    Args:
        pairs: times of one and of the other, (runs,) each, in no order; there may be more of one than of the other.
        level: how often equal ones may be told apart at most.

    Returns:
        For each the ratio, with Fieller's interval for independent means; 1 lies in it just when Welch's t-test does
        not reject. A side of a single run has no interval.

    Source:
        Welch, The generalization of "Student's" problem (1947); Fieller, Some problems in interval estimation (1954).

    """
    apart = [welch_t(*pair) for pair in pairs]
    p_values = [two_sided_p(t, freedom(*pair)) if t > 0 else 1.0 for t, pair in zip(apart, pairs, strict=True)]
    judged = holm(p_values, level, apart)
    return [ratio(*pair, at, may_decide) for pair, (at, may_decide) in zip(pairs, judged, strict=True)]


def errors_squared(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The squared standard error of either mean; what rounding leaves is 0."""
    spread = [0.0 if np.ptp(times) <= ROUNDING * times.mean() else float(times.var(ddof=1)) for times in (one, other)]
    return spread[0] / len(one), spread[1] / len(other)


def welch_t(one: np.ndarray, other: np.ndarray) -> float:
    """How many standard errors two means are apart: 0 for a single run, infinite where neither time varies."""
    if min(len(one), len(other)) < 2:
        return 0.0
    apart, error = abs(float(one.mean() - other.mean())), math.sqrt(sum(errors_squared(one, other)))
    if error == 0:
        return math.inf if apart > ROUNDING * float(other.mean()) else 0.0
    return apart / error


def freedom(one: np.ndarray, other: np.ndarray) -> float:
    """Degrees of freedom of the difference of two means (Welch–Satterthwaite)."""
    of_one, of_other = errors_squared(one, other)
    if of_one + of_other == 0:
        return len(one) + len(other) - 2
    return (of_one + of_other) ** 2 / (of_one**2 / (len(one) - 1) + of_other**2 / (len(other) - 1))


def ratio(one: np.ndarray, other: np.ndarray, level: float, may_decide: bool) -> Ratio:
    """The mean of one time over that of another, with Fieller's interval at a level."""
    runs, top, bottom = min(len(one), len(other)), float(one.mean()), float(other.mean())
    value, low, high, deviation = top / bottom, math.nan, math.nan, math.nan
    if runs > 1:
        of_one, of_other = errors_squared(one, other)
        deviation = math.sqrt(runs * (of_one + value**2 * of_other)) / bottom
        t = two_sided_quantile(level, freedom(one, other))
        low, high = bounds(top, bottom, t * t * of_one, t * t * of_other) if deviation else (value, value)
    if deviation == 0 and abs(value - 1) <= ROUNDING:
        value = low = high = 1.0
    decided = may_decide and (low > 1 or high < 1)
    return Ratio(value=value, low=low, high=high, decided=decided, deviation=deviation, level=level, runs=runs)
