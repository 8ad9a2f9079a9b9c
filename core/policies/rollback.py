"""Recovery from checkpoints: a failure stops all workers, and work since the last checkpoint is redone.

The epoch without failures is a tape. It is played until a failure cuts it, wound back to the last checkpoint, and
played on from there when all are back: each time further, with the same draws.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np

from core.common.validation import MAX_WORK, ScenarioError
from core.schedule.schedule import CHUNK, Beside, Outages, PatchedStretch, Schedule, added_up, of_lanes, time_between
from core.workload.draws import Draws, TooManyRuns, chunk_runs
from core.workload.failures import Failures
from core.workload.next_failures import NextFailures

Rows: TypeAlias = np.ndarray | slice
EVERY = slice(None)


def with_rollback(tape: Schedule, draws: Draws, checkpoints: np.ndarray) -> Schedule:
    """The schedule of a policy with a barrier whose workers fail and go back to checkpoints.

    Args:
        tape: the schedule without failures.
        draws: whose failures they are.
        checkpoints: after which rows there is a checkpoint, (rows,).

    Raises:
        ScenarioError: where a run needs too much memory, as nearly all of its work is lost.
        TooManyRuns: where the runs do together, and fewer at a time would not.

    """
    takes = Takes(Tape(tape, checkpoints, draws.workload.failures.checkpoint_ms), draws)
    while takes.running.any():
        takes.meet_next()
    return takes.schedule()


class Tape:
    """A schedule without failures, with a checkpoint after some rows, whose cost every worker pays like the network's.

    Args:
        plain: the schedule.
        checkpoints: after which rows there is one, (rows,).
        cost_ms: what each costs, ms.

    Attributes:
        later_ms: by how much checkpoints delay each row, (rows,), ms.
        cost_ms: how long a checkpoint after it takes, (rows,), ms.
        end_ms: when each worker is done with each row, without any checkpoint, ms.
        begins_ms: when anybody begins each row, (rows, runs), ms.
        ends_ms: when all are done with each row, and its checkpoint, (rows, runs), ms.
        last_ms: the last moment of each row, which can be later: when its gradients are applied, (rows, runs), ms.

    """

    def __init__(self, plain: Schedule, checkpoints: np.ndarray, cost_ms: float) -> None:
        self.plain, self.checkpoints = plain, checkpoints
        rows, _, runs = plain.shape
        self.later_ms, self.cost_ms = cost_ms * (np.cumsum(checkpoints) - checkpoints), cost_ms * checkpoints
        self.end_ms = plain.stretches[-1].end_ms
        self.begins_ms, ended_ms, applied_ms = (
            np.broadcast_to(extreme(times, axis=1) + self.later_ms[:, None], (rows, runs))
            for extreme, times in (
                (np.min, plain.stretches[0].start_ms),
                (np.max, self.end_ms),
                (np.max, plain.applied_ms),
            )
        )
        self.ends_ms = ended_ms + self.cost_ms[:, None]
        self.last_ms = np.maximum(self.ends_ms, applied_ms)


@dataclass(frozen=True, eq=False)
class Take:
    """Some rows of each run's tape, played in one go; or a restart, which has a single row of its own.

    Everything is (runs,): of no meaning for runs that are not in it.
    """

    runs: np.ndarray
    """Whether it is one of these runs'."""
    first: np.ndarray
    """The first row of the tape."""
    rows: np.ndarray
    """How many."""
    offset_ms: np.ndarray
    """From the tape's time to the run's."""
    cut_ms: np.ndarray
    """When it was cut; infinite where it was not."""
    lost: np.ndarray
    """The first row of the tape that was lost."""


@dataclass(frozen=True, eq=False)
class Restart:
    """A restart, or the part of it up to the next failure: (runs,)."""

    runs: np.ndarray
    from_ms: np.ndarray
    until_ms: np.ndarray
    down_until_ms: np.ndarray
    """(workers, runs)."""


