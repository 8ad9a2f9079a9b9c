"""Remedies: the measured times replayed to the letter, repairs by hand, and what each pays."""

import json

import numpy as np
import pytest

from core import (
    Asynchronous,
    BackupWorkers,
    KAsync,
    LocalSGD,
    ScenarioError,
    StaleSynchronous,
    Synchronous,
    read_trace,
    simulate,
)
from core.report.traces import best_remedies, reasons, summary_text
from core.traces.chrome import chrome_trace
from core.traces.diagnosis import diagnose
from core.traces.network import barrier_costs_ms
from core.traces.reading import sample_files
from core.traces.remedies import AS_MEASURED, HELD_OUT, Question, measured_scenario, replayed, what_if, what_if_table
from core.traces.repairs import costliest, repairs
from core.traces.trace import Trace
from core.workload.draws import TooFewRows

TIMES = np.array([[10.0, 30], [20, 20], [10, 40], [20, 30]])  # means 15 and 30


def trace_of(compute=TIMES, network_ms=None, **others):
    """Names host0, host1 …; network_ms is one cost, or one for each step."""
    cost = np.zeros(1) if network_ms is None else np.reshape(network_ms, (-1, 1))
    network = {} if network_ms is None else {"comm_ms": np.broadcast_to(cost, compute.shape).astype(float)}
    network |= others
    names = tuple(f"host{i}" for i in range(compute.shape[1]))
    return Trace(compute_ms=compute, worker_names=names, step_numbers=tuple(range(10, 10 + len(compute))), **network)


@pytest.fixture(scope="module")
def by_hand():
    return {remedy.name: remedy for remedy in what_if(trace_of(network_ms=5))}


def test_the_measured_epoch(by_hand):
    assert by_hand[AS_MEASURED].epoch_ms == pytest.approx(30 + 20 + 40 + 30 + 4 * 5)


def test_repairs_by_hand(by_hand):
    """One worker of means 15 does 8 batches. Each step is levelled by what the other three say of both."""
    assert by_hand["Without worker host1"].epoch_ms == pytest.approx(2 * (10 + 20 + 10 + 20 + 4 * 5))
    levelled, rebalanced = 0.0, 0.0
    for step in range(4):
        first, second = np.delete(TIMES, step, axis=0).mean(axis=0)
        median = (first + second) / 2
        levelled += max(TIMES[step] * [median / first, median / second])
        rebalanced += max(TIMES[step] * [2 * second / (first + second), 2 * first / (first + second)])
    assert by_hand["All workers at the median"].epoch_ms == pytest.approx(levelled + 20)
    assert by_hand["Rebalanced"].epoch_ms == pytest.approx(rebalanced + 20)
    fewer = by_hand["Without worker host1"].metrics
    assert fewer.updates * fewer.gradients_per_update == TIMES.size
    pays = by_hand["All workers at the median"].pays
    assert "host1 becomes 1.33 times as fast" in pays
    assert "1 worker is slowed to the median, worker host0 most (1.50 times as long)" in pays
    assert "Without hiccups" not in by_hand


def test_hiccups_are_replaced_by_what_is_usual():
    times = np.full((12, 3), 10.0)
    times[4, 1] = 50
    found = {remedy.name: remedy for remedy in what_if(trace_of(times))}
    assert found[AS_MEASURED].epoch_ms == 160
    assert found["Without hiccups"].epoch_ms == 120


@pytest.mark.parametrize("policy", [LocalSGD(period=4), StaleSynchronous(bound=3), Asynchronous()])
def test_policies_replay_the_measured_times(policy):
    """To the letter: as when they are given as draws."""
    trace = trace_of(np.random.default_rng(1).gamma(9, 5, (30, 5)))
    (remedy,) = (each for each in what_if(trace) if each.name == policy.label)
    scenario = remedy.scenario
    assert remedy.exact
    assert (
        remedy.epoch_ms
        == simulate(scenario, compute_ms=trace.compute_ms, network_ms=np.zeros((30, 5))).metrics.epoch_ms
    )
    assert scenario.compute == trace.to_law()


def test_policies_that_need_more_steps_say_so():
    found = {remedy.name: remedy for remedy in what_if(trace_of(np.random.default_rng(2).gamma(9, 5, (30, 5))))}
    backup = found[BackupWorkers(wait_for=4).label]
    assert not backup.exact
    assert simulate(backup.scenario).schedule.shape[0] == 38
    assert f"{backup.metrics.cancelled_percent:.1f} % of the workers' time is thrown away" in backup.pays


