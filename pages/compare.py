"""Compare: synchronous and asynchronous on the same draws and the same time axis."""

from dataclasses import replace

import streamlit as st

from core import Asynchronous, ScenarioError, Synchronous, charts, report, simulate
from core.simulate import most_replicates
from pages.shared import controls, entry
from pages.shared.cache import compared
from pages.shared.widgets import metric_tiles, timeline_chart

BASELINE, OTHER = Synchronous(), Asynchronous()
TILES = ("epoch_ms", "idle_percent", "throughput")

entry.through_app()
asked = controls.scenario()
runs = [simulate(replace(asked, policy=policy)) for policy in (BASELINE, OTHER)]
try:
    answer, from_cache = compared(asked, (BASELINE, OTHER), st.session_state.replicates)
except ScenarioError as refused:
    most = most_replicates(asked, (BASELINE, OTHER))
    st.error(f"{refused} Paired Runs can be {most:,} here; that many are shown.", icon=":material/block:")
    answer, from_cache = compared(asked, (BASELINE, OTHER), most)

table = answer.table
gain = report.speedup(table, BASELINE.label, OTHER.label)
st.header(report.compare_headline(gain, BASELINE.label, OTHER.label))
st.markdown(report.compare_reasons(table, gain, BASELINE.label, OTHER.label))
st.caption(report.compare_caveats(asked))

pictures = [charts.timeline_blocks(run) for run in runs]
until_ms = charts.shared_end_ms(pictures)
means = table.groupby("policy")[list(TILES)].mean()
notes = (report.baseline_notes(TILES), report.change_notes(means.loc[BASELINE.label], means.loc[OTHER.label]))
for column, run, blocks, note in zip(st.columns(2, gap="large"), runs, pictures, notes, strict=True):
    label = run.scenario.policy.label
    with column:
        st.subheader(label)
        metric_tiles(means.loc[label].to_dict(), note)
        timeline_chart(run, blocks[blocks["start_ms"] < until_ms], (0.0, until_ms), key=label)
st.caption(report.what_is_drawn(runs, until_ms, table["replicate"].nunique()))

colors = dict(zip((BASELINE.label, OTHER.label), charts.POLICY_COLORS, strict=False))
left, right = st.columns(2, gap="large")
with left:
    st.subheader("Epoch time, run by run")
    epochs = {label: rows["epoch_ms"].to_numpy() for label, rows in table.groupby("policy", sort=False)}
    words = report.distribution_in_words(table)
    st.altair_chart(charts.histogram(epochs, "Epoch time (ms)", colors), key="epochs", alt=words)
with right:
    st.subheader(f"Speed-up of {OTHER.label.lower()}, pair by pair")
    title = f"{BASELINE.label} time / {OTHER.label.lower()} time (×)"
    chart = charts.histogram({OTHER.label: gain.ratios}, title, colors, marks=(gain.low, gain.median, gain.high))
    st.altair_chart(chart, key="speedups", alt=report.speedup_in_words(gain))

with st.expander("All metrics: the mean, and between low and high the middle 95 % of the runs"):
    st.dataframe(report.summary(table).round(3), height="content")
    st.download_button(
        "Every run (CSV)",
        lambda: table.to_csv(index=False),
        f"compare-{asked.workers}x{asked.batches}-seed{asked.seed}.csv",
        "text/csv",
        on_click="ignore",
        icon=":material/download:",
    )
origin = "From the cache; it took" if from_cache else "Computed now in"
st.caption(f"{origin} {answer.cost_ms:,.0f} ms for {len(table):,} simulated epochs.")
