"""Measured runs: read from files, cleaned, and written as files that other tools open."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from core.common.validation import MAX_BATCHES, MAX_WORKERS, TIME_RANGE_MS, ScenarioError, shown
from core.common.wording import counted, duration
from core.traces.binary_files import refuse_binary
from core.traces.files import MAX_BYTES, Budget, File, Rows, as_utf8, file_name, pieces
from core.traces.profiles.devices import hidden_collectives, host_limit
from core.traces.profiles.kineto import read_kineto
from core.traces.profiles.workers import identified
from core.traces.tables.arrays import holds_array
from core.traces.tables.corrections import Corrections
from core.traces.tables.left_out import LeftOut
from core.traces.tables.logs import holds_log
from core.traces.tables.records import holds_records, is_json
from core.traces.tables.table import Table, guessed_unit, read_fields, read_table, say_guess
from core.traces.trace import TIMES, Column, Trace

OF_NODE = re.compile(r"node|host|machine|server|instance|pod|nid|dgx|(?<![a-z])ip-", re.IGNORECASE)
MAX_CELLS = 1_000_000
MOST_RATIO = 1e9  # of the longest compute time to the shortest
WARM_UP = 3.0  # a first step that takes so many times the median of the rest is not like the rest
APART_AT_START = 10.0  # times what else workers wait, and a first step's waiting is for those that began later
NUMBERED = re.compile(
    r"[\[(]?(?:worker|rank|gpu|node|w|r)?[ _-]*(\d{1,9})(?:\.0)?(?: ?(?:/|of) ?\d{1,9})?[\])]?", re.IGNORECASE
)


def sample_files() -> list[Path]:
    """The traces of a real run that come with the simulator: PyTorch, 4 processes, gloo, 20 steps."""
    return sorted((Path(__file__).parents[1] / "data" / "pytorch_ddp_4_ranks").glob("rank*.json.gz"))


def read_trace(
    files: Sequence[File], *, columns: Mapping[str, str | list[str]] | None = None, unit: str | None = None
) -> Trace:
    """What was measured of a run, read from tables of times or from PyTorch profiler traces.

    Only durations are used, so the clocks of workers need not agree. Steps that a worker lacks are left out, and so are
    first steps above 3 times the median of the others on every worker.

    Args:
        files: a list of 1 to 4,096 paths or open binary files, plain or gzip, all of one kind. Tables are CSV, TSV or
            Parquet; their columns are described in core/traces/tables/. Of profiler traces there is one file per
            rank, or several that follow one another; comm is how long collectives hold something up, compute the rest
            of a step, from the end of the last device work of the step before to the end of its own. All files
            together may hold 2 GiB, a table 32 MiB (decompressed) and 1,000,000 mini-batches.
        columns: which columns of tables are what, where headings do not say it, as in {"time": "batch_time"}: worker
            (or several that name one together), step, time (or compute, comm, wait), ignore; or workers, a list of
            columns that are one worker's times each.
        unit: of the times in tables: ns, us, ms, s, min or h; by default what headings and fields say, or a guess.

    Returns:
        The trace, its arrays (steps, workers) in ms; its `notes` say what was done to the data, and its `columns` what
        those of tables were taken for.

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
    budget, asked = Budget(MAX_BYTES), Corrections.checked(columns, unit)
    return cleaned(identified(in_ms([read_file(file, budget, asked) for file in files], asked)))


def read_file(file: File, budget: Budget, asked: Corrections) -> Rows | Table:
    """What one file holds, of whichever kind it is."""
    name, stream = file_name(file), as_utf8(pieces(file, budget))
    first = next(stream, b"")
    start = first.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if not start:
        raise ScenarioError(f"{name} is empty.")
    if start in b"{[" and holds_trace(first):
        return read_kineto(name, chain([first], stream))
    refuse_binary(name, first)
    return read_table(name, chain([first], stream), asked)


