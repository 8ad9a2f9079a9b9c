"""Files of any kind: a trace or ScenarioError, in bounded memory; and of every trace, finite figures and texts."""

import gzip
import io
import json
import random
import re
import subprocess
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from core import ScenarioError, Trace, charts, read_trace
from core.common.validation import MAX_BATCHES, MAX_WORKERS
from core.report import traces as trace_report
from core.traces import parquet_process
from core.traces.chrome import chrome_trace
from core.traces.diagnosis import diagnose
from core.traces.fits import scenario_by
from core.traces.reading import sample_files
from core.traces.remedies import what_if, what_if_table
from tests.examples import drawn, examples
from tests.memory import peak_bytes
from tests.profiler_files import Machine, train
from tests.trace_files import LONG, Upload, gloo_rank, span

MB = 2**20
MOST_BYTES = 200 * MB  # that a table of up to 32 MiB may take beside itself


@pytest.fixture(autouse=True)
def fits_by_few(monkeypatch):
    """Laws are judged by a tenth of the mini-batches: nothing here hangs on which of them fits best."""
    monkeypatch.setattr("core.traces.fits.DRAWN", 20_000)


WIDE = "step,rank0_ms,rank1_ms\n1,10,20\n2,30,40\n3,20,10\n"
WAITS = "worker,step,compute_ms,wait_ms,comm_ms\n0,1,10,1,2\n1,1,20,0,2\n0,2,30,0,2\n1,2,40,3,2\n"


def real_rank() -> bytes:
    """One rank of the real run, its first 40 events that matter or not."""
    whole = json.loads(gzip.decompress(sample_files()[0].read_bytes()))
    steps = [event for event in whole["traceEvents"] if str(event.get("name")).startswith("ProfilerStep")][:4]
    return json.dumps(whole | {"traceEvents": steps + whole["traceEvents"][:40]}).encode()


def as_parquet(columns: dict, **options) -> bytes:
    packed = io.BytesIO()
    parquet.write_table(pa.table(columns), packed, **options)
    return packed.getvalue()


GOOD = [
    *(text.encode() for text in (LONG, WIDE, WAITS, LONG.replace(",", "\t"))),
    gloo_rank(0, [50, 60, 70]).getvalue(),
    train(Machine(), [20, 30, 40], 5).upload(0).getvalue(),
    train(Machine(launch_ms=5), [0.5, 0.4, 0.6], 3, after=Machine.wait).upload(3, world_size=8).getvalue(),
    real_rank(),
    gzip.compress(LONG.encode()),
    as_parquet({"worker": [0, 1, 0, 1], "step": [1, 1, 2, 2], "compute_ms": [1.0, 2, 3, 4]}),
    as_parquet({"host": ["a", "b", "a", "b"], "step": [1, 1, 2, 2], "compute_ms": [1.0, 2, 3, 4]}),
]
TOKENS = [
    *(b"9" * 400, b"-1", b"1e999", b"NaN", b"Infinity", b"-Infinity", b"null", b"0", b"1e-300", b"1e12", b"1.5"),
    *(
        b'"',
        b",",
        b"\n",
        b"\r",
        b"\t",
        b";",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b"\\",
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
    ),
    *(
        b"<script>",
        b"true",
        b'"traceEvents":',
        b"\\c",
        b"\\u12",
        b"\x01",
        b'"ts": -1,',
        b'"dur": "x",',
        b'}, {"ph": "X"',
        b"[" * 3_000,
        "٤".encode(),
        "🙂".encode(),
        b"\x1f\x8b",
        b"PAR1",
        b"",
    ),
]


def damaged(content: bytes, dice: random.Random) -> bytes:
    """The content with one to four accidents: flipped bits, cuts, swaps, numbers and signs in wrong places."""
    content = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        at, until = sorted(dice.choices(range(len(content) + 1), k=2))
        number = dice.choice([*re.finditer(rb"\d+", content)] or [re.match(b"", content)])
        match dice.randrange(7):
            case 0 if content:
                content[min(at, len(content) - 1)] ^= 1 << dice.randrange(8)
            case 1:
                del content[at:]
            case 2:
                content[at : at + 9], content[until : until + 9] = content[until : until + 9], content[at : at + 9]
            case 3:
                content[number.start() : number.end()] = dice.choice(TOKENS)
            case 4:
                content[at:at] = dice.choice(TOKENS)
            case 5:
                content[at:at] = content[at:until][:500]
            case 6:
                del content[at : at + dice.randint(1, 20)]
    return bytes(content)


