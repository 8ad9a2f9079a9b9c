"""The same times in the files of many tools and habits: read alike, or refused with what to do. All invented."""

import gzip
import json
import re

import numpy as np
import pandas as pd
import pytest

from core import ScenarioError, read_trace
from core.traces.reading import table_columns
from tests.trace_files import Upload

WORKERS, STEPS = range(3), range(1, 7)
MS = np.array([[101, 121, 118], [103, 120, 119], [99, 124, 117], [102, 122, 121], [100, 119, 116], [104, 123, 120]])
CELLS = [(worker, step, int(MS[step - 1, worker])) for step in STEPS for worker in WORKERS]
RANGES = "Start (ns),End (ns),Duration (ns),DurChild (ns),DurNonChild (ns),Name,PID,TID,Lvl,NumChild,RangeId,NameTree\n"


def table(heading, line, cells=CELLS, sep="\n"):
    """A line for every mini-batch below a heading."""
    return f"{heading}{sep if heading else ''}" + "".join(f"{line(*cell)}{sep}" for cell in cells)


def of(worker):
    """The mini-batches of one worker."""
    return [cell for cell in CELLS if cell[0] == worker]


def megatron(worker, step, ms):
    """A line of Megatron-LM's log."""
    return (
        f" [2024-05-01 10:00:{step:02d}] iteration {step:8d}/     500 | consumed samples:  {step * 512} | elapsed time "
        f"per iteration (ms): {ms}.0 | learning rate: 1.0E-04 | lm loss: 1.0E+01 | grad norm: 3.2 |"
    )


def framed(worker, step, ms):
    """A row of a table in a frame."""
    return f"│ {worker}    ┆ {step}    ┆ {ms} │"


