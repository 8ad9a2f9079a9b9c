"""How policies learn, in words and in tables to read."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.common.validation import MAX_WORKERS
from core.common.wording import counted, duration, listed, lowered, money, percent, rounded, times
from core.learning.experiment import ENOUGH_EACH, most_workers
from core.learning.judging import Learning, geometric_mean
from core.learning.optimizers import SETTINGS, Optimizer
from core.learning.problem import Problem
from core.learning.registry import PROBLEMS
from core.money import Prices, cost_of_time
from core.policies.base import Policy
from core.report.money import cost_to_target_in_words
from core.report.verdicts import ends
from core.statistics.verdicts import NO_DIFFERENCE, Ratio
from core.workload.workload import Workload

GRID_POINTS = 120
FEW = 4  # policies, of each of which there is a sentence
MANY = 1_000  # seeds, above which nobody waits for them
WITHIN = f"to within {100 * NO_DIFFERENCE:g}\N{NO-BREAK SPACE}%"


def goal_in_words(learning: Learning) -> str:
    """90 % accuracy; a loss of 0.05."""
    if learning.goal == "accuracy":
        return f"{100 * learning.target:g}\N{NO-BREAK SPACE}% accuracy"
    return f"a loss of {rounded(learning.target)}"


def seeds_of(learning: Learning) -> int:
    """How many seeds every policy is judged by."""
    return int(learning.policies["of"].max())


def headline(learning: Learning) -> str:
    """Which policy reaches the target first, how much sooner and how surely; in how many seeds, where not in all."""
    goal, table = goal_in_words(learning), learning.policies.set_index("policy")
    sure = in_every_seed(learning)
    others = [policy for policy in table.index if policy not in sure]
    if not sure:
        return nobody_is_sure(learning)
    first, seeds = sure[0], seeds_of(learning)
    time = duration(table.loc[first, "time_to_target_ms"])
    if len(sure) == 1:
        if not others:
            return f"{first} reaches {goal} in {time}{f', the mean of {seeds} seeds' if seeds > 1 else ''}."
        return f"Only {lowered(first)} reaches {goal} in {all_of(seeds)}, after {time}; {reached_by(learning, others)}."
    second = table.index[0] if table.index[0] in sure[1:] else sure[1]
    said = [first_against(learning, first, second)]
    rest = [other for other in sure[1:] if other != second]
    if len(table) > FEW:
        return f"{'; '.join([*said, *together(learning, first, rest, others)])}."
    said += [beside(learning, first, other) for other in rest]
    if others:
        said.append(reached_by(learning, others))
    return f"{'; '.join(part for part in said if part)}."


def in_every_seed(learning: Learning) -> list[str]:
    """The policies that reach the target in every seed, the soonest first."""
    table = learning.policies
    return table[table["reached"] == table["of"]].sort_values("time_to_target_ms", kind="stable")["policy"].tolist()


def nobody_is_sure(learning: Learning) -> str:
    """What is said where no policy reaches the target in every seed."""
    goal, seeds, table = goal_in_words(learning), seeds_of(learning), learning.policies
    who = f"{table['policy'].iloc[0]} does not reach" if len(table) == 1 else "No policy reaches"
    if seeds == 1:
        return f"{who} {goal}."
    if not table["reached"].any():
        return f"{who} {goal} in any of {seeds} seeds."
    if len(table) == 1:
        return f"{table['policy'].iloc[0]} reaches {goal} in {table['reached'].iloc[0]} of {seeds} seeds."
    return f"{who} {goal} in {all_of(seeds)}: {reached_by(learning, table['policy'].tolist())}."


def reached_by(learning: Learning, policies: Sequence[str]) -> str:
    """In how many seeds these policies reach the target, none of them in all: synchronous does in 3 of 5."""
    table, seeds = learning.policies.set_index("policy"), seeds_of(learning)
    if seeds == 1:
        return f"{listed([lowered(policy) for policy in policies])} {'does' if len(policies) == 1 else 'do'} not"
    counts = [int(table.loc[policy, "reached"]) or "none" for policy in policies]
    said = [f"{lowered(policy)} in {count} of {seeds}" for policy, count in zip(policies, counts, strict=True)]
    said[0] = f"{lowered(policies[0])} does in {counts[0]} of {seeds}"
    return listed(said)


def first_against(learning: Learning, first: str, second: str) -> str:
    """How much sooner the first policy reaches the target than another one, and whether that is more than chance."""
    goal, ratio = goal_in_words(learning), learning.ratios[second, first]
    shown = f"{times(ratio.value)}, {interval_in_words(ratio)}"
    if ratio.outcome == "equal":
        return f"{first} and {lowered(second)} reach {goal} equally soon, {WITHIN} ({shown})"
    if ratio.outcome == "open":
        level = times(ratio.value) == times(1)
        return (
            f"Whether {lowered(first)} or {lowered(second)} reaches {goal} sooner is open: "
            f"{'they are level' if level else f'{lowered(first)} is ahead'} ({shown}), and {what_would_decide(ratio)}"
        )
    sooner = f"{times(ratio.value)} sooner than {lowered(second)} ({interval_in_words(ratio)})"
    text = f"{first} reaches the target ({goal}) {sooner}"
    return f"{text}, which makes no practical difference" if ratio.value < 1 + NO_DIFFERENCE else text


def beside(learning: Learning, first: str, other: str) -> str:
    """What the headline adds about a policy that may be as soon as the first; nothing where it is decided."""
    ratio = learning.ratios[other, first]
    shown = f"({times(ratio.value)}, {interval_in_words(ratio)})"
    if ratio.outcome == "open":
        return f"whether {lowered(first)} is sooner than {lowered(other)} is open {shown}"
    return f"{lowered(other)} is as soon as {lowered(first)}, {WITHIN} {shown}" if ratio.outcome == "equal" else ""


def together(learning: Learning, first: str, sure: Sequence[str], others: Sequence[str]) -> list[str]:
    """What a headline about many policies adds: who may be as soon as the first, and how many miss the target."""
    open_ones = [lowered(policy) for policy in sure if learning.ratios[policy, first].outcome == "open"]
    equal = [lowered(policy) for policy in sure if learning.ratios[policy, first].outcome == "equal"]
    said = [f"whether it is sooner than {listed(some(open_ones), 'or')} is open"] if open_ones else []
    said += [f"{listed(some(equal))} {'is' if len(equal) == 1 else 'are'} as soon, {WITHIN}"] if equal else []
    if others:
        verb = "does" if len(others) == 1 else "do"
        said.append(
            f"{listed(some([lowered(policy) for policy in others]))} {verb} not in {all_of(seeds_of(learning))}"
        )
    return said


def some(names: list[str]) -> list[str]:
    """The names, or of more than two how many they are."""
    return names if len(names) <= 2 else [f"{len(names)} other policies"]


def all_of(seeds: int) -> str:
    """All 5 seeds; both seeds; the one seed."""
    return {1: "the one seed", 2: "both seeds"}.get(seeds, f"all {seeds} seeds")


def interval_in_words(ratio: Ratio) -> str:
    """Between 1.19× and 1.83×, 5 seeds."""
    if ratio.runs == 1:
        return "one seed"
    if math.isnan(ratio.low):
        return f"{ratio.runs} seeds, which differ too much for an interval"
    if ratio.low == ratio.high:
        return f"the same in {all_of(ratio.runs)}"
    both = ends(ratio.low, ratio.high)
    return f"between {' and '.join(both)}, {ratio.runs} seeds" if both[1:] else f"{both[0]} in {all_of(ratio.runs)}"


def what_would_decide(ratio: Ratio) -> str:
    """At least 9 more seeds would be needed: so many decide only if the ratio stays what it is."""
    if ratio.runs_to_decide is None:
        return "one seed decides nothing"
    more = ratio.runs_to_decide - ratio.runs
    if more > MANY:
        return f"{MANY:,} more seeds would not decide"
    return f"at least {counted(more, 'more seed')} would be needed to decide"


def reasons(learning: Learning) -> str:
    """What policies gain in speed over the first, what is left of it, and at which learning rate."""
    table = learning.policies.set_index("policy")
    first, said = table.iloc[0], []
    if len(table) > FEW:
        said.append(ends_in_words(table))
    else:
        said += [reason(learning, str(policy), row, first) for policy, row in table.iloc[1:].iterrows()]
        if first["reached"] < first["of"]:
            said.append(f"Under {lowered(str(first.name))}, {happening(first)}.")
    stale = table["mean_staleness"].idxmax()
    if (most := table.loc[stale, "mean_staleness"]) >= 0.05:
        said.append(f"Under {lowered(stale)}, gradients are {most:.1f} updates stale.")
    edges = [lowered(policy) for policy, row in table.iterrows() if row["at_edge"]]
    if edges:
        end = "is at the end of the range that was tried; a better one may exist"
        said.append(f"The best learning rate of {listed(edges)} {end}.")
    return " ".join(said)


def reason(learning: Learning, policy: str, row: pd.Series, first: pd.Series) -> str:
    """What one policy gains in speed over the first, what is left of it, and at which learning rate."""
    text = f"{policy} gets through the same samples {compared(first['epoch_ms'] / row['epoch_ms'], 'faster', 'slower')}"
    ratio = learning.ratios.get((str(first.name), policy))
    if ratio is None:
        but = "and" if row["reached"] == row["of"] else "but"
        return f"{text}, {but} {happening(row)}."
    shown = interval_in_words(ratio if ratio.value >= 1 else ratio.inverse)
    sooner = compared(ratio.value, "sooner", "later")
    if ratio.outcome == "open":
        text += f"; whether it reaches the target sooner or later is open (so far {sooner}, {shown})"
    elif ratio.outcome == "equal":
        text += f" and reaches the target equally soon, {WITHIN} ({sooner}, {shown})"
    else:
        slight = ", no practical difference" if max(ratio.value, 1 / ratio.value) < 1 + NO_DIFFERENCE else ""
        text += f" and reaches the target {sooner} ({shown}{slight})"
    return f"{text}, {rate_in_words(row['learning_rate'] / first['learning_rate'])}."


def compared(ratio: float, more: str, less: str) -> str:
    """1.42× faster; 1.10× slower for its inverse."""
    return f"{times(ratio)} {more}" if ratio >= 1 else f"{times(1 / ratio)} {less}"


def ends_in_words(table: pd.DataFrame) -> str:
    """Who gets through the samples fastest of many policies, and who slowest."""
    epochs = table["epoch_ms"]
    fastest, slowest = epochs.idxmin(), epochs.idxmax()
    if epochs[fastest] == epochs[slowest]:
        return "All policies get through the same samples in the same time."
    return (
        f"{fastest} gets through the same samples fastest, {times(epochs[slowest] / epochs[fastest])} faster than "
        f"{lowered(slowest)}, the slowest. The table has each policy's time to the target."
    )


def advice(learning: Learning, workers: int, problem: Problem) -> str:
    """What to do where a policy does not reach the target in every seed; nothing where all do."""
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
            f"allowed, where {ENOUGH_EACH} are usually enough: choose at most {counted(enough, 'worker')}, or "
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


def happens(row: pd.Series) -> str:
    """What the seeds at a learning rate do: all reach it; 3 reach it, 1 gets stuck and 1 falls short."""
    seeds, counts = int(row["of"]), [int(row[name]) for name in ("reached", "diverged", "stuck")]
    verbs = (
        ("reaches it", "reach it"),
        ("diverges", "diverge"),
        ("gets stuck", "get stuck"),
        ("falls short", "fall short"),
    )
    said = [
        f"{one if seeds == 1 else f'all {many}' if count == seeds else f'{count} {many if count > 1 else one}'}"
        for count, (one, many) in zip([*counts, seeds - sum(counts)], verbs, strict=True)
        if count
    ]
    return listed(said)


def happening(row: pd.Series) -> str:
    """All 5 seeds reach it; of 5 seeds, 4 reach it and 1 falls short; its one seed falls short."""
    said = happens(row)
    if row["of"] == 1:
        return f"its one seed {said}"
    return (
        f"{all_of(row['of'])} {said.removeprefix('all ')}"
        if said.startswith("all ")
        else f"of {row['of']} seeds, {said}"
    )


@dataclass(frozen=True, kw_only=True)
class Spending:
    """What machines cost while policies train.

    Attributes:
        prices: per hour; a worker more than 0.
        workload: whose workers and servers they are.
        policies: those that train.

    """

    prices: Prices
    workload: Workload
    policies: Sequence[Policy]

    def of(self, policy: str, time_ms: float) -> float:
        """What a time costs under a policy, by its label."""
        which = next(each for each in self.policies if each.label == policy)
        return cost_of_time(time_ms, self.workload, which, self.prices)

    def between(self, row: pd.Series) -> str:
        """What it costs a policy until the target is reached, with its range over the seeds."""
        times_ms = (row["time_to_target_ms"], row["time_low_ms"], row["time_high_ms"])
        return ranged(
            lambda value: money(value, self.prices.currency), *(self.of(row["policy"], time) for time in times_ms)
        )

    def in_words(self, learning: Learning) -> str:
        """What it costs each policy until the target is reached; empty where none reaches it in every seed."""
        times_ms = dict(zip(learning.policies["policy"], learning.policies["time_to_target_ms"], strict=True))
        return cost_to_target_in_words(times_ms, self.workload, self.policies, self.prices)


def targets(learning: Learning, spending: Spending | None = None) -> pd.DataFrame:
    """Time to the target, a row for each policy: the geometric mean with its range over the seeds, and the verdict.

    Args:
        learning: the answer.
        spending: what machines cost; None where nothing is said of money.

    """
    known, plain = learning.policies["sent_mb"].notna().any(), Optimizer()
    added = any((learning.policies[name] != getattr(plain, name)).any() for name in SETTINGS)
    return pd.DataFrame(
        {
            "Policy": row["policy"],
            f"Time to {goal_in_words(learning)} (s)": ranged(
                rounded, row["time_to_target_ms"] / 1000, row["time_low_ms"] / 1000, row["time_high_ms"] / 1000
            ),
            **({"Cost to target": spending.between(row)} if spending else {}),
            "Speed-up to target": ranged(times, row["speedup"], row["speedup_low"], row["speedup_high"])
            if number
            else "baseline",
            "Verdict": verdict_in_words(row),
            f"Of {counted(seeds_of(learning), 'seed')}": happens(row),
            "Learning rate": row["learning_rate"],
            **({"Optimizer": optimizer_in_words(row)} if added else {}),
            **({"Each worker sends (MB)": sent_in_words(row["sent_mb"])} if known else {}),
        }
        for number, row in learning.policies.iterrows()
    )


def optimizer_in_words(row: pd.Series) -> str:
    """SGD; SGD, momentum 0.9; SGD, outer rate 0.7, outer momentum 0.9."""
    plain = Optimizer()
    said = [
        f"{name.replace('_', ' ')} {row[name]:g}"
        for name in ("momentum", "outer_rate", "outer_momentum")
        if row[name] != getattr(plain, name)
    ]
    return ", ".join(["SGD", *said, *(["staleness-aware"] if row["staleness_aware"] else [])])


def sent_in_words(sent_mb: float) -> str:
    """What is sent until the target is reached; a dash where it is not, or not known."""
    return "–" if np.isnan(sent_mb) else rounded(sent_mb)


def trainings(learning: Learning) -> pd.DataFrame:
    """What each policy's training consists of, a row for each: its length, its updates, and how stale they are."""
    return pd.DataFrame(
        {
            "Policy": row["policy"],
            "All samples (s)": round(row["epoch_ms"] / 1000, 2),
            "Updates": round(row["updates"]),
            "Gradients per update": update_in_words(row),
            "Mean staleness (updates)": round(row["mean_staleness"], 2),
        }
        for _, row in learning.policies.iterrows()
    )