def test_nobody_communicates_for_free():
    """Equal workers gain nothing from async when both sides pay the measured network."""
    found = {remedy.name: remedy for remedy in what_if(trace_of(np.full((6, 3), 40.0), network_ms=10))}
    for name in (AS_MEASURED, "Asynchronous", "Asynchronous (shared queue)", "Rebalanced"):
        assert found[name].epoch_ms == pytest.approx(300)
    assert found["Local SGD (every 4)"].epoch_ms == pytest.approx(6 * 40 + 2 * 10)


def test_the_table_ranks_by_time_saved():
    table = what_if_table(what_if(trace_of(network_ms=5)))
    assert table["epoch_ms"].is_monotonic_increasing
    np.testing.assert_allclose(table["saved_ms"], 140 - table["epoch_ms"], atol=1e-6)
    np.testing.assert_allclose(table["saved_percent"], 100 * table["saved_ms"] / 140, atol=1e-6)
    assert table["remedy"].is_unique
    assert table["pays"].str.len().min() > 0
    row = table.set_index("remedy").loc["Local SGD (every 4)"]
    assert (row["updates"], row["gradients_per_update"], row["mean_staleness"]) == (1, 8, 0)


@pytest.mark.parametrize("compute", [np.full((5, 3), 10.0), TIMES], ids=["equal", "unequal"])
def test_k_async_always_starts_more_than_was_measured(compute):
    """So nothing is lost by not trying without more."""
    workers = compute.shape[1]
    for first in range(1, workers):
        with pytest.raises(TooFewRows):
            replayed(trace_of(compute), KAsync(wait_for=first))
    assert replayed(trace_of(compute), KAsync(wait_for=workers)).metrics.updates == len(compute)


def test_policies_may_be_asked_for():
    names = {each.name for each in what_if(trace_of(), [Synchronous(), Asynchronous(), Asynchronous()])}
    assert {"Asynchronous", "Synchronous, as measured", "All workers at the median"} <= names
    assert not any(name.startswith(("Local", "Backup", "Rebalanced")) for name in names)
    for asked in ("async", ["async"], [BackupWorkers(wait_for=9)]):
        with pytest.raises(ScenarioError, match=r"polic|wait_for"):
            what_if(trace_of(), asked)


def test_one_slow_worker_of_two_gives_two_policies_fewer_and_one_worker_none():
    assert len(what_if(trace_of())) == 1 + 8 + 3
    assert len(what_if(trace_of(np.random.default_rng(3).gamma(99, 1, (9, 4))))) == 1 + 9 + 3 + 1  # two cost as much
    (only,) = what_if(trace_of(TIMES[:, :1]))
    assert only.name == AS_MEASURED
    assert what_if_table([only])["saved_percent"].tolist() == [0]


def test_long_traces_are_replayed_whole():
    """Every step of 8,000, also where a worker turns slow halfway."""
    times = np.random.default_rng(4).gamma(99, 1, (8_000, 2))
    times[4_000:, 1] *= 3
    found = {each.name: each for each in what_if(trace_of(times, network_ms=4))}
    assert found[AS_MEASURED].epoch_ms == pytest.approx(times.max(axis=1).sum() + 8_000 * 4, rel=1e-12)
    assert found["Asynchronous"].epoch_ms == pytest.approx(times.sum(axis=0).max() + 8_000 * 4, rel=1e-12)
    rounds = times.reshape(-1, 4, 2).sum(axis=1).max(axis=1)
    assert found["Local SGD (every 4)"].epoch_ms == pytest.approx((rounds + 4).sum(), rel=1e-12)
    assert all(
        each.exact
        for name, each in found.items()
        if "(first" not in name and "queue" not in name and each.basis != HELD_OUT
    )


def test_a_repair_of_the_slow_worker_ranks_first_and_patience_saves_nothing():
    """One worker of four 2.4 times slower, always: SPEC's table of who helps."""
    times = np.random.default_rng(5).gamma(4e4, 1 / 400, (40, 4)) * [1, 2.4, 1, 1]
    table = what_if_table(what_if(trace_of(times))).set_index("remedy")
    assert set(table.index[:2]) == {"All workers at the median", "Worker host1 repaired"}
    assert table.loc["Rebalanced", "saved_percent"] > 40
    for name in ("Asynchronous", "Stale synchronous (bound 3)", "Local SGD (every 16)"):
        assert abs(table.loc[name, "saved_percent"]) < 1
    assert table.loc["Backup workers (first 3)", "cancelled_percent"] > 20


def test_a_page_to_paste():
    trace = read_trace(sample_files())
    diagnosis, remedies = diagnose(trace), what_if(trace)
    text = summary_text(trace, diagnosis, remedies)
    assert text.startswith("Stragglers in a measured run (4 workers, 20 steps)\nStragglers slow compute by 1.29×")
    assert "- Without hiccups: 17.9" in text
    assert "not yet faster learning" in text
    assert "The network costs" in text
    assert len(text) < 3_000
    doubtful = Trace(compute_ms=np.full((3, 2), 7.0), worker_names=(0, 1), step_numbers=(0, 1, 2), whole_steps=True)
    text = summary_text(doubtful, diagnose(doubtful), what_if(doubtful))
    assert "do not show who is slow" in text
    assert "save" not in text


