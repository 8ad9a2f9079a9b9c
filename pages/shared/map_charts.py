"""The answer and the chart of a map: lines for one axis, cells for two. Both return the cell that was clicked."""

import altair as alt
import pandas as pd
import streamlit as st

from core import charts, map_report
from core.maps import Question, answers, break_even, winners
from pages.shared.keys import CONTROLS


def line_chart(table: pd.DataFrame, question: Question, keys, names, values, labels: dict[str, str]) -> dict | None:
    """A line a policy; with throughput over workers, the ideal too."""
    colors, baseline = dict(zip(labels, charts.POLICY_COLORS, strict=False)), next(iter(labels))
    if not question.column:
        question = Question(label="Speed-up", column="speedup", unit="×")
    rows = pd.concat(answers(table, question, policy) for policy in labels)
    name, scaling = names[0], question.column == "throughput" and names == ["workers"]
    st.header(
        map_report.scaling_headline(table[table["refused"] == ""])
        if scaling
        else map_report.lines_headline(table[table["refused"] == ""], question, name)
    )
    ideal = None
    if scaling:
        first = table[(table["policy"] == baseline) & (table["refused"] == "")]
        ideal = pd.DataFrame({"x": first[name], "ideal": 100 * first["throughput"] / first["utilization_percent"]})
    shown = rows.rename(columns={name: "x", "value": "middle"})[["policy", "x", "middle", "low", "high"]].dropna()
    title = f"{question.label} ({question.unit})"
    level = 1.0 if question.unit == "×" else None
    log = min(values[0]) > 0 and max(values[0]) >= 16 * min(values[0])
    chart = charts.curves(shown, CONTROLS[keys[0]].label, title, colors, level, ideal, log)
    words = map_report.lines_headline(table[table["refused"] == ""], question, name)
    st.altair_chart(chart, key="map", alt=f"Lines over {name}. {words}")
    dashed = " The dashed line is ideal scaling: nobody waits, the network is free." if scaling else ""
    st.caption(f"Means in bands of the middle 95 % of the runs.{dashed}")
    place = st.select_slider("Open a point", values[0], key=f"point {name}", format_func=lambda value: f"{value:,g}")
    return {name: place}


def grid_chart(table: pd.DataFrame, question: Question, keys, names, values, labels: dict[str, str]) -> dict | None:
    """A heatmap with the break-even line; cells whose interval contains 1 are marked."""
    colors, baseline = dict(zip(labels, charts.POLICY_COLORS, strict=False)), next(iter(labels))
    tooltip = [alt.Tooltip(f"v{i}:Q", title=CONTROLS[key].label, format=",.4g") for i, key in enumerate(keys)]
    if question.column:
        _, *rest = labels.items()
        others = dict(rest if question.column == "speedup" else labels)
        policy = of_policy(others)
        rows = answers(table, question, policy).assign(shown=lambda rows: rows["value"])
        tooltip += [
            alt.Tooltip(f"{name}:Q", title=f"{title} ({question.unit})", format=".4g")
            for name, title in (("value", question.label), ("low", "Low"), ("high", "High"))
        ]
    if question.column == "speedup":
        st.header(map_report.speedup_headline(rows, policy, baseline))
        title = f"speed-up over {map_report.lowered(baseline)} (×)"
        color = charts.speedup_color(rows["value"], (colors[baseline], colors[policy]), title)
    elif question.column:
        st.header(map_report.amount_headline(rows, question, policy, names))
        color = charts.amount_color(f"{question.label} ({question.unit})")
    else:
        st.header(map_report.fastest_headline(table, names))
        rows = winners(table, names).assign(shown=lambda rows: rows["policy"])
        color = charts.winner_color([label for label in labels if label in set(rows["policy"])], colors)
        tooltip += [
            alt.Tooltip("policy:N", title="Fastest"),
            alt.Tooltip("lead:Q", title="Lead over the next (×)", format=".3f"),
            alt.Tooltip("speedup:Q", title=f"Over {map_report.lowered(baseline)} (×)", format=".3f"),
        ]
    rows = rows.assign(
        x=rows[names[0]].map(list(values[0]).index),
        y=rows[names[1]].map(list(values[1]).index),
        v0=rows[names[0]],
        v1=rows[names[1]],
    )
    square = (
        rows.pivot(index="y", columns="x", values="value") if question.column == "speedup" else pd.DataFrame([[1.0]])
    )
    columns = ["x", "y", "v0", "v1", "shown", "decided", *(t.shorthand.split(":")[0] for t in tooltip)]
    chart = charts.heatmap(
        rows[list(dict.fromkeys(columns))],
        [CONTROLS[key].label for key in keys],
        values,
        color,
        tooltip,
        break_even(square.to_numpy()),
    )
    words = f"Map of {question.label.lower()} over {CONTROLS[keys[0]].label} and {CONTROLS[keys[1]].label}."
    event = st.altair_chart(chart, key="map", alt=words, on_select="rerun", selection_mode="cell")
    st.caption(
        "≈: the interval contains 1, so the runs do not decide. The black line is break-even. Click a cell to open it."
    )
    clicked = event.selection.get("cell")
    return (
        {name: each[int(clicked[0][at])] for name, each, at in zip(names, values, "xy", strict=True)}
        if clicked
        else None
    )


def of_policy(labels: dict[str, str]) -> str:
    """The label of the policy that a map is about: chosen by what a link calls it."""
    at, texts = CONTROLS["against"], {text: label for label, text in labels.items()}
    if st.session_state.get("against") not in texts:
        st.session_state.pop("against", None)
    return texts[st.selectbox(at.label, list(texts), key="against", help=at.help, bind="query-params")]
