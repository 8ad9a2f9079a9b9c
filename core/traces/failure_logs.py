"""Logs of failures as people and tools write them, as a table of who was down from when until when.

A table in CSV of any kind, JSON, JSON lines or Parquet, with a column of starts, perhaps of ends or of down times, and
of workers; a table of events, or the lines of a log, that say who went down when and who was back; lines with pairs
such as start=3600. Bad rows are left out and counted.
"""

import io
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.common.validation import ScenarioError, shown
from core.traces.files import MAX_BYTES, Budget, File, file_name, pieces
from core.traces.tables.cells import DATE, UNITS_MS, missing, numbers
from core.traces.tables.delimited import encoding_of
from core.traces.tables.headings import split_unit
from core.traces.tables.left_out import LeftOut
from core.traces.tables.logs import PAIR
from core.traces.tables.naming import is_unnamed, some
from core.traces.tables.table import MAX_BYTES as MOST_BYTES
from core.traces.tables.table import PARQUET, read_fields, whole_file

MOST_ROWS = 100_000
MOST_TEXT = 2**20
"""Characters of a text that is pasted."""
NAMES = {
    "start": "start start_time started begin begin_time failed failed_at failure failure_time fail_time failure_start "
    "down down_at down_since went_down outage_start interrupted_at from since time timestamp date date_time when at",
    "end": "end end_time ended back back_at up up_at recovered recovered_at recovery_time repaired repaired_at "
    "restored resumed resolved outage_end failure_end until to stop",
    "down": "duration down_time down_for outage outage_time repair repair_time time_to_repair ttr restart",
    "worker": "worker worker_id rank node node_id node_name host host_name gpu gpu_id machine instance device pod",
    "event": "event status state type kind action message what",
}
"""What columns may be called, the surest name first; underscores and capitals do not matter."""
WENT_DOWN = re.compile(
    r"(?i)\b(?:fail\w*|down|lost|crash\w*|dead|died|kill\w*|unreachable|preempt\w*|evict\w*|interrupt\w*|exited|"
    r"not ?ready|drain\w*|unhealthy|offline)\b"
)
CAME_BACK = re.compile(
    r"(?i)\b(?:up|back|recover\w*|restart\w*|resum\w*|rejoin\w*|joined|ready|healthy|online|restored|replaced)\b"
)
WHEN = re.compile(rf"^\W{{0,2}}((?:{DATE.pattern})|\d+(?:\.\d+)?)(?=\W)")
WHO = re.compile(r"(?i)\b(?:worker|rank|node|host|gpu|machine|instance|pod)[ =:#_-]{0,2}([\w.-]*\w)")
LONG_UNIT = re.compile(r"(?i)[_ ](h|hours?|min|mins|minutes)$")
SINCE_1970 = 1e11  # s; what is more is in ms


@dataclass(frozen=True, kw_only=True, eq=False)
class DownTimes:
    """Who was down when: arrays of one length.

    Attributes:
        start_ms: when each failure was, ms.
        end_ms: when its worker was back, ms; NaN where that is not known.
        worker: whose it was, as texts; None where the log does not say.
        left_out: how many rows could not be used.
        notes: what was understood, a sentence each.

    """

    start_ms: np.ndarray
    end_ms: np.ndarray
    worker: np.ndarray | None
    left_out: int
    notes: tuple[str, ...] = ()


def read_down_times(log: pd.DataFrame | File, unit: str | None = None) -> DownTimes:
    """Who was down from when until when.

    Args:
        log: a data frame, or a path or an open binary file.
        unit: of times that are numbers and say none; s where it is None, or ms where they count from 1970.

    Raises:
        ScenarioError: for what is no such log.

    """
    left_out = LeftOut()
    if isinstance(log, pd.DataFrame):
        table, decimal = log, "."
    else:
        table, decimal = fields_of(log, left_out)
    if len(table) > MOST_ROWS:
        raise ScenarioError(f"log: {len(table):,} rows are more than {MOST_ROWS:,}.")
    table, roles = with_roles(table.rename(columns=str))
    times = Times(table, decimal, unit)
    if "event" in roles and not {"end", "down"} & roles.keys() and (found := of_events(times, roles)):
        down = found
    else:
        down = of_rows(times, roles)
    notes = (*left_out.notes, f"Read: {roles_in_words(roles)}; {times.in_words()}.")
    return DownTimes(**vars(down) | {"left_out": down.left_out + left_out.rows, "notes": notes})


