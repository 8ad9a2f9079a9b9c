"""One run in words: the answer, and what each chart shows for people who cannot see it."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from core.common.wording import NBSP, counted, duration, listed, percent, rounded
from core.schedule.downsampling import MOST_ROWS
from core.schedule.metrics import FIGURES, phase_ms, wait_ms
from core.schedule.tables import Segments, barriers, contributions
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
}
HEADLINE = ("epoch_ms", "idle_percent", "throughput", "utilization_percent", "mean_staleness")


def text_summary(run: Run) -> str:
    """The reference's four lines: mode, epoch time, idle time, throughput."""
    figures = run.metrics
    return (
        f"Mode: {run.scenario.policy.label.lower()}\n"
        f"Epoch Time: {figures.epoch_ms:.2f} ms\n"
        f"Idle Time: {percent(figures.idle_percent, 2).replace(NBSP, ' ')}\n"
        f"Throughput: {figures.throughput:.2f} batches/sec"
    )


def run_answer(run: Run) -> tuple[str, str]:
    """A headline and a sentence that say how long the epoch took and where the time went."""
    figures, scenario = run.metrics, run.scenario
    finish = "finishes" if scenario.workers == 1 else "finish"
    headline = f"{counted(scenario.workers, 'worker')} {finish} an epoch in {duration(figures.epoch_ms)}."
    spent = [(figures.utilization_percent, "computing"), *waits(run), (figures.comm_percent, "the network")]
    spent.append((figures.cancelled_percent, "work thrown away"))
    parts = [f"{percent(share)} into {what}" for share, what in spent if round(share, 1)]
    detail = "Of the workers' time " + listed(parts)
    detail = detail.replace(" into ", " went into ", 1)
    if figures.tail_percent:
        detail += f"; {percent(figures.tail_percent)} came after a worker's last batch, while others went on"
    if figures.max_staleness:
        detail += f". A gradient is {figures.mean_staleness:.1f} updates stale on average"
    return headline, detail + "."


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
        phases = [
            f"{phase} {percent(of.mean())} on average ({percent(of.min())} to {percent(of.max())})"
            for phase, of in shares.items()
            if of.max()
        ]
        return f"Share of the epoch, of {counted(run.scenario.workers, 'worker')}: {'; '.join(phases)}."
    by_worker = zip(*(of.tolist() for of in shares.values()), strict=True)
    workers = [
        f"W{worker}: {', '.join(f'{phase} {percent(share)}' for phase, share in zip(shares, of, strict=True) if share)}"
        for worker, of in enumerate(by_worker)
    ]
    return "Share of the epoch by worker. " + "; ".join(workers) + "."


def timeline_in_words(run: Run) -> str:
    """What the timeline shows, for people who cannot see it."""
    headline, detail = run_answer(run)
    met = barriers(run.schedule)
    text = f"Timeline of {counted(run.scenario.workers, 'worker')}, a row each, {run.scenario.policy.label.lower()}. "
    text += f"{headline} {detail}"
    if met is not None and len(met.batch):
        times = np.bincount(met.straggler[met.straggler >= 0], minlength=run.scenario.workers)
        often = np.argsort(-times, kind="stable")[: np.count_nonzero(times)]
        shown = np.sort(often) if len(often) <= MOST_ROWS else often[:10]
        last = ", ".join(f"W{worker} {times[worker]}×" for worker in shown)
        last += f" and {counted(len(often) - len(shown), 'other')}" if len(shown) < len(often) else ""
        text += f" Last at the barrier: {last}." if last else " Nobody waits at a barrier."
    return text


def overview_in_words(table: pd.DataFrame, labels: list[str]) -> str:
    """What the overview of a run shows, for people who cannot see it."""
    rows = table.groupby("row")["compute"].mean()
    times = table.groupby("from_ms")["compute"].mean()
    return (
        f"Share of the time spent computing, of {counted(len(labels), 'row')} of workers from {labels[0]} to "
        f"{labels[-1]}: {percent(rows.mean())} on average, the least in {labels[rows.idxmin()]} with "
        f"{percent(rows.min())}, the most in {labels[rows.idxmax()]} with {percent(rows.max())}. Over time it goes "
        f"from {percent(times.min())} to {percent(times.max())}."
    )


