"""Tables as other people write them: each kind read right, or refused with what to do. All numbers are invented."""

import json

import numpy as np
import pytest

from core import ScenarioError, read_trace
from core.traces.reading import table_columns
from tests.trace_files import LONG, Upload

TABLE = [[10, 20], [30, 40]]


def read(text, **asked):
    """The trace of one table."""
    return read_trace([Upload("t.csv", text)], **asked)


def rows(header, *lines):
    """A table of these lines, which may have any separators."""
    return "\n".join([header, *lines]) + "\n"


LONG_LINES = ["0,1,10", "1,1,20", "0,2,30", "1,2,40"]


def long(header, *, change=lambda line: line):
    """Two workers and two steps under some headings, each line changed."""
    return rows(header, *map(change, LONG_LINES))


AS_TEXT = {
    "semicolons and decimal commas": "rank;step;compute_ms\n0;1;10,0\n1;1;20,0\n0;2;30,0\n1;2;40,0\n",
    "decimal commas of three digits": "rank;step;compute_s\n0;1;0,010\n1;1;0,020\n0;2;0,030\n1;2;0,040\n",
    "dots between thousands": "rank;step;compute_us\n0;1;10.000,0\n1;1;20.000,0\n0;2;30.000,0\n1;2;40.000,0\n",
    "commas between thousands": 'rank,step,compute_us\n0,1,"10,000"\n1,1,"20,000"\n0,2,"30,000"\n1,2,"40,000"\n',
    "spaces between thousands": "rank;step;compute_us\n0;1;10 000\n1;1;20 000\n0;2;30 000\n1;2;40 000\n",
    "apostrophes between thousands": "rank\tstep\tcompute_us\n0\t1\t10'000\n1\t1\t20'000\n0\t2\t30'000\n1\t2\t40'000\n",
    "bars": long("rank|step|compute_ms", change=lambda line: line.replace(",", "|")),
    "a table in Markdown": rows(
        "| rank | step | compute_ms |",
        "|---|---:|---|",
        *(f"| {line.replace(',', ' | ')} |" for line in LONG_LINES),
    ),
    "a table of a database": rows(
        " rank | step | compute_ms ", "------+------+------------", *(line.replace(",", " | ") for line in LONG_LINES)
    ),
    "aligned by spaces": long("  rank   step   compute_ms", change=lambda line: "   " + line.replace(",", "      ")),
    "headings of several words, aligned": long(
        "Rank   Step   Compute time (ms)", change=lambda line: line.replace(",", "      ")
    ),
    "comments": long("# job 17, 2 ranks\n# host a\nrank,step,compute_ms"),
    "comments of two kinds": long("// job, 17\n% x\nrank,step,compute_ms"),
    "headings in a comment, as NumPy writes them": long(
        "# rank step compute_ms", change=lambda line: line.replace(",", " ")
    ),
    "a title above": long("Times of job 17\n\nrank,step,compute_ms"),
    "headings again": "rank,step,compute_ms\n0,1,10\n0,2,30\nrank,step,compute_ms\n1,1,20\n1,2,40\n",
    "headings again in another order": "rank,step,compute_ms\n0,1,10\n0,2,30\nstep,compute_ms,rank\n1,20,1\n2,40,1\n",
    "quotes": 'rank,step,compute_ms\n"0","1","10"\n"1","1","20"\n"0","2","30"\n"1","2","40"\n',
    "UTF-16": LONG.encode("utf-16"),
    "UTF-16 with tabs, as Excel writes it": LONG.replace(",", "\t").replace("\n", "\r\n").encode("utf-16"),
    "a BOM": LONG.encode("utf-8-sig"),
    "cp1252": long("rank,step,compute_µs", change=lambda line: line + "000").encode("cp1252"),
    "a Greek mu": long("rank,step,compute_μs", change=lambda line: line + "000"),
    "spare separators": long("rank,step,compute_ms,", change=lambda line: line + ","),
}


@pytest.mark.parametrize("text", AS_TEXT.values(), ids=AS_TEXT)
def test_text_as_it_is_written(text):
    trace = read(text)
    assert (trace.worker_names, trace.step_numbers) == ((0, 1), (1, 2))
    np.testing.assert_allclose(trace.compute_ms, TABLE)
    assert not trace.whole_steps


@pytest.mark.parametrize(
    ("heading", "scale", "whole"),
    [
        ("compute duration [ms]", 1, False),
        ("computeTimeMs", 1, False),
        ("compute (in seconds)", 1e-3, False),
        ("kernel time, µs", 1e3, False),
        ("iter_time", 1e-3, True),
        ("elapsed_msec", 1, True),
        ("elapsed time per iteration (ms)", 1, True),
        ("DurationNs", 1e6, True),
        ("sec/it", 1e-3, True),
        ("batch_time_norm", 1, True),
        ("latency", 1, True),
        ("x", 1, True),
    ],
)
@pytest.mark.parametrize("columns", ["rank,step", "Worker ID,Iteration", "host,trainer/global_step"])
def test_the_only_column_of_numbers_beside_worker_and_step_is_the_time(heading, scale, whole, columns):
    lines = [f"{w},{s},{t * 10 * scale:.6f}" for s, pair in enumerate(TABLE, 1) for w, t in enumerate(pair)]
    trace = read(rows(f'{columns},"{heading}"', *lines))
    np.testing.assert_allclose(trace.compute_ms, np.array(TABLE) * 10)
    assert trace.whole_steps == whole
    assert any(repr(heading) in note for note in trace.notes) or not whole


@pytest.mark.parametrize(
    "values",
    [
        ("10ms", "20ms", "30 ms", "0.04s"),
        ("10,0 ms", "20,0 ms", "30,0 ms", "40,0 ms"),
        ("0:00:00.010", "0:00:00.020", "00:00:00.03", "0 days 00:00:00.04"),
        ("10000 µs", "20000us", "3e7 ns", "40 msec"),
    ],
)
def test_units_in_fields(values):
    trace = read(rows("rank;step;compute", *(f"{w};{s};{v}" for v, (w, s) in zip(values, ORDER, strict=True))))
    np.testing.assert_allclose(trace.compute_ms, TABLE)
    assert trace.notes == ()


