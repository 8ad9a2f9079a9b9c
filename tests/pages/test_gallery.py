"""The gallery and its cards: each asks first, then answers in front of the page's own answer."""

import re

import pytest

from core.links import DEFAULTS, link_values, values_of_card
from core.presets.cards import Quickest
from core.presets.gallery import CARDS, GALLERY
from tests.pages.conftest import PAGES, opened_link
from tests.pages.helpers import complaints, headline, value

OF_EACH_PAGE = {card.page: card for card in reversed(CARDS.values())}
"""The first card of each page that has any."""


def link_to(card, **more):
    return "&".join([f"card={card.key}", "replicates=50&map_runs=50", *(f"{key}={said}" for key, said in more.items())])


def queries(app):
    """Where the links of a page lead, and with which query."""
    return [(link.proto.page, link.proto.query_string) for link in app.get("page_link")]


def buttons(app):
    return [button.label for button in app.main.button if button.key]


def test_the_gallery_shows_every_card_with_its_question(open_link):
    app = open_link("gallery", "seed=7")
    assert not complaints(app)
    assert not [*app.sidebar.slider, *app.sidebar.selectbox]
    assert [title.value for title in app.subheader] == list(GALLERY)
    assert [text.value for text in app.main.markdown] == [card.question for card in CARDS.values()]
    assert [text.value for text in app.main.caption][1:] == [card.setting for card in CARDS.values()]
    for (page, query), card in zip(queries(app)[len(PAGES) :], CARDS.values(), strict=True):
        assert page.rpartition("/")[2] in (card.page, "")
        said = {**DEFAULTS, **link_values(query)}
        assert (said["card"], said["guess"], said["seed"]) == (card.key, "none", 7)
        assert values_of_card(card).items() <= said.items()


@pytest.mark.parametrize("card", OF_EACH_PAGE.values(), ids=OF_EACH_PAGE)
def test_a_card_asks_first_and_answers_on_a_click(open_link, card):
    """Nothing gives the answer away; it can be asked again, and a moved control leaves the card."""
    app = open_link(card.page, link_to(card))
    assert not complaints(app)
    assert [header.value for header in app.header] == [card.question]
    assert buttons(app) == [*card.guesses.texts, "Show me the answer"]
    assert not [*app.metric, *app.dataframe, *app.subheader, *app.text, *app.get("vega_lite_chart")]
    assert not [caption.value for caption in app.sidebar.caption if "barrier costs" in caption.value]
    app.button(key="guess 1").click().run()
    assert app.query_params["guess"] == "1"
    (said,) = [*app.success, *app.info]
    assert said.value.startswith(("Right: ", "Not quite. "))
    assert card.why in said.value
    assert headline(app) != card.question
    shown = [each.type for each in app.main]
    assert shown.index("header") > max(shown.index(each) for each in ("success", "info") if each in shown)
    next(button for button in app.main.button if button.label == "Ask again").click().run()
    assert headline(app) == card.question
    app.slider(key="latency_ms").set_value(70).run()
    assert headline(app) != card.question
    assert not {"card", "guess"} & set(app.query_params.keys())
    assert not [*app.success, *app.info]


def first_in(title, card):
    """The policy that a headline of Compare puts first, as a link names it; empty where it says there is none."""
    firsts = [policy for policy in card.policies if re.match(rf"{re.escape(policy.label)} (?:finishes|leads)", title)]
    return firsts[0].text if firsts else ""


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_every_card_answers_with_the_figures_of_its_page(open_link, card):
    """As one who wants to be told sees it: by how much who is first is the same as in the page's own headline."""
    app = open_link(card.page, link_to(card, guess="tell"))
    assert not app.exception
    assert not [*app.error, *app.warning, *app.success]
    (said,) = [info.value for info in app.info]
    title, (right, answer, why) = headline(app), re.fullmatch(r"\*\*(.*?)\*\*\. (.*)\n\n(.*)", said).groups()
    assert (card.guesses.texts.count(right), why) == (1, card.why)
    if card.page == "timeline":
        (stale,) = re.findall(r"A gradient is (.*? updates) stale on average\.", app.main.markdown[1].value)
        assert stale in answer
    elif card.page == "map":
        assert re.findall(r"\bsynchronous ([\d.,]+)\s", title)[-1] in answer
    else:
        sooner, times = re.findall(r"([\d.]+)\s% sooner", title), re.findall(r"([\d.,]+)\ss", title)
        assert f"{sooner[0]}\xa0% sooner" in answer or (times and all(f"{time}\xa0s" in answer for time in times))
        if isinstance(card.guesses, Quickest):
            assert card.guesses.rows[right] == first_in(title, card)
        elif right in ("Sync", "Async"):
            assert right.lower() == first_in(title, card)


def test_a_guess_that_a_card_does_not_have_is_none(open_link):
    card = next(card for card in CARDS.values() if len(card.guesses.texts) == 3)
    app = open_link(card.page, link_to(card, guess="4"))
    assert not complaints(app)[1:]
    assert app.info[0].value.startswith("**")


def test_runs_that_leave_it_open_are_said(open_link):
    app = open_link("compare", "card=healthy&guess=1&replicates=1")
    assert app.info[0].value.startswith("These runs leave open")


def test_a_card_is_carried_to_other_pages_and_asked_on_its_own(open_link):
    card = OF_EACH_PAGE["compare"]
    app = open_link("timeline", link_to(card))
    assert headline(app) != card.question
    assert value(app, "card") == card.key
    assert headline(app.switch_page("pages/compare.py").run()) == card.question


def test_a_link_of_a_card_with_another_scenario_is_the_scenario_alone(open_link):
    app = opened_link("compare", f"card={OF_EACH_PAGE['compare'].key}&workers=9")
    assert headline(app) != OF_EACH_PAGE["compare"].question
    assert dict(app.query_params) == {"workers": "9"}
