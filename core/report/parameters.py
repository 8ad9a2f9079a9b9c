"""Parameters and their values as people write them: Bandwidth, 100 Gb/s; and a whole workload in a few words."""

from typing import Any

from core.common.parameters import Number, Text
from core.common.wording import NBSP, counted, lowered, with_unit
from core.links import LAW_CODES, PARAMETERS
from core.policies.registry import CODES
from core.workload.compute_laws import Constant, Measured, Uniform
from core.workload.networks import COLLECTIVES, AlphaBeta, FlatLatency, Network
from core.workload.workload import Workload

UNITS = ("ms", "s", "h", "Gb/s", "MB", "×", "batches")
"""What stands in brackets behind a label and can stand behind a number."""
NAMES: dict[str, dict[str, str]] = {
    "mode": {code: policy.name for code, policy in CODES.items()},
    "law": {code: law.name for code, law in LAW_CODES.items()},
    "network": {FlatLatency.code: "Flat latency", **COLLECTIVES},
    "learn_ask": {"policies": "Which policy?", "period": "Which period?"},
    "times": {"controls": "from the controls", "sample": "from the sample trace", "trace": "from your trace"},
}
"""What people call the options of a choice; elsewhere they are called as in a link."""


def name_of(key: str) -> str:
    """What people call the parameter, without its unit."""
    return PARAMETERS[key].label.partition(" (")[0]


def short(value: float) -> str:
    """Three significant figures, and no more zeros than it takes: 59, 0.335, 1,200."""
    return f"{float(f'{value:.3g}'):,.6g}"


def shown_of(key: str, value: float) -> str:
    """A value of the parameter in short, without its unit; a share in percent."""
    return short(100 * value if is_share(key) else value)


def amount_of(key: str, value: float) -> str:
    """A value of the parameter in short, with its unit: 59 Gb/s, 3×, 5 batches, 2 %."""
    return with_its_unit(key, shown_of(key, value))


def with_its_unit(key: str, number: str) -> str:
    """A number of the parameter with its unit behind it, where it has one: 100 Gb/s, 3×, 1 batch, 5 %."""
    unit = "%" if is_share(key) else PARAMETERS[key].label.partition(" (")[2].rstrip(")")
    if unit not in (*UNITS, "%"):
        return number
    return with_unit(number, "batch" if (unit, number) == ("batches", "1") else unit)


def is_share(key: str) -> bool:
    """Whether people read the parameter as a percentage."""
    return PARAMETERS[key].format == "percent"


def from_to(key: str, before: Any, after: Any) -> tuple[str, str]:
    """A value and another one, the unit behind the second only: 10 and 100 Gb/s."""
    parameter = PARAMETERS[key]
    if isinstance(parameter.rule, Number) and before is not None and after is not None:
        scale = 100 if is_share(key) else 1
        return plain(scale * before), with_its_unit(key, plain(scale * after))
    return choice(key, before), choice(key, after)


def choice(key: str, value: Any) -> str:
    """A choice or a switch by its name, a text as code, as it may be anybody's; or that there is none."""
    if value is None:
        return "as measured" if key == "law" else "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(PARAMETERS[key].rule, Text):
        return f"`{value.replace('`', '?')}`"
    return NAMES.get(key, {}).get(value, str(value))


def plain(value: float) -> str:
    """A number with up to six significant figures, or all the whole ones."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.6g}"


def setting(workload: Workload) -> str:
    """What is simulated in a few words: 4 workers × 10 mini-batches of 500 ms on average, 200 ms of network latency."""
    law, stragglers = workload.compute, workload.stragglers
    mean = "" if isinstance(law, Constant) else " on average"
    mean += "" if isinstance(law, Constant | Uniform | Measured) else f" ({lowered(law.name)})"
    unit, of_ms = ("ms", 1) if law.mean_ms < 10_000 else ("s", 1000)
    took = "as measured" if isinstance(law, Measured) else f"of {plain(law.mean_ms / of_ms)}{NBSP}{unit}{mean}"
    slow = f"{counted(stragglers.slow_workers, 'slow worker')} ({plain(stragglers.slowdown)}×)"
    hiccups, episodes = stragglers.hiccup_probability, stragglers.episode_share
    beside = [
        slow if stragglers.slow_workers else "",
        "machines that differ" if stragglers.spread else "",
        f"hiccups ({plain(stragglers.hiccup_factor)}× in {short(100 * hiccups)}{NBSP}%)" if hiccups else "",
        f"slow episodes ({plain(stragglers.episode_factor)}× in {short(100 * episodes)}{NBSP}%)" if episodes else "",
        f"a failure every {plain(workload.failures.mtbf_hours)}{NBSP}h per worker" if workload.failures.any else "",
    ]
    size = f"{counted(workload.workers, 'worker')} × {counted(workload.batches, 'mini-batch', 'mini-batches')}"
    return ", ".join([f"{size} {took}", *filter(None, beside), links(workload.network)])


def links(network: Network) -> str:
    """A network in a few words: 200 ms of network latency; 100 MB of gradients over 10 Gb/s links."""
    if isinstance(network, FlatLatency):
        return f"{plain(network.latency_ms)}{NBSP}ms of network latency"
    assert isinstance(network, AlphaBeta)
    buckets = f" in {network.buckets:,} buckets" if network.buckets > 1 else ""
    nodes = f" between nodes of {network.workers_per_node:,}" if network.workers_per_node > 1 else ""
    speed = f"{plain(network.bandwidth_gbps)}{NBSP}Gb/s"
    return f"{plain(network.message_mb)}{NBSP}MB of gradients{buckets} over {speed} links{nodes}"
