"""Charts are compiled once for each shape: what is drawn is what Altair would have made of the very values."""

import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from altair.utils.schemapi import debug_mode

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Failures,
    KAsync,
    Scenario,
    Stragglers,
    Synchronous,
    Trace,
    charts,
    compare,
    simulate,
)
from core.charts.specs import compiled
from core.report.comparison import epoch_parts
from core.report.timeline_data import Outline, contribution_bars, picture, share_bars, staleness_bars
from core.schedule.downsampling import group_names, groups, overview
from core.traces.diagnosis import diagnose
from core.traces.reading import read_trace, sample_files
from core.traces.remedies import what_if, what_if_table


@cache
def run_of(scenario):
    return simulate(scenario)


SYNC, ASYNC = (Scenario(workers=6, policy=policy) for policy in (Synchronous(), Asynchronous()))
BACKUP = Scenario(workers=40, policy=BackupWorkers(wait_for=30))
STALE = Scenario(workers=9, network=AlphaBeta(message_mb=200), policy=KAsync(wait_for=2))
FAILS = Scenario(workers=40, batches=20, failures=Failures(mtbf_hours=0.1, restart_s=2))
LARGE = Scenario(workers=100, stragglers=Stragglers(slow_workers=3), policy=Asynchronous(accumulate=1))
COLORS = {"A": "#0072B2", "B": "#CC79A7"}
RATES = pd.DataFrame(
    {
        "policy": ["A", "A", "B"],
        "learning_rate": [0.5, 1.0, 0.25],
        "final_loss": [0.1, np.nan, 0.3],
        "time_s": [1.0, np.nan, 3.0],
        "happens": ["reached", "diverged", "reached"],
        "lost": [False, True, False],
        "best": [True, False, True],
    }
)
LINES = pd.DataFrame({"policy": ["A"] * 3 + ["B"] * 3, "x": [1, 2, 4] * 2, "middle": 2.0, "low": 1.0, "high": 3.0})
LOST = pd.DataFrame(
    {"policy": ["A", "A", "B", "B"], "run": 0, "of": 3, "x": [1, 2] * 2, "value": [5.0, 2.0, 2.0, 2.0]}
).assign(happens=["diverges"] * 2 + ["gets stuck"] * 2)
CROSSED = pd.DataFrame({"policy": ["A", "B"], "x": [1.5, 2.0]})
CELLS = pd.DataFrame({"x": [0, 1, 0, 1], "y": [0, 0, 1, 1], "shown": [0.5, 1.5, 2.0, 1.0], "v0": 1.0})
EDGES = pd.DataFrame([[1, 0, 1, 1]], columns=["x", "y", "x2", "y2"])
CLEAR, OPEN = CELLS.assign(mark=""), CELLS.assign(mark=["", "≈", "=", ""])
AXES = (["Jitter", "Latency"], [(0.1, 0.2), (50, 100)])
TIP = [("v0:Q", "Jitter", charts.PLAIN), ("shown:N", "Fastest", "")]
WINS = CLEAR.assign(shown=["A", "A", "B", "tie"])
INTERVALS = {"policy": ["B", "A"], "middle": [1.0, 2.0], "low": [0.5, 1.5], "high": [1.5, 2.5]}


@cache
def trace():
    """The trace, its diagnosis, the same with an episode, and what would help."""
    trace = read_trace(sample_files())
    found = diagnose(trace)
    episode = (2, *trace.step_numbers[5:12:6], 1.5, 40.0)
    columns = ["worker", "first_step", "last_step", "factor", "cost_percent"]
    with_episode = replace(found, episodes=pd.DataFrame([episode], columns=columns))
    return trace, found, with_episode, what_if_table(what_if(trace))


def picture_of(scenario):
    return picture(run_of(scenario))


def overview_of(scenario):
    run = run_of(scenario)
    rows = groups(np.arange(run.scenario.workers))
    failed = picture(run).failures if run.metrics.failures else None
    cells, names = overview(run.schedule, rows), group_names(rows)
    return charts.overview(cells, names, "Workers, by number", run.metrics.epoch_ms, failed)


def slownesses():
    trace_of, found, with_episode, _ = trace()
    return [charts.slowness(trace_of, with_episode), charts.slowness(trace_of, replace(found, kind="unclear"))]


