"""What a measured run says, in words."""

import math
import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from core.common.wording import NBSP, counted, duration, listed, lowered, percent, rounded, times
from core.policies.base import Policy
from core.report.comparison import barrier_caveat, network_caveat
from core.traces.diagnosis import BY_CHANCE, Diagnosis
from core.traces.fits import Fit, slowest_ratio
from core.traces.forecasts import forecasts
from core.traces.remedies import AS_MEASURED, HELD_OUT, LEAST_SAVED, Remedy, as_measured, what_if_table
from core.traces.repairs import FEWEST_FOLDS, FEWEST_STEPS, LASTING
from core.traces.trace import Trace
from core.workload.compute_laws import correlated_steps

DOUBTS = {
    "steps": "{steps} are too few to say how slow the slowest of so many would be",
    "tail": "the slowest mini-batches are so much slower than the others that their mean is mostly luck",
    "few": "it would rest on the one or two slowest mini-batches",
    "wide": "these steps leave it anywhere within a factor of two or more",
}
"""Why a forecast cannot be made."""

LEAST_SHOWN = 0.05  # %, which is the least that is written as more than nothing
MOST_NAMED = 4  # workers by name in one sentence
MOST_EPISODES = 3  # in sentences; a table has them all


def headline(diagnosis: Diagnosis) -> str:
    """What stragglers cost, and who accounts for it, since when."""
    if diagnosis.kind == "alone":
        return "With one worker, there is nobody to wait for."
    if diagnosis.kind == "unclear":
        return "These timings cannot identify stragglers."
    if diagnosis.kind == "even":
        return f"Stragglers cost next to nothing: they slow compute by {times(diagnosis.slowdown)}."
    return f"Stragglers slow compute by {times(diagnosis.slowdown)}; {who_accounts(diagnosis)}."


def who_accounts(diagnosis: Diagnosis) -> str:
    """Who accounts for how much of the waiting, and when."""
    culprits = diagnosis.culprits
    if culprits.empty:
        most = percent(diagnosis.slowest["cost_percent"])
        return f"the straggler can be any worker: none accounts for more than {most} of the waiting"
    together = percent(culprits["cost_percent"].sum())
    if len(culprits) > MOST_NAMED:
        return f"{len(culprits):,} of {counted(len(diagnosis.workers), 'worker')} account for {together} of the waiting"
    names = [str(name) for name in culprits.sort_index()["worker"]]
    if len(names) > 1:
        return f"workers {listed(names)} account for {together} of the waiting"
    if culprits["last_percent"].iloc[0] == 100:
        return f"it is always worker {names[0]}"
    return f"worker {names[0]} accounts for {together} of the waiting{mostly_when(diagnosis, culprits.iloc[0])}"


def mostly_when(diagnosis: Diagnosis, worker: pd.Series) -> str:
    """The steps in which a worker was slow, if its episodes are half or more of what it costs."""
    mine = diagnosis.episodes[diagnosis.episodes["worker"] == worker["worker"]]
    if mine.empty or mine["cost_percent"].sum() < worker["cost_percent"] / 2:
        return ""
    if len(mine) > 1:
        return f", most of it in {len(mine)} stretches of steps"
    first, last = mine[["first_step", "last_step"]].iloc[0]
    if last == diagnosis.step_numbers[-1]:
        return f", most of it since step {first}"
    return f", most of it in steps {first} to {last}; it has recovered since"


def reasons(diagnosis: Diagnosis, trace: Trace) -> list[str]:
    """The sentences behind the headline."""
    return [*main_reasons(diagnosis, trace), *further_reasons(diagnosis, trace)]


def main_reasons(diagnosis: Diagnosis, trace: Trace) -> list[str]:
    """What the waiting costs, who causes it and when; or why that cannot be told."""
    if diagnosis.kind == "alone":
        return []
    if diagnosis.suspicion:
        return [diagnosis.suspicion]
    said = [waiting_in_words(diagnosis, trace), *culprits_in_words(diagnosis), *episodes_in_words(diagnosis)]
    return [*said, diagnosis.caution] if diagnosis.caution else said


