"""Where errors end: what was refused is said, and of what went wrong an id, with its detail in the server's log."""

import logging
import uuid
from contextlib import contextmanager

import streamlit as st

from core import ScenarioError


@contextmanager
def boundary():
    """Around the app, and around each fragment and callback: those run by themselves, without the app around them."""
    try:
        yield
    except ScenarioError as refused:
        st.error(str(refused), icon=":material/block:")
    except Exception:
        incident = uuid.uuid4().hex[:8]
        logging.getLogger(__name__).exception("incident %s", incident)
        st.error(f"Something went wrong on our side (incident {incident}). Change a control or press Reset to go on.")
