"""What the README and PAGES.md say of pages, where no other test holds it: mostly of what pages call, not of pages."""

import re
from colorsys import rgb_to_hls

import numpy as np
import pytest

from core import FlatLatency, Scenario, Workload, charts, compare, simulate
from core.learning.experiment import GRID
from core.learning.periods import DILOCO, DILOCO_DELAYED, LOCAL, LOCAL_DELAYED, PERIODS, SYNC, contenders
from core.links import PARAMETERS
from core.maps import QUESTIONS
from core.policies.registry import CODES, policy_from_text
from core.report.changes import WHAT
from core.report.comparison import flat_caveat
from core.report.run import how_to_read
from core.report.verdicts import with_interval
from core.statistics.pairs import Paired
from pages.shared.menu import PAGES as MENU
from tests.paths import ROOT

README, PAGES = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", ".github/PAGES.md"))


def captions_of(block, kept):
    """The captions in containers that are marked as caveats."""
    kept = kept or "caveat_" in getattr(getattr(block, "proto", None), "id", "")
    for child in block.children.values():
        if hasattr(child, "children"):
            yield from captions_of(child, kept)
        elif kept and child.type == "caption":
            yield child.value


def test_the_answer_keeps_its_caveats_in_the_presenter_s_view(open_page):
    """Marked for the style sheet: means or one run, what the network favours, what epochs are not."""
    assert "st-key-caveat_" in (ROOT / "pages/shared/styles/presenter.css").read_text(encoding="utf-8")
    app = open_page("compare", present="true", replicates="20")
    kept = " ".join(captions_of(app.main, kept=False))
    for words in ("Figures are means of 20", "Means of 20 runs", "favours async", "not yet faster learning"):
        assert words in kept


@pytest.mark.parametrize(("mode", "why"), [("k-async 2", "still under way"), ("backup 3", "enough gradients")])
def test_cancelled_blocks_are_explained_where_there_are_any(mode, why):
    run = simulate(Scenario(policy=policy_from_text(mode)))
    assert why in how_to_read(run, 0, run.metrics.epoch_ms, 4)
    assert "cancelled" not in how_to_read(simulate(Scenario()), 0, 1e9, 4)


def test_a_map_says_where_its_network_favours_async():
    sync, push = policy_from_text("sync"), policy_from_text("async")
    assert "nearly free" in flat_caveat(Scenario(), [sync, push])
    assert not flat_caveat(Scenario(), [sync])
    assert "a push costs 0 to 30\N{NO-BREAK SPACE}% of what a barrier costs" in flat_caveat(
        Scenario(), [sync, push], ["jitter", "latency_ms"]
    )
    assert not flat_caveat(Scenario(), [sync, push], ["async_fraction", "latency_ms"])
    assert not flat_caveat(Scenario(network=FlatLatency(async_fraction=1, async_least=1)), [sync, push])


def test_no_ratio_has_more_decimals_than_it_takes():
    table = compare(Scenario(), [policy_from_text("sync"), policy_from_text("async")], 1000)
    table.loc[table["policy"] == "Synchronous", "epoch_ms"] = 1.2659200 * table["epoch_ms"].to_numpy()[1000:]
    table["epoch_ms"] += np.random.default_rng(0).normal(0, 1e-3, len(table))
    value, interval = with_interval(Paired.of(table).speedups["Synchronous", "Asynchronous"])
    assert (value, interval) == ("1.266×", "narrower than 0.001")


def test_the_ends_of_a_bin_never_read_the_same():
    drawn = charts.histogram({"a": np.linspace(7.5, 7.75, 1000)}, "Epoch time (s)", {"a": "#000000"})
    digits, bins = drawn.values["bin_format"], drawn.data["bins"]
    assert all(f"{low:{digits}}" != f"{high:{digits}}" for low, high in zip(bins["from"], bins["to"], strict=True))


