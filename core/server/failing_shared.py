"""One queue of mini-batches for workers that push to a server and fail.

The mini-batch of a worker that fails goes back to the queue; whoever has nothing to do takes it, the lowest number
first. A worker with nothing to do cannot fail, as one that is done for good cannot.

As long as more mini-batches are left than there are workers, nobody has nothing to do, and who is back takes one for
which it has the same draws: each worker goes on as with batches of its own. The end is served event by event, one run
after the other.
"""

from heapq import heapify, heappop, heappush

import numpy as np

from core.server.failing import FailingQueue
from core.server.heap import own_number
from core.server.interruptions import Idle, Interruptions, Loss
from core.server.release import AfterPush, Release, Window
from core.server.timestamps import Timestamps, timestamps
from core.workload.draws import FEW_PUSHES, Draws

NEVER = np.inf


class GoesOn(Release):
    """A worker that has been served goes on."""

    def in_window(self, window: Window) -> np.ndarray:
        return np.where(window.pushing, window.place, window.never)

    def push_by_push(self) -> AfterPush:
        return lambda number, worker, finished: (worker,)


def serve_shared(draws: Draws, size: int) -> tuple[Timestamps, Interruptions]:
    """Runs whose workers take mini-batches from one queue, push them to one server, and fail.

    Args:
        draws: compute and network times, and failures.
        size: pushes of an update.

    """
    work, workers = draws.workload.work, draws.workload.workers
    few = workers * draws.runs < FEW_PUSHES  # then events are quicker from the beginning
    queue, rule = FailingQueue(draws, 0 if few else work - workers, None), GoesOn()
    while not queue.all_served:
        queue.serve_window(rule)
    served_ms = queue.last_served_ms
    runs = [SharedRun(queue, run, float(served_ms[run])) for run in range(draws.runs)]
    for run in runs:
        run.serve()
    finished = np.stack([run.finished for run in runs], axis=1)
    under_way, found = np.zeros_like(finished, dtype=bool), queue.interruptions
    rows = max([int(finished.max()), *(loss.row + 1 for loss in found.losses)])  # lost ones may never be begun again
    log = queue.log.resized(max(rows, len(queue.log.rank)))
    for number, run in enumerate(runs):
        pushed = np.array(run.pushed)
        mine = (queue.finished[pushed, number] + own_number(pushed), pushed, number)
        log.served_ms[mine], log.rank[mine] = run.served, queue.pushes + np.arange(len(pushed))
        for row, worker, go_on_ms, after in run.went_on:
            log.go_on_ms[row, worker, number], log.went_after[row, worker, number] = go_on_ms, after
    return found.corrected(timestamps(draws, size, log.first(rows), finished, under_way), draws, size), found


