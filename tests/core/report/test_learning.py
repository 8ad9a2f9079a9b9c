"""How policies learn, in words: the numbers in them are those of the tables."""

import re

import numpy as np
import pandas as pd
import pytest

from core import (
    Asynchronous,
    Constant,
    FlatLatency,
    KAsync,
    LocalSGD,
    Prices,
    Rebalanced,
    Scenario,
    StaleSynchronous,
    Synchronous,
)
from core.common.wording import times
from core.learning.digits import Digits
from core.learning.experiment import TRIAL_SEEDS, learn
from core.learning.judging import Trained, judged
from core.learning.quadratic import NoisyQuadratic
from core.report.learning import (
    Spending,
    advice,
    all_rates,
    bands,
    crossings,
    curves_in_words,
    happens,
    headline,
    how_it_is_drawn,
    how_it_is_judged,
    how_rates_are_chosen,
    lost_runs,
    rates_in_words,
    reasons,
    sensitivity,
    smooth,
    targets,
    trainings,
    update_in_words,
)
from tests.words import numbers

POLICIES = [Synchronous(), Asynchronous(), LocalSGD(period=4)]


@pytest.fixture(scope="module")
def learning():
    options = {"learning_rates": (0.25, 0.5), "seeds": 3, "gradients": 480, "points": 40}
    return learn(Scenario(), POLICIES, Digits(hidden=()), **options)


def test_one_figure_for_one_thing(learning):
    """The ratio of the headline, of the reasons and of the table, which is that of the two times beside it."""
    table, shown, words = learning.policies, targets(learning).set_index("Policy"), reasons(learning)
    for policy, at in table.iloc[1:].set_index("policy").iterrows():
        assert table["time_to_target_ms"].iloc[0] / at["time_to_target_ms"] == pytest.approx(at["speedup"])
        low, high = times(at["speedup_low"]), times(at["speedup_high"])
        assert shown.loc[policy, "Speed-up to target"] == f"{times(at['speedup'])} ({low} – {high})"
        if at["speedup"] >= 1:
            assert re.search(
                rf"{times(at['speedup'])} sooner(, | \(){re.escape(f'between {low} and {high}, 3 seeds')}", words
            )
        else:
            low, high = times(1 / at["speedup_high"]), times(1 / at["speedup_low"])
            assert re.search(
                rf"{times(1 / at['speedup'])} later(, | \(){re.escape(f'between {low} and {high}, 3 seeds')}", words
            )
        ratio = times(table["epoch_ms"].iloc[0] / at["epoch_ms"])
        assert f"{policy} gets through the same samples {ratio} faster" in words
    first = table.loc[table["time_to_target_ms"].idxmin()]
    if first.name:
        assert f"{times(first['speedup'])}" in headline(learning)


NAMES = ["Synchronous", "Asynchronous", "Local SGD (every 4)"]


def reaching(*times_of_runs):
    """Policies that reach a loss of 1 at the given times, one list a run; at 0 never: the loss stays at 5."""
    every = sorted({0, 50, *(ms for several in times_of_runs for ms in several)})
    trained = []
    for number in range(len(times_of_runs[0])):
        curves = pd.DataFrame(
            {"policy": NAMES[number], "learning_rate": 0.1, "run": run, "time_ms": ms, "loss": 1 if 0 < at <= ms else 5}
            for run, several in enumerate(times_of_runs)
            for at in [several[number]]
            for ms in every
        )
        trained.append(Trained(trials=pd.DataFrame(), curves=curves, local_steps=0))
    figures = pd.DataFrame({"policy": NAMES[: len(trained)]})
    figures[["epoch_ms", "updates", "gradients_per_update", "mean_staleness"]] = 30.0, 3, 1.0, 0.0
    return judged(trained, figures, NoisyQuadratic(), 1.0)


