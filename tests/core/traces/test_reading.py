"""Measured files: a real run read within 3 %, hand-made ones to the letter, and everything else refused in words."""

import gzip
import io
import json
import tracemalloc
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import Asynchronous, Measured, ScenarioError, read_trace, simulate
from core.traces.chrome import chrome_trace
from core.traces.files import Budget, pieces
from core.traces.profiles.intervals import outside
from core.traces.profiles.json_stream import MAX_VALUE
from core.traces.reading import sample_files
from core.traces.remedies import measured_scenario
from core.traces.trace import Trace
from tests.examples import drawn
from tests.paths import DATA
from tests.trace_files import LONG, Upload, gloo_rank, kineto, span

CLOCK = json.loads((DATA / "pytorch_ddp_4_ranks.json").read_text())


# --- a real run ---


@pytest.fixture(scope="module")
def real():
    return read_trace(sample_files())


def test_compute_of_every_mini_batch_within_3_percent_of_the_clock(real):
    """80 mini-batches; the optimizer's 0.3 ms are ours and not the clock's."""
    assert (real.worker_names, real.step_numbers) == ((0, 1, 2, 3), tuple(range(1, 21)))
    np.testing.assert_allclose(real.compute_ms, CLOCK["compute_ms"], rtol=0.03)


def test_epoch_replayed_with_the_measured_network_within_3_percent(real):
    run = simulate(measured_scenario(real))
    assert run.metrics.epoch_ms == pytest.approx(CLOCK["epoch_ms"], rel=0.03)


def test_waiting_is_the_all_reduce_without_the_network(real):
    """The clock's all-reduce holds both (the first step has a barrier more); who came last waited for nobody."""
    together = real.wait_ms + real.comm_ms
    np.testing.assert_allclose(together[1:], np.array(CLOCK["allreduce_ms"])[1:], atol=1)
    assert (real.wait_ms.min(axis=1) == 0).all()
    assert real.network_ms == np.median(together.min(axis=1))


def test_compute_wait_and_network_fill_the_run(real):
    """Within 2 % of the clock's epoch, on every rank's own track."""
    ends = real.segments().groupby("worker")["end_ms"].max()
    np.testing.assert_allclose(ends, CLOCK["epoch_ms"], rtol=0.02)


def test_unpacked_uploads_read_once_before_in_any_order_give_the_same(real):
    uploads = []
    for path in reversed(sample_files()):
        uploads.append(Upload("upload", gzip.decompress(path.read_bytes())))
        uploads[-1].read()
    np.testing.assert_array_equal(read_trace(uploads).compute_ms, real.compute_ms)


# --- profiler traces, by hand ---


def test_gloo_trace_by_hand():
    """Shortest all-reduce: 10, 20, 10 ms, median 10; what the other's takes beyond that is waiting."""
    trace = read_trace([gloo_rank(1, [90, 60, 90]), gloo_rank(0, [70, 80, 50])])
    assert (trace.worker_names, trace.step_numbers, trace.whole_steps) == ((0, 1), (5, 6, 7), False)
    assert trace.compute_ms.tolist() == [[70, 90], [80, 60], [50, 90]]
    assert trace.comm_ms.tolist() == [[10, 10], [20, 20], [10, 10]]
    assert trace.wait_ms.tolist() == [[20, 0], [0, 20], [40, 0]]
    assert "10 ms a step" in trace.notes[0]


def test_clocks_that_disagree_do_not_matter():
    late = json.loads(gloo_rank(1, [90, 60]).getvalue())
    for event in late["traceEvents"]:
        event["ts"] += 5e9
    trace = read_trace([gloo_rank(0, [70, 80]), Upload("b.json", json.dumps(late))])
    assert trace.compute_ms.tolist() == [[70, 90], [80, 60]]


