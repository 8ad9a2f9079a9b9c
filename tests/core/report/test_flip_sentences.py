"""What would flip an answer: each value that a sentence names is simulated again, and who wins there is judged anew."""

import re

import numpy as np
import pytest

from core import ScenarioError, compare
from core.flips import acting_keys, flip_of
from core.links import PARAMETERS
from core.report import flips as report
from core.simulation.sweeps import changed, changed_policy
from tests.core.report.test_sentences import any_scenario, lower, value_of
from tests.examples import examples
from tests.truth import Truth

RUNS = 8
NUMBER = r"(-?[\d,.]*\d(?:e[+-]?\d+)?)"
UNITS = r"(?:×|\xa0(?:ms|s|h|Gb/s|MB|batch|batches|%))?"
CLOSE = r"(?: \(too close to call (.*?)\))?"


class Judge:
    """Who is decided to win at a value of a parameter, by own code, all values tried judged together at 5 %."""

    def __init__(self, scenario, policies, flip, parameters):
        self.scenario, self.policies, self.flip, self.known = scenario, policies, flip, {}
        self.level = 0.05 / parameters / max(1, flip.tried)

    def at(self, value):
        """0 or 1, the policy that is decided to win; None where nobody is, "refused" where there is nothing to see."""
        value = int(value) if self.flip.is_whole else float(value)
        if value not in self.known:
            self.known[value] = self.judged({self.flip.name: value})
        return self.known[value]

    def judged(self, cell):
        try:
            here = changed(self.scenario, cell)
            policies = [changed_policy(policy, cell).fitted(here.workers) for policy in self.policies]
            if policies[0] == policies[1]:
                return "refused"
            truth = Truth(compare(here.workload, policies, RUNS), self.level)
        except ScenarioError:
            return "refused"
        one, other = (policy.label for policy in policies)
        if truth.outcome(one, other) != "decided":
            return None
        return int(truth.mean[one] > truth.mean[other])

    def named(self, text):
        """The policy that a text names, without the parameter that varies."""
        (found,) = [
            number
            for number, policy in enumerate(self.policies)
            if text in (lower(policy.label), lower(policy.name), policy.label)
        ]
        return found


def in_words(text, judge):
    """Name and present value; where the other one wins; between which values nobody does."""
    flip = judge.flip
    assert units_are_theirs(text, flip)
    name, now, who, rest = re.fullmatch(rf"\*\*(.*?)\*\*, now {NUMBER}{UNITS}: (.*?) wins (.*?)\.", text).groups()
    assert PARAMETERS[flip.key].label.startswith(name)
    assert read(now, flip) == pytest.approx(flip.now, rel=6e-3)
    winner = judge.named(who)
    assert judge.at(flip.now) != winner or any(low <= flip.now <= high for low, high in brackets(flip))
    stretches, _, elsewhere = rest.partition("; too close to call ")
    for stretch in re.split(r",? or (?=above|below|from|with|at)", stretches):
        least, most = whole(stretch, flip) if flip.is_whole else real(stretch, flip)
        inside = [value for value in grid(flip) if least <= value <= most]
        close = [value for low, high in brackets(flip) for value in inside if low < value < high]
        found = {value: judge.at(value) for value in inside if value not in close}
        assert 1 - winner not in found.values()
        assert all(judge.at(value) is None for value in flip.undecided if value in found)
        assert sum(judge.at(value) == winner for value in {*found, *shown_ends(flip)}) > 0
    outside = [value for value in flip.undecided if not any(low <= value <= high for low, high in brackets(flip))]
    listed(elsewhere, outside, judge)


def read(text, flip):
    """The value of the parameter that a number stands for: shares are in percent."""
    return value_of(text) / (100 if PARAMETERS[flip.key].format == "percent" else 1)


def units_are_theirs(text, flip):
    """Behind a number stands the unit that the label has in its brackets, or nothing; shares are percentages."""
    parameter = PARAMETERS[flip.key]
    unit = "%" if parameter.format == "percent" else parameter.label.partition(" (")[2].rstrip(")")
    found = {each.strip() for each in re.findall(rf"\d({UNITS})", text)}
    return found <= {"", unit, "batch" if unit == "batches" else unit}


def brackets(flip):
    return [(crossing.low, crossing.high) for crossing in flip.crossings]


def shown_ends(flip):
    """The values at which somebody is decided, next to where nobody is."""
    return [end for bracket in brackets(flip) for end in bracket]


def grid(flip):
    """Values between the least and the most that was tried: both, and five between."""
    if flip.is_whole:
        return sorted({round(value) for value in np.linspace(flip.least, flip.most, 6)})
    return [flip.least, *np.linspace(flip.least, flip.most, 6)[1:-1].tolist(), flip.most]


def values(judge):
    """The values among a few, or next to the present one, at which there are two policies to compare."""
    flip = judge.flip
    return {value for value in (*grid(flip), flip.now) if judge.at(value) != "refused"}


def whole(text, flip):
    """From where to where, of whole numbers."""
    if found := re.match(rf"with {NUMBER}{UNITS} or more", text):
        return value_of(found[1]), flip.most
    if found := re.match(rf"with {NUMBER}{UNITS} or fewer", text):
        return flip.least, value_of(found[1])
    if found := re.match(rf"from {NUMBER} to {NUMBER}", text):
        return value_of(found[1]), value_of(found[2])
    least = value_of(re.match(rf"at {NUMBER}", text)[1])
    return least, least