def waiting_in_words(diagnosis: Diagnosis, trace: Trace) -> str:
    """How much of their time workers wait, and how much was measured."""
    said = f"Excluding the network, workers spend {percent(diagnosis.idle_percent)} of their time waiting"
    if trace.wait_ms is None:
        return f"{said}."
    return f"{said}; including it, {percent(diagnosis.wait_percent)} was measured."


def further_reasons(diagnosis: Diagnosis, trace: Trace) -> list[str]:
    """What lasts, single slow mini-batches, and the distribution that fits best."""
    if diagnosis.kind == "alone" or diagnosis.suspicion:
        return []
    said = [
        f"{percent(100 * diagnosis.worker_share)} of the differences between workers persist from step to step; among "
        f"equal workers, chance alone would give {percent(100 * diagnosis.chance_share)}."
    ]
    hiccups = diagnosis.workers["hiccups"]
    if hiccups.any():
        said.append(
            f"{hiccups.sum():,} of {trace.compute_ms.size:,} mini-batches took more than twice as long as usual for "
            f"their worker at the time: {listed(most_often(diagnosis))}."
        )
    return [*said, f"Best-fitting compute-time distribution: {fit_in_words(diagnosis.fits[0])}"]


def culprits_in_words(diagnosis: Diagnosis) -> list[str]:
    """How often the costliest workers were last, what that costs, and what repairing one of them would save."""
    culprits = diagnosis.culprits
    if culprits.empty:
        return []
    alone = culprits["repair_percent"].max()
    saved = f"{percent(alone)} of the epoch" if alone >= LEAST_SHOWN else "next to nothing"
    if len(culprits) == 1:
        often = percent(culprits["last_percent"].iloc[0])
        sentences = [
            f"Worker {culprits['worker'].iloc[0]} was last in {often} of the steps.",
            f"Repairing it alone, so that it is never slower than the median of the others, would have saved {saved}.",
        ]
    else:
        least, most = culprits["last_percent"].min(), culprits["last_percent"].max()
        sentences = [
            f"Each of these workers was last in {percent(least)} to {percent(most)} of the steps.",
            "Repairing any one of them alone, so that it is never slower than the median of the others, would have "
            "saved "
            f"{'' if alone < LEAST_SHOWN else 'at most '}{saved}.",
        ]
    if diagnosis.chance_percent > 100 * BY_CHANCE:
        sentences.append(may_be_chance(diagnosis))
    return sentences


def may_be_chance(diagnosis: Diagnosis) -> str:
    """That the workers that are named may be no slower than others in the long run, and why."""
    culprits, by_chance = diagnosis.culprits, percent(diagnosis.chance_percent)
    if len(culprits) == 1 and mostly_when(diagnosis, culprits.iloc[0]):
        stretches = int((diagnosis.episodes["worker"] == culprits["worker"].iloc[0]).sum())
        shows = "one stretch, which does" if stretches == 1 else f"{stretches} stretches, which do"
        return f"Most of it comes from {shows} not show that this worker is slower than others in the long run."
    return (
        "That may be chance: one of equal workers that stay slow for as long accounts for as much in "
        f"{by_chance} of such runs."
    )


def episodes_in_words(diagnosis: Diagnosis) -> list[str]:
    """Who was slow for a while, how slow, and whether that is over: the costliest episodes."""
    costliest = diagnosis.episodes.sort_values("cost_percent", ascending=False, kind="stable")
    said = []
    for row in costliest.head(MOST_EPISODES).itertuples():
        over = "to the end" if row.last_step == diagnosis.step_numbers[-1] else "and has recovered since"
        said.append(
            f"Worker {row.worker} was {times(row.factor)} slower than at its best in steps {row.first_step} to "
            f"{row.last_step}, {over}: {percent(row.cost_percent)} of the waiting."
        )
    more = len(costliest) - MOST_EPISODES
    if more > 0:
        said.append(
            f"There {'was' if more == 1 else 'were'} {counted(more, 'more such stretch', 'more such stretches')}."
        )
    return said