ORDER = [(0, 1), (1, 1), (0, 2), (1, 2)]


def test_a_column_of_units():
    text = long("rank,step,compute,unit", change=lambda line: line + "000,us")
    assert read(text).compute_ms.tolist() == TABLE


@pytest.mark.parametrize(
    ("times", "unit"), [("0.08", "s"), ("2.5", "s"), ("80", "ms"), ("80000", "us"), ("80000000", "ns")]
)
def test_a_guessed_unit_says_what_follows(times, unit):
    trace = read(f"rank,step,compute\n0,1,{times}\n0,2,{times}\n")
    assert f"taken to be {unit}. A step then takes" in trace.notes[0]
    (column,) = [column for column in trace.columns if column.role == "compute"]
    assert (column.unit, column.guessed) == (unit, True)


def test_one_unit_is_guessed_for_all_files():
    files = [Upload(f"rank{i}.csv", f"step,compute\n1,{4.9 + 0.2 * i}\n2,{4.8 + 0.2 * i}\n") for i in (0, 1)]
    trace = read_trace(files)
    assert trace.compute_ms.max() / trace.compute_ms.min() < 1.1
    assert sum("taken to be" in note for note in trace.notes) == 1


def test_a_unit_is_taken_from_the_columns_beside():
    trace = read("rank,step,compute,comm_us\n0,1,5,1000\n1,1,6,1000\n0,2,5,1000\n1,2,6,1000\n")
    np.testing.assert_allclose(trace.compute_ms, [[0.005, 0.006]] * 2)


CLOCKS = {
    "timestamp": lambda s: f"{1_700_000_000 + s:.2f}",
    "ts": lambda s: f"{1_700_000_000_000 + 1000 * s:.0f}",
    "time": lambda s: f"2026-01-01 {int(s // 3600):02d}:{int(s // 60) % 60:02d}:{s % 60:06.3f}",
    "wall_clock_s": lambda s: f"{s:.3f}",
    "uptime_ms": lambda s: f"{1000 * s:.0f}",
}


def clocked(clock, seconds, scale, every=1, busy=0.9):
    """Two workers whose steps take so long, most of which is measured without its unit; every so many logged."""
    lines = [
        f"{w},{s},{CLOCKS[clock](seconds * s + w)},{seconds * busy * scale * (1 + 0.01 * w)}"
        for s in range(every, 12 * every + 1, every)
        for w in (0, 1)
    ]
    return rows(f"rank,step,{clock},step_time", *lines)


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize(
    ("seconds", "scale", "unit"),
    [(10.13, 1, "s"), (30, 1, "s"), (2.0, 1e3, "ms"), (0.5, 1e3, "ms"), (0.9, 1 / 60, "min"), (20, 1e6, "us")],
)
@pytest.mark.parametrize("every", [1, 10])
def test_a_clock_beside_the_times_says_their_unit(clock, seconds, scale, unit, every):
    trace = read(clocked(clock, seconds, scale, every))
    np.testing.assert_allclose(trace.compute_ms, [[900 * seconds, 909 * seconds]] * 12)
    (note,) = [note for note in trace.notes if "no unit in the name of" in note]
    assert f"taken to be {unit}, since that agrees with the time that passes by '{clock}'. A step then takes" in note


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        (clocked("timestamp", 10.13, 1, busy=0.2), "s"),  # what else took so long is unknown: 2 is s by its size
        (clocked("timestamp", 400, 1, busy=0.2), "ms"),
        (clocked("timestamp", 10.13, 1).replace("17000", "1.5"), "ms"),
        ("".join(clocked("timestamp", 10.13, 1).splitlines(keepends=True)[:5]), "ms"),  # too few readings
    ],
)
def test_a_clock_that_says_nothing_leaves_the_guess(text, unit):
    (note,) = [note for note in read(text).notes if "no unit in the name of" in note]
    assert f"taken to be {unit}. A step then takes" in note


def test_a_unit_that_is_said_goes_before_the_clock():
    text = clocked("timestamp", 10.13, 1)
    assert read(text.replace("step_time", "step_ms")).compute_ms[0, 0] == pytest.approx(9.117)
    assert read(text, unit="us").compute_ms[0, 0] == pytest.approx(9.117e-3)


# --- who and when ---

FOUR = [10, 11, 12, 13]


@pytest.mark.parametrize(
    ("columns", "keys"),
    [
        ("node,gpu", ["a,0", "a,1", "b,0", "b,1"]),
        ("host,local_rank", ["a,0", "a,1", "b,0", "b,1"]),
        ("hostname,rank", ["a,0", "a,1", "b,0", "b,1"]),
        ("machine,PID", ["a,7", "a,8", "b,7", "b,8"]),
        ("dp_rank,tp_rank", ["0,0", "0,1", "1,0", "1,1"]),
    ],
)
def test_two_columns_that_name_a_worker_together(columns, keys):
    lines = [f"{key},{step},{time}" for step in (1, 2) for key, time in zip(keys, FOUR, strict=True)]
    trace = read(rows(f"{columns},step,compute_ms", *lines))
    assert trace.worker_names == tuple(key.replace(",", " ") for key in keys)
    assert trace.compute_ms.tolist() == [FOUR, FOUR]


@pytest.mark.parametrize(
    "text",
    [
        "host,rank,step,compute_ms\na,0,1,10\na,1,1,20\na,0,2,30\na,1,2,40\n",
        "gpu,rank,step,compute_ms\n0,0,1,10\n0,1,1,20\n0,0,2,30\n0,1,2,40\n",
        "gpu_name,rank_id,step,compute_ms\nA100,0,1,10\nH100,1,1,20\nA100,0,2,30\nH100,1,2,40\n",
        "local_rank,global_rank,step,compute_ms\n0,0,1,10\n0,1,1,20\n0,0,2,30\n0,1,2,40\n",
        "rank,tp_rank,step,compute_ms\n0,0,1,10\n1,1,1,20\n0,0,2,30\n1,1,2,40\n",
        "step,variable,compute_ms\n1,rank0,10\n1,rank1,20\n2,rank0,30\n2,rank1,40\n",
    ],
)
def test_the_rank_names_the_worker_and_others_say_where_it_is(text):
    trace = read(text)
    assert trace.worker_names == (0, 1)
    assert trace.compute_ms.tolist() == TABLE


