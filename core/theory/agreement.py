"""Whether runs agree with theory: a claim with its expected figure, simulated values, and a verdict."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from core.common.wording import percent

FALSE_ALARMS = 0.05  # chance of any, among all rows of a table


@dataclass(frozen=True, kw_only=True)
class Check:
    """One figure that theory gives, and independent simulated values whose mean should agree with it."""

    topic: str
    claim: str
    formula: str
    source: str
    expected: float
    relation: str = "="
    """The mean is "=", "≤" or "≥" what is expected."""
    unit: str = "m"
    """m is the mean compute time of a mini-batch."""
    sample: Callable[[], np.ndarray]
    """() → the simulated values, one a run: at every call the same."""
    half_digit: float = 0.0
    """Half a unit of the last digit, where no more digits of the figure are known."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the runs say of a check."""

    check: Check
    mean: float
    half_width: float
    """Of the 95 % interval of this row alone."""
    errors_off: float
    """Standard errors from what is expected to the mean; 0 where there is only rounding between them."""
    agrees: bool


def verdict(check: Check, values: np.ndarray, rows: int) -> Result:
    """The verdict on a check that is one of so many rows.

    It agrees when the expected figure lies in the interval of the mean, widened so that all rows together raise a false
    alarm in 5 % of the cases (Bonferroni), plus 1e-9 of the figure for rounding. So without randomness both must be
    equal. "≤" and "≥" can fail on one side only. A figure of which few digits are known gets half a unit of the last.
    """
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))
    off, rounding = mean - check.expected, 1e-9 * abs(check.expected)
    wide = NormalDist().inv_cdf(1 - FALSE_ALARMS / rows / 2)
    beyond = {"=": abs(off), "≤": off, "≥": -off}[check.relation]
    return Result(
        check=check,
        mean=mean,
        half_width=NormalDist().inv_cdf(0.975) * error,
        errors_off=0.0 if abs(off) <= rounding else off / error if error > rounding else math.copysign(math.inf, off),
        agrees=beyond <= wide * error + rounding + check.half_digit,
    )


def how_far(result: Result) -> str:
    """Standard errors from what is expected to the mean; of a bound whether it holds, and by how much."""
    check, off = result.check, result.mean - result.check.expected
    if check.relation == "=":
        if math.isinf(result.errors_off):
            return "differs without randomness"
        return f"{result.errors_off:+.1f}" if result.errors_off else "0"
    if not result.agrees:
        return f"bound broken by {percent(100 * abs(off / check.expected))}"
    if (off < 0) == (check.relation == "≤") or not off:
        return f"bound holds by {percent(100 * abs(off / check.expected))}"
    return "bound holds within its error"


def as_table(results: Sequence[Result]) -> pd.DataFrame:
    """The results to show and to download, a row a check."""
    return pd.DataFrame(
        {
            "Topic": result.check.topic,
            "Claim": result.check.claim,
            "Expected": result.check.expected,
            "Simulated": result.mean,
            "± 95 %": result.half_width,
            "Unit": result.check.unit,
            "Verdict": "agrees" if result.agrees else "DIFFERS",
            "Relation": result.check.relation,
            "Formula": result.check.formula,
            "Standard errors off": how_far(result),
            "Source": result.check.source,
        }
        for result in results
    )
