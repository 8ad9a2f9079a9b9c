"""The address and the controls: message by message, as browsers send them, late, twice or out of date; and on pages."""

import json
import random
from urllib.parse import parse_qsl

import pytest
import streamlit as st

from core.common.parameters import Flag, Number, OneOf
from core.links import DEFAULTS, FRESH, PARAMETERS, values_of_card
from core.presets.gallery import CARDS
from pages.shared.controls import url, values
from pages.shared.errors import action
from tests.links import written
from tests.pages.conftest import PAGES, opened_link
from tests.pages.helpers import complaints, headline, tiles


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


def set_some():
    values.put({"workers": 8, "mode": "async", "cv": 0.004})


def test_the_address_follows_the_controls_and_the_controls_the_address(browser):
    assert values.now() == {**FRESH, "workers": 6}
    browser.run(workers=7)
    assert browser.said == {"workers": ["7"]}
    assert browser.run(address={"workers": ["6"]})["workers"] == 6
    assert browser.run(address={})["workers"] == DEFAULTS["workers"]
    browser.run(press=set_some)
    assert browser.said == {"workers": ["8"], "mode": ["async"], "cv": ["0.004"]}


def test_what_is_not_on_a_page_is_kept(browser):
    browser.run(mode="async")
    browser.run(page="compare")
    assert "mode" not in st.session_state
    assert browser.said == {"workers": ["6"], "mode": ["async"]}
    assert browser.run(page="")["mode"] == st.session_state["mode"] == "async"


def test_a_run_that_was_cut_short_on_another_page_leaves_nothing_to_stumble_over(browser):
    """Streamlit has forgotten the widgets that it had drawn, once the next run has begun."""
    browser.run(mode="async")
    browser.run(page="compare")
    browser.run(page="", heard=False, ends=False)
    del st.session_state["mode"]
    browser.run(page="compare", workers=7)
    assert browser.said == {"workers": ["7"], "mode": ["async"]}
    browser.run(page="", heard=False, ends=False)
    del st.session_state["mode"]
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


def test_a_move_right_after_such_a_link_is_kept_too(browser):
    """The browser has not heard yet that the link's address is replaced."""
    browser.run(workers=7)
    browser.run(page="compare", address={"workers": ["6"]})
    assert browser.run(address={"workers": ["6"]}, workers=8)["workers"] == 8
    assert browser.said == {"workers": ["8"]}


@pytest.mark.parametrize("before", [{"workers": 8}, {"press": lambda: None}])
def test_a_link_that_sets_controls_goes_before_a_move_right_before_it(browser, before):
    """As those of the gallery do: what they ask about is theirs. Streamlit may also call a forgotten widget moved."""
    assert browser.run(page="compare", address={"workers": ["3"], "cv": ["0.004"]}, **before)["workers"] == 3
    assert browser.said == {"workers": ["3"], "cv": ["0.004"]}


@pytest.mark.parametrize("then", [{"press": lambda: None}, {"workers": 4}])
def test_the_address_of_the_page_before_that_comes_after_a_link_is_not_what_is_asked(browser, then):
    """The run of that page ended after the link was pressed, and the browser took its address for this page's."""
    browser.run(workers=7)
    browser.run(page="compare", address={"workers": ["3"], "cv": ["0.004"]})
    assert browser.run(address={"workers": ["7"]}, **then)["cv"] == 0.004
    assert browser.said["cv"] == ["0.004"]


def test_back_right_after_a_link_that_sets_controls(browser):
    browser.run(workers=7)
    browser.run(page="compare", address={"workers": ["3"], "cv": ["0.004"]})
    assert browser.run(page="", address={"workers": ["7"]})["workers"] == 7
    assert browser.said == {"workers": ["7"]}


