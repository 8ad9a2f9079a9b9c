"""Answers in words and summary numbers, from runs and from paired tables."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.metrics import FIGURES
from core.network import FlatLatency
from core.scenario import Scenario
from core.simulate import Run
from core.theory import Expected

HEADLINE = ("epoch_ms", "idle_percent", "throughput", "utilization_percent", "mean_staleness")


def text_summary(run: Run) -> str:
    """The reference's four lines: mode, epoch time, idle time, throughput."""
    figures = run.metrics
    return (
        f"Mode: {run.scenario.policy.label.lower()}\n"
        f"Epoch Time: {figures.epoch_ms:.2f} ms\n"
        f"Idle Time: {figures.idle_percent:.2f} %\n"
        f"Throughput: {figures.throughput:.2f} batches/sec"
    )


def run_answer(run: Run) -> tuple[str, str]:
    """A headline and a sentence that say how long the epoch took and where the time went."""
    figures, scenario = run.metrics, run.scenario
    finish = "finishes" if scenario.workers == 1 else "finish"
    headline = f"{counted(scenario.workers, 'worker')} {finish} an epoch in {duration(figures.epoch_ms)}."
    spent = [
        (figures.utilization_percent, "computing"),
        (figures.wait_percent, "waiting for the slowest"),
        (figures.comm_percent, "the network"),
    ]
    detail = "Of the workers' time " + listed([f"{percent(share)} into {what}" for share, what in spent if share])
    detail = detail.replace(" into ", " went into ", 1)
    if figures.tail_percent:
        detail += f"; {percent(figures.tail_percent)} came after a worker's last batch, while others went on"
    if figures.max_staleness:
        detail += f". A gradient is {figures.mean_staleness:.1f} updates stale on average"
    return headline, detail + "."


def shares_in_words(run: Run) -> str:
    """Each worker's shares of the epoch, for people who cannot see the chart."""
    shares = run.worker_shares()
    workers = [
        f"W{worker}: " + ", ".join(f"{row.phase} {percent(row.percent)}" for row in rows.itertuples() if row.percent)
        for worker, rows in shares.groupby("worker")
    ]
    return "Share of the epoch by worker. " + "; ".join(workers) + "."


def timeline_in_words(run: Run) -> str:
    """What the timeline shows, for people who cannot see it."""
    headline, detail = run_answer(run)
    barriers = run.barriers()
    text = f"Timeline of {counted(run.scenario.workers, 'worker')}, a row each, {run.scenario.policy.label.lower()}. "
    text += f"{headline} {detail}"
    if len(barriers):
        often = barriers["straggler"].value_counts().sort_index()
        text += " Last at the barrier: " + ", ".join(f"W{w} {n}×" for w, n in often.items()) + "."
    return text


def figure_text(name: str, value: float) -> str:
    """A metric's value with its unit: 7.47 s, 10.7 %, 5.36 /s, 2.84 updates."""
    unit = FIGURES[name]["unit"]
    if unit == "ms":
        return duration(value)
    return percent(value) if unit == "%" else f"{rounded(value)} {unit}".rstrip()


def theory_text(name: str, theory: Expected | None) -> str:
    """What theory expects of a metric, and how firmly."""
    if theory is None:
        return "no closed form"
    sign = {"exact": "", "approximate": "≈ ", "long run": "→ "}[theory.holds]
    return f"theory {sign}{figure_text(name, theory.value)}"


@dataclass(frozen=True, kw_only=True)
class Speedup:
    """How many times sooner one policy finishes than another, pair by pair."""

    ratios: np.ndarray
    """Baseline's epoch time over the other's, one for each replicate."""
    median: float
    low: float
    high: float
    """Between low and high lie 95 % of the pairs."""


