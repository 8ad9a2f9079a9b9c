"""Schedules: traced by hand, against the oracle, and what must hold for any draws."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Constant,
    FlatLatency,
    KAsync,
    LocalSGD,
    Rebalanced,
    Scenario,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    simulate,
)
from core.schedule.schedule import PHASES
from core.workload.draws import Draws
from tests import oracle
from tests.examples import drawn
from tests.strategies import FLAT, FREE, SERVER, buckets_and_nodes, drawn_runs, given_runs, local_sgd

SMALL = {"workers": 2, "batches": 2, "network": FlatLatency(latency_ms=10)}
COMPUTE, PUSH = [[30, 50], [40, 20]], [[1, 2], [3, 1]]


def rows(table, *columns):
    return table[list(columns)].values.tolist()


def test_synchronous_traced_by_hand():
    """Barriers at 50 and 100 (60 + 40), 10 ms of network after each."""
    run = simulate(Scenario(**SMALL, policy=Synchronous()), compute_ms=COMPUTE)
    assert rows(run.segments(), "worker", "batch", "phase", "reason", "start_ms", "end_ms") == [
        [0, 0, "compute", "", 0, 30],
        [0, 0, "wait", "barrier", 30, 50],
        [0, 0, "comm", "", 50, 60],
        [0, 1, "compute", "", 60, 100],
        [0, 1, "comm", "", 100, 110],
        [1, 0, "compute", "", 0, 50],
        [1, 0, "comm", "", 50, 60],
        [1, 1, "compute", "", 60, 80],
        [1, 1, "wait", "barrier", 80, 100],
        [1, 1, "comm", "", 100, 110],
    ]
    assert rows(run.gradients(), "read_ms", "ready_ms", "applied_ms", "update", "staleness", "used") == [
        [0, 30, 60, 0, 0, True],
        [60, 100, 110, 1, 0, True],
        [0, 50, 60, 0, 0, True],
        [60, 80, 110, 1, 0, True],
    ]
    assert rows(run.barriers(), "batch", "barrier_ms", "straggler") == [[0, 50, 1], [1, 100, 0]]
    figures = run.metrics
    assert figures.epoch_ms == 110
    assert figures.idle_percent == pytest.approx(100 * 40 / 180)
    assert figures.throughput == pytest.approx(4 / 0.110)
    assert figures.utilization_percent == pytest.approx(100 * 140 / 220)
    assert (figures.updates, figures.gradients_per_update, figures.max_staleness) == (2, 2, 0)


def test_asynchronous_traced_by_hand():
    """W0 applies at 31 and 74, W1 at 52 and 73: the order is W0, W1, W1, W0."""
    run = simulate(Scenario(**SMALL, policy=Asynchronous()), compute_ms=COMPUTE, network_ms=PUSH)
    assert rows(run.segments(), "worker", "batch", "phase", "start_ms", "end_ms") == [
        [0, 0, "compute", 0, 30],
        [0, 0, "comm", 30, 31],
        [0, 1, "compute", 31, 71],
        [0, 1, "comm", 71, 74],
        [1, 0, "compute", 0, 50],
        [1, 0, "comm", 50, 52],
        [1, 1, "compute", 52, 72],
        [1, 1, "comm", 72, 73],
    ]
    assert rows(run.gradients(), "read_ms", "ready_ms", "applied_ms", "update", "staleness") == [
        [0, 30, 31, 0, 0],
        [31, 71, 74, 3, 2],
        [0, 50, 52, 1, 1],
        [52, 72, 73, 2, 0],
    ]
    assert run.barriers().empty
    figures = run.metrics
    assert (figures.epoch_ms, figures.idle_percent, figures.updates) == (74, 0, 4)
    assert figures.tail_percent == pytest.approx(100 * 1 / 148)
    assert (figures.mean_staleness, figures.max_staleness) == (0.75, 2)


def by_oracle(given):
    """What the oracle says of given draws."""
    scenario, compute, push = given.scenario, given.compute_ms.tolist(), given.push_ms.tolist()
    policy, latency = scenario.policy, scenario.network.barrier_ms(scenario.workers)
    server = served(scenario)
    buckets, backward = getattr(scenario.network, "buckets", 1), getattr(scenario.network, "backward_share", 0)
    match policy:
        case Synchronous() if buckets > 1:
            return oracle.synchronous(compute, latency, buckets, backward)
        case Synchronous():
            return oracle.rounds(compute, latency, period=1)
        case Rebalanced():
            return oracle.rebalanced(compute, latency, scenario.batches, buckets, backward)
        case KAsync():
            return oracle.k_async(compute, push, policy.wait_for, scenario.work, **server)
        case LocalSGD(delay=0, fragments=1, balance=False) if buckets == 1:
            return oracle.rounds(compute, latency, policy.period)
        case LocalSGD():
            latency = scenario.network.barrier_ms(scenario.workers, policy.fragments)
            return oracle.averages(compute, latency, scripts(given), buckets, backward)
        case BackupWorkers():
            return oracle.backup_workers(compute, latency, policy.wait_for, scenario.work, buckets, backward)
        case StaleSynchronous():
            return oracle.asynchronous(compute, push, bound=policy.bound, **server)
        case Asynchronous():
            shared = scenario.work if policy.is_shared else None
            return oracle.asynchronous(compute, push, policy.accumulate, shared=shared, **server)


def served(scenario):
    """How long a push of each worker is served, and how long its answer travels, ms; in nodes, as the network says."""
    network, workers = scenario.network, scenario.workers
    if isinstance(network, AlphaBeta) and network.workers_per_node == 1:
        _, service, pull = by_links(network)
        return {"service": [service] * workers, "pull": [pull] * workers}
    return {"service": each(network.service_of(workers), workers), "pull": each(network.pull_of(workers), workers)}


def by_links(network):
    """How long a push travels and is served, and how long its answer travels, as the oracle says."""
    message = 8 * network.message_mb / network.bandwidth_gbps
    return oracle.through_servers(message, network.servers, network.latency_ms, network.own_link)


def each(value, workers):
    """A number for each worker."""
    return np.broadcast_to(np.ravel(value), workers).tolist()


def scripts(given):
    """What each worker does under local SGD."""
    policy, batches, workers = given.scenario.policy, given.scenario.batches, given.scenario.workers
    every = policy.period // policy.fragments
    if not policy.balance:
        return [oracle.equal_rounds(batches, every, policy.delay)] * workers
    times = given.compute_ms[:batches].mean(axis=0).tolist()
    rounds = [every] * (batches // every) + [batches % every] * (batches % every > 0)
    steps = zip(*(oracle.balanced(times, average) for average in rounds), strict=True)
    return [oracle.balanced_rounds(mine, policy.delay, policy.fragments) for mine in steps]


@drawn(120)
@given(given_runs(networks=st.one_of(FLAT, SERVER)))
def test_every_schedule_is_the_oracles(given):
    ours, theirs = in_oracles_words(given.run()), by_oracle(given)
    assert ours.keys() == theirs.keys()
    for key, mine in ours.items():
        assert mine == pytest.approx(theirs[key]) if given.scenario.policy == Rebalanced() else mine == theirs[key], key


@drawn(40)
@given(given_runs(networks=buckets_and_nodes))
def test_a_schedule_with_buckets_and_nodes_is_the_oracles(given):
    compare_with_oracle(given)


@drawn(40)
@given(given_runs(policies=lambda workers: local_sgd(), networks=lambda workers: FLAT | buckets_and_nodes(workers)))
def test_local_sgd_with_all_its_settings_is_the_oracles(given):
    compare_with_oracle(given)


def compare_with_oracle(given):
    """To the last bit where times and costs are parts of a power of two."""
    ours, theirs = in_oracles_words(given.run()), by_oracle(given)
    assert ours.keys() == theirs.keys()
    for key, mine in ours.items():
        assert [value or 0 for value in mine] == pytest.approx([value or 0 for value in theirs[key]], rel=1e-12), key


def in_oracles_words(run):
    """What happened to each gradient, as the oracle says it."""
    return {
        (row.worker, row.batch): (row.read_ms, row.ready_ms)
        + ((row.applied_ms, row.update, row.staleness) if row.used else (None, None, None))
        + (row.used,)
        for row in run.gradients().itertuples()
    }


@drawn(30)
@given(drawn_runs(networks=st.one_of(FLAT, SERVER)))
def test_a_schedule_with_slow_episodes_is_the_oracles(drawn):
    """The scenario draws its own times, block by block as its policy asks; the oracle is told them."""
    if drawn.scenario.policy == Rebalanced():
        return  # it sizes by known speeds, which episodes do not change, and not by the times of this run
    if isinstance(drawn.scenario.network, AlphaBeta):
        assert (drawn.push_ms == by_links(drawn.scenario.network)[0]).all()
    ours, theirs = in_oracles_words(simulate(drawn.scenario)), by_oracle(drawn)
    assert ours.keys() == theirs.keys()
    for key, mine in ours.items():
        assert [value is None for value in mine] == [value is None for value in theirs[key]], key
        assert [value or 0 for value in mine] == pytest.approx([value or 0 for value in theirs[key]], rel=1e-9), key


def test_rebalanced_sizes_know_nothing_of_episodes():
    """Which worker is slow for a while is not known beforehand, so sizes are those of the machines."""
    slow = Stragglers(slow_workers=1, episode_share=0.3, episode_batches=5)
    run = simulate(Scenario(workers=2, batches=9, stragglers=slow, policy=Rebalanced()))
    drawn = Draws(run.scenario).compute_ms[..., 0]
    table = run.gradients().sort_values(["batch", "worker"])
    taken = (table["ready_ms"] - table["read_ms"]).to_numpy().reshape(9, 2)
    np.testing.assert_allclose(taken, drawn * [2 / 3, 4 / 3])


@given(given_runs(networks=st.one_of(FLAT, SERVER)))
def test_an_epoch_is_as_many_used_gradients_as_asked_for(given):
    run, work = given.run(), given.scenario.work
    table = run.gradients()
    assert table["used"].sum() == work
    assert run.metrics.updates == table.loc[table["used"], "update"].nunique()
    assert run.metrics.gradients_per_update == pytest.approx(work / run.metrics.updates)
    assert run.metrics.throughput == pytest.approx(1000 * work / run.metrics.epoch_ms)
    staleness = table.loc[table["used"], "staleness"]
    assert run.metrics.mean_staleness == pytest.approx(staleness.mean())
    assert run.metrics.p95_staleness == pytest.approx(np.percentile(staleness, 95))
    assert run.metrics.max_staleness == staleness.max()


def with_policy(given, policy):
    scenario = given.scenario
    return simulate(
        Scenario(workers=scenario.workers, batches=scenario.batches, network=scenario.network, policy=policy),
        compute_ms=given.compute_ms,
        network_ms=given.push_ms,
    )


def same(one, other):
    """Whether two runs have the same gradients and figures."""
    return one.gradients().equals(other.gradients()) and one.metrics == other.metrics


ASYNC_ONLY = {"policies": lambda workers: st.just(Asynchronous())}
SYNC_ONLY = {"policies": lambda workers: st.just(Synchronous())}


@given(given_runs(**ASYNC_ONLY))
def test_stale_synchronous_lies_between_its_ends(given):
    """Monotone in its bound on the same draws; a bound of all batches is asynchronous."""
    batches = given.scenario.batches
    epochs = [with_policy(given, StaleSynchronous(bound=bound)).metrics.epoch_ms for bound in range(batches + 1)]
    assert epochs == sorted(epochs, reverse=True)
    assert same(with_policy(given, StaleSynchronous(bound=batches)), with_policy(given, Asynchronous()))


@given(given_runs(**SYNC_ONLY, networks=FREE))
def test_stale_synchronous_with_bound_0_is_synchronous(given):
    """On a free network: same times; its updates come one by one."""
    free = np.zeros_like(given.push_ms)
    tight = given.run().gradients()
    loose = simulate(
        Scenario(
            workers=given.scenario.workers,
            batches=given.scenario.batches,
            network=given.scenario.network,
            policy=StaleSynchronous(bound=0),
        ),
        compute_ms=given.compute_ms,
        network_ms=free,
    ).gradients()
    np.testing.assert_array_equal(tight[["read_ms", "ready_ms"]], loose[["read_ms", "ready_ms"]])


@given(given_runs(**SYNC_ONLY))
def test_policies_that_are_synchronous_in_disguise(given):
    """Waiting for all workers, or averaging after every batch, is the barrier."""
    assert same(given.run(), with_policy(given, BackupWorkers(wait_for=given.scenario.workers)))
    assert same(given.run(), with_policy(given, LocalSGD(period=1)))


@given(given_runs(**SYNC_ONLY), st.integers(1, 8))
def test_local_sgd_is_never_slower_than_a_barrier_each_batch(given, period):
    assert with_policy(given, LocalSGD(period=period)).metrics.epoch_ms <= given.run().metrics.epoch_ms


@given(given_runs())
def test_nothing_is_cancelled_but_by_policies_that_do(given):
    cancelled = given.run().metrics.cancelled_percent
    assert cancelled == 0 or isinstance(given.scenario.policy, BackupWorkers | KAsync)


@given(given_runs(**ASYNC_ONLY))
def test_k_async_waiting_for_one_is_no_slower_than_a_shared_queue(given):
    """Both let everybody go on; K-async stops at the last update it needs, the queue when its last batch is done."""
    rows = np.vstack([given.compute_ms] * (2 * given.scenario.workers))
    pushes = np.vstack([given.push_ms] * (2 * given.scenario.workers))
    one, queue = (
        simulate(
            Scenario(workers=given.scenario.workers, batches=given.scenario.batches, policy=policy),
            compute_ms=rows,
            network_ms=pushes,
        )
        for policy in (KAsync(wait_for=1), Asynchronous(assignment="shared"))
    )
    assert one.metrics.epoch_ms <= queue.metrics.epoch_ms


@given(given_runs(networks=st.one_of(FLAT, SERVER)))
def test_phases_follow_each_other_and_fill_the_epoch(given):
    run = given.run()
    for _, mine in run.segments().groupby("worker"):
        assert mine["start_ms"].iloc[0] == 0
        np.testing.assert_array_equal(mine["start_ms"].to_numpy()[1:], mine["end_ms"].to_numpy()[:-1])
    figures = run.metrics
    shares = ("utilization_percent", "wait_percent", "comm_percent", "cancelled_percent", "tail_percent")
    assert sum(getattr(figures, share) for share in shares) == pytest.approx(100)
    assert set(run.segments()["phase"]) <= set(PHASES)
    np.testing.assert_allclose(run.worker_shares().groupby("worker")["percent"].sum(), 100)


@given(given_runs(networks=FREE))
def test_synchronous_is_never_faster_on_a_free_network(given):
    free = np.zeros_like(given.push_ms)
    epochs = [
        simulate(
            Scenario(
                workers=given.scenario.workers,
                batches=given.scenario.batches,
                network=given.scenario.network,
                policy=policy,
            ),
            compute_ms=given.compute_ms,
            network_ms=free,
        ).metrics.epoch_ms
        for policy in (Synchronous(), Asynchronous())
    ]
    assert epochs[0] >= epochs[1]


@given(given_runs(distinct=True), st.randoms(use_true_random=False))
def test_permuting_the_workers_permutes_the_schedule(given, random):
    order = list(range(given.scenario.workers))
    random.shuffle(order)
    columns = ["worker", "batch", "read_ms", "ready_ms", "applied_ms", "update", "staleness"]
    push = np.zeros_like(given.push_ms)
    before = given.run(network_ms=push).gradients()[columns]
    after = given.run(compute_ms=given.compute_ms[:, order], network_ms=push).gradients()[columns]
    after["worker"] = after["worker"].map(dict(enumerate(order)))
    np.testing.assert_allclose(before, after.sort_values(["worker", "batch"]), rtol=1e-12)


@given(given_runs(), st.sampled_from([0.25, 2.0, 1024.0]))
def test_scaling_every_time_scales_the_schedule(given, factor):
    scenario = given.scenario
    slower = Scenario(
        workers=scenario.workers,
        batches=scenario.batches,
        policy=scenario.policy,
        network=FlatLatency(latency_ms=scenario.network.latency_ms * factor),
    )
    before = given.run().gradients()
    after = simulate(slower, compute_ms=given.compute_ms * factor, network_ms=given.push_ms * factor).gradients()
    times = ["read_ms", "ready_ms", "applied_ms"]
    np.testing.assert_array_equal(before[times] * factor, after[times])
    np.testing.assert_array_equal(before[["update", "staleness"]], after[["update", "staleness"]])


@given(given_runs(distinct=True))
def test_staleness_counts_updates_strictly_between_read_and_application(given):
    """By definition, from the times alone; no two different times are equal here."""
    table = given.run(network_ms=np.zeros_like(given.push_ms)).gradients()
    updates = table[table["used"]].groupby("update")["applied_ms"].first()
    for row in table[table["used"]].itertuples():
        assert row.staleness == ((updates > row.read_ms) & (updates < row.applied_ms)).sum()


def test_ties_go_to_the_lower_worker_number():
    """Equal workers apply in the order of their numbers, batch by batch."""
    scenario = Scenario(workers=5, batches=3, compute=Constant(), network=FlatLatency(latency_ms=0))
    table = simulate(Scenario(**{**vars(scenario), "policy": Asynchronous()})).gradients()
    assert table.pivot(index="batch", columns="worker", values="update").values.ravel().tolist() == list(range(15))


@pytest.mark.parametrize("policy", [Synchronous(), Asynchronous()])
@pytest.mark.parametrize(("workers", "batches"), [(1, 1), (1, 7), (7, 1)])
@pytest.mark.parametrize("latency_ms", [0, 25])
def test_extremes(policy, workers, batches, latency_ms):
    """One worker, one batch, no latency, no jitter: figures that need no simulator."""
    scenario = Scenario(
        workers=workers,
        batches=batches,
        compute=Constant(mean_ms=100),
        network=FlatLatency(latency_ms=latency_ms),
        policy=policy,
    )
    figures = simulate(scenario, network_ms=np.full((batches, workers), latency_ms)).metrics
    assert figures.epoch_ms == batches * (100 + latency_ms)
    assert figures.idle_percent == figures.tail_percent == 0
    assert figures.utilization_percent == pytest.approx(100 * 100 / (100 + latency_ms))
    assert figures.max_staleness == (0 if policy == Synchronous() else workers - 1)


@pytest.mark.parametrize(
    ("policy", "other"),
    [
        (Synchronous(), Rebalanced()),
        (Asynchronous(), Asynchronous(assignment="shared")),
        (Asynchronous(accumulate=4), Asynchronous(accumulate=5)),
        (StaleSynchronous(bound=0), StaleSynchronous(bound=1)),
        (StaleSynchronous(bound=2), StaleSynchronous(bound=3)),
        (BackupWorkers(wait_for=1), BackupWorkers(wait_for=2)),
        (KAsync(wait_for=1), KAsync(wait_for=2)),
        (LocalSGD(period=1), LocalSGD(period=2)),
    ],
    ids=lambda policy: policy.label,
)
def test_the_rule_is_a_sentence_that_names_the_parameters(policy, other):
    assert policy.rule != other.rule
    for rule in (policy.rule, other.rule):
        assert re.fullmatch(r"[A-Z][^`_*]+\.", rule)
        assert not re.search(r"\b1 (batches|workers|gradients)", rule)