def test_simulated_schedules_open_in_other_tools(by_hand):
    remedy = by_hand["Asynchronous"]
    events = json.loads(chrome_trace(simulate(remedy.scenario).segments(), remedy.name))["traceEvents"]
    assert events[0]["args"]["name"] == "Asynchronous"
    assert max(event["ts"] + event["dur"] for event in events if event["ph"] == "X") == pytest.approx(
        1000 * remedy.epoch_ms
    )


def test_measured_scenario_is_the_trace_s():
    scenario = measured_scenario(trace_of(network_ms=5))
    assert (scenario.workers, scenario.batches, scenario.policy.name) == (2, 4, "Synchronous")
    assert scenario.network.barrier_ms(2) == pytest.approx(5)


# --- the network of each step ---

UNEVEN = np.where(np.random.default_rng(7).random(60) < 0.25, 400.0, 10.0)  # its median is 10


def test_the_measured_epoch_is_the_sum_of_the_measured_steps():
    """Not the median network cost in every step: that said 7 s of 12."""
    compute = np.random.default_rng(8).gamma(99, 1, (60, 4))
    found = {each.name: each for each in what_if(trace_of(compute, UNEVEN))}
    steps = compute.max(axis=1) + UNEVEN
    assert found[AS_MEASURED].epoch_ms == pytest.approx(steps.sum())
    assert found["Asynchronous"].epoch_ms == pytest.approx(compute.sum(axis=0).max() + UNEVEN.sum())
    rounds = compute.reshape(15, 4, 4).sum(axis=1).max(axis=1) + UNEVEN.reshape(15, 4).mean(axis=1)
    assert found["Local SGD (every 4)"].epoch_ms == pytest.approx(rounds.sum())
    run = replayed(trace_of(compute, UNEVEN))
    np.testing.assert_allclose(run.barriers()["barrier_ms"], steps.cumsum() - UNEVEN)
    assert measured_scenario(trace_of(compute, UNEVEN)).network.latency_ms == pytest.approx(UNEVEN.mean())


def test_a_step_lasts_until_the_last_worker_is_through():
    """Compute, wait and comm of a worker are its step; who computes longest need not be last."""
    compute, wait, comm = np.array([[10.0, 30], [20, 20]]), np.array([[20.0, 0], [0, 1]]), np.array([[7.0, 5], [4, 6]])
    both = trace_of(compute, wait_ms=wait, comm_ms=comm)
    np.testing.assert_allclose(barrier_costs_ms(both), [37 - 30, 27 - 20])
    np.testing.assert_allclose(barrier_costs_ms(trace_of(compute, comm_ms=comm)), [35 - 30, 26 - 20])
    np.testing.assert_allclose(barrier_costs_ms(trace_of(compute)), [0, 0])
    assert replayed(both).metrics.epoch_ms == pytest.approx(37 + 27)


# --- what is chosen by the data it would be judged by ---


def independent(rng, steps, workers):
    return 100 * rng.gamma(30, 1 / 30, (steps, workers))


def autoregressive(rng, steps, workers):
    """Coefficient .7: slowness goes on for six steps."""
    noise = rng.normal(0, 0.1, (steps, workers))
    for step in range(1, steps):
        noise[step] = 0.7 * noise[step - 1] + np.sqrt(1 - 0.49) * noise[step]
    return 100 * np.exp(noise)


def in_stretches(rng, steps, workers):
    """Half as slow again for six to ten steps, now and then."""
    compute = 100 * rng.gamma(100, 1 / 100, (steps, workers))
    for worker in range(workers):
        step = -int(rng.integers(60))
        while step < steps:
            length = int(rng.integers(6, 11))
            compute[max(step, 0) : max(step + length, 0), worker] *= 1.5
            step += length + int(rng.exponential(40))
    return compute


@pytest.mark.parametrize("made", [independent, autoregressive, in_stretches])
def test_equal_workers_are_not_promised_anything_by_repairs(made):
    """Each kind of repair in at most one trace of twenty, however long slowness lasts and however few the steps."""
    claims = dict.fromkeys(("Rebalanced", "All workers at the median", "repaired", "Without worker"), 0)
    shapes = [(4, 2), (6, 8), (10, 4), (40, 3), (60, 2), (60, 8), (100, 8)]
    for steps, workers in shapes:
        for seed in range(12):
            trace = trace_of(made(np.random.default_rng(seed), steps, workers))
            for each in tried_repairs(trace):
                for kind in claims:
                    claims[kind] += kind in each.name and each.saves
    assert max(claims.values()) <= 0.05 * 12 * len(shapes), claims


