"""A link: a scenario, and what the pages are asked about it, as keys and values that are frozen from the first release.

The keys of a scenario are declared at its fields; those of the pages are declared here.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote, unquote

from core.common.parameters import Checked, Flag, OneOf, Parameter, Real, Rule, Text, Whole, by_key, keys
from core.common.validation import ScenarioError, shown
from core.common.wording import counted, listed
from core.learning.experiment import GRID
from core.learning.optimizers import CHOICES
from core.learning.registry import PROBLEMS
from core.maps import AXES, QUESTIONS
from core.money import Prices
from core.policies.barrier import largest_divisor
from core.policies.base import Policy
from core.policies.registry import CODES, POLICIES, policy_from_text
from core.presets.cards import Card
from core.presets.gallery import CARDS
from core.scenario import Scenario, under
from core.workload.compute_laws import LAWS
from core.workload.failures import Failures
from core.workload.networks import COLLECTIVES, AlphaBeta, FlatLatency, Network
from core.workload.stragglers import Stragglers, shortest_episode
from core.workload.workload import Workload

LAW_CODES = {law.code: law for law in LAWS.values() if law.code}
"""Laws by what a link calls them."""
IGNORED = ("embed", "embed_options")
MAX_LINK, MAX_PIN = 5_000, 2_000
NO_CARD = "none"
MOST_GUESSES = 4
NOT_YET, TELL = "none", "tell"
"""Nobody has guessed yet, and somebody wants to be told."""
MOST_POLICIES = 8
MOST_REPLICATES = 10_000
SPAN = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)-(\d{1,15}(?:\.\d{1,9})?)", re.ASCII)
C = TypeVar("C", bound=Checked)


@dataclass(frozen=True)
class PolicyTexts(Rule):
    """Several policies, each named by its code and its parameters."""

    least: int
    most: int

    @property
    def allowed(self) -> str:
        return f"{self.least} to {self.most} policies such as sync, async, ssp 3 or backup 7"

    def checked(self, name: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple):
            raise ScenarioError(f"{name}: {shown(value)} is not {self.allowed}.")
        all_different = len({policy_from_text(text) for text in value}) == len(value)
        if not all_different or not self.least <= len(value) <= self.most:
            raise ScenarioError(f"{name}: {shown(value)} are not {self.allowed}.")
        return tuple(value)

    def read(self, name: str, texts: Sequence[str]) -> tuple[str, ...]:
        return self.checked(name, texts)


@dataclass(frozen=True)
class Span(Rule):
    """From one time to another, in seconds; empty where nothing is asked for."""

    @property
    def allowed(self) -> str:
        return "two times in s, the earlier one first, such as 1.5-3"

    def checked(self, name: str, value: Any) -> str:
        if value != "" and ends_of(value) is None:
            raise ScenarioError(f"{name}: {shown(value)} is not {self.allowed}.")
        return str(value)


@dataclass(frozen=True)
class PinnedScenario(Rule):
    """A scenario that others are compared with, as `pin_text` writes it; empty where none is pinned."""

    @property
    def allowed(self) -> str:
        return "a scenario as pairs of a key and its value, such as workers 8 network ring"

    def checked(self, name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > MAX_PIN:
            raise ScenarioError(f"{name}: {shown(value)} is not {self.allowed}.")
        if not value:
            return ""
        asked = pinned_values(value, name)
        prices_of(asked)
        scenario_of(asked)
        return pin_text(asked)


def ends_of(span: Any) -> tuple[float, float] | None:
    """The two times of a span, or None where it is none."""
    found = SPAN.fullmatch(span) if isinstance(span, str) else None
    if found is None or float(found[1]) > float(found[2]):
        return None
    return float(found[1]), float(found[2])


def of_fields() -> dict[str, Parameter]:
    """What the fields of a scenario declare, by key."""
    kinds: tuple[type[Checked], ...] = (
        Workload,
        *LAWS.values(),
        Stragglers,
        Prices,
        Failures,
        FlatLatency,
        AlphaBeta,
        *POLICIES.values(),
    )
    return {key: parameter for kind in kinds for key, parameter in by_key(kind).items()}


OF_PAGES = (
    Parameter(
        key="mode",
        rule=OneOf(tuple(CODES)),
        default="sync",
        label="Mode",
        help="Who waits for whom.",
    ),
    Parameter(
        key="law",
        rule=OneOf(("uniform", *(code for code in LAW_CODES if code != "uniform"))),
        default="uniform",
        label="Compute-time distribution",
        help="How the time of one mini-batch varies around its mean. The reference is uniform.",
    ),
    Parameter(
        key="network",
        rule=OneOf((FlatLatency.code, *COLLECTIVES)),
        default="flat",
        label="Network model",
        help="flat: the reference's latency, nearly free for async. The others model links with a latency and a "
        "bandwidth; a barrier averages by ring all-reduce, tree all-reduce or a parameter server, and without a "
        "barrier every push queues at the server.",
    ),
    Parameter(
        key="policies",
        rule=PolicyTexts(2, MOST_POLICIES),
        default=("sync", "async"),
        label="Policies to compare",
        help="2 to 8 policies; the first is the baseline. You can also type a code: ssp 5, backup 7, local 16, async 4 "
        "(updates of four gradients).",
    ),
    Parameter(
        key="replicates",
        rule=Whole(1, MOST_REPLICATES),
        default=1_000,
        label="Paired runs",
        help="How many times Compare repeats every policy, each time on the same draws for all of them.",
        step=1,
    ),
    Parameter(
        key="flips",
        rule=Flag(),
        default=False,
        label="What would flip this?",
        help="For each parameter, at which value a different policy wins, with everything else unchanged.",
    ),
    Parameter(
        key="learn_ask",
        rule=OneOf(("policies", "period")),
        default="policies",
        label="Question",
        help="Which of the policies in the sidebar learns fastest; or after how many batches to average parameters on "
        "this network, and whether DiLoCo is worth it.",
    ),
    Parameter(
        key="problem",
        rule=OneOf(tuple(PROBLEMS)),
        default="network",
        label="Problem",
        help=f"What is trained: {listed([problem.what for problem in PROBLEMS.values()], 'or')}.",
    ),
    Parameter(
        key="train_seeds",
        rule=Whole(1, 20),
        default=5,
        label="Seeds",
        help="How many times each policy trains, each time with other compute times, initial parameters and order of "
        "samples. More seeds take longer and narrow the intervals.",
        step=1,
    ),
    Parameter(
        key="rate",
        rule=OneOf(("best", *(f"{rate:g}" for rate in GRID))),
        default="best",
        label="Learning rate",
        help="best: each policy at its own best rate. A number sets the same rate for all policies, which is rarely a "
        "fair comparison.",
    ),
    Parameter(
        key="optimizer",
        rule=OneOf(tuple(CHOICES)),
        default="plain",
        label="Optimizer",
        help="plain: SGD. momentum: SGD with momentum 0.9. diloco: parameter averages serve as outer gradients, with "
        "outer rate 0.7 and Nesterov momentum 0.9. staleness-aware: a gradient that is τ updates stale counts "
        "1/(τ + 1). best: each policy gets what is best for it, chosen on other seeds.",
    ),
    Parameter(
        key="curves_over",
        rule=OneOf(("time", "samples processed")),
        default="time",
        label="X axis",
        help="Against time, shorter steps count too; against samples, only what is learned from each.",
    ),
    Parameter(
        key="curves_of",
        rule=OneOf(("accuracy", "loss")),
        default="accuracy",
        label="Y axis",
        help="Accuracy on test data, or the loss on training data.",
    ),
    Parameter(
        key="ask",
        rule=OneOf(tuple(QUESTIONS)),
        default="throughput",
        label="Question",
        help="What the map shows of every cell. Time to target trains for real in each of them, so the map is small.",
    ),
    Parameter(
        key="against",
        rule=Text(300),
        default="async",
        label="Policy",
        help="The policy that the map is about. A speed-up compares it with the first policy in the sidebar.",
    ),
    Parameter(
        key="across",
        rule=OneOf(tuple(AXES)),
        default="workers",
        label="X axis",
        help="The parameter that varies from left to right.",
    ),
    Parameter(
        key="across_values",
        rule=Text(300),
        default="",
        label="X values",
        help="Numbers separated by commas; leave empty for the defaults.",
    ),
    Parameter(
        key="up",
        rule=OneOf(("none", *AXES)),
        default="none",
        label="Y axis",
        help="The parameter that varies from bottom to top; with none, the chart has one line per policy.",
    ),
    Parameter(
        key="up_values",
        rule=Text(300),
        default="",
        label="Y values",
        help="Numbers separated by commas; leave empty for the defaults.",
    ),
    Parameter(
        key="map_runs",
        rule=Whole(1, 1_000),
        default=100,
        label="Runs per cell",
        help="How many times each policy runs in each cell, always on the same random draws as the others.",
        step=1,
    ),
    Parameter(
        key="cell",
        rule=Text(80),
        default="",
        label="Selected cell",
        help="The values of the cell of the map, or of the point of a line, that is selected.",
    ),
    Parameter(
        key="worker_order",
        rule=OneOf(("slowest first", "by number")),
        default="slowest first",
        label="Workers",
        help="In which order workers are drawn where they are many.",
    ),
    Parameter(
        key="window",
        rule=Span(),
        default="",
        label="Window drawn in full (s)",
        help="The part of a long run that is drawn block by block. Drag across the overview, or set it here; a double "
        "click on the overview goes back to the start.",
    ),
    Parameter(
        key="times",
        rule=OneOf(("controls", "sample", "trace")),
        default="controls",
        label="Compute times",
        help="From the controls, from the sample trace, or from a trace of your own.",
    ),
    Parameter(
        key="hours_a_day",
        rule=Real(0, 24, above=True, unit="h"),
        default=24.0,
        label="Hours a day",
        help="How many hours a day the workers of a measured run are busy, for what waiting costs per day and month.",
        step=1,
        format="%.4g",
    ),
    Parameter(
        key="card",
        rule=OneOf((NO_CARD, *CARDS)),
        default=NO_CARD,
        label="Card",
        help="The card of the gallery whose question is asked; with nothing else in the link, its scenario, too.",
    ),
    Parameter(
        key="guess",
        rule=OneOf((NOT_YET, *map(str, range(1, MOST_GUESSES + 1)), TELL)),
        default=NOT_YET,
        label="Guess",
        help="Which of a card's answers somebody has guessed, from 1; tell: the answer without a guess.",
    ),
    Parameter(
        key="pin",
        rule=PinnedScenario(),
        default="",
        label="Pinned scenario",
        help="The scenario that every page compares with.",
    ),
    Parameter(
        key="present",
        rule=Flag(),
        default=False,
        label="Presenter view",
        help="Larger, and only the answer, metrics and charts. With &embed=true in the link the menu goes too.",
    ),
)
PARAMETERS: dict[str, Parameter] = of_fields() | {parameter.key: parameter for parameter in OF_PAGES}
"""Every key of a link: what it takes, what people call it and what it means."""
DEFAULTS = {key: parameter.default for key, parameter in PARAMETERS.items()}
"""What a key means where a link leaves it out."""
OF_SCENARIO = ("workers", "mode", "law", "network", "times", *(key for key in of_fields() if key != "workers"))
"""Keys of a scenario, of its prices and of where its compute times come from: those that a pinned one has."""
OF_MAP = ("ask", "against", "across", "across_values", "up", "up_values", "map_runs", "cell")
"""Keys of what Map is asked."""
FRESH = DEFAULTS | {"ask": "speedup", "across": "bandwidth_gbps", "up": "workers", "up_values": "2,4,8,16,32,64"}
"""What somebody sees who has not asked for anything: on Map, where async wins and where sync does."""


def meant(named: Collection[str], page: str) -> dict[str, Any]:
    """What the keys mean that a link leaves out: on Map, a link that names others is asked what it always was.

    Args:
        named: the keys that the link names.
        page: of the link, by its path.

    """
    return DEFAULTS if (page == "map" and named) or any(key in OF_MAP for key in named) else FRESH


def to_name(values: Mapping[str, Any], page: str) -> dict[str, Any]:
    """The values that a link to a page names, as few as will do: of the others, `meant` says the same."""
    nothing_asked = all(values[key] == FRESH[key] for key in (values if page == "map" else OF_MAP))
    named = {key: value for key, value in values.items() if value != (FRESH if nothing_asked else DEFAULTS)[key]}
    if not nothing_asked and meant(named, page) is FRESH:
        named["ask"] = values["ask"]
    return named


def made(kind: type[C], values: Mapping[str, Any], **given: Any) -> C:
    """An object of a class, its fields from the values of a link unless they are given.

    Args:
        kind: the class.
        values: of all keys that its fields have.
        given: fields that are given, by name.

    """
    return kind(**{name: values[key] for name, key in keys(kind).items() if name not in given}, **given)


def scenario_of(values: Mapping) -> Scenario:
    """The scenario that a link's values describe; keys that are left out take their defaults.

    `slow_workers` and `wait_for` are capped at the number of workers, `delay` at `period` − 1, `links_per_node` at
    `workers_per_node`; `async_fraction` is raised to `async_least`, and `episode_batches` to 1/(1 − `episode_share`),
    where it is below it; `workers_per_node` is lowered to what divides the number of workers, `fragments` to what
    divides `period`. `overlap` counts where `buckets` is 1.

    Args:
        values: {key: value}, as `link_values` returns them.

    Raises:
        ScenarioError: for a value that its key does not take, and above 20 million mini-batches.

    """
    if not isinstance(values, Mapping):
        raise ScenarioError(f"values: {shown(values)} are not the values of a link by its keys.")
    said = {**DEFAULTS, **values}
    for key in ("mode", "law", "network"):
        PARAMETERS[key].rule.checked(key, said[key])
    workers = PARAMETERS["workers"].rule.checked("workers", said["workers"])
    slow, share, length = (
        PARAMETERS[key].rule.checked(key, said[key]) for key in ("slow_workers", "episode_share", "episode_batches")
    )
    workload = made(
        Workload,
        said,
        compute=made(LAW_CODES[said["law"]], said),
        stragglers=made(
            Stragglers,
            said,
            slow_workers=min(slow, workers),
            episode_batches=max(length, shortest_episode(share)),
        ),
        network=network_of(said, workers),
        failures=made(Failures, said),
    )
    return under(workload, policy_of(said).fitted(workers))


def network_of(said: Mapping, workers: int) -> Network:
    """The network that the values of all keys describe, for so many workers."""
    keys_of_it = ("async_least", "async_fraction", "buckets", "overlap", "workers_per_node", "links_per_node")
    least, most, buckets, overlap, inside, links = (PARAMETERS[key].rule.checked(key, said[key]) for key in keys_of_it)
    if said["network"] == FlatLatency.code:
        return made(FlatLatency, said, async_fraction=max(least, most))
    inside = largest_divisor(workers, inside)
    return made(
        AlphaBeta,
        said,
        collective=said["network"],
        overlap=overlap if buckets == 1 else 0.0,
        workers_per_node=inside,
        links_per_node=min(links, inside),
    )


def policy_of(said: Mapping) -> Policy:
    """The policy that the values of all keys describe."""
    kind = CODES[said["mode"]]
    return kind.nearest(**{name: said[key] for name, key in keys(kind).items()})


def prices_of(values: Mapping) -> Prices:
    """The prices that a link's values say; keys that are left out take their defaults, which say nothing of money.

    Args:
        values: {key: value}, as `link_values` returns them.

    Raises:
        ScenarioError: for a value that its key does not take.

    """
    if not isinstance(values, Mapping):
        raise ScenarioError(f"values: {shown(values)} are not the values of a link by its keys.")
    return made(Prices, {**DEFAULTS, **values})


def values_of(scenario: Workload, prices: Prices | None = None) -> dict:
    """The values of a link that describe a scenario, without the keys that do not matter to it.

    A measured table has no place in a link: then nothing is said of the law.

    Args:
        scenario: what is described; of a workload, nothing is said of a policy.
        prices: what machines cost; nothing is said of them where they are left out.

    """
    law, network, policy = scenario.compute, scenario.network, getattr(scenario, "policy", None)
    codes = {"mode": policy.code} if policy else {}
    codes |= {"network": network.code} | ({"law": law.code} if law.code else {})
    parts = (scenario, law, scenario.stragglers, scenario.failures, network, policy, prices)
    return codes | {key: getattr(part, name) for part in parts if part for name, key in keys(type(part)).items()}


def pin_text(values: Mapping[str, Any], named: Collection[str] = ("workers",)) -> str:
    """A scenario to compare with, as a link names it: pairs of a key and its value, of what is not at its default.

    Args:
        values: {key: value}, such as `values_of` returns; keys that say nothing of a scenario are left out.
        named: keys that are there even at their default, the number of workers among them, so that the text is never
            empty.

    Example:
        >>> pin_text({"workers": 4, "network": "ring", "bandwidth_gbps": 100.0, "replicates": 5})
        'workers 4 network ring bandwidth_gbps 100'

    """
    said = {key: values.get(key, DEFAULTS[key]) for key in OF_SCENARIO}
    return " ".join(
        f"{key} {quote(as_text(value), safe='', errors='replace')}"
        for key, value in said.items()
        if key in named or value != DEFAULTS[key]
    )


def pinned_values(text: str, name: str = "pin") -> dict[str, Any]:
    """The values of a scenario that `pin_text` wrote, by their keys.

    Args:
        text: pairs of a key and its value.
        name: what messages call it.

    Raises:
        ScenarioError: for what is not pairs, a key that no scenario has or that is there twice, and a value that the
            key does not take.

    Example:
        >>> pinned_values("workers 8 network ring")
        {'workers': 8, 'network': 'ring'}

    """
    words, found = text.split(" "), {}
    if len(words) % 2:
        raise ScenarioError(f"{name}: {shown(text)} is not pairs of a key and its value, such as workers 8.")
    for key, value in zip(words[::2], words[1::2], strict=True):
        if key not in OF_SCENARIO:
            raise ScenarioError(f"{name}: {shown(key)} is not a parameter of a scenario.")
        if key in found:
            raise ScenarioError(f"{name}: {shown(key)} is there twice.")
        found[key] = PARAMETERS[key].rule.read(f"{name}: {key}", [unquote(value)])
    return found


def as_text(value: Any) -> str:
    """A value as a link has it; whole numbers without decimals."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


