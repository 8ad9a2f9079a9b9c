"""What would flip an answer: crossings against values gone through one by one, and against closed forms."""

import math
from dataclasses import replace

import numpy as np
import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Constant,
    FlatLatency,
    KAsync,
    LocalSGD,
    Scenario,
    ScenarioError,
    Stragglers,
    Synchronous,
    compare,
)
from core.common.wording import NBSP
from core.flips import Crossing, Flip, Line, acting_keys, flip_of, flips
from core.report import flips as report
from core.report.parameters import short
from core.simulation.sweeps import changed, changed_policy
from core.statistics.pairs import Paired
from core.statistics.verdicts import ratios

SERVER = Scenario(workers=8, batches=5, network=AlphaBeta(message_mb=400))
HICCUPS = Scenario(workers=32, stragglers=Stragglers(hiccup_probability=0.01))
BOTH = (Synchronous(), Asynchronous())


def ratio(scenario, one, other, name, value, runs, level=0.05):
    """The one's mean time over the other's, worked out anew."""
    cell = {name: value}
    here = changed(scenario, cell)
    policies = [changed_policy(policy, cell).fitted(here.workers) for policy in (one, other)]
    paired = Paired.of(compare(here.workload, policies, runs))
    times = [paired.runs[policy.label]["epoch_ms"] for policy in policies]
    return ratios([times], level)[0]


@pytest.mark.parametrize("key", ["servers", "slow_workers", "workers"])
def test_whole_numbers_are_exact(key):
    flip = flip_of(SERVER, *BOTH, key, 10)
    sides = [
        np.sign(ratio(SERVER, *BOTH, flip.name, value, 10).value - 1) for value in range(flip.least, flip.most + 1)
    ]
    changes = [flip.least + 1 + place for place in np.flatnonzero(np.diff(sides))]
    assert [crossing.value for crossing in flip.crossings] == changes


@pytest.mark.parametrize(
    ("scenario", "one", "other", "key"),
    [
        (SERVER, *BOTH, "bandwidth_gbps"),
        (SERVER, *BOTH, "message_mb"),
        (HICCUPS, BackupWorkers(wait_for=31), Synchronous(), "hiccup_probability"),
        (HICCUPS, BackupWorkers(wait_for=31), Synchronous(), "hiccup_factor"),
    ],
)
def test_a_crossing_lies_between_values_at_which_different_policies_are_sure_to_win(scenario, one, other, key):
    flip = flip_of(scenario, one, other, key, 40)
    (crossing,) = flip.crossings
    assert crossing.low < crossing.value < crossing.high
    level = 0.05 / len(acting_keys(scenario, (one, other))) / flip.tried
    inside = crossing.low + 0.1 * (crossing.value - crossing.low)
    before, just_inside, at, after = (
        ratio(scenario, one, other, flip.name, value, 40, level)
        for value in (crossing.low, inside, crossing.value, crossing.high)
    )
    assert before.decided
    assert after.decided
    assert at.value == pytest.approx(1, abs=2e-3) or not at.decided  # a hiccup more is a step
    winners = [(one if each.value < 1 else other).label for each in (before, after)]
    assert winners == [crossing.below, crossing.above]
    assert not just_inside.decided or abs(crossing.low - crossing.value) < 0.01 * crossing.value


def test_a_winner_among_equal_policies_is_named_in_at_most_5_percent_of_answers(monkeypatch):
    """Each value with times of its own: the most chances. 5 % of 50 answers and three standard errors: 7."""
    rng = np.random.default_rng(1)
    monkeypatch.setattr(Line, "simulated", lambda line, value: tuple(rng.lognormal(0, 0.3, (2, 8))))
    answers = [flips(Scenario(), *BOTH, 8) for _ in range(50)]
    assert min(sum(flip.tried for flip in answer) for answer in answers) > 100
    named = sum(any(len(flip.undecided) < flip.tried for flip in answer) for answer in answers)
    assert named <= 7


def test_a_crossing_of_a_closed_form():
    """No randomness: local SGD every 2 against a barrier that hides a share o of L; B·(m + (1 − o)·L) = B·m + B/2·L."""
    network = AlphaBeta(message_mb=100, latency_ms=0)
    scenario = Scenario(workers=4, batches=8, compute=Constant(mean_ms=100), network=network)
    pushes = Asynchronous()
    flip = flip_of(scenario, Synchronous(), pushes, "bandwidth_gbps", 2)
    for crossing in flip.crossings:
        found = ratio(scenario, Synchronous(), pushes, flip.name, crossing.value, 2)
        assert found.value == pytest.approx(1, abs=2e-3)
    still = flip_of(scenario, Synchronous(), LocalSGD(period=2), "bandwidth_gbps", 2)
    assert not still.crossings  # B/2 exchanges are always fewer than B


