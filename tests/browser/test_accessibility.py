"""axe-core over every page, in both themes: no serious violation."""

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
