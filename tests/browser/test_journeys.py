"""What people do: open, move, share, compare, keep, download."""

import csv
import json
import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from core import Asynchronous, FlatLatency, Rebalanced, Scenario, Stragglers, Synchronous, compare, simulate
from core.learning.experiment import learn
from core.learning.quadratic import NoisyQuadratic
from core.links import FRESH, link_values, scenario_of
from core.presets.gallery import CARDS
from core.report.comparison import headline
from core.report.learning import headline as headline_of_learning
from tests.browser.conftest import BACKGROUNDS

BOTH = [Synchronous(), Asynchronous()]
MAP_OF_CELLS = {key: FRESH[key] for key in ("ask", "across", "up", "up_values")}
"""What an address says of the map that Map opens with, where it says anything else."""
FITS = """[...document.querySelectorAll('svg.marks, canvas, [data-testid=stDataFrame], h2, h3')]
    .every(each => !each.checkVisibility() || each.getBoundingClientRect().right <= innerWidth)
    && document.documentElement.scrollWidth <= innerWidth"""
LETTERS = "parseFloat(getComputedStyle(document.documentElement).fontSize)"
EMPTY_HEADINGS = """() => {
    const all = [...document.querySelectorAll('.stMain .stElementContainer')].filter(e => e.checkVisibility());
    const bare = (each, next) => each.querySelector('h3') && (!next || next.querySelector('h3'));
    return all.filter((each, place) => bare(each, all[place + 1])).map(each => each.innerText);
}"""


def test_a_deep_link_wakes_a_cold_server_and_its_first_moves_are_not_lost(visit, cold_server):
    """Nor those that interrupt a run. First of all, while nobody has visited the server that all share."""
    me = visit(cold_server).go("/compare?workers=6&jitter=oops")
    expect(me.headline).to_have_text(headline(compare(Scenario(workers=6), BOTH, 1000)))
    expect(me.page.get_by_test_id("stSlider").nth(3)).to_be_attached()
    expect(me.page.get_by_test_id("stAlert")).to_contain_text("jitter")
    expect(me.page.get_by_text("Page not found")).to_have_count(0)
    me.slide("workers", 5)
    expect(me.headline).to_have_text(headline(compare(Scenario(workers=11), BOTH, 1000)))


def test_the_first_chart_its_legend_filters_and_the_wheel_zooms(visit, server):
    me = visit(server).go("/?mode=sync")
    me.shows(Scenario())
    chart = me.charts.first
    for label in ("W0", "W3", "compute", "wait", "comm", "Worker"):
        expect(chart.get_by_text(label, exact=True)).to_have_count(1)
    expect(chart).to_be_in_viewport(ratio=1)  # seen without scrolling
    me.drawn(2)
    faint = me.charts.first.locator("path[opacity='0.06']")
    expect(faint).to_have_count(0)
    chart.get_by_text("wait", exact=True).click()
    expect(faint).to_have_count(80)  # 40 compute and 40 comm blocks
    ticks = chart.locator(".role-axis-label text")
    before = ticks.all_text_contents()
    box = chart.bounding_box()
    me.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    me.page.keyboard.down("Shift")
    me.page.mouse.wheel(0, -400)
    me.page.keyboard.up("Shift")
    expect(ticks).not_to_have_text(before)


def test_numbers_are_typed_where_a_slider_ends(visit, server):
    me = visit(server).go("/?batches=3")
    with me.reruns(1):
        me.page.locator(".st-key-typing label").first.click()
    me.page.get_by_test_id("stSidebar").get_by_text("More · 1 changed").click()
    field = me.page.locator(".st-key-workers input[type=number]")
    for typed in ("1e9", "3.7"):
        field.fill(typed)
        field.press("Enter")
        said = me.page.get_by_test_id("stSidebar").get_by_test_id("stAlert")
        expect(said).to_contain_text(f"{float(typed):.15g} is not a whole number from 1 to 4,096. It stays at 4.")
    field.fill("500")
    field.press("Enter")
    expect(said).to_have_count(0)
    me.shows(Scenario(workers=500, batches=3))
    me.asks(batches=3, workers=500)
    you = visit(server).go(me.page.url)
    you.shows(Scenario(workers=500, batches=3))
    expect(you.page.locator(".st-key-workers input[type=number]")).to_have_value("500")
    you.slide("slow_workers", 1)
    you.shows(Scenario(workers=500, batches=3, stragglers=Stragglers(slow_workers=1)))


