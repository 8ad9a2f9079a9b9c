"""Closed forms against simulation. Each mean must lie within z standard errors, z = 4 (1 in 16,000 by chance)."""

import itertools
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
    LocalSGD,
    LogNormal,
    Measured,
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
from core.theory.closed_forms import (
    asynchronous_staleness,
    delay_stability_limit,
    expected,
    geometric_staleness,
    harmonic,
    hiccup_maximum,
    k_async_update_ms,
    order_statistic_ms,
    processor_sharing_throughput,
    server_throughput_bound,
)
from core.theory.order_statistics import erlang_maximum, kth_done_ms, normal_maximum
from tests.strategies import FLAT, SERVER, given_runs

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


@pytest.mark.parametrize("law", [*LAWS, Measured(compute_ms=[[1, 2], [2, 4]])], ids=lambda law: type(law).__name__)
def test_distributions_of_the_laws(law):
    """As many draws as the cdf says, within Z standard errors; quantiles are where the cdf passes a share."""
    shares = np.array([0.003, 0.2, 0.5, 0.9, 0.997])
    times = law.quantile(shares)
    runs = np.sort(law.draw(np.random.default_rng(4), (50_000, 2, 2), first_row=9), axis=None)
    for ms in (*times * (1 + 1e-9), *times * 0.999):
        share = law.cdf(np.array([ms]))[0]
        assert np.searchsorted(runs, ms, side="right") / runs.size == pytest.approx(
            share, abs=Z * np.sqrt(share * (1 - share) * 2 / runs.size) + 1e-12
        )
    assert (law.cdf(times * (1 + 1e-9)) >= shares - 1e-6).all()
    assert (law.cdf(times * (1 - 1e-9)) <= shares + 1e-6).all()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
@pytest.mark.parametrize(("k", "n"), [(1, 1), (4, 4), (16, 16), (3, 8), (1, 8)])
def test_order_statistics(law, k, n):
    ordered = np.sort(law.draw(np.random.default_rng(5), (100_000, n)), axis=1)
    assert within(ordered[:, k - 1], order_statistic_ms(law, k, n))


@pytest.mark.parametrize(
    "law", [law for law in LAWS if not isinstance(law, LogNormal)], ids=lambda law: type(law).__name__
)
@pytest.mark.parametrize(("k", "n"), [(1, 1), (2, 2), (8, 8), (5, 8), (1, 100), (96, 100), (30, 60), (4096, 4096)])
def test_the_integral_is_the_closed_form(law, k, n):
    """Where there is one (of a Gumbel's smaller ones there is none)."""
    if isinstance(law, Gumbel) and k < n:
        return
    assert kth_done_ms(law, Stragglers(), [(n, 1)], k) == pytest.approx(order_statistic_ms(law, k, n), rel=1e-6)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_two_speeds_and_hiccups_by_hand(k):
    """Three workers of 10 ms, one of them twice as slow, hiccups of 5×: all eight cases, each with its chance."""
    p, expected_ms = 0.3, 0.0
    for hiccups in itertools.product([False, True], repeat=3):
        times = sorted(10 * speed * (5 if hiccup else 1) for speed, hiccup in zip([2, 1, 1], hiccups, strict=True))
        expected_ms += times[k - 1] * p ** sum(hiccups) * (1 - p) ** (3 - sum(hiccups))
    stragglers = Stragglers(hiccup_probability=p, hiccup_factor=5)
    assert kth_done_ms(Constant(mean_ms=10), stragglers, [(1, 2), (2, 1)], k) == pytest.approx(expected_ms, rel=1e-12)


def test_figures_of_the_brief():
    """SPEC §6 and §8, those that are no check of the simulator; and ends of ranges."""
    assert harmonic(4) == pytest.approx(25 / 12)
    assert hiccup_maximum(1, 5, 3) == 5
    assert order_statistic_ms(Gumbel(mean_ms=1, cv=0.14), 32, 32) == pytest.approx(1.382, abs=0.005)
    assert np.isinf(Pareto(alpha=2).std_ms)
    assert sum(geometric_staleness(k, 8) for k in range(500)) == pytest.approx(1)
    assert sum(k * geometric_staleness(k, 8) for k in range(500)) == pytest.approx(asynchronous_staleness(8))
    assert k_async_update_ms(LogNormal(), 2, 4) is None
    assert server_throughput_bound([500, 500], 400) == 2.5
    assert processor_sharing_throughput(1, 750, 250) == pytest.approx(1)


