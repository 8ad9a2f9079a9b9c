"""Which controls act on what a page shows; the others are not on it, and keep their values."""

from collections.abc import Iterable

from core import AlphaBeta, Failures, FlatLatency, Prices, ScenarioError, Stragglers
from core.axes import settled_by
from core.common.parameters import keys
from core.links import LAW_CODES
from core.maps import AXES, is_idle
from core.policies import LocalSGD, Synchronous
from core.policies.base import Policy
from core.policies.registry import CODES, policy_from_text
from core.workload.workload import Workload
from pages.shared.controls import values
from pages.shared.controls.map_axes import axes_now, values_on_map

WITHOUT_SCENARIO = ("trace", "method", "gallery")
"""Pages that show nothing of the scenario."""
WITHOUT_BARRIER = {"async_fraction", "async_least"}
"""What only pushes of a single worker pay."""
WITH_BARRIER = {"overlap", "buckets", "backward_share"}


def acting(page: str, measured: bool) -> set[str]:
    """The keys of the shared controls that act on a page, as the others are.

    page: its address, empty for Timeline's; measured: whether compute times come from a trace.
    """
    if page in WITHOUT_SCENARIO:
        return set()
    now, policies = values_on_map() if page == "map" else values.now(), shown_policies(page)
    found = {*keys(Workload).values(), "network"} | network_keys(policies, now["network"])
    found |= {*keys(Prices).values(), *keys(Failures).values()} - unused_recovery(policies)
    if not measured:
        found |= {"law", *keys(LAW_CODES[now["law"]]).values(), *keys(Stragglers).values()}
    on_axes = {key: max(AXES[key]) for key in axes_now()} if page == "map" else {}
    found = {key for key in found if not is_idle(key, now | on_axes)}
    if page == "":
        return found | {"mode", *keys(CODES[now["mode"]]).values()}
    if page == "map":
        axes = axes_now()
        unused = {"samples_per_batch"} | (set() if now["ask"] == "cost" else {*keys(Prices).values()})
        return found - {*axes, *settled_by(axes), *unused} | {"policies"}
    if page == "learning":
        own = {"policies"} if now["learn_ask"] == "policies" else set()
        unused = {"batches", "samples_per_batch"} | (set() if own else {*keys(Prices).values()})
        return found - unused | own
    return found | {"policies", "replicates"}


def unused_recovery(policies: Iterable[Policy]) -> set[str]:
    """The keys of recovery that do nothing: all without a barrier, else those of ways in which nobody recovers."""
    recovery, policies = values.value("recovery"), [policy for policy in policies if policy.has_barrier]
    unused = {"checkpoint_batches", "checkpoint_s"}, {"regroup_s"}, {"recovery"}
    if not values.value("mtbf_hours") or not policies:
        return set().union(*unused)
    ways = {policy.goes_on_without(recovery) for policy in policies}
    choice = any(not policy.goes_on_without("rollback") for policy in policies)
    acts = (False in ways, True in ways, choice)
    return set().union(*(keys for keys, act in zip(unused, acts, strict=True) if not act))


def network_keys(policies: Iterable[Policy], network: str) -> set[str]:
    """The keys of the network's fields that these policies pay for."""
    barriers = {policy.has_barrier for policy in policies}
    found = set(keys(FlatLatency if network == FlatLatency.code else AlphaBeta).values())
    if True not in barriers:
        found -= WITH_BARRIER
    if False not in barriers:
        found -= WITHOUT_BARRIER
        if network != "server":
            found -= {"servers", "server_place", "own_link"}
    if values.value("server_place") == "inside" and values.value("workers_per_node") > 1:
        found -= {"own_link"}
    return found - {"overlap"} if values.value("buckets") > 1 else found


def shown_policies(page: str) -> list[Policy]:
    """The policies that a page is about."""
    if page == "":
        return [CODES[values.value("mode")]()]
    if page == "learning" and values.value("learn_ask") == "period":
        return [Synchronous(), LocalSGD()]
    found = []
    for text in values.value("policies"):
        try:
            found.append(policy_from_text(text))
        except ScenarioError:
            continue  # the page says so
    return found
