"""The same epochs and the same figures the ordinary ways, one run at a time: a plain event loop and a SimPy model."""

import heapq
import math
import random
from dataclasses import dataclass, field

import simpy


@dataclass
class Tally:
    """What one run adds up to the figures of `core.metrics.Metrics`."""

    workers: int
    batches: int
    compute: float = 0.0
    wait: float = 0.0
    comm: float = 0.0
    finish: list[float] = field(default_factory=list)
    staleness: list[int] = field(default_factory=list)

    def figures(self, updates: int) -> dict[str, float]:
        """The 13 figures."""
        epoch, gradients = max(self.finish), self.workers * self.batches
        total = self.workers * epoch
        ranked = sorted(self.staleness)
        at = 0.95 * (gradients - 1)
        low, high = ranked[math.floor(at)], ranked[math.ceil(at)]
        return {
            "epoch_ms": epoch,
            "idle_percent": 100 * self.wait / (self.compute + self.wait),
            "throughput": 1000 * gradients / epoch,
            "utilization_percent": 100 * self.compute / total,
            "wait_percent": 100 * self.wait / total,
            "comm_percent": 100 * self.comm / total,
            "cancelled_percent": 0.0,
            "tail_percent": 100 * sum(epoch - finish for finish in self.finish) / total,
            "updates": updates,
            "gradients_per_update": gradients / updates,
            "mean_staleness": sum(ranked) / gradients,
            "p95_staleness": low + (at - math.floor(at)) * (high - low),
            "max_staleness": ranked[-1],
        }


def plain_epoch(rng: random.Random, workers, batches, mean_ms, jitter, latency_ms, asynchronous):
    """The figures of one run, by a heap of events."""
    tally = Tally(workers, batches)
    read, seen, left, updates = [0.0] * workers, [0] * workers, [batches] * workers, 0
    waiting, heap = [], []

    def start(worker, now):
        duration = rng.uniform(mean_ms * (1 - jitter), mean_ms * (1 + jitter))
        tally.compute += duration
        read[worker] = now
        heapq.heappush(heap, (now + duration, worker, "ready"))

    for worker in range(workers):
        start(worker, 0.0)
    while heap:
        now, worker, what = heapq.heappop(heap)
        if what == "ready" and asynchronous:
            delay = rng.uniform(0, 0.3 * latency_ms)
            tally.comm += delay
            heapq.heappush(heap, (now + delay, worker, "applied"))
            continue
        if what == "ready":
            waiting.append((now, worker))
            if len(waiting) == workers:
                for since, other in waiting:
                    tally.wait += now - since
                    tally.comm += latency_ms
                    heapq.heappush(heap, (now + latency_ms, other, "applied"))
                waiting = []
            continue
        tally.staleness.append(updates - seen[worker] if asynchronous else 0)
        updates += 1
        seen[worker] = updates
        left[worker] -= 1
        if left[worker]:
            start(worker, now)
        else:
            tally.finish.append(now)
    return tally.figures(updates if asynchronous else batches)


def simpy_epoch(rng: random.Random, workers, batches, mean_ms, jitter, latency_ms, asynchronous):
    """The figures of one run, by SimPy processes."""
    env, tally = simpy.Environment(), Tally(workers, batches)
    updates = arrived = 0
    barrier = env.event()

    def worker():
        nonlocal updates, arrived, barrier
        for _ in range(batches):
            seen = updates
            duration = rng.uniform(mean_ms * (1 - jitter), mean_ms * (1 + jitter))
            yield env.timeout(duration)
            tally.compute += duration
            delay = rng.uniform(0, 0.3 * latency_ms) if asynchronous else latency_ms
            if not asynchronous:
                ready, arrived, mine = env.now, arrived + 1, barrier
                if arrived == workers:
                    arrived, barrier = 0, env.event()
                    mine.succeed()
                yield mine
                tally.wait += env.now - ready
            yield env.timeout(delay)
            tally.comm += delay
            tally.staleness.append(updates - seen if asynchronous else 0)
            updates += 1
        tally.finish.append(env.now)

    for _ in range(workers):
        env.process(worker())
    env.run()
    return tally.figures(updates if asynchronous else batches)
