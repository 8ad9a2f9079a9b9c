"""What a step's slowest worker would take with more workers than were measured, and how sure of that the steps make."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core.common.validation import MAX_WORKERS
from core.statistics.student import two_sided_quantile
from core.traces.fits import common_factors, slowest_ratio
from core.workload.compute_laws import correlated_steps

NORMAL = 1.96  # two-sided 5 % point of the normal distribution
COPIES = (2, 4, 8, 16)
DRAWS = 200  # bootstrap draws
MOST_BLOCKS, ATOMS, SINGLE = 100, 200, 50  # of the slowest values, so many are kept one by one
FEWEST_STEPS = 30
STEPS_PER_COPY = 10  # with fewer the slowest of so many workers lies beyond all that was measured too often
FEWEST_TIMES, FEWEST_PARTS = 100, 8  # mini-batches, and parts of the run that are each on their own
LEAST_EXCESS = 1e-15  # over 1, of a ratio
HEAVY = 0.35  # tail index (Hill) beyond which the mean slowest is too unsure; from 0.5 on the variance is infinite
ONE_THREAD = 250_000  # multiplications below which a product of matrices wakes no other threads
SHARES, LEAST_IN_TAIL = (0.1, 0.05, 0.025), 20  # tails that the index is taken of
FEW = 2  # mini-batches that a forecast may not rest on
RESTS = 1 / 3  # of a forecast's excess over 1
WIDE = 2.0  # times its lower end, the upper end of a range that says nothing
MATTERS = 1.02  # a forecast below this costs next to nothing either way


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Mean slowest mini-batch of a step over the mean one, with more workers.

    Attributes:
        workers: how many.
        ratio: the forecast.
        low: lower end of its 95 % range.
        high: upper end.
        doubt: why it cannot be told: too few "steps", too heavy a "tail", "few" (it rests on one or two mini-batches)
            or "wide" (its range is); empty where it can.

    """

    workers: int
    ratio: float
    low: float
    high: float
    doubt: str


def forecasts(compute_ms: np.ndarray) -> list[Forecast]:
    """Forecasts for 2, 4, 8 and 16 times as many workers as a table (steps, workers) in ms has.

    No law is fitted: of k times as many workers, k are like each measured one, so the share of slow ones stays. Each
    takes its own measured times (over what all workers of a step have in common) independently of the others, so with
    F_w for worker w's times, the slowest is below t with probability Π F_w(t)^k. Scaled so that k = 1 gives what was
    measured; the forecast then rises with k. The range is a bootstrap over blocks of consecutive steps, as long as
    slowness lasts, on the logarithm of what the ratio is above 1. It is as wide as a t-interval of a k-th of the
    independent steps: so many decide how slow the slowest of k workers like one is.
    """
    steps, workers = compute_ms.shape
    copies = [k for k in COPIES if k * workers <= MAX_WORKERS]
    if not copies or workers == 1 or steps < 2:
        return []
    step, _, left = common_factors(compute_ms)
    common = step[:, None]
    relative, block = spread_again(compute_ms / common, left), blocks_of(compute_ms)
    weights = block_weights(int(block[-1]) + 1)
    grown = growth(relative, block, weights, copies)
    measured = of_blocks(compute_ms.max(axis=1), block, weights) / of_blocks(compute_ms.mean(axis=1), block, weights)
    cut = np.minimum(relative, np.sort(relative, axis=None)[-1 - FEW])
    without = slowest_ratio(cut * common) * growth(cut, block, weights[:1], copies)[:, 0]
    heavy, independent = tail_index(relative) > HEAVY, steps / correlated_steps(compute_ms)
    few_steps = compute_ms.size < FEWEST_TIMES or independent < FEWEST_PARTS
    found = []
    for k, each, less in zip(copies, grown, without, strict=True):
        ratio, low, high = with_range(measured * each, max(3.0, independent / k))
        few = ratio - less > RESTS * (ratio - 1) and ratio >= MATTERS
        doubts = {
            "steps": few_steps or steps < max(FEWEST_STEPS, STEPS_PER_COPY * k),
            "tail": heavy,
            "few": few,
            "wide": high > WIDE * low,
        }
        doubt = next((name for name, holds in doubts.items() if holds), "")
        found.append(Forecast(workers=k * workers, ratio=ratio, low=low, high=high, doubt=doubt))
    return found