def test_a_link_from_the_defaults_that_was_drawn_before_a_move_keeps_it(monkeypatch):
    """The two pages then write the same controls differently: Timeline's address is never empty."""
    browser = Browser(monkeypatch, mode=["sync"])
    drawn = url.query_of_link("compare")
    browser.run(workers=7, ends=False)
    assert browser.run(page="compare", address=drawn)["workers"] == 7
    assert browser.said == {"workers": ["7"]}


@pytest.mark.parametrize("ends", [True, False])
def test_a_browser_that_has_not_drawn_what_back_has_set_moves_nothing(browser, ends):
    browser.run(workers=7)
    browser.run(address={"workers": ["6"]}, heard=False, ends=ends)
    browser.run(address={"workers": ["7"]}, heard=False, ends=ends)
    browser.shown["workers"] = 6
    assert browser.run(page="compare", address={"workers": ["7"]})["workers"] == 7
    assert browser.said == {"workers": ["7"]}


@pytest.mark.parametrize("ends", [True, False])
def test_a_button_that_sets_controls_and_a_quick_move_after_it_both_hold(browser, ends):
    browser.run(press=set_some, heard=False, ends=ends)
    now = browser.run(seed=3)
    assert (now["workers"], now["mode"], now["cv"], now["seed"]) == (8, "async", 0.004, 3)


def test_a_control_may_be_moved_back_after_it_was_set(browser):
    browser.run(press=set_some)
    assert browser.run(workers=6)["workers"] == 6
    browser.run(press=set_some)
    browser.run(seed=3)
    assert browser.run(mode="sync")["mode"] == "sync"


def test_a_run_that_is_interrupted_loses_no_move(browser):
    browser.run(workers=7, ends=False)
    assert browser.run(seed=3)["workers"] == 7
    assert browser.said == {"workers": ["7"], "seed": ["3"]}


def words(app):
    """All that a page says, but how long it took."""
    texts = [element.value for element in (*app.main.markdown, *app.main.caption, *app.main.text)]
    tables = [table.value.to_csv() for table in app.dataframe]
    return [headline(app), tiles(app), *[text for text in texts if " simulated epochs." not in text], *tables]


def elsewhere(app, page):
    """The page that its address opens in another visit; it must say the same, and have the same address."""
    st.cache_data.clear()
    other = opened_link(page, written(app.query_params))
    assert words(other) == words(app)
    assert other.query_params == app.query_params


def test_every_card_survives_a_reload(monkeypatch):
    """One after the other in one visit: what one has set may not be lost with the next one either."""
    browser, shown = Browser(monkeypatch, replicates=["20"]), []
    for card in CARDS.values():
        page, asked = card.page.replace("timeline", ""), {**values_of_card(card), "card": card.key, "guess": "1"}
        now = browser.run(press=lambda asked=asked: values.put(asked))
        assert asked.items() <= now.items()
        shown.append((page, url.short_query(page), now))
    for page, said, now in shown:
        assert Browser(monkeypatch).run(page=page, address=said) == now


def other_value(key, dice):
    """A value that the control takes and a session can hold."""
    control = PARAMETERS[key]
    if isinstance(control.rule, Flag):
        return dice.random() < 0.5
    if isinstance(control.rule, OneOf):
        return dice.choice(control.rule.choices)
    low, high = control.usual or (control.rule.low, min(control.rule.high, 30))
    value = dice.uniform(low, high)
    return int(value) if control.rule.kind is int else round(value, 2)


@pytest.mark.parametrize("seed", range(3))
def test_a_walk_over_all_controls_and_pages(open_link, seed):
    """Every control of the page may be moved, on any page, and pages changed; any address opens the same elsewhere."""
    dice = random.Random(seed)
    page = "timeline"
    app = open_link(page, "replicates=10&map_runs=2&train_seeds=1&problem=quadratic&batches=5")
    few = {"replicates", "map_runs", "train_seeds", "problem", "workers", "batches", "ask"}  # what makes it slow
    for number in range(15):
        if dice.random() < 0.3:
            page = dice.choice([name for name in PAGES if name != "method"])
            app.switch_page(PAGES[page]).run()
        else:
            widgets = [*app.slider, *app.selectbox, *app.radio, *app.toggle, *app.number_input]
            moved = [each for each in widgets if each.key in PARAMETERS]
            moved = [each for each in moved if isinstance(PARAMETERS[each.key].rule, Number | OneOf | Flag)]
            widget = dice.choice([each for each in moved if each.key not in few and not each.disabled])
            widget.set_value(other_value(widget.key, dice)).run()
        assert not app.exception
        if number % 5 == 4 and not complaints(app):
            elsewhere(app, page)


