"""Compare: two to eight policies on the same draws and the same time axis."""

import streamlit as st

from core import compare
from core.report import comparison
from core.simulation.paired import most_replicates
from pages.shared import app
from pages.shared.answers.comparison import compared
from pages.shared.asked import policies, prices, scenario
from pages.shared.controls import copied, values
from pages.shared.controls.url import link
from pages.shared.uploaded_trace import of_a_fit
from pages.shared.views import cards, flips, kept_runs, pinned
from pages.shared.views.caveats import caveat
from pages.shared.views.comparison import network_cost, own_batches, own_link, ranked, side_by_side, spreads
from pages.shared.views.downloads import csv_button

app.through_app()
asked, chosen = scenario(), policies()
wanted, most = values.value("replicates"), most_replicates(asked, chosen)
runs = min(wanted, max(1, most))
answer, from_cache = compared(asked.workload, chosen, runs, prices())

cards.answered(answer.figures)
st.header(answer.headline)
st.markdown(f"{answer.setting}. {answer.costs}")
if answer.also:
    st.markdown(answer.also)
with st.container(horizontal=True, vertical_alignment="center", key="switches"):
    network_cost(answer)
    own_link(asked.workload, chosen)
    own_batches(asked.workload, chosen)
    pinned.pin_button()
against = pinned.on_compare(asked.workload, chosen, answer)
if wanted > most:
    caveat("fewer runs", comparison.fewer_runs_in_words(asked, wanted, most))

layout = side_by_side if len(chosen) == 2 else ranked
layout(answer, against.outlines)

st.subheader("Why, and how sure")
st.markdown(answer.reasons)
caveat("rests on", answer.caveats)
flips.show(asked.workload, chosen, answer)
with st.expander("How single runs differ"):
    spreads(answer)
with st.expander("All metrics"):
    if len(chosen) == 2:
        st.dataframe(answer.ranking, height="content")
        st.caption(comparison.how_to_read_ranking(runs))
    st.caption(f"{comparison.about_all_metrics(runs)}.")
    st.dataframe(answer.metrics, height="content")
with st.expander("Summary to paste"):
    copied.shown(f"{answer.summary}\n{against.summary}{of_a_fit()}{link()}")
with st.container(horizontal=True):
    name = f"compare-{asked.workers}x{asked.batches}-seed{asked.seed}.csv"
    csv_button("Every run (CSV)", lambda: compare(asked.workload, chosen, runs), name)
    kept_runs.keep_comparison_button(asked.workload, chosen, answer)
origin = "From the cache; it took" if from_cache else "Computed now in"
st.caption(f"{origin} {answer.cost_ms:,.0f} ms for {runs * len(chosen):,} simulated epochs.")
kept_runs.show()
