"""What is said of remedies is recomputed from the measured times, by other means than it was made by."""

import re

import numpy as np
import pytest

from core import Trace, what_if
from core.report.traces import best_remedies, more_workers_in_words, remedies_in_words, remedies_table
from core.traces.remedies import AS_MEASURED, HELD_OUT, what_if_table
from tests.examples import examples

SPACE = "\N{NO-BREAK SPACE}"
NUMBER = r"(-?\d[\d,]*(?:\.\d+)?)"


def made(seed):
    """A small or extreme table: equal workers, one slow or several, an outlier, few steps, much network, no spread."""
    rng = np.random.default_rng(seed)
    workers, steps = int(rng.choice([1, 2, 3, 8])), int(rng.choice([1, 2, 3, 4, 5, 9, 30, 80]))
    compute = 100 * np.exp(rng.normal(0, rng.choice([0, 0.01, 0.1, 0.5]), (steps, workers)))
    kind = rng.integers(5)
    if kind == 1:
        compute[:, 0] *= rng.choice([1.1, 2, 9])
    elif kind == 2:
        compute[:, : max(1, workers // 2)] *= 2
    elif kind == 3:
        compute[rng.integers(steps), rng.integers(workers)] *= 500
    network = {}
    if rng.random() < 0.5:
        cost = rng.choice([0, 1, 5_000], (steps, 1)) * np.ones((steps, workers))
        network = {"comm_ms": cost, "wait_ms": compute.max(axis=1, keepdims=True) - compute}
    names = tuple(f"node{worker}" for worker in range(workers))
    return Trace(compute_ms=compute, worker_names=names, step_numbers=tuple(range(steps)), **network)


def step_costs(trace):
    """Network cost of each step, and the length of each: the longest compute + wait + comm."""
    spent, slowest = [], []
    for step in range(trace.steps):
        parts = [times[step] for times in (trace.compute_ms, trace.wait_ms, trace.comm_ms) if times is not None]
        spent.append(max(sum(one) for one in zip(*parts, strict=True)))
        slowest.append(max(trace.compute_ms[step]))
    return np.array(spent) - np.array(slowest), np.array(spent)


def epochs_by_hand(trace):
    """Epochs of what needs no schedule: no barrier at all, and a barrier every few steps."""
    network, steps = step_costs(trace)
    found = {AS_MEASURED: steps.sum(), "Asynchronous": (trace.compute_ms.sum(axis=0) + network.sum()).max()}
    for period in (4, 16):
        rounds = range(0, trace.steps, period)
        found[f"Local SGD (every {period})"] = sum(
            trace.compute_ms[first : first + period].sum(axis=0).max() + network[first : first + period].mean()
            for first in rounds
        )
    return found


def check_best(said, remedies, steps):
    """Every saving is the remedy's own, nobody is better that is sure, and nothing is recommended that saves 0.0 %."""
    sure = {each.name: each for each in remedies if each.saved_low_percent >= 0.05}
    by_words = {name.lower(): each for name, each in sure.items()}
    if said.startswith("Nothing that was tried"):
        assert not sure
    else:
        hindsight, name, saved = re.match(
            rf"(Of what is sure to save time, )?(.*?) would save most, {NUMBER}{SPACE}% of the epoch", said
        ).groups()
        best = max(each.saved_percent for each in sure.values())
        assert bool(hindsight) == any(each.saved_percent > best for each in remedies)
        assert float(saved) == pytest.approx(best, abs=0.051)
        names = [by_words[part.strip().lower()] for part in named(name, by_words)]
        assert all(each.saved_percent == pytest.approx(best) for each in names)
        others = [
            each
            for each in sure.values()
            if each not in names and each.saved_high_percent >= names[0].saved_low_percent
        ]
        assert bool(others) == ("which of them saves more is unclear" in said)
        assert f" 0.0{SPACE}%" not in said.split("(")[0]
    untold = "would save in other steps is unknown" in said
    assert untold == (len(remedies) > 1 and (steps < 4 or not all(each.told for each in remedies)))
    if untold and steps < 40:
        assert f"{steps} step" in said
        assert said.endswith("cannot show whether slowness lasts. Record 40 or more.")
    elif untold:
        assert not any(each.saves for each in remedies if each.basis == HELD_OUT)


def named(text, known):
    """The remedies that a list in words names; their own names have commas and ands in them."""
    text, found = text.lower(), []
    while text:
        name = max((one for one in known if text.startswith(one)), key=len)
        found.append(name)
        text = re.sub(r"^(, | and )", "", text[len(name) :])
    return found


def check_changes(remedy, trace):
    """Whom a repair slows or speeds up."""
    means = dict(zip(trace.worker_names, trace.compute_ms.mean(axis=0), strict=True))
    if remedy.name == "All workers at the median":
        median = np.median(list(means.values()))
        quicker = [name for name, mean in means.items() if mean < median]
        if quicker and median / min(means.values()) < 1.005:
            assert "It slows nobody by more than 0.5 %." in remedy.pays
        elif quicker:
            count, name, factor = re.search(
                rf"{NUMBER} workers? (?:is|are) slowed to the median, worker (node\d) most \({NUMBER} times",
                remedy.pays,
            ).groups()
            assert (int(count), name) == (len(quicker), min(means, key=means.get))
            assert float(factor) == pytest.approx(median / means[name], abs=0.006)
        else:
            assert "It slows nobody." in remedy.pays
    elif "repaired" in remedy.name:
        who = re.findall(r"node\d", remedy.name)
        others = np.median([mean for name, mean in means.items() if name not in who])
        for name, factor in re.findall(rf"(node\d) \({NUMBER} times their median\)", remedy.pays):
            assert name in who
            assert float(factor) == pytest.approx(means[name] / others, abs=0.006)


@pytest.mark.parametrize("block", range(2))
def test_every_sentence_is_what_the_times_say(block):
    for number in examples(10):
        seed = 2 * number + block
        trace = made(seed)
        remedies = what_if(trace)
        table = what_if_table(remedies)
        by_name, by_hand = {each.name: each for each in remedies}, epochs_by_hand(trace)
        for name, epoch in by_hand.items():
            if name in by_name:
                assert by_name[name].epoch_ms == pytest.approx(epoch, rel=1e-9)
                assert by_name[name].exact
        for each in remedies:
            saved = 100 * (1 - each.epoch_ms / by_hand[AS_MEASURED])
            assert each.saved_percent == pytest.approx(saved, abs=1e-6)
            assert each.saved_low_percent <= each.saved_high_percent
            if each.exact:
                assert each.saved_low_percent == each.saved_high_percent == each.saved_percent
            check_changes(each, trace)
        check_best(best_remedies(remedies), remedies, trace.steps)
        words = remedies_in_words(table) + remedies_table(table).to_string()
        assert f"-0.0{SPACE}%" not in words
        assert not re.search(r"-0\.0\b", words)
        if trace.compute_ms.std() == 0 and trace.comm_ms is None:
            assert not any(each.saves for each in remedies)


@pytest.mark.parametrize("seed", range(12))
def test_forecasts_start_from_what_was_measured(seed):
    rng = np.random.default_rng(seed)
    workers, steps = int(rng.choice([2, 4, 8])), int(rng.choice([1, 5, 25, 60, 200]))
    compute = 100 * np.exp(rng.normal(0, rng.choice([0, 0.05, 0.3]), (steps, workers)))
    trace = Trace(compute_ms=compute, worker_names=tuple(range(workers)), step_numbers=tuple(range(steps)))
    said = more_workers_in_words(trace)
    measured = sum(max(row) for row in compute) / (compute.sum() / workers)
    if found := re.search(rf"{NUMBER}× was measured with (\d+)", said):
        assert float(found[1]) == pytest.approx(measured, abs=0.006)
        assert int(found[2]) == workers
    told = re.findall(rf"{NUMBER}× with (\d+) \({NUMBER} to {NUMBER}×\)", said)
    for ratio, size, low, high in told:
        assert int(size) % workers == 0
        assert float(ratio) >= measured - 0.006
        assert float(low) <= float(ratio) + 0.006
        assert float(ratio) <= float(high) + 0.006
    untold = re.findall(r"What (.*?) workers would do is unknown", said)
    sizes = [int(size) for _, size, *_ in told] + [int(size) for text in untold for size in re.findall(r"\d+", text)]
    assert sorted(sizes) == ([workers * k for k in (2, 4, 8, 16)] if steps > 1 else [])
