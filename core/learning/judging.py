"""What trainings say: when each reached the target, each policy's best learning rate, and who is sooner, how surely."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from core.common.validation import real
from core.learning.optimizers import SETTINGS, Optimizer
from core.learning.problem import Problem
from core.learning.target import time_to_target, window_of
from core.statistics.log_ratios import LogRatio, log_ratios

GUESSING = 0.95  # of the loss of a guess, and nothing has been learnt
COUNTS = ["reached", "of", "diverged", "stuck"]
FIGURES = ["epoch_ms", "updates", "gradients_per_update", "mean_staleness"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """The trainings of one policy, in tables with the columns policy and those of `replay`."""

    trials: pd.DataFrame
    """Those that its learning rate was chosen by; none where it was given."""
    curves: pd.DataFrame
    """Those that it is judged by: at that rate, in other runs."""
    local_steps: int
    """How many steps workers take on their own before their parameters are averaged; 0 where gradients are averaged."""
    optimizer: Optimizer = field(default_factory=Optimizer)
    """What was added to plain SGD: of several, the best, and the trials have a column for each setting."""
    exchanges: float = math.nan
    """How many times a worker exchanges all the parameters or gradients, on average over the workers."""
    exchange_mb: float = math.nan
    """What a worker sends each time, MB; NaN where messages of the network have no size."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Learning:
    """How some policies learn, in tables. A time that was not reached is NaN, and so is all that hangs on it."""

    goal: str
    """accuracy, to be at or above the target, or loss, to be at or below it."""
    target: float
    points: int
    """At how many points each training is measured after its start, evenly spaced over its own updates."""
    window: int
    """The target is reached when the mean of so many neighbouring points gets there and stays."""
    curves: pd.DataFrame
    """Every training that policies are judged by: policy, and the columns of `replay`, at the points."""
    trials: pd.DataFrame
    """Every training that learning rates are chosen by, likewise: other runs, fewer points."""
    rates: pd.DataFrame
    """Every learning rate that was tried: policy, the optimizer's settings (momentum, outer_rate, outer_momentum,
    staleness_aware), learning_rate, time_to_target_ms (the mean, where every run got
    there), final_loss (the median, a run that diverged counted as infinite; NaN where that is infinite), reached (in
    how many runs), of (how many), diverged and stuck (in how many), best (what its policy is judged at)."""
    runs: pd.DataFrame
    """Every run that a policy is judged by: policy, learning_rate, run, time_to_target_ms, final_loss, diverged, stuck,
    speedup (the first policy's time over this one's, in the same run), exchanges (how often a worker had exchanged all
    the parameters or gradients by then), sent_mb (what it had sent by then, MB; NaN where the network's messages have
    no size)."""
    policies: pd.DataFrame
    """Every policy in turn: policy, learning_rate and the optimizer's settings (chosen), at_edge (whether that rate is
    an end of those tried), reached (in how many runs), of (how many it is judged by), diverged and stuck (in how many),
    time_to_target_ms with its range over the runs (time_low_ms, time_high_ms), exchanges and sent_mb (the means, where
    every run reached the target), speedup over the first policy with its interval (speedup_low, speedup_high), outcome
    (decided, equal or open; empty for the first policy and where there is no speedup), seeds_to_decide (about how many
    runs would decide what is open), local_steps (0 where an update averages gradients, else after how many of a
    worker's own steps parameters are averaged), and the means of epoch_ms, updates, gradients_per_update and
    mean_staleness.

    Means of times and speed-ups are geometric: then the ratio of two mean times is the mean of the runs' ratios.
    """
    ratios: dict[tuple[str, str], LogRatio]
    """The time of one policy over that of another, for those that reach the target in every run; all pairs are judged
    together."""


