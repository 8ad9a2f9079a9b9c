"""What closed forms say a run should give, each with its conditions and its source."""

import math
from dataclasses import dataclass

import numpy as np

from core.compute import ComputeLaw, Constant, Uniform
from core.network import FlatLatency
from core.policies import Asynchronous, Synchronous
from core.scenario import Scenario


@dataclass(frozen=True, kw_only=True)
class Expected:
    """One expected figure: its value, how far it holds (exact, approximate or long run), and its formula."""

    value: float
    holds: str
    formula: str


def expected(scenario: Scenario) -> dict[str, Expected]:
    """Expected metrics of one run, by name of the metric; what has no closed form is absent."""
    if not isinstance(scenario.network, FlatLatency):
        return {}
    if isinstance(scenario.policy, Synchronous):
        return expected_synchronous(scenario)
    if isinstance(scenario.policy, Asynchronous):
        return expected_asynchronous(scenario)
    return {}


def expected_synchronous(scenario: Scenario) -> dict[str, Expected]:
    """A barrier after each batch: its mean step is E[max of N draws] + L (order statistics; SPEC §1)."""
    mean, workers = scenario.compute.mean_ms, scenario.workers
    slowest = expected_maximum_ms(scenario.compute, workers)
    if slowest is None:
        return {}
    step = slowest + scenario.network.barrier_ms(workers)
    ratio = "exact" if slowest == mean else "approximate"  # a ratio of means is not the mean of ratios
    return {
        "epoch_ms": Expected(value=scenario.batches * step, holds="exact", formula="B·(E[max of N] + L)"),
        "idle_percent": Expected(value=100 * (1 - mean / slowest), holds=ratio, formula="1 − m / E[max of N]"),
        "throughput": Expected(value=1000 * workers / step, holds=ratio, formula="N / (E[max of N] + L)"),
        "utilization_percent": Expected(value=100 * mean / step, holds=ratio, formula="m / (E[max of N] + L)"),
        "mean_staleness": Expected(value=0, holds="exact", formula="a barrier applies every gradient before the next"),
    }


def expected_asynchronous(scenario: Scenario) -> dict[str, Expected]:
    """No barrier, B batches each: the epoch ends with the slowest of N sums of B steps (central limit theorem)."""
    mean, workers, batches = scenario.compute.mean_ms, scenario.workers, scenario.batches
    longest = scenario.network.longest_push_ms
    step, std = mean + longest / 2, math.hypot(scenario.compute.std_ms, longest / math.sqrt(12))
    epoch = batches * step + std * math.sqrt(batches) * normal_maximum(workers)
    sums = "exact" if std == 0 else "approximate"
    return {
        "epoch_ms": Expected(value=epoch, holds=sums, formula="B·(m + y) + σ·√B·z_N"),
        "idle_percent": Expected(value=0, holds="exact", formula="nobody waits"),
        "throughput": Expected(value=1000 * workers * batches / epoch, holds=sums, formula="N·B / E[epoch]"),
        "utilization_percent": Expected(value=100 * batches * mean / epoch, holds=sums, formula="B·m / E[epoch]"),
        "mean_staleness": Expected(value=workers - 1, holds="long run", formula="N − 1, for any law and mix of speeds"),
    }


def expected_maximum_ms(law: ComputeLaw, workers: int) -> float | None:
    """Mean of the slowest of N draws, ms, or None where no closed form is known.

    Uniform: m·(1 − j + 2jN/(N+1)), the largest order statistic of N uniform draws.
    """
    if isinstance(law, Constant):
        return law.mean_ms
    if isinstance(law, Uniform):
        return law.mean_ms * (1 + law.jitter * (workers - 1) / (workers + 1))
    return None


def normal_maximum(workers: int) -> float:
    """z_N, the mean of the largest of N standard normal draws: ∫ (1 − Φ^N) over x > 0 − ∫ Φ^N over x < 0."""
    x = np.linspace(0, 10, 1001)
    upper = np.array([0.5 * math.erfc(value / math.sqrt(2)) for value in x])
    return float(np.trapezoid(-np.expm1(workers * np.log1p(-upper)) - upper**workers, x))
