"""Slowness that lasts: how many of a worker's mini-batches in a row are slow, and what that makes of sums of them.

Whether a mini-batch is slow is a two-state Markov chain over a worker's own mini-batches, stationary from the start:
π is the share of slow ones, L their mean number in a row, f how many times as long they take, and ρ the correlation
from one to the next (`core.workload.stragglers`). To a single mini-batch an episode is what a hiccup is.
"""

import math
from dataclasses import replace

import numpy as np

from core.theory.order_statistics import (
    DENSITY,
    FEWEST_STEPS,
    LARGEST_ERROR,
    SHARES,
    Groups,
    expansion_terms,
    factor_chances,
    mean_of,
    step_moments_ms,
    uniform_moments,
)
from core.workload.compute_laws import ComputeLaw, normal_cdf
from core.workload.stragglers import Stragglers

UNCORRELATED = 1e-6  # a correlation below this is rounding: episodes that last no longer than by chance
MOST_PARTS, LEAST_CHANCE = 64, 1e-14  # of a mixture of normal laws
KNOTS, FINE = np.linspace(-9, 9, 25), np.linspace(-9, 9, 3_601)
NORMAL = normal_cdf(FINE)


def lasting(stragglers: Stragglers) -> bool:
    """Whether slowness lasts longer than by chance, so that a worker's mini-batches are not independent draws."""
    return stragglers.episodic and stragglers.episode_correlation > UNCORRELATED


def slow_count_chances(stragglers: Stragglers, steps: int) -> np.ndarray:
    """How many of so many mini-batches in a row are slow: the chance of each number.

    Args:
        stragglers: whose episodes count.
        steps: H, how many mini-batches, 1 or more.

    Returns:
        P(K = k) for k = 0 … H.

    Source:
        Generating function E[z^K] of a two-state Markov chain (Gabriel 1959), taken at the (H + 1)-th roots of unity,
        and a Fourier transform back: what dynamic programming over H steps gives, but quickly.

    Example:
        >>> from core import Stragglers
        >>> from core.theory.episodes import slow_count_chances
        >>> slow_count_chances(Stragglers(episode_share=0.5, episode_batches=4), 2).round(4)
        array([0.375, 0.25 , 0.375])

    """
    begins, ends, share = stragglers.episode_begins, stragglers.episode_ends, stragglers.episode_share
    roots = np.exp(-2j * np.pi * np.arange(steps + 1) / (steps + 1))
    slow = np.stack([np.ones_like(roots), roots], axis=1)[:, None, :]  # 1 of a healthy one, z of a slow one
    one_more = np.array([[1 - begins, begins], [ends, 1 - ends]]) * slow
    counted = (np.array([1 - share, share]) * slow) @ np.linalg.matrix_power(one_more, steps - 1)
    chances = np.clip(np.fft.ifft(counted.sum(axis=(1, 2))).real, 0, None)
    return chances / chances.sum()


def episode_std_ms(stragglers: Stragglers, mean_ms: float) -> float:
    """What episodes add to the standard deviation of a sum, over the square root of how many it has; in a long run.

    m(f − 1)·√(π(1 − π)(1 + ρ)/(1 − ρ)).

    Args:
        stragglers: whose episodes count.
        mean_ms: m, mean time of a mini-batch outside of them, ms.

    Returns:
        The standard deviation in ms.

    Source:
        Central limit theorem for Markov chains (textbook): the covariances π(1 − π)·ρ^k, summed.

    Example:
        >>> from core import Stragglers
        >>> from core.theory.episodes import episode_std_ms
        >>> round(episode_std_ms(Stragglers(episode_share=0.05, episode_batches=10), 1), 2)
        1.85

    """
    share, rho = stragglers.episode_share, stragglers.episode_correlation
    return mean_ms * (stragglers.episode_factor - 1) * math.sqrt(share * (1 - share) * (1 + rho) / (1 - rho))


def slowest_sum_in_episodes_ms(
    law: ComputeLaw, stragglers: Stragglers, groups: Groups, steps: int, push_range_ms: tuple[float, float] = (0, 0)
) -> tuple[float, bool] | None:
    """Mean time until all workers have done so many mini-batches back to back, some of them in episodes.

    Exact where nothing else varies; else the sum is taken to be normal, given how many of its mini-batches are slow.

    Args:
        law: what the compute times are drawn from.
        stragglers: their episodes and hiccups count here, their slow workers do not: those are groups.
        groups: how many workers there are of each speed, and how many times slower than the law.
        steps: mini-batches of each worker.
        push_range_ms: the shortest and the longest push, ms; all between are as likely.

    Returns:
        The mean in ms and whether it is exact; None where it may be more than 0.5 % off.

    Source:
        `slow_count_chances`, central limit theorem (textbook); how far off: `normal_error`.

    Example:
        >>> from core import Constant, Stragglers
        >>> from core.theory.episodes import slowest_sum_in_episodes_ms
        >>> slow = Stragglers(episode_share=0.05, episode_batches=10, episode_factor=3)
        >>> total_ms, exact = slowest_sum_in_episodes_ms(Constant(mean_ms=1), slow, [(8, 1)], steps=10)
        >>> round(total_ms / 10, 3), exact
        (1.65, True)

    """
    healthy = replace(stragglers, episode_share=0.0)
    mean, std = step_moments_ms(law, healthy)
    push, push_std = uniform_moments(*push_range_ms)
    if math.isinf(std):
        return None
    chances, slow = slow_count_chances(stragglers, steps), np.arange(steps + 1)
    lengths = [factor * mean * (steps + (stragglers.episode_factor - 1) * slow) + steps * push for _, factor in groups]
    counts = [count for count, _ in groups]
    if std == push_std == 0:
        return slowest_of_steps(counts, lengths, chances), True
    if normal_error(law, stragglers, sum(counts), chances, (push, push_std)) > LARGEST_ERROR:
        return None
    in_units = steps + (stragglers.episode_factor**2 - 1) * slow  # variances of a mini-batch
    variances = [(factor * std) ** 2 * in_units + steps * push_std**2 for _, factor in groups]
    parts = [merged(chances, length, variance) for length, variance in zip(lengths, variances, strict=True)]

    def done(x: np.ndarray) -> np.ndarray:
        shares = [
            sum(p * np.interp((x - at) / wide, FINE, NORMAL) for p, at, wide in zip(*part, strict=True))
            for part in parts
        ]
        return np.asarray(math.prod(share**count for share, count in zip(shares, counts, strict=True)))

    knots = np.unique([at[:, None] + wide[:, None] * KNOTS for _, at, wide in parts])
    return mean_of(done, knots), False


