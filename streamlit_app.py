"""Batch scheduler simulator: page set-up, the address, the page and the controls, each in an error boundary."""

import streamlit as st

from pages.shared import app
from pages.shared.controls import url, values
from pages.shared.errors import boundary
from pages.shared.menu import menu
from pages.shared.sidebar import sidebar
from pages.shared.views import cards

page = app.set_up()
if app.is_first_visit(page):
    st.switch_page("pages/compare.py")
with boundary():
    top = st.container(key="menu")
    links = top.empty()
    url.take(page.url_path)
    app.style(values.value("present"))
    if values.value("present"):
        with top:
            app.way_out()
    menu(links)
    before = values.now()
    with st.sidebar, boundary():
        sidebar.show(page.url_path)
    with boundary():
        if not cards.asks(page.url_path):
            app.run(page)
    if values.now() != before:
        menu(links)
    url.write()
    app.hold_address()
