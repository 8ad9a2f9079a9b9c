"""The list of pages, and the one way into them: through streamlit_app.py.

Until `st.navigation` has been called once in a server's life, Streamlit takes a folder named `pages/` for an
old-style multipage app, and would run the page that the first visitor asks for by itself, without its controls.
"""

from pathlib import Path

import streamlit as st

ICON = str(Path(__file__).with_name("icon.png"))

LESS_SPACE = ".stMainBlockContainer {padding-top: 4.5rem}"
DARK_LETTERS = '[kind="primary"] p, [data-testid="stMultiSelectTagsContainer"] span {color: #101513}'
ANSWER_ALONE = """
.stMainBlockContainer {zoom: 1.25}
.stMain :is(.stCaption, [data-testid="stCaptionContainer"], .stExpander, .stDownloadButton, .stFileUploader, .stCode,
.stButton, .stTextInput, .stNumberInput, .stSelectbox) {display: none}
"""
WHOLE_IN_PRINT = """
@media print {
  .stSidebar, .stAppHeader, .stToolbar {display: none !important}
  .stApp, .stApp > div, .stAppViewContainer, .stMain {position: static !important; height: auto !important;
    overflow: visible !important; display: block !important}
}
"""


def set_up():
    """The page that is asked for, after setting up the window and drawing the menu."""
    # A local icon: without one, the browser would fetch the page's Material icon from a font host.
    st.set_page_config(page_title="Batch Scheduler Simulator", page_icon=ICON, layout="wide")
    st.logo(ICON, size="large")
    return st.navigation(
        [
            st.Page("pages/timeline.py", title="Timeline", icon=":material/view_timeline:", default=True),
            st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
            st.Page("pages/learning.py", title="Learning", icon=":material/school:"),
            st.Page("pages/trace.py", title="Your trace", icon=":material/query_stats:", url_path="trace"),
            st.Page("pages/map.py", title="Map", icon=":material/grid_on:"),
            st.Page("pages/method.py", title="Method", icon=":material/function:"),
        ],
        position="top",
    )


def style(presenting: bool) -> None:
    """What the theme cannot say; a presenter's view is larger, and has the answer, metrics and charts alone."""
    rules = [LESS_SPACE, WHOLE_IN_PRINT]
    rules += [DARK_LETTERS] * (st.context.theme.type == "dark") + [ANSWER_ALONE] * presenting
    st.html(f"<style>{' '.join(rules)}</style>")


def run(page) -> None:
    """Run a page from streamlit_app.py."""
    st.session_state["in_app"] = True
    page.run()


def through_app() -> None:
    """Called first by every page: goes on if streamlit_app.py runs it, and otherwise starts over from there."""
    if not st.session_state.pop("in_app", False):
        set_up()
        st.rerun()
