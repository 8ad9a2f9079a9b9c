"""Random small scenarios with given draws, for Hypothesis."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from core import (
    Asynchronous,
    BackupWorkers,
    FlatLatency,
    LocalSGD,
    Scenario,
    StaleSynchronous,
    Synchronous,
    simulate,
)

LATENCIES = st.integers(0, 40)


def policies_for(workers: int):
    """Every policy, with parameters that fit the number of workers."""
    return st.one_of(
        st.just(Synchronous()),
        st.just(Asynchronous()),
        st.builds(Asynchronous, accumulate=st.integers(2, 9)),
        st.builds(StaleSynchronous, bound=st.integers(0, 8)),
        st.builds(BackupWorkers, wait_for=st.integers(1, workers)),
        st.builds(LocalSGD, period=st.integers(1, 8)),
    )


@dataclass(frozen=True)
class Given:
    """A scenario and draws for it, [row, worker] in ms."""

    scenario: Scenario
    compute_ms: np.ndarray
    push_ms: np.ndarray

    def run(self, **changes):
        """The run of these draws."""
        return simulate(self.scenario, **{"compute_ms": self.compute_ms, "network_ms": self.push_ms, **changes})


@st.composite
def given_runs(draw, policies=policies_for, latency=LATENCIES, distinct=False):
    """Draws in whole quarters of a ms: sums are exact, and ties are common (never, where `distinct`)."""
    workers, batches = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    policy = draw(policies(workers))
    rows = policy.rows(workers, batches)
    size = workers * rows
    if distinct:
        compute = 1 + np.array(draw(st.permutations([2.0**-k for k in range(size)])))  # no two sums are equal
    else:
        compute = np.array(draw(st.lists(st.integers(1, 60), min_size=size, max_size=size))) / 4
    push = np.array(draw(st.lists(st.integers(0, 12), min_size=size, max_size=size))) / 4
    network = FlatLatency(latency_ms=draw(latency))
    scenario = Scenario(workers=workers, batches=batches, network=network, policy=policy)
    return Given(scenario, compute.reshape(rows, workers), push.reshape(rows, workers))