def most_often(diagnosis: Diagnosis) -> list[str]:
    """The workers with most hiccups, and how many."""
    hiccups = diagnosis.workers[diagnosis.workers["hiccups"] > 0].nlargest(MOST_NAMED, "hiccups")
    said = [f"{row.hiccups:,} on worker {row.worker}" for row in hiccups.itertuples()]
    others = diagnosis.workers["hiccups"].sum() - hiccups["hiccups"].sum()
    return [*said, f"{others:,} on others"] if others else said


def fit_in_words(fit: Fit) -> str:
    """The distribution, its stragglers, and how well it reproduces the slowest mini-batch of a step."""
    law = {f.name: getattr(fit.compute, f.name) for f in fields(fit.compute) if f.name != "mean_ms"}
    parameters = "".join(f", {name} {rounded(value)}" for name, value in law.items())
    said = [f"{type(fit.compute).__name__}, mean {duration(fit.compute.mean_ms)}{parameters}"]
    stragglers = fit.stragglers
    if stragglers.slow_workers:
        said.append(f"{counted(stragglers.slow_workers, 'slow worker')} ({times(stragglers.slowdown)})")
    if stragglers.spread:
        said.append(f"{percent(100 * stragglers.spread)} spread between workers")
    if stragglers.hiccup_probability:
        chance = percent(100 * stragglers.hiccup_probability)
        said.append(f"hiccups in {chance} of mini-batches ({times(stragglers.hiccup_factor)})")
    if stragglers.episode_share:
        share, length = percent(100 * stragglers.episode_share), rounded(stragglers.episode_batches)
        said.append(
            f"episodes of {length} mini-batches on average, {share} of all ({times(stragglers.episode_factor)})"
        )
    return (
        f"{listed(said)}. With it, a step's slowest mini-batch takes {times(fit.slowest_ratio)} the mean on average; "
        f"{times(fit.measured_ratio)} was measured."
    )


def more_workers_in_words(trace: Trace) -> str:
    """What barriers would cost with more workers, between which values, and where that cannot be told."""
    found = forecasts(trace.compute_ms)
    told, untold = [each for each in found if not each.doubt], [each for each in found if each.doubt]
    measured = f"{times(slowest_ratio(trace.compute_ms))} was measured with {trace.workers:,}"
    said = []
    if told:
        figures = [f"{times(each.ratio)} with {each.workers:,} ({between(each.low, each.high)})" for each in told]
        length = correlated_steps(trace.compute_ms)
        blocks = f"blocks of {length} consecutive steps" if length > 1 else "the steps"
        said = [
            f"With more workers like these, a step's slowest mini-batch would take this many times the mean: "
            f"{listed(figures)} workers; {measured}.",
            "No law is fitted: each measured worker stands for equally many new ones, so the share of slow ones "
            "stays the same and none is slower than the slowest here; each new one draws from its times independently. "
            f"Ranges: 95 %, by resampling {blocks}.",
        ]
    for doubt in dict.fromkeys(each.doubt for each in untold):
        sizes = listed([f"{each.workers:,}" for each in untold if each.doubt == doubt], "or")
        reason = DOUBTS[doubt].format(steps=counted(trace.steps, "step"))
        rest = "" if told else f" {measured[0].upper()}{measured[1:]}."
        said.append(f"What {sizes} workers would do is unknown: {reason}.{rest}")
    return " ".join(said)


def between(low: float, high: float) -> str:
    """The two ends of a range of ratios, with as many decimals as tell them apart."""
    return f"{low:.3f} to {high:.3f}×" if high - low < 0.02 else f"{low:.2f} to {high:.2f}×"


