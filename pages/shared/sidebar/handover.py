"""Buttons that set the scenario from what a page shows: a trace, or a cell of a map."""

import streamlit as st

from core import Scenario, ScenarioError
from core.common.parameters import keys
from core.links import DEFAULTS, prices_of, values_of
from core.policies.base import Policy
from core.simulation.sweeps import changed, changed_policy, changed_prices
from pages.shared.controls import values
from pages.shared.controls.url import OF_A_TRACE
from pages.shared.errors import action
from pages.shared.menu import page_link
from pages.shared.session import session
from pages.shared.uploaded_trace import in_use, shown


def use_trace_button() -> None:
    """A button that carries a trace into every other page, or takes it back."""
    if in_use():
        page_link("compare", "**Sync or async on these times**", {})
        st.button("Stop using it as scenario", on_click=stop_using_trace, icon=":material/undo:")
        return
    st.button(
        "Use as scenario",
        on_click=use_trace,
        type="primary",
        icon=":material/input:",
        help="Timeline, Compare, Learning and Map then simulate your measured times.",
    )


@action
def use_trace() -> None:
    """Compute times come from the trace that is shown; workers, batches and network start at what was measured.

    It asks for the trace when it is pressed: the page may have read another one since it drew the button.
    """
    measurement = shown()
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
    """A link that opens a cell of a map (dotted names and values) in Compare."""
    try:
        found = values_of(changed(asked, cell), changed_prices(prices_of(values.now()), cell))
        texts = tuple(changed_policy(policy, cell).text for policy in policies)
    except ScenarioError as refused:
        st.caption(str(refused))
        return
    left_alone = {"seed", "mode", *keys(type(asked.policy)).values()}
    found = {key: value for key, value in found.items() if key not in left_alone}
    page_link("compare", "**Open in Compare**", values.within_range(found | {"policies": texts}))
