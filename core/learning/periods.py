"""Which period, and is DiLoCo worth it: gradients averaged at every batch, or parameters after so many batches.

Each period of each way to average has its own best settings, chosen on other seeds than it is judged by. So is the best
period of each way, and then these few are judged against each other.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from core.common.validation import MAX_BATCHES, ScenarioError, shown, whole
from core.learning.experiment import SEEDS, for_training, gradients_for, most_workers, seeds_and_points, train_policy
from core.learning.judging import FIGURES, Learning, Trained, judged, soonest, target_of
from core.learning.optimizers import SETTINGS, Optimizer
from core.learning.problem import Problem
from core.learning.training import check_problem
from core.policies import LocalSGD, Synchronous
from core.policies.base import Policy
from core.scenario import step_ms, under
from core.simulation.paired import compare
from core.statistics.log_ratios import log_ratio, log_ratios
from core.statistics.verdicts import LEVEL
from core.workload.workload import Workload

PERIODS = (1, 2, 4, 8, 16, 32)
MOST_PERIODS = 12
ROUNDS = 5  # of a training at its longest period, at least
SYNC = "Synchronous"
LOCAL, LOCAL_DELAYED = "Local SGD", "Local SGD, delayed"
DILOCO, DILOCO_DELAYED = "DiLoCo", "DiLoCo, delayed"
OUTER = (DILOCO, DILOCO_DELAYED)
"""Ways to average that have an outer optimizer."""
INNER_CHOICES = (Optimizer(), Optimizer(momentum=0.9))
OUTER_CHOICES = (
    Optimizer(outer_rate=0.7, outer_momentum=0.9),
    Optimizer(outer_rate=1.0, outer_momentum=0.5),
    Optimizer(momentum=0.9, outer_rate=1.0, outer_momentum=0.5),
)


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A way to average at one period, and the optimizers of which it has its best."""

    way: str
    period: int
    policy: Policy
    optimizers: tuple[Optimizer, ...]

    @property
    def name(self) -> str:
        """What people call it."""
        return self.policy.label.replace(LOCAL, DILOCO) if self.way in OUTER else self.policy.label


@dataclass(frozen=True, kw_only=True, eq=False)
class Periods:
    """Who reaches the target when, by way and period."""

    table: pd.DataFrame
    """A row for each contender: way, period, delay, policy (its name), time_to_target_ms (the geometric mean over the
    seeds, where all of them get there) with its own 95 % interval (time_low_ms, time_high_ms), reached, of, exchanges,
    sent_mb (of a worker until then), learning_rate and the optimizer's settings (chosen), chosen (whether it is the
    period of its way that was best on the seeds to choose by), and its time over that of the chosen one of its way
    (over_chosen, with over_chosen_low and over_chosen_high) with the outcome."""
    chosen: Learning
    """The chosen period of each way, judged against each other; synchronous comes first."""
    all: Learning
    """Every contender's training."""
    batches: int
    """Mini-batches that each worker trains on."""
    too_long: tuple[int, ...]
    """Periods that were left out, as the training would have fewer than five averages."""
    refused: dict[str, str]
    """Contenders that were left out, by name, and why."""


