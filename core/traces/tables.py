"""Tables of measured times: CSV, TSV or Parquet, a row per mini-batch or a column per worker.

Columns may come in any order; capitals, spaces, dashes and underscores do not matter, and others are ignored:

- worker (or rank, gpu, device, node, host, process); where it is missing, the file is one worker's.
- step (or iteration, iter, batch); where it is missing, each worker's rows are taken in order.
- compute_ms (or computation, computing): a mini-batch's computing, without waiting. Or step_time_ms (or step_ms,
  time, duration, elapsed, total): the whole step, from which comm and wait are taken off where they are given.
- comm_ms (or communication, network, collective, allreduce): with the waiting in it, unless wait_ms stands beside it.
- wait_ms (or waiting, idle, barrier).

A table without compute and step times is a wide one: each column but step is a worker's compute times.
A unit ends a name, as in compute_us or "compute (s)": ns, us, ms or s. Without one it is guessed from the size.
"""

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pandas as pd

from core.common.validation import ScenarioError, shown
from core.traces.files import Rows, rank_in
from core.traces.parquet import unpacked

MAX_BYTES = 2**25
MAX_CELLS = 2**23
MAX_COLUMNS = 4_100
MAX_ROWS = 1_000_000  # no trace takes more mini-batches
MAX_NAME = 200  # characters of a column's name
LONGEST_HEAD = 2**20  # characters of the header and the first row
PARQUET = b"PAR1"

NAMES = {
    "worker": "worker rank globalrank workerid gpu device node host process",
    "step": "step globalstep iteration iter batch",
    "compute": "compute computetime computation computing",
    "whole": "time duration elapsed total steptime stepduration iterationtime batchtime",
    "comm": "comm commtime communication network collective allreduce",
    "wait": "wait waittime waiting idle barrier",
}
ROLES = {name: role for role, names in NAMES.items() for name in names.split()}
UNITS_MS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "sec": 1e3}
UNIT = re.compile(rf"(.*?)(?:[ _.-]|[ _]*[(\[])({'|'.join(UNITS_MS)})[)\]]?", re.IGNORECASE)


def read_table(file: str, pieces: Iterator[bytes]) -> Rows:
    """The rows of a table, times in ms; ScenarioError, naming file and column, for what is not one (see above)."""
    data = whole_file(file, pieces)
    table = read_parquet(file, data) if data.startswith(PARQUET) else read_text(file, data)
    if not len(table):
        raise ScenarioError(f"{file} has no rows.")
    refuse_long(file, len(table))
    columns, notes = headings(file, table), []
    if "compute" not in columns and "whole" not in columns:
        table, columns = one_row_each(file, table, columns)
        notes.append(f"{file}: a column per worker, taken as compute times without waiting.")
    times = {role: numbers(file, table[name]) for role, (name, _) in columns.items() if role not in ("worker", "step")}
    if None in (columns[role][1] for role in times):
        guess = guessed_unit(times["compute" if "compute" in times else "whole"])
        notes.append(f"{file}: no unit in a column's name; taken to be {guess}. A name like compute_ms settles it.")
    times = {role: time * UNITS_MS[columns[role][1] or guess] for role, time in times.items()}
    whole_steps = set(times) == {"whole"}
    if "compute" not in times:
        times["compute"] = times["whole"] - times.get("comm", 0) - times.get("wait", 0)
    rows = pd.DataFrame({f"{role}_ms": times[role] for role in ("compute", "comm", "wait") if role in times})
    if "worker" in columns:
        rows["worker"] = table[columns["worker"][0]]
    each = rows.groupby("worker" if "worker" in rows else np.zeros(len(rows)))
    rows["step"] = steps(file, table[columns["step"][0]]) if "step" in columns else each.cumcount()
    return Rows(file=file, table=rows, rank=rank_in(file), whole_steps=whole_steps, notes=notes)


def whole_file(file: str, pieces: Iterator[bytes]) -> bytes:
    """All bytes of a table; ScenarioError above 32 MiB, and for a text as soon as it is seen to be none that fits."""
    parts, size, lines = [], 0, 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if not parts[0].startswith(PARQUET):
            lines += piece.count(b"\n") or piece.count(b"\r")
            refuse_long(file, lines - 1)
            if b"\0" in piece:
                raise ScenarioError(f"{file} is neither JSON, Parquet, nor text in UTF-8.")
            if lines < 2 and size > 2 * LONGEST_HEAD:
                raise ScenarioError(f"{file} is not a table: its first rows have over {LONGEST_HEAD:,} characters.")
        if size > MAX_BYTES:
            raise ScenarioError(f"{file}: a table may have {MAX_BYTES / 2**20:g} MiB (decompressed) at the most.")
    return b"".join(parts)


def refuse_long(file: str, rows: int) -> None:
    """ScenarioError where a table has more mini-batches than any trace may have."""
    if rows > MAX_ROWS:
        raise ScenarioError(f"{file}: a table may have {MAX_ROWS:,} mini-batches at the most.")


