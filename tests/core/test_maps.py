"""Maps: axes, questions, the line of break-even, and answers in words."""

import math

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
    Failures,
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
from core.common.parameters import keys
from core.common.wording import lowered, percent
from core.learning.experiment import learn
from core.learning.quadratic import NoisyQuadratic
from core.links import DEFAULTS, prices_of, scenario_of
from core.maps import (
    AXES,
    QUESTIONS,
    answers,
    axes_for,
    break_even,
    checkpoints_beside,
    ideal_scaling,
    names_of_axes,
    speedup_to_target,
    target_rows,
    values_from,
    winners,
)
from core.policies.registry import POLICIES
from core.report.maps import (
    amount_headline,
    break_even_in_words,
    checkpoints_in_words,
    fastest_headline,
    ideal_in_words,
    lines_headline,
    refusals,
    scaling_headline,
    speedup_headline,
)
from core.simulation.sweeps import changed, changed_prices
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


OF_POLICIES = {key for policy in POLICIES.values() for key in keys(policy).values()}


@given(st.sampled_from([key for key in AXES if key not in OF_POLICIES]), st.data())
def test_a_cell_is_the_scenario_of_its_link(key, data):
    """Changing a parameter by its dotted name, and changing the key of a link, give the same scenario."""
    laws = {"cv": "lognormal", "gumbel_cv": "gumbel", "shift": "exponential", "tail": "pareto"}
    base = {"workers": 8, "law": laws.get(key, "uniform"), "network": "flat"}
    if key in keys(AlphaBeta).values():
        base |= {"network": "ring", "workers_per_node": 1 if key == "workers_per_node" else 8}
    value = data.draw(st.sampled_from(AXES[key]))
    scenario, prices = scenario_of(base), prices_of(base)
    cell = {names_of_axes(scenario, [], prices)[key]: value}
    assert changed(scenario, cell) == scenario_of({**base, key: value})
    assert changed_prices(prices, cell) == prices_of({**base, key: value})


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


def test_where_a_row_breaks_even_is_said():
    """By hand: the first row between 1 and 2, the second one nowhere, the third one twice."""
    values = [0.9, 1.1, 1.2, 0.8, 0.9, 0.95, 1.1, 0.9, 1.1]
    rows = pd.DataFrame({"v0": [1, 2, 5] * 3, "v1": [10] * 3 + [20] * 3 + [1_000] * 3, "value": values})
    assert (
        break_even_in_words(rows, ["Speed", "Size"]) == "Speed at break-even by size: 1–2 at 10, 1–2 and 2–5 at 1,000."
    )
    assert break_even_in_words(rows[3:6], ["Speed", "Size"]) == ""


def test_winners_and_whether_they_are_decided(table):
    best = winners(table, list(GRID)).set_index(list(GRID))
    assert len(best) == 6
    for cell, row in best.iterrows():
        here = table.set_index(list(GRID)).loc[[cell]]
        assert row["epoch_ms"] == here["epoch_ms"].min()
        assert row["lead"] >= 1
        assert row["outcome"] == row["lead_outcome"]  # of two policies
        assert row["level"] == ((row["policy"],) if row["outcome"] == "decided" else tuple(here["policy"]))
    assert best.loc[(0.0, 0), "outcome"] == "equal"  # no jitter, a free network: all the same
    assert best.loc[(0.6, 100), "outcome"] == "decided"


def test_answers_carry_the_verdict(table):
    rows = answers(table, QUESTIONS["speedup"], "Asynchronous")
    assert len(rows) == 6
    assert ((rows["outcome"] == "decided") == ((rows["low"] > 1) | (rows["high"] < 1))).all()
    assert rows["outcome"].iloc[0] == "equal"
    epochs = answers(table, QUESTIONS["epoch"], "Synchronous")
    np.testing.assert_allclose(epochs["value"], table.loc[table["policy"] == "Synchronous", "epoch_ms"] / 1000)
    assert (epochs["outcome"] == "").all()


