"""Failures in words: how many there were, what they cost, and how policies recover from them."""

import math
from collections.abc import Sequence

from core.common.wording import counted, duration, listed, lowered, percent, rounded
from core.policies.base import Policy
from core.schedule.metrics import wait_ms
from core.simulation.run import Run
from core.statistics.pairs import Paired
from core.traces.failures import FailureLog
from core.workload.failures import best_interval_ms
from core.workload.workload import Workload


def failures_in_words(run: Run) -> str:
    """How many failures a run had, and what the workers' time they took; empty where nobody may fail."""
    schedule, figures = run.schedule, run.metrics
    if schedule.failures is None:
        return ""
    if not figures.failures:
        return "No worker fails in this run."
    whole = run.scenario.workers * figures.epoch_ms
    waits = wait_ms(schedule)
    spent = [(figures.down_percent, "down"), (figures.cancelled_percent, "computing what was thrown away")]
    for reason, what in (("restart", "waiting for a restart"), ("regroup", "regrouping")):
        if reason in waits:
            spent.append((100 * waits[reason].sum() / whole, what))
    parts = [f"{percent(share)} {what}" for share, what in spent if round(share, 1)]
    took = f": of the workers' time, {listed(parts)}" if parts else ""
    return f"Workers fail {times_in_words(figures.failures)}{took}."


def times_in_words(number: int) -> str:
    """Once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def recovery_in_words(workload: Workload) -> str:
    """How often somebody fails, and where the best checkpoint interval lies; empty where nobody may fail."""
    failures, workers = workload.failures, workload.workers
    if not failures.any:
        return ""
    together_ms = failures.mtbf_ms / workers
    text = f"One of {counted(workers, 'worker')} fails every {duration(together_ms)} on average."
    if failures.elastic or not failures.checkpoint_batches or not failures.checkpoint_ms:
        return text
    best = duration(best_interval_ms(failures.checkpoint_ms, together_ms))
    cost = duration(failures.checkpoint_ms)
    return f"{text} Where a checkpoint costs {cost}, about {best} from one to the next is best."


def failures_compared(paired: Paired, workload: Workload, policies: Sequence[Policy]) -> str:
    """How many failures each policy met on average, and what was lost to them; empty where nobody may fail."""
    if not workload.failures.any:
        return ""
    means = [paired.means[policy.label] for policy in policies]
    if not any(mean["failures"] for mean in means):
        return f"{recovery_in_words(workload)} None did in {counted(paired.replicates, 'run')}."
    each = [
        f"{rounded(mean['failures'])} with {lowered(policy.label)}, {percent(mean['down_percent'])} of the time down "
        f"and {percent(mean['cancelled_percent'])} in work thrown away"
        for policy, mean in zip(policies, means, strict=True)
    ]
    return f"{recovery_in_words(workload)} Failures in an epoch: {'; '.join(each)}."


def log_in_words(log: FailureLog) -> str:
    """How often workers fail, how long they are down, and whether failures come at random."""
    if math.isinf(log.mtbf_high):
        return f"No failure in {rounded(log.observed_hours)} hours."
    seen = rounded(log.observed_hours)
    text = (
        f"{counted(log.failures, 'failure')} of {counted(log.workers, 'worker')} in {seen} hours: "
        f"one worker fails every {rounded(log.mtbf_hours)} hours (95 % range: {rounded(log.mtbf_low)} to "
        f"{rounded(log.mtbf_high)})"
    )
    if not math.isnan(log.restart_s):
        ends = f"{duration(1000 * log.restart_low)} to {duration(1000 * log.restart_high)}"
        text += f", and is back after {duration(1000 * log.restart_s)} on average ({ends})"
    law = {
        None: "Too few to tell whether they come at random.",
        True: "The times between them vary as those of failures at random do, as the simulation takes them.",
        False: "The times between them do not vary as those of failures at random, as the simulation takes them: "
        "its figures are a guide only.",
    }[log.exponential]
    out = f" {counted(log.left_out, 'row')} left out." if log.left_out else ""
    return f"{text}. {law}{out}"
