"""What others hold on to: links that were kept, and the names of the public API."""

import json

import pytest

import core
from core import simulate
from core.links import link_values, scenario_of
from tests.paths import DATA

KEPT = json.loads((DATA / "kept_links.json").read_text())
NAMES = """AlphaBeta Asynchronous BackupWorkers Constant FlatLatency Gumbel KAsync LocalSGD LogNormal Measured Pareto
Rebalanced Run Scenario ScenarioError ShiftedExponential StaleSynchronous Stragglers Synchronous Trace Uniform compare
read_trace replicate simulate sweep"""


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept["link"][:60] or "defaults")
def test_a_kept_link_gives_its_numbers(kept):
    """Written down when the link was kept; only a raised MODEL_VERSION, said in the change log, may change them."""
    figures = simulate(scenario_of(link_values(kept["link"]))).metrics
    for name in ("epoch_ms", "idle_percent", "throughput", "mean_staleness"):
        assert getattr(figures, name) == pytest.approx(kept[name], rel=1e-12)


def test_names_of_the_public_api_stay():
    assert set(NAMES.split()) <= set(core.__all__)
