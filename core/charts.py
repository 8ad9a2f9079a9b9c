"""Altair charts from tables. Colours mean the same everywhere and hold in a light and a dark theme."""

from collections.abc import Iterable

import altair as alt
import numpy as np
import pandas as pd

from core.overview import MAX_BLOCKS, group_names, group_of, groups
from core.pictures import Picture
from core.traces import Trace

PHASE_COLORS = {
    "compute": "#009E73",
    "wait": "#D55E00",
    "comm": "#56B4E9",
    "cancelled": "#999999",
    "tail": "#8A909955",  # see-through: pale in a light theme, dim in a dark one
}
POLICY_COLORS = ("#0072B2", "#CC79A7", "#C98500", "#AA4499", "#2A8476", "#8B74C9", "#999933", "#B15928")
RULE_COLOR, STALENESS_COLOR = "#8A9099", "#8C6BB1"
MOST_BARS = 150  # of a histogram
AROUND = 112  # px that axes and legend take of a chart's height


def timeline(picture: Picture) -> alt.LayerChart:
    """The Gantt chart of a run: a row a worker, in that order, its phases in time, a rule at each barrier.

    A diamond closes each batch's straggler; drag to pan, shift + wheel to zoom, click the legend to filter.
    """
    row, blocks = float(np.clip(640 / len(picture.workers), 10, 34)), picture.blocks
    pick = alt.selection_point(fields=["phase"], bind="legend", name="phases")
    zoom = alt.selection_interval(
        bind="scales",
        encodings=["x"],
        zoom="wheel![event.shiftKey]",
        name="zoom",
    )
    bars = (
        phase_bars(picture, f"Time (ms); the epoch ends at {picture.epoch_ms:,.0f} ms", row)
        .encode(color=phase_color(blocks["phase"]), opacity=alt.condition(pick, alt.value(1), alt.value(0.06)))
        .add_params(pick, zoom)
    )
    layers = [bars]
    if len(picture.barriers_ms):
        layers.append(rules(picture.barriers_ms, color=RULE_COLOR, opacity=0.7))
        stragglers = blocks.loc[blocks["straggler"], ["label", "end_ms"]]
        size = float(np.clip(row * 2, 12, 60))
        layers.append(
            alt.Chart(stragglers)
            .mark_point(shape="diamond", filled=True, color="white", stroke="black", size=size, opacity=1, clip=True)
            .encode(x="end_ms:Q", y="label:N")
        )
    layers.append(end_of_epoch(picture))
    return alt.layer(*layers).properties(height=int(row * len(picture.workers) + AROUND))


def small_timeline(picture: Picture) -> alt.LayerChart:
    """A timeline low enough to stand among others on the same time axis: its phases, and a rule where it ends."""
    row = float(np.clip(150 / len(picture.workers), 3, 20))
    bars = phase_bars(picture, None, row).encode(color=phase_color(picture.blocks["phase"], None))
    return alt.layer(bars, end_of_epoch(picture)).properties(height=int(row * len(picture.workers) + 40))


def end_of_epoch(picture: Picture) -> alt.Chart:
    """A dashed line where the epoch ends."""
    return rules(np.array([picture.epoch_ms]), color=RULE_COLOR, strokeDash=[4, 3], strokeWidth=2)


