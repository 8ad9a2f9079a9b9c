"""Costs of collectives, and what a server does to those who push to it."""

from dataclasses import replace

import numpy as np
import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Constant,
    FlatLatency,
    KAsync,
    LocalSGD,
    Rebalanced,
    Scenario,
    ScenarioError,
    ShiftedExponential,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    Trace,
    replicate,
    simulate,
)
from core.theory.closed_forms import processor_sharing_throughput, server_throughput_bound
from core.traces.network import fitted_links

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


OWN = AlphaBeta(latency_ms=1, bandwidth_gbps=8, message_mb=8, collective="server", servers=2)  # α = 1, t = 8, d = 4 ms
TIMES = [[10, 12], [10, 30]]


@pytest.mark.parametrize(
    ("own_link", "traced"),
    [
        (False, [[(0, 10, 15), (15, 30, 35)], [(0, 12, 19), (19, 54, 59)]]),
        (True, [[(0, 10, 19), (19, 38, 47)], [(0, 12, 23), (23, 62, 71)]]),
    ],
)
def test_pushes_over_a_workers_own_link_traced_by_hand(own_link, traced):
    """Read, ready and applied. W0 is ready at 10, and W1 at 12; the server is busy with each for 4 ms.

    Without a limit W0 arrives at 11 and is served until 15; W1, there at 13, until 19; answers travel 5 ms. With it,
    pushes and answers are 4 ms longer on their way: W0 arrives at 15 and is served until 19; W1, there at 17, until 23.
    """
    scenario = Scenario(workers=2, batches=2, network=replace(OWN, own_link=own_link), policy=Asynchronous())
    run = simulate(scenario, compute_ms=TIMES)
    found = run.gradients()[["worker", "read_ms", "ready_ms", "applied_ms"]].to_numpy()
    assert [[tuple(row[1:]) for row in found if row[0] == worker] for worker in (0, 1)] == traced
    assert run.metrics.epoch_ms == (80 if own_link else 64)
    waits = run.segments().query("phase == 'wait'")
    assert (waits["end_ms"] - waits["start_ms"]).tolist() == [2]


def test_what_passes_a_workers_own_link():
    """A push and a pull of max(d, t) each, and a barrier through servers of 2·max(N·t/S, t); a ring is as it was."""
    for servers, workers, barrier in ((1, 2, 32), (2, 2, 16), (4, 2, 16), (4, 8, 32)):
        free = replace(OWN, servers=servers)
        own = replace(free, own_link=True)
        assert own.pull_of(workers) == own.pull_ms == 1 + 8
        assert own.service_of(workers) == free.service_of(workers) == 8 / servers
        assert own.draw_push(np.random.default_rng(), (1, workers)).tolist() == [[1 + 8 - 8 / servers] * workers]
        assert own.outruns_own_link(workers) == (servers > 1)
        assert own.barrier_ms(workers) == 2 + barrier
        assert own.barrier_ms(workers, 2) == 2 + barrier / 2
        assert replace(own, collective="ring").barrier_ms(8) == replace(free, collective="ring").barrier_ms(8)


def test_in_a_node_its_links_are_a_workers_own():
    """All of them together, for pushes to servers outside; inside a node, what others push passes its links anyway."""
    nodes = AlphaBeta(**NODES, workers_per_node=4, links_per_node=2, servers=8, own_link=True)
    assert (nodes.service_of(8), nodes.pull_of(8)) == (4 / 4, 0.5 + 4 / 2)
    assert nodes.barrier_ms(8) == replace(nodes, own_link=False).barrier_ms(8)
    inside = replace(nodes, server_place="inside")
    assert (inside.pull_of(8) == replace(inside, own_link=False).pull_of(8)).all()
    assert not inside.outruns_own_link(8)


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


def epoch_per_batch(policy, network, workers=2, mean_ms=100.0, batches=4):
    """Time per batch of constant compute times."""
    law = Constant(mean_ms=mean_ms)
    scenario = Scenario(workers=workers, batches=batches, compute=law, network=network, policy=policy)
    return simulate(scenario).metrics.epoch_ms / batches


