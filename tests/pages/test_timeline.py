"""The Timeline page: defaults, every control, kept runs, downloads."""

import json
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
import streamlit as st

from core import Asynchronous, Failures, FlatLatency, Prices, Scenario, Uniform, simulate
from core.charts import PHASE_COLORS
from core.links import DEFAULTS, PARAMETERS
from core.report.failures import cost_of_failures_in_words, recovery_in_words
from core.report.money import cost_in_words
from core.report.run import figure_text, idle_in_words, text_summary
from pages.shared.views.large_run import brushed
from tests.pages.helpers import alive, charts, complaints, components, headline, link, marks, tiles
from tests.pages.test_address import Held


def test_defaults_are_the_references(open_page):
    app = open_page()
    assert alive(app)
    assert not complaints(app)
    references = ("workers", "batch_ms", "latency_ms", "mode", "batches", "jitter")
    values = {widget.label: widget.value for widget in (*app.slider, *app.selectbox) if widget.key in references}
    assert values == {
        "Number of workers": 4,
        "Batch processing time (ms)": 500,
        "Network latency (ms)": 200,
        "Mode": "sync",
        "Number of batches per epoch": 10,
        "Jitter (±)": 0.2,
    }
    assert [number.value for number in app.number_input] == [42]
    more = {slider.key for slider in app.sidebar.expander[0].slider}
    assert [slider.key for slider in app.sidebar.slider if slider.key not in more] == (
        ["workers", "batch_ms", "latency_ms", "slow_workers"]
    )


def test_ranges_include_the_references(open_page):
    ranges = {slider.key: (slider.min, slider.max) for slider in open_page().sidebar.slider}
    for key, (low, high) in {
        "workers": (1, 8),
        "batch_ms": (100, 1000),
        "latency_ms": (50, 500),
        "batches": (5, 30),
    }.items():
        assert ranges[key][0] <= low
        assert ranges[key][1] >= high


def test_tiles_show_the_run_beside_theory(open_page):
    app = open_page()
    figures = simulate(Scenario()).metrics
    shown = dict(tiles(app))
    assert shown["Epoch time"] == figure_text("epoch_ms", figures.epoch_ms)
    assert shown["Idle"] == figure_text("idle_percent", figures.idle_percent)
    assert list(shown) == ["Epoch time", "Idle", "Throughput", "Utilization", "Mean staleness"]
    assert app.metric[0].delta == "theory 7.60\N{NO-BREAK SPACE}s"
    assert idle_in_words(simulate(Scenario())) in [caption.value for caption in app.main.caption]
    (played,) = components(app, "race")
    assert [lane["title"] for lane in played["lanes"]] == ["Synchronous"]
    assert all("Theory" in metric.help for metric in app.metric)
    assert app.text[0].value == text_summary(simulate(Scenario()))


@pytest.mark.parametrize(
    ("key", "value", "scenario"),
    [
        ("workers", 7, Scenario(workers=7)),
        ("batch_ms", 900, Scenario(compute=Uniform(mean_ms=900))),
        ("latency_ms", 0, Scenario(network=FlatLatency(latency_ms=0))),
        ("batches", 23, Scenario(batches=23)),
        ("jitter", 0.5, Scenario(compute=Uniform(jitter=0.5))),
        ("seed", 7, Scenario(seed=7)),
        ("mode", "async", Scenario(policy=Asynchronous())),
    ],
)
def test_each_control_live_and_from_a_link(open_page, key, value, scenario):
    app = open_page()
    widget = next(w for w in (*app.slider, *app.number_input, *app.selectbox) if w.key == key)
    widget.set_value(value).run()
    assert alive(app)
    assert app.text[0].value == text_summary(simulate(scenario))
    linked = open_page(**{key: str(value)})
    assert not complaints(linked)
    assert tiles(linked) == tiles(app)
    assert headline(linked) == headline(app)


def test_timeline_chart(open_page):
    timeline, shares = charts(open_page())
    bars = timeline["layer"][0]
    assert bars["encoding"]["y"]["scale"]["domain"] == ["W0", "W1", "W2", "W3"]
    colors = bars["encoding"]["color"]["scale"]
    assert dict(zip(colors["domain"], colors["range"], strict=True)) == {
        phase: PHASE_COLORS[phase] for phase in ("compute", "wait", "comm")
    }
    tooltip = {entry["title"] for entry in bars["encoding"]["tooltip"]}
    assert tooltip == {"Worker", "Batch", "Phase", "What", "Start (ms)", "End (ms)", "Duration (ms)"}
    assert {layer["mark"]["type"] for layer in timeline["layer"]} == {"bar", "rule", "point"}
    assert {param["bind"] for param in timeline["params"]} == {"legend", "scales"}
    assert bars["encoding"]["x"]["title"] == "Time (s); the epoch ends at 7.74\N{NO-BREAK SPACE}s"
    assert "Share" in shares["encoding"]["x"]["title"]


