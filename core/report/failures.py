"""Failures in words: how many there were, what they cost, and how policies recover from them."""

from collections.abc import Sequence

import pandas as pd

from core.common.wording import counted, duration, listed, lowered, money, percent, rounded, times
from core.money import Prices, cost_of_time
from core.policies.base import Policy
from core.report.verdicts import with_level
from core.schedule.failures import Failed
from core.schedule.metrics import wait_ms
from core.simulation.run import Run
from core.statistics.pairs import Paired
from core.statistics.verdicts import ratios
from core.workload.failures import best_interval_ms
from core.workload.workload import Workload

MOST_FAILURES, MOST_LISTED = 1_000, 10
"""Failures of a run that are marked and tabled one by one, and that are listed in a sentence."""
FEW = 5  # rare events that a comparison takes at least
LEAST_LOST = 0.0005  # of an epoch: what is less is not worth a word


def how_often_workers_fail(run: Run) -> str:
    """How many failures a run had; empty where nobody may fail."""
    if run.schedule.failures is None:
        return ""
    failures = run.metrics.failures
    return f"Workers fail {times_in_words(failures)}." if failures else "No worker fails in this run."


def failures_in_words(run: Run) -> str:
    """How many failures a run had, and what the workers' time they took; empty where nobody may fail."""
    schedule, figures, said = run.schedule, run.metrics, how_often_workers_fail(run)
    if not said or not figures.failures:
        return said
    whole = run.scenario.workers * figures.epoch_ms
    waits = wait_ms(schedule)
    spent = [(figures.down_percent, "down"), (figures.cancelled_percent, "computing what was thrown away")]
    for reason, what in (("restart", "waiting for a restart"), ("regroup", "regrouping")):
        if reason in waits:
            spent.append((100 * waits[reason].sum() / whole, what))
    parts = [f"{percent(share)} {what}" for share, what in spent if round(share, 1)]
    return f"{said[:-1]}: of the workers' time, {listed(parts)}." if parts else said


def cost_of_failures_in_words(run: Run, without_ms: float, prices: Prices) -> str:
    """What failures, and checkpoints against them, cost of an epoch: time, and money where a price is set.

    Args:
        run: where workers may fail.
        without_ms: how long the same epoch takes without failures and checkpoints, ms.
        prices: what machines cost.

    """
    scenario, lost_ms = run.scenario, run.metrics.epoch_ms - without_ms
    saves = saves_work(scenario, scenario.policy)
    if not run.metrics.failures and not saves:
        return ""
    what = " and ".join(["failures"] * (run.metrics.failures > 0) + ["checkpoints"] * saves)
    would = f"without them the epoch would take {duration(without_ms)}"
    what = what[0].upper() + what[1:]
    if abs(lost_ms) < LEAST_LOST * without_ms:
        return f"{what} cost next to no time: {would}, too."
    if lost_ms < 0:
        return f"{what} make this epoch no longer: {would}."
    amount, ratio = amount_in_words(lost_ms, scenario, scenario.policy, prices), run.metrics.epoch_ms / without_ms
    return f"{what} cost {duration(lost_ms)}{amount}: {would}; it takes {times(ratio)} that."


def amount_in_words(lost_ms: float, workload: Workload, policy: Policy, prices: Prices | None) -> str:
    """What a time costs, after the time; empty where no price is set."""
    if prices is None or not prices.given:
        return ""
    return f", or {money(cost_of_time(lost_ms, workload, policy, prices), prices.currency)}"


def saves_work(workload: Workload, policy: Policy) -> bool:
    """Whether a policy pays for checkpoints."""
    failures = workload.failures
    saves = failures.any and failures.checkpoint_batches and failures.checkpoint_ms
    return bool(saves and policy.has_barrier and not policy.goes_on_without(failures.recovery))


def lost_in_words(found: Failed, place: int) -> str:
    """What work one of some failures cost: 8 mini-batches, 4.00 s of computing; none."""
    batches = int(found.lost_batches[place])
    if not batches:
        return "none"
    return f"{counted(batches, 'mini-batch', 'mini-batches')}, {duration(found.lost_ms[place])} of computing"


def listed_failures(found: Failed) -> str:
    """The first failures of a run one by one, for people who cannot see their marks; empty where there are none."""
    if not len(found):
        return ""
    said = [
        f"W{worker} at {duration(at)}, down for {duration(back - at)}, work lost: {lost_in_words(found, place)}"
        for place, (worker, at, back) in enumerate(
            zip(found.worker[:MOST_LISTED], found.failed_ms, found.back_ms, strict=False)
        )
    ]
    more = len(found) - len(said)
    return f" Failures: {'; '.join(said)}{f'; and {more:,} more' if more else ''}."


