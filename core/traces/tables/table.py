"""Tables of measured times: CSV and its kin, JSON records or Parquet, a row per mini-batch or a column per worker.

A table becomes a trace in five steps: its texts as a table (`delimited`, `records`, `parquet`); a row each where
workers had columns (`wide`); what each heading says (`headings`, or `exports` where a tool has headings of its own);
who and when a row is (`keys`); and its times (here). What was understood, guessed and left out is said in notes and,
column by column, in `Trace.columns`.

Columns may come in any order; capitals, spaces, dashes and underscores do not matter, and others are left out:

- worker (or rank, gpu, device, node, host, process); where it is missing, the file is one worker's. A node and a
  gpu, or a host and a local rank, are one worker together.
- step (or iteration, iter, batch, global_step), or epoch and batch; where it is missing, each worker's rows are taken
  in order.
- compute_ms (or computation, computing): a mini-batch's computing, without waiting. Or step_time_ms (or step_ms,
  time, duration, elapsed, total): the whole step, from which comm and wait are taken off where they are given. Or its
  phases, such as data_ms, forward_ms and backward_ms, which are added up.
- comm_ms (or communication, network, collective, allreduce): with the waiting in it, unless wait_ms stands beside it.
- wait_ms (or waiting, idle, barrier).
- Instead of a time, when it began and ended: start and end, or compute_start and compute_end, by any clock.

Headings may be in other languages (`headings.ABROAD`). Rows of validation are left out where a column says which rows
are training.

A table without a column of times may be a wide one: its columns that look alike (rank0, rank1) are workers' times.
A unit is in a name, as in compute_us or "compute (s)", or behind every number; without one it is guessed from the size.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.common.validation import ScenarioError, shown
from core.common.wording import counted, duration
from core.traces.files import PIECE, DamagedFileError, Rows, rank_in
from core.traces.parquet import unpacked
from core.traces.tables.arrays import array_rows, holds_array
from core.traces.tables.cells import UNITS, UNITS_MS, missing
from core.traces.tables.corrections import Corrections
from core.traces.tables.delimited import INDEX, MAX_CELLS, encoding_of, read_delimited
from core.traces.tables.draft import Draft
from core.traces.tables.exports import compared, known_export
from core.traces.tables.headings import OWN_TIMES, Meaning, meaning, phase_of, split_unit, tokens
from core.traces.tables.keys import add_keys, are_workers, keep_whole, leave_out_statistics
from core.traces.tables.left_out import LeftOut
from core.traces.tables.logs import holds_log, read_log, refuse_log
from core.traces.tables.markup import html_rows, latex_rows, markup_of, refuse_markup
from core.traces.tables.naming import called, some
from core.traces.tables.prometheus import holds_samples, read_samples
from core.traces.tables.records import is_json, read_records
from core.traces.tables.sections import holds_sections, read_sections
from core.traces.tables.several_rows import keep_times, leave_out_evaluation, one_row_each
from core.traces.tables.times import (
    ADDED_UP,
    PARTS,
    TAKEN,
    Kinds,
    choose_times,
    differences,
    kind_of,
    say_times,
    unit_by_clock,
)
from core.traces.tables.unnamed import by_numbers, refuse_unexplained
from core.traces.tables.wide import Cell, a_column_per_step, alike, begun_and_ended, melted
from core.traces.trace import Column

MAX_BYTES = 2**25
MAX_ROWS = 1_000_000  # no trace takes more mini-batches
MAX_NAME = 200  # characters of a column's name
LONGEST_HEAD = 2**20  # characters of the header and the first row
PARQUET = b"PAR1"
WORLD_SIZE = {"worldsize", "numranks", "nranks", "numworkers", "nworkers"}
SUMS = {"total", "sum", "overall"}
WIDE, STEPS = "worker", "step"  # the column of workers, or of steps, in what becomes of a wide table


@dataclass(frozen=True, kw_only=True)
class Table:
    """What one table holds, its times in units of its own."""

    file: str
    rows: pd.DataFrame
    """worker, epoch and step, as far as they are known, and the columns of times."""
    kinds: Kinds
    units: dict[str, str]
    """Of each column of times; "" where nothing says it."""
    columns: tuple[Column, ...]
    notes: list[str]
    left_out: str
    local: bool
    """Whether workers are called by their place in a node alone."""
    world_size: int | None
    """How many ranks the job has, where a column says so."""
    by_clock: tuple[str, str] | None = None
    """The unit of times without one by a clock beside them, and the clock's column."""

    @property
    def without_unit(self) -> list[str]:
        """The columns of times whose unit has to be guessed."""
        return [name for name in self.kinds if not self.units[name]]

    def main_times(self) -> pd.Series:
        """The times of steps or of their computing that have no unit; by their size it is guessed."""
        names = [name for name in self.without_unit if PARTS[self.kinds[name]] in ("compute", "whole step")]
        return self.rows[names or self.without_unit].sum(axis=1, min_count=1)

    def to_rows(self, unit: str, guessed: bool) -> Rows:
        """Its rows in ms; `unit` is that of the columns that say none."""
        parts: dict[str, pd.Series] = {}
        for name, kind in self.kinds.items():
            part, time = PARTS[kind], self.rows[name] * UNITS_MS[self.units[name] or unit]
            parts[part] = parts[part] + time if part in parts else time
        if "compute" not in parts:
            parts["compute"] = parts["whole step"] - parts.get("network", 0) - parts.get("waiting", 0)
        columns = [self.with_unit(column, unit, guessed) for column in self.columns]
        keys = self.rows[[key for key in ("worker", "stage", "epoch", "step") if key in self.rows]]
        names = {"compute": "compute_ms", "network": "comm_ms", "waiting": "wait_ms"}
        return Rows(
            file=self.file,
            table=keys.assign(**{column: parts[part] for part, column in names.items() if part in parts}),
            rank=rank_in(self.file),
            whole_steps=set(parts) == {"compute", "whole step"},
            notes=self.notes,
            left_out=self.left_out,
            columns=tuple(columns),
            local=self.local,
            world_size=self.world_size,
        )

    def said_without_unit(self) -> list[str]:
        """The columns of the file that say no unit."""
        return [column.name for column in self.columns if column.role in PARTS.values() and not column.unit]

    def with_unit(self, column: Column, unit: str, guessed: bool) -> Column:
        """A column of the file with the unit that was guessed or asked for."""
        if column.role not in PARTS.values() or column.unit:
            return column
        return replace(column, unit=unit, guessed=column.guessed or guessed)


