"""Real training over a schedule: each gradient is taken where its worker read, and applied when the schedule says."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from core.common.validation import MAX_WORK, ScenarioError, real, shown, whole
from core.common.wording import counted
from core.learning.optimizers import Gradients, Optimizer, by_averages, by_gradients, merged
from core.learning.problem import Problem
from core.schedule.schedule import Schedule
from core.simulation.paired import keep_freed_memory
from core.simulation.run import Run

INITIAL, SAMPLES = 4, 5  # the streams of random numbers that follow those of core.draws
DIVERGED = 100  # times the loss at the start
MAX_RATES = 32
MEASURED_TOGETHER = 8  # copies whose layers fit a core's cache
MAX_NUMBERS = 2**25  # kept in memory at a time
MAX_COST, LEAST_COST = 80_000_000_000, 16_000  # a gradient costs something even where there is hardly a parameter
UNEVEN = (
    "failures.recovery: with elastic recovery update sizes differ from run to run, which is not trained; take rollback "
    "and synchronous workers, or a policy without a barrier."
)
"""Why an elastic group in which workers fail is not trained."""


def replay(
    run: Run,
    problem: Problem,
    learning_rate: float | Iterable[float],
    *,
    points: int | None = None,
    momentum: float = 0.0,
    outer_rate: float = 1.0,
    outer_momentum: float = 0.0,
    staleness_aware: bool = False,
) -> pd.DataFrame:
    """The loss along a run, from real SGD on the run's own stale gradients: a row for the start and for every update.

    A schedule of several runs trains each from its own initial parameters on its own samples; both depend on the
    scenario's seed and the number of the run alone.

    A gradient is that of its own mini-batch, at the parameters that its worker read. An update takes learning rate ×
    the mean of its gradients off the parameters, or averages those of workers that took local steps, and takes that
    in as late as the schedule says. Mini-batch (row j, worker w) is number j·N + w of one stream of samples: policies
    meet the same ones, and a mini-batch that is not used skips its samples.

    Args:
        run: whose schedule is trained on, as `simulate` returns it.
        problem: what is trained, such as `core.learning.Digits()` or `core.learning.NoisyQuadratic()`.
        learning_rate: a number, or up to 32 different ones, each trained on its own.
        points: measure only so many updates, evenly spaced; all by default.
        momentum: of SGD, from 0 to below 1: at the server, or of each worker's local steps.
        outer_rate: of parameters that are averaged, how far they move from the last average to the new one; 1 is all
            the way.
        outer_momentum: Nesterov momentum of these moves. DiLoCo: 0.9, with an outer rate of 0.7.
        staleness_aware: whether a gradient that is τ updates stale counts 1/(τ + 1).

    Returns:
        Columns: run, learning_rate, update (how many there have been), samples (used by then), time_ms, and the
        problem's measures. A training is given up when a measured loss is not finite or more than 100 times the one at
        the start: its measures are NaN from there on.

    Raises:
        ScenarioError: for a learning rate that is not a positive number, a momentum that is not below 1, and for too
            much work.

    Source:
        `core.learning.optimizers.Optimizer`.

    Example:
        >>> from core import Scenario, replay, simulate
        >>> from core.learning import NoisyQuadratic
        >>> curve = replay(simulate(Scenario()), NoisyQuadratic(), 0.1, points=2)
        >>> curve[["update", "samples", "loss"]].round(2).values.tolist()
        [[0.0, 0.0, 0.72], [5.0, 320.0, 0.36], [10.0, 640.0, 0.2]]

    """
    if not isinstance(run, Run):
        raise ScenarioError(f"run: {shown(run)} is not a Run.")
    check_problem(problem)
    optimizer = Optimizer(
        momentum=momentum, outer_rate=outer_rate, outer_momentum=outer_momentum, staleness_aware=staleness_aware
    )
    schedule, rates = run.schedule, several_rates(learning_rate)
    updates = updates_of(schedule)
    points = updates if points is None else min(whole("points", points, 1, MAX_WORK), updates)
    check_cost(schedule, problem, len(rates), points)
    keep_freed_memory()
    use = used_gradients(schedule)
    versions = np.linspace(0, updates, points + 1).round().astype(int)
    measures = in_parts(schedule, use, problem, np.array(rates), run.scenario.seed, versions, optimizer)
    columns = {
        "run": np.arange(schedule.shape[2])[:, None, None],
        "learning_rate": np.array(rates)[:, None],
        "update": versions,
        "samples": use.first[versions] * problem.batch,
        "time_ms": use.time_ms[:, None, versions],
        **measures,
    }
    shape = columns["loss"].shape
    return pd.DataFrame({name: np.broadcast_to(values, shape).ravel() for name, values in columns.items()})


@dataclass(frozen=True, eq=False)
class Used:
    """The gradients that updates used, (runs, gradients): in the order of updates; in one update, worker by worker."""

    batch: np.ndarray
    """Number of its mini-batch in the stream of samples."""
    version: np.ndarray
    """How many updates the parameters had seen when they were read."""
    first: np.ndarray
    """Where each update's gradients begin, and after the last one, (updates + 1,): the same in every run."""
    time_ms: np.ndarray
    """When the parameters of each version came to be, 0 for the initial ones, (runs, updates + 1)."""


