"""The schedule of workers that fail: a row for every mini-batch, and one more for each time that it is lost."""

import numpy as np

from core.schedule.schedule import PatchedStretch, Schedule, Stretch
from core.schedule.update_order import when_full
from core.server.interruptions import Interruptions
from core.server.release import Release
from core.server.timestamps import PASSED, Timestamps
from core.workload.draws import Draws


class Placed:
    """Where the mini-batches of some runs stand in a schedule that has rows for lost ones, too.

    Of each mini-batch there are its lost attempts, the one that counts, and a row for each failure behind its push.
    Only workers that failed have other rows than in the timestamps: all others are copied. What is said of those that
    failed are arrays of (rows, workers that failed).

    Args:
        passed: their timestamps, as they counted in the end.
        found: what failures did.

    """

    def __init__(self, passed: Timestamps, found: Interruptions) -> None:
        rows, workers, runs = passed.rank.shape
        events = found.events()
        lane, of = np.unique(events.worker * runs + events.run, return_inverse=True)
        self.worker, self.run = np.divmod(lane, runs)
        """The workers that failed, and their runs."""
        order = np.lexsort((events.is_idle, events.row, of))
        of, events = of[order], events.taken(order)
        count = np.bincount(of, minlength=len(lane))
        before = np.arange(len(of)) - (np.cumsum(count) - count)[of]  # of the same worker
        place = events.row + before + events.is_idle
        self.shape = (rows + int(count.max(initial=0)), workers, runs)
        shape = (self.shape[0], len(lane))
        self.counts = np.arange(self.shape[0])[:, None] < rows + count
        """Whether a row is an attempt whose gradient may be used."""
        self.counts[place, of] = False
        self.source = np.minimum(np.cumsum(self.counts, axis=0) - 1, rows - 1)
        """Its row in the timestamps."""
        self.source[place, of] = events.row
        self.lived = np.arange(self.shape[0])[:, None] < rows + count
        """Whether there is such a row."""
        self.down_from_ms, self.back_ms = np.full(shape, np.nan), np.full(shape, -np.inf)
        behind = place + ~events.is_idle
        self.down_from_ms[behind, of], self.back_ms[behind, of] = events.failed_ms, events.back_ms
        lost = ~events.is_idle
        self.losses, self.lost_at = events.taken(lost), (place[lost], events.worker[lost], events.run[lost])
        self.lost_back_ms = self.back_ms[place[lost], of[lost]]
        """When the worker was back from the failure before each loss, ms."""
        begin = passed.start[self.source, self.worker, self.run]
        begin[place[lost], of[lost]] = np.minimum(self.losses.start_ms, self.losses.failed_ms)
        begin = np.where(np.isnan(self.down_from_ms), begin, self.down_from_ms)
        begun = passed.started[self.source, self.worker, self.run] | (self.back_ms > -np.inf)
        begun[place[lost], of[lost]] = True
        self.until_ms = np.full(shape, np.inf)
        self.until_ms[:-1] = np.where((begun & self.lived)[1:], begin[1:], np.inf)
        """When the next row begins, ms."""
        self.known: list[tuple[np.ndarray, np.ndarray]] = []

    def taken(self, values: np.ndarray, behind: object) -> np.ndarray:
        """Values of mini-batches, row by row; and what stands in rows behind the last."""
        found = np.empty(self.shape, dtype=values.dtype)
        found[: len(values)], found[len(values) :] = values, behind
        mine = values[self.source, self.worker, self.run]
        found[:, self.worker, self.run] = np.where(self.lived, mine, found[:, self.worker, self.run])
        return found

    def times(self, values: np.ndarray, finish_ms: np.ndarray) -> np.ndarray:
        """Times of mini-batches row by row, none before the worker is back nor after its next failure or its end.

        The same for the same array: many steps take no time.
        """
        for array, times in self.known:
            if array is values:
                return times
        found = self.taken(values, finish_ms)
        np.minimum(found, finish_ms, out=found)
        mine = np.maximum(found[:, self.worker, self.run], self.back_ms)
        until_ms = np.minimum(self.until_ms, finish_ms[self.worker, self.run])
        found[:, self.worker, self.run] = np.minimum(mine, until_ms)
        self.known.append((values, found))
        return found

    def batches(self) -> np.ndarray:
        """The number of each row's mini-batch among those of its worker."""
        found = np.broadcast_to(np.arange(self.shape[0])[:, None, None], self.shape)
        if not len(self.worker):
            return found
        found = found.copy()
        found[:, self.worker, self.run] = np.where(self.lived, self.source, found[:, self.worker, self.run])
        return found

    def attempts_that_count(self, values: np.ndarray) -> np.ndarray:
        """What is true of mini-batches, of the attempts that count: false of lost ones and of what follows a push."""
        found = self.taken(values, False)
        found[:, self.worker, self.run] &= self.counts
        return found

    def pauses(self, start_ms: np.ndarray, finish_ms: np.ndarray, reason: str) -> list[PatchedStretch]:
        """What comes before rows: their workers are down, and then wait.

        Args:
            start_ms: when each row starts, (rows, workers, runs), ms.
            finish_ms: when each worker is done for good, (workers, runs), ms.
            reason: why it waits.

        """
        place, of = np.nonzero(self.back_ms > -np.inf)
        if not len(place):
            return []
        worker, run = self.worker[of], self.run[of]
        finish_ms, start = finish_ms[worker, run], start_ms[place, worker, run]
        since, until = (np.minimum(times[place, of], finish_ms) for times in (self.down_from_ms, self.back_ms))
        _, workers, runs = self.shape
        cells = (place * workers + worker) * runs + run
        return [
            PatchedStretch("down", start_ms, start_ms, cells, since, until, self.shape),
            PatchedStretch("wait", start_ms, start_ms, cells, until, np.maximum(until, start), self.shape, reason),
        ]


