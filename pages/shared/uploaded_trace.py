"""The visitor's own trace: in the memory of this session only, never written to disk, never shared."""

from dataclasses import replace

import streamlit as st

from core import Scenario, ScenarioError, Stragglers, read_trace
from core.common.wording import counted, duration
from core.report import traces as trace_report
from core.report.traces import fit_in_words
from core.traces.network import mean_network
from core.traces.reading import sample_files, table_columns
from core.traces.selection import read_one_run
from core.traces.tables.cells import UNITS_MS
from pages.shared.answers.trace import Measurement
from pages.shared.controls import copied, values
from pages.shared.controls.url import inert, pins_own_trace
from pages.shared.errors import action
from pages.shared.session import Upload, session

AS_READ = "as read"
HAND = {"worker": "Worker", "step": "Step", "time": "Time", "unit": "Unit of times"}
"""What can be corrected by hand, and what it is called."""
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

    What cannot be read is said, and the last good trace stays; files that are dropped after it are read without it.
    """
    mine = session().upload
    files = st.file_uploader(
        "Your run: PyTorch profiler traces, one file per rank, or tables of compute or step times",
        type=["json", "jsonl", "ndjson", "gz", "csv", "tsv", "txt", "log", "parquet", "pq"],
        accept_multiple_files=True,
        key=f"trace_files_{mine.uploaders}",
        help="Kineto / Chrome-trace JSON, plain or gzip; CSV and similar, JSON lines or Parquet with worker, step, "
        "compute_ms, or one column per worker; exports of W&B, TensorBoard and Ascend. Files stay in this session's "
        "memory and are gone when it ends.",
    )
    names, is_new = tuple(file.file_id for file in files), False
    asked = said_by_hand() if names == mine.files else {}
    if names and (mine.files, mine.asked) != (names, asked):
        is_new = read(files, names, asked)
    if names and mine.refused:
        kept = "The last good trace is shown." if mine.measurement else "The sample is shown."
        st.error(f"{inert(mine.refused)} {kept}", icon=":material/block:")
    elif names and mine.left_out:
        st.warning(f"Left out: {inert(' '.join(mine.left_out))}", icon=":material/rule:")
    return is_new


def read(files: list, names: tuple[str, ...], asked: dict[str, str]) -> bool:
    """Read what is new in the upload field, and whether it could be read."""
    mine = session().upload
    if mine.files == names:  # somebody says what the columns are
        files = [file for file in files if file.file_id in mine.used] or files
    fresh = [place for place, file in enumerate(files) if file.file_id not in mine.files]
    if mine.files != names:
        mine.columns = table_columns(files[fresh[0] if fresh else 0])
        mine.used, mine.left_out = (), []
    mine.files, mine.asked, mine.refused = names, asked, "These files could not be read."
    columns = {role: name for role, name in asked.items() if role != "unit"}
    try:
        with st.spinner("Reading the files"):
            found = read_one_run(files, fresh, columns or None, asked.get("unit"))
            measurement = Measurement(found.trace, files=len(found.places))
            measurement.diagnosis  # noqa: B018 - what cannot be diagnosed is refused here, too
    except ScenarioError as refused:
        mine.refused = str(refused)
        return False
    let_go_of_pin()
    mine.measurement, mine.refused = measurement, ""
    mine.used = tuple(files[place].file_id for place in found.places)
    if found.left_out:
        mine.left_out, mine.columns = found.left_out, table_columns(files[found.places[0]])
    return True


def key_of(role: str) -> str:
    """The widget in which a role's column is chosen; other files have others."""
    mine = session().upload
    return f"column_of_{role}_{mine.uploaders}_{'_'.join(mine.files)[:100]}"


def said_by_hand() -> dict[str, str]:
    """What the widgets say of the columns, where it is not what was understood."""
    said = {role: st.session_state.get(key_of(role), AS_READ) for role in HAND}
    return {role: name for role, name in said.items() if name != AS_READ}


def what_was_read(measurement: Measurement) -> None:
    """What was understood of the files, in a line, before what it means; and where somebody may say it better."""
    trace, mine = measurement.trace, session().upload
    line = inert(trace_report.what_was_read(trace, measurement.files))
    with st.container(horizontal=True, vertical_alignment="center", key="what_was_read"):
        if measurement.is_sample:
            st.caption(f"**Sample** of a real run: {line}")
        else:
            st.caption(f"**Your run**: {line}")
            if not in_use():
                st.button("Back to the sample", on_click=back_to_sample, icon=":material/undo:", type="tertiary")
    by_hand = bool(mine.files and mine.columns)
    in_doubt = by_hand and (bool(mine.refused) or any(column.guessed for column in trace.columns))
    with st.expander("How the files were read, and how to record yours", expanded=in_doubt):
        for note in trace.notes:
            st.caption(inert(note))
        if trace.columns:
            st.table(trace_report.columns_table(trace).map(inert).set_index("Column"))
        if by_hand:
            choose_columns(mine.columns)
        if not in_doubt:
            how_to_record()


