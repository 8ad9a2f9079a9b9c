"""Which compute law and which stragglers a measured table looks like, so that it can be asked about more workers."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.common.validation import MAX_BATCHES, TIME_RANGE_MS
from core.scenario import Scenario
from core.traces.episodes import Episode, found_episodes
from core.traces.network import mean_network
from core.traces.trace import Trace
from core.workload.compute_laws import ComputeLaw, Constant, Gumbel, LogNormal, Pareto, ShiftedExponential, Uniform
from core.workload.stragglers import Stragglers

HICCUP = 2.0  # times what is usual for its worker and its step
MOST_HICCUPS = 0.1  # beyond this share of the mini-batches they are the law itself
MOST_TIMES, MOST_SPREAD, MOST_SLOW = 1000.0, 2.0, 0.99  # what Stragglers take
SAME = 0.005  # workers that differ by less are the same
DRAWN = 200_000  # mini-batches by which a law is judged
QUANTILES = (np.arange(200) + 0.5) / 200


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A compute law and stragglers in the place of a measured table."""

    compute: ComputeLaw
    stragglers: Stragglers
    workers: int
    """How many the table has; so many of them are slow as the stragglers say."""
    misfit: float
    """What fits are ranked by, smaller is better; see `fits`."""
    slowest_ratio: float
    """Mean slowest mini-batch of a step over the mean one, by the fit."""
    measured_ratio: float
    """The same by the table."""

    def stragglers_of(self, workers: int) -> Stragglers:
        """The stragglers among so many workers: the same share of them is slow, to the nearest whole worker."""
        slow = math.floor(self.stragglers.slow_workers / self.workers * workers + 0.5)
        return replace(self.stragglers, slow_workers=slow)

    def at(self, workers: int) -> float:
        """Mean slowest mini-batch of a step over the mean one by the law with so many workers."""
        return slowest_ratio(simulated_steps(self.compute, self.stragglers_of(workers), workers))


def fits(compute_ms: np.ndarray) -> list[Fit]:
    """Every law fitted to a table (steps, workers) in ms, the best first.

    Episodes are divided out by their factors. What the workers of a step have in common, and what a worker keeps, is
    divided out as far as chance does not explain it. What a worker keeps becomes slow workers if two groups explain
    nine tenths of it, else a spread. The rest is for the laws, by its mean and variance: whole, and with its hiccups
    apart (mini-batches above twice what is usual) where there are any.

    misfit: how far the law with these factors is off in the mean slowest of a step, plus in 200 quantiles on average,
    both over the mean.
    """
    steps, workers = compute_ms.shape
    mean, measured, quantiles = compute_ms.mean(), slowest_ratio(compute_ms), np.quantile(compute_ms, QUANTILES)
    episodes = found_episodes(compute_ms)
    levels, lasting = level_factors(compute_ms.shape, episodes), episode_part(episodes, compute_ms.shape)
    ranked, hiccups = [], found_hiccups(compute_ms, episodes)
    for apart in [np.zeros_like(hiccups), hiccups][: 1 + hiccups.any()]:
        step, worker, left = common_factors(np.where(apart, np.nan, compute_ms / levels))
        rest = compute_ms / (levels * step[:, None] * worker)
        transient, persistent = hiccup_part(rest, apart), persistent_part(worker)
        stragglers = Stragglers(**transient, **persistent, **lasting)
        for law in laws(rest[~apart], left):
            compute = replace(law, mean_ms=within_range(mean / mean_factor(stragglers, workers)))
            alike = simulated_steps(law, Stragglers(**transient), workers)
            same = not persistent and not lasting  # except for the mean, which no ratio depends on
            ratio = slowest_ratio(alike if same else simulated_steps(compute, stragglers, workers))
            rows = np.arange(len(alike)) * steps // len(alike)
            alike *= (levels * step[:, None] * worker)[rows]
            misfit = (
                abs(slowest_ratio(alike) - measured) + np.abs(np.quantile(alike, QUANTILES) - quantiles).mean() / mean
            )
            ranked.append(
                Fit(
                    compute=compute,
                    stragglers=stragglers,
                    workers=workers,
                    misfit=float(misfit),
                    slowest_ratio=ratio,
                    measured_ratio=measured,
                )
            )
    return sorted(ranked, key=lambda fit: fit.misfit)