class Takes:
    """How the tapes of some runs are played."""

    def __init__(self, tape: Tape, draws: Draws) -> None:
        self.tape, self.draws, self.next = tape, draws, NextFailures(draws)
        self.failures: Failures = draws.workload.failures
        self.rows, workers, runs = tape.plain.shape
        self.run = np.arange(runs)
        saves = tape.checkpoints[:, None]
        self.saved_ms = np.concatenate([np.zeros((1, runs)), np.where(saves, tape.ends_ms, np.nan)])
        self.saved = np.concatenate([[0], np.where(tape.checkpoints, np.arange(1, self.rows + 1), 0)])
        """Where one goes back to: the row behind each checkpoint, and when that is on the tape."""
        self.length_ms = tape.ends_ms[-1]
        self.row = np.zeros(runs, dtype=np.int64)
        self.wall_ms, self.tape_ms = np.zeros(runs), np.zeros(runs)
        self.running = np.ones(runs, dtype=bool)
        self.down_until_ms = np.full((workers, runs), -np.inf)
        self.taken: list[Take | Restart] = []
        self.length = np.zeros(runs, dtype=np.int64)
        self.places: list[np.ndarray] = []

    def meet_next(self) -> None:
        """Play every run up to its next failure, if there is one before its end, and see the restart through."""
        failed_ms, who = self.next.first()
        fails = self.running & (failed_ms < self.wall_ms + (self.length_ms - self.tape_ms))
        cut = self.tape_ms + (failed_ms - self.wall_ms)
        played = np.where(fails, (self.tape.begins_ms < cut).sum(axis=0), self.rows)
        played = np.maximum(played, self.row)
        back_to = np.where(self.saved_ms <= cut, self.saved[:, None], 0).max(axis=0)
        back_to = np.maximum(np.where(fails, back_to, self.rows), self.row)
        self.keep(
            Take(
                runs=self.running,
                first=self.row.copy(),
                rows=np.where(self.running, played - self.row, 0),
                offset_ms=self.wall_ms - self.tape_ms,
                cut_ms=np.where(fails, failed_ms, np.inf),
                lost=back_to,
            )
        )
        self.row = np.where(fails, back_to, self.row)
        self.running = fails
        if fails.any():
            self.restart(fails, failed_ms, who)

    def restart(self, fails: np.ndarray, failed_ms: np.ndarray, who: np.ndarray) -> None:
        """Wait until the workers that failed are back, and go on; further failures meanwhile start that anew."""
        restarting = fails
        while restarting.any():
            (runs,) = np.nonzero(restarting)
            lanes = (who[runs], runs)
            back_ms = failed_ms + self.failures.restart_ms
            self.down_until_ms[lanes] = back_ms[runs]
            self.next.meet(lanes, back_ms[runs])
            again_ms, who = self.next.first()
            again = restarting & (again_ms < back_ms)
            until_ms = np.where(again, again_ms, back_ms)
            self.keep(Restart(restarting, failed_ms, until_ms, self.down_until_ms.copy()))
            done = restarting & ~again
            self.wall_ms = np.where(done, back_ms, self.wall_ms)
            self.tape_ms = np.where(
                done, self.tape.begins_ms[np.minimum(self.row, self.rows - 1), self.run], self.tape_ms
            )
            restarting, failed_ms = again, again_ms

    def keep(self, taken: Take | Restart) -> None:
        """Note what was done, and where in the schedule it goes."""
        self.places.append(self.length.copy())
        self.length = self.length + (taken.rows if isinstance(taken, Take) else taken.runs)
        self.taken.append(taken)
        _, workers, runs = self.tape.plain.shape
        if self.length.max() * workers * runs > MAX_WORK:
            if runs > chunk_runs(self.draws.workload):
                raise TooManyRuns
            raise ScenarioError(
                f"failures.mtbf_hours: {self.failures.mtbf_hours:g} loses so much work that a run passes {MAX_WORK:,} "
                "mini-batches; take checkpoints more often, or a longer time between failures."
            )

    def schedule(self) -> Schedule:
        """The schedule of what was played."""
        finish_ms = self.length_ms + (self.wall_ms - self.tape_ms)
        played = Played(self.tape, int(self.length.max()), finish_ms)
        for taken, place in zip(self.taken, self.places, strict=True):
            if isinstance(taken, Take):
                played.put(taken, place)
            else:
                played.wait(taken, place)
        return played.schedule(self.next.outages)


