"""How policies learn, in words and in tables to read."""

import numpy as np
import pandas as pd

from core.common.validation import MAX_WORKERS
from core.common.wording import counted, duration, listed, lowered, percent, rounded, times
from core.learning.experiment import ENOUGH_EACH, Learning, geometric_mean, most_workers
from core.learning.problem import Problem
from core.learning.registry import PROBLEMS

GRID_POINTS = 120
SAME = 5e-4


def goal_in_words(learning: Learning) -> str:
    """90 % accuracy; a loss of 0.05."""
    if learning.goal == "accuracy":
        return f"{100 * learning.target:g}\N{NO-BREAK SPACE}% accuracy"
    return f"a loss of {rounded(learning.target)}"


def runs_of(learning: Learning) -> int:
    """In how many runs every policy was trained."""
    return learning.curves["run"].nunique()


def headline(learning: Learning) -> str:
    """Which policy reaches the target first, how much sooner, between which values, or that the runs do not tell."""
    goal, table = goal_in_words(learning), learning.policies.set_index("policy")
    baseline, late = table.index[0], table["time_to_target_ms"].isna()
    if late.all():
        return f"No policy reaches {goal}{in_every_run(table['reached'].sum())}."
    best = table["time_to_target_ms"].idxmin()
    if len(table) == 1:
        return f"{best} reaches {goal} in {duration(table.loc[best, 'time_to_target_ms'])}."
    if late.sum() == len(table) - 1:
        return f"Only {lowered(best)} reaches {goal}{in_every_run(table['reached'].drop(best).sum())}."
    if late[baseline]:
        some = in_every_run(table.loc[baseline, "reached"])
        level = [lowered(p) for p in table.index[~late] if p != best and undecided(gains(learning, best, p))]
        if level:
            first = f"{listed([best, *level], 'or')}: too close to call which reaches {goal} first"
        else:
            first = f"{best} reaches {goal} first"
        return f"{first}; {lowered(baseline)} does not{some}."
    other = baseline if best != baseline else table["time_to_target_ms"].drop(baseline).idxmin()
    gain, runs = gains(learning, best, other), runs_of(learning)
    spread = f" ({times(gain.min())} to {times(gain.max())} in {counted(runs, 'run')})" if runs > 1 else " (one run)"
    level = [lowered(p) for p in table.index[~late] if p not in (best, other) and undecided(gains(learning, best, p))]
    if undecided(gain):
        all_of_them = listed([best, *level, lowered(other)], "or")
        return f"{all_of_them}: too close to call which reaches {goal} first{spread}."
    text = f"{best} reaches {goal} {times(geometric_mean(gain))} sooner than {lowered(other)}{spread}"
    return f"{text}; too close to call against {listed(level)}." if level else f"{text}."


def in_every_run(reached: float) -> str:
    """What others do not, where some of their runs do."""
    return " in every run" if reached > 0 else ""


def gains(learning: Learning, policy: str, other: str) -> pd.Series:
    """How many times sooner a policy reaches the target than another, run by run."""
    reached = learning.runs.pivot(index="run", columns="policy", values="time_to_target_ms")
    return (reached[other] / reached[policy]).where(reached[other] != reached[policy], 1.0)


def undecided(gain: pd.Series) -> bool:
    """Whether the range over the runs contains 1, or what is shown as 1.000×."""
    return bool(gain.min() < 1 + SAME and gain.max() > 1 - SAME)


def reasons(learning: Learning) -> str:
    """What each policy beside the first gains in speed, what is left of it, and at which learning rate."""
    table = learning.policies.set_index("policy")
    first, said = table.iloc[0], []
    for policy, row in table.iloc[1:].iterrows():
        text = f"{policy} processes the same samples {times(first['epoch_ms'] / row['epoch_ms'])} as fast"
        if np.isnan(row["speedup"]):
            but = "and" if row["time_to_target_ms"] > 0 else "but"
            said.append(f"{text}, {but} {happening(learning, row)}.")
            continue
        text += f" and reaches {goal_in_words(learning)} {times(row['speedup'])} as soon"
        if row["speedup_low"] < row["speedup_high"]:
            text += f" (between {times(row['speedup_low'])} and {times(row['speedup_high'])} over the runs)"
        said.append(f"{text}, {rate_in_words(row['learning_rate'] / first['learning_rate'])}.")
    if np.isnan(first["time_to_target_ms"]):
        said.append(f"Under {lowered(table.index[0])}, {happening(learning, first)}.")
    stale = table["mean_staleness"].idxmax()
    if table.loc[stale, "mean_staleness"] >= 0.05:
        said.append(f"Under {lowered(stale)}, gradients are {table.loc[stale, 'mean_staleness']:.1f} updates stale.")
    edges = [lowered(policy) for policy, row in table.iterrows() if row["at_edge"] == True]  # noqa: E712 - NaN where no rate worked
    if edges:
        said.append(f"The best learning rate of {listed(edges)} is at the edge of the grid; a better one may exist.")
    return " ".join(said)


def advice(learning: Learning, workers: int, problem: Problem) -> str:
    """What to do where a policy does not reach the target in every run; nothing where all do."""
    table = learning.policies
    if table["time_to_target_ms"].notna().all():
        return ""
    pinned = not learning.rates["policy"].duplicated().any()
    if pinned and learning.rates[["diverged", "stuck"]].any(axis=None):
        return "At this learning rate runs diverge or get stuck: choose a smaller one, or **best**."
    enough = most_workers(problem, ENOUGH_EACH)
    if workers > enough:
        return (
            f"{counted(workers, 'worker')} have {most_workers(problem, 1) // workers} mini-batches each in the time "
            f"that there is, where {ENOUGH_EACH} are usually enough: choose at most {counted(enough, 'worker')}, or "
            f"another problem.{rooms(ENOUGH_EACH, problem)}"
        )
    if pinned:
        return "Choose another learning rate, or **best**."
    return (
        "Another problem may be easier to learn, and a fresher policy too; in Python, `learn` takes more `gradients`."
    )


