"""Laws of the time that one mini-batch takes to compute, each given by its mean in ms, or measured."""

import hashlib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from core.common.parameters import Part, Real, Rule, takes
from core.common.validation import TIME_RANGE_MS, ScenarioError, as_table

MAX_MEASURED = 1_000_000  # times of one table; a Python number takes 32 bytes
EULER_GAMMA = float(np.euler_gamma)


@dataclass(frozen=True, kw_only=True)
class ComputeLaw(Part, ABC):
    """A law of compute times with mean `mean_ms`.

    Attributes:
        mean_ms: mean time to compute one mini-batch, ms; 500 by default.

    """

    prefix = "compute."
    name = ""
    """What people call it."""
    code = ""
    """What a link calls the law; empty where links do not carry it."""

    mean_ms: float = takes(
        Real(*TIME_RANGE_MS, unit="ms"),
        500.0,
        key="batch_ms",
        axis=(50, 100, 200, 400, 800, 1600),
        label="Batch processing time (ms)",
        help="Mean time to compute one mini-batch.",
        usual=(50, 2_000),
        step=50,
        format="%g",
    )

    @property
    @abstractmethod
    def std_ms(self) -> float:
        """Standard deviation of one draw, ms; infinite where the law has none."""

    @property
    def same_for_all(self) -> bool:
        """Whether every worker draws from the same law."""
        return True

    @property
    def worker_means_ms(self) -> np.ndarray:
        """Mean of each worker's compute times, ms; one number where they are the same."""
        return np.array([self.mean_ms])

    def check(self, workers: int) -> None:
        """Check that the law fits that many workers; most laws fit any number.

        Args:
            workers: how many workers draw from it.

        Raises:
            ScenarioError: where a measured table has another number of workers.

        """

    @abstractmethod
    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], first_row: int = 0) -> np.ndarray:
        """Compute times in ms, filled in C order, so that longer draws begin with the same times.

        Args:
            rng: the generator that they come from.
            shape: (…, rows, workers).
            first_row: which row of a run the first of these rows is; matters to measured tables only.

        Returns:
            An array of that shape, ms.

        """

    @abstractmethod
    def cdf(self, ms: np.ndarray) -> np.ndarray:
        """Probability that a draw takes at most so many ms, for a law that has a spread.

        Args:
            ms: times above 0, ms; an array of any shape.

        Returns:
            Probabilities from 0 to 1, of the same shape.

        """

    @abstractmethod
    def quantile(self, share: np.ndarray) -> np.ndarray:
        """Time that this share of the draws does not exceed, ms: the inverse of `cdf`.

        Args:
            share: probabilities above 0 and below 1; an array of any shape.

        Returns:
            Times in ms, of the same shape.

        """


@dataclass(frozen=True, kw_only=True)
class Constant(ComputeLaw):
    """Every mini-batch takes exactly the mean.

    Attributes:
        mean_ms: what each takes, ms; 500 by default.

    """

    name, code = "Constant", "constant"

    @property
    def std_ms(self) -> float:
        return 0.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], first_row: int = 0) -> np.ndarray:
        return np.full(shape, self.mean_ms)

    def cdf(self, ms: np.ndarray) -> np.ndarray:
        return np.where(ms < self.mean_ms, 0.0, 1.0)

    def quantile(self, share: np.ndarray) -> np.ndarray:
        return np.full_like(share, self.mean_ms)


@dataclass(frozen=True, kw_only=True)
class Uniform(ComputeLaw):
    """Uniform on mean·(1 ± jitter): the reference's law, with jitter 0.2.

    Attributes:
        mean_ms: mean, ms; 500 by default.
        jitter: half the width over the mean, from 0 to below 1; 0.2 by default.

    """

    name, code = "Uniform", "uniform"

    jitter: float = takes(
        Real(0, 1, below=True),
        0.2,
        key="jitter",
        axis=(0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        label="Jitter (±)",
        help="Times are uniform on mean · (1 ± jitter). The reference has 0.20.",
        usual=(0, 0.95),
        step=0.01,
    )

    @property
    def std_ms(self) -> float:
        return self.mean_ms * self.jitter / math.sqrt(3)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], first_row: int = 0) -> np.ndarray:
        times = rng.random(shape)
        times *= 2 * self.jitter * self.mean_ms
        times += (1 - self.jitter) * self.mean_ms
        return times

    def cdf(self, ms: np.ndarray) -> np.ndarray:
        return np.clip(0.5 + (ms / self.mean_ms - 1) / (2 * self.jitter), 0, 1)

    def quantile(self, share: np.ndarray) -> np.ndarray:
        return self.mean_ms * (1 + self.jitter * (2 * share - 1))


