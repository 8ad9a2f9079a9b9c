"""Pushes through a first-come-first-served server, in many runs or of many workers: a window of them at a time.

What is on its way when a window opens is served in the order of its arrival, all of it together, up to the first push
that somebody who goes on in the window could overtake: conservative simulation with lookahead (Chandy & Misra 1979),
where the draws tell exactly how far ahead one may look. Arrays are (workers, runs), or with rows in front of that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from core.server.timestamps import Stations, stations
from core.workload.draws import Draws

FEW_RUNS = 16  # up to which plain numbers are quicker
TRIAL = 50  # windows


@dataclass(frozen=True)
class Window:
    """The pushes that are on their way to the server, numbered in the order in which they arrive, 0 first."""

    place: np.ndarray
    """The number of each worker's push, (workers, runs); of no meaning for who has none."""
    pushing: np.ndarray
    """Whether a worker has one, (workers, runs)."""
    before: np.ndarray
    """How many pushes have been served before the window, (runs,)."""
    finished: np.ndarray
    """How many of them were each worker's, (workers, runs)."""

    @property
    def never(self) -> int:
        """What stands for no push of the window."""
        return len(self.place)


Release = Callable[[Window], np.ndarray]
"""After which push of the window each worker goes on, (workers, runs); `Window.never` where it does not."""


def serve(draws: Draws, pushes: int, size: int, release: Release) -> Stations | None:
    """Runs of workers that push to one server, until it has applied so many pushes; an update is `size` of them.

    Every worker's next mini-batch is written down in each window, and again in the next one until it is certain.
    None for a single run whose first windows hold so few pushes that a heap is quicker: where some compute times are
    next to nothing, and the server is not what everybody waits for.
    """
    workers, rows, runs = draws.workload.workers, draws.workload.batches, draws.runs
    service, pull, layer = draws.workload.network.service_ms, draws.workload.network.pull_ms, workers * runs
    compute, push = flat_draws(draws, rows)
    log = [np.zeros((rows + 1, workers, runs), dtype=kind) for kind in (float, int, float, int)]  # a row for the done
    pending = (compute[:layer] + push[:layer]).reshape(workers, runs)
    cell = np.arange(layer).reshape(workers, runs)  # of each worker's current mini-batch in the flattened log
    finished, before, free = np.zeros(pending.shape, dtype=np.int64), np.zeros(runs, dtype=np.int64), np.zeros(runs)
    number, every = np.arange(workers)[:, None], np.arange(runs)
    place, done_ms = np.empty_like(cell), np.full((workers + 1, runs), np.inf)
    windows = 0
    while before.min() < pushes:
        windows += 1
        if runs == 1 and windows == TRIAL and before[0] < TRIAL * workers / 8:
            return None
        order = pending.argsort(axis=0, kind="stable") * runs + every  # ties: the lower worker number
        arrived, pushing = pending.take(order), np.isfinite(pending)
        place.put(order, np.broadcast_to(number, place.shape))
        served, done_ms[:-1] = queue(arrived, free, service)
        after = release(Window(place, pushing, before, finished))
        now = done_ms.take(after * runs + every)
        following = cell + layer * pushing
        arrive = now + pull + compute.take(following, mode="clip") + push.take(following, mode="clip")
        lacking = finished + pushing >= rows if finished.max() + 1 >= rows else None
        if lacking is not None:
            arrive[lacking] = np.inf
        # Nobody who goes on here arrives before arrive.min(): what does keeps its place, and so does the first push.
        safe = (arrived < arrive.min(axis=0)) & (before + number < pushes)
        safe[0] = before < pushes
        certain = np.count_nonzero(safe, axis=0)
        goes, pushed = after < certain, pushing & (place < certain)
        if lacking is not None and goes[lacking].any():
            rows = draws.more_rows(rows)
            compute, push = flat_draws(draws, rows)
            log = [lengthened(array, rows + 1) for array in log]
            continue
        served_ms, rank, go_on_ms, went_after = log
        served_ms.put(cell, served.take(np.where(pushing, place, 0) * runs + every))
        rank.put(cell, before + place)
        go_on_ms.put(following - layer, np.where(goes, now, 0))
        went_after.put(following - layer, before + after + 1)
        finished += pushed
        cell += layer * pushed
        pending = np.where(goes, arrive, np.where(pushed, np.inf, pending))
        free = np.where(certain > 0, done_ms[certain - 1, every], free)
        before = before + certain
    return stations(draws, size, finished, np.isfinite(pending), *(array[:-1] for array in log))


def flat_draws(draws: Draws, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute and push times of so many rows, one after the other."""
    return draws.compute_rows(rows).reshape(-1), draws.push_rows(rows).reshape(-1)


def queue(arrived: np.ndarray, free: np.ndarray, service: float) -> tuple[np.ndarray, np.ndarray]:
    """When pushes that arrive in this order are served by a server that is free at such a time, and when that ends."""
    if not service:
        return arrived, arrived

    def next_done(free_at: float, arrives: float) -> float:
        return (arrives if arrives > free_at else free_at) + service

    done = np.empty((len(arrived) + 1, free.size))
    if free.size < FEW_RUNS:
        for run, free_at in enumerate(free.tolist()):
            done[:, run] = list(accumulate(arrived[:, run].tolist(), next_done, initial=free_at))
    else:  # the same sums, for all runs together
        done[0] = free
        for at, arrives in enumerate(arrived):
            np.maximum(arrives, done[at], out=done[at + 1])
            done[at + 1] += service
    return np.maximum(arrived, done[:-1]), done[1:]


def lengthened(array: np.ndarray, rows: int) -> np.ndarray:
    """The array with rows of zeros added to its end."""
    longer = np.zeros((rows, *array.shape[1:]), dtype=array.dtype)
    longer[: len(array)] = array
    return longer
