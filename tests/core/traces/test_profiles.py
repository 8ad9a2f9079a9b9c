"""Profiler traces as people have them: steps, collectives, ranks, other tools' files, and files that are damaged."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import ScenarioError, read_trace
from core.traces.profiles.intervals import outside_while
from core.traces.profiles.kineto import read_kineto
from core.traces.profiles.names import event_kind, is_device_collective
from core.traces.profiles.steps import launches_of
from core.traces.profiles.workers import identified
from tests.profiler_files import GEMM, NCCL, Machine, event, train
from tests.trace_files import Upload, gloo_rank, kineto, span

SLOW, FAST = [60, 40, 70, 40, 60, 50], [40, 60, 40, 70, 60, 50]
TOGETHER = np.maximum(SLOW, FAST)


def said(trace, *words):
    """Whether one of the notes has all these words."""
    return any(all(word in note for word in words) for note in trace.notes)


def two_ranks(network_ms=4.0, **machine):
    """Two ranks that wait for each other."""
    return [
        train(Machine(**machine), took, network_ms, together_ms=TOGETHER).upload(rank)
        for rank, took in enumerate((SLOW, FAST))
    ]


# --- steps ---


@pytest.mark.parametrize(
    "machine",
    [
        {},
        {"runtime": "hip"},
        {"runtime": "xpu"},
        {"link": "External id"},
        {"link": "external id"},
        {"launch_ms": 2.0},
        {"device": 3, "pid": 4711},
    ],
    ids=str,
)
def test_a_step_goes_from_the_last_work_of_the_step_before_to_its_own_last(machine):
    """Whatever the vendor; the host runs ahead, or keeps up."""
    trace = read_trace(two_ranks(**machine))
    assert (trace.worker_names, trace.step_numbers) == ((0, 1), tuple(range(5, 11)))
    np.testing.assert_allclose(trace.compute_ms[1:], np.transpose([SLOW, FAST])[1:] + 1.2, atol=1e-6)
    np.testing.assert_allclose(trace.comm_ms, 4.0)
    np.testing.assert_allclose(trace.wait_ms, TOGETHER[:, None] - np.transpose([SLOW, FAST]), atol=1e-6)


@pytest.mark.parametrize("annotated", [False, True])
def test_the_devices_own_annotation_of_a_step_counts_for_nothing_where_launches_do(annotated):
    """It covers the loss and a copy."""
    machine = train(Machine(), SLOW, 4)
    for i in range(len(SLOW)) if annotated else []:
        machine.events.append(event(f"ProfilerStep#{5 + i}", 1_010 + 60 * i, 1_020 + 60 * i, "gpu_user_annotation"))
    trace = read_trace([machine.upload(0)])
    np.testing.assert_allclose(trace.compute_ms[1:, 0], np.array(SLOW[1:]) + 1.2, atol=1e-6)
    assert trace.step_numbers == tuple(range(5, 11))


@pytest.mark.parametrize("link", [None, "something else"])
def test_where_no_launch_belongs_to_the_work_the_hosts_spans_serve_and_that_is_said(link):
    machine = train(Machine(link=link), [20] * 4, 4, after=lambda machine: machine.wait())
    trace = read_trace([machine.upload(0)])
    assert said(trace, "No launches", "spans on the CPU")
    np.testing.assert_allclose(trace.compute_ms + trace.comm_ms, 24.2, atol=1.2)


def test_work_that_was_launched_before_the_recording_is_of_no_step():
    """It is still running when the first step begins, and nothing says when it was launched."""
    machine = Machine()
    machine.launch(GEMM, 300)
    machine.events = [each for each in machine.events if each["cat"] == "kernel"]
    trace = read_trace([train(machine, SLOW, 4).upload(0)])
    np.testing.assert_allclose(trace.compute_ms[:, 0], np.array(SLOW) + 1.2, atol=1e-6)


def test_work_that_was_running_before_and_was_not_recorded_is_of_no_step():
    machine = Machine()
    machine.launch(GEMM, 300)
    machine.events = []
    trace = read_trace([train(machine, SLOW, 4).upload(0)])
    np.testing.assert_allclose(trace.compute_ms[:, 0], np.array(SLOW) + 1.2, atol=1e-6)


@pytest.mark.parametrize("edge", [0, -1])
def test_a_first_or_last_step_that_was_recorded_in_part_is_left_out(edge):
    """Half of the first step's work is missing, or the end of the last one's."""
    machine = train(Machine(), [20] * 6, 4)
    work = [each for each in machine.events if "stream" in each["args"]]
    for each in work[:3] if edge == 0 else work[-3:]:
        machine.events.remove(each)
    trace = read_trace([machine.upload(0)])
    assert trace.step_numbers == ((6, 7, 8, 9, 10) if edge == 0 else (5, 6, 7, 8, 9))
    assert said(trace, "Left out", f"step {5 if edge == 0 else 10}")


@pytest.mark.parametrize("field", ["dur", "ts"])
@pytest.mark.parametrize("value", [float("nan"), None, "soon", -1, "missing"])
@pytest.mark.parametrize("places", [[2], [2, 3], [0], [5]], ids=str)
def test_a_step_without_a_time_is_left_out_and_said(field, value, places):
    """And its work is not counted for the step before it."""
    machine = train(Machine(), SLOW, 4)
    for each in machine.events:
        if each["name"] in [f"ProfilerStep#{5 + place}" for place in places]:
            each[field] = value
            if value == "missing":
                del each[field]
    trace = read_trace([machine.upload(0)])
    kept = [place for place in range(6) if place not in places]
    assert trace.step_numbers == tuple(5 + place for place in kept)
    usual = np.array(SLOW)[kept] + 1.2
    np.testing.assert_allclose(trace.compute_ms[1:, 0], usual[1:], atol=2)
    assert said(trace, "Left out", "no usable ts or dur", ", ".join(str(5 + place) for place in places))
    assert said(trace, f"{len(places)} event", "without a usable time left out")


def test_a_step_of_ones_own_without_a_time_is_left_out_and_said():
    events = [span(f"train step {i}", 100 * i, 100 * i + 99) for i in range(6)]
    events[3]["dur"] = None
    trace = read_trace([kineto(events, 0)])
    assert trace.step_numbers == (0, 1, 2, 4, 5)
    assert said(trace, "Left out", "no usable ts or dur", "step 3")


def test_an_empty_step_after_the_last_call_of_step_is_left_out():
    machine = train(Machine(), [20] * 4, 4)
    machine.step(9, lambda: machine.idle(1))
    assert read_trace([machine.upload(0)]).step_numbers == (5, 6, 7, 8)


def test_a_file_cut_off_among_the_devices_work_gives_the_steps_that_have_it():
    """The host's side comes first in a file; of the last step that has work, the end is missing."""
    machine = train(Machine(), SLOW, 4)
    machine.events.sort(key=lambda each: "stream" in each["args"])
    text = machine.upload(0).getvalue().decode()
    trace = read_trace([Upload("rank0.json", text[: text.rindex(NCCL, 0, text.rindex(NCCL, 0, text.rindex(NCCL)))])])
    assert trace.step_numbers == (5, 6, 7)
    np.testing.assert_allclose(trace.compute_ms[1:, 0], np.array(SLOW[1:3]) + 1.2, atol=1e-6)
    assert said(trace, "ends early")