class Played:
    """Which row of the tape each row of a schedule plays: arrays of (rows, runs).

    Args:
        tape: what is played.
        rows: how many rows the schedule has.
        finish_ms: when each run ends, where rows are that play nothing, (runs,), ms.

    """

    def __init__(self, tape: Tape, rows: int, finish_ms: np.ndarray) -> None:
        self.tape, self.finish_ms = tape, finish_ms
        self.shape = (rows, tape.plain.shape[1], len(finish_ms))
        shape = (rows, len(finish_ms))
        self.source, self.offset_ms = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        """Its row of the tape, and the offset from the tape's time to the run's, ms."""
        self.low_ms, self.cut_ms = (np.broadcast_to(finish_ms, shape).copy() for _ in range(2))
        """The times between which its steps lie, ms; rows that play nothing lie at a single moment."""
        self.lost, self.started = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
        self.known: list[tuple[np.ndarray, np.ndarray]] = []
        self.cells: dict[int, np.ndarray] = {}
        """Where the values of that many workers (one or all) lie on the tape, (rows, workers, runs)."""
        self.restarts: list[tuple[np.ndarray, ...]] = []
        """Rows and runs of some restarts; when they start and end, and until when each worker is down, ms."""

    def put(self, taken: Take, place: np.ndarray) -> None:
        """Place the rows of a take, from a given row on in each of its runs."""
        (runs,) = np.nonzero(taken.runs)
        count = taken.rows[runs]
        step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        run = np.repeat(runs, count)
        mine = (place[run] + step, run)
        self.source[mine] = numbers = taken.first[run] + step
        self.offset_ms[mine], self.cut_ms[mine] = taken.offset_ms[run], taken.cut_ms[run]
        self.low_ms[mine], self.lost[mine], self.started[mine] = -np.inf, numbers >= taken.lost[run], True

    def wait(self, restart: Restart, place: np.ndarray) -> None:
        """Place a restart in a given row of each of its runs."""
        (runs,) = np.nonzero(restart.runs)
        at, since, until = place[runs], restart.from_ms[runs], restart.until_ms[runs]
        self.source[at, runs] = self.source[np.maximum(0, at - 1), runs]
        self.low_ms[at, runs] = self.cut_ms[at, runs] = since
        down_until = np.clip(restart.down_until_ms[:, runs], since, until)
        self.restarts.append((at, runs, since, until, down_until.T))

    @cached_property
    def is_cut(self) -> np.ndarray:
        """Whether a failure cuts some run's steps in a row, or nothing is played there, (rows,)."""
        last_ms = np.take_along_axis(self.tape.last_ms, self.source, axis=0) + self.offset_ms
        return np.asarray(((last_ms >= self.cut_ms) | (self.low_ms > -np.inf)).any(axis=1))

    def taken(self, values: np.ndarray, rows: Rows = EVERY) -> np.ndarray:
        """Values of the tape, (rows, workers or 1, runs or 1), in some rows of the schedule."""
        if self.shape[2] == 1:
            return values.take(self.source[rows, 0], axis=0)
        width = values.shape[1]
        if width not in self.cells:
            layer = width * self.shape[2]
            self.cells[width] = layer * self.source[:, None] + np.arange(layer).reshape(width, -1)
        return np.broadcast_to(values, (*values.shape[:2], self.shape[2])).take(self.cells[width][rows])

    def moved(self, values: np.ndarray, rows: Rows = EVERY, cost_ms: np.ndarray | None = None) -> np.ndarray:
        """Times of the tape in some rows of the schedule, converted to those of the runs.

        Args:
            values: without checkpoints, (rows, workers or 1, runs or 1), ms.
            rows: of the schedule; all by default.
            cost_ms: what else passes in each row of the tape, (rows,), ms.

        """
        found, source = self.taken(values, rows), self.source[rows]
        if self.tape.later_ms.any():
            found += self.tape.later_ms[source][:, None]
        if cost_ms is not None:
            found += cost_ms[source][:, None]
        found += self.offset_ms[rows][:, None]
        return found

    def cut(self, times: np.ndarray, rows: Rows = EVERY) -> np.ndarray:
        """The same array of times in some rows, cut where a failure cuts them."""
        cut = np.flatnonzero(self.is_cut[rows])
        low, high = (limits[rows][cut, None] for limits in (self.low_ms, self.cut_ms))
        times[cut] = np.clip(times[cut], low, high)
        return times

    def times(self, values: np.ndarray) -> np.ndarray:
        """Times of the tape, converted to those of the runs and cut; cached by array, as many steps take no time."""
        for array, found in self.known:
            if array is values:
                return found
        self.known.append((values, self.cut(self.moved(values))))
        return self.known[-1][1]

    @property
    def keeps_all(self) -> bool:
        """Whether to work times out for all rows, and keep them: of several runs they are gathered one by one."""
        return self.shape[2] > 1 or math.prod(self.shape) <= CHUNK

    def times_in(self, rows: Rows, values: np.ndarray) -> np.ndarray:
        """The same in some rows; what is known of all, or is soon worked out, is not worked out again."""
        if self.keeps_all or any(array is values for array, _ in self.known):
            return self.times(values)[rows]
        return self.cut(self.moved(values, rows), rows)

    def schedule(self, outages: Outages) -> Schedule:
        """The schedule whose rows are those that were played, with restarts between them.

        Args:
            outages: the failures that were met.

        """
        plain = self.tape.plain
        begun = self.begun(plain.stretches[0].start_ms)
        used = begun & ~self.lost[:, None]
        if plain.used is not None:
            used = used & self.taken(plain.used)
        hidden, barrier_ms = None, None
        if plain.hidden is not None:
            hidden = Beside.of_rows(
                *(self.cut(self.moved(times)) for times in plain.hidden.by_row(len(self.tape.later_ms)))
            )
        if plain.barrier_ms is not None:
            met = self.moved(plain.barrier_ms)
            barrier_ms = np.where(self.started[:, None] & (met < self.cut_ms[:, None]), met, np.nan)
        saved = Saved("comm", self, self.tape.end_ms, self.tape.end_ms, self.tape.end_ms)
        return replace(
            plain,
            stretches=(*self.replayed(), saved, *self.restarting(saved)),
            read_ms=self.times(plain.read_ms),
            ready_ms=np.broadcast_to(self.times(plain.ready_ms), self.shape),
            applied_ms=self.times(plain.applied_ms),
            finish_ms=np.broadcast_to(self.finish_ms, self.shape[1:]),
            update=self.taken(plain.update),
            version=self.taken(plain.version),
            batch=self.source[:, None],
            used=np.broadcast_to(used, self.shape),
            started=np.broadcast_to(begun, self.shape),
            barrier_ms=barrier_ms,
            outages=outages,
            hidden=hidden,
        )

    def begun(self, start_ms: np.ndarray) -> np.ndarray:
        """Which mini-batches were started before a failure, (rows, workers or 1, runs); start_ms: on the tape."""
        begun, rows = np.repeat(self.started[:, None], start_ms.shape[1], axis=1), np.flatnonzero(self.is_cut)
        begun[rows] &= self.times_in(rows, start_ms) < self.cut_ms[rows, None]
        return begun

    def replayed(self) -> "list[Replayed]":
        """The stretches of the tape as they were played, where computing in lost rows counts as cancelled."""
        computed, *others = self.tape.plain.stretches
        start, until = computed.start_ms, computed.start_ms
        if thrown := [stretch for stretch in others if stretch.phase == "cancelled"]:
            until = thrown[0].end_ms
        lost = computed.end_ms if until is start else np.maximum(computed.end_ms, until)
        return [
            Replayed(computed.phase, self, start, computed.end_ms, start),
            Replayed("cancelled", self, start, until, lost),
            *(
                Replayed(stretch.phase, self, stretch.start_ms, stretch.end_ms, stretch.end_ms, stretch.reason)
                for stretch in others
                if stretch.phase != "cancelled"
            ),
        ]

    def restarting(self, before: "Saved") -> "list[Restarting]":
        """Who is down during restarts, and who waits; before: what comes before them."""
        none = (np.zeros(0, dtype=np.int64),) * 2 + (np.zeros(0),) * 2 + (np.zeros((0, self.shape[1])),)
        row, run, since, until, down_until = (np.concatenate(each) for each in zip(none, *self.restarts, strict=True))
        since, until = (np.broadcast_to(times[:, None], down_until.shape) for times in (since, until))
        _, workers, runs = self.shape
        cells = ((row * workers)[:, None] + np.arange(workers)) * runs + run[:, None]
        cells, since, down_until, until = (each.ravel() for each in (cells, since, down_until, until))
        return [
            Restarting("down", before, cells, since, down_until),
            Restarting("wait", before, cells, down_until, until, "restart"),
        ]


