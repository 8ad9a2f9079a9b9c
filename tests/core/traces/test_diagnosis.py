"""Made-up runs with known stragglers are diagnosed right, and data that cannot tell are called so."""

from dataclasses import replace

import numpy as np
import pytest

from core import (
    Constant,
    Gumbel,
    LogNormal,
    Pareto,
    ScenarioError,
    ShiftedExponential,
    Stragglers,
    Uniform,
    read_trace,
)
from core.report.traces import fit_in_words, headline, reasons
from core.theory.closed_forms import order_statistic_ms
from core.traces.diagnosis import FIGURES, chance_of, costs, diagnose, suspicion
from core.traces.fits import fits, fitted_scenario, scenario_by, slowest_ratio
from core.traces.reading import sample_files
from core.traces.trace import Trace


def trace_of(compute, **known):
    compute = np.array(compute, dtype=float)
    return Trace(
        compute_ms=compute,
        worker_names=tuple(range(compute.shape[1])),
        step_numbers=tuple(range(len(compute))),
        **known,
    )


def noise(seed, steps, workers, cv=0.1):
    """Independent gamma times with mean 1."""
    return np.random.default_rng(seed).gamma(cv**-2, cv**2, (steps, workers))


def test_by_hand():
    """Steps 10+30, 20+20, 10+40: slowest 30, 20, 40 of a mean of 65/3; relative times ½ 3/2, 1 1, 2/5 8/5."""
    found = diagnose(trace_of([[10, 30], [20, 20], [10, 40]], wait_ms=np.ones((3, 2)), comm_ms=np.full((3, 2), 2)))
    assert found.slowdown == pytest.approx(30 / (65 / 3))
    assert found.idle_percent == pytest.approx(100 * (1 - 65 / 90))
    assert found.wait_percent == pytest.approx(100 * 6 / 148)
    assert found.comm_percent == pytest.approx(100 * 12 / 148)
    of_worker, variance = (1.9 / 3, 4.1 / 3), (2 * 0.25 + 2 * 0.36) / 6
    assert found.worker_share == pytest.approx(np.var(of_worker) / variance)
    assert found.within_percent == pytest.approx(100 * np.sqrt(variance))
    assert found.together_percent == pytest.approx(100 * np.std([20, 20, 25]) / (65 / 3))
    assert found.workers["relative"].tolist() == pytest.approx(of_worker)
    assert found.workers["last"].tolist() == [0.5, 2.5]  # who were last together share the step
    assert found.workers["last_percent"].tolist() == pytest.approx([50 / 3, 250 / 3])
    assert found.workers["cost_percent"].tolist() == [0, 100]  # 10 of the first step, 15 of the last
    assert found.workers["repair_percent"].tolist() == pytest.approx([0, 100 * (20 + 30) / (90 + 9)])
    assert found.slowest["worker"] == 1
    assert found.table()["value"].tolist() == [getattr(found, name) for name in FIGURES]


def test_a_known_persistent_and_a_known_transient_part():
    """Worker 3 of 8 is half as fast again, noise CV .1: shares, factor and the law come out."""
    factors = np.ones(8)
    factors[3] = 1.5
    compute = 100 * factors * noise(1, 2_000, 8)
    found = diagnose(trace_of(compute))
    of_worker = factors / factors.mean()  # to first order, a time over its step's mean takes a part of its noise along
    noise_left = of_worker**2 * (1 - 2 * of_worker / 8 + (of_worker**2).sum() / 64)
    expected = of_worker.var() / (of_worker.var() + 0.1**2 * noise_left.mean())
    assert found.worker_share == pytest.approx(expected, abs=0.01)
    assert (found.kind, found.slowest["worker"]) == ("persistent", 3)
    best = found.fits[0]
    assert best.stragglers.slow_workers == 1
    assert best.stragglers.slowdown == pytest.approx(1.5, abs=0.01)
    assert best.compute.mean_ms == pytest.approx(100, rel=0.01)
    assert best.compute.cv == pytest.approx(0.1, abs=0.005)
    assert best.slowest_ratio == pytest.approx(found.slowdown, rel=0.01)