@pytest.mark.parametrize(
    ("times_of_runs", "words"),
    [
        (
            ([10, 5], [11, 5], [12, 6]),
            "Asynchronous reaches it 2.06× sooner than synchronous (between 1.80× and 2.37×, 3 seeds).",
        ),
        (([10, 5], [10, 5]), "Asynchronous reaches it 2.00× sooner than synchronous (the same in both seeds)."),
        (
            ([10, 5],),
            "Whether asynchronous or synchronous reaches it sooner is open: asynchronous is ahead (2.00×, one seed), "
            "and one seed decides nothing.",
        ),
        (
            ([10, 9], [10, 8], [10, 11]),
            "Whether asynchronous or synchronous reaches it sooner is open: asynchronous is ahead (1.08×, between "
            "0.72× and 1.61×, 3 seeds), and at least 16 more seeds would be needed to decide.",
        ),
        (
            ([10, 5], [10, 12]),
            "Whether asynchronous or synchronous reaches it sooner is open: asynchronous is ahead (1.29×, 2 seeds, "
            "which differ too much for an interval), and at least 24 more seeds would be needed to decide.",
        ),
        (
            ([1, 49], [49, 1]),
            "Whether synchronous or asynchronous reaches it sooner is open: they are level (1.000×, 2 seeds, which "
            "differ too much for an interval), and 1,000 more seeds would not decide.",
        ),
        (
            ([10, 9.95], [10, 9.96], [10, 9.94]),
            "Asynchronous reaches it 1.005× sooner than synchronous (between 1.003× and 1.008×, 3 seeds), which makes "
            "no practical difference.",
        ),
        (
            ([1000, 1001], [1000, 999], [1000, 1000]),
            "Asynchronous and synchronous reach it equally soon, to within 1 % (1.000×, between 0.998× and 1.002×, 3 "
            "seeds).",
        ),
        (
            ([20, 5, 4], [20, 4, 5], [21, 5, 4]),
            "Local SGD (every 4) reaches it 4.72× sooner than synchronous (between 2.81× and 7.93×, 3 seeds); whether "
            "local SGD (every 4) is sooner than asynchronous is open (1.08×, between 0.57× and 2.04×, 3 seeds).",
        ),
        (
            ([20, 5, 5], [20, 5, 5]),
            "Asynchronous reaches it 4.00× sooner than synchronous (the same in both seeds); local SGD (every 4) is as "
            "soon as asynchronous, to within 1 % (1.000×, the same in both seeds).",
        ),
        (
            ([10, 20, 40], [10, 21, 40], [10, 22, 41]),
            "Synchronous reaches it 2.10× sooner than asynchronous (between 1.86× and 2.36×, 3 seeds).",
        ),
        (([0, 0, 0], [0, 0, 0]), "No policy reaches it in any of 2 seeds."),
        (([0, 0],), "No policy reaches it."),
        (
            ([0, 10, 0], [0, 0, 0]),
            "No policy reaches it in both seeds: synchronous does in none of 2, asynchronous in 1 of 2 and local SGD "
            "(every 4) in none of 2.",
        ),
        (
            ([10, 10], [10, 0], [10, 10]),
            "Only synchronous reaches it in all 3 seeds, after 10.0 ms; asynchronous does in 2 of 3.",
        ),
        (([10, 0],), "Only synchronous reaches it in the one seed, after 10.0 ms; asynchronous does not."),
        (
            ([5, 10, 20], [0, 10, 20]),
            "Asynchronous reaches it 2.00× sooner than local SGD (every 4) (the same in both seeds); synchronous does "
            "in 1 of 2.",
        ),
        (([0], [0]), "Synchronous does not reach it in any of 2 seeds."),
        (([5], [0]), "Synchronous reaches it in 1 of 2 seeds."),
        (([5], [6]), "Synchronous reaches it in 5.48 ms, the mean of 2 seeds."),
    ],
)
def test_headlines(times_of_runs, words):
    said = headline(reaching(*times_of_runs)).replace("the target (a loss of 1)", "it").replace("a loss of 1", "it")
    assert said.replace("\N{NO-BREAK SPACE}", " ") == words


def test_what_is_not_reached_is_a_dash_and_no_number():
    """And who reaches it in how many seeds is said."""
    answer = reaching([10, 0, 10], [10, 0, 0])
    table = targets(answer)
    assert table.iloc[1, 1] == table.iloc[2, 1] == "–"
    assert table["Speed-up to target"].tolist() == ["baseline", "–", "–"]
    assert table["Verdict"].tolist() == ["–", "–", "–"]
    assert table["Of 2 seeds"].tolist() == ["all reach it", "all fall short", "1 reaches it and 1 falls short"]
    assert "but both seeds fall short" in reasons(answer)


