"""When a worker was slow: stretches of steps in which it took longer than at its own fastest sustained level.

A worker's times are taken over what is usual for it and for the step, so that a slow step of everybody is nobody's. The
ranks of these, as normal scores, are scanned for the window of steps that stands out most from the rest (circular
binary segmentation: Olshen, Venkatraman, Lucito and Wigler, 2004). What stands out by more than chance is cut out, and
the pieces are scanned again.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist

import numpy as np

LEVEL = 0.02
"""Chance that any worker of a trace seems to have an episode where no step differs from another."""
SHORTEST = 5  # steps of an episode: fewer are single hiccups
SLOWER = 1.1  # times its fastest sustained level, from which on a worker counts as slow
FEW_PEERS = 3  # up to so many workers, a slow one makes the others look quick
GROWTH = 1.15  # from one length of a window that is scanned to the next
SHUFFLES = 4_000  # random orders of the steps by which chance is judged
FEW_STEPS = 128  # up to which random orders are drawn; of more steps, a bound serves as well
COMMON = 0.01  # chance that so many random orders can tell; what is rarer follows from the normal distribution's tail


@dataclass(frozen=True, kw_only=True)
class Episode:
    """A stretch of rows of a table in which a column was slow."""

    worker: int
    first: int
    last: int
    """Both inside."""
    factor: float
    """Times its fastest sustained level."""

    @property
    def excess(self) -> float:
        """What it adds, in steps of the usual length."""
        return (self.factor - 1) * (self.last - self.first + 1)

    @property
    def rows(self) -> slice:
        """Its rows of the table."""
        return slice(self.first, self.last + 1)


def found_episodes(compute_ms: np.ndarray) -> list[Episode]:
    """When which worker was slower than at its own fastest sustained level, relative to its peers.

    A level is sustained when it lasts for five steps. In independent draws, whatever their law, at most 5 % of all
    traces have an episode.

    Args:
        compute_ms: what was measured, (steps, workers) in ms.

    Returns:
        Stretches of five steps or more at over 1.1 times the worker's fastest level, by worker and step.

    """
    steps, workers = compute_ms.shape
    if workers < 2 or steps < 2 * SHORTEST:
        return []
    relative = relative_times(compute_ms)
    stands_out = np.abs(best_windows(normal_scores(relative))[0]) > chance_limit(steps, workers)
    ends = {int(worker): level_ends(relative[:, worker], workers) for worker in np.flatnonzero(stands_out)}
    by_itself = np.ones(steps, dtype=bool)  # where no peer that was named before was slow
    found = []
    while ends:
        slow = {worker: slow_stretches(relative[:, worker], ends[worker], worker, by_itself) for worker in ends}
        first = max(slow, key=lambda worker: sum(episode.excess for episode in slow[worker]))
        for worker in [first] if workers <= FEW_PEERS else list(ends):
            found += slow[worker]
            del ends[worker]
        for episode in slow[first]:
            by_itself[episode.rows] = False
    return sorted(found, key=lambda episode: (episode.worker, episode.first))


def relative_times(compute_ms: np.ndarray) -> np.ndarray:
    """Each time over its worker's median, and that over what is usual for the step, (steps, workers).

    What is usual for a step is the lower median of its workers, so that of two the quicker one sets it.
    """
    own = compute_ms / np.median(compute_ms, axis=0)
    return own / np.quantile(own, 0.5, axis=1, keepdims=True, method="lower")


def slow_stretches(relative: np.ndarray, ends: list[int], worker: int, by_itself: np.ndarray) -> list[Episode]:
    """The stretches of a worker at levels above its fastest one; neighbours are one episode.

    The fastest one is looked for in steps in which the worker is by itself: beside a slow one it only looks quick.
    """
    levels = [(begin, end, float(np.median(relative[begin:end]))) for begin, end in pairwise(ends)]
    sustained = [level for level in levels if level[1] - level[0] >= SHORTEST]
    alone = [level for level in sustained if by_itself[level[0] : level[1]].mean() > 0.5]
    fastest = min(level for _, _, level in alone or sustained)
    joined: list[tuple[int, int]] = []
    for begin, end, level in levels:
        if level <= SLOWER * fastest:
            continue
        if joined and joined[-1][1] == begin:
            begin = joined.pop()[0]
        joined.append((begin, end))
    cut = [trimmed(relative, begin, end, fastest) for begin, end in joined]
    return [
        Episode(worker=worker, first=begin, last=end - 1, factor=float(np.median(relative[begin:end])) / fastest)
        for begin, end in cut
        if end - begin >= SHORTEST
    ]


def trimmed(relative: np.ndarray, begin: int, end: int, fastest: float) -> tuple[int, int]:
    """The stretch without rows at its ends that are closer to the fastest level than to its own."""
    level = float(np.median(relative[begin:end]))
    slow = np.flatnonzero(relative[begin:end] > math.sqrt(level * fastest))
    return begin + int(slow[0]), begin + int(slow[-1]) + 1


def level_ends(values: np.ndarray, workers: int) -> list[int]:
    """Where one level ends and the next begins, with 0 and the number of steps."""
    ends, pieces = {0, len(values)}, [(0, len(values))]
    while pieces:
        begin, end = pieces.pop()
        if end - begin < 2 * SHORTEST:
            continue
        scores = normal_scores(values[begin:end, None])
        (size,), (first,), (length,) = best_windows(scores)
        if abs(size) <= chance_limit(end - begin, workers):
            continue
        first, after = sharpened(scores[:, 0], int(first), int(first + length))
        cuts = sorted({begin, begin + first, begin + after, end})
        ends |= set(cuts)
        pieces += pairwise(cuts)
    return sorted(ends)


def normal_scores(values: np.ndarray) -> np.ndarray:
    """The ranks of each column's values as quantiles of the normal distribution; equal values share theirs."""
    count, columns = values.shape
    scores, quantiles = np.empty(values.shape), normal_quantiles(count)
    for column in range(columns):
        _, place, times = np.unique(values[:, column], return_inverse=True, return_counts=True)
        last = np.cumsum(times)
        scores[:, column] = quantiles[(2 * last - times + 1) - 2][place]
    scores -= scores.mean(axis=0)
    deviation = scores.std(axis=0)
    return scores / np.where(deviation > 0, deviation, 1)


