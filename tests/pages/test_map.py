"""The Map page: lines, cells, questions, refusals, stopping, and opening a cell elsewhere."""

import json

import pandas as pd
import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    Failures,
    LocalSGD,
    Rebalanced,
    Scenario,
    Synchronous,
    Uniform,
    required_bandwidth,
    sweep,
)
from core.axes import offered
from core.common.parameters import keys
from core.common.wording import duration
from core.links import DEFAULTS, PARAMETERS
from core.maps import AXES, QUESTIONS, answers, break_even, ideal_scaling
from core.report.bandwidth import bandwidths, bandwidths_in_words
from core.report.maps import fastest_headline, scaling_headline, speedup_headline
from core.simulation.paired import most_replicates
from pages.shared.views import maps
from tests.links import parameters
from tests.pages.helpers import charts, complaints, headline, tables_of, value

OF_FAILURES = set(keys(Failures).values())
BOTH = [Synchronous(), Asynchronous()]
LASTING = {"batch_ms": "20000", "batches": "100", "checkpoint_batches": "10", "checkpoint_s": "5", "restart_s": "20"}
FAILING = LASTING | {"mtbf_hours": "0.5", "latency_ms": "0"}
SET_UPS = {"plain": {}, "failures": FAILING | {"recovery": "rollback"}, "elastic": FAILING | {"recovery": "elastic"}}
"""Failures come by the hour, so that epochs have to last."""
FRESH_MAP = {"ask": "speedup", "across": "bandwidth_gbps", "up": "workers", "up_values": "2,8"}
"""What Map opens with, with fewer workers."""


def test_map_opens_with_where_async_wins(open_page):
    """Two axes that matter, and a line of break-even; the network that has a bandwidth is said."""
    app = open_page("map")
    assert not app.exception
    assert not complaints(app)
    grid = {"network.bandwidth_gbps": AXES["bandwidth_gbps"], "workers": AXES["workers"][1:]}
    rows = answers(sweep(Scenario(network=AlphaBeta()), grid, BOTH, 100), QUESTIONS["speedup"], "Asynchronous")
    rows = rows.rename(columns={"network.bandwidth_gbps": "v0", "workers": "v1"})
    assert headline(app) == speedup_headline(rows, "Asynchronous", "Synchronous", ("bandwidth_gbps", "workers"))
    assert "with bandwidth above 10–100\N{NO-BREAK SPACE}Gb/s, depending on the number of workers: in " in headline(app)
    assert set(rows["outcome"]) == {"decided"}
    edges = break_even(rows.pivot(index="v1", columns="v0", values="value").to_numpy())
    assert tables_of(app, "edges").equals(edges)
    assert "faster" in headline(app)
    assert "slower" in headline(app)
    captions = [caption.value for caption in app.main.caption]
    assert "The thick line is break-even" in captions[1]
    assert app.main.markdown[0].value == (  # right below the headline
        "This map uses a different network from the sidebar's, because bandwidth is an axis: ring all-reduce at a "
        "barrier, a parameter server for pushes, 100 MB of gradients."
    )
    assert app.selectbox(key="across").value == "bandwidth_gbps"
    assert app.query_params == {}
    assert app.session_state.session.values["network"] == "flat"  # of the other pages


def test_a_link_from_before_map_opened_with_cells_shows_curves(open_link):
    app = open_link("map", "workers=8")
    assert not complaints(app)
    table = sweep(Scenario(workers=8), {"workers": AXES["workers"]}, BOTH, 100)
    assert headline(app) == scaling_headline(table, ideal_scaling(table))
    assert any("The dashed line is ideal scaling" in caption.value for caption in app.main.caption)
    assert len(charts(app)) == 1
    bands = pd.concat(answers(table, QUESTIONS["throughput"], policy.label) for policy in BOTH)
    for end in ("low", "high"):
        assert tables_of(app, "lines")[end].tolist() == bands[end].tolist()
    drawn = tables_of(app, "ideal")
    assert drawn["ideal"].tolist() == ideal_scaling(table).line(drawn["x"].to_numpy()).tolist()
    assert len(app.dataframe[0].value) == 14
    assert app.dataframe[0].value["epoch_ms"].tolist() == table["epoch_ms"].tolist()
    assert app.query_params == {"workers": "8"}


def test_curves_with_every_control_at_its_default_have_an_address(open_page):
    """An empty one opens the map."""
    app = open_page("map", ask="throughput")
    assert headline(app).startswith("With 64 workers, ")
    assert app.query_params == {"ask": "throughput"}
    app.switch_page("pages/timeline.py").run()
    assert app.query_params == {"ask": "throughput"}


