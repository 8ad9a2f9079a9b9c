"""Pushes through a first-come-first-served server, in many runs or of many workers: a window of them at a time.

What is on its way when a window opens is served in the order of its arrival, all of it together, up to the first push
that somebody who goes on in the window could overtake: conservative simulation with lookahead (Chandy & Misra 1979),
where the draws tell exactly how far ahead one may look.

Arrays are (workers, runs) where nothing else is said. A *cell* is the place of a mini-batch in the flattened rows of
draws and of the log: row · workers · runs + worker · runs + run.
"""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from core.server.release import Release, Window
from core.server.timestamps import Log, Timestamps, timestamps
from core.workload.draws import Draws
from core.workload.networks import PerWorker

FEW_RUNS = 16  # up to which plain numbers are quicker
TRIAL = 50  # windows


def serve(draws: Draws, pushes: int, size: int, rule: Release) -> Timestamps | None:
    """Runs of workers that push to one server, until it has applied so many pushes.

    Args:
        draws: compute and network times.
        pushes: how many the server applies in each run.
        size: how many make an update.
        rule: who goes on after which push.

    Returns:
        The timestamps, or None for a single run whose first windows hold so few pushes that a heap is quicker: where
        some compute times are next to nothing, and the server is not what everybody waits for.

    Raises:
        ScenarioError: where the draws have fewer rows than the runs need.
        TooManyRuns: where the runs need too much memory together, and fewer at a time would do.

    """
    queue, windows = WindowedQueue(draws, pushes), 0
    while not queue.all_served:
        windows += 1
        if draws.runs == 1 and windows == TRIAL and queue.before[0] < TRIAL * draws.workload.workers / 8:
            return None
        queue.serve_window(rule)
    return queue.timestamps(size)


@dataclass(frozen=True)
class Service:
    """When the pushes of a window are served, by their number in it, (workers, runs)."""

    arrived_ms: np.ndarray
    served_ms: np.ndarray
    done_ms: np.ndarray
    """Infinite behind the last, for what never happens, (workers + 1, runs)."""


