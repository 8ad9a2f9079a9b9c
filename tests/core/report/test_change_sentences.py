"""What is said of a change of scenario: its words against figures worked out anew."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    FlatLatency,
    LocalSGD,
    Measured,
    Prices,
    Scenario,
    Stragglers,
    Synchronous,
    Uniform,
    simulate,
)
from core.changes import Outcome, changes, differences, what_changed
from core.common.wording import NBSP
from core.presets.gallery import CARDS
from core.report.changes import (
    change_in_words,
    changes_table,
    costs_in_words,
    differences_in_words,
    how_compared,
    how_to_read_outline,
    in_short,
    outline_in_words,
)
from core.report.timeline_data import Outline
from core.report.verdicts import RunsControl

CONTROL = RunsControl("Paired runs", 10_000)
RING = Scenario(network=AlphaBeta(bandwidth_gbps=10, message_mb=400))
FAST = replace(RING, network=AlphaBeta(bandwidth_gbps=100, message_mb=400))


def outcome(*epochs_ms, work=40, comm=0.0, policy="Synchronous"):
    """An outcome by hand: of the mean epoch, so much on the network, and the rest computing."""
    times = np.array(epochs_ms, float)
    parts = dict.fromkeys(("compute", "wait", "comm", "cancelled", "down", "tail"), 0.0)
    return Outcome(
        policy=policy, work=work, epoch_ms=times, parts_ms=parts | {"compute": times.mean() - comm, "comm": comm}
    )


def said(before, after, paired=True):
    """The sentence on one policy."""
    (change,) = changes([before], [after], paired)
    return change_in_words(change, CONTROL).replace(NBSP, " ")


def test_faster_on_the_same_draws():
    """A link ten times as fast saves network time alone: of 2·3/4·8·400/10 ms in each of ten batches nine tenths."""
    (change,) = what_changed(RING, FAST, [Synchronous()], 200)
    words = change_in_words(change, CONTROL).replace(NBSP, " ")
    saved = 10 * 2 * 3 / 4 * 8 * 400 * (1 / 10 - 1 / 100) / 1000
    before, after = change.before.mean_ms / 1000, change.after.mean_ms / 1000
    assert before - after == pytest.approx(saved)
    assert words.startswith(f"Synchronous is {before / after:.2f}"[:-1])
    assert words.endswith(f": {after:.3g} s instead of {before:.3g} s. All of the {saved:.2f} s saved is network time.")
    assert how_compared([change], []) == "Both scenarios on the same draws, in 200 paired runs."


def test_slower_equal_open_and_the_same():
    words = said(outcome(1000, 1010, 990), outcome(2000, 2010, 1990, comm=1000))
    assert words.startswith("Synchronous takes 2.00× as long (95 % interval: 1.98× to 2.03×): 2 s instead of 1 s.")
    assert words.endswith("All of the 1.00 s added is network time.")
    assert said(outcome(1000, 1001), outcome(1000, 1001)) == "Synchronous takes the same time: 1.00 s."
    words = said(outcome(*[1000, 1002] * 50), outcome(*[1002, 1000] * 50))
    assert "which is equal within 1 %" in words
    words = said(outcome(1000, 1300, 900), outcome(1200, 1000, 700))
    assert "faster so far (95 % interval: " in words
    assert "which is open. About " in words
    assert "runs would settle it (Paired runs)." in words


def test_a_small_but_sure_difference_is_none_in_practice():
    words = said(outcome(*[1000, 1001] * 20), outcome(*[998, 997] * 20))
    assert words.startswith("Synchronous is 1.003× faster (95 % interval: ")
    assert "which makes no practical difference" in words


def test_one_run_has_no_interval():
    words = said(outcome(2000, comm=1000), outcome(1000))
    assert words == "Synchronous is 2.00× faster: 1 s instead of 2 s. All of the 1.00 s saved is network time."
    one = changes([outcome(2000)], [outcome(1000)], paired=False)
    seed = differences(Scenario(), Scenario(seed=3))
    assert how_compared(one, seed) == "One run each, on their own draws, as they differ in the random seed."


def test_epochs_of_more_mini_batches_are_compared_by_their_rate():
    words = said(outcome(2000, 2002), outcome(2000, 2002, work=80), paired=False)
    assert words.startswith("Synchronous does 2.00")
    assert "as many mini-batches a second" in words
    assert ": 40.0/s instead of 20.0/s. An epoch, of 80 mini-batches instead of 40, takes 2.00 s instead" in words


def test_another_policy_is_named():
    words = said(outcome(2000, comm=1000), outcome(1000, policy="Asynchronous"))
    assert words.startswith("Asynchronous is 2.00× faster than synchronous: 1 s instead of 2 s.")


def test_several_in_short_and_in_a_table():
    before = [outcome(2000, 2010), outcome(1000, 1010), outcome(1000, 1300)]
    after = [outcome(1000, 1005, comm=0), outcome(2000, 2020, comm=500), outcome(1100, 1200)]
    found = changes(before, after, paired=True)
    assert (
        in_short(found) == "Of 3 policies, 1 is faster (2.00× the speed), 1 is slower (0.50× the speed) and 1 is open."
    )
    assert in_short(found[:1] * 3) == "All 3 policies are faster (2.00× the speed)."
    longer = [replace(change, after=replace(change.after, work=2 * change.before.work)) for change in found[:1] * 3]
    now = f"as the epoch now has {longer[0].after.work:,} of them instead of {longer[0].before.work:,}"
    assert in_short(longer) == f"All 3 policies are faster (2.00× the speed) in mini-batches per second, {now}."
    shorter = [replace(change, before=replace(change.before, work=3 * change.after.work)) for change in found[:1]]
    assert f"{found[0].after.work:,} of them instead of {3 * found[0].after.work:,}." in in_short(shorter)
    table = changes_table(found)
    assert list(table) == ["Pinned epoch", "Epoch now", "Speed now", "More computing", "More network time"]
    assert table["More network time"].tolist() == [f"0{NBSP}s", f"+0.500{NBSP}s", f"0{NBSP}s"]


@pytest.mark.parametrize(
    ("pinned", "now", "words"),
    [
        (RING, FAST, "**Bandwidth** 10 → 100 Gb/s"),
        (
            Scenario(),
            Scenario(workers=8, compute=Uniform(mean_ms=400, jitter=0.1)),
            "**Number of workers** 4 → 8; **Batch processing time** 500 → 400 ms; **Jitter** 0.2 → 0.1",
        ),
        (
            Scenario(stragglers=Stragglers(slow_workers=1, slowdown=3)),
            Scenario(),
            "**Slow workers** 1 (slowdown of slow workers 3×) → 0",
        ),
        (
            Scenario(network=FlatLatency(latency_ms=100)),
            RING,
            "**Network model** Flat latency (network latency 100 ms) → Ring all-reduce (bandwidth 10 Gb/s, gradient "
            "size 400 MB)",
        ),
        (
            Scenario(policy=LocalSGD(period=7)),
            Scenario(policy=Asynchronous()),
            "**Mode** Local SGD (local steps per round 7) → Asynchronous",
        ),
        (
            Scenario(stragglers=Stragglers(hiccup_probability=0.01)),
            Scenario(),
            "**Hiccups** 1 % (hiccup length 5×) → 0 %",
        ),
    ],
)
def test_parameters_old_and_new(pinned, now, words):
    assert differences_in_words(differences(pinned, now)).replace(NBSP, " ") == words


def test_any_two_scenarios_differ_in_words():
    """Whatever only one of them has: laws, networks and policies of every kind, and measured times without a law."""
    scenarios = [card.scenario for card in CARDS.values()]
    scenarios.append(Scenario(workers=2, compute=Measured(compute_ms=[[100, 200], [300, 100]])))
    for pinned, now in itertools.product(scenarios, scenarios):
        found = differences(pinned, now)
        words = differences_in_words(found)
        assert bool(words) == bool(found) == (pinned != now)
        assert "None" not in words
        assert "none" not in words
    assert "**Compute-time distribution** as measured → Uniform" in differences_in_words(
        differences(scenarios[-1], Scenario(workers=2))
    )
    hostile = differences(
        Scenario(), Scenario(), tuple(Prices(worker_per_hour=1, currency=c) for c in ("$", "![`](x)"))
    )
    assert differences_in_words(hostile) == "**Currency** `$` → `![?](x)`"


def test_costs_of_either_side():
    found = what_changed(RING, FAST, [Synchronous()], 10)
    words = costs_in_words(
        found, [Synchronous()], ((RING, Prices(worker_per_hour=900)), (FAST, Prices(worker_per_hour=1800)))
    )
    before, after = found[0].before.mean_ms / 1000, found[0].after.mean_ms / 1000  # 4 workers for an hour: 1 $ a second
    assert words == f"An epoch costs ${2 * after:.2f} instead of ${before:.2f} under synchronous."
    assert not costs_in_words(found, [Synchronous()], ((RING, Prices()), (FAST, Prices(worker_per_hour=1))))


def test_outlines_for_those_who_cannot_see_them():
    run = simulate(Scenario(policy=Asynchronous()))
    outline, labels = Outline.of(run), [f"W{worker}" for worker in range(6)]
    assert outline.epoch_ms == max(outline.finish_ms) == run.metrics.epoch_ms
    words = outline_in_words(outline, labels).replace(NBSP, " ")
    assert words.startswith("Behind it, the pinned scenario's epoch ends at 5.71 s: W0 at 5.")
    assert words.endswith("It has 4 workers, so the others have no frame.")
    assert (
        outline_in_words(Outline((7.0, 7.0), 7.0), ["W1"])
        == f"Behind it, the pinned scenario's epoch ends at 7{NBSP}ms."
    )
    assert "beyond this axis" in how_to_read_outline([outline], labels, 1000.0)
    assert "beyond" not in how_to_read_outline([outline], labels[:4], 6000.0)
