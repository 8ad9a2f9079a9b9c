"""Real training over a schedule: each gradient is taken where its worker read, and applied when the schedule says."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from core.common.validation import MAX_WORK, ScenarioError, real, shown, whole
from core.common.wording import counted
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


def replay(
    run: Run, problem: Problem, learning_rate: float | Iterable[float], *, points: int | None = None
) -> pd.DataFrame:
    """The loss along a run, from real SGD on the run's own stale gradients: a row for the start and for every update.

    A schedule of several runs trains each from its own initial parameters on its own samples; both depend on the
    scenario's seed and the number of the run alone.

    A gradient is that of its own mini-batch, at the parameters that its worker read. An update takes learning rate ×
    the mean of its gradients off the parameters, or averages those of workers that took local steps. Mini-batch
    (row j, worker w) is number j·N + w of one stream of samples: policies meet the same ones, and a mini-batch that
    is not used skips its samples.

    Args:
        run: whose schedule is trained on, as `simulate` returns it.
        problem: what is trained, such as `core.learning.Digits()` or `core.learning.NoisyQuadratic()`.
        learning_rate: a number, or up to 32 different ones, each trained on its own.
        points: measure only so many updates, evenly spaced; all by default.

    Returns:
        Columns: run, learning_rate, update (how many there have been), samples (used by then), time_ms, and the
        problem's measures. A training is given up when a measured loss is not finite or more than 100 times the one at
        the start: its measures are NaN from there on.

    Raises:
        ScenarioError: for a learning rate that is not a positive number, and for too much work.

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
    schedule, rates = run.schedule, several_rates(learning_rate)
    updates = updates_of(schedule)
    points = updates if points is None else min(whole("points", points, 1, MAX_WORK), updates)
    check_cost(schedule, problem, len(rates), points)
    keep_freed_memory()
    use = used_gradients(schedule)
    versions = np.linspace(0, updates, points + 1).round().astype(int)
    measures = in_parts(schedule, use, problem, np.array(rates), run.scenario.seed, versions)
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
    """The gradients that the updates of a schedule used."""
    rows, workers, runs = schedule.shape
    update, version, applied = (
        np.broadcast_to(values, schedule.shape).transpose(2, 1, 0).reshape(runs, -1)
        for values in (schedule.update, schedule.version, schedule.applied_ms)
    )
    order = np.argsort(update, axis=1, kind="stable")[:, rows * workers - schedule.gradients :]  # unused ones are first
    update, version, applied = (np.take_along_axis(values, order, axis=1) for values in (update, version, applied))
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
        raise ScenarioError(
            "failures.recovery: with elastic recovery updates differ from run to run, which is not trained; take "
            "rollback, or a policy without a barrier."
        )
    return int(updates[0])