def test_charts_are_described_in_words(open_page):
    for page in ("timeline", "compare"):
        for chart in open_page(page).get("vega_lite_chart"):
            assert len(chart.proto.alt) > 40


def test_phase_colours_are_the_ones_of_the_brief():
    assert [PHASE_COLORS[phase] for phase in ("compute", "wait", "comm", "cancelled")] == [
        "#009E73",
        "#D55E00",
        "#56B4E9",
        "#999999",
    ]


def test_asynchronous_timeline_has_no_barriers(open_page):
    timeline, *_ = charts(open_page(mode="async"))
    assert [layer["mark"]["type"] for layer in timeline["layer"]] == ["bar", "rule"]


def test_failures_are_marked_listed_and_priced(open_page):
    """Beside what the same draws take without them; the epoch's own cost is that of the time held."""
    failures = {"mtbf_hours": "0.003", "restart_s": "2", "checkpoint_batches": "5", "checkpoint_s": "1"}
    app = open_page(worker_per_hour="3600", **failures)
    failing = Failures(mtbf_hours=0.003, restart_s=2, checkpoint_batches=5, checkpoint_s=1)
    run, prices = simulate(Scenario(failures=failing)), Prices(worker_per_hour=3600)
    without_ms = simulate(Scenario()).metrics.epoch_ms
    said = [text.value for text in app.main.markdown]
    assert said[0].endswith(cost_of_failures_in_words(run, without_ms, prices))
    assert recovery_in_words(run.scenario, without_ms / 10) in [text.value for text in app.main.caption]
    assert cost_in_words(run, prices) in said
    (table,) = [table.value for table in app.dataframe]
    assert len(table) == run.metrics.failures > 0
    (marks,) = [layer for layer in charts(app)[0]["layer"] if layer["data"]["name"] == "failures"]
    assert [entry["title"] for entry in marks["encoding"]["tooltip"]] == ["Fails", "At", "Down for", "Work lost"]


def window(app):
    """The slider of the window that is drawn in full."""
    return next(slider for slider in app.main.slider if slider.key == "window_s")


def drawn(app):
    """From when to when blocks are drawn, ms; the margin for the last line left out."""
    since, until = charts(app)[1]["layer"][0]["encoding"]["x"]["scale"]["domain"]
    return since, (until + 0.01 * since) / 1.01


def test_a_long_run_is_shown_as_a_whole_and_in_part(open_page):
    app = open_page(workers="64", batches="100")
    overview, timeline, *_ = charts(app)
    assert overview["mark"]["type"] == "rect"
    assert [(param["name"], param["select"]["encodings"]) for param in overview["params"]] == [("window", ["x"])]
    assert timeline["layer"][0]["mark"]["type"] == "bar"
    since, until = drawn(app)
    assert since == 0
    assert until == pytest.approx(1000 * window(app).value[1], rel=0.01)
    window(app).set_value((30.0, 60.0)).run()
    assert drawn(app)[0] == 30_000
    assert 30_000 < drawn(app)[1] < 60_000
    assert any(caption.value.startswith("Shown: 30") for caption in app.main.caption)
    assert any("You selected 30" in caption.value for caption in app.main.caption)
    drawn_to = drawn(app)[1]
    button(app, "Show the rest").click().run()
    assert drawn(app)[0] == pytest.approx(drawn_to, rel=1e-3)
    assert window(app).value[1] == 60
    window(app).set_value((30.0, 30.5)).run()
    assert drawn(app) == pytest.approx((30_000, 30_500))
    end = simulate(Scenario(workers=64, batches=100)).metrics.epoch_ms
    window(app).set_value((end / 1000, end / 1000)).run()
    assert alive(app)


def test_a_drag_across_the_overview_is_the_window(monkeypatch):
    """Either way, as far as there is an epoch; a click lets go of it."""
    for dragged, then in (([40_000, 30_000], (30.0, 40.0)), ([-5, 90_000], (0.0, 60.0)), (None, (0.0, 5.0))):
        picked = SimpleNamespace(selection=SimpleNamespace(window={"from_ms": dragged} if dragged else {}))
        monkeypatch.setattr(st, "session_state", Held(overview=picked))
        brushed((0.0, 5.0), 60.0)
        assert st.session_state.window_s == then


