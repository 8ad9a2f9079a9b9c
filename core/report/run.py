"""One run in words: the answer, and what each chart shows for people who cannot see it."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from core.common.wording import NBSP, adding_up, counted, duration, four_digits, listed, percent, rounded, with_unit
from core.money import Prices
from core.policies.barrier import Rebalanced
from core.report.failures import MOST_FAILURES, how_often_workers_fail, listed_failures, saves_work
from core.report.money import cost_lines
from core.schedule.downsampling import MOST_ROWS
from core.schedule.failures import failures
from core.schedule.metrics import FIGURES, phase_ms, wait_ms
from core.schedule.schedule import Schedule, one_run
from core.schedule.tables import Barriers, Segments, barriers, contributions, staleness_counts
from core.simulation.run import Run
from core.theory.closed_forms import Expected
from core.theory.order_statistics import LARGEST_ERROR
from core.workload.networks import AlphaBeta, FlatLatency
from core.workload.workload import Workload

Workers: TypeAlias = Sequence[int] | np.ndarray
"""Numbers of some workers, in the order of their rows."""
REASONS = {
    "barrier": "waiting for the slowest",
    "staleness bound": "waiting at the staleness bound",
    "server queue": "queueing at the server",
    "update": "waiting for the other gradients of an update",
    "restart": "waiting for a worker to restart",
    "regroup": "regrouping",
    "empty queue": "waiting for a batch to come back",
}
MOST_NAMED = 4  # workers in a sentence
HEADLINE = ("epoch_ms", "idle_percent", "throughput", "utilization_percent", "mean_staleness")


def text_summary(run: Run, prices: Prices | None = None) -> str:
    """The reference's four lines: mode, epoch time, idle time, throughput; then the cost, where prices are set."""
    figures, spent = run.metrics, cost_lines(run, prices) if prices else ""
    return (
        f"Mode: {run.scenario.policy.label.lower()}\n"
        f"Epoch Time: {figures.epoch_ms:.2f} ms\n"
        f"Idle Time: {percent(figures.idle_percent, 2).replace(NBSP, ' ')}\n"
        f"Throughput: {figures.throughput:.2f} batches/sec"
    ) + (f"\n{spent}" if spent else "")


def run_answer(run: Run) -> tuple[str, str]:
    """A headline and a sentence that say how long the epoch took and where the time went."""
    figures, scenario = run.metrics, run.scenario
    finish = "finishes" if scenario.workers == 1 else "finish"
    who = f"{scenario.policy.label}: {counted(scenario.workers, 'worker')}"
    headline = f"{who} {finish} an epoch in {duration(figures.epoch_ms)}."
    *into, (tail, _) = where_time_goes(run)
    parts = [f"{percent(share)} into {what}" for share, what in into if round(share, 1)]
    detail = "Of the workers' time, " + listed(parts)
    detail = detail.replace(" into ", " goes into ", 1)
    if round(tail, 1):
        detail += f"; {percent(tail)} comes after a worker's last batch, while others go on"
    if figures.max_staleness:
        detail += f". A gradient is {updates_stale(figures.mean_staleness)} stale on average"
    said = how_often_workers_fail(run)  # what they took is among the shares
    return headline, f"{detail}. {said}".rstrip() if said else detail + "."


def where_time_goes(run: Run) -> list[tuple[float, str]]:
    """Shares of the workers' time, in percent to one decimal, and what each goes into; the time after the end is last.

    They add up to 100 %. Checkpoints count as network time.
    """
    figures, waiting = run.metrics, waits(run)
    network = "the network and checkpoints" if saves_work(run.scenario, run.scenario.policy) else "the network"
    computing, spent = round(figures.utilization_percent, 1), [*waiting, (figures.comm_percent, network)]
    spent += [(figures.cancelled_percent, "work thrown away"), (figures.down_percent, "workers that were down")]
    spent += [(figures.tail_percent, "")]
    shares = adding_up([share for share, _ in spent], 100 - computing)
    return [(computing, "computing"), *zip(shares, (what for _, what in spent), strict=True)]


def idle_in_words(run: Run) -> str:
    """Why idle is more than the share of the time that is spent waiting; empty where it is the same."""
    _, *spent = where_time_goes(run)
    waiting = sum(share for share, _ in spent[: len(waits(run))])
    if round(run.metrics.idle_percent, 1) == round(waiting, 1):
        return ""
    both = percent(run.metrics.utilization_percent + run.metrics.wait_percent)
    return (
        f"Idle leaves out network time: workers wait {percent(waiting)} of their time, out of {both} computing or "
        "waiting."
    )