def choose_columns(names: list[str]) -> None:
    """Widgets that say which column is what, and the unit."""
    st.markdown("If a column was misread, correct it here:")
    for place, (role, label) in zip(st.columns(len(HAND)), HAND.items(), strict=True):
        options = list(UNITS_MS) if role == "unit" else names
        place.selectbox(label, [AS_READ, *options], key=key_of(role))


def shown() -> Measurement:
    """The visitor's last good trace, or the sample."""
    return session().upload.measurement or sample()


@st.cache_resource(max_entries=1, show_spinner=False)
def sample() -> Measurement:
    """The sample, which is everybody's."""
    files = sample_files()
    return Measurement(read_trace(files), files=len(files), is_sample=True)


@action
def back_to_sample() -> None:
    """Let go of the visitor's trace and files."""
    known = session()
    let_go_of_pin()
    known.upload = Upload(uploaders=known.upload.uploaders + 1)
    known.private_answers.clear()


def let_go_of_pin() -> None:
    """Unpin a scenario whose compute times come from a trace of the visitor's own, as there will be another one."""
    if pins_own_trace(values.value("pin")):
        values.put({"pin": ""})


def in_use() -> Measurement | None:
    """The trace that stands in for the controls of compute times and stragglers, if any."""
    return measured(values.value("times"))


def measured(times: str) -> Measurement | None:
    """The trace that compute times come from, as the key `times` of a link has it; None where they do not."""
    if times == "controls":
        return None
    return sample() if times == "sample" else session().upload.measurement


def applied(asked: Scenario, measurement: Measurement | None) -> Scenario:
    """The scenario with compute times from a trace: replayed for its own number of workers, fitted for others."""
    if not measurement:
        return asked
    if asked.workers == measurement.trace.workers:
        return replace(asked, compute=measurement.scenario.compute, stragglers=Stragglers())
    return fitted(asked, measurement)


def fitted(asked: Scenario, measurement: Measurement) -> Scenario:
    """The scenario with the law and the stragglers that were fitted to a trace."""
    fit = measurement.diagnosis.fits[0]
    return replace(asked, compute=fit.compute, stragglers=fit.stragglers_of(asked.workers))


def in_words(asked: Scenario) -> str:
    """What of the trace is replayed on this page, what is fitted, and what is neither."""
    measurement = in_use()
    assert measurement
    trace = measurement.trace
    if asked.workers != trace.workers:
        size = counted(trace.workers, "worker")
        return f"{fitted_in_words()} The trace has {size}, so it cannot be replayed. {network_in_words(asked)}"
    some = min(asked.batches, trace.steps)
    steps = f"all {counted(some, 'step')}" if some == trace.steps else f"the first {some:,} of {trace.steps:,} steps"
    further = (
        "Steps beyond those are resampled from it in blocks."
        if asked.batches > trace.steps
        else "Policies that need more steps resample them from it in blocks."
    )
    return f"**Compute times: replayed from {whose()}**, {steps} as measured. {further} {network_in_words(asked)}"


def network_in_words(asked: Scenario) -> str:
    """Whether the network is what was measured."""
    measurement = in_use()
    assert measurement
    if asked.network != measurement.scenario.network:
        return "Network: as set in the sidebar."
    if measurement.trace.comm_ms is None:
        return "Network: free, as none was measured."
    latency_ms = mean_network(measurement.trace).latency_ms
    return f"Network: {duration(latency_ms)} per step, the measured mean."


def whose() -> str:
    """Whose trace it is."""
    measurement = in_use()
    return "the sample trace" if measurement and measurement.is_sample else "your trace"


def fitted_in_words() -> str:
    """What stands in for the trace where it cannot be replayed."""
    measurement = in_use()
    assert measurement
    return f"**Compute times: fitted to {whose()}.** {fit_in_words(measurement.diagnosis.fits[0])}"


def of_a_fit() -> str:
    """That a copied link does not hold the trace; a line, empty where none is in use."""
    return "The link opens the distribution that was fitted to the trace, not the trace itself.\n" if in_use() else ""


def how_to_record() -> None:
    """Ten lines of PyTorch."""
    st.markdown("**To record your own**: one file per rank, a few dozen steps after warm-up, collectives included:")
    copied.shown(RECORD, "Copy code")
    st.markdown(
        "No profiler? A CSV works too: `worker,step,compute_ms`, where compute is the time **until a worker enters the "
        "all-reduce**. Whole step times do not help: with a barrier, every worker takes the same time."
    )
