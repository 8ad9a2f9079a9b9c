"""Failures: traced by hand, against an oracle, and what must hold for any failures."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Constant,
    ElasticSynchronous,
    Failures,
    FlatLatency,
    KAsync,
    LocalSGD,
    Rebalanced,
    Scenario,
    ScenarioError,
    StaleSynchronous,
    Synchronous,
    compare,
    replicate,
    simulate,
)
from core.policies import rollback
from core.schedule import metrics, schedule
from core.schedule.failures import failures as failures_of
from core.schedule.tables import segments
from core.server import failing_shared
from core.workload.draws import Draws
from tests import failing_oracle as oracle
from tests.examples import drawn
from tests.strategies import FLAT, SERVER, Given, buckets_and_nodes, given_runs, policies_for

EXACT = [quarters / 4000 for quarters in range(0, 60) if 1000 * (quarters / 4000) == quarters / 4]
"""Seconds that are whole quarters of a ms."""
COUNTS = st.integers(1, 3)
SHORT = st.sampled_from(EXACT)
FAILURES = st.builds(
    Failures,
    restart_s=SHORT,
    recovery=st.sampled_from(["rollback", "elastic"]),
    checkpoint_batches=st.integers(0, 4),
    checkpoint_s=SHORT,
    regroup_s=SHORT,
)


def networks(workers):
    """Networks whose times are whole parts of a power of two, with buckets too, of workers in nodes around a server."""
    in_nodes = buckets_and_nodes(workers).map(lambda found: replace(found, collective="server"))
    return st.one_of(FLAT, SERVER, in_nodes)


def any_policy(workers):
    """Local SGD with fragments, too."""
    parts = st.builds(lambda every, parts: LocalSGD(period=every * parts, fragments=parts), COUNTS, st.integers(2, 3))
    return policies_for(workers) | parts


@st.composite
def failing_runs(draw):
    """Given draws with more rows than are needed, and given failures: whole quarters of a ms, and ties are common."""
    given = draw(given_runs(policies=any_policy, networks=networks))
    workers = given.scenario.workers
    rows = max(len(given.compute_ms), given.scenario.work + 30)
    compute = np.resize(given.compute_ms, (rows, workers))
    push = np.resize(given.push_ms, (rows, workers))
    most = int(4 * compute[: given.scenario.batches].sum())
    times = [sorted(draw(st.lists(st.integers(0, most), max_size=4))) for _ in range(workers)]
    failures_ms = np.full((5, workers), np.nan)
    for worker, mine in enumerate(times):
        failures_ms[: len(mine), worker] = np.array(mine) / 4
    scenario = replace(given.scenario, failures=draw(FAILURES))
    return Given(scenario, compute, push), failures_ms


def by_oracle(given, failures_ms):
    """What the oracle says."""
    scenario, compute, push = given.scenario, given.compute_ms.tolist(), given.push_ms.tolist()
    policy, failures, workers, work = scenario.policy, scenario.failures, scenario.workers, scenario.work
    network, parts, batches = scenario.network, getattr(policy, "fragments", 1), scenario.batches
    latency = network.barrier_ms(workers, parts)
    buckets = {"buckets": getattr(network, "buckets", 1), "backward": getattr(network, "backward_share", 0.0)}
    times = [[time for time in mine if time == time] for mine in failures_ms.T.tolist()]
    restart, regroup, saves = failures.restart_ms, failures.regroup_ms, failures.checkpoint_ms
    every = failures.checkpoint_batches
    of_each = (scenario.network.service_of(workers), scenario.network.pull_of(workers))
    service, pull = (np.broadcast_to(times, (workers, 1))[:, 0].tolist() for times in of_each)
    server = {"service": service, "pull": pull}
    pushes = {"compute": compute, "push": push, "total": work, "failures": times, "restart": restart, **server}
    speeds = [1 / given.compute_ms[:batches, worker].mean() for worker in range(workers)]

    def sizes(up):
        total = sum(speeds[worker] for worker in up)
        return {worker: speeds[worker] * len(up) / total for worker in up}

    match policy:
        case Asynchronous():
            if policy.is_shared:
                return oracle.pushing(**pushes, shared=True, group=policy.accumulate)
            return oracle.pushing(**pushes, quota=batches, group=policy.accumulate)
        case StaleSynchronous():
            return oracle.pushing(**pushes, quota=batches, bound=policy.bound)
        case KAsync():
            return oracle.pushing(**pushes, group=policy.wait_for, waits=True)
    wait_for = policy.wait_for if isinstance(policy, BackupWorkers) else workers
    period = policy.period // parts if isinstance(policy, LocalSGD) else None
    resized = sizes if isinstance(policy, Rebalanced) else None
    if failures.elastic:
        return oracle.elastic(compute, latency, wait_for, work, times, restart, regroup, period, resized, **buckets)
    if resized:
        own = sizes(range(workers))
        compute = [[time * own[worker] for worker, time in enumerate(row)] for row in compute]
    if period:
        units = oracle.rounds(compute[:batches], latency, period, every, **buckets)
    else:
        units = oracle.iterations(compute, latency, wait_for, work, every, **buckets)
    return oracle.rollback(units, times, restart, saves)


def found_in(run):
    """The gradients that were used, as the oracle says it, in its order."""
    table = run.gradients()
    columns = ["worker", "read_ms", "ready_ms", "applied_ms", "update_number", "staleness"]
    rows = table[table["used"]][columns].values.tolist()
    return sorted(rows)


@drawn(80)
@given(failing_runs())
def test_every_schedule_with_failures_is_the_oracles(drawn):
    given, failures_ms = drawn
    run, theirs = given.run(failures_ms=failures_ms), by_oracle(given, failures_ms)
    policy = given.scenario.policy
    ours, expected = found_in(run), sorted(map(list, theirs.used))
    if isinstance(policy, LocalSGD):  # each local step reads its own parameters: the round's first read is the oracle's
        ours, expected = (sorted([row[0], *row[2:]] for row in rows) for rows in (ours, expected))
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)
    assert run.metrics.epoch_ms == pytest.approx(theirs.end)
    assert run.metrics.failures == theirs.failures
    downs = sum(min(back, theirs.end) - min(when, theirs.end) for _, when, back in theirs.downs)
    share = 100 * downs / (given.scenario.workers * theirs.end)
    assert run.metrics.down_percent == pytest.approx(share, abs=1e-6)


POLICIES = [
    Synchronous(),
    Rebalanced(),
    BackupWorkers(wait_for=3),
    LocalSGD(period=2),
    LocalSGD(period=4, fragments=2),
    Asynchronous(),
    Asynchronous(assignment="shared"),
    StaleSynchronous(bound=1),
    KAsync(wait_for=2),
]
BARRIERS = [policy for policy in POLICIES if policy.has_barrier]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("policy", BARRIERS, ids=lambda policy: policy.text)
def test_long_runs_with_rare_failures_are_the_oracles(policy, seed):
    """Some of which last for longer than is looked at together, or come while others are away."""
    rng, batches, rows = np.random.default_rng(seed), 400, 900
    compute, push = rng.integers(1, 60, (rows, 4)) / 4, np.zeros((rows, 4))
    times = np.sort(rng.integers(0, 4 * 10 * batches, (2, 4)), axis=0) / 4
    failures = Failures(restart_s=(0.05, 0.5, 2)[seed % 3], recovery="elastic", regroup_s=0.01)
    network = AlphaBeta(latency_ms=2, message_mb=1, bandwidth_gbps=8, collective="server", buckets=1 + seed // 3)
    scenario = Scenario(workers=4, batches=batches, policy=policy, network=network, failures=failures)
    drawn = Given(scenario, compute, push)
    run, theirs = drawn.run(failures_ms=times), by_oracle(drawn, times)
    ours, expected = (sorted([each[0], *each[2:]] for each in found) for found in (found_in(run), theirs.used))
    np.testing.assert_allclose(ours, expected, rtol=1e-9)
    assert run.metrics.failures == theirs.failures >= 4


SMALL = {"workers": 2, "batches": 4, "compute": Constant(mean_ms=1000), "network": FlatLatency(latency_ms=0)}
NAN = np.nan


def rows(run, *phases):
    table = run.segments()
    table = table[table["phase"].isin(phases)] if phases else table
    return table[["worker", "phase", "reason", "start_ms", "end_ms"]].values.tolist()


def test_rollback_traced_by_hand():
    """A checkpoint of 0.5 s after every two batches; W0 fails at 3 s, half a batch after the first: 3 s of restart."""
    failures = Failures(restart_s=3, checkpoint_batches=2, checkpoint_s=0.5)
    run = simulate(Scenario(**SMALL, failures=failures), failures_ms=[[3000.0, NAN]])
    assert rows(run)[:7] == [
        [0, "compute", "", 0, 1000],
        [0, "compute", "", 1000, 2000],
        [0, "comm", "", 2000, 2500],
        [0, "cancelled", "", 2500, 3000],
        [0, "down", "", 3000, 6000],
        [0, "compute", "", 6000, 7000],
        [0, "compute", "", 7000, 8000],
    ]
    assert rows(run, "wait") == [[1, "wait", "restart", 3000, 6000]]
    figures = run.metrics
    assert (figures.epoch_ms, figures.failures, figures.updates) == (8500, 1, 4)
    assert figures.down_percent == pytest.approx(100 * 3000 / 17000)
    assert figures.cancelled_percent == pytest.approx(100 * 1000 / 17000)


def test_a_failure_during_a_restart_starts_it_anew():
    """W1 fails 1 s into W0's restart: all wait until W1 is back; W0's own failure meanwhile is ignored."""
    run = simulate(
        Scenario(**SMALL, failures=Failures(restart_s=3, checkpoint_batches=1)),
        failures_ms=[[1500.0, 2500.0], [2000.0, NAN]],
    )
    assert rows(run, "down") == [[0, "down", "", 1500, 4500], [1, "down", "", 2500, 5500]]
    assert rows(run, "wait") == [[0, "wait", "restart", 4500, 5500], [1, "wait", "restart", 1500, 2500]]
    assert (run.metrics.epoch_ms, run.metrics.failures) == (8500, 2)


BUCKETS = AlphaBeta(latency_ms=0, bandwidth_gbps=8, message_mb=400, buckets=4, backward_share=0.5)
"""400 ms for two workers; the first of four buckets is ready 375 ms before a batch of 1 s ends, so 100 ms remain."""


def test_rollback_with_buckets_traced_by_hand():
    """W0 fails while its second batch's first buckets are under way: that exchange is cut, and comes again."""
    failures = Failures(restart_s=3, checkpoint_batches=1)
    run = simulate(Scenario(**SMALL | {"network": BUCKETS}, failures=failures), failures_ms=[[1900.0, NAN]])
    assert rows(run, "hidden comm")[:3] == [
        [0, "hidden comm", "", 625, 925],
        [0, "hidden comm", "", 1725, 1900],
        [0, "hidden comm", "", 5525, 5825],
    ]
    assert rows(run, "comm")[:2] == [[0, "comm", "", 1000, 1100], [0, "comm", "", 5900, 6000]]
    assert run.metrics.epoch_ms == 4900 + 3 * 1100


