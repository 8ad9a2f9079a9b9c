"""Compare: two to eight policies on the same draws and the same time axis."""

import streamlit as st

from core import charts, comparison
from core.simulate import most_replicates
from pages.shared import controls, entry, links
from pages.shared.cache import compared, drawn
from pages.shared.exports import csv_button
from pages.shared.many import many
from pages.shared.two import two

BLOCKS, MOST_BLOCKS = 8_000, 2_500  # of all pictures together, and of one

entry.through_app()
asked, policies = controls.scenario(), controls.policies()
wanted, most = st.session_state.replicates, most_replicates(asked, policies)
answer, from_cache = compared(asked, policies, min(wanted, max(1, most)))
shown = drawn(asked, policies, min(MOST_BLOCKS, BLOCKS // len(policies)))

table = answer.table
st.header(comparison.headline(table))
st.markdown(comparison.reasons(table, policies))
st.caption(comparison.caveats(asked, table))
if wanted > most:
    st.caption(comparison.fewer_runs_in_words(asked, wanted, most))

colors = dict(zip([policy.label for policy in policies], charts.POLICY_COLORS, strict=False))
layout = two if len(policies) == 2 else many
layout(asked, table, shown, colors)

with st.expander("Summary to paste"):
    st.code(comparison.summary_text(table, policies, asked, links.link()), language=None, wrap_lines=True)
with st.expander("All metrics: the mean, and between low and high the middle 95 % of the runs"):
    st.dataframe(comparison.summary(table).round(3), height="content")
    csv_button("Every run (CSV)", lambda: table, f"compare-{asked.workers}x{asked.batches}-seed{asked.seed}.csv")
origin = "From the cache; it took" if from_cache else "Computed now in"
st.caption(f"{origin} {answer.cost_ms:,.0f} ms for {len(table):,} simulated epochs.")
