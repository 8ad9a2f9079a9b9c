"""A map's cells: done one after the other, kept in the session as they come, so that stopping keeps what is done."""

import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core import Scenario
from core.maps import target_rows
from core.policies import Policy
from core.problems import Problem
from core.simulate import MODEL_VERSION
from core.sweeps import cell_rows
from pages.shared import my_trace
from pages.shared.boundary import boundary

BETWEEN = 0.2  # seconds from one sign of progress to the next


def mapped(
    scenario: Scenario, policies: Sequence[Policy], cells: list[dict], runs: int, problem: Problem | None
) -> pd.DataFrame:
    """The table of the cells that are done; with a problem, each cell trains.

    While cells are missing, progress and a button to stop are shown; after a stop, one to go on.
    """
    key = (repr(scenario), repr(cells), tuple(policies), runs, problem)
    at = st.session_state
    if at.get("map_key") != key:
        at.map_key, at.map_rows, at.map_stopped = key, {}, False
    missing = [i for i in range(len(cells)) if i not in at.map_rows]
    if missing and at.map_stopped:
        st.info(f"Stopped after {len(at.map_rows):,} of {len(cells):,} cells.")
        st.button("Go on", on_click=stop, args=(False,), icon=":material/play_arrow:")
    elif missing:
        work(scenario, cells, missing, tuple(policies), runs, problem)
    return pd.DataFrame([row for i in sorted(at.map_rows) for row in at.map_rows[i]])


def work(scenario, cells, missing, policies, runs, problem) -> None:
    """Do the missing cells, with progress and time left."""
    place = st.container(horizontal=True)
    progress = place.progress(0.0)
    stopping = place.empty()
    rows, private = st.session_state.map_rows, bool(my_trace.in_use())
    stopping.button("Stop", key="map_stop", on_click=stop, args=(True,), icon=":material/stop:")
    start = shown = time.monotonic()
    for done, i in enumerate(missing):
        now = time.monotonic()
        if now - shown > BETWEEN:
            shown, left = now, (now - start) / max(1, done) * (len(missing) - done)
            text = f"{len(rows):,} of {len(cells):,} cells, about {left:,.0f} s left"
            progress.progress(len(rows) / len(cells), text)
        question = (scenario, cells[i], policies, runs, problem)
        rows[i] = rows_of(*question) if private else cached_rows(*question, repr(problem), MODEL_VERSION)
    progress.empty()
    stopping.empty()


@boundary()
def stop(stopped: bool) -> None:
    """Leave the map as it is, or go on."""
    st.session_state.map_stopped = stopped


def rows_of(scenario, cell, policies, runs, problem) -> list[dict]:
    """The rows of one cell."""
    if problem:
        return target_rows(scenario, cell, policies, problem)
    return cell_rows(scenario, cell, policies, runs)


@st.cache_data(max_entries=20_000, max_size="64MiB", show_spinner=False, hash_funcs={Scenario: repr, tuple: repr})
def cached_rows(scenario, cell, policies, runs, _problem, problem: str, version: int) -> list[dict]:
    return rows_of(scenario, cell, policies, runs, _problem)
