"""The life of a mini-batch that goes through a server: what a queue logs of it, and the times of all its steps."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from core.workload.draws import Draws
from core.workload.networks import Network

PASSED = ("read", "start", "ready", "arrived", "served", "applied", "go_on", "end")


@dataclass(frozen=True)
class Log:
    """What a queue writes down of every mini-batch, (rows, workers, runs); of no meaning for those not applied."""

    served_ms: np.ndarray
    """When its service began."""
    rank: np.ndarray
    """As which push of its run it was served, 0 first."""
    go_on_ms: np.ndarray
    """When its worker was released after it; 0 where nothing followed."""
    went_after: np.ndarray
    """How many pushes had been served by then."""

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Self:
        """A log to write into."""
        return cls(*(np.zeros(shape, dtype=kind) for kind in (float, np.int64, float, np.int64)))

    def resized(self, rows: int) -> Self:
        """A longer log that begins with this one."""
        longer = type(self).empty((rows, *self.rank.shape[1:]))
        for name, array in vars(self).items():
            getattr(longer, name)[: len(array)] = array
        return longer

    def first(self, rows: int) -> Self:
        """Its first rows; nothing is copied."""
        return type(self)(**{name: array[:rows] for name, array in vars(self).items()})


@dataclass(frozen=True)
class Timestamps:
    """When each mini-batch was at each step of its life, (rows, workers, runs), ms; `rank` is −1 for one never applied.

    Attributes:
        read: when its worker read the parameters.
        start: when its computing began.
        ready: when its gradient was computed.
        arrived: when its push reached the server.
        served: when the server began to serve it.
        applied: when the server was done with it.
        go_on: when its worker was released.
        end: when the server's answer reached the worker.
        rank: as which push of its run it was served, 0 first.
        version: how many updates the parameters had seen when they were read.
        started: whether it was ever begun.

    """

    read: np.ndarray
    start: np.ndarray
    ready: np.ndarray
    arrived: np.ndarray
    served: np.ndarray
    applied: np.ndarray
    go_on: np.ndarray
    end: np.ndarray
    rank: np.ndarray
    version: np.ndarray
    started: np.ndarray

    @property
    def used(self) -> np.ndarray:
        """Whether it was applied."""
        return self.rank >= 0

    @property
    def in_flight(self) -> np.ndarray:
        """Whether it had begun, and was never applied."""
        return self.started & ~self.used

    def released_with_updates(self, applied_ms: np.ndarray, network: Network, workers: int) -> Self:
        """The same, each worker released when the update is made that its gradient is part of."""
        go_on = np.maximum(self.go_on, applied_ms)
        return replace(self, go_on=go_on, end=go_on + network.pull_of(workers))

    def cut_off(self, finish_ms: np.ndarray) -> Self:
        """The same up to the end of each worker: what comes later, or never, happens then."""
        cut = {}
        for name in PASSED:
            passed = np.where(self.started, np.minimum(getattr(self, name), finish_ms), finish_ms)
            after_service = name in ("served", "applied", "go_on", "end")
            cut[name] = np.where(self.in_flight, finish_ms, passed) if after_service else passed
        return replace(self, **cut)


def timestamps(draws: Draws, size: int, log: Log, finished: np.ndarray, under_way: np.ndarray) -> Timestamps:
    """The timestamps of every mini-batch, from a log.

    Args:
        draws: compute and network times.
        size: pushes of an update.
        log: what the queue wrote down.
        finished: how many mini-batches of each worker were applied, (workers, runs).
        under_way: whether one more was begun, (workers, runs).

    """
    rows, workers, network = len(log.rank), draws.workload.workers, draws.workload.network
    service, pull = network.service_of(workers), network.pull_of(workers)
    row = np.arange(rows)[:, None, None]
    used, started = row < finished, row < finished + under_way
    read, version = np.zeros_like(log.go_on_ms), np.zeros_like(log.rank)
    read[1:], version[1:] = log.go_on_ms[:-1], log.went_after[:-1] // size
    start = read + pull
    start[0] = 0
    ready = start + draws.compute_rows(rows)
    applied = np.where(used, log.served_ms + service, 0)
    go_on = np.where(used, np.maximum(applied, log.go_on_ms), 0)
    return Timestamps(
        read=np.where(started, read, 0),
        start=np.where(started, start, 0),
        ready=np.where(started, ready, 0),
        arrived=np.where(started, ready + draws.push_rows(rows), 0),
        served=np.where(used, log.served_ms, 0),
        applied=applied,
        go_on=go_on,
        end=go_on + pull,
        rank=np.where(used, log.rank, -1),
        version=np.where(started, version, 0),
        started=started,
    )
