"""Paired runs of several policies in numbers: means, the finishing order, speed-ups and the verdict on a table."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TypeAlias

import numpy as np
import pandas as pd

from core.common.validation import ScenarioError, shown
from core.schedule.metrics import FEWEST_FOR_TAILS
from core.statistics.verdicts import ROUNDING, Ratio, Verdict, ratios

MIDDLE = (0.025, 0.975)  # the ends of the middle 95 %


@dataclass(frozen=True)
class Lead:
    """In how many of some runs one of two policies is ahead."""

    ahead: int
    tied: int
    runs: int


@dataclass(frozen=True, eq=False)
class Paired:
    """A table that `compare` made, split up by policy once, as everything that is said of it needs that.

    Functions that take a table also take this.
    """

    table: pd.DataFrame

    @classmethod
    def of(cls, table: "pd.DataFrame | Paired") -> "Paired":
        """The table split up by policy; what already is, as it is."""
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
        """The mean of every figure, by policy; the throughput is that of all runs together.

        So it is the mini-batches used over the time taken, and compares as the mean epoch times do.
        """
        return {
            policy: {name: float(values.mean()) for name, values in figures.items()} | overall_throughput(figures)
            for policy, figures in self.runs.items()
        }

    @property
    def baseline(self) -> str:
        """The table's first policy."""
        return next(iter(self.runs))

    @cached_property
    def ranks(self) -> dict[str, int]:
        """Every policy's place by its mean epoch time, the quickest first; those whose means are the same share one."""
        by_mean = sorted(self.means, key=lambda policy: self.means[policy]["epoch_ms"])
        ranks: dict[str, int] = {}
        for place, policy in enumerate(by_mean, start=1):
            before = by_mean[place - 2]
            tied = place > 1 and self.means[policy]["epoch_ms"] <= self.means[before]["epoch_ms"] * (1 + ROUNDING)
            ranks[policy] = ranks[before] if tied else place
        return {policy: ranks[policy] for policy in self.runs}

    @cached_property
    def order(self) -> list[str]:
        """The policies by their ranks; those that share one in the order of the table."""
        return sorted(self.ranks, key=self.ranks.__getitem__)

    @property
    def best_other(self) -> str:
        """The quickest policy beside the baseline."""
        return next(policy for policy in self.order if policy != self.baseline)

    @property
    def replicates(self) -> int:
        """Runs of each policy."""
        return len(self.runs[self.baseline]["epoch_ms"])

    @cached_property
    def speedups(self) -> dict[tuple[str, str], Ratio]:
        """The mean epoch time of each policy over that of each other one, corrected for all pairs (Holm)."""
        pairs = list(combinations(self.runs, 2))
        if not pairs:
            return {}
        found = ratios([(self.runs[one]["epoch_ms"], self.runs[other]["epoch_ms"]) for one, other in pairs])
        both: dict[tuple[str, str], Ratio] = {}
        for (one, other), ratio in zip(pairs, found, strict=True):
            both[one, other], both[other, one] = ratio, ratio.inverse
        return both

    def lead_of(self, one: str, other: str) -> Lead:
        """In how many of the runs one policy is the faster of two."""
        mine, its = self.runs[one]["epoch_ms"], self.runs[other]["epoch_ms"]
        ahead, behind = mine < its * (1 - ROUNDING), mine > its * (1 + ROUNDING)
        return Lead(int(ahead.sum()), int(len(mine) - ahead.sum() - behind.sum()), len(mine))

    def spread(self, policy: str, figure: str) -> tuple[float, float]:
        """Between which values a figure of a policy lies in single runs."""
        low, high = spread(self.runs[policy][figure])
        return float(low), float(high)

    def ratios(self, one: str, other: str) -> np.ndarray:
        """The epoch time of one policy over that of another in each run."""
        return self.runs[one]["epoch_ms"] / self.runs[other]["epoch_ms"]

    def spread_of_ratios(self, one: str, other: str) -> tuple[float, float]:
        """Between which values the ratios of single runs lie."""
        low, high = spread(self.ratios(one, other))
        return float(low), float(high)


Table: TypeAlias = pd.DataFrame | Paired
"""What `compare` made, as it is or taken apart."""


def overall_throughput(figures: dict[str, np.ndarray]) -> dict[str, float]:
    """The throughput of some runs together; empty where the table has none."""
    if "throughput" not in figures:
        return {}
    return {"throughput": float((figures["throughput"] * figures["epoch_ms"]).mean() / figures["epoch_ms"].mean())}


def means(table: Table) -> pd.DataFrame:
    """Mean of every metric: one row a policy, in the order of the table."""
    return pd.DataFrame.from_dict(Paired.of(table).means, orient="index").rename_axis("policy")


def spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the middle 95 % of some runs, the last axis; the least and the most where they are fewer than 40."""
    if values.shape[-1] < FEWEST_FOR_TAILS:
        return values.min(axis=-1), values.max(axis=-1)
    low, high = np.quantile(values, MIDDLE, axis=-1)
    return low, high


def verdict(table: Table) -> Verdict:
    """Whether a table's first policy or the fastest other finishes first, by how much, and how surely.

    The speed-up is the ratio of mean epoch times, with Fieller's interval. All pairs of the table's policies are
    corrected for, so that equal ones are told apart in at most 5 % of the cases however many there are.

    Args:
        table: what `compare` made, of two policies or more.

    Returns:
        winner, speedup (1 or more), low, high, outcome ("decided", "equal" within 1 %, or "open"), faster_percent
        (of the runs) and runs_to_decide.

    Raises:
        ScenarioError: for a table that is not one of `compare`, or of a single policy.

    Source:
        Fieller, Some problems in interval estimation (1954); Holm, A simple sequentially rejective multiple test
        procedure (1979).

    Example:
        >>> from core import Asynchronous, Scenario, Synchronous, compare, verdict
        >>> found = verdict(compare(Scenario(), [Synchronous(), Asynchronous()], replicates=200))
        >>> found.winner, found.outcome, round(found.speedup, 1)
        ('Asynchronous', 'decided', 1.4)

    """
    paired = of_compare(table)
    baseline, other = paired.baseline, paired.best_other
    winner, runner_up = (other, baseline) if paired.speedups[baseline, other].value >= 1 else (baseline, other)
    lead = paired.lead_of(winner, runner_up)
    return Verdict(
        winner=winner,
        runner_up=runner_up,
        ratio=paired.speedups[runner_up, winner],
        faster_percent=100 * lead.ahead / lead.runs,
    )


def of_compare(table: object) -> Paired:
    """The table taken apart; ScenarioError where it is not one that `compare` made of two policies or more."""
    if isinstance(table, pd.DataFrame) and {"policy", "epoch_ms"} <= set(table.columns) and len(table):
        table = Paired.of(table)
    if not isinstance(table, Paired):
        raise ScenarioError(f"table: {shown(table)} is not a table that compare made.")
    runs = {len(of["epoch_ms"]) for of in table.runs.values()}
    if len(table.runs) < 2 or len(runs) > 1:
        raise ScenarioError("table: it does not hold as many runs of each of two policies or more.")
    return table
