"""The command line: the same links, the same numbers, as a table or as JSON."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.changes import changes, differences, outcome, outcomes, shares_draws
from core.common.validation import ScenarioError
from core.learning.experiment import for_training, gradients_for, train_policy
from core.learning.judging import judged
from core.learning.optimizers import CHOICES
from core.learning.periods import PERIODS, Periods, best_period
from core.learning.registry import PROBLEMS
from core.links import DEFAULTS, link_values, pinned_values, prices_of, scenario_of
from core.money import Prices, cost, costs
from core.policies.base import Policy
from core.policies.registry import policy_from_text
from core.report import changes as change_report
from core.report import comparison
from core.report import learning as learning_report
from core.report import periods as periods_report
from core.report import traces as trace_report
from core.report.bandwidth import bandwidths, bandwidths_in_words
from core.report.failure_logs import log_in_words, recoveries_in_words
from core.report.failures import cost_of_failures_in_words, failures_compared, failures_in_words
from core.report.money import cost_in_words, cost_ranking, savings_in_words
from core.report.verdicts import RunsControl
from core.scenario import Scenario, under
from core.schedule.metrics import FIGURES
from core.simulation.bandwidth import RUNS, UTILIZATIONS, required_bandwidth
from core.simulation.paired import compare, most_replicates
from core.simulation.run import simulate
from core.simulation.sweeps import sweep
from core.statistics.pairs import Paired
from core.theory import closed_forms
from core.traces.diagnosis import diagnose
from core.traces.failures import read_failures, recoveries
from core.traces.fits import Fit
from core.traces.forecasts import forecasts
from core.traces.reading import read_trace
from core.traces.remedies import Remedy, what_if, what_if_table

LINK = "a link of the dashboard, or its query alone: workers=8&mode=ssp&bound=2 (default: the dashboard's)"
SWEPT = [
    "throughput",
    "utilization_percent",
    "idle_percent",
    "mean_staleness",
    "epoch_ms",
    "speedup",
    "cost",
    "cost_wasted",
    "refused",
]
Answer = Callable[[argparse.Namespace], tuple[str, dict]]
"""What a command says: a text for people, and the same as data."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer one question on standard output.

    Args:
        arguments: what follows `python -m core`; that of the process by default.

    Returns:
        The exit code: 0, or 2, with a message on standard error, where the question is refused.

    """
    try:
        asked = parser().parse_args(arguments)
        text, data = asked.answer(asked)
        print(
            json.dumps(strict(data), indent=2, allow_nan=False, ensure_ascii=False, default=str)
            if asked.json
            else text,
            flush=True,
        )
    except (ScenarioError, OSError) as refused:
        if isinstance(refused, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"{parser().prog}: {refused}", file=sys.stderr)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    whole = argparse.ArgumentParser("python -m core", description="The Batch Scheduler Simulator without its pages.")
    commands = whole.add_subparsers(
        required=True, metavar="run | compare | sweep | learn | bandwidth | trace | failures"
    )

    def command(name: str, answer: Answer, help: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=help, description=help)
        one.set_defaults(answer=answer)
        one.add_argument("--json", action="store_true", help="JSON instead of a table; times in ms")
        return one

    run = command("run", answer_run, "Figures of one run, beside what theory expects.")
    many = command("compare", answer_compare, "Policies on the same draws: who finishes first, and what it costs.")
    grid = command("sweep", answer_sweep, "Policies over one parameter or two.")
    train = command("learn", answer_learn, "Real training: which policy, or which period, reaches the target first.")
    links = command("bandwidth", answer_bandwidth, "The bandwidth that each policy needs to keep workers computing.")
    for one in (run, many, grid, train, links):
        one.add_argument("link", nargs="?", default="", help=LINK)
    for one in (many, grid, train, links):
        one.add_argument("--policies", help='comma-separated: "sync,async,ssp 3" (default: those of the link)')
    for one in (many, grid, links):
        runs = "paired runs (default: those of the link)" if one is not links else f"runs of each (default: {RUNS})"
        one.add_argument("--replicates", type=int, help=runs)
    grid.add_argument(
        "--over",
        action="append",
        required=True,
        metavar="NAME=VALUES",
        help="workers=2,4,8 or compute.jitter=0.1,0.3; once or twice",
    )
    train.add_argument(
        "--periods",
        nargs="?",
        const=",".join(map(str, PERIODS)),
        help="instead of comparing policies, find after how many batches to average, and whether DiLoCo is worth it; "
        f"comma-separated numbers of batches (default: {','.join(map(str, PERIODS))})",
    )
    train.add_argument("--problem", choices=PROBLEMS, help="what is trained (default: that of the link)")
    train.add_argument("--seeds", type=int, help="how many times each trains (default: those of the link)")
    train.add_argument("--optimizer", choices=CHOICES, help="of the policies (default: that of the link)")
    links.add_argument(
        "--utilization",
        metavar="PERCENT",
        help="share of the workers' time that goes into computing, comma-separated (default: 50,80,90,95,99)",
    )
    trace = command("trace", answer_trace, "What stragglers cost in a measured run, and which remedy is worth it.")
    trace.add_argument("files", nargs="+", help="profiler traces, one per rank, or tables of compute times")
    trace.add_argument("--policies", help='what to try, comma-separated: "async,ssp 3" (default: some of every kind)')
    failures = command("failures", answer_failures, "From a log: how often workers fail, which recovery loses least.")
    failures.add_argument("log", help="a table with start, end and worker, or lines that say who went down, and when")
    failures.add_argument("--workers", type=int, help="how many there are (default: those that the log names)")
    failures.add_argument("--hours", type=float, help="how long they were watched (default: as long as the log)")
    failures.add_argument("--unit", help="unit of times given as bare numbers: ms, s, min or h (default: s)")
    failures.add_argument("--step-ms", type=float, default=1_000, help="time of a step (default: 1000)")
    failures.add_argument("--checkpoint-s", type=float, default=10, help="what a checkpoint costs (default: 10)")
    return whole


def answer_run(asked: argparse.Namespace) -> tuple[str, dict]:
    """Every figure of one run, and what theory expects of it."""
    values = link_values(asked.link)
    scenario, prices = scenario_of(values), prices_of(values)
    run = simulate(scenario)
    figures, known = vars(run.metrics), closed_forms.expected(scenario)
    rows = [
        {"name": name, "value": figures[name], "unit": FIGURES[name]["unit"], **theory_of(known.get(name))}
        for name in FIGURES
    ]
    cost_of_them = ""
    if scenario.failures.any:
        without_ms = simulate(scenario.without_failures).metrics.epoch_ms
        cost_of_them = cost_of_failures_in_words(run, without_ms, prices)
    said = " ".join(filter(None, (failures_in_words(run), cost_of_them, cost_in_words(run, prices))))
    data: dict[str, Any] = {"policy": scenario.policy.label, "figures": rows}
    if prices.given:
        data["cost"] = vars(cost(run, prices))
    return table_text(pd.DataFrame(rows)) + (f"\n\n{said}" if said else ""), data


def theory_of(expected: closed_forms.Expected | None) -> dict:
    """A figure's theory, as far as there is one."""
    return {"theory": expected.value, "holds": expected.holds} if expected else {}


