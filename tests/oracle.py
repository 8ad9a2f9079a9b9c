"""A plain event-by-event simulator: slow, obviously right, and sharing no code with `core`."""

import heapq


def synchronous(compute, latency):
    """{(worker, batch): (read, ready, barrier, applied, update, staleness)} for draws [batch][worker]."""
    events, clock = {}, 0.0
    for batch, row in enumerate(compute):
        ready = [clock + time for time in row]
        barrier = max(ready)
        for worker in range(len(row)):
            events[worker, batch] = (clock, ready[worker], barrier, barrier + latency, batch, 0)
        clock = barrier + latency
    return events


def asynchronous(compute, push):
    """{(worker, batch): (read, ready, ready, applied, update, staleness)} for draws [batch][worker]."""
    workers, batches = len(compute[0]), len(compute)
    heap = [(compute[0][worker] + push[0][worker], worker, 0) for worker in range(workers)]
    read, seen = [0.0] * workers, [0] * workers
    heapq.heapify(heap)
    events, updates = {}, 0
    while heap:
        applied, worker, batch = heapq.heappop(heap)  # ties: the lower worker number first
        ready = read[worker] + compute[batch][worker]
        events[worker, batch] = (read[worker], ready, ready, applied, updates, updates - seen[worker])
        updates += 1
        read[worker], seen[worker] = applied, updates
        if batch + 1 < batches:
            heapq.heappush(heap, (applied + compute[batch + 1][worker] + push[batch + 1][worker], worker, batch + 1))
    return events
