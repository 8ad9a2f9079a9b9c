"""Whose file it is: the rank, the process, the job; and what that says about the trace."""

import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from core.common.validation import ScenarioError
from core.common.wording import counted, listed
from core.traces.files import Origin, Rows, rank_in
from core.traces.profiles.events import Recording

MUCH_LOADING = 20.0  # percent
BY_HANDLER = re.compile(r"(.+)\.(\d{9,20})\.pt\.trace\.json(?:\.gz)?")
"""tensorboard_trace_handler: the worker, the time and what kind of file it is."""
ENDINGS = re.compile(r"(?:\.(?:pt|trace|json|gz|pytorch))+\Z", re.IGNORECASE)
OF_NODE = re.compile(r"(?:node|host|machine|server)[ _.-]?(\d{1,6})", re.IGNORECASE)
IN_NODE = re.compile(
    r"(?:local[ _.-]?rank|rank|gpu|device|dev|cuda|npu|xpu|proc|worker)[ _.-]?(\d{1,6})", re.IGNORECASE
)
NUMBER = re.compile(r"\d+")
PIPELINE = re.compile(r"(?<![a-z])pp(?![a-z])|pipe|stage", re.IGNORECASE)
PARTS = re.compile(r"(?<![a-z])(?:tp|mp|ep|cp|sp)(?![a-z])|tensor|model|expert|context|sequence", re.IGNORECASE)
COPIES = re.compile(r"(?<![a-z])(?:dp|ddp)(?![a-z])|data|shard|replicat|fsdp|zero", re.IGNORECASE)


def origin_of(recording: Recording, collectives: float, loader_percent: float) -> Origin:
    """What a recording says of itself; values that are none are left out."""
    about, handled = recording.about, BY_HANDLER.fullmatch(recording.file)
    rank, size, backend = about.get("rank"), about.get("world_size"), about.get("backend")
    world_size = size if type(size) is int and size > 0 else None
    return Origin(
        rank=rank if type(rank) is int and rank >= 0 else None,
        process=handled[1] if handled else "",
        world_size=world_size,
        backend=backend[:40] if isinstance(backend, str) else "",
        groups=groups_of(about.get("pg_config"), recording.groups, world_size),
        collectives=collectives,
        loader_percent=loader_percent,
    )


def groups_of(
    config: Any, named: set[tuple[str, int]], world_size: int | None
) -> tuple[tuple[str, tuple[int, ...], int], ...]:
    """Process groups of some of the ranks, from what the job or its collectives say."""
    found = {}
    for group in config[:1_000] if isinstance(config, list) else []:
        if not isinstance(group, dict):
            continue
        ranks = group.get("ranks")
        ranks = tuple(ranks) if isinstance(ranks, list) and all(type(rank) is int for rank in ranks) else ()
        size, name = group.get("pg_size", len(ranks)), group.get("pg_desc", group.get("pg_name"))
        found[str(name)[:60], ranks] = size if type(size) is int else len(ranks)
    if not found:
        found = {(name[:60], ()): size for name, size in sorted(named)}
    least = max(found.values(), default=0) if world_size is None else world_size
    return tuple((name, ranks, size) for (name, ranks), size in found.items() if 1 < size < least)


def identified(files: list[Rows]) -> list[Rows]:
    """The files with their workers' names, and on the first of them what is to be said about all.

    Raises ScenarioError for files of two jobs.
    """
    origins = [rows.origin for rows in files if rows.origin]
    if len(origins) < len(files):
        return files
    names, notes = names_of(files, origins)
    known = [name for name in names if name is not None] or list(range(len(files)))
    stages = stages_of(origins)
    notes = [*said_once(files), *notes, *about_job(files, origins, len(set(known))), *about_groups(origins, stages)]
    columns = set.intersection(*(set(rows.table) for rows in files))
    not_shared = [name for name in ("exposed_ms", "gpu_idle_ms") if name not in columns]
    loader = float(np.mean([origin.loader_percent for origin in origins]))
    if loader >= MUCH_LOADING and "gpu_idle_ms" in columns:
        notes.append(f"Of the time in which a GPU has nothing to run, {loader:.0f} % is spent in the data loader.")
    tables = [rows.table.drop(columns=not_shared, errors="ignore") for rows in files]
    if stages:
        tables = [table.assign(stage=stage) for table, stage in zip(tables, stages, strict=True)]
    tables, renumbered = numbered_on(files, tables, names)
    notes += renumbered
    return [
        replace(rows, table=table, rank=name, notes=notes if rows is files[0] else [])
        for rows, table, name in zip(files, tables, names, strict=True)
    ]


