"""Method: the model in words, every policy on one small example, the limits, and the table checked against theory."""

import streamlit as st

from core import charts
from pages.shared import app
from pages.shared.answers.checked_table import checked, red
from pages.shared.answers.method import drawn_examples, prose
from pages.shared.views.charts import draw
from pages.shared.views.downloads import csv_button

FIGURES = dict.fromkeys(["Expected", "Simulated", "± 95 %"], st.column_config.NumberColumn(format="%.4f"))

app.through_app()
st.header("What is simulated, and how it is checked")
st.markdown(prose("model.md"))

st.subheader("Every policy on the same small epoch")
phases = charts.phase_legend(["cancelled", "tail"])
st.html(f"{phases}&emsp;Time in ms, one axis for all; 3 workers, 4 batches each.")
for number, (rule, drawn) in enumerate(drawn_examples()):
    if number % 2 == 0:
        pair = st.columns(2, gap="large")
    with pair[number % 2]:
        st.markdown(drawn.title)
        st.caption(rule)
        draw(drawn.chart, drawn.title, drawn.words)

st.subheader("What it leaves out")
st.markdown(prose("limits.md"))

st.subheader("Checked against theory")
found = checked()
if found.failing:
    st.error(
        f"{found.failing} of {len(found.results)} figures differ from theory: the red rows.", icon=":material/error:"
    )
else:
    st.success(f"All {len(found.results)} figures agree with theory.", icon=":material/check:")
st.caption(
    "Each figure comes from theory and from runs with a fixed seed, computed on this server. It agrees when what is "
    "expected lies in the 95 % interval of the simulated mean, widened so that all rows together raise a false alarm "
    "in 5 % of such tables. m is the mean compute time of a mini-batch."
)
st.dataframe(red(found.table) if found.failing else found.shown, hide_index=True, height=560, column_config=FIGURES)
csv_button("Checked table (CSV)", lambda: found.table, "checked-against-theory.csv")
