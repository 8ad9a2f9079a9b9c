"""Which policy learns fastest: the same samples from the same start, each policy at its own best learning rate."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from core.common.validation import ScenarioError, check_work, shown, whole
from core.learning.judging import Learning, Trained, by_rate, judged, target_of, trainings
from core.learning.optimizers import SETTINGS, Optimizer
from core.learning.problem import Problem
from core.learning.training import MAX_NUMBERS, check_problem, replay, several_rates, updates_of
from core.policies.base import Policy
from core.scenario import Scenario, under
from core.schedule.schedule import Schedule
from core.simulation.paired import check_policies, compare
from core.simulation.run import Run
from core.theory.closed_forms import delay_stability_limit
from core.workload.draws import Draws, TooManyRuns, chunk_runs
from core.workload.workload import MAX_SEED, Workload

GRID = tuple(2.0**power for power in range(-6, 4))
"""Learning rates to pin for all policies."""
FRESH_GRID = GRID[3:8]
"""Those that a policy without staleness is tried at."""
MOST_BEYOND = 4  # rates that are tried beyond an end of the grid, one after the other, while that end is the best
SEEDS, POINTS = 5, 80
TRIAL_SEEDS, TRIAL_POINTS = 3, 40
"""Runs that learning rates are chosen by, and how often each is measured."""
MOST_OPTIMIZERS = 16  # combinations of momentum and the like that are tried for each policy
TRIALS = 6  # the stream that their seed is drawn from, after those of `core.learning.training`
GRADIENTS, FEWEST_EACH, ENOUGH_EACH = 640, 16, 72
"""Mini-batches: of all workers together at least, and of each one so many at least, and so many where time allows."""
MOST_COST, LEAST_COST = 180_000_000, 2_740
"""Parameters × samples of a training: some 2 s for a policy; a gradient costs something anyway."""


W = TypeVar("W", bound=Workload)


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
    momentum: float | Iterable[float] = 0.0,
    outer_rate: float | Iterable[float] = 1.0,
    outer_momentum: float | Iterable[float] = 0.0,
    staleness_aware: bool | Iterable[bool] = False,
    progress: Callable[[int, int], None] | None = None,
) -> Learning:
    """How policies learn on the scenario's workers and network; speed-ups are over the first of them.

    All use as many samples, in the same order, from the same initial parameters, and see the same compute times. Each
    policy's learning rate is chosen on a few seeds, and judged on others; so are momentum and the like, where several
    values of them are given. The target counts as reached where a moving
    mean of the goal gets there and stays there to the end.

    Args:
        scenario: a workload, or a scenario, whose own policy does not matter. Its batches do not matter either.
        policies: at least one, none of them twice.
        problem: what is trained, such as `core.learning.Digits()` or `core.learning.NoisyQuadratic()`.
        learning_rates: a grid, or one number, for all policies; by default each policy has a grid of its own, lower
            the staler its gradients are, which goes on beyond an end that is the best.
        seeds: how many runs policies are judged by, from 1 to 32, each with its own times, initial parameters and
            order of samples.
        gradients: about how many mini-batches all workers use together; by default enough to reach the target, unless
            that would take too long.
        points: how often each training is measured, evenly spaced over its own updates, as often for each policy.
        target: the value of the problem's goal that counts as learnt; the problem's own by default.
        momentum: of SGD, at the server or of each worker's local steps, from 0 to below 1; a number, or several.
        outer_rate: of policies that average parameters, how far these move from the last average to the new one: 1 (the
            default) is all the way; a number, or several.
        outer_momentum: Nesterov momentum of these moves (DiLoCo: 0.9, with an outer rate of 0.7); a number, or several.
        staleness_aware: whether gradients that are τ updates stale count 1/(τ + 1); or both, (False, True).
        progress: called with the policies done and all policies after each.

    Returns:
        Every curve, learning rate, run and policy, in tables.

    Raises:
        ScenarioError: for an empty or repeated policy, a learning rate that is not a positive number, a momentum that
            is not below 1, and for too much work.

    Source:
        `core.learning.optimizers.Optimizer`.

    Example:
        >>> from core import Asynchronous, Scenario, Synchronous, learn
        >>> from core.learning import NoisyQuadratic
        >>> policies = [Synchronous(), Asynchronous()]
        >>> learnt = learn(Scenario(), policies, NoisyQuadratic(), seeds=2, gradients=200)
        >>> learnt.policies[["policy", "learning_rate", "reached", "of"]].values.tolist()
        [['Synchronous', 1.0, 2, 2], ['Asynchronous', 0.25, 2, 2]]

    """
    Workload.checked(scenario)
    policies = check_policies(policies)
    check_problem(problem)
    target = target_of(problem, target)
    seeds, points = seeds_and_points(seeds, points)
    if progress is not None and not callable(progress):
        raise ScenarioError(f"progress: {shown(progress)} cannot be called.")
    if learning_rates is not None:
        learning_rates = several_rates(learning_rates)  # of an iterator, too, for every policy
    optimizers = several_optimizers(momentum, outer_rate, outer_momentum, staleness_aware)
    gradients = gradients_for(scenario.workers, problem) if gradients is None else gradients
    short = for_training(scenario, gradients)
    figures = compare(short, policies, seeds)
    trained = []
    for policy in policies:
        trained.append(
            train_policy(
                under(short, policy),
                problem,
                learning_rates=learning_rates,
                seeds=seeds,
                gradients=gradients,
                points=points,
                target=target,
                optimizers=optimizers,
            )
        )
        if progress:
            progress(len(trained), len(policies))
    return judged(trained, figures, problem, target)


def train_policy(
    scenario: Scenario,
    problem: Problem,
    *,
    learning_rates: float | Iterable[float] | None = None,
    seeds: int = SEEDS,
    gradients: int | None = None,
    points: int = POINTS,
    target: float | None = None,
    optimizers: Sequence[Optimizer] = (Optimizer(),),
) -> Trained:
    """The trainings of the scenario's policy: those that choose its learning rate, and those that it is judged by.

    Args:
        scenario: whose policy, workers and network; its batches do not matter.
        problem: what is trained.
        learning_rates: a grid, or one number; by default `rates_for` the policy, and more beyond an end of them.
        seeds: how many runs it is judged by, each with its own times, initial parameters and order of samples.
        gradients: about how many mini-batches all workers use together; `gradients_for` as many workers by default.
        points: how often each training is measured, evenly spaced over its updates.
        target: the value of the goal that rates are chosen for; the problem's own by default.
        optimizers: what may be added to plain SGD; the best of them is chosen along with its learning rate.

    Raises:
        ScenarioError: for too much work, or a learning rate that is not a positive number.

    """
    gradients = gradients_for(scenario.workers, problem) if gradients is None else gradients
    seeds, points = seeds_and_points(seeds, points)
    asked = for_training(scenario, gradients)
    run = several_runs(asked, seeds)
    given = None if learning_rates is None else several_rates(learning_rates)
    fitting = list(dict.fromkeys(optimizer.fitting(run.schedule) for optimizer in optimizers))
    if given is not None and len(given) == len(fitting) == 1:
        rate, optimizer, trials = given[0], fitting[0], pd.DataFrame()
    else:
        rate, optimizer, trials = best_setting(
            trial_runs(asked), problem, fitting, given, min(points, TRIAL_POINTS), target_of(problem, target)
        )
    return Trained(
        trials=trials,
        curves=curves_at_points(run, problem, (rate,), points, optimizer),
        local_steps=local_steps(run.schedule),
        optimizer=optimizer,
        exchanges=run.schedule.exchanges,
        exchange_mb=asked.network.sent_mb(asked.workers, with_barrier=exchanges_together(run.schedule)),
    )


def best_setting(
    run: Run,
    problem: Problem,
    optimizers: Sequence[Optimizer],
    rates: tuple[float, ...] | None,
    points: int,
    target: float,
) -> tuple[float, Optimizer, pd.DataFrame]:
    """The optimizer and the learning rate that are best in these runs, and the curves of all that were tried.

    Args:
        run: the runs to choose by.
        problem: what is trained.
        optimizers: what may be added to plain SGD.
        rates: what is tried; None for `rates_for` each of them, and more beyond an end.
        points: how often each training is measured.
        target: the value of the goal that is to be reached.

    """
    beyond, tables = 0 if rates else MOST_BEYOND, []
    for optimizer in optimizers:
        grid = rates or rates_for(run.schedule, optimizer)
        rate, curves = best_rate(run, problem, grid, points, target, beyond, optimizer)
        tables.append(curves if len(optimizers) == 1 else curves.assign(**vars(optimizer)))
    trials = pd.concat(tables, ignore_index=True)
    if len(optimizers) == 1:
        return rate, optimizers[0], trials
    tried = by_rate(trainings(trials, problem, target))
    best = tried[tried["best"]].iloc[0]
    chosen = next(each for each in optimizers if all(getattr(each, name) == best[name] for name in SETTINGS))
    return float(best["learning_rate"]), chosen, trials


def exchanges_together(schedule: Schedule) -> bool:
    """Whether all workers exchange together, and do not push alone."""
    return schedule.averaged or schedule.barrier_ms is not None


def several_optimizers(
    momentum: float | Iterable[float],
    outer_rate: float | Iterable[float],
    outer_momentum: float | Iterable[float],
    staleness_aware: bool | Iterable[bool],
) -> list[Optimizer]:
    """Every combination of what may be added to plain SGD."""
    given = dict(zip(SETTINGS, (momentum, outer_rate, outer_momentum, staleness_aware), strict=True))
    values = {name: one_or_several(value) for name, value in given.items()}
    found = [Optimizer(**dict(zip(values, each, strict=True))) for each in itertools.product(*values.values())]
    if not 1 <= len(found) <= MOST_OPTIMIZERS:
        raise ScenarioError(
            f"{', '.join(SETTINGS)}: {len(found):,} combinations of them are too many; allowed are 1 to "
            f"{MOST_OPTIMIZERS}."
        )
    return found


def one_or_several(values: Any) -> list:
    """One value, or those of an iterable; no more than are needed to refuse them."""
    try:
        return [values] if isinstance(values, str | bytes) else list(islice(values, MOST_OPTIMIZERS + 1))
    except TypeError:
        return [values]


def seeds_and_points(seeds: int, points: int) -> tuple[int, int]:
    """How many runs policies are judged by and how often each is measured, checked; all measures must fit in memory."""
    seeds = whole("seeds", seeds, 1, 32)
    return seeds, whole("points", points, 1, MAX_NUMBERS // (8 * seeds) - 1)


def several_runs(asked: Scenario, runs: int) -> Run:
    """Several runs of the scenario in one schedule; ScenarioError where they need too much memory together."""
    check_work(asked.workers, asked.batches, [asked.policy.rows(asked.workers, asked.batches)], runs)
    try:
        return Run(asked, asked.policy.schedule(Draws(asked, runs=runs)))
    except TooManyRuns as error:
        raise ScenarioError(
            f"seeds: {runs} is too many, as one worker does nearly all of the work and the runs need too much memory "
            f"together; allowed here are 1 to {min(chunk_runs(asked), runs - 1)}."
        ) from error


def trial_runs(asked: Scenario) -> Run:
    """Runs to choose a learning rate by: of another seed, so that none of those that are judged is among them."""
    drawn = np.random.SeedSequence(asked.seed, spawn_key=(TRIALS,)).generate_state(1, np.uint64)
    other = replace(asked, seed=int(drawn[0]) % (MAX_SEED + 1))
    try:
        return several_runs(other, TRIAL_SEEDS)
    except ScenarioError:  # they need too much memory together
        return several_runs(other, 1)


def best_rate(
    run: Run,
    problem: Problem,
    rates: tuple[float, ...],
    points: int,
    target: float,
    beyond: int,
    optimizer: Optimizer = Optimizer(),  # noqa: B008 - frozen
) -> tuple[float, pd.DataFrame]:
    """The learning rate that is best in these runs, and the curves at all that were tried.

    Args:
        run: the runs to choose by.
        problem: what is trained.
        rates: what is tried.
        points: how often each training is measured.
        target: the value of the goal that is to be reached.
        beyond: how many more rates may be tried, each twice as far, while the best one is at an end.
        optimizer: what is added to plain SGD.

    """
    curves = curves_at_points(run, problem, rates, points, optimizer)
    while True:
        tried = by_rate(trainings(curves, problem, target))
        grid, best = tried["learning_rate"], float(tried.loc[tried["best"], "learning_rate"].item())
        if not beyond or grid.min() < best < grid.max():
            return best, curves
        further = best / 2 if best == grid.min() else best * 2
        curves = pd.concat([curves, curves_at_points(run, problem, (further,), points, optimizer)], ignore_index=True)
        beyond -= 1


def curves_at_points(
    run: Run,
    problem: Problem,
    rates: tuple[float, ...],
    points: int,
    optimizer: Optimizer = Optimizer(),  # noqa: B008 - frozen
) -> pd.DataFrame:
    """The curves of `replay` with policy (its label) in front, at as many points whatever the policy.

    Points are evenly spaced over the updates. Where updates are fewer, the parameters between two of them are those of
    the first one, and time passes evenly.
    """
    curves = replay(run, problem, rates, points=points, **vars(optimizer))
    curves.insert(0, "policy", run.scenario.policy.label)
    measured = min(points, updates_of(run.schedule))
    if measured == points:
        return curves
    place = np.arange(points + 1) * measured / points
    before = np.floor(place + 1e-9).astype(int)
    rows = np.arange(0, len(curves), measured + 1)[:, None] + before
    time = curves["time_ms"].to_numpy()
    passed = (place - before) * (time[np.minimum(rows + 1, len(time) - 1)] - time[rows])
    return curves.take(rows.ravel()).reset_index(drop=True).assign(time_ms=(time[rows] + passed).ravel())


def local_steps(schedule: Schedule) -> int:
    """How many steps workers take on their own before parameters are averaged; 0 where gradients are averaged."""
    if schedule.averages is None:
        return 0
    _, workers, _ = schedule.shape
    update = np.broadcast_to(schedule.update_number, schedule.shape)[..., 0]
    return int(np.bincount(update[update >= 0]).max()) // workers * schedule.averages.fragments


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


def rates_for(schedule: Schedule, optimizer: Optimizer = Optimizer()) -> tuple[float, ...]:  # noqa: B008 - frozen
    """Learning rates to choose a policy's best from: as many for each, shifted down by powers of two as it is stale.

    The largest stable rate falls with staleness as `delay_stability_limit` says, and the best one along with it; less
    so where stale gradients count less. With momentum a step lasts 1/(1 − μ) times as long.
    """
    fresh = schedule.averaged  # local steps are taken at the worker's own parameters
    stale = 0.0 if fresh else schedule.staleness[schedule.staleness >= 0].mean()
    limit = delay_stability_limit(stale) * (stale + 1 if optimizer.staleness_aware else 1)
    shift = round(np.log2(limit / delay_stability_limit(0) * (1 - optimizer.momentum)))
    return tuple(rate * 2.0**shift for rate in FRESH_GRID)


def for_training(workload: W, gradients: int) -> W:
    """The workload, or scenario, with as many batches a worker as make about so many gradients, at least one."""
    batches = round(whole("gradients", gradients, 1, 100_000) / workload.workers)
    return replace(workload, batches=max(1, batches))
