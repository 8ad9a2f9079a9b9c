"""Training runs worth keeping: one cached table a policy, so that a policy that is added trains alone."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from core import Scenario, ScenarioError, compare
from core.learning import GRID, learning_curves
from core.policies import Policy
from core.problems import Problem
from core.simulate import MODEL_VERSION
from pages.shared import my_trace
from pages.shared.keys import CONTROLS

CACHED = 0.3  # seconds; what takes longer is not in the cache, and worth drawing as it comes
RATES = {"best": None} | {f"{rate:g}": (rate,) for rate in GRID}
FIELDS = {"seeds": "train_seeds", "workers": "workers", "learning_rate": "rate", "problem": "problem"}


def trained(
    asked: Scenario,
    policies: Sequence[Policy],
    problem: Problem,
    rates: tuple[float, ...] | None,
    seeds: int,
    place,
    so_far: Callable[[str, pd.DataFrame, list[Policy]], None],
) -> tuple[pd.DataFrame, list[Policy]]:
    """Learning curves of every policy, one below the other, and which they are; asked is as long as the training.

    While others train, `so_far` draws in `place` what is there. What is refused is said and left out.
    """
    tables, done, start = [], [], time.monotonic()
    for number, policy in enumerate(policies):
        text = f"Training under {policy.label}, {number + 1} of {len(policies)}"
        if done and time.monotonic() - start > CACHED:
            with place.container():
                so_far(text, pd.concat(tables, ignore_index=True), done)
        else:
            place.progress(number / len(policies), text)
        try:
            question = (replace(asked, policy=policy), problem, rates, seeds)
            own = my_trace.in_use()
            tables.append(own_curves(*question) if own else cached_curves(*question, repr(problem), MODEL_VERSION))
            done.append(policy)
        except ScenarioError as refused:
            st.error(f"{policy.label} is left out. {with_control(refused)}", icon=":material/block:")
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(), done


def with_control(refused: ScenarioError) -> str:
    """The message, and which control it is about, by its label."""
    key = FIELDS.get(str(refused).partition(":")[0])
    return f"{refused} The control is **{CONTROLS[key].label}**." if key else str(refused)


def figures(asked: Scenario, policies: Sequence[Policy], seeds: int) -> pd.DataFrame:
    """The metrics of the runs that were trained on."""
    return compare(asked, policies, seeds)


def own_curves(scenario: Scenario, problem: Problem, rates: tuple[float, ...] | None, seeds: int) -> pd.DataFrame:
    """Learning curves on the visitor's own trace: kept in the session, out of the shared cache."""
    kept = st.session_state.setdefault("own_curves", {})
    key = (repr(scenario), problem, rates, seeds)
    if key not in kept:
        kept[key] = curves(scenario, problem, rates, seeds)
        for old in list(kept)[:-8]:
            del kept[old]
    return kept[key]


@st.cache_data(max_entries=128, max_size="128MiB", show_spinner=False, hash_funcs={Scenario: repr})
def cached_curves(
    scenario: Scenario, _problem: Problem, rates: tuple[float, ...] | None, seeds: int, problem: str, version: int
) -> pd.DataFrame:
    return curves(scenario, _problem, rates, seeds)


def curves(scenario: Scenario, problem: Problem, rates: tuple[float, ...] | None, seeds: int) -> pd.DataFrame:
    """Learning curves on all of the scenario's mini-batches."""
    return learning_curves(scenario, problem, learning_rates=rates, seeds=seeds, gradients=scenario.work)
