"""More workers than were measured: the true figure lies in the range, or it is said that it cannot be told."""

import numpy as np
import pytest

from core import Gumbel, LogNormal, Pareto, Trace, Uniform
from core.report.traces import more_workers_in_words
from core.traces.fits import slowest_ratio
from core.traces.forecasts import forecasts, tail_index
from tests.examples import examples

STEPS, WORKERS = 100, 8
TRACES = examples(50)
"""Seeds: were the ranges to hold the true figure in 80 % of traces, not 95 %, four times in five it would be seen."""


def slow_share(rng, steps, workers):
    """A quarter of the workers take half as long again."""
    return LogNormal(mean_ms=80, cv=0.1).draw(rng, (steps, workers)) * np.where(np.arange(workers) % 4 == 0, 1.5, 1)


def hiccups(rng, steps, workers):
    times = Uniform(mean_ms=80, jitter=0.2).draw(rng, (steps, workers))
    return times * np.where(rng.random((steps, workers)) < 0.02, 4, 1)


def lasting(rng, steps, workers):
    """An autoregression with coefficient .7, of which a step's slowest knows nothing."""
    noise = rng.normal(0, 0.1, (steps, workers))
    for step in range(1, steps):
        noise[step] = 0.7 * noise[step - 1] + np.sqrt(1 - 0.49) * noise[step]
    return 80 * np.exp(noise)


MADE = {
    "log-normal": lambda rng, *shape: LogNormal(mean_ms=80, cv=0.3).draw(rng, shape),
    "Gumbel": lambda rng, *shape: Gumbel(mean_ms=80, cv=0.14).draw(rng, shape),
    "slow steps": lambda rng, *shape: Gumbel(mean_ms=80, cv=0.14).draw(rng, shape) * rng.gamma(9, 1, (shape[0], 1)),
    "slow workers": slow_share,
    "hiccups": hiccups,
    "lasting": lasting,
}


@pytest.mark.parametrize("name", MADE)
def test_the_true_figure_lies_in_the_range(name):
    """Of two and four times as many workers, in 85 % or more of the traces."""
    made = MADE[name]
    true = {many: slowest_ratio(made(np.random.default_rng(99), 20_000, many)) for many in (16, 32)}
    within = dict.fromkeys(true, 0)
    told = dict.fromkeys(true, 0)
    for seed in TRACES:
        compute = made(np.random.default_rng(seed), STEPS, WORKERS)
        found = forecasts(compute)
        assert [each.workers for each in found] == [16, 32, 64, 128]
        assert np.all(np.diff([slowest_ratio(compute), *(each.ratio for each in found)]) >= -1e-9)
        for each in found[:2]:
            told[each.workers] += not each.doubt
            within[each.workers] += not each.doubt and each.low <= true[each.workers] <= each.high
    assert min(told.values()) >= 0.9 * len(TRACES), told
    assert min(within.values()) >= 0.85 * len(TRACES), (within, told)


@pytest.mark.parametrize("name", ["log-normal", "slow workers", "lasting"])
@pytest.mark.parametrize(("steps", "workers"), [(40, 4), (60, 2)])
def test_so_it_does_where_steps_and_workers_are_few(name, steps, workers):
    """Of twice as many workers, in 85 % of the traces of which anything is told."""
    made = MADE[name]
    if name == "slow workers" and workers == 2:
        made = one_of_two
    true = slowest_ratio(made(np.random.default_rng(99), 20_000, 2 * workers))
    found = [forecasts(made(np.random.default_rng([7, seed]), steps, workers))[0] for seed in examples(100)]
    told = [each for each in found if not each.doubt]
    assert len(told) == len(found) or name == "lasting"
    assert sum(each.low <= true <= each.high for each in told) >= 0.85 * len(told)


def one_of_two(rng, steps, workers):
    """Half of the workers take half as long again."""
    return LogNormal(mean_ms=80, cv=0.1).draw(rng, (steps, workers)) * np.where(np.arange(workers) % 2 == 0, 1.5, 1)


def test_of_a_tail_without_a_variance_nothing_can_be_told():
    doubted = [
        all(each.doubt for each in forecasts(Pareto(mean_ms=80, alpha=1.5).draw(np.random.default_rng(seed), (100, 8))))
        for seed in TRACES
    ]
    assert sum(doubted) >= 0.95 * len(TRACES)
    assert tail_index(Pareto(mean_ms=80, alpha=1.5).draw(np.random.default_rng(1), (5_000, 8))) > 0.55
    assert tail_index(hiccups(np.random.default_rng(1), 5_000, 8)) < 0.3


def trace_of(compute):
    steps, workers = compute.shape
    return Trace(compute_ms=compute, worker_names=tuple(range(workers)), step_numbers=tuple(range(steps)))


def test_nor_of_one_outlier():
    """A single mini-batch of a thousand times: once it said 30.56×."""
    compute = np.random.default_rng(4).gamma(99, 1, (100, 8))
    compute[50, 3] *= 1_000
    assert {each.doubt for each in forecasts(compute)} == {"few", "steps"}
    said = more_workers_in_words(trace_of(compute))
    assert "it would rest on the one or two slowest mini-batches" in said
    assert "With more workers" not in said


def test_nor_of_too_few_steps():
    said = more_workers_in_words(trace_of(np.random.default_rng(5).gamma(9, 9, (20, 4))))
    assert said.startswith("What 8, 16, 32 or 64 workers would do is unknown: 20 steps are too few")


def test_half_of_the_workers_stay_half():
    """Four slow ones of eight are eight of sixteen: once they became four of 128."""
    compute = np.random.default_rng(6).gamma(400, 1, (200, 8)) * np.where(np.arange(8) < 4, 2, 1)
    for each in forecasts(compute):
        assert not each.doubt
        assert 1.35 < each.low <= each.ratio <= each.high < 1.65


def test_equal_times_stay_equal():
    for each in forecasts(np.full((200, 4), 7.0)):
        assert (each.ratio, each.low, each.high) == pytest.approx((1, 1, 1), abs=1e-12)
        assert not each.doubt
    assert forecasts(np.full((200, 1), 7.0)) == []
    assert forecasts(np.full((1, 4), 7.0)) == []


def test_sentences_give_every_range():
    trace = trace_of(np.random.default_rng(7).gamma(99, 1, (200, 4)))
    said = more_workers_in_words(trace)
    for each in forecasts(trace.compute_ms):
        assert f"with {each.workers:,} ({each.low:.2f}"[:-3] in said
    assert f"was measured with {trace.workers}" in said
    assert "No law is fitted" in said
