"""What an event of a profiler is, by its category and its name."""

import re

MAKERS = "nccl|rccl|msccl|oneccl|hccl|xccl|cncl|mccl|eccl|bccl|uccl|nvshmem|rocshmem|deep_?ep"
OPERATIONS = (
    "all[_ -]?reduce|reduce[_ -]?scatter|all[_ -]?gather|all[_ -]?to[_ -]?all|cross_device_reduce|multimem|userbuffers"
)
DEVICE_WORK = re.compile(r"(?:\w+_)?(?:kernel|memcpy|memset)|mtia_ccp_events")
RUNTIME = re.compile(r"(?:\w+_)?(?:runtime|driver)")
COPIES = re.compile(r"mem(?:cpy|set)")
IN_BRACKETS = re.compile(r"<[^<>]*>|\([^()]*\)")
COMPILED = re.compile(r"triton_(?:poi|red|per|tem|for)_fused_")  # named after what they were fused from
DEVICE_COLLECTIVE = re.compile(rf"{OPERATIONS}|(?<![a-z])(?:{MAKERS})", re.IGNORECASE)
DEVICE_BROADCAST = re.compile(r"broadcast(?!ed|able|ing)", re.IGNORECASE)
HOST_COLLECTIVE = re.compile(  # that runs there, as its back end names it, or a span of the user's own
    rf"(?:gloo|mpi|torch_ucc|ucc)[:_]\w+|(?:.*(?<![a-z]))?(?:{OPERATIONS}|broadcast).*|(?:mpi_)?barrier",
    re.IGNORECASE | re.DOTALL,
)
MORE_THAN_A_COLLECTIVE = re.compile(r"forward|backward|optimi[sz]er|train|epoch", re.IGNORECASE)
DEVICE_BACKEND = re.compile(rf"(?<![a-z])(?:{MAKERS}|ccl)", re.IGNORECASE)
HOST_BACKEND = re.compile(r"gloo|mpi", re.IGNORECASE)
LAUNCHED_COLLECTIVE = re.compile(rf"(?:{MAKERS}|ccl)[:_]\w+", re.IGNORECASE)
LAUNCHES = re.compile(r"launch|mem(?:cpy|set)\w*async|enqueue", re.IGNORECASE)
BLOCKS = re.compile(
    r"synchroni[sz]e|(?:cuda|hip|cu|musa)memcpy(?!\w*async)|(?:cuda|hip)free\Z|wait(?:for)?events?\Z|events?wait\Z",
    re.IGNORECASE,
)
WAITS_ON_DEVICE = re.compile(r"stream_?wait", re.IGNORECASE)
READS_BACK = {"aten::item", "aten::_local_scalar_dense", "aten::is_nonzero", "aten::nonzero", "aten::equal"}
SYNCHRONIZING = {"event sync", "stream sync", "context sync", "device sync"}
STEP = re.compile(r"ProfilerStep#(\d{1,9})")
OWN_STEP = re.compile(
    r"(?:.*[\s/:._#-])?(?:train(?:ing)?[ _-]?)?(?:global[ _-]?)?(?:step|iter|iteration|batch)[ _:=#-]*(\d{1,9})\W*",
    re.IGNORECASE,
)
EVALUATES = re.compile(r"(?<![a-z])(?:val|valid\w*|eval\w*|test|inference|predict\w*)(?![a-z])", re.IGNORECASE)
ONCE_A_STEP = re.compile(r"Optimizer\.step#\w+\.step|DistributedDataParallel\.forward")
LOADER = re.compile(r"enumerate\(DataLoader\)")


def event_kind(category: str, name: str) -> str:
    """What an event is: one of the kinds that matter, or nothing.

    step, own step, device step, once a step: they delimit steps. work, collective: on a device. launch, launch that
    counts (it starts work), launch that blocks, host blocks, op, op that blocks, host collective, launched collective,
    loader: on the host.
    """
    category = category.lower()
    if DEVICE_WORK.fullmatch(category):
        return "collective" if not COPIES.search(category) and is_device_collective(name) else "work"
    if RUNTIME.fullmatch(category):
        if BLOCKS.search(name) and not WAITS_ON_DEVICE.search(name):
            return "launch that blocks"
        return "launch that counts" if LAUNCHES.search(name) else "launch"
    if category == "cuda_sync":
        return "host blocks" if name.lower() in SYNCHRONIZING else ""
    if STEP.fullmatch(name):
        return "device step" if category.startswith("gpu") else "step"
    if category in ("cpu_op", "operator"):
        return op_kind(name)
    if category == "user_annotation":
        return annotation_kind(name)
    return ""


def op_kind(name: str) -> str:
    """What an operator of the host is; those that are no `aten::` may contain the waiting."""
    if name.startswith("aten::"):
        return "op that blocks" if name in READS_BACK else "op"
    if name.startswith(("gloo:", "mpi:")):
        return "host collective"
    return "launched collective" if LAUNCHED_COLLECTIVE.match(name) else annotation_kind(name, of_operator=True)


def annotation_kind(name: str, of_operator: bool = False) -> str:
    """What a span of the user's, or of PyTorch's own, is."""
    if LAUNCHED_COLLECTIVE.match(name):
        return "launched collective"
    if ONCE_A_STEP.match(name):
        return "once a step"
    if LOADER.match(name):
        return "loader"
    if of_operator:
        return ""
    if OWN_STEP.fullmatch(name) and not EVALUATES.search(name):
        return "own step"
    if HOST_COLLECTIVE.fullmatch(name) and not MORE_THAN_A_COLLECTIVE.search(name):
        return "host collective"
    return ""


def is_device_collective(name: str) -> bool:
    """Whether a kernel is a collective: by its maker or its operation anywhere, or broadcast in its own name.

    GEMMs of CUTLASS have RowBroadcast among their template's arguments.
    """
    if COMPILED.search(name):
        return False
    if DEVICE_COLLECTIVE.search(name):
        return True
    return "broadcast" in name.lower() and bool(DEVICE_BROADCAST.search(own_name(name)))


def own_name(name: str) -> str:
    """A kernel's name without what stands in brackets."""
    name = name[:4_000]
    while (shorter := IN_BRACKETS.sub("", name)) != name:
        name = shorter
    return name