@lru_cache(maxsize=64)
def normal_quantiles(count: int) -> np.ndarray:
    """The normal distribution's quantiles at the ranks 1, 1½, 2, … of so many values."""
    ranks = np.arange(2, 2 * count + 1) / 2
    lower = [NormalDist().inv_cdf(rank / (count + 1)) for rank in ranks[:count]]
    return np.array([*lower, *(-value for value in lower[-2::-1])])


def lengths(steps: int) -> list[int]:
    """The lengths of windows that are scanned: each a seventh longer than the last."""
    found, length = [], SHORTEST
    while length <= steps - SHORTEST:
        found.append(length)
        length = max(length + 1, int(length * GROWTH))
    return found


def best_windows(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each column the window that stands out most: by how many standard deviations, its first row, its length."""
    steps, columns = scores.shape
    sums = np.concatenate([np.zeros((1, columns)), np.cumsum(scores, axis=0)])
    size, first, length = np.zeros(columns), np.zeros(columns, dtype=int), np.full(columns, steps)
    for each in lengths(steps):
        inside = np.abs(sums[each:] - sums[:-each])
        place = inside.argmax(axis=0)
        found = np.take_along_axis(inside, place[None], axis=0)[0] / deviation_of_sum(each, steps)
        better = found > size
        size[better], first[better], length[better] = found[better], place[better], each
    return size, first, length


def deviation_of_sum(length: int, steps: int) -> float:
    """Standard deviation of the sum of some of the scores, drawn without replacement."""
    return math.sqrt(length * (1 - length / steps) * steps / (steps - 1))


def sharpened(scores: np.ndarray, first: int, after: int) -> tuple[int, int]:
    """The window near one that was found on the grid of lengths which stands out most, its ends moved one at a time."""
    steps, sums = len(scores), np.concatenate([[0.0], np.cumsum(scores)])

    def size(begin: np.ndarray | int, end: np.ndarray | int) -> np.ndarray:
        inside = np.asarray(end) - np.asarray(begin)
        allowed = np.minimum(inside, steps - inside) >= SHORTEST
        return np.where(allowed, np.abs(sums[end] - sums[begin]) / np.sqrt(inside * np.maximum(steps - inside, 1)), 0)

    around = max(3, math.ceil((GROWTH - 1) * (after - first)))
    for _ in range(4):
        begins = np.arange(max(0, first - around), min(first + around, after - SHORTEST) + 1)
        first = int(begins[size(begins, after).argmax()])
        ends = np.arange(max(after - around, first + SHORTEST), min(steps, after + around) + 1)
        after = int(ends[size(first, ends).argmax()])
    return first, after


def chance_limit(steps: int, workers: int) -> float:
    """By how much the best window of a worker stands out in at most LEVEL / workers of all orders of its steps.

    A window's sum of scores is about normal, with a lighter tail. So the chance that the best of them is beyond a limit
    is that of a normal value, times some number: of few steps it is counted in random orders, of many it is
    below steps², twice the number of windows (Bonferroni).
    """
    chance = LEVEL / workers
    if steps > FEW_STEPS:
        return NormalDist().inv_cdf(1 - chance / steps**2)
    sizes = sizes_by_chance(steps if steps < 40 else -(-steps // 8) * 8)
    at = max(chance, COMMON)
    common = float(np.quantile(sizes, 1 - at, method="higher"))
    return NormalDist().inv_cdf(1 - NormalDist().cdf(-common) * chance / at)


@lru_cache(maxsize=FEW_STEPS)
def sizes_by_chance(steps: int) -> np.ndarray:
    """By how much the best window stands out in random orders of different times."""
    scores = normal_scores(np.arange(steps, dtype=float)[:, None])
    orders = np.random.default_rng(0).permuted(np.repeat(scores, SHUFFLES, axis=1), axis=0)
    return best_windows(orders)[0]
