"""Named scenarios and lessons, each with the question it answers in a meeting.

Sources of measured figures: .github/PAGES.md.
"""

from dataclasses import dataclass, replace

from core.policies import Asynchronous, BackupWorkers, LocalSGD, Rebalanced, Synchronous
from core.policies.base import Policy
from core.scenario import Scenario
from core.workload.compute_laws import Gumbel, LogNormal, Uniform
from core.workload.failures import Failures
from core.workload.networks import AlphaBeta, FlatLatency
from core.workload.stragglers import Stragglers

NETWORK_LINKS = {
    "NVLink-class": (0.003, 2_400.0),
    "100 GbE": (0.01, 100.0),
    "10 GbE": (0.05, 10.0),
    "WAN": (30.0, 1.0),
}
"""Latency in ms and bandwidth in Gb/s of common links: round values to start from."""

NODES_OF_8 = AlphaBeta(latency_ms=0.01, bandwidth_gbps=100, message_mb=400, workers_per_node=8, links_per_node=4)
"""Eight workers to a node, NVLink-class links inside, four 100 GbE cards out of each."""
REGIONS = AlphaBeta(
    latency_ms=30,
    bandwidth_gbps=1,
    message_mb=400,
    workers_per_node=8,
    node_latency_ms=0.01,
    node_bandwidth_gbps=100,
)
"""Eight workers to a region, 100 GbE inside, one wide-area link between regions."""

