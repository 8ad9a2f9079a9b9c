"""A run of more blocks than fit one picture: an overview of all of it, and a window of it in full."""

import math

import numpy as np
import pandas as pd
import streamlit as st

from core import Run, Scenario, charts
from core.common.wording import duration
from core.links import PARAMETERS, ends_of
from core.report import run as run_report
from core.report.changes import outline_in_words
from core.report.timeline_data import Outline, marks_of_failures, picture
from core.schedule.downsampling import MOST_ROWS, closeup, group_names, groups, overview, slowest
from core.schedule.failures import failures
from pages.shared.caching.simulations import simulated
from pages.shared.controls import url, values
from pages.shared.controls.widgets import control
from pages.shared.errors import boundary
from pages.shared.session import session
from pages.shared.views.caveats import caveat
from pages.shared.views.charts import draw
from pages.shared.views.pinned import room_for
from pages.shared.views.tiles import timeline_chart

BY_NUMBER = "by number"


def timelines(run: Run, pinned: Outline | None) -> None:
    """The overview, in an order of one's choice, and below it what a drag across it asks for.

    pinned: the outline of the pinned run, whose end is marked unless it is far away.
    """
    order = control("worker_order")
    everybody = np.arange(run.scenario.workers)
    ranking = slowest(run.schedule, len(everybody))
    rows = groups(everybody if order == BY_NUMBER else ranking)
    _, until_ms = closeup(run.schedule, ranking[:MOST_ROWS])
    if pinned and pinned.epoch_ms > room_for([pinned], [run.metrics.epoch_ms]):
        pinned = None
    if pinned:
        caveat(
            "pinned end", f"The dotted line is the end of the pinned scenario's epoch ({duration(pinned.epoch_ms)})."
        )
    title = f"Workers, {order}"
    cells, labels = overview(run.schedule, rows), group_names(rows)
    window(run.scenario, cells, labels, title, until_ms / 1000, pinned, failed_in(run, rows, labels))


def failed_in(run: Run, rows: list[np.ndarray], labels: list[str]) -> dict[str, np.ndarray] | None:
    """The failures of a run, in the rows of its overview; None where there are none."""
    if not run.metrics.failures:
        return None
    row_of = {int(worker): label for label, workers in zip(labels, rows, strict=True) for worker in workers}
    return marks_of_failures(failures(run.schedule), row_of, (0.0, run.metrics.epoch_ms))


@st.fragment
@boundary()
def window(
    asked: Scenario,
    cells: pd.DataFrame,
    labels: list[str],
    title: str,
    until_s: float,
    pinned: Outline | None,
    failed: dict[str, np.ndarray] | None,
) -> None:
    """The overview to drag across, and the window in full; it asks for the run again rather than holding on to it."""
    run = simulated(asked)
    epoch_s = run.metrics.epoch_ms / 1000
    first = (0.0, until_s)
    chart = charts.overview(cells, labels, title, run.metrics.epoch_ms, failed)
    words = run_report.overview_in_words(cells, labels)
    if pinned:
        chart, words = charts.with_end(chart, pinned), f"{words} {outline_in_words(pinned, ())}"
    draw(chart, "overview", words, on_select=lambda: brushed(first, epoch_s))
    since_s, until_s = window_slider(first, epoch_s)
    since_ms, until_ms = 1000 * since_s, 1000 * until_s
    workers = slowest(run.schedule, MOST_ROWS, since_ms, until_ms)
    if values.value("worker_order") == BY_NUMBER:
        workers = np.sort(workers)
    asked_until_ms = min(until_ms, run.metrics.epoch_ms)
    segments, until_ms = closeup(run.schedule, workers, since_ms, asked_until_ms)
    if since_s > 0 or (since_s, asked_until_ms / 1000) != first:
        the_rest(run_report.cut_in_words(since_ms, until_ms, asked_until_ms), until_ms / 1000, asked_until_ms / 1000)
    words = run_report.closeup_in_words(segments, workers, since_ms, until_ms)
    timeline_chart(picture(run, segments, workers, (since_ms, until_ms), words), key="timeline")
    st.caption(run_report.how_to_read(run, since_ms, until_ms, len(workers)))


def the_rest(words: str, since_s: float, until_s: float) -> None:
    """That a window is cut short, and a button to go on to the rest of it."""
    if words:
        with st.container(horizontal=True, vertical_alignment="center"):
            caveat("cut", words)
            st.button("Show the rest", on_click=go_on, args=(since_s, until_s), icon=":material/arrow_forward:")


@boundary()
def go_on(since_s: float, until_s: float) -> None:
    """Put the window where the picture has ended."""
    st.session_state.window_s = (since_s, until_s)


def window_slider(first: tuple[float, float], epoch_s: float) -> tuple[float, float]:
    """The window of time that is drawn in full, s: as the address has it, or where the slider was moved to."""
    known, asked = session(), values.value("window")
    if known.window != asked:
        since_s, until_s = ends_of(asked) or first
        st.session_state.window_s = (since_s, min(until_s, epoch_s)) if since_s < epoch_s else first
        known.window = asked
    step, parameter = 10.0 ** math.floor(math.log10(epoch_s / 1000)), PARAMETERS["window"]
    decimals = max(0, round(-math.log10(step)))
    chosen = st.slider(
        parameter.label, 0.0, epoch_s, first, step, f"%.{decimals}f", key="window_s", help=parameter.help
    )
    said = "" if chosen == first else "-".join(short(end, decimals + 3) for end in chosen)
    if said != asked:
        values.put({"window": said})
        known.window = said
        url.say()  # this part of the page runs by itself when the slider moves
    return chosen


def short(time_s: float, decimals: int) -> str:
    """A time as the address has it: 30.5, without zeros at its end."""
    return f"{time_s:.{min(decimals, 9)}f}".rstrip("0").rstrip(".")


@boundary()
def brushed(first: tuple[float, float], epoch_s: float) -> None:
    """Put the window where the overview was dragged across, or back to the start."""
    picked = st.session_state.overview.selection.window.get("from_ms")
    ends = [min(max(0.0, float(ms) / 1000), epoch_s) for ms in picked or ()]
    st.session_state.window_s = (min(ends), max(ends)) if ends else first
