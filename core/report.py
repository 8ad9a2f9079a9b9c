"""Answers in words and summary numbers, from runs and from paired tables."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.metrics import FIGURES
from core.network import FlatLatency
from core.scenario import Scenario
from core.simulate import Run
from core.theory import Expected

EVERYTHING = ["utilization_percent", "wait_percent", "comm_percent", "cancelled_percent", "tail_percent"]
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
        often = barriers.loc[barriers["straggler"] >= 0, "straggler"].value_counts().sort_index()
        last = ", ".join(f"W{worker} {count}×" for worker, count in often.items())
        text += f" Last at the barrier: {last}." if last else " Nobody waits at a barrier."
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
    sign = {"exact": "", "approximate": "≈ ", "long run": "→ ", "bound": "≤ "}[theory.holds]
    return f"theory {sign}{figure_text(name, theory.value)}"


@dataclass(frozen=True, kw_only=True)
class Speedup:
    """How many times faster one policy finishes than another, pair by pair."""

    ratios: np.ndarray
    """Baseline's epoch time over the other's, one for each replicate."""
    median: float
    low: float
    high: float
    """Between low and high lie 95 % of the pairs; all of them where there are fewer than 40."""


def speedup(table: pd.DataFrame, baseline: str, other: str) -> Speedup:
    """The speed-up of `other` over `baseline` in a table that `compare` made."""
    epochs = {policy: rows["epoch_ms"].to_numpy() for policy, rows in table.groupby("policy", sort=False)}
    ratios = epochs[baseline] / epochs[other]
    tail = 0.025 if len(ratios) >= 40 else 0
    low, median, high = np.quantile(ratios, (tail, 0.5, 1 - tail))
    return Speedup(ratios=ratios, median=float(median), low=float(low), high=float(high))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Every metric by policy, side by side: its mean, and the bounds of the middle 95 % of the runs."""
    groups = table.drop(columns="replicate").groupby("policy", sort=False)
    mean, low, high = groups.mean(), groups.quantile(0.025), groups.quantile(0.975)
    columns = {}
    for policy in mean.index:
        columns[policy] = mean.loc[policy]
        columns[f"{policy} low"] = low.loc[policy]
        columns[f"{policy} high"] = high.loc[policy]
    labels = [f"{at['label']} ({at['unit']})" if at["unit"] else at["label"] for at in FIGURES.values()]
    return pd.DataFrame(columns).loc[list(FIGURES)].set_axis(labels).rename_axis("Metric")


def compare_headline(gain: Speedup, baseline: str, other: str) -> str:
    """Which policy finishes first and by how much, or that the runs do not tell."""
    if gain.low >= 1 < gain.median:
        return f"{other} finishes the epoch {times(gain.median)} faster."
    if gain.high <= 1 > gain.median:
        return f"{baseline} finishes the epoch {times(1 / gain.median)} faster."
    if gain.low == gain.high:
        return f"{baseline} and {other.lower()} take the same time."
    return f"{baseline} or {other.lower()}: too close to call."


def compare_reasons(table: pd.DataFrame, gain: Speedup, baseline: str, other: str) -> str:
    """Why: how much the answer varies, what either side loses, what the time saved is made of, and its price."""
    runs = len(gain.ratios)
    share = f"95 % of {runs:,}" if runs >= 40 else f"all {runs}"
    varies = (
        f"In {share} paired runs the speed-up was between {times(gain.low)} and {times(gain.high)}."
        if runs > 1
        else f"This is one pair of runs, {times(gain.median)}; more would tell how much the speed-up varies."
    )
    means = table.drop(columns="replicate").groupby("policy").mean()
    losses = [f"{policy} loses {losses_of(means.loc[policy])}" for policy in (baseline, other)]
    stale = means.loc[other, "mean_staleness"]
    price = f" {other} pays with gradients that are {stale:.1f} updates stale on average." if stale else ""
    return f"{varies} {losses[0]}; {lowered(losses[1])}.{savings(table, baseline, other)}{price}"


def losses_of(means: pd.Series) -> str:
    """Where a policy's time goes that is not computing, as shares of the epoch."""
    lost = [
        (means["wait_percent"], "waiting"),
        (means["comm_percent"], "on the network"),
        (means["tail_percent"], "at the end, done before the last worker"),
    ]
    return listed([f"{percent(share)} {where}" for share, where in lost if share >= 0.05] or ["nothing"])


def savings(table: pd.DataFrame, baseline: str, other: str) -> str:
    """What the time saved is made of: exactly, since both sides compute the same draws for equally long."""
    total, network = (
        mean_ms(table, baseline, shares) - mean_ms(table, other, shares) for shares in (EVERYTHING, ["comm_percent"])
    )
    if total <= 0:
        return ""
    waiting = total - network
    if network < 0:
        return f" Less waiting saves {duration(waiting)}, of which the network takes back {duration(-network)}."
    if waiting < 0:
        return f" The network saves {duration(network)}, of which uneven finishing takes back {duration(-waiting)}."
    return f" Of the {duration(total)} saved, {duration(network)} is network time and {duration(waiting)} is waiting."


