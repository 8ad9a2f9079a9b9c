"""The Compare page: the answer, the same axis on both sides, the cache."""

import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    Failures,
    FlatLatency,
    Scenario,
    Stragglers,
    Synchronous,
    compare,
    simulate,
)
from core.report.comparison import headline as headline_of
from core.report.failures import failures_compared
from core.report.flips import name_of
from core.report.run import figure_text
from core.statistics.pairs import Paired
from pages.shared.sidebar.cluster import rest_in_words
from tests.links import parameters
from tests.pages.helpers import alive, charts, complaints, components, headline, tables_of, tiles

POLICIES = [Synchronous(), Asynchronous()]


def test_a_first_visit_opens_the_defaults(open_page):
    app = open_page("bare address")
    table = compare(Scenario(), POLICIES, 1000)
    assert alive(app)
    assert not complaints(app)
    assert headline(app) == headline_of(table)
    means = table.groupby("policy")["epoch_ms"].mean()
    shown = [value for label, value in tiles(app) if label == "Epoch time"]
    assert shown == [figure_text("epoch_ms", means[policy.label]) for policy in POLICIES]
    assert [metric.delta for metric in app.metric] == ["baseline"] * 3 + ["-28 %", "-10.8 points", "+38 %"]
    assert "Watch it happen: both epochs at the same pace." in [text.value for text in app.main.caption]
    (played,) = components(app, "race")  # both together
    assert [lane["title"] for lane in played["lanes"]] == [policy.label for policy in POLICIES]


def test_both_sides_share_the_time_axis(open_page):
    sync, other, *_ = charts(open_page("compare"))
    domains = [chart["layer"][0]["encoding"]["x"]["scale"]["domain"] for chart in (sync, other)]
    longest = simulate(Scenario()).metrics.epoch_ms
    assert domains[0] == domains[1] == [0, pytest.approx(1.01 * longest)]


def test_the_time_that_is_saved_is_marked_on_the_quicker_side(open_page):
    app = open_page("compare")
    sync, other, *_ = charts(app)
    titles = [chart["layer"][0]["encoding"]["x"]["title"].replace("\N{NO-BREAK SPACE}", " ") for chart in (sync, other)]
    assert titles == [
        "Time (s); run 1 of 1,000 ends at 7.74 s",
        "Time (s); run 1 of 1,000 ends at 5.71 s, 2.03 s sooner",
    ]
    marks = [[layer["mark"]["type"] for layer in chart["layer"]] for chart in (sync, other)]
    assert [("text" in types, "rect" in types) for types in marks] == [(False, False), (True, True)]
    (gap,) = tables_of(app, "gap").to_dict("records")
    ends = [simulate(Scenario(policy=policy)).metrics.epoch_ms for policy in POLICIES]
    assert [gap["to_ms"], gap["from_ms"]] == pytest.approx(ends)


def test_failures_are_compared_with_the_same_draws_without_them(open_page):
    app = open_page("compare", mtbf_hours="0.003", restart_s="2", replicates="5")
    failing = Scenario(failures=Failures(mtbf_hours=0.003, restart_s=2)).workload
    with_them, without = (Paired.of(compare(each, POLICIES, 5)) for each in (failing, failing.without_failures))
    said = failures_compared(with_them, failing, POLICIES, without)
    assert "as long" in said
    assert said in [text.value for text in app.main.markdown]


def test_long_runs_share_a_window(open_page):
    parts, sync, other, *_ = charts(open_page("compare", workers="64", batches="100", replicates="10"))
    assert "Mean epoch time (s)" in parts["layer"][0]["encoding"]["x"]["title"]  # first, as they show who wins
    domains = [chart["layer"][0]["encoding"]["x"]["scale"]["domain"] for chart in (sync, other)]
    assert domains[0] == domains[1]
    assert domains[0][1] < simulate(Scenario(workers=64, batches=100)).metrics.epoch_ms
    app = open_page("compare", workers="64", batches="100", replicates="10")
    assert any("the timelines draw the first 1" in caption.value for caption in app.main.caption)


def test_it_says_what_the_answer_rests_on(open_page):
    app = open_page("compare")
    captions = " ".join(caption.value for caption in app.main.caption)
    assert "nearly free" in captions
    assert "not yet faster learning" in captions
    assert app.main.markdown[0].value == (
        "4 workers × 10 mini-batches of 500\N{NO-BREAK SPACE}ms on average, "
        "200\N{NO-BREAK SPACE}ms of network latency. "
        "What asynchronous costs: gradients that are 2.8 updates stale on average."
    )
    assert app.main.markdown[1].value.startswith("Over 1,000 paired runs synchronous takes on average 1.38")


