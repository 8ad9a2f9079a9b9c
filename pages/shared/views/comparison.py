"""The two ways in which Compare lays out an answer: two policies side by side, or three to eight ranked."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core import Asynchronous, FlatLatency, Workload, charts
from core.charts import Chart
from core.common.wording import duration
from core.links import DEFAULTS, MOST_POLICIES
from core.policies.base import Policy
from core.report import comparison
from core.report.changes import how_to_read_outline
from core.report.timeline_data import Outline
from pages.shared.answers.comparison import Answer
from pages.shared.answers.drawn import Drawn
from pages.shared.controls import values
from pages.shared.errors import action
from pages.shared.views.caveats import caveat
from pages.shared.views.charts import draw
from pages.shared.views.pinned import behind, room_for
from pages.shared.views.race import race
from pages.shared.views.tiles import metric_tiles

SHARED = Asynchronous(assignment="shared")
TILES = ["epoch_ms", "idle_percent", "throughput"]


def network_cost(answer: Answer) -> None:
    """Where the network favours async: a switch that charges a push what a barrier costs, and back."""
    same = {"async_fraction": 1.0, "async_least": 1.0}
    if answer.favours_async:
        words = "This network model favours async: a push costs less than a barrier."
        label, change = "Same network cost for both", same
    elif values.value("network") == FlatLatency.code and same.items() <= values.now().items():
        words = "A push costs as much as a barrier here."
        label, change = "Back to the reference's network", {key: DEFAULTS[key] for key in same}
    else:
        return
    caveat("network", words, width="content")
    st.button(label, on_click=charge, args=(change,), icon=":material/balance:", type="tertiary")


def own_link(workload: Workload, policies: Sequence[Policy], servers: int = 0) -> None:
    """If pushes leave a worker faster than its own link allows, say so, with a button that limits them to it.

    servers: the most that there are, where their number varies.
    """
    if said := comparison.servers_caveat(workload, policies, servers):
        caveat("servers", said, width="content")
        label = "Limit each worker to its own link"
        st.button(label, on_click=charge, args=({"own_link": True},), icon=":material/balance:", type="tertiary")


def own_batches(workload: Workload, policies: Sequence[Policy]) -> None:
    """If a slow worker keeps its own batches, say so, with a button that adds one queue for all to the comparison."""
    if (said := comparison.own_batches_caveat(workload, policies)) and len(policies) < MOST_POLICIES:
        caveat("own batches", said, width="content")
        label, more = "Add async with one queue for all", (*values.value("policies"), SHARED.text)
        st.button(label, on_click=charge, args=({"policies": more},), icon=":material/queue:", type="tertiary")


@action
def charge(change: dict[str, Any]) -> None:
    """Set what pushes cost, or who takes which batches."""
    values.put(change)


def side_by_side(answer: Answer, outlines: Sequence[Outline]) -> None:
    """Two policies, the first one as the baseline: their timelines, and below them their figures.

    Where the timelines show only the beginning, who wins is seen in the mean epochs, which then come first.
    outlines: of the pinned scenario, behind the timelines.
    """
    if not answer.is_whole:
        titled(answer.parts, "parts")
    (_, baseline), (_, other) = answer.means[TILES].iterrows()
    notes = (comparison.baseline_notes(TILES), comparison.change_notes(baseline, other, answer.outcome))
    drawn = with_outlines(answer, outlines)
    sides = zip(st.columns(2, gap="large"), answer.timelines, drawn, (baseline, other), notes, strict=True)
    for column, timeline, (chart, words), means, note in sides:
        with column:
            st.subheader(timeline.title)
            draw(chart, timeline.title, words)
            if answer.runs > 1:
                caveat(f"tiles {timeline.title}", f"Means of {answer.runs:,} runs:")
            metric_tiles(means.to_dict(), note)
    caveat("drawn", what_is_drawn(answer, outlines))
    race(answer.race, "race")
    if answer.is_whole:
        titled(answer.parts, "parts")


def ranked(answer: Answer, outlines: Sequence[Outline]) -> None:
    """Three to eight policies: their mean epochs, a ranked table, and small timelines on one time axis."""
    titled(answer.parts, "parts")
    st.subheader("Finishing order")
    st.dataframe(answer.ranking, height="content")
    st.caption(comparison.how_to_read_ranking(answer.runs))
    st.subheader("The same draws under each policy")
    legend = charts.phase_legend(answer.phases, charts.PINNED if outlines else "")
    st.html(f"{legend}&emsp;One time axis for all.")
    for timeline, (chart, words) in zip(answer.timelines, with_outlines(answer, outlines), strict=True):
        which = f"run 1 of {answer.runs:,}: " if answer.runs > 1 else ""
        st.markdown(f"**{timeline.title}** · {which}{duration(timeline.epoch_ms)}")
        draw(chart, timeline.title, words)
    caveat("drawn", what_is_drawn(answer, outlines))
    race(answer.race, "race")


def with_outlines(answer: Answer, outlines: Sequence[Outline]) -> list[tuple[Chart, str]]:
    """The timelines and their words, with the pinned scenario's outlines behind them if there are any."""
    if not outlines:
        return [(timeline.chart, timeline.words) for timeline in answer.timelines]
    until_ms = end_of_axis(answer, outlines)
    return [
        behind(timeline.chart, timeline.words, outline, until_ms)
        for timeline, outline in zip(answer.timelines, outlines, strict=True)
    ]


def end_of_axis(answer: Answer, outlines: Sequence[Outline]) -> float:
    """Where the time axis of the timelines ends, with outlines behind them."""
    if not answer.is_whole:
        return answer.until_ms
    return room_for(outlines, [timeline.epoch_ms for timeline in answer.timelines])


def what_is_drawn(answer: Answer, outlines: Sequence[Outline]) -> str:
    """What the timelines show, the outlines behind them among it."""
    if not outlines:
        return answer.drawn
    labels = answer.timelines[0].chart.values["labels"]
    return f"{answer.drawn} {how_to_read_outline(outlines, labels, end_of_axis(answer, outlines))}"


def spreads(answer: Answer) -> None:
    """How epoch times and speed-ups spread over the runs."""
    sides = zip(st.columns(2, gap="large"), (("epochs", answer.epochs), ("speedups", answer.speedups)), strict=True)
    for column, (key, drawn) in sides:
        with column:
            titled(drawn, key)
    if len(answer.timelines) > 2:
        st.caption(comparison.how_to_read_intervals(answer.runs))


def titled(drawn: Drawn, key: str) -> None:
    """A chart below its heading."""
    st.subheader(drawn.title)
    draw(drawn.chart, key, drawn.words)
