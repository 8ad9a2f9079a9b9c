"""Recovery without those that failed: behind a barrier the others go on, and who is back joins the next round.

A round is one iteration, or with local SGD the batches between two averages. Its members are those that are up when it
begins. The epoch lasts until as many gradients have been used as without failures. Iteration i takes row i of the draws
for all of its members.

Rounds of all workers are looked at together up to the next failure, those without some of them up to the next failure
or return; each round that somebody fails in, and the last one, by itself.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from core.common.validation import MAX_WORK, ScenarioError
from core.policies.exchange import Exchange
from core.policies.rounds import Common, Layout, Pause, Regroup, Rounds, Unused
from core.policies.whole_group import WholeGroup, done_after, exchange_of, quickest
from core.schedule.schedule import Schedule
from core.workload.draws import Draws, TooManyRuns, chunk_runs
from core.workload.next_failures import NextFailures

Sizes = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(who is up, their runs) → sizes of mini-batches that fit those, equal ones being 1: (workers, those runs)."""
LOOK_AHEAD = 64  # rounds without some worker that are looked at together


class Gathered(NamedTuple):
    """The workers of some runs that begin their next round."""

    runs: np.ndarray
    """Which runs."""
    up: np.ndarray
    """Whether each worker begins it, (workers, those runs)."""
    size: np.ndarray
    """How many they are, (those runs,)."""
    changed: np.ndarray
    """Whether the group has changed, likewise."""
    begin: np.ndarray
    """When the round begins, likewise, ms."""
    start: np.ndarray
    """When they begin to compute: later than the round does where the group has changed, likewise, ms."""

    def of(self, some: np.ndarray) -> "Gathered":
        """Those of some of the runs only."""
        return self if some.all() else Gathered(*(each[..., some] for each in self))


