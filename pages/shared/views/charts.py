"""Charts and tables as they go to the browser: a compiled spec, and data as Arrow."""

import streamlit as st

from core.charts import Chart
from pages.shared.answers.drawn import packed


def draw(chart: Chart, key: str, alt: str, **options):
    """The chart, and in words for those who cannot see it; options are those of `st.vega_lite_chart`."""
    datasets = {name: data if isinstance(data, bytes) else packed(data) for name, data in chart.data.items()}
    return st.vega_lite_chart(spec=chart.spec | {"datasets": datasets}, key=key, alt=alt, **options)
