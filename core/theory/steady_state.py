"""Figures of many runs at once, one a run; those of a steady state are measured while all workers are at work.

first and last number updates, 0 first: figures are of the updates from first on, last left out. First lies far enough
from the start that it is forgotten: exponential times forget at once, ±20 % within a hundred batches of every worker.
"""

from typing import Any

import numpy as np

from core.policies.base import Policy
from core.scenario import Scenario
from core.schedule.schedule import Schedule
from core.simulation.paired import compare, replicate
from core.workload.draws import Draws


def epochs_ms(*, runs: int, per: float = 1, **question: Any) -> np.ndarray:
    """Whole epochs, ms; over their batches or their updates, where it is said how many."""
    return replicate(Scenario(**question), runs)["epoch_ms"].to_numpy() / per


def idle_percent(*, runs: int, **question: Any) -> np.ndarray:
    """Idle share of whole runs, %."""
    return replicate(Scenario(**question), runs)["idle_percent"].to_numpy()


def mean_staleness_of_runs(*, runs: int, **question: Any) -> np.ndarray:
    """Mean staleness of whole runs, updates."""
    return replicate(Scenario(**question), runs)["mean_staleness"].to_numpy()


def epoch_ratios(one: Policy, other: Policy, *, runs: int = 100, **question: Any) -> np.ndarray:
    """Epochs of one policy over those of another on the same draws."""
    epochs = compare(Scenario(**question), [one, other], runs)["epoch_ms"].to_numpy()
    return epochs[:runs] / epochs[runs:]


def schedule_of(runs: int, **question: Any) -> Schedule:
    """The schedule of so many runs of a scenario."""
    scenario = Scenario(**question)
    return scenario.policy.schedule(Draws(scenario, runs=runs))


def made_ms(schedule: Schedule, update: int) -> np.ndarray:
    """When an update was made, ms; ValueError where a worker was done for good by then."""
    made = np.where(schedule.update_number == update, schedule.applied_ms, 0).max(axis=(0, 1))
    if (made > schedule.finish_ms.min(axis=0)).any():
        raise ValueError(f"update {update}: a worker is done before it.")
    return made


def time_per_update(*, first: int, last: int, runs: int = 100, **question: Any) -> np.ndarray:
    """Time from one update to the next, ms."""
    schedule = schedule_of(runs, **question)
    return (made_ms(schedule, last) - made_ms(schedule, first)) / (last - first)


def throughput(*, first_ms: float, last_ms: float, runs: int = 100, **question: Any) -> np.ndarray:
    """Gradients applied a second between two times; ValueError where a worker is done for good before the last."""
    schedule = schedule_of(runs, **question)
    if (schedule.finish_ms < last_ms).any():
        raise ValueError(f"{last_ms} ms: a worker is done before.")
    applied = np.broadcast_to(schedule.applied_ms, schedule.shape)
    counted = (applied >= first_ms) & (applied < last_ms) & (True if schedule.used is None else schedule.used)
    return 1000 * counted.sum(axis=(0, 1)) / (last_ms - first_ms)


def throughput_ratios(one: Policy, other: Policy, **window_and_question: Any) -> np.ndarray:
    """One policy's throughput between two times over another's on the same draws."""
    rates = [throughput(policy=policy, **window_and_question) for policy in (one, other)]
    return rates[0] / rates[1]


def staleness_of(first: int, last: int, runs: int, question: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Staleness of gradients, and which of them made these updates, (rows, workers, runs)."""
    schedule = schedule_of(runs, **question)
    made_ms(schedule, last)
    return schedule.staleness, (schedule.update_number >= first) & (schedule.update_number < last)


def mean_staleness(*, first: int, last: int, runs: int = 100, **question: Any) -> np.ndarray:
    """Mean staleness, updates. It has no bias: over a steady state's updates it is a sum that telescopes."""
    staleness, counted = staleness_of(first, last, runs, question)
    return np.where(counted, staleness, 0).sum(axis=(0, 1)) / counted.sum(axis=(0, 1))


def share_of_staleness(value: int, *, first: int, last: int, runs: int = 100, **question: Any) -> np.ndarray:
    """Share of the gradients that are just so stale, %."""
    staleness, counted = staleness_of(first, last, runs, question)
    return 100 * (counted & (staleness == value)).sum(axis=(0, 1)) / counted.sum(axis=(0, 1))


def time_per_batch(*, first: int, runs: int, **question: Any) -> np.ndarray:
    """Time between batches of the same worker, from its batch first on, on average over workers, ms.

    Of policies that look back only: how a run ends does not change when a batch is applied.
    """
    applied = schedule_of(runs, **question).applied_ms
    return (applied[-1] - applied[first]).mean(axis=0) / (len(applied) - 1 - first)