def holds_trace(first: bytes) -> bool:
    """Whether a text that begins with a bracket is a trace: neither a table in JSON nor a log, by its first piece."""
    return is_json(first) and not holds_array(first) and not holds_records(first) and not holds_log(first)


def table_columns(file: File) -> list[str]:
    """The headings of a table, also of one that `read_trace` refuses; none of a file that is no table."""
    try:
        name, stream = file_name(file), as_utf8(pieces(file, Budget(MAX_BYTES)))
        first = next(stream, b"")
        start = first.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if start in b"{[" and holds_trace(first):
            return []
        return list(map(str, read_fields(name, chain([first], stream), LeftOut())[0].columns))
    except ScenarioError:
        return []


def in_ms(files: list[Rows | Table], asked: Corrections) -> list[Rows]:
    """The rows of all files; of times without a unit the same unit is guessed for all of them."""
    tables = [file for file in files if isinstance(file, Table)]
    guessed = not asked.unit and any(table.without_unit for table in tables)
    unit = guessed_unit(tables) if guessed else asked.unit
    if guessed:
        say_guess(tables, unit)
    return [file.to_rows(unit, guessed) if isinstance(file, Table) else file for file in files]


def cleaned(files: list[Rows]) -> Trace:
    """One trace of all files: whole steps only, nothing that is no time, waiting and network told apart."""
    notes = said_once(files)
    left_out = [rows.left_out for rows in files if rows.left_out]
    table = numbered_on(together(files, notes))
    table = on_nodes(later_files(table, files, notes), files, notes)
    notes += ranks_that_lack(files, table["worker"].nunique())
    table = times_alone(table, left_out)
    table = peers(table, notes)
    refuse_repeated(table, files)
    notes += left_out
    try:
        return trace_of(table, files, notes)
    except ScenarioError as refused:
        raise ScenarioError(" ".join([str(refused), *left_out])) from refused


def trace_of(table: pd.DataFrame, files: list[Rows], notes: list[str]) -> Trace:
    """The trace of rows that are times; ScenarioError where they are too few."""
    trace = replace(complete(table, notes), whole_steps=files[0].whole_steps)
    if trace.whole_steps and not any("whole steps are taken" in note for note in notes):
        notes.append("No waiting, network or collective was found: whole steps are taken for computing.")
    warm_up = warm_up_steps(trace.compute_ms)
    if warm_up:
        notes.append(
            f"Warm-up left out, step{'s' if warm_up > 1 else ''} {few(trace.step_numbers[:warm_up])}: above "
            f"{WARM_UP:g} times the median of the others on every worker."
        )
        trace = some_steps(trace, slice(warm_up, None))
    if trace.steps < 2:
        raise ScenarioError("files: 1 step says nothing about stragglers; record at least 2 that all workers have.")
    if trace.comm_ms is not None and trace.wait_ms is None:
        trace = waiting_told_apart(trace, trace.comm_ms, notes)
    trace = started_together(trace, notes)
    notes += slow_at_first(trace)
    notes += [note for note in (host_limit(trace), hidden_collectives(trace)) if note]
    return replace(trace, notes=tuple(notes), columns=each_once(files))


def said_once(files: list[Rows]) -> list[str]:
    """The notes on all files; what is so in several is said of the first, with how many more there are."""
    said: dict[str, list[str]] = {}
    for rows in files:
        for note in rows.notes:
            said.setdefault(note.removeprefix(f"{rows.file}: "), []).append(rows.file if rows.file in note else "")
    notes = []
    for sentence, names in said.items():
        more = f" and {counted(len(names) - 1, 'more file')}" if len(names) > 1 else ""
        notes.append(f"{names[0]}{more}: {sentence}" if names[0] and names[0] not in sentence else sentence)
    return notes


def each_once(files: list[Rows]) -> tuple[Column, ...]:
    """What the columns of all tables were taken for; those that are alike in several tables once."""
    return tuple(dict.fromkeys(column for rows in files for column in rows.columns))


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


