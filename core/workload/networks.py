"""Network models: what a synchronisation costs everybody, and what a push and a pull cost one worker."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from core.common.parameters import OneOf, Part, Real, Whole, takes
from core.common.validation import TIME_RANGE_MS, real

COLLECTIVES = {"ring": "Ring all-reduce", "tree": "Tree all-reduce", "server": "Parameter server"}
"""How a barrier averages: what a link calls it, and what people do."""


@dataclass(frozen=True, kw_only=True)
class Network(Part, ABC):
    """What communication costs, in ms. Without a barrier: a push travels, is served in turn, and is answered."""

    prefix = "network."

    @property
    def code(self) -> str:
        """What a link calls it."""
        return ""

    @abstractmethod
    def barrier_ms(self, workers: int) -> float:
        """What every worker pays after a barrier, ms.

        Args:
            workers: how many take part.

        """

    @abstractmethod
    def draw_push(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """How long each push travels to the server, ms; filled in C order.

        Args:
            rng: the generator that random delays come from.
            shape: (…, rows, workers).

        Returns:
            An array of that shape, ms.

        """

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

    With the fractions as they are by default it makes asynchronous communication nearly free; say so wherever that
    decides an answer. With both at 1 a push costs what a barrier costs.

    Attributes:
        latency_ms: L, what everybody pays after a barrier, ms; 200 by default.
        async_fraction: the most that a push pays, as a share of L from 0 to 1; 0.3 by default.
        async_least: the least that a push pays, as a share of L; 0 by default, and at most async_fraction.

    """

    code = "flat"

    latency_ms: float = takes(
        Real(0, TIME_RANGE_MS[1], unit="ms"),
        200.0,
        key="latency_ms",
        axis=(0, 25, 50, 100, 200, 300, 400, 500, 750, 1000),
        label="Network Latency (ms)",
        help="What everybody pays once after a barrier. Without a barrier each push pays 0 to 30 % of it. "
        "For real links, with bandwidth and queues, choose another network model.",
        usual=(0, 1_000),
        step=25,
        format="%g",
    )
    async_fraction: float = takes(
        Real(0, 1),
        0.3,
        key="async_fraction",
        axis=(0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0),
        label="Async Latency, at Most (share)",
        help="Without a barrier, each push pays up to this share of the latency. The reference has 0.30.",
        usual=(0, 1),
        step=0.05,
    )
    async_least: float = takes(
        Real(0, 1),
        0.0,
        key="async_least",
        label="Async Latency, at Least (share)",
        help="The least a push pays; the reference has 0. With both shares at 1, it pays what a barrier costs.",
        usual=(0, 1),
        step=0.05,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        real("network.async_least", self.async_least, 0, self.async_fraction)

    @property
    def push_range_ms(self) -> tuple[float, float]:
        """The shortest and the longest push delay, ms; all between are as likely."""
        return self.async_least * self.latency_ms, self.async_fraction * self.latency_ms

    def barrier_ms(self, workers: int) -> float:
        return self.latency_ms

    def draw_push(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        shortest, longest = self.push_range_ms
        delays = rng.random(shape)
        delays *= longest - shortest
        if shortest:
            delays += shortest
        return delays


@dataclass(frozen=True, kw_only=True)
class AlphaBeta(Network):
    """Messages of `message_mb` MB over links with a latency (α) and a bandwidth (β, in Gb/s).

    A barrier averages by a collective. Without a barrier all pushes go through a parameter server, first come, first
    served.

    Attributes:
        latency_ms: α, what each message pays whatever its size, ms; 0.05 by default.
        bandwidth_gbps: β, of one link, one way, Gb/s; 10 by default.
        message_mb: M, the gradients of one mini-batch, MB; 100 by default.
        collective: how a barrier averages: "ring" all-reduce (the default), "tree" (halving-doubling) or "server"
            (parameter server).
        servers: S, shards of the parameter server; 1 by default.
        overlap: share of a barrier's cost that is hidden under computing, from 0 to below 1; 0 by default.

    Source:
        Patarasuk & Yuan 2009 (ring); Thakur, Rabenseifner & Gropp 2005 (halving-doubling).

    """

    latency_ms: float = takes(
        Real(0, TIME_RANGE_MS[1], unit="ms"),
        0.05,
        key="alpha_ms",
        axis=(0.0, 0.01, 0.1, 1.0, 5.0, 10.0, 30.0, 100.0),
        label="Link Latency (ms)",
        help="What each message pays, whatever its size.",
        step=0.01,
        format="%.4g",
    )
    bandwidth_gbps: float = takes(
        Real(1e-6, 1e6, unit="Gb/s"),
        10.0,
        key="bandwidth_gbps",
        axis=(1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 400.0),
        label="Bandwidth (Gb/s)",
        help="Of one link, one way.",
        step=1,
        format="%.4g",
    )
    message_mb: float = takes(
        Real(1e-6, 1e6, unit="MB"),
        100.0,
        key="message_mb",
        axis=(1.0, 10.0, 25.0, 50.0, 100.0, 200.0, 400.0, 1000.0),
        label="Gradient Size (MB)",
        help="The gradients of one mini-batch: 4 bytes a parameter in single precision.",
        step=10,
        format="%.6g",
    )
    collective: str = takes(OneOf(tuple(COLLECTIVES)), "ring")
    servers: int = takes(
        Whole(1, 4096),
        1,
        key="servers",
        axis=(1, 2, 4, 8, 16),
        label="Parameter Servers",
        help="Shards that serve each push together.",
        usual=(1, 64),
        step=1,
    )
    overlap: float = takes(
        Real(0, 1, below=True),
        0.0,
        key="overlap",
        axis=(0.0, 0.25, 0.5, 0.75, 0.9),
        label="Overlap with Compute",
        help="Share of a barrier's network time that is hidden under computing.",
        usual=(0, 0.95),
        step=0.05,
    )

    @property
    def code(self) -> str:
        return self.collective

    @property
    def message_ms(self) -> float:
        """t, how long one message takes to pass a link: 8·M/β, ms."""
        return 8 * self.message_mb / self.bandwidth_gbps

    def barrier_ms(self, workers: int) -> float:
        """Ring 2(N−1)α + 2(N−1)/N·t, tree 2·log2(N)·α + 2(N−1)/N·t, server 2α + 2N·t/S; times 1 − overlap, ms."""
        share = 2 * (workers - 1) / workers * self.message_ms
        cost = {
            "ring": 2 * (workers - 1) * self.latency_ms + share,
            "tree": 2 * math.log2(workers) * self.latency_ms + share,
            "server": 2 * self.latency_ms + 2 * workers * self.message_ms / self.servers,
        }[self.collective]
        return (1 - self.overlap) * cost

    @property
    def service_ms(self) -> float:
        return self.message_ms / self.servers

    @property
    def pull_ms(self) -> float:
        return self.service_ms + self.latency_ms

    def draw_push(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return np.full(shape, self.latency_ms)


NETWORKS: dict[str, type[Network]] = {network.__name__: network for network in (FlatLatency, AlphaBeta)}
