"""What a card says of a guess, with figures that are known."""

import pytest

from core import Scenario
from core.presets.cards import Card, Figures, Quickest, Ranges, faster_than_first, saved
from core.report.gallery import against_first, answer_in_words, told


def card(guesses, answer="Async {finishes[async]}: {epoch[async]}, {idle[sync]} idle, {stale[async]} stale."):
    words = {"key": "one", "name": "One", "setting": "Here", "question": "Which?", "why": "So it is."}
    return Card(**words, guesses=guesses, answer=answer, scenario=Scenario(), policies=())


def figures(sync_s=10.0, async_s=5.0, **changes):
    of = {"idle_percent": 12.34, "mean_staleness": 2.96}
    return Figures(
        rows={"sync": {"epoch_ms": 1000 * sync_s} | of, "async": {"epoch_ms": 1000 * async_s} | of}, **changes
    )


BY_RANGE = card(Ranges(saved("async"), ("Under 10 %", 10, "10 to 50 %", 50, "Over 50 %")))
BY_NAME = card(Quickest({"Sync": "sync", "Async": "async"}))


def test_a_guess_is_right_or_not_and_the_answer_is_said_either_way():
    found = told(BY_NAME, figures(), 1)
    assert found.right is True
    assert found.text.replace("\xa0", " ") == (
        "Right: **Async**. Async finishes 50 % sooner: 5 s, 12.3 % idle, 3.0 updates stale.\n\nSo it is."
    )
    assert told(BY_NAME, figures(), 0).right is False
    assert told(BY_NAME, figures(), 0).text.startswith("Not quite. The answer is **Async**. Async finishes")
    assert told(BY_NAME, figures(), None).right is None
    assert told(BY_NAME, figures(), None).text.startswith("**Async**. Async finishes")
    assert told(BY_NAME, figures(async_s=11), 1).text.startswith("Not quite. The answer is **Sync**. Async takes")


def test_what_the_runs_leave_open_is_neither():
    found = told(BY_NAME, figures(open=True), 1)
    assert found.right is None
    assert found.text.startswith("These runs leave open who finishes first.")


@pytest.mark.parametrize(
    ("async_s", "right"), [(12, 0), (10, 0), (9.01, 0), (9, 1), (5.01, 1), (5, 2), (0.1, 2)], ids=str
)
def test_every_figure_is_in_one_range(async_s, right):
    assert BY_RANGE.guesses.right(figures(async_s=async_s)) == right


@pytest.mark.parametrize(("async_s", "right"), [(10.11, 0), (10.09, 1), (10, 1), (9.91, 1), (9.89, 2)])
def test_one_percent_makes_no_difference_as_on_compare(async_s, right):
    assert faster_than_first("async", "No", "Level", "Yes").right(figures(async_s=async_s)) == right


@pytest.mark.parametrize(
    ("speedup", "said"),
    [
        (2, "finishes 50 % sooner"),
        (1.02, "finishes 2.0 % sooner"),
        (1.0004, "takes as long"),
        (1, "takes as long"),
        (0.9996, "takes as long"),
        (0.98, "takes 2.0 % longer"),
        (0.5, "takes 100 % longer"),
    ],
)
def test_compared_with_the_first(speedup, said):
    assert against_first(speedup, "finishes", "takes").replace("\xa0", " ") == said


def test_the_quicker_of_two_is_named_whichever_it_is():
    asked = card(BY_NAME.guesses, "{quicker[sync / async]}, {times[sync / async]}.")
    for sync_s, async_s, said in [
        (8, 6, "Asynchronous finishes 25 % sooner than synchronous, 1.33×."),
        (6, 8, "Synchronous finishes 25 % sooner than asynchronous, 0.75×."),
    ]:
        assert answer_in_words(asked, figures(sync_s, async_s)).replace("\xa0", " ") == said