def numbered_on(
    files: list[Rows], tables: list[pd.DataFrame], names: list[int | str | None]
) -> tuple[list[pd.DataFrame], list[str]]:
    """Cycles of a worker whose steps begin again in every file: numbered on in the order of the files' times."""
    handled = [BY_HANDLER.fullmatch(rows.file) for rows in files]
    of_worker: dict[int | str | None, list[int]] = {}
    for i in sorted(range(len(files)), key=lambda i: int(found[2]) if (found := handled[i]) else 0):
        of_worker.setdefault(names[i], []).append(i)
    steps = [set(table["step"]) for table in tables]
    again = any(steps[a] & steps[b] for cycles in of_worker.values() for a, b in pairwise(cycles))
    if not all(handled) or not again:
        return tables, []
    numbers = sorted(set().union(*steps))
    length = numbers[-1] + 1 - numbers[0]
    cycle = {i: place for cycles in of_worker.values() for place, i in enumerate(cycles)}
    return (
        [table.assign(step=table["step"] + cycle[i] * length) for i, table in enumerate(tables)],
        ["Step numbers restart in a worker's later files: they are renumbered, by the times in the file names."],
    )


def said_once(files: list[Rows]) -> list[str]:
    """What is to be said of files: once where it is the same for all, else with their names."""
    of_note: dict[str, list[str]] = {}
    for rows in files:
        for note in rows.notes:
            of_note.setdefault(note, []).append(rows.file)
    said = []
    for note, where in of_note.items():
        names = listed(where[:3] if len(where) <= 3 else [*where[:3], f"{len(where) - 3:,} more"])
        said.append(note if len(where) == len(files) else f"{names}: {note}")
    return said[:50]


def names_of(files: list[Rows], origins: list[Origin]) -> tuple[list[int | str | None], list[str]]:
    """The workers that the files are about: by rank, by file name, by process; None where nothing says."""
    names: list[int | str | None] = [origin.rank for origin in origins]
    if None not in names:
        return names, []
    by_file = numbers_in_names([rows.file for rows in files])
    names = [by_file[i] if name is None else name for i, name in enumerate(names)]
    processes = short_names([origin.process for origin in origins])
    names = [processes[i] or None if name is None else name for i, name in enumerate(names)]
    unknown = [i for i, name in enumerate(names) if name is None]
    if not unknown or len(unknown) == len(files):
        return names, []
    stems = short_names([ENDINGS.sub("", rows.file) for rows in files])
    taken = Counter(stems[i] for i in unknown)
    for i in unknown:
        names[i] = stems[i] if taken[stems[i]] == 1 else f"{stems[i][:30]} {i + 1}"
    which = listed([files[i].file for i in unknown[:5]])
    return names, [
        f"No rank found for {which}, so file names are used instead. All other workers keep their rank numbers."
    ]


def short_names(names: list[str]) -> list[str]:
    """Names of at most 40 characters that still differ: without what they have in common, or numbered."""
    if max(map(len, names)) <= 40:
        return names
    distinct = sorted({name for name in names if name})
    common = min(len(part) for part in distinct) - 8
    while common > 0 and len({name[:common] for name in distinct}) > 1:
        common -= 1
    cut = {name: name[max(common, 0) :].lstrip("_.-")[:40] for name in distinct}
    if len(set(cut.values())) < len(distinct):
        cut = {name: f"process {i}" for i, name in enumerate(distinct)}
    return [cut.get(name, "") for name in names]


