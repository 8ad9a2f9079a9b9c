"""Schedules of workers that take steps of their own and average their parameters now and then."""

from collections.abc import Iterator

import numpy as np

from core.common.validation import MAX_WORK, check_work
from core.policies.exchange import Exchange
from core.policies.steps import back_to_back
from core.schedule.schedule import Averages, Beside, Schedule, Stretch
from core.workload.draws import Draws, TooManyRuns, chunk_runs

BISECTIONS = 60


def in_equal_rounds(draws: Draws, every: int, fragments: int) -> Schedule:
    """The schedule of runs in which all wait for the slowest after so many mini-batches, and average.

    Args:
        draws: compute times, and what the network takes.
        every: mini-batches between two averages.
        fragments: an average is of one of so many parts of the parameters.

    """
    compute = draws.compute_ms
    batches = len(compute)
    network = means_of_rounds(draws.barrier_rows(batches, fragments), every)
    start, ready = np.empty_like(compute), np.empty_like(compute)
    barrier = np.full((batches, 1, compute.shape[2]), np.nan)
    read, applied = np.empty_like(barrier), np.empty_like(barrier)
    clock = np.zeros((1, compute.shape[2]))
    hidden: list[Beside] = []
    for first in range(0, batches, every):
        mine = slice(first, first + every)
        begun, done = back_to_back(compute[mine])
        np.add(begun, clock, out=start[mine])
        np.add(done, clock, out=ready[mine])
        read[mine] = clock
        final = min(first + every, batches) - 1
        barrier[final] = ready[final].max(axis=0)
        exposed = network[first // every]
        if draws.head_start:
            lead = lead_ms(draws, barrier[final], ready[final], compute[final])
            exchange = Exchange.of(draws, exposed, lead)
            exposed, hidden = exchange.exposed_ms, [*hidden, *exchange.hidden(final, barrier[final])]
        clock = barrier[final] + exposed
        applied[mine] = clock
    at_barrier = np.isfinite(barrier)
    until = np.where(at_barrier, barrier, ready)
    number = (np.arange(batches) // every)[:, None, None]
    ends = np.append(np.arange(every, batches, every), batches)
    return Schedule(
        stretches=(
            Stretch("compute", start, ready),
            Stretch("wait", ready, until, reason="barrier"),
            Stretch("comm", until, np.where(at_barrier, applied, until)),
        ),
        read_ms=read,
        ready_ms=ready,
        applied_ms=applied,
        finish_ms=applied[-1],
        update=number,
        version=number,
        updates=len(ends),
        barrier_ms=barrier,
        averages=Averages(ends[:, None, None], fragments=fragments),
        hidden=Beside.joined(hidden),
    )


def in_equal_rounds_with_delay(draws: Draws, every: int, fragments: int, delay: int) -> Schedule:
    """The same where workers go on, and take an average in so many mini-batches after they have sent theirs.

    Args:
        draws: compute times, and what the network takes.
        every: mini-batches between two averages.
        fragments: an average is of one of so many parts of the parameters.
        delay: in mini-batches, 1 or more.

    """
    batches = draws.workload.batches
    ends = np.append(np.arange(every, batches, every), batches)[:, None, None]
    network = means_of_rounds(draws.barrier_rows(batches, fragments), every)
    return Walk(draws, draws.compute_ms, Averages(ends, delay, fragments)).schedule(network)


def in_balanced_rounds(draws: Draws, every: int, fragments: int, delay: int) -> Schedule:
    """The schedule of runs in which each worker takes as many mini-batches in a round as its known speed allows.

    Args:
        draws: compute times, known speeds, and what the network takes.
        every: mini-batches of a worker between two averages, on average over the workers.
        fragments: an average is of one of so many parts of the parameters.
        delay: mini-batches after which a worker takes an average in; 0 where all wait for it.

    Raises:
        ScenarioError: where the draws have fewer rows than the quickest worker takes.
        TooManyRuns: where the runs need too much memory together, and fewer at a time would do.

    """
    workload = draws.workload
    rounds, rest = divmod(workload.batches, every)
    steps = [balanced_steps(draws.slowness, every)] * rounds
    steps += [balanced_steps(draws.slowness, rest)] if rest else []
    ends = np.cumsum(steps, axis=0)
    rows = max(int(ends[-1].max()), 1)
    check_work(workload.workers, workload.batches, [rows])
    if rows * workload.workers * draws.runs > MAX_WORK and draws.runs > chunk_runs(workload):
        raise TooManyRuns
    network = means_of_rounds(draws.barrier_rows(workload.batches, fragments), every)
    return Walk(draws, draws.compute_rows(rows), Averages(ends, delay, fragments, balanced=True)).schedule(network)


def balanced_steps(slowness: np.ndarray, period: int) -> np.ndarray:
    """How many mini-batches each worker takes in a round, so that the slowest is done as early as can be.

    Args:
        slowness: how long each worker takes for a mini-batch, (workers, runs).
        period: H, mini-batches of a worker on average.

    Returns:
        Whole numbers, (workers, runs): at least 1 each, H·N in every run.

    Example:
        >>> import numpy as np
        >>> from core.policies.averages import balanced_steps
        >>> balanced_steps(np.array([[2.0], [1.0], [1.0], [1.0]]), 7).ravel()
        array([4, 8, 8, 8])

    """
    workers, runs = slowness.shape
    if runs > 1 and (slowness == slowness[:, :1]).all():
        return np.repeat(balanced_steps(slowness[:, :1], period), runs, axis=1)
    low, high = np.zeros(runs), period * slowness.max(axis=0) * 2
    for _ in range(BISECTIONS):  # how long a round may be, so that no more than all mini-batches are done by then
        middle = (low + high) / 2
        fits = np.maximum(1, middle // slowness).sum(axis=0) <= period * workers
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    steps = np.maximum(1, low // slowness).astype(np.int64)
    every = np.arange(runs)
    while (left := steps.sum(axis=0) < period * workers).any():
        soonest = ((steps + 1) * slowness).argmin(axis=0)  # ties go to the lower worker number
        steps[soonest[left], every[left]] += 1
    return steps


class Walk:
    """Workers on their way through their mini-batches, from one average that they send or take in to the next."""

    def __init__(self, draws: Draws, compute: np.ndarray, averages: Averages):
        self.draws, self.compute, self.averages = draws, compute, averages
        rows, workers, self.runs = compute.shape
        self.equal = not averages.balanced
        shape = (rows + 1, workers, self.runs)  # the last row is for workers that have none
        self.start, self.ready, self.read = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.until, self.go_on = np.full(shape, np.nan), np.full(shape, np.nan)
        numbers = (rows + 1, 1, 1) if self.equal else shape
        self.update, self.version = np.zeros(numbers, np.int64), np.zeros(numbers, np.int64)
        self.clock, self.since, self.last = (np.zeros(shape[1:]) for _ in range(3))
        """When each worker is done so far, when it last took an average in, and how long its last mini-batch took."""
        self.done = np.zeros_like(averages.ends[0])
        """How many of its own mini-batches each worker has done."""
        self.sent = 0
        """How many averages have been sent."""
        self.taken = np.zeros_like(self.done)
        """How many each worker has taken in."""

    def schedule(self, network_ms: np.ndarray) -> Schedule:
        """The schedule at the end of the way.

        Args:
            network_ms: what each average takes, (averages, 1, runs), ms.

        """
        ends = self.averages.ends
        arrived, begun, there = (np.zeros((len(ends), self.runs)) for _ in range(3))
        stays = np.zeros((len(ends), *self.clock.shape))
        for sends, number, who, until in self.stages():
            self.advance(until)
            if sends:
                arrived[number] = self.clock.max(axis=0)
                lead = lead_ms(self.draws, arrived[number], self.clock, self.last)
                exchange = Exchange.of(self.draws, network_ms[number, 0], lead)
                free = there[number - 1] if number else 0.0
                there[number] = np.maximum(arrived[number] + exchange.exposed_ms, free + exchange.cost_ms)
                begun[number] = there[number] - exchange.cost_ms
                self.sent = number + 1
                continue
            waits = who & self.waits_for(number)
            started = self.take_in(who, *(np.where(waits, times[number], 0.0) for times in (arrived, there)))
            np.copyto(stays[number], started, where=who)
            self.taken = np.where(who, number + 1, self.taken)
        after = ends[:, 0, 0] - 1 if self.equal else ends - 1
        begun = begun[:, None]
        over = np.clip(stays, begun, np.maximum(begun, there[:, None]))
        return self.laid_out(there, Beside(after, begun, over))

    def waits_for(self, number: int) -> np.ndarray:
        """Whether a worker waits for an average: not where its mini-batches end before it would take it in.

        All wait for the last one. In balanced rounds an average is taken in before the next one of the same part is
        sent.
        """
        ends, last = self.averages.ends, len(self.averages.ends) - 1
        sent_again = not self.equal and number + self.averages.fragments < last
        return (ends[number] + self.averages.delay <= ends[-1]) | (number == last) | sent_again

    def stages(self) -> Iterator[tuple[bool, int, np.ndarray, np.ndarray]]:
        """Whether an average is sent (or taken in), its number, by whom, and after how many mini-batches of each."""
        ends, delay, parts = self.averages.ends, self.averages.delay, self.averages.fragments
        everybody = np.ones_like(self.done, dtype=bool)
        if self.equal:
            sends = [(int(end.item()), 0, number) for number, end in enumerate(ends)]
            takes = [(min(end + delay, sends[-1][0]), 1, number) for end, _, number in sends]
            for end, takes_in, number in sorted([*sends, *takes]):
                yield not takes_in, number, everybody, np.full((1, 1), end)
            return
        under_way: list[tuple[int, np.ndarray, np.ndarray]] = []
        for number, end in enumerate(ends):
            for sent, due, left in under_way:
                now = left & ((due < end) | (sent + parts <= number))
                if now.any():
                    yield False, sent, now, np.where(now, due, self.done)
                    left &= ~now
            under_way = [each for each in under_way if each[2].any()]
            yield True, number, everybody, end
            due = np.minimum(end + delay, ends[min(number + parts, len(ends) - 1)])
            under_way.append((number, due, everybody.copy()))
        for sent, due, left in under_way:
            yield False, sent, left, np.where(left, due, self.done)

    def advance(self, until: np.ndarray) -> None:
        """Let each worker do its mini-batches up to a number of them."""
        if self.equal:
            first, last = self.done.item(), until.item()
            if first == last:
                return
            here: tuple = (slice(first, last),)
            times = self.compute[first:last]
            self.last = times[-1]
        else:
            most = int((until - self.done).max())
            if not most:
                return
            row = self.done + np.arange(most)[:, None, None]
            mine = row < until
            worker, run = np.ogrid[: self.clock.shape[0], : self.runs]
            here = (np.where(mine, row, len(self.compute)), worker, run)
            times = np.where(mine, self.compute[np.minimum(row, len(self.compute) - 1), worker, run], 0.0)
            self.last = self.compute[np.maximum(until, 1) - 1, worker, run]
        begun, ended = back_to_back(times)
        self.start[here], self.ready[here], self.read[here] = begun + self.clock, ended + self.clock, self.since
        self.update[here], self.version[here] = self.sent, self.taken
        self.clock, self.done = ended[-1] + self.clock, until

    def take_in(self, who: np.ndarray, arrived_ms: np.ndarray, there_ms: np.ndarray) -> np.ndarray:
        """Let workers go on with an average; when they start to wait for the network, and no longer for others.

        Args:
            who: which workers do.
            arrived_ms: when the last worker had sent its parameters, ms; 0 where nobody waits for that.
            there_ms: when the average is there, ms; likewise.

        """
        worker, run = np.ogrid[: self.clock.shape[0], : self.runs]
        here = (self.done - 1, worker, run)
        until = np.maximum(self.clock, np.minimum(arrived_ms, there_ms))
        self.clock = np.maximum(self.clock, there_ms)
        self.since = np.where(who, self.clock, self.since)
        self.until[here] = np.where(who, until, self.until[here])
        self.go_on[here] = np.where(who, self.clock, self.go_on[here])
        return until

    def laid_out(self, there_ms: np.ndarray, hidden: Beside) -> Schedule:
        """The schedule, when everybody has come to the end of the way."""
        rows = len(self.compute)
        began, finish = self.start[:rows], self.clock
        used = None if self.equal else np.arange(rows)[:, None, None] < self.averages.ends[-1]
        beside = hidden if (hidden.end_ms > hidden.start_ms).any() else None
        until = np.where(np.isnan(self.until), self.ready, self.until)[:rows]
        go_on = np.where(np.isnan(self.go_on), self.ready, self.go_on)[:rows]
        ready, read, update = self.ready[:rows], self.read[:rows], self.update[:rows]
        applied = there_ms[update, np.arange(self.runs)]
        if used is not None and used.all():
            used = None
        if used is not None:
            began, ready, until, go_on, read, applied = (
                np.where(used, times, finish) for times in (began, ready, until, go_on, read, applied)
            )
        return Schedule(
            stretches=(
                Stretch("compute", began, ready),
                Stretch("wait", ready, until, reason="barrier"),
                Stretch("comm", until, go_on),
            ),
            read_ms=read,
            ready_ms=ready,
            applied_ms=applied,
            finish_ms=finish,
            update=update,
            version=self.version[:rows],
            updates=len(there_ms),
            used=used,
            started=used,
            averages=self.averages,
            hidden=beside,
        )


def lead_ms(draws: Draws, barrier_ms: np.ndarray, ready_ms: np.ndarray, last_ms: np.ndarray) -> np.ndarray:
    """How long before all are ready the first bucket of every worker's last mini-batch is.

    Args:
        draws: whose network says how early buckets go out.
        barrier_ms: when all are ready, (runs,), ms.
        ready_ms: when each worker is, (workers, runs), ms.
        last_ms: how long its last mini-batch took, (workers, runs), ms.

    """
    if not draws.head_start:
        return np.zeros(1)
    return barrier_ms - (ready_ms - draws.head_start * last_ms).max(axis=0)


def means_of_rounds(rows: np.ndarray, period: int) -> np.ndarray:
    """The mean of every `period` rows (the last round may have fewer); to the last bit what they share."""
    first, starts = rows[:1], np.arange(0, len(rows), period)
    counts = np.minimum(period, len(rows) - starts)[:, None, None]
    return first + np.add.reduceat(rows - first, starts, axis=0) / counts
