"""What failures cost in theory: rollback to checkpoints, elastic groups, pushes that are lost."""

from collections.abc import Sequence

import numpy as np

from core.policies.barrier import LocalSGD, checkpointed_rows
from core.scenario import Scenario
from core.theory.order_statistics import LARGEST_ERROR
from core.workload.compute_laws import Constant
from core.workload.failures import (
    best_interval_ms,
    elastic_share,
    push_step_ms,
    restart_mean_ms,
    rollback_ms,
)

__all__ = [
    "best_interval_ms",
    "elastic_share",
    "epochs_saved_every",
    "push_step_ms",
    "restart_mean_ms",
    "rollback_epoch_ms",
    "rollback_ms",
]


def rollback_epoch_ms(scenario: Scenario) -> tuple[float, float] | None:
    """Mean epoch with a barrier and rollback, where every mini-batch takes the same time.

    The sum of `rollback_ms` over the stretches between two checkpoints.

    Args:
        scenario: what is run.

    Returns:
        The mean in ms, and how far it may be above the exact one, as a share: two workers that are down together cannot
        both fail again. None for other policies, recoveries and laws.

    Source:
        Daly 2006.

    Example:
        >>> from core import Constant, Failures, FlatLatency, Scenario
        >>> from core.theory.failures import rollback_epoch_ms
        >>> failures = Failures(mtbf_hours=1, restart_s=30, checkpoint_batches=5, checkpoint_s=2)
        >>> scenario = Scenario(compute=Constant(mean_ms=10_000), network=FlatLatency(latency_ms=0), failures=failures)
        >>> mean_ms, error = rollback_epoch_ms(scenario)
        >>> round(mean_ms / 1000, 1), error < 1e-3
        (110.7, True)

    """
    failures, policy, workers = scenario.failures, scenario.policy, scenario.workers
    varied = scenario.stragglers.persistent or scenario.stragglers.transient or scenario.stragglers.episodic
    if not failures.any or not policy.has_barrier or policy.goes_on_without(failures.recovery) or varied:
        return None
    if not isinstance(scenario.compute, Constant):
        return None
    rows = policy.rows(workers, scenario.batches)
    period = policy.period if isinstance(policy, LocalSGD) else 1
    saved = checkpointed_rows(rows, failures.checkpoint_batches, period)
    network = scenario.network.barrier_ms(workers)
    total, begun = 0.0, 0
    ends = [row + 1 for row in range(rows) if saved[row]]
    for end in [*ends, *([rows] if not ends or ends[-1] < rows else [])]:
        rounds = -(-(end - begun) // period)
        length = (end - begun) * scenario.compute.mean_ms + rounds * network
        cost = failures.checkpoint_ms if saved[end - 1] else 0.0
        total += rollback_ms(length, length, cost, failures.restart_ms, failures.mtbf_ms, workers)
        begun = end
    rate = 1 / failures.mtbf_ms
    most, least = (restart_mean_ms(max(0, others) * rate, failures.restart_ms) for others in (workers - 1, workers - 2))
    return total, (most - least) / (1 / (workers * rate) + least)


def epochs_saved_every(scenario: Scenario, every: Sequence[float], without_ms: float) -> np.ndarray:
    """Mean epochs with rollback, by how many mini-batches are from one checkpoint to the next.

    Daly's mean time of as much work as the epoch has without failures, whatever the times of its mini-batches.

    Args:
        scenario: what is run, under a policy with a barrier.
        every: mini-batches from one checkpoint to the next; as many as the epoch has, or more, for no checkpoint.
        without_ms: mean time of the epoch without failures and checkpoints, ms.

    Returns:
        The mean of each, ms; infinite where it is too large for a number.

    Source:
        Daly 2006.

    Example:
        >>> from core import Failures, Scenario
        >>> from core.theory.failures import epochs_saved_every
        >>> failures = Failures(mtbf_hours=1, restart_s=30, checkpoint_s=2)
        >>> (epochs_saved_every(Scenario(batches=100, failures=failures), (1, 10, 50), 1_000_000) / 1000).round()
        array([1249., 1117., 1390.])

    """
    failures, step_ms = scenario.failures, without_ms / scenario.batches
    found = []
    for batches in every:
        saves = batches < scenario.batches
        work_ms, cost_ms = (batches * step_ms, failures.checkpoint_ms) if saves else (without_ms, 0.0)
        found.append(rollback_ms(without_ms, work_ms, cost_ms, failures.restart_ms, failures.mtbf_ms, scenario.workers))
    return np.array(found)


def holds(error: float) -> str:
    """How far such a mean holds: exact, approximate (at most 0.5 % off), or not at all."""
    return "exact" if not error else "approximate" if error <= LARGEST_ERROR else ""
