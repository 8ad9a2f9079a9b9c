"""The controls that a link carries: labels, ranges and help of every URL key. What keys mean is in core/links.py."""

from dataclasses import dataclass

from core import ScenarioError
from core.common.wording import listed
from core.learning.experiment import GRID
from core.learning.registry import PROBLEMS
from core.links import DEFAULTS, LAW_KEYS
from core.maps import AXES, QUESTIONS
from core.policies.registry import CODES, policy_from_text
from core.scenario import MAX_BATCHES, MAX_SEED, MAX_WORKERS

MOST_POLICIES = 8


@dataclass(frozen=True, kw_only=True)
class Number:
    """A control with a range. Its key is its name in the URL, frozen from the first release.

    slides: the part of the range that a slider has; all of it can be typed.
    """

    label: str
    low: float
    high: float
    step: float
    help: str
    slides: tuple[float, float] | None = None
    format: str | None = None

    @property
    def allowed(self) -> str:
        kind = "whole number" if isinstance(self.step, int) else "number"
        return f"a {kind} from {self.low:,.16g} to {self.high:,.16g}"

    def accepts(self, texts: list[str]) -> bool:
        try:
            (value,) = map(float, texts)
        except ValueError:
            return False
        return self.low <= value <= self.high and (isinstance(self.step, float) or value.is_integer())

    def read(self, texts: list[str]) -> float:
        return type(self.step)(float(texts[0]))


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A control with named options."""

    label: str
    options: tuple[str, ...]
    help: str

    @property
    def allowed(self) -> str:
        return f"{', '.join(self.options[:-1])} or {self.options[-1]}"

    def accepts(self, texts: list[str]) -> bool:
        return len(texts) == 1 and texts[0] in self.options

    def read(self, texts: list[str]) -> str:
        return texts[0]


class Radio(Choice):
    """A control with a few options, all in sight."""


class Tabs(Choice):
    """A control with a few options side by side."""


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A control that is on or off."""

    label: str
    help: str
    allowed = "true or false"

    def accepts(self, texts: list[str]) -> bool:
        return len(texts) == 1 and texts[0].lower() in ("true", "false")

    def read(self, texts: list[str]) -> bool:
        return texts[0].lower() == "true"


@dataclass(frozen=True, kw_only=True)
class Text:
    """A control for a few words."""

    label: str
    help: str
    allowed = "up to 300 characters"

    def accepts(self, texts: list[str]) -> bool:
        return len(texts) == 1 and len(texts[0]) <= 300

    def read(self, texts: list[str]) -> str:
        return texts[0]


@dataclass(frozen=True, kw_only=True)
class Policies:
    """A control for several policies, each named by its code and its parameters."""

    label: str
    options: tuple[str, ...]
    help: str
    allowed = f"2 to {MOST_POLICIES} policies such as sync, async, ssp 3 or backup 7"

    def accepts(self, texts: list[str]) -> bool:
        try:
            return 2 <= len({policy_from_text(text) for text in texts}) == len(texts) <= MOST_POLICIES
        except ScenarioError:
            return False

    def read(self, texts: list[str]) -> tuple[str, ...]:
        return tuple(texts)


