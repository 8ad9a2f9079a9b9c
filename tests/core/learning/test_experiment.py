"""The fair comparison: what is judged best, how much faster, and that all policies train on the same."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from core import (
    Asynchronous,
    KAsync,
    LocalSGD,
    Rebalanced,
    Scenario,
    ScenarioError,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    compare,
    simulate,
)
from core.learning.digits import Digits
from core.learning.experiment import (
    ENOUGH_EACH,
    FRESH_GRID,
    MOST_BEYOND,
    TRIAL_SEEDS,
    for_training,
    gradients_for,
    learn,
    local_steps,
    rates_for,
    train_policy,
)
from core.learning.judging import Trained, by_rate, judged, trainings
from core.learning.quadratic import NoisyQuadratic
from core.learning.training import replay
from core.workload.draws import Draws, TooManyRuns

NAN = float("nan")
QUICK = NoisyQuadratic(curvatures=(1.0, 0.2))
TIMES = (0.0, 10.0, 20.0, 30.0)


def by_hand(policy, rate, *losses_of_runs):
    """Curves of one policy at one learning rate, measured at 0, 10, 20 and 30 ms, one row of losses a run."""
    return [
        {"policy": policy, "learning_rate": rate, "run": run, "time_ms": time, "loss": loss}
        for run, losses in enumerate(losses_of_runs)
        for time, loss in zip(TIMES, losses, strict=True)
    ]


def tried(*rates, target=1.0, problem=QUICK):
    """What is said of the rates of one policy, from curves made by hand."""
    return by_rate(trainings(pd.DataFrame([row for rate in rates for row in rate]), problem, target))


def best(rates):
    return rates.loc[rates["best"], "learning_rate"].item()


def judgement(*policies, target=1.0, problem=QUICK):
    """What is judged of policies at the one rate of their curves, which are made by hand."""
    trained = [Trained(trials=pd.DataFrame(), curves=pd.DataFrame(rows), local_steps=0) for rows in policies]
    figures = pd.DataFrame({"policy": [rows[0]["policy"] for rows in policies]})
    figures[["epoch_ms", "updates", "gradients_per_update", "mean_staleness"]] = 30.0, 3, 1.0, 0.0
    return judged(trained, figures, problem, target)


def test_the_best_rate_reaches_the_target_in_every_run_and_first():
    """In the geometric mean over runs; one that never gets there is infinitely late: 0.3 is first but for one run."""
    rates = tried(
        by_hand("A", 0.1, (5, 3, 2, 1), (5, 3, 2, 1), (5, 3, 2, 1)),
        by_hand("A", 0.2, (5, 1, 1, 1), (5, 2, 1, 1), (5, 3, 2, 1)),
        by_hand("A", 0.3, (5, 1, 1, 1), (5, 1, 1, 1), (5, 3, 2, 2)),
        by_hand("A", 0.4, (5, 1, 1, 1), (5, 3, 2, 2), (5, 3, 2, 2)),
    )
    mean = (10 * 20 * 30) ** (1 / 3)
    assert best(rates) == 0.2
    assert rates["time_to_target_ms"].fillna(-1).tolist() == pytest.approx([30, mean, -1, -1])
    assert rates["reached"].tolist() == [3, 3, 2, 1]
    assert rates["of"].tolist() == [3, 3, 3, 3]
    assert rates["final_loss"].tolist() == [1, 1, 1, 2]


def test_where_none_reaches_the_target_in_every_run_the_surest_is_best():
    rates = tried(
        by_hand("A", 0.1, (5, 3, 1, 0.9), (5, 3, 2, 0.9), (5, 3, 2, 2)),
        by_hand("A", 0.2, (5, 1, 0.5, 0.5), (5, 3, 3, 3), (5, 3, 3, 3)),
    )
    assert best(rates) == 0.1


def test_equally_early_rates_are_told_apart_by_their_final_loss():
    rates = [by_hand("A", 0.1, (5, 1, 1, 0.9)), by_hand("A", 0.2, (5, 1, 1, 0.5)), by_hand("A", 0.4, (5, 1, 1, 0.7))]
    assert best(tried(*rates)) == 0.2


def test_where_none_reaches_the_target_the_lowest_final_loss_is_best():
    rates = tried(by_hand("A", 0.1, (5, 4, 4, 4)), by_hand("A", 0.2, (5, 4, 3, 3)), target=0.5)
    assert best(rates) == 0.2
    assert rates["time_to_target_ms"].isna().all()


def test_where_all_diverge_the_lowest_rate_is_best():
    assert best(tried(by_hand("A", 0.1, (5, 9, NAN, NAN)), by_hand("A", 0.2, (5, NAN, NAN, NAN)))) == 0.1


def test_no_time_is_made_up_from_the_runs_that_got_there():
    row = judgement(by_hand("A", 0.1, (5, 3, 1, 0.9), (5, 3, 2, 0.9), (5, 3, 2, 2))).policies.iloc[0]
    assert (row["reached"], row["of"]) == (2, 3)
    assert row[["time_to_target_ms", "time_high_ms", "speedup"]].isna().all()


def test_diverged_trainings_have_not_reached_the_target():
    """Not even where they had before."""
    a, b = ((5, 4, 3, 1), (5, 1, NAN, NAN)), ((5, 1, 1, NAN), (5, 1, 1, 1))
    answer = judgement(by_hand("A", 0.1, *a), by_hand("B", 0.1, *b))
    assert answer.policies["policy"].tolist() == ["A", "B"]
    assert answer.policies["diverged"].tolist() == [1, 1]
    assert answer.policies["reached"].tolist() == [1, 1]
    assert answer.policies[["time_to_target_ms", "speedup"]].isna().all(axis=None)


def test_a_loss_that_ends_above_its_start_has_diverged():
    """Whatever it was between two measures, and however close it came; one that rose and came back has not."""
    answer = judgement(by_hand("A", 0.1, (5, 1, 9, 5.1), (5, 9, 9, 1), (5, 4, 3, 1)))
    assert answer.runs["diverged"].tolist() == [True, False, False]
    assert answer.rates[["reached", "diverged", "stuck"]].to_numpy().tolist() == [[2, 1, 0]]
    assert answer.rates["final_loss"].tolist() == [1]


@dataclass(frozen=True, kw_only=True)
class Guessable(NoisyQuadratic):
    """A guess has a loss of 4."""

    guess_loss = 4.0


def test_what_ends_at_a_guess_after_a_rise_is_stuck():
    """0.9 of it after a rise is not, nor is a slow one that never rose."""
    curves = by_hand("A", 0.1, (5, 7, 4, 3.9), (5, 4.9, 4.8, 4.7), (5, 9, 4, 3.6), (5, 3, 2, 1))
    answer = judgement(curves, problem=Guessable())
    assert answer.runs["stuck"].tolist() == [True, False, False, False]
    assert not answer.runs["diverged"].any()
    assert not judgement(curves).runs["stuck"].any()


def test_one_answer_for_everything_is_stuck():
    """Even below the loss of a guess, and even if it had reached the target before."""
    curves = [row | {"stuck": float(row["time_ms"] >= 20)} for row in by_hand("A", 0.1, (5, 1, 1, 0.5))]
    answer = judgement(curves)
    assert answer.runs[["stuck", "time_to_target_ms"]].fillna(-1).to_numpy().tolist() == [[True, -1]]


def test_a_network_whose_units_are_all_off_is_stuck():
    """At a learning rate of 4 every run of 4 workers ends at ln 10; at 2^-6 one is slow, but alive."""
    rates = {"learning_rates": (2.0**-6, 4.0), "seeds": 1}
    answer = learn(Scenario(workers=4), [Synchronous()], Digits(), **rates)
    assert answer.rates["stuck"].tolist() == [0, TRIAL_SEEDS]
    assert answer.rates["diverged"].tolist() == [0, 0]
    assert answer.rates["final_loss"].iloc[1] == pytest.approx(np.log(10), rel=0.02)


def test_speedups_are_taken_run_by_run():
    """Over the first policy; their geometric mean is the ratio of the times' means, where both always got there."""
    first = by_hand("A", 0.1, (5, 3, 1, 1), (5, 3, 2, 1), (5, 3, 1, 1))
    answer = judgement(first, by_hand("B", 0.1, (5, 1, 1, 1), (5, 1, 1, 1), (5, 3, 1, 1)))
    assert answer.runs["speedup"].tolist() == [1, 1, 1, 2, 3, 1]
    table = answer.policies
    assert table["speedup"].tolist() == pytest.approx([1, 6 ** (1 / 3)])
    assert table["time_to_target_ms"][0] / table["time_to_target_ms"][1] == pytest.approx(table["speedup"][1])
    assert table["speedup_low"][1] < 1 < table["speedup"][1] < table["speedup_high"][1]
    assert table["outcome"].tolist() == ["", "open"]
    assert table["seeds_to_decide"][1] > 3
    late = judgement(first, by_hand("B", 0.1, (5, 1, 1, 1), (5, 3, 3, 3), (5, 3, 1, 1)))
    assert late.runs["speedup"].fillna(-1).tolist() == [1, 1, 1, 2, -1, 1]
    assert late.policies.loc[1, ["speedup", "speedup_low", "speedup_high"]].isna().all()
    assert late.policies["outcome"].tolist() == ["", ""]
    assert late.ratios == {}


