"""Runs that may take hundreds of megabytes: the last one is kept, and they take turns."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import streamlit as st

from core import Run, Scenario, Workload, simulate
from pages.shared.caching.memory import given_back
from pages.shared.caching.results import from_a_trace, remembered

LARGE = 2**18  # mini-batches of a run that may take more than 64 MB


def simulated(scenario: Scenario) -> Run:
    """The run of a scenario. The last large one is kept, a single one for all visitors: it may take a gigabyte."""
    if scenario.work <= LARGE:
        return simulate(scenario)
    with st.spinner("Simulating…"):
        if from_a_trace():
            with last_large_run().turn, given_back():
                return simulate(scenario)
        return last_large_run().of(scenario)


@remembered(entries=256, size="1MiB")
def epoch_without_failures_ms(scenario: Scenario) -> float:
    """How long an epoch takes with the same draws, no failures and no checkpoints, ms."""
    with turn(scenario):
        return simulate(scenario.without_failures).metrics.epoch_ms


@contextmanager
def turn(workload: Workload) -> Iterator[None]:
    """One comparison after the other, where a single run may take hundreds of megabytes."""
    if workload.work <= LARGE:
        yield
        return
    with last_large_run().comparing, given_back():
        yield


class LargeRun:
    """The last large run. One is simulated at a time, and the one before it is let go first."""

    def __init__(self) -> None:
        self.turn, self.comparing = Lock(), Lock()
        self.run: Run | None = None

    def of(self, scenario: Scenario) -> Run:
        """The run of a scenario: the last one again if it is that, a new one otherwise."""
        run = self.run
        if run is not None and run.scenario == scenario:
            return run
        with self.turn, given_back():
            run = self.run
            if run is None or run.scenario != scenario:
                run = self.run = None
                run = self.run = simulate(scenario)
            return run


@st.cache_resource(max_entries=1, show_spinner=False)
def last_large_run() -> LargeRun:
    """The one that all visitors share."""
    return LargeRun()