ONE_FILE = {
    "a unit below every heading": table("rank,step,compute\n,,ms", lambda w, s, ms: f"{w},{s},{ms}"),
    "units in brackets below": table("rank,step,compute\n[-],[-],[s]", lambda w, s, ms: f"{w},{s},{ms / 1000}"),
    "a comment sign among the units": table("rank,step,compute\n#,#,us", lambda w, s, ms: f"{w},{s},{ms * 1000}"),
    "units below a column per worker": "step;rank 0;rank 1;rank 2\n;(us);(us);(us)\n"
    + "".join(f"{s};{';'.join(str(1000 * ms) for ms in MS[s - 1])}\n" for s in STEPS),
    "no headings: worker, step, time": table("", lambda w, s, ms: f"{w},{s},{ms}"),
    "no headings: step, host, time": table("", lambda w, s, ms: f"{s} node{w} {ms}"),
    "no headings: a column per worker": "\n".join(" ".join(f"{ms / 1000:.6e}" for ms in row) for row in MS),
    "headings in German": table("Rechner;Schritt;Zeit (ms)", lambda w, s, ms: f"{w};{s};{ms},0"),
    "a frame of box-drawing signs": table("┌──┬──┬──┐\n│ rank ┆ step ┆ ms │\n╞══╪══╪══╡", framed, sep="\n")
    + "└──┴──┴──┘\n",
    "a data frame as printed": "   rank  step  compute_ms\n"
    + "".join(f"{at:3d}  {w}  {s}  {ms}\n" for at, (w, s, ms) in enumerate(CELLS)),
    "comments behind rows": table("rank,step,ms", lambda w, s, ms: f"{w},{s},{ms}  # ok"),
    "Indian thousands": table("rank\tstep\tcompute_us", lambda w, s, ms: f"{w}\t{s}\t{ms // 100},{ms % 100:02d},000"),
    "UTF-16 without a mark": table("rank,step,compute_ms", lambda w, s, ms: f"{w},{s},{ms}").encode("utf-16-le"),
    "UTF-32": table("rank,step,compute_ms", lambda w, s, ms: f"{w},{s},{ms}").encode("utf-32"),
    "zeros at the end": table("rank,step,compute_ms", lambda w, s, ms: f"{w},{s},{ms}").encode() + bytes(99),
    "a time per step in every cell": table("rank,step,time", lambda w, s, ms: f"{w},{s},{ms / 1000}s/it"),
    "a log of Megatron-LM, by torchrun": "using world size: 3\n"
    + table("", lambda w, s, ms: f"[default{w}]:{megatron(w, s, ms)}"),
    "a log of Megatron-LM, by srun": table("a, b, c", lambda w, s, ms: f"{w}: {megatron(w, s, ms)}"),
    "a log of pairs": table("[INFO] begins", lambda w, s, ms: f"[INFO] rank={w} step={s} step_time={ms}ms loss=2.3"),
    "runs and tags of TensorBoard": table(
        "run,tag,step,value,wall_time",
        lambda w, s, ms: f"rank{w},perf/step_time_ms,{s},{ms},170000000{s}\nrank{w},loss,{s},2.3,170000000{s}",
    ),
    "metrics of MLflow": table(
        "run_id,key,value,timestamp,step", lambda w, s, ms: f"r{w},step_time_ms,{ms},170000000000{s},{s}"
    ),
    "ranges of Nsight Systems": RANGES
    + table("", lambda w, s, ms: f"{s}000,{s}999,{ms}000000,1,2,step {s},{70 + w},5,0,0,{s * 3 + w},x"),
    "markers of rocprof": "Domain,Function,Process_Id,Thread_Id,Correlation_Id,Start_Timestamp,End_Timestamp\n"
    + table(
        "", lambda w, s, ms: f"MARKER_CORE_API,step {s},{w},1,{s},{s}000000000,{s * 1_000_000_000 + ms * 1_000_000}"
    )
    + "HIP_API,hipMemcpy,0,1,1,5,6\n",
    "a pivot table as printed": "rank    0    1    2\nstep               \n"
    + "".join(f"{s}     {'  '.join(map(str, MS[s - 1]))}\n" for s in STEPS),
    "a pivot table with two rows of names": ",compute_ms,compute_ms,compute_ms\nrank,0,1,2\nstep,,,\n"
    + "".join(f"{s},{','.join(map(str, MS[s - 1]))}\n" for s in STEPS),
    "merged cells above others": "step;GPU 0;;GPU 1;;GPU 2;\n;compute_ms;loss;compute_ms;loss;compute_ms;loss\n"
    + "".join(f"{s};{';'.join(f'{ms};2,5' for ms in MS[s - 1])}\n" for s in STEPS),
    "a column per step, with its unit": f"rank,{','.join(f'step {s} (us)' for s in STEPS)}\n"
    + "".join(f"{w},{','.join(str(1000 * ms) for ms in MS[:, w])}\n" for w in WORKERS),
    "series of Grafana": '"Time","time{rank=""0""}","time{rank=""1""}","time{rank=""2""}"\n'
    + "".join(f"2026-01-01 10:00:0{s},{','.join(f'{ms} ms' for ms in MS[s - 1])}\n" for s in STEPS),
    "series of Grafana, a row each": table("Time,Metric,Value", lambda w, s, ms: f"2026-01-01 10:00:0{s},rank{w},{ms}"),
    "JSON below other keys": json.dumps(
        {"meta": {"job": 1}, "result": {"all": [{"rank": w, "step": s, "ms": ms} for w, s, ms in CELLS]}}
    ),
    "JSON with a list for each worker": json.dumps(
        {f"worker_{w}": {"step_times_ms": MS[:, w].tolist()} for w in WORKERS}
    ),
    "JSON with a list in each record": json.dumps([{"rank": w, "compute_ms": MS[:, w].tolist()} for w in WORKERS]),
    "JSON in rows": json.dumps(MS.tolist()),
    "JSON of a data frame by its index": json.dumps(
        {str(at): {"rank": w, "step": s, "compute_ms": ms} for at, (w, s, ms) in enumerate(CELLS)}
    ),
    "JSON of a step's workers by its index": json.dumps(
        {str(s): {f"rank{w}": int(MS[s - 1, w]) for w in WORKERS} for s in STEPS}
    ),
    "JSON in rows under a name": json.dumps({"job": 1, "compute_us": (1000 * MS).tolist()}),
    "JSON lines with the times of all workers": "\n".join(
        json.dumps({"step": s, "lr": 0.1, "step_times_s": (MS[s - 1] / 1000).tolist()}) for s in STEPS
    ),
    "JSON with the workers of each step": json.dumps(
        [{"step": s, "ranks": [{"rank": w, "ms": int(MS[s - 1, w])} for w in WORKERS]} for s in STEPS]
    ),
    "JSON objects over several lines": "\n".join(
        json.dumps({"rank": w, "step": s, "compute_ms": ms}, indent=1) for w, s, ms in CELLS
    ),
    "JSON lines, one of them bad": "\n".join(json.dumps({"rank": w, "step": s, "ms": ms}) for w, s, ms in CELLS)
    + "\n{bad\n",
}


