"""Stretches of slowness that were made are found where they are, and independent draws have none."""

import numpy as np
import pytest

from core.traces.episodes import Episode, best_windows, chance_limit, found_episodes, normal_scores, sharpened


def noise(rng, steps, workers, cv=0.1):
    """Independent log-normal times with mean 1."""
    sigma = np.sqrt(np.log1p(cv**2))
    return rng.lognormal(-(sigma**2) / 2, sigma, (steps, workers))


INDEPENDENT = {
    "log-normal": lambda rng, shape: noise(rng, *shape),
    "shifted exponential": lambda rng, shape: 0.3 + rng.exponential(1, shape),
    "Pareto": lambda rng, shape: 1 + rng.pareto(2.2, shape),
    "hiccups": lambda rng, shape: noise(rng, *shape, cv=0.05) * np.where(rng.random(shape) < 0.02, 5, 1),
    "slow steps": lambda rng, shape: noise(rng, *shape) * noise(rng, shape[0], 1, cv=0.5),
    "whole numbers": lambda rng, shape: np.round(20 * noise(rng, *shape, cv=0.05)),
    "a slow worker": lambda rng, shape: noise(rng, *shape) * np.where(np.arange(shape[1]) == 1, 2, 1),
}


@pytest.mark.parametrize("law", INDEPENDENT)
def test_independent_draws_have_no_episodes(law):
    """In at most 5 % of 240 traces, plus three standard errors: 22."""
    rng, shapes = np.random.default_rng(11), [(20, 2), (60, 2), (30, 4), (100, 8), (60, 32), (300, 3)]
    false = [bool(found_episodes(INDEPENDENT[law](rng, shape))) for shape in shapes for _ in range(40)]
    assert sum(false) <= 22


@pytest.mark.parametrize(
    ("steps", "workers", "length", "factor", "cv", "least"),
    [
        (200, 8, 20, 1.5, 0.1, 48),
        (100, 4, 20, 1.5, 0.1, 48),
        (100, 3, 20, 1.5, 0.1, 45),
        (100, 2, 20, 1.5, 0.1, 45),
        (1_000, 16, 20, 1.5, 0.1, 48),
        (20, 4, 10, 1.5, 0.05, 48),
        (200, 8, 100, 3.0, 0.1, 48),
    ],
)
def test_the_ends_of_a_made_episode(steps, workers, length, factor, cv, least):
    """Of 50 made ones, both ends are found within 3 steps."""
    rng, found = np.random.default_rng(5), 0
    for _ in range(50):
        compute, begin, worker = noise(rng, steps, workers, cv), rng.integers(steps - length + 1), rng.integers(workers)
        compute[begin : begin + length, worker] *= factor
        mine = [episode for episode in found_episodes(compute) if episode.worker == worker]
        if len(mine) == 1:
            found += max(abs(mine[0].first - begin), abs(mine[0].last - (begin + length - 1))) <= 3
    assert found >= least


def test_one_by_hand():
    compute = np.full((30, 3), 10.0)
    compute[12:20, 1] = 25
    assert found_episodes(compute) == [Episode(worker=1, first=12, last=19, factor=2.5)]


def test_slow_to_the_end_slow_at_first_and_slow_twice():
    rng = np.random.default_rng(3)
    compute = noise(rng, 200, 5, cv=0.03)
    compute[150:, 0] *= 2
    compute[:40, 2] *= 1.5
    compute[60:80, 4] *= 3
    compute[120:150, 4] *= 1.4
    rows = [(episode.worker, episode.first, episode.last) for episode in found_episodes(compute)]
    assert rows == [(0, 150, 199), (2, 0, 39), (4, 60, 79), (4, 120, 149)]
    assert [round(episode.factor, 1) for episode in found_episodes(compute)] == [2.0, 1.5, 3.0, 1.4]


def test_of_two_workers_only_the_slow_one_is_named():
    """The other looks quick beside it, and slow elsewhere; it is neither."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        compute = noise(rng, 100, 2, cv=0.02)
        compute[30:60, 1] *= 2
        assert {(episode.worker, episode.first, episode.last) for episode in found_episodes(compute)} == {(1, 30, 59)}


def test_who_is_always_slow_has_no_episode_and_neither_has_a_slow_step_of_all():
    rng = np.random.default_rng(6)
    compute = noise(rng, 100, 6, cv=0.05)
    compute[:, 2] *= 3
    compute[40:60] *= 4
    assert found_episodes(compute) == []


def test_a_hiccup_is_none():
    compute = noise(np.random.default_rng(7), 100, 4, cv=0.02)
    compute[50:53, 1] *= 10
    assert found_episodes(compute) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (9, 3), (50, 1), (10, 2), (11, 2)])
def test_tables_that_are_too_small_or_all_alike(shape):
    assert found_episodes(np.full(shape, 7.0)) == []
    assert isinstance(found_episodes(np.random.default_rng(0).random(shape) + 0.1), list)


def test_best_window_is_the_best_of_all_windows():
    """Against every window of the lengths that are scanned, one by one."""
    scores = normal_scores(np.random.default_rng(8).random((24, 3)))
    sizes, first, length = best_windows(scores)
    for column in range(3):
        of_all = {
            (begin, end): abs(scores[begin:end, column].sum())
            / np.sqrt((end - begin) * (1 - (end - begin) / 24) * 24 / 23)
            for end in range(25)
            for begin in range(end)
            if end - begin in (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18)
        }
        begin, end = max(of_all, key=of_all.__getitem__)
        assert sizes[column] == pytest.approx(of_all[begin, end])
        assert (first[column], length[column]) == (begin, end - begin)


def test_ends_are_sharpened_within_the_table():
    scores = normal_scores(np.repeat([1.0, 2.0, 1.0], [5, 10, 5])[:, None])[:, 0]
    assert sharpened(scores, 3, 13) == (5, 15)
    assert sharpened(np.zeros(20), 0, 15)[1] <= 20


def test_the_limit_grows_with_steps_and_workers():
    limits = [chance_limit(steps, 4) for steps in (10, 20, 40, 80, 128, 129, 1_000, 100_000)]
    assert limits == sorted(limits)
    limits = [chance_limit(100, workers) for workers in (2, 4, 8, 64, 4_096)]
    assert limits == sorted(limits)
