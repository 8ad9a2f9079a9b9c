"""The gallery: every card, in groups. To add one, write it here; its name, key and setting are its own.

Sources of measured figures: .github/PAGES.md.
"""

from dataclasses import replace

from core.policies import (
    Asynchronous,
    BackupWorkers,
    ElasticSynchronous,
    LocalSGD,
    Rebalanced,
    StaleSynchronous,
    Synchronous,
)
from core.presets.cards import Card, Figures, Quickest, Ranges, faster_than_first, saved, share, speedup
from core.presets.network_links import FAST_LINKS, NODES_OF_8, REGIONS
from core.scenario import Scenario
from core.workload.compute_laws import Constant, Gumbel, LogNormal, Uniform
from core.workload.failures import Failures
from core.workload.networks import FlatLatency
from core.workload.stragglers import Stragglers

FREE = FlatLatency(latency_ms=0)
SYNC, ASYNC, SHARED = Synchronous(), Asynchronous(), Asynchronous(assignment="shared")
QUICK = LogNormal(mean_ms=150, cv=0.004)
HEALTHY = LogNormal(mean_ms=500, cv=0.004)  # within-step variation of dedicated GPUs
LONG = LogNormal(mean_ms=120_000, cv=0.1)
HICCUPS = Stragglers(hiccup_probability=0.01, hiccup_factor=5)
ELASTIC = ElasticSynchronous()
HOURLY = Failures(mtbf_hours=16, restart_s=300, checkpoint_batches=10, checkpoint_s=20, regroup_s=20)
SPOT_DISCOUNT = 0.67
ON_DEMAND_MS = 5_516_000
"""A synchronous epoch of the card on spot machines, on on-demand machines."""


def recovered(figures: Figures) -> float:
    """Of the time that async saves, how much slack of one batch saves already, in percent."""
    return 100 * figures.saved_percent("ssp 1") / figures.saved_percent("async")


def elastic_saves(figures: Figures) -> float:
    """Of the time that async saves, how much an elastic group saves already, in percent."""
    return 100 * figures.saved_percent("elastic") / figures.saved_percent("async")


def spot_cost(figures: Figures) -> float:
    """What an epoch on spot machines costs with a barrier and checkpoints, in percent of that on demand."""
    return 100 * (1 - SPOT_DISCOUNT) * figures.rows["sync"]["epoch_ms"] / ON_DEMAND_MS


