"""The table checked against theory: its rows one after the other, each kept for everybody."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st

from core.simulation.run import MODEL_VERSION
from core.theory.agreement import Result, as_table
from core.theory.checks import CHECKS, judge
from pages.shared.answers.drawn import tabled
from pages.shared.caching.memory import given_back

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


@dataclass(frozen=True, kw_only=True, eq=False)
class Checked:
    """The rows, and the table of them, also as it is shown."""

    results: list[Result]
    table: pd.DataFrame
    shown: pa.Table

    @property
    def failing(self) -> int:
        """How many rows differ from theory."""
        return sum(not result.agrees for result in self.results)


def checked() -> Checked:
    """Every row with its verdict; progress is shown while they run."""
    known = whole_table()
    if MODEL_VERSION not in known:
        progress, results = st.progress(0.0), []
        with given_back():
            for number, check in enumerate(CHECKS):
                progress.progress(number / len(CHECKS), f"{number + 1} of {len(CHECKS)}: {check.claim}")
                results.append(judge(check, cached_values(check.claim, MODEL_VERSION)))
        progress.empty()
        table = as_table(results)
        known[MODEL_VERSION] = Checked(results=results, table=table, shown=tabled(table))
    return known[MODEL_VERSION]


@st.cache_resource(max_entries=1, show_spinner=False)
def whole_table() -> dict:
    """Where the table is kept once all of it is there, by the model's version."""
    return {}


@st.cache_data(max_entries=200, max_size="8MiB", show_spinner=False)
def cached_values(claim: str, version: int) -> np.ndarray:
    """The simulated values of a row."""
    return next(check for check in CHECKS if check.claim == claim).sample()


def red(table: pd.DataFrame) -> "Styler":
    """The table with its failing rows in red."""
    return table.style.apply(
        lambda row: ["" if row["Verdict"] == "agrees" else "background-color: #D55E0066"] * len(row), axis=1
    )
