"""Charts and tables as they go to the browser: a compiled spec, and data as Arrow."""

import pandas as pd
import pyarrow as pa  # Streamlit's own; it would make the same of data frames, in eight times the time
import streamlit as st

from core.charts import Chart


def draw(chart: Chart, key: str, alt: str, **options):
    """The chart, and in words for those who cannot see it; options are those of `st.vega_lite_chart`."""
    datasets = {name: data if isinstance(data, bytes) else packed(data) for name, data in chart.data.items()}
    return st.vega_lite_chart(spec=chart.spec | {"datasets": datasets}, key=key, alt=alt, **options)


def packed(columns) -> bytes:
    """A table as Arrow's stream of bytes; NaN is nothing, as in a data frame."""
    table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def tabled(frame: pd.DataFrame) -> pa.Table:
    """A data frame with its index, ready for `st.dataframe` however often it is shown."""
    return pa.Table.from_pandas(frame)
