"""From starting the server to the first chart, beside a bare page: `python -m tests.benchmarks.cold_start`."""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, ROOT, installed_browser, served

BARE = """
import altair as alt, pandas as pd, streamlit as st
st.header("One chart")
st.altair_chart(alt.Chart(pd.DataFrame({"x": [1, 2], "y": [3, 4]})).mark_bar().encode(x="x:Q", y="y:Q"))
"""
CHART = '[data-testid="stVegaLiteChart"] :is(svg, canvas)'


def first_chart(browser, folder: Path) -> tuple[float, float]:
    """Seconds from starting a server to the first visitor's first chart, and for the second visitor of that server."""
    start = time.perf_counter()
    with served(folder) as address:
        times = []
        for _ in range(2):
            page = browser.new_page(viewport={"width": 1366, "height": 900})
            page.goto(address)
            page.wait_for_selector(CHART, timeout=60_000)
            times.append(time.perf_counter() - start)
            page.close()
            start = time.perf_counter()
    return times[0], times[1]


def main(rounds: int) -> None:
    """Both by turns, so that whatever else the machine does hits them alike."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        bare = Path(folder)
        (bare / "streamlit_app.py").write_text(BARE)
        browser = playwright.chromium.launch(executable_path=installed_browser(), args=ARGUMENTS)
        taken = {"bare page": [], "ours": []}
        for _ in range(rounds):
            for name, where in (("bare page", bare), ("ours", ROOT)):
                taken[name].append(first_chart(browser, where))
        browser.close()
    for what, which in (("a server's start to the first chart", 0), ("a second visitor's first chart", 1)):
        bare, ours = (statistics.median(times[which] for times in taken[name]) for name in ("bare page", "ours"))
        print(f"{what}: ours {ours:.2f} s, a bare page with one chart {bare:.2f} s, ratio {ours / bare:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 5)