def test_time_in_which_something_is_computed_is_no_waiting():
    """An all-reduce over 40–90 ms behind 20 ms of aten ops (one inside the other): 30 ms are exposed."""
    events = [span(f"ProfilerStep#{i}", 100 * i, 100 * i + 100) for i in (0, 1)]
    for i in (0, 1):
        at = 100 * i
        events += [span("gloo:all_reduce", at + 40, at + 90), span("gloo:broadcast", at + 50, at + 60)]
        events += [span("aten::mm", at + 30, at + 60, "cpu_op"), span("aten::t", at + 35, at + 40, "cpu_op")]
        events += [span("DistributedDataParallel.forward", at, at + 100, "cpu_op")]
    assert read_trace([kineto(events, 0)]).compute_ms.tolist() == [[70], [70]]


@given(st.data())
def test_exposed_time_is_counted_as_millisecond_by_millisecond(data):
    """Spans and windows of whole milliseconds against a loop over all of them."""
    some = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), max_size=8)
    collective, compute = (np.array([(a, a + b) for a, b in data.draw(some)], dtype=float).reshape(-1, 2) for _ in "12")
    edges = np.array([0.0, 7, 8, 20, 50])
    middle = np.arange(50) + 0.5
    within = [((spans[:, :1] < middle) & (middle < spans[:, 1:])).any(axis=0) for spans in (collective, compute)]
    counted = np.add.reduceat((within[0] & ~within[1]).astype(int), edges[:-1].astype(int))
    windows = np.column_stack([edges[:-1], edges[1:]])
    np.testing.assert_array_equal(outside(collective, compute, windows), counted)


def test_gpu_trace_by_hand():
    """NCCL kernels beside other kernels; CPU launches count for nothing.

    Step 1 on the GPU goes from 10 to 100, step 2 from there to 210. NCCL runs 60–95 and 170–205, under kernels until
    70 and 180: 25 ms exposed each.
    """
    events = []
    for i, (begin, first, end) in enumerate([(0, 10, 100), (90, 130, 210)]):
        step, start = f"ProfilerStep#{i + 1}", end - 40
        events += [span(step, begin, begin + 90), span("nccl:all_reduce", begin + 5, begin + 6)]
        events += [span("record_param_comms", begin, begin + 80, "cpu_op"), span("aten::mm", begin, end, "cpu_op")]
        events += [span(step, first, end, "gpu_user_annotation"), span(step, start, end - 5, "gpu_user_annotation")]
        events += [span("ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage)", start, end - 5, "kernel")]
        events += [span("ampere_sgemm_128x64_nn", first, start + 10, "kernel"), span("x", end - 5, end, "gpu_memcpy")]
        events += [span("nccl:all_reduce", start, end - 5, "gpu_user_annotation")]
    trace = read_trace([kineto(events, 3, backend="nccl")])
    assert trace.worker_names == (3,)
    assert trace.compute_ms.tolist() == [[90 - 25], [110 - 25]]
    assert trace.comm_ms.tolist() == [[25], [25]]


def test_nccl_recorded_without_the_gpu_shows_launches_only():
    """So no collective was seen, and steps are whole."""
    events = [span(f"ProfilerStep#{i}", 100 * i, 100 * i + 100) for i in (1, 2)]
    events += [span("nccl:all_reduce", 150, 151), span("broadcast", 250, 251)]
    trace = read_trace([kineto(events, 0, backend="nccl")])
    assert trace.whole_steps
    assert trace.compute_ms.tolist() == [[100], [100]]
    assert trace.comm_ms is None
    assert "whole steps" in trace.notes[0]


def test_ranks_by_name_where_the_file_does_not_tell_and_by_order_where_nothing_does():
    steps = json.loads(gloo_rank(0, [50, 60]).getvalue())["traceEvents"]
    slower = json.loads(gloo_rank(0, [70, 80]).getvalue())["traceEvents"]
    for rank in (None, -1, True):
        files = kineto(slower, rank, name="run_rank-12.json"), kineto(steps, rank, name="run_rank-2.json")
        assert read_trace(files).worker_names == (2, 12)
    named = read_trace([kineto(slower, name="run_rank-12.json"), kineto(steps, name="run_rank-2.json")])
    assert named.worker_names == (2, 12)
    assert named.compute_ms.tolist() == [[50, 70], [60, 80]]
    ordered = read_trace([kineto(slower, name="a.json"), kineto(steps, name="b.json")])
    assert ordered.compute_ms.tolist() == [[70, 50], [80, 60]]
    assert any("order given" in note for note in ordered.notes)


