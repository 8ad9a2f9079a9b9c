"""One run in words: the numbers in them are the numbers of the run."""

import math
import re

import pytest
from hypothesis import given

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Constant,
    Failures,
    FlatLatency,
    KAsync,
    Scenario,
    Synchronous,
    simulate,
)
from core.report.run import (
    cancelled_in_words,
    contributions_in_words,
    network_in_words,
    run_answer,
    staleness_in_words,
    timeline_in_words,
)
from core.report.timeline_data import picture
from tests.strategies import given_runs
from tests.words import numbers


@given(given_runs())
def test_run_answer_adds_up(given):
    """Computing, each kind of waiting, network, work thrown away and tail: all of the time, for every policy."""
    headline, detail = run_answer(given.run())
    assert f"{given.scenario.workers} worker" in headline
    shares = [float(share) for share in re.findall(r"([\d.]+)\N{NO-BREAK SPACE}%", detail)]
    assert sum(shares) == pytest.approx(100, abs=0.06 * len(shares))


def test_run_answer_of_one_worker():
    assert run_answer(simulate(Scenario(workers=1)))[0].startswith("Synchronous: 1 worker finishes")


def test_kinds_of_waiting_are_told_apart():
    network = AlphaBeta(message_mb=200)
    detail = run_answer(simulate(Scenario(workers=6, network=network, policy=KAsync(wait_for=2))))[1]
    assert "queueing at the server" in detail
    assert "waiting for the other gradients of an update" in detail
    assert "work thrown away" in detail
    assert "slowest" not in detail


def test_why_work_is_thrown_away():
    """By a barrier that has enough, at the end of an epoch, or by a failure."""
    enough, late = (simulate(Scenario(policy=kind(wait_for=2))) for kind in (BackupWorkers, KAsync))
    failing = simulate(Scenario(failures=Failures(restart_s=1)), failures_ms=[[math.nan, 1_500, math.nan, math.nan]])
    for run, said in (
        (enough, "because their batch has enough gradients without them"),
        (late, "still under way when the epoch's last update"),
        (failing, "that were lost to a failure"),
    ):
        assert said in cancelled_in_words(run)


def test_timeline_in_words_names_the_stragglers():
    run = simulate(Scenario(workers=2, batches=2), compute_ms=[[30, 50], [40, 20]])
    assert "Last at the barrier: W0 1×, W1 1×." in timeline_in_words(run)


def test_nobody_is_called_a_straggler_where_nobody_waits():
    for scenario in (Scenario(workers=1), Scenario(compute=Constant())):
        run = simulate(scenario)
        assert (run.barriers()["straggler"] == -1).all()
        assert "Nobody waits at a barrier." in timeline_in_words(run)
        assert not picture(run).blocks["straggler"].any()
        assert set(picture(run).blocks["what"]) == {"computes", "network: all exchange after the barrier"}


def test_staleness_in_words():
    assert "Every gradient is fresh" in staleness_in_words(simulate(Scenario()))
    run = simulate(Scenario(workers=2, batches=2, policy=Asynchronous()), compute_ms=[[1, 4], [1, 4]])
    assert numbers(staleness_in_words(run))[0] == run.metrics.mean_staleness


def test_contributions_in_words():
    """By hand: of four batches in one queue, W0 does three while W1 does one; in K-async the late one is cancelled."""
    shared = Scenario(workers=2, batches=2, network=FlatLatency(latency_ms=0), policy=Asynchronous(assignment="shared"))
    run = simulate(shared, compute_ms=[[1, 4]] * 4)
    assert "W0 contributes most, 75.0" in contributions_in_words(run)
    assert "W1 least, 25.0" in contributions_in_words(run)
    first = Scenario(workers=2, batches=2, network=FlatLatency(latency_ms=0), policy=KAsync(wait_for=1))
    assert "1 gradient thrown away" in contributions_in_words(simulate(first, compute_ms=[[1, 9]] * 4))
    assert contributions_in_words(simulate(Scenario())) == "Every worker contributes the same: 10 gradients, " + (
        "25.0\N{NO-BREAK SPACE}%."
    )


def test_network_in_words():
    """α = 0.5 ms, t = 8·4/8 = 4 ms, four workers: ring 2·3·0.5 + 2·3/4·4 = 9 ms; alone 0.5 + 4 + 4.5 = 9 ms."""
    links = AlphaBeta(latency_ms=0.5, bandwidth_gbps=8, message_mb=4)
    assert numbers(network_in_words(Scenario(network=links))) == [9, 9, 4, 250]
    assert numbers(network_in_words(Scenario(policy=Synchronous()))) == [200, 0, 60]