def test_one_launch_of_a_graph_for_many_kernels():
    """Four kernels and a collective on another stream, all from one launch; the collective holds up what follows."""
    events = []
    for i in range(4):
        at = 50 * i
        events += [event(f"ProfilerStep#{i}", at, at + 2, "user_annotation")]
        events += [event("cudaGraphLaunch", at + 1, at + 1.5, "cuda_runtime", correlation=i)]
        for k in range(4):
            start = at + 2 + 10 * k + (8 if k == 3 else 0)
            events += [event(GEMM, start, start + 10, "kernel", pid=0, tid=7, correlation=i)]
        events += [event(NCCL, at + 32, at + 40, "kernel", pid=0, tid=20, correlation=i)]
    trace = read_trace([kineto(events, 0)])
    np.testing.assert_allclose(trace.comm_ms, 8)
    np.testing.assert_allclose(trace.compute_ms[1:], 42)


def test_the_last_work_may_be_on_another_device():
    machine = Machine()

    def body():
        machine.device = 0
        machine.launch(GEMM, 10)
        machine.device = 1
        machine.launch(GEMM, 30, stream=20)

    for i in range(4):
        machine.step(i, body)
    trace = read_trace([machine.upload(0, world_size=1)])
    np.testing.assert_allclose(trace.compute_ms[1:], 30)


def test_steps_without_profiler_steps():
    """By the user's own numbered spans, or from one step of the optimizer to the next."""
    machine = train(Machine(), SLOW, 4)
    own = json.loads(machine.upload(0).getvalue().decode().replace("ProfilerStep#", "train_step "))
    trace = read_trace([Upload("rank0.json", json.dumps(own))])
    assert said(trace, "named as numbered steps")
    np.testing.assert_allclose(trace.compute_ms[1:, 0], np.array(SLOW[1:]) + 1.2, atol=1e-6)

    machine = Machine(launch_ms=1)
    for took in SLOW:
        train(machine, [took], 4, first=0)
        machine.events.pop()
        machine.step("Optimizer.step#SGD.step", lambda: machine.launch("multi_tensor_apply_kernel", 1))
    trace = read_trace([machine.upload(0)])
    assert said(trace, "from one Optimizer.step#SGD.step to the next")
    np.testing.assert_allclose(trace.compute_ms[1:, 0], np.array(SLOW[2:]) + 2.2, atol=1e-6)