def failures_table(found: Failed) -> pd.DataFrame:
    """The failures of a run, the first of them where they are very many, as people read them."""
    some = slice(MOST_FAILURES)
    return pd.DataFrame(
        {
            "Worker": [f"W{worker}" for worker in found.worker[some]],
            "Fails at (s)": (found.failed_ms[some] / 1000).round(3),
            "Down for (s)": ((found.back_ms - found.failed_ms)[some] / 1000).round(3),
            "Mini-batches to do again": found.lost_batches[some],
            "Computing lost (s)": (found.lost_ms[some] / 1000).round(3),
        }
    )


def times_in_words(number: int) -> str:
    """Once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def recovery_in_words(workload: Workload, batch_ms: float | None = None) -> str:
    """How often somebody fails, and where the best checkpoint interval lies; empty where nobody may fail.

    Args:
        workload: whose workers may fail.
        batch_ms: how long a mini-batch of all workers takes without failures, from barrier to barrier, ms: then the
            interval is also said in batches.

    """
    failures, workers = workload.failures, workload.workers
    if not failures.any:
        return ""
    together_ms = failures.mtbf_ms / workers
    text = f"One of {counted(workers, 'worker')} fails every {duration(together_ms)} on average."
    if failures.elastic or not failures.checkpoint_batches or not failures.checkpoint_ms:
        return text
    best_ms = best_interval_ms(failures.checkpoint_ms, together_ms)
    best = duration(best_ms)
    if batch_ms:
        best += f", or {counted(max(1, round(best_ms / batch_ms)), 'batch', 'batches')},"
    cost = duration(failures.checkpoint_ms)
    return f"{text} With checkpoints that cost {cost}, one about every {best} is best."


def failures_compared(
    paired: Paired,
    workload: Workload,
    policies: Sequence[Policy],
    without: Paired | None = None,
    prices: Prices | None = None,
) -> str:
    """How many failures each policy met on average, and what they cost; empty where nobody may fail.

    Args:
        paired: runs of the policies.
        workload: what was run.
        policies: those of the runs.
        without: as many runs without failures and checkpoints; where it is None, nothing is said of the time they cost.
        prices: what machines cost; None where nothing is said of money.

    """
    if not workload.failures.any:
        return ""
    saving = [policy for policy in policies if saves_work(workload, policy)]
    without_ms = without.means[saving[0].label]["epoch_ms"] if saving and without else 0.0
    rates = recovery_in_words(workload, without_ms / workload.batches)
    if not saving and not any(paired.means[policy.label]["failures"] for policy in policies):
        return f"{rates} None did in {counted(paired.replicates, 'run')}."
    each = [failures_met(paired, workload, policy, without, prices) for policy in policies]
    counted_in = " (times include checkpoints)" if saving and without else ""
    said = f"{rates} Failures in an epoch{counted_in}: {'; '.join(each)}."
    others = [lowered(policy.label) for policy in policies if policy not in saving]
    if saving and others:
        said += f" Checkpoints count as network time; {listed(others)} {'takes' if len(others) == 1 else 'take'} none."
    return said


def failures_met(
    paired: Paired, workload: Workload, policy: Policy, without: Paired | None, prices: Prices | None
) -> str:
    """How many failures one policy met, and what they cost; how many to expect where that is too few to say."""
    mean, name = paired.means[policy.label], lowered(policy.label)
    expected = failures_expected(workload, mean["epoch_ms"])
    if expected * paired.replicates < FEW and not saves_work(workload, policy):
        runs = counted(paired.replicates, "run")
        return f"about {rounded(expected)} with {name}, too few in {runs} to say what they cost"
    cost = ""
    if without is not None:
        longer, interval = how_much_longer(paired, without, policy)
        lost_ms = mean["epoch_ms"] - without.means[policy.label]["epoch_ms"]
        amount = amount_in_words(lost_ms, workload, policy, prices)
        cost = f", which make it {longer} as long ({interval}; {duration(lost_ms)}{amount})"
    return (
        f"{rounded(mean['failures'])} with {name}{cost}, {percent(mean['down_percent'])} of the time down and "
        f"{percent(mean['cancelled_percent'])} in work thrown away"
    )


def failures_expected(workload: Workload, epoch_ms: float) -> float:
    """How many failures of workers are expected in an epoch that takes so long, ms."""
    return workload.workers * epoch_ms / workload.failures.mtbf_ms if workload.failures.any else 0.0


def how_much_longer(paired: Paired, without: Paired, policy: Policy) -> tuple[str, str]:
    """How many times as long epochs take with failures, and the interval of that: runs of the same draws are pairs."""
    with_them, healthy = (each.runs[policy.label]["epoch_ms"] for each in (paired, without))
    return with_level(ratios([(with_them, healthy)])[0])