def typical_time(tables: list[Table]) -> float:
    """The median of all times of steps or their computing that have no unit; ScenarioError where there are none."""
    times = pd.concat([table.main_times() for table in tables if table.without_unit])
    typical = float(times[np.isfinite(times)].median())
    if np.isnan(typical):
        raise ScenarioError(f"{tables[0].file}: no row has a time.")
    return typical


def say_guess(tables: list[Table], unit: str) -> None:
    """Note, with the first table that it is about, which unit was guessed and what follows from it."""
    guessed = [table for table in tables if table.without_unit]
    more = f" (and of {counted(len(guessed) - 1, 'more file')})" if len(guessed) > 1 else ""
    step = duration(typical_time(tables) * UNITS_MS[unit])
    clock = guessed[0].by_clock
    taken = f"taken to be {unit}"
    if clock and clock[0] == unit:
        taken += f", since that agrees with the time that passes by {called(clock[1])}"
    guessed[0].notes.append(
        f"{guessed[0].file}: no unit in the name of {some(guessed[0].said_without_unit())}{more}; {taken}. "
        f"A step then takes {step}. A name like compute_ms settles it."
    )


def guessed_unit(tables: list[Table]) -> str:
    """The unit that a clock beside the times says, or in which a typical mini-batch takes between 5 ms and 10 s.

    The same for all tables.
    """
    with_units = {unit for table in tables for unit in table.units.values() if unit}
    if len(with_units) == 1 and all(set(table.units.values()) - {""} for table in tables):
        return with_units.pop()  # of the columns beside it
    by_clock = {table.by_clock[0] for table in tables if table.without_unit and table.by_clock}
    if len(by_clock) == 1:
        return by_clock.pop()
    typical = typical_time(tables)
    if typical < 5:
        return "s"
    return "ms" if typical <= 1e4 else "us" if typical <= 1e7 else "ns"


def read_table(file: str, pieces: Iterator[bytes], asked: Corrections) -> Table:
    """What a table holds; ScenarioError, naming file and column, for what is not one (see above)."""
    left_out = LeftOut()
    table, decimal = read_fields(file, pieces, left_out)
    names = list(map(str, table.columns))
    try:
        return understood(file, table, decimal, asked, left_out)
    except ScenarioError:
        refuse_log(file, names)
        raise