def best_remedies(remedies: list[Remedy]) -> str:
    """The remedy that saves most, and the one that saves most with updates, staleness and discarded work unchanged."""
    measured = as_measured(remedies)
    saving = sorted((each for each in remedies if each.saves), key=lambda each: -each.saved_percent)
    few = too_few_steps(measured, all(each.told for each in remedies))
    if not saving:
        unsure = any(each.saved_percent >= LEAST_SAVED for each in remedies)
        sure = "is sure to save time" if unsure else "would be faster than the run as it is"
        return f"Nothing that was tried {sure}.{few}"
    first, rivals = saving[0], saving[1:]
    alike = [each for each in rivals if math.isclose(each.saved_percent, first.saved_percent, rel_tol=1e-9)]
    names = [first.name, *(lowered(each.name) for each in alike)]
    unsure = any(each.saved_percent > first.saved_percent for each in remedies if not each.saves)
    of = "Of what is sure to save time, " if unsure else ""
    names[0] = lowered(names[0]) if unsure else names[0]
    said = f"{of}{listed(names)} would save most, {percent(first.saved_percent)} of the epoch{range_in_words(first)}"
    unclear = [each for each in rivals if each not in alike and each.saved_high_percent >= first.saved_low_percent]
    if unclear:
        more = f" (and {len(unclear) - 1:,} more)" if len(unclear) > 1 else ""
        other = f"{lowered(unclear[0].name)}, {saved_in_words(unclear[0])}{more}"
        said += f", or {other}: which of them saves more is unclear"
    kept = ("mean_staleness", "cancelled_percent", "gradients_per_update")
    same = [each for each in saving if all(getattr(each.metrics, k) == getattr(measured.metrics, k) for k in kept)]
    if not same or same[0] is first or same[0] in alike or unclear[:1] == same[:1]:
        return f"{said}.{few}"
    return f"{said}; without changing the training, {lowered(same[0].name)}: {saved_in_words(same[0])}.{few}"


def too_few_steps(measured: Remedy, told: bool) -> str:
    """Says that savings in other steps cannot be told, where too few were measured; empty otherwise."""
    steps, enough = measured.scenario.batches, FEWEST_FOLDS * LASTING
    if measured.scenario.workers == 1 or (steps >= FEWEST_STEPS and told):
        return ""
    untold = " What repairing workers or sizing mini-batches by speed would save in other steps is unknown:"
    if steps < enough:
        return f"{untold} {counted(steps, 'step')} cannot show whether slowness lasts. Record {enough} or more."
    return f"{untold} slowness lasts too long for {counted(steps, 'step')}. Record several times as many."


def saved_in_words(remedy: Any) -> str:
    """What a remedy (or its row) saves of the epoch, and between which values where it is an estimate."""
    return percent(shown(remedy.saved_percent)) + range_in_words(remedy)


def shown(saved_percent: float) -> float:
    """Rounded to one decimal; zero has no sign."""
    return round(saved_percent, 1) + 0.0


def range_in_words(remedy: Any) -> str:
    """The range of what a remedy saves, in brackets; empty where nothing is estimated."""
    ends = ends_in_words(remedy)
    return f" ({ends}{NBSP}%)" if ends else ""


def ends_in_words(remedy: Any) -> str:
    """The ends of the range of what a remedy saves, in percent; empty where nothing is estimated."""
    low, high = (f"{shown(end):.1f}" for end in (remedy.saved_low_percent, remedy.saved_high_percent))
    return "" if low == high else f"{low} to {high}"


def what_was_read(trace: Trace, files: int) -> str:
    """Files, workers, steps, times and their unit, and what was left out, in a line."""
    steps, usual = trace.step_numbers, duration(float(np.median(trace.compute_ms)))
    known = {
        "whole-step": trace.whole_steps,
        "compute": not trace.whole_steps,
        "wait": trace.wait_ms is not None,
        "network": trace.comm_ms is not None,
    }
    parts = [
        counted(files, "file"),
        f"{counted(trace.workers, 'worker')} ({few_names(trace.worker_names)})",
        f"{counted(trace.steps, 'step')} ({steps[0]} to {steps[-1]})",
        f"{listed([name for name, there in known.items() if there])} times{units_read(trace)}",
        f"typical mini-batch {usual}",
        what_was_left_out(trace),
    ]
    return " · ".join(parts)


