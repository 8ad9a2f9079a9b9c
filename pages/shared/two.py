"""Two policies side by side: figures, timelines and the spread of their runs."""

import pandas as pd
import streamlit as st

from core import Scenario, charts, comparison
from core.pictures import Picture
from pages.shared.widgets import metric_tiles, ranked, timeline_chart

TILES = ["epoch_ms", "idle_percent", "throughput"]


def two(asked: Scenario, table: pd.DataFrame, pictures: list[Picture], colors: dict[str, str]) -> None:
    """Both sides, the first one as the baseline."""
    means = comparison.means(table)[TILES]
    baseline, other = means.index
    notes = (comparison.baseline_notes(TILES), comparison.change_notes(means.loc[baseline], means.loc[other]))
    for column, picture, note in zip(st.columns(2, gap="large"), pictures, notes, strict=True):
        with column:
            st.subheader(picture.label)
            metric_tiles(means.loc[picture.label].to_dict(), note)
            timeline_chart(picture, key=picture.label)
    st.caption(comparison.what_is_drawn(asked, pictures, table["replicate"].nunique()))

    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Epoch time, run by run")
        epochs = {label: rows["epoch_ms"].to_numpy() for label, rows in table.groupby("policy", sort=False)}
        words = comparison.distribution_in_words(table)
        st.altair_chart(charts.histogram(epochs, "Epoch time (ms)", colors), key="epochs", alt=words)
    with right:
        gain = comparison.speedup(table, baseline, other)
        st.subheader(f"Speed-up of {comparison.lowered(other)}, pair by pair")
        title = f"{baseline} time / {comparison.lowered(other)} time (×)"
        chart = charts.histogram({other: gain.ratios}, title, colors, marks=(gain.low, gain.median, gain.high))
        st.altair_chart(chart, key="speedups", alt=comparison.speedup_in_words(gain))
    st.subheader("Finishing order")
    ranked(table)
