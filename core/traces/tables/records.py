"""JSON that holds a table: an object per line, an array of objects, or an object of columns."""

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from core.common.validation import ScenarioError, shown
from core.traces.profiles.json_stream import JsonText
from core.traces.tables.delimited import MAX_CELLS, MAX_COLUMNS
from core.traces.tables.left_out import LeftOut

MAX_TEXT = 1_000  # characters of a field
CHUNK = 100_000  # fields that are Python objects at a time
TRACE_KEYS = (
    *("traceEvents", "distributedInfo", "schemaVersion", "deviceProperties", "displayTimeUnit"),
    *("nodes", "device_traces", "viztracer_metadata", "rocprofiler-sdk-tool"),
)
LISTS = ("records", "rows", "data", "history", "steps", "results", "iterations", "measurements", "timings")
decode = json.JSONDecoder().raw_decode


def holds_records(first: bytes) -> bool:
    """Whether a JSON text is a table and no trace, by its first piece."""
    text = first.decode("utf-8-sig", errors="replace").lstrip()
    if any(f'"{key}"' in text for key in TRACE_KEYS):
        return False
    try:
        value, end = decode(text[1:].lstrip() if text.startswith("[") else text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict) or "ph" in value or not value:
        return False
    return text.startswith("[") or text[end:].lstrip().startswith("{") or any(map(is_column, value.values()))


def is_column(value: Any) -> bool:
    """Whether a member of an object holds a column or the rows of a table."""
    return isinstance(value, list | dict) and bool(value)


def read_records(file: str, data: bytes, left_out: LeftOut) -> pd.DataFrame:
    """The table in a JSON text, its fields as texts; lines that are no objects are left out and counted."""
    whole = data.decode("utf-8-sig", errors="replace").strip()
    if whole.startswith("["):
        return table_of(file, enumerate(JsonText(file, iter([whole])).elements(), 1), "row", left_out)
    try:
        return of_columns(file, json.loads(whole), left_out)
    except (ValueError, RecursionError):
        return table_of(file, lines_of(whole), "line", left_out)


def lines_of(text: str) -> Iterator[tuple[int, Any]]:
    """The value in each line that is not empty, None where it is no JSON, with the number of the line."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, None


def of_columns(file: str, whole: Any, left_out: LeftOut) -> pd.DataFrame:
    """The table in one object: a list of records, or a list of values for each column."""
    for name in LISTS:
        if isinstance(whole.get(name), list) and any(isinstance(each, dict) for each in whole[name]):
            about = {key: value for key, value in whole.items() if not isinstance(value, list | dict)}
            records = (about | each if isinstance(each, dict) else each for each in whole[name])
            return table_of(file, enumerate(records, 1), "row", left_out)
    if isinstance(whole.get("columns"), list) and isinstance(whole.get("data"), list):
        records = (
            dict(zip(whole["columns"], row, strict=False)) if isinstance(row, list) else row for row in whole["data"]
        )
        return table_of(file, enumerate(records, 1), "row", left_out)
    columns = {name: list(value.values()) if isinstance(value, dict) else value for name, value in whole.items()}
    columns = {name: value for name, value in columns.items() if isinstance(value, list)}
    rows = max(map(len, columns.values()), default=0)
    full = {name: value for name, value in columns.items() if len(value) == rows}
    if not full:
        raise ScenarioError(f"{file} is JSON, but neither a trace nor a table: give CSV, or an object per line.")
    records = (dict(zip(full, row, strict=True)) for row in zip(*full.values(), strict=True))
    return table_of(file, enumerate(records, 1), "row", left_out)


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