def fitted_scenario(trace: Trace, workers: int) -> Scenario:
    """The best fit of a trace with any number of workers, on the mean network cost of its own."""
    return scenario_by(fits(trace.compute_ms)[0], trace, workers)


def scenario_by(fit: Fit, trace: Trace, workers: int) -> Scenario:
    """The same by one of the trace's fits."""
    return Scenario(
        workers=workers,
        batches=trace.steps,
        compute=fit.compute,
        stragglers=fit.stragglers_of(workers),
        network=mean_network(trace),
    )


def usual_ms(compute_ms: np.ndarray, episodes: list[Episode] | None = None) -> np.ndarray:
    """What is usual for each mini-batch: its worker's level then, times its step's (lower) median beyond chance.

    A worker's level is the median of its times outside episodes, times the factor of the episode that it is in. A
    median of N normal values varies by π/2·σ²/N; σ is 1.4826 times the median deviation.
    """
    level = level_factors(compute_ms.shape, found_episodes(compute_ms) if episodes is None else episodes)
    level *= np.median(compute_ms / level, axis=0)
    own = compute_ms / level
    step = np.quantile(own, 0.5, axis=1, keepdims=True, method="lower")
    deviation = 1.4826 * np.median(np.abs(own / step - 1))
    middle = np.median(step)
    by_chance = math.pi / 2 * deviation**2 / compute_ms.shape[1]
    step = middle + beyond_chance(step / middle, by_chance) * (step - middle)
    return level * step


def level_factors(shape: tuple[int, int], episodes: list[Episode]) -> np.ndarray:
    """By how many times each mini-batch of a table is longer for the episode that it is in; 1 outside."""
    factors = np.ones(shape)
    for episode in episodes:
        factors[episode.rows, episode.worker] = episode.factor
    return factors


def found_hiccups(compute_ms: np.ndarray, episodes: list[Episode] | None = None) -> np.ndarray:
    """Which single mini-batches took more than twice what is usual; none where it is more than a tenth of them."""
    return hiccups_beyond(compute_ms, usual_ms(compute_ms, episodes))


