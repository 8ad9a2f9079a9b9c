"""Your trace: what stragglers cost in a measured run, who causes it, and what each remedy would save."""

import streamlit as st

from core.traces.remedies import what_if_table
from pages.shared import app, uploaded_trace
from pages.shared.sidebar.handover import let_go_of_trace, use_trace_button
from pages.shared.views.comparison import titled
from pages.shared.views.downloads import MOST_EXPORTED, csv_button, perfetto_button

app.through_app()
if uploaded_trace.receive() and uploaded_trace.in_use():
    let_go_of_trace()
shown = uploaded_trace.shown()
trace, answer = shown.trace, shown.answer

if shown.is_sample:
    st.info("This is a sample: a real PyTorch run of 4 processes. Drop the files of your own run above.")
elif not uploaded_trace.in_use():
    st.button("Back to the sample", on_click=uploaded_trace.back_to_sample, icon=":material/undo:")
uploaded_trace.what_was_read(shown)
st.header(answer.headline)
st.markdown(answer.reasons)
if answer.host:
    st.markdown(f"**{answer.host}**")
if answer.cures:
    st.markdown(f"**{answer.cures.best}**")
    st.markdown(answer.cures.more_workers)
use_trace_button(shown)

titled(answer.slowness, "slowness")
st.caption(
    "Compute time of every mini-batch over its step's mean: darker is slower. Each row is a worker, each column a "
    "step; outlined are stretches in which a worker was slower than at its own best."
)
st.dataframe(answer.workers, hide_index=True, height="content")
if answer.episodes is not None:
    st.markdown("**When a worker was slower than at its own best**")
    st.dataframe(answer.episodes, hide_index=True, height="content")

if answer.collectives is not None:
    st.markdown("**What collectives hold up, on average in a step**")
    st.dataframe(answer.collectives, hide_index=True, height="content")
    st.caption(
        "Exposed: a collective runs and nothing is computed beside it. Blocking: launched work is pending behind it, "
        "or the host waits for it; only that is what a barrier costs."
    )

if answer.cures:
    titled(answer.cures.drawn, "remedies")
    st.dataframe(answer.cures.table, hide_index=True, height="content")
    st.caption(
        "Your measured times under each policy; every barrier pays what the network cost in its step, and so does "
        "every push where there is none. *Replayed*: to the letter. *Resampled*: the policy needed more steps than you "
        "measured; blocks of consecutive ones are drawn again, many times, and the range is that of the draws. *Held "
        "out*: it depends on who is slow, so its range comes from blocks of steps that it was not chosen by; where "
        "nothing tells that the workers differ, it starts at no saving or below."
    )

st.subheader("Take it with you")
with st.expander("Summary to paste"):
    st.code(answer.summary, language=None, wrap_lines=True)
with st.container(horizontal=True):
    csv_button("Cleaned times (CSV)", trace.table, "trace.csv")
    csv_button("Diagnosis (CSV)", shown.diagnosis.table, "diagnosis.csv")
    csv_button("Remedies (CSV)", lambda: what_if_table(shown.remedies), "remedies.csv")
    if trace.work <= MOST_EXPORTED:
        perfetto_button("Measured (Perfetto)", trace.segments, "Measured run", "measured.trace.json")
        simulated = "Simulated, synchronous"
        perfetto_button("Simulated (Perfetto)", shown.measured_segments, simulated, "simulated.trace.json")
with st.expander("All figures"):
    st.dataframe(answer.figures, hide_index=True, height="content")
    st.dataframe(answer.fits, hide_index=True, height="content")
with st.expander("How to record yours"):
    uploaded_trace.how_to_record()
