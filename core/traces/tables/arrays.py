"""Arrays as NumPy and PyTorch print them: array([[1., 2.], [3., 4.]]), or the same without its name and commas."""

import re

import pandas as pd

from core.common.validation import ScenarioError
from core.traces.tables.delimited import MAX_CELLS, MAX_COLUMNS
from core.traces.tables.naming import unnamed

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf)"
FIELD = re.compile(NUMBER, re.IGNORECASE)
ROW = re.compile(r"\[([^\[\]]*)\]")
NAMES = r"(?:(?:np|numpy|jnp|torch|cp)\.)?(?:array|asarray|Array|DeviceArray|tensor)"
OPENS = re.compile(rf"(?:\w{{1,40}}\s*=\s*)?{NAMES}\(\s*\[")
CLOSES = re.compile(r"(?:,[\w\s.:<>()='\",]{0,200})?\)?\s*")
BARE = re.compile(rf"\[(?:\s*\[)?\s*(?:{NUMBER})\s+(?:{NUMBER})[\s\]]", re.IGNORECASE)
LOOKED_AT = 2**12  # characters in which an array shows itself
SHORTENED = (
    'its numbers are shortened ("..."), so most of them are not there. Write them all: '
    'numpy.savetxt("times.csv", times, delimiter=",")'
)


def holds_array(start: bytes) -> bool:
    """Whether a text begins as a printed array does, and not as JSON."""
    text = start[:LOOKED_AT].decode("utf-8-sig", errors="replace").lstrip()
    return bool(OPENS.match(text) or BARE.match(text))


def read_array(file: str, data: bytes) -> pd.DataFrame:
    """The rows of one array of one or two dimensions, as columns without names; one of one dimension as a column.

    Raises:
        ScenarioError: for several arrays, one of three dimensions, one that was shortened, and rows of unequal length.

    """
    text = data.decode("utf-8-sig", errors="replace").strip()
    inside, deep = body(file, text)
    if "..." in inside:
        raise ScenarioError(f"{file} is an array as it was printed, but {SHORTENED}.")
    rows = [re.split(r"[\s,]+", found[1].strip(" \t\n\r,")) for found in ROW.finditer(inside)]
    good = all(FIELD.fullmatch(field) for row in rows for field in row)
    if deep not in (1, 2) or not rows or not good or re.search(r"[^\[\],\s]", ROW.sub("", inside)):
        raise ScenarioError(
            f"{file} is an array as it was printed, but not one of steps × workers. Write it as text: "
            'numpy.savetxt("times.csv", times, delimiter=",").'
        )
    if len({len(row) for row in rows}) > 1:
        raise ScenarioError(f"{file} is an array as it was printed, but its rows have unequal lengths.")
    rows = [[each] for each in rows[0]] if deep == 1 else rows
    if len(rows[0]) > MAX_COLUMNS or len(rows) * len(rows[0]) > MAX_CELLS:
        raise ScenarioError(f"{file}: a table may have {MAX_COLUMNS:,} columns and {MAX_CELLS:,} fields at the most.")
    return pd.DataFrame(
        rows, columns=unnamed(len(rows[0])), index=pd.RangeIndex(1, len(rows) + 1, name="row"), dtype="str"
    )


def body(file: str, text: str) -> tuple[str, int]:
    """What an array holds with its brackets, and how many dimensions it has; ScenarioError for several of them."""
    opens = OPENS.match(text)
    inside = text[opens.end() - 1 :] if opens else text
    end = inside.rfind("]") + 1
    if not CLOSES.fullmatch(inside[end:]) or "(" in inside[:end]:
        raise ScenarioError(
            f"{file} has more in it than one array as it was printed: give a file per worker, or a table (CSV) with "
            "worker, step, compute_ms."
        )
    inside = inside[:end]
    begins = re.match(r"(?:\[\s*)+", inside)
    return inside, begins[0].count("[") if begins else 0
