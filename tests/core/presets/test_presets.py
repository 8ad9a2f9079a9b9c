"""Presets and lessons: a question, and an answer whose every figure the simulator gives."""

import re
from dataclasses import replace

import pytest
from core.presets.lessons import LESSONS
from core.presets.presets import NETWORK_LINKS, PRESETS

from core import Asynchronous, Scenario, Stragglers, Synchronous, Uniform, compare, replicate, simulate
from core.common.wording import times
from core.links import scenario_of, values_of
from core.statistics.pairs import Paired, means
from core.workload.failures import best_interval_ms

EVERY = list(dict.fromkeys((*PRESETS, *LESSONS)))
FIGURE = re.compile(r"\d+(?:\.\d+)?(?:×| %| s\b)")


@pytest.mark.parametrize("preset", EVERY, ids=lambda preset: preset.name)
def test_a_preset_asks_and_fits_the_controls(preset):
    assert preset.question.endswith("?")
    assert Scenario.from_dict(preset.scenario.to_dict()) == preset.scenario
    assert scenario_of(values_of(preset.scenario)) == preset.scenario


def mean_of(scenario, policy, **changes):
    return replicate(replace(scenario, policy=policy, **changes), 1000).mean()


def speedup(table, baseline, other):
    """The ratio of the mean epoch times."""
    return Paired.of(table).speedups[baseline, other].value


def saved(ratio):
    """By how much sooner one finishes, and how much longer the other takes, as they are said."""
    return {f"{100 * share:.{digits}f} %" for share in (1 - 1 / ratio, ratio - 1) for digits in (0, 1)}


def speedup_without_stragglers(scenario):
    slow, healthy = (mean_of(scenario, Synchronous(), **c)["epoch_ms"] for c in ({}, {"stragglers": Stragglers()}))
    return times(slow / healthy)


def stated(preset):
    """What the simulator gives: speed-ups over the first policy, shares of the first one's time, and special ones."""
    scenario, policies = preset.scenario, preset.policies or (Synchronous(), Asynchronous())
    table = compare(scenario, policies, 1000)
    ratios = [speedup(table, policies[0].label, policy.label) for policy in policies[1:]]
    gains = {text for ratio in ratios for text in (times(ratio), *saved(ratio), *saved(1 / ratio))}
    first = means(table).iloc[0]
    shares = {f"{first[name]:.{digits}f} %" for digits in (0, 1) for name in first.index if name.endswith("percent")}
    special = {
        "Reference · 4 workers": lambda: {f"{epoch / 1000:.2f} s" for epoch in means(table)["epoch_ms"]},
        "Own shards or a shared queue": lambda: {"1.875×"},  # its formula is checked below
        "Reference · 8 workers": lambda: {f"{means(table).iloc[1]['epoch_ms'] / 1000:.2f} s"},
        "Does the barrier scale?": lambda: {
            f"{mean_of(scenario, Synchronous(), workers=4)['idle_percent']:.1f} %",
            f"{100 * Uniform().jitter / (1 + Uniform().jitter):.1f} %",
        },
        "One bad worker": lambda: saved(float(speedup_without_stragglers(scenario)[:-1])),
        "Sequences of varying length": lambda: {times(first["epoch_ms"] / scenario.batches / scenario.compute.mean_ms)},
        "Async slower than sync": lambda: {*saved(speedup_with(scenario, replace(scenario.network, servers=8)))},
        "Slack is gone when slowness lasts": lambda: {
            times(each / scenario.batches / scenario.compute.mean_ms)
            for these in (table, compare(with_shortest_episodes(scenario), policies, 1000))
            for each in means(these)["epoch_ms"]
        },
        "A failure an hour": lambda: elastic_gains(scenario),
        "How often to save": lambda: (
            {f"{best_interval_ms(20, 3_600):.0f} s", f"{scenario.failures.checkpoint_s:.0f} s"}
            | {times(epoch_saving_every(scenario, every) / first["epoch_ms"]) for every in (1, 10, 30)}
        ),
    }.get(preset.name, set)()
    return gains | shares | special


