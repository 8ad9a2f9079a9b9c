"""The table of checks: the simulator agrees with every row, and would not with a wrong one."""

import re
from dataclasses import replace

import numpy as np
import pytest

from core.policies import Asynchronous
from core.theory import checks
from core.theory.checks import CHECKS, as_table, judge
from core.theory.steady_state import mean_staleness, throughput
from tests.markov_chain import stale_synchronous_batch
from tests.sampled import SAMPLED

BY_CLAIM = {check.claim: check for check in CHECKS}
BACKUP = "Time per iteration that waits for the first {} of 100 workers, ±20 %"
SERVER = "Async through one server, first come, first served: {} workers, m = 1 s ± 20 %, d = 0.15 s"
BOUND = "Time per batch, stale-synchronous with bound {}, 8 workers, {}"
EPISODES = "Time per batch, {}, 8 workers, 5 % of batches 3× slower, {}"
SPEC = {
    "Epoch of the first example: 4 workers, 500 ms ± 20 %, network 200 ms, 10 batches": "7600",
    "Time per batch, 2 workers, ±20 %": "1.0667",
    "Time per batch, 4 workers, ±20 %": "1.12",
    "Time per batch, 8 workers, ±20 %": "1.1556",
    "Time per batch, 16 workers, ±20 %": "1.1765",
    "Time per batch, 32 workers, ±20 %": "1.1879",
    "Time per batch, 32 workers, constant times, 1 % hiccups of 5×": "2.100",
    "Mean staleness without a barrier, 8 workers, ±20 %": "7",
    "Time per update of K-async, the first 1 of 8 workers, exponential times": ".125",
    "Time per update of K-async, the first 2 of 8 workers, exponential times": ".268",
    "Time per update of K-async, the first 4 of 8 workers, exponential times": ".6345",
    "Time per update of K-async, the first 8 of 8 workers, exponential times": "2.718",
    BOUND.format(1, "±20 %"): "1.017",
    BOUND.format(2, "±20 %"): "1.009",
    BOUND.format(3, "±20 %"): "1.006",
    "Time per batch, local SGD with a barrier every 1, 16 workers, exponential times, L = m": "4.381",
    SERVER.format(2): "1.710",
    SERVER.format(4): "3.271",
    SERVER.format(8): "5.602",
    "Async through one server, 8 workers, m = 1 s ± 20 %, d = 0.15 s": "6.35",
    **{EPISODES.format("sync", row): "1.673" for row in ("one by one", "10 in a row", "50 in a row")},
    EPISODES.format("local SGD with a barrier every 10", "one by one"): "1.319",
    EPISODES.format("local SGD with a barrier every 10", "10 in a row"): "1.650",
    EPISODES.format("local SGD with a barrier every 10", "50 in a row"): "1.672",
}


@pytest.mark.parametrize("check", SAMPLED, ids=lambda check: check.claim)
def test_the_simulator_agrees(check):
    result = judge(check, check.sample())
    assert result.agrees, f"{result.mean} ± {result.half_width}, {result.errors_off} standard errors off"


@pytest.mark.parametrize(("claim", "figure"), SPEC.items())
def test_figures_of_the_brief(claim, figure):
    """SPEC §6 and §9, to the digits stated."""
    digits = len(figure.partition(".")[2])
    assert abs(BY_CLAIM[claim].expected - float(figure)) <= 0.5 * 10**-digits * (1 + 1e-9)


@pytest.mark.parametrize(
    ("wait_for", "hiccups", "figure"), [(100, "", 83.6), (96, "", 81.3), (95, " and", 80.4), (100, " and", 26.9)]
)
def test_throughput_with_backup_workers(wait_for, hiccups, figure):
    """SPEC §6 states mini-batches used per m, the rows the time of an iteration."""
    claim = BACKUP.format(wait_for) + (" and 1 % hiccups of 5×" if hiccups else "")
    assert wait_for / BY_CLAIM[claim].expected == pytest.approx(figure, abs=0.05)


@pytest.mark.parametrize(("bound", "stated"), [(0, 2.716), (1, 1.789), (2, 1.507), (3, 1.374), (5, 1.243), (10, 1.129)])
def test_stale_synchronous_with_exponential_times(bound, stated):
    """The rows' figures are exact. SPEC §6's come from simulation, and are all a little low, by up to 0.2 %."""
    figure = BY_CLAIM[BOUND.format(bound, "exponential times")].expected
    assert figure == pytest.approx(stale_synchronous_batch(8, bound), abs=5e-7)
    assert 0.998 * figure <= stated < figure + 5e-4


@pytest.mark.parametrize(
    ("claim", "figure", "stated"),
    [
        (BOUND.format(0, "±20 %"), 1.15556, 1.155),
        ("Time per batch, local SGD with a barrier every 10, 16 workers, exponential times, L = m", 1.73374, 1.733),
        (SERVER.format(12), 6.52748, 6.528),
    ],
)
def test_figures_that_the_brief_rounds_otherwise(claim, figure, stated):
    """By less than a unit of the last digit."""
    assert BY_CLAIM[claim].expected == pytest.approx(figure, abs=5e-6)
    assert figure == pytest.approx(stated, abs=1e-3)


