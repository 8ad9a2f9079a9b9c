"""Recovery from checkpoints: a failure stops all, and work since the last checkpoint is done again.

The epoch without failures is a tape. It is played until a failure cuts it, wound back to the last checkpoint, and
played on from there when all are back: each time further, with the same draws.
"""

from dataclasses import dataclass, replace

import numpy as np

from core.common.validation import MAX_WORK, ScenarioError
from core.schedule.schedule import Beside, Schedule, Stretch
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
    failures = draws.workload.failures
    tape = with_checkpoints(tape, checkpoints, failures.checkpoint_ms)
    takes = Takes(tape, draws, checkpoints)
    while takes.running.any():
        takes.meet_next()
    return takes.schedule()


def with_checkpoints(tape: Schedule, checkpoints: np.ndarray, cost_ms: float) -> Schedule:
    """The schedule with a checkpoint after some rows, which everybody pays for as for the network."""
    later = (cost_ms * (np.cumsum(checkpoints) - checkpoints))[:, None, None]

    def moved(times: np.ndarray) -> np.ndarray:
        return times + later

    end = tape.stretches[-1].end_ms + later
    saved = end + (cost_ms * checkpoints)[:, None, None]
    beside = tape.hidden
    if beside is not None:
        beside = replace(beside, start_ms=beside.start_ms + later[beside.row], end_ms=beside.end_ms + later[beside.row])
    moved_stretches = [replace(s, start_ms=moved(s.start_ms), end_ms=moved(s.end_ms)) for s in tape.stretches]
    return replace(
        tape,
        stretches=(*moved_stretches, Stretch("comm", end, saved)),
        read_ms=moved(tape.read_ms),
        ready_ms=moved(tape.ready_ms),
        applied_ms=moved(tape.applied_ms),
        finish_ms=np.broadcast_to(saved[-1], tape.shape[1:]),
        barrier_ms=None if tape.barrier_ms is None else moved(tape.barrier_ms),
        hidden=beside,
    )


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

    def __init__(self, tape: Schedule, draws: Draws, checkpoints: np.ndarray) -> None:
        self.tape, self.draws, self.next = tape, draws, NextFailures(draws)
        self.failures: Failures = draws.workload.failures
        rows, workers, runs = tape.shape
        self.run, self.rows = np.arange(runs), rows
        self.begins = np.broadcast_to(tape.stretches[0].start_ms, tape.shape).min(axis=1)
        """When anybody begins each row of the tape, (rows, runs), ms."""
        ends = np.broadcast_to(tape.stretches[-1].end_ms, tape.shape).max(axis=1)
        self.ends = np.concatenate([np.zeros((1, runs)), np.where(checkpoints[:, None], ends, np.nan)])
        self.saved = np.concatenate([[0], np.where(checkpoints, np.arange(1, rows + 1), 0)])
        """Where one goes back to: the row behind each checkpoint, and when that is on the tape."""
        self.length_ms = ends[-1]
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
        played = np.where(fails, (self.begins < cut).sum(axis=0), self.rows)
        played = np.maximum(played, self.row)
        back_to = np.where(self.ends <= cut, self.saved[:, None], 0).max(axis=0)
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
            self.tape_ms = np.where(done, self.begins[np.minimum(self.row, self.rows - 1), self.run], self.tape_ms)
            restarting, failed_ms = again, again_ms

    def keep(self, taken: Take | Restart) -> None:
        """Note what was done, and where in the schedule it goes."""
        self.places.append(self.length.copy())
        self.length = self.length + (taken.rows if isinstance(taken, Take) else taken.runs)
        self.taken.append(taken)
        _, workers, runs = self.tape.shape
        if self.length.max() * workers * runs > MAX_WORK:
            if runs > chunk_runs(self.draws.workload):
                raise TooManyRuns
            raise ScenarioError(
                f"failures.mtbf_hours: {self.failures.mtbf_hours:g} loses so much work that a run passes {MAX_WORK:,} "
                "mini-batches; take checkpoints more often, or a longer time between failures."
            )

    def schedule(self) -> Schedule:
        """The schedule of what was played."""
        runs = self.tape.shape[2]
        played = Played.empty(int(self.length.max()), runs)
        finish_ms = self.length_ms + (self.wall_ms - self.tape_ms)
        played.low_ms[:], played.cut_ms[:] = finish_ms, finish_ms  # behind the last row: at the end
        down_until: list[tuple[int, int, np.ndarray]] = []
        for taken, place in zip(self.taken, self.places, strict=True):
            for run in np.flatnonzero(taken.runs).tolist():
                at = int(place[run])
                if isinstance(taken, Take):
                    played.put(taken, run, at)
                    continue
                since, until = taken.from_ms[run], taken.until_ms[run]
                played.source[at, run] = played.source[max(0, at - 1), run]
                played.low_ms[at, run] = played.cut_ms[at, run] = since
                played.until_ms[at, run] = until
                down_until.append((at, run, np.clip(taken.down_until_ms[:, run], since, until)))
        return self.assembled(played, down_until, finish_ms)

    def assembled(
        self, played: "Played", down_until: list[tuple[int, int, np.ndarray]], finish_ms: np.ndarray
    ) -> Schedule:
        """The schedule whose rows are those of the tape that were played, with restarts between them.

        Args:
            played: which rows those are.
            down_until: of each restart its row, its run and until when each worker is down, (workers,), ms.
            finish_ms: when each run ends, (runs,), ms.

        """
        tape, lost = self.tape, played.lost[:, None]
        shape = (len(lost), *tape.shape[1:])
        known: list[tuple[np.ndarray, np.ndarray]] = []

        def times(values: np.ndarray) -> np.ndarray:
            for array, found in known:
                if array is values:
                    return found
            known.append((values, played.times(values)))
            return known[-1][1]

        stretches = [Stretch(s.phase, times(s.start_ms), times(s.end_ms), s.reason) for s in tape.stretches]
        last = stretches[-1].end_ms
        for place, stretch in enumerate(stretches):
            if stretch.phase == "compute":
                start, end = stretch.start_ms, stretch.end_ms
                stretches[place] = replace(stretch, end_ms=np.where(lost, start, end))
                thrown = np.where(lost, end, start)
            elif stretch.phase == "cancelled":
                thrown = np.where(lost, np.maximum(thrown, stretch.end_ms), stretch.end_ms)
        stretches = [stretch for stretch in stretches if stretch.phase != "cancelled"]
        stretches.insert(1, Stretch("cancelled", start, thrown))
        until = np.where(np.isnan(played.until_ms), last.max(axis=1), played.until_ms)[:, None]
        back = np.broadcast_to(last, shape).copy() if down_until else last
        for at, run, mine in down_until:
            back[at, :, run] = mine
        resumes = np.where(np.isnan(played.until_ms)[:, None], last, until)
        stretches += [Stretch("down", last, back), Stretch("wait", back, resumes, reason="restart")]
        begun = np.broadcast_to(played.started[:, None] & (start < played.cut_ms[:, None]), shape)
        used = begun & ~lost
        if tape.used is not None:
            used = used & played.taken(tape.used)
        hidden = None
        if tape.hidden is not None:
            hidden = Beside.of_rows(*(played.times(values) for values in tape.hidden.by_row(self.rows)))
        barrier_ms = None
        if tape.barrier_ms is not None:
            met = played.taken(tape.barrier_ms) + played.offset_ms[:, None]
            barrier_ms = np.where(played.started[:, None] & (met < played.cut_ms[:, None]), met, np.nan)
        return replace(
            tape,
            stretches=tuple(stretches),
            read_ms=times(tape.read_ms),
            ready_ms=np.broadcast_to(times(tape.ready_ms), shape),
            applied_ms=times(tape.applied_ms),
            finish_ms=np.broadcast_to(finish_ms, tape.shape[1:]),
            update=np.where(used if tape.used is not None else ~lost, played.taken(tape.update), -1),
            version=played.taken(tape.version),
            batch=played.source[:, None],
            used=used,
            started=begun,
            barrier_ms=barrier_ms,
            outages=self.next.outages,
            hidden=hidden,
        )


