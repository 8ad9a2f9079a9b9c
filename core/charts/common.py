"""What several charts have in common: their axis of workers, their legends, their rules."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import altair as alt
import numpy as np

from core.charts.colors import PHASE_COLORS, RULE_COLOR
from core.charts.specs import Given

AROUND = 112  # px that axes and legend take of a chart's height
MANY: dict[str, Any] = {"aria": False}
"""For marks by the hundred: a label of each would take a browser as long as drawing it, and a reader an hour to hear;
the chart has its content as text, and as a table."""
Layers: TypeAlias = alt.LayerChart | alt.FacetChart
"""What `alt.layer` is declared to return; ours are never facets."""


def legend() -> alt.Legend:
    """Squares above the chart."""
    return alt.Legend(orient="top", symbolType="square", symbolOpacity=1)


def phase_color(phases: Sequence[str], **legend_of_it: Any) -> alt.Color:
    """The colours of some phases."""
    scale = alt.Scale(domain=list(phases), range=[PHASE_COLORS[phase] for phase in phases])
    return alt.Color("phase:N", title=None, scale=scale, **legend_of_it)


def policy_color(values: Given) -> alt.Color:
    """The colours of policies, with a legend; values: policies, colors."""
    scale = alt.Scale(domain=values.several("policies"), range=values.several("colors"))
    return alt.Color("policy:N", title=None, scale=scale, legend=legend())


def worker_axis(values: Given, overlap: bool) -> alt.Y:
    """A row for each worker or group of workers, the first on top; values: labels."""
    return alt.Y(
        "label:N",
        title="Worker",
        sort=None,
        scale=alt.Scale(domain=values.several("labels"), paddingInner=0.25, paddingOuter=0.15),
        axis=alt.Axis(ticks=False, domain=False, grid=False, labelOverlap=overlap),
    )


def row_height(rows: int, of_all: float, low: float, high: float) -> float:
    """The height of each of some rows that share a height, px, within limits."""
    return float(np.clip(of_all / rows, low, high))


def rules(data: str, **style: Any) -> alt.Chart:
    """Vertical lines at the times, at_ms, of a table."""
    return alt.Chart(alt.NamedData(data)).mark_rule(clip=True, **{"color": RULE_COLOR} | style).encode(x="at_ms:Q")
