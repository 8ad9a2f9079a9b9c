"""Altair charts from tables. Colours mean the same everywhere and hold in a light and a dark theme."""

import altair as alt
import numpy as np
import pandas as pd

from core.simulate import Run

PHASE_COLORS = {
    "compute": "#009E73",
    "wait": "#D55E00",
    "comm": "#56B4E9",
    "cancelled": "#999999",
    "tail": "#C9CDD2",
}
POLICY_COLORS = ("#0072B2", "#CC79A7", "#E69F00", "#F0E442", "#8C6BB1", "#7F7F7F", "#A6761D", "#1B9E77")
REASONS = {
    "barrier": "waits at the barrier",
    "staleness bound": "waits: too far ahead of the slowest worker",
    "update": "waits for the other gradients of its update",
}
RULE_COLOR = "#8A9099"
MAX_BLOCKS = 4_000  # marks a browser draws without delay
AROUND = 112  # px that axes and legend take of a chart's height


def timeline_blocks(run: Run) -> pd.DataFrame:
    """A run's segments in words: label (W0…), phase, what happens, batch, start_ms, end_ms, duration_ms."""
    blocks = run.segments()
    barriers = run.barriers().set_index("batch")["straggler"]
    straggler = blocks["batch"].map(barriers).fillna(-1).astype(int)
    phase, reason = blocks["phase"].astype(str), blocks["reason"].astype(str)
    last = phase.eq("compute") & straggler.eq(blocks["worker"])
    does = {"compute": "computes", "comm": "network", "cancelled": "computes for nothing: cancelled"}
    what = phase.map(does).mask(last, "computes, the slowest of its batch")
    what = what.mask(phase.eq("wait"), reason.map(REASONS).fillna("waits: " + reason))
    what = what.mask(reason.eq("barrier"), what + " for W" + straggler.astype(str))
    return blocks.assign(
        label="W" + blocks["worker"].astype(str),
        phase=phase,
        what=what,
        duration_ms=blocks["end_ms"] - blocks["start_ms"],
        straggler=last,
    )


def window(blocks: pd.DataFrame, start_ms: float = 0.0, limit: int = MAX_BLOCKS) -> tuple[pd.DataFrame, float]:
    """The blocks from start_ms on, at most `limit` of them, and the time at which they end."""
    after = blocks[blocks["end_ms"] > start_ms]
    if len(after) <= limit:
        return after, float(blocks["end_ms"].max())
    end = float(np.partition(after["start_ms"].to_numpy(), limit)[limit])
    return after[after["start_ms"] < end], end


def shared_end_ms(pictures: list[pd.DataFrame]) -> float:
    """Where a time axis shared by several pictures ends: at the longest run, or where the first is cut short."""
    windows = [window(blocks) for blocks in pictures]
    cut = [end for (shown, end), blocks in zip(windows, pictures, strict=True) if len(shown) < len(blocks)]
    return min(cut) if cut else max(end for _, end in windows)


