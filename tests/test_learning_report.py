"""How policies learn, in words: the numbers in them are those of the tables."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core import Asynchronous, LocalSGD, Scenario, Synchronous
from core.learning import learn
from core.learning_report import bands, curves_in_words, headline, rates_in_words, reasons, targets
from core.problems import Digits, NoisyQuadratic
from core.words import times
from tests.test_report import numbers

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
    if not at["speedup_low"] < 1 < at["speedup_high"]:
        assert times(at["speedup"]) in headline(learning)


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


def changed(learning, **columns):
    """The same with other columns in the table of policies."""
    return replace(learning, policies=learning.policies.assign(**columns))


def test_other_headlines(learning):
    nan, never = np.nan, [np.nan] * 3
    assert "No policy reaches 90\N{NO-BREAK SPACE}% accuracy" in headline(changed(learning, time_to_target_ms=never))
    only = changed(learning, time_to_target_ms=[5.0, nan, nan], speedup=[1.0, nan, nan])
    assert headline(only) == "Only synchronous reaches 90\N{NO-BREAK SPACE}% accuracy."
    close = changed(
        learning,
        time_to_target_ms=[5.0, 4, 6],
        speedup=[1, 1.2, 0.9],
        speedup_low=[1, 0.9, 0.8],
        speedup_high=[1, 2, 1],
    )
    assert "Asynchronous or synchronous: too close to call" in headline(close)
    slower = changed(
        learning,
        time_to_target_ms=[5.0, 6, 7],
        speedup=[1, 0.8, 0.5],
        speedup_low=[1, 0.7, 0.4],
        speedup_high=[1, 0.9, 0.6],
    )
    assert headline(slower) == "Synchronous reaches 90\N{NO-BREAK SPACE}% accuracy 1.25× sooner than asynchronous."
    late = changed(learning, time_to_target_ms=[nan, 4.0, nan], speedup=never)
    assert headline(late) == "Asynchronous reaches 90\N{NO-BREAK SPACE}% accuracy, synchronous does not in every run."


def test_what_is_not_reached_is_a_dash_and_no_number(learning):
    table = targets(changed(learning, time_to_target_ms=[5.0, np.nan, np.nan], speedup=[1, np.nan, np.nan]))
    assert table.iloc[1, 1] == table.iloc[1, 2] == "–"


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
