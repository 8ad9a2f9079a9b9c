"""Your trace: the sample, uploads, refusals, and the trace as every page's scenario."""

import gzip
import os
import sys
from unittest import mock

import numpy as np
import pytest

from core import AlphaBeta, LocalSGD, Prices, Synchronous, read_trace, simulate
from core.common.wording import duration
from core.links import DEFAULTS, link_values, scenario_of
from core.report.money import stragglers_cost_in_words
from core.report.traces import best_remedies
from core.report.traces import headline as headline_of
from core.traces.diagnosis import diagnose
from core.traces.network import fitted_links
from core.traces.reading import sample_files
from core.traces.remedies import AS_MEASURED, measured_scenario, what_if
from tests.pages.helpers import alive, charts, complaints, headline, link, tables_of, value
from tests.profiler_files import Machine, train
from tests.trace_files import Upload


def table(slow=1.0, steps=30, workers=4, seed=1):
    """A CSV of compute times around 100 ms; worker 2 may be slower."""
    times = np.random.default_rng(seed).uniform(80, 120, (steps, workers))
    times[:, 2] *= slow
    rows = [f"{worker},{step},{times[step, worker]:.6f}" for step in range(steps) for worker in range(workers)]
    return ("worker,step,compute_ms\n" + "\n".join(rows)).encode()


def read(app):
    """The line on what was read, without its title."""
    title, _, line = app.main.caption[0].value.replace("\\", "").partition(": ")
    assert title in ("**Sample** of a real run", "**Your run**")
    return line


def folded(app, label):
    """What is behind a label, folded away."""
    return next(expander for expander in app.main.expander if expander.label == label)


def workers_of(app):
    """The table of workers."""
    return folded(app, "Worker by worker").dataframe[0].value


def upload(app, *files):
    app.file_uploader[0].set_value(list(files)).run()
    return app


def test_the_sample_shows_the_job_before_any_upload(open_page):
    app = open_page("trace")
    assert alive(app)
    assert "**Sample**" in app.main.caption[0].value
    taken = {".csv", ".tsv", ".txt", ".log", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".gz"}
    assert all(set(field.proto.type) == taken for field in app.file_uploader)  # of traces and of failures
    assert read(app).startswith(
        "4 files · 4 workers (0 to 3) · 20 steps (1 to 20) · compute, wait and network times · "
    )
    trace = read_trace(sample_files())
    assert headline(app) == headline_of(diagnose(trace))
    untold = "What 8, 16, 32 or 64 workers would do is unknown: 20 steps are too few"
    assert any(untold in text.value for text in app.main.markdown)
    remedies = what_if(trace)
    assert f"**{best_remedies(remedies)}**" in [text.value for text in app.main.markdown]
    named = folded(app, "What would save time").table[0].value.index.tolist()
    assert named == [remedy.name for remedy in remedies]
    assert len(charts(app)) == 2
    assert all(len(chart.proto.alt) > 40 for chart in app.get("vega_lite_chart"))
    assert "Stragglers in a measured run (4 workers, 20 steps)" in folded(app, "Export").text[0].value


def test_an_upload_is_diagnosed(open_page):
    app = upload(open_page("trace"), ("ours.csv", table(slow=2.0), "text/csv"))
    assert alive(app)
    assert not complaints(app)
    assert "it is always worker 2" in headline(app)
    assert workers_of(app)["Worker"].iloc[0] == "2"
    assert workers_of(app)["Share of waiting (%)"].iloc[0] == 100


def test_an_episode_is_in_the_headline_in_a_table_and_in_the_charts_words(open_page):
    times = np.random.default_rng(2).uniform(95, 105, (100, 4))
    times[30:60, 1] *= 2
    rows = [f"{worker},{step},{times[step, worker]:.6f}" for step in range(100) for worker in range(4)]
    app = upload(open_page("trace"), ("ours.csv", ("worker,step,compute_ms\n" + "\n".join(rows)).encode(), "text/csv"))
    assert alive(app)
    assert headline(app).endswith("most of it in steps 30 to 59; it has recovered since.")
    (episode,) = folded(app, "Worker by worker").dataframe[1].value.to_dict("records")
    assert (episode["Worker"], episode["From step"], episode["To step"]) == ("1", 30, 59)
    (outline,) = tables_of(app, "episodes").to_dict("records")
    assert (outline["worker"].partition(" ")[0], outline["step"], outline["until"]) == ("1", 30, 60)
    said = [" ".join(caption.value for caption in each.main.caption) for each in (app, open_page("trace"))]
    assert ["Outlined: " in captions for captions in said] == [True, False]  # the sample has none
    assert "in steps 30 to 59, and has recovered since" in app.get("vega_lite_chart")[0].proto.alt


