"""Links: what the address of a page carries, and what it may not."""

from urllib.parse import urlencode

import streamlit as st

from core.link import DEFAULTS
from pages.shared.keys import CONTROLS


def now() -> dict:
    """The value of every control; its default where it is not shown."""
    return DEFAULTS | shown()


def shown() -> dict:
    """The value of every control that is on this page."""
    state = st.session_state.to_dict()  # one look for all of them: each costs as much as many
    return {key: state[key] for key in CONTROLS if key in state}


def link() -> str:
    """A link to this page with every shown control in it, so that it outlives a changed default."""
    base = (st.context.url or "").split("?")[0]
    return f"{base}?{urlencode({key: short(value) for key, value in shown().items()}, doseq=True)}"


def short(value):
    """A whole number without decimals: 500 rather than 500.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check_link() -> None:
    """At the start of a visit, take what no control accepts out of the link, and say so; defaults stand in."""
    at = st.session_state
    if "link_complaints" not in at:
        at.link_complaints = [complaint for key in list(st.query_params) if (complaint := refused(key))]
        at.typing = any(off_slider(key, text) for key, text in st.query_params.items())
        if at.link_complaints:
            st.rerun()
    for complaint in at.link_complaints:
        st.warning(complaint, icon=":material/link_off:")
    at.link_complaints = []


def off_slider(key: str, value) -> bool:
    """Whether a value is beyond the ends of its control's slider."""
    ends = getattr(CONTROLS.get(key), "slides", None)
    return bool(ends) and not ends[0] <= float(value) <= ends[1]


def refused(key: str) -> str | None:
    """Why a key or its value was taken out of the link, or None where it may stay."""
    texts, control = st.query_params.get_all(key), CONTROLS.get(key)
    if control and control.accepts(texts):
        return None
    del st.query_params[key]
    if not control:
        return f"The link names {as_code(key)}, which no control knows; it is ignored."
    default = DEFAULTS[key]
    return (
        f"The link asks for {as_code(key)} = {as_code(', '.join(texts))}, but {control.label} takes "
        f"{control.allowed}. {', '.join(default) if isinstance(default, tuple) else default} is used instead."
    )


def as_code(text: str) -> str:
    """A stranger's text, short and inert in Markdown."""
    clean = "".join(c if c.isprintable() and c != "`" else "?" for c in text[:60])
    return f"`{clean or ' '}`"