def updates_stale(mean: float) -> str:
    """A mean staleness: 2.8 updates, or less than 0.1 updates."""
    return f"{mean:.1f} updates" if mean >= 0.05 else "less than 0.1 updates"


def waits(run: Run) -> list[tuple[float, str]]:
    """Share of the workers' time that went into each kind of waiting, in percent, and what it waited for."""
    whole = run.scenario.workers * run.metrics.epoch_ms
    spent = sorted(wait_ms(run.schedule).items())
    return [(100 * ms.sum() / whole, REASONS.get(reason, reason)) for reason, ms in spent]


def shares_in_words(run: Run) -> str:
    """Each worker's shares of the epoch, for people who cannot see the chart; their range where workers are many."""
    epoch_ms = run.metrics.epoch_ms
    shares = {phase: 100 * ms[:, 0] / epoch_ms for phase, ms in phase_ms(run.schedule).items()}
    if run.scenario.workers > MOST_ROWS:
        on_average = adding_up([float(of.mean()) for of in shares.values()], 100)
        phases = [
            f"{phase} {percent(mean)} on average ({percent(of.min())} to {percent(of.max())})"
            for (phase, of), mean in zip(shares.items(), on_average, strict=True)
            if of.max()
        ]
        return f"Share of the epoch, of {counted(run.scenario.workers, 'worker')}: {'; '.join(phases)}."
    by_worker = (adding_up(of, 100) for of in np.transpose(list(shares.values())).tolist())
    workers = [
        f"W{worker}: "
        + ", ".join(f"{phase} {percent(share)}" for phase, share in zip(shares, of, strict=True) if round(share, 1))
        for worker, of in enumerate(by_worker)
    ]
    return "Share of the epoch by worker. " + "; ".join(workers) + "."


def timeline_in_words(run: Run) -> str:
    """What the timeline shows, for people who cannot see it."""
    headline, detail = run_answer(run)
    met = barriers(run.schedule)
    text = f"Timeline of {counted(run.scenario.workers, 'worker')}, one row per worker, "
    text += f"{run.scenario.policy.label.lower()}. "
    text += f"{headline} {detail}"
    if met is not None and len(met.batch):
        times = times_last(run.schedule, met)
        often = np.argsort(-times, kind="stable")[: np.count_nonzero(times)]
        shown = np.sort(often) if len(often) <= MOST_ROWS else often[:10]
        last = ", ".join(f"W{worker} {times[worker]}×" for worker in shown)
        last += f" and {counted(len(often) - len(shown), 'other')}" if len(shown) < len(often) else ""
        text += f" Last at the barrier: {last}." if last else " Nobody waits at a barrier."
    return text + listed_failures(failures(run.schedule))


def times_last(schedule: Schedule, met: Barriers) -> np.ndarray:
    """How often each worker came last at a barrier where somebody waited; those that arrive together all count."""
    (ready,) = one_run(schedule, 0, schedule.ready_ms)
    if schedule.used is not None:
        ready = np.where(one_run(schedule, 0, schedule.used)[0], ready, -np.inf)
    ready = ready[:, met.batch[met.straggler >= 0]]
    return np.count_nonzero(ready == ready.max(axis=0, initial=-np.inf), axis=1)


def overview_in_words(table: pd.DataFrame, labels: list[str]) -> str:
    """What the overview of a run shows, for people who cannot see it."""
    rows, sizes = table.groupby("row")["compute"].mean(), table.groupby("row")["workers"].first()
    everybody = table["compute"] * table["workers"] / sizes.sum()
    times = everybody.groupby(table["from_ms"]).sum()
    least, most = ((percent(rows[row]), labels[row]) for row in (rows.idxmin(), rows.idxmax()))
    apart = "the same in all" if least[0] == most[0] else f"from {' in '.join(least)} to {' in '.join(most)}"
    return (
        f"Share of the time spent computing, of {counted(len(labels), 'row')} of workers from {labels[0]} to "
        f"{labels[-1]}: {percent(times.mean())} on average, {apart}. Over time it goes from {percent(times.min())} to "
        f"{percent(times.max())}."
    )


