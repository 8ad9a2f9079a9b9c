"""What a map says, in words."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.common.wording import counted, listed, lowered, percent, rounded, times
from core.maps import Question, winners


def fastest_headline(table: pd.DataFrame, axes: Sequence[str]) -> str:
    """Which policy wins where."""
    best = winners(table, axes)
    counts = best["policy"].value_counts()
    if len(counts) == 1:
        return f"{counts.index[0]} is fastest everywhere on this map."
    said = [f"{policy if i == 0 else lowered(policy)} in {count:,}" for i, (policy, count) in enumerate(counts.items())]
    return f"Fastest of {counted(len(best), 'cell')}: {listed(said)}."


def speedup_headline(rows: pd.DataFrame, policy: str, baseline: str) -> str:
    """Where a policy is faster than the baseline."""
    faster = (rows["value"] > 1) & rows["decided"]
    slower = (rows["value"] < 1) & rows["decided"]
    cells, open_ones = len(rows), int((~rows["decided"]).sum())
    text = f"{policy} is faster than {lowered(baseline)} in {faster.sum():,} of {counted(cells, 'cell')}"
    if slower.any():
        text += f", slower in {slower.sum():,}"
    return f"{text}; {open_ones:,} too close to call." if open_ones else f"{text}."


def amount_headline(rows: pd.DataFrame, question: Question, policy: str, axes: Sequence[str]) -> str:
    """From where to where an amount goes."""
    if rows["value"].isna().all():
        return f"{question.label} of {lowered(policy)}: reached nowhere on this map."
    low, high = rows.loc[rows["value"].idxmin()], rows.loc[rows["value"].idxmax()]
    return (
        f"{question.label} of {lowered(policy)} goes from {amount(low['value'], question)} to "
        f"{amount(high['value'], question)}."
    )


def scaling_headline(table: pd.DataFrame) -> str:
    """How much of ideal scaling is left with the most workers, for the best and the worst policy."""
    most = table[table["workers"] == table["workers"].max()]
    share = most.set_index("policy")["utilization_percent"].sort_values(ascending=False)
    text = f"With {counted(int(most['workers'].iloc[0]), 'worker')}, {lowered(share.index[0])} runs at "
    text += f"{percent(share.iloc[0])} of ideal scaling"
    return f"{text}, {lowered(share.index[-1])} at {percent(share.iloc[-1])}." if len(share) > 1 else f"{text}."


def lines_headline(table: pd.DataFrame, question: Question, axis: str) -> str:
    """Who is ahead at either end of a line chart."""
    said = []
    for place in (table[axis].min(), table[axis].max()):
        here = table[table[axis] == place].set_index("policy")[question.column].dropna() * question.scale
        if question.column == "speedup":
            here = here.drop(table["policy"].iloc[0], errors="ignore")
        if here.empty:
            continue
        parts = [f"{lowered(policy)} {amount(value, question)}" for policy, value in here.items()]
        said.append(f"at {place:,g}: {listed(parts)}")
    return f"{question.label} {'; '.join(said)}." if said else f"{question.label}: reached nowhere."


def amount(value: float, question: Question) -> str:
    """A value with its unit."""
    if np.isnan(value):
        return "never"
    if question.unit == "×":
        return times(value)
    return percent(value) if question.unit == "%" else f"{rounded(value)}\N{NO-BREAK SPACE}{question.unit}"


def refusals(table: pd.DataFrame) -> list[str]:
    """Why cells have no figures: each reason once, with how many rows it is about."""
    counts = table.loc[table["refused"] != "", "refused"].value_counts()
    return [f"{counted(count, 'row')} left out. {why}" for why, count in counts.items()]