def test_elastic_with_buckets_traced_by_hand():
    """Whoever is left when one fails exchanges everything anew; behind the barrier, buckets that have passed count."""
    failures = Failures(restart_s=3, recovery="elastic")
    early, late = (
        simulate(Scenario(**SMALL | {"network": BUCKETS}, failures=failures), failures_ms=[[when, NAN]])
        for when in (1900.0, 2150.0)
    )
    assert rows(early, "comm")[2:4] == [[1, "comm", "", 1000, 1100], [1, "comm", "", 2100, 2500]]
    assert [row[3:] for row in rows(late, "comm") if row[0] == 1][:2] == [[1000, 1100], [2100, 2200]]
    assert rows(early, "hidden comm")[0] == [0, "hidden comm", "", 625, 925]


def test_elastic_traced_by_hand():
    """W1 goes on alone; W0 is back at 4.5 s and joins at 5.25 s; each change of the group costs 0.25 s."""
    failures = Failures(restart_s=3, recovery="elastic", regroup_s=0.25)
    run = simulate(Scenario(**SMALL, failures=failures), failures_ms=[[1500.0, NAN]])
    assert rows(run, "down", "wait", "cancelled") == [
        [0, "cancelled", "", 1000, 1500],
        [0, "down", "", 1500, 4500],
        [0, "wait", "regroup", 4500, 5500],
        [1, "wait", "regroup", 2000, 2250],
        [1, "wait", "regroup", 5250, 5500],
    ]
    assert run.contributions()["used"].tolist() == [2, 6]
    assert (run.metrics.epoch_ms, run.metrics.updates) == (6500, 6)


