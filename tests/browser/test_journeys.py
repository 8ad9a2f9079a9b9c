"""What people do: open, move, share, compare, keep, download."""

import csv
import json
from urllib.parse import parse_qs, urlsplit

from core import Asynchronous, Scenario, compare, simulate
from core.comparison import headline
from core.presets import LESSONS
from core.report import figure_text

CHART = '[data-testid="stVegaLiteChart"]'


def test_first_chart(visit, server):
    me = visit(server).go("/")
    assert me.headline.startswith("4 workers finish an epoch in")
    chart = me.page.locator(CHART).first
    assert chart.locator("svg, canvas").count()
    for label in ("W0", "W3", "compute", "wait", "comm", "Worker"):
        assert chart.get_by_text(label, exact=True).count() == 1, label
    box = chart.bounding_box()
    assert box["y"] + box["height"] < 900  # seen without scrolling


def test_a_slider_moves_numbers_and_url(visit, server):
    me = visit(server).go("/")
    before = me.figures
    me.slide("workers", 2)
    assert me.figures != before
    assert me.headline.startswith("6 workers")
    assert parse_qs(urlsplit(me.page.url).query) == {"workers": ["6"]}
    assert me.figures[0] == figure_text("epoch_ms", simulate(Scenario(workers=6)).metrics.epoch_ms)


def test_numbers_are_typed_where_a_slider_ends(visit, server):
    me = visit(server).go("/?batches=3")
    me.page.locator(".st-key-typing label").first.click()
    me.settle()
    field = me.page.locator(".st-key-workers input[type=number]")
    field.fill("500")
    field.press("Enter")
    me.page.wait_for_selector("text=500 workers finish")
    assert parse_qs(urlsplit(me.page.url).query) == {"batches": ["3"], "workers": ["500"]}
    me.settle()
    you = visit(server).go(me.page.url)
    assert you.headline == me.headline
    you.page.wait_for_function("document.querySelector('.st-key-workers input[type=number]')?.value === '500'")
    you.page.locator(".st-key-typing label").first.click()
    you.page.wait_for_selector("text=64 workers finish")
    you.page.wait_for_url("**workers=64*")
    assert parse_qs(urlsplit(you.page.url).query) == {"batches": ["3"], "workers": ["64"]}
    you.slide("workers", -1)
    assert you.headline.startswith("63 workers")
    assert you.page.locator(".st-key-batches input[type=range]").input_value() == "3"


def test_a_link_shows_the_same_numbers_elsewhere(visit, server):
    me = visit(server).go("/")
    me.slide("workers", 3)
    me.page.locator(".st-key-mode").get_by_text("async", exact=True).click()
    me.page.wait_for_url("**mode=async**")
    me.settle()
    you = visit(server).go(me.page.url)
    assert (you.headline, you.figures) == (me.headline, me.figures)
    me.page.get_by_text("Copy link").click()
    copied = me.page.locator('[data-testid="stPopoverBody"] code').inner_text()
    third = visit(server).go(copied)
    assert (third.headline, third.figures) == (me.headline, me.figures)


def test_compare(visit, server):
    me = visit(server).go("/?workers=6")
    me.page.get_by_role("link", name="Compare").click()
    me.page.wait_for_selector("text=Speed-up of asynchronous")
    me.settle()
    assert "faster" in me.headline
    assert len(me.figures) == 6
    assert me.page.locator(CHART).count() == 4
    me.page.wait_for_url("**/compare?*workers=6*")
    me.page.get_by_role("link", name="Timeline").click()
    me.page.wait_for_selector("text=Keep this run")
    assert me.settle().headline.startswith("6 workers")


def test_a_deep_link_wakes_a_cold_server(visit, cold_server):
    me = visit(cold_server).go("/compare?workers=6&jitter=oops")
    assert "faster" in me.headline
    assert me.page.locator('[data-testid="stSlider"]').count() >= 5
    assert me.page.get_by_text("Page not found").count() == 0
    assert me.page.locator('[data-testid="stAlert"]').inner_text().find("jitter") > 0


def test_quick_moves_are_not_lost(visit, cold_server):
    """Not the first ones of a server, and not those that interrupt a run."""
    for presses in (2, 3, 5):
        me = visit(cold_server).go("/").slide("workers", presses)
        assert me.headline.startswith(f"{4 + presses} workers")


