"""Maps: which axes there are, what is asked of every cell, and where the answer changes sides."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.common.parameters import Checked, by_key
from core.common.validation import ScenarioError, real, shown
from core.learning.experiment import learn
from core.learning.problem import Problem
from core.policies.base import Policy
from core.policies.registry import POLICIES
from core.scenario import dotted_names
from core.simulation.sweeps import changed, changed_policy, name_of, refused
from core.workload.compute_laws import LAWS
from core.workload.networks import NETWORKS
from core.workload.stragglers import Stragglers
from core.workload.workload import Workload

MOST_VALUES = 40
TARGET_SEEDS, MOST_TRAINED = 3, 30  # runs of a cell that trains, and how many (cell, policy) may
KINDS: tuple[type[Checked], ...] = (Workload, *LAWS.values(), Stragglers, *NETWORKS.values(), *POLICIES.values())
AXES = {key: parameter.axis for kind in KINDS for key, parameter in by_key(kind).items() if parameter.axis}
"""Keys of a link that can be an axis, with values to start from."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of every cell: a column of `sweep`'s table (or nothing: which policy is fastest).

    Attributes:
        label: what people call it.
        column: the column; empty where the question is which policy is fastest.
        scale: what its values are multiplied by to be in the unit.
        unit: what the answer is in.

    """

    label: str
    column: str = ""
    scale: float = 1.0
    unit: str = ""


QUESTIONS = {
    "throughput": Question(label="Useful throughput", column="throughput", unit="/s"),
    "speedup": Question(label="Speed-up", column="speedup", unit="×"),
    "fastest": Question(label="Fastest policy"),
    "idle": Question(label="Idle", column="idle_percent", unit="%"),
    "utilization": Question(label="Utilization", column="utilization_percent", unit="%"),
    "epoch": Question(label="Epoch time", column="epoch_ms", scale=1e-3, unit="s"),
    "staleness": Question(label="Mean staleness", column="mean_staleness", unit="updates"),
    "target": Question(label="Time to target", column="time_to_target_ms", scale=1e-3, unit="s"),
}


def axes_for(scenario: Workload, policies: Sequence[Policy]) -> list[str]:
    """The keys of the axes that this scenario and these policies have."""
    return [key for key in dotted_names(scenario, policies) if key in AXES]


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
    """The fastest policy of every cell.

    Args:
        table: of `sweep`.
        axes: the columns that say which cell a row is of.

    Returns:
        The rows of the policies with the shortest mean epochs, with decided: whether the interval of the lead leaves 1
        out, or nobody else is there.

    """
    good = table[table["refused"] == ""]
    best = good.loc[good.groupby(list(axes), sort=False)["epoch_ms"].idxmin()]
    return best.assign(decided=(best["lead_low"] > 1) | best["lead"].isna())


def answers(table: pd.DataFrame, question: Question, policy: str) -> pd.DataFrame:
    """What the question asks, of one policy in every cell that is not refused.

    Args:
        table: of `sweep`, or of `target_rows`.
        question: what is asked; one with a column.
        policy: as the table names it.

    Returns:
        The policy's rows with value, low and high, in the question's unit, and decided: of a speed-up, whether its
        interval leaves 1 out.

    """
    rows = table[(table["policy"] == policy) & (table["refused"] == "")]
    column = question.column
    rows = rows.assign(
        **{
            name: rows[f"{column}{ending}"] * question.scale
            for name, ending in (("value", ""), ("low", "_low"), ("high", "_high"))
        }
    )
    return (
        rows.assign(decided=(rows["low"] > 1) | (rows["high"] < 1))
        if column == "speedup"
        else rows.assign(decided=True)
    )


def target_rows(scenario: Workload, cell: dict, policies: Sequence[Policy], problem: Problem) -> list[dict]:
    """Rows of one cell as `sweep` makes them, from real training.

    Args:
        scenario: what all cells have in common.
        cell: the cell's value of each parameter, by dotted name.
        policies: who is trained; speed-ups are over the first.
        problem: what is trained.

    Returns:
        A row a policy: the cell, policy, refused (why there are no figures, else empty), time_to_target_ms and speedup,
        each with _low and _high, its range over the runs.

    """
    try:
        here = changed(scenario, cell)
        table = learn(here, [changed_policy(policy, cell) for policy in policies], problem, seeds=TARGET_SEEDS).policies
    except ScenarioError as error:
        return refused(cell, policies, str(error))
    return [
        {
            **cell,
            "policy": name_of(policy, cell),
            "refused": "",
            "time_to_target_ms": row.time_to_target_ms,
            "time_to_target_ms_low": row.time_low_ms,
            "time_to_target_ms_high": row.time_high_ms,
            "speedup": row.speedup,
            "speedup_low": row.speedup_low,
            "speedup_high": row.speedup_high,
        }
        for policy, row in zip(policies, table.itertuples(), strict=True)
    ]


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
