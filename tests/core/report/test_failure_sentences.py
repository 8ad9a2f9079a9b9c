"""What is said of failures: how many there were, and what they cost."""

import math
from dataclasses import replace

import numpy as np
import pytest

from core import (
    Asynchronous,
    Constant,
    Failures,
    FlatLatency,
    Prices,
    Scenario,
    ShiftedExponential,
    Synchronous,
    compare,
    simulate,
)
from core.common.wording import money
from core.report.comparison import losses_of, rare_events, savings
from core.report.failures import (
    cost_of_failures_in_words,
    failures_compared,
    failures_in_words,
    failures_table,
    recovery_in_words,
)
from core.report.run import how_to_read, run_answer, timeline_in_words
from core.report.timeline_data import picture
from core.schedule.failures import failures
from core.statistics.pairs import Paired

SCENARIO = Scenario(
    workers=2,
    batches=4,
    compute=Constant(mean_ms=1000),
    network=FlatLatency(latency_ms=0),
    failures=Failures(mtbf_hours=1, restart_s=3, checkpoint_batches=2, checkpoint_s=0.5),
)
NBSP = "\N{NO-BREAK SPACE}"


def test_how_many_failures_there_were_and_what_they_took():
    """Of 17 s of two workers: 3 s down, 1 s of lost work, 3 s waiting."""
    run = simulate(SCENARIO, failures_ms=[[3000.0, np.nan]])
    said = failures_in_words(run)
    assert said == (
        "Workers fail once: of the workers' time, 17.6 % down, 5.9 % computing what was thrown away and 17.6 % waiting "
        "for a restart."
    ).replace(" %", f"{NBSP}%")
    answer = run_answer(run)[1]  # says the shares with all others, and not again: rounded alone they may differ
    assert answer.endswith(
        f"5.9{NBSP}% into work thrown away and 17.6{NBSP}% into workers that were down. Workers fail once."
    )
    assert "into the network and checkpoints" in run_answer(simulate(SCENARIO, failures_ms=[[np.nan, np.nan]]))[1]
    free = replace(SCENARIO, failures=replace(SCENARIO.failures, checkpoint_s=0), network=FlatLatency())
    assert "into the network." in run_answer(simulate(free, failures_ms=[[np.nan, np.nan]]))[1]
    assert failures_in_words(simulate(SCENARIO, failures_ms=[[np.nan, np.nan]])) == "No worker fails in this run."
    assert failures_in_words(simulate(Scenario())) == ""


def test_what_is_drawn_of_a_failure_is_said_in_its_tooltip():
    drawn = picture(simulate(SCENARIO, failures_ms=[[3000.0, np.nan]]))
    assert "down" in drawn.phases
    what = dict(zip(drawn.blocks["phase"], drawn.blocks["what"], strict=True))
    assert what["down"] == "down: it has failed and is not back yet"
    assert "lost to a failure" in what["cancelled"]
    assert "waits until the worker that failed is back" in drawn.blocks["what"]


def test_what_failures_cost_of_an_epoch():
    """8.5 s instead of 4 s, of two workers at $3,600 an hour: $9 more."""
    dear, free = Prices(worker_per_hour=3600), Prices()
    run, spared = (simulate(SCENARIO, failures_ms=[[at, np.nan]]) for at in (3000.0, np.nan))
    assert cost_of_failures_in_words(run, 4000, dear) == (
        f"Failures and checkpoints cost 4.50{NBSP}s, or $9.00: without them the epoch would take 4{NBSP}s; it takes "
        "2.12× that."
    )
    assert cost_of_failures_in_words(run, 9000, free) == (
        f"Failures and checkpoints make this epoch no longer: without them the epoch would take 9{NBSP}s."
    )
    assert cost_of_failures_in_words(spared, 4000, free).startswith(f"Checkpoints cost 1{NBSP}s: without them")
    elastic = replace(SCENARIO, failures=replace(SCENARIO.failures, recovery="elastic"))
    assert cost_of_failures_in_words(simulate(elastic, failures_ms=[[np.nan, np.nan]]), 4000, dear) == ""


def test_each_failure_is_marked_and_said():
    run = simulate(SCENARIO, failures_ms=[[3000.0, np.nan]])
    marks = picture(run).failures
    assert {name: column.tolist() for name, column in marks.items()} == {
        "label": ["W0"],
        "worker": ["W0"],
        "at_ms": [3000],
        "at": [f"3{NBSP}s"],
        "down": [f"3{NBSP}s"],
        "lost": [f"2 mini-batches, 1{NBSP}s of computing"],
    }
    assert f"Failures: W0 at 3{NBSP}s, down for 3{NBSP}s, work lost: 2 mini-batches" in timeline_in_words(run)
    assert "✕ marks failures: hover over one" in how_to_read(run, 0, run.metrics.epoch_ms, 2)
    assert picture(run).until(2000).failures["label"].size == 0
    assert failures_table(failures(run.schedule)).values.tolist() == [["W0", 3.0, 3.0, 2, 1.0]]