GALLERY = {
    "Where to begin": (
        Card(
            key="reference-4",
            name="Reference · 4 workers",
            setting="4 workers, ±20 %, 200 ms of network",
            question="Four workers, times that vary by ±20 %, a slow network: how much sooner is the epoch over "
            "without a barrier?",
            guesses=Ranges(saved("async"), ("Under 10 %", 10, "10 to 40 %", 40, "Over 40 %")),
            answer="{quicker[sync / async]}: {epoch[async]} instead of {epoch[sync]}.",
            why="Most of that is network: here a push costs 0 to 30 % of what a barrier costs. *Same network cost for "
            "both*, below the headline, shows what is left without that.",
            scenario=Scenario(),
            policies=(SYNC, ASYNC),
        ),
        Card(
            key="reference-8",
            name="Reference · 8 workers",
            setting="8 workers, nobody waits, 150 ms of network",
            question="Eight workers never wait for each other. When a gradient is applied, how many updates have been "
            "made since its worker read the parameters?",
            guesses=Ranges(
                share("async", "mean_staleness"), ("About 1", 2, "About 4", 5.5, "About 7", 9, "15 or more")
            ),
            answer="A gradient is {stale[async]} stale on average.",
            why="While one worker computes, each of the other seven applies about one gradient. In a long run it is "
            "exactly N − 1 = 7, whatever the mix of speeds; in a short epoch it is less, as the first gradients are "
            "fresh.",
            scenario=Scenario(
                workers=8,
                batches=15,
                compute=Uniform(mean_ms=400),
                network=FlatLatency(latency_ms=150),
                policy=ASYNC,
            ),
            policies=(SYNC, ASYNC),
            page="timeline",
        ),
        Card(
            key="healthy",
            name="Healthy cluster",
            setting="8 equal machines, 0.4 % variation as measured, free network",
            question="Dedicated, equal machines and a fast network: how much sooner is the epoch over with async?",
            guesses=Ranges(saved("async"), ("Under 2 %", 2, "2 to 10 %", 10, "Over 10 %")),
            answer="{quicker[sync / async]}, and its gradients are {stale[async]} stale.",
            why="Where nobody is slow, there is nothing to wait for. Stay synchronous.",
            scenario=Scenario(workers=8, batches=30, compute=HEALTHY, network=FREE),
            policies=(SYNC, ASYNC),
        ),
    ),
    "Slow machines": (
        Card(
            key="bad-worker",
            name="One bad worker",
            setting="8 workers, one 2.36× slower as measured in production",
            question="One of eight workers is always 2.36× slower than its peers. How much of all workers' time does "
            "the barrier cost?",
            guesses=Ranges(
                share("sync", "idle_percent"), ("About an eighth", 19, "About a quarter", 38, "About a half")
            ),
            answer="Workers idle {idle[sync]} of the time. A shared queue {finishes[async shared]}, but async with "
            "each worker's own batches {finishes[async]}.",
            why="All wait for one, at every batch. From a shared queue it takes fewer batches; replacing it would "
            "save as much, with fresh gradients.",
            scenario=Scenario(
                workers=8,
                batches=30,
                compute=HEALTHY,
                stragglers=Stragglers(slow_workers=1, slowdown=2.36),
                network=FREE,
            ),
            policies=(SYNC, ASYNC, SHARED),
        ),
        Card(
            key="silicon-lottery",
            name="Silicon lottery",
            setting="16 GPUs of the same model that differ by 6 %",
            question="GPUs of the same model differ in speed by 6 %, and stay that way. What wins back most of what "
            "that costs?",
            guesses=Quickest(
                {
                    "Async, each with its own batches": "async",
                    "Async from a shared queue": "async shared",
                    "Batch sizes to match each GPU": "rebalanced",
                }
            ),
            answer="With a barrier, the workers idle {idle[sync]} of the time. Against that, rebalanced batches "
            "{finish[rebalanced]}, a shared queue {finishes[async shared]} and async with static shards "
            "{finishes[async]}.",
            why="With static shards the slowest worker still has its share to do. Rebalanced batches end together, and "
            "their gradients are fresh.",
            scenario=Scenario(
                workers=16, batches=30, compute=HEALTHY, stragglers=Stragglers(spread=0.06), network=FREE
            ),
            policies=(SYNC, ASYNC, SHARED, Rebalanced()),
        ),
        Card(
            key="shards-or-queue",
            name="Own shards or a shared queue",
            setting="8 workers, one twice as slow, 50 batches each",
            question="One of eight workers is twice as slow, and each has 50 batches of its own to do. With async "
            "nobody waits for it: how much sooner is the epoch over than with a barrier?",
            guesses=Ranges(saved("async"), ("Not at all", 5, "By about a quarter", 35, "By nearly half")),
            answer="Compared with a barrier, async with static shards {finishes[async]}; with a shared queue it "
            "{finishes[async shared]}.",
            why="With static shards the slow worker still has its 50 batches to do, and the epoch ends with it. From a "
            "shared queue it takes fewer: in a long run the gain is (f(N − 1) + 1)/N = 1.875×, less what is lost at "
            "the end.",
            scenario=Scenario(workers=8, batches=50, stragglers=Stragglers(slow_workers=1), network=FREE),
            policies=(SYNC, ASYNC, SHARED),
        ),
        Card(
            key="slack-slow-machine",
            name="Slack for a slow machine",
            setting="8 workers, one twice as slow, 100 batches each",
            question="One of eight workers is always twice as slow. How much sooner is the epoch over if the others "
            "may run ten batches ahead of it (SSP, bound 10)?",
            guesses=Ranges(saved("ssp 10"), ("Not at all", 5, "By about a quarter", 35, "By nearly half")),
            answer="Compared with a barrier, bound 1 {finishes[ssp 1]} and bound 10 {finishes[ssp 10]}. A shared queue "
            "{finishes[async shared]}.",
            why="Whoever is faster ends up a whole bound ahead, and then waits as before. Slack helps against "
            "slowness that passes.",
            scenario=Scenario(workers=8, batches=100, stragglers=Stragglers(slow_workers=1), network=FREE),
            policies=(SYNC, StaleSynchronous(bound=1), StaleSynchronous(bound=10), SHARED),
        ),
        Card(
            key="old-and-new",
            name="Old machines beside new ones",
            setting="8 workers, four of them twice as slow",
            question="Four old machines, twice as slow, beside four new ones: which policy makes the most of them?",
            guesses=Quickest(
                {
                    "Batch sizes to match each machine": "rebalanced",
                    "Async from a shared queue": "async shared",
                    "Local SGD, every fourth batch": "local 4",
                    "A backup worker": "backup 7",
                }
            ),
            answer="Compared with a barrier, rebalanced batches {finish[rebalanced]} and a shared queue "
            "{finishes[async shared]}, with gradients that are {stale[async shared]} stale. Local SGD "
            "{finishes[local 4]}, and a backup worker {finishes[backup 7]}.",
            why="Rebalanced batches end together, so nobody waits, and gradients stay fresh. Static shards, slack and "
            "local SGD leave the slow half with its half of the work; a backup worker throws work away.",
            scenario=Scenario(
                workers=8, batches=50, compute=HEALTHY, stragglers=Stragglers(slow_workers=4), network=FREE
            ),
            policies=(
                SYNC,
                Rebalanced(),
                SHARED,
                ASYNC,
                StaleSynchronous(bound=3),
                LocalSGD(period=4),
                BackupWorkers(wait_for=7),
            ),
        ),
    ),
    "Jitter, hiccups and slack": (
        Card(
            key="barrier-scale",
            name="Does the barrier scale?",
            setting="1 to 64 workers, ±20 %, free network",
            question="Times vary by ±20 %, and with 4 workers a barrier costs 11 % of everybody's time. What does it "
            "cost with 64?",
            guesses=Ranges(share("sync at 64", "idle_percent"), ("Under 20 %", 20, "20 to 50 %", 50, "Over 50 %")),
            answer="With 64 workers they idle {idle[sync at 64]} of their time; with 4 it is {idle[sync at 4]}.",
            why="Bounded jitter bounds the cost: nobody takes longer than 1.2 times the mean, so on average it never "
            "passes 0.2/1.2 = 16.7 %, however many workers there are.",
            scenario=Scenario(workers=64, batches=20, network=FREE),
            policies=(SYNC, ASYNC),
            page="map",
            asked={"ask": "idle", "across": "workers", "across_values": "", "up": "none", "up_values": ""},
        ),
        Card(
            key="sequences",
            name="Sequences of varying length",
            setting="32 workers, Gumbel with 14 % variation, as measured on a language model",
            question="Batches hold sequences of varying length, so their times vary by 14 %, on any of 32 workers. How "
            "much of their time do workers wait at a barrier?",
            guesses=Ranges(share("sync", "idle_percent"), ("Under 10 %", 10, "10 to 20 %", 20, "Over 20 %")),
            answer="They idle {idle[sync]} of the time. Async {finishes[async]}, with gradients that are "
            "{stale[async]} stale.",
            why="The slowest of 32 sets the pace of every batch. Packing batches to equal length would save all of the "
            "waiting, with fresh gradients.",
            scenario=Scenario(workers=32, batches=43, compute=Gumbel(cv=0.14), network=FREE),
            policies=(SYNC, ASYNC),
        ),
        Card(
            key="shared-cloud",
            name="Shared cloud",
            setting="32 workers, ±5 %, hiccups of 5× in 1 % of the batches",
            question="One mini-batch in a hundred takes five times as long, on any of 32 workers. How much of their "
            "time do workers wait at a barrier?",
            guesses=Ranges(share("sync", "idle_percent"), ("About 4 %", 15, "About a quarter", 38, "About a half")),
            answer="They idle {idle[sync]} of the time. One backup worker more than makes up for itself: it "
            "{finishes[backup 31]}, with fresh gradients. Async {finishes[async]}, with stale ones.",
            why="With 32 workers, 1 − 0.99³² = 28 % of the barriers meet a hiccup, and at each of those, 31 workers "
            "wait for one.",
            scenario=Scenario(workers=32, batches=30, compute=Uniform(jitter=0.05), stragglers=HICCUPS, network=FREE),
            policies=(SYNC, BackupWorkers(wait_for=31), ASYNC),
        ),
        Card(
            key="little-slack",
            name="A little slack",
            setting="8 workers, ±20 %, 100 batches each",
            question="Times vary by ±20 % at random. How much of the time that async saves is saved already if "
            "workers may run one batch ahead of the slowest (SSP, bound 1)?",
            guesses=Ranges(recovered, ("Hardly any", 33, "About half", 80, "Nearly all")),
            answer="The epoch takes {epoch[sync]} with a barrier, {epoch[ssp 1]} with bound 1, {epoch[ssp 3]} with "
            "bound 3 and {epoch[async]} with async.",
            why="A slow batch is usually followed by a quicker one, so slack of one batch absorbs nearly all of it.",
            scenario=Scenario(workers=8, batches=100, network=FREE),
            policies=(SYNC, StaleSynchronous(bound=1), StaleSynchronous(bound=3), ASYNC),
        ),
        Card(
            key="lasting-slowness",
            name="Slack when slowness lasts",
            setting="8 workers, slow episodes of 20 batches",
            question="5 % of the mini-batches take three times as long, but they come 20 in a row. How much sooner is "
            "the epoch over if workers may run three batches ahead of the slowest (SSP, bound 3)?",
            guesses=Ranges(saved("ssp 3"), ("Under 5 %", 5, "5 to 20 %", 20, "Over 20 %")),
            answer="Compared with a barrier, bound 3 {finishes[ssp 3]}, bound 10 {finishes[ssp 10]} and local SGD "
            "{finishes[local 10]}.",
            why="An episode outlasts the slack, and then the slow worker sets the pace. As many slow mini-batches, but "
            "spread out, would be absorbed: set *Episode length*, under *More*, to its minimum and see. So ask how "
            "long slowness lasts before you count on slack.",
            scenario=Scenario(
                workers=8,
                batches=100,
                compute=Constant(),
                stragglers=Stragglers(episode_share=0.05, episode_batches=20, episode_factor=3),
                network=FREE,
            ),
            policies=(SYNC, StaleSynchronous(bound=3), StaleSynchronous(bound=10), LocalSGD(period=10)),
        ),
        Card(
            key="backups-jitter",
            name="Backups under bounded jitter",
            setting="32 workers, ±20 %",
            question="Times vary by ±20 %. Does it pay to wait only for the first 31 of 32 workers, and cancel the "
            "last one's batch?",
            guesses=faster_than_first("backup 31", "No, it takes longer", "No real difference", "Yes, it is sooner"),
            answer="{quicker[sync / backup 31]}: {epoch[sync]} instead of {epoch[backup 31]}. Waiting for 30 takes "
            "{epoch[backup 30]}.",
            why="The cancelled work is lost, and the slowest is only a little slower than the others. *Backups with "
            "hiccups* is another matter.",
            scenario=Scenario(workers=32, batches=30, network=FREE),
            policies=(SYNC, BackupWorkers(wait_for=31), BackupWorkers(wait_for=30)),
        ),
        Card(
            key="backups-hiccups",
            name="Backups with hiccups",
            setting="32 workers, ±20 %, hiccups of 5× in 1 % of the batches",
            question="Times vary by ±20 %, and one mini-batch in a hundred takes five times as long. How much sooner "
            "is the epoch over if only the first 31 of 32 workers are waited for?",
            guesses=Ranges(saved("backup 31"), ("Under 10 %", 10, "10 to 25 %", 25, "Over 25 %")),
            answer="Compared with waiting for all, waiting for 31 {finishes[backup 31]} and waiting for 30 "
            "{finishes[backup 30]}.",
            why="One hiccup in a batch, or two, can be cancelled instead of waited for. Without hiccups, backups only "
            "cost work: see *Backups under bounded jitter*.",
            scenario=Scenario(workers=32, batches=30, stragglers=HICCUPS, network=FREE),
            policies=(SYNC, BackupWorkers(wait_for=31), BackupWorkers(wait_for=30)),
        ),
    ),
    "Networks": (
        Card(
            key="slow-network",
            name="Slow network",
            setting="8 workers, 100 ms of work and 500 ms of network per batch",
            question="Communication takes five times as long as computing. How much sooner is the epoch over if the "
            "workers average only every fourth batch?",
            guesses=Ranges(saved("local 4"), ("Under 25 %", 25, "25 to 50 %", 50, "Over 50 %")),
            answer="Averaging every fourth batch {finishes[local 4]}: with a barrier at every batch, {network[sync]} "
            "of the epoch is network and only {waiting[sync]} is waiting.",
            why="It is not the barrier that hurts. Try bigger batches, a faster network or less frequent averaging "
            "before giving it up.",
            scenario=Scenario(workers=8, batches=20, compute=Uniform(mean_ms=100), network=FlatLatency(latency_ms=500)),
            policies=(SYNC, LocalSGD(period=4)),
        ),
        Card(
            key="one-server",
            name="One parameter server",
            setting="8 equal machines, 100 Gb/s, 400 MB of gradients",
            question="Equal machines and a fast network. With a barrier they average by ring all-reduce, without one "
            "each pushes to a parameter server: which finishes the epoch first?",
            guesses=faster_than_first("async", "Sync", "No real difference", "Async"),
            answer="{quicker[sync / async]}: {epoch[sync]} with a barrier, {epoch[async]} without.",
            why="Every push goes through one server. Eight workers send it 8 × 400 MB per batch, 256 ms of work at "
            "100 Gb/s, while a ring all-reduce spreads the same bytes over all links, 56 ms. With 8 parameter servers "
            "(under *More*) async finishes first, but only if each worker can reach all of them at full speed at once; "
            "through the worker's own link (*Limit pushes to own link*) a push and its reply take 64 ms, and sync "
            "stays ahead.",
            scenario=Scenario(workers=8, batches=30, compute=QUICK, network=FAST_LINKS),
            policies=(SYNC, ASYNC),
        ),
        Card(
            key="eight-a-node",
            name="Eight GPUs per node",
            setting="32 workers, 8 per node, four 100 GbE cards out of each",
            question="32 workers, eight per node with NVLink-class links inside and four 100 GbE cards out, average "
            "400 MB after every 150 ms of work. How much of the epoch is network?",
            guesses=Ranges(share("sync", "comm_percent"), ("Under 20 %", 20, "20 to 40 %", 40, "Over 40 %")),
            answer="With a barrier at every batch, {network[sync]} of the epoch is network. {quicker[sync / local 4]}.",
            why="Four cards share what leaves a node, so that an average takes 14.4 ms; in one ring over all workers, "
            "one 100 GbE link each, it would be 62.6 ms. With 25 gradient buckets that overlap the backward pass "
            "(under *More*, *Network*) nearly all of it is hidden.",
            scenario=Scenario(workers=32, batches=30, compute=QUICK, network=NODES_OF_8),
            policies=(SYNC, LocalSGD(period=4)),
        ),
        Card(
            key="two-regions",
            name="Two regions over a WAN",
            setting="2 × 8 workers, 1 Gb/s and 30 ms apart",
            question="Eight workers in each of two regions, 1 Gb/s and 30 ms apart, train a model of 100 million "
            "parameters. How many times as fast is an epoch if they average only every 25th batch?",
            guesses=Ranges(speedup("local 25"), ("Under 3×", 3, "3× to 10×", 10, "Over 10×")),
            answer="With a barrier at every batch an epoch takes {epoch[sync]}, {network[sync]} of it network. "
            "Averaging every 25th batch is {times[sync / local 25]} as fast, applying each average 20 batches later "
            "{times[sync / local 25 delay 20]}, and sending a fifth of the parameters every five batches "
            "{times[sync / local 25 delay 10 fragments 5]}: {epoch[local 25 delay 10 fragments 5]}.",
            why="The less often and the less strictly anybody waits for the link, the more of it is hidden; in the "
            "last case it is busy nearly all the time. Learning shows what such averages are worth.",
            scenario=Scenario(workers=16, batches=100, compute=QUICK, network=REGIONS),
            policies=(
                SYNC,
                LocalSGD(period=25),
                LocalSGD(period=25, delay=20),
                LocalSGD(period=25, delay=10, fragments=5),
            ),
        ),
        Card(
            key="server-in-a-node",
            name="A server in a node",
            setting="2 nodes of 8 workers, the parameter server inside one",
            question="Two nodes of eight workers share a parameter server that stands inside the first. Sync or async: "
            "which finishes the epoch first?",
            guesses=faster_than_first("async", "Sync", "No real difference", "Async"),
            answer="{quicker[sync / async]}: {epoch[sync]} with a barrier, {epoch[async]} without.",
            why="The first node pushes over its own links, and the other one over its four cards, while others "
            "compute. With the server outside, behind a single link (*Parameter server location*, under *More*), both "
            "are several times slower, because that link carries everything.",
            scenario=Scenario(
                workers=16,
                batches=30,
                compute=QUICK,
                network=replace(NODES_OF_8, collective="server", server_place="inside"),
            ),
            policies=(SYNC, ASYNC),
        ),
    ),
    "Failures": (
        Card(
            key="failure-an-hour",
            name="A failure an hour",
            setting="16 workers, a checkpoint every ten batches of two minutes",
            question="One of 16 workers fails every hour, and is back after five minutes: sync with checkpoints, an "
            "elastic group that goes on without the one that failed, or async? Of the time that async saves over "
            "checkpoints, how much does the elastic group save?",
            guesses=Ranges(elastic_saves, ("Under 30 %", 30, "30 to 60 %", 60, "Over 60 %")),
            answer="{quicker[sync / async]}: with checkpoints, {redone[sync]} of the workers' time goes into redoing "
            "work. The elastic group {finishes[elastic]}, with fresh gradients.",
            why="With checkpoints all go back to the last one, and wait for each restart. Most of what that costs is "
            "not the barrier's fault: it is gone if the others carry on.",
            scenario=Scenario(workers=16, batches=60, compute=LONG, network=FREE, failures=HOURLY),
            policies=(SYNC, ELASTIC, ASYNC),
        ),
        Card(
            key="rollback-or-elastic",
            name="Rollback or elastic",
            setting="4 to 32 workers that each fail every 16 hours",
            question="Each worker fails every 16 hours, whatever the size of the group, and a checkpoint is taken "
            "every five batches of two minutes. With 32 workers, how many times as fast is an elastic group?",
            guesses=Ranges(
                lambda figures: figures.ratio("sync at 32", "elastic at 32"),
                ("Under 1.1×", 1.1, "1.1× to 1.3×", 1.3, "Over 1.3×"),
            ),
            answer="With 32 workers an epoch takes {epoch[sync at 32]} with rollback and {epoch[elastic at 32]} in an "
            "elastic group, which is {times[sync at 32 / elastic at 32]} as fast; with 16 workers it is "
            "{times[sync at 16 / elastic at 16]}, and with 4 it is {times[sync at 4 / elastic at 4]}.",
            why="One of the 32 fails every half hour, and with rollback all of them go back. So what rollback costs "
            "grows with the size of the group; what one missing worker costs does not.",
            scenario=Scenario(
                workers=32, batches=30, compute=LONG, network=FREE, failures=replace(HOURLY, checkpoint_batches=5)
            ),
            policies=(SYNC, ELASTIC),
            page="map",
            asked={"ask": "epoch", "across": "workers", "across_values": "4,16,32", "up": "none", "up_values": ""},
        ),
        Card(
            key="spot-machines",
            name="Spot machines",
            setting="8 workers at a third of the price, each preempted every four hours",
            question="Spot machines cost a third of the price, but each is preempted every four hours, and a "
            "replacement is up after two minutes. With a barrier and checkpoints, what does an epoch cost, as a "
            "percentage of its cost on on-demand machines?",
            guesses=Ranges(spot_cost, ("Under 35 %", 35, "35 to 60 %", 60, "Over 60 %")),
            answer="An epoch takes {epoch[sync]} with checkpoints, {epoch[elastic]} in an elastic group and "
            "{epoch[async]} without a barrier. Below is what each costs.",
            why="On demand it takes 5,516 s with a barrier, at three times the hourly price. Redone work eats up some "
            "of the discount, and the least of it where nobody else stops. $3 an hour is a round figure: the shares "
            "hold for any price.",
            scenario=Scenario(
                workers=8,
                batches=40,
                compute=LONG,
                network=FREE,
                failures=replace(HOURLY, mtbf_hours=4.0, restart_s=120.0, checkpoint_batches=3),
            ),
            policies=(SYNC, ELASTIC, ASYNC),
            asked={"worker_per_hour": 3.0, "spot_discount": SPOT_DISCOUNT},
        ),
        Card(
            key="how-often-to-save",
            name="How often to save",
            setting="16 workers, a failure an hour, 20 s per checkpoint",
            question="There is a failure an hour, and a checkpoint takes 20 s: after how many two-minute batches is it "
            "worth taking one?",
            guesses=Quickest(
                {
                    "After every batch": "sync at 1",
                    "After every third": "sync at 3",
                    "After every tenth": "sync at 10",
                    "After every thirtieth": "sync at 30",
                }
            ),
            answer="With a checkpoint after every third batch the epoch takes {epoch[sync at 3]}; after every batch, "
            "{epoch[sync at 1]}, after every tenth {epoch[sync at 10]}, and after every thirtieth {epoch[sync at 30]}.",
            why="Young's rule √(2δM) says a checkpoint after 379 s of work: the vertical line. The dashed curve is "
            "Daly's formula. Checkpointing too rarely costs more than too often.",
            scenario=Scenario(
                workers=16, batches=60, compute=LONG, network=FREE, failures=replace(HOURLY, checkpoint_batches=3)
            ),
            policies=(SYNC, ASYNC),
            page="map",
            asked={
                "ask": "epoch",
                "across": "checkpoint_batches",
                "across_values": "1,3,10,30",
                "up": "none",
                "up_values": "",
            },
        ),
        Card(
            key="16384-gpus",
            name="16,384 GPUs",
            setting="16 workers that stand for 1,024 GPUs each, failures as published for Llama 3",
            question="A run on 16,384 GPUs is interrupted every 3.1 hours. With a checkpoint of ten seconds every "
            "quarter of an hour, how much of the time still goes into gradients that count?",
            guesses=Ranges(share("sync", "utilization_percent"), ("Under 60 %", 60, "60 to 85 %", 85, "Over 85 %")),
            answer="With a barrier, {computing[sync]} of the time goes into gradients that count, {redone[sync]} into "
            "redoing work and {waiting[sync]} into waiting, most of it for restarts. {quicker[sync / "
            "async]}.",
            why="Without a barrier nobody else stops for a failure. A batch stands for three minutes of the GPUs' "
            "steps.",
            scenario=Scenario(
                workers=16,
                batches=100,
                compute=LogNormal(mean_ms=180_000, cv=0.004),
                network=FREE,
                failures=Failures(mtbf_hours=49.6, restart_s=300, checkpoint_batches=5, checkpoint_s=10),
            ),
            policies=(SYNC, ASYNC),
        ),
    ),
}
"""Cards by group, in the order in which the page shows them."""
CARDS = {card.key: card for group in GALLERY.values() for card in group}
"""Every card by what a link calls it."""
