"""Ratios of runs that are not in pairs: their intervals by definition, and how often they err."""

import math

import numpy as np
import pytest

from core.statistics.independent import freedom, independent_ratios, welch_t
from core.statistics.student import two_sided_p, two_sided_quantile


def times(seed, runs, mean=100, spread=10):
    return mean + spread * np.random.default_rng(seed).standard_normal(runs)


def test_the_interval_by_its_definition():
    """Its ends are where mean(a) − ρ·mean(b) is just t standard errors of two independent means."""
    a, b = times(1, 9, 120, 5), times(2, 14, 100, 8)
    (found,) = independent_ratios([(a, b)])
    of_a, of_b = a.var(ddof=1) / 9, b.var(ddof=1) / 14
    t = two_sided_quantile(0.05, (of_a + of_b) ** 2 / (of_a**2 / 8 + of_b**2 / 13))
    for end in (found.low, found.high):
        assert abs(a.mean() - end * b.mean()) == pytest.approx(t * math.sqrt(of_a + end**2 * of_b), rel=1e-9)
    assert found.value == pytest.approx(a.mean() / b.mean(), rel=1e-12)
    assert found.decided
    assert found.runs == 9


@pytest.mark.parametrize("seed", range(20))
def test_one_is_in_it_just_when_welchs_test_does_not_reject(seed):
    a, b = times(seed, 6, 104, 3), times(seed + 100, 11, 100, 7)
    (found,) = independent_ratios([(a, b)])
    assert found.decided == (two_sided_p(welch_t(a, b), freedom(a, b)) < 0.05) == (not found.low <= 1 <= found.high)


def test_welchs_test_of_a_textbook():
    """Samples of 10 and 20 with different variances: t = 1.57 with 9.9 degrees of freedom, p = 0.149.

    Source: the second example of Wikipedia's article on Welch's t-test.
    """
    a = np.array([17.2, 20.9, 22.6, 18.1, 21.7, 21.4, 23.5, 24.2, 14.7, 21.8])
    b = [21.5, 22.8, 21.0, 23.0, 21.6, 23.6, 22.5, 20.7, 23.4, 21.8]
    b = np.array([*b, 20.7, 21.7, 21.5, 22.5, 23.6, 21.5, 22.5, 23.5, 21.5, 21.8])
    assert welch_t(a, b) == pytest.approx(1.57, abs=0.005)
    assert freedom(a, b) == pytest.approx(9.9, abs=0.05)
    assert two_sided_p(welch_t(a, b), freedom(a, b)) == pytest.approx(0.149, abs=0.001)


def test_equal_times_are_told_apart_in_at_most_6_percent():
    rng, samples = np.random.default_rng(5), 300
    for runs, others in ((3, 12), (30, 10)):
        pairs = [(times(rng, runs, 100, 20), times(rng, others, 100, 5)) for _ in range(samples)]
        decided = sum(independent_ratios([pair])[0].decided for pair in pairs)
        assert decided / samples <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / samples)


def test_what_does_not_vary_is_exact_and_a_single_run_is_open():
    same, other = np.full(5, 2.0), np.full(3, 1.0)
    (exact,) = independent_ratios([(same, other)])
    assert (exact.value, exact.low, exact.high, exact.outcome) == (2, 2, 2, "decided")
    (equal,) = independent_ratios([(same, same[:2])])
    assert (equal.value, equal.low, equal.high, equal.outcome) == (1, 1, 1, "equal")
    (one,) = independent_ratios([(same[:1], times(1, 9))])
    assert math.isnan(one.low)
    assert one.outcome == "open"


def test_several_are_corrected_for():
    """The surest is judged at a third of the level, as Holm has it."""
    pairs = [(times(1, 20, 130), times(2, 20)), (times(3, 20, 101), times(4, 20)), (times(5, 20), times(6, 20))]
    found = independent_ratios(pairs)
    assert found[0].level == pytest.approx(0.05 / 3)
    assert [each.decided for each in found] == [True, False, False]
