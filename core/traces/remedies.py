"""What a measured run would have taken otherwise: the same compute times under every policy, and with repairs."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.common.validation import TIME_RANGE_MS
from core.common.wording import counted
from core.policies import Asynchronous, BackupWorkers, KAsync, LocalSGD, Rebalanced, StaleSynchronous
from core.policies.base import Policy
from core.scenario import Scenario
from core.schedule.metrics import Metrics
from core.simulation.run import Run, simulate
from core.traces.fits import found_hiccups, usual_ms
from core.traces.trace import Trace
from core.workload.compute_laws import Measured

AS_MEASURED = "Synchronous, as measured"


@dataclass(frozen=True, kw_only=True, eq=False)
class Remedy:
    """One way to run the measured mini-batches, and what it takes.

    Attributes:
        name: a policy's label, or what is repaired.
        scenario: what was simulated.
        metrics: its figures, for as many mini-batches as were measured.
        epoch_ms: its epoch, ms, for as many mini-batches as were measured.
        pays: what it costs beside time, in a sentence.
        exact: whether it needed no more steps than were measured; others are whole measured steps drawn again.

    """

    name: str
    scenario: Scenario
    metrics: Metrics
    epoch_ms: float
    pays: str
    exact: bool


def measured_scenario(trace: Trace) -> Scenario:
    """A scenario that replays a trace: its compute times, its network cost, a barrier after each step."""
    return Scenario(
        workers=trace.workers,
        batches=trace.steps,
        compute=trace.to_law(),
        network=trace.to_network(),
    )


def what_if(trace: Trace) -> list[Remedy]:
    """What a measured run would have taken under every policy and with repairs: the same compute times, replayed.

    Every barrier pays the measured network cost, and so does every push where there is none; contention at a server is
    not in it.

    Args:
        trace: what was measured, as `read_trace` returns it.

    Returns:
        The measured run (named "Synchronous, as measured") and every remedy, the fastest first; of one worker the
        measured run alone. `what_if_table` makes a table of them.

    Raises:
        ScenarioError: for what is not a trace, and for one above 4,096 workers, 100,000 steps or 1,000,000
            mini-batches.

    Example:
        >>> from core import read_trace, what_if
        >>> from core.traces import sample_files
        >>> [remedy.name for remedy in what_if(read_trace(sample_files()))][:2]
        ['Asynchronous (shared queue)', 'Without hiccups']

    """
    Trace.checked(trace)
    scenario = measured_scenario(trace)
    remedies = [remedy(AS_MEASURED, simulate(scenario), "Nothing.")]
    if scenario.workers > 1:
        remedies += [under(scenario, policy) for policy in policies(scenario.workers)]
        remedies += repairs(scenario, trace)
    return sorted(remedies, key=lambda one: one.epoch_ms)


def remedy(name: str, run: Run, pays: str) -> Remedy:
    """A remedy by its run."""
    return Remedy(
        name=name,
        scenario=run.scenario,
        metrics=run.metrics,
        epoch_ms=run.metrics.epoch_ms,
        pays=pays,
        exact=run.schedule.shape[0] <= run.scenario.batches,
    )


def what_if_table(remedies: list[Remedy]) -> pd.DataFrame:
    """A row per remedy, in their order: what it saves of the measured epoch, and what it pays.

    Args:
        remedies: what `what_if` returned.

    Returns:
        Columns remedy, epoch_ms, saved_ms and saved_percent (of the measured epoch), some metrics, exact, pays.

    """
    measured = next(remedy.epoch_ms for remedy in remedies if remedy.name == AS_MEASURED)
    names = ("idle_percent", "cancelled_percent", "mean_staleness", "updates", "gradients_per_update")
    return pd.DataFrame(
        {
            "remedy": remedy.name,
            "epoch_ms": remedy.epoch_ms,
            "saved_ms": measured - remedy.epoch_ms,
            "saved_percent": 100 * (1 - remedy.epoch_ms / measured),
            **{name: getattr(remedy.metrics, name) for name in names},
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
            apart, averages = counted(policy.period, "mini-batch", "mini-batches"), counted(figures.updates, "average")
            pays = f"Workers train up to {apart} apart: {averages}, not {steps}."
        case BackupWorkers():
            pays = (
                f"{figures.cancelled_percent:.1f} % of the workers' time is thrown away; an update averages "
                f"{counted(policy.wait_for, 'gradient')}, not {scenario.workers}."
            )
        case _:
            pays = (
                f"Gradients {figures.mean_staleness:.1f} updates stale on average; an update averages "
                f"{figures.gradients_per_update:.3g}, not {scenario.workers}."
            )
    return remedy(policy.label, run, pays)


def repairs(scenario: Scenario, trace: Trace) -> list[Remedy]:
    """The same policy with other workers: without the slowest, all at the median, and without hiccups if there are."""
    compute, workers, names = trace.compute_ms, trace.workers, trace.worker_names
    means = compute.mean(axis=0)
    worst, median = means.argmax(), np.median(means)
    hiccups = found_hiccups(compute)
    cases = [
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
        cured = np.clip(np.where(hiccups, usual_ms(compute), compute), *TIME_RANGE_MS)
        cases.append(
            ("Without hiccups", cured, "What makes single mini-batches take over twice as long is found and removed.")
        )
    remedies = []
    for name, times, pays in cases:
        changed = replace(scenario, workers=times.shape[1], compute=Measured(compute_ms=times))
        found = remedy(name, simulate(changed), pays)
        scale = scenario.work / changed.work
        whole = replace(found.metrics, epoch_ms=scale * found.epoch_ms, updates=round(scale * found.metrics.updates))
        remedies.append(replace(found, epoch_ms=whole.epoch_ms, metrics=whole))
    return remedies
