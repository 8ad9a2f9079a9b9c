"""What may be asked: bounds with clear refusals before any work, and the plain-dict form."""

import math
import tracemalloc

import numpy as np
import pytest

from core import (
    Asynchronous,
    BackupWorkers,
    Constant,
    FlatLatency,
    Gumbel,
    KAsync,
    LocalSGD,
    LogNormal,
    Pareto,
    Scenario,
    ScenarioError,
    ShiftedExponential,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    Uniform,
    compare,
    replicate,
    simulate,
)

HUGE = 10**400


@pytest.mark.parametrize(
    ("make", "field", "allowed"),
    [
        (lambda v: Scenario(workers=v), "workers", "1 to 4,096"),
        (lambda v: Scenario(batches=v), "batches", "1 to 100,000"),
        (lambda v: Scenario(seed=v), "seed", "0 to 9,007,199,254,740,991"),
        (lambda v: Stragglers(slow_workers=v), "stragglers.slow_workers", "0 to 4,096"),
        (lambda v: Asynchronous(accumulate=v), "policy.accumulate", "1 to 20,000,000"),
        (lambda v: StaleSynchronous(bound=v), "policy.bound", "0 to 100,000"),
        (lambda v: BackupWorkers(wait_for=v), "policy.wait_for", "1 to 4,096"),
        (lambda v: LocalSGD(period=v), "policy.period", "1 to 100,000"),
        (lambda v: KAsync(wait_for=v), "policy.wait_for", "1 to 4,096"),
        (lambda v: replicate(Scenario(), v), "replicates", "1 to 20,000,000"),
    ],
)
@pytest.mark.parametrize("value", [-1, 2**60, HUGE, 1.5, "4", None, True, math.nan, math.inf, [4]])
def test_whole_numbers_out_of_bounds_are_refused(make, field, allowed, value):
    with pytest.raises(ScenarioError, match=f"^{field}: .* {allowed}") as refusal:
        make(value)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda v: Uniform(mean_ms=v), "compute.mean_ms"),
        (lambda v: Constant(mean_ms=v), "compute.mean_ms"),
        (lambda v: Uniform(jitter=v), "compute.jitter"),
        (lambda v: LogNormal(cv=v), "compute.cv"),
        (lambda v: Gumbel(cv=v), "compute.cv"),
        (lambda v: ShiftedExponential(shift=v), "compute.shift"),
        (lambda v: Pareto(alpha=v), "compute.alpha"),
        (lambda v: Stragglers(slowdown=v), "stragglers.slowdown"),
        (lambda v: Stragglers(spread=v), "stragglers.spread"),
        (lambda v: Stragglers(hiccup_probability=v), "stragglers.hiccup_probability"),
        (lambda v: Stragglers(hiccup_factor=v), "stragglers.hiccup_factor"),
        (lambda v: Stragglers(episode_share=v), "stragglers.episode_share"),
        (lambda v: Stragglers(episode_batches=v), "stragglers.episode_batches"),
        (lambda v: Stragglers(episode_factor=v), "stragglers.episode_factor"),
        (lambda v: FlatLatency(latency_ms=v), "network.latency_ms"),
        (lambda v: FlatLatency(async_fraction=v), "network.async_fraction"),
    ],
)
@pytest.mark.parametrize("value", [-1, -1e-9, math.nan, math.inf, -math.inf, HUGE, "500", None, True, 1e13])
def test_numbers_out_of_bounds_are_refused(make, field, value):
    with pytest.raises(ScenarioError, match=f"^{field}: .* is not a number (from|above)"):
        make(value)


def test_the_edges_of_the_bounds():
    assert Scenario(workers=4096, batches=4882).work == 19_996_672
    assert Scenario(workers=1, batches=100_000).work == 100_000
    assert FlatLatency(latency_ms=0).latency_ms == 0
    assert Uniform(jitter=0).jitter == 0
    for refused in (lambda: Constant(mean_ms=0), lambda: Uniform(jitter=1), lambda: Scenario(workers=0)):
        with pytest.raises(ScenarioError):
            refused()


