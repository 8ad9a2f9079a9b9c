"""The shared controls: widgets bound to the URL, and the Scenario that they describe."""

import secrets
from collections.abc import Callable

import streamlit as st

from core import FlatLatency, Scenario, Uniform
from core.presets import PRESETS
from pages.shared.keys import CONTROLS, DEFAULTS, MODES
from pages.shared.links import link


def scenario() -> Scenario:
    """The scenario that the controls describe."""
    at = st.session_state
    return Scenario(
        workers=at.workers,
        batches=at.batches,
        compute=Uniform(mean_ms=at.batch_ms, jitter=at.jitter),
        network=FlatLatency(latency_ms=at.latency_ms),
        policy=MODES[at.mode],
        seed=at.seed,
    )


def values_of(asked: Scenario) -> dict:
    """The controls' values that describe a scenario, without those that it leaves open."""
    return {
        "workers": asked.workers,
        "batch_ms": round(asked.compute.mean_ms),
        "latency_ms": round(asked.network.latency_ms),
        "mode": next(mode for mode, policy in MODES.items() if policy == asked.policy),
        "batches": asked.batches,
        "jitter": asked.compute.jitter,
    }


def show() -> None:
    """Draw the shared controls."""
    st.markdown("**Batch Scheduler Simulator**")
    presets = st.container()  # on top, but filled last: which preset it names depends on the others
    for key in ("workers", "batch_ms", "latency_ms"):
        slider(key)
    mode = CONTROLS["mode"]
    st.radio(mode.label, mode.options, key="mode", help=mode.help, horizontal=True, bind="query-params")
    for key in ("batches", "jitter"):
        slider(key)
    for key in ("seed", "replicates"):
        number(key)
    with presets:
        preset_picker()
    with st.container(horizontal=True):
        st.button("New draw", on_click=new_draw, icon=":material/casino:", help="Another random seed.")
        st.button("Reset", on_click=put, args=(DEFAULTS,), icon=":material/restart_alt:")
    with st.popover("Copy link", icon=":material/link:"):
        st.caption("This link opens the same numbers on any machine.")
        st.code(link(), language=None, wrap_lines=True)


def preset_picker() -> None:
    """A menu of presets, and the question and answer of the one that the controls are at.

    A menu, not a selectbox: a selectbox that follows the other controls would send its old value along with a
    quick second move of a slider, and so bring the preset back.
    """
    now = {key: st.session_state[key] for key in CONTROLS}
    at = next((preset for preset in PRESETS if values_of(preset.scenario).items() <= now.items()), None)
    st.menu_button(
        at.name if at else "Presets",
        [preset.name for preset in PRESETS],
        key="preset",
        on_click=use_preset,
        icon=":material/bookmarks:",
        width="stretch",
        help="Ready-made scenarios, each with a question and its answer.",
    )
    if at:
        st.caption(f"**{at.question}** {at.answer}")


def slider(key: str) -> None:
    """A live control for a range that can be walked through."""
    with_range(st.slider, key)


def number(key: str) -> None:
    """A control for a range that is typed."""
    with_range(st.number_input, key)


def with_range(widget: Callable, key: str) -> None:
    at = CONTROLS[key]
    widget(at.label, at.low, at.high, at.default, at.step, key=key, help=at.help, bind="query-params")


def put(values: dict) -> None:
    """Set controls; the URL follows."""
    st.session_state.update(values)


def use_preset() -> None:
    """Set the controls to the preset that was picked."""
    picked = next(preset for preset in PRESETS if preset.name == st.session_state.preset)
    put(values_of(picked.scenario))


def new_draw() -> None:
    """Another seed, short enough to read out."""
    put({"seed": secrets.randbelow(1_000_000)})
