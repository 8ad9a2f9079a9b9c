"""Every sentence of a map, read back and recomputed from the raw runs.

What is recomputed here is written anew: from the epochs of `compare`, by NumPy alone; nothing of `core.report` or
`core.statistics` helps.
"""

import itertools
import math
import re

import numpy as np
import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Constant,
    Failures,
    FlatLatency,
    LocalSGD,
    Pareto,
    Rebalanced,
    Scenario,
    ShiftedExponential,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    Uniform,
    compare,
    sweep,
)
from core.maps import QUESTIONS
from core.report import verdicts
from core.report.maps import refusals, settling
from core.simulation.sweeps import changed
from pages.shared.answers.maps import Asked, map_answer, picked_in_words
from tests.examples import examples

SPACE = "\N{NO-BREAK SPACE}"
AXES = {
    "compute.jitter": ("jitter", [0.0, 0.02, 0.2, 0.6, 0.9]),
    "network.latency_ms": ("latency_ms", [0, 1, 10, 200]),
    "stragglers.slowdown": ("slowdown", [1.0, 1.01, 2.0, 50.0]),
    "stragglers.hiccup_probability": ("hiccup_probability", [0.0, 0.01, 0.3]),
    "workers": ("workers", [1, 2, 3, 8]),
    "batches": ("batches", [1, 2, 10]),
}
POLICIES = [Synchronous(), Asynchronous(), Rebalanced(), LocalSGD(period=3), StaleSynchronous(bound=1)]
QUANTILES = {  # of Student's t, two-sided, from a table: {degrees of freedom: {level: t}}
    1: {0.05: 12.7062, 0.05 / 3: 38.1885, 0.05 / 2: 25.4517},
    2: {0.05: 4.30265, 0.05 / 3: 7.64890, 0.05 / 2: 6.20535},
    4: {0.05: 2.77645, 0.05 / 3: 3.96083, 0.05 / 2: 3.49541},
    9: {0.05: 2.26216, 0.05 / 3: 2.93332, 0.05 / 2: 2.68501},
    59: {0.05: 2.00100, 0.05 / 3: 2.46340, 0.05 / 2: 2.30017},
}


def random_map(seed):
    """A small random map: scenario, axes, policies, runs."""
    rng = np.random.default_rng(seed)

    def pick(*values):
        return values[rng.integers(len(values))]

    laws = [Uniform(mean_ms=pick(10, 500), jitter=0.2), Uniform(jitter=0.01), Uniform(jitter=0.9)]
    names = [str(name) for name in rng.choice(list(AXES), 2, replace=False)]
    if "compute.jitter" not in names:
        laws += [Constant(), ShiftedExponential(shift=pick(0.0, 0.5)), Pareto(alpha=pick(1.2, 3.0))]
    networks = [FlatLatency(latency_ms=pick(0, 1, 200)), FlatLatency(latency_ms=5, async_fraction=1, async_least=1)]
    if "network.latency_ms" not in names:
        networks.append(AlphaBeta(message_mb=pick(1, 50), collective=pick("ring", "server")))
    scenario = Scenario(
        workers=pick(1, 2, 4, 6),
        batches=pick(1, 3, 8),
        compute=pick(*laws),
        network=pick(*networks),
        stragglers=Stragglers(slow_workers=1, slowdown=pick(1.0, 1.0, 3.0), hiccup_probability=pick(0.0, 0.0, 0.1)),
        seed=int(rng.integers(10_000)),
    )
    if scenario.workers == 1 and "workers" not in names:
        names = ["workers", next(name for name in names if name != "workers")]
    grid = {
        name: tuple(sorted(rng.choice(AXES[name][1], rng.integers(1, 1 + len(AXES[name][1])), replace=False).tolist()))
        for name in names
    }
    others = [POLICIES[i] for i in rng.permutation(len(POLICIES))[: pick(2, 2, 3)]]
    if rng.random() < 0.2:
        others[-1] = BackupWorkers(wait_for=3)  # refused where workers are fewer
    return scenario, grid, others, pick(1, 2, 3, 5, 10, 10, 60)


