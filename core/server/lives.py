"""The schedule of workers that fail: a row for every mini-batch, and one more for each time that it is lost."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from core.schedule.schedule import Schedule, Stretch
from core.schedule.update_order import when_full
from core.server.interruptions import Idle, Interruptions, Lane, Loss
from core.server.release import Release
from core.server.timestamps import PASSED, Timestamps
from core.workload.draws import Draws

AFTER_SERVICE = ("served", "applied", "go_on", "end")


@dataclass(frozen=True)
class Row:
    """One row of a worker's life: a mini-batch, a lost attempt at it, or the rest of one after a failure."""

    source: int
    """Its row in the timestamps."""
    lost: Loss | None = None
    counts: bool = True
    """Whether it is the attempt whose gradient may be used."""
    down_from: float = np.nan
    back: float = -np.inf


def rows_of(source: int, losses: list[Loss], idles: list[Idle]) -> list[Row]:
    """The rows of one mini-batch: its lost attempts, the one that counts, and what follows failures behind its push."""
    found, down_from, back = [], np.nan, -np.inf
    for loss in losses:
        found.append(Row(source, loss, False, down_from, back))
        down_from, back = loss.failed_ms, loss.back_ms
    found.append(Row(source, None, True, down_from, back))
    return found + [Row(source, None, False, idle.failed_ms, idle.back_ms) for idle in idles]


class Placed:
    """Where the mini-batches of some runs stand in a schedule that has rows for lost ones, too.

    Only workers that failed have other rows than in the timestamps: all others are copied.

    Args:
        passed: their timestamps, as they counted in the end.
        found: what failures did.

    """

    def __init__(self, passed: Timestamps, found: Interruptions) -> None:
        rows, workers, runs = passed.rank.shape
        self.lanes = {lane: self.rows_of_lane(rows, *events) for lane, events in found.by_lane().items()}
        self.shape = (max([rows, *map(len, self.lanes.values())]), workers, runs)
        self.until: dict[Lane, np.ndarray] = {}
        self.losses: list[tuple[Loss, tuple[int, int, int], float]] = []
        """Each with its place, and when its worker was back from the failure before, ms."""
        for (worker, run), mine in self.lanes.items():
            self.losses += [(one.lost, (place, worker, run), one.back) for place, one in enumerate(mine) if one.lost]
            begin = [self.begin(one, passed.start[one.source, worker, run]) for one in mine]
            begun = [bool(one.lost) or one.back > -np.inf or passed.started[one.source, worker, run] for one in mine]
            self.until[worker, run] = np.append(np.where(begun[1:], begin[1:], np.inf), np.inf)
        self.known: list[tuple[np.ndarray, np.ndarray]] = []

    @staticmethod
    def rows_of_lane(rows: int, losses: list[Loss], idles: list[Idle]) -> list[Row]:
        """All rows of one worker of one run."""
        lost, idle = defaultdict(list), defaultdict(list)
        for loss in losses:
            lost[loss.row].append(loss)
        for one in idles:
            idle[one.row].append(one)
        return [row for source in range(rows) for row in rows_of(source, lost[source], idle[source])]

    @staticmethod
    def begin(row: Row, start_ms: float) -> float:
        """When a row begins, ms; start_ms: of the mini-batch as it counted."""
        if row.down_from == row.down_from:
            return row.down_from
        return min(row.lost.start_ms, row.lost.failed_ms) if row.lost else start_ms

    def taken(self, values: np.ndarray, behind: object) -> np.ndarray:
        """Values of mini-batches, row by row; and what stands in rows behind the last."""
        found = np.empty(self.shape, dtype=values.dtype)
        found[: len(values)], found[len(values) :] = values, behind
        for (worker, run), mine in self.lanes.items():
            found[: len(mine), worker, run] = values[[one.source for one in mine], worker, run]
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
        for (worker, run), mine in self.lanes.items():
            column = found[: len(mine), worker, run]
            np.maximum(column, [one.back for one in mine], out=column)
            np.minimum(column, np.minimum(self.until[worker, run], finish_ms[worker, run]), out=column)
        self.known.append((values, found))
        return found

    def batches(self) -> np.ndarray:
        """The number of each row's mini-batch among those of its worker."""
        found = np.broadcast_to(np.arange(self.shape[0])[:, None, None], self.shape)
        if not self.lanes:
            return found
        found = found.copy()
        for (worker, run), mine in self.lanes.items():
            found[: len(mine), worker, run] = [one.source for one in mine]
        return found

    def attempts_that_count(self, values: np.ndarray) -> np.ndarray:
        """What is true of mini-batches, of the attempts that count: false of lost ones and of what follows a push."""
        found = self.taken(values, False)
        for (worker, run), mine in self.lanes.items():
            found[: len(mine), worker, run] &= [one.counts for one in mine]
        return found

    def down(self, start_ms: np.ndarray, finish_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of every row from when and until when its worker was down before it, and until when it waited then."""
        since, until, waits = (start_ms.copy() for _ in range(3)) if self.lanes else (start_ms,) * 3
        for (worker, run), mine in self.lanes.items():
            for place, one in enumerate(mine):
                if one.back > -np.inf:
                    at, end = (place, worker, run), finish_ms[worker, run]
                    since[at], until[at] = min(one.down_from, end), min(one.back, end)
                    waits[at] = max(until[at], start_ms[at])
        return since, until, waits


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
    for (worker, run), events in found.by_lane().items():  # who never gets anything to do again is done when it is back
        back_ms = max(event.back_ms for some in events for event in some)
        finish_ms[worker, run] = max(finish_ms[worker, run], min(back_ms, epoch_ms[run]))
    begun = passed.started & (passed.read < finish_ms)
    cut, placed = passed if used.all() else passed.cut_off(finish_ms), Placed(passed, found)
    times = {name: placed.times(getattr(cut, name), finish_ms).copy() for name in ("read",)}
    times |= {name: placed.times(getattr(cut, name), finish_ms) for name in PASSED if name != "read"}
    counts, started, thrown = map(placed.attempts_that_count, (used, begun, in_flight))
    applied = placed.taken(np.where(used, applied_ms, finish_ms), finish_ms)
    for loss, at, back_ms in placed.losses:
        cell = (loss.row, loss.worker, loss.run)
        ready = loss.start_ms + draws.compute_rows(len(used))[cell]
        passing = {"read": loss.read_ms, "start": loss.start_ms, "ready": ready}
        passing |= {"arrived": ready + draws.push_rows(len(used))[cell], **dict.fromkeys(AFTER_SERVICE, np.inf)}
        for name, time in passing.items():
            times[name][at] = max(min(time, loss.failed_ms), back_ms)
        applied[at], thrown[at], started[at] = loss.failed_ms, True, loss.start_ms < loss.failed_ms
    down_from, down_until, waits_until = placed.down(times["start"], finish_ms)
    update = np.where(counts, placed.taken(passed.rank, -1) // size, -1)
    stretches: tuple[Stretch, ...] = (
        Stretch("down", down_from, down_until),
        Stretch("wait", down_until, waits_until, reason=rule.reason),
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
        stretches=tuple(s for s in stretches if s.start_ms is not s.end_ms),
        read_ms=times["read"],
        ready_ms=times["ready"],
        applied_ms=applied,
        finish_ms=finish_ms,
        update=update,
        version=placed.taken(passed.version, 0),
        updates=-(-pushes // size),
        batch=placed.batches(),
        used=counts,
        started=started,
        outages=found.next.outages,
    )
