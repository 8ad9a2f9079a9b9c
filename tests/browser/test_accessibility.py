"""What axe-core knows of; charts as tables and pictures; an order for the keyboard; phones."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

PAGES = {
    "/?mode=sync": ("Keep this run", 2),
    "/compare": ("Why, and how sure", 3),
    "/compare?card=shared-cloud&guess=1": ("Why, and how sure", 4),
    "/learning?problem=quadratic&train_seeds=2": ("Time to target", 2),
    "/trace": ("Worker by worker", 1),
    "/map?workers=4": ("Every cell", 1),
    "/map?ask=speedup&across=jitter&up=latency_ms&map_runs=5": ("Every cell", 1),
    "/method": ("figures agree with theory", 8),
}
"""Words far down on each page, and how many charts it has."""
OPENED_ON_A_PHONE = "/compare"
PHONE = {"width": 390, "height": 844}
TOUCHED = 44  # px, what a finger hits
BROKEN = '[data-testid="stException"], [data-testid="stAlertContentError"]'
MOVING = "document.getAnimations().some(animation => animation.playState === 'running')"


def whole(me, path):
    """Open a page and wait until all of it is there."""
    me.go(path)
    still(me, path)


def still(me, path):
    """Wait until all of a page is there, and nothing moves or fades."""
    words, charts = PAGES[path]
    expect(me.main.get_by_text(words).first).to_be_visible()
    if "learning" in path:
        unfolded(me.main.locator("details", has_text="Crosses: rates"))
    me.at_rest().drawn(charts)
    me.page.wait_for_function(f"!({MOVING})")


def unfolded(details):
    """Open an expander, if it is not."""
    if details.get_attribute("open") is None:
        details.locator("summary").click()


def serious(me, options):
    """What axe-core finds, as far as it is serious."""
    found = Axe().run(me.page, options=options | {"resultTypes": ["violations"]}).response["violations"]
    return [
        (rule["id"], node["html"][:200], node["failureSummary"][:200])
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("path", [path for path in PAGES if path != OPENED_ON_A_PHONE])
def test_a_page_is_for_everybody(visit, server, path):
    """No serious violation in either theme; no scrolling sideways on a phone; charts as tables and as pictures."""
    me = visit(server)
    whole(me, path)
    assert serious(me, {}) == []
    me.paint("dark")
    still(me, path)
    assert serious(me, {"runOnly": {"type": "rule", "values": ["color-contrast"]}}) == []
    _, charts = PAGES[path]
    expect(me.page.get_by_role("button", name="Download as PNG")).to_have_count(charts)
    tables = me.page.get_by_role("button", name="Show data")
    expect(tables).to_have_count(charts)
    tables.first.focus()
    me.page.keyboard.press("Enter")
    me.drawn(charts - 1)
    expect(me.page.get_by_test_id("stDataFrame").first).to_be_visible()
    me.page.set_viewport_size(PHONE)
    me.page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    expect(me.page.locator(BROKEN)).to_have_count(0)


def test_the_keyboard_goes_through_the_page_in_order(visit, server):
    """Past the controls in one step, or through them from above, then the pages, then the answer."""
    me = visit(server)
    whole(me, "/?mode=sync")
    for key in ("workers", "latency_ms"):
        expect(me.page.locator(f".st-key-{key} input[type=range]")).to_be_visible()  # drawn when its code has come
    name = "(e => e.getAttribute('aria-label') || e.innerText)(document.activeElement)"
    reached = []
    for _ in range(60):
        me.page.keyboard.press("Tab")
        reached.append(me.page.evaluate(name).strip().replace("\n", " "))
    assert reached[0] == "Skip to main content"
    order = ("Number of workers", "Network latency (ms)", "More", "Compare", "Show data")
    places = [
        next(i for i, each in enumerate(reached) if each.endswith(stop) or each.startswith(stop)) for stop in order
    ]
    assert places == sorted(places)


def test_opened_on_a_phone(visit, server):
    """All pages in reach, the result in sight, and from the controls ways back to it; one scrolls along."""
    me = visit(server, color_scheme="dark")
    me.page.set_viewport_size(PHONE)
    whole(me, OPENED_ON_A_PHONE)
    me.page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    expect(me.page.locator(BROKEN)).to_have_count(0)
    assert serious(me, {}) == []
    links = me.page.locator(".st-key-menu a")
    expect(links).to_have_count(7)
    for link in links.all():
        expect(link).to_be_in_viewport(ratio=1)
        assert link.bounding_box()["height"] >= TOUCHED
    sidebar = me.page.get_by_test_id("stSidebarContent")
    expect(sidebar).not_to_be_in_viewport()
    me.page.get_by_test_id("stExpandSidebarButton").click()
    expect(sidebar).to_be_in_viewport()
    sidebar.evaluate("content => content.scrollTo(0, content.scrollHeight)")
    back = me.page.get_by_test_id("stSidebarCollapseButton").get_by_role("button")
    expect(back).to_be_in_viewport(ratio=1)
    back.click()
    expect(sidebar).not_to_be_in_viewport()
    me.page.get_by_test_id("stExpandSidebarButton").click()
    me.page.get_by_role("button", name="Our cluster in four questions").click()
    me.page.get_by_role("button", name="Show the answer").click()
    expect(sidebar).not_to_be_in_viewport()
    me.page.get_by_test_id("stExpandSidebarButton").click()
    expect(sidebar).to_be_in_viewport()
    me.page.locator(".st-key-menu a", has_text="Your trace").click(position={"x": 60, "y": 10})  # beside the controls
    expect(me.page).to_have_url(re.compile("/trace"))
    expect(sidebar).not_to_be_in_viewport()