class Raw:
    """The runs of each cell, and what they say, by own arithmetic."""

    def __init__(self, scenario, grid, policies, runs):
        self.policies, self.runs, self.known = policies, runs, {}
        self.cells = {}
        for values in itertools.product(*grid.values()):
            here = changed(scenario, dict(zip(grid, values, strict=True)))
            fitting = [policy for policy in policies if getattr(policy, "wait_for", 1) <= here.workers]
            table = compare(here, fitting, runs)
            self.cells[values] = {policy.label: table.loc[table["policy"] == policy.label] for policy in fitting}

    def epochs(self, cell, policy):
        return self.cells[cell][policy]["epoch_ms"].to_numpy()

    def verdicts(self, cell):
        """The same as `judged`, found once."""
        if cell not in self.known:
            self.known[cell] = self.judged(cell)
        return self.known[cell]

    def judged(self, cell):
        """{(a, b): (mean a / mean b, outcome)}, pairs judged one after the other from the surest on (Holm)."""
        labels, found = list(self.cells[cell]), {}
        pairs = list(itertools.combinations(labels, 2))
        sureness = {pair: self.sureness(cell, *pair) for pair in pairs}
        going, t = True, math.inf
        for rank, pair in enumerate(sorted(pairs, key=lambda pair: -sureness[pair])):
            if going and self.runs > 1:
                t = QUANTILES[self.runs - 1][0.05 / (len(pairs) - rank)]
            going = going and sureness[pair] > t
            a, b = (self.epochs(cell, policy) for policy in pair)
            found[pair] = (a.mean() / b.mean(), outcome(a, b, t, going))
            found[pair[::-1]] = (b.mean() / a.mean(), outcome(b, a, t, going))
        return found

    def sureness(self, cell, one, other):
        """The paired t statistic; infinite where a difference never varies."""
        gap = self.epochs(cell, one) - self.epochs(cell, other)
        size = abs(gap.mean()) / self.epochs(cell, other).mean()
        if self.runs == 1 or size < 1e-11:
            return 0.0
        spread = gap.std(ddof=1)
        return (
            math.inf if spread < 1e-11 * self.epochs(cell, other).mean() else abs(gap.mean()) / spread * self.runs**0.5
        )


def ends(a, b, t):
    """Fieller's interval by search: the ratios rho for which mean(a − rho·b) is within t standard errors of 0."""
    if len(a) == 1:
        return math.nan, math.nan
    value = a.mean() / b.mean()
    if np.std(a - value * b) < 1e-11 * a.mean():
        return value, value

    def inside(rho):
        gap = a - rho * b
        return abs(gap.mean()) <= t * gap.std(ddof=1) / math.sqrt(len(a))

    found = []
    for far in (0.0, 1e9):
        if inside(far):
            return math.nan, math.nan
        near = value
        for _ in range(60):
            middle = (near + far) / 2
            near, far = (middle, far) if inside(middle) else (near, middle)
        found.append(near)
    return tuple(found)


def outcome(a, b, t, decided):
    low, high = ends(a, b, t)
    if decided and not math.isnan(low) and not low <= 1 <= high:
        return "decided"
    return "equal" if low >= 0.99 - 1e-12 and high <= 1.01 + 1e-12 else "open"


def standing(raw, cell):
    """The quickest on average, who is level with it, and whether that is decided, a tie or open."""
    labels, verdicts = list(raw.cells[cell]), raw.verdicts(cell)
    order = sorted(labels, key=lambda policy: raw.epochs(cell, policy).mean())
    quickest = order[0]
    level = [quickest, *(policy for policy in order[1:] if verdicts[policy, quickest][1] != "decided")]
    kinds = {verdicts[policy, quickest][1] for policy in level[1:]}
    return level, "decided" if not kinds else "equal" if kinds == {"equal"} else "open"


def lower(label):
    return label[0].lower() + label[1:]


