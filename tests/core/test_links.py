"""What a link says: keys and values, to a scenario and back; policies by their text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import LocalSGD, Prices, Scenario, ScenarioError
from core.links import (
    DEFAULTS,
    FRESH,
    LAW_CODES,
    PARAMETERS,
    adjustments,
    keys_that_matter,
    meant,
    pin_text,
    pinned_values,
    prices_of,
    scenario_of,
    to_name,
    values_of,
)
from core.policies.registry import CODES, POLICIES, policy_from_text
from tests.strategies import local_sgd, policies_for

KEYS = (
    *("workers", "batch_ms", "latency_ms", "mode", "bound", "wait_for", "period", "accumulate", "assignment"),
    *("policies", "batches", "law", "jitter", "cv", "gumbel_cv", "shift", "tail"),
    *("slow_workers", "slowdown", "spread", "hiccup_probability", "hiccup_factor"),
    *("episode_share", "episode_batches", "episode_factor"),
    *("network", "async_fraction", "async_least", "alpha_ms", "bandwidth_gbps", "message_mb", "servers", "overlap"),
    *("buckets", "backward_share", "workers_per_node", "node_latency_ms", "node_bandwidth_gbps", "links_per_node"),
    *("server_place", "own_link", "efficiency", "delay", "fragments", "balance"),
    *("seed", "replicates", "problem", "train_seeds", "rate"),
    *("ask", "against", "across", "across_values", "up", "up_values", "map_runs", "present"),
    *("flips", "pin"),
)


def test_keys_are_frozen():
    """New ones may come."""
    assert set(KEYS) <= DEFAULTS.keys()


def test_an_empty_link_is_the_default_scenario():
    assert scenario_of({}) == scenario_of(DEFAULTS) == Scenario()


@st.composite
def link_values(draw):
    """Values of every key, within the ranges of the model."""
    unit = st.floats(0, 0.9)
    return {
        "workers": draw(st.integers(1, 64)),
        "batch_ms": draw(st.integers(1, 2000)),
        "latency_ms": draw(st.integers(0, 1000)),
        "mode": draw(st.sampled_from(list(CODES))),
        "bound": draw(st.integers(0, 20)),
        "wait_for": draw(st.integers(1, 64)),
        "period": draw(st.integers(1, 100)),
        "accumulate": draw(st.integers(1, 64)),
        "assignment": draw(st.sampled_from(["static", "shared"])),
        "batches": draw(st.integers(1, 100)),
        "law": draw(st.sampled_from(list(LAW_CODES))),
        "jitter": draw(unit),
        "cv": draw(unit),
        "gumbel_cv": draw(st.floats(0, 0.35)),
        "shift": draw(unit),
        "tail": draw(st.floats(1.1, 9)),
        "slow_workers": draw(st.integers(0, 64)),
        "slowdown": draw(st.floats(1, 9)),
        "episode_share": draw(st.floats(0, 0.99)),
        "episode_batches": draw(st.floats(1, 200)),
        "episode_factor": draw(st.floats(1, 9)),
        "network": draw(st.sampled_from(["flat", "ring", "tree", "server"])),
        "overlap": draw(unit),
        "buckets": draw(st.integers(1, 9)),
        "workers_per_node": draw(st.integers(1, 64)),
        "links_per_node": draw(st.integers(1, 64)),
        "server_place": draw(st.sampled_from(["outside", "inside"])),
        "servers": draw(st.integers(1, 9)),
        "own_link": draw(st.booleans()),
        "efficiency": draw(st.floats(0.1, 1)),
        "delay": draw(st.integers(0, 99)),
        "fragments": draw(st.integers(1, 99)),
        "balance": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**53 - 1)),
    }


@given(link_values())
def test_a_scenario_survives_the_way_through_a_link(values):
    scenario = scenario_of(values)
    assert scenario_of(values_of(scenario)) == scenario
    assert values_of(scenario).keys() <= DEFAULTS.keys()


@settings(max_examples=10)
@given(link_values())
def test_a_scenario_survives_being_pinned(values):
    """Written once, it is written so again; in full, too, it says the same."""
    scenario = scenario_of(values)
    text = pin_text(values_of(scenario))
    assert scenario_of(pinned_values(text)) == scenario
    assert PARAMETERS["pin"].rule.read("pin", [text]) == text
    in_full = pin_text(pinned_values(text), keys_that_matter(DEFAULTS | pinned_values(text)))
    assert PARAMETERS["pin"].rule.read("pin", [in_full]) == text


def test_what_is_pinned_is_what_differs_from_the_defaults():
    assert pin_text(values_of(Scenario())) == "workers 4"
    assert pin_text({"workers": 8, "network": "ring", "policies": ("sync",)}) == "workers 8 network ring"
    prices = Prices(worker_per_hour=2.5, currency="a b%")
    text = pin_text(values_of(Scenario(), prices))
    assert text == "workers 4 worker_per_hour 2.5 currency a%20b%25"
    assert prices_of(pinned_values(text)) == prices


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("workers", "pairs"),
        ("workers 4 seed", "pairs"),
        ("workers  4", "pairs"),
        ("workers 0", "whole number from 1"),
        ("workers 4 workers 5", "twice"),
        ("policies sync", "not a parameter of a scenario"),
        ("pin workers", "not a parameter of a scenario"),
        ("<b> 4", "not a parameter of a scenario"),
        ("times elsewhere", "controls, sample or trace"),
        ("workers 4096 batches 100000", "20,000,000"),
        ("mtbf_hours 1 mode local delay 3", "together with failures"),
        ("mtbf_hours 0.0001 batches 1000", "100 times as long"),
        ("9 " * 1_500, "a scenario as pairs"),
        ("workers %ff%00", "whole number"),
    ],
)
def test_what_is_no_scenario_to_pin_is_refused_in_words(text, why):
    with pytest.raises(ScenarioError, match=why):
        PARAMETERS["pin"].rule.read("pin", [text])


def test_more_slow_workers_or_first_ones_than_there_are_mean_all():
    scenario = scenario_of({"workers": 2, "mode": "backup", "wait_for": 7, "slow_workers": 9})
    assert scenario.policy.wait_for == scenario.stragglers.slow_workers == 2


@given(policies_for(6) | local_sgd())
def test_a_policy_survives_the_way_through_its_text(policy):
    assert policy_from_text(policy.text) == policy
    assert policy_from_text(policy.text.upper()) == policy
    assert policy.fitted(6) == policy


def test_every_policy_has_a_code_and_stands_alone():
    assert list(CODES) == ["sync", "async", "ssp", "backup", "k-async", "local", "rebalanced", "elastic"]
    for code, policy in CODES.items():
        assert policy_from_text(code) == policy()
    assert len(CODES) == len(POLICIES)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "foo", "sync 3", "ssp x", "ssp 1 2", "async 4 4", "ssp -1", "9" * 5000, "async foo", "backup 0"),
        *("ssp ²", "local 4 delay", "local 4 delay x", "local 4 4", "local 4 balance balance"),
        "local 4 fragments 2 fragments 2",
    ],
)
def test_what_is_not_a_policy_is_refused(text):
    with pytest.raises(ScenarioError, match=r"^polic"):
        policy_from_text(text)


def test_the_least_of_a_push_lifts_the_most():
    network = scenario_of({"async_least": 0.8}).network
    assert (network.async_least, network.async_fraction) == (0.8, 0.8)


def test_episodes_in_a_link_are_no_shorter_than_by_chance():
    stragglers = scenario_of({"episode_share": 0.75, "episode_batches": 1.0}).stragglers
    assert (stragglers.episode_share, stragglers.episode_batches) == (0.75, 4)
    assert scenario_of({"episode_share": 0.75, "episode_batches": 4.5}).stragglers.episode_batches == 4.5


@pytest.mark.parametrize("page", ["", "compare", "map"])
@pytest.mark.parametrize(
    "values",
    [
        DEFAULTS,
        FRESH,
        FRESH | {"workers": 6},
        DEFAULTS | {"workers": 6},
        FRESH | {"up": "jitter"},
        FRESH | {"map_runs": 7},
        DEFAULTS | {"cell": "4"},
    ],
)
def test_what_a_link_names_and_means_is_what_is_shown(page, values):
    named = to_name(values, page)
    assert meant(named, page) | named == values


def test_a_link_from_before_map_opened_with_cells_means_what_it_meant():
    for named in (["workers"], ["map_runs"], ["ask", "across"], ["present"]):
        assert meant(named, "map") == DEFAULTS
    assert meant([], "map") == meant(["workers"], "") == FRESH
    assert to_name(DEFAULTS | {"workers": 8}, "map") == {"workers": 8}
    assert to_name(FRESH | {"workers": 8}, "compare") == {"workers": 8}


def test_what_a_link_asks_of_a_network_fits_it():
    """Nodes divide the workers, with no more links than workers; buckets take the place of an overlap."""
    network = scenario_of({"network": "ring", "workers": 6, "workers_per_node": 4, "links_per_node": 8}).network
    assert (network.workers_per_node, network.links_per_node) == (3, 3)
    network = scenario_of({"network": "ring", "buckets": 4, "overlap": 0.5}).network
    assert (network.buckets, network.overlap) == (4, 0)


def test_what_a_link_asks_of_local_sgd_fits_its_rounds():
    """A delay is below the period, and fragments divide it, in balanced rounds, too."""
    asked = {"mode": "local", "period": 6, "delay": 9, "fragments": 4}
    assert scenario_of(asked).policy == LocalSGD(period=6, delay=5, fragments=3)
    assert scenario_of(asked | {"balance": True}).policy == LocalSGD(period=6, delay=5, fragments=3, balance=True)


def test_settings_of_local_sgd_go_by_their_names():
    assert policy_from_text("local 8") == LocalSGD(period=8)
    assert policy_from_text("local 8 delay 3 fragments 2") == LocalSGD(period=8, delay=3, fragments=2)
    assert policy_from_text("local balance period 9") == LocalSGD(period=9, balance=True)
    assert LocalSGD(period=8, delay=3, balance=True).text == "local 8 delay 3 balance"
    assert LocalSGD(period=8).text == "local 8"
    assert LocalSGD(period=8, delay=3).label == "Local SGD (every 8, delay 3)"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"slow_workers": 7}, "Slow workers: 4 instead of 7, as there are 4 workers."),
        ({"mode": "backup", "wait_for": 9}, "4 instead of 9, as there are 4 workers."),
        ({"workers": 12, "network": "ring", "workers_per_node": 5}, "4 instead of 5, as it has to divide 12 workers."),
        (
            {"network": "ring", "workers_per_node": 2, "links_per_node": 3},
            "2 instead of 3, as a node has no more workers.",
        ),
        ({"network": "ring", "buckets": 4, "overlap": 0.5}, "0 instead of 0.5, as gradient buckets determine"),
        (
            {"mode": "local", "period": 4, "delay": 9},
            "3 instead of 9, as an average has to be there before the next one.",
        ),
        ({"mode": "local", "period": 6, "fragments": 4}, "3 instead of 4, as they have to divide the batches between"),
        ({"async_least": 0.5}, "Highest async latency (share): 0.5 instead of 0.3, as it cannot be below Lowest"),
        ({}, ""),
    ],
)
def test_what_is_changed_to_fit_is_said(changed, said):
    """Each value that `scenario_of` lowers or raises, and no other."""
    values = {**DEFAULTS, **changed}
    found = adjustments(values, scenario_of(values))
    assert len(found) == bool(said)
    assert said in "".join(found)
