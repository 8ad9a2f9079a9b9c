"""The two ways in which Compare lays out an answer: two policies side by side, or three to eight ranked."""

import streamlit as st

from core import charts
from core.common.wording import duration
from core.report import comparison
from pages.shared.answers.comparison import Answer
from pages.shared.answers.drawn import Drawn
from pages.shared.views.charts import draw
from pages.shared.views.tiles import metric_tiles


def side_by_side(answer: Answer) -> None:
    """Two policies, the first one as the baseline: figures, timelines and the spread of their runs."""
    (_, baseline), (_, other) = answer.means.iterrows()
    notes = (comparison.baseline_notes(answer.means.columns), comparison.change_notes(baseline, other, answer.outcome))
    sides = zip(st.columns(2, gap="large"), answer.timelines, (baseline, other), notes, strict=True)
    for column, timeline, means, note in sides:
        with column:
            st.subheader(timeline.title)
            metric_tiles(means.to_dict(), note)
            draw(timeline.chart, timeline.title, timeline.words)
    st.caption(answer.drawn)
    spreads(answer)
    finishing_order(answer)


def ranked(answer: Answer) -> None:
    """Three to eight policies: a ranked table, small timelines on one time axis, and the spread of their runs."""
    finishing_order(answer)
    st.subheader("The same draws under each policy")
    st.html(f"{charts.phase_legend(answer.phases)}&emsp;Time in ms, one axis for all.")
    for timeline in answer.timelines:
        st.markdown(f"**{timeline.title}** · {duration(timeline.epoch_ms)}")
        draw(timeline.chart, timeline.title, timeline.words)
    st.caption(answer.drawn)
    spreads(answer)
    st.caption(comparison.how_to_read_intervals(answer.runs))


def spreads(answer: Answer) -> None:
    """How epoch times and speed-ups spread over the runs."""
    sides = zip(st.columns(2, gap="large"), (("epochs", answer.epochs), ("speedups", answer.speedups)), strict=True)
    for column, (key, drawn) in sides:
        with column:
            titled(drawn, key)


def titled(drawn: Drawn, key: str) -> None:
    """A chart below its heading."""
    st.subheader(drawn.title)
    draw(drawn.chart, key, drawn.words)


def finishing_order(answer: Answer) -> None:
    """The policies, the quickest first."""
    st.subheader("Finishing order")
    st.dataframe(answer.ranking, height="content")
    st.caption(comparison.how_to_read_ranking(answer.runs))