def test_a_host_in_a_file_that_says_its_rank_is_where_it_runs():
    files = [Upload(f"rank{i}.csv", f"host,pid,step,compute_ms\na,7,1,{10 + 10 * i}\na,7,2,30\n") for i in (1, 0)]
    assert read_trace(files).worker_names == (0, 1)


EPOCHS = [(0, 0), (0, 1), (1, 0), (1, 1)]


@pytest.mark.parametrize("columns", ["epoch,batch,rank", "Epoch,Step,Rank", "epoch,batch_idx,worker_id"])
def test_batches_begin_again_in_every_epoch(columns):
    lines = [f"{e},{b},{w},{10 * (2 * e + b) + w + 1}" for e, b in EPOCHS for w in (0, 1)]
    trace = read(rows(f"{columns},compute_ms", *lines))
    assert trace.step_numbers == (0, 1, 2, 3)
    assert trace.compute_ms.tolist() == [[1, 2], [11, 12], [21, 22], [31, 32]]


def test_a_global_step_goes_before_a_step():
    lines = [f"{w},{e},{b},{2 * e + b + 5},{w + 1}" for e, b in EPOCHS for w in (0, 1)]
    assert read(rows("rank,epoch,step,global_step,compute_ms", *lines)).step_numbers == (5, 6, 7, 8)


def test_time_may_number_the_steps_where_another_column_has_the_times():
    """As in Alibaba's traces of jobs: an index, and every tenth iteration."""
    lines = [f"{3 * i + w},{w},25,{1 + 10 * i},{400 + 10 * w + i}" for i in range(3) for w in range(3)]
    trace = read(rows(",worker,gpu,time,batch_time_norm", *lines))
    assert (trace.worker_names, trace.step_numbers) == ((0, 1, 2), (1, 11, 21))
    assert trace.compute_ms[0].tolist() == [400, 410, 420]


def test_peers_are_compared_with_peers():
    lines = [f"{r},{r // 2},{r % 2},{s},{100 + 50 * (r % 2) + s % 3}" for s in range(6) for r in range(4)]
    for stage in ("stage", "pp_rank", "pipeline_stage"):
        trace = read(rows(f"rank,dp_rank,{stage},step,compute_ms", *lines))
        assert trace.worker_names == (1, 3)
        assert any("different work by design" in note for note in trace.notes)
    unnamed = [line.partition(",")[2] for line in lines]
    assert read(rows("dp_rank,stage,step,compute_ms", *unnamed)).workers == 2
    everybody = read(rows("rank,dp_rank,stage,step,compute_ms", *lines), columns={"ignore": "stage"})
    assert everybody.workers == 4


# --- times ---


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        ("data_ms,forward_ms,backward_ms,allreduce_ms,optimizer_ms", "1,{},20,{},2"),
        ("data_ms,fwd_ms,bwd_ms,nccl_ms,step_ms", "1,{},20,{},42"),
        ("load [ms],compute [ms],sync [ms]", "1,{},{}"),
        ("forward_ms,backward_ms,forward_backward_ms,reduce_scatter_ms,all_gather_ms", "{},20,0,{},0"),
    ],
)
def test_phases_are_added_up_whichever_are_computing(columns, row):
    lines = [f"{w},{s}," + row.format(10 + 4 * w, 9 - 8 * w) for s in (1, 2) for w in (0, 1)]
    trace = read(rows(f"rank,step,{columns}", *lines))
    assert trace.compute_ms[0, 1] - trace.compute_ms[0, 0] == (4 if "step_ms" not in columns else 8)
    assert trace.comm_ms.tolist() == [[1, 1], [1, 1]]
    assert trace.wait_ms.tolist() == [[8, 0], [8, 0]]


def test_phases_by_hand():
    trace = read(
        "rank,step,data_ms,forward_ms,backward_ms,allreduce_ms,optimizer_ms\n0,1,1,10,20,9,2\n0,2,1,14,24,1,2\n"
    )
    assert trace.compute_ms.tolist() == [[33], [41]]
    assert any("'data_ms' + 'forward_ms' + 'backward_ms' + 'optimizer_ms'" in note for note in trace.notes)


PHASES = [("forward", 10), ("backward", 20), ("all-reduce", 9)]


@pytest.mark.parametrize(("label", "time"), [("op", "duration_ms"), ("phase", "value"), ("Name", "time (ms)")])
def test_rows_of_phases_are_added_up_whichever_are_computing(label, time):
    lines = [f"{w},{s},{name},{t + w}" for s in (1, 2) for w in (0, 1) for name, t in PHASES]
    trace = read(rows(f"rank,step,{label},{time}", *lines))
    assert trace.compute_ms.tolist() == [[30, 32]] * 2
    assert (trace.comm_ms + trace.wait_ms).tolist() == [[9, 10]] * 2


def test_rows_of_micro_batches_are_added_up():
    lines = [f"{w},{s},{m},{10 + m}" for s in (1, 2) for w in (0, 1) for m in (0, 1)]
    assert read(rows("rank,step,micro_batch,compute_ms", *lines)).compute_ms.tolist() == [[21, 21]] * 2


@pytest.mark.parametrize("names", [("step", "step"), ("train_step", "train_step"), ("step_7", "step_8")])
def test_ranges_inside_one_another(names):
    """As Nsight exports NVTX ranges."""
    lines = []
    for at, (name, took) in enumerate(zip(names, (100, 103), strict=True)):
        start = 100_000_000 * at
        for part, begins, long in ((name, 0, took), ("forward", 0, 40 + at), ("backward", 40, 50 + at)):
            begin, duration = start + begins * 10**6, long * 10**6
            lines.append(f"{begin},{begin + duration},{duration},{part},1,1")
    trace = read(rows("Start (ns),End (ns),Duration (ns),Name,PID,TID", *lines))
    assert trace.compute_ms.tolist() == [[100], [103]]
    assert trace.step_numbers == ((7, 8) if "7" in names[0] else (0, 1))
    assert trace.whole_steps