def judged(
    trained: Sequence[Trained], figures: pd.DataFrame, problem: Problem, target: float | None = None
) -> Learning:
    """Which policy learns fastest, each at the learning rate that was best for it in other runs.

    Args:
        trained: each policy's trainings; the first policy is what others are compared with.
        figures: the table of `compare` for them.
        problem: what was trained.
        target: another than the problem's own.

    Raises:
        ScenarioError: for a target that the problem's goal cannot have.

    """
    target = target_of(problem, target)
    curves = pd.concat([each.curves for each in trained], ignore_index=True)
    trials = pd.concat([each.trials for each in trained], ignore_index=True)
    results = with_traffic(trainings(curves, problem, target), trained)
    tried = [
        with_settings(trainings(each.trials if len(each.trials) else each.curves, problem, target), each.optimizer)
        for each in trained
    ]
    rates = pd.concat([by_rate(each) for each in tried], ignore_index=True)
    names = list(curves["policy"].unique())
    ratios = ratios_of(results, names)
    columns = {
        "local_steps": pd.Series([each.local_steps for each in trained], index=names),
        **figures.groupby("policy")[FIGURES].mean(),
    }
    policies = by_policy(results, rates, ratios, names).assign(**columns).reset_index()
    points = int(curves.groupby(["policy", "run"], sort=False).size().iloc[0]) - 1
    return Learning(
        goal=problem.goal,
        target=target,
        points=points,
        window=window_of(points),
        curves=curves,
        trials=trials,
        rates=rates,
        runs=with_speedups(results, names[0]),
        policies=policies,
        ratios=ratios,
    )


def target_of(problem: Problem, target: float | None) -> float:
    """The value of the goal that counts as learnt: the problem's own, or another that it can have."""
    return problem.target if target is None else real("target", target, 0, 1 if problem.goal == "accuracy" else 1e12)


def trainings(curves: pd.DataFrame, problem: Problem, target: float) -> pd.DataFrame:
    """What became of every training: policy, learning_rate, run, time_to_target_ms, final_loss, diverged, stuck.

    Diverged: the loss ends above its start, or is no number any more. Stuck: the model gives one answer whatever it is
    shown, or its loss rose above the start and ends at that of a guess; one that is merely slow never rises. Neither
    has reached the target.
    """
    columns = ["policy", *settings_of(curves), "learning_rate", "run"]
    names = curves[columns].drop_duplicates(ignore_index=True)
    goal, time, loss, same = (
        curves[name].to_numpy(float).reshape(len(names), -1) if name in curves else np.zeros((len(names), 1))
        for name in (problem.goal, "time_ms", "loss", "stuck")
    )
    first, final = loss[:, 0], loss[:, -1]
    diverged = np.isnan(loss).any(axis=1) | (final > first)
    died = (loss.max(axis=1) > first) & (final >= GUESSING * problem.guess_loss)
    stuck = (died | (same[:, -1] == 1)) & ~diverged
    reached = time_to_target(goal, time, target, rising=problem.goal == "accuracy")
    return names.assign(
        time_to_target_ms=np.where(diverged | stuck, np.nan, reached),
        final_loss=np.where(diverged, np.nan, final),
        diverged=diverged,
        stuck=stuck,
    )


