"""Training over a schedule: traced by hand, against a plain loop, and where theory is exact."""

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Constant,
    Failures,
    FlatLatency,
    KAsync,
    LocalSGD,
    Rebalanced,
    Run,
    Scenario,
    ScenarioError,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    simulate,
)
from core.learning.digits import Digits, images
from core.learning.problem import Problem
from core.learning.quadratic import NoisyQuadratic
from core.learning.training import INITIAL, MAX_RATES, SAMPLES, measured, numbers_kept, replay, stream, used_gradients
from core.workload.draws import Draws
from tests.examples import drawn
from tests.strategies import FLAT, SERVER, given_runs

Z = 4
FREE = FlatLatency(latency_ms=0)
PARABOLA = NoisyQuadratic(curvatures=(1.0,), noise=0)
BOWL = NoisyQuadratic(curvatures=(2.0, 0.5), noise=3.0)
EVERY_POLICY = [
    Synchronous(),
    Rebalanced(),
    BackupWorkers(wait_for=3),
    LocalSGD(period=3),
    Asynchronous(),
    Asynchronous(accumulate=3),
    Asynchronous(assignment="shared"),
    StaleSynchronous(bound=1),
    KAsync(wait_for=2),
]


def many_runs(runs, **question):
    """A run whose schedule holds several."""
    scenario = Scenario(**question)
    return Run(scenario, scenario.policy.schedule(Draws(scenario, runs=runs)))


def last(curves):
    """The rows of the last update."""
    return curves[curves["update"] == curves["update"].max()]


SMALL = {"workers": 2, "batches": 2, "network": FlatLatency(latency_ms=10)}
COMPUTE, PUSH = [[30, 50], [40, 20]], [[1, 2], [3, 1]]


def test_asynchronous_traced_by_hand():
    """x²/2 from 1 at rate 0.5; updates are made by W0, W1, W1, W0, which read versions 0, 0, 2, 1 = 1, 1, 0, 0.5."""
    run = simulate(Scenario(**SMALL, policy=Asynchronous()), compute_ms=COMPUTE, network_ms=PUSH)
    curve = replay(run, PARABOLA, 0.5)
    positions = np.array([1, 0.5, 0, 0, -0.25])
    assert curve["loss"].tolist() == (positions**2 / 2).tolist()
    assert curve["time_ms"].tolist() == [0, 31, 52, 73, 74]
    assert curve["update"].tolist() == [0, 1, 2, 3, 4]
    assert curve["samples"].tolist() == [0, 16, 32, 48, 64]
    assert curve.columns.tolist() == ["run", "learning_rate", "update", "samples", "time_ms", "loss"]


def test_updates_of_two_traced_by_hand():
    """One worker, three gradients: two at 1, whose mean makes 0.5, then one at 0.5."""
    run = simulate(Scenario(workers=1, batches=3, network=FREE, policy=Asynchronous(accumulate=2)))
    assert replay(run, PARABOLA, 0.5)["loss"].tolist() == [1 / 2, 0.25 / 2, 0.0625 / 2]


def test_local_steps_traced_by_hand():
    """Two local steps at rate 0.5 make 0.25 of 1; the average of equal workers is the same; then one more step."""
    run = simulate(Scenario(workers=2, batches=3, policy=LocalSGD(period=2)))
    curve = replay(run, PARABOLA, 0.5)
    assert curve["loss"].tolist() == [1 / 2, 0.25**2 / 2, 0.125**2 / 2]
    assert curve["samples"].tolist() == [0, 64, 96]


def plain_loop(run, problem, rate):
    """The losses of a run, one gradient after the other, from its table of gradients."""
    table, workers = run.gradients(), run.scenario.workers
    samples = problem.mini_batches(stream(run.scenario.seed, SAMPLES, 0), (table["batch"].max() + 1) * workers)
    versions = [np.ones(problem.size)]
    for update, mine in table[table["used"]].groupby("update"):
        moved = []
        for _, own in mine.groupby("worker" if run.schedule.averaged else ["worker", "batch"]):
            x = versions[update - own["staleness"].iloc[0]]
            for row in own.itertuples():
                gradient = np.array(problem.curvatures) * x + samples[row.batch * workers + row.worker]
                x = x - rate * gradient
            moved.append(x if run.schedule.averaged else versions[update] - rate * gradient)
        versions.append(np.mean(moved, axis=0))
    return [float(np.square(x) @ problem.curvatures / 2) for x in versions]


@drawn(48)
@given(given_runs(networks=st.one_of(FLAT, SERVER)), st.sampled_from([0.02, 0.1]))
def test_every_policy_trains_like_a_plain_loop(given, rate):
    run = given.run()
    np.testing.assert_allclose(replay(run, BOWL, rate)["loss"], plain_loop(run, BOWL, rate), rtol=1e-9)


