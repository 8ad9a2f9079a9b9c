"""Pieces that more than one page shows."""

from collections.abc import Iterable
from typing import Any

import streamlit as st

from core import charts
from core.report import run as run_report
from core.report.timeline_data import Outline, Picture
from core.schedule.metrics import FIGURES
from core.theory.closed_forms import Expected
from pages.shared.views.charts import draw
from pages.shared.views.pinned import behind, room_for


def metric_tiles(values: dict[str, float], notes: dict[str, dict[str, Any]]) -> None:
    """The headline metrics with their definitions; notes are what `st.metric` takes beside label and value."""
    with st.container(horizontal=True):
        for name, value in values.items():
            meaning = FIGURES[name]["meaning"]
            note = {"help": meaning, "border": True, **notes[name]}
            st.metric(FIGURES[name]["label"], run_report.figure_text(name, value), **note)


def theory_notes(names: Iterable[str], expected: dict[str, Expected]) -> dict[str, dict[str, Any]]:
    """Under each metric what theory expects, and in its help the formula."""
    notes = {}
    for name in names:
        theory = expected.get(name)
        formula = f" {run_report.theory_help(theory)}" if theory else ""
        notes[name] = {
            "delta": run_report.theory_text(name, theory),
            "delta_color": "off",
            "delta_arrow": "off",
            "help": FIGURES[name]["meaning"] + formula,
        }
    return notes


def timeline_chart(picture: Picture, key: str, outline: Outline | None = None) -> None:
    """The Gantt chart of a picture, with the pinned run's outline behind it, and in words for those who cannot see it.

    outline: behind a picture of a whole run only.
    """
    until_ms = room_for([outline], [picture.epoch_ms]) if outline else None
    chart, words = behind(charts.timeline(picture), picture.words, outline, until_ms)
    draw(chart, key, words)
