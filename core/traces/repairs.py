"""Repairs of a measured run that are chosen on some of its steps and judged on the others."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.common.validation import TIME_RANGE_MS
from core.common.wording import counted, listed
from core.statistics.student import two_sided_quantile
from core.traces.diagnosis import chance_of, costs, persistence
from core.traces.fits import common_factors

FOLDS = 10  # blocks of consecutive steps, each judged with what the others say
FEWEST_STEPS = 4  # with fewer there is nothing to choose by and to judge by
LEVEL = 0.05
AS_COSTLY = 0.5  # of the costliest worker's share: what is repaired together
FEW_NAMES = 6
DRAWS, FEWEST_DRAWS = 100, 5  # of replacements
MOST_DRAWN = 5_000_000  # mini-batches in all of them together, where the fewest do not need more

Times = np.ndarray
Cure = Callable[[Times, Times], Times]
"""(times to choose by, times to judge by) → the latter, repaired; all (steps, workers) in ms."""


@dataclass(frozen=True, kw_only=True)
class Repair:
    """A repair of a measured table, and the table as it would have been.

    Attributes:
        name: what is done.
        drawn_ms: the repaired times, (draws, steps, workers) in ms, each step's by what the other folds say.
        pays: what it costs beside time, in a sentence.

    """

    name: str
    drawn_ms: np.ndarray
    pays: str


def costliest(compute_ms: np.ndarray) -> np.ndarray:
    """The workers that carry at least half of what the costliest one carries, the costliest first."""
    carried = costs(compute_ms).sum(axis=0)
    order = by_cost(compute_ms)
    return order[carried[order] >= AS_COSTLY * carried.max()]


def by_cost(compute_ms: np.ndarray) -> np.ndarray:
    """The workers, the costliest first."""
    return np.argsort(-costs(compute_ms).sum(axis=0), kind="stable")


def beyond_chance(compute_ms: np.ndarray) -> bool:
    """Whether one worker carries more of the barriers' cost than one of equal workers does in 95 % of such runs.

    By random culprits of every step, and, unless it carries the most of it by far, by random culprits of stretches as
    long as slowness lasts.
    """
    by_step, workers = costs(compute_ms), compute_ms.shape[1]
    if not by_step.any():
        return False
    whole, share = by_step.sum(axis=1), by_step.sum(axis=0).max() / by_step.sum()
    if chance_of(whole, workers, share) > LEVEL:
        return False
    stretch = np.arange(len(whole)) // math.ceil(persistence(relative_to_step(compute_ms)))
    return share >= max(0.5, 1.5 / workers) or chance_of(np.bincount(stretch, whole), workers, share) <= LEVEL


def relative_to_step(compute_ms: np.ndarray) -> np.ndarray:
    """Each time over its step's mean, less what its worker keeps."""
    relative = compute_ms / compute_ms.mean(axis=1, keepdims=True)
    return relative - relative.mean(axis=0)


def folds(steps: int) -> np.ndarray:
    """The fold of each step, (steps,): up to ten blocks of consecutive steps, as long as one another."""
    number = min(FOLDS, steps)
    return np.arange(steps) * number // steps


def held_out(compute_ms: np.ndarray, cure: Cure) -> np.ndarray:
    """The table as a cure leaves it, each fold's steps cured by what the other folds say."""
    fold = folds(len(compute_ms))
    cured = [cure(compute_ms[fold != each], compute_ms[fold == each]) for each in range(fold[-1] + 1)]
    return np.clip(np.concatenate(cured), *TIME_RANGE_MS)


