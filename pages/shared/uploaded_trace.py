"""The visitor's own trace: in the memory of this session only, never written to disk, never shared."""

import re
from dataclasses import replace

import streamlit as st

from core import Scenario, ScenarioError, Stragglers, read_trace
from core.common.wording import counted
from core.report.traces import fit_in_words
from core.traces.reading import sample_files
from pages.shared.answers.trace import Measurement
from pages.shared.controls import values
from pages.shared.errors import action
from pages.shared.session import Upload, session

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
        "PyTorch profiler traces (one file per rank) or a table of compute times",
        type=["json", "gz", "csv", "tsv", "txt", "parquet", "pq"],
        accept_multiple_files=True,
        key=f"trace_files_{mine.uploaders}",
        help="Kineto / Chrome-trace JSON, plain or gzip; CSV, TSV or Parquet with worker, step, compute_ms, or a "
        "column per worker. Files stay in this session's memory and are gone when it ends.",
    )
    names, is_new = tuple(file.file_id for file in files), False
    if names and mine.files != names:
        mine.files, mine.refused = names, "These files could not be read."
        try:
            with st.spinner("Reading…"):
                measurement = Measurement(read_trace(files))
                measurement.diagnosis  # noqa: B018 - what cannot be diagnosed is refused here, too
        except ScenarioError as refused:
            mine.refused = str(refused)
        else:
            mine.measurement, mine.refused, is_new = measurement, "", True
    if names and mine.refused:
        st.error(f"{inert(mine.refused)} The last good trace is shown.", icon=":material/block:")
    return is_new


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