def used_gradients(schedule: Schedule) -> Used:
    """The gradients that the updates of a schedule used.

    Raises:
        ScenarioError: where the sizes of updates differ from run to run.

    """
    rows, workers, runs = schedule.shape
    update, version, applied = (
        np.broadcast_to(values, schedule.shape).transpose(2, 1, 0).reshape(runs, -1)
        for values in (schedule.update_number, schedule.version, schedule.applied_ms)
    )
    order = np.argsort(update, axis=1, kind="stable")[:, rows * workers - schedule.gradients :]  # unused ones are first
    update, version, applied = (np.take_along_axis(values, order, axis=1) for values in (update, version, applied))
    if (update != update[0]).any():
        raise ScenarioError(UNEVEN)
    first = np.searchsorted(update[0], np.arange(updates_of(schedule) + 1))
    worker, row = np.divmod(order, rows)
    if schedule.batch is not None:
        batches = schedule.batches.transpose(2, 1, 0).reshape(runs, -1)
        row = np.take_along_axis(batches, order, axis=1)
    times = np.maximum.reduceat(applied, first[:-1], axis=1)
    return Used(row * workers + worker, version, first, np.insert(times, 0, 0.0, axis=1))


def updates_of(schedule: Schedule) -> int:
    """How many updates every run of a schedule has.

    Raises:
        ScenarioError: where runs differ, and where local steps are averaged of workers that come and go.

    """
    updates = np.unique(schedule.updates)
    if len(updates) > 1 or (schedule.averaged and schedule.failures is not None and np.ndim(schedule.updates)):
        raise ScenarioError(UNEVEN)
    return int(updates[0])


