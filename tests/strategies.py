"""Random small scenarios with given draws, for Hypothesis."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from core import Asynchronous, FlatLatency, Scenario, Synchronous, simulate

POLICIES = st.sampled_from([Synchronous(), Asynchronous()])
LATENCIES = st.integers(0, 40)


@dataclass(frozen=True)
class Given:
    """A scenario and draws for it, [batch, worker] in ms."""

    scenario: Scenario
    compute_ms: np.ndarray
    push_ms: np.ndarray

    def run(self, **changes):
        """The run of these draws."""
        return simulate(self.scenario, **{"compute_ms": self.compute_ms, "network_ms": self.push_ms, **changes})


@st.composite
def given_runs(draw, policies=POLICIES, latency=LATENCIES, distinct=False):
    """Draws in whole quarters of a ms: sums are exact, and ties are common (never, where `distinct`)."""
    workers, batches = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    size = workers * batches
    if distinct:
        powers = draw(st.permutations([2.0**-k for k in range(size)]))  # no two sums of these are equal
        compute = 1 + np.array(powers)
    else:
        compute = np.array(draw(st.lists(st.integers(1, 60), min_size=size, max_size=size))) / 4
    push = np.array(draw(st.lists(st.integers(0, 12), min_size=size, max_size=size))) / 4
    scenario = Scenario(
        workers=workers,
        batches=batches,
        network=FlatLatency(latency_ms=draw(latency)),
        policy=draw(policies),
    )
    return Given(scenario, compute.reshape(batches, workers), push.reshape(batches, workers))