def read(content, name: str = "x") -> Trace | None:
    """The trace of a file, None where it is refused in words; whatever else happens is an error."""
    trace, said = None, "a trace"
    try:
        trace = read_trace([Upload(name, content)])
    except ScenarioError as refused:
        said = str(refused)
    assert 5 < len(said) < 2_000
    return trace


def everything_of(trace: Trace) -> list[str]:
    """All that the page makes of a trace; its texts."""
    diagnosis, remedies = diagnose(trace), what_if(trace)
    table = what_if_table(remedies)
    assert np.isfinite(table.select_dtypes("number").to_numpy(dtype=float)).all()
    for chart in (charts.slowness(trace, diagnosis), charts.remedies(table)):
        spec = chart.spec
        drawn = {layer.get("data", spec.get("data"))["name"] for layer in spec["layer"]}
        assert drawn == set(chart.data)
    json.loads(chrome_trace(trace.segments()), parse_constant=pytest.fail)
    read(trace.table().to_csv(index=False))
    scenario_by(diagnosis.fits[0], trace, 8)
    return [
        trace_report.headline(diagnosis),
        *trace_report.reasons(diagnosis, trace),
        trace_report.best_remedies(remedies),
        trace_report.more_workers_in_words(trace),
        trace_report.workers_in_words(diagnosis),
        trace_report.remedies_in_words(table),
        trace_report.remedies_table(table).to_string(),
        trace_report.workers_table(diagnosis).to_string(),
        trace_report.fits_table(diagnosis).to_string(),
        trace_report.summary_text(trace, diagnosis, remedies),
    ]


def fine(trace: Trace) -> None:
    """Whatever the page makes of it is finite."""
    said = everything_of(trace)
    assert not [text for text in said if re.search(r"(?i)(?<![\w-])(nan|-?inf)(?![\w-])", text)]


# --- damaged files ---


@pytest.mark.parametrize("good", range(len(GOOD)))
def test_damaged_files_are_read_or_refused(good):
    dice, accepted = random.Random(good), []
    for _ in examples(2 if GOOD[good].startswith(b"PAR1") else 20):  # each of those takes a process
        trace = read(damaged(GOOD[good], dice))
        accepted += [trace] if trace else []
    for trace in accepted[:1]:
        fine(trace)