def real(text, flip):
    """From where to where, of real numbers: the ends of what is shown as open, or a crossing."""
    ends = {}
    for side, value, low, high in re.findall(rf"(above|below) {NUMBER}{UNITS}(?: \({NUMBER} to {NUMBER}\))?", text):
        ends[side] = read(value, flip)
        assert not low or value_of(low) <= value_of(value) <= value_of(high)
    assert ends
    return ends.get("above", -np.inf), ends.get("below", np.inf)


def crossings(judge):
    """At the ends of each stretch that is open the one and the other are decided, and just inside nobody is."""
    flip = judge.flip
    for crossing in flip.crossings:
        sides = [judge.at(crossing.low), judge.at(crossing.high)]
        assert sorted(sides) == [0, 1]
        assert [judge.named(lower(crossing.below)), judge.named(lower(crossing.above))] == sides
        assert crossing.low <= crossing.value <= crossing.high
        if flip.is_whole and crossing.high - crossing.low > 1:
            assert judge.at(crossing.low + 1) != sides[0]
            assert judge.at(crossing.high - 1) != sides[1]


def listed(text, values, judge):
    """At 1, 2 and 4; at 6 values: nobody is decided to win at any of them."""
    if not values:
        assert not text
        return
    if found := re.fullmatch(r"at (\d+) values", text):
        assert int(found[1]) == len(values) > 3
    elif text != "wherever it was tried":
        assert units_are_theirs(text, judge.flip)
        shown = [read(value, judge.flip) for value in re.findall(NUMBER, text)]
        assert shown == pytest.approx(list(values), rel=6e-3)
    assert [value for value in values[:4] if judge.at(value) not in (None, "refused")] == []


def still(text, judges, winner):
    """Whatever these are, the same one is decided to win, but for the values at which nobody is."""
    sure = re.search(r"(.+?) stays ahead whatever the (.*?)\.(?= These|$)", text)
    close = re.search(r"These flip nothing, but are too close to call: (.*)\.$", text)
    ranges = re.findall(rf"(?:, | or )?([^()]+?) \({NUMBER} to {NUMBER}{UNITS}\)", sure[2] if sure else "")
    ahead = {name: ends for name, *ends in ranges}
    open_ones = {}
    for part in close[1].split("; ") if close else []:
        name, least, most, where = re.fullmatch(rf"(.*?) \({NUMBER} to {NUMBER}{UNITS}\) (.*)", part).groups()
        open_ones[name] = (least, most, where)
    for judge in judges:
        flip = judge.flip
        name = PARAMETERS[flip.key].label.partition(" (")[0].lower()
        ends = ahead.pop(name, None) or open_ones[name]
        assert [read(end, flip) for end in ends[:2]] == pytest.approx([flip.least, flip.most], rel=6e-3)
        if len(ends) == 2:
            assert {judge.at(value) for value in (flip.least, flip.most, flip.now)} == {winner}
            assert judge.at(grid(flip)[2]) != 1 - winner
            assert judge.policies[winner].label == sure[1]
        else:
            where = open_ones.pop(name)[2]
            listed(where, flip.undecided, judge)
            assert (where == "wherever it was tried") == (len(flip.undecided) == flip.tried)
            assert {judge.at(value) for value in grid(flip)} != {0, 1}
    assert not ahead
    assert not open_ones


@pytest.mark.parametrize("block", range(3))
def test_every_sentence_on_what_would_flip_an_answer(block):
    rng = np.random.default_rng(block)
    for _ in examples(5):
        scenario, policies = any_scenario(rng)
        policies = list(dict.fromkeys(policy.fitted(scenario.workers) for policy in policies))[:2]
        if len(policies) < 2:
            continue
        first = Truth(compare(scenario.workload, policies, RUNS))
        winner = int(first.mean[policies[0].label] > first.mean[policies[1].label])
        keys = acting_keys(scenario, policies)
        found = [flip_of(scenario, *policies, key, RUNS) for key in rng.permutation(keys)[:4]]
        judges = [Judge(scenario, policies, flip, len(keys)) for flip in found]
        turning = [judge for judge in judges if judge.flip.crossings]
        said = report.headline(found)
        assert (said == "No single parameter that was tried flips the answer on this network model.") == (not turning)
        for judge in turning:
            assert PARAMETERS[judge.flip.key].label.partition(" (")[0].lower() in said
            crossings(judge)
            in_words(report.in_words(judge.flip), judge)
        if first.outcome(*(policy.label for policy in policies)) == "decided":
            rest = [judge for judge in judges if not judge.flip.crossings and len(values(judge)) > 1]
            still(report.the_rest(found, policies[winner].label), rest, winner)


def test_why_there_is_no_winner():
    """And what to do: more runs, or one policy less."""
    two, none = ("Rebalanced", "Synchronous"), "There is no winner that could change:"
    assert report.no_winner(1, "decided", two, 2).startswith("A single run does not decide who wins")
    assert report.no_winner(5, "equal", two, 2) == f"{none} rebalanced and synchronous are equal."
    assert report.no_winner(5, "open", two, 3) == (
        f"{none} whether rebalanced or synchronous wins is open. Leave one of them out to see what would flip the "
        "answer between the others."
    )
