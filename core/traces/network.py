"""What the network cost a measured run, step by step."""

import numpy as np

from core.common.validation import TIME_RANGE_MS, ScenarioError
from core.traces.trace import Trace
from core.workload.networks import AlphaBeta, FlatLatency


def barrier_costs_ms(trace: Trace) -> np.ndarray:
    """What each step took beyond its slowest mini-batch, (steps,) in ms: the network's cost after its barrier.

    A worker's step is its compute, wait and comm, as far as they were measured. A step lasts until the last worker is
    through, so its barrier cost is the longest of them less the longest compute, and the synchronous replay adds up to
    the sum of the measured steps. Nothing but compute measured: no cost.
    """
    spent = trace.compute_ms + sum(times for times in (trace.wait_ms, trace.comm_ms) if times is not None)
    return (spent.max(axis=1) - trace.compute_ms.max(axis=1)).clip(0)


def mean_network(trace: Trace) -> FlatLatency:
    """A network that takes the mean barrier cost for each mini-batch, with a barrier or without one."""
    mean = min(float(barrier_costs_ms(trace).mean()), TIME_RANGE_MS[1])
    return FlatLatency(latency_ms=mean, async_fraction=1, async_least=1)


def fitted_links(trace: Trace, links: AlphaBeta) -> AlphaBeta:
    """Links with the efficiency that a measured run shows: its median step pays what they cost after a barrier.

    Args:
        trace: a run whose waiting or communication was measured, too; nothing of which was hidden under computing.
        links: what they are by the data sheet, with the size of the gradients as `message_mb`.

    Raises:
        ScenarioError: where the trace has no network time, or less than the links cost at best.

    Source:
        `barrier_costs_ms` of each step; the median, as single steps may have paid for something else.

    """
    cost = float(np.median(barrier_costs_ms(trace)))
    if not cost:
        raise ScenarioError("trace: it has no network time; give it columns of waiting or communication, too.")
    return links.fitted(trace.workers, {links.message_mb: cost})