def test_verdicts_in_the_table():
    assert targets(reaching([10, 5], [10, 5]))["Verdict"].tolist() == ["–", "decided"]
    assert targets(reaching([10, 10], [10, 10]))["Verdict"].tolist() == ["–", "equal"]
    assert targets(reaching([10, 5], [10, 12]))["Verdict"].tolist() == ["–", "open: at least 24 more seeds"]
    assert targets(reaching([1, 49], [49, 1]))["Verdict"].tolist() == ["–", "open"]
    assert targets(reaching([10, 5]))["Verdict"].tolist() == ["–", "open"]


def test_what_the_seeds_at_a_rate_do():
    counts = {"reached": 2, "diverged": 1, "stuck": 1, "of": 5}
    assert happens(counts) == "2 reach it, 1 diverges, 1 gets stuck and 1 falls short"
    assert happens(counts | {"reached": 0, "diverged": 0, "stuck": 5}) == "all get stuck"
    assert happens({"reached": 0, "diverged": 1, "stuck": 0, "of": 1}) == "diverges"


def test_what_an_update_averages():
    """Gradients, but for local SGD: parameters."""
    assert (
        update_in_words({"local_steps": 4, "gradients_per_update": 13.3}) == "averages parameters after 4 local steps"
    )
    assert update_in_words({"local_steps": 0, "gradients_per_update": 4.0}) == "4"
    assert update_in_words({"local_steps": 0, "gradients_per_update": 1.0}) == "1"


def test_the_table_says_what_an_update_averages(learning):
    shown = trainings(learning)["Gradients per update"]
    assert shown.tolist() == ["4", "1", "averages parameters after 4 local steps"]


def test_how_it_is_judged(learning):
    assert "mean of 5 neighbouring points" in how_it_is_judged(learning)
    assert "measured at 40 points" in how_it_is_judged(learning)
    assert f"first on {TRIAL_SEEDS} seeds; it is judged on 3 other seeds" in how_rates_are_chosen(learning)
    pinned = learn(Scenario(), POLICIES[:1], NoisyQuadratic(), learning_rates=0.1, seeds=1, gradients=40, points=5)
    assert how_rates_are_chosen(pinned) == "The learning rate is given."
    assert "all later ones stay" in how_it_is_judged(pinned)


def test_every_rate_in_words(learning):
    """Named columns, a row a rate, what is lost said; the chart has the same words."""
    table, drawn = all_rates(learning), sensitivity(learning)
    assert table.columns.tolist() == [
        "Policy",
        "Learning rate",
        f"Of {TRIAL_SEEDS} seeds",
        "Mean time to 90\N{NO-BREAK SPACE}% accuracy (s)",
        "Median loss at the end",
        "Chosen",
    ]
    assert len(table) == len(drawn) == 6
    assert table["Chosen"].sum() == 3
    assert drawn["happens"].tolist() == table[f"Of {TRIAL_SEEDS} seeds"].tolist()
    wild = learn(Scenario(), POLICIES[:1], Digits(), learning_rates=(0.25, 8.0), seeds=1, gradients=160)
    assert sensitivity(wild)["lost"].tolist() == [False, True]
    assert "some diverge or get stuck at 8." in rates_in_words(wild)


def test_what_to_do_where_no_policy_gets_there(learning):
    assert advice(learning, 4, Digits(hidden=())) == ""
    wild = learn(Scenario(), POLICIES[:2], Digits(), learning_rates=8.0, seeds=2, gradients=160)
    assert "choose a smaller one" in advice(wild, 4, Digits())
    slow = learn(Scenario(), POLICIES[:2], Digits(), learning_rates=0.001, seeds=2, gradients=160)
    assert advice(slow, 4, Digits()) == "Choose another learning rate, or **best**."
    short = learn(Scenario(), POLICIES[:2], Digits(), learning_rates=(0.001, 0.01), seeds=1, gradients=160)
    assert "128 workers have 36 mini-batches each" in advice(short, 128, Digits())
    assert "choose at most 64 workers" in advice(short, 128, Digits())
    assert "takes up to" in advice(short, 128, Digits())
    assert "`gradients`" in advice(short, 4, Digits())