def timeline(blocks: pd.DataFrame, barriers_ms, epoch_ms: float, domain_ms: tuple[float, float], workers: int):
    """The Gantt chart of a run: a row a worker (W0 on top), its phases in time, a rule at each barrier.

    A diamond closes each batch's straggler; drag to pan, shift + wheel to zoom, click the legend to filter.
    """
    row = float(np.clip(640 / workers, 10, 34))
    margin = 0.01 * (domain_ms[1] - domain_ms[0])  # so that a line at the very end is seen
    pick = alt.selection_point(fields=["phase"], bind="legend", name="phases")
    zoom = alt.selection_interval(
        bind="scales",
        encodings=["x"],
        zoom="wheel![event.shiftKey]",
        name="zoom",
    )
    x = alt.X(
        "start_ms:Q",
        title=f"Time (ms); the epoch ends at {epoch_ms:,.0f} ms",
        scale=alt.Scale(domain=[domain_ms[0], domain_ms[1] + margin], nice=False),
        axis=alt.Axis(format=",.0f", labelFlush=False, tickCount=8),
    )
    tooltip = [
        alt.Tooltip("label:N", title="Worker"),
        alt.Tooltip("batch:Q", title="Batch"),
        alt.Tooltip("phase:N", title="Phase"),
        alt.Tooltip("what:N", title="What"),
        alt.Tooltip("start_ms:Q", title="Start (ms)", format=",.1f"),
        alt.Tooltip("end_ms:Q", title="End (ms)", format=",.1f"),
        alt.Tooltip("duration_ms:Q", title="Duration (ms)", format=",.1f"),
    ]
    bars = (
        alt.Chart(blocks[["label", "batch", "phase", "what", "start_ms", "end_ms", "duration_ms"]])
        .mark_bar(clip=True)
        .encode(
            x=x,
            x2="end_ms:Q",
            y=worker_axis(workers, row),
            color=phase_color(blocks["phase"]),
            tooltip=tooltip,
            opacity=alt.condition(pick, alt.value(1), alt.value(0.06)),
        )
        .add_params(pick, zoom)
    )
    layers = [bars]
    if len(barriers_ms):
        layers.append(rules(np.asarray(barriers_ms), color=RULE_COLOR, opacity=0.7))
        stragglers = blocks.loc[blocks["straggler"], ["label", "end_ms"]]
        size = float(np.clip(row * 2, 12, 60))
        layers.append(
            alt.Chart(stragglers)
            .mark_point(shape="diamond", filled=True, color="white", stroke="black", size=size, opacity=1, clip=True)
            .encode(x="end_ms:Q", y="label:N")
        )
    layers.append(rules(np.array([epoch_ms]), color=RULE_COLOR, strokeDash=[4, 3], strokeWidth=2))
    return alt.layer(*layers).properties(height=int(row * workers + AROUND))


def rules(at_ms: np.ndarray, **style) -> alt.Chart:
    """Upright lines at the given times."""
    return alt.Chart(pd.DataFrame({"at_ms": at_ms})).mark_rule(clip=True, **style).encode(x="at_ms:Q")


def worker_axis(workers: int, row: float) -> alt.Y:
    """A row of the given height for each worker, W0 on top."""
    return alt.Y(
        "label:N",
        title="Worker",
        sort=None,
        scale=alt.Scale(domain=[f"W{worker}" for worker in range(workers)], paddingInner=0.25, paddingOuter=0.15),
        axis=alt.Axis(ticks=False, domain=False, grid=False, labelOverlap=row < 14),
    )


def phase_color(phases: pd.Series) -> alt.Color:
    """The colours of the phases: always the three of every run, and the others where they occur."""
    shown = [phase for phase in PHASE_COLORS if phase in ("compute", "wait", "comm", *phases.unique())]
    return alt.Color(
        "phase:N",
        title=None,
        scale=alt.Scale(domain=shown, range=[PHASE_COLORS[phase] for phase in shown]),
        legend=alt.Legend(orient="top", symbolType="square"),
    )


def shares(table: pd.DataFrame) -> alt.Chart:
    """Where each worker's epoch went: a stacked bar a worker, in percent of the epoch."""
    table = table[table["percent"] > 0].assign(label="W" + table["worker"].astype(str))
    workers = table["worker"].nunique()
    row = float(np.clip(640 / workers, 10, 26))
    return (
        alt.Chart(table.assign(order=table["phase"].map(list(PHASE_COLORS).index)))
        .mark_bar()
        .encode(
            x=alt.X("percent:Q", title="Share of the epoch (%)", scale=alt.Scale(domain=[0, 100], nice=False)),
            y=worker_axis(workers, row),
            color=phase_color(table["phase"]),
            order="order:Q",
            tooltip=[
                alt.Tooltip("label:N", title="Worker"),
                alt.Tooltip("phase:N", title="Phase"),
                alt.Tooltip("ms:Q", title="Time (ms)", format=",.1f"),
                alt.Tooltip("percent:Q", title="Share (%)", format=".1f"),
            ],
        )
        .properties(height=int(row * workers + AROUND))
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
    legend = alt.Legend(orient="top", symbolType="square") if len(values) > 1 else None
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
