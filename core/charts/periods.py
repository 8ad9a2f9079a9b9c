"""Charts of what every period of every way to average takes."""

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from core.charts.colors import RULE_COLOR
from core.charts.common import PLAIN, Layers, doubles, plain_numbers
from core.charts.specs import Chart, Given, columns

BESIDE = 1.035  # by which factor the points of one way stand beside those of the one before
MOST_BEYOND = 3  # by which factor the axis goes beyond the values: intervals of few seeds are cut there
LEGEND_COLUMN = 125  # px that the name of a way takes
OUTWARD = 1.3  # from the first and the last period to the ends of the axis


def by_period(
    rows: pd.DataFrame,
    title: str,
    colors: Mapping[str, str],
    *,
    baseline: str,
    low: str | None = None,
    high: str | None = None,
) -> Chart:
    """A line for each way over its periods, with intervals where there are some; that of the baseline is dashed.

    Args:
        rows: way, period, policy, value, chosen (a large dot), and the ends of intervals.
        title: of the y-axis.
        colors: of each way.
        baseline: the way whose single value is a line across.
        low: the column with the lower ends of intervals.
        high: and the upper ones.

    """
    ways = [way for way in colors if way in set(rows["way"])]
    place = {way: number - (len(ways) - 1) / 2 for number, way in enumerate(ways)}
    shown = rows.assign(
        x=rows["period"] * BESIDE ** rows["way"].map(place).astype(float),
        low=rows[low] if low else rows["value"],
        high=rows[high] if high else rows["value"],
    )
    log = doubles([*shown["low"], *shown["high"]])
    least = max(shown["low"].min(), shown["value"].min() / MOST_BEYOND)
    most = min(shown["high"].max(), shown["value"].max() * MOST_BEYOND)
    periods = sorted(set(rows["period"].tolist()))
    return Chart(
        declare=declare_by_period,
        shape=(log, low is not None),
        values={
            "y_title": title,
            "y_low": 0.85 * least if log else 0.0,
            "y_high": 1.15 * most if log else 1.05 * most,
            "x_low": periods[0] / OUTWARD,
            "x_high": periods[-1] * OUTWARD,
            "periods": periods,
            "policies": ways,
            "colors": [colors[way] for way in ways],
        },
        data={
            "periods": columns(shown, "way", "period", "policy", "value", "chosen", "x", "low", "high"),
            "baseline": columns(shown[shown["way"] == baseline], "way", "value"),
        },
        height=260,
    )


def declare_by_period(log: bool, with_intervals: bool, values: Given) -> Layers:
    """Lines through points; values: y_title, y_low, y_high, x_low, x_high, periods, policies, colors."""
    periods: Sequence = values.several("periods")
    x = alt.X(
        "x:Q",
        title="Batches between two averages",
        scale=alt.Scale(type="log", base=2, domain=[values["x_low"], values["x_high"]], nice=False),
        axis=plain_numbers(values=periods, grid=False),
    )
    domain = [values["y_low"], values["y_high"]]
    y_scale = alt.Scale(type="log" if log else "linear", domain=domain, nice=False)
    y = alt.Y("value:Q", title=values["y_title"], scale=y_scale, axis=plain_numbers(tickCount=5))
    tooltip = [
        alt.Tooltip("policy:N", title="Policy"),
        alt.Tooltip("value:Q", title=values["y_title"], format=PLAIN),
    ]
    if with_intervals:
        tooltip += [
            alt.Tooltip(f"{name}:Q", title=f"95 % interval, {end}", format=PLAIN)
            for name, end in (("low", "from"), ("high", "to"))
        ]
    base = alt.Chart(alt.NamedData("periods")).encode(x=x, y=y, color=way_color(values), tooltip=tooltip)
    across = alt.Chart(alt.NamedData("baseline")).mark_rule(color=RULE_COLOR, strokeDash=[4, 3]).encode(y=y)
    layers = [across, base.mark_line(strokeWidth=2)]
    if with_intervals:
        layers.append(base.mark_rule(strokeWidth=1.5, clip=True).encode(y=alt.Y("low:Q", scale=y_scale), y2="high:Q"))
    layers += [
        base.mark_point(filled=True, size=50, opacity=1),
        base.transform_filter(alt.datum.chosen).mark_point(filled=True, size=170, opacity=1),
    ]
    legend_beyond = alt.AutoSizeParams(type="fit-x", contains="padding")  # the height is that of the lines alone
    return alt.layer(*layers).properties(autosize=legend_beyond)


def way_color(values: Given) -> alt.Color:
    """The colours of the ways; values: policies, colors."""
    scale = alt.Scale(domain=values.several("policies"), range=values.several("colors"))
    room = alt.ExprRef(f"max(1, floor(width / {LEGEND_COLUMN}))")
    legend = alt.Legend(orient="top", symbolType="square", symbolOpacity=1, columns=room, labelLimit=0)
    return alt.Color("way:N", title=None, scale=scale, legend=legend)