def test_the_window_and_the_order_of_a_large_run_are_in_its_address(open_link):
    app = open_link("timeline", "workers=64&batches=100&slow_workers=2")
    app.button_group(key="worker_order").set_value("by number").run()
    app.slider(key="window_s").set_value((30.0, 30.5)).run()
    assert app.query_params["worker_order"] == "by number"
    assert app.query_params["window"] == "30-30.5"
    assert any(caption.value.startswith("Shown: 30") for caption in app.main.caption)
    elsewhere(app, "timeline")
    app.slider(key="batches").set_value(60).run()  # another run, another window
    assert "window" not in app.query_params


@pytest.mark.parametrize("window", ["3-1", "abc", "-1-2", "1-", "1e3-2e3", "9" * 99])
def test_a_window_that_is_none_is_refused_in_words(open_link, window):
    app = open_link("timeline", f"workers=64&batches=100&window={window}")
    assert "two times in s" in complaints(app)[0]
    assert "window" not in app.query_params


def test_a_window_beyond_the_end_is_the_beginning(open_link):
    app = open_link("timeline", "workers=64&batches=100&window=900000-900001")
    assert not complaints(app)
    assert app.slider(key="window_s").value[0] == 0


def test_the_picked_point_of_a_map_is_in_its_address(open_link):
    app = open_link("map", "ask=idle&across=jitter&map_runs=2")
    app.select_slider[0].set_value(0.5).run()
    assert app.query_params["cell"] == "0.5"
    elsewhere(app, "map")
    app.selectbox(key="across").set_value("workers").run()
    assert "cell" not in app.query_params


def test_the_picked_cell_of_a_map_is_in_its_address(open_link):
    query = "ask=speedup&across=jitter&across_values=0,0.3&up=latency_ms&up_values=100,200&map_runs=2"
    app = open_link("map", f"{query}&cell=0.3,100")
    assert app.main.markdown[0].value == "Jitter (±): **0.3**  \nNetwork latency (ms): **100**"
    elsewhere(app, "map")
    app = open_link("map", f"{query}&cell=7,100")
    assert "cell" not in app.query_params


@pytest.mark.parametrize("batch_ms", ["1e-6", "1e11"])
def test_a_window_of_any_length_is_taken_back(open_link, batch_ms):
    app = open_link("timeline", f"workers=64&batches=100&latency_ms=0&batch_ms={batch_ms}")
    slider = app.slider(key="window_s")
    slider.set_value((slider.max / 4, slider.max / 2)).run()
    assert PARAMETERS["window"].rule.accepts([app.query_params["window"]])


@pytest.mark.parametrize(
    "query", ["mode=sync", "workers=7&policies=sync&policies=async&policies=local+4", "across_values=%3C%2Fscript%3E"]
)
def test_the_browser_is_told_which_address_says_what_is_shown(open_link, query):
    """And nothing in it ends the script that tells it."""
    app = open_link("compare", query)
    told = app.get("html")[-1].proto.body
    assert told.count("</script>") == 1
    run, page, asked, pairs = json.loads(told.rpartition("})(")[2].removesuffix(")</script>"))
    assert run
    assert page == "compare"
    assert asked == [list(pair) for pair in parse_qsl(query)]
    shown = {key: texts if isinstance(texts, list) else [texts] for key, texts in app.query_params.items()}
    assert pairs == [[key, text] for key, texts in shown.items() for text in texts]
