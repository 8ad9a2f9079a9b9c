"""Paired runs in tables and words: who finishes first, why, and what it costs."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.common.validation import MAX_WORK
from core.common.wording import (
    NBSP,
    adding_up,
    counted,
    duration,
    four_digits,
    listed,
    lowered,
    percent,
    rounded,
    times,
)
from core.links import MOST_REPLICATES
from core.money import Prices
from core.policies.barrier import LocalSGD
from core.policies.base import Policy
from core.policies.push import Asynchronous
from core.policies.registry import POLICIES
from core.report import verdicts
from core.report.failures import FEW, failures_compared, failures_expected, saves_work
from core.report.money import money_compared
from core.report.parameters import setting
from core.report.run import network_in_words, push_in_words
from core.report.timeline_data import Picture
from core.report.verdicts import RunsControl, headline, which_runs
from core.schedule.metrics import FEWEST_FOR_TAILS, FIGURES, PARTS
from core.simulation.paired import most_replicates
from core.statistics.pairs import Paired, Table, means, spread, verdict
from core.workload.compute_laws import Pareto
from core.workload.networks import AlphaBeta, FlatLatency
from core.workload.workload import Workload

NEARLY_FREE = 0.3  # the reference's: a push takes 0 to so much of a barrier's latency
SEEN = 0.05  # what is less reads as 0.0
ATYPICAL = 1.25  # times the mean, or the mean that many times the run: so far off, a run looks like another answer
NETWORK, WITH_CHECKPOINTS = "network time", "network and checkpoint time"
SHARES = {
    "computing": ["utilization_percent"],
    NETWORK: ["comm_percent"],
    "waiting or time after the last batch": ["wait_percent", "tail_percent"],
    "cancelled work": ["cancelled_percent"],
    "down time": ["down_percent"],
}
"""What an epoch is made of; the shares add up to all of it."""
LOSSES = {
    "wait_percent": "waiting",
    "comm_percent": "on the network",
    "cancelled_percent": "on work that is thrown away",
    "down_percent": "down after a failure",
    "tail_percent": "after its last batch",
}


def ranking(table: Table) -> pd.DataFrame:
    """The policies in finishing order, as text with units.

    Means; the ratio of the mean epoch times with its interval.
    """
    paired, rows = Paired.of(table), []
    for policy in paired.order:
        mean = paired.means[policy]
        rows.append(
            {
                "Policy": policy,
                "Epoch time (s)": rounded(mean["epoch_ms"] / 1000),
                "Speed-up (×)": verdicts.over_baseline(paired, policy),
                "Throughput (/s)": rounded(mean["throughput"]),
                "Utilization (%)": f"{mean['utilization_percent']:.1f}",
                "Staleness": rounded(mean["mean_staleness"]),
                "An update averages": "parameters" if is_local(policy) else gradients(mean["gradients_per_update"]),
            }
        )
    return pd.DataFrame(rows, index=pd.Index([paired.ranks[policy] for policy in paired.order], name="Rank"))


def epoch_intervals(table: Table) -> pd.DataFrame:
    """Epoch times in s, in finishing order: policy, middle (the mean), low and high (of single runs)."""
    paired = Paired.of(table)
    low, high = np.transpose([paired.spread(policy, "epoch_ms") for policy in paired.order]) / 1000
    mean = [paired.means[policy]["epoch_ms"] / 1000 for policy in paired.order]
    return pd.DataFrame({"policy": paired.order, "middle": mean, "low": low, "high": high})


def speedup_intervals(table: Table) -> pd.DataFrame:
    """Ratios of mean epoch times, the baseline's over each policy's, in finishing order.

    Columns: policy, middle (the ratio), low and high (its interval; NaN where there is none), and outcome, decided,
    equal or open; the baseline's own are 1, and its outcome is empty.
    """
    paired, rows = Paired.of(table), []
    for policy in paired.order:
        if policy == paired.baseline:
            rows.append({"policy": policy, "middle": 1.0, "low": 1.0, "high": 1.0, "outcome": ""})
            continue
        ratio = paired.speedups[paired.baseline, policy]
        rows.append(
            {
                "policy": policy,
                "middle": ratio.value,
                "low": ratio.low,
                "high": ratio.high,
                "outcome": ratio.outcome,
            }
        )
    return pd.DataFrame(rows)


def mean_figures(table: Table) -> pd.DataFrame:
    """The mean of every metric, and speedup, low, high and outcome, one row per policy in finishing order."""
    gains = speedup_intervals(table).rename(columns={"middle": "speedup"}).set_index("policy")
    return means(table).loc[gains.index].join(gains)


def verdict_figures(table: Table) -> dict[str, Any]:
    """The verdict on a table, as data."""
    found = verdict(table)
    names = ("winner", "runner_up", "speedup", "low", "high", "outcome", "faster_percent", "runs_to_decide")
    return {name: getattr(found, name) for name in names}


def summary(table: Table) -> pd.DataFrame:
    """Every metric by policy, side by side: its mean, and the ends of the middle 95 % of the runs (all, if few)."""
    paired = Paired.of(table)
    columns: dict[str, Any] = {}
    for policy, figures in paired.runs.items():
        low, high = spread(np.array([figures[name] for name in FIGURES]))
        columns[policy] = [paired.means[policy][name] for name in FIGURES]
        columns |= {f"{policy} low": low, f"{policy} high": high}
    labels = [
        f"{figure['label']} ({figure['unit']})" if figure["unit"] else figure["label"] for figure in FIGURES.values()
    ]
    return pd.DataFrame(columns, index=pd.Index(labels, name="Metric"))


def paired_runs(workload: Workload, policies: Sequence[Policy]) -> RunsControl:
    """The page's control of the number of paired runs, and the most that it takes here."""
    return RunsControl("Paired runs", min(MOST_REPLICATES, most_replicates(workload, policies)))


