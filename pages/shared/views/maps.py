"""A map's cells, done one after the other, and what is picked of the chart of them.

They are kept in the session as they come, so that stopping keeps what is done.
"""

import itertools
import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core import Prices, Workload
from core.learning.problem import Problem
from core.maps import target_rows
from core.policies.base import Policy
from core.simulation.sweeps import cell_rows
from pages.shared.answers.maps import Asked, MapAnswer, map_answer
from pages.shared.caching.results import remembered
from pages.shared.controls import values
from pages.shared.controls.widgets import control
from pages.shared.errors import action
from pages.shared.session import session
from pages.shared.views.charts import draw

BETWEEN = 0.2  # seconds from one sign of progress to the next


def mapped(
    workload: Workload,
    policies: Sequence[Policy],
    cells: list[dict],
    runs: int,
    problem: Problem | None,
    prices: Prices,
) -> list[dict]:
    """The rows of the cells that are done; with a problem, each cell trains.

    While cells are missing, progress and a button to stop are shown; after a stop, one to go on.
    """
    key = (repr(workload), repr(cells), tuple(policies), runs, problem, prices)
    at = session().map
    if at.asked != key:
        at.asked, at.rows, at.stopped, at.answer = key, {}, False, None
    missing = [i for i in range(len(cells)) if i not in at.rows]
    if missing and at.stopped:
        st.info(f"Stopped after {len(at.rows):,} of {len(cells):,} cells.")
        st.button("Go on", on_click=stop, args=(False,), icon=":material/play_arrow:")
    elif missing:
        work(workload, cells, missing, tuple(policies), runs, problem, prices)
    return [row for i in sorted(at.rows) for row in at.rows[i]]


def work(
    workload: Workload,
    cells: list[dict],
    missing: list[int],
    policies: tuple[Policy, ...],
    runs: int,
    problem: Problem | None,
    prices: Prices,
) -> None:
    """Do the missing cells, with progress and time left."""
    place = st.container(horizontal=True)
    progress = place.progress(0.0)
    stopping = place.empty()
    rows = session().map.rows
    stopping.button("Stop", key="map_stop", on_click=stop, args=(True,), icon=":material/stop:")
    start = shown = time.monotonic()
    for done, i in enumerate(missing):
        now = time.monotonic()
        if now - shown > BETWEEN:
            shown, left = now, (now - start) / max(1, done) * (len(missing) - done)
            text = f"{len(rows):,} of {len(cells):,} cells, about {left:,.0f} s left"
            progress.progress(len(rows) / len(cells), text)
        rows[i] = rows_of(workload, cells[i], policies, runs, problem, prices)
    progress.empty()
    stopping.empty()


@action
def stop(stopped: bool) -> None:
    """Stop computing the map, or resume it."""
    session().map.stopped = stopped


@remembered(entries=20_000, size="64MiB", own=0)
def rows_of(
    workload: Workload, cell: dict, policies: tuple[Policy, ...], runs: int, problem: Problem | None, prices: Prices
) -> list[dict]:
    """The rows of one cell."""
    if problem:
        return target_rows(workload, cell, policies, problem)
    return cell_rows(workload, cell, policies, runs, prices)


def answered(rows: list[dict], asked: Asked) -> MapAnswer:
    """What the page shows of these rows, which `mapped` gave it; the last answer is kept in the session."""
    progress = session().map
    kept_for = (progress.asked, len(rows), asked)
    if progress.answer is None or progress.answer[0] != kept_for:
        progress.answer = (kept_for, map_answer(pd.DataFrame(rows), asked))
    return progress.answer[1]


def of_policy(labels: dict[str, str]) -> str:
    """The label of the policy that a map is about: chosen by what a link calls it."""
    texts = {text: label for label, text in labels.items()}
    return texts[control("against", tuple(texts))]


def map_chart(answer: MapAnswer, asked: Asked) -> dict | None:
    """The chart of a map, and the cell of it that was picked: by a click, or of a single axis by its value."""
    drawn = answer.drawn
    assert drawn  # the page ends where nothing can be drawn
    if len(asked.names) == 1:
        draw(drawn.chart, "map", drawn.words)
        st.caption(answer.caption)
        return {asked.names[0]: picked_point(asked.names[0], asked.values[0])}
    event = draw(drawn.chart, "map", drawn.words, on_select="rerun", selection_mode="cell")
    st.caption(answer.caption)
    return picked_cell(event.selection.get("cell"), asked)


def picked_point(name: str, axis: tuple) -> float:
    """The point of an axis that is picked: as the address has it, or where the slider was moved to."""
    progress, said = session().map, values.value("cell")
    if progress.point != said:
        named = [value for value in axis if as_text([value]) == said]
        if named:
            st.session_state[f"point {name}"] = named[0]
        progress.point = said
    point = st.select_slider("Open a point", axis, key=f"point {name}", format_func=lambda value: f"{value:,g}")
    progress.point = as_text([point]) if point != axis[0] else ""
    if progress.point != said:
        values.put({"cell": progress.point})
    return point


def picked_cell(clicked: list[dict] | None, asked: Asked) -> dict | None:
    """The cell that was clicked, or that the address names; none once a click has let go of it."""
    progress = session().map
    if clicked:
        places = (int(clicked[0][side]) for side in "xy")
        said = as_text([axis[place] for axis, place in zip(asked.values, places, strict=True)])
    else:
        said = "" if progress.clicked else values.value("cell")
    progress.clicked = bool(clicked)
    cells = {as_text(cell): cell for cell in itertools.product(*asked.values)}
    if said not in cells:
        said = ""
    if said != values.value("cell"):
        values.put({"cell": said})
    return dict(zip(asked.names, cells[said], strict=True)) if said else None


def as_text(cell: Sequence[float]) -> str:
    """What a link calls a cell: its values with commas between."""
    return ",".join(f"{value:g}" for value in cell)