@dataclass(frozen=True, kw_only=True)
class LogNormal(ComputeLaw):
    """Log-normal with coefficient of variation `cv`: skewed, every time is possible, long ones are rare.

    The logarithm of a time is normal with variance σ² = ln(1 + cv²) and mean ln(mean) − σ²/2.

    Attributes:
        mean_ms: mean, ms; 500 by default.
        cv: standard deviation over mean, from 0 to 5; 0.2 by default.

    Source:
        Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions, vol. 1 (1994), ch. 14.

    """

    name, code = "Log-normal", "lognormal"

    cv: float = takes(
        Real(0, 5),
        0.2,
        key="cv",
        axis=(0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0),
        label="Coefficient of variation",
        help="Standard deviation over mean; long times are rare but possible.",
        usual=(0, 2),
        step=0.01,
    )

    @property
    def std_ms(self) -> float:
        return self.mean_ms * self.cv

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], first_row: int = 0) -> np.ndarray:
        return self.mean_ms * lognormal_factors(rng, self.cv, shape)

    def cdf(self, ms: np.ndarray) -> np.ndarray:
        sigma = math.sqrt(math.log1p(self.cv**2))
        return normal_cdf(np.log(ms / self.mean_ms) / sigma + sigma / 2)

    def quantile(self, share: np.ndarray) -> np.ndarray:
        sigma = math.sqrt(math.log1p(self.cv**2))
        return self.mean_ms * np.exp(sigma * (normal_quantile(share) - sigma / 2))


@dataclass(frozen=True, kw_only=True)
class Gumbel(ComputeLaw):
    """Gumbel (largest-value) law with coefficient of variation `cv`: the fit of sequence-length imbalance.

    Times below a millionth of the mean are raised to it. cv is at most 0.35: beyond it that would happen to a
    noticeable share of them.

    Attributes:
        mean_ms: mean, ms; 500 by default.
        cv: standard deviation over mean, from 0 to 0.35; 0.14 by default.

    Source:
        Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions, vol. 2 (1995), ch. 22: mean = mode + γ·β,
        standard deviation = π·β/√6.

    """

    name, code = "Gumbel", "gumbel"

    cv: float = takes(
        Real(0, 0.35),
        0.14,
        key="gumbel_cv",
        axis=(0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35),
        label="Coefficient of variation (Gumbel)",
        help="Standard deviation over mean. Sequences of varying length, as measured on a real cluster: 0.14.",
        usual=(0, 0.35),
        step=0.01,
    )

    @property
    def std_ms(self) -> float:
        return self.mean_ms * self.cv

    @property
    def scale_ms(self) -> float:
        """β, its scale: σ·√6/π, ms."""
        return self.std_ms * math.sqrt(6) / math.pi

    @property
    def location_ms(self) -> float:
        """Mode: mean − γ·β, ms."""
        return self.mean_ms - EULER_GAMMA * self.scale_ms

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], first_row: int = 0) -> np.ndarray:
        return np.maximum(rng.gumbel(self.location_ms, self.scale_ms, shape), 1e-6 * self.mean_ms)

    def cdf(self, ms: np.ndarray) -> np.ndarray:
        return np.exp(-np.exp(np.minimum((self.location_ms - ms) / self.scale_ms, 700)))

    def quantile(self, share: np.ndarray) -> np.ndarray:
        return np.maximum(self.location_ms - self.scale_ms * np.log(-np.log(share)), 1e-6 * self.mean_ms)