def numbered_on(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with steps that are numbered on from epoch to epoch, where they begin again in each."""
    if "epoch" not in table:
        return table
    return table.assign(step=table.groupby(["epoch", "step"]).ngroup()).drop(columns="epoch")


def ranks_that_lack(files: list[Rows], workers: int) -> list[str]:
    """How many of the job's ranks are there, where tables say how many there are; ScenarioError for two jobs."""
    sizes = {rows.world_size: rows.file for rows in files if rows.world_size}
    if len(sizes) > 1:
        (one, first), (other, second) = list(sizes.items())[:2]
        raise ScenarioError(
            f"{first} is of a job of {one:,} ranks, {second} of one of {other:,}: give one job's files."
        )
    return [
        f"{workers:,} of {size:,} ranks are here: the slowest may be among the others."
        for size in sizes
        if size and workers < size
    ]


def peers(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """The rows of workers that have the same work: of a pipeline those of the stage that takes longest."""
    if "stage" not in table:
        return table
    usual = table.groupby("stage")["compute_ms"].median().dropna().sort_values(ascending=False, kind="stable")
    table, stages = table.drop(columns="stage"), table["stage"]
    if len(usual) < 2:
        return table
    slowest = str(usual.index[0])[:40]
    others = ", ".join(f"{str(stage)[:40]} {duration(ms)}" for stage, ms in usual.iloc[1:6].items())
    others += f" and {len(usual) - 6:,} more" if len(usual) > 6 else ""
    notes.append(
        f"Pipeline stages have different work by design, so only workers of one stage are compared: those of stage "
        f"{slowest}, which takes longest ({duration(usual.iloc[0])} per step; stage {others})."
    )
    return table[(stages == usual.index[0]).to_numpy()]


def later_files(table: pd.DataFrame, files: list[Rows], notes: list[str]) -> pd.DataFrame:
    """Of a resumed run with one table per part, keep the last file's rows where steps are repeated."""
    keys = [key for key in ("worker", "stage", "step") if key in table]
    again = table.duplicated(keys, keep="last")
    if not again.any() or any(rows.origin for rows in files) or table.duplicated([*keys, "file"]).any():
        return table
    ends = table.groupby(["worker", "file"], sort=False)["step"].agg(["min", "max"])
    goes_on = ends.groupby("worker").diff().dropna()
    if not (goes_on > 0).all(axis=None):
        return table
    notes.append(
        f"The run was resumed: where a step is in several files, the last of them counts, in the order given; "
        f"{counted(int(again.sum()), 'row')} left out."
    )
    return table[~again]


def on_nodes(table: pd.DataFrame, files: list[Rows], notes: list[str]) -> pd.DataFrame:
    """Of files of a node each, whose workers are numbered in the node alone, the workers with the node's name."""
    keys = [key for key in ("worker", "stage", "step") if key in table]
    again = table.duplicated(keys)
    times = [name for name in TIMES if name in table]
    stems = {rows.file: rows.file.partition(".")[0][:30] for rows in files}
    apart = len(set(stems.values())) == len(files) and not table.duplicated([*keys, "file"]).any()
    are_nodes = all(rows.local and OF_NODE.search(rows.file) for rows in files)
    if not again.any() or not apart or not are_nodes:
        return table
    if table.duplicated([*keys, *times])[again].all():  # one file twice
        return table
    notes.append(
        "Workers of several files have the same local numbers: a file is taken for a node, and named with them."
    )
    return table.assign(worker=table["file"].map(stems) + " " + table["worker"].astype("str"))


def refuse_repeated(table: pd.DataFrame, files: list[Rows]) -> None:
    """ScenarioError, with file, worker and step, for a mini-batch that comes twice."""
    twice = table.duplicated(["worker", "step"])
    if not twice.any():
        return
    row = table[twice].iloc[0]
    other = table[(table["worker"] == row["worker"]) & (table["step"] == row["step"])]["file"].iloc[0]
    nodes = " (if each is of a node, call them node0.csv and so on)" if all(rows.local for rows in files) else ""
    also = f": it is in {other}, too. Give the files of one run{nodes}" if other != row["file"] else ""
    raise ScenarioError(f"{row['file']}: worker {str(row['worker'])[:40]}, step {row['step']} is there twice{also}.")


def times_alone(table: pd.DataFrame, left_out: list[str]) -> pd.DataFrame:
    """The rows whose times are times; what is wrong with others is added to the sentences on what was left out."""
    low, high = TIME_RANGE_MS
    bad, said, rows = pd.Series(False, table.index), [], 0
    for name, least in (("compute_ms", low), ("wait_ms", 0), ("comm_ms", 0)):
        if name not in table:
            continue
        wrong = ~(table[name].between(least, high) | table["compute_ms"].isna()) & ~bad
        if wrong.any():
            row = table[wrong].iloc[0]
            said.append(
                f"{row['file']}: worker {str(row['worker'])[:40]}, step {row['step']} has {name} {row[name]:g}, not a "
                f"number from {least:g} to {high:g}"
            )
        bad, rows = bad | wrong, rows + int(wrong.sum())
    if rows:
        was = "row was" if rows == 1 else "rows were"
        left_out.append(f"{rows:,} {was} left out. {'; '.join(said)}.")
    if rows > len(table) / 2:
        raise ScenarioError(f"{said[0]}.")
    return table[~bad]


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
        notes.append(f"Steps left out because some workers lack them: {few(missing)}; {fewest}.")
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


def started_together(trace: Trace, notes: list[str]) -> Trace:
    """The trace without its first step where workers began it one long after the other: that wait is no straggler's."""
    if trace.wait_ms is None or trace.steps < 3:
        return trace
    waited = trace.wait_ms.max(axis=1)
    if waited[0] <= APART_AT_START * max(np.ptp(trace.compute_ms[0]), waited[1:].max()):
        return trace
    late = str(trace.worker_names[trace.wait_ms[0].argmax()])[:40]
    notes.append(
        f"Step {trace.step_numbers[0]} left out: workers did not begin it together. Worker {late} waited "
        f"{duration(waited[0])} in it, far longer than computing differs."
    )
    return some_steps(trace, slice(1, None))


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


def slow_at_first(trace: Trace) -> list[str]:
    """That some workers' first step is not like their others, where it is on the rest: nothing is left out for it."""
    slow = trace.compute_ms[0] > WARM_UP * np.median(trace.compute_ms[1:], axis=0)
    if trace.steps < 3 or not slow.any() or slow.all():
        return []
    worst = int((trace.compute_ms[0] * slow).argmax())
    others = slow.sum() - 1
    who = f"worker {str(trace.worker_names[worst])[:40]}" + (f" and {others:,} more" if others else " alone")
    usual = duration(float(np.median(trace.compute_ms[1:, worst])))
    return [
        f"Step {trace.step_numbers[0]} is far slower than later ones on {who} ({duration(trace.compute_ms[0, worst])} "
        f"against {usual} usually). If something was loaded or compiled in it, leave that step out of the files."
    ]


def some_steps(trace: Trace, which: slice) -> Trace:
    """The trace with some of its steps."""
    times = {name: values[which] for name in TIMES if (values := getattr(trace, name)) is not None}
    return replace(trace, step_numbers=trace.step_numbers[which], **times)


def waiting_told_apart(trace: Trace, collectives_ms: np.ndarray, notes: list[str]) -> Trace:
    """The trace with its time in collectives split: who comes last waits for nobody, so its time is the network's."""
    network = np.broadcast_to(collectives_ms.min(axis=1, keepdims=True), collectives_ms.shape)
    trace = replace(trace, wait_ms=collectives_ms - network, comm_ms=network)
    notes.append(
        f"The network costs {trace.network_ms:.3g} ms a step (median): a step's shortest collective, since the last "
        "worker to arrive waits for nobody. Any longer time in the other workers' collectives is waiting."
    )
    return trace
