"""Laws of the time that one mini-batch takes to compute, each given by its mean in ms."""

from dataclasses import dataclass

import numpy as np

from core.parts import TIME_RANGE_MS, Part, real


@dataclass(frozen=True, kw_only=True)
class ComputeLaw(Part):
    """A law of compute times with mean `mean_ms`."""

    mean_ms: float = 500.0

    def __post_init__(self):
        object.__setattr__(self, "mean_ms", real("compute.mean_ms", self.mean_ms, *TIME_RANGE_MS, unit="ms"))

    @property
    def std_ms(self) -> float:
        """Standard deviation of one draw, ms."""
        raise NotImplementedError

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Compute times in ms; filled in C order, so the first runs of a longer draw are the same."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Constant(ComputeLaw):
    """Every mini-batch takes exactly the mean."""

    @property
    def std_ms(self) -> float:
        return 0.0

    def draw(self, rng, shape):
        return np.full(shape, self.mean_ms)


@dataclass(frozen=True, kw_only=True)
class Uniform(ComputeLaw):
    """Uniform on mean·(1 ± jitter): the reference's law, with jitter 0.2."""

    jitter: float = 0.2

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "jitter", real("compute.jitter", self.jitter, 0, 1, below=True))

    @property
    def std_ms(self) -> float:
        return self.mean_ms * self.jitter / np.sqrt(3)

    def draw(self, rng, shape):
        times = rng.random(shape)
        times *= 2 * self.jitter * self.mean_ms
        times += (1 - self.jitter) * self.mean_ms
        return times


LAWS = {law.__name__: law for law in (Constant, Uniform)}
