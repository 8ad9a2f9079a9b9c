"""Charts of training: curves in their bands, and how sensitive policies are to the learning rate."""

from collections.abc import Mapping

import altair as alt
import numpy as np
import pandas as pd

from core.charts.colors import RULE_COLOR
from core.charts.common import PLAIN, Layers, doubles, plain_numbers, policy_color
from core.charts.specs import Chart, Columns, Given, columns

FEW_BANDS = 3  # policies, the bands of which can be told apart
MARGIN = 1.6  # of the last crossing of the target: up to there the time axis goes
AROUND_TARGET = 4  # how far the accuracies go below the target, in distances of the target from 100 %


LABEL_HEIGHT = 0.075  # of a chart's


def curves(
    bands: pd.DataFrame,
    lost: pd.DataFrame,
    crossings: pd.DataFrame,
    titles: tuple[str, str],
    colors: Mapping[str, str],
    *,
    level: float | None = None,
    percent: bool = False,
) -> Chart:
    """A line for each policy in its band, the target, and where it is crossed; runs that are lost are dashed.

    bands: policy, x, middle, low, high. lost: policy, run, of (how many there are), x, value, happens, of runs that
    diverge or get stuck.
    crossings: policy, x, of policies that reach the target. titles: of x and y. level: the target. percent: whether y
    goes to 100 at most. Where all policies cross the target, the axes show the part in which they do.
    """
    policies = [name for name in colors if name in {*bands["policy"], *lost["policy"]}]
    all_cross = level is not None and set(crossings["policy"]) == set(policies)
    until = float(max(bands["x"].max() if len(bands) else 0, lost["x"].max() if len(lost) else 0))
    if all_cross:
        until = min(until, MARGIN * float(crossings["x"].max()))
    seen = bands[bands["x"] <= until]
    low, high = y_range(seen, lost, level, percent, zoomed=all_cross)
    log = low > 0 and not percent
    lost = lost[(lost["x"] <= until) & (lost["value"] <= high)]
    data: dict[str, Columns] = {"curves": columns(seen, "policy", "x", "middle", "low", "high")}
    if level is not None:
        data["level"] = {"level": np.array([level]), "said": [f"target: {level:g}{' %' if percent else ''}"]}
        data["crossings"] = columns(crossings.assign(level=level, low=low), "policy", "x", "level", "low")
    if len(lost):
        data["lost"] = columns(lost.assign(one=lost["policy"] + lost["run"].astype(str)))
        data["ends"] = columns(ends(lost, low, high, log), "policy", "x", "value", "said")
    return Chart(
        declare=declare_curves,
        shape=(len(policies) > FEW_BANDS, log, level is not None, len(lost) > 0),
        values={
            "x_title": titles[0],
            "y_title": titles[1],
            "x_end": until,
            "y_low": low,
            "y_high": high,
            "policies": policies,
            "colors": [colors[name] for name in policies],
        },
        data=data,
        height=270,
    )


def y_range(
    seen: pd.DataFrame, lost: pd.DataFrame, level: float | None, percent: bool, *, zoomed: bool
) -> tuple[float, float]:
    """The ends of the y-axis; of a loss that doubles again and again they are above 0, for a logarithmic scale."""
    if percent:
        low = level - AROUND_TARGET * (100 - level) if zoomed and level is not None else 0.0
        return max(0.0, low), 100.0
    stuck = lost.loc[lost["happens"] == "gets stuck", "value"] if len(seen) else lost["value"]
    values = np.concatenate([seen["low"], seen["high"], stuck, [] if level is None else [level]]).astype(float)
    least, most = float(values.min()), float(values.max())
    return (0.8 * least, 1.1 * most) if doubles(values) else (0.0, 1.05 * most)


