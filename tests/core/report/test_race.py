"""What the browser plays: every block of both epochs, in steps of one time axis."""

import numpy as np
import pytest

from core import Asynchronous, Failures, Scenario, Synchronous, simulate
from core.report.race import STEPS, race_data
from core.report.timeline_data import PHASE_ORDER, picture, pictures
from core.schedule.failures import failures
from core.schedule.metrics import phase_ms


def test_the_blocks_add_up_to_the_phases_of_the_run():
    policies = [Synchronous(), Asynchronous()]
    data = race_data(pictures(Scenario().workload, policies, 2_000))
    runs = [simulate(Scenario(policy=policy)) for policy in policies]
    last = max(run.metrics.epoch_ms for run in runs)
    for lane, run in zip(data["lanes"], runs, strict=True):
        took = np.subtract(lane["end"], lane["start"]) * last / STEPS
        for phase, ms in phase_ms(run.schedule).items():
            mine = np.array(lane["phase"]) == PHASE_ORDER.index(phase)
            assert took[mine].sum() == pytest.approx(ms.sum(), abs=mine.sum() * last / STEPS)
        assert lane["epoch"] == round(STEPS * run.metrics.epoch_ms / last)
        assert max(lane["end"]) <= STEPS
        assert set(lane["row"]) == set(range(4))
    assert [lane["first"] for lane in data["lanes"]] == [False, True]
    assert len(data["lanes"][0]["barriers"]) == 10
    assert data["until"] == pytest.approx(last / 1000)
    assert data["unit"] == "s"
    assert (
        data["words"].replace("\N{NO-BREAK SPACE}", " ").startswith("Synchronous finishes after 7.74 s. Asynchronous")
    )


def test_failures_are_marked_where_they_happen():
    often = Failures(mtbf_hours=0.002, restart_s=1)
    pair = pictures(Scenario(failures=often).workload, [Synchronous(), Asynchronous()], 2_000)
    data = race_data(pair)
    for lane, policy in zip(data["lanes"], (Synchronous(), Asynchronous()), strict=True):
        run = simulate(Scenario(policy=policy, failures=often))
        found = failures(run.schedule)
        assert run.metrics.failures == len(lane["failed"]) > 0
        assert lane["failed_row"] == found.worker.tolist()
        ms = max(picture.epoch_ms for picture in pair) / STEPS
        assert np.multiply(lane["failed"], ms) == pytest.approx(found.failed_ms, abs=ms)
        assert f", with {run.metrics.failures} failure" in data["words"]
    assert "failure" not in race_data(pictures(Scenario().workload, [Synchronous()], 2_000))["words"]


def test_what_is_too_much_to_draw_does_not_play():
    policies = [Synchronous(), Asynchronous()]
    assert race_data(pictures(Scenario(workers=64, batches=100).workload, policies, 2_000)) is None
    for batches, blocks, plays in ((24, 3_000, True), (25, 3_125, False)):
        drawn = picture(simulate(Scenario(workers=42, batches=batches)))
        assert len(drawn.blocks["phase"]) == blocks
        assert (race_data([drawn]) is not None) == plays
