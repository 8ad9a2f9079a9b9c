"""What Map says, tables and draws of its cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from core import charts, map_report
from core.maps import Question, answers, break_even, winners
from pages.shared.answers import Drawn, ready
from pages.shared.controls.specs import CONTROLS
from pages.shared.drawing import tabled

SPEEDUP = Question(label="Speed-up", column="speedup", unit="×")
FEWEST_DOUBLINGS = 16  # from the least to the most of an axis that doubles


@dataclass(frozen=True, kw_only=True)
class MapAnswer:
    """Everything that the page shows of a map."""

    table: pd.DataFrame
    cells: pa.Table
    """The same, to show."""
    refusals: list[str]
    drawn: Drawn | None
    """Its title is the headline; None where every cell is refused."""
    caption: str


def nothing(table: pd.DataFrame) -> MapAnswer:
    """A map of which every cell is refused, or none is done."""
    refusals = map_report.refusals(table) if len(table) else []
    return MapAnswer(table=table, cells=tabled(table), refusals=refusals, drawn=None, caption="")


def lines(
    table: pd.DataFrame,
    question: Question,
    keys: Sequence[str],
    names: Sequence[str],
    values: Sequence[tuple],
    labels: dict[str, str],
) -> MapAnswer:
    """A line a policy; with throughput over workers, the ideal too."""
    question = question if question.column else SPEEDUP
    rows = pd.concat(answers(table, question, policy) for policy in labels)
    name, good = names[0], table[table["refused"] == ""]
    words, ideal, dashed = map_report.lines_headline(good, question, name), None, ""
    headline = words
    if question.column == "throughput" and list(names) == ["workers"]:
        headline = map_report.scaling_headline(good)
        first = good[good["policy"] == next(iter(labels))]
        ideal = {
            "x": first[name].to_numpy(),
            "ideal": (100 * first["throughput"] / first["utilization_percent"]).to_numpy(),
        }
        dashed = " The dashed line is ideal scaling: nobody waits, the network is free."
    chart = charts.curves(
        rows.rename(columns={name: "x", "value": "middle"})[["policy", "x", "middle", "low", "high"]].dropna(),
        CONTROLS[keys[0]].label,
        f"{question.label} ({question.unit})",
        policy_colors(labels),
        level=1.0 if question.unit == "×" else None,
        ideal=ideal,
        log=min(values[0]) > 0 and max(values[0]) >= FEWEST_DOUBLINGS * min(values[0]),
    )
    return MapAnswer(
        table=table,
        cells=tabled(table),
        refusals=map_report.refusals(table),
        drawn=Drawn(title=headline, chart=ready(chart), words=f"Lines over {name}. {words}"),
        caption=f"Means in bands of the middle 95 % of the runs.{dashed}",
    )


def grid(
    table: pd.DataFrame,
    question: Question,
    keys: Sequence[str],
    names: Sequence[str],
    values: Sequence[tuple],
    labels: dict[str, str],
    policy: str | None,
) -> MapAnswer:
    """A heatmap with the break-even line; cells whose interval contains 1 are marked.

    policy: the label of the one that the map is about, None where it asks which is fastest.
    """
    colors, baseline = policy_colors(labels), next(iter(labels))
    titles = [CONTROLS[key].label for key in keys]
    tooltip = [(f"v{i}:Q", title, ",.4g") for i, title in enumerate(titles)]
    edges = pd.DataFrame(columns=["x", "y", "x2", "y2"])
    if policy is None:
        headline = map_report.fastest_headline(table, names)
        rows = winners(table, names).assign(shown=lambda rows: rows["policy"])
        coloring = charts.winners([label for label in labels if label in set(rows["policy"])], colors)
        tooltip += [
            ("policy:N", "Fastest", ""),
            ("lead:Q", "Lead over the next (×)", ".3f"),
            ("speedup:Q", f"Over {map_report.lowered(baseline)} (×)", ".3f"),
        ]
    else:
        rows = answers(table, question, policy).assign(shown=lambda rows: rows["value"])
        tooltip += [
            (f"{name}:Q", f"{title} ({question.unit})", ".4g")
            for name, title in (("value", question.label), ("low", "Low"), ("high", "High"))
        ]
    rows = rows.assign(
        x=rows[names[0]].map(list(values[0]).index),
        y=rows[names[1]].map(list(values[1]).index),
        v0=rows[names[0]],
        v1=rows[names[1]],
    )
    if policy is not None and question.column == "speedup":
        headline = map_report.speedup_headline(rows, policy, baseline)
        title = f"speed-up over {map_report.lowered(baseline)} (×)"
        coloring = charts.speedups(rows["value"], colors[baseline], colors[policy], title)
        edges = break_even(rows.pivot(index="y", columns="x", values="value").to_numpy())
    elif policy is not None:
        headline = map_report.amount_headline(rows, question, policy, names)
        coloring = charts.amounts(f"{question.label} ({question.unit})")
    return MapAnswer(
        table=table,
        cells=tabled(table),
        refusals=map_report.refusals(table),
        drawn=Drawn(
            title=headline,
            chart=ready(charts.heatmap(rows, titles, values, coloring, tooltip, edges)),
            words=f"Map of {question.label.lower()} over {titles[0]} and {titles[1]}.",
        ),
        caption="≈: the interval contains 1, so the runs do not decide. The black line is break-even. "
        "Click a cell to open it.",
    )


def policy_colors(labels: dict[str, str]) -> dict[str, str]:
    """The colour of each policy, by its label."""
    return dict(zip(labels, charts.POLICY_COLORS, strict=False))
