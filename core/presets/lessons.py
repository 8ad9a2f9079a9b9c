"""Lessons: each makes one point about what lies between sync and async, question first."""

from dataclasses import replace

from core.money import Prices
from core.policies import BackupWorkers, ElasticSynchronous, LocalSGD, Rebalanced, StaleSynchronous
from core.presets.presets import ASYNC, FREE, HEALTHY, SHARED, SURPRISE, SYNC, Preset
from core.scenario import Scenario
from core.workload.compute_laws import Constant, LogNormal
from core.workload.failures import Failures
from core.workload.stragglers import Stragglers

ELASTIC = ElasticSynchronous()
HOURLY = Failures(mtbf_hours=16, restart_s=300, checkpoint_batches=10, checkpoint_s=20, regroup_s=20)

LESSONS = (
    Preset(
        name="A little slack is enough",
        question="Jitter is transient: how far must workers run ahead before the barrier costs nothing?",
        answer="One batch. With bound 1 the epoch ends 12 % sooner than with a barrier, and async adds next to "
        "nothing: a slow batch is usually followed by a quicker one, so slack of one batch absorbs nearly all of it.",
        scenario=Scenario(workers=8, batches=100, network=FREE),
        policies=(SYNC, StaleSynchronous(bound=1), StaleSynchronous(bound=3), ASYNC),
    ),
    Preset(
        name="Slack cannot cure a slow machine",
        question="One worker is always twice as slow: which staleness bound makes up for it?",
        answer="None: with bound 1 and bound 10 the epoch is as long as with a barrier. Whoever is always slower "
        "ends up a bound behind, and then sets the pace. A shared queue finishes 46 % sooner.",
        scenario=Scenario(workers=8, batches=100, stragglers=Stragglers(slow_workers=1), network=FREE),
        policies=(SYNC, StaleSynchronous(bound=1), StaleSynchronous(bound=10), SHARED),
    ),
    Preset(
        name="Slack is gone when slowness lasts",
        question="5 % of the mini-batches take three times as long, on any worker. One by one, a little slack absorbs "
        "most of that: does it when they come 20 in a row?",
        answer="Hardly. With a barrier a batch takes 1.68× its healthy time; bound 3 makes that 1.64×, bound 10 1.58×, "
        "local SGD 1.67×: an episode outlasts the slack, and then the slow worker sets the pace. With as many slow "
        "mini-batches one by one it is 1.67× with a barrier, but 1.20×, 1.17× and 1.32× with slack. So ask how long "
        "slowness lasts before you count on slack.",
        scenario=Scenario(
            workers=8,
            batches=100,
            compute=Constant(),
            stragglers=Stragglers(episode_share=0.05, episode_batches=20, episode_factor=3),
            network=FREE,
        ),
        policies=(SYNC, StaleSynchronous(bound=3), StaleSynchronous(bound=10), LocalSGD(period=10)),
    ),
    Preset(
        name="Own shards or a shared queue",
        question="One worker is twice as slow and nobody waits for it: is async faster now?",
        answer="Not with static shards: the slow worker still has its 50 batches to do, and the epoch ends with it. "
        "From a shared queue it takes fewer, and the epoch ends 46 % sooner: in a long run the gain is "
        "(f(N − 1) + 1)/N = 1.875×, less what is lost at the end.",
        scenario=Scenario(workers=8, batches=50, stragglers=Stragglers(slow_workers=1), network=FREE),
        policies=(SYNC, ASYNC, SHARED),
    ),
    Preset(
        name="Backups under bounded jitter",
        question="Times vary by ±20 %: do one or two backup workers pay?",
        answer="No: waiting for 31 of 32 takes 2.2 % longer, for 30 of 32 it is 4.5 %. The cancelled work is lost, and "
        "the slowest is only a little slower. Try the next lesson.",
        scenario=Scenario(workers=32, batches=30, network=FREE),
        policies=(SYNC, BackupWorkers(wait_for=31), BackupWorkers(wait_for=30)),
    ),
    Preset(
        name="Backups with hiccups",
        question="The same workers, but one batch in a hundred takes five times as long: do backups pay now?",
        answer="Yes: waiting for 31 of 32 finishes 40 % sooner, for 30 of 32 it is 44 %. One hiccup in a batch, or "
        "two, are cancelled instead of waited for.",
        scenario=Scenario(
            workers=32, batches=30, stragglers=Stragglers(hiccup_probability=0.01, hiccup_factor=5), network=FREE
        ),
        policies=(SYNC, BackupWorkers(wait_for=31), BackupWorkers(wait_for=30)),
    ),
    SURPRISE,
    Preset(
        name="A failure an hour",
        question="One of 16 workers fails every hour, and is back after five minutes: sync with checkpoints, an "
        "elastic group, or no barrier at all?",
        answer="With a checkpoint every ten batches, 13.2 % of the time goes into work that is done again, and all "
        "wait for each restart: without a barrier the epoch is 1.52× faster. Most of that is not the barrier's fault: "
        "where the others go on without the one that failed (elastic, 20 s for each change of the group), sync is "
        "1.32× faster, and async only 1.15× faster than that.",
        scenario=Scenario(
            workers=16, batches=60, compute=LogNormal(mean_ms=120_000, cv=0.1), network=FREE, failures=HOURLY
        ),
        policies=(SYNC, ELASTIC, ASYNC),
    ),
    Preset(
        name="How often to save",
        question="A failure an hour, and a checkpoint costs 20 s: after how many batches of two minutes is it worth "
        "one?",
        answer="After about three: Young's √(2δM) is 379 s of work. With a checkpoint after every batch the epoch is "
        "1.046× as long, after every ten it is 1.12×, after every thirty 1.73×: too seldom costs more than too often.",
        scenario=Scenario(
            workers=16,
            batches=60,
            compute=LogNormal(mean_ms=120_000, cv=0.1),
            network=FREE,
            failures=replace(HOURLY, checkpoint_batches=3),
        ),
        policies=(SYNC, ASYNC),
    ),
    Preset(
        name="Rollback or elastic, as the group grows",
        question="Each worker fails every 16 hours, whatever the size of the group, and a checkpoint is taken every "
        "five batches of two minutes: from how many workers on is it worth going on without the one that failed?",
        answer="With 32 workers somebody fails every half hour, all go back each time, and elastic sync is 1.45× "
        "faster. With 16 it is 1.21×, with 4 only 1.06×: what a group loses to rollback grows with its size, what it "
        "loses to one missing worker does not. On Map, put the number of workers on the X axis.",
        scenario=Scenario(
            workers=32,
            batches=30,
            compute=LogNormal(mean_ms=120_000, cv=0.1),
            network=FREE,
            failures=replace(HOURLY, checkpoint_batches=5),
        ),
        policies=(SYNC, ELASTIC),
    ),
    Preset(
        name="Spot machines",
        question="Spot machines cost a third of the price, but each is taken away every four hours, and another one "
        "is there after two minutes: what does an epoch cost beside that on machines that stay?",
        answer="Less than half, under each of these: with checkpoints the epoch takes 1.26× as long as on-demand "
        "machines with a barrier need, and costs 0.42× as much. In an elastic group it takes 1.043× as long, and "
        "without a barrier 0.92×: 0.34× and 0.30× the cost. $3 an hour is a round figure to start from; the ratios "
        "hold for any price.",
        scenario=Scenario(
            workers=8,
            batches=40,
            compute=LogNormal(mean_ms=120_000, cv=0.1),
            network=FREE,
            failures=replace(HOURLY, mtbf_hours=4, restart_s=120, checkpoint_batches=3),
        ),
        policies=(SYNC, ELASTIC, ASYNC),
        prices=Prices(worker_per_hour=3, spot_discount=0.67),
    ),
    Preset(
        name="Rebalancing beats them all",
        question="Four old machines, twice as slow, beside four new ones: which policy makes the most of them?",
        answer="Rebalanced batches, 33 % sooner: all finish together, and gradients stay fresh. The shared queue comes "
        "close (32 %), but its gradients are stale; static shards, slack and local SGD gain next to nothing, and a "
        "backup worker loses.",
        scenario=Scenario(workers=8, batches=50, compute=HEALTHY, stragglers=Stragglers(slow_workers=4), network=FREE),
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
)
