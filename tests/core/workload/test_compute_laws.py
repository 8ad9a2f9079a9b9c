"""Measured compute times: replayed to the letter, and what is not a table refused."""

import numpy as np
import pytest

from core import (
    Asynchronous,
    BackupWorkers,
    FlatLatency,
    Measured,
    Rebalanced,
    Scenario,
    ScenarioError,
    Stragglers,
    replicate,
    simulate,
)
from core.workload.compute_laws import block_length, correlated_steps

TABLE = np.random.default_rng(4).uniform(50, 150, (12, 3))


def measured(batches, **changes):
    return Scenario(workers=3, batches=batches, compute=Measured(compute_ms=TABLE), **changes)


@pytest.mark.parametrize("batches", [1, 7, 12])
def test_a_measured_table_is_replayed_exactly(batches):
    """In every run: with sync on a fixed network, nothing is left to chance."""
    given = simulate(Scenario(workers=3, batches=batches), compute_ms=TABLE)
    assert simulate(measured(batches)).metrics == given.metrics
    assert replicate(measured(batches), 20)["epoch_ms"].nunique() == 1


def test_more_steps_are_whole_rows_of_the_table_again():
    from core.workload.draws import Draws

    times = Draws(measured(40), runs=5).compute_ms
    np.testing.assert_array_equal(times[:12], np.repeat(TABLE[..., None], 5, axis=2))
    rows = {tuple(row) for row in TABLE}
    for run in range(5):
        assert {tuple(row) for row in times[12:, :, run]} <= rows
    assert (times[12:, :, 0] != times[12:, :, 1]).any()


def test_they_come_in_blocks_of_consecutive_rows():
    """As long as the square root of the steps, or as slowness lasts: half a trace slow, half quick."""
    law = Measured(compute_ms=np.arange(1.0, 101)[:, None] + np.zeros(3))
    numbers = law.draw(np.random.default_rng(1), (20, 260, 3))[..., 0] - 1
    assert (numbers[:, :100] == np.arange(100)).all()
    later = numbers[:, 100:].reshape(20, 16, 10)
    np.testing.assert_array_equal(np.diff(later, axis=2) % 100, 1)
    assert len(np.unique(later[..., 0])) > 90
    slow = np.where(np.arange(100)[:, None] < 50, [2.0, 1, 1], 1.0) * np.random.default_rng(2).gamma(9_999, 1, (100, 3))
    assert block_length(slow) == 25
    assert block_length(np.random.default_rng(3).gamma(99, 1, (100, 3))) == 10
    assert correlated_steps(np.random.default_rng(3).gamma(99, 1, (100, 3))) == 1


def test_policies_that_need_more_rows_go_on_in_the_table():
    """Backup workers that start 12 batches for an epoch of 4 see all 12 measured rows, in order."""
    scenario = measured(4, policy=BackupWorkers(wait_for=1))
    given = simulate(Scenario(workers=3, batches=4, policy=BackupWorkers(wait_for=1)), compute_ms=TABLE)
    assert simulate(scenario).metrics == given.metrics


def test_stragglers_come_on_top():
    slower = simulate(measured(5, stragglers=Stragglers(slow_workers=3, slowdown=2))).gradients()
    plain = simulate(measured(5)).gradients()
    np.testing.assert_allclose(slower["ready_ms"] - slower["read_ms"], 2 * (plain["ready_ms"] - plain["read_ms"]))


def test_rebalanced_knows_the_measured_speeds():
    """As with the same table given as draws; one slow worker no longer sets the pace."""
    table = np.array(TABLE)
    table[:, 0] *= 2.36
    law, free = Measured(compute_ms=table), FlatLatency(latency_ms=0)
    question = {"workers": 3, "batches": 12, "network": free}
    ours = simulate(Scenario(**question, compute=law, policy=Rebalanced())).metrics.epoch_ms
    given = simulate(Scenario(**question, policy=Rebalanced()), compute_ms=table).metrics.epoch_ms
    assert ours == pytest.approx(given)
    assert ours < 0.8 * simulate(Scenario(**question, compute=law)).metrics.epoch_ms


def test_mean_name_and_plain_dict():
    law = Measured(compute_ms=TABLE)
    assert law.mean_ms == pytest.approx(TABLE.mean())
    assert law == Measured(compute_ms=TABLE.tolist())
    assert hash(law) == hash(Measured(compute_ms=TABLE.tolist()))
    assert "12 steps × 3 workers" in repr(law)
    assert repr(law) != repr(Measured(compute_ms=TABLE + 1))
    scenario = measured(5, policy=Asynchronous())
    assert Scenario.from_dict(scenario.to_dict()) == scenario


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "is not a table"),
        ([1, 2], "is not a table"),
        ([[1, 2], [3]], "is not a table"),
        ("table", "is not a table"),
        ([["a", "b"]], "is not a table"),
        ([[1, 0]], "0 at step 0, worker 1 is not a number from"),
        ([[1, 2], [np.nan, 2]], "nan at step 1, worker 0"),
        ([[1, 2], [3, 1e13]], "at step 1, worker 1"),
    ],
)
def test_what_is_not_a_table_is_refused(table, message):
    with pytest.raises(ScenarioError, match=rf"^compute\.compute_ms: .*{message}"):
        Measured(compute_ms=table)


def test_a_table_of_another_number_of_workers_is_refused():
    with pytest.raises(ScenarioError, match=r"^workers: 4 do not fit a measured table of 3 workers"):
        Scenario(workers=4, compute=Measured(compute_ms=TABLE))
