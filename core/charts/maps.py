"""The map: a cell for each pair of values, or a line for each policy over one parameter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import altair as alt
import numpy as np
import pandas as pd

from core.charts.colors import OUTLINE_COLOR, RULE_COLOR
from core.charts.common import AROUND, MANY, PLAIN, Layers, doubles, plain_numbers, policy_color, readable, spacing
from core.charts.specs import Chart, Columns, Given, columns
from core.common.wording import four_digits

SAME_COLOR = "#8A90991F"  # a speed-up of 1: nearly the page itself, whether that is light or dark
UNDECIDED_COLORS = ("#8A909940", "#8A909999")
"""Of cells in which no policy is the fastest: where some tie, and where it is open. See-through, as above."""
SPEEDUPS, FAINT = (0.5, 1 / 1.01, 1, 1.01, 2), "59"  # where colours change their pace; what makes one see-through
GRID_COLOR = "#8A909966"
FEW = 14  # places of an axis, each of which has a label
BANDS = {"middle": "Mean", "low": "Low", "high": "High"}
DOTS = [2, 4]
"""The dashes of what is pinned."""
HALO = (("white", 6), ("black", 2.5))
"""A line that is seen on every colour, light and dark: black with a white edge."""


@dataclass(frozen=True, kw_only=True)
class Coloring:
    """What the colour of a cell means."""

    kind: str
    """speedup, amount, doubling (an amount on a logarithmic scale) or policy."""
    values: dict[str, Any]
    """What its declaration takes."""


def speedups(slower: str, faster: str, title: str) -> Coloring:
    """Colours from the baseline's (slower) over almost none (the same) to the other policy's (faster), even in ratios.

    From 1 % on, it is plain to see which of them is faster; beyond 2× and 1/2× a colour gets no stronger.
    """
    values = {"slower": slower, "faster": faster, "a_bit_slower": slower + FAINT, "a_bit_faster": faster + FAINT}
    return Coloring(kind="speedup", values=values | {"title": title})


def amounts(title: str, values: pd.Series) -> Coloring:
    """Colours for an amount, even in ratios where it doubles again and again."""
    return Coloring(kind="doubling" if doubles(values) else "amount", values={"title": title})


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
    picked: tuple[int, int] | None = None,
) -> Chart:
    """A cell for each pair of values: columns x and y (places on the axes), shown, mark, and those of the tooltip.

    names and axes: the title of either axis, and its values. tooltip: field (of numbers, or with :N), title, format.
    A mark that is not empty stands in its cell; edges (x, y, x2, y2) are drawn as a line; clicking a cell selects it.
    picked: the place of the cell that has an outline.
    """
    fields = dict.fromkeys(["x", "y", "shown", *(field.split(":")[0] for field, *_ in tooltip)])
    cells, mark = columns(table, *fields), table["mark"].to_numpy()
    data = {
        "cells": cells | {"x2": cells["x"] + 1, "y2": cells["y"] + 1},
        "picked": outline(picked),
        "pinned": outline(None),
    }
    marked = mark != ""
    if marked.any():
        data["marks"] = {"across": cells["x"][marked] + 0.5, "up": cells["y"][marked] + 0.5, "mark": mark[marked]}
    if len(edges):
        data["edges"] = columns(edges, "x", "y", "x2", "y2")
    values: dict[str, Any] = {f"tip_{i}": title for i, (_, title, _) in enumerate(tooltip)} | coloring.values
    for axis, name, places in zip("xy", names, axes, strict=True):
        labels = [four_digits(value) for value in places]
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
            len(axes[1]) > FEW,
        ),
        values=values,
        data=data,
        height=int(np.clip(44 * len(axes[1]), 90, 380)) + AROUND + 20,
    )


def lines(
    table: pd.DataFrame,
    x_title: str,
    y_title: str,
    colors: Mapping[str, str],
    *,
    level: float | None = None,
    ideal: Columns | None = None,
    upright: tuple[float, str] | None = None,
    picked: float | None = None,
) -> Chart:
    """A line for each policy in its band: columns policy, x, middle, low, high; logarithmic where values double.

    level: of a dashed line. ideal: another dashed line (x, ideal). upright: where a dashed vertical
    line stands, and what is written on it. picked: where a vertical line stands.
    """
    policies, places = list(table["policy"].unique()), sorted(set(table["x"]))
    data: dict[str, Columns] = {
        "lines": columns(table, "policy", "x", "middle", "low", "high"),
        "picked": vertical(picked),
        "pinned": vertical(None),
    }
    if level is not None:
        data["level"] = {"level": np.array([level])}
    if ideal is not None:
        data["ideal"] = ideal
    if upright is not None:
        data["upright"] = {"x": np.array([upright[0]]), "said": np.array([upright[1]], dtype=object)}
    x_scale = spacing(places)
    log_y = x_scale[0] == "log" and doubles(table[["low", "middle", "high"]].to_numpy())
    return Chart(
        declare=declare_lines,
        shape=(x_scale, log_y, len(places) <= FEW, level is not None, ideal is not None, upright is not None),
        values={
            "x_title": x_title,
            "y_title": y_title,
            "policies": policies,
            "colors": [colors[name] for name in policies],
            "places": places,
        },
        data=data,
        height=380,
    )


def declare_lines(
    x_scale: tuple[str, float],
    log_y: bool,
    few: bool,
    with_level: bool,
    with_ideal: bool,
    with_upright: bool,
    values: Given,
) -> Layers:
    """Lines in bands with their points; values: x_title, y_title, policies, colors, places."""
    kind, linear_to = x_scale
    scale = alt.Scale(nice=False, type=cast("Any", kind), constant=linear_to if kind == "symlog" else alt.Undefined)
    axis = plain_numbers(values=values.several("places")) if few else plain_numbers()
    x = alt.X("x:Q", title=values["x_title"], scale=scale, axis=axis)
    tooltip = [
        alt.Tooltip("policy:N", title="Policy"),
        alt.Tooltip("x:Q", title=values["x_title"], format=PLAIN),
        *[alt.Tooltip(f"{name}:Q", title=title, format=PLAIN) for name, title in BANDS.items()],
    ]
    base = alt.Chart(alt.NamedData("lines")).encode(x=x, color=policy_color(values), tooltip=tooltip)
    y_scale = alt.Scale(type="log", nice=False) if log_y else alt.Scale(zero=False)
    y = alt.Y("low:Q", title=values["y_title"], scale=y_scale, axis=plain_numbers())
    layers = [
        base.mark_area(opacity=0.18).encode(y=y, y2="high:Q"),
        base.mark_line(strokeWidth=2.5, point={"size": 60}).encode(y="middle:Q"),
    ]
    if with_level:
        line = alt.Chart(alt.NamedData("level")).mark_rule(color=RULE_COLOR, strokeDash=[4, 3])
        layers.append(line.encode(y="level:Q"))
    if with_ideal:
        line = alt.Chart(alt.NamedData("ideal")).mark_line(color=RULE_COLOR, strokeDash=[6, 4])
        layers.append(line.encode(x=x, y="ideal:Q", tooltip=alt.Tooltip("ideal:Q", title="Dashed", format=PLAIN)))
    if with_upright:
        line = alt.Chart(alt.NamedData("upright")).encode(x=x)
        layers.append(line.mark_rule(color=RULE_COLOR, strokeDash=[2, 3], strokeWidth=2))
        layers += readable(line.encode(text="said:N", y=alt.value(4)), align="left", baseline="top", dx=6)
    layers.append(alt.Chart(alt.NamedData("picked")).mark_rule(color=RULE_COLOR, strokeWidth=2).encode(x="x:Q"))
    pinned = alt.Chart(alt.NamedData("pinned")).mark_rule(color=OUTLINE_COLOR, strokeWidth=2.5, strokeDash=DOTS, **MANY)
    layers.append(pinned.encode(x="x:Q"))
    return alt.layer(*layers)


def vertical(picked: float | None) -> dict[str, np.ndarray]:
    """Where a point that is picked stands, as a column of no row or one: a chart is the same with and without it."""
    return {"x": np.array([] if picked is None else [picked], dtype=float)}


def outline(picked: tuple[int, int] | None) -> dict[str, np.ndarray]:
    """The edges of a cell, as columns of no row or one: a chart is the same with and without it."""
    x, y = (np.array([] if picked is None else [place], dtype=float) for place in picked or (0, 0))
    return {"x": x, "y": y, "x2": x + 1, "y2": y + 1}


def declare_heatmap(
    kind: str,
    tooltip: tuple[tuple[str, str], ...],
    with_marks: bool,
    with_edges: bool,
    many_rows: bool,
    values: Given,
) -> Layers:
    """Coloured cells, with marks and edges; values: of the axes (x_…, y_…), the tooltip (tip_…) and the colours."""
    pick = alt.selection_point(fields=["x", "y"], name="cell")
    cells = (
        alt.Chart(alt.NamedData("cells"))
        .mark_rect(stroke=GRID_COLOR, strokeWidth=0.5, cursor="pointer", **MANY)
        .encode(
            x=alt.X("x:Q", **place_axis("x", values, overlap=True)),
            x2="x2:Q",
            y=alt.Y("y:Q", **place_axis("y", values, overlap=many_rows)),
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
        letters: dict[str, Any] = {"fontSize": 17, "fontWeight": "bold", **MANY}
        marks = alt.Chart(alt.NamedData("marks")).encode(x="across:Q", y="up:Q", text="mark:N")
        layers.append(marks.mark_text(stroke="white", strokeWidth=3, **letters))
        layers.append(marks.mark_text(color="black", **letters))
    places = {"x": "x:Q", "y": "y:Q", "x2": "x2:Q", "y2": "y2:Q"}
    for color, width in HALO if with_edges else ():
        line = alt.Chart(alt.NamedData("edges")).mark_rule(color=color, strokeWidth=width, strokeCap="square", **MANY)
        layers.append(line.encode(**places))
    for color, width in HALO:
        edge = alt.Chart(alt.NamedData("picked")).mark_rect(filled=False, stroke=color, strokeWidth=width + 1, **MANY)
        layers.append(edge.encode(**places))
    for color, width, dash in (("white", 5, []), (OUTLINE_COLOR, 3, DOTS)):
        frame = alt.Chart(alt.NamedData("pinned"))
        layers.append(
            frame.mark_rect(filled=False, stroke=color, strokeWidth=width, strokeDash=dash, **MANY).encode(**places)
        )
    return alt.layer(*layers)


def place_axis(axis: str, values: Given, *, overlap: bool) -> dict[str, Any]:
    """Scale, title and axis of one side of the map: a place for each value, labelled with it.

    overlap: whether labels give way where there is no room for all.
    """
    return {
        "scale": alt.Scale(domain=[0, values[f"{axis}_end"]], nice=False),
        "title": values[f"{axis}_title"],
        "axis": alt.Axis(
            values=values.several(f"{axis}_places"),
            labelExpr=values[f"{axis}_labels"],
            labelOverlap=overlap,
            grid=False,
            ticks=False,
        ),
    }


def cell_color(kind: str, values: Given) -> alt.Color:
    """The colour of a cell by what it means."""
    if kind == "policy":
        return policy_color(values, "shown")
    if kind == "speedup":
        colors = [values["slower"], values["a_bit_slower"], SAME_COLOR, values["a_bit_faster"], values["faster"]]
        scale = alt.Scale(type="log", domain=SPEEDUPS, range=colors, clamp=True)
    else:
        scale = alt.Scale(scheme="viridis", type="log" if kind == "doubling" else "linear")
    ends = f"datum.value <= {SPEEDUPS[0]} ? '≤ ' + datum.label : datum.value >= {SPEEDUPS[-1]} ? '≥ ' + datum.label"
    labels = f"{ends} : datum.label" if kind == "speedup" else "datum.label"
    gradient = alt.Legend(orient="top", gradientLength=240, titleLimit=400, format="~g", labelExpr=labels)
    return alt.Color("shown:Q", title=values["title"], scale=scale, legend=gradient)
