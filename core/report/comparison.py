"""Paired runs in numbers and words: who finishes first, how surely, why, and what it pays."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.common.validation import MAX_WORK
from core.common.wording import counted, duration, listed, lowered, percent, rounded, times
from core.policies.base import Policy
from core.report.run import network_in_words, push_in_words
from core.report.timeline_data import Picture
from core.schedule.metrics import FEWEST_FOR_TAILS, FIGURES
from core.statistics.pairs import MIDDLE, SAME, Paired, Speedup, Table, best_other, finishing_order, means, speedup
from core.workload.networks import FlatLatency
from core.workload.workload import Workload

NEARLY_FREE = 0.3  # the reference's: a push takes 0 to so much of a barrier's latency
SHARES = {
    "computing": ["utilization_percent"],
    "network time": ["comm_percent"],
    "waiting": ["wait_percent", "tail_percent"],
    "cancelled work": ["cancelled_percent"],
}
"""What an epoch is made of; the shares add up to all of it."""


def ranking(table: Table) -> pd.DataFrame:
    """The policies in finishing order, as text with units: means, and in brackets the middle 95 % of the runs."""
    paired, rows = Paired.of(table), []
    for policy in paired.order:
        runs, gain, mean = paired.runs[policy], speedup(paired, paired.baseline, policy), paired.means[policy]
        median, low, high = (times(ratio).removesuffix("×") for ratio in (gain.median, gain.low, gain.high))
        spread = f"{median} ({low} – {high})"
        rows.append(
            {
                "Policy": policy,
                "Epoch time (s)": with_interval(runs["epoch_ms"] / 1000),
                "Speed-up (×)": spread if policy != paired.baseline else "baseline",
                "Used (/s)": with_interval(runs["throughput"]),
                "Utilization (%)": rounded(mean["utilization_percent"]),
                "Staleness": rounded(mean["mean_staleness"]),
                "p95": round(mean["p95_staleness"], 1),
                "Updates": round(mean["updates"]),
                "Gradients each": round(mean["gradients_per_update"], 2),
            }
        )
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="Rank"))


def with_interval(values: np.ndarray) -> str:
    """The mean, and in brackets the middle 95 %, unless all are the same."""
    low, high = np.quantile(values, MIDDLE)
    return f"{rounded(values.mean())} ({rounded(low)} – {rounded(high)})" if low < high else rounded(values.mean())


def epoch_intervals(table: Table) -> pd.DataFrame:
    """Epoch times in s, in finishing order: policy, middle (the mean), low and high (the middle 95 % of the runs)."""
    paired = Paired.of(table)
    epochs = [paired.runs[policy]["epoch_ms"] / 1000 for policy in paired.order]
    low, high = np.quantile(epochs, MIDDLE, axis=1)
    return pd.DataFrame({"policy": paired.order, "middle": np.mean(epochs, axis=1), "low": low, "high": high})


def speedup_intervals(table: Table) -> pd.DataFrame:
    """Speed-ups over the baseline, in finishing order: policy, middle (the median), low and high."""
    paired = Paired.of(table)
    gains = {policy: speedup(paired, paired.baseline, policy) for policy in paired.order}
    return pd.DataFrame(
        [{"policy": name, "middle": gain.median, "low": gain.low, "high": gain.high} for name, gain in gains.items()]
    )


def mean_figures(table: Table) -> pd.DataFrame:
    """The mean of every metric, and speedup, low and high, one row a policy in finishing order."""
    gains = speedup_intervals(table).rename(columns={"middle": "speedup"}).set_index("policy")
    return means(table).loc[gains.index].join(gains)


def summary(table: Table) -> pd.DataFrame:
    """Every metric by policy, side by side: its mean, and the bounds of the middle 95 % of the runs."""
    paired, columns = Paired.of(table), {}
    for policy, figures in paired.runs.items():
        low, high = np.quantile([figures[name] for name in FIGURES], MIDDLE, axis=1)
        columns[policy] = [paired.means[policy][name] for name in FIGURES]
        columns |= {f"{policy} low": low, f"{policy} high": high}
    labels = [
        f"{figure['label']} ({figure['unit']})" if figure["unit"] else figure["label"] for figure in FIGURES.values()
    ]
    return pd.DataFrame(columns, index=pd.Index(labels, name="Metric"))


def headline(table: Table) -> str:
    """Which policy finishes first and by how much, or that the runs do not tell."""
    paired = Paired.of(table)
    baseline, other = paired.baseline, best_other(paired)
    gain, among = speedup(paired, baseline, other), len(paired.runs)
    if abs(gain.median - 1) < SAME and (gain.decided or gain.low == gain.high):
        return f"{baseline} and {lowered(other)} take the same time."
    if gain.decided and gain.median > 1:
        if among > 2:
            alike = [other, *(lowered(policy) for policy in level_with(paired, other, baseline))]
            verb = "finishes" if len(alike) == 1 else "finish"
            ahead = f"{times(gain.median)} faster than {lowered(baseline)}"
            return f"{listed(alike)} {verb} first of {among} policies, {ahead}."
        return f"{other} finishes the epoch {times(gain.median)} faster."
    if gain.decided:
        if among > 2:
            return f"{baseline} finishes first of {among} policies, {times(1 / gain.median)} faster than the next."
        return f"{baseline} finishes the epoch {times(1 / gain.median)} faster."
    if gain.low == gain.high:
        return f"{baseline} and {lowered(other)} take the same time."
    return f"{baseline} or {lowered(other)}: too close to call."


def level_with(table: Table, winner: str, baseline: str) -> list[str]:
    """The policies, beside the baseline, whose runs cannot be told apart from the winner's."""
    rest = [policy for policy in finishing_order(table) if policy not in (winner, baseline)]
    return [policy for policy in rest if not speedup(table, policy, winner).decided]


