"""What makes some mini-batches slower than the law says: slow machines (persistent) and hiccups (transient)."""

from dataclasses import dataclass

import numpy as np

from core.common.parameters import Part, Real, Whole, takes
from core.common.validation import MAX_WORKERS
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

    """

    prefix = "stragglers."

    slow_workers: int = takes(
        Whole(0, MAX_WORKERS),
        0,
        key="slow_workers",
        axis=(0, 1, 2, 4),
        label="Slow Workers",
        help="How many workers, W0 first, are always slower.",
        usual=(0, 64),
        step=1,
    )
    slowdown: float = takes(
        Real(1, 1000),
        2.0,
        key="slowdown",
        axis=(1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0),
        label="Their Slowdown (×)",
        help="How many times longer they compute.",
        usual=(1, 10),
        step=0.1,
    )
    spread: float = takes(
        Real(0, 2),
        0.0,
        key="spread",
        axis=(0.0, 0.02, 0.05, 0.1, 0.2, 0.3),
        label="Spread between Machines",
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
        axis=(1.0, 2.0, 3.0, 5.0, 10.0, 20.0),
        label="Length of a Hiccup (×)",
        help="How many times longer it takes then.",
        usual=(1, 20),
        step=0.5,
    )

    @property
    def persistent(self) -> bool:
        """Whether some workers are always slower than others."""
        return (self.slow_workers > 0 and self.slowdown > 1) or self.spread > 0

    @property
    def transient(self) -> bool:
        """Whether single mini-batches hiccup."""
        return self.hiccup_probability > 0 and self.hiccup_factor > 1

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
