"""Closed forms against simulation. Each mean must lie within z standard errors, z = 4 (1 in 16,000 by chance)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Constant,
    FlatLatency,
    Gumbel,
    KAsync,
    LogNormal,
    Pareto,
    Rebalanced,
    Scenario,
    ShiftedExponential,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    Uniform,
    replicate,
)
from core.theory import expected, harmonic, hiccup_maximum, normal_maximum, order_statistic_ms
from tests.strategies import given_runs

Z = 4


LAWS = [
    Constant(mean_ms=250),
    Uniform(mean_ms=250, jitter=0.6),
    LogNormal(mean_ms=250, cv=0.5),
    Gumbel(mean_ms=250, cv=0.35),
    ShiftedExponential(mean_ms=250, shift=0.3),
    Pareto(mean_ms=250, alpha=6),
]


def within(values, value):
    """Whether the mean of independent values lies within Z standard errors of a value."""
    return abs(values.mean() - value) <= Z * values.std() / np.sqrt(len(values)) + 1e-9 * abs(value)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_moments_of_the_laws(law):
    """Mean within Z standard errors, standard deviation within 2 %, and nothing at or below zero."""
    draws = law.draw(np.random.default_rng(3), (400_000,))
    assert within(draws, 250)
    assert draws.std() == pytest.approx(law.std_ms, rel=0.02)
    assert draws.min() > 0


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
@pytest.mark.parametrize(("k", "n"), [(1, 1), (4, 4), (16, 16), (3, 8), (1, 8)])
def test_order_statistics(law, k, n):
    theory = order_statistic_ms(law, k, n)
    if theory is None:
        assert isinstance(law, LogNormal) or (k < n and isinstance(law, Gumbel | Pareto))
        return
    ordered = np.sort(law.draw(np.random.default_rng(5), (100_000, n)), axis=1)
    assert within(ordered[:, k - 1], theory)


@pytest.mark.parametrize(
    ("workers", "ratio"), [(1, 1), (2, 1.0667), (4, 1.12), (8, 1.1556), (16, 1.1765), (32, 1.1879)]
)
def test_slowest_of_n_uniform_draws(workers, ratio):
    """SPEC §6's figures."""
    assert order_statistic_ms(Uniform(mean_ms=1), workers, workers) == pytest.approx(ratio, abs=5e-5)


def test_figures_of_the_brief():
    """SPEC §6 and §8: exponential K-sync, hiccups, sequence-length imbalance, infinite variance."""
    exponential = ShiftedExponential(mean_ms=1, shift=0)
    times = [order_statistic_ms(exponential, k, 8) for k in (1, 2, 4, 8)]
    assert times == pytest.approx([0.125, 0.268, 0.6345, 2.718], abs=5e-4)
    assert harmonic(4) == pytest.approx(25 / 12)
    assert hiccup_maximum(0.01, 5, 32) == pytest.approx(2.100, abs=5e-4)
    assert hiccup_maximum(1, 5, 3) == 5
    assert order_statistic_ms(Gumbel(mean_ms=1, cv=0.14), 32, 32) == pytest.approx(1.382, abs=0.005)
    assert np.isinf(Pareto(alpha=2).std_ms)


@pytest.mark.parametrize(("workers", "z"), [(1, 0), (2, 0.564), (4, 1.029), (8, 1.424), (16, 1.766), (32, 2.070)])
def test_slowest_of_n_normal_draws(workers, z):
    assert normal_maximum(workers) == pytest.approx(z, abs=0.0005)


def test_normal_maximum_of_two_is_known_exactly():
    assert normal_maximum(2) == pytest.approx(1 / np.sqrt(np.pi), rel=1e-6)


