"""Results worth keeping between reruns and visitors: bounded, keyed on what was asked and on the model's version."""

import time
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from core import Scenario, Synchronous, compare
from core.policies import Policy
from core.simulate import MODEL_VERSION


@dataclass(frozen=True)
class Answer:
    """A paired table, what it cost to compute, and when that was."""

    table: pd.DataFrame
    cost_ms: float
    computed_at: float


def compared(scenario: Scenario, policies: tuple[Policy, ...], replicates: int) -> tuple[Answer, bool]:
    """The paired table of `compare`, and whether it came from the cache."""
    asked_at = time.time()
    answer = cached_compare(replace(scenario, policy=Synchronous()), policies, replicates, MODEL_VERSION)
    return answer, answer.computed_at < asked_at


@st.cache_data(
    max_entries=64,
    max_size="128MiB",
    show_spinner="Running the paired epochs…",
    hash_funcs={Scenario: repr, tuple: repr},
)
def cached_compare(scenario: Scenario, policies: tuple[Policy, ...], replicates: int, version: int) -> Answer:
    start = time.perf_counter()
    table = compare(scenario, policies, replicates)
    return Answer(table, 1000 * (time.perf_counter() - start), time.time())
