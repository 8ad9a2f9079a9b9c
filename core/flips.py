"""What would flip an answer: the values of each parameter at which a different policy wins, all else unchanged."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from core.common.parameters import keys
from core.common.validation import MAX_WORK, ScenarioError, whole
from core.maps import AXES, is_idle
from core.policies.base import Policy
from core.scenario import WITHOUT_FAILURES, dotted_names
from core.simulation.paired import check_policies, most_replicates, paired_figures
from core.simulation.sweeps import changed, changed_policy
from core.statistics.verdicts import LEVEL, Ratio, ratios
from core.workload.failures import Failures
from core.workload.workload import Workload

RUNS = 100  # paired runs of each policy at each value, by default
MOST_WORK = MAX_WORK // 4  # mini-batches at one value; larger scenarios get fewer runs
FEWEST_RUNS = 5
DOUBLES = 16  # from the least to the most of a range that is gone through by factors
CLOSE = 2e-3  # of a value: so near a crossing is found
MUST_DIVIDE = {"workers_per_node": "workers", "fragments": "period"}
"""Parameters that take divisors of another one only: between two of those there is nothing to look for."""


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """A value at which another policy wins.

    Attributes:
        value: where the ratio of the mean epoch times passes 1; of whole numbers the least with the winner above.
        low: the largest value found at which the winner below is decided.
        high: the least value found at which the winner above is decided.
        below: label of the policy that wins below.
        above: label of the policy that wins above.

    """

    value: float
    low: float
    high: float
    below: str
    above: str


@dataclass(frozen=True, kw_only=True)
class Flip:
    """What a parameter does to the answer.

    Attributes:
        key: what a link calls the parameter.
        name: what `sweep` calls it.
        now: its value in the scenario.
        least: the smallest value that was tried.
        most: the largest value that was tried.
        is_whole: whether it takes whole numbers only.
        tried: how many values the grid has that it starts from.
        crossings: in rising order; none where one policy is decided to win wherever a winner is decided.
        undecided: values of the grid at which the runs leave the winner open, or the policies are equal.

    """

    key: str
    name: str
    now: float
    least: float
    most: float
    is_whole: bool
    tried: int
    crossings: tuple[Crossing, ...]
    undecided: tuple[float, ...]


def flips(
    workload: Workload,
    one: Policy,
    other: Policy,
    replicates: int = RUNS,
    progress: Callable[[int, int], None] | None = None,
) -> list[Flip]:
    """At which value of each parameter the winner of two policies changes, all else as it is.

    All values see the same draws (common random numbers), so crossings between neighbouring values of a grid are
    followed by bisection; whole numbers are exact. A change of winner counts where it is decided on either side, and
    all values of all parameters are judged together (Bonferroni): of policies that are equal everywhere, a winner is
    named at any value in at most 5 % of the answers. Two crossings between the same two neighbours are not seen.

    Args:
        workload: a workload, or a scenario, whose own policy does not matter.
        one: a policy.
        other: another one.
        replicates: paired runs at each value, 2 or more; fewer are made of workloads so large that the time would
            become long.
        progress: called with the parameters done and all of them after each.

    Returns:
        A `Flip` for each parameter that can be an axis of a map and acts on the two policies.

    Raises:
        ScenarioError: for an argument out of range, and for a workload of which not even 5 runs can be made.

    Example:
        >>> from core import AlphaBeta, Asynchronous, Scenario, Synchronous
        >>> from core.flips import flips
        >>> scenario = Scenario(workers=8, network=AlphaBeta(message_mb=400))
        >>> found = {flip.key: flip for flip in flips(scenario, Synchronous(), Asynchronous(), 10)}
        >>> found["servers"].crossings[0].above
        'Asynchronous'

    """
    Workload.checked(workload)
    check_policies([one, other])
    runs = whole("replicates", replicates, 2, 10_000)
    keys = acting_keys(workload, (one, other))
    found = []
    for done, key in enumerate(keys, start=1):
        found.append(flip_of(workload, one, other, key, runs))
        if progress:
            progress(done, len(keys))
    return found


def flip_of(workload: Workload, one: Policy, other: Policy, key: str, replicates: int = RUNS) -> Flip:
    """What one parameter does to the answer; the arguments are those of `flips`, and a key of `acting_keys`.

    It is judged as one of all the parameters that act, so that it agrees with what `flips` says of it.
    """
    runs = min(replicates, runs_of(workload, (one, other)))
    level = LEVEL / len(acting_keys(workload, (one, other)))
    return Line(Pair(workload, one, other, runs), key, level).flip()


def runs_of(workload: Workload, policies: Sequence[Policy]) -> int:
    """How many paired runs can be made at each value."""
    runs = most_replicates(workload, policies) * MOST_WORK // MAX_WORK
    if runs < FEWEST_RUNS:
        raise ScenarioError(
            f"{workload.workers:,} workers × {workload.batches:,} batches are too many to look for what would flip the "
            f"answer: {FEWEST_RUNS} paired runs have to fit {MOST_WORK:,} mini-batches at each value."
        )
    return runs


def acting_keys(workload: Workload, policies: Sequence[Policy]) -> list[str]:
    """The parameters that can be an axis and act on the policies."""
    names = dotted_names(workload, policies)
    values = {key: value_of(workload, policies, name) for key, name in names.items()}
    barriers = {policy.has_barrier for policy in policies}
    idle = {key for key in names if is_idle(key, values)}
    if not workload.failures.any:
        idle |= {*keys(Failures).values()}
    else:
        idle |= {*WITHOUT_FAILURES}
    idle |= {*MUST_DIVIDE} | {multiple for key, multiple in MUST_DIVIDE.items() if values.get(key, 1) > 1}
    idle |= {"buckets"} if values.get("overlap") else {"overlap"} if values.get("buckets", 1) > 1 else set()
    if True not in barriers:
        idle |= {"overlap", "buckets"}
    if False not in barriers:
        idle |= {"async_fraction"} | ({"servers"} if workload.network.code != "server" else set())
    return [key for key in names if key in AXES and key not in idle]


def value_of(workload: Workload, policies: Sequence[Policy], name: str) -> Any:
    """The value of a parameter, by its dotted name; of policies that of the first one that has it."""
    part, _, field = name.partition(".")
    if part == "policy":
        return next(getattr(policy, field) for policy in policies if hasattr(policy, field))
    return getattr(getattr(workload, part), field) if field else getattr(workload, part)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two policies on a workload, and how many paired runs are made of them."""

    workload: Workload
    one: Policy
    other: Policy
    runs: int