def schedule_of_lives(
    passed: Timestamps, found: Interruptions, draws: Draws, pushes: int, size: int, rule: Release
) -> Schedule:
    """The schedule of runs whose pushes queue at a server, and whose workers fail.

    Args:
        passed: of every mini-batch, as it counted in the end.
        found: what failures did.
        draws: compute and network times.
        pushes: how many the server applies in each run.
        size: how many make an update.
        rule: who goes on after which push.

    """
    used, in_flight = passed.used, passed.in_flight
    applied_ms = when_full(passed.applied, passed.rank, size, pushes)
    if rule.reason == "update":
        passed = passed.released_with_updates(applied_ms, draws.workload.network, draws.workload.workers)
    end_of_run = np.where(used, applied_ms, 0).max(axis=(0, 1))
    last_end = np.where(used, passed.end, 0).max(axis=0)
    finish_ms = np.where(in_flight.any(axis=0), end_of_run, last_end)
    epoch_ms = finish_ms.max(axis=0)
    events, back_ms = found.events(), np.full(finish_ms.shape, -np.inf)
    np.maximum.at(back_ms, (events.worker, events.run), events.back_ms)  # who never gets anything to do again is done
    finish_ms = np.maximum(finish_ms, np.minimum(back_ms, epoch_ms))
    begun = passed.started & (passed.read < finish_ms)
    cut, placed = passed if used.all() else passed.cut_off(finish_ms), Placed(passed, found)
    times = {name: placed.times(getattr(cut, name), finish_ms).copy() for name in ("read",)}
    times |= {name: placed.times(getattr(cut, name), finish_ms) for name in PASSED if name != "read"}
    counts, started, thrown = map(placed.attempts_that_count, (used, begun, in_flight))
    applied = placed.taken(np.where(used, applied_ms, finish_ms), finish_ms)
    losses, at = placed.losses, placed.lost_at
    cells = (losses.row, losses.worker, losses.run)
    ready = losses.start_ms + draws.compute_rows(len(used))[cells]
    passing = {"read": losses.read_ms, "start": losses.start_ms, "ready": ready}
    passing |= {"arrived": ready + draws.push_rows(len(used))[cells]}
    for name in PASSED:
        until_ms = np.minimum(passing.get(name, np.inf), losses.failed_ms)
        times[name][at] = np.maximum(until_ms, placed.lost_back_ms)
    applied[at], thrown[at], started[at] = losses.failed_ms, True, losses.start_ms < losses.failed_ms
    stretches: tuple[Stretch, ...] = (
        Stretch("compute", times["start"], np.where(thrown, times["start"], times["ready"])),
        Stretch("cancelled", times["start"], np.where(thrown, times["ready"], times["start"])),
        Stretch("comm", times["ready"], times["arrived"]),
        Stretch("wait", times["arrived"], times["served"], reason="server queue"),
        Stretch("comm", times["served"], times["applied"]),
        Stretch("wait", times["applied"], times["go_on"], reason=rule.reason),
        Stretch("comm", times["go_on"], times["end"]),
    )
    if not thrown.any():
        stretches = tuple(s for s in stretches if s.phase != "cancelled")
    return Schedule(
        stretches=(
            *placed.pauses(times["start"], finish_ms, rule.reason),
            *(s for s in stretches if s.start_ms is not s.end_ms),
        ),
        read_ms=times["read"],
        ready_ms=times["ready"],
        applied_ms=applied,
        finish_ms=finish_ms,
        update=placed.taken(passed.rank, -1) // size,
        version=placed.taken(passed.version, 0),
        updates=-(-pushes // size),
        batch=placed.batches(),
        used=counts,
        started=started,
        outages=found.next.outages,
    )
