"""The controls that a link carries: one table of URL keys, frozen from the first release."""

from dataclasses import dataclass

from core import Asynchronous, Synchronous
from core.scenario import MAX_SEED

MODES = {"sync": Synchronous(), "async": Asynchronous()}


@dataclass(frozen=True, kw_only=True)
class Number:
    """A control with a range. Its key is its name in the URL, frozen from the first release."""

    label: str
    low: float
    high: float
    step: float
    default: float
    help: str

    @property
    def allowed(self) -> str:
        kind = "whole number" if isinstance(self.step, int) else "number"
        return f"a {kind} from {self.low:,} to {self.high:,}"

    def accepts(self, text: str) -> bool:
        try:
            value = float(text)
        except ValueError:
            return False
        return self.low <= value <= self.high and (isinstance(self.step, float) or value.is_integer())


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A control with named options."""

    label: str
    options: tuple[str, ...]
    default: str
    help: str

    @property
    def allowed(self) -> str:
        return " or ".join(self.options)

    def accepts(self, text: str) -> bool:
        return text in self.options


CONTROLS: dict[str, Number | Choice] = {
    "workers": Number(
        label="Number of Workers", low=1, high=64, step=1, default=4, help="Machines that train in parallel."
    ),
    "batch_ms": Number(
        label="Batch Processing Time (ms)",
        low=50,
        high=2_000,
        step=50,
        default=500,
        help="Mean time to compute one mini-batch. Each draw varies by ± the jitter.",
    ),
    "latency_ms": Number(
        label="Network Latency (ms)",
        low=0,
        high=1_000,
        step=25,
        default=200,
        help="What everybody pays once after a barrier. Without a barrier each push pays 0 to 30 % of it.",
    ),
    "mode": Choice(
        label="Mode",
        options=tuple(MODES),
        default="sync",
        help="sync: after every batch all wait for the slowest (a barrier). async: nobody waits. "
        "Timeline shows the mode chosen here, Compare shows both on the same draws.",
    ),
    "batches": Number(
        label="Number of Batches per Epoch",
        low=1,
        high=100,
        step=1,
        default=10,
        help="Mini-batches of each worker in one epoch.",
    ),
    "jitter": Number(
        label="Jitter (±)",
        low=0.0,
        high=0.95,
        step=0.01,
        default=0.2,
        help="Compute times are uniform on mean · (1 ± jitter). The reference has 0.20.",
    ),
    "seed": Number(
        label="Random Seed",
        low=0,
        high=MAX_SEED,
        step=1,
        default=42,
        help="The same seed gives the same draws on any machine.",
    ),
    "replicates": Number(
        label="Paired Runs (Compare)",
        low=1,
        high=10_000,
        step=1,
        default=1_000,
        help="How many times Compare repeats both policies, each time on the same draws for both.",
    ),
}
DEFAULTS = {key: control.default for key, control in CONTROLS.items()}