def with_range(drawn: np.ndarray, parts: float) -> tuple[float, float, float]:
    """A ratio, of which the first of these draws is the estimate, with its 95 % range as of so many independent parts.

    Args:
        drawn: the ratio as measured and as each bootstrap draw has it, (1 + draws,).
        parts: three or more.

    Returns:
        The ratio, and the lower and the upper end of its range.

    """
    excess = np.log(np.maximum(drawn - 1, LEAST_EXCESS))
    wider = two_sided_quantile(0.05, parts - 1) / NORMAL * math.sqrt(parts / (parts - 1))  # as a t-interval is
    high, low = excess[0] - wider * (np.quantile(excess[1:], (0.025, 0.975)) - excess[0])
    return float(drawn[0]), float(1 + np.exp(low)), float(1 + np.exp(high))


def spread_again(relative: np.ndarray, left: float) -> np.ndarray:
    """The times with the share of their own variance put back that dividing by their step's mean took away."""
    own = relative.mean(axis=0)
    return np.maximum(own + (relative - own) / math.sqrt(left), relative.min())


def blocks_of(compute_ms: np.ndarray) -> np.ndarray:
    """The block of each step, (steps,): as many consecutive steps as go together, or more where there are many."""
    steps = len(compute_ms)
    return np.arange(steps) // max(correlated_steps(compute_ms), -(-steps // MOST_BLOCKS))


@lru_cache(maxsize=MOST_BLOCKS)
def block_weights(blocks: int) -> np.ndarray:
    """How often each block is taken: (1 + draws, blocks), once each in the first row."""
    drawn = np.random.default_rng(0).multinomial(blocks, np.full(blocks, 1 / blocks), DRAWS)
    return np.concatenate([np.ones((1, blocks)), drawn])


def of_blocks(values: np.ndarray, block: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The sum of a value per step, by draw."""
    return weights @ np.bincount(block, values)


def growth(relative: np.ndarray, block: np.ndarray, weights: np.ndarray, copies: list[int]) -> np.ndarray:
    """How much longer the slowest takes with several workers like each, (copies, draws), if they are independent."""
    atoms, place = binned(relative)
    below = log_shares(place, len(atoms), block, weights)
    slowest = [np.diff(np.exp(k * below), axis=1, prepend=0) @ atoms for k in (1, *copies)]
    return np.array(slowest[1:]) / slowest[0]


def binned(relative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values as at most ATOMS different ones, and which of them each is: the slowest one by one, others by quantile."""
    order = np.argsort(relative, axis=None)
    single = min(SINGLE, order.size)
    rest = order.size - single
    bins = min(ATOMS - single, rest)
    number = np.concatenate([np.arange(rest) * bins // max(rest, 1), bins + np.arange(single)])
    place = np.empty(order.size, dtype=int)
    place[order] = number
    atoms = np.bincount(number, relative.ravel()[order]) / np.bincount(number)
    return atoms, place.reshape(relative.shape)


def log_shares(place: np.ndarray, atoms: int, block: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Log of the chance that every worker takes no longer than an atom, (draws, atoms)."""
    blocks, steps = weights.shape[1], weights @ np.bincount(block)
    total = np.zeros((len(weights), atoms))
    parts = np.array_split(weights, -(-weights.size * atoms // ONE_THREAD))
    for worker in place.T:
        counts = np.bincount(block * atoms + worker, minlength=blocks * atoms).reshape(blocks, atoms)
        known = counts.cumsum(axis=1, dtype=float)
        share = np.concatenate([part @ known for part in parts]) / steps[:, None]
        with np.errstate(divide="ignore"):
            total += np.log(np.minimum(share, 1))
    return total


def tail_index(relative: np.ndarray) -> float:
    """How heavy the tail of single mini-batches is: the least of Hill's estimates of 1/α over several tails.

    Times are taken over their worker's mean, so that slow workers are no tail. Hiccups of one length are none either:
    the shortest tail lies within them.
    """
    slowest = np.sort((relative / relative.mean(axis=0)).ravel())[::-1]
    sizes = {max(LEAST_IN_TAIL, round(share * slowest.size)) for share in SHARES}
    tails = [np.log(slowest[:size]).mean() - math.log(slowest[size]) for size in sizes if size < slowest.size]
    return float(min(tails, default=0.0))
