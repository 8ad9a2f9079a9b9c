"""Slow episodes: the chain that the oracle walks, what it is on average, and how it goes on from block to block.

Intervals are of four standard errors, each worked out from the chain, and seeds are fixed.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import Asynchronous, BackupWorkers, Constant, FlatLatency, KAsync, Scenario, Stragglers, Synchronous, simulate
from core.workload.draws import Draws
from tests import oracle

CHAINS = [(0.05, 10.0), (0.05, 50.0), (0.3, 5.0), (0.5, 2.5), (0.9, 40.0)]


def slow(share, length, *, workers=8, batches=100, runs=1, rows=None, **changes):
    """Which mini-batches are slow, (rows, workers, runs), as the compute times show it."""
    stragglers = Stragglers(episode_share=share, episode_batches=length, episode_factor=3)
    workload = Scenario(workers=workers, batches=batches, compute=Constant(mean_ms=1), stragglers=stragglers, **changes)
    times = Draws(workload, runs=runs).compute_rows(rows or batches)
    assert set(np.unique(times)) <= {1, 3}
    return times == 3


@given(
    st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=30),
    st.floats(0.001, 0.99),
    st.floats(1, 20),
    st.integers(1, 30),
)
def test_the_chain_is_the_oracles(numbers, share, times_the_shortest, cut):
    """Whatever the numbers, and wherever a block ends."""
    length = times_the_shortest / (1 - share)
    chain = Stragglers(episode_share=share, episode_batches=length)
    uniform = np.array(numbers)[:, None, None]
    cut = min(cut, len(numbers) - 1)
    begun = chain.slow_in_episodes(uniform[:cut])
    gone_on = chain.slow_in_episodes(uniform[cut:], begun[-1])
    assert np.concatenate([begun, gone_on]).ravel().tolist() == oracle.slow_in_episodes(numbers, share, length)


@pytest.mark.parametrize(("share", "length"), CHAINS)
def test_share_of_slow_mini_batches(share, length):
    """Of the first row and of a later one as of all: it begins as it goes on."""
    found, rho = slow(share, length, workers=100, runs=200), chain(share, length).episode_correlation
    error = np.sqrt(share * (1 - share) / 20_000)
    assert found[0].mean() == pytest.approx(share, abs=4 * error)
    assert found[70].mean() == pytest.approx(share, abs=4 * error)
    assert found.mean() == pytest.approx(share, abs=4 * error * np.sqrt((1 + rho) / (1 - rho) / 100))


def chain(share, length):
    return Stragglers(episode_share=share, episode_batches=length)


@pytest.mark.parametrize(("share", "length"), CHAINS)
def test_mean_length_of_an_episode(share, length):
    """Of those that begin in a long run, geometric."""
    found = slow(share, length, workers=10, batches=50_000).reshape(50_000, 10)
    begins, ends = (np.diff(found.astype(int), axis=0) == step for step in (1, -1))
    lengths = []
    for first, last in zip(begins.T, ends.T, strict=True):
        starts, stops = np.flatnonzero(first), np.flatnonzero(last)
        stops = stops[stops > starts[0]]
        lengths += (stops - starts[: len(stops)]).tolist()
    error = np.sqrt(length * (length - 1) / len(lengths))
    assert np.mean(lengths) == pytest.approx(length, abs=4 * error)


@pytest.mark.parametrize(("share", "length"), CHAINS)
@pytest.mark.parametrize("lag", [1, 3, 10])
def test_correlation_over_a_lag(share, length, lag):
    """ρ^k between rows k apart, over independent workers; also across the end of a block, which is at row 20."""
    found = slow(share, length, workers=100, batches=20, runs=200, rows=41)
    rho, variance = chain(share, length).episode_correlation, share * (1 - share)
    for row in (0, 20 - lag, 19, 39 - lag):
        products = (found[row] - share) * (found[row + lag] - share) / variance
        error = products.std() / np.sqrt(products.size)
        assert products.mean() == pytest.approx(rho**lag, abs=4 * error)


def test_the_shortest_episodes_are_independent():
    for share in (0.05, 0.3, 0.9):
        found = slow(share, 1 / (1 - share), workers=100, batches=20, runs=200, rows=40)
        assert chain(share, 1 / (1 - share)).episode_correlation < 1e-8
        for row in (0, 19, 38):
            products = (found[row] - share) * (found[row + 1] - share)
            assert products.mean() == pytest.approx(0, abs=4 * products.std() / np.sqrt(products.size))


def test_rows_do_not_depend_on_how_many_are_asked_for():
    """Nor on how many runs; and blocks asked for one by one are those asked for at once."""
    at_once = slow(0.2, 15, batches=20, runs=300, rows=75)
    workload = Scenario(
        workers=8,
        batches=20,
        compute=Constant(mean_ms=1),
        stragglers=Stragglers(episode_share=0.2, episode_batches=15),
    )
    draws = Draws(workload, runs=300)
    for rows in (20, 31, 64, 75):
        np.testing.assert_array_equal(draws.compute_rows(rows) == 3, at_once[:rows])
    np.testing.assert_array_equal(slow(0.2, 15, batches=20, runs=2, rows=75), at_once[..., :2])


def test_an_own_stream():
    """Episodes change nothing but the mini-batches they hit; without a share, or a factor, they change nothing."""
    rest = {"slow_workers": 1, "spread": 0.1, "hiccup_probability": 0.2}
    without, with_them = (
        Draws(Scenario(stragglers=Stragglers(**rest, **episodes)), runs=50)
        for episodes in ({}, {"episode_share": 0.3, "episode_factor": 4})
    )
    ratio = with_them.compute_ms / without.compute_ms
    assert np.isclose(ratio, 1).sum() + np.isclose(ratio, 4).sum() == ratio.size
    np.testing.assert_array_equal(with_them.push_ms, without.push_ms)
    for off in ({"episode_batches": 90, "episode_factor": 9}, {"episode_share": 0.3, "episode_factor": 1}):
        same = Draws(Scenario(stragglers=Stragglers(**rest, **off)), runs=50)
        np.testing.assert_array_equal(same.compute_ms, without.compute_ms)


def test_more_slowness_never_takes_an_episode_away():
    """The same numbers at every share, so that a sweep compares like with like."""
    less, more = slow(0.1, 10), slow(0.2, 10)
    assert less[0].sum() <= more[0].sum()
    assert (more[0] | ~less[0]).all()


def test_every_policy_meets_the_same_episodes():
    """A worker's j-th mini-batch is slow whoever waits for whom, also beyond the batches of an epoch."""
    stragglers = Stragglers(episode_share=0.3, episode_batches=6, episode_factor=5)
    question = {"workers": 3, "batches": 12, "stragglers": stragglers, "network": FlatLatency(latency_ms=0)}
    drawn = Draws(Scenario(**question)).compute_rows(36)[..., 0]
    policies = [Synchronous(), Asynchronous(assignment="shared"), BackupWorkers(wait_for=1), KAsync(wait_for=2)]
    for policy in policies:
        table = simulate(Scenario(**question, policy=policy)).gradients().query("used")
        taken = (table["ready_ms"] - table["read_ms"]).to_numpy()
        expected = drawn[table["batch"], table["worker"]]
        np.testing.assert_allclose(taken, expected, err_msg=policy.text)