@pytest.mark.parametrize("kind", ONE_FILE)
def test_one_file_of_all_workers(kind):
    trace = read_trace([Upload("t.txt", ONE_FILE[kind])])
    assert trace.workers == 3
    np.testing.assert_allclose(trace.compute_ms, MS)


FILE_EACH = {
    "no headings: a column of times": lambda w: table("", lambda _, s, ms: f"{ms / 1000}", of(w)),
    "no headings: step and time": lambda w: table("", lambda _, s, ms: f"{s},{ms}", of(w)),
    "a log of Megatron-LM": lambda w: "> building, please wait\n" + table("", megatron, of(w)),
    "a log of nanoGPT": lambda w: table("step 0: loss", lambda _, s, ms: f"iter {s}: loss 4.2, time {ms}.00ms", of(w)),
    "a log of the ImageNet example": lambda w: table(
        "",
        lambda _, s, ms: f"Epoch: [0][{s * 10}/500]\tTime  0.{ms:03d} ( 0.120)\tData  0.002 ( 0.010)",
        of(w),
    ),
    "JSON of TensorBoard": lambda w: json.dumps([[1.7e9 + s, s, ms / 1000] for _, s, ms in of(w)]),
    "ranges of Nsight Systems": lambda w: (
        RANGES + table("", lambda _, s, ms: f"{s}000,{s}999,{ms}000000,1,2,step,{70 + w},5,0,0,{s * 3 + w},x", of(w))
    ),
}


@pytest.mark.parametrize("kind", FILE_EACH)
def test_a_file_for_each_worker(kind):
    trace = read_trace([Upload(f"rank{worker}.txt", FILE_EACH[kind](worker)) for worker in WORKERS])
    assert trace.worker_names == (0, 1, 2)
    np.testing.assert_allclose(trace.compute_ms, MS)


def test_what_has_no_headings_is_guessed_and_may_be_said():
    text = table("", lambda w, s, ms: f"{w},{s},{ms}")
    guessed = read_trace([Upload("a.csv", text)])
    assert [(each.role, each.guessed) for each in guessed.columns[:2]] == [("worker", True), ("step", True)]
    assert "'column 1' names the worker; 'column 2' numbers the steps; 'column 3' is the time" in guessed.notes[0]
    square = "".join(f"{w},{s},{ms}\n" for w, s, ms in CELLS if s < 4)  # as many steps as workers
    with pytest.raises(ScenarioError, match=r"has no header.*say which is which: columns=\{\"worker\": \"column 1\""):
        read_trace([Upload("a.csv", square)])
    assert table_columns(Upload("a.csv", square)) == ["column 1", "column 2", "column 3"]
    said = read_trace([Upload("a.csv", square)], columns={"worker": "column 1", "step": "column 2", "time": "column 3"})
    np.testing.assert_allclose(said.compute_ms, MS[:3])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.sqlite", b"SQLite format 3\0" + bytes(99), "SQLite .*nsys stats"),
        ("r.nsys-rep", b"\1\0\2" * 99, "report of Nsight Systems.*nsys stats"),
        ("h.xplane.pb", b"\1\0\2" * 99, "JAX or TensorFlow.*block_until_ready"),
        ("events.out.tfevents.17.h", b"\1\0\2" * 99, "TensorBoard.*as CSV, one file per worker"),
        ("t.npy", b"\x93NUMPY\1\0v\0", "savetxt"),
        ("t.xlsx", b"PK\x03\x04\0\0", "save the sheet as CSV"),
        (
            "a_hip_api_trace.csv",
            "Domain,Function,Process_Id,Thread_Id,Correlation_Id,Start_Timestamp,End_Timestamp\nHIP,hipFree,1,1,1,5,6\n",
            "no markers.*--marker-trace",
        ),
        ("c.csv", "Kind,Direction,Start_Timestamp,End_Timestamp\nMEMORY_COPY,H2D,5,6\n", "copies from rocprof.*marker"),
        ("t.csv", "rank,step,samples_per_sec\n0,1,900\n1,1,910\n", "'samples_per_sec': a rate; give the time of each"),
        ("t.csv", "A;B;ms\n" + "".join(f"{a};{b};9\n" for a in range(3) for b in range(3)), "not which is which"),
        ("t.log", "[2024-01-01 10:00] loss 3\n[2024-01-01 10:01] loss 2\n", "has no header.*is like the others"),
    ],
)
def test_refused_with_what_to_give(name, content, message):
    with pytest.raises(ScenarioError, match=message):
        read_trace([Upload(name, content)])