def count_after(text, what):
    """The number that follows a word, 0 where the word is not there."""
    found = re.search(rf"\b{re.escape(what)} in (\d+)", text)
    return int(found[1]) if found else 0


def everywhere(text, cells):
    """How many cells a sentence on all of them is about."""
    found = re.search(r"in (?:the only cell|both cells|all (\d+) cells)", text)
    assert found, text
    assert cells == {"in the only cell": 1, "in both cells": 2}.get(found[0], int(found[1] or 0))


def where_it_turns(text, raw, policy, baseline):
    """Above or below which values of the first axis the policy is faster, in every row once; the text without that."""
    said = re.search(
        rf" with [^:]*? (above|below) ([\d,.]+)–([\d,.]+)[×]?({SPACE}%|{SPACE}ms)?(, depending on [^:]*)?:", text
    )
    found = {
        cell: raw.verdicts(cell)[baseline, policy]
        for cell, runs in raw.cells.items()
        if {policy, baseline} <= set(runs)
    }
    turns = set()
    for up in {up for _, up in found}:
        row = sorted(across for across, other in found if other == up)
        cells = [found[across, up] for across in row]
        winners = "".join("?" if kind != "decided" else ">" if ratio > 1 else "<" for ratio, kind in cells)
        turn = re.fullmatch(r">+\?*<+|<+\?*>+", winners)
        turns.add(turn and (winners[-1], row[winners.rindex(winners[0])], row[winners.index(winners[-1])]))
    if None in turns or len({side for side, _, _ in turns}) != 1:
        assert not said, text
        return text
    side, least, most, unit, depending = said.groups()
    assert {"above": ">", "below": "<"}[side] == next(iter(turns))[0]
    ends = [float(end.replace(",", "")) / (100 if unit == f"{SPACE}%" else 1) for end in (least, most)]
    assert ends == pytest.approx([min(low for _, low, _ in turns), max(high for *_, high in turns)], rel=6e-3)
    assert bool(depending) == (len(turns) > 1)
    return text.replace(said[0], "")


def check_speedup_headline(text, raw, policy, baseline):
    """Faster, slower, equal and open: each as often as it is said, and together all cells."""
    found = [
        raw.verdicts(cell)[baseline, policy] for cell, runs in raw.cells.items() if {policy, baseline} <= set(runs)
    ]
    true = {
        "faster": sum(kind == "decided" and ratio > 1 for ratio, kind in found),
        "slower": sum(kind == "decided" and ratio < 1 for ratio, kind in found),
        "equal": sum(kind == "equal" for _, kind in found),
        "open": sum(kind == "open" for _, kind in found),
    }
    if not found:
        assert "no cell in common" in text
        return
    text = where_it_turns(text, raw, policy, baseline)
    head = text.split(";")[0]
    assert sum(true.values()) == len(found)
    if "tie " in head or " or " in head or not re.search(r"in \d+ of \d+ cell", head):
        (kind,) = [kind for kind, count in true.items() if count]
        everywhere(head, len(found))
        marks = {"equal": " tie ", "open": ": open ", "faster": "is faster", "slower": "is slower"}
        assert marks[kind] in text
    else:
        said = {
            "faster": re.search(r"faster(?: than [^,]*?)? in (\d+)", head),
            "slower": re.search(r"slower(?: than [^,]*?)? in (\d+)", head),
            "equal": re.search(rf"equal to [^,]*? within 1{SPACE}% in (\d+)", head),
            "open": re.search(r"(?:is|,) open in (\d+)", head),
        }
        assert {kind: int(one[1]) if one else 0 for kind, one in said.items()} == true, text
        assert int(re.search(r"in \d+ of (\d+) cell", head)[1]) == len(found)
    small = sum(kind == "decided" and abs(ratio - 1) < 0.01 for ratio, kind in found)
    assert ("by less than 1" in text) == bool(small)
    assert (";" in text) == bool(true["open"])


