"""The window, and the one way into a page: through streamlit_app.py.

Until `st.navigation` has been called once in a server's life, Streamlit takes a folder named `pages/` for an
old-style multipage app, and would run the page that the first visitor asks for by itself, without its controls.
"""

from pathlib import Path

import streamlit as st

from pages.shared.menu import pages
from pages.shared.session import session

ICON = str(Path(__file__).with_name("icon.png"))

MENU_ON_TOP = """
.stMainBlockContainer {padding-top: 0.75rem}
@media (min-width: 768px) {.stMainBlockContainer {padding-inline: 3rem}}
[data-testid="stMultiSelectTagsContainer"] > * {max-width: 100%}
.stApp:has([data-testid="stExpandSidebarButton"]) .stMainBlockContainer {padding-top: 4.25rem}
.st-key-menu [data-testid="stHorizontalBlock"] {flex-wrap: nowrap; overflow-x: auto}
"""
LETTERS = """
[kind="primary"] p, [data-testid="stMultiSelectTagsContainer"] span {color: light-dark(#FFFFFF, #101513)}
"""
"""On the theme's primary colour, which is light where everything else is dark."""
ANSWER_ALONE = """
.stMainBlockContainer {zoom: 1.25}
.stMain :is(.stCaption, [data-testid="stCaptionContainer"], .stExpander, .stDownloadButton, .stFileUploader, .stCode,
.stButton, .stTextInput, .stNumberInput, .stSelectbox) {display: none}
"""
WITHOUT_MENU = ".st-key-menu {display: none}"
WHOLE_IN_PRINT = """
@media print {
  .stSidebar, .stAppHeader, .stToolbar, .st-key-menu {display: none !important}
  .stApp, .stApp > div, .stAppViewContainer, .stMain {position: static !important; height: auto !important;
    overflow: visible !important; display: block !important}
}
"""


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
    """What the theme cannot say; a presenter's view is larger, and has the answer, metrics and charts alone."""
    rules = [MENU_ON_TOP, LETTERS, WHOLE_IN_PRINT]
    if presenting:
        rules.append(ANSWER_ALONE)
    if st.context.is_embedded:
        rules.append(WITHOUT_MENU)
    st.html(f"<style>{' '.join(rules)}</style>")


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