def test_a_link_shows_the_same_numbers_elsewhere(visit, server):
    me, scenario = visit(server).go("/?mode=sync"), Scenario(workers=7, policy=Asynchronous())
    me.slide("workers", 3)
    me.shows(Scenario(workers=7))
    me.pick("mode", "Asynchronous")
    me.shows(scenario)
    me.asks(workers=7, mode="async")
    me.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    me.page.get_by_role("button", name="Copy link").click()
    expect(me.page.get_by_text("Copied. It opens the same numbers on any machine.")).to_be_visible()
    link = me.page.evaluate("navigator.clipboard.readText()")
    assert re.search("workers=7&.*mode=async", link)
    visit(server).go(link).shows(scenario)


def test_compare_on_the_screen_and_on_paper(visit, server):
    me = visit(server).go("/?workers=6")
    me.shows(Scenario(workers=6))
    me.page.get_by_role("link", name="Compare").click()
    expect(me.headline).to_have_text(headline(compare(Scenario(workers=6), BOTH, 1000)))
    expect(me.charts.nth(1).get_by_text("2.0", exact=False).first).to_be_attached()
    expect(me.figures).to_have_count(6)
    me.drawn(3)
    me.main.get_by_role("button", name="Play the race").click()
    me.main.get_by_role("button", name="Pause the race").click()
    me.main.get_by_text("How single runs differ").click()
    expect(me.main.get_by_text("Speed-up of asynchronous").first).to_be_visible()
    me.drawn(5)
    me.asks("/compare", workers=6)
    printed_whole(me)
    me.page.get_by_role("link", name="Timeline").click()
    me.shows(Scenario(workers=6))


def printed_whole(me):
    """On paper there are no controls, and nothing is cut off."""
    me.page.emulate_media(media="print")
    expect(me.page.get_by_test_id("stSidebar")).to_be_hidden()
    clipped = "document.querySelector('[data-testid=stMain]')"
    me.page.wait_for_function(f"{clipped}.scrollHeight - {clipped}.clientHeight <= 1")
    bottom = me.page.get_by_text("for 2,000 simulated epochs").bounding_box()
    assert bottom["y"] < me.page.evaluate("document.documentElement.scrollHeight")
    me.page.emulate_media(media="screen")


BACK_AND_A_LATE_RUN = """() => new Promise(done => {
    const script = [...document.scripts].find(script => script.textContent.includes("replaceState")).textContent;
    const late = script.replace(/"[0-9a-f]{32}"/, '"late"');
    addEventListener("popstate", () => { (0, eval)(late); done(location.search); }, {once: true});
    history.back();
})"""
"""Go back, and have the end of a run from before arrive right after that; the query of the address then."""


def test_a_card_of_the_gallery_asks_first_and_answers_on_a_guess(visit, server):
    """In presenter view and by keyboard; reloaded, by Back and by Forward it asks or answers as it did."""
    card = CARDS["backups-hiccups"]
    me = visit(server).go("/?present=true")
    me.page.get_by_role("link", name="Gallery").press("Enter")
    me.main.get_by_role("link", name=card.name).press("Enter")
    expect(me.headline).to_have_text(card.question)
    expect(me.page).to_have_url(re.compile("/compare.*card=backups-hiccups"))
    expect(me.charts).to_have_count(0)
    expect(me.main.get_by_text(card.why[:40])).to_have_count(0)
    me.main.get_by_role("button", name="10 to 25 %").press("Enter")
    title, told = headline(compare(card.scenario, card.policies, 1000)), me.main.get_by_test_id("stAlert")
    for back in (lambda: None, me.page.reload, lambda: (me.page.go_back(), me.page.go_forward())):
        back()
        expect(me.headline).to_have_text(title)
        expect(told).to_contain_text("Not quite. The answer is Over 25 %. Compared with waiting for all")
        expect(me.page).to_have_url(re.compile("guess=2"))
    me.drawn(4)
    assert "guess" not in me.page.evaluate(BACK_AND_A_LATE_RUN)
    expect(me.headline).to_have_text(card.question)
    expect(told).to_have_count(0)