@pytest.mark.parametrize(("staleness", "limit"), [(0, 2), (1, 1), (3, 0.445), (7, 0.2091), (15, 0.1013)])
def test_stability_of_delayed_gradient_descent(staleness, limit):
    """SPEC §6; there the largest root of z^(τ+1) − z^τ + ηλ crosses the unit circle."""
    assert delay_stability_limit(staleness) == pytest.approx(limit, abs=5e-4 if staleness == 3 else 5e-5)
    for factor, stable in ((0.999, True), (1.001, False)):
        polynomial = np.zeros(staleness + 2)
        polynomial[:2] = 1, -1
        polynomial[-1] += factor * delay_stability_limit(staleness)
        assert (np.abs(np.roots(polynomial)).max() < 1) == stable


@pytest.mark.parametrize(("workers", "steps"), [(1, 7), (8, 1), (16, 10), (5, 200)])
def test_slowest_of_n_erlang_sums(workers, steps):
    """Of one, its mean; of single draws, H_N; else within Z standard errors of simulation."""
    theory = erlang_maximum(workers, steps)
    if workers == 1 or steps == 1:
        assert theory == pytest.approx(steps if workers == 1 else harmonic(workers), rel=1e-9)
    assert within(np.random.default_rng(6).standard_gamma(steps, (50_000, workers)).max(axis=1), theory)


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
    Scenario(workers=8, batches=30, network=FlatLatency(latency_ms=150, async_fraction=0.9, async_least=0.5)),
    Scenario(
        workers=5,
        batches=20,
        compute=Constant(mean_ms=80),
        network=FlatLatency(latency_ms=40, async_fraction=1, async_least=1),
    ),
    Scenario(
        workers=4,
        batches=100,
        compute=ShiftedExponential(shift=0.2),
        network=FlatLatency(latency_ms=90, async_fraction=0.4, async_least=0.4),
    ),
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
    """Exact figures within Z standard errors (and rounding), approximate ones within 0.5 % more.

    Long-run figures are limits from below; two tests further down say how far below.
    """
    scenario = replace(scenario, policy=policy)
    runs, theory = replicate(scenario, 1_500), expected(scenario)
    assert set(theory) == {"epoch_ms", "idle_percent", "throughput", "utilization_percent", "mean_staleness"}
    for name, figure in theory.items():
        error = Z * runs[name].std() / np.sqrt(len(runs)) + 1e-9 * abs(figure.value)
        allowed = {"exact": error, "approximate": error + 0.005 * figure.value}
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
    assert within(replicate(scenario, 1_500)["epoch_ms"], expected(scenario)["epoch_ms"].value)


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


SLOW, BOTH = Stragglers(slow_workers=2, slowdown=1.5), Stragglers(slow_workers=1, slowdown=3, hiccup_probability=0.05)
FREE, EXPONENTIAL = FlatLatency(latency_ms=0), ShiftedExponential(mean_ms=100, shift=0)


def question(policy, **changes):
    """A scenario of six workers and twelve batches."""
    return Scenario(**{"workers": 6, "batches": 12, "compute": Uniform(mean_ms=100), "policy": policy, **changes})


