"""Student's distribution: tables, closed forms, and the way there and back."""

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.statistics.student import two_sided_p, two_sided_quantile

TABLE = [  # level, degrees of freedom, t: from printed tables
    (0.05, 1, 12.706),
    (0.05, 2, 4.303),
    (0.05, 4, 2.776),
    (0.05, 10, 2.228),
    (0.05, 29, 2.045),
    (0.05, 120, 1.980),
    (0.01, 1, 63.657),
    (0.01, 5, 4.032),
    (0.01, 29, 2.756),
    (0.001, 9, 4.781),
]


@pytest.mark.parametrize(("level", "freedom", "t"), TABLE)
def test_printed_tables(level, freedom, t):
    assert two_sided_quantile(level, freedom) == pytest.approx(t, abs=6e-4)


@given(st.floats(0.01, 1e4))
def test_one_and_two_degrees_of_freedom_have_closed_forms(t):
    assert two_sided_p(t, 1) == pytest.approx(1 - 2 * math.atan(t) / math.pi, rel=1e-8, abs=1e-14)
    assert two_sided_p(t, 2) == pytest.approx(1 - t / math.sqrt(2 + t * t), rel=1e-6, abs=1e-14)


@given(st.floats(1e-6, 0.999), st.integers(1, 10_000))
def test_there_and_back(level, freedom):
    t = two_sided_quantile(level, freedom)
    assert two_sided_p(t, freedom) == pytest.approx(level, rel=1e-9)
    assert two_sided_p(-t, freedom) == two_sided_p(t, freedom)


def test_many_degrees_of_freedom_are_the_normal_distribution():
    for level in (0.05, 1e-4):
        normal = NormalDist().inv_cdf(1 - level / 2)
        assert two_sided_quantile(level, 999_999) == pytest.approx(normal, rel=1e-5)
        assert two_sided_quantile(level, 2_000_000) == normal
    assert two_sided_p(math.inf, 3) == 0
