"""What a problem is: something to train, with a loss and its gradient on mini-batches."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from core.common.parameters import Checked, Whole, takes


@dataclass(frozen=True, kw_only=True)
class Problem(Checked, ABC):
    """A loss to bring down by gradients on mini-batches of `batch` samples; the parameters are one vector.

    Many copies are trained at once: parameters are (runs, learning rates, size).

    Attributes:
        batch: samples of a mini-batch; 16 by default.

    """

    prefix = "problem."

    batch: int = takes(Whole(1, 256), 16)

    goal = "loss"
    """Which of its measures shows success: loss (the lower the better) or accuracy (the higher the better)."""

    guess_loss = float("inf")
    """Loss of a guess, where knowing nothing has one: what a model that has died is left with."""

    @property
    def name(self) -> str:
        """What people call it."""
        return ""

    @property
    def code(self) -> str:
        """What a link calls it."""
        return ""

    @property
    def what(self) -> str:
        """What is trained, in the middle of a sentence."""
        return ""

    @property
    @abstractmethod
    def target(self) -> float:
        """The value of its goal that counts as learnt, where nobody asks for another."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many parameters there are."""

    @property
    @abstractmethod
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the numbers that describe one mini-batch."""

    @abstractmethod
    def start(self, rng: np.random.Generator) -> np.ndarray:
        """Parameters to begin with, (size,)."""

    @abstractmethod
    def mini_batches(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """The first mini-batches of an endless stream; a larger count begins with the same ones.

        Args:
            rng: the generator that they come from.
            count: how many.

        Returns:
            (count, *batch_shape).

        """

    @abstractmethod
    def gradient(self, parameters: np.ndarray, batches: np.ndarray) -> np.ndarray:
        """Mean gradient of some mini-batches of each run.

        Args:
            parameters: (runs, learning rates, size).
            batches: (runs, mini-batches, *batch_shape).

        Returns:
            (runs, learning rates, size).

        """

    @abstractmethod
    def measure(self, parameters: np.ndarray) -> dict[str, np.ndarray]:
        """Loss, accuracy where there is one, and stuck (1 or 0) where it can be.

        Stuck is a model that gives one answer whatever it is shown, and learns nothing any more.

        Args:
            parameters: (…, size).

        Returns:
            {measure: (…)}.

        """
