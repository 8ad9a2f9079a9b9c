"""What several charts have in common: their axis of workers, their legends, their rules."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import altair as alt
import numpy as np
import pandas as pd

from core.charts.colors import PHASE_COLORS, RULE_COLOR
from core.charts.specs import Given

FOUR_DOUBLINGS = 16
STEADY = 1.5  # from one place of an axis to the next: what grows faster is doubling
LEGEND_COLUMN = 215  # px that the name of a policy takes
PHASE_COLUMN = 62  # the same for the name of a phase
PLAIN = ",.4~r"  # of a number: four significant figures, 20,000 where others have 2e+4
AROUND = 112  # px that axes and legend take of a chart's height
MANY: dict[str, Any] = {"aria": False}
"""For marks by the hundred: a label of each would take a browser as long as drawing it, and a reader an hour to hear;
the chart has its content as text, and as a table."""
Layers: TypeAlias = alt.LayerChart | alt.FacetChart
"""What `alt.layer` is declared to return; ours are never facets."""


def doubles(values: Sequence[float] | np.ndarray | pd.Series) -> bool:
    """Whether amounts need a logarithmic scale: all are above 0, and they go over four doublings or more."""
    known = np.asarray(values, dtype=float)
    known = known[~np.isnan(known)]
    return bool(len(known)) and bool(known.min() > 0) and bool(known.max() >= FOUR_DOUBLINGS * known.min())


def spacing(places: Sequence[float]) -> tuple[str, float]:
    """The scale of an axis with these places, and the number up to which a symlog scale is linear.

    Where the places double, or grow faster, it is a logarithmic one; where 0 is one of them, one that begins there.
    """
    positive = np.sort([place for place in places if place > 0])
    if len(positive) < 2 or len(positive) + 1 < len(places) or np.median(positive[1:] / positive[:-1]) <= STEADY:
        return "linear", 1.0
    return ("log" if len(positive) == len(places) else "symlog"), float(positive[0])


def legend() -> alt.Legend:
    """Squares above the chart, in as many columns as there is room for."""
    room = alt.ExprRef(f"max(1, floor(width / {PHASE_COLUMN}))")
    return alt.Legend(orient="top", symbolType="square", symbolOpacity=1, columns=room)


def phase_color(phases: Sequence[str], **legend_of_it: Any) -> alt.Color:
    """The colours of some phases."""
    scale = alt.Scale(domain=list(phases), range=[PHASE_COLORS[phase] for phase in phases])
    return alt.Color("phase:N", title=None, scale=scale, **legend_of_it)


def plain_numbers(**about: Any) -> alt.Axis:
    """An axis with numbers as people write them, on a logarithmic scale too; about: its other properties."""
    number = f"format(datum.value, abs(datum.value) >= 1e4 ? '{PLAIN}' : ',.4~g')"
    return alt.Axis(labelExpr=f"datum.label === '' ? '' : {number}", **about)


def policy_color(values: Given, field: str = "policy") -> alt.Color:
    """The colours of policies, with a legend of as many columns as there is room for; values: policies, colors."""
    scale = alt.Scale(domain=values.several("policies"), range=values.several("colors"))
    room = alt.ExprRef(f"max(1, floor(width / {LEGEND_COLUMN}))")
    whole = alt.Legend(orient="top", symbolType="square", symbolOpacity=1, columns=room, labelLimit=0)
    return alt.Color(f"{field}:N", title=None, scale=scale, legend=whole)


def worker_axis(values: Given, overlap: bool) -> alt.Y:
    """A row for each worker or group of workers, the first on top; values: labels."""
    return alt.Y(
        "label:N",
        title="Worker",
        sort=None,
        scale=alt.Scale(domain=values.several("labels"), paddingInner=0.25, paddingOuter=0.15),
        axis=alt.Axis(ticks=False, domain=False, grid=False, labelOverlap=overlap),
    )


def readable(words: alt.Chart, **style: Any) -> list[alt.Chart]:
    """Words in black with a white halo, which are read on any colour, in a light theme and in a dark one."""
    halo = words.mark_text(stroke="white", strokeWidth=4, strokeJoin="round", fontWeight="bold", **style, **MANY)
    return [halo, words.mark_text(color="black", fontWeight="bold", **style, **MANY)]


def row_height(rows: int, of_all: float, low: float, high: float) -> float:
    """The height of each of some rows that share a height, px, within limits."""
    return float(np.clip(of_all / rows, low, high))


def rules(data: str, **style: Any) -> alt.Chart:
    """Vertical lines at the times, at_ms, of a table."""
    return alt.Chart(alt.NamedData(data)).mark_rule(clip=True, **{"color": RULE_COLOR} | style).encode(x="at_ms:Q")
