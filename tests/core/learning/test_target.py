"""When a target is reached: by hand, and against a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.learning.target import time_to_target, window_of


def reached(losses, target=1.0, rising=False, step=10.0):
    """Of one training that is measured every 10 ms."""
    time = step * np.arange(len(losses))[None]
    return time_to_target(np.array([losses], float), time, target, rising=rising).item()


@pytest.mark.parametrize(
    ("losses", "time"),
    [
        ((5, 3, 1, 1), 20),
        ((5, 3, 0.5, 0.5), 18),  # four fifths of the way from 3 to 0.5
        ((5, 1, 3, 1), 30),  # it fell back after 10 ms
        ((5, 0.5, 0.5, 3), np.nan),  # and never came again
        ((5, 0.5, 0.5, 0.5), 10),  # the start tells nothing
        ((0.5, 0.5, 0.5, 0.5), 10),
        ((5, 3, 3, 1), 30),
        ((5, 3, np.nan, np.nan), np.nan),
        ((5, 1), 10),
    ],
)
def test_few_points_by_hand(losses, time):
    assert reached(losses) == pytest.approx(time, nan_ok=True)


def test_an_accuracy_is_reached_from_below():
    assert reached((0.1, 0.5, 0.95, 0.95), target=0.8, rising=True) == pytest.approx(10 + 10 * 0.3 / 0.45)


def test_a_single_dip_does_not_count_where_the_mean_of_its_neighbours_stays():
    """Twenty points take the mean of three; from 2 on means are (5, 3.5, 2, 0.5 …), but for 1 around the dip."""
    losses = [5.0] * 5 + [0.5] * 8 + [2.0] + [0.5] * 7
    assert window_of(20) == 3
    assert reached(losses) == pytest.approx(10 * (4 + (3.5 - 1) / 1.5), rel=1e-12)
    losses[14] = 2.0  # the mean of (0.5, 2, 2) is 1.5
    assert reached(losses) > 140


def test_windows_are_odd_and_a_tenth():
    assert [window_of(points) for points in (1, 9, 20, 40, 80, 200)] == [1, 1, 3, 5, 9, 21]
    assert all(window_of(points) % 2 == 1 and window_of(points) <= points for points in range(1, 500))


def plain(values, time, target, rising):
    """Window by window, from the end."""
    half, found = window_of(len(values) - 1) // 2, None
    for middle in range(len(values) - 1 - half, half, -1):
        mean = sum(values[middle - half : middle + half + 1]) / (2 * half + 1)
        if not (mean >= target if rising else mean <= target):
            if found is None:
                return np.nan
            later, at = found
            return time[middle] + (target - mean) / (later - mean) * (at - time[middle])
        found = mean, time[middle]
    return found[1]


@given(st.integers(1, 90), st.integers(0, 2**32), st.booleans())
def test_as_a_plain_loop_finds_it(points, seed, rising):
    rng = np.random.default_rng(seed)
    values = np.linspace(0, 1, points + 1) * rng.uniform(0.5, 2, (5, 1)) + rng.normal(0, 0.2, (5, points + 1))
    values, target = (values, 0.6) if rising else (-values, -0.6)
    time = np.cumsum(rng.uniform(0.5, 2, values.shape), axis=1)
    found = time_to_target(values, time, target, rising=rising)
    expected = [plain(each, at, target, rising) for each, at in zip(values.tolist(), time.tolist(), strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
