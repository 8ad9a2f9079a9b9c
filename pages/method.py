"""Method: every policy on one small example, the model in words, its limits, and the table checked against theory."""

import streamlit as st

from core import charts
from pages.shared import app
from pages.shared.answers.checked_table import checked, red
from pages.shared.answers.method import drawn_examples, prose
from pages.shared.views.charts import draw
from pages.shared.views.downloads import csv_button

FIGURES = dict.fromkeys(["Expected", "Simulated", "± 95 %"], st.column_config.NumberColumn(format="%.4f"))

app.through_app()
st.header("Who waits for whom: every policy on the same small epoch")
phases = charts.phase_legend(["cancelled", "tail"])
st.html(f"{phases}&emsp;One shared time axis; 3 workers, 4 batches each, the same compute times for all.")
examples = drawn_examples()
for first in range(0, len(examples), 2):
    for column, (rule, drawn) in zip(st.columns(2, gap="large"), examples[first : first + 2], strict=False):
        with column:
            st.markdown(drawn.title)
            st.caption(rule)
            draw(drawn.chart, drawn.title, drawn.words)
st.caption(
    "Elastic synchronous is not drawn: it differs from synchronous only once a worker fails, and none does here."
)

st.subheader("The model")
st.markdown(prose("model.md"))

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
    "Each figure is computed twice on this server, from theory and from simulated runs with a fixed seed. They agree "
    "when the expected value lies within the 95 % interval of the simulated mean, widened so that all rows together "
    "raise a false alarm in 5 % of such tables. m is the mean compute time of a mini-batch."
)
st.dataframe(red(found.table) if found.failing else found.shown, hide_index=True, height=560, column_config=FIGURES)
csv_button("Checked table (CSV)", lambda: found.table, "checked-against-theory.csv")
