"""The shared controls: one table of URL keys, widgets bound to them, and the Scenario they describe."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st

from core import Asynchronous, FlatLatency, Scenario, Synchronous, Uniform
from core.presets import PRESETS
from core.scenario import MAX_SEED

MODES = {"sync": Synchronous(), "async": Asynchronous()}


@dataclass(frozen=True, kw_only=True)
class Number:
    """A control with a range. Its key is its name in the URL, frozen from the first release."""

    label: str
    low: float
    high: float
    step: float
    default: float
    help: str

    @property
    def allowed(self) -> str:
        kind = "whole number" if isinstance(self.step, int) else "number"
        return f"a {kind} from {self.low:,} to {self.high:,}"

    def accepts(self, text: str) -> bool:
        try:
            value = float(text)
        except ValueError:
            return False
        return self.low <= value <= self.high and (isinstance(self.step, float) or value.is_integer())


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A control with named options."""

    label: str
    options: tuple[str, ...]
    default: str
    help: str

    @property
    def allowed(self) -> str:
        return " or ".join(self.options)

    def accepts(self, text: str) -> bool:
        return text in self.options


CONTROLS: dict[str, Number | Choice] = {
    "workers": Number(
        label="Number of Workers", low=1, high=64, step=1, default=4, help="Machines that train in parallel."
    ),
    "batch_ms": Number(
        label="Batch Processing Time (ms)",
        low=50,
        high=2_000,
        step=50,
        default=500,
        help="Mean time to compute one mini-batch. Each draw varies by ± the jitter.",
    ),
    "latency_ms": Number(
        label="Network Latency (ms)",
        low=0,
        high=1_000,
        step=25,
        default=200,
        help="What everybody pays once after a barrier. Without a barrier each push pays 0 to 30 % of it.",
    ),
    "mode": Choice(
        label="Mode",
        options=tuple(MODES),
        default="sync",
        help="sync: after every batch all wait for the slowest (a barrier). async: nobody waits. "
        "Timeline shows the mode chosen here, Compare shows both on the same draws.",
    ),
    "batches": Number(
        label="Number of Batches per Epoch",
        low=1,
        high=100,
        step=1,
        default=10,
        help="Mini-batches of each worker in one epoch.",
    ),
    "jitter": Number(
        label="Jitter (±)",
        low=0.0,
        high=0.95,
        step=0.01,
        default=0.2,
        help="Compute times are uniform on mean · (1 ± jitter). The reference has 0.20.",
    ),
    "seed": Number(
        label="Random Seed",
        low=0,
        high=MAX_SEED,
        step=1,
        default=42,
        help="The same seed gives the same draws on any machine.",
    ),
    "replicates": Number(
        label="Paired Runs (Compare)",
        low=1,
        high=10_000,
        step=1,
        default=1_000,
        help="How many times Compare repeats both policies, each time on the same draws for both.",
    ),
}
DEFAULTS = {key: control.default for key, control in CONTROLS.items()}


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


def link() -> str:
    """A link to this page with every control in it, so that it outlives a changed default."""
    base = (st.context.url or "").split("?")[0]
    return f"{base}?{urlencode({key: st.session_state[key] for key in CONTROLS})}"


def check_link() -> None:
    """At the start of a visit, take what no control accepts out of the link, and say so; defaults stand in."""
    at = st.session_state
    if "link_complaints" not in at:
        at.link_complaints = [complaint for key in list(st.query_params) if (complaint := refused(key))]
        if at.link_complaints:
            st.rerun()
    for complaint in at.link_complaints:
        st.warning(complaint, icon=":material/link_off:")
    at.link_complaints = []


def refused(key: str) -> str | None:
    """Why a key or its value was taken out of the link, or None where it may stay."""
    texts, control = st.query_params.get_all(key), CONTROLS.get(key)
    if control and len(texts) == 1 and control.accepts(texts[0]):
        return None
    del st.query_params[key]
    if not control:
        return f"The link names {as_code(key)}, which no control knows; it is ignored."
    return (
        f"The link asks for {as_code(key)} = {as_code(', '.join(texts))}, but {control.label} takes "
        f"{control.allowed}. {control.default} is used instead."
    )


def as_code(text: str) -> str:
    """A stranger's text, short and inert in Markdown."""
    clean = "".join(c if c.isprintable() and c != "`" else "?" for c in text[:60])
    return f"`{clean or ' '}`"