def test_a_log_without_ranks_is_one_workers():
    trace = read_trace([Upload("train.log", table("", megatron, of(0)))])
    assert trace.workers == 1
    assert "taken for one worker's log" in trace.notes[1]


def test_ranks_that_only_some_lines_of_a_log_say_are_none():
    lines = [megatron(w, s, ms) for w, s, ms in of(0)]
    trace = read_trace([Upload("train.log", "\n".join([f"[default0]:{lines[0]}", *lines[1:]]))])
    assert trace.workers == 1
    assert "taken for one worker's log" in trace.notes[1]


def test_one_stage_of_a_pipeline_is_nothing_to_tell():
    text = table("rank,stage,step,ms", lambda w, s, ms: f"{w},0,{s},{ms}")
    trace = read_trace([Upload("a.csv", text)])
    np.testing.assert_allclose(trace.compute_ms, MS)
    assert not any("stage" in note for note in trace.notes)


def test_times_too_far_apart_are_not_those_of_one_run():
    text = table("rank,step,compute_ms", lambda w, s, ms: f"{w},{s},{1e-9 if (w, s) == (1, 3) else 1e9}")
    with pytest.raises(ScenarioError, match="are not those of one run"):
        read_trace([Upload("a.csv", text)])


def test_a_table_that_ends_early_gives_its_whole_lines():
    lines = "".join(f"{w},{s},{100 + (7 * s + w) % 31}.{s}\n" for s in range(900) for w in WORKERS)
    packed = gzip.compress(f"rank,step,compute_ms\n{lines}".encode())
    trace = read_trace([Upload("a.csv.gz", packed[:-900])])
    assert 300 < trace.steps < 900
    assert any("ends early" in note for note in trace.notes)


def test_parts_of_a_resumed_run():
    parts = [
        Upload(f"part{part}.csv", table("rank,step,ms", lambda w, s, ms, p=part: f"{w},{s},{ms + 100 * p}", cells))
        for part, cells in enumerate(([c for c in CELLS if c[1] < 5], [c for c in CELLS if c[1] > 2]))
    ]
    trace = read_trace(parts)
    np.testing.assert_allclose(trace.compute_ms, MS + 100 * (np.arange(1, 7) > 2)[:, None])
    assert any("resumed" in note and "6 rows" in note for note in trace.notes)
    with pytest.raises(ScenarioError, match="is there twice"):
        read_trace([parts[0], parts[0]])


def test_ranks_that_a_table_lacks():
    text = table("rank,world_size,step,ms", lambda w, s, ms: f"{w},8,{s},{ms}")
    assert "3 of 8 ranks are here: the slowest may be among the others." in read_trace([Upload("a.csv", text)]).notes
    other = Upload("b.csv", text.replace(",8,", ",4,"))
    with pytest.raises(ScenarioError, match=r"a job of 8 ranks, b\.csv of one of 4"):
        read_trace([Upload("a.csv", text), other])


def test_a_first_step_that_is_slow_on_one_worker_alone_is_said():
    slow = [(w, s, 4_000 if (w, s) == (1, 1) else ms) for w, s, ms in CELLS]
    trace = read_trace([Upload("a.csv", table("rank,step,compute_ms", lambda w, s, ms: f"{w},{s},{ms}", slow))])
    assert trace.steps == 6
    assert any("Step 1 is far slower than later ones on worker 1 alone" in note for note in trace.notes)