def check_fastest_headline(text, raw):
    """Each policy, ties and open cells as often as they are said, and together all cells."""
    found = [standing(raw, cell) for cell in raw.cells]
    ties, open_ones = (sum(kind == what for _, kind in found) for what in ("equal", "open"))
    first = [level[0] for level, kind in found if kind == "decided"]
    if "everywhere" in text:
        assert len(first) == len(found)
        assert text == f"{first[0]} is fastest everywhere on this map."
        assert len(set(first)) == 1
        return
    if "Fastest of" not in text:
        assert ties == len(found)
        everywhere(text, len(found))
        if not text.startswith("The first policies"):
            for level, _ in found:
                assert all(lower(policy) in lower(text) for policy in level)
        return
    total = int(re.match(r"Fastest of (\d+) cell", text)[1])
    counts = {label: first.count(label) for label in {policy.label for policy in raw.policies}}
    for label, count in counts.items():
        said = re.search(rf"(?:: |, |and )(?:{re.escape(label)}|{re.escape(lower(label))}) in (\d+)", text)
        assert (int(said[1]) if said else 0) == count, (text, label)
    assert count_after(text, f"a tie within 1{SPACE}%") == ties
    assert count_after(text, "open") == open_ones
    assert total == len(found) == sum(counts.values()) + ties + open_ones
    assert (";" in text) == bool(open_ones)


def as_times(text):
    return [float(number) for number in re.findall(r"(\d+\.\d+)×", text)]


def close(said, true):
    """As many digits as are shown: two, or three next to 1."""
    return abs(said - true) <= (0.00051 if abs(true - 1) < 0.0505 else 0.0051)


def check_speedup_sentence(text, raw, cell, policy, baseline):
    """The ratio, its interval, its side and its outcome."""
    if not {policy, baseline} <= set(raw.cells[cell]):
        assert "no figures" in text or "nobody to compare" in text
        return
    ratio, kind = raw.verdicts(cell)[baseline, policy]
    said = as_times(text)
    assert ("open" in text) == (kind == "open"), (text, ratio, kind)
    assert (f"equal within 1{SPACE}%" in text) == (kind == "equal")
    if kind == "decided":
        faster = ratio > 1
        assert (f"faster than {lower(baseline)}" in text, f"slower than {lower(baseline)}" in text) == (
            faster,
            not faster,
        )
        assert close(said[0], ratio if faster else 1 / ratio)
        assert ("no practical difference" in text) == (abs(ratio - 1) < 0.01)
    else:
        assert close(said[0], ratio)
    assert lower(policy) in lower(text)
    if raw.runs == 1:
        assert "(no interval)" in text
        return
    a, b = raw.epochs(cell, baseline), raw.epochs(cell, policy)
    assert ("(exactly)" in text) == (ends(a, b, 1.0)[0] == ends(a, b, 1.0)[1]), text
    if len(said) == 3:
        assert said[1] - 0.006 <= said[0] <= said[2] + 0.006
        if len(raw.cells[cell]) == 2:  # one pair: its own level
            low, high = ends(a, b, QUANTILES[raw.runs - 1][0.05])
            if kind == "decided" and ratio < 1:
                low, high = 1 / high, 1 / low
            assert close(said[1], low)
            assert close(said[2], high) or abs(said[2] / high - 1) < 0.001


def check_fastest_sentence(text, raw, cell):
    """Who is named first, and who is level."""
    level, kind = standing(raw, cell)
    assert (" tie: " in text, "open which is fastest" in text) == (kind == "equal", kind == "open"), (text, level)
    if kind != "decided":
        assert all(lower(policy) in lower(text) for policy in level)
        left_out = set(raw.cells[cell]) - set(level)
        assert not any(re.search(rf"\b{re.escape(lower(policy))}(?=[ ,:])", lower(text)) for policy in left_out)
        return
    assert text.startswith(level[0])
    order = sorted(raw.cells[cell], key=lambda policy: raw.epochs(cell, policy).mean())
    if len(order) > 1:
        assert lower(order[1]) in text
        ratio = raw.epochs(cell, order[1]).mean() / raw.epochs(cell, order[0]).mean()
        assert close(as_times(text)[0], ratio) or ratio > 10