def in_parts(
    schedule: Schedule, use: Used, problem: Problem, rates: np.ndarray, seed: int, versions: np.ndarray
) -> dict[str, np.ndarray]:
    """What `train` measures of every run and rate, as many of them side by side as memory allows."""
    needed = numbers_kept(schedule, problem)
    copies = max(1, MAX_NUMBERS // max(needed["copy"].values()))
    several = max(1, min(copies // len(rates), MAX_NUMBERS // max(needed["run"].values())))
    by_runs = []
    for runs in parts(np.arange(schedule.shape[2]), several):
        by_rates = [train(schedule, use, problem, some, seed, versions, runs) for some in parts(rates, copies)]
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

    Returns:
        {measure: (runs, learning rates, versions)}.

    """
    rows, workers, _ = schedule.shape
    samples = np.stack([problem.mini_batches(stream(seed, SAMPLES, run), rows * workers) for run in numbers])
    start = np.stack([problem.start(stream(seed, INITIAL, run)) for run in numbers])
    kept = np.empty((versions_kept(schedule), *start.shape[:1], len(rates), problem.size))  # v is kept[v % len(kept)]
    kept[0] = start[:, None]
    measures = [measured(problem, kept[0])]
    most = DIVERGED * measures[0]["loss"]
    every, step, wanted = np.arange(len(numbers))[:, None], rates[:, None], set(versions.tolist())
    samples, version = samples[every, use.batch[numbers]], use.version[numbers]
    slots, newest = version % len(kept), np.arange(updates_of(schedule)).repeat(np.diff(use.first))
    fresh = np.logical_and.reduceat((version == newest).all(axis=0), use.first[:-1])
    with np.errstate(all="ignore"):
        for update in range(updates_of(schedule)):
            mine = slice(use.first[update], use.first[update + 1])
            batches, read_at = samples[:, mine], slots[:, mine]
            now, after = kept[update % len(kept)], kept[(update + 1) % len(kept)]
            if schedule.averaged:
                read = kept[read_at[:, :: read_at.shape[1] // workers], every]
                after_local_steps(problem, read, batches, step).mean(axis=1, out=after)
            else:
                slope = (
                    problem.gradient(now, batches) if fresh[update] else mean_gradient(problem, kept, read_at, batches)
                )
                np.subtract(now, np.multiply(step, slope, out=slope), out=after)
            if update + 1 in wanted:
                values = measured(problem, after)
                diverged = ~(values["loss"] <= most)
                after[diverged] = np.nan
                measures.append({name: np.where(diverged, np.nan, value) for name, value in values.items()})
    return {name: np.stack([one[name] for one in measures], axis=-1) for name in measures[0]}


def mean_gradient(problem: Problem, kept: np.ndarray, read_at: np.ndarray, batches: np.ndarray) -> np.ndarray:
    """The mean gradient of an update's mini-batches, each at the version that its worker read.

    Args:
        problem: what is trained.
        kept: the last versions of the parameters, (versions, runs, learning rates, size).
        read_at: which of them each gradient read, (runs, gradients).
        batches: the mini-batches, (runs, gradients, *batch_shape).

    """
    every = np.arange(len(read_at))
    if read_at.shape[1] == 1:
        return problem.gradient(kept[read_at[:, 0], every], batches)
    read = kept[read_at, every[:, None]]
    return problem.gradient(merged(read), merged(batches)[:, None]).reshape(read.shape).mean(axis=1)


def after_local_steps(problem: Problem, read: np.ndarray, batches: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Each worker's parameters after a step on each of its own mini-batches, (runs, workers, learning rates, size)."""
    own, local = batches.reshape(*read.shape[:2], -1, *batches.shape[2:]), merged(read)
    for turn in range(own.shape[2]):
        local = local - step * problem.gradient(local, merged(own[:, :, turn])[:, None])
    return local.reshape(read.shape)


def merged(array: np.ndarray) -> np.ndarray:
    """Its first two axes as one: what workers do side by side looks like more runs."""
    return array.reshape(-1, *array.shape[2:])


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
    _, _, runs = schedule.shape
    cost = max(LEAST_COST, runs * rates * problem.size * problem.batch)
    if schedule.gradients * cost > MAX_COST:
        raise ScenarioError(
            f"gradients × runs × learning rates × parameters × batch: {schedule.gradients:,} × {runs:,} × {rates:,} × "
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
    update = np.broadcast_to(schedule.update, schedule.shape)[..., 0]
    versions, together = versions_kept(schedule), int(np.bincount(update[update >= 0]).max())
    return {
        "copy": {
            f"{versions:,} versions of the parameters": versions * problem.size,
            f"{together:,} gradients of one update": together * problem.size,
        },
        "run": {f"samples of {rows * workers:,} mini-batches": rows * workers * math.prod(problem.batch_shape)},
    }


def measured(problem: Problem, parameters: np.ndarray) -> dict[str, np.ndarray]:
    """The problem's measures, each (runs, learning rates); a few copies at a time, for the memory that it takes."""
    each = [problem.measure(some) for some in parts(merged(parameters), MEASURED_TOGETHER)]
    return {name: np.concatenate([one[name] for one in each]).reshape(parameters.shape[:2]) for name in each[0]}
