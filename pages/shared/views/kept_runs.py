"""Runs kept ("flagged") during this visit."""

from typing import Any

import pandas as pd
import streamlit as st

from core import Run, Scenario
from core.links import DEFAULTS, values_of
from core.report.run import HEADLINE
from core.schedule.metrics import FIGURES, Metrics
from pages.shared import uploaded_trace
from pages.shared.controls import url
from pages.shared.errors import action
from pages.shared.session import session
from pages.shared.views.downloads import csv_button

MOST = 100
ALWAYS = ("workers", "batch_ms", "latency_ms", "mode", "batches", "seed")


def keep_button(run: Run) -> None:
    """A button that adds the run, with its link, to this visit's list."""
    st.button("Keep this run", on_click=keep, args=(run.scenario, run.metrics), icon=":material/flag:", type="primary")


@action
def keep(scenario: Scenario, metrics: Metrics) -> None:
    """Add a run to the list, oldest dropped first."""
    figures = {name: round(getattr(metrics, name), 2) for name in HEADLINE}
    rows = session().kept_runs
    asked = {key: value for key, value in values_of(scenario).items() if key in ALWAYS or value != DEFAULTS[key]}
    link = {"times": "your trace"} if uploaded_trace.in_use() else {"link": url.link()}
    rows.append({**link, **asked, **figures})
    del rows[:-MOST]
    st.toast(f"Kept: {len(rows)} in the list at the bottom of Timeline, until this visit ends.", icon=":material/flag:")


def show() -> None:
    """The kept runs, if there are any, to download or clear."""
    rows = session().kept_runs
    if not rows:
        return
    st.subheader("Kept runs")
    table = pd.DataFrame(rows)
    headings: dict[str, Any] = {name: f"{FIGURES[name]['label']} ({FIGURES[name]['unit']})" for name in HEADLINE}
    link = {"link": st.column_config.LinkColumn("Link", display_text="open")}
    st.dataframe(table, hide_index=True, column_config=headings | link)
    with st.container(horizontal=True):
        csv_button("Kept runs (CSV)", lambda: table, "kept-runs.csv")
        st.button("Clear kept runs", on_click=clear, icon=":material/delete:")


@action
def clear() -> None:
    """Forget them all."""
    session().kept_runs.clear()