def speedup(table: pd.DataFrame, baseline: str, other: str) -> Speedup:
    """The speed-up of `other` over `baseline` in a table that `compare` made."""
    epochs = {policy: rows["epoch_ms"].to_numpy() for policy, rows in table.groupby("policy", sort=False)}
    ratios = epochs[baseline] / epochs[other]
    low, median, high = np.quantile(ratios, (0.025, 0.5, 0.975))
    return Speedup(ratios=ratios, median=float(median), low=float(low), high=float(high))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, and the bounds of the middle 95 %, of every metric by policy: policy, metric, mean, low, high."""
    long = table.melt(["policy", "replicate"], var_name="metric")
    groups = long.groupby(["policy", "metric"], sort=False)["value"]
    bounds = groups.quantile([0.025, 0.975]).unstack()
    return pd.DataFrame({"mean": groups.mean(), "low": bounds[0.025], "high": bounds[0.975]}).reset_index()


def compare_headline(gain: Speedup, baseline: str, other: str) -> str:
    """Which policy finishes first and by how much, or that the runs do not tell."""
    if gain.low > 1:
        return f"{other} finishes the epoch {times(gain.median)} sooner."
    if gain.high < 1:
        return f"{baseline} finishes the epoch {times(1 / gain.median)} sooner."
    if gain.low == gain.high:
        return f"{baseline} and {other.lower()} take the same time."
    return f"{baseline} or {other.lower()}: too close to call."


def compare_reasons(table: pd.DataFrame, gain: Speedup, baseline: str, other: str) -> str:
    """Why: how sure, what the baseline loses to waiting and network, what the time saved is made of, its price."""
    means = table.groupby("policy", sort=False).mean()
    base, rest = means.loc[baseline], means.loc[other]
    runs = len(gain.ratios)
    sure = (
        f"In 95 % of {runs:,} paired runs the speed-up was between {times(gain.low)} and {times(gain.high)}."
        if runs > 1
        else f"In this one pair of runs the speed-up was {times(gain.median)}; more runs would tell how sure that is."
    )
    saved = {part: part_ms(base, part) - part_ms(rest, part) for part in ("idle", "comm")}
    total = base["epoch_ms"] - rest["epoch_ms"]
    makes = (
        f" Of the {duration(total)} saved, {duration(saved['comm'])} is network time and "
        f"{duration(saved['idle'])} is waiting."
        if total > 0 and min(saved.values()) >= 0
        else ""
    )
    return (
        f"{sure} {baseline} loses {percent(base['wait_percent'])} of the epoch waiting at the barrier and "
        f"{percent(base['comm_percent'])} to the network.{makes} {other} pays with gradients that are "
        f"{rest['mean_staleness']:.1f} updates stale on average."
    )


def part_ms(means: pd.Series, part: str) -> float:
    """Mean time of a worker in comm, or idle in any way (waiting, or done while others go on), ms."""
    shares = {"comm": ["comm_percent"], "idle": ["wait_percent", "tail_percent"]}[part]
    return means["epoch_ms"] * sum(means[share] for share in shares) / 100


def compare_caveats(scenario: Scenario) -> str:
    """What the answer rests on: the network model's kindness to async, and epochs that are not yet learning."""
    network = scenario.network
    kind = ""
    if isinstance(network, FlatLatency) and network.latency_ms > 0:
        kind = (
            f"This network model makes asynchronous communication nearly free: sync pays {network.latency_ms:g} ms "
            f"a batch, async 0 to {network.longest_push_ms:g} ms. "
        )
    return (
        f"{kind}Faster epochs are not yet faster learning: one sync update averages "
        f"{counted(scenario.workers, 'gradient')}, one async update uses a single, staler one."
    )


def duration(ms: float) -> str:
    """A time in seconds: 7.47 s, 0.534 s, 1,234 s."""
    return f"{rounded(ms / 1000)}\N{NO-BREAK SPACE}s"


def rounded(value: float) -> str:
    """Three figures, or all the whole ones where there are more: 7.47, 0.534, 1,234, 3."""
    if value == int(value):
        return f"{value:,.0f}"
    before = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return f"{value:,.{max(0, 3 - before)}f}"


def times(ratio: float) -> str:
    """A ratio with two decimals, or three where it is close to 1: 1.38×, 1.006×."""
    return f"{ratio:.{3 if abs(ratio - 1) < 0.05 else 2}f}×"


def percent(value: float) -> str:
    """A share with one decimal: 10.7 %."""
    return f"{value:.1f}\N{NO-BREAK SPACE}%"


def counted(number: int, noun: str) -> str:
    """1 worker, 4 workers."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def listed(parts: list[str]) -> str:
    """a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def how_to_read(run: Run) -> str:
    """A line under the timeline that explains its marks and its gestures."""
    marks = "◇ ends the batch's straggler, whom the others wait for; upright lines are barriers. " * (
        len(run.barriers()) > 0
    )
    return f"{marks}The dashed line ends the epoch. Drag to pan, Shift + wheel to zoom, double-click to reset; \
click a phase in the legend to see it alone."


def baseline_notes(names) -> dict[str, dict]:
    """What stands under the baseline's metrics, so that both sides of a comparison align."""
    return {name: {"delta": "baseline", "delta_color": "off", "delta_arrow": "off"} for name in names}


def change_notes(baseline: pd.Series, other: pd.Series) -> dict[str, dict]:
    """The change of each metric against the baseline, coloured by whether it is for the better."""
    notes = {}
    for name, value in other.items():
        points = FIGURES[name]["unit"] == "%"
        change = value - baseline[name] if points else 100 * (value / baseline[name] - 1)
        text = f"{change:+.1f} points" if points else f"{change:+.0f} %"
        none = {"delta": 0, "delta_color": "off", "delta_arrow": "off"}
        better = "normal" if name == "throughput" else "inverse"
        notes[name] = {"delta": text, "delta_color": better} if round(change, 1) else none
    return notes


def what_is_drawn(table: pd.DataFrame, seed: int) -> str:
    """A line that tells the figures (means of many runs) from the pictures (one of them)."""
    runs = table["replicate"].nunique()
    return (
        f"Figures are means of {counted(runs, 'paired run')}; the timelines draw the first of them (seed {seed}), "
        "the same compute draws on both sides."
    )


def distribution_in_words(table: pd.DataFrame) -> str:
    """The spread of each policy's epoch times."""
    parts = [
        f"{policy}: mean {duration(epochs.mean())}, 95 % of the runs between {duration(epochs.quantile(0.025))} and "
        f"{duration(epochs.quantile(0.975))}"
        for policy, epochs in table.groupby("policy", sort=False)["epoch_ms"]
    ]
    return f"Epoch times. {'; '.join(parts)}."


def speedup_in_words(gain: Speedup) -> str:
    """The spread of the speed-ups."""
    return (
        f"Speed-ups of {counted(len(gain.ratios), 'pair')}: median {times(gain.median)}, 95 % between "
        f"{times(gain.low)} and {times(gain.high)}."
    )
