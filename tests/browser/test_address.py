"""What is in the address bar opens the same words and numbers: elsewhere, after a reload, by Back and by Forward."""

import random
import re

from playwright.sync_api import expect

from core import Asynchronous, Scenario, Synchronous, compare
from core.changes import what_changed
from core.presets.gallery import CARDS
from core.report.changes import change_in_words
from core.report.comparison import headline, paired_runs
from tests.browser.conftest import Visit

BOTH = [Synchronous(), Asynchronous()]


def words(me: Visit) -> list[str]:
    """The headline and the tiles, when the page is drawn."""
    me.at_rest()
    expect(me.headline).to_be_visible()
    return [me.headline.inner_text(), *me.figures.all_inner_texts()]


def show(me: Visit, said: list[str]) -> None:
    """Wait until the page says this."""
    expect(me.headline).to_have_text(said[0])
    expect(me.figures).to_have_text(said[1:])


def test_back_and_forward(visit, server):
    me = visit(server).go("/?workers=6")
    me.shows(Scenario(workers=6))
    me.slide("workers", 1)
    me.shows(Scenario(workers=7))
    me.asks(workers=7)
    me.page.get_by_role("link", name="Compare").click()
    on_compare = headline(compare(Scenario(workers=7), BOTH, 1000))
    expect(me.headline).to_have_text(on_compare)
    me.asks("/compare", workers=7)
    me.page.go_back()
    me.shows(Scenario(workers=7))
    me.page.go_back()
    me.shows(Scenario(workers=6))
    me.page.go_forward()
    me.shows(Scenario(workers=7))
    me.page.go_forward()
    expect(me.headline).to_have_text(on_compare)
    me.asks("/compare", workers=7)


def test_back_goes_to_the_axes_of_a_map_and_the_problem_of_learning(visit, server):
    me = visit(server).go("/map?ask=epoch&across=jitter&across_values=0,0.5&map_runs=2")
    on_map = words(me)
    me.page.get_by_role("link", name="Learning").click()
    expect(me.headline).to_contain_text("reaches")
    on_network = words(me)
    me.page.get_by_role("combobox", name="Problem").click()
    quadratic = me.page.get_by_role("option", name="quadratic")
    quadratic.hover()
    quadratic.click()
    expect(me.page).to_have_url(re.compile("problem=quadratic"))
    expect(me.headline).not_to_have_text(on_network[0])
    on_quadratic = words(me)
    me.page.get_by_role("link", name="Map").click()
    show(me, on_map)
    for url, said in (("/learning.*problem=quadratic", on_quadratic), ("/learning", on_network), ("/map", on_map)):
        me.page.go_back()
        expect(me.page).to_have_url(re.compile(url))
        show(me, said)
    me.asks("/map", ask="epoch", across="jitter", across_values="0,0.5", map_runs=2)


def test_a_move_right_before_a_click_on_a_link_is_not_lost(visit, server):
    me = visit(server).go("/?mode=sync")
    for workers, page in ((5, "Compare"), (6, "Timeline"), (7, "Compare"), (8, "Timeline")):
        me.slide("workers", 1)
        me.page.get_by_role("link", name=page, exact=True).click()
        if page == "Timeline":
            me.shows(Scenario(workers=workers))
        else:
            expect(me.figures).to_have_count(6)
        me.asks("/" if page == "Timeline" else "/compare", workers=workers)


def test_a_trace_that_is_lost_leaves_nothing_behind(visit, server, tmp_path):
    me = visit(server).go("/trace?seed=7")
    me.drop_times(tmp_path, workers=3)
    expect(me.main.get_by_text("3 workers (0 to 2)")).to_be_visible()
    me.page.get_by_role("button", name="Use as scenario").click()
    expect(me.page).to_have_url(re.compile("workers=3&.*times=trace"))
    me.page.get_by_role("link", name="Timeline").click()
    expect(me.headline).to_contain_text("3 workers")
    me.page.reload()
    me.shows(Scenario(seed=7))
    expect(me.page.get_by_test_id("stAlert")).to_contain_text("exists only in the session that uploaded it")
    me.asks(seed=7)


def test_a_scenario_is_pinned_and_the_change_against_it_survives_a_reload(visit, server):
    """From page to page, too, by Back and by Forward, and until it is let go of."""
    me = visit(server).go("/compare?replicates=20")
    me.page.get_by_role("button", name="Pin this scenario").click()
    me.asks("/compare", replicates=20, pin="workers 4")
    me.slide("workers", 1)
    box = me.page.locator(".st-key-pinned")
    control = paired_runs(Scenario(workers=5), BOTH)
    said = [change_in_words(each, control) for each in what_changed(Scenario(), Scenario(workers=5), BOTH, 20)]
    for reload in (True, False):
        for words in ("Against the pinned scenario: Number of workers 4 → 5", *said):
            expect(box).to_contain_text(words)
        expect(me.charts.first.get_by_text("pinned scenario", exact=True)).to_have_count(1)
        me.asks("/compare", replicates=20, pin="workers 4", workers=5)
        if reload:
            me.page.reload()
    me.page.get_by_role("link", name="Timeline", exact=True).click()
    expect(box).to_contain_text("as many mini-batches a second: ")
    me.page.get_by_role("button", name="Go back to the pinned one").click()
    me.shows(Scenario())
    expect(box).to_contain_text("This is the pinned scenario.")
    me.asks("/", replicates=20, pin="workers 4")
    me.page.go_back()
    me.shows(Scenario(workers=5))
    me.page.get_by_role("button", name="Unpin").click()
    expect(box).to_have_count(0)
    me.asks("/", replicates=20, workers=5)


def test_a_walk_over_controls_and_pages(visit, server):
    """Wherever it has come to, the address opens the same elsewhere."""
    dice, me, you = random.Random(3), visit(server).go("/?replicates=20&map_runs=2"), visit(server)
    pages = {"Timeline": "/", "Compare": "/compare", "Map": "/map", "Method": "/method"}
    for number in range(6):
        step = dice.choice(["page", "page", "slide", "card", "back", "press"])
        if "/method" in me.page.url:
            step = "page"  # it has no controls
        if step == "page":
            page = dice.choice(list(pages))
            me.page.get_by_role("link", name=page, exact=True).click()
            me.page.wait_for_function("path => location.pathname === path", arg=pages[page])
        elif step == "slide":
            me.slide("slow_workers", dice.choice([-3, -1, 1, 2]))
        elif step == "card":
            card = dice.choice(list(CARDS.values()))
            me.page.get_by_role("link", name="Gallery", exact=True).click()
            me.main.get_by_role("link", name=card.name, exact=True).click()
            expect(me.headline).to_have_text(card.question)
            me.main.get_by_role("button", name=dice.choice(card.guesses.texts), exact=True).click()
            expect(me.headline).not_to_have_text(card.question)
        elif step == "back" and me.page.evaluate("history.length") > 4:
            me.page.go_back()
            me.page.go_forward()
        else:
            with me.reruns(1):
                me.page.get_by_role("button", name="New seed").click()
        if number % 3 == 2:
            settled(me, you)


def settled(me: Visit, you: Visit) -> None:
    """Wait until the address of one opens for the other what the first one sees."""
    for _ in range(50):
        address, said = me.page.url, words(me)
        if (me.page.url, words(me)) != (address, said):
            continue  # a look costs little, opening the address elsewhere much
        you.go(address)
        if (me.page.url, words(me)) == (address, said):
            show(you, said)
            assert you.page.url == address
            return
    raise AssertionError(f"never at rest: {address}")
