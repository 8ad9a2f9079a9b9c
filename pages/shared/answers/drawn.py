"""Charts and tables of an answer, ready to be sent: data as Arrow."""

from dataclasses import dataclass, replace

import pandas as pd
import pyarrow as pa  # Streamlit's own; it would make the same of data frames, in eight times the time

from core.charts import Chart
from core.charts.specs import Columns


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A chart, its heading, and in words for those who cannot see it."""

    title: str
    chart: Chart
    words: str


def ready(chart: Chart) -> Chart:
    """The chart with its data as they are sent, which is also the smallest that they get."""
    sent = {name: data if isinstance(data, bytes) else packed(data) for name, data in chart.data.items()}
    return replace(chart, data=sent)


def packed(columns: Columns) -> bytes:
    """A table as Arrow's stream of bytes; NaN is nothing, as in a data frame."""
    table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def tabled(frame: pd.DataFrame) -> pa.Table:
    """A data frame with its index, ready for `st.dataframe` however often it is shown."""
    return pa.Table.from_pandas(frame)