def test_what_was_read_is_said_before_what_it_means(open_page):
    app = upload(open_page("trace"), ("ours.csv", table(), "text/csv"))
    assert read(app).startswith("1 file · 4 workers (0 to 3) · 30 steps (0 to 29) · compute times in ms · typical ")
    assert read(app).endswith(" · nothing left out")
    assert app.table[0].value["Taken for"].tolist() == ["worker", "step", "compute"]
    assert not app.main.expander[0].proto.expanded
    rows = [line + b",0.5" for line in table().splitlines()[1:]]
    with_loss = b"\n".join([b"worker,step,compute_ms,loss", *rows])
    assert read(upload(app, ("loss.csv", with_loss, "text/csv"))).endswith(" · 1 column not used")
    damaged = b"\n".join([with_loss, b"1,30,-5,0.5"])
    assert read(upload(app, ("rows.csv", damaged, "text/csv"))).endswith(" · some data left out (see below)")


def test_a_guess_is_shown_and_corrected_by_hand(open_page):
    csv = table().replace(b"compute_ms", b"iter_time")
    app = upload(open_page("trace"), ("ours.csv", csv, "text/csv"))
    assert app.main.expander[0].proto.expanded
    assert any("taken to be ms" in caption.value for caption in app.main.caption)
    chosen = next(box for box in app.selectbox if box.label == "Unit of times")
    chosen.set_value("s").run()
    assert alive(app)
    assert "whole-step times in s · typical mini-batch 10" in read(app)
    assert not any("taken to be" in caption.value for caption in app.main.caption)
    upload(app, ("other.csv", csv, "text/csv"))
    assert next(box for box in app.selectbox if box.label == "Unit of times").value == "as read"


