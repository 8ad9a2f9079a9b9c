"""Recovery without those that failed: behind a barrier the others go on, and who is back joins the next round.

A round is one iteration, or with local SGD the batches between two averages. Its members are those that are up when it
begins. The epoch lasts until as many gradients have been used as without failures. Iteration i takes row i of the draws
for all of its members.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from core.common.validation import MAX_WORK, ScenarioError
from core.policies.exchange import Exchange
from core.schedule.schedule import Averages, Beside, Schedule, Stretch
from core.workload.draws import Draws, TooManyRuns, chunk_runs
from core.workload.next_failures import NextFailures

Resize = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(compute times, who is up) → times of mini-batches of sizes that fit those, (…, workers, runs)."""
LOOK_AHEAD = 64  # rounds in which nobody fails that are done together


def nothing() -> np.ndarray:
    """Times of rows before which no bucket had been exchanged."""
    return np.zeros((1, 1, 1))


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a schedule, arrays that broadcast to (rows, workers, runs), ms.

    In the order in which a worker lives through them: it waits for the group, computes, waits at the barrier,
    communicates.
    """

    begin: np.ndarray
    start: np.ndarray
    ready: np.ndarray
    barrier: np.ndarray
    end: np.ndarray
    applied: np.ndarray
    used: np.ndarray
    started: np.ndarray
    update: np.ndarray
    version: np.ndarray
    batch: np.ndarray
    met: np.ndarray
    """When everybody went on to the network, (rows, 1, runs); NaN where nobody did."""
    ahead: np.ndarray = field(default_factory=nothing)
    """From when buckets had been exchanged before that, (rows, 1, runs); the same where none had."""
    ahead_until: np.ndarray = field(default_factory=nothing)


Pause = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Behind the last row of a round, (workers, runs), ms: from when and until when a worker is down, and then waits."""


