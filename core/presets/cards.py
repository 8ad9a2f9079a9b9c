"""What a card of the gallery is, and which of its guesses the figures of its page make the right one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from core.policies.base import Policy
from core.scenario import Scenario
from core.statistics.pairs import Paired, verdict
from core.statistics.verdicts import NO_DIFFERENCE


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures that a page shows."""

    rows: Mapping[str, Mapping[str, float]]
    """Every metric by its name; by policy as a link names it, and on Map with the value: "sync at 64"."""
    open: bool = False
    """Whether the runs leave open who finishes first."""

    @classmethod
    def of(cls, paired: Paired, policies: Sequence[Policy]) -> "Figures":
        """Those of paired runs, the baseline first."""
        rows = {policy.text: paired.means[policy.label] for policy in policies}
        return cls(rows=rows, open=verdict(paired).outcome == "open")

    @classmethod
    def over(cls, table: pd.DataFrame, axis: str, texts: Mapping[str, str]) -> "Figures":
        """Those of a map over one parameter.

        Args:
            table: of `sweep`.
            axis: the column of the parameter.
            texts: what a link calls the policies, by the table's labels.

        """
        rows = table[table["refused"] == ""].to_dict("records")
        return cls(rows={f"{texts[row['policy']]} at {row[axis]:g}": row for row in rows})

    def ratio(self, slower: str, quicker: str) -> float:
        """The mean epoch time of one over that of another."""
        return self.rows[slower]["epoch_ms"] / self.rows[quicker]["epoch_ms"]

    def speedup(self, row: str) -> float:
        """The first row's mean epoch time over that of another."""
        return self.ratio(next(iter(self.rows)), row)

    def saved_percent(self, row: str) -> float:
        """By how much sooner one finishes than the first, in percent of the first one's time."""
        return 100 * (1 - 1 / self.speedup(row))


@dataclass(frozen=True)
class Quickest:
    """Guesses which of some rows takes the shortest time."""

    rows: Mapping[str, str]
    """Each guess in words, and the row that it means."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Each guess in words."""
        return tuple(self.rows)

    def right(self, figures: Figures) -> int:
        """The place of the right one."""
        times = [figures.rows[row]["epoch_ms"] for row in self.rows.values()]
        return times.index(min(times))


@dataclass(frozen=True)
class Ranges:
    """Guesses in which range a figure lies.

    Example:
        >>> Ranges(saved("async"), ("Under 10 %", 10, "10 % or more")).texts
        ('Under 10 %', '10 % or more')

    """

    figure: Callable[[Figures], float]
    parts: tuple[str | float, ...]
    """The guesses in words, from the lowest to the highest, and between each two the figure that the upper one begins
    with."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Each guess in words."""
        return tuple(str(part) for part in self.parts[::2])

    @property
    def bounds(self) -> tuple[float, ...]:
        """Where each guess but the lowest begins."""
        return tuple(float(part) for part in self.parts[1::2])

    def right(self, figures: Figures) -> int:
        """The place of the right one."""
        value = self.figure(figures)
        return sum(value >= bound for bound in self.bounds)


def saved(row: str) -> Callable[[Figures], float]:
    """By how much sooner a row finishes than the first, in percent."""
    return lambda figures: figures.saved_percent(row)


def share(row: str, metric: str) -> Callable[[Figures], float]:
    """A metric of a row."""
    return lambda figures: figures.rows[row][metric]


def speedup(row: str) -> Callable[[Figures], float]:
    """How many times as fast as the first a row is."""
    return lambda figures: figures.speedup(row)


def faster_than_first(row: str, no: str, level: str, yes: str) -> Ranges:
    """Guesses whether a row is faster than the first one, with what counts as level on Compare."""
    return Ranges(speedup(row), (no, 1 / (1 + NO_DIFFERENCE), level, 1 + NO_DIFFERENCE, yes))


@dataclass(frozen=True, kw_only=True, eq=False)
class Card:
    """A scenario that makes one point: it asks first, lets people guess, then answers."""

    key: str
    """What a link calls it; kept for ever."""
    name: str
    setting: str
    """What is simulated, in a few words; of every card another one."""
    question: str
    guesses: Quickest | Ranges
    answer: str
    """What the figures say, in a sentence or two; figures in braces, as `core.report.gallery` fills them in."""
    why: str
    """What is behind it: words, and figures that follow from the scenario alone."""
    scenario: Scenario
    policies: tuple[Policy, ...]
    page: str = "compare"
    """Where its point is: compare, timeline, or map over one parameter."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """What the page is asked beside the scenario, by the keys of a link."""