def test_a_running_clock():
    steps = range(1, 9)
    from_start = rows("rank,step,elapsed_s", *(f"{w},{s},{s * (0.1 + 0.02 * w):.3f}" for s in steps for w in (0, 1)))
    later = rows("rank,step,elapsed_s", *(f"{w},{s},{60 + s * (0.1 + 0.02 * w):.3f}" for s in steps for w in (0, 1)))
    dates = rows(
        "rank,step,timestamp",
        *(f"{w},{s},2026-01-01T00:00:{10 + s * (0.1 + 0.02 * w):06.3f}Z" for s in steps for w in (0, 1)),
    )
    for text, first in ((from_start, 1), (later, 2), (dates, 2)):
        trace = read(text)
        np.testing.assert_allclose(trace.compute_ms, [[100, 120]] * (9 - first), rtol=1e-4)
        assert trace.step_numbers[0] == first
        assert any("clock" in note for note in trace.notes)


def test_a_clock_with_a_gap():
    """What passes in the gap is two steps."""
    lines = [f"{w},{s},{s * (0.1 + 0.02 * w) if (w, s) != (1, 4) else ''}" for s in range(1, 9) for w in (0, 1)]
    trace = read(rows("rank,step,elapsed_s", *lines))
    assert trace.step_numbers == (1, 2, 3, 6, 7, 8)
    np.testing.assert_allclose(trace.compute_ms, [[100, 120]] * 6)


def test_columns_of_clocks():
    trace = read(rows("step,rank0_s,rank1_s", *(f"{s},{s * 0.1:.2f},{s * 0.12:.2f}" for s in range(1, 9))))
    np.testing.assert_allclose(trace.compute_ms, [[100, 120]] * 8)


def test_a_clock_that_begins_again_in_every_epoch():
    lines = [f"{w},{e},{b},{(b + 1) * (0.1 + 0.02 * w):.3f}" for e in (0, 1) for b in range(6) for w in (0, 1)]
    trace = read(rows("rank,epoch,batch,elapsed_s", *lines))
    np.testing.assert_allclose(trace.compute_ms, [[100, 120]] * 12)


def test_computing_that_grows_is_no_clock():
    lines = [f"{w},{s},{10 * s + w}" for s in range(1, 9) for w in (0, 1)]
    assert read(rows("rank,step,compute_ms", *lines)).compute_ms[-1].tolist() == [80, 81]


def test_from_start_to_end():
    trace = read("rank,step,start_s,end_s\n0,1,0,0.1\n1,1,0,.12\n0,2,.12,.22\n1,2,.12,.25\n")
    np.testing.assert_allclose(trace.compute_ms, [[100, 120], [100, 130]])


def test_a_first_step_that_workers_began_one_after_the_other():
    lines = [
        f"{w},{s},{100 + 10 * w},{20_000 if s == 1 and not w else 10 - 10 * w},5" for s in (1, 2, 3) for w in (0, 1)
    ]
    trace = read(rows("rank,step,compute_ms,wait_ms,comm_ms", *lines))
    assert trace.step_numbers == (2, 3)
    assert any("did not begin it together" in note for note in trace.notes)


# --- wide tables ---


@pytest.mark.parametrize(
    ("text", "workers"),
    [
        ("step,loss,rank0,rank1\n1,2.5,100,120\n2,2.4,101,121\n", (0, 1)),
        ("step,rank0_ms,rank1_ms,mean_ms,max_ms\n1,100,120,110,120\n2,101,121,111,121\n", (0, 1)),
        ("step,timestamp,lr,w0,w1,p50,p99,std,total\n1,1.7e9,.1,100,120,9,9,9,9\n2,1.7e9,.1,101,121,9,9,9,9\n", (0, 1)),
        ("iteration,worker 0 [ms],worker 1 [ms],std [ms]\n1,100,120,9\n2,101,121,9\n", (0, 1)),
        ("step,dgx01,dgx02,mean\n1,100,120,9\n2,101,121,9\n", ("dgx01", "dgx02")),
        ("step,host-a,host-b,samples/s\n1,100,120,9\n2,101,121,9\n", ("host-a", "host-b")),
        ("step,rank0_loss,rank1_loss,rank0_ms,rank1_ms\n1,9,9,100,120\n2,9,9,101,121\n", (0, 1)),
        ("step,compute_ms[0],compute_ms[1]\n1,100,120\n2,101,121\n", (0, 1)),
        ("step,p0,p1,p99\n1,100,120,9\n2,101,121,9\n", ("p0", "p1")),
        ("step,rank0_ms,rank1_ms\n1,100,120\n2,101,121\nmean,100,120\n", (0, 1)),
        ("rank,step1,step2\n0,100,101\n1,120,121\n", (0, 1)),
        (json.dumps({"rank0": [100, 101], "rank1": [120, 121], "config": {"lr": 1}}), (0, 1)),
    ],
)
def test_only_columns_that_look_alike_are_workers(text, workers):
    trace = read(text)
    assert trace.worker_names == workers
    assert trace.compute_ms.tolist() == [[100, 120], [101, 121]]


def test_a_column_for_each_worker_and_measure():
    trace = read("step,rank0_compute_ms,rank0_comm_ms,rank1_compute_ms,rank1_comm_ms\n1,100,25,120,5\n2,101,24,121,4\n")
    assert trace.compute_ms.tolist() == [[100, 120], [101, 121]]
    assert trace.wait_ms.tolist() == [[20, 0], [20, 0]]


