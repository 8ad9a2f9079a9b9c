"""The window, and the one way into a page: through streamlit_app.py.

Until `st.navigation` has been called once in a server's life, Streamlit takes a folder named `pages/` for an
old-style multipage app, and would run the page that the first visitor asks for by itself, without its controls.
"""

import json
from base64 import b64encode
from functools import cache
from pathlib import Path
from uuid import uuid4

import streamlit as st

from pages.shared.controls import values
from pages.shared.errors import action
from pages.shared.menu import pages
from pages.shared.session import session

ICON = "data:image/png;base64," + b64encode(Path(__file__).with_name("icon.png").read_bytes()).decode()
"""As a data URL: a file would be opened and read four times in every run."""

STYLES = Path(__file__).with_name("styles")


def set_up() -> st.Page:
    """The page that is asked for, after setting up the window."""
    # A local icon: without one, the browser would fetch the page's Material icon from a font host.
    st.set_page_config(page_title="Batch Scheduler Simulator", page_icon=ICON, layout="wide")
    st.logo(ICON, size="large")
    return st.navigation(pages(), position="hidden")


def is_first_visit(page: st.Page) -> bool:
    """Whether somebody comes to the app's bare address, and not by a link to Timeline: that one has a query."""
    return session().values is None and not page.url_path and not st.query_params and not st.context.is_embedded


def style(presenting: bool) -> None:
    """What the theme cannot say: of phones, of paper, of a room to present in and of pages that embed this one."""
    rules = ["screen", "print"]
    if presenting:
        rules.append("presenter")
    if st.context.is_embedded:
        rules.append("embedded")
    style = "\n".join(read(f"{name}.css") for name in rules)
    script = read("print.js") + read("drawer.js") + read("history.js")
    st.html(f"<style>{style}</style><script>{script}</script>", unsafe_allow_javascript=True)


@cache
def read(name: str) -> str:
    """One of the style sheets or scripts."""
    return (STYLES / name).read_text(encoding="utf-8")


def hold_address() -> None:
    """At the end of a run: have the browser correct its address if that does not match what is shown."""
    known = session()
    asked, shown = ([(key, text) for key in query for text in query[key]] for query in (known.asked, known.address))
    said = json.dumps([uuid4().hex, known.page, asked, shown]).replace("<", "\\u003c")
    st.html(f"<script>{read('address.js').strip()}({said})</script>", unsafe_allow_javascript=True)


def way_out() -> None:
    """A button that leaves the presenter's view, which has no sidebar."""
    st.button("Exit presenter view", key="exit", on_click=leave, icon=":material/close:", type="tertiary")


@action
def leave() -> None:
    """Leave the presenter's view."""
    values.put({"present": False})


def run(page: st.Page) -> None:
    """Run a page from streamlit_app.py."""
    session().through_app = True
    page.run()


def through_app() -> None:
    """Called first by every page: goes on if streamlit_app.py runs it, and otherwise starts over from there."""
    if not session().through_app:
        set_up()
        st.rerun()
    session().through_app = False
