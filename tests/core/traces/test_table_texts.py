"""Texts that are no CSV: sections, printed arrays, samples of Prometheus, web pages, LaTeX. All are invented."""

import numpy as np
import pandas as pd
import pytest

from core import ScenarioError, read_trace
from core.traces.reading import table_columns
from tests.trace_files import Upload

WORKERS, STEPS = range(3), range(1, 7)
MS = np.array([[101, 121, 118], [103, 120, 119], [99, 124, 117], [102, 122, 121], [100, 119, 116], [104, 123, 120]])
FRAME = pd.DataFrame(MS, index=pd.Index(STEPS, name="step"), columns=[f"rank{w}_ms" for w in WORKERS])


def read(text, name="t.txt", **asked):
    """The trace of one file."""
    return read_trace([Upload(name, text)], **asked)


def said(trace, *words):
    """Whether one of the notes has all these words."""
    return any(all(word in note for word in words) for note in trace.notes)


# --- a section for each worker ---


def sections(heading, body):
    """A section for each worker."""
    return "\n\n".join(f"{heading.format(w)}\n{body(MS[:, w].tolist())}" for w in WORKERS) + "\n"


HEADINGS = ["Rank {}", "rank {}:", "=== worker {} ===", "[rank{}]", "## Rank {}", "# rank {}", "- GPU {} -", "node-{}"]
BODIES = {
    "a time a line": lambda times: "\n".join(map(str, times)),
    "times with units": lambda times: "\n".join(f"{time / 1000} s" for time in times),
    "all times in a line": lambda times: " ".join(map(str, times)),
    "a list in brackets": str,
    "points of a list": lambda times: "\n".join(f"- {time}.0" for time in times),
    "steps and times": lambda times: "\n".join(f"{at} {time}.5" for at, time in enumerate(times)),
    "a table": lambda times: "step,compute_ms\n" + "\n".join(f"{at},{time}" for at, time in enumerate(times)),
    "a table in bars": lambda times: (
        "| step | ms |\n|---|---|\n" + "\n".join(f"| {at} | {time} |" for at, time in enumerate(times))
    ),
    "printed lines": lambda times: "\n".join(f"step {at} took {time} ms" for at, time in enumerate(times)),
}


@pytest.mark.parametrize("heading", HEADINGS)
@pytest.mark.parametrize("body", BODIES)
def test_a_section_for_each_worker(heading, body):
    trace = read(sections(heading, BODIES[body]))
    assert len({*map(str, trace.worker_names)}) == 3
    np.testing.assert_allclose(trace.compute_ms, MS + (0.5 if body == "steps and times" else 0))
    assert said(trace, "read as 3 sections of 3 workers")


def test_sections_below_a_title_and_with_a_unit_in_their_headings():
    trace = read("Times of job 17\n" + sections("Rank {} (us)", lambda times: "\n".join(f"{t}000" for t in times)))
    np.testing.assert_allclose(trace.compute_ms, MS)
    assert trace.worker_names == (0, 1, 2)


def test_ranks_inside_nodes_are_not_taken_for_one():
    ranks = "".join(f"rank {w}\n{w + 8}\n{w + 9}\n" for w in (0, 1))
    trace = read(f"=== node 0 ===\n{ranks}\n=== node 1 ===\n\n{ranks}")
    assert trace.worker_names == ("node 0 rank 0", "node 0 rank 1", "node 1 rank 0", "node 1 rank 1")
    assert trace.compute_ms.tolist() == [[8, 9, 8, 9], [9, 10, 9, 10]]


def test_what_is_wrong_in_a_section_is_left_out_and_counted():
    text = sections("Rank {}", BODIES["a table"]).replace("3,102", "3,oops") + "\nRank 3\n(killed)\n"
    trace = read(text)
    assert trace.workers == 3
    assert trace.step_numbers == (0, 1, 2, 4, 5)
    assert said(trace, "3 rows were left out", "no times below 'rank 3', line 28", "'oops' in 'compute_ms', line 6,")


def test_sections_that_have_different_columns_are_refused():
    text = sections("Rank {}", BODIES["a table"]).replace("step,compute_ms", "step,wait_ms", 1)
    with pytest.raises(ScenarioError, match=r"its sections have different columns, \['step', 'wait_ms'\] and"):
        read(text)


def test_most_sections_may_not_be_empty():
    with pytest.raises(ScenarioError, match="3 of 5 have no times below them"):
        read("Rank 0\n\nRank 1\n\nRank 2\n\nRank 3\n9\n8\n\nRank 4\n9\n8\n")


