"""Batch scheduler simulator: page set-up, shared controls, navigation, one error boundary."""

import logging
import uuid

import streamlit as st

from core import ScenarioError
from pages.shared import controls

st.set_page_config(page_title="Batch Scheduler Simulator", page_icon="pages/shared/icon.png", layout="wide")

page = st.navigation(
    [
        st.Page("pages/timeline.py", title="Timeline", icon=":material/view_timeline:", default=True),
        st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
    ],
    position="top",
)
st.html("<style>.stMainBlockContainer {padding-top: 4.5rem}</style>")
try:
    controls.explain_bad_link()
    with st.sidebar:
        controls.show()
    page.run()
except ScenarioError as refused:
    st.error(str(refused), icon=":material/block:")
except Exception:
    incident = uuid.uuid4().hex[:8]
    logging.getLogger(__name__).exception("incident %s", incident)
    st.error(f"Something went wrong on our side (incident {incident}). Change a control or press Reset to go on.")