@dataclass(frozen=True, eq=False)
class Played:
    """Which row of the tape each row of the schedule plays: arrays of (rows, runs)."""

    source: np.ndarray
    offset_ms: np.ndarray
    """From the tape's time to the run's."""
    low_ms: np.ndarray
    cut_ms: np.ndarray
    """Between which times its steps lie; rows that play nothing are at one moment."""
    until_ms: np.ndarray
    """Until when a restart lasts; NaN of rows that are none."""
    lost: np.ndarray
    started: np.ndarray

    @classmethod
    def empty(cls, rows: int, runs: int) -> "Played":
        """Rows that play nothing yet."""
        shape = (rows, runs)
        return cls(
            source=np.zeros(shape, dtype=np.int64),
            offset_ms=np.zeros(shape),
            low_ms=np.zeros(shape),
            cut_ms=np.zeros(shape),
            until_ms=np.full(shape, np.nan),
            lost=np.ones(shape, dtype=bool),
            started=np.zeros(shape, dtype=bool),
        )

    def put(self, taken: Take, run: int, at: int) -> None:
        """The rows of a take, from a place on."""
        mine = (slice(at, at + int(taken.rows[run])), run)
        numbers = taken.first[run] + np.arange(taken.rows[run])
        self.source[mine], self.offset_ms[mine] = numbers, taken.offset_ms[run]
        self.low_ms[mine], self.cut_ms[mine] = -np.inf, taken.cut_ms[run]
        self.lost[mine], self.started[mine] = numbers >= taken.lost[run], True

    def taken(self, values: np.ndarray) -> np.ndarray:
        """Values of the tape, (rows, workers or 1, runs or 1), row by row."""
        if self.source.shape[1] == 1:
            return values[self.source[:, 0]]
        wide = np.broadcast_to(values, (*values.shape[:2], self.source.shape[1]))
        return np.take_along_axis(wide, self.source[:, None], axis=0)

    def times(self, values: np.ndarray) -> np.ndarray:
        """Times of the tape as those of the runs, cut where a failure cuts them."""
        found = self.taken(values) + self.offset_ms[:, None]
        if np.isfinite(self.low_ms).any():
            np.maximum(found, self.low_ms[:, None], out=found)
        if np.isfinite(self.cut_ms).any():
            np.minimum(found, self.cut_ms[:, None], out=found)
        return found