@pytest.mark.parametrize(
    ("compute", "share", "buckets", "total", "exposed"),
    [(100, 2 / 3, 10, 30, 3), (100, 2 / 3, 10, 80, 20), (100, 2 / 3, 4, 200, 150), (50, 0.5, 25, 26, 2)],
)
@pytest.mark.parametrize("policy", [Synchronous(), LocalSGD(period=1), BackupWorkers(wait_for=2), Rebalanced()])
def test_buckets_hide_what_the_backward_pass_has_room_for(policy, compute, share, buckets, total, exposed):
    """By hand: max(t/K, t − b·c·(1 − 1/K)); what is hidden and what is not add up."""
    network = AlphaBeta(latency_ms=0, bandwidth_gbps=8, message_mb=total, buckets=buckets, backward_share=share)
    assert epoch_per_batch(policy, network, mean_ms=compute) == pytest.approx(compute + exposed)
    run = simulate(Scenario(workers=2, batches=3, compute=Constant(mean_ms=compute), network=network, policy=policy))
    mine = run.segments().query("worker == 0")
    hidden = mine.query("phase == 'hidden comm'")
    assert (hidden["end_ms"] - hidden["start_ms"]).tolist() == pytest.approx([total - exposed] * 3)
    others = mine.query("phase != 'hidden comm'")
    np.testing.assert_array_equal(others["start_ms"].to_numpy()[1:], others["end_ms"].to_numpy()[:-1])
    assert run.metrics.comm_percent == pytest.approx(100 * exposed / (compute + exposed))


def test_every_bucket_pays_the_latency():
    ring = {"latency_ms": 0.05, "bandwidth_gbps": 1e6, "message_mb": 1e-6}
    assert AlphaBeta(**ring).barrier_ms(64) == pytest.approx(6.3, abs=1e-6)
    assert AlphaBeta(**ring, buckets=25).barrier_ms(64) == pytest.approx(157.5, abs=1e-6)


NODES = {"latency_ms": 0.5, "bandwidth_gbps": 8.0, "message_mb": 4.0, "node_latency_ms": 0.1, "node_bandwidth_gbps": 32}
"""α = 0.5 ms and t = 4 ms between nodes, α₁ = 0.1 ms and t₁ = 1 ms inside."""


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({}, 2 * 3 * 0.1 + 2 * 3 / 4 * 1 + 2 * 1 * 0.5 + 2 * 1 / 2 * 4),
        ({"links_per_node": 4}, 2 * 3 * 0.1 + 2 * 3 / 4 * 1 + 2 * 1 * 0.5 + 2 * 1 / 2 * 4 / 4),
        ({"collective": "tree"}, 2 * 2 * 0.1 + 2 * 3 / 4 * 1 + 2 * 1 * 0.5 + 2 * 1 / 2 * 4),
        ({"efficiency": 0.5}, 2 * 3 * 0.1 + 2 * 3 / 4 * 2 + 2 * 1 * 0.5 + 2 * 1 / 2 * 8),
        ({"buckets": 3}, 3 * (2 * 3 * 0.1 + 2 * 1 * 0.5) + 2 * 3 / 4 * 1 + 2 * 1 / 2 * 4),
        ({"collective": "server"}, 2 * 0.5 + 2 * 8 * 4),
        ({"collective": "server", "servers": 8}, 2 * 0.5 + 2 * 4 * 4),
        ({"collective": "server", "server_place": "inside"}, 2 * 0.5 + 2 * 4 * 4),
        ({"collective": "server", "server_place": "inside", "links_per_node": 4}, 2 * 0.5 + 2 * max(4 * 1, 4 * 4 / 4)),
    ],
)
def test_cost_of_a_barrier_of_workers_in_nodes(fields, cost):
    """Two nodes of four, by hand: inside, between, or what is busiest on the way to a server."""
    assert AlphaBeta(**NODES, workers_per_node=4, **fields).barrier_ms(8) == pytest.approx(cost)


def test_one_node_alone_exchanges_inside():
    network = AlphaBeta(**NODES, workers_per_node=4)
    assert network.barrier_ms(4) == pytest.approx(2 * 3 * 0.1 + 2 * 3 / 4 * 1)
    assert replace(network, workers_per_node=1).barrier_ms(4) == AlphaBeta(**LINK).barrier_ms(4)