def few_names(names: tuple) -> str:
    """The first and the last where they are consecutive numbers; of other names the first few, and how many more."""
    if len(names) > 2 and names == tuple(range(len(names))):
        return f"0 to {names[-1]}"
    more = len(names) - MOST_NAMED
    return listed([str(name) for name in names[:MOST_NAMED]] + ([f"{more:,} more"] if more > 0 else []))


def units_read(trace: Trace) -> str:
    """The units of the columns of times, and whether one was guessed; nothing where a profiler says it."""
    columns = [column for column in trace.columns if column.unit]
    if not columns:
        return ""
    guessed = " (guessed)" if any(column.guessed for column in columns) else ""
    return f" in {listed(list(dict.fromkeys(column.unit for column in columns)))}{guessed}"


def what_was_left_out(trace: Trace) -> str:
    """Whether anything was left out; what it was is in the notes and with the columns."""
    unused = [column for column in trace.columns if not column.role]
    if any(re.search("left out(?!: ')", note) for note in trace.notes):
        return "some data left out (see below)"
    return f"{counted(len(unused), 'column')} not used" if unused else "nothing left out"


def columns_table(trace: Trace) -> pd.DataFrame:
    """What each column of the tables was taken for, as people read it."""
    return pd.DataFrame(
        {
            "Column": [column.name for column in trace.columns],
            "Taken for": [column.role or "left out" for column in trace.columns],
            "Unit": [column.unit for column in trace.columns],
            "Guessed": ["yes" if column.guessed else "" for column in trace.columns],
            "Why": [column.why for column in trace.columns],
        }
    )


def workers_table(diagnosis: Diagnosis) -> pd.DataFrame:
    """The workers as people read them, the costliest first."""
    table = diagnosis.costliest_first
    return pd.DataFrame(
        {
            "Worker": table["worker"].astype(str),
            "Mean compute (ms)": table["mean_ms"].round(1),
            "Vs. step mean (×)": table["relative"].round(3),
            "Last (% of steps)": table["last_percent"].round(1),
            "Share of waiting (%)": table["cost_percent"].round(1),
            "If repaired, saves (%)": table["repair_percent"].round(1),
            "Hiccups": table["hiccups"],
        }
    )


def episodes_table(diagnosis: Diagnosis) -> pd.DataFrame:
    """The episodes as people read them, in the order of time."""
    table = diagnosis.episodes.sort_values(["first_step", "last_step"], kind="stable")
    return pd.DataFrame(
        {
            "Worker": table["worker"].astype(str),
            "From step": table["first_step"],
            "To step": table["last_step"],
            "Vs. its best (×)": table["factor"].round(2),
            "Share of waiting (%)": table["cost_percent"].round(1),
        }
    )


def workers_in_words(diagnosis: Diagnosis) -> str:
    """Who is slow and when, for people who cannot see the chart."""
    rows = list(workers_table(diagnosis).itertuples(index=False))
    said = [f"worker {row[0]}: {row[1]:g} ms on average, {percent(row[4])}" for row in rows[:16]]
    more = f", and {len(rows) - 16:,} more" if len(rows) > 16 else ""
    slow = " ".join(["", *episodes_in_words(diagnosis)])
    return (
        f"Compute times of {counted(len(rows), 'worker')}, and the share of the waiting that each accounts for, the "
        f"costliest first. {'; '.join(said)}{more}.{slow}"
    )


def collectives_table(trace: Trace) -> pd.DataFrame | None:
    """What collectives hold up and how long devices have nothing to run; None where that was not recorded."""
    if trace.exposed_ms is None or trace.gpu_idle_ms is None or trace.blocking_ms is None:
        return None
    step = trace.compute_ms + trace.blocking_ms
    return pd.DataFrame(
        {
            "Worker": [str(name) for name in trace.worker_names],
            "Step (ms)": step.mean(axis=0).round(2),
            "Collectives, blocking (ms)": trace.blocking_ms.mean(axis=0).round(3),
            "Collectives, exposed (ms)": trace.exposed_ms.mean(axis=0).round(3),
            "GPU has nothing to run (%)": (100 * trace.gpu_idle_ms.sum(axis=0) / step.sum(axis=0)).round(1),
        }
    )


