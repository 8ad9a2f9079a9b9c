"""The order of updates, against a stable sort that needs no tricks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.order import update_order


def plainly(applied_ms):
    """Rank of each gradient by time, then worker."""
    ranks = np.empty(applied_ms.shape, int)
    for run, times in enumerate(applied_ms):
        ranks[run].ravel()[np.argsort(times, axis=None, kind="stable")] = np.arange(times.size)
    return ranks


@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.5, 1e-13, 0.0]))
def test_ranks_of_random_ticks(seed, workers, batches, spread):
    """Whole ticks make ties, tiny spreads make near ties, in which only the lowest bits differ."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(1, 4, (3, workers, batches)) + spread * rng.random((3, workers, batches))
    applied = np.cumsum(steps, axis=-1)
    np.testing.assert_array_equal(update_order(applied), plainly(applied))


@pytest.mark.parametrize("shape", [(2, 4096, 3), (1, 3, 5000), (1, 4096, 600)])
def test_many_workers_and_batches(shape):
    applied = np.cumsum(np.random.default_rng(1).exponential(size=shape), axis=-1)
    np.testing.assert_array_equal(update_order(applied), plainly(applied))
