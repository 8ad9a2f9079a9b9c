"""The command line: the API's numbers, links as the dashboard writes them, and clear refusals."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    FlatLatency,
    LocalSGD,
    Scenario,
    StaleSynchronous,
    Synchronous,
    best_period,
    compare,
    learn,
    read_trace,
    required_bandwidth,
    simulate,
    sweep,
)
from core.changes import what_changed
from core.cli import main
from core.learning import NoisyQuadratic
from core.report.bandwidth import bandwidths_in_words
from core.report.comparison import headline
from core.report.learning import headline as learning_headline
from core.report.periods import headline as periods_headline
from core.report.traces import summary_text
from core.schedule.metrics import FIGURES
from core.statistics.pairs import means
from core.traces.diagnosis import diagnose
from core.traces.failures import read_failures
from core.traces.reading import sample_files
from core.traces.remedies import what_if
from tests.paths import ROOT

LINK = "https://here/compare?workers=8&mode=ssp&bound=2&policies=sync&policies=ssp+2&embed=true&replicates=50"


def printed(capsys, *arguments):
    """What the command prints."""
    assert main(arguments) == 0
    return capsys.readouterr().out


def answered(capsys, *arguments):
    """What the command prints as JSON; NaN would not be JSON."""
    return json.loads(printed(capsys, *arguments, "--json"), parse_constant=pytest.fail)


def test_compare_says_what_has_changed_against_the_pinned_scenario(capsys):
    link = "latency_ms=50&replicates=20&pin=workers+4+mode+async"
    changed = what_changed(
        Scenario(), Scenario(network=FlatLatency(latency_ms=50)), [Synchronous(), Asynchronous()], 20
    )
    data = answered(capsys, "compare", link)["changes"]
    assert [each["value"] for each in data] == [pytest.approx(change.ratio.value) for change in changed]
    assert data[0]["saved_ms"]["comm"] == pytest.approx(1500)
    text = printed(capsys, "compare", link)
    assert "Against the pinned scenario: Network latency 200 → 50\xa0ms\n- Synchronous is 1.2" in text
    assert "Both scenarios on the same draws, in 20 paired runs" in text


def test_run_is_simulate(capsys):
    figures = simulate(Scenario(workers=8, policy=StaleSynchronous(bound=2))).metrics
    shown = {row["name"]: row["value"] for row in answered(capsys, "run", LINK)["figures"]}
    assert shown == {name: getattr(figures, name) for name in FIGURES}
    text = printed(capsys, "run")
    assert f"{simulate(Scenario()).metrics.epoch_ms:.6g}" in text
    assert "7600" in text  # theory


def test_compare_is_compare(capsys):
    data = answered(capsys, "compare", LINK)
    table = compare(Scenario(workers=8), [Synchronous(), StaleSynchronous(bound=2)], 50)
    assert data["answer"] == headline(table)
    expected = means(table)["epoch_ms"].to_dict()
    assert {row["policy"]: row["epoch_ms"] for row in data["policies"]} == expected
    text = printed(capsys, "compare", "--policies", "sync,async", "--replicates", "100")
    assert text.startswith(headline(compare(Scenario(), [Synchronous(), Asynchronous()], 100)))


def test_failures_and_costs(capsys, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("start,end,worker\n0,60,a\n7200,7260,b\n")
    data = answered(capsys, "failures", str(log), "--workers", "4", "--hours", "10")
    found = read_failures(str(log), 4, observed_hours=10)
    assert data["log"]["mtbf_hours"] == found.mtbf_hours
    assert "2 failures of 4 workers in 10 hours" in printed(
        capsys, "failures", str(log), "--workers", "4", "--hours", "10"
    )
    text = printed(capsys, "run", "mtbf_hours=0.01&restart_s=2&checkpoint_batches=2&worker_per_hour=3&seed=3")
    assert "An epoch costs $" in text
    assert "fail" in text
    data = answered(capsys, "compare", "mtbf_hours=0.05&restart_s=2&worker_per_hour=3&replicates=20")
    assert {"costs", "failures", "currency"} <= data.keys()
    assert {row["policy"] for row in data["costs"]} == {"Synchronous", "Asynchronous"}


def test_bandwidth_is_required_bandwidth(capsys):
    asked = ("network=ring&workers=8", "--policies", "sync,local 8 delay 2")
    options = ("--utilization", "50,99", "--replicates", "5")
    network = AlphaBeta()
    policies = [Synchronous(), LocalSGD(period=8, delay=2)]
    table = required_bandwidth(Scenario(workers=8, network=network), policies, (50, 99), 5)
    data = answered(capsys, "bandwidth", *asked, *options)["bandwidths"]
    assert [row["bandwidth_gbps"] for row in data] == table["bandwidth_gbps"].replace(float("nan"), None).tolist()
    text = printed(capsys, "bandwidth", *asked, *options)
    assert text.startswith(bandwidths_in_words(table))
    assert main(["bandwidth"]) == 2
    assert "has no bandwidth" in capsys.readouterr().err


def test_sweep_is_sweep(capsys):
    options = ("--over", "workers=2,4", "--over", "compute.jitter=0.1,0.3", "--replicates", "20")
    data = answered(capsys, "sweep", "", *options)
    grid = {"workers": [2, 4], "compute.jitter": [0.1, 0.3]}
    table = sweep(Scenario(), grid, [Synchronous(), Asynchronous()], 20)
    pd.testing.assert_frame_equal(pd.DataFrame(data["cells"]).astype(table.dtypes), table)
    assert len(printed(capsys, "sweep", "", *options).splitlines()) == 9
    kept = answered(capsys, "sweep", "--over", "workers=4,8", "--policies", "sync,backup 7", "--replicates", "2")[
        "cells"
    ]
    assert [row["policy"] for row in kept[1::2]] == ["Backup workers (first 7)"] * 2
    assert "wait_for: 7" in kept[1]["refused"]
    refused = answered(capsys, "sweep", "--over", "workers=2,0", "--replicates", "2")["cells"]
    assert refused[-1]["epoch_ms"] is None
    assert "workers: 0" in refused[-1]["refused"]


def test_trace_is_the_page(capsys):
    files = [str(path) for path in sample_files()]
    trace = read_trace(files)
    found, remedies = diagnose(trace), what_if(trace)
    assert printed(capsys, "trace", *files).strip() == summary_text(trace, found, remedies).strip()
    data = answered(capsys, "trace", *files)
    assert data["workers"] == 4
    assert "A barrier and a push cost the same here, 11.11 ms per batch" in data["caveats"]
    assert [each["remedy"] for each in data["remedies"]] == [each.name for each in remedies]
    assert data["remedies"][0]["figures"]["throughput"] == remedies[0].metrics.throughput
    assert len(data["fits"]) == len(found.fits)
    assert data["who"][2]["cost_percent"] == found.workers["cost_percent"][2]


def test_policies_of_a_trace_are_those_that_were_asked_for(capsys, tmp_path):
    files = [str(path) for path in sample_files()]
    text = printed(capsys, "trace", *files, "--policies", "sync,async 4,backup 7")
    assert "Synchronous, as measured" in text
    assert "Asynchronous (updates of 4)" in text
    names = [each["policy"] for each in answered(capsys, "trace", *files, "--policies", "async 4")["remedies"]]
    assert set(names) == {"async 4", "sync"}  # repairs stay
    (tmp_path / "steps.csv").write_text("rank,step,compute_ms\n0,1,10\n1,1,20\n0,2,30\n1,2,50\n")
    assert "The network was not measured: a barrier and a push are free here." in printed(
        capsys, "trace", str(tmp_path / "steps.csv")
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "foo=1"], "'foo' is unknown; known are workers"),
        (["run", "workers=abc"], "workers: 'abc' is not a whole number"),
        (["run", "workers=1e400"], "workers: '1e400' is not a whole number"),
        (["run", "workers=-1"], "workers: '-1' is not a whole number"),
        (["run", "jitter=x"], "jitter: 'x' is not a number"),
        (["run", "jitter=2"], "jitter: '2' is not a number from 0 to below 1"),
        (["run", "mode=fast"], "mode: 'fast' is not sync, async, ssp"),
        (["run", "workers=1&workers=2"], "workers is named 2 times"),
        (["run", "nonsense"], "is not a link of the dashboard"),
        (["run", "workers=4&" * 2_000], "is not a link of the dashboard"),
        (["run", "workers=4096&batches=100000"], "at most 20,000,000"),
        (["compare", "--policies", "sync,foo"], "'foo' is not a policy"),
        (["compare", "--replicates", "0"], "replicates: 0 is not a whole number"),
        (["sweep", "--over", "wokers=1"], "'wokers' is unknown"),
        (["trace", "no/such/file.csv"], "no/such/file.csv"),
        (["trace", "no/such/file.csv", "--policies", "asink"], "'asink' is not a policy"),
    ],
)
def test_what_is_refused_is_said_in_a_line(capsys, arguments, message):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not said.out


def test_help_is_worth_reading(capsys):
    for arguments in ([], ["run"], ["compare"], ["sweep"], ["trace"]):
        with pytest.raises(SystemExit) as left:
            main([*arguments, "--help"])
        assert left.value.code == 0
        assert len(capsys.readouterr().out) > 200


def test_it_runs_as_a_module_without_streamlit_or_altair():
    check = (
        "import sys; from core.cli import main; code = main(['run']); "
        "print([name for name in ('streamlit', 'altair') if name in sys.modules], code)"
    )
    out = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[] 0"
    refused = subprocess.run([sys.executable, "-m", "core", "run", "x=1"], cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


def test_learn_is_learn(capsys):
    asked = "workers=2&problem=quadratic&train_seeds=2&network=ring&optimizer=best&worker_per_hour=1800"
    data = answered(capsys, "learn", asked, "--policies", "sync,local 4", "--optimizer", "plain")
    expected = learn(
        Scenario(workers=2, network=AlphaBeta()), [Synchronous(), LocalSGD(period=4)], NoisyQuadratic(), seeds=2
    )
    assert data["answer"] == learning_headline(expected)
    assert [row["sent_mb"] for row in data["policies"]] == pytest.approx(expected.policies["sent_mb"].tolist())
    of_two_workers = expected.policies["time_to_target_ms"] / 1000  # at 1 $ a second for both
    assert [row["cost_to_target"] for row in data["policies"]] == pytest.approx(of_two_workers.tolist())
    assert "costs" in data["reasons"]


def test_learn_finds_a_period(capsys):
    asked = "learn", "workers=2&problem=quadratic&learn_ask=period", "--periods", "4,1", "--seeds", "1"
    found = best_period(Scenario(workers=2), NoisyQuadratic(), periods=(1, 4), seeds=1)
    data = answered(capsys, *asked)
    assert data["answer"] == periods_headline(found)
    assert [row["policy"] for row in data["periods"]] == found.table["policy"].tolist()
    assert main(["learn", "--periods", "4,x"]) == 2
    assert "periods: 'x'" in capsys.readouterr().err