def with_speedups(runs: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """The runs with speedup: the baseline's time to the target over this one's, in the same run."""
    first = runs.loc[runs["policy"] == baseline].set_index("run")["time_to_target_ms"]
    return runs.assign(speedup=runs["run"].map(first) / runs["time_to_target_ms"])


def by_rate(trainings: pd.DataFrame) -> pd.DataFrame:
    """Each learning rate of a policy over its runs, in rising order, and which one is the best.

    The best one reaches the target in every run, and first in the mean over them; where none does, it reaches it in
    most runs, diverges or gets stuck in fewest, and ends with the lowest median loss.
    """
    grouped = trainings.groupby(["policy", *settings_of(trainings), "learning_rate"])
    rates, of = grouped.size().rename("of").reset_index(), grouped.ngroup().to_numpy()
    late, final = (trainings[name].fillna(np.inf).to_numpy() for name in ("time_to_target_ms", "final_loss"))
    each = [of == number for number in range(len(rates))]
    rates["time_to_target_ms"] = [geometric_mean(late[rows]) for rows in each]
    rates["final_loss"] = [np.median(final[rows]) for rows in each]
    for name, counted in (
        ("reached", np.isfinite(late)),
        ("diverged", trainings["diverged"]),
        ("stuck", trainings["stuck"]),
    ):
        rates[name] = np.bincount(of, counted, len(rates)).astype(int)
    rates = rates[[*grouped.keys, "time_to_target_ms", "final_loss", *COUNTS]]
    return rates.assign(best=np.arange(len(rates)) == soonest(rates)).replace(np.inf, np.nan)


def soonest(rates: pd.DataFrame) -> int:
    """The place of the row that is best: it reaches the target first, or, where none does in every run, nearly so."""
    late, final = (rates[name].fillna(np.inf).to_numpy() for name in ("time_to_target_ms", "final_loss"))
    reached, lost = rates["reached"].to_numpy(), (rates["diverged"] + rates["stuck"]).to_numpy()
    return int(np.lexsort([rates["learning_rate"].to_numpy(), final, lost, -reached, late])[0])


def settings_of(table: pd.DataFrame) -> list[str]:
    """The columns that say what was added to plain SGD; none in a table that says nothing of it."""
    return [name for name in SETTINGS if name in table]


def with_settings(table: pd.DataFrame, optimizer: Optimizer) -> pd.DataFrame:
    """The table with the settings of an optimizer, unless it has settings of its own."""
    return table if settings_of(table) else table.assign(**vars(optimizer))


def with_traffic(runs: pd.DataFrame, trained: Sequence[Trained]) -> pd.DataFrame:
    """The runs with exchanges and sent_mb, of each worker until the target is reached; NaN where it is not.

    A training is measured at evenly spaced points of its updates, so that its times tell how far it has got.
    """
    of = {each.curves["policy"].iloc[0]: each for each in trained}
    times = {name: each.curves.groupby("run")["time_ms"] for name, each in of.items()}
    exchanges, sent = [], []
    for row in runs.itertuples():
        each, time = of[row.policy], times[row.policy].get_group(row.run).to_numpy(float)
        done = np.interp(row.time_to_target_ms, time, np.linspace(0, 1, len(time)))  # NaN of what is NaN
        exchanges.append(each.exchanges * done)
        sent.append(each.exchanges * each.exchange_mb * done)
    return runs.assign(exchanges=exchanges, sent_mb=sent)


def mean_of_all(values: pd.Series) -> float:
    """The mean; NaN where a value is missing."""
    return float(values.mean(skipna=False))


def geometric_mean(values: pd.Series | np.ndarray) -> float:
    """The mean of ratios and of what they are ratios of; infinite where one value is."""
    return float(np.exp(np.log(values).mean()))


def ratios_of(runs: pd.DataFrame, policies: Sequence[str]) -> dict[tuple[str, str], LogRatio]:
    """The time to the target of one policy over that of another, where both get there in every run."""
    times = runs.pivot(index="run", columns="policy", values="time_to_target_ms")
    pairs = list(combinations([policy for policy in policies if times[policy].notna().all()], 2))
    found = log_ratios([(times[one].to_numpy(), times[other].to_numpy()) for one, other in pairs])
    both = dict(zip(pairs, found, strict=True))
    return both | {(other, one): ratio.inverse for (one, other), ratio in both.items()}


def by_policy(
    runs: pd.DataFrame, rates: pd.DataFrame, ratios: dict[tuple[str, str], LogRatio], policies: Sequence[str]
) -> pd.DataFrame:
    """Each policy at the learning rate chosen for it; policies are the index, the first one is what others are over."""
    best, settings = rates[rates["best"]].set_index("policy"), settings_of(rates)
    beside = rates.merge(best.reset_index()[["policy", *settings]], on=["policy", *settings])
    tried = beside.groupby("policy")["learning_rate"]
    low, high = tried.min()[best.index], tried.max()[best.index]
    at_edge = (low < high) & ((best["learning_rate"] == low) | (best["learning_rate"] == high))
    late = runs.fillna({"time_to_target_ms": np.inf}).assign(of=1, reached=runs["time_to_target_ms"].notna())
    of_policy = late.groupby("policy")
    times, baseline = of_policy["time_to_target_ms"], policies[0]
    table = pd.DataFrame(
        {
            "learning_rate": best["learning_rate"],
            **{name: best[name] for name in settings},
            "at_edge": at_edge,
            **of_policy[COUNTS].sum(),
            "time_to_target_ms": times.agg(geometric_mean),
            "time_low_ms": times.min(),
            "time_high_ms": times.max(),
            **{name: of_policy[name].agg(mean_of_all) for name in ("exchanges", "sent_mb")},
        }
    ).replace(np.inf, np.nan)
    table = table.reindex(pd.Index(policies, name="policy"))
    over_first = [ratios.get((baseline, policy)) for policy in policies]
    table[["speedup", "speedup_low", "speedup_high"]] = [
        (ratio.value, ratio.low, ratio.high) if ratio else (np.nan,) * 3 for ratio in over_first
    ]
    table["outcome"] = [ratio.outcome if ratio else "" for ratio in over_first]
    table["seeds_to_decide"] = [(ratio.runs_to_decide or np.nan) if ratio else np.nan for ratio in over_first]
    if table.loc[baseline, "reached"] == table.loc[baseline, "of"]:
        table.loc[baseline, ["speedup", "speedup_low", "speedup_high"]] = 1.0
    return table