def reasons(table: Table, policies: Sequence[Policy], workload: Workload, control: RunsControl | None = None) -> str:
    """How sure the answer is, how single runs differ, what either side loses, and what the time saved is made of.

    Args:
        table: what `compare` made.
        policies: those of the table.
        workload: what they ran.
        control: what to set for more runs; the page's where none is given.

    """
    paired = Paired.of(table)
    control = paired_runs(workload, policies) if control is None else control
    shortest_ms = min(mean["epoch_ms"] for mean in paired.means.values())
    found, rare = verdict(paired), rare_events(workload, paired.replicates, shortest_ms)
    slower, quicker = found.runner_up, found.winner
    saves = any(saves_work(workload, policy) for policy in policies if policy.label in (slower, quicker))
    losses = losses_of(paired, (slower, quicker), saves)
    saved = savings(paired, slower, quicker, saves) if found.outcome == "decided" or paired.replicates == 1 else ""
    return (
        f"{verdicts.how_sure(paired, slower, quicker, control, exact=not rare)}"
        f"{verdicts.run_by_run(paired, slower, quicker)}{verdicts.the_others(paired, control)}{rare} "
        f"{losses}{saved}"
    )


def in_full(table: Table, policies: Sequence[Policy], workload: Workload, control: RunsControl | None = None) -> str:
    """What the quickest policy costs, and the reasons; the arguments are those of `reasons`."""
    return f"{costs(table, policies, workload)} {reasons(table, policies, workload, control)}"


def costs(table: Table, policies: Sequence[Policy], workload: Workload) -> str:
    """What the quickest policy costs, in a sentence; with one worker, that only the network differs."""
    paired = Paired.of(table)
    if workload.workers == 1:
        return "With one worker there is nobody to wait for: the policies differ only in what the network costs."
    first = paired.order[0]
    policy = next(policy for policy in policies if policy.label == first)
    mean = paired.means[first]
    if paid := prices(policy, mean):
        return f"What {lowered(first)} costs: {listed(paid)}."
    to_speak_of = " to speak of" if mean["mean_staleness"] or mean["cancelled_percent"] else ""
    return f"{first} costs no stale gradients and no work thrown away{to_speak_of}."


