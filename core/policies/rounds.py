"""Rounds of a group whose workers fail, laid out as a schedule: each run has as many rows as it needs."""

from dataclasses import dataclass, field, fields
from typing import Self

import numpy as np

from core.schedule.schedule import Averages, Beside, CutStretch, Outages, RareStretch, Schedule, Stretch


def nothing() -> np.ndarray:
    """The times for rows before which no bucket was exchanged."""
    return np.zeros((1, 1, 1))


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a schedule, arrays that broadcast to (rows, workers, runs), ms.

    In the order in which they happen to a worker: it computes, waits at the barrier, communicates.
    """

    start: np.ndarray
    ready: np.ndarray
    barrier: np.ndarray
    end: np.ndarray
    applied: np.ndarray
    used: np.ndarray
    started: np.ndarray
    update: np.ndarray
    batch: np.ndarray
    met: np.ndarray
    """When everybody went on to the network, (rows, 1, runs); NaN where nobody did."""
    ahead: np.ndarray = field(default_factory=nothing)
    """Since when buckets were being exchanged before that, (rows, 1, runs); the same moment if none were."""
    ahead_until: np.ndarray = field(default_factory=nothing)

    @classmethod
    def none_at(cls, now_ms: np.ndarray) -> Self:
        """A row in which nothing is done, at some moment of each run, (runs,), ms."""
        now, no, zero = now_ms[None, None], np.zeros((1, 1, 1), dtype=bool), np.zeros((1, 1, 1), dtype=np.int64)
        return cls(now, now, now, now, now, no, no, zero, zero, np.full((1, 1, 1), np.nan))


@dataclass(frozen=True, eq=False)
class Cells:
    """Some rows of some workers, and two moments for each: arrays of the same length."""

    row: np.ndarray
    worker: np.ndarray
    run: np.ndarray
    since_ms: np.ndarray
    until_ms: np.ndarray

    @classmethod
    def of(cls, who: np.ndarray, row: np.ndarray, since_ms: np.ndarray, until_ms: np.ndarray) -> Self:
        """The cells of some workers.

        Args:
            who: which workers, (rounds, workers, runs).
            row: their row in each round; this and the times broadcast to (rounds, workers, runs).
            since_ms: the first moment, ms.
            until_ms: the second moment, ms.

        """
        cells = np.nonzero(who)
        row, since_ms, until_ms = (np.broadcast_to(each, who.shape)[cells] for each in (row, since_ms, until_ms))
        return cls(row, cells[1], cells[2], since_ms, until_ms)


Pause = tuple[Cells, Cells]
"""After the last row of a round: who is down, and who then waits."""


class Rounds:
    """The rounds of some runs so far.

    Args:
        workers: how many.
        runs: how many.

    """

    def __init__(self, workers: int, runs: int) -> None:
        self.workers, self.runs = workers, runs
        self.length = np.zeros(runs, dtype=np.int64)
        """How many rows each run has."""
        self.rows: list[Rows] = []
        self.lengths: list[np.ndarray] = []
        """How many rows a run has in each of these, (runs,)."""
        self.regroups: list[Cells] = []
        """Who waited for a change of the group before a row."""
        self.pauses: list[list[Pause]] = []
        """The pauses after rounds; second come those of workers that failed again during the first, and so on."""

    def keep(self, rows: Rows, lengths: np.ndarray, regroups: list[Cells], pauses: list[Pause]) -> None:
        """Record some rows, how many of them each run has, (runs,), and who waits before or pauses after them."""
        self.rows.append(rows)
        self.lengths.append(lengths)
        self.length = self.length + lengths
        self.regroups += regroups
        self.pauses += [[] for _ in pauses[len(self.pauses) :]]
        for place, pause in enumerate(pauses):
            self.pauses[place].append(pause)

    def schedule(self, now_ms: np.ndarray, updates: np.ndarray, outages: Outages, fragments: int | None) -> Schedule:
        """The schedule of all rounds.

        Args:
            now_ms: when each run has ended, (runs,), ms.
            updates: how many each has had, (runs,).
            outages: the failures that were met.
            fragments: into how many parts the averaged parameters are split; None if updates are not averages.

        """
        shape = (int(self.length.max()), self.workers, self.runs)
        rows = self.joined(shape[0], now_ms)
        used, started = np.broadcast_to(rows.used, shape), np.broadcast_to(rows.started, shape)
        unused = np.flatnonzero(started & ~used)
        start, ready = (np.broadcast_to(times, shape) for times in (rows.start, rows.ready))
        since, until = start.take(unused), ready.take(unused)
        return Schedule(
            stretches=(
                self.rare("wait", self.regroups, rows.start, "regroup"),
                CutStretch("compute", rows.start, rows.ready, unused, shape),
                RareStretch("cancelled", unused, since, until, rows.start, shape),
                Stretch("wait", rows.ready, rows.barrier, reason="barrier"),
                Stretch("comm", rows.barrier, rows.end),
                *self.paused(rows.end),
            ),
            read_ms=start,
            ready_ms=ready,
            applied_ms=np.broadcast_to(rows.applied, shape),
            finish_ms=np.broadcast_to(now_ms, shape[1:]),
            update=np.where(rows.used, rows.update, -1),
            version=np.broadcast_to(rows.update, shape),
            updates=updates,
            batch=rows.batch,
            used=used,
            started=started,
            barrier_ms=rows.met,
            outages=outages,
            averages=None
            if fragments is None
            else Averages(averaged_after(used, rows.update, updates), fragments=fragments),
            hidden=Beside.of_rows(rows.ahead, rows.ahead_until),
        )

    def joined(self, length: int, now_ms: np.ndarray) -> Rows:
        """All rows; after the last one of a run come rows in which nothing is done."""
        parts, sizes = [*self.rows, Rows.none_at(now_ms)], [*(len(rows.batch) for rows in self.rows), 1]
        number = self.numbers(length, sizes)
        joined = {
            each.name: joined_up([getattr(rows, each.name) for rows in parts], sizes, self.runs)
            for each in fields(Rows)
        }
        if (number == np.arange(length)[:, None]).all():
            return Rows(**{name: values[:length] for name, values in joined.items()})
        return Rows(**{name: row_by_row(values, number) for name, values in joined.items()})

    def numbers(self, length: int, sizes: list[int]) -> np.ndarray:
        """Which of all rows each row of each run is, (rows, runs); the one after them if the run has no more."""
        number, place = np.full((length, self.runs), sum(sizes) - 1), np.zeros(self.runs, dtype=np.int64)
        first = 0
        for lengths, size in zip(self.lengths, sizes[:-1], strict=True):
            step, run = np.nonzero(np.arange(size)[:, None] < lengths)
            number[place[run] + step, run] = first + step
            place, first = place + lengths, first + size
        return number

    def rare(self, phase: str, cells: list[Cells], elsewhere_ms: np.ndarray, reason: str = "") -> RareStretch:
        """A stretch in some rows of some workers; elsewhere_ms: the moment at which it takes no time elsewhere."""
        shape = (int(self.length.max()), self.workers, self.runs)
        none = np.zeros(0, dtype=np.int64)
        of_all = {
            each.name: np.concatenate([none, *(getattr(some, each.name) for some in cells)]) for each in fields(Cells)
        }
        cell = (of_all["row"] * self.workers + of_all["worker"]) * self.runs + of_all["run"]
        return RareStretch(phase, cell, of_all["since_ms"], of_all["until_ms"], elsewhere_ms, shape, reason)

    def paused(self, end_ms: np.ndarray) -> list[RareStretch]:
        """The pauses after rows that end at given times, as stretches."""
        stretches: list[RareStretch] = []
        for pauses in self.pauses or [[]]:
            elsewhere_ms = stretches[-1].end_ms if stretches else end_ms
            stretches.append(self.rare("down", [down for down, _ in pauses], elsewhere_ms))
            stretches.append(self.rare("wait", [waits for _, waits in pauses], elsewhere_ms, "regroup"))
        return stretches


def joined_up(parts: list[np.ndarray], sizes: list[int], runs: int) -> np.ndarray:
    """Arrays that broadcast to (size, workers, runs), one after the other; one worker wide if all of them are."""
    joined = np.empty((sum(sizes), max(part.shape[1] for part in parts), runs), dtype=parts[0].dtype)
    for part, size, behind in zip(parts, sizes, np.cumsum(sizes), strict=True):
        joined[behind - size : behind] = part
    return joined


def row_by_row(values: np.ndarray, number: np.ndarray) -> np.ndarray:
    """The rows of each run, whose numbers are (rows, runs), out of those of (rows, workers, runs)."""
    layer = values.shape[1] * values.shape[2]
    return values.take(layer * number[:, None] + np.arange(layer).reshape(values.shape[1:]))


def averaged_after(used: np.ndarray, update: np.ndarray, updates: np.ndarray) -> np.ndarray:
    """After how many mini-batches of its own each worker sent its parameters for each average.

    Args:
        used: whether each mini-batch was used, (rows, workers, runs).
        update: by which average, (rows, 1, runs).
        updates: how many there were, (runs,).

    Returns:
        (averages, workers, runs).

    """
    _, workers, runs = used.shape
    most = int(updates.max())
    cell = update * (workers * runs) + np.arange(workers * runs).reshape(workers, runs)
    in_each = np.bincount(cell[used], minlength=most * workers * runs)
    return np.cumsum(in_each.reshape(most, workers, runs), axis=0)