@pytest.mark.parametrize(("policy", "epoch_ms"), [(Asynchronous(), 7500), (Asynchronous(assignment="shared"), 6000)])
def test_a_push_policy_loses_one_batch(policy, epoch_ms):
    """W0 is down from 1.5 to 4.5 s and does its second batch again; from one queue, W1 takes over."""
    run = simulate(Scenario(**SMALL, policy=policy, failures=Failures(restart_s=3)), failures_ms=[[1500.0, NAN]])
    assert rows(run, "down", "cancelled") == [[0, "cancelled", "", 1000, 1500], [0, "down", "", 1500, 4500]]
    assert run.metrics.epoch_ms == epoch_ms
    assert run.metrics.wait_percent == 0


def test_a_schedule_in_which_no_failure_comes_is_the_one_without():
    for policy in (*POLICIES, Asynchronous(accumulate=3)):
        for recovery in ("rollback", "elastic"):
            scenario = Scenario(workers=4, batches=5, policy=policy, failures=Failures(recovery=recovery))
            none, plain = simulate(scenario, failures_ms=np.full((1, 4), np.nan)), simulate(scenario)
            for name, value in vars(plain.metrics).items():
                assert getattr(none.metrics, name) == pytest.approx(value, rel=1e-12), (policy, name)


@pytest.mark.parametrize("recovery", ["rollback", "elastic"])
@pytest.mark.parametrize("policy", [each for each in POLICIES if each != Rebalanced()], ids=lambda policy: policy.text)
def test_many_runs_together_are_the_same_as_one_by_one(policy, recovery):
    scenario = Scenario(
        workers=4,
        batches=12,
        policy=policy,
        failures=Failures(mtbf_hours=0.006, restart_s=1.5, recovery=recovery, checkpoint_batches=3, regroup_s=0.2),
    )
    runs = 6
    draws = Draws(scenario, runs=runs)
    together = metrics.measure(policy.schedule(draws))
    again = Draws(scenario, runs=runs)
    failures_ms = np.concatenate([again.failures_ms(block) for block in range(4)])
    assert together["failures"].sum() > 0
    rows = 40
    for run in range(runs):
        alone = simulate(
            scenario,
            compute_ms=again.compute_rows(rows)[..., run],
            network_ms=again.push_rows(rows)[..., run],
            failures_ms=failures_ms[..., run],
        ).metrics
        for name, values in together.items():
            assert getattr(alone, name) == values[run], name