class Group:
    """The workers of some runs, of which those go on that are up.

    Args:
        draws: compute times and failures.
        wait_for: how many gradients an iteration waits for; all that are up where they are fewer.
        period: batches of a round, which ends with an average of parameters; None where gradients are averaged.
        fragments: an average is of one of so many parts of the parameters.
        resize: sizes of mini-batches; as they are where it is None.

    """

    def __init__(
        self,
        draws: Draws,
        *,
        wait_for: int,
        period: int | None = None,
        fragments: int = 1,
        resize: Resize | None = None,
    ) -> None:
        workload = draws.workload
        self.draws, self.wait_for, self.resize, self.fragments = draws, wait_for, resize, fragments
        self.averaged, self.period = period is not None, period or 1
        self.regroup_ms, self.restart_ms = workload.failures.regroup_ms, workload.failures.restart_ms
        self.workers, self.runs = workload.workers, draws.runs
        self.run = np.arange(self.runs)
        self.next = NextFailures(draws)
        self.now_ms = np.zeros(self.runs)
        self.down_until_ms = np.full((self.workers, self.runs), -np.inf)
        self.members = np.ones((self.workers, self.runs), dtype=bool)
        self.broken = np.zeros(self.runs, dtype=bool)
        """Whether a member failed in the last round."""
        self.left = np.full(self.runs, workload.work)
        """Gradients that the epoch still needs."""
        self.updates = np.zeros(self.runs, dtype=np.int64)
        self.row = np.zeros(self.runs, dtype=np.int64)
        """The row of the draws that is next."""
        self.rows: list[Rows] = []
        self.pauses: list[list[Pause]] = []
        self.length = 0

    def schedule(self) -> Schedule:
        """Round after round until every run has used all its gradients."""
        while self.left.max() > 0:
            ahead = self.undisturbed()
            rows, pauses = self.together(ahead) if ahead else self.round()
            self.rows.append(rows)
            self.pauses.append(pauses)
        return self.joined()

    def draws_of(self, rounds: int) -> tuple[np.ndarray, np.ndarray]:
        """Compute times of the next rounds, (rounds, period, workers, runs), and their networks', (rounds, runs)."""
        rows = rounds * self.period
        self.length += rows
        if self.length * self.workers * self.runs > MAX_WORK:
            if self.runs > chunk_runs(self.draws.workload):
                raise TooManyRuns
            raise ScenarioError(
                f"failures.mtbf_hours: {self.draws.workload.failures.mtbf_hours:g} makes a run pass {MAX_WORK:,} "
                "mini-batches; take a longer time between failures, or a shorter restart."
            )
        first, last = int(self.row.min()), int(self.row.max()) + rows
        compute, network = self.draws.compute_rows(last), self.draws.barrier_rows(last, self.fragments)
        if first + rows == last:
            compute, network = compute[first:last], network[first:last, 0]
        else:
            number = self.row + np.arange(rows)[:, None]
            compute = compute[number, :, self.run].transpose(0, 2, 1)
            network = network[number, 0, self.run]
        return (
            compute.reshape(rounds, self.period, self.workers, self.runs),
            network.reshape(rounds, self.period, self.runs).mean(axis=1),
        )

    def sized(self, compute: np.ndarray, up: np.ndarray) -> np.ndarray:
        """Compute times of mini-batches that are resized to those that are up."""
        return compute if self.resize is None else self.resize(compute, up)

    def exchange(
        self, cost_ms: np.ndarray, barrier_ms: np.ndarray, done_ms: np.ndarray, last_ms: np.ndarray, used: np.ndarray
    ) -> Exchange:
        """An exchange of a round in which nobody fails: its first buckets go out when all have them.

        Args:
            cost_ms: what it takes in all, (…, runs), ms.
            barrier_ms: when all are there, (…, runs), ms.
            done_ms: when each worker is, (…, workers, runs), ms.
            last_ms: how long its last mini-batch takes, likewise.
            used: who takes part, likewise.

        """
        if not self.draws.head_start:
            return Exchange.of(self.draws, cost_ms, np.zeros(1))
        first = np.where(used, done_ms - self.draws.head_start * last_ms, -np.inf).max(axis=-2)
        return Exchange.of(self.draws, cost_ms, np.where(np.isfinite(first), barrier_ms - first, 0.0))

    def undisturbed(self) -> int:
        """How many of the next rounds have all workers and surely no failure in any run."""
        each = self.workers * self.period if self.averaged else self.wait_for
        whole = min(LOOK_AHEAD, int((self.left.min() - 1) // each))
        if whole < 1 or self.broken.any() or not self.members.all() or (self.down_until_ms > self.now_ms).any():
            return 0
        compute, network = self.draws_of(whole)
        self.length -= whole * self.period
        at_most = self.sized(compute, self.members).sum(axis=1).max(axis=1) + network
        quiet = (self.now_ms + np.cumsum(at_most, axis=0) < self.next.next_ms.min(axis=0)).all(axis=1)
        return whole if quiet.all() else int(quiet.argmin())

    def together(self, rounds: int) -> tuple[Rows, list[Pause]]:
        """So many rounds with all workers and no failure."""
        compute, network = self.draws_of(rounds)
        compute = self.sized(compute, self.members)
        took = np.cumsum(compute, axis=1)
        if self.averaged or self.wait_for == self.workers:
            used = np.ones((1, 1, 1, 1), dtype=bool)
            longest = took[:, -1].max(axis=1)
        else:
            place = np.argsort(np.argsort(took[:, -1], axis=1, kind="stable"), axis=1, kind="stable")
            used = (place < self.wait_for)[:, None]
            longest = np.where(used[:, 0], took[:, -1], 0).max(axis=1)
        exchange = self.exchange(network, longest, took[:, -1], compute[:, -1], used[:, -1])
        clock = np.concatenate([self.now_ms[None], longest + exchange.exposed_ms])
        clock = np.cumsum(clock, axis=0)[:, None, None]
        begins, ends = clock[:-1], clock[1:]
        barriers = begins + longest[:, None, None]
        done = begins + took
        start = np.concatenate([np.broadcast_to(begins, done[:, :1].shape), done[:, :-1]], axis=1)
        if self.period == 1:
            start = begins
        ready = done if self.averaged else np.where(used, done, barriers)
        last = (np.arange(self.period) == self.period - 1)[:, None, None]
        number = (self.updates + np.arange(rounds)[:, None])[:, None, None]
        if self.period == 1:
            until, end = barriers, ends
        else:
            until, end = np.where(last, barriers, ready), np.where(last, ends, ready)
        values = {
            "begin": start,
            "start": start,
            "ready": ready,
            "barrier": until,
            "end": end,
            "applied": ends,
            "used": used,
            "started": np.ones((1, 1, 1, 1), dtype=bool),
            "update": number,
            "version": number,
            "batch": self.row + np.arange(rounds * self.period).reshape(rounds, self.period, 1, 1),
            "met": np.where(last, barriers, np.nan),
            **({} if not self.draws.head_start else self.gone_ahead(exchange, barriers[:, 0, 0], last)),
        }
        self.now_ms, self.updates = clock[-1, 0, 0], self.updates + rounds
        self.row = self.row + rounds * self.period
        self.left = self.left - rounds * (self.workers * self.period if self.averaged else self.wait_for)
        return Rows(**{name: by_row(value, rounds, self.period) for name, value in values.items()}), []

    def gone_ahead(self, exchange: Exchange, barrier_ms: np.ndarray, where: np.ndarray) -> dict[str, np.ndarray]:
        """From when until when buckets had been exchanged before barriers, (…, runs), in some rows, (…, rows, 1, runs).

        Elsewhere nothing: both are 0.
        """
        first = barrier_ms - exchange.lead_ms
        until = first + (exchange.cost_ms - exchange.exposed_ms)
        ends = {"ahead": first, "ahead_until": until}
        return {name: np.where(where, times[..., None, None, :], 0.0) for name, times in ends.items()}

    def last_ms(self, compute: np.ndarray, up: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """How long the last of so many mini-batches takes, (workers, runs), ms; 0 of none, and without buckets."""
        if not self.draws.head_start:
            return np.zeros((1, 1))
        sized = self.sized(compute, up)
        last = np.take_along_axis(sized, np.maximum(steps - 1, 0)[None], axis=0)[0]
        return np.where(steps > 0, last, 0.0)

    def round(self) -> tuple[Rows, list[Pause]]:
        """One round of every run that is not done; one without members lasts until the first worker is back."""
        begin, running = self.now_ms, self.left > 0
        up = (self.down_until_ms <= begin) & running
        changed = self.broken | (up & ~self.members).any(axis=0)
        start = begin + np.where(changed & up.any(axis=0), self.regroup_ms, 0)
        compute, network = (values[0] for values in self.draws_of(1))
        steps = self.steps(up)
        doing = np.arange(self.period)[:, None, None] < steps
        done = start + np.cumsum(np.where(doing, self.sized(compute, up), 0), axis=0)
        used, barrier = self.first_done(up, done[-1])
        exchange = self.exchange(network, barrier, done[-1], self.last_ms(compute, up, steps), used)
        exposed = np.broadcast_to(exchange.exposed_ms, barrier.shape).copy()
        end = barrier + exposed
        barrier, end = (np.where(running, times, begin) for times in (barrier, end))
        alone = running & ~up.any(axis=0)
        if alone.any():
            back = self.down_until_ms.min(axis=0)
            barrier, end = np.where(alone, begin, barrier), np.where(alone, back, end)
        met, alive = np.where(up.any(axis=0), barrier, np.nan), up.copy()
        whole = np.asarray(up.any(axis=0))
        for run in np.flatnonzero(running & ~alone & (self.next.next_ms < end).any(axis=0)):
            met[run], ended, used[:, run], alive[:, run] = self.disturbed(int(run), up[:, run], done[-1, :, run])
            barrier[run] = ended if np.isnan(met[run]) else met[run]
            if (up[:, run] & (self.next.next_ms[:, run] < barrier[run])).any():  # those that are left exchange it anew
                whole[run], exposed[run] = False, network[run]
            end[run] = ended if np.isnan(met[run]) else met[run] + exposed[run]
        failed = up & (~alive | (self.next.next_ms < end))
        cut = np.where(up, np.where(failed, self.next.next_ms, np.inf), begin)
        pauses = self.passed(cut, end, up, failed, running)
        used &= ~failed
        rows = self.lived(begin, start, done, doing, barrier, end, cut, used, met)
        if self.draws.head_start:
            last = (np.arange(self.period) == self.period - 1)[:, None, None]
            rows = replace(rows, **self.gone_ahead(exchange, barrier, last & whole))
        self.left = self.left - (used * steps).sum(axis=0)
        self.updates = self.updates + (used & (steps > 0)).any(axis=0)
        self.row = self.row + np.where(up.any(axis=0), self.period, 0)
        self.broken, self.members, self.now_ms = failed.any(axis=0), up & ~failed, end
        return rows, pauses

    def steps(self, up: np.ndarray) -> np.ndarray:
        """How many mini-batches each member computes: of a last round no more than the epoch needs, (workers, runs)."""
        if not self.averaged:
            return up.astype(np.int64)
        members = np.maximum(1, up.sum(axis=0))
        each = np.minimum(self.period, -(-self.left // members))
        spare = np.maximum(0, each * members - self.left)
        from_the_end = np.cumsum(up[::-1], axis=0)[::-1]
        return np.where(up, each - (from_the_end <= spare), 0)

    def first_done(self, up: np.ndarray, done: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whose gradients make the update, (workers, runs), and when the last of them is there, (runs,)."""
        if self.averaged:
            used = up.copy()
        else:
            needed = np.minimum(np.minimum(self.wait_for, up.sum(axis=0)), self.left)
            order = np.argsort(np.where(up, done, np.inf), axis=0, kind="stable")
            used = up & (np.argsort(order, axis=0, kind="stable") < needed)
        return used, np.where(used, done, 0).max(axis=0)

    def disturbed(self, run: int, up: np.ndarray, done: np.ndarray) -> tuple[float, float, np.ndarray, np.ndarray]:
        """One run's round in which somebody may fail.

        It waits for as many as it should, or for all that are still up where those are fewer.

        Returns:
            Its barrier (NaN where all failed), when it had that or was given up, who is there and who is still up.

        """
        want = self.workers if self.averaged else min(self.wait_for, int(self.left[run]))
        alive, there = up.copy(), np.zeros_like(up)
        order: list[tuple[float, int, int]]
        order = [(time, 0, worker) for worker, time in enumerate(done.tolist()) if up[worker]]
        order += [(time, 1, worker) for worker, time in enumerate(self.next.next_ms[:, run].tolist()) if up[worker]]
        for time, fails, worker in sorted(order):
            if fails:
                alive[worker] = there[worker] = False
            else:
                there[worker] = alive[worker]
            still = int(np.count_nonzero(alive))
            if not still:
                return np.nan, time, there, alive
            if int(np.count_nonzero(there)) >= min(want, still):
                return time, time, there, alive
        raise AssertionError("somebody is there in the end")

    def passed(
        self, out_ms: np.ndarray, end: np.ndarray, up: np.ndarray, failed: np.ndarray, running: np.ndarray
    ) -> list[Pause]:
        """What those do that are not, or no longer, in the group: down until they are back, then waiting for the end.

        Who fails again while it waits is down again: another pause.
        """
        found: list[Pause] = []
        fails, since = failed, np.where(up & ~failed, end, out_ms)
        out = (~up | failed) & running
        while not found or fails.any():
            lanes = np.nonzero(fails)
            back_ms = self.next.next_ms[lanes] + self.restart_ms
            self.down_until_ms[lanes] = back_ms
            self.next.meet(lanes, back_ms)
            until = np.where(out, np.clip(self.down_until_ms, since, end), since)
            fails = out & (self.next.next_ms < end)
            then = np.where(out, np.where(fails, self.next.next_ms, end), since)
            found.append((since, until, then))
            since, out = then, fails
        return found

    def lived(
        self,
        begin: np.ndarray,
        start: np.ndarray,
        done: np.ndarray,
        doing: np.ndarray,
        barrier: np.ndarray,
        end: np.ndarray,
        cut: np.ndarray,
        used: np.ndarray,
        met: np.ndarray,
    ) -> Rows:
        """The rows of a round, each worker's up to where it is cut."""
        started = np.concatenate([np.broadcast_to(start, done[:1].shape), done[:-1]])
        ready = done if self.averaged else np.where(used, done, np.minimum(done, barrier))
        last = (np.arange(self.period) == self.period - 1)[:, None, None]
        first = (np.arange(self.period) == 0)[:, None, None]
        number = np.broadcast_to(self.updates, (self.period, 1, self.runs))
        return Rows(
            begin=np.minimum(np.where(first, begin, started), cut),
            start=np.minimum(started, cut),
            ready=np.minimum(ready, cut),
            barrier=np.minimum(np.where(last, barrier, ready), cut),
            end=np.minimum(np.where(last, end, ready), cut),
            applied=np.broadcast_to(end, (self.period, 1, self.runs)),
            used=used & doing,
            started=doing & (started < cut),
            update=number,
            version=number,
            batch=self.row + np.arange(self.period)[:, None, None],
            met=np.where(last, met, np.nan),
        )

    def joined(self) -> Schedule:
        """The schedule of all rounds."""
        shape = (self.length, self.workers, self.runs)
        all_rows = {}
        for each in fields(Rows):
            parts = [getattr(rows, each.name) for rows in self.rows]
            narrow = all(part.shape[1] == 1 for part in parts)
            wide = (1 if narrow else self.workers, self.runs)
            all_rows[each.name] = np.concatenate(
                [np.broadcast_to(part, (len(rows.end), *wide)) for part, rows in zip(parts, self.rows, strict=True)]
            )
        rows = Rows(**all_rows)
        compute = Stretch("compute", rows.start, np.where(rows.used, rows.ready, rows.start))
        cancelled = Stretch("cancelled", rows.start, np.where(rows.used, rows.start, rows.ready))
        return Schedule(
            stretches=(
                Stretch("wait", rows.begin, rows.start, reason="regroup"),
                compute,
                cancelled,
                Stretch("wait", rows.ready, rows.barrier, reason="barrier"),
                Stretch("comm", rows.barrier, rows.end),
                *self.paused(rows.end),
            ),
            read_ms=np.broadcast_to(rows.start, shape),
            ready_ms=np.broadcast_to(rows.ready, shape),
            applied_ms=np.broadcast_to(rows.applied, shape),
            finish_ms=np.broadcast_to(self.now_ms, shape[1:]),
            update=np.where(rows.used, rows.update, -1),
            version=np.broadcast_to(rows.version, shape),
            updates=self.updates,
            batch=rows.batch,
            used=np.broadcast_to(rows.used, shape),
            started=np.broadcast_to(rows.started, shape),
            barrier_ms=rows.met,
            outages=self.next.outages,
            averages=self.averages(rows) if self.averaged else None,
            hidden=Beside.of_rows(rows.ahead, rows.ahead_until),
        )

    def averages(self, rows: Rows) -> Averages:
        """After how many mini-batches of its own each worker sent its parameters for each average."""
        used = np.broadcast_to(rows.used, (self.length, self.workers, self.runs))
        row, worker, run = np.nonzero(used)
        ends = np.zeros((int(self.updates.max()), self.workers, self.runs), dtype=np.int64)
        np.add.at(ends, (np.broadcast_to(rows.update, used.shape)[row, worker, run], worker, run), 1)
        return Averages(np.cumsum(ends, axis=0), fragments=self.fragments)

    def paused(self, end: np.ndarray) -> Sequence[Stretch]:
        """The pauses behind the rows, as stretches; of no length where there are none."""
        most, stretches = max(map(len, self.pauses), default=0), []
        end = np.broadcast_to(end, (self.length, self.workers, self.runs))
        ends = np.cumsum([len(rows.end) for rows in self.rows]) - 1
        for number in range(most):
            down, back, then = (end.copy() for _ in range(3))
            for place, pauses in zip(ends, self.pauses, strict=True):
                if number < len(pauses):
                    down[place], back[place], then[place] = pauses[number]
            stretches += [Stretch("down", down, back), Stretch("wait", back, then, reason="regroup")]
            end = then
        return stretches


def by_row(values: np.ndarray, rounds: int, period: int) -> np.ndarray:
    """Values of (rounds, period, workers, runs), or what broadcasts to that, a row after the other."""
    wide = np.broadcast_to(values, (rounds, period, *values.shape[2:]))
    return wide.reshape(rounds * period, *values.shape[2:])