def numbers_in_names(names: list[str]) -> list[int | str | None]:
    """The workers' numbers in file names: rank3, node1_gpu2, or the one number that differs among names alike."""
    ranks = [rank_in(name) for name in names]
    nodes, local = ([pattern.search(name) for name in names] for pattern in (OF_NODE, IN_NODE))
    if all(nodes) and all(local):
        places = [(int(a[1]), int(b[1])) for a, b in zip(nodes, local, strict=True) if a and b]
        inside = {b for _, b in places}
        is_local = any("local" in name.lower() or rank is None for name, rank in zip(names, ranks, strict=True))
        if is_local or len(set(places)) > len(inside):
            return [f"node{a} {b}" for a, b in places]
    if any(rank is not None for rank in ranks) or len(names) < 2 or any(map(BY_HANDLER.fullmatch, names)):
        return list(ranks)
    found = [NUMBER.findall(name) for name in names]
    if len({NUMBER.sub("#", name) for name in names}) > 1:
        return list(ranks)
    varying = [column for column in zip(*found, strict=True) if len(set(column)) > 1]
    if len(varying) != 1 or len(set(varying[0])) < len(names) or max(map(len, varying[0])) > 6:
        return list(ranks)
    return [int(number) for number in varying[0]]


def about_job(files: list[Rows], origins: list[Origin], workers: int) -> list[str]:
    """How many of the job's ranks are there. Raises ScenarioError where they are of two jobs."""
    sizes = {origin.world_size: rows.file for rows, origin in zip(files, origins, strict=True) if origin.world_size}
    if len(sizes) > 1:
        (first, one), (second, other) = list(sizes.items())[:2]
        raise ScenarioError(
            f"{one} is of a job of {counted(first or 0, 'rank')}, {other} of one of {second:,}: give "
            "the files of one job."
        )
    said = []
    for size in sizes:
        ranks = [origin.rank for origin in origins if origin.rank is not None]
        if workers > (size or 0) or max(ranks, default=0) >= (size or 0):
            raise ScenarioError(
                f"files: {counted(workers, 'worker')}, up to rank {max(ranks, default=0):,}, are given of a job of "
                f"{counted(size or 0, 'rank')} (world_size): give the files of one job."
            )
        if workers < (size or 0):
            said.append(
                f"{workers:,} of {counted(size or 0, 'rank')} {'is' if workers == 1 else 'are'} here: the slowest may "
                "be among the others. Even a step's shortest collective may include waiting for them, so the network "
                "costs at most the figure shown, and stragglers may cost more."
            )
    backends = sorted({origin.backend for origin in origins if origin.backend})
    if len(backends) > 1:
        said.append(f"Backends differ ({', '.join(backends)[:100]}): are all files of one job?")
    counts = sorted({origin.collectives for origin in origins})
    if len(counts) > 1:
        said.append(
            f"Ranks differ in how many collectives a step has ({counts[0]:g} to {counts[-1]:g}): they are of different "
            "jobs, or do different work by design."
        )
    return said


def stages_of(origins: list[Origin]) -> list[int]:
    """Which stage of a pipeline each file's rank is, where all say it and there are several; else nothing."""
    stages = []
    for origin in origins:
        of_pipeline = [ranks for named, ranks, _ in origin.groups if PIPELINE.search(named) and origin.rank in ranks]
        stages += [of_pipeline[0].index(origin.rank)] if of_pipeline and origin.rank is not None else []
    return stages if len(stages) == len(origins) and len(set(stages)) > 1 else []


def about_groups(origins: list[Origin], stages: list[int]) -> list[str]:
    """A warning where ranks have different work by design, and it is not known which."""
    groups = {(named, size) for origin in origins for named, _, size in origin.groups}
    parts = sorted(
        (named, size)
        for named, size in groups
        if (PARTS.search(named) or not COPIES.search(named)) and not (stages and PIPELINE.search(named))
    )
    if not parts:
        return []
    which = listed([f"{named} ({counted(size, 'rank')})" for named, size in parts[:4]])
    may = "have" if any(PIPELINE.search(named) or PARTS.search(named) for named, _ in parts) else "may have"
    return [
        f"The job has process groups of some of its ranks, {which}: ranks of different stages or parts of a model "
        f"{may} different work by design. Compare ranks that do the same work."
    ]