def test_policies_are_picked_and_typed(visit, server):
    me = visit(server).go("/compare")
    picker = me.page.locator(".st-key-policies")
    picker.locator("input").click()
    rebalanced = me.page.get_by_role("option", name="Rebalanced")
    rebalanced.hover()  # which draws the list anew: a press in the same instant would be lost, and the list stay open
    rebalanced.click()
    expect(me.headline).to_have_text(headline(compare(Scenario(), [*BOTH, Rebalanced()], 1000)))
    expect(me.main.get_by_text("The same draws under each policy")).to_be_visible()
    me.at_rest()
    picker.locator("input").fill("ssp 5")
    picker.locator("input").press("Enter")
    expect(me.main.get_by_text("Stale synchronous (bound 5)").first).to_be_visible()
    me.asks("/compare", policies=["sync", "async", "rebalanced", "ssp 5"])
    expect(picker.get_by_text("Stale synchronous (bound 5)")).to_be_attached()
    me.page.keyboard.press("Escape")  # which closes the list
    me.page.get_by_role("button", name="Add a policy").click()
    me.page.get_by_test_id("stPopoverBody").get_by_role("button", name="Add").click()
    me.asks("/compare", policies=["sync", "async", "rebalanced", "ssp 5", "ssp 1"])


def test_a_cell_of_a_map_opens_in_compare(visit, server):
    """Picked by a click, marked, and opened by another, all of it in sight; Back leads to the map as it was."""
    me = visit(server).go("/map")
    expect(me.headline).to_contain_text("Asynchronous is faster than synchronous with bandwidth above 10–100 Gb/s")
    me.drawn(1)
    expect(me.charts.first).to_be_in_viewport(ratio=1)
    box = me.charts.bounding_box()
    me.charts.hover()  # brings up its buttons, which may not cover the controls above
    toolbar = me.page.get_by_test_id("stElementToolbar").first
    expect(toolbar).to_have_css("opacity", "1")
    assert toolbar.bounding_box()["y"] >= box["y"]
    me.page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
    expect(me.charts.locator("path[stroke='black']")).to_have_count(1)  # the outline
    link = me.main.get_by_role("link", name="Open in Compare")
    expect(link).to_be_in_viewport(ratio=1)
    link.click()
    expect(me.headline).not_to_contain_text("cells")
    expect(me.page).to_have_url(re.compile(r"/compare\?.*network=ring"))
    me.page.go_back()
    expect(link).to_be_visible()
    me.asks("/map", **MAP_OF_CELLS, cell=parse_qs(urlsplit(me.page.url).query)["cell"][0])


def test_learning_shows_who_is_first(visit, server):
    me = visit(server).go("/learning?problem=quadratic&train_seeds=3")
    expect(me.headline).to_have_text(headline_of_learning(learn(Scenario(), BOTH, NoisyQuadratic(), seeds=3)))
    curves = me.charts.first
    expect(curves.get_by_text("Time (s)", exact=True)).to_be_visible()
    expect(curves.get_by_text("target: ")).to_be_visible()
    expect(curves).to_be_in_viewport(ratio=1)
    me.page.get_by_text("samples processed", exact=True).click()
    expect(curves.get_by_text("Samples processed", exact=True)).to_be_visible()
    me.page.get_by_text("Learning rates", exact=True).click()
    me.drawn(2)


def test_a_trace_is_dropped_and_used(visit, server, tmp_path):
    me = visit(server).go("/trace")
    me.drop_times(tmp_path, workers=4, slower_ms=80)
    expect(me.headline).to_contain_text("it is always worker 1")
    me.page.get_by_role("button", name="Use as scenario").click()
    expect(me.page.get_by_text("Stop using it as scenario")).to_be_visible()
    me.main.get_by_text("Export", exact=True).click()
    events = json.loads(download(me, "Measured (Perfetto)").read_text())["traceEvents"]
    assert len([event for event in events if event["ph"] == "X" and event["name"] == "compute"]) == 120
    me.page.get_by_role("link", name="Compare").click()
    expect(me.headline).to_have_text(re.compile("take the same time|finishes the epoch"))
    expect(me.main.get_by_text("Why, and how sure")).to_be_visible()


def test_keep_a_run(visit, server):
    me = visit(server).go("/?mode=sync")
    kept = me.page.locator('[data-testid="stDataFrame"] [role=grid]')
    me.page.get_by_role("button", name="Keep this run").click()
    expect(kept).to_have_attribute("aria-rowcount", "2")  # with the names of its columns
    me.slide("workers", 1)
    me.shows(Scenario(workers=5))
    me.page.get_by_role("button", name="Keep this run").click()
    expect(kept).to_have_attribute("aria-rowcount", "3")
    rows = list(csv.DictReader(download(me, "Kept runs (CSV)").read_text().splitlines()))
    assert [row["workers"] for row in rows] == ["4", "5"]
    assert scenario_of(link_values(urlsplit(rows[1]["link"]).query)) == Scenario(workers=5)
    me.page.get_by_role("button", name="Clear kept runs").click()
    expect(kept).to_have_count(0)


