"""Recovery without those that failed: behind a barrier the others go on, and who is back joins the next round.

A round is one iteration, or with local SGD the batches between two averages. Its members are those that are up when it
begins. The epoch lasts until as many gradients have been used as without failures. Iteration i takes row i of the draws
for all of its members.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from core.common.validation import MAX_WORK, ScenarioError
from core.policies.exchange import Exchange
from core.policies.rounds import Cells, Pause, Rounds, Rows
from core.schedule.schedule import Schedule
from core.workload.draws import Draws, TooManyRuns, chunk_runs
from core.workload.next_failures import NextFailures

Resize = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(compute times, who is up) → times of mini-batches of sizes that fit those, (…, workers, runs)."""
LOOK_AHEAD = 64  # rounds in which nobody fails that are done together
FIRST_LOOK = 8  # the same, before it is known how long rounds take


@dataclass(frozen=True, eq=False)
class Gathered:
    """The workers that begin a round."""

    up: np.ndarray
    """Whether each worker begins it, (workers, runs)."""
    changed: np.ndarray
    """Whether the group has changed, (runs,)."""
    start_ms: np.ndarray
    """When they begin to compute, (runs,), ms."""

    @property
    def count(self) -> np.ndarray:
        """How many they are, (runs,)."""
        return self.up.sum(axis=0)

    @property
    def complete(self) -> np.ndarray:
        """Whether all workers are among them, (runs,)."""
        return np.asarray(self.up.all(axis=0))


