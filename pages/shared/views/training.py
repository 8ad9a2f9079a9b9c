"""Policies in training, and what is there so far."""

import time
from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import ScenarioError, Workload
from core.common.wording import lowered
from core.learning.experiment import GRID
from core.links import PARAMETERS
from core.policies.base import Policy
from core.scenario import under
from pages.shared.answers.training import Settings, trained
from pages.shared.session import session

CACHED = 0.1  # seconds; what takes longer has not been kept, and is worth drawing as it comes
RATES = {"best": None} | {f"{rate:g}": (rate,) for rate in GRID}
FIELDS = {"seeds": "train_seeds", "workers": "workers", "learning_rate": "rate", "problem": "problem"}


def train(
    asked: Workload,
    policies: Sequence[Policy],
    settings: Settings,
    progress: DeltaGenerator,
    so_far: Callable[[list[Policy]], object],
) -> list[Policy]:
    """Have every policy trained; those that could be. What is refused is said and left out.

    progress: a place for how far it is. so_far: draws who has trained, while others train, unless an answer is still on
    the page: that one stays, dimmed, until the new one is there.
    """
    done: list[Policy] = []
    start = time.monotonic()
    for number, policy in enumerate(policies):
        progress.progress(number / len(policies), f"Training {lowered(policy.label)} ({number + 1} of {len(policies)})")
        if done and not session().answered and time.monotonic() - start > CACHED:
            so_far(done)
        try:
            trained(under(asked, policy), settings)
            done.append(policy)
        except ScenarioError as refused:
            st.error(f"{policy.label} is left out. {with_control(refused)}", icon=":material/block:")
    progress.empty()
    return done


def kept_place() -> Callable[[], DeltaGenerator]:
    """A place for what takes a while: what was drawn there stays until this is called, and is then replaced."""
    if session().answered:
        place = st.container()  # as Streamlit has it, with what it held
        return lambda: place
    return st.empty().container


def with_control(refused: ScenarioError) -> str:
    """The message, and which control it is about, by its label."""
    key = FIELDS.get(str(refused).partition(":")[0])
    return f"{refused} The control is **{PARAMETERS[key].label}**." if key else str(refused)