def remedies_table(table: pd.DataFrame) -> pd.DataFrame:
    """The remedies as people read them, from `what_if_table`."""
    return pd.DataFrame(
        {
            "Remedy": table["remedy"],
            "Saves (%)": [f"{shown(row.saved_percent):.1f}" for row in table.itertuples()],
            "Range (%)": [ends_in_words(row) for row in table.itertuples()],
            "Epoch (s)": [f"{row.epoch_ms / 1000:.3f}" for row in table.itertuples()],
            "Costs": table["pays"],
            "Steps": table["basis"],
        }
    )


def remedies_in_words(table: pd.DataFrame) -> str:
    """What each remedy saves, for people who cannot see the chart."""
    said = [f"{row.remedy} {saved_in_words(row)}" for row in table.itertuples()]
    return f"Share of the measured epoch that each remedy saves: {'; '.join(said)}."


def fits_table(diagnosis: Diagnosis) -> pd.DataFrame:
    """The laws that were fitted, the best first."""
    return pd.DataFrame(
        {
            "Distribution": fit_in_words(fit).split(". ")[0],
            "Slowest / mean, fitted": round(fit.slowest_ratio, 3),
            "Slowest / mean, measured": round(fit.measured_ratio, 3),
            "Misfit": round(fit.misfit, 4),
        }
        for fit in diagnosis.fits
    )


def asked_for(remedies: list[Remedy], policies: Sequence[Policy]) -> pd.DataFrame:
    """Some policies and the measured run, the fastest first, as people read them."""
    wanted = {policy.label for policy in policies} | {AS_MEASURED}
    table = remedies_table(what_if_table([each for each in remedies if each.name in wanted]))
    return table.drop(columns="Costs")


def time_saved(remedy: Remedy) -> str:
    """What a remedy saves of the measured epoch as a time."""
    return duration(remedy.epoch_ms * remedy.saved_percent / (100 - remedy.saved_percent))


def caveats(trace: Trace, remedies: list[Remedy]) -> str:
    """What comparing policies rests on: what the network charges each of them; empty where there is one policy."""
    measured = as_measured(remedies)
    tried = {remedy.scenario.policy for remedy in remedies}
    if len(tried) == 1:
        return ""
    if all(policy.has_barrier for policy in tried):
        said, queue = barrier_caveat(measured.scenario), ""
    else:
        said, queue = network_caveat(measured.scenario), " Pushes that queue at a server would cost more."
    if said:
        return f"{said} That is the mean; each step has its own cost.{queue}"
    beyond = " beyond what is in the times of whole steps" if trace.whole_steps else ""
    known = "was not measured" if trace.comm_ms is None else "cost nothing in this run"
    return f"The network {known}: a barrier and a push are free here{beyond}."


def summary_text(trace: Trace, diagnosis: Diagnosis, remedies: list[Remedy]) -> str:
    """A page of plain text to paste into a chat: what stragglers cost, what each remedy saves, and what it costs."""
    size = f"{counted(trace.workers, 'worker')}, {counted(trace.steps, 'step')}"
    lines = [f"Stragglers in a measured run ({size})", headline(diagnosis), *reasons(diagnosis, trace)]
    if len(remedies) > 1 and not diagnosis.suspicion:
        lines += ["", best_remedies(remedies), more_workers_in_words(trace)]
        saving = [each for each in remedies if each.saves]
        if saving:
            lines += ["", "What would save time, simulated from the measured times:"]
            lines += [f"- {each.name}: {saved_in_words(each)}, {time_saved(each)}. {each.pays}" for each in saving]
            if any(each.basis == HELD_OUT for each in saving):
                lines.append("If a saving depends on who is slow, its range comes from steps not used to choose it.")
            lines.append("Faster epochs are not yet faster learning: look at staleness and at the size of an update.")
        if network := caveats(trace, remedies):
            lines += ["", network]
    if trace.notes:
        lines += ["", "Data:", *(f"- {note}" for note in trace.notes)]
    return "\n".join(lines)