def test_numbered_spans_of_validation_are_no_steps():
    events = [span(f"train_step_{i}", 100 * i + 50 * (i > 1), 100 * i + 90 + 50 * (i > 1)) for i in range(4)]
    trace = read_trace([kineto([*events, span("val_step_0", 192, 240)], 0)])
    np.testing.assert_allclose(trace.compute_ms[:, 0], 90)
    assert trace.step_numbers == (0, 1, 2, 3)


def test_numbered_steps_that_follow_at_once_since_1970():
    """Start and duration in µs have so many digits that one may seem to go on into the next."""
    start = 1.7e15 + 100_000.3
    events = [
        {"ph": "X", "cat": "user_annotation", "name": f"train_step_{i}", "ts": start + 100_000.1 * i, "dur": 100_000.4}
        for i in range(4)
    ]
    assert read_trace([kineto(events, 0)]).steps == 4


def test_gradient_accumulation_is_one_step_for_each_collective():
    """Eleven micro-batches, a collective after every third; the last two have none yet."""
    compute = [10, 30, 20, 30, 10, 20, 10, 30, 20, 10, 10]
    ends, events = np.cumsum(compute) + 5 * (np.arange(len(compute)) // 3), []
    for i, (took, end) in enumerate(zip(compute, ends.tolist(), strict=True)):
        has_one = i % 3 == 2
        events.append(span(f"ProfilerStep#{i}", end - took, end + 5 * has_one))
        if has_one:
            events.append(span("gloo:all_reduce", end, end + 5))
    trace = read_trace([kineto(events, 0, backend="gloo")])
    assert trace.step_numbers == (2, 5, 8)
    assert trace.compute_ms.tolist() == [[60], [60], [60]]
    assert said(trace, "every 3rd", "3 updates")
    assert said(trace, "Left out", "steps 9, 10")


def test_a_first_step_without_its_collective_takes_no_whole_step_with_it():
    events = json.loads(gloo_rank(0, [50, 60, 70, 80]).getvalue())["traceEvents"]
    del events[2]
    assert events[1]["name"] == "ProfilerStep#5"
    trace = read_trace([kineto(events, 0)])
    assert trace.step_numbers == (6, 7, 8)
    assert trace.compute_ms.tolist() == [[60], [70], [80]]
    assert said(trace, "Left out", "step 5")


def test_accumulation_that_was_recorded_from_its_middle_on():
    """Steps 0 and 1 end an update whose first step is not there."""
    events = []
    for i in range(11):
        events.append(span(f"ProfilerStep#{i}", 10 * i, 10 * i + 10))
        if i % 3 == 1:
            events.append(span("gloo:all_reduce", 10 * i + 8, 10 * i + 10))
    trace = read_trace([kineto(events, 0, backend="gloo")])
    assert trace.step_numbers == (4, 7, 10)
    assert trace.compute_ms.tolist() == [[28]] * 3
    assert said(trace, "Left out", "steps 0, 1")


def test_gradient_accumulation_on_a_device():
    machine = Machine()
    for i in range(8):

        def body(i=i):
            machine.launch(GEMM, 10 + i % 2)
            if i % 4 == 3:
                machine.launch(NCCL, 5, stream=20, behind=(7,))
                machine.launch("multi_tensor_apply_kernel", 1, behind=(20,))

        machine.step(i, body)
    trace = read_trace([machine.upload(0)])
    assert trace.step_numbers == (3, 7)
    np.testing.assert_allclose(trace.compute_ms, 43, atol=0.1)
    np.testing.assert_allclose(trace.comm_ms, 5)


# --- what a collective costs ---


def host_bound(**machine):
    """A launch takes 5 ms, a kernel 0.2 to 1 ms: a collective of 3 ms runs during the next launch."""
    return Machine(launch_ms=5.0, **machine)


def test_a_collective_in_an_idle_gap_costs_nothing():
    trace = read_trace([train(host_bound(), [0.8] * 5, 3).upload(rank) for rank in (0, 1)])
    np.testing.assert_allclose(trace.comm_ms + trace.wait_ms, 0, atol=1e-6)
    np.testing.assert_allclose(trace.exposed_ms, 3, atol=1e-6)
    np.testing.assert_allclose(trace.compute_ms[1:], 25, atol=1e-6)
    assert trace.gpu_idle_percent > 70
    assert said(trace, "host is the limit", "wait for Python, not for each other")
    assert said(trace, "3\N{NO-BREAK SPACE}ms a step", "exposed", "blocking")


SYNCHRONIZING = [
    *("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMemcpy", "cuStreamSynchronize"),
    *("hipStreamSynchronize", "hipDeviceSynchronize", "hipEventSynchronize", "hipMemcpy", "hipMemcpyWithStream"),
    *("aclrtSynchronizeStream", "zeEventHostSynchronize"),
]


@pytest.mark.parametrize(
    ("call", "category"),
    [
        *((call, "cuda_runtime") for call in SYNCHRONIZING),
        *((call, "cpu_op") for call in ("aten::item", "aten::_local_scalar_dense")),
        ("Stream Sync", "cuda_sync"),
    ],
)
def test_a_collective_that_the_host_waits_for_costs_its_time(call, category):
    """Calls are on the thread that launches, what the device notes of them is on a track of its own."""
    thread = 99 if category == "cuda_sync" else 1
    machine = train(host_bound(), [0.8] * 5, 3, after=lambda machine: machine.wait(call, category, thread))
    trace = read_trace([machine.upload(0)])
    np.testing.assert_allclose(trace.comm_ms + trace.wait_ms, 3, atol=1e-6)


@pytest.mark.parametrize(
    "call", ["cudaStreamWaitEvent", "cudaEventRecord", "cudaMemcpyAsync", "hipMemcpyAsync", "cudaEventQuery"]
)
def test_a_call_that_waits_for_nothing_does_not_count(call):
    machine = train(host_bound(), [0.8] * 5, 3, after=lambda machine: machine.wait(call))
    assert read_trace([machine.upload(0)]).comm_ms.max() < 1e-6


def test_a_thread_that_launches_nothing_may_wait_as_it_likes():
    """NCCL's watchdog, or what pins memory."""
    machine = train(
        host_bound(),
        [0.8] * 5,
        3,
        after=lambda machine: machine.wait("cudaEventSynchronize", tid=99),
    )
    assert read_trace([machine.upload(0)]).comm_ms.max() < 1e-6


def test_a_collective_costs_from_when_something_is_launched_behind_it():
    """The host comes back 5 ms after it has launched a collective of 8: what it launches then waits for 3."""
    trace = read_trace([train(host_bound(), [0.8] * 5, 8).upload(0)])
    np.testing.assert_allclose(trace.comm_ms, 3, atol=1e-6)


def test_a_collective_beside_computing_costs_nothing():
    machine = Machine()

    def body():
        machine.launch(GEMM, 10)
        machine.launch(NCCL, 15, stream=20, behind=(7,))
        machine.launch(GEMM, 20)
        machine.launch("multi_tensor_apply_kernel", 1, behind=(20,))

    for i in range(4):
        machine.step(i, body)
    trace = read_trace([machine.upload(0)])
    np.testing.assert_allclose(trace.comm_ms, 0)
    np.testing.assert_allclose(trace.compute_ms[1:], 31)


@given(st.data())
def test_blocking_time_is_counted_as_millisecond_by_millisecond(data):
    """Spans and windows of whole milliseconds against a loop over all of them."""
    some = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), max_size=8)
    kinds = [np.array([(a, a + b) for a, b in data.draw(some)], dtype=float).reshape(-1, 2) for _ in range(3)]
    edges, middle = np.array([0, 7, 8, 20, 50]), np.arange(50) + 0.5
    in_collective, computing, holding = (((k[:, :1] < middle) & (middle < k[:, 1:])).any(axis=0) for k in kinds)
    counted = np.add.reduceat((in_collective & ~computing & holding).astype(int), edges[:-1])
    windows = np.column_stack([edges[:-1], edges[1:]])
    np.testing.assert_array_equal(outside_while(*kinds, windows), counted)


