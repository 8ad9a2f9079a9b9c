"""What a measured run would have taken otherwise: the same compute times under every policy, and with repairs."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.compute import Measured
from core.fits import found_hiccups, usual_ms
from core.parts import TIME_RANGE_MS
from core.policies import Asynchronous, BackupWorkers, KAsync, LocalSGD, Policy, Rebalanced, StaleSynchronous
from core.scenario import Scenario
from core.simulate import Run, simulate
from core.traces import Trace, some_steps

AS_MEASURED = "Synchronous, as measured"
MOST_WORK = 20_000  # mini-batches that are replayed; of a longer trace, its first steps


@dataclass(frozen=True, kw_only=True, eq=False)
class Remedy:
    """One way to run the measured mini-batches, and what it takes."""

    name: str
    run: Run
    epoch_ms: float
    """For as many mini-batches as were measured."""
    pays: str
    """What it costs beside time."""
    exact: bool
    """Whether it needed no more steps than were measured; others are whole measured steps drawn again."""


def measured_scenario(trace: Trace) -> Scenario:
    """A scenario that replays a trace: its compute times, its network cost, a barrier after each step."""
    return Scenario(
        workers=trace.workers,
        batches=trace.steps,
        compute=trace.to_law(),
        network=trace.to_network(),
    )


def what_if(trace: Trace) -> list[Remedy]:
    """The measured run and every remedy, the fastest first; of long traces, evenly spaced steps (20,000 mini-batches).

    The network takes its measured cost from every mini-batch, with a barrier or without one; contention at a server
    is not in it. One worker has no remedies.
    """
    every = -(-trace.work // MOST_WORK)
    replayed = some_steps(trace, slice(None, None, every))
    scenario = measured_scenario(replayed)
    run = simulate(scenario)
    remedies = [Remedy(name=AS_MEASURED, run=run, epoch_ms=run.metrics.epoch_ms, pays="Nothing.", exact=True)]
    if scenario.workers > 1:
        remedies += [under(scenario, policy) for policy in policies(scenario.workers)]
        remedies += repairs(scenario, trace.worker_names)
    scale = trace.steps / replayed.steps
    remedies = [replace(one, epoch_ms=scale * one.epoch_ms, exact=one.exact and every == 1) for one in remedies]
    return sorted(remedies, key=lambda remedy: remedy.epoch_ms)


def what_if_table(remedies: list[Remedy]) -> pd.DataFrame:
    """A row per remedy, in their order: its name, epoch_ms, what it saves of the measured epoch, metrics, its price."""
    measured = next(remedy.epoch_ms for remedy in remedies if remedy.name == AS_MEASURED)
    names = ("idle_percent", "cancelled_percent", "mean_staleness", "updates", "gradients_per_update")
    return pd.DataFrame(
        {
            "remedy": remedy.name,
            "epoch_ms": remedy.epoch_ms,
            "saved_ms": measured - remedy.epoch_ms,
            "saved_percent": 100 * (1 - remedy.epoch_ms / measured),
            **{name: getattr(remedy.run.metrics, name) for name in names},
            "exact": remedy.exact,
            "pays": remedy.pays,
        }
        for remedy in remedies
    )


def policies(workers: int) -> list[Policy]:
    """The policies that are tried on so many workers."""
    backups = [BackupWorkers(wait_for=workers - spare) for spare in (1, 2) if spare < workers]
    return [
        Rebalanced(),
        LocalSGD(period=4),
        LocalSGD(period=16),
        *backups,
        StaleSynchronous(bound=3),
        KAsync(wait_for=max(1, workers // 2)),
        Asynchronous(),
        Asynchronous(assignment="shared"),
    ]


def under(scenario: Scenario, policy: Policy) -> Remedy:
    """The same mini-batches under another policy."""
    run = simulate(replace(scenario, policy=policy))
    figures, steps = run.metrics, scenario.batches
    match policy:
        case Rebalanced():
            size = 1 / scenario.compute.worker_means_ms
            low, high = (bound / size.mean() for bound in (size.min(), size.max()))
            pays = f"Mini-batches {low:.2f} to {high:.2f} times their size; holds while speeds stay as measured."
        case LocalSGD():
            pays = f"Workers train up to {policy.period} mini-batches apart: {figures.updates} averages, not {steps}."
        case BackupWorkers():
            pays = (
                f"{figures.cancelled_percent:.1f} % of the workers' time is thrown away; an update averages "
                f"{policy.wait_for} gradients, not {scenario.workers}."
            )
        case _:
            pays = (
                f"Gradients {figures.mean_staleness:.1f} updates stale on average; an update averages "
                f"{figures.gradients_per_update:.3g}, not {scenario.workers}."
            )
    exact = run.schedule.shape[0] <= steps
    return Remedy(name=policy.label, run=run, epoch_ms=figures.epoch_ms, pays=pays, exact=exact)


def repairs(scenario: Scenario, names: tuple) -> list[Remedy]:
    """The same policy with other workers: without the slowest, all at the median, and without hiccups if there are."""
    compute, workers = np.array(scenario.compute.compute_ms), scenario.workers
    means = compute.mean(axis=0)
    worst, median = means.argmax(), np.median(means)
    hiccups = found_hiccups(compute)
    found = [
        (
            f"Without worker {names[worst]}",
            np.delete(compute, worst, axis=1),
            f"A worker fewer: {workers / (workers - 1):.2f} times as many steps for the same work (counted here).",
        ),
        (
            "All workers at the median",
            np.clip(compute * (median / means), *TIME_RANGE_MS),
            f"Repairs or replacements: worker {names[worst]} becomes {means[worst] / median:.2f} times as fast.",
        ),
    ]
    if hiccups.any():
        cured = np.where(hiccups, usual_ms(compute), compute)
        found.append(
            ("Without hiccups", cured, "What makes single mini-batches take over twice as long is found and removed.")
        )
    remedies = []
    for name, times, pays in found:
        changed = replace(scenario, workers=times.shape[1], compute=Measured(compute_ms=times))
        run = simulate(changed)
        epoch = run.metrics.epoch_ms * scenario.work / changed.work
        remedies.append(Remedy(name=name, run=run, epoch_ms=epoch, pays=pays, exact=True))
    return remedies
