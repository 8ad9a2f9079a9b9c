"""What a measured run says, in words."""

from dataclasses import fields

import pandas as pd

from core.common.validation import MAX_WORKERS
from core.common.wording import counted, duration, listed, lowered, percent, rounded, times
from core.traces.diagnosis import Diagnosis
from core.traces.fits import Fit
from core.traces.remedies import AS_MEASURED, Remedy, what_if_table
from core.traces.trace import Trace

HEADLINES = {
    "alone": "One worker has nobody to wait for.",
    "unclear": "These times cannot tell who is slow.",
    "even": "Stragglers cost next to nothing: waiting for the slowest makes computing {slowdown} as long.",
    "persistent": "Waiting for the slowest makes computing {slowdown} as long, and it is always worker {worker}.",
    "transient": "Waiting for the slowest makes computing {slowdown} as long, and it may be any worker.",
    "both": "Waiting for the slowest makes computing {slowdown} as long: often worker {worker}, at times others.",
}


def headline(diagnosis: Diagnosis) -> str:
    """What stragglers cost, and whether it is always the same worker."""
    found = {"slowdown": times(diagnosis.slowdown), "worker": diagnosis.slowest["worker"]}
    return HEADLINES[diagnosis.kind].format(**found)


def reasons(diagnosis: Diagnosis, trace: Trace) -> list[str]:
    """The sentences behind the headline."""
    if diagnosis.kind == "alone":
        return []
    if diagnosis.suspicion:
        return [diagnosis.suspicion]
    slowest, steps = diagnosis.slowest, trace.steps
    said = [
        f"Leaving the network out, workers wait {percent(diagnosis.idle_percent)} of the time.",
        f"Worker {slowest['worker']} takes {times(diagnosis.slowest_factor)} the mean of the others, the longest, and "
        f"was last in {slowest['last']} of {counted(steps, 'step')}.",
        f"Workers keep {percent(100 * diagnosis.worker_share)} of the variance within steps; equal ones keep "
        f"{percent(100 * diagnosis.chance_share)} by chance.",
    ]
    if trace.wait_ms is not None:
        said[0] += f" With it, {percent(diagnosis.wait_percent)} was measured."
    hiccups = diagnosis.workers["hiccups"]
    if hiccups.any():
        most = diagnosis.workers.loc[hiccups.idxmax()]
        said.append(
            f"{hiccups.sum():,} of {trace.compute_ms.size:,} mini-batches took over twice what is usual, most often "
            f"worker {most['worker']}'s ({most['hiccups']:,})."
        )
    return [*said, f"As a law: {fit_in_words(diagnosis.fits[0])}"]


def fit_in_words(fit: Fit) -> str:
    """The law, its stragglers, and how well it has the slowest of a step."""
    law = {f.name: getattr(fit.compute, f.name) for f in fields(fit.compute) if f.name != "mean_ms"}
    parameters = "".join(f", {name} {rounded(value)}" for name, value in law.items())
    said = [f"{type(fit.compute).__name__}, mean {duration(fit.compute.mean_ms)}{parameters}"]
    stragglers = fit.stragglers
    if stragglers.slow_workers:
        said.append(f"{counted(stragglers.slow_workers, 'slow worker')} ({times(stragglers.slowdown)})")
    if stragglers.spread:
        said.append(f"workers that differ by {percent(100 * stragglers.spread)}")
    if stragglers.hiccup_probability:
        chance = percent(100 * stragglers.hiccup_probability)
        said.append(f"hiccups in {chance} of the mini-batches ({times(stragglers.hiccup_factor)})")
    return (
        f"{listed(said)}. A step's slowest is then {times(fit.slowest_ratio)} the mean mini-batch on average; "
        f"{times(fit.measured_ratio)} was measured."
    )


def more_workers_in_words(diagnosis: Diagnosis) -> str:
    """What barriers would cost with more workers, by the best fit."""
    fit, workers = diagnosis.fits[0], len(diagnosis.workers)
    sizes = [2**k * workers for k in (1, 2, 3, 4) if 2**k * workers <= MAX_WORKERS]
    if not sizes:
        return ""
    said = [f"{times(fit.at(size))} with {size:,}" for size in sizes]
    return (
        f"With more workers like these, a step's slowest would take, over the mean mini-batch, {listed(said)} workers."
    )


