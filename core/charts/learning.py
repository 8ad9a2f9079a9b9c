"""Charts of training: curves in their bands, and how sensitive policies are to the learning rate."""

from collections.abc import Mapping

import altair as alt
import numpy as np
import pandas as pd

from core.charts.colors import RULE_COLOR
from core.charts.common import Layers, policy_color
from core.charts.specs import Chart, Columns, Given, columns

FEW = 40  # points of a line, each of which is marked


def curves(
    table: pd.DataFrame,
    x_title: str,
    y_title: str,
    colors: Mapping[str, str],
    level: float | None = None,
    ideal: Columns | None = None,
    log: bool = False,
) -> Chart:
    """A line a policy in its band: columns policy, x, middle, low, high. Dashed: a level, an ideal (x, ideal)."""
    policies = list(table["policy"].unique())
    data: dict[str, Columns] = {"curves": columns(table, "policy", "x", "middle", "low", "high")}
    if level is not None:
        data["level"] = {"level": np.array([level])}
    if ideal is not None:
        data["ideal"] = ideal
    few = bool(table["policy"].value_counts().max() <= FEW)
    return Chart(
        declare=declare_curves,
        shape=(few, log, level is not None, ideal is not None),
        values={
            "x_title": x_title,
            "y_title": y_title,
            "policies": policies,
            "colors": [colors[name] for name in policies],
        },
        data=data,
        height=360,
    )


def declare_curves(few: bool, log: bool, with_level: bool, with_ideal: bool, values: Given) -> Layers:
    """Lines in bands, their points marked where they are few; values: x_title, y_title, policies, colors."""
    scale = alt.Scale(nice=False, type="log", base=2) if log else alt.Scale(nice=False)
    x = alt.X("x:Q", title=values["x_title"], scale=scale)
    tooltip = [
        alt.Tooltip("policy:N", title="Policy"),
        alt.Tooltip("x:Q", title=values["x_title"], format=",.4g"),
        *[alt.Tooltip(f"{name}:Q", title=name.capitalize(), format=".4g") for name in ("middle", "low", "high")],
    ]
    base = alt.Chart(alt.NamedData("curves")).encode(x=x, color=policy_color(values), tooltip=tooltip)
    y = alt.Y("low:Q", title=values["y_title"], scale=alt.Scale(zero=False))
    layers = [
        base.mark_area(opacity=0.18).encode(y=y, y2="high:Q"),
        base.mark_line(strokeWidth=2.5, point={"size": 60} if few else False).encode(y="middle:Q"),
    ]
    if with_level:
        line = alt.Chart(alt.NamedData("level")).mark_rule(color=RULE_COLOR, strokeDash=[4, 3])
        layers.append(line.encode(y="level:Q"))
    if with_ideal:
        line = alt.Chart(alt.NamedData("ideal")).mark_line(color=RULE_COLOR, strokeDash=[6, 4])
        layers.append(line.encode(x=x, y="ideal:Q", tooltip=[alt.Tooltip("ideal:Q", title="Ideal", format=".4g")]))
    return alt.layer(*layers)


def sensitivity(rates: pd.DataFrame, colors: Mapping[str, str]) -> Chart:
    """Final loss by learning rate, a line a policy; the best one is a large dot, one with lost runs has a cross.

    Columns: policy, learning_rate, final_loss, time_s, happens, lost, best. Crosses without a loss stand on top.
    """
    policies = list(rates["policy"].unique())
    drawn = rates.dropna(subset=["final_loss"])
    lost = rates[rates["lost"]].assign(lost_at=rates["final_loss"].fillna(drawn["final_loss"].max()))
    data = {"rates": columns(drawn, *rates.columns)}
    if len(lost):
        data["lost"] = columns(lost, "policy", "learning_rate", "happens", "lost_at")
    return Chart(
        declare=declare_sensitivity,
        shape=(len(lost) > 0,),
        values={"policies": policies, "colors": [colors[name] for name in policies]},
        data=data,
        height=300,
    )


def declare_sensitivity(with_lost: bool, values: Given) -> Layers:
    """Lines with a large dot at the best rate; values: policies, colors."""
    base = alt.Chart(alt.NamedData("rates")).encode(
        x=alt.X("learning_rate:Q", title="Learning rate", scale=alt.Scale(type="log", base=2)).axis(format=".2~g"),
        y=alt.Y("final_loss:Q", title="Final loss (median)", scale=alt.Scale(type="log", nice=False)),
        color=policy_color(values),
        tooltip=[
            alt.Tooltip("policy:N", title="Policy"),
            alt.Tooltip("learning_rate:Q", title="Learning rate", format=".4g"),
            alt.Tooltip("final_loss:Q", title="Final loss", format=".3g"),
            alt.Tooltip("time_s:Q", title="Time to target (s)", format=".3g"),
            alt.Tooltip("happens:N", title="Of the seeds"),
        ],
    )
    best = base.transform_filter(alt.datum.best)
    layers = [
        base.mark_line(strokeWidth=2, point=True),
        best.mark_point(filled=True, size=160, opacity=1),
    ]
    if with_lost:
        layers.append(
            alt.Chart(alt.NamedData("lost"))
            .mark_point(shape="cross", angle=45, size=110, filled=True, opacity=1)
            .encode(
                x="learning_rate:Q",
                y="lost_at:Q",
                color=policy_color(values),
                tooltip=[
                    alt.Tooltip("policy:N", title="Policy"),
                    alt.Tooltip("learning_rate:Q", title="Learning rate", format=".4g"),
                    alt.Tooltip("happens:N", title="Of the seeds"),
                ],
            )
        )
    return alt.layer(*layers)