EVERY = {
    "timeline": lambda: [
        *[charts.timeline(picture_of(each)) for each in (SYNC, ASYNC, BACKUP, STALE, FAILS)],
        *[charts.timeline(picture_of(ASYNC), (4_000, to_ms, "0.3 s")) for to_ms in (4_300, 9_000)],
    ],
    "outlined": lambda: [
        charts.with_outline(charts.timeline(picture_of(ASYNC)), Outline.of(run_of(SYNC)), 9_000),
        charts.with_outline(charts.small_timeline(picture_of(SYNC)), Outline((1.0,), 1.0)),
        charts.with_end(overview_of(LARGE), Outline((1.0,), 1.0)),
    ],
    "epoch parts": lambda: [
        charts.epoch_parts(epoch_parts(compare(Scenario(), [Synchronous(), BackupWorkers(wait_for=3)], replicates)))
        for replicates in (1, 20)
    ],
    "small timeline": lambda: [charts.small_timeline(picture_of(each)) for each in (SYNC, ASYNC, BACKUP, FAILS)],
    "overview": lambda: [overview_of(LARGE), overview_of(BACKUP), overview_of(FAILS)],
    "shares": lambda: [charts.shares(*share_bars(run_of(each))) for each in (SYNC, BACKUP, LARGE)],
    "staleness": lambda: [charts.staleness(*staleness_bars(run_of(each))) for each in (ASYNC, LARGE)],
    "contributions": lambda: [charts.contributions(*contribution_bars(run_of(each))) for each in (BACKUP, STALE)],
    "histogram": lambda: [
        charts.histogram({"A": np.arange(50.0), "B": np.arange(50.0) / 2}, "Epoch time (ms)", COLORS),
        charts.histogram({"B": np.ones(3)}, "Speed-up (×)", COLORS, marks=(0.9, 1.0, 1.1)),
    ],
    "intervals": lambda: [
        charts.intervals(INTERVALS, "Epoch time (s)", COLORS),
        charts.intervals(INTERVALS, "Speed-up (×)", COLORS, 1.0),
    ],
    "curves": lambda: [
        charts.curves(LINES, LOST[:0], CROSSED[:0], ("Time (s)", "Loss"), COLORS),
        charts.curves(LINES, LOST[:0], CROSSED, ("Time (s)", "Loss"), COLORS, level=1.5),
        charts.curves(LINES, LOST, CROSSED[:1], ("Time (s)", "Accuracy (%)"), COLORS, level=90, percent=True),
        charts.curves(LINES[:0], LOST, CROSSED[:0], ("Time (s)", "Loss"), COLORS, level=0.1),
    ],
    "lines": lambda: [
        charts.lines(LINES, "Workers", "Throughput", COLORS),
        charts.lines(LINES, "Workers", "Throughput", COLORS, level=1.0, ideal={"x": [1, 4], "ideal": [1, 4]}),
        charts.lines(LINES.assign(x=LINES["x"] * 4), "Share", "Throughput", COLORS),
        charts.lines(LINES, "Every", "Epoch", COLORS, ideal={"x": [1, 4], "ideal": [1, 4]}, upright=(2.5, "Young")),
    ],
    "sensitivity": lambda: [charts.sensitivity(RATES, COLORS), charts.sensitivity(RATES[~RATES["lost"]], COLORS)],
    "slowness": slownesses,
    "remedies": lambda: [charts.remedies(trace()[-1])],
    "heatmap": lambda: [
        charts.heatmap(CLEAR, *AXES, charts.amounts("Idle (%)", CLEAR["shown"]), TIP, EDGES[:0]),
        charts.heatmap(OPEN, *AXES, charts.speedups(*COLORS.values(), "Speed-up (×)"), TIP, EDGES),
        charts.heatmap(WINS, *AXES, charts.winners(["A", "B", "tie"], COLORS, ("tie", "open")), TIP, EDGES[:0]),
    ],
}


@cache
def every(kind):
    return EVERY[kind]()


