"""Every sentence that Compare and Timeline say, read again and recomputed from the raw numbers.

A sentence that no pattern here knows fails, so that nothing is said unchecked.
"""

import json
import re

import numpy as np
import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Constant,
    FlatLatency,
    Gumbel,
    KAsync,
    LocalSGD,
    LogNormal,
    Measured,
    Pareto,
    Rebalanced,
    Scenario,
    ShiftedExponential,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    Uniform,
    compare,
    simulate,
    verdict,
)
from core.cli import main
from core.links import values_of
from core.report import comparison, run
from core.statistics.pairs import Paired
from tests.examples import examples
from tests.truth import Truth

NUMBER = r"(-?[\d,]+(?:\.\d+)?(?:e-?\d+)?)"
TIMES = NUMBER + "×"
NAME = r"(P\d)"
LIST = r"((?:(?:P\d|\d+ others)(?:, | and )?)+)"
EVERYBODY = [
    Synchronous(),
    Asynchronous(),
    Asynchronous(accumulate=3),
    Asynchronous(assignment="shared"),
    StaleSynchronous(bound=0),
    StaleSynchronous(bound=1),
    StaleSynchronous(bound=9),
    LocalSGD(period=1),
    LocalSGD(period=2),
    LocalSGD(period=50),
    Rebalanced(),
]