def test_large_epochs_get_fewer_runs_and_a_cost_needs_a_price(open_page):
    """As Compare has it: 4 × 40,000 mini-batches under two policies leave no room for a hundred runs."""
    app = open_page("map", ask="epoch", across="jitter", across_values="0,0.2", batches="40000", map_runs="100")
    most = most_replicates(Scenario(batches=40_000), BOTH)
    assert 2 <= most < 100
    assert any(f"leave room for {most} runs of these policies, not 100" in each.value for each in app.main.caption)
    assert not complaints(app)
    assert headline(app).startswith("Epoch time by jitter, at 0: synchronous ")
    assert "Set a price per worker" in open_page("map", ask="cost", across="jitter").info[0].value
    priced = open_page("map", ask="cost", across="jitter", worker_per_hour="3", currency="EUR", map_runs="2")
    assert "EUR" in headline(priced)
    assert "Cost of an epoch (EUR)" in json.dumps(charts(priced))


def test_a_map_that_trains_says_how_often_and_has_no_number_of_runs(open_page):
    app = open_page("map", ask="target", across="workers", across_values="2", problem="quadratic", up="none")
    assert not any(field.key == "map_runs" for field in app.number_input)
    assert "3 trainings of each policy in each cell." in [text.value for text in app.caption]


def test_slow_workers_and_workers_go_together_either_way(open_page):
    """Also where the first of the workers could not have as many slow ones."""
    grid = {"slow_workers": "1,4", "workers": "2,8"}
    for across, up in (("slow_workers", "workers"), ("workers", "slow_workers")):
        values = {"across_values": grid[across], "up_values": grid[up]}
        app = open_page("map", ask="speedup", across=across, up=up, map_runs="2", **values)
        table = app.dataframe[0].value
        assert table.groupby(["workers", "stragglers.slow_workers"])["refused"].first().ne("").tolist() == [
            False, True, False, False,
        ]  # fmt: skip


def test_a_map_of_speedups(open_page):
    app = open_page("map", ask="speedup", across="jitter", across_values="0,0.3", up="latency_ms", up_values="0, 200")
    assert not complaints(app)
    table = sweep(Scenario(), {"compute.jitter": [0.0, 0.3], "network.latency_ms": [0, 200]}, BOTH, 100)
    rows = answers(table, QUESTIONS["speedup"], "Asynchronous")
    rows = rows.rename(columns={"compute.jitter": "v0", "network.latency_ms": "v1"})
    assert headline(app) == speedup_headline(rows, "Asynchronous", "Synchronous", ("jitter", "latency_ms"))


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
    needs = {"bandwidth": {"network": "ring"}, "cost": {"worker_per_hour": "3"}}.get(ask, {})
    app = open_page("map", ask=ask, across="workers", across_values="2,4", up=up, map_runs="10", **needs)
    assert not app.exception
    assert not complaints(app)
    assert app.header


@pytest.mark.parametrize("set_up", SET_UPS)
def test_every_axis_that_is_offered_works_and_changes_something(open_page, set_up):
    """Picked one after the other: with the law, network, policies and slow workers that each needs."""
    app = open_page("map", **FRESH_MAP | {"up": "none"} | SET_UPS[set_up], map_runs="2")
    for key in offered("speedup", measured=False):
        if set_up != ("elastic" if key == "regroup_s" else "failures" if key in OF_FAILURES else "plain"):
            continue
        if key != app.selectbox(key="across").value:
            app.selectbox(key="across").set_value(key).run()
        assert not app.exception, key
        assert not complaints(app), key
        assert headline(app), key
        table = app.dataframe[0].value
        assert not table["refused"].any(), key
        assert table.groupby("policy")["epoch_ms"].nunique().max() > 1, key


def test_axes_that_cannot_go_together_are_not_offered_together(open_page):
    app = open_page("map", map_runs="2")
    app.selectbox(key="across").set_value("cv").run()
    assert any("another distribution of compute times: Log-normal" in each.value for each in app.main.markdown)
    assert {"jitter", "gumbel_cv", "tail", "cv"}.isdisjoint(options_of(app, "up"))
    assert {"workers", "latency_ms", "bandwidth_gbps"} <= options_of(app, "up")
    app.selectbox(key="up").set_value("bandwidth_gbps").run()
    app.selectbox(key="across").set_value("latency_ms").run()
    assert app.selectbox(key="up").value == "none"
    assert not complaints(app)


def test_over_servers_a_map_says_that_pushes_outrun_the_workers_links(open_page):
    """And has the switch that limits them, though a single server needs none."""
    app = open_page("map", ask="speedup", across="servers", across_values="1,4", network="ring", map_runs="2")
    said = "a push goes to all 4 servers at once, so 40 Gb/s leave a worker whose own link carries 10 Gb/s."
    assert any(said in text.value for text in app.main.markdown)
    app.sidebar.toggle(key="own_link").set_value(True).run()
    assert not complaints(app)
    assert not any(said in text.value for text in app.main.markdown)


