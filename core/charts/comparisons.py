"""Charts of several policies on the same draws: how their runs spread."""

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np

from core.charts.colors import shown_phases
from core.charts.common import AROUND, PLAIN, Layers, legend, phase_color, readable, rules
from core.charts.specs import Chart, Columns, Given


def histogram(
    values: Mapping[str, np.ndarray], title: str, colors: Mapping[str, str], marks: Sequence[float] = ()
) -> Chart:
    """How often each value occurred, one colour a policy, over the same bins; dashed lines at the marks."""
    everything = np.concatenate(list(values.values()))
    low, high = everything.min(), everything.max()
    if high - low < 1e-9 * high:
        low, high = 0.99 * low, 1.01 * high
    edges = np.linspace(low, high, min(60, max(5, len(everything) // 10)) + 1)
    runs = np.stack([np.histogram(of, edges)[0] for of in values.values()])
    policy, place = np.nonzero(runs)
    bins = {
        "policy": np.array(list(values), dtype=object)[policy],
        "from": edges[place],
        "to": edges[place + 1],
        "runs": runs[policy, place],
    }
    return Chart(
        declare=declare_histogram,
        shape=(len(values) > 1, len(marks) > 0),
        values={
            "title": title,
            "format": f",.{int(np.clip(np.ceil(1 - np.log10(high - low)), 0, 6))}f",
            "bin_format": f",.{int(np.clip(np.ceil(-np.log10(edges[1] - edges[0])), 0, 12))}f",  # ends that differ
            "policies": list(values),
            "colors": [colors[name] for name in values],
        },
        data={"bins": bins} | ({"marks": {"at_ms": np.array(marks)}} if len(marks) else {}),
        height=260,
    )


def declare_histogram(several: bool, marked: bool, values: Given) -> Layers:
    """Bars over bins, a legend where policies are several; values: title, format, bin_format, policies, colors."""
    axis = alt.Axis(format=values["format"], tickCount=6, grid=False)
    bars = (
        alt.Chart(alt.NamedData("bins"))
        .mark_rect(opacity=0.85)
        .encode(
            x=alt.X("from:Q", title=values["title"], scale=alt.Scale(zero=False), axis=axis).bin("binned"),
            x2="to:Q",
            y=alt.Y("runs:Q", title="Runs"),
            y2=alt.datum(0),
            color=alt.Color(
                "policy:N",
                title=None,
                scale=alt.Scale(domain=values.several("policies"), range=values.several("colors")),
                legend=legend() if several else None,
            ),
            tooltip=[
                alt.Tooltip("policy:N", title="Policy"),
                alt.Tooltip("from:Q", title="From", format=values["bin_format"]),
                alt.Tooltip("to:Q", title="To", format=values["bin_format"]),
                alt.Tooltip("runs:Q", title="Runs"),
            ],
        )
    )
    return alt.layer(bars, rules("marks", strokeDash=[4, 3])) if marked else alt.layer(bars)


def epoch_parts(parts: Columns) -> Chart:
    """Policies' mean epoch times as bars of the phases that they are made of, in the order of the table.

    parts: columns policy, phase, order, seconds, percent, total (the epoch time as text).
    """
    policies = list(dict.fromkeys(parts["policy"]))
    used = np.array(parts["seconds"]) > 0
    seconds = np.array(parts["seconds"]).reshape(len(policies), -1).sum(axis=1)
    totals = dict(zip(parts["policy"], parts["total"], strict=True))
    return Chart(
        declare=declare_epoch_parts,
        shape=(shown_phases(np.array(parts["phase"], dtype=object)[used]),),
        values={"policies": policies, "most": 1.12 * float(seconds.max())},
        data={
            "parts": {
                name: np.array(column, dtype=object if name in ("policy", "phase") else float)[used]
                for name, column in parts.items()
                if name != "total"
            },
            "totals": {"policy": policies, "seconds": seconds, "total": [totals[policy] for policy in policies]},
        },
        height=30 * len(policies) + AROUND,
    )


def declare_epoch_parts(phases: tuple[str, ...], values: Given) -> Layers:
    """Stacked bars, and at the end of each its length in words; values: policies, most."""
    rows = alt.Y(
        "policy:N",
        title=None,
        sort=values.several("policies"),
        axis=alt.Axis(labelLimit=220, ticks=False, domain=False),
        scale=alt.Scale(paddingInner=0.3, paddingOuter=0.15),
    )
    scale = alt.Scale(domain=[0, values["most"]], nice=False)
    bars = (
        alt.Chart(alt.NamedData("parts"))
        .mark_bar()
        .encode(
            x=alt.X("seconds:Q", title="Mean epoch time (s), by phase", scale=scale),
            y=rows,
            color=phase_color(phases, legend=legend()),
            order="order:Q",
            tooltip=[
                alt.Tooltip("policy:N", title="Policy"),
                alt.Tooltip("phase:N", title="Phase"),
                alt.Tooltip("seconds:Q", title="Time (s)", format=PLAIN),
                alt.Tooltip("percent:Q", title="Share (%)", format=".1f"),
            ],
        )
    )
    ends = alt.Chart(alt.NamedData("totals")).encode(x="seconds:Q", y=rows, text="total:N")
    fitting = alt.AutoSizeParams(type="fit", contains="padding", resize=True)
    return alt.layer(bars, *readable(ends, align="left", dx=6, fontSize=13)).properties(autosize=fitting)


def intervals(table: Columns, title: str, colors: Mapping[str, str], mark: float | None = None) -> Chart:
    """A point and a bar for each policy, in the order of the table: columns policy, middle, low, high."""
    policies = list(table["policy"])
    return Chart(
        declare=declare_intervals,
        shape=(mark is not None,),
        values={
            "title": title,
            **{name: f"{name.capitalize()}, {title}" for name in ("middle", "low", "high")},
            "policies": policies,
            "colors": [colors[name] for name in policies],
        },
        data={"intervals": table} | ({"mark": {"at_ms": np.array([mark])}} if mark is not None else {}),
        height=34 * len(policies) + 60,
    )


def declare_intervals(marked: bool, values: Given) -> Layers:
    """Points on bars; values: title, middle, low and high (their titles), policies, colors."""
    axis = alt.Axis(labelLimit=260, ticks=False, domain=False)
    scale = alt.Scale(domain=values.several("policies"), range=values.several("colors"))
    base = alt.Chart(alt.NamedData("intervals")).encode(
        y=alt.Y("policy:N", title=None, sort=values.several("policies"), axis=axis),
        color=alt.Color("policy:N", legend=None, scale=scale),
        tooltip=[
            alt.Tooltip("policy:N", title="Policy"),
            *[alt.Tooltip(f"{name}:Q", title=values[name], format=PLAIN) for name in ("middle", "low", "high")],
        ],
    )
    x = alt.X("low:Q", title=values["title"], scale=alt.Scale(zero=False))
    layers = [
        base.mark_rule(strokeWidth=3).encode(x=x, x2="high:Q"),
        base.mark_point(filled=True, size=90, opacity=1).encode(x="middle:Q"),
    ]
    if marked:
        layers.insert(0, rules("mark", strokeDash=[4, 3]))
    return alt.layer(*layers)
