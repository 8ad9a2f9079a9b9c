"""The gallery: every card is its own, fits the controls, and the figures of its page make one guess the right one."""

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from operator import attrgetter

import pandas as pd
import pytest

from core import Asynchronous, Scenario, Stragglers, Synchronous, compare, simulate
from core.links import DEFAULTS, MOST_GUESSES, PARAMETERS, link_values, scenario_of, values_of_card
from core.maps import names_of_axes, values_from
from core.presets.cards import Figures, Quickest, Ranges
from core.presets.gallery import CARDS, GALLERY, ON_DEMAND_MS
from core.presets.network_links import NETWORK_LINKS
from core.report.gallery import answer_in_words
from core.simulation.sweeps import cell_rows
from core.statistics.pairs import Paired, means
from core.workload.failures import best_interval_ms
from tests.links import written

RUNS = 50
NUMBER = re.compile(r"\d+(?:\.\d+)?")
IN_WORDS = {"an eighth": 12.5, "a quarter": 25, "half": 50, "Not at all": 0}
KEY = attrgetter("key")
EVERY = pytest.mark.parametrize("card", CARDS.values(), ids=KEY)
BOTH = [Synchronous(), Asynchronous()]


@cache
def paired(card, seed=42):
    return Paired.of(compare(replace(card.scenario, seed=seed), card.policies, RUNS))


@cache
def figures_of(card, seed=42):
    """What the card's page shows, with fewer runs."""
    if card.page == "compare":
        return Figures.of(paired(card, seed), card.policies)
    scenario = replace(card.scenario, seed=seed)
    if card.page == "timeline":
        return Figures(rows={scenario.policy.text: vars(simulate(scenario).metrics)})
    axis = card.asked["across"]
    name = names_of_axes(scenario, card.policies)[axis]
    cells = [{name: value} for value in values_from(axis, card.asked["across_values"])]
    rows = [row for cell in cells for row in cell_rows(scenario.workload, cell, card.policies, RUNS)]
    return Figures.over(pd.DataFrame(rows), name, {policy.label: policy.text for policy in card.policies})


def test_no_two_cards_share_a_name_a_question_or_what_is_said_of_them():
    for field in ("key", "name", "setting", "question", "why"):
        said = Counter(getattr(card, field).casefold() for card in CARDS.values())
        assert max(said.values()) == 1, said.most_common(1)
    assert len(CARDS) == sum(map(len, GALLERY.values()))


@EVERY
def test_a_card_asks_and_fits_the_controls(card):
    assert card.question.endswith("?")
    assert re.fullmatch(r"[a-z0-9-]+", card.key)
    assert 2 <= len(set(card.guesses.texts)) == len(card.guesses.texts) <= MOST_GUESSES
    assert Scenario.from_dict(card.scenario.to_dict()) == card.scenario
    said = values_of_card(card)
    assert scenario_of(said) == card.scenario
    assert said["policies"] == tuple(policy.text for policy in card.policies)
    for key, value in said.items():
        rule = PARAMETERS[key].rule
        assert rule.read(key, list(value) if isinstance(value, tuple) else [str(value)]) == value


@EVERY
def test_a_link_may_name_a_card_alone(card):
    """Then it means its scenario; what else it names goes before."""
    assert link_values(f"card={card.key}") == {**values_of_card(card), "card": card.key}
    assert link_values(f"workers=3&card={card.key}")["workers"] == 3
    assert scenario_of(link_values(written({"card": [card.key], "seed": ["7"]}))) == replace(card.scenario, seed=7)
    assert DEFAULTS["card"] not in CARDS


@EVERY
def test_one_guess_is_right_whatever_the_seed(card):
    (right,) = {card.guesses.right(figures_of(card, seed)) for seed in (42, 1)}
    assert right in range(len(card.guesses.texts))
    assert not any(figures_of(card, seed).open for seed in (42, 1))
    if isinstance(card.guesses, Quickest):
        times = {row: figures["epoch_ms"] for row, figures in figures_of(card).rows.items()}
        named = sorted(card.guesses.rows.values(), key=times.__getitem__)
        assert list(card.guesses.rows.values())[right] == named[0]
        assert times[named[0]] < 0.995 * times[named[1]]


@pytest.mark.parametrize("card", [card for card in CARDS.values() if isinstance(card.guesses, Ranges)], ids=KEY)
def test_a_guess_says_the_range_that_it_stands_for(card):
    """So that exactly one of them is true as it is worded: they leave no gap, and each number lies within its own."""
    bounds = card.guesses.bounds
    assert len(card.guesses.parts) == 2 * len(bounds) + 1
    assert list(bounds) == sorted(set(bounds))
    for text, low, high in zip(card.guesses.texts, (float("-inf"), *bounds), (*bounds, float("inf")), strict=True):
        said = [*map(float, NUMBER.findall(text)), *(value for words, value in IN_WORDS.items() if words in text)]
        assert all(low <= value <= high for value in said)
        if text.startswith("Under") or " to " in text:
            assert high in said
        if text.startswith("Over") or " to " in text:
            assert low in said


def test_every_figure_of_an_answer_is_filled_in_from_its_page():
    """An answer has no numbers of its own but those of settings: batches, bounds, workers, mini-batches."""
    for card in CARDS.values():
        assert not re.search(r"\d\s?(?:%|×|s\b|ms\b)", re.sub(r"\{.*?\}", "", card.answer)), card.key
        assert "{" not in answer_in_words(card, figures_of(card))


