"""SPEC §6, the figures that only long runs show: each simulated mean within Z standard errors of the figure stated.

The figures are stated to three or four digits, so half a unit of the last one is allowed on top.
"""

import numpy as np
import pytest

from core import (
    Asynchronous,
    BackupWorkers,
    Constant,
    FlatLatency,
    KAsync,
    LocalSGD,
    Rebalanced,
    Scenario,
    ShiftedExponential,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    Uniform,
    replicate,
    simulate,
)
from core.theory import order_statistic_ms

Z = 4
FREE = FlatLatency(latency_ms=0)
NONE, HICCUPS = Stragglers(), Stragglers(hiccup_probability=0.01, hiccup_factor=5)
EXPONENTIAL, UNIFORM = ShiftedExponential(mean_ms=1, shift=0), Uniform(mean_ms=1)


def agrees(values, figure, digits):
    """Whether the mean of independent values agrees with a figure that is stated to so many decimals."""
    return abs(values.mean() - figure) <= Z * values.std() / np.sqrt(len(values)) + 0.5 * 10**-digits


def time_per_batch(replicates, batches, **question):
    """Epoch over batches, one value a replicate."""
    return replicate(Scenario(batches=batches, **question), replicates)["epoch_ms"] / batches


@pytest.mark.parametrize(
    ("law", "figures"),
    [
        (UNIFORM, {0: 1.155, 1: 1.017, 2: 1.009, 3: 1.006}),
        (EXPONENTIAL, {0: 2.716, 1: 1.789, 2: 1.507, 3: 1.374, 5: 1.243, 10: 1.129}),
    ],
    ids=["uniform", "exponential"],
)
def test_stale_synchronous(law, figures):
    """N = 8, free network, runs of 5,000 batches: an epoch's end adds less than 0.3 % to a batch."""
    for bound, figure in figures.items():
        policy = StaleSynchronous(bound=bound)
        times = time_per_batch(40, 5_000, workers=8, compute=law, network=FREE, policy=policy)
        assert agrees(times, figure, 3) or times.mean() == pytest.approx(figure, rel=0.003), bound


@pytest.mark.parametrize(("slowdown", "bound"), [(3, 0), (3, 2), (3, 10)])
def test_stale_synchronous_cannot_cure_a_persistent_straggler(slowdown, bound):
    """A worker that is always slower sets the pace, whatever the bound."""
    stragglers = Stragglers(slow_workers=1, slowdown=slowdown)
    times = time_per_batch(
        20,
        1_000,
        workers=8,
        compute=Constant(mean_ms=1),
        stragglers=stragglers,
        network=FREE,
        policy=StaleSynchronous(bound=bound),
    )
    assert times.mean() == pytest.approx(slowdown)


@pytest.mark.parametrize(
    ("stragglers", "wait_for", "figure"),
    [(NONE, 100, 83.6), (NONE, 96, 81.3), (HICCUPS, 95, 80.4), (HICCUPS, 100, 26.9)],
)
def test_backup_workers(stragglers, wait_for, figure):
    """N = 100: backups lose under bounded jitter and win threefold with hiccups. Useful mini-batches per m."""
    question = Scenario(
        workers=100,
        batches=950,
        compute=UNIFORM,
        stragglers=stragglers,
        network=FREE,
        policy=BackupWorkers(wait_for=wait_for),
    )
    runs = replicate(question, 40)
    assert agrees(runs["throughput"] / 1000, figure, 1)


@pytest.mark.parametrize(("period", "figure"), [(1, 4.381), (10, 1.733)])
def test_local_sgd(period, figure):
    """N = 16, exponential, the network costs one mean: time per batch."""
    times = time_per_batch(
        400,
        200,
        workers=16,
        compute=EXPONENTIAL,
        network=FlatLatency(latency_ms=1),
        policy=LocalSGD(period=period),
    )
    assert agrees(times, figure, 3)


@pytest.mark.parametrize("accumulate", [1, 2, 4, 7])
@pytest.mark.parametrize("law", [UNIFORM, EXPONENTIAL], ids=["uniform", "exponential"])
def test_staleness_of_k_batch_async(law, accumulate):
    """(N − 1)/K in a long run; the tail takes off less than 1 %."""
    question = Scenario(
        workers=8, batches=20_000, compute=law, network=FREE, policy=Asynchronous(accumulate=accumulate)
    )
    assert replicate(question, 4)["mean_staleness"].mean() == pytest.approx(7 / accumulate, rel=0.015)


