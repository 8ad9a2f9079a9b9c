"""What a map along one axis says, and the captions of maps: recomputed from the raw runs of every point."""

import re

import numpy as np
import pytest

from core import Scenario, Stragglers, sweep
from core.report.maps import rare_hiccups
from pages.shared.answers.maps import map_answer
from tests.core.report.test_map_sentences import (
    AXES,
    SPACE,
    Raw,
    asked_of,
    check_fastest_headline,
    close,
    lower,
    random_map,
)
from tests.examples import examples

NUMBER = r"([\d,.]*\d(?:e[+-]?\d+)?)"
COLUMNS = {"throughput": ("throughput", 1), "epoch": ("epoch_ms", 1e-3)}


def value_of(text):
    return float(text.replace(",", ""))


def figure(raw, cell, policy, ask):
    """The mean of a figure, as throughput is averaged: all mini-batches over all time."""
    column, scale = COLUMNS[ask]
    runs = raw.cells[cell][policy]
    if ask == "throughput":
        return len(runs) / (1 / runs[column]).sum()
    return scale * runs[column].mean()


def check_scaling(title, raw):
    """With the most workers, what share of the ideal: of the fewest workers under the policy that is best there."""
    fewest, most = min(raw.cells), max(raw.cells)
    best = max(raw.cells[fewest], key=lambda policy: figure(raw, fewest, policy, "throughput"))
    ideal = figure(raw, fewest, best, "throughput") * most[0] / fewest[0]
    share = {policy: 100 * figure(raw, most, policy, "throughput") / ideal for policy in raw.cells[most]}
    assert re.match(rf"With {most[0]} workers?, ", title)
    assert f"ideal scaling from {fewest[0]} worker" in title
    text = title.replace(SPACE, " ")
    for policy, value in share.items():
        who = re.escape(lower(policy))
        if found := re.search(rf"(?<![a-z]){who} (?:reaches )?([\d.]+) %|([\d.]+) % \({who}\)", text):
            assert float(found[1] or found[2]) == pytest.approx(value, abs=0.051)
    shown = [float(each) for each in re.findall(r"([\d.]+) %", text)]
    assert max(shown) == pytest.approx(max(share.values()), abs=0.051)
    assert min(shown) == pytest.approx(min(share.values()), abs=0.051)
    return best, fewest[0]


def check_points(words, raw, ask):
    """Either end of the lines: each policy's value there, and whether it is decided."""
    baseline = raw.policies[0].label
    for cell in (min(raw.cells), max(raw.cells)):
        here = [label for label in raw.cells[cell] if ask != "speedup" or label != baseline]
        found = re.search(rf"at {re.escape(f'{cell[0]:,g}')}: (.*?)(?=; at|; about|; more|; a billion|\.$)", words)
        if not here or (ask == "speedup" and baseline not in raw.cells[cell]):
            continue
        assert found, words
        for label in here:
            said = re.search(
                rf"(?<![a-z]){re.escape(lower(label))} (open \()?"
                rf"{NUMBER}({SPACE}s|/s|×|{SPACE}%)(?: so far| \((.*?)\))?",
                found[1],
            )
            assert said, (label, found[1])
            if ask == "speedup":
                ratio, kind = raw.verdicts(cell)[baseline, label]
                assert close(value_of(said[2]), ratio)
                assert ((said[1] or said[4] or "decided").split()[0]) == kind
            else:
                assert value_of(said[2]) == pytest.approx(figure(raw, cell, label, ask), rel=6e-3)


def check_bands(caption, raw, ask):
    """What bands are: intervals of ratios, or where most single runs lie."""
    caption = caption.replace(SPACE, " ")
    if raw.runs == 1:
        assert "one pair of runs, which has no interval" in caption or "One run at each point." in caption
    elif ask == "speedup":
        assert f"Ratios of mean epoch times of {raw.runs} paired runs" in caption
        assert ("all pairs of policies judged together" in caption) == (len(raw.policies) > 2)
    else:
        which = f"the middle 95 % of {raw.runs}" if raw.runs >= 40 else "both" if raw.runs == 2 else f"all {raw.runs}"
        assert f"Means of {raw.runs} runs, in bands that hold {which} runs" in caption


@pytest.mark.parametrize("seed", examples(8))
def test_lines_over_one_axis(seed):
    scenario, grid, policies, runs = random_map(100 + seed)
    name = "workers" if seed % 2 else next(iter(grid))
    grid = {name: tuple(AXES[name][1]) if seed % 3 else grid.get(name, (1, 3))}
    raw, table = Raw(scenario, grid, policies, runs), sweep(scenario, grid, policies, runs)
    for ask in ("throughput", "speedup", "epoch", "fastest"):
        asked = asked_of(ask, grid, policies, None, runs, scenario.workload)
        answer = map_answer(table, asked)
        if answer.drawn is None or not all(raw.cells.values()):
            continue
        shown = "speedup" if ask == "fastest" else ask
        check_points(answer.drawn.words.removeprefix(f"Lines over {name}. "), raw, shown)
        check_bands(answer.caption, raw, shown)
        if ask == "fastest":
            check_fastest_headline(answer.drawn.title, raw)
        if ask == "throughput" and name == "workers" and len(raw.cells) > 1:
            best, fewest = check_scaling(answer.drawn.title, raw)
            said = f"one of {fewest}" if fewest > 1 else "one does alone"
            assert re.search(
                rf"The dashed line is ideal scaling: .*{said} under {re.escape(lower(best))}\.", answer.caption
            )


def test_marks_are_explained_where_they_stand_and_cells_without_one_where_they_are_decided():
    """By the outcomes of the raw runs; the 5 % of chance stands with cells that are decided."""
    for seed in examples(6):
        scenario, grid, policies, runs = random_map(200 + seed)
        raw, table = Raw(scenario, grid, policies[:2], runs), sweep(scenario, grid, policies[:2], runs)
        baseline, about = (policy.label for policy in policies[:2])
        asked = asked_of("speedup", grid, policies[:2], about, runs, scenario.workload)
        caption = map_answer(table, asked).caption
        kinds = {
            raw.verdicts(cell)[baseline, about][1] for cell, of in raw.cells.items() if {baseline, about} <= set(of)
        }
        if kinds:
            assert ("≈ marks" in caption, "= marks" in caption) == ("open" in kinds, "equal" in kinds)
            assert (f"about 5{SPACE}%" in caption) == ("decided" in kinds)


@pytest.mark.parametrize("seed", range(30))
def test_how_many_cells_have_rare_hiccups(seed):
    """Fewer than five of all mini-batches of all runs, where there may be any."""
    rng = np.random.default_rng(seed)
    chances = sorted(set(rng.choice([0, 1e-5, 1e-4, 1e-3, 0.01, 0.3], 3).tolist()))
    workers = sorted(set(rng.integers(1, 40, 3).tolist()))
    runs, batches, factor = int(rng.choice([1, 5, 200])), int(rng.integers(1, 50)), float(rng.choice([1.0, 5.0]))
    scenario = Scenario(batches=batches, stragglers=Stragglers(hiccup_factor=factor))
    cells = [{"stragglers.hiccup_probability": chance, "workers": many} for chance in chances for many in workers]
    said = rare_hiccups(scenario.workload, cells, runs)
    few = sum(factor > 1 and 0 < chance * many * batches * runs < 5 for chance in chances for many in workers)
    found = re.match(r"In (\d+) cells? fewer than 5 hiccups are expected in all runs together", said)
    assert int(found[1] if found else 0) == few
