"""Maps: which axes there are, what is asked of every cell, and where the answer changes sides."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.common.validation import ScenarioError, real, shown
from core.learning.experiment import learn
from core.learning.problem import Problem
from core.links import parameters_of
from core.policies.base import Policy
from core.scenario import Scenario
from core.simulation.sweeps import changed, changed_policy, name_of, parameters, refused

MOST_VALUES = 40
TARGET_SEEDS, MOST_TRAINED = 3, 30  # runs of a cell that trains, and how many (cell, policy) may
AXES = {
    "workers": (1, 2, 4, 8, 16, 32, 64),
    "batches": (1, 2, 5, 10, 20, 50, 100),
    "batch_ms": (50, 100, 200, 400, 800, 1600),
    "jitter": (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    "cv": (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0),
    "gumbel_cv": (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35),
    "shift": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    "tail": (1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0),
    "latency_ms": (0, 25, 50, 100, 200, 300, 400, 500, 750, 1000),
    "async_fraction": (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0),
    "alpha_ms": (0.0, 0.01, 0.1, 1.0, 5.0, 10.0, 30.0, 100.0),
    "bandwidth_gbps": (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 400.0),
    "message_mb": (1.0, 10.0, 25.0, 50.0, 100.0, 200.0, 400.0, 1000.0),
    "servers": (1, 2, 4, 8, 16),
    "overlap": (0.0, 0.25, 0.5, 0.75, 0.9),
    "slow_workers": (0, 1, 2, 4),
    "slowdown": (1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0),
    "spread": (0.0, 0.02, 0.05, 0.1, 0.2, 0.3),
    "hiccup_probability": (0.0, 0.001, 0.003, 0.01, 0.03, 0.1),
    "hiccup_factor": (1.0, 2.0, 3.0, 5.0, 10.0, 20.0),
    "bound": (0, 1, 2, 3, 5, 10, 20),
    "wait_for": (1, 2, 3, 4, 6, 8),
    "period": (1, 2, 4, 8, 16, 32),
    "accumulate": (1, 2, 4, 8, 16),
}
"""Keys of a link that can be an axis, with values to start from."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of every cell: a column of `sweep`'s table (or nothing: which policy is fastest)."""

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


def axes_for(scenario: Scenario, policies: Sequence[Policy]) -> list[str]:
    """The keys of the axes that this scenario and these policies have."""
    known, names = parameters(scenario, policies), parameters_of(scenario)
    return [key for key in AXES if names.get(key) in known]


def values_from(key: str, text: str) -> tuple:
    """The values of an axis from text such as "1, 2, 4", its own where there is none.

    Raises ScenarioError for what is not 1 to 40 different numbers.
    """
    if not text.strip():
        return AXES[key]
    parts = text[:1000].replace(";", ",").split(",")
    try:
        numbers = [real(f"values of {key}", float(part), -1e12, 1e12) for part in parts if part.strip()]
    except ValueError as error:
        raise ScenarioError(f"values of {key}: {shown(text)} are not numbers with commas between.") from error
    if not 1 <= len(set(numbers)) == len(numbers) <= MOST_VALUES:
        raise ScenarioError(f"values of {key}: {shown(text)} are not 1 to {MOST_VALUES} different numbers.")
    whole = isinstance(AXES[key][0], int)
    return tuple(sorted(int(number) if whole and number.is_integer() else number for number in numbers))


def winners(table: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """The fastest policy of every cell: its row of `sweep`'s table, and whether its lead is decided."""
    good = table[table["refused"] == ""]
    best = good.loc[good.groupby(list(axes), sort=False)["epoch_ms"].idxmin()]
    return best.assign(decided=(best["lead_low"] > 1) | best["lead"].isna())


def answers(table: pd.DataFrame, question: Question, policy: str) -> pd.DataFrame:
    """One policy's rows with value, low and high as the question asks, and whether an interval leaves 1 out."""
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


def target_rows(scenario: Scenario, cell: dict, policies: Sequence[Policy], problem: Problem) -> list[dict]:
    """Rows of one cell as `sweep` makes them, from real training: time_to_target_ms and speedup, with their ranges."""
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
            "time_to_target_ms": at.time_to_target_ms,
            "time_to_target_ms_low": at.time_low_ms,
            "time_to_target_ms_high": at.time_high_ms,
            "speedup": at.speedup,
            "speedup_low": at.speedup_low,
            "speedup_high": at.speedup_high,
        }
        for policy, at in zip(policies, table.itertuples(), strict=True)
    ]


def break_even(values: np.ndarray) -> pd.DataFrame:
    """Edges between neighbouring cells on different sides of 1: x, y, x2, y2 in cells, from an array (y, x).

    NaN, and 1 itself, are on neither side.
    """
    side = np.sign(np.where(np.isnan(values), 0, values - 1))
    rows, columns = np.nonzero(side[:, :-1] * side[:, 1:] < 0)
    upright = np.stack([columns + 1, rows, columns + 1, rows + 1])
    rows, columns = np.nonzero(side[:-1] * side[1:] < 0)
    level = np.stack([columns, rows + 1, columns + 1, rows + 1])
    return pd.DataFrame(np.concatenate([upright, level], axis=1).T, columns=["x", "y", "x2", "y2"])
