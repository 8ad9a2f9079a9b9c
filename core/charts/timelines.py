"""Charts of one run: its timeline, an overview of a large one, and where time and gradients went."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import altair as alt
import numpy as np

from core.charts.colors import GAP_COLOR, OUTLINE_COLOR, PHASE_COLORS, STALENESS_COLOR, shown_phases
from core.charts.common import AROUND, MANY, Layers, legend, phase_color, readable, row_height, rules, worker_axis
from core.charts.specs import Chart, Columns, Given
from core.common.wording import duration
from core.report.timeline_data import Outline, Picture

DRAWN = ("label", "batch", "phase", "what", "start_ms", "end_ms", "duration_ms")
THIN = 0.3  # of a row's height, for what takes no worker's time
CLOSE = 14  # px; in lower rows labels may overlap and are thinned out
ROOM_FOR_WORDS = 0.15  # of the axis
CROSS = "M-1,-.6L-.6,-1L0,-.4L.6,-1L1,-.6L.4,0L1,.6L.6,1L0,.4L-.6,1L-1,.6L-.4,0Z"
"""The mark of a failure, as a path."""
LEGEND_ROW = 40  # px, below the axis
MARGIN = 0.01  # of what is drawn, after its end
FRAME, PINNED = 1.22, "pinned scenario"  # of a row's height, for the outline of another run; what that is called
MOST_DIAMONDS = 24  # stragglers that are marked in one picture; more would hide what they mark


def timeline(picture: Picture, gap: tuple[float, float, str] | None = None, whose: str = "the epoch") -> Chart:
    """The Gantt chart of a run: one row per worker, its phases in time, a rule at each barrier.

    A diamond closes each batch's straggler, where there is room for them; drag to pan, shift + wheel to zoom, click the
    legend to filter. gap: from when to when time is saved, ms, and how long that is in words. whose: what ends,
    where it is one run of several.
    """
    rows = len(picture.workers)
    row, with_barriers = row_height(rows, 640, 10, 34), len(picture.barriers_ms) > 0
    data = block_data(picture)
    if with_barriers:
        last = picture.blocks["straggler"]
        data["barriers"] = {"at_ms": picture.barriers_ms}
        few = np.count_nonzero(last) <= MOST_DIAMONDS
        data["stragglers"] = {name: picture.blocks[name][last & few] for name in ("label", "end_ms")}
    ends = f"; {whose} ends at {duration(picture.epoch_ms)}"
    if gap:
        ends += f", {gap[2]} sooner"
        wide = gap[1] - gap[0] > ROOM_FOR_WORDS * picture.domain_ms[1]
        said = f"{gap[2]}\nsooner" if wide else ""
        data["gap"] = {"from_ms": [gap[0]], "to_ms": [gap[1]], "middle_ms": [(gap[0] + gap[1]) / 2], "said": [said]}
    return Chart(
        declare=declare_timeline,
        shape=(
            shown_phases(picture.phases),
            row < CLOSE,
            with_barriers,
            gap is not None,
            has_hidden(picture),
            has_failures(picture),
            False,
        ),
        values=block_values(picture, ends) | {"diamond": f"{np.clip(row * 2, 12, 60):g}", "cross": cross_size(row)},
        data=data,
        height=int(row * rows + AROUND),
    )


def declare_timeline(
    phases: tuple[str, ...],
    overlap: bool,
    with_barriers: bool,
    with_gap: bool,
    with_hidden: bool,
    with_failures: bool,
    with_outline: bool,
    values: Given,
) -> Layers:
    """Phases as bars, the network beside them as thinner ones, and where there are barriers their marks.

    Values: those of the blocks, diamond and cross.
    """
    diamond = alt.ExprRef(values["diamond"])
    pick = alt.selection_point(fields=["phase"], bind="legend", name="phases")
    zoom = alt.selection_interval(bind="scales", encodings=["x"], zoom="wheel![event.shiftKey]", name="zoom")
    seen: dict[str, Any] = {
        "color": phase_color(phases, legend=legend()),
        "opacity": alt.condition(pick, alt.value(1), alt.value(0.06)),
    }
    bars = phase_bars(values, values["time"], overlap).encode(**seen).add_params(pick, zoom)
    layers = [*([outlined(with_legend=True)] if with_outline else []), bars]
    if with_hidden:
        layers.append(phase_bars(values, values["time"], overlap, "hidden", THIN).encode(**seen))
    if with_barriers:
        layers.append(rules("barriers", opacity=0.7))
        layers.append(
            alt.Chart(alt.NamedData("stragglers"))
            .mark_point(shape="diamond", filled=True, color="white", stroke="black", size=diamond, opacity=1, clip=True)
            .encode(x="end_ms:Q", y="label:N")
        )
    if with_failures:
        layers.append(failure_marks(values))
    if with_gap:
        layers += time_saved()
    if with_outline:
        layers.append(end_of_outline())
    return alt.layer(*layers, end_of_epoch())


def failure_marks(values: Given) -> alt.Chart:
    """A cross at each failure, with who failed when, for how long, and what was lost; values: cross, its size."""
    return (
        alt.Chart(alt.NamedData("failures"))
        .mark_point(
            shape=CROSS,
            filled=True,
            color="white",
            stroke="black",
            strokeWidth=0.7,
            size=alt.ExprRef(values["cross"]),
            opacity=1,
            clip=True,
            **MANY,
        )
        .encode(
            x="at_ms:Q",
            y="label:N",
            tooltip=[
                alt.Tooltip("worker:N", title="Fails"),
                alt.Tooltip("at:N", title="At"),
                alt.Tooltip("down:N", title="Down for"),
                alt.Tooltip("lost:N", title="Work lost"),
            ],
        )
    )


def cross_size(row: float) -> str:
    """The size of the mark of a failure in a row of so many px, as an expression."""
    return f"{np.clip(row * 5, 60, 150):g}"


def time_saved() -> list[alt.Chart]:
    """A shade from the end of the quicker epoch to that of the slower one, and how long it is."""
    shade = alt.Chart(alt.NamedData("gap")).encode(x="from_ms:Q", x2="to_ms:Q")
    middle = alt.value(alt.ExprRef("height / 2 - 8"))
    words = alt.Chart(alt.NamedData("gap")).encode(x="middle_ms:Q", y=middle, text="said:N")
    return [
        shade.mark_rect(color=GAP_COLOR, opacity=0.18, **MANY),
        *readable(words, lineBreak="\n", lineHeight=19, fontSize=13),
    ]


def small_timeline(picture: Picture) -> Chart:
    """A timeline low enough to stand among others on the same time axis: its phases, and a rule where it ends."""
    row = row_height(len(picture.workers), 150, 3, 20)
    return Chart(
        declare=declare_small_timeline,
        shape=(shown_phases(picture.phases), row < CLOSE, has_hidden(picture), has_failures(picture), False),
        values=block_values(picture, named=True) | {"cross": cross_size(row)},
        data=block_data(picture),
        height=int(row * len(picture.workers) + 40),
    )


def declare_small_timeline(
    phases: tuple[str, ...], overlap: bool, with_hidden: bool, with_failures: bool, with_outline: bool, values: Given
) -> Layers:
    """Phases as bars, the network beside them as thinner ones; values: those of the blocks, and cross."""
    color = phase_color(phases, legend=None)
    layers = [
        *([outlined(with_legend=False)] if with_outline else []),
        phase_bars(values, None, overlap).encode(color=color),
    ]
    if with_hidden:
        layers.append(phase_bars(values, None, overlap, "hidden", THIN).encode(color=color))
    if with_failures:
        layers.append(failure_marks(values))
    if with_outline:
        layers.append(end_of_outline())
    return alt.layer(*layers, end_of_epoch())


def with_outline(chart: Chart, outline: Outline, until_ms: float | None = None) -> Chart:
    """A timeline, in full or small, with the outline of another run behind it: a frame around each worker's row.

    Where the other run's epoch ends, there is a dotted line. Workers that only one of the runs has have no frame.

    Args:
        chart: what `timeline` or `small_timeline` made, of a run from its start.
        outline: of the other run.
        until_ms: where the time axis is to end, ms; where it ended before, if left out.

    """
    labels = [label for label in chart.values["labels"] if int(label[1:]) < len(outline.finish_ms)]
    frames = {
        "label": np.array(labels, dtype=object),
        "from_ms": np.zeros(len(labels)),
        "to_ms": np.array([outline.finish_ms[int(label[1:])] for label in labels]),
        "what": np.full(len(labels), PINNED, dtype=object),
    }
    return replace(
        chart,
        shape=(*chart.shape[:-1], True),
        values={
            **chart.values,
            "until": chart.values["until"] if until_ms is None else until_ms * (1 + MARGIN),
        },
        data={**chart.data, "outline": frames, "outline_end": {"at_ms": np.array([outline.epoch_ms])}},
        height=chart.height + (LEGEND_ROW if chart.declare is declare_timeline else 0),
    )


def with_end(chart: Chart, outline: Outline) -> Chart:
    """An overview with a dotted line where another run's epoch ends."""
    end = {"outline_end": {"at_ms": np.array([outline.epoch_ms])}}
    return replace(chart, shape=(*chart.shape[:-1], True), data={**chart.data, **end})


