"""Logs of training: the lines that say how long a step took, as a table."""

import re
from collections.abc import Iterator

import pandas as pd

from core.common.validation import ScenarioError
from core.common.wording import counted
from core.traces.tables.delimited import MAX_CELLS, encoding_of

FEWEST_LINES = 2
NUMBER = r"\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
LINES = {
    "Megatron-LM": re.compile(
        rf"\biteration\s+(?P<step>\d+)\s*/\s*\d+\s*\|.{{0,200}}?\belapsed time per iteration \((?P<unit>ms|s)\):\s*"
        rf"(?P<time>{NUMBER})"
    ),
    "nanoGPT": re.compile(
        rf"\biter(?:ation)?\s+(?P<step>\d+)\b.{{0,200}}?\btime:?\s+(?P<time>{NUMBER})\s*(?P<unit>ms|s)\b"
    ),
    "PyTorch's ImageNet example": re.compile(
        rf"\bEpoch: \[(?P<epoch>\d+)\]\s*\[\s*(?P<step>\d+)\s*/\s*\d+\].{{0,100}}?\bTime:?\s+(?P<time>{NUMBER})\b"
    ),
}
"""A line of each; a time without a unit is in s."""
PAIR = re.compile(r"(?<![\w.])([A-Za-z][\w./]{0,40})=(?:\"([^\"]{0,100})\"|([^\s,;|\"\]]{1,100}))")
STEP_NAMES = re.compile(r"(?i)(?:global_?)?(?:step|iter|iteration|batch)(?:_?idx)?")
TIME_NAMES = re.compile(r"(?i).*(?:time|duration|elapsed|latency|compute|_ms|_us|_s|_sec|secs?|millis)")
RANK = re.compile(
    r"(?i)^\W{0,2}(?:(?:default|rank|worker|local_rank)[ _=:]?)?(\d{1,6})\]?(?:/\d+)?\]?:|\[?\brank[ =:_]?(\d{1,6})\b"
)
"""Who wrote a line, as torchrun, srun and mpirun put it before it, or as it says itself."""
LOOKED_AT = 2**20  # characters in which the lines have to begin


def holds_log(data: bytes) -> bool:
    """Whether a text is a log that says how long steps took, by its beginning."""
    text = data[:LOOKED_AT].decode("utf-8-sig", errors="replace")
    return bool(tool_of(text)) or holds_pairs(text)


def tool_of(text: str) -> str:
    """Whose log it is; empty for another text."""
    return next((tool for tool, line in LINES.items() if line.search(text)), "")


def holds_pairs(text: str) -> bool:
    """Whether most lines that have pairs like step=3 name a step and a time so."""
    good = several = 0
    for line in text.splitlines()[:1_000]:
        names = [found[1] for found in PAIR.finditer(line[:2_000])]
        several += len(names) > 1
        good += any(map(STEP_NAMES.fullmatch, names)) and any(map(TIME_NAMES.fullmatch, names))
    return good >= FEWEST_LINES and 2 * good > several


def read_log(file: str, data: bytes) -> tuple[pd.DataFrame, list[str]]:
    """The steps in a log as a table of texts, its index the lines that they are in; and what to say of it."""
    text = data.decode(encoding_of(file, data))
    tool = tool_of(text[:LOOKED_AT])
    rows, numbers, fields = [], [], 0
    for number, row in lines_of(text, tool):
        rows.append(row)
        numbers.append(number)
        fields += len(row)
        if fields > MAX_CELLS:
            raise ScenarioError(f"{file}: a table may have {MAX_CELLS:,} fields at the most.")
    table = pd.DataFrame(rows, index=pd.Index(numbers, name="line"), dtype="str")
    if tool and "rank" in table and table["rank"].isna().any():
        table = table.drop(columns="rank")  # what only some lines say is no rank
    what = f"a log of {tool}" if tool else "a log with pairs like step=3"
    notes = [f"read as {what}: {counted(len(table), 'line')} with a step and its time."]
    if tool and "rank" not in table:
        notes.append("its lines do not say which rank wrote them, so it is taken for one worker's log.")
    return table, notes


def lines_of(text: str, tool: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The fields of every line that says how long a step took, with its number."""
    for number, line in enumerate(text.splitlines(), 1):
        line = line[:2_000]
        if not tool:
            row = {found[1]: found[2] or found[3] for found in PAIR.finditer(line)}
            if any(map(STEP_NAMES.fullmatch, row)) and any(map(TIME_NAMES.fullmatch, row)):
                yield number, row
        elif found := LINES[tool].search(line):
            said = found.groupdict()
            row = {"epoch": said["epoch"]} if "epoch" in said else {}
            yield (
                number,
                row | {"step": said["step"], "step_time": f"{said['time']} {said.get('unit') or 's'}"} | rank_of(line),
            )


def rank_of(line: str) -> dict[str, str]:
    """The rank that wrote a line, if it says so."""
    found = RANK.search(line)
    return {"rank": found[1] or found[2]} if found else {}