def hiccups_beyond(compute_ms: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """The same, where what is usual is known."""
    found = compute_ms > HICCUP * usual
    return found & (found.mean() <= MOST_HICCUPS)


def common_factors(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """What each step and each worker multiplies its times by, (steps,) and (workers,), as far as chance does not.

    Means over the grand mean, drawn towards 1 by the share of their variance that the noise of single mini-batches
    explains (best linear prediction in a two-way table of random effects). NaN are left out. Last, the share of that
    noise's variance that is left when a table is divided by both.
    """
    steps, workers = table.shape
    if workers == 1:
        return np.ones(steps), np.ones(1), 1.0
    relative = table / np.nanmean(table)
    step, worker = np.nanmean(relative, axis=1), np.nanmean(relative, axis=0)
    rest, known = relative - step[:, None] - worker + 1, np.isfinite(table).mean()
    noise = np.nanmean(rest**2) * table.size / ((steps - 1) * (workers - 1))
    of_step, of_worker = beyond_chance(step, noise / (known * workers)), beyond_chance(worker, noise / (known * steps))
    left = (1 - of_step / workers) * (1 - of_worker / steps)
    return 1 + of_step * (step - 1), 1 + of_worker * (worker - 1), left


def beyond_chance(means: np.ndarray, by_chance: float) -> float:
    """The share of the means' variance that chance does not explain."""
    if len(means) < 2:
        return 0.0
    variance = means.var(ddof=1)
    return max(0.0, 1 - by_chance / variance) if variance else 0.0


def persistent_part(factors: np.ndarray) -> dict[str, Any]:
    """Fields of Stragglers for the workers' factors."""
    ordered, total = np.sort(factors), ((factors - factors.mean()) ** 2).sum()
    if factors.std() < SAME:
        return {}
    splits = [(ordered[:-slow], ordered[-slow:]) for slow in range(1, len(factors) // 2 + 1)]
    unexplained = [sum(((group - group.mean()) ** 2).sum() for group in split) / total for split in splits]
    slow = int(np.argmin(unexplained))
    if unexplained[slow] <= 0.1:
        fast, others = splits[slow]
        return {"slow_workers": slow + 1, "slowdown": min(float(others.mean() / fast.mean()), MOST_TIMES)}
    return {"spread": min(float(factors.std(ddof=1) / factors.mean()), MOST_SPREAD)}


def hiccup_part(rest: np.ndarray, hiccups: np.ndarray) -> dict[str, Any]:
    """Fields of Stragglers for the hiccups."""
    if not hiccups.any():
        return {}
    factor = float(np.clip(rest[hiccups].mean() / rest[~hiccups].mean(), 1, MOST_TIMES))
    return {"hiccup_probability": float(hiccups.mean()), "hiccup_factor": factor}


def episode_part(episodes: list[Episode], shape: tuple[int, int]) -> dict[str, Any]:
    """Fields of Stragglers for the episodes in a table (steps, workers).

    The mean length is the slow mini-batches over the ends that were seen, as for a chain that is cut off: an episode
    that lasts to the end of the table has none.
    """
    if not episodes:
        return {}
    lengths = np.array([episode.last - episode.first + 1 for episode in episodes])
    ends = sum(episode.last < shape[0] - 1 for episode in episodes)
    share = min(float(lengths.sum() / (shape[0] * shape[1])), MOST_SLOW)
    longest = float(np.clip(lengths.sum() / max(1, ends), 1 / (1 - share), MAX_BATCHES))
    factor = float(np.average([episode.factor for episode in episodes], weights=lengths))
    return {"episode_share": share, "episode_batches": longest, "episode_factor": min(factor, MOST_TIMES)}


def laws(times: np.ndarray, left: float) -> list[ComputeLaw]:
    """The laws that can have the mean and variance of these times, of which a share of the variance is left."""
    mean, cv = within_range(times.mean()), float(times.std() / times.mean()) / math.sqrt(left)
    found: list[ComputeLaw] = [Constant(mean_ms=mean)]
    if cv < 1 / math.sqrt(3):
        found.append(Uniform(mean_ms=mean, jitter=cv * math.sqrt(3)))
    if cv <= 5:
        found.append(LogNormal(mean_ms=mean, cv=cv))
    if cv <= 0.35:
        found.append(Gumbel(mean_ms=mean, cv=cv))
    if cv <= 1:
        found.append(ShiftedExponential(mean_ms=mean, shift=1 - cv))
    if cv > 0.011:
        found.append(Pareto(mean_ms=mean, alpha=1 + math.sqrt(1 + 1 / cv**2)))
    return found


def within_range(ms: float) -> float:
    """The time, or the end of the allowed range that a rounding went beyond."""
    return float(np.clip(ms, *TIME_RANGE_MS))


def mean_factor(stragglers: Stragglers, workers: int) -> float:
    """What stragglers multiply the mean mini-batch of so many workers by."""
    slow = 1 + stragglers.slow_workers / workers * (stragglers.slowdown - 1)
    hiccups = 1 + stragglers.hiccup_probability * (stragglers.hiccup_factor - 1)
    return slow * hiccups * (1 + stragglers.episode_share * (stragglers.episode_factor - 1))


def simulated_steps(law: ComputeLaw, stragglers: Stragglers, workers: int) -> np.ndarray:
    """Steps of so many workers, (steps, workers) in ms, each with workers of its own."""
    rng, shape = np.random.default_rng(0), (max(1, DRAWN // workers), workers)
    times = law.draw(rng, shape)
    for_a_while = stragglers.hiccup_probability or stragglers.episode_share
    if for_a_while or stragglers.spread or stragglers.slow_workers:  # even unused draws advance the random stream
        times = times * stragglers.worker_factors(rng, *shape)
    if for_a_while:
        times = times * stragglers.hiccup_factors(rng, shape)
    if stragglers.episode_share:  # within one step, only the share of slow workers counts
        times *= np.where(rng.random(shape) < stragglers.episode_share, stragglers.episode_factor, 1)
    return times


def slowest_ratio(compute_ms: np.ndarray) -> float:
    """Mean slowest mini-batch of a step over the mean mini-batch."""
    slowest = np.ascontiguousarray(compute_ms.T).max(axis=0)  # going through many short rows one by one is slow
    return float(slowest.mean() / compute_ms.mean())
