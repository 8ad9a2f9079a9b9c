"""Batch scheduler simulator: page set-up, shared controls, navigation, one error boundary."""

import logging
import uuid

import streamlit as st

from core import ScenarioError
from pages.shared import controls, entry, links

page = entry.set_up()
try:
    links.check_link()
    with st.sidebar:
        controls.show()
    entry.style(st.session_state.present)
    entry.run(page)
except ScenarioError as refused:
    st.error(str(refused), icon=":material/block:")
except Exception:
    incident = uuid.uuid4().hex[:8]
    logging.getLogger(__name__).exception("incident %s", incident)
    st.error(f"Something went wrong on our side (incident {incident}). Change a control or press Reset to go on.")
