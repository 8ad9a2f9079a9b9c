"""What an epoch costs in money, and what waiting burns of it: prices times what has been simulated, no second model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

import numpy as np
import pandas as pd

from core.common.parameters import Part, Real, Text, takes
from core.common.validation import ScenarioError, shown
from core.policies.base import Policy
from core.statistics.pairs import Paired, Table, of_compare
from core.statistics.student import two_sided_quantile
from core.statistics.verdicts import Ratio, ratios
from core.workload.workload import Workload

HOUR_MS = 3_600_000
MOST_POLICIES = 1_000
BURNT = {
    "waiting": "wait_percent",
    "network": "comm_percent",
    "cancelled": "cancelled_percent",
    "down": "down_percent",
    "tail": "tail_percent",
}
"""Shares of the workers' time, by what they are called as money."""
WASTED = ("waiting", "network", "cancelled", "down")


@dataclass(frozen=True, kw_only=True)
class Prices(Part):
    """What machines cost per hour. Nothing is said of money where workers cost nothing, as they do by default.

    Attributes:
        worker_per_hour: of one worker, at its list price; 0 by default.
        server_per_hour: of one parameter server (of `AlphaBeta`'s, under policies and collectives that use them), never
            discounted; 0 by default.
        currency: a sign or a code, such as $ or EUR; $ by default.
        spot_discount: what spot machines are cheaper by than the list price, as a share from 0 to below 1; 0 by
            default.

    Raises:
        ScenarioError: for a value out of bounds; it names field, value and range.

    Example:
        >>> from core import Prices
        >>> Prices(worker_per_hour=3, spot_discount=0.5).worker
        1.5

    """

    prefix = "prices."

    worker_per_hour: float = takes(
        Real(0, 1e6),
        0.0,
        key="worker_per_hour",
        axis=(0.5, 1.0, 2.0, 5.0, 10.0, 20.0),
        label="Price per worker (per hour)",
        help="What one worker costs for an hour; 0 leaves money out. Each is paid for until the epoch ends.",
        usual=(0, 100),
        step=0.1,
        format="%.4g",
    )
    server_per_hour: float = takes(
        Real(0, 1e6),
        0.0,
        key="server_per_hour",
        acts_with="worker_per_hour",
        axis=(0.0, 0.5, 1.0, 2.0, 5.0),
        label="Price per server (per hour)",
        help="What one parameter server costs for an hour, where a policy or a collective uses them.",
        usual=(0, 100),
        step=0.1,
        format="%.4g",
    )
    currency: str = takes(
        Text(8),
        "$",
        key="currency",
        acts_with="worker_per_hour",
        label="Currency",
        help="A sign or a code: $, €, EUR.",
    )
    spot_discount: float = takes(
        Real(0, 1, below=True),
        0.0,
        key="spot_discount",
        acts_with="worker_per_hour",
        axis=(0.0, 0.25, 0.5, 0.67, 0.75, 0.9),
        label="Spot discount",
        help="How much cheaper spot machines are than the price above. Servers are not discounted.",
        usual=(0, 0.95),
        step=0.01,
        format="percent",
    )

    @property
    def given(self) -> bool:
        """Whether the price of a worker is set."""
        return self.worker_per_hour > 0

    @property
    def worker(self) -> float:
        """What one worker costs per hour, the discount taken off."""
        return self.worker_per_hour * (1 - self.spot_discount)

    def per_hour(self, workload: Workload, policy: Policy) -> float:
        """What all workers, and the servers that are used, cost per hour.

        Args:
            workload: its workers and its network.
            policy: whether it pushes to servers.

        """
        return self.worker * workload.workers + self.server_per_hour * servers_held(workload, policy)


