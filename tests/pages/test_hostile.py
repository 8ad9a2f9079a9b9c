"""Links that nobody should have made: a message that names key, value and range, and a page that lives."""

import re
import tomllib

import pytest
from streamlit.testing.v1 import AppTest

from core.common.parameters import Text
from core.links import DEFAULTS, PARAMETERS, PinnedScenario, Span
from pages.shared.controls.url import as_code
from tests.pages.conftest import ROOT
from tests.pages.helpers import alive, complaints

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


def at_their_defaults(app):
    """Every control of the sidebar is."""
    shown = (*app.sidebar.slider, *app.sidebar.number_input, *app.sidebar.radio, *app.sidebar.selectbox)
    assert all(widget.value == DEFAULTS[widget.key] for widget in shown if widget.key in DEFAULTS)


@pytest.mark.parametrize("value", BAD)
def test_every_key_with_a_bad_value(open_page, value):
    """Each is named on the first page, and gone from the next one."""
    app = open_page(**dict.fromkeys(PARAMETERS, value))
    assert alive(app)
    messages = complaints(app)
    refused = {key: at.rule for key, at in PARAMETERS.items() if not at.rule.accepts([value])}
    assert all(
        isinstance(PARAMETERS[key].rule, Text | Span | PinnedScenario) for key in PARAMETERS.keys() - refused.keys()
    )
    for (key, rule), message in zip(refused.items(), messages, strict=True):
        assert f"`{key}`" in message
        assert as_code(value) in message
        assert rule.allowed in message
    at_their_defaults(app)
    assert alive(app.switch_page("pages/compare.py").run())
    at_their_defaults(app)
    assert app.sidebar.multiselect[0].value == list(DEFAULTS["policies"])


def test_values_between_steps_and_in_other_notations_are_taken(open_page):
    app = open_page("compare", batch_ms="512", jitter="0.123", replicates="1e2", workers="5.0")
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


BREAKABLE = ["core.report.run.run_answer", "pages.shared.sidebar.sidebar.cluster_button", "core.charts.shares"]


@pytest.mark.parametrize("broken", BREAKABLE)
def test_an_unexpected_failure_shows_an_incident_not_a_trace(open_page, monkeypatch, caplog, broken):
    """In the page, in the sidebar or in a chart: the detail goes to the log, under the id that is shown."""
    monkeypatch.setattr(broken, lambda *_, **__: {"secret": 1}["password"])
    app = open_page()
    assert not app.exception
    (message,) = [error.value for error in app.error]
    incident = re.fullmatch(r"Something went wrong on our side \(incident ([0-9a-f]{8})\)\. .*", message)[1]
    (record,) = [record for record in caplog.records if incident in record.getMessage()]
    assert record.levelname == "ERROR"
    assert record.exc_info[0] is KeyError
    assert "password" in caplog.text
    assert not [shown.value for shown in (*app.markdown, *app.error, *app.caption) if "password" in shown.value]


def test_every_incident_has_an_id_of_its_own_and_the_app_goes_on(open_page, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr("core.report.run.run_answer", lambda run: 1 / 0)
        app = open_page()
        first = app.error[0].value
        assert app.run().error[0].value != first
        assert app.slider(key="workers").value == 4
    assert alive(app.run())


FAILING = """
import streamlit as st
from pages.shared.errors import boundary

@boundary()
def fail():
    return 1 / 0

st.button("Fail", on_click=fail)
st.header("Still here")
"""


def test_a_callback_has_a_boundary_of_its_own(open_page, monkeypatch, caplog):
    """Alone, and in the app: there, AppTest starts over after a callback, and so loses what it said."""
    app = AppTest.from_string(FAILING).run().button[0].click().run()
    assert app.error[0].value.split("incident ")[1][:8] in caplog.text
    assert app.header[0].value == "Still here"
    caplog.clear()
    app = open_page(workers="6")
    with monkeypatch.context() as broken:
        broken.setattr("pages.shared.sidebar.sidebar.secrets.randbelow", lambda _: 1 / 0)
        next(button for button in app.button if button.label == "New seed").click().run()
    assert "ZeroDivisionError" in caplog.text
    assert alive(app)
    assert app.slider(key="workers").value == 6


def test_every_callback_of_ours_has_a_boundary():
    pages = "\n".join(path.read_text() for path in (ROOT / "pages").rglob("*.py"))
    callbacks = set(re.findall(r"on_(?:click|change|select)=(?:lambda: |\w+\.)?(\w+)", pages))
    assert len(callbacks) > 9
    for callback in callbacks:
        assert f"@action\ndef {callback}(" in pages or f"@boundary()\ndef {callback}(" in pages, callback


def test_a_fragment_has_a_boundary_of_its_own(open_page, monkeypatch, caplog):
    """Dragging across the overview of a large run runs nothing but the fragment; what is above it stays."""
    monkeypatch.setattr("core.report.run.closeup_in_words", lambda *_: 1 / 0)
    app = open_page(workers="64", batches="100")
    assert alive(app)
    (message,) = [error.value for error in app.error]
    assert message.split("incident ")[1][:8] in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_details_of_errors_stay_on_the_server():
    """What the boundary cannot catch, such as a mistake in it, Streamlit itself shows: without detail."""
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert settings["client"]["showErrorDetails"] == "none"
    assert settings["server"]["enableXsrfProtection"]
    assert settings["server"]["enableCORS"]
    assert settings["server"]["maxUploadSize"] == 256
