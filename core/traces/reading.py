"""Measured runs: read from files, cleaned, and written as files that other tools open."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from core.common.validation import MAX_BATCHES, MAX_WORKERS, TIME_RANGE_MS, ScenarioError, shown
from core.traces.files import MAX_BYTES, Budget, File, Rows, file_name, pieces
from core.traces.kineto import read_kineto
from core.traces.profiles.devices import hidden_collectives, host_limit
from core.traces.profiles.workers import identified
from core.traces.tables import read_table
from core.traces.trace import TIMES, Trace

MAX_CELLS = 1_000_000
MOST_RATIO = 1e9  # of the longest compute time to the shortest
WARM_UP = 3.0  # a first step that takes so many times the median of the rest is not like the rest
NUMBERED = re.compile(r"(?:worker|rank|gpu|node|w|r)?[ _-]*(\d{1,9})(?:\.0)?", re.IGNORECASE)


def sample_files() -> list[Path]:
    """The traces of a real run that come with the simulator: PyTorch, 4 processes, gloo, 20 steps."""
    return sorted((Path(__file__).parents[1] / "data" / "pytorch_ddp_4_ranks").glob("rank*.json.gz"))


def read_trace(files: Sequence[File]) -> Trace:
    """What was measured of a run, read from tables of times or from PyTorch profiler traces.

    Only durations are used, so the clocks of workers need not agree. Steps that a worker lacks are left out, and so are
    first steps above 3 times the median of the others on every worker.

    Args:
        files: a list of 1 to 4,096 paths or open binary files, plain or gzip, all of one kind. Tables are CSV, TSV or
            Parquet; their columns are described in core/traces/tables.py. Of profiler traces there is one file per
            rank, or several that follow one another; comm is how long collectives hold something up, compute the rest
            of a step, from the end of the last device work of the step before to the end of its own. All files
            together may hold 2 GiB, a table 32 MiB (decompressed) and 1,000,000 mini-batches.

    Returns:
        The trace, its arrays (steps, workers) in ms; its `notes` say what was done to the data.

    Raises:
        ScenarioError: naming file, worker and step, for what cannot be read so.

    Example:
        >>> from core import read_trace
        >>> from core.traces import sample_files
        >>> trace = read_trace(sample_files())
        >>> trace.compute_ms.shape
        (20, 4)

    """
    if not isinstance(files, list | tuple) or not 1 <= len(files) <= MAX_WORKERS:
        raise ScenarioError(f"files: {shown(files)} is not a list of 1 to {MAX_WORKERS:,} files.")
    budget = Budget(MAX_BYTES)
    return cleaned(identified([read_rows(file, budget) for file in files]))


def read_rows(file: File, budget: Budget) -> Rows:
    """The rows of one file, of whichever kind it is."""
    name, stream = file_name(file), pieces(file, budget)
    first = next(stream, b"")
    start = first.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if not start:
        raise ScenarioError(f"{name} is empty.")
    return (read_kineto if start in b"{[" else read_table)(name, chain([first], stream))


def cleaned(files: list[Rows]) -> Trace:
    """One trace of all files: whole steps only, nothing that is no time, waiting and network told apart."""
    notes = [note for rows in files for note in rows.notes]
    table = together(files, notes)
    refuse_bad(table)
    trace = replace(complete(table, notes), whole_steps=files[0].whole_steps)
    if trace.whole_steps and not any("whole steps are taken" in note for note in notes):
        notes.append("No waiting, network or collective was found: whole steps are taken for computing.")
    warm_up = warm_up_steps(trace.compute_ms)
    if warm_up:
        notes.append(
            f"Warm-up left out, step {few(trace.step_numbers[:warm_up])}: above {WARM_UP:g} times the median of the "
            "others on every worker."
        )
        trace = some_steps(trace, slice(warm_up, None))
    if trace.steps < 2:
        raise ScenarioError("files: 1 step says nothing about stragglers; record at least 2 that all workers have.")
    if trace.comm_ms is not None and trace.wait_ms is None:
        trace = waiting_told_apart(trace, trace.comm_ms, notes)
    notes += [note for note in (host_limit(trace), hidden_collectives(trace)) if note]
    return replace(trace, notes=tuple(notes))


def together(files: list[Rows], notes: list[str]) -> pd.DataFrame:
    """All rows in one table with their worker and file: where the rows do not name the worker, the file does."""
    first = files[0]
    for rows in files:
        if set(rows.table) != set(first.table) or rows.whole_steps != first.whole_steps:
            have = [", ".join(sorted(each.table)) for each in (first, rows)]
            raise ScenarioError(f"{first.file} has {have[0]}, but {rows.file} has {have[1]}; give files of one kind.")
    tables = [rows.table.assign(file=rows.file) for rows in files]
    if "worker" not in first.table:
        ranks: Sequence[int | str | None] = [rows.rank for rows in files]
        if None in ranks:
            ranks = range(len(files))
            if len(files) > 1:
                notes.append("Not every file says which rank it is; they are numbered in the order given, 0 first.")
        tables = [table.assign(worker=rank) for table, rank in zip(tables, ranks, strict=True)]
    table = pd.concat(tables, ignore_index=True)
    names = table["worker"].unique().tolist()
    numbers = {name: int(found[1]) for name in names if (found := NUMBERED.fullmatch(str(name)))}
    if len(set(numbers.values())) == len(names):
        table["worker"] = table["worker"].map(numbers)
    return table


def refuse_bad(table: pd.DataFrame) -> None:
    """ScenarioError, with file, worker and step, for a value that is no time and for a mini-batch that comes twice."""
    low, high = TIME_RANGE_MS
    bad = {
        "has no worker": table["worker"].isna(),
        "is there twice": table.duplicated(["worker", "step"]),
    }
    for name, least in (("compute_ms", low), ("wait_ms", 0), ("comm_ms", 0)):
        if name in table:
            good = table[name].between(least, high) | table["compute_ms"].isna()
            bad[f"has {name} {{{name}:g}}, not a number from {least:g} to {high:g}"] = ~good
    for what, where in bad.items():
        if where.any():
            row = table[where].iloc[0].to_dict()
            worker = str(row["worker"])[:40]
            raise ScenarioError(f"{row['file']}: worker {worker}, step {row['step']} {what.format(**row)}.")


def complete(table: pd.DataFrame, notes: list[str]) -> Trace:
    """The steps that every worker has; a mini-batch without a compute time is missing."""
    if not pd.api.types.is_numeric_dtype(table["worker"]):
        names = [plain_name(name) for name in table["worker"]]
        table = table.assign(worker=pd.Series(names, table.index, dtype=object))
    if table.duplicated(["worker", "step"]).any():
        raise ScenarioError("files: two workers have names that begin alike; give them short ones, such as rank0.")
    workers, steps = sorted(table["worker"].unique().tolist(), key=by_number), np.unique(table["step"])
    cells = len(workers) * len(steps)
    if len(workers) > MAX_WORKERS or len(steps) > MAX_BATCHES or cells > MAX_CELLS:
        raise ScenarioError(
            f"files: {len(workers):,} workers × {len(steps):,} steps; at most {MAX_WORKERS:,} workers, "
            f"{MAX_BATCHES:,} steps and {MAX_CELLS:,} mini-batches are taken."
        )
    place = {worker: column for column, worker in enumerate(workers)}
    at = np.searchsorted(steps, table["step"]), [place[worker] for worker in table["worker"].tolist()]
    grids = {}
    for name in TIMES:
        if name in table:
            grids[name] = np.full((len(steps), len(workers)), np.nan)
            grids[name][at] = table[name]
    whole = np.isfinite(grids["compute_ms"]).all(axis=1)
    lacks = (~np.isfinite(grids["compute_ms"])).sum(axis=0)
    fewest = f"worker {str(workers[lacks.argmax()])[:40]} lacks {lacks.max():,} of {len(steps):,} steps"
    if not whole.any():
        raise ScenarioError(f"files: no step is there for every worker; {fewest}.")
    if not whole.all():
        missing = steps[~whole].tolist()
        notes.append(f"Steps that not every worker has left out: {few(missing)}; {fewest}.")
    grids = {name: grid[whole] for name, grid in grids.items()}
    least, most = grids["compute_ms"].min(), grids["compute_ms"].max()
    if most > MOST_RATIO * least:
        raise ScenarioError(f"files: compute times from {least:g} to {most:g} ms are not those of one run.")
    return Trace(
        worker_names=tuple(workers),
        step_numbers=tuple(steps[whole].tolist()),
        compute_ms=grids["compute_ms"],
        wait_ms=grids.get("wait_ms"),
        comm_ms=grids.get("comm_ms"),
        exposed_ms=grids.get("exposed_ms"),
        gpu_idle_ms=grids.get("gpu_idle_ms"),
    )


def plain_name(name: object) -> object:
    """A worker's name, short and without signs that a page would take for more than text; a number if it is one."""
    if isinstance(name, int) and not -(2**63) <= name < 2**63:
        name = str(name)
    return re.sub(r"[^\w .:-]", "?", name[:40]) if isinstance(name, str) else name


