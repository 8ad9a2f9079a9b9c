"""What exchanges cost where part of them is hidden: buckets beside the backward pass, averages that come later.

t is the cost of an exchange, K its buckets, c a mini-batch's compute time, b the backward pass as a share of it.
"""

import numpy as np

from core.policies.averages import balanced_steps
from core.policies.barrier import LocalSGD
from core.scenario import Scenario
from core.theory.order_statistics import Groups, at_most_ms
from core.workload.draws import Draws


def bucket_exposed_ms(exchange_ms: float, buckets: int, lead_ms: float) -> float:
    """What is left of an exchange after its barrier: max(t/K, t − lead), lead = b·c·(1 − 1/K).

    Args:
        exchange_ms: t, of all buckets together, ms.
        buckets: K.
        lead_ms: how long before the barrier the first bucket is ready on all workers, ms.

    Returns:
        The exposed time in ms.

    Source:
        K jobs that get ready at even distances and pass one after the other: the last is done either when all have
        passed without a pause, or one pass after it got ready (textbook).

    Example:
        >>> from core.theory.communication import bucket_exposed_ms
        >>> round(bucket_exposed_ms(80, 10, 2 / 3 * 100 * (1 - 1 / 10)), 6)
        20.0

    """
    return max(exchange_ms / buckets, exchange_ms - lead_ms)


def delayed_average_exposed_ms(exchange_ms: float, delay: int, batch_ms: float) -> float:
    """What a worker waits for an average that it takes in some batches later, constant times: max(0, t − d·c).

    Args:
        exchange_ms: t, after the last worker has sent its parameters, ms.
        delay: d, batches.
        batch_ms: c, ms.

    Returns:
        The time that is waited in each round, ms.

    Source:
        Douillard et al. 2025, arXiv 2501.18512.

    """
    return max(0.0, exchange_ms - delay * batch_ms)


def mean_exposed_ms(scenario: Scenario, groups: Groups, k: int) -> float | None:
    """Mean of what is left of an exchange that waits for k of N workers, each with a mini-batch of its own.

    E max(t/K, t − s·X) = t/K + s·(u − E min(X, u)), u = (t − t/K)/s, with s = b(1 − 1/K) and X the k-th fastest of N.

    Args:
        scenario: whose compute times and network.
        groups: how many workers there are of each speed.
        k: how many are waited for.

    Returns:
        The mean in ms; None where the distribution of X is not known.

    """
    network = scenario.network
    total, share = network.barrier_ms(scenario.workers), network.head_start
    if not share:
        return total
    least = float(network.exposed_ms(np.array(total), np.array(np.inf)))
    until = (total - least) / share
    shorter = at_most_ms(scenario.compute, scenario.stragglers, groups, k, until)
    return None if shorter is None else least + share * (until - shorter)


def delayed_epoch_ms(scenario: Scenario, policy: LocalSGD, batch_ms: float) -> float:
    """The epoch of equal workers with constant times that take averages of all parameters in later.

    Args:
        scenario: whose batches and network.
        policy: with a delay, and without fragments.
        batch_ms: what each mini-batch takes, ms.

    Returns:
        The epoch in ms: B·c, what is waited for each average (`delayed_average_exposed_ms`), and the last one.

    """
    network, batches = scenario.network, scenario.batches
    total = network.barrier_ms(scenario.workers)
    after = float(network.exposed_ms(np.array(total), np.array(network.head_start * batch_ms)))
    averages, rest = -(-batches // policy.period), batches % policy.period
    late = averages > 1 and 0 < rest < policy.delay  # the last but one is still under way at the end
    waits = (averages - 1 - late) * delayed_average_exposed_ms(after, policy.delay, batch_ms)
    last = max(after, after - rest * batch_ms + total) if late else after
    return batches * batch_ms + waits + last


def balanced_epoch_ms(scenario: Scenario, policy: LocalSGD) -> float:
    """The epoch in balanced rounds of workers with constant times: each takes the longest of n_w·c_w, and the exchange.

    With fragments a round ends after H/P batches on average, and exchanges one of P parts.
    """
    slowness, every = Draws(scenario).slowness, policy.period // policy.fragments
    rounds, rest = divmod(scenario.batches, every)
    steps = [balanced_steps(slowness, every)] * rounds + [balanced_steps(slowness, rest)] * (rest > 0)
    exchange = scenario.network.barrier_ms(scenario.workers, policy.fragments)
    return sum(float((each * slowness).max()) + exchange for each in steps)


def delayed_staleness(batches: int, every: int, delay: int) -> float:
    """Mean staleness of averages that all workers take in some batches later, exactly: by counting.

    Args:
        batches: B.
        every: batches between two averages.
        delay: d, batches.

    Returns:
        Averages between what a batch was computed from and the one that takes it in, on average.

    Example:
        >>> from core.theory.communication import delayed_staleness
        >>> delayed_staleness(12, 4, 2)  # two batches in each round but the first
        0.3333333333333333

    """
    batch = np.arange(batches)
    return float((batch // every - np.maximum(0, (batch - delay) // every)).mean())
