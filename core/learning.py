"""Which policy learns fastest: the same samples from the same start, each policy at its own best learning rate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.draws import Draws, TooManyRuns
from core.parts import ScenarioError, check_work, real, whole
from core.policies import Policy
from core.problem import Problem
from core.scenario import Scenario
from core.simulate import Run, compare
from core.training import replay

GRID = tuple(2.0**power for power in range(-6, 4))
SEEDS, GRADIENTS, POINTS = 5, 640, 80
FIGURES = ["epoch_ms", "updates", "gradients_per_update", "mean_staleness"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Learning:
    """How some policies learn, in tables. A time that was not reached is NaN, and so is all that hangs on it."""

    goal: str
    """accuracy, to be at or above the target, or loss, to be at or below it."""
    target: float
    curves: pd.DataFrame
    """Every training: policy, and the columns of `replay`."""
    rates: pd.DataFrame
    """Every learning rate: policy, learning_rate, time_to_target_ms and final_loss (medians over the runs; late and
    diverged ones count as infinite), reached and diverged (in how many runs), best (what its policy is judged by)."""
    runs: pd.DataFrame
    """Every run of each policy at its best rate: policy, learning_rate, run, time_to_target_ms, final_loss, diverged,
    speedup (the first policy's time over this one's, in the same run)."""
    policies: pd.DataFrame
    """Every policy in turn: policy, learning_rate (its best), at_edge (whether it is an end of the grid), reached (in
    how many runs), the medians and ranges over the runs of time_to_target_ms (time_low_ms, time_high_ms) and speedup
    (speedup_low, speedup_high), the means of epoch_ms, updates, gradients_per_update and mean_staleness."""


def learn(
    scenario: Scenario,
    policies: Sequence[Policy],
    problem: Problem,
    *,
    learning_rates=GRID,
    seeds: int = SEEDS,
    gradients: int = GRADIENTS,
    points: int = POINTS,
    target: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Learning:
    """How policies learn on the scenario's workers and network; speed-ups are over the first of them.

    All use as many samples, in the same order, from the same initial parameters, and see the same compute times.
    progress is called with the number of policies done and of all. Other arguments as in `learning_curves` and
    `judged`. Raises ScenarioError as they, `compare` and `replay` do.
    """
    figures = compare(for_training(scenario, gradients), policies, whole("seeds", seeds, 1, 32))
    curves = []
    for policy in policies:
        asked = replace(scenario, policy=policy)
        options = {"learning_rates": learning_rates, "seeds": seeds, "gradients": gradients, "points": points}
        curves.append(learning_curves(asked, problem, **options))
        if progress:
            progress(len(curves), len(policies))
    return judged(pd.concat(curves, ignore_index=True), figures, problem, target)


def learning_curves(
    scenario: Scenario,
    problem: Problem,
    *,
    learning_rates=GRID,
    seeds: int = SEEDS,
    gradients: int = GRADIENTS,
    points: int = POINTS,
) -> pd.DataFrame:
    """How the scenario's policy learns: its label as policy, and the columns of `replay`.

    learning_rates: a grid, or one number. seeds: how many runs, each with its own times, initial parameters and order
    of samples. gradients: about how many mini-batches all workers use together, whatever the scenario's batches.
    """
    asked, runs = for_training(scenario, gradients), whole("seeds", seeds, 1, 32)
    check_work(asked.workers, asked.batches, [asked.policy.rows(asked.workers, asked.batches)], runs)
    try:
        schedule = asked.policy.schedule(Draws(asked, runs=runs))
    except TooManyRuns as error:
        raise ScenarioError(f"seeds: {seeds} runs need too much memory together; ask for fewer.") from error
    curves = replay(Run(asked, schedule), problem, learning_rates, points=points)
    curves.insert(0, "policy", asked.policy.label)
    return curves


def for_training(scenario: Scenario, gradients: int = GRADIENTS) -> Scenario:
    """The scenario with as many batches a worker as make about so many gradients, at least one."""
    batches = round(whole("gradients", gradients, 1, 100_000) / scenario.workers)
    return replace(scenario, batches=max(1, batches))


def judged(curves: pd.DataFrame, figures: pd.DataFrame, problem: Problem, target: float | None = None) -> Learning:
    """Learning curves of several policies, one below the other, and the table of `compare` for them, judged.

    The best learning rate of a policy reaches the target first, in the median over the runs; where none reaches it,
    the best one ends with the lowest median loss. A run that diverges has not reached the target.
    target: another than the problem's own.
    """
    goal = problem.goal
    target = problem.target if target is None else real("target", target, 0, 1 if goal == "accuracy" else 1e12)
    there = curves["accuracy"] >= target if goal == "accuracy" else curves["loss"] <= target
    trainings = curves.assign(time_to_target_ms=curves["time_ms"].where(there), diverged=curves["loss"].isna())
    trainings = trainings.groupby(["policy", "learning_rate", "run"], sort=False, as_index=False).agg(
        time_to_target_ms=("time_to_target_ms", "min"), final_loss=("loss", "last"), diverged=("diverged", "any")
    )
    trainings.loc[trainings["diverged"], ["time_to_target_ms", "final_loss"]] = np.nan
    rates = by_rate(trainings)
    runs = trainings.merge(rates.loc[rates["best"], ["policy", "learning_rate"]])
    first = runs.loc[runs["policy"] == curves["policy"].iloc[0]].set_index("run")["time_to_target_ms"]
    runs["speedup"] = runs["run"].map(first) / runs["time_to_target_ms"]
    policies = by_policy(runs, rates).join(figures.groupby("policy")[FIGURES].mean())
    tables = {"curves": curves, "rates": rates, "runs": runs, "policies": policies.reset_index()}
    return Learning(goal=goal, target=target, **tables)


def by_rate(trainings: pd.DataFrame) -> pd.DataFrame:
    """Medians over the runs, and which learning rate is its policy's best."""
    late = trainings.fillna({"time_to_target_ms": np.inf, "final_loss": np.inf})
    late["reached"] = np.isfinite(late["time_to_target_ms"])
    rates = late.groupby(["policy", "learning_rate"], sort=False, as_index=False).agg(
        {"time_to_target_ms": "median", "final_loss": "median", "reached": "sum", "diverged": "sum"}
    )
    ranked = rates[np.isfinite(rates["final_loss"])].sort_values(["time_to_target_ms", "final_loss"])
    rates["best"] = rates.index.isin(ranked.groupby("policy").head(1).index)
    return rates.replace(np.inf, np.nan)


def by_policy(runs: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """Each policy at its best learning rate, medians and ranges over the runs; policies are the index."""
    best, grid = rates[rates["best"]].set_index("policy"), rates["learning_rate"]
    at_edge = best["learning_rate"].isin([grid.min(), grid.max()]) & (grid.nunique() > 1)
    of_policy = runs.fillna({"time_to_target_ms": np.inf}).groupby("policy")
    times, speedups = of_policy["time_to_target_ms"], of_policy["speedup"]
    every = speedups.count() == speedups.size()
    columns = {
        "learning_rate": best["learning_rate"],
        "at_edge": at_edge,
        "reached": best["reached"],
        "time_to_target_ms": times.median(),
        "time_low_ms": times.min(),
        "time_high_ms": times.max(),
        "speedup": speedups.median().where(every),
        "speedup_low": speedups.min().where(every),
        "speedup_high": speedups.max().where(every),
    }
    table = pd.DataFrame(columns).replace(np.inf, np.nan)
    return table.reindex(pd.Index(rates["policy"].unique(), name="policy"))
