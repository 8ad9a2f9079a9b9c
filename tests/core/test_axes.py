"""What the axes of a map need, and which go together."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.axes import (
    ABOUT_LEARNING,
    LEARNING_ALONE,
    OF_PRICES,
    needed,
    offered,
    settled_by,
    switch_in_words,
    thinned,
    to_act_on,
    together,
    usual_values,
)
from core.links import DEFAULTS, PARAMETERS, scenario_of
from core.maps import AXES, QUESTIONS, at_its_least, causes, is_idle, names_of_axes
from core.money import Prices
from core.policies.registry import policy_from_text


@given(st.sampled_from(list(AXES)), st.sampled_from([None, *AXES]))
def test_what_an_axis_needs_has_it(one, other):
    """And is no more than that: nothing is needed where everything is there."""
    axes = [one] if other is None or not together(one, other) else [one, other]
    values = DEFAULTS | needed(DEFAULTS, axes)
    policies = [policy_from_text(text) for text in values["policies"]]
    assert set(axes) <= set(names_of_axes(scenario_of(values), policies, Prices()))
    assert needed(values, axes) == {}
    assert bool(switch_in_words(DEFAULTS, axes)) == bool(needed(DEFAULTS, axes))


def test_what_goes_together():
    assert together("workers", "jitter")
    assert together("jitter", "bandwidth_gbps")
    assert together("bandwidth_gbps", "message_mb")
    assert not together("jitter", "jitter")
    assert not together("jitter", "cv")
    assert not together("latency_ms", "bandwidth_gbps")


def test_what_axes_leave_no_choice_of():
    assert settled_by(["jitter", "workers"]) == {"law"}
    assert settled_by(["latency_ms"]) == {"network"}
    assert settled_by(["bandwidth_gbps", "bound"]) == set()  # of links there are three kinds


def test_what_is_offered():
    assert set(offered("target", measured=False)) == set(AXES) - OF_PRICES
    assert set(offered("cost", measured=False)) >= OF_PRICES & AXES.keys()
    for ask in QUESTIONS:
        assert (set(LEARNING_ALONE) <= set(offered(ask, measured=False))) == (ask in ABOUT_LEARNING)
    assert {"jitter", "cv", "batch_ms", "slowdown", "episode_factor"}.isdisjoint(offered("speedup", measured=True))
    beside = offered("speedup", measured=False, beside="latency_ms")
    assert "async_fraction" in beside
    assert {"latency_ms", "alpha_ms"}.isdisjoint(beside)


def test_what_acts_on_something():
    assert to_act_on(DEFAULTS, ["slowdown", "workers"]) == {"slow_workers": 1}
    assert to_act_on(DEFAULTS, ["slowdown", "slow_workers"]) == {}
    assert to_act_on(DEFAULTS | {"slow_workers": 3}, ["slowdown"]) == {}


def test_usual_values_are_those_that_the_workers_allow():
    assert usual_values(DEFAULTS, "wait_for", "none") == (1, 2, 3, 4)
    assert usual_values(DEFAULTS, "wait_for", "workers") == AXES["wait_for"]
    assert usual_values(DEFAULTS, "jitter", "none") == AXES["jitter"]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=2), st.lists(st.booleans(), min_size=2, max_size=2), st.data())
def test_thinned_values_fit_and_keep_their_ends(sizes, may_lose, data):
    axes, most = [tuple(range(size)) for size in sizes], data.draw(st.integers(1, 2_000))
    found = thinned(axes, may_lose[: len(axes)], most)
    for before, after, lose in zip(axes, found, may_lose, strict=False):
        assert (after[0], after[-1]) == (before[0], before[-1])
        assert list(after) == sorted(set(after))
        assert lose or after == before
    fits = math.prod(map(len, found)) <= most
    assert fits or all(len(values) <= 2 or not lose for values, lose in zip(found, may_lose, strict=False))


@pytest.mark.parametrize("key", ["bound", "wait_for", "period"])
def test_a_policy_that_is_there_already_is_not_added(key):
    policies = {"bound": "ssp 3", "wait_for": "k-async 2", "period": "local 8"}
    assert needed(DEFAULTS | {"policies": ("sync", policies[key])}, [key]) == {}


def test_what_a_key_acts_with_is_a_number_whose_default_lets_it_rest():
    """Declared once, at the field: axes, flips and controls go by it."""
    declared = {key: list(causes(key)) for key in PARAMETERS if any(causes(key))}
    assert declared["checkpoint_s"] == ["checkpoint_batches", "mtbf_hours"]
    assert to_act_on(DEFAULTS, ["checkpoint_s"]) == {"checkpoint_batches": 10, "mtbf_hours": 1.0}
    for key, found in declared.items():
        assert all(at_its_least(cause, DEFAULTS[cause]) for cause in found)
        assert is_idle(key, DEFAULTS)
        assert not is_idle(key, DEFAULTS | {cause: PARAMETERS[cause].rule.ends[1] for cause in found})
