"""Charts of a measured run: who is slow and when, and what each remedy would save."""

import altair as alt
import numpy as np
import pandas as pd

from core.charts.colors import PHASE_COLORS, RULE_COLOR
from core.charts.common import AROUND, MANY, Layers, legend, readable, row_height
from core.charts.specs import Chart, Columns, Given
from core.charts.timelines import CLOSE
from core.common.wording import NBSP
from core.schedule.downsampling import MAX_BLOCKS
from core.traces.diagnosis import Diagnosis
from core.traces.trace import Trace

OUTCOMES = ["saves time", "costs time", "not decided"]
ROOM = 70  # letters that fit side by side on a heatmap of half a page
OVERLAP = 1.6  # widths of a cell that its remark may take
REMARKABLE, MOST_REMARKS = 1.5, 6  # times its step's mean: which mini-batches have it written on them, and how many


def slowness(trace: Trace, found: Diagnosis) -> Chart:
    """Every mini-batch's compute time over its step's mean; who accounts for the waiting, and when, is written on it.

    A row is a worker, or several, with its share of the waiting; a column is a step, or several. Episodes are outlined.
    """
    relative = trace.compute_ms / trace.compute_ms.mean(axis=1, keepdims=True)
    steps, workers = relative.shape
    wide, high = -(-steps // max(1, MAX_BLOCKS // min(workers, 64))), -(-workers // 64)
    starts, firsts = np.arange(0, steps, wide), np.arange(0, workers, high)
    shown = np.maximum.reduceat(np.maximum.reduceat(relative, starts, axis=0), firsts, axis=1)
    step, worker = (place.ravel() for place in np.indices(shown.shape))
    with_shares = found.kind != "unclear" and workers > 1
    labels = [str(name) for name in trace.worker_names[::high]]
    if with_shares:
        shares = np.add.reduceat(found.workers["cost_percent"].to_numpy(), firsts)
        labels = [f"{label} · {share:.0f}{NBSP}%" for label, share in zip(labels, shares, strict=True)]
    ends = np.array([*trace.step_numbers, trace.step_numbers[-1] + 1])[np.minimum(starts + wide, steps)]
    cells = {
        "step": np.array(trace.step_numbers)[starts][step],
        "until": ends[step],
        "worker": np.array(labels, dtype=object)[worker],
        "slowness": shown.ravel(),
    }
    numbers = np.array(trace.step_numbers)
    place = {name: labels[row // high] for row, name in enumerate(trace.worker_names)}
    episodes = found.episodes
    outlines = {
        "step": episodes["first_step"].to_numpy(),
        "until": [ends_after(numbers, last) for last in episodes["last_step"]],
        "worker": [place[name] for name in episodes["worker"]],
        "factor": episodes["factor"].to_numpy(),
        "cost": episodes["cost_percent"].to_numpy(),
        "last": episodes["last_step"].to_numpy(),
    }
    row = row_height(len(labels), 480, 8, 40)
    remarks = remarks_on(cells, outlines) if row >= CLOSE else {"at": [], "worker": [], "text": []}
    return Chart(
        declare=declare_slowness,
        shape=(row < CLOSE, with_shares),
        values={"labels": labels, "low": min(1.0, float(shown.min())), "high": float(shown.max()) + 1e-9},
        data={"cells": cells, "episodes": outlines, "remarks": remarks},
        height=int(row * len(labels) + AROUND),
    )


def remarks_on(cells: Columns, outlines: Columns) -> dict[str, list]:
    """What is written where there is room for it: columns at, worker, text.

    Of each episode how slow it was and when, and how slow the slowest single mini-batches were.
    """
    columns = zip(*(outlines[name] for name in ("step", "until", "worker", "factor", "last")), strict=True)
    wanted: list[tuple[float, float, str, tuple[str, ...]]] = [
        (first, until, worker, (f"{factor:.2f}×, steps {first} to {last}", f"{factor:.2f}×"))
        for first, until, worker, factor, last in columns
    ]
    inside = [(worker, first, until) for first, until, worker, _ in wanted]
    for each in np.argsort(-cells["slowness"], kind="stable")[:MOST_REMARKS]:
        first, until, worker, ratio = (cells[name][each] for name in ("step", "until", "worker", "slowness"))
        if ratio >= REMARKABLE and not any(worker == who and since <= first < to for who, since, to in inside):
            beside = (until - first) * (OVERLAP - 1) / 2  # as its neighbours are paler
            wanted.append((first - beside, until + beside, worker, (f"{ratio:.1f}×",)))
    left, right = min(cells["step"]), max(cells["until"])
    room = ROOM / (right - left)  # letters in a step
    remarks: dict[str, list] = {"at": [], "worker": [], "text": []}
    for first, until, worker, texts in wanted:
        text = next((text for text in texts if len(text) <= room * (until - first)), "")
        half = len(text) / room / 2  # what would go beyond an edge is moved inside
        at = min(max((first + until) / 2, left + half), right - half)
        for name, value in zip(remarks, (at, worker, text), strict=True):
            remarks[name].append(value)
    return remarks


def ends_after(numbers: np.ndarray, last: int) -> int:
    """Where the column of a step ends: at the next step's number."""
    after = np.searchsorted(numbers, last, side="right")
    return int(numbers[after]) if after < len(numbers) else last + 1


def declare_slowness(overlap: bool, with_shares: bool, values: Given) -> Layers:
    """Cells by how slow they are, outlined where that is an episode, with remarks; values: labels, low, high."""
    color = alt.Color(
        "slowness:Q",
        title="compute time ÷ the step's mean (×)",
        scale=alt.Scale(scheme="oranges", domain=[values["low"], values["high"]]),
        legend=alt.Legend(orient="top", gradientLength=160, titleLimit=400),
    )
    x = alt.X("step:Q", title="Step", scale=alt.Scale(zero=False, nice=False)).axis(grid=False, tickMinStep=1)
    title = "Worker · share of the waiting" if with_shares else "Worker"
    y = alt.Y("worker:N", title=title, sort=values.several("labels"), axis=alt.Axis(labelOverlap=overlap))
    cells = (
        alt.Chart(alt.NamedData("cells"))
        .mark_rect(**MANY)
        .encode(
            x=x,
            x2="until:Q",
            y=y,
            color=color,
            tooltip=[
                alt.Tooltip("worker:N", title="Worker"),
                alt.Tooltip("step:Q", title="From step"),
                alt.Tooltip("slowness:Q", title="Compute time ÷ step mean (×)", format=".2f"),
            ],
        )
    )
    outlines = (
        alt.Chart(alt.NamedData("episodes"))
        .mark_rect(fill="transparent", stroke=RULE_COLOR, strokeWidth=2, **MANY)
        .encode(
            x=x,
            x2="until:Q",
            y=y,
            tooltip=[
                alt.Tooltip("worker:N", title="Episode of worker"),
                alt.Tooltip("step:Q", title="From step"),
                alt.Tooltip("factor:Q", title="Slower than its best (×)", format=".2f"),
                alt.Tooltip("cost:Q", title="Accounts for (% of waiting)", format=".1f"),
            ],
        )
    )
    remarks = alt.Chart(alt.NamedData("remarks")).encode(x="at:Q", y=y, text="text:N")
    return alt.layer(cells, outlines, *readable(remarks))


def remedies(table: pd.DataFrame) -> Chart:
    """What each remedy saves of the measured epoch, in percent: bars to the right save, to the left lose.

    Each has its range, and is grey where that leaves open which of the two it does.
    """
    table = table[table["saved_percent"].abs() >= 0.005]
    names = ("remedy", "saved_percent", "saved_low_percent", "saved_high_percent", "pays")
    bars = {name: table[name].to_numpy() for name in names}
    outcome = np.select([bars["saved_low_percent"] > 0, bars["saved_high_percent"] < 0], OUTCOMES[:2], OUTCOMES[2])
    return Chart(
        declare=declare_remedies,
        shape=(),
        values={"remedies": table["remedy"].tolist()},
        data={"remedies": bars | {"outcome": outcome.astype(object)}},
        height=24 * len(table) + 100,
    )


def declare_remedies(values: Given) -> Layers:
    """Bars to either side of nothing saved; values: remedies."""
    colors = alt.Scale(domain=OUTCOMES, range=[PHASE_COLORS[phase] for phase in ("compute", "wait", "cancelled")])
    axis = alt.Axis(labelLimit=260, ticks=False, domain=False)
    y = alt.Y("remedy:N", title=None, sort=values.several("remedies"), axis=axis)
    tooltip = [
        alt.Tooltip("remedy:N", title="Remedy"),
        alt.Tooltip("saved_percent:Q", title="Saves (%)", format=".1f"),
        alt.Tooltip("saved_low_percent:Q", title="At least (%)", format=".1f"),
        alt.Tooltip("saved_high_percent:Q", title="At most (%)", format=".1f"),
        alt.Tooltip("pays:N", title="Costs"),
    ]
    chart = alt.Chart(alt.NamedData("remedies"))
    bars = chart.mark_bar().encode(
        x=alt.X("saved_percent:Q", title="Saved of the measured epoch (%)"),
        y=y,
        color=alt.Color("outcome:N", title=None, scale=colors, legend=legend()),
        tooltip=tooltip,
    )
    ranges = chart.mark_rule(color=RULE_COLOR, strokeWidth=2, **MANY).encode(
        x="saved_low_percent:Q", x2="saved_high_percent:Q", y=y, tooltip=tooltip
    )
    return alt.layer(bars, ranges)
