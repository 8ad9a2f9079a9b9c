"""The visitor's own trace: in the memory of this session only, never written to disk, never shared."""

import re
from dataclasses import replace

import streamlit as st

from core import Scenario, ScenarioError, Stragglers, Trace, read_trace
from core.common.wording import counted
from core.report import traces as trace_report
from core.report.traces import fit_in_words
from core.traces.reading import sample_files, table_columns
from core.traces.tables.cells import UNITS_MS
from pages.shared.answers.trace import Measurement
from pages.shared.controls import values
from pages.shared.errors import action
from pages.shared.session import Upload, session

AS_READ = "as read"
HAND = {"worker": "Worker", "step": "Step", "time": "Time", "unit": "Unit of times"}
"""What may be said of columns by hand, and how it is called."""
RECORD = """from torch.profiler import ProfilerActivity, profile, schedule

rank = torch.distributed.get_rank()
with profile(
    activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA],
    schedule=schedule(wait=5, warmup=2, active=20, repeat=1),
    on_trace_ready=lambda p: p.export_chrome_trace(f"rank{rank}.json"),
) as profiler:
    for batch in loader:
        train_step(batch)
        profiler.step()
"""


def receive() -> bool:
    """A place to drop files, and whether a new trace came out of them.

    What cannot be read is said, and the last good trace stays.
    """
    mine = session().upload
    files = st.file_uploader(
        "PyTorch profiler traces (one file per rank) or tables of compute or step times",
        type=["json", "jsonl", "ndjson", "gz", "csv", "tsv", "txt", "log", "parquet", "pq"],
        accept_multiple_files=True,
        key=f"trace_files_{mine.uploaders}",
        help="Kineto / Chrome-trace JSON, plain or gzip; CSV and its kin, JSON lines or Parquet with worker, step, "
        "compute_ms, or a column per worker; exports of W&B, TensorBoard and Ascend. Files stay in this session's "
        "memory and are gone when it ends.",
    )
    names, is_new = tuple(file.file_id for file in files), False
    asked = said_by_hand() if names == mine.files else {}
    if names and (mine.files, mine.asked) != (names, asked):
        if mine.files != names:
            mine.columns = table_columns(files[0])
        mine.files, mine.asked, mine.refused = names, asked, "These files could not be read."
        try:
            with st.spinner("Reading…"):
                measurement = Measurement(corrected(files, asked))
                measurement.diagnosis  # noqa: B018 - what cannot be diagnosed is refused here, too
        except ScenarioError as refused:
            mine.refused = str(refused)
        else:
            mine.measurement, mine.refused, is_new = measurement, "", True
    if names and mine.refused:
        st.error(f"{inert(mine.refused)} The last good trace is shown.", icon=":material/block:")
    return is_new


def corrected(files: list, asked: dict[str, str]) -> Trace:
    """The trace of files whose columns are what somebody says by hand, where they say it."""
    columns = {role: name for role, name in asked.items() if role != "unit"}
    return read_trace(files, columns=columns or None, unit=asked.get("unit"))


def key_of(role: str) -> str:
    """The widget in which a role's column is chosen; other files have others."""
    mine = session().upload
    return f"column_of_{role}_{mine.uploaders}_{'_'.join(mine.files)[:100]}"


def said_by_hand() -> dict[str, str]:
    """What the widgets say of the columns, where it is not what was understood."""
    said = {role: st.session_state.get(key_of(role), AS_READ) for role in HAND}
    return {role: name for role, name in said.items() if name != AS_READ}


def what_was_read(measurement: Measurement) -> None:
    """What was understood of the files, before what it means; and where somebody may say it better."""
    trace, mine = measurement.trace, session().upload
    st.caption(inert(trace_report.what_was_read(trace)))
    by_hand = bool(mine.files and mine.columns)
    in_doubt = by_hand and (bool(mine.refused) or any(column.guessed for column in trace.columns))
    with st.expander("How the files were read", expanded=in_doubt):
        for note in trace.notes:
            st.caption(inert(note))
        if trace.columns:
            st.table(trace_report.columns_table(trace).map(inert).set_index("Column"))
        if by_hand:
            choose_columns(mine.columns)


def choose_columns(names: list[str]) -> None:
    """Widgets that say which column is what, and the unit."""
    st.markdown("If that is not what the columns are, say it here:")
    for place, (role, label) in zip(st.columns(len(HAND)), HAND.items(), strict=True):
        options = list(UNITS_MS) if role == "unit" else names
        place.selectbox(label, [AS_READ, *options], key=key_of(role))


def inert(text: str) -> str:
    """A stranger's text as Markdown that shows it and does nothing else."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>$~:])", r"\\\1", text)


def shown() -> Measurement:
    """The visitor's last good trace, or the sample."""
    return session().upload.measurement or sample()


@st.cache_resource(max_entries=1, show_spinner=False)
def sample() -> Measurement:
    """The sample, which is everybody's."""
    return Measurement(read_trace(sample_files()), is_sample=True)


@action
def back_to_sample() -> None:
    """Let go of the visitor's trace and files."""
    known = session()
    known.upload = Upload(uploaders=known.upload.uploaders + 1)
    known.private_answers.clear()


def in_use() -> Measurement | None:
    """The trace that stands in for the controls of compute times and stragglers, if any."""
    times = values.value("times")
    if times == "controls":
        return None
    return sample() if times == "sample" else session().upload.measurement


def applied(asked: Scenario) -> Scenario:
    """The scenario with compute times from the trace: replayed for its own number of workers, fitted for others."""
    measurement = in_use()
    if not measurement:
        return asked
    if asked.workers == measurement.trace.workers:
        return replace(asked, compute=measurement.scenario.compute, stragglers=Stragglers())
    return fitted(asked)


def fitted(asked: Scenario) -> Scenario:
    """The scenario with the law and the stragglers that were fitted to the trace."""
    measurement = in_use()
    assert measurement
    fit = measurement.diagnosis.fits[0]
    return replace(asked, compute=fit.compute, stragglers=fit.stragglers_of(asked.workers))


def in_words(workers: int) -> str:
    """What stands in for the controls."""
    measurement = in_use()
    assert measurement
    trace = measurement.trace
    size = f"{counted(trace.workers, 'worker')} × {counted(trace.steps, 'step')}"
    if workers == trace.workers:
        return f"**Compute times: your trace**, {size}, replayed. More steps than measured are drawn from it again."
    return f"{fitted_in_words()} It has {size}, not {counted(workers, 'worker')}."


def fitted_in_words() -> str:
    """What stands in for the trace where it cannot be replayed."""
    measurement = in_use()
    assert measurement
    return f"**Compute times: fitted to your trace.** {fit_in_words(measurement.diagnosis.fits[0])}"


def how_to_record() -> None:
    """Ten lines of PyTorch."""
    st.markdown("One file per rank, a few dozen steps after warm-up; the collectives must be in it:")
    st.code(RECORD, language="python")
    st.markdown(
        "No profiler? A CSV does: `worker,step,compute_ms`, where compute is the time **until a worker enters the "
        "all-reduce**. Whole step times are no use: with a barrier all workers take the same."
    )
