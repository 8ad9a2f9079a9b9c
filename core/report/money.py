"""Money in words: what an epoch costs, what is burnt of it, and what another policy saves."""

import math
from collections.abc import Sequence

import pandas as pd

from core.common.wording import counted, listed, lowered, money, percent, rounded
from core.money import Cost, Costs, Prices, cost, cost_of_time
from core.policies.base import Policy
from core.simulation.run import Run
from core.statistics.pairs import Paired
from core.workload.workload import Workload

BURNT_BY = {
    "waiting": "waiting",
    "network": "the network",
    "cancelled": "work thrown away",
    "down": "workers that are down",
}
SEEN = 0.0005  # of an epoch's cost: what is less is not worth a word
DAYS_A_MONTH = 365 / 12


def cost_in_words(run: Run, prices: Prices) -> str:
    """What the epoch costs and what is burnt of it; empty where no price is set."""
    return said_of(cost(run, prices), run.scenario.samples_per_batch) if prices.given else samples_in_words(run)


def said_of(found: Cost, samples_per_batch: int) -> str:
    """A cost in sentences."""
    parts = [
        f"{money(getattr(found, name), found.currency)} {what}"
        for name, what in BURNT_BY.items()
        if getattr(found, name) >= SEEN * found.epoch
    ]
    text = f"An epoch costs {money(found.epoch, found.currency)}"
    if parts:
        wasted = f"{money(found.wasted, found.currency)} of it ({percent(100 * found.wasted / found.epoch)})"
        burns = f": {listed(parts)}" if len(parts) > 1 else f", all by {parts[0].partition(' ')[2]}"
        text += f"; {wasted} is burnt{burns}"
    if found.tail >= SEEN * found.epoch:
        text += f". Workers that are done before the others cost another {money(found.tail, found.currency)}"
    if samples_per_batch:
        million = money(found.per_million_samples, found.currency)
        return f"{text}. A million samples cost {million}, at {rounded(found.samples_per_second)} samples per second."
    return f"{text}. A million mini-batches cost {money(found.per_million_batches, found.currency)}."


def samples_in_words(run: Run) -> str:
    """How many samples a second are processed; empty where the size of a mini-batch is not said."""
    each = run.scenario.samples_per_batch
    return f"That is {rounded(run.metrics.throughput * each)} samples per second." if each else ""


def cost_lines(run: Run, prices: Prices) -> str:
    """Lines of a summary that say what the epoch costs; empty where no price is set."""
    if not prices.given:
        return ""
    found = cost(run, prices)
    lines = [f"Cost of an Epoch: {money(found.epoch, found.currency)}", f"Burnt: {money(found.wasted, found.currency)}"]
    if run.scenario.samples_per_batch:
        lines.append(f"Cost per Million Samples: {money(found.per_million_samples, found.currency)}")
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def savings_in_words(found: Costs) -> str:
    """What the cheapest policy costs per epoch, and what it saves over the first, or the first over the next."""
    cheapest, currency = found.cheapest, found.currency
    others = sorted((policy for policy in found.mean if policy != cheapest), key=lambda p: found.mean[p]["epoch"])
    other = found.baseline if cheapest != found.baseline else others[0]
    saving = found.saving(cheapest, other)
    each = f"An epoch costs {money(found.mean[cheapest]['epoch'], currency)} with {lowered(cheapest)} and "
    each += f"{money(found.mean[other]['epoch'], currency)} with {lowered(other)}"
    if saving.outcome == "equal":
        return f"{each}: the same within 1 %."
    if math.isnan(saving.low):
        return f"{each} in this one run."
    interval = "" if saving.low == saving.high else f" ({between(saving.low, saving.high, currency)})"
    if saving.outcome == "open":
        return f"{each}; which is cheaper is open{interval}."
    return f"{each}: it saves {money(saving.value, currency)} an epoch{interval}."


def between(low: float, high: float, currency: str) -> str:
    """The ends of an interval of money."""
    return f"95 % interval: {money(low, currency)} to {money(high, currency)}"


def cost_ranking(found: Costs) -> pd.DataFrame:
    """The policies, the cheapest first, as text: cost of an epoch, burnt, and what each saves over the first policy."""
    rows = []
    for row in found.table().sort_values("epoch", kind="stable").itertuples():
        saved = "baseline" if row.policy == found.baseline else money(row.saved, found.currency)
        if row.outcome and row.saved_low < row.saved_high:
            saved += f" ({money(row.saved_low, found.currency)} to {money(row.saved_high, found.currency)})"
        rows.append(
            {
                "Policy": row.policy,
                "Cost of an epoch": money(row.epoch, found.currency),
                "Burnt": money(row.wasted, found.currency),
                "Saved per epoch": saved + (f", {row.outcome}" if row.outcome in ("open", "equal") else ""),
            }
        )
    return pd.DataFrame(rows)


def cost_to_target_in_words(
    times_ms: dict[str, float], workload: Workload, policies: Sequence[Policy], prices: Prices
) -> str:
    """What it costs until the target is reached, by policy.

    Args:
        times_ms: mean time to the target by the policy's label; NaN for one that does not reach it in every run.
        workload: what is trained on.
        policies: whose times they are.
        prices: what machines cost.

    """
    if not prices.given:
        return ""
    spent = [
        f"{money(cost_of_time(times_ms[policy.label], workload, policy, prices), prices.currency)} with "
        f"{lowered(policy.label)}"
        for policy in policies
        if times_ms.get(policy.label, math.nan) < math.inf
    ]
    return f"Reaching the target costs {listed(spent)}." if spent else ""


def stragglers_cost_in_words(
    workers: int,
    wait_percent: float,
    prices: Prices,
    hours_a_day: float = 24.0,
    source: str = "waiting for the slowest",
) -> str:
    """What waiting costs a day and a month on machines that run so many hours a day; empty where no price is set.

    Args:
        workers: of the measured run.
        wait_percent: share of their time that goes into waiting.
        prices: what machines cost.
        hours_a_day: how long they run.
        source: what they wait for.

    """
    if not prices.given:
        return ""
    day = workers * prices.worker * hours_a_day * wait_percent / 100
    return (
        f"At {money(prices.worker, prices.currency)} an hour for each of {counted(workers, 'worker')}, "
        f"{rounded(hours_a_day)} hours a day, {source} costs {money(day, prices.currency)} a day and "
        f"{money(day * DAYS_A_MONTH, prices.currency)} a month."
    )


def money_compared(paired: Paired, workload: Workload, policies: Sequence[Policy], prices: Prices | None) -> str:
    """What policies cost and save per epoch, and samples a second; empty where neither prices nor samples are said."""
    said = savings_in_words(Costs(paired, workload, policies, prices)) if prices is not None and prices.given else ""
    each = workload.samples_per_batch
    if not each:
        return said
    rates = [f"{rounded(paired.means[policy]['throughput'] * each)} with {lowered(policy)}" for policy in paired.order]
    return f"{said} Samples per second: {listed(rates)}.".strip()
