"""Texts with a section for each worker: a heading such as Rank 0, and its times or a small table below it."""

import io
import re
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.common.validation import MAX_WORKERS, ScenarioError, shown
from core.common.wording import counted
from core.traces.tables.cells import UNITS
from core.traces.tables.delimited import TITLES, encoding_of
from core.traces.tables.headings import meaning
from core.traces.tables.left_out import LeftOut
from core.traces.tables.logs import holds_log
from core.traces.tables.wide import WORKER

HEADING = re.compile(
    rf"(?im)^[^\w\n]*(?:(?:global|local)[ _-]?)?(?<![a-z])(?P<worker>{WORKER}[ _.:#=-]*\d{{1,6}})"
    r"(?:[ :,-]*(?:(?:step|compute)[ _-])?times?)?(?:[ _]*[(\[](?P<unit>[^\W\d]{1,12})[)\]])?[^\w\n]*$"
)
BULLET = re.compile(r"^[ \t]*[-*•][ \t]+(?=[\d.])")
ONE_TIME = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?:\s?[^\W\d]{1,12})?", re.IGNORECASE)
DECIMALS = re.compile(r"[-+]?\d+,\d+")
PAIR = re.compile(r"-?\s*[A-Za-z_][\w. -]{0,60}\s?[:=]\s?[^:=]{1,200}")
TIME, ROW_STEP = "step time", "step"
LOOKED_AT = 2**16  # characters in which the first heading has to come
WHO = ("rank", "local", "place", "pid")
Read = Callable[[str, bytes, LeftOut], tuple[pd.DataFrame, str]]


@dataclass(frozen=True)
class Section:
    """What stands below one heading."""

    worker: str
    unit: str
    text: str
    line: int
    """Of its heading."""


def holds_sections(data: bytes) -> bool:
    """Whether a text is in sections of a worker each: a heading in its first lines, and another worker's below."""
    start = in_lines(data[:LOOKED_AT].decode("utf-8-sig", errors="replace"))
    found = HEADING.search(start)
    if not found:
        return False
    above = [line for line in start[: found.start()].splitlines() if line.strip()]
    if len(above) > TITLES or any(map(only_numbers, above)):
        return False
    sections = sections_of(in_lines(data.decode("utf-8-sig", errors="replace")))
    filled = [section for section in sections if re.search(r"\d", section.text)]
    if len({section.worker for section in sections}) < 2 or not filled:
        return False
    return not any(names_worker(section.text) or are_pairs(section.text) for section in filled)


def in_lines(text: str) -> str:
    """The text with one sign for every end of a line."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def sections_of(text: str) -> list[Section]:
    """The sections of a text, in order."""
    found = list(HEADING.finditer(text))
    ends = [each.start() for each in found[1:]] + [len(text)]
    sections, line, counted_to = [], 1, 0
    for each, end in zip(found, ends, strict=True):
        line, counted_to = line + text.count("\n", counted_to, each.start()), each.start()
        worker = re.sub(r"[ _.:#=-]+", " ", each["worker"].lower()).strip()
        worker = re.sub(r"(?<=[a-z])(?=\d)", " ", worker)
        unit = UNITS.get((each["unit"] or "").lower(), "")
        sections.append(Section(worker, unit, text[each.end() : end], line))
    return inside_others(sections)


def inside_others(sections: list[Section]) -> list[Section]:
    """The sections without those that hold others, such as a node with its ranks: these are named with both."""
    kinds = [section.worker.partition(" ")[0] for section in sections]
    outer = {
        kind
        for section, kind, following in zip(sections, kinds, kinds[1:], strict=False)
        if not section.text.strip() and kind != following
    }
    found, above = [], ""
    for section, kind in zip(sections, kinds, strict=True):
        if kind in outer and not section.text.strip():
            above = f"{section.worker} "
        else:
            found.append(replace(section, worker=f"{above}{section.worker}"))
    return found if len(outer) == 1 else sections


def names_worker(text: str) -> bool:
    """Whether a section's table says itself which worker a row is of, so that its heading is not needed."""
    return any(meaning(field[:200]).role in WHO for field in headings_of(text))


def are_pairs(text: str) -> bool:
    """Whether every line is a pair like step: 3: a record of its own, as in YAML, and no section."""
    return all(PAIR.fullmatch(line.strip()) for line in io.StringIO(text) if line.strip())


