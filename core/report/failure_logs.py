"""A log of failures in words and tables: how often workers fail, and which recovery loses least."""

import math

import pandas as pd

from core.common.wording import counted, duration, lowered, percent, rounded
from core.traces.failures import FailureLog


def log_in_words(log: FailureLog) -> str:
    """How often workers fail, how long they are down, and whether failures come at random."""
    if math.isinf(log.mtbf_high):
        return f"No failure in {rounded(log.observed_hours)} hours."
    seen = rounded(log.observed_hours)
    text = (
        f"{counted(log.failures, 'failure')} of {counted(log.workers, 'worker')} in {seen} hours: "
        f"one worker fails every {rounded(log.mtbf_hours)} hours (95 % range: {rounded(log.mtbf_low)} to "
        f"{rounded(log.mtbf_high)})"
    )
    if not math.isnan(log.restart_s):
        ends = f"{duration(1000 * log.restart_low)} to {duration(1000 * log.restart_high)}"
        text += f", and is back after {duration(1000 * log.restart_s)} on average ({ends})"
    law = {
        None: "Too few to tell whether they come at random.",
        True: "The times between them vary as they would for random failures, which is what the simulation assumes.",
        False: "The times between them do not vary as they would for random failures, which is what the simulation "
        "assumes: its figures are only a guide.",
    }[log.exponential]
    out = f" {counted(log.left_out, 'row')} left out." if log.left_out else ""
    return f"{text}. {law}{out}"


def recoveries_in_words(table: pd.DataFrame, step_ms: float) -> str:
    """Which recovery leaves most of the time for work, and which checkpoint interval does.

    Args:
        table: of `recoveries`, the best first.
        step_ms: time of a step without failures, ms.

    """
    first, saves = table.iloc[0], table[table["checkpoint_batches"] > 0]
    best = f"{recovery_name(first, step_ms)} loses least: {useful_in_words(first)} of the time is left for work"
    other = saves.iloc[0] if first["recovery"] == "elastic" else table[table["recovery"] == "elastic"].iloc[0]
    return f"{best}; with {lowered(recovery_name(other, step_ms))} it is {useful_in_words(other)}."


def recovery_name(row: pd.Series, step_ms: float) -> str:
    """What a row of `recoveries` is about: An elastic group; A checkpoint every 34 steps (340 s of work)."""
    if row["recovery"] == "elastic":
        return "An elastic group"
    steps = int(row["checkpoint_batches"])
    every = counted(steps, "step") if steps > 1 else "step"
    return f"A checkpoint every {every} ({duration(steps * step_ms)} of work)"


def useful_in_words(row: pd.Series) -> str:
    """How much of the time is left, and between which values it lies by the range of the failure rate."""
    return f"{percent(row['useful_percent'])} ({row['low_percent']:.1f} to {percent(row['high_percent'])})"


def recoveries_table(table: pd.DataFrame, step_ms: float) -> pd.DataFrame:
    """What `recoveries` found, as people read it."""
    rows = [row for _, row in table.iterrows()]
    return pd.DataFrame(
        {
            "Recovery": [recovery_name(row, step_ms) for row in rows],
            "Left for work (%)": [f"{row['useful_percent']:.1f}" for row in rows],
            "Range (%)": [f"{row['low_percent']:.1f} to {row['high_percent']:.1f}" for row in rows],
        }
    )
