"""Answers in words: the numbers in them are the numbers of the runs."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from core import Asynchronous, Constant, FlatLatency, Scenario, Synchronous, Uniform, compare, replicate, simulate
from core.charts import timeline_blocks
from core.presets import PRESETS
from core.report import (
    change_notes,
    compare_caveats,
    compare_headline,
    compare_reasons,
    duration,
    rounded,
    run_answer,
    savings,
    speedup,
    summary,
    timeline_in_words,
    times,
)

BOTH = [Synchronous(), Asynchronous()]
NAMES = ("Synchronous", "Asynchronous")


def compared(scenario, replicates=400):
    table = compare(scenario, BOTH, replicates)
    return table, speedup(table, *NAMES)


def numbers(text):
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7.4667, "7.47"),
        (0.5344, "0.534"),
        (49.88, "49.9"),
        (1234.5, "1,234"),
        (3, "3"),
        (0, "0"),
        (0.05344, "0.0534"),
        (9.9999, "10.0"),
        (999.7, "1,000"),
        (115.01, "115"),
    ],
)
def test_rounded(value, text):
    assert rounded(value) == text
    assert duration(1000 * value) == f"{text}\N{NO-BREAK SPACE}s"


def test_times():
    assert (times(1.3847), times(1.0064), times(0.9)) == ("1.38×", "1.006×", "0.90×")


def test_run_answer_adds_up():
    for policy in BOTH:
        headline, detail = run_answer(simulate(Scenario(policy=policy)))
        assert headline.startswith("4 workers finish an epoch in ")
        assert sum(numbers(detail)[:3]) == pytest.approx(100, abs=0.2)


def test_run_answer_of_one_worker():
    assert run_answer(simulate(Scenario(workers=1)))[0].startswith("1 worker finishes")


def test_speedup_is_taken_pair_by_pair():
    epochs = [100.0, 200, 300, 50, 100, 100]
    table = pd.DataFrame({"policy": [NAMES[0]] * 3 + [NAMES[1]] * 3, "replicate": [0, 1, 2] * 2, "epoch_ms": epochs})
    gain = speedup(table, *NAMES)
    assert gain.ratios.tolist() == [2, 2, 3]
    assert gain.median == 2


def test_compare_answer_of_the_defaults():
    table, gain = compared(Scenario(), 1000)
    assert compare_headline(gain, *NAMES) == "Asynchronous finishes the epoch 1.38× faster."
    reasons = compare_reasons(table, gain, *NAMES)
    saved, network, waiting = map(
        float, re.search(r"Of the ([\d.]+).s saved, ([\d.]+).s .* and ([\d.]+).s", reasons).groups()
    )
    assert network + waiting == pytest.approx(saved, abs=0.011)
    assert saved == pytest.approx(7.600 - 5.496, abs=0.02)
    assert "sync pays 200 ms a batch, async 0 to 60 ms" in compare_caveats(Scenario())
    assert "not yet faster learning" in compare_caveats(Scenario())


def test_compare_answer_when_nothing_differs():
    _, gain = compared(Scenario(compute=Constant(), network=FlatLatency(latency_ms=0)), 5)
    assert compare_headline(gain, *NAMES) == "Synchronous and asynchronous take the same time."


def test_compare_answer_when_the_interval_contains_1():
    gain = speedup(
        pd.DataFrame({"policy": ["a"] * 3 + ["b"] * 3, "replicate": [0, 1, 2] * 2, "epoch_ms": [1, 2, 3, 3, 2, 1.0]}),
        "a",
        "b",
    )
    assert compare_headline(gain, "a", "b").endswith("too close to call.")


def test_free_network_is_not_blamed():
    assert "nearly free" not in compare_caveats(Scenario(network=FlatLatency(latency_ms=0)))


def test_one_pair_claims_no_interval():
    table, gain = compared(Scenario(), 1)
    assert compare_reasons(table, gain, *NAMES).startswith("This is one pair of runs")


def test_few_pairs_are_all_within_the_stated_bounds():
    for replicates in (2, 3, 10, 39):
        table, gain = compared(Scenario(), replicates)
        assert (gain.low, gain.high) == (gain.ratios.min(), gain.ratios.max())
        assert compare_reasons(table, gain, *NAMES).startswith(f"In all {replicates} paired runs")


def test_never_slower_and_often_equal_is_faster():
    """Three batches on a free network: many pairs tie, none is lost."""
    _, gain = compared(Scenario(batches=2, network=FlatLatency(latency_ms=0)), 1000)
    assert gain.low == 1
    assert compare_headline(gain, *NAMES).startswith("Asynchronous finishes the epoch 1.0")


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(),
        Scenario(batches=2, compute=Uniform(jitter=0.5), network=FlatLatency(latency_ms=0)),
        Scenario(workers=16, batches=1, network=FlatLatency(latency_ms=50)),
    ],
)
def test_savings_add_up(scenario):
    """Network and waiting make up the whole difference of the mean epochs."""
    table, _ = compared(scenario, 1000)
    epochs = table.groupby("policy")["epoch_ms"].mean()
    total, parts = (epochs["Synchronous"] - epochs["Asynchronous"]) / 1000, numbers(savings(table, *NAMES))
    if len(parts) == 3:
        assert parts[0] == pytest.approx(total, rel=0.005)
        assert parts[1] + parts[2] == pytest.approx(total, rel=0.01, abs=0.002)
    else:
        assert parts[0] - parts[1] == pytest.approx(total, rel=0.05)


def test_one_worker_is_told_no_tale_of_staleness():
    table, gain = compared(Scenario(workers=1), 50)
    assert "stale" not in compare_reasons(table, gain, *NAMES) + compare_caveats(Scenario(workers=1))


def test_changes_read_as_falls_and_rises():
    notes = change_notes(
        pd.Series({"epoch_ms": 200.0, "idle_percent": 10.0, "throughput": 5.0}),
        pd.Series({"epoch_ms": 150.0, "idle_percent": 10.0, "throughput": 6.0}),
    )
    assert notes["epoch_ms"] == {"delta": "-25 %", "delta_color": "inverse"}
    assert notes["throughput"] == {"delta": "+20 %", "delta_color": "normal"}
    assert notes["idle_percent"]["delta"] == 0
    slight = change_notes(pd.Series({"epoch_ms": 1000.0}), pd.Series({"epoch_ms": 996.0}))
    assert slight["epoch_ms"]["delta"] == "-0.4 %"


def test_summary_has_every_metric_of_every_policy():
    table, _ = compared(Scenario(), 100)
    lines = summary(table)
    assert lines.index[0] == "Epoch time (ms)"
    assert lines.shape == (13, 6)
    for policy in NAMES:
        mean, low, high = (lines[f"{policy}{column}"] for column in ("", " low", " high"))
        mine = table[table["policy"] == policy]["epoch_ms"]
        assert mean.iloc[0] == pytest.approx(mine.mean())
        assert (low.iloc[0], high.iloc[0]) == pytest.approx(tuple(mine.quantile([0.025, 0.975])))
        assert ((low <= mean + 1e-9) & (mean <= high + 1e-9)).all()


def test_timeline_in_words_names_the_stragglers():
    run = simulate(Scenario(workers=2, batches=2), compute_ms=[[30, 50], [40, 20]])
    assert "Last at the barrier: W0 1×, W1 1×." in timeline_in_words(run)


def test_nobody_is_called_a_straggler_where_nobody_waits():
    for scenario in (Scenario(workers=1), Scenario(compute=Constant())):
        run = simulate(scenario)
        assert (run.barriers()["straggler"] == -1).all()
        assert "Nobody waits at a barrier." in timeline_in_words(run)
        assert not timeline_blocks(run)["straggler"].any()
        assert set(timeline_blocks(run)["what"]) == {"computes", "network"}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_presets_ask_a_question(preset):
    assert preset.question.endswith("?")
    assert Scenario.from_dict(preset.scenario.to_dict()) == preset.scenario


def preset_means(name, policy, **changes):
    scenario = next(preset.scenario for preset in PRESETS if preset.name == name)
    return replicate(replace(scenario, policy=policy, **changes), 2000).mean()


def preset_gain(name):
    return compared(next(preset.scenario for preset in PRESETS if preset.name == name), 2000)[1].median


def test_answers_of_the_presets():
    """Every figure that a preset's answer states, as text, from the simulation."""
    answers = {preset.name: preset.answer for preset in PRESETS}

    four = answers["Reference · 4 workers"]
    assert (
        duration(preset_means("Reference · 4 workers", Synchronous())["epoch_ms"]).replace("\N{NO-BREAK SPACE}", " ")
        in four
    )
    assert times(preset_gain("Reference · 4 workers")) in four

    eight = preset_means("Reference · 8 workers", Asynchronous())
    assert f"About {eight['mean_staleness']:.1f} updates" in answers["Reference · 8 workers"]
    assert f"{eight['epoch_ms'] / 1000:.2f} s" in answers["Reference · 8 workers"]

    assert times(preset_gain("Healthy cluster")) in answers["Healthy cluster"]

    barrier = answers["Does the barrier scale?"]
    for workers in (64, 4):
        idle = preset_means("Does the barrier scale?", Synchronous(), workers=workers)["idle_percent"]
        assert f"{idle:.1f} %" in barrier

    slow = preset_means("Slow network", Synchronous())
    assert f"spends {slow['comm_percent']:.0f} %" in answers["Slow network"]
    assert f"only {slow['wait_percent']:.1f} % waiting" in answers["Slow network"]
    assert preset_gain("Reference · 4 workers") == pytest.approx(1.38, abs=0.005)


def test_uniform_bound_on_idle_that_a_preset_states():
    assert Uniform().jitter / (1 + Uniform().jitter) == pytest.approx(1 / 6)
