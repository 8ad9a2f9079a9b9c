"""Maps: which axes there are, what is asked of every cell, and where the answer changes sides."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.common.parameters import Checked, Number, by_key, keys
from core.common.validation import ScenarioError, real, shown
from core.learning.experiment import learn
from core.learning.judging import geometric_mean
from core.learning.problem import Problem
from core.money import Prices
from core.policies.base import Policy
from core.policies.registry import POLICIES
from core.scenario import Scenario, dotted_names
from core.simulation.bandwidth import required_bandwidth
from core.simulation.sweeps import changed, changed_policy, name_of, refused
from core.statistics.log_ratios import log_ratios
from core.statistics.standings import FASTEST, OPEN, SLOWER, TIED, as_columns, same_as_itself
from core.statistics.verdicts import LEVEL
from core.theory.failures import epochs_saved_every
from core.workload.compute_laws import LAWS
from core.workload.failures import Failures, best_interval_ms
from core.workload.networks import NETWORKS
from core.workload.stragglers import Stragglers
from core.workload.workload import Workload

MOST_VALUES = 40
MOST_DRAWN = 2  # times the longest simulated epoch, above which a theoretical one is not drawn
WANTED_PERCENT, MOST_SEARCHED = 90.0, 5  # utilization whose bandwidth is looked for, in no more runs than this
TARGET_SEEDS, MOST_TRAINED = 3, 30  # runs of a cell that trains, and how many (cell, policy) may
KINDS: list[type[Checked]] = [Workload, Stragglers, Failures, Prices]
KINDS += [*LAWS.values(), *NETWORKS.values(), *POLICIES.values()]
AXES = {key: parameter.axis for kind in KINDS for key, parameter in by_key(kind).items() if parameter.axis}
"""Keys of a link that can be an axis, with values to start from."""
DECLARED = {key: parameter for kind in KINDS for key, parameter in by_key(kind).items()}


def causes(key: str) -> Iterator[str]:
    """The keys that have to be above their least for a key to change anything, the nearest first.

    Example:
        >>> list(causes("checkpoint_s"))
        ['checkpoint_batches', 'mtbf_hours']

    """
    while key := DECLARED[key].acts_with if key in DECLARED else "":
        yield key


def is_idle(key: str, values: Mapping[str, Any]) -> bool:
    """Whether a key changes nothing, as one of its causes is at its least among these values, or is not there."""
    return any(cause not in values or at_its_least(cause, values[cause]) for cause in causes(key))


def at_its_least(key: str, value: float) -> bool:
    """Whether a number cannot be any less."""
    rule = DECLARED[key].rule
    assert isinstance(rule, Number)
    return value <= rule.ends[0]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of every cell: a column of `sweep`'s table (or nothing: which policy is fastest).

    Attributes:
        label: what people call it.
        column: the column; empty where the question is which policy is fastest.
        scale: what its values are multiplied by to be in the unit.
        unit: what the answer is in.
        missed: what is said where there is no answer; empty where runs did not reach a target.

    """

    label: str
    column: str = ""
    scale: float = 1.0
    unit: str = ""
    missed: str = ""


QUESTIONS = {
    "throughput": Question(label="Useful throughput", column="throughput", unit="/s"),
    "speedup": Question(label="Speed-up", column="speedup", unit="×"),
    "fastest": Question(label="Fastest policy"),
    "idle": Question(label="Idle", column="idle_percent", unit="%"),
    "utilization": Question(label="Utilization", column="utilization_percent", unit="%"),
    "epoch": Question(label="Epoch time", column="epoch_ms", scale=1e-3, unit="s"),
    "staleness": Question(label="Mean staleness", column="mean_staleness", unit="updates"),
    "cost": Question(label="Cost of an epoch", column="cost"),
    "bandwidth": Question(
        label="Bandwidth for 90 % utilization", column="bandwidth_gbps", unit="Gb/s", missed="no bandwidth is enough"
    ),
    "target": Question(label="Time to target", column="time_to_target_ms", scale=1e-3, unit="s"),
}
SPEEDUP = QUESTIONS["speedup"]


def axes_for(scenario: Workload, policies: Sequence[Policy], prices: Prices | None = None) -> list[str]:
    """The keys of the axes that this scenario, these policies and, where they are given, the prices have."""
    return [key for key in names_of_axes(scenario, policies, prices) if key in AXES]


def names_of_axes(scenario: Workload, policies: Sequence[Policy], prices: Prices | None = None) -> dict[str, str]:
    """What `sweep` calls each key of a link, those of the prices among them where they are given."""
    of_prices = keys(Prices) if prices is not None else {}
    return dotted_names(scenario, policies) | {key: f"prices.{name}" for name, key in of_prices.items()}