def test_equal_workers_have_one_over_steps_of_the_variance_by_chance():
    """The mean of 400 runs must lie within 4 standard errors; and almost none is called persistent."""
    runs = [noise(seed, 25, 6, cv=0.3) for seed in range(400)]
    relative = [run / run.mean(axis=1, keepdims=True) for run in runs]
    shares = np.array([each.mean(axis=0).var() / each.var() for each in relative])
    assert abs(shares.mean() - 1 / 25) < 4 * shares.std() / 20
    assert diagnose(trace_of(runs[0])).worker_share == pytest.approx(shares[0])
    assert ((shares - 1 / 25) / (1 - 1 / 25)).max() < 1 / 3


def test_between_both_kinds():
    """Workers that differ by as much as single mini-batches do."""
    factors = 1 + 0.1 * np.array([-1.5, -0.5, 0.5, 1.5]) / np.sqrt(1.25)
    found = diagnose(trace_of(50 * factors * noise(3, 500, 4)))
    assert found.kind == "both"
    assert found.fits[0].stragglers.spread == pytest.approx(0.1 * np.sqrt(4 / 3), abs=0.01)


def test_what_hits_whole_steps_is_neither():
    """A common factor of CV .3 leaves the shares alone, and is not taken for the law's."""
    common = noise(5, 1_000, 1, cv=0.3)
    alone, together = noise(4, 1_000, 4), common * noise(4, 1_000, 4)
    found = diagnose(trace_of(together))
    assert found.worker_share == pytest.approx(diagnose(trace_of(alone)).worker_share)
    assert found.together_percent == pytest.approx(30, abs=1.5)
    assert found.fits[0].compute.std_ms / found.fits[0].compute.mean_ms == pytest.approx(0.1, abs=0.01)


def test_slowness_that_lasts_a_while():
    """Each worker's slowness is an autoregression with coefficient .6."""
    shocks = np.random.default_rng(6).normal(0, 0.05, (4_000, 8))
    state = np.zeros_like(shocks)
    for step in range(1, len(shocks)):
        state[step] = 0.6 * state[step - 1] + shocks[step]
    assert diagnose(trace_of(1 + state)).lag_1 == pytest.approx(0.6, abs=0.03)
    assert diagnose(trace_of(noise(7, 4_000, 8))).lag_1 == pytest.approx(0, abs=0.03)


def test_slowdown_of_uniform_times_is_the_closed_form():
    compute = Uniform(mean_ms=500, jitter=0.2).draw(np.random.default_rng(8), (20_000, 4))
    assert diagnose(trace_of(compute)).slowdown == pytest.approx(1.12, abs=0.002)


@pytest.mark.parametrize(("workers", "kind"), [(1, "alone"), (4, "even")])
def test_nothing_to_diagnose(workers, kind):
    for compute in (np.full((5, workers), 7.0), 7 * noise(9, 50, workers, cv=0.004)):
        found = diagnose(trace_of(compute))
        assert found.kind == kind
        assert found.table()["value"].drop([2, 3]).notna().all()


# --- who accounts for it, and when ---


def test_cost_goes_to_who_was_last_and_equal_times_share_it():
    """Steps 1 1 4, 3 3 0.000001, 2 2 2: costs 2 (worker 2), 1 (workers 0 and 1), none."""
    found = diagnose(trace_of([[1, 1, 4], [3, 3, 1e-6], [2, 2, 2]]))
    assert found.workers["cost_percent"].tolist() == pytest.approx([50 / 3, 50 / 3, 200 / 3], rel=1e-5)
    assert found.workers["repair_percent"].tolist() == pytest.approx([0, 0, 100 * 3 / 9])
    assert found.workers["last"].tolist() == pytest.approx([1 / 2 + 1 / 3, 1 / 2 + 1 / 3, 1 + 1 / 3])


def test_nobody_accounts_for_what_costs_nothing():
    found = diagnose(trace_of(np.full((20, 4), 7.0)))
    assert found.workers["cost_percent"].tolist() == [0] * 4
    assert found.culprits.empty
    assert found.chance_percent == 100


def test_blame_is_not_cure():
    """Of two equally slow workers each accounts for half, and repairing one of them saves next to nothing."""
    compute = 100 * np.repeat([2.0, 1.0], [2, 6]) * noise(1, 200, 8, cv=0.01)
    found = diagnose(trace_of(compute))
    assert set(found.culprits["worker"]) == {0, 1}
    assert found.workers["cost_percent"][:2].tolist() == pytest.approx([50, 50], abs=10)
    assert found.workers["repair_percent"].max() < 1
    assert "workers 0 and 1" in headline(found) or "workers 1 and 0" in headline(found)
    assert "Repairing any one of them alone" in " ".join(reasons(found, trace_of(compute)))


