"""The list of pages, and the one way into them: through streamlit_app.py.

Until `st.navigation` has been called once in a server's life, Streamlit takes a folder named `pages/` for an
old-style multipage app, and would run the page that the first visitor asks for by itself, without its controls.
"""

import streamlit as st


def set_up():
    """The page that is asked for, after setting up the window and drawing the menu."""
    # A local icon: without one, the browser would fetch the page's Material icon from a font host.
    st.set_page_config(page_title="Batch Scheduler Simulator", page_icon="pages/shared/icon.png", layout="wide")
    st.logo("pages/shared/icon.png", size="large")
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


def style() -> None:
    """What the theme cannot say: less space on top, and dark letters on the bright primary colour of the dark theme."""
    rules = ".stMainBlockContainer {padding-top: 4.5rem}"
    if st.context.theme.type == "dark":
        rules += ' [kind="primary"] p, [data-testid="stMultiSelectTagsContainer"] span {color: #101513}'
    st.html(f"<style>{rules}</style>")


def run(page) -> None:
    """Run a page from streamlit_app.py."""
    st.session_state["in_app"] = True
    page.run()


def through_app() -> None:
    """Called first by every page: goes on if streamlit_app.py runs it, and otherwise starts over from there."""
    if not st.session_state.pop("in_app", False):
        set_up()
        st.rerun()