def answer_compare(asked: argparse.Namespace) -> tuple[str, dict]:
    """The answer, and the policies in finishing order."""
    scenario, policies, replicates, prices = question(asked)
    policies = list(dict.fromkeys(policy.fitted(scenario.workers) for policy in policies))
    if len(policies) < 2:
        raise ScenarioError(f"policies: {policies[0].text!r} is one policy; compare takes two or more.")
    paired = Paired.of(compare(scenario, policies, replicates))
    control = RunsControl("--replicates", most_replicates(scenario, policies))
    answer, why = comparison.headline(paired), comparison.in_full(paired, policies, scenario, control)
    caveats = comparison.caveats(scenario, paired)
    data = {
        "answer": answer,
        "reasons": why,
        "caveats": caveats,
        "replicates": replicates,
        "verdict": comparison.verdict_figures(paired),
        "policies": comparison.mean_figures(paired).reset_index().to_dict("records"),
    }
    healthy = Paired.of(compare(scenario.without_failures, policies, replicates)) if scenario.failures.any else None
    if said := failures_compared(paired, scenario, policies, healthy, prices if prices.given else None):
        data["failures"], why = said, f"{why}\n\n{said}"
    if pin := link_values(asked.link).get("pin"):
        said, data["changes"] = against_pinned(scenario_of(pinned_values(pin)), scenario, policies, paired, control)
        why = f"{why}\n\n{said}"
    ranking = table_text(comparison.ranking(paired).reset_index())
    if not prices.given:
        return f"{answer}\n\n{why}\n\n{ranking}\n\n{caveats}", data
    spent = costs(paired, scenario, policies, prices)
    data |= {"currency": prices.currency, "costs": spent.table().to_dict("records")}
    money = f"{savings_in_words(spent)}\n\n{table_text(cost_ranking(spent))}"
    return f"{answer}\n\n{why}\n\n{ranking}\n\n{money}\n\n{caveats}", data