def test_bands_hold_every_run(learning):
    for against in ("time_s", "samples"):
        for measure in ("accuracy", "loss"):
            band = bands(learning, against, measure)
            assert (band["low"] <= band["middle"]).all()
            assert (band["middle"] <= band["high"]).all()
    samples = bands(learning, "samples", "accuracy")
    last = learning.curves.groupby(["policy", "run"])["accuracy"].last().groupby("policy").median()
    shown = samples.groupby("policy")["middle"].last()
    pd.testing.assert_series_equal(100 * last, shown, check_names=False)


def test_curves_are_smoothed_as_the_target_is_judged(learning):
    """A mean of neighbours that is drawn at a point is the one that is judged there; a constant stays one."""
    assert smooth(np.full((2, 12), 3.0), 5) == pytest.approx(3)
    values = np.arange(20.0).reshape(2, 10) ** 2
    judged_means = np.lib.stride_tricks.sliding_window_view(values, 5, axis=1).mean(axis=-1)
    np.testing.assert_allclose(smooth(values, 5)[:, 2:-2], judged_means)
    np.testing.assert_allclose(smooth(values, 5)[:, [0, -1]], values[:, [0, -1]])


def test_the_target_is_marked_where_the_table_says(learning):
    shown = crossings(learning, "time_s").set_index("policy")["x"]
    expected = learning.policies.set_index("policy")["time_to_target_ms"].dropna() / 1000
    pd.testing.assert_series_equal(shown, expected, check_names=False)
    samples = crossings(learning, "samples").set_index("policy")["x"]
    assert ((samples > 0) & (samples < learning.curves["samples"].max())).all()


def test_runs_that_are_lost_are_drawn_by_themselves():
    wild = learn(Scenario(), POLICIES[:2], Digits(), learning_rates=1.0, seeds=3, gradients=320)
    lost = wild.runs[wild.runs[["diverged", "stuck"]].any(axis=1)]
    assert 0 < len(lost) < len(wild.runs)
    drawn = lost_runs(wild, "time_s", "accuracy")
    assert set(zip(drawn["policy"], drawn["run"], strict=True)) == set(zip(lost["policy"], lost["run"], strict=True))
    assert set(drawn["happens"]) <= {"gets stuck", "diverges"}
    assert set(drawn["of"]) == {3}
    kept = wild.runs["policy"][~wild.runs.index.isin(lost.index)]
    assert set(bands(wild, "time_s", "accuracy")["policy"]) == set(kept)
    assert "Dashed: single runs" in how_it_is_drawn(wild)


def test_many_policies_have_three_lines_of_prose_and_a_short_headline():
    policies = [*POLICIES, StaleSynchronous(bound=1), StaleSynchronous(bound=3), KAsync(wait_for=2), Rebalanced()]
    many = learn(Scenario(), policies, NoisyQuadratic(), learning_rates=0.1, seeds=2, gradients=200)
    assert len(reasons(many)) < 390
    assert len(headline(many)) < 260
    epochs = many.policies.set_index("policy")["epoch_ms"]
    assert f"{times(epochs.max() / epochs.min())} faster than" in reasons(many)
    alike = learn(
        Scenario(compute=Constant(), network=FlatLatency(latency_ms=0)), [*policies], NoisyQuadratic(), seeds=1
    )
    assert "get through the same samples" in reasons(alike)


def test_words_for_those_who_cannot_see_the_charts(learning):
    assert "Learning curves of accuracy" in curves_in_words(learning)
    assert numbers(rates_in_words(learning))


def test_a_problem_without_accuracy():
    learning = learn(Scenario(), POLICIES[:2], NoisyQuadratic(), learning_rates=(0.25, 0.5), seeds=2, gradients=400)
    assert "a loss of" in headline(learning)
    assert bands(learning, "time_s", "loss")["middle"].notna().all()


def test_the_cost_to_the_target_is_that_of_the_time_to_it(learning):
    """Four workers at $900 an hour are a dollar a second."""
    spending = Spending(prices=Prices(worker_per_hour=900), workload=Scenario(), policies=POLICIES)
    shown, said = targets(learning, spending), spending.in_words(learning)
    assert "Cost to target" not in targets(learning)
    for row, (_, found) in zip(shown.to_dict("records"), learning.policies.iterrows(), strict=True):
        seconds = [found[name] / 1000 for name in ("time_to_target_ms", "time_low_ms", "time_high_ms")]
        assert numbers(row["Cost to target"]) == pytest.approx(seconds, rel=0.01)
        assert f"with {found['policy'].lower()[:5]}" in said.lower()