@dataclass(frozen=True, eq=False)
class Look:
    """The next rounds of some runs as they are if nobody fails, (rounds, runs), ms."""

    begin: np.ndarray
    start: np.ndarray
    """When those begin to compute: later than the round does where the group has changed."""
    end: np.ndarray
    took: np.ndarray
    """How long each worker takes until it is done with each mini-batch, (rounds, period, workers, runs)."""
    longest: np.ndarray
    """How long the last one takes that is waited for."""
    network: np.ndarray
    used: np.ndarray
    """Whose gradients make the update, (rounds, workers, runs)."""
    exchange: Exchange

    def first(self, rounds: int) -> "Look":
        """The first few of them."""
        return Look(**{each.name: getattr(self, each.name)[:rounds] for each in fields(self)})


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
        self.rounds = Rounds(self.workers, self.runs)

    def schedule(self) -> Schedule:
        """Round after round until every run has used all its gradients."""
        while (running := self.left > 0).any():
            group = self.gathered(running)
            stuck = running & (self.together(group) == 0)
            if stuck.any():
                self.round(group, stuck)
        fragments = self.fragments if self.averaged else None
        return self.rounds.schedule(self.now_ms, self.updates, self.next.outages, fragments)

    def gathered(self, running: np.ndarray) -> Gathered:
        """Who begins the next round of each run that is not done."""
        up = (self.down_until_ms <= self.now_ms) & running
        changed = (self.broken | (up & ~self.members).any(axis=0)) & up.any(axis=0)
        return Gathered(up, changed, self.now_ms + np.where(changed, self.regroup_ms, 0))

    def draws_of(self, rounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute times of the next rounds, (rounds, period, workers, runs), and their networks', (rounds, runs).

        Args:
            rounds: how many of them each run has, (runs,); values beyond those are meaningless.

        """
        most, mine = int(rounds.max()), rounds > 0
        first, last = int(self.row[mine].min()), int((self.row + rounds * self.period)[mine].max())
        compute = self.draws.compute_rows(last, first)
        network = self.draws.barrier_rows(last, self.fragments)[first:]
        if (self.row[mine] > first).any():
            number = np.clip(self.row + np.arange(most * self.period)[:, None], first, last - 1) - first
            layer = self.workers * self.runs
            compute = compute.take(layer * number[:, None] + np.arange(layer).reshape(self.workers, self.runs))
            network = network[number[:, None], 0, self.run]
        return (
            compute.reshape(most, self.period, self.workers, self.runs),
            network.reshape(most, self.period, self.runs).mean(axis=1),
        )

    def keep(self, rows: Rows, lengths: np.ndarray, regroups: list[Cells], pauses: list[Pause]) -> None:
        """Record some rounds, unless there are too many by now."""
        if (self.rounds.length + lengths).max() * self.workers * self.runs > MAX_WORK:
            if self.runs > chunk_runs(self.draws.workload):
                raise TooManyRuns
            raise ScenarioError(
                f"failures.mtbf_hours: {self.draws.workload.failures.mtbf_hours:g} makes a run pass {MAX_WORK:,} "
                "mini-batches; take a longer time between failures, or a shorter restart."
            )
        self.rounds.keep(rows, lengths, regroups, pauses)

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

    def ahead(self, group: Gathered) -> np.ndarray:
        """How many of the next rounds to check for failures, (runs,).

        0 for runs in which nobody is up, and for the last round of a run. If buckets go out before a barrier, also 0
        for runs in which a worker is missing.
        """
        goes_on = group.up.any(axis=0) & (self.left > self.gradients(group.count))
        if self.draws.head_start:
            goes_on &= group.complete & ~group.changed
        if not goes_on.any():
            return np.zeros(self.runs, dtype=np.int64)
        rounds = np.maximum(1, (self.left - 1) // self.gradients(np.array(self.workers)))
        rounds = np.where(group.complete & group.changed, 1, rounds)
        look = FIRST_LOOK
        if self.row[goes_on].all():
            until_ms = np.minimum(self.next.next_ms.min(axis=0), self.back_ms(group.up)) - self.now_ms
            look = int(np.clip(np.median((until_ms * self.row / self.now_ms)[goes_on]) / self.period, 1, LOOK_AHEAD))
        return np.where(goes_on, np.minimum(rounds, look), 0)

    def gradients(self, up: np.ndarray) -> np.ndarray:
        """How many gradients a round of so many workers uses, if the epoch still needs as many."""
        return up * self.period if self.averaged else np.minimum(self.wait_for, up)

    def back_ms(self, up: np.ndarray) -> np.ndarray:
        """When the first of those that are not up is back, (runs,), ms; infinite where all are up."""
        return np.where(up, np.inf, self.down_until_ms).min(axis=0)

    def together(self, group: Gathered) -> np.ndarray:
        """Do the next rounds of each run in which nobody fails and the group stays the same; how many, (runs,)."""
        rounds = self.ahead(group)
        if rounds.any():
            look = self.look(group, rounds)
            rounds = self.undisturbed(group, look, rounds)
            if rounds.any():
                self.go_on(group, look.first(int(rounds.max())), rounds)
        return rounds

    def look(self, group: Gathered, rounds: np.ndarray) -> Look:
        """The next rounds of each run, so many of each, as they will be if nobody fails; rounds: (runs,)."""
        compute, network = self.draws_of(rounds)
        compute = self.sized(compute, group.up)
        took = compute if group.complete.all() else np.where(group.up, compute, 0)
        took = np.cumsum(took, axis=1) if self.period > 1 else took
        used, longest = self.quickest(group, took[:, -1])
        exchange = self.exchange(network, longest, took[:, -1], compute[:, -1], used)
        plain = group.complete & ~group.changed  # times are added up as in a run without failures
        steps = np.empty((2 * len(longest) + 1, self.runs))
        steps[0] = group.start_ms
        steps[1::2] = longest + np.where(plain, exchange.exposed_ms, 0)
        steps[2::2] = np.where(plain, 0, exchange.exposed_ms)
        clock = np.cumsum(steps, axis=0)
        start = clock[:-1:2]
        if not (self.takes_all or plain.all()):  # ties are judged on the summed times
            used, _ = self.quickest(group, start[:, None] + took[:, -1])
        return Look(
            begin=np.concatenate([self.now_ms[None], start[1:]]),
            start=start,
            end=clock[2::2],
            took=took,
            longest=longest,
            network=network,
            used=used,
            exchange=exchange,
        )

    def undisturbed(self, group: Gathered, look: Look, rounds: np.ndarray) -> np.ndarray:
        """In how many of them nobody fails and nobody comes back, (runs,); rounds: how many each run looks at."""
        fails_ms = self.next.next_ms.min(axis=0)
        most = look.longest if self.takes_all else look.took[:, -1].max(axis=1)
        surely = look.start + (most + look.network) < fails_ms
        stays = (look.end <= fails_ms) & (look.begin < self.back_ms(group.up))
        quiet = np.where(group.complete & ~group.changed, surely, stays)
        quiet &= np.arange(len(quiet))[:, None] < rounds
        return np.where(quiet.all(axis=0), len(quiet), quiet.argmin(axis=0))

    def go_on(self, group: Gathered, look: Look, rounds: np.ndarray) -> None:
        """Move each run past some rounds in which nobody failed.

        Args:
            group: who was in them.
            look: as they were.
            rounds: how many they are, (runs,).

        """
        begin, end = look.begin, look.end
        goes_on, each = rounds > 0, np.arange(len(end))[:, None]
        last_row = (self.rounds.length + self.period * each + self.period - 1)[:, None]
        away, pauses = ~group.up & (each < rounds)[:, None], []
        if away.any():
            back = np.clip(self.down_until_ms, begin[:, None], end[:, None])
            pauses.append(
                (Cells.of(away, last_row, begin[:, None], back), Cells.of(away, last_row, back, end[:, None]))
            )
        regroups = self.regrouped(group, group.up & goes_on, group.start_ms)
        self.keep(self.rows_of(group, look), rounds * self.period, regroups, pauses)
        self.now_ms = np.where(goes_on, end[rounds - 1, self.run], self.now_ms)
        self.updates, self.row = self.updates + rounds, self.row + rounds * self.period
        self.left = self.left - rounds * self.gradients(group.count)
        self.broken, self.members = self.broken & ~goes_on, np.where(goes_on, group.up, self.members)

    def regrouped(self, group: Gathered, who: np.ndarray, until_ms: np.ndarray) -> list[Cells]:
        """Which of some workers wait for their group to change before the next round.

        Args:
            group: the groups they are in.
            who: whether each is one of them, (workers, runs).
            until_ms: until when they would wait; broadcasts to that shape.

        """
        who = who & group.changed & (until_ms > self.now_ms)
        return [Cells.of(who[None], self.rounds.length, self.now_ms, until_ms)] if who.any() else []

    @property
    def takes_all(self) -> bool:
        """Whether a round waits for everybody in it."""
        return self.averaged or self.wait_for == self.workers

    @property
    def is_last(self) -> np.ndarray:
        """Which row of a round is its last, (period, 1, 1)."""
        return (np.arange(self.period) == self.period - 1)[:, None, None]

    def quickest(self, group: Gathered, done: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whose gradients go into the updates of some rounds, (rounds, workers, runs), and when the last one arrives.

        Args:
            group: who is in these rounds.
            done: when each worker is done, (rounds, workers, runs), ms.

        """
        if self.takes_all:
            return np.broadcast_to(group.up, done.shape), done.max(axis=1)  # 0 for those that are not in the group
        order = np.argsort(np.where(group.up, done, np.inf), axis=1, kind="stable")
        used = np.argsort(order, axis=1, kind="stable") < self.gradients(group.count)
        return used, np.where(used, done, 0).max(axis=1)

    def rows_of(self, group: Gathered, look: Look) -> Rows:
        """The rows of rounds in which nobody fails; workers outside the group stay at the moment the round begins."""
        last, period = self.is_last, self.period
        met = look.start + look.longest
        begin, start, barrier, end = (times[:, None, None] for times in (look.begin, look.start, met, look.end))
        done, used = start + look.took, look.used[:, None]
        ready = done if self.takes_all else np.where(used, done, barrier)
        values = {
            "start": start,
            "ready": ready,
            "barrier": barrier,
            "end": end,
            "used": np.ones((1, 1, 1, 1), dtype=bool) if self.takes_all else used,
            "started": np.ones((1, 1, 1, 1), dtype=bool),
        }
        if period > 1:
            values["start"] = np.concatenate([np.broadcast_to(start, done[:, :1].shape), done[:, :-1]], axis=1)
            values |= {"barrier": np.where(last, barrier, ready), "end": np.where(last, end, ready)}
        if not group.up.all():
            for name in ("start", "ready", "barrier", "end"):
                values[name] = np.where(group.up, values[name], begin)
            values |= {"used": values["used"] & group.up, "started": group.up[None, None]}
        values |= {
            "applied": end,
            "update": (self.updates + np.arange(len(end))[:, None, None, None]),
            "batch": self.row + np.arange(len(end) * period).reshape(-1, period, 1, 1),
            "met": np.where(last, barrier, np.nan),
        }
        if self.draws.head_start:
            values |= self.gone_ahead(look.exchange, met, last)
        return Rows(**{name: by_row(value, period) for name, value in values.items()})

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

    def round(self, group: Gathered, runs: np.ndarray) -> None:
        """One round of some runs; one without members lasts until the first worker is back."""
        begin, up, start = self.now_ms, group.up & runs, group.start_ms
        compute, network = (values[0] for values in self.draws_of(runs.astype(np.int64)))
        steps = self.steps(up)
        doing = np.arange(self.period)[:, None, None] < steps
        done = start + np.cumsum(np.where(doing, self.sized(compute, up), 0), axis=0)
        used, barrier = self.first_done(up, done[-1])
        exchange = self.exchange(network, barrier, done[-1], self.last_ms(compute, up, steps), used)
        exposed = np.broadcast_to(exchange.exposed_ms, barrier.shape).copy()
        end = barrier + exposed
        barrier, end = (np.where(runs, times, begin) for times in (barrier, end))
        alone = runs & ~up.any(axis=0)
        if alone.any():
            back = self.down_until_ms.min(axis=0)
            barrier, end = np.where(alone, begin, barrier), np.where(alone, back, end)
        met, alive = np.where(up.any(axis=0), barrier, np.nan), up.copy()
        whole = np.asarray(up.any(axis=0))
        for run in np.flatnonzero(runs & ~alone & (self.next.next_ms < end).any(axis=0)):
            met[run], ended, used[:, run], alive[:, run] = self.disturbed(int(run), up[:, run], done[-1, :, run])
            barrier[run] = ended if np.isnan(met[run]) else met[run]
            if (up[:, run] & (self.next.next_ms[:, run] < barrier[run])).any():  # those that are left exchange it anew
                whole[run], exposed[run] = False, network[run]
            end[run] = ended if np.isnan(met[run]) else met[run] + exposed[run]
        failed = up & (~alive | (self.next.next_ms < end))
        cut = np.where(up, np.where(failed, self.next.next_ms, np.inf), begin)
        pauses = self.passed(cut, end, up, failed, runs)
        used &= ~failed
        rows = self.lived(start, done, doing, barrier, end, cut, used, met)
        if self.draws.head_start:
            rows = replace(rows, **self.gone_ahead(exchange, barrier, self.is_last & whole))
        regroups = self.regrouped(group, up, np.minimum(start, cut))
        self.keep(rows, np.where(runs, self.period, 0), regroups, pauses)
        self.left = self.left - (used * steps).sum(axis=0)
        self.updates = self.updates + (used & (steps > 0)).any(axis=0)
        self.row = self.row + np.where(up.any(axis=0), self.period, 0)
        self.broken = np.where(runs, failed.any(axis=0), self.broken)
        self.members = np.where(runs, up & ~failed, self.members)
        self.now_ms = end

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
        alive, fails_ms, since_ms = up.copy(), self.next.next_ms[:, run], -np.inf
        while alive.any():
            (members,) = np.nonzero(alive)
            first = members[np.argsort(done[members], kind="stable")][: min(want, len(members))]
            last_ms, who = done[first[-1]], members[fails_ms[members].argmin()]
            barrier_ms = max(last_ms, since_ms)  # a failure can leave those that are there as the only ones
            if barrier_ms <= fails_ms[who]:
                there = alive & (done <= since_ms)
                if last_ms > since_ms:
                    there = np.isin(np.arange(len(up)), first)
                return float(barrier_ms), float(barrier_ms), there, alive
            since_ms, alive[who] = fails_ms[who], False
        return np.nan, float(since_ms), alive, alive

    def passed(
        self, out_ms: np.ndarray, end: np.ndarray, up: np.ndarray, failed: np.ndarray, runs: np.ndarray
    ) -> list[Pause]:
        """What those do that are not, or no longer, in the group: down until they are back, then waiting for the end.

        Who fails again while it waits is down again: another pause.
        """
        found: list[Pause] = []
        last_row = self.rounds.length + self.period - 1
        fails, since = failed, np.where(up & ~failed, end, out_ms)
        out = (~up | failed) & runs
        while not found or fails.any():
            lanes = np.nonzero(fails)
            back_ms = self.next.next_ms[lanes] + self.restart_ms
            self.down_until_ms[lanes] = back_ms
            self.next.meet(lanes, back_ms)
            until = np.where(out, np.clip(self.down_until_ms, since, end), since)
            fails = out & (self.next.next_ms < end)
            then = np.where(out, np.where(fails, self.next.next_ms, end), since)
            found.append((Cells.of(out[None], last_row, since, until), Cells.of(out[None], last_row, until, then)))
            since, out = then, fails
        return found

    def lived(
        self,
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
        last = self.is_last
        return Rows(
            start=np.minimum(started, cut),
            ready=np.minimum(ready, cut),
            barrier=np.minimum(np.where(last, barrier, ready), cut),
            end=np.minimum(np.where(last, end, ready), cut),
            applied=np.broadcast_to(end, (self.period, 1, self.runs)),
            used=used & doing,
            started=doing & (started < cut),
            update=np.broadcast_to(self.updates, (self.period, 1, self.runs)),
            batch=self.row + np.arange(self.period)[:, None, None],
            met=np.where(last, met, np.nan),
        )


def by_row(values: np.ndarray, period: int) -> np.ndarray:
    """Values of (rounds or 1, period or 1, workers, runs) a row after the other; those of all rounds stay one."""
    if len(values) > 1 and values.shape[1] < period:
        values = np.repeat(values, period, axis=1)
    return values.reshape(-1, *values.shape[2:])