def few(steps: Sequence[int]) -> str:
    """The first few of these numbers."""
    return ", ".join(map(str, steps[:5])) + (f" and {len(steps) - 5:,} more" if len(steps) > 5 else "")


def by_number(name: object) -> list[int | str]:
    """Sorts rank10 behind rank2."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d{1,18})", str(name))]


def warm_up_steps(compute: np.ndarray) -> int:
    """How many of the first steps are not like the others, on every worker."""
    first = 0
    while len(compute) - first > 2 and (compute[first] > WARM_UP * np.median(compute[first + 1 :], axis=0)).all():
        first += 1
    return first


def some_steps(trace: Trace, which: slice) -> Trace:
    """The trace with some of its steps."""
    times = {name: values[which] for name in TIMES if (values := getattr(trace, name)) is not None}
    return replace(trace, step_numbers=trace.step_numbers[which], **times)


def waiting_told_apart(trace: Trace, collectives_ms: np.ndarray, notes: list[str]) -> Trace:
    """The trace with its time in collectives split: who comes last waits for nobody, so its time is the network's."""
    network = np.broadcast_to(collectives_ms.min(axis=1, keepdims=True), collectives_ms.shape)
    trace = replace(trace, wait_ms=collectives_ms - network, comm_ms=network)
    notes.append(
        f"The network costs {trace.network_ms:.3g} ms a step (median): a step's shortest collective, as who comes last "
        "waits for nobody. What the others' take beyond that is waiting."
    )
    return trace