def closeup_in_words(segments: Segments, workers: Workers, since_ms: float, until_ms: float) -> str:
    """What the blocks of some workers in a window of time show, for people who cannot see them."""
    inside_ms = np.minimum(segments.end_ms, until_ms) - np.maximum(segments.start_ms, since_ms)
    spent: dict[str, float] = {}
    for phase, ms in zip(segments.phases, np.bincount(segments.kind, inside_ms, len(segments.phases)), strict=True):
        spent[phase] = spent.get(phase, 0.0) + 100 * ms / (len(workers) * (until_ms - since_ms))
    most_first = sorted(((share, phase) for phase, share in spent.items() if share), reverse=True)
    shown = adding_up([share for share, _ in most_first], sum(share for share, _ in most_first))
    parts = zip(shown, (phase for _, phase in most_first), strict=True)
    shares = listed([f"{percent(share)} {phase}" for share, phase in parts if round(share, 1)] or ["nothing"])
    return (
        f"Blocks of {counted(len(workers), 'worker')}, one row per worker, from {duration(since_ms)} to "
        f"{duration(until_ms)}. Of their time: {shares}."
    )


def figure_text(name: str, value: float) -> str:
    """A metric's value with its unit: 7.47 s, 10.7 %, 5.36/s, 2.84 updates."""
    unit = FIGURES[name]["unit"]
    if unit == "ms":
        return duration(value)
    return percent(value) if unit == "%" else with_unit(rounded(value), unit)


def theory_text(name: str, theory: Expected | None) -> str:
    """What theory expects of a metric, and how firmly; of a long run, from where in an epoch of this length."""
    if theory is None:
        return "no closed form"
    sign = {"exact": "", "approximate": "≈ ", "long run": "→ ", "bound": "≤ "}[theory.holds]
    value, low = figure_text(name, theory.value), theory.low
    from_here = f"{rounded(low)} " if low is not None and figure_text(name, low) != value else ""
    return f"theory {from_here}{sign}{value}"


def theory_help(theory: Expected) -> str:
    """The formula behind a theoretical figure, and how far it holds."""
    holds = {
        "exact": "exact",
        "approximate": f"at most {100 * LARGEST_ERROR:g} % off",
        "long run": "in a long run; means over epochs of this length lie between the two figures",
        "bound": "a bound from above, on the mean over runs",
    }
    return f"Theory ({holds[theory.holds]}): {theory.formula}."


def staleness_in_words(run: Run) -> str:
    """How stale the gradients of a run are."""
    figures = run.metrics
    if not figures.max_staleness:
        return "Every gradient is fresh: no update came between its parameter read and its own application."
    up_to = staleness_counts(run.schedule).cumsum()
    most_are = int(np.searchsorted(up_to, 0.95 * up_to[-1]))
    return (
        f"A gradient is {figures.mean_staleness:.2f} updates stale on average; 95 % are at most {most_are}, the "
        f"stalest is {figures.max_staleness}."
    )


def contributions_in_words(run: Run) -> str:
    """Whose gradients the updates used, and how many were thrown away."""
    gradients = contributions(run.schedule)
    used = gradients.used
    shares = 100 * used / used.sum()
    each = counted(int(used[0]), "gradient")
    if len(used) == 1:
        text = f"The only worker contributes all gradients: {int(used[0]):,}."
    elif (used == used[0]).all() and isinstance(run.scenario.policy, Rebalanced):
        text = f"Every worker contributes {each}, of mini-batches sized to its speed."
    elif (used == used[0]).all():
        text = f"Every worker contributes the same: {each}, {percent(shares[0])}."
    else:
        most, least = (np.flatnonzero(used == of).tolist() for of in (used.max(), used.min()))
        verb = "contributes" if len(most) == 1 else "contribute"
        text = f"{workers_named(most)} {verb} most, {of_each(shares, most)}; "
        text += f"{workers_named(least)} least, {of_each(shares, least)}."
    thrown = int(gradients.cancelled.sum())
    return f"{text} {counted(thrown, 'gradient')} thrown away." if thrown else text


def workers_named(workers: Sequence[int]) -> str:
    """W0, W2 and W3; their number where they are many."""
    return listed([f"W{worker}" for worker in workers]) if len(workers) <= MOST_NAMED else f"{len(workers)} workers"


def of_each(shares: np.ndarray, workers: Sequence[int]) -> str:
    """The share of each of some workers that all have the same."""
    return percent(shares[workers[0]]) + (" each" if len(workers) > 1 else "")


