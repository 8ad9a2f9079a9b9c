"""Which bandwidth a policy needs, so that workers compute for a certain share of their time."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from core.common.parameters import parameters
from core.common.validation import ScenarioError, real, shown, whole
from core.policies.base import Policy
from core.scenario import Scenario
from core.simulation.paired import check_policies, paired_figures
from core.workload.networks import AlphaBeta
from core.workload.workload import Workload

UTILIZATIONS = (50.0, 80.0, 90.0, 95.0, 99.0)
MOST_SHARES = 100
RUNS = 20  # of each policy at each bandwidth that is tried
LEAST_GBPS, MOST_GBPS = parameters(AlphaBeta)["bandwidth_gbps"].rule.ends  # type: ignore[attr-defined]
ACCURACY, MOST_TRIALS = 1e-4, 60  # relative, of a bandwidth


def required_bandwidth(
    scenario: Workload,
    policies: Iterable[Policy] | None = None,
    utilization_percent: float | Iterable[float] = UTILIZATIONS,
    replicates: int = RUNS,
) -> pd.DataFrame:
    """The bandwidth at which each policy's workers compute for so many percent of their time: one row for each pair.

    With nodes it is that of the links between them. The same draws at every bandwidth.

    Args:
        scenario: a scenario, or a workload where policies are named; its network is an `AlphaBeta`, whose own bandwidth
            does not matter.
        policies: the scenario's own by default.
        utilization_percent: what is to be reached, above 0 to below 100; 50, 80, 90, 95 and 99 by default.
        replicates: runs of each policy, whose mean utilization counts.

    Returns:
        Columns: policy, utilization_percent, bandwidth_gbps (the least that reaches it, to within 0.01 %; NaN where no
        bandwidth up to a million Gb/s does), and most_percent (what is reached with that one: what waiting and latency
        leave).

    Raises:
        ScenarioError: for a network without a bandwidth, and for an argument out of range.

    Source:
        Douillard et al. 2025, arXiv 2501.18512, table 4 has such bandwidths.

    Example:
        >>> from core import AlphaBeta, Constant, LocalSGD, Scenario, required_bandwidth
        >>> one_step = Constant(mean_ms=100)
        >>> links = AlphaBeta(latency_ms=0, message_mb=2_000)  # a billion parameters of 16 bits
        >>> scenario = Scenario(workers=2, batches=100, compute=one_step, network=links, policy=LocalSGD(period=100))
        >>> required_bandwidth(scenario, utilization_percent=50)["bandwidth_gbps"].round(3).item()
        1.6

    """
    if policies is None:
        policies = [Scenario.checked(scenario).policy]
    Workload.checked(scenario)
    policies = check_policies(policies)
    replicates = whole("replicates", replicates, 1, 1_000_000)
    wanted = several_shares(utilization_percent)
    if not isinstance(scenario.network, AlphaBeta):
        raise ScenarioError(
            f"scenario: its network, {type(scenario.network).__name__}, has no bandwidth to look for; take an "
            "AlphaBeta: the network model ring, tree or server."
        )
    rows = []
    for policy in policies:
        search = Search(scenario, policy, replicates)
        rows += [
            {
                "policy": policy.label,
                "utilization_percent": percent,
                "bandwidth_gbps": search.least_gbps(percent),
                "most_percent": search.most_percent,
            }
            for percent in wanted
        ]
    return pd.DataFrame(rows)


def several_shares(values: Any) -> list[float]:
    """The shares as a list, or ScenarioError where they are not different percentages above 0 to below 100."""
    try:
        several = [values] if isinstance(values, str | bytes) else list(islice(values, MOST_SHARES + 1))
    except TypeError:
        several = [values]
    check = partial(real, "utilization_percent", low=0, high=100, above=True, below=True, unit="%")
    found = [check(value) for value in several]
    if not 1 <= len(found) <= MOST_SHARES or len(set(found)) < len(found):
        raise ScenarioError(
            f"utilization_percent: {shown(values)} is not a list of 1 to {MOST_SHARES} different percentages."
        )
    return found


class Search:
    """Looks for bandwidths at which a policy's workers compute for certain shares of their time."""

    def __init__(self, scenario: Workload, policy: Policy, replicates: int):
        self.scenario, self.policy, self.replicates = scenario, policy, replicates
        self.known = {1 / MOST_GBPS: self.excess(1 / MOST_GBPS)}
        """Of 1/bandwidth: time of the workers over the part of it that they compute."""

    @property
    def most_percent(self) -> float:
        """What is reached with the largest bandwidth."""
        return 100 / self.known[1 / MOST_GBPS]

    def excess(self, per_gbps: float) -> float:
        """Time of the workers over the part of it that they compute: as good as linear in the time of a message."""
        assert isinstance(self.scenario.network, AlphaBeta)
        network = replace(self.scenario.network, bandwidth_gbps=min(1 / per_gbps, MOST_GBPS))
        here = replace(self.scenario, network=network)
        (figures,) = paired_figures(here, [self.policy], self.replicates, None)
        return 100 / float(figures["utilization_percent"].mean())

    def least_gbps(self, percent: float) -> float:
        """The least bandwidth that reaches a share; NaN where none does."""
        wanted = 100 / percent
        if self.known[1 / MOST_GBPS] > wanted:
            return np.nan
        slow = 1 / LEAST_GBPS
        if slow not in self.known:
            self.known[slow] = self.excess(slow)
        if self.known[slow] <= wanted:
            return LEAST_GBPS
        low = max(at for at, excess in self.known.items() if excess <= wanted)
        high = min(at for at, excess in self.known.items() if excess > wanted and at > low)
        below, above = self.known[low] - wanted, self.known[high] - wanted
        for trial in range(MOST_TRIALS):
            if high <= low * (1 + ACCURACY):
                break
            middle = (low * above - high * below) / (above - below)  # where a straight line meets it
            if trial % 3 == 2 or not low < middle < high:
                middle = np.sqrt(low * high)  # as far from either end, by factors
            middle = float(np.clip(middle, low * (1 + ACCURACY / 4), high / (1 + ACCURACY / 4)))
            found = self.known[middle] = self.excess(middle)
            if found <= wanted:
                low, below = middle, found - wanted
            else:
                high, above = middle, found - wanted
        return 1 / low
