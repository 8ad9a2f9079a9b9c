"""What theory says a run should give: closed forms with their conditions and sources, and what they say of a scenario.

Numbers of workers are N, mini-batches of each worker B, means m; times are ms, throughputs mini-batches a second.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.policies import Asynchronous, BackupWorkers, KAsync, LocalSGD, Rebalanced, StaleSynchronous, Synchronous
from core.policies.base import Policy
from core.scenario import Scenario
from core.theory.communication import balanced_epoch_ms, delayed_epoch_ms, delayed_staleness, mean_exposed_ms
from core.theory.episodes import episode_std_ms, lasting, slowest_sum_in_episodes_ms, swing
from core.theory.failures import holds, rollback_epoch_ms
from core.theory.order_statistics import (
    LARGEST_ERROR,
    Groups,
    Time,
    erlang_maximum,
    kth_done_ms,
    normal_maximum,
    slowest_step,
    slowest_sum,
    step_moments_ms,
    uniform_moments,
)
from core.workload.compute_laws import EULER_GAMMA, ComputeLaw, Constant, Gumbel, Pareto, ShiftedExponential, Uniform
from core.workload.networks import FlatLatency, Network
from core.workload.stragglers import Stragglers

CAREFUL = 1.5  # times the second-order term, for those that are left out
FEWEST_BATCHES, FEWEST_BATCHES_IF_SKEWED = 5, 50  # below these, ratios of means say too little
WITH_CLOSED_FORM = Uniform | Gumbel | ShiftedExponential | Pareto
"""Laws of which the mean of the slowest of many needs no integral."""
NEW_LONGER_THAN_USED = Constant | Uniform | Gumbel | ShiftedExponential
"""Laws of which a draw that has begun takes no longer still than a new one: their hazard rates never fall."""


def harmonic(n: int) -> float:
    """The harmonic number H_n = 1 + 1/2 + … + 1/n, by definition.

    Args:
        n: how many terms, 0 or more.

    Returns:
        H_n; 0 for no terms.

    Example:
        >>> from core.theory.closed_forms import harmonic
        >>> round(harmonic(4), 6)
        2.083333

    """
    return math.fsum(1 / k for k in range(1, n + 1))


def order_statistic_ms(law: ComputeLaw, k: int, n: int) -> float | None:
    """Mean of the k-th smallest of n independent draws.

    Uniform: m(1 − j + 2jk/(n+1)). Shifted exponential: Δ + (H_n − H_{n−k})/μ. Pareto:
    x_m·Γ(n+1)Γ(n−k+1−1/α)/(Γ(n−k+1)Γ(n+1−1/α)). Gumbel, k = n: loc + β(ln n + γ). Else a numeric integral.

    Args:
        law: what the compute times are drawn from.
        k: which of the draws, 1 for the fastest to n for the slowest.
        n: how many draws, 1 or more.

    Returns:
        The mean in ms; None where the integral would take too long.

    Source:
        David & Nagaraja, Order Statistics (2003).

    Example:
        >>> from core import Uniform
        >>> from core.theory.closed_forms import order_statistic_ms
        >>> order_statistic_ms(Uniform(mean_ms=500, jitter=0.2), 4, 4)
        560.0

    """
    if isinstance(law, Constant):
        return law.mean_ms
    if isinstance(law, Uniform):
        return law.mean_ms * (1 - law.jitter + 2 * law.jitter * k / (n + 1))
    if isinstance(law, ShiftedExponential):
        return law.shift * law.mean_ms + law.std_ms * (harmonic(n) - harmonic(n - k))
    if isinstance(law, Pareto):
        a, left = 1 / law.alpha, n - k + 1
        log = math.lgamma(n + 1) - math.lgamma(left) + math.lgamma(left - a) - math.lgamma(n + 1 - a)
        return law.least_ms * math.exp(log)
    if isinstance(law, Gumbel) and k == n:
        return law.location_ms + law.scale_ms * (math.log(n) + EULER_GAMMA)
    return kth_done_ms(law, Stragglers(), [(n, 1.0)], k)


def hiccup_maximum(probability: float, factor: float, workers: int) -> float:
    """Mean slowest of N mini-batches over their constant time: 1 + (s − 1)(1 − (1 − p)^N).

    Args:
        probability: chance p that a mini-batch hiccups.
        factor: how many times as long it takes then, s.
        workers: N.

    Returns:
        The ratio, from 1 to s.

    Source:
        Independence argument: the slowest takes s times as long, unless nobody hiccups, of which the chance is
        (1 − p)^N.

    Example:
        >>> from core.theory.closed_forms import hiccup_maximum
        >>> round(hiccup_maximum(0.01, 5, 32), 2)
        2.1

    """
    return 1 + (factor - 1) * -math.expm1(workers * math.log1p(-probability)) if probability < 1 else factor


def renewal_throughput(cycles_ms: Sequence[float]) -> float:
    """Mini-batches a second of workers that never wait: Σ_w 1/(m_w + y_w), for any law, in a long run.

    Args:
        cycles_ms: mean compute + network time of each worker, ms.

    Returns:
        Mini-batches a second, of all workers together.

    Source:
        Elementary renewal theorem (Ross, Stochastic Processes, 1996).

    Example:
        >>> from core.theory.closed_forms import renewal_throughput
        >>> renewal_throughput([500, 500, 500, 1_000])
        7.0

    """
    return math.fsum(1000 / cycle for cycle in cycles_ms)


def static_shards_epoch_ms(workers: int, batches: int, step_ms: float, std_ms: float) -> float:
    """Mean epoch of equal workers that never wait, B batches each: B·(m + y) + σ√B·z_N, approximately.

    Args:
        workers: N.
        batches: B, of each worker; the more, the closer it is.
        step_ms: m + y, mean of one compute + network time, ms.
        std_ms: σ, its standard deviation, ms; it must be finite.

    Returns:
        The mean epoch in ms.

    Source:
        Central limit theorem; z_N is `normal_maximum`.

    """
    return batches * step_ms + std_ms * math.sqrt(batches) * normal_maximum(workers)


def asynchronous_staleness(workers: int, accumulate: int = 1) -> float:
    """Mean staleness without a barrier: (N − 1)/K, for any law and any mix of speeds, in a long run.

    Args:
        workers: N.
        accumulate: K, gradients that one update averages.

    Returns:
        Updates between a gradient's parameter read and its own application, on average.

    Source:
        Counting argument: between two pushes of a worker, the others make N − 1 on average, as everybody's pushes
        are counted by everybody.

    Example:
        >>> from core.theory.closed_forms import asynchronous_staleness
        >>> asynchronous_staleness(8), asynchronous_staleness(8, accumulate=2)
        (7.0, 3.5)

    """
    return (workers - 1) / accumulate


def k_async_staleness(workers: int, wait_for: int) -> float:
    """Mean staleness of K-async: (N − K)/K, for any law and any mix of speeds, in a long run.

    Args:
        workers: N.
        wait_for: K, gradients that make an update.

    Returns:
        Updates between a gradient's parameter read and its own application, on average.

    Source:
        Counting argument (Little's law): N gradients are always under way, K leave with each update, so that one
        stays for N/K updates, of which the last is its own.

    """
    return (workers - wait_for) / wait_for


def geometric_staleness(staleness: int, workers: int) -> float:
    """Share of the gradients that are k updates stale without a barrier: P(τ = k) = (1/N)(1 − 1/N)^k.

    For equal workers, exponential times and a free network, in a long run.

    Args:
        staleness: k, in updates.
        workers: N.

    Returns:
        The share, from 0 to 1.

    Source:
        Memorylessness argument: each next push is anybody's with chance 1/N, so k of the others' come first with chance
        (1 − 1/N)^k.

    """
    return (1 - 1 / workers) ** staleness / workers


def k_async_update_ms(law: ComputeLaw, k: int, n: int) -> float | None:
    """Upper bound on K-async's mean time per update with a free network: E X_(K:N), exact for the exponential law.

    Args:
        law: what the compute times are drawn from.
        k: K, gradients that make an update.
        n: N, workers.

    Returns:
        The bound in ms; None where the law is not new longer than used, or where `order_statistic_ms` has none.

    Source:
        Dutta et al., arXiv 2003.10579.

    """
    return order_statistic_ms(law, k, n) if isinstance(law, NEW_LONGER_THAN_USED) else None


def k_batch_async_update_ms(cycle_ms: float, k: int, n: int) -> float:
    """Mean time per update of K-batch-async: K·m/N, for any law and equal workers, in a long run.

    Args:
        cycle_ms: m, mean compute + network time of a worker, ms.
        k: K, gradients that one update averages.
        n: N, workers.

    Returns:
        The mean time in ms.

    Source:
        Dutta et al., arXiv 2003.10579.

    """
    return k * cycle_ms / n


def local_sgd_batch_ms(law: ShiftedExponential, workers: int, period: int, network_ms: float) -> float:
    """Mean time per batch of local SGD: Δ + (E[largest of N Erlang(H)]/μ + L)/H.

    Args:
        law: Δ is its constant part, 1/μ the mean of its exponential rest.
        workers: N.
        period: H, batches between two averages, up to 200.
        network_ms: L, what the network costs after each barrier, ms.

    Returns:
        The mean time in ms.

    Source:
        Wang & Joshi (2018).

    """
    return law.shift * law.mean_ms + (law.std_ms * erlang_maximum(workers, period) + network_ms) / period


def processor_sharing_throughput(workers: int, away_ms: float, service_ms: float) -> float:
    """Pushes a second through a server that serves all pushes at once, each more slowly.

    (1 − p0)/d with 1/p0 = Σ_k N!/(N−k)!·(d/m)^k, for any laws of both times. First come, first served is faster where
    service takes always the same.

    Args:
        workers: N.
        away_ms: m, mean time that a worker is away from the server, ms.
        service_ms: d, mean time that a push takes alone, ms.

    Returns:
        Pushes a second, in a long run.

    Source:
        Machine repair model (Kleinrock, Queueing Systems I, 1975); any laws: Baskett et al. (1975).

    """
    load = service_ms / away_ms
    total = math.fsum(math.perm(workers, k) * load**k for k in range(workers + 1))
    return 1000 * (1 - 1 / total) / service_ms


def server_throughput_bound(cycles_ms: Sequence[float], service_ms: float) -> float:
    """The most pushes a second that pass one server: min(Σ_w 1/(m_w + 2α + 2d), 1/d), in a long run.

    Args:
        cycles_ms: mean time of each worker's round trip without queueing, m_w + 2α + 2d, ms.
        service_ms: d, how long one push keeps the server busy, ms.

    Returns:
        Pushes a second, as a bound from above.

    Source:
        Asymptotic bounds of a closed network (Lazowska et al., Quantitative System Performance, 1984): queueing only
        lengthens round trips, and a server that never rests makes 1/d.

    """
    return min(renewal_throughput(cycles_ms), 1000 / service_ms)


def shared_queue_gain(workers: int, slowdown: float) -> float:
    """Throughput of one shared queue over sync with one worker f× slower: (f(N − 1) + 1)/N.

    For constant times and a free network, in a long run. Rebalanced mini-batches gain as much.

    Args:
        workers: N.
        slowdown: f.

    Returns:
        The ratio, 1 or more.

    Source:
        Renewal argument: the queue is worked off at N − 1 + 1/f mini-batches per m, sync makes N per f·m.

    Example:
        >>> from core.theory.closed_forms import shared_queue_gain
        >>> shared_queue_gain(8, 2)
        1.875

    """
    return (slowdown * (workers - 1) + 1) / workers


def delay_stability_limit(staleness: float) -> float:
    """Largest ηλ (learning rate × curvature) with stable gradient descent, each gradient τ updates old.

    2·sin(π/(2(2τ + 1))), for a quadratic loss and a constant delay: all roots of z^(τ+1) − z^τ + ηλ within the unit
    circle.

    Args:
        staleness: τ, in updates. Of a mean staleness, which need not be whole, the limit is a guide.

    Returns:
        The limit of ηλ; 2 for fresh gradients.

    Source:
        Levin & May (1976), as 2·cos(τπ/(2τ + 1)).

    Example:
        >>> from core.theory.closed_forms import delay_stability_limit
        >>> round(delay_stability_limit(0), 3), round(delay_stability_limit(7), 3)
        (2.0, 0.209)

    """
    return 2 * math.sin(math.pi / (2 * (2 * staleness + 1)))


@dataclass(frozen=True, kw_only=True)
class Expected:
    """One expected figure: its value, how far it holds (exact, approximate, long run, bound), and its formula.

    Approximate: at most 0.5 % off. A bound is one from above, on the mean over runs. A figure of a long run is a limit
    from below; the mean over runs of this length lies between `low` and it.
    """

    value: float
    holds: str
    formula: str
    low: float | None = None


FRESH = Expected(value=0, holds="exact", formula="a barrier applies every gradient before the next read")


def expected(scenario: Scenario, policy: Policy | None = None) -> dict[str, Expected]:
    """Expected metrics of one run, as far as theory knows them.

    Args:
        scenario: what is run.
        policy: in place of the scenario's own.

    Returns:
        Expected figures by the names of `core.schedule.metrics.Metrics`; what is not known is absent.

    Raises:
        ScenarioError: for a policy that does not fit the scenario's workers.

    Example:
        >>> from core import Scenario
        >>> from core.theory.closed_forms import expected
        >>> epoch = expected(Scenario())["epoch_ms"]
        >>> epoch.value, epoch.holds
        (7600.0, 'exact')

    """
    scenario = replace(scenario, policy=policy) if policy else scenario
    if scenario.failures.any:
        return expected_with_failures(scenario)
    match scenario.policy:
        case Synchronous() | Rebalanced():
            return expected_with_barriers(scenario, 1)
        case LocalSGD(delay=0, balance=False) as own:
            every = min(own.period // own.fragments, scenario.batches)
            return expected_with_barriers(scenario, every, own.fragments)
        case LocalSGD() as own:
            return expected_later_averages(scenario, own)
        case BackupWorkers(wait_for=wait_for):
            return expected_backup_workers(scenario, wait_for)
        case KAsync(wait_for=wait_for):
            return expected_k_async(scenario, wait_for)
        case StaleSynchronous(bound=bound):
            return expected_stale_synchronous(scenario, bound)
        case Asynchronous() as own:
            return expected_asynchronous(scenario, own)
    return {}


def expected_with_failures(scenario: Scenario) -> dict[str, Expected]:
    """Rollback with constant times (Daly 2006); of other recoveries only that barriers keep gradients fresh."""
    if not scenario.policy.has_barrier:
        return {}
    known = rollback_epoch_ms(scenario)
    if known is None or not holds(known[1]):
        return {"mean_staleness": FRESH}
    formula = "Σ (1/Λ + (e^(λ'R) − 1)/λ')·(e^(Λ(τ + δ)) − 1) over the stretches between checkpoints"
    return {"mean_staleness": FRESH, "epoch_ms": Expected(value=known[0], holds=holds(known[1]), formula=formula)}


def expected_with_barriers(scenario: Scenario, period: int, parts: int = 1) -> dict[str, Expected]:
    """A barrier after every H batches: rounds of E[slowest of N sums of H draws] + L (order statistics)."""
    rounds, rest = divmod(scenario.batches, period)
    full, last = slowest_worker(scenario, period), slowest_worker(scenario, rest) if rest else None
    if full is None or (rest and last is None):
        return {"mean_staleness": FRESH}
    between = full.after(rounds).then(last) if last else full.after(rounds)
    averages = -(-scenario.batches // period)
    network = averages * scenario.network.barrier_ms(scenario.workers, parts)
    formula = "B·(E[max of N] + L)" if period == 1 else "⌈B/H⌉·(E[max of N sums of H] + L)"
    figures = epoch_figures(scenario, between.delayed(network), formula)
    if scenario.network.head_start:
        figures = epoch_with_buckets(scenario, between, averages, parts)
    formula = "1 − m / E[max of N]" if period == 1 else "1 − H·m / E[max of N sums of H]"
    idle = expected_idle(scenario, between, formula)
    return figures | ({"idle_percent": idle} if idle else {}) | {"mean_staleness": FRESH}


def epoch_with_buckets(scenario: Scenario, between: Time, exchanges: int, parts: int) -> dict[str, Expected]:
    """The epoch where buckets go out during the backward pass: exact where times are constant or all steps have one.

    Else no longer than with exchanges that start at the barrier.
    """
    network, groups = scenario.network, speeds(scenario)
    assert groups
    cost = network.barrier_ms(scenario.workers, parts)
    if between.std_ms == between.error == 0:
        slowest = max(factor for _, factor in groups) * scenario.compute.mean_ms
        left = float(network.exposed_ms(np.array(cost), np.array(network.head_start * slowest)))
        formula = "… + max(t/K, t − b·c·(1 − 1/K)) for each exchange"
        return epoch_figures(scenario, between.delayed(exchanges * left), formula)
    left_on_average = mean_exposed_ms(scenario, groups, scenario.workers) if exchanges == scenario.batches else None
    if left_on_average is None or between.error:
        most = between.mean_ms * (1 + between.error) + exchanges * cost
        return {"epoch_ms": Expected(value=most, holds="bound", formula="as without buckets")}
    value = between.mean_ms + exchanges * left_on_average
    formula = "B·(E[max of N] + E[max(t/K, t − b·(1 − 1/K)·max of N)])"
    return {"epoch_ms": Expected(value=value, holds="exact", formula=formula)}


def expected_later_averages(scenario: Scenario, policy: LocalSGD) -> dict[str, Expected]:
    """Averages that are taken in later, or rounds by the clock: exact for constant times, else a bound."""
    groups, figures = speeds(scenario), {}
    every = policy.period // policy.fragments
    certain = bool(groups) and step_moments_ms(scenario.compute, scenario.stragglers)[1] == 0
    if policy.balance:
        figures = {} if policy.delay else {"mean_staleness": FRESH}
        if certain and not policy.delay and not scenario.network.head_start:
            epoch = balanced_epoch_ms(scenario, policy)
            formula = "max of n_w·m_w + L in each round"
            figures["epoch_ms"] = Expected(value=epoch, holds="exact", formula=formula)
            rate = 1000 * scenario.work / epoch
            figures["throughput"] = Expected(value=rate, holds="exact", formula="N·B / epoch")
        return figures
    stale = delayed_staleness(scenario.batches, every, policy.delay)
    formula = "d of each round's batches are one average older"
    figures["mean_staleness"] = Expected(value=stale, holds="exact", formula=formula)
    if groups and certain and len(groups) == 1 and policy.fragments == 1:
        epoch = delayed_epoch_ms(scenario, policy, groups[0][1] * scenario.compute.mean_ms)
        time = Time(mean_ms=epoch, std_ms=0.0, covariance=0.0)
        return figures | epoch_figures(scenario, time, "B·m + max(0, L − d·m) a round + the last average")
    at_once = expected_with_barriers(scenario, min(every, scenario.batches), policy.fragments).get("epoch_ms")
    if at_once is None or policy.fragments > 1:
        return figures
    most = at_once.value * (1 + LARGEST_ERROR * (at_once.holds == "approximate"))
    return figures | {"epoch_ms": Expected(value=most, holds="bound", formula="as without a delay")}


def expected_idle(scenario: Scenario, between: Time, formula: str) -> Expected | None:
    """The idle share from the time without the network's; nobody idles alone. None where it may be over 0.5 % off."""
    if scenario.workers == 1:
        return Expected(value=0, holds="exact", formula="one worker waits for nobody")
    groups = speeds(scenario)
    if groups is None:
        return None
    busy = min(1.0, busy_ms(scenario, groups) / between.mean_ms)
    exact = between.std_ms == between.error == 0
    error = between.error + ratio_error(scenario, groups, between)
    if not exact and error * busy > LARGEST_ERROR * (1 - busy):
        return None
    return Expected(value=100 * (1 - busy), holds="exact" if exact else "approximate", formula=formula)


def expected_backup_workers(scenario: Scenario, wait_for: int) -> dict[str, Expected]:
    """Iterations of E[K-th fastest of N] + L; the last waits for as many as the epoch still needs (2003.10579 §3)."""
    network = scenario.network
    epoch = updates_ms(scenario, wait_for, network.barrier_ms(scenario.workers))
    if epoch is None:
        return {"mean_staleness": FRESH}
    figure = Expected(value=epoch, holds="exact", formula="⌈N·B/K⌉·(E[K-th of N] + L)")
    if network.head_start:
        figure = Expected(value=epoch, holds="bound", formula="as without buckets")
    return {"epoch_ms": figure, "mean_staleness": FRESH}


def expected_k_async(scenario: Scenario, wait_for: int) -> dict[str, Expected]:
    """No more than when nobody waits, and updates of at most E[K-th fastest of N] + the longest push.

    Both for laws that are new longer than used; the second says nothing where many gradients wait for a few, and is
    left out there.
    """
    if scenario.workers == 1:
        return expected(scenario, Asynchronous())
    law, network, stragglers = scenario.compute, scenario.network, scenario.stragglers
    figures = {"mean_staleness": expected_k_async_staleness(scenario, wait_for)}
    if not isinstance(network, FlatLatency) or not isinstance(law, NEW_LONGER_THAN_USED) or varied(stragglers):
        return figures
    shortest, longest = network.push_range_ms
    groups, epoch = speeds(scenario), updates_ms(scenario, wait_for, longest)
    if groups is None or epoch is None:
        return figures
    rate = renewal_throughput(cycles_ms(groups, law.mean_ms, (shortest + longest) / 2))
    if not too_few_batches(scenario):
        figures["throughput"] = Expected(value=rate, holds="bound", formula="Σ 1 / (m + y), as when nobody waits")
    if epoch > 2 * 1000 * scenario.work / rate:
        return figures
    exact = isinstance(law, ShiftedExponential) and law.shift == longest == 0
    formula = "⌈N·B/K⌉·(E[K-th of N] + longest push)"
    return figures | {"epoch_ms": Expected(value=epoch, holds="exact" if exact else "bound", formula=formula)}


def expected_k_async_staleness(scenario: Scenario, wait_for: int) -> Expected:
    """(N − K)/K, and never more: what is under way when the epoch ends is not counted, and it is what lasts longest.

    Counted as in `k_async_staleness`: gradients that the last update does not use have by then been under way for as
    many updates as fit into their time so far, which is (1 + CV²)/2 of a cycle on average (inspection paradox); here,
    twice that.
    """
    workers, groups, formula = scenario.workers, speeds(scenario), "(N − K) / K"
    value = k_async_staleness(workers, wait_for)
    mean, std = step_moments_ms(scenario.compute, scenario.stragglers)
    lasts = lasting(scenario.stragglers)
    if groups is None or lasts or math.isinf(std) or not isinstance(scenario.network, FlatLatency):
        return Expected(value=value, holds="bound", formula=f"{formula}, less in a short epoch")
    cycles = sorted(cycles_ms(groups, mean, sum(scenario.network.push_range_ms) / 2))
    updates = -(-scenario.work // wait_for)
    last = scenario.work - (updates - 1) * wait_for
    rate = math.fsum(1 / cycle for cycle in cycles) / wait_for
    ages = (1 + (std / mean) ** 2) * rate * math.fsum(cycles[last:])
    low = (workers * updates - (workers - last) - ages) / scenario.work - 1
    return Expected(value=value, holds="long run", formula=formula, low=max(0.0, low))


def expected_stale_synchronous(scenario: Scenario, bound: int) -> dict[str, Expected]:
    """Never slower than with a barrier after each push, nor staler than without one; as async from s = B − 1 on."""
    workers, network = scenario.workers, scenario.network
    if bound and bound >= scenario.batches - 1:
        return expected(scenario, Asynchronous())
    stale = Expected(value=workers - 1, holds="bound", formula="N − 1, as without a bound")
    if bound == 0:
        stale = Expected(value=(workers - 1) / 2, holds="exact", formula="(N − 1) / 2, from 0 to N − 1 in each round")
    one = kth_ms(scenario, workers)
    if one is None or not isinstance(network, FlatLatency):
        return {"mean_staleness": stale}
    longest = network.push_range_ms[1]
    epoch = Expected(
        value=scenario.batches * (one + longest),
        holds="exact" if bound == longest == 0 else "bound",
        formula="B·(E[max of N] + longest push), as with a barrier",
    )
    return {"epoch_ms": epoch, "mean_staleness": stale}


def expected_asynchronous(scenario: Scenario, policy: Asynchronous) -> dict[str, Expected]:
    """No barrier: staleness for any law; a server's bound; a shared queue's long run; the slowest of static shards."""
    network, groups = scenario.network, speeds(scenario)
    mean, std = step_moments_ms(scenario.compute, scenario.stragglers)
    figures = asynchronous_staleness_figures(scenario, policy)
    if not isinstance(network, FlatLatency):
        if groups and scenario.workers == 1:  # nobody to queue behind
            own = slowest_sum(scenario.compute, scenario.stragglers, groups, scenario.batches)
            assert own
            epoch = own.delayed(2 * scenario.batches * float(network.pull_of(1)))
            figures |= epoch_figures(scenario, epoch, f"B·(m + 2α + {both_ways(network)})")
        elif groups and not (std and too_few_batches(scenario)):
            service, pull = (np.ravel(of(scenario.workers)) for of in (network.service_of, network.pull_of))
            most = server_throughput_bound(cycles_ms(groups, mean, 2 * float(pull.min())), float(service.min()))
            formula = f"min(Σ 1 / (m + 2α + {both_ways(network)}), 1 / d)"
            figures["throughput"] = Expected(value=most, holds="bound", formula=formula)
        return figures
    figures["idle_percent"] = Expected(value=0, holds="exact", formula="nobody waits")
    if policy.is_shared and scenario.workers > 1:
        rate = expected_shared_throughput(scenario, groups) if groups else None
        return figures | ({"throughput": rate} if rate else {})
    last = slowest_worker(scenario, scenario.batches, network.push_range_ms)
    if last is None:
        return figures
    in_sums = not last.error or scenario.stragglers.episodic
    formula = "E[max of N sums of B]" if in_sums else "B·(m + y) + σ·√B·z_N"
    return figures | epoch_figures(scenario, last, formula)


def both_ways(network: Network) -> str:
    """How long a push and its reply take, without latency and queues; t is a message's time on the worker's link."""
    return "2·max(d, t)" if getattr(network, "own_link", False) else "2d"


def expected_shared_throughput(scenario: Scenario, groups: Groups) -> Expected | None:
    """Σ 1/(m + y) in a long run: once the queue is empty, workers finish one after the other within a cycle or so.

    None where the epoch is too short, or too wild, for a mean throughput to stay below it.
    """
    network, last = scenario.network, kth_ms(scenario, scenario.workers)
    assert isinstance(network, FlatLatency)
    (mean, std), push = step_moments_ms(scenario.compute, scenario.stragglers), uniform_moments(*network.push_range_ms)
    cv = math.hypot(std, push[1]) / (mean + push[0])
    if last is None or math.isinf(cv) or CAREFUL * cv**2 > LARGEST_ERROR * scenario.work:
        return None
    if luck(scenario) > LARGEST_ERROR:
        return None
    rate = renewal_throughput(cycles_ms(groups, mean, push[0]))
    end_ms = (1 + cv**2) * last + network.push_range_ms[1]
    low = rate / (1 + rate * end_ms / 1000 / scenario.work) * (1 - luck(scenario))
    return Expected(value=rate, holds="long run", formula="Σ 1 / (m + y) over the workers", low=low)


def asynchronous_staleness_figures(scenario: Scenario, policy: Asynchronous) -> dict[str, Expected]:
    """(N − 1)/K in a long run; no more with static shards on uneven workers, of which the slow ones end alone.

    By counting: over a worker's gradients, the updates between its pushes add up to those before its last one. From a
    shared queue, the last N pushes are one of each worker. With static shards of equal workers, two of them are done
    at most √(2B)·σ apart on average, in which the later one goes on at its usual pace. Where slowness lasts, workers
    are uneven for as long.
    """
    groups, workers, each = speeds(scenario), scenario.workers, policy.accumulate
    value = asynchronous_staleness(workers, each)
    if workers == 1:
        return {"mean_staleness": Expected(value=0, holds="exact", formula="nobody else updates")}
    if policy.is_shared:
        before = sum(push // each for push in range(scenario.work - workers + 1, scenario.work + 1))
        value = (before - scenario.work // each) / scenario.work
        formula = "(N − 1) / K less what is cut off at the end, for any law and mix of speeds, K gradients per update"
        return {"mean_staleness": Expected(value=value, holds="exact", formula=formula)}
    pulls = np.ravel(scenario.network.pull_of(workers))
    if groups and len(groups) == 1 and not lasting(scenario.stragglers) and (pulls == pulls[0]).all():
        mean, std = step_moments_ms(scenario.compute, scenario.stragglers)
        push = (2 * float(pulls[0]), 0.0)
        if isinstance(scenario.network, FlatLatency):
            push = uniform_moments(*scenario.network.push_range_ms)
        apart = math.sqrt(2 * scenario.batches) * math.hypot(groups[0][1] * std, push[1])
        tail = (apart / (groups[0][1] * mean + push[0]) + 1) * workers * (workers - 1) / 2
        formula = "(N − 1) / K, for any law, K gradients per update"
        if math.isfinite(tail):
            low = max(0.0, value - (tail + workers * (each - 1)) / each / scenario.work)
            return {"mean_staleness": Expected(value=value, holds="long run", formula=formula, low=low)}
    if each == 1:
        formula = "N − 1, less where workers end alone"
        return {"mean_staleness": Expected(value=value, holds="bound", formula=formula)}
    return {}


def epoch_figures(scenario: Scenario, epoch: Time, formula: str) -> dict[str, Expected]:
    """The epoch, and what it says of throughput and utilization where no work is thrown away.

    A ratio of means is not the mean of ratios: both are left out where that alone may be too much.
    """
    holds = "approximate" if epoch.error else "exact"
    figures = {"epoch_ms": Expected(value=epoch.mean_ms, holds=holds, formula=formula)}
    groups, certain = speeds(scenario), epoch.std_ms == epoch.error == 0
    if groups is None:
        return figures
    ratio = "exact" if certain else "approximate"
    if certain or epoch.error + CAREFUL * (epoch.cv**2 + luck(scenario)) <= LARGEST_ERROR:
        rate = 1000 * scenario.work / epoch.mean_ms
        figures["throughput"] = Expected(value=rate, holds=ratio, formula="N·B / E[epoch]")
    if certain or epoch.error + ratio_error(scenario, groups, epoch) <= LARGEST_ERROR:
        busy = 100 * busy_ms(scenario, groups) / epoch.mean_ms
        figures["utilization_percent"] = Expected(value=busy, holds=ratio, formula="B·m / E[epoch]")
    return figures


def ratio_error(scenario: Scenario, groups: Groups, time: Time) -> float:
    """About how far the mean of (time computing / a time) may be from the ratio of their means, as a share.

    Expanded to second order it is the time's squared CV less what both have in common; carefully, half as much again,
    and the third order.
    """
    if math.isinf(time.std_ms):
        return math.inf
    in_common = time.covariance / (busy_ms(scenario, groups) * time.mean_ms)
    return CAREFUL * (abs(time.cv**2 - in_common) + time.cv**3 + luck(scenario))


def busy_ms(scenario: Scenario, groups: Groups) -> float:
    """Mean time that a worker computes in an epoch, ms, on average over the workers."""
    return scenario.batches * step_moments_ms(scenario.compute, scenario.stragglers)[0] * mean_factor(groups)


def too_few_batches(scenario: Scenario) -> bool:
    """Whether an epoch of random times is too short, or too wild, for ratios of means to say anything."""
    skewed = varied(scenario.stragglers) or not isinstance(scenario.compute, Constant | Uniform)
    fewest = FEWEST_BATCHES_IF_SKEWED if skewed else FEWEST_BATCHES
    return scenario.batches < fewest or math.isinf(scenario.compute.std_ms) or too_few_episodes(scenario)


def too_few_episodes(scenario: Scenario) -> bool:
    """Whether slowness lasts so long that an epoch, or one worker's part of it, is too much a matter of luck."""
    return luck(scenario) > LARGEST_ERROR


def luck(scenario: Scenario) -> float:
    """Squared CV of an epoch, or of one worker's part of it, that lasting slowness adds; 0 where none lasts."""
    stragglers, batches = scenario.stragglers, scenario.batches
    if not lasting(stragglers):
        return 0.0
    return max(swing(stragglers, workers, batches) for workers in (1, scenario.workers))


def varied(stragglers: Stragglers) -> bool:
    """Whether the mini-batches of one worker differ by more than their law."""
    return stragglers.transient or stragglers.episodic


def speeds(scenario: Scenario) -> Groups | None:
    """Groups of equally fast workers; None where speeds are random, or measured times are not independent draws."""
    workers, stragglers = scenario.workers, scenario.stragglers
    if stragglers.spread > 0 or not scenario.compute.same_for_all:
        return None
    slow = stragglers.slow_workers if stragglers.slowdown > 1 else 0
    groups = [group for group in ((slow, stragglers.slowdown), (workers - slow, 1.0)) if group[0]]
    if isinstance(scenario.policy, Rebalanced):  # sizes in proportion to speed, their sum kept
        return [(workers, workers / sum(count / factor for count, factor in groups))]
    return groups


def mean_factor(groups: Groups) -> float:
    """How many times slower than the law the workers are on average."""
    return sum(count * factor for count, factor in groups) / sum(count for count, _ in groups)


def cycles_ms(groups: Groups, mean_ms: float, network_ms: float) -> list[float]:
    """Mean compute + network time of every worker."""
    return [factor * mean_ms + network_ms for count, factor in groups for _ in range(count)]


def kth_ms(scenario: Scenario, k: int) -> float | None:
    """Mean time until k of N workers have computed one mini-batch each, ms, or None where it is not known."""
    groups = speeds(scenario)
    if groups is None:
        return None
    (_, factor), *others = groups
    if others or varied(scenario.stragglers):
        return kth_done_ms(scenario.compute, scenario.stragglers, groups, k)
    one = order_statistic_ms(scenario.compute, k, scenario.workers)
    return None if one is None else factor * one


def updates_ms(scenario: Scenario, needed: int, network_ms: float) -> float | None:
    """Mean time of an epoch's updates, each by the first so many of N workers that start together, ms."""
    updates = -(-scenario.work // needed)
    rest = scenario.work - (updates - 1) * needed
    each = kth_ms(scenario, needed)
    last = each if rest == needed else kth_ms(scenario, rest)
    if each is None or last is None:
        return None
    return (updates - 1) * each + last + updates * network_ms


def slowest_worker(scenario: Scenario, steps: int, push_range_ms: tuple[float, float] = (0, 0)) -> Time | None:
    """The time of the slowest of N workers over so many steps, or None where it is not known."""
    groups = speeds(scenario)
    if groups is None:
        return None
    varies = step_moments_ms(scenario.compute, scenario.stragglers)[1] > 0
    if steps > 1 or push_range_ms != (0, 0) or not varies:
        independent = scenario.workers == 1 or not lasting(scenario.stragglers)
        found = (
            slowest_sum(scenario.compute, scenario.stragglers, groups, steps, push_range_ms) if independent else None
        )
        if found or not scenario.stragglers.episodic:
            return found
        return slowest_in_episodes(scenario, groups, steps, push_range_ms)
    if math.isinf(scenario.compute.std_ms):
        mean = kth_ms(scenario, scenario.workers)
        return None if mean is None else Time(mean_ms=mean, std_ms=math.inf, covariance=math.inf)
    time = slowest_step(scenario.compute, scenario.stragglers, groups)
    if len(groups) > 1 or varied(scenario.stragglers) or not isinstance(scenario.compute, WITH_CLOSED_FORM):
        return time
    known = order_statistic_ms(scenario.compute, scenario.workers, scenario.workers)
    return replace(time, mean_ms=groups[0][1] * known) if known else time


def slowest_in_episodes(
    scenario: Scenario, groups: Groups, steps: int, push_range_ms: tuple[float, float]
) -> Time | None:
    """The same where some of the steps are in episodes; it varies at most about as much as one worker's sum does."""
    law, stragglers = scenario.compute, scenario.stragglers
    found = slowest_sum_in_episodes_ms(law, stragglers, groups, steps, push_range_ms)
    if found is None:
        return None
    mean, exact = found
    step, push_std = step_moments_ms(law, stragglers)[1], uniform_moments(*push_range_ms)[1]
    factor = max(factor for _, factor in groups)
    std = math.sqrt(steps) * math.hypot(factor * step, factor * episode_std_ms(stragglers, law.mean_ms), push_std)
    return Time(mean_ms=mean, std_ms=std, covariance=0.0, error=0.0 if exact else LARGEST_ERROR)
