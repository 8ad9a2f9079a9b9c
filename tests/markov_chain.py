"""Stale-synchronous workers with exponential times and a free network, solved without simulation."""

from itertools import combinations

import numpy as np


def stale_synchronous_batch(workers: int, bound: int) -> float:
    """Time per batch over the mean time: N / E[workers not held], from the stationary Markov chain of their leads.

    A worker's lead is how many more batches than the slowest it has finished, 0 to s + 1, where it is held. A state
    counts the workers with each lead; any that is not held moves one up at rate 1, and when nobody is left at 0 all
    leads shrink by one.
    """
    leads = bound + 2
    states = np.array(
        [
            np.diff([-1, *bars, workers - 1 + leads - 1]) - 1  # all ways to place the others, and the slowest at 0
            for bars in combinations(range(workers - 1 + leads - 1), leads - 1)
        ]
    )
    states[:, 0] += 1
    digits = (workers + 1) ** np.arange(leads)
    order = np.argsort(states @ digits)
    states = states[order]
    source, target, rate = [], [], []
    for lead in range(bound + 1):
        moving = np.flatnonzero(states[:, lead])
        after = states[moving]
        after[:, lead] -= 1
        after[:, lead + 1] += 1
        shrunk = after[:, 0] == 0
        after[shrunk] = np.roll(after[shrunk], -1, axis=1)
        source.append(moving)
        target.append(np.searchsorted(states @ digits, after @ digits))
        rate.append(states[moving, lead])
    source, target, rate = map(np.concatenate, (source, target, rate))
    not_held = workers - states[:, -1]
    chance, time = np.full(len(states), 1 / len(states)), 0.0
    while abs(time - (time := workers / (chance @ not_held))) > 1e-9:
        for _ in range(200):
            inflow = np.bincount(target, weights=chance[source] * rate, minlength=len(states))
            chance = chance + (inflow - chance * not_held) / workers
    return time