def rare_events(workload: Workload, runs: int, epoch_ms: float) -> str:
    """Warns that rare events decide where the data hold too few of them; empty otherwise.

    Args:
        workload: what was run.
        runs: how often.
        epoch_ms: how long the shortest epochs take, in which the fewest failures are met, ms.

    """
    stragglers, batches = workload.stragglers, workload.workers * workload.batches * runs
    hiccups = stragglers.hiccup_probability * batches if stragglers.hiccup_factor > 1 else 0
    episodes = stragglers.episode_share * batches / stragglers.episode_batches if stragglers.episode_factor > 1 else 0
    failures = runs * failures_expected(workload, epoch_ms)
    for expected, what in ((hiccups, "Hiccups"), (episodes, "Slow episodes"), (failures, "Failures")):
        if 0 < expected < FEW:
            return (
                f" {what} are rare: about {rounded(expected)} are expected in {counted(runs, 'run')}. The result "
                "depends on whether one happens, and these are too few to say how often."
            )
    if isinstance(workload.compute, Pareto) and workload.compute.alpha <= 2:
        return (
            f" With α = {workload.compute.alpha:g} the compute times have no finite variance: a few very long "
            "mini-batches decide, and the next run may change what few runs say."
        )
    return ""


def summary_text(
    table: Table,
    policies: Sequence[Policy],
    workload: Workload,
    money: Prices | None = None,
    without_failures: Paired | None = None,
) -> str:
    """The answer as plain text for a chat or a slide: what was asked, the answer, every policy, why, and the cost."""
    paired = Paired.of(table)
    lines = [headline(paired), f"{setting(workload)}, {counted(paired.replicates, 'paired run')}."]
    for policy in paired.order:
        row, gain = paired.means[policy], verdicts.over_baseline(paired, policy)
        lines.append(
            f"- {policy}: epoch {duration(row['epoch_ms'])}, speed-up {gain}, "
            f"{rounded(row['throughput'])} used mini-batches/s, utilization {percent(row['utilization_percent'])}, "
            f"staleness {row['mean_staleness']:.1f}"
        )
    lines.append(in_full(paired, policies, workload))
    failed = failures_compared(paired, workload, policies, without_failures, money)
    also = (failed, money_compared(paired, workload, policies, money))
    lines += [said for said in also if said]
    return "\n".join(lines)


def losses_of(table: Table, policies: tuple[str, str], saves: bool = False) -> str:
    """Where a worker's mean time goes that is not computing, under two policies; saves: also into checkpoints."""
    table, names = Paired.of(table), LOSSES | ({"comm_percent": "on the network and checkpoints"} if saves else {})
    lost = {policy: {at: mean_ms(table, policy, [name]) for name, at in names.items()} for policy in policies}
    most = max(ms for spent in lost.values() for ms in spent.values())
    one, other = (listed(in_unit_of(most, spent) or ["no time on anything but computing"]) for spent in lost.values())
    return f"In an epoch, a worker under {lowered(policies[0])} spends {one}; under {lowered(policies[1])}, {other}."


def in_unit_of(most: float, spent: Mapping[str, float]) -> list[str]:
    """Times in ms, those that are seen beside the largest of all, with their decimals: 2.00 s on the network."""
    unit_ms, unit = (1, "ms") if most < 100 else (1000, "s")
    places = max(0, 2 - math.floor(math.log10(most / unit_ms))) if most else 0
    shown = {at: f"{ms / unit_ms:,.{places}f}{NBSP}{unit}" for at, ms in spent.items()}
    return [f"{time} {at}" for at, time in shown.items() if not is_nothing(time)]


def prices(policy: Policy, mean: Mapping[str, float]) -> list[str]:
    """What a policy costs: stale gradients, work thrown away, and what it asks for by itself."""
    paid = []
    if mean["mean_staleness"] >= SEEN:
        paid.append(f"gradients that are {mean['mean_staleness']:.1f} updates stale on average")
    if mean["cancelled_percent"] >= SEEN:
        paid.append(f"{percent(mean['cancelled_percent'])} of the workers' time in work that is thrown away")
    if policy.price:
        paid.append(policy.price)
    return paid