def ends(lost: pd.DataFrame, low: float, high: float, log: bool) -> pd.DataFrame:
    """A label where the lost runs of each policy end, none upon another: policy, x, value, said.

    low, high, log: the ends of the y-axis, and whether it is logarithmic.
    """
    last = lost.groupby(["policy", "run", "happens"], sort=False).last().reset_index()
    labels = last.groupby(["policy", "happens"], sort=False).agg(
        count=("run", "size"), of=("of", "first"), x=("x", "max"), value=("value", "max")
    )
    labels = labels.sort_values("value").reset_index()
    words = {"gets stuck": "stuck", "diverges": "diverged"}
    counts = zip(labels["count"], labels["of"], labels["happens"], strict=True)
    values = labels["value"].clip(lower=low).to_numpy(float)
    ends_of_axis, values = np.array([low, high]), np.log(values) if log else values
    apart = LABEL_HEIGHT * np.diff(np.log(ends_of_axis) if log else ends_of_axis)[0]
    number = np.arange(len(values))
    values = np.maximum.accumulate(values - apart * number) + apart * number
    said = [f"{count} of {of} {words[happens]}" for count, of, happens in counts]
    return labels.assign(said=said, value=np.exp(values) if log else values)


def declare_curves(many: bool, log: bool, with_level: bool, with_lost: bool, values: Given) -> Layers:
    """Lines in bands; values: x_title, y_title, x_end, y_low, y_high, policies, colors."""
    x_scale = alt.Scale(domain=[0, values["x_end"]], nice=False)
    y_scale = alt.Scale(domain=[values["y_low"], values["y_high"]], type="log" if log else "linear", nice=False)
    x = alt.X("x:Q", title=values["x_title"], scale=x_scale, axis=alt.Axis(tickCount=10))
    y = alt.Y("low:Q", title=values["y_title"], scale=y_scale, axis=plain_numbers(tickCount=6))
    tooltip = [
        alt.Tooltip("policy:N", title="Policy"),
        alt.Tooltip("x:Q", title=values["x_title"], format=PLAIN),
        *[
            alt.Tooltip(f"{name}:Q", title=title, format=".4g")
            for name, title in (("middle", "Median"), ("low", "Lowest seed"), ("high", "Highest seed"))
        ],
    ]
    base = alt.Chart(alt.NamedData("curves")).encode(x=x, color=policy_color(values), tooltip=tooltip)
    layers = [
        base.mark_area(opacity=0.05 if many else 0.18, clip=True).encode(y=y, y2="high:Q"),
        base.mark_line(strokeWidth=2.5, clip=True).encode(y="middle:Q"),
    ]
    if with_lost:
        dashed = alt.Chart(alt.NamedData("lost")).mark_line(strokeWidth=1.5, strokeDash=[5, 4], clip=True)
        layers.append(
            dashed.encode(
                x=x,
                y="value:Q",
                color=policy_color(values),
                detail="one:N",
                tooltip=[alt.Tooltip("policy:N", title="Policy"), alt.Tooltip("happens:N", title="This seed")],
            )
        )
        said = alt.Chart(alt.NamedData("ends")).mark_text(align="right", dy=-9, fontSize=13, fontWeight="bold")
        layers.append(said.encode(x=x, y="value:Q", text="said:N", color=policy_color(values)))
    if with_level:
        level = alt.Chart(alt.NamedData("level"))
        layers.append(level.mark_rule(color=RULE_COLOR, strokeDash=[4, 3]).encode(y="level:Q"))
        named = level.mark_text(align="left", baseline="bottom", dx=6, dy=-3, color=RULE_COLOR, fontSize=13)
        layers.append(named.encode(x=alt.value(0), y="level:Q", text="said:N"))
        crossing = alt.Chart(alt.NamedData("crossings")).encode(
            x=x,
            color=policy_color(values),
            tooltip=[
                alt.Tooltip("policy:N", title="Policy"),
                alt.Tooltip("x:Q", title="Reaches the target", format=PLAIN),
            ],
        )
        layers.append(crossing.mark_rule(strokeWidth=1.5, strokeDash=[2, 3]).encode(y="low:Q", y2="level:Q"))
        layers.append(crossing.mark_point(shape="diamond", filled=True, size=150, opacity=1).encode(y="level:Q"))
    legend_beyond = alt.AutoSizeParams(type="fit-x", contains="padding")  # the height is that of the lines alone
    return alt.layer(*layers).properties(autosize=legend_beyond)


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
            alt.Tooltip("time_s:Q", title="Time to target (s)", format=PLAIN),
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
