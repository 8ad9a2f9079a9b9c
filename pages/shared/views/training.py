"""Policies in training, and what is there so far."""

import time
from collections.abc import Callable, Sequence

import streamlit as st

from core import ScenarioError, Workload
from core.learning.experiment import GRID
from core.learning.problem import Problem
from core.links import PARAMETERS
from core.policies.base import Policy
from core.scenario import under
from pages.shared.answers.training import trained

CACHED = 0.1  # seconds; what takes longer has not been kept, and is worth drawing as it comes
RATES = {"best": None} | {f"{rate:g}": (rate,) for rate in GRID}
FIELDS = {"seeds": "train_seeds", "workers": "workers", "learning_rate": "rate", "problem": "problem"}


def train(
    asked: Workload,
    policies: Sequence[Policy],
    problem: Problem,
    rates: tuple[float, ...] | None,
    seeds: int,
    so_far: Callable[[str, list[Policy]], None],
) -> list[Policy]:
    """Have every policy trained; those that could be. What is refused is said and left out.

    While others train, `so_far` draws what is there, given what to say of the progress and who has trained.
    """
    done: list[Policy] = []
    start, place = time.monotonic(), st.empty()
    for number, policy in enumerate(policies):
        text = f"Training under {policy.label}, {number + 1} of {len(policies)}"
        if done and time.monotonic() - start > CACHED:
            with place.container():
                so_far(text, done)
        else:
            place.progress(number / len(policies), text)
        try:
            trained(under(asked, policy), problem, rates, seeds)
            done.append(policy)
        except ScenarioError as refused:
            st.error(f"{policy.label} is left out. {with_control(refused)}", icon=":material/block:")
    place.empty()
    return done


def with_control(refused: ScenarioError) -> str:
    """The message, and which control it is about, by its label."""
    key = FIELDS.get(str(refused).partition(":")[0])
    return f"{refused} The control is **{PARAMETERS[key].label}**." if key else str(refused)
