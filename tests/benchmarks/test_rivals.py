"""The benchmark compares like with like: the rivals compute the same figures as we do."""

import random

import numpy as np
import pytest

from core import Asynchronous, Scenario, Synchronous, replicate
from tests.benchmarks.rivals import plain_epoch, simpy_epoch

RUNS = 400


@pytest.mark.parametrize("epoch", [plain_epoch, simpy_epoch])
@pytest.mark.parametrize("policy", [Synchronous(), Asynchronous()])
def test_same_figures(epoch, policy):
    """Means of independent runs differ by less than 4.5 standard errors in each of the 13 figures."""
    rng = random.Random(3)
    theirs = [epoch(rng, 4, 10, 500, 0.2, 200, policy == Asynchronous()) for _ in range(RUNS)]
    ours = replicate(Scenario(policy=policy), RUNS)
    assert set(theirs[0]) == set(ours.columns) - {"failures", "down_percent"}  # nobody fails here
    for name in theirs[0]:
        values = np.array([run[name] for run in theirs])
        error = np.sqrt((values.var() + ours[name].var()) / RUNS)
        assert abs(values.mean() - ours[name].mean()) <= 4.5 * error + 1e-9, name
