"""Random small scenarios with given draws, for Hypothesis."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    FlatLatency,
    KAsync,
    LocalSGD,
    Rebalanced,
    Scenario,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    simulate,
)
from core.workload.draws import Draws

EPISODES = st.builds(
    lambda share, length, factor: Stragglers(
        episode_share=share, episode_batches=length / (1 - share), episode_factor=factor
    ),
    st.sampled_from([0.1, 0.5, 0.9]),
    st.integers(1, 6),
    st.integers(2, 5),
)
"""Slowness that lasts: from no longer than by chance to six times as long."""
FREE = st.just(FlatLatency(latency_ms=0))
FLAT = st.one_of(
    st.builds(FlatLatency, latency_ms=st.integers(0, 40)),
    st.builds(
        FlatLatency, latency_ms=st.integers(0, 40), async_fraction=st.just(1), async_least=st.sampled_from([0.5, 1])
    ),
)
SERVER = st.builds(  # 8 Gb/s: a message of M MB takes M ms; times are whole quarters of a ms
    AlphaBeta,
    latency_ms=st.integers(0, 8).map(lambda quarters: quarters / 4),
    bandwidth_gbps=st.just(8),
    message_mb=st.integers(1, 12),
    collective=st.just("server"),
    servers=st.sampled_from([1, 2, 4]),
    own_link=st.booleans(),
)


def buckets_and_nodes(workers: int):
    """Collectives of workers in nodes, and gradients that go out in buckets; times are whole parts of a power of two.

    In nodes, a message of M MB takes M ms between them, M/4 inside.
    """
    return st.builds(
        lambda inside, links, **fields: AlphaBeta(
            workers_per_node=inside,
            links_per_node=min(links, inside),
            bandwidth_gbps=8,
            node_bandwidth_gbps=32,
            node_latency_ms=0.25,
            **fields,
        ),
        st.sampled_from([each for each in range(1, workers + 1) if workers % each == 0]),
        st.sampled_from([1, 2, 4]),
        latency_ms=st.integers(0, 8).map(lambda quarters: quarters / 4),
        message_mb=st.integers(1, 12),
        collective=st.sampled_from(["ring", "tree", "server"]),
        server_place=st.sampled_from(["outside", "inside"]),
        servers=st.sampled_from([1, 2, 4]),
        own_link=st.booleans(),
        buckets=st.sampled_from([1, 2, 4, 8]),
        backward_share=st.sampled_from([0.0, 0.5, 1.0]),
    )


@st.composite
def local_sgd(draw):
    """Local SGD with all its settings."""
    every, fragments, balance = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.booleans())
    period = every * fragments
    return LocalSGD(
        period=period,
        delay=draw(st.integers(0, period - 1)),
        fragments=fragments,
        balance=balance,
    )


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


def is_greedy(policy):
    """Whether one worker may do nearly everything."""
    return isinstance(policy, KAsync) or getattr(policy, "is_shared", False) or getattr(policy, "balance", False)


@st.composite
def given_runs(draw, policies=policies_for, networks=FLAT, distinct=False):
    """Draws in whole quarters of a ms: sums are exact, and ties are common (never, where `distinct`)."""
    workers, batches = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    policy = draw(policies(workers))
    greedy = is_greedy(policy)
    rows = 2 * workers * batches if greedy else policy.rows(workers, batches)
    size = workers * rows
    if distinct:
        compute = np.random.default_rng(draw(st.integers(0, 2**32))).uniform(1, 9, size)
    else:
        compute = np.array(draw(st.lists(st.integers(1, 60), min_size=size, max_size=size))) / 4
    push = np.array(draw(st.lists(st.integers(0, 12), min_size=size, max_size=size))) / 4
    network = draw(networks(workers) if callable(networks) else networks)
    scenario = Scenario(workers=workers, batches=batches, network=network, policy=policy)
    return Given(scenario, compute.reshape(rows, workers), push.reshape(rows, workers))


@st.composite
def drawn_runs(draw, policies=policies_for, networks=FLAT, stragglers=EPISODES):
    """Draws as a scenario with stragglers makes them itself, of as many rows as any policy may start."""
    workers, batches = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    scenario = Scenario(
        workers=workers,
        batches=batches,
        network=draw(networks),
        policy=draw(policies(workers)),
        stragglers=draw(stragglers),
        seed=draw(st.integers(0, 1000)),
    )
    policy, draws = scenario.policy, Draws(scenario)
    rows = max(batches, 2 * workers * batches if is_greedy(policy) else policy.rows(workers, batches))
    return Given(scenario, draws.compute_rows(rows)[:rows, :, 0], draws.push_rows(rows)[:rows, :, 0])
