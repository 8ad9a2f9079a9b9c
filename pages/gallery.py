"""Gallery: scenarios that make a point, each with its question."""

import streamlit as st

from core.presets.gallery import GALLERY
from pages.shared import app
from pages.shared.views.cards import card_link

IN_A_ROW = 3

app.through_app()
st.header("Guess first, then see the answer")
st.caption("A card sets the controls, opens the page that shows its point, and asks its question there.")
for title, cards in GALLERY.items():
    st.subheader(title)
    for first in range(0, len(cards), IN_A_ROW):
        for column, card in zip(st.columns(IN_A_ROW), cards[first : first + IN_A_ROW], strict=False):
            with column, st.container(border=True, height="stretch"):
                card_link(card, f"**{card.name}**")
                st.markdown(card.question)
                st.caption(card.setting)
