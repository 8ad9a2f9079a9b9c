"""Steps of a worker along the first axis of an array."""

import numpy as np


def back_to_back(durations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of steps along the first axis, each starting where the one before it ended, the first at 0."""
    clock = np.zeros((len(durations) + 1, *durations.shape[1:]))
    if durations[0].size < 32:
        np.cumsum(durations, axis=0, out=clock[1:])
    else:  # the same sums, several times faster on wide rows
        for step, duration in enumerate(durations):
            np.add(clock[step], duration, out=clock[step + 1])
    return clock[:-1], clock[1:]
