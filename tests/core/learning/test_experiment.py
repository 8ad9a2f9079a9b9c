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
    for_training,
    gradients_for,
    judged,
    learn,
    learning_curves,
    rates_for,
)
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


def judgement(*curves, target=1.0, problem=QUICK):
    """What is judged of curves made by hand."""
    curves = pd.DataFrame([row for curve in curves for row in curve])
    figures = pd.DataFrame({"policy": curves["policy"].unique()})
    figures[["epoch_ms", "updates", "gradients_per_update", "mean_staleness"]] = 30.0, 3, 1.0, 0.0
    return judged(curves, figures, problem, target)


def best(learning):
    return learning.policies.set_index("policy")["learning_rate"].to_dict()


def test_the_best_rate_reaches_the_target_in_every_run_and_first():
    """In the geometric mean over runs; one that never gets there is infinitely late: 0.3 is first but for one run."""
    answer = judgement(
        by_hand("A", 0.1, (5, 3, 2, 1), (5, 3, 2, 1), (5, 3, 2, 1)),
        by_hand("A", 0.2, (5, 1, 1, 2), (5, 3, 1, 2), (5, 3, 2, 1)),
        by_hand("A", 0.3, (5, 1, 2, 2), (5, 1, 2, 2), (5, 3, 2, 2)),
        by_hand("A", 0.4, (5, 1, 2, 2), (5, 3, 2, 2), (5, 3, 2, 2)),
    )
    mean = (10 * 20 * 30) ** (1 / 3)
    assert best(answer) == {"A": 0.2}
    assert answer.rates["time_to_target_ms"].fillna(-1).tolist() == pytest.approx([30, mean, -1, -1])
    assert answer.rates["reached"].tolist() == [3, 3, 2, 1]
    assert answer.rates["final_loss"].tolist() == [1, 2, 2, 2]
    row = answer.policies.iloc[0]
    assert row["time_to_target_ms"] == pytest.approx(mean)
    assert (row["time_low_ms"], row["time_high_ms"], row["reached"]) == (10, 30, 3)
    assert not row["at_edge"]


def test_where_none_reaches_the_target_in_every_run_the_surest_is_best():
    """And no time is made up from the runs that did."""
    answer = judgement(
        by_hand("A", 0.1, (5, 3, 1, 0.9), (5, 3, 2, 0.9), (5, 3, 2, 2)),
        by_hand("A", 0.2, (5, 1, 0.5, 0.5), (5, 3, 3, 3), (5, 3, 3, 3)),
    )
    assert best(answer) == {"A": 0.1}
    row = answer.policies.iloc[0]
    assert row["reached"] == 2
    assert row[["time_to_target_ms", "time_high_ms", "speedup"]].isna().all()


def test_equally_early_rates_are_told_apart_by_their_final_loss():
    answer = judgement(
        by_hand("A", 0.1, (5, 1, 1, 0.9)), by_hand("A", 0.2, (5, 1, 1, 0.5)), by_hand("A", 0.4, (5, 1, 1, 0.7))
    )
    assert best(answer) == {"A": 0.2}


def test_where_none_reaches_the_target_the_lowest_final_loss_is_best():
    """And no time is made up."""
    answer = judgement(by_hand("A", 0.1, (5, 4, 4, 4)), by_hand("A", 0.2, (5, 4, 3, 3)), target=0.5)
    assert best(answer) == {"A": 0.2}
    assert answer.policies[["time_to_target_ms", "time_low_ms", "time_high_ms", "speedup"]].isna().all(axis=None)
    assert answer.policies["at_edge"].item()


def test_diverged_trainings_have_not_reached_the_target():
    """Not even where they had before."""
    answer = judgement(
        by_hand("A", 0.1, (5, 4, 3, 1)),
        by_hand("A", 0.2, (5, 1, NAN, NAN)),
        by_hand("B", 0.1, (5, NAN, NAN, NAN)),
        by_hand("B", 0.2, (5, 1, 1, NAN)),
    )
    assert answer.rates["diverged"].tolist() == [0, 1, 1, 1]
    assert answer.rates["reached"].tolist() == [1, 0, 0, 0]
    assert answer.rates["best"].tolist() == [True, False, False, False]
    assert answer.policies["policy"].tolist() == ["A", "B"]
    assert answer.policies.loc[1, ["learning_rate", "time_to_target_ms", "speedup"]].isna().all()


def test_a_loss_that_ends_above_its_start_has_diverged():
    """Whatever it was between two measures, and however close it came; one that rose and came back has not."""
    answer = judgement(by_hand("A", 0.1, (5, 1, 9, 5.1), (5, 9, 9, 1), (5, 4, 3, 1)), by_hand("A", 0.2, (5, 4, 3, 3)))
    assert answer.runs["diverged"].tolist() == [True, False, False]
    assert answer.rates[["reached", "diverged", "stuck"]].to_numpy().tolist() == [[2, 1, 0], [0, 0, 0]]
    assert answer.rates["final_loss"].tolist() == [1, 3]


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
    curves = [row | {"stuck": float(row["time_ms"] >= 20)} for row in by_hand("A", 0.1, (5, 1, 1, 3.5))]
    answer = judgement(curves)
    assert answer.runs[["stuck", "time_to_target_ms"]].fillna(-1).to_numpy().tolist() == [[True, -1]]


