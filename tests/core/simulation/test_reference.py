"""The reference system, number by number: golden runs with their draws, and its expected values."""

import json

import numpy as np
import pytest

from core import Asynchronous, FlatLatency, Scenario, Synchronous, Uniform, replicate, simulate
from core.report.run import text_summary
from tests.paths import DATA

GOLDEN = json.loads((DATA / "reference_runs.json").read_text())
POLICIES = {"synchronous": Synchronous(), "asynchronous": Asynchronous()}


def golden_run(golden):
    scenario = Scenario(
        workers=golden["workers"],
        batches=golden["batches"],
        compute=Uniform(mean_ms=golden["compute_ms"]),
        network=FlatLatency(latency_ms=golden["latency_ms"]),
        policy=POLICIES[golden["mode"]],
    )
    return simulate(scenario, compute_ms=golden["compute_draws_ms"], network_ms=golden["network_draws_ms"])


def named(golden):
    return f"{golden['workers']}x{golden['batches']}-{golden['mode']}"


@pytest.mark.parametrize("golden", GOLDEN, ids=named)
def test_same_draws_give_the_same_segments(golden):
    ours = golden_run(golden).segments().query("phase != 'comm'")
    theirs = sorted(golden["segments"])
    assert ours[["worker", "phase"]].values.tolist() == [[worker, phase] for worker, _, _, phase in theirs]
    times = [[start, end] for _, start, end, _ in theirs]
    np.testing.assert_allclose(ours[["start_ms", "end_ms"]], times, rtol=1e-9)


@pytest.mark.parametrize("golden", GOLDEN, ids=named)
def test_same_draws_give_the_same_metrics(golden):
    ours, theirs = golden_run(golden).metrics, golden["metrics"]
    assert ours.epoch_ms == pytest.approx(theirs["epoch_time_ms"], rel=1e-9)
    assert round(ours.idle_percent, 2) == theirs["idle_percent"]
    assert round(ours.throughput, 2) == theirs["throughput"]


def test_network_time_is_drawn_as_a_phase_of_its_own():
    comm = golden_run(GOLDEN[0]).segments().query("phase == 'comm'")
    assert len(comm) == 40
    np.testing.assert_allclose(comm["end_ms"] - comm["start_ms"], 200)


def test_summary_says_what_the_reference_says():
    assert text_summary(golden_run(GOLDEN[0])).splitlines() == [
        "Mode: synchronous",
        "Epoch Time: 7466.75 ms",
        "Idle Time: 11.10 %",
        "Throughput: 5.36 batches/sec",
    ]


def test_expected_epoch_of_the_defaults():
    """SPEC §1: 7600 ms; the mean of 20,000 runs must lie within 3.3 standard errors (99.9 %)."""
    epochs = replicate(Scenario(), 20_000)["epoch_ms"]
    assert abs(epochs.mean() - 7600) < 3.3 * epochs.std() / np.sqrt(len(epochs))
