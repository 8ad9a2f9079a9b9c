"""The address and the controls, message by message, as browsers send them: late, twice, or out of date."""

import pytest
import streamlit as st

from core.link import DEFAULTS
from pages.shared.boundary import action
from pages.shared.controls import url, values


class Held(dict):
    """Session state as far as the controls use it."""

    __getattr__, __setattr__ = dict.__getitem__, dict.__setitem__

    def to_dict(self):
        return dict(self)


class Query(dict):
    """The query of the address."""

    get_all = dict.__getitem__

    def from_dict(self, query):
        self.clear()
        self.update(query)


class Browser:
    """What a browser knows, and the runs that it asks for."""

    def __init__(self, monkeypatch, **query):
        monkeypatch.setattr(st, "session_state", Held())
        monkeypatch.setattr(st, "query_params", Query(query))
        self.page, self.shown = "", {}
        self.run()

    @property
    def said(self):
        """What is in the address bar."""
        return dict(st.query_params)

    def run(self, *, address=None, page=None, press=None, heard=True, ends=True, **moved):
        """A run: after a move, a press of a button, a new address or page.

        heard: whether the browser hears what the run has drawn, ends: whether it goes to its end.
        """
        self.shown |= moved
        for key, value in self.shown.items():
            st.session_state[key] = value
        if address is not None:
            st.query_params.from_dict(address)
        self.page = self.page if page is None else page
        if press:
            action(press)()
        url.take(self.page)
        drawn = ["workers", "mode", "seed"] if self.page == "" else ["workers", "seed"]
        for key in drawn:
            with values.mounted(key):
                pass
        if ends:
            url.write()
        if heard:
            self.shown = {key: st.session_state[key] for key in drawn}
        return values.now()


@pytest.fixture
def browser(monkeypatch):
    return Browser(monkeypatch, workers=["6"])


def preset():
    values.put({"workers": 8, "mode": "async", "cv": 0.004})


def test_the_address_follows_the_controls_and_the_controls_the_address(browser):
    assert values.now() == {**DEFAULTS, "workers": 6}
    browser.run(workers=7)
    assert browser.said == {"workers": ["7"]}
    assert browser.run(address={"workers": ["6"]})["workers"] == 6
    assert browser.run(address={})["workers"] == DEFAULTS["workers"]
    browser.run(press=preset)
    assert browser.said == {"workers": ["8"], "mode": ["async"], "cv": ["0.004"]}


def test_what_is_not_on_a_page_is_kept(browser):
    browser.run(mode="async")
    browser.run(page="compare")
    assert "mode" not in st.session_state
    assert browser.said == {"workers": ["6"], "mode": ["async"]}
    assert browser.run(page="")["mode"] == st.session_state["mode"] == "async"


def test_a_move_beats_an_address_that_has_not_heard_of_the_last_one(browser):
    browser.run(workers=7)
    assert browser.run(address={"workers": ["6"]}, workers=8)["workers"] == 8
    assert browser.said == {"workers": ["8"]}


def test_a_button_pressed_with_an_outdated_address_keeps_the_last_move(browser):
    browser.run(workers=7)
    assert browser.run(address={"workers": ["6"]}, press=lambda: None)["workers"] == 7
    assert browser.said == {"workers": ["7"]}


def test_a_link_that_was_drawn_before_the_last_moves_keeps_them(browser):
    browser.run(workers=7)
    browser.run(workers=8)
    assert browser.run(page="compare", address={"workers": ["6"]})["workers"] == 8
    assert browser.said == {"workers": ["8"]}
    assert browser.run(page="", address={"workers": ["6"]})["workers"] == 6


@pytest.mark.parametrize("ends", [True, False])
def test_a_browser_that_has_not_drawn_what_back_has_set_moves_nothing(browser, ends):
    browser.run(workers=7)
    browser.run(address={"workers": ["6"]}, heard=False, ends=ends)
    browser.run(address={"workers": ["7"]}, heard=False, ends=ends)
    browser.shown["workers"] = 6
    assert browser.run(page="compare", address={"workers": ["7"]})["workers"] == 7
    assert browser.said == {"workers": ["7"]}


@pytest.mark.parametrize("ends", [True, False])
def test_a_preset_and_a_quick_move_after_it_both_hold(browser, ends):
    browser.run(press=preset, heard=False, ends=ends)
    now = browser.run(seed=3)
    assert (now["workers"], now["mode"], now["cv"], now["seed"]) == (8, "async", 0.004, 3)


def test_a_control_may_be_moved_back_after_it_was_set(browser):
    browser.run(press=preset)
    assert browser.run(workers=6)["workers"] == 6
    browser.run(press=preset)
    browser.run(seed=3)
    assert browser.run(mode="sync")["mode"] == "sync"


def test_a_run_that_is_interrupted_loses_no_move(browser):
    browser.run(workers=7, ends=False)
    assert browser.run(seed=3)["workers"] == 7
    assert browser.said == {"workers": ["7"], "seed": ["3"]}
