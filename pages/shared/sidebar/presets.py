"""Menus of presets and lessons."""

from functools import cache

import streamlit as st

from core.links import DEFAULTS, values_of
from core.presets.lessons import LESSONS
from core.presets.presets import PRESETS, Preset
from pages.shared.controls import values
from pages.shared.errors import action
from pages.shared.menu import page_link
from pages.shared.uploaded_trace import in_use


def preset_menus() -> None:
    """Menus of presets and lessons, and the question of the one that the controls are at, its answer on a click.

    Menus, not selectboxes: a selectbox that follows the other controls would send its old value along with a
    quick second move of a slider, and so bring the preset back.
    """
    with st.container(horizontal=True):
        for kind, presets in (("Presets", PRESETS), ("Lessons", LESSONS)):
            st.menu_button(
                kind,
                [preset.name for preset in presets],
                key=kind,
                on_click=use_preset,
                args=(kind, presets),
                icon=":material/bookmarks:" if presets is PRESETS else ":material/school:",
                help=f"{kind}: ready-made scenarios, each with a question and its answer.",
            )
    now = values.now().items()
    here = next((preset for preset in (*LESSONS, *PRESETS) if values_of_preset(preset).items() <= now), None)
    if here and not in_use():
        st.caption(f"**{here.name}{'' if here.name.endswith('?') else '.'}** {here.question}")
        with st.expander("Show the answer", key=f"answer {here.name}"):
            st.caption(here.answer)
        if here.policies:
            page_link("compare", "See it on Compare")


@cache
def values_of_preset(preset: Preset) -> dict:
    """The values of the controls that matter to a preset, except for the seed."""
    found = values_of(preset.scenario, preset.prices)
    del found["seed"]
    if preset.policies:
        found["policies"] = tuple(policy.text for policy in preset.policies)
    return {key: type(DEFAULTS[key])(value) for key, value in found.items()}


@action
def use_preset(kind: str, presets: tuple[Preset, ...]) -> None:
    """Set the controls to the preset that was picked."""
    values.put(values_of_preset(next(preset for preset in presets if preset.name == st.session_state[kind])))
