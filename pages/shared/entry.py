"""The list of pages, and the one way into them: through streamlit_app.py.

Until `st.navigation` is called once in a server's life, Streamlit takes a folder named `pages/` for an old-style
multipage app, and would run the page that a cold server's first visitor asks for by itself, without its controls.
"""

import streamlit as st


def navigation():
    """The page that is asked for, after drawing the menu."""
    return st.navigation(
        [
            st.Page("pages/timeline.py", title="Timeline", icon=":material/view_timeline:", default=True),
            st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
        ],
        position="top",
    )


def run(page) -> None:
    """Run a page from streamlit_app.py."""
    st.session_state["in_app"] = True
    page.run()


def through_app() -> None:
    """Called first by every page: goes on if streamlit_app.py runs it, and otherwise starts over from there."""
    if not st.session_state.pop("in_app", False):
        navigation()
        st.rerun()