def mean_ms(table: pd.DataFrame, policy: str, shares: list[str]) -> float:
    """Mean time of a worker in the given shares of the epoch, ms."""
    rows = table[table["policy"] == policy]
    return float((rows["epoch_ms"] * rows[shares].sum(axis=1)).mean() / 100)


def compare_caveats(scenario: Scenario) -> str:
    """What the answer rests on: the network model's kindness to async, and epochs that are not yet learning."""
    network = scenario.network
    kind = ""
    if isinstance(network, FlatLatency) and network.latency_ms > 0:
        kind = (
            f"This network model makes asynchronous communication nearly free: sync pays {network.latency_ms:g} ms "
            f"a batch, async 0 to {network.longest_push_ms:g} ms. "
        )
    if scenario.workers == 1:
        return f"{kind}One worker has nobody to wait for: only the network differs."
    return (
        f"{kind}Faster epochs are not yet faster learning: one sync update averages {scenario.workers} gradients, "
        "one async update uses a single, staler one."
    )


def duration(ms: float) -> str:
    """A time in seconds: 7.47 s, 0.534 s, 1,234 s."""
    return f"{rounded(ms / 1000)}\N{NO-BREAK SPACE}s"


def rounded(value: float) -> str:
    """Three significant figures, or all the whole ones where there are more: 7.47, 0.0534, 1,234, 3."""
    if value == int(value) or abs(value) >= 999.5:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".") if abs(value) >= 1e-4 else f"{value:.0e}"


def times(ratio: float) -> str:
    """A ratio with two decimals, or three where it is close to 1: 1.38×, 1.006×."""
    return f"{ratio:.{3 if abs(ratio - 1) < 0.05 else 2}f}×"


def percent(value: float) -> str:
    """A share with one decimal: 10.7 %."""
    return f"{value:.1f}\N{NO-BREAK SPACE}%"


def lowered(sentence: str) -> str:
    """The sentence as it goes on after a semicolon."""
    return sentence[0].lower() + sentence[1:]


def counted(number: int, noun: str) -> str:
    """1 worker, 4 workers."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def listed(parts: list[str]) -> str:
    """a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def how_to_read(run: Run, since_ms: float, until_ms: float) -> str:
    """A line under the timeline that explains its marks and its gestures, and says where it is only a part."""
    epoch_ms, marks = run.metrics.epoch_ms, ""
    if until_ms - since_ms < epoch_ms:
        marks = f"Shown: {duration(since_ms)} to {duration(until_ms)} of {duration(epoch_ms)}. "
    if len(run.barriers()):
        marks += "◇ marks where the slowest worker of a batch finishes, its straggler; upright lines are barriers. "
    return (
        f"{marks}The dashed line ends the epoch. Drag to pan, Shift + wheel to zoom, double-click to reset; "
        "click a phase in the legend to see it alone."
    )


def baseline_notes(names) -> dict[str, dict]:
    """What stands under the baseline's metrics, so that both sides of a comparison align."""
    return {name: {"delta": "baseline", "delta_color": "off", "delta_arrow": "off"} for name in names}


def change_notes(baseline: pd.Series, other: pd.Series) -> dict[str, dict]:
    """The change of each metric against the baseline, coloured by whether it is for the better."""
    notes = {}
    for name, value in other.items():
        points = FIGURES[name]["unit"] == "%"
        change = value - baseline[name] if points else 100 * (value / baseline[name] - 1)
        text = f"{change:+.1f} points" if points else f"{change:+.{0 if abs(change) >= 1 else 1}f} %"
        none = {"delta": 0, "delta_color": "off", "delta_arrow": "off"}
        better = "normal" if name == "throughput" else "inverse"
        notes[name] = {"delta": text, "delta_color": better} if round(change, 1) else none
    return notes


def what_is_drawn(runs: list[Run], until_ms: float, replicates: int) -> str:
    """A line that tells the figures (means of many runs) from the pictures (one of them, or its beginning)."""
    longest = max(run.metrics.epoch_ms for run in runs)
    part = f"the first {duration(until_ms)} of " if until_ms < longest else ""
    return (
        f"Figures are means of {counted(replicates, 'paired run')}; the timelines draw {part}the first of them "
        f"(seed {runs[0].scenario.seed}), the same compute draws on both sides."
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
        f"Speed-ups of {counted(len(gain.ratios), 'pair')}: median {times(gain.median)}, "
        f"{'95 %' if len(gain.ratios) >= 40 else 'all'} between {times(gain.low)} and {times(gain.high)}."
    )
