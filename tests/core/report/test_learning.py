"""How policies learn, in words: the numbers in them are those of the tables."""

import pandas as pd
import pytest

from core import Asynchronous, LocalSGD, Scenario, Synchronous
from core.common.wording import times
from core.learning.digits import Digits
from core.learning.experiment import judged, learn
from core.learning.quadratic import NoisyQuadratic
from core.report.learning import (
    advice,
    all_rates,
    bands,
    curves_in_words,
    happens,
    headline,
    rates_in_words,
    reasons,
    sensitivity,
    targets,
)
from tests.words import numbers

POLICIES = [Synchronous(), Asynchronous(), LocalSGD(period=4)]


@pytest.fixture(scope="module")
def learning():
    options = {"learning_rates": (0.125, 0.25, 0.5), "seeds": 3, "gradients": 480, "points": 40}
    return learn(Scenario(), POLICIES, Digits(hidden=()), **options)


def test_the_headline_names_the_first_and_its_gain(learning):
    table = learning.policies.set_index("policy")
    best = table["time_to_target_ms"].idxmin()
    assert headline(learning).startswith(best)
    at = table.loc[best]
    if not at["speedup_low"] <= 1 <= at["speedup_high"]:
        assert times(at["speedup"]) in headline(learning)
    assert f"({times(at['speedup_low'])} to {times(at['speedup_high'])} in 3 runs)" in headline(learning)


def test_the_headline_can_be_read_off_the_table(learning):
    """The speed-up with its range stands beside the policy, and is the ratio of the two times beside it."""
    table = learning.policies
    shown = targets(learning).set_index("Policy")
    for policy, at in table.iloc[1:].set_index("policy").iterrows():
        assert table["time_to_target_ms"].iloc[0] / at["time_to_target_ms"] == pytest.approx(at["speedup"])
        seen = numbers(shown.loc[policy, "Sooner (×)"])
        assert seen == pytest.approx(at[["speedup", "speedup_low", "speedup_high"]].tolist(), rel=5e-3)


def test_reasons_name_speed_gain_range_and_rate(learning):
    table = learning.policies.set_index("policy")
    words = reasons(learning)
    for policy in table.index[1:]:
        at = table.loc[policy]
        assert (
            f"{policy} processes the same samples {times(table['epoch_ms'].iloc[0] / at['epoch_ms'])} as fast" in words
        )
        assert times(at["speedup"]) in words
        assert times(at["speedup_low"]) in words


def reaching(*times_of_runs):
    """Three policies that reach a loss of 1 at the given times, one list a run; at 0 never: the loss stays at 5."""
    policies = ["Synchronous", "Asynchronous", "Local SGD (every 4)"]
    curves = pd.DataFrame(
        {"policy": policy, "learning_rate": 0.1, "run": run, "time_ms": ms, "loss": 1.0 if 0 < at <= ms else 5.0}
        for number, policy in enumerate(policies)
        for run, times_of_policies in enumerate(times_of_runs)
        for at in [times_of_policies[number]]
        for ms in sorted({0, 50, *(ms for several in times_of_runs for ms in several)})
    )
    figures = pd.DataFrame({"policy": policies})
    figures[["epoch_ms", "updates", "gradients_per_update", "mean_staleness"]] = 30.0, 3, 1.0, 0.0
    return judged(curves, figures, NoisyQuadratic(), 1.0)


@pytest.mark.parametrize(
    ("times_of_runs", "words"),
    [
        (
            ([10, 5, 20], [10, 4, 20]),
            "Asynchronous reaches it 2.24× sooner than synchronous (2.00× to 2.50× in 2 runs).",
        ),
        (([10, 5, 20],), "Asynchronous reaches it 2.00× sooner than synchronous (one run)."),
        (
            ([10, 5, 20], [10, 12, 20]),
            "Asynchronous or synchronous: too close to call which reaches it first (0.83× to 2.00× in 2 runs).",
        ),
        (
            ([10, 8, 20], [10, 10, 20]),
            "Asynchronous or synchronous: too close to call which reaches it first (1.000× to 1.25× in 2 runs).",
        ),
        (
            ([10, 9.998, 20],),
            "Asynchronous or synchronous: too close to call which reaches it first (one run).",
        ),
        (
            ([20, 5, 4], [20, 4, 5]),
            "Asynchronous reaches it 4.47× sooner than synchronous (4.00× to 5.00× in 2 runs); "
            "too close to call against local SGD (every 4).",
        ),
        (
            ([10, 20, 40], [10, 40, 40]),
            "Synchronous reaches it 2.83× sooner than asynchronous (2.00× to 4.00× in 2 runs).",
        ),
        (([0, 0, 0], [0, 0, 0]), "No policy reaches it."),
        (([0, 10, 0], [0, 0, 0]), "No policy reaches it in every run."),
        (([10, 0, 0], [10, 0, 0]), "Only synchronous reaches it."),
        (([10, 10, 0], [10, 0, 0]), "Only synchronous reaches it in every run."),
        (([0, 10, 20], [0, 10, 20]), "Asynchronous reaches it first; synchronous does not."),
        (([5, 10, 20], [0, 10, 20]), "Asynchronous reaches it first; synchronous does not in every run."),
    ],
)
def test_headlines(times_of_runs, words):
    assert headline(reaching(*times_of_runs)).replace("a loss of 1", "it") == words


