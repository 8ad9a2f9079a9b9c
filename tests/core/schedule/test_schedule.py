"""Stretches of mini-batches: however they are kept, they take the same time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.schedule import schedule
from core.schedule.schedule import PatchedStretch, Stretch
from tests.examples import drawn

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 3))


@st.composite
def patched(draw):
    """A stretch with other times in some cells: of one width or as many as workers, or one that takes no time."""
    rows, workers, runs = shape = draw(SHAPES)
    rng, kind = np.random.default_rng(draw(st.integers(0, 1000))), draw(st.sampled_from(["wide", "narrow", "nothing"]))
    start = rng.uniform(0, 9, (rows, draw(st.sampled_from([1, workers])), runs))
    end = {
        "wide": start + rng.uniform(0, 9, shape),
        "narrow": start + rng.uniform(0, 9, (rows, 1, runs)),
        "nothing": start,
    }[kind]
    count = draw(st.integers(0, rows * workers * runs))
    cells = rng.permutation(rows * workers * runs)[:count]
    since = rng.uniform(0, 9, count)
    until = since + rng.uniform(0, 9, count) * draw(st.sampled_from([0, 1]))
    return PatchedStretch("wait", start, end, cells, since, until, shape)


@drawn(100)
@given(patched())
def test_a_stretch_with_patches_takes_as_long_as_from_its_starts_to_its_ends(stretch):
    whole = Stretch("wait", stretch.start_ms, stretch.end_ms)
    assert stretch.start_ms.shape == stretch.end_ms.shape == stretch.shape
    np.testing.assert_allclose(stretch.took_ms(), whole.took_ms(), rtol=1e-12)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(schedule, "CHUNK", 5)  # so many times at once
        for each in (stretch, whole):
            np.testing.assert_allclose(each.took_ms(), (whole.end_ms - whole.start_ms).sum(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(stretch.start_ms.take(stretch.cells), stretch.since_ms)


@pytest.mark.parametrize("took", [2.5, 1.0])
def test_the_last_patch_of_a_cell_counts(took):
    """Earlier ones say where it was before, and take no time; also if it takes as long as it would without any."""
    times = np.arange(6.0).reshape(2, 1, 3) * np.ones((1, 2, 1))
    cells, since, until = np.array([4, 4]), np.array([1.0, 1.0]), np.array([1.0, 1.0 + took])
    for start, end in ((times, times), (times, times + 1), (times[:, :1], times[:, :1] + 1)):
        stretch = PatchedStretch("wait", start, end, cells, since, until, (2, 2, 3))
        usual = 0.0 if start is end else 2.0
        expected = np.full((2, 3), usual)
        expected[1, 1] = usual / 2 + took
        np.testing.assert_array_equal(stretch.took_ms(), expected)
        assert (stretch.start_ms[0, 1, 1], stretch.end_ms[0, 1, 1]) == (1.0, 1.0 + took)
