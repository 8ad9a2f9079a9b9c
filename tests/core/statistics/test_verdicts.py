"""Verdicts: how often they err, that more runs decide more, and what they say of tables made by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import Asynchronous, LocalSGD, Scenario, ScenarioError, Stragglers, Synchronous, compare, verdict
from core.statistics.student import two_sided_quantile
from core.statistics.verdicts import paired_p_value, ratio, ratios

LAWS = {
    "normal": lambda rng, shape: 100 + 10 * rng.standard_normal(shape),
    "log-normal": lambda rng, shape: 100 * rng.lognormal(0, 0.5, shape),
    "Pareto": lambda rng, shape: 100 * (1 + rng.pareto(3, shape)),
}


def table(**epochs):
    """A table as `compare` makes it, from epoch times by policy."""
    rows = [
        pd.DataFrame({"policy": name, "replicate": range(len(times)), "epoch_ms": np.array(times, float)})
        for name, times in epochs.items()
    ]
    return pd.concat(rows, ignore_index=True)


def share_decided(law, policies, runs, samples, gain=1.0):
    """In how many of so many samples some pair is decided; the first policy's times are longer by a factor."""
    rng, decided = np.random.default_rng(7), 0
    for _ in range(samples):
        epochs = LAWS[law](rng, (policies, runs))
        epochs[0] *= gain
        pairs = [(epochs[i], epochs[j]) for i in range(policies) for j in range(i + 1, policies)]
        decided += any(each.decided for each in ratios(pairs))
    return decided / samples


EQUAL = [(law, 2, runs, 800) for law in LAWS for runs in (2, 3, 5, 30, 1_000)] + [
    (law, 8, runs, 100) for law, runs in zip(LAWS, (5, 30, 3), strict=True)
]
"""Each law with two policies in few runs and many; of eight policies what matters is how many pairs they make."""


@pytest.mark.parametrize(("law", "policies", "runs", "samples"), EQUAL)
def test_equal_policies_are_told_apart_in_at_most_6_percent(law, policies, samples, runs):
    """Beyond the 5 % that the verdict allows itself, three standard errors of the samples."""
    samples = min(samples, 200_000 // runs)
    assert share_decided(law, policies, runs, samples) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / samples)