@pytest.mark.parametrize("network", [FlatLatency(), AlphaBeta(latency_ms=20, bandwidth_gbps=1, message_mb=0.5)])
@pytest.mark.parametrize("seed", range(3))
def test_one_queue_is_served_in_windows_as_event_by_event(seed, network, monkeypatch):
    """With failures and returns up to the end, when nothing is left for those that are back."""
    failures = Failures(mtbf_hours=0.002, restart_s=(0, 0.4, 1.5)[seed])
    policy = Asynchronous(assignment="shared", accumulate=2)
    scenario = Scenario(workers=5, batches=12, network=network, policy=policy, failures=failures, seed=seed)
    by_events = policy.schedule(Draws(scenario, runs=4))
    monkeypatch.setattr(failing_shared, "FEW_PUSHES", 0)
    in_windows = policy.schedule(Draws(scenario, runs=4))
    assert by_events.failures.min() > 0
    for run in range(4):
        for of in (segments, failures_of):
            pd.testing.assert_frame_equal(of(in_windows, run).table(), of(by_events, run).table(), check_exact=True)


@drawn(40)
@given(failing_runs())
def test_phases_follow_each_other_and_fill_the_epoch(drawn):
    given, failures_ms = drawn
    run = given.run(failures_ms=failures_ms)
    table = run.segments()
    for _, mine in table[table["phase"] != "hidden comm"].groupby("worker"):
        assert mine["start_ms"].iloc[0] == 0
        np.testing.assert_allclose(mine["start_ms"].to_numpy()[1:], mine["end_ms"].to_numpy()[:-1])
    np.testing.assert_allclose(run.worker_shares().groupby("worker")["percent"].sum(), 100)
    assert run.contributions()["used"].sum() == given.scenario.work


