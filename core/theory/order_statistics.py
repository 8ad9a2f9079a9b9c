"""Means of the k-th of N workers to be done, and of the slowest of N sums: numeric integrals over distributions.

E[T] = ∫ P(T > x) dx over x ≥ 0, for any time T ≥ 0 (textbook).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from core.workload.compute_laws import ComputeLaw, Constant, ShiftedExponential, normal_cdf
from core.workload.stragglers import Stragglers

NODES, WEIGHTS = np.polynomial.legendre.leggauss(4)
LOG_ODDS = np.linspace(-36, 36, 289)
SHARES = 1 / (1 + np.exp(-LOG_ODDS))  # dense in both tails, where the extremes of many draws are
DENSITY = SHARES * (1 - SHARES) * (LOG_ODDS[1] - LOG_ODDS[0])
DEVIATIONS = np.linspace(-9, 9, 145)
MOST_COUNTED, MOST_ERLANG_STEPS = 50, 200  # longer sums are too slow for a page that moves with a slider
LARGEST_ERROR = 0.005  # of what is called approximate
FEWEST_STEPS = 5  # from which on the next terms of the central limit say how far off it is

Groups = Sequence[tuple[int, float]]
"""One group of equal workers or two: how many they are, and how many times slower than the law."""


@dataclass(frozen=True, kw_only=True)
class Time:
    """The time of the slowest of some workers, and how it varies.

    Attributes:
        mean_ms: its mean.
        std_ms: its standard deviation.
        covariance: with the time that a worker takes on average, in ms².
        error: at most about how far off the mean is, as a share; 0 where it is exact.

    """

    mean_ms: float
    std_ms: float
    covariance: float
    error: float = 0.0

    @property
    def cv(self) -> float:
        """Standard deviation over mean."""
        return self.std_ms / self.mean_ms

    def after(self, rounds: int) -> "Time":
        """The time that so many independent ones take one after the other."""
        return Time(
            mean_ms=rounds * self.mean_ms,
            std_ms=math.sqrt(rounds) * self.std_ms,
            covariance=rounds * self.covariance,
            error=self.error,
        )

    def then(self, other: "Time") -> "Time":
        """The time of both, one after the other, independent of each other."""
        mean = self.mean_ms + other.mean_ms
        error = (self.mean_ms * self.error + other.mean_ms * other.error) / mean
        return Time(
            mean_ms=mean,
            std_ms=math.hypot(self.std_ms, other.std_ms),
            covariance=self.covariance + other.covariance,
            error=error,
        )

    def delayed(self, by_ms: float) -> "Time":
        """The time, longer by one that does not vary."""
        return self.then(Time(mean_ms=by_ms, std_ms=0.0, covariance=0.0)) if by_ms else self


def mean_of(done: Callable[[np.ndarray], np.ndarray], knots: np.ndarray) -> float:
    """Mean of a time from its distribution, by Gauss–Legendre quadrature between knots.

    Args:
        done: the chance that the time is at most x, for an array of x; smooth between the knots.
        knots: rising, from before the time to after it, as good as surely.

    Returns:
        The mean, in the unit of x.

    Source:
        E[T] = ∫ P(T > x) dx over x ≥ 0, for any time T ≥ 0 (textbook).

    """
    coarse = knots[::8]
    chance = done(coarse)
    begin, end = coarse[chance < 1e-16].max(initial=knots[0]), coarse[chance > 1 - 1e-15].min(initial=knots[-1])
    knots = knots[(knots >= begin) & (knots <= end)]  # elsewhere there is nothing to integrate
    half = np.diff(knots)[:, None] / 2
    x = knots[:-1, None] + half * (1 + NODES)
    return float(knots[0] + ((1 - done(x)) * half * WEIGHTS).sum())


def kth_done_ms(law: ComputeLaw, stragglers: Stragglers, groups: Groups, k: int) -> float | None:
    """Mean time until k of all workers have computed a mini-batch each; exact for workers that are independent.

    Args:
        law: what the compute times are drawn from.
        stragglers: their hiccups and episodes count here, their slow workers do not: those are groups.
        groups: how many workers there are of each speed, and how many times slower than the law.
        k: how many must be done, from 1 to all of them.

    Returns:
        The mean in ms; None where the variance is infinite, or where k is far from both 1 and N.

    Source:
        P(fewer than k of N are done by x), binomial in each group, integrated over x (textbook).

    Example:
        >>> from core import Stragglers, Uniform
        >>> from core.theory.order_statistics import kth_done_ms
        >>> round(kth_done_ms(Uniform(mean_ms=500), Stragglers(), [(3, 1), (1, 2)], k=4), 3)
        1000.0

    """
    found = kth_done(law, stragglers, groups, k)
    return None if found is None else mean_of(*found)


def at_most_ms(law: ComputeLaw, stragglers: Stragglers, groups: Groups, k: int, until_ms: float) -> float | None:
    """Mean of the time until k of all workers have computed a mini-batch each, or of another time where that is less.

    Args:
        law: what the compute times are drawn from.
        stragglers: their hiccups and episodes count here, their slow workers do not: those are groups.
        groups: how many workers there are of each speed, and how many times slower than the law.
        k: how many must be done, from 1 to all of them.
        until_ms: the other time, ms.

    Returns:
        E min(X, u) in ms; None as of `kth_done_ms`.

    """
    found = kth_done(law, stragglers, groups, k)
    if found is None:
        return None
    done, knots = found
    if until_ms <= knots[0]:
        return until_ms
    return mean_of(done, np.append(knots[knots < until_ms], until_ms))


def kth_done(
    law: ComputeLaw, stragglers: Stragglers, groups: Groups, k: int
) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray] | None:
    """The distribution of the time until k of all workers are done, and knots from before it to after it."""
    counts = [count for count, _ in groups]
    left = sum(counts) - k
    if math.isinf(law.std_ms) or min(left, k - 1) > MOST_COUNTED:
        return None
    if law.std_ms < 1e-9 * law.mean_ms:
        law = Constant(mean_ms=law.mean_ms)
    factors = factor_chances(stragglers)

    def done(ms: np.ndarray) -> np.ndarray:
        shares = [np.asarray(sum(p * law.cdf(ms / (factor * s)) for s, p in factors.items())) for _, factor in groups]
        if left < k:
            return at_most(left, counts, [1 - share for share in shares])
        return 1 - at_most(k - 1, counts, shares)

    quantiles = law.quantile(SHARES)
    return done, np.unique([factor * s * quantiles for _, factor in groups for s in factors])


def at_most(most: int, counts: Sequence[int], chances: Sequence[np.ndarray]) -> np.ndarray:
    """Chance that an event meets at most so many workers, where it meets each of a group with the same chance."""
    *others, last = [binomial(most, count, chance) for count, chance in zip(counts, chances, strict=True)]
    within = np.cumsum(last, axis=0)
    if not others:
        return within[-1]
    return sum(chance * within[min(most - j, len(within) - 1)] for j, chance in enumerate(others[0]))


def binomial(most: int, count: int, chance: np.ndarray) -> np.ndarray:
    """Chance that it meets just j of a group, j = 0 … most along a new first axis."""
    j = np.arange(min(count, most) + 1)
    log_ways = np.cumsum(np.log(np.append(1.0, (count - j[:-1]) / j[1:])))
    j, log_ways = (values.reshape(-1, *[1] * chance.ndim) for values in (j, log_ways))
    chance = np.clip(chance, 1e-300, 1 - 1e-16)
    return np.exp(log_ways + j * np.log(chance) + (count - j) * np.log1p(-chance))


def slowest_sum(
    law: ComputeLaw, stragglers: Stragglers, groups: Groups, steps: int, push_range_ms: tuple[float, float] = (0, 0)
) -> Time | None:
    """The time until all workers have done so many independent mini-batches back to back, each followed by a push.

    It is exact for a single worker. Where pushes do not vary it is exact for constant times too, and for exponential
    times without hiccups in up to 200 steps; else it is by the central limit theorem. With episodes:
    `core.theory.episodes`.

    Args:
        law: what the compute times are drawn from.
        stragglers: their hiccups and episodes count here, their slow workers do not: those are groups.
        groups: how many workers there are of each speed, and how many times slower than the law.
        steps: mini-batches of each worker.
        push_range_ms: the shortest and the longest push, ms; all between are as likely.

    Returns:
        The time; None where its mean may be more than 0.5 % off.

    Source:
        Erlang distribution and central limit theorem (textbook); how far off: `central_limit_error`.

    """
    workers, (mean, std) = sum(count for count, _ in groups), step_moments_ms(law, stragglers)
    push, push_std = uniform_moments(*push_range_ms)
    if push_std == std == 0:
        longest = steps * (mean * max(factor for _, factor in groups) + push)
        return Time(mean_ms=longest, std_ms=0.0, covariance=0.0)
    if workers == 1:
        spread = steps * (groups[0][1] * std) ** 2
        total, alone = steps * (groups[0][1] * mean + push), math.sqrt(spread + steps * push_std**2)
        return Time(mean_ms=total, std_ms=alone, covariance=spread)
    as_erlang = push_std == 0 and len(factor_chances(stragglers)) == 1 and steps <= MOST_ERLANG_STEPS
    if as_erlang and isinstance(law, ShiftedExponential):
        sums = [
            (count, steps * (factor * law.shift * law.mean_ms + push), factor * law.std_ms) for count, factor in groups
        ]
        return slowest(sums, lambda x: erlang_cdf(x, steps), erlang_knots(steps))
    error = central_limit_error(law, stragglers, groups, steps, (push, push_std))
    if error > LARGEST_ERROR:
        return None
    sums = [
        (count, steps * (factor * mean + push), math.sqrt(steps) * math.hypot(factor * std, push_std))
        for count, factor in groups
    ]
    return replace(slowest(sums, normal_cdf, DEVIATIONS), error=error)


def slowest_step(law: ComputeLaw, stragglers: Stragglers, groups: Groups) -> Time:
    """The time until all workers have computed a mini-batch each; exact for workers that are independent.

    Args:
        law: what the compute times are drawn from, of finite variance.
        stragglers: their hiccups and episodes count here, their slow workers do not: those are groups.
        groups: how many workers there are of each speed, and how many times slower than the law.

    """
    spread = law if law.std_ms >= 1e-9 * law.mean_ms else Constant(mean_ms=law.mean_ms)
    hiccups, quantiles = factor_chances(stragglers), spread.quantile(SHARES)

    def share_done(x: np.ndarray, factor: float) -> np.ndarray:
        return np.asarray(sum(p * spread.cdf(x / (factor * s)) for s, p in hiccups.items()))

    knots = np.unique([factor * s * quantiles for _, factor in groups for s in hiccups])
    return slowest_of([(count, partial(share_done, factor=factor)) for count, factor in groups], knots)


def slowest(
    sums: Sequence[tuple[int, float, float]], cdf: Callable[[np.ndarray], np.ndarray], knots: np.ndarray
) -> Time:
    """The largest of independent variables shift + scale·X.

    Args:
        sums: the variables, in groups of equal ones: how many, shift, scale.
        cdf: the distribution of X.
        knots: from before X to after it, as good as surely.

    """

    def below(x: np.ndarray, shift: float, scale: float) -> np.ndarray:
        return cdf((x - shift) / scale)

    groups = [(count, partial(below, shift=shift, scale=scale)) for count, shift, scale in sums]
    return slowest_of(groups, np.unique([shift + scale * knots for _, shift, scale in sums]))


def slowest_of(groups: Sequence[tuple[int, Callable[[np.ndarray], np.ndarray]]], knots: np.ndarray) -> Time:
    """The largest of independent times, by Gauss–Legendre quadrature between knots.

    Args:
        groups: of equally distributed times: how many, and their distribution.
        knots: rising, from before the shortest to after the longest, as good as surely.

    Source:
        P(all ≤ x) = Π F(x)^count; E[T²] = ∫ 2x·P(T > x) dx (textbook). Covariance of a time X and the largest: by
        Hoeffding, ∫∫ P(X ≤ x, T ≤ y) − P(X ≤ x)·P(T ≤ y), of which the inner integral is that of F up to y and of 1 − F
        from there on.

    """
    half = np.diff(knots)[:, None] / 2
    x, weights = (knots[:-1, None] + half * (1 + NODES)).ravel(), (half * WEIGHTS).ravel()
    shares = [(count, cdf(x)) for count, cdf in groups]
    longer = (1 - math.prod(share**count for count, share in shares)) * weights
    mean = float(longer.sum())
    variance = float((2 * (x - knots[0]) * longer).sum()) - mean * mean
    together = 0.0
    for mine, (count, share) in enumerate(shares):
        others = math.prod(other ** (n - (place == mine)) for place, (n, other) in enumerate(shares))
        done, left = share * weights, (1 - share) * weights
        below, above = np.cumsum(done) - done / 2, np.cumsum(left[::-1])[::-1] - left / 2
        together += count * float((others * ((1 - share) * below + share * above) * weights).sum())
    workers = sum(count for count, _ in groups)
    return Time(mean_ms=float(knots[0]) + mean, std_ms=math.sqrt(max(0.0, variance)), covariance=together / workers)


def normal_maximum(workers: int) -> float:
    """z_N, the mean of the largest of N standard normal draws.

    Args:
        workers: N, 1 or more.

    Returns:
        z_N, in standard deviations.

    Example:
        >>> from core.theory.order_statistics import normal_maximum
        >>> round(normal_maximum(2), 6)  # 1/√π
        0.56419

    """
    return slowest([(workers, 0, 1)], normal_cdf, DEVIATIONS).mean_ms


def erlang_maximum(workers: int, steps: int) -> float:
    """Mean of the largest of N sums of H exponential draws of mean 1.

    Args:
        workers: N, 1 or more.
        steps: H, up to 200.

    Returns:
        The mean, in means of a draw.

    Example:
        >>> from core.theory.order_statistics import erlang_maximum
        >>> round(erlang_maximum(4, 1), 6)  # 1 + 1/2 + 1/3 + 1/4
        2.083333

    """
    return slowest([(workers, 0, 1)], lambda x: erlang_cdf(x, steps), erlang_knots(steps)).mean_ms


def erlang_cdf(x: np.ndarray, steps: int) -> np.ndarray:
    """Chance that a sum of H exponential draws of mean 1 is at most x: 1 − e^−x·Σ_{k<H} x^k/k! (Erlang, textbook)."""
    x = np.maximum(x, 0)
    term = np.exp(-x)
    more = term.copy()
    for k in range(1, steps):
        term *= x / k
        more += term
    return 1 - more


def erlang_knots(steps: int) -> np.ndarray:
    """From before such a sum to after it."""
    return np.linspace(0, steps + 12 * math.sqrt(steps) + 40, 241)


def central_limit_error(
    law: ComputeLaw, stragglers: Stragglers, groups: Groups, steps: int, push_ms: tuple[float, float]
) -> float:
    """At most about how far off the central limit is for the mean of the slowest of N sums, as a share of it.

    The next three terms of the expansion, for skewness, excess kurtosis and squared skewness, at the slowest of N
    normal draws and without their signs, so that none hides another; twice that in sums of few steps.

    Args:
        law: what the compute times are drawn from.
        stragglers: their hiccups and episodes count, their slow workers do not.
        groups: how many workers there are of each speed, and how many times slower than the law.
        steps: how many mini-batches a sum has.
        push_ms: mean and standard deviation of a push, ms.

    Returns:
        The share, 0 or more; infinite where the variance is.

    Source:
        Cornish & Fisher (1938).

    """
    mean, std = step_moments_ms(law, stragglers)
    if math.isinf(std):
        return math.inf
    hiccups, quantiles = factor_chances(stragglers), law.quantile(SHARES)
    third, fourth = (sum(p * (s * quantiles - mean) ** n @ DENSITY for s, p in hiccups.items()) for n in (3, 4))
    second, cubic, other = expansion_terms(sum(count for count, _ in groups))
    push, push_std = push_ms
    off = 0.0
    for _, factor in groups:
        both = math.hypot(factor * std, push_std)
        if both < 1e-9 * (factor * mean + push):  # as good as constant; its powers may have no place in a float
            continue
        skewness = third * (factor / both) ** 3
        excess = (fourth - 3 * std**4) * (factor / both) ** 4 - 1.2 * (push_std / both) ** 4
        terms = abs(skewness) * second / math.sqrt(steps) + (abs(excess) * cubic + skewness**2 * other) / steps
        off = max(off, terms * both / (factor * mean + push) / math.sqrt(steps))
    return off if steps >= FEWEST_STEPS else 2 * off


def expansion_terms(workers: int) -> tuple[float, float, float]:
    """How much skewness, excess kurtosis and squared skewness count for the slowest of N, in standard deviations.

    The terms' sizes at the slowest of N normal draws, on average, so that none vanishes where a polynomial is zero.

    Args:
        workers: N.

    Returns:
        Means of |z² − 1|/6, |z³ − 3z|/24 and |2z³ − 5z|/36.

    Source:
        Cornish & Fisher (1938).

    """
    largest, z = np.diff(normal_cdf(DEVIATIONS) ** workers), (DEVIATIONS[1:] + DEVIATIONS[:-1]) / 2
    second, cubic, other = ((z**2 - 1) / 6, (z**3 - 3 * z) / 24, (2 * z**3 - 5 * z) / 36)
    return float(np.abs(second) @ largest), float(np.abs(cubic) @ largest), float(np.abs(other) @ largest)


def uniform_moments(low: float, high: float) -> tuple[float, float]:
    """Mean and standard deviation of a uniform variable."""
    return (low + high) / 2, (high - low) / math.sqrt(12)


def factor_chances(stragglers: Stragglers) -> dict[float, float]:
    """How many times as long a mini-batch may take by hiccups and episodes, each with its chance."""
    p, share = stragglers.hiccup_probability, stragglers.episode_share
    hiccups = {1.0: 1 - p, stragglers.hiccup_factor: p} if stragglers.transient else {1.0: 1.0}
    if not stragglers.episodic:
        return hiccups
    chances: dict[float, float] = {}
    for factor, chance in hiccups.items():
        for longer, part in ((1.0, 1 - share), (stragglers.episode_factor, share)):
            chances[factor * longer] = chances.get(factor * longer, 0.0) + chance * part
    return chances


def step_moments_ms(law: ComputeLaw, stragglers: Stragglers) -> tuple[float, float]:
    """Mean and standard deviation of one compute time, hiccups and episodes included, slow workers not.

    Args:
        law: what the compute times are drawn from.
        stragglers: whose hiccups and episodes count.

    Returns:
        Mean and standard deviation in ms; the latter is infinite where the law's is.

    """
    chances = factor_chances(stragglers).items()
    mean, square = (sum(p * s**n for s, p in chances) for n in (1, 2))  # moments of the factor
    spread = math.sqrt(max(0.0, square * (law.mean_ms**2 + law.std_ms**2) - (mean * law.mean_ms) ** 2))
    return mean * law.mean_ms, spread