def closeup_in_words(segments: Segments, workers: Workers, since_ms: float, until_ms: float) -> str:
    """What the blocks of some workers in a window of time show, for people who cannot see them."""
    inside_ms = np.minimum(segments.end_ms, until_ms) - np.maximum(segments.start_ms, since_ms)
    spent: dict[str, float] = {}
    for phase, ms in zip(segments.phases, np.bincount(segments.kind, inside_ms, len(segments.phases)), strict=True):
        spent[phase] = spent.get(phase, 0.0) + 100 * ms / (len(workers) * (until_ms - since_ms))
    most_first = sorted(((share, phase) for phase, share in spent.items() if share), reverse=True)
    shares = listed([f"{percent(share)} {phase}" for share, phase in most_first] or ["nothing"])
    return (
        f"Blocks of {counted(len(workers), 'worker')}, a row each, from {duration(since_ms)} to {duration(until_ms)}. "
        f"Of their time: {shares}."
    )


def figure_text(name: str, value: float) -> str:
    """A metric's value with its unit: 7.47 s, 10.7 %, 5.36 /s, 2.84 updates."""
    unit = FIGURES[name]["unit"]
    if unit == "ms":
        return duration(value)
    return percent(value) if unit == "%" else f"{rounded(value)} {unit}".rstrip()


def theory_text(name: str, theory: Expected | None) -> str:
    """What theory expects of a metric, and how firmly; of a long run, from where in an epoch of this length."""
    if theory is None:
        return "no closed form"
    sign = {"exact": "", "approximate": "≈ ", "long run": "→ ", "bound": "≤ "}[theory.holds]
    value, low = figure_text(name, theory.value), theory.low
    from_here = f"{rounded(low)} " if low is not None and figure_text(name, low) != value else ""
    return f"theory {from_here}{sign}{value}"


def theory_help(theory: Expected) -> str:
    """What the figure of theory stands on, and how far it holds."""
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
    return (
        f"A gradient is {figures.mean_staleness:.2f} updates stale on average; 95 % are at most "
        f"{figures.p95_staleness:.0f}, the stalest is {figures.max_staleness}."
    )


def contributions_in_words(run: Run) -> str:
    """Whose gradients the updates used, and how many were thrown away."""
    gradients = contributions(run.schedule)
    used = gradients.used
    shares = 100 * used / used.sum()
    if (used == used[0]).all():
        text = f"Every worker contributes the same: {counted(int(used[0]), 'gradient')}, {percent(shares[0])}."
    else:
        most, least = int(shares.argmax()), int(shares.argmin())
        text = f"W{most} contributes most, {percent(shares[most])}; W{least} least, {percent(shares[least])}."
    thrown = int(gradients.cancelled.sum())
    return f"{text} {counted(thrown, 'gradient')} thrown away." if thrown else text


def contribute_unevenly(run: Run) -> bool:
    """Whether some workers' gradients were used more often than others', or any was thrown away."""
    gradients = contributions(run.schedule)
    return bool((gradients.used != gradients.used[0]).any() or gradients.cancelled.any())


def network_in_words(workload: Workload) -> str:
    """What the network costs with a barrier and without one."""
    network = workload.network
    barrier = f"After a barrier everybody pays {network.barrier_ms(workload.workers):,.4g} ms"
    if isinstance(network, FlatLatency):
        return f"{barrier}; without one each push pays {push_in_words(network)}."
    assert isinstance(network, AlphaBeta)
    alone = network.latency_ms + network.service_ms + network.pull_ms
    return (
        f"{barrier}; without one a push and its answer take {alone:,.4g} ms or more, as each push keeps the server "
        f"busy for {network.service_ms:,.4g} ms: at most {1000 / network.service_ms:,.4g} gradients a second."
    )


def push_in_words(network: FlatLatency) -> str:
    """What a push costs: 0 to 60 ms, or 200 ms."""
    shortest, longest = network.push_range_ms
    return f"{longest:,.4g} ms" if shortest == longest else f"{shortest:,.4g} to {longest:,.4g} ms"


def how_to_read(run: Run, since_ms: float, until_ms: float, workers: int) -> str:
    """A line under the timeline that explains its marks and its gestures, and says where it is only a part."""
    epoch_ms, marks = run.metrics.epoch_ms, ""
    if until_ms - since_ms < epoch_ms:
        marks = f"Shown: {duration(since_ms)} to {duration(until_ms)} of {duration(epoch_ms)}. "
    if workers < run.scenario.workers:
        marks += f"Of {counted(run.scenario.workers, 'worker')}, the {workers} that compute slowest there. "
    if run.schedule.barrier_ms is not None:
        marks += "◇ marks where the slowest worker of a batch finishes, its straggler; upright lines are barriers. "
    return (
        f"{marks}The dashed line ends the epoch. Drag to pan, Shift + wheel to zoom, double-click to reset; "
        "click a phase in the legend to see it alone."
    )
