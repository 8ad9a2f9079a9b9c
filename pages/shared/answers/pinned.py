"""The answer of the scenario that is pinned: worked out once, and kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core import Run, Scenario, Workload, simulate
from core.changes import Outcome, outcome, outcomes
from core.policies.base import Policy
from core.report import comparison
from core.report.timeline_data import Outline
from core.scenario import under
from core.schedule.metrics import PARTS
from core.simulation.paired import most_replicates
from pages.shared.caching.results import remembered
from pages.shared.caching.simulations import simulated, turn


@dataclass(frozen=True, kw_only=True)
class PinnedAnswer:
    """What pages show of the pinned scenario, under each of some policies in their order."""

    outcomes: list[Outcome]
    outlines: list[Outline]
    """Of the first run under each policy."""
    headline: str
    """What Compare says of it; empty where all policies come to the same one with so many workers."""


@remembered(entries=64, size="64MiB", own=4)
def pinned_answer(workload: Workload, policies: Sequence[Policy], wanted: int) -> PinnedAnswer:
    """The answer in as many runs as are wanted, or as there is room for."""
    fitted = [policy.fitted(workload.workers) for policy in policies]
    runs = min(wanted, max(1, most_replicates(workload, fitted)))
    with turn(workload):
        found = outcomes(workload, fitted, runs)
        outlines = [Outline.of(simulate(under(workload, policy))) for policy in fitted]
    epochs = {each.policy: each.epoch_ms for each in found}
    headline = ""
    if len(epochs) > 1:
        table = pd.concat(pd.DataFrame({"policy": policy, "epoch_ms": ms}) for policy, ms in epochs.items())
        headline = comparison.headline(table)
    return PinnedAnswer(outcomes=found, outlines=outlines, headline=headline)


@remembered(entries=64, size="16MiB", own=4)
def pinned_run(scenario: Scenario) -> tuple[Outcome, Outline]:
    """The one run that Timeline shows, as an outcome, and its outline."""
    run = simulated(scenario)
    return outcome_of(run), Outline.of(run)


def outcome_of(run: Run) -> Outcome:
    """One run as an outcome."""
    figures = {name: np.array([getattr(run.metrics, name)]) for name in ("epoch_ms", *PARTS.values())}
    return outcome(run.scenario.policy.label, run.scenario.work, figures)
