"""Training runs worth keeping: those of one policy together, so that a policy that is added trains alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from core import Scenario, Workload, compare
from core.learning.experiment import train_policy
from core.learning.judging import Learning, Trained, judged
from core.learning.optimizers import CHOICES
from core.learning.problem import Problem
from core.policies.base import Policy
from core.scenario import under
from pages.shared.caching.results import remembered


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is trained, and how."""

    problem: Problem
    rates: tuple[float, ...] | None
    """The learning rates that are tried; None: each policy's own grid."""
    seeds: int
    optimizer: str
    """Of `CHOICES`."""


@remembered(entries=128, size="128MiB", own=8)
def trained(scenario: Scenario, settings: Settings) -> Trained:
    """A policy's trainings on all of the scenario's mini-batches."""
    return train_policy(
        scenario,
        settings.problem,
        learning_rates=settings.rates,
        seeds=settings.seeds,
        gradients=scenario.work,
        optimizers=CHOICES[settings.optimizer],
    )


def learning(asked: Workload, policies: Sequence[Policy], settings: Settings) -> Learning:
    """The policies, trained and judged; asked is as long as the training."""
    each = [trained(under(asked, policy), settings) for policy in policies]
    return judged(each, compare(asked, policies, settings.seeds), settings.problem)
