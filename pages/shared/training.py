"""Training runs worth keeping: one table a policy, so that a policy that is added trains alone."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from core import Scenario, ScenarioError, compare
from core.learning import GRID, Learning, judged, learning_curves
from core.policies import Policy
from core.problem import Problem
from pages.shared.caching import remembered
from pages.shared.controls.specs import CONTROLS

CACHED = 0.3  # seconds; what takes longer has not been kept, and is worth drawing as it comes
RATES = {"best": None} | {f"{rate:g}": (rate,) for rate in GRID}
FIELDS = {"seeds": "train_seeds", "workers": "workers", "learning_rate": "rate", "problem": "problem"}


@remembered(entries=128, size="128MiB", own=8)
def curves(scenario: Scenario, problem: Problem, rates: tuple[float, ...] | None, seeds: int) -> pd.DataFrame:
    """Learning curves on all of the scenario's mini-batches."""
    return learning_curves(scenario, problem, learning_rates=rates, seeds=seeds, gradients=scenario.work)


def learning(
    asked: Scenario, policies: Sequence[Policy], problem: Problem, rates: tuple[float, ...] | None, seeds: int
) -> Learning:
    """The policies, trained and judged; asked is as long as the training."""
    trained = [curves(replace(asked, policy=policy), problem, rates, seeds) for policy in policies]
    return judged(pd.concat(trained, ignore_index=True), compare(asked, policies, seeds), problem)


def train(
    asked: Scenario,
    policies: Sequence[Policy],
    problem: Problem,
    rates: tuple[float, ...] | None,
    seeds: int,
    so_far: Callable[[str, list[Policy]], None],
) -> list[Policy]:
    """Have every policy trained; those that could be. What is refused is said and left out.

    While others train, `so_far` draws what is there, given what to say of the progress and who has trained.
    """
    done, start, place = [], time.monotonic(), st.empty()
    for number, policy in enumerate(policies):
        text = f"Training under {policy.label}, {number + 1} of {len(policies)}"
        if done and time.monotonic() - start > CACHED:
            with place.container():
                so_far(text, done)
        else:
            place.progress(number / len(policies), text)
        try:
            curves(replace(asked, policy=policy), problem, rates, seeds)
            done.append(policy)
        except ScenarioError as refused:
            st.error(f"{policy.label} is left out. {with_control(refused)}", icon=":material/block:")
    place.empty()
    return done


def with_control(refused: ScenarioError) -> str:
    """The message, and which control it is about, by its label."""
    key = FIELDS.get(str(refused).partition(":")[0])
    return f"{refused} The control is **{CONTROLS[key].label}**." if key else str(refused)