FREE = FlatLatency(latency_ms=0)
SYNC, ASYNC, SHARED = Synchronous(), Asynchronous(), Asynchronous(assignment="shared")
QUICK = LogNormal(mean_ms=150, cv=0.004)
HEALTHY = LogNormal(mean_ms=500, cv=0.004)  # within-step variation of dedicated GPUs


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A scenario that makes one point: a question, the answer that the simulator gives, and policies to compare."""

    name: str
    question: str
    answer: str
    scenario: Scenario
    policies: tuple[Policy, ...] = ()
    """For Compare; empty where any will do."""


SURPRISE = Preset(
    name="Async slower than sync",
    question="Equal machines, a fast network, and no barrier to wait at: why is async slower than sync?",
    answer="Every push goes through one server. Eight workers send it 8 × 400 MB per batch, 256 ms of work at "
    "100 Gb/s, while a ring all-reduce spreads the same bytes over all links, 56 ms. Sync finishes 21 % sooner. With "
    "8 parameter servers (under Network) it is async that does, by 23 %.",
    scenario=Scenario(
        workers=8,
        batches=30,
        compute=QUICK,
        network=AlphaBeta(latency_ms=0.01, bandwidth_gbps=100, message_mb=400),
    ),
    policies=(SYNC, ASYNC),
)

PRESETS = (
    Preset(
        name="Reference · 4 workers",
        question="What do a barrier and a slow network cost four workers?",
        answer="An epoch takes about 7.60 s. Without the barrier it takes 5.49 s, 28 % less, mostly because async "
        "pays almost nothing for the network here.",
        scenario=Scenario(),
    ),
    Preset(
        name="Reference · 8 workers",
        question="How stale do gradients get when eight workers never wait?",
        answer="About 6.7 updates on average, close to the long-run 7 = N − 1; the epoch takes about 6.60 s.",
        scenario=Scenario(
            workers=8,
            batches=15,
            compute=Uniform(mean_ms=400),
            network=FlatLatency(latency_ms=150),
            policy=ASYNC,
        ),
    ),
    Preset(
        name="Does the barrier scale?",
        question="The network is free and jitter is ±20 %: how much more does the barrier cost with 64 workers?",
        answer="Workers idle 16.2 % of the time. It was 10.7 % with 4 workers, and on average it never passes 16.7 %: "
        "bounded jitter bounds the cost.",
        scenario=Scenario(workers=64, batches=20, network=FREE),
    ),
    Preset(
        name="Slow network",
        question="Communication takes five times as long as computing: is it the barrier that hurts?",
        answer="No: sync spends 81 % of the epoch on the network and only 2.5 % waiting. Bigger batches or a faster "
        "network come before giving up the barrier; averaging only every fourth batch finishes 62 % sooner.",
        scenario=Scenario(workers=8, batches=20, compute=Uniform(mean_ms=100), network=FlatLatency(latency_ms=500)),
        policies=(SYNC, LocalSGD(period=4)),
    ),
    Preset(
        name="Healthy cluster",
        question="Dedicated, equal machines (0.4 % variation, as measured) and a fast network: what does async buy?",
        answer="Next to nothing: 0.5 % of the epoch, and gradients are stale. Stay synchronous.",
        scenario=Scenario(workers=8, batches=30, compute=HEALTHY, network=FREE),
        policies=(SYNC, ASYNC),
    ),
    Preset(
        name="Silicon lottery",
        question="GPUs of one model differ by 6 %, always: what does that cost, and what wins it back?",
        answer="16 workers at a barrier lose 10 % to the slowest. Async with static shards gains next to nothing, as "
        "the slowest worker still has its share to do. A shared queue finishes 8.8 % sooner, rebalanced batches 9.6 %, "
        "with fresh gradients.",
        scenario=Scenario(workers=16, batches=30, compute=HEALTHY, stragglers=Stragglers(spread=0.06), network=FREE),
        policies=(SYNC, ASYNC, SHARED, Rebalanced()),
    ),
    Preset(
        name="Sequences of varying length",
        question="Batches differ in length (Gumbel, 14 %, as measured on 32 ranks of a language model): what does "
        "a barrier cost?",
        answer="The slowest of 32 takes 1.38× the mean, so workers idle 27 % of the time. Async finishes 24 % sooner, "
        "with gradients that are 30 updates stale; packing batches to equal length would save all of the 27 %, with "
        "fresh gradients.",
        scenario=Scenario(workers=32, batches=43, compute=Gumbel(cv=0.14), network=FREE),
        policies=(SYNC, ASYNC),
    ),
    Preset(
        name="One bad worker",
        question="One of eight workers is 2.36× slower than its peers (as measured): what does it cost?",
        answer="Half of all time: workers idle 50 %. A shared queue finishes 53 % sooner; with that worker "
        "replaced, sync does so by 57 %.",
        scenario=Scenario(
            workers=8, batches=30, compute=HEALTHY, stragglers=Stragglers(slow_workers=1, slowdown=2.36), network=FREE
        ),
        policies=(SYNC, ASYNC, SHARED),
    ),
    Preset(
        name="Shared cloud",
        question="One batch in a hundred takes five times as long, on any of 32 workers: does that matter?",
        answer="About every fourth barrier meets a hiccup, and the epoch takes twice as long as it would without. One "
        "backup worker more than makes up for itself: 42 % sooner, with fresh gradients; async is as quick.",
        scenario=Scenario(
            workers=32,
            batches=30,
            compute=Uniform(jitter=0.05),
            stragglers=Stragglers(hiccup_probability=0.01, hiccup_factor=5),
            network=FREE,
        ),
        policies=(SYNC, BackupWorkers(wait_for=31), ASYNC),
    ),
    Preset(
        name="16,384 GPUs",
        question="A run on 16,384 GPUs is interrupted every 3.1 hours (as published for Llama 3): how much of the time "
        "still goes into gradients that count?",
        answer="91.9 %, with a checkpoint of ten seconds every quarter of an hour: 3.8 % goes into work that is done "
        "again, 3.1 % into waiting, most of it for restarts. Without a barrier nobody else stops for a failure, and "
        "the epoch is 1.07× faster. A worker stands for 1,024 GPUs here, and a batch for three minutes of their steps.",
        scenario=Scenario(
            workers=16,
            batches=100,
            compute=LogNormal(mean_ms=180_000, cv=0.004),
            network=FREE,
            failures=Failures(mtbf_hours=49.6, restart_s=300, checkpoint_batches=5, checkpoint_s=10),
        ),
        policies=(SYNC, ASYNC),
    ),
    SURPRISE,
    Preset(
        name="Eight GPUs a node",
        question="32 workers, eight to a node with NVLink-class links inside and four 100 GbE cards out: what does "
        "averaging 400 MB per batch cost?",
        answer="14.4 ms, as four cards share what leaves a node: 8.7 % of the epoch. In one ring over all "
        "workers, one 100 GbE link each, it is 62.6 ms. In 25 buckets beside the backward pass (under Network) nearly "
        "all of it is hidden. Averaging every fourth batch is 1.07× faster.",
        scenario=Scenario(workers=32, batches=30, compute=QUICK, network=NODES_OF_8),
        policies=(SYNC, LocalSGD(period=4)),
    ),
    Preset(
        name="Two regions over a WAN",
        question="Eight workers in each of two regions, 1 Gb/s and 30 ms apart, train a model of 100 million "
        "parameters: who gets anything done?",
        answer="Not a barrier every batch: 95.6 % of the epoch is network. Averaging every 25th batch is 12.26× "
        "faster, taking each average in 20 batches later 17.99×, and sending a fifth of the parameters every five "
        "batches 22.05×, as the link is then used all the time. Learning shows what such averages are worth.",
        scenario=Scenario(workers=16, batches=100, compute=QUICK, network=REGIONS),
        policies=(
            SYNC,
            LocalSGD(period=25),
            LocalSGD(period=25, delay=20),
            LocalSGD(period=25, delay=10, fragments=5),
        ),
    ),
    Preset(
        name="A server in a node",
        question="Two nodes of eight workers, a parameter server beside them or inside the first: does it matter "
        "where it stands?",
        answer="Very much: inside, the first node pushes over its own links, and the other one over its four cards, so "
        "that async is 1.65× faster than sync. Outside, behind a single link (Parameter server location, under "
        "Network), both are several times slower, as that link carries everything.",
        scenario=Scenario(
            workers=16,
            batches=30,
            compute=QUICK,
            network=replace(NODES_OF_8, collective="server", server_place="inside"),
        ),
        policies=(SYNC, ASYNC),
    ),
)
