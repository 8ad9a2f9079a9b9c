"""Batch scheduler simulator: page set-up, shared controls, navigation, one error boundary."""

import streamlit as st

from pages.shared import controls, entry, links
from pages.shared.boundary import boundary

page = entry.set_up()
with boundary():
    links.check_link()
    with st.sidebar:
        controls.show()
    entry.style(st.session_state.present)
    entry.run(page)
