"""A plain event-by-event simulator: slow, obviously right, and sharing no code with `core`.

Each policy gives {(worker, batch): (read, ready, applied, update, staleness, used)}, times in ms; draws are lists
[batch][worker]. What is not used has applied, update and staleness None.
"""

import heapq


def rounds(compute, latency, period):
    """Synchronous (period 1) and local SGD: `period` batches on one's own, then a barrier and the network."""
    workers, batches = len(compute[0]), len(compute)
    events, clock = {}, 0.0
    for number, first in enumerate(range(0, batches, period)):
        ready = [clock] * workers
        mine = range(first, min(first + period, batches))
        for worker in range(workers):
            for batch in mine:
                ready[worker] += compute[batch][worker]
                events[worker, batch] = [clock, ready[worker], None, number, 0, True]
        clock = max(ready) + latency
        for worker in range(workers):
            for batch in mine:
                events[worker, batch][2] = clock
    return {key: tuple(event) for key, event in events.items()}


def backup_workers(compute, latency, wait_for, gradients):
    """Iterations that end with their first `wait_for` gradients, until there are enough."""
    events, clock, iteration = {}, 0.0, 0
    while gradients:
        finished = sorted((time, worker) for worker, time in enumerate(compute[iteration]))
        first = finished[: min(wait_for, gradients)]
        barrier = clock + first[-1][0]
        for time, worker in finished:
            used = (time, worker) in first
            applied, update, staleness = (barrier + latency, iteration, 0) if used else (None, None, None)
            ready = clock + time if used else barrier
            events[worker, iteration] = (clock, ready, applied, update, staleness, used)
        gradients -= len(first)
        clock = barrier + latency
        iteration += 1
    return events


def rebalanced(compute, latency, batches):
    """Synchronous, with sizes in proportion to the workers' mean speeds."""
    speeds = [batches / sum(times[:batches]) for times in zip(*compute, strict=True)]
    sizes = [speed * len(speeds) / sum(speeds) for speed in speeds]
    return rounds([[time * size for time, size in zip(row, sizes, strict=True)] for row in compute], latency, 1)


def k_async(compute, push, wait_for, gradients):
    """The first `wait_for` arrivals make an update and restart; what is in flight at the end is not used."""
    workers = range(len(compute[0]))
    at, read, seen = [0 for _ in workers], [0.0 for _ in workers], [0 for _ in workers]
    arrival = [compute[0][worker] + push[0][worker] for worker in workers]
    events, update = {}, 0
    while gradients:
        first = sorted((arrival[worker], worker) for worker in workers)[: min(wait_for, gradients)]
        now = first[-1][0]
        gradients -= len(first)
        update += 1
        for _, worker in first:
            ready = read[worker] + compute[at[worker]][worker]
            staleness = update - 1 - seen[worker]
            events[worker, at[worker]] = (read[worker], ready, now, update - 1, staleness, True)
            if gradients:
                at[worker] += 1
                read[worker], seen[worker] = now, update
                arrival[worker] = now + compute[at[worker]][worker] + push[at[worker]][worker]
    for worker in workers:
        ready = min(now, read[worker] + compute[at[worker]][worker])
        events.setdefault((worker, at[worker]), (read[worker], ready, None, None, None, False))
    return events


def asynchronous(compute, push, accumulate=1, bound=None, shared=None):
    """No barrier: pushes are applied `accumulate` at a time; nobody is more than `bound` batches ahead.

    shared: how many batches there are for all together, instead of every row for each.
    """
    workers, batches = len(compute[0]), len(compute)
    bound = batches if bound is None else bound
    total = workers * batches if shared is None else shared
    heap, held, done, begun = [], set(), [0] * workers, 0
    events, pushes, group, seen = {}, 0, [], [0] * workers

    def start(worker, now):
        nonlocal begun
        begun += 1
        seen[worker] = pushes // accumulate
        batch = done[worker]
        ready = now + compute[batch][worker]
        heapq.heappush(heap, (now + compute[batch][worker] + push[batch][worker], worker, now, ready))

    for worker in range(workers):
        start(worker, 0.0)
    while heap:
        now, worker, read, ready = heapq.heappop(heap)  # ties: the lower worker number first
        batch, update = done[worker], pushes // accumulate
        events[worker, batch] = [read, ready, None, update, update - seen[worker], True]
        pushes += 1
        done[worker] += 1
        group.append((worker, batch))
        if len(group) == accumulate or pushes == total:
            for key in group:
                events[key][2] = now
            group = []
        held.add(worker)
        for waiting in sorted(held):
            if done[waiting] == batches or begun == total:
                held.discard(waiting)
            elif min(done) >= done[waiting] - bound:
                held.discard(waiting)
                start(waiting, now)
    return {key: tuple(event) for key, event in events.items()}
