"""Network models: what a synchronisation costs everybody, and what a push costs one worker."""

from dataclasses import dataclass

import numpy as np

from core.parts import TIME_RANGE_MS, Part, real


@dataclass(frozen=True, kw_only=True)
class Network(Part):
    """What communication costs, in ms."""

    def barrier_ms(self, workers: int) -> float:
        """What every worker pays after a barrier, ms."""
        raise NotImplementedError

    def draw_push(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """What a worker without a barrier pays after each mini-batch, ms; filled in C order."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class FlatLatency(Network):
    """The reference's network: latency L after a barrier, U(0, async_fraction·L) per push without one.

    It makes asynchronous communication nearly free; say so wherever it decides an answer.
    """

    latency_ms: float = 200.0
    async_fraction: float = 0.3

    def __post_init__(self):
        latency = real("network.latency_ms", self.latency_ms, 0, TIME_RANGE_MS[1], unit="ms")
        object.__setattr__(self, "latency_ms", latency)
        object.__setattr__(self, "async_fraction", real("network.async_fraction", self.async_fraction, 0, 1))

    @property
    def longest_push_ms(self) -> float:
        """Upper end of the push delay, ms."""
        return self.async_fraction * self.latency_ms

    def barrier_ms(self, workers):
        return self.latency_ms

    def draw_push(self, rng, shape):
        delays = rng.random(shape)
        delays *= self.longest_push_ms
        return delays


NETWORKS = {network.__name__: network for network in (FlatLatency,)}
