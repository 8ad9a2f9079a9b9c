"""One small epoch under every policy, small enough to check on paper: shown on the Method page and traced in a test."""

import numpy as np

from core.policies import (
    Asynchronous,
    BackupWorkers,
    KAsync,
    LocalSGD,
    Rebalanced,
    StaleSynchronous,
    Synchronous,
)
from core.scenario import Scenario
from core.simulation.run import Run, simulate
from core.workload.compute_laws import Constant
from core.workload.networks import FlatLatency

POLICIES = (
    Synchronous(),
    Asynchronous(),
    Asynchronous(assignment="shared"),
    StaleSynchronous(bound=1),
    BackupWorkers(wait_for=2),
    KAsync(wait_for=2),
    LocalSGD(period=2),
    Rebalanced(),
)
COMPUTE_MS = np.array([[30, 40, 50], [40, 30, 90], [30, 50, 40], [50, 40, 30], *[[40, 40, 40]] * 8])
"""Steps × workers; W2's second mini-batch is a hiccup. The last rows are for policies that start more than four."""
PUSH_MS = np.full(COMPUTE_MS.shape, 5)
SCENARIO = Scenario(
    workers=3, batches=4, compute=Constant(mean_ms=40), network=FlatLatency(latency_ms=10, async_fraction=1)
)


def examples() -> list[Run]:
    """The example under each policy: three workers, four mini-batches each, 10 ms after a barrier, 5 ms a push."""
    scenarios = [Scenario(**{**vars(SCENARIO), "policy": policy}) for policy in POLICIES]
    return [simulate(scenario, compute_ms=COMPUTE_MS, network_ms=PUSH_MS) for scenario in scenarios]
