"""The visitor's own trace: in the memory of this session only, never written to disk, never shared."""

import re
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd
import streamlit as st

from core import Scenario, ScenarioError, Stragglers, Trace, read_trace, simulate
from core.diagnosis import Diagnosis, diagnose
from core.trace_report import fit_in_words
from core.traces import sample_files
from core.what_if import Remedy, measured_scenario, what_if
from core.words import counted
from pages.shared.boundary import boundary
from pages.shared.trace_answer import TraceAnswer, trace_answer

OWN_ANSWERS = "own_answers"  # where a session keeps what was worked out from its own trace
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


@dataclass(frozen=True, eq=False)
class Measurement:
    """A trace, and what is known of it; each is worked out once."""

    trace: Trace
    is_sample: bool = False

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """What its stragglers cost."""
        return diagnose(self.trace)

    @cached_property
    def remedies(self) -> list[Remedy]:
        """What each policy and each repair would make of it."""
        return what_if(self.trace)

    @cached_property
    def answer(self) -> TraceAnswer:
        """All that its page shows."""
        return trace_answer(self.trace, self.diagnosis, self.remedies)

    @cached_property
    def scenario(self) -> Scenario:
        """A barrier after each step, on the measured network cost."""
        return measured_scenario(self.trace)

    def measured_segments(self) -> pd.DataFrame:
        """The simulated schedule of the run as it was measured."""
        return simulate(self.scenario).segments()


def receive() -> None:
    """A place to drop files; what cannot be read is said, and the last good trace stays."""
    files = st.file_uploader(
        "PyTorch profiler traces (one file per rank) or a table of compute times",
        type=["json", "gz", "csv", "tsv", "txt", "parquet", "pq"],
        accept_multiple_files=True,
        key=f"trace_files_{st.session_state.setdefault('uploads', 0)}",
        help="Kineto / Chrome-trace JSON, plain or gzip; CSV, TSV or Parquet with worker, step, compute_ms, or a "
        "column per worker. Files stay in this session's memory and are gone when it ends.",
    )
    names = tuple(file.file_id for file in files)
    if names and st.session_state.get("trace_read") != names:
        st.session_state.trace_read = names
        st.session_state.trace_refused = "These files could not be read."
        try:
            with st.spinner("Reading…"):
                measurement = Measurement(read_trace(files))
                measurement.diagnosis  # noqa: B018 - what cannot be diagnosed is refused here, too
        except ScenarioError as refused:
            st.session_state.trace_refused = str(refused)
        else:
            st.session_state.update(measurement=measurement, trace_refused="")
            if st.session_state.get("trace_in_use"):
                st.session_state.trace_replaced = True
                st.rerun()
    if names and st.session_state.trace_refused:
        st.error(f"{inert(st.session_state.trace_refused)} The last good trace is shown.", icon=":material/block:")


def inert(text: str) -> str:
    """A stranger's text as Markdown that shows it and does nothing else."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>$~:])", r"\\\1", text)


def shown() -> Measurement:
    """The visitor's last good trace, or the sample."""
    return st.session_state.setdefault("measurement", sample())


@st.cache_resource(max_entries=1, show_spinner=False)
def sample() -> Measurement:
    """The sample, which is everybody's."""
    return Measurement(read_trace(sample_files()), is_sample=True)


@boundary()
def back_to_sample() -> None:
    """Let go of the visitor's trace and files."""
    del st.session_state.measurement
    st.session_state.pop(OWN_ANSWERS, None)
    st.session_state.uploads += 1


def in_use() -> Measurement | None:
    """The trace that stands in for the controls of compute times and stragglers, if any."""
    return st.session_state.get("measurement") if st.session_state.get("trace_in_use") else None


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
    fit = measurement.diagnosis.fits[0]
    slow = min(fit.stragglers.slow_workers, asked.workers)
    return replace(asked, compute=fit.compute, stragglers=replace(fit.stragglers, slow_workers=slow))


def in_words(workers: int) -> str:
    """What stands in for the controls."""
    measurement = in_use()
    trace = measurement.trace
    size = f"{counted(trace.workers, 'worker')} × {counted(trace.steps, 'step')}"
    if workers == trace.workers:
        return f"**Compute times: your trace**, {size}, replayed. More steps than measured are drawn from it again."
    return f"{fitted_in_words()} It has {size}, not {counted(workers, 'worker')}."


def fitted_in_words() -> str:
    """What stands in for the trace where it cannot be replayed."""
    return f"**Compute times: fitted to your trace.** {fit_in_words(in_use().diagnosis.fits[0])}"


def how_to_record() -> None:
    """Ten lines of PyTorch."""
    st.markdown("One file per rank, a few dozen steps after warm-up; the collectives must be in it:")
    st.code(RECORD, language="python")
    st.markdown(
        "No profiler? A CSV does: `worker,step,compute_ms`, where compute is the time **until a worker enters the "
        "all-reduce**. Whole step times are no use: with a barrier all workers take the same."
    )
