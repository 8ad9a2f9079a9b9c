"""Sweeps: every cell is what `compare` gives, on any executor, and what is refused leaves the others standing."""

from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    LocalSGD,
    Scenario,
    ScenarioError,
    StaleSynchronous,
    Synchronous,
    Uniform,
    compare,
    sweep,
    verdict,
)
from core.simulation.sweeps import changed
from core.statistics.pairs import Paired, means

BOTH = [Synchronous(), Asynchronous()]
GRID = {"workers": [2, 5], "compute.jitter": [0.1, 0.4, 0.6]}


def test_every_cell_is_what_compare_gives():
    table = sweep(Scenario(), GRID, BOTH, 60)
    assert table[["workers", "compute.jitter"]].drop_duplicates().to_numpy().tolist() == [
        [workers, jitter] for workers in GRID["workers"] for jitter in GRID["compute.jitter"]
    ]
    for (workers, jitter), rows in table.groupby(["workers", "compute.jitter"]):
        runs = compare(Scenario(workers=int(workers), compute=Uniform(jitter=jitter)), BOTH, 60)
        gain = Paired.of(runs).speedups["Synchronous", "Asynchronous"]
        rows = rows.set_index("policy")
        for name in ("epoch_ms", "idle_percent", "mean_staleness"):
            np.testing.assert_allclose(rows[name], means(runs)[name].loc[rows.index], rtol=1e-12)
        shortest = runs.groupby("policy")["epoch_ms"].quantile(0.025)
        np.testing.assert_allclose(rows["epoch_ms_low"], shortest.loc[rows.index])
        at = rows.loc["Asynchronous"]
        for name in ("speedup", "lead"):
            assert tuple(at[[name, f"{name}_low", f"{name}_high"]]) == (gain.value, gain.low, gain.high)
            assert at[f"{name}_outcome"] == gain.outcome
        assert rows.loc["Synchronous", "lead"] == gain.inverse.value
        assert (rows.loc["Synchronous", ["speedup", "speedup_low", "speedup_high"]] == 1).all()
        assert rows.loc["Synchronous", "speedup_outcome"] == "baseline"
        found = verdict(runs)
        standing = {"decided": ["fastest", "slower"], "equal": ["tied"] * 2, "open": ["open"] * 2}[found.outcome]
        assert rows.loc[[found.winner, found.runner_up], "standing"].tolist() == standing
    assert (table["refused"] == "").all()


def test_few_runs_are_all_within_the_interval():
    table = sweep(Scenario(), {"seed": [1]}, BOTH, 10)
    runs = compare(Scenario(seed=1), BOTH, 10)
    assert table["epoch_ms_low"].tolist() == runs.groupby("policy", sort=False)["epoch_ms"].min().tolist()


def test_common_random_numbers_over_the_grid():
    """The same uniforms at every jitter: an epoch is linear in it."""
    table = sweep(Scenario(), {"compute.jitter": [0.1, 0.2, 0.3]}, BOTH, 5)
    for _, rows in table.groupby("policy"):
        if rows["policy"].iloc[0] == "Asynchronous":
            continue
        slopes = np.diff(rows["epoch_ms"])
        assert slopes[0] == pytest.approx(slopes[1])


def test_any_executor_gives_the_same_table():
    """Threads, processes and a local Dask cluster."""
    distributed = pytest.importorskip("distributed")
    alone = sweep(Scenario(), GRID, BOTH, 20)
    with ThreadPoolExecutor(3) as threads, ProcessPoolExecutor(2) as processes:
        assert sweep(Scenario(), GRID, BOTH, 20, executor=threads).equals(alone)
        assert sweep(Scenario(), GRID, BOTH, 20, executor=processes).equals(alone)
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.Client(**options) as client:
        assert sweep(Scenario(), GRID, BOTH, 20, executor=client.get_executor()).equals(alone)


def test_parameters_of_policies():
    """A field of a policy changes those that have it; their name then leaves the parameter out."""
    policies = [Synchronous(), StaleSynchronous(bound=9), LocalSGD(period=3)]
    table = sweep(Scenario(), {"policy.bound": [0, 50]}, policies, 30).set_index(["policy.bound", "policy"])
    assert table.index.get_level_values("policy").unique().tolist() == [
        "Synchronous",
        "Stale synchronous",
        "Local SGD (every 3)",
    ]
    free = replace(Scenario(), network=AlphaBeta(latency_ms=0, message_mb=1e-6))
    bounds = sweep(free, {"policy.bound": [0, 2]}, [StaleSynchronous()], 30)["epoch_ms"]
    assert bounds[0] > bounds[1]
    assert table.loc[(0, "Synchronous"), "epoch_ms"] == table.loc[(50, "Synchronous"), "epoch_ms"]


