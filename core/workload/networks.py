"""Network models: what a synchronisation costs everybody, and what a push and a pull cost one worker."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from core.common.validation import TIME_RANGE_MS, Part, one_of, real, whole

COLLECTIVES = ("ring", "tree", "server")


@dataclass(frozen=True, kw_only=True)
class Network(Part, ABC):
    """What communication costs, in ms. Without a barrier: a push travels, is served in turn, and is answered."""

    @abstractmethod
    def barrier_ms(self, workers: int) -> float:
        """What every worker pays after a barrier, ms."""

    @abstractmethod
    def draw_push(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """How long each push travels to the server, ms; filled in C order."""

    @property
    def answers_at_once(self) -> bool:
        """Whether the server never keeps anybody waiting: each push is applied and answered when it arrives."""
        return self.service_ms == self.pull_ms == 0

    @property
    def service_ms(self) -> float:
        """How long one push keeps the server busy, ms; others queue meanwhile, first come, first served."""
        return 0.0

    @property
    def pull_ms(self) -> float:
        """How long the server's answer travels, ms."""
        return 0.0


@dataclass(frozen=True, kw_only=True)
class FlatLatency(Network):
    """The reference's network: latency L after a barrier; per push without one U(async_least·L, async_fraction·L).

    As it stands, it makes asynchronous communication nearly free; say so wherever it decides an answer. With both
    fractions at 1 a push costs what a barrier costs.
    """

    latency_ms: float = 200.0
    async_fraction: float = 0.3
    async_least: float = 0.0

    def __post_init__(self):
        latency = real("network.latency_ms", self.latency_ms, 0, TIME_RANGE_MS[1], unit="ms")
        object.__setattr__(self, "latency_ms", latency)
        object.__setattr__(self, "async_fraction", real("network.async_fraction", self.async_fraction, 0, 1))
        least = real("network.async_least", self.async_least, 0, self.async_fraction)
        object.__setattr__(self, "async_least", least)

    @property
    def push_range_ms(self) -> tuple[float, float]:
        """The shortest and the longest push delay, ms; all between are as likely."""
        return self.async_least * self.latency_ms, self.async_fraction * self.latency_ms

    def barrier_ms(self, workers):
        return self.latency_ms

    def draw_push(self, rng, shape):
        shortest, longest = self.push_range_ms
        delays = rng.random(shape)
        delays *= longest - shortest
        if shortest:
            delays += shortest
        return delays


@dataclass(frozen=True, kw_only=True)
class AlphaBeta(Network):
    """Messages of `message_mb` MB over links with a latency (α) and a bandwidth (β, in Gb/s).

    collective: how a barrier averages: "ring" all-reduce (Patarasuk & Yuan 2009), "tree" (halving-doubling) or
    "server" (parameter server). overlap: the share of that cost hidden under computing. servers: shards of the
    parameter server; without a barrier all pushes go through it, one after the other.
    """

    latency_ms: float = 0.05
    bandwidth_gbps: float = 10.0
    message_mb: float = 100.0
    collective: str = "ring"
    servers: int = 1
    overlap: float = 0.0

    def __post_init__(self):
        for name, low, high, options in (
            ("latency_ms", 0, TIME_RANGE_MS[1], {"unit": "ms"}),
            ("bandwidth_gbps", 1e-6, 1e6, {"unit": "Gb/s"}),
            ("message_mb", 1e-6, 1e6, {"unit": "MB"}),
            ("overlap", 0, 1, {"below": True}),
        ):
            object.__setattr__(self, name, real(f"network.{name}", getattr(self, name), low, high, **options))
        object.__setattr__(self, "servers", whole("network.servers", self.servers, 1, 4096))
        one_of("network.collective", self.collective, COLLECTIVES)

    @property
    def message_ms(self) -> float:
        """t, how long one message takes to pass a link: 8·M/β."""
        return 8 * self.message_mb / self.bandwidth_gbps

    def barrier_ms(self, workers):
        """Ring 2(N−1)α + 2(N−1)/N·t, tree 2·log2(N)·α + 2(N−1)/N·t, server 2α + 2N·t/S; times 1 − overlap."""
        share = 2 * (workers - 1) / workers * self.message_ms
        cost = {
            "ring": 2 * (workers - 1) * self.latency_ms + share,
            "tree": 2 * math.log2(workers) * self.latency_ms + share,
            "server": 2 * self.latency_ms + 2 * workers * self.message_ms / self.servers,
        }[self.collective]
        return (1 - self.overlap) * cost

    @property
    def service_ms(self):
        return self.message_ms / self.servers

    @property
    def pull_ms(self):
        return self.service_ms + self.latency_ms

    def draw_push(self, rng, shape):
        return np.full(shape, self.latency_ms)


NETWORKS = {network.__name__: network for network in (FlatLatency, AlphaBeta)}