def test_pushes_of_a_node_share_its_links():
    """Service d: the server's links, or all that lead out of the nodes; inside the first node, by where a worker is."""
    network = AlphaBeta(**NODES, workers_per_node=4, servers=8)
    assert network.service_of(8) == 4 / 2
    assert replace(network, links_per_node=4).service_of(8) == 4 / 8
    inside = replace(network, server_place="inside", servers=2)
    assert np.ravel(inside.service_of(8)).tolist() == [0.5] * 4 + [4] * 4
    assert np.ravel(inside.pull_of(8)).tolist() == [0.6] * 4 + [4.5] * 4
    assert inside.draw_push(np.random.default_rng(), (1, 8)).tolist() == [[0.1] * 4 + [0.5] * 4]


def test_a_server_in_a_node_serves_many_runs_as_it_serves_one():
    network = AlphaBeta(**NODES, workers_per_node=2, server_place="inside")
    question = Scenario(
        workers=6, batches=8, compute=Constant(mean_ms=10), network=network, stragglers=Stragglers(spread=0.2)
    )
    for policy in (Asynchronous(), StaleSynchronous(bound=1), KAsync(wait_for=2), Asynchronous(assignment="shared")):
        scenario = replace(question, policy=policy)
        assert replicate(scenario, 300)["epoch_ms"][0] == pytest.approx(simulate(scenario).metrics.epoch_ms)


def test_efficiency_is_found_from_timed_collectives():
    """One size tells the efficiency; two, the latency, too; from a trace, the median step."""
    real = AlphaBeta(**NODES, workers_per_node=4, efficiency=0.6)
    known = replace(real, efficiency=1.0)
    times = {size: replace(real, message_mb=size).barrier_ms(8) for size in (1, 40, 100)}
    assert known.fitted(8, {40: times[40]}).efficiency == pytest.approx(0.6)
    found = replace(known, latency_ms=9).fitted(8, times)
    assert (found.efficiency, found.latency_ms) == pytest.approx((0.6, 0.5))
    compute = np.full((5, 8), 20.0)
    named = {"compute_ms": compute, "worker_names": tuple(range(8)), "step_numbers": tuple(range(5))}
    trace = Trace(**named, comm_ms=np.full((5, 8), replace(real, message_mb=40).barrier_ms(8)))
    assert fitted_links(trace, replace(known, message_mb=40)).efficiency == pytest.approx(0.6)
    with pytest.raises(ScenarioError, match="no network time"):
        fitted_links(Trace(**named), known)


@pytest.mark.parametrize("times", [{}, None, {1: 0.01}, {1: 5, 10: 4}, {1: -1}, {"a": 1}, {0: 1}])
def test_times_that_links_cannot_take_are_refused(times):
    with pytest.raises(ScenarioError, match=r"^times_ms: "):
        AlphaBeta().fitted(4, times)


def test_what_a_worker_sends():
    """MB: 2(N − 1)/N·M in all-reduce, M to a server; in nodes, inside and a share of what goes between."""
    assert AlphaBeta(**LINK).sent_mb(4, with_barrier=True) == 2 * 3 / 4 * 4
    assert AlphaBeta(**LINK).sent_mb(4, with_barrier=False) == 4
    nodes = AlphaBeta(**NODES, workers_per_node=4)
    assert nodes.sent_mb(8, with_barrier=True) == 4 * (2 * 3 / 4 + 2 * 1 / 2 / 4)
    assert np.isnan(FlatLatency().sent_mb(4, with_barrier=True))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"buckets": 4, "overlap": 0.5}, "network.overlap: 0.5 cannot go together with network.buckets, which is 4"),
        ({"links_per_node": 2}, "network.links_per_node: 2 are more than a node has workers"),
        ({"buckets": 0}, "network.buckets: 0 is not"),
        ({"backward_share": 1.5}, "network.backward_share: 1.5 is not"),
        ({"efficiency": 0}, "network.efficiency: 0 is not"),
        ({"efficiency": 1.5}, "network.efficiency: 1.5 is not"),
        ({"server_place": "moon"}, "network.server_place: 'moon' is not outside or inside"),
    ],
)
def test_networks_that_contradict_themselves_are_refused(fields, message):
    with pytest.raises(ScenarioError) as refused:
        AlphaBeta(**fields)
    assert str(refused.value).startswith(message)


def test_nodes_must_divide_the_workers():
    with pytest.raises(ScenarioError, match=r"workers_per_node: 4 does not divide 6.* take 1, 2, 3 or 6"):
        Scenario(workers=6, network=AlphaBeta(workers_per_node=4))
