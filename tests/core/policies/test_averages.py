"""Local SGD with a delay, fragments and balanced rounds: by hand, and what must hold."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    AlphaBeta,
    Constant,
    FlatLatency,
    LocalSGD,
    Scenario,
    ScenarioError,
    ShiftedExponential,
    Stragglers,
    replicate,
    simulate,
)
from core.policies.averages import balanced_steps
from tests.examples import drawn
from tests.strategies import FLAT, buckets_and_nodes, given_runs, local_sgd


def run(policy, latency_ms=25, workers=2, batches=12, **fields):
    law, network = Constant(mean_ms=10), FlatLatency(latency_ms=latency_ms)
    return simulate(
        Scenario(workers=workers, batches=batches, policy=policy, **{"compute": law, "network": network} | fields)
    )


def segments(run, worker=0):
    """What a worker does, in its order: [phase, start, end]; the network beside it last."""
    table = run.segments().query("worker == @worker")
    hidden = table["phase"] == "hidden comm"
    return [table[kind][["phase", "start_ms", "end_ms"]].values.tolist() for kind in (~hidden, hidden)]


def test_a_delayed_average_traced_by_hand():
    """Four batches of 10 ms, 25 ms of network, taken in two batches later: 5 ms are waited for, all at the end."""
    own, beside = segments(run(LocalSGD(period=4, delay=2)))
    assert [each for each in own if each[0] == "comm"] == [["comm", 60, 65], ["comm", 105, 110], ["comm", 130, 155]]
    assert beside == [["hidden comm", 40, 60], ["hidden comm", 85, 105]]


def test_what_was_read_when():
    """Two batches of each round are computed before the last average is taken in: they are one average stale."""
    table = run(LocalSGD(period=4, delay=2)).gradients().query("worker == 0")
    assert table["staleness"].tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0]
    assert table["update_number"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert table["read_ms"].tolist() == [0] * 6 + [65] * 4 + [110] * 2
    assert table["applied_ms"].tolist() == [65] * 4 + [110] * 4 + [155] * 4


def test_fragments_pay_the_latency_each_and_share_the_message():
    """Every two batches of 10 ms one of two halves: 2·0.5 ms and half of 8 ms."""
    network = AlphaBeta(latency_ms=0.5, bandwidth_gbps=8, message_mb=8)
    metrics = run(LocalSGD(period=4, fragments=2), network=network).metrics
    assert metrics.epoch_ms == pytest.approx(12 * 10 + 6 * (2 * 0.5 + 8 / 2))
    assert (metrics.updates, metrics.gradients_per_update, metrics.mean_staleness) == (6, 4, 0)


def test_fragments_queue_for_the_network():
    """15 ms each, asked for every 10 ms: one at a time, there at 25, 40 and 55; the third is waited for from 50 on."""
    own, beside = segments(run(LocalSGD(period=3, fragments=3, delay=2), latency_ms=15, batches=6))
    assert beside[:3] == [["hidden comm", 10, 25], ["hidden comm", 25, 40], ["hidden comm", 40, 50]]
    assert [each[1] for each in own if each[0] == "compute"] == [0, 10, 20, 30, 40, 55]


def test_rounds_by_the_clock_of_a_slow_worker():
    """One of four takes twice as long: 4 batches a round instead of 7, the others 8, and nobody waits."""
    slow = Stragglers(slow_workers=1, slowdown=2)
    found = run(LocalSGD(period=7, balance=True), workers=4, batches=14, latency_ms=0, stragglers=slow)
    assert found.contributions()["used"].tolist() == [8, 16, 16, 16]
    assert found.metrics.epoch_ms == pytest.approx(2 * 80)
    assert found.metrics.wait_percent == pytest.approx(0)
    assert found.metrics.updates == 2
    even = run(LocalSGD(period=7), workers=4, batches=14, latency_ms=0, stragglers=slow)
    assert even.metrics.epoch_ms == pytest.approx(2 * 140)


def test_fragments_in_balanced_rounds_traced_by_hand():
    """Every 3 batches on average, 2 of a slow worker and 4 of the other, half the parameters; 15 ms, 3 batches later.

    W0, 20 ms each: sends at 40, 80 and 120, and has the first half behind its fifth batch, at 100. W1, 10 ms each:
    sends at 40, 80 and 120, and takes the halves in at 70 and 110.
    """
    slow, halves = Stragglers(slow_workers=1, slowdown=2), LocalSGD(period=6, fragments=2, delay=3, balance=True)
    found = run(halves, workers=2, batches=9, latency_ms=15, stragglers=slow)
    assert found.contributions()["used"].tolist() == [6, 12]
    table = found.gradients().query("used")
    reads = {worker: mine["read_ms"].tolist() for worker, mine in table.groupby("worker")}
    assert reads == {0: [0, 0, 0, 0, 0, 100], 1: [0] * 7 + [70] * 4 + [110]}
    assert found.metrics.epoch_ms == 120 + 15


@drawn(25)
@given(given_runs(policies=lambda workers: local_sgd()))
def test_balanced_rounds_of_equal_workers_are_plain_rounds(given):
    """With fragments, too: where averages are taken in before the last batch, which balanced rounds treat apart."""
    equal = np.full_like(given.compute_ms, 2.0)
    policy, batches = given.scenario.policy, given.scenario.batches
    plain, balanced = (
        simulate(replace(given.scenario, policy=replace(policy, balance=balance)), compute_ms=equal)
        for balance in (False, True)
    )
    if policy.delay < policy.period // policy.fragments and batches % (policy.period // policy.fragments) == 0:
        assert balanced.metrics == plain.metrics
    assert balanced.metrics.epoch_ms == plain.metrics.epoch_ms


@given(st.lists(st.integers(1, 40), min_size=1, max_size=7), st.integers(1, 9), st.randoms(use_true_random=False))
def test_balanced_rounds_are_done_as_early_as_can_be(times, average, random):
    """At least one batch each, all of them together; no batch could be done sooner by somebody else."""
    slowness = np.array(times, dtype=float)[:, None]
    steps = balanced_steps(slowness, average)
    assert steps.sum() == average * len(times)
    assert steps.min() >= 1
    done, soonest = (steps * slowness)[steps > 1], ((steps + 1) * slowness).min()
    assert not len(done) or done.max() <= soonest


@drawn(30)
@given(given_runs(policies=lambda workers: local_sgd(), networks=lambda workers: FLAT | buckets_and_nodes(workers)))
def test_phases_follow_each_other_whatever_passes_beside_them(given):
    found = given.run()
    table = found.segments().query("phase != 'hidden comm'")
    for _, mine in table.groupby("worker"):
        assert mine["start_ms"].iloc[0] == 0
        np.testing.assert_array_equal(mine["start_ms"].to_numpy()[1:], mine["end_ms"].to_numpy()[:-1])
    figures = found.metrics
    assert figures.utilization_percent + figures.wait_percent + figures.comm_percent == pytest.approx(100)
    assert found.gradients()["used"].sum() == given.scenario.work
    beside = found.segments().query("phase == 'hidden comm'")
    assert (beside["start_ms"] >= 0).all()
    assert (beside["end_ms"] <= figures.epoch_ms * (1 + 1e-12)).all()


@drawn(30)
@given(given_runs(policies=lambda workers: st.integers(1, 6).map(lambda period: LocalSGD(period=period))))
def test_an_average_that_is_taken_in_later_never_makes_the_epoch_longer(given):
    scenario = given.scenario
    for delay in range(1, scenario.policy.period):
        later = replace(scenario, policy=replace(scenario.policy, delay=delay))
        epoch = simulate(later, compute_ms=given.compute_ms).metrics.epoch_ms
        assert epoch <= given.run().metrics.epoch_ms * (1 + 1e-12)


def test_a_delay_hides_waiting_too():
    """Exponential times: the epoch is shorter than hiding the network alone could make it."""
    law = ShiftedExponential(mean_ms=1, shift=0)
    scenario = Scenario(workers=8, batches=200, compute=law, network=FlatLatency(latency_ms=1))
    at_once, later = (
        replicate(replace(scenario, policy=LocalSGD(period=10, delay=delay)), 100)["epoch_ms"].mean() / 200
        for delay in (0, 2)
    )
    assert at_once - 1 / 10 > later + 0.05


def test_many_runs_are_as_one():
    slow = Stragglers(spread=0.3)
    for policy in (
        LocalSGD(period=5, delay=2, balance=True),
        LocalSGD(period=6, delay=4, fragments=3),
        LocalSGD(period=6, delay=4, fragments=3, balance=True),
    ):
        scenario = Scenario(workers=5, batches=23, stragglers=slow, policy=policy)
        runs = replicate(scenario, 700)
        assert runs["epoch_ms"][0] == simulate(scenario).metrics.epoch_ms
        assert runs["epoch_ms"][500] == replicate(scenario, 501)["epoch_ms"][500]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"delay": 4}, "policy.delay: 4 is not below policy.period, which is 4"),
        ({"delay": -1}, "policy.delay: -1 is not"),
        ({"fragments": 3}, "policy.fragments: 3 does not divide policy.period, which is 4; take, for example, 2."),
        ({"balance": 2}, "policy.balance: 2 is not true or false."),
    ],
)
def test_settings_that_contradict_each_other_are_refused(fields, message):
    with pytest.raises(ScenarioError) as refused:
        LocalSGD(**fields)
    assert str(refused.value).startswith(message)


def test_given_times_that_are_too_few_are_refused():
    scenario = Scenario(workers=2, batches=4, policy=LocalSGD(period=4, balance=True))
    with pytest.raises(ScenarioError, match=r"4 rows were given, but Local SGD .* needs 6"):
        simulate(scenario, compute_ms=[[10, 30]] * 4)