@dataclass(frozen=True, eq=False)
class Replayed:
    """A stretch of a tape as it was played.

    It stands for a `Stretch` whose arrays are made when they are asked for.

    Attributes:
        phase: compute, wait, comm or cancelled.
        played: how the tape was played.
        starts_ms: when it starts on the tape, broadcasts to (rows, workers, runs), ms.
        ends_ms: when it ends there, likewise.
        lost_ms: when it ends there where a row's work is lost, likewise.
        reason: what a wait waits for; empty for other phases.

    """

    phase: str
    played: Played
    starts_ms: np.ndarray
    ends_ms: np.ndarray
    lost_ms: np.ndarray
    reason: str = ""

    @cached_property
    def start_ms(self) -> np.ndarray:
        """When it starts, broadcasts to (rows, workers, runs), ms."""
        return self.played.times(self.starts_ms)

    @cached_property
    def end_ms(self) -> np.ndarray:
        """When it ends, broadcasts to (rows, workers, runs), ms."""
        end = self.played.times(self.ends_ms)
        if self.lost_ms is self.ends_ms:
            return end
        return np.where(self.played.lost[:, None], self.played.times(self.lost_ms), end)

    def took_ms(self) -> np.ndarray:
        """How long it takes in all of a worker's rows together, broadcasts to (workers, runs), ms.

        Of many, some rows at a time are laid out for that.
        """
        if self.played.keeps_all:
            return time_between(self.start_ms, self.end_ms)
        width = max(times.shape[1] for times in (self.starts_ms, self.ends_ms, self.lost_ms))
        rows = self.rows

        def took(some: slice, out: np.ndarray) -> None:
            here = together(rows[some])
            np.subtract(self.ends_in(here), self.played.times_in(here, self.starts_ms), out=out)

        return added_up((len(rows), width, self.played.shape[2]), took)

    @property
    def rows(self) -> np.ndarray:
        """The rows of the schedule in which it may take time."""
        lost = self.played.lost
        if self.ends_ms is self.starts_ms:
            return np.flatnonzero(lost.any(axis=1))
        return np.flatnonzero(~lost.all(axis=1)) if self.lost_ms is self.starts_ms else np.arange(len(lost))

    def ends_in(self, rows: Rows) -> np.ndarray:
        """When it ends in some rows, ms."""
        lost = self.played.lost[rows]
        if self.lost_ms is self.ends_ms or not lost.any():
            return self.played.times_in(rows, self.ends_ms)
        found = self.played.times_in(rows, self.lost_ms)
        return found if lost.all() else np.where(lost[:, None], found, self.played.times_in(rows, self.ends_ms))


