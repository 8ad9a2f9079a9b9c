"""Your trace: what stragglers cost in a measured run, who causes it, and what each remedy would save."""

import streamlit as st

from core import charts, trace_report
from core.what_if import what_if_table
from pages.shared import controls, entry, my_trace
from pages.shared.exports import MOST_EXPORTED, csv_button, perfetto_button

entry.through_app()
my_trace.receive()
shown = my_trace.shown()
trace, diagnosis = shown.trace, shown.diagnosis

if shown.is_sample:
    st.info("This is a sample: a real PyTorch run of 4 processes. Drop the files of your own run above.")
elif not my_trace.in_use():
    st.button("Back to the sample", on_click=my_trace.back_to_sample, icon=":material/undo:")
st.header(trace_report.headline(diagnosis))
st.markdown(" ".join(trace_report.reasons(diagnosis, trace)))
if trace.workers > 1 and not diagnosis.suspicion:
    st.markdown(f"**{trace_report.best_remedies(shown.remedies)}**")
    st.markdown(shown.more_workers)
for note in trace.notes:
    st.caption(my_trace.inert(note))
controls.use_trace_button(shown)

st.subheader("Who is slow, and when")
words = trace_report.workers_in_words(diagnosis)
st.altair_chart(charts.slowness(trace), key="slowness", alt=words)
st.caption("Compute time of every mini-batch over its step's mean: darker is slower. A row a worker, a column a step.")
st.dataframe(trace_report.workers_table(diagnosis), hide_index=True, height="content")

if trace.workers > 1 and not diagnosis.suspicion:
    st.subheader("What would save time")
    table = what_if_table(shown.remedies)
    st.altair_chart(charts.remedies(table), key="remedies", alt=trace_report.remedies_in_words(table))
    st.dataframe(trace_report.remedies_table(table), hide_index=True, height="content")
    st.caption(
        "Your measured times, replayed to the letter under each policy; every barrier pays the measured network cost, "
        "and so does every push where there is none. Where a policy needed more steps than you measured, whole "
        "measured steps are drawn again: marked as not exact."
    )

st.subheader("Take it with you")
with st.expander("Summary to paste"):
    st.code(trace_report.summary_text(trace, diagnosis, shown.remedies), language=None, wrap_lines=True)
with st.container(horizontal=True):
    csv_button("Cleaned times (CSV)", trace.table, "trace.csv")
    csv_button("Diagnosis (CSV)", diagnosis.table, "diagnosis.csv")
    csv_button("Remedies (CSV)", lambda: what_if_table(shown.remedies), "remedies.csv")
    if trace.work <= MOST_EXPORTED:
        perfetto_button("Measured (Perfetto)", trace.segments, "Measured run", "measured.trace.json")
        simulated = "Simulated, synchronous"
        perfetto_button("Simulated (Perfetto)", shown.measured_segments, simulated, "simulated.trace.json")
with st.expander("All figures"):
    st.dataframe(diagnosis.table(), hide_index=True, height="content")
    st.dataframe(trace_report.fits_table(diagnosis), hide_index=True, height="content")
with st.expander("How to record yours"):
    my_trace.how_to_record()
