"""What the steps of one rank took: computing, and what its collectives hold up."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.common.validation import ScenarioError
from core.traces.profiles.events import ANY_THREAD, Process, Recording
from core.traces.profiles.intervals import covered, outside, outside_while
from core.traces.profiles.names import DEVICE_BACKEND, HOST_BACKEND
from core.traces.profiles.other_tools import advice, only_for_looking
from core.traces.profiles.steps import (
    Launched,
    Steps,
    host_steps,
    joined,
    launched_work,
    lost_steps,
    steps_by_annotations,
    steps_by_launches,
    steps_by_spans,
    with_stand_ins,
    without_lost,
    without_partial,
)


@dataclass(eq=False)
class Costs:
    """A row a step, times in ms, and what is to be said about them."""

    table: pd.DataFrame
    """step, compute_ms; with collectives comm_ms, on a device exposed_ms and gpu_idle_ms."""
    has_collectives: bool
    collectives: float
    """In a step, the median."""
    loader_percent: float
    """Of the time in which the device has nothing to run, the share in the data loader."""
    notes: list[str]


def costs_of(process: Process, recording: Recording) -> Costs:
    """The steps of one rank. Raises ScenarioError, with advice for the tool it is from, where it has none."""
    numbers, host, notes = host_steps(process)
    if not len(numbers) or only_for_looking(recording):
        raise ScenarioError(advice(recording))
    lost_numbers = lost_steps(process)
    numbers, host = with_stand_ins(numbers, host, lost_numbers)
    launched, lost = launched_work(process)
    computing, collectives = process.spans["op"].times(), process.spans["host collective"].times()
    backend = str(recording.about.get("backend"))
    by_backend = DEVICE_BACKEND.search(backend) and not HOST_BACKEND.search(backend)
    runs_on_device = bool(launched.is_collective.any() or process.launched or by_backend)
    if runs_on_device:
        collectives = launched.collectives
    if len(launched.computing):
        computing = launched.computing
    on_device = len(launched.times) > 0 and (runs_on_device or not len(collectives))
    steps = steps_by_launches(numbers, host, launched, lost) if on_device else None
    by_launches, spans = steps is not None, None
    if steps is None:
        spans = steps_by_annotations(process, launched) if on_device else None
        steps = steps_by_spans(*(spans or (numbers, host)), computing, collectives)
        if on_device and not spans:
            notes.append(
                "No launches were recorded that belong to the device's work: steps go by their spans on the CPU, which "
                "may run ahead of the device."
            )
    steps.notes.extend(notes)
    steps = without_partial(joined(steps if spans else without_lost(steps, lost_numbers)))
    if runs_on_device and not len(collectives):
        steps.notes.append(without_device(process, launched, backend))
    exposed = outside(collectives, computing, steps.windows)
    if by_launches:
        holding = np.concatenate([launched.pending(), blocked(process)])
        blocking = np.minimum(outside_while(collectives, computing, holding, steps.windows), exposed)
    else:
        blocking = exposed
    costs = table_of(steps, exposed, blocking, len(collectives) > 0)
    return with_idle_device(costs, steps, exposed, launched, process) if by_launches else costs


def without_device(process: Process, launched: Launched, backend: str) -> str:
    """What to say where collectives were launched and none was recorded."""
    launches = f"Launches of collectives ({', '.join(sorted(process.launched)[:3])}) are there"
    first = launches if process.launched else f"The job's backend is {backend[:20]}"
    if not len(launched.times):
        return (
            f"{first}, but the GPU's side was not recorded: whole steps are taken, in which waiting hides. Record with "
            "ProfilerActivity.CUDA (or your device's) to see what collectives take."
        )
    return f"{first}, but no collective on the GPU: whole steps are taken, in which waiting may hide."


def blocked(process: Process) -> np.ndarray:
    """When a thread that launches work sat in a call that waits for the device."""
    spans = process.spans["blocks"]
    threads = spans.column("tag")
    return spans.times()[np.isin(threads, [ANY_THREAD, *process.threads])]


def table_of(steps: Steps, exposed: np.ndarray, blocking: np.ndarray, has_collectives: bool) -> Costs:
    """A row a step."""
    length = steps.windows[:, 1] - steps.windows[:, 0]
    table = pd.DataFrame({"step": steps.numbers, "compute_ms": (length - blocking) / 1000})
    if has_collectives:
        table["comm_ms"] = blocking / 1000
    return Costs(table, has_collectives, float(np.median(steps.collectives)), 0.0, steps.notes)


def with_idle_device(costs: Costs, steps: Steps, exposed: np.ndarray, launched: Launched, process: Process) -> Costs:
    """And how long the device had nothing to run: no work, and none that was launched."""
    length = steps.windows[:, 1] - steps.windows[:, 0]
    busy = np.concatenate([launched.times, launched.pending()])
    idle = np.maximum(length - covered(busy, steps.windows), 0)
    in_loader = outside(process.spans["loader"].times(), busy, steps.windows)
    loader_percent = float(100 * in_loader.sum() / idle.sum()) if idle.sum() else 0.0
    table = costs.table.assign(exposed_ms=exposed / 1000, gpu_idle_ms=idle / 1000)
    return replace(costs, table=table, loader_percent=loader_percent)