def read_fields(file: str, pieces: Iterator[bytes], left_out: LeftOut) -> tuple[pd.DataFrame, str]:
    """The fields of a table as they are written, and the sign before decimals."""
    data = whole_file(file, pieces, left_out)
    if data.startswith(PARQUET):
        return read_parquet(file, data), "."
    if holds_sections(data):
        return read_sections(file, data, left_out, read_text)
    return read_text(file, data, left_out)


def read_text(file: str, data: bytes, left_out: LeftOut) -> tuple[pd.DataFrame, str]:
    """The fields of a table in a text, and the sign before decimals."""
    if holds_samples(data):
        return read_samples(file, data, left_out), "."
    if holds_log(data):
        table, notes = read_log(file, data)
        left_out.notes += notes
        return table, "."
    if holds_array(data):
        return by_rows(read_delimited(file, array_rows(file, data).encode(), left_out))
    if kind := markup_of(data):
        return read_markup(file, data, kind, left_out)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and is_json(data[:PIECE]):
        return read_records(file, data, left_out), "."
    return read_delimited(file, data, left_out)


def read_markup(file: str, data: bytes, kind: str, left_out: LeftOut) -> tuple[pd.DataFrame, str]:
    """The table in a web page or in LaTeX; ScenarioError, with what to give instead, for other kinds."""
    refuse_markup(file, kind)
    text = data.decode(encoding_of(file, data))
    rows = html_rows(file, text) if kind == "html" else latex_rows(file, text)
    left_out.notes.append(f"read as the table of a {'web page (HTML)' if kind == 'html' else 'text in LaTeX'}.")
    return by_rows(read_delimited(file, rows.encode(), left_out))


def by_rows(read: tuple[pd.DataFrame, str]) -> tuple[pd.DataFrame, str]:
    """A table and its decimal sign, whose rows are not the lines of the file: they are counted without the headings."""
    table, decimal = read
    return table.set_axis(table.index - 1).rename_axis(index="row"), decimal


def understood(file: str, table: pd.DataFrame, decimal: str, asked: Corrections, left_out: LeftOut) -> Table:
    """What a table holds, from its fields."""
    check_names(file, table)
    names = list(table.columns)
    asked.check(file, names)
    draft = Draft(file=file, table=table, asked=asked, left_out=left_out, decimal=decimal, columns_of_file=names)
    for note in left_out.notes:
        draft.say(note)
    read_headings(draft)
    if INDEX in draft.meanings and are_workers(draft, INDEX):
        draft.meanings[INDEX] = Meaning("rank")
    leave_out_statistics(draft)
    leave_out_evaluation(draft)
    keep_times(draft)
    as_long(draft, by_numbers(draft))
    kinds = choose_times(draft)
    for name in kinds:
        draft.keep_numbers(name)
    main = [name for name, kind in kinds.items() if PARTS[kind] in ("compute", "whole step")]
    if all(draft.numbers(name)[0].isna().all() for name in main):
        raise draft.refused(f"no row has a time in {some(main)}")
    keys = add_keys(draft).reset_index(drop=True)
    if not {"worker", "step"} & set(keys):
        if draft.left_out.headings:
            raise draft.refused(
                "its headings come again, and no column says which worker a row is of: give a file each"
            )
        refuse_unexplained(draft, kinds)
    say_times(draft, kinds)
    ranks = world_size(draft)
    say_left_out(draft, names)
    rows = keys.assign(**{name: draft.numbers(name)[0].to_numpy() for name in kinds})
    by_clock = unit_by_clock(draft, rows, kinds) if not asked.unit else None
    rows, kinds = one_row_each(draft, rows, kinds)
    if "step" not in rows:
        rows["step"] = rows.groupby("worker" if "worker" in rows else np.zeros(len(rows))).cumcount()
    first = next(iter(kinds))
    if len(kinds) == 1 and (kinds[first] == "whole" or is_bare(draft, first) or set(tokens(first)) & ADDED_UP):
        rows = without_clock(draft, rows, first)
    return Table(
        file=file,
        rows=rows,
        kinds=kinds,
        units={name: asked.unit or draft.numbers(name)[1] for name in kinds},
        columns=tuple(draft.columns.get(name) or Column(name=name, why=why_not(draft, name)) for name in names),
        notes=draft.notes,
        left_out=left_out.note(file) if left_out.rows else "",
        local=are_local(draft),
        world_size=ranks,
        by_clock=by_clock,
    )


