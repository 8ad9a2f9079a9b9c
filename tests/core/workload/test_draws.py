"""Random numbers: a stream per concern, so that one change of the question changes nothing else."""

import numpy as np
import pytest

from core import (
    Constant,
    FlatLatency,
    Gumbel,
    LogNormal,
    Measured,
    Pareto,
    Scenario,
    ShiftedExponential,
    Stragglers,
    Uniform,
)
from core.workload.draws import FEWEST_ROWS, Draws


def draws(runs=200, **changes):
    return Draws(Scenario(workers=6, batches=20, **changes), runs=runs)


def test_slow_workers_are_slower_by_just_that_factor():
    """W0 and W1 take three times their own base draws; the others are untouched."""
    ratio = draws(stragglers=Stragglers(slow_workers=2, slowdown=3)).compute_ms / draws().compute_ms
    np.testing.assert_allclose(ratio[:, :2], 3)
    np.testing.assert_allclose(ratio[:, 2:], 1)


def test_spread_stays_with_a_worker_for_a_run():
    factors = draws(stragglers=Stragglers(spread=0.3)).compute_ms / draws().compute_ms
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:1], factors.shape))
    assert factors[0].mean() == pytest.approx(1, abs=4 * 0.3 / np.sqrt(1200))
    assert factors[0].std() == pytest.approx(0.3, rel=0.1)


def test_hiccups_hit_single_mini_batches():
    factors = draws(stragglers=Stragglers(hiccup_probability=0.1, hiccup_factor=4)).compute_ms / draws().compute_ms
    hit = factors > 2
    np.testing.assert_allclose(factors[hit], 4)
    np.testing.assert_allclose(factors[~hit], 1)
    assert hit.mean() == pytest.approx(0.1, abs=4 * 0.3 / np.sqrt(hit.size))
    assert hit.any(axis=(0, 2)).all()  # every worker has some


def test_defaults_have_no_effect():
    np.testing.assert_array_equal(
        draws(stragglers=Stragglers(slow_workers=3, slowdown=1)).compute_ms, draws().compute_ms
    )


def test_concerns_do_not_disturb_each_other():
    """Another network, or stragglers, leave the other streams as they were."""
    np.testing.assert_array_equal(draws(network=FlatLatency(latency_ms=1)).compute_ms, draws().compute_ms)
    both = {"stragglers": Stragglers(spread=0.1, hiccup_probability=0.5)}
    np.testing.assert_array_equal(draws(**both).push_ms, draws().push_ms)


def test_a_chunk_begins_with_the_same_runs_however_many_are_asked_for():
    for stragglers in (Stragglers(), Stragglers(spread=0.2, hiccup_probability=0.2)):
        few, many = (draws(runs, stragglers=stragglers) for runs in (1, 150))
        np.testing.assert_array_equal(few.compute_ms, many.compute_ms[..., :1])
        np.testing.assert_array_equal(few.push_ms, many.push_ms[..., :1])


def test_more_rows_begin_with_the_same_ones():
    """However many rows a policy asks for; worker factors hold on, and later rows are not copies."""
    for stragglers in (Stragglers(), Stragglers(slow_workers=1, slowdown=9, hiccup_probability=0.2)):
        some, more = (draws(stragglers=stragglers).compute_rows(rows) for rows in (31, 75))
        assert more.shape == (75, 6, 200)
        np.testing.assert_array_equal(some, more[:31])
        np.testing.assert_array_equal(draws(stragglers=stragglers).compute_ms, more[:20])
        assert not np.isin(more[20:40], more[:20]).any()
        assert (more[60:, 0].mean() > 5 * more[60:, 1].mean()) == (stragglers.slow_workers == 1)


WORKERS = 400
TABLE = np.random.default_rng(5).uniform(1, 9, (100, WORKERS))
LAWS = [
    Constant(),
    Uniform(),
    LogNormal(),
    Gumbel(),
    ShiftedExponential(),
    Pareto(),
    Measured(compute_ms=TABLE.tolist()),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
@pytest.mark.parametrize(
    "stragglers",
    [Stragglers(), Stragglers(spread=0.1, hiccup_probability=0.2), Stragglers(episode_share=0.3, episode_batches=5)],
    ids=["even", "spread and hiccups", "episodes"],
)
def test_rows_are_the_same_however_few_are_asked_for_at_a_time(law, stragglers):
    """Also where a run is large enough to draw only the beginning of a further block of rows."""
    scenario = Scenario(workers=WORKERS, batches=90, compute=law, stragglers=stragglers)
    whole, bit_by_bit = Draws(scenario, runs=2), Draws(scenario, runs=2)
    rows = whole.compute_rows(270)
    for count in (90, 91, 92, 106, 107, 150, 180, 181, 230):
        np.testing.assert_array_equal(bit_by_bit.compute_rows(count), rows[:count])
    np.testing.assert_array_equal(bit_by_bit.compute_rows(240, first=85), rows[85:240])
    np.testing.assert_array_equal(bit_by_bit.push_rows(120), whole.push_rows(270)[:120])


def test_no_more_is_drawn_of_further_rows_than_is_asked_for_and_some_to_spare(monkeypatch):
    drawn, draw = [], Uniform.draw
    monkeypatch.setattr(
        Uniform, "draw", lambda self, rng, shape, first_row=0: drawn.append(shape[1]) or draw(self, rng, shape)
    )
    Draws(Scenario(workers=WORKERS, batches=900)).compute_rows(901)
    assert drawn == [900, FEWEST_ROWS]


def test_seeds_give_other_numbers_and_streams_do_not_overlap():
    assert not np.isin(draws(seed=1).compute_ms, draws(seed=2).compute_ms).any()
    unit = draws(network=FlatLatency(latency_ms=1, async_fraction=1)).push_ms
    assert not np.isin(unit, (draws().compute_ms - 400) / 200).any()