def test_statistics_among_the_rows():
    trace = read(LONG + "mean,1,15\nmean,2,35\n")
    assert trace.compute_ms.tolist() == TABLE
    assert "2 rows were left out" in trace.notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step,loss,accuracy\n1,2.3,.5\n2,2.2,.6\n", "none of the columns 'step', 'loss' and 'accuracy' is compute_ms"),
        ("step,alice,bob\n1,100,120\n2,101,121\n", "none of the columns 'alice' and 'bob' is compute_ms"),
        ("0,1,10\n1,1,20\n0,2,30\n", "no header: its first row, '0', '1' and '10'"),
        (
            "rank,step,op,ms\n0,1,a,1\n0,1,b,2\n",
            r"worker 0, step 1 has 2 rows \(op: 'a' and 'b'\); one row is one mini",
        ),
        ("step,compute_ms\n1,10\n2,30\nstep,compute_ms\n1,20\n2,40\n", "no column says which worker a row is of"),
        (
            ",rank0,rank1\ncount,3,3\nmean,9,8\nstd,1,1\nmin,7,7\n25%,8,8\n",
            "'count' in 'index', line 2, is a statistic",
        ),
        ("Duration (ns),Name\n5,a\n6,b\n", "'Name' has 2 values .* so a row is not a step"),
        ('"Step","a - loss","b - loss"\n1,2.3,2.4\n2,2.1,2.2\n', "none of the columns"),
        ("rank,step,gpu_time_ms,cpu_time_ms\n0,1,2,3\n0,2,2,3\n", "'gpu_time_ms' and 'cpu_time_ms' are both"),
        ("Name,Calls,TotalDurationNs,AverageNs,Percentage\nk,1,2,3,4\n", "rocprof.*roctxRangePush"),
        ("Index,KernelName,gpu-id,BeginNs,EndNs,DurationNs\n0,k,0,1,2,1\n", "kernels from rocprof.*marker"),
        (
            "Time (%),Total Time (ns),Instances,Avg (ns),Style,Range\n50,1,2,3,PushPop,:step\n",
            "Nsight.*nvtx_pushpop_trace",
        ),
        ("Start (ns),Duration (ns),CorrId,GrdX,Name\n1,2,3,4,k\n", "kernels from Nsight"),
        ("Op Name,Task Type,Task Duration(us)\na,b,1\n", "Ascend.*step_trace_time.csv"),
        ("Step,Computing,Communication(Not Overlapped),Free\n,1,1,1\n", "recorded no steps: call prof.step"),
        ("rank,step,compute_ms\n" + "0,1,fast\n" * 9, "'fast' in 'compute_ms', line 2, is no number"),
    ],
)
def test_refused_with_what_to_do(text, message):
    with pytest.raises(ScenarioError, match=message):
        read(text)


# --- exports ---


def test_wandb():
    text = (
        '"Step","rank-0 - step_time","rank-0 - step_time__MIN","rank-0 - step_time__MAX","rank-1 - step_time"\n'
        '"1","0.30","0.30","0.30","0.40"\n"2","0.31","0.31","0.31","0.41"\n'
    )
    trace = read(text)
    np.testing.assert_allclose(trace.compute_ms, [[300, 400], [310, 410]])
    assert (trace.worker_names, trace.whole_steps) == ((0, 1), True)
    named = read(text.replace("rank-0", "calm-sun-12").replace("rank-1", "bold-star-3"))
    assert named.worker_names == ("bold-star-3", "calm-sun-12")


def test_tensorboard():
    def scalar(rank, tag):
        return Upload(f"run-rank{rank}-tag-{tag}.csv", f"Wall time,Step,Value\n1.7e9,1,{310 + rank}\n1.8e9,2,320\n")

    trace = read_trace([scalar(0, "step_time_ms"), scalar(1, "step_time_ms")])
    assert trace.compute_ms.tolist() == [[310, 311], [320, 320]]
    assert read_trace([scalar(0, "perf")]).worker_names == (0,)
    with pytest.raises(ScenarioError, match="'loss' by its name, which is not a time"):
        read_trace([scalar(0, "loss")])


ASCEND = "Step,Computing,Communication(Not Overlapped),Overlapped,Communication,Free,Stage,Bubble,Preparing"


@pytest.mark.parametrize("device", [False, True])
def test_ascend(device):
    def table(rank):
        lines = [f"{s},{81_000 - 6_000 * rank + s},{6_000 + 6_000 * rank},12000,18000,3000,90000,0,9" for s in (5, 6)]
        header, name = (f"Device_id,{ASCEND}", f"{rank}.csv") if device else (ASCEND, f"rank{rank}.csv")
        return Upload(name, rows(header, *(f"{rank},{line}" if device else line for line in lines)))

    trace = read_trace([table(1), table(0)])
    np.testing.assert_allclose(trace.compute_ms, [[84.005, 78.005], [84.006, 78.006]])
    np.testing.assert_allclose(trace.comm_ms, 6)
    np.testing.assert_allclose(trace.wait_ms, [[0, 6], [0, 6]])


RECORDS = [{"rank": w, "step": s, "compute_ms": t} for (w, s), t in zip(ORDER, (10, 20, 30, 40), strict=True)]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(map(json.dumps, RECORDS)),
        "\n".join(map(json.dumps, RECORDS)) + '\n{"rank": 0, "st',
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2),
        json.dumps({"config": {"lr": 0.1}, "job": 3, "history": RECORDS}),
        json.dumps({name: [record[name] for record in RECORDS] for name in RECORDS[0]}),
        json.dumps({"columns": list(RECORDS[0]), "data": [list(record.values()) for record in RECORDS]}),
        json.dumps([{"who": {"rank": r["rank"]}, "step": r["step"], "compute_ms": r["compute_ms"]} for r in RECORDS]),
    ],
    ids=["lines", "cut lines", "array", "indented", "history", "columns", "split", "nested"],
)
def test_json_that_holds_a_table(text):
    trace = read(text)
    assert trace.worker_names == (0, 1)
    assert trace.compute_ms.tolist() == TABLE


# --- bad rows, resumed runs, corrections ---


def test_one_bad_row_is_left_out_and_counted():
    text = LONG + "0,3,oops\n1,3,50\n0,4,1,2,3\n0,5,60\n1,5,61\n(6 rows),,\n"
    trace = read(text)
    assert trace.compute_ms.tolist() == [*TABLE, [60, 61]]
    said = " ".join(trace.notes)
    assert "3 rows were left out" in said
    assert "'oops' in 'compute_ms', line 6" in said
    assert "Steps left out because some workers lack them: 3" in said


def test_a_row_that_comes_again_is_left_out():
    trace = read(LONG + "1,2,40\n")
    assert trace.compute_ms.tolist() == TABLE
    assert "1 row was left out: line 6 has what a row before it has" in trace.notes[0]


@pytest.mark.parametrize("step", ["step {}", "{}/10", "iter_{}", "#{}", "Batch {} of 10"])
def test_steps_in_words(step):
    trace = read(rows("rank,step,compute_ms", *(f"{w},{step.format(s)},{s + w}" for s in (1, 2) for w in (0, 1))))
    assert trace.step_numbers == (1, 2)


