"""Rounds of a group whose workers fail, laid out as a schedule: each run has as many as it needs.

All workers of a round have the same start, barrier and end, but for the mini-batches whose gradients are not used:
those of workers that are away or fail, and those that are not waited for. Only the moments at which workers are ready
are as many as the workers.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

from core.schedule.schedule import Averages, Beside, Outages, PatchedStretch, Schedule


class Common(NamedTuple):
    """What all workers of a round have in common: arrays that broadcast to (rounds, runs), times in ms."""

    start: np.ndarray
    """When they begin to compute."""
    barrier: np.ndarray
    """When those are done that are waited for, or the round is given up."""
    end: np.ndarray
    """When they have communicated."""
    met: np.ndarray
    """Whether they communicated at all."""
    update: np.ndarray
    """How many updates came before."""
    source: np.ndarray
    """Which round of the draws it is."""
    ahead: np.ndarray
    """Since when buckets had been exchanged at the barrier; 0 where none had been."""
    ahead_until: np.ndarray
    """Until when they had been."""

    @classmethod
    def nothing(cls, now_ms: np.ndarray) -> "Common":
        """Rounds in which nothing is done, at some moment of each run, (runs,), ms."""
        no, zero = np.zeros(1, dtype=bool), np.zeros(1, dtype=np.int64)
        return cls(now_ms, now_ms, now_ms, no, zero, zero, np.zeros(1), np.zeros(1))

    def changed(self, change: Callable[[str, np.ndarray], np.ndarray]) -> "Common":
        """The same with each array replaced by what a function of its name and the array returns."""
        return Common(*map(change, self._fields, self))


class Unused(NamedTuple):
    """Mini-batches whose gradients are not used: their cells, their times in ms, and whether they were begun."""

    cells: np.ndarray
    start: np.ndarray
    ready: np.ndarray
    barrier: np.ndarray
    end: np.ndarray
    started: np.ndarray


class Pause(NamedTuple):
    """After which mini-batches workers are down, and then wait: their cells, and when they do so, ms."""

    cells: np.ndarray
    since: np.ndarray
    back: np.ndarray
    until: np.ndarray


class Regroup(NamedTuple):
    """Before which mini-batches workers wait for their group to change: their cells, and when they do so, ms."""

    cells: np.ndarray
    since: np.ndarray
    until: np.ndarray


Table = TypeVar("Table", Unused, Pause, Regroup)


def joined(kind: type[Table], tables: list[Table]) -> Table:
    """Several tables as one, which has no cells where there are none."""
    kinds = {"cells": np.int64, "started": bool}
    none = kind(*(np.zeros(0, kinds.get(name, float)) for name in kind._fields))
    return kind(*(np.concatenate(each) for each in zip(none, *tables, strict=True)))


class Rounds:
    """The rounds of some runs so far.

    Args:
        period: rows of a round.
        workers: how many.
        runs: how many.
        expected: how many rounds each run has, about.

    Attributes:
        length: how many rounds each run has, (runs,).
        longest: how many the longest one has.

    """

    def __init__(self, period: int, workers: int, runs: int, expected: int) -> None:
        self.period, self.workers, self.runs = period, workers, runs
        self.length, self.longest = np.zeros(runs, dtype=np.int64), 0
        self.common = Common.nothing(np.zeros(1)).changed(lambda _, array: np.zeros((expected, runs), array.dtype))
        self.unused: list[Unused] = []
        self.regroups: list[Regroup] = []
        self.pauses: list[list[Pause]] = []
        """Second come the pauses of workers that failed again during the first, and so on."""
        self.own: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        """Rounds that wait for other workers than if all were up, their runs, and for whom, (rounds, workers)."""
        self.sized: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        """Rounds in which mini-batches have sizes of their own, their runs, and when workers are ready, ms."""

    def keep(self, runs: np.ndarray, counts: np.ndarray, common: Common) -> None:
        """Record some rounds.

        Args:
            runs: whose they are.
            counts: how many each of those has; they are the first ones.
            common: the rounds, arrays that broadcast to (rounds, those runs).

        """
        place, most = self.length[runs], int(counts.max())
        self.length[runs] = length = place + counts
        self.longest = max(self.longest, int(length.max()))
        room = len(self.common.start)
        if self.longest > room:
            more = max(room, self.longest - room)
            self.common = self.common.changed(
                lambda _, array: np.concatenate([array, np.zeros((more, self.runs), array.dtype)])
            )
        if len(runs) == 1:  # quicker than cell by cell
            here = (slice(place.item(), place.item() + most), slice(runs.item(), runs.item() + 1))
            for array, values in zip(self.common, common, strict=True):
                array[here] = values[:most]
            return
        step, of = np.nonzero(np.arange(most)[:, None] < counts)
        for array, values in zip(self.common, common, strict=True):
            values = np.broadcast_to(values, (len(common.end), len(runs)))
            array[place[of] + step, runs[of]] = values[step, of]

    def cells(self, number: np.ndarray, step: np.ndarray | int, worker: np.ndarray, run: np.ndarray) -> np.ndarray:
        """Where mini-batches stand in the schedule: the number of the round, the step in it, the worker and the run."""
        return ((number * self.period + step) * self.workers + worker) * self.runs + run

    def pause(self, place: int, pause: Pause) -> None:
        """Record pauses after rounds; place: how many pauses of the same workers come before them."""
        if place == len(self.pauses):
            self.pauses.append([])
        self.pauses[place].append(pause)


class Layout:
    """The rows of a schedule: those of all rounds, and behind the last one of a run rows in which nothing is done.

    Args:
        rounds: the rounds.
        now_ms: when each run has ended, (runs,), ms.

    Attributes:
        real: whether a run has such a round, (rounds, runs).
        shape: (rows, workers, runs).
        common: what all workers of each round have in common.
        unused: the mini-batches that are not used.

    """

    def __init__(self, rounds: Rounds, now_ms: np.ndarray) -> None:
        self.rounds, self.period, self.now_ms = rounds, rounds.period, now_ms
        length = rounds.longest
        self.real = np.arange(length)[:, None] < rounds.length
        self.shape = (length * rounds.period, rounds.workers, rounds.runs)
        nothing = Common.nothing(now_ms)
        self.common = rounds.common.changed(
            lambda name, array: np.where(self.real, array[:length], getattr(nothing, name))
        )
        self.unused = joined(Unused, rounds.unused)
        rounds.unused = [self.unused]  # frees the parts

    def schedule(
        self,
        took: list[np.ndarray],
        waited_for: list[np.ndarray],
        updates: np.ndarray,
        outages: Outages,
        fragments: int | None,
    ) -> Schedule:
        """The schedule.

        Args:
            took: how long each worker takes until it is done with each mini-batch of the rounds of the draws, arrays of
                (rounds, period, workers, runs) one after the other, ms.
            waited_for: whether a round of all workers waits for each, likewise; none where it waits for all.
            updates: how many updates each run has had, (runs,).
            outages: the failures that were met.
            fragments: into how many parts the averaged parameters are split; None if updates are not averages.

        """
        unused, shape = self.unused, self.shape
        started = np.ones(shape, dtype=bool)
        if not self.real.all():
            started &= self.in_rows(self.real)
        start, ready, barrier, end = self.times(took)
        used, computed, thrown = started.copy(), ready, start
        if waited_for:
            used &= self.waited_for(waited_for)
            ready = np.where(used, ready, barrier)
            computed, thrown = np.where(used, ready, start), np.where(used, start, ready)
        ready.put(unused.cells, unused.ready)
        used.put(unused.cells, False)
        started.put(unused.cells, unused.started)
        number = self.in_rows(self.common.update)
        return Schedule(
            stretches=(
                self.regrouped(start),
                PatchedStretch("compute", start, computed, unused.cells, unused.start, unused.start, shape),
                PatchedStretch("cancelled", start, thrown, unused.cells, unused.start, unused.ready, shape),
                PatchedStretch("wait", ready, barrier, unused.cells, unused.ready, unused.barrier, shape, "barrier"),
                PatchedStretch("comm", barrier, end, unused.cells, unused.barrier, unused.end, shape),
                *self.paused(end),
            ),
            read_ms=np.broadcast_to(start, shape),
            ready_ms=ready,
            applied_ms=np.broadcast_to(self.in_rows(self.common.end), shape),
            finish_ms=np.broadcast_to(self.now_ms, shape[1:]),
            update=number,
            version=number,
            updates=updates,
            batch=self.batches(),
            used=used,
            started=started,
            barrier_ms=self.at_last(np.where(self.common.met, self.common.barrier, np.nan), np.nan),
            outages=outages,
            averages=None if fragments is None else Averages(self.averaged_after(updates), fragments=fragments),
            hidden=Beside.of_rows(self.at_last(self.common.ahead), self.at_last(self.common.ahead_until)),
        )

    def batches(self) -> np.ndarray:
        """Which mini-batch of its worker each row is of, (rows, 1, runs)."""
        first = self.common.source[:, None] * self.period
        return (first + np.arange(self.period)[:, None]).reshape(self.shape[0], 1, -1)

    def in_rows(self, values: np.ndarray) -> np.ndarray:
        """What holds for rounds, (rounds, runs), row by row, (rows, 1, runs)."""
        return np.repeat(values, self.period, axis=0)[:, None]

    def at_last(self, values: np.ndarray, elsewhere: float = 0.0) -> np.ndarray:
        """What holds for the last rows of rounds, (rounds, runs), as (rows, 1, runs); other rows have one number."""
        found = np.full((self.shape[0], 1, self.shape[2]), elsewhere)
        found[self.period - 1 :: self.period, 0] = values
        return found

    def times(self, took: list[np.ndarray]) -> list[np.ndarray]:
        """When workers start, are ready, meet and are done if all are used: (rows, workers or 1, runs) each, ms."""
        start, barrier, end = (
            times[:, None, None] for times in (self.common.start, self.common.barrier, self.common.end)
        )
        ready = self.ready_ms(took, start)
        if self.period > 1:  # up to the last step of a round, workers are on their own
            own, one = ready[:, :-1], ready[:, :1].shape
            start = np.concatenate([np.broadcast_to(start, one), own], axis=1)
            barrier, end = (np.concatenate([own, np.broadcast_to(times, one)], axis=1) for times in (barrier, end))
        return [times.reshape(-1, *times.shape[2:]) for times in (start, ready, barrier, end)]

    def ready_ms(self, took: list[np.ndarray], start: np.ndarray) -> np.ndarray:
        """When workers are ready in rounds that start at some moments, (rounds, period, workers, runs), ms."""
        if self.in_turn:
            ready, first = np.empty((len(self.real), self.period, *self.shape[1:])), 0
            for part in took:
                here = slice(first, first + len(part))
                np.add(start[here], part[: len(ready) - first], out=ready[here])
                first = here.stop
        else:
            ready = start + self.of_draws(took)
        for number, run, ready_ms in self.rounds.sized:
            ready[number, 0, :, run] = ready_ms
        number, run = np.nonzero(~self.real)
        ready[number, :, :, run] = self.now_ms[run, None, None]
        return ready

    @property
    def in_turn(self) -> bool:
        """Whether the rounds of each run are those of the draws, one after the other."""
        return bool((self.common.source == np.arange(len(self.real))[:, None])[self.real].all())

    def of_draws(self, parts: list[np.ndarray]) -> np.ndarray:
        """Values of the rounds of the draws, (rounds, period, workers, runs) in parts, round by round."""
        return np.moveaxis(np.concatenate(parts)[self.common.source, :, :, np.arange(self.shape[2])], 1, -1)

    def waited_for(self, parts: list[np.ndarray]) -> np.ndarray:
        """Whether each mini-batch is waited for, (rows, workers, runs), if its worker does not fail."""
        found = self.of_draws(parts)
        for number, run, waited_for in self.rounds.own:
            found[number, 0, :, run] = waited_for
        return found.reshape(self.shape)

    def regrouped(self, start: np.ndarray) -> PatchedStretch:
        """The waits for a change of the group before rows that start at some moments."""
        unused, regroup = self.unused, joined(Regroup, self.rounds.regroups)
        since, until = (np.concatenate([unused.start, times]) for times in (regroup.since, regroup.until))
        cells = np.concatenate([unused.cells, regroup.cells])
        return PatchedStretch("wait", start, start, cells, since, until, self.shape, "regroup")

    def paused(self, end: np.ndarray) -> list[PatchedStretch]:
        """The pauses after rows that end at some moments."""
        stretches: list[PatchedStretch] = []
        some = slice(0 if self.period == 1 else None)  # in rounds of one row, who is cut has a pause there
        cells, at = self.unused.cells[some], self.unused.end[some]
        for pauses in self.rounds.pauses or [[]]:
            pause = joined(Pause, pauses)
            cells = np.concatenate([cells, pause.cells])
            since, back, until = (np.concatenate([at, times]) for times in (pause.since, pause.back, pause.until))
            stretches.append(PatchedStretch("down", end, end, cells, since, back, self.shape))
            stretches.append(PatchedStretch("wait", end, end, cells, back, until, self.shape, "regroup"))
            at = until
        return stretches

    def averaged_after(self, updates: np.ndarray) -> np.ndarray:
        """After how many mini-batches of its own each worker sent its parameters for each average.

        Args:
            updates: how many there were, (runs,).

        Returns:
            (averages, workers, runs).

        """
        rounds, (_, workers, runs) = len(self.real), self.shape
        lanes, cells = workers * runs, self.unused.cells
        unused = np.bincount(cells // (self.period * lanes) * lanes + cells % lanes, minlength=rounds * lanes)
        done = np.cumsum(self.period * self.real[:, None] - unused.reshape(rounds, workers, runs), axis=0)
        last, (number, run) = np.full((int(updates.max()), runs), rounds - 1), np.nonzero(self.real)
        last[self.common.update[number, run], run] = number  # in rounds that all fail in, nothing is done
        return np.moveaxis(done[last, :, np.arange(runs)], 1, -1)