@given(st.data())
def test_work_is_of_the_last_launch_with_its_number_that_came_before_it(data):
    """Or of the first with it, where clocks disagree; against a loop."""
    few = st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 20)), max_size=8, unique=True)
    work, launches = (np.array(data.draw(few), dtype=float).reshape(-1, 2) for _ in "12")
    found = launches_of(work[:, 0].astype(int), work[:, 1], launches[:, 0].astype(int), launches[:, 1])
    for (number, start), index in zip(work, found, strict=True):
        same = sorted(time for its_number, time in launches if its_number == number and number >= 0)
        before = [time for time in same if time <= start]
        expected = (before or same[:1] or [None])[-1]
        assert (launches[index, 1] if index >= 0 else None) == expected


# --- collectives by any name ---

COLLECTIVES = [
    *(NCCL, "ncclKernel_AllReduce_RING_LL_Sum_float(ncclWorkElem)", "ncclDevKernel_SendRecv(ncclDevKernelArgsStorage)"),
    *("ncclDevKernel_Generic_4(ncclDevKernelArgsStorage<4096ul>)", "void rccl_main_kernel<1>(ncclDevComm*)"),
    *("mscclKernel_Sum_half_LL(ncclDevComm*)", "oneccl_allreduce_large_buffer", "hcclAllReduce", "xccl_reduce"),
    *("void vllm::cross_device_reduce_1stage<__half, 2>(vllm::RankData*)", "multimem_all_reduce_kernel<c10::BFloat16>"),
    *("two_shot_all_reduce_kernel", "void one_shot_all_reduce_kernel<float, 16>(float**)", "my_fused_allreduce_rms"),
    *("symm_mem_reduce_scatter", "AllGatherKernel", "custom_all_to_all_v", "alltoall_dispatch", "Broadcast_Ring"),
    *("nvshmemi_put_kernel", "deep_ep::internode::dispatch", "ReduceScatter_Sum_bf16"),
]
COMPUTING = [
    *(GEMM, "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float>>", "Memcpy DtoD (Device -> Device)"),
    "void cutlass::device_kernel<cutlass::gemm::GemmUniversal<cutlass::epilogue::fusion::Sm90RowBroadcast<0, float>>>",
    *("triton_poi_fused__to_copy_all_gather_into_tensor_3", "occlusion_kernel", "gather_kernel", "scatter_add"),
    *("accumulate_grad", "void at::native::vectorized_gather_kernel<16, long>(char*)", "reduce_sum", "softmax_warp"),
]