def test_bare_array_of_events():
    events = json.loads(gloo_rank(0, [50, 60]).getvalue())["traceEvents"]
    assert read_trace([Upload("a.json", json.dumps(events, indent=2))]).compute_ms.tolist() == [[50], [60]]


# --- tables ---

TABLE = [[10, 20], [30, 40]]


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        LONG.replace(",", "\t"),
        LONG.replace(",", ";"),
        "\ufeff" + LONG.replace("\n", "\r\n"),
        "Rank,Global Step,Compute Time (s)\n0,1,0.01\n1,1,0.02\n0,2,0.03\n1,2,0.04\n",
        "rank,iteration,computation_us\nrank1,2,40000\nrank0,1,10000\nrank1,1,20000\nrank0,2,30000\n",
        "gpu,compute_ns,note\n0,1e7,a\n0,3e7,b\n1,2e7,c\n1,4e7,d\n",
        "step,rank0_ms,rank1_ms\n1,10,20\n2,30,40\n",
        "0,1\n10,20\n30,40\n",
        ",w0_ms,w1_ms\n5,10,20\n9,30,40\n",
        "worker,step,step_ms,comm_ms,wait_ms\n0,1,19,4,5\n1,1,29,4,5\n0,2,39,4,5\n1,2,49,4,5\n",
        "worker,step,duration_ms\n0,1,10\n1,1,20\n0,2,30\n1,2,40\n",
    ],
)
def test_tables_of_every_shape(text):
    trace = read_trace([Upload("t.csv", text)])
    assert trace.worker_names == (0, 1)
    np.testing.assert_allclose(trace.compute_ms, TABLE)
    assert trace.whole_steps == ("duration" in text)


def test_parquet_and_gzip():
    packed = io.BytesIO()
    pd.read_csv(io.StringIO(LONG)).set_index(["worker", "step"]).to_parquet(packed)
    for file in (Upload("t.parquet", packed.getvalue()), Upload("t.csv", gzip.compress(LONG.encode()))):
        assert read_trace([file]).compute_ms.tolist() == TABLE


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_moments_and_durations_in_parquet(unit):
    table = pd.read_csv(io.StringIO(LONG))
    took = pd.to_timedelta(table.pop("compute_ms"), unit="ms").astype(f"timedelta64[{unit}]")
    start = pd.Series(pd.Timestamp("2026-01-01")).repeat(4).reset_index(drop=True).astype(f"datetime64[{unit}]")
    for columns in ({"compute": took}, {"start": start, "end": start + took}):
        packed = io.BytesIO()
        table.assign(**columns).to_parquet(packed)
        np.testing.assert_allclose(read_trace([Upload("t.parquet", packed.getvalue())]).compute_ms, TABLE, atol=1e-3)


def test_one_file_per_worker():
    files = [Upload(f"worker{i}.csv", f"step,compute_ms\n1,{i + 10}\n2,{i + 20}\n") for i in (1, 0)]
    assert read_trace(files).compute_ms.tolist() == [[10, 11], [20, 21]]


def test_names_of_workers_stay_and_are_sorted_by_their_numbers():
    text = "".join(f"host-{i}b,{step},{i}\n" for i in (10, 9, 2) for step in (1, 2))
    assert read_trace([Upload("t.csv", "node,step,compute_ms\n" + text)]).worker_names == (
        "host-2b",
        "host-9b",
        "host-10b",
    )