OTHERS = {
    "decimal commas": "rank;step;compute_ms\n0;1;10,5\n1;1;1.020,5\n0;2;30,5\n1;2;40,5\n",
    "units in fields": "rank,step,compute\n0,1,10ms\n1,1,20 ms\n0,2,0.03s\n1,2,0:00:00.04\n",
    "aligned": "  rank   step   compute_ms\n     0     1       10\n   1    1   20\n   0      2   30\n     1   2   40\n",
    "Markdown": "| rank | step | ms |\n|---|---|---|\n| 0 | 1 | 10 |\n| 1 | 1 | 20 |\n| 0 | 2 | 30 |\n| 1 | 2 | 40 |\n",
    "epochs": "# job\nepoch,batch,host,gpu,time\n0,0,a,0,1\n0,0,a,1,2\n0,1,a,0,3\n0,1,a,1,4\n1,0,a,0,5\n1,0,a,1,6\n",
    "phases": "rank,step,op,us\n"
    + "".join(f"{w},{s},{o},9\n" for s in (1, 2) for w in (0, 1) for o in ("fwd", "bwd", "nccl")),
    "ranges": "Start (ns),End (ns),Duration (ns),Name\n0,9,9,step\n0,4,4,forward\n9,19,10,step\n9,13,4,forward\n",
    "a clock": "rank,step,elapsed\n" + "".join(f"{w},{s},{s + w}.5\n" for s in range(1, 7) for w in (0, 1)),
    "W&B": '"Step","a-0 - step_time","a-0 - step_time__MAX","a-1 - step_time"\n1,0.3,0.3,0.4\n2,.3,1,.4\n',
    "Ascend": "Step,Computing,Communication(Not Overlapped),Free\n1,9,5,1\n2,9,5,1\n",
    "JSON lines": "".join(json.dumps({"rank": w, "step": s, "t": {"ms": 9.5}}) + "\n" for s in (1, 2) for w in (0, 1)),
    "JSON of columns": json.dumps({"step": [1, 2], "rank0": [0.5, 0.6], "rank1": [0.5, 0.7]}),
    "a resumed run": "rank,step,ms\n" + "".join(f"{w},{s},9\n" for s in (1, 2, 3, 2, 3, 4) for w in (0, 1)),
    "no headings": "".join(f"{w},{s},{9 + w}.5\n" for s in range(1, 7) for w in (0, 1, 2)),
    "a row of units": "rank,step,compute\n,,ms\n0,1,9\n1,1,8\n0,2,9\n1,2,7\n",
    "a log": "".join(
        f"{w}: iteration {s}/ 9 | elapsed time per iteration (ms): {s}.5 | lm loss: 1 |\n"
        for s in (1, 2)
        for w in (0, 1)
    ),
    "pairs": "".join(f"[rank{w}] rank={w} step={s} step_time=9.5ms loss=nan\n" for s in (1, 2, 3) for w in (0, 1)),
    "tags": "run,tag,step,value\n"
    + "".join(f"r{w},a/step_time,{s},.5\nr{w},loss,{s},2\n" for s in (1, 2) for w in (0, 1)),
    "JSON of lists": json.dumps([{"rank": w, "step_times_ms": [9, 8, 7 + w]} for w in (0, 1)]),
    "JSON in JSON": json.dumps({"a": {"b": [{"rank": w, "step": s, "ms": 9} for s in (1, 2) for w in (0, 1)]}}),
    "JSON in rows": json.dumps([[1.7e9 + s, s, 0.5] for s in range(6)]),
    "B and E": json.dumps(
        [
            {"ph": phase, "name": f"ProfilerStep#{s}", "ts": 9 * s + (8 if phase == "E" else 0), "tid": 1}
            for s in range(4)
            for phase in "BE"
        ]
    ),
    "sections": "".join(f"Rank {w}\nstep,ms\n1,{9 + w}\n2,{8 + w}\n" for w in (0, 1)),
    "sections of times": "".join(f"== rank {w} ==\n9.5\n{8 + w}.5\n" for w in (0, 1)),
    "a printed array": "array([[9.5, 8.5],\n       [7.5, 8.5],\n       [9.5, 7.5],\n       [8.5, 9.5]])",
    "Prometheus": "".join(f'step_time_ms{{rank="{w}"}} {9 + s} 170000000000{s}\n' for s in (1, 2) for w in (0, 1)),
    "a web page": "<html><table><tr><th>step<th>rank0_ms<th>rank1_ms<tr><td>1<td>9<td>8<tr><td>2<td>7<td>8</table>",
    "LaTeX": "\\begin{tabular}{rr}\nstep & rank0 \\\\\n\\hline\n1 & 9.5 \\\\\n2 & 8.5 \\\\\n\\end{tabular}\n",
    "starts and ends": "step,rank0_start,rank0_end,rank1_start,rank1_end\n1,0,9,0,8\n2,10,19,10,18\n",
    "a row per worker": "".join(",".join(str(9 + (w + s) % 3) for s in range(16)) + "\n" for w in range(3)),
    "JSON by an index": json.dumps({f"step {s}": {f"rank {w}": 9 + w for w in (0, 1)} for s in (1, 2, 3)}),
    "stages": "rank,stage,step,ms\n" + "".join(f"{w},{w % 2},{s},{9 + w}\n" for s in (1, 2, 3) for w in range(4)),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_damaged_tables_of_other_people_are_read_or_refused(kind):
    dice = random.Random(kind)
    assert read(OTHERS[kind])
    traces = [read(damaged(OTHERS[kind].encode("utf-16" if at % 8 == 0 else "utf-8"), dice)) for at in examples(6)]
    for trace in [trace for trace in traces if trace][:1]:
        fine(trace)


@drawn(30)
@given(st.data())
def test_events_of_any_kind(data):
    """Events whose fields have any value that JSON has, NaN and whole numbers without end among them."""
    value = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    )
    kinds = ["kernel", "user_annotation", "cpu_op", "cuda_runtime", "gpu_user_annotation"]
    name = st.sampled_from(
        [
            *("ProfilerStep#1", "ProfilerStep#2", "ProfilerStep#999999999", "gloo:all_reduce", "aten::mm", "nccl"),
            *("cudaLaunchKernel", "cudaDeviceSynchronize", "Optimizer.step#SGD.step", "step 3", "process_name"),
        ]
    )
    links = st.sampled_from([{"correlation": 1}, {"correlation": 2, "External id": 1}, {"correlation": 2**63}])
    event = st.fixed_dictionaries(
        {"ph": st.just("X")},
        optional={
            "name": name | value,
            "cat": st.sampled_from(kinds) | value,
            "args": links | value,
        }
        | {key: st.integers(0, 10**6) | value for key in ("ts", "dur")}
        | {key: st.integers(0, 2) | value for key in ("pid", "tid")},
    )
    keys = ("rank", "backend", "world_size", "pg_config")
    about = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, value)))
    events = data.draw(st.lists(event | value, max_size=6))
    read(
        json.dumps(
            {"distributedInfo": about, "traceEvents": [*events, *[span(f"ProfilerStep#{i}", i, i + 1) for i in (7, 8)]]}
        )
    )