def servers_held(workload: Workload, policy: Policy) -> int:
    """How many parameter servers are paid for: those of the network where pushes or its collective go through them."""
    network = workload.network
    used = getattr(network, "collective", "") == "server" or policy.goes_push_by_push(network)
    return getattr(network, "servers", 0) if used else 0


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one epoch costs, in a currency.

    Attributes:
        currency: a sign or a code.
        epoch: all machines until the epoch ends.
        wasted: what waiting, network, cancelled work and down time burn of it.
        waiting: workers that wait for each other.
        network: workers that communicate.
        cancelled: work that is thrown away.
        down: workers that are down.
        tail: workers that are done for good while others go on; not part of `wasted`.
        per_million_batches: of a million mini-batches whose gradients are used.
        per_million_samples: of a million samples; NaN where `samples_per_batch` is not said.
        samples_per_second: throughput in samples; NaN likewise.

    """

    currency: str
    epoch: float
    wasted: float
    waiting: float
    network: float
    cancelled: float
    down: float
    tail: float
    per_million_batches: float
    per_million_samples: float
    samples_per_second: float


def cost(run: Any, prices: Prices) -> Cost:
    """What an epoch costs, and what is burnt of it: price per hour × time held × share of the workers' time.

    Args:
        run: as `simulate` returns it.
        prices: what machines cost per hour.

    Returns:
        The cost of the epoch and its parts, all in the currency of the prices.

    Raises:
        ScenarioError: where either is something else.

    Example:
        >>> from core import Constant, FlatLatency, Prices, Scenario, cost, simulate
        >>> hour = Scenario(compute=Constant(mean_ms=270_000), network=FlatLatency(latency_ms=90_000))
        >>> found = cost(simulate(hour), Prices(worker_per_hour=2))
        >>> found.epoch, found.network, found.wasted
        (8.0, 2.0, 2.0)

    """
    if not hasattr(run, "metrics") or not isinstance(getattr(run, "scenario", None), Workload):
        raise ScenarioError(f"run: {shown(run)} is not a Run.")
    checked_prices(prices)
    figures = cost_figures(vars(run.metrics), run.scenario, run.scenario.policy, prices)
    return Cost(currency=prices.currency, **{name: float(value) for name, value in figures.items()})


def checked_prices(prices: object) -> Prices:
    """The prices, or ScenarioError where they are something else."""
    if not isinstance(prices, Prices):
        raise ScenarioError(f"prices: {shown(prices)} are not Prices.")
    return prices


def cost_figures(figures: Mapping[str, Any], workload: Workload, policy: Policy, prices: Prices) -> dict[str, Any]:
    """The figures of `Cost` for one run or for many, from those of `Metrics`.

    Args:
        figures: of a run, or arrays of many, by name.
        workload: what was run.
        policy: under which policy.
        prices: what machines cost per hour.

    """
    hours = figures["epoch_ms"] / HOUR_MS
    epoch = hours * prices.per_hour(workload, policy)
    workers = hours * prices.worker * workload.workers
    burnt = {name: workers * figures[share] / 100 for name, share in BURNT.items() if share in figures}
    burnt = {name: burnt.get(name, 0 * workers) for name in BURNT}
    batches, samples = figures["throughput"] * hours * HOUR_MS / 1000, workload.samples_per_batch or np.nan
    return {
        "epoch": epoch,
        "wasted": sum(burnt[name] for name in WASTED),
        **burnt,
        "per_million_batches": 1e6 * epoch / batches,
        "per_million_samples": 1e6 * epoch / (batches * samples),
        "samples_per_second": figures["throughput"] * samples,
    }


def cost_of_time(time_ms: float, workload: Workload, policy: Policy, prices: Prices) -> float:
    """What all machines cost for a time, such as that to a target.

    Args:
        time_ms: how long they are held, ms.
        workload: its workers and its network.
        policy: whether it uses servers.
        prices: what machines cost per hour.

    """
    return time_ms / HOUR_MS * prices.per_hour(workload, policy)


@dataclass(frozen=True, kw_only=True)
class Saving:
    """What one policy costs less per epoch than another: a mean with its interval, and the ratio of the mean costs.

    Attributes:
        ratio: the other's mean cost over the one's, judged as speed-ups are.
        value: the mean saving, in the currency.
        low: lower end of its interval, which leaves 0 out where the ratio is decided; NaN for one run.
        high: upper end.

    """

    ratio: Ratio
    value: float
    low: float
    high: float

    @property
    def outcome(self) -> str:
        """decided, equal or open."""
        return self.ratio.outcome


def labelled(policies: object) -> dict[str, Policy]:
    """Policies by their labels; what is not a list of policies has none."""
    try:
        several = list(islice(policies, MOST_POLICIES)) if isinstance(policies, Iterable) else []
    except TypeError:
        several = []
    return {policy.label: policy for policy in several if isinstance(policy, Policy)}


class Costs:
    """What policies cost per epoch in paired runs, and what each saves over each other one.

    Args:
        table: what `compare` made.
        workload: what was compared.
        policies: those of the table.
        prices: what machines cost per hour; a worker more than 0.

    Raises:
        ScenarioError: for another table, a policy that is not in it, and where no price is set.

    """

    def __init__(self, table: Table, workload: Workload, policies: Sequence[Policy], prices: Prices) -> None:
        if not checked_prices(prices).given:
            raise ScenarioError("prices: worker_per_hour is 0; set what a worker costs per hour.")
        paired = of_compare(table)
        by_label = labelled(policies)
        missing = [label for label in paired.runs if label not in by_label]
        if missing:
            raise ScenarioError(f"policies: {missing[0]} is in the table, but not among them.")
        self.currency, self.baseline = prices.currency, paired.baseline
        self.by_policy = {
            label: cost_figures(runs, workload, by_label[label], prices) for label, runs in paired.runs.items()
        }
        """The figures of `Cost` in every run, by policy in the order of the table."""
        self.mean = {label: self.means_of(paired, label) for label in self.by_policy}
        """Their means; costs of a million and samples a second are those of all runs together."""
        pairs = list(combinations(self.by_policy, 2))
        found = ratios([(self.by_policy[one]["epoch"], self.by_policy[other]["epoch"]) for one, other in pairs])
        self.ratios = dict(zip(pairs, found, strict=True))

    def means_of(self, paired: Paired, label: str) -> dict[str, float]:
        """The mean of every figure of a policy; rates are those of all runs together."""
        figures = self.by_policy[label]
        mean = {name: float(np.mean(values)) for name, values in figures.items()}
        epochs = paired.runs[label]["epoch_ms"]
        per_second = float((figures["samples_per_second"] * epochs).mean() / epochs.mean())
        return mean | {"samples_per_second": per_second}

    def saving(self, one: str, other: str) -> Saving:
        """What one policy costs less per epoch than another.

        Args:
            one: label of the policy that saves, or spends where the saving is negative.
            other: label of the policy that it is compared with.

        """
        ratio = self.ratios[other, one] if (other, one) in self.ratios else self.ratios[one, other].inverse
        less = self.by_policy[other]["epoch"] - self.by_policy[one]["epoch"]
        mean = float(less.mean())
        if ratio.runs == 1:
            return Saving(ratio=ratio, value=mean, low=np.nan, high=np.nan)
        half = float(less.std(ddof=1)) / np.sqrt(ratio.runs) * two_sided_quantile(ratio.level, ratio.runs - 1)
        return Saving(ratio=ratio, value=mean, low=mean - half, high=mean + half)

    @property
    def cheapest(self) -> str:
        """The policy whose mean cost per epoch is the least; of equal ones the first of the table."""
        return min(self.mean, key=lambda policy: self.mean[policy]["epoch"])

    def table(self) -> pd.DataFrame:
        """A row a policy: its mean costs, and what it saves over the first policy.

        Columns: policy, the figures of `Cost`, saved, saved_low, saved_high (per epoch) and outcome, of which the
        first policy's are 0 and empty.
        """
        rows: list[dict[str, Any]] = []
        for policy, mean in self.mean.items():
            row = {"policy": policy, **mean}
            if policy == self.baseline:
                rows.append(row | {"saved": 0.0, "saved_low": 0.0, "saved_high": 0.0, "outcome": ""})
                continue
            found = self.saving(policy, self.baseline)
            rows.append(
                row
                | {
                    "saved": found.value,
                    "saved_low": found.low,
                    "saved_high": found.high,
                    "outcome": found.outcome,
                }
            )
        return pd.DataFrame(rows)


def costs(table: Table, scenario: Workload, policies: Sequence[Policy], prices: Prices) -> Costs:
    """What policies cost per epoch, and what each saves over each other one, with intervals.

    Args:
        table: what `compare` made of the scenario and the policies.
        scenario: what was compared.
        policies: those of the table.
        prices: what machines cost per hour.

    Returns:
        Costs: `table()` has a row a policy, `saving(one, other)` the saving of any pair.

    Raises:
        ScenarioError: for a table that is not one of `compare`, other policies, and where no price is set.

    Source:
        Intervals as those of `verdict`: Fieller's for ratios, Student's for differences, Holm's correction for pairs.

    Example:
        >>> from core import Asynchronous, Prices, Scenario, Synchronous, compare, costs
        >>> policies = [Synchronous(), Asynchronous()]
        >>> table = compare(Scenario(), policies, replicates=100)
        >>> found = costs(table, Scenario(), policies, Prices(worker_per_hour=1))
        >>> found.cheapest, found.saving("Asynchronous", "Synchronous").outcome
        ('Asynchronous', 'decided')

    """
    return Costs(table, Workload.checked(scenario), policies, prices)
