"""Colours can be told from the page and from each other: in both themes, and without red, green or blue cones."""

import tomllib
from itertools import combinations

import numpy as np
import pytest

from core.charts import PHASE_COLORS, POLICY_COLORS, RULE_COLOR, STALENESS_COLOR
from tests.paths import ROOT

THEMES = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
MARKS = [
    PHASE_COLORS["compute"],
    PHASE_COLORS["wait"],
    PHASE_COLORS["down"],
    *POLICY_COLORS,
    RULE_COLOR,
    STALENESS_COLOR,
]
PALE = {
    "comm": 2.3,
    "cancelled": 2.8,
}  # as the brief has them; on white they stand out less, and no text relies on them
SIGHT = {  # Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB
    "all cones": np.eye(3),
    "no red cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(color):
    """Linear RGB of #RRGGBB."""
    share = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """The contrast ratio of WCAG 2.2."""
    light, dark = sorted((linear(color) @ [0.2126, 0.7152, 0.0722] for color in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(rgb):
    """CIE L*a*b* of linear RGB, where a distance of 2.3 is just noticed."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ rgb / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_and_words_stand_out_from_the_page(theme):
    """WCAG 2.2: 3:1 for marks (1.4.11), 4.5:1 for words (1.4.3)."""
    colors = THEMES[theme]
    for mark in MARKS:
        assert contrast(mark, colors["backgroundColor"]) >= 3, mark
    for phase, least in PALE.items():
        assert contrast(PHASE_COLORS[phase], colors["backgroundColor"]) >= least, phase
    for page in ("backgroundColor", "secondaryBackgroundColor"):
        assert contrast(colors["textColor"], colors[page]) >= 4.5
        assert contrast(colors["primaryColor"], colors[page]) >= 3


@pytest.mark.parametrize("sight", SIGHT)
def test_phases_are_told_apart_by_all_eyes(sight):
    phases = ("compute", "wait", "comm", "cancelled", "down")
    seen = {phase: lab(np.clip(SIGHT[sight] @ linear(PHASE_COLORS[phase]), 0, 1)) for phase in phases}
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 11, (one, other)
