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


def collective(gradients, cost, buckets, free=0.0):
    """When an exchange is done: its buckets pass one after the other, each when all workers have it ready.

    gradients: of each worker, when its mini-batch starts, how long it takes, and the share of it in backward.
    """
    for bucket in range(1, buckets + 1):
        ready = max(begun + time * (1 - share + share * bucket / buckets) for begun, time, share in gradients)
        free = max(free, ready) + cost / buckets
    return free


def synchronous(compute, cost, buckets, backward):
    """After each mini-batch an exchange of gradients in buckets that get ready during backward."""
    events, clock = {}, 0.0
    for batch, times in enumerate(compute):
        done = collective([(clock, time, backward) for time in times], cost, buckets)
        for worker, time in enumerate(times):
            events[worker, batch] = (clock, clock + time, done, batch, 0, True)
        clock = done
    return events


def averages(compute, cost, scripts, buckets=1, backward=0.0):
    """Workers that send their parameters for an average, and take it in later; the network is at one at a time.

    scripts: what each worker does when, in its order: [(after how many mini-batches, "send" or "take", which average)].
    """
    workers, count = range(len(scripts)), 1 + max(number for script in scripts for _, _, number in script)
    clock, read, seen, begun = [0.0] * len(scripts), [0.0] * len(scripts), [0] * len(scripts), [0.0] * len(scripts)
    done, gradients, applied, scripts = [0] * len(scripts), {}, [], [list(script) for script in scripts]
    for number in range(count):
        for worker in workers:
            act, which = None, None
            while (act, which) != ("send", number):
                until, act, which = scripts[worker].pop(0)
                for batch in range(done[worker], until):
                    begun[worker] = clock[worker]
                    clock[worker] += compute[batch][worker]
                    gradients[worker, batch] = (read[worker], clock[worker], number, seen[worker])
                done[worker] = until
                if act == "take":
                    clock[worker] = read[worker] = max(clock[worker], applied[which])
                    seen[worker] = which + 1
        last = [(begun[worker], compute[done[worker] - 1][worker], backward) for worker in workers]
        applied.append(collective(last, cost, buckets, applied[-1] if applied else 0.0))
    return {
        key: (read, ready, applied[number], number, number - version, True)
        for key, (read, ready, number, version) in gradients.items()
    }


def equal_rounds(batches, every, delay):
    """What each worker does: it sends after every so many mini-batches, and takes in so many later, if any follow."""
    ends = [*range(every, batches, every), batches]
    takes = [(end + delay, "take", number) for number, end in enumerate(ends[:-1]) if end + delay <= batches]
    sends = [(end, "send", number) for number, end in enumerate(ends)]
    return sorted([*sends, *takes, (batches, "take", len(ends) - 1)], key=lambda act: (act[0], act[1]))


def balanced_rounds(steps, delay, parts):
    """The same between averages of its own numbers of mini-batches: it takes one in before it sends that part again."""
    ends = [sum(steps[: number + 1]) for number in range(len(steps))]
    script = [(end, 1, "send", number) for number, end in enumerate(ends)]
    for number, end in enumerate(ends[:-1]):
        again = number + parts
        if again < len(ends) and end + delay >= ends[again] and (again < len(ends) - 1 or end + delay == ends[-1]):
            script.append((ends[again], 0, "take", number))
        elif end + delay <= ends[-1]:
            script.append((end + delay, 2, "take", number))
    return [(end, act, number) for end, _, act, number in sorted([*script, (ends[-1], 3, "take", len(ends) - 1)])]


def balanced(times, average):
    """Mini-batches of each worker in a round: at least one; each further one to whom it makes ready soonest."""
    steps = [1 for _ in times]
    for _ in range(len(times) * (average - 1)):
        soonest = min(range(len(times)), key=lambda worker: ((steps[worker] + 1) * times[worker], worker))
        steps[soonest] += 1
    return steps


