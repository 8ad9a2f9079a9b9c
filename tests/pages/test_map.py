"""The Map page: lines, cells, questions, refusals, stopping, and opening a cell elsewhere."""

import pytest

from core import Asynchronous, Rebalanced, Scenario, Synchronous, sweep
from core.links import DEFAULTS
from core.maps import AXES, QUESTIONS, answers, ideal_scaling
from core.report.maps import fastest_headline, scaling_headline, speedup_headline
from tests.pages.helpers import charts, complaints, headline, value

BOTH = [Synchronous(), Asynchronous()]


def test_scaling_curves_are_the_default(open_page):
    app = open_page("map")
    assert not app.exception
    assert not complaints(app)
    table = sweep(Scenario(), {"workers": AXES["workers"]}, BOTH, 100)
    assert headline(app) == scaling_headline(table, ideal_scaling(table))
    assert any("The dashed line is ideal scaling" in caption.value for caption in app.main.caption)
    assert len(charts(app)) == 1
    assert len(app.dataframe[0].value) == 14
    assert app.dataframe[0].value["epoch_ms"].tolist() == table["epoch_ms"].tolist()


def test_a_map_of_speedups(open_page):
    app = open_page("map", ask="speedup", across="jitter", across_values="0,0.3", up="latency_ms", up_values="0, 200")
    assert not complaints(app)
    table = sweep(Scenario(), {"compute.jitter": [0.0, 0.3], "network.latency_ms": [0, 200]}, BOTH, 100)
    rows = answers(table, QUESTIONS["speedup"], "Asynchronous")
    assert headline(app) == speedup_headline(rows, "Asynchronous", "Synchronous")


def test_a_map_of_the_fastest(open_page):
    params = {"policies": ["sync", "async", "rebalanced"], "slow_workers": "1", "map_runs": "20"}
    app = open_page("map", ask="fastest", across="slowdown", up="hiccup_probability", **params)
    assert not complaints(app)
    scenario = Scenario.from_dict({**Scenario().to_dict(), "stragglers": {"kind": "Stragglers", "slow_workers": 1}})
    grid = {"stragglers.slowdown": AXES["slowdown"], "stragglers.hiccup_probability": AXES["hiccup_probability"]}
    assert headline(app) == fastest_headline(sweep(scenario, grid, [*BOTH, Rebalanced()], 20), list(grid))


@pytest.mark.parametrize("ask", [name for name in QUESTIONS if name != "target"])
@pytest.mark.parametrize("up", ["none", "slowdown"])
def test_every_question(open_page, ask, up):
    app = open_page("map", ask=ask, across="workers", across_values="2,4", up=up, map_runs="10")
    assert not app.exception
    assert not complaints(app)
    assert app.header


@pytest.mark.parametrize("key", [key for key in AXES if key not in ("workers", "batches")])
def test_every_axis(open_page, key):
    laws = {"cv": "lognormal", "gumbel_cv": "gumbel", "shift": "exponential", "tail": "pareto"}
    links = key in ("alpha_ms", "bandwidth_gbps", "message_mb", "servers", "overlap")
    app = open_page(
        "map",
        across=key,
        ask="epoch",
        map_runs="3",
        law=laws.get(key, "uniform"),
        network="ring" if links else "flat",
        policies=["sync", "async", "ssp 1", "backup 1", "local 2"],
    )
    assert not app.exception
    assert not complaints(app)
    assert headline(app).startswith("Epoch time at")


def test_time_to_target_where_affordable(open_page):
    app = open_page("map", ask="target", across="workers", across_values="2,4", problem="quadratic")
    assert not app.exception
    assert not complaints(app)
    assert "Time to target" in headline(app)
    app = open_page("map", ask="target", across="workers", up="jitter")
    assert "are more than 15" in complaints(app)[0]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"across_values": "1,x"}, "are not numbers"),
        ({"across": "bound"}, "bound: no parameter of these"),
        ({"across": "gumbel_cv"}, "there are workers, batches"),
        ({"across": "workers", "across_values": "5000"}, "workers: 5000 is not a whole number"),
    ],
)
def test_what_cannot_be_mapped_is_said(open_page, params, message):
    app = open_page("map", **params)
    assert not app.exception
    assert message in complaints(app)[0]


def test_refused_cells_leave_the_others(open_page):
    app = open_page("map", across_values="2,4,5000", ask="idle")
    assert not complaints(app)
    assert headline(app)
    assert any("2 rows left out. workers: 5000" in caption.value for caption in app.main.caption)


def test_a_stopped_map_keeps_what_is_done(open_page, monkeypatch):
    app = open_page("map", ask="idle", across_values="2,4,8")
    progress = app.session_state.session.map
    progress.rows, progress.stopped = {0: progress.rows[0]}, True
    app.run()
    assert "Stopped after 1 of 3 cells" in app.info[0].value
    assert len(app.dataframe[0].value) == 2
    next(b for b in app.button if b.label == "Go on").click().run()
    assert len(app.dataframe[0].value) == 6


def test_a_point_opens_on_another_page(open_page):
    app = open_page("map", across="jitter", ask="speedup")
    app.select_slider[0].set_value(0.5).run()
    next(b for b in app.button if b.label == "Use as scenario").click().run()
    assert value(app, "jitter") == 0.5
    assert value(app, "workers") == DEFAULTS["workers"]
    assert app.select_slider[0].value == 0.5
    assert not [b for b in app.button if b.label == "Use as scenario"]


def test_a_trace_is_mapped_by_its_fit_and_stays_private(open_page, monkeypatch):
    app = open_page("trace", across_values="2,8", map_runs="5")
    next(b for b in app.button if b.label == "Use as scenario").click().run()
    app.switch_page("pages/map.py").run()
    assert not complaints(app)
    assert any("fitted to your trace" in caption.value for caption in app.main.caption)
    monkeypatch.setattr("pages.shared.views.maps.rows_of.shared", lambda *asked: 1 / 0)
    app.selectbox(key="across").set_value("batches").run()
    assert not complaints(app)


def test_a_click_picks_the_cell_that_it_is_on(open_page, monkeypatch):
    """The third value across and the second one up, whatever else the chart can select."""

    class Clicked:
        selection = {"cell": [{"x": 2, "y": 1}]}  # noqa: RUF012 - as Streamlit's event has it

    monkeypatch.setattr("pages.shared.views.maps.draw", lambda *_, **__: Clicked)
    values = {"across_values": "0,0.3,0.6", "up_values": "100,200"}
    app = open_page("map", ask="speedup", across="jitter", up="latency_ms", map_runs="2", **values)
    said = [text.value for text in app.main.markdown]
    assert "**Jitter (±) 0.6, Network Latency (ms) 200**" in said
    assert any(text.startswith("Asynchronous is ") and "faster than synchronous (" in text for text in said)