def test_headings_above_tables_that_name_their_workers_are_comments():
    text = "\n".join(
        f"# rank {w}\nrank,step,ms\n" + "\n".join(f"{w},{s},{MS[s - 1, w]}" for s in STEPS) for w in WORKERS
    )
    trace = read(text)
    np.testing.assert_allclose(trace.compute_ms, MS)
    assert not said(trace, "sections")


def test_one_column_called_like_a_worker_is_no_section():
    assert read("rank0\n10\n11\n12\n").compute_ms.tolist() == [[10], [11], [12]]


# --- arrays as they are printed ---

FLOATS = MS.astype(float)
PRINTED = {
    "repr": repr(FLOATS),
    "repr with a name": f"times = np.{FLOATS!r}",
    "str": str(FLOATS),
    "a type": repr(FLOATS.astype(np.float32)),
    "a tensor": f"tensor({repr(FLOATS)[6:-1]}, device='cuda:0', dtype=torch.float64)",
    "whole numbers": repr(MS),
}


@pytest.mark.parametrize("kind", PRINTED)
def test_a_printed_array(kind):
    trace = read(PRINTED[kind])
    np.testing.assert_allclose(trace.compute_ms, MS)


def test_a_printed_array_of_each_worker():
    files = [Upload(f"rank{w}.txt", repr(FLOATS[:, w])) for w in WORKERS]
    np.testing.assert_allclose(read_trace(files).compute_ms, MS)
    assert read(str(FLOATS[:, 0])).compute_ms[:, 0].tolist() == MS[:, 0].tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (repr(np.arange(9_000.0).reshape(-1, 3)), r"shortened.*numpy\.savetxt"),
        (repr(np.ones((2, 3, 4))), "not one of steps × workers.*savetxt"),
        ("array([[1., 2.], [3.]])", "rows have unequal lengths"),
        (f"{FLOATS!r}\n{FLOATS!r}", "more in it than one array"),
        ("array([[1., 2.], [__import__('os'), 3.]])", "more in it than one array"),
        ("array([[1., two], [3., 4.]])", "not one of steps × workers"),
    ],
)
def test_arrays_that_are_refused(text, message):
    with pytest.raises(ScenarioError, match=message):
        read(text)


# --- Prometheus ---


MOMENT = 1_700_000_000_000


def samples(name, scale=1.0, labels='rank="{w}",job="a"', moment=" {t}"):
    """The samples of a metric in the order of time, the ranks' side by side."""
    return "".join(
        f"{name}{{{labels.format(w=w, s=s)}}} {MS[s - 1, w] * scale:.6g}{moment.format(t=MOMENT + 500 * s)}\n"
        for s in STEPS
        for w in WORKERS
    )


HELP = "# HELP step_time_seconds How long a step took.\n# TYPE step_time_seconds gauge\n"


@pytest.mark.parametrize(
    "text",
    [
        HELP + samples("step_time_seconds", 1e-3),
        HELP + samples("step_time_seconds", 1e-3, moment=""),
        samples("step_time_ms"),
        samples("step_time_milliseconds", moment=""),
        samples("step_time_ms", labels='rank="{w}",step="{s}"'),
        samples("train_step_duration_seconds", 1e-3, 'instance="h{w}:9100",rank="{w}"'),
        samples("step_time_ms", labels='worker="{w}",', moment="") + samples("loss", labels='worker="{w}",', moment=""),
        HELP + "".join(sorted(samples("step_time_seconds", 1e-3).splitlines(keepends=True), reverse=True)),
    ],
)
def test_samples_of_prometheus(text):
    trace = read(text, "metrics.prom")
    assert trace.worker_names == (0, 1, 2)
    np.testing.assert_allclose(trace.compute_ms, MS)
    assert said(trace, "samples of Prometheus", "in the order of time")
    assert not said(trace, "taken to be")  # the unit is in the metric's name


def test_samples_of_one_moment_are_taken_in_their_order():
    """As where a step takes less time than the clock of the samples can tell."""
    trace = read(samples("step_time_ms").replace(str(MOMENT + 1_000), str(MOMENT + 500)))
    np.testing.assert_allclose(trace.compute_ms, MS)


def test_two_metrics_of_prometheus_side_by_side():
    text = samples("compute_time_seconds", 1e-3) + samples("comm_time_seconds", 1e-4)
    trace = read(text)
    np.testing.assert_allclose(trace.compute_ms, MS)
    np.testing.assert_allclose(trace.comm_ms + trace.wait_ms, MS / 10)