def saved_range(saved_ms: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of what steps saved in all, ms: a t-interval over the folds' sums."""
    fold = folds(len(saved_ms))
    sums, steps, number = np.bincount(fold, saved_ms), np.bincount(fold), fold[-1] + 1
    beyond = sums - steps * saved_ms.mean()
    error = math.sqrt(number / (number - 1) * (beyond**2).sum())
    half = two_sided_quantile(LEVEL, number - 1) * error
    return float(saved_ms.sum() - half), float(saved_ms.sum() + half)


def rebalanced(known: Times, judged: Times) -> Times:
    """Mini-batch sizes in proportion to speed, their sum kept."""
    speed = 1 / known.mean(axis=0)
    return judged * (speed / speed.mean())


def without_costliest(known: Times, judged: Times) -> Times:
    """The costliest worker left out."""
    return np.delete(judged, costliest(known)[0], axis=1)


def levelled(known: Times, judged: Times) -> Times:
    """Every worker's mean made the median of all."""
    means = known.mean(axis=0)
    return judged * (np.median(means) / means)


def repairs(compute_ms: np.ndarray, names: tuple) -> list[Repair]:
    """Other workers: without the costliest, it alone replaced, all that cost as much, and all at the median.

    Args:
        compute_ms: a table of at least four steps and two workers, ms.
        names: the workers'.

    """
    workers, means, broken = compute_ms.shape[1], compute_ms.mean(axis=0), group(compute_ms)
    first = names[broken[0]]
    found = [
        Repair(
            name=f"Without worker {first}",
            drawn_ms=held_out(compute_ms, without_costliest)[None],
            pays=f"A worker fewer: {workers / (workers - 1):.2f} times as many steps for the same work (counted here).",
        ),
        Repair(
            name=f"Worker {first} replaced",
            drawn_ms=replaced(compute_ms, 1),
            pays=price(means, names, broken[:1]),
        ),
    ]
    if len(broken) > 1:
        drawn, pays = replaced(compute_ms, len(broken)), price(means, names, broken)
        found.append(Repair(name=together(names, broken), drawn_ms=drawn, pays=pays))
    return found


def replaced(compute_ms: np.ndarray, count: int) -> np.ndarray:
    """The table with some of the costliest workers replaced by workers like the others, drawn several times.

    For each fold, every other one of the rest says who costs most, and from the ones between a replacement takes what
    a whole fold took some other worker, over what all workers of a step have in common. So nothing that is chosen is
    judged by itself, and replacing a worker that is like the others saves nothing on average. Which folds and workers
    are taken is weighted at random, too (the Bayesian bootstrap), as they are only a sample of what workers can do.

    Args:
        compute_ms: measured times, (steps, workers) in ms.
        count: how many workers.

    Returns:
        (draws, steps, workers), ms.

    """
    steps, workers = compute_ms.shape
    common = common_factors(compute_ms)[0][:, None]
    relative, fold = compute_ms / common, folds(steps)
    draws = int(np.clip(MOST_DRAWN // compute_ms.size, FEWEST_DRAWS, DRAWS))
    rng, drawn = np.random.default_rng(0), np.repeat(compute_ms[None], draws, axis=0)
    number = fold[-1] + 1
    weights = rng.exponential(size=(draws, number, workers))
    first, size = np.searchsorted(fold, np.arange(number)), np.bincount(fold)
    for each in range(number):
        others, judged = np.delete(np.arange(number), each), np.flatnonzero(fold == each)
        broken = by_cost(compute_ms[np.isin(fold, others[::2])])[:count]
        healthy, donors = np.delete(np.arange(workers), broken), others[1::2]
        chances = weights[:, donors[:, None], healthy].reshape(draws, -1).cumsum(axis=1)
        for worker in broken:
            at = (chances < rng.random((draws, 1)) * chances[:, -1:]).sum(axis=1)
            donor, whose = donors[at // len(healthy)], healthy[at % len(healthy)]
            rows = first[donor][:, None] + np.arange(len(judged)) % size[donor][:, None]
            drawn[:, judged, worker] = relative[rows, whose[:, None]] * common[judged, 0]
    return np.clip(drawn, *TIME_RANGE_MS)


def group(compute_ms: np.ndarray) -> np.ndarray:
    """The costliest worker, and those that cost as much if they are not more than half of all."""
    alike = costliest(compute_ms)
    return alike if len(alike) <= compute_ms.shape[1] // 2 else alike[:1]


def together(names: tuple, workers: np.ndarray) -> str:
    """A name for the replacement of several workers."""
    if len(workers) > FEW_NAMES:
        return f"The {len(workers):,} costliest workers replaced"
    return f"Workers {listed([str(names[worker]) for worker in sorted(workers)])} replaced"


def price(means: np.ndarray, names: tuple, broken: np.ndarray) -> str:
    """What replacing some workers means."""
    others = np.median(np.delete(means, broken))
    said = [f"{names[worker]} ({means[worker] / others:.2f} times their median)" for worker in broken[:FEW_NAMES]]
    if len(broken) > FEW_NAMES:
        said.append(f"{len(broken) - FEW_NAMES:,} more")
    noun = "worker" if len(broken) == 1 else "workers"
    return f"Repair or replacement by a worker like the others: {noun} {listed(said)}. It slows nobody."


def who_changes(means: np.ndarray, names: tuple) -> str:
    """Whom levelling speeds up, and whom it slows."""
    median, worst, best = np.median(means), means.argmax(), means.argmin()
    said = f"Repairs or replacements: worker {names[worst]} becomes {means[worst] / median:.2f} times as fast"
    slowed = int((means < median).sum())
    if not slowed:
        return f"{said}. It slows nobody."
    whom = counted(slowed, "worker is", "workers are")
    return f"{said}. {whom} slowed to the median, worker {names[best]} most ({median / means[best]:.2f} times as long)."