def outlined(*, with_legend: bool) -> alt.Chart:
    """A frame around each worker's row, from the start of another run to its end there."""
    frame = alt.Legend(orient="bottom", symbolType="square", symbolFillColor="transparent") if with_legend else None
    scale = alt.Scale(domain=[PINNED], range=[OUTLINE_COLOR])
    return (
        alt.Chart(alt.NamedData("outline"))
        .mark_bar(filled=False, strokeWidth=1.5, clip=True, height=alt.RelativeBandSize(band=FRAME), **MANY)
        .encode(
            x="from_ms:Q",
            x2="to_ms:Q",
            y="label:N",
            stroke=alt.Stroke("what:N", title=None, scale=scale, legend=frame),
        )
    )


def end_of_outline() -> alt.Chart:
    """A dotted line where the other run's epoch ends."""
    return rules("outline_end", color=OUTLINE_COLOR, strokeDash=[2, 4], strokeWidth=2.5)


def has_hidden(picture: Picture) -> bool:
    """Whether any network time passes beside the workers' phases."""
    return len(picture.hidden["start_ms"]) > 0


def has_failures(picture: Picture) -> bool:
    """Whether any worker fails in it."""
    return len(picture.failures["at_ms"]) > 0


def block_data(picture: Picture) -> dict[str, Columns]:
    """What a timeline draws."""
    data: dict[str, Columns] = {
        "blocks": {name: picture.blocks[name] for name in DRAWN},
        "end": {"at_ms": np.array([picture.epoch_ms])},
    }
    if has_hidden(picture):
        data["hidden"] = {name: picture.hidden[name] for name in DRAWN}
    if has_failures(picture):
        data["failures"] = picture.failures
    return data