def test_what_may_be_together_need_not_be_allowed_one_by_one():
    """8 slow workers of 16, though the scenario has 4; shares of a push that pass each other on the way."""
    grid = {"stragglers.slow_workers": [2, 8], "workers": [4, 16]}
    found = sweep(Scenario(), grid, replicates=2)
    turned = sweep(Scenario(), dict(reversed(grid.items())), replicates=2)
    together = list(grid)
    assert found[found["refused"] != ""][together].drop_duplicates().to_numpy().tolist() == [[8, 4]]
    sides = (table[table["refused"] == ""].sort_values([*together, "policy"]) for table in (found, turned))
    pd.testing.assert_frame_equal(*(side.reset_index(drop=True) for side in sides), check_like=True)
    shares = sweep(Scenario(), {"network.async_least": [0.5], "network.async_fraction": [0.8]}, replicates=2)
    assert (shares["refused"] == "").all()
    nodes = {"network": [AlphaBeta()], "network.links_per_node": [4], "network.workers_per_node": [4]}
    assert changed(Scenario(), {name: value for name, (value,) in nodes.items()}).network == AlphaBeta(
        links_per_node=4, workers_per_node=4
    )


def test_what_is_refused_is_said_and_the_others_stand():
    policies = [Synchronous(), BackupWorkers(wait_for=4)]
    table = sweep(Scenario(), {"workers": [2, 4, 9_999]}, policies, 5)
    said = table.set_index(["workers", "policy"])["refused"]
    assert said[(2, "Synchronous")] == said[(4, "Backup workers (first 4)")] == ""
    assert said[(2, "Backup workers (first 4)")].startswith("policy.wait_for: 4 is not a whole number from 1 to 2")
    assert said[(9_999, "Synchronous")].startswith("workers: 9999 is not a whole number")
    good = table["refused"] == ""
    assert table.loc[good, "epoch_ms"].notna().all()
    assert table.loc[~good, "epoch_ms"].isna().all()


def test_too_much_work_in_a_cell_is_refused_there():
    table = sweep(Scenario(), {"batches": [10, 100_000]}, BOTH, 100)
    assert table["refused"].str.contains("20,000,000").tolist() == [False, False, True, True]


class Dying(ThreadPoolExecutor):
    """An executor that loses every second job."""

    lost = 0

    def submit(self, *args):
        Dying.lost += 1
        if Dying.lost % 2:
            return super().submit(*args)
        job = Future()
        job.set_exception(MemoryError("worker died"))
        return job


def test_a_cell_that_fails_is_reported():
    with Dying(1) as executor:
        table = sweep(Scenario(), {"workers": [2, 3, 4]}, BOTH, 5, executor=executor)
    assert table.groupby("workers")["refused"].first().tolist() == ["", "failed: MemoryError: worker died", ""]


def test_progress_counts_every_cell():
    seen = []
    sweep(Scenario(), GRID, BOTH, 5, progress=lambda done, cells: seen.append((done, cells)))
    assert seen == [(i, 6) for i in range(1, 7)]


def test_stopping_leaves_no_work_behind():
    """What `progress` raises ends the sweep and cancels the cells that have not begun."""
    with ThreadPoolExecutor(1) as executor, pytest.raises(KeyboardInterrupt):
        sweep(Scenario(), {"seed": list(range(500))}, BOTH, 5, executor, lambda done, cells: stop())


def stop():
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({}, "does not name one or two"),
        ({"workers": [1], "batches": [1], "seed": [1]}, "does not name one or two"),
        ([("workers", [1])], "does not name one or two"),
        ({"wokers": [1]}, "'wokers' is unknown; known are workers, batches, compute.mean_ms"),
        ({"policy.bound": [1]}, "'policy.bound' is unknown"),
        ({"compute": [1]}, "'compute' is unknown"),
        ({"workers": []}, "is not a list of values"),
        ({"workers": 4}, "is not a list of values"),
        ({"seed": range(2_501)}, "2,501 cells are more than 2,500"),
    ],
)
def test_what_is_not_a_grid_is_refused(grid, message):
    with pytest.raises(ScenarioError, match=rf"^grid: .*{message}"):
        sweep(Scenario(), grid, BOTH, 5)
