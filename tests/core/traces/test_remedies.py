"""Remedies: the measured times replayed to the letter, repairs by hand, and what each pays."""

import json

import numpy as np
import pytest

from core import Asynchronous, BackupWorkers, LocalSGD, Rebalanced, StaleSynchronous, read_trace, simulate
from core.report.traces import summary_text
from core.traces.chrome import chrome_trace
from core.traces.diagnosis import diagnose
from core.traces.reading import sample_files
from core.traces.remedies import AS_MEASURED, measured_scenario, what_if, what_if_table
from core.traces.trace import Trace

TIMES = np.array([[10.0, 30], [20, 20], [10, 40], [20, 30]])  # means 15 and 30


def trace_of(compute=TIMES, network_ms=None):
    network = {} if network_ms is None else {"comm_ms": np.full(compute.shape, float(network_ms))}
    names = tuple(f"host{i}" for i in range(compute.shape[1]))
    return Trace(compute_ms=compute, worker_names=names, step_numbers=tuple(range(10, 10 + len(compute))), **network)


@pytest.fixture(scope="module")
def by_hand():
    return {remedy.name: remedy for remedy in what_if(trace_of(network_ms=5))}


def test_the_measured_epoch(by_hand):
    assert by_hand[AS_MEASURED].epoch_ms == pytest.approx(30 + 20 + 40 + 30 + 4 * 5)


def test_repairs_by_hand(by_hand):
    """One worker of means 15 does 8 batches; at the median both have means 22.5."""
    assert by_hand["Without worker host1"].epoch_ms == pytest.approx(2 * (10 + 20 + 10 + 20 + 4 * 5))
    levelled = [22.5, 30, 30, 30]  # 10·1.5 or 30·¾, 20·1.5, 40·¾, 20·1.5
    assert by_hand["All workers at the median"].epoch_ms == pytest.approx(sum(levelled) + 20)
    fewer = by_hand["Without worker host1"].metrics
    assert fewer.updates * fewer.gradients_per_update == TIMES.size
    assert "host1 becomes 1.33 times as fast" in by_hand["All workers at the median"].pays
    assert "Without hiccups" not in by_hand


def test_hiccups_are_replaced_by_what_is_usual():
    times = np.full((12, 3), 10.0)
    times[4, 1] = 50
    found = {remedy.name: remedy for remedy in what_if(trace_of(times))}
    assert found[AS_MEASURED].epoch_ms == 160
    assert found["Without hiccups"].epoch_ms == 120


@pytest.mark.parametrize("policy", [Rebalanced(), LocalSGD(period=4), StaleSynchronous(bound=3), Asynchronous()])
def test_policies_replay_the_measured_times(policy):
    """To the letter: as when they are given as draws."""
    trace = trace_of(np.random.default_rng(1).gamma(9, 5, (30, 5)))
    (remedy,) = (each for each in what_if(trace) if each.name == policy.label)
    scenario = remedy.scenario
    assert remedy.exact
    assert (
        remedy.epoch_ms
        == simulate(scenario, compute_ms=trace.compute_ms, network_ms=np.zeros((30, 5))).metrics.epoch_ms
    )
    assert scenario.compute == trace.to_law()


def test_policies_that_need_more_steps_say_so():
    found = {remedy.name: remedy for remedy in what_if(trace_of(np.random.default_rng(2).gamma(9, 5, (30, 5))))}
    backup = found[BackupWorkers(wait_for=4).label]
    assert not backup.exact
    assert simulate(backup.scenario).schedule.shape[0] == 38
    assert f"{backup.metrics.cancelled_percent:.1f} % of the workers' time is thrown away" in backup.pays


def test_nobody_communicates_for_free():
    """Equal workers gain nothing from async when both sides pay the measured network."""
    found = {remedy.name: remedy for remedy in what_if(trace_of(np.full((6, 3), 40.0), network_ms=10))}
    for name in (AS_MEASURED, "Asynchronous", "Asynchronous (shared queue)", "Rebalanced"):
        assert found[name].epoch_ms == pytest.approx(300)
    assert found["Local SGD (every 4)"].epoch_ms == pytest.approx(6 * 40 + 2 * 10)


