"""Three to eight policies: a ranked table, small timelines on one time axis, and the spread of their runs."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core import Run, charts, comparison, report
from core.words import duration
from pages.shared.widgets import ranked


def many(
    table: pd.DataFrame,
    runs: list[Run],
    parts: list[pd.DataFrame],
    until_ms: float,
    workers: Sequence[int],
    colors: dict[str, str],
) -> None:
    """The first policy is the baseline."""
    st.subheader("Finishing order")
    ranked(table)

    st.subheader("The same draws under each policy")
    pictures = [charts.timeline_blocks(*part, workers, (0.0, until_ms)) for part in zip(runs, parts, strict=True)]
    st.html(f"{charts.phase_legend(pd.concat(pictures)['phase'])}&emsp;Time in ms, one axis for all.")
    for run, blocks in zip(runs, pictures, strict=True):
        epoch_ms, label = run.metrics.epoch_ms, run.scenario.policy.label
        st.markdown(f"**{label}** · {duration(epoch_ms)}")
        chart = charts.small_timeline(blocks, epoch_ms, (0.0, until_ms), workers)
        st.altair_chart(chart, key=label, alt=report.timeline_in_words(run))
    st.caption(comparison.what_is_drawn(runs, until_ms, len(workers), table["replicate"].nunique()))

    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Epoch time")
        spread = comparison.epoch_intervals(table)
        words = comparison.distribution_in_words(table)
        st.altair_chart(charts.intervals(spread, "Epoch time (s)", colors), key="epochs", alt=words)
    with right:
        baseline = runs[0].scenario.policy.label
        st.subheader(f"Speed-up over {comparison.lowered(baseline)}, pair by pair")
        gains = comparison.speedup_intervals(table)
        words = comparison.speedups_in_words(gains)
        st.altair_chart(charts.intervals(gains, "Speed-up (×)", colors, mark=1.0), key="speedups", alt=words)
    st.caption("Points are means (epoch time) and medians (speed-up); bars hold the middle 95 % of the runs.")