@pytest.mark.parametrize(("times", "unit"), [("0.25", "s"), ("250", "ms"), ("250000", "us")])
def test_a_guessed_unit_is_said(times, unit):
    trace = read_trace([Upload("t.csv", f"worker,step,compute\n0,1,{times}\n0,2,{times}\n")])
    assert trace.compute_ms.tolist() == [[250], [250]]
    assert f"taken to be {unit}." in trace.notes[0]


def test_network_with_waiting_is_told_apart():
    """Collectives 25 and 5, 3 and 8: the shortest of a step 5 and 3, median 4."""
    rows = "0,1,10,25\n1,1,30,5\n0,2,10,3\n1,2,5,8\n"
    trace = read_trace([Upload("t.csv", "worker,step,compute_ms,comm_ms\n" + rows)])
    assert trace.network_ms == 4
    assert trace.wait_ms.tolist() == [[20, 0], [0, 5]]
    assert trace.comm_ms.tolist() == [[5, 5], [3, 3]]


def test_steps_that_somebody_lacks_are_left_out_and_named():
    rows = "0,1,10\n1,1,20\n0,2,30\n0,3,50\n1,3,60\n1,4,\n0,4,70\n"
    trace = read_trace([Upload("t.csv", "worker,step,compute_ms\n" + rows)])
    assert trace.step_numbers == (1, 3)
    assert trace.compute_ms.tolist() == [[10, 20], [50, 60]]
    assert trace.notes == ("Steps left out because some workers lack them: 2, 4; worker 1 lacks 2 of 4 steps.",)


def test_a_first_step_above_three_times_the_others_on_every_worker_is_warm_up():
    def wide(*rows):
        return read_trace([Upload("t.csv", "step,a_ms,b_ms\n" + "".join(f"{i},{r}\n" for i, r in enumerate(rows)))])

    warm = wide("900,400", "10,20", "11,19", "12,21")
    assert warm.step_numbers == (1, 2, 3)
    assert "Warm-up left out, step 0" in warm.notes[1]
    assert wide("900,60", "10,20", "11,19", "12,21").step_numbers == (0, 1, 2, 3)
    assert wide("10,20", "900,400", "12,21").step_numbers == (0, 1, 2)


@drawn(30)
@given(st.integers(2, 6), st.integers(1, 5), st.integers(0, 2**32), st.integers(0, 2))
def test_what_is_exported_reads_back_the_same(steps, workers, seed, known):
    rng = np.random.default_rng(seed)
    arrays = dict(zip(("compute_ms", "wait_ms", "comm_ms"), rng.uniform(1, 2, (3, steps, workers)), strict=True))
    names = ("compute_ms", "wait_ms", "comm_ms")[: known + 1]
    trace = Trace(
        worker_names=tuple(range(workers)), step_numbers=tuple(range(steps)), **{name: arrays[name] for name in names}
    )
    back = read_trace([Upload("t.csv", trace.table().to_csv(index=False))])
    assert (back.worker_names, back.step_numbers, back.notes) == (trace.worker_names, trace.step_numbers, ())
    for name in names:
        np.testing.assert_allclose(getattr(back, name), arrays[name], rtol=1e-15)


# --- what comes of it ---


def test_segments_and_chrome_trace_of_the_measured_run():
    trace = read_trace([gloo_rank(0, [70, 80]), gloo_rank(1, [90, 60])])  # the network takes 10 and 20 ms
    rows = trace.segments().query("worker == 0")
    assert rows["phase"].tolist() == ["compute", "wait", "comm", "compute", "comm"]
    assert rows["batch"].tolist() == [5, 5, 5, 6, 6]
    assert rows["end_ms"].tolist() == [70, 90, 100, 180, 200]
    assert rows.columns.tolist() == simulate(measured_scenario(trace)).segments().columns.tolist()
    events = json.loads(chrome_trace(trace.segments(), "Measured"))["traceEvents"]
    assert sum(event.get("dur", 0) for event in events) == pytest.approx(2 * 200_000)


