"""Recovery from checkpoints: a failure stops all workers, and work since the last checkpoint is redone.

The epoch without failures is a tape. It is played until a failure cuts it, wound back to the last checkpoint, and
played on from there when all are back: each time further, with the same draws.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from core.common.validation import MAX_WORK, ScenarioError
from core.schedule.schedule import Beside, Outages, PatchedStretch, Schedule, Stretch
from core.workload.draws import Draws, TooManyRuns, chunk_runs
from core.workload.failures import Failures
from core.workload.next_failures import NextFailures


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
    def cut_rows(self) -> np.ndarray:
        """The rows in which a failure cuts some run's steps, or in which nothing is played."""
        last_ms = np.take_along_axis(self.tape.last_ms, self.source, axis=0) + self.offset_ms
        return np.flatnonzero(((last_ms >= self.cut_ms) | (self.low_ms > -np.inf)).any(axis=1))

    def taken(self, values: np.ndarray) -> np.ndarray:
        """Values of the tape, (rows, workers or 1, runs or 1), row by row."""
        if self.shape[2] == 1:
            return values.take(self.source[:, 0], axis=0)
        wide = np.broadcast_to(values, (*values.shape[:2], self.shape[2]))
        return wide.take(self.cells[values.shape[1]])

    @cached_property
    def cells(self) -> dict[int, np.ndarray]:
        """Where the values of that many workers (one or all) lie on the tape, (rows, workers, runs)."""
        of_workers = {width: width * self.shape[2] for width in (1, self.shape[1])}
        return {
            width: layer * self.source[:, None] + np.arange(layer).reshape(width, -1)
            for width, layer in of_workers.items()
        }

    def moved(self, values: np.ndarray, cost_ms: np.ndarray | None = None) -> np.ndarray:
        """Times of the tape, converted to those of the runs.

        Args:
            values: without checkpoints, (rows, workers or 1, runs or 1), ms.
            cost_ms: what else passes in each row of the tape, (rows,), ms.

        """
        found = self.taken(values)
        if self.tape.later_ms.any():
            found += self.tape.later_ms[self.source][:, None]
        if cost_ms is not None:
            found += cost_ms[self.source][:, None]
        found += self.offset_ms[:, None]
        return found

    def cut(self, times: np.ndarray) -> np.ndarray:
        """The same array of times, cut where a failure cuts them."""
        rows = self.cut_rows
        times[rows] = np.clip(times[rows], self.low_ms[rows, None], self.cut_ms[rows, None])
        return times

    def times(self, values: np.ndarray) -> np.ndarray:
        """Times of the tape, converted to those of the runs and cut; cached by array, as many steps take no time."""
        for array, found in self.known:
            if array is values:
                return found
        self.known.append((values, self.cut(self.moved(values))))
        return self.known[-1][1]

    def schedule(self, outages: Outages) -> Schedule:
        """The schedule whose rows are those that were played, with restarts between them.

        Args:
            outages: the failures that were met.

        """
        plain, lost = self.tape.plain, self.lost[:, None]
        stretches = [Stretch(s.phase, self.times(s.start_ms), self.times(s.end_ms), s.reason) for s in plain.stretches]
        saved_ms = self.cut(self.moved(self.tape.end_ms, self.tape.cost_ms))
        begun = self.begun(stretches[0].start_ms)
        used = begun & ~lost
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
        return replace(
            plain,
            stretches=(
                *self.thrown_away(*stretches),
                Stretch("comm", self.times(self.tape.end_ms), saved_ms),
                *self.restarting(saved_ms),
            ),
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
        """Which mini-batches were started before a failure, (rows, workers or 1, runs)."""
        begun, rows = np.repeat(self.started[:, None], start_ms.shape[1], axis=1), self.cut_rows
        begun[rows] &= start_ms[rows] < self.cut_ms[rows, None]
        return begun

    def thrown_away(self, computed: Stretch, *others: Stretch) -> list[Stretch | PatchedStretch]:
        """The stretches from computing on, where computing in lost rows counts as cancelled."""
        start, end = computed.start_ms, computed.end_ms
        row, run = np.nonzero(self.lost & self.started)
        since, until = (np.broadcast_to(times, self.shape)[row, :, run] for times in (start, end))
        thrown = self.rarely("cancelled", row, run, since, until, start)
        kept = PatchedStretch(computed.phase, start, end, thrown.cells, thrown.since_ms, thrown.since_ms, self.shape)
        cancelled: Stretch | PatchedStretch = thrown
        if "cancelled" in [stretch.phase for stretch in others]:
            (until,) = (stretch.end_ms for stretch in others if stretch.phase == "cancelled")
            cancelled = Stretch("cancelled", start, np.where(self.lost[:, None], np.maximum(end, until), until))
        return [kept, cancelled, *(stretch for stretch in others if stretch.phase != "cancelled")]

    def restarting(self, elsewhere_ms: np.ndarray) -> list[PatchedStretch]:
        """Who is down during restarts, and who waits; elsewhere_ms: when all other rows end."""
        none = (np.zeros(0, dtype=np.int64),) * 2 + (np.zeros(0),) * 2 + (np.zeros((0, self.shape[1])),)
        row, run, since, until, down_until = (np.concatenate(each) for each in zip(none, *self.restarts, strict=True))
        since, until = (np.broadcast_to(times[:, None], down_until.shape) for times in (since, until))
        return [
            self.rarely("down", row, run, since, down_until, elsewhere_ms),
            self.rarely("wait", row, run, down_until, until, elsewhere_ms, "restart"),
        ]

    def rarely(
        self,
        phase: str,
        row: np.ndarray,
        run: np.ndarray,
        since_ms: np.ndarray,
        until_ms: np.ndarray,
        elsewhere_ms: np.ndarray,
        reason: str = "",
    ) -> PatchedStretch:
        """A stretch of all workers in some rows and runs; its times are (rows and runs, workers), ms."""
        _, workers, runs = self.shape
        cells = (row * workers)[:, None] + np.arange(workers)
        cells = cells * runs + run[:, None]
        return PatchedStretch(
            phase, elsewhere_ms, elsewhere_ms, cells.ravel(), since_ms.ravel(), until_ms.ravel(), self.shape, reason
        )
