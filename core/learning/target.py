"""When a training has reached its target: where a moving mean gets there and stays."""

import numpy as np


def window_of(points: int) -> int:
    """How many neighbouring points the moving mean takes, of so many: about a tenth, an odd number; 9 of 80."""
    return 2 * round(points / 20) + 1


def time_to_target(values: np.ndarray, time_ms: np.ndarray, target: float, *, rising: bool) -> np.ndarray:
    """When each training reaches the target for good, ms; NaN where it does not.

    Every point after the start is taken with its neighbours: the mean of `window_of(points)` values stands at the time
    of the middle one. The target is reached where this mean gets there and stays there to the end, read off the
    straight line between two means.

    Args:
        values: measured at the start and at evenly spaced points, (trainings, 1 + points); NaN from where it diverged.
        time_ms: when, likewise.
        target: the value to reach.
        rising: whether it is reached from below, as an accuracy is, or from above, as a loss is.

    """
    width = window_of(values.shape[1] - 1)
    means = np.lib.stride_tricks.sliding_window_view(values[:, 1:], width, axis=1).mean(axis=-1)
    middles = time_ms[:, 1 + width // 2 :][:, : means.shape[1]]
    there = means >= target if rising else means <= target
    stays = np.logical_and.accumulate(there[:, ::-1], axis=1)[:, ::-1]
    first = stays.argmax(axis=1)
    every, before = np.arange(len(values)), np.maximum(first - 1, 0)
    low, high = means[every, before], means[every, first]
    share = np.divide(target - low, high - low, out=np.ones(len(values)), where=(first > 0) & stays[:, -1])
    start, end = middles[every, before], middles[every, first]
    return np.where(stays[:, -1], start + share * (end - start), np.nan)
