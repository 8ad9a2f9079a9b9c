"""Links as they really are: their efficiency, and their latency, from timed collectives or from a trace."""

from collections.abc import Callable

import streamlit as st

from core import AlphaBeta, ScenarioError
from core.traces.network import fitted_links
from pages.shared.asked import described
from pages.shared.controls import values
from pages.shared.errors import action
from pages.shared.session import session
from pages.shared.uploaded_trace import shown

FIELDS = ("First", "Second")
DIGITS = 4


def timed_links() -> None:
    """Fields for what was timed, and buttons that set link efficiency, and with two sizes latency, to it."""
    with st.popover("Fit the links", icon=":material/timer:", width="stretch"):
        st.caption(
            f"How long collectives of your {values.value('workers'):,} workers took while nothing was being computed. "
            "One size gives the share of the bandwidth that messages reach; two also give the latency. *Bandwidth* is "
            "what the data sheet says."
        )
        for number, name in enumerate(FIELDS):
            size, time = st.columns(2)
            size.number_input(
                f"{name} size (MB)", 0.0, 1e6, (25.0, 400.0)[number], key=f"timed_mb_{number}", format="%g"
            )
            time.number_input("Time (ms)", 0.0, 1e9, 0.0, key=f"timed_ms_{number}", format="%g", help="0: not timed.")
        st.button("Fit to these times", on_click=use_times, type="primary", icon=":material/check:")
        if session().upload.measurement:
            st.button(
                "Fit to my trace",
                on_click=use_trace,
                icon=":material/query_stats:",
                help="Makes a collective of the gradient size take as long as the median step of your trace spends "
                "after its slowest worker is done.",
            )
        if session().links_refused:
            st.error(session().links_refused, icon=":material/block:")


@action
def use_times() -> None:
    """Set the links to what was timed."""
    said = st.session_state
    timed = {
        said[f"timed_mb_{number}"]: said[f"timed_ms_{number}"]
        for number in range(len(FIELDS))
        if said[f"timed_ms_{number}"] > 0
    }
    fit(lambda links: links.fitted(values.value("workers"), timed))


@action
def use_trace() -> None:
    """Set the links to what the trace paid for the network."""
    fit(lambda links: fitted_links(shown().trace, links))


def fit(fitted: Callable[[AlphaBeta], AlphaBeta]) -> None:
    """Set efficiency and latency to those of the fitted links, or keep why there are none."""
    known = session()
    known.links_refused = ""
    try:
        links = described({"mtbf_hours": 0.0}).network
        assert isinstance(links, AlphaBeta)
        found = fitted(links)
    except ScenarioError as refused:
        known.links_refused = str(refused)
        return
    values.put({"efficiency": round(found.efficiency, DIGITS), "alpha_ms": round(found.latency_ms, 2 * DIGITS)})
