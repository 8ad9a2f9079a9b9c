"""The map: a cell for each pair of values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from core.charts.common import AROUND, MANY, Layers, legend
from core.charts.specs import Chart, Given, columns

SAME_COLOR = "#F4F4F4"  # a speed-up of 1
UNDECIDED_COLORS = ("#D9D9D9", "#A6A6A6")
"""Of cells in which no policy is the fastest: where some tie, and where it is open."""


@dataclass(frozen=True, kw_only=True)
class Coloring:
    """What the colour of a cell means."""

    kind: str
    """speedup, amount or policy."""
    values: dict[str, Any]
    """What its declaration takes."""


def speedups(ratios: pd.Series, slower: str, faster: str, title: str) -> Coloring:
    """Colours from the baseline's (slower) over pale (the same) to the other policy's (faster), even in ratios."""
    most = max(1.05, float(ratios.max()), float(1 / ratios.min()))
    values = {"least": 1 / most, "most": most, "slower": slower, "faster": faster, "title": title}
    return Coloring(kind="speedup", values=values)


def amounts(title: str) -> Coloring:
    """Colours for an amount."""
    return Coloring(kind="amount", values={"title": title})


def winners(policies: Sequence[str], colors: Mapping[str, str], undecided: Sequence[str]) -> Coloring:
    """Colours of the policies that win somewhere, and of cells where none does: what ties, and what open, is called."""
    colors = {**colors, **dict(zip(undecided, UNDECIDED_COLORS, strict=True))}
    return Coloring(kind="policy", values={"policies": list(policies), "colors": [colors[name] for name in policies]})


def heatmap(
    table: pd.DataFrame,
    names: Sequence[str],
    axes: Sequence[tuple],
    coloring: Coloring,
    tooltip: Sequence[tuple[str, str, str]],
    edges: pd.DataFrame,
) -> Chart:
    """A cell for each pair of values: columns x and y (places on the axes), shown, mark, and those of the tooltip.

    names and axes: the title of either axis, and its values. tooltip: field (of numbers, or with :N), title, format.
    A mark that is not empty stands in its cell; edges (x, y, x2, y2) are drawn as a line; clicking a cell selects it.
    """
    fields = dict.fromkeys(["x", "y", "shown", *(field.split(":")[0] for field, *_ in tooltip)])
    cells, mark = columns(table, *fields), table["mark"].to_numpy()
    data = {"cells": cells | {"x2": cells["x"] + 1, "y2": cells["y"] + 1}}
    marked = mark != ""
    if marked.any():
        data["marks"] = {"across": cells["x"][marked] + 0.5, "up": cells["y"][marked] + 0.5, "mark": mark[marked]}
    if len(edges):
        data["edges"] = columns(edges, "x", "y", "x2", "y2")
    values: dict[str, Any] = {f"tip_{i}": title for i, (_, title, _) in enumerate(tooltip)} | coloring.values
    for axis, name, places in zip("xy", names, axes, strict=True):
        labels = [f"{value:,.4g}" for value in places]
        values |= {
            f"{axis}_title": name,
            f"{axis}_end": len(places),
            f"{axis}_places": [place + 0.5 for place in range(len(places))],
            f"{axis}_labels": f"{labels}[floor(datum.value)]",
        }
    return Chart(
        declare=declare_heatmap,
        shape=(
            coloring.kind,
            tuple((field, format) for field, _, format in tooltip),
            bool(marked.any()),
            len(edges) > 0,
        ),
        values=values,
        data=data,
        height=int(np.clip(30 * len(axes[1]), 90, 480)) + AROUND + 20,
    )


def declare_heatmap(
    kind: str, tooltip: tuple[tuple[str, str], ...], with_marks: bool, with_edges: bool, values: Given
) -> Layers:
    """Coloured cells, with marks and edges; values: of the axes (x_…, y_…), the tooltip (tip_…) and the colours."""
    pick = alt.selection_point(fields=["x", "y"], name="cell")
    cells = (
        alt.Chart(alt.NamedData("cells"))
        .mark_rect(stroke="white", strokeWidth=0.5, cursor="pointer", **MANY)
        .encode(
            x=alt.X("x:Q", **place_axis("x", values)),
            x2="x2:Q",
            y=alt.Y("y:Q", **place_axis("y", values)),
            y2="y2:Q",
            color=cell_color(kind, values),
            tooltip=[
                alt.Tooltip(field, title=values[f"tip_{i}"], format=format or alt.Undefined)
                for i, (field, format) in enumerate(tooltip)
            ],
        )
        .add_params(pick)
    )
    layers = [cells]
    if with_marks:
        marks = alt.Chart(alt.NamedData("marks")).mark_text(fontSize=15, color="black")
        layers.append(marks.encode(x="across:Q", y="up:Q", text="mark:N"))
    if with_edges:
        line = alt.Chart(alt.NamedData("edges")).mark_rule(strokeWidth=3, color="black")
        layers.append(line.encode(x="x:Q", y="y:Q", x2="x2:Q", y2="y2:Q"))
    return alt.layer(*layers)


def place_axis(axis: str, values: Given) -> dict[str, Any]:
    """Scale, title and axis of one side of the map: a place for each value, labelled with it."""
    return {
        "scale": alt.Scale(domain=[0, values[f"{axis}_end"]], nice=False),
        "title": values[f"{axis}_title"],
        "axis": alt.Axis(
            values=values.several(f"{axis}_places"),
            labelExpr=values[f"{axis}_labels"],
            grid=False,
            ticks=False,
        ),
    }


def cell_color(kind: str, values: Given) -> alt.Color:
    """The colour of a cell by what it means."""
    if kind == "policy":
        scale = alt.Scale(domain=values.several("policies"), range=values.several("colors"))
        return alt.Color("shown:N", title=None, scale=scale, legend=legend())
    if kind == "speedup":
        domain, colors = [values["least"], 1, values["most"]], [values["slower"], SAME_COLOR, values["faster"]]
        scale = alt.Scale(type="log", domain=domain, range=colors)
    else:
        scale = alt.Scale(scheme="viridis")
    gradient = alt.Legend(orient="top", gradientLength=200)
    return alt.Color("shown:Q", title=values["title"], scale=scale, legend=gradient)