def savings(table: Table, baseline: str, other: str, saves: bool = False) -> str:
    """What the time saved is made of, and what is given back: a worker's mean times, which add up to the epoch.

    Args:
        table: what `compare` made.
        baseline: label of the slower policy.
        other: that of the quicker one.
        saves: whether one of them takes checkpoints.

    """
    table = Paired.of(table)
    saved = {what: mean_ms(table, baseline, share) - mean_ms(table, other, share) for what, share in SHARES.items()}
    if saves:
        saved = {WITH_CHECKPOINTS if what == NETWORK else what: ms for what, ms in saved.items()}
    whole_ms = mean_ms(table, baseline, [name for names in SHARES.values() for name in names])
    return made_of(saved, whole_ms) if sum(saved.values()) > 0 else ""


def made_of(saved: Mapping[str, float], whole_ms: float) -> str:
    """What a time that was saved, or added, is made of; empty where it is too little beside the whole to be seen.

    Args:
        saved: by how much each part has become shorter, ms; below 0 where it has become longer.
        whole_ms: how long all parts took together before.

    """
    total = sum(saved.values())
    if abs(total) <= 5e-4 * whole_ms:
        return ""
    in_all, *parts = (time.removeprefix("-") for time in same_unit([total, *saved.values()]))
    shown = dict(zip(saved, parts, strict=True))
    less = {what: shown[what] for what, ms in saved.items() if ms > 0 and not is_nothing(shown[what])}
    more = {what: shown[what] for what, ms in saved.items() if ms < 0 and not is_nothing(shown[what])}
    along, back, changed = (less, more, "saved") if total > 0 else (more, less, "added")
    if not back and len(along) == 1:
        return f" All of the {in_all} {changed} is {next(iter(along))}."
    if not back:
        return f" Of the {in_all} {changed}, {listed([f'{ms} is {what}' for what, ms in along.items()])}."
    saves = listed([f"{ms} of {what}" for what, ms in less.items()])
    spends = listed([f"{ms} more on {what}" for what, ms in more.items()])
    if total > 0:
        return f" It saves {saves}, and spends {spends}: {in_all} less in all."
    return f" It spends {spends}, and saves {saves}: {in_all} more in all."


def same_unit(ms: Sequence[float]) -> list[str]:
    """Times, the first the sum of the others, in one unit and with decimals to add up: 2.10 s, 1.34 s, 0.76 s."""
    most = max(map(abs, ms))
    unit_ms, unit = (1, "ms") if most < 100 else (1000, "s")
    places = max(0, 2 - math.floor(math.log10(most / unit_ms)))
    step = 10.0**-places
    total = round(ms[0] / unit_ms, places)
    parts = adding_up([part / unit_ms for part in ms[1:]], total, step)
    return [f"{value + 0.0:,.{places}f}{NBSP}{unit}" for value in (total, *parts)]


def is_nothing(time: str) -> bool:
    """Whether a time is shown as zero."""
    return not any(digit in "123456789" for digit in time)


def mean_ms(table: Table, policy: str, shares: list[str]) -> float:
    """Mean time of a worker in the given shares of the epoch, ms."""
    runs = Paired.of(table).runs[policy]
    return float((runs["epoch_ms"] * sum(runs[share] for share in shares)).mean() / 100)


def epoch_parts(table: Table) -> dict[str, list]:
    """Of what each policy's mean epoch is made, for a worker on average, in finishing order.

    Columns: policy, phase, order, seconds, percent; total, its mean epoch time as text.
    """
    paired, order = Paired.of(table), list(PARTS)
    rows = []
    for policy in paired.order:
        epoch_ms = paired.means[policy]["epoch_ms"]
        for phase, share in PARTS.items():
            ms = mean_ms(paired, policy, [share])
            rows.append((policy, phase, order.index(phase), ms / 1000, 100 * ms / epoch_ms, duration(epoch_ms)))
    names = ("policy", "phase", "order", "seconds", "percent", "total")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def parts_in_words(table: Table) -> str:
    """Of what each policy's mean epoch is made, for people who cannot see the chart."""
    paired, said = Paired.of(table), []
    for policy in paired.order:
        spent = {phase: mean_ms(paired, policy, [share]) for phase, share in PARTS.items()}
        parts = listed([f"{duration(ms)} {phase}" for phase, ms in spent.items() if ms > 0])
        said.append(f"{policy} {duration(paired.means[policy]['epoch_ms'])}: {parts}")
    return f"Mean epoch times, and how a worker spends them on average. {'; '.join(said)}."


