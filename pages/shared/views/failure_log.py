"""A log of failures on Your trace: how often workers fail, and which recovery would lose least."""

from typing import Any

import streamlit as st

from core import ScenarioError
from core.common.wording import counted
from core.report.failure_logs import log_in_words, recoveries_in_words, recoveries_table
from core.traces.failure_logs import pasted
from core.traces.failures import UNITS, FailureLog, read_failures, recoveries
from pages.shared.answers.trace import Measurement
from pages.shared.controls import values
from pages.shared.menu import page_link
from pages.shared.session import session
from pages.shared.uploaded_trace import inert

AS_WRITTEN = "as written"
EXAMPLE = "start,end,worker\n2026-03-01 10:02,2026-03-01 10:09,node-3\n2026-03-02 17:40,2026-03-02 17:51,node-7"
ABOUT = (
    "Left for work: share of the time spent on steps that count. Checkpoints: Daly's mean time, exact for random "
    "failures; elastic: a failure loses half a step, and its worker waits half a step before it rejoins. Ranges are "
    "those of the failure rate; the time to regroup is not included."
)


def show(measured: Measurement) -> None:
    """Where to give a log, what it says, and what follows for the measured run."""
    with st.expander("Failures: how often, and how often to save", icon=":material/report:"):
        given, name = log_given()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            workers = st.number_input(
                "How many workers are there?",
                1,
                value=None,
                step=1,
                key="failing_workers",
                placeholder="as many as the log names",
                help="Those that never failed, too.",
            )
            hours = st.number_input(
                "For how many hours were they watched?",
                0.0,
                value=None,
                step=1.0,
                key="watched_hours",
                placeholder="from the first failure to the last",
            )
            unit = st.selectbox("Unit of times", [AS_WRITTEN, *UNITS], key="unit_of_failures")
            read(given, name, workers, hours or None, None if unit == AS_WRITTEN else unit)
        mine = session().failure_logs
        if mine.refused:
            kept = " The last good log is shown." if mine.log else ""
            st.error(f"{inert(mine.refused)}{kept}", icon=":material/block:")
        if mine.log:
            answer(mine.log, measured)


def log_given() -> tuple[Any, str]:
    """The file or the text that was given, and what tells it from others; None and nothing where there is none."""
    upload, paste = st.columns(2)
    file = upload.file_uploader(
        "A table or a log of failures",
        type=["csv", "tsv", "txt", "log", "json", "jsonl", "ndjson", "parquet", "pq", "gz"],
        key="failure_file",
        help="A row for each failure with start, end (or duration) and worker, or lines that say who went down or "
        "came back, and when. It stays in this session's memory.",
    )
    text = paste.text_area("or paste it here", key="failure_text", placeholder=EXAMPLE, height=110)
    if file:
        return file, file.file_id
    return (text, text) if text.strip() else (None, "")


def read(given: Any, name: str, workers: int | None, hours: float | None, unit: str | None) -> None:
    """Read the log that is given, unless it is the one that was read last."""
    mine, asked = session().failure_logs, (name, workers, hours, unit)
    if mine.asked == asked:
        return
    mine.asked, mine.refused = asked, ""
    if given is None:
        mine.log = None
        return
    try:
        file = pasted(given) if isinstance(given, str) else given
        mine.log = read_failures(file, workers, observed_hours=hours, unit=unit)
    except ScenarioError as refused:
        mine.refused = str(refused)


def answer(log: FailureLog, measured: Measurement) -> None:
    """What the log says, and which recovery loses least at the measured steps."""
    mean_ms = measured.step_ms
    st.markdown(f"**{inert(log_in_words(log))}**")
    if log.notes:
        st.caption(inert(" ".join(log.notes)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        checkpoint_s = st.number_input("A checkpoint takes (s)", 0.0, 1e6, 30.0, step=1.0, key="checkpoint_costs_s")
        step_s = st.number_input(
            "A step takes (s)",
            1e-6,
            1e9,
            float(f"{mean_ms / 1000:.4g}"),
            format="%.4g",
            key=f"step_takes_s_{mean_ms:.4g}",
            help="The mean of the measured run. Enter your own if these failures are from another job.",
        )
    table = recoveries(log, 1000 * step_s, checkpoint_s)
    st.markdown(recoveries_in_words(table, 1000 * step_s))
    st.table(recoveries_table(table, 1000 * step_s).set_index("Recovery"))
    st.caption(ABOUT)
    saves = table[table["checkpoint_batches"] > 0].iloc[0]
    changes = {"mtbf_hours": log.mtbf_hours, "checkpoint_s": checkpoint_s}
    changes |= {"checkpoint_batches": int(saves["checkpoint_batches"])}
    if log.restart_s == log.restart_s:
        changes["restart_s"] = log.restart_s
    known = {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in changes.items()}
    what = counted(int(saves["checkpoint_batches"]), "step")
    page_link("compare", f"**Failures like these on Compare**, saved every {what}", values.within_range(known))
