"""A scenario that is pinned: what pages say against it, in the link, and what it costs."""

import pytest

from core import Asynchronous, FlatLatency, Scenario, Synchronous, simulate
from core.changes import changes, what_changed
from core.report.changes import change_in_words
from core.report.comparison import paired_runs
from core.report.timeline_data import Outline
from pages.shared import uploaded_trace
from pages.shared.answers import pinned
from pages.shared.answers.pinned import outcome_of
from pages.shared.caching.results import from_a_trace
from pages.shared.controls import values
from pages.shared.views.pinned import room_for
from tests.pages.helpers import charts, complaints, link, tables_of
from tests.pages.test_address import elsewhere

POLICIES = [Synchronous(), Asynchronous()]
NOW = Scenario(network=FlatLatency(latency_ms=50))
CONTROL = paired_runs(NOW, POLICIES)


def press(app, label):
    """Press the button with this label."""
    next(button for button in app.button if button.label == label).click().run()


def buttons(app):
    """The labels of those buttons that have to do with what is pinned."""
    known = ("Pin this scenario", "Go back to the pinned one", "Unpin")
    return [button.label for button in app.main.button if button.label in known]


def said(app):
    """What the page says in sentences."""
    return [text.value for text in app.main.markdown]


def test_a_scenario_is_pinned_and_compared_with_wherever_one_goes(open_page, monkeypatch):
    computed = []
    outcomes = pinned.outcomes
    monkeypatch.setattr(pinned, "outcomes", lambda *asked: computed.append(asked) or outcomes(*asked))
    app = open_page("compare", replicates="50")
    assert buttons(app) == ["Pin this scenario"]
    press(app, "Pin this scenario")
    assert ":material/push_pin: This is the pinned scenario." in said(app)
    assert computed == []
    app.slider(key="latency_ms").set_value(50).run()
    assert ":material/push_pin: Against the pinned scenario: **Network latency** 200 → 50\xa0ms" in said(app)
    for change in what_changed(Scenario(), NOW, POLICIES, 50):
        assert change_in_words(change, CONTROL) in said(app)
    assert app.query_params["pin"] == "workers 4"
    first = charts(app)[0]
    assert first["layer"][0]["data"]["name"] == "outline"
    assert first["layer"][1]["encoding"]["x"]["scale"]["domain"][1] > simulate(Scenario()).metrics.epoch_ms
    (end,) = [layer for layer in first["layer"] if layer["data"]["name"] == "outline_end"]
    assert end["mark"]["strokeDash"]
    app.run()
    assert len(computed) == 1
    elsewhere(app, "compare")
    app.switch_page("pages/timeline.py").run()
    one = changes([outcome_of(simulate(Scenario()))], [outcome_of(simulate(NOW))], paired=True)
    assert change_in_words(one[0], CONTROL) in said(app)
    assert "Behind it, the pinned scenario's epoch ends at 7.74\xa0s" in app.get("vega_lite_chart")[0].proto.alt
    press(app, "Go back to the pinned one")
    assert app.slider(key="latency_ms").value == 200
    press(app, "Unpin")
    assert buttons(app) == ["Pin this scenario"]
    assert "pin" not in app.query_params


def test_many_policies_have_a_table_and_a_frame_each(open_page):
    app = open_page("compare", policies=["sync", "async", "ssp 2"], latency_ms="50", replicates="5", pin="workers 4")
    assert any(text.startswith("All 3 policies are faster (") for text in said(app))
    assert [table for table in app.dataframe if "Pinned epoch" in table.value]
    names = [chart["layer"][0].get("data", {}).get("name") for chart in charts(app)]
    assert names.count("outline") == 3


def test_the_pinned_scenario_is_marked_on_a_map_that_it_lies_on(open_page):
    asked = {"ask": "epoch", "across": "jitter", "across_values": "0.2,0.4", "map_runs": "2", "replicates": "5"}
    app = open_page("map", jitter="0.4", pin="workers 4", **asked)
    assert (
        ":material/push_pin: The pinned scenario is marked with a dotted frame or line: Jitter (±): **0.2**."
        in said(app)
    )
    assert "The pinned scenario lies at Jitter (±): **0.2**." in app.get("vega_lite_chart")[0].proto.alt
    assert tables_of(app, "pinned")["x"].tolist() == [0.2]
    app = open_page("map", pin="workers 5", **asked)
    assert any("not on this map. Against it: **Number of workers** 5 → 4" in text for text in said(app))
    app = open_page("map", **asked | {"across": "bandwidth_gbps", "across_values": "10,20"})
    press(app, "Pin this scenario")  # as the map shows it, with the network that its axis needs
    assert "network ring" in app.query_params["pin"]


def test_a_pinned_scenario_that_is_none_is_refused_in_words(open_page):
    app = open_page("compare", pin="workers 0 <b>", replicates="5")
    (message,) = complaints(app)
    assert "Pinned scenario takes a scenario as pairs of a key and its value" in message
    assert message.endswith("Nothing is pinned.")
    assert "<b>" not in message.replace("`workers 0 <b>`", "")
    assert buttons(app) == ["Pin this scenario"]
    app = open_page("compare", pin="workers 3 times trace", replicates="5")
    assert "exists only in the session that uploaded it" in complaints(app)[0]


def test_the_link_to_copy_names_all_of_what_is_pinned(open_page):
    app = open_page(pin="workers 6")
    copied = link(app)
    assert "pin=workers+6+mode+sync+law+uniform+network+flat" in copied
    assert "latency_ms+200" in copied
    press(app, "Reset")
    assert "pin" not in app.query_params


def test_the_mode_is_part_of_the_scenario_on_timeline_alone(open_page):
    """And Learning names what differs, without training the pinned scenario."""
    asked = {"mode": "async", "pin": "workers 4", "replicates": "2"}
    assert ":material/push_pin: This is the pinned scenario." in said(open_page("compare", **asked))
    app = open_page("learning", problem="quadratic", train_seeds="1", workers="2", **asked)
    assert ":material/push_pin: Against the pinned scenario: **Number of workers** 4 → 2" in said(app)
    assert any("The pinned scenario is not trained here" in caption.value for caption in app.main.caption)
    app = open_page(**asked)
    assert ":material/push_pin: Against the pinned scenario: **Mode** Synchronous → Asynchronous" in said(app)


def test_an_outline_gets_room_up_to_two_and_a_half_times_the_epoch():
    for pinned_ms, until_ms in ((200.0, 300.0), (600.0, 600.0), (900.0, 750.0)):
        assert room_for([Outline((pinned_ms,), pinned_ms)], [100.0, 300.0]) == until_ms


@pytest.mark.parametrize(
    ("pin", "own"), [("", False), ("workers 4 times sample", False), ("workers 4 times trace", True)]
)
def test_nothing_of_a_pinned_trace_is_kept_where_others_could_see_it(monkeypatch, pin, own):
    monkeypatch.setattr(values, "now", lambda: {"times": "controls", "pin": pin})
    assert from_a_trace() == own


def test_a_pinned_trace_is_let_go_of_when_another_one_comes(monkeypatch):
    for pin, then in (("workers 4", None), ("workers 4 times sample", None), ("workers 4 times trace", {"pin": ""})):
        said = []
        monkeypatch.setattr(values, "now", lambda pin=pin: {"pin": pin})
        monkeypatch.setattr(values, "put", said.append)
        uploaded_trace.let_go_of_pin()
        assert said == ([then] if then else [])