def test_columns_of_a_table_that_was_refused_are_chosen_by_hand(open_page):
    csv = b"rank,step,alpha,beta\n" + b"".join(b"%d,%d,%d,7\n" % (i % 2, i // 2, 100 + i) for i in range(20))
    app = upload(open_page("trace"), ("ours.csv", csv, "text/csv"))
    assert "'alpha' and 'beta'" in complaints(app)[0]
    assert app.main.expander[0].proto.expanded
    next(box for box in app.selectbox if box.label == "Time").set_value("alpha").run()
    assert not complaints(app)
    assert "2 workers" in read(app)
    next(box for box in app.selectbox if box.label == "Step").set_value("beta").run()
    assert "is there twice" in complaints(app)[0] or "rows" in complaints(app)[0]
    assert "2 workers" in read(app)


@pytest.fixture
def written():
    """The files that are written from now on, modules that Python compiles left out."""
    found, watches = [], [True]

    def note(event, known):
        if watches and event == "open" and known[2] & (os.O_WRONLY | os.O_RDWR):
            found.append(str(known[0]))

    sys.addaudithook(note)
    yield found
    watches.clear()


def test_traces_of_a_profiler_are_read_plain_or_gzip_and_never_on_disk(open_page, written):
    files = sample_files()
    plain = [(path.stem, gzip.decompress(path.read_bytes()), "application/json") for path in files[:2]]
    packed = [(path.name, path.read_bytes(), "application/gzip") for path in files[2:]]
    app = upload(open_page("trace", network="ring", bandwidth_gbps="1000"), *plain, *packed)
    assert not complaints(app)
    trace = read_trace(files)
    assert headline(app) == headline_of(diagnose(trace))
    app.switch_page("pages/timeline.py").run()
    button(app, "Fit to my trace").click().run()
    assert [path for path in written if not path.startswith("/dev/") and "__pycache__" not in path] == []
    assert value(app, "efficiency") == round(fitted_links(trace, AlphaBeta(bandwidth_gbps=1000)).efficiency, 4)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "empty.csv is empty"),
        ("notes.txt", b"hello", "notes.txt"),
        ("cut.json", b'{"traceEvents": [{"ph": "X", "name"', "cut.json"),
        ("cut.json.gz", gzip.compress(b"{" + b" " * 5_000)[:-9], "cut.json.gz"),
        ("bomb.csv.gz", gzip.compress(b"0" * 60_000_000, 1), "bomb.csv.gz"),
        ("bad.csv", b"worker,step,compute_ms\n0,0,abc\n", "bad.csv"),
        ("negative.csv", b"worker,step,compute_ms\n0,0,-1\n0,1,2\n", "negative.csv"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_said_and_the_last_good_trace_stays(open_page, name, content, message):
    app = upload(open_page("trace"), ("ours.csv", table(slow=2.0), "text/csv"))
    before = headline(app)
    upload(app, (name, content, "application/octet-stream"))
    assert alive(app)
    (said,) = complaints(app)
    assert message in said
    assert said.endswith("The last good trace is shown.")
    assert headline(app) == before


def test_before_any_good_trace_what_cannot_be_read_leaves_the_sample(open_page):
    app = upload(open_page("trace"), ("notes.txt", b"hello", "text/plain"))
    assert complaints(app)[0].endswith("The sample is shown.")


def field_holds(app, *files):
    """Upload files that stay in the field, with the same number each time, until somebody takes them out."""
    with mock.patch("uuid.uuid4", side_effect=[name for name, *_ in files]):
        app.file_uploader[0].set_value(list(files))
    return app.run()


def test_a_bad_file_that_is_still_in_the_field_does_not_block_the_next_good_one(open_page):
    bad = ("bad.csv", b"worker,step,compute_ms\n0,0,abc\n", "text/csv")
    ours, other = (("ours.csv", table(slow=2.0), "text/csv"), ("next.csv", table(slow=3.0, workers=5), "text/csv"))
    app = field_holds(open_page("trace"), bad)
    assert "bad.csv" in complaints(app)[0]
    field_holds(app, bad, ours)
    assert "it is always worker 2" in headline(app)
    (said,) = complaints(app)
    assert said.startswith("Left out: bad.csv")
    assert read(app).startswith("1 file · 4 workers")
    field_holds(app, bad, ours, other)  # another run, not more of the same
    assert read(app).startswith("1 file · 5 workers")
    assert "ours.csv was there before and is not part of this run." in complaints(app)[0].replace("\\", "")
    field_holds(app, other)
    assert not complaints(app)
    assert read(app).startswith("1 file · 5 workers")


def test_what_is_dropped_with_a_run_and_is_no_part_of_it_is_left_out(open_page):
    files = [(path.name, path.read_bytes(), "application/gzip") for path in sample_files()]
    app = upload(open_page("trace"), ("README.txt", b"how we ran it", "text/plain"), *files[:2], ("t.csv", table(), ""))
    assert read(app).startswith("2 files · 2 workers (0 and 1)")
    (said,) = complaints(app)
    assert "README.txt" in said
    assert "t.csv is a table of times, the others are not." in said


def test_names_from_files_are_inert(open_page):
    name = "![i](http://evil.example/x.png)" + "y" * 500
    rows = [f'"{name if worker else 0}",{step},{100 + 100 * worker}' for step in range(9) for worker in range(2)]
    app = upload(open_page("trace"), ("ours.csv", ("worker,step,compute_ms\n" + "\n".join(rows)).encode(), "text/csv"))
    assert not app.exception
    assert "![" not in headline(app)
    assert len(headline(app)) < 200
    upload(app, ("[x](http://e).csv", b"worker,step,compute_ms\n0,0,abc\n", "text/csv"))
    assert "[x](" not in complaints(app)[0]


def test_times_that_cannot_be_diagnosed_leave_the_last_good_trace(open_page):
    app = upload(open_page("trace"), ("ours.csv", table(slow=2.0), "text/csv"))
    before = headline(app)
    rows = [f"{worker},{step},{(1e-9, 1e12)[worker]}" for step in range(3) for worker in range(2)]
    upload(app, ("wild.csv", ("worker,step,compute_ms\n" + "\n".join(rows)).encode(), "text/csv"))
    assert headline(app) == before
    assert alive(app.run())


def test_an_upload_while_a_trace_is_in_use_lets_go_of_it(open_page):
    app = open_page("trace")
    button(app, "Use as scenario").click().run()
    upload(app, ("ours.csv", table(workers=6), "text/csv"))
    assert value(app, "times") == "controls"
    assert alive(app)


def test_back_is_followed_right_after_an_upload_let_go_of_a_trace(open_page):
    app = open_page("trace", workers="6")
    button(app, "Use as scenario").click().run()
    upload(app, ("ours.csv", table(workers=7), "text/csv"))
    app.query_params.update({"workers": "9"})
    app.run()
    assert value(app, "workers") == 9


def test_even_step_times_are_not_blamed_on_anybody(open_page):
    steps = np.random.default_rng(3).uniform(250, 350, 40)
    rows = [f"{step},{worker},{ms + worker * 0.1:.3f}" for step, ms in enumerate(steps) for worker in range(4)]
    app = upload(open_page("trace"), ("steps.csv", ("step,rank,step_time_ms\n" + "\n".join(rows)).encode(), "text/csv"))
    assert headline(app) == "These timings cannot identify stragglers."
    assert any("Record instead" in text.value for text in app.main.markdown)
    assert "What would save time" not in [expander.label for expander in app.main.expander]


def test_the_trace_becomes_the_scenario_of_every_page(open_page):
    app = upload(open_page("trace"), ("ours.csv", table(slow=2.0), "text/csv"))
    button(app, "Use as scenario").click().run()
    assert value(app, "workers") == 4
    assert value(app, "batches") == 30
    app.switch_page("pages/timeline.py").run()
    assert any("your trace" in caption.value for caption in app.sidebar.caption)
    assert "batch_ms" not in {slider.key for slider in app.slider}
    said = "**Compute times: replayed from your trace**, all 30 steps as measured. "
    assert app.main.caption[0].value.startswith(said)
    assert app.main.caption[0].value.endswith("Network: free, as none was measured.")
    times = np.loadtxt(table(slow=2.0).decode().splitlines()[1:], delimiter=",")[:, 2].reshape(30, 4)
    assert app.text[0].value.splitlines()[1] == f"Epoch Time: {times.max(axis=1).sum():.2f} ms"
    app.switch_page("pages/compare.py").run()
    assert alive(app)
    assert app.main.caption[0].value.startswith(said)
    assert app.main.caption[-1].value.startswith("Computed now")
    assert "The link opens the distribution that was fitted to the trace, not the trace itself.\n" in app.text[0].value
    values = link_values(link(app))  # the trace stays behind, and what was fitted to it stands in
    fit = diagnose(read_trace([Upload("ours.csv", table(slow=2.0))])).fits[0]
    copied = scenario_of({**DEFAULTS, **values})
    assert "times" not in values
    assert (copied.compute, copied.stragglers) == (fit.compute, fit.stragglers_of(4))
    assert (copied.workers, copied.batches) == (4, 30)
    app.toggle(key="present").set_value(True).run()
    assert app.main.caption[-1].value.startswith("From the cache")
    button(app, "Stop using the trace").click().run()
    assert value(app, "times") == "controls"
    assert alive(app)


def test_what_was_set_before_a_trace_comes_back_after_it(open_page):
    app = open_page("trace", workers="6", latency_ms="150")
    button(app, "Use as scenario").click().run()
    assert (value(app, "workers"), value(app, "batches")) == (4, 20)
    network = measured_scenario(read_trace(sample_files())).network
    assert value(app, "latency_ms") == pytest.approx(network.latency_ms)
    button(app, "Stop using it as scenario").click().run()
    assert (value(app, "workers"), value(app, "batches")) == (6, 10)
    assert value(app, "latency_ms") == 150


def test_an_upload_lets_go_of_the_trace_in_use_and_of_what_was_set_for_it(open_page):
    app = open_page("trace", workers="6", latency_ms="150")
    button(app, "Use as scenario").click().run()
    upload(app, ("ours.csv", table(workers=7), "text/csv"))
    assert (value(app, "workers"), value(app, "latency_ms")) == (6, 150)
    app.query_params["workers"] = "9"
    app.run()
    button(app, "Use as scenario").click().run()
    assert value(app, "workers") == 7
    button(app, "Stop using it as scenario").click().run()
    assert value(app, "workers") == 9


def test_a_long_and_wide_trace_is_carried_whole(open_page):
    csv = table(steps=700, workers=80)
    app = upload(open_page("trace"), ("ours.csv", csv, "text/csv"))
    assert "Synchronous, as measured" in folded(app, "What would save time").table[0].value.index
    button(app, "Use as scenario").click().run()
    assert (value(app, "workers"), value(app, "batches")) == (80, 700)
    app.switch_page("pages/timeline.py").run()
    assert alive(app)
    times = np.loadtxt(csv.decode().splitlines()[1:], delimiter=",")[:, 2].reshape(700, 80)
    assert app.text[0].value.splitlines()[1] == f"Epoch Time: {times.max(axis=1).sum():.2f} ms"


def test_back_to_the_sample(open_page):
    app = open_page("trace")
    sample = headline(app)
    upload(app, ("ours.csv", table(slow=2.0), "text/csv"))
    assert headline(app) != sample
    button(app, "Back to the sample").click().run()
    assert headline(app) == sample
    assert "**Sample**" in app.main.caption[0].value


def test_other_numbers_of_workers_are_fitted_and_labelled(open_page):
    app = open_page("trace")
    button(app, "Use as scenario").click().run()
    app.switch_page("pages/timeline.py").run()
    network = measured_scenario(read_trace(sample_files())).network.latency_ms
    assert app.main.caption[0].value == (
        "**Compute times: replayed from the sample trace**, all 20 steps as measured. Policies that need more steps "
        f"resample them from it in blocks. Network: {duration(network)} per step, the measured mean."
    )
    app.slider(key="latency_ms").set_value(50).run()
    assert app.main.caption[0].value.endswith("Network: as set in the sidebar.")
    app.slider(key="workers").set_value(16).run()
    assert any("fitted to the sample trace" in caption.value for caption in app.main.caption)
    assert any("The trace has 4 workers, so it cannot be replayed." in caption.value for caption in app.main.caption)
    assert "16 workers" in headline(app)
    assert not app.exception


def test_a_kept_run_of_a_trace_claims_no_link(open_page):
    app = open_page("trace")
    button(app, "Use as scenario").click().run()
    app.switch_page("pages/timeline.py").run()
    button(app, "Keep this run").click().run()
    kept = app.dataframe[0].value
    assert kept["times"].tolist() == ["your trace"]
    assert "link" not in kept


def test_the_measured_network_is_carried_along(open_page):
    """The scenario on Timeline is the measured run: its epoch is the one that the page simulates."""
    app = open_page("trace")
    button(app, "Use as scenario").click().run()
    app.switch_page("pages/timeline.py").run()
    remedies = what_if(read_trace(sample_files()))
    measured = next(r for r in remedies if r.scenario.policy == Synchronous() and r.name.endswith("as measured"))
    shown = float(app.text[0].value.splitlines()[1].split()[2])
    assert shown == pytest.approx(measured.epoch_ms, rel=1e-4)
    app.selectbox(key="mode").set_value("local").run()
    app.slider(key="period").set_value(4).run()
    local = next(r for r in remedies if r.scenario.policy == LocalSGD(period=4))
    assert float(app.text[0].value.splitlines()[1].split()[2]) == pytest.approx(local.epoch_ms, rel=1e-4)
    assert simulate(measured.scenario).metrics.epoch_ms == pytest.approx(measured.metrics.epoch_ms)


def test_nothing_of_a_trace_reaches_the_shared_cache(open_page, monkeypatch):
    app = open_page("trace")
    button(app, "Use as scenario").click().run()
    monkeypatch.setattr("pages.shared.answers.comparison.comparison_answer.shared", lambda *asked: 1 / 0)
    app.switch_page("pages/compare.py").run()
    assert alive(app)
    assert not complaints(app)
    monkeypatch.setattr("pages.shared.caching.simulations.LARGE", 1)  # so that all runs are
    monkeypatch.setattr("pages.shared.caching.simulations.LargeRun.of", lambda *asked: 1 / 0)
    app.switch_page("pages/timeline.py").run()
    assert alive(app)
    assert not complaints(app)


def test_reset_lets_go_of_the_trace(open_page):
    app = open_page("trace")
    button(app, "Use as scenario").click().run()
    button(app, "Reset").click().run()
    assert value(app, "times") == "controls"
    assert value(app, "batches") == 10


def button(app, label):
    return next(b for b in app.button if b.label == label)


def test_a_job_whose_gpus_wait_for_python_is_told_so(open_page):
    """Above the charts, with what collectives hold up in a table."""
    files = []
    for rank in (0, 1):
        file = train(Machine(launch_ms=5), [0.8] * 6, 3).upload(rank)
        files.append((file.name, file.getvalue(), "application/json"))
    app = upload(open_page("trace"), *files)
    assert alive(app)
    assert not complaints(app)
    assert any("Your GPUs wait for Python, not for each other" in text.value for text in app.main.markdown)
    table = next(frame.value for frame in app.dataframe if "Collectives, blocking (ms)" in frame.value)
    assert table["Collectives, blocking (ms)"].tolist() == [0, 0]
    assert table["Collectives, exposed (ms)"].tolist() == [3, 3]


def test_a_price_says_what_waiting_costs_a_day(open_link):
    app = open_link("trace", "worker_per_hour=3&hours_a_day=20")
    measured = next(remedy for remedy in what_if(read_trace(sample_files())) if remedy.name == AS_MEASURED)
    said = stragglers_cost_in_words(4, measured.metrics.wait_percent, Prices(worker_per_hour=3), 20)
    assert any(text.value == said for text in app.main.markdown)
    app.number_input(key="hours_a_day").set_value(25).run()
    assert any("Hours a day: 25" in message for message in complaints(app))
    assert any(text.value == said for text in app.main.markdown)


def test_a_log_of_failures_ranks_recoveries_and_a_bad_one_leaves_it(open_page):
    app = open_page("trace")
    rows = [f"{9 * k},{9 * k + 0.1},{k % 4}" for k in range(12)]
    app.text_area(key="failure_text").set_value("start_h,end_h,worker\n" + "\n".join(rows)).run()
    shown = folded(app, "Failures: how often, and how often to save")
    assert "12 failures of 4 workers in 99.1 hours" in shown.markdown[0].value
    assert "do not vary as they would for random failures" in shown.markdown[0].value
    assert "it names 4 workers. If there are more" in shown.caption[0].value
    assert " loses least: " in shown.markdown[1].value
    app.number_input(key="failing_workers").set_value(16).run()
    asked = folded(app, "Failures: how often, and how often to save")
    assert "12 failures of 16 workers in 99.1 hours" in asked.markdown[0].value
    assert "if there are more" not in asked.caption[0].value.lower()
    app.number_input(key="failing_workers").set_value(None).run()
    found = shown.table[0].value
    assert found.index[0] == "An elastic group"
    app.number_input(key="checkpoint_costs_s").set_value(1.0).run()
    cheaper = folded(app, "Failures: how often, and how often to save").table[0].value
    assert float(cheaper["Left for work (%)"].iloc[1]) > float(found["Left for work (%)"].iloc[1])
    app.text_area(key="failure_text").set_value("a,b\n1,2").run()
    assert any("The last good log is shown." in message for message in complaints(app))
    assert "12 failures" in folded(app, "Failures: how often, and how often to save").markdown[0].value
    app.file_uploader[1].set_value(("ours.csv", b"start_h,end_h,worker\n0,1,a\n9,10,b\n", "text/csv")).run()
    assert not complaints(app)
    assert "2 failures" in folded(app, "Failures: how often, and how often to save").markdown[0].value