HUES = {"green": (90, 170), "orange": (10, 40), "blue": (190, 250), "magenta": (290, 330)}
"""Degrees on the wheel of colours that a name stands for."""


def test_colours_of_phases_are_called_what_they_are():
    """In the order of the legend; grey has no hue, and what is pale lets the page show through."""
    named = re.findall(r"^\| (\w+) \| (compute|wait|comm|cancelled|down|tail) \|", PAGES, re.MULTILINE)
    assert [phase for _, phase in named] == list(charts.PHASE_COLORS)
    for name, phase in named:
        red, green, blue, opacity = bytes.fromhex(charts.PHASE_COLORS[phase][1:].ljust(8, "F"))
        hue, _, saturation = rgb_to_hls(red / 255, green / 255, blue / 255)
        assert name not in HUES or HUES[name][0] < 360 * hue < HUES[name][1]
        assert (saturation < 0.1) == (name in ("grey", "pale"))
        assert (opacity < 128) == (name == "pale")


def test_policies_are_called_in_links_what_the_table_says():
    rows = re.findall(r"^\| `([a-z0-9 -]+)` \| (.+?) \| (.+) \|$", PAGES, re.MULTILINE)
    assert {policy_from_text(text).code for text, *_ in rows} == set(CODES)
    for text, name, rule in rows:
        policy = policy_from_text(text)
        assert name.startswith(policy.name)
        for other in re.findall(r"`([a-z0-9 -]+)`", rule):
            assert policy_from_text(other).text == other
            assert type(policy_from_text(other)) is type(policy)


def test_map_answers_the_questions_that_are_named():
    (said,) = re.findall("one question for every cell of a grid: (.*?), and others", " ".join(PAGES.split()))
    known = [question.label.lower() for question in QUESTIONS.values()]
    named = [part.removeprefix("the ").removesuffix(" time") for part in said.split(", ")]
    assert len(named) > 4
    assert all(any(label.startswith(part) for label in known) for part in named)


def test_what_the_difference_of_two_epochs_is_made_of_is_named():
    (said,) = re.findall(r"mean epochs is made of: (.*?)\.", " ".join(PAGES.split()))
    assert set(said.split(", ")) == {what.replace("network time", "network") for what in WHAT.values()}


def test_learning_tries_the_periods_and_methods_that_are_named():
    low, high = re.search(r"local SGD every (\d+) to (\d+) batches", PAGES).groups()
    found = contenders(Workload(batches=1_000), PERIODS)
    local = [each.period for each in found if each.way == LOCAL]
    assert (min(local), max(local)) == (int(low), int(high))
    assert {each.way for each in found} == {SYNC, LOCAL, LOCAL_DELAYED, DILOCO, DILOCO_DELAYED}
    assert (np.diff(np.log2(GRID)) == 1).all()  # a factor of 2 apart


def test_caches_are_bounded():
    """In entries, and what pages work out in memory, too."""
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "pages").rglob("*.py"))
    bounds = re.findall(r"st\.cache_(data|resource)\((.*)\)", pages)
    assert len(bounds) == len(re.findall(r"st\.cache_(?:data|resource)\b(?!\.)", pages)) > 3
    for kind, how in bounds:
        assert "max_entries=" in how
        assert kind == "resource" or "max_size=" in how
    assert max(map(int, re.findall(r'size="(\d+)MiB"', pages))) == 128
    assert "128 MiB each" in README


def test_labels_and_units_are_written_alike():
    """Sentence case, and what is a name of a page in the README is one in the menu."""
    names = {"Gumbel", "Gb/s", "MB", "X", "Y"}
    for parameter in PARAMETERS.values():
        words = re.findall(r"[A-Za-z/]+", parameter.label)[1:]
        assert all(word in names or word == word.lower() for word in words), parameter.label
    named = re.findall(r"^\| \*\*(.+?)\*\* \|", README, re.MULTILINE)
    assert set(named) == {title for title, _ in MENU.values()}
    assert all(f"**{name}**" in PAGES for name in named)
