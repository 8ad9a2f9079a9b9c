"""Steps of one rank from its PyTorch profiler trace (Kineto, Chrome trace-event JSON)."""

import codecs
import re
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from core.common.validation import ScenarioError
from core.common.wording import counted
from core.traces.files import Rows, rank_in
from core.traces.profiles import workers
from core.traces.profiles.costs import costs_of
from core.traces.profiles.events import Key, Process, Recording, read_recording

SMALL_RANK = 4_096


def read_kineto(file: str, pieces: Iterator[bytes]) -> Rows:
    """The steps of one rank: comm_ms is how long its collectives hold something up, compute_ms the rest of a step.

    Of several ranks that were merged into one file, the steps of each. Raises ScenarioError for a file without steps.
    """
    recording = read_recording(file, codecs.iterdecode(pieces, "utf-8-sig", errors="replace"))
    with_steps = [key for key, process in recording.processes.items() if process.steps["step"]]
    if len(with_steps) > 1:
        return rows_of_merged(recording, with_steps)
    costs = costs_of(recording.of_all(), recording)
    return Rows(
        file=file,
        table=costs.table,
        whole_steps=not costs.has_collectives,
        notes=[*costs.notes, *about_reading(recording)],
        origin=workers.origin_of(recording, costs.collectives, costs.loader_percent),
    )


def about_reading(recording: Recording) -> list[str]:
    """What of a file could not be read."""
    said = []
    if recording.without_time:
        said.append(f"{counted(recording.without_time, 'event')} without a usable time left out.")
    if recording.passed_over:
        said.append(f"{counted(recording.passed_over, 'place')} of invalid JSON left out.")
    if recording.cut_off:
        said.append("The file ends early, or is not closed: what is whole in it was read.")
    return said


def rows_of_merged(recording: Recording, with_steps: list[Key]) -> Rows:
    """The steps of several ranks in one file, told apart by their processes."""
    ranks = merged_ranks(recording, with_steps)
    shared_out(recording, with_steps)
    costs = [costs_of(recording.processes[key], recording) for key in with_steps]
    if len({each.has_collectives for each in costs}) > 1:
        raise ScenarioError(f"{recording.file}: not every process in it has collectives; give one file per rank.")
    tables = [each.table.assign(worker=rank) for each, rank in zip(costs, ranks, strict=True)]
    columns = [name for name in tables[0] if all(name in table for table in tables)]
    notes = list(dict.fromkeys(note for each in costs for note in each.notes))
    notes.insert(0, f"{recording.file} holds the traces of {len(with_steps):,} processes, a worker each.")
    return Rows(
        file=recording.file,
        table=pd.concat([table[columns] for table in tables], ignore_index=True),
        whole_steps=not costs[0].has_collectives,
        notes=[*notes, *about_reading(recording)],
    )


def merged_ranks(recording: Recording, with_steps: list[Key]) -> list[int | str]:
    """What the processes in one file are called: by their rank, by a small number, or in order."""
    named = [rank_of(recording, key) for key in with_steps]
    if None not in named and len(set(named)) == len(named):
        return [rank for rank in named if rank is not None]
    if all(isinstance(key, int) and 0 <= key < SMALL_RANK for key in with_steps):
        return list(with_steps)
    return [f"process {re.sub(r'[^0-9A-Za-z_. -]', '?', str(key))[:30]}" for key in with_steps]


def shared_out(recording: Recording, with_steps: list[Key]) -> None:
    """Give the work of devices, which are processes of their own in a file, to the process that launched it.

    By the numbers that link it with launches; where several processes have those, by names and by order.
    """
    processes = recording.processes
    launches = {key: ids_of(processes[key], ("launch",)) for key in with_steps}
    others = [key for key in processes if key not in with_steps]
    devices = [key for key in others if len(ids_of(processes[key], ("work", "collective")))]
    pairs = paired(recording, devices, with_steps)
    for key in devices:
        ids = ids_of(processes[key], ("work", "collective"))
        own = [other for other in with_steps if np.isin(ids, launches[other]).any()]
        if len(own) > 1 and key in pairs:
            own = [pairs[key]]
        if len(own) != 1:
            raise ScenarioError(
                f"{recording.file} holds {len(with_steps):,} processes, and which of them a device's work is from "
                "is unknown; give one file per rank."
            )
        processes[own[0]].absorb(processes[key])


def paired(recording: Recording, devices: list[Key], hosts: list[Key]) -> dict[Key, Key]:
    """Each device's host, where both are called by their rank, or where a rank's numbers are apart from all others'."""
    by_rank = {rank_of(recording, key): key for key in hosts}
    ranks = [rank_of(recording, key) for key in devices]
    if None not in ranks and set(ranks) <= set(by_rank):
        return {key: by_rank[rank] for key, rank in zip(devices, ranks, strict=True)}
    if len(devices) != len(hosts) or not all(isinstance(key, int) for key in [*devices, *hosts]):
        return {}
    pairs = list(zip(sorted(devices, key=int), sorted(hosts, key=int), strict=True))
    apart = all(max(map(int, pair)) < min(map(int, following)) for pair, following in pairwise(pairs))
    return dict(pairs) if apart else {}


def rank_of(recording: Recording, key: Key) -> int | None:
    """The rank in what a process is called."""
    return rank_in(f"{recording.names.get(key, '')} {key if isinstance(key, str) else ''}")


def ids_of(process: Process, kinds: tuple[str, ...]) -> np.ndarray:
    """The numbers that link launches and work."""
    ids = np.concatenate([process.spans[kind].column("correlation") for kind in kinds])
    return np.unique(ids[ids >= 0])