def test_a_network_whose_units_are_all_off_is_stuck():
    """At a learning rate of 4 every run of 4 workers ends at ln 10; at 2^-6 one is slow, but alive."""
    rates = {"learning_rates": (2.0**-6, 4.0), "seeds": 3}
    answer = learn(Scenario(workers=4), [Synchronous()], Digits(), **rates)
    assert answer.rates["stuck"].tolist() == [0, 3]
    assert answer.rates["diverged"].tolist() == [0, 0]
    assert answer.rates["final_loss"].iloc[1] == pytest.approx(np.log(10), rel=0.02)


def test_speedups_are_taken_run_by_run():
    """Over the first policy; their geometric mean is the ratio of the times' means, where both always got there."""
    first = by_hand("A", 0.1, (5, 3, 1, 1), (5, 3, 3, 1), (5, 3, 1, 1))
    answer = judgement(first, by_hand("B", 0.1, (5, 1, 1, 1), (5, 1, 1, 1), (5, 3, 1, 1)))
    assert answer.runs["speedup"].tolist() == [1, 1, 1, 2, 3, 1]
    speedups = answer.policies[["speedup", "speedup_low", "speedup_high"]].to_numpy()
    np.testing.assert_allclose(speedups, [[1, 1, 1], [6 ** (1 / 3), 1, 3]])
    times = answer.policies["time_to_target_ms"]
    assert times[0] / times[1] == pytest.approx(speedups[1, 0])
    late = judgement(first, by_hand("B", 0.1, (5, 1, 1, 1), (5, 3, 3, 3), (5, 3, 1, 1)))
    assert late.runs["speedup"].fillna(-1).tolist() == [1, 1, 1, 2, -1, 1]
    assert late.policies.loc[1, ["speedup", "speedup_low", "speedup_high"]].isna().all()


def test_all_policies_train_on_the_same():
    """As many samples, the same start, and times that are those of `compare`."""
    policies, calls = [Synchronous(), Asynchronous(), LocalSGD(period=3)], []
    scenario = Scenario(workers=4, batches=7)
    answer = learn(scenario, policies, QUICK, gradients=98, seeds=3, progress=lambda *done: calls.append(done))
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert answer.policies["policy"].tolist() == [policy.label for policy in policies]
    ends = answer.curves.groupby(["policy", "learning_rate", "run"])
    assert (ends["samples"].max() == 96 * 16).all()
    assert (ends["loss"].first() == 0.6).all()
    epochs = compare(for_training(scenario, 98), policies, 3).set_index(["policy", "replicate"])["epoch_ms"]
    assert ends["time_ms"].max().groupby(["policy", "run"]).first().to_dict() == epochs.to_dict()
    assert answer.policies.set_index("policy")["epoch_ms"].to_dict() == epochs.groupby("policy").mean().to_dict()


def test_the_first_run_is_a_simulated_one():
    scenario = Scenario(workers=3, policy=Asynchronous())
    curves = learning_curves(scenario, Digits(), learning_rates=0.1, gradients=60, seeds=2, points=4)
    alone = replay(simulate(for_training(scenario, 60)), Digits(), 0.1, points=4)
    np.testing.assert_allclose(curves.loc[curves["run"] == 0].drop(columns="policy"), alone, rtol=1e-12)
    assert (curves["policy"] == "Asynchronous").all()


def test_one_rate_for_all_can_be_pinned():
    answer = learn(Scenario(), [Synchronous(), Asynchronous()], QUICK, learning_rates=0.1, gradients=40, seeds=2)
    assert best(answer) == {"Synchronous": 0.1, "Asynchronous": 0.1}
    assert not answer.policies["at_edge"].any()


@pytest.mark.parametrize("workers", [1, 4, 64])
def test_the_defaults_reach_the_target_inside_the_grid(workers):
    """The network of digits, in every run."""
    table = learn(Scenario(workers=workers), [Synchronous(), Asynchronous()], Digits()).policies
    assert table["reached"].tolist() == [5, 5]
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
    table = learn(Scenario(workers=32), [policy], Digits(hidden=())).policies
    assert table["reached"].item() == 5
    assert not table["at_edge"].item()


def test_more_workers_train_on_more_mini_batches_as_far_as_time_allows():
    """48 each, 640 in all at least; then as many as fit, 16 each at least; then none."""
    assert [gradients_for(workers, Digits()) for workers in (1, 13, 14, 64)] == [640, 640, 14 * 48, 64 * 48]
    most = gradients_for(100, Digits())
    assert most < 100 * ENOUGH_EACH
    assert gradients_for(most // 16, Digits()) == most
    with pytest.raises(ScenarioError, match=rf"^workers: 4,096 are too many .* allowed are 1 to {most // 16:,},"):
        gradients_for(4096, Digits())
    assert gradients_for(4096, NoisyQuadratic()) >= 4096 * 16
    with pytest.raises(ScenarioError, match=r"^problem: a mini-batch of .* is too much .* products up to 7,500,000\."):
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
        learning_curves(scenario, QUICK)