def test_staleness_is_geometric_for_exponential_times():
    """P(τ = k) = (1/N)(1 − 1/N)^k: every next update is anybody's."""
    run = simulate(Scenario(workers=4, batches=50_000, compute=EXPONENTIAL, network=FREE, policy=Asynchronous()))
    counts = np.bincount(run.gradients()["staleness"], minlength=12)[:12] / 200_000
    expected = 0.25 * 0.75 ** np.arange(12)
    np.testing.assert_allclose(counts, expected, atol=4 * np.sqrt(0.25 * 0.75 / 200_000) + 0.002)


def test_throughput_without_contention_is_a_sum_over_workers():
    """Renewal: Σ_w 1/(m_w + y_w) for any law and mix of speeds, measured while all workers are at work."""
    question = Scenario(
        workers=4,
        batches=20_000,
        compute=EXPONENTIAL,
        stragglers=Stragglers(slow_workers=1, slowdown=3),
        network=FlatLatency(latency_ms=1),
        policy=Asynchronous(),
    )
    applied = simulate(question).gradients()["applied_ms"]
    horizon = 20_000.0
    rate = (applied < horizon).sum() / horizon
    assert rate == pytest.approx(1 / 3.15 + 3 / 1.15, rel=0.02)


def test_static_shards_are_as_slow_as_the_slowest_worker():
    """One worker twice as slow, free network: async with static shards gains nothing over sync."""
    question = {
        "workers": 8,
        "batches": 2_000,
        "compute": Constant(mean_ms=1),
        "stragglers": Stragglers(slow_workers=1, slowdown=2),
        "network": FREE,
    }
    epochs = [replicate(Scenario(**question, policy=p), 2)["epoch_ms"].mean() for p in (Synchronous(), Asynchronous())]
    assert epochs[0] == epochs[1] == 4_000


@pytest.mark.parametrize(("wait_for", "figure"), [(1, 0.125), (2, 0.268), (4, 0.6345), (8, 2.718)])
def test_k_async(wait_for, figure):
    """N = 8, exponential: time per update E X_(K:N), staleness (N − K)/K (arXiv 2003.10579)."""
    question = Scenario(workers=8, batches=1_000, compute=EXPONENTIAL, network=FREE, policy=KAsync(wait_for=wait_for))
    runs = replicate(question, 40)
    assert agrees(runs["epoch_ms"] / runs["updates"], figure, 3)
    assert runs["mean_staleness"].mean() == pytest.approx((8 - wait_for) / wait_for, rel=0.01, abs=1e-9)


def test_k_async_is_faster_than_its_bound_for_bounded_jitter():
    """Time per update is at most E X_(K:N)."""
    question = Scenario(workers=8, batches=500, compute=UNIFORM, network=FREE, policy=KAsync(wait_for=4))
    runs = replicate(question, 20)
    assert (runs["epoch_ms"] / runs["updates"]).mean() < order_statistic_ms(UNIFORM, 4, 8)


@pytest.mark.parametrize("slowdown", [2, 4])
def test_three_answers_to_one_slow_worker(slowdown):
    """N = 8, free network: a shared queue wins (f(N−1)+1)/N, static shards nothing; rebalanced sizes win as much."""
    question = {
        "workers": 8,
        "batches": 2_000,
        "compute": Constant(mean_ms=1),
        "stragglers": Stragglers(slow_workers=1, slowdown=slowdown),
        "network": FREE,
    }
    policies = [Synchronous(), Asynchronous(), Asynchronous(assignment="shared"), Rebalanced()]
    sync, static, shared, rebalanced = (
        replicate(Scenario(**question, policy=policy), 2)["epoch_ms"].mean() for policy in policies
    )
    gain = (slowdown * 7 + 1) / 8
    assert sync / static == 1
    assert sync / shared == pytest.approx(gain, rel=0.002)
    assert sync / rebalanced == pytest.approx(gain)