def test_presets(visit, server):
    me = visit(server).go("/")
    me.page.get_by_role("button", name="Presets").click()
    me.page.get_by_text("Slow network", exact=True).click()
    me.page.wait_for_url("**latency_ms=500**")
    me.settle()
    assert me.headline.startswith("8 workers")
    me.page.get_by_role("button", name="Reset", exact=True).click()
    me.page.wait_for_function("!location.search")
    assert me.settle().headline.startswith("4 workers")


def test_a_lesson_asks_first_and_answers_on_a_click(visit, server):
    me = visit(server).go("/")
    me.page.get_by_role("button", name="Lessons").click()
    me.page.get_by_text("Backups with hiccups", exact=True).click()
    me.page.wait_for_url("**hiccup_probability=0.01**")
    me.settle()
    sidebar = me.page.locator('[data-testid="stSidebar"]')
    assert sidebar.get_by_text("do backups pay now?").is_visible()
    assert not sidebar.get_by_text("A hiccup is cancelled").is_visible()
    sidebar.get_by_text("Show the answer").click()
    assert sidebar.get_by_text("A hiccup is cancelled").is_visible()
    sidebar.get_by_text("See it on Compare").click()
    me.page.wait_for_selector("text=Finishing order")
    me.settle()
    lesson = next(lesson for lesson in LESSONS if lesson.name == "Backups with hiccups")
    assert me.headline == headline(compare(lesson.scenario, lesson.policies, 1000))
    assert me.page.locator(CHART).count() == 5
    you = visit(server).go(me.page.url)
    assert you.headline == me.headline


def test_policies_are_picked_and_typed(visit, server):
    me = visit(server).go("/compare")
    picker = me.page.locator(".st-key-policies")
    picker.locator("input").click()
    me.page.get_by_role("option", name="rebalanced").click()
    me.page.wait_for_selector("text=The same draws under each policy")
    me.settle()
    picker.locator("input").fill("ssp 5")
    picker.locator("input").press("Enter")
    me.page.wait_for_selector("text=Stale synchronous (bound 5)")
    me.settle()
    asked = parse_qs(urlsplit(me.page.url).query)["policies"]
    assert asked == ["sync", "async", "rebalanced", "ssp 5"]


def test_a_cell_of_a_map_opens_elsewhere(visit, server):
    me = visit(server).go("/map?ask=speedup&across=jitter&up=latency_ms&map_runs=10")
    assert "faster than synchronous in" in me.headline
    me.page.locator(CHART).scroll_into_view_if_needed()
    box = me.page.locator(CHART).bounding_box()
    me.page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
    me.page.get_by_role("button", name="Use as scenario").click()
    me.page.locator('[data-testid="stMain"]').get_by_text("See it on Compare").click()
    me.page.wait_for_selector("text=Epoch time, run by run")
    me.settle()
    asked = parse_qs(urlsplit(me.page.url).query)
    assert {"jitter", "latency_ms"} & asked.keys()
    assert "ask" not in asked
    assert "finishes the epoch" in me.headline


def test_learning_shows_who_is_first(visit, server):
    me = visit(server).go("/learning?problem=quadratic&train_seeds=3")
    me.page.wait_for_selector("text=Time to target")
    me.settle()
    assert "a loss of" in me.headline
    assert me.page.locator(CHART).count() == 2
    me.page.get_by_text("samples processed", exact=True).click()
    me.page.wait_for_selector("text=Samples processed")


def test_a_trace_is_dropped_and_used(visit, server, tmp_path):
    rows = [f"{worker},{step},{100 + (worker == 1) * 80 + step % 7}" for step in range(30) for worker in range(4)]
    file = tmp_path / "ours.csv"
    file.write_text("worker,step,compute_ms\n" + "\n".join(rows))
    me = visit(server).go("/trace")
    me.page.locator('[data-testid="stFileUploader"] input[type=file]').set_input_files(str(file))
    me.page.wait_for_selector("text=it is always worker 1")
    me.settle()
    me.page.get_by_role("button", name="Use as scenario").click()
    me.page.wait_for_selector("text=Stop using the trace")
    me.settle()
    events = json.loads(download(me, "Measured (Perfetto)").read_text())["traceEvents"]
    assert len([event for event in events if event["ph"] == "X" and event["name"] == "compute"]) == 120
    me.page.get_by_role("link", name="Compare").click()
    me.page.wait_for_selector("text=Epoch time, run by run")
    assert "take the same time" in me.settle().headline or "finishes the epoch" in me.headline


