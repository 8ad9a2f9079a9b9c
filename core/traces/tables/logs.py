"""Logs of training: the lines that say how long a step took, as a table."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import pandas as pd

from core.common.validation import ScenarioError
from core.common.wording import counted
from core.traces.tables.delimited import MAX_CELLS, encoding_of
from core.traces.tables.records import BEGINS

FEWEST_LINES = 2
NUMBER = r"\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
SPENT = rf"(?P<time>{NUMBER})\s*(?P<unit>ms|s|us|µs|sec|secs|seconds)\b"
LINES = {
    "Megatron-LM": re.compile(
        rf"\biteration\s+(?P<step>\d+)\s*/\s*\d+\s*\|.{{0,200}}?\belapsed time per iteration \((?P<unit>ms|s)\):\s*"
        rf"(?P<time>{NUMBER})"
    ),
    "PyTorch's ImageNet example": re.compile(
        rf"\bEpoch:? \[(?P<epoch>\d+)\]\s*\[\s*(?P<step>\d+)\s*/\s*\d+\].{{0,300}}?(?<!data_)\b[Tt]ime:?\s+"
        rf"(?P<time>{NUMBER})\b"
    ),
    "timm": re.compile(rf"\bTrain: (?P<epoch>\d+) \[\s*(?P<step>\d+)/\d+\b.{{0,200}}?\bTime: (?P<time>{NUMBER})s"),
    "nanoGPT": re.compile(
        rf"\b(?:iter(?:ation)?|step)\s+(?P<step>\d+)(?::|\b.{{0,200}}?\b(?:time|dt|took|in):?)\s+{SPENT}"
    ),
}
"""A line of each, that of nanoGPT being what many print; a time without a unit is in s."""
OTHER_SPENT = re.compile(rf"(?<![\w.])(?:{NUMBER})\s*(?:ms|s|us|µs|sec|secs|seconds)\b")
EVALUATES = re.compile(r"(?i)\b(?:eval\w*|val|valid\w*|test|checkpoint\w*|sav(?:ed|ing))\b(?!.?loss)")
PAIR = re.compile(r"(?<![\w.])([A-Za-z][\w./]{0,40})=(?:\"([^\"]{0,100})\"|([^\s,;|\"\]]{1,100}))")
SAID = re.compile(
    r"(?<![\w.])['\"]?([A-Za-z][\w./]{0,40})['\"]?\s{0,9}[=:]\s{0,9}"
    rf"(?:['\"]([^'\"]{{0,100}})['\"]|({NUMBER}\s?(?:ns|us|µs|ms|s|sec|secs|seconds)(?!\w)|[^\s,;|'\"\])}}]{{1,100}}))"
)
"""Pairs like step=3; and like step: 3, "step": 3 or step = 3 ms."""
STEP_NAMES = re.compile(r"(?i)(?:global_?)?(?:step|iter|iteration|batch)(?:_?idx)?")
TIME_NAMES = re.compile(r"(?i).*(?:time|duration|elapsed|latency|compute|dur|took|_ms|_us|_s|_sec|secs?|millis)")
RANK = re.compile(
    r"(?i)^\W{0,2}(?:default|rank|worker|local_rank)[ _=:]?(\d{1,6})\]?(?:/\d+)?\]?:"
    r"|^\W{0,2}(\d{1,6})(?:/\d+)?(?:\]:|:(?!\d\d))|\[?\brank[ =:_]?(\d{1,6})\b"
)
"""Who wrote a line, as torchrun, srun and mpirun put it before it, or as it says itself."""
MESSAGE = re.compile(r"(?i)\d:\d\d|[:=]\s+['\"]?-?\d|\[(?:info|debug|warning)\]|(?:epoch|step|iter\w*) \d+/\d+|\d%")
"""What stands in lines of a log, and not in headings."""
RANK_NAMES = re.compile(r"(?i)(?:global_?|local_?)?(?:rank|worker|process|gpu|device|node|host)(?:_?(?:id|name))?")
WROTE = "rank of the line"
MOST_HITS = 20
LOOKED_AT = 2**20  # characters in which the lines have to begin


def holds_log(data: bytes) -> bool:
    """Whether a text is a log that says how long steps took, by its beginning."""
    return bool(kind_of(data[:LOOKED_AT]))


def kind_of(start: bytes) -> str:
    """Whose log it is, by its beginning, or which pairs it has; empty for another text."""
    text = start.decode("utf-8-sig", errors="replace")
    if tool := next(
        (tool for tool, line in LINES.items() if any(step_in(line, each) for each in hits(line, text))), ""
    ):
        return tool
    kinds = {"pairs like step=3": PAIR} | ({} if BEGINS.match(text) else {"pairs like step: 3": SAID})
    return next((kind for kind, pair in kinds.items() if holds_pairs(text, pair)), "")


def hits(line: re.Pattern[str], text: str) -> Iterator[str]:
    """The first few lines of a text in which a pattern is found."""
    for found in islice(line.finditer(text), MOST_HITS):
        end = text.find("\n", found.end())
        yield text[text.rfind("\n", 0, found.start()) + 1 : end if end >= 0 else len(text)]


def step_in(pattern: re.Pattern[str], line: str) -> dict[str, str]:
    """The step and its time in a line, nothing where it has none: not of validation, nor one of several times."""
    found = pattern.search(line)
    if not found:
        return {}
    several = pattern is LINES["nanoGPT"] and len(OTHER_SPENT.findall(line)) > 1
    return {} if several or EVALUATES.search(line[: found.end()]) else found.groupdict()


def holds_pairs(text: str, pair: re.Pattern[str]) -> bool:
    """Whether most lines that have pairs like step=3 name a step and a time so."""
    good = several = 0
    for line in text.splitlines()[:1_000]:
        names = [found[1] for found in pair.finditer(line[:2_000])]
        several += len(names) > 1
        good += any(map(STEP_NAMES.fullmatch, names)) and any(map(TIME_NAMES.fullmatch, names))
    return good >= FEWEST_LINES and 2 * good > several


def refuse_log(file: str, names: Iterable[str]) -> None:
    """ScenarioError, with what to give, where what was taken for headings looks like a line of a log."""
    if any(" " in name.strip() and MESSAGE.search(name) for name in names):
        raise ScenarioError(
            f"{file} looks like a log, but no line says how long a step took in a way that is known. Let it have lines "
            "such as rank=0 step=3 step_time_ms=101.3, or give a table (CSV) with worker, step, compute_ms."
        )


def read_log(file: str, data: bytes) -> tuple[pd.DataFrame, list[str]]:
    """The steps in a log as a table of texts, its index the lines that they are in; and what to say of it."""
    text = data.decode(encoding_of(file, data))
    kind = kind_of(data[:LOOKED_AT])
    rows, numbers, fields = [], [], 0
    for number, row in lines_of(text, kind):
        rows.append(row)
        numbers.append(number)
        fields += len(row)
        if fields > MAX_CELLS:
            raise ScenarioError(f"{file}: a table may have {MAX_CELLS:,} fields at the most.")
    table = pd.DataFrame(rows, index=pd.Index(numbers, name="line"), dtype="str")
    if WROTE in table and (table[WROTE].isna().any() or any(map(RANK_NAMES.fullmatch, table.columns.drop(WROTE)))):
        table = table.drop(columns=WROTE)  # what only some lines say is no rank
    what = f"a log of {kind}" if kind in LINES else f"a log with {kind}"
    notes = [f"read as {what}: {counted(len(table), 'line')} with a step and its time."]
    if kind in LINES and WROTE not in table:
        notes.append("its lines do not say which rank wrote them, so it is taken for one worker's log.")
    return table.rename(columns={WROTE: "rank"}), notes


def lines_of(text: str, kind: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The fields of every line that says how long a step took, with its number."""
    fields = of_tool(LINES[kind]) if kind in LINES else of_pairs(SAID if kind.endswith(": 3") else PAIR)
    for number, line in enumerate(text.splitlines(), 1):
        if row := fields(line[:2_000]):
            yield number, row | rank_of(line)


def of_tool(pattern: re.Pattern[str]) -> Callable[[str], dict[str, str]]:
    """What finds the fields in a line of a tool's log."""

    def fields(line: str) -> dict[str, str]:
        said = step_in(pattern, line)
        if not said:
            return {}
        row = {"epoch": said["epoch"]} if "epoch" in said else {}
        return row | {"step": said["step"], "step_time": f"{said['time']} {said.get('unit') or 's'}"}

    return fields


def of_pairs(pair: re.Pattern[str]) -> Callable[[str], dict[str, str]]:
    """What finds the fields in a line with pairs like step=3."""

    def fields(line: str) -> dict[str, str]:
        row = {found[1]: found[2] or found[3] for found in pair.finditer(line)}
        return row if any(map(STEP_NAMES.fullmatch, row)) and any(map(TIME_NAMES.fullmatch, row)) else {}

    return fields


def rank_of(line: str) -> dict[str, str]:
    """The rank that wrote a line, if it says so."""
    found = RANK.search(line)
    return {WROTE: found[found.lastindex or 0]} if found else {}