def best_period(
    scenario: Workload,
    problem: Problem,
    *,
    periods: int | Iterable[int] = PERIODS,
    seeds: int = SEEDS,
    gradients: int | None = None,
    target: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Periods:
    """After how many batches to average on the scenario's workers and network, and whether DiLoCo is worth it.

    It trains sync, local SGD and DiLoCo (an outer optimizer with Nesterov momentum), and the last two also with
    averages that are applied later: just late enough to hide an exchange, at most half a period. Each gets the
    momentum, outer rate and learning rate from a small grid that are best for it on other seeds.

    Args:
        scenario: a workload, or a scenario, whose own policy does not matter. Its batches do not matter either.
        problem: what is trained.
        periods: batches between two averages: a number, or up to 12 different ones. At 1, local SGD is sync. Too long
            ones, of which a training in reasonable time has fewer than five, are left out.
        seeds: how many runs they are judged by, from 1 to 32.
        gradients: about how many mini-batches all workers use together; by default enough for five averages of the
            longest period, as far as there is time.
        target: the value of the problem's goal that counts as learnt; the problem's own by default.
        progress: called with the contenders done and all of them after each.

    Returns:
        Times to the target with intervals and what each worker sends, and the verdict on the best of each way.

    Raises:
        ScenarioError: for an argument out of range, for workers that are too many to train, and where sync is refused.

    Source:
        Douillard et al. 2023, arXiv 2311.08105 (DiLoCo), and 2025, arXiv 2501.18512 (delayed averages).

    Example:
        >>> from core import AlphaBeta, Scenario
        >>> from core.learning import NoisyQuadratic, best_period
        >>> region = Scenario(workers=2, network=AlphaBeta(latency_ms=30, bandwidth_gbps=1))
        >>> found = best_period(region, NoisyQuadratic(), periods=(1, 8), seeds=2, gradients=200)
        >>> found.table[["way", "period", "chosen"]].values.tolist()
        [['Synchronous', 1, True], ['Local SGD', 8, True], ['Local SGD, delayed', 8, True], ['DiLoCo', 1, False],
         ['DiLoCo', 8, True], ['DiLoCo, delayed', 8, True]]

    """
    Workload.checked(scenario)
    check_problem(problem)
    seeds, _ = seeds_and_points(seeds, 1)
    target = target_of(problem, target)
    if progress is not None and not callable(progress):
        raise ScenarioError(f"progress: {shown(progress)} cannot be called.")
    asked = several_periods(periods)
    if gradients is None:
        gradients = batches_for(scenario.workers, problem, asked) * scenario.workers
    workload = for_training(scenario, gradients)
    everyone = contenders(workload, asked)
    trained: dict[Contender, Trained] = {}
    refused: dict[str, str] = {}
    for number, contender in enumerate(everyone, start=1):
        try:
            trained[contender] = train(workload, contender, problem, seeds, target)
        except ScenarioError as error:
            if contender.way == SYNC:
                raise
            refused[contender.name] = str(error)
        if progress:
            progress(number, len(everyone))
    return judged_periods(workload, trained, problem, seeds, asked, target=target, refused=refused)


def several_periods(values: Any) -> tuple[int, ...]:
    """One period or several in rising order, or ScenarioError where they are not different numbers of batches."""
    try:
        several = [values] if isinstance(values, str | bytes) else list(islice(values, MOST_PERIODS + 1))
    except TypeError:
        several = [values]
    found = [whole("periods", value, 1, MAX_BATCHES) for value in several]
    if not 1 <= len(found) <= MOST_PERIODS or len(set(found)) < len(found):
        raise ScenarioError(f"periods: {shown(values)} are not 1 to {MOST_PERIODS} different numbers of batches.")
    return tuple(sorted(found))


def batches_for(workers: int, problem: Problem, periods: Sequence[int]) -> int:
    """How many mini-batches each worker trains on: five of the longest period that there is time for, or as usual."""
    usual, most = -(-gradients_for(workers, problem) // workers), most_workers(problem, 1) // workers
    enough = [ROUNDS * period for period in periods if ROUNDS * period <= most]
    return max(1, min(max([usual, *enough]), most))


def contenders(workload: Workload, periods: Sequence[int]) -> list[Contender]:
    """Sync, and every way at every period that the workload's batches are enough for."""
    long_enough = [period for period in periods if period * ROUNDS <= workload.batches]
    at_once = {period: LocalSGD(period=period) for period in long_enough}
    later = {
        period: replace(policy, delay=delay_for(workload, period)) for period, policy in at_once.items() if period > 1
    }
    return [
        Contender(way=SYNC, period=1, policy=Synchronous(), optimizers=INNER_CHOICES),
        *(
            Contender(way=way, period=period, policy=policies[period], optimizers=optimizers)
            for way, policies, optimizers in (
                (LOCAL, at_once, INNER_CHOICES),
                (LOCAL_DELAYED, later, INNER_CHOICES),
                (DILOCO, at_once, OUTER_CHOICES),
                (DILOCO_DELAYED, later, OUTER_CHOICES),
            )
            for period in policies
            if period > 1 or way == DILOCO  # local SGD that averages at every batch is sync
        ),
    ]


def delay_for(workload: Workload, period: int) -> int:
    """After how many batches an average is taken in: as many as hide an exchange, at most half a period."""
    exchange = workload.network.barrier_ms(workload.workers)
    return max(1, min(math.ceil(exchange / step_ms(workload)), period // 2))


def train(
    workload: Workload, contender: Contender, problem: Problem, seeds: int, target: float | None = None
) -> Trained:
    """The trainings of one contender, by its name, on all of the workload's batches.

    Args:
        workload: as long as the training.
        contender: who is trained.
        problem: what is trained.
        seeds: how many runs it is judged by.
        target: another than the problem's own.

    Raises:
        ScenarioError: where its policy is refused.

    """
    found = train_policy(
        under(workload, contender.policy),
        problem,
        seeds=seeds,
        gradients=workload.work,
        target=target,
        optimizers=contender.optimizers,
    )
    name = {"policy": contender.name}
    return replace(found, trials=found.trials.assign(**name), curves=found.curves.assign(**name))


def judged_periods(
    workload: Workload,
    trained: dict[Contender, Trained],
    problem: Problem,
    seeds: int,
    asked: Sequence[int],
    *,
    target: float | None = None,
    refused: dict[str, str] | None = None,
) -> Periods:
    """Which period is the best of each way, and how they compare.

    Args:
        workload: as long as the training.
        trained: each contender's trainings, synchronous among them.
        problem: what was trained.
        seeds: how many runs they are judged by.
        asked: the periods that were asked for.
        target: another than the problem's own.
        refused: contenders that could not be trained, by name, and why.

    """
    policies = list(dict.fromkeys(contender.policy for contender in trained))
    by_label = dict(list(compare(workload, policies, seeds)[["policy", *FIGURES]].groupby("policy")))

    def learning(some: Sequence[Contender]) -> Learning:
        figures = pd.concat([by_label[each.policy.label].assign(policy=each.name) for each in some])
        return judged([trained[each] for each in some], figures, problem, target)

    everyone = learning(list(trained))
    tried = everyone.rates[everyone.rates["best"]].set_index("policy")
    ways: dict[str, list[Contender]] = {}
    for contender in trained:
        ways.setdefault(contender.way, []).append(contender)
    chosen = {way: members[soonest(tried.loc[[each.name for each in members]])] for way, members in ways.items()}
    return Periods(
        table=as_table(list(trained), everyone, chosen),
        chosen=learning(list(chosen.values())),
        all=everyone,
        batches=workload.batches,
        too_long=tuple(period for period in asked if period * ROUNDS > workload.batches),
        refused=refused or {},
    )


def as_table(contenders: Sequence[Contender], learning: Learning, chosen: dict[str, Contender]) -> pd.DataFrame:
    """The table of `Periods`."""
    times = learning.runs.pivot(index="run", columns="policy", values="time_to_target_ms")
    table = learning.policies.set_index("policy")
    kept = ["reached", "of", "exchanges", "sent_mb", "learning_rate", *SETTINGS]
    beside = over_chosen(times, contenders, chosen)
    return pd.DataFrame(
        {
            "way": each.way,
            "period": each.period,
            "delay": getattr(each.policy, "delay", 0),
            "policy": each.name,
            **mean_time(times[each.name].to_numpy()),
            **table.loc[each.name, kept].to_dict(),
            "chosen": each == chosen[each.way],
            **beside[each.name],
        }
        for each in contenders
    )


def mean_time(times_ms: np.ndarray) -> dict[str, float]:
    """The geometric mean of some times with its interval; NaN where one is missing, and of a single run the ends."""
    names = ("time_to_target_ms", "time_low_ms", "time_high_ms")
    if np.isnan(times_ms).any():
        return dict.fromkeys(names, math.nan)
    mean = log_ratio(np.log(times_ms), LEVEL)
    return dict(zip(names, (mean.value, mean.low, mean.high), strict=True))


def over_chosen(
    times_ms: pd.DataFrame, contenders: Sequence[Contender], chosen: dict[str, Contender]
) -> dict[str, dict[str, Any]]:
    """By name, a contender's time over that of the chosen period of its way; those of one way are judged together."""
    columns = ("over_chosen", "over_chosen_low", "over_chosen_high")
    found: dict[str, dict[str, Any]] = {
        each.name: {**dict.fromkeys(columns, math.nan), "outcome": ""} for each in contenders
    }
    sure = [each for each in contenders if times_ms[each.name].notna().all()]
    for way, best in chosen.items():
        others = [each for each in sure if each.way == way and each != best] if best in sure else []
        pairs = [(times_ms[each.name].to_numpy(), times_ms[best.name].to_numpy()) for each in others]
        for each, ratio in zip(others, log_ratios(pairs), strict=True):
            values = dict(zip(columns, (ratio.value, ratio.low, ratio.high), strict=True))
            found[each.name] = {**values, "outcome": ratio.outcome}
        if best in sure:
            found[best.name] = {**dict.fromkeys(columns, 1.0), "outcome": ""}
    return found