class Group:
    """The workers of some runs, of which those go on that are up.

    Args:
        draws: compute times and failures.
        wait_for: how many gradients an iteration waits for; all that are up where they are fewer.
        period: batches of a round, which ends with an average of parameters; None where gradients are averaged.
        fragments: an average is of one of so many parts of the parameters.
        sizes: sizes of mini-batches; all equal where it is None.

    """

    def __init__(
        self,
        draws: Draws,
        *,
        wait_for: int,
        period: int | None = None,
        fragments: int = 1,
        sizes: Sizes | None = None,
    ) -> None:
        workload = draws.workload
        self.draws, self.wait_for, self.sizes, self.fragments = draws, wait_for, sizes, fragments
        self.averaged, self.period = period is not None, period or 1
        self.regroup_ms, self.restart_ms = workload.failures.regroup_ms, workload.failures.restart_ms
        self.workers, self.runs = workload.workers, draws.runs
        self.takes_all = wait_for == self.workers
        """Whether a round waits for everybody in it."""
        shape = (self.workers, self.runs)
        self.next = NextFailures(draws)
        self.now_ms, self.down_until_ms = np.zeros(self.runs), np.full(shape, -np.inf)
        self.members, self.broken = np.ones(shape, dtype=bool), np.zeros(self.runs, dtype=bool)
        """Who came to the end of the last round, and whether another member failed in it."""
        self.left = np.full(self.runs, workload.work)
        """Gradients that the epoch still needs."""
        self.updates, self.source = np.zeros(self.runs, dtype=np.int64), np.zeros(self.runs, dtype=np.int64)
        """How many updates there were, and which round of the draws is next."""
        self.most = self.workers * self.period if self.averaged else wait_for
        """How many gradients a round uses at the most."""
        enough = max(1, (workload.work - 1) // self.most)
        self.rounds = Rounds(self.period, *shape, expected=enough + enough // 8 + 8)
        own = None if sizes is None else sizes(self.members, np.arange(self.runs))
        self.whole = WholeGroup(draws, wait_for, self.period, fragments, own)
        self.whole.reach(enough)

    def schedule(self) -> Schedule:
        """Round after round until every run has used all its gradients."""
        runs = np.arange(self.runs)
        while len(runs):
            alone = self.together(runs)
            if len(alone):
                self.round(self.gathered(alone))
            runs = runs[self.left[runs] > 0]
        self.whole.reach(int(self.source.max()))
        return Layout(self.rounds, self.now_ms).schedule(
            self.whole.took,
            self.whole.waited_for,
            self.updates,
            self.next.outages,
            self.fragments if self.averaged else None,
        )

    def gathered(self, runs: np.ndarray) -> Gathered:
        """Who begins the next round of each of some runs."""
        now_ms = self.now_ms[runs]
        up = self.down_until_ms[:, runs] <= now_ms
        size = up.sum(axis=0)
        changed = (self.broken[runs] | (up > self.members[:, runs]).any(axis=0)) & (size > 0)
        return Gathered(runs, up, size, changed, now_ms, now_ms + np.where(changed, self.regroup_ms, 0.0))

    def gradients(self, up: np.ndarray) -> np.ndarray:
        """How many gradients a round of so many workers uses, if the epoch still needs as many."""
        return up * self.period if self.averaged else np.minimum(self.wait_for, up)

    def together(self, runs: np.ndarray) -> np.ndarray:
        """Do the next rounds of some runs as far as nobody fails and the group stays the same.

        With buckets, only those of all workers.

        Returns:
            The runs whose next round has to be done by itself.

        """
        group, buckets = self.gathered(runs), bool(self.draws.head_start)
        goes_on = self.left[runs] > self.gradients(group.size)  # it is not the last round
        complete, alone = group.size == self.workers, np.ones(len(runs), dtype=bool)
        for look, some in (
            (self.look_at_all, complete & (~group.changed | (self.takes_all and not buckets))),
            (self.look_at_some, ~complete & (group.size > 0) & (not buckets)),
        ):
            if (some & goes_on).any():
                alone[some & goes_on] = look(group.of(some & goes_on))
        return runs[alone]

    def ahead(self, group: Gathered, until_ms: np.ndarray) -> np.ndarray:
        """How many rounds to look at: about as many as begin before a moment, and not the last one of the epoch.

        Args:
            group: whose rounds.
            until_ms: the moment, (those runs,), ms.

        """
        before = 2 + 1.1 * (until_ms - group.begin) / self.whole.usual_ms[group.runs]
        others = np.maximum(1, (self.left[group.runs] - 1) // self.most)  # whoever fails, there are as many
        return np.minimum(others, before).astype(np.int64)

    def look_at_all(self, group: Gathered) -> np.ndarray:
        """Do the next rounds of all workers in which nobody fails.

        Returns:
            Whether a round by itself has to follow, (runs,).

        """
        runs, whole, source = group.runs, self.whole, self.source[group.runs]
        fails_ms = self.next.next_ms[:, runs].min(axis=0)
        rounds = self.ahead(group, fails_ms)
        each = np.arange(rounds.max())[:, None]
        whole.reach(int((source + rounds).max()))
        place = (np.minimum(source + each, len(whole.longest_ms) - 1), runs)
        longest, exchange = whole.longest_ms[place], whole.exchange[place]
        took = longest + exchange.exposed_ms  # times are added up as in a run without failures
        took[0] = np.where(group.changed, (group.start + longest[0]) + exchange.exposed_ms[0], group.start + took[0])
        end = np.cumsum(took, axis=0)
        start = np.concatenate([group.start[None], end[:-1]])
        quiet = start + (whole.latest_ms[place] + exchange.cost_ms) < fails_ms
        quiet[0] = np.where(group.changed, end[0] <= fails_ms, quiet[0])
        counts = self.go_on(group, start, start + longest, end, quiet & (each < rounds), exchange)
        return self.is_alone(group, counts < rounds)

    def look_at_some(self, group: Gathered) -> np.ndarray:
        """Do the next rounds in which some workers are away, nobody fails and nobody comes back.

        Returns:
            Whether a round by itself has to follow, (runs,).

        """
        runs, up, first = group.runs, group.up, self.rounds.length[group.runs]
        fails_ms = self.next.next_ms[:, runs].min(axis=0)
        back_ms = np.where(up, np.inf, self.down_until_ms[:, runs]).min(axis=0)
        rounds = np.minimum(LOOK_AHEAD, self.ahead(group, np.minimum(fails_ms, back_ms)))
        each = np.arange(rounds.max())[:, None]
        compute, network = self.draws_of(group, rounds)
        took = done_after(np.where(up, compute, 0))
        done, used = took[:, -1], None
        if not self.takes_all:
            used = quickest(np.where(up, done, np.inf), self.gradients(group.size))
        longest = (done if used is None else np.where(used, done, 0)).max(axis=1)
        steps = np.empty((2 * len(each) + 1, len(runs)))
        steps[0], steps[1::2], steps[2::2] = group.start, longest, network
        clock = np.cumsum(steps, axis=0)
        start, end = clock[:-1:2], clock[2::2]
        begin = np.concatenate([group.begin[None], start[1:]])
        quiet = (end <= fails_ms) & (begin < back_ms) & (each < rounds)
        counts = self.go_on(group, start, clock[1::2], end, quiet, Exchange(network, network, np.zeros((1, 1))))
        step, of = np.nonzero(each < counts)
        if used is not None:  # ties are judged on the summed times
            used = quickest(np.where(up, start[:, None] + done, np.inf), self.gradients(group.size))
            self.rounds.own.append((first[of] + step, runs[of], used[step, :, of]))
        if self.sizes is not None:
            self.rounds.sized.append((first[of] + step, runs[of], start[step, of, None] + done[step, :, of]))
        away, lane = np.nonzero(~up)
        row, here = np.nonzero(each < counts[lane])
        worker, lane = away[here], lane[here]
        since, until = begin[row, lane], end[row, lane]
        at, run = first[lane] + row, runs[lane]
        self.away(at, worker, run, since)
        back = np.clip(self.down_until_ms[worker, run], since, until)
        self.rounds.pause(0, Pause(self.rounds.cells(at, self.period - 1, worker, run), since, back, until))
        return self.is_alone(group, (counts < rounds) & (self.now_ms[runs] < back_ms))

    def is_alone(self, group: Gathered, disturbed: np.ndarray) -> np.ndarray:
        """Whether the next round of each run has to be done by itself: it is disturbed, or the last one."""
        return disturbed | (self.left[group.runs] <= self.gradients(group.size))

    def away(self, number: np.ndarray, worker: np.ndarray, run: np.ndarray, at_ms: np.ndarray) -> None:
        """Note rounds that some workers are not in, and at what moment they begin, ms."""
        cells = self.rounds.cells(number, np.arange(self.period)[:, None], worker, run).ravel()
        at_ms = np.tile(at_ms, self.period)
        self.rounds.unused.append(Unused(cells, at_ms, at_ms, at_ms, at_ms, np.zeros(len(cells), dtype=bool)))

    def draws_of(self, group: Gathered, rounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute times of the next rounds, (rounds, period, workers, runs), and their networks', (rounds, runs), ms.

        Mini-batches have the sizes that fit the groups.

        Args:
            group: the groups of some runs.
            rounds: how many of them each has, (runs,); values beyond those are meaningless.

        """
        source, most, runs = self.source[group.runs], int(rounds.max()), group.runs
        first, last = int(source.min()), int((source + rounds).max())
        self.whole.reach(last)
        compute = self.draws.compute_rows(last * self.period, first * self.period)
        network = self.whole.exchange.cost_ms[first:last]
        if self.runs > 1:
            each = np.minimum(source - first + np.arange(most)[:, None], last - first - 1)
            compute = compute.reshape(-1, self.period, *compute.shape[1:])
            compute, network = np.moveaxis(compute[each, :, :, runs], 1, -1), network[each, runs]
        if self.sizes is not None:
            compute = compute * self.sizes(group.up, runs)
        return compute.reshape(most, self.period, self.workers, len(runs)), network

    def go_on(
        self,
        group: Gathered,
        start: np.ndarray,
        barrier: np.ndarray,
        end: np.ndarray,
        quiet: np.ndarray,
        exchange: Exchange,
    ) -> np.ndarray:
        """Move each run past rounds in which nobody fails.

        Args:
            group: who is in them.
            start: when they start to compute, (rounds, runs), ms.
            barrier: when their last one is done that is waited for, likewise.
            end: when they end, likewise.
            quiet: whether each is such a round, likewise; those before the first that is not are done.
            exchange: the exchanges after them, likewise.

        Returns:
            How many rounds those are, (runs,).

        """
        runs, each = group.runs, np.arange(len(end))[:, None]
        counts = np.where(quiet.all(axis=0), len(quiet), quiet.argmin(axis=0))
        goes_on = counts > 0
        if not goes_on.any():
            return counts
        self.regrouped(group, goes_on)
        self.keep(
            group,
            counts,
            Common(
                start=start,
                barrier=barrier,
                end=end,
                met=np.ones((1, 1), dtype=bool),
                update=self.updates[runs] + each,
                source=self.source[runs] + each,
                **self.gone_ahead(exchange, barrier),
            ),
        )
        self.now_ms[runs] = np.where(goes_on, end[counts - 1, np.arange(len(runs))], group.begin)
        self.updates[runs] += counts
        self.source[runs] += counts
        self.left[runs] -= counts * self.gradients(group.size)
        self.broken[runs] &= ~goes_on
        self.members[:, runs] = np.where(goes_on, group.up, self.members[:, runs])
        return counts

    def keep(self, group: Gathered, counts: np.ndarray, common: Common) -> None:
        """Record what workers of some rounds have in common, unless there are too many rounds by now."""
        self.rounds.keep(group.runs, counts, common)
        if self.rounds.longest * self.period * self.workers * self.runs > MAX_WORK:
            if self.runs > chunk_runs(self.draws.workload):
                raise TooManyRuns
            raise ScenarioError(
                f"failures.mtbf_hours: {self.draws.workload.failures.mtbf_hours:g} makes a run pass {MAX_WORK:,} "
                "mini-batches; take a longer time between failures, or a shorter restart."
            )

    def regrouped(self, group: Gathered, goes_on: np.ndarray, cut_ms: np.ndarray | None = None) -> None:
        """Note that members wait for their group to change before the next round.

        Args:
            group: the groups of some runs.
            goes_on: whether each of those runs has a next round.
            cut_ms: when each of those that fail does so, (workers, those runs), ms.

        """
        waits = group.changed & goes_on & (group.start > group.begin)
        if not waits.any():
            return
        worker, of = np.nonzero(group.up & waits)
        until_ms = group.start[of] if cut_ms is None else np.minimum(group.start[of], cut_ms[worker, of])
        cells = self.rounds.cells(self.rounds.length[group.runs[of]], 0, worker, group.runs[of])
        self.rounds.regroups.append(Regroup(cells, group.begin[of], until_ms))

    def gone_ahead(self, exchange: Exchange, barrier_ms: np.ndarray) -> dict[str, np.ndarray]:
        """From when until when buckets had been exchanged before barriers, (rounds, runs), ms; 0 without buckets."""
        if not self.draws.head_start:
            return dict.fromkeys(("ahead", "ahead_until"), np.zeros((1, 1)))
        first = barrier_ms - exchange.lead_ms
        return {"ahead": first, "ahead_until": first + (exchange.cost_ms - exchange.exposed_ms)}

    def round(self, group: Gathered) -> None:
        """One round of some runs; one without members lasts until the first worker is back."""
        runs, begin, up = group.runs, group.begin, group.up
        compute, network = (values[0] for values in self.draws_of(group, np.ones(len(runs), dtype=np.int64)))
        steps, next_ms = self.steps(group), self.next.next_ms[:, runs]
        doing = np.arange(self.period)[:, None, None] < steps
        done = group.start + np.cumsum(np.where(doing, compute, 0), axis=0)
        used, barrier = self.first_done(group, done[-1])
        last_ms = np.zeros((1, 1))
        if self.draws.head_start:
            last_ms = np.take_along_axis(compute, np.maximum(steps - 1, 0)[None], axis=0)[0]
        exchange = exchange_of(self.draws, network, barrier, done[-1], np.where(steps > 0, last_ms, 0.0), used)
        exposed = exchange.exposed_ms.copy()
        end, together = barrier + exposed, group.size > 0
        back_ms = self.down_until_ms[:, runs].min(axis=0)
        barrier, end = np.where(together, barrier, begin), np.where(together, end, back_ms)
        met, whole, alive = together.copy(), together.copy(), up.copy()
        for of in np.flatnonzero(together & (next_ms < end).any(axis=0)):
            barrier[of], met[of], used[:, of], alive[:, of] = self.disturbed(
                next_ms[:, of], up[:, of], done[-1, :, of], int(self.left[runs[of]])
            )
            if not alive[up[:, of], of].all():  # those that are left exchange it anew
                whole[of], exposed[of] = False, network[of]
            end[of] = barrier[of] + exposed[of] if met[of] else barrier[of]
        failed = up & (~alive | (next_ms < end))
        cut = np.where(up, np.where(failed, next_ms, np.inf), begin)
        number = self.rounds.length[runs]
        if not self.takes_all:
            self.rounds.own.append((number, runs, used.T))
        used &= ~failed
        self.passed(group, number, cut, end, failed)
        self.left_out(group, number, done, doing, used, cut, barrier, end)
        self.regrouped(group, together, cut)
        ahead = {name: np.where(whole, times, 0.0) for name, times in self.gone_ahead(exchange, barrier[None]).items()}
        times = (each[None] for each in (group.start, barrier, end, met, self.updates[runs], self.source[runs]))
        self.keep(group, np.ones(len(runs), dtype=np.int64), Common(*times, **ahead))
        self.left[runs] -= (used * steps).sum(axis=0)
        self.updates[runs] += (used & (steps > 0)).any(axis=0)
        self.source[runs] += together
        self.broken[runs] = failed.any(axis=0)
        self.members[:, runs] = up & ~failed
        self.now_ms[runs] = end

    def steps(self, group: Gathered) -> np.ndarray:
        """How many mini-batches each member computes: of a last round no more than the epoch needs, (workers, runs)."""
        if not self.averaged:
            return group.up.astype(np.int64)
        members, left = np.maximum(1, group.size), self.left[group.runs]
        each = np.minimum(self.period, -(-left // members))
        spare = np.maximum(0, each * members - left)
        from_the_end = np.cumsum(group.up[::-1], axis=0)[::-1]
        return np.where(group.up, each - (from_the_end <= spare), 0)

    def first_done(self, group: Gathered, done: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whose gradients make the update, (workers, runs), and when the last of them is there, (runs,)."""
        used, needed = group.up.copy(), np.minimum(self.wait_for, self.left[group.runs])
        if not self.averaged and (needed < group.size).any():
            used &= quickest(np.where(group.up, done, np.inf)[None], needed)[0]
        return used, np.where(used, done, 0).max(axis=0)

    def disturbed(
        self, fails_ms: np.ndarray, up: np.ndarray, done: np.ndarray, left: int
    ) -> tuple[float, bool, np.ndarray, np.ndarray]:
        """One run's round in which somebody may fail.

        It waits for as many as it should, or for all that are still up where those are fewer.

        Args:
            fails_ms: when each worker fails next, (workers,), ms.
            up: who begins the round, likewise.
            done: when each is done, likewise, ms.
            left: how many gradients the epoch still needs.

        Returns:
            When it has its gradients or is given up, whether it has, who is there and who is still up.

        """
        want = self.workers if self.averaged else min(self.wait_for, left)
        alive, since_ms = up.copy(), -np.inf
        while alive.any():
            (members,) = np.nonzero(alive)
            first = members
            if want < len(members):
                first = members[np.argsort(done[members], kind="stable")][:want]
            last_ms, who = done[first].max(), members[fails_ms[members].argmin()]
            barrier_ms = max(last_ms, since_ms)  # a failure can leave those that are there as the only ones
            if barrier_ms <= fails_ms[who]:
                there = alive & (done <= since_ms)
                if last_ms > since_ms:
                    there[:] = False
                    there[first] = True
                return float(barrier_ms), True, there, alive
            since_ms, alive[who] = fails_ms[who], False
        return float(since_ms), False, alive, alive

    def passed(
        self, group: Gathered, number: np.ndarray, out_ms: np.ndarray, end: np.ndarray, failed: np.ndarray
    ) -> None:
        """Note what those do that are not, or no longer, in a round: they are down, and once back wait for its end.

        Who fails again while it waits is down again: another pause.

        Args:
            group: who is in it, in each of some runs.
            number: which of the run's rounds it is, (those runs,).
            out_ms: when those are out that are, (workers, those runs), ms.
            end: when it ends, (those runs,), ms.
            failed: who failed in it, (workers, those runs).

        """
        worker, of = np.nonzero(~group.up | failed)
        fails, since, place = failed[worker, of], out_ms[worker, of], 0
        while len(worker):
            lanes = (worker[fails], group.runs[of[fails]])
            back_ms = self.next.next_ms[lanes] + self.restart_ms
            self.down_until_ms[lanes] = back_ms
            self.next.meet(lanes, back_ms)
            lanes = (worker, group.runs[of])
            back = np.clip(self.down_until_ms[lanes], since, end[of])
            fails = self.next.next_ms[lanes] < end[of]
            until = np.where(fails, self.next.next_ms[lanes], end[of])
            cells = self.rounds.cells(number[of], self.period - 1, *lanes)
            self.rounds.pause(place, Pause(cells, since, back, until))
            worker, of, since, place = worker[fails], of[fails], until[fails], place + 1
            fails = np.ones(len(worker), dtype=bool)

    def left_out(
        self,
        group: Gathered,
        number: np.ndarray,
        done: np.ndarray,
        doing: np.ndarray,
        used: np.ndarray,
        cut: np.ndarray,
        barrier: np.ndarray,
        end: np.ndarray,
    ) -> None:
        """Note the mini-batches of a round that are not used, each up to where it is cut."""
        left_out = ~(used & doing) if self.takes_all else cut < np.inf
        step, worker, of = where = np.nonzero(np.broadcast_to(left_out, done.shape))
        cells = self.rounds.cells(number[of], step, worker, group.runs[of])
        started, ready, last = group.start[of], done[where], step == self.period - 1
        if self.averaged:
            started = np.where(step > 0, done[step - 1, worker, of], started)
        else:
            ready = np.minimum(ready, barrier[of])
        at_barrier, over = (np.where(last, times[of], ready) for times in (barrier, end))
        until = cut[worker, of]
        begun = doing[where] & (started < until)
        started, ready, at_barrier, over = (np.minimum(times, until) for times in (started, ready, at_barrier, over))
        self.rounds.unused.append(Unused(cells, started, ready, at_barrier, over, begun))
        if self.sizes is not None:
            self.rounds.sized.append((number, group.runs, done[0].T))