def options_of(app, key):
    """The keys that a widget for an axis offers, by their labels."""
    labels = {PARAMETERS[axis].label: axis for axis in AXES}
    return {labels[label] for label in app.selectbox(key=key).options if label in labels}


def test_axes_change_places(open_page):
    app = open_page("map", **FRESH_MAP, map_runs="2")
    app.selectbox(key="across").set_value("workers").run()
    assert (app.selectbox(key="across").value, app.selectbox(key="up").value) == ("workers", "bandwidth_gbps")
    assert app.text_input(key="up_values").value == ""
    assert not complaints(app)


def test_the_slowdown_of_nobody_changes_nothing(open_page):
    """A link from before shows what it showed, and why; who picks the axis has a slow worker."""
    app = open_page("map", ask="epoch", across="slowdown", map_runs="2")
    assert app.dataframe[0].value["epoch_ms"].nunique() == 2
    assert any("changes nothing here while Slow workers is 0" in caption.value for caption in app.main.caption)
    app = open_page("map", ask="epoch", map_runs="2")
    app.selectbox(key="across").set_value("slowdown").run()
    assert app.query_params["slow_workers"] == "1"
    assert app.dataframe[0].value["epoch_ms"].nunique() > 2


def test_a_policy_that_an_axis_needs_is_on_the_map(open_page):
    app = open_page("map", ask="speedup", across="bound", up="jitter", map_runs="2")
    assert not complaints(app)
    assert headline(app).startswith("Stale synchronous ")
    assert any("so this map also shows stale synchronous" in each.value for each in app.main.markdown)
    assert axes_now_of(app) == ("bound", "jitter")


def axes_now_of(app):
    """The axes of the map of an app."""
    now = app.session_state.session.values
    return (now["across"], now["up"])


def test_time_to_target_where_affordable(open_page):
    app = open_page("map", ask="target", across="workers", across_values="2,4", problem="quadratic")
    assert not app.exception
    assert not complaints(app)
    assert "Time to target" in headline(app)
    app = open_page("map", ask="target", across="workers", up="jitter", across_values="1,2,3,4", up_values="0,.1,.2,.3")
    assert "16 cells are more than 15" in complaints(app)[0]


def test_a_map_that_trains_has_fewer_of_the_usual_values(open_page, monkeypatch):
    asked = []

    def trained(workload, cell, policies, problem):
        asked.append(cell)
        return [{**cell, "policy": policy.name, "refused": "not now"} for policy in policies]

    monkeypatch.setattr("pages.shared.views.maps.target_rows", trained)
    open_page("map", ask="target", across="workers", up="jitter")
    workers, jitters = ({cell[name] for cell in asked} for name in ("workers", "compute.jitter"))
    assert len(asked) == len(workers) * len(jitters) <= 15
    assert {min(workers), max(workers)} == {1, 64}
    assert {min(jitters), max(jitters)} == {0, 0.9}
    asked.clear()
    app = open_page("map")
    app.selectbox(key="ask").set_value("target").run()
    speeds, workers = ({cell[name] for cell in asked} for name in ("network.bandwidth_gbps", "workers"))
    assert len(asked) <= 15
    assert min(len(speeds), len(workers)) >= 3


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"across_values": "1,x"}, "are not numbers"),
        (
            {"across": "cv", "up": "jitter"},
            "Jitter (±) cannot be an axis of this map. Choose another: Number of workers",
        ),
        ({"across": "workers", "across_values": "5000"}, "Number of workers: 5000 is not a whole number"),
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
    assert any("2 rows left out. Number of workers: 5000" in caption.value for caption in app.main.caption)


def test_a_stopped_map_keeps_what_is_done(open_page, monkeypatch):
    """The press of Stop ends the run that is under way; here, where nobody can press it so soon, a mistake does."""
    rows_of = maps.rows_of
    with monkeypatch.context() as patch:
        patch.setattr(maps, "BETWEEN", -1)
        patch.setattr(
            maps, "rows_of", lambda at, cell, *asked: rows_of(at, cell, *asked) if cell["workers"] < 4 else {}[0]
        )
        app = open_page("map", ask="idle", across_values="2,4,8")
    assert app.button(key="map_stop").label == "Stop"
    app.button(key="map_stop").click().run()
    assert "Stopped after 1 of 3 cells" in app.info[0].value
    assert len(app.dataframe[0].value) == 2
    next(b for b in app.button if b.label == "Resume").click().run()
    assert len(app.dataframe[0].value) == 6