def fields_of(log: Any, left_out: LeftOut) -> tuple[pd.DataFrame, str]:
    """The fields of a file, and the sign before decimals."""
    if isinstance(log, io.TextIOBase):
        log = as_file(log.read(MOST_BYTES), getattr(log, "name", "the text"))
    if not (isinstance(log, str | os.PathLike) or hasattr(log, "read")):
        raise ScenarioError(f"log: {shown(log)} is neither a table nor a file.")
    file = file_name(log)
    data = whole_file(file, pieces(log, Budget(MAX_BYTES)), left_out)
    if not data.strip():
        raise ScenarioError(f"log: {file} is empty.")
    if not data.startswith(PARQUET):
        lines = data.decode(encoding_of(file, data)).splitlines()
        for read in (pairs_in, events_in):
            if rows := read(lines):
                known = [line for line in lines if line.strip()]
                left_out.add(len(known) - len(rows), "lines", "they do not say who failed when")
                return pd.DataFrame(rows), "."
    return read_fields(file, iter([data]), left_out)


def pairs_in(lines: Sequence[str]) -> list[dict[str, str]]:
    """The pairs of lines such as worker=3 start=3600 end=4000; none where most lines have no start among them."""
    rows = [{found[1]: found[2] or found[3] for found in PAIR.finditer(line[:2_000])} for line in lines if line.strip()]
    good = [row for row in rows if role_of("start", list(row))]
    return good if 2 * len(good) > len(rows) else []


def events_in(lines: Sequence[str]) -> list[dict[str, str]]:
    """The lines of a log that say who went down, or came back, and when; none where fewer than half of them do."""
    rows, known = [], 0
    for line in lines:
        known += bool(line.strip())
        when, who, what = WHEN.match(line), WHO.search(line[:2_000]), line[:2_000]
        if when and who and (WENT_DOWN.search(what) or CAME_BACK.search(what)):
            said = what[when.end() :].replace(who[0], " ")
            rows.append({"time": when[1], "worker": who[1], "event": said})
    return rows if 2 * len(rows) > known else []