class SharedRun:
    """One run, between two events.

    Args:
        queue: what has happened so far; nobody has had nothing to do.
        run: the number of the run.
        now_ms: when the server took up its last push.

    """

    def __init__(self, queue: FailingQueue, run: int, now_ms: float) -> None:
        draws = queue.draws
        workload = draws.workload
        self.draws, self.run, self.following, self.found = draws, run, queue.next, queue.interruptions
        self.restart_ms = workload.failures.restart_ms
        self.before, self.more, self.workers = queue.pushes, workload.work - queue.pushes, workload.workers
        """Pushes that have been served, and that are still to come."""
        network, each = workload.network, np.zeros((self.workers, 1))
        self.services, self.pulls = (
            (each + of)[:, 0].tolist() for of in (network.service_of(self.workers), network.pull_of(self.workers))
        )
        """How long a push of each keeps the server busy, and how long the answer travels, ms."""
        self.rows = queue.rows
        self.compute, self.push = (
            times.reshape(-1, self.workers, draws.runs)[..., run] for times in (queue.compute, queue.push)
        )
        """The rows of draws that are available."""
        self.finished = queue.finished[:, run].copy()
        down_until_ms = queue.down_until_ms[:, run]
        away = [worker for worker in np.flatnonzero(down_until_ms > -NEVER).tolist() if down_until_ms[worker] >= now_ms]
        self.left = workload.work - self.before - (self.workers - len(away))
        """Mini-batches in the queue."""
        self.free_ms = float(queue.free_ms[run])
        self.arrives = queue.pending_ms[:, run].tolist()
        """When the push of each arrives; never where none is on its way."""
        self.read_ms, self.start_ms = queue.read_ms[:, run].tolist(), queue.start_ms[:, run].tolist()
        for worker in away:
            self.arrives[worker] = NEVER
            cell = int(self.finished[worker]), worker, run
            self.found.restarts.pop(cell, None)  # it may not come to that
            if cell in queue.restarted_before:
                self.found.restarts[cell] = queue.restarted_before[cell]
        self.arriving = [(time, worker) for worker, time in enumerate(self.arrives) if time < NEVER]
        self.coming = [(float(down_until_ms[worker]), worker) for worker in away]
        """Those that are down: when each is back, and its number."""
        self.failing = [(time, worker) for worker, time in enumerate(self.following.next_ms[:, run].tolist())]
        for heap in (self.arriving, self.coming, self.failing):
            heapify(heap)
        self.idle: dict[int, tuple[float, bool]] = {}
        """Those with nothing to do: since when they may begin, and whether they were down before that."""
        served_until_ms = queue.served_until_ms[:, run]
        self.served_until = {worker: float(served_until_ms[worker]) for worker in away if served_until_ms[worker] > 0}
        """Those that failed while their push was being served: until when it was."""
        self.pushed: list[int] = []
        self.served: list[float] = []
        self.went_on: list[tuple[int, int, float, int]] = []

    def serve(self) -> None:
        """Event by event, until all mini-batches have been served.

        At one moment pushes come first, then those that are back, then failures.
        """
        while len(self.pushed) < self.more:
            while self.arriving and self.arrives[self.arriving[0][1]] != self.arriving[0][0]:
                heappop(self.arriving)  # lost
            serves_ms = max(self.free_ms, self.arriving[0][0]) if self.arriving else NEVER
            back_ms = self.coming[0][0] if self.coming else NEVER
            fails_ms = self.failing[0][0]
            if serves_ms <= min(back_ms, fails_ms):
                self.serve_next(serves_ms)
            elif back_ms <= fails_ms:
                self.come_back(*heappop(self.coming))
            else:
                self.fail(*heappop(self.failing))

    def begin(self, worker: int, read_ms: float, start_ms: float) -> None:
        """A worker takes a mini-batch from the queue."""
        self.left -= 1
        row = int(self.finished[worker])
        if row >= self.rows:
            self.rows = self.draws.more_rows(self.rows)
            self.compute, self.push = (
                times(self.rows)[..., self.run] for times in (self.draws.compute_rows, self.draws.push_rows)
            )
        self.read_ms[worker], self.start_ms[worker] = read_ms, start_ms
        self.arrives[worker] = float(start_ms + self.compute[row, worker] + self.push[row, worker])
        heappush(self.arriving, (self.arrives[worker], worker))

    def go_on(self, worker: int, now_ms: float, was_down: bool) -> None:
        """A worker takes another mini-batch, if there is one."""
        if not self.left:
            self.idle[worker] = now_ms, was_down
            return
        row = int(self.finished[worker])
        if was_down:
            self.found.restarts[row, worker, self.run] = now_ms
            self.begin(worker, now_ms, now_ms)
        else:
            self.went_on.append((row - 1, worker, now_ms, self.before + len(self.pushed)))
            self.begin(worker, now_ms, now_ms + self.pulls[worker])

    def serve_next(self, serves_ms: float) -> None:
        """The server takes up the next push."""
        _, worker = heappop(self.arriving)
        self.arrives[worker] = NEVER
        self.pushed.append(worker)
        self.served.append(serves_ms)
        self.free_ms = serves_ms + self.services[worker]
        self.finished[worker] += 1
        self.go_on(worker, self.free_ms, was_down=False)

    def come_back(self, now_ms: float, worker: int) -> None:
        """A worker is back; if its push is still being served, it waits for that."""
        until_ms = self.served_until.pop(worker, -NEVER)
        self.go_on(worker, max(now_ms, until_ms), was_down=now_ms > until_ms)

    def fail(self, now_ms: float, worker: int) -> None:
        """A worker fails, and its mini-batch goes back to the queue; nothing happens to one with nothing to do."""
        lane = np.array([worker]), np.array([self.run])
        if self.arrives[worker] == NEVER:
            self.following.go_on(lane)
        else:
            back_ms = now_ms + self.restart_ms
            self.following.meet(lane, np.array([back_ms]))
            heappush(self.coming, (back_ms, worker))
            self.lose(worker, now_ms, back_ms)
        heappush(self.failing, (float(self.following.next_ms[worker, self.run]), worker))

    def lose(self, worker: int, now_ms: float, back_ms: float) -> None:
        """The mini-batch that a worker is at goes back to the queue, and somebody who is idle takes it."""
        row, read_ms, start_ms = int(self.finished[worker]), self.read_ms[worker], self.start_ms[worker]
        self.arrives[worker] = NEVER
        self.left += 1
        if read_ms <= now_ms:
            self.found.losses.append(Loss(self.run, worker, row, now_ms, back_ms, read_ms, start_ms))
        else:
            self.found.idles.append(Idle(self.run, worker, row - 1, now_ms, back_ms))
            self.served_until[worker] = read_ms
        if self.idle:
            other = min(self.idle)
            since_ms, was_down = self.idle.pop(other)
            self.go_on(other, max(now_ms, since_ms), was_down)