def test_an_outline_frames_the_workers_that_both_runs_have():
    """From 0 to the other run's end of each; the axis goes as far as is asked, or stays."""
    plain = charts.timeline(picture_of(ASYNC))
    chart = charts.with_outline(plain, Outline((5.0, 7.0), 7.0), 8_000.0)
    assert chart.data["outline"]["label"].tolist() == ["W0", "W1"]
    assert chart.data["outline"]["to_ms"].tolist() == [5.0, 7.0]
    assert chart.data["outline_end"]["at_ms"].tolist() == [7.0]
    assert chart.values["until"] == pytest.approx(8_080)
    assert charts.with_outline(plain, Outline((5.0,), 5.0)).values["until"] == plain.values["until"]
    assert "outline" not in plain.data


def test_stragglers_are_marked_where_batches_are_few():
    for batches, marked in ((10, 10), (25, 0)):
        chart = charts.timeline(picture_of(Scenario(batches=batches)))
        assert len(chart.data["stragglers"]["end_ms"]) == marked
        assert len(chart.data["barriers"]["at_ms"]) == batches


def test_diamonds_mark_stragglers_and_where_the_target_is_reached():
    for kind, table in (("timeline", "stragglers"), ("curves", "crossings")):
        layers = [layer for chart in every(kind) for layer in chart.spec["layer"]]
        marked = [layer["mark"] for layer in layers if layer.get("data", {}).get("name") == table]
        assert "diamond" in [mark.get("shape") for mark in marked]


@pytest.mark.parametrize("kind", EVERY)
def test_a_compiled_chart_is_what_altair_makes(kind):
    """Twice: a chart that is drawn from the cache is no other, and nobody can spoil what is kept there."""
    for chart in every(kind):
        first = chart.spec
        with debug_mode(False):  # Altair has looked at the compiled one for mistakes
            made = charts.as_spec(chart.declare(*chart.shape, charts.Values(chart.values))) | {"height": chart.height}
        assert without_names(first) == without_names(made)
        spoil(first)
        assert without_names(chart.spec) == without_names(made)


@pytest.mark.parametrize("kind", EVERY)
def test_a_chart_has_the_data_that_it_names(kind):
    """Every table that a spec names is sent, with every field that it draws, in columns of one length."""
    for chart in every(kind):
        spec = chart.spec
        json.dumps(spec)
        assert "<" not in json.dumps(spec["layer"] if "layer" in spec else spec["encoding"]).replace("<=", "")
        named = {}
        views(spec, None, named)
        assert named.keys() == chart.data.keys()
        for name, fields in named.items():
            assert fields <= chart.data[name].keys()
            assert len({len(column) for column in chart.data[name].values()}) == 1


def test_charts_of_one_shape_are_compiled_once():
    compiled.cache_clear()
    for seed in range(5):
        chart = charts.timeline(picture(simulate(Scenario(seed=seed))))
        assert chart.spec["layer"][0]["encoding"]["x"]["scale"]["domain"][1] == chart.values["until"]
    assert compiled.cache_info().misses == 1


def without_names(spec):
    """A spec without the names that Altair counts up or hashes for its views, as Streamlit does before sending."""
    return json.loads(re.sub(r'"view_[0-9a-f]+(_\d+)?"', '"view"', json.dumps(spec)))


def spoil(node):
    """Change everything in a spec."""
    for value in node.values() if isinstance(node, dict) else node:
        if isinstance(value, dict | list):
            spoil(value)
    node.clear()


def views(node, table, named):
    """Collect the fields that each table of a spec is asked for."""
    table = node.get("data", {}).get("name", table)
    for layer in node.get("layer", []):
        views(layer, table, named)
    if "mark" in node:
        found = named.setdefault(table, set())
        for channel in node.get("encoding", {}).values():
            for each in channel if isinstance(channel, list) else [channel]:
                found |= {each["field"]} if "field" in each else set()


