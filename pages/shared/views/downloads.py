"""Buttons that make a file only when it is asked for; until then they hold no more than what it takes to make it."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from core.traces.chrome import chrome_trace

MOST_EXPORTED = 200_000  # mini-batches in a file of segments


def csv_button(label: str, table: Callable[[], pd.DataFrame], name: str) -> None:
    """A button that downloads a table."""
    st.download_button(
        label,
        lambda: table().to_csv(index=False),
        name,
        "text/csv",
        on_click="ignore",
        icon=":material/download:",
    )


def perfetto_button(label: str, segments: Callable[[], pd.DataFrame], title: str, name: str) -> None:
    """A button that downloads segments as a Chrome trace."""
    st.download_button(
        label,
        lambda: chrome_trace(segments(), title),
        name,
        "application/json",
        on_click="ignore",
        icon=":material/download:",
        help="Chrome trace events: open it in Perfetto (ui.perfetto.dev), one track per worker.",
    )