class WindowedQueue:
    """Runs that push to one server, between two windows."""

    def __init__(self, draws: Draws, pushes: int):
        workload = draws.workload
        self.draws, self.pushes = draws, pushes
        self.service, self.pull = (
            of(workload.workers) for of in (workload.network.service_of, workload.network.pull_of)
        )
        self.workers, self.runs = shape = workload.workers, draws.runs
        self.run, self.number = np.arange(self.runs), np.arange(self.workers)[:, None]
        self.layer = self.workers * self.runs
        self.cell = np.arange(self.layer).reshape(shape)
        """Of each worker's current mini-batch."""
        self.take_rows(workload.batches)
        self.log = Log.empty((self.rows + 1, *shape))  # the last row is for workers that are done
        self.pending_ms = self.compute.take(self.cell) + self.push.take(self.cell)
        """When each worker's push arrives; infinite where none is on its way."""
        self.finished, self.before = np.zeros(shape, dtype=np.int64), np.zeros(self.runs, dtype=np.int64)
        """How many pushes have been served of each worker, and of all, (runs,)."""
        self.free_ms = np.zeros(self.runs)
        """When the server is free, (runs,)."""

    def take_rows(self, rows: int) -> None:
        """Have so many rows of draws at hand, flattened."""
        self.rows = rows
        self.compute = self.draws.compute_rows(rows).reshape(-1)
        self.push = self.draws.push_rows(rows).reshape(-1)

    @property
    def all_served(self) -> bool:
        """Whether every run has had all its pushes."""
        return bool(self.before.min() >= self.pushes)

    def serve_window(self, rule: Release) -> None:
        """Serve what is certain of the pushes on their way; where draws run out, none of them, and draw more.

        What follows a push is provisional: each window writes it again until the push is certain.
        """
        window, service = self.opened()
        after = rule.in_window(window)
        go_on_ms = service.done_ms.take(after * self.runs + self.run)
        following = self.cell + self.layer * window.pushing
        lacking = self.finished + window.pushing >= self.rows if self.finished.max() + 1 >= self.rows else None
        arrives_ms = self.arrival_ms(following, go_on_ms, lacking)
        certain = self.certain(service, arrives_ms)
        goes, pushed = after < certain, window.pushing & (window.place < certain)
        if lacking is not None and goes[lacking].any():
            self.take_rows(self.draws.more_rows(self.rows))
            self.log = self.log.resized(self.rows + 1)
            return
        self.write(window, service, following - self.layer, np.where(goes, go_on_ms, 0), after)
        self.finished += pushed
        self.cell += self.layer * pushed
        self.pending_ms = np.where(goes, arrives_ms, np.where(pushed, np.inf, self.pending_ms))
        self.free_ms = np.where(certain > 0, service.done_ms[certain - 1, self.run], self.free_ms)
        self.before = self.before + certain

    def opened(self) -> tuple[Window, Service]:
        """The pushes on their way in the order of their arrival, ties by worker number, and their service."""
        order = self.pending_ms.argsort(axis=0, kind="stable") * self.runs + self.run
        place = np.empty_like(self.cell)
        place.put(order, np.broadcast_to(self.number, place.shape))
        arrived_ms = self.pending_ms.take(order)
        each = self.service if isinstance(self.service, float) else self.service[order // self.runs, 0]
        served_ms, ends_ms = served(arrived_ms, self.free_ms, each)
        done_ms = np.concatenate([ends_ms, np.full((1, self.runs), np.inf)])
        window = Window(place, np.isfinite(self.pending_ms), self.before, self.finished)
        return window, Service(arrived_ms, served_ms, done_ms)

    def arrival_ms(self, following: np.ndarray, go_on_ms: np.ndarray, lacking: np.ndarray | None) -> np.ndarray:
        """When the push of a worker's following mini-batch arrives; infinite where it has no draws for it yet."""
        compute, push = (times.take(following, mode="clip") for times in (self.compute, self.push))
        arrives_ms = go_on_ms + self.pull + compute + push
        if lacking is not None:
            arrives_ms[lacking] = np.inf
        return arrives_ms

    def certain(self, service: Service, arrives_ms: np.ndarray) -> np.ndarray:
        """How many pushes of the window nobody can overtake, (runs,).

        The next push of a released worker arrives no earlier than the first of `arrives_ms`, so what arrives before
        cannot be overtaken; nor can the first push of the window.
        """
        safe = (service.arrived_ms < arrives_ms.min(axis=0)) & (self.before + self.number < self.pushes)
        safe[0] = self.before < self.pushes
        return np.count_nonzero(safe, axis=0)

    def write(
        self, window: Window, service: Service, last: np.ndarray, go_on_ms: np.ndarray, after: np.ndarray
    ) -> None:
        """Write down the pushes of a window, and how their workers go on; last: the cells before what follows."""
        place = np.where(window.pushing, window.place, 0)
        self.log.served_ms.put(self.cell, service.served_ms.take(place * self.runs + self.run))
        self.log.rank.put(self.cell, self.before + window.place)
        self.log.go_on_ms.put(last, go_on_ms)
        self.log.went_after.put(last, self.before + after + 1)

    def timestamps(self, size: int) -> Timestamps:
        """The timestamps of every mini-batch."""
        under_way = np.isfinite(self.pending_ms)
        return timestamps(self.draws, size, self.log.first(self.rows), self.finished, under_way)


def served(arrived_ms: np.ndarray, free_ms: np.ndarray, service_ms: PerWorker) -> tuple[np.ndarray, np.ndarray]:
    """When pushes that arrive in this order are served, and when that ends.

    Args:
        arrived_ms: when they arrive, rising along the first axis, (workers, runs), ms.
        free_ms: when the server is free, (runs,), ms.
        service_ms: how long each push takes, ms: the same for all, or one by one in this order, (workers, runs).

    """
    if isinstance(service_ms, np.ndarray):
        return served_unevenly(arrived_ms, free_ms, service_ms)
    if not service_ms:
        return arrived_ms, arrived_ms

    def next_done(free_at: float, arrives: float) -> float:
        return (arrives if arrives > free_at else free_at) + service_ms

    done = np.empty((len(arrived_ms) + 1, free_ms.size))
    if free_ms.size < FEW_RUNS:
        for run, free_at in enumerate(free_ms.tolist()):
            done[:, run] = list(accumulate(arrived_ms[:, run].tolist(), next_done, initial=free_at))
    else:  # the same sums, for all runs together
        done[0] = free_ms
        for at, arrives in enumerate(arrived_ms):
            np.maximum(arrives, done[at], out=done[at + 1])
            done[at + 1] += service_ms
    return np.maximum(arrived_ms, done[:-1]), done[1:]


def served_unevenly(
    arrived_ms: np.ndarray, free_ms: np.ndarray, service_ms: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same where pushes take different times, (workers, runs)."""
    done = np.empty((len(arrived_ms) + 1, free_ms.size))
    done[0] = free_ms
    for at, arrives in enumerate(arrived_ms):
        np.maximum(arrives, done[at], out=done[at + 1])
        done[at + 1] += service_ms[at]
    return np.maximum(arrived_ms, done[:-1]), done[1:]