def read_text(file: str, data: bytes) -> pd.DataFrame:
    """The table in a text that is separated by tabs, semicolons or commas, whichever its header has most of."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{file} is neither JSON, Parquet, nor text in UTF-8.") from error
    header = text.lstrip().split("\n", 1)[0]
    separator = max("\t;,", key=header.count)
    refuse_wide(file, text, separator)
    try:
        table = pd.read_csv(io.StringIO(text), sep=separator, skipinitialspace=True, low_memory=False)
    except (ValueError, OverflowError) as error:
        raise ScenarioError(f"{file} is not a table: {error}.") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise ScenarioError(f"{file} is not a table: its rows have more fields than its header.")
    return table.loc[:, ~table.columns.str.startswith("Unnamed: ")]  # what pandas calls a column without a name


def refuse_wide(file: str, text: str, separator: str) -> None:
    """ScenarioError where the header or the first row has too many fields; pandas would take minutes to find out."""
    head = io.StringIO(text[:LONGEST_HEAD], newline="")
    rows = (row for row in csv.reader(head, delimiter=separator, skipinitialspace=True) if row)
    try:
        first = list(islice(rows, 2))
    except csv.Error as error:
        raise ScenarioError(f"{file} is not a table: {error}.") from error
    if head.tell() == LONGEST_HEAD < len(text):
        raise ScenarioError(f"{file} is not a table: its first rows have over {LONGEST_HEAD:,} characters.")
    if max(map(len, first), default=0) > MAX_COLUMNS:
        raise ScenarioError(f"{file}: a table may have {MAX_COLUMNS:,} columns at the most.")


def read_parquet(file: str, data: bytes) -> pd.DataFrame:
    """The table in a Parquet file, with its texts as texts."""
    table, left_out = unpacked(file, data, MAX_CELLS, MAX_ROWS, MAX_NAME)
    for name, why in left_out.items():
        if role_of(name[:MAX_NAME])[0]:
            raise ScenarioError(f"{file}: {shown(name)} {why}.")
    table = table.drop(columns="__index_level_0__", errors="ignore")
    texts = table.columns[table.dtypes == "category"]
    halves = table.columns[table.dtypes == np.float16]
    return table.assign(**{name: plain_texts(table[name]) for name in texts}).astype(dict.fromkeys(halves, float))


def plain_texts(column: pd.Series) -> pd.Series:
    """Categories as the texts that they are, each stored once."""
    texts = [text.decode(errors="replace") if isinstance(text, bytes) else text for text in column.cat.categories]
    return pd.Series(np.array([*texts, None], dtype=object)[column.cat.codes], index=column.index)


def headings(file: str, table: pd.DataFrame) -> dict[str, tuple[str, str | None]]:
    """What the columns are: {role: (name, unit)}; a step with a unit is the time of a step."""
    found: dict[str, tuple[str, str | None]] = {}
    table.columns = table.columns.astype(str)
    for name in table.columns:
        if len(name) > MAX_NAME:
            raise ScenarioError(f"{file}: {shown(name)} is no name of a column: it has {len(name):,} characters.")
    if not table.columns.is_unique:
        raise ScenarioError(f"{file}: {shown(list(table.columns))} names a column twice.")
    for name in table.columns:
        role, unit = role_of(name)
        if role in found:
            raise ScenarioError(f"{file}: {shown(found[role][0])} and {shown(name)} are both columns of {role}.")
        if role:
            found[role] = name, unit
    return found


def role_of(name: str) -> tuple[str | None, str | None]:
    """What a column is by its name, None where it is none that matters, and its unit."""
    plain, unit = split_unit(name)
    role = ROLES.get(re.sub(r"[ _-]", "", plain).lower())
    return "whole" if role == "step" and unit else role, unit


def split_unit(name: str) -> tuple[str, str | None]:
    """The name of a column without its unit, and the unit."""
    found = UNIT.fullmatch(name.strip().replace("μ", "µ"))
    return (found[1], found[2].lower()) if found else (name, None)


def one_row_each(file: str, table: pd.DataFrame, columns: dict) -> tuple[pd.DataFrame, dict]:
    """A wide table's times with a row each."""
    step = columns.get("step", (None, None))[0]
    workers = [name for name in table.columns if name != step]
    units = {split_unit(name)[1] for name in workers}
    if set(columns) - {"step"} or not workers:
        raise ScenarioError(f"{file}: none of the columns {shown(list(table.columns))} is compute_ms or step_time_ms.")
    if all(re.fullmatch(r"[\d.]+", name) for name in workers) and "." in "".join(workers):
        raise ScenarioError(f"{file} has no header: its first row, {shown(workers)}, is one of times.")
    if len(units) > 1:
        raise ScenarioError(f"{file}: the columns of the workers {shown(workers)} have different units.")
    refuse_long(file, len(table) * len(workers))
    number = table[step] if step else np.arange(len(table))
    times = pd.concat([numbers(file, table[name]) for name in workers], ignore_index=True)
    long = {
        "worker": np.repeat([split_unit(name)[0] for name in workers], len(table)),
        "step": np.tile(number, len(workers)),
        "compute": times,
    }
    return pd.DataFrame(long), {"worker": ("worker", None), "step": ("step", None), "compute": ("compute", *units)}


def numbers(file: str, column: pd.Series) -> pd.Series:
    """The column as numbers, NaN where a field is empty; ScenarioError names the first that is none."""
    try:
        values = pd.to_numeric(column, errors="coerce").astype(float)
    except (TypeError, ValueError, OverflowError) as error:
        raise ScenarioError(f"{file}: {shown(column.name)} has more than numbers that fit in 64 bits.") from error
    bad = values.isna() & column.notna()
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise ScenarioError(f"{file}: {shown(column.iloc[row])} in {shown(column.name)}, row {row + 1}, is no number.")
    return values


def steps(file: str, column: pd.Series) -> pd.Series:
    """The numbers of the steps."""
    values = numbers(file, column)
    bad = ~(values.abs() < 2**53) | (values % 1 != 0)
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise ScenarioError(f"{file}: step {values.iloc[row]:g} in row {row + 1} is not a whole number.")
    return values.astype(np.int64)


def guessed_unit(times: pd.Series) -> str:
    """The unit in which a typical mini-batch takes between 1 ms and 100 s."""
    typical = times.median()
    if typical < 1:
        return "s"
    return "ms" if typical <= 1e5 else "us"