class Saved(Replayed):
    """The checkpoints, each after a row's end on the tape."""

    @cached_property
    def end_ms(self) -> np.ndarray:
        """When they are done, broadcasts to (rows, workers, runs), ms."""
        return self.ends_in(EVERY)

    @property
    def rows(self) -> np.ndarray:
        return np.flatnonzero((self.played.tape.cost_ms[self.played.source] > 0).any(axis=1))

    def ends_in(self, rows: Rows) -> np.ndarray:
        return self.played.cut(self.played.moved(self.ends_ms, rows, self.played.tape.cost_ms), rows)


@dataclass(frozen=True, eq=False)
class Restarting:
    """What workers do during restarts, which are rows of their own.

    It stands for a `Stretch` whose arrays are made when they are asked for.

    Attributes:
        phase: down or wait.
        before: what comes before it.
        cells: the mini-batches in their place, (cells,): row · workers · runs + worker · runs + run.
        since_ms: when it starts there, (cells,), ms.
        until_ms: when it ends there, (cells,), ms.
        reason: what a wait waits for; empty for the other phase.

    """

    phase: str
    before: Saved
    cells: np.ndarray
    since_ms: np.ndarray
    until_ms: np.ndarray
    reason: str = ""

    @cached_property
    def stretch(self) -> PatchedStretch:
        """The same, laid out."""
        elsewhere_ms = self.before.end_ms
        shape = self.before.played.shape
        return PatchedStretch(
            self.phase, elsewhere_ms, elsewhere_ms, self.cells, self.since_ms, self.until_ms, shape, self.reason
        )

    @property
    def start_ms(self) -> np.ndarray:
        """When it starts, (rows, workers, runs), ms."""
        return self.stretch.start_ms

    @property
    def end_ms(self) -> np.ndarray:
        """When it ends, (rows, workers, runs), ms."""
        return self.stretch.end_ms

    def took_ms(self) -> np.ndarray:
        """How long it takes in all of a worker's rows together, (workers, runs), ms."""
        return of_lanes(self.cells, self.until_ms - self.since_ms, self.before.played.shape)


def together(rows: np.ndarray) -> Rows:
    """Some rows in rising order, as a slice where they follow each other."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows
