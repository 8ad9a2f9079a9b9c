"""What closed forms say a run should give, each with its conditions and its source."""

import math
from dataclasses import dataclass, replace

import numpy as np

from core.compute import EULER_GAMMA, ComputeLaw, Constant, Gumbel, Pareto, ShiftedExponential, Uniform
from core.network import FlatLatency
from core.policies import Asynchronous, BackupWorkers, KAsync, LocalSGD, Policy, Synchronous
from core.scenario import Scenario

FEWEST_BATCHES, FEWEST_BATCHES_IF_SKEWED = 5, 50  # below these, limits and ratios of means say too little


@dataclass(frozen=True, kw_only=True)
class Expected:
    """One expected figure: its value, how far it holds (exact, approximate, long run, bound), and its formula."""

    value: float
    holds: str
    formula: str


FRESH = Expected(value=0, holds="exact", formula="a barrier applies every gradient before the next read")


def expected(scenario: Scenario, policy: Policy | None = None) -> dict[str, Expected]:
    """Expected metrics of one run by name, under the scenario's policy or another; without a closed form: absent."""
    scenario = replace(scenario, policy=policy) if policy else scenario
    match scenario.policy:
        case Synchronous():
            return expected_synchronous(scenario)
        case BackupWorkers():
            return expected_backup_workers(scenario)
        case LocalSGD():
            return {"mean_staleness": FRESH}
        case KAsync():
            value = (scenario.workers - scenario.policy.wait_for) / scenario.policy.wait_for
            return {"mean_staleness": Expected(value=value, holds="long run", formula="(N − K) / K")}
        case Asynchronous():
            return expected_asynchronous(scenario)
    return {}


def expected_synchronous(scenario: Scenario) -> dict[str, Expected]:
    """A barrier after each batch: its mean step is E[max of N draws] + L (order statistics; SPEC §1)."""
    workers = scenario.workers
    mean, std = step_moments_ms(scenario)
    slowest = expected_slowest_ms(scenario)
    if slowest is None or scenario.stragglers.persistent:
        return {"mean_staleness": FRESH}
    step = slowest + scenario.network.barrier_ms(workers)
    exact = {
        "epoch_ms": Expected(value=scenario.batches * step, holds="exact", formula="B·(E[max of N] + L)"),
        "mean_staleness": FRESH,
    }
    if too_few_batches(scenario, std):
        return exact
    ratio = "approximate" if std else "exact"  # a ratio of means is not the mean of ratios
    return exact | {
        "idle_percent": Expected(value=100 * (1 - mean / slowest), holds=ratio, formula="1 − m / E[max of N]"),
        "throughput": Expected(value=1000 * workers / step, holds=ratio, formula="N / (E[max of N] + L)"),
        "utilization_percent": Expected(value=100 * mean / step, holds=ratio, formula="m / (E[max of N] + L)"),
    }


def expected_backup_workers(scenario: Scenario) -> dict[str, Expected]:
    """Iterations of E[K-th fastest of N] + L; the last waits for as many as the epoch still needs (2003.10579 §3)."""
    workers, needed = scenario.workers, scenario.policy.wait_for
    iterations = scenario.policy.rows(workers, scenario.batches)
    rest = scenario.work - (iterations - 1) * needed
    steps = [order_statistic_ms(scenario.compute, k, workers) for k in (needed, rest)]
    if None in steps or scenario.stragglers.persistent or scenario.stragglers.transient:
        return {"mean_staleness": FRESH}
    epoch = (iterations - 1) * steps[0] + steps[1] + iterations * scenario.network.barrier_ms(workers)
    return {
        "epoch_ms": Expected(value=epoch, holds="exact", formula="⌈N·B/K⌉·(E[K-th of N] + L)"),
        "mean_staleness": FRESH,
    }


