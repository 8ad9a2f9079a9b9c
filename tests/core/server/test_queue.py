"""A heap of one run's pushes against windows of them, of one run and of many: the same numbers, bit by bit."""

import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    AlphaBeta,
    Asynchronous,
    Constant,
    KAsync,
    LogNormal,
    Pareto,
    Scenario,
    ScenarioError,
    ShiftedExponential,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    Uniform,
    compare,
    simulate,
)
from core.policies.registry import CODES
from core.server.heap import serve_one
from core.server.interruptions import how_many_by
from core.simulation.paired import most_replicates
from core.workload.draws import Draws
from tests.examples import drawn
from tests.strategies import FLAT, SERVER, given_runs


def looped(workers):
    """The policies that go push by push, with parameters that fit."""
    return st.one_of(
        st.builds(Asynchronous, accumulate=st.integers(1, 4), assignment=st.sampled_from(["static", "shared"])),
        st.builds(StaleSynchronous, bound=st.integers(0, 8)),
        st.builds(KAsync, wait_for=st.integers(1, workers)),
    )


def schedules(given):
    """The schedules of one run by a heap, of one by windows, and of two equal ones."""
    compute, push = given.compute_ms[..., None], given.push_ms[..., None]
    for runs, few in ((1, 99), (1, 0), (2, 0)):
        draws = Draws(given.scenario, runs=runs, compute_ms=compute.repeat(runs, 2), push_ms=push.repeat(runs, 2))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("core.server.queue.FEW_PUSHES", few)
            yield given.scenario.policy.schedule(draws)


@drawn(80)
@given(given_runs(policies=looped, networks=st.one_of(FLAT, SERVER)))
def test_a_single_run_is_each_of_many(given):
    one, *others = schedules(given)
    rows = len(one.ready_ms)
    for many in others:
        assert not (many.started is not None and many.started[rows:].any())
        for field in fields(one):
            mine, theirs = getattr(one, field.name), getattr(many, field.name)
            if field.name in ("used", "started") and theirs is not None:
                mine = np.ones((rows, given.scenario.workers, 1), dtype=bool) if mine is None else mine
            if field.name == "finish_ms":
                assert np.array_equal(mine[:, 0], theirs[:, -1])
            elif isinstance(mine, np.ndarray):
                assert np.array_equal(mine[..., 0], theirs[:rows, :, -1])
        for mine, theirs in zip(one.stretches, many.stretches, strict=True):
            assert np.array_equal(mine.end_ms[..., 0], theirs.end_ms[:rows, :, -1])


LAWS = [Uniform(), LogNormal(cv=0.8), ShiftedExponential(shift=0), Constant(), Pareto(alpha=1.2)]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
@pytest.mark.parametrize(
    "policy",
    [KAsync(wait_for=7), StaleSynchronous(bound=1), Asynchronous(), Asynchronous(assignment="shared")],
    ids=lambda policy: policy.text,
)
def test_long_runs_do_not_depend_on_the_loop(law, policy, monkeypatch):
    """Random draws, some workers a hundred times slower, with a server that is idle, busy, or far too slow."""
    slow = Stragglers(slow_workers=2, slowdown=100, hiccup_probability=0.05, hiccup_factor=5)
    for message_mb in (0.001, 20, 2_000):
        scenario = Scenario(
            workers=30,
            batches=40,
            compute=law,
            stragglers=slow,
            policy=policy,
            network=AlphaBeta(message_mb=message_mb),
        )
        found = []
        for few in (99, 0):
            monkeypatch.setattr("core.server.queue.FEW_PUSHES", few)
            run = simulate(scenario)
            found.append((run.gradients(), run.segments()))
        assert found[0][0].equals(found[1][0])
        assert found[0][1].equals(found[1][1])


def test_replicates_do_not_depend_on_the_loop(monkeypatch):
    """Chunks of one run, one at a time in a heap, or three in windows."""
    monkeypatch.setattr("core.workload.draws.CHUNK_WORK", 1)
    scenario = Scenario(workers=4, batches=20, network=AlphaBeta(message_mb=300))
    policies = [KAsync(wait_for=2), StaleSynchronous(bound=1), Asynchronous(assignment="shared")]
    heaps, tables = [], []
    monkeypatch.setattr("core.server.queue.serve_one", lambda *args: heaps.append(1) or serve_one(*args))
    for together in (1, 3):
        monkeypatch.setattr(sys.modules["core.simulation.paired"], "block_chunks", lambda scenario, many=together: many)
        tables.append(compare(scenario, policies, 6))
    assert len(heaps) == 6 * len(policies)
    assert tables[0].equals(tables[1])


def test_one_wide_run_goes_back_to_a_heap_where_windows_are_small(monkeypatch):
    """Short times overtake: of exponential ones a window holds a few per cent of the workers, of uniform ones most."""
    heaps = []
    monkeypatch.setattr("core.server.queue.serve_one", lambda *args: heaps.append(1) or serve_one(*args))
    for law, heap in ((Uniform(), 0), (ShiftedExponential(shift=0), 1)):
        heaps.clear()
        scenario = Scenario(workers=1000, batches=20, compute=law, network=AlphaBeta(message_mb=0.01))
        simulate(replace(scenario, policy=Asynchronous()))
        assert len(heaps) == heap


@pytest.mark.parametrize("policy", [KAsync(wait_for=64), StaleSynchronous(), Asynchronous(assignment="shared")])
def test_long_runs_push_by_push_count_five_times(policy):
    network = AlphaBeta()
    largest = Scenario(workers=1000, batches=4000, network=network, policy=policy)
    assert most_replicates(largest, [policy]) == 1
    assert most_replicates(largest, [Synchronous(), policy]) == 0
    with pytest.raises(ScenarioError, match=r"4,001,000 mini-batches, 5 times that where a policy goes push by push;"):
        replace(largest, batches=4001)
    with pytest.raises(ScenarioError, match="push by push"):
        compare(replace(largest, batches=200), [Synchronous(), policy], 17)
    assert most_replicates(replace(largest, batches=200), [Synchronous(), policy]) == 16


def test_short_runs_count_once():
    """The everyday ranges of the controls, whatever the policy."""
    scenario = Scenario(workers=64, batches=100, network=AlphaBeta())
    for kind in CODES.values():
        policy = kind().fitted(64)
        assert most_replicates(scenario, [policy]) == 20_000_000 // (64 * policy.rows(64, 100))


@pytest.mark.parametrize("moments", [3, 40])
def test_what_comes_at_a_moment_counts_as_before_it(moments):
    times = np.arange(60.0).reshape(20, 3) % 7
    asked = np.arange(moments) / 2
    expected = [(times <= moment).sum() for moment in asked]
    np.testing.assert_array_equal(how_many_by(asked, times), expected)