def test_every_pair_that_always_gets_there_has_its_ratio():
    """The second policy does not; the table has the ratio over the first, and its own interval."""
    a, c = ((5, 3, 1, 1), (5, 3, 2, 1)), ((5, 1, 1, 1), (5, 2, 1, 1))
    answer = judgement(by_hand("A", 0.1, *a), by_hand("B", 0.1, (5, 3, 3, 1), (5, 3, 3, 3)), by_hand("C", 0.1, *c))
    assert answer.ratios.keys() == {("A", "C"), ("C", "A")}
    ratio = answer.ratios["A", "C"]
    assert ratio.value == pytest.approx((20 / 10 * 30 / 20) ** 0.5)
    assert answer.policies.loc[2, ["speedup", "speedup_low"]].tolist() == [ratio.value, ratio.low]


def test_all_policies_train_on_the_same():
    """As many samples, the same start, as many points, and times that are those of `compare`."""
    policies, calls = [Synchronous(), Asynchronous(), LocalSGD(period=3)], []
    scenario = Scenario(workers=4, batches=7)
    answer = learn(scenario, policies, QUICK, gradients=98, seeds=3, points=30, progress=lambda *at: calls.append(at))
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert answer.policies["policy"].tolist() == [policy.label for policy in policies]
    for curves, runs, points in ((answer.curves, 3, 30), (answer.trials, TRIAL_SEEDS, 30)):
        ends = curves.groupby(["policy", "learning_rate", "run"], sort=False)
        assert (ends.size() == points + 1).all()
        assert curves["run"].nunique() == runs
        assert (ends["samples"].max() == 96 * 16).all()
        assert (ends["loss"].first() == 0.6).all()
    ends = answer.curves.groupby(["policy", "run"])
    epochs = compare(for_training(scenario, 98), policies, 3).set_index(["policy", "replicate"])["epoch_ms"]
    assert ends["time_ms"].max().to_dict() == pytest.approx(epochs.to_dict())
    assert answer.policies.set_index("policy")["epoch_ms"].to_dict() == epochs.groupby("policy").mean().to_dict()


