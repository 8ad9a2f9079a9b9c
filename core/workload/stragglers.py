"""What makes some mini-batches slower than the law says: slow machines (persistent) and hiccups (transient)."""

from dataclasses import dataclass

import numpy as np

from core.common.validation import Part, real, whole
from core.workload.compute_laws import lognormal_factors


@dataclass(frozen=True, kw_only=True)
class Stragglers(Part):
    """Factors on the compute times: by default none has any effect.

    slow_workers: how many workers, W0 first, are `slowdown` times slower, always.
    spread: coefficient of variation of a log-normal factor (mean 1) that each worker keeps for a whole run.
    hiccup_probability: chance that a mini-batch takes `hiccup_factor` times as long.
    """

    slow_workers: int = 0
    slowdown: float = 2.0
    spread: float = 0.0
    hiccup_probability: float = 0.0
    hiccup_factor: float = 5.0

    def __post_init__(self):
        object.__setattr__(self, "slow_workers", whole("stragglers.slow_workers", self.slow_workers, 0, 4096))
        for name, low, high in (
            ("slowdown", 1, 1000),
            ("spread", 0, 2),
            ("hiccup_probability", 0, 1),
            ("hiccup_factor", 1, 1000),
        ):
            object.__setattr__(self, name, real(f"stragglers.{name}", getattr(self, name), low, high))

    @property
    def persistent(self) -> bool:
        """Whether some workers are always slower than others."""
        return (self.slow_workers > 0 and self.slowdown > 1) or self.spread > 0

    @property
    def transient(self) -> bool:
        """Whether single mini-batches hiccup."""
        return self.hiccup_probability > 0 and self.hiccup_factor > 1

    def worker_factors(self, rng: np.random.Generator, runs: int, workers: int) -> np.ndarray:
        """How many times slower each worker is for good, (runs, workers); filled in C order."""
        factors = lognormal_factors(rng, self.spread, (runs, workers))
        factors[:, : self.slow_workers] *= self.slowdown
        return factors

    def hiccup_factors(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """1, or the hiccup factor, for each mini-batch; filled in C order."""
        return np.where(rng.random(shape) < self.hiccup_probability, self.hiccup_factor, 1.0)