def test_waiting_that_was_not_measured_is_the_barriers():
    segments = read_trace([Upload("t.csv", LONG)]).segments()
    assert segments.query("phase == 'wait'")["worker"].tolist() == [0, 0]
    assert segments.groupby("worker")["end_ms"].max().tolist() == [60, 60]


def test_law_and_network_of_a_trace():
    trace = read_trace([gloo_rank(0, [70, 80]), gloo_rank(1, [90, 60])])
    assert trace.to_law() == Measured(compute_ms=trace.compute_ms)
    network = measured_scenario(trace).network
    assert network.barrier_ms(2) == pytest.approx(15)
    equal = replace(measured_scenario(trace), compute=Measured(compute_ms=[[50, 50], [50, 50]]))
    epochs = [simulate(replace(equal, policy=policy)).metrics.epoch_ms for policy in (equal.policy, Asynchronous())]
    assert epochs == pytest.approx([130, 130])


# --- what is refused ---

GOOD = [span("ProfilerStep#1", 0, 1), span("ProfilerStep#2", 1, 2)]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "files: .* not a list of 1 to 4,096 files"),
        ("rank0.json", "files: 'rank0.json' is not a list"),
        ([Upload("a.csv", "")], "a.csv is empty"),
        ([Upload("a.csv", " \n\n")], "a.csv is empty"),
        (["no-such-file.json"], "no-such-file.json cannot be read"),
        ([io.StringIO("worker,step,compute_ms")], "not opened in binary mode"),
        ([7], "7 cannot be read"),
        ([Upload("a.gz", gzip.compress(LONG.encode())[:14])], "a.gz cannot be read, it may be damaged or cut off"),
        ([Upload("a.gz", b"\x1f\x8b" + bytes(30))], "a.gz cannot be read"),
        ([Upload("a.bin", b"\x89PNG\x0d\x0a\xff\xfe")], "a.bin is neither JSON, Parquet, nor text"),
        ([Upload("a.parquet", b"PAR1" + bytes(50))], "a.parquet is not a Parquet file"),
        ([Upload("a.csv", "worker,step,compute_ms\n")], "a.csv has no rows"),
        ([Upload("a.csv", "worker,step,compute_ms\n0,1,2,3\n")], "more fields than its header"),
        ([Upload("a.csv", 'worker,step\n"0,1\n')], "a.csv: none of the columns 'worker' and 'step' is compute_ms"),
        ([Upload("a.csv", "," * 5_000 + "\n1\n")], "4,100 columns"),
        (
            [Upload("a.csv", "worker,step,fast_ms,slow_ms\n0,1,2,3\n")],
            "none of the columns .* is compute_ms or step_time_ms",
        ),
        ([Upload("a.csv", "worker,rank,compute_ms\n0,1,2\n")], "'worker' and 'rank' are both columns of worker"),
        ([Upload("a.csv", "step,a_ms,b_s\n0,1,2\n")], "different units"),
        ([Upload("a.csv", "1.5,2.5\n1.6,2.6\n")], "has no header"),
        (
            [Upload("a.csv", LONG.replace("30", "fast"))],
            "a.csv: 1 row was left out: 'fast' in 'compute_ms', line 4, is no number",
        ),
        ([Upload("a.csv", LONG.replace("30", "-3"))], "a.csv: worker 0, step 2 has compute_ms -3, not a number from"),
        ([Upload("a.csv", LONG.replace("30", "0"))], "worker 0, step 2 has compute_ms 0, not"),
        ([Upload("a.csv", LONG.replace("30", "inf"))], "has compute_ms inf"),
        ([Upload("a.csv", LONG.replace("1,1,", "1,1.5,"))], "step 1.5 in line 3 is not a whole number"),
        ([Upload("a.csv", LONG.replace("1,1,", ",1,"))], "a.csv: 1 row was left out: line 3 has no worker"),
        ([Upload("a.csv", LONG + "1,2,41\n")], "a.csv: worker 1, step 2 is there twice"),
        ([Upload("a.csv", LONG), Upload("b.csv", LONG)], "b.csv: worker 0, step 1 is there twice"),
        ([Upload("a.csv", "worker,step,compute_ms\n0,1,5\n0,2,5\n1,3,5\n")], "no step .* worker 1 lacks 2 of 3 steps"),
        ([Upload("a.csv", "worker,step,compute_ms\n0,1,5\n1,1,5\n")], "1 step says nothing"),
        ([Upload("a.csv", "step,compute_ms,wait_ms\n1,5,-1\n")], "has wait_ms -1, not a number from 0"),
        ([Upload("a.csv", LONG), kineto(GOOD, 0)], "a.csv has .* but trace.json has .* give files of one kind"),
        ([gloo_rank(0, [50, 60]), kineto(GOOD, 1)], "has comm_ms, compute_ms, step, but trace.json has compute_ms"),
        ([gloo_rank(0, [50, 60]), gloo_rank(0, [50, 60], name="b.json")], "b.json: worker 0, step 5 is there twice"),
        ([gloo_rank(0, [0, 60])], "trace.json: worker 0, step 5 has compute_ms 0"),
        ([kineto([], 0)], "trace.json has no ProfilerStep# spans: call prof.step"),
        ([Upload("a.json", "{}")], "a.json has no ProfilerStep# spans"),
        ([kineto([*GOOD, {**GOOD[0], "ts": 7}], 0)], "ProfilerStep#1 is there twice; give one file per rank"),
        ([kineto([{**GOOD[0], "dur": -5}], 0)], "no ProfilerStep# spans with times that can be used: 1 event has none"),
        ([kineto([{**GOOD[0], "ts": float("nan")}], 0)], "spans with times that can be used"),
        ([kineto([{**GOOD[0], "dur": 10**400}] * 2, 0)], "spans with times that can be used: 2 events have none"),
        ([Upload("a.json", gloo_rank(0, [50, 60]).getvalue()[:90])], "a.json is not valid JSON, or cut off, after"),
        ([Upload("a.json", '{"traceEvents": [{"ph": "X"} oops]}')], "a.json is not valid JSON, or cut off, after 2"),
        ([Upload("a.json", '{"traceEvents": 5')], "a.json is not valid JSON"),
        ([Upload("a.json", '{"traceEvents" [')], "a.json is not valid JSON"),
        ([Upload("a.json", "[" * 100_000)], "a.json is not valid JSON"),
        ([Upload("a.json", "[1" + " " * 2**22 + "]")], "a.json is not valid JSON, or cut off, after 1 values"),
        ([Upload("a.csv", "worker,step\n" + "," * 2**22)], "a.csv is not a table: its first rows have over 1,048,576"),
        ([Upload("a.csv", "worker,step\n0,\0,1")], "a.csv is neither JSON, Parquet, nor text"),
        ([Upload("a.json", '{"x": "' + "y" * (MAX_VALUE + 2**21))], "a JSON value of more than 4,194,304"),
    ],
)
def test_refused_with_a_reason(files, message):
    with pytest.raises(ScenarioError, match=message):
        read_trace(files)