def test_everything_that_acts_is_tried_and_nothing_else():
    assert "slowdown" not in acting_keys(SERVER, BOTH)
    assert "slowdown" in acting_keys(Scenario(stragglers=Stragglers(slow_workers=1)), BOTH)
    assert "overlap" not in acting_keys(SERVER, (Asynchronous(), KAsync(wait_for=2)))
    assert "servers" not in acting_keys(SERVER, (Synchronous(), LocalSGD(period=2)))
    nodes = replace(SERVER, network=replace(SERVER.network, workers_per_node=2, buckets=4))
    assert {"efficiency", "buckets"} <= {*acting_keys(nodes, BOTH)}
    assert not {"workers", "overlap"} & {*acting_keys(nodes, BOTH)}
    assert "buckets" not in acting_keys(SERVER, (Asynchronous(), KAsync(wait_for=2)))
    assert "period" not in acting_keys(SERVER, (Synchronous(), LocalSGD(period=4, fragments=2)))
    assert "async_fraction" not in acting_keys(Scenario(), (Synchronous(), LocalSGD(period=2)))
    assert [flip.key for flip in flips(SERVER, *BOTH, 2)] == acting_keys(SERVER, BOTH)


def test_policies_that_become_one_at_a_value_are_not_compared_there():
    scenario = Scenario(workers=4, network=FlatLatency(latency_ms=0))
    flip = flip_of(scenario, BackupWorkers(wait_for=3), BackupWorkers(wait_for=4), "workers", 5)
    assert flip.least == 4  # three workers are all, whichever of the two waits for them


def test_it_is_bounded():
    with pytest.raises(ScenarioError, match="too many to look for"):
        flips(Scenario(workers=1_000, batches=1_000), *BOTH)
    with pytest.raises(ScenarioError, match="replicates"):
        flips(SERVER, *BOTH, 1)
    done = []
    flips(SERVER, *BOTH, 2, progress=lambda now, of: done.append((now, of)))
    assert done == [(number, len(done)) for number in range(1, len(done) + 1)]


def test_units():
    """Batches and percentages are said as people set them."""
    ends = {"low": 0.02, "high": 0.03, "below": "Synchronous", "above": "Asynchronous"}
    hiccups = Flip(
        key="hiccup_probability", name="stragglers.hiccup_probability", now=0.01, least=0, most=0.2, is_whole=False,
        tried=3, crossings=(Crossing(value=0.025, **ends),), undecided=(0.1, 0.2),
    )  # fmt: skip
    assert report.in_words(hiccups) == (
        f"**Hiccups**, now 1{NBSP}%: asynchronous wins above 2.5{NBSP}% (2 to 3); "
        f"too close to call at 10 and 20{NBSP}%."
    )
    bound = Flip(
        key="bound", name="policy.bound", now=8, least=1, most=16, is_whole=True, tried=16,
        crossings=(Crossing(value=2, low=1, high=2, below="Synchronous", above="Stale synchronous"),), undecided=(),
    )  # fmt: skip
    said = report.in_words(bound)
    assert said == f"**Staleness bound**, now 8{NBSP}batches: synchronous wins with 1{NBSP}batch or fewer."
    assert report.headline([bound]) == f"The answer flips with staleness bound ≤ 1{NBSP}batch."


def test_words():
    found = {flip.key: flip for flip in flips(SERVER, *BOTH, 40)}
    bandwidth, servers = found["bandwidth_gbps"], found["servers"]
    (crossing,) = bandwidth.crossings
    assert report.in_words(bandwidth) == (
        f"**Bandwidth**, now 10{NBSP}Gb/s: asynchronous wins above {short(crossing.value)}{NBSP}Gb/s "
        f"({short(crossing.low)} to {short(crossing.high)})."
    )
    assert report.in_words(servers) == "**Parameter servers**, now 1: asynchronous wins with 3 or more."
    said = report.headline(list(found.values()))
    assert said.startswith("The answer flips with bandwidth above ")
    assert said.endswith(" or parameter servers ≥ 3.")
    rest = report.the_rest(list(found.values()), "Synchronous")
    assert rest.startswith("Synchronous stays ahead whatever the number of workers (2 to 64), ")
    assert report.headline([flip for flip in found.values() if not flip.crossings]).startswith("No single parameter")
    turned = flip_of(changed(SERVER, {"network.bandwidth_gbps": 200.0}), *BOTH, "bandwidth_gbps", 40)
    assert f"now 200{NBSP}Gb/s: synchronous wins below " in report.in_words(turned)
    assert not math.isnan(turned.crossings[0].low)