def with_roles(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """A table and what its columns are, by role; where it has no headings, in the order start, end, worker."""
    names = list(table.columns)
    if names and not role_of("start", names) and math.isfinite(moment_ms(names[0])):
        first = pd.DataFrame([dict(zip(table.columns, names, strict=True))])
        table = pd.concat([first, table.astype(object)], ignore_index=True)
        table.columns = names = [f"column {number}" for number in range(1, len(names) + 1)]
    if is_unnamed(names) and names:
        return table, dict(zip(("start", "end", "worker"), names, strict=False))
    roles = {role: name for role in NAMES if (name := role_of(role, names))}
    if "start" not in roles:
        raise ScenarioError(
            f"log: of its columns, {some(names)}, none says when a worker failed. Call it start, and others end and "
            "worker."
        )
    return table, {role: name for role, name in roles.items() if role == "start" or name != roles["start"]}


def role_of(role: str, names: Sequence[str]) -> str:
    """The first of some headings that has a role; empty where none has."""
    plain = {re.sub(r"[\W_]+", "", without_unit(name)[0].lower()): name for name in reversed(names)}
    return next((plain[called] for called in NAMES[role].replace("_", "").split() if called in plain), "")


def without_unit(heading: str) -> tuple[str, str]:
    """A heading without its unit, and the unit; down times may be in min or h, which times of steps are not."""
    if long := LONG_UNIT.search(heading):
        return heading[: long.start()], "h" if long[1].lower().startswith("h") else "min"
    name, unit = split_unit(heading)
    return name or heading, unit


def roles_in_words(roles: dict[str, str]) -> str:
    """What each column was taken for."""
    words = {"start": "start", "end": "end", "down": "down time", "worker": "worker", "event": "event"}
    return ", ".join(f"{name!r} as {words[role]}" for role, name in roles.items())


class Times:
    """The columns of a log as times."""

    def __init__(self, table: pd.DataFrame, decimal: str, unit: str | None) -> None:
        self.table, self.decimal, self.asked = table, decimal, unit
        self.units: set[str] = set()
        self.guessed = False
        """Whether no unit was said for some of them."""

    def of(self, name: str) -> np.ndarray:
        """A column as times in ms, NaN where a field is none."""
        column = self.table[name]
        if column.dtype.kind == "M":
            self.units.add("dates")
            return np.array([moment_ms(each) for each in column])
        values, in_ms = numbers(column, self.decimal)
        if 2 * values.notna().sum() > (~missing(column)).sum() or column.isna().all():
            unit = without_unit(name)[1] or self.asked
            if not unit:
                unit, self.guessed = "ms" if values.median() > SINCE_1970 else "s", True
            self.units.add(unit)
            return np.where(in_ms, values, values * UNITS_MS[unit]).astype(float)
        self.units.add("dates")
        return np.array([moment_ms(each) for each in column])

    def in_words(self) -> str:
        """In which units the times are."""
        units = " and ".join(sorted(self.units - {"dates"}))
        if not units:
            return "times are dates"
        return f"times say no unit and are taken to be in {units}" if self.guessed else f"times are in {units}"

    def workers(self, roles: dict[str, str]) -> np.ndarray | None:
        """Who each row is about, as texts, empty where it does not say; None where no row does."""
        if "worker" not in roles:
            return None
        column = self.table[roles["worker"]]
        texts = np.array([str(each).strip().removesuffix(".0") for each in column], dtype=object)
        return np.where(missing(column).to_numpy(), "", texts)


def of_rows(times: Times, roles: dict[str, str]) -> DownTimes:
    """The failures of a table with a row for each."""
    start, worker = times.of(roles["start"]), times.workers(roles)
    end = np.full(len(start), np.nan)
    if "end" in roles:
        end = times.of(roles["end"])
    elif "down" in roles:
        end = start + times.of(roles["down"])
    good = np.isfinite(start) & ~(end < start)
    if worker is not None:
        good &= worker != ""
    return DownTimes(
        start_ms=start[good],
        end_ms=end[good],
        worker=None if worker is None else worker[good],
        left_out=int(np.count_nonzero(~good)),
    )


def of_events(times: Times, roles: dict[str, str]) -> DownTimes | None:
    """The failures of a table with a row each for going down and coming back; None where its events say neither."""
    said = [str(each) for each in times.table[roles["event"]]]
    down = np.array([bool(WENT_DOWN.search(each)) for each in said])
    back = np.array([bool(CAME_BACK.search(each)) for each in said]) & ~down
    if 2 * np.count_nonzero(down | back) <= len(said) or not down.any():
        return None
    when, named = times.of(roles["start"]), times.workers(roles)
    worker = np.full(len(when), "", dtype=object) if named is None else named
    good = np.isfinite(when) & (down | back)
    if named is not None:
        good &= worker != ""
    found: list[list[Any]] = []
    is_down: dict[str, int] = {}
    for place in np.flatnonzero(good)[np.argsort(when[good], kind="stable")].tolist():
        who = worker[place]
        if back[place]:
            if who in is_down:
                found[is_down.pop(who)][1] = when[place]
        elif who not in is_down:  # what is said of it while it is down is the same failure
            is_down[who] = len(found)
            found.append([when[place], np.nan, who])
    start, end, who = (np.array(column, dtype=object) for column in zip(*found, strict=True))
    return DownTimes(
        start_ms=start.astype(float),
        end_ms=end.astype(float),
        worker=None if named is None else who,
        left_out=int(np.count_nonzero(~good)),
    )


def moment_ms(text: Any) -> float:
    """A date and time as ms since 1970, in UTC where it names no zone; NaN where it is none."""
    if isinstance(text, str) and (len(text) > 60 or not re.search(r"\d[-/:.]\d", text)):
        return math.nan
    try:
        return pd.Timestamp(text).timestamp() * 1000
    except (ValueError, TypeError, OverflowError):
        return math.nan


def pasted(text: str) -> io.BytesIO:
    """A text that was pasted, as a file; ScenarioError for one that is too long.

    Args:
        text: the lines of a table or a log.

    """
    if len(text) > MOST_TEXT:
        raise ScenarioError(f"log: {shown(text[:20])} and what follows is too long to paste; upload it as a file.")
    return as_file(text, "the pasted text")


def as_file(text: str, name: str) -> io.BytesIO:
    """A text as an open file with a name."""
    file = io.BytesIO(text.encode())
    file.name = name
    return file
