"""Required bandwidths: closed forms, published figures, what cannot be reached, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    Constant,
    LocalSGD,
    Scenario,
    ScenarioError,
    Synchronous,
    Uniform,
    replicate,
    required_bandwidth,
)
from core.maps import QUESTIONS, answers, bandwidth_rows
from core.report.bandwidth import bandwidths, bandwidths_in_words
from core.report.maps import amount_headline, cell_in_words, lines_headline

SHARES = (50, 80, 90, 95, 99)


@pytest.mark.parametrize(
    ("parameters", "step_ms", "published"),
    [(1e9, 100, (1.4, 6.2, 13.3, 23.3, 86.8)), (100e9, 4_900, (3.0, 11.0, 23.3, 49.4, 184.2))],
    ids=["1B", "100B"],
)
def test_plain_diloco_needs_what_was_published(parameters, step_ms, published):
    """Streaming DiLoCo (arXiv 2501.18512), table 4, H = 100, within a factor of 1.2.

    By its conventions: 16 bits a parameter, one message of all parameters (two workers), no latency, and an average
    that overlaps the last backward pass.
    """
    network = AlphaBeta(latency_ms=0, message_mb=2 * parameters / 1e6, buckets=4096)
    policy = LocalSGD(period=100)
    scenario = Scenario(workers=2, batches=100, compute=Constant(mean_ms=step_ms), network=network, policy=policy)
    found = required_bandwidth(scenario)["bandwidth_gbps"].to_numpy()
    assert (np.abs(np.log(found / published)) < np.log(1.2)).all()


def test_the_bandwidth_is_that_of_the_closed_form():
    """m/(m + 2(N − 1)α + 2(N − 1)/N·8M/β) = u."""
    network = AlphaBeta(latency_ms=0.1, message_mb=10)
    scenario = Scenario(workers=4, batches=3, compute=Constant(mean_ms=50), network=network)
    table = required_bandwidth(scenario, utilization_percent=SHARES)
    assert table["utilization_percent"].tolist() == list(SHARES)
    for row in table.itertuples():
        left = 50 * (100 / row.utilization_percent - 1) - 6 * 0.1
        if left < 0:
            assert np.isnan(row.bandwidth_gbps)
        else:
            assert row.bandwidth_gbps == pytest.approx(1.5 * 80 / left, rel=2e-4)
    assert table["most_percent"].to_numpy() == pytest.approx(100 * 50 / 50.6, rel=1e-4)


def test_with_links_of_their_own_pushes_need_as_much_of_them():
    """m/(m + 2·8M/β) = u for a worker with a link of its own, however many servers; at S times the speed, β/S."""
    network = AlphaBeta(latency_ms=0, message_mb=10, servers=4)
    scenario = Scenario(workers=1, batches=2, compute=Constant(mean_ms=50), network=network, policy=Asynchronous())
    own = replace(scenario, network=replace(network, own_link=True))
    found = [required_bandwidth(asked, utilization_percent=50)["bandwidth_gbps"].item() for asked in (scenario, own)]
    assert found == pytest.approx([2 * 80 / 50 / 4, 2 * 80 / 50], rel=2e-4)


def test_what_is_found_is_enough_and_a_little_less_is_not():
    links = {"message_mb": 50, "workers_per_node": 2, "buckets": 5}
    question = {"workers": 4, "batches": 12, "compute": Uniform(mean_ms=100)}
    for policy in (Synchronous(), LocalSGD(period=4, delay=2), Asynchronous()):
        scenario = Scenario(**question, network=AlphaBeta(**links), policy=policy)
        (found,) = required_bandwidth(scenario, utilization_percent=70, replicates=5)["bandwidth_gbps"]
        for factor, enough in ((1, True), (0.999, False)):
            network = AlphaBeta(**links, bandwidth_gbps=found * factor)
            runs = replicate(Scenario(**question, network=network, policy=policy), 5)
            assert (runs["utilization_percent"].mean() >= 70 * (1 - 1e-9)) == enough


def test_the_least_that_links_take_may_be_enough():
    scenario = Scenario(workers=2, batches=2, network=AlphaBeta(latency_ms=0, message_mb=1e-6))
    assert required_bandwidth(scenario, utilization_percent=50)["bandwidth_gbps"].item() <= 1e-4


def test_bandwidths_in_words():
    scenario = Scenario(workers=4, batches=10, network=AlphaBeta(latency_ms=0, message_mb=10))
    table = required_bandwidth(scenario, [Synchronous(), LocalSGD(period=4)], (50, 90), 10)
    said = bandwidths_in_words(table)
    assert said.startswith("For workers that compute 50.0\N{NO-BREAK SPACE}% of their time, synchronous needs 0.")
    most = f"{table['most_percent'][0]:.1f}\N{NO-BREAK SPACE}%"
    assert said.endswith(f"Whatever the bandwidth, waiting and latency leave no more than {most} with synchronous.")
    shown = bandwidths(table)
    assert shown.loc["Synchronous"].tolist()[1] == "never"
    assert float(shown.loc["Local SGD (every 4)"].tolist()[1]) > 0


def test_a_map_of_bandwidths():
    scenario, question = Scenario(batches=10, network=AlphaBeta(latency_ms=0, message_mb=10)), QUESTIONS["bandwidth"]
    cells = [{"compute.jitter": jitter} for jitter in (0.0, 0.1, 0.9)]
    table = pd.DataFrame([row for cell in cells for row in bandwidth_rows(scenario, cell, [Synchronous()], 100)])
    rows = answers(table, question, "Synchronous")
    assert rows["value"].isna().tolist() == [False, False, True]
    assert amount_headline(rows, question, "Synchronous").endswith("no bandwidth is enough in 1 of 3 cells.")
    assert "no bandwidth is enough" in lines_headline(table, question, "compute.jitter")
    assert "no bandwidth is enough" in cell_in_words(table, cells[2], question, ["Synchronous"], 100)
    assert "Gb/s" in cell_in_words(table, cells[0], question, ["Synchronous"], 100)
    (refused,) = bandwidth_rows(Scenario(), {"workers": 2}, [Synchronous()], 10)
    assert "has no bandwidth" in refused["refused"]


@pytest.mark.parametrize("share", [0, 100, -1, "50", None, [], [50, 50], [[50]], True, float("nan")])
def test_shares_that_are_none_are_refused(share):
    with pytest.raises(ScenarioError, match=r"^utilization_percent: "):
        required_bandwidth(Scenario(network=AlphaBeta()), utilization_percent=share)


def test_a_network_without_a_bandwidth_is_refused():
    with pytest.raises(ScenarioError, match="FlatLatency, has no bandwidth"):
        required_bandwidth(Scenario())


def test_where_any_bandwidth_is_enough_it_is_said():
    """One worker exchanges nothing at a barrier; in the table, in the sentence and on the map it is no number."""
    alone = Scenario(workers=1, batches=5, network=AlphaBeta())
    table = required_bandwidth(alone, [Synchronous(), Asynchronous()], SHARES, 2)
    assert bandwidths(table).loc["Synchronous"].tolist() == ["any"] * len(SHARES)
    assert bandwidths_in_words(table).startswith(
        "For workers that compute 99.0\N{NO-BREAK SPACE}% of their time, any bandwidth is enough for synchronous and "
        "asynchronous needs "
    )
    found = pd.DataFrame(bandwidth_rows(alone, {"workers": 1}, [Synchronous()], 2))
    rows = answers(found, QUESTIONS["bandwidth"], "Synchronous")
    assert amount_headline(rows, QUESTIONS["bandwidth"], "Synchronous").endswith("is any bandwidth in the only cell.")
