"""Workers that fail, event by event: slow, obviously right, and sharing no code with `core`.

Each policy gives an `Epoch`; draws are lists [row][worker], failures lists of times by worker, all in ms.
"""

from dataclasses import dataclass, field

from tests.oracle import collective


@dataclass
class Epoch:
    """What happened: {(worker, row): (read, ready, applied, update, staleness)} of the gradients that were used."""

    used: list = field(default_factory=list)
    downs: list = field(default_factory=list)
    end: float = 0.0
    failures: int = 0


class Clock:
    """The failures that are still to come; those in a worker's own down time are passed over."""

    def __init__(self, failures, restart):
        self.coming, self.restart = [sorted(times) for times in failures], restart
        self.back = [float("-inf")] * len(failures)
        self.downs, self.met = [], 0

    def next(self, worker):
        """When a worker fails next."""
        while self.coming[worker] and self.coming[worker][0] < self.back[worker]:
            self.coming[worker].pop(0)
        return self.coming[worker][0] if self.coming[worker] else float("inf")

    def first(self, workers=None):
        """The first failure of some workers: its time and whose it is."""
        return min((self.next(worker), worker) for worker in (range(len(self.coming)) if workers is None else workers))

    def fail(self, worker):
        """A worker fails; when it is back."""
        when = self.coming[worker].pop(0)
        self.back[worker] = when + self.restart
        self.met += 1
        self.downs.append((worker, when, self.back[worker]))
        return self.back[worker]

    def forget(self, worker):
        """A failure that concerns nobody."""
        self.coming[worker].pop(0)


def rollback(units, failures, restart, checkpoint):
    """A barrier after each unit, and all go back to the last checkpoint.

    units: (gradients, lasts, saves) with gradients (worker, read, ready, applied), all from the unit's beginning, and
    whether a checkpoint follows.
    """
    clock, epoch, now, unit, saved, pending = Clock(failures, restart), Epoch(), 0.0, 0, 0, []
    while unit < len(units):
        gradients, lasts, saves = units[unit]
        end = now + lasts + (checkpoint if saves else 0)
        when, who = clock.first()
        if when < end:
            pending, unit = [], saved
            while when < end:  # later: before all are back
                end = clock.fail(who)
                when, who = clock.first()
            now = end
            continue
        pending += [(worker, now + read, now + ready, now + done, unit, 0) for worker, read, ready, done in gradients]
        now, unit = end, unit + 1
        if saves:
            epoch.used, pending, saved = epoch.used + pending, [], unit
    epoch.used += pending
    epoch.end, epoch.failures, epoch.downs = now, clock.met, clock.downs
    return epoch


def iterations(compute, latency, wait_for, gradients, every, buckets=1, backward=0.0):
    """The units of iterations that end with their first gradients."""
    units, row = [], 0
    while gradients:
        first = sorted((time, worker) for worker, time in enumerate(compute[row]))[: min(wait_for, gradients)]
        lasts = collective([(0, time, backward) for time, _ in first], latency, buckets)
        row += 1
        units.append(([(worker, 0, time, lasts) for time, worker in first], lasts, bool(every) and row % every == 0))
        gradients -= len(first)
    return units


def rounds(compute, latency, period, every, buckets=1, backward=0.0):
    """The units of local SGD."""
    units, saved = [], 0
    for first in range(0, len(compute), period):
        mine = compute[first : first + period]
        ready = [0.0] * len(mine[0])
        found = []
        for row in mine:
            for worker, time in enumerate(row):
                ready[worker] += time
                found.append((worker, ready[worker]))
        ends = [(ready[worker] - time, time, backward) for worker, time in enumerate(mine[-1])]
        lasts, done = collective(ends, latency, buckets), first + len(mine)
        saves = bool(every) and done // every > saved
        saved = done // every if saves else saved
        units.append(([(worker, 0, time, lasts) for worker, time in found], lasts, saves))
    return units