@pytest.mark.parametrize("law", LAWS)
def test_the_share_decided_of_a_true_difference_rises_with_the_runs(law):
    shares = [share_decided(law, 2, runs, 300, gain=1.2) for runs in (3, 10, 30, 100, 400)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.95
    assert shares[0] < 0.6


@given(st.integers(2, 40), st.floats(0.001, 0.4), st.integers(0, 2**32))
def test_one_is_in_fiellers_interval_just_when_the_paired_t_test_does_not_reject(runs, spread, seed):
    rng = np.random.default_rng(seed)
    one, other = 100 * (1 + spread * rng.random((2, runs)))
    found = ratio(one, other, 0.05)
    if not math.isnan(found.low):
        assert found.low <= found.value <= found.high
        assert found.decided == (paired_p_value(one, other) < 0.05)
        assert found.decided == (not found.low <= 1 <= found.high)


def test_fiellers_interval_by_its_definition():
    """Its ends are where |mean(a − ρ·b)| is just t standard errors."""
    rng = np.random.default_rng(3)
    a, b = 120 + 5 * rng.standard_normal(9), 100 + 8 * rng.standard_normal(9)
    found, t = ratio(a, b, 0.05), two_sided_quantile(0.05, 8)
    for end in (found.low, found.high):
        rest = a - end * b
        assert abs(rest.mean()) == pytest.approx(t * rest.std(ddof=1) / 3, rel=1e-9)
    assert found.value == a.mean() / b.mean()


def test_a_difference_without_spread_is_exact():
    found = verdict(table(slow=[200, 210, 220], quick=[100, 105, 110]))
    assert (found.winner, found.runner_up, found.outcome) == ("quick", "slow", "decided")
    assert (found.speedup, found.low, found.high) == (2, 2, 2)
    assert found.faster_percent == 100
    assert found.runs_to_decide is None


def test_times_that_are_the_same_are_equal():
    found = verdict(table(one=[100, 105, 110], other=[100, 105, 110]))
    assert (found.outcome, found.speedup, found.low, found.high) == ("equal", 1, 1, 1)
    assert found.faster_percent == 0


def test_one_run_decides_nothing():
    found = verdict(table(one=[100], other=[200]))
    assert (found.winner, found.speedup, found.outcome) == ("one", 2, "open")
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.runs_to_decide is None


def test_a_close_call_is_equal_once_the_runs_are_many():
    rng = np.random.default_rng(5)
    common = 100 + 20 * rng.standard_normal(400)
    found = verdict(table(one=common + rng.standard_normal(400), other=common + rng.standard_normal(400)))
    assert found.outcome == "equal"
    assert 0.99 <= found.low <= 1 <= found.high <= 1.01


def test_spread_is_not_doubt():
    """Single runs that overlap widely, and a mean that is sure: decided, with the share of the runs beside it."""
    rng = np.random.default_rng(3)
    found = verdict(table(one=110 + 20 * rng.standard_normal(2_000), other=100 + 20 * rng.standard_normal(2_000)))
    assert (found.winner, found.outcome) == ("other", "decided")
    assert 60 < found.faster_percent < 68  # Φ(10 / 28.3) = 63.8 %
    assert found.low < 1.1 < found.high


def test_so_many_runs_decide():
    """What is open at a few runs is decided by about as many as it says, in most cases."""
    rng, needed, decided = np.random.default_rng(11), [], []
    for _ in range(60):
        one, other = 104 + 15 * rng.standard_normal(20), 100 + 15 * rng.standard_normal(20)
        found = verdict(table(one=one, other=other))
        if found.outcome == "open":
            needed.append(found.runs_to_decide)
            assert found.runs_to_decide > 20
    for _ in range(60):
        runs = 2 * 112  # (1.97 · 15·√2 / 4)² = 109 runs decide every other time, twice as many nearly always
        one, other = 104 + 15 * rng.standard_normal(runs), 100 + 15 * rng.standard_normal(runs)
        decided.append(verdict(table(one=one, other=other)).outcome == "decided")
    assert np.mean(decided) > 0.7
    assert 20 < np.median(needed) < 400


def test_the_first_policy_against_the_fastest_other():
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((3, 50))
    found = verdict(table(first=120 + noise[0], second=130 + noise[1], third=100 + noise[2]))
    assert (found.winner, found.runner_up) == ("third", "first")
    assert found.speedup == pytest.approx(1.2, abs=0.01)
    found = verdict(table(first=90 + noise[0], second=130 + noise[1], third=100 + noise[2]))
    assert (found.winner, found.runner_up) == ("first", "third")
    assert found.low <= found.speedup <= found.high


def test_an_interval_has_the_level_of_its_verdict():
    """Holm: of three pairs the surest is judged at a third of 5 %; the ones after an undecided one as that one."""
    rng = np.random.default_rng(4)
    noise = rng.standard_normal((3, 12))
    pairs = [(100 + noise[0], 200 + noise[1]), (100 + noise[0], 100 + noise[2]), (200 + noise[1], 100 + noise[2])]
    found = ratios(pairs)
    assert [each.decided for each in found] == [True, False, True]
    assert sorted(each.level for each in found) == pytest.approx([0.05 / 3, 0.05 / 2, 0.05])
    assert found[1].level == 0.05


def test_pairs_that_are_just_as_sure_have_the_same_interval():
    """Two policies that always take the same time stand alike against a third."""
    rng = np.random.default_rng(6)
    quick, slow = 100 + rng.standard_normal(12), 110 + 5 * rng.standard_normal(12)
    one, other, same = ratios([(slow, quick), (slow, quick.copy()), (quick, quick.copy())])
    assert (one.low, one.high, one.level) == (other.low, other.high, other.level)
    assert (same.outcome, same.value) == ("equal", 1)


def test_the_inverse_of_a_ratio_is_the_other_ratio():
    rng = np.random.default_rng(9)
    a, b = 120 + 9 * rng.standard_normal(15), 100 + 9 * rng.standard_normal(15)
    one, other = ratio(a, b, 0.05).inverse, ratio(b, a, 0.05)
    assert (one.low, one.value, one.high) == pytest.approx((other.low, other.value, other.high))
    assert one.decided == other.decided
    assert one.deviation == pytest.approx(other.deviation)


def test_simulated_epochs():
    found = verdict(compare(Scenario(), [Synchronous(), Asynchronous()], 1000))
    assert (found.winner, found.outcome, round(found.speedup, 2)) == ("Asynchronous", "decided", 1.38)
    assert found.low < found.speedup < found.high < found.low * 1.01
    hiccups = Scenario(stragglers=Stragglers(hiccup_probability=0.01))
    same = verdict(compare(hiccups, [Synchronous(), LocalSGD(period=1)], 50))
    assert (same.outcome, same.speedup) == ("equal", 1)


@pytest.mark.parametrize(
    "wrong",
    [None, 3, "table", pd.DataFrame(), pd.DataFrame({"policy": ["a"]}), table(one=[1, 2]), table(a=[1], b=[1, 2])],
)
def test_what_is_no_table_of_compare_is_refused(wrong):
    with pytest.raises(ScenarioError, match=r"^table: "):
        verdict(wrong)


@given(st.integers(2, 6), st.floats(0.01, 3), st.floats(0.01, 3), st.integers(0, 2**32))
def test_wild_runs_have_an_interval_both_ways_round_or_none(runs, spread, other_spread, seed):
    """Where one mean may as well be nothing, a ratio has no end on one side, and nothing is decided."""
    rng = np.random.default_rng(seed)
    one, other = (100 * rng.lognormal(0, each, runs) for each in (spread, other_spread))
    for found in (ratio(one, other, 0.05), ratio(one, other, 0.05).inverse, ratio(other, one, 0.05)):
        if math.isnan(found.low):
            assert math.isnan(found.high)
            assert not found.decided
        else:
            assert 0 < found.low <= found.value <= found.high
    assert math.isnan(ratio(one, other, 0.05).low) == math.isnan(ratio(other, one, 0.05).low)


def test_a_mean_that_may_as_well_be_nothing_decides_nothing():
    found = verdict(table(slow=[1000, 1001], wild=[1, 100]))
    assert (found.winner, found.outcome) == ("wild", "open")
    assert math.isnan(found.low)
    assert math.isnan(found.high)
