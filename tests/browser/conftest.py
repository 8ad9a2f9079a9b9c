"""A running app and a real browser: Debian's chromium or Chrome, if one is installed."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile

import pytest
from playwright.sync_api import TimeoutError, expect, sync_playwright
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from core import simulate
from core.report import run as run_report
from tests.paths import ROOT

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""The first one that is installed is taken. The shell is Debian's Chromium without its windows, and quicker."""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BACKGROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 21, 19)"}
SIZE = {"width": 1366, "height": 900}
PATIENCE = 180_000  # ms; on a busy machine everything takes its time
expect.set_options(timeout=PATIENCE)
TWO_FRAMES = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"""
ASKS = """([path, query]) => {
    const pairs = [...new URLSearchParams(location.search)].sort((one, other) => one[0].localeCompare(other[0]));
    return location.pathname === path && JSON.stringify(pairs) === JSON.stringify(query);
}"""


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
    """The address of a fresh server on a free port of this machine; it may log no incident, even one soon gone."""
    with TemporaryFile() as log:
        with served_process(folder, log=log) as (address, _):
            yield address
        log.seek(0)
        logged = log.read().decode()
    assert "incident" not in logged, logged


@contextmanager
def served_process(folder=ROOT, start=("-m", "streamlit"), stdout=subprocess.PIPE, log=subprocess.DEVNULL):
    """The address of a fresh server, and its process; its standard output is a pipe."""
    port = free_port()
    command = [sys.executable, *start, "run", "streamlit_app.py", "--server.headless=true"]
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.fileWatcherType=none"]
    with subprocess.Popen(command + options, cwd=folder, stdout=stdout, stderr=log) as process:
        try:
            wait_for_start(process)
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()
            process.wait()  # before its output is closed: it says goodbye


def free_port():
    """A port that nothing uses, and below those that the system hands out, so that nobody takes it meanwhile."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for_start(process):
    """Read what a server prints until it says that it answers."""
    if not any(b"You can now view your Streamlit app" in line for line in process.stdout):
        raise RuntimeError("the server ended before it answered")


@pytest.fixture(scope="session")
def server(browser):
    """The address of a server that all journeys share."""
    with served() as address:
        yield address


@pytest.fixture(scope="session")
def visited():
    """The addresses of all servers that somebody has visited."""
    return set()


@pytest.fixture
def cold_server(server, visited):
    """The address of a server that nobody has visited yet: the shared one, as long as it is."""
    if server not in visited:
        yield server
    else:
        with served() as address:
            yield address


