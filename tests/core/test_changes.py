"""What a change of scenario does, worked out anew from the runs of either, and the parameters that differ."""

from dataclasses import replace

import numpy as np
import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    FlatLatency,
    LocalSGD,
    LogNormal,
    Measured,
    Prices,
    Scenario,
    ScenarioError,
    Stragglers,
    Synchronous,
    Uniform,
    Workload,
    replicate,
    simulate,
)
from core.changes import Difference, differences, shares_draws, what_changed
from core.scenario import under
from core.statistics.independent import independent_ratios
from core.statistics.verdicts import ratios

PINNED = Scenario()
FASTER = replace(PINNED, network=FlatLatency(latency_ms=50))
BOTH = [Synchronous(), Asynchronous()]


def epochs(scenario, policy, runs):
    return replicate(under(scenario, policy), runs)["epoch_ms"].to_numpy()


def ends(ratio):
    """A ratio with its interval."""
    return ratio.value, ratio.low, ratio.high


def test_paired_where_both_see_the_same_draws():
    """Row by row as `replicate` has them, judged together; where a barrier pays 150 ms less a batch, exactly that."""
    found = what_changed(PINNED, FASTER, BOTH, 60)
    judged = ratios([(epochs(PINNED, policy, 60), epochs(FASTER, policy, 60)) for policy in BOTH])
    for each, ratio in zip(found, judged, strict=True):
        assert (each.ratio.value, each.ratio.low, each.ratio.high) == pytest.approx(
            (ratio.value, ratio.low, ratio.high)
        )
    assert all(each.paired and each.ratio.outcome == "decided" for each in found)
    assert found[0].saved_ms["comm"] == pytest.approx(1500)
    assert found[0].before.mean_ms - found[0].after.mean_ms == pytest.approx(1500)


@pytest.mark.parametrize(
    "now",
    [
        replace(PINNED, workers=6),
        replace(PINNED, batches=12),
        replace(PINNED, seed=7),
        replace(PINNED, compute=LogNormal()),
    ],
)
def test_independent_where_they_do_not(now):
    """By the time of a mini-batch, as epochs may be of more of them."""
    (found,) = what_changed(PINNED, now, [Asynchronous()], 40)
    before, after = (epochs(each, Asynchronous(), 40) / each.work for each in (PINNED, now))
    (ratio,) = independent_ratios([(before, after)])
    assert not found.paired
    assert ends(found.ratio) == pytest.approx(ends(ratio))
    assert found.ratio.value == pytest.approx(found.after.throughput / found.before.throughput)


def test_who_shares_draws():
    for now in (FASTER, replace(PINNED, compute=Uniform(mean_ms=100, jitter=0.4))):
        assert shares_draws(PINNED, now)
        assert np.corrcoef(epochs(PINNED, Synchronous(), 50), epochs(now, Synchronous(), 50))[0, 1] > 0.99
    assert shares_draws(PINNED, replace(PINNED, stragglers=Stragglers(slow_workers=1, hiccup_probability=0.1)))
    one, other = (Measured(compute_ms=((ms, 200.0), (300.0, 100.0))) for ms in (100.0, 150.0))
    measured = Workload(workers=2, compute=one)
    assert shares_draws(measured, replace(measured, network=AlphaBeta()))
    assert not shares_draws(measured, replace(measured, compute=other))


def test_a_scenario_against_itself_is_the_same():
    for change in what_changed(PINNED, PINNED, BOTH, 5):
        assert (change.ratio.value, change.ratio.low, change.ratio.high, change.ratio.outcome) == (1, 1, 1, "equal")
        assert not any(change.saved_ms.values())
    assert differences(PINNED, PINNED) == []


@pytest.mark.parametrize("policy", [*BOTH, LocalSGD(), BackupWorkers(wait_for=3)])
def test_parts_add_up_to_the_difference_of_the_epochs(policy):
    now = replace(PINNED, network=AlphaBeta(message_mb=300), stragglers=Stragglers(slow_workers=1))
    (change,) = what_changed(PINNED, now, [policy], 30)
    assert sum(change.saved_ms.values()) == pytest.approx(change.before.mean_ms - change.after.mean_ms)


def test_the_first_run_is_the_one_that_is_simulated():
    (change,) = what_changed(PINNED, FASTER, [Synchronous()], 3)
    assert change.before.epoch_ms[0] == simulate(PINNED).metrics.epoch_ms


def test_policies_are_cut_to_the_workers_of_either():
    """And two of them may come to the same one."""
    policies = [BackupWorkers(wait_for=7), BackupWorkers(wait_for=5)]
    found = what_changed(PINNED, replace(PINNED, workers=8), policies, 5)
    assert [(each.before.policy, each.after.policy) for each in found] == [
        ("Backup workers (first 4)", "Backup workers (first 7)"),
        ("Backup workers (first 4)", "Backup workers (first 5)"),
    ]


@pytest.mark.parametrize("policies", [[], None, "sync", [1], {"sync": 1}])
def test_what_are_no_policies_is_refused(policies):
    with pytest.raises(ScenarioError, match="is not a list of policies"):
        what_changed(PINNED, FASTER, policies)


def test_parameters_that_differ():
    assert differences(PINNED, FASTER) == [Difference("latency_ms", 200.0, 50.0)]
    assert differences(PINNED, replace(PINNED, policy=Asynchronous()))[0] == Difference("mode", "sync", "async")
    assert differences(PINNED.workload, replace(PINNED, policy=Asynchronous())) == []
    idle = Stragglers(slowdown=9), Stragglers(slowdown=3)
    assert differences(*(replace(PINNED, stragglers=each) for each in idle)) == []
    now = replace(PINNED, stragglers=Stragglers(slow_workers=1, slowdown=3))
    assert differences(PINNED, now) == [Difference("slow_workers", 0, 1), Difference("slowdown", None, 3.0)]
    paid = (Prices(worker_per_hour=1), Prices(worker_per_hour=2))
    assert differences(PINNED, PINNED, paid) == [Difference("worker_per_hour", 1.0, 2.0)]
    assert differences(PINNED, PINNED, times=("controls", "sample")) == [Difference("times", "controls", "sample")]
