"""The order of updates, against a stable sort that needs no tricks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.schedule.update_order import update_order


def plainly(applied_ms):
    """Rank of each gradient by time, then worker, then batch."""
    batch, worker, _ = np.indices(applied_ms.shape).reshape(3, -1, applied_ms.shape[2])
    times = applied_ms.reshape(batch.shape)
    ranks = np.empty(times.shape, int)
    for run in range(times.shape[1]):
        ranks[np.lexsort((batch[:, run], worker[:, run], times[:, run])), run] = np.arange(len(times))
    return ranks.reshape(applied_ms.shape)


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