def test_numbers_on_axes_are_those_that_people_write():
    """20,000 and not 2e+4: on the axes of cells, and on those of lines, whose labels the browser makes."""
    axes = AXES[0], [(1_000, 20_000), (0.5, 1e6)]
    cells = charts.heatmap(CLEAR, *axes, charts.amounts("Idle (%)", CLEAR["shown"]), TIP, EDGES[:0])
    assert (cells.values["x_labels"], cells.values["y_labels"]) == (
        "['1,000', '20,000'][floor(datum.value)]",
        "['0.5', '1,000,000'][floor(datum.value)]",
    )
    spec = json.dumps(charts.lines(LINES, "Workers", "Throughput", COLORS).spec)
    assert "abs(datum.value) >= 1e4 ? ',.4~r' : ',.4~g'" in spec
    assert '"format": ".4g"' not in spec


def test_the_axes_show_where_the_target_is_crossed():
    """Where all policies cross it; otherwise all there is."""
    band = pd.DataFrame({"policy": ["A"] * 3 + ["B"] * 3, "x": [0, 10, 100] * 2, "middle": [10.0, 80, 95] * 2})
    band = band.assign(low=band["middle"], high=band["middle"])
    titles, target = ("Time (s)", "Accuracy (%)"), {"level": 90, "percent": True}
    zoomed = charts.curves(band, LOST[:0], CROSSED.assign(x=[20, 30]), titles, COLORS, **target)
    assert zoomed.values["x_end"] == pytest.approx(48)
    assert (zoomed.values["y_low"], zoomed.values["y_high"]) == (50, 100)
    whole = charts.curves(band, LOST[:0], CROSSED[:1].assign(x=20), titles, COLORS, **target)
    assert whole.values["x_end"] == 100
    assert (whole.values["y_low"], whole.values["y_high"]) == (0, 100)


def test_labels_of_lost_runs_do_not_stand_upon_each_other():
    chart = charts.curves(LINES, LOST[2:], CROSSED, ("Time (s)", "Loss"), COLORS)
    both = charts.curves(LINES, LOST.assign(value=2.0), CROSSED, ("Time (s)", "Loss"), COLORS)
    assert chart.data["ends"]["said"].tolist() == ["1 of 3 stuck"]
    assert set(both.data["ends"]["said"]) == {"1 of 3 stuck", "1 of 3 diverged"}
    low, high = sorted(both.data["ends"]["value"])
    assert high - low > 0.07 * (both.values["y_high"] - both.values["y_low"])


def test_a_remedy_is_coloured_as_saving_only_where_its_range_is():
    drawn = pd.DataFrame(charts.remedies(trace()[-1]).data["remedies"])
    low, high = drawn["saved_low_percent"], drawn["saved_high_percent"]
    assert (drawn["outcome"] == "saves time").equals(low > 0)
    assert (drawn["outcome"] == "costs time").equals(high < 0)
    assert set(drawn["outcome"]) == {"saves time", "costs time", "not decided"}


def test_a_heatmap_says_who_accounts_for_the_waiting_and_how_slow_the_slowest_were():
    trace_of, found, with_episode, _ = trace()
    drawn = charts.slowness(trace_of, with_episode)
    shares = [f"{share:.0f}" for share in found.workers["cost_percent"]]
    assert [label.split(" · ")[1].split("\N{NO-BREAK SPACE}")[0] for label in drawn.values["labels"]] == shares
    said = drawn.data["remarks"]
    assert said["text"][0] == "1.50×, steps 6 to 12"
    assert said["at"][0] == (6 + 13) / 2
    relative = trace_of.compute_ms / trace_of.compute_ms.mean(axis=1, keepdims=True)
    assert said["text"][1:] == [f"{ratio:.1f}×" for ratio in np.sort(relative, axis=None)[::-1] if ratio >= 1.5]
    assert charts.slowness(trace_of, replace(found, kind="unclear")).values["labels"] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("steps", [12, 20, 40])
def test_what_is_written_on_the_first_and_last_steps_of_a_heatmap_stays_inside(steps):
    slow = np.full((steps, 4), 100.0)
    slow[0, 0] = slow[-1, 1] = 1_000
    trace = Trace(compute_ms=slow, worker_names=(0, 1, 2, 3), step_numbers=tuple(range(steps)))
    said = charts.slowness(trace, diagnose(trace)).data["remarks"]
    assert len(said["text"]) == 2
    room = 70 / steps
    for text, at in zip(said["text"], said["at"], strict=True):
        assert len(text) / room / 2 - 1e-9 <= at <= steps - len(text) / room / 2 + 1e-9