def test_events_of_odd_kinds_are_passed_over():
    odd = [None, 5, "x", [], {}, {"ph": "X"}, {"ph": "X", "name": 5, "ts": 1}, {"ph": "i", "name": "ProfilerStep#1"}]
    assert read_trace([kineto([*odd, *GOOD], 0)]).step_numbers == (1, 2)


@drawn(80)
@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(str.encode)
    | st.text('{}[]:,"0a#\n', max_size=80).map(str.encode)
)
def test_rubbish_is_read_or_refused_and_nothing_else(content):
    with suppress(ScenarioError):
        assert read_trace([Upload("x", content)]).compute_ms.min() > 0


@drawn(40)
@given(st.data())
def test_a_damaged_trace_is_read_or_refused_and_nothing_else(data):
    content = bytearray(gloo_rank(0, [50, 60, 70]).getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=3))
    with suppress(ScenarioError):
        assert read_trace([Upload("x", bytes(content))]).compute_ms.min() > 0


def test_a_table_may_be_large_but_not_that_large():
    many = pd.DataFrame({"worker": np.arange(1_100) % 1_100, "step": np.arange(1_100), "compute_ms": 1})
    with pytest.raises(ScenarioError, match=r"1,100 workers × 1,100 steps; at most .* 1,000,000 mini-batches"):
        read_trace([Upload("t.csv", many.to_csv(index=False))])
    with pytest.raises(ScenarioError, match="may have 32 MiB"):
        read_trace([Upload("t.csv", gzip.compress(b"worker,step\n" + (b" " * 99 + b"\n") * 350_000))])


