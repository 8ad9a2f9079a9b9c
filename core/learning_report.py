"""How policies learn, in words and in tables to read."""

import numpy as np
import pandas as pd

from core.learning import Learning
from core.words import counted, duration, lowered, percent, rounded, times

GRID_POINTS = 120


def goal_in_words(learning: Learning) -> str:
    """90 % accuracy; a loss of 0.05."""
    if learning.goal == "accuracy":
        return f"{100 * learning.target:g}\N{NO-BREAK SPACE}% accuracy"
    return f"a loss of {rounded(learning.target)}"


def headline(learning: Learning) -> str:
    """Which policy reaches the target first, and how surely."""
    goal, table = goal_in_words(learning), learning.policies.set_index("policy")
    baseline = table.index[0]
    if table["time_to_target_ms"].isna().all():
        return f"No policy reaches {goal} on these samples."
    best = table["time_to_target_ms"].idxmin()
    if len(table) == 1:
        return f"{best} reaches {goal} in {duration(table.loc[best, 'time_to_target_ms'])}."
    if best == baseline:
        rival = table["time_to_target_ms"].drop(baseline).idxmin() if table["speedup"].drop(baseline).any() else None
        if rival is None:
            return f"Only {lowered(baseline)} reaches {goal}."
        gain = 1 / table.loc[rival, ["speedup", "speedup_low", "speedup_high"]]
        return sooner(baseline, gain["speedup"], gain["speedup_high"], gain["speedup_low"], goal, rival)
    if np.isnan(table.loc[best, "speedup"]):
        return f"{best} reaches {goal}, {lowered(baseline)} does not in every run."
    return sooner(best, *table.loc[best, ["speedup", "speedup_low", "speedup_high"]], goal, baseline)


def sooner(best: str, middle: float, low: float, high: float, goal: str, other: str) -> str:
    """How much sooner one policy gets there, or that the runs do not tell."""
    if low < 1 < high:
        return f"{best} or {lowered(other)}: too close to call which reaches {goal} first."
    return f"{best} reaches {goal} {times(middle)} sooner than {lowered(other)}."


def reasons(learning: Learning) -> str:
    """What each policy beside the first gains in speed, what is left of it, and at which learning rate."""
    table = learning.policies.set_index("policy")
    first, said = table.iloc[0], []
    for policy, at in table.iloc[1:].iterrows():
        text = f"{policy} processes the same samples {times(first['epoch_ms'] / at['epoch_ms'])} as fast"
        if np.isnan(at["speedup"]):
            said.append(f"{text}, but {reached(learning, policy)}.")
            continue
        text += f" and reaches {goal_in_words(learning)} {times(at['speedup'])} as soon"
        if at["speedup_low"] < at["speedup_high"]:
            text += f" (between {times(at['speedup_low'])} and {times(at['speedup_high'])} over the seeds)"
        said.append(f"{text}, {rate_in_words(at['learning_rate'] / first['learning_rate'])}.")
    stale = table["mean_staleness"].idxmax()
    if table.loc[stale, "mean_staleness"] >= 0.05:
        said.append(
            f"Its gradients are {table.loc[stale, 'mean_staleness']:.1f} updates stale.".replace("Its", stale + "'s")
        )
    edges = [lowered(policy) for policy, at in table.iterrows() if at["at_edge"] == True]  # noqa: E712 - NaN where no rate worked
    if edges:
        said.append(
            f"The best learning rate of {' and '.join(edges)} is at the edge of the grid; a better one may exist."
        )
    return " ".join(said)


def rate_in_words(ratio: float) -> str:
    """At a learning rate 4 times smaller."""
    if ratio == 1:
        return "at the same learning rate"
    size = "larger" if ratio > 1 else "smaller"
    return f"at a learning rate {rounded(max(ratio, 1 / ratio))} times {size}"


def reached(learning: Learning, policy: str) -> str:
    """In how many runs a policy reached the target."""
    count, runs = learning.policies.set_index("policy").loc[policy, "reached"], learning.runs["run"].nunique()
    return f"reaches {goal_in_words(learning)} in {int(count) if count == count else 0} of {counted(runs, 'run')}"


def targets(learning: Learning) -> pd.DataFrame:
    """Time to the target: a row a policy, medians, and in brackets the range over the seeds."""
    runs = learning.runs["run"].nunique()

    def ranged(middle, low, high, scale=1.0):
        return (
            f"{rounded(middle * scale)} ({rounded(low * scale)} – {rounded(high * scale)})" if middle == middle else "–"
        )

    return pd.DataFrame(
        {
            "Policy": at.policy,
            f"Time to {goal_in_words(learning)} (s)": ranged(
                at.time_to_target_ms, at.time_low_ms, at.time_high_ms, 1e-3
            ),
            "Sooner (×)": ranged(at.speedup, at.speedup_low, at.speedup_high) if at.Index else "baseline",
            "Reached": f"{int(at.reached) if at.reached == at.reached else 0} of {runs}",
            "Rate": at.learning_rate,
            "All samples (s)": round(at.epoch_ms / 1000, 2),
            "Updates": round(at.updates),
            "Gradients each": round(at.gradients_per_update, 2),
            "Staleness": round(at.mean_staleness, 2),
        }
        for at in learning.policies.itertuples()
    )


def bands(learning: Learning, against: str, measure: str) -> pd.DataFrame:
    """Each policy at its best learning rate: policy, x, middle, low and high over the runs.

    against: time_s or samples. Runs reach a number of samples at different times: each is read off at common times.
    """
    best = learning.runs[["policy", "learning_rate"]].drop_duplicates()
    tables = []
    for policy, curves in learning.curves.merge(best).groupby("policy", sort=False):
        runs = [run for _, run in curves.groupby("run")]
        if against == "samples":
            x = runs[0]["samples"].to_numpy(float)
            values = np.stack([run[measure] for run in runs])
        else:
            x = np.linspace(0, np.median([run["time_ms"].iloc[-1] for run in runs]), GRID_POINTS)
            values = np.stack([np.interp(x, run["time_ms"], run[measure]) for run in runs])
            x = x / 1000
        scale = 100 if measure == "accuracy" else 1
        whole = np.isfinite(values).all(axis=0)
        middle, low, high = (scale * f(values[:, whole], axis=0) for f in (np.median, np.min, np.max))
        tables.append(pd.DataFrame({"policy": policy, "x": x[whole], "middle": middle, "low": low, "high": high}))
    none = pd.DataFrame(columns=["policy", "x", "middle", "low", "high"])
    return pd.concat(tables, ignore_index=True) if tables else none


def curves_in_words(learning: Learning) -> str:
    """What the learning curves show, for people who cannot see them."""
    final = bands(learning, "samples", learning.goal).groupby("policy", sort=False).last()
    unit = percent if learning.goal == "accuracy" else rounded
    said = [
        f"{policy} ends at {unit(at.middle)} ({unit(at.low)} to {unit(at.high)})" for policy, at in final.iterrows()
    ]
    return f"Learning curves of {learning.goal}. {'; '.join(said)}. {headline(learning)}"


def rates_in_words(learning: Learning) -> str:
    """How sensitive policies are to the learning rate, for people who cannot see the chart."""
    said = []
    for policy, rates in learning.rates.groupby("policy", sort=False):
        there = rates.loc[rates["time_to_target_ms"].notna(), "learning_rate"]
        span = f"from {there.min():g} to {there.max():g}" if len(there) else "at none"
        said.append(f"{policy} reaches the target in most runs at learning rates {span}")
    return f"Sensitivity to the learning rate. {'; '.join(said)}."
