"""A running app and a real browser: Debian's chromium or Chrome, if one is installed."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FIGURES = "[...document.querySelectorAll('[data-testid=stMetricValue]')].map(e => e.innerText).join()"


@pytest.fixture(scope="session")
def browser():
    """A headless browser; without one the tests skip, but in CI they fail."""
    path = installed_browser()
    if path is None:
        message = f"no browser found (looked for {', '.join(BROWSERS)})"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


def installed_browser():
    """The path of the first browser that is installed, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def served(folder=ROOT):
    """The address of a fresh server on a free port of this machine."""
    with served_process(folder) as (address, _):
        yield address


@contextmanager
def served_process(folder=ROOT, start=("-m", "streamlit"), stdout=subprocess.DEVNULL):
    """The address of a fresh server, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, *start, "run", "streamlit_app.py", "--server.headless=true"]
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.fileWatcherType=none"]
    process = subprocess.Popen(command + options, cwd=folder, stdout=stdout, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/_stcore/health")
        yield address, process
    finally:
        process.terminate()
        process.wait()


def wait_for(address, seconds=60):
    """Return as soon as something answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(address, timeout=1)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.fixture
def cold_server(browser):
    """The address of a server that nobody has visited yet."""
    with served() as address:
        yield address


@pytest.fixture(scope="session")
def server(browser):
    """The address of a server that all journeys share."""
    with served() as address:
        yield address


class Visit:
    """A page in a browser of its own: what a visitor does and sees."""

    def __init__(self, page, address):
        self.page, self.address, self.outside, self.errors = page, address, set(), []
        page.on("request", self._note)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _note(self, request):
        if not request.url.startswith((self.address, self.address.replace("http", "ws"), "data:", "blob:")):
            self.outside.add(request.url)

    def go(self, path):
        """Open an address of the app, or a whole link."""
        self.page.goto(path if path.startswith("http") else self.address + path)
        return self.settle()

    def settle(self):
        """Wait until the script has run."""
        self.page.wait_for_selector('[data-testid="stMain"] h2', timeout=60_000)
        for _ in range(2):  # one run may call for another
            self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)
            self.page.wait_for_timeout(300)
        return self

    @property
    def headline(self):
        return self.page.locator('[data-testid="stMain"] h2').first.inner_text()

    @property
    def figures(self):
        self.page.wait_for_selector('[data-testid="stMetricValue"]', timeout=60_000)
        return self.page.locator('[data-testid="stMetricValue"]').all_inner_texts()

    def slide(self, key, presses):
        """Move a slider with the arrow keys."""
        slider = self.page.locator(f".st-key-{key} input[type=range]")
        slider.focus()
        before = self.page.evaluate(FIGURES)
        for _ in range(abs(presses)):
            slider.press("ArrowRight" if presses > 0 else "ArrowLeft")
        self.page.wait_for_timeout(300)
        self.page.wait_for_function(f"before => {FIGURES} !== before", arg=before)
        return self.settle()


@pytest.fixture
def visit(browser):
    """A function that opens a new browser at an address; afterwards, nothing may have left the machine."""
    opened = []

    def open_at(address, **options):
        context = browser.new_context(viewport={"width": 1366, "height": 900}, accept_downloads=True, **options)
        opened.append(Visit(context.new_page(), address))
        return opened[-1]

    yield open_at
    for one in opened:
        assert one.outside == set()
        assert one.errors == []
        one.page.context.close()
