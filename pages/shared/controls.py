"""The shared controls: widgets bound to the URL, and the Scenario that they describe."""

import secrets
from functools import cache

import streamlit as st

from core import Scenario, ScenarioError, report
from core.link import (
    DEFAULTS,
    FLAT_KEYS,
    LAW_KEYS,
    LINK_KEYS,
    POLICY_FIELDS,
    STRAGGLERS,
    parameters_of,
    scenario_of,
    values_of,
)
from core.policies import CODES, Policy, policy_from_text
from core.presets import LESSONS, LINKS, PRESETS, Preset
from core.sweeps import changed, changed_policy
from pages.shared import my_trace
from pages.shared.boundary import boundary
from pages.shared.keys import CONTROLS, MOST_POLICIES, Choice, Switch, Text
from pages.shared.links import link, now
from pages.shared.setting import before_controls, put, settle, switch, within_range


def scenario() -> Scenario:
    """The scenario that the controls describe, its compute times from a trace where one is in use: then it is said."""
    if my_trace.in_use():
        st.caption(my_trace.in_words(st.session_state.workers))
    return described()


def described() -> Scenario:
    """The scenario that the controls describe."""
    return my_trace.applied(scenario_of(now()))


def policies() -> tuple[Policy, ...]:
    """The policies to compare, cut to what the workers allow; what is refused is said and left out."""
    chosen = []
    for text in st.session_state.policies:
        try:
            chosen.append(policy_from_text(text).fitted(st.session_state.workers))
        except ScenarioError as refused:
            st.error(f"{refused} It is left out.", icon=":material/block:")
    distinct = tuple(dict.fromkeys(chosen))
    if len(distinct) >= 2:
        return distinct
    st.info("Compare takes two policies or more: choose them in the sidebar. Sync and async stand in.")
    return tuple(dict.fromkeys([*distinct, *map(policy_from_text, DEFAULTS["policies"])]))[:2]


def show() -> None:
    """Draw the shared controls."""
    before_controls()
    if st.session_state.pop("trace_replaced", False):
        stop_using_trace()
    st.markdown("**Batch Scheduler Simulator**")
    ready_made, basics = st.container(), st.container()  # on top, but filled last: they depend on the others
    measured = my_trace.in_use()
    if not measured:
        with st.expander("Compute times", icon=":material/timer:"):
            control("law")
            for key in LAW_KEYS[st.session_state.law][1].values():
                control(key)
        with st.expander("Stragglers", icon=":material/hourglass_bottom:"):
            for key in STRAGGLERS:
                control(key)
    with st.expander("Network", icon=":material/lan:"):
        network()
    with st.expander("Random draws", icon=":material/casino:"):
        control("seed")
        control("replicates")
    with basics:
        control("workers")
        control("batch_ms", disabled=bool(measured))
        control("latency_ms", disabled=st.session_state.network != "flat")
        if measured:
            st.caption("Compute times come from your trace.")
            st.button("Stop using the trace", on_click=stop_using_trace, icon=":material/undo:")
        control("mode")
        for key in POLICY_FIELDS:
            if key in CODES[st.session_state.mode].__dataclass_fields__:
                control(key)
        control("batches")
        control("policies")
    with ready_made:
        preset_pickers()
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
            if measured
            else "This link opens the same numbers on any machine."
        )
        st.code(link(), language=None, wrap_lines=True)
    if "switched" in st.session_state:
        settle()


def network() -> None:
    """The network's model, its fields, and what they come to."""
    control("network")
    if st.session_state.network == "flat":
        control("async_fraction")
        control("async_least")
        return
    speeds = [f"{name}: {latency:g} ms, {bandwidth:,g} Gb/s" for name, (latency, bandwidth) in LINKS.items()]
    st.menu_button("Links", speeds, key="links", on_click=use_links, icon=":material/cable:", width="stretch")
    for key in LINK_KEYS.values():
        control(key)
    st.caption(report.network_in_words(described()))


def control(key: str, disabled: bool = False, placeholder: str = "") -> None:
    """The widget of one control."""
    at, options = CONTROLS[key], {"key": key, "help": CONTROLS[key].help, "bind": "query-params", "disabled": disabled}
    default = DEFAULTS[key]
    if key == "mode":
        st.radio(at.label, at.options, at.options.index(default), horizontal=True, **options)
    elif key == "policies":
        st.multiselect(at.label, at.options, default, max_selections=MOST_POLICIES, accept_new_options=True, **options)
    elif isinstance(at, Switch):
        st.toggle(at.label, default, **options)
    elif isinstance(at, Text):
        st.text_input(at.label, default, max_chars=300, placeholder=placeholder, **options)
    elif isinstance(at, Choice):
        st.selectbox(at.label, at.options, at.options.index(default), **options)
    elif at.slides and not st.session_state.typing:
        st.slider(at.label, *at.slides, default, at.step, at.format, **options)
    else:
        typed = at.format if not at.slides else "%g" if isinstance(at.step, float) else "%d"
        st.number_input(at.label, at.low, at.high, default, at.step, typed, **options)


