"""How time and memory grow with the size of one run.

`python -m tests.benchmarks.scale` prints the table of .github/BENCHMARKS.md, and with `failures` behind it what a few
failures of workers add to that.
"""

import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Constant,
    Failures,
    FlatLatency,
    KAsync,
    LocalSGD,
    Rebalanced,
    Scenario,
    StaleSynchronous,
    Synchronous,
    Uniform,
    replicate,
    simulate,
    sweep,
)
from core.common.validation import MAX_WORK, ScenarioError
from core.policies.base import Policy

THROUGH_SERVER = "Asynchronous, server"
SERVER = AlphaBeta(latency_ms=0.1, bandwidth_gbps=100, message_mb=0.01)
WORKERS, BATCHES = (64, 256, 1024), (250, 1000, 4000)


def policies(workers: int) -> dict[str, Policy]:
    """Every policy by what the table calls it, its parameters in proportion to the workers."""
    found = [
        Synchronous(),
        Rebalanced(),
        LocalSGD(period=4),
        BackupWorkers(wait_for=workers - workers // 16),
        StaleSynchronous(bound=3),
        Asynchronous(),
        KAsync(wait_for=workers // 4),
    ]
    found = {policy.name: policy for policy in found}
    return found | {"Shared queue": Asynchronous(assignment="shared"), THROUGH_SERVER: Asynchronous()}


def question(name: str, workers: int, batches: int) -> Scenario:
    """A scenario of that size under a policy."""
    return Scenario(
        workers=workers,
        batches=batches,
        compute=Uniform(mean_ms=100),
        network=SERVER if name == THROUGH_SERVER else FlatLatency(latency_ms=20),
        policy=policies(workers)[name],
    )


def taken(scenario: Scenario, times: int = 3) -> float:
    """Seconds for a run and its figures, the best of a few."""
    best = math.inf
    for _ in range(times):
        start = time.perf_counter()
        simulate(scenario).metrics  # noqa: B018 - worked out when asked for
        best = min(best, time.perf_counter() - start)
    return best


def exponent(sizes: tuple[int, ...], seconds: list[float]) -> float:
    """The slope of time over size on logarithmic axes, from the first size to the last."""
    return math.log(seconds[-1] / seconds[0]) / math.log(sizes[-1] / sizes[0])


def largest(name: str) -> Scenario:
    """The largest run of a policy that is allowed, 1,000 workers wide."""
    batches = MAX_WORK // 1000
    if name == "Shared queue":  # quick workers need more rows than others
        batches -= 500
    while True:
        try:
            return question(name, 1000, batches)
        except ScenarioError:
            batches -= 100


def peak(name: str) -> None:
    """Print how many mini-batches the largest run of a policy has, its seconds and the memory of its process, MiB."""
    simulate(Scenario(compute=Constant()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scenario = largest(name)
    seconds = taken(scenario, 1)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(scenario.work, seconds, grown)


def table() -> None:
    """Times, exponents and peaks, a row a policy."""
    print("| policy | 64 × 1,000 | 1,000 × 1,000 | grows with N | with B | largest run | takes | memory |")
    print("|---|---|---|---|---|---|---|---|")
    for name in policies(64):
        small, large = taken(question(name, 64, 1000)), taken(question(name, 1000, 1000))
        by_workers = exponent(WORKERS, [taken(question(name, n, 250)) for n in WORKERS])
        by_batches = exponent(BATCHES, [taken(question(name, 64, b)) for b in BATCHES])
        command = [sys.executable, "-m", "tests.benchmarks.scale", name]
        work, seconds, grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        print(
            f"| {name} | {1000 * small:.0f} ms | {1000 * large:.0f} ms | N^{by_workers:.1f} | B^{by_batches:.1f} "
            f"| {float(work) / 1e6:.1f} million | {float(seconds):.1f} s | {float(grown):,.0f} MiB |",
            flush=True,
        )


def failing(scenario: Scenario, recovery: str, each: float) -> Scenario:
    """The scenario with about so many failures in a run, and short restarts."""
    epoch_h = scenario.batches * 0.13 / 3_600
    failures = Failures(
        mtbf_hours=scenario.workers * epoch_h / each,
        restart_s=2,
        recovery=recovery,
        checkpoint_batches=10,
        checkpoint_s=0.05,
        regroup_s=0.1,
    )
    return replace(scenario, failures=failures)


def cpu_seconds(act: Callable[[], object], times: int = 3) -> float:
    """Seconds of CPU that an act takes, the best of a few."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        act()
        taken.append(time.process_time() - start)
    return min(taken)


def beside(plain: Callable[[], object], failing: Callable[[], object]) -> str:
    """CPU times of two acts, and their ratio."""
    without, with_failures = cpu_seconds(plain), cpu_seconds(failing)
    return f"{1000 * without:.0f} → {1000 * with_failures:.0f} ms | {with_failures / without:.1f} ×"


def failures_table() -> None:
    """One run of 1,000 × 1,000, and 1,000 replicates of 16 × 100, without failures and with a few, a row a policy."""
    print("| policy | recovery | 1,000 × 1,000, five failures | | 1,000 × (16 × 100), one failure each | |")
    print("|---|---|---|---|---|---|")
    for name, policy in policies(64).items():
        for recovery in ("rollback", "elastic") if policy.has_barrier else ("",):
            large, small = question(name, 1000, 1000), question(name, 16, 100)
            one = [partial(figures, each) for each in (large, failing(large, recovery or "rollback", 5))]
            many = [
                partial(replicate, each, 1000, threads=1) for each in (small, failing(small, recovery or "rollback", 1))
            ]
            print(f"| {name} | {recovery} | {beside(*one)} | {beside(*many)} |", flush=True)


def figures(scenario: Scenario) -> object:
    """The figures of a run."""
    return simulate(scenario).metrics


def sweep_speed() -> None:
    """A grid of 20 × 20 cells, 100 replicates of 8 × 30 under two policies, in one process."""
    grid = {"compute.jitter": [i / 25 for i in range(20)], "network.latency_ms": [10 * i for i in range(20)]}
    start = time.perf_counter()
    rows = sweep(Scenario(workers=8, batches=30), grid, policies=[Synchronous(), Asynchronous()], replicates=100)
    print(f"\nsweep of 400 cells × 100 replicates × 2 policies of 8 × 30: {time.perf_counter() - start:.2f} s")
    assert len(rows) == 800


if __name__ == "__main__":
    if sys.argv[1:] == ["failures"]:
        failures_table()
    elif sys.argv[1:]:
        peak(sys.argv[1])
    else:
        table()
        sweep_speed()