def block_values(picture: Picture, ends: str = "", named: bool = False) -> dict[str, Any]:
    """The ends of a timeline's axis, its title and its labels, and the rows.

    ends: what the title says of the end; named: whether each label has the unit, as there is no title.
    """
    since_ms, until_ms = picture.domain_ms
    margin = MARGIN * (until_ms - since_ms)  # so that a line at the very end is seen
    labels = [f"W{worker}" for worker in picture.workers]
    return {"since": since_ms, "until": until_ms + margin, "labels": labels, **time_axis(until_ms, ends, named)}


def time_axis(until_ms: float, ends: str = "", named: bool = False) -> dict[str, str]:
    """How an axis of times in ms is labelled: in the unit in which its end would be said."""
    unit, of_ms = ("ms", 1) if duration(until_ms).endswith("ms") else ("s", 1000)
    return {
        "time": f"Time ({unit}){ends}",
        "tick": f"format(datum.value / {of_ms}, ',~r')" + (f" + ' {unit}'" if named else ""),
    }


def phase_bars(
    values: Given, title: str | None, overlap: bool, data: str = "blocks", height: float | None = None
) -> alt.Chart:
    """A bar a block, a row a worker; height: of a bar, as a share of its row's, where it is not all of it."""
    thin: dict[str, Any] = {} if height is None else {"height": alt.RelativeBandSize(band=height)}
    return (
        alt.Chart(alt.NamedData(data))
        .mark_bar(clip=True, **thin, **MANY)
        .encode(
            x=alt.X(
                "start_ms:Q",
                title=title,
                scale=alt.Scale(domain=[values["since"], values["until"]], nice=False),
                axis=alt.Axis(labelExpr=values["tick"], labelFlush=False, tickCount=8),
            ),
            x2="end_ms:Q",
            y=worker_axis(values, overlap),
            tooltip=[
                alt.Tooltip("label:N", title="Worker"),
                alt.Tooltip("batch:N", title="Batch"),
                alt.Tooltip("phase:N", title="Phase"),
                alt.Tooltip("what:N", title="What"),
                alt.Tooltip("start_ms:Q", title="Start (ms)", format=",.1f"),
                alt.Tooltip("end_ms:Q", title="End (ms)", format=",.1f"),
                alt.Tooltip("duration_ms:Q", title="Duration (ms)", format=",.1f"),
            ],
        )
    )


