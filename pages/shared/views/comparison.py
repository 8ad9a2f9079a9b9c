"""The two ways in which Compare lays out an answer: two policies side by side, or three to eight ranked."""

import streamlit as st

from core import charts
from core.common.wording import duration
from core.report import comparison
from pages.shared.answers.comparison import Answer
from pages.shared.answers.drawn import Drawn
from pages.shared.views.charts import draw
from pages.shared.views.tiles import metric_tiles

TILES = ["epoch_ms", "idle_percent", "throughput"]


def side_by_side(answer: Answer) -> None:
    """Two policies, the first one as the baseline: their timelines, and below them their figures.

    Where the timelines show only the beginning, who wins is seen in the mean epochs, which then come first.
    """
    if not answer.is_whole:
        titled(answer.parts, "parts")
    (_, baseline), (_, other) = answer.means[TILES].iterrows()
    notes = (comparison.baseline_notes(TILES), comparison.change_notes(baseline, other, answer.outcome))
    sides = zip(st.columns(2, gap="large"), answer.timelines, (baseline, other), notes, strict=True)
    for column, timeline, means, note in sides:
        with column:
            st.subheader(timeline.title)
            draw(timeline.chart, timeline.title, timeline.words)
            metric_tiles(means.to_dict(), note)
    st.caption(answer.drawn)
    if answer.is_whole:
        titled(answer.parts, "parts")


def ranked(answer: Answer) -> None:
    """Three to eight policies: their mean epochs, a ranked table, and small timelines on one time axis."""
    titled(answer.parts, "parts")
    st.subheader("Finishing order")
    st.dataframe(answer.ranking, height="content")
    st.caption(comparison.how_to_read_ranking(answer.runs))
    st.subheader("The same draws under each policy")
    st.html(f"{charts.phase_legend(answer.phases)}&emsp;One time axis for all.")
    for timeline in answer.timelines:
        st.markdown(f"**{timeline.title}** · {duration(timeline.epoch_ms)}")
        draw(timeline.chart, timeline.title, timeline.words)
    st.caption(answer.drawn)


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
