"""Links of any kind: whatever a stranger's link says, there is a page, and never a stack trace.

`python -m tests.benchmarks.fuzz --links 1000` opens a thousand links on every page; this opens a few.
"""

import itertools
import math
import random

import pytest

from core import Scenario, ScenarioError, simulate
from core.common.parameters import keys as keys_of
from core.links import LAW_CODES, PARAMETERS, link_values, scenario_of, values_of
from core.policies.registry import CODES
from core.theory import closed_forms
from tests.links import MIXES, links, parameters, value_of, written
from tests.pages.conftest import PAGES
from tests.pages.helpers import stands

FEW = {"timeline": 4, "compare": 3, "map": 3, "learning": 2, "trace": 1, "method": 1, "gallery": 1}


def scenario_or_words(query: str) -> Scenario | str:
    """The scenario of a link, or why there is none."""
    try:
        return scenario_of(link_values(query))
    except ScenarioError as refused:
        return str(refused)


def test_a_thousand_links_in_words_or_a_scenario():
    """What every control says to them, and what `core` makes of them: a scenario or ScenarioError."""
    scenarios = 0
    for query in itertools.islice(links(seed=1), 1_000):
        found = parameters(query)
        for key in found.keys() & PARAMETERS.keys():
            if PARAMETERS[key].rule.accepts(found[key]):
                assert scenario_or_words(written({key: found[key]}))
        answer = scenario_or_words(query)
        if isinstance(answer, Scenario):
            assert scenario_of(values_of(answer)) == answer
            scenarios += 1
        else:
            assert 5 < len(answer) < 2_000
    assert scenarios > 30


def test_every_mode_law_and_network_at_the_ends_of_their_controls():
    """What a control takes is simulated: finite figures, with what theory expects beside them."""
    dice = random.Random(2)
    for mode, law, network in MIXES:
        at = {"mode": mode, "law": law, "network": network}
        keys = ["batch_ms", "latency_ms", "alpha_ms", "bandwidth_gbps", "message_mb", "overlap", "spread", "slowdown"]
        keys += ["episode_share", "episode_batches", "episode_factor"]
        keys += ["hiccup_probability", "hiccup_factor", "slow_workers", "bound", "wait_for", "period", "accumulate"]
        for key in [*keys, *keys_of(LAW_CODES[law]).values()]:
            at[key] = dice.choice(PARAMETERS[key].rule.ends)
        scenario = scenario_of(at | {"workers": dice.choice([1, 2, 9]), "batches": dice.choice([1, 7])})
        assert isinstance(scenario.policy, CODES[mode])
        assert all(map(math.isfinite, vars(simulate(scenario).metrics).values()))
        assert all(math.isfinite(figure.value) for figure in closed_forms.expected(scenario).values())


def test_right_values_are_taken_and_those_beside_are_not():
    """So that the generator means what it says."""
    dice, taken = random.Random(3), {key: [] for key in PARAMETERS}
    for key, _ in itertools.product(PARAMETERS, range(200)):
        taken[key].append(PARAMETERS[key].rule.accepts([value_of(key, dice)]))
    shares = {key: sum(each) / len(each) for key, each in taken.items() if key not in ("policies",)}
    assert all(0.2 < share < 1 for share in shares.values()), shares
    assert set(PARAMETERS["mode"].rule.choices) == set(CODES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_stands_whatever_the_link_says(open_link, page):
    for query in itertools.islice(links(seed=len(page)), FEW[page]):
        assert stands(open_link(page, query)), query