def are_local(draft: Draft) -> bool:
    """Whether the columns that name the worker are those of devices in a node."""
    names = [name for name, column in draft.columns.items() if column.role == "worker" and name in draft.meanings]
    return bool(names) and all(draft.meanings[name].role == "local" for name in names)


def world_size(draft: Draft) -> int | None:
    """How many ranks the job has, where a column says one number in all rows."""
    for name in draft.table.columns:
        if compared(name) in WORLD_SIZE and name in draft.meanings:
            values = draft.numbers(name)[0].dropna()
            if len(values) and values.nunique() == 1 and 0 < values.iloc[0] < 2**31:
                draft.take(name, "size of the job", why="says how many ranks there are")
                return int(values.iloc[0])
    return None


def check_names(file: str, table: pd.DataFrame) -> None:
    """ScenarioError for headings that cannot be those of a table."""
    table.columns = table.columns.astype(str)
    for name in table.columns:
        if len(name) > MAX_NAME:
            raise ScenarioError(f"{file}: {shown(name)} is no name of a column: it has {len(name):,} characters.")
    names = list(table.columns)
    if not table.columns.is_unique:
        raise ScenarioError(f"{file}: {shown(names)} names a column twice.")


def read_headings(draft: Draft) -> None:
    """What headings say, a tool's own where it has them, and what was asked for before either."""
    export = known_export(draft.file, draft.table.columns)
    roles = export.roles if export else {}
    draft.meanings = {name: roles.get(compared(name)) or meaning(name) for name in draft.table.columns}
    if export and export.note:
        draft.say(f"{export.tool}: {export.note}")
    if export and export.only:
        for name in draft.table.columns:
            if compared(name) == compared(export.only[0]):
                mine = draft.table[name].astype("str").str.strip().str.lower().str.startswith(export.only[1])
                if export.none and not mine.any():
                    raise draft.refused(f"{export.tool}: {export.none}".rstrip("."))
                draft.only(mine)
    for name in draft.table.columns:
        said = draft.table[name].dropna().unique().tolist() if compared(name) in ("unit", "units") else []
        draft.unit_of_all = UNITS.get(str(said[0]).strip().lower(), "") if len(said) == 1 else draft.unit_of_all
    if export and export.no_step and draft.with_role("step") and missing(draft.table[draft.with_role("step")[0]]).all():
        raise draft.refused(export.no_step)
    if draft.asked["worker"]:
        for name in draft.with_role("rank", "local", "place", "pid"):
            draft.meanings[name] = Meaning("other")
    for role, instead in (("ignore", "ignored"), ("worker", "rank"), ("step", "step")):
        for name in draft.asked[role]:
            draft.meanings[name] = replace(draft.meanings[name], role=instead)


def as_long(draft: Draft, known: dict[str, Cell] | None) -> None:
    """Make a row each of the times of workers that have a column each, if the table is such a one.

    Args:
        draft: the table.
        known: the columns that are one worker's times each, or one step's where a column names the workers, if that
            is known; None where it is not.

    """
    numeric = [
        name for name in draft.table.columns if draft.meanings[name].role != "ignored" and draft.is_numeric(name)
    ]
    keys = draft.with_role("step", "epoch")
    if asked := draft.asked["workers"]:
        cells = {name: Cell(split_unit(name)[0] or name, split_unit(name)[1]) for name in asked}
    elif draft.asked["time"] or draft.asked["compute"]:
        return
    elif known and (draft.with_role("rank") or len(draft.table) == 1):
        with_steps_below(draft, known, draft.with_role("rank"))
        return
    elif known is not None:
        cells = known
    elif owners := draft.with_role("rank", "local", "place", "pid"):
        steps = a_column_per_step([name for name in numeric if name not in owners])
        sums = {name for name in draft.with_role("whole") if set(tokens(name)) & SUMS}
        if not keys and set(draft.with_role(*OWN_TIMES)) - sums <= set(steps):
            with_steps_below(draft, steps, owners)
        return
    else:
        cells = alike([name for name in numeric if name not in keys])
    roles = {cell.measure: meaning(cell.measure).role for cell in cells.values()}
    times = {name: cell for name, cell in cells.items() if roles[cell.measure] in OWN_TIMES | {""}}
    workers = {cell.worker for cell in times.values()}
    named = [name for name in draft.with_role(*OWN_TIMES) if name not in cells and name in numeric]
    if known is None and not draft.asked["workers"] and not named and (moments := begun_and_ended(numeric)):
        with_moments_below(draft, moments, keys)
        return
    if not times or (len(workers) == 1 and named):
        return
    for name, cell in cells.items():
        draft.take(name, "", why=why_not_role(roles[cell.measure]))
    bare = {cell.measure: name for name, cell in times.items() if not roles[cell.measure]}
    if len(bare) > 1:
        raise draft.refused(f"the columns of the workers {some(times)} have different units")
    for name in keys:
        keep_whole(draft, name)
    refuse_long(draft.file, len(draft.table) * len(workers))
    draft.table = melted(draft.table, times, WIDE, keys)
    draft.known_numbers.clear()
    draft.meanings = {name: each for name, each in draft.meanings.items() if name in keys}
    draft.meanings[WIDE] = Meaning("rank", exact=True)
    for measure in dict.fromkeys(cell.measure for cell in times.values()):
        said = meaning(measure)
        draft.meanings[measure] = said if said.role else Meaning("compute", said.unit, exact=True)
    for name, cell in times.items():
        said = draft.meanings[cell.measure]
        draft.take(name, PARTS[said.role], said.unit, why=f"times of worker {cell.worker[:40]}")
    if bare:
        draft.say("a column per worker, taken as compute times without waiting.")