class Visit:
    """A page in a browser of its own: what a visitor does and sees."""

    def __init__(self, page, address):
        self.page, self.address, self.outside, self.errors = page, address, set(), []
        self.heard = {"request": self._note, "pageerror": self._regret, "websocket": self._connect}
        for event, listener in self.heard.items():
            page.on(event, listener)

    def _note(self, request):
        if not request.url.startswith((self.address, self.address.replace("http", "ws"), "data:", "blob:")):
            self.outside.add(request.url)

    def _regret(self, error):
        self.errors.append(str(error))

    def _connect(self, socket):
        self.socket = socket

    def leave(self):
        """Close the app, and forget all that it has stored."""
        for event, listener in self.heard.items():
            self.page.remove_listener(event, listener)
        if self.page.url.startswith("http"):
            self.page.evaluate("localStorage.clear(); sessionStorage.clear()")
        self.page.context.clear_cookies()
        self.page.goto("about:blank")

    def go(self, path):
        """Open an address of the app, or a whole link, and wait until its script has run."""
        self.page.goto(path if path.startswith("http") else self.address + path)
        expect(self.headline).to_be_visible()
        return self.at_rest()

    def at_rest(self):
        """Wait until the script runs no more; the browser may still be drawing what it made."""
        expect(self.page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
        return self

    @contextmanager
    def reruns(self, count):
        """Wait until the script has run so often because of what is done inside."""
        left = iter(range(count - 1, -1, -1))
        with self.socket.expect_event("framereceived", lambda frame: ended(frame) and next(left) == 0):
            yield
        self.at_rest()

    @property
    def main(self):
        """Everything but the sidebar."""
        return self.page.get_by_test_id("stMain")

    @property
    def headline(self):
        return self.main.locator("h2").first

    @property
    def figures(self):
        return self.page.get_by_test_id("stMetricValue")

    @property
    def charts(self):
        return self.page.get_by_test_id("stVegaLiteChart")

    def paint(self, scheme):
        """Change the theme, and wait until the page has it."""
        self.page.emulate_media(color_scheme=scheme)
        expect(self.page.get_by_test_id("stApp")).to_have_css("background-color", BACKGROUNDS[scheme])

    def drawn(self, charts):
        """Wait until so many charts are drawn and in sight; others may be folded away."""
        expect(self.charts.locator("svg.marks").locator("visible=true")).to_have_count(charts)

    def shows(self, scenario):
        """Wait until Timeline has the headline and the tiles of a scenario."""
        run = simulate(scenario)
        expect(self.headline).to_have_text(run_report.run_answer(run)[0])
        shown = [run_report.figure_text(name, getattr(run.metrics, name)) for name in run_report.HEADLINE]
        expect(self.figures).to_have_text(shown)

    def asks(self, path="/", **query):
        """Wait until the address is a page with this query, and nothing else in it."""
        lists = {key: value if isinstance(value, list) else [value] for key, value in query.items()}
        wanted = [[key, str(each)] for key in sorted(lists) for each in lists[key]]
        try:
            self.page.wait_for_function(ASKS, arg=[path, wanted])
        except TimeoutError:
            raise AssertionError(f"{self.page.url} never became {path} with {query}") from None

    def slide(self, key, presses):
        """Move a slider with the arrow keys, at most once in two frames.

        Streamlit's slider shows the value that it has reported in an effect that follows the frame; a press that comes
        before that, as no finger's does, is taken back.
        """
        slider = self.page.locator(f".st-key-{key} input[type=range]")
        for _ in range(abs(presses)):
            slider.press("ArrowRight" if presses > 0 else "ArrowLeft")
            self.page.evaluate(TWO_FRAMES)

    def pick(self, key, option):
        """Pick an option of a list: the mouse is over it first, which draws the list anew."""
        self.page.locator(f".st-key-{key}").get_by_role("combobox").click()
        found = self.page.get_by_role("option", name=option, exact=True)
        found.hover()
        found.click()

    def drop_times(self, folder, workers, slower_ms=0):
        """Upload a table of 30 steps; worker 1 takes longer."""
        rows = [
            f"{worker},{step},{100 + (worker == 1) * slower_ms + step % 7}"
            for step in range(30)
            for worker in range(workers)
        ]
        file = folder / "ours.csv"
        file.write_text("worker,step,compute_ms\n" + "\n".join(rows))
        uploader = self.page.get_by_test_id("stFileUploader").filter(has_text="Your run")  # and not that of failures
        uploader.locator("input[type=file]").set_input_files(str(file))


def ended(frame):
    """Whether a message of the server says that a run of the whole script has ended."""
    message = ForwardMsg()
    message.ParseFromString(frame)
    return message.HasField("script_finished") and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY


@pytest.fixture(scope="session")
def free_windows():
    """Windows of the browser that nobody uses: in a new one, loading the app takes most of a test's time."""
    return []


@pytest.fixture
def visit(browser, free_windows, visited):
    """A function that brings a visitor to an address, alone and without a past; nothing may leave the machine.

    Visitors ask for reduced motion: a page that fades in and pulses while it loads takes a sixth more to draw.
    """
    visitors = []

    def come(address, color_scheme="light"):
        visited.add(address)
        page = free_windows.pop() if free_windows else browser.new_page(viewport=SIZE, accept_downloads=True)
        page.context.set_default_timeout(PATIENCE)
        page.set_viewport_size(SIZE)
        page.emulate_media(color_scheme=color_scheme, media="screen", reduced_motion="reduce")
        page.mouse.move(0, 0)
        visitors.append(Visit(page, address))
        return visitors[-1]

    yield come
    for one in visitors:
        one.leave()
        free_windows.append(one.page)
    for one in visitors:
        assert one.outside == set()
        assert one.errors == []