def epoch(scenario, policy):
    return Paired.of(compare(scenario, [policy], RUNS)).means[policy.label]["epoch_ms"]


def speedup(scenario, runs=RUNS):
    return Paired.of(compare(scenario, BOTH, runs)).speedups["Synchronous", "Asynchronous"].value


def test_what_is_behind_an_answer_follows_from_its_scenario():
    """The figures that `why` and questions name, and what they say that another setting does."""
    network = CARDS["one-server"].scenario.network
    assert f"{8 * network.service_ms:.0f} ms of work" in CARDS["one-server"].why
    assert f"all links, {network.barrier_ms(8):.0f} ms" in CARDS["one-server"].why
    assert speedup(replace(CARDS["one-server"].scenario, network=replace(network, servers=8))) > 1.2
    assert f"take {2 * network.own_link_ms:.0f} ms, and" in CARDS["one-server"].why
    assert speedup(replace(CARDS["one-server"].scenario, network=replace(network, servers=8, own_link=True))) < 0.98
    nodes = CARDS["eight-a-node"]
    network, one_ring = nodes.scenario.network, {"workers_per_node": 1, "links_per_node": 1}
    assert f"takes {network.barrier_ms(32):.1f} ms" in nodes.why
    assert f"be {replace(network, **one_ring).barrier_ms(32):.1f} ms" in nodes.why
    assert simulate(replace(nodes.scenario, network=replace(network, buckets=25))).metrics.comm_percent < 0.5
    inside = CARDS["server-in-a-node"].scenario
    outside = replace(inside, network=replace(inside.network, server_place="outside"))
    assert all(epoch(outside, policy) > 3 * epoch(inside, policy) for policy in BOTH)
    assert f"1 − 0.99³² = {100 * (1 - 0.99**32):.0f} %" in CARDS["shared-cloud"].why
    assert f"= {(2 * 7 + 1) / 8}×" in CARDS["shards-or-queue"].why
    assert f"0.2/1.2 = {100 * 0.2 / 1.2:.1f} %" in CARDS["barrier-scale"].why
    of_four = 1 - 1 / (1 + 0.2 * 3 / 5)  # the largest of four uniform times is 1 + 0.2 · 3/5 of the mean, on average
    assert f"costs {100 * of_four:.0f} %" in CARDS["barrier-scale"].question
    assert f"after {best_interval_ms(20, 3_600):.0f} s of work" in CARDS["how-often-to-save"].why
    spot = CARDS["spot-machines"]
    stays_ms = Paired.of(compare(spot.scenario.without_failures, BOTH[:1], 200)).means["Synchronous"]["epoch_ms"]
    assert stays_ms == pytest.approx(ON_DEMAND_MS, rel=2e-3)
    assert f"takes {ON_DEMAND_MS / 1000:,.0f} s with a barrier" in spot.why
    push = CARDS["reference-4"].scenario.network
    assert f"{push.push_range_ms[0]:.0f} to {push.push_range_ms[1] / push.latency_ms:.0%}".replace("%", " %") in (
        CARDS["reference-4"].why
    )


def test_what_is_said_to_help_does():
    """A bad worker replaced saves as much as a shared queue; elastic groups close most of the gap; and slack absorbs
    slowness that does not last."""
    bad = CARDS["bad-worker"]
    healthy = epoch(replace(bad.scenario, stragglers=Stragglers()), Synchronous())
    assert healthy < 1.05 * figures_of(bad).rows["async shared"]["epoch_ms"]
    hourly = CARDS["failure-an-hour"].scenario
    elastic = replace(hourly, failures=replace(hourly.failures, recovery="elastic"))
    assert speedup(elastic) - 1 < 0.5 * (figures_of(CARDS["failure-an-hour"]).speedup("async") - 1)
    lasting = CARDS["lasting-slowness"]
    stragglers = lasting.scenario.stragglers
    passing = replace(stragglers, episode_batches=1 / (1 - stragglers.episode_share))
    short = means(compare(replace(lasting.scenario, stragglers=passing), lasting.policies, RUNS))["epoch_ms"]
    assert short.iloc[1] < 0.75 * short.iloc[0]


def test_figures_of_cards_are_those_of_their_sources():
    """As PAGES.md names them: what varies by how much, the slowest of 32, and how often who is interrupted."""
    assert 0.003 <= CARDS["healthy"].scenario.compute.cv <= 0.005
    assert CARDS["bad-worker"].scenario.stragglers.slowdown == 2.36
    lengths = CARDS["sequences"].scenario
    slowest = simulate(replace(lengths, batches=1_000)).metrics.epoch_ms / 1_000
    assert lengths.compute.cv == 0.14
    assert slowest / lengths.compute.mean_ms == pytest.approx(1.38, abs=0.01)
    interrupted = CARDS["16384-gpus"].scenario
    assert interrupted.failures.mtbf_hours / interrupted.workers == pytest.approx(54 * 24 / 419, rel=0.01)
    assert (interrupted.failures.restart_s, interrupted.failures.checkpoint_s) == (300, 10)


def test_the_reference_gains():
    assert speedup(Scenario(), 2000) == pytest.approx(1.38, abs=0.005)


def test_links_go_from_fast_to_slow():
    latencies, bandwidths = zip(*NETWORK_LINKS.values(), strict=True)
    assert list(latencies) == sorted(latencies)
    assert list(bandwidths) == sorted(bandwidths, reverse=True)