def test_the_table_ranks_by_time_saved():
    table = what_if_table(what_if(trace_of(network_ms=5)))
    assert table["epoch_ms"].is_monotonic_increasing
    np.testing.assert_allclose(table["saved_ms"], 140 - table["epoch_ms"], atol=1e-6)
    np.testing.assert_allclose(table["saved_percent"], 100 * table["saved_ms"] / 140, atol=1e-6)
    assert table["remedy"].is_unique
    assert table["pays"].str.len().min() > 0
    row = table.set_index("remedy").loc["Local SGD (every 4)"]
    assert (row["updates"], row["gradients_per_update"], row["mean_staleness"]) == (1, 8, 0)


def test_one_slow_worker_of_two_gives_two_policies_fewer_and_one_worker_none():
    assert len(what_if(trace_of())) == 1 + 8 + 2
    assert len(what_if(trace_of(np.random.default_rng(3).gamma(99, 1, (9, 4))))) == 1 + 9 + 2
    (only,) = what_if(trace_of(TIMES[:, :1]))
    assert only.name == AS_MEASURED
    assert what_if_table([only])["saved_percent"].tolist() == [0]


def test_long_traces_are_replayed_whole():
    """Every step of 60,000, also where a worker turns slow halfway."""
    times = np.random.default_rng(4).gamma(99, 1, (60_000, 2))
    times[30_000:, 1] *= 3
    found = {each.name: each for each in what_if(trace_of(times, network_ms=4))}
    assert found[AS_MEASURED].epoch_ms == pytest.approx(times.max(axis=1).sum() + 60_000 * 4, rel=1e-12)
    assert found["Asynchronous"].epoch_ms == pytest.approx(times.sum(axis=0).max() + 60_000 * 4, rel=1e-12)
    rounds = times.reshape(-1, 4, 2).sum(axis=1).max(axis=1)
    assert found["Local SGD (every 4)"].epoch_ms == pytest.approx((rounds + 4).sum(), rel=1e-12)
    assert all(
        each.exact
        for name, each in found.items()
        if "Backup" not in name and "queue" not in name and "K-async" not in name
    )


def test_a_repair_of_the_slow_worker_ranks_first_and_patience_saves_nothing():
    """One worker of four 2.4 times slower, always: SPEC's table of who helps."""
    times = np.random.default_rng(5).gamma(4e4, 1 / 400, (40, 4)) * [1, 2.4, 1, 1]
    table = what_if_table(what_if(trace_of(times))).set_index("remedy")
    assert table.index[0] == "All workers at the median"
    assert table.loc["Rebalanced", "saved_percent"] > 40
    for name in ("Asynchronous", "Stale synchronous (bound 3)", "Local SGD (every 16)"):
        assert abs(table.loc[name, "saved_percent"]) < 1
    assert table.loc["Backup workers (first 3)", "cancelled_percent"] > 20


def test_a_page_to_paste():
    trace = read_trace(sample_files())
    diagnosis, remedies = diagnose(trace), what_if(trace)
    text = summary_text(trace, diagnosis, remedies)
    assert text.startswith(
        "Stragglers in a measured run (4 workers, 20 steps)\nWaiting for the slowest makes computing"
    )
    assert "- Without hiccups: 18." in text
    assert "not yet faster learning" in text
    assert "The network costs" in text
    assert len(text) < 3_000
    doubtful = Trace(compute_ms=np.full((3, 2), 7.0), worker_names=(0, 1), step_numbers=(0, 1, 2), whole_steps=True)
    text = summary_text(doubtful, diagnose(doubtful), what_if(doubtful))
    assert "cannot tell who is slow" in text
    assert "save" not in text


def test_simulated_schedules_open_in_other_tools(by_hand):
    remedy = by_hand["Asynchronous"]
    events = json.loads(chrome_trace(simulate(remedy.scenario).segments(), remedy.name))["traceEvents"]
    assert events[0]["args"]["name"] == "Asynchronous"
    assert max(event["ts"] + event["dur"] for event in events if event["ph"] == "X") == pytest.approx(
        1000 * remedy.epoch_ms
    )


def test_measured_scenario_is_the_trace_s():
    scenario = measured_scenario(trace_of(network_ms=5))
    assert (scenario.workers, scenario.batches, scenario.policy.name) == (2, 4, "Synchronous")
    assert scenario.network.barrier_ms(2) == pytest.approx(5)
