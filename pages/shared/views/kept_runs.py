"""Runs and comparisons that are kept ("flagged") during this visit."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core import Run, Scenario, Workload
from core.links import DEFAULTS, values_of
from core.policies.base import Policy
from core.report.run import HEADLINE
from core.scenario import under
from core.schedule.metrics import FIGURES
from pages.shared import uploaded_trace
from pages.shared.answers.comparison import Answer
from pages.shared.controls import url
from pages.shared.errors import action
from pages.shared.session import session
from pages.shared.views.downloads import csv_button

MOST = 100
ALWAYS = ("workers", "batch_ms", "latency_ms", "mode", "batches", "seed")
HEADINGS: dict[str, Any] = {
    "policy": "Policy",
    "runs": "Runs",
    **{name: f"{FIGURES[name]['label']} ({FIGURES[name]['unit']})" for name in HEADLINE},
    "link": st.column_config.LinkColumn("Link", display_text="open"),
}


def keep_button(run: Run) -> None:
    """A button that adds the run, with its link, to this visit's list."""
    figures = {name: getattr(run.metrics, name) for name in HEADLINE}
    keeper("Keep this run", [row(run.scenario, 1, figures)])


def keep_comparison_button(workload: Workload, policies: Sequence[Policy], answer: Answer) -> None:
    """A button that adds each policy's mean figures, with a link to the comparison, to this visit's list."""
    means = answer.means.to_dict("index")
    keeper("Keep these runs", [row(under(workload, each), answer.runs, means[each.label]) for each in policies])


def row(scenario: Scenario, runs: int, figures: Mapping[str, float]) -> dict[str, Any]:
    """Figures as they are kept, with what people look for first of the scenario, and all that is not at its default."""
    asked = {key: value for key, value in values_of(scenario).items() if key in ALWAYS or value != DEFAULTS[key]}
    rounded = {name: round(float(value), 2) for name, value in figures.items()}
    return {"policy": scenario.policy.label, "runs": runs, **rounded, **asked}


def keeper(label: str, rows: list[dict]) -> None:
    """The button, primary until the rows are in the list."""
    where = {"times": "your trace"} if uploaded_trace.in_use() else {"link": url.link()}
    rows = [{**where, **row} for row in rows]
    there = all(row in session().kept_runs for row in rows)
    st.button(
        "Kept below" if there else label,
        on_click=keep,
        args=(rows,),
        icon=":material/flag:",
        type="secondary" if there else "primary",
        disabled=there,
        key="keep",
    )


@action
def keep(rows: list[dict]) -> None:
    """Add rows to the list, those that are there already left out and the oldest dropped first."""
    known = session()
    new = [row for row in rows if row not in known.kept_runs]
    change([*known.kept_runs, *new][-MOST:])
    st.toast("Kept in the list at the bottom of Timeline and Compare, until this visit ends.", icon=":material/flag:")


def change(rows: list[dict]) -> None:
    """Have other rows in the list; what it was before can be brought back."""
    known = session()
    known.kept_before = known.kept_runs
    known.kept_runs = rows


def show() -> None:
    """The kept runs, if there are any, to download or clear; and what was cleared, to bring back."""
    known = session()
    if not known.kept_runs and not known.kept_before:
        return
    st.subheader("Kept runs")
    table = pd.DataFrame(known.kept_runs)
    if known.kept_runs:
        st.dataframe(table, hide_index=True, column_config=HEADINGS)
    with st.container(horizontal=True):
        if known.kept_runs:
            csv_button("Kept runs (CSV)", lambda: table, "kept-runs.csv")
            st.button("Clear kept runs", on_click=clear, icon=":material/delete:")
        if known.kept_before is not None:
            st.button("Undo", on_click=undo, icon=":material/undo:", help="Bring back the list as it was before.")


@action
def clear() -> None:
    """Forget them all."""
    change([])


@action
def undo() -> None:
    """The list as it was before the last change; once more brings that change back."""
    known = session()
    known.kept_runs, known.kept_before = known.kept_before or [], known.kept_runs