def with_moments_below(draft: Draft, cells: dict[str, Cell], keys: list[str]) -> None:
    """Make a row each of when the steps of workers began and ended that have a column each for that."""
    for name in keys:
        keep_whole(draft, name)
    workers = dict.fromkeys(cell.worker for cell in cells.values())
    refuse_long(draft.file, len(draft.table) * len(workers))
    draft.table = melted(draft.table, cells, WIDE, keys)
    draft.known_numbers.clear()
    draft.meanings = {name: each for name, each in draft.meanings.items() if name in keys}
    draft.meanings[WIDE] = Meaning("rank", exact=True)
    draft.meanings |= {cell.measure: meaning(cell.measure) for cell in cells.values()}
    for name, cell in cells.items():
        part = PARTS[kind_of(phase_of(cell.measure))]
        when = "began" if draft.meanings[cell.measure].role == "start" else "ended"
        unit = draft.numbers(cell.measure)[1]
        draft.take(name, part, unit, why=f"when {TAKEN[part]} {when} on worker {cell.worker[:40]}")
    draft.say(f"each of {counted(len(workers), 'worker')} has columns for when its steps began and ended.")


def with_steps_below(draft: Draft, cells: dict[str, Cell], owners: list[str]) -> None:
    """Make a row each of the times of steps that have a column each."""
    if not cells:
        return
    refuse_long(draft.file, len(draft.table) * len(cells))
    draft.table = melted(draft.table, cells, STEPS, owners)
    draft.known_numbers.clear()
    draft.meanings = {name: draft.meanings[name] for name in owners}
    unit = next(iter(cells.values())).measure
    draft.meanings |= {STEPS: Meaning("step", exact=True), unit: Meaning("compute", unit, exact=True)}
    for name, cell in cells.items():
        draft.take(name, "compute", unit, why=f"times of step {cell.worker}")
    draft.say("a column per step, taken as compute times without waiting.")


WHY_NOT = {
    "statistic": "a statistic",
    "rate": "a rate",
    "quality": "not a time",
    "size": "not a time",
    "clock": "a clock",
    "start": "a clock",
    "end": "a clock",
    "ignored": "to be ignored",
    "place": "where a worker runs",
    "": "not understood",
    **dict.fromkeys(OWN_TIMES, "not one worker's times"),
}


def why_not(draft: Draft, name: str) -> str:
    """Why a column was left out."""
    return why_not_role(draft.meanings[name].role if name in draft.meanings else meaning(name).role)


def why_not_role(role: str) -> str:
    """Why a column of such a role was left out."""
    return WHY_NOT.get(role, "not needed")


def say_left_out(draft: Draft, names: list[str]) -> None:
    """Note which columns were left out although they could pass for times."""
    reasons: dict[str, list[str]] = {}
    for name in names:
        column = draft.columns.get(name)
        why = column.why if column else why_not(draft, name)
        passes = name not in draft.table or draft.is_numeric(name)
        if (
            not (column and column.role)
            and passes
            and why not in ("not needed", "to be ignored", "where a worker runs")
        ):
            reasons.setdefault(why, []).append(name)
    if reasons:
        draft.say(f"left out: {'; '.join(f'{some(left)} ({why})' for why, left in reasons.items())}.")