def test_moments_since_1970_are_a_clock_by_any_name():
    lines = [f"{w},{s},{1.7e9 + s * (0.1 + 0.02 * w):.3f}" for s in (1, 2, 3) for w in (0, 1)]
    np.testing.assert_allclose(read(rows("rank,step,time", *lines)).compute_ms, [[100, 120]] * 2, rtol=1e-3)


@pytest.mark.parametrize("gap", ["", "-", "–", "n/a", "nan", "NULL"])
def test_gaps_are_missing_mini_batches(gap):
    trace = read(LONG + f"0,3,{gap}\n1,3,{gap}\n0,4,50\n1,4,60\n")
    assert trace.step_numbers == (1, 2, 4)


def test_a_resumed_run():
    lines = [f"{w},{s},{10 + s}" for s in (1, 2, 3, 4) for w in (0, 1)] + [
        f"{w},{s},{50 + s}" for s in (3, 4, 5) for w in (0, 1)
    ]
    trace = read(rows("rank,step,compute_ms", *lines))
    assert trace.compute_ms[:, 0].tolist() == [11, 12, 53, 54, 55]
    assert any("resumed" in note and "4 rows left out" in note for note in trace.notes)


def test_runs_that_are_numbered():
    trace = read("rank,attempt,step,compute_ms\n0,0,1,10\n0,0,2,11\n0,1,2,22\n0,1,3,23\n")
    assert trace.compute_ms.tolist() == [[10], [22], [23]]


UNCLEAR = "who,when,alpha,beta\n0,1,10,2\n1,1,20,2\n0,2,30,2\n1,2,40,2\n"


def test_columns_and_unit_may_be_given():
    trace = read(UNCLEAR, columns={"worker": "who", "step": "when", "time": "alpha"}, unit="s")
    assert trace.compute_ms.tolist() == [[10_000, 20_000], [30_000, 40_000]]
    assert not any(column.guessed for column in trace.columns)
    assert [column.role for column in trace.columns] == ["worker", "step", "whole step", ""]
    split = read(UNCLEAR, columns={"worker": ["who"], "step": "when", "compute": "alpha", "comm": "beta"}, unit="ms")
    assert split.network_ms == 2
    wide = read("step,alice,bob\n1,100,120\n2,101,121\n", columns={"workers": ["alice", "bob"]}, unit="ms")
    assert wide.worker_names == ("alice", "bob")
    assert table_columns(Upload("t.csv", UNCLEAR)) == ["who", "when", "alpha", "beta"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"columns": {"time": "gamma"}},
            "t.csv has no column 'gamma' for time; it has 'who', 'when', 'alpha' and 'beta'",
        ),
        ({"columns": {"clock": "alpha"}}, "columns: clock is not a known field"),
        ({"columns": ["alpha"]}, "columns: .* is not a dict"),
        ({"columns": {"time": 3}}, "columns: 3 for time is neither"),
        ({"unit": "fortnight"}, "unit: 'fortnight' is not ns, us"),
    ],
)
def test_what_may_not_be_given(asked, message):
    with pytest.raises(ScenarioError, match=message):
        read(UNCLEAR, **asked)


def test_the_record_of_columns():
    trace = read("rank,step,iter_time,loss,note\n0,1,0.1,2,a\n0,2,0.2,2,b\n")
    assert [(c.name, c.role, c.unit, c.guessed) for c in trace.columns] == [
        ("rank", "worker", "", False),
        ("step", "step", "", False),
        ("iter_time", "whole step", "s", True),
        ("loss", "", "", False),
        ("note", "", "", False),
    ]
    assert trace.columns[3].why == "not a time"


# --- when phases begin and end ---


def moments(header, line):
    """Steps that begin every 200 ms; worker w computes for 100 + 20w ms, and all go on after 150."""
    return rows(
        header, *(line(w, s, 0.2 * s, 0.2 * s + 0.1 + 0.02 * w, 0.2 * s + 0.15) for s in (1, 2) for w in (0, 1))
    )


@pytest.mark.parametrize(
    ("text", "network"),
    [
        (
            moments(
                "rank,step,compute_start,compute_end,comm_start,comm_end",
                lambda w, s, a, b, c: f"{w},{s},{a},{b},{b},{c}",
            ),
            30,
        ),
        (
            moments(
                "rank,step,fwd_start,fwd_end,bwd_start,bwd_end",
                lambda w, s, a, b, c: f"{w},{s},{a},{a + 0.03},{a + 0.03},{b}",
            ),
            0,
        ),
        (moments("rank,step,step_start,compute_end,step_end", lambda w, s, a, b, c: f"{w},{s},{a},{b},{c}"), 0),
        (moments("rank,step,t_start,t_end", lambda w, s, a, b, c: f"{w},{s},{a},{b}"), 0),
        (moments("rank,step,start_timestamp,end_timestamp", lambda w, s, a, b, c: f"{w},{s},{a},{b}"), 0),
        (moments("rank,step,event,time", lambda w, s, a, b, c: f"{w},{s},begin,{a}\n{w},{s},end,{b}"), 0),
    ],
)
def test_a_clock_read_when_phases_begin_and_end(text, network):
    trace = read(text)
    np.testing.assert_allclose(trace.compute_ms, [[100, 120]] * 2)
    assert trace.network_ms == pytest.approx(network)


@pytest.mark.parametrize(
    ("start", "end", "unit", "scale"),
    [
        ("rank{}_start", "rank{}_end", "s", 1),
        ("rank{}_start_ms", "rank{}_end_ms", "ms", 1e3),
        ("gpu {} begin (us)", "gpu {} end (us)", "us", 1e6),
        ("start_{}", "end_{}", "s", 1),
        ("step_start[{}]", "step_end[{}]", "s", 1),
        ("worker{}.compute_start", "worker{}.compute_end", "s", 1),
    ],
)
@pytest.mark.parametrize("step", ["step,", ""])
def test_a_start_and_an_end_for_each_worker(start, end, unit, scale, step):
    header = step + ",".join(f"{start.format(w)},{end.format(w)}" for w in (0, 1, 2))
    trace = read(
        rows(
            header,
            *(
                (f"{s}," if step else "")
                + ",".join(f"{0.2 * s * scale},{(0.2 * s + 0.1 + 0.02 * w) * scale}" for w in (0, 1, 2))
                for s in (1, 2, 3)
            ),
        )
    )
    np.testing.assert_allclose(trace.compute_ms, [[100, 120, 140]] * 3)
    assert trace.worker_names == (0, 1, 2)
    assert any("began and ended" in note for note in trace.notes)
    (column,) = [column for column in trace.columns if column.name == end.format(2)]
    assert (column.role != "", column.unit) == (True, unit)
    assert "worker" in column.why


