"""What the browser plays: every block of both epochs, in steps of one time axis."""

import numpy as np
import pytest

from core import Asynchronous, Scenario, Synchronous, simulate
from core.report.race import STEPS, race_data
from core.report.timeline_data import PHASE_ORDER, pictures
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


def test_what_is_too_much_to_draw_does_not_play():
    policies = [Synchronous(), Asynchronous()]
    assert race_data(pictures(Scenario(workers=64, batches=100).workload, policies, 2_000)) is None
