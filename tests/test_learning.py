"""The fair comparison: what is judged best, how much faster, and that all policies train on the same."""

import numpy as np
import pandas as pd
import pytest

from core import Asynchronous, LocalSGD, Scenario, ScenarioError, Stragglers, Synchronous, compare, simulate
from core.draws import Draws, TooManyRuns
from core.learning import GRID, for_training, judged, learn, learning_curves
from core.problems import Digits, NoisyQuadratic
from core.training import replay

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


def judgement(*curves, target=1.0):
    """What is judged of curves made by hand."""
    curves = pd.DataFrame([row for curve in curves for row in curve])
    figures = pd.DataFrame({"policy": curves["policy"].unique()})
    figures[["epoch_ms", "updates", "gradients_per_update", "mean_staleness"]] = 30.0, 3, 1.0, 0.0
    return judged(curves, figures, QUICK, target)


def best(learning):
    return learning.policies.set_index("policy")["learning_rate"].to_dict()


def test_the_best_rate_reaches_the_target_first():
    """In the median over runs, a run that never gets there counting as infinitely late."""
    answer = judgement(
        by_hand("A", 0.1, (5, 3, 2, 1), (5, 3, 2, 1), (5, 3, 2, 1)),
        by_hand("A", 0.2, (5, 3, 1, 2), (5, 3, 1, 2), (5, 3, 2, 2)),
        by_hand("A", 0.4, (5, 1, 2, 2), (5, 3, 2, 2), (5, 3, 2, 2)),
    )
    assert best(answer) == {"A": 0.2}
    assert answer.rates["time_to_target_ms"].fillna(-1).tolist() == [30, 20, -1]
    assert answer.rates["reached"].tolist() == [3, 2, 1]
    assert answer.rates["final_loss"].tolist() == [1, 2, 2]
    row = answer.policies.iloc[0]
    assert (row["time_to_target_ms"], row["time_low_ms"], row["reached"]) == (20, 20, 2)
    assert np.isnan(row["time_high_ms"])
    assert np.isnan(row["speedup"])
    assert not row["at_edge"]


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


def test_speedups_are_taken_run_by_run():
    """Over the first policy; their median and range only where both got there in every run."""
    first = by_hand("A", 0.1, (5, 3, 1, 1), (5, 3, 3, 1), (5, 3, 1, 1))
    answer = judgement(first, by_hand("B", 0.1, (5, 1, 1, 1), (5, 1, 1, 1), (5, 3, 1, 1)))
    assert answer.runs["speedup"].tolist() == [1, 1, 1, 2, 3, 1]
    assert answer.policies[["speedup", "speedup_low", "speedup_high"]].to_numpy().tolist() == [[1, 1, 1], [2, 1, 3]]
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
    assert ends["time_ms"].max().xs(GRID[0], level="learning_rate").to_dict() == epochs.to_dict()
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


@pytest.mark.parametrize("workers", [4, 8, 16])
@pytest.mark.parametrize("policy", [Synchronous(), Asynchronous()])
def test_the_defaults_reach_the_target_inside_the_grid(workers, policy):
    """The network of digits, every seed."""
    curves = learning_curves(Scenario(workers=workers, policy=policy), Digits())
    figures = compare(for_training(Scenario(workers=workers)), [policy], 5)
    row = judged(curves, figures, Digits()).policies.iloc[0]
    assert row["reached"] == 5
    assert not row["at_edge"]


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
    with pytest.raises(ScenarioError, match="seeds: 5 runs need too much memory"):
        learning_curves(scenario, QUICK)