def test_the_cache_tells(open_page):
    app = open_page("compare")
    assert app.main.caption[-1].value.startswith("Computed now in")
    heights = [chart["height"] for chart in charts(app)]
    app.toggle(key="present").set_value(True).run()  # which does not change the question, and makes charts larger
    assert app.main.caption[-1].value.startswith("From the cache; it took")
    assert all(chart["height"] > 1.3 * before for chart, before in zip(charts(app), heights, strict=True))
    app.slider(key="workers").set_value(5).run()
    assert app.main.caption[-1].value.startswith("Computed now in")


def test_the_table_behind_it(open_page):
    table = open_page("compare").dataframe[1].value
    assert table.shape == (15, 6)
    assert "Epoch time (ms)" in table.index


@pytest.mark.parametrize(("workers", "batches", "most"), [(64, 100, 1_562), (1_000, 1_000, 10)])
def test_large_epochs_are_compared_in_fewer_runs(open_page, workers, batches, most):
    app = open_page("compare", workers=str(workers), batches=str(batches), replicates="10000")
    assert alive(app)
    assert not complaints(app)
    said = next(caption.value for caption in app.main.caption if "room" in caption.value)
    assert f"room for {most:,} paired runs of these policies, not 10,000" in said
    assert "20,000,000 mini-batches" in said
    assert f"{most:,} paired runs" in app.main.markdown[1].value


@pytest.mark.parametrize("replicates", [1, 2, 5, 40])
def test_few_runs_claim_no_middle(open_page, replicates):
    """Nowhere on the page; and a single run has no interval, in no chart either."""
    app = open_page("compare", policies=["sync", "async", "rebalanced"], replicates=str(replicates))
    assert alive(app)
    assert not complaints(app)
    said = [text.value for text in (*app.main.markdown, *app.main.caption, *app.main.header, *app.main.subheader)]
    said += [expander.label for expander in app.main.expander]
    assert any("middle 95 %" in text for text in said) == (replicates >= 40)
    assert "Watch it happen: all epochs at the same pace." in said


def test_policies_that_are_too_much_together_are_refused(open_page):
    app = open_page("compare", workers="4096", batches="4000")
    assert not app.exception
    (message,) = complaints(app)
    assert "4,096 workers × 4,000 batches × 2 policies are 32,768,000 mini-batches" in message


@pytest.mark.parametrize("replicates", ["1", "2", "10000"])
def test_number_of_paired_runs(open_page, replicates):
    app = open_page("compare", replicates=replicates)
    assert alive(app)
    assert not complaints(app)
    runs = "of a single run;" if replicates == "1" else f"{int(replicates):,} paired runs;"
    assert any(runs in caption.value for caption in app.main.caption)


@pytest.mark.parametrize(
    "params", [{"jitter": "0", "latency_ms": "0"}, {"jitter": "0"}, {"workers": "1"}, {"batches": "1"}]
)
def test_degenerate_questions_have_answers(open_page, params):
    app = open_page("compare", **params)
    assert alive(app)
    assert not complaints(app)


def test_controls_and_kept_runs_stay_when_the_page_changes(open_page):
    app = open_page(workers="6", replicates="50")
    app.switch_page("pages/compare.py").run()
    assert app.slider(key="workers").value == 6
    assert app.number_input(key="replicates").value == 50
    app.slider(key="workers").set_value(7).run()
    next(button for button in app.button if button.label == "Keep these runs").click().run()
    assert app.dataframe[-1].value["policy"].tolist() == [policy.label for policy in POLICIES]
    app.switch_page("pages/timeline.py").run()
    assert app.slider(key="workers").value == 7
    assert app.dataframe[-1].value["runs"].tolist() == [50, 50]
    app.switch_page("pages/compare.py").run()
    assert app.number_input(key="replicates").value == 50