def check_rows(text, raw, up, kinds):
    """The table in words: for each value of the upper axis, what is said of its cells, as often as it is so."""
    for value in up:
        part = re.search(rf" {re.escape(f'{value:,.4g}')}: (.*?)\.(?: |$)(?=[A-Z]|$)", text)
        here = [kinds[cell] for cell in raw.cells if cell[1] == value and cell in kinds]
        if not here:
            continue
        assert part, (text, value)
        for kind in set(here):
            assert re.search(rf"{re.escape(kind)} in {here.count(kind)}\b", part[1]), (part[1], kind, here)
        assert sum(map(int, re.findall(r" in (\d+)", part[1]))) == len(here)


def in_words(ratio, kind):
    if kind != "decided":
        return {"equal": "equal within 1 %", "open": "open"}[kind]
    return ("faster" if ratio > 1 else "slower") + (", by less than 1 %" if abs(ratio - 1) < 0.01 else "")


def fastest_in_words(level, kind):
    last = {"equal": " and ", "open": " or "}.get(kind, "")
    names = [level[0], *map(lower, level[1:])]
    joined = ", ".join(names[:-1]) + last + names[-1] if len(names) > 1 else names[0]
    return {"decided": level[0], "equal": f"tie: {joined}", "open": f"open: {joined}"}[kind]


def asked_of(ask, grid, policies, about, runs, workload):
    """What the page asks."""
    return Asked(
        question=QUESTIONS[ask],
        keys=tuple(AXES[name][0] for name in grid),
        names=tuple(grid),
        values=tuple(grid.values()),
        labels=tuple(policy.label for policy in policies),
        about=about,
        runs=runs,
        workload=workload,
    )


@pytest.mark.parametrize("seed", examples(8))
def test_what_a_map_says_is_what_its_runs_say(seed):
    scenario, grid, policies, runs = random_map(seed)
    raw, table = Raw(scenario, grid, policies, runs), sweep(scenario, grid, policies, runs)
    baseline, about = policies[0].label, policies[1].label
    one, *_, other = [*raw.cells] * 2
    up = list(grid.values())[1]

    asked = asked_of("speedup", grid, policies, about, runs, scenario.workload)
    answer = map_answer(table, asked)
    if answer.drawn is not None:
        check_speedup_headline(answer.drawn.title, raw, about, baseline)
        both = {
            cell: raw.verdicts(cell)[baseline, about]
            for cell, labels in raw.cells.items()
            if {baseline, about} <= set(labels)
        }
        check_rows(answer.drawn.words, raw, up, {cell: in_words(*found) for cell, found in both.items()})
        for cell in (one, other):
            said = picked_in_words(answer.table, dict(zip(grid, cell, strict=True)), asked)
            check_speedup_sentence(said, raw, cell, about, baseline)
        kinds = {kind for _, kind in both.values()}
        assert ("≈ marks" in answer.caption, "= marks" in answer.caption) == ("open" in kinds, "equal" in kinds)

    asked = asked_of("fastest", grid, policies, None, runs, scenario.workload)
    answer = map_answer(table, asked)
    check_fastest_headline(answer.drawn.title, raw)
    check_rows(answer.drawn.words, raw, up, {cell: fastest_in_words(*standing(raw, cell)) for cell in raw.cells})
    for cell in (one, other):
        check_fastest_sentence(picked_in_words(table, dict(zip(grid, cell, strict=True)), asked), raw, cell)

    asked = asked_of("epoch", grid, policies, baseline, runs, scenario.workload)
    answer = map_answer(table, asked)
    means = [raw.epochs(cell, baseline).mean() / 1000 for cell in raw.cells if baseline in raw.cells[cell]]
    if means:
        seen = [float(number.replace(",", "")) for number in re.findall(rf"([\d,.]+){SPACE}s", answer.drawn.title)]
        assert seen[0] == pytest.approx(min(means), rel=6e-3)
        assert seen[-1] == pytest.approx(max(means), rel=6e-3)
    assert (f"95{SPACE}%" in answer.caption) == (runs >= 40)
    if baseline in raw.cells[one]:
        said = picked_in_words(table, dict(zip(grid, one, strict=True)), asked)
        assert (f"95{SPACE}%" in said) <= (runs >= 40)
        assert float(re.search(rf": ([\d,.]+){SPACE}s", said)[1].replace(",", "")) == pytest.approx(
            raw.epochs(one, baseline).mean() / 1000, rel=6e-3
        )


