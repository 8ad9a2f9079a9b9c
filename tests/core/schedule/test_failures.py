"""What each failure of a run cost, traced by hand, and what must add up."""

from dataclasses import replace

import numpy as np
import pytest

from core import (
    Asynchronous,
    BackupWorkers,
    Constant,
    Failures,
    FlatLatency,
    KAsync,
    LocalSGD,
    Scenario,
    StaleSynchronous,
    Synchronous,
    simulate,
)

SMALL = Scenario(workers=2, batches=4, compute=Constant(mean_ms=1000), network=FlatLatency(latency_ms=0))
OFTEN = replace(SMALL, workers=4, batches=60, failures=Failures(mtbf_hours=0.01, restart_s=4, checkpoint_batches=5))


@pytest.mark.parametrize(
    ("recovery", "policy", "back", "lost"),
    [
        ("rollback", Synchronous(), 6500, (4, 3000)),  # both workers' third batch, and half of the fourth
        ("elastic", Synchronous(), 5000, (1, 500)),  # W1 does the last one, and the epoch ends before W0 is back
        ("elastic", LocalSGD(period=4), 6500, (4, 3500)),
        ("rollback", Asynchronous(), 6500, (1, 500)),
    ],
)
def test_what_a_failure_costs_traced_by_hand(recovery, policy, back, lost):
    """W0 fails at 3.5 s, in its fourth batch, and is down for 3 s; a checkpoint was taken after the second."""
    failures = Failures(restart_s=3, recovery=recovery, checkpoint_batches=2)
    found = simulate(replace(SMALL, failures=failures, policy=policy), failures_ms=[[3500.0, np.nan]]).failures()
    assert found.values.tolist() == [[0, 3500, back, back - 3500, *lost]]


def test_a_failure_during_a_restart_loses_no_work():
    failures = Failures(restart_s=3, checkpoint_batches=1)
    found = simulate(replace(SMALL, failures=failures), failures_ms=[[1500.0, 2500.0], [2000.0, np.nan]]).failures()
    assert found[["worker", "failed_ms", "lost_ms"]].values.tolist() == [[0, 1500, 1000], [1, 2500, 0]]


def test_nobody_failed():
    assert simulate(SMALL).failures().empty
    assert simulate(replace(SMALL, failures=Failures(mtbf_hours=1e6))).failures().empty


@pytest.mark.parametrize("recovery", ["rollback", "elastic"])
@pytest.mark.parametrize(
    "policy",
    [
        Synchronous(),
        LocalSGD(period=3),
        Asynchronous(),
        Asynchronous(assignment="shared"),
        StaleSynchronous(),
        BackupWorkers(wait_for=3),
        KAsync(wait_for=2),
    ],
    ids=lambda policy: policy.text,
)
def test_failures_account_for_down_time_and_lost_work(recovery, policy):
    """All of both, but for work that the policy itself throws away."""
    run = simulate(replace(OFTEN, policy=policy, failures=replace(OFTEN.failures, recovery=recovery)))
    found, whole = run.failures(), run.scenario.workers * run.metrics.epoch_ms / 100
    assert len(found) == run.metrics.failures > 0
    assert found["failed_ms"].is_monotonic_increasing
    assert found["down_ms"].sum() == pytest.approx(run.metrics.down_percent * whole)
    thrown_ms = run.metrics.cancelled_percent * whole
    if isinstance(policy, BackupWorkers | KAsync) or (recovery == "elastic" and policy.has_barrier):
        assert 0 < found["lost_ms"].sum() <= thrown_ms * (1 + 1e-12)
    else:
        assert found["lost_ms"].sum() == pytest.approx(thrown_ms)