def contribute_unevenly(run: Run) -> bool:
    """Whether some workers' gradients were used more often than others', or any was thrown away."""
    gradients = contributions(run.schedule)
    return bool((gradients.used != gradients.used[0]).any() or gradients.cancelled.any())


def network_in_words(workload: Workload) -> str:
    """What the network costs with a barrier and without one."""
    network = workload.network
    barrier = f"A barrier costs {four_digits(network.barrier_ms(workload.workers))} ms of network time"
    if isinstance(network, FlatLatency):
        return f"{barrier}; without one each push costs {push_in_words(network)}."
    assert isinstance(network, AlphaBeta)
    if network.buckets > 1:
        cost = network.barrier_ms(workload.workers)
        barrier = (
            f"An exchange takes {four_digits(cost)} ms, in {network.buckets:,} buckets that begin during the backward "
            f"pass; at least {four_digits(cost / network.buckets)} ms of it come after a barrier"
        )
    service = np.broadcast_to(np.ravel(network.service_of(workload.workers)), workload.workers)
    travel = np.ravel(network.pull_of(workload.workers)) - service
    alone = float((2 * (service + travel)).min())
    busy, most = four_digits(float(service.min())), four_digits(1000 * workload.workers / float(service.sum()))
    if service.min() < service.max():
        busy = f"{busy} to {four_digits(float(service.max()))}"
        most = f"{most} gradients per second, if all workers push equally often"
    else:
        most = f"{most} gradients per second"
    reach, why = "", "as"
    if network.own_link and network.outruns_own_link(workload.workers):
        whose = "own link" if network.workers_per_node == 1 else "node's links"
        why = f"{four_digits(network.own_link_ms)} ms each on the worker's {whose};"
    elif network.servers > 1:
        reach = f" A worker is assumed to reach all {network.servers:,} servers at once, each at full speed."
    return (
        f"{barrier}; without one a push and its reply take {four_digits(alone)} ms or more, {why} each push keeps "
        f"the server busy for {busy} ms: at most {most}.{reach}"
    )


def push_in_words(network: FlatLatency) -> str:
    """What a push costs: 0 to 60 ms, or 200 ms."""
    shortest, longest = map(four_digits, network.push_range_ms)
    return f"{longest} ms" if shortest == longest else f"{shortest} to {longest} ms"


def how_to_read(run: Run, since_ms: float, until_ms: float, workers: int) -> str:
    """A line under the timeline that explains its marks and its gestures, and says where it is only a part."""
    epoch_ms, marks = run.metrics.epoch_ms, ""
    if until_ms - since_ms < epoch_ms:
        marks = f"Shown: {duration(since_ms)} to {duration(until_ms)} of {duration(epoch_ms)}. "
    if workers < run.scenario.workers:
        marks += f"Of {counted(run.scenario.workers, 'worker')}, the {workers} that compute slowest there. "
    if run.schedule.barrier_ms is not None:
        marks += (
            "Vertical lines are barriers; ◇, where there are few, marks the straggler of a batch: the last to finish. "
        )
    if run.metrics.failures:
        some = f", the first {MOST_FAILURES:,} of them" if run.metrics.failures > MOST_FAILURES else ""
        marks += f"✕ marks failures{some}: hover over one to see what it cost. "
    if run.metrics.cancelled_percent:
        marks += f"Grey is cancelled work: {cancelled_in_words(run)}. "
    if run.schedule.hidden is not None:
        marks += "Thin bars are network time that passes while workers carry on: it costs them nothing. "
    return (
        f"{marks}The dashed line is the end of the epoch. Drag to pan, Shift + wheel to zoom, double-click to reset; "
        "click a phase in the legend to see it alone."
    )


def cancelled_in_words(run: Run) -> str:
    """Why work of a run is thrown away."""
    if run.metrics.failures:
        return "mini-batches that were lost to a failure, or that the epoch no longer needs"
    if run.schedule.barrier_ms is not None:
        return "mini-batches that are stopped because their batch has enough gradients without them"
    return "mini-batches that are still under way when the epoch's last update is made"


def cut_in_words(since_ms: float, until_ms: float, asked_until_ms: float) -> str:
    """That a window that was asked for holds more than can be drawn; empty where all of it is drawn."""
    if until_ms >= asked_until_ms:
        return ""
    return (
        f"You selected {duration(since_ms)} to {duration(asked_until_ms)}. That is more than can be drawn block by "
        f"block: this is the part up to {duration(until_ms)}."
    )
