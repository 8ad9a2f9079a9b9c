"""The pages, and links to them that carry the controls along: Streamlit's own menu would drop them from the address."""

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared.controls.url import TIMELINE, query_of_link, short_query

PAGES = {
    "timeline": ("Timeline", "view_timeline"),
    "compare": ("Compare", "compare_arrows"),
    "learning": ("Learning", "school"),
    "trace": ("Your trace", "query_stats"),
    "map": ("Map", "grid_on"),
    "method": ("Method", "function"),
    "gallery": ("Gallery", "quiz"),
}
"""Title and icon of each page; the first one's address is `/`."""


def pages() -> list[st.Page]:
    """Every page, as Streamlit's navigation takes them."""
    return [
        st.Page(f"pages/{name}.py", title=title, url_path=name if number else None, default=not number)
        for number, (name, (title, _)) in enumerate(PAGES.items())
    ]


def menu(place: DeltaGenerator) -> None:
    """Links to all of them, in the place of what was there before."""
    with place.container(horizontal=True, gap="small"):
        for name, (title, _) in PAGES.items():
            page_link(name, title)


def page_link(name: str, label: str, changes: Mapping[str, Any] | None = None) -> None:
    """A link to a page with the controls as they are, or with some of their values changed."""
    page = TIMELINE if name == "timeline" else name
    query = short_query(page, changes) if changes else query_of_link(page)
    st.page_link(f"pages/{name}.py", label=label, icon=f":material/{PAGES[name][1]}:", query_params=query)