def best_remedies(remedies: list[Remedy]) -> str:
    """What would save most, and what would save most and leave every gradient fresh, used and no further averaged."""
    measured = next(remedy for remedy in remedies if remedy.name == AS_MEASURED)
    first = remedies[0]
    if first is measured:
        return "Nothing that was tried would be faster than the run as it is."
    saved = {remedy.name: percent(100 * (1 - remedy.epoch_ms / measured.epoch_ms)) for remedy in remedies}
    said = f"{first.name} would save most, {saved[first.name]} of the epoch"
    kept = ("mean_staleness", "cancelled_percent", "gradients_per_update")
    alike = [getattr(measured.metrics, name) for name in kept]
    same = [remedy for remedy in remedies if [getattr(remedy.metrics, name) for name in kept] == alike]
    if same[0] in (first, measured):
        return f"{said}."
    return f"{said}; with training left as it is, {lowered(same[0].name)}: {saved[same[0].name]}."


def workers_table(diagnosis: Diagnosis) -> pd.DataFrame:
    """The workers as people read them, the slowest first."""
    table = diagnosis.workers.sort_values("relative", ascending=False)
    return pd.DataFrame(
        {
            "Worker": table["worker"].astype(str),
            "Mean compute (ms)": table["mean_ms"].round(1),
            "Over its step's mean (×)": table["relative"].round(3),
            "Last in steps": table["last"],
            "Last (% of steps)": table["last_percent"].round(1),
            "Hiccups": table["hiccups"],
        }
    )


def workers_in_words(diagnosis: Diagnosis) -> str:
    """Who is slow, for people who cannot see the chart."""
    rows = list(workers_table(diagnosis).itertuples(index=False))
    said = [f"worker {row[0]}: {row[1]:g} ms on average, last in {counted(row[3], 'step')}" for row in rows[:16]]
    more = f", and {len(rows) - 16:,} more" if len(rows) > 16 else ""
    return f"Compute times of {counted(len(rows), 'worker')}, the slowest first. {'; '.join(said)}{more}."


def remedies_table(table: pd.DataFrame) -> pd.DataFrame:
    """The remedies as people read them, from `what_if_table`."""
    return pd.DataFrame(
        {
            "Remedy": table["remedy"],
            "Saves (%)": table["saved_percent"].round(1),
            "Epoch (s)": (table["epoch_ms"] / 1000).round(3),
            "Pays with": table["pays"],
            "Exact": table["exact"],
        }
    )


def remedies_in_words(table: pd.DataFrame) -> str:
    """What each remedy saves, for people who cannot see the chart."""
    said = [f"{row.remedy} {percent(row.saved_percent)}" for row in table.itertuples()]
    return f"Share of the measured epoch that each remedy saves: {'; '.join(said)}."


def fits_table(diagnosis: Diagnosis) -> pd.DataFrame:
    """The laws that were fitted, the best first."""
    return pd.DataFrame(
        {
            "Law": fit_in_words(fit).split(". ")[0],
            "Slowest / mean, fitted": round(fit.slowest_ratio, 3),
            "Slowest / mean, measured": round(fit.measured_ratio, 3),
            "Misfit": round(fit.misfit, 4),
        }
        for fit in diagnosis.fits
    )


def summary_text(trace: Trace, diagnosis: Diagnosis, remedies: list[Remedy]) -> str:
    """A page of plain text to paste into a chat: what stragglers cost, which remedy saves how much, at what price."""
    size = f"{counted(trace.workers, 'worker')}, {counted(trace.steps, 'step')}"
    lines = [f"Stragglers in a measured run ({size})", headline(diagnosis), *reasons(diagnosis, trace)]
    if len(remedies) > 1 and not diagnosis.suspicion:
        lines += ["", "What would save time, simulated from the measured times:"]
        for row in what_if_table(remedies).itertuples():
            if row.remedy != AS_MEASURED and row.saved_percent > 0.05:
                lines.append(f"- {row.remedy}: {percent(row.saved_percent)} ({duration(row.saved_ms)}). {row.pays}")
        lines.append("Faster epochs are not yet faster learning: look at staleness and at the size of an update.")
    if trace.notes:
        lines += ["", "Data:", *(f"- {note}" for note in trace.notes)]
    return "\n".join(lines)
