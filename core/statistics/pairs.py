"""Paired runs of several policies in numbers: speed-ups pair by pair, means, and the finishing order."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pandas as pd

from core.schedule.metrics import FEWEST_FOR_TAILS

MIDDLE = (0.025, 0.975)  # the ends of the middle 95 %
SAME = 5e-4  # a speed-up that is closer to 1 reads as 1.000×


@dataclass(frozen=True, kw_only=True)
class Speedup:
    """How many times faster one policy finishes than another, pair by pair."""

    ratios: np.ndarray
    """Baseline's epoch time over the other's, one for each replicate."""
    median: float
    low: float
    high: float
    """Between low and high lie 95 % of the pairs; all of them where there are fewer than 40."""

    @property
    def decided(self) -> bool:
        """Whether the interval leaves 1 out; 1 itself may be its end."""
        faster = self.low >= 1 and self.median > 1
        slower = self.high <= 1 and self.median < 1
        return faster or slower


@dataclass(frozen=True, eq=False)
class Paired:
    """A table that `compare` made, taken apart once: all that is said of it looks at its policies again and again.

    Functions that take a table take this in its place.
    """

    table: pd.DataFrame

    @classmethod
    def of(cls, table: "pd.DataFrame | Paired") -> "Paired":
        """The table taken apart, or as it is where it has been."""
        return table if isinstance(table, cls) else cls(table)

    @cached_property
    def runs(self) -> dict[str, dict[str, np.ndarray]]:
        """Every figure of every run, by policy in the order of the table, and by the figure's name."""
        number, policies = pd.factorize(self.table["policy"])
        figures = {name: self.table[name].to_numpy() for name in self.table if name not in ("policy", "replicate")}
        rows = [number == policy for policy in range(len(policies))]
        return {
            policy: {name: values[mine] for name, values in figures.items()}
            for policy, mine in zip(policies, rows, strict=True)
        }

    @cached_property
    def means(self) -> dict[str, dict[str, float]]:
        """The mean of every figure, by policy."""
        return {
            policy: {name: float(values.mean()) for name, values in figures.items()}
            for policy, figures in self.runs.items()
        }

    @property
    def baseline(self) -> str:
        """The table's first policy."""
        return next(iter(self.runs))

    @cached_property
    def order(self) -> list[str]:
        """The policies by their mean epoch time, the quickest first."""
        return sorted(self.means, key=lambda policy: self.means[policy]["epoch_ms"])

    @property
    def replicates(self) -> int:
        """Runs of each policy."""
        return len(self.runs[self.baseline]["epoch_ms"])


Table: TypeAlias = pd.DataFrame | Paired
"""What `compare` made, as it is or taken apart."""


def speedup(table: Table, baseline: str, other: str) -> Speedup:
    """The speed-up of `other` over `baseline` in a table that `compare` made."""
    runs = Paired.of(table).runs
    ratios = runs[baseline]["epoch_ms"] / runs[other]["epoch_ms"]
    tail = 0.025 if len(ratios) >= FEWEST_FOR_TAILS else 0
    low, median, high = np.quantile(ratios, (tail, 0.5, 1 - tail))
    return Speedup(ratios=ratios, median=float(median), low=float(low), high=float(high))


def means(table: Table) -> pd.DataFrame:
    """Mean of every metric: one row a policy, in the order of the table."""
    return pd.DataFrame.from_dict(Paired.of(table).means, orient="index").rename_axis("policy")


def finishing_order(table: Table) -> list[str]:
    """The policies by their mean epoch time, the quickest first."""
    return Paired.of(table).order


def best_other(table: Table) -> str:
    """The quickest policy beside the baseline, which is the table's first."""
    paired = Paired.of(table)
    return next(policy for policy in paired.order if policy != paired.baseline)