def how_to_read_ranking(runs: int) -> str:
    """What stands in the columns of a ranking."""
    if runs == 1:
        epochs = (
            "Figures of the one run. Speed-up: the baseline's epoch time over the policy's; one run has no interval."
        )
    else:
        epochs = (
            "Means. Speed-up: the baseline's mean epoch time over the policy's, with its 95 % interval, corrected for "
            "all pairs."
        )
    return (
        f"{epochs} Throughput: mini-batches per second whose gradients were used, over all runs together. Staleness: "
        "its mean, in updates. Local SGD averages parameters that workers have trained on their own, not gradients."
    )


def about_all_metrics(runs: int) -> str:
    """What the table of all metrics holds."""
    if runs == 1:
        return "All metrics of the one run"
    return f"All metrics: the mean, and between low and high {which_runs(runs)} runs"


def how_to_read_intervals(runs: int) -> str:
    """What points and bars of several policies show."""
    if runs == 1:
        return "Points are the figures of the one run."
    return (
        f"Left: points are mean epoch times, bars hold {which_runs(runs)} runs. Right: points are ratios of mean epoch "
        "times, bars their 95 % intervals."
    )


def between_which(runs: int) -> str:
    """Between which runs the two ends of a spread lie."""
    return f"the ends of {which_runs(runs)} runs" if runs >= FEWEST_FOR_TAILS else "the shortest and the longest"


def caveats(workload: Workload, table: Table) -> str:
    """What the answer rests on: how far the network model favours async, and epochs that are not yet learning."""
    paired = Paired.of(table)
    network = network_caveat(workload) if pushes(paired) else barrier_caveat(workload)
    said = "" if workload.workers == 1 else updates_in_words(paired)
    return " ".join(filter(None, [network, said]))


def favours_async(workload: Workload, table: Table) -> bool:
    """Whether a push costs less than a barrier on this network, and somebody pushes."""
    network = workload.network
    if not isinstance(network, FlatLatency) or workload.workers == 1:
        return False
    return network.push_range_ms[0] < network.latency_ms and pushes(Paired.of(table))


def own_batches_caveat(workload: Workload, policies: Sequence[Policy]) -> str:
    """That a slow worker keeps its own batches without a barrier, where nobody lets others take them; else empty."""
    slowness = workload.stragglers
    lasts = (slowness.slow_workers and slowness.slowdown > 1) or slowness.spread
    pushing = [policy for policy in policies if isinstance(policy, Asynchronous)]
    if workload.workers == 1 or not lasts or not pushing or any(policy.is_shared for policy in pushing):
        return ""
    return "Without a barrier each worker still does its own batches here, so the slowest machine finishes last."


def pushes(paired: Paired) -> bool:
    """Whether any of the policies goes without barriers, so that workers push on their own."""
    with_barriers = tuple(policy.name for policy in POLICIES.values() if policy.has_barrier)
    return not all(policy.startswith(with_barriers) for policy in paired.runs)


def barrier_caveat(workload: Workload) -> str:
    """What a barrier costs, where every policy has one; empty if nothing."""
    barrier_ms = workload.network.barrier_ms(workload.workers)
    return f"A barrier costs {four_digits(barrier_ms)} ms of network time." if barrier_ms else ""


def network_caveat(workload: Workload) -> str:
    """What a barrier and a push cost on this network; empty if both are free."""
    network = workload.network
    if not isinstance(network, FlatLatency):
        return network_in_words(workload)
    if network.latency_ms <= 0:
        return ""
    if network.push_range_ms[0] == network.latency_ms:
        return f"A barrier and a push cost the same here, {four_digits(network.latency_ms)} ms per batch."
    nearly_free = sum(network.push_range_ms) <= NEARLY_FREE * network.latency_ms
    kind = "makes asynchronous communication nearly free" if nearly_free else "charges an asynchronous push less"
    return (
        f"This network model {kind}: a barrier costs {four_digits(network.latency_ms)} ms per batch, a push "
        f"{push_in_words(network)}."
    )


