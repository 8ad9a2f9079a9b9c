"""A card of the gallery: first its question in the place of a page, then its answer above the page's own."""

import streamlit as st

from core.links import NO_CARD, NOT_YET, TELL, values_of_card
from core.presets.cards import Card, Figures
from core.presets.gallery import CARDS
from core.report.gallery import told
from pages.shared.controls import values
from pages.shared.controls.url import TIMELINE
from pages.shared.errors import action
from pages.shared.menu import page_link
from pages.shared.session import session


def card_link(card: Card, label: str) -> None:
    """A link to a card's question, on the page where its point is."""
    page_link(card.page, label, {**values_of_card(card), "card": card.key, "guess": NOT_YET})


def card_here(page: str) -> Card | None:
    """The card that a page asks or answers, by the page's address.

    There is none any more once a control is not where the card has set it.
    """
    card = CARDS.get(values.value("card"))
    if card and not values_of_card(card).items() <= values.now().items():
        values.put({"card": NO_CARD, "guess": NOT_YET})
        return None
    return card if card and page == (TIMELINE if card.page == "timeline" else card.page) else None


def asks(page: str) -> bool:
    """Ask the question of the card that a page is about, until somebody has guessed; whether it is asked."""
    card = card_here(page)
    if not card or values.value("guess") != NOT_YET:
        return False
    with st.container(key="question"):
        st.header(card.question)
        st.caption(f"{card.name} · {card.setting}. What do you think?")
        with st.container(horizontal=True):
            for number, text in enumerate(card.guesses.texts, 1):
                st.button(text, key=f"guess {number}", on_click=guess, args=(str(number),))
        st.button("Show me the answer", key="tell", on_click=guess, args=(TELL,), type="tertiary")
    return True


def answered(figures: Figures) -> None:
    """The answer of the card that this page is about, if any, with the figures of the page."""
    card, said = card_here(session().page or TIMELINE), values.value("guess")
    if not card:
        return
    place = int(said) - 1 if said.isdecimal() else None
    answer = told(card, figures, place if place in range(len(card.guesses.texts)) else None)
    following = list(CARDS.values())[(list(CARDS).index(card.key) + 1) % len(CARDS)]
    with st.container(key="question"):
        st.markdown(f"**{card.question}**")
        if answer.right:
            st.success(answer.text, icon=":material/check_circle:")
        else:
            st.info(answer.text, icon=":material/lightbulb:")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Ask again", on_click=guess, args=(NOT_YET,), icon=":material/replay:")
            card_link(following, f"Next: {following.name}")
            page_link("gallery", "All questions")


@action
def guess(said: str) -> None:
    """Take a guess, or take it back."""
    values.put({"guess": said})