@pytest.mark.parametrize(
    "topic", ["Barrier", "No barrier", "Staleness", "Between the two", "Network", "Stragglers", "Episodes"]
)
def test_a_wrong_figure_is_caught(topic):
    """5 % more or less do not agree, in any row that is an equation."""
    for check in SAMPLED:
        if check.topic == topic and check.relation == "=":
            values = check.sample()
            for factor in (0.95, 1.05):
                assert not judge(replace(check, expected=factor * check.expected), values).agrees, check.claim


@pytest.mark.parametrize(("relation", "agrees"), [("=", [0, 1, 0]), ("≤", [0, 1, 1]), ("≥", [1, 1, 0])])
def test_verdicts_without_randomness(relation, agrees):
    """Equal up to rounding; a bound fails on its side only."""
    check = replace(CHECKS[0], relation=relation)
    results = [judge(replace(check, expected=figure), np.full(3, 2.0)) for figure in (1.99999, 2 + 1e-9, 2.00001)]
    assert [result.agrees for result in results] == [bool(agreed) for agreed in agrees]
    assert [result.errors_off for result in results] == [np.inf, 0, -np.inf]


@pytest.mark.parametrize(
    ("relation", "expected", "words"),
    [
        ("=", 2.0, "0"),
        ("=", 2.1, "-1.0"),
        ("≤", 2.5, "bound holds by 20.0\N{NO-BREAK SPACE}%"),
        ("≥", 1.6, "bound holds by 25.0\N{NO-BREAK SPACE}%"),
        ("≤", 1.99, "bound holds within its error"),
        ("≤", 1.0, "bound broken by 100.0\N{NO-BREAK SPACE}%"),
        ("≥", 4.0, "bound broken by 50.0\N{NO-BREAK SPACE}%"),
    ],
)
def test_how_far_off_in_words(relation, expected, words):
    """A number for an equation; a bound that holds is not "40 standard errors off"."""
    values = 2 + np.sqrt(3) * np.array([-0.1, 0, 0.1])  # their mean has a standard error of 0.1
    table = as_table([judge(replace(CHECKS[0], relation=relation, expected=expected), values)])
    assert table["Standard errors off"].tolist() == [words]


def test_a_difference_without_randomness_has_no_number():
    table = as_table([judge(replace(CHECKS[0], expected=2.1), np.full(3, 2.0))])
    assert table["Standard errors off"].tolist() == ["differs without randomness"]


def test_verdicts_with_randomness():
    """95 % of right figures lie within the row's own interval; of tables with one such row each, 5 % err."""
    check = replace(CHECKS[0], expected=3.0)
    rng = np.random.default_rng(1)
    results = [judge(check, rng.normal(3, 2, 400)) for _ in range(4_000)]
    within = np.mean([abs(result.mean - 3) <= result.half_width for result in results])
    assert within == pytest.approx(0.95, abs=4 * np.sqrt(0.05 * 0.95 / 4_000))
    alarms = sum(not result.agrees for result in results)
    assert alarms <= 4_000 * 0.05 / len(CHECKS) + 4 * np.sqrt(4_000 * 0.05 / len(CHECKS))


def test_not_a_number_never_agrees():
    for relation in "=≤≥":
        assert not judge(replace(CHECKS[0], relation=relation), np.array([np.nan, 1.0])).agrees


FORMULAS = [value for value in vars(checks).values() if getattr(value, "__module__", "") == "core.theory.closed_forms"]


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.__name__)
def test_every_formula_names_its_source(formula):
    """A work with its year or number, a theorem, or the argument in a line."""
    assert re.search(r"(19|20)\d\d|arXiv|theorem|argument[^:]*: .{40}", " ".join(formula.__doc__.split()))


def test_a_table_of_results():
    """A row a check, claims all different, values the same whenever they are asked for."""
    check = BY_CLAIM["Epoch of the first example: 4 workers, 500 ms ± 20 %, network 200 ms, 10 batches"]
    table = as_table([judge(check, check.sample())] * 2)
    assert table["Expected"].tolist() == [7600] * 2
    assert table["Verdict"].tolist() == ["agrees"] * 2
    assert len(BY_CLAIM) == len(CHECKS)
    np.testing.assert_array_equal(check.sample(), check.sample())


def test_a_window_that_outlasts_a_worker_is_refused():
    """Its figures would not be of a steady state."""
    with pytest.raises(ValueError, match="update 79: a worker is done"):
        mean_staleness(first=10, last=79, workers=8, policy=Asynchronous())
    with pytest.raises(ValueError, match="a worker is done before"):
        throughput(first_ms=0, last_ms=9_000, policy=Asynchronous())