def tried_repairs(trace):
    """Remedies that are chosen by the times."""
    ask = Question(trace)
    chosen = map(ask.repaired, repairs(trace.compute_ms, trace.worker_names))
    return [ask.rebalanced(), ask.levelled(), *chosen]


@pytest.mark.parametrize(("steps", "workers"), [(50, 2), (50, 8), (100, 4)])
def test_one_worker_that_is_slow_throughout_is_worth_repairing(steps, workers):
    """A fifth slower in every step: found in each of twenty traces, with what the diagnosis says of it."""
    for seed in range(20):
        compute = 100 * np.random.default_rng(seed).gamma(100, 1 / 100, (steps, workers))
        compute[:, 1] *= 1.2
        trace = trace_of(compute)
        (found,) = (each for each in tried_repairs(trace) if each.name == "Worker host1 repaired")
        assert found.saves
        assert found.saved_low_percent <= found.saved_percent <= found.saved_high_percent
        second = np.sort(compute, axis=1)[:, -2]
        expected = np.maximum(compute[:, 1] - second, 0).sum() / compute.max(axis=1).sum()
        assert found.saved_percent == pytest.approx(100 * expected)


def test_slow_workers_are_repaired_one_by_one_and_together():
    """Two of six take twice as long: repairing one saves next to nothing, repairing both half of the epoch."""
    compute = 100 * np.random.default_rng(9).gamma(400, 1 / 400, (60, 6)) * [1, 2, 1, 1, 2, 1]
    found = {each.name: each for each in what_if(trace_of(compute))}
    (one,) = (each for name, each in found.items() if name in ("Worker host1 repaired", "Worker host4 repaired"))
    both = found["Workers host1 and host4 repaired"]
    assert one.saved_percent < 3
    assert both.saves
    assert both.saved_percent == pytest.approx(48.5, abs=1)
    assert both.saved_low_percent <= both.saved_percent <= both.saved_high_percent
    assert set(costliest(compute)) == {1, 4}


def test_a_repair_is_the_same_figure_wherever_it_stands():
    """In the diagnosis, its sentence and its table, and among the remedies."""
    trace = read_trace(sample_files())
    diagnosis, remedies = diagnose(trace), what_if(trace)
    worker = diagnosis.slowest["worker"]
    (found,) = (each for each in remedies if each.name == f"Worker {worker} repaired")
    assert found.saved_percent == pytest.approx(diagnosis.slowest["repair_percent"], rel=1e-12)
    assert f"would have saved {found.saved_percent:.1f}" in " ".join(reasons(diagnosis, trace))


def slow_in(*stretches):
    """Of five workers, the third takes three times as long in these steps of 100, and what it would be without."""
    healthy = 100 * np.random.default_rng(10).gamma(400, 1 / 400, (100, 5))
    compute = healthy.copy()
    for first, after in stretches:
        compute[first:after, 2] *= 3
    return compute, 100 * (1 - healthy.max(axis=1).sum() / compute.max(axis=1).sum())


def test_whether_one_stretch_of_slowness_comes_again_cannot_be_told():
    """In the last quarter three times as long: repaired it would have saved all of that, which says nothing of more."""
    compute, expected = slow_in((75, 100))
    remedies = what_if(trace_of(compute))
    found = {each.name: each for each in remedies}["Worker host2 repaired"]
    assert found.saved_percent == pytest.approx(expected, abs=0.5)
    assert not found.saves
    assert not found.told
    assert "slowness lasts too long for 100 steps. Record several times as many." in best_remedies(remedies)


def test_of_slowness_that_comes_again_it_can():
    compute, expected = slow_in(*((first, first + 5) for first in range(3, 100, 10)))
    found = {each.name: each for each in what_if(trace_of(compute))}["Worker host2 repaired"]
    assert found.saved_percent == pytest.approx(expected, abs=0.5)
    assert found.saves


def test_three_steps_cannot_both_choose_and_judge():
    found = what_if(trace_of(TIMES[:3]))
    assert not [each.name for each in found if each.basis == HELD_OUT]
    assert "3 steps cannot show whether slowness lasts. Record 40 or more." in best_remedies(found)


def test_more_steps_than_were_measured_have_a_range_and_others_none():
    compute = np.random.default_rng(11).gamma(9, 5, (30, 5))
    for each in what_if(trace_of(compute)):
        low, saved, high = each.saved_low_percent, each.saved_percent, each.saved_high_percent
        assert low <= saved <= high
        assert (low == saved == high) == each.exact, each.name
        assert saved == pytest.approx(100 * (1 - each.epoch_ms / compute.max(axis=1).sum()))