Control = Number | Choice | Switch | Text | Policies
CONTROLS: dict[str, Control] = {
    "workers": Number(
        label="Number of Workers",
        low=1,
        high=MAX_WORKERS,
        slides=(1, 64),
        step=1,
        help="Machines that train in parallel.",
    ),
    "batch_ms": Number(
        label="Batch Processing Time (ms)",
        low=0.001,
        high=3_600_000.0,
        slides=(50.0, 2_000.0),
        step=50.0,
        help="Mean time to compute one mini-batch.",
        format="%g",
    ),
    "latency_ms": Number(
        label="Network Latency (ms)",
        low=0.0,
        high=600_000.0,
        slides=(0.0, 1_000.0),
        step=25.0,
        help="What everybody pays once after a barrier. Without a barrier each push pays 0 to 30 % of it. "
        "Real links, with bandwidth and queues, are under Network.",
        format="%g",
    ),
    "mode": Radio(
        label="Mode",
        options=tuple(CODES),
        help="Who waits for whom, on Timeline. sync: after every batch all wait for the slowest. async: nobody waits. "
        "ssp: nobody runs too far ahead. backup: the slowest are cancelled. k-async: an update waits for the first K. "
        "local: a barrier only every H batches. rebalanced: quicker workers get larger batches.",
    ),
    "bound": Number(
        label="Staleness Bound (batches)",
        low=0,
        high=MAX_BATCHES,
        slides=(0, 20),
        step=1,
        help="How many batches a worker may be ahead of the slowest. 0 is sync; a very large bound is async.",
    ),
    "wait_for": Number(
        label="Wait for the First (workers)",
        low=1,
        high=MAX_WORKERS,
        slides=(1, 64),
        step=1,
        help="How many gradients an update waits for.",
    ),
    "period": Number(
        label="Local Batches (per round)",
        low=1,
        high=MAX_BATCHES,
        slides=(1, 100),
        step=1,
        help="Batches that each worker trains on its own between two averages of the parameters.",
    ),
    "accumulate": Number(
        label="Gradients per Update",
        low=1,
        high=MAX_WORKERS,
        slides=(1, 64),
        step=1,
        help="The server applies the mean of so many gradients at a time.",
    ),
    "assignment": Choice(
        label="Batches Come From",
        options=("static", "shared"),
        help="static: every worker has its own batches. shared: one queue that whoever is free takes from.",
    ),
    "policies": Policies(
        label="Policies to Compare",
        options=(
            "sync",
            "async",
            "async shared",
            "ssp 1",
            "ssp 3",
            "backup 3",
            "k-async 2",
            "local 4",
            "rebalanced",
        ),
        help="2 to 8 of them; the first is the baseline. Type others, with their parameter: ssp 5, backup 7, local 16, "
        "async 4 (updates of four gradients).",
    ),
    "batches": Number(
        label="Number of Batches per Epoch",
        low=1,
        high=MAX_BATCHES,
        slides=(1, 100),
        step=1,
        help="Mini-batches of each worker in one epoch.",
    ),
    "law": Choice(
        label="Law of Compute Times",
        options=tuple(LAW_KEYS),
        help="How the time of one mini-batch varies around its mean. The reference is uniform.",
    ),
    "jitter": Number(
        label="Jitter (±)",
        low=0.0,
        high=0.99,
        slides=(0.0, 0.95),
        step=0.01,
        help="Times are uniform on mean · (1 ± jitter). The reference has 0.20.",
    ),
    "cv": Number(
        label="Coefficient of Variation",
        low=0.0,
        high=2.0,
        slides=(0.0, 2.0),
        step=0.01,
        help="Standard deviation over mean; long times are rare but possible.",
    ),
    "gumbel_cv": Number(
        label="Coefficient of Variation (Gumbel)",
        low=0.0,
        high=0.35,
        slides=(0.0, 0.35),
        step=0.01,
        help="Standard deviation over mean. Sequences of varying length, as measured on a real cluster: 0.14.",
    ),
    "shift": Number(
        label="Constant Share",
        low=0.0,
        high=1.0,
        slides=(0.0, 1.0),
        step=0.05,
        help="Share of the mean that never varies; the rest is exponential.",
    ),
    "tail": Number(
        label="Tail Index",
        low=1.1,
        high=20.0,
        slides=(1.1, 20.0),
        step=0.1,
        help="The smaller, the heavier the tail; up to 2 the variance is infinite.",
    ),
    "slow_workers": Number(
        label="Slow Workers",
        low=0,
        high=MAX_WORKERS,
        slides=(0, 64),
        step=1,
        help="How many workers, W0 first, are always slower.",
    ),
    "slowdown": Number(
        label="Their Slowdown (×)",
        low=1.0,
        high=1_000.0,
        slides=(1.0, 10.0),
        step=0.1,
        help="How many times longer they compute.",
    ),
    "spread": Number(
        label="Spread between Machines",
        low=0.0,
        high=2.0,
        slides=(0.0, 0.5),
        step=0.01,
        help="Coefficient of variation of a factor that each worker keeps. GPUs of one model: about 0.03 to 0.08.",
    ),
    "hiccup_probability": Number(
        label="Hiccups (share of batches)",
        low=0.0,
        high=1.0,
        slides=(0.0, 0.5),
        step=0.005,
        help="Chance that a mini-batch takes much longer, on any worker.",
        format="percent",
    ),
    "hiccup_factor": Number(
        label="Length of a Hiccup (×)",
        low=1.0,
        high=1_000.0,
        slides=(1.0, 20.0),
        step=0.5,
        help="How many times longer it takes then.",
    ),
    "network": Choice(
        label="Network Model",
        options=("flat", "ring", "tree", "server"),
        help="flat: the reference's latency, nearly free for async. The others send messages over real links; a "
        "barrier averages by ring all-reduce, tree all-reduce or a parameter server, and without a barrier every push "
        "queues at the server.",
    ),
    "async_fraction": Number(
        label="Async Share of the Latency",
        low=0.0,
        high=1.0,
        slides=(0.0, 1.0),
        step=0.05,
        help="Without a barrier, each push pays up to this share of the latency. The reference has 0.30.",
    ),
    "async_least": Number(
        label="At Least (share)",
        low=0.0,
        high=1.0,
        slides=(0.0, 1.0),
        step=0.05,
        help="The least a push pays; the reference has 0. With both shares at 1, it pays what a barrier costs.",
    ),
    "alpha_ms": Number(
        label="Link Latency (ms)",
        low=0.0,
        high=1_000.0,
        step=0.01,
        help="What each message pays, whatever its size.",
        format="%.4g",
    ),
    "bandwidth_gbps": Number(
        label="Bandwidth (Gb/s)",
        low=0.01,
        high=10_000.0,
        step=1.0,
        help="Of one link, one way.",
        format="%.4g",
    ),
    "message_mb": Number(
        label="Message (MB)",
        low=0.001,
        high=100_000.0,
        step=10.0,
        help="The gradients of one mini-batch: 4 bytes a parameter in single precision.",
        format="%.6g",
    ),
    "servers": Number(
        label="Parameter Servers",
        low=1,
        high=MAX_WORKERS,
        slides=(1, 64),
        step=1,
        help="Shards that serve each push together.",
    ),
    "overlap": Number(
        label="Overlap with Computing",
        low=0.0,
        high=0.99,
        slides=(0.0, 0.95),
        step=0.05,
        help="Share of a barrier's network time that is hidden under computing.",
    ),
    "seed": Number(
        label="Random Seed",
        low=0,
        high=MAX_SEED,
        step=1,
        help="The same seed gives the same draws on any machine.",
    ),
    "replicates": Number(
        label="Paired Runs (Compare)",
        low=1,
        high=10_000,
        step=1,
        help="How many times Compare repeats every policy, each time on the same draws for all of them.",
    ),
    "problem": Choice(
        label="Problem",
        options=tuple(PROBLEMS),
        help=f"What is trained: {listed([problem.what for problem in PROBLEMS.values()], 'or')}.",
    ),
    "train_seeds": Number(
        label="Runs (seeds)",
        low=1,
        high=20,
        step=1,
        help="Each has its own times, initial parameters and order of samples. Few runs are noisy; 20 take longer.",
    ),
    "rate": Choice(
        label="Learning Rate",
        options=("best", *(f"{rate:g}" for rate in GRID)),
        help="best: each policy at its own best rate of the grid. A number pins one rate for all, to see how unfair "
        "that is.",
    ),
    "curves_over": Tabs(label="Against", options=("time", "samples processed"), help="What the x-axis shows."),
    "curves_of": Tabs(label="Measure", options=("accuracy", "loss"), help="What the y-axis shows."),
    "ask": Choice(
        label="Question",
        options=tuple(QUESTIONS),
        help="What is asked of every cell. target trains for real in every cell: few cells, please.",
    ),
    "against": Text(
        label="Of the Policy",
        help="Which of the policies the map is about; a speed-up is over the first one.",
    ),
    "across": Choice(label="Across", options=tuple(AXES), help="What varies from left to right."),
    "across_values": Text(label="Its Values", help="Numbers with commas between; empty for a choice of ours."),
    "up": Choice(label="Up", options=("none", *AXES), help="What varies from bottom to top; none draws lines instead."),
    "up_values": Text(label="Its Values (up)", help="Numbers with commas between; empty for a choice of ours."),
    "map_runs": Number(
        label="Paired Runs (Map)",
        low=1,
        high=1_000,
        step=1,
        help="How many times every cell repeats every policy.",
    ),
    "times": Choice(
        label="Compute Times",
        options=("controls", "sample", "trace"),
        help="From the controls, from the sample trace, or from a trace of your own.",
    ),
    "present": Switch(
        label="Presenter view",
        help="Larger, and only the answer, metrics and charts. With &embed=true in the link the menu goes too.",
    ),
}
assert CONTROLS.keys() == DEFAULTS.keys()