@dataclass(frozen=True, kw_only=True)
class Counting(Problem):
    """Each update adds 1, so the parameter is its own version; what each mini-batch saw is noted down."""

    seen: dict = field(default_factory=dict, hash=False)
    size, batch_shape, target = 1, (1,), 0

    def start(self, rng):
        return np.zeros(1)

    def mini_batches(self, rng, count):
        return np.arange(count)[:, None]

    def gradient(self, parameters, batches):
        for version, numbers in zip(parameters[:, 0, 0], batches[..., 0], strict=True):
            self.seen.update((number, version) for number in numbers.tolist())
        return np.full_like(parameters, -1)

    def measure(self, parameters):
        return {"loss": 1 + 0 * parameters[..., 0]}


@given(given_runs(networks=st.one_of(FLAT, SERVER)))
def test_gradients_are_as_stale_as_the_table_says(given):
    """Each used gradient is taken once, at the version that its staleness tells; of local steps, the first one."""
    run, problem = given.run(), Counting()
    replay(run, problem, 1)
    table = run.gradients()
    used = table[table["used"]]
    staleness = {
        row.batch * given.scenario.workers + row.worker: row.update - row.staleness for row in used.itertuples()
    }
    assert problem.seen.keys() == staleness.keys()
    if not run.schedule.averaged:
        assert problem.seen == staleness


@pytest.mark.parametrize("policy", EVERY_POLICY, ids=lambda policy: policy.label)
@pytest.mark.parametrize("network", [FREE, AlphaBeta(latency_ms=1, message_mb=10)], ids=["free", "server"])
def test_update_sizes_are_the_same_in_every_run(policy, network):
    """What lets runs be trained side by side."""
    stragglers = Stragglers(spread=0.5, hiccup_probability=0.2)
    run = many_runs(20, workers=5, batches=7, network=network, stragglers=stragglers, policy=policy)
    schedule, use = run.schedule, used_gradients(run.schedule)
    assert use.batch.shape == (20, 35)
    update = np.broadcast_to(schedule.update_number, schedule.shape).reshape(-1, 20)
    for one in range(20):
        sizes = np.bincount(update[update[:, one] >= 0, one], minlength=schedule.updates)
        assert sizes.tolist() == np.diff(use.first).tolist()


def test_update_sizes_that_differ_from_run_to_run_are_refused():
    """Those of an elastic group, even if the runs have as many updates."""
    elastic = Failures(mtbf_hours=0.003, restart_s=0.5, recovery="elastic")
    schedule = many_runs(2, failures=elastic).schedule
    assert np.ravel(schedule.updates).tolist() == [11, 11]
    with pytest.raises(ScenarioError, match="with elastic recovery update sizes differ from run to run"):
        used_gradients(schedule)


def test_time_and_samples_are_those_of_the_updates():
    run = simulate(Scenario(workers=4, batches=6, policy=KAsync(wait_for=3)))
    table, curve = run.gradients(), replay(run, BOWL, 0.1)
    updates = table[table["used"]].groupby("update")["applied_ms"]
    assert curve["time_ms"].tolist() == [0, *updates.first()]
    assert curve["samples"].tolist() == [0, *(16 * updates.count().cumsum())]


def plain_sgd(parameters, rate, samples):
    """Losses of a network 64–32–10 after each batch of samples, whose gradients are taken one by one."""
    (pixels, digits), _ = images()
    w1, w2 = parameters[: 32 * 65].reshape(32, 65).copy(), parameters[32 * 65 :].reshape(10, 33).copy()
    losses = []
    for batch in samples:
        g1, g2 = np.zeros_like(w1), np.zeros_like(w2)
        for sample in batch:
            x = np.append(pixels[:, sample], 1)
            h = np.append(np.maximum(w1 @ x, 0), 1)
            error = np.exp(w2 @ h) / np.exp(w2 @ h).sum() - np.eye(10)[digits[sample]]
            g2 += np.outer(error, h) / len(batch)
            g1 += np.outer((w2.T @ error)[:-1] * (h[:-1] > 0), x) / len(batch)
        w1, w2 = w1 - rate * g1, w2 - rate * g2
        scores = w2[:, :-1] @ np.maximum(w1[:, :-1] @ pixels[:, :360] + w1[:, -1:], 0) + w2[:, -1:]
        losses.append((np.log(np.exp(scores).sum(axis=0)) - scores[digits[:360], np.arange(360)]).mean())
    return losses


