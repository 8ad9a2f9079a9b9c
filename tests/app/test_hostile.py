"""Links that nobody should have made: a message that names key, value and range, and a page that lives."""

import random

import pytest

from core.link import DEFAULTS
from pages.shared.keys import CONTROLS, Text
from pages.shared.links import as_code
from tests.app.helpers import alive, complaints

BAD = [
    "",
    "abc",
    "-1",
    "1e999",
    "nan",
    "inf",
    "9" * 400,
    "4;drop table",
    "<script>",
    "🙂",
    "\x00",
    "[1]",
    "0x10",
    "4 4",
]


@pytest.mark.parametrize("page", ["timeline", "compare"])
@pytest.mark.parametrize("value", BAD)
def test_every_key_with_a_bad_value(open_page, page, value):
    app = open_page(**dict.fromkeys(CONTROLS, value))
    assert alive(app)
    messages = complaints(app)
    refused = {key: control for key, control in CONTROLS.items() if not control.accepts([value])}
    assert all(isinstance(CONTROLS[key], Text) for key in CONTROLS.keys() - refused.keys())
    for (key, control), message in zip(refused.items(), messages, strict=True):
        assert f"`{key}`" in message
        assert as_code(value) in message
        assert control.allowed in message
    if page == "compare":
        assert alive(app.switch_page("pages/compare.py").run())
    shown = (*app.sidebar.slider, *app.sidebar.number_input, *app.sidebar.radio, *app.sidebar.selectbox)
    assert all(widget.value == DEFAULTS[widget.key] for widget in shown)
    assert app.sidebar.multiselect[0].value == list(DEFAULTS["policies"])


def test_values_between_steps_and_in_other_notations_are_taken(open_page):
    app = open_page(batch_ms="512", jitter="0.123", replicates="1e2", workers="5.0")
    assert not complaints(app)
    assert app.slider(key="batch_ms").value == 512
    assert app.slider(key="jitter").value == 0.123
    assert app.number_input(key="replicates").value == 100
    assert app.slider(key="workers").value == 5


def test_the_largest_seed_is_carried_exactly(open_page):
    assert open_page(seed=str(2**53 - 1)).number_input(key="seed").value == 2**53 - 1
    assert complaints(open_page(seed=str(2**53)))


def test_a_repeated_key_is_refused(open_page):
    app = open_page(workers=["3", "5"])
    assert "`3, 5`" in complaints(app)[0]
    assert app.slider(key="workers").value == 4


def test_an_unknown_key_is_named_once(open_page):
    app = open_page(wokers="4")
    assert "`wokers`" in complaints(app)[0]
    app.run()
    assert not complaints(app)


def test_a_strangers_text_is_inert():
    assert as_code("`![x](http://e)` " + "y" * 99) == "`?![x](http://e)? " + "y" * 43 + "`"


def test_random_links(open_page):
    """Random keys and values; the pages live through all of them."""
    dice = random.Random(7)
    values = [*BAD, "1", "64", "100", "0", "0.95", "sync", "async", "2000", "10000"]
    for _ in range(25):
        params = {dice.choice([*CONTROLS, "x", "embed"]): dice.choice(values) for _ in range(dice.randint(1, 6))}
        app = open_page(**params)
        assert alive(app), params
        assert alive(app.switch_page("pages/compare.py").run()), params


def test_an_unexpected_failure_shows_an_incident_not_a_trace(open_page, monkeypatch, caplog):
    monkeypatch.setattr("core.report.run_answer", lambda run: 1 / 0)
    app = open_page()
    assert not app.exception
    (message,) = complaints(app)
    incident = message.split("incident ")[1][:8]
    assert incident in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert app.slider(key="workers").value == 4