@pytest.mark.parametrize("recovery", ["rollback", "elastic"])
@pytest.mark.parametrize("policy", BARRIERS, ids=lambda policy: policy.text)
def test_every_moment_of_a_failing_run_is_in_one_phase_however_it_is_added_up(policy, recovery, monkeypatch):
    """The times of long runs are added up some rows at a time, and their segments laid out only where asked for."""
    failures = Failures(
        mtbf_hours=0.006, restart_s=1.5, recovery=recovery, checkpoint_batches=3, checkpoint_s=0.1, regroup_s=0.2
    )
    for seed in range(4):
        scenario = Scenario(workers=4, batches=14, policy=policy, failures=failures, seed=seed)
        whole = simulate(scenario)
        assert whole.metrics.failures > 0
        assert (whole.metrics.cancelled_percent > 0) == any(whole.failures()["lost_ms"] > 0)
        for _, mine in whole.segments().groupby("worker"):
            assert mine["start_ms"].iloc[0] == 0
            np.testing.assert_allclose(mine["start_ms"].to_numpy()[1:], mine["end_ms"].to_numpy()[:-1])
        of_phase = whole.segments().assign(ms=lambda table: table["end_ms"] - table["start_ms"])
        ours = whole.worker_shares().groupby("phase")["ms"].sum()
        for phase, ms in of_phase.groupby("phase", observed=True)["ms"].sum().items():
            assert ours[phase] == pytest.approx(ms)
        with monkeypatch.context() as patched:
            patched.setattr(schedule, "CHUNK", 9)
            patched.setattr(rollback, "CHUNK", 9)
            assert simulate(scenario).metrics == whole.metrics


@pytest.mark.parametrize("seed", range(4))
def test_averages_of_an_elastic_group_are_after_the_batches_that_were_used(seed):
    failures = Failures(mtbf_hours=0.004, restart_s=1.5, recovery="elastic")
    run = simulate(Scenario(workers=3, batches=20, policy=LocalSGD(period=3), failures=failures, seed=seed))
    averages, table = run.schedule.averages, run.gradients()
    used = table[table["used"]].groupby(["update_number", "worker"]).size().unstack(fill_value=0).to_numpy()
    assert run.metrics.failures > 0
    np.testing.assert_array_equal(averages.ends[..., 0], used.cumsum(axis=0))


def test_all_policies_meet_the_same_failures():
    """The first failure of a run comes at the same moment, to the same worker."""
    scenario = Scenario(workers=4, batches=200, failures=Failures(mtbf_hours=0.05, restart_s=5, recovery="elastic"))
    firsts = set()
    for policy in (Synchronous(), Asynchronous(), StaleSynchronous(bound=2), LocalSGD(period=4)):
        table = simulate(replace(scenario, policy=policy)).segments()
        first = table[table["phase"] == "down"].sort_values("start_ms").iloc[0]
        firsts.add((first["worker"], first["start_ms"]))
    assert len(firsts) == 1


