"""What makes mini-batches slower than the law says: slow machines (always), episodes (for a while), hiccups (once)."""

import math
from dataclasses import dataclass

import numpy as np

from core.common.parameters import Part, Real, Whole, takes
from core.common.validation import MAX_BATCHES, MAX_WORKERS, real
from core.workload.compute_laws import lognormal_factors


@dataclass(frozen=True, kw_only=True)
class Stragglers(Part):
    """Factors on the compute times: by default none has any effect.

    Attributes:
        slow_workers: how many workers, W0 first, always compute `slowdown` times as long; 0 by default.
        slowdown: by what factor, 1 or more; 2 by default.
        spread: coefficient of variation of a log-normal factor (mean 1) that each worker keeps for a whole run; 0 by
            default.
        hiccup_probability: chance that a mini-batch takes `hiccup_factor` times as long; 0 by default.
        hiccup_factor: by what factor, 1 or more; 5 by default.
        episode_share: π, share of a worker's mini-batches that fall into slow episodes, in a long run; 0 by default.
        episode_batches: L, mean length of an episode in mini-batches, at least 1/(1 − π), where each mini-batch is slow
            or not whatever the one before was; 10 by default.
        episode_factor: how many times as long a mini-batch takes then, 1 or more; 3 by default.

    Raises:
        ScenarioError: for a value out of bounds; it names field, value and range.

    Source:
        Episodes: a two-state Markov chain for each worker (Gilbert 1960), over its own mini-batches.

    Example:
        >>> from core import Stragglers
        >>> slow_for_a_while = Stragglers(episode_share=0.05, episode_batches=20, episode_factor=3)
        >>> round(slow_for_a_while.episode_correlation, 3)  # of slow or not, from one mini-batch to the next
        0.947

    """

    prefix = "stragglers."

    slow_workers: int = takes(
        Whole(0, MAX_WORKERS),
        0,
        key="slow_workers",
        axis=(0, 1, 2, 4),
        label="Slow workers",
        help="How many workers, W0 first, are always slower.",
        usual=(0, 64),
        step=1,
    )
    slowdown: float = takes(
        Real(1, 1000),
        2.0,
        key="slowdown",
        acts_with="slow_workers",
        axis=(1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0),
        label="Slowdown of slow workers (×)",
        help="How many times longer they compute.",
        usual=(1, 10),
        step=0.1,
    )
    spread: float = takes(
        Real(0, 2),
        0.0,
        key="spread",
        axis=(0.0, 0.02, 0.05, 0.1, 0.2, 0.3),
        label="Spread between machines",
        help="Coefficient of variation of a factor that each worker keeps. GPUs of one model: about 0.03 to 0.08.",
        usual=(0, 0.5),
        step=0.01,
    )
    hiccup_probability: float = takes(
        Real(0, 1),
        0.0,
        key="hiccup_probability",
        axis=(0.0, 0.001, 0.003, 0.01, 0.03, 0.1),
        label="Hiccups (share of batches)",
        help="Chance that a mini-batch takes much longer, on any worker.",
        usual=(0, 0.5),
        step=0.005,
        format="percent",
    )
    hiccup_factor: float = takes(
        Real(1, 1000),
        5.0,
        key="hiccup_factor",
        acts_with="hiccup_probability",
        axis=(1.0, 2.0, 3.0, 5.0, 10.0, 20.0),
        label="Hiccup length (×)",
        help="How many times longer it takes then.",
        usual=(1, 20),
        step=0.5,
    )
    episode_share: float = takes(
        Real(0, 0.99),
        0.0,
        key="episode_share",
        axis=(0.0, 0.01, 0.02, 0.05, 0.1, 0.2),
        label="Slow episodes (share of batches)",
        help="Share of a worker's mini-batches that fall into episodes in which it is slow.",
        usual=(0, 0.5),
        step=0.01,
        format="percent",
    )
    episode_batches: float = takes(
        Real(1, MAX_BATCHES),
        10.0,
        key="episode_batches",
        acts_with="episode_share",
        axis=(2.0, 5.0, 10.0, 20.0, 50.0, 100.0),
        label="Episode length (batches)",
        help="How many mini-batches in a row a worker stays slow, on average: at least 1/(1 − share), which is what "
        "chance alone would give; smaller values count as that.",
        usual=(1, 100),
        step=1,
    )
    episode_factor: float = takes(
        Real(1, 1000),
        3.0,
        key="episode_factor",
        acts_with="episode_share",
        axis=(1.0, 1.5, 2.0, 3.0, 5.0, 10.0),
        label="Episode slowdown (×)",
        help="How many times longer a mini-batch takes then.",
        usual=(1, 20),
        step=0.5,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        shortest = shortest_episode(self.episode_share)
        if self.episode_batches < shortest:
            least = math.ceil(1e4 * shortest) / 1e4  # short enough to type, and allowed
            share = f"where episode_share is {self.episode_share:g}: 1/(1 − share) or more"
            real("stragglers.episode_batches", self.episode_batches, least, MAX_BATCHES, unit=share)

    @property
    def persistent(self) -> bool:
        """Whether some workers are always slower than others."""
        return (self.slow_workers > 0 and self.slowdown > 1) or self.spread > 0

    @property
    def transient(self) -> bool:
        """Whether single mini-batches hiccup."""
        return self.hiccup_probability > 0 and self.hiccup_factor > 1

    @property
    def episodic(self) -> bool:
        """Whether workers are slow for a while."""
        return self.episode_share > 0 and self.episode_factor > 1

    @property
    def episode_begins(self) -> float:
        """Chance that the next mini-batch is slow, where this one is not: p = π/((1 − π)·L)."""
        return self.episode_share / (1 - self.episode_share) / self.episode_batches

    @property
    def episode_ends(self) -> float:
        """Chance that the next mini-batch is not slow, where this one is: q = 1/L."""
        return 1 / self.episode_batches

    @property
    def episode_correlation(self) -> float:
        """Correlation of slow or not, from one mini-batch to the next: ρ = 1 − p − q; over k mini-batches it is ρ^k."""
        return max(0.0, 1 - self.episode_begins - self.episode_ends)

    def worker_factors(self, rng: np.random.Generator, runs: int, workers: int) -> np.ndarray:
        """How many times as long each worker always takes.

        Args:
            rng: the generator that the spread comes from.
            runs: how many runs.
            workers: how many workers in each.

        Returns:
            Factors, (runs, workers), filled in C order.

        """
        factors = lognormal_factors(rng, self.spread, (runs, workers))
        factors[:, : self.slow_workers] *= self.slowdown
        return factors

    def hiccup_factors(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """1, or the hiccup factor, for each mini-batch.

        Args:
            rng: the generator that hiccups come from.
            shape: (…, rows, workers).

        Returns:
            Factors of that shape, filled in C order.

        """
        return np.where(rng.random(shape) < self.hiccup_probability, self.hiccup_factor, 1.0)

    def slow_in_episodes(self, uniform: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
        """Which mini-batches fall into episodes.

        A number below p makes a mini-batch slow whatever the one before was, one of 1 − q or more makes it not; between
        the two it is as the one before. So it is as the last number outside says.

        Args:
            uniform: a random number from 0 to 1 for each mini-batch, (rows, workers, runs).
            before: whether each worker was slow in the row before the first, (workers, runs); None where there is no
                such row, and each is slow with chance π.

        Returns:
            Whether each is slow, (rows, workers, runs).

        """
        slow, healthy = uniform < self.episode_begins, uniform >= 1 - self.episode_ends
        if before is None:
            before = slow[0] = uniform[0] < self.episode_share
            healthy[0] = ~before
        rows = np.arange(1, len(uniform) + 1, dtype=np.int32)[:, None, None]
        decided = np.where(slow | healthy, 2 * rows + slow, before.astype(np.int32))  # when and, in the last bit, what
        return (np.maximum.accumulate(decided, axis=0) & 1).astype(bool)


def shortest_episode(share: float) -> float:
    """The least mean length of episodes of this share of the mini-batches: 1/(1 − π), rounded down to nine decimals.

    As each mini-batch is slow with chance π, this is how many in a row are slow by chance.
    """
    return math.floor(1e9 / (1 - share)) / 1e9
