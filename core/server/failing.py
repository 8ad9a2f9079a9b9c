"""The queue at a parameter server whose workers fail: pushes that are lost, and those that come later for it.

A worker that fails loses the mini-batch that it is at, or its push as long as the server has not begun to serve it, and
does that mini-batch again when it is back; a push that is being served stands. What happens once the last push of the
epoch is being served is left out.
"""

import numpy as np

from core.server.interruptions import Idle, Interruptions, Loss
from core.server.release import Release, Window
from core.server.timestamps import Timestamps, timestamps
from core.server.windows import Service, WindowedQueue
from core.workload.draws import Draws
from core.workload.next_failures import NextFailures


class FailingQueue(WindowedQueue):
    """Runs that push to one server, between two windows; a window ends with the next failure."""

    def __init__(self, draws: Draws, pushes: int, quota: int | None) -> None:
        super().__init__(draws, pushes)
        self.next, self.quota = NextFailures(draws), quota
        self.interruptions = Interruptions(self.next)
        self.read_ms, self.start_ms = np.zeros(self.pending_ms.shape), np.zeros(self.pending_ms.shape)
        """Of the mini-batch that each worker is at."""
        self.back_ms = np.full(self.pending_ms.shape, -np.inf)
        """When workers are back that failed while they waited to be released."""
        self.down_until_ms = np.full(self.pending_ms.shape, -np.inf)
        """When each is back from its last failure."""
        self.served_until_ms = np.zeros(self.pending_ms.shape)
        """Until when the push of each was served if that failure came meanwhile; else 0."""
        self.restarted_before: dict[tuple[int, int, int], float] = {}
        """When mini-batches (row, worker, run) were begun again that were lost once more, the last time before that."""

    def opened(self) -> tuple[Window, Service]:
        """The pushes on their way, after all failures that come before the first of them is served."""
        while True:
            window, service = super().opened()
            failed_ms, who = self.next.first()
            due = (self.before < self.pushes) & ~(service.served_ms[0] <= failed_ms)
            if not due.any():
                return window, service
            (runs,) = np.nonzero(due)
            self.fail(runs, who[runs], failed_ms[runs])

    def fail(self, runs: np.ndarray, workers: np.ndarray, failed_ms: np.ndarray) -> None:
        """What failures do, one in each of some runs."""
        back_ms = failed_ms + self.draws.workload.failures.restart_ms
        pending = np.isfinite(self.pending_ms[workers, runs])
        finished, read = self.finished[workers, runs], self.read_ms[workers, runs]
        done = ~pending & (finished == self.quota)
        self.next.next_ms[workers[done], runs[done]] = np.inf
        hit = ~done
        self.next.meet((workers[hit], runs[hit]), back_ms[hit])
        lost = pending & (read <= failed_ms)
        late = lost | (pending & (read < back_ms))
        self.down_until_ms[workers[hit], runs[hit]] = back_ms[hit]
        self.served_until_ms[workers, runs] = np.where(pending & ~lost, read, 0.0)
        found = self.interruptions
        for place in np.flatnonzero(hit):
            run, worker, row = int(runs[place]), int(workers[place]), int(finished[place])
            when = float(failed_ms[place]), float(back_ms[place])
            if lost[place]:
                begun = float(read[place]), float(self.start_ms[worker, run])
                found.losses.append(Loss(run, worker, row, *when, *begun))
            else:
                found.idles.append(Idle(run, worker, row - 1, *when))
            if late[place]:
                cell = row, worker, run
                if cell in found.restarts:
                    self.restarted_before[cell] = found.restarts[cell]
                found.restarts[cell] = when[1]
        waits = hit & ~pending
        self.back_ms[workers[waits], runs[waits]] = back_ms[waits]
        lanes = workers[late], runs[late]
        self.read_ms[lanes] = self.start_ms[lanes] = back_ms[late]
        cells = self.cell[lanes]
        self.pending_ms[lanes] = back_ms[late] + self.compute.take(cells) + self.push.take(cells)

    @property
    def last_served_ms(self) -> np.ndarray:
        """When the server took up the last push so far, (runs,), ms; 0 where there was none."""
        done = np.arange(self.finished.max())[:, None, None] < self.finished
        return np.where(done, self.log.served_ms[: len(done)], 0.0).max(axis=(0, 1), initial=0.0)

    def begins_ms(self, go_on_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """When workers that are released read the parameters, and when they compute: not before they are back."""
        away = self.back_ms > go_on_ms
        read = np.where(away, self.back_ms, go_on_ms)
        return read, np.where(away, read, go_on_ms + self.pull)

    def arrival_ms(self, following: np.ndarray, go_on_ms: np.ndarray, lacking: np.ndarray | None) -> np.ndarray:
        compute, push = (times.take(following, mode="clip") for times in (self.compute, self.push))
        arrives_ms = self.begins_ms(go_on_ms)[1] + compute + push
        if lacking is not None:
            arrives_ms[lacking] = np.inf
        return arrives_ms

    def certain(self, service: Service, arrives_ms: np.ndarray) -> np.ndarray:
        """How many pushes of the window nobody can overtake, and are served before the next failure."""
        failed_ms, _ = self.next.first()
        return np.minimum(super().certain(service, arrives_ms), (service.served_ms <= failed_ms).sum(axis=0))

    def write(
        self, window: Window, service: Service, last: np.ndarray, go_on_ms: np.ndarray, after: np.ndarray
    ) -> None:
        super().write(window, service, last, go_on_ms, after)
        goes = go_on_ms > 0
        read, start = self.begins_ms(go_on_ms)
        self.read_ms, self.start_ms = np.where(goes, read, self.read_ms), np.where(goes, start, self.start_ms)
        for worker, run in np.argwhere(goes & (self.back_ms > go_on_ms)).tolist():
            row = (int(last[worker, run]) // self.layer) + 1
            self.interruptions.restarts[row, worker, run] = float(self.back_ms[worker, run])


def serve_failing(draws: Draws, pushes: int, size: int, rule: Release) -> tuple[Timestamps, Interruptions]:
    """Runs of workers that push to one server and fail, until it has applied so many pushes.

    Args:
        draws: compute and network times, and failures.
        pushes: how many the server applies in each run.
        size: how many make an update.
        rule: who goes on after which push.

    """
    queue = FailingQueue(draws, pushes, rule.quota)
    while not queue.all_served:
        queue.serve_window(rule)
    passed = timestamps(draws, size, queue.log.first(queue.rows), queue.finished, np.isfinite(queue.pending_ms))
    return queue.interruptions.corrected(passed, draws, size), queue.interruptions
