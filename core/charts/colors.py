"""Colours that mean the same everywhere and hold in a light and a dark theme."""

from collections.abc import Iterable

PHASE_COLORS = {
    "compute": "#009E73",
    "wait": "#D55E00",
    "comm": "#56B4E9",
    "cancelled": "#999999",
    "down": "#B0389B",
    "tail": "#8A909955",  # see-through: pale in a light theme, dim in a dark one
}
POLICY_COLORS = ("#0072B2", "#CC79A7", "#C98500", "#AA4499", "#2A8476", "#8B74C9", "#999933", "#B15928")
RULE_COLOR, STALENESS_COLOR = "#8A9099", "#8C6BB1"
GAP_COLOR = "#0B8A5F"
"""Of time that is saved, as a shade."""
OUTLINE_COLOR = "#9A8630"
"""Of the run that another one is compared with, as lines behind it."""


def shown_phases(phases: Iterable[str]) -> tuple[str, ...]:
    """The phases that a legend names: always the three of every run, and the others where they occur."""
    return tuple(phase for phase in PHASE_COLORS if phase in {"compute", "wait", "comm", *phases})


def phase_legend(phases: Iterable[str], outline: str = "") -> str:
    """The colours of the phases as a line of HTML, for several charts that share it; outline: what has outlines."""
    square = '<span style="display:inline-block;width:.8em;height:.8em;{}"></span>'
    square = f'<span style="white-space:nowrap">{square} {{}}</span>'
    said = [square.format(f"background:{PHASE_COLORS[phase]}", phase) for phase in shown_phases(phases)]
    if outline:
        said.append(square.format(f"border:2px solid {OUTLINE_COLOR};box-sizing:border-box", outline))
    return "&emsp;".join(said)
