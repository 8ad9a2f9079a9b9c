"""Pushes through a first-come-first-served server in a single run: a heap of what comes next, in plain Python.

The same numbers as `core.events.serve`, which does many runs at once and is far slower for one.
"""

import heapq
from array import array
from collections.abc import Callable, Iterable

import numpy as np

from core.draws import Draws
from core.stations import Stations

ReleaseOne = Callable[[int, int, list[int]], Iterable[int]]


def serve_one(draws: Draws, pushes: int, size: int, release: ReleaseOne) -> Stations:
    """A run of workers that push to one server, until it has applied so many pushes; an update is `size` of them.

    release(number, worker, finished) says which workers go on after push `number` (0 first) of that worker; finished
    counts every worker's applied pushes.
    """
    workers, rows = draws.scenario.workers, draws.scenario.batches
    service, pull = draws.scenario.network.service_ms, draws.scenario.network.pull_ms
    compute, push = first_run(draws, rows)
    pending = [(compute[worker] + push[worker], worker) for worker in range(workers)]
    heapq.heapify(pending)
    finished, free = [0] * workers, 0.0
    pushed, served = array("q"), array("d")  # of each push: by whom, and when its service began
    begun, begun_by = array("q"), array("q")  # of each mini-batch but the first ones: after which push, and by whom
    for number in range(pushes):
        arrived, worker = pending[0]  # ties: the lower worker number
        if arrived > free:
            free = arrived
        served.append(free)
        pushed.append(worker)
        free += service
        finished[worker] += 1
        enter = heapq.heapreplace  # the first that goes on takes the place of the push that is done
        for who in release(number, worker, finished):
            batch = finished[who]
            if batch == rows:
                rows = draws.more_rows(rows)
                compute, push = first_run(draws, rows)
            at = batch * workers + who
            enter(pending, (free + pull + compute[at] + push[at], who))
            enter = heapq.heappush
            begun.append(number)
            begun_by.append(who)
        if enter is heapq.heapreplace:
            heapq.heappop(pending)
    return stations(draws, size, *map(np.asarray, (pushed, served, begun, begun_by)))


def first_run(draws: Draws, rows: int) -> tuple[memoryview, memoryview]:
    """The compute and push times of the first run, row by row: plain numbers when they are looked at, and only then."""
    drawn = draws.compute_rows(rows), draws.push_rows(rows)
    return tuple(memoryview(np.ascontiguousarray(times[..., 0]).ravel()) for times in drawn)


def stations(draws: Draws, size: int, pushed, served, begun, begun_by) -> Stations:
    """When each mini-batch passed what, from the pushes in their order and from what was begun after which of them."""
    workers, network = draws.scenario.workers, draws.scenario.network
    started = 1 + np.bincount(begun_by, minlength=workers)
    shape = (started.max(), workers)
    times = {name: np.zeros(shape) for name in ("read", "start", "ready", "arrived", "served", "applied", "go_on")}
    rank, version = np.full(shape, -1), np.zeros(shape, dtype=np.int64)
    applied = served + network.service_ms
    mine = own_number(pushed), pushed
    times["served"][mine], times["applied"][mine], times["go_on"][mine] = served, applied, applied
    rank[mine] = np.arange(len(pushed))
    last, now = own_number(begun_by), applied[begun]
    times["go_on"][last, begun_by] = now
    times["read"][last + 1, begun_by], times["start"][last + 1, begun_by] = now, now + network.pull_ms
    version[last + 1, begun_by] = (begun + 1) // size
    has_begun = np.arange(shape[0])[:, None] < started
    times["ready"] = np.where(has_begun, times["start"] + draws.compute_rows(shape[0])[..., 0], 0)
    times["arrived"] = np.where(has_begun, times["ready"] + draws.push_rows(shape[0])[..., 0], 0)
    times |= {"rank": rank, "version": version, "started": has_begun}
    return Stations(**{name: values[..., None] for name, values in times.items()})


def own_number(workers: np.ndarray) -> np.ndarray:
    """How many times each of these workers has occurred before."""
    order = np.argsort(workers.astype(np.int16), kind="stable")  # short whole numbers are sorted by their digits
    counts = np.bincount(workers)
    number = np.empty_like(workers)
    number[order] = np.arange(len(workers)) - np.repeat(np.cumsum(counts) - counts, counts)
    return number
