"""A scenario as the values of a link: flat keys, frozen from the first release, and back again."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from core.common.validation import ScenarioError, one_of, real, shown, whole
from core.policies.registry import CODES
from core.scenario import MAX_WORKERS, Scenario
from core.workload.compute_laws import Constant, Gumbel, LogNormal, Pareto, ShiftedExponential, Uniform
from core.workload.networks import AlphaBeta, FlatLatency
from core.workload.stragglers import Stragglers

LAW_KEYS = {
    "uniform": (Uniform, {"jitter": "jitter"}),
    "constant": (Constant, {}),
    "lognormal": (LogNormal, {"cv": "cv"}),
    "gumbel": (Gumbel, {"cv": "gumbel_cv"}),
    "exponential": (ShiftedExponential, {"shift": "shift"}),
    "pareto": (Pareto, {"alpha": "tail"}),
}
"""Laws by what a link calls them, with the key of each field beside the mean."""
STRAGGLERS = ("slow_workers", "slowdown", "spread", "hiccup_probability", "hiccup_factor")
FLAT_KEYS = {"latency_ms": "latency_ms", "async_fraction": "async_fraction", "async_least": "async_least"}
LINK_KEYS = {
    "latency_ms": "alpha_ms",
    "bandwidth_gbps": "bandwidth_gbps",
    "message_mb": "message_mb",
    "servers": "servers",
    "overlap": "overlap",
}
"""Keys of the fields of either network."""
POLICY_FIELDS = ("bound", "wait_for", "period", "accumulate", "assignment")

CHOICES = {"mode": tuple(CODES), "law": tuple(LAW_KEYS), "network": ("flat", "ring", "tree", "server")}
"""What keys with few values may be."""
IGNORED = ("embed", "embed_options")
MAX_LINK = 5_000

DEFAULTS = {
    "workers": 4,
    "batch_ms": 500.0,
    "latency_ms": 200.0,
    "mode": "sync",
    "bound": 1,
    "wait_for": 3,
    "period": 4,
    "accumulate": 1,
    "assignment": "static",
    "policies": ("sync", "async"),
    "batches": 10,
    "law": "uniform",
    "jitter": 0.2,
    "cv": 0.2,
    "gumbel_cv": 0.14,
    "shift": 0.5,
    "tail": 3.0,
    "slow_workers": 0,
    "slowdown": 2.0,
    "spread": 0.0,
    "hiccup_probability": 0.0,
    "hiccup_factor": 5.0,
    "network": "flat",
    "async_fraction": 0.3,
    "async_least": 0.0,
    "alpha_ms": 0.05,
    "bandwidth_gbps": 10.0,
    "message_mb": 100.0,
    "servers": 1,
    "overlap": 0.0,
    "seed": 42,
    "replicates": 1_000,
    "problem": "network",
    "train_seeds": 5,
    "rate": "best",
    "ask": "throughput",
    "against": "async",
    "across": "workers",
    "across_values": "",
    "up": "none",
    "up_values": "",
    "map_runs": 100,
    "present": False,
    "times": "controls",
    "curves_over": "time",
    "curves_of": "accuracy",
}
"""What a key means where a link leaves it out."""


def scenario_of(values: Mapping) -> Scenario:
    """The scenario that a link's values describe; keys that are left out take their defaults.

    More slow workers than there are, or gradients to wait for, mean all of them; the least that a push pays is never
    more than the most.
    """
    if not isinstance(values, Mapping):
        raise ScenarioError(f"values: {shown(values)} are not the values of a link by its keys.")
    at = {**DEFAULTS, **values}
    for key, choices in CHOICES.items():
        one_of(key, at[key], choices)
    law, fields = LAW_KEYS[at["law"]]
    workers = whole("workers", at["workers"], 1, MAX_WORKERS)
    slow = whole("slow_workers", at["slow_workers"], 0, MAX_WORKERS)
    kind = CODES[at["mode"]]
    policy = kind(**{name: at[name] for name in POLICY_FIELDS if name in kind.__dataclass_fields__})
    stragglers = {name: at[name] for name in STRAGGLERS}
    if at["network"] == "flat":
        flat = {name: at[key] for name, key in FLAT_KEYS.items()}
        least = real("async_least", at["async_least"], 0, 1)
        most = real("async_fraction", at["async_fraction"], 0, 1)
        network = FlatLatency(**flat | {"async_fraction": max(least, most)})
    else:
        network = AlphaBeta(collective=at["network"], **{name: at[key] for name, key in LINK_KEYS.items()})
    return Scenario(
        workers=workers,
        batches=at["batches"],
        compute=law(mean_ms=at["batch_ms"], **{name: at[key] for name, key in fields.items()}),
        stragglers=Stragglers(**{**stragglers, "slow_workers": min(slow, workers)}),
        network=network,
        policy=policy.fitted(workers),
        seed=at["seed"],
    )


def parameters_of(scenario: Scenario) -> dict[str, str]:
    """The keys of a link that are parameters of this scenario, each with its dotted name, as `sweep` takes it."""
    law = next((keys for kind, keys in LAW_KEYS.values() if type(scenario.compute) is kind), None)
    flat = isinstance(scenario.network, FlatLatency)
    return {
        "workers": "workers",
        "batches": "batches",
        **({} if law is None else {"batch_ms": "compute.mean_ms"}),
        **{key: f"compute.{name}" for name, key in (law or {}).items()},
        **{name: f"stragglers.{name}" for name in STRAGGLERS},
        **{key: f"network.{name}" for name, key in (FLAT_KEYS if flat else LINK_KEYS).items()},
        **{name: f"policy.{name}" for name in POLICY_FIELDS},
    }


def values_of(scenario: Scenario) -> dict:
    """The values of a link that describe a scenario, without the keys that do not matter to it.

    A measured table has no place in a link: then nothing is said of the law.
    """
    law = next((name for name, (kind, _) in LAW_KEYS.items() if type(scenario.compute) is kind), None)
    keys = LAW_KEYS[law][1] if law else {}
    network, policy = scenario.network, scenario.policy
    flat = isinstance(network, FlatLatency)
    return {
        "workers": scenario.workers,
        "batch_ms": scenario.compute.mean_ms,
        **{key: getattr(network, name) for name, key in (FLAT_KEYS if flat else LINK_KEYS).items()},
        "mode": policy.code,
        **{name: getattr(policy, name) for name in POLICY_FIELDS if hasattr(policy, name)},
        "batches": scenario.batches,
        **({"law": law} if law else {}),
        **{key: getattr(scenario.compute, name) for name, key in keys.items()},
        **{name: getattr(scenario.stragglers, name) for name in STRAGGLERS},
        "network": "flat" if flat else network.collective,
        "seed": scenario.seed,
    }


def keys_that_matter(values: Mapping) -> set[str]:
    """The keys that a scenario depends on, of those that these values describe."""
    network = FLAT_KEYS if values["network"] == "flat" else LINK_KEYS
    fields = CODES[values["mode"]].__dataclass_fields__
    return {
        *("workers", "batch_ms", "mode", "batches", "law", "network", "seed"),
        *STRAGGLERS,
        *LAW_KEYS[values["law"]][1].values(),
        *network.values(),
        *(name for name in POLICY_FIELDS if name in fields),
    }


def link_values(text: str) -> dict:
    """The values of a link's text, an address with a query or the query alone: {key: value} of the keys it names.

    Raises ScenarioError for an unknown key, a key that is named twice (policies may be), and a value of another kind.
    """
    if not isinstance(text, str):
        raise ScenarioError(f"link: {shown(text)} is not a text.")
    query = text[:MAX_LINK].rpartition("?")[2] if "?" in text[:MAX_LINK] else text[:MAX_LINK]
    if len(text) > MAX_LINK or ("=" not in query and query.strip()):
        raise ScenarioError(f"link: {shown(text)} is not a link of the dashboard, such as workers=8&mode=async.")
    values = {}
    for key, texts in parse_qs(query.strip(), keep_blank_values=True).items():
        if key in IGNORED:
            continue
        if key not in DEFAULTS:
            raise ScenarioError(f"link: {shown(key)} is unknown; known are {', '.join(DEFAULTS)}.")
        if key != "policies" and len(texts) > 1:
            raise ScenarioError(f"link: {key} is named {len(texts)} times.")
        values[key] = tuple(texts) if key == "policies" else typed(key, texts[0])
    return values


def typed(key: str, text: str):
    """The text as what the key takes."""
    kind = type(DEFAULTS[key])
    choices = CHOICES.get(key)
    if choices and text not in choices:
        raise ScenarioError(f"link: {key}: {shown(text)} is not one of {', '.join(choices)}.")
    if kind not in (int, float):
        return text.lower() == "true" if kind is bool else text
    try:
        number = float(text)
        if kind is float:
            return number
        if int(number) == number:
            return int(text) if text.strip().isdecimal() else int(number)
    except (ValueError, OverflowError):
        pass
    raise ScenarioError(f"link: {key}: {shown(text)} is not a {'whole ' * (kind is int)}number.")
