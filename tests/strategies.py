"""Random small scenarios with given draws, for Hypothesis."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from core import (
    Asynchronous,
    BackupWorkers,
    FlatLatency,
    KAsync,
    LocalSGD,
    Rebalanced,
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
        st.builds(Asynchronous, accumulate=st.integers(1, 4), assignment=st.just("shared")),
        st.builds(StaleSynchronous, bound=st.integers(0, 8)),
        st.builds(BackupWorkers, wait_for=st.integers(1, workers)),
        st.builds(KAsync, wait_for=st.integers(1, workers)),
        st.builds(LocalSGD, period=st.integers(1, 8)),
        st.just(Rebalanced()),
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
    greedy = isinstance(policy, KAsync) or getattr(policy, "is_shared", False)  # one worker may do nearly everything
    rows = 2 * workers * batches if greedy else policy.rows(workers, batches)
    size = workers * rows
    if distinct:
        compute = np.random.default_rng(draw(st.integers(0, 2**32))).uniform(1, 9, size)
    else:
        compute = np.array(draw(st.lists(st.integers(1, 60), min_size=size, max_size=size))) / 4
    push = np.array(draw(st.lists(st.integers(0, 12), min_size=size, max_size=size))) / 4
    network = FlatLatency(latency_ms=draw(latency))
    scenario = Scenario(workers=workers, batches=batches, network=network, policy=policy)
    return Given(scenario, compute.reshape(rows, workers), push.reshape(rows, workers))