def expected_asynchronous(scenario: Scenario) -> dict[str, Expected]:
    """No barrier: staleness for any law; through a server, a bound; else the epoch of static shards.

    Static shards end with the slowest of N sums of B steps (central limit theorem).
    """
    workers, batches, network = scenario.workers, scenario.batches, scenario.network
    uneven = scenario.stragglers.persistent or not scenario.compute.same_for_all
    if uneven and not scenario.policy.is_shared:
        return {}  # the slow worker's tail is as long as the rest of the epoch
    stale = Expected(
        value=(workers - 1) / scenario.policy.accumulate,
        holds="long run",
        formula="(N − 1) / K, for any law and mix of speeds, K gradients an update",
    )
    mean, std = step_moments_ms(scenario)
    if not isinstance(network, FlatLatency):
        if uneven or too_few_batches(scenario, std):
            return {"mean_staleness": stale}
        most = min(workers / (mean + 2 * network.pull_ms), 1 / network.service_ms)
        bound = Expected(value=1000 * most, holds="bound", formula="min(N / (m + 2α + 2d), 1 / d)")
        return {"mean_staleness": stale, "throughput": bound}
    always = {"idle_percent": Expected(value=0, holds="exact", formula="nobody waits"), "mean_staleness": stale}
    longest = network.longest_push_ms
    step, deviation = mean + longest / 2, math.hypot(std, longest / math.sqrt(12))
    if too_few_batches(scenario, deviation) or scenario.policy.is_shared:
        return always
    epoch = batches * step + deviation * math.sqrt(batches) * normal_maximum(workers)
    sums = "exact" if deviation == 0 else "approximate"
    return always | {
        "epoch_ms": Expected(value=epoch, holds=sums, formula="B·(m + y) + σ·√B·z_N"),
        "throughput": Expected(value=1000 * workers * batches / epoch, holds=sums, formula="N·B / E[epoch]"),
        "utilization_percent": Expected(value=100 * batches * mean / epoch, holds=sums, formula="B·m / E[epoch]"),
    }


def too_few_batches(scenario: Scenario, std_ms: float) -> bool:
    """Whether an epoch is too short, or too wild, for limits and ratios of means to say anything."""
    skewed = scenario.stragglers.transient or not isinstance(scenario.compute, Constant | Uniform)
    fewest = FEWEST_BATCHES_IF_SKEWED if skewed else FEWEST_BATCHES
    return math.isinf(std_ms) or (std_ms > 0 and scenario.batches < fewest)


def step_moments_ms(scenario: Scenario) -> tuple[float, float]:
    """Mean and standard deviation of one compute time, hiccups included, persistent stragglers not, ms."""
    law, stragglers = scenario.compute, scenario.stragglers
    p, s = stragglers.hiccup_probability, stragglers.hiccup_factor
    mean, square = 1 + p * (s - 1), 1 + p * (s**2 - 1)  # first two moments of the hiccup factor
    spread = math.sqrt(max(0.0, square * (law.mean_ms**2 + law.std_ms**2) - (mean * law.mean_ms) ** 2))
    return mean * law.mean_ms, spread


def expected_slowest_ms(scenario: Scenario) -> float | None:
    """Mean of the slowest of N compute times of one step, ms, or None where no closed form is known."""
    law, stragglers, workers = scenario.compute, scenario.stragglers, scenario.workers
    if stragglers.transient:
        if not isinstance(law, Constant):
            return None
        return law.mean_ms * hiccup_maximum(stragglers.hiccup_probability, stragglers.hiccup_factor, workers)
    return order_statistic_ms(law, workers, workers)


def order_statistic_ms(law: ComputeLaw, k: int, n: int) -> float | None:
    """Mean of the k-th smallest of n draws, ms, or None where no closed form is known (textbook order statistics).

    Uniform: m(1 − j + 2jk/(n+1)). Shifted exponential: Δ + (H_n − H_{n−k})/μ. Pareto, k = n:
    x_m·Γ(n+1)Γ(1−1/α)/Γ(n+1−1/α). Gumbel, k = n: loc + β(ln n + γ).
    """
    if isinstance(law, Constant):
        return law.mean_ms
    if isinstance(law, Uniform):
        return law.mean_ms * (1 - law.jitter + 2 * law.jitter * k / (n + 1))
    if isinstance(law, ShiftedExponential):
        return law.shift * law.mean_ms + law.std_ms * (harmonic(n) - harmonic(n - k))
    if isinstance(law, Pareto) and k == n:
        a = 1 / law.alpha
        return law.least_ms * math.exp(math.lgamma(n + 1) + math.lgamma(1 - a) - math.lgamma(n + 1 - a))
    if isinstance(law, Gumbel) and k == n:
        return law.location_ms + law.scale_ms * (math.log(n) + EULER_GAMMA)
    return None


def harmonic(n: int) -> float:
    """H_n = 1 + 1/2 + … + 1/n."""
    return math.fsum(1 / k for k in range(1, n + 1))


def hiccup_maximum(probability: float, factor: float, workers: int) -> float:
    """Mean slowest of N mini-batches over their constant time: 1 + (s − 1)(1 − (1 − p)^N)."""
    return 1 + (factor - 1) * -math.expm1(workers * math.log1p(-probability)) if probability < 1 else factor


def normal_maximum(workers: int) -> float:
    """z_N, the mean of the largest of N standard normal draws: ∫ (1 − Φ^N) over x > 0 − ∫ Φ^N over x < 0."""
    x = np.linspace(0, 10, 1001)
    upper = np.array([0.5 * math.erfc(value / math.sqrt(2)) for value in x])
    return float(np.trapezoid(-np.expm1(workers * np.log1p(-upper)) - upper**workers, x))
