"""Every page has the controls that act on it, and no others; what is hidden keeps its value."""

import random

import pytest

from core.common.parameters import Flag, Number, OneOf, Text
from core.links import DEFAULTS, PARAMETERS
from pages.shared import app as app_of_pages
from pages.shared.sidebar import sidebar
from tests.links import written
from tests.pages.helpers import complaints, headline, tiles, value

RICH = {"slow_workers": "1", "hiccup_probability": "0.1", "episode_share": "0.2", "batches": "30", "replicates": "5"}
FEW = {"map_runs": "2", "across": "jitter", "across_values": "0,0.5", "ask": "epoch"}
SCENES = [
    ("timeline", RICH | {"mode": "async"}),
    ("timeline", RICH | {"network": "server", "servers": "4"}),
    ("compare", RICH),
    ("compare", RICH | {"network": "ring", "law": "lognormal"}),
    ("compare", RICH | {"policies": ["sync", "local 4"]}),
    ("map", RICH | FEW),
]


def seen(app):
    """All that a page shows, but how long it took and how to reach it."""
    texts = [element.value for element in (*app.main.markdown, *app.main.caption, *app.main.text)]
    texts = [text for text in texts if " simulated epochs." not in text and "workers=" not in text]
    alts = [chart.proto.alt for chart in app.get("vega_lite_chart")]
    said = [*[header.value for header in app.header], *complaints(app)]
    return [said, tiles(app), texts, alts, *[table.value.to_csv() for table in app.dataframe]]


def another(key, now):
    """Another value of a control."""
    rule = PARAMETERS[key].rule
    if isinstance(rule, Text):
        return f"{now}x"
    if isinstance(rule, Flag):
        return not now
    if key == "workers_per_node":
        return 2  # one that four workers can be divided by
    if isinstance(rule, OneOf):
        return next(choice for choice in rule.choices if choice != now)
    low, high = PARAMETERS[key].usual or (rule.low, rule.high)
    larger = min(high, 2 * now + 4 * rule.kind(PARAMETERS[key].step))
    return rule.kind(larger if larger > now else low)


def scenario_keys():
    """The keys of a scenario, whichever it is; those of the pages are drawn by the pages."""
    of_pages = (
        "policies",
        "present",
        "problem",
        "curves",
        "train",
        "rate",
        "ask",
        "against",
        "across",
        "up",
        "map_runs",
        "flips",
    )
    others = ("cell", "worker_order", "window", "times", "flips", "card", "guess", "pin", "hours_a_day")
    return [key for key in PARAMETERS if not key.startswith((*of_pages, *others))]


def widget(app, key):
    """The widget of a control in the sidebar."""
    widgets = (*app.sidebar.slider, *app.sidebar.number_input, *app.sidebar.selectbox)
    return next(each for each in widgets if each.key == key)


@pytest.mark.parametrize(("page", "link"), SCENES, ids=lambda each: each if isinstance(each, str) else "")
def test_each_control_of_a_page_changes_it(open_link, page, link):
    app = open_link(page, written({key: text if isinstance(text, list) else [text] for key, text in link.items()}))
    shown = [*app.sidebar.slider, *app.sidebar.number_input, *app.sidebar.selectbox]
    keys = [widget.key for widget in shown if widget.key in PARAMETERS]
    assert len(keys) > 8
    before, moved = seen(app), {}
    for key in keys:
        now = value(app, key)
        for other, was in moved.items():
            widget(app, other).set_value(was)  # back, in the same run
        widget(app, key).set_value(another(key, now)).run()
        assert seen(app) != before, key
        moved = {key: now}
        if isinstance(PARAMETERS[key].rule, OneOf):  # others may be hidden by it
            widget(app, key).set_value(now).run()
            moved = {}


@pytest.mark.parametrize(("page", "link"), SCENES[:5], ids=lambda each: each if isinstance(each, str) else "")
def test_a_control_that_is_not_on_a_page_does_not_change_it_and_keeps_its_value(open_link, page, link):
    query = {key: text if isinstance(text, list) else [text] for key, text in link.items()}
    app = open_link(page, written(query))
    before = seen(app)
    kinds = ("slider", "number_input", "selectbox", "multiselect", "toggle")
    widgets = [widget for kind in kinds for widget in app.sidebar.get(kind)]
    hidden = [key for key in scenario_keys() if key not in {widget.key for widget in widgets} and key not in link]
    assert len(hidden) > 5
    dice = random.Random(3)
    changed = {key: [str(another(key, DEFAULTS[key]))] for key in dice.sample(hidden, len(hidden))}
    assert all(isinstance(PARAMETERS[key].rule, Number | OneOf | Flag | Text) for key in hidden)
    app = open_link(page, written(query | changed))
    assert not app.warning
    assert seen(app) == before
    assert {key: [str(value(app, key))] for key in changed} == {
        key: [str(PARAMETERS[key].rule.read(key, texts))] for key, texts in changed.items()
    }


def test_a_policy_that_failures_do_not_allow_is_left_out_and_the_others_stand(open_link):
    app = open_link("compare", "policies=sync&policies=async&policies=local+8+delay+2&mtbf_hours=0.05&replicates=5")
    (said,) = complaints(app)
    assert said.startswith("Local SGD (every 8, delay 2) is left out, as workers may fail: with a delay")
    assert "policy." not in said
    assert headline(app).startswith("Asynchronous finishes")


@pytest.mark.parametrize(
    ("link", "field"),
    [({"mode": "local", "delay": "2"}, "policy.delay"), ({"mode": "local", "balance": "true"}, "policy.balance")],
)
def test_what_failures_do_not_allow_is_refused_where_its_control_is(open_link, link, field):
    """All controls stay there; where the policies of a page do not have it, it does not matter."""
    failing = link | {"mtbf_hours": "5", "replicates": "2"}
    app = open_link("timeline", written({key: [text] for key, text in failing.items()}))
    assert [said for said in complaints(app) if said.startswith(f"{field}: ")]
    keys = {widget.key for widget in (*app.sidebar.slider, *app.sidebar.number_input, *app.sidebar.toggle)}
    assert {"mtbf_hours", field.partition(".")[2]} <= keys
    app = open_link(
        "compare", written({key: [text] for key, text in failing.items()} | {"policies": ["async", "ssp 2"]})
    )
    assert not complaints(app)
    assert tiles(app) or app.get("vega_lite_chart")


def test_controls_are_drawn_before_the_page_that_may_work_for_long(open_page, monkeypatch):
    """So that a visitor whom a link has brought can change them while the first answer is still being trained."""
    order = []
    for module, name in ((sidebar, "show"), (app_of_pages, "run")):
        drawn = getattr(module, name)
        monkeypatch.setattr(module, name, lambda page, name=name, drawn=drawn: (order.append(name), drawn(page)))
    assert not open_page("method").exception
    assert order == ["show", "run"]