def slowest_of_steps(counts: list[int], lengths: list[np.ndarray], chances: np.ndarray) -> float:
    """Mean of the largest of independent variables, each of which takes certain values with the same chances.

    Args:
        counts: how many variables there are in each group of equal ones.
        lengths: the values that those of a group take, rising, (groups, values).
        chances: of each value.

    """
    ends = np.unique(lengths)
    within = np.append(0, np.cumsum(chances))
    done = math.prod(
        within[np.searchsorted(length, ends, side="right")] ** count
        for count, length in zip(counts, lengths, strict=True)
    )
    return float(ends @ np.diff(done, prepend=0))


def merged(chances: np.ndarray, means: np.ndarray, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parts of a mixture of normal laws in order: neighbours become one of the same mean and variance; few are left.

    Args:
        chances: of each part.
        means: of each part, rising.
        variances: of each part.

    Returns:
        Chances, means and standard deviations of what is left.

    """
    some = chances > LEAST_CHANCE
    chances, means, variances = chances[some], means[some], variances[some]
    number = np.arange(len(chances)) * min(MOST_PARTS, len(chances)) // len(chances)
    total = np.bincount(number, chances)
    mean = np.bincount(number, chances * means) / total
    variance = np.bincount(number, chances * (variances + (means - mean[number]) ** 2)) / total
    return total, mean, np.sqrt(variance)


def normal_error(
    law: ComputeLaw, stragglers: Stragglers, workers: int, chances: np.ndarray, push_ms: tuple[float, float]
) -> float:
    """At most about how far off a normal sum is for the slowest of N, given how many mini-batches are slow, as a share.

    The terms for skewness, excess kurtosis and squared skewness without their signs, on average over how many
    mini-batches of the slowest worker are slow; twice that in sums of few steps.

    Args:
        law: what the compute times are drawn from.
        stragglers: their episodes and hiccups count, their slow workers do not.
        workers: N.
        chances: how many of the mini-batches are slow.
        push_ms: mean and standard deviation of a push, ms.

    Returns:
        The share, 0 or more.

    Source:
        Cornish & Fisher (1938).

    """
    healthy, factor, steps = replace(stragglers, episode_share=0.0), stragglers.episode_factor, len(chances) - 1
    (mean, std), (push, push_std), quantiles = step_moments_ms(law, healthy), push_ms, law.quantile(SHARES)
    third, fourth = (
        sum(p * (s * quantiles - mean) ** n @ DENSITY for s, p in factor_chances(healthy).items()) for n in (3, 4)
    )
    total, squares, thirds, fourths = (steps + (factor**n - 1) * np.arange(steps + 1) for n in range(1, 5))
    variance = std**2 * squares + steps * push_std**2
    excess = (fourth - 3 * std**4) * fourths - 1.2 * push_std**4 * steps
    std_of_sum, (second, cubic, other) = np.sqrt(variance), expansion_terms(workers)
    skewness, kurtosis = third * thirds / std_of_sum**3, excess / std_of_sum**4
    off = std_of_sum * (np.abs(skewness) * second + np.abs(kurtosis) * cubic + skewness**2 * other)
    of_slowest = np.diff(np.cumsum(chances) ** workers, prepend=0)
    share = float(of_slowest @ (off / (mean * total + steps * push)))
    return share if steps >= FEWEST_STEPS else 2 * share


def swing(stragglers: Stragglers, workers: int, steps: int) -> float:
    """How much episodes alone let so many steps of the slowest of N vary: its variance over its squared mean.

    Args:
        stragglers: whose episodes count.
        workers: N.
        steps: how many steps.

    Returns:
        Squared coefficient of variation of the sum of the steps, for constant times.

    Source:
        Counting argument: none of N is slow with chance (1 − π)^N, now and k steps on with
        ((1 − π)(1 − π(1 − ρ^k)))^N; the covariances, summed.

    """
    rise, share, lag = stragglers.episode_factor - 1, stragglers.episode_share, np.arange(1, steps)
    none = (1 - share) ** workers
    again = ((1 - share) * (1 - share * (1 - stragglers.episode_correlation**lag))) ** workers
    variance = steps * none * (1 - none) + 2 * (steps - lag) @ (again - none**2)
    return float(rise**2 * variance / (steps * (1 + rise * (1 - none))) ** 2)