# --- files that somebody made on purpose ---

MANY = MAX_BATCHES + 10


def bomb(start: bytes, body: bytes, size: int = 96 * MB) -> bytes:
    """Gzip of a start and a body again and again."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        file.write(start)
        for _ in range(size // MB):
            file.write(body * (MB // len(body)))
    return packed.getvalue()


START = b"worker,step,compute_ms\n"
HEADER = b",".join(b"w%d" % i for i in range(4_000)) + b"\n"
MANY_TIMES = pa.array(np.zeros(10**6, np.int32))
CRAFTED = {
    "sixteen million rows": lambda: b"compute_ms\n" + b"1\n" * (16 * MB - 8),
    "eight million rows of two": lambda: b"a,b\n" + b"1,1\n" * (8 * MB - 4),
    "sixteen million fields": lambda: (
        b",".join(b"w%d" % i for i in range(4_000)) + b"\n" + (b"a," * 3_999 + b"a\n") * 4_000
    ),
    "a hundred thousand columns": lambda: b",".join(b"w%d" % i for i in range(10**5)) + b"\n1\n",
    "a row of millions under a header of two": lambda: b"a,b\n" + b"1," * (15 * MB) + b"1\n",
    "a header of a million behind a line end in quotes": lambda: b'"x\t\n"\t' + b"a\t" * MB + b"\n1\n",
    "a name of a megabyte": lambda: b"x" * MB + b",b\n" + b"1,1\n" * 100_000,
    "a name that a pattern would chew on for minutes": lambda: b"_" * 100_000 + b",b\n1,1\n",
    "quotes never closed": lambda: b'worker,step,compute_ms\n"' + b"x,1,2\n" * 4 * 10**5,
    "quotes never closed late": lambda: b"worker,step,compute_ms\n" + b"x,1,2\n" * 10**4 + b'"' + b"x,1,2\n" * 10**5,
    "names of workers of a megabyte": lambda: START + b"".join(b"x" * MB + b"%d,1,1\n" % i for i in range(20)),
    "UTF-16 JSON": lambda: json.dumps({"traceEvents": []}).encode("utf-16"),
    "gzip in gzip": lambda: gzip.compress(gzip.compress(LONG.encode())),
    "gzip of rubbish": lambda: gzip.compress(random.Random(1).randbytes(10**5)),
    "a bomb of zeros": lambda: bomb(b"worker,step,compute_ms\n", b"\0"),
    "a bomb of spaces": lambda: bomb(b"[", b" "),
    "a bomb of one text": lambda: bomb(b'["', b"x"),
    "a bomb of one number": lambda: bomb(b"[", b"9"),
    "records without end of other names": lambda: b"".join(b'{"a%d":1}\n' % i for i in range(5_000)),
    "a record of records": lambda: json.dumps([{"a": {str(i): i for i in range(5_000)}}] * 99).encode(),
    "numbers of other countries": lambda: b"loss;note\n" + b"".join(b"1.234,%d;x\n" % i for i in range(50_000)),
    "rulers": lambda: b"a,b\n" + b"-" * MB + b"\n1,1\n",
    "nested without end": lambda: b"[" * MB,
    "nested objects without end": lambda: b'{"a":' * 10**5,
    "more steps than there may be": lambda: json.dumps(
        [span(f"ProfilerStep#{i}", i, i + 1) for i in range(MANY)]
    ).encode(),
    "a whole number of 400 digits": lambda: LONG.replace("30", "9" * 400).encode(),
    "a step of 400 digits": lambda: LONG.replace("0,2", "0," + "9" * 400).encode(),
    "a Parquet header and rubbish": lambda: b"PAR1" + random.Random(2).randbytes(10**4) + b"PAR1",
    "millions of rows in a small Parquet file": lambda: as_parquet({"compute_ms": np.ones(8_000_000)}),
    "a text a million times": lambda: as_parquet(
        {"worker": pa.DictionaryArray.from_arrays(MANY_TIMES, pa.array(["x" * 1_000])), "compute_ms": np.ones(10**6)},
        store_schema=False,
    ),
    "bytes a million times": lambda: as_parquet(
        {"note": pa.array([b"x" * 99], pa.binary(99)).take(MANY_TIMES)},
        store_schema=False,
    ),
}


@pytest.mark.parametrize("worker", ["w{}".format, ("w{}" + "x" * 150).format], ids=["short", "long"])
def test_texts_in_many_row_groups_count_once(worker):
    """Each group has a dictionary of its own in the file, and shares one when read."""
    rows = 60_000
    columns = {"worker": [worker(i % 50) for i in range(rows)], "note": [worker(i) for i in range(rows)]}
    trace = read(as_parquet(columns | {"compute_ms": np.ones(rows)}, row_group_size=5_000))
    assert (trace.workers, trace.steps) == (50, 1_200)


def as_varint(number: int, length: int = 0) -> bytes:
    """How Thrift writes a whole number, in so many bytes or more."""
    number, packed = 2 * number, bytearray()
    while number >= 128 or len(packed) + 1 < length:
        packed.append(number & 127 | 128)
        number >>= 7
    return bytes([*packed, number])


def test_a_parquet_file_that_lies_about_its_size_takes_no_more_than_a_process_may(monkeypatch):
    """One page of 144 MB in 15 KB, in a file that claims to have a thousand rows and bytes."""
    rows, says = 18_000_000, 1_000
    whole = {"row_group_size": rows, "write_batch_size": rows, "max_rows_per_page": rows, "data_page_size": 2**30}
    content = as_parquet({"compute_ms": np.ones(rows)}, use_dictionary=False, compression="zstd", **whole)
    about = parquet.ParquetFile(io.BytesIO(content)).metadata
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    for number in (rows, about.row_group(0).total_byte_size):
        claim = as_varint(number)
        content = content[:footer] + content[footer:].replace(claim, as_varint(says, len(claim)))
    about = parquet.ParquetFile(io.BytesIO(content)).metadata
    assert (about.num_rows, about.row_group(0).total_byte_size) == (says, says)
    assert len(content) < 30_000
    monkeypatch.setattr("core.traces.parquet.MEMORY", 400 * 2**20)
    with pytest.raises(ScenarioError, match="unpacks to more than 400 MiB"):
        read_trace([Upload("x", content)])


def test_a_parquet_file_that_brings_its_process_down_does_so_alone(monkeypatch):
    monkeypatch.setattr("core.traces.parquet.MEMORY", 2**20)
    with pytest.raises(ScenarioError, match="damaged, or asks for too much memory"):
        read_trace([Upload("x", GOOD[-1])])
    monkeypatch.setattr("core.traces.parquet.SECONDS", 0.001)
    with pytest.raises(ScenarioError, match="takes too long"):
        read_trace([Upload("x", GOOD[-1])])


@pytest.mark.parametrize("what", CRAFTED)
def test_crafted_files_are_refused_in_bounded_memory(what):
    """Parquet has a process of its own, which is not counted."""
    upload, said = Upload("x", CRAFTED[what]()), []

    def refused():
        with pytest.raises(ScenarioError) as found:
            read_trace([upload])
        said.append(str(found.value))

    assert peak_bytes(refused) < MOST_BYTES
    assert said


def test_duplicate_keys_and_odd_ranks_are_read():
    steps = json.dumps([span(f"ProfilerStep#{i}", i, i + 1) for i in (1, 2)])
    assert read(f'{{"traceEvents": [], "traceEvents": {steps}}}').step_numbers == (1, 2)
    for rank in (-5, 10**400, 2**64, 2**63 + 1):
        fine(read(f'{{"distributedInfo": {{"rank": {rank}}}, "traceEvents": {steps}}}'))
    several = [
        Upload("x", f'{{"distributedInfo": {{"rank": {rank}}}, "traceEvents": {steps}}}')
        for rank in (2**70, -7, 2**63 + 1)
    ]
    assert read_trace(several).workers == 3


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "<script>x</script>", "\0", "", "x" * 9_999, "a\nb", "🙂", "[x](y)", 7, None]
)
def test_names_of_files_are_only_names(name):
    assert read(LONG, name).compute_ms.shape == (2, 2)
    with pytest.raises(ScenarioError) as refused:
        read_trace([Upload(name, "")])
    assert "/" not in str(refused.value).replace("</", "")
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("path", ["\0", "x" * 9_999, "/", "no/such\udcff.csv"])
def test_paths_that_cannot_be_opened(path):
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_trace([path])


def test_a_closed_file_is_refused():
    closed = Upload("x", LONG)
    closed.close()
    with pytest.raises(ScenarioError, match="closed file"):
        read_trace([closed])


def out_of_range(kind, value) -> pa.Array:
    """Four times of a kind, of a number that no such time has."""
    return pa.array([value] * 4, pa.int64() if kind.bit_width == 64 else pa.int32()).view(kind)


COLUMNS = {
    "texts that are none": pa.StringArray.from_buffers(
        4, pa.array([b"ab"] * 4).buffers()[1], pa.py_buffer(b"\xff" * 8)
    ),
    "times to the nanosecond": pa.array([10**12 + 1] * 4, pa.time64("ns")),
    "a time of no day": out_of_range(pa.time32("ms"), 2**30),
    "a far date": out_of_range(pa.date32(), 2**30),
    "a far date in ms": out_of_range(pa.date64(), 2**60 // 86_400_000 * 86_400_000),
    "a time zone that is none": pa.array([1] * 4, pa.timestamp("s", "No/Where")),
    "timestamps": pa.array([datetime(2020, 1, day) for day in (1, 1, 2, 3)]),
    "dates": pa.array([date(2020, 1, 1)] * 4),
    "times": pa.array([time(1)] * 4),
    "durations": pa.array([timedelta(milliseconds=each) for each in (1, 2, 3, 4)]),
    "booleans": pa.array([True, False, True, False]),
    "texts": pa.array(["1", "2", "1", "2"]),
    "dictionary": pa.array(["a", "b", "a", "b"]).dictionary_encode(),
    "dictionary of numbers": pa.array([1.0, 2, 1, 2]).dictionary_encode(),
    "decimals": pa.array([Decimal("1.5"), Decimal("2.5")] * 2),
    "long decimals": pa.array([Decimal(10) ** 60] * 4, pa.decimal256(76)),
    "nothing": pa.nulls(4),
    "bytes": pa.array([b"\xff\x00", b"<b>"] * 2),
    "lists": pa.array([[1]] * 4),
    "records": pa.array([{"a": 1}] * 4),
    "huge": pa.array([2**64 - 1, 2**63] * 2, pa.uint64()),
    "half": pa.array(np.array([1, 2, 1, 2], np.float16)),
    "infinite": pa.array([np.inf, np.nan] * 2),
    "gaps": pa.array([None, 1.0, 2.0, None]),
    "long texts": pa.array(["x" * 201, "y"] * 2),
}


def unpack_here(command, input, **options):
    """What the process that unpacks does, in this one: to start a hundred of them takes half a minute."""
    _, _, _, memory, *bounds = command
    given, printed, code = io.TextIOWrapper(io.BytesIO(input)), io.TextIOWrapper(io.BytesIO()), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.traces.parquet_process.bound_memory", lambda most: None)
        patch.setattr("sys.stdin", given)
        patch.setattr("sys.stdout", printed)
        try:
            parquet_process.main(int(memory), *map(int, bounds))
        except SystemExit as ended:
            code = ended.code
    return subprocess.CompletedProcess(command, code, printed.buffer.getvalue(), b"")


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("role", ["worker", "step", "compute_ms", "comm_ms", "note", "wide"])
def test_columns_of_every_kind_in_parquet(kind, role, monkeypatch):
    monkeypatch.setattr("core.traces.parquet.subprocess.run", unpack_here)
    columns = {"worker": [0, 1, 0, 1], "step": [1, 1, 2, 2], "compute_ms": [1.0, 2, 3, 4]}
    content = as_parquet({"a_ms": COLUMNS[kind]} if role == "wide" else columns | {role: COLUMNS[kind]})
    trace = read(content)
    if trace and role in ("worker", "compute_ms"):
        fine(trace)
    assert trace or role != "note" or kind in ("lists", "records", "texts that are none")


# --- traces that are taken ---

EXTREMES = st.sampled_from([1.0, 1.0, 1.0000001, 2.0, 1e3, 1e6, 5e8])
LARGEST = st.sampled_from([1e-9, 1e-3, 1.0, 1e3])


@st.composite
def odd_traces(draw):
    """Two to six steps of one to five workers: alike, far apart, and hardly anything."""
    steps, workers, least = draw(st.integers(2, 6)), draw(st.integers(1, 5)), draw(LARGEST)
    table = st.lists(st.lists(EXTREMES, min_size=workers, max_size=workers), min_size=steps, max_size=steps)
    others = st.none() | st.lists(
        st.lists(st.sampled_from([0.0, 0.0, 1e-300, 1.0, 1e12]), min_size=workers, max_size=workers),
        min_size=steps,
        max_size=steps,
    )
    comm = draw(others)
    return Trace(
        compute_ms=np.array(draw(table)) * least,
        worker_names=tuple(range(workers)),
        step_numbers=tuple(range(steps)),
        wait_ms=None if comm is None else draw(others),
        comm_ms=comm,
        whole_steps=draw(st.booleans()),
    )


@drawn(12)
@given(odd_traces())
def test_odd_traces_give_finite_figures(trace):
    fine(trace)


def test_a_hiccup_among_the_shortest_times_there_may_be_is_cured():
    times = np.full((3, 4), 1e-9)
    times[:2, 2:], times[2, 1] = 1.0000001e-9, 2e-9
    fine(Trace(compute_ms=times, worker_names=(0, 1, 2, 3), step_numbers=(0, 1, 2)))


def test_as_many_workers_as_there_may_be():
    times = np.random.default_rng(1).uniform(1, 2, (2, MAX_WORKERS))
    wide = pd.DataFrame(times, columns=[f"w{i}_ms" for i in range(MAX_WORKERS)]).to_csv(index=False)
    trace = read(wide)
    assert trace.workers == MAX_WORKERS
    assert trace_report.more_workers_in_words(trace) == ""
    assert what_if_table(what_if(trace))["epoch_ms"].min() > 0
