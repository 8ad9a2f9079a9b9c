"""What is drawn: blocks that say what happens in them, tails that add up, several runs to the same time."""

import weakref

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import Asynchronous, FlatLatency, KAsync, Scenario, Synchronous, simulate
from core.charts import timeline
from core.report.run import how_to_read
from core.report.timeline_data import picture, pictures
from core.schedule.tables import segments
from tests.examples import drawn
from tests.strategies import FLAT, SERVER, buckets_and_nodes, given_runs, local_sgd

SCENARIO = Scenario(workers=4, batches=20)
POLICIES = [Synchronous(), Asynchronous(), KAsync(wait_for=3)]


@given(given_runs(networks=SERVER))
def test_every_gap_is_explained(given):
    """A block's text says what happens in it: no wait without a reason, no bare phase name."""
    blocks = pd.DataFrame(picture(given.run(network_ms=None)).blocks)
    assert blocks["what"].notna().all()
    waits = blocks[blocks["phase"] == "wait"]["what"]
    assert waits.str.contains("barrier for W|too far ahead|queue of the server|other gradients").all()
    assert blocks[blocks["phase"] == "cancelled"]["what"].str.contains("for nothing: cancelled when").all()


@given(given_runs(networks=st.one_of(FLAT, SERVER)))
def test_tails_are_drawn_and_add_up(given):
    """A block for each worker that is done before the last one, to the end of the epoch: the tail of the metrics."""
    run = given.run(network_ms=None)
    blocks = pd.DataFrame(picture(run).blocks)
    tails = blocks[blocks["phase"] == "tail"]
    assert len(blocks) == len(run.segments()) + len(tails)
    assert not tails["label"].duplicated().any()
    total = given.scenario.workers * run.metrics.epoch_ms
    assert tails["duration_ms"].sum() == pytest.approx(run.metrics.tail_percent / 100 * total, abs=1e-6 * total)
    assert (tails["what"] == "finished, while others go on").all()
    assert (tails["batch"] == "–").all()
    for tail in tails.itertuples():
        assert run.segments().query("worker == @tail.worker")["end_ms"].max() <= tail.start_ms * (1 + 1e-9)
        assert tail.end_ms == run.metrics.epoch_ms


def test_tails_of_some_workers_in_a_window():
    """Those that have begun by its end."""
    run = simulate(Scenario(workers=3, batches=1, network=FlatLatency(latency_ms=0), policy=Asynchronous()))
    finish = run.schedule.finish_ms[:, 0]
    first, second, last = np.argsort(finish)
    none = segments(run.schedule).started_before(0)

    def drawn(workers, until_ms):
        return picture(run, none, workers, (0.0, until_ms)).blocks["worker"].tolist()

    assert drawn([first, second, last], np.inf) == [first, second]
    assert drawn([second, last], np.inf) == [second]
    assert drawn([first, second, last], finish[second]) == [first]


def test_pictures_of_several_runs_end_together():
    runs = [simulate(Scenario(workers=4, batches=20, policy=policy)) for policy in POLICIES]
    whole = pictures(SCENARIO, POLICIES, 10_000)
    assert [each.label for each in whole] == [policy.label for policy in POLICIES]
    for each, run in zip(whole, runs, strict=True):
        assert each.domain_ms == (0, max(run.metrics.epoch_ms for run in runs))
        assert pd.DataFrame(each.blocks).equals(pd.DataFrame(picture(run).blocks))
        assert np.array_equal(each.barriers_ms, run.barriers()["barrier_ms"])
    cut = pictures(SCENARIO, POLICIES, 100)
    (until_ms,) = {each.domain_ms[1] for each in cut}
    for each, run in zip(cut, runs, strict=True):
        blocks = pd.DataFrame(picture(run).blocks)
        drawn = pd.DataFrame(each.blocks)
        assert drawn.equals(blocks[blocks["start_ms"] < until_ms].reset_index(drop=True))
        assert 50 < len(drawn) <= 100


def test_pictures_show_the_slowest_of_many_workers():
    scenario = Scenario(workers=100, batches=3)
    compute = simulate(scenario).segments().query("phase == 'compute'")
    slowest = (compute["end_ms"] - compute["start_ms"]).groupby(compute["worker"]).mean().nlargest(64).index
    for each in pictures(scenario, POLICIES[:2], 2_000):
        assert each.workers == sorted(slowest)
        assert set(each.blocks["worker"]) == set(slowest)


def test_one_run_is_in_memory_at_a_time(monkeypatch):
    alive = weakref.WeakSet()

    def counted(scenario):
        assert not alive
        run = simulate(scenario)
        alive.add(run)
        return run

    monkeypatch.setattr("core.report.timeline_data.simulate", counted)
    assert len(pictures(SCENARIO, POLICIES, 100)) == 3


def test_the_last_of_each_batch_is_marked_where_it_finishes():
    """By hand: W1 is last in the first batch, at 50; W0 in the second, 60 + 40 later."""
    run = simulate(Scenario(workers=2, batches=2, network=FlatLatency(latency_ms=10)), compute_ms=[[30, 50], [40, 20]])
    blocks = pd.DataFrame(picture(run).blocks)
    last = blocks[blocks["straggler"]].sort_values("end_ms")
    assert last[["label", "batch", "phase", "end_ms"]].to_numpy().tolist() == [
        ["W1", "0", "compute", 50],
        ["W0", "1", "compute", 100],
    ]


@drawn(30)
@given(given_runs(policies=lambda workers: local_sgd(), networks=lambda workers: FLAT | buckets_and_nodes(workers)))
def test_network_time_beside_the_blocks_is_a_bar_of_its_own(given):
    """Thin bars and blocks together are the segments; a thin one is named for what it is, and is none of the phases."""
    run = given.run()
    drawn, table = picture(run), run.segments()
    hidden = table[table["phase"] == "hidden comm"]
    assert drawn.hidden["start_ms"].tolist() == hidden["start_ms"].tolist()
    assert set(drawn.hidden["what"]) <= {"network, while workers go on"}
    assert set(drawn.hidden["phase"]) <= {"comm"}
    assert len(drawn.blocks["start_ms"]) == len(table) - len(hidden) + (drawn.blocks["phase"] == "tail").sum()
    assert timeline(drawn).spec["height"]
    if run.schedule.barrier_ms is None:
        assert not any("for W" in what for what in drawn.blocks["what"])
    assert ("Thin bars" in how_to_read(run, 0, run.metrics.epoch_ms, given.scenario.workers)) == (
        run.schedule.hidden is not None
    )