def test_how_often_somebody_fails_and_the_best_interval():
    assert recovery_in_words(SCENARIO) == (
        f"One of 2 workers fails every 1,800{NBSP}s on average. With checkpoints that cost 0.500{NBSP}s, one about "
        f"every 42.4{NBSP}s is best."
    )
    assert f"one about every 42.4{NBSP}s, or 19 batches, is best." in recovery_in_words(SCENARIO, 2_200)
    assert recovery_in_words(Scenario()) == ""


def test_the_best_interval_in_batches_is_that_of_batches_as_they_are_measured():
    """A step waits for the slowest of them, which a mean mini-batch does not tell."""
    failing = replace(SCENARIO, workers=8, batches=20, compute=ShiftedExponential(mean_ms=1000, shift=0))
    paired, without = (
        Paired.of(compare(each, [Asynchronous(), Synchronous()], 20)) for each in (failing, failing.without_failures)
    )
    said = failures_compared(paired, failing, [Asynchronous(), Synchronous()], without)
    step_s = without.means["Synchronous"]["epoch_ms"] / 1000 / failing.batches
    assert step_s > 2
    best_s = math.sqrt(2 * 0.5 * 3600 / 8)
    assert f"one about every {best_s:.1f}{NBSP}s, or {round(best_s / step_s)} batches, is best." in said


def fieller_95(one, other):
    """The interval of a ratio of means, as all ratios within which the pairs' differences have a mean of 0: by search.

    Of 50 pairs: 2.0096 is the quantile of Student's t with 49 degrees of freedom.
    """
    ratios = np.linspace(0.5, 3, 250_001)
    mean = one.mean() - ratios * other.mean()
    spread = np.cov(one, other)
    error = np.sqrt((spread[0, 0] - 2 * ratios * spread[0, 1] + ratios**2 * spread[1, 1]) / len(one))
    inside = ratios[np.abs(mean) <= 2.0096 * error]
    return inside.min(), inside.max()


def test_failures_under_several_policies():
    policies = [Synchronous(), Asynchronous()]
    often = Scenario(batches=40, failures=Failures(mtbf_hours=0.01, restart_s=5, checkpoint_batches=5))
    table = compare(often, policies, 50)
    paired = Paired.of(table)
    said = failures_compared(paired, often, policies)
    for policy in policies:
        assert f"with {policy.label.lower()}" in said
        assert f"{paired.means[policy.label]['down_percent']:.1f}{NBSP}%" in said
    without = Paired.of(compare(often.without_failures, policies, 50))
    said = failures_compared(paired, often, policies, without, Prices(worker_per_hour=3600))
    sync, healthy = (each.means["Synchronous"]["epoch_ms"] for each in (paired, without))
    low, high = fieller_95(*(each.runs["Synchronous"]["epoch_ms"] for each in (paired, without)))
    assert f"which make it {sync / healthy:.2f}× as long (95 % interval: {low:.2f}× to {high:.2f}×; " in said
    assert f"or {money(4 * (sync - healthy) / 1000, '$')})" in said
    ran, healthy = (Paired.of(compare(each, policies, 1)) for each in (often, often.without_failures))
    assert "as long (one run, so no interval; " in failures_compared(ran, often, policies, healthy)
    assert failures_compared(Paired.of(compare(Scenario(), policies, 3)), Scenario(), policies) == ""
    seldom = Scenario(failures=Failures(mtbf_hours=1e6))
    assert "None did in 3 runs." in failures_compared(Paired.of(compare(seldom, policies, 3)), seldom, policies)
    assert rare_events(seldom, 3, 8_000).startswith(" Failures are rare")


def test_of_failures_that_hardly_happen_the_expected_number_is_said_and_no_cost():
    """By hand: of 512 workers the slowest takes nearly 600 ms ten times, and ten times 200 ms go into the network."""
    rare = Scenario(workers=512, failures=Failures(mtbf_hours=1000))
    tables = [Paired.of(compare(each, [Synchronous()], 1_000)) for each in (rare, rare.without_failures)]
    said = failures_compared(tables[0], rare, [Synchronous()], tables[1])
    expected = 512 * tables[0].means["Synchronous"]["epoch_ms"] / 3.6e9
    assert expected == pytest.approx(512 * 10 * (0.6 + 0.2) / 3.6e6, rel=0.01)
    assert f"Failures in an epoch: about {expected:.5f} with synchronous, too few in 1,000 runs to say" in said
    assert " as long (" not in said
    lasting = replace(rare, batches=2_000, failures=replace(rare.failures, checkpoint_batches=5, checkpoint_s=30))
    assert rare_events(lasting, 9, 13_746_000) == ""
    lasting = replace(lasting, workers=8, batches=40)
    tables = [
        Paired.of(compare(each, [Synchronous(), Asynchronous()], 2)) for each in (lasting, lasting.without_failures)
    ]
    said = failures_compared(tables[0], lasting, [Synchronous(), Asynchronous()], tables[1])
    assert said.endswith(" Checkpoints count as network time; asynchronous takes none.")
    assert "on the network and checkpoints" in losses_of(tables[0], ("Synchronous", "Asynchronous"), saves=True)
    assert " is network and checkpoint time" in savings(tables[0], "Synchronous", "Asynchronous", saves=True)
