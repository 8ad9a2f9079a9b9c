"""Numbers about a schedule: where the time went, and how stale the gradients were."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from core.schedule.schedule import PHASES, Schedule, summed

FEWEST_FOR_TAILS = 40  # with fewer runs than this, "the middle 95 %" are all of them


def figure(label: str, unit: str, meaning: str) -> Any:
    """A field of `Metrics`, or of a class like it.

    Args:
        label: what people call it.
        unit: what it is in; empty for a count.
        meaning: what it says, in a sentence.

    """
    return field(metadata={"label": label, "unit": unit, "meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The figures of one run; `FIGURES` has the label, the unit and the meaning of each.

    utilization, wait, comm, cancelled, down and tail are shares of N·epoch and add up to 100 %; idle has a base of its
    own.
    """

    epoch_ms: float = figure("Epoch time", "ms", "Until the last worker is done, its last network time included.")
    idle_percent: float = figure("Idle", "%", "Waiting as a share of computing + waiting; network time is in neither.")
    throughput: float = figure("Throughput", "/s", "Mini-batches per second whose gradients were used.")
    utilization_percent: float = figure(
        "Utilization", "%", "Share of the workers' time that went into computing gradients that were used."
    )
    wait_percent: float = figure("Wait", "%", "Share of the workers' time spent waiting.")
    comm_percent: float = figure("Communication", "%", "Share of the workers' time spent on the network.")
    cancelled_percent: float = figure("Cancelled", "%", "Share of the workers' time spent on work thrown away.")
    down_percent: float = figure("Down", "%", "Share of the workers' time in which they had failed and were not back.")
    tail_percent: float = figure(
        "Tail", "%", "Share of the workers' time after their last mini-batch, while others went on."
    )
    failures: int = figure("Failures", "", "Failures of workers, without those that fell into their own down time.")
    updates: int = figure("Updates", "", "Changes of the shared parameters in the epoch.")
    gradients_per_update: float = figure(
        "Gradients per update",
        "",
        "Gradients that go into one update; with local SGD, by way of the parameters that it averages.",
    )
    mean_staleness: float = figure(
        "Mean staleness",
        "updates",
        "Updates applied between a gradient's parameter read and its own application, on average.",
    )
    p95_staleness: float = figure("p95 staleness", "updates", "95 % of the gradients were at most this stale.")
    max_staleness: int = figure("Max staleness", "updates", "The stalest gradient of the run.")


FIGURES = {f.name: f.metadata for f in fields(Metrics)}
"""Label, unit and meaning of every metric, by name."""
PARTS = {
    "compute": "utilization_percent",
    "wait": "wait_percent",
    "comm": "comm_percent",
    "cancelled": "cancelled_percent",
    "down": "down_percent",
    "tail": "tail_percent",
}
"""Phases, and what share of an epoch each takes."""


def phase_ms(schedule: Schedule) -> dict[str, np.ndarray]:
    """Each worker's time in each phase and in the tail: {phase: (workers, runs)} in ms."""
    workers_and_runs = schedule.shape[1:]
    total = {phase: np.zeros(workers_and_runs) for phase in PHASES}
    for stretch in schedule.stretches:
        total[stretch.phase] += stretch.took_ms()
    epoch = schedule.finish_ms.max(axis=0)
    return {**total, "tail": np.broadcast_to(epoch - schedule.finish_ms, workers_and_runs)}


def wait_ms(schedule: Schedule) -> dict[str, np.ndarray]:
    """Each worker's waiting by its reason: {reason: (workers, runs)} in ms, without reasons for which nobody waited."""
    total: dict[str, np.ndarray] = {}
    for stretch in schedule.stretches:
        if stretch.phase == "wait":
            total.setdefault(stretch.reason, np.zeros(schedule.shape[1:]))
            total[stretch.reason] += stretch.took_ms()
    return {reason: ms for reason, ms in total.items() if ms.any()}


def measure(schedule: Schedule) -> dict[str, np.ndarray]:
    """Every figure of `Metrics` for every run: {name: (runs,)}."""
    _, workers, runs = schedule.shape
    epoch = schedule.finish_ms.max(axis=0)
    total = {phase: summed(ms) for phase, ms in phase_ms(schedule).items()}
    share = {phase: 100 * ms / (workers * epoch) for phase, ms in total.items()}
    gradients = schedule.gradients
    return {
        "epoch_ms": epoch,
        "idle_percent": 100 * total["wait"] / (total["compute"] + total["wait"]),
        "throughput": 1000 * gradients / epoch,
        "utilization_percent": share["compute"],
        "wait_percent": share["wait"],
        "comm_percent": share["comm"],
        "cancelled_percent": share["cancelled"],
        "down_percent": share["down"],
        "tail_percent": share["tail"],
        "failures": np.zeros(runs, dtype=np.int64) if schedule.failures is None else schedule.failures,
        "updates": np.full(runs, schedule.updates),
        "gradients_per_update": np.full(runs, gradients / schedule.updates),
        **staleness_figures(schedule),
    }


def staleness_figures(schedule: Schedule) -> dict[str, np.ndarray]:
    """Mean, 95th percentile (linear between ranks, as NumPy's default) and maximum over the gradients used."""
    if (schedule.update <= schedule.version).all():  # every gradient is fresh
        fresh = {"mean_staleness": 0.0, "p95_staleness": 0.0, "max_staleness": 0}
        return {name: np.full(schedule.shape[2:], value) for name, value in fresh.items()}
    staleness = schedule.staleness
    ranked = np.sort(staleness.transpose(2, 1, 0).reshape(staleness.shape[2], -1), axis=-1)
    if schedule.used is not None:
        ranked = ranked[:, -schedule.gradients :]  # the unused ones came first
    place = 0.95 * (ranked.shape[-1] - 1)
    below, above = ranked[:, int(place)], ranked[:, int(np.ceil(place))]
    figures = {
        "mean_staleness": ranked.mean(axis=-1),
        "p95_staleness": below + (place - int(place)) * (above - below),
        "max_staleness": ranked[:, -1].astype(np.int64),
    }
    return {name: np.broadcast_to(values, schedule.shape[2:]) for name, values in figures.items()}