def ranged(written: Callable[[float], str], middle: float, low: float, high: float) -> str:
    """1.48× (1.19× – 1.83×); a dash where there is no figure, no brackets where there is no range."""
    if np.isnan(middle):
        return "–"
    return f"{written(middle)} ({written(low)} – {written(high)})" if low < high else written(middle)


def verdict_in_words(row: pd.Series) -> str:
    """Decided; equal; open, with how many seeds would decide; a dash where there is nothing to judge."""
    if row["outcome"] == "open" and row["seeds_to_decide"] - row["of"] <= MANY:
        return f"open: at least {counted(int(row['seeds_to_decide'] - row['of']), 'more seed')}"
    return row["outcome"] or "–"


def update_in_words(row: pd.Series) -> str:
    """4; none where parameters are averaged after 4 local steps."""
    if row["local_steps"]:
        return f"averages parameters after {counted(int(row['local_steps']), 'local step')}"
    return rounded(row["gradients_per_update"])


def all_rates(learning: Learning) -> pd.DataFrame:
    """Every learning rate that was tried for every policy, and what happens there: a table to read."""
    rates = learning.rates
    return pd.DataFrame(
        {
            "Policy": rates["policy"],
            "Learning rate": rates["learning_rate"],
            f"Of {counted(int(rates['of'].max()), 'seed')}": [happens(row) for _, row in rates.iterrows()],
            f"Mean time to {goal_in_words(learning)} (s)": (rates["time_to_target_ms"] / 1000).round(2),
            "Median loss at the end": rates["final_loss"].round(4),
            "Chosen": rates["best"],
        }
    )