def against_pinned(
    pinned: Scenario, now: Scenario, policies: Sequence[Policy], paired: Paired, control: RunsControl
) -> tuple[str, list[dict]]:
    """What has changed under each policy against the scenario that the link pins: in words, and as data."""
    before = outcomes(pinned, policies, paired.replicates)
    after = [outcome(policy, now.work, figures) for policy, figures in paired.runs.items()]
    found = changes(before, after, shares_draws(pinned, now))
    rows = [
        {
            "policy": each.after.policy,
            "pinned_epoch_ms": each.before.mean_ms,
            "epoch_ms": each.after.mean_ms,
            **{name: getattr(each.ratio, name) for name in ("value", "low", "high", "outcome")},
            "paired": each.paired,
            "saved_ms": each.saved_ms,
        }
        for each in found
    ]
    return change_report.summary_text(found, differences(pinned.workload, now.workload), control), rows


def answer_sweep(asked: argparse.Namespace) -> tuple[str, dict]:
    """Every cell of a grid."""
    scenario, policies, replicates, prices = question(asked)
    grid = dict(map(axis, asked.over))
    priced = prices.given or any(name.startswith("prices.") for name in grid)
    table = sweep(scenario, grid, policies, replicates, prices=prices if priced else None)
    shown = [*grid, "policy", *(name for name in SWEPT if name in table)]
    return table_text(table[shown]), {"replicates": replicates, "cells": table.to_dict("records")}


def answer_learn(asked: argparse.Namespace) -> tuple[str, dict]:
    """Which policy reaches the target first, or which period does."""
    values = {**DEFAULTS, **link_values(asked.link)}
    scenario, policies = scenario_of(values), policies_in(asked.policies or ",".join(values["policies"]))
    problem = PROBLEMS[asked.problem or values["problem"]]
    seeds = values["train_seeds"] if asked.seeds is None else asked.seeds
    if asked.periods or (values["learn_ask"] == "period" and not asked.policies):
        periods = axis(f"periods={asked.periods}")[1] if asked.periods else PERIODS
        return answer_periods(best_period(scenario, problem, periods=periods, seeds=seeds))
    policies = list(dict.fromkeys(policy.fitted(scenario.workers) for policy in policies))
    rate = None if values["rate"] == "best" else float(values["rate"])
    short = for_training(scenario, gradients_for(scenario.workers, problem))
    trained = [
        train_policy(
            under(short, policy),
            problem,
            learning_rates=rate,
            seeds=seeds,
            gradients=short.work,
            optimizers=CHOICES[asked.optimizer or values["optimizer"]],
        )
        for policy in policies
    ]
    learning = judged(trained, compare(short, policies, seeds), problem)
    prices = prices_of(values)
    spending = learning_report.Spending(prices=prices, workload=short, policies=policies) if prices.given else None
    answer, why = learning_report.headline(learning), learning_report.reasons(learning)
    if spending and (costs := spending.in_words(learning)):
        why = f"{why} {costs}"
    table = learning.policies
    if spending:
        spent = [spending.of(*row) for row in zip(table["policy"], table["time_to_target_ms"], strict=True)]
        table = table.assign(cost_to_target=spent, currency=prices.currency)
    data = {"answer": answer, "reasons": why, "policies": table.to_dict("records")}
    return f"{answer}\n\n{why}\n\n{table_text(learning_report.targets(learning, spending))}", data


def answer_periods(found: Periods) -> tuple[str, dict]:
    """Which period reaches the target first, and whether DiLoCo is worth it."""
    reasons = filter(None, [*periods_report.reasons(found), periods_report.too_long(found)])
    answer, why = periods_report.headline(found), " ".join(reasons)
    data = {"answer": answer, "reasons": why, "batches": found.batches, "periods": found.table.to_dict("records")}
    return f"{answer}\n\n{why}\n\n{table_text(periods_report.targets(found))}", data


def answer_bandwidth(asked: argparse.Namespace) -> tuple[str, dict]:
    """The bandwidth that each policy needs for some utilizations."""
    scenario, policies, *_ = question(asked)
    wanted = UTILIZATIONS if asked.utilization is None else axis(f"utilization={asked.utilization}")[1]
    policies = list(dict.fromkeys(policy.fitted(scenario.workers) for policy in policies))
    table = required_bandwidth(scenario, policies, wanted, asked.replicates or RUNS)
    text = bandwidths_in_words(table)
    return f"{text}\n\n{table_text(bandwidths(table).reset_index())}", {"bandwidths": table.to_dict("records")}