def read_sections(file: str, data: bytes, left_out: LeftOut, read: Read) -> tuple[pd.DataFrame, str]:
    """The table of all sections with the worker of each row, and the sign before decimals; `read` takes a table.

    Sections with no number in them are left out and counted.
    """
    text = in_lines(data.decode(encoding_of(file, data)))
    sections = sections_of(text)
    empty = [section for section in sections if not re.search(r"\d", section.text)]
    for section in empty:
        left_out.add(1, "section", f"no times below {shown(section.worker)}, line {section.line:,}")
    refuse_unlike(file, [section for section in sections if section not in empty], len(empty))
    unit = sections[0].unit
    name = f"{TIME} ({unit})" if unit else TIME
    table, decimal = plain_times(sections, name), "."
    if table is None:
        above = text[: HEADING.search(text).start()].count("\n")  # type: ignore[union-attr]
        rows = "\n" * above + HEADING.sub("", text.split("\n", above)[above])
        table, decimal = read(file, rows.encode(), left_out)
    owner = np.searchsorted([section.line for section in sections], table.index.to_numpy(), side="right") - 1
    table = with_steps(table, owner, name)
    table.insert(0, "worker", np.array([section.worker for section in sections], dtype=object)[owner])
    there, workers = len(sections) - len(empty), table["worker"].nunique()
    left_out.notes.insert(0, f"read as {counted(there, 'section')} of {counted(workers, 'worker')}.")
    return table, decimal


def refuse_unlike(file: str, sections: list[Section], empty: int) -> None:
    """ScenarioError where too many sections have no times, or where sections have different columns or units."""
    if len({section.worker for section in sections}) > MAX_WORKERS:
        raise ScenarioError(f"{file} has sections of more than {MAX_WORKERS:,} workers.")
    if empty > len(sections):
        raise ScenarioError(
            f"{file} has headings such as {shown(sections[0].worker)}, but {empty:,} of {empty + len(sections):,} have "
            "no times below them: give a table (CSV) with worker, step, compute_ms."
        )
    if len({section.unit for section in sections}) > 1:
        raise ScenarioError(f"{file}: the headings of its sections have different units; give all times in one.")
    heads = [head for section in sections if len(head := headings_of(section.text)) > 1]
    unlike = next((head for head in heads if set(head) != set(heads[0])), None)
    if unlike and not holds_log(sections[0].text.encode()):
        raise ScenarioError(
            f"{file}: its sections have different columns, {shown(heads[0])} and {shown(unlike)}; give them the same."
        )


def headings_of(text: str) -> list[str]:
    """The fields of the first line of a section that says more than numbers; nothing where it has numbers alone."""
    first = next((line for line in io.StringIO(text) if line.strip()), "")[:LOOKED_AT]
    return [] if only_numbers(first) else [field.strip() for field in re.split(r"[,;|\t]|\s{2,}", first.strip(" |\n"))]


def plain_times(sections: list[Section], name: str) -> pd.DataFrame | None:
    """The times of sections that have nothing but times, one a line or all in one line; None for others."""
    times: list[str] = []
    numbers = array("q")
    for section in sections:
        lines = several = 0
        for number, line in enumerate(io.StringIO(section.text), section.line):
            if not line.strip():
                continue
            fields = fields_of(BULLET.sub("", line))
            lines, several = lines + 1, several + (len(fields) > 1)
            if not all(map(ONE_TIME.fullmatch, fields)) or (several and lines > 1):
                break
            times += fields
            numbers.extend([number] * len(fields))
        else:
            continue
        if re.search(r"\d", section.text):
            return None
    if not times:
        return None
    values = pd.to_numeric(pd.Series(times, dtype="str").to_numpy(dtype=object), errors="coerce")
    column = times if np.isnan(values).any() else values
    return pd.DataFrame({name: column}, index=pd.Index(np.array(numbers), name="line"))


def with_steps(table: pd.DataFrame, owner: np.ndarray, name: str) -> pd.DataFrame:
    """A table of two columns without headings, the first of which counts in each section, as steps and their times."""
    if list(table.columns) != ["column 1", "column 2"] or not pd.api.types.is_numeric_dtype(table["column 1"]):
        return table
    ahead = table["column 1"].groupby(owner).diff().dropna()
    counts = len(ahead) > 0 and (ahead == 1).all()
    return table.rename(columns={"column 1": ROW_STEP, "column 2": name}) if counts else table


def only_numbers(line: str) -> bool:
    """Whether a line has numbers and nothing else, each with a unit or without."""
    fields = fields_of(line)
    return bool(fields) and all(ONE_TIME.fullmatch(field) or DECIMALS.fullmatch(field) for field in fields)


def fields_of(line: str) -> list[str]:
    """The numbers in a line, whatever separates them; a comma stands before decimals only between semicolons."""
    line = line.strip().strip("[](),;")
    if ONE_TIME.fullmatch(line):
        return [line]
    return [field for field in re.split(r"\s*;\s*" if ";" in line else r"[,\s]+", line) if field]