@pytest.mark.parametrize(
    "scenario",
    [
        question(Synchronous(), compute=LogNormal(mean_ms=100, cv=0.8)),
        question(Synchronous(), stragglers=Stragglers(hiccup_probability=0.1)),
        question(Synchronous(), stragglers=SLOW),
        question(Synchronous(), stragglers=BOTH, compute=Gumbel(mean_ms=100)),
        question(Synchronous(), stragglers=BOTH, compute=Pareto(mean_ms=100, alpha=5), network=AlphaBeta()),
        question(Synchronous(), stragglers=SLOW, compute=Constant(mean_ms=100)),
        question(Rebalanced(), stragglers=SLOW),
        question(Rebalanced(), stragglers=BOTH, compute=EXPONENTIAL),
        question(Rebalanced(), stragglers=Stragglers(slow_workers=6)),
        question(BackupWorkers(wait_for=5), stragglers=SLOW),
        question(BackupWorkers(wait_for=5), stragglers=BOTH, compute=LogNormal(mean_ms=100)),
        question(BackupWorkers(wait_for=1), compute=Gumbel(mean_ms=100), network=AlphaBeta()),
        question(LocalSGD(period=1), stragglers=SLOW),
        question(LocalSGD(period=5), compute=EXPONENTIAL),
        question(LocalSGD(period=99), compute=EXPONENTIAL, stragglers=SLOW),
        question(LocalSGD(period=4), compute=Constant(mean_ms=100), stragglers=SLOW),
        question(LocalSGD(period=6)),
        question(LocalSGD(period=6), stragglers=SLOW, compute=Uniform(mean_ms=100, jitter=0.8)),
        question(LocalSGD(period=50), batches=100, compute=Gumbel(mean_ms=100, cv=0.3)),
        question(KAsync(wait_for=5), compute=EXPONENTIAL, network=FREE),
        question(KAsync(wait_for=2), compute=EXPONENTIAL, network=FREE, stragglers=SLOW),
        question(StaleSynchronous(bound=0), network=FREE, stragglers=BOTH),
        question(StaleSynchronous(bound=11), compute=EXPONENTIAL, network=FREE),
        question(Asynchronous(), compute=EXPONENTIAL, network=FREE),
        question(Asynchronous(), compute=EXPONENTIAL, network=FREE, stragglers=SLOW),
        question(Asynchronous(), stragglers=SLOW),
        question(Asynchronous(), stragglers=Stragglers(slow_workers=2, slowdown=1.02)),
        question(Asynchronous(), stragglers=SLOW, compute=Constant(mean_ms=100), network=FREE),
        question(Asynchronous(accumulate=4), compute=Gumbel(mean_ms=100), batches=60),
        question(Asynchronous(), workers=1, network=AlphaBeta()),
    ],
)
def test_every_figure_that_is_exact_or_approximate(scenario):
    """Exact: within Z standard errors, and rounding. Approximate: within 0.5 % more. The epoch is among them."""
    runs, theory = replicate(scenario, 4_000), expected(scenario)
    assert theory["epoch_ms"].holds in ("exact", "approximate")
    for name, figure in theory.items():
        error = Z * runs[name].std() / np.sqrt(len(runs)) + 1e-9 * abs(figure.value)
        allowed = {"exact": error, "approximate": error + 0.005 * figure.value}
        if figure.holds in allowed:
            assert abs(runs[name].mean() - figure.value) <= allowed[figure.holds], name


NETWORKS = [FREE, FlatLatency(latency_ms=100), AlphaBeta(latency_ms=1, message_mb=10)]
PAIRED = [
    (law, stragglers, NETWORKS[(i + j) % 3])
    for i, law in enumerate(LAWS)
    for j, stragglers in enumerate([Stragglers(), SLOW, BOTH])
]
"""Each law with each kind of stragglers, and either with each network."""


@pytest.mark.parametrize(("law", "stragglers", "network"), PAIRED, ids=repr)
def test_no_run_passes_a_bound(law, stragglers, network):
    """On average; for policies that wait less than a barrier does, and those that queue at a server."""
    policies = [KAsync(wait_for=k) for k in (1, 4, 6)] + [StaleSynchronous(bound=s) for s in (0, 1, 3)]
    for policy in (*policies, Asynchronous(), Asynchronous(assignment="shared")):
        scenario = question(policy, compute=law, stragglers=stragglers, network=network, batches=30)
        runs, theory = replicate(scenario, 100), expected(scenario)
        for name, figure in theory.items():
            if figure.holds == "bound":
                error = Z * runs[name].std() / np.sqrt(len(runs)) + 1e-9 * figure.value
                assert runs[name].mean() <= figure.value + error, (policy, name)


