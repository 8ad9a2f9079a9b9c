"""No serious violation that axe-core knows; charts as tables and pictures; an order for the keyboard."""

import pytest
from axe_playwright_python.sync_playwright import Axe

PAGES = {
    "/": "Keep this run",
    "/compare": "Epoch time, run by run",
    "/compare?policies=sync&policies=async&policies=backup+3": "Finishing order",
    "/learning?problem=quadratic&train_seeds=2": "Time to target",
    "/trace": "Take it with you",
    "/map": "Every cell",
    "/map?ask=speedup&across=jitter&up=latency_ms&map_runs=5": "Every cell",
    "/method": "figures agree with theory",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_no_serious_violation(visit, server, path, theme):
    me = visit(server, color_scheme=theme).go(path)
    me.page.wait_for_selector(f"text={PAGES[path]}", timeout=60_000)
    me.settle()
    found = Axe().run(me.page).response["violations"]
    serious = [
        (rule["id"], node["html"][:200], node["failureSummary"][:200])
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
    assert serious == []


@pytest.mark.parametrize("path", ["/", "/compare", "/learning?problem=quadratic&train_seeds=2", "/trace"])
def test_every_chart_is_a_table_and_a_picture_a_click_away(visit, server, path):
    me = visit(server).go(path)
    me.page.wait_for_selector(f"text={PAGES[path]}", timeout=60_000)
    me.settle()
    charts = me.page.locator('[data-testid="stVegaLiteChart"]').count()
    tables = me.page.get_by_role("button", name="Show data")
    assert charts == tables.count() == me.page.get_by_role("button", name="Download as PNG").count() > 0
    tables.first.focus()
    me.page.keyboard.press("Enter")
    me.page.wait_for_selector('[data-testid="stDataFrame"], [data-testid="stFullScreenFrame"] canvas')


def test_the_keyboard_goes_through_the_page_in_order(visit, server):
    """Past the controls in one step, or through them from above, then the pages, then the answer."""
    me = visit(server).go("/")
    name = "(e => e.getAttribute('aria-label') || e.innerText)(document.activeElement)"
    reached = []
    for _ in range(60):
        me.page.keyboard.press("Tab")
        reached.append(me.page.evaluate(name).strip().replace("\n", " "))
    assert reached[0] == "Skip to main content"
    order = ("Number of Workers", "Network Latency (ms)", "Number of Batches per Epoch", "Compare", "Show data")
    places = [
        next(i for i, each in enumerate(reached) if each.endswith(stop) or each.startswith(stop)) for stop in order
    ]
    assert places == sorted(places)
