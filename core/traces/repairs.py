"""Repairs of a measured run that are chosen on some of its steps and judged on the others."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.common.validation import TIME_RANGE_MS
from core.common.wording import counted, listed
from core.statistics.student import two_sided_quantile
from core.traces.diagnosis import autocorrelations, costs

FOLDS = 10  # blocks of consecutive steps at most, each judged with what the others say
FEWEST_FOLDS = 4  # with fewer blocks that are each on their own nothing can be told
FEWEST_STEPS = 4  # with fewer there is nothing to choose by and to judge by
LEVEL = 0.05
ONE_OF_MANY = 0.025  # level at which the costliest worker, which is one of several, is told from equal ones
LASTING = 10  # steps that slowness may last unseen: fewer than some forty steps cannot show how long it does
TIMES_AS_LONG = 2  # a block is so many times as long as slowness lasts
AS_COSTLY = 0.5  # of the costliest worker's share: what is repaired together
FEW_NAMES = 6
NOTICED = 1.005  # times as long

Times = np.ndarray
Cure = Callable[[Times, Times], Times]
"""(times to choose by, times to judge by) → the latter, repaired; all (steps, workers) in ms."""


@dataclass(frozen=True, kw_only=True)
class Repair:
    """A repair of a measured table, and the table as it would have been.

    Attributes:
        name: what is done.
        cure: what it makes of some steps, where it is chosen by others.
        cured_ms: the whole table with the workers that the name says repaired, (steps, workers) in ms.
        pays: what it costs beside time, in a sentence.

    """

    name: str
    cure: Cure
    cured_ms: np.ndarray
    pays: str


def costliest(compute_ms: np.ndarray) -> np.ndarray:
    """The workers that carry at least half of what the costliest one carries, the costliest first."""
    carried = costs(compute_ms).sum(axis=0)
    order = by_cost(compute_ms)
    return order[carried[order] >= AS_COSTLY * carried.max()]


def by_cost(compute_ms: np.ndarray) -> np.ndarray:
    """The workers, the costliest first."""
    return np.argsort(-costs(compute_ms).sum(axis=0), kind="stable")


def enough_steps(compute_ms: np.ndarray) -> bool:
    """Whether there are enough steps to tell what holds beyond them: four blocks that are each on their own."""
    return len(compute_ms) >= FEWEST_FOLDS * block_steps(compute_ms)


def block_steps(compute_ms: np.ndarray) -> int:
    """How many consecutive steps a block has: twice as many as slowness lasts, and ten at least.

    How long it lasts is the sum of its autocorrelations up to the first that is not positive, as in `persistence`.
    Taken about the workers' own means it comes out too short by about twice its share of the steps.
    """
    steps = len(compute_ms)
    relative = compute_ms / compute_ms.mean(axis=1, keepdims=True)
    correlation = autocorrelations(relative - relative.mean(axis=0))
    ends = np.flatnonzero(correlation <= 0)
    lasts = 1 + 2 * correlation[: ends[0] if len(ends) else None].sum()
    unbiased = lasts / max(1 / steps, 1 - 2 * lasts / steps)
    return max(LASTING, math.ceil(TIMES_AS_LONG * unbiased))


def folds(compute_ms: np.ndarray) -> np.ndarray:
    """The fold of each step, (steps,): four to ten blocks of consecutive steps, as long as one another."""
    steps = len(compute_ms)
    number = int(np.clip(steps // block_steps(compute_ms), FEWEST_FOLDS, FOLDS))
    return np.arange(steps) * number // steps


def unequal(compute_ms: np.ndarray) -> bool:
    """Whether the worker that costs most in other steps costs more than its part in these, beyond chance.

    Each fold's costliest worker by the other folds, less its part of what barriers cost there if all were equal; a
    t-test over the folds. Too few steps tell nothing.
    """
    if not enough_steps(compute_ms):
        return False
    fold, by_step, workers = folds(compute_ms), costs(compute_ms), compute_ms.shape[1]
    known = np.array([by_step[fold == each].sum(axis=0) for each in range(fold[-1] + 1)])
    chosen = (known.sum(axis=0) - known).argmax(axis=1)
    beyond = (known[np.arange(len(known)), chosen] - known.sum(axis=1) / workers) / np.bincount(fold)
    error = beyond.std(ddof=1) / math.sqrt(len(beyond))
    return bool(beyond.mean() > two_sided_quantile(ONE_OF_MANY, len(beyond) - 1) * error)


def held_out(compute_ms: np.ndarray, cure: Cure) -> np.ndarray:
    """The table after a cure, where what is done to each fold's steps was chosen on the other folds."""
    fold = folds(compute_ms)
    cured = [cure(compute_ms[fold != each], compute_ms[fold == each]) for each in range(fold[-1] + 1)]
    return np.clip(np.concatenate(cured), *TIME_RANGE_MS)


