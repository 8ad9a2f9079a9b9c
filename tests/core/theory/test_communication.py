"""Closed forms of exchanges that are hidden in part: by hand, and against simulated runs."""

import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Constant,
    FlatLatency,
    LocalSGD,
    Rebalanced,
    Scenario,
    ShiftedExponential,
    Stragglers,
    Synchronous,
    Uniform,
    replicate,
    simulate,
)
from core.theory.checks import CHECKS
from core.theory.closed_forms import expected
from core.theory.communication import bucket_exposed_ms, delayed_average_exposed_ms, delayed_staleness

BUCKETS = AlphaBeta(latency_ms=0.1, message_mb=100, buckets=10)


@pytest.mark.parametrize(
    ("compute", "share", "buckets", "total", "exposed"),
    [(100, 2 / 3, 10, 30, 3), (100, 2 / 3, 10, 80, 20), (100, 2 / 3, 4, 200, 150), (50, 0.5, 25, 26, 2)],
)
def test_what_buckets_leave(compute, share, buckets, total, exposed):
    lead = share * compute * (1 - 1 / buckets)
    assert bucket_exposed_ms(total, buckets, lead) == pytest.approx(exposed)
    assert bucket_exposed_ms(total, 1, 0) == total


def test_what_a_delay_leaves():
    assert [delayed_average_exposed_ms(25, delay, 10) for delay in (0, 1, 2, 3)] == [25, 15, 5, 0]
    assert delayed_staleness(12, 4, 2) == pytest.approx(4 / 12)
    assert delayed_staleness(10, 4, 0) == 0


@pytest.mark.parametrize("compute", [Uniform(mean_ms=100), ShiftedExponential(mean_ms=100, shift=0.3)], ids=repr)
@pytest.mark.parametrize("stragglers", [Stragglers(), Stragglers(slow_workers=1, hiccup_probability=0.05)], ids=repr)
def test_the_mean_epoch_with_buckets(compute, stragglers):
    """Exact whatever the law: within 4.5 standard errors."""
    for policy in (Synchronous(), Rebalanced()):
        scenario = Scenario(
            workers=4, batches=5, compute=compute, stragglers=stragglers, network=BUCKETS, policy=policy
        )
        theory, runs = expected(scenario)["epoch_ms"], replicate(scenario, 2_000)["epoch_ms"]
        assert theory.holds == "exact"
        assert abs(runs.mean() - theory.value) <= 4.5 * runs.std() / 2_000**0.5


@pytest.mark.parametrize("batches", [8, 9, 10, 11, 13])
@pytest.mark.parametrize("network", [FlatLatency(latency_ms=700), FlatLatency(latency_ms=2_600), BUCKETS], ids=repr)
@pytest.mark.parametrize("delay", [1, 3])
def test_later_averages_of_equal_workers(batches, network, delay):
    """All figures, exactly, however the last round ends."""
    policy = LocalSGD(period=4, delay=delay)
    scenario = Scenario(workers=3, batches=batches, compute=Constant(mean_ms=500), network=network, policy=policy)
    metrics = simulate(scenario).metrics
    theory = expected(scenario)
    assert {"epoch_ms", "throughput", "utilization_percent", "mean_staleness"} <= theory.keys()
    for name, figure in theory.items():
        assert figure.holds == "exact"
        assert getattr(metrics, name) == pytest.approx(figure.value), name


def test_what_is_not_known_is_a_bound_or_left_out():
    random = {"workers": 4, "batches": 12, "network": BUCKETS}
    later = expected(Scenario(**random, policy=LocalSGD(period=4, delay=2)))
    assert later["epoch_ms"].holds == "bound"
    assert later["mean_staleness"].holds == "exact"
    assert expected(Scenario(**random, policy=BackupWorkers(wait_for=3)))["epoch_ms"].holds == "bound"
    assert expected(Scenario(**random, policy=LocalSGD(period=4)))["epoch_ms"].holds == "bound"
    balanced = expected(Scenario(**random, policy=LocalSGD(period=4, delay=1, balance=True)))
    assert balanced == {}


def test_a_server_in_a_node_bounds_the_throughput():
    network = AlphaBeta(latency_ms=0.1, message_mb=25, workers_per_node=2, server_place="inside")
    scenario = Scenario(workers=6, batches=300, compute=Constant(mean_ms=50), network=network, policy=Asynchronous())
    assert replicate(scenario, 2)["throughput"].max() <= expected(scenario)["throughput"].value


def test_claims_are_told_apart():
    assert len({check.claim for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("batches", [12, 14])
def test_balanced_rounds_with_fragments(batches):
    """A slow worker among constant ones: exactly, also where the last round is shorter."""
    network, slow = AlphaBeta(latency_ms=0.1, message_mb=10), Stragglers(slow_workers=1, slowdown=2)
    policy = LocalSGD(period=6, fragments=2, balance=True)
    scenario = Scenario(workers=3, batches=batches, compute=Constant(), stragglers=slow, network=network, policy=policy)
    theory, metrics = expected(scenario), simulate(scenario).metrics
    assert metrics.epoch_ms == pytest.approx(theory["epoch_ms"].value)
    assert metrics.throughput == pytest.approx(theory["throughput"].value)
