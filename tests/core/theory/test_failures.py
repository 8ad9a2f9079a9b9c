"""Failures in theory: the figures of the literature, and runs that agree with what a scenario is expected to take."""

import numpy as np
import pytest

from core import (
    Asynchronous,
    BackupWorkers,
    Constant,
    Failures,
    FlatLatency,
    LocalSGD,
    Scenario,
    Synchronous,
    Uniform,
    replicate,
)
from core.theory.closed_forms import expected
from core.theory.failures import best_interval_ms, elastic_share, push_step_ms, rollback_epoch_ms, rollback_ms

MANY = 10**6  # workers, of which one more or less makes no difference


@pytest.mark.parametrize(
    ("work", "every", "checkpoint", "restart", "together", "daly"),
    [(1000, 50, 2, 10, 300, 1174.1), (1000, 10, 2, 10, 100, 1409.1), (2000, 100, 5, 30, 500, 2481.3)],
)
def test_rollback_of_many_workers_is_dalys(work, every, checkpoint, restart, together, daly):
    assert rollback_ms(work, every, checkpoint, restart, together * MANY, MANY) == pytest.approx(daly, abs=0.05)


def test_youngs_interval_is_close_to_the_best():
    """Of all intervals, none saves more than half a percent over √(2δM)."""
    times = {every: rollback_ms(1000, every, 2, 10, 400, 1) for every in np.arange(5.0, 200.0, 0.5)}
    assert best_interval_ms(2, 400) == 40
    assert times[40.0] <= 1.005 * min(times.values())


def test_shares_and_pushes():
    assert push_step_ms(1, 4, 20) == pytest.approx(1.2305, abs=5e-5)
    assert elastic_share(1, 10, 989) == pytest.approx(0.989)
    assert rollback_ms(1000, 1000, 0, 10, 1, 1) == np.inf


FAILURES = Failures(mtbf_hours=0.2, restart_s=8, checkpoint_batches=4, checkpoint_s=1)


@pytest.mark.parametrize("policy", [Synchronous(), BackupWorkers(wait_for=3), LocalSGD(period=3)])
@pytest.mark.parametrize("every", [0, 4, 5])
def test_an_epoch_with_rollback_takes_what_is_expected(policy, every):
    """Within four standard errors of 3,000 runs; a last stretch without a checkpoint among them."""
    failures = Failures(mtbf_hours=0.2, restart_s=8, checkpoint_batches=every, checkpoint_s=1)
    scenario = Scenario(
        batches=14,
        compute=Constant(mean_ms=9_000),
        network=FlatLatency(latency_ms=1_000),
        policy=policy,
        failures=failures,
    )
    figure = expected(scenario)["epoch_ms"]
    assert figure.holds == "approximate"
    epochs = replicate(scenario, 3_000)["epoch_ms"]
    assert abs(epochs.mean() - figure.value) < 4 * epochs.std() / np.sqrt(3_000)


def test_a_worker_alone_is_exact():
    scenario = Scenario(workers=1, compute=Constant(), failures=FAILURES)
    assert expected(scenario)["epoch_ms"].holds == "exact"


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(failures=FAILURES),
        Scenario(failures=FAILURES, policy=Asynchronous()),
        Scenario(failures=Failures(mtbf_hours=1, recovery="elastic"), compute=Constant()),
        Scenario(failures=FAILURES, compute=Uniform(jitter=0.5)),
    ],
)
def test_what_theory_does_not_know_it_does_not_say(scenario):
    assert "epoch_ms" not in expected(scenario)
    assert rollback_epoch_ms(scenario) is None
