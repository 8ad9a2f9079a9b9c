"""What the controls describe: a scenario, and policies to compare."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core import Prices, Scenario, ScenarioError
from core.common.wording import counted
from core.links import DEFAULTS, NO_CARD, adjustments, pinned_values, prices_of, scenario_of
from core.policies.base import Policy
from core.policies.registry import policy_from_text
from core.scenario import WHY_NOT, WITHOUT_FAILURES, not_with_failures
from pages.shared import uploaded_trace
from pages.shared.controls import values
from pages.shared.controls.acting import acting
from pages.shared.session import session

BLOCKED = ":material/block:"


def scenario(changes: Mapping[str, Any] | None = None, *, fits: bool = False) -> Scenario:
    """The scenario that the controls describe, its compute times from a trace where one is in use: then it is said.

    changes: the values of controls that something else stands in for. fits: times of a trace are fitted, not replayed.
    """
    asked = scenario_of(said_here(changes))
    measurement = uploaded_trace.in_use()
    used = uploaded_trace.applied(asked, measurement)
    if measurement and fits:
        used = uploaded_trace.fitted(used, measurement)
        st.caption(uploaded_trace.fitted_in_words())
    elif measurement:
        st.caption(uploaded_trace.in_words(used))
    for said in adjustments(values.now(), asked, acting(session().page or "", bool(measurement))):
        st.caption(f":material/info: {said}")
    return used


def described(changes: Mapping[str, Any] | None = None) -> Scenario:
    """The scenario that the controls describe, some of their values changed."""
    return uploaded_trace.applied(scenario_of(said_here(changes)), uploaded_trace.in_use())


def said_here(changes: Mapping[str, Any] | None) -> dict:
    """The values of all controls, some changed; where workers fail, no hidden control says what they do not allow."""
    said = {**values.now(), **(changes or {})}
    if said["mtbf_hours"]:
        acts = acting(session().page or "", bool(uploaded_trace.in_use()))
        said |= {name: DEFAULTS[name] for name in WITHOUT_FAILURES if name not in acts}
    return said


def prices() -> Prices:
    """What machines cost, as the controls say."""
    return prices_of(values.now())


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """The scenario that is pinned, what machines cost in it, and where its compute times come from."""

    scenario: Scenario
    prices: Prices
    times: str


def pinned() -> Pinned | None:
    """The scenario that every page compares with, if any; a gallery card only concerns its own scenario."""
    text = values.value("pin")
    if not text or values.value("card") != NO_CARD:
        return None
    said = pinned_values(text)
    times = said.get("times", DEFAULTS["times"])
    found = uploaded_trace.applied(scenario_of(said), uploaded_trace.measured(times))
    return Pinned(scenario=found, prices=prices_of(said), times=times)


def policies() -> tuple[Policy, ...]:
    """The policies to compare, cut to what the workers allow; what is refused is said and left out."""
    chosen, workers = [], values.value("workers")
    for text in values.value("policies"):
        try:
            asked = policy_from_text(text)
            fitted = asked.fitted(workers)
            if values.value("mtbf_hours") and (settings := not_with_failures(fitted)):
                st.error(f"{fitted.label} is left out, as workers may fail: {WHY_NOT[settings[0]]}.", icon=BLOCKED)
                continue
            chosen.append(fitted)
            if fitted != asked:
                there_are = counted(workers, "worker")
                st.caption(f":material/info: {asked.label}: compared as {fitted.text}, as there are {there_are}.")
        except ScenarioError as refused:
            st.error(f"{refused} It is left out.", icon=BLOCKED)
    distinct = tuple(dict.fromkeys(chosen))
    if len(distinct) >= 2:
        return distinct
    st.info("Choose two policies or more in the sidebar. Synchronous and asynchronous are shown instead.")
    return tuple(dict.fromkeys([*distinct, *map(policy_from_text, DEFAULTS["policies"])]))[:2]
