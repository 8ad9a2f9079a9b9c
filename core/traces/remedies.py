"""What a measured run would have taken otherwise: the same compute times under every policy, and with repairs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from core.common.validation import MAX_WORK, TIME_RANGE_MS, ScenarioError, shown
from core.common.wording import counted
from core.policies import Asynchronous, BackupWorkers, KAsync, LocalSGD, Rebalanced, StaleSynchronous, Synchronous
from core.policies.base import Policy
from core.scenario import Scenario
from core.schedule.metrics import Metrics, measure
from core.schedule.schedule import Schedule
from core.simulation.run import Run
from core.traces import repairs
from core.traces.episodes import found_episodes
from core.traces.fits import hiccups_beyond, usual_ms
from core.traces.network import barrier_costs_ms, mean_network
from core.traces.trace import Trace
from core.workload.compute_laws import Measured, block_length, consecutive_steps
from core.workload.draws import Draws, TooFewRows

AS_MEASURED = "Synchronous, as measured"
REPLAYED, RESAMPLED, HELD_OUT = "replayed", "resampled", "held out"
LEAST_SAVED = 0.05  # percent: less is shown as 0.0
RESAMPLINGS = 40  # of steps that a policy needs beyond those measured
FEWEST_RESAMPLINGS = 3
MOST_RESAMPLED = 400_000  # mini-batches in all resamplings together, where the fewest do not need more


@dataclass(frozen=True, kw_only=True, eq=False)
class Remedy:
    """One way to run the measured mini-batches, and what it takes.

    Attributes:
        name: a policy's label, or what is repaired.
        scenario: the policy with the compute times, on the mean of the measured network cost; the remedy itself pays
            each step's own.
        metrics: its figures, for as many mini-batches as were measured.
        epoch_ms: its epoch, ms, for as many mini-batches as were measured.
        pays: what it costs beside time, in a sentence.
        exact: whether the measured steps were replayed as they were, so that nothing is estimated.
        basis: "replayed"; "resampled", where it needed more steps than were measured: then blocks of consecutive steps
            are drawn again, many times, and the figures are means; or "held out", where something is chosen by the
            measured times: then its range says what it saves in steps that it was not chosen by.
        saved_percent: what it saves of the measured epoch.
        saved_low_percent: the lower end of a 95 % range of that, or the same where it is exact.
        saved_high_percent: the upper end.
        told: whether there are enough steps to tell what it would save in others; False only where it is chosen by the
            measured times.

    """

    name: str
    scenario: Scenario
    metrics: Metrics
    epoch_ms: float
    pays: str
    exact: bool
    basis: str
    saved_percent: float
    saved_low_percent: float
    saved_high_percent: float
    told: bool

    @property
    def saves(self) -> bool:
        """Whether it may be said to save time: what is shown is above 0, and so is its whole range."""
        return bool(self.saved_low_percent >= LEAST_SAVED)


def measured_scenario(trace: Trace) -> Scenario:
    """A scenario that replays a trace: its compute times, its mean network cost, a barrier after each step."""
    return Scenario(
        workers=trace.workers,
        batches=trace.steps,
        compute=trace.to_law(),
        network=mean_network(trace),
    )


def replayed(trace: Trace, policy: Policy | None = None) -> Run:
    """The measured mini-batches under a policy, each step with its own network cost.

    Args:
        trace: what was measured.
        policy: Synchronous by default.

    Raises:
        TooFewRows: where the policy needs more steps than were measured.

    """
    scenario = replace(measured_scenario(trace), policy=policy or Synchronous())
    return Run(scenario, Replay(trace).schedule(scenario))


def what_if(trace: Trace, policies: Sequence[Policy] | None = None) -> list[Remedy]:
    """What a measured run would have taken under other policies and with repairs: the same compute times, replayed.

    Every barrier pays what the network cost in its step, and so does every push where there is none; contention at a
    server is not in it. What is chosen by the measured times (who is repaired, sizes of mini-batches) is chosen on some
    blocks of consecutive steps and judged on the others. A block is twice as long as slowness lasts, and ten steps at
    least; with fewer than four blocks nothing is said to save time in this way.

    Args:
        trace: what was measured, as `read_trace` returns it.
        policies: which policies to try; by default some of every kind. Repairs of the workers are tried in any case.

    Returns:
        The measured run (named "Synchronous, as measured") and every remedy, the fastest first; of one worker the
        measured run alone. `what_if_table` makes a table of them.

    Raises:
        ScenarioError: for what is not a trace, and for one above 4,096 workers, 100,000 steps or 1,000,000
            mini-batches; for a policy that does not fit its workers, or needs far more steps than were measured.

    Example:
        >>> from core import read_trace, what_if
        >>> from core.traces import sample_files
        >>> remedies = what_if(read_trace(sample_files()))
        >>> [remedy.name for remedy in remedies if remedy.saves][:2]
        ['Asynchronous (shared queue)', 'Without hiccups']

    """
    Trace.checked(trace)
    tried = usual_policies(trace.workers) if policies is None else checked_policies(policies)
    ask = Question(trace)
    remedies = [ask.measured]
    if trace.workers > 1:
        for policy in tried:
            if isinstance(policy, Synchronous | Rebalanced):
                continue  # it was measured; it is chosen by what was measured
            found = ask.under(policy)
            if not found and policies is not None:
                raise ScenarioError(f"policies: {policy.text!r} needs far more steps than these {trace.steps:,}.")
            remedies += [found] if found else []
        remedies += ask.without_hiccups()
        if trace.steps >= repairs.FEWEST_STEPS:
            remedies += [ask.rebalanced()] if Rebalanced() in tried else []
            remedies.append(ask.levelled())
            remedies += map(ask.repaired, repairs.repairs(trace.compute_ms, trace.worker_names))
    return sorted(remedies, key=lambda one: one.epoch_ms)


def as_measured(remedies: list[Remedy]) -> Remedy:
    """The measured run among the remedies.

    Args:
        remedies: what `what_if` returned.

    """
    return next(remedy for remedy in remedies if remedy.name == AS_MEASURED)


def what_if_table(remedies: list[Remedy]) -> pd.DataFrame:
    """A row per remedy, in their order: what it saves of the measured epoch, and what it pays.

    Args:
        remedies: what `what_if` returned.

    Returns:
        Columns remedy, epoch_ms, saved_ms and saved_percent (of the measured epoch), saved_low_percent and
        saved_high_percent (its range), some metrics, exact, basis, pays.

    """
    measured = as_measured(remedies).epoch_ms
    names = ("idle_percent", "cancelled_percent", "mean_staleness", "updates", "gradients_per_update")
    return pd.DataFrame(
        {
            "remedy": remedy.name,
            "epoch_ms": remedy.epoch_ms,
            "saved_ms": measured - remedy.epoch_ms,
            "saved_percent": remedy.saved_percent,
            "saved_low_percent": remedy.saved_low_percent,
            "saved_high_percent": remedy.saved_high_percent,
            **{name: getattr(remedy.metrics, name) for name in names},
            "exact": remedy.exact,
            "basis": remedy.basis,
            "saves": remedy.saves,
            "pays": remedy.pays,
        }
        for remedy in remedies
    )


def checked_policies(policies: Sequence[Policy]) -> list[Policy]:
    """The policies, each once; ScenarioError for what is none."""
    if not isinstance(policies, list | tuple) or not all(isinstance(policy, Policy) for policy in policies):
        raise ScenarioError(f"policies: {shown(policies)} is not a list of policies, such as [Asynchronous()].")
    return list(dict.fromkeys(policies))


def usual_policies(workers: int) -> list[Policy]:
    """The policies that are tried on so many workers where none are asked for."""
    backups = [BackupWorkers(wait_for=workers - spare) for spare in (1, 2) if spare < workers]
    return [
        LocalSGD(period=4),
        LocalSGD(period=16),
        *backups,
        StaleSynchronous(bound=3),
        KAsync(wait_for=max(1, workers // 2)),
        Asynchronous(),
        Asynchronous(assignment="shared"),
        Rebalanced(),
    ]


def surely_needs_more(policy: Policy, workers: int) -> bool:
    """Whether a policy starts more mini-batches than were measured, so that trying without more is in vain.

    K-async uses as many as were measured, and N - K workers are at another one when the last of those is applied.
    """
    return isinstance(policy, KAsync) and policy.wait_for < workers


class Replay:
    """The measured steps as draws: those measured, or with as many more as a policy needs drawn from them again."""

    def __init__(self, trace: Trace) -> None:
        self.compute_ms, self.network_ms = trace.compute_ms, barrier_costs_ms(trace)

    def schedule(
        self, scenario: Scenario, compute_ms: np.ndarray | None = None, steps: np.ndarray | None = None
    ) -> Schedule:
        """The schedule of a scenario's policy.

        Args:
            scenario: whose policy.
            compute_ms: other compute times of the same steps, (steps, workers); the measured ones by default.
            steps: which steps, (rows, runs); all of them once by default.

        """
        compute = self.compute_ms if compute_ms is None else compute_ms
        steps = np.arange(len(compute))[:, None] if steps is None else steps
        network = self.network_ms[steps][:, None, :]
        draws = Draws(
            scenario,
            runs=steps.shape[1],
            compute_ms=compute[steps].transpose(0, 2, 1),
            push_ms=np.broadcast_to(network, (len(steps), compute.shape[1], steps.shape[1])),
            barrier_ms=network,
        )
        return scenario.policy.schedule(draws)

    def resampled(self, scenario: Scenario) -> dict[str, np.ndarray] | None:
        """Figures of many runs that go on with redrawn blocks of steps, {name: (runs,)}; None if that is too much."""
        known, workers = self.compute_ms.shape
        length, rows = block_length(self.compute_ms), 2 * known
        while rows * workers <= MAX_WORK:
            runs = int(np.clip(MOST_RESAMPLED // (rows * workers), FEWEST_RESAMPLINGS, RESAMPLINGS))
            again = consecutive_steps(np.random.default_rng(scenario.seed), (runs, rows - known), known, length)
            first = np.broadcast_to(np.arange(known), (runs, known))
            try:
                return self.in_parts(scenario, np.concatenate([first, again], axis=1))
            except TooFewRows:
                rows *= 2
        return None

    def in_parts(self, scenario: Scenario, steps: np.ndarray) -> dict[str, np.ndarray]:
        """Figures of runs (runs, rows), a few at a time to bound memory."""
        at_once = max(1, MOST_RESAMPLED // (steps.shape[1] * scenario.workers))
        parts = [
            measure(self.schedule(scenario, steps=steps[first : first + at_once].T))
            for first in range(0, len(steps), at_once)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class Question:
    """One trace and everything that is asked of it."""

    def __init__(self, trace: Trace) -> None:
        self.trace, self.scenario, self.replay = trace, measured_scenario(trace), Replay(trace)
        measured = self.figures(self.scenario)
        self.measured_ms = measured["epoch_ms"].item()
        self.measured = self.remedy(AS_MEASURED, self.scenario, measured, "Nothing.")

    def figures(self, scenario: Scenario, compute_ms: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Figures of the measured steps, replayed."""
        return measure(self.replay.schedule(scenario, compute_ms))

    def remedy(
        self,
        name: str,
        scenario: Scenario,
        figures: dict[str, np.ndarray],
        pays: str,
        basis: str = REPLAYED,
        saved_ms: tuple[float, float] | None = None,
    ) -> Remedy:
        """A remedy by its figures (their means, where there are several runs) and the range of what it saves."""
        metrics = averaged(figures)
        saved = 100 * (1 - metrics.epoch_ms / self.measured_ms)
        ends = [saved, *(100 * ms / self.measured_ms for ms in saved_ms or ())]
        return Remedy(
            name=name,
            scenario=scenario,
            metrics=metrics,
            epoch_ms=metrics.epoch_ms,
            pays=pays,
            exact=basis == REPLAYED,
            basis=basis,
            saved_percent=saved,
            saved_low_percent=min(ends),
            saved_high_percent=max(ends),
            told=basis != HELD_OUT or self.enough_steps,
        )

    def under(self, policy: Policy) -> Remedy | None:
        """The same mini-batches under another policy; None where it would need too many steps again."""
        scenario = replace(self.scenario, policy=policy)
        if not surely_needs_more(policy, self.trace.workers):
            try:
                figures = self.figures(scenario)
                return self.remedy(policy.label, scenario, figures, self.price(policy, figures))
            except TooFewRows:
                pass
        drawn = self.replay.resampled(scenario)
        if drawn is None:
            return None
        saved = self.saved_between(drawn["epoch_ms"])
        return self.remedy(policy.label, scenario, drawn, self.price(policy, drawn), RESAMPLED, saved)

    def saved_between(self, epochs_ms: np.ndarray) -> tuple[float, float]:
        """What the middle 95 % of some epochs save, ms: the least and the most."""
        slow, quick = np.quantile(epochs_ms, (0.975, 0.025))
        return self.measured_ms - slow, self.measured_ms - quick

    def price(self, policy: Policy, figures: dict[str, np.ndarray]) -> str:
        """What a policy costs beside time."""
        workers, steps = self.trace.workers, self.trace.steps

        def not_all(gradients: float) -> str:
            return "" if gradients == workers else f", not {workers}"

        match policy:
            case LocalSGD():
                apart = counted(policy.period, "mini-batch", "mini-batches")
                averages = counted(int(figures["updates"][0]), "average")
                return f"Workers train on their own for up to {apart}: {averages} instead of {steps}."
            case BackupWorkers():
                thrown_away = f"{figures['cancelled_percent'].mean():.1f} % of the workers' time is thrown away"
                gradients = counted(policy.wait_for, "gradient")
                return f"{thrown_away}; an update averages {gradients}{not_all(policy.wait_for)}."
            case _:
                size = float(f"{figures['gradients_per_update'].mean():.3g}")
                stale = f"Gradients {figures['mean_staleness'].mean():.1f} updates stale on average"
                return f"{stale}; an update averages {size:g}{not_all(size)}."

    def rebalanced(self) -> Remedy:
        """Mini-batches sized by speed, as measured in other steps."""
        size = 1 / self.trace.compute_ms.mean(axis=0)
        low, high = (bound / size.mean() for bound in (size.min(), size.max()))
        pays = f"Mini-batches {low:.2f} to {high:.2f} times their size; holds while speeds stay as measured."
        return self.scaled(Rebalanced(), Rebalanced().label, repairs.rebalanced, pays)

    def levelled(self) -> Remedy:
        """Every worker's mean brought to the median, as measured in other steps."""
        pays = repairs.who_changes(self.trace.compute_ms.mean(axis=0), self.trace.worker_names)
        return self.scaled(Synchronous(), "All workers at the median", repairs.levelled, pays)

    def scaled(self, policy: Policy, name: str, cure: repairs.Cure, pays: str) -> Remedy:
        """All workers' times scaled by factors that are worked out on other steps."""
        times = repairs.held_out(self.trace.compute_ms, cure)
        scenario = replace(self.scenario, policy=policy)
        if not isinstance(policy, Rebalanced):
            scenario = replace(scenario, compute=law_of(times))
        figures = self.figures(replace(scenario, policy=Synchronous()), times)
        return self.remedy(name, scenario, figures, pays, HELD_OUT, self.judged(times))

    def judged(self, held_out_ms: np.ndarray) -> tuple[float, float]:
        """The range of what a cure saves, ms, from the table after it where it was chosen on other steps.

        It starts at zero or below where the steps do not show that the workers differ at all.
        """
        compute, network = self.trace.compute_ms, self.replay.network_ms
        more = compute.shape[1] / held_out_ms.shape[1]
        saved = compute.max(axis=1) + network - more * (held_out_ms.max(axis=1) + network)
        least, most = repairs.saved_range(saved, repairs.folds(compute))
        return (least, most) if self.unequal else (min(least, 0.0), most)

    @cached_property
    def enough_steps(self) -> bool:
        """Whether there are enough steps to tell what would hold in others."""
        return repairs.enough_steps(self.trace.compute_ms)

    @cached_property
    def unequal(self) -> bool:
        """Whether the worker that costs most in some steps does in others, beyond chance."""
        return repairs.unequal(self.trace.compute_ms)

    def without_hiccups(self) -> list[Remedy]:
        """Every hiccup replaced by what is usual, if there are any."""
        compute = self.trace.compute_ms
        usual = usual_ms(compute, found_episodes(compute))
        hiccups = hiccups_beyond(compute, usual)
        if not hiccups.any():
            return []
        cured = np.clip(np.where(hiccups, usual, compute), *TIME_RANGE_MS)
        scenario = replace(self.scenario, compute=law_of(cured))
        pays = "Whatever makes single mini-batches take over twice as long has to be found and removed."
        return [self.remedy("Without hiccups", scenario, self.figures(scenario, cured), pays)]

    def repaired(self, repair: repairs.Repair) -> Remedy:
        """The same policy with other workers, for as many mini-batches as were measured."""
        workers = repair.cured_ms.shape[1]
        more = self.trace.workers / workers
        scenario = replace(self.scenario, workers=workers, compute=law_of(repair.cured_ms))
        figures = self.figures(scenario, repair.cured_ms)
        figures["epoch_ms"] = more * figures["epoch_ms"]
        figures["updates"] = np.rint(more * figures["updates"]).astype(int)
        least, most = self.judged(repairs.held_out(self.trace.compute_ms, repair.cure))
        saved = self.measured_ms - figures["epoch_ms"].item()
        return self.remedy(repair.name, scenario, figures, repair.pays, HELD_OUT, (min(least, saved), max(most, saved)))


def law_of(compute_ms: np.ndarray) -> Measured:
    """A table (steps, workers) in ms as a law that replays it."""
    return Measured(compute_ms=tuple(map(tuple, compute_ms.tolist())))


def averaged(figures: dict[str, np.ndarray]) -> Metrics:
    """Means of the figures over runs, counts as whole numbers; a single run keeps its own figures."""
    means: dict[str, Any] = {name: values[0].item() for name, values in figures.items()}
    if len(figures["epoch_ms"]) > 1:
        means = {name: type(means[name])(values.mean()) for name, values in figures.items()}
    return Metrics(**means)