def test_dates_when_each_worker_began_and_ended():
    moment = "2026-01-01T00:00:{:06.3f}Z".format
    lines = [",".join(f"{moment(s)},{moment(s + 0.1 + 0.02 * w)}" for w in (0, 1)) for s in (1, 2, 3)]
    trace = read(rows("rank0_start,rank0_end,rank1_start,rank1_end", *lines))
    np.testing.assert_allclose(trace.compute_ms, [[100, 120]] * 3, rtol=1e-4)


def test_phases_of_each_worker_that_began_and_ended():
    header = "step," + ",".join(
        f"rank{w}_{p}_{m}" for w in (0, 1) for p in ("compute", "comm") for m in ("start", "end")
    )
    lines = [
        f"{s}," + ",".join(f"{s},{s + 0.1 + 0.02 * w},{s + 0.1 + 0.02 * w},{s + 0.15}" for w in (0, 1)) for s in (1, 2)
    ]
    trace = read(rows(header, *lines))
    np.testing.assert_allclose(trace.compute_ms, [[100, 120]] * 2)
    np.testing.assert_allclose(trace.comm_ms, 30)


def test_a_worker_without_an_end_is_no_pair():
    with pytest.raises(ScenarioError, match="none of the columns"):
        read("step,rank0_start,rank0_end,rank1_start\n1,1,2,1\n2,2,3,2\n")


# --- validation between the steps ---

VALIDATED = [f"{w},{s},{kind},{t}" for s in (1, 2) for w in (0, 1) for kind, t in (("train", 10 * s + w), ("val", 5))]
OWN_NUMBERS = [*(f"{w},{s},train,{10 * s + w}" for s in (1, 2) for w in (0, 1)), "0,3,val,5", "1,3,val,5"]


@pytest.mark.parametrize("lines", [VALIDATED, OWN_NUMBERS])
@pytest.mark.parametrize("heading", ["mode", "phase", "split", "stage"])
def test_rows_of_validation_are_no_steps(lines, heading):
    trace = read(rows(f"rank,step,{heading},step_time_ms", *lines))
    assert trace.compute_ms.tolist() == [[10, 11], [20, 21]]
    assert any("rows with 'val'" in note and "left out" in note for note in trace.notes)


@pytest.mark.parametrize("heading", ["is_train", "training"])
def test_whether_a_row_is_training(heading):
    lines = [line.replace("train", "True").replace("val", "False") for line in OWN_NUMBERS]
    assert read(rows(f"rank,step,{heading},step_time_ms", *lines)).compute_ms.tolist() == [[10, 11], [20, 21]]
    ones = [line.replace("train", "1").replace("val", "0") for line in OWN_NUMBERS]
    assert read(rows(f"rank,step,{heading},step_time_ms", *ones)).compute_ms.tolist() == [[10, 11], [20, 21]]


def test_the_time_of_a_training_step_goes_before_that_of_validation():
    text = "rank,step,val_step_time_ms,train_step_time_ms\n0,1,5,10\n1,1,5,11\n0,2,5,20\n1,2,5,21\n"
    assert read(text).compute_ms.tolist() == [[10, 11], [20, 21]]


def test_a_second_row_of_a_step_without_its_time():
    """As Lightning logs validation: a row of its own at the step that it comes after."""
    files = [
        Upload(f"rank{w}.csv", f"step,step_time_ms,val_loss\n1,{10 + w},\n2,{20 + w},\n2,,2.3\n3,{30 + w},\n")
        for w in (0, 1)
    ]
    assert read_trace(files).compute_ms.tolist() == [[10, 11], [20, 21], [30, 31]]


@pytest.mark.parametrize("moment", ["2026-01-01T10:00:0{}Z", "170000000{}.5"])
def test_moments_beside_the_times(moment):
    """As databases of measurements export them."""
    lines = [f"{moment.format(s)},{w},{s},{10 * s + w}" for s in (1, 2) for w in (0, 1)]
    assert read(rows("time,rank,step,value", *lines)).compute_ms.tolist() == [[10, 11], [20, 21]]
    lines = [f",_result,0,{moment.format(s)},{10 * s + w},step_time_ms,{w}" for s in (1, 2) for w in (0, 1)]
    assert read(rows(",result,table,_time,_value,_field,rank", *lines)).compute_ms.tolist() == [[10, 11], [20, 21]]


# --- who and when, where headings do not say it or one row is bad ---

GOOD = [[50 + 10 * (s % 3) + w for w in (0, 1, 2)] for s in range(1, 9)]
MANY = [f"{w},{s},{GOOD[s - 1][w]}" for s in range(1, 9) for w in (0, 1, 2)]


@pytest.mark.parametrize("heading", ["rank,step,ms", "Rechner,Durchgang,ms", "rank,Durchgang,ms", ""])
@pytest.mark.parametrize("bad", ["Summe,,99", "host b failed,3,99", "0,three,99"])
def test_one_bad_row_does_not_change_who_and_when(heading, bad):
    trace = read(rows(*([heading] if heading else []), *MANY, bad))
    assert trace.compute_ms.tolist() == GOOD
    assert any("1 row was left out" in note for note in trace.notes)


def test_a_mini_batch_that_lacks_where_the_heading_of_steps_is_unknown():
    trace = read(rows("rank,Durchgang,ms", *(line for line in MANY if not line.startswith("1,4,"))))
    assert trace.step_numbers == (1, 2, 3, 5, 6, 7, 8)
    assert trace.compute_ms.tolist() == GOOD[:3] + GOOD[4:]