@pytest.mark.parametrize("workers", [1, 4, 10])
def test_synchronous_is_plain_sgd_on_a_larger_batch(workers):
    """N workers with mini-batches of 16 are SGD with batches of 16·N, to 1e-10, also beyond one pass of the data."""
    run = simulate(Scenario(workers=workers, batches=24, policy=Synchronous()))
    problem, seed = Digits(), run.scenario.seed
    samples = problem.mini_batches(stream(seed, SAMPLES, 0), workers * 24).reshape(24, workers * 16)
    curve = replay(run, problem, [0.1, 0.3])
    plain = plain_sgd(problem.start(stream(seed, INITIAL, 0)), 0.3, samples)
    np.testing.assert_allclose(curve.loc[curve["learning_rate"] == 0.3, "loss"][1:], plain, rtol=1e-10)


@pytest.mark.parametrize("problem", [Digits(), Digits(hidden=()), BOWL], ids=lambda problem: problem.name)
def test_policies_that_are_synchronous_in_disguise(problem):
    """Averaging after every single step, waiting for all, or other sizes of the same sum: the same losses, to 1e-10."""
    scenario = Scenario(workers=4, batches=25)
    curves = [
        replay(simulate(replace(scenario, policy=policy)), problem, 0.2)["loss"]
        for policy in (Synchronous(), LocalSGD(period=1), BackupWorkers(wait_for=4), Rebalanced())
    ]
    for other in curves[1:]:
        np.testing.assert_allclose(other, curves[0], rtol=1e-10)