def test_where_a_bound_on_the_epoch_is_known():
    """Stale-synchronous: for any independent times; K-async: where draws that have begun end no later than new ones."""
    for law, known in ((Uniform(), True), (Gumbel(), True), (LogNormal(), False), (Pareto(), False)):
        assert ("epoch_ms" in expected(question(KAsync(wait_for=5), compute=law))) == known
        assert "epoch_ms" not in expected(
            question(KAsync(wait_for=2), compute=law)
        )  # it would be several times as long
        assert expected(question(StaleSynchronous(bound=2), compute=law))["epoch_ms"].holds == "bound"
    assert "epoch_ms" not in expected(question(KAsync(wait_for=2), stragglers=BOTH))
    assert "epoch_ms" not in expected(question(StaleSynchronous(bound=2), network=AlphaBeta()))


@pytest.mark.parametrize("stragglers", [Stragglers(), SLOW, BOTH])
@pytest.mark.parametrize("policy", [Asynchronous(assignment="shared"), Asynchronous(accumulate=3, assignment="shared")])
def test_long_run_of_a_shared_queue(stragglers, policy):
    """Throughput tends to Σ 1/(m_w + y) from below: how an epoch begins and ends costs the same however long it is."""
    epochs = []
    for batches in (100, 250):
        scenario = question(policy, batches=batches, stragglers=stragglers, network=FlatLatency(latency_ms=60))
        theory, runs = expected(scenario)["throughput"], replicate(scenario, 200)
        assert theory.holds == "long run"
        assert runs["throughput"].mean() < theory.value
        epochs.append(runs["epoch_ms"])
    error = Z * np.hypot(*(epoch.std() / np.sqrt(200) for epoch in epochs))
    assert epochs[1].mean() - epochs[0].mean() == pytest.approx(1000 * 6 * 150 / theory.value, abs=error)


def test_theory_keeps_silent_where_it_knows_too_little():
    """Few batches: no ratio of means, no central limit; heavy tails and random speeds: nothing on the epoch."""
    wild = Scenario(workers=1, batches=1, compute=Uniform(jitter=0.95), network=FREE)
    assert set(expected(wild)) == {"idle_percent", "epoch_ms", "mean_staleness"}
    assert set(expected(wild, Asynchronous())) == {"idle_percent", "epoch_ms", "mean_staleness"}
    heavy = Scenario(compute=Pareto(alpha=2), batches=1000, stragglers=Stragglers(slow_workers=1))
    for policy in (Synchronous(), Asynchronous(), LocalSGD(period=100), StaleSynchronous(bound=2)):
        assert "epoch_ms" not in expected(heavy, policy)
    assert expected(Scenario(workers=1, batches=1, compute=Constant()))["throughput"].holds == "exact"
    many = Scenario(workers=300, compute=LogNormal())
    assert set(expected(many, BackupWorkers(wait_for=150))) == {"mean_staleness"}
    assert "epoch_ms" in expected(many, BackupWorkers(wait_for=250))


@pytest.mark.parametrize(
    "unknown",
    [Scenario(stragglers=Stragglers(spread=0.1)), Scenario(compute=Measured(compute_ms=[[1, 2, 3, 4]]))],
    ids=["random speeds", "measured"],
)
def test_of_random_speeds_only_staleness_is_known(unknown):
    policies = [Synchronous(), Rebalanced(), BackupWorkers(wait_for=2), LocalSGD(), KAsync(), StaleSynchronous()]
    for policy in policies:
        assert set(expected(unknown, policy)) == {"mean_staleness"}
    assert set(expected(unknown, Asynchronous())) == {"mean_staleness", "idle_percent"}
    assert set(expected(unknown, Asynchronous(accumulate=2))) == {"idle_percent"}
    assert set(expected(unknown, Asynchronous(assignment="shared"))) == {"mean_staleness", "idle_percent"}


@given(
    given_runs(
        policies=lambda workers: st.one_of(
            st.just(Asynchronous()), st.builds(StaleSynchronous, bound=st.integers(0, 4))
        ),
        networks=FLAT | SERVER,
    )
)
def test_no_run_is_staler_than_workers_minus_one(given):
    """On average over its gradients, whatever the draws; with bound 0, half that."""
    run, policy = given.run(), given.scenario.policy
    most = given.scenario.workers - 1
    assert run.metrics.mean_staleness <= most + 1e-12
    if policy == StaleSynchronous(bound=0):
        assert run.metrics.mean_staleness == pytest.approx(most / 2)


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