def sensitivity(learning: Learning) -> pd.DataFrame:
    """What to draw of each learning rate: policy, learning_rate, final_loss, time_s, happens, lost (any seed), best."""
    rates = learning.rates
    return pd.DataFrame(
        {
            **rates[["policy", "learning_rate", "final_loss", "best"]],
            "time_s": rates["time_to_target_ms"] / 1000,
            "happens": [happens(row) for _, row in rates.iterrows()],
            "lost": rates["diverged"] + rates["stuck"] > 0,
        }
    )


def how_it_is_judged(learning: Learning) -> str:
    """What counts as reached, and what the figures of the table are."""
    mean = (
        f"the mean of {learning.window} neighbouring points gets there and stays there to the end; the time is where "
        f"that mean crosses it for the last time"
        if learning.window > 1
        else "a point gets there and all later ones stay there; the time is where the line through them crosses it"
    )
    return (
        f"The target counts as reached where {mean}. Every policy is measured at {counted(learning.points, 'point')}, "
        "evenly spaced over its own updates."
    )


def how_rates_are_chosen(learning: Learning) -> str:
    """On which seeds learning rates are chosen, and on which they are judged."""
    if learning.trials.empty:
        return "The learning rate is given."
    trials, seeds = counted(int(learning.rates["of"].max()), "seed"), counted(seeds_of(learning), "other seed")
    return f"Each policy's learning rate is the one that reaches the target first on {trials}; it is judged on {seeds}."