def test_what_is_not_reached_is_a_dash_and_no_number():
    answer = reaching([10, 0, 10], [10, 0, 0])
    table = targets(answer)
    assert table.iloc[1, 1] == table.iloc[1, 2] == table.iloc[2, 1] == "–"
    assert table["Of 2 runs"].tolist() == ["all reach it", "all fall short", "1 reaches it and 1 falls short"]
    assert "but of 2 runs all fall short" in reasons(answer)


def test_what_the_runs_at_a_rate_do():
    counts = {"reached": 2, "diverged": 1, "stuck": 1}
    assert happens(counts, 5) == "2 reach it, 1 diverges, 1 gets stuck and 1 falls short"
    assert happens(counts | {"reached": 0, "diverged": 0, "stuck": 5}, 5) == "all get stuck"
    assert happens({"reached": 0, "diverged": 1, "stuck": 0}, 1) == "diverges"
    assert happens(dict.fromkeys(counts, float("nan")), 3) == "all diverge"


def test_every_rate_in_words(learning):
    """Named columns, a row a rate, what is lost said; the chart has the same words."""
    table, drawn = all_rates(learning), sensitivity(learning)
    assert table.columns.tolist() == [
        "Policy",
        "Learning rate",
        "Of 3 runs",
        "Mean time to 90\N{NO-BREAK SPACE}% accuracy (s)",
        "Median loss at the end",
        "Judged by",
    ]
    assert len(table) == len(drawn) == 9
    assert table["Judged by"].sum() == 3
    assert drawn["happens"].tolist() == table["Of 3 runs"].tolist()
    wild = learn(Scenario(), POLICIES[:1], Digits(), learning_rates=(0.25, 8.0), seeds=2, gradients=160)
    assert sensitivity(wild)["lost"].tolist() == [False, True]
    assert "from 8 on" in rates_in_words(wild)


def test_what_to_do_where_no_policy_gets_there(learning):
    assert advice(learning, 4, Digits(hidden=())) == ""
    wild = learn(Scenario(), POLICIES[:2], Digits(), learning_rates=8.0, seeds=2, gradients=160)
    assert "choose a smaller one" in advice(wild, 4, Digits())
    slow = learn(Scenario(), POLICIES[:2], Digits(), learning_rates=0.001, seeds=2, gradients=160)
    assert advice(slow, 4, Digits()) == "Choose another learning rate, or **best**."
    short = learn(Scenario(), POLICIES[:2], Digits(), learning_rates=(0.001, 0.01), seeds=2, gradients=160)
    assert "128 workers have 24 mini-batches each" in advice(short, 128, Digits())
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
    best = learning.runs[["policy", "learning_rate"]].drop_duplicates()
    last = learning.curves.merge(best).groupby(["policy", "run"])["accuracy"].last().groupby("policy").median()
    shown = samples.groupby("policy")["middle"].last()
    pd.testing.assert_series_equal(100 * last, shown, check_names=False)


def test_words_for_those_who_cannot_see_the_charts(learning):
    assert "Learning curves of accuracy" in curves_in_words(learning)
    assert numbers(rates_in_words(learning))


def test_a_problem_without_accuracy():
    learning = learn(Scenario(), POLICIES[:2], NoisyQuadratic(), learning_rates=(0.25, 0.5), seeds=2, gradients=400)
    assert "a loss of" in headline(learning)
    assert bands(learning, "time_s", "loss")["middle"].notna().all()