def end_of_epoch() -> alt.Chart:
    """A dashed line where the epoch ends."""
    return rules("end", strokeDash=[4, 3], strokeWidth=2)


def overview(cells: Columns, labels: list[str], title: str, epoch_ms: float, failed: Columns | None = None) -> Chart:
    """How much of its time each row of workers computes: a cell a row and stretch of time; drag to select a window.

    cells: columns row, from_ms, to_ms, and the percent of each phase. failed: failures to mark, as in a picture.
    """
    row = row_height(len(labels), 480, 8, 26)
    percents = tuple(phase for phase in PHASE_COLORS if np.any(cells[phase]))
    columns = {name: np.asarray(cells[name]) for name in ("from_ms", "to_ms", *percents)}
    return Chart(
        declare=declare_overview,
        shape=(percents, row < CLOSE, failed is not None, False),
        values={"labels": labels, "title": title, "cross": cross_size(row), **time_axis(epoch_ms)},
        data={"cells": {"label": np.array(labels, dtype=object)[np.asarray(cells["row"])]} | columns}
        | ({"failures": failed} if failed is not None else {}),
        height=int(row * len(labels) + AROUND),
    )


def declare_overview(
    percents: tuple[str, ...], overlap: bool, with_failures: bool, with_end: bool, values: Given
) -> alt.Chart | Layers:
    """Cells by their share of computing, the percents in the tooltip; values: labels, title, cross, time, tick."""
    color = alt.Color(
        "compute:Q",
        title="computing (% of the time)",
        scale=alt.Scale(domain=[0, 100], range=["#F1EEE8", PHASE_COLORS["compute"]]),
        legend=alt.Legend(orient="top", gradientLength=160),
    )
    cells = (
        alt.Chart(alt.NamedData("cells"))
        .mark_rect(**MANY)
        .encode(
            x=alt.X("from_ms:Q", title=values["time"], scale=alt.Scale(nice=False)).axis(
                labelExpr=values["tick"], labelFlush=False, tickCount=8, grid=False
            ),
            x2="to_ms:Q",
            y=worker_axis(values, overlap).scale(domain=values.several("labels"), padding=0).title(values["title"]),
            color=color,
            tooltip=[
                alt.Tooltip("label:N", title="Workers"),
                alt.Tooltip("from_ms:Q", title="From (ms)", format=",.0f"),
                alt.Tooltip("to_ms:Q", title="To (ms)", format=",.0f"),
                *[alt.Tooltip(f"{phase}:Q", title=f"{phase.capitalize()} (%)", format=".1f") for phase in percents],
            ],
        )
        .add_params(alt.selection_interval(encodings=["x"], name="window"))
    )
    layers = [cells, *([failure_marks(values)] if with_failures else []), *([end_of_outline()] if with_end else [])]
    return alt.layer(*layers) if layers[1:] else cells


