"""Which policy learns fastest: the same samples from the same start, each policy at its own best learning rate."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from core.common.validation import MAX_WORK, ScenarioError, check_work, real, shown, whole
from core.learning.problem import Problem
from core.learning.training import check_problem, replay, several_rates
from core.policies.base import Policy
from core.scenario import Scenario, under
from core.schedule.schedule import Schedule
from core.simulation.paired import check_policies, compare
from core.simulation.run import Run
from core.theory.closed_forms import delay_stability_limit
from core.workload.draws import Draws, TooManyRuns, chunk_runs
from core.workload.workload import Workload

GRID = tuple(2.0**power for power in range(-6, 4))
"""Learning rates to pin for all policies."""
FRESH_GRID = GRID[2:]
"""Those that a policy without staleness is tried at."""
SEEDS, POINTS = 5, 80
GRADIENTS, FEWEST_EACH, ENOUGH_EACH = 640, 16, 48
"""Mini-batches: of all workers together at least, and of each one so many at least, and so many where time allows."""
MOST_COST, LEAST_COST = 120_000_000, 1_830
"""Parameters × samples of a training: some 3 s at a policy's rates in five runs; a gradient costs something anyway."""
GUESSING = 0.95  # of the loss of a guess, and nothing has been learnt
COUNTS = ["reached", "diverged", "stuck"]
FIGURES = ["epoch_ms", "updates", "gradients_per_update", "mean_staleness"]


W = TypeVar("W", bound=Workload)


@dataclass(frozen=True, kw_only=True, eq=False)
class Learning:
    """How some policies learn, in tables. A time that was not reached is NaN, and so is all that hangs on it."""

    goal: str
    """accuracy, to be at or above the target, or loss, to be at or below it."""
    target: float
    curves: pd.DataFrame
    """Every training: policy, and the columns of `replay`."""
    rates: pd.DataFrame
    """Every learning rate: policy, learning_rate, time_to_target_ms (the mean, where every run got there), final_loss
    (the median, a run that diverged counted as infinite; NaN where that is infinite), reached, diverged and stuck (in
    how many runs), best (what its policy is judged by)."""
    runs: pd.DataFrame
    """Every run of each policy at its best rate: policy, learning_rate, run, time_to_target_ms, final_loss, diverged,
    stuck, speedup (the first policy's time over this one's, in the same run)."""
    policies: pd.DataFrame
    """Every policy in turn: policy, learning_rate (its best), at_edge (whether it is an end of the grid), reached (in
    how many runs, as diverged and stuck), the means and ranges over the runs of time_to_target_ms (time_low_ms,
    time_high_ms) and speedup (speedup_low, speedup_high), the means of epoch_ms, updates, gradients_per_update and
    mean_staleness.

    Means of times and speed-ups are geometric: then the ratio of two mean times is the mean of the runs' ratios.
    """