def reasons(table: Table, policies: Sequence[Policy]) -> str:
    """How much the answer varies, what either side loses, what the time saved is made of, what it is paid with."""
    paired = Paired.of(table)
    baseline, other = paired.baseline, best_other(paired)
    if speedup(paired, baseline, other).median < 1:
        baseline, other = other, baseline
    gain, mean = speedup(paired, baseline, other), paired.means
    runs = len(gain.ratios)
    share = f"95 % of {runs:,}" if runs >= FEWEST_FOR_TAILS else f"all {runs}"
    varies = (
        f"In {share} paired runs the speed-up was between {times(gain.low)} and {times(gain.high)}."
        if runs > 1
        else f"This is one pair of runs, {times(gain.median)}; more would tell how much the speed-up varies."
    )
    losses = [f"{policy} loses {losses_of(mean[policy])}" for policy in (baseline, other)]
    policy = next(policy for policy in policies if policy.label == other)
    pays = f" {other} pays with {listed(price)}." if (price := prices(policy, mean[other])) else ""
    return f"{varies} {losses[0]}; {lowered(losses[1])}.{savings(paired, baseline, other)}{pays}{runner_up(paired)}"


def summary_text(table: Table, policies: Sequence[Policy], workload: Workload) -> str:
    """The answer as plain text for a chat or a slide: what was asked, the answer, every policy."""
    asked = f"{counted(workload.workers, 'worker')} × {counted(workload.batches, 'batch', 'batches')}"
    paired = Paired.of(table)
    lines = [headline(paired), f"{asked}, {counted(paired.replicates, 'paired run')}."]
    for policy in paired.order:
        row = paired.means[policy]
        lines.append(
            f"- {policy}: epoch {duration(row['epoch_ms'])}, {rounded(row['throughput'])} used mini-batches/s, "
            f"utilization {percent(row['utilization_percent'])}, staleness {row['mean_staleness']:.1f}"
        )
    return "\n".join([*lines, reasons(paired, policies)])


def losses_of(mean: Mapping[str, float]) -> str:
    """Where a policy's time goes that is not computing, as shares of the epoch."""
    lost = [
        (mean["wait_percent"], "waiting"),
        (mean["comm_percent"], "on the network"),
        (mean["cancelled_percent"], "in work thrown away"),
        (mean["tail_percent"], "at the end, done before the last worker"),
    ]
    return listed([f"{percent(share)} {where}" for share, where in lost if share >= 0.05] or ["nothing"])


def prices(policy: Policy, mean: Mapping[str, float]) -> list[str]:
    """What a policy pays with: stale gradients, work thrown away, and what it asks for by itself."""
    paid = []
    if mean["mean_staleness"] >= 0.05:
        paid.append(f"gradients that are {mean['mean_staleness']:.1f} updates stale on average")
    if mean["cancelled_percent"] >= 0.05:
        paid.append(f"{percent(mean['cancelled_percent'])} of the time in work thrown away")
    if policy.price:
        paid.append(policy.price)
    return paid


def savings(table: Table, baseline: str, other: str) -> str:
    """What the time saved is made of, and what is given back: a worker's mean times, which add up to the epoch."""
    table = Paired.of(table)
    saved = {what: mean_ms(table, baseline, share) - mean_ms(table, other, share) for what, share in SHARES.items()}
    total = sum(saved.values())
    least = 5e-4 * mean_ms(table, baseline, [name for names in SHARES.values() for name in names])
    if total <= least:
        return ""
    most = max(saved.values())
    worth_a_word = {what: ms for what, ms in saved.items() if ms > least or ms == most}
    if min(saved.values()) >= -least:
        parts = [f"{duration(ms)} is {what}" for what, ms in worth_a_word.items()]
        return f" Of the {duration(total)} saved, {listed(parts)}."
    less = [f"{duration(ms)} of {what}" for what, ms in worth_a_word.items()]
    more = [f"{duration(-ms)} more on {what}" for what, ms in saved.items() if ms < -least]
    return f" It saves {listed(less)}, and spends {listed(more)}."


