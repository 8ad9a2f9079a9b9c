"""What paired runs decide: ratios of mean times with their intervals, and whether they leave 1 out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.statistics.student import MANY, two_sided_p, two_sided_quantile

LEVEL = 0.05
"""Family-wise rate of false decisions: how often equal policies are told apart at most."""
NO_DIFFERENCE = 0.01  # a ratio within 1 ± this makes no difference in practice
MOST_RUNS = 10**9  # that are said to decide
SAME_DIFFERENCE = 1e-9  # of two t statistics that differ by rounding
ROUNDING = 1e-12  # of a time: what varies by less does not vary


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """The mean of one time over that of another, from runs in pairs."""

    value: float
    low: float
    high: float
    """Its interval at the level at which it is judged; NaN where runs are too few, or too wild, for one."""
    decided: bool
    """Whether the interval leaves 1 out."""
    deviation: float
    """Standard deviation of a pair's contribution, so that the error of R runs is deviation / √R; NaN for one run."""
    level: float
    runs: int

    @property
    def outcome(self) -> str:
        """decided, equal (not decided, and within 1 ± 1 %) or open."""
        if self.decided:
            return "decided"
        return "equal" if self.low >= 1 - NO_DIFFERENCE and self.high <= 1 + NO_DIFFERENCE else "open"

    @property
    def inverse(self) -> "Ratio":
        """The other time over the one."""
        return Ratio(
            value=1 / self.value,
            low=1 / self.high,
            high=1 / self.low,
            decided=self.decided,
            deviation=self.deviation / self.value**2,
            level=self.level,
            runs=self.runs,
        )

    @property
    def runs_to_decide(self) -> int | None:
        """With about how many runs it would be decided or called equal, if its value were the true one.

        Errors shrink with the root of the runs: R grows as (error / distance)². None where it is not open, or where one
        run tells nothing.
        """
        if self.outcome != "open" or not self.deviation > 0:
            return None
        in_units = (self.deviation / self.distance) ** 2
        runs = max(self.runs + 1, math.floor(two_sided_quantile(self.level, MANY) ** 2 * in_units))
        while runs < MOST_RUNS and two_sided_quantile(self.level, runs - 1) ** 2 * in_units > runs:
            runs += 1  # the quantile of so few runs is larger than that of many, but hardly
        return min(runs, MOST_RUNS)

    @property
    def distance(self) -> float:
        """How small the error must get: the distance to what decides, or to what makes it equal."""
        from_one = abs(self.value - 1)
        return max(from_one, NO_DIFFERENCE - from_one)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Which of two policies finishes first, by how much, and how surely.

    Attributes:
        winner: label of the policy that is quicker on average; whether that is more than chance, `outcome` says.
        runner_up: label of the other policy.
        ratio: the runner-up's mean epoch time over the winner's, with its interval.
        faster_percent: share of the runs in which the winner is the faster one, %.

    """

    winner: str
    runner_up: str
    ratio: Ratio
    faster_percent: float

    @property
    def speedup(self) -> float:
        """The runner-up's mean epoch time over the winner's: 1 or more."""
        return self.ratio.value

    @property
    def low(self) -> float:
        """Lower end of the interval of the speed-up; NaN where there is none."""
        return self.ratio.low

    @property
    def high(self) -> float:
        """Upper end of the interval of the speed-up; NaN where there is none."""
        return self.ratio.high

    @property
    def outcome(self) -> str:
        """decided, equal or open."""
        return self.ratio.outcome

    @property
    def runs_to_decide(self) -> int | None:
        """Roughly how many runs would settle it; None unless the outcome is open, and for a single run."""
        return self.ratio.runs_to_decide


def ratios(pairs: Sequence[tuple[np.ndarray, np.ndarray]], level: float = LEVEL) -> list[Ratio]:
    """The ratio of the means of each pair of times, all of them judged together at a level.

    See `holm` for the level of each.
    """
    apart = [paired_t(*pair) for pair in pairs]
    judged = holm([p_value(t, len(one)) for t, (one, _) in zip(apart, pairs, strict=True)], level, apart)
    return [ratio(*pair, judged_at, may_decide) for pair, (judged_at, may_decide) in zip(pairs, judged, strict=True)]


def holm(p_values: Sequence[float], level: float, apart: Sequence[float]) -> list[tuple[float, bool]]:
    """At which level each of several comparisons is judged, and whether it may be decided (Holm's procedure).

    The one whose difference is surest is judged at level / comparisons, the next one at level / (comparisons − 1),
    until one is not decided; the others are judged as that one, and are not decided either. Those that are just as
    sure, such as two whose policies take the same time, are judged at the same level.

    Args:
        p_values: of the comparisons.
        level: of all of them together.
        apart: by how many standard errors they differ, as p-values below 1e-308 are all 0.

    """
    surest_first = np.lexsort([np.negative(apart), np.array(p_values)]).tolist()
    judged_at, before, open_from_here = level, math.nan, False
    judged: dict[int, tuple[float, bool]] = {}
    for rank, place in enumerate(surest_first):
        if not open_from_here and not math.isclose(apart[place], before, rel_tol=SAME_DIFFERENCE):
            judged_at = level / (len(p_values) - rank)
            open_from_here = p_values[place] > judged_at
        judged[place] = (judged_at, not open_from_here)
        before = apart[place]
    return [judged[place] for place in range(len(p_values))]


def paired_p_value(one: np.ndarray, other: np.ndarray) -> float:
    """Two-sided p-value of the paired t-test; 1 for a single run."""
    return p_value(paired_t(one, other), len(one))


def p_value(t: float, runs: int) -> float:
    """Two-sided p-value of so many standard errors; 1 for none, as those of a single run are."""
    return two_sided_p(t, runs - 1) if t > 0 else 1.0


def paired_t(one: np.ndarray, other: np.ndarray) -> float:
    """How many standard errors two means are apart: 0 for a single run, infinite where the difference never varies."""
    if len(one) < 2:
        return 0.0
    difference = one - other
    mean, deviation = abs(float(difference.mean())), float(difference.std(ddof=1))
    if deviation <= ROUNDING * float(other.mean()):
        return math.inf if mean > ROUNDING * float(other.mean()) else 0.0
    return mean / deviation * math.sqrt(len(one))


def ratio(one: np.ndarray, other: np.ndarray, level: float, may_decide: bool = True) -> Ratio:
    """The mean of one time over that of another, with Fieller's interval at a level.

    Every ρ for which |mean(one − ρ·other)| ≤ t·sd(one − ρ·other)/√R: 1 lies in it just when the paired t-test does not
    reject. Where it is unbounded there is no interval, and nothing is decided.
    """
    runs, top, bottom = len(one), float(one.mean()), float(other.mean())
    value = top / bottom
    if runs < 2:
        return Ratio(
            value=value, low=math.nan, high=math.nan, decided=False, deviation=math.nan, level=level, runs=runs
        )
    deviation = float(np.std(one - value * other, ddof=1)) / bottom
    if deviation <= ROUNDING * value:
        value = 1.0 if abs(value - 1) <= ROUNDING else value
        return Ratio(value=value, low=value, high=value, decided=value != 1, deviation=0.0, level=level, runs=runs)
    low, high = fieller(one, other, two_sided_quantile(level, runs - 1))
    decided = may_decide and (low > 1 or high < 1)
    return Ratio(value=value, low=low, high=high, decided=decided, deviation=deviation, level=level, runs=runs)


def fieller(one: np.ndarray, other: np.ndarray, t: float) -> tuple[float, float]:
    """Fieller's interval for the ratio of two means: the roots of a quadratic.

    NaN where it is unbounded, or its inverse is: one of the means is not clearly above zero.
    """
    runs = len(one)
    ((var_one, both), (_, var_other)) = np.cov(one, other) * (t * t / runs)
    return bounds(float(one.mean()), float(other.mean()), float(var_one), float(var_other), float(both))


def bounds(top: float, bottom: float, var_top: float, var_bottom: float, both: float = 0.0) -> tuple[float, float]:
    """Every ρ for which (top − ρ·bottom)² is at most var_top − 2ρ·both + ρ²·var_bottom: the least and the largest."""
    a, b, c = bottom * bottom - var_bottom, top * bottom - both, top * top - var_top
    inside = b * b - a * c
    if a <= 0 or c <= 0 or inside < 0:
        return math.nan, math.nan
    root = math.sqrt(inside)
    return (b - root) / a, (b + root) / a
