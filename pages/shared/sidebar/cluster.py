"""Our cluster in four questions: a short dialog that sets everything else sensibly, and lands on the answer."""

import streamlit as st

from core.common.validation import MAX_WORKERS
from core.links import DEFAULTS
from core.presets.network_links import NETWORK_LINKS
from pages.shared.controls import values
from pages.shared.errors import action, boundary
from pages.shared.session import session

BYTES = 4  # of a gradient's number, in single precision
SIZES = ("Gradient size (MB)", "Parameters (millions)")


def cluster_button() -> None:
    """The button that opens the dialog."""
    st.button("Our cluster in four questions", on_click=ask, icon=":material/dns:", width="stretch")
    if session().asks_about_cluster:
        session().asks_about_cluster = False
        questions()


@action
def ask() -> None:
    """Open the dialog in the run that follows."""
    session().asks_about_cluster = True


@st.dialog("Our cluster in four questions")
@boundary()
def questions() -> None:
    """Ask for workers, gradients, links, the slowest machine and hiccups; say what follows for everything else."""
    now = values.now()
    st.number_input("How many workers?", 1, MAX_WORKERS, now["workers"], key="our_workers")
    st.segmented_control("How large is the model?", SIZES, default=SIZES[0], required=True, key="our_measure")
    st.number_input("Size", 0.001, 1e6, 100.0, key="our_size", label_visibility="collapsed", format="%g")
    speeds = {name: f"{name}: {latency:g} ms, {speed:,g} Gb/s" for name, (latency, speed) in NETWORK_LINKS.items()}
    st.selectbox("Which links?", list(NETWORK_LINKS), index=2, format_func=lambda name: speeds[name], key="our_links")
    st.number_input("How many times slower is the slowest machine?", 1.0, 1000.0, 1.0, 0.1, key="our_slowdown")
    factor = f"{now['hiccup_factor']:g}"
    with st.expander("More: hiccups"):
        hiccups = st.number_input(
            f"Mini-batches that take {factor} times as long (%)",
            *(0.0, 100.0, 100.0 * now["hiccup_probability"]),
            step=0.5,
            key="our_hiccups",
            format="%g",
            help="On any worker, now and then. A barrier waits for each of them, so they can decide the answer.",
        )
    st.caption(rest_in_words(now["batch_ms"], hiccups))
    if st.button("Show the answer", on_click=use_cluster, type="primary"):
        session().links.append(("compare", {}))  # it takes the controls along
        st.switch_page("pages/compare.py")


def rest_in_words(batch_ms: float, hiccups: float) -> str:
    """What the dialog sets besides the answers to its questions, and where that can be changed.

    hiccups: share of the mini-batches, %.
    """
    how_often = f"hiccups in {hiccups:g} % of them" if hiccups else "no hiccups"
    return (
        f"The rest: {batch_ms:g} ms per mini-batch as in the sidebar, and {how_often}. A barrier averages by ring "
        "all-reduce; without one there are as many parameter servers as workers, and each worker pushes over its own "
        "link, of the kind chosen above. You can change all of this in the sidebar afterwards: hiccups, parameter "
        "servers and *Limit pushes to own link* are under *More*."
    )


@action
def use_cluster() -> None:
    """Set the controls to what the dialog says."""
    said, workers = st.session_state, int(st.session_state.our_workers)
    per_mb = BYTES if said.our_measure == SIZES[1] else 1  # a million numbers of 4 bytes are 4 MB
    latency_ms, bandwidth_gbps = NETWORK_LINKS[said.our_links]
    slow = said.our_slowdown > 1
    asked = {
        "workers": workers,
        "network": "ring",
        "message_mb": said.our_size * per_mb,
        "alpha_ms": latency_ms,
        "bandwidth_gbps": bandwidth_gbps,
        "servers": workers,
        "own_link": True,
        "workers_per_node": 1,
        "hiccup_probability": said.our_hiccups / 100,
        "slow_workers": int(slow),
        "slowdown": said.our_slowdown if slow else DEFAULTS["slowdown"],
    }
    values.put(values.within_range(asked))
