"""Three to eight policies: a ranked table, small timelines on one time axis, and the spread of their runs."""

import pandas as pd
import streamlit as st

from core import Scenario, charts, comparison
from core.pictures import Picture
from core.words import duration
from pages.shared.widgets import ranked


def many(asked: Scenario, table: pd.DataFrame, pictures: list[Picture], colors: dict[str, str]) -> None:
    """The first policy is the baseline."""
    st.subheader("Finishing order")
    ranked(table)

    st.subheader("The same draws under each policy")
    phases = pd.concat([picture.blocks["phase"] for picture in pictures])
    st.html(f"{charts.phase_legend(phases)}&emsp;Time in ms, one axis for all.")
    for picture in pictures:
        st.markdown(f"**{picture.label}** · {duration(picture.epoch_ms)}")
        st.altair_chart(charts.small_timeline(picture), key=picture.label, alt=picture.words)
    st.caption(comparison.what_is_drawn(asked, pictures, table["replicate"].nunique()))

    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Epoch time")
        spread = comparison.epoch_intervals(table)
        words = comparison.distribution_in_words(table)
        st.altair_chart(charts.intervals(spread, "Epoch time (s)", colors), key="epochs", alt=words)
    with right:
        baseline = pictures[0].label
        st.subheader(f"Speed-up over {comparison.lowered(baseline)}, pair by pair")
        gains = comparison.speedup_intervals(table)
        words = comparison.speedups_in_words(gains)
        st.altair_chart(charts.intervals(gains, "Speed-up (×)", colors, mark=1.0), key="speedups", alt=words)
    st.caption("Points are means (epoch time) and medians (speed-up); bars hold the middle 95 % of the runs.")