def saved_range(saved_ms: np.ndarray, fold: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of what all steps save together, ms: a t-interval over the folds' sums."""
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
    return np.delete(judged, by_cost(known)[0], axis=1)


def repaired(count: int) -> Cure:
    """So many of the costliest workers repaired."""
    return lambda known, judged: at_median_of_others(judged, by_cost(known)[:count])


def at_median_of_others(compute_ms: Times, workers: np.ndarray) -> Times:
    """The times with some workers never slower than the median of the others, step by step."""
    cured, others = compute_ms.copy(), np.median(np.delete(compute_ms, workers, axis=1), axis=1)
    cured[:, workers] = np.minimum(compute_ms[:, workers], others[:, None])
    return cured


def levelled(known: Times, judged: Times) -> Times:
    """Every worker's mean made the median of all."""
    means = known.mean(axis=0)
    return judged * (np.median(means) / means)


def repairs(compute_ms: np.ndarray, names: tuple) -> list[Repair]:
    """Other workers: without the costliest, it alone repaired, and all that cost as much.

    Args:
        compute_ms: a table of at least four steps and two workers, ms.
        names: the workers'.

    """
    workers, means, broken = compute_ms.shape[1], compute_ms.mean(axis=0), group(compute_ms)
    found = [
        Repair(
            name=f"Without worker {names[broken[0]]}",
            cure=without_costliest,
            cured_ms=np.delete(compute_ms, broken[0], axis=1),
            pays=f"One worker fewer: {workers / (workers - 1):.2f} times as many steps for the same work (included).",
        )
    ]
    for some in [broken[:1], broken][: min(2, len(broken))]:
        found.append(
            Repair(
                name=together(names, some),
                cure=repaired(len(some)),
                cured_ms=at_median_of_others(compute_ms, some),
                pays=price(means, names, some),
            )
        )
    return found


def group(compute_ms: np.ndarray) -> np.ndarray:
    """The costliest worker, and those that cost as much if they are not more than half of all."""
    alike = costliest(compute_ms)
    return alike if len(alike) <= compute_ms.shape[1] // 2 else alike[:1]


def together(names: tuple, workers: np.ndarray) -> str:
    """A name for the repair of one worker, or of several together."""
    if len(workers) > FEW_NAMES:
        return f"The {len(workers):,} costliest workers repaired"
    noun = "Worker" if len(workers) == 1 else "Workers"
    return f"{noun} {listed([str(names[worker]) for worker in sorted(workers)])} repaired"


def price(means: np.ndarray, names: tuple, broken: np.ndarray) -> str:
    """What repairing some workers means."""
    others = np.median(np.delete(means, broken))
    said = [f"{names[worker]} ({means[worker] / others:.2f} times their median)" for worker in broken[:FEW_NAMES]]
    if len(broken) > FEW_NAMES:
        said.append(f"{len(broken) - FEW_NAMES:,} more")
    noun, verb = ("worker", "is") if len(broken) == 1 else ("workers", "are")
    return f"A repair or a better machine: {noun} {listed(said)} {verb} never slower than the median of the others."


def who_changes(means: np.ndarray, names: tuple) -> str:
    """Whom levelling speeds up, and whom it slows."""
    median, worst, best = np.median(means), means.argmax(), means.argmin()
    said = f"Repairs or replacements: worker {names[worst]} becomes {means[worst] / median:.2f} times as fast"
    slowed = int((means < median).sum())
    if not slowed:
        return f"{said}. It slows nobody."
    if median / means[best] < NOTICED:
        return f"{said}. It slows nobody by more than {100 * (NOTICED - 1):g} %."
    whom = counted(slowed, "worker is", "workers are")
    return f"{said}. {whom} slowed to the median, worker {names[best]} most ({median / means[best]:.2f} times as long)."