def test_method_checks_itself(visit, server):
    me = visit(server).go("/method")
    me.page.wait_for_selector("text=figures agree with theory", timeout=120_000)
    assert me.page.locator(CHART).count() == 8


def test_keep_a_run(visit, server):
    me = visit(server).go("/")
    me.page.get_by_role("button", name="Keep this run").click()
    me.page.wait_for_selector('[data-testid="stDataFrame"]')
    me.slide("workers", 1)
    me.page.get_by_role("button", name="Keep this run").click()
    me.page.wait_for_timeout(1000)
    rows = list(csv.DictReader(download(me, "Kept runs (CSV)").read_text().splitlines()))
    assert [row["workers"] for row in rows] == ["4", "5"]
    again = visit(server).go(rows[1]["link"])
    assert again.headline.startswith("5 workers")
    me.page.get_by_role("button", name="Clear kept runs").click()
    me.page.wait_for_selector('[data-testid="stDataFrame"]', state="detached")


def test_downloads_open(visit, server):
    me = visit(server).go("/?mode=async")
    segments = simulate(Scenario(policy=Asynchronous())).segments()
    rows = list(csv.DictReader(download(me, "Segments (CSV)").read_text().splitlines()))
    assert len(rows) == len(segments)
    assert float(rows[-1]["end_ms"]) == segments["end_ms"].iloc[-1]
    events = json.loads(download(me, "Trace (JSON)").read_text())["traceEvents"]
    assert len([event for event in events if event["ph"] == "X"]) == len(segments)
    me.go("/compare?replicates=20")
    me.page.get_by_text("All metrics").click()
    assert len(list(csv.DictReader(download(me, "Every run (CSV)").read_text().splitlines()))) == 40


def test_the_legend_filters_and_the_wheel_zooms(visit, server):
    me = visit(server).go("/")
    chart = me.page.locator(CHART).first
    faint = "path[opacity='0.06']"
    assert chart.locator(faint).count() == 0
    chart.get_by_text("wait", exact=True).click()
    me.page.wait_for_timeout(500)
    assert chart.locator(faint).count() == 80  # 40 compute and 40 comm blocks
    ticks = chart.locator(".role-axis-label text").all_inner_texts()
    box = chart.bounding_box()
    me.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    me.page.keyboard.down("Shift")
    me.page.mouse.wheel(0, -400)
    me.page.keyboard.up("Shift")
    me.page.wait_for_timeout(800)
    assert chart.locator(".role-axis-label text").all_inner_texts() != ticks


def test_presenter_view_shows_the_answer_alone(visit, server):
    me = visit(server).go("/compare?present=true&embed=true")
    assert "finishes the epoch" in me.headline
    assert len(me.figures) == 6
    main = me.page.locator('[data-testid="stMain"]')
    assert main.locator(CHART).first.is_visible()
    assert not main.get_by_text("All metrics").is_visible()
    assert not main.get_by_text("nearly free").is_visible()
    assert me.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_printed_page_is_whole(visit, server):
    me = visit(server).go("/compare")
    me.page.emulate_media(media="print")
    me.page.wait_for_timeout(500)
    clipped = "e => e.scrollHeight - e.clientHeight"
    assert me.page.locator('[data-testid="stMain"]').evaluate(clipped) <= 1
    assert not me.page.locator('[data-testid="stSidebar"]').is_visible()
    bottom = me.page.get_by_text("for 2,000 simulated epochs").bounding_box()
    assert bottom["y"] < me.page.evaluate("document.documentElement.scrollHeight")


def test_phone_and_dark(visit, server):
    for path in ("/", "/compare", "/learning?problem=quadratic", "/trace", "/map", "/method"):
        me = visit(server, color_scheme="dark")
        me.page.set_viewport_size({"width": 390, "height": 844})
        me.go(path)
        assert me.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert me.page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]').count() == 0


def download(me, name):
    """The file that a button downloads."""
    with me.page.expect_download() as caught:
        me.page.get_by_role("button", name=name).click()
    return caught.value.path()
