"""Tables that tools write under headings of their own: how they are read, or what to give in their place."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from core.common.validation import ScenarioError
from core.traces.tables.headings import OWN_TIMES, Meaning, meaning


@dataclass(frozen=True, kw_only=True)
class Export:
    """A tool's table."""

    tool: str
    headings: frozenset[str]
    """By which it is known, without their spaces and capitals."""
    roles: dict[str, Meaning] = field(default_factory=dict)
    """What its columns are; none where it cannot be read."""
    only: tuple[str, str] | None = None
    """A column and the value (or how it begins) that it has in the rows that are steps of a worker."""
    none: str = ""
    """What to say where no row has it."""
    no_step: str = ""
    """What to say where its column of steps is empty."""
    note: str = ""
    advice: str = ""
    """What to give in the place of a table that has no steps."""


def known(*names: str) -> frozenset[str]:
    """Headings as they are compared."""
    return frozenset(map(compared, names))


def compared(name: str) -> str:
    """A heading without its spaces, dashes and capitals."""
    return "".join(name.replace("_", "").replace("-", "").split()).lower()


def left_out(*names: str) -> dict[str, Meaning]:
    """Columns that are not needed."""
    return {compared(name): Meaning("other") for name in names}


def ignored(*names: str) -> dict[str, Meaning]:
    """Columns that nothing may be read from."""
    return {compared(name): Meaning("ignored") for name in names}