@dataclass(frozen=True, kw_only=True)
class ShiftedExponential(ComputeLaw):
    """A constant share `shift` of the mean, and an exponential rest; shift 0 is the exponential law.

    Attributes:
        mean_ms: mean of both together, ms; 500 by default.
        shift: the constant share of the mean, from 0 to 1; 0.5 by default.

    """

    name, code = "Shifted exponential", "exponential"

    shift: float = takes(
        Real(0, 1),
        0.5,
        key="shift",
        axis=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
        label="Constant share",
        help="Share of the mean that never varies; the rest is exponential.",
        usual=(0, 1),
        step=0.05,
    )

    @property
    def std_ms(self) -> float:
        return (1 - self.shift) * self.mean_ms

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], first_row: int = 0) -> np.ndarray:
        times = rng.standard_exponential(shape)
        times *= self.std_ms
        times += self.shift * self.mean_ms
        return times

    def cdf(self, ms: np.ndarray) -> np.ndarray:
        return -np.expm1(-np.maximum(ms - self.shift * self.mean_ms, 0) / self.std_ms)

    def quantile(self, share: np.ndarray) -> np.ndarray:
        return self.shift * self.mean_ms - self.std_ms * np.log1p(-share)


@dataclass(frozen=True, kw_only=True)
class Pareto(ComputeLaw):
    """Pareto with tail index `alpha`: heavy tails; up to alpha 2 the variance is infinite.

    Attributes:
        mean_ms: mean, ms; 500 by default.
        alpha: tail index, above 1 and up to 100; the smaller, the heavier the tail; 3 by default.

    Source:
        Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions, vol. 1 (1994), ch. 20: mean =
        x_m·α/(α − 1), variance = x_m²·α/((α − 1)²·(α − 2)).

    """

    name, code = "Pareto", "pareto"

    alpha: float = takes(
        Real(1, 100, above=True),
        3.0,
        key="tail",
        axis=(1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0),
        label="Tail index",
        help="The smaller, the heavier the tail; up to 2 the variance is infinite.",
        usual=(1.1, 20),
        step=0.1,
    )

    @property
    def least_ms(self) -> float:
        """x_m, the shortest time: mean·(α − 1)/α, ms."""
        return self.mean_ms * (self.alpha - 1) / self.alpha

    @property
    def std_ms(self) -> float:
        if self.alpha <= 2:
            return math.inf
        return self.least_ms / (self.alpha - 1) * math.sqrt(self.alpha / (self.alpha - 2))

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], first_row: int = 0) -> np.ndarray:
        return self.least_ms * (1 + rng.pareto(self.alpha, shape))

    def cdf(self, ms: np.ndarray) -> np.ndarray:
        return 1 - (self.least_ms / np.maximum(ms, self.least_ms)) ** self.alpha

    def quantile(self, share: np.ndarray) -> np.ndarray:
        return self.least_ms * (1 - share) ** (-1 / self.alpha)


@dataclass(frozen=True)
class TableOfTimes(Rule):
    """A measured table of steps × workers, in ms."""

    @property
    def allowed(self) -> str:
        return "a table of steps × workers"

    def checked(self, name: str, value: object) -> tuple[tuple[float, ...], ...]:
        found = as_table(name, value, self.allowed, most=MAX_MEASURED)
        low, high = TIME_RANGE_MS
        good = (found >= low) & (found <= high)
        if not good.all():
            step, worker = np.argwhere(~good)[0]
            raise ScenarioError(
                f"{name}: {found[step, worker]} at step {step}, worker {worker} is not a number "
                f"from {low:g} to {high:g} ms."
            )
        return tuple(map(tuple, found.tolist()))