def servers_caveat(workload: Workload, policies: Sequence[Policy], servers: int = 0) -> str:
    """Warns that pushes leave a worker faster than its own link allows, if they do; empty otherwise.

    Args:
        workload: whose network it is.
        policies: the policies that are compared.
        servers: the largest number of servers, if their number varies.

    """
    network, workers = workload.network, workload.workers
    if not isinstance(network, AlphaBeta) or all(policy.has_barrier for policy in policies):
        return ""
    network = replace(network, servers=servers or network.servers)
    if network.own_link or not network.outruns_own_link(workers):
        return ""
    speed, link = (
        rounded(8 * network.message_mb / time_ms)
        for time_ms in (float(network.service_of(workers)), network.own_link_ms)
    )
    whose = "whose own link carries" if network.workers_per_node == 1 else "in a node whose links carry"
    where = f"With {servers:,} servers, this" if servers else "This"
    return (
        f"{where} network model favours async: a push goes to all {network.servers:,} servers at once, so {speed} Gb/s "
        f"leave a worker {whose} {link} Gb/s."
    )


def flat_caveat(workload: Workload, policies: Sequence[Policy], varied: Collection[str] = ()) -> str:
    """That the flat network favours those who push on their own, where it does; empty otherwise.

    varied: keys of what is not the same everywhere: of a varied latency the shares are said that a push costs, and of
    varied shares nothing.
    """
    network = workload.network
    if not isinstance(network, FlatLatency) or all(policy.has_barrier for policy in policies):
        return ""
    if network.async_least == 1 or {"async_fraction", "async_least"} & {*varied}:
        return ""
    if "latency_ms" in varied:
        least, most = 100 * network.async_least, 100 * network.async_fraction
        share = f"{most:.3g}" if least == most else f"{least:.3g} to {most:.3g}"
        return f"This network model favours async: a push costs {share}{NBSP}% of what a barrier costs."
    return network_caveat(workload)


def updates_in_words(paired: Paired) -> str:
    """How many gradients an update averages, by policy; local SGD averages parameters instead."""
    sizes = {policy: mean["gradients_per_update"] for policy, mean in paired.means.items()}
    local = list(filter(is_local, sizes))
    of_gradients = {policy: size for policy, size in sizes.items() if policy not in local}
    averages = "averages" if len(local) == 1 else "average"
    named = listed([*local[:1], *map(lowered, local[1:])]) if local else ""
    parameters = f"{named} {averages} parameters after local steps, not gradients." if local else ""
    if not of_gradients:
        return parameters
    if len(set(of_gradients.values())) > 1:
        most, least = (pick(of_gradients, key=of_gradients.__getitem__) for pick in (max, min))
        sizes_said = f"{gradients(sizes[most])} with {lowered(most)}, {rounded(sizes[least])} with {lowered(least)}"
    elif local:
        sizes_said = f"{gradients(max(of_gradients.values()))} with {listed([lowered(each) for each in of_gradients])}"
    else:
        return f"Every update averages {gradients(max(sizes.values()))} under each of the policies."
    return f"Faster epochs are not yet faster learning: an update averages {sizes_said}. {parameters}".rstrip()


def is_local(policy: str) -> bool:
    """Whether a policy, by its label, averages parameters, not gradients."""
    return policy.startswith(LocalSGD.name)


def gradients(size: float) -> str:
    """So many gradients, on average."""
    return "1 gradient" if size == 1 else f"{rounded(size)} gradients"


