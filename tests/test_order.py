"""The order of updates, against a stable sort that needs no tricks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.order import update_order


def plainly(applied_ms):
    """Rank of each gradient by time, then worker."""
    batches, workers, runs = applied_ms.shape
    ranks = np.empty(applied_ms.shape, int)
    for run in range(runs):
        events = sorted((applied_ms[k, w, run], w, k) for w in range(workers) for k in range(batches))
        for rank, (_, worker, batch) in enumerate(events):
            ranks[batch, worker, run] = rank
    return ranks


@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.5, 1e-13, 0.0]))
def test_ranks_of_random_ticks(seed, workers, batches, spread):
    """Whole ticks make ties, tiny spreads make near ties, in which only the lowest bits differ."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(1, 4, (batches, workers, 3)) + spread * rng.random((batches, workers, 3))
    applied = np.cumsum(steps, axis=0)
    np.testing.assert_array_equal(update_order(applied), plainly(applied))


@pytest.mark.parametrize("shape", [(3, 4096, 2), (5000, 3, 1), (600, 4096, 1)])
def test_many_workers_and_batches(shape):
    applied = np.cumsum(np.random.default_rng(1).exponential(size=shape), axis=0)
    np.testing.assert_array_equal(update_order(applied), plainly(applied))