def test_rows_of_the_overview_have_two_orders(open_page):
    slow = {"slow_workers": "2", "mtbf_hours": "0.5", "restart_s": "2"}
    app = open_page(workers="64", batches="100", pin="workers 64 batches 90", **slow)
    orders = {}
    for order in ("by number", "slowest first"):
        app.button_group(key="worker_order").set_value(order).run()
        assert alive(app)
        orders[order] = [chart["layer"][0]["encoding"]["y"] for chart in charts(app)[:2]]
    assert [y["scale"]["domain"] for y in orders["by number"]] == [[f"W{worker}" for worker in range(64)]] * 2
    assert all(set(y["scale"]["domain"][:2]) == {"W0", "W1"} for y in orders["slowest first"])
    overview, timeline, *_ = [json.dumps(chart) for chart in charts(app)]  # the pinned epoch's end is in one of them
    assert '"outline_end"' in overview
    assert '"failures"' in overview
    assert '"outline' not in timeline


def test_keep_and_clear_runs(open_page):
    app = open_page()
    assert not app.dataframe
    button(app, "Keep this run").click().run()
    app.slider(key="workers").set_value(6).run()
    button(app, "Keep this run").click().run()
    kept = app.dataframe[0].value
    assert kept["workers"].tolist() == [4, 6]
    assert kept["epoch_ms"].iloc[0] == round(simulate(Scenario()).metrics.epoch_ms, 2)
    assert kept["link"].str.contains("workers=").all()
    button(app, "Clear kept runs").click().run()
    assert not app.dataframe
    assert alive(app)


def test_new_seed_and_reset(open_page):
    app = open_page(workers="6", mode="async")
    before = headline(app), app.number_input(key="seed").value
    button(app, "New seed").click().run()
    assert app.number_input(key="seed").value != before[1]
    button(app, "Reset").click().run()
    assert tiles(app) == tiles(open_page())
    assert app.query_params == {"mode": "sync"}


def test_link_carries_every_control(open_page):
    app = open_page(workers="6")
    named = (
        "workers=6&batch_ms=500&latency_ms=200&mode=sync&policies=sync&policies=async&batches=10&law=uniform&jitter=0.2"
        "&slow_workers=0&slowdown=2&spread=0&hiccup_probability=0&hiccup_factor=5&episode_share=0"
        "&episode_batches=10&episode_factor=3&network=flat"
        "&async_fraction=0.3&async_least=0&seed=42&replicates=1000"
    )
    assert parse_qs(urlsplit(link(app)).query) == parse_qs(named)


def button(app, label):
    return next(b for b in app.button if b.label == label)


@pytest.mark.parametrize(("workers", "batches"), [("4096", "4"), ("3", "6000"), ("500", "40")])
def test_links_reach_beyond_the_sliders(open_page, workers, batches):
    app = open_page(workers=workers, batches=batches)
    assert alive(app)
    assert not complaints(app)
    assert f": {int(workers):,} workers finish" in headline(app)
    typed = {field.key: field.value for field in app.number_input}
    beyond = {"workers": int(workers), "batches": int(batches)}
    assert {key: value for key, value in beyond.items() if value > PARAMETERS[key].usual[1]}.items() <= typed.items()
    assert marks(app) < 4_500


def test_typing_and_back_changes_no_value(open_page):
    app = open_page(batches="12")
    app.toggle(key="typing").set_value(True).run()
    assert (app.number_input(key="workers").value, app.number_input(key="batches").value) == (4, 12)
    app.number_input(key="workers").set_value(3_000).run()
    assert "3,000 workers" in headline(app)
    app.toggle(key="typing").set_value(False).run()
    assert (app.number_input(key="workers").value, app.slider(key="batches").value) == (3_000, 12)
    assert "3,000 workers" in headline(app)


@pytest.mark.parametrize(("key", "typed"), [("workers", 1e9), ("workers", 3.7), ("batch_ms", -5), ("seed", 0.5)])
def test_what_is_typed_out_of_range_is_said_and_changes_nothing(open_page, key, typed):
    app = open_page(batches="12")
    app.toggle(key="typing").set_value(True).run()
    before = headline(app), dict(app.query_params)
    app.number_input(key=key).set_value(typed).run()
    (message,) = complaints(app)
    parameter = PARAMETERS[key]
    assert message.startswith(f"{parameter.label}: ")
    assert parameter.rule.allowed in message
    assert f"It stays at {DEFAULTS[key]:g}." in message
    assert (headline(app), app.query_params) == before
    app.number_input(key="batches").set_value(13).run()
    assert complaints(app) == [message]
    app.number_input(key=key).set_value(DEFAULTS[key] + 1).run()
    assert not complaints(app)


def test_a_run_beyond_the_bound_is_refused(open_page):
    app = open_page(workers="4096", batches="100000")
    assert not app.exception
    assert "409,600,000 mini-batches; one call takes at most 20,000,000" in complaints(app)[0]