@pytest.mark.parametrize(
    "wrong", [{"compute": 500}, {"network": Uniform()}, {"policy": "sync"}, {"policy": Synchronous}]
)
def test_parts_of_another_kind_are_refused(wrong):
    with pytest.raises(ScenarioError, match=f"^{next(iter(wrong))}: .* is not one of"):
        Scenario(**wrong)


def test_more_slow_workers_than_workers_are_refused():
    with pytest.raises(ScenarioError, match=r"^stragglers.slow_workers: 5 is not a whole number from 0 to 4"):
        Scenario(workers=4, stragglers=Stragglers(slow_workers=5))


@pytest.mark.parametrize(
    ("share", "length", "least"), [(0.05, 1.05, "1.0527"), (0.5, 1.999, "2"), (0.9, 9.99, "10"), (0.99, 50.5, "100")]
)
def test_episodes_shorter_than_by_chance_are_refused(share, length, least):
    """And what the message allows is taken, as is 1/(1 − share), however it was worked out."""
    allowed = rf"is not a number from {least} to 100000 where episode_share is {share}: 1/\(1 − share\) or more\.$"
    with pytest.raises(ScenarioError, match=rf"^stragglers.episode_batches: {length} {allowed}"):
        Stragglers(episode_share=share, episode_batches=length)
    for taken in (float(least), 1 / (1 - share), round(1 / (1 - share), 9), 1e5):
        Stragglers(episode_share=share, episode_batches=taken)


def test_waiting_for_more_workers_than_there_are_is_refused():
    for ask in (
        lambda: Scenario(workers=4, policy=BackupWorkers(wait_for=5)),
        lambda: compare(Scenario(workers=4), [Synchronous(), BackupWorkers(wait_for=5)], 10),
    ):
        with pytest.raises(ScenarioError, match=r"^policy.wait_for: 5 is not a whole number from 1 to 4"):
            ask()


@pytest.mark.parametrize("assignment", ["", "dynamic", None, 1])
def test_assignment_is_static_or_shared(assignment):
    with pytest.raises(ScenarioError, match=r"^policy.assignment: .* is not static or shared"):
        Asynchronous(assignment=assignment)


def test_work_that_is_thrown_away_is_counted():
    Scenario(workers=1000, batches=10, policy=BackupWorkers(wait_for=1000))
    with pytest.raises(ScenarioError, match=r"one starts 100,000 batches a worker\) are 100,000,000 mini-batches"):
        Scenario(workers=1000, batches=100, policy=BackupWorkers(wait_for=1))


def test_policies_that_need_more_rows_than_were_given_say_so():
    scenario = Scenario(policy=BackupWorkers(wait_for=2))
    with pytest.raises(ScenarioError, match=r"compute_ms: 10 rows were given, but Backup workers \(first 2\) needs 20"):
        simulate(scenario, compute_ms=GOOD)


def test_unknown_names_are_refused():
    for part in (Scenario, Uniform, FlatLatency, Asynchronous):
        with pytest.raises(TypeError, match="wokers"):
            part(wokers=4)
    with pytest.raises(ScenarioError, match=r"^wokers is not a known field; known are workers, batches"):
        Scenario.from_dict({"wokers": 4})
    with pytest.raises(ScenarioError, match=r"^compute\.spread is not a known field; known are mean_ms, jitter"):
        Scenario.from_dict({"compute": {"kind": "Uniform", "spread": 1}})
    with pytest.raises(ScenarioError, match=r"^policy: 'Psychic' is unknown; known kinds are Synchronous"):
        Scenario.from_dict({"policy": {"kind": "Psychic"}})
    for kind in ([], None, {}, 4):
        with pytest.raises(ScenarioError, match=r"^policy: .* is unknown"):
            Scenario.from_dict({"policy": {"kind": kind}})
    with pytest.raises(ScenarioError) as refusal:
        Scenario.from_dict({"x" * 1000: 4})
    assert len(str(refusal.value)) < 200


