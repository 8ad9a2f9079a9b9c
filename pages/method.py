"""Method: the model in words, every policy on one small example, the limits, and the table checked against theory."""

from pathlib import Path

import streamlit as st

from core import charts
from core.examples import examples
from core.pictures import picture
from core.verdicts import as_table
from core.words import counted
from pages.shared import entry
from pages.shared.checking import checked
from pages.shared.exports import csv_button

WORDS = Path(__file__).parent / "shared"

entry.through_app()
st.header("What is simulated, and how it is checked")
st.markdown((WORDS / "model.md").read_text(encoding="utf-8"))

st.subheader("Every policy on the same small epoch")
runs = examples()
until_ms = max(run.metrics.epoch_ms for run in runs)
phases = charts.phase_legend(["cancelled", "tail"])
st.html(f"{phases}&emsp;Time in ms, one axis for all; 3 workers, 4 batches each.")
for number, run in enumerate(runs):
    if number % 2 == 0:
        pair = st.columns(2, gap="large")
    policy, figures = run.scenario.policy, run.metrics
    with pair[number % 2]:
        st.markdown(
            f"**{policy.label}**: {figures.epoch_ms:.0f} ms, {counted(figures.updates, 'update')}, mean "
            f"staleness {figures.mean_staleness:.2f}"
        )
        st.caption(policy.rule)
        shown = picture(run).until(until_ms)
        st.altair_chart(charts.small_timeline(shown), key=policy.text, alt=shown.words)

st.subheader("What it leaves out")
st.markdown((WORDS / "limits.md").read_text(encoding="utf-8"))

st.subheader("Checked against theory")
results = checked()
failing = sum(not result.agrees for result in results)
if failing:
    st.error(f"{failing} of {len(results)} figures differ from theory: the red rows.", icon=":material/error:")
else:
    st.success(f"All {len(results)} figures agree with theory.", icon=":material/check:")
st.caption(
    "Each figure comes from theory and from runs with a fixed seed, computed on this server. It agrees when what is "
    "expected lies in the 95 % interval of the simulated mean, widened so that all rows together raise a false alarm "
    "in 5 % of such tables. m is the mean compute time of a mini-batch."
)
table = as_table(results)
red = table.style.apply(
    lambda row: ["" if row["Verdict"] == "agrees" else "background-color: #D55E0066"] * len(row), axis=1
)
st.dataframe(red.format(precision=4), hide_index=True, height=560)
csv_button("Checked table (CSV)", lambda: table, "checked-against-theory.csv")
