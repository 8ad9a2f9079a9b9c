"""Ratios of a few paired times: by their definition, how often they err, and with how many runs they would decide."""

import math

import numpy as np
import pytest

from core.statistics.log_ratios import log_ratios
from core.statistics.student import two_sided_quantile

LAWS = {
    "normal": lambda rng, shape: 100 + 10 * rng.standard_normal(shape),
    "log-normal": lambda rng, shape: 100 * rng.lognormal(0, 0.5, shape),
    "Pareto": lambda rng, shape: 100 * (1 + rng.pareto(3, shape)),
}


def judged(one, other):
    (found,) = log_ratios([(np.array(one, float), np.array(other, float))])
    return found


def share_decided(law, policies, runs, samples, gain=1.0):
    """In how many of so many samples some pair is decided; the first policy's times are longer by a factor."""
    rng, decided = np.random.default_rng(11), 0
    for _ in range(samples):
        times = LAWS[law](rng, (policies, runs))
        times[0] *= gain
        pairs = [(times[i], times[j]) for i in range(policies) for j in range(i + 1, policies)]
        decided += any(each.decided for each in log_ratios(pairs))
    return decided / samples


def test_the_geometric_mean_with_its_t_interval():
    rng = np.random.default_rng(3)
    one, other = rng.lognormal(0.3, 0.2, 6), rng.lognormal(0, 0.2, 6)
    found, each = judged(one, other), one / other
    logs = [math.log(ratio) for ratio in each]
    mean = sum(logs) / 6
    error = two_sided_quantile(0.05, 5) * math.sqrt(sum((value - mean) ** 2 for value in logs) / 5 / 6)
    assert found.value == pytest.approx(math.prod(each) ** (1 / 6))
    assert found.low == pytest.approx(math.exp(mean - error))
    assert found.high == pytest.approx(math.exp(mean + error))
    assert found.decided == (not found.low <= 1 <= found.high)
    back = judged(other, one)
    assert (back.value, back.low, back.high) == pytest.approx(
        (found.inverse.value, found.inverse.low, found.inverse.high)
    )


EQUAL = [(law, 2, runs, 4_000) for law in LAWS for runs in (2, 3, 5, 30)] + [
    (law, 4, runs, 600) for law, runs in zip(LAWS, (5, 30, 3), strict=True)
]
"""Each law with two policies in few runs and many; of four policies what matters is how many pairs they make."""


@pytest.mark.parametrize(("law", "policies", "runs", "samples"), EQUAL)
def test_equal_policies_are_told_apart_in_at_most_6_percent(law, policies, samples, runs):
    """The verdict allows itself 5 %, and three standard errors come on top: 1 % for 4,000 samples of two policies."""
    assert share_decided(law, policies, runs, samples) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / samples)


def test_the_share_decided_of_a_true_difference_rises_with_the_runs():
    shares = [share_decided("log-normal", 2, runs, 300, gain=1.2) for runs in (3, 10, 30, 100, 400)]
    assert shares == sorted(shares)
    assert shares[0] < 0.2
    assert shares[-1] > 0.95


def test_runs_that_would_decide():
    """With as many of them, of the same mean and spread, it is decided; either way round they are as many."""
    pattern = np.array([-1, 1, -1, 1]) * 0.2 + 0.1
    found = judged(np.exp(pattern), np.ones(4))
    assert found.outcome == "open"
    enough = found.runs_to_decide
    assert found.inverse.runs_to_decide == enough
    spread = found.deviation
    assert two_sided_quantile(0.05, enough - 1) * spread / math.sqrt(enough) <= 0.1
    assert two_sided_quantile(0.05, enough - 3) * spread / math.sqrt(enough - 2) > 0.1


@pytest.mark.parametrize("runs", [2, 3, 4, 8, 30])
@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_they_are_the_first_number_that_decides(runs, spread):
    """Even where the quantile falls from 12.7 to 2 on the way there, as from two runs on."""
    logs = 0.05 + spread * np.linspace(-1, 1, runs)
    found = judged(np.exp(logs), np.ones(runs))
    assert found.outcome == "open"
    enough = found.runs_to_decide
    errors = [two_sided_quantile(0.05, n - 1) * found.deviation / math.sqrt(n) for n in (enough, enough - 1)]
    assert errors[0] <= 0.05 < errors[1]


def test_outcomes():
    assert judged([200, 210], [100, 105]).outcome == "decided"
    assert judged([200, 210], [100, 105]).value == pytest.approx(2)
    assert judged([100, 105, 110], [100, 105, 110]).outcome == "equal"
    assert judged([100, 100.1, 99.9], [100, 100, 100]).outcome == "equal"
    assert judged([100, 160, 60], [100, 100, 100]).outcome == "open"


def test_one_run_decides_nothing():
    found = judged([300], [100])
    assert (found.value, found.outcome, found.runs_to_decide) == (pytest.approx(3), "open", None)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_two_wild_runs_have_no_interval():
    """An error of 12.7 × 0.5 leaves a factor of 100; one of 12.7 × 0.2 does not."""
    assert judged([math.exp(0.2), math.exp(-0.2)], [1, 1]).high == pytest.approx(math.exp(12.706 * 0.2), rel=1e-3)
    found = judged([math.exp(0.5), math.exp(-0.5)], [1, 1])
    assert found.outcome == "open"
    assert math.isnan(found.low)