def test_the_first_of_many_runs_is_the_simulated_one():
    failures = Failures(mtbf_hours=0.02, restart_s=5, checkpoint_batches=5, checkpoint_s=0.5)
    scenario = Scenario(workers=4, batches=40, failures=failures)
    row = replicate(scenario, 30).iloc[0]
    for name, value in vars(simulate(scenario).metrics).items():
        assert row[name] == pytest.approx(value, rel=1e-9), name


@pytest.mark.parametrize(
    ("failures", "policy", "advice"),
    [
        (Failures(mtbf_hours=0.001, restart_s=1), Synchronous(), "take checkpoints, with checkpoint_batches"),
        (
            Failures(mtbf_hours=0.0001, restart_s=1, checkpoint_batches=5, checkpoint_s=1),
            Synchronous(),
            "take checkpoints more often",
        ),
        (Failures(mtbf_hours=0.001, restart_s=1e5, recovery="elastic"), Synchronous(), "a longer time between"),
        (Failures(mtbf_hours=0.001, restart_s=1e5), Asynchronous(), "a longer time between"),
    ],
)
def test_epochs_that_would_hardly_end_are_refused(failures, policy, advice):
    with pytest.raises(ScenarioError, match=rf"^failures\.mtbf_hours: .*{advice}"):
        Scenario(batches=100, policy=policy, failures=failures)
    with pytest.raises(ScenarioError, match=r"^failures\.mtbf_hours"):
        compare(Scenario(batches=100, failures=failures, policy=policy), [policy], 2)


@pytest.mark.parametrize(
    ("policy", "advice"),
    [
        (LocalSGD(period=4, delay=2), r"policy\.delay: 2 .*no moment to go back to.* take policy\.delay 0"),
        (LocalSGD(period=4, balance=True), r"policy\.balance: True .*divided anew.* take policy\.balance False"),
    ],
)
def test_what_does_not_go_together_with_failures_says_why(policy, advice):
    failures, workers = Failures(mtbf_hours=5), np.full((1, 4), np.nan)
    with pytest.raises(ScenarioError, match=rf"^{advice}, or failures\.mtbf_hours 0\.$"):
        Scenario(policy=policy, failures=failures)
    with pytest.raises(ScenarioError, match=rf"^{advice}, or give no failures_ms\.$"):
        simulate(Scenario(policy=policy), failures_ms=workers)
    with pytest.raises(ScenarioError, match=rf"^{advice}, or failures\.mtbf_hours 0\.$"):
        compare(Scenario(failures=failures, policy=Asynchronous()), [Asynchronous(), policy], 2)


def test_pushes_have_no_buckets_and_go_on():
    scenario = Scenario(policy=Asynchronous(), network=AlphaBeta(buckets=4), failures=Failures(mtbf_hours=5))
    one = replace(scenario, network=AlphaBeta())
    assert simulate(scenario).metrics == simulate(one).metrics


@pytest.mark.parametrize("times", [[[3, 1], [2, 5]], [[-1, 1]], [[np.nan, 1], [3, 4]], [[1e13, 1]], [[1.0]], "x"])
def test_given_failures_that_are_none_are_refused(times):
    with pytest.raises(ScenarioError, match=r"^failures_ms: "):
        simulate(Scenario(workers=2), failures_ms=times)


def test_no_failures_may_be_said_as_none():
    assert Scenario(failures=None) == Scenario()
    assert simulate(Scenario()).metrics.failures == 0
    assert Scenario.from_dict({**Scenario().to_dict(), "failures": {"kind": "Failures", "mtbf_hours": 5}}).failures.any


@given(failing_runs())
def test_elastic_synchronous_is_synchronous_with_elastic_recovery(drawn):
    given, failures_ms = drawn
    runs = []
    for policy, recovery in ((Synchronous(), "elastic"), (ElasticSynchronous(), "rollback")):
        failures = replace(given.scenario.failures, recovery=recovery)
        scenario = replace(given.scenario, policy=policy, failures=failures)
        runs.append(Given(scenario, given.compute_ms, given.push_ms).run(failures_ms=failures_ms))
    assert runs[0].metrics == runs[1].metrics
    assert simulate(Scenario(policy=ElasticSynchronous())).metrics == simulate(Scenario()).metrics
