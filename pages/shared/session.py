"""The one door to what a visit remembers; only the widgets' own values are elsewhere, under their keys."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from core.traces.failures import FailureLog
    from pages.shared.answers.trace import Measurement


@dataclass
class Upload:
    """What the visitor dropped on Your trace."""

    measurement: Measurement | None = None
    """The last trace that could be read; None: there is only the sample."""
    files: tuple[str, ...] = ()
    """The files that were read last, as Streamlit numbers them."""
    asked: dict[str, str] = field(default_factory=dict)
    """What their columns were said to be by hand."""
    columns: list[str] = field(default_factory=list)
    """The headings of the first of them; none where it is no table."""
    used: tuple[str, ...] = ()
    """Those of them that the trace comes from."""
    refused: str = ""
    """Why they were not read."""
    left_out: list[str] = field(default_factory=list)
    """Why some of them are not part of the trace, a sentence each."""
    uploaders: int = 0
    """How many upload fields there were before; a new one is empty."""


@dataclass
class FailureLogs:
    """The log of failures that the visitor gave on Your trace."""

    asked: tuple = ()
    """What was read last: the file or the text, and what was said of it."""
    log: FailureLog | None = None
    """The last log that could be read."""
    refused: str = ""
    """Why what was given last is not read."""


@dataclass
class MapProgress:
    """A map whose cells are done one after the other."""

    asked: tuple | None = None
    """What the cells depend on."""
    rows: dict[int, list[dict]] = field(default_factory=dict)
    """The rows of each cell that is done."""
    stopped: bool = False
    fitting: tuple[tuple, int] | None = None
    """What was asked last, and how many runs of it fit into its largest cell."""
    point: str | None = None
    """The point that its slider stands for; None before there is one."""
    clicked: tuple[int, int] | None = None
    """The place of the cell that the chart said was selected in the last run."""


@dataclass
class Session:
    """What a visit remembers."""

    values: dict | None = None
    """Every control's value at the start of the last run; None before the first."""
    asked: dict[str, list[str]] = field(default_factory=dict)
    """The query that the browser sent for the last run."""
    address: dict[str, list[str]] = field(default_factory=dict)
    """The query of the address as it was last read or written."""
    address_values: dict | None = None
    """The values that this query stands for."""
    left_behind: list[dict[str, list[str]]] = field(default_factory=list)
    """Queries that were in the address since the visitor came to this page by it, until a control moved."""
    came_by: dict[str, list[str]] = field(default_factory=dict)
    """The query by which the visitor came to this page."""
    came_from: dict[str, list[str]] = field(default_factory=dict)
    """The last query of the previous page."""
    links: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    """Links to other pages that were drawn on this one, each with the controls as they were then."""
    page: str | None = None
    """The page of the last run."""
    mounted: set[str] = field(default_factory=set)
    """The controls whose widgets Streamlit knows."""
    fields: set[str] = field(default_factory=set)
    """The controls that are fields to type in, although a slider would be there by default."""
    refused: dict[str, str] = field(default_factory=dict)
    """Why what was typed into a field is not taken, by control."""
    links_refused: str = ""
    """Why the links were not fitted to what was timed."""
    replaced: dict[str, set] = field(default_factory=dict)
    """Of controls that were set, what they were before, until a browser has shown that it knows the new value."""
    on_page: set[str] = field(default_factory=set)
    """The controls that this run has put on the page."""
    acted: bool = False
    """Whether a button was pressed for this run."""
    complaints: list[str] = field(default_factory=list)
    """What the address asks for and does not get, until it has been said."""
    upload: Upload = field(default_factory=Upload)
    failure_logs: FailureLogs = field(default_factory=FailureLogs)
    before_trace: dict = field(default_factory=dict)
    """What a trace in use has set, as it was before."""
    private_answers: dict[str, dict] = field(default_factory=dict)
    """Answers that come from the visitor's own trace, by function."""
    map: MapProgress = field(default_factory=MapProgress)
    window: str | None = None
    """The window of a large run that its slider stands for; None before there is one."""
    asks_about_cluster: bool = False
    """Whether the dialog about one's cluster is about to open."""
    kept_runs: list[dict] = field(default_factory=list)
    kept_before: list[dict] | None = None
    """What they were before the last change; None before the first."""
    answered: bool = False
    """Whether this page has shown an answer since the visitor came to it: that one stays until the next is there."""
    through_app: bool = False
    """Whether the page that runs now was called by streamlit_app.py."""


KNOWN = threading.local()
"""Of each thread that runs a script: the session state it looked into, and what it found there."""


def session() -> Session:
    """What this visit remembers.

    A look into Streamlit's session state costs some 40 µs, and a run needs this two hundred times. The thread that runs
    a visitor's script runs no other's, so it may remember.
    """
    if getattr(KNOWN, "state", None) is not st.session_state:
        if "session" not in st.session_state:
            st.session_state.session = Session()
        KNOWN.state, KNOWN.session = st.session_state, st.session_state.session
    return KNOWN.session
