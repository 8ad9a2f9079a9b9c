"""What others hold on to: links that were kept, and the names of the public API."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import core
from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    FlatLatency,
    KAsync,
    LocalSGD,
    Rebalanced,
    Scenario,
    ScenarioError,
    StaleSynchronous,
    Synchronous,
    Workload,
    compare,
    simulate,
    sweep,
)
from core.links import link_values, scenario_of
from tests.paths import DATA

KEPT = json.loads((DATA / "kept_links.json").read_text())
NAMES = """AlphaBeta Asynchronous BackupWorkers Constant FlatLatency Gumbel KAsync LocalSGD LogNormal Measured Pareto
Rebalanced Run Scenario ScenarioError ShiftedExponential StaleSynchronous Stragglers Synchronous Trace Uniform compare
read_trace replicate simulate sweep
Workload Verdict verdict diagnose what_if learn replay required_bandwidth"""


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept["link"][:60] or "defaults")
def test_a_kept_link_gives_its_numbers(kept):
    """Written down when the link was kept; only a raised MODEL_VERSION, said in the change log, may change them."""
    figures = simulate(scenario_of(link_values(kept["link"]))).metrics
    for name in ("epoch_ms", "idle_percent", "throughput", "mean_staleness"):
        assert getattr(figures, name) == pytest.approx(kept[name], rel=1e-12)


def test_names_of_the_public_api_stay():
    assert set(NAMES.split()) <= set(core.__all__)


def test_every_public_name_has_one_obvious_path():
    """As the README shows them, after any other import."""
    import core.learning
    import core.traces

    assert callable(core.simulate)
    assert core.learning.replay is core.replay
    assert core.learning.learn is core.learn
    assert core.traces.read_trace is core.read_trace
    assert core.traces.diagnose is core.diagnose
    assert core.traces.what_if is core.what_if
    assert core.learning.Digits().name
    assert core.learning.NoisyQuadratic().name
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?", core.__version__)


POLICIES = [
    Synchronous(),
    Asynchronous(),
    Asynchronous(accumulate=3),
    Asynchronous(assignment="shared"),
    StaleSynchronous(bound=1),
    BackupWorkers(wait_for=2),
    KAsync(wait_for=2),
    LocalSGD(period=2),
    LocalSGD(period=99),
    Rebalanced(),
]
TABLES = ("segments", "gradients", "barriers", "contributions", "staleness_counts", "worker_shares")


@pytest.mark.parametrize("network", [FlatLatency(), FlatLatency(latency_ms=0), AlphaBeta()])
@pytest.mark.parametrize("table", TABLES)
def test_the_types_of_a_table_do_not_depend_on_the_policy(table, network):
    """Nor on whether it is empty."""
    types = [
        getattr(simulate(Scenario(policy=policy, network=network)), table)().dtypes.to_dict() for policy in POLICIES
    ]
    assert all(each == types[0] for each in types)


def test_a_column_of_gradients_for_every_way_to_read_it():
    """`update` is a method of data frames; the column of that name is kept for those who read it so."""
    table = simulate(Scenario(policy=Asynchronous())).gradients()
    assert (table.update_number == table["update"]).all()
    assert sorted(table.update_number) == list(range(40))
    others = [name for name in table if callable(getattr(pd.DataFrame, name, None))]
    assert others == ["update"]


@pytest.mark.parametrize("kind", [list, tuple, iter, pd.Series, lambda policies: np.array(policies, dtype=object)])
def test_policies_come_as_any_sequence(kind):
    policies = [Synchronous(), Asynchronous()]
    assert compare(Scenario(), kind(policies), 5).equals(compare(Scenario(), policies, 5))
    assert sweep(Scenario(), {"workers": [2]}, kind(policies), 5).equals(
        sweep(Scenario(), {"workers": [2]}, policies, 5)
    )


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Index, pd.Series, iter])
def test_values_of_an_axis_come_as_any_sequence(kind):
    asked = sweep(Scenario(), {"workers": kind([2, 3])}, replicates=5)
    assert asked["workers"].tolist() == [2, 3]
    assert (asked["refused"] == "").all()


@pytest.mark.parametrize("values", [[2, 3, 2], [2, 2.0], (0.1, 0.1), np.array([4, 4])])
def test_a_value_of_an_axis_that_is_there_twice_is_refused(values):
    with pytest.raises(ScenarioError, match=r"grid: .* is there twice"):
        sweep(Scenario(), {"workers": values})


def test_a_workload_is_a_scenario_without_its_policy():
    """Comparisons take either, and give the same."""
    scenario = Scenario(workers=3, seed=7, policy=KAsync(wait_for=2))
    workload = Workload(workers=3, seed=7)
    assert scenario.workload == workload
    policies = [Synchronous(), Asynchronous()]
    assert compare(workload, policies, 5).equals(compare(scenario, policies, 5))
    grid = {"compute.jitter": [0.1, 0.3]}
    assert sweep(workload, grid, policies, 5).equals(sweep(scenario, grid, policies, 5))
    assert Workload.from_dict(workload.to_dict()) == workload
    with pytest.raises(ScenarioError, match="is not a Scenario"):
        sweep(workload, grid)