def in_parts(
    schedule: Schedule,
    use: Used,
    problem: Problem,
    rates: np.ndarray,
    seed: int,
    versions: np.ndarray,
    optimizer: Optimizer,
) -> dict[str, np.ndarray]:
    """What `train` measures of every run and rate, as many of them side by side as memory allows."""
    needed = numbers_kept(schedule, problem)
    copies = max(1, MAX_NUMBERS // max(needed["copy"].values()))
    several = max(1, min(copies // len(rates), MAX_NUMBERS // max(needed["run"].values())))
    by_runs = []
    for runs in parts(np.arange(schedule.shape[2]), several):
        by_rates = [
            train(schedule, use, problem, some, seed, versions, runs, optimizer) for some in parts(rates, copies)
        ]
        by_runs.append({name: np.concatenate([one[name] for one in by_rates], axis=1) for name in by_rates[0]})
    return {name: np.concatenate([one[name] for one in by_runs]) for name in by_runs[0]}


def parts(values: np.ndarray, most: int) -> list[np.ndarray]:
    """The values in parts of at most so many."""
    return np.split(values, range(most, len(values), most))


def train(
    schedule: Schedule,
    use: Used,
    problem: Problem,
    rates: np.ndarray,
    seed: int,
    versions: np.ndarray,
    numbers: np.ndarray,
    optimizer: Optimizer,
) -> dict[str, np.ndarray]:
    """The problem's measures at some versions of the parameters.

    Args:
        schedule: of one run or more.
        use: the gradients that its updates use.
        problem: what is trained.
        rates: the learning rates.
        seed: what initial parameters and samples depend on, with the number of the run.
        versions: those that are measured: after how many updates, 0 first.
        numbers: which runs of the schedule are trained.
        optimizer: what is added to plain SGD.

    Returns:
        {measure: (runs, learning rates, versions)}.

    """
    rows, workers, _ = schedule.shape
    samples = np.stack([problem.mini_batches(stream(seed, SAMPLES, run), rows * workers) for run in numbers])
    start = np.stack([problem.start(stream(seed, INITIAL, run)) for run in numbers])
    start = np.repeat(start[:, None], len(rates), axis=1)
    measures = [measured(problem, start)]
    most, wanted = DIVERGED * measures[0]["loss"], set(versions.tolist())
    if schedule.averages:
        ends = np.broadcast_to(schedule.averages.ends, (updates_of(schedule), *schedule.shape[1:]))
        averages = replace(schedule.averages, ends=ends[..., numbers].transpose(0, 2, 1))
        by_worker = samples.reshape(len(numbers), rows, workers, *problem.batch_shape)
        moves = by_averages(problem, start, rates, by_worker, averages, optimizer)
    else:
        batches = samples[np.arange(len(numbers))[:, None], use.batch[numbers]]
        gradients = Gradients(batches, use.version[numbers], use.first)
        moves = by_gradients(problem, start, rates, gradients, versions_kept(schedule), optimizer)
    with np.errstate(all="ignore"):
        for version, after in enumerate(moves, start=1):
            if version in wanted:
                values = measured(problem, after)
                diverged = ~(values["loss"] <= most)
                after[diverged] = np.nan
                measures.append({name: np.where(diverged, np.nan, value) for name, value in values.items()})
    return {name: np.stack([one[name] for one in measures], axis=-1) for name in measures[0]}


def versions_kept(schedule: Schedule) -> int:
    """How many versions of the parameters are needed at a time."""
    return int(schedule.staleness.max()) + 1


def stream(seed: int, concern: int, run: int) -> np.random.Generator:
    """Random numbers for one concern of one run."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(concern, run)))


def check_problem(problem: Problem) -> None:
    """ScenarioError where it is no problem."""
    if not isinstance(problem, Problem):
        raise ScenarioError(f"problem: {shown(problem)} is not a problem.")


def several_rates(values: Any) -> tuple[float, ...]:
    """One learning rate or several as a tuple, or ScenarioError when they are not different positive numbers."""
    try:
        several = list(islice(values, MAX_RATES + 1))
    except TypeError:
        several = [values]
    rates = tuple(real("learning_rate", value, 0, 1e6, above=True) for value in several)
    if not 1 <= len(rates) <= MAX_RATES or len(set(rates)) < len(rates):
        raise ScenarioError(f"learning_rate: {shown(values)} is not 1 to {MAX_RATES} different numbers.")
    return rates


def check_cost(schedule: Schedule, problem: Problem, rates: int, points: int) -> None:
    """Check that a replay takes no more than some minutes, and no training more than about 1 GB.

    Args:
        schedule: what is replayed.
        problem: what is trained.
        rates: how many learning rates.
        points: how many updates are measured.

    Raises:
        ScenarioError: where it takes more.

    """
    rows, workers, runs = schedule.shape
    gradients = rows * workers if schedule.averaged else schedule.gradients  # who has no step left waits for the others
    cost = max(LEAST_COST, runs * rates * problem.size * problem.batch)
    if gradients * cost > MAX_COST:
        raise ScenarioError(
            f"gradients × runs × learning rates × parameters × batch: {gradients:,} × {runs:,} × {rates:,} × "
            f"{problem.size:,} × {problem.batch:,} is too much; one call takes at most {MAX_COST // cost:,} gradients."
        )
    needed = numbers_kept(schedule, problem)
    for what, numbers in (
        *needed["copy"].items(),
        *needed["run"].items(),
        (
            f"{points:,} measures of {counted(runs, 'run')} at {counted(rates, 'learning rate')}",
            (points + 1) * runs * rates * 8,
        ),
    ):
        if numbers > MAX_NUMBERS:
            raise ScenarioError(f"run: {what} are {numbers:,} numbers; allowed are at most {MAX_NUMBERS:,} at a time.")


def numbers_kept(schedule: Schedule, problem: Problem) -> dict[str, dict[str, int]]:
    """How many numbers must be kept at a time for each copy (a run at a learning rate), and for each run, by what."""
    rows, workers, _ = schedule.shape
    samples = {f"samples of {rows * workers:,} mini-batches": rows * workers * math.prod(problem.batch_shape)}
    if schedule.averages:
        late = 1 + schedule.averages.delay  # averages under way, at most one after each mini-batch
        each = 4 + min(late, schedule.averages.fragments) / schedule.averages.fragments  # copies of all parameters
        own = {f"parameters of {counted(workers, 'worker')}": round(each * workers * problem.size)}
        return {"copy": own, "run": samples}
    update = np.broadcast_to(schedule.update_number, schedule.shape)[..., 0]
    versions, together = versions_kept(schedule), int(np.bincount(update[update >= 0]).max())
    of_copy = {
        f"{versions:,} versions of the parameters": versions * problem.size,
        f"{together:,} gradients of one update": together * problem.size,
    }
    return {"copy": of_copy, "run": samples}


def measured(problem: Problem, parameters: np.ndarray) -> dict[str, np.ndarray]:
    """The problem's measures, each (runs, learning rates); a few copies at a time, for the memory that it takes."""
    each = [problem.measure(some) for some in parts(merged(parameters), MEASURED_TOGETHER)]
    return {name: np.concatenate([one[name] for one in each]).reshape(parameters.shape[:2]) for name in each[0]}