def test_a_point_opens_in_compare_in_one_click(open_page):
    app = open_page("map", across="jitter", ask="speedup")
    app.select_slider[0].set_value(0.5).run()
    opened = follow(app, "Open in Compare")
    assert value(opened, "jitter") == 0.5
    assert value(opened, "workers") == DEFAULTS["workers"]
    table = sweep(Scenario(), {"compute.jitter": [0.5]}, BOTH, 1000)
    for epoch_ms in table["epoch_ms"]:
        assert duration(epoch_ms) in headline(opened)


def follow(app, label):
    """The page that a link leads to, in the same visit."""
    (link,) = [each for each in app.get("page_link") if label in each.proto.label]
    app.query_params.clear()
    app.query_params.update(parameters(link.proto.query_string))
    return app.switch_page(f"pages/{link.proto.page}.py").run()


def test_a_trace_is_mapped_by_its_fit_and_stays_private(open_page, monkeypatch):
    app = open_page("trace", across_values="2,8", map_runs="5")
    next(b for b in app.button if b.label == "Use as scenario").click().run()
    app.switch_page("pages/map.py").run()
    assert not complaints(app)
    assert any("fitted to the sample trace" in caption.value for caption in app.main.caption)
    monkeypatch.setattr("pages.shared.views.maps.rows_of.shared", lambda *asked: 1 / 0)
    app.selectbox(key="across").set_value("batches").run()
    assert not complaints(app)


def test_a_click_picks_the_cell_that_it_is_on(open_page, monkeypatch):
    """The third value across and the second one up, whatever else the chart can select."""

    monkeypatch.setattr("pages.shared.views.maps.clicked", lambda _: (2, 1))
    values = {"across_values": "0,0.3,0.6", "up_values": "100,200"}
    app = open_page("map", ask="speedup", across="jitter", up="latency_ms", map_runs="2", **values)
    place, said, *_ = [text.value for text in app.main.markdown]
    assert place == "Jitter (±): **0.6**  \nNetwork latency (ms): **200**"
    assert said.startswith("Asynchronous is ")
    assert "faster than synchronous (" in said
    (outline,) = tables_of(app, "picked").to_dict("records")
    assert outline == {"x": 2, "y": 1, "x2": 3, "y2": 2}


def test_a_tie_is_painted_as_a_tie(open_page):
    """No jitter, no latency: nothing to tell the two apart, and no colour of either."""
    app = open_page("map", ask="speedup", across="jitter", across_values="0,0.5", up="latency_ms", up_values="0,200")
    cells = tables_of(app, "cells").set_index(["v0", "v1"])
    assert cells.loc[(0, 0), "shown"] == 1
    assert cells.loc[(0.5, 200), "shown"] == cells.loc[(0.5, 200), "value"] > 1
    assert tables_of(app, "marks")["mark"].tolist() == ["="]


def test_theory_stands_beside_epoch_times_over_checkpoints(open_link):
    """Daly's mean epoch is a dashed line; Young's interval, of 379 s or almost three batches, a vertical one."""
    app = open_link("map", "card=how-often-to-save&guess=tell&map_runs=2")
    assert tables_of(app, "ideal")["x"].tolist() == sorted(set(tables_of(app, "lines")["x"]))
    (young,) = tables_of(app, "upright").to_dict("records")
    assert young["said"] == "Young"
    assert 2.5 < young["x"] < 3


def test_bandwidths_for_other_utilizations(open_page):
    """Under the map that asks for a bandwidth, the table of the cell that is picked, as `required_bandwidth` has it."""
    params = {"ask": "bandwidth", "network": "ring", "policies": ["sync", "local 4"], "jitter": "0"}
    app = open_page("map", across="message_mb", across_values="50,100", cell="100", up="none", **params)
    assert not complaints(app)
    scenario = Scenario(compute=Uniform(jitter=0), network=AlphaBeta(message_mb=100))
    table = required_bandwidth(scenario, [Synchronous(), LocalSGD(period=4)], replicates=5)
    assert bandwidths_in_words(table) in [text.value for text in app.main.markdown]
    assert app.table[0].value.iloc[:, 1:].values.tolist() == bandwidths(table).values.tolist()


def test_the_table_of_bandwidths_has_the_figure_of_the_map(open_page):
    """At 90 % utilization both say the same, whatever the number of runs; what needs none is not drawn."""
    app = open_page(
        "map", ask="bandwidth", across="workers", across_values="1,2", network="ring", map_runs="2", seed="7"
    )
    (of_map,) = app.dataframe[0].value.query("workers == 1 and policy == 'Asynchronous'")["bandwidth_gbps"]
    by_utilization = app.table[0].value.set_index("Policy").filter(like="90")
    assert by_utilization.loc["Asynchronous"].item() == f"{of_map:.3g}"
    assert by_utilization.loc["Synchronous"].item() == "any"
    assert "synchronous any bandwidth and asynchronous" in headline(app)
    assert any(
        caption.value.endswith("Where any bandwidth is enough, nothing is drawn.") for caption in app.main.caption
    )