def is_lost(learning: Learning) -> pd.Series:
    """Of every point of the curves, whether its run diverges or gets stuck."""
    lost = learning.runs.set_index(["policy", "run"])[["diverged", "stuck"]].any(axis=1)
    return pd.Series(lost.loc[pd.MultiIndex.from_frame(learning.curves[["policy", "run"]])].to_numpy())


def smooth(values: np.ndarray, window: int) -> np.ndarray:
    """Means over a window of neighbours, as the target is judged by; over fewer at either end.

    Args:
        values: of the runs, one row each, at the points.
        window: an odd number of points.

    """
    points = values.shape[1]
    sums = np.concatenate([np.zeros((len(values), 1)), values.cumsum(axis=1)], axis=1)
    reach = np.minimum(np.minimum(np.arange(points), points - 1 - np.arange(points)), window // 2)
    low, high = np.arange(points) - reach, np.arange(points) + reach + 1
    return (sums[:, high] - sums[:, low]) / (high - low)


def bands(learning: Learning, against: str, measure: str) -> pd.DataFrame:
    """Each policy at the learning rate chosen for it: policy, x, middle, low and high over the seeds, smoothed.

    Without the runs that diverge or get stuck. Runs reach a number of samples at different times: each is read off at
    common times.

    Args:
        learning: the answer.
        against: time_s or samples.
        measure: accuracy or loss.

    """
    tables = []
    for policy, curves in learning.curves[~is_lost(learning).to_numpy()].groupby("policy", sort=False):
        runs = [run for _, run in curves.groupby("run")]
        values = smooth(np.stack([run[measure].to_numpy(float) for run in runs]), learning.window)
        if against == "samples":
            x = runs[0]["samples"].to_numpy(float)
        else:
            x = np.linspace(0, np.median([run["time_ms"].iloc[-1] for run in runs]), GRID_POINTS)
            values = np.stack([np.interp(x, run["time_ms"], own) for run, own in zip(runs, values, strict=True)])
            x = x / 1000
        middle, low, high = (scale_of(measure) * f(values, axis=0) for f in (np.median, np.min, np.max))
        tables.append(pd.DataFrame({"policy": policy, "x": x, "middle": middle, "low": low, "high": high}))
    none = pd.DataFrame(columns=["policy", "x", "middle", "low", "high"])
    return pd.concat(tables, ignore_index=True) if tables else none


def scale_of(measure: str) -> int:
    """What a measure is multiplied by to be shown: accuracy in percent."""
    return 100 if measure == "accuracy" else 1


def lost_runs(learning: Learning, against: str, measure: str) -> pd.DataFrame:
    """The runs that diverge or get stuck, point by point: policy, run, of (how many), x, value, happens."""
    curves = learning.curves[is_lost(learning).to_numpy()]
    diverged = learning.runs.set_index(["policy", "run"])["diverged"]
    x = curves["samples"].astype(float) if against == "samples" else curves["time_ms"] / 1000
    ends = ["diverges" if diverged[at] else "gets stuck" for at in zip(curves["policy"], curves["run"], strict=True)]
    found = curves[["policy", "run"]].assign(
        of=seeds_of(learning), x=x, value=scale_of(measure) * curves[measure], happens=ends
    )
    return found.dropna(subset=["value"]).reset_index(drop=True)


def how_it_is_drawn(learning: Learning) -> str:
    """How curves are smoothed, and which runs are drawn by themselves; empty where there is nothing to say."""
    said = []
    if learning.window > 1:
        said.append(f"Curves are smoothed as the target is judged: means of {learning.window} neighbouring points.")
    if is_lost(learning).any():
        said.append("Dashed: single runs that get stuck or diverge; they are in no band.")
    if in_every_seed(learning):
        said.append("Diamonds: where a policy reaches the target, on average.")
    return " ".join(said)


def crossings(learning: Learning, against: str) -> pd.DataFrame:
    """Where policies that reach the target in every seed do so, on average (geometric): policy and x."""
    sure, found = in_every_seed(learning), []
    for (policy, number), run in learning.curves.groupby(["policy", "run"], sort=False):
        if policy in sure:
            one = (learning.runs["policy"] == policy) & (learning.runs["run"] == number)
            ms = learning.runs.loc[one, "time_to_target_ms"].item()
            x = ms / 1000 if against == "time_s" else np.interp(ms, run["time_ms"], run["samples"])
            found.append({"policy": policy, "x": x})
    if not found:
        return pd.DataFrame({"policy": [], "x": []})
    return pd.DataFrame(found).groupby("policy", sort=False, as_index=False)["x"].agg(geometric_mean)


def curves_in_words(learning: Learning) -> str:
    """What the learning curves show, for people who cannot see them."""
    goal = learning.goal
    unit = percent if goal == "accuracy" else rounded
    good = learning.curves[~is_lost(learning).to_numpy()]
    ends = scale_of(goal) * good.groupby(["policy", "run"])[goal].last()
    table, said = learning.policies.set_index("policy"), []
    for name, row in table.iterrows():
        if name not in ends:
            said.append(f"{name}: {happening(row)}")
            continue
        end, lost = ends[name], int(row["diverged"] + row["stuck"])
        which = f" in {row['of'] - lost} of {row['of']} seeds" if lost else ""
        said.append(
            f"{name} ends{which} at {unit(end.median())} ({unit(end.min())} to {unit(end.max())}); {happening(row)}"
        )
    return f"Learning curves of {goal}. {'. '.join(said)}. {headline(learning)}"


def rates_in_words(learning: Learning) -> str:
    """How sensitive policies are to the learning rate, for people who cannot see the chart."""
    said = []
    for policy, rates in learning.rates.groupby("policy", sort=False):
        good = rates.loc[rates["reached"] == rates["of"], "learning_rate"]
        lost = rates.loc[rates["diverged"] + rates["stuck"] > 0, "learning_rate"]
        beyond = f", and some diverge or get stuck at {listed([f'{rate:g}' for rate in lost])}" if len(lost) else ""
        where = listed([f"{rate:g}" for rate in good]) if len(good) else "no learning rate"
        said.append(f"{policy}: all of {counted(int(rates['of'].max()), 'seed')} reach the target at {where}{beyond}")
    return f"Sensitivity to the learning rate. {'; '.join(said)}."