def test_repairing_a_worker_saves_what_a_run_with_it_repaired_saves():
    """By the definition: the median of the others in its place, step by step, network and all."""
    compute, comm = 50 * noise(2, 60, 5, cv=0.3), np.full((60, 5), 4.0)
    found = diagnose(trace_of(compute, comm_ms=comm))
    epoch = (compute.max(axis=1) + 4).sum()
    for worker in range(5):
        repaired = compute.copy()
        repaired[:, worker] = np.minimum(repaired[:, worker], np.median(np.delete(compute, worker, axis=1), axis=1))
        saved = 100 * (1 - (repaired.max(axis=1) + 4).sum() / epoch)
        assert found.workers["repair_percent"][worker] == pytest.approx(saved)


def test_one_who_is_slow_in_the_last_quarter():
    compute = 100 * noise(3, 200, 8, cv=0.05)
    compute[150:, 3] *= 3
    found = diagnose(trace_of(compute))
    assert found.culprits["worker"].tolist() == [3]
    assert found.episodes[["worker", "first_step", "last_step"]].to_numpy().tolist() == [[3, 150, 199]]
    assert found.episodes["factor"][0] == pytest.approx(3, rel=0.02)
    assert found.episodes["cost_percent"][0] == pytest.approx(found.workers["cost_percent"][3], abs=3)
    assert headline(found).endswith("% of the waiting, most of it since step 150.")
    said = " ".join(reasons(found, trace_of(compute)))
    assert "in steps 150 to 199, to the end:" in said
    assert "hiccup" not in said


def test_an_episode_in_the_middle_is_over_and_is_named_by_the_steps_own_numbers():
    compute = 100 * noise(4, 120, 4, cv=0.03)
    compute[20:40, 1] *= 2
    numbers = tuple(range(1_000, 1_240, 2))
    found = diagnose(replace(trace_of(compute), step_numbers=numbers))
    assert found.episodes[["first_step", "last_step"]].to_numpy().tolist() == [[1_040, 1_078]]
    assert headline(found).endswith("most of it in steps 1040 to 1078; it has recovered since.")


def test_a_long_slowness_is_an_episode_and_not_six_hundred_hiccups():
    compute = 100 * noise(5, 6_000, 4, cv=0.05)
    compute[1_000:1_600, 2] *= 3
    compute[[20, 3_000], [0, 1]] *= 4
    found = diagnose(trace_of(compute))
    assert found.workers["hiccups"].tolist() == [1, 1, 0, 0]
    assert found.episodes[["first_step", "last_step"]].to_numpy().tolist() == [[1_000, 1_599]]


@pytest.fixture
def any_law(monkeypatch):
    """One law for every table, where laws are not what is tested: finding the best takes most of the time."""
    law = fits(noise(0, 10, 2))[:1]
    monkeypatch.setattr("core.traces.diagnosis.fits", lambda compute_ms: law)


def test_what_lasts_for_some_steps_is_not_called_persistent(any_law):
    """Independent autoregressions: the workers' share is what such slowness has by chance, and nobody is accused."""
    beyond = []
    for seed in range(40):
        shocks = np.random.default_rng(seed).normal(0, 0.03, (100, 6))
        state = np.zeros_like(shocks)
        for step in range(1, len(shocks)):
            state[step] = 0.9 * state[step - 1] + shocks[step]
        found = diagnose(trace_of(np.exp(state)))
        beyond.append(found.worker_share / found.chance_share)
        assert found.kind != "persistent"
    assert 0.5 < np.median(beyond) < 2


def test_equal_workers_are_seldom_accused(any_law):
    """Without an episode one worker is named in at most 5 % of traces of equal ones, plus three standard errors."""
    accused = [
        not diagnose(trace_of(noise(seed, steps, workers, cv=0.2))).culprits.empty
        for steps, workers in ((20, 4), (40, 8), (100, 3))
        for seed in range(40)
    ]
    assert sum(accused) <= 13


