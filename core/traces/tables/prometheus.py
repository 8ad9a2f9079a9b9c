"""Samples of Prometheus in its text format, as an endpoint of metrics shows them: a line for each sample."""

import io
import re
from array import array
from dataclasses import dataclass, field

import numpy as np
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
MAX_SERIES = 2**16
MAX_LINE = 2**14  # characters


@dataclass
class Samples:
    """The samples of one series, in the order of the file."""

    name: str
    labels: dict[str, str]
    values: array = field(default_factory=lambda: array("d"))
    times: array = field(default_factory=lambda: array("d"))
    """Not a number where a sample has no timestamp."""
    lines: array = field(default_factory=lambda: array("q"))

    def is_timed(self) -> bool:
        """Whether every sample has a timestamp of its own."""
        times = np.frombuffer(self.times)
        return bool(np.isfinite(times).all()) and len(np.unique(times)) == len(times)

    def keys(self, timed: bool) -> np.ndarray:
        """What tells its samples apart: their timestamps, or their places in the order of time."""
        times = np.frombuffer(self.times)
        if timed or not self.is_timed():
            return times if timed else np.arange(len(times), dtype=float)
        return np.argsort(np.argsort(times)).astype(float)


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
    types: dict[str, str] = {}
    series = series_of(file, data, types, left_out)
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


def series_of(file: str, data: bytes, types: dict[str, str], left_out: LeftOut) -> list[Samples]:
    """The samples of each series, and the types of metrics; lines that are none are left out and counted."""
    found: dict[tuple[str, str], Samples] = {}
    known: dict[tuple, Samples] = {}
    for number, line in enumerate(io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", errors="replace"), 1):
        if not line.strip() or line.startswith("#"):
            if typed := TYPE.match(line):
                types[typed[1]] = typed[2]
            continue
        sample = SAMPLE.fullmatch(line.strip()) if len(line) <= MAX_LINE else None
        if not sample:
            left_out.add(1, "sample", f"line {number:,} is no sample")
            continue
        key = sample["name"], sample["labels"] or ""
        if key not in found:
            if len(found) >= MAX_SERIES:
                raise ScenarioError(f"{file} has more than {MAX_SERIES:,} series: export those of step times alone.")
            labels = dict(PAIR.findall(key[1]))
            same = key[0], tuple(sorted(labels.items()))
            found[key] = known.setdefault(same, Samples(key[0], labels))
        found[key].values.append(float(sample["value"]))
        found[key].times.append(float(sample["time"] or "nan"))
        found[key].lines.append(number)
    return list(known.values())


def joined(file: str, series: list[Samples]) -> pd.DataFrame:
    """A row for each sample with the labels of its series; metrics with the same labels stand side by side."""
    metrics: dict[str, list[Samples]] = {}
    groups: dict[tuple[tuple[str, str], ...], int] = {}
    for each in series:
        metrics.setdefault(each.name, []).append(each)
        groups.setdefault(labels_of(each), len(groups))
    labels = list(dict.fromkeys(label for group in groups for label, _ in group))
    rows, columns = sum(len(each.values) for each in series), len(metrics) + len(labels) + 1
    if not rows:
        raise ScenarioError(f"{file} has no samples.")
    if columns > MAX_COLUMNS or rows * columns > MAX_CELLS:
        raise ScenarioError(f"{file}: a table may have {MAX_COLUMNS:,} columns and {MAX_CELLS:,} fields at the most.")
    timed = all(each.is_timed() for each in series)
    index = {name: index_of(same, groups, timed) for name, same in metrics.items()}
    values = {name: pd.Series(together(same, "values"), index[name]) for name, same in metrics.items()}
    table = pd.DataFrame(values).sort_index()
    lines = pd.concat([pd.Series(together(same, "lines"), index[name]) for name, same in metrics.items()])
    group, time = (table.index.get_level_values(level).to_numpy() for level in (0, 1))
    of_labels = {
        label: np.array([dict(labels).get(label, "") for labels in groups], dtype=object)[group] for label in labels
    }
    table = table.assign(**of_labels, **({TIME: time} if timed else {}))
    first = lines.groupby(level=[0, 1]).min().reindex(table.index)
    return table.set_axis(pd.Index(first.to_numpy(), name="line"))


def labels_of(series: Samples) -> tuple[tuple[str, str], ...]:
    """The labels of a series, in one order."""
    return tuple(sorted(series.labels.items()))


def index_of(series: list[Samples], groups: dict[tuple[tuple[str, str], ...], int], timed: bool) -> pd.MultiIndex:
    """Of the samples of one metric, which labels they have, and what tells those with the same labels apart."""
    of_group = np.repeat([groups[labels_of(each)] for each in series], [len(each.values) for each in series])
    return pd.MultiIndex.from_arrays([of_group, np.concatenate([each.keys(timed) for each in series])])


def together(series: list[Samples], name: str) -> np.ndarray:
    """The values or lines of the samples of one metric, one series after the other."""
    return np.concatenate([np.array(getattr(each, name)) for each in series])
