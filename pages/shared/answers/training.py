"""Training runs worth keeping: those of one policy together, so that a policy that is added trains alone."""

from collections.abc import Sequence

from core import Scenario, Workload, compare
from core.learning.experiment import train_policy
from core.learning.judging import Learning, Trained, judged
from core.learning.optimizers import CHOICES
from core.learning.problem import Problem
from core.policies.base import Policy
from core.scenario import under
from pages.shared.caching.results import remembered


@remembered(entries=128, size="128MiB", own=8)
def trained(
    scenario: Scenario, problem: Problem, rates: tuple[float, ...] | None, seeds: int, optimizer: str
) -> Trained:
    """A policy's trainings on all of the scenario's mini-batches."""
    return train_policy(
        scenario,
        problem,
        learning_rates=rates,
        seeds=seeds,
        gradients=scenario.work,
        optimizers=CHOICES[optimizer],
    )


def learning(
    asked: Workload,
    policies: Sequence[Policy],
    problem: Problem,
    rates: tuple[float, ...] | None,
    seeds: int,
    optimizer: str,
) -> Learning:
    """The policies, trained and judged; asked is as long as the training."""
    each = [trained(under(asked, policy), problem, rates, seeds, optimizer) for policy in policies]
    return judged(each, compare(asked, policies, seeds), problem)