def is_bare(draft: Draft, name: str) -> bool:
    """Whether times come from columns that name a worker each, and nothing that was measured."""
    return name not in draft.columns_of_file and not meaning(name).role


def without_clock(draft: Draft, rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows with the steps between a clock's readings in the place of the readings, if it is one."""
    read = rows[rows[name].notna()].sort_values([key for key in ("epoch", "step") if key in rows], kind="stable")
    worker = read["worker"].to_numpy() if "worker" in read else np.zeros(len(read))
    is_clock = draft.meanings[name].role in ("clock", "start", "end")
    heading = "" if is_bare(draft, name) else name
    said = ""
    for groups in [[worker], [worker, read["epoch"].to_numpy()]] if "epoch" in read else [[worker]]:
        steps, said = differences(read[name], groups, heading, is_clock)
        if steps is not None:
            draft.say(said)
            passed = read["step"].groupby(groups).diff()
            return read.assign(**{name: steps})[steps.notna() & ~(passed > passed.median())]
    if is_clock:
        raise draft.refused(f"there is no column of times, and {called(name)} is a clock that does not always go on")
    if said:
        draft.say(said)
    return rows


def whole_file(file: str, pieces: Iterator[bytes], left_out: LeftOut) -> bytes:
    """All bytes of a table; ScenarioError above 32 MiB, and for a text as soon as it is seen to be none that fits.

    Of a text that ends early the lines that are whole; zeros at its end are what a crash leaves behind.
    """
    parts: list[bytes] = []
    size = lines = 0
    for piece in up_to_damage(pieces, parts, left_out):
        parts.append(piece)
        size += len(piece)
        if not parts[0].startswith(PARQUET):
            lines += piece.count(b"\n") or piece.count(b"\r")
            refuse_long(file, lines - 1)
            if b"\0" in piece.rstrip(b"\0"):
                raise ScenarioError(f"{file} is neither JSON, Parquet, nor text in UTF-8.")
            if lines < 2 and not parts[0].lstrip().startswith((b"{", b"[")) and size > 2 * LONGEST_HEAD:
                raise ScenarioError(f"{file} is not a table: its first rows have over {LONGEST_HEAD:,} characters.")
        if size > MAX_BYTES:
            raise ScenarioError(f"{file}: a table may have {MAX_BYTES / 2**20:g} MiB (decompressed) at the most.")
    data = b"".join(parts)
    return data if data.startswith(PARQUET) else data.rstrip(b"\0")


def up_to_damage(pieces: Iterator[bytes], read: list[bytes], left_out: LeftOut) -> Iterator[bytes]:
    """The pieces of a file; of a text that is damaged further on, those before it, up to the end of a line."""
    try:
        yield from pieces
    except DamagedFileError:
        if not read or read[0].startswith(PARQUET) or b"\n" not in read[-1]:
            raise
        read[-1] = read[-1][: read[-1].rfind(b"\n") + 1]
        left_out.notes.append("the file ends early; the lines that are whole were read.")


def refuse_long(file: str, rows: int) -> None:
    """ScenarioError where a table has more mini-batches than any trace may have."""
    if rows > MAX_ROWS:
        raise ScenarioError(f"{file}: a table may have {MAX_ROWS:,} mini-batches at the most.")


def read_parquet(file: str, data: bytes) -> pd.DataFrame:
    """The table in a Parquet file, with its texts as texts."""
    table, left_out = unpacked(file, data, MAX_CELLS, MAX_ROWS, MAX_NAME)
    for name, why in left_out.items():
        if meaning(name[:MAX_NAME]).role in OWN_TIMES | {"rank", "local", "place", "step", "epoch"}:
            raise ScenarioError(f"{file}: {shown(name)} {why}.")
    if not len(table):
        raise ScenarioError(f"{file} has no rows.")
    table = table.drop(columns="__index_level_0__", errors="ignore")
    texts = table.columns[table.dtypes == "category"]
    halves = table.columns[table.dtypes == np.float16]
    table = table.assign(**{name: plain_texts(table[name]) for name in texts}).astype(dict.fromkeys(halves, float))
    return table.set_axis(pd.RangeIndex(1, len(table) + 1, name="row"))


def plain_texts(column: pd.Series) -> pd.Series:
    """Categories as the texts that they are, each stored once."""
    texts = [text.decode(errors="replace") if isinstance(text, bytes) else text for text in column.cat.categories]
    return pd.Series(np.array([*texts, None], dtype=object)[column.cat.codes], index=column.index)
