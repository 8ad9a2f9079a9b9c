"""Charts of a measured run: who is slow and when, and what each remedy would save."""

import altair as alt
import numpy as np
import pandas as pd

from core.charts.colors import PHASE_COLORS, RULE_COLOR
from core.charts.common import AROUND, MANY, Layers, legend, row_height
from core.charts.specs import Chart, Given
from core.charts.timelines import CLOSE
from core.schedule.downsampling import MAX_BLOCKS
from core.traces.trace import Trace

OUTCOMES = ["saves time", "costs time", "not decided"]


def slowness(trace: Trace, episodes: pd.DataFrame) -> Chart:
    """Every mini-batch's compute time over its step's mean, and outlines of a diagnosis's episodes.

    A row is a worker, or several; a column is a step, or several.
    """
    relative = trace.compute_ms / trace.compute_ms.mean(axis=1, keepdims=True)
    steps, workers = relative.shape
    wide, high = -(-steps // max(1, MAX_BLOCKS // min(workers, 64))), -(-workers // 64)
    starts = np.arange(0, steps, wide)
    shown = np.maximum.reduceat(np.maximum.reduceat(relative, starts, axis=0), np.arange(0, workers, high), axis=1)
    step, worker = (place.ravel() for place in np.indices(shown.shape))
    labels = [str(name) for name in trace.worker_names[::high]]
    ends = np.array([*trace.step_numbers, trace.step_numbers[-1] + 1])[np.minimum(starts + wide, steps)]
    cells = {
        "step": np.array(trace.step_numbers)[starts][step],
        "until": ends[step],
        "worker": np.array(labels, dtype=object)[worker],
        "slowness": shown.ravel(),
    }
    numbers = np.array(trace.step_numbers)
    place = {name: labels[row // high] for row, name in enumerate(trace.worker_names)}
    outlines = {
        "step": episodes["first_step"].to_numpy(),
        "until": [ends_after(numbers, last) for last in episodes["last_step"]],
        "worker": [place[name] for name in episodes["worker"]],
        "factor": episodes["factor"].to_numpy(),
        "cost": episodes["cost_percent"].to_numpy(),
    }
    row = row_height(len(labels), 480, 8, 26)
    return Chart(
        declare=declare_slowness,
        shape=(row < CLOSE,),
        values={"labels": labels, "low": min(1.0, float(shown.min())), "high": float(shown.max()) + 1e-9},
        data={"cells": cells, "episodes": outlines},
        height=int(row * len(labels) + AROUND),
    )


def ends_after(numbers: np.ndarray, last: int) -> int:
    """Where the column of a step ends: at the next step's number."""
    after = np.searchsorted(numbers, last, side="right")
    return int(numbers[after]) if after < len(numbers) else last + 1


def declare_slowness(overlap: bool, values: Given) -> Layers:
    """Cells by how slow they are, outlined where that is an episode; values: labels, low, high."""
    color = alt.Color(
        "slowness:Q",
        title="over the step's mean (×)",
        scale=alt.Scale(scheme="oranges", domain=[values["low"], values["high"]]),
        legend=alt.Legend(orient="top", gradientLength=160),
    )
    x = alt.X("step:Q", title="Step", scale=alt.Scale(zero=False, nice=False)).axis(grid=False, tickMinStep=1)
    y = alt.Y("worker:N", title="Worker", sort=values.several("labels"), axis=alt.Axis(labelOverlap=overlap))
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
                alt.Tooltip("slowness:Q", title="Over its step's mean (×)", format=".2f"),
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
                alt.Tooltip("factor:Q", title="Over its best (×)", format=".2f"),
                alt.Tooltip("cost:Q", title="Accounts for (% of waiting)", format=".1f"),
            ],
        )
    )
    return alt.layer(cells, outlines)


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
        alt.Tooltip("pays:N", title="Pays with"),
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