@pytest.mark.parametrize("name", COLLECTIVES)
def test_collectives_by_any_name(name):
    assert is_device_collective(name)
    trace = read_trace([train(Machine(), [20] * 3, 4, collective=name).upload(0)])
    np.testing.assert_allclose(trace.comm_ms, 4)


@pytest.mark.parametrize("name", COMPUTING)
def test_kernels_that_are_no_collectives(name):
    assert not is_device_collective(name)


@pytest.mark.parametrize(
    ("category", "name"),
    [
        ("user_annotation", "nccl:all_reduce"),
        ("user_annotation", "xccl:reduce_scatter"),
        ("user_annotation", "hccl:broadcast"),
        ("cpu_op", "c10d::allreduce_"),
        ("cpu_op", "_c10d_functional::all_reduce"),
        ("cpu_op", "record_param_comms"),
        ("cpu_op", "aten::broadcast_tensors"),
        ("gpu_user_annotation", "nccl:all_reduce"),
        ("user_annotation", "DistributedDataParallel.forward"),
    ],
)
def test_what_only_launches_is_no_collective(category, name):
    assert "host collective" not in event_kind(category, name)
    assert event_kind(category, name) != "collective"


@pytest.mark.parametrize(
    "name",
    ["gloo:all_reduce", "gloo:reduce_scatter", "mpi:all_reduce", "ucc:allgather", "all_reduce", "## allreduce ##"],
)
def test_collectives_of_the_host(name):
    files = [gloo_rank(rank, start) for rank, start in enumerate(([70, 80, 75], [90, 60, 85]))]
    files = [
        Upload(f"rank{i}.json", each.getvalue().decode().replace("gloo:all_reduce", name))
        for i, each in enumerate(files)
    ]
    assert read_trace(files).compute_ms.tolist() == [[70, 90], [80, 60], [75, 85]]


def test_a_job_with_two_back_ends_whose_collectives_run_on_the_host():
    """What PyTorch says where nobody asked for a back end."""
    trace = read_trace([gloo_rank(0, [70, 80, 75], backend="cpu:gloo,cuda:nccl")])
    assert trace.compute_ms.tolist() == [[70], [80], [75]]


@pytest.mark.parametrize("launches", ["nccl:all_reduce", "xccl:all_reduce", "rccl:all_gather"])
def test_a_job_recorded_without_its_devices_says_so(launches):
    events = [span(f"ProfilerStep#{i}", 100 * i, 100 * i + 100) for i in range(3)]
    events += [span(launches, 100 * i + 50, 100 * i + 51) for i in range(3)]
    trace = read_trace([kineto(events, rank, name=f"{rank}.json") for rank in (0, 1)])
    assert trace.whole_steps
    assert trace.compute_ms.tolist() == [[100, 100]] * 3
    assert said(trace, launches, "GPU's side was not recorded", "ProfilerActivity.CUDA")
    assert not said(trace, "No waiting, network or collective was found")


@pytest.mark.parametrize("unit", ["ns", "ms", "s"])
def test_times_are_in_microseconds_whatever_viewers_shall_show(unit):
    files = [
        Upload(f"rank{rank}.json", json.dumps({"displayTimeUnit": unit, "traceEvents": events_of(gloo_rank(0, start))}))
        for rank, start in enumerate(([70, 80, 75], [90, 60, 85]))
    ]
    assert read_trace(files).compute_ms.T.tolist() == [[70, 80, 75], [90, 60, 85]]


def events_of(file):
    """The events of a trace."""
    return json.loads(file.getvalue())["traceEvents"]


@pytest.mark.parametrize("key", ["traceEvents", "events"])
def test_events_whose_beginnings_and_ends_are_apart(key):
    files = []
    for rank, start in enumerate(([70, 80, 75], [90, 60, 85])):
        ends = []
        for each in (each for each in events_of(gloo_rank(0, start)) if each["ph"] == "X"):
            at, length = each["ts"], each.pop("dur")
            ends += [(at, 1, -length, each | {"ph": "B", "tid": 1})]
            ends += [(at + length, 0, length, {"ph": "E", "ts": at + length, "tid": 1})]
        events = [event for *_, event in sorted(ends, key=lambda end: end[:3])]
        files.append(Upload(f"rank{rank}.json", json.dumps({key: [{"ph": "E", "ts": 0, "tid": 1}, *events]})))
    trace = read_trace(files)
    assert trace.compute_ms.T.tolist() == [[70, 80, 75], [90, 60, 85]]
    assert trace.comm_ms is not None


