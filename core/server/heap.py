"""Pushes through a first-come-first-served server in one run of few workers: a heap of what comes next.

The same numbers as `core.server.windows`, which is far quicker where there are many pushes on their way.
"""

import heapq
from array import array
from collections.abc import Callable, Sequence

import numpy as np

from core.server.release import Release
from core.server.timestamps import Log, Timestamps, timestamps
from core.workload.draws import Draws

Pending = tuple[float, int]
"""A push on its way: when it arrives, and whose it is."""
Enter = Callable[[list[Pending], Pending], object]


def serve_one(draws: Draws, pushes: int, size: int, rule: Release) -> Timestamps:
    """A run of workers that push to one server, until it has applied so many pushes.

    Args:
        draws: compute and network times; their first run counts.
        pushes: how many the server applies.
        size: how many make an update.
        rule: who goes on after which push.

    """
    released = rule.push_by_push()
    workers, rows = draws.workload.workers, draws.workload.batches
    network, each = draws.workload.network, np.zeros((workers, 1))
    services, pulls = ((each + of)[:, 0].tolist() for of in (network.service_of(workers), network.pull_of(workers)))
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
        free += services[worker]
        finished[worker] += 1
        enter: Enter = heapq.heapreplace  # the first that goes on takes the place of the push that is done
        for who in released(number, worker, finished):
            batch = finished[who]
            if batch == rows:
                rows = draws.more_rows(rows)
                compute, push = first_run(draws, rows)
            at = batch * workers + who
            enter(pending, (free + pulls[who] + compute[at] + push[at], who))
            enter = heapq.heappush
            begun.append(number)
            begun_by.append(who)
        if enter is heapq.heapreplace:
            heapq.heappop(pending)
    return logged(draws, size, *map(np.asarray, (pushed, served, begun, begun_by)))


def first_run(draws: Draws, rows: int) -> tuple[Sequence[float], Sequence[float]]:
    """The compute and push times of the first run, row by row; each becomes a plain number only when it is read."""
    compute, push = (
        np.ascontiguousarray(times[..., 0]).ravel().data for times in (draws.compute_rows(rows), draws.push_rows(rows))
    )
    return compute, push


def logged(
    draws: Draws, size: int, pushed: np.ndarray, served: np.ndarray, begun: np.ndarray, begun_by: np.ndarray
) -> Timestamps:
    """What happened, from the pushes in their order and from what was begun after which of them.

    Args:
        draws: compute and network times.
        size: pushes of an update.
        pushed: whose each push was, (pushes,).
        served: when its service began, ms, (pushes,).
        begun: after which push each mini-batch but the first ones was begun.
        begun_by: whose it was.

    """
    workers = draws.workload.workers
    finished, started = np.bincount(pushed, minlength=workers), 1 + np.bincount(begun_by, minlength=workers)
    log = Log.empty((started.max(), workers, 1))
    mine, last = (own_number(pushed), pushed, 0), (own_number(begun_by), begun_by, 0)
    log.served_ms[mine], log.rank[mine] = served, np.arange(len(pushed))
    service = np.zeros((workers, 1)) + draws.workload.network.service_of(workers)
    log.go_on_ms[last], log.went_after[last] = served[begun] + service[pushed[begun], 0], begun + 1
    return timestamps(draws, size, log, finished[:, None], (started > finished)[:, None])


def own_number(workers: np.ndarray) -> np.ndarray:
    """How many times each of these workers has occurred before."""
    order = np.argsort(workers.astype(np.int16), kind="stable")  # short whole numbers are sorted by their digits
    counts = np.bincount(workers)
    number = np.empty_like(workers)
    number[order] = np.arange(len(workers)) - np.repeat(np.cumsum(counts) - counts, counts)
    return number