def baseline_notes(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What stands under the baseline's metrics, so that both sides of a comparison align."""
    return {name: {"delta": "baseline", "delta_color": "off", "delta_arrow": "off"} for name in names}


def change_notes(baseline: pd.Series, other: pd.Series, outcome: str = "decided") -> dict[str, dict[str, Any]]:
    """The change of each metric against the baseline, coloured by whether it is for the better.

    Those that are the speed-up in other words are coloured only where its outcome is decided.
    """
    notes = {}
    for name, value in other.items():
        points = FIGURES[name]["unit"] == "%"
        change = value - baseline[name] if points else 100 * (value / baseline[name] - 1)
        text = f"{change:+.1f} points" if points else f"{change:+.{0 if abs(change) >= 9.95 else 1}f} %"
        none = {"delta": 0, "delta_color": "off", "delta_arrow": "off"}
        better = "normal" if name == "throughput" else "inverse"
        if name in ("epoch_ms", "throughput") and outcome != "decided":
            better = "off"
        notes[name] = {"delta": text, "delta_color": better} if round(change, 1) else none
    return notes


def what_is_drawn(asked: Workload, pictures: list[Picture], paired: Paired) -> str:
    """A line that tells the figures (means of many runs) from the pictures (one of them, or its beginning)."""
    longest, workers = max(picture.epoch_ms for picture in pictures), len(pictures[0].workers)
    until_ms = pictures[0].domain_ms[1]
    part = f"the first {duration(until_ms)} of " if until_ms < longest else ""
    some = f" Of {counted(asked.workers, 'worker')}, the {workers} slowest." if workers < asked.workers else ""
    fails = " ✕ marks a failure of a worker." if any(len(picture.failures["at_ms"]) for picture in pictures) else ""
    idle = " Idle is waiting only: not the network, nor the time after the last batch." if len(pictures) == 2 else ""
    beside = some + far_from_average(pictures, paired) + idle + fails
    several = paired.replicates > 1
    figures = f"means of {counted(paired.replicates, 'paired run')}" if several else "those of a single run"
    return (
        f"Figures are {figures}; the timelines draw {part}{'the first of them' if several else 'it'} (seed "
        f"{asked.seed}), the same compute draws for every policy.{beside}"
    )


def far_from_average(pictures: Sequence[Picture], paired: Paired) -> str:
    """That the run in the pictures is not like the average, and under which policy most; empty where it is."""
    off = {each: abs(math.log(each.epoch_ms / paired.means[each.label]["epoch_ms"])) for each in pictures}
    farthest = max(off, key=off.__getitem__)
    if off[farthest] < math.log(ATYPICAL):
        return ""
    mean = duration(paired.means[farthest.label]["epoch_ms"])
    here = duration(farthest.epoch_ms)
    return f" Run 1 is not typical: {lowered(farthest.label)} takes {here} in it, {mean} on average."


def fewer_runs_in_words(asked: Workload, replicates: int, most: int) -> str:
    """Why there are fewer paired runs than were asked for."""
    return (
        f"Epochs of {asked.workers:,} × {asked.batches:,} mini-batches leave room for {counted(most, 'paired run')} of "
        f"these policies, not {replicates:,}: {MAX_WORK:,} mini-batches are the most that is simulated."
    )


def fewer_runs_of_cells(runs: int, wanted: int) -> str:
    """Why the cells of a map have fewer runs than were asked for; empty where they have as many."""
    if runs == wanted:
        return ""
    return (
        f"The largest cells leave room for {counted(runs, 'run')} of these policies, not {wanted:,}: {MAX_WORK:,} "
        "mini-batches are the most that is simulated at once."
    )


def distribution_in_words(table: Table) -> str:
    """The spread of each policy's epoch times."""
    paired, parts = Paired.of(table), []
    which = which_runs(paired.replicates)
    for policy in paired.runs:
        low, high = map(duration, paired.spread(policy, "epoch_ms"))
        runs = f", {which} runs between {low} and {high}" if paired.replicates > 1 else ""
        parts.append(f"{policy}: mean {duration(paired.means[policy]['epoch_ms'])}{runs}")
    return f"Epoch times of single runs. {'; '.join(parts)}."


def ratios_in_words(table: Table, baseline: str, other: str) -> str:
    """The spread of the ratios of single runs, and the ratio of the means among them."""
    paired = Paired.of(table)
    low, high = map(times, paired.spread_of_ratios(baseline, other))
    value, interval = verdicts.with_interval(paired.speedups[baseline, other])
    sure = f" ({interval})" if paired.replicates > 1 else ""
    return (
        f"Speed-ups of {counted(paired.replicates, 'single run')}: {which_runs(paired.replicates)} ratios between "
        f"{low} and {high}. Marked is the ratio of the mean epoch times, {value}{sure}."
    )


def speedups_in_words(table: Table) -> str:
    """Several policies' speed-ups: ratios of mean epoch times with their intervals."""
    paired = Paired.of(table)
    gains = [f"{policy} {verdicts.over_baseline(paired, policy)}" for policy in paired.order]
    return f"Ratios of the mean epoch times, with their intervals: {'; '.join(gains)}."
