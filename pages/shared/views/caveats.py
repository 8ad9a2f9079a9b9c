"""What qualifies an answer, below it."""

from typing import Literal

import streamlit as st


def caveat(key: str, words: str, width: Literal["stretch", "content"] = "stretch") -> None:
    """What an answer rests on, in a caption: other captions are left out of the presenter's view, this one stays.

    key: what no other caveat of the page is called.
    """
    with st.container(key=f"caveat_{key.replace(' ', '_')}", width=width):
        st.caption(words)