def answer_trace(asked: argparse.Namespace) -> tuple[str, dict]:
    """The diagnosis of a measured run, and its remedies."""
    policies = policies_in(asked.policies) if asked.policies else None
    trace = read_trace(asked.files)
    policies = policies and list(dict.fromkeys(policy.fitted(trace.workers) for policy in policies))
    diagnosis, remedies = diagnose(trace), what_if(trace, policies)
    doubtful = bool(diagnosis.suspicion)
    data = {
        "workers": trace.workers,
        "steps": trace.steps,
        "kind": diagnosis.kind,
        "answer": trace_report.headline(diagnosis),
        "reasons": trace_report.reasons(diagnosis, trace),
        "suspicion": diagnosis.suspicion,
        "caution": diagnosis.caution,
        "diagnosis": diagnosis.table().to_dict("records"),
        "who": diagnosis.workers.to_dict("records"),
        "episodes": diagnosis.episodes.to_dict("records"),
        "fits": [fit_data(fit) for fit in diagnosis.fits],
        "caveats": "" if doubtful else trace_report.caveats(trace, remedies),
        "remedies": [] if doubtful else remedies_data(remedies),
        "more_workers": [] if doubtful else [vars(each) for each in forecasts(trace.compute_ms)],
        "notes": list(trace.notes),
        "columns": [vars(column) for column in trace.columns],
    }
    text = trace_report.summary_text(trace, diagnosis, remedies)
    if policies and not doubtful:
        text += f"\n\n{table_text(trace_report.asked_for(remedies, policies))}"
    return text, data


def remedies_data(remedies: list[Remedy]) -> list[dict]:
    """What each remedy saves and pays, with all figures of its run."""
    rows = what_if_table(remedies).to_dict("records")
    return [
        {**row, "policy": each.scenario.policy.text, "figures": vars(each.metrics)}
        for row, each in zip(rows, remedies, strict=True)
    ]


def fit_data(fit: Fit) -> dict:
    """A fitted law with its parameters and stragglers."""
    return {
        "law": type(fit.compute).__name__,
        "parameters": vars(fit.compute),
        "stragglers": vars(fit.stragglers),
        **{name: getattr(fit, name) for name in ("misfit", "slowest_ratio", "measured_ratio")},
    }


def answer_failures(asked: argparse.Namespace) -> tuple[str, dict]:
    """From a log: how often workers fail, which recovery loses least."""
    log = read_failures(asked.log, asked.workers, observed_hours=asked.hours, unit=asked.unit)
    table = recoveries(log, asked.step_ms, asked.checkpoint_s)
    data = {"log": vars(log), "recoveries": table.to_dict("records")}
    said = f"{log_in_words(log)} {recoveries_in_words(table, asked.step_ms)}"
    return f"{said}\n{' '.join(log.notes)}\n\n{table_text(table)}", data


def question(asked: argparse.Namespace) -> tuple[Scenario, list[Policy], int, Prices]:
    """Scenario, policies, replicates and prices of a command."""
    values = {**DEFAULTS, **link_values(asked.link)}
    scenario = scenario_of(values)
    policies = policies_in(asked.policies or ",".join(values["policies"]))
    replicates = values["replicates"] if asked.replicates is None else asked.replicates
    return scenario, policies, replicates, prices_of(values)


def policies_in(text: str) -> list[Policy]:
    """The policies that a text names with commas between, each once."""
    return list(dict.fromkeys(map(policy_from_text, text.split(","))))


def axis(text: str) -> tuple[str, list]:
    """A parameter and its values, from NAME=VALUES."""
    name, _, values = text.partition("=")
    return name.strip(), [number(value.strip()) for value in values.split(",") if value.strip()]


def number(text: str) -> int | float | str:
    """The text as a whole number, a number, or itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def table_text(table: pd.DataFrame) -> str:
    """Columns that line up."""
    return table.to_string(index=False, float_format="{:.6g}".format, na_rep="")


def strict(data: Any) -> Any:
    """The data as JSON has it: plain numbers, null for what is none."""
    if isinstance(data, dict):
        return {key: strict(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [strict(value) for value in data]
    value = data.item() if isinstance(data, np.generic) else data
    return None if isinstance(value, float) and not np.isfinite(value) else value