def rows_of(*cells):
    """Rows of `answers`: a value, its outcome, and the runs that would settle it."""
    return pd.DataFrame(cells, columns=["value", "outcome", "runs"])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (rows_of((1.5, "decided", np.nan), (1.2, "decided", np.nan)), "B is faster than a in both cells."),
        (rows_of((0.5, "decided", np.nan)), "B is slower than a in the only cell."),
        (rows_of((1.0, "equal", np.nan), (1.001, "equal", np.nan)), "B and a tie in both cells: equal within 1\xa0%."),
        (
            rows_of((1.1, "open", 231), (1.1, "open", np.nan)),
            "B or a: open in both cells; about 240 runs of each cell would settle one of these.",
        ),
        (rows_of((1.1, "open", np.nan)), "B or a: open in the only cell; more runs are needed."),
        (
            rows_of((1.1, "decided", np.nan), (0.9, "decided", np.nan), (1, "equal", np.nan), (1.1, "open", 31.0)),
            "B is faster than a in 1 of 4 cells, slower in 1, equal to a within 1\xa0% in 1, open in 1; "
            "about 31 runs of each cell would settle it.",
        ),
        (
            rows_of((1.005, "decided", np.nan), (1.1, "decided", np.nan), (1.2, "open", 1e9)),
            "B is faster than a in 2 of 3 cells (by less than 1\xa0% in 1 of these), open in 1; "
            "a billion runs would not settle it.",
        ),
    ],
)
def test_a_headline_counts_every_cell(rows, said):
    assert speedup_headline(rows, "B", "A") == said


def test_a_headline_says_where_the_winner_changes():
    """Once in each row, from the same one to the other; cells that are not decided may lie between the two only."""
    wins, loses, opens = (1.5, "decided"), (0.5, "decided"), (1.1, "open")

    def said(*rows_of_cells, x=(0.01, 0.02, 0.05), keys=("hiccup_probability", "workers")):
        cells = [(*cell, 9.0, at, up) for up, row in enumerate(rows_of_cells) for at, cell in zip(x, row, strict=True)]
        rows = pd.DataFrame(cells, columns=["value", "outcome", "runs", "v0", "v1"])
        return speedup_headline(rows, "B", "A", keys).partition(" in ")[0]

    assert said((loses, opens, wins), (loses, wins, wins)) == (
        "B is faster than a with hiccups above 1–5\xa0%, depending on the number of workers:"
    )
    assert said((wins, wins, loses), (wins, wins, loses)) == "B is faster than a with hiccups below 2–5\xa0%:"
    assert said((loses, wins, wins), keys=("batches", "jitter"), x=(1, 2, 1000)) == (
        "B is faster than a with number of batches per epoch above 1–2:"
    )
    for rows in (
        [(loses, loses, wins), (wins, wins, loses)],
        [(loses, wins, loses)],
        [(loses, wins, wins), (wins, wins, wins)],
        [(loses, wins, opens)],
        [(opens, loses, wins)],
        [(loses, opens, loses), (loses, loses, wins)],
    ):
        assert said(*rows) == "B is faster than a"


def test_headlines_of_a_sweep(table):
    rows = answers(table, QUESTIONS["speedup"], "Asynchronous")
    counts = numbers(speedup_headline(rows, "Asynchronous", "Synchronous"))
    assert counts[:2] == [((rows["value"] > 1) & (rows["outcome"] == "decided")).sum(), 6]
    assert fastest_headline(table, list(GRID)).startswith("Fastest of 6 cells: ")
    idle = answers(table, QUESTIONS["idle"], "Synchronous")
    low, high = numbers(amount_headline(idle, QUESTIONS["idle"], "Synchronous"))
    assert (low, high) == (pytest.approx(idle["value"].min(), abs=0.05), pytest.approx(idle["value"].max(), abs=0.05))


def test_one_winner_everywhere_and_ties_everywhere():
    slow = Scenario(network=FlatLatency(latency_ms=500))
    table = sweep(slow, {"workers": [2, 4]}, BOTH, 20)
    assert fastest_headline(table, ["workers"]) == "Asynchronous is fastest everywhere on this map."
    same = Scenario(network=FlatLatency(latency_ms=0), compute=Constant())
    table = sweep(same, {"workers": [2, 4]}, BOTH, 20)
    assert (
        fastest_headline(table, ["workers"]) == "Synchronous and asynchronous tie in both cells: equal within 1\xa0%."
    )


