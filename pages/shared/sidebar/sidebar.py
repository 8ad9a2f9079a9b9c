"""The shared controls in the order in which people use them, and a link to take away."""

import secrets

import streamlit as st

from core import AlphaBeta, FlatLatency, Stragglers
from core.common.parameters import keys
from core.links import DEFAULTS, LAW_CODES
from core.policies.registry import CODES
from core.presets.presets import NETWORK_LINKS
from core.report import run as run_report
from pages.shared.asked import described
from pages.shared.controls import values
from pages.shared.controls.url import link
from pages.shared.controls.widgets import control
from pages.shared.errors import action
from pages.shared.sidebar.handover import let_go_of_trace, stop_using_trace
from pages.shared.sidebar.presets import preset_menus
from pages.shared.uploaded_trace import in_use


def show() -> None:
    """Draw the shared controls."""
    st.markdown("**Batch Scheduler Simulator**")
    preset_menus()
    measured = in_use()
    control("workers")
    control("batch_ms", disabled=bool(measured))
    control("latency_ms", disabled=values.value("network") != "flat")
    if measured:
        st.caption("Compute times come from your trace.")
        st.button("Stop using the trace", on_click=stop_using_trace, icon=":material/undo:")
    mode = control("mode")
    for key in keys(CODES[mode]).values():
        control(key)
    control("batches")
    control("policies")
    if not measured:
        with st.expander("Compute times", icon=":material/timer:"):
            law = control("law")
            for key in keys(LAW_CODES[law]).values():
                if key != "batch_ms":  # it is among the basics
                    control(key)
        with st.expander("Stragglers", icon=":material/hourglass_bottom:"):
            for key in keys(Stragglers).values():
                control(key)
    with st.expander("Network", icon=":material/lan:"):
        network()
    with st.expander("Random draws", icon=":material/casino:"):
        control("seed")
        control("replicates")
    with st.container(horizontal=True):
        st.button("New draw", on_click=new_draw, icon=":material/casino:", help="Another random seed.")
        st.button("Reset", on_click=reset, icon=":material/restart_alt:")
    st.toggle(
        "Type numbers",
        key="typing",
        on_change=use_other_fields,
        help="Fields with larger ranges instead of sliders: up to 4,096 workers and 100,000 batches. Back on sliders, "
        "larger values become the sliders' largest.",
    )
    control("present")
    with st.popover("Copy link", icon=":material/link:"):
        st.caption(
            "The trace stays here: this link carries the other controls only."
            if values.value("times") == "trace"
            else "This link opens the same numbers on any machine."
        )
        st.code(link(), language=None, wrap_lines=True)


def network() -> None:
    """The network's model, its fields, and what they come to."""
    if control("network") == "flat":
        for key in keys(FlatLatency).values():
            if key != "latency_ms":  # it is among the basics
                control(key)
        return
    speeds = [f"{name}: {latency:g} ms, {bandwidth:,g} Gb/s" for name, (latency, bandwidth) in NETWORK_LINKS.items()]
    st.menu_button("Links", speeds, key="links", on_click=use_links, icon=":material/cable:", width="stretch")
    for key in keys(AlphaBeta).values():
        control(key)
    st.caption(run_report.network_in_words(described()))


@action
def reset() -> None:
    """Every control at its default, and no trace in use."""
    let_go_of_trace()
    values.put(DEFAULTS)


@action
def use_links() -> None:
    """Set the links to those that were picked."""
    latency, bandwidth = NETWORK_LINKS[st.session_state.links.split(":")[0]]
    values.put({"alpha_ms": latency, "bandwidth_gbps": bandwidth})


@action
def use_other_fields() -> None:
    """Fields to type in instead of sliders, or the other way round."""
    values.sliders_or_fields()


@action
def new_draw() -> None:
    """Another seed, short enough to read out."""
    values.put({"seed": secrets.randbelow(1_000_000)})
