"""Repairs of a measured run that are chosen on some of its steps and judged on the others."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.common.validation import TIME_RANGE_MS
from core.common.wording import counted, listed
from core.statistics.student import two_sided_quantile
from core.traces.fits import common_factors
from core.workload.compute_laws import block_length, consecutive_steps

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


def worker_costs(compute_ms: np.ndarray) -> np.ndarray:
    """Each worker's share of what the barriers cost, (workers,): a step's max − mean is who was last's, or shared."""
    slowest = compute_ms.max(axis=1, keepdims=True)
    last = compute_ms == slowest
    costs = ((slowest - compute_ms.mean(axis=1, keepdims=True)) * last / last.sum(axis=1, keepdims=True)).sum(axis=0)
    return costs / costs.sum() if costs.sum() > 0 else costs


def costliest(compute_ms: np.ndarray) -> np.ndarray:
    """The workers that carry at least half of what the costliest one carries, the costliest first."""
    costs = worker_costs(compute_ms)
    ranked = np.argsort(-costs, kind="stable")
    return ranked[costs[ranked] >= AS_COSTLY * costs.max()]


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
        pays = price(means, names, broken)
        found.append(Repair(name=together(names, broken), drawn_ms=replaced(compute_ms, len(broken)), pays=pays))
    return found


def replaced(compute_ms: np.ndarray, count: int) -> np.ndarray:
    """The table with some of the costliest workers replaced by workers like the others, drawn several times.

    Each fold's are those that cost most in the other folds. A replacement takes as long as some other worker did in a
    block of consecutive steps drawn at random, over what all workers of a step have in common. Replacing a worker that
    is like the others therefore saves nothing on average, and 0 lies between the 2.5 % and 97.5 % points of the draws
    in about 95 % of such tables.

    Args:
        compute_ms: measured times, (steps, workers) in ms.
        count: how many workers at the most.

    Returns:
        (draws, steps, workers), ms.

    """
    steps, workers = compute_ms.shape
    common = common_factors(compute_ms)[0][:, None]
    relative, fold, length = compute_ms / common, folds(steps), block_length(compute_ms)
    draws = int(np.clip(MOST_DRAWN // compute_ms.size, FEWEST_DRAWS, DRAWS))
    rng, drawn = np.random.default_rng(0), np.repeat(compute_ms[None], draws, axis=0)
    for each in range(fold[-1] + 1):
        judged = np.flatnonzero(fold == each)
        broken = group(compute_ms[fold != each])[:count]
        healthy = np.delete(np.arange(workers), broken)
        for worker in broken:
            again = consecutive_steps(rng, (draws, len(judged)), steps, length)
            donors = np.repeat(rng.choice(healthy, (draws, -(-len(judged) // length))), length, axis=1)
            drawn[:, judged, worker] = relative[again, donors[:, : len(judged)]] * common[judged, 0]
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