def test_experts_have_different_work():
    text = table("ep_rank,dp_rank,step,ms", lambda w, s, ms: f"{w % 2},0,{s},{ms}", [c for c in CELLS if c[0] < 2])
    trace = read_trace([Upload("a.csv", text)])
    assert trace.worker_names == ("0 0", "1 0")
    assert any("different experts" in note for note in trace.notes)


PRINTED = {
    "pairs with colons": lambda w, s, ms: f"2024-01-01 10:00:0{s},123 INFO rank: {w}, step: {s}/500, compute_ms: {ms}",
    "pairs with spaces and units": lambda w, s, ms: (
        f"rank = {w} step = {s} step_time = {ms / 1000} s data_time = 0.1 s"
    ),
    "JSON behind a prefix": lambda w, s, ms: f"10:00:0{s} INFO {json.dumps({'rank': w, 'step': s, 'step_ms': ms})}",
    "dicts as Python prints them": lambda w, s, ms: str({"rank": w, "step": s, "compute_ms": ms}),
    "pairs, by torchrun": lambda w, s, ms: f"[default{w}]:2024-01-01 step={s} step_ms={ms}",
    "steps that took so long": lambda w, s, ms: f"{w}: step {s} took {ms}.0 ms",
    "steps and a colon": lambda w, s, ms: f"[rank {w}] step {s}: {ms / 1000} s",
}


@pytest.mark.parametrize("kind", PRINTED)
def test_printed_lines_of_all_workers(kind):
    trace = read_trace([Upload("train.log", table("a run begins\n", PRINTED[kind]))])
    assert trace.worker_names == (0, 1, 2)
    np.testing.assert_allclose(trace.compute_ms, MS)


LOGS = {
    "timm": lambda w, s, ms: f"Train: 0 [{s:4d}/99 ( 4%)]  Loss: 6.9 (6.91)  Time: 0.{ms}s, 125.4/s  (0.9s, 122.5/s)",
    "MMEngine": lambda w, s, ms: f"Epoch [1][{s}/99]\tlr: 2e-2, eta: 1 day, 2:00:00, time: 0.{ms}, data_time: 0.051",
    "Detectron2": lambda w, s, ms: f"[01/01 10:00:{s:02d} d2]: eta: 1:02:03 iter: {s} loss: 1.2 time: 0.{ms} lr: 0.02",
    "MAE": lambda w, s, ms: (
        f"Epoch: [0]  [ {s}/99]  eta: 0:10:00  lr: 0.1  loss: 6.9 (6.9)  time: 0.{ms}  data: 0.0003"
    ),
    "build-nanogpt": lambda w, s, ms: (
        f"step {s:5d} | loss: 6.5 | lr 6.0e-4 | norm: 1.2 | dt: {ms}.00ms | tok/sec: 51.2"
    ),
    "Megatron-LM behind the time": lambda w, s, ms: f"10:5{s}:03 {megatron(w, s, ms)}",
    "with validation between": lambda w, s, ms: f"step {s} took {ms} ms\nstep {s}: eval took 30.1 s",
}


@pytest.mark.parametrize("kind", LOGS)
def test_a_log_for_each_worker(kind):
    text = {w: table("", LOGS[kind], of(w)).replace("0.99", "0.099") for w in WORKERS}
    trace = read_trace([Upload(f"rank{w}.log", text[w]) for w in WORKERS])
    assert trace.worker_names == (0, 1, 2)
    np.testing.assert_allclose(trace.compute_ms, MS)


@pytest.mark.parametrize(
    "line",
    [
        "{{'loss': 3.{0}, 'grad_norm': 1.2, 'learning_rate': 4.9e-05, 'epoch': 0.0{0}}}",
        "Training:  {0}%|██   | {0}/12 [00:00<00:01,  0.10s/it, loss=2.3]",
        "[2024-01-01 10:00:0{0},123] [INFO] [logging.py:96:log_dist] [Rank 0] time (ms) | fwd: 3{0}.0 | bwd: 70.1",
        "Epoch {0}/12\n100/100 - 10s 101ms/step - loss: 0.6",
        "step {0} data time 3.2 ms compute time 98.{0} ms",
    ],
)
def test_logs_without_the_time_of_a_step(line):
    with pytest.raises(ScenarioError, match=r"looks like a log.*rank=0 step=3|has no header"):
        read_trace([Upload("train.log", "".join(f"{line.format(s)}\n" for s in STEPS))])