@cache
def values_of_card(card: Card) -> Mapping[str, Any]:
    """The values of a link that a card sets: its scenario but for the seed, its policies, and what its page is asked.

    Args:
        card: of the gallery.

    """
    found = {key: value for key, value in values_of(card.scenario).items() if key != "seed"}
    found |= {"policies": tuple(policy.text for policy in card.policies), "times": "controls", **card.asked}
    return {key: type(DEFAULTS[key])(value) for key, value in found.items()}


def with_card(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a link says, and of a card that it names what it leaves out.

    Args:
        said: {key: value} of the keys that a link names.

    """
    card = CARDS.get(said.get("card", NO_CARD))
    return {**(values_of_card(card) if card else {}), **said}


def adjustments(values: Mapping, scenario: Scenario, keys_said: Collection[str] = PARAMETERS) -> list[str]:
    """What `scenario_of` has changed of the values so that they fit each other, in a sentence each.

    Args:
        values: {key: value} of every key, as `scenario_of` took them.
        scenario: what it made of them.
        keys_said: of which keys it is said; of all by default.

    """
    used, workers = values_of(scenario), counted(scenario.workers, "worker")
    why = {
        "slow_workers": f"as there are {workers}",
        "wait_for": f"as there are {workers}",
        "async_fraction": f"as it cannot be below {PARAMETERS['async_least'].label}",
        "episode_batches": "which is how long episodes of that share last by chance",
        "workers_per_node": f"as it has to divide {workers}",
        "links_per_node": "as a node has no more workers",
        "overlap": "as gradient buckets determine by themselves what is hidden",
        "delay": "as an average has to be there before the next one",
        "fragments": "as they have to divide the batches between two averages",
    }
    return [
        f"{PARAMETERS[key].label}: {used[key]:,g} instead of {values[key]:,g}, {reason}."
        for key, reason in why.items()
        if key in keys_said and key in used and used[key] != values[key]
    ]


def keys_that_matter(values: Mapping) -> set[str]:
    """The keys that a scenario depends on, of those that these values describe."""
    network = FlatLatency if values["network"] == FlatLatency.code else AlphaBeta
    kinds: list[type[Checked]] = [Workload, LAW_CODES[values["law"]], Stragglers, network, CODES[values["mode"]]]
    kinds += [Prices] if values["worker_per_hour"] else []
    kinds += [Failures] if values["mtbf_hours"] else []
    unsaid = set() if values["samples_per_batch"] else {"samples_per_batch"}
    return {"mode", "law", "network", *(key for kind in kinds for key in keys(kind).values())} - unsaid


def link_values(text: str) -> dict:
    """The values of a link.

    Args:
        text: an address with a query, or the query alone.

    Returns:
        {key: value} of the keys that it names, and where it names a card of the gallery, of those that the card sets.

    Raises:
        ScenarioError: for an unknown key, a key that is named twice (policies may be), and a value that the key does
            not take.

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
        if key not in PARAMETERS:
            raise ScenarioError(f"link: {shown(key)} is unknown; known are {', '.join(PARAMETERS)}.")
        values[key] = PARAMETERS[key].rule.read(f"link: {key}", texts)
    return with_card(values)