SCENARIOS = [
    Scenario(),
    Scenario(workers=8, batches=15, compute=Uniform(mean_ms=400), network=FlatLatency(latency_ms=150)),
    Scenario(workers=32, batches=40, compute=Uniform(mean_ms=100, jitter=0.5), network=FlatLatency(latency_ms=0)),
    Scenario(workers=1, batches=20),
    Scenario(workers=5, batches=20, compute=Constant(mean_ms=80), network=FlatLatency(latency_ms=40)),
    Scenario(workers=8, batches=50, compute=Gumbel()),
    Scenario(workers=8, batches=200, compute=ShiftedExponential(shift=0.5)),
    Scenario(
        workers=8,
        batches=100,
        compute=Constant(mean_ms=100),
        network=FlatLatency(latency_ms=0),
        stragglers=Stragglers(hiccup_probability=0.2, hiccup_factor=2),
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("policy", [Synchronous(), Asynchronous()])
def test_every_expected_figure(scenario, policy):
    """Exact figures within Z standard errors (and rounding), approximate ones within 1 % more.

    Long-run figures are limits from below; two tests further down say how far below.
    """
    scenario = replace(scenario, policy=policy)
    runs, theory = replicate(scenario, 4_000), expected(scenario)
    assert set(theory) == {"epoch_ms", "idle_percent", "throughput", "utilization_percent", "mean_staleness"}
    for name, figure in theory.items():
        error = Z * runs[name].std() / np.sqrt(len(runs)) + 1e-9 * abs(figure.value)
        allowed = {"exact": error, "approximate": error + 0.01 * figure.value}
        difference = runs[name].mean() - figure.value
        if figure.holds == "long run":
            assert difference <= error
        else:
            assert abs(difference) <= allowed[figure.holds], name


@pytest.mark.parametrize("law", [Uniform(mean_ms=100), ShiftedExponential(mean_ms=100, shift=0.2)])
@pytest.mark.parametrize("wait_for", [1, 5, 7, 8])
@pytest.mark.parametrize("network", [FlatLatency(latency_ms=30), AlphaBeta(latency_ms=1, message_mb=10)])
def test_epoch_of_backup_workers(law, wait_for, network):
    """Also where the last iteration needs fewer: 8 × 10 gradients in fives, sevens and eights."""
    scenario = Scenario(workers=8, batches=10, compute=law, network=network, policy=BackupWorkers(wait_for=wait_for))
    assert within(replicate(scenario, 4_000)["epoch_ms"], expected(scenario)["epoch_ms"].value)


def test_synchronous_over_real_links():
    """The formulas hold with the cost of a collective in the place of L."""
    scenario = Scenario(workers=8, network=AlphaBeta(latency_ms=1, message_mb=10, overlap=0.5))
    assert within(replicate(scenario, 4_000)["epoch_ms"], expected(scenario)["epoch_ms"].value)


@pytest.mark.parametrize("policy", [Asynchronous(), Asynchronous(assignment="shared"), Asynchronous(accumulate=3)])
def test_long_run_through_a_server(policy):
    """Staleness tends to (N − 1)/K whatever the queue; throughput stays below its bound."""
    network = AlphaBeta(latency_ms=1, message_mb=20)  # d = 16 ms
    scenario = Scenario(workers=6, batches=2_000, compute=Uniform(mean_ms=50), network=network, policy=policy)
    theory, runs = expected(scenario), replicate(scenario, 2)
    assert runs["mean_staleness"].mean() == pytest.approx(theory["mean_staleness"].value, rel=0.02)
    assert (runs["throughput"] <= theory["throughput"].value).all()


def test_mixed_speeds_do_not_change_the_staleness_of_a_shared_queue():
    """N − 1, exactly as with equal workers; of K-async, (N − K)/K."""
    stragglers = Stragglers(slow_workers=2, slowdown=5)
    for policy in (Asynchronous(assignment="shared"), KAsync(wait_for=3)):
        scenario = Scenario(workers=6, batches=3_000, stragglers=stragglers, policy=policy)
        theory = expected(scenario)["mean_staleness"].value
        assert replicate(scenario, 2)["mean_staleness"].mean() == pytest.approx(theory, rel=0.02)


def test_theory_keeps_silent_where_it_knows_too_little():
    """Few batches: no ratio of means, no central limit; heavy tails and persistent stragglers: nothing on the epoch."""
    wild = Scenario(workers=1, batches=1, compute=Uniform(jitter=0.95), network=FlatLatency(latency_ms=0))
    assert set(expected(wild)) == {"epoch_ms", "mean_staleness"}
    assert set(expected(wild, Asynchronous())) == {"idle_percent", "mean_staleness"}
    assert "epoch_ms" not in expected(Scenario(compute=Pareto(alpha=2), batches=1000), Asynchronous())
    slow = Scenario(stragglers=Stragglers(slow_workers=1))
    assert set(expected(slow)) == {"mean_staleness"}
    assert expected(slow, Asynchronous()) == {}
    assert expected(slow, StaleSynchronous(bound=2)) == expected(slow, Rebalanced()) == {}
    assert expected(Scenario(workers=1, batches=1, compute=Constant()))["throughput"].holds == "exact"


@given(given_runs(policies=lambda workers: st.just(Asynchronous())))
def test_staleness_falls_short_of_workers_minus_one_by_the_tail(given):
    """Exactly: N − 1 − (updates after each worker's last one, summed over workers) / (N·B), for any draws."""
    run = given.run()
    last = run.gradients().groupby("worker")["update"].max()
    tail = (run.scenario.work - 1 - last).sum()
    assert run.metrics.mean_staleness == pytest.approx(run.scenario.workers - 1 - tail / run.scenario.work)


def test_staleness_tends_to_workers_minus_one():
    """The tail's length grows like √B, so its share falls like 1/√B: threefold when B grows ninefold."""
    gaps = [
        7 - replicate(Scenario(workers=8, batches=batches, policy=Asynchronous()), 200)["mean_staleness"].mean()
        for batches in (1_000, 9_000)
    ]
    assert gaps[0] / gaps[1] == pytest.approx(3, rel=0.1)


def test_idle_tends_to_a_sixth_with_the_reference_jitter():
    """SPEC §6: 16.67 % as N → ∞."""
    scenario = Scenario(workers=4096, batches=5, network=FlatLatency(latency_ms=0))
    assert expected(scenario)["idle_percent"].value == pytest.approx(100 / 6, abs=0.01)
    assert replicate(scenario, 20)["idle_percent"].mean() == pytest.approx(100 / 6, abs=0.05)