@pytest.mark.parametrize(
    ("steps", "workers", "goes_on"), [(100, 3, 0), (100, 8, 0.7), (400, 3, 0.7), (400, 8, 0.9), (400, 8, "stretches")]
)
def test_equal_workers_whose_slowness_lasts_are_no_more_often_beyond_chance(steps, workers, goes_on):
    """In at most 5 % of runs, plus three standard errors; with culprits drawn step by step it was 50 to 100 %."""
    beyond = []
    for seed in range(60):
        if goes_on == "stretches":
            compute = 100 * (1 + slow_stretches(seed, steps, workers)) * noise(seed, steps, workers, cv=0.03)
        else:
            compute = 100 * np.exp(autoregression(seed, steps, workers, goes_on))
        beyond.append(chance_of(costs(compute)) <= 0.05)
    assert sum(beyond) <= 8


@pytest.mark.parametrize("goes_on", [0, 0.7])
def test_a_slow_worker_is_beyond_chance_though_slowness_lasts(goes_on):
    compute = 100 * np.exp(autoregression(1, 400, 8, goes_on))
    compute[:, 5] *= 1.15
    assert chance_of(costs(compute)) <= 0.05


def test_a_worker_that_was_slow_once_is_named_though_equal_ones_may_account_for_as_much():
    """20 steps of 200 at twice the time: no more than a stretch, and a fact."""
    compute = 100 * noise(8, 200, 8, cv=0.1)
    compute[90:110, 2] *= 2
    found = diagnose(trace_of(compute))
    assert found.chance_percent > 5
    assert found.culprits["worker"].tolist() == [2]
    assert "most of it in steps 90 to 109; it has recovered since" in headline(found)
    assert "Most of it comes from one stretch, which does not show" in " ".join(reasons(found, trace_of(compute)))


def autoregression(seed, steps, workers, goes_on, spread=0.1):
    """Independent stationary workers; a step has this much of the one before."""
    shocks = np.random.default_rng(seed).normal(0, spread, (steps, workers))
    shocks[1:] *= np.sqrt(1 - goes_on**2)
    for step in range(1, steps):
        shocks[step] += goes_on * shocks[step - 1]
    return shocks


def slow_stretches(seed, steps, workers, share=0.1, length=10):
    """1 where a worker is slow: two-state chains, begun in their stationary state."""
    rng = np.random.default_rng(seed)
    leaves, enters = 1 / length, share / (1 - share) / length
    states = [rng.random(workers) < share]
    for chances in rng.random((steps - 1, workers)):
        states.append(np.where(states[-1], chances >= leaves, chances < enters))
    return np.array(states)


def test_times_in_whole_milliseconds_share_the_last_places():
    """Ten equal workers: each is last in a tenth of the steps."""
    compute = np.round(62 * noise(6, 2_000, 10, cv=0.017))
    found = diagnose(trace_of(compute))
    assert found.workers["last_percent"].tolist() == pytest.approx([10] * 10, abs=1.5)
    assert found.workers["last"].sum() == pytest.approx(2_000)


# --- data that cannot tell ---


def stepped(seed, steps=40, workers=4, cv=0.1):
    """Whole steps of a run with a barrier: all ranks read the slowest's time, within .1 %."""
    slowest = 300 * noise(seed, steps, workers, cv=cv).max(axis=1, keepdims=True)
    return slowest * (1 + np.random.default_rng(seed).normal(0, 0.001, (steps, workers)))


def test_whole_steps_that_a_barrier_evened_out():
    """200 ms were injected on one rank, and every rank reads the same."""
    found = diagnose(trace_of([[293.0, 292.2, 293.0, 293.1]] * 5, whole_steps=True))
    assert found.kind == "unclear"
    assert "do not show who is slow" in found.suspicion
    assert "Record instead what each worker computes before the barrier" in found.suspicion
    assert headline(found) == "These timings cannot identify stragglers."


def test_such_steps_that_are_called_compute():
    for seed in range(20):
        doubt = suspicion(trace_of(stepped(seed)))
        assert "times that include the wait at a barrier look like this" in doubt
        assert "If they are compute times, the workers are equal; if not, they do not show who is slow." in doubt


def test_all_steps_count_and_not_the_median_one():
    """Twenty slow steps of a hundred are no reason to call the others unclear: they are named, the others are not."""
    compute = stepped(2, steps=100, workers=8)
    compute[80:, 3] *= 3
    trace = trace_of(compute)
    found = diagnose(trace)
    assert suspicion(trace) == ""
    assert found.slowdown > 1.3
    assert headline(found).endswith("most of it since step 80.")
    assert found.caution.startswith("In 80 of 100 steps all workers take the same time")
    assert found.caution in reasons(found, trace)


