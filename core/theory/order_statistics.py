"""Means of the k-th of N workers to be done, and of the slowest of N sums: numeric integrals over distributions.

E[T] = ∫ P(T > x) dx over x ≥ 0, for any time T ≥ 0 (textbook).
"""

import math
from collections.abc import Callable, Sequence

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

Groups = Sequence[tuple[int, float]]
"""One group of equal workers or two: how many they are, and how many times slower than the law."""


def mean_of(done: Callable[[np.ndarray], np.ndarray], knots: np.ndarray) -> float:
    """Mean of a time from done(x), the chance that it is at most x; Gauss–Legendre between the knots.

    The knots rise from before the time to after it, as good as surely; done is smooth between them.
    """
    coarse = knots[::8]
    chance = done(coarse)
    begin, end = coarse[chance < 1e-16].max(initial=knots[0]), coarse[chance > 1 - 1e-15].min(initial=knots[-1])
    knots = knots[(knots >= begin) & (knots <= end)]  # elsewhere there is nothing to integrate
    half = np.diff(knots)[:, None] / 2
    x = knots[:-1, None] + half * (1 + NODES)
    return float(knots[0] + ((1 - done(x)) * half * WEIGHTS).sum())


def kth_done_ms(law: ComputeLaw, stragglers: Stragglers, groups: Groups, k: int) -> float | None:
    """Mean time until k of all workers have computed a mini-batch each, hiccups included, ms.

    Exact for independent draws. None where their variance is infinite, or where k is far from both 1 and N.
    """
    counts = [count for count, _ in groups]
    left = sum(counts) - k
    if math.isinf(law.std_ms) or min(left, k - 1) > MOST_COUNTED:
        return None
    if law.std_ms < 1e-9 * law.mean_ms:
        law = Constant(mean_ms=law.mean_ms)
    hiccups = hiccup_chances(stragglers)

    def done(ms):
        shares = [sum(p * law.cdf(ms / (factor * s)) for s, p in hiccups.items()) for _, factor in groups]
        if left < k:
            return at_most(left, counts, [1 - share for share in shares])
        return 1 - at_most(k - 1, counts, shares)

    quantiles = law.quantile(SHARES)
    return mean_of(done, np.unique([factor * s * quantiles for _, factor in groups for s in hiccups]))


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


def slowest_sum_ms(
    law: ComputeLaw, stragglers: Stragglers, groups: Groups, steps: int, push_range_ms: tuple[float, float] = (0, 0)
) -> tuple[float, bool] | None:
    """Mean time until all workers have done so many mini-batches back to back, ms, and whether it is exact.

    Each mini-batch is followed by a push, uniform on a range. Where pushes do not vary it is exact for constant times,
    and for exponential times without hiccups; else by the central limit theorem, and None where that may be 0.5 % off.
    """
    workers, (mean, std) = sum(count for count, _ in groups), step_moments_ms(law, stragglers)
    push, push_std = uniform_moments(*push_range_ms)
    if push_std == std == 0:
        return steps * (mean * max(factor for _, factor in groups) + push), True
    memoryless = isinstance(law, ShiftedExponential) and not stragglers.transient
    if push_std == 0 and memoryless and steps <= MOST_ERLANG_STEPS:
        sums = [
            (count, steps * (factor * law.shift * law.mean_ms + push), factor * law.std_ms) for count, factor in groups
        ]
        return slowest_ms(sums, lambda x: erlang_cdf(x, steps), erlang_knots(steps)), True
    if central_limit_error(law, stragglers, workers, steps, (push, push_std)) > LARGEST_ERROR:
        return None
    sums = [
        (count, steps * (factor * mean + push), math.sqrt(steps) * math.hypot(factor * std, push_std))
        for count, factor in groups
    ]
    return slowest_ms(sums, normal_cdf, DEVIATIONS), False


def slowest_ms(
    sums: Sequence[tuple[int, float, float]], cdf: Callable[[np.ndarray], np.ndarray], knots: np.ndarray
) -> float:
    """Mean of the largest of independent variables shift + scale·X, given as (how many, shift, scale), and X's cdf."""

    def done(x):
        return math.prod(cdf((x - shift) / scale) ** count for count, shift, scale in sums)

    return mean_of(done, np.unique([shift + scale * knots for _, shift, scale in sums]))


def normal_maximum(workers: int) -> float:
    """z_N, the mean of the largest of N standard normal draws."""
    return slowest_ms([(workers, 0, 1)], normal_cdf, DEVIATIONS)


def erlang_maximum(workers: int, steps: int) -> float:
    """Mean of the largest of N sums of H exponential draws of mean 1, up to H = 200."""
    return slowest_ms([(workers, 0, 1)], lambda x: erlang_cdf(x, steps), erlang_knots(steps))


def erlang_cdf(x: np.ndarray, steps: int) -> np.ndarray:
    """Chance that a sum of H exponential draws of mean 1 is at most x: 1 − e^−x·Σ_{k<H} x^k/k!"""
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
    law: ComputeLaw, stragglers: Stragglers, workers: int, steps: int, push_ms: tuple[float, float]
) -> float:
    """About how far off the central limit is for the slowest of N sums, as a share (Cornish & Fisher 1938).

    Two terms, for skewness and for excess kurtosis, at z_N standard deviations. push_ms: mean and deviation of a push.
    """
    mean, std = step_moments_ms(law, stragglers)
    if math.isinf(std):
        return math.inf
    hiccups, quantiles = hiccup_chances(stragglers), law.quantile(SHARES)
    third, fourth = (sum(p * (s * quantiles - mean) ** n @ DENSITY for s, p in hiccups.items()) for n in (3, 4))
    push, push_std = push_ms
    both = math.hypot(std, push_std)
    if both < 1e-9 * mean:  # as good as constant; its powers may have no place in a float
        return 0.0
    skewness, excess = third / both**3, (fourth - 3 * std**4 - 1.2 * push_std**4) / both**4
    z = normal_maximum(workers)
    off = abs(skewness) * z**2 / (6 * steps) + abs(excess * (z**3 - 3 * z)) / (24 * steps**1.5)
    return off * both / (mean + push)


def uniform_moments(low: float, high: float) -> tuple[float, float]:
    """Mean and standard deviation of a uniform variable."""
    return (low + high) / 2, (high - low) / math.sqrt(12)


def hiccup_chances(stragglers: Stragglers) -> dict[float, float]:
    """How many times as long a mini-batch may take, each with its chance."""
    p = stragglers.hiccup_probability
    return {1.0: 1 - p, stragglers.hiccup_factor: p} if stragglers.transient else {1.0: 1.0}


def step_moments_ms(law: ComputeLaw, stragglers: Stragglers) -> tuple[float, float]:
    """Mean and standard deviation of one compute time, hiccups included, slow workers not, ms."""
    chances = hiccup_chances(stragglers).items()
    mean, square = (sum(p * s**n for s, p in chances) for n in (1, 2))  # moments of the hiccup factor
    spread = math.sqrt(max(0.0, square * (law.mean_ms**2 + law.std_ms**2) - (mean * law.mean_ms) ** 2))
    return mean * law.mean_ms, spread