def shares(labels: list[str], bars: Columns) -> Chart:
    """Where each worker's epoch went, or a group's on average: a stacked bar each, in percent of the epoch.

    bars: columns label, phase, order, ms, percent.
    """
    row = row_height(len(labels), 640, 10, 26)
    return Chart(
        declare=declare_shares,
        shape=(shown_phases(set(bars["phase"])), row < CLOSE),
        values={"labels": labels},
        data={"shares": bars},
        height=int(row * len(labels) + AROUND),
    )


def declare_shares(phases: tuple[str, ...], overlap: bool, values: Given) -> alt.Chart:
    """Bars of stacked phases; values: labels."""
    return (
        alt.Chart(alt.NamedData("shares"))
        .mark_bar()
        .encode(
            x=alt.X("percent:Q", title="Share of the epoch (%)", scale=alt.Scale(domain=[0, 100], nice=False)),
            y=worker_axis(values, overlap),
            color=phase_color(phases, legend=legend()),
            order="order:Q",
            tooltip=[
                alt.Tooltip("label:N", title="Worker"),
                alt.Tooltip("phase:N", title="Phase"),
                alt.Tooltip("ms:Q", title="Time (ms)", format=",.1f"),
                alt.Tooltip("percent:Q", title="Share (%)", format=".1f"),
            ],
        )
    )


def staleness(wide: int, bars: Columns) -> Chart:
    """How many of the gradients used were how stale: columns staleness, gradients, percent; wide values in a bar."""
    title = "Staleness (updates)" if wide == 1 else f"Staleness (updates, a bar for {wide})"
    return Chart(
        declare=declare_staleness,
        shape=(len(bars["staleness"]) > 40,),
        values={"title": title},
        data={"staleness": bars},
        height=240,
    )


def declare_staleness(many: bool, values: Given) -> alt.Chart:
    """Bars, on a scale of numbers where there are many; values: title."""
    title = values["title"]
    updates = alt.X("staleness:O", title=title)
    if many:
        updates = alt.X("staleness:Q", title=title).scale(domainMin=0, nice=False)
    return (
        alt.Chart(alt.NamedData("staleness"))
        .mark_bar(color=STALENESS_COLOR)
        .encode(
            x=updates.axis(labelAngle=0, labelOverlap=True),
            y=alt.Y("gradients:Q", title="Gradients"),
            tooltip=[
                alt.Tooltip("staleness:Q", title=title),
                alt.Tooltip("gradients:Q", title="Gradients"),
                alt.Tooltip("percent:Q", title="Share (%)", format=".1f"),
            ],
        )
    )


def contributions(labels: list[str], bars: Columns) -> Chart:
    """Each worker's, or each group's, gradients: those that updates used, and those that were cancelled.

    bars: columns label, used (used|cancelled), gradients, percent.
    """
    row = row_height(len(labels), 640, 10, 26)
    kinds = tuple(kind for kind in ("used", "cancelled") if kind in set(bars["used"]))
    return Chart(
        declare=declare_contributions,
        shape=(kinds, row < CLOSE),
        values={"labels": labels},
        data={"gradients": bars},
        height=int(row * len(labels) + AROUND),
    )


def declare_contributions(kinds: Sequence[str], overlap: bool, values: Given) -> alt.Chart:
    """Bars of gradients, used ones first; values: labels."""
    colors = {"used": PHASE_COLORS["compute"], "cancelled": PHASE_COLORS["cancelled"]}
    scale = alt.Scale(domain=list(kinds), range=[colors[kind] for kind in kinds])
    return (
        alt.Chart(alt.NamedData("gradients"))
        .mark_bar()
        .encode(
            x=alt.X("gradients:Q", title="Gradients"),
            y=worker_axis(values, overlap),
            color=alt.Color("used:N", title=None, scale=scale, legend=legend()),
            order=alt.Order("used:N", sort="descending"),
            tooltip=[
                alt.Tooltip("label:N", title="Worker"),
                alt.Tooltip("used:N", title="Gradients that were"),
                alt.Tooltip("gradients:Q", title="Number"),
                alt.Tooltip("percent:Q", title="Share of these (%)", format=".1f"),
            ],
        )
    )
