"""The controls that act on the page, those that people use most in sight, and a link to take away."""

import secrets
from collections.abc import Iterable

import streamlit as st

from core import AlphaBeta, Failures, FlatLatency, Prices, Stragglers
from core.common.parameters import keys
from core.links import DEFAULTS, FRESH, LAW_CODES, NO_CARD, NOT_YET
from core.presets.network_links import NETWORK_LINKS, TWO_LEVELS
from core.report import run as run_report
from pages.shared.asked import described
from pages.shared.controls import values
from pages.shared.controls.acting import acting
from pages.shared.controls.copied import copy_link
from pages.shared.controls.widgets import control
from pages.shared.errors import action
from pages.shared.session import session
from pages.shared.sidebar.cluster import cluster_button
from pages.shared.sidebar.handover import let_go_of_trace, stop_using_trace
from pages.shared.sidebar.policies import mode_and_its_parameters, policies
from pages.shared.sidebar.timed_links import timed_links
from pages.shared.uploaded_trace import in_use

IN_SIGHT = ("workers", "batch_ms", "network", "latency_ms", "bandwidth_gbps", "message_mb", "slow_workers", "slowdown")
"""The shared controls that are not under More."""
OF_LINKS = (
    "latency_ms",
    "bandwidth_gbps",
    "workers_per_node",
    "node_latency_ms",
    "node_bandwidth_gbps",
    "links_per_node",
)
"""Fields of a network that its links set."""
LINKS = {*keys(AlphaBeta).values()}
"""Controls that act where the network has links."""


def show(page: str) -> None:
    """Draw the controls of a page."""
    st.markdown("**Batch Scheduler Simulator**")
    acts = acting(page, bool(in_use()))
    if acts:
        scenario(acts)
    with st.container(horizontal=True):
        if acts:
            st.button("New seed", on_click=new_seed, icon=":material/casino:", help="Other random draws.")
        st.button("Reset", on_click=reset, icon=":material/restart_alt:", help="Every control at its default.")
    if acts:
        st.toggle(
            "Enter exact values",
            key="typing",
            on_change=sliders_or_fields,
            help="Fields with larger ranges instead of sliders: up to 4,096 workers and 100,000 batches.",
        )
    control("present")
    copy_link()


def scenario(acts: set[str]) -> None:
    """The controls of the scenario that act here. Each group has a place of its own, so that the others stay put."""
    with st.container():
        cluster_button()
    with st.container():
        if "mode" in acts:
            mode_and_its_parameters()
        if "policies" in acts:
            policies()
    with st.container():
        essentials(acts)
    with st.container():
        more(acts)


def essentials(acts: set[str]) -> None:
    """Workers, batch time, network and slow machines."""
    if "workers" in acts:
        control("workers")
    if in_use():
        st.caption("Compute times come from your trace.")
        st.button("Stop using the trace", on_click=stop_using_trace, icon=":material/undo:")
    if "batch_ms" in acts:
        control("batch_ms")
    with st.container():
        controls(("network", "latency_ms"), acts)
        if LINKS & acts:
            speeds = [f"{name}: {latency:g} ms, {speed:,g} Gb/s" for name, (latency, speed) in NETWORK_LINKS.items()]
            speeds += [f"{name}: {about}" for name, (_, about) in TWO_LEVELS.items()]
            st.menu_button(
                "Links",
                speeds,
                key="links",
                help="Sets latency and bandwidth. Pushes to several servers then also have to go through the worker's "
                "own link, which is as fast as the others, or the links of its node.",
                on_click=use_links,
                icon=":material/cable:",
                width="stretch",
            )
            controls(("bandwidth_gbps", "message_mb"), acts)
            if values.value("network") != FlatLatency.code:  # it is not that of a map whose axis needs links
                if values.value("card") == NO_CARD or values.value("guess") != NOT_YET:  # it would give a card away
                    st.caption(run_report.network_in_words(described({"mtbf_hours": 0.0})))
                timed_links()
    controls(("slow_workers", "slowdown"), acts)


def more(acts: set[str]) -> None:
    """All other controls, folded away, with a count of those that are not at their default."""
    now, law = values.now(), values.value("law")
    network = AlphaBeta if LINKS & acts else FlatLatency
    groups = {
        "Epoch": ("batches",),
        "Compute times": ("law", *keys(LAW_CODES[law]).values()),
        "Stragglers": tuple(keys(Stragglers).values()),
        "Network": tuple(keys(network).values()),
        "Failures": tuple(keys(Failures).values()),
        "Money and samples": (*keys(Prices).values(), "samples_per_batch"),
        "Random draws": ("seed", "replicates"),
    }
    shown = {name: [key for key in group if key in acts and key not in IN_SIGHT] for name, group in groups.items()}
    changed = sum(now[key] != DEFAULTS[key] for group in shown.values() for key in group)
    with st.expander(f"More · {changed} changed" if changed else "More", icon=":material/tune:", key="more"):
        for name, group in shown.items():
            if group:
                with st.container(key=f"group {name}"):
                    st.markdown(f"**{name}**")
                    controls(group, acts)


def controls(group: Iterable[str], acts: set[str]) -> None:
    """The controls of a group that act."""
    for key in group:
        if key in acts:
            control(key)


@action
def reset() -> None:
    """Every control at its default, and no trace in use."""
    let_go_of_trace()
    session().fields.clear()
    session().mounted.clear()
    values.put(FRESH)


@action
def use_links() -> None:
    """Set all links to those that were picked; two-level links also set how workers are grouped into nodes."""
    name = st.session_state.links.split(":")[0]
    if name in NETWORK_LINKS:
        latency, bandwidth = NETWORK_LINKS[name]
        values.put({"alpha_ms": latency, "bandwidth_gbps": bandwidth, "own_link": True})
        return
    network, _ = TWO_LEVELS[name]
    of_links = {key: getattr(network, field) for field, key in keys(AlphaBeta).items() if field in OF_LINKS}
    values.put(of_links | {"own_link": True})


@action
def sliders_or_fields() -> None:
    """Fields to type in instead of sliders, or the other way round."""
    values.sliders_again()


@action
def new_seed() -> None:
    """Another seed, short enough to read out."""
    values.put({"seed": secrets.randbelow(1_000_000)})
