"""Laws of the time that one mini-batch takes to compute, each given by its mean in ms."""

import math
from dataclasses import dataclass

import numpy as np

from core.parts import TIME_RANGE_MS, Part, real

EULER_GAMMA = float(np.euler_gamma)


@dataclass(frozen=True, kw_only=True)
class ComputeLaw(Part):
    """A law of compute times with mean `mean_ms`."""

    mean_ms: float = 500.0

    def __post_init__(self):
        self._check("mean_ms", *TIME_RANGE_MS, unit="ms")

    @property
    def std_ms(self) -> float:
        """Standard deviation of one draw, ms; infinite where the law has none."""
        raise NotImplementedError

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Compute times in ms; filled in C order, so that longer draws begin with the same times."""
        raise NotImplementedError

    def _check(self, name: str, low: float, high: float, **options) -> None:
        object.__setattr__(self, name, real(f"compute.{name}", getattr(self, name), low, high, **options))


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
        self._check("jitter", 0, 1, below=True)

    @property
    def std_ms(self) -> float:
        return self.mean_ms * self.jitter / math.sqrt(3)

    def draw(self, rng, shape):
        times = rng.random(shape)
        times *= 2 * self.jitter * self.mean_ms
        times += (1 - self.jitter) * self.mean_ms
        return times


@dataclass(frozen=True, kw_only=True)
class LogNormal(ComputeLaw):
    """Log-normal with coefficient of variation `cv`: skewed, every time is possible, long ones are rare."""

    cv: float = 0.2

    def __post_init__(self):
        super().__post_init__()
        self._check("cv", 0, 5)

    @property
    def std_ms(self) -> float:
        return self.mean_ms * self.cv

    def draw(self, rng, shape):
        return self.mean_ms * lognormal_factors(rng, self.cv, shape)


@dataclass(frozen=True, kw_only=True)
class Gumbel(ComputeLaw):
    """Gumbel (largest-value) law with coefficient of variation `cv`: the fit of sequence-length imbalance.

    cv is at most 0.35: beyond it a noticeable share of the times would have to be cut off at zero.
    """

    cv: float = 0.14

    def __post_init__(self):
        super().__post_init__()
        self._check("cv", 0, 0.35)

    @property
    def std_ms(self) -> float:
        return self.mean_ms * self.cv

    @property
    def scale_ms(self) -> float:
        """β = σ·√6/π."""
        return self.std_ms * math.sqrt(6) / math.pi

    @property
    def location_ms(self) -> float:
        """Mode: mean − γ·β."""
        return self.mean_ms - EULER_GAMMA * self.scale_ms

    def draw(self, rng, shape):
        return np.maximum(rng.gumbel(self.location_ms, self.scale_ms, shape), 1e-6 * self.mean_ms)


@dataclass(frozen=True, kw_only=True)
class ShiftedExponential(ComputeLaw):
    """A constant share `shift` of the mean, and an exponential rest; shift 0 is the exponential law."""

    shift: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        self._check("shift", 0, 1)

    @property
    def std_ms(self) -> float:
        return (1 - self.shift) * self.mean_ms

    def draw(self, rng, shape):
        times = rng.standard_exponential(shape)
        times *= self.std_ms
        times += self.shift * self.mean_ms
        return times


@dataclass(frozen=True, kw_only=True)
class Pareto(ComputeLaw):
    """Pareto with tail index `alpha`: heavy tails; up to alpha 2 the variance is infinite."""

    alpha: float = 3.0

    def __post_init__(self):
        super().__post_init__()
        self._check("alpha", 1, 100, above=True)

    @property
    def least_ms(self) -> float:
        """x_m, the shortest time: mean·(α − 1)/α."""
        return self.mean_ms * (self.alpha - 1) / self.alpha

    @property
    def std_ms(self) -> float:
        if self.alpha <= 2:
            return math.inf
        return self.least_ms / (self.alpha - 1) * math.sqrt(self.alpha / (self.alpha - 2))

    def draw(self, rng, shape):
        return self.least_ms * (1 + rng.pareto(self.alpha, shape))


def lognormal_factors(rng: np.random.Generator, cv: float, shape: tuple[int, ...]) -> np.ndarray:
    """Log-normal factors with mean 1 and the given coefficient of variation."""
    variance = math.log1p(cv**2)
    return rng.lognormal(-variance / 2, math.sqrt(variance), shape)


LAWS = {law.__name__: law for law in (Constant, Uniform, LogNormal, Gumbel, ShiftedExponential, Pareto)}