def test_what_would_flip_the_answer_is_found_on_a_click(open_page):
    params = {"workers": "8", "network": "ring", "message_mb": "400", "replicates": "50"}
    app = open_page("compare", **params)
    assert not any("The answer flips" in text.value for text in app.main.markdown)
    app.toggle(key="flips").set_value(True).run()
    assert not complaints(app)
    said = [text.value for text in app.main.markdown]
    assert any(text.startswith("**The answer flips with bandwidth above ") for text in said)
    assert "**Parameter servers**, now 1: asynchronous wins with 3 or more." in said
    links = [parameters(each.proto.query_string) for each in app.get("page_link") if each.proto.label == "On Map"]
    found = [text for text in said if "**, now " in text]
    assert len(found) > 1
    for text, link in zip(found, links, strict=True):
        assert text.startswith(f"**{name_of(link['across'][0])}**, now ")
        assert link["ask"] == ["speedup"]
    assert "Limit each worker to its own link" in {button.label for button in app.main.button}
    assert app.query_params["flips"] == "True"
    same = open_page("compare", policies=["sync", "rebalanced"], flips="true", replicates="5")
    (said,) = [caption.value for caption in same.main.caption if "no winner" in caption.value]
    assert said == "There is no winner that could change: rebalanced and synchronous are equal."


def test_both_can_be_charged_the_same_for_the_network(open_page):
    app = open_page("compare", replicates="50")
    label = "Same network cost for both"
    next(button for button in app.button if button.label == label).click().run()
    same = FlatLatency(async_fraction=1, async_least=1)
    assert headline(app) == headline_of(compare(Scenario(network=same), POLICIES, 50))
    next(button for button in app.button if button.label.startswith("Back to the reference")).click().run()
    assert headline(app) == headline_of(compare(Scenario(), POLICIES, 50))
    barriers = open_page("compare", policies=["sync", "rebalanced"], replicates="5")
    assert not [button for button in barriers.button if button.label == label]


def test_our_cluster_in_four_questions(open_page):
    app = open_page("compare", replicates="20")
    next(button for button in app.button if button.label.startswith("Our cluster")).click().run()
    app.number_input(key="our_workers").set_value(16)
    app.number_input(key="our_size").set_value(100)
    app.button_group(key="our_measure").set_value("Parameters (millions)")
    app.number_input(key="our_slowdown").set_value(2)
    assert rest_in_words(500, 0) in {caption.value for caption in app.caption}
    assert "500 ms per mini-batch as in the sidebar, and no hiccups. " in rest_in_words(500, 0)
    assert "500 ms per mini-batch as in the sidebar, and hiccups in 1 % of them. " in rest_in_words(500, 1)
    app.number_input(key="our_hiccups").set_value(1)
    next(button for button in app.button if button.label == "Show the answer").click().run()
    network = AlphaBeta(message_mb=400, servers=16, own_link=True)
    asked = Scenario(workers=16, network=network, stragglers=Stragglers(slow_workers=1, hiccup_probability=0.01))
    assert headline(app.run()) == headline_of(compare(asked, POLICIES, 20))


def test_batches_of_a_slow_worker_can_go_to_others(open_page):
    """Where slowness lasts and every worker keeps its own batches, one click adds one queue for all."""
    label = "Add async with one queue for all"
    app = open_page("compare", slow_workers="1", replicates="20")
    assert any("the slowest machine finishes last" in caption.value for caption in app.main.caption)
    next(button for button in app.main.button if button.label == label).click().run()
    assert app.query_params["policies"] == ["sync", "async", "async shared"]
    assert "shared queue" in headline(app)
    assert label not in [button.label for button in app.main.button]
    assert label not in [button.label for button in open_page("compare", replicates="20").main.button]


def test_each_worker_can_be_limited_to_its_own_link(open_page):
    """Offered below the headline, where pushes are faster than that."""
    app = open_page("compare", network="ring", workers="8", message_mb="400", servers="8", replicates="20")
    caveat = "a push goes to all 8 servers at once, so 80 Gb/s leave a worker whose own link carries 10 Gb/s."
    assert any(caveat in caption.value for caption in app.main.caption)
    limit = next(button for button in app.button if button.label == "Limit each worker to its own link")
    limit.click().run()
    network = AlphaBeta(message_mb=400, servers=8, own_link=True)
    assert headline(app) == headline_of(compare(Scenario(workers=8, network=network), POLICIES, 20))
    assert app.query_params["own_link"] == "True"
    said = "a push and its reply take 640.1 ms or more, 320 ms each on the worker's own link; each push"
    assert any(said in caption.value for caption in app.sidebar.caption)
    assert limit.label not in {button.label for button in app.button}
    assert "own_link" in {toggle.key for toggle in app.sidebar.expander[0].toggle}  # under More