def test_from_a_file(tmp_path):
    file = tmp_path / "steps.csv"
    trace = trace_of(stepped(0))
    trace.table().rename(columns={"compute_ms": "step_time_ms"}).to_csv(file, index=False)
    assert "these are times of whole steps" in suspicion(read_trace([file]))


@pytest.mark.parametrize("cv", [0.003, 0.005])
def test_healthy_clusters_are_not_accused(cv):
    """Equal workers with the within-step CV of real dedicated GPUs."""
    for seed in range(100):
        for workers in (2, 8, 64):
            assert suspicion(trace_of(noise(seed, 30, workers, cv=cv))) == ""


def test_nor_are_times_beside_which_the_waiting_was_measured():
    compute = stepped(1)
    assert suspicion(trace_of(compute, wait_ms=np.ones_like(compute))) == ""
    assert suspicion(trace_of(compute, comm_ms=np.ones_like(compute))) == ""
    assert suspicion(trace_of(compute[:, :1], whole_steps=True)) == ""


def test_nor_are_whole_steps_of_workers_that_do_not_wait():
    assert suspicion(trace_of(noise(2, 40, 4), whole_steps=True)) == ""


# --- fits ---

LAWS = [
    Constant(mean_ms=80),
    Uniform(mean_ms=80, jitter=0.3),
    LogNormal(mean_ms=80, cv=0.5),
    Gumbel(mean_ms=80, cv=0.2),
    ShiftedExponential(mean_ms=80, shift=0.6),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_the_law_that_made_a_table_is_found(law):
    """From 600 steps of 8 workers: its kind, its standard deviation within 5 %, E[max] within 1 %."""
    best = fits(law.draw(np.random.default_rng(1), (600, 8)))[0]
    assert type(best.compute) is type(law)
    assert best.compute.mean_ms == pytest.approx(80, rel=0.02)
    assert best.compute.std_ms == pytest.approx(law.std_ms, rel=0.05, abs=1e-9)
    assert best.slowest_ratio == pytest.approx(best.measured_ratio, rel=0.01)
    assert not best.stragglers.persistent


def test_a_heavy_tail_is_found_by_its_tail():
    """Pareto by moments, from 3,000 steps: α within 15 %, E[max] within 2 %."""
    best = fits(Pareto(mean_ms=80, alpha=5).draw(np.random.default_rng(2), (3_000, 8)))[0]
    assert isinstance(best.compute, Pareto)
    assert best.compute.alpha == pytest.approx(5, rel=0.15)
    assert best.slowest_ratio == pytest.approx(best.measured_ratio, rel=0.02)


def test_hiccups_are_told_from_the_law():
    rng, made = np.random.default_rng(3), Stragglers(hiccup_probability=0.02, hiccup_factor=4)
    times = Uniform(mean_ms=80, jitter=0.2).draw(rng, (1_000, 8)) * made.hiccup_factors(rng, (1_000, 8))
    best = fits(times)[0]
    assert isinstance(best.compute, Uniform)
    assert best.compute.jitter == pytest.approx(0.2, abs=0.01)
    assert best.stragglers.hiccup_probability == pytest.approx(0.02, abs=0.005)
    assert best.stragglers.hiccup_factor == pytest.approx(4, rel=0.03)
    assert best.slowest_ratio == pytest.approx(best.measured_ratio, rel=0.02)


def test_episodes_are_told_from_the_law():
    """Their share, mean length, factor and E[max], of the 120 or so that were made."""
    made = Stragglers(episode_share=0.06, episode_batches=40, episode_factor=2)
    rng = np.random.default_rng(3)
    in_one = made.slow_in_episodes(rng.random((10_000, 8, 1)))[:, :, 0]
    times = LogNormal(mean_ms=80, cv=0.05).draw(rng, (10_000, 8)) * np.where(in_one, 2, 1)
    best = fits(times)[0]
    found = best.stragglers
    assert isinstance(best.compute, LogNormal)
    assert best.compute.cv == pytest.approx(0.05, abs=0.005)
    assert found.episode_share == pytest.approx(in_one.mean(), rel=0.05)
    assert found.episode_share == pytest.approx(0.06, rel=0.3)
    assert found.episode_batches == pytest.approx(40, rel=0.3)
    assert found.episode_factor == pytest.approx(2, rel=0.03)
    assert best.slowest_ratio == pytest.approx(best.measured_ratio, rel=0.02)
    assert "episodes of" in fit_in_words(best)


def test_an_episode_that_is_not_over_has_no_end_to_count():
    compute = 100 * noise(8, 200, 4, cv=0.02)
    compute[20:40, 1] *= 2
    compute[150:, 2] *= 2
    stragglers = fits(compute)[0].stragglers
    assert stragglers.episode_share == pytest.approx(70 / 800)
    assert stragglers.episode_batches == pytest.approx(70)


def test_more_workers_than_were_measured():
    """A fit of 8 workers says what theory says of 32, and gives a scenario of them."""
    law = Gumbel(mean_ms=80, cv=0.14)
    trace = trace_of(law.draw(np.random.default_rng(4), (1_000, 8)), comm_ms=np.full((1_000, 8), 5.0))
    best = diagnose(trace).fits[0]
    assert best.at(32) == pytest.approx(order_statistic_ms(law, 32, 32) / 80, rel=0.01)
    scenario = fitted_scenario(trace, 32)
    assert (scenario.workers, scenario.compute) == (32, best.compute)
    assert scenario.network.barrier_ms(32) == pytest.approx(5)
    with pytest.raises(ScenarioError, match="workers: 0 is not"):
        scenario_by(best, trace, 0)


def test_the_share_of_slow_workers_stays():
    """Two of eight are four of sixteen, and one of four; a quarter of one is none."""
    factors = np.repeat([1.0, 2.0], [6, 2])
    trace = trace_of(100 * factors * noise(5, 300, 8, cv=0.02))
    best = diagnose(trace).fits[0]
    assert best.stragglers.slow_workers == 2
    slow = {workers: scenario_by(best, trace, workers).stragglers.slow_workers for workers in (1, 4, 8, 16, 128)}
    assert slow == {1: 0, 4: 1, 8: 2, 16: 4, 128: 32}
    assert best.at(16) == pytest.approx(2 / 1.25, rel=0.03)


def test_fits_come_best_first_and_measure_the_table():
    compute = noise(6, 100, 5)
    found = fits(compute)
    assert [fit.misfit for fit in found] == sorted(fit.misfit for fit in found)
    assert all(fit.measured_ratio == slowest_ratio(compute) for fit in found)


# --- the sample ---


def test_the_run_that_comes_with_the_simulator():
    """Made with U(50, 75) ms and a few 3× hiccups on rank 2: so it is diagnosed."""
    trace = read_trace(sample_files())
    found = diagnose(trace)
    assert found.kind == "transient"
    assert found.workers["hiccups"].tolist() == [0, 0, 3, 0]
    best = found.fits[0]
    assert isinstance(best.compute, Uniform)
    assert best.stragglers.hiccup_factor == pytest.approx(3, rel=0.05)
    assert best.slowest_ratio == pytest.approx(found.slowdown, rel=0.02)
    said = reasons(found, trace)
    assert (
        "3 of 80 mini-batches took more than twice as long as usual for their worker at the time: 3 on worker 2."
        in said
    )
    assert "worker 2 accounts for 75.9" in headline(found)


def test_what_is_said_of_each_kind():
    persistent = diagnose(trace_of(100 * np.array([1, 1, 2.36]) * noise(1, 50, 3, cv=0.01)))
    assert headline(persistent).endswith("×; it is always worker 2.")
    alone = trace_of(noise(1, 5, 1))
    assert headline(diagnose(alone)) == "With one worker, there is nobody to wait for."
    assert reasons(diagnose(alone), alone) == []
    unclear = trace_of([[293.0, 292.2]] * 5, whole_steps=True)
    assert reasons(diagnose(unclear), unclear) == [suspicion(unclear)]
    assert "even" in {diagnose(replace(unclear, whole_steps=False)).kind}


def test_a_single_step_says_nothing_about_stragglers():
    with pytest.raises(ScenarioError, match="1 step says nothing"):
        diagnose(Trace(compute_ms=np.ones((1, 3)), worker_names=(0, 1, 2), step_numbers=(7,)))
