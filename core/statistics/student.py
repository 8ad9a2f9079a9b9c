"""Student's t distribution, which Python's own library lacks."""

import math
from functools import lru_cache
from statistics import NormalDist

MOST_STEPS = 100
MANY = 1e6  # degrees of freedom from which on it is the normal distribution, to 1e-6 of a quantile


def two_sided_p(t: float, freedom: float) -> float:
    """Chance that |T| is at least |t|, with so many degrees of freedom.

    I_x(ν/2, 1/2) with x = ν/(ν + t²) (Abramowitz & Stegun 26.5.27).
    """
    if math.isinf(t):
        return 0.0
    if freedom >= MANY:
        return math.erfc(abs(t) / math.sqrt(2))
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


@lru_cache(maxsize=4096)
def two_sided_quantile(level: float, freedom: float) -> float:
    """The t that |T| is at least with a chance of `level`: 12.7 for 0.05 and one degree of freedom."""
    if freedom >= MANY:
        return NormalDist().inv_cdf(1 - level / 2)
    t = 1.0
    while two_sided_p(2 * t, freedom) > level:
        t *= 2
    if two_sided_p(t, freedom) < level:
        t = 0.0
    scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(freedom * math.pi) / 2
    for _ in range(MOST_STEPS):  # Newton's method from below: the chance falls, ever less steeply, so it stays below
        density = math.exp(scale - (freedom + 1) / 2 * math.log1p(t * t / freedom))
        step = (two_sided_p(t, freedom) - level) / (2 * density)
        t += step
        if step <= 1e-15 * t:
            break
    return t


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function I_x(a, b), by its continued fraction (Numerical Recipes, 6.4)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    return front * beta_fraction(a, b, x) / a


def beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction, by Lentz's method."""
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 10_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + numerator * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + numerator / c
            c = c if abs(c) > tiny else tiny
            value *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return value
