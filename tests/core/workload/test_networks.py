"""Costs of collectives, and what a server does to those who push to it."""

from dataclasses import replace

import numpy as np
import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    Constant,
    FlatLatency,
    Scenario,
    ScenarioError,
    ShiftedExponential,
    StaleSynchronous,
    Synchronous,
    replicate,
    simulate,
)
from core.theory.closed_forms import processor_sharing_throughput, server_throughput_bound

LINK = {"latency_ms": 0.5, "bandwidth_gbps": 8.0, "message_mb": 4.0}  # α = 0.5 ms, t = 4 ms


@pytest.mark.parametrize(
    ("network", "workers", "cost"),
    [
        (AlphaBeta(**LINK, collective="ring"), 4, 2 * 3 * 0.5 + 2 * 3 / 4 * 4),
        (AlphaBeta(**LINK, collective="tree"), 4, 2 * 2 * 0.5 + 2 * 3 / 4 * 4),
        (AlphaBeta(**LINK, collective="server"), 4, 2 * 0.5 + 2 * 4 * 4),
        (AlphaBeta(**LINK, collective="server", servers=4), 4, 2 * 0.5 + 2 * 4),
        (AlphaBeta(**LINK, collective="ring", overlap=0.75), 4, 0.25 * 9),
        (AlphaBeta(**LINK, collective="ring"), 1, 0),
        (AlphaBeta(**LINK, collective="tree"), 1, 0),
        (FlatLatency(latency_ms=7), 4, 7),
    ],
)
def test_cost_of_a_barrier(network, workers, cost):
    """By hand, from SPEC §4."""
    assert network.barrier_ms(workers) == pytest.approx(cost)


def test_a_push_takes_its_share_of_the_latency():
    """All between the two shares; where they are one, exactly that."""
    network = FlatLatency(latency_ms=80, async_fraction=0.5, async_least=0.25)
    pushes = network.draw_push(np.random.default_rng(1), (4_000,))
    assert 20 <= pushes.min() < 20.1
    assert 39.9 < pushes.max() <= 40
    fair = replace(network, async_fraction=1, async_least=1)
    assert (fair.draw_push(np.random.default_rng(1), (9,)) == 80).all()
    with pytest.raises(ScenarioError, match=r"network\.async_least: 0\.6 is not a number from 0 to 0\.5"):
        replace(network, async_least=0.6)


def test_equal_workers_gain_nothing_where_a_push_costs_what_a_barrier_does():
    network = FlatLatency(latency_ms=80, async_fraction=1, async_least=1)
    question = Scenario(workers=3, batches=5, compute=Constant(mean_ms=20), network=network)
    for policy in (Synchronous(), Asynchronous(), Asynchronous(assignment="shared"), StaleSynchronous(bound=1)):
        assert simulate(replace(question, policy=policy)).metrics.epoch_ms == pytest.approx(500)


def test_a_lone_worker_makes_a_round_trip_for_each_batch():
    """Compute m, push α, service d, pull d + α: nobody else is at the server."""
    network = AlphaBeta(**LINK, servers=2)
    question = Scenario(workers=1, batches=7, compute=Constant(mean_ms=10), network=network, policy=Asynchronous())
    assert replicate(question, 2)["epoch_ms"].tolist() == [pytest.approx(7 * (10 + 2 * 0.5 + 2 * 2))] * 2


@pytest.mark.parametrize("workers", [2, 4, 8, 16])
@pytest.mark.parametrize("service", [0.05, 0.15, 0.4])
def test_throughput_through_a_server_is_bounded(workers, service):
    """At most min(N/(m + 2α + 2d), 1/d), here with α = 0; and close to it where it is far from the bend."""
    network = AlphaBeta(latency_ms=0, bandwidth_gbps=8, message_mb=service)
    question = Scenario(
        workers=workers, batches=300, compute=Constant(mean_ms=1), network=network, policy=Asynchronous()
    )
    throughput = replicate(question, 2)["throughput"].mean() / 1000
    bound = min(workers / (1 + 2 * service), 1 / service)
    assert throughput <= bound * (1 + 1e-9)
    assert throughput >= 0.95 * bound


@pytest.mark.parametrize("workers", [4, 8, 12])
def test_first_come_first_served_is_faster_than_processor_sharing(workers):
    """Fixed service times queue less than shared ones; the pull (one more d) is part of the time away from the server.

    m + d of compute and pull take the place of m.
    """
    network = AlphaBeta(latency_ms=0, bandwidth_gbps=8, message_mb=0.15)
    law = ShiftedExponential(mean_ms=1, shift=0)
    question = Scenario(workers=workers, batches=1_000, compute=law, network=network, policy=Asynchronous())
    runs = replicate(question, 8)
    lower, upper = processor_sharing_throughput(workers, 1.15, 0.15), server_throughput_bound([1.3] * workers, 0.15)
    assert 0.97 * lower <= runs["throughput"].mean() <= upper  # 3 % for the end of the epoch


def test_the_queue_is_waited_for_and_the_service_is_not():
    """Eight workers, one overloaded server: every push of d = 1 ms waits for others; service is communication."""
    network = AlphaBeta(latency_ms=0, bandwidth_gbps=8, message_mb=1)
    question = Scenario(workers=8, batches=100, compute=Constant(mean_ms=2), network=network, policy=Asynchronous())
    runs = replicate(question, 1)
    cycle = 8  # the server is always busy: each worker is served once in 8 ms
    assert runs["epoch_ms"][0] == pytest.approx(100 * cycle, rel=0.02)
    assert runs["comm_percent"][0] == pytest.approx(100 * 2 / cycle, rel=0.02)
    assert runs["wait_percent"][0] == pytest.approx(100 * (cycle - 2 - 2) / cycle, rel=0.03)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[
            (field, value)
            for field in ("latency_ms", "bandwidth_gbps", "message_mb")
            for value in (-1, np.nan, "1", None)
        ],
        *[("overlap", value) for value in (-0.1, 1, 2)],
        *[("servers", value) for value in (0, 1.5, 5000)],
        *[("collective", value) for value in ("star", None, 3)],
        ("bandwidth_gbps", 0),
    ],
)
def test_what_is_not_a_network_is_refused(field, value):
    with pytest.raises(ScenarioError, match=rf"^network\.{field}: "):
        AlphaBeta(**{field: value})