Times: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Epoch times of the two policies in the same runs."""


class Line:
    """The values of one parameter, and who wins at each; what has been simulated is kept.

    Args:
        pair: the two policies.
        key: the key of the parameter.
        level: how often a winner may be named at any value if the two are equal at every value.

    """

    def __init__(self, pair: Pair, key: str, level: float) -> None:
        self.pair, self.key, self.together = pair, key, level
        self.name = dotted_names(pair.workload, (pair.one, pair.other))[key]
        self.now = value_of(pair.workload, (pair.one, pair.other), self.name)
        self.is_whole = isinstance(AXES[key][0], int)
        self.seen: dict[float, Times | None] = {}
        self.judged: dict[float, Ratio | None] = {}

    @cached_property
    def grid(self) -> list[float]:
        """The values to start from: those of a map's axis and the present one, and of real numbers those between."""
        found = sorted({*AXES[self.key], self.now})
        if self.key == "workers" and self.now > 1:
            found.remove(1)  # one worker waits for nobody: a comparison of networks alone
        if not self.is_whole:
            found += [self.middle(*pair) for pair in itertools.pairwise(found)]
        return [value for value in sorted(found) if self.times(value) is not None]

    @cached_property
    def level(self) -> float:
        """The level at which each value is judged: the overall level divided by the number of values in the grid.

        Values in between are only judged on the way from a decided one towards a crossing, until one is not decided.
        That adds one chance of a false decision on either side of a crossing, and removes one among the grid's values.
        """
        return self.together / len(self.grid)

    def middle(self, low: float, high: float) -> float:
        """The value between two: by their ratio where the range doubles several times, else by their distance."""
        axis = AXES[self.key]
        if low > 0 and max(axis) >= DOUBLES * min(value for value in axis if value > 0):
            return math.sqrt(low * high)
        return (low + high) / 2

    def at(self, value: float) -> Ratio | None:
        """The one's mean time over the other's at a value; None where it is refused."""
        if value not in self.judged:
            times = self.times(value)
            self.judged[value] = None if times is None else ratios([times], self.level)[0]
        return self.judged[value]

    def times(self, value: float) -> Times | None:
        """How long both take at a value; None if the value is refused."""
        if value not in self.seen:
            self.seen[value] = self.simulated(value)
        return self.seen[value]

    def simulated(self, value: float) -> Times | None:
        """The same, worked out."""
        pair, cell = self.pair, {self.name: value}
        try:
            here = changed(pair.workload, cell)
            policies = [changed_policy(policy, cell).fitted(here.workers) for policy in (pair.one, pair.other)]
            if len(set(policies)) == 1:
                return None
            runs = min(pair.runs, runs_of(here, policies))
            one, other = (figures["epoch_ms"] for figures in paired_figures(here, policies, runs, threads=1))
        except ScenarioError:
            return None
        return one, other

    def side(self, value: float) -> int:
        """Who wins at a value: 1 the other, −1 the one, 0 where both take the same time or it is refused."""
        ratio = self.at(value)
        return 0 if ratio is None else (ratio.value > 1) - (ratio.value < 1)

    def decided(self, value: float) -> int:
        """Who is sure to win at a value, as `side` has it; 0 where nobody is."""
        ratio = self.at(value)
        return self.side(value) if ratio is not None and ratio.decided else 0

    def flip(self) -> Flip:
        """What the parameter does to the answer."""
        grid = self.grid
        return Flip(
            key=self.key,
            name=self.name,
            now=self.now,
            least=min(grid, default=self.now),
            most=max(grid, default=self.now),
            is_whole=self.is_whole,
            tried=len(grid),
            crossings=tuple(self.crossing(low, high) for low, high in self.brackets()),
            undecided=tuple(value for value in grid if not self.decided(value)),
        )

    def brackets(self) -> Iterator[tuple[float, float]]:
        """Values on the grid at which different policies are decided to win; between them nobody is."""
        sure = [value for value in self.grid if self.decided(value)]
        for low, high in itertools.pairwise(sure):
            if self.decided(low) != self.decided(high):
                yield low, high

    def crossing(self, low: float, high: float) -> Crossing:
        """Where the winner changes between two values at which different ones are decided."""
        below, above = self.decided(low), self.decided(high)
        inner_low, inner_high = self.bisected(low, high, lambda value: self.side(value) == below)
        labels = {-1: self.label(self.pair.one), 1: self.label(self.pair.other)}
        return Crossing(
            value=inner_high if self.is_whole else self.interpolated(inner_low, inner_high),
            low=self.edge(low, inner_low, below),
            high=self.edge(high, inner_high, above),
            below=labels[below],
            above=labels[above],
        )

    def label(self, policy: Policy) -> str:
        """A policy's name, without the parameter that varies."""
        return policy.name if self.name.startswith("policy.") and hasattr(policy, self.name[7:]) else policy.label

    def edge(self, sure: float, inner: float, side: int) -> float:
        """How near to a crossing its side is still decided."""
        found, _ = self.bisected(sure, inner, lambda value: self.decided(value) == side)
        return found

    def bisected(self, low: float, high: float, holds: Callable[[float], bool]) -> tuple[float, float]:
        """Two neighbours, or real numbers close to each other: a condition holds at the first, which may be the larger.

        If it holds at both ends, both are the second.
        """
        if low == high or holds(high):
            return high, high
        while not self.is_close(low, high):
            middle = float((low + high) // 2) if self.is_whole else self.middle(*sorted((low, high)))
            middle = int(middle) if self.is_whole else middle
            low, high = (middle, high) if holds(middle) else (low, middle)
        return low, high

    def is_close(self, low: float, high: float) -> bool:
        """Whether there is nothing to look for between two values."""
        if self.is_whole:
            return abs(high - low) <= 1
        return abs(high - low) <= CLOSE * max(abs(low), abs(high), 1e-3 * max(AXES[self.key]))

    def interpolated(self, low: float, high: float) -> float:
        """Where the ratio passes 1 between two values that are close to each other."""
        before, after = self.at(low), self.at(high)
        assert before
        assert after
        apart = before.value - after.value
        return low + (high - low) * (before.value - 1) / apart if apart else high
