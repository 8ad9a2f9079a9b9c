"""Charts and tables as they go to the browser: a compiled spec, and data as Arrow."""

from typing import Any

import streamlit as st

from core.charts import Chart
from pages.shared.answers.drawn import ready
from pages.shared.controls import values

ENLARGED = 1.35
"""How much higher a chart is in the presenter's view, where its letters are larger."""


def draw(chart: Chart, key: str, alt: str, **options: Any) -> Any:
    """The chart, and in words for those who cannot see it; options and what is returned are `st.vega_lite_chart`'s."""
    spec = chart.spec | {"datasets": ready(chart).data}
    if values.value("present"):
        spec["height"] = int(ENLARGED * spec["height"])
    return st.vega_lite_chart(spec=spec, key=key, alt=alt, **options)
