"""Links: what the address of a page carries, and what it may not."""

from urllib.parse import urlencode

import streamlit as st

from pages.shared.keys import CONTROLS


def link() -> str:
    """A link to this page with every control in it, so that it outlives a changed default."""
    base = (st.context.url or "").split("?")[0]
    return f"{base}?{urlencode({key: st.session_state[key] for key in CONTROLS})}"


def check_link() -> None:
    """At the start of a visit, take what no control accepts out of the link, and say so; defaults stand in."""
    at = st.session_state
    if "link_complaints" not in at:
        at.link_complaints = [complaint for key in list(st.query_params) if (complaint := refused(key))]
        if at.link_complaints:
            st.rerun()
    for complaint in at.link_complaints:
        st.warning(complaint, icon=":material/link_off:")
    at.link_complaints = []


def refused(key: str) -> str | None:
    """Why a key or its value was taken out of the link, or None where it may stay."""
    texts, control = st.query_params.get_all(key), CONTROLS.get(key)
    if control and len(texts) == 1 and control.accepts(texts[0]):
        return None
    del st.query_params[key]
    if not control:
        return f"The link names {as_code(key)}, which no control knows; it is ignored."
    return (
        f"The link asks for {as_code(key)} = {as_code(', '.join(texts))}, but {control.label} takes "
        f"{control.allowed}. {control.default} is used instead."
    )


def as_code(text: str) -> str:
    """A stranger's text, short and inert in Markdown."""
    clean = "".join(c if c.isprintable() and c != "`" else "?" for c in text[:60])
    return f"`{clean or ' '}`"
