"""What is said of failures: how many there were, and what they cost."""

import numpy as np

from core import Asynchronous, Constant, Failures, FlatLatency, Scenario, Synchronous, compare, simulate
from core.report.comparison import rare_events
from core.report.failures import failures_compared, failures_in_words, recovery_in_words
from core.report.run import run_answer
from core.report.timeline_data import picture
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
    assert run_answer(run)[1].endswith(said)
    assert failures_in_words(simulate(SCENARIO, failures_ms=[[np.nan, np.nan]])) == "No worker fails in this run."
    assert failures_in_words(simulate(Scenario())) == ""


def test_what_is_drawn_of_a_failure_is_said_in_its_tooltip():
    drawn = picture(simulate(SCENARIO, failures_ms=[[3000.0, np.nan]]))
    assert "down" in drawn.phases
    what = dict(zip(drawn.blocks["phase"], drawn.blocks["what"], strict=True))
    assert what["down"] == "down: it has failed and is not back yet"
    assert "lost to a failure" in what["cancelled"]
    assert "waits until the worker that failed is back" in drawn.blocks["what"]


def test_how_often_somebody_fails_and_the_best_interval():
    assert recovery_in_words(SCENARIO) == (
        f"One of 2 workers fails every 1,800{NBSP}s on average. Where a checkpoint costs 0.500{NBSP}s, about "
        f"42.4{NBSP}s from one to the next is best."
    )
    assert recovery_in_words(Scenario()) == ""


def test_failures_under_several_policies():
    policies = [Synchronous(), Asynchronous()]
    often = Scenario(batches=40, failures=Failures(mtbf_hours=0.01, restart_s=5, checkpoint_batches=5))
    table = compare(often, policies, 50)
    paired = Paired.of(table)
    said = failures_compared(paired, often, policies)
    for policy in policies:
        assert f"with {policy.label.lower()}" in said
        assert f"{paired.means[policy.label]['down_percent']:.1f}{NBSP}%" in said
    assert failures_compared(Paired.of(compare(Scenario(), policies, 3)), Scenario(), policies) == ""
    seldom = Scenario(failures=Failures(mtbf_hours=1e6))
    assert "None did in 3 runs." in failures_compared(Paired.of(compare(seldom, policies, 3)), seldom, policies)
    assert rare_events(seldom, 3).startswith(" Failures are rare")
