"""What to give instead of a file that another tool wrote."""

import re

from core.common.wording import counted
from core.traces.profiles.events import Recording

TABLE = "a table (CSV) with worker, step, compute_ms"
TIMES = f"time its steps, each until its collective begins, and give {TABLE}"
PYTORCH = "export_chrome_trace of torch.profiler, with prof.step() after every mini-batch"
PROCESSES = {  # a pattern for what a process is called: what it is from, and what to give
    r"/host:|/device:|/job:": (
        "a JAX or TensorFlow profile",
        "whose steps and collectives are not marked for every worker. Let each worker "
        f"{TIMES} (jax.block_until_ready, or a Keras callback)",
    ),
    r"Ascend Hardware|\bCANN\b|Overlap Analysis": (
        "a trace view of the Ascend profiler",
        "which is for looking at. Give the step_trace_time.csv beside it, one per rank",
    ),
    r"CPU HIP API|CPU HSA API|Markers and Ranges|^COPY\b": (
        "a trace of rocprof",
        f"which has no steps. Use {PYTORCH} (it records ROCm, too), or give {TABLE}",
    ),
}
NAMES = {  # the same for the name of an event
    r"NEGOTIATE_\w+|MEMCPY_IN_FUSION_BUFFER|WAIT_FOR_(?:OTHER_TENSOR_)?DATA|CYCLE_START": (
        "a Horovod timeline",
        "which says when tensors were reduced, not how long a worker computed in a step. Let each worker "
        f"{TIMES}, or use torch.profiler",
    ),
    r"(?i)byteps|PUSH_PULL|COORDINATE_\w+": (
        "a BytePS timeline",
        f"which says when tensors were sent, not how long a worker computed in a step. Let each worker {TIMES}",
    ),
}
KEYS = {  # the same for a key of the outermost object
    "viztracer_metadata": ("a VizTracer trace", f"which has functions, not steps. Use {PYTORCH}, or give {TABLE}"),
    "rocprofiler-sdk-tool": ("output of rocprofv3", f"which has no steps. Use {PYTORCH}, or give {TABLE}"),
    "nodes": ("an execution trace, a graph of operators", f"not a trace of times. Use {PYTORCH}"),
    "device_traces": ("a memory snapshot", f"not a trace of times. Use {PYTORCH}"),
    "StringTable": ("output of Nsight Systems", f"which has no steps. Use {PYTORCH}, or give {TABLE}"),
    "CudaEvent": ("output of Nsight Systems", f"which has no steps. Use {PYTORCH}, or give {TABLE}"),
    "NvtxEvent": ("output of Nsight Systems", f"which has no steps. Use {PYTORCH}, or give {TABLE}"),
}
ASCEND = re.compile(r"Ascend Hardware|Overlap Analysis")
PHASES = {"compute", "wait", "comm"}
FROM_PYTORCH = {"schemaVersion", "deviceProperties", "distributedInfo", "traceName"}


def only_for_looking(recording: Recording) -> bool:
    """Whether a file has steps, but the work of its devices is there for people alone."""
    return any(ASCEND.search(name) for name in recording.names.values())


def advice(recording: Recording) -> str:
    """Why there are no steps in a file, and what would have some."""
    file = recording.file
    for key, (what, instead) in KEYS.items():
        if key in recording.keys:
            return f"{file} is {what}, {instead}."
    for pattern, (what, instead) in NAMES.items():
        if any(re.fullmatch(pattern, name) for name in recording.seen):
            return f"{file} is {what}, {instead}."
    for pattern, (what, instead) in PROCESSES.items():
        if any(re.search(pattern, name) for name in recording.names.values()):
            return f"{file} is {what}, {instead}."
    if recording.seen and recording.seen - {"thread_name", "thread_sort_index"} <= PHASES:
        return f"{file} is a schedule that this simulator wrote for trace viewers. Give its cleaned times (CSV)."
    if recording.damage:
        return f"{recording.damage.rstrip('.')}; what is whole in it has no ProfilerStep# spans."
    if recording.without_time:
        have = f"{counted(recording.without_time, 'event')} {'has' if recording.without_time == 1 else 'have'} none"
        return f"{file} has no ProfilerStep# spans with times that can be used: {have}."
    missing = f"{file} has no ProfilerStep# spans"
    if recording.events and not recording.keys & FROM_PYTORCH and not recording.processes:
        return (
            f"{missing}, and nothing else of a PyTorch profiler's: it is a Chrome trace of another tool. "
            f"Use {PYTORCH}, or give {TABLE}."
        )
    return f"{missing}: call prof.step() after every mini-batch."
