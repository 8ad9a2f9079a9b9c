"""The example of the Method page, on paper: three workers, four mini-batches, 10 ms after a barrier, 5 ms a push."""

import pytest

from core.policies import ElasticSynchronous
from core.policies.registry import POLICIES as EVERY
from core.presets.examples import COMPUTE_MS, POLICIES, examples

SLOWEST, SECOND = [50, 90, 50, 50], [40, 40, 40, 40, 40, 40]
EPOCHS = {
    "sync": sum(slowest + 10 for slowest in SLOWEST),
    "async": 50 + 90 + 40 + 30 + 4 * 5,  # W2's own four
    "async shared": 215,  # W0 takes the twelfth at 170: 40 ms and a push
    "ssp 1": 230,  # W0 and W1 are held, but W2 never is
    "backup 2": sum(second + 10 for second in SECOND),  # six iterations of two
    "k-async 2": 255,  # updates at 45, 80, 135, 175, 220 and 255
    "local 2": (50 + 90 + 10) + (50 + 40 + 10),  # W2 is last in the first round, W1 in the second
}


@pytest.mark.parametrize("run", examples(), ids=lambda run: run.scenario.policy.text)
def test_epoch_on_paper(run):
    if run.scenario.policy.text == "rebalanced":
        means = COMPUTE_MS[:4].mean(axis=0)  # 37.5, 40 and 52.5 ms: sizes are as 1/37.5 to 1/40 to 1/52.5, 3 in all
        sizes = 3 / means / (1 / means).sum()
        assert run.metrics.epoch_ms == pytest.approx(sum((COMPUTE_MS[:4] * sizes).max(axis=1) + 10))
    else:
        assert run.metrics.epoch_ms == EPOCHS[run.scenario.policy.text]


def test_updates_of_k_async_on_paper():
    run = next(run for run in examples() if run.scenario.policy.text == "k-async 2")
    used = run.gradients().query("used")
    assert sorted(set(used["applied_ms"])) == [45, 80, 135, 175, 220, 255]


def test_waits_of_the_staleness_bound_on_paper():
    """W0 is ready for its third at 80 and W1 too: W2's first, at 55, releases it; their fourth waits for 150."""
    run = next(run for run in examples() if run.scenario.policy.text == "ssp 1")
    waits = run.segments().query("phase == 'wait'")[["worker", "batch", "start_ms", "end_ms"]]
    assert waits.to_numpy().tolist() == [[0, 2, 115, 150], [1, 2, 135, 150]]


def test_every_policy_has_an_example():
    """Elastic synchronous is synchronous where nobody fails."""
    assert {type(policy) for policy in POLICIES} == set(EVERY.values()) - {ElasticSynchronous}