def elastic_gains(scenario):
    """Elastic sync over the one that rolls back, and async over that; and what regrouping costs."""
    elastic = replace(scenario, failures=replace(scenario.failures, recovery="elastic", regroup_s=20))
    table = compare(elastic, [Synchronous(), Asynchronous()], 1000)
    before, after = mean_of(scenario, Synchronous())["epoch_ms"], means(table).iloc[0]["epoch_ms"]
    return {times(before / after), times(speedup(table, "Synchronous", "Asynchronous")), "20 s"}


def epoch_saving_every(scenario, batches):
    failures = replace(scenario.failures, checkpoint_batches=batches)
    return mean_of(scenario, Synchronous(), failures=failures)["epoch_ms"]


def with_shortest_episodes(scenario):
    """As many slow mini-batches, whatever the one before was."""
    share = scenario.stragglers.episode_share
    return replace(scenario, stragglers=replace(scenario.stragglers, episode_batches=1 / (1 - share)))


def speedup_with(scenario, network):
    table = compare(replace(scenario, network=network), [Synchronous(), Asynchronous()], 100)
    return speedup(table, "Synchronous", "Asynchronous")


@pytest.mark.parametrize("preset", EVERY, ids=lambda preset: preset.name)
def test_every_figure_of_an_answer(preset):
    figures, known = FIGURE.findall(preset.answer), stated(preset)
    assert figures
    for figure in figures:
        assert figure in known


def test_figures_in_other_words():
    """Those that the pattern does not see: staleness, costs of links, a formula, how often a barrier meets a hiccup."""
    by_name = {preset.name: preset for preset in EVERY}
    for name, words in [
        ("Reference · 8 workers", "About {:.1f} updates"),
        ("Sequences of varying length", "{:.0f} updates"),
    ]:
        stale = mean_of(by_name[name].scenario, Asynchronous())["mean_staleness"]
        assert words.format(stale) in by_name[name].answer
    surprise = by_name["Async slower than sync"]
    network, answer = surprise.scenario.network, surprise.answer
    assert f"{8 * network.service_ms:.0f} ms" in answer
    assert f"{network.barrier_ms(8):.0f} ms" in answer
    nodes = by_name["Eight GPUs a node"]
    network, answer = nodes.scenario.network, nodes.answer
    assert f"{network.barrier_ms(32):.1f} ms" in answer
    assert f"{replace(network, workers_per_node=1, links_per_node=1).barrier_ms(32):.1f} ms" in answer
    hidden = replace(nodes.scenario, network=replace(network, buckets=25))
    assert simulate(hidden).metrics.comm_percent < 0.5
    inside = by_name["A server in a node"].scenario
    for policy in (Synchronous(), Asynchronous()):
        here = replace(inside, policy=policy)
        outside = replace(here, network=replace(here.network, server_place="outside"))
        assert simulate(outside).metrics.epoch_ms > 3 * simulate(here).metrics.epoch_ms
    assert "1.875" in by_name["Own shards or a shared queue"].answer
    assert (2 * 7 + 1) / 8 == 1.875
    cloud = by_name["Shared cloud"].scenario
    assert pytest.approx(1 / 4, abs=0.03) == 1 - 0.99**32
    assert float(speedup_without_stragglers(cloud)[:-1]) == pytest.approx(2, abs=0.05)


def test_the_reference_gains():
    table = compare(Scenario(), [Synchronous(), Asynchronous()], 2000)
    assert speedup(table, "Synchronous", "Asynchronous") == pytest.approx(1.38, abs=0.005)


def test_links_go_from_fast_to_slow():
    latencies, bandwidths = zip(*NETWORK_LINKS.values(), strict=True)
    assert list(latencies) == sorted(latencies)
    assert list(bandwidths) == sorted(bandwidths, reverse=True)


def test_the_slack_that_is_gone():
    """Which figure is whose, in the order of the policies, with lasting slowness and without."""
    lesson = next(preset for preset in LESSONS if preset.name.startswith("Slack is gone"))
    scenario, words = lesson.scenario, lesson.answer
    for asked, text in (
        (scenario, "barrier a batch takes {}× its healthy time; bound 3 makes that {}×, bound 10 {}×, local SGD {}×"),
        (with_shortest_episodes(scenario), "it is {}× with a barrier, but {}×, {}× and {}× with slack"),
    ):
        epochs = means(compare(asked, lesson.policies, 1000))["epoch_ms"]
        figures = [f"{each / scenario.batches / scenario.compute.mean_ms:.2f}" for each in epochs]
        assert text.format(*figures) in words