def test_labels_in_another_order_are_the_same():
    text = samples("step_time_ms")
    half = len(text.splitlines()) // 2
    first, second = text.splitlines(keepends=True)[:half], text.splitlines(keepends=True)[half:]
    turned = [line.replace(',job="a"}', "}").replace("{", '{job="a",') for line in second]
    np.testing.assert_allclose(read("".join(first + turned)).compute_ms, MS)


def test_a_line_that_is_no_sample_is_left_out_and_counted():
    trace = read(HELP + samples("step_time_seconds", 1e-3) + "step_time_seconds{rank=0} oops\n")
    np.testing.assert_allclose(trace.compute_ms, MS)
    assert said(trace, "1 row was left out: line 21 is no sample")


HISTOGRAM = "".join(
    "".join(f'step_seconds_bucket{{rank="{w}",le="{le}"}} 9\n' for le in ("0.1", "1", "+Inf"))
    + f'step_seconds_sum{{rank="{w}"}} 9.1\nstep_seconds_count{{rank="{w}"}} 9\n'
    for w in WORKERS
)


@pytest.mark.parametrize(
    "text",
    [
        HISTOGRAM,
        f"# TYPE step_seconds histogram\n{HISTOGRAM}",
        'step_seconds{rank="0",quantile="0.5"} 0.1\nstep_seconds{rank="1",quantile="0.5"} 0.2\n',
    ],
)
def test_histograms_of_prometheus_hold_no_step(text):
    with pytest.raises(ScenarioError, match=r"only histograms or summaries.*Export the samples of a gauge"):
        read(text)


def test_samples_beside_a_histogram_are_read():
    np.testing.assert_allclose(read(HISTOGRAM + samples("step_time_ms")).compute_ms, MS)


# --- web pages, LaTeX, YAML ---

LATEX = (
    "% made by pandas\n\\begin{table}\n\\begin{tabular}{lrrr}\n\\toprule\nstep & rank0\\_ms & rank1\\_ms & rank2\\_ms "
    "\\\\\n\\midrule\n"
    + "".join(f"{s} & {' & '.join(f'${ms}$' for ms in MS[s - 1])} \\\\\n" for s in STEPS)
    + "\\bottomrule\n\\end{tabular}\n\\end{table}\n"
)
HEAD = "<!DOCTYPE html><html><head><style>td {color: red}</style></head>"
PAGE = f"{HEAD}<body><p>Job 17</p>{FRAME.to_html()}</body></html>"


@pytest.mark.parametrize("text", [FRAME.to_html(), FRAME.reset_index().to_html(index=False), PAGE, LATEX])
def test_the_table_of_a_page_or_of_latex(text):
    trace = read(text)
    assert (trace.worker_names, trace.step_numbers) == ((0, 1, 2), tuple(STEPS))
    np.testing.assert_allclose(trace.compute_ms, MS)
    assert said(trace, "read as the table of a")
    assert table_columns(Upload("t.txt", text))[1:] == list(FRAME.columns)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<html><body><h1>503 Service unavailable</h1></body></html>", r"web page \(HTML\) without a table.*as CSV"),
        (PAGE.replace("</body>", f"{FRAME.to_html()}</body>"), r"with 2 tables, and which of them.*as CSV"),
        (PAGE.replace("<th>1</th>", '<th rowspan="2">1</th>'), "merged cells.*as CSV"),
        ("<?xml version='1.0'?>\n<runs><run>9</run></runs>\n", "is XML, which is not read: export"),
        (LATEX.replace("step &", "\\multicolumn{2}{c}{step} &"), "merged cells.*as CSV"),
        ("\\documentclass{article}\n\\begin{document}\nHello\n\\end{document}\n", "LaTeX without a table.*as CSV"),
        ("- rank: 0\n  step: 1\n  ms: 101\n- rank: 1\n  step: 1\n  ms: 121\n", r"YAML.*as JSON: json\.dump"),
        ("job: 17\nranks:\n  - name: a\n    times: [1, 2, 3]\n", r"YAML.*as JSON: json\.dump"),
    ],
)
def test_markup_that_is_refused_with_what_to_give(text, message):
    with pytest.raises(ScenarioError, match=message):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "array([[" + "1" * 300_000 + "x",
        "step_time_ms{" + 'a="1" ' * 3_000 + "x\n" + 'step_time_ms{rank="0"} 1\n' * 3,
        "\\begin{tabular}{" + "{a}" * 100_000,
        "<table>" + "<tr><td>1" * 50_000,
        "Rank 0\n" + "-" * 300_000 + "x\nRank 1\n9\n",
        "array([1.], " + "a=b, " * 10_000,
    ],
)
def test_hostile_texts_are_refused(text):
    with pytest.raises(ScenarioError):
        read(text)
