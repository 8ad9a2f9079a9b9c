"""A real asynchronous parameter server (TCP, 4 processes × 40 batches), predicted from its own compute times."""

import json

import numpy as np
import pytest

from core import Asynchronous, Scenario, simulate
from tests.paths import DATA

MEASURED = json.loads((DATA / "parameter_server_4_workers.json").read_text())
WORKER, BATCH, READ, PUSH, REPLY = range(5)  # columns of its rows; times in ms


@pytest.fixture(scope="module")
def predicted():
    """Our run of the measured compute and round-trip times."""
    compute, round_trip = np.zeros((40, 4)), np.zeros((40, 4))
    for row in MEASURED["rows"]:
        compute[row[BATCH], row[WORKER]] = row[PUSH] - row[READ]
        round_trip[row[BATCH], row[WORKER]] = row[REPLY] - row[PUSH]
    scenario = Scenario(workers=MEASURED["workers"], batches=MEASURED["batches"], policy=Asynchronous())
    return simulate(scenario, compute_ms=compute, network_ms=round_trip)


def test_epoch_within_2_percent(predicted):
    assert predicted.metrics.epoch_ms == pytest.approx(MEASURED["epoch_ms"], rel=0.02)


def test_steady_state_staleness_within_a_tenth_of_the_measured(predicted):
    """Start-up (each worker's first) and tail (after somebody's last) left out, on both sides."""
    table = predicted.gradients()
    end = table.groupby("worker")["update"].max().min()
    steady = table[(table["batch"] > 0) & (table["update"] <= end)]["staleness"]
    measured = [staleness for _, staleness in MEASURED["staleness"]][4 : end + 1]
    assert steady.mean() == pytest.approx(3, abs=0.1)
    assert steady.mean() == pytest.approx(np.mean(measured), abs=0.1)


def test_staleness_of_most_gradients_is_the_measured_one(predicted):
    """Gradient by gradient, in the order of application: at least three in four are predicted exactly."""
    measured = [tuple(pair) for pair in MEASURED["staleness"]]
    ours = predicted.gradients().sort_values("update")[["worker", "staleness"]]
    agree = np.mean(
        [mine == theirs for mine, theirs in zip(ours.itertuples(index=False, name=None), measured, strict=True)]
    )
    assert agree >= 0.75