ASCEND = {
    compared("Computing"): Meaning("compute", "us", exact=True),
    compared("Free"): Meaning("own", "us", exact=True),
    compared("Communication(Not Overlapped)"): Meaning("comm", "us", exact=True),
    compared("Step"): Meaning("step", exact=True),
    compared("Device_id"): Meaning("rank", exact=True),
    compared("Index"): Meaning("rank", exact=True),
    compared("PP Index"): Meaning("stage", exact=True),
    **left_out("Overlapped", "Communication", "Stage", "Bubble", "Preparing", "Type"),
    **left_out("Communication(Not Overlapped and Exclude Receive)", "DP Index", "TP Index"),
}
SCALAR = {
    compared("Wall time"): Meaning("other"),
    compared("Step"): Meaning("step", exact=True),
    compared("Value"): Meaning("whole", strength=3),
}
RANGES = {
    compared("Start (ns)"): Meaning("start", "ns"),
    compared("End (ns)"): Meaning("end", "ns"),
    compared("Duration (ns)"): Meaning("whole", "ns", strength=3),
    compared("Projected Duration (ns)"): Meaning("other"),
    compared("Orig Duration (ns)"): Meaning("whole", "ns", strength=3),
    compared("Name"): Meaning("label"),
    compared("PID"): Meaning("pid"),
    **ignored("DurChild (ns)", "DurNonChild (ns)", "TID", "Lvl", "NumChild", "RangeId", "ParentId", "RangeStack"),
    **ignored("NameTree", "Projected Start (ns)", "Orig Start (ns)", "Style", "NumGPUOps", "Domain"),
}
NSIGHT = (
    "Put torch.cuda.nvtx.range_push('step') and range_pop() around every mini-batch and give the ranges, one file per "
    "rank: nsys stats --report nvtx_pushpop_trace --format csv."
)
ROCPROF = (
    "Put roctxRangePush('step') and roctxRangePop() around every mini-batch and give the marker trace, one file per "
    "rank: rocprofv3 --marker-trace --output-format csv."
)
EXPORTS = [
    Export(
        tool="the Ascend profiler's step table",
        headings=known("Step", "Computing", "Communication(Not Overlapped)", "Free"),
        roles=ASCEND,
        only=("Type", "rank"),
        no_step="the Ascend profiler recorded no steps: call prof.step() after every mini-batch",
        note="times in µs; compute is Computing and Free, the network is Communication(Not Overlapped).",
    ),
    Export(
        tool="a scalar of TensorBoard",
        headings=known("Wall time", "Step", "Value"),
        roles=SCALAR,
        note="Value is taken for the time of a whole step. One file per worker, called rank0.csv and so on.",
    ),
    Export(
        tool="the Ascend profiler's table of operators",
        headings=known("Accelerator Core", "Wait Time(us)"),
        advice="Give step_trace_time.csv of every rank instead, which has a row per step.",
    ),
    Export(
        tool="the Ascend profiler's table of operators",
        headings=known("Op Name", "Task Type"),
        advice="Give step_trace_time.csv of every rank instead, which has a row per step.",
    ),
    Export(
        tool="ranges of Nsight Systems",
        headings=known("Duration (ns)", "Name", "PID", "RangeId"),
        roles=RANGES,
    ),
    Export(
        tool="ranges of Nsight Systems",
        headings=known("Projected Duration (ns)", "Orig Duration (ns)", "Name", "PID"),
        roles=RANGES,
    ),
    Export(
        tool="the NVTX events in a database of Nsight Systems",
        headings=known("start", "end", "eventType", "globalTid", "text"),
        roles={
            compared("start"): Meaning("start", "ns"),
            compared("end"): Meaning("end", "ns"),
            compared("text"): Meaning("label"),
            compared("globalTid"): Meaning("pid"),
            **ignored("eventType", "rangeId", "category", "color", "endGlobalTid", "textId", "domainId"),
        },
    ),
    Export(tool="statistics of Nsight Systems", headings=known("Instances", "Total Time (ns)"), advice=NSIGHT),
    Export(tool="statistics of Nsight Systems", headings=known("Num Calls", "Total Time (ns)"), advice=NSIGHT),
    Export(tool="statistics of Nsight Systems", headings=known("Time (%)", "Total Time (ns)"), advice=NSIGHT),
    Export(tool="a list of kernels from Nsight Systems", headings=known("CorrId", "Duration (ns)"), advice=NSIGHT),
    Export(tool="a list of calls from Nsight Systems", headings=known("CorrID", "Pid", "Tid"), advice=NSIGHT),
    Export(tool="a report of Nsight Compute", headings=known("Kernel Name", "Metric Name"), advice=NSIGHT),
    Export(tool="statistics of nvprof", headings=known("Time(%)", "Calls", "Avg"), advice=NSIGHT),
    Export(tool="a list of kernels from rocprof", headings=known("KernelName", "DurationNs"), advice=ROCPROF),
    Export(tool="a list of kernels from rocprof", headings=known("KernelName", "BeginNs"), advice=ROCPROF),
    Export(tool="a list of kernels from rocprof", headings=known("Kernel_Name", "Start_Timestamp"), advice=ROCPROF),
    Export(
        tool="a list of copies from rocprof", headings=known("Kind", "Direction", "Start_Timestamp"), advice=ROCPROF
    ),
    Export(tool="statistics of rocprof", headings=known("Name", "Calls", "TotalDurationNs"), advice=ROCPROF),
    Export(
        tool="a marker trace of rocprof",
        headings=known("Function", "Start_Timestamp", "End_Timestamp"),
        only=("Domain", "marker"),
        none=f"it has calls of the runtime and no markers. {ROCPROF}",
        roles={
            compared("Function"): Meaning("label"),
            compared("Start_Timestamp"): Meaning("start", "ns"),
            compared("End_Timestamp"): Meaning("end", "ns"),
            compared("Process_Id"): Meaning("pid"),
            **left_out("Domain", "Thread_Id", "Correlation_Id", "Agent_Id", "Stream_Id"),
        },
    ),
    Export(
        tool="a table of operators of the PyTorch profiler",
        headings=known("Name", "Self CPU %", "CPU total"),
        advice="Give what export_chrome_trace writes instead, one file per rank; call prof.step() every mini-batch.",
    ),
]


def of_scalar(file: str, export: Export) -> Export:
    """A scalar of TensorBoard with the meaning that its tag, in the name of its file, gives its values."""
    tag = file.rpartition("tag-")[2].removesuffix(".gz").removesuffix(".csv") if "tag-" in file else ""
    said = meaning(tag)
    if said.role and said.role not in OWN_TIMES:
        raise ScenarioError(
            f"{file} holds {tag!r} by its name, which is not a time. Export the step time of every worker."
        )
    values = Meaning(said.role or "whole", said.unit, strength=3)
    return replace(export, roles=export.roles | {compared("Value"): values})


def known_export(file: str, names: Collection[str]) -> Export | None:
    """The tool's table that has these headings; ScenarioError, with what to give instead, for one without steps."""
    have = set(map(compared, names))
    for export in EXPORTS:
        if export.headings <= have and not (export.roles is SCALAR and "tag" in have):
            if export.advice:
                raise ScenarioError(f"{file} is {export.tool}, which has no steps. {export.advice}")
            return of_scalar(file, export) if export.roles is SCALAR else export
    return None
