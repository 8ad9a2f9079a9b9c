"""What Map says, tables and draws of its cells."""

from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa

from core import charts
from core.common.wording import lowered
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


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The cells of a map, and what their colours and marks mean."""

    headline: str
    rows: pd.DataFrame
    """A row a cell: its parameters, shown (what is coloured), decided, and the columns of the tooltip."""
    coloring: charts.Coloring
    tooltip: list[tuple[str, str, str]]
    """Field, title and format."""
    edges: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["x", "y", "x2", "y2"]))
    """The line of break-even."""


def grid(table: pd.DataFrame, asked: Asked) -> MapAnswer:
    """A heatmap with the break-even line; cells whose interval contains 1 are marked."""
    if asked.about is None:
        cells = fastest_cells(table, asked)
    elif asked.question.column == "speedup":
        cells = speedup_cells(table, asked, asked.about)
    else:
        cells = amount_cells(table, asked, asked.about)
    titles = asked.titles
    places = [(f"v{i}:Q", title, ",.4g") for i, title in enumerate(titles)]
    chart = charts.heatmap(cells.rows, titles, asked.values, cells.coloring, [*places, *cells.tooltip], cells.edges)
    return MapAnswer(
        table=table,
        cells=tabled(table),
        refusals=map_report.refusals(table),
        drawn=Drawn(
            title=cells.headline,
            chart=ready(chart),
            words=f"Map of {asked.question.label.lower()} over {titles[0]} and {titles[1]}.",
        ),
        caption="≈: the interval contains 1, so the runs do not decide. The black line is break-even. "
        "Click a cell to open it.",
    )


def placed(rows: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """The rows of cells with their places on the axes, x and y, and the values there, v0 and v1."""
    (across, up), (across_values, up_values) = asked.names, asked.values
    return rows.assign(
        x=rows[across].map(list(across_values).index),
        y=rows[up].map(list(up_values).index),
        v0=rows[across],
        v1=rows[up],
    )


def fastest_cells(table: pd.DataFrame, asked: Asked) -> Cells:
    """Which policy is fastest where."""
    rows = winners(table, asked.names)
    return Cells(
        headline=map_report.fastest_headline(table, asked.names),
        rows=placed(rows.assign(shown=rows["policy"]), asked),
        coloring=charts.winners([label for label in asked.labels if label in set(rows["policy"])], asked.colors),
        tooltip=[
            ("policy:N", "Fastest", ""),
            ("lead:Q", "Lead over the next (×)", ".3f"),
            ("speedup:Q", f"Over {lowered(asked.labels[0])} (×)", ".3f"),
        ],
    )


def speedup_cells(table: pd.DataFrame, asked: Asked, policy: str) -> Cells:
    """Where a policy is faster than the baseline, with the line of break-even."""
    baseline, rows = asked.labels[0], placed(answers(table, asked.question, policy), asked)
    title = f"speed-up over {lowered(baseline)} (×)"
    return Cells(
        headline=map_report.speedup_headline(rows, policy, baseline),
        rows=rows.assign(shown=rows["value"]),
        coloring=charts.speedups(rows["value"], asked.colors[baseline], asked.colors[policy], title),
        tooltip=amounts_in_tooltip(asked.question),
        edges=break_even(rows.pivot(index="y", columns="x", values="value").to_numpy()),
    )


def amount_cells(table: pd.DataFrame, asked: Asked, policy: str) -> Cells:
    """How much of something there is under a policy."""
    question, rows = asked.question, placed(answers(table, asked.question, policy), asked)
    return Cells(
        headline=map_report.amount_headline(rows, question, policy, asked.names),
        rows=rows.assign(shown=rows["value"]),
        coloring=charts.amounts(f"{question.label} ({question.unit})"),
        tooltip=amounts_in_tooltip(question),
    )


def amounts_in_tooltip(question: Question) -> list[tuple[str, str, str]]:
    """The value of a cell, and between which values the runs lie."""
    return [
        (f"{name}:Q", f"{title} ({question.unit})", ".4g")
        for name, title in (("value", question.label), ("low", "Low"), ("high", "High"))
    ]
