"""Ratios of a few paired times, such as times to a target: what the mean of their logarithms decides."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.statistics.student import two_sided_p, two_sided_quantile
from core.statistics.verdicts import LEVEL, NO_DIFFERENCE, ROUNDING, Ratio, holm

NO_INTERVAL = math.log(100)  # an error of the mean logarithm that is as good as infinite


@dataclass(frozen=True, kw_only=True)
class LogRatio(Ratio):
    """A geometric mean of ratios, with the t-interval of the mean of their logarithms; deviation is that of these."""

    @property
    def inverse(self) -> "LogRatio":
        """The other time over the one."""
        return replace(self, value=1 / self.value, low=1 / self.high, high=1 / self.low)

    @property
    def distance(self) -> float:
        """How small the error of the mean logarithm must get to decide, or to make it equal."""
        from_one = abs(math.log(self.value))
        return max(from_one, math.log1p(NO_DIFFERENCE) - from_one)


def log_ratios(pairs: Sequence[tuple[np.ndarray, np.ndarray]], level: float = LEVEL) -> list[LogRatio]:
    """The ratio of each of several pairs of times, all of them judged together (`holm`).

    Args:
        pairs: times above 0 of one and of the other, (runs,) each, run by run.
        level: how often equal ones may be told apart at most.

    """
    logs = [np.log(one) - np.log(other) for one, other in pairs]
    apart = [t_value(values) for values in logs]
    judged = holm([p_value(t, len(values)) for t, values in zip(apart, logs, strict=True)], level, apart)
    return [log_ratio(values, at, may_decide) for values, (at, may_decide) in zip(logs, judged, strict=True)]


def t_value(logs: np.ndarray) -> float:
    """How many standard errors their mean is from 0; 0 for a single run."""
    if len(logs) < 2:
        return 0.0
    mean, deviation = mean_and_deviation(logs)
    if deviation == 0:
        return math.inf if mean else 0.0
    return abs(mean) / deviation * math.sqrt(len(logs))


def p_value(t: float, runs: int) -> float:
    """Two-sided p-value of the t-test; 1 for a single run."""
    return two_sided_p(t, runs - 1) if runs > 1 else 1.0


def log_ratio(logs: np.ndarray, level: float, may_decide: bool = True) -> LogRatio:
    """The geometric mean with its interval, judged at a level.

    A single run has no interval, nor have runs that leave a factor of 100 or more either way. Where nothing varies, it
    is exact.
    """
    runs = len(logs)
    mean, deviation = mean_and_deviation(logs)
    error = two_sided_quantile(level, runs - 1) * deviation / math.sqrt(runs) if runs > 1 else math.nan
    if error > NO_INTERVAL:
        error = math.nan
    return LogRatio(
        value=math.exp(mean),
        low=math.exp(mean - error),
        high=math.exp(mean + error),
        decided=may_decide and abs(mean) > error,
        deviation=deviation,
        level=level,
        runs=runs,
    )


def mean_and_deviation(logs: np.ndarray) -> tuple[float, float]:
    """Of logarithms of ratios; what rounding leaves of either is 0, and the deviation of a single run is NaN."""
    mean, deviation = float(logs.mean()), float(logs.std(ddof=1)) if len(logs) > 1 else math.nan
    return (0.0 if abs(mean) <= ROUNDING else mean), (0.0 if deviation <= ROUNDING else deviation)
