"""Timeline: one run, who computes, waits and communicates when."""

import streamlit as st

from core import charts, report, simulate, theory
from pages.shared import controls, entry, kept
from pages.shared.exports import csv_button, perfetto_button
from pages.shared.widgets import metric_tiles, theory_notes, timeline_chart

entry.through_app()
asked = controls.scenario()
run = simulate(asked)
headline, detail = report.run_answer(run)

st.header(headline)
st.markdown(detail)
tiles = {name: getattr(run.metrics, name) for name in report.HEADLINE}
metric_tiles(tiles, theory_notes(tiles, theory.expected(asked)))

blocks = charts.timeline_blocks(run)
shown, until_ms = charts.window(blocks)
since_ms = 0.0
if len(shown) < len(blocks):
    since_ms = 1000 * st.slider(
        "Show from (s)", 0.0, (run.metrics.epoch_ms - until_ms) / 1000, 0.0, help="More blocks than fit one picture."
    )
    shown, until_ms = charts.window(blocks, since_ms)
timeline_chart(run, shown, (since_ms, until_ms), key="timeline")
st.caption(report.how_to_read(run, since_ms, until_ms))

left, right = st.columns([3, 2], gap="large")
with left:
    st.subheader("Where each worker's epoch went")
    st.altair_chart(charts.shares(run.worker_shares()), key="shares", alt=report.shares_in_words(run))
with right:
    st.subheader("Summary")
    st.code(report.text_summary(run), language=None)
    kept.keep_button(run)
    name = f"{asked.policy.text.replace(' ', '-')}-{asked.workers}x{asked.batches}-seed{asked.seed}"
    with st.container(horizontal=True):
        csv_button("Segments (CSV)", run.segments, f"{name}.csv")
        title = f"{asked.policy.label}, seed {asked.seed}"
        perfetto_button("Trace (JSON)", run.segments, title, f"{name}.trace.json")

gradients = run.gradients()
left, right = st.columns([3, 2], gap="large")
with left:
    st.subheader("How stale the gradients are")
    words = report.staleness_in_words(run)
    st.markdown(words)
    if run.metrics.max_staleness:
        st.altair_chart(charts.staleness(gradients), key="staleness", alt=words)
with right:
    st.subheader("Who contributes")
    words = report.contributions_in_words(run)
    st.markdown(words)
    if gradients.groupby("worker")["used"].sum().nunique() > 1 or not gradients["used"].all():
        st.altair_chart(charts.contributions(gradients, asked.workers), key="contributions", alt=words)
kept.show()