# --- who is there ---


def ranks(named, **about):
    """Files by name, each with its distributedInfo or None."""
    starts = ([70, 80, 75], [90, 60, 85], [50, 55, 60], [65, 66, 67])
    return [
        kineto(json.loads(gloo_rank(0, start).getvalue())["traceEvents"], rank, name=name, **about)
        for (name, rank), start in zip(named.items(), starts, strict=False)
    ]


@pytest.mark.parametrize(
    ("named", "workers"),
    [
        ({"a.json": 3, "b.json": 1}, (1, 3)),
        ({"a_rank3.json": None, "b_rank1.json": None}, (1, 3)),
        ({"run_7.json": None, "run_12.json": None}, (7, 12)),
        ({"gpu0.json": None, "gpu1.json": None}, (0, 1)),
        ({"node0_gpu1.json": None, "node1_gpu1.json": None}, ("node0 1", "node1 1")),
        ({"node0_rank0.json": None, "node1_rank0.json": None}, ("node0 0", "node1 0")),
        ({"node0_local_rank1.json": None, "node0_local_rank0.json": None}, ("node0 0", "node0 1")),
        ({"h1_100.1700000000.pt.trace.json": None, "h1_101.1700000001.pt.trace.json.gz": None}, ("h1_100", "h1_101")),
        ({"rank3.1700000000.pt.trace.json": None, "rank5.1700000001.pt.trace.json": None}, (3, 5)),
        ({"a.json": 3, "b.json": None}, (3, "b")),
        ({"a.json": 3, "h_77.1700000000.pt.trace.json": None}, (3, "h_77")),
        ({"x.json": None, "y.json": None}, (0, 1)),
        ({f"{'h' * 50}_100.1700000000.pt.trace.json": None, f"{'h' * 50}_101.1700000000.pt.trace.json": None}, None),
    ],
    ids=lambda value: "-".join(value)[:60] if isinstance(value, dict) else "",
)
def test_workers_by_what_files_say(named, workers):
    trace = read_trace(ranks(named))
    assert trace.workers == 2
    assert workers is None or trace.worker_names == workers


def test_several_files_of_one_worker_are_its_cycles():
    def cycle(first, start, name, rank=None):
        events = json.loads(gloo_rank(0, start).getvalue())["traceEvents"]
        for each in events:
            if each["name"].startswith("ProfilerStep"):
                each["name"] = f"ProfilerStep#{int(each['name'][13:]) - 5 + first}"
        return kineto(events, rank, name=name)

    for names, about in (("h1_{}.{}.pt.trace.json", (None, None)), ("{}_{}.json", (0, 1))):
        files = [
            cycle(5 + 10 * k, np.add(start, k).tolist(), names.format(100 + w, 1_700_000_000 + 9 * k), about[w])
            for w, start in enumerate(([70, 80, 75], [90, 60, 85]))
            for k in (0, 1)
        ]
        trace = read_trace(files)
        assert trace.step_numbers == (5, 6, 7, 15, 16, 17)
        assert trace.compute_ms.T.tolist() == [[70, 80, 75, 71, 81, 76], [90, 60, 85, 91, 61, 86]]


def test_cycles_whose_steps_begin_again_are_numbered_on():
    files = []
    for worker, start in enumerate(([70, 80, 75], [90, 60, 85])):
        for cycle in (1, 0):
            name = f"h1_{100 + worker}.{1_700_000_000 + 9 * cycle}.pt.trace.json"
            files += [gloo_rank(0, np.add(start, cycle).tolist(), name=name)]
    files = [kineto(json.loads(file.getvalue())["traceEvents"], name=file.name) for file in files]
    trace = read_trace(files)
    assert trace.step_numbers == (5, 6, 7, 8, 9, 10)
    assert trace.compute_ms.T.tolist() == [[70, 80, 75, 71, 81, 76], [90, 60, 85, 91, 61, 86]]
    assert said(trace, "renumbered")


@pytest.mark.parametrize("pids", [(0, 1), (4711, 815)])
def test_ranks_that_were_merged_into_one_file(pids):
    events = []
    for pid, start in zip(pids, ([70, 80, 75], [90, 60, 85]), strict=True):
        events += [each | {"pid": pid} for each in json.loads(gloo_rank(0, start).getvalue())["traceEvents"]]
    trace = read_trace([kineto(events)])
    assert trace.workers == 2
    assert said(trace, "holds the traces of 2 processes")
    in_order = np.array([[70, 90], [80, 60], [75, 85]])
    assert trace.compute_ms.tolist() == (in_order if pids == (0, 1) else in_order[:, ::-1]).tolist()


def test_merged_devices_go_to_the_process_that_launched_their_work():
    machines = [Machine(pid=pid, device=device) for pid, device in ((100, 0), (200, 1))]
    machines[1].launches = 10_000
    for machine, took in zip(machines, (SLOW, FAST), strict=True):
        train(machine, took, 4, together_ms=TOGETHER)
    trace = read_trace([kineto([*machines[0].events, *machines[1].events])])
    np.testing.assert_allclose(trace.compute_ms[1:], np.transpose([SLOW, FAST])[1:] + 1.2, atol=1e-6)


