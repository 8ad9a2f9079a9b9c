"""What theory says must come out of the simulator, and the runs that show whether it does: the rows of a table.

N workers; m is the mean compute time of a mini-batch and j its jitter; K, s, H are the parameters of the policies; π is
the share of mini-batches in slow episodes, f how many times longer they take; t is an exchange of all workers in K
buckets, b the backward pass as a share of the compute time c, g the workers of one of G nodes.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

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
from core.policies.base import Policy
from core.scenario import Scenario
from core.simulation.bandwidth import required_bandwidth
from core.theory.agreement import Check, Result, as_table, verdict
from core.theory.closed_forms import (
    asynchronous_staleness,
    geometric_staleness,
    hiccup_maximum,
    k_async_staleness,
    k_async_update_ms,
    k_batch_async_update_ms,
    local_sgd_batch_ms,
    order_statistic_ms,
    processor_sharing_throughput,
    renewal_throughput,
    server_throughput_bound,
    shared_queue_gain,
    static_shards_epoch_ms,
)
from core.theory.communication import (
    bucket_exposed_ms,
    delayed_average_exposed_ms,
    delayed_staleness,
    mean_exposed_ms,
)
from core.theory.episodes import slowest_sum_in_episodes_ms
from core.theory.failures import elastic_share, push_step_ms, rollback_ms
from core.theory.order_statistics import kth_done_ms
from core.theory.steady_state import (
    epoch_ratios,
    epochs_ms,
    idle_percent,
    mean_staleness,
    mean_staleness_of_runs,
    share_of_staleness,
    throughput,
    throughput_ratios,
    time_per_batch,
    time_per_update,
)
from core.workload.compute_laws import Constant, Gumbel, LogNormal, Pareto, ShiftedExponential, Uniform
from core.workload.failures import Failures
from core.workload.networks import AlphaBeta, FlatLatency
from core.workload.stragglers import Stragglers

__all__ = ["CHECKS", "Check", "Result", "as_table", "judge"]

FREE: dict[str, Any] = {"network": FlatLatency(latency_ms=0)}
UNIFORM, EXPONENTIAL = Uniform(mean_ms=1), ShiftedExponential(mean_ms=1, shift=0)
HALF, LOGNORMAL = ShiftedExponential(mean_ms=1, shift=0.5), LogNormal(mean_ms=1, cv=0.5)
PARETO, GUMBEL = Pareto(mean_ms=1, alpha=5), Gumbel(mean_ms=1)
NONE, HICCUPS = Stragglers(), Stragglers(hiccup_probability=0.01, hiccup_factor=5)
SERVER = AlphaBeta(latency_ms=0, bandwidth_gbps=8, message_mb=150, collective="server")  # d = 150 ms
HALF_IN_BUCKETS = AlphaBeta(latency_ms=0, bandwidth_gbps=8, message_mb=0.5 / (2 * 7 / 8), buckets=4)
AWAY = Uniform(mean_ms=850, jitter=200 / 850)  # with the pull, the next push comes 1 s ± 20 % after the last

ORDER, RENEWAL = "order statistics (textbook)", "renewal theory (textbook)"
DUTTA, HO, CHEN = "Dutta et al., arXiv 2003.10579", "Ho et al. 2013", "Chen et al. 2016"
STATED = "figure stated to {} decimals, no closed form"


def known(figure: float | None) -> float:
    """A closed form that exists for the law that is checked."""
    assert figure is not None
    return figure


barrier = partial(Check, topic="Barrier", source=ORDER)

BARRIER = (
    barrier(
        claim="Epoch of the first example: 4 workers, 500 ms ± 20 %, network 200 ms, 10 batches",
        formula="B·(m(1 + j(N − 1)/(N + 1)) + L)",
        expected=10 * (known(order_statistic_ms(Uniform(), 4, 4)) + 200),
        unit="ms",
        sample=partial(epochs_ms, runs=4_000),
    ),
    *(
        barrier(
            claim=f"Time per batch, {n} workers, ±20 %",
            formula="m(1 + j(N − 1)/(N + 1))",
            expected=known(order_statistic_ms(UNIFORM, n, n)),
            sample=partial(epochs_ms, runs=20_000 // n, per=20, batches=20, workers=n, compute=UNIFORM, **FREE),
        )
        for n in (2, 4, 8, 16, 32)
    ),
    *(
        barrier(
            claim=f"Idle share, {n} workers, ±20 %",
            formula="j(N − 1)/(N + 1) / (1 + j(N − 1)/(N + 1)), below 16.67 for any N",
            expected=100 * (1 - 1 / known(order_statistic_ms(UNIFORM, n, n))),
            unit="%",
            sample=partial(idle_percent, runs=20_000 // n, batches=50, workers=n, compute=UNIFORM, **FREE),
        )
        for n in (8, 128)
    ),
    *(
        barrier(
            claim=f"Time per batch, {n} workers, {name}",
            formula=formula,
            expected=known(order_statistic_ms(law, n, n)),
            sample=partial(epochs_ms, runs=40_000 // n, per=20, batches=20, workers=n, compute=law, **FREE),
        )
        for law, n, name, formula in (
            (HALF, 8, "half of it exponential", "Δ + H_N/μ"),
            (PARETO, 16, "Pareto with α = 5", "x_m·Γ(N + 1)Γ(1 − 1/α)/Γ(N + 1 − 1/α)"),
            (GUMBEL, 32, "Gumbel with CV 0.14", "loc + β(ln N + 0.57722)"),
            (LOGNORMAL, 8, "log-normal with CV 0.5", "∫ (1 − F^N)"),
        )
    ),
    barrier(
        claim="Time per iteration that waits for the first 5 of 8 workers, half of it exponential",
        formula="Δ + (H_N − H_(N−K))/μ",
        expected=known(order_statistic_ms(HALF, 5, 8)),
        sample=partial(
            epochs_ms, runs=4_000, per=32, batches=20, workers=8, compute=HALF, policy=BackupWorkers(wait_for=5), **FREE
        ),
    ),
)

no_barrier = partial(Check, topic="No barrier", source=RENEWAL)

NO_BARRIER = (
    no_barrier(
        claim="Throughput of 4 workers, 500 ms ± 20 %, pushes of 0 to 60 ms",
        formula="Σ 1/(m + y) over the workers",
        expected=renewal_throughput([530] * 4),
        unit="/s",
        sample=partial(throughput, first_ms=100_000, last_ms=290_000, workers=4, batches=600, policy=Asynchronous()),
    ),
    no_barrier(
        claim="Throughput of 4 workers, one 3× slower, 500 ms (exponential), pushes of 0 to 60 ms",
        formula="Σ 1/(m + y) over the workers",
        expected=renewal_throughput([1_530, 530, 530, 530]),
        unit="/s",
        sample=partial(
            throughput,
            first_ms=50_000,
            last_ms=650_000,
            workers=4,
            batches=1_500,
            compute=ShiftedExponential(shift=0),
            stragglers=Stragglers(slow_workers=1, slowdown=3),
            policy=Asynchronous(),
        ),
    ),
    no_barrier(
        claim="Epoch of 8 workers with 400 batches each, 500 ms ± 20 %, pushes of 0 to 60 ms",
        formula="B·(m + y) + σ·√B·z_N",
        source="central limit theorem",
        expected=static_shards_epoch_ms(8, 400, 530, math.hypot(Uniform().std_ms, 60 / math.sqrt(12))),
        unit="ms",
        sample=partial(epochs_ms, runs=300, workers=8, batches=400, policy=Asynchronous()),
    ),
    *(
        no_barrier(
            claim=f"Time per update of 4 gradients each, 8 workers, {name}",
            formula="K·m/N",
            source=DUTTA,
            expected=k_batch_async_update_ms(1, 4, 8),
            sample=partial(
                time_per_update,
                first=400,
                last=650,
                workers=8,
                batches=400,
                compute=law,
                policy=Asynchronous(accumulate=4),
                **FREE,
            ),
        )
        for law, name in ((UNIFORM, "±20 %"), (EXPONENTIAL, "exponential times"))
    ),
)

staleness = partial(Check, topic="Staleness", unit="updates", source="counting pushes between two of a worker")
in_long_run = partial(mean_staleness, first=1_200, last=2_400, workers=8, batches=400)

STALENESS = (
    *(
        staleness(
            claim=f"Mean staleness without a barrier, 8 workers, {name}",
            formula="N − 1",
            expected=asynchronous_staleness(8),
            sample=partial(in_long_run, policy=Asynchronous(), **question),
        )
        for name, question in (
            ("±20 %", {"compute": UNIFORM, **FREE}),
            ("exponential times", {"compute": EXPONENTIAL, **FREE}),
            ("two of them 4× slower", {"stragglers": Stragglers(slow_workers=2, slowdown=4)}),
            ("queueing at a server", {"compute": AWAY, "network": SERVER}),
        )
    ),
    *(
        staleness(
            claim=f"Mean staleness without a barrier, 8 workers, updates of {k} gradients",
            formula="(N − 1)/K",
            expected=asynchronous_staleness(8, k),
            sample=partial(
                mean_staleness,
                first=1_200 // k,
                last=2_400 // k,
                workers=8,
                batches=400,
                policy=Asynchronous(accumulate=k),
            ),
        )
        for k in (2, 4)
    ),
    *(
        staleness(
            claim=f"Mean staleness of K-async, 8 workers, the first {k} make an update",
            formula="(N − K)/K",
            source=DUTTA,
            expected=k_async_staleness(8, k),
            sample=partial(
                mean_staleness, first=1_200 // k, last=1_600 // k, workers=8, batches=220, policy=KAsync(wait_for=k)
            ),
        )
        for k in (2, 4)
    ),
    *(
        staleness(
            claim=f"Share of gradients {k} updates stale, 8 workers, exponential times",
            formula="(1/N)(1 − 1/N)^k",
            source="memoryless times: each next push is anybody's",
            expected=100 * geometric_staleness(k, 8),
            unit="%",
            sample=partial(
                share_of_staleness,
                k,
                first=200,
                last=2_400,
                workers=8,
                batches=400,
                compute=EXPONENTIAL,
                policy=Asynchronous(),
                **FREE,
            ),
        )
        for k in (0, 7)
    ),
)


between = partial(Check, topic="Between the two")
in_step = partial(time_per_batch, first=300, runs=200, workers=8, batches=1_200, **FREE)

BETWEEN = (
    between(
        claim="Epoch of stale-synchronous with bound 0 over sync's, same draws",
        formula="1",
        source=HO,
        expected=1,
        unit="×",
        sample=partial(epoch_ratios, StaleSynchronous(bound=0), Synchronous(), workers=8, batches=50, **FREE),
    ),
    between(
        claim="Epoch of stale-synchronous with a bound of B over async's, same draws",
        formula="1",
        source=HO,
        expected=1,
        unit="×",
        sample=partial(epoch_ratios, StaleSynchronous(bound=50), Asynchronous(), workers=8, batches=50),
    ),
    *(
        between(
            claim=f"Time per batch, stale-synchronous with bound 0, 8 workers, {name}",
            formula="E[max of N], as with a barrier",
            source=ORDER,
            expected=known(order_statistic_ms(law, 8, 8)),
            sample=partial(in_step, compute=law, policy=StaleSynchronous(bound=0)),
        )
        for law, name in ((UNIFORM, "±20 %"), (EXPONENTIAL, "exponential times"))
    ),
    *(
        between(
            claim=f"Time per batch, stale-synchronous with bound {bound}, 8 workers, ±20 %",
            formula=STATED.format(3),
            source=HO,
            expected=stated,
            half_digit=5e-4,
            sample=partial(in_step, compute=UNIFORM, policy=StaleSynchronous(bound=bound)),
        )
        for bound, stated in ((1, 1.017), (2, 1.009), (3, 1.006))
    ),
    *(
        between(
            claim=f"Time per batch, stale-synchronous with bound {bound}, 8 workers, exponential times",
            formula="N/E[workers not held], by the Markov chain of their leads, solved numerically",
            source=HO,
            expected=solved,
            half_digit=5e-7,
            sample=partial(in_step, compute=EXPONENTIAL, policy=StaleSynchronous(bound=bound)),
        )
        for bound, solved in ((1, 1.792535), (2, 1.509687), (3, 1.374798), (5, 1.244734), (10, 1.130898))
    ),
    *(
        between(
            claim=f"Time per update of K-async, the first {k} of 8 workers, exponential times",
            formula="E X_(K:N) = (H_N − H_(N−K))·m",
            source=DUTTA,
            expected=known(k_async_update_ms(EXPONENTIAL, k, 8)),
            sample=partial(
                epochs_ms,
                runs=300,
                per=800 // k,
                workers=8,
                batches=100,
                compute=EXPONENTIAL,
                policy=KAsync(wait_for=k),
                **FREE,
            ),
        )
        for k in (1, 2, 4, 8)
    ),
    *(
        between(
            claim=f"Time per update of K-async, the first {k} of 8 workers, ±20 %",
            formula="E X_(K:N) = m(1 − j + 2jK/(N + 1))",
            source=DUTTA,
            expected=known(k_async_update_ms(UNIFORM, k, 8)),
            relation="≤",
            sample=partial(
                epochs_ms,
                runs=100,
                per=800 // k,
                workers=8,
                batches=100,
                compute=UNIFORM,
                policy=KAsync(wait_for=k),
                **FREE,
            ),
        )
        for k in (2, 4)
    ),
    *(
        between(
            claim=f"Time per batch, local SGD with a barrier every {period}, 16 workers, exponential times, L = m",
            formula="(E[max of N Erlang(H)] + L)/H",
            source="Wang & Joshi 2018",
            expected=local_sgd_batch_ms(EXPONENTIAL, 16, period, 1),
            sample=partial(
                epochs_ms,
                runs=3_000,
                per=50,
                workers=16,
                batches=50,
                compute=EXPONENTIAL,
                network=FlatLatency(latency_ms=1),
                policy=LocalSGD(period=period),
            ),
        )
        for period in (1, 10)
    ),
)

network = partial(Check, topic="Network")
through_server = partial(
    throughput, first_ms=60_000, last_ms=210_000, batches=200, compute=AWAY, network=SERVER, policy=Asynchronous()
)
LINK: dict[str, Any] = {"latency_ms": 0.5, "bandwidth_gbps": 8, "message_mb": 4}  # α = 0.5 ms, t = 4 ms

NETWORK = (
    *(
        network(
            claim=f"Time per batch, sync with a {name}, 4 workers, 10 ms of computing, α = 0.5 ms, t = 4 ms",
            formula=f"m + {formula}",
            source=source,
            expected=10 + by_hand,
            unit="ms",
            sample=partial(
                epochs_ms, runs=2, per=10, compute=Constant(mean_ms=10), network=AlphaBeta(**LINK, collective=name)
            ),
        )
        for name, formula, source, by_hand in (
            ("ring", "2(N − 1)α + 2(N − 1)/N·t", "Patarasuk & Yuan 2009", 2 * 3 * 0.5 + 2 * 3 / 4 * 4),
            ("tree", "2·log2(N)·α + 2(N − 1)/N·t", "halving-doubling (textbook)", 2 * 2 * 0.5 + 2 * 3 / 4 * 4),
            ("server", "2α + 2N·t", "parameter server, all at once", 2 * 0.5 + 2 * 4 * 4),
        )
    ),
    *(
        network(
            claim=f"Async through one server, first come, first served: {n} workers, m = 1 s ± 20 %, d = 0.15 s",
            formula="(1 − p0)/d, 1/p0 = Σ_k N!/(N − k)!·(d/m)^k, with processor sharing",
            source="machine repair (textbook)",
            expected=processor_sharing_throughput(n, 1_000, 150),
            relation="≥",
            unit="/s",
            sample=partial(through_server, workers=n),
        )
        for n in (2, 4, 8, 12)
    ),
    *(
        network(
            claim=f"Async through one server is bounded: {n} workers, m = 1 s ± 20 %, d = 0.15 s",
            formula="min(N/(m + d), 1/d)",
            source="a worker's round trip without queues; a server that never rests",
            expected=server_throughput_bound([1_150] * n, 150),
            relation="≤",
            unit="/s",
            sample=partial(through_server, workers=n),
        )
        for n in (4, 12)
    ),
    network(
        claim="Time per batch, async, one worker, 4 servers, its own link, 10 ms of computing, α = 0.5 ms, t = 4 ms",
        formula="m + 2α + 2·max(t/S, t)",
        source="a push and a pull, each over the worker's link",
        expected=10 + 2 * 0.5 + 2 * 4,
        unit="ms",
        sample=partial(
            epochs_ms,
            runs=2,
            per=10,
            workers=1,
            compute=Constant(mean_ms=10),
            network=AlphaBeta(**LINK, servers=4, own_link=True),
            policy=Asynchronous(),
        ),
    ),
    network(
        claim="Async through one server, 8 workers, m = 1 s ± 20 %, d = 0.15 s",
        formula=STATED.format(2),
        source="long simulation",
        expected=6.35,
        half_digit=5e-3,
        unit="/s",
        sample=partial(through_server, workers=8),
    ),
)

stragglers = partial(Check, topic="Stragglers")
ONE_SLOW = partial(Stragglers, slow_workers=1)
STEADY: dict[str, Any] = {"workers": 8, "compute": Constant(mean_ms=1), **FREE}

STRAGGLERS = (
    stragglers(
        claim="Time per batch, 32 workers, constant times, 1 % hiccups of 5×",
        formula="m(1 + (s − 1)(1 − (1 − p)^N))",
        source="chance that nobody hiccups",
        expected=hiccup_maximum(0.01, 5, 32),
        sample=partial(
            epochs_ms,
            runs=3_000,
            per=50,
            workers=32,
            batches=50,
            compute=Constant(mean_ms=1),
            stragglers=HICCUPS,
            **FREE,
        ),
    ),
    *(
        stragglers(
            claim=f"Time per iteration that waits for the first {k} of 100 workers, {name}",
            formula=formula,
            source=CHEN,
            expected=known(kth_done_ms(UNIFORM, hiccups, [(100, 1)], k)),
            sample=partial(
                epochs_ms,
                runs=1_000,
                per=100 * batches // k,
                workers=100,
                batches=batches,
                compute=UNIFORM,
                stragglers=hiccups,
                policy=BackupWorkers(wait_for=k),
                **FREE,
            ),
        )
        for k, batches, hiccups, name, formula in (
            (100, 20, NONE, "±20 %", "m(1 − j + 2jK/(N + 1))"),
            (96, 24, NONE, "±20 %", "m(1 − j + 2jK/(N + 1))"),
            (100, 20, HICCUPS, "±20 % and 1 % hiccups of 5×", "∫ P(fewer than K done)"),
            (95, 19, HICCUPS, "±20 % and 1 % hiccups of 5×", "∫ P(fewer than K done)"),
        )
    ),
    *(
        stragglers(
            claim=f"Throughput of a shared queue over sync's, 8 workers, one {f}× slower",
            formula="(f(N − 1) + 1)/N",
            source=RENEWAL,
            expected=shared_queue_gain(8, f),
            unit="×",
            sample=partial(
                throughput_ratios,
                Asynchronous(assignment="shared"),
                Synchronous(),
                first_ms=100,
                last_ms=340,
                runs=2,
                batches=400,
                stragglers=ONE_SLOW(slowdown=f),
                **STEADY,
            ),
        )
        for f in (2, 4)
    ),
    stragglers(
        claim="Epoch of async with static shards over sync's, 8 workers, one 2× slower",
        formula="1",
        source="the slow worker's B batches",
        expected=1,
        unit="×",
        sample=partial(
            epoch_ratios, Asynchronous(), Synchronous(), runs=2, batches=100, stragglers=ONE_SLOW(slowdown=2), **STEADY
        ),
    ),
    stragglers(
        claim="Epoch of sync over rebalanced's, 8 workers, one 2× slower",
        formula="(f(N − 1) + 1)/N",
        source="sizes in proportion to speed",
        expected=shared_queue_gain(8, 2),
        unit="×",
        sample=partial(
            epoch_ratios, Synchronous(), Rebalanced(), runs=2, batches=100, stragglers=ONE_SLOW(slowdown=2), **STEADY
        ),
    ),
    *(
        stragglers(
            claim=f"Time per batch, stale-synchronous with bound {bound}, 8 workers, one 3× slower",
            formula="f·m, the slow worker's pace for any bound",
            source=HO,
            expected=3,
            sample=partial(
                time_per_batch,
                first=50,
                runs=2,
                batches=200,
                stragglers=ONE_SLOW(slowdown=3),
                policy=StaleSynchronous(bound=bound),
                **STEADY,
            ),
        )
        for bound in (2, 10)
    ),
)

episodes = partial(Check, topic="Episodes")
SHORTEST = 1 / 0.95
SOME_EPISODES = partial(Stragglers, episode_share=0.05, episode_factor=3)
IN_A_ROW = {SHORTEST: "one by one", 10: "10 in a row", 50: "50 in a row"}
"""How long episodes are on average, in words."""
RUNS_OF_EPISODES = {SHORTEST: 200, 10: 600, 50: 1_000}  # the longer they are, the more runs differ


def through_episodes(length: float, policy: Policy) -> Callable[[], np.ndarray]:
    """Time per batch of 8 workers with episodes of that mean length, start included."""
    stragglers = SOME_EPISODES(episode_batches=length)
    runs = RUNS_OF_EPISODES[length]
    return partial(epochs_ms, runs=runs, per=400, batches=400, stragglers=stragglers, policy=policy, **STEADY)


def slowest_of_8(length: float, steps: int) -> float:
    """Mean time of the slowest of 8 workers over so many mini-batches with episodes of that mean length."""
    found = slowest_sum_in_episodes_ms(STEADY["compute"], SOME_EPISODES(episode_batches=length), [(8, 1)], steps)
    assert found is not None
    return found[0]


EPISODES = (
    *(
        episodes(
            claim=f"Time per batch, sync, 8 workers, 5 % of batches 3× slower, {words}",
            formula="m(1 + (f − 1)(1 − (1 − π)^N)), however many in a row",
            source="chance that nobody is slow",
            expected=hiccup_maximum(0.05, 3, 8),
            sample=through_episodes(length, Synchronous()),
        )
        for length, words in IN_A_ROW.items()
    ),
    *(
        episodes(
            claim=f"Time per batch, local SGD with a barrier every 10, 8 workers, 5 % of batches 3× slower, {words}",
            formula="m(1 + (f − 1)·E[max of N K]/H), K slow ones among H, by their Markov chain",
            source="Gabriel 1959",
            expected=slowest_of_8(length, 10) / 10,
            sample=through_episodes(length, LocalSGD(period=10)),
        )
        for length, words in IN_A_ROW.items()
    ),
    *(
        episodes(
            claim=f"Time per batch, stale-synchronous with bound 3, 8 workers, 5 % of batches 3× slower, {words}",
            formula=STATED.format(decimals),
            source="long simulation",
            expected=stated,
            half_digit=0.5 * 10**-decimals,
            sample=through_episodes(length, StaleSynchronous(bound=3)),
        )
        for (length, words), stated, decimals in zip(IN_A_ROW.items(), (1.185, 1.57, 1.65), (3, 2, 2), strict=True)
    ),
    episodes(
        claim="Time per batch, async with static shards, 8 workers, 5 % of batches 3× slower, 10 in a row",
        formula="m(1 + (f − 1)·E[max of N K]/B), K slow ones among B, by their Markov chain",
        source="Gabriel 1959",
        expected=slowest_of_8(10, 400) / 400,
        sample=through_episodes(10, Asynchronous()),
    ),
)

failing = partial(Check, topic="Failures", unit="s")
SECOND = 1_000


def failures_of(together_s: float, workers: int, **recovery: Any) -> Failures:
    """Failures that some workers have so often together, s."""
    return Failures(mtbf_hours=together_s * workers / 3_600, **recovery)


def rolled_back(work_s: int, every_s: int, checkpoint_s: float, restart_s: float, together_s: float) -> dict[str, Any]:
    """16 workers that do so much work with a checkpoint after every batch."""
    failures = failures_of(together_s, 16, restart_s=restart_s, checkpoint_batches=1, checkpoint_s=checkpoint_s)
    law = Constant(mean_ms=every_s * SECOND)
    return {"workers": 16, "batches": work_s // every_s, "compute": law, "failures": failures, **FREE}


def times_of(seconds: int, often: int) -> np.ndarray:
    """The epoch with a checkpoint every so many seconds over that with one at the interval that Young found best."""
    other, best = (epochs_ms(runs=300, **rolled_back(2_000, every, 2, 10, 100)) for every in (seconds, often))
    return other / best.mean()


FAILURES = (
    *(
        failing(
            claim=f"Epoch of 16 workers with {w:,} s of work, a checkpoint of {d} s every {t} s, restarts of {r} s, "
            f"one failure in {m} s",
            formula="(1/Λ + (e^(λ'R) − 1)/λ')·(e^(Λ(τ + δ)) − 1)·W/τ",
            source="Daly 2006, with the N − 1 that may fail during a restart",
            expected=rollback_ms(w, t, d, r, m * 16, workers=16),
            sample=partial(epochs_ms, runs=1_000, per=SECOND, **rolled_back(w, t, d, r, m)),
        )
        for w, t, d, r, m in ((1_000, 50, 2, 10, 300), (1_000, 10, 2, 10, 100), (2_000, 100, 5, 30, 500))
    ),
    *(
        failing(
            claim=f"Epoch with a checkpoint of 2 s every {every} s over that with one every 20 s, one failure in 100 s",
            formula="at least 1: best is √(2δM) = 20 s",
            source="Young 1974",
            expected=1,
            relation="≥",
            unit="×",
            sample=partial(times_of, every, 20),
        )
        for every in (5, 80)
    ),
    failing(
        claim="Time per mini-batch of 1 s without a barrier, a failure in 20 s, back after 4 s",
        formula="(e^(λm) − 1)(1/λ + R)",
        source=RENEWAL,
        expected=push_step_ms(1, 4, 20),
        sample=partial(
            epochs_ms,
            runs=400,
            per=200 * SECOND,
            workers=1,
            batches=200,
            compute=Constant(mean_ms=SECOND),
            failures=failures_of(20, 1, restart_s=4),
            policy=Asynchronous(),
            **FREE,
        ),
    ),
    failing(
        claim="Useful share of 16 workers that go on without those that fail: each every 200 batches, for 9.5 batches",
        formula="MTBF/(MTBF + R + m)",
        source=RENEWAL,
        expected=1_000 * elastic_share(1, 9.5, 200) * 16,
        half_digit=0.001 * 16_000,
        unit="/s",
        sample=partial(
            throughput,
            first_ms=100,
            last_ms=400,
            runs=60,
            workers=16,
            batches=400,
            compute=Constant(mean_ms=1),
            failures=Failures(mtbf_hours=200 / 3.6e6, restart_s=0.0095, recovery="elastic"),
            policy=Synchronous(),
            **FREE,
        ),
    ),
)

less = partial(Check, topic="Less communication")
DILOCO, DDP = "Douillard et al. 2025, arXiv 2501.18512", "Li et al. 2020 (PyTorch Distributed)"
FREE_LATENCY: dict[str, Any] = {"latency_ms": 0, "bandwidth_gbps": 8}  # a message of M MB takes M ms
OF_NODES: dict[str, Any] = {**LINK, "node_latency_ms": 0.1, "node_bandwidth_gbps": 32, "workers_per_node": 4}
"""Two levels: α = 0.5 ms and t = 4 ms between nodes, α₁ = 0.1 ms and t₁ = 1 ms inside."""
ROUND: dict[str, Any] = {
    "workers": 4,
    "batches": 40,
    "compute": Constant(mean_ms=1),
    "network": FlatLatency(latency_ms=3),
}
A_BILLION = AlphaBeta(latency_ms=0, message_mb=2_000, buckets=4_096)  # parameters of 16 bits, sent during backward


def bandwidths(share: float) -> np.ndarray:
    """What plain DiLoCo needs, with a billion parameters and 100 ms a step; twice, as the search draws nothing."""
    scenario = Scenario(workers=2, batches=100, compute=Constant(mean_ms=100), network=A_BILLION)
    found = required_bandwidth(scenario, [LocalSGD(period=100)], share, 1)["bandwidth_gbps"].to_numpy()
    return np.repeat(found, 2)


LESS = (
    *(
        less(
            claim=f"Time per batch, sync, {compute} ms of computing, {total} ms exchange, {buckets} buckets, {words}",
            formula="c + max(t/K, t − b·c·(1 − 1/K))",
            source=DDP,
            expected=compute + bucket_exposed_ms(total, buckets, share * compute * (1 - 1 / buckets)),
            unit="ms",
            sample=partial(
                epochs_ms,
                runs=2,
                per=10,
                workers=2,
                compute=Constant(mean_ms=compute),
                network=AlphaBeta(**FREE_LATENCY, message_mb=total, buckets=buckets, backward_share=share),
            ),
        )
        for compute, share, buckets, total, words in (
            (100, 2 / 3, 10, 30, "b = 2/3"),
            (100, 2 / 3, 10, 80, "b = 2/3"),
            (100, 2 / 3, 4, 200, "b = 2/3"),
            (50, 0.5, 25, 26, "b = 1/2"),
        )
    ),
    less(
        claim="Time per batch, sync, 8 workers, ±20 %, exchange of half a batch in 4 buckets",
        formula="E[max of N] + E[max(t/K, t − b·(1 − 1/K)·max of N)]",
        source=ORDER,
        expected=known(order_statistic_ms(UNIFORM, 8, 8))
        + known(mean_exposed_ms(Scenario(workers=8, compute=UNIFORM, network=HALF_IN_BUCKETS), [(8, 1)], 8)),
        sample=partial(epochs_ms, runs=2_000, per=20, workers=8, batches=20, compute=UNIFORM, network=HALF_IN_BUCKETS),
    ),
    *(
        less(
            claim=f"Time per batch, sync with a {name} over two nodes of four, {words}, 10 ms of computing",
            formula=formula,
            source="a collective inside, one between, one inside (textbook)",
            expected=10 + by_hand,
            unit="ms",
            sample=partial(
                epochs_ms,
                runs=2,
                per=10,
                workers=8,
                compute=Constant(mean_ms=10),
                network=AlphaBeta(**OF_NODES, collective=name, links_per_node=links),
            ),
        )
        for name, links, words, formula, by_hand in (
            (
                "ring",
                1,
                "one link out of each",
                "m + 2(g − 1)α₁ + 2(g − 1)/g·t₁ + 2(G − 1)α + 2(G − 1)/G·t",
                2 * 3 * 0.1 + 2 * 3 / 4 * 1 + 2 * 1 * 0.5 + 2 * 1 / 2 * 4,
            ),
            (
                "ring",
                4,
                "four links out of each",
                "m + 2(g − 1)α₁ + 2(g − 1)/g·t₁ + 2(G − 1)α + 2(G − 1)/G·t/4",
                2 * 3 * 0.1 + 2 * 3 / 4 * 1 + 2 * 1 * 0.5 + 2 * 1 / 2 * 4 / 4,
            ),
            (
                "tree",
                1,
                "one link out of each",
                "m + 2·log2(g)·α₁ + 2(g − 1)/g·t₁ + 2·log2(G)·α + 2(G − 1)/G·t",
                2 * 2 * 0.1 + 2 * 3 / 4 * 1 + 2 * 1 * 0.5 + 2 * 1 / 2 * 4,
            ),
        )
    ),
    *(
        less(
            claim=f"Epoch of 40 batches, averages every 10 of them, each taken in {delay} later, L = 3 m",
            formula="B·m + max(0, L − d·m) a round, and the last average",
            source=DILOCO,
            expected=40 + 3 * delayed_average_exposed_ms(3, delay, 1) + 3,
            sample=partial(epochs_ms, runs=2, policy=LocalSGD(period=10, delay=delay), **ROUND),
        )
        for delay in (1, 2, 5)
    ),
    less(
        claim="Epoch of 40 batches, a fourth of the parameters every 5 of them, L = 3 m each",
        formula="B·m + B·P/H·L",
        source=DILOCO,
        expected=40 + 8 * 3,
        sample=partial(epochs_ms, runs=2, policy=LocalSGD(period=20, fragments=4), **ROUND),
    ),
    less(
        claim="Time per batch, averages every 10 batches taken in 2 later, 8 workers, exponential times, L = m",
        formula="less than (E[max of N Erlang(H)] + max(0, L − d·m))/H, as waiting is hidden, too",
        source="Wang & Joshi 2018",
        expected=local_sgd_batch_ms(EXPONENTIAL, 8, 10, 0),
        relation="≤",
        sample=partial(
            epochs_ms,
            runs=300,
            per=100,
            workers=8,
            batches=100,
            compute=EXPONENTIAL,
            network=FlatLatency(latency_ms=1),
            policy=LocalSGD(period=10, delay=2),
        ),
    ),
    less(
        claim="Mean staleness of averages every 10 batches, each taken in 4 later, 40 batches",
        formula="d/H of all batches but those of the first round",
        source="counting",
        expected=delayed_staleness(40, 10, 4),
        unit="updates",
        sample=partial(mean_staleness_of_runs, runs=2, policy=LocalSGD(period=10, delay=4), **ROUND),
    ),
    less(
        claim="Epoch of local SGD over that with balanced rounds, 4 workers, one 2× slower, free network",
        formula="f·H/n, the slow one n = H·N/(1 + f(N − 1)) batches a round",
        source="rounds by the clock",
        expected=2 * 7 / 8,
        unit="×",
        sample=partial(
            epoch_ratios,
            LocalSGD(period=7),
            LocalSGD(period=7, balance=True),
            runs=2,
            **STEADY | {"workers": 4, "batches": 28, "stragglers": ONE_SLOW(slowdown=2)},
        ),
    ),
    less(
        claim="Epoch of 28 batches in balanced rounds, 4 workers, one 2× slower, half the parameters every 7, L = 3 m",
        formula="B·P/H·(n·f·m + L), the slow one n = H/P·N/(1 + f(N − 1)) batches a round",
        source="rounds by the clock",
        expected=28 / 7 * (4 * 2 + 3),
        sample=partial(
            epochs_ms,
            runs=2,
            policy=LocalSGD(period=14, fragments=2, balance=True),
            **ROUND | {"workers": 4, "batches": 28, "stragglers": ONE_SLOW(slowdown=2)},
        ),
    ),
    *(
        less(
            claim=f"Bandwidth for {share} % utilization, DiLoCo every 100 steps of 0.1 s, 10⁹ parameters of 16 bits",
            formula="8·M/(H·c·(100/u − 1) + b·c), b = 2/3",
            source=DILOCO,
            expected=8 * 2_000 / (100 * 100 * (100 / share - 1) + 2 / 3 * 100),
            half_digit=0.005,
            unit="Gb/s",
            sample=partial(bandwidths, share),
        )
        for share in (50, 90)
    ),
)

CHECKS: tuple[Check, ...] = (
    *(*BARRIER, *NO_BARRIER, *STALENESS, *BETWEEN),
    *(*NETWORK, *STRAGGLERS, *EPISODES, *LESS, *FAILURES),
)


def judge(check: Check, values: np.ndarray) -> Result:
    """Whether such values agree with one of these checks: the rule is that of `verdict`."""
    return verdict(check, values, rows=len(CHECKS))
