"""Maps: axes, questions, the line of break-even, and answers in words."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Constant,
    FlatLatency,
    Gumbel,
    Measured,
    Rebalanced,
    Scenario,
    ScenarioError,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    sweep,
)
from core.learning.experiment import learn
from core.learning.quadratic import NoisyQuadratic
from core.links import DEFAULTS, scenario_of
from core.maps import AXES, QUESTIONS, answers, axes_for, break_even, target_rows, values_from, winners
from core.report.maps import (
    amount_headline,
    fastest_headline,
    lines_headline,
    refusals,
    scaling_headline,
    speedup_headline,
)
from core.scenario import dotted_names
from core.simulation.sweeps import changed
from tests.words import numbers

BOTH = [Synchronous(), Asynchronous()]
GRID = {"compute.jitter": [0.0, 0.3, 0.6], "network.latency_ms": [0, 100]}


@pytest.fixture(scope="module")
def table():
    return sweep(Scenario(), GRID, BOTH, 50)


def test_every_axis_is_a_key_of_a_link_and_a_parameter():
    assert AXES.keys() <= DEFAULTS.keys()
    scenarios = [Scenario(compute=Gumbel()), Scenario(network=AlphaBeta()), Scenario()]
    policies = [StaleSynchronous(), BackupWorkers(wait_for=2), Asynchronous()]
    assert {"gumbel_cv", "latency_ms", "bound", "wait_for", "accumulate"} <= set(axes_for(scenarios[0], policies))
    assert {"alpha_ms", "bandwidth_gbps", "jitter"} <= set(axes_for(scenarios[1], BOTH))
    assert "bound" not in axes_for(Scenario(), BOTH)
    measured = Scenario(workers=2, compute=Measured(compute_ms=[[1, 2], [3, 4]]))
    assert not {"jitter", "batch_ms"} & set(axes_for(measured, BOTH))


@given(st.sampled_from([key for key in AXES if key not in ("bound", "wait_for", "period", "accumulate")]), st.data())
def test_a_cell_is_the_scenario_of_its_link(key, data):
    """Changing a parameter by its dotted name, and changing the key of a link, give the same scenario."""
    laws = {"cv": "lognormal", "gumbel_cv": "gumbel", "shift": "exponential", "tail": "pareto"}
    links = key in ("alpha_ms", "bandwidth_gbps", "message_mb", "servers", "overlap")
    base = {"workers": 8, "law": laws.get(key, "uniform"), "network": "ring" if links else "flat"}
    value = data.draw(st.sampled_from(AXES[key]))
    scenario = scenario_of(base)
    assert changed(scenario, {dotted_names(scenario)[key]: value}) == scenario_of({**base, key: value})


def test_values_of_an_axis():
    assert values_from("workers", " ") == AXES["workers"]
    assert values_from("workers", "8, 2;4,") == (2, 4, 8)
    assert all(isinstance(value, int) for value in values_from("workers", "8,2"))
    assert values_from("jitter", "0.5, 0") == (0.0, 0.5)


@pytest.mark.parametrize("text", ["a", "1,,x", "1,1", "nan", "inf", ",", "1 2", ",".join(map(str, range(41)))])
def test_what_are_not_values_is_refused(text):
    with pytest.raises(ScenarioError, match=r"^values of workers: "):
        values_from("workers", text)


def test_break_even_goes_between_cells_on_different_sides():
    """By hand: 1.2 lies among three smaller ones; a 1 and a NaN are on neither side."""
    edges = break_even(np.array([[0.8, 0.9, 1.0], [0.8, 1.2, np.nan]]))
    assert sorted(map(tuple, edges.to_numpy().tolist())) == [(1, 1, 1, 2), (1, 1, 2, 1)]
    assert break_even(np.ones((3, 3))).empty
    assert break_even(np.array([[2.0]])).empty


def test_winners_and_whether_their_lead_is_decided(table):
    best = winners(table, list(GRID)).set_index(list(GRID))
    for cell, row in best.iterrows():
        here = table.set_index(list(GRID)).loc[[cell]]
        assert row["epoch_ms"] == here["epoch_ms"].min()
        assert row["lead"] >= 1
        assert row["decided"] == (row["lead_low"] > 1)
    assert not best.loc[(0.0, 0), "decided"]  # no jitter, a free network: all the same
    assert best.loc[(0.6, 100), "decided"]


def test_answers_mark_intervals_that_contain_1(table):
    rows = answers(table, QUESTIONS["speedup"], "Asynchronous")
    assert len(rows) == 6
    assert (rows["decided"] == ((rows["low"] > 1) | (rows["high"] < 1))).all()
    assert not rows["decided"].iloc[0]
    epochs = answers(table, QUESTIONS["epoch"], "Synchronous")
    np.testing.assert_allclose(epochs["value"], table.loc[table["policy"] == "Synchronous", "epoch_ms"] / 1000)
    assert epochs["decided"].all()


def test_headlines_count_cells(table):
    rows = answers(table, QUESTIONS["speedup"], "Asynchronous")
    faster, cells = numbers(speedup_headline(rows, "Asynchronous", "Synchronous"))[:2]
    assert (faster, cells) == (((rows["value"] > 1) & rows["decided"]).sum(), 6)
    counts = numbers(fastest_headline(table, list(GRID)))
    assert counts in ([6, *sorted(counts[1:], reverse=True)], [])
    idle = answers(table, QUESTIONS["idle"], "Synchronous")
    low, high = numbers(amount_headline(idle, QUESTIONS["idle"], "Synchronous", list(GRID)))
    assert (low, high) == (pytest.approx(idle["value"].min(), abs=0.05), pytest.approx(idle["value"].max(), abs=0.05))


def test_one_winner_everywhere():
    slow = Scenario(network=FlatLatency(latency_ms=500))
    table = sweep(slow, {"workers": [2, 4]}, BOTH, 20)
    assert fastest_headline(table, ["workers"]) == "Asynchronous is fastest everywhere on this map."


def test_scaling_states_the_share_of_the_ideal():
    table = sweep(Scenario(), {"workers": [1, 16]}, BOTH, 50)
    words = scaling_headline(table)
    most = table[table["workers"] == 16].set_index("policy")["utilization_percent"]
    assert words.startswith("With 16 workers, asynchronous runs at")
    assert numbers(words)[1:] == [
        pytest.approx(most["Asynchronous"], abs=0.05),
        pytest.approx(most["Synchronous"], abs=0.05),
    ]
    assert "at 1: synchronous" in lines_headline(table, QUESTIONS["throughput"], "workers")


def test_refusals_are_said_once():
    table = sweep(Scenario(), {"workers": [2, 4]}, [Synchronous(), BackupWorkers(wait_for=3)], 5)
    (said,) = refusals(table)
    assert said.startswith("1 row left out. policy.wait_for: 3")


def test_a_cell_that_trains_is_what_learning_gives():
    cell, problem = {"workers": 3}, NoisyQuadratic()
    rows = pd.DataFrame(target_rows(Scenario(), cell, BOTH, problem))
    table = learn(Scenario(workers=3), BOTH, problem, seeds=3).policies
    assert rows["time_to_target_ms"].tolist() == table["time_to_target_ms"].tolist()
    assert rows["speedup_low"].tolist() == table["speedup_low"].tolist()
    assert "is not a whole number" in target_rows(Scenario(), {"workers": 0}, BOTH, problem)[0]["refused"]


def test_rebalanced_leads_with_a_lead_over_the_next():
    scenario = Scenario(
        workers=4, compute=Constant(), network=FlatLatency(latency_ms=0), stragglers=Stragglers(slow_workers=2)
    )
    table = sweep(scenario, {"stragglers.slowdown": [2.0]}, [Synchronous(), Asynchronous(), Rebalanced()], 3)
    best = winners(table, ["stragglers.slowdown"]).iloc[0]
    assert best["policy"] == "Rebalanced"
    assert best["lead"] == pytest.approx(2 / (4 / 3))  # sizes 4/3 and 2/3: a batch takes 4/3 of the quick workers' time
