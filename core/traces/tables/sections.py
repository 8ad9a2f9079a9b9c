"""Texts with a section for each worker: a heading such as Rank 0, and its times or a small table below it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from core.common.validation import MAX_WORKERS, ScenarioError, shown
from core.common.wording import counted
from core.traces.tables.cells import UNITS
from core.traces.tables.delimited import TITLES, encoding_of
from core.traces.tables.headings import meaning
from core.traces.tables.left_out import LeftOut
from core.traces.tables.wide import WORKER

HEADING = re.compile(
    rf"(?im)^[^\w\n]*(?:(?:global|local)[ _-]?)?(?<![a-z])(?P<worker>{WORKER}[ _.:#=-]*\d{{1,6}})"
    r"(?:[ :,-]*(?:(?:step|compute)[ _-])?times?)?(?:[ _]*[(\[](?P<unit>[^\W\d]{1,12})[)\]])?[^\w\n]*$"
)
BULLET = re.compile(r"(?m)^[ \t]*[-*•][ \t]+(?=[\d.])")
ONE_TIME = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?:\s?[^\W\d]{1,12})?", re.IGNORECASE)
DECIMALS = re.compile(r"[-+]?\d+,\d+")
PAIR = re.compile(r"-?\s*[A-Za-z_][\w. -]{0,60}\s?[:=]\s?[^:=]{1,200}")
TIME, ROW_STEP = "step time", "step"
LOOKED_AT = 2**16  # characters in which the first heading has to come
MOST_EMPTY = 0.5  # of the sections
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
    start = data[:LOOKED_AT].decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    found = HEADING.search(start)
    if not found:
        return False
    above = [line for line in start[: found.start()].splitlines() if line.strip()]
    if len(above) > TITLES or any(map(only_numbers, above)):
        return False
    sections = sections_of(data.decode("utf-8-sig", errors="replace"))
    if len({section.worker for section in sections}) < 2:
        return False
    filled = [section for section in sections if re.search(r"\d", section.text)]
    return bool(filled) and not any(names_worker(section.text) or are_pairs(section.text) for section in filled)


def sections_of(text: str) -> list[Section]:
    """The sections of a text, in order."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = list(HEADING.finditer(text))
    ends = [each.start() for each in found[1:]] + [len(text)]
    sections, line, counted_to = [], 1, 0
    for each, end in zip(found, ends, strict=True):
        line, counted_to = line + text.count("\n", counted_to, each.start()), each.start()
        worker = re.sub(r"[ _.:#=-]+", " ", each["worker"].lower()).strip()
        worker = re.sub(r"(?<=[a-z])(?=\d)", " ", worker)
        unit = UNITS.get((each["unit"] or "").lower(), "")
        sections.append(Section(worker, unit, text[each.end() : end], line))
    return sections


def names_worker(text: str) -> bool:
    """Whether a section's table says itself which worker a row is of, so that its heading is not needed."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    fields = re.split(r"[,;|\t]|\s{2,}", first.strip()) if not only_numbers(first) else []
    return len(first) < LOOKED_AT and any(meaning(field[:200]).role in WHO for field in fields)


def are_pairs(text: str) -> bool:
    """Whether every line is a pair like step: 3: a record of its own, as in YAML, and no section."""
    return all(PAIR.fullmatch(line.strip()) for line in text.splitlines() if line.strip())


def read_sections(file: str, data: bytes, left_out: LeftOut, read: Read) -> tuple[pd.DataFrame, str]:
    """The table of all sections with the worker of each row, and the sign before decimals; `read` takes one section.

    Sections with no number in them are left out and counted.
    """
    sections = sections_of(data.decode(encoding_of(file, data)))
    if len({section.worker for section in sections}) > MAX_WORKERS:
        raise ScenarioError(f"{file} has sections of more than {MAX_WORKERS:,} workers.")
    tables, signs, empty = [], set(), 0
    for section in sections:
        if not re.search(r"\d", section.text):
            left_out.add(1, "section", f"no times below {shown(section.worker)}, line {section.line:,}")
            empty += 1
            continue
        table, decimal = table_of(file, section, left_out, read)
        signs.add(decimal)
        tables.append(table)
    refuse_unlike(file, sections, tables, signs, empty)
    table = pd.concat(tables).rename_axis(index="line")
    workers = table["worker"].nunique()
    left_out.notes.insert(0, f"read as {counted(len(tables), 'section')} of {counted(workers, 'worker')}.")
    return table, signs.pop()


def refuse_unlike(file: str, sections: list[Section], tables: list[pd.DataFrame], signs: set[str], empty: int) -> None:
    """ScenarioError where too many sections have no times, or where sections have different columns."""
    if empty > MOST_EMPTY * len(sections):
        raise ScenarioError(
            f"{file} has headings such as {shown(sections[0].worker)}, but {empty:,} of {len(sections):,} have no "
            "times below them: give a table (CSV) with worker, step, compute_ms."
        )
    columns = [list(table.columns) for table in tables]
    unlike = next((each for each in columns if set(each) != set(columns[0])), None)
    if unlike:
        raise ScenarioError(
            f"{file}: its sections have different columns, {shown(columns[0][1:])} and {shown(unlike[1:])}; give them "
            "the same."
        )
    if len(signs) > 1:
        raise ScenarioError(f"{file}: some sections have a comma before decimals, others a dot; write them alike.")


def table_of(file: str, section: Section, left_out: LeftOut, read: Read) -> tuple[pd.DataFrame, str]:
    """The table in a section, with its worker."""
    text = BULLET.sub("", section.text) if all(map(is_bullet, section.text.splitlines())) else section.text
    lines = [(section.line + at, line.strip()) for at, line in enumerate(text.split("\n")) if line.strip()]
    fields = [(number, fields_of(line)) for number, line in lines if only_numbers(line)]
    name = f"{TIME} ({section.unit})" if section.unit else TIME
    if len(fields) == len(lines) and (len(lines) == 1 or all(len(each) == 1 for _, each in fields)):
        times = [(number, field) for number, each in fields for field in each]
        table = pd.DataFrame({name: [time for _, time in times]}, index=[number for number, _ in times], dtype="str")
        decimal = "," if table[name].str.contains(",", regex=False).any() else "."
    else:
        inner = LeftOut()
        table, decimal = read(file, text.encode(), inner)
        table.index = table.index + section.line - 1
        for kind, (rows, words) in inner.kinds.items():
            left_out.add(rows, f"{kind} {section.worker}", f"below {shown(section.worker)}: {words}")
        left_out.notes += [note for note in inner.notes if note not in left_out.notes]
        table = numbered(table, name)
    table.insert(0, "worker", section.worker)
    return table, decimal


def numbered(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """A table of two columns without headings, the first of which counts, as steps and their times."""
    if list(table.columns) != ["column 1", "column 2"] or not pd.api.types.is_numeric_dtype(table["column 1"]):
        return table
    counts = (table["column 1"].diff().dropna() == 1).all() and len(table) > 1
    return table.rename(columns={"column 1": ROW_STEP, "column 2": name}) if counts else table


def is_bullet(line: str) -> bool:
    """Whether a line is a point of a list with a number, or empty."""
    return not line.strip() or bool(BULLET.match(line))


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
