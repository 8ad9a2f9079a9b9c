"""Runs too large to draw whole: shares of coarse cells, windows of segments, counts; all against the full tables."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    Asynchronous,
    BackupWorkers,
    Constant,
    FlatLatency,
    KAsync,
    LocalSGD,
    Scenario,
    Stragglers,
    Synchronous,
    simulate,
)
from core.report.timeline_data import picture
from core.schedule.downsampling import (
    CLOSEUP_BLOCKS,
    MAX_BLOCKS,
    MOST_CELLS,
    closeup,
    group_names,
    group_of,
    groups,
    overview,
    slowest,
    slowness,
    whole,
)
from core.schedule.metrics import wait_ms
from core.schedule.schedule import PHASES
from core.schedule.tables import segments
from tests.strategies import FLAT, SERVER, given_runs

SHARES = [*PHASES, "tail"]
ANY = given_runs(networks=st.one_of(FLAT, SERVER))
MANY = Scenario(workers=130, batches=40, stragglers=Stragglers(slow_workers=2, slowdown=2))


def touching(table, since_ms, until_ms):
    """The rows of a table of segments that touch a window."""
    return table[(table["end_ms"] > since_ms) & (table["start_ms"] < until_ms)].reset_index(drop=True)


@given(ANY, st.data())
def test_segments_of_a_window_are_those_of_the_whole_run(given, data):
    """For all workers and for some; windows that are empty, or lie behind the end, too."""
    run = given.run()
    table = run.segments()
    ends = [0.0, *table["end_ms"].unique(), 2 * run.metrics.epoch_ms]
    since, until = sorted(data.draw(st.lists(st.sampled_from(ends), min_size=2, max_size=2)))
    full = touching(table, since, until)
    assert segments(run.schedule, since_ms=since, until_ms=until).table().equals(full)
    some = data.draw(st.sets(st.integers(0, given.scenario.workers - 1)))
    found = segments(run.schedule, since_ms=since, until_ms=until, workers=np.array(sorted(some), dtype=int))
    assert found.table().equals(full[full["worker"].isin(some)].reset_index(drop=True))


@given(ANY, st.data())
def test_a_close_up_holds_the_first_blocks_of_a_window(given, data):
    run, most = given.run(), data.draw(st.integers(1, 30))
    since = data.draw(st.floats(0, run.metrics.epoch_ms))
    found, end = closeup(run.schedule, np.arange(given.scenario.workers), since, most=most)
    assert len(found) <= most
    table = run.segments()
    assert found.table().equals(touching(table, since, end))
    left = touching(table, since, np.inf)
    assert end == (left["start_ms"].sort_values().iloc[most] if len(left) > most else run.metrics.epoch_ms)


@given(ANY)
def test_shares_of_all_cells_are_the_shares_of_the_run(given):
    run, workers = given.run(), given.scenario.workers
    table = overview(run.schedule, groups(np.arange(workers)))
    assert table[SHARES].sum(axis=1).to_numpy() == pytest.approx(100)
    whole_run = table.groupby("row")[SHARES].mean()
    shares = run.worker_shares().pivot(index="worker", columns="phase", values="percent")[SHARES]
    assert whole_run.to_numpy() == pytest.approx(shares.to_numpy(), abs=1e-9)


def test_a_cell_by_hand():
    """Barriers at 50 and 100, network until 60 and 110, in cells of 110/300 ms: the one from 29.7 ms on has W0 stop."""
    scenario = Scenario.from_dict({"workers": 2, "batches": 2, "network": {"kind": "FlatLatency", "latency_ms": 10}})
    run = simulate(scenario, compute_ms=[[30, 50], [40, 20]])
    cells = overview(run.schedule, groups(np.arange(2)))
    at = cells.query("row == 0 and from_ms <= 30 and to_ms > 30").iloc[0]
    width = 110 / 300
    assert (at["from_ms"], at["to_ms"]) == (pytest.approx(81 * width), pytest.approx(82 * width))
    assert at["compute"] == pytest.approx(100 * (30 / width - 81))
    assert at["wait"] == pytest.approx(100 * (82 - 30 / width))


@pytest.mark.parametrize("policy", [Synchronous(), Asynchronous(), LocalSGD(period=7), BackupWorkers(wait_for=128)])
def test_rows_of_several_workers_are_their_means(policy, monkeypatch):
    """In whatever order, and in however small chunks the batches are looked at."""
    run = simulate(Scenario.from_dict({**MANY.to_dict(), "policy": policy.to_dict()}))
    rows = groups(np.random.default_rng(1).permutation(130))
    table = overview(run.schedule, rows)
    assert len(table) <= MOST_CELLS
    shares = run.worker_shares().pivot(index="worker", columns="phase", values="percent")[SHARES]
    means = shares.groupby(group_of(rows)).mean()
    assert table.groupby("row")[SHARES].mean().to_numpy() == pytest.approx(means.to_numpy(), abs=1e-9)
    slow = slowness(run.schedule)
    monkeypatch.setattr("core.schedule.downsampling.CHUNK", 1_000)
    assert overview(run.schedule, rows).to_numpy() == pytest.approx(table.to_numpy(), abs=1e-9)
    assert slowness(run.schedule) == pytest.approx(slow, rel=1e-12)


def test_groups_and_their_names():
    assert group_names(groups(np.arange(3))) == ["W0", "W1", "W2"]
    assert group_names(groups(np.array([2, 0, 1]))) == ["W2", "W0", "W1"]
    rows = groups(np.arange(129))
    assert [len(row) for row in rows] == [3] * 43
    assert group_names(rows)[:2] == ["W0–W2", "W3–W5"]
    assert group_of(rows).tolist() == [worker // 3 for worker in range(129)]
    backwards = groups(np.arange(130)[::-1])
    assert group_names(backwards)[::43] == ["1–3", "130–130"]
    assert group_of(backwards)[[0, 1, 127, 129]].tolist() == [43, 42, 0, 0]
    for workers in (1, 64, 65, 4096):
        assert len(groups(np.arange(workers))) <= 64


@given(ANY, st.data())
def test_slowness_is_the_mean_of_what_was_computed(given, data):
    """Cancelled work included; of a window, the mini-batches that touch it."""
    run = given.run()
    since, until = sorted(data.draw(st.lists(st.floats(0, run.metrics.epoch_ms), min_size=2, max_size=2)))
    table = run.segments()
    lives = table.groupby(["worker", "batch"]).agg(start=("start_ms", "min"), end=("end_ms", "max"))
    computed = table[table["phase"].isin(["compute", "cancelled"])].groupby(["worker", "batch"])
    spent = computed["end_ms"].sum() - computed["start_ms"].sum()
    for window in ((0.0, np.inf), (since, until)):
        inside = lives[(lives["end"] > window[0]) & (lives["start"] < window[1])]
        mine = spent.reindex(inside.index, fill_value=0)
        expected = mine.groupby("worker").mean().reindex(range(given.scenario.workers), fill_value=0)
        assert slowness(run.schedule, *window) == pytest.approx(expected.to_numpy(), abs=1e-9)


def test_what_is_cancelled_as_it_starts_makes_nobody_quick():
    """Equal workers, and updates of one gradient each: W0 begins another mini-batch at the very end."""
    policy, network = KAsync(wait_for=1), FlatLatency(latency_ms=0)
    run = simulate(Scenario(workers=2, batches=1, compute=Constant(mean_ms=10), network=network, policy=policy))
    assert slowness(run.schedule).tolist() == [10, 10]


def test_the_slowest_come_first():
    run = simulate(MANY)
    assert set(slowest(run.schedule, 2)) == {0, 1}
    assert sorted(slowest(run.schedule, 130)) == list(range(130))
    given_run = simulate(Scenario(workers=3, batches=2), compute_ms=[[5, 9, 5], [7, 1, 7]])
    assert slowest(given_run.schedule, 3).tolist() == [0, 2, 1]
    assert slowest(given_run.schedule, 1, 0, 1).tolist() == [1]


@given(ANY)
def test_counts_are_those_of_the_table_of_gradients(given):
    run, workers = given.run(), given.scenario.workers
    table = run.gradients()
    counts = run.contributions()
    for name, kept in (("used", table["used"]), ("cancelled", ~table["used"])):
        assert counts[name].tolist() == np.bincount(table.loc[kept, "worker"], minlength=workers).tolist()
    stale = table.loc[table["used"], "staleness"].value_counts().sort_index()
    assert run.staleness_counts().to_numpy().tolist() == [[value, count] for value, count in stale.items()]


@given(ANY)
def test_waiting_by_reason_is_that_of_the_segments(given):
    run = given.run()
    table = run.segments()
    waits = table[table["phase"] == "wait"]
    spent = (waits["end_ms"] - waits["start_ms"]).groupby(waits["reason"].astype(str)).sum()
    assert {reason: ms.sum() for reason, ms in wait_ms(run.schedule).items()} == pytest.approx(spent.to_dict())


def test_what_fits_one_picture():
    small = simulate(Scenario(workers=13, batches=100))
    assert whole(small.schedule).table().equals(small.segments())
    assert len(picture(small).blocks["worker"]) <= len(small.segments()) + 13 <= MAX_BLOCKS
    assert whole(simulate(Scenario(workers=14, batches=100)).schedule) is None
    assert whole(simulate(Scenario(workers=65, batches=1)).schedule) is None


@pytest.mark.parametrize("policy", [Synchronous(), Asynchronous()])
def test_a_million_mini_batches_are_looked_at_in_little_memory(policy):
    run = simulate(Scenario(workers=1000, batches=1000, policy=policy))
    tracemalloc.start()
    try:
        table = overview(run.schedule, groups(slowest(run.schedule, 1000)))
        workers = slowest(run.schedule, 64, 1e5, 2e5)
        found, _ = closeup(run.schedule, workers, 1e5, 2e5)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()
    assert 0.95 * MOST_CELLS < len(table) <= MOST_CELLS
    assert 0.9 * CLOSEUP_BLOCKS < len(found) <= CLOSEUP_BLOCKS