def values_from(key: str, text: str) -> tuple:
    """The values of an axis from text such as "1, 2, 4", in rising order; its own where there is none.

    Args:
        key: of the axis, one of `AXES`.
        text: numbers with commas or semicolons between.

    Raises:
        ScenarioError: for what is not 1 to 40 different numbers.

    """
    if not text.strip():
        return AXES[key]
    parts = text[:1000].replace(";", ",").split(",")
    try:
        numbers = [real(f"values of {key}", float(part), -1e12, 1e12) for part in parts if part.strip()]
    except ValueError as error:
        raise ScenarioError(f"values of {key}: {shown(text)} are not numbers with commas between.") from error
    all_different = len(set(numbers)) == len(numbers)
    if not all_different or not 1 <= len(numbers) <= MOST_VALUES:
        raise ScenarioError(f"values of {key}: {shown(text)} are not 1 to {MOST_VALUES} different numbers.")
    whole = isinstance(AXES[key][0], int)
    return tuple(sorted(int(number) if whole and number.is_integer() else number for number in numbers))


def winners(table: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """The quickest policy of every cell, and who is level with it.

    Args:
        table: of `sweep`.
        axes: the columns that say which cell a row is of.

    Returns:
        A row a cell, that of the policy with the shortest mean epoch, with outcome: decided where it is decided against
        each other one, equal where it ties with some within 1 %, else open; runs, that would settle an open one (NaN
        where that is not known); and level, the policies that may be the fastest, the quickest on average first.

    """
    good = table[table["refused"] == ""].sort_values("epoch_ms", kind="stable")
    cells = good.groupby(list(axes), sort=False)
    best = cells.head(1)
    level = good[good["standing"] != SLOWER].groupby(list(axes), sort=False)["policy"].agg(tuple)
    outcomes = best["standing"].map({FASTEST: "decided", TIED: "equal", OPEN: "open"})
    found = best.assign(outcome=outcomes, runs=best["standing_runs"])
    return found.join(level.rename("level"), on=list(axes)).sort_index()


def answers(table: pd.DataFrame, question: Question, policy: str) -> pd.DataFrame:
    """What the question asks, of one policy in every cell that is not refused.

    Args:
        table: of `sweep`, or of `target_rows`.
        question: what is asked; one with a column.
        policy: as the table names it.

    Returns:
        The policy's rows with value, low and high, in the question's unit; outcome, of a speed-up: decided, equal or
        open, and runs, that would settle an open one. Cells in which the baseline is refused have no speed-up, and are
        left out.

    """
    rows = table[(table["policy"] == policy) & (table["refused"] == "")]
    column = question.column
    rows = rows.assign(
        **{
            name: rows[f"{column}{ending}"] * question.scale
            for name, ending in (("value", ""), ("low", "_low"), ("high", "_high"))
        }
    )
    if column != "speedup":
        return rows.assign(outcome="", runs=np.nan)
    return rows.assign(outcome=rows["speedup_outcome"], runs=rows["speedup_runs"])[rows["value"].notna()]


@dataclass(frozen=True, kw_only=True)
class Ideal:
    """Ideal scaling: each worker does what it does with the fewest on the map, under the policy that is best there.

    Attributes:
        policy: the one that is best with the fewest workers.
        fewest: how many those are.
        throughput: of those, mini-batches a second.

    """

    policy: str
    fewest: int
    throughput: float

    def line(self, workers: np.ndarray) -> np.ndarray:
        """The throughput that so many workers would have."""
        return workers * (self.throughput / self.fewest)


def ideal_scaling(table: pd.DataFrame) -> Ideal | None:
    """Ideal scaling on a map over the number of workers; None where it has a single number of them.

    Args:
        table: of `sweep` over workers.

    """
    good = table[table["refused"] == ""]
    if good["workers"].nunique() < 2:
        return None
    fewest = good[good["workers"] == good["workers"].min()]
    best = fewest.loc[fewest["throughput"].idxmax()]
    return Ideal(policy=best["policy"], fewest=int(best["workers"]), throughput=float(best["throughput"]))


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """What theory says of epochs over the distance of their checkpoints, beside what was simulated.

    Attributes:
        policy: which policy goes back to them.
        line: columns x (mini-batches from one to the next) and ideal (Daly's mean epoch, s).
        best: Young's distance, mini-batches.
        best_ms: the same as work, ms.
        simulated: the distance whose simulated mean epoch is the shortest.

    """

    policy: str
    line: dict[str, np.ndarray]
    best: float
    best_ms: float
    simulated: int


def checkpoints_beside(rows: pd.DataFrame, scenario: Scenario, without_ms: float) -> Checkpoints:
    """What theory says beside the rows of a map over `failures.checkpoint_batches`.

    Args:
        rows: of one policy, that of the scenario.
        scenario: what was run.
        without_ms: mean time of its epoch without failures, ms.

    Source:
        Young 1974, Daly 2006.

    """
    every = rows["failures.checkpoint_batches"].to_numpy()
    work_ms = best_interval_ms(scenario.failures.checkpoint_ms, scenario.failures.mtbf_ms / scenario.workers)
    epochs_ms = epochs_saved_every(scenario, every.tolist(), without_ms)
    known = np.isfinite(epochs_ms) & (epochs_ms <= MOST_DRAWN * rows["epoch_ms"].max())
    return Checkpoints(
        policy=scenario.policy.label,
        line={"x": every[known].astype(float), "ideal": epochs_ms[known] / 1000},
        best=work_ms / (without_ms / scenario.batches),
        best_ms=work_ms,
        simulated=int(every[rows["epoch_ms"].to_numpy().argmin()]),
    )


def target_rows(scenario: Workload, cell: dict, policies: Sequence[Policy], problem: Problem) -> list[dict]:
    """Rows of one cell as `sweep` makes them, from real training.

    Args:
        scenario: what all cells have in common.
        cell: the cell's value of each parameter, by dotted name.
        policies: who is trained; speed-ups are over the first.
        problem: what is trained.

    Returns:
        A row a policy: the cell, policy, refused (why there are no figures, else empty); time_to_target_ms, its
        geometric mean over the runs where all of them reach the target, with its range over the runs (_low, _high);
        reached and trained, how many runs did and how many there are; speedup, the geometric mean of the first policy's
        time over this one's, run by run, with its t-interval, all pairs of policies judged together, and its outcome.

    """
    try:
        here = changed(scenario, cell)
        learnt = learn(here, [changed_policy(policy, cell) for policy in policies], problem, seeds=TARGET_SEEDS)
    except ScenarioError as error:
        return refused(cell, policies, str(error))
    times = learnt.runs.pivot(index="run", columns="policy", values="time_to_target_ms")
    labels = learnt.policies["policy"].tolist()
    level = LEVEL / max(1, len(labels) * (len(labels) - 1) // 2)
    return [
        {
            **cell,
            "policy": name_of(policy, cell),
            "refused": "",
            **over_runs("time_to_target_ms", times.get(label)),
            "reached": int(row.reached),
            "trained": TARGET_SEEDS,
            **speedup_to_target(times, labels[0], label, level),
        }
        for policy, label, row in zip(policies, labels, learnt.policies.itertuples(), strict=True)
    ]


def bandwidth_rows(scenario: Workload, cell: dict, policies: Sequence[Policy], replicates: int) -> list[dict]:
    """Rows of one cell as `sweep` makes them, with the bandwidth that each policy needs for a utilization.

    Args:
        scenario: what all cells have in common.
        cell: the cell's value of each parameter, by dotted name.
        policies: whose bandwidth is looked for.
        replicates: runs whose mean utilization counts, no more than a few.

    Returns:
        A row a policy: the cell, policy, refused (why there are no figures, else empty), bandwidth_gbps (NaN where no
        bandwidth is enough) with the same as _low and _high, reached (1 or 0) and trained (1).

    """
    rows = []
    for policy in policies:
        try:
            here, adapted = changed(scenario, cell), changed_policy(policy, cell)
            adapted.check(here.workers)
            table = required_bandwidth(here, [adapted], WANTED_PERCENT, min(replicates, MOST_SEARCHED))
        except ScenarioError as error:
            rows += refused(cell, [policy], str(error))
            continue
        found = float(table["bandwidth_gbps"].item())
        needed = dict.fromkeys(("bandwidth_gbps", "bandwidth_gbps_low", "bandwidth_gbps_high"), found)
        said = {"reached": int(found == found), "trained": 1}
        rows.append({**cell, "policy": name_of(policy, cell), "refused": "", **needed, **said})
    return rows


def over_runs(name: str, times_ms: pd.Series | None) -> dict:
    """The geometric mean of some times and their range; NaN where one is missing."""
    if times_ms is None or times_ms.isna().any():
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"), np.nan)
    return {name: geometric_mean(times_ms), f"{name}_low": times_ms.min(), f"{name}_high": times_ms.max()}


def speedup_to_target(times_ms: pd.DataFrame, baseline: str, policy: str, level: float) -> dict:
    """How many times sooner a policy reaches the target than the baseline, as columns of a table.

    Args:
        times_ms: a row a run, a column a policy; NaN where the target is not reached.
        baseline: the policy whose times are divided.
        policy: the one whose times they are divided by.
        level: how often the interval may miss.

    """
    if policy == baseline:
        return same_as_itself()
    if not {policy, baseline} <= set(times_ms):
        return as_columns("speedup", None)
    both = times_ms[[baseline, policy]].to_numpy()
    if not (both > 0).all():  # NaN where the target is not reached
        return as_columns("speedup", None)
    return as_columns("speedup", log_ratios([(both[:, 0], both[:, 1])], level)[0])


def break_even(values: np.ndarray) -> pd.DataFrame:
    """Edges between neighbouring cells on different sides of 1; NaN, and 1 itself, are on neither side.

    Args:
        values: of the cells, (y, x).

    Returns:
        Columns: x, y, x2, y2, the ends of each edge, in cells.

    """
    side = np.sign(np.where(np.isnan(values), 0, values - 1))
    rows, columns = np.nonzero(side[:, :-1] * side[:, 1:] < 0)
    upright = np.stack([columns + 1, rows, columns + 1, rows + 1])
    rows, columns = np.nonzero(side[:-1] * side[1:] < 0)
    level = np.stack([columns, rows + 1, columns + 1, rows + 1])
    return pd.DataFrame(np.concatenate([upright, level], axis=1).T, columns=["x", "y", "x2", "y2"])
