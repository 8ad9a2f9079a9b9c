"""The table checked against theory: its rows one after the other, each kept for everybody."""

import numpy as np
import streamlit as st

from core.checks import CHECKS, judge
from core.simulate import MODEL_VERSION
from core.verdicts import Result


def checked() -> list[Result]:
    """Every row with its verdict; progress is shown while they run."""
    progress, results = st.progress(0.0), []
    for number, check in enumerate(CHECKS):
        progress.progress(number / len(CHECKS), f"{number + 1} of {len(CHECKS)}: {check.claim}")
        results.append(judge(check, cached_values(check.claim, MODEL_VERSION)))
    progress.empty()
    return results


@st.cache_data(max_entries=200, max_size="8MiB", show_spinner=False)
def cached_values(claim: str, version: int) -> np.ndarray:
    return next(check for check in CHECKS if check.claim == claim).sample()