@pytest.mark.parametrize("heading", ["gpu", "local_rank"])
def test_a_file_for_each_node(heading):
    """Whose workers are numbered in each node alone."""
    text = [table(f"{heading},step,ms", lambda w, s, ms, n=node: f"{w},{s},{ms + n}", of(0) + of(1)) for node in (0, 9)]
    trace = read_trace([Upload("node_a.csv", text[0]), Upload("node_b.csv", text[1])])
    assert trace.worker_names == ("node_a 0", "node_a 1", "node_b 0", "node_b 1")
    np.testing.assert_allclose(trace.compute_ms, np.hstack([MS[:, :2], MS[:, :2] + 9]))
    with pytest.raises(ScenarioError, match=r"is there twice: it is in node_a\.csv, too"):
        read_trace([Upload("node_a.csv", text[0]), Upload("node_b.csv", text[0])])
    with pytest.raises(ScenarioError, match=r"Give the files of one run .if each is of a node"):
        read_trace([Upload("before.csv", text[0]), Upload("after.csv", text[1])])


# --- which way a matrix goes, where no heading says it ---

LONG_RUN = np.array([[100 + (7 * s + 3 * w) % 23 for w in range(4)] for s in range(60)])
LONG_RUN[0] = 260  # a first step is slow
FRAME = pd.DataFrame(LONG_RUN)


def lines(matrix, sep=","):
    """The rows of a matrix, nothing else."""
    return "\n".join(sep.join(map(str, row)) for row in matrix) + "\n"


A_ROW_PER_WORKER = {
    "no headings": lines(LONG_RUN.T),
    "no headings, spaces": lines(LONG_RUN.T, " "),
    "no headings, workers numbered": lines(np.column_stack([np.arange(4), LONG_RUN.T])),
    "no headings, workers numbered from 1": lines(np.column_stack([np.arange(1, 5), LONG_RUN.T])),
    "headings are numbers": FRAME.T.to_csv(index=False),
    "headings are numbers from 1": FRAME.T.set_axis(range(1, 61), axis=1).to_csv(index=False),
    "headings and an index": FRAME.T.to_csv(),
    "JSON in rows": json.dumps(LONG_RUN.T.tolist()),
    "JSON in rows under a name": json.dumps({"compute_ms": LONG_RUN.T.tolist()}),
    "JSON by its columns": FRAME.to_json(),
    "a printed array": repr(LONG_RUN.T),
}
A_ROW_PER_STEP = {
    "no headings": lines(LONG_RUN),
    "no headings, steps numbered": lines(np.column_stack([np.arange(60), LONG_RUN])),
    "headings are numbers": FRAME.to_csv(index=False),
    "headings and an index": FRAME.to_csv(),
    "JSON in rows": json.dumps(LONG_RUN.tolist()),
    "JSON in rows under a name": json.dumps({"compute_ms": LONG_RUN.tolist()}),
    "JSON by its index": FRAME.to_json(orient="index"),
    "JSON by its index, every tenth step": FRAME[:5].set_axis(range(0, 50, 10)).to_json(orient="index"),
}


@pytest.mark.parametrize("kind", A_ROW_PER_WORKER)
def test_few_rows_of_many_columns_are_workers(kind):
    trace = read_trace([Upload("t.txt", A_ROW_PER_WORKER[kind])])
    assert trace.workers == 4
    np.testing.assert_allclose(trace.compute_ms, LONG_RUN)
    note = next(note for note in trace.notes if "read as workers" in note)
    assert re.search("If .* (is|are) (a worker|a step|the other way round), (transpose|say|call)", note)


@pytest.mark.parametrize("kind", A_ROW_PER_STEP)
def test_rows_of_few_columns_are_steps(kind):
    trace = read_trace([Upload("t.txt", A_ROW_PER_STEP[kind])])
    assert trace.workers == 4
    np.testing.assert_allclose(trace.compute_ms, LONG_RUN[: trace.steps])