def test_to_and_from_a_plain_dict():
    scenario = Scenario(
        workers=3,
        compute=Constant(mean_ms=7),
        stragglers=Stragglers(slow_workers=1, spread=0.1),
        network=FlatLatency(latency_ms=1, async_fraction=1),
        policy=Asynchronous(),
        seed=9,
    )
    assert Scenario.from_dict(scenario.to_dict()) == scenario
    assert Scenario.from_dict({}) == Scenario()
    assert scenario.to_dict()["compute"] == {"kind": "Constant", "mean_ms": 7.0}


@pytest.mark.parametrize(
    "work",
    [
        lambda: Scenario(workers=4096, batches=100_000),
        lambda: replicate(Scenario(workers=4096, batches=4882), 2),
        lambda: compare(Scenario(workers=64, batches=100), [Synchronous(), Asynchronous()], 10_000),
    ],
)
def test_too_much_work_is_refused_before_anything_is_allocated(work):
    tracemalloc.start()
    try:
        with pytest.raises(ScenarioError, match=r"mini-batches; one call takes at most 20,000,000"):
            work()
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_the_refusal_counts():
    with pytest.raises(ScenarioError) as refusal:
        compare(Scenario(workers=64, batches=100), [Synchronous(), Asynchronous()], 10_000)
    assert str(refusal.value).startswith(
        "replicates: 64 workers × 100 batches × 10,000 replicates × 2 policies are 128,000,000 mini-batches"
    )


@pytest.mark.parametrize("policies", [[], [Synchronous(), Synchronous()], ["sync"], [Synchronous], Synchronous(), None])
def test_policies_to_compare_are_checked(policies):
    with pytest.raises(ScenarioError, match=r"^policies: "):
        compare(Scenario(), policies, 10)


GOOD = np.full((10, 4), 500.0)


def spoilt(value):
    table = GOOD.copy()
    table[3, 2] = value
    return table


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"compute_ms": GOOD[:9]}, r"compute_ms: an array of shape \(9, 4\) is not .* at least 10 rows × 4 workers"),
        ({"compute_ms": GOOD[:, :3]}, r"compute_ms: .*\(10, 3\)"),
        ({"compute_ms": GOOD[0]}, r"compute_ms: .*\(4,\)"),
        ({"compute_ms": "fast"}, r"compute_ms: 'fast' is not an array"),
        ({"compute_ms": [[1, 2], [3]]}, r"compute_ms: .* is not an array"),
        ({"compute_ms": spoilt(0)}, r"compute_ms: 0.0 at row 3, worker 2 is not a number above 0 to 1e\+12 ms"),
        ({"compute_ms": spoilt(np.nan)}, r"compute_ms: nan at row 3, worker 2"),
        ({"network_ms": spoilt(-1)}, r"network_ms: -1.0 at row 3, worker 2 is not a number from 0 to 1e\+12 ms"),
        ({"network_ms": spoilt(np.inf)}, r"network_ms: inf at row 3, worker 2"),
        ({"compute_ms": spoilt(1e308)}, r"compute_ms: 1e\+308 at row 3, worker 2"),
        ({"compute_ms": GOOD.astype(complex)}, r"compute_ms: .* is not an array"),
        ({"compute_ms": GOOD.astype("datetime64[ms]")}, r"compute_ms: .* is not an array"),
    ],
)
def test_given_draws_are_checked(given, message):
    with pytest.raises(ScenarioError, match=message):
        simulate(Scenario(policy=Asynchronous()), **given)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2"])
def test_threads_are_checked(threads):
    with pytest.raises(ScenarioError, match=r"^threads: "):
        replicate(Scenario(), 10, threads=threads)


def test_more_rows_than_batches_may_be_given():
    longer = np.vstack([GOOD, np.full((5, 4), 9.0)])
    assert simulate(Scenario(), compute_ms=longer).metrics == simulate(Scenario(), compute_ms=GOOD).metrics


def test_the_largest_run_has_finite_figures():
    """The widest range of times the bounds allow does not overflow."""
    for mean_ms in (1e-9, 1e12):
        run = simulate(
            Scenario(
                workers=2,
                batches=100_000,
                compute=Constant(mean_ms=mean_ms),
                network=FlatLatency(latency_ms=1e12),
                policy=Asynchronous(),
            )
        )
        assert all(math.isfinite(value) for value in vars(run.metrics).values())