def any_scenario(rng):
    """A small or an extreme scenario, and two to eight policies."""
    workers, batches = int(rng.integers(1, 7)), int(rng.integers(1, 8))
    law = rng.choice(6)
    compute = [
        Constant(mean_ms=100),
        Uniform(mean_ms=100, jitter=float(rng.choice([0, 0.01, 0.2, 0.9]))),
        LogNormal(mean_ms=100, cv=float(rng.choice([0.004, 0.3, 3]))),
        Gumbel(mean_ms=100, cv=0.14),
        ShiftedExponential(mean_ms=100, shift=0.2),
        Pareto(mean_ms=100, alpha=float(rng.choice([1.1, 1.8, 3]))),
    ][law]
    latency = float(rng.choice([0, 0, 1, 50, 1e6]))
    least = float(rng.choice([0, 0, 1]))
    network = FlatLatency(latency_ms=latency, async_fraction=max(0.3, least), async_least=least)
    if rng.random() < 0.15:
        network = AlphaBeta(latency_ms=0.05, bandwidth_gbps=10, message_mb=float(rng.choice([0.1, 25])))
    stragglers = Stragglers(
        slow_workers=int(rng.choice([0, 0, min(2, workers)])),
        spread=float(rng.choice([0, 0, 0.02, 0.3])),
        hiccup_probability=float(rng.choice([0, 0, 1e-4, 0.01, 0.2])),
        episode_share=float(rng.choice([0, 0, 0, 1e-3, 0.2])),
        episode_batches=5,
    )
    scenario = Scenario(
        workers=workers,
        batches=batches,
        compute=compute,
        network=network,
        stragglers=stragglers,
        seed=int(rng.integers(1_000_000)),
    )
    narrow = [BackupWorkers(wait_for=max(1, workers - 1)), KAsync(wait_for=max(1, workers // 2))]
    known = [*EVERYBODY, *narrow]
    chosen = rng.choice(len(known), int(rng.integers(2, 9)), replace=False)
    return scenario, [known[number] for number in chosen]


def any_table(rng, scenario, policies):
    """Paired runs of a scenario, or of one whose epochs are close to each other, or tied, or wild."""
    table = compare(scenario, policies, int(rng.choice([1, 2, 3, 5, 40, 100])))
    kind = rng.choice(["simulated", "simulated", "close", "tied", "wild"])
    runs = table["replicate"].max() + 1
    names = list(dict.fromkeys(table["policy"]))
    if kind == "close":
        scale = {name: 1 + rng.choice([0, 1e-4, 3e-3, 0.02]) * rng.standard_normal() for name in names}
        noise = 1 + float(rng.choice([1e-5, 1e-3, 0.05])) * rng.standard_normal(len(table))
        table["epoch_ms"] = 1000 * table["policy"].map(scale) * noise
    if kind == "tied":
        common = 1000 + 100 * rng.random(runs)
        factor = {name: float(rng.choice([1, 1, 1.0001, 2])) for name in names}
        table["epoch_ms"] = np.concatenate([factor[name] * common for name in names])
    if kind == "wild":
        table["epoch_ms"] = 1000 * np.exp(3 * rng.standard_normal(len(table)))
    return table


def lower(name):
    """A policy's label in the middle of a sentence: K-async stays as it is."""
    return name if name.startswith("K-") else name[0].lower() + name[1:]


def value_of(text):
    """The number that a text shows."""
    return float(text.replace(",", ""))


def shows(text, truth):
    """Whether a number as shown is the truth, rounded."""
    decimals = len(text.partition(".")[2])
    return abs(value_of(text) - truth) <= 0.5000001 * 10**-decimals + 1e-9 * abs(truth)


def time_ms(text):
    """A time as shown, and half of its last digit, ms."""
    number, unit = re.fullmatch(rf"{NUMBER} (m?s)", text).groups()
    scale = 1 if unit == "ms" else 1000
    whole = len(number.replace(",", "").replace(".", "").lstrip("0"))
    return scale * value_of(number), 0.51 * scale * 10 ** -len(number.partition(".")[2]) if whole else scale


class Reader:
    """Reads the sentences of one comparison against the truth."""

    def __init__(self, table, policies, scenario):
        self.truth, self.policies, self.scenario = Truth(table), policies, scenario
        labels = {text: f"P{i}" for i, name in enumerate(self.truth.policies) for text in (name, lower(name))}
        names = "|".join(re.escape(text) for text in sorted(labels, key=len, reverse=True))
        self.labels, self.names = labels, re.compile(f"\\b(?:{names})(?! communication| push)")

    def policy(self, text):
        """The policy that a text names: P0 stands for the first one of the table."""
        return self.truth.policies[int(text[1:])]

    def listed(self, text):
        """The policies that a list names, and how many others it counts."""
        rest = int(found[1]) if (found := re.search(r"(\d+) others", text)) else 0
        return [self.policy(name) for name in re.findall(NAME, text)], rest

    def read(self, text, patterns):
        """Each sentence by the first pattern that fits it, with P0, P1, … in place of names."""
        text = self.names.sub(lambda found: self.labels[found[0]], text.replace("\N{NO-BREAK SPACE}", " ").strip())
        text = text[0].upper() + text[1:]
        for sentence in re.split(r"(?<=\.)\s+(?=[A-Z])", text):
            for pattern, check in patterns.items():
                filled = pattern.replace("{A}", NAME).replace("{L}", LIST)
                if found := re.fullmatch(filled.replace("{x}", TIMES).replace("{n}", NUMBER), sentence):
                    check(*found.groups())
                    break
            else:
                pytest.fail(f"nobody checks this sentence: {sentence}")

    # headlines

    def headline(self, text):
        """The headline, which is one sentence."""
        one_run = text.startswith("In one run, ")
        assert one_run == (self.truth.runs == 1)
        text = re.sub("^In one run, ", "", text)
        sooner = "({n} %|less than 0.1 %) sooner"
        times = "(?:: (\\S+ m?s) instead of (\\S+ m?s))?"
        self.read(
            text,
            {
                "{A} and {A} take the same time\\.": self.two_same,
                "{A} and {A} take the same time, within 1 %\\.": self.two_equal,
                f"No practical difference: {{A}} is {sooner}\\.": self.slight,
                f"{{A}} finishes the epoch {sooner}{times}\\.": self.decided,
                f"Open after {{n}} paired runs: {{A}} is {sooner} so far\\.": self.open_so_far,
                "Open after {n} paired runs: {A} and {A} are level so far\\.": self.level_so_far,
                "All {n} policies take the same time\\.": self.all_same,
                "All {n} policies take the same time, within 1 %\\.": self.all_equal,
                f"{{L}} finish(?:es)? first of {{n}} policies, {sooner} than (the next, )?{{A}}"
                f"(, no practical difference)?{times}\\.": self.first_of_several,
                f"{{L}} leads? the {{n}} policies(?:, {sooner} than {{A}}(, no practical difference)?{times})?"
                "(?:; (.*?) (?:is|are) level within 1 %)?(?:; still open against (.*))?\\.": self.leads,
            },
        )

    def gain(self, shown, slower, quicker):
        """A gain as it is shown."""
        ratio = self.truth.ratio(slower, quicker)
        if shown.startswith("less"):
            assert 1 <= ratio < 1.001
        else:
            assert shows(shown.removesuffix(" %"), 100 * (1 - 1 / ratio))
            assert ratio > 1

    def in_time(self, quick, slow, slower, quicker):
        """Two mean epoch times as they are shown; not where they read the same."""
        if quick is None:
            assert self.truth.mean[slower] == pytest.approx(self.truth.mean[quicker], rel=0.011)
            return
        for text, policy in ((quick, quicker), (slow, slower)):
            shown, half = time_ms(text)
            assert abs(shown - self.truth.mean[policy]) <= half
        assert quick != slow

    def other(self, policy):
        """The other one of two."""
        assert len(self.truth.policies) == 2
        return next(name for name in self.truth.policies if name != policy)

    def two_same(self, one, other):
        assert self.truth.same_times(self.policy(one), self.policy(other))

    def two_equal(self, one, other):
        assert self.truth.outcome(self.policy(one), self.policy(other)) == "equal"

    def slight(self, quicker, shown, *_):
        quicker = self.policy(quicker)
        if self.truth.runs > 1:
            assert self.truth.outcome(self.other(quicker), quicker) == "decided"
        assert 1 < self.truth.ratio(self.other(quicker), quicker) < 1.01
        self.gain(shown, self.other(quicker), quicker)

    def decided(self, quicker, shown, _, *times):
        quicker = self.policy(quicker)
        ratio = self.truth.ratio(self.other(quicker), quicker)
        if self.truth.runs > 1:
            assert self.truth.outcome(self.other(quicker), quicker) == "decided"
        assert ratio >= 1.01
        self.gain(shown, self.other(quicker), quicker)
        self.in_time(*times, self.other(quicker), quicker)

    def open_so_far(self, runs, quicker, shown, *_):
        quicker = self.policy(quicker)
        assert value_of(runs) == self.truth.runs
        assert self.truth.outcome(self.other(quicker), quicker) == "open"
        self.gain(shown, self.other(quicker), quicker)

    def level_so_far(self, runs, one, other):
        one, other = self.policy(one), self.policy(other)
        assert value_of(runs) == self.truth.runs
        assert self.truth.outcome(one, other) == "open"
        assert abs(self.truth.ratio(one, other) - 1) < 6e-4

    def all_same(self, count):
        assert int(count) == len(self.truth.policies) == len(self.truth.first)

    def all_equal(self, count):
        assert int(count) == len(self.truth.policies)
        assert all(self.truth.outcome(*pair) == "equal" for pair in self.truth.pairs)

    def firsts(self, text, count):
        """Those that are named as the first: all whose mean is the shortest, and nobody else."""
        named, others = self.listed(text)
        assert set(named) <= set(self.truth.first)
        assert len(named) + others == len(self.truth.first)
        assert int(count) == len(self.truth.policies)

    def not_first(self):
        """The outcome of every other policy against the first."""
        first = self.truth.first[0]
        return {name: self.truth.outcome(name, first) for name in self.truth.policies if name not in self.truth.first}

    def first_of_several(self, firsts, count, shown, _, is_next, whom, small, *times):
        self.firsts(firsts, count)
        whom = self.policy(whom)
        if self.truth.runs > 1:
            assert set(self.not_first().values()) == {"decided"}
        if is_next:
            assert self.truth.baseline in self.truth.first
            rest = {name: ms for name, ms in self.truth.mean.items() if name not in self.truth.first}
            assert self.truth.mean[whom] <= min(rest.values()) * (1 + 1e-12)
        else:
            assert whom == self.truth.baseline
        self.gain(shown, whom, self.truth.first[0])
        assert bool(small) == (self.truth.ratio(whom) < 1.01)
        if not small:
            self.in_time(*times, whom, self.truth.first[0])

    def leads(self, firsts, count, shown, _, whom, small, quick, slow, level, undecided):
        self.firsts(firsts, count)
        assert level or undecided
        outcomes = self.not_first()
        if shown:
            assert self.policy(whom) == self.truth.baseline
            assert outcomes[self.truth.baseline] == "decided"
            self.gain(shown, self.truth.baseline, self.truth.first[0])
            assert bool(small) == (self.truth.ratio(self.truth.baseline) < 1.01)
            if not small:
                self.in_time(quick, slow, self.truth.baseline, self.truth.first[0])
        for text, outcome in ((level, "equal"), (undecided, "open")):
            truly = {name for name, found in outcomes.items() if found == outcome}
            if not text:
                assert not truly
            elif found := re.fullmatch(r"(\d+) others", text):
                assert int(found[1]) == len(truly)
            else:
                pairs = re.findall(f"{NAME} at {TIMES} the time", text)
                assert {self.policy(name) for name, _ in pairs} == truly
                assert all(shows(ratio, self.truth.ratio(self.policy(name))) for name, ratio in pairs)

    # reasons

    def reasons(self, text, control="Paired runs", most=10_000):
        """Everything below the headline."""
        self.control, self.most, self.rare, self.told_open = control, most, False, []
        interval = "({n}×) to ({n}×)|no interval, the runs vary too much|the same in each run|narrower than 0.001"
        follows = "(: equal within 1 %| : open|: open|, no practical difference)?\\."
        self.read(
            text,
            {
                f"Over {{n}} paired runs {{A}} takes on average {{x}} the time of {{A}} \\(95 % interval"
                f"(?:, corrected for all (\\d+) pairs)?: ({interval})\\){follows}": self.on_average,
                "In each of {n} paired runs {A} takes {x} the time of {A}(: the ratio is exact)?\\.": self.exact,
                "In each of {n} paired runs {A} and {A} take the same time\\.": self.always_same,
                f"This is one pair of runs, {{x}}, without an interval: only more runs can show how sure that is "
                f"\\({control}\\)\\.": self.one_pair,
                f"About {{n}} runs would settle it \\({control}\\)\\.": self.settled_by,
                "About {n} runs would settle it, more than the {n} that fit here\\.": self.not_settled,
                "Run by run, {A} is faster in (all {n}|both|{n} of {n}) runs(?:, level in {n})?; "
                "(all {n}|both|the middle 95 % of the) ratios (?:lie between|are) {x}(?: and {x})?\\.": self.run_by_run,
                f"(?:Next comes )?{{A}},?(?: which)? takes {{x}} the time of {{A}} \\(({interval})\\){follows}": (
                    self.another
                ),
                "In an epoch, a worker under {A} spends (.*); under {A}, (.*)\\.": self.losses,
                "What {A} costs: (.*)\\.": self.costs,
                "{A} costs no stale gradients and no work thrown away( to speak of)?\\.": self.costs_nothing,
                "With one worker there is nobody to wait for: the policies differ only in what the network costs\\.": (
                    lambda: self.count(1)
                ),
                "Of the (\\S+ m?s) saved, (.*)\\.": self.saved,
                "All of the (\\S+ m?s) saved is ([a-z ]+)\\.": self.all_saved,
                "It saves (.*), and spends (.*): (\\S+ m?s) less in all\\.": self.saved_and_spent,
                "(Hiccups|Slow episodes) are rare: about {n} are expected in {n} runs?\\.": self.rare_events,
                "The result depends on whether one happens, and these are too few to say how often\\.": lambda: None,
                "With α = {n} the compute times have no finite variance: .*\\.": self.heavy,
            },
        )
        assert self.is_rare() == self.rare
        for _ in self.told_open:
            pytest.fail("it is open, and nothing says what would settle it")

    def expected_hiccups(self):
        """How many mini-batches of all that are drawn have a hiccup."""
        scenario = self.scenario
        return scenario.stragglers.hiccup_probability * scenario.workers * scenario.batches * self.truth.runs

    def expected_episodes(self):
        """How many stretches of slow mini-batches are drawn: so many slow ones, by their mean length."""
        scenario = self.scenario
        slow = scenario.stragglers.episode_share * scenario.workers * scenario.batches * self.truth.runs
        return slow / scenario.stragglers.episode_batches

    def is_rare(self):
        """Whether fewer than five of something that may happen are expected."""
        return 0 < self.expected_hiccups() < 5 or 0 < self.expected_episodes() < 5

    def interval(self, text, one, other):
        """An interval as it is shown: outside of its ends a ratio is rejected, inside it is not."""
        if text.startswith("no interval"):
            assert not self.truth.bounded(one, other)
            return
        if text == "the same in each run":
            assert self.truth.same_ratio_always(one, other)
            return
        ratio = self.truth.ratio(one, other)
        if text == "narrower than 0.001":
            assert not any(self.truth.within(one, other, ratio + end) for end in (-0.001, 0.001))
            return
        low, high = re.findall(TIMES, text)
        assert value_of(low) < ratio < value_of(high)
        for end, outwards in ((low, -1), (high, 1)):
            half = 0.5001 * 10 ** -len(end.partition(".")[2]) + 1e-4 * (value_of(high) - value_of(low))
            assert not self.truth.within(one, other, value_of(end) + outwards * half)
            inside = value_of(end) - outwards * half
            if (inside - ratio) * outwards > 0:
                assert self.truth.within(one, other, inside)
        if self.truth.outcome(one, other) == "decided":
            assert value_of(low) > 1 or value_of(high) < 1

    def follows(self, text, one, other):
        """What is said after a ratio."""
        outcome = self.truth.outcome(one, other)
        if text == ", no practical difference":
            assert outcome == "decided"
            assert self.truth.ratio(one, other) < 1.01
        else:
            assert outcome == {"": "decided", ": equal within 1 %": "equal", ": open": "open"}[text or ""]
            assert outcome != "decided" or self.truth.ratio(one, other) >= 1.01
        if outcome == "open":
            self.told_open.append((one, other))

    def on_average(self, runs, one, shown, other, pairs, text, *rest):
        one, other = self.policy(one), self.policy(other)
        assert value_of(runs) == self.truth.runs
        assert int(pairs or 1) == len(self.truth.pairs)
        assert shows(shown, self.truth.ratio(one, other))
        assert {self.truth.baseline, self.truth.first[0]} & {one, other}
        self.interval(text, one, other)
        self.follows(rest[-1], one, other)

    def another(self, one, shown, other, text, *rest):
        one, other = self.policy(one), self.policy(other)
        assert other in self.truth.first
        assert shows(shown, self.truth.ratio(one, other))
        self.interval(text, one, other)
        self.follows(rest[-1], one, other)

    def exact(self, runs, one, shown, other, exact):
        one, other = self.policy(one), self.policy(other)
        assert value_of(runs) == self.truth.runs
        assert self.truth.same_ratio_always(one, other)
        assert shows(shown, self.truth.ratio(one, other))
        assert bool(exact) == (not self.is_rare() and not self.is_heavy())

    def always_same(self, runs, one, other):
        assert value_of(runs) == self.truth.runs
        assert self.truth.same_times(self.policy(one), self.policy(other))

    def one_pair(self, shown):
        assert self.truth.runs == 1
        ratios = [self.truth.ratio(name, self.truth.first[0]) for name in self.truth.policies]
        assert any(shows(shown, ratio) for ratio in ratios)

    def settled_by(self, count):
        needed = self.truth.runs_to_settle(*self.told_open.pop())
        assert self.truth.runs < value_of(count) <= self.most
        assert 0.9 * needed - 2 <= value_of(count) <= 1.15 * needed + 2 or value_of(count) <= 1.1 * self.truth.runs + 1

    def not_settled(self, count, most):
        needed = self.truth.runs_to_settle(*self.told_open.pop())
        assert value_of(most) == self.most < value_of(count)
        assert value_of(count) >= 0.9 * min(needed, 10**9)

    def run_by_run(self, quicker, where, of_all, ahead, runs, level, which, _, low, high):
        quicker = self.policy(quicker)
        of_all = "2" if where == "both" else of_all
        assert which == self.which()
        candidates = {self.truth.baseline, *self.truth.first, *self.truth.policies} - {quicker}
        for slower in candidates:  # the sentence names one of the two; the ratio's spread tells which the other is
            ends = self.truth.spread(self.truth.epochs[slower] / self.truth.epochs[quicker])
            if all(shows(text, end) for text, end in zip((low, high or low), ends, strict=True)):
                faster, tied = self.truth.ahead(quicker, slower)
                if value_of(of_all or ahead) == faster and value_of(level or "0") == tied:
                    break
        else:
            pytest.fail(f"no pair of {quicker} has these runs")
        assert value_of(of_all or runs) == self.truth.runs
        assert bool(of_all) == (faster == self.truth.runs)

    def which(self):
        """What is said of the runs that a spread holds."""
        few = "both" if self.truth.runs == 2 else f"all {self.truth.runs}"
        return "the middle 95 % of the" if self.truth.runs >= 40 else few

    def spent_on(self, policy, figure):
        """A worker's mean time in something, ms."""
        return float((self.truth.epochs[policy] * self.truth.runs_of(policy, figure)).mean() / 100)

    def losses(self, one, first, other, second):
        wheres = {
            "wait_percent": "waiting",
            "comm_percent": "on the network",
            "cancelled_percent": "on work that is thrown away",
            "tail_percent": "after its last batch",
        }
        most = max(self.spent_on(self.policy(name), figure) for name in (one, other) for figure in wheres)
        for name, text in ((one, first), (other, second)):
            found = dict(reversed(part) for part in re.findall(r"([\d.,]+ m?s) ([a-z ,]+?)(?=, \d| and \d|$)", text))
            for figure, where in wheres.items():
                truth = self.spent_on(self.policy(name), figure)
                if where in found:
                    number, unit = found.pop(where).split()
                    scale = 1 if unit == "ms" else 1000
                    assert shows(number, truth / scale)
                    assert value_of(number) > 0
                else:
                    assert truth <= 0.00501 * most
            assert not found
            assert (text == "no time on anything but computing") == (not re.search(r"\d", text))

    def parts_ms(self, text):
        """What a list of times names: {what: (ms, half a digit)}."""
        found = re.findall(r"([\d,.]+ m?s) (?:is|of|more on) ([a-z ]+?)(?=, | and |$)", text)
        assert found
        assert all(value_of(time.split()[0]) > 0 for time, _ in found)
        return {what: time_ms(time) for time, what in found}

    def spent_ms(self, policy):
        """A worker's mean times."""
        mine = self.truth.table[self.truth.table["policy"] == policy]
        share = {
            "computing": mine["utilization_percent"],
            "network time": mine["comm_percent"],
            "waiting or time after the last batch": mine["wait_percent"] + mine["tail_percent"],
            "cancelled work": mine["cancelled_percent"],
        }
        return {what: float((mine["epoch_ms"] * of).mean() / 100) for what, of in share.items()}

    def check_savings(self, total, saved, spent):
        first, baseline = self.truth.first[0], self.truth.baseline
        slower = baseline if baseline not in self.truth.first else None
        quicker = first
        if slower is None:
            rest = [name for name in self.truth.policies if name not in self.truth.first]
            slower, quicker = min(rest, key=self.truth.mean.__getitem__), baseline
        assert self.truth.runs == 1 or self.truth.outcome(slower, quicker) == "decided"
        before, after = self.spent_ms(slower), self.spent_ms(quicker)
        shown_ms, half = time_ms(total)
        assert abs(shown_ms - (self.truth.mean[slower] - self.truth.mean[quicker])) <= half + 1e-6 * shown_ms
        signed = {what: ms for what, (ms, _) in saved.items()} | {what: -ms for what, (ms, _) in spent.items()}
        for what in before:
            assert abs(signed.get(what, 0) - (before[what] - after[what])) <= 2 * half + 1e-6 * shown_ms
        assert sum(signed.values()) == pytest.approx(shown_ms, rel=1e-9, abs=0.01 * half)

    def saved(self, total, parts):
        self.check_savings(total, self.parts_ms(parts), {})

    def all_saved(self, total, what):
        self.check_savings(total, {what: time_ms(total)}, {})

    def saved_and_spent(self, saved, spent, total):
        self.check_savings(total, self.parts_ms(saved), self.parts_ms(spent))

    def costs_nothing(self, name, hardly):
        name = self.policy(name)
        assert name in self.truth.first
        figures = [self.truth.mean_of(name, figure) for figure in ("mean_staleness", "cancelled_percent")]
        assert max(figures) < 0.051
        assert bool(hardly) == (max(figures) > 0)

    def costs(self, name, price):
        name = self.policy(name)
        assert name in self.truth.first
        if found := re.search(rf"{NUMBER} updates stale on average", price):
            assert shows(found[1], self.truth.mean_of(name, "mean_staleness"))
        else:
            assert self.truth.mean_of(name, "mean_staleness") < 0.051
        if found := re.search(rf"{NUMBER} % of the workers' time in work that is thrown away", price):
            assert shows(found[1], self.truth.mean_of(name, "cancelled_percent"))
            assert value_of(found[1]) > 0

    def rare_events(self, what, shown, runs):
        self.rare = True
        expected = self.expected_hiccups() if what == "Hiccups" else self.expected_episodes()
        assert value_of(runs) == self.truth.runs
        assert value_of(shown) == pytest.approx(expected, rel=0.01)
        assert 0 < expected < 5

    def is_heavy(self):
        return isinstance(self.scenario.compute, Pareto) and self.scenario.compute.alpha <= 2

    def heavy(self, alpha):
        assert self.is_heavy()
        assert value_of(alpha) == self.scenario.compute.alpha

    # tables, texts beside charts, caveats

    def caveats(self, text):
        """What the answer rests on."""
        self.read(
            text,
            {
                "This network model (makes asynchronous communication nearly free|charges an asynchronous push less): "
                "a barrier costs {n} ms per batch, a push (?:{n} to )?{n} ms\\.": self.flat,
                "A barrier and a push cost the same here, {n} ms per batch\\.": self.level_network,
                "A barrier costs {n} ms of network time\\.": self.barriers_alone,
                "A barrier costs {n} ms of network time; without one a push and its reply take {n} ms or more, as "
                "each push keeps the server busy for {n} ms: at most {n} gradients per second\\.": self.server,
                "A worker is assumed to reach all {n} servers at once, each at full speed\\.": self.servers,
                "Every update averages {n} gradients? under each of the policies\\.": self.equal_updates,
                "Faster epochs are not yet faster learning: an update averages {n} gradients? with {A}, "
                "{n} with {A}\\.": self.unequal_updates,
                "Faster epochs are not yet faster learning: an update averages {n} gradients? with (.+)\\.": (
                    self.same_updates
                ),
                "(.+) averages? parameters after local steps, not gradients\\.": self.local,
            },
        )

    def count(self, workers):
        assert self.scenario.workers == workers

    def flat(self, kind, barrier, low, high):
        network = self.scenario.network
        low, high = value_of(low or high), value_of(high)
        assert value_of(barrier) == network.latency_ms > 0
        assert (low, high) == (network.latency_ms * network.async_least, network.latency_ms * network.async_fraction)
        assert (low + high <= 0.3 * value_of(barrier) * (1 + 1e-9)) == ("nearly free" in kind)
        assert high < value_of(barrier) or low < value_of(barrier)

    def barriers_alone(self, barrier):
        waits = ("Synchronous", "Rebalanced", "Backup", "Local SGD")
        assert all(name.startswith(waits) for name in self.truth.policies)
        assert value_of(barrier) == pytest.approx(self.scenario.network.barrier_ms(self.scenario.workers), rel=1e-3)

    def level_network(self, barrier):
        assert not all(name.startswith(("Sync", "Rebal", "Backup", "Local")) for name in self.truth.policies)
        network = self.scenario.network
        assert network.async_least == network.async_fraction == 1
        assert value_of(barrier) == network.latency_ms > 0

    def servers(self, count):
        assert value_of(count) == self.scenario.network.servers > 1

    def server(self, barrier, push, busy, most):
        network, workers = self.scenario.network, self.scenario.workers
        transfer = 8 * network.message_mb / network.bandwidth_gbps
        ring = 2 * (workers - 1) * network.latency_ms + 2 * (workers - 1) / workers * transfer
        assert value_of(barrier) == pytest.approx(ring, rel=1e-3)
        assert value_of(busy) == pytest.approx(transfer, rel=1e-3)
        assert value_of(push) == pytest.approx(2 * network.latency_ms + 2 * transfer, rel=1e-3)
        assert value_of(most) == pytest.approx(1000 / transfer, rel=1e-3)

    def equal_updates(self, size):
        assert not self.of_local()
        for name in self.truth.policies:
            assert value_of(size) == pytest.approx(self.truth.mean_of(name, "gradients_per_update"), rel=5e-3)

    def of_local(self):
        return [name for name in self.truth.policies if name.startswith("Local SGD")]

    def local(self, names):
        assert sorted(self.listed(names)[0]) == sorted(self.of_local())

    def same_updates(self, size, names):
        mine, _ = self.listed(names)
        assert sorted([*mine, *self.of_local()]) == sorted(self.truth.policies)
        for name in mine:
            assert value_of(size) == pytest.approx(self.truth.mean_of(name, "gradients_per_update"), rel=5e-3)

    def unequal_updates(self, most, one, least, other):
        named = [name for name in self.truth.policies if name not in self.of_local()]
        sizes = [self.truth.mean_of(name, "gradients_per_update") for name in named]
        for shown, name, extreme in ((most, one, max(sizes)), (least, other, min(sizes))):
            assert self.truth.mean_of(self.policy(name), "gradients_per_update") == extreme
            assert value_of(shown) == pytest.approx(extreme, rel=5e-3)

    def cell(self, text, one, other):
        """A ratio as tables have it: 1.383 (1.381 to 1.385), open."""
        found = re.fullmatch(
            rf"{NUMBER}(?: \(({NUMBER} to {NUMBER}|no interval, the runs vary too much|narrower than 0.001)\))?"
            "(?:, (open|equal))?",
            text,
        )
        assert found
        assert shows(found[1], self.truth.ratio(one, other))
        if found[2] and not found[2].startswith("no "):
            shown = found[2] if "narrower" in found[2] else re.sub(NUMBER, r"\1×", found[2])
            self.interval(shown, one, other)
        if self.truth.runs > 1:
            assert (found[5] or "decided") == self.truth.outcome(one, other)

    def ranking(self, ranks):
        """The table: places, ratios, ranges."""
        means = [self.truth.mean[name] for name in ranks["Policy"]]
        assert sorted(ranks["Policy"]) == sorted(self.truth.policies)
        for place, (rank, row) in enumerate(ranks.iterrows()):
            name = row["Policy"]
            quicker = sum(mean < self.truth.mean[name] * (1 - 1e-12) for mean in means)
            assert rank == 1 + quicker
            assert rank <= place + 1
            if name == self.truth.baseline:
                assert row["Speed-up (×)"] == "baseline"
            else:
                self.cell(row["Speed-up (×)"], self.truth.baseline, name)
            assert value_of(row["Epoch time (s)"]) == pytest.approx(self.truth.mean[name] / 1000, rel=6e-3)
            assert shows(row["Utilization (%)"], self.truth.mean_of(name, "utilization_percent"))
            if name.startswith("Local SGD"):
                assert row["An update averages"] == "parameters"
            else:
                (size,) = re.fullmatch(rf"{NUMBER} gradients?", row["An update averages"]).groups()
                assert value_of(size) == pytest.approx(self.truth.mean_of(name, "gradients_per_update"), rel=6e-3)

    def spreads(self, text):
        """What the charts show, for those who cannot see them."""
        text = text.replace("\N{NO-BREAK SPACE}", " ")
        said = self.which()
        assert ("middle 95" in text) == (self.truth.runs >= 40)
        for name in self.truth.policies:
            found = re.search(
                rf"{re.escape(name)}: mean (\S+ m?s)(?:, {said} runs between (\S+ m?s) and (\S+ m?s))?[;.]", text
            )
            expected = [
                self.truth.mean[name],
                *(self.truth.spread(self.truth.epochs[name]) if self.truth.runs > 1 else ()),
            ]
            shown = [time_ms(time)[0] for time in found.groups() if time]
            assert shown == pytest.approx(expected, rel=6e-3)


@pytest.mark.parametrize("block", range(10))
def test_what_compare_says(block):
    rng = np.random.default_rng(block)
    for _ in examples(6):
        scenario, policies = any_scenario(rng)
        policies = list(dict.fromkeys(policy.fitted(scenario.workers) for policy in policies))
        table = any_table(rng, scenario, policies)
        reader = Reader(table, policies, scenario)
        paired = Paired.of(table)
        reader.headline(comparison.headline(paired))
        reader.reasons(comparison.in_full(paired, policies, scenario))
        if said := comparison.caveats(scenario, paired):
            reader.caveats(said)
        else:
            assert scenario.workers == 1
        reader.ranking(comparison.ranking(paired))
        reader.spreads(comparison.distribution_in_words(paired))


def check_setting(text, scenario):
    """Workers, mini-batches and their mean, what slows some of them, and the network."""
    size, *beside, network = text.split(", ")
    many = "mini-batches" if scenario.batches > 1 else "mini-batch"
    found = re.fullmatch(
        rf"(\S+) workers? × (\S+) {many} (?:of {NUMBER} (?:ms|s)( on average)?|as measured)( \([\w -]+\))?", size
    )
    assert [value_of(number) for number in found.groups()[:2]] == [scenario.workers, scenario.batches]
    law, shapes = scenario.compute, (Constant, Uniform, Measured)
    assert found[5] is None if isinstance(law, shapes) else found[5].strip(" ()") in (law.name, law.name.lower())
    unit_ms = 1000 if re.search(r"\d s\b", size) else 1
    assert shows(found[3], scenario.compute.mean_ms / unit_ms) if found[3] else isinstance(scenario.compute, Measured)
    assert not found[3] or bool(found[4]) == (not isinstance(scenario.compute, Constant))
    slow = scenario.stragglers
    causes = {
        rf"{slow.slow_workers} slow workers? \({NUMBER}×\)": (slow.slow_workers, [slow.slowdown]),
        "machines that differ": (slow.spread, []),
        rf"hiccups \({NUMBER}× in {NUMBER} %\)": (
            slow.hiccup_probability,
            [slow.hiccup_factor, 100 * slow.hiccup_probability],
        ),
        rf"slow episodes \({NUMBER}× in {NUMBER} %\)": (
            slow.episode_share,
            [slow.episode_factor, 100 * slow.episode_share],
        ),
        rf"a failure every {NUMBER} h per worker": (scenario.failures.mtbf_hours, [scenario.failures.mtbf_hours]),
    }
    there = {cause: values for cause, (amount, values) in causes.items() if amount > 0}
    for text, (cause, values) in zip(beside, there.items(), strict=True):
        assert [value_of(number) for number in re.fullmatch(cause, text).groups()] == pytest.approx(values, rel=5e-3)
    if isinstance(scenario.network, FlatLatency):
        assert value_of(re.fullmatch(rf"{NUMBER} ms of network latency", network)[1]) == scenario.network.latency_ms
    else:
        beside = rf"(?: in (\d+) buckets)? over {NUMBER} Gb/s links(?: between nodes of (\d+))?"
        size, buckets, speed, of = re.fullmatch(rf"{NUMBER} MB of gradients{beside}", network).groups()
        assert shows(size, scenario.network.message_mb)
        assert shows(speed, scenario.network.bandwidth_gbps)
        assert int(buckets or 1) == scenario.network.buckets
        assert int(of or 1) == scenario.network.workers_per_node


def test_what_is_pasted_and_what_the_charts_of_two_say():
    rng = np.random.default_rng(77)
    for _ in examples(12):
        scenario, policies = any_scenario(rng)
        policies = list(dict.fromkeys(policy.fitted(scenario.workers) for policy in policies))[:2]
        if len(policies) < 2:
            continue
        table = any_table(rng, scenario, policies)
        reader, (one, other) = Reader(table, policies, scenario), [policy.label for policy in policies]
        truth = reader.truth
        lines = comparison.summary_text(table, policies, scenario).replace("\N{NO-BREAK SPACE}", " ").splitlines()
        reader.headline(lines[0])
        asked, _, runs = lines[1].rpartition(", ")
        assert runs == f"{truth.runs} paired run{'s' if truth.runs > 1 else ''}."
        check_setting(asked, scenario)
        means = []
        for line in lines[2:4]:
            name, epoch, gain = re.match(r"- (.*): epoch (\S+ m?s), speed-up (.*?), [\d.,e-]+ used", line).groups()
            assert time_ms(epoch)[0] == pytest.approx(truth.mean[name], rel=6e-3)
            means.append(truth.mean[name])
            if name == truth.baseline:
                assert gain == "baseline"
            else:
                reader.cell(gain, truth.baseline, name)
        assert means[0] <= means[1] * (1 + 1e-12)
        reader.reasons(lines[4])
        found = re.fullmatch(
            f"Speed-ups of (\\d+) single runs?: (.*) ratios between {TIMES} and {TIMES}. Marked is the ratio of the "
            f"mean epoch times, {TIMES}(?: \\((.*)\\))?.",
            comparison.ratios_in_words(table, one, other),
        )
        assert int(found[1]) == truth.runs
        assert found[2] == reader.which()
        low, high = truth.spread(truth.epochs[one] / truth.epochs[other])
        assert shows(found[3], low)
        assert shows(found[4], high)
        assert shows(found[5], truth.ratio(one, other))
        if found[6]:
            reader.interval(found[6], one, other)


def test_the_verdict_is_what_the_page_says():
    rng = np.random.default_rng(78)
    for _ in examples(40):
        scenario, policies = any_scenario(rng)
        policies = list(dict.fromkeys(policy.fitted(scenario.workers) for policy in policies))
        table = any_table(rng, scenario, policies)
        truth, found = Truth(table), verdict(table)
        others = {name: mean for name, mean in truth.mean.items() if name != truth.baseline}
        assert {found.winner, found.runner_up} >= {truth.baseline}
        other = found.winner if found.runner_up == truth.baseline else found.runner_up
        assert others[other] <= min(others.values()) * (1 + 1e-12)
        assert found.speedup == pytest.approx(truth.ratio(found.runner_up, found.winner), rel=1e-9)
        assert found.speedup >= 1 - 1e-12
        assert found.outcome == truth.outcome(found.runner_up, found.winner)
        assert found.faster_percent == 100 * truth.ahead(found.winner, found.runner_up)[0] / truth.runs
        assert (found.runs_to_decide is not None) == (found.outcome == "open" and truth.runs > 1)


@pytest.mark.parametrize("seed", examples(8))
def test_what_the_command_line_says(seed, capsys):
    """The sentences of the page, with the control that the command line has."""
    rng = np.random.default_rng(seed)
    scenario, policies = any_scenario(rng)
    policies = list(dict.fromkeys(policy.fitted(scenario.workers) for policy in policies))
    replicates = int(rng.choice([1, 2, 5, 40]))
    link = "&".join(f"{key}={value}" for key, value in values_of(scenario).items())
    asked = [
        "compare",
        link,
        "--policies",
        ",".join(policy.text for policy in policies),
        "--replicates",
        str(replicates),
    ]
    assert main(asked) == 0
    headline, reasons, *_, caveats = capsys.readouterr().out.strip().split("\n\n")
    reader = Reader(compare(scenario, policies, replicates), policies, scenario)
    reader.headline(headline)
    reader.reasons(reasons, "--replicates", 20_000_000)
    reader.caveats(caveats)
    assert main([*asked, "--json"]) == 0
    data, found = json.loads(capsys.readouterr().out), verdict(reader.truth.table)
    assert (data["answer"], data["reasons"], data["caveats"]) == (headline, reasons, caveats)
    for name in ("winner", "speedup", "low", "high", "outcome", "faster_percent", "runs_to_decide"):
        value = getattr(found, name)
        assert data["verdict"][name] == (None if isinstance(value, float) and np.isnan(value) else value)
    for row in data["policies"]:
        name, truth = row["policy"], reader.truth
        assert row["epoch_ms"] == pytest.approx(truth.mean[name])
        assert row["speedup"] == pytest.approx(truth.ratio(truth.baseline, name))
        if name != truth.baseline:
            assert row["outcome"] == truth.outcome(truth.baseline, name)
            exact = truth.same_ratio_always(truth.baseline, name)
            has_ends = truth.runs > 1 and (exact or truth.bounded(truth.baseline, name))
            assert (row["low"] is not None) == has_ends


SHARE = r"([\d.]+) %"


def worker_ms(simulated):
    """Each worker's time in each phase and by the reason of its waits, and what is left of the epoch, ms."""
    table, epoch = simulated.segments(), simulated.metrics.epoch_ms
    table = table.assign(ms=table["end_ms"] - table["start_ms"], kind=table["phase"].astype(str))
    waits = table["phase"] == "wait"
    table.loc[waits, "kind"] = table.loc[waits, "reason"].astype(str)
    spent = table.groupby(["worker", "kind"], observed=True)["ms"].sum().unstack(fill_value=0)
    spent = spent.reindex(range(simulated.scenario.workers), fill_value=0)
    return spent.assign(tail=epoch - spent.sum(axis=1)), epoch


@pytest.mark.parametrize("block", range(4))
def test_what_timeline_says(block):
    rng = np.random.default_rng(100 + block)
    for _ in examples(15):
        scenario, policies = any_scenario(rng)
        policy = policies[0].fitted(scenario.workers)
        timeline(simulate(Scenario(**{**vars(scenario), "policy": policy})))


def timeline(simulated):
    """Every sentence about one run."""
    spent, epoch = worker_ms(simulated)
    workers, table = simulated.scenario.workers, simulated.gradients()
    used = table[table["used"]]
    headline, detail = (text.replace("\N{NO-BREAK SPACE}", " ") for text in run.run_answer(simulated))
    found = re.fullmatch(r"(.*): (\d+) workers? finish(?:es)? an epoch in (\S+ m?s)\.", headline)
    assert found[1] == simulated.scenario.policy.label
    assert int(found[2]) == workers
    assert time_ms(found[3])[0] == pytest.approx(epoch, rel=6e-3)
    shares = (100 * spent.sum() / (workers * epoch)).to_dict()
    named = {
        "computing": "compute",
        "the network": "comm",
        "work thrown away": "cancelled",
        "waiting for the slowest": "barrier",
        "waiting at the staleness bound": "staleness bound",
        "queueing at the server": "server queue",
        "waiting for the other gradients of an update": "update",
    }
    shown = {
        named[what]: share for share, what in re.findall(SHARE + r" (?:goes )?into ([a-z ]+?)(?=, | and |[.;])", detail)
    }
    if late := re.search(SHARE + " comes after a worker's last batch, while others go on", detail):
        shown["tail"] = late[1]
    assert sum(map(float, shown.values())) == pytest.approx(100, abs=1e-6)
    assert "0.0" not in shown.values()
    for what, share in shares.items():
        assert float(shown.get(what, 0)) == pytest.approx(share, abs=0.1001)
    stale = re.search(r"A gradient is (\S+|less than 0.1) updates stale on average", detail)
    mean = used["staleness"].mean()
    assert bool(stale) == bool(used["staleness"].max())
    assert not stale or (shows(stale[1], mean) if stale[1][0].isdigit() else mean < 0.05)
    idle(run.idle_in_words(simulated).replace("\N{NO-BREAK SPACE}", " "), shares, simulated.metrics.idle_percent)
    staleness(run.staleness_in_words(simulated), used)
    contributions(run.contributions_in_words(simulated).replace("\N{NO-BREAK SPACE}", " "), table, workers)
    words = run.shares_in_words(simulated).replace("\N{NO-BREAK SPACE}", " ")
    for worker, of in re.findall(r"W(\d+): ([^;]*?)(?=;|\.$)", words):
        parts = dict(re.findall(r"([a-z]+) " + SHARE, of))
        assert sum(map(float, parts.values())) == pytest.approx(100, abs=1e-6)
        assert float(parts.get("tail", 0)) == pytest.approx(100 * spent["tail"][int(worker)] / epoch, abs=0.1001)
    barriers(run.timeline_in_words(simulated), simulated)


def idle(text, shares, idle_percent):
    """Why idle differs from the share of waiting."""
    waiting = sum(shares.get(kind, 0) for kind in ("barrier", "staleness bound", "server queue", "update"))
    assert idle_percent == pytest.approx(100 * waiting / (waiting + shares["compute"]) if waiting else 0, abs=1e-6)
    if not text:
        assert idle_percent == pytest.approx(waiting, abs=0.1001)
        return
    shown, both = re.search(f"workers wait {SHARE} of their time, out of {SHARE} computing or waiting", text).groups()
    assert shows(shown, waiting)
    assert shows(both, waiting + shares["compute"])


def staleness(text, used):
    """How stale the gradients are."""
    if text.startswith("Every gradient is fresh"):
        assert (used["staleness"] == 0).all()
        return
    found = re.match(
        f"A gradient is {NUMBER} updates stale on average; 95 % are at most (\\d+), the stalest is (\\d+).", text
    )
    assert shows(found[1], used["staleness"].mean())
    assert (used["staleness"] <= int(found[2])).mean() >= 0.95 > (used["staleness"] < int(found[2])).mean()
    assert int(found[3]) == used["staleness"].max()


def contributions(text, table, workers):
    """Whose gradients are used."""
    counts = table[table["used"]]["worker"].value_counts().reindex(range(workers), fill_value=0)
    most, least = counts.max(), counts.min()
    if found := re.match(f"Every worker contributes the same: (\\d+) gradients?, {SHARE}\\.", text):
        assert most == least == int(found[1])
        assert shows(found[2], 100 / workers)
    elif found := re.match(r"Every worker contributes (\d+) gradients?, of mini-batches sized to its speed\.", text):
        assert most == least == int(found[1])
    elif found := re.match(r"The only worker contributes all gradients: (\d+)\.", text):
        assert (workers, most) == (1, int(found[1]))
    else:
        found = re.match(f"(.*) contributes? most, {SHARE}(?: each)?; (.*) least, {SHARE}(?: each)?\\.", text)
        for names, share, extreme in ((found[1], found[2], most), (found[3], found[4], least)):
            truly = [f"W{worker}" for worker in counts.index[counts == extreme]]
            assert re.findall(r"W\d+", names) == truly or names == f"{len(truly)} workers"
            assert shows(share, 100 * extreme / counts.sum())
    thrown = re.search(r"(\d+) gradients? thrown away", text)
    assert int(thrown[1] if thrown else 0) == (~table["used"]).sum()


def barriers(text, simulated):
    """Who came last at the barriers, together with others where they came together."""
    met = simulated.barriers()
    if "barrier" not in text:
        assert simulated.schedule.barrier_ms is None
        return
    table = simulated.gradients()
    ready = table[table["used"]].pivot_table(index="worker", columns="batch", values="ready_ms", observed=True)
    last = {}
    for batch, straggler in zip(met["batch"], met["straggler"], strict=True):
        at = ready[batch].dropna()
        if straggler >= 0:
            for worker in at.index[at == at.max()]:
                last[worker] = last.get(worker, 0) + 1
    if found := re.search("Last at the barrier: (.*)\\.$", text):
        assert {int(worker): int(times) for worker, times in re.findall(r"W(\d+) (\d+)×", found[1])} == last
    else:
        assert text.endswith("Nobody waits at a barrier.")
        assert not last
