"""The bandwidth that policies need for several utilizations, in one place of a map."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from core import ScenarioError, Workload, required_bandwidth
from core.maps import MOST_SEARCHED
from core.policies.base import Policy
from core.report.bandwidth import bandwidths, bandwidths_in_words
from core.simulation.sweeps import changed, changed_policy
from pages.shared.answers.drawn import tabled
from pages.shared.caching.results import remembered


@remembered(entries=256, size="16MiB", own=4, spinner="Looking for bandwidths…")
def by_utilization(
    workload: Workload, policies: Sequence[Policy], cell: Mapping[str, float], runs: int
) -> tuple[str, pa.Table | None]:
    """What each policy needs in a cell (dotted names and values), in words and as a table; why there is none.

    runs: of the map, so that both say the same.
    """
    try:
        here = changed(workload, dict(cell))
        adapted = list(dict.fromkeys(changed_policy(policy, dict(cell)).fitted(here.workers) for policy in policies))
        table = required_bandwidth(here, adapted, replicates=min(runs, MOST_SEARCHED))
    except ScenarioError as refused:
        return str(refused), None
    return bandwidths_in_words(table), tabled(bandwidths(table).reset_index())
