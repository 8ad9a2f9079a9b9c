"""What the axes of a map need: a law, a network or a policy that has them, and something for them to act on."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from core.common.parameters import keys
from core.common.wording import lowered
from core.links import LAW_CODES, PARAMETERS
from core.maps import AXES, at_its_least, causes
from core.money import Prices
from core.policies.registry import CODES, policy_from_text
from core.workload.networks import AlphaBeta, FlatLatency
from core.workload.stragglers import Stragglers

OF_LAWS = {
    code: set(keys(law).values()) - {"batch_ms"}  # which all of them have
    for code, law in LAW_CODES.items()
}
OF_NETWORKS = {FlatLatency.code: set(keys(FlatLatency).values()), "ring": set(keys(AlphaBeta).values())}
OF_POLICIES = {code: set(keys(policy).values()) for code, policy in CODES.items()}
ENOUGH = {
    "slow_workers": 1,
    "hiccup_probability": 0.05,
    "episode_share": 0.05,
    "mtbf_hours": 1.0,
    "checkpoint_batches": 10,
    "worker_per_hour": 1.0,
}
"""Keys without which others change nothing, and a value at which those do."""
LEARNING_ALONE = ("accumulate",)
"""Keys that change how fast a policy learns, and not how long its epoch takes."""
ABOUT_LEARNING = ("staleness", "target")
"""Questions that have to do with it."""
OF_PRICES = set(keys(Prices).values())
"""Keys that change what an epoch costs, and nothing else."""
COUNTS_WORKERS = ("slow_workers", "wait_for")
"""Keys that can be no more than the workers."""


def kind_of(key: str, kinds: Mapping[str, set[str]]) -> str:
    """The first law, network or policy that has this key, by its code; empty where none has it."""
    return next((code for code, its_keys in kinds.items() if key in its_keys), "")


def needed(values: Mapping[str, Any], axes: Sequence[str]) -> dict[str, Any]:
    """What a map over these axes takes in place of some of the values: a law, a network, a policy more.

    Args:
        values: of all keys of a link.
        axes: keys of `AXES`.

    Returns:
        {key: value}; empty where the values describe what has the axes.

    Example:
        >>> from core.links import DEFAULTS
        >>> needed(DEFAULTS, ["bandwidth_gbps", "workers"])
        {'network': 'ring'}

    """
    found: dict[str, Any] = {}
    for key in axes:
        law, network, policy = (kind_of(key, kinds) for kinds in (OF_LAWS, OF_NETWORKS, OF_POLICIES))
        if law and key not in OF_LAWS[values["law"]]:
            found["law"] = law
        if network and (network == FlatLatency.code) != (values["network"] == FlatLatency.code):
            found["network"] = network
        policies = found.get("policies", values["policies"])
        if policy and not any(has(text, key) for text in policies):
            found["policies"] = (*policies, CODES[policy]().text)
    return found


def settled_by(axes: Sequence[str]) -> set[str]:
    """Of law and network, what these axes leave no choice of."""
    laws, networks = ([kind_of(key, kinds) for key in axes] for kinds in (OF_LAWS, OF_NETWORKS))
    return ({"law"} if any(laws) else set()) | ({"network"} if FlatLatency.code in networks else set())


def has(policy: str, key: str) -> bool:
    """Whether a policy, as a link names it, has a key."""
    return key in keys(type(policy_from_text(policy))).values()


def together(one: str, other: str) -> bool:
    """Whether two keys can be the axes of one map: they differ, and no two laws or networks are needed for them."""
    return one != other and all(
        kind_of(one, kinds) in ("", kind_of(other, kinds) or kind_of(one, kinds)) for kinds in (OF_LAWS, OF_NETWORKS)
    )


def offered(ask: str, measured: bool, beside: str = "none") -> list[str]:
    """The keys that can be an axis of a map.

    Args:
        ask: the question, of `QUESTIONS`.
        measured: whether compute times and stragglers come from a trace, and not from the keys of a law.
        beside: the other axis, none where it may be any.

    """
    not_of_a_trace = {
        "batch_ms",
        *(key for key in keys(Stragglers).values() if any(causes(key))),
        *set().union(*OF_LAWS.values()),
    }
    return [
        key
        for key in AXES
        if not (measured and key in not_of_a_trace)
        and (key not in OF_PRICES or ask == "cost")
        and (key not in LEARNING_ALONE or ask in ABOUT_LEARNING)
        and (beside == "none" or together(beside, key))
    ]


def to_act_on(values: Mapping[str, Any], axes: Sequence[str]) -> dict[str, Any]:
    """What else to set so that these axes change something: a slow worker, where its slowdown is an axis."""
    needed = [cause for key in axes for cause in causes(key) if cause in ENOUGH and cause not in axes]
    return {cause: ENOUGH[cause] for cause in needed if at_its_least(cause, values[cause])}


def usual_values(values: Mapping[str, Any], key: str, beside: str) -> tuple:
    """The values of an axis to start from: those that so many workers allow."""
    if key not in COUNTS_WORKERS or beside == "workers":
        return AXES[key]
    return tuple(value for value in AXES[key] if value <= values["workers"])


def thinned(axes: Sequence[tuple], may_lose: Sequence[bool], most: int) -> list[tuple]:
    """Values of axes, fewer of them where the cells would be too many: evenly over each, with both of its ends.

    Args:
        axes: the values of one axis or two.
        may_lose: which axes may lose values.
        most: how many cells there may be.

    Example:
        >>> thinned([(1, 2, 4, 8, 16), (0, 1)], [True, False], 6)
        [(1, 4, 16), (0, 1)]

    """
    counts = [len(values) for values in axes]
    while math.prod(counts) > most and any(count > 2 for count, lose in zip(counts, may_lose, strict=True) if lose):
        longest = max((i for i, lose in enumerate(may_lose) if lose), key=lambda i: counts[i])
        counts[longest] -= 1
    return [
        tuple(values[round(i * (len(values) - 1) / max(1, count - 1))] for i in range(count))
        for values, count in zip(axes, counts, strict=True)
    ]


def switch_in_words(values: Mapping[str, Any], axes: Sequence[str]) -> str:
    """What a map over these axes takes in place of some of the values, and why; empty where nothing."""
    said, changes = [], needed(values, axes)
    if "law" in changes:
        label = label_of(axes, lambda key: kind_of(key, OF_LAWS))
        name = LAW_CODES[changes["law"]].name
        said.append(f"{label} is an axis, so this map has another distribution of compute times: {name}.")
    if "network" in changes:
        label = label_of(axes, lambda key: kind_of(key, OF_NETWORKS)).partition(" (")[0]
        network = "flat latency"
        if changes["network"] != FlatLatency.code:
            size = "" if "message_mb" in axes else f", {values['message_mb']:g} MB of gradients"
            network = f"ring all-reduce at a barrier, a parameter server for pushes{size}"
        said.append(
            f"This map uses a different network from the sidebar's, because {lowered(label)} is an axis: {network}."
        )
    for text in changes.get("policies", ()):
        if text not in values["policies"]:
            label = label_of(axes, partial(has, text))
            said.append(f"{label} is an axis, so this map also shows {lowered(policy_from_text(text).name)}.")
    return " ".join(said)


def label_of(axes: Sequence[str], it_is: Callable[[str], Any]) -> str:
    """What people call the first axis of which something is so."""
    return PARAMETERS[next(key for key in axes if it_is(key))].label


def idle_in_words(values: Mapping[str, Any], axes: Sequence[str], ask: str) -> str:
    """Which axes change nothing, and what to set so that they do; empty where all of them do."""
    said = [
        f"{PARAMETERS[key].label} changes nothing here while {PARAMETERS[other].label} is 0."
        for key in axes
        for other in causes(key)
        if other in to_act_on(values, axes)
    ]
    said += [
        f"{PARAMETERS[key].label} changes staleness and learning, not this."
        for key in axes
        if key in LEARNING_ALONE and ask not in ABOUT_LEARNING
    ]
    return " ".join(said)