@pytest.mark.parametrize("steps", [2, 5, 12])
def test_as_many_columns_as_a_node_has_workers_are_workers(steps):
    """A few steps of eight workers: nothing says that rows are workers, and how to say so is said."""
    if steps > 2:
        trace = read_trace([Upload("t.csv", lines(np.resize(LONG_RUN[1:], (steps, 8))))])
        assert (trace.steps, trace.workers) == (steps, 8)
        assert "If each row is a worker, transpose the table" in trace.notes[0]
    trace = read_trace([Upload("t.csv", pd.DataFrame(np.resize(LONG_RUN[1:], (steps, 6))).to_csv())])
    assert (trace.steps, trace.workers) == (steps, 6)
    assert 'If each row is a worker, say columns={"worker": "index"}' in trace.notes[0]


def test_which_way_a_matrix_goes_may_be_said():
    turned = read_trace([Upload("t.csv", FRAME.T.to_csv())], columns={"step": "index"})
    np.testing.assert_allclose(turned.compute_ms, LONG_RUN.T)
    square = pd.DataFrame(LONG_RUN[1:9, :4].T).to_csv()
    assert read_trace([Upload("t.csv", square)], columns={"worker": "index"}).workers == 4
    numbered = lines(np.column_stack([np.arange(4), LONG_RUN[1:7, :4].T]))
    assert read_trace([Upload("t.csv", numbered)], columns={"worker": "column 1"}).workers == 4
    assert read_trace([Upload("t.csv", numbered)], columns={"step": "column 1"}).workers == 6
    workers = [f"column {at}" for at in range(1, 61)]
    assert read_trace([Upload("t.csv", lines(LONG_RUN.T))], columns={"workers": workers}).workers == 60


def test_one_line_of_times_is_one_workers():
    files = [Upload(f"rank{w}.csv", lines(LONG_RUN[:, w : w + 1].T)) for w in range(4)]
    np.testing.assert_allclose(read_trace(files).compute_ms, LONG_RUN)


def test_rows_that_are_not_alike_are_no_workers():
    mixed = np.vstack([LONG_RUN[1:, 0], LONG_RUN[1:, 1] / 1000, LONG_RUN[1:, 2] * 50])
    with pytest.raises(ScenarioError, match="has no header"):
        read_trace([Upload("t.csv", lines(mixed))])


def test_worker_step_and_time_below_numbers_are_no_matrix():
    trace = read_trace([Upload("t.csv", table("0,1,2", lambda w, s, ms: f"{w},{s},{ms}"))])
    np.testing.assert_allclose(trace.compute_ms, MS)
    assert not any("read as workers" in note for note in trace.notes)


STEPS_INSIDE = {w: {s: int(MS[s - 1, w]) for s in STEPS} for w in WORKERS}
NESTED = {
    "steps outside": lambda step, rank: {step(s): {rank(w): STEPS_INSIDE[w][s] for w in WORKERS} for s in STEPS},
    "workers outside": lambda step, rank: {rank(w): {step(s): STEPS_INSIDE[w][s] for s in STEPS} for w in WORKERS},
}


@pytest.mark.parametrize("outside", NESTED)
@pytest.mark.parametrize("step", ["step{}", "step {}", "iteration_{}", "Step #{}", "{}"])
@pytest.mark.parametrize("rank", ["rank{}", "worker {}", "gpu_{}"])
def test_json_of_a_data_frame_by_its_index(outside, step, rank):
    trace = read_trace([Upload("t.json", json.dumps(NESTED[outside](step.format, rank.format)))])
    assert trace.step_numbers == tuple(STEPS)
    assert len(trace.worker_names) == 3
    np.testing.assert_allclose(trace.compute_ms, MS)


@pytest.mark.parametrize("outside", NESTED)
def test_a_step_that_a_worker_lacks_in_json_is_that_step(outside):
    frame = json.loads(json.dumps(NESTED[outside]("step {}".format, "rank {}".format)))
    del frame["step 3" if "step 3" in frame else "rank 1"]["rank 1" if "step 3" in frame else "step 3"]
    trace = read_trace([Upload("t.json", json.dumps(frame))])
    assert (trace.step_numbers, trace.workers) == ((1, 2, 4, 5, 6), 3)
