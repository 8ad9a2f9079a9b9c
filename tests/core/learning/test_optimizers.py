"""Momentum, outer optimizers, staleness-aware rates, and averages that are taken in later: against plain loops."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    AlphaBeta,
    Asynchronous,
    Constant,
    FlatLatency,
    LocalSGD,
    Scenario,
    ScenarioError,
    StaleSynchronous,
    Synchronous,
    learn,
    replay,
    simulate,
)
from core.learning import NoisyQuadratic
from core.learning.experiment import rates_for, several_optimizers
from core.learning.optimizers import Optimizer
from core.learning.training import SAMPLES, stream
from tests.core.policies.test_policies import scripts
from tests.examples import drawn
from tests.strategies import FLAT, SERVER, given_runs, local_sgd

BOWL = NoisyQuadratic(curvatures=(1.0, 0.5, 0.2, 0.1, 0.05, 0.02), noise=1.0)
OPTIMIZERS = st.builds(
    Optimizer,
    momentum=st.sampled_from([0.0, 0.5]),
    outer_rate=st.sampled_from([1.0, 0.7]),
    outer_momentum=st.sampled_from([0.0, 0.9]),
    staleness_aware=st.booleans(),
)


def samples_of(run):
    """What each mini-batch adds to its gradient, [row][worker]."""
    rows, workers, _ = run.schedule.shape
    drawn = BOWL.mini_batches(stream(run.scenario.seed, SAMPLES, 0), rows * workers)
    return drawn.reshape(rows, workers, -1)


def loss(x):
    return float(np.square(x) @ BOWL.curvatures / 2)


def gradient(x, sample):
    return np.array(BOWL.curvatures) * x + sample


def plain_averages(given, run, rate, optimizer):
    """The losses after each average: every worker follows its script, step by step."""
    samples, policy, todo = samples_of(run), given.scenario.policy, [list(script) for script in scripts(given)]
    workers, size = range(len(todo)), BOWL.size
    x, v, done = [np.ones(size) for _ in workers], [np.zeros(size) for _ in workers], [0 for _ in workers]
    common, outer, sent, after, losses = np.ones(size), np.zeros(size), {}, {}, [loss(np.ones(size))]
    count, begun = 1 + max(number for _, _, number in todo[0]), []
    for number in range(count):
        part = slice(size * (number % policy.fragments) // policy.fragments, None)
        part = slice(part.start, size * (number % policy.fragments + 1) // policy.fragments)
        for worker in workers:
            act = None
            while act != ("send", number):
                until, *act = todo[worker].pop(0)
                act = tuple(act)
                for batch in range(done[worker], until):
                    v[worker] = optimizer.momentum * v[worker] + gradient(x[worker], samples[batch, worker])
                    x[worker] = x[worker] - rate * v[worker]
                done[worker] = until
                if act[0] == "take":
                    where, new = after[act[1]]
                    x[worker][where] += new - sent[act[1], worker]
            sent[number, worker] = x[worker][part].copy()
        since = begun[-policy.fragments] if number >= policy.fragments else [0 for _ in workers]  # that part was sent
        weights = [done[worker] - since[worker] for worker in workers]
        mean = sum(weight * sent[number, worker] for worker, weight in enumerate(weights)) / sum(weights)
        move = common[part] - mean
        outer[part] = optimizer.outer_momentum * outer[part] + move
        common[part] = common[part] - optimizer.outer_rate * (move + optimizer.outer_momentum * outer[part])
        after[number] = (part, common[part].copy())
        begun.append(list(done))
        losses.append(loss(common))
    return losses


@drawn(30)
@given(given_runs(policies=lambda workers: local_sgd(), networks=FLAT), OPTIMIZERS)
def test_averages_train_like_a_plain_loop(given, optimizer):
    run = given.run()
    found = replay(run, BOWL, 0.1, **vars(optimizer))["loss"]
    np.testing.assert_allclose(found, plain_averages(given, run, 0.1, optimizer), rtol=1e-9)


def plain_gradients(run, rate, optimizer):
    """The losses after each update, one gradient after the other."""
    samples, table, versions, velocity = samples_of(run), run.gradients(), [np.ones(BOWL.size)], np.zeros(BOWL.size)
    for update, mine in table[table["used"]].groupby("update"):
        slopes = []
        for row in mine.itertuples():
            slope = gradient(versions[update - row.staleness], samples[row.batch, row.worker])
            slopes.append(slope / (row.staleness + 1) if optimizer.staleness_aware else slope)
        velocity = optimizer.momentum * velocity + np.mean(slopes, axis=0)
        versions.append(versions[-1] - rate * velocity)
    return [loss(x) for x in versions]


def of_gradients(workers):
    return st.one_of(
        st.just(Synchronous()),
        st.builds(Asynchronous, accumulate=st.integers(1, 3)),
        st.builds(StaleSynchronous, bound=st.integers(0, 3)),
    )


@drawn(30)
@given(given_runs(policies=of_gradients, networks=FLAT | SERVER), OPTIMIZERS)
def test_gradients_train_like_a_plain_loop(given, optimizer):
    run = given.run()
    found = replay(run, BOWL, 0.05, **vars(optimizer))["loss"]
    np.testing.assert_allclose(found, plain_gradients(run, 0.05, optimizer), rtol=1e-9)


def test_diloco_traced_by_hand():
    """x²/2 from 1, a step at rate 0.5 a round: 0.5, a move of 0.5; Nesterov with 0.7 and 0.9: 1 − 0.7·(0.5 + 0.45)."""
    parabola = NoisyQuadratic(curvatures=(1.0,), noise=0)
    run = simulate(Scenario(workers=2, batches=2, policy=LocalSGD(period=1)))
    found = replay(run, parabola, 0.5, outer_rate=0.7, outer_momentum=0.9)["loss"]
    first = 1 - 0.7 * (0.5 + 0.9 * 0.5)
    move = first / 2
    second = first - 0.7 * (move + 0.9 * (0.9 * 0.5 + move))
    assert found.tolist() == pytest.approx([1 / 2, first**2 / 2, second**2 / 2])


def test_an_average_taken_in_later_adds_what_averaging_changed():
    """Workers at 1 and without noise stay equal: late averages change nothing; each step halves the distance."""
    parabola = NoisyQuadratic(curvatures=(1.0,), noise=0)
    at_once, later = (
        replay(simulate(Scenario(workers=3, batches=6, policy=LocalSGD(period=3, delay=delay))), parabola, 0.5)["loss"]
        for delay in (0, 2)
    )
    assert at_once.tolist() == later.tolist() == [1 / 2, 0.125**2 / 2, (1 / 64) ** 2 / 2]


def test_what_makes_no_difference_is_left_out():
    full = Optimizer(momentum=0.5, outer_rate=0.7, outer_momentum=0.9, staleness_aware=True)
    fresh, stale, local = (
        simulate(Scenario(policy=policy)).schedule for policy in (Synchronous(), Asynchronous(), LocalSGD())
    )
    assert full.fitting(fresh) == Optimizer(momentum=0.5)
    assert full.fitting(stale) == Optimizer(momentum=0.5, staleness_aware=True)
    assert full.fitting(local) == Optimizer(momentum=0.5, outer_rate=0.7, outer_momentum=0.9)
    assert max(rates_for(stale, Optimizer(momentum=0.9))) == max(rates_for(stale)) / 8
    assert max(rates_for(stale, Optimizer(staleness_aware=True))) > max(rates_for(stale))


def test_each_policy_is_judged_at_its_own_best_setting():
    """Chosen among all, on other runs than it is judged by; what does not matter to a policy is not tried."""
    scenario, policies = Scenario(workers=4), [Synchronous(), Asynchronous(), LocalSGD(period=4, delay=1)]
    question = {"seeds": 2, "gradients": 300, "points": 40}
    settings = {"momentum": (0, 0.9), "outer_rate": 0.7, "outer_momentum": (0, 0.9), "staleness_aware": (False, True)}
    learnt = learn(scenario, policies, BOWL, **question, **settings)
    names = ["momentum", "outer_rate", "outer_momentum", "staleness_aware"]
    tried = learnt.rates.groupby("policy", sort=False)[names].apply(lambda rows: len(rows.drop_duplicates()))
    assert tried.tolist() == [2, 4, 4]
    best = learnt.rates[learnt.rates["best"]]
    assert best["policy"].tolist() == [policy.label for policy in policies]
    columns = ["policy", "learning_rate", *names]
    pd.testing.assert_frame_equal(best[columns].reset_index(drop=True), learnt.policies[columns], check_dtype=False)
    for row in learnt.policies.itertuples():
        alone = learn(
            scenario,
            [next(policy for policy in policies if policy.label == row.policy)],
            BOWL,
            **question,
            learning_rates=row.learning_rate,
            **{name: getattr(row, name) for name in names},
        )
        assert alone.curves["loss"].tolist() == learnt.curves.query("policy == @row.policy")["loss"].tolist()


def test_what_is_sent_until_the_target_is_reached():
    """Ring all-reduce: 2(N − 1)/N·M an exchange; a fourth as many of them with local SGD; nothing on a flat network."""
    network = AlphaBeta(message_mb=8)
    scenario = Scenario(workers=4, compute=Constant(), network=network)
    learnt = learn(scenario, [Synchronous(), LocalSGD(period=4)], BOWL, seeds=2, gradients=400, target=0.3)
    each = 2 * 3 / 4 * 8
    for row in learnt.policies.itertuples():
        assert row.sent_mb == pytest.approx(each * row.exchanges)
        share = row.time_to_target_ms / row.epoch_ms
        assert row.exchanges == pytest.approx(row.updates * share, rel=0.05)
    flat = learn(Scenario(workers=4, network=FlatLatency()), [Synchronous()], BOWL, seeds=1, gradients=400, target=0.3)
    assert flat.policies["sent_mb"].isna().all()
    assert flat.policies["exchanges"].item() > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"momentum": 1}, "momentum: 1 is not a number from 0 to below 1"),
        ({"momentum": "0.9"}, "momentum: '0.9' is not"),
        ({"outer_rate": 0}, "outer_rate: 0 is not a number above 0"),
        ({"outer_momentum": (0, -1)}, "outer_momentum: -1 is not"),
        ({"staleness_aware": 3}, "staleness_aware: 3 is not true or false"),
        ({"momentum": ()}, "momentum, outer_rate, outer_momentum, staleness_aware: 0 combinations"),
        ({"momentum": np.arange(20) / 20}, "momentum, outer_rate, outer_momentum, staleness_aware: 17 combinations"),
    ],
)
def test_settings_that_are_none_are_refused(settings, message):
    with pytest.raises(ScenarioError) as refused:
        learn(Scenario(), [Synchronous()], BOWL, **settings)
    assert str(refused.value).startswith(message)


def test_settings_are_combined():
    found = several_optimizers((0, 0.9), 1, [0, 0.5], False)
    assert [(each.momentum, each.outer_momentum) for each in found] == [(0, 0), (0, 0.5), (0.9, 0), (0.9, 0.5)]