def learn(
    scenario: Workload,
    policies: Iterable[Policy],
    problem: Problem,
    *,
    learning_rates: float | Iterable[float] | None = None,
    seeds: int = SEEDS,
    gradients: int | None = None,
    points: int = POINTS,
    target: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Learning:
    """How policies learn on the scenario's workers and network; speed-ups are over the first of them.

    All use as many samples, in the same order, from the same initial parameters, and see the same compute times.

    Args:
        scenario: a workload, or a scenario, whose own policy does not matter. Its batches do not matter either.
        policies: at least one, none of them twice.
        problem: what is trained, such as `core.learning.Digits()` or `core.learning.NoisyQuadratic()`.
        learning_rates: a grid, or one number, for all policies; by default each policy has a grid of its own, lower
            the staler its gradients are.
        seeds: how many runs, from 1 to 32, each with its own times, initial parameters and order of samples.
        gradients: about how many mini-batches all workers use together; by default enough to reach the target, unless
            that would take too long.
        points: how many updates are measured, evenly spaced.
        target: the value of the problem's goal that counts as learnt; the problem's own by default.
        progress: called with the policies done and all policies after each.

    Returns:
        Every curve, learning rate, run and policy, in tables.

    Raises:
        ScenarioError: for an empty or repeated policy, a learning rate that is not a positive number, and for too much
            work.

    Example:
        >>> from core import Asynchronous, Scenario, Synchronous, learn
        >>> from core.learning import NoisyQuadratic
        >>> policies = [Synchronous(), Asynchronous()]
        >>> learnt = learn(Scenario(), policies, NoisyQuadratic(), seeds=2, gradients=200)
        >>> learnt.policies[["policy", "learning_rate", "reached"]].values.tolist()
        [['Synchronous', 1.0, 2], ['Asynchronous', 0.5, 2]]

    """
    Workload.checked(scenario)
    policies = check_policies(policies)
    check_problem(problem)
    target = target_of(problem, target)
    seeds, points = whole("seeds", seeds, 1, 32), whole("points", points, 1, MAX_WORK)
    if progress is not None and not callable(progress):
        raise ScenarioError(f"progress: {shown(progress)} cannot be called.")
    if learning_rates is not None:
        learning_rates = several_rates(learning_rates)  # of an iterator, too, for every policy
    gradients = gradients_for(scenario.workers, problem) if gradients is None else gradients
    short = for_training(scenario, gradients)
    figures = compare(short, policies, seeds)
    curves = []
    for policy in policies:
        curves.append(
            learning_curves(
                under(short, policy),
                problem,
                learning_rates=learning_rates,
                seeds=seeds,
                gradients=gradients,
                points=points,
            )
        )
        if progress:
            progress(len(curves), len(policies))
    return judged(pd.concat(curves, ignore_index=True), figures, problem, target)


def learning_curves(
    scenario: Scenario,
    problem: Problem,
    *,
    learning_rates: float | Iterable[float] | None = None,
    seeds: int = SEEDS,
    gradients: int | None = None,
    points: int = POINTS,
) -> pd.DataFrame:
    """How the scenario's policy learns, at every learning rate in every run.

    Args:
        scenario: whose policy, workers and network; its batches do not matter.
        problem: what is trained.
        learning_rates: a grid, or one number; `rates_for` the policy by default.
        seeds: how many runs, each with its own times, initial parameters and order of samples.
        gradients: about how many mini-batches all workers use together; `gradients_for` as many workers by default.
        points: how many updates are measured, evenly spaced.

    Returns:
        Columns: policy (its label), and those of `replay`.

    Raises:
        ScenarioError: for too much work, or a learning rate that is not a positive number.

    """
    gradients = gradients_for(scenario.workers, problem) if gradients is None else gradients
    asked, runs = for_training(scenario, gradients), whole("seeds", seeds, 1, 32)
    check_work(asked.workers, asked.batches, [asked.policy.rows(asked.workers, asked.batches)], runs)
    try:
        schedule = asked.policy.schedule(Draws(asked, runs=runs))
    except TooManyRuns as error:
        raise ScenarioError(
            f"seeds: {seeds} is too many, as one worker does nearly all of the work and the runs need too much memory "
            f"together; allowed here are 1 to {min(chunk_runs(asked), seeds - 1)}."
        ) from error
    rates = rates_for(schedule) if learning_rates is None else learning_rates
    curves = replay(Run(asked, schedule), problem, rates, points=points)
    curves.insert(0, "policy", asked.policy.label)
    return curves


def gradients_for(workers: int, problem: Problem) -> int:
    """How many mini-batches so many workers train on: enough to reach the target, unless that would take too long.

    A synchronous update takes one from every worker, and the steps that learning takes hardly get fewer with its size;
    stale gradients need steps that are smaller by as much. So both need more mini-batches the more workers there are.

    Args:
        workers: how many there are.
        problem: what is trained.

    Raises:
        ScenarioError: where the time is too short to train that many workers at all.

    """
    allowed = most_workers(problem, FEWEST_EACH)
    if not allowed:
        most = MOST_COST // FEWEST_EACH
        raise ScenarioError(
            f"problem: a mini-batch of {problem.what} is too much to train in reasonable time: size {problem.size:,} × "
            f"batch {problem.batch:,}; allowed are products up to {most:,}."
        )
    if workers > allowed:
        raise ScenarioError(
            f"workers: {workers:,} are too many to train {problem.what} in reasonable time; allowed are 1 to "
            f"{allowed:,}, with {FEWEST_EACH} mini-batches each."
        )
    return min(max(GRADIENTS, ENOUGH_EACH * workers), most_workers(problem, 1))


def most_workers(problem: Problem, each: int) -> int:
    """How many workers there is time to train, each on so many mini-batches."""
    return MOST_COST // max(LEAST_COST, problem.size * problem.batch) // each


def rates_for(schedule: Schedule) -> tuple[float, ...]:
    """Learning rates to choose a policy's best from: as many for each, shifted down by powers of two as it is stale.

    The largest stable rate falls with staleness as `delay_stability_limit` says, and the best one along with it.
    """
    stale = schedule.staleness[schedule.staleness >= 0].mean()
    shift = round(np.log2(delay_stability_limit(stale) / delay_stability_limit(0)))
    return tuple(rate * 2.0**shift for rate in FRESH_GRID)


def for_training(workload: W, gradients: int) -> W:
    """The workload, or scenario, with as many batches a worker as make about so many gradients, at least one."""
    batches = round(whole("gradients", gradients, 1, 100_000) / workload.workers)
    return replace(workload, batches=max(1, batches))


def judged(curves: pd.DataFrame, figures: pd.DataFrame, problem: Problem, target: float | None = None) -> Learning:
    """Which policy learns fastest, each at the learning rate that is best for it.

    The best learning rate of a policy reaches the target in every run, and first in the mean over them; where none
    does, the best one reaches it in most runs, diverges or gets stuck in fewest, and ends with the lowest median loss.

    Args:
        curves: learning curves of several policies, one below the other.
        figures: the table of `compare` for them.
        problem: what was trained.
        target: another than the problem's own.

    Raises:
        ScenarioError: for a target that the problem's goal cannot have.

    """
    goal = problem.goal
    target = target_of(problem, target)
    if "stuck" not in curves:
        curves = curves.assign(stuck=0.0)
    trained = trainings(curves, problem, target)
    rates = by_rate(trained)
    runs = with_speedups(trained.merge(rates.loc[rates["best"], ["policy", "learning_rate"]]), curves["policy"].iloc[0])
    policies = by_policy(runs, rates).join(figures.groupby("policy")[FIGURES].mean()).reset_index()
    return Learning(goal=goal, target=target, curves=curves, rates=rates, runs=runs, policies=policies)


def target_of(problem: Problem, target: float | None) -> float:
    """The value of the goal that counts as learnt: the problem's own, or another that it can have."""
    return problem.target if target is None else real("target", target, 0, 1 if problem.goal == "accuracy" else 1e12)


def trainings(curves: pd.DataFrame, problem: Problem, target: float) -> pd.DataFrame:
    """What became of every training: policy, learning_rate, run, time_to_target_ms, final_loss, diverged, stuck.

    Diverged: the loss ends above its start, or is no number any more. Stuck: the model gives one answer whatever it is
    shown, or its loss rose above the start and ends at that of a guess; one that is merely slow never rises. Neither
    has reached the target.
    """
    there = curves["accuracy"] >= target if problem.goal == "accuracy" else curves["loss"] <= target
    each = curves.assign(time_to_target_ms=curves["time_ms"].where(there), lost=curves["loss"].isna()).groupby(
        ["policy", "learning_rate", "run"], sort=False
    )
    first, most, final = each["loss"].first(), each["loss"].max(), each["loss"].last()
    diverged = each["lost"].any() | (final > first)
    died = (most > first) & (final >= GUESSING * problem.guess_loss)
    stuck = (died | (each["stuck"].last() == 1)) & ~diverged
    columns = {
        "time_to_target_ms": each["time_to_target_ms"].min().mask(diverged | stuck),
        "final_loss": final.mask(diverged),
        "diverged": diverged,
        "stuck": stuck,
    }
    return pd.DataFrame(columns).reset_index()


def with_speedups(runs: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """The runs with speedup: the baseline's time to the target over this one's, in the same run."""
    first = runs.loc[runs["policy"] == baseline].set_index("run")["time_to_target_ms"]
    return runs.assign(speedup=runs["run"].map(first) / runs["time_to_target_ms"])


def by_rate(trainings: pd.DataFrame) -> pd.DataFrame:
    """Each learning rate over the runs, and which one is its policy's best."""
    late = trainings.fillna({"time_to_target_ms": np.inf, "final_loss": np.inf})
    late["reached"] = np.isfinite(late["time_to_target_ms"])
    rates = late.groupby(["policy", "learning_rate"], sort=False, as_index=False).agg(
        {"time_to_target_ms": geometric_mean, "final_loss": "median"} | dict.fromkeys(COUNTS, "sum")
    )
    learns = rates[np.isfinite(rates["final_loss"])].assign(
        missed=-rates["reached"], lost=rates["diverged"] + rates["stuck"]
    )
    ranked = learns.sort_values(["time_to_target_ms", "missed", "lost", "final_loss"])
    rates["best"] = rates.index.isin(ranked.groupby("policy").head(1).index)
    return rates.replace(np.inf, np.nan)


def geometric_mean(values: pd.Series) -> float:
    """The mean of ratios and of what they are ratios of; infinite where one value is."""
    with np.errstate(divide="ignore"):  # of a target that is reached at the start, the time is 0
        return np.exp(np.log(values).mean())


def by_policy(runs: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """Each policy at its best learning rate, means and ranges over the runs; policies are the index."""
    best, grid = rates[rates["best"]].set_index("policy"), rates.groupby("policy")["learning_rate"]
    low, high = grid.min()[best.index], grid.max()[best.index]
    at_edge = (low < high) & ((best["learning_rate"] == low) | (best["learning_rate"] == high))
    of_policy = runs.fillna({"time_to_target_ms": np.inf}).groupby("policy")
    times, speedups = of_policy["time_to_target_ms"], of_policy["speedup"]
    every = speedups.count() == speedups.size()
    columns = {
        "learning_rate": best["learning_rate"],
        "at_edge": at_edge,
        **{name: best[name] for name in COUNTS},
        "time_to_target_ms": times.agg(geometric_mean),
        "time_low_ms": times.min(),
        "time_high_ms": times.max(),
        "speedup": speedups.agg(geometric_mean).where(every),
        "speedup_low": speedups.min().where(every),
        "speedup_high": speedups.max().where(every),
    }
    table = pd.DataFrame(columns).replace(np.inf, np.nan)
    return table.reindex(pd.Index(rates["policy"].unique(), name="policy"))
