"""What Map says, tables and draws of its cells."""

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from core import charts
from core.links import PARAMETERS
from core.maps import Question, answers, break_even, winners
from core.report import maps as map_report
from pages.shared.answers.drawn import Drawn, ready, tabled

SPEEDUP = Question(label="Speed-up", column="speedup", unit="×")
FEWEST_DOUBLINGS = 16  # from the least to the most of an axis that doubles


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of a map: a question, over one axis or two."""

    question: Question
    keys: tuple[str, ...]
    """What a link calls the axes: across, then up."""
    names: tuple[str, ...]
    """The same as `sweep` names them, with dots."""
    values: tuple[tuple, ...]
    """The values of each."""
    labels: tuple[str, ...]
    """The policies as the table calls them; the first is the baseline."""
    about: str | None
    """The policy that the map is about; None where it asks which is fastest, or draws a line for each."""

    @property
    def titles(self) -> list[str]:
        """The axes as people read them."""
        return [PARAMETERS[key].label for key in self.keys]

    @property
    def colors(self) -> dict[str, str]:
        """The colour of each policy."""
        return dict(zip(self.labels, charts.POLICY_COLORS, strict=False))


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


def map_answer(table: pd.DataFrame, asked: Asked) -> MapAnswer:
    """The answer that these rows give."""
    if table.empty or not (table["refused"] == "").any():
        return nothing(table)
    return lines(table, asked) if len(asked.keys) == 1 else grid(table, asked)


def lines(table: pd.DataFrame, asked: Asked) -> MapAnswer:
    """A line a policy; with throughput over workers, the ideal too."""
    question = asked.question if asked.question.column else SPEEDUP
    rows = pd.concat(answers(table, question, policy) for policy in asked.labels)
    (name,), (values,), good = asked.names, asked.values, table[table["refused"] == ""]
    words, ideal, dashed = map_report.lines_headline(good, question, name), None, ""
    headline = words
    if question.column == "throughput" and name == "workers":
        headline = map_report.scaling_headline(good)
        first = good[good["policy"] == asked.labels[0]]
        ideal = {
            "x": first[name].to_numpy(),
            "ideal": (100 * first["throughput"] / first["utilization_percent"]).to_numpy(),
        }
        dashed = " The dashed line is ideal scaling: nobody waits, the network is free."
    chart = charts.curves(
        rows.rename(columns={name: "x", "value": "middle"})[["policy", "x", "middle", "low", "high"]].dropna(),
        asked.titles[0],
        f"{question.label} ({question.unit})",
        asked.colors,
        level=1.0 if question.unit == "×" else None,
        ideal=ideal,
        log=min(values) > 0 and max(values) >= FEWEST_DOUBLINGS * min(values),
    )
    return MapAnswer(
        table=table,
        cells=tabled(table),
        refusals=map_report.refusals(table),
        drawn=Drawn(title=headline, chart=ready(chart), words=f"Lines over {name}. {words}"),
        caption=f"Means in bands of the middle 95 % of the runs.{dashed}",
    )


def grid(table: pd.DataFrame, asked: Asked) -> MapAnswer:
    """A heatmap with the break-even line; cells whose interval contains 1 are marked."""
    question, policy, titles = asked.question, asked.about, asked.titles
    colors, baseline = asked.colors, asked.labels[0]
    tooltip = [(f"v{i}:Q", title, ",.4g") for i, title in enumerate(titles)]
    edges = pd.DataFrame(columns=["x", "y", "x2", "y2"])
    if policy is None:
        headline = map_report.fastest_headline(table, asked.names)
        rows = winners(table, asked.names).assign(shown=lambda rows: rows["policy"])
        coloring = charts.winners([label for label in asked.labels if label in set(rows["policy"])], colors)
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
    (across, up), (across_values, up_values) = asked.names, asked.values
    rows = rows.assign(
        x=rows[across].map(list(across_values).index),
        y=rows[up].map(list(up_values).index),
        v0=rows[across],
        v1=rows[up],
    )
    if policy is not None and question.column == "speedup":
        headline = map_report.speedup_headline(rows, policy, baseline)
        title = f"speed-up over {map_report.lowered(baseline)} (×)"
        coloring = charts.speedups(rows["value"], colors[baseline], colors[policy], title)
        edges = break_even(rows.pivot(index="y", columns="x", values="value").to_numpy())
    elif policy is not None:
        headline = map_report.amount_headline(rows, question, policy, asked.names)
        coloring = charts.amounts(f"{question.label} ({question.unit})")
    return MapAnswer(
        table=table,
        cells=tabled(table),
        refusals=map_report.refusals(table),
        drawn=Drawn(
            title=headline,
            chart=ready(charts.heatmap(rows, titles, asked.values, coloring, tooltip, edges)),
            words=f"Map of {question.label.lower()} over {titles[0]} and {titles[1]}.",
        ),
        caption="≈: the interval contains 1, so the runs do not decide. The black line is break-even. "
        "Click a cell to open it.",
    )