def test_downloads_open(visit, server):
    me = visit(server).go("/?mode=async&replicates=20")
    segments = simulate(Scenario(policy=Asynchronous())).segments()
    rows = list(csv.DictReader(download(me, "Segments (CSV)").read_text().splitlines()))
    assert len(rows) == len(segments)
    assert float(rows[-1]["end_ms"]) == segments["end_ms"].iloc[-1]
    events = json.loads(download(me, "Trace (JSON)").read_text())["traceEvents"]
    assert len([event for event in events if event["ph"] == "X"]) == len(segments)
    me.page.get_by_role("link", name="Compare").click()
    assert len(list(csv.DictReader(download(me, "Every run (CSV)").read_text().splitlines()))) == 40


def test_presenter_view_shows_the_answer_alone_and_can_be_left(visit, server):
    """Back on the page, one click gives both the same network cost, and another finds what would flip the answer."""
    me = visit(server).go("/compare?present=true&embed=true")
    expect(me.headline).to_have_text(headline(compare(Scenario(), BOTH, 1000)))
    expect(me.figures).to_have_count(6)
    me.drawn(3)
    expect(me.charts.first).to_be_visible()
    for hidden in ("Summary to paste", "Computed now in", "Method", "Exit presenter view"):
        expect(me.main.get_by_text(hidden)).to_be_hidden()
    me.go("/compare?present=true")
    expect(me.page.get_by_test_id("stSidebar")).to_be_hidden()
    me.main.get_by_text("Exit presenter view").click()
    expect(me.page.get_by_test_id("stSidebar")).to_be_visible()
    me.asks("/compare")
    same = FlatLatency(async_fraction=1, async_least=1)
    me.page.get_by_role("button", name="Same network cost for both").click()
    expect(me.headline).to_have_text(headline(compare(Scenario(network=same), BOTH, 1000)))
    me.main.get_by_text("What would flip this?").click()
    expect(me.main.get_by_text(re.compile("flips? the answer|The answer flips"))).to_be_visible()
    me.asks("/compare", async_fraction=1, async_least=1, flips="True")


def test_everything_fits_a_projector(visit, server):
    """Nothing is cut off at the right, nothing is small, and no heading stands above nothing."""
    me = visit(server).go("/?mode=async&present=true")
    for path, charts in (("Timeline", 3), ("Compare", 3), ("Map", 1), ("Your trace", 1), ("Method", 8)):
        me.page.get_by_role("link", name=path).click()
        me.at_rest().drawn(charts)
        expect(me.headline).to_be_visible()
        for width, height in ((1280, 720), (1920, 1080)):
            me.page.set_viewport_size({"width": width, "height": height})
            me.page.wait_for_function(FITS)
            assert me.page.evaluate(LETTERS) >= 18
            assert me.page.evaluate(EMPTY_HEADINGS) == []


def test_how_many_sheets_a_page_takes(visit, server):
    """Compare on one sheet, also from a wide window and in the dark; a long page on as many as it takes; all light."""
    ways = (("/compare", 3, 1, "light", 1366), ("/compare", 3, 1, "dark", 1920), ("/method", 8, 3, "dark", 1366))
    for path, charts, sheets, scheme, width in ways:
        me = visit(server, color_scheme=scheme)
        me.page.set_viewport_size({"width": width, "height": 900})
        me.go(path).drawn(charts)
        printed = me.page.pdf(prefer_css_page_size=True)
        assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= sheets
        me.page.evaluate("onbeforeprint()")
        me.page.emulate_media(media="print")
        expect(me.page.get_by_test_id("stApp")).to_have_css("background-color", BACKGROUNDS["light"])
        me.page.evaluate("onafterprint()")


def download(me, name):
    """The file that a button downloads."""
    me.at_rest()  # a run that ends takes back what the buttons before it would have made
    button = me.page.get_by_role("button", name=name)
    button.hover()  # which draws its help: a press in the same instant could be lost
    with me.page.expect_download() as caught:
        button.click()
    return caught.value.path()
