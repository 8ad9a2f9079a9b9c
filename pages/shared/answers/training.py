"""Training runs worth keeping: one table a policy, so that a policy that is added trains alone."""

from collections.abc import Sequence

import pandas as pd

from core import Scenario, Workload, compare
from core.learning.experiment import Learning, judged, learning_curves
from core.learning.problem import Problem
from core.policies.base import Policy
from core.scenario import under
from pages.shared.caching.results import remembered


@remembered(entries=128, size="128MiB", own=8)
def curves(scenario: Scenario, problem: Problem, rates: tuple[float, ...] | None, seeds: int) -> pd.DataFrame:
    """Learning curves on all of the scenario's mini-batches."""
    return learning_curves(scenario, problem, learning_rates=rates, seeds=seeds, gradients=scenario.work)


def learning(
    asked: Workload, policies: Sequence[Policy], problem: Problem, rates: tuple[float, ...] | None, seeds: int
) -> Learning:
    """The policies, trained and judged; asked is as long as the training."""
    trained = [curves(under(asked, policy), problem, rates, seeds) for policy in policies]
    return judged(pd.concat(trained, ignore_index=True), compare(asked, policies, seeds), problem)
