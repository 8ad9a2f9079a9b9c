"""Many runs at once: the same rows however they are asked for, and pairs that share their draws."""

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
    FlatLatency,
    KAsync,
    LocalSGD,
    Rebalanced,
    Scenario,
    ScenarioError,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    Uniform,
    compare,
    replicate,
    simulate,
)
from core.workload.draws import chunk_runs

SCENARIOS = st.builds(
    Scenario,
    workers=st.integers(1, 20),
    batches=st.integers(1, 40),
    compute=st.sampled_from([Constant(mean_ms=3), Uniform(mean_ms=400), Uniform(mean_ms=7, jitter=0.9)]),
    network=st.sampled_from(
        [FlatLatency(), FlatLatency(latency_ms=0), FlatLatency(async_fraction=1), AlphaBeta(message_mb=5)]
    ),
    policy=st.sampled_from(
        [
            Synchronous(),
            Asynchronous(),
            Asynchronous(accumulate=3),
            StaleSynchronous(bound=2),
            Asynchronous(accumulate=2, assignment="shared"),
            BackupWorkers(wait_for=1),
            KAsync(wait_for=1),
            LocalSGD(period=3),
            Rebalanced(),
        ]
    ),
    stragglers=st.sampled_from([Stragglers(), Stragglers(slow_workers=1, spread=0.1, hiccup_probability=0.05)]),
    seed=st.integers(0, 2**53 - 1),
)


@given(SCENARIOS, st.integers(2, 300))
def test_row_0_is_exactly_simulate(scenario, replicates):
    assert replicate(scenario, replicates).iloc[0].to_dict() == vars(simulate(scenario).metrics)


@given(SCENARIOS, st.integers(1, 60))
def test_rows_do_not_depend_on_how_many_are_asked_for(scenario, replicates):
    pd.testing.assert_frame_equal(
        replicate(scenario, replicates), replicate(scenario, replicates + 17).iloc[:replicates], check_exact=True
    )


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_rows_do_not_depend_on_threads(threads):
    scenario = Scenario(workers=16, batches=60, policy=Asynchronous())
    assert chunk_runs(scenario) < 200  # several chunks
    pd.testing.assert_frame_equal(replicate(scenario, 500, threads=threads), replicate(scenario, 500))


def test_rows_differ_within_and_between_chunks():
    scenario = Scenario(workers=16, batches=60)
    assert replicate(scenario, 500)["epoch_ms"].nunique() == 500


def test_compare_pairs_policies_on_the_same_draws():
    """Same compute times in each pair: without network both compute exactly as long."""
    scenario = Scenario(network=FlatLatency(latency_ms=0))
    table = compare(scenario, [Synchronous(), Asynchronous()], 200)
    busy = (table["utilization_percent"] * table["epoch_ms"]).to_numpy().reshape(2, 200)
    np.testing.assert_allclose(busy[0], busy[1], rtol=1e-12)
    assert table["policy"].tolist() == ["Synchronous"] * 200 + ["Asynchronous"] * 200
    assert table["replicate"].tolist() == list(range(200)) * 2


def test_compare_is_replicate_for_each_policy():
    table = compare(Scenario(), [Synchronous(), Asynchronous()], 50)
    for policy in (Synchronous(), Asynchronous()):
        mine = table[table["policy"] == policy.label].drop(columns=["policy"]).set_index("replicate")
        pd.testing.assert_frame_equal(mine, replicate(Scenario(policy=policy), 50), check_index_type=False)


@pytest.mark.parametrize("policy", [Synchronous(), Asynchronous()])
def test_more_batches_go_on_from_the_same_first_ones(policy):
    """The slider for batches lengthens the epoch; it does not shuffle it."""
    few, many = (simulate(Scenario(batches=batches, policy=policy)).segments() for batches in (7, 23))
    start = many[many["batch"] < 7].reset_index(drop=True)
    pd.testing.assert_frame_equal(few, start)


@pytest.mark.parametrize("policy", [KAsync(wait_for=1), Asynchronous(assignment="shared")])
def test_workers_that_do_far_more_than_their_share(policy):
    """31 of 32 workers are 20 times slower: one does most batches. As many replicates as one likes, same rows."""
    slow = Stragglers(slow_workers=31, slowdown=20)
    scenario = Scenario(workers=32, batches=30, stragglers=slow, network=AlphaBeta(message_mb=1), policy=policy)
    few, many = replicate(scenario, 3), replicate(scenario, 100)
    pd.testing.assert_frame_equal(few, many[:3], check_exact=True)


def test_given_rows_are_used_up_before_more_are_asked_for():
    scenario = Scenario(workers=2, batches=2, policy=Asynchronous(assignment="shared"))
    compute = np.array([[1.0, 9], [1, 9], [1, 9]])
    run = simulate(scenario, compute_ms=compute, network_ms=np.zeros((3, 2)))
    assert run.gradients()["worker"].tolist() == [0, 0, 0, 1]
    with pytest.raises(ScenarioError, match=r"2 rows were given, but Asynchronous \(shared queue\) needs more"):
        simulate(scenario, compute_ms=compute[:2], network_ms=np.zeros((2, 2)))


def test_another_seed_gives_other_runs():
    assert simulate(Scenario(seed=1)).metrics != simulate(Scenario(seed=2)).metrics


def test_a_link_reproduces_its_numbers():
    """Frozen: raise MODEL_VERSION when these change, for every kept link then shows other numbers."""
    assert simulate(Scenario()).metrics.epoch_ms == pytest.approx(7739.32570784488, rel=1e-12)
    assert simulate(Scenario(policy=Asynchronous())).metrics.epoch_ms == pytest.approx(5709.82073417601, rel=1e-12)