def phase_bars(picture: Picture, title: str | None, row: float) -> alt.Chart:
    """A bar a block, a row a worker."""
    since_ms, until_ms = picture.domain_ms
    margin = 0.01 * (until_ms - since_ms)  # so that a line at the very end is seen
    return (
        alt.Chart(picture.blocks[["label", "batch", "phase", "what", "start_ms", "end_ms", "duration_ms"]])
        .mark_bar(clip=True)
        .encode(
            x=alt.X(
                "start_ms:Q",
                title=title,
                scale=alt.Scale(domain=[since_ms, until_ms + margin], nice=False),
                axis=alt.Axis(format=",.0f", labelFlush=False, tickCount=8),
            ),
            x2="end_ms:Q",
            y=worker_axis([f"W{worker}" for worker in picture.workers], row),
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


def rules(at_ms: np.ndarray, **style) -> alt.Chart:
    """Upright lines at the given times."""
    return alt.Chart(pd.DataFrame({"at_ms": at_ms})).mark_rule(clip=True, **style).encode(x="at_ms:Q")


def worker_axis(labels: list[str], row: float) -> alt.Y:
    """A row of the given height for each worker or group of workers, the first on top."""
    return alt.Y(
        "label:N",
        title="Worker",
        sort=None,
        scale=alt.Scale(domain=labels, paddingInner=0.25, paddingOuter=0.15),
        axis=alt.Axis(ticks=False, domain=False, grid=False, labelOverlap=row < 14),
    )


def phase_legend(phases: Iterable[str]) -> str:
    """The colours of the phases as a line of HTML, for several charts that share it."""
    shown = [phase for phase in PHASE_COLORS if phase in {"compute", "wait", "comm", *phases}]
    square = '<span style="display:inline-block;width:.8em;height:.8em;background:{}"></span> {}'
    return "&emsp;".join(square.format(PHASE_COLORS[phase], phase) for phase in shown)


LEGEND = alt.Legend(orient="top", symbolType="square", symbolOpacity=1)


def phase_color(phases: pd.Series, legend: alt.Legend | None = LEGEND) -> alt.Color:
    """The colours of the phases: always the three of every run, and the others where they occur."""
    shown = [phase for phase in PHASE_COLORS if phase in ("compute", "wait", "comm", *phases.unique())]
    return alt.Color(
        "phase:N",
        title=None,
        scale=alt.Scale(domain=shown, range=[PHASE_COLORS[phase] for phase in shown]),
        legend=legend,
    )


def overview(table: pd.DataFrame, labels: list[str], title: str) -> alt.Chart:
    """How much of its time each row of workers computes: a cell a row and stretch of time; drag to select a window."""
    row = float(np.clip(480 / len(labels), 8, 26))
    percents = [phase for phase in PHASE_COLORS if table[phase].any()]
    color = alt.Color(
        "compute:Q",
        title="computing (% of the time)",
        scale=alt.Scale(domain=[0, 100], range=["#F1EEE8", PHASE_COLORS["compute"]]),
        legend=alt.Legend(orient="top", gradientLength=160),
    )
    return (
        alt.Chart(table.assign(label=np.array(labels)[table["row"]])[["label", "from_ms", "to_ms", *percents]])
        .mark_rect()
        .encode(
            x=alt.X("from_ms:Q", title="Time (ms)", scale=alt.Scale(nice=False)).axis(
                format=",.0f", labelFlush=False, tickCount=8, grid=False
            ),
            x2="to_ms:Q",
            y=worker_axis(labels, row).scale(domain=labels, padding=0).title(title),
            color=color,
            tooltip=[
                alt.Tooltip("label:N", title="Workers"),
                alt.Tooltip("from_ms:Q", title="From (ms)", format=",.0f"),
                alt.Tooltip("to_ms:Q", title="To (ms)", format=",.0f"),
                *[alt.Tooltip(f"{phase}:Q", title=f"{phase.capitalize()} (%)", format=".1f") for phase in percents],
            ],
        )
        .add_params(alt.selection_interval(encodings=["x"], name="window"))
        .properties(height=int(row * len(labels) + AROUND))
    )


def by_group(table: pd.DataFrame, workers: int) -> tuple[pd.DataFrame, list[str]]:
    """A table with a label for each worker, or for its group where there are too many to draw; and all labels."""
    rows = groups(np.arange(workers))
    labels = group_names(rows)
    return table.assign(label=np.array(labels)[group_of(rows)[table["worker"]]]), labels


def shares(table: pd.DataFrame) -> alt.Chart:
    """Where each worker's epoch went, or a group's on average: a stacked bar each, in percent of the epoch."""
    table, labels = by_group(table, table["worker"].nunique())
    table = table.groupby(["label", "phase"], sort=False, as_index=False)[["ms", "percent"]].mean()
    table = table[table["percent"] > 0]
    row = float(np.clip(640 / len(labels), 10, 26))
    return (
        alt.Chart(table.assign(order=table["phase"].map(list(PHASE_COLORS).index)))
        .mark_bar()
        .encode(
            x=alt.X("percent:Q", title="Share of the epoch (%)", scale=alt.Scale(domain=[0, 100], nice=False)),
            y=worker_axis(labels, row),
            color=phase_color(table["phase"]),
            order="order:Q",
            tooltip=[
                alt.Tooltip("label:N", title="Worker"),
                alt.Tooltip("phase:N", title="Phase"),
                alt.Tooltip("ms:Q", title="Time (ms)", format=",.1f"),
                alt.Tooltip("percent:Q", title="Share (%)", format=".1f"),
            ],
        )
        .properties(height=int(row * len(labels) + AROUND))
    )


def histogram(
    values: dict[str, np.ndarray], title: str, colors: dict[str, str], marks: tuple[float, ...] = ()
) -> alt.LayerChart:
    """How often each value occurred, one colour a policy, over the same bins; dashed lines at the marks."""
    everything = np.concatenate(list(values.values()))
    low, high = everything.min(), everything.max()
    if high - low < 1e-9 * high:
        low, high = 0.99 * low, 1.01 * high
    edges = np.linspace(low, high, min(60, max(5, len(everything) // 10)) + 1)
    format = f",.{int(np.clip(np.ceil(1 - np.log10(high - low)), 0, 6))}f"
    table = pd.concat(
        pd.DataFrame({"policy": name, "from": edges[:-1], "to": edges[1:], "runs": np.histogram(v, edges)[0]})
        for name, v in values.items()
    )
    legend = LEGEND if len(values) > 1 else None
    axis = alt.Axis(format=format, tickCount=6, grid=False)
    bars = (
        alt.Chart(table[table["runs"] > 0])
        .mark_rect(opacity=0.85)
        .encode(
            x=alt.X("from:Q", title=title, scale=alt.Scale(zero=False), axis=axis).bin("binned"),
            x2="to:Q",
            y=alt.Y("runs:Q", title="Runs"),
            y2=alt.datum(0),
            color=alt.Color(
                "policy:N",
                title=None,
                scale=alt.Scale(domain=list(values), range=[colors[name] for name in values]),
                legend=legend,
            ),
            tooltip=[
                alt.Tooltip("policy:N", title="Policy"),
                alt.Tooltip("from:Q", title="From", format=format),
                alt.Tooltip("to:Q", title="To", format=format),
                alt.Tooltip("runs:Q", title="Runs"),
            ],
        )
    )
    lines = [rules(np.array(marks), color=RULE_COLOR, strokeDash=[4, 3])] if marks else []
    return alt.layer(bars, *lines).properties(height=260)


def staleness(counts: pd.DataFrame) -> alt.Chart:
    """How many of the gradients used were how stale, in steps of several updates where the values are many."""
    wide = 1 if len(counts) <= MOST_BARS else -(-int(counts["staleness"].max() + 1) // MOST_BARS)
    table = counts.groupby(counts["staleness"] // wide * wide)["gradients"].sum().reset_index()
    table["percent"] = 100 * table["gradients"] / table["gradients"].sum()
    title = "Staleness (updates)" if wide == 1 else f"Staleness (updates, a bar for {wide})"
    staleness = alt.X("staleness:O", title=title)
    if len(table) > 40:
        staleness = alt.X("staleness:Q", title=title).scale(domainMin=0, nice=False)
    return (
        alt.Chart(table)
        .mark_bar(color=STALENESS_COLOR)
        .encode(
            x=staleness.axis(labelAngle=0, labelOverlap=True),
            y=alt.Y("gradients:Q", title="Gradients"),
            tooltip=[
                alt.Tooltip("staleness:Q", title=title),
                alt.Tooltip("gradients:Q", title="Gradients"),
                alt.Tooltip("percent:Q", title="Share (%)", format=".1f"),
            ],
        )
        .properties(height=240)
    )


def contributions(table: pd.DataFrame) -> alt.Chart:
    """Each worker's, or each group's, gradients: those that updates used, and those that were cancelled."""
    table, labels = by_group(table, len(table))
    table = table.groupby("label", sort=False)[["used", "cancelled"]].sum().reset_index()
    table = table.melt("label", var_name="used", value_name="gradients").query("gradients > 0")
    table["percent"] = 100 * table["gradients"] / table.groupby("used")["gradients"].transform("sum")
    row = float(np.clip(640 / len(labels), 10, 26))
    kinds = [name for name in ("used", "cancelled") if (table["used"] == name).any()]
    colors = {"used": PHASE_COLORS["compute"], "cancelled": PHASE_COLORS["cancelled"]}
    return (
        alt.Chart(table)
        .mark_bar()
        .encode(
            x=alt.X("gradients:Q", title="Gradients"),
            y=worker_axis(labels, row),
            color=alt.Color(
                "used:N", title=None, scale=alt.Scale(domain=kinds, range=[colors[k] for k in kinds]), legend=LEGEND
            ),
            order=alt.Order("used:N", sort="descending"),
            tooltip=[
                alt.Tooltip("label:N", title="Worker"),
                alt.Tooltip("used:N", title="Gradients that were"),
                alt.Tooltip("gradients:Q", title="Number"),
                alt.Tooltip("percent:Q", title="Share of these (%)", format=".1f"),
            ],
        )
        .properties(height=int(row * len(labels) + AROUND))
    )


def intervals(table: pd.DataFrame, title: str, colors: dict[str, str], mark: float | None = None) -> alt.LayerChart:
    """A point and a bar for each policy, in the order of the table: columns policy, middle, low, high."""
    order = table["policy"].tolist()
    y = alt.Y("policy:N", title=None, sort=order, axis=alt.Axis(labelLimit=260, ticks=False, domain=False))
    color = alt.Color("policy:N", legend=None, scale=alt.Scale(domain=order, range=[colors[name] for name in order]))
    base = alt.Chart(table).encode(
        y=y,
        color=color,
        tooltip=[
            alt.Tooltip("policy:N", title="Policy"),
            *[
                alt.Tooltip(f"{name}:Q", title=f"{name.capitalize()}, {title}", format=".4g")
                for name in ("middle", "low", "high")
            ],
        ],
    )
    x = alt.X("low:Q", title=title, scale=alt.Scale(zero=False))
    layers = [
        base.mark_rule(strokeWidth=3).encode(x=x, x2="high:Q"),
        base.mark_point(filled=True, size=90, opacity=1).encode(x="middle:Q"),
    ]
    if mark is not None:
        layers.insert(0, rules(np.array([mark]), color=RULE_COLOR, strokeDash=[4, 3]))
    return alt.layer(*layers).properties(height=34 * len(order) + 60)


def slowness(trace: Trace) -> alt.Chart:
    """Every mini-batch's compute time over its step's mean, a row a worker, a column a step or several."""
    relative = trace.compute_ms / trace.compute_ms.mean(axis=1, keepdims=True)
    steps, workers = relative.shape
    wide, high = -(-steps // max(1, MAX_BLOCKS // min(workers, 64))), -(-workers // 64)
    at = np.arange(0, steps, wide)
    shown = np.maximum.reduceat(np.maximum.reduceat(relative, at, axis=0), np.arange(0, workers, high), axis=1)
    step, worker = np.indices(shown.shape)
    labels = [str(name) for name in trace.worker_names[::high]]
    table = pd.DataFrame(
        {
            "step": np.array(trace.step_numbers)[at][step.ravel()],
            "until": np.array([*trace.step_numbers, trace.step_numbers[-1] + 1])[np.minimum(at + wide, steps)][
                step.ravel()
            ],
            "worker": np.array(labels)[worker.ravel()],
            "slowness": shown.ravel(),
        }
    )
    row = float(np.clip(480 / len(labels), 8, 26))
    color = alt.Color(
        "slowness:Q",
        title="over the step's mean (×)",
        scale=alt.Scale(scheme="oranges", domain=[min(1.0, float(shown.min())), float(shown.max()) + 1e-9]),
        legend=alt.Legend(orient="top", gradientLength=160),
    )
    return (
        alt.Chart(table)
        .mark_rect()
        .encode(
            x=alt.X("step:Q", title="Step", scale=alt.Scale(zero=False, nice=False)).axis(grid=False, tickMinStep=1),
            x2="until:Q",
            y=alt.Y("worker:N", title="Worker", sort=labels, axis=alt.Axis(labelOverlap=row < 14)),
            color=color,
            tooltip=[
                alt.Tooltip("worker:N", title="Worker"),
                alt.Tooltip("step:Q", title="From step"),
                alt.Tooltip("slowness:Q", title="Over its step's mean (×)", format=".2f"),
            ],
        )
        .properties(height=int(row * len(labels) + AROUND))
    )


def remedies(table: pd.DataFrame) -> alt.Chart:
    """What each remedy saves of the measured epoch, in percent: bars to the right save, to the left lose."""
    table = table[table["saved_percent"].abs() >= 0.005].assign(saves=table["saved_percent"] > 0)
    colors = alt.Scale(domain=[True, False], range=[PHASE_COLORS["compute"], PHASE_COLORS["wait"]])
    order = table["remedy"].tolist()
    return (
        alt.Chart(table[["remedy", "saved_percent", "saves", "pays"]])
        .mark_bar()
        .encode(
            x=alt.X("saved_percent:Q", title="Saved of the measured epoch (%)"),
            y=alt.Y("remedy:N", title=None, sort=order, axis=alt.Axis(labelLimit=260, ticks=False, domain=False)),
            color=alt.Color("saves:N", scale=colors, legend=None),
            tooltip=[
                alt.Tooltip("remedy:N", title="Remedy"),
                alt.Tooltip("saved_percent:Q", title="Saves (%)", format=".1f"),
                alt.Tooltip("pays:N", title="Pays with"),
            ],
        )
        .properties(height=24 * len(order) + 60)
    )


def curves(
    table: pd.DataFrame,
    x_title: str,
    y_title: str,
    colors: dict[str, str],
    level: float | None = None,
    ideal: pd.DataFrame | None = None,
    log: bool = False,
) -> alt.LayerChart:
    """A line a policy in its band: columns policy, x, middle, low, high. Dashed: a level, an ideal (x, ideal)."""
    order = list(table["policy"].unique())
    x = alt.X("x:Q", title=x_title, scale=alt.Scale(nice=False, **({"type": "log", "base": 2} if log else {})))
    tooltip = [
        alt.Tooltip("policy:N", title="Policy"),
        alt.Tooltip("x:Q", title=x_title, format=",.4g"),
        *[alt.Tooltip(f"{name}:Q", title=name.capitalize(), format=".4g") for name in ("middle", "low", "high")],
    ]
    base = alt.Chart(table).encode(x=x, color=policy_color(order, colors), tooltip=tooltip)
    y = alt.Y("low:Q", title=y_title, scale=alt.Scale(zero=False))
    few = table.groupby("policy").size().max() <= 40
    layers = [
        base.mark_area(opacity=0.18).encode(y=y, y2="high:Q"),
        base.mark_line(strokeWidth=2.5, point={"size": 60} if few else False).encode(y="middle:Q"),
    ]
    if level is not None:
        line = alt.Chart(pd.DataFrame({"level": [level]})).mark_rule(color=RULE_COLOR, strokeDash=[4, 3])
        layers.append(line.encode(y="level:Q"))
    if ideal is not None:
        line = alt.Chart(ideal).mark_line(color=RULE_COLOR, strokeDash=[6, 4])
        layers.append(line.encode(x=x, y="ideal:Q", tooltip=[alt.Tooltip("ideal:Q", title="Ideal", format=".4g")]))
    return alt.layer(*layers).properties(height=360)


def heatmap(
    table: pd.DataFrame, names: list[str], values: list[tuple], color: alt.Color, tooltip: list, edges: pd.DataFrame
) -> alt.LayerChart:
    """A cell for each pair of values: columns x and y (places on the axes), shown, decided, and those of the tooltip.

    Cells that are not decided carry a mark; edges (x, y, x2, y2) are drawn as a line; clicking a cell selects it.
    """
    table = table.assign(x2=table["x"] + 1, y2=table["y"] + 1, across=table["x"] + 0.5, up=table["y"] + 0.5)
    across, up = (
        {
            "scale": alt.Scale(domain=[0, len(each)], nice=False),
            "title": name,
            "axis": alt.Axis(
                values=[place + 0.5 for place in range(len(each))],
                labelExpr=f"{[f'{value:,.4g}' for value in each]}[floor(datum.value)]",
                grid=False,
                ticks=False,
            ),
        }
        for name, each in zip(names, values, strict=True)
    )
    pick = alt.selection_point(fields=["x", "y"], name="cell")
    cells = (
        alt.Chart(table)
        .mark_rect(stroke="white", strokeWidth=0.5, cursor="pointer")
        .encode(x=alt.X("x:Q", **across), x2="x2:Q", y=alt.Y("y:Q", **up), y2="y2:Q", color=color, tooltip=tooltip)
        .add_params(pick)
    )
    marks = (
        alt.Chart(table[~table["decided"]][["across", "up"]])
        .mark_text(text="≈", fontSize=15, color="black")
        .encode(x="across:Q", y="up:Q")
    )
    layers = [cells]
    if not table["decided"].all():
        layers.append(marks)
    if len(edges):
        line = alt.Chart(edges).mark_rule(strokeWidth=3, color="black")
        layers.append(line.encode(x="x:Q", y="y:Q", x2="x2:Q", y2="y2:Q"))
    return alt.layer(*layers).properties(height=int(np.clip(30 * len(values[1]), 90, 480)) + AROUND + 20)


def speedup_color(speedups: pd.Series, colors: tuple[str, str], title: str) -> alt.Color:
    """Colours from the baseline's (slower) over pale (the same) to the other policy's (faster), even in ratios."""
    most = max(1.05, float(speedups.max()), float(1 / speedups.min()))
    scale = alt.Scale(type="log", domain=[1 / most, 1, most], range=[colors[0], "#F4F4F4", colors[1]])
    return alt.Color("shown:Q", title=title, scale=scale, legend=alt.Legend(orient="top", gradientLength=200))


def amount_color(title: str) -> alt.Color:
    """Colours for an amount."""
    legend = alt.Legend(orient="top", gradientLength=200)
    return alt.Color("shown:Q", title=title, scale=alt.Scale(scheme="viridis"), legend=legend)


def winner_color(order: list[str], colors: dict[str, str]) -> alt.Color:
    """Colours of the policies that win somewhere."""
    scale = alt.Scale(domain=order, range=[colors[name] for name in order])
    return alt.Color("shown:N", title=None, scale=scale, legend=LEGEND)


def sensitivity(rates: pd.DataFrame, colors: dict[str, str]) -> alt.LayerChart:
    """Final loss by learning rate, a line a policy; the best one is a large dot, one with lost runs has a cross.

    Columns: policy, learning_rate, final_loss, time_s, happens, lost, best. Crosses without a loss stand on top.
    """
    order = list(rates["policy"].unique())
    table = rates.dropna(subset=["final_loss"])
    base = alt.Chart(table).encode(
        x=alt.X("learning_rate:Q", title="Learning rate", scale=alt.Scale(type="log", base=2)).axis(format=".2~g"),
        y=alt.Y("final_loss:Q", title="Final loss (median)", scale=alt.Scale(type="log", nice=False)),
        color=policy_color(order, colors),
        tooltip=[
            alt.Tooltip("policy:N", title="Policy"),
            alt.Tooltip("learning_rate:Q", title="Learning rate", format=".4g"),
            alt.Tooltip("final_loss:Q", title="Final loss", format=".3g"),
            alt.Tooltip("time_s:Q", title="Time to target (s)", format=".3g"),
            alt.Tooltip("happens:N", title="Of the runs"),
        ],
    )
    best = base.transform_filter(alt.datum.best)
    lost = rates[rates["lost"]].assign(lost_at=rates["final_loss"].fillna(table["final_loss"].max()))
    crosses = (
        alt.Chart(lost[["policy", "learning_rate", "happens", "lost_at"]])
        .mark_point(shape="cross", angle=45, size=110, filled=True, opacity=1)
        .encode(
            x="learning_rate:Q",
            y="lost_at:Q",
            color=policy_color(order, colors),
            tooltip=[
                alt.Tooltip("policy:N", title="Policy"),
                alt.Tooltip("learning_rate:Q", title="Learning rate", format=".4g"),
                alt.Tooltip("happens:N", title="Of the runs"),
            ],
        )
    )
    return alt.layer(
        base.mark_line(strokeWidth=2, point=True),
        best.mark_point(filled=True, size=160, opacity=1),
        *([crosses] if len(lost) else []),
    ).properties(height=300)


def policy_color(order: list[str], colors: dict[str, str]) -> alt.Color:
    """The colours of policies, with a legend."""
    scale = alt.Scale(domain=order, range=[colors[name] for name in order])
    return alt.Color("policy:N", title=None, scale=scale, legend=LEGEND)