def test_merged_devices_whose_launches_have_the_same_numbers():
    """They go by their processes' names or numbers; where a device is in two ranks, nobody can tell."""
    machines = [Machine(pid=pid, device=device) for pid, device in ((4711, 0), (1_004_711, 1_000_000))]
    for machine, took in zip(machines, (SLOW, FAST), strict=True):
        train(machine, took, 4, together_ms=TOGETHER)
    both = [*machines[0].events, *machines[1].events]
    trace = read_trace([kineto(both)])
    np.testing.assert_allclose(trace.compute_ms[1:].max(axis=1), TOGETHER[1:] + 1.2, atol=1e-6)
    names = {4711: "rank 1 python", 1_004_711: "rank 0 python", 0: "rank 1 GPU 0", 1_000_000: "rank 0 GPU 0"}
    called = [{"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name}} for pid, name in names.items()]
    trace = read_trace([kineto([*called, *both])])
    assert trace.worker_names == (0, 1)
    np.testing.assert_allclose(trace.compute_ms[1:], np.transpose([FAST, SLOW])[1:] + 1.2, atol=1e-6)
    for each in machines[1].events:
        each["pid"] = 0 if each["pid"] == 1_000_000 else each["pid"]
    with pytest.raises(ScenarioError, match="is unknown; give one file per rank"):
        read_trace([kineto([*machines[0].events, *machines[1].events])])


def test_ranks_that_are_missing_are_said():
    trace = read_trace(ranks({"a.json": 0, "b.json": 1}, world_size=128))
    assert said(trace, "2 of 128 ranks", "slowest may be among the others", "at most")
    assert not said(read_trace(ranks({"a.json": 0, "b.json": 1}, world_size=2)), "ranks")


def test_files_of_two_jobs_are_refused():
    with pytest.raises(ScenarioError, match=r"a.json is of a job of 2 ranks, b.json of one of 8: give .* one job"):
        read_trace([*ranks({"a.json": 0}, world_size=2), *ranks({"b.json": 1}, world_size=8)])
    with pytest.raises(ScenarioError, match=r"up to rank 7, are given of a job of 2 ranks"):
        read_trace(ranks({"a.json": 0, "b.json": 7}, world_size=2))


def group(name, *members):
    return {"pg_name": "1", "pg_desc": name, "pg_size": len(members), "ranks": list(members)}


def test_stages_of_a_pipeline_are_known():
    """From the place of a rank in its group."""
    config = [group("default_pg", 0, 1, 2, 3), group("mesh_pp", 0, 2)]
    files = ranks({"a.json": 0, "b.json": 2}, world_size=4, pg_config=config)
    rows = identified([read_kineto(file.name, iter([file.getvalue()])) for file in files])
    assert [each.table["stage"].unique().tolist() for each in rows] == [[0], [1]]
    alike = identified([read_kineto("a.json", iter([files[0].getvalue()]))])
    assert "stage" not in alike[0].table


@pytest.mark.parametrize(("name", "warned"), [("mesh_tp", True), ("EXPERT_GROUP", True), ("mesh_dp_shard", False)])
def test_groups_that_differ_by_design_are_said(name, warned):
    files = ranks({"a.json": 0, "b.json": 1}, world_size=4, pg_config=[group(name, 0, 1)])
    assert said(read_trace(files), name, "by design") == warned


# --- files of other tools ---


def chrome(*names, process=""):
    """Chrome trace events of these names."""
    about = [{"ph": "M", "name": "process_name", "pid": 1, "args": {"name": process}}] if process else []
    return [*about, *({"ph": "X", "name": name, "ts": 1, "dur": 1, "pid": 1, "tid": 1} for name in names)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '[\n{"ph": "B", "name": "NEGOTIATE_ALLREDUCE", "ts": 1, "pid": 1},\n{"ph": "E", "ts": 2, "pid": 1},\n',
            "Horovod",
        ),
        (json.dumps(chrome("NEGOTIATE_ALLGATHER", "ALLGATHER")), "Horovod timeline.*worker, step, compute_ms"),
        (
            json.dumps({"displayTimeUnit": "ns", "traceEvents": chrome("x", process="/device:TPU:0")}),
            "JAX or TensorFlow",
        ),
        (json.dumps({"traceEvents": chrome("x", process="/job:worker/task:0/device:GPU:0 Compute")}), "TensorFlow"),
        (json.dumps(chrome("MatMul", process="Ascend Hardware")), "Ascend profiler.*step_trace_time.csv"),
        (json.dumps(chrome("ProfilerStep#1", "ProfilerStep#2", process="Overlap Analysis")), "step_trace_time.csv"),
        (json.dumps({"traceEvents": chrome("hipLaunch", process="CPU HIP API")}), "rocprof"),
        (json.dumps({"traceEvents": chrome("f"), "viztracer_metadata": {}}), "VizTracer"),
        (json.dumps({"schema": "1.0.1", "pid": 1, "nodes": [{"id": 1, "name": "x"}]}), "execution trace"),
        (json.dumps({"traceEvents": chrome("compute", "wait", "comm")}), "this simulator wrote.*CSV"),
        (json.dumps(chrome("task", "frame")), "Chrome trace of another tool.*torch.profiler"),
        (json.dumps({"schemaVersion": 1, "traceEvents": chrome("aten::mm")}), "call prof.step"),
    ],
)
def test_files_of_other_tools_are_refused_with_advice(content, message):
    with pytest.raises(ScenarioError, match=message):
        read_trace([Upload("a.json", content)])