def elastic(compute, latency, wait_for, gradients, failures, restart, regroup, period=None, sizes=None,
            buckets=1, backward=0.0):  # fmt: skip
    """Those that are up go on; a round has one row, or with a period so many and then an average.

    A failure before the barrier, or one that ends the waiting, makes those that are left exchange everything anew.
    sizes: (those that are up) → {worker: size}.
    """
    workers = range(len(failures))
    clock, epoch, now, row, update = Clock(failures, restart), Epoch(), 0.0, 0, 0
    group, broken = set(workers), False
    while gradients:
        up = {worker for worker in workers if clock.back[worker] <= now}
        if not up:
            now = min(clock.back)
            broken, group = True, set()
            continue
        start = now + (regroup if broken or up - group else 0)
        steps = dict.fromkeys(up, 1)
        if period:
            each = min(period, -(-gradients // len(up)))
            spare = max(0, each * len(up) - gradients)
            steps = {worker: each - (place < spare) for place, worker in enumerate(sorted(up, reverse=True))}
        ready = {}
        for worker in up:
            factor = sizes(up)[worker] if sizes else 1
            times, at = [], start
            for step in range(steps[worker]):
                at += compute[row + step][worker] * factor
                times.append(at)
            ready[worker] = times
        done = {worker: times[-1] if times else start for worker, times in ready.items()}
        goal = len(up) if period else min(wait_for, gradients)
        moments = sorted([(done[w], 0, w) for w in up] + [(clock.next(w), 1, w) for w in up])
        alive, there, barrier = set(up), [], None
        for when, fails, worker in moments:
            if fails:
                alive.discard(worker)
                there = [one for one in there if one != worker]
            elif worker in alive:
                there.append(worker)
            if not alive or len(there) >= min(goal, len(alive)):
                barrier = when
                break
        end = barrier + latency if alive else barrier
        if alive == up:
            begun = {worker: times[-2] if len(times) > 1 else start for worker, times in ready.items()}
            end = collective([(begun[w], done[w] - begun[w], backward) for w in there], latency, buckets)
        fallen = {worker for worker in up if worker not in alive or clock.next(worker) < end}
        counted = [worker for worker in there if alive and worker not in fallen]
        for worker in fallen:
            clock.fail(worker)
        for worker in workers:
            while clock.next(worker) < end:
                clock.fail(worker)
        got = 0
        for worker in counted:
            for time in ready[worker]:
                epoch.used.append((worker, start, time, end, update, 0))
                got += 1
        gradients -= got
        update += bool(got)
        broken = bool(fallen)
        group, now, row = up - fallen, end, row + (period or 1)
    epoch.end, epoch.failures, epoch.downs = now, clock.met, clock.downs
    return epoch


def pushing(compute, push, total, failures, restart, *, quota=None, shared=False, bound=None, group=1, waits=False,
            service, pull):  # fmt: skip
    """Pushes through one server: static shards (quota), one queue (shared), a bound, or waits for a group's update.

    service, pull: of each worker.
    """
    workers = range(len(failures))
    clock, epoch, free = Clock(failures, restart), Epoch(), 0.0
    done = [0] * len(failures)
    busy, idle, held, gathered = {}, {}, set(), []
    order, left = [], total
    back, serving = {}, {}

    def begin(worker, read, start, seen):
        nonlocal left
        left -= 1
        ready = start + compute[done[worker]][worker]
        busy[worker] = [read, ready, ready + push[done[worker]][worker], seen]

    def release(worker, now):
        if clock.back[worker] > now:
            begin(worker, clock.back[worker], clock.back[worker], None)
        else:
            begin(worker, now, now + pull[worker], len(order) // group)

    def take(worker, now, fresh):
        if not left:
            idle[worker] = (now, fresh)
        elif fresh:
            begin(worker, now, now, None)
        else:
            begin(worker, now, now + pull[worker], len(order) // group)

    for worker in workers:
        begin(worker, 0.0, 0.0, 0)
    while len(order) < total:
        arrival, pusher = min(((times[2], worker) for worker, times in busy.items()), default=(float("inf"), -1))
        serves = max(arrival, free)
        returns, who = min(((when, worker) for worker, when in back.items()), default=(float("inf"), -1))
        fails, victim = clock.first()
        if serves <= min(returns, fails):
            free = serves + service[pusher]
            read, ready, _, seen = busy.pop(pusher)
            order.append((pusher, read, ready, free, seen))
            done[pusher] += 1
            if shared:
                take(pusher, free, fresh=False)
            elif waits:
                gathered.append(pusher)
                if len(gathered) == group and len(order) < total:
                    for worker in sorted(gathered):
                        release(worker, free)
                    gathered = []
            else:
                held.add(pusher)
                for worker in sorted(held):
                    if done[worker] == quota:
                        held.discard(worker)
                    elif bound is None or min(done) >= done[worker] - bound:
                        held.discard(worker)
                        release(worker, free)
        elif returns <= fails:
            back.pop(who)
            until = serving.pop(who, float("-inf"))
            take(who, max(returns, until), fresh=returns > until)
        elif victim not in busy and (shared or done[victim] == quota):
            clock.forget(victim)
        else:
            again = clock.fail(victim)
            if shared:
                left += 1
                read = busy.pop(victim)[0]
                back[victim] = again
                if read > fails:
                    serving[victim] = read
                if idle:
                    worker = min(idle)
                    since, fresh = idle.pop(worker)
                    take(worker, max(fails, since), fresh)
            elif victim in busy and (busy[victim][0] <= fails or busy[victim][0] < again):
                left += 1
                begin(victim, again, again, None)
    made = [order[min(first + group, total) - 1][3] for first in range(0, total, group)]
    for number, (worker, read, ready, _, seen) in enumerate(order):
        update = number // group
        seen = sum(1 for one in order if one[3] <= read) // group if seen is None else seen
        epoch.used.append((worker, read, ready, made[update], update, update - seen))
    answered = {worker: at for worker, *_, at, _ in order} if not waits else dict.fromkeys(gathered, free)
    epoch.end = max(at + pull[worker] for worker, at in answered.items())
    epoch.failures, epoch.downs = clock.met, clock.downs
    return epoch
