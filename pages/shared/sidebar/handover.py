"""Buttons that set the scenario from what a page shows: a trace, or a cell of a map."""

import streamlit as st

from core import Scenario, ScenarioError
from core.common.parameters import keys
from core.links import DEFAULTS, PARAMETERS, prices_of, values_of
from core.maps import names_of_axes
from core.policies.base import Policy
from core.simulation.sweeps import changed, changed_policy, changed_prices
from pages.shared.answers.trace import Measurement
from pages.shared.controls import values
from pages.shared.controls.url import OF_A_TRACE
from pages.shared.errors import action
from pages.shared.menu import page_link
from pages.shared.session import session
from pages.shared.uploaded_trace import in_use


def use_trace_button(measurement: Measurement) -> None:
    """A button that carries a trace into every other page, or takes it back."""
    if in_use():
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


@action
def use_trace(measurement: Measurement) -> None:
    """Compute times come from the trace; workers, batches and network start at what was measured."""
    measured, before = values_of(measurement.scenario), values.now()
    session().before_trace = {key: before[key] for key in OF_A_TRACE}
    times = "sample" if measurement.is_sample else "trace"
    values.put({"times": times, **values.within_range({key: measured[key] for key in OF_A_TRACE})})


@action
def stop_using_trace() -> None:
    """Go back to the controls."""
    let_go_of_trace()


def let_go_of_trace() -> None:
    """Compute times come from the controls again, and so does what was set for the trace."""
    if in_use():
        before = session().before_trace or {key: DEFAULTS[key] for key in OF_A_TRACE}
        values.put({"times": "controls", **before})
    session().before_trace = {}


def open_cell(asked: Scenario, policies: tuple[Policy, ...], cell: dict) -> None:
    """A button that takes a cell of a map (dotted names and values) for the scenario, and then links to see it."""
    paid = prices_of(values.now())
    try:
        found = values_of(changed(asked, cell), changed_prices(paid, cell))
    except ScenarioError as refused:
        st.caption(str(refused))
        return
    left_alone = {"seed", "mode", *keys(type(asked.policy)).values()}
    found = {key: value for key, value in found.items() if key not in left_alone}
    found = values.within_range(found | {"policies": tuple(changed_policy(policy, cell).text for policy in policies)})
    with st.container(horizontal=True, vertical_alignment="center"):
        labels = {name: PARAMETERS[key].label for key, name in names_of_axes(asked, policies, paid).items()}
        st.markdown("**" + ", ".join(f"{labels[name]} {value:,g}" for name, value in cell.items()) + "**")
        if found.items() <= values.now().items():
            page_link("timeline", "See it on Timeline")
            page_link("compare", "See it on Compare")
        else:
            st.button("Use as scenario", on_click=use_cell, args=(found,), icon=":material/input:")


@action
def use_cell(cell: dict) -> None:
    """Set the controls to a cell of a map."""
    values.put(cell)