# --- damage ---

GOOD = gloo_rank(0, [70, 80, 75]).getvalue().decode()
EVENT = '"traceEvents": ['
OF_PYTHON = '{"ph": "X", "cat": "python_function", "name": "NAME", "ts": 0, "dur": 1}, '


def with_name(name):
    return GOOD.replace(EVENT, EVENT + OF_PYTHON.replace("NAME", name))


def with_event(text):
    return GOOD.replace(EVENT, EVENT + text)


DAMAGED = {
    "as it is": (GOOD, ""),
    "control characters": (with_name("cfg(0): \x00\x01\x1b\x7f"), ""),
    "raw line ends": (with_name("a\nb\r\nc\td"), ""),
    "backslashes": (with_name(r"torch\cuda\__init__.py(2): f"), ""),
    "backslashes that look like escapes": (with_name(r"C:\users\new\x41 \u12"), ""),
    "a backslash before the quote": (with_name("C:\\"), "1 place of invalid JSON"),
    "bytes that are no UTF-8": (with_name("NAME").encode().replace(b"NAME", b"\xff\xfe\x80"), ""),
    "no duration": (
        with_event('{"ph": "X", "cat": "cpu_op", "name": "aten::a", "ts": 1}, '),
        "1 event without a usable",
    ),
    "negative durations": (
        with_event('{"ph": "X", "cat": "cpu_op", "name": "aten::a", "ts": 1, "dur": -1}, ' * 2),
        "2 events without a usable time",
    ),
    "times before time began": (
        with_event('{"ph": "X", "cat": "cpu_op", "name": "aten::a", "ts": -9223372036854775.808, "dur": 1}, '),
        "1 event without a usable time",
    ),
    "times that are words": (
        with_event('{"ph": "X", "cat": "cpu_op", "name": "aten::a", "ts": "soon", "dur": null}, '),
        "1 event without a usable time",
    ),
    "an endless number": (
        with_event('{"ph": "X", "name": "a", "ts": 1, "dur": ' + "9" * 5_000 + "}, "),
        "of invalid JSON",
    ),
    "half an event": (with_event('{"ph": "X", "cat": , '), "of invalid JSON"),
    "a colon too many": (with_event('{"ph":: "X"}, '), "of invalid JSON"),
    "rubbish between events": (with_event("oops, "), ""),
    "trailing comma": (GOOD.replace("}], ", "},], "), ""),
    "commas missing": (GOOD.replace("}, {", "}\n{"), ""),
    "array not closed": (GOOD[: GOOD.rindex("]")], "ends early"),
    "cut in an event": (GOOD[: GOOD.rindex("]")] + ', {"ph": "X", "cat": "user', "ends early"),
    "bare array not closed": (GOOD[GOOD.index("[") : GOOD.rindex("]")] + ",\n", "ends early"),
    "object not closed": (GOOD.rstrip("}"), "ends early"),
    "gzip cut off": (gzip.compress(GOOD.encode() + b" " * 10_000)[:-4], ""),
    "times as text": (GOOD.replace('"ts": 70000', '"ts": "70000"').replace('"dur": 30000', '"dur": "30000.0"'), ""),
    "a byte order mark": ("\ufeff" + GOOD, ""),
    "keys without use": (GOOD.replace("{", '{"\\ud800": [[{}]], ', 1), ""),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_one_bad_thing_is_not_the_end(damage):
    content, note = DAMAGED[damage]
    trace = read_trace([Upload("rank0.json", content)])
    assert trace.compute_ms.tolist() == [[70], [80], [75]]
    assert not note or said(trace, note)


def test_a_file_cut_off_anywhere_gives_the_steps_that_are_whole():
    """Two steps or more; the last collective may be missing, and then its step is left out."""
    compact = GOOD.replace(", ", ",")
    third = compact.index("ProfilerStep#7")
    for at in range(0, third - 150, 7):
        with pytest.raises(ScenarioError, match=r"a.json|1 step says nothing"):
            read_trace([Upload("a.json", compact[:at])])
    for at in range(third - 30, len(compact), 7):
        assert read_trace([Upload("a.json", compact[:at])]).compute_ms[:2].tolist() == [[70], [80]]