def mean_ms(table: Table, policy: str, shares: list[str]) -> float:
    """Mean time of a worker in the given shares of the epoch, ms."""
    runs = Paired.of(table).runs[policy]
    return float((runs["epoch_ms"] * sum(runs[share] for share in shares)).mean() / 100)


def runner_up(table: Table) -> str:
    """How far behind the second of several policies is; nothing where there are two, or where it is the baseline."""
    paired = Paired.of(table)
    first, second, *more = paired.order
    gap = speedup(paired, second, first)
    if not more or paired.baseline in (first, second) or not gap.decided:
        return ""
    return f" {second} comes next, {times(gap.median)} behind."


def caveats(workload: Workload, table: Table) -> str:
    """What the answer rests on: the network model's kindness to async, and epochs that are not yet learning."""
    network, kind = workload.network, ""
    if not isinstance(network, FlatLatency):
        kind = f"{network_in_words(workload)} "
    elif network.push_range_ms[0] == network.latency_ms > 0:
        kind = f"A barrier and a push cost the same here, {network.latency_ms:g} ms a batch. "
    elif network.latency_ms > 0:
        cheap = (
            "makes asynchronous communication nearly free"
            if sum(network.push_range_ms) <= NEARLY_FREE * network.latency_ms
            else ""
        )
        kind = (
            f"This network model {cheap or 'charges an asynchronous push less'}: a barrier costs "
            f"{network.latency_ms:g} ms a batch, a push {push_in_words(network)}. "
        )
    if workload.workers == 1:
        return f"{kind}One worker has nobody to wait for: only the network differs."
    sizes = {policy: mean["gradients_per_update"] for policy, mean in Paired.of(table).means.items()}
    if len(set(sizes.values())) == 1:
        (size,) = set(sizes.values())
        gradients = "1 gradient" if size == 1 else f"{rounded(size)} gradients"
        return f"{kind}Every update averages {gradients} under each of the policies."
    most, least = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
    return (
        f"{kind}Faster epochs are not yet faster learning: an update averages {rounded(sizes[most])} gradients "
        f"with {lowered(most)}, {rounded(sizes[least])} with {lowered(least)}."
    )


def baseline_notes(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What stands under the baseline's metrics, so that both sides of a comparison align."""
    return {name: {"delta": "baseline", "delta_color": "off", "delta_arrow": "off"} for name in names}


def change_notes(baseline: pd.Series, other: pd.Series) -> dict[str, dict[str, Any]]:
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


def what_is_drawn(asked: Workload, pictures: list[Picture], replicates: int) -> str:
    """A line that tells the figures (means of many runs) from the pictures (one of them, or its beginning)."""
    longest, workers = max(picture.epoch_ms for picture in pictures), len(pictures[0].workers)
    until_ms = pictures[0].domain_ms[1]
    part = f"the first {duration(until_ms)} of " if until_ms < longest else ""
    some = f" Of {counted(asked.workers, 'worker')}, the {workers} slowest." if workers < asked.workers else ""
    return (
        f"Figures are means of {counted(replicates, 'paired run')}; the timelines draw {part}the first of them "
        f"(seed {asked.seed}), the same compute draws for every policy.{some}"
    )


def fewer_runs_in_words(asked: Workload, replicates: int, most: int) -> str:
    """Why there are fewer paired runs than were asked for."""
    return (
        f"Epochs of {asked.workers:,} × {asked.batches:,} mini-batches leave room for {counted(most, 'paired run')} of "
        f"these policies, not {replicates:,}: {MAX_WORK:,} mini-batches are simulated at the most."
    )


def distribution_in_words(table: Table) -> str:
    """The spread of each policy's epoch times."""
    parts = []
    for policy, runs in Paired.of(table).runs.items():
        low, high = np.quantile(runs["epoch_ms"], MIDDLE)
        middle = duration(runs["epoch_ms"].mean())
        parts.append(f"{policy}: mean {middle}, 95 % of the runs between {duration(low)} and {duration(high)}")
    return f"Epoch times. {'; '.join(parts)}."


def speedup_in_words(gain: Speedup) -> str:
    """The spread of the speed-ups."""
    return (
        f"Speed-ups of {counted(len(gain.ratios), 'pair')}: median {times(gain.median)}, "
        f"{'95 %' if len(gain.ratios) >= FEWEST_FOR_TAILS else 'all'} between {times(gain.low)} and {times(gain.high)}."
    )


def speedups_in_words(gains: pd.DataFrame) -> str:
    """The spread of several policies' speed-ups."""
    parts = [
        f"{gain.policy} {times(gain.middle)} ({times(gain.low)} to {times(gain.high)})" for gain in gains.itertuples()
    ]
    return f"Speed-ups, and between which values most runs lie: {'; '.join(parts)}."
