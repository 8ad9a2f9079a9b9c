"""A quadratic bowl with noisy gradients, where theory is exact."""

from dataclasses import dataclass

import numpy as np

from core.common.parameters import Real, Several, takes
from core.learning.problem import Problem

MAX_CURVATURES = 1024


@dataclass(frozen=True, kw_only=True)
class NoisyQuadratic(Problem):
    """Loss ½·Σ λᵢ·xᵢ² from x = 1 on, with gradients λᵢ·xᵢ + noise·N(0, 1)/√batch.

    The target is a fiftieth of the loss at the start.

    Attributes:
        curvatures: the λᵢ, above 0.
        noise: standard deviation of a sample's gradient; 0.5 by default.
        batch: samples of a mini-batch; 16 by default.

    """

    curvatures: tuple[float, ...] = takes(
        Several(Real(0, 1e6, above=True), 1, MAX_CURVATURES), (1.0, 0.3, 0.1, 0.03, 0.01)
    )
    noise: float = takes(Real(0, 1e6), 0.5)

    name, code, what = "Noisy quadratic", "quadratic", "a noisy quadratic bowl"

    @property
    def target(self) -> float:
        return sum(self.curvatures) / 2 / 50

    @property
    def size(self) -> int:
        return len(self.curvatures)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        return (self.size,)

    def start(self, rng: np.random.Generator) -> np.ndarray:
        return np.ones(self.size)

    def mini_batches(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """The noise of each one's gradient."""
        return rng.standard_normal((count, self.size)) * (self.noise / np.sqrt(self.batch))

    def gradient(self, parameters: np.ndarray, batches: np.ndarray) -> np.ndarray:
        return self.curvatures * parameters + batches.mean(axis=1, keepdims=True)

    def measure(self, parameters: np.ndarray) -> dict[str, np.ndarray]:
        return {"loss": (parameters**2 @ self.curvatures) / 2}