def rooms(each: int, but: Problem) -> str:
    """How many workers the other problems take with so many mini-batches each."""
    said = [
        f"{problem.what} takes up to {min(MAX_WORKERS, most_workers(problem, each)):,}"
        for problem in PROBLEMS.values()
        if most_workers(problem, each) > most_workers(but, each)
    ]
    return f" {listed(said)[0].upper()}{listed(said)[1:]}." if said else ""


def rate_in_words(ratio: float) -> str:
    """At a learning rate 4 times smaller."""
    if ratio == 1:
        return "at the same learning rate"
    size = "larger" if ratio > 1 else "smaller"
    return f"at a learning rate {rounded(max(ratio, 1 / ratio))} times {size}"


def happens(row: pd.Series, runs: int) -> str:
    """What the runs at a learning rate do: all reach it; 3 reach it, 1 gets stuck and 1 falls short."""
    counts = [0 if np.isnan(row[name]) else int(row[name]) for name in ("reached", "diverged", "stuck")]
    if np.isnan(row["reached"]):  # no rate worked
        counts[1] = runs
    verbs = (
        ("reaches it", "reach it"),
        ("diverges", "diverge"),
        ("gets stuck", "get stuck"),
        ("falls short", "fall short"),
    )
    said = [
        f"{one if runs == 1 else f'all {many}' if count == runs else f'{count} {many if count > 1 else one}'}"
        for count, (one, many) in zip([*counts, runs - sum(counts)], verbs, strict=True)
        if count
    ]
    return listed(said)


def happening(learning: Learning, row: pd.Series) -> str:
    """Of 5 runs all reach it; its one run falls short."""
    runs = runs_of(learning)
    return f"{f'of {runs} runs' if runs > 1 else 'its one run'} {happens(row, runs)}"


def targets(learning: Learning) -> pd.DataFrame:
    """Time to the target: a row a policy, means (geometric), and in brackets the range over the runs."""
    runs = runs_of(learning)

    def ranged(middle: float, low: float, high: float, scale: float = 1.0) -> str:
        if np.isnan(middle):
            return "–"
        spread = f" ({rounded(low * scale)} – {rounded(high * scale)})" if low < high else ""
        return f"{rounded(middle * scale)}{spread}"

    return pd.DataFrame(
        {
            "Policy": row["policy"],
            f"Time to {goal_in_words(learning)} (s)": ranged(
                row["time_to_target_ms"], row["time_low_ms"], row["time_high_ms"], 1e-3
            ),
            "Sooner (×)": ranged(row["speedup"], row["speedup_low"], row["speedup_high"]) if number else "baseline",
            f"Of {counted(runs, 'run')}": happens(row, runs),
            "Learning rate": row["learning_rate"],
            "All samples (s)": round(row["epoch_ms"] / 1000, 2),
            "Updates": round(row["updates"]),
            "Gradients each": round(row["gradients_per_update"], 2),
            "Staleness": round(row["mean_staleness"], 2),
        }
        for number, row in learning.policies.iterrows()
    )


def all_rates(learning: Learning) -> pd.DataFrame:
    """Every learning rate of every policy, and what happens there: a table to read."""
    rates, runs = learning.rates, runs_of(learning)
    return pd.DataFrame(
        {
            "Policy": rates["policy"],
            "Learning rate": rates["learning_rate"],
            f"Of {counted(runs, 'run')}": [happens(row, runs) for _, row in rates.iterrows()],
            f"Mean time to {goal_in_words(learning)} (s)": (rates["time_to_target_ms"] / 1000).round(2),
            "Median loss at the end": rates["final_loss"].round(4),
            "Judged by": rates["best"],
        }
    )


def sensitivity(learning: Learning) -> pd.DataFrame:
    """What to draw of each learning rate: policy, learning_rate, final_loss, time_s, happens, lost (any run), best."""
    rates, runs = learning.rates, runs_of(learning)
    return pd.DataFrame(
        {
            **rates[["policy", "learning_rate", "final_loss", "best"]],
            "time_s": rates["time_to_target_ms"] / 1000,
            "happens": [happens(row, runs) for _, row in rates.iterrows()],
            "lost": rates["diverged"] + rates["stuck"] > 0,
        }
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
    table = learning.policies.set_index("policy")
    said = [
        f"{name} ends at {unit(end.middle)} ({unit(end.low)} to {unit(end.high)}); "
        f"{happening(learning, table.loc[name])}"
        for name, end in final.iterrows()
    ]
    return f"Learning curves of {learning.goal}. {'. '.join(said)}. {headline(learning)}"


def rates_in_words(learning: Learning) -> str:
    """How sensitive policies are to the learning rate, for people who cannot see the chart."""
    said = []
    for policy, rates in learning.rates.groupby("policy", sort=False):
        there = rates.loc[rates["time_to_target_ms"].notna(), "learning_rate"]
        span = f"learning rates from {there.min():g} to {there.max():g}" if len(there) else "no learning rate"
        lost = rates.loc[rates["diverged"] + rates["stuck"] > 0, "learning_rate"]
        beyond = f", and runs diverge or get stuck from {lost.min():g} on" if len(lost) else ""
        said.append(f"{policy} reaches the target in every run at {span}{beyond}")
    return f"Sensitivity to the learning rate. {'; '.join(said)}."