def test_rows_of_several_workers_are_not_taken_for_one():
    lines = [f"{'abc'[w]},{GOOD[s - 1][w]}" for s in range(1, 9) for w in (0, 1, 2)]
    with pytest.raises(ScenarioError, match=r"no column says which worker .* 'wer' may: each of its 3 values"):
        read(rows("wer,ms", *lines))
    assert read(rows("wer,ms", *lines), columns={"worker": "wer"}).compute_ms.tolist() == GOOD
    assert read(rows("wer,ms", *lines), columns={"ignore": "wer"}).workers == 1
    with pytest.raises(ScenarioError, match="has no header"):
        read(rows(*(f"[x{w}]:{s},{t}" for w, s, t in (line.split(",") for line in MANY))))


@pytest.mark.parametrize("rank", ["{}/3", "[{}]", "rank {} of 3"])
def test_ranks_with_their_number(rank):
    trace = read(rows("rank,step,ms", *(f"{rank.format(line[0])}{line[1:]}" for line in MANY)))
    assert trace.worker_names == (0, 1, 2)


@pytest.mark.parametrize("order", [lambda lines: lines, sorted])
def test_steps_that_begin_again_without_a_column_of_epochs(order):
    lines = order([f"{w},{e},{s},{50 + 10 * (s % 3) + 40 * e + w}" for e in (0, 1) for s in (1, 2, 3) for w in (0, 1)])
    trace = read(rows("rank,step,ms", *(f"{line[:2]}{line[4:]}" for line in lines)))
    assert trace.compute_ms[:, 0].tolist() == [60, 70, 50, 100, 110, 90]
    assert any("epochs that follow one another" in note for note in trace.notes)
    with pytest.raises(ScenarioError, match="is there twice"):
        read(rows("rank,step,ms", "0,1,10", "0,1,11", "0,2,12", "0,2,13"))


def test_nvtx_events_of_a_database():
    """As a table of Nsight Systems' SQLite file is exported."""
    lines = [
        f"{s}000000000,{s}000000000,59,,,,{name},{w + 10}"
        if name != "step"
        else f"{s}000000000,{s}{10 * s + w:03d}000000,59,,,,step {s},{w + 10}"
        for s in (1, 2)
        for w in (0, 1)
        for name in ("step", "forward")
    ]
    trace = read(rows("start,end,eventType,rangeId,category,color,text,globalTid", *lines))
    assert trace.compute_ms.tolist() == [[10, 11], [20, 21]]


@pytest.mark.parametrize(
    "moment",
    ["2026/01/31 23:59:5{}.{}", "31.1.2026 23:59:5{},{}", "1/31/2026 23:59:5{}.{}", "2026-01-31T23:59:5{}.{}Z"],
)
def test_dates_of_any_country(moment):
    lines = [f'{w};{s};"{moment.format(s, s * (1 + w))}"' for s in (1, 2, 3) for w in (0, 1)]
    np.testing.assert_allclose(read(rows("rank;step;timestamp", *lines)).compute_ms, [[1100, 1200]] * 2, rtol=1e-4)


@pytest.mark.parametrize(
    "header",
    [
        "Knoten;Schritt;Rechenzeit [Sek.];Wartezeit [Sek.];Verlust",
        "Rang;Étape;Temps de calcul (s);Temps d’attente (s);Perte",
        "Узел;Шаг;Время вычислений, с;Ожидание, с;Потери",
        "进程;步数;计算时间(秒);等待时间(秒);损失",
        "ランク;ステップ;計算時間 (s);待ち時間 (s);損失",
    ],
)
def test_headings_in_other_languages(header):
    trace = read(rows(header, *(f"{w};{s};0,0{s}{w};0,00{1 - w};2,5" for s in (1, 2) for w in (0, 1))))
    np.testing.assert_allclose(trace.compute_ms, [[10, 11], [20, 21]])
    np.testing.assert_allclose(trace.wait_ms, [[1, 0]] * 2)


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("节点,进程,步数,计算时间(ms)", "gbk"),
        ("ホスト,ランク,ステップ,計算時間(ms)", "shift_jis"),
        ("Группа,Узел,Шаг,Время", "cp1251"),
        ("Maschine,Rang,Étape,Durée (ms)", "cp1252"),
    ],
)
def test_code_pages(header, encoding):
    text = rows(header, *(f"n,{line}" for line in MANY))
    assert read(text.encode(encoding)).compute_ms.tolist() == GOOD


@pytest.mark.parametrize(
    "heading", ["gpu_uuid", "SLURM_PROCID", "MPI_RANK", "world_rank", "pci_bus_id", "hvd.local_rank()", "task_id"]
)
def test_workers_as_schedulers_call_them(heading):
    lines = [f"a{line}" if "uuid" in heading else line for line in MANY]
    assert read(rows(f"{heading},step,ms", *lines)).compute_ms.tolist() == GOOD


@pytest.mark.parametrize("header", ["worker,s0,s1,s2,total", ",step0,step1,step2,mean"])
def test_a_column_per_step_beside_a_total(header):
    trace = read(rows(header, "gpu0,10,20,30,60", "gpu1,11,21,31,63"))
    assert trace.compute_ms.tolist() == [[10, 11], [20, 21], [30, 31]]
    assert trace.worker_names == (0, 1)


def test_computing_that_is_added_up_is_a_clock():
    lines = [f"{w},{s},{s * (100 + 20 * w)}" for s in range(1, 9) for w in (0, 1)]
    assert read(rows("rank,step,compute_ms_cum", *lines)).compute_ms.tolist() == [[100, 120]] * 8


def test_tables_put_together_without_their_workers():
    with pytest.raises(ScenarioError, match=r"its headings come again, .* give a file each"):
        read("ms\n10\n30\nms\n20\n40\n")


def test_runs_that_a_column_tells_apart():
    lines = [f"{run},{w},{s},{t}" for s in (1, 2) for w in (0, 1) for run, t in (("before", 10), ("after", 9))]
    with pytest.raises(ScenarioError, match=r"has 2 rows \(run: 'before' and 'after'\)"):
        read(rows("run,rank,step,ms", *lines))


def test_dots_that_may_stand_between_thousands():
    trace = read("rank;step;compute_us\n0;1;10.000\n1;1;20.000\n0;2;30.000\n1;2;40.000\n")
    assert any("'compute_us': the dot is taken for the sign before decimals" in note for note in trace.notes)