def test_a_parquet_file_that_unpacks_to_more_than_it_may_is_refused_unread():
    packed = io.BytesIO()
    pd.DataFrame({"compute_ms": np.ones(9_000_000)}).to_parquet(packed)
    assert len(packed.getvalue()) < 100_000
    with pytest.raises(ScenarioError, match="8,388,608 fields at the most"):
        read_trace([Upload("t.parquet", packed.getvalue())])


def test_more_values_than_any_trace_has_are_refused(monkeypatch):
    monkeypatch.setattr("core.traces.profiles.json_stream.MAX_VALUES", 1_000)
    with pytest.raises(ScenarioError, match=r"a.json holds more than 1,000 JSON values"):
        read_trace([Upload("a.json", "[" + "{}," * 2_000)])


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(LONG[:30].encode()) + gzip.compress(LONG[30:].encode()),
        gzip.compress(LONG.encode()) + bytes(99),
        gzip.compress(LONG.encode(), 0),
        gzip.compress(LONG.encode()) + gzip.compress(b""),
        gzip.compress(LONG.encode()) + bytes(200_000) + gzip.compress(LONG.encode()),
        gzip.compress(LONG.encode()) + bytes(2**16 - len(gzip.compress(LONG.encode()))) + gzip.compress(b"a"),
    ],
    ids=["two members", "padding", "stored", "an empty member", "long padding", "padding to the end of a read"],
)
def test_gzip_as_it_comes(packed):
    assert b"".join(pieces(Upload("t.gz", packed), Budget(2**20))) == gzip.decompress(packed)


@pytest.mark.parametrize("size", [10**5, 3 * 2**20])
def test_large_gzip_pieces(size):
    content = np.random.default_rng(1).integers(0, 200, size, dtype=np.uint8).tobytes()
    assert b"".join(pieces(Upload("t.gz", gzip.compress(content, 1)), Budget(2**23))) == content


def test_a_gzip_bomb_is_refused_while_it_is_read():
    """Of 100 MiB of zeros in 450 KB, 3 MiB are unpacked and most of the file is never looked at."""
    bomb = Upload("bomb.json.gz", gzip.compress(bytes(100 * 2**20), 1))
    with pytest.raises(ScenarioError, match=r"bomb.json.gz: the files hold more than 2 GiB"):
        for _ in pieces(bomb, Budget(3 * 2**20)):
            pass
    assert bomb.tell() < len(bomb.getvalue()) / 4


def test_memory_does_not_grow_with_what_does_not_matter():
    """6 MB of events that do not matter: two pieces of 1 MiB, as bytes and as text, and change; no copy of the file."""
    event = json.dumps(span("cudaLaunchKernel", 1, 2, "cuda_runtime") | {"args": {"correlation": 12345}})
    content = ('{"traceEvents": [' + f"{event},\n" * (6_000_000 // len(event)) + json.dumps(GOOD)[1:] + "}").encode()
    tracemalloc.start()
    trace = read_trace([Upload("rank0.json", content)])
    peak = tracemalloc.get_traced_memory()[1]  # beside the upload, which shares the bytes that were there before
    tracemalloc.stop()
    assert trace.step_numbers == (1, 2)
    assert peak < 8 * 2**20
