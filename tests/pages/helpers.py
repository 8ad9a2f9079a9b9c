"""What a person would read off a page."""

import json

from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df


def headline(app):
    """The answer above the charts."""
    return app.header[0].value


def tiles(app):
    """Labels and values of the metric tiles, in order."""
    return [(metric.label, metric.value) for metric in app.metric]


def value(app, key):
    """The value of a control, whether it is on the page or not."""
    return app.session_state.session.values[key]


def link(app):
    """The link that is copied."""
    return next(button["text"] for button in components(app, "copy") if button["label"] == "Copy link")


def components(app, name):
    """What the page sends to its components of this name."""
    return [json.loads(each.proto.json) for each in app.get("bidi_component") if each.proto.component_name == name]


def charts(app):
    """Specs of the page's charts."""
    return [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart")]


def alive(app):
    """No stack trace, and the page has its answer: a headline, and figures in tiles or in a table."""
    return not app.exception and bool(app.header) and (len(app.metric) >= 5 or len(app.dataframe) >= 2)


def marks(app):
    """How many rows of data the page's charts were sent."""
    sent = [dataset.data.data for chart in app.get("vega_lite_chart") for dataset in chart.proto.datasets]
    return sum(len(convert_arrow_bytes_to_pandas_df(data)) for data in sent)


def tables_of(app, name):
    """A table that the one chart of the page with a table of this name draws."""
    datasets = [dataset for chart in app.get("vega_lite_chart") for dataset in chart.proto.datasets]
    (data,) = [dataset.data.data for dataset in datasets if dataset.name == name]
    return convert_arrow_bytes_to_pandas_df(data)


def complaints(app):
    """Every message about something that was refused or ignored."""
    return [message.value for message in (*app.error, *app.warning, *app.info)]


def stands(app):
    """No stack trace and no incident; the controls are there, and an answer or the reason why there is none."""
    said = complaints(app)
    broken = bool(app.exception) or any("Something went wrong" in message for message in said)
    return not broken and bool(app.sidebar.toggle) and bool(app.header or said)