def test_nobody_is_called_fastest_who_is_not_decided_against_each_other_one():
    """Rebalanced workers of one speed are sync itself: both are level, and local SGD is far ahead of them or not."""
    policies = [Synchronous(), Rebalanced(), BackupWorkers(wait_for=4)]
    table = sweep(Scenario(), {"workers": [4, 8]}, policies, 30)
    (of_four, of_eight) = winners(table, ["workers"]).to_dict("records")
    assert of_four["level"] == ("Synchronous", "Rebalanced", "Backup workers (first 4)")
    assert of_four["outcome"] == of_eight["outcome"] == "equal"
    one_run = sweep(Scenario(), {"workers": [4]}, BOTH, 1)
    assert winners(one_run, ["workers"])["outcome"].tolist() == ["open"]
    assert fastest_headline(one_run, ["workers"]) == "Fastest of 1 cell: open in 1; more runs are needed."


@pytest.mark.parametrize(
    ("scenario", "workers", "policies"),
    [
        (Scenario(), [1, 4, 16], BOTH),
        (Scenario(), [4, 16], BOTH),
        (Scenario(network=AlphaBeta()), [1, 2, 8], BOTH),
        (Scenario(stragglers=Stragglers(slow_workers=1, slowdown=5)), [1, 8], BOTH),
        (Scenario(), [2, 8], [Synchronous(), Rebalanced(), Asynchronous(), BackupWorkers(wait_for=4)]),
        (Scenario(), [1, 8], [Synchronous()]),
    ],
)
def test_scaling_is_said_as_it_is_drawn(scenario, workers, policies):
    """The share of a named policy is its throughput over the dashed line's; the line touches the best of the fewest."""
    table = sweep(scenario, {"workers": workers}, policies, 20)
    good = table[table["refused"] == ""]
    ideal = ideal_scaling(table)
    fewest = good[good["workers"] == workers[0]]
    drawn = dict(zip(workers, ideal.line(np.array(workers)), strict=True))
    assert drawn[workers[0]] == pytest.approx(fewest["throughput"].max())
    assert drawn[workers[-1]] == pytest.approx(workers[-1] / workers[0] * fewest["throughput"].max())
    words = scaling_headline(table, ideal)
    most = good[good["workers"] == workers[-1]].set_index("policy")["throughput"] / drawn[workers[-1]] * 100
    assert words.startswith(f"With {workers[-1]} workers, ")
    assert ("as much as one does alone under" in ideal_in_words(ideal)) == (workers[0] == 1)
    assert f"of ideal scaling from {workers[0]} worker" in words
    named = [policy for policy in most.index if f"({lowered(policy)})" in words or f" {lowered(policy)} " in words]
    assert {most.idxmax(), most.idxmin()} <= set(named)
    for policy in named:
        assert percent(most[policy]) in words


def test_a_single_number_of_workers_is_no_scaling():
    table = sweep(Scenario(), {"workers": [4]}, BOTH, 5)
    assert ideal_scaling(table) is None
    assert lines_headline(table, QUESTIONS["throughput"], "workers").count(" at 4: ") == 1
    named = lines_headline(table, QUESTIONS["throughput"], "workers", "workers")
    assert named.startswith("Useful throughput by number of workers, at 4: synchronous ")


def test_refusals_are_said_once():
    table = sweep(Scenario(), {"workers": [2, 4]}, [Synchronous(), BackupWorkers(wait_for=3)], 5)
    (said,) = refusals(table)
    assert said.startswith("1 row left out. Gradients to wait for: 3 is not")


