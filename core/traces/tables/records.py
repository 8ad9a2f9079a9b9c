"""JSON that holds a table: an object per line, an array of objects, or an object of columns."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from core.common.validation import ScenarioError, shown
from core.traces.files import PIECE
from core.traces.profiles.json_stream import MAX_VALUE, JsonText
from core.traces.tables.delimited import MAX_CELLS, MAX_COLUMNS
from core.traces.tables.headings import OWN_TIMES, meaning
from core.traces.tables.left_out import LeftOut
from core.traces.tables.naming import called, some, unnamed
from core.traces.tables.wide import STEP_NAME, are_rows_workers, in_order, named

MAX_TEXT = 1_000  # characters of a field
CHUNK = 100_000  # fields that are Python objects at a time
TRACE_KEYS = (
    *("traceEvents", "distributedInfo", "schemaVersion", "deviceProperties", "displayTimeUnit"),
    *("nodes", "device_traces", "viztracer_metadata", "rocprofiler-sdk-tool"),
)
LISTS = ("records", "rows", "data", "history", "steps", "results", "iterations", "measurements", "timings")
DEEPEST = 4  # objects inside one another in which a table is looked for
FIELD = r"(?:-?[\d.]+(?:[eE][-+]?\d+)?|null|true|false|NaN)"
BEGINS = re.compile(rf"\s*(?:\{{\s*[\"}}]|\[\s*(?:[\[{{\"\]]|{FIELD}\s*(?:[,\]]|\Z)))|\s*[\[{{]\s*\Z")
"""How JSON begins: with an object or an array, and what may come first in it."""
decode = json.JSONDecoder().raw_decode


def holds_records(first: bytes) -> bool:
    """Whether a JSON text is a table and no trace, by its first piece."""
    text = first.decode("utf-8-sig", errors="replace").lstrip()
    if any(f'"{key}"' in text for key in TRACE_KEYS) or ('"ph"' in text and '"ts"' in text):
        return False
    try:
        value, end = decode(text[1:].lstrip() if text.startswith("[") else text)
    except (ValueError, RecursionError):
        return len(first) >= PIECE and text.startswith("{")  # an object of which this is the beginning
    if text.startswith("[") and is_row(value):
        return True
    if not isinstance(value, dict) or "ph" in value or not value:
        return False
    return text.startswith("[") or text[end:].lstrip().startswith("{") or any(map(is_column, value.values()))


def is_json(first: bytes) -> bool:
    """Whether a text that begins with a bracket begins as JSON does, and not as a line of a log."""
    text = first.decode("utf-8-sig", errors="replace")
    return bool(BEGINS.match(text)) or '"ph"' in text


def is_column(value: Any) -> bool:
    """Whether a member of an object holds a column or the rows of a table."""
    return isinstance(value, list | dict) and bool(value)


def is_scalar(value: Any) -> bool:
    """Whether a value may be a field."""
    return not isinstance(value, list | dict)


def of_objects(record: Any) -> list[dict[str, Any]]:
    """The objects in a list of a record that says no time itself, each with what stands beside the list."""
    for key, value in record.items() if isinstance(record, dict) else ():
        if holds_objects(value):
            beside = {name: each for name, each in record.items() if name != key}
            if not any(meaning(str(name)[:MAX_TEXT]).role in OWN_TIMES for name in beside):
                return [beside | each for each in value]
    return []


def holds_objects(value: Any) -> bool:
    """Whether a value is a list of objects."""
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def is_row(value: Any) -> bool:
    """Whether a value is a row without names: a list of fields."""
    return isinstance(value, list) and bool(value) and all(map(is_scalar, value))


def read_records(file: str, data: bytes, left_out: LeftOut) -> pd.DataFrame:
    """The table in a JSON text, its fields as texts; lines that are no objects are left out and counted."""
    whole = data.decode("utf-8-sig", errors="replace").strip()
    if whole.startswith("["):
        elements = JsonText(file, iter([whole])).elements()
        return table_of(file, one_a_step(enumerate(elements, 1)), "row", left_out)
    try:
        value, end = decode(whole[:MAX_VALUE])
    except (ValueError, RecursionError):
        value, end = None, 0
    if not end and len(whole) > MAX_VALUE and "\n" not in whole[:MAX_VALUE]:
        raise ScenarioError(f"{file} holds a JSON value of more than {MAX_VALUE:,} characters: give CSV instead.")
    if end < len(whole):
        return table_of(file, one_a_step(lines_of(whole)), "line", left_out)
    found = records_in(value, left_out.notes)
    if found is None:
        raise ScenarioError(f"{file} is JSON, but neither a trace nor a table: give CSV, or an object per line.")
    return table_of(file, one_a_step(enumerate(found, 1)), "row", left_out)


def lines_of(text: str) -> Iterator[tuple[int, Any]]:
    """The values that follow one another, with the number of the line each begins in; None for a line that is none."""
    if len(text) > MAX_VALUE:  # each in a line of its own
        yield from ((number, in_line(line)) for number, line in enumerate(text.splitlines(), 1) if line.strip())
        return
    at, number = 0, 1
    while at < len(text):
        if text[at].isspace():
            number += text[at] == "\n"
            at += 1
            continue
        begun = number
        try:
            value, end = decode(text, at)
        except (ValueError, RecursionError):
            value, end = None, text.find("\n", at)
            end = len(text) if end < 0 else end
        number += text.count("\n", at, end)
        at = end
        yield begun, value


def in_line(line: str) -> Any:
    """The value in a line, None where there is none or it is too long."""
    try:
        return json.loads(line) if len(line) <= MAX_VALUE else None
    except (ValueError, RecursionError):
        return None


def records_in(whole: Any, notes: list[str], depth: int = 0) -> list[Any] | None:
    """The records of a table somewhere in an object; None where there is none.

    A list of objects, with what stands beside it; columns and data; an object for each step or worker, with the times
    of the others; lists, or objects of numbers, as columns; an object for each worker that has lists in it.
    """
    if not isinstance(whole, dict) or depth > DEEPEST:
        return None
    about = {key: value for key, value in whole.items() if is_scalar(value)}
    for name in sorted(whole, key=lambda name: name not in LISTS):
        if isinstance(whole[name], list) and any(isinstance(each, dict) for each in whole[name]):
            return [about | each if isinstance(each, dict) else each for each in whole[name]]
    if isinstance(whole.get("columns"), list) and isinstance(whole.get("data"), list):
        return [
            dict(zip(whole["columns"], row, strict=False)) if isinstance(row, list) else row for row in whole["data"]
        ]
    objects = {key: value for key, value in whole.items() if isinstance(value, dict) and value}
    if says_each(objects):
        of_steps = all(named(key) for value in objects.values() for key in value)
        return [({"step": key} if of_steps else {}) | value for key, value in objects.items()]
    if found := by_step_and_worker(objects, notes):
        return found
    of_workers = {key: value for key, value in objects.items() if any(map(is_row, value.values()))}
    if len(of_workers) > 1:
        return [{"worker": key, **value} for key, value in of_workers.items()]
    for key, value in whole.items():
        if isinstance(value, list) and len(value) > 1 and all(map(is_row, value)):
            return in_rows(key, value, notes)
    columns = {key: value for key, value in whole.items() if is_row(value)}
    columns |= {key: list(value.values()) for key, value in objects.items() if all(map(is_scalar, value.values()))}
    rows = max(map(len, columns.values()), default=0)
    if rows > 1:
        full = {key: value for key, value in columns.items() if len(value) == rows}
        return [dict(zip(full, row, strict=True)) for row in zip(*full.values(), strict=True)]
    return next((found for value in objects.values() if (found := records_in(value, notes, depth + 1))), None)


def says_each(objects: dict[str, dict]) -> bool:
    """Whether objects are records under numbers, as data frames are exported by their index."""
    first = next(iter(objects.values()), {})
    roles = {str(key): meaning(str(key)[:MAX_TEXT]).role for key in first}
    return (
        len(objects) > 1
        and all(key.isdecimal() for key in objects)
        and all(value.keys() == first.keys() and all(map(is_scalar, value.values())) for value in objects.values())
        and (bool(set(roles.values()) & OWN_TIMES) or all(map(named, roles)))
    )


def by_step_and_worker(objects: dict[str, dict], notes: list[str]) -> list[dict] | None:
    """A record a step of objects of times, one inside the other, whose keys are steps and workers; None for others.

    Which are which is said by names such as step 3 and rank 0; where all are numbers, by how many they are.
    """
    if len(objects) < 2 or not all(all(map(is_scalar, value.values())) for value in objects.values()):
        return None
    inner = list(dict.fromkeys(key for value in objects.values() for key in value))
    outer_steps, inner_steps = all(map(STEP_NAME.fullmatch, objects)), all(map(STEP_NAME.fullmatch, inner))
    outer_workers, outer_numbers, inner_numbers = are_workers(objects), are_numbers(objects), are_numbers(inner)
    if outer_numbers and inner_numbers:
        in_turn = in_order(list(objects)), in_order(inner)
        outer_steps = in_turn == (False, True) or (all(in_turn) and are_rows_workers(len(inner), len(objects)))
        outer, others = ("steps", "workers") if outer_steps else ("workers", "steps")
        notes.append(
            f"the outer keys, {some(objects)}, are read as {outer}, the inner ones, {some(inner)}, as {others}. If "
            "it is the other way round, call them step 0, step 1 and rank 0, rank 1."
        )
        outer_workers = not outer_steps
    if outer_steps:
        return [{"step": number_of(key), **value} for key, value in objects.items()]
    if (outer_workers and (inner_steps or inner_numbers)) or (outer_numbers and inner_steps):
        names = {key: key if outer_workers and not outer_numbers else f"rank{key}" for key in objects}
        return [
            {"step": number_of(step), **{names[key]: value[step] for key, value in objects.items() if step in value}}
            for step in inner
        ]
    return None


def number_of(key: str) -> str:
    """The number in the key of a step."""
    found = STEP_NAME.fullmatch(key)
    return found[1] if found else key


def are_numbers(keys: Iterable[str]) -> bool:
    """Whether keys are whole numbers."""
    return all(key.isdecimal() for key in keys)


def are_workers(keys: Iterable[str]) -> bool:
    """Whether keys are called like workers, such as rank0, and nothing else."""
    return all((cell := named(key[:MAX_TEXT])) and not cell.measure for key in keys)


def in_rows(key: str, rows: list[list[Any]], notes: list[str]) -> list[Any]:
    """Rows without names, of workers if what they are called has a unit, so that it is not lost."""
    unit = meaning(key[:MAX_TEXT]).unit
    if not unit:
        return rows
    fewest = min(map(len, rows))
    if are_rows_workers(len(rows), fewest):
        notes.append(
            f"the {len(rows):,} lists in {called(key)} are read as workers and their {fewest:,} times as steps, since "
            "a run has many more steps than workers. If each list is a step, transpose them."
        )
        return [{"worker": i, f"compute ({unit})": row} for i, row in enumerate(rows)]
    return [{f"rank{i} ({unit})": each for i, each in enumerate(row)} for row in rows]


def one_a_step(records: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """The records, a list of times in one as a record for each; rows without names with names.

    A record that says its step and no worker lists the times of all workers, and others those of all steps.
    """
    for number, record in records:
        if is_row(record):
            yield number, dict(zip(unnamed(len(record)), record, strict=True))
            continue
        if inside := of_objects(record):
            yield from ((number, each) for each in inside)
            continue
        lists = {key: value for key, value in record.items() if is_row(value)} if isinstance(record, dict) else {}
        roles = {key: meaning(str(key)[:MAX_TEXT]).role for key in record} if lists else {}
        steps = max((len(value) for key, value in lists.items() if roles[key] in OWN_TIMES), default=0)
        if steps < 2 or any(roles[key] in OWN_TIMES for key in record if key not in lists):
            yield number, record
            continue
        alone = {key: value for key, value in record.items() if key not in lists}
        full = {key: value for key, value in lists.items() if len(value) == steps}
        said = {roles[key] for key in alone}
        counted = "worker" if "step" in said and not said & {"rank", "local", "place"} else "step"
        for place, fields in enumerate(zip(*full.values(), strict=True)):
            yield number, {counted: place, **alone, **dict(zip(full, fields, strict=True))}


def table_of(file: str, records: Iterator[tuple[int, Any]], unit: str, left_out: LeftOut) -> pd.DataFrame:
    """The records as a table, each with its number in the index; what is no object is left out and counted."""
    names: dict[str, None] = {}
    chunks, numbers, rows, taken = [], [], [], 0
    for number, record in records:
        if not isinstance(record, dict):
            left_out.add(1, "record", f"{unit} {number:,} is no JSON object")
            continue
        flat = flattened(record)
        names |= dict.fromkeys(flat)
        taken += 1
        if len(names) > MAX_COLUMNS:
            raise ScenarioError(f"{file}: a table may have {MAX_COLUMNS:,} columns at the most.")
        if taken * len(names) > MAX_CELLS:
            raise ScenarioError(f"{file}: a table may have {MAX_CELLS:,} fields at the most.")
        numbers.append(number)
        rows.append(flat)
        if len(rows) * len(names) >= CHUNK:
            chunks.append(pd.DataFrame(rows, index=numbers, dtype="str"))
            numbers, rows = [], []
    chunks.append(pd.DataFrame(rows, index=numbers, dtype="str"))
    table = pd.concat(chunks)
    if not len(table) or not len(table.columns):
        raise ScenarioError(
            f"{file} has no rows: {shown(left_out.reasons())}." if left_out.rows else f"{file} has no rows."
        )
    return table.rename_axis(index=unit)


def flattened(record: dict) -> dict[str, str]:
    """The fields of a record as texts; those of an object inside it too, lists left out."""
    flat: dict[str, str] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            for inner, each in value.items():
                if not isinstance(each, dict | list):
                    flat[f"{name}.{inner}" if inner in record or inner in flat else str(inner)] = text(each)
        elif not isinstance(value, list):
            flat[str(name)] = text(value)
    return flat


def text(value: Any) -> str:
    """A JSON value as a field of a table."""
    if value is None:
        return ""
    too_large = isinstance(value, int) and value.bit_length() > 64
    return "inf" if too_large else str(value)[:MAX_TEXT]