def test_rare_hiccups_are_said():
    """1 % of 4 × 10 mini-batches in 10 runs are four; in 20 runs eight."""
    names = ("stragglers.hiccup_probability", "network.latency_ms")
    grid = dict(zip(names, ((0.0, 0.01, 0.3), (0, 200)), strict=True))
    for runs, said in ((10, "In 2 cells fewer than 5 hiccups"), (20, "")):
        table = sweep(Scenario(), grid, POLICIES[:2], runs)
        asked = asked_of("fastest", grid, POLICIES[:2], None, runs, Scenario().workload)
        caption = map_answer(table, asked).caption
        assert ("hiccups" in caption) == bool(said)
        assert said in caption


def test_the_checker_knows_its_quantiles():
    """Student's t from its density, by a sum."""
    for freedom, levels in QUANTILES.items():
        x = np.linspace(0, 1, 400_001)[1:]  # t = tan of an angle, so that nothing is cut off
        angle = x * math.pi / 2
        density = np.cos(angle) ** (freedom - 1)
        share = np.cumsum(density) / density.sum()
        for level, t in levels.items():
            at = math.atan(t / math.sqrt(freedom)) / (math.pi / 2)
            assert 1 - np.interp(at, x, share) == pytest.approx(level, rel=2e-3)


@pytest.mark.parametrize(
    ("needed", "half", "which"),
    [
        ([40.0], 40, "it"),
        ([90.0, 40.0], 40, "one of these"),
        ([90.0, 40.0, 7.0], 40, "half of these"),
        ([1234.0, 5.0, math.nan, 8.0, 3_000.0], 1_300, "half of these"),
    ],
)
def test_the_runs_that_are_said_to_settle_half_of_the_open_cells_do(needed, half, which):
    """Rounded up to two figures, so that they are enough; a cell that no number of runs would settle comes last."""
    assert settling(needed) == f"; about {half:,} runs of each cell would settle {which}"
    assert 2 * sum(one <= half for one in needed) >= len(needed)


def test_cells_that_no_number_of_runs_would_settle():
    assert settling([math.nan, math.nan, 4.0]) == "; more runs are needed"
    assert settling([2e9]) == "; a billion runs would not settle it"
    assert settling([]) == ""


def test_why_rows_have_no_figures_is_said_once_for_each_setting():
    often = {"failures.mtbf_hours": [0.001, 0.002, 1], "workers": [4, 5_000]}
    job = Scenario(failures=Failures(mtbf_hours=1), network=FlatLatency(latency_ms=0))
    table = sweep(job, often, [Synchronous(), Asynchronous()], replicates=2)
    by_time, by_workers = sorted(refusals(table), key=len, reverse=True)
    assert re.match(
        r"\d rows left out\. For example: Time between failures per worker: at 0\.001 h for each of 4 workers an epoch "
        r"is expected to take more than 100 times as long as without failures; take checkpoints",
        by_time,
    )
    assert by_workers == "6 rows left out. Number of workers: 5000 is not a whole number from 1 to 4,096."
    refused = table["refused"] != ""
    assert sum(int(line.partition(" ")[0]) for line in (by_time, by_workers)) == refused.sum()


def test_the_ends_of_an_interval_are_told_apart():
    assert verdicts.ends(1.0794, 1.0812) == ["1.079×", "1.081×"]
    assert verdicts.ends(1.4, 1.75) == ["1.40×", "1.75×"]
    assert verdicts.ends(1.0801, 1.0803) == ["1.080×"]
