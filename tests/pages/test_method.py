"""The Method page: the model, every policy on paper, and the table checked against theory."""

from dataclasses import replace

import numpy as np

from core.policies.registry import CODES
from core.presets.examples import POLICIES
from core.theory.checks import CHECKS
from pages.shared.answers.method import prose
from tests.pages.helpers import charts


def test_the_page_is_whole(open_page):
    app = open_page("method")
    assert not app.exception
    assert not app.error
    assert f"All {len(CHECKS)} figures agree" in app.success[0].value
    assert len(charts(app)) == len(POLICIES)
    headings = [heading.value for heading in app.main.subheader]
    assert headings == ["The model", "What it leaves out", "Checked against theory"]  # below the small multiples
    table = app.dataframe[0].value
    assert table["Claim"].tolist() == [check.claim for check in CHECKS]
    assert (table["Verdict"] == "agrees").all()
    words = " ".join(text.value for text in app.main.markdown)
    assert len(prose("model.md")) > 1_000
    assert prose("model.md").strip() in words
    missing = {kind.name for kind in CODES.values()} - {policy.name for policy in POLICIES}
    captions = [caption.value for caption in app.main.caption]
    assert [name for name in missing if not any(f"{name} is not drawn: " in caption for caption in captions)] == []
    for policy in POLICIES:
        assert policy.label in words
        assert policy.rule in captions
    assert all(f"*{what}*" in words for what in ("correlated failures", "silent errors", "partial checkpoints"))
    assert all(len(chart.proto.alt) > 40 for chart in app.get("vega_lite_chart"))


def test_a_row_that_fails_is_shown_and_counted(open_page, monkeypatch):
    wrong = replace(CHECKS[0], expected=1.05 * CHECKS[0].expected)
    right = replace(CHECKS[1], sample=lambda: np.array([CHECKS[1].expected] * 3))
    monkeypatch.setattr("pages.shared.answers.checked_table.CHECKS", (wrong, right))
    monkeypatch.setattr("pages.shared.answers.checked_table.whole_table", dict)
    app = open_page("method")
    assert "1 of 2 figures differ" in app.error[0].value
    assert app.dataframe[0].value["Verdict"].tolist() == ["DIFFERS", "agrees"]
    assert "background-color" in str(app.dataframe[0].proto)