@dataclass(frozen=True, kw_only=True, repr=False)
class Measured(ComputeLaw):
    """A measured table of compute times, (steps, workers) in ms: replayed exactly, in every run.

    Rows beyond the last are blocks of consecutive rows of the table again, drawn at random, each as long as
    `block_length` says: what slows all workers of a step together stays together, and slowness that lasts keeps its
    length.

    Attributes:
        compute_ms: the table, a row a step and a column a worker, ms; up to 1,000,000 times. Arrays and nested lists
            are taken, too, and kept as tuples.
        mean_ms: the mean of the table, ms; worked out, not given.

    """

    mean_ms: float = field(init=False, default=0.0)
    compute_ms: tuple[tuple[float, ...], ...] = takes(TableOfTimes())

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "mean_ms", float(np.mean(self.compute_ms)))

    def __repr__(self) -> str:
        digest = hashlib.sha256(np.array(self.compute_ms).tobytes()).hexdigest()[:16]
        return f"Measured({self.steps} steps × {self.workers} workers, sha256 {digest})"

    @property
    def steps(self) -> int:
        """Rows of the table."""
        return len(self.compute_ms)

    @property
    def workers(self) -> int:
        """Columns of the table."""
        return len(self.compute_ms[0])

    @property
    def std_ms(self) -> float:
        return float(np.std(self.compute_ms))

    @property
    def same_for_all(self) -> bool:
        return False

    @property
    def worker_means_ms(self) -> np.ndarray:
        return np.mean(self.compute_ms, axis=0)

    def check(self, workers: int) -> None:
        if workers != self.workers:
            raise ScenarioError(f"workers: {workers:,} do not fit a measured table of {self.workers:,} workers.")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], first_row: int = 0) -> np.ndarray:
        *runs, rows, _ = shape
        table, known = np.array(self.compute_ms), min(max(0, self.steps - first_row), rows)
        replayed = np.broadcast_to(np.arange(first_row, first_row + known), (*runs, known))
        again = consecutive_steps(rng, (*runs, rows - known), self.steps, block_length(table))
        return table[np.concatenate([replayed, again], axis=-1)]

    def cdf(self, ms: np.ndarray) -> np.ndarray:
        return np.searchsorted(np.sort(self.compute_ms, axis=None), ms, side="right") / (self.steps * self.workers)

    def quantile(self, share: np.ndarray) -> np.ndarray:
        return np.quantile(self.compute_ms, share, method="inverted_cdf")


def consecutive_steps(rng: np.random.Generator, shape: tuple[int, ...], steps: int, length: int) -> np.ndarray:
    """Numbers of measured steps drawn again, in blocks of so many consecutive ones (the first follows the last).

    Args:
        rng: the generator that the blocks' first steps come from.
        shape: (…, rows): how many are drawn, and how often.
        steps: how many there are to draw from.
        length: steps in a block.

    Returns:
        Whole numbers from 0 to steps − 1, of that shape.

    Source:
        The circular block bootstrap: Politis & Romano 1992.

    """
    *runs, rows = shape
    first = rng.integers(0, steps, (*runs, -(-rows // length)))
    return ((first[..., None] + np.arange(length)) % steps).reshape(*runs, -1)[..., :rows]


def block_length(compute_ms: np.ndarray) -> int:
    """How many consecutive steps of a table (steps, workers) a block has: √steps, more where slowness lasts longer."""
    steps = len(compute_ms)
    return min(steps, max(math.ceil(math.sqrt(steps)), correlated_steps(compute_ms)))


def correlated_steps(compute_ms: np.ndarray) -> int:
    """How many consecutive steps of a table (steps, workers) go together: 1 where each step is on its own.

    (2ρ/(1 − ρ²))^⅔·steps^⅓ by the lag-1 autocorrelation ρ of a worker's time over its step's mean, where that is more
    than chance gives; at most a quarter of the steps.

    Source:
        Carlstein 1986, for an autoregression of order 1.

    """
    steps, workers = compute_ms.shape
    if steps < 4 or workers == 1:
        return 1
    relative = compute_ms / compute_ms.mean(axis=1, keepdims=True)
    rest = relative - relative.mean(axis=0)
    whole = (rest**2).sum()
    rho = (rest[1:] * rest[:-1]).sum() / whole if whole > 1e-24 else 0.0
    if rho <= 2 / math.sqrt(steps * (workers - 1)):
        return 1
    rho = min(rho, 0.999)
    return min(max(1, steps // 4), math.ceil((2 * rho / (1 - rho**2)) ** (2 / 3) * steps ** (1 / 3)))


def lognormal_factors(rng: np.random.Generator, cv: float, shape: tuple[int, ...]) -> np.ndarray:
    """Log-normal factors with mean 1 and coefficient of variation `cv`, filled in C order."""
    variance = math.log1p(cv**2)
    return rng.lognormal(-variance / 2, math.sqrt(variance), shape)


def normal_cdf(z: np.ndarray) -> np.ndarray:
    """Φ, the standard normal distribution."""
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in z.ravel().tolist()]).reshape(z.shape)


def normal_quantile(share: np.ndarray) -> np.ndarray:
    """Φ⁻¹, its inverse."""
    inverse = NormalDist().inv_cdf
    return np.array([inverse(value) for value in share.ravel().tolist()]).reshape(share.shape)


LAWS: dict[str, type[ComputeLaw]] = {
    law.__name__: law for law in (Constant, Uniform, LogNormal, Gumbel, ShiftedExponential, Pareto, Measured)
}