def backup_workers(compute, latency, wait_for, gradients, buckets=1, backward=0.0):
    """Iterations that end with their first `wait_for` gradients, until there are enough."""
    events, clock, iteration = {}, 0.0, 0
    while gradients:
        finished = sorted((time, worker) for worker, time in enumerate(compute[iteration]))
        first = finished[: min(wait_for, gradients)]
        barrier = clock + first[-1][0]
        done = collective([(clock, time, backward) for time, _ in first], latency, buckets)
        for time, worker in finished:
            used = (time, worker) in first
            applied, update, staleness = (done, iteration, 0) if used else (None, None, None)
            ready = clock + time if used else barrier
            events[worker, iteration] = (clock, ready, applied, update, staleness, used)
        gradients -= len(first)
        clock = done
        iteration += 1
    return events


def rebalanced(compute, latency, batches, buckets=1, backward=0.0):
    """Synchronous, with sizes in proportion to the workers' mean speeds."""
    speeds = [batches / sum(times[:batches]) for times in zip(*compute, strict=True)]
    sizes = [speed * len(speeds) / sum(speeds) for speed in speeds]
    sized = [[time * size for time, size in zip(row, sizes, strict=True)] for row in compute]
    return synchronous(sized, latency, buckets, backward)


def k_async(compute, push, wait_for, gradients, service, pull):
    """The first `wait_for` served make an update and restart; what is in flight at the end is not used."""
    workers = range(len(compute[0]))
    at, read, seen, start = [0 for _ in workers], [0.0 for _ in workers], [0 for _ in workers], [0.0 for _ in workers]
    heap = [(compute[0][worker] + push[0][worker], worker) for worker in workers]
    heapq.heapify(heap)
    events, group, free, update = {}, [], 0.0, 0
    while gradients:
        arrival, worker = heapq.heappop(heap)  # ties: the lower worker number first
        free = max(arrival, free) + service[worker]
        group.append(worker)
        gradients -= 1
        if len(group) < wait_for and gradients:
            continue
        update += 1
        for one in group:
            ready = start[one] + compute[at[one]][one]
            events[one, at[one]] = (read[one], ready, free, update - 1, update - 1 - seen[one], True)
            if gradients:
                at[one] += 1
                read[one], seen[one], start[one] = free, update, free + pull[one]
                heapq.heappush(heap, (start[one] + compute[at[one]][one] + push[at[one]][one], one))
        group = []
    for worker in workers:
        ready = min(free, start[worker] + compute[at[worker]][worker])
        events.setdefault((worker, at[worker]), (read[worker], ready, None, None, None, False))
    return events


def through_servers(message, servers, latency, own_link):
    """Of a push: how long it travels and is served, and how long its answer travels, ms.

    message: how long one link takes for it. All servers serve it together, each a part; its worker sends it, and gets
    the answer, over one link or over any number of them.
    """
    served = message / servers
    besides = max(message, served) - served if own_link else 0.0
    return latency + besides, served, served + besides + latency


def asynchronous(compute, push, accumulate=1, bound=None, shared=None, *, service, pull):
    """No barrier: pushes are served one by one and applied `accumulate` at a time; nobody is more than `bound` ahead.

    shared: how many batches there are for all together, instead of every row for each.
    """
    workers, batches = len(compute[0]), len(compute)
    bound = batches if bound is None else bound
    total = workers * batches if shared is None else shared
    heap, held, done, begun, free = [], set(), [0] * workers, 0, 0.0
    events, pushes, group, seen = {}, 0, [], [0] * workers

    def start(worker, now, travel):
        nonlocal begun
        begun += 1
        seen[worker] = pushes // accumulate
        ready = now + travel + compute[done[worker]][worker]
        heapq.heappush(heap, (ready + push[done[worker]][worker], worker, now, ready))

    for worker in range(workers):
        start(worker, 0.0, 0.0)
    while heap:
        arrival, worker, read, ready = heapq.heappop(heap)  # ties: the lower worker number first
        now = free = max(arrival, free) + service[worker]
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
                start(waiting, now, pull[waiting])
    return {key: tuple(event) for key, event in events.items()}


def slow_in_episodes(numbers, share, length):
    """One worker's mini-batches, slow or not: a chain of two states that takes a random number from 0 to 1 a step."""
    begins, goes_on = share / ((1 - share) * length), 1 - 1 / length
    found = [numbers[0] < share]
    for number in numbers[1:]:
        found.append(number < (goes_on if found[-1] else begins))
    return found