def test_a_cell_that_trains_is_what_learning_gives():
    """Times as Learning has them; the speed-up with a t-interval on the mean of the logarithms of its ratios."""
    cell, problem = {"workers": 3}, NoisyQuadratic()
    rows = pd.DataFrame(target_rows(Scenario(), cell, BOTH, problem))
    learnt = learn(Scenario(workers=3), BOTH, problem, seeds=3)
    assert rows["time_to_target_ms"].tolist() == pytest.approx(learnt.policies["time_to_target_ms"].tolist())
    assert rows["reached"].tolist() == learnt.policies["reached"].tolist()
    times = learnt.runs.pivot(index="run", columns="policy", values="time_to_target_ms")
    logs = np.log(times["Synchronous"] / times["Asynchronous"])
    half = 4.302652730 * logs.std() / np.sqrt(3)  # t with two degrees of freedom
    seen = rows.iloc[1][["speedup", "speedup_low", "speedup_high"]].tolist()
    assert seen == pytest.approx(np.exp([logs.mean(), logs.mean() - half, logs.mean() + half]).tolist())
    assert rows["speedup_outcome"].tolist() == ["baseline", "decided" if abs(logs.mean()) > half else "open"]
    assert "is not a whole number" in target_rows(Scenario(), {"workers": 0}, BOTH, problem)[0]["refused"]


def test_runs_that_do_not_reach_the_target_are_counted():
    cells = {"workers": [2, 2, 4, 4], "policy": ["A", "B"] * 2, "refused": "", "trained": 3, "reached": [3, 3, 3, 1]}
    times = {f"time_to_target_ms{ending}": [1e3, 2e3, 2e3, np.nan] for ending in ("", "_low", "_high")}
    table = pd.DataFrame(cells | times)
    target = QUESTIONS["target"]
    assert lines_headline(table, target, "workers").endswith("at 4: a 2\xa0s and b in 1 of 3 runs only.")
    rows = answers(table, target, "B")
    said = "Time to target of b is 2\xa0s in the only cell; not reached in every run in 1 of 2 cells."
    assert amount_headline(rows, target, "B") == said
    assert amount_headline(rows[1:], target, "B") == "Time to target of b: not reached in every run on this map."


@pytest.mark.parametrize(("one", "other"), [([1.0, 2.0], [2.0, np.nan]), ([0.0, 1.0], [1.0, 1.0])])
def test_there_is_no_ratio_of_times_that_are_not_there(one, other):
    found = speedup_to_target(pd.DataFrame({"A": one, "B": other}), "A", "B", 0.05)
    of_nobody = speedup_to_target(pd.DataFrame({"A": one}), "A", "B", 0.05)
    for ratio in (found, of_nobody):
        assert np.isnan([ratio["speedup"], ratio["speedup_low"], ratio["speedup_high"]]).all()


def test_rebalanced_leads_with_a_lead_over_the_next():
    scenario = Scenario(
        workers=4, compute=Constant(), network=FlatLatency(latency_ms=0), stragglers=Stragglers(slow_workers=2)
    )
    table = sweep(scenario, {"stragglers.slowdown": [2.0]}, [Synchronous(), Asynchronous(), Rebalanced()], 3)
    best = winners(table, ["stragglers.slowdown"]).iloc[0]
    assert best["policy"] == "Rebalanced"
    assert best["lead"] == pytest.approx(2 / (4 / 3))  # sizes 4/3 and 2/3: a batch takes 4/3 of the quick workers' time


def test_theory_stands_beside_a_map_over_checkpoints():
    """Young's distance is where Daly's epoch is about the shortest; simulated means are near Daly's."""
    failures, free = Failures(mtbf_hours=0.5, restart_s=20, checkpoint_s=2), FlatLatency(latency_ms=0)
    scenario = Scenario(workers=4, batches=100, compute=Constant(mean_ms=3_000), network=free, failures=failures)
    table = sweep(scenario, {"failures.checkpoint_batches": [2, 5, 10, 25]}, [Synchronous()], 300)
    found = checkpoints_beside(table, scenario, 300_000)
    assert found.best == pytest.approx(math.sqrt(2 * 2_000 * 1_800_000 / 4) / 3_000)
    assert found.simulated == 10
    np.testing.assert_allclose(found.line["ideal"], table["epoch_ms"] / 1000, rtol=0.03)
    said = checkpoints_in_words(found)
    assert "Young's √(2δM), 42.4\N{NO-BREAK SPACE}s of work or 14.1 batches" in said
    assert said.endswith("a checkpoint after every 10 batches is best.")