def test_rates_are_chosen_in_other_runs_than_they_are_judged_in():
    """Neither the times nor the samples of a run that a rate is chosen by come again in one that it is judged by."""
    trained = train_policy(Scenario(policy=Asynchronous()), Digits(hidden=()), gradients=40, seeds=8, points=10)
    ends = [set(curves.groupby("run")["time_ms"].last()) for curves in (trained.trials, trained.curves)]
    starts = [set(curves.groupby("run")["loss"].first()) for curves in (trained.trials, trained.curves)]
    assert [len(each) for each in (*ends, *starts)] == [TRIAL_SEEDS, 8, TRIAL_SEEDS, 8]
    assert not ends[0] & ends[1]
    assert not starts[0] & starts[1]


def test_the_choice_of_a_rate_does_not_depend_on_what_it_is_judged_by():
    scenario = Scenario(policy=Asynchronous())
    few, more = (train_policy(scenario, QUICK, gradients=200, seeds=seeds) for seeds in (1, 4))
    assert few.trials.equals(more.trials)
    shared = more.curves[more.curves["run"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(few.curves, shared, rtol=1e-12)


def test_rates_are_tried_beyond_an_end_that_is_the_best():
    """Curvatures of 0.01 want rates a hundred times as large; a grid that was given is not left."""
    flat = NoisyQuadratic(curvatures=(0.01,), noise=0)
    answer = learn(Scenario(), [Synchronous()], flat, gradients=400, seeds=1)
    rates = answer.rates["learning_rate"].tolist()
    assert rates == [*FRESH_GRID, *(FRESH_GRID[-1] * 2.0**power for power in range(1, MOST_BEYOND + 1))]
    assert answer.policies["learning_rate"].item() == rates[-1]
    assert answer.policies["at_edge"].item()
    steep = NoisyQuadratic(curvatures=(40.0,), noise=0)
    answer = learn(Scenario(), [Synchronous()], steep, gradients=400, seeds=1)
    assert not answer.policies["at_edge"].item()
    assert answer.policies["learning_rate"].item() < FRESH_GRID[0]
    given = learn(Scenario(), [Synchronous()], flat, gradients=400, seeds=1, learning_rates=(0.5, 1))
    assert given.rates["learning_rate"].tolist() == [0.5, 1]
    assert given.policies["at_edge"].item()


def test_few_updates_are_measured_at_as_many_points():
    """Six updates at nine points: parameters stay until the next update, and time passes evenly in between."""
    scenario = Scenario(workers=4, policy=LocalSGD(period=2))
    curves = train_policy(scenario, QUICK, learning_rates=0.1, gradients=48, seeds=1, points=9).curves
    every = replay(simulate(for_training(scenario, 48)), QUICK, 0.1)
    assert every["update"].max() == 6
    assert curves["update"].tolist() == [0, 0, 1, 2, 2, 3, 4, 4, 5, 6]
    assert curves["loss"].tolist() == [every["loss"][update] for update in curves["update"]]
    expected = np.interp(np.arange(10) * 6 / 9, np.arange(7), every["time_ms"])
    np.testing.assert_allclose(curves["time_ms"], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("policy", "steps"), [(LocalSGD(period=3), 3), (LocalSGD(period=99), 10), (Synchronous(), 0), (Asynchronous(), 0)]
)
def test_local_steps(policy, steps):
    assert local_steps(simulate(Scenario(policy=policy)).schedule) == steps


def test_the_first_run_is_a_simulated_one():
    scenario = Scenario(workers=3, policy=Asynchronous())
    curves = train_policy(scenario, Digits(), learning_rates=0.1, gradients=60, seeds=2, points=4).curves
    alone = replay(simulate(for_training(scenario, 60)), Digits(), 0.1, points=4)
    np.testing.assert_allclose(curves.loc[curves["run"] == 0].drop(columns="policy"), alone, rtol=1e-12)
    assert (curves["policy"] == "Asynchronous").all()


def test_one_rate_for_all_can_be_pinned():
    """Then nothing is tried."""
    answer = learn(Scenario(), [Synchronous(), Asynchronous()], QUICK, learning_rates=0.1, gradients=40, seeds=2)
    assert answer.policies["learning_rate"].tolist() == [0.1, 0.1]
    assert not answer.policies["at_edge"].any()
    assert answer.trials.empty
    assert answer.rates["of"].tolist() == [2, 2]


@pytest.mark.parametrize("workers", [1, 4, 64])
def test_the_defaults_reach_the_target_inside_the_grid(workers):
    """The network of digits, on every seed."""
    table = learn(Scenario(workers=workers), [Synchronous(), Asynchronous()], Digits(), seeds=3).policies
    assert table["reached"].tolist() == [3, 3]
    assert not table["at_edge"].any()


@pytest.mark.parametrize(
    "policy",
    [
        StaleSynchronous(bound=1),
        LocalSGD(period=4),
        KAsync(wait_for=16),
        Asynchronous(assignment="shared"),
        Rebalanced(),
    ],
    ids=lambda policy: policy.label,
)
def test_other_policies_of_many_workers_reach_the_target_too(policy):
    table = learn(Scenario(workers=32), [policy], Digits(hidden=()), seeds=2).policies
    assert table["reached"].item() == 2
    assert not table["at_edge"].item()


def test_more_workers_train_on_more_mini_batches_as_far_as_time_allows():
    """72 each, 640 in all at least; then as many as fit, 16 each at least; then none."""
    assert [gradients_for(workers, Digits()) for workers in (1, 8, 9, 64)] == [640, 640, 9 * 72, 64 * 72]
    most = gradients_for(100, Digits())
    assert most < 100 * ENOUGH_EACH
    assert gradients_for(most // 16, Digits()) == most
    with pytest.raises(ScenarioError, match=rf"^workers: 4,096 are too many .* allowed are 1 to {most // 16:,},"):
        gradients_for(4096, Digits())
    assert gradients_for(4096, NoisyQuadratic()) >= 4096 * 16
    with pytest.raises(ScenarioError, match=r"^problem: a mini-batch of .* is too much .* products up to 11,250,000\."):
        gradients_for(1, Digits(hidden=(500, 500), batch=64))


def test_rates_are_as_many_for_each_policy_and_lower_the_staler_it_is():
    """By powers of two, along with the largest stable rate: 0.445/2 with a staleness of 3, 0.025/2 with 62."""
    for workers, lower in ((4, 4), (64, 64)):
        scenario = Scenario(workers=workers, batches=48)
        fresh, stale = (
            rates_for(simulate(replace(scenario, policy=policy)).schedule)
            for policy in (LocalSGD(period=4), Asynchronous())
        )
        assert fresh == FRESH_GRID
        assert stale == tuple(rate / lower for rate in fresh)


def test_the_length_of_the_epoch_does_not_matter():
    """Nor whether its policy could be simulated at that length: only the training is."""
    long = Scenario(workers=8, batches=100_000)
    few = {"seeds": 2, "learning_rates": 0.25}
    answer = learn(long, [Synchronous(), KAsync(wait_for=2)], QUICK, **few)
    assert answer.curves.equals(learn(Scenario(workers=8), [Synchronous(), KAsync(wait_for=2)], QUICK, **few).curves)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("gradients", {"gradients": 0}),
        ("gradients", {"gradients": 100_001}),
        ("seeds", {"seeds": 33}),
        ("points", {"points": 0}),
        ("learning_rate", {"learning_rates": ()}),
        ("target", {"target": -1}),
        ("policies", {"policies": []}),
        ("policies", {"policies": [Synchronous(), Synchronous()]}),
    ],
)
def test_values_out_of_bounds_are_refused(field, changes):
    arguments = {"policies": [Synchronous()], "problem": QUICK, "gradients": 40} | changes
    with pytest.raises(ScenarioError, match=f"{field}: "):
        learn(Scenario(), **arguments)


def test_runs_that_need_too_much_memory_together_are_refused(monkeypatch):
    """One worker that does nearly everything needs many rows of draws for all."""

    def refuse(draws, rows):
        raise TooManyRuns

    monkeypatch.setattr(Draws, "more_rows", refuse)
    stragglers = Stragglers(slow_workers=3, slowdown=1000)
    scenario = Scenario(workers=4, stragglers=stragglers, policy=Asynchronous(assignment="shared"))
    with pytest.raises(ScenarioError, match=r"^seeds: 5 is too many, .* allowed here are 1 to 4\.$"):
        train_policy(scenario, QUICK)
