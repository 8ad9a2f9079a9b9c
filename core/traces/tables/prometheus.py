"""Samples of Prometheus in its text format, as an endpoint of metrics shows them: a line for each sample."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd

from core.common.validation import ScenarioError
from core.common.wording import counted
from core.traces.tables.delimited import MAX_CELLS, MAX_COLUMNS
from core.traces.tables.headings import OWN_TIMES, meaning
from core.traces.tables.left_out import LeftOut
from core.traces.tables.naming import some

LABEL = r"[a-zA-Z_]\w{0,100}\s*=\s*\"(?:[^\"\\]|\\.){0,400}\""
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
SAMPLE = re.compile(
    rf"(?P<name>[a-zA-Z_:][\w:]{{0,200}})\s*(?:\{{\s*(?P<labels>(?:{LABEL}\s*(?:,\s*)?)*)\}})?"
    rf"\s+(?P<value>{NUMBER}|[-+]?Inf|NaN)(?:\s+(?P<time>{NUMBER}))?(?:\s+#.*)?\s*"
)
PAIR = re.compile(r"([a-zA-Z_]\w*)\s*=\s*\"((?:[^\"\\]|\\.)*)\"")
TYPE = re.compile(r"#\s*TYPE\s+(\S{1,200})\s+(counter|gauge|histogram|summary|untyped|unknown|gaugehistogram)\b")
LOOKED_AT, SAMPLE_LINES = 2**14, 50
MOSTLY = 0.5
SUMMED = ("_bucket", "_sum", "_count", "_created")
TIME = "timestamp"


@dataclass
class Samples:
    """The samples of one series, in the order of the file."""

    name: str
    labels: dict[str, str]
    values: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def holds_samples(data: bytes) -> bool:
    """Whether a text is in the format: samples with labels, or lines that say the type of a metric."""
    start = data[:LOOKED_AT].decode("utf-8-sig", errors="replace")
    whole = start if len(data) <= LOOKED_AT else start[: start.rfind("\n") + 1]
    lines = [line for line in whole.splitlines() if line.strip()]
    samples = [line for line in lines if not line.startswith("#")][:SAMPLE_LINES]
    good = [line for line in samples if SAMPLE.fullmatch(line)]
    typed = any(map(TYPE.match, lines))
    return len(good) > MOSTLY * len(samples) and (typed or all('="' in line for line in good))


def read_samples(file: str, data: bytes, left_out: LeftOut) -> pd.DataFrame:
    """A row for each sample of a worker, with a column for each label and for each metric that is a time.

    The samples of a series are steps in the order of their timestamps, or of their lines. Lines that are no samples are
    left out and counted.

    Raises:
        ScenarioError: where there are histograms and summaries only, which hold no step's time.

    """
    text = data.decode("utf-8", errors="replace").removeprefix("\ufeff")
    types = {found[1]: found[2] for line in text.splitlines() if (found := TYPE.match(line))}
    series = series_of(file, text, left_out)
    names = {each.name for each in series}
    summed = {name for name in names if is_summed(name, names, types) or types.get(name) in ("histogram", "summary")}
    summed |= {each.name for each in series if {"le", "quantile"} & set(each.labels)}
    if names and names <= summed:
        raise ScenarioError(
            f"{file} has only histograms or summaries ({some(sorted(names))}): they add many steps up, so no step's "
            'time is in them. Export the samples of a gauge, such as step_time_seconds{rank="0"} 0.123.'
        )
    kept = [each for each in series if each.name not in summed]
    times = [each for each in kept if meaning(each.name).role in OWN_TIMES | {"step", "epoch"}]
    kept = times if any(meaning(each.name).role in OWN_TIMES for each in times) else kept
    table = joined(file, kept)
    left_out.notes.append(
        f"read as samples of Prometheus: {counted(len(kept), 'series', 'series')} of "
        f"{some(dict.fromkeys(each.name for each in kept))}; a worker's samples are its steps, in the order of time."
    )
    return table


def is_summed(name: str, names: set[str], types: dict[str, str]) -> bool:
    """Whether a metric is part of a histogram or a summary: by its type, or where a sum and a count go together."""
    base = next((name.removesuffix(end) for end in SUMMED if name.endswith(end)), "")
    return bool(base) and (
        types.get(base) in ("histogram", "summary", "gaugehistogram")
        or name.endswith("_bucket")
        or {f"{base}_sum", f"{base}_count"} <= names
    )


def series_of(file: str, text: str, left_out: LeftOut) -> list[Samples]:
    """The samples of each series; lines that are none are left out and counted."""
    found: dict[tuple[str, str], Samples] = {}
    fields = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        sample = SAMPLE.fullmatch(line)
        if not sample:
            left_out.add(1, "sample", f"line {number:,} is no sample")
            continue
        key = sample["name"], sample["labels"] or ""
        if key not in found:
            found[key] = Samples(sample["name"], dict(PAIR.findall(key[1])))
        each = found[key]
        fields += len(each.labels) + 2
        if fields > MAX_CELLS:
            raise ScenarioError(f"{file}: a table may have {MAX_CELLS:,} fields at the most.")
        each.values.append(sample["value"])
        each.times.append(sample["time"] or "")
        each.lines.append(number)
    return list(found.values())


def rows_of(series: Samples) -> Iterator[tuple[str, int, str]]:
    """The timestamp, the line and the value of each sample, in the order of time where all have one."""
    rows = list(zip(series.times, series.lines, series.values, strict=True))
    if all(series.times):
        rows.sort(key=lambda row: float(row[0]))
    yield from rows


def joined(file: str, series: list[Samples]) -> pd.DataFrame:
    """A row for each sample with the labels of its series; metrics with the same labels stand side by side."""
    rows: dict[tuple, dict[str, str]] = {}
    lines: dict[tuple, int] = {}
    timed = all(all(each.times) and len(set(each.times)) == len(each.times) for each in series)
    for each in series:
        labels = tuple(sorted(each.labels.items()))
        for place, (time, line, value) in enumerate(rows_of(each)):
            key = labels, time if timed else place
            beside = rows.setdefault(key, dict(labels) | ({TIME: time} if timed else {}))
            beside[each.name] = value
            lines.setdefault(key, line)
    table = pd.DataFrame(list(rows.values()), index=pd.Index(lines.values(), name="line", dtype="int64"), dtype="str")
    if not len(table):
        raise ScenarioError(f"{file} has no samples.")
    if len(table.columns) > MAX_COLUMNS:
        raise ScenarioError(f"{file}: a table may have {MAX_COLUMNS:,} columns at the most.")
    return table
