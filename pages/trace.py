"""Your trace: what stragglers cost in a measured run, who causes it, and what each remedy would save."""

import streamlit as st

from core.report.money import stragglers_cost_in_words
from core.traces.remedies import what_if_table
from pages.shared import app, uploaded_trace
from pages.shared.answers.trace import Measurement, TraceAnswer
from pages.shared.asked import prices
from pages.shared.controls import copied, values
from pages.shared.controls.widgets import control
from pages.shared.sidebar.handover import let_go_of_trace, use_trace_button
from pages.shared.views import failure_log
from pages.shared.views.caveats import caveat
from pages.shared.views.charts import draw
from pages.shared.views.downloads import MOST_EXPORTED, csv_button, perfetto_button

HOW_TO_READ = "Each row is a worker, with its share of the waiting; each column is a step. Darker is slower."
OUTLINED = " Outlined: stretches in which a worker was slower than at its own best."
REMEDIES = (
    "Your measured times under each policy; every barrier costs what the network cost in its step, and so does every "
    "push where there is none. *Replayed*: exactly as measured. *Resampled*: the policy needed more steps than you "
    "measured, so blocks of consecutive steps are drawn again, many times; the range is that of the draws. *Held out*: "
    "it depends on who is slow, so its range comes from blocks of steps that were not used to choose it; where nothing "
    "shows that the workers differ, it starts at no saving or below."
)
COLLECTIVES = (
    "Exposed: a collective runs and nothing is computed alongside. Blocking: launched work is pending behind it, or "
    "the host waits for it; only that is what a barrier costs."
)

MONEY = (
    "The share of the workers' time that goes into waiting in the measured epoch, times what they cost for so many "
    "hours a day, 365 days a year. Set a price above 0 to see it beside the answer. Network time is not in it."
)


def show(measured: Measurement) -> None:
    """The answer beside the picture of who is slow when, and the rest folded away."""
    answer = measured.answer
    st.header(answer.headline)
    picture, beside = st.columns([3, 2], gap="large")
    with picture:
        draw(answer.slowness.chart, "slowness", answer.slowness.words)
        caveat("outlines", HOW_TO_READ + (OUTLINED if answer.episodes is not None else ""))
    with beside:
        if answer.host:
            st.markdown(f"**{answer.host}**")
        st.markdown(answer.reasons)
        if answer.wait_percent is not None and (spent := a_day_and_a_month(measured, answer.wait_percent)):
            st.markdown(spent)
        if answer.cures:
            st.markdown(f"**{answer.cures.best}**")
        use_trace_button()
    details(answer)
    if answer.wait_percent is not None:
        prices_of_workers()
    failure_log.show(measured)
    exports(measured)


def a_day_and_a_month(measured: Measurement, wait_percent: float) -> str:
    """What waiting for the slowest costs; empty where no price is set."""
    return stragglers_cost_in_words(measured.trace.workers, wait_percent, prices(), values.value("hours_a_day"))


def prices_of_workers() -> None:
    """What a worker costs, and how long the workers run a day."""
    with st.expander("What waiting costs in money", icon=":material/payments:"):
        with st.container(horizontal=True):
            for key in ("worker_per_hour", "spot_discount", "hours_a_day", "currency"):
                control(key)
        st.caption(MONEY)


def details(answer: TraceAnswer) -> None:
    """What each remedy saves, worker by worker, and the figures behind the answer."""
    if answer.cures:
        with st.expander(answer.cures.drawn.title, icon=":material/build:"):
            st.markdown(answer.cures.more_workers)
            draw(answer.cures.drawn.chart, "remedies", answer.cures.drawn.words)
            st.table(answer.cures.table)
            st.caption(REMEDIES)
    with st.expander("Worker by worker", icon=":material/groups:"):
        st.dataframe(answer.workers, hide_index=True, height="content")
        if answer.episodes is not None:
            st.markdown("**When a worker was slower than at its own best**")
            st.dataframe(answer.episodes, hide_index=True, height="content")
        if answer.collectives is not None:
            st.markdown("**What collectives hold up, on average per step**")
            st.dataframe(answer.collectives, hide_index=True, height="content")
            st.caption(COLLECTIVES)
    with st.expander("All figures", icon=":material/function:"):
        if answer.further:
            st.markdown(answer.further)
        st.dataframe(answer.figures, hide_index=True, height="content")
        st.table(answer.fits)


def exports(measured: Measurement) -> None:
    """The summary to paste, and files."""
    trace = measured.trace
    with st.expander("Export", icon=":material/download:"):
        copied.shown(measured.answer.summary)
        with st.container(horizontal=True):
            csv_button("Cleaned times (CSV)", trace.table, "trace.csv")
            csv_button("Diagnosis (CSV)", measured.diagnosis.table, "diagnosis.csv")
            csv_button("Remedies (CSV)", lambda: what_if_table(measured.remedies), "remedies.csv")
            if trace.work <= MOST_EXPORTED:
                perfetto_button("Measured (Perfetto)", trace.segments, "Measured run", "measured.trace.json")
                simulated = "Simulated, synchronous"
                perfetto_button("Simulated (Perfetto)", measured.measured_segments, simulated, "simulated.trace.json")


app.through_app()
if uploaded_trace.receive() and uploaded_trace.in_use():
    let_go_of_trace()
uploaded_trace.what_was_read(uploaded_trace.shown())
show(uploaded_trace.shown())
