"""Arrays as NumPy and PyTorch print them: array([[1., 2.], [3., 4.]]), or the same without its name and commas."""

import io
import re

from core.common.validation import ScenarioError
from core.traces.tables.delimited import MAX_COLUMNS
from core.traces.tables.naming import unnamed

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf)"
FOREIGN = re.compile(r"[^\d.eE+\-,\s\[\]naifNAIF]")
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


def array_rows(file: str, data: bytes) -> str:
    """The rows of one array of one or two dimensions as lines of CSV below names; one of one dimension as a column.

    Raises:
        ScenarioError: for several arrays, one of three dimensions, one that was shortened, and rows of unequal length.

    """
    inside, deep = body(file, data.decode("utf-8-sig", errors="replace").strip())
    if "..." in inside:
        raise ScenarioError(f"{file} is an array as it was printed, but {SHORTENED}.")
    if deep not in (1, 2) or FOREIGN.search(inside):
        raise ScenarioError(
            f"{file} is an array as it was printed, but not one of steps × workers. Write it as text: "
            'numpy.savetxt("times.csv", times, delimiter=",").'
        )
    inside = re.sub(r"[\s,]+", ",", inside)
    lines = re.sub(r",?\],?\[,?" if deep == 2 else ",", "\n", inside).replace("[", "").replace("]", "").strip(",\n")
    fields = {line.count(",") + 1 for line in io.StringIO(lines)}
    if len(fields) > 1:
        raise ScenarioError(f"{file} is an array as it was printed, but its rows have unequal lengths.")
    columns = fields.pop() if fields else 0
    if not 0 < columns <= MAX_COLUMNS:
        raise ScenarioError(f"{file}: a table may have 1 to {MAX_COLUMNS:,} columns; this array has {columns:,}.")
    return ",".join(unnamed(columns)) + f"\n{lines}\n"


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