def stability_limit(run, high):
    """The learning rate beyond which x²/2 is not brought down, by narrowing it down between rates side by side."""
    low = 0.0
    for _ in range(2):
        rates = np.linspace(low, high, MAX_RATES + 2)[1:-1]
        losses = replay(run, PARABOLA, rates)["loss"].fillna(np.inf).to_numpy().reshape(MAX_RATES, -1)
        early, late = np.array_split(losses[:, losses.shape[1] // 4 :], 2, axis=1)
        falls = np.count_nonzero(np.isfinite(late).all(axis=1) & (late.max(axis=1) <= early.max(axis=1)))
        low, high = np.concatenate([[low], rates, [high]])[falls : falls + 2]
    return (low + high) / 2


@pytest.mark.parametrize(("delay", "limit"), [(0, 2), (1, 1), (3, 0.445), (7, 0.2091), (15, 0.1013)])
def test_stability_of_delayed_gradient_descent(delay, limit):
    """Stable iff ηλ < 2·sin(π/(2(2τ+1))); τ + 1 equal workers without a barrier are τ updates stale, all of them."""
    batches = 4_000 // (delay + 1)
    question = Scenario(workers=delay + 1, batches=batches, compute=Constant(), network=FREE, policy=Asynchronous())
    run = simulate(question)
    assert (run.gradients().query("batch > 0")["staleness"] == delay).all()
    exact = 2 * np.sin(np.pi / (2 * (2 * delay + 1)))
    assert exact == pytest.approx(limit, abs=5e-4)
    assert stability_limit(run, 2 * limit) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("workers", [1, 4])
def test_stationary_loss_of_plain_sgd(workers):
    """ησ²/(2b(2 − ηλ)) for each curvature, with b = 16·N: the mean over runs within Z standard errors."""
    rate, problem = 0.8, NoisyQuadratic(curvatures=(1.0, 0.5, 0.25), noise=2.0)
    run = many_runs(2_000, workers=workers, batches=60, policy=Synchronous())
    losses = last(replay(run, problem, rate, points=1))["loss"]
    expected = sum(rate * 2.0**2 / (2 * 16 * workers * (2 - rate * curvature)) for curvature in problem.curvatures)
    assert abs(losses.mean() - expected) <= Z * losses.std() / np.sqrt(len(losses))


@pytest.mark.parametrize("policy", EVERY_POLICY, ids=lambda policy: policy.label)
def test_the_same_inputs_give_the_same_curve(policy):
    """And a training does not depend on what is trained beside it, nor on how often it is measured."""
    question = {"workers": 4, "batches": 9, "network": FREE, "policy": policy}
    together = replay(many_runs(3, **question), Digits(), [0.05, 0.2])
    assert together.equals(replay(many_runs(3, **question), Digits(), [0.05, 0.2]))
    alone = replay(simulate(Scenario(**question)), Digits(), 0.2)
    beside = together[(together["run"] == 0) & (together["learning_rate"] == 0.2)].reset_index(drop=True)
    np.testing.assert_allclose(alone, beside, rtol=1e-12)
    few = replay(simulate(Scenario(**question)), Digits(), 0.2, points=3)
    assert few["update"].tolist() == np.linspace(0, alone["update"].max(), 4).round().tolist()
    np.testing.assert_array_equal(few, alone[alone["update"].isin(few["update"])])
    assert together.groupby("run")["loss"].first().nunique() == 3


TINY = Digits(hidden=(8,))


@cache
def trained_together(policy):
    run = many_runs(3, workers=4, batches=9, network=FREE, policy=policy)
    return run, replay(run, TINY, [0.05, 0.2, 1e6])


@pytest.mark.parametrize("policy", EVERY_POLICY, ids=lambda policy: policy.label)
@pytest.mark.parametrize("copies", [1, 2, 7], ids=["one by one", "some rates", "some runs"])
def test_what_does_not_fit_in_memory_together_is_trained_in_parts(policy, copies, monkeypatch):
    """Of three runs at three rates: the same curves, but for rounding."""
    run, whole = trained_together(policy)
    kept = max(numbers_kept(run.schedule, TINY)["copy"].values())
    monkeypatch.setattr("core.learning.training.MAX_NUMBERS", max(copies * kept, 3 * 3 * 37 * 8))
    sides = []
    monkeypatch.setattr(
        "core.learning.training.measured", lambda problem, at: sides.append(at.shape[:2]) or measured(problem, at)
    )
    in_parts = replay(run, TINY, [0.05, 0.2, 1e6])
    assert max(runs * rates for runs, rates in sides) <= copies
    np.testing.assert_allclose(in_parts, whole, rtol=1e-9)


def test_diverged_trainings_end_in_nan():
    """Without a warning, and without touching those beside them."""
    run = simulate(Scenario(workers=4, batches=1_000, network=FREE, policy=Asynchronous()))
    curves = replay(run, NoisyQuadratic(), [0.1, 3.0, 1e6])
    for rate, losses in curves.groupby("learning_rate")["loss"]:
        bad = losses.isna().to_numpy()
        assert bad.any() == (rate > 1)
        assert bad[bad.argmax() :].all() or not bad.any()
        assert (losses.dropna() <= 100 * losses.iloc[0]).all()
    wild = last(replay(run, Digits(), [0.1, 1e6], points=2))
    assert wild[["loss", "accuracy"]].isna().to_numpy().tolist() == [[False, False], [True, True]]


@pytest.mark.parametrize(
    "rate", [0, -1, float("nan"), float("inf"), "0.1", None, True, [], [0.1, 0.1], [[0.1]], np.ones(40), 1j]
)
def test_learning_rates_are_positive_numbers(rate):
    with pytest.raises(ScenarioError, match="learning_rate: "):
        replay(simulate(Scenario()), PARABOLA, rate)


@pytest.mark.parametrize(
    "policy", [Synchronous(), LocalSGD(period=2), BackupWorkers(wait_for=3)], ids=lambda each: each.text
)
def test_rollback_trains_on_the_same_gradients_later(policy):
    """What is lost is done again with the same samples, from the parameters of the checkpoint."""
    scenario = Scenario(workers=4, batches=8, policy=policy, failures=Failures(restart_s=1, checkpoint_batches=2))
    failures_ms = np.full((2, 4), np.nan)
    failures_ms[:, 1] = 1_500, 4_000
    failing, none = simulate(scenario, failures_ms=failures_ms), simulate(scenario)
    assert failing.metrics.failures == 2
    curve, plain = replay(failing, BOWL, 0.1), replay(none, BOWL, 0.1)
    np.testing.assert_allclose(curve["loss"], plain["loss"], rtol=1e-12)
    assert curve["time_ms"].iloc[-1] >= plain["time_ms"].iloc[-1] + 2_000


def test_only_problems_are_trained():
    with pytest.raises(ScenarioError, match="problem: 'digits' is not a problem"):
        replay(simulate(Scenario()), "digits", 0.1)


def test_work_and_memory_are_bounded():
    """Refused before anything is trained; each refusal says what is too much."""
    long = simulate(Scenario(workers=4, batches=100_000, policy=Asynchronous()))
    grid = np.arange(1, 11) / 100
    with pytest.raises(
        ScenarioError, match=r"gradients × runs × learning rates × parameters × batch: .* 207,468 gradi"
    ):
        replay(long, Digits(), grid)
    with pytest.raises(ScenarioError, match="400,000 measures"):
        replay(long, PARABOLA, np.arange(1, 33) / 100)
    with pytest.raises(ScenarioError, match="points: 0"):
        replay(long, PARABOLA, 0.1, points=0)
    slow = {"stragglers": Stragglers(slow_workers=1, slowdown=1000), "policy": Asynchronous()}
    with pytest.raises(ScenarioError, match="versions of the parameters"):
        replay(simulate(Scenario(workers=8, batches=1_000, **slow)), Digits(hidden=(128,)), grid)
    with pytest.raises(ScenarioError, match="4,096 gradients of one update"):
        replay(simulate(Scenario(workers=4096, batches=1)), Digits(hidden=(128,)), 0.1)
    wasteful = simulate(Scenario(workers=64, batches=400, policy=BackupWorkers(wait_for=1)))
    with pytest.raises(ScenarioError, match="samples of 1,638,400 mini-batches"):
        replay(wasteful, Digits(hidden=(), batch=32), 0.1)