def preset_pickers() -> None:
    """Menus of presets and lessons, and the question of the one that the controls are at, its answer on a click.

    Menus, not selectboxes: a selectbox that follows the other controls would send its old value along with a
    quick second move of a slider, and so bring the preset back.
    """
    with st.container(horizontal=True):
        for kind, presets in (("Presets", PRESETS), ("Lessons", LESSONS)):
            st.menu_button(
                kind,
                [preset.name for preset in presets],
                key=kind,
                on_click=use_preset,
                args=(kind, presets),
                icon=":material/bookmarks:" if presets is PRESETS else ":material/school:",
                help=f"{kind}: ready-made scenarios, each with a question and its answer.",
            )
    values = now().items()
    at = next((preset for preset in (*LESSONS, *PRESETS) if values_of_preset(preset).items() <= values), None)
    if at and not my_trace.in_use():
        st.caption(f"**{at.name}.** {at.question}")
        with st.expander("Show the answer", key=f"answer {at.name}"):
            st.caption(at.answer)
        if at.policies:
            st.page_link("pages/compare.py", label="See it on Compare", icon=":material/compare_arrows:")


@cache
def values_of_preset(preset: Preset) -> dict:
    """The values of the controls that matter to a preset, except for the seed."""
    values = values_of(preset.scenario)
    del values["seed"]
    if preset.policies:
        values["policies"] = [policy.text for policy in preset.policies]
    return {key: value if key == "policies" else type(DEFAULTS[key])(value) for key, value in values.items()}


@boundary()
def reset() -> None:
    """Every control at its default, and no trace in use."""
    stop_using_trace()
    put(DEFAULTS)


@boundary()
def use_preset(kind: str, presets: tuple[Preset, ...]) -> None:
    """Set the controls to the preset that was picked."""
    put(values_of_preset(next(preset for preset in presets if preset.name == st.session_state[kind])))


@boundary()
def use_links() -> None:
    """Set the links to those that were picked."""
    latency, bandwidth = LINKS[st.session_state.links.split(":")[0]]
    put({"alpha_ms": latency, "bandwidth_gbps": bandwidth})


@boundary()
def use_other_fields() -> None:
    """Fields to type in instead of sliders, or the other way round."""
    switch()


@boundary()
def use_cell(values: dict) -> None:
    """Set the controls to a cell of a map."""
    put(values)


@boundary()
def new_draw() -> None:
    """Another seed, short enough to read out."""
    put({"seed": secrets.randbelow(1_000_000)})


def use_trace_button(measurement: my_trace.Measurement) -> None:
    """A button that carries a trace into every other page, or takes it back."""
    if my_trace.in_use():
        st.button("Stop using it as scenario", on_click=stop_using_trace, icon=":material/undo:")
        return
    st.button(
        "Use as scenario",
        on_click=use_trace,
        args=(measurement,),
        type="primary",
        icon=":material/input:",
        help="Every other page then simulates your measured times.",
    )


@boundary()
def use_trace(measurement: my_trace.Measurement) -> None:
    """Compute times come from the trace; workers, batches and network start at what was measured."""
    values, before = values_of(measurement.scenario), now()
    keys = ("workers", "batches", "network", *FLAT_KEYS.values())
    st.session_state.trace_in_use = True
    st.session_state.before_trace = {key: before[key] for key in keys}
    put(within_range({key: values[key] for key in keys}))


@boundary()
def stop_using_trace() -> None:
    """Compute times come from the controls again, and so does what was set for the trace."""
    st.session_state.trace_in_use = False
    put(st.session_state.pop("before_trace", {}))


def open_cell(asked: Scenario, policies: tuple[Policy, ...], cell: dict) -> None:
    """A button that takes a cell of a map (dotted names and values) for the scenario, and then links to see it."""
    try:
        values = values_of(changed(asked, cell))
    except ScenarioError as refused:
        st.caption(str(refused))
        return
    values = {key: value for key, value in values.items() if key not in ("seed", "mode", *POLICY_FIELDS)}
    values = within_range(values | {"policies": [changed_policy(policy, cell).text for policy in policies]})
    with st.container(horizontal=True, vertical_alignment="center"):
        keys = {name: key for key, name in parameters_of(asked).items()}
        st.markdown("**" + ", ".join(f"{CONTROLS[keys[name]].label} {value:,g}" for name, value in cell.items()) + "**")
        if values.items() <= now().items():
            st.page_link("pages/timeline.py", label="See it on Timeline", icon=":material/view_timeline:")
            st.page_link("pages/compare.py", label="See it on Compare", icon=":material/compare_arrows:")
        else:
            st.button("Use as scenario", on_click=use_cell, args=(values,), icon=":material/input:")
