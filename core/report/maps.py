"""What a map says, in words."""

import math
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from core.common.validation import ScenarioError
from core.common.wording import (
    counted,
    duration,
    four_digits,
    listed,
    lowered,
    money,
    percent,
    rounded,
    times,
    with_unit,
)
from core.links import PARAMETERS
from core.maps import SPEEDUP, Checkpoints, Ideal, Question, answers, winners
from core.report.bandwidth import is_any
from core.report.parameters import amount_of, name_of, shown_of
from core.report.verdicts import ends
from core.schedule.metrics import FEWEST_FOR_TAILS
from core.simulation.sweeps import changed
from core.statistics.verdicts import NO_DIFFERENCE
from core.workload.workload import Workload

MARKS = {"open": "≈", "equal": "="}
"""What a cell carries that is not decided."""
TIE, OPEN = "tie within 1 %", "open"
"""What a cell without a fastest policy is called."""
MANY_RUNS = 1e9
FEWEST_EVENTS = 5  # below this, rare events fool any test


def fastest_headline(table: pd.DataFrame, axes: Sequence[str]) -> str:
    """Which policy is the fastest in how many cells, in how many some tie, and how many are open."""
    best = winners(table, axes)
    cells, counts = len(best), best.loc[best["outcome"] == "decided", "policy"].value_counts()
    ties, open_ones = int((best["outcome"] == "equal").sum()), best.loc[best["outcome"] == "open", "runs"]
    if len(counts) == 1 and counts.iloc[0] == cells:
        return f"{counts.index[0]} is fastest everywhere on this map."
    if ties == cells:
        alike = set(map(frozenset, best["level"]))
        who = together(best["level"].iloc[0]) if len(alike) == 1 else "The first policies"
        return f"{who} tie {in_all(cells)}: equal within 1\N{NO-BREAK SPACE}%."
    said = [f"{policy if i == 0 else lowered(policy)} in {count:,}" for i, (policy, count) in enumerate(counts.items())]
    said += [f"a tie within 1\N{NO-BREAK SPACE}% in {ties:,}"] if ties else []
    said += [f"open in {len(open_ones):,}"] if len(open_ones) else []
    return f"Fastest of {counted(cells, 'cell')}: {listed(said)}{settling(open_ones)}."


def speedup_headline(rows: pd.DataFrame, policy: str, baseline: str, keys: Sequence[str] = ()) -> str:
    """In how many cells a policy is faster than the baseline, slower, equal or open: all of the cells together.

    Args:
        rows: a row for each cell: value, the speed-up, outcome, and the runs that would settle it.
        policy: its label.
        baseline: that of the other one.
        keys: of the axes; with them it says where the policy is faster, if there is one place in each row.

    """
    cells, decided = len(rows), rows["outcome"] == "decided"
    if not cells:
        return f"{policy} and {lowered(baseline)} have no cell in common on this map."
    open_ones, equal = rows.loc[rows["outcome"] == "open", "runs"], int((rows["outcome"] == "equal").sum())
    if equal == cells:
        return f"{together((policy, baseline))} tie {in_all(cells)}: equal within 1\N{NO-BREAK SPACE}%."
    if len(open_ones) == cells:
        return f"{policy} or {lowered(baseline)}: open {in_all(cells)}{settling(open_ones)}."
    sides = {"faster than": decided & (rows["value"] > 1), "slower than": decided & (rows["value"] < 1)}
    found = [(f"{side} {lowered(baseline)}", int(cell.sum()), small_ones(rows[cell])) for side, cell in sides.items()]
    found += [(f"equal to {lowered(baseline)} within 1\N{NO-BREAK SPACE}%", equal, "")]
    found += [("open", len(open_ones), "")]
    (first, count, small), *others = [one for one in found if one[1]]
    text = f"{policy} is {first}{from_where_on(rows, keys)}"
    text += f" {in_all(cells)}" if count == cells else f" in {count:,} of "
    text += small if count == cells else f"{counted(cells, 'cell')}{small}"
    for what, count, small in others:
        text += f", {what.removesuffix(f' than {lowered(baseline)}')} in {count:,}{small}"
    return f"{text}{settling(open_ones)}."


def from_where_on(rows: pd.DataFrame, keys: Sequence[str]) -> str:
    """Where on the first axis a policy is faster: with bandwidth above 10–100 Gb/s, depending on number of workers.

    Empty unless the winner changes once in every row of the map, from the same one to the other.
    """
    turns = [turn(row) for _, row in rows.sort_values(["v1", "v0"]).groupby("v1")] if keys else []
    found = [each for each in turns if each]
    if not found or len(found) < len(turns) or len({each.side for each in found}) > 1:
        return ""
    x, *others = (lowered(name_of(key)) for key in keys)
    between = shown_of(keys[0], min(each.last for each in found)), amount_of(keys[0], max(each.first for each in found))
    what = [f"the {y}" if y.startswith("number ") else y for y in others]
    depending = f", depending on {what[0]}" if len(set(found)) > 1 else ""
    return f" with {x} {found[0].side} {'–'.join(between)}{depending}:"


class Turn(NamedTuple):
    """Where the winner changes in a row of a map: on which side the policy is faster, and between which values."""

    side: str
    last: float
    first: float


def turn(row: pd.DataFrame) -> Turn | None:
    """The change of winner in a row; None where there is none, or more, or cells elsewhere are not decided."""
    side = np.sign(row["value"].to_numpy() - 1) * (row["outcome"] == "decided").to_numpy()
    sure = np.flatnonzero(side)
    changes = np.flatnonzero(np.diff(side[sure]))
    if len(changes) != 1 or sure[0] != 0 or sure[-1] != len(side) - 1:
        return None
    last, first = sure[changes[0]], sure[changes[0] + 1]
    if len(sure) + (first - last - 1) < len(side):
        return None
    return Turn("above" if side[first] > 0 else "below", float(row["v0"].iloc[last]), float(row["v0"].iloc[first]))


def small_ones(rows: pd.DataFrame) -> str:
    """In how many of the decided cells the difference does not matter in practice."""
    small = int(((rows["value"] - 1).abs() < NO_DIFFERENCE).sum())
    if not small:
        return ""
    return f" (by less than 1\N{NO-BREAK SPACE}%{'' if small == len(rows) else f' in {small:,} of these'})"


def in_all(cells: int) -> str:
    """In all 12 cells; in both cells; in the only cell."""
    return {1: "in the only cell", 2: "in both cells"}.get(cells, f"in all {cells:,} cells")


def together(policies: Sequence[str], last: str = "and") -> str:
    """Synchronous and asynchronous."""
    return listed([policies[0], *map(lowered, policies[1:])], last)


def settling(runs: Iterable[float]) -> str:
    """After what is said of open cells: with about how many runs half of them would be settled; nothing where none is.

    Args:
        runs: of every open cell; NaN where the runs do not tell.

    """
    needed = sorted(math.inf if math.isnan(one) else one for one in runs)
    if not needed:
        return ""
    half = needed[(len(needed) - 1) // 2]
    which = {1: "it", 2: "one of these"}.get(len(needed), "half of these")
    if half >= MANY_RUNS:
        return "; more runs are needed" if math.isinf(half) else f"; a billion runs would not settle {which}"
    return f"; about {rounded_up(half)} runs of each cell would settle {which}"


def rounded_up(number: float) -> str:
    """A whole number, rounded up to two significant digits."""
    step = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return f"{math.ceil(number / step) * step:,}"


def amount_headline(rows: pd.DataFrame, question: Question, policy: str) -> str:
    """From where to where an amount goes, and in how many cells it is not reached."""
    known = rows[rows["value"].notna()]
    if known.empty:
        return f"{question.label} of {lowered(policy)}: {missed(rows, question)} on this map."
    low, high = (amount(value, question) for value in (known["value"].min(), known["value"].max()))
    text = f"{question.label} of {lowered(policy)} "
    text += f"is {low} {in_all(len(known))}" if low == high else f"goes from {low} to {high}"
    lost = rows[rows["value"].isna()]
    return (
        f"{text}; {missed(lost, question)} in {len(lost):,} of {counted(len(rows), 'cell')}."
        if len(lost)
        else f"{text}."
    )


def missed(rows: pd.DataFrame, question: Question) -> str:
    """What is said of cells in which some run does not reach the target, or there is no answer for another reason."""
    if question.missed:
        return question.missed
    return "not reached in any run" if not rows["reached"].any() else "not reached in every run"


def scaling_headline(table: pd.DataFrame, ideal: Ideal) -> str:
    """What share of the ideal line each policy reaches with the most workers; of more than two, the ends."""
    good = table[table["refused"] == ""]
    most = good[good["workers"] == good["workers"].max()].set_index("policy")["throughput"]
    workers = int(good["workers"].max())
    share = (100 * most / ideal.line(np.array([workers]))[0]).sort_values(ascending=False)
    line = f"ideal scaling from {counted(ideal.fewest, 'worker')}"
    text = f"With {counted(workers, 'worker')}, "
    (first, high), (last, low) = (next(iter(some.items())) for some in (share, share[::-1]))
    if len(share) > 2:
        return (
            f"{text}{len(share)} policies reach {percent(low)} ({lowered(last)}) to {percent(high)} ({lowered(first)}) "
            f"of {line}."
        )
    text += f"{lowered(first)} reaches {percent(high)} of {line}"
    return f"{text}, {lowered(last)} {percent(low)}." if len(share) > 1 else f"{text}."


def ideal_in_words(ideal: Ideal) -> str:
    """What the dashed line is."""
    base = "one does alone" if ideal.fewest == 1 else f"it does as one of {ideal.fewest:,}"
    return f"The dashed line is ideal scaling: each worker does as much as {base} under {lowered(ideal.policy)}."


def checkpoints_in_words(found: Checkpoints) -> str:
    """What the dashed and vertical lines over the checkpoint interval are, and how the simulated best compares."""
    simulated = f"every {counted(found.simulated, 'batch', 'batches')}" if found.simulated > 1 else "every batch"
    return (
        f"Dashed: Daly's mean epoch of {lowered(found.policy)}. Vertical: Young's √(2δM), {duration(found.best_ms)} of "
        f"work or {rounded(found.best)} batches from one checkpoint to the next. Of the intervals simulated, a "
        f"checkpoint after {simulated} is best."
    )


def lines_headline(table: pd.DataFrame, question: Question, axis: str, key: str = "") -> str:
    """What each policy has at either end of a line chart, and how many points are open.

    Args:
        table: what `sweep` made.
        question: what is asked.
        axis: the column of the table that the lines go over.
        key: what a link calls it; with it the axis is named.

    """
    good, said = table[table["refused"] == ""], []
    policies = list(dict.fromkeys(good["policy"]))
    shown = {policy: answers(good, question, policy).set_index(axis) for policy in policies}
    for place in dict.fromkeys((good[axis].min(), good[axis].max())):
        parts = [
            f"{lowered(policy)} {at_a_point(rows.loc[place], question)}"
            for policy, rows in shown.items()
            if place in rows.index and rows.loc[place, "outcome"] != "baseline"
        ]
        said += [f"at {shown_of(key, place) if key else f'{place:,g}'}: {listed(parts)}"] if parts else []
    if not said:
        return f"{question.label}: there is nothing to compare with."
    needed, points = open_points(shown.values()), sum(len(rows) for rows in shown.values())
    open_ones = f"; {len(needed)} of {counted(points, 'point')} open{settling(needed)}" if needed else ""
    by = f" by {lowered(name_of(key))}," if key else ""
    return f"{question.label}{by} {'; '.join(said)}{open_ones}."


def open_points(shown: Iterable[pd.DataFrame]) -> list[float]:
    """The runs that would settle each open point of some lines."""
    return [runs for rows in shown for runs in rows.loc[rows["outcome"] == "open", "runs"]]


def at_a_point(row: pd.Series, question: Question) -> str:
    """A value, and whether it is decided."""
    if np.isnan(row["value"]):
        some = f"in {row['reached']:.0f} of {row['trained']:.0f} runs only"
        return some if row["reached"] else f"never ({question.missed})" if question.missed else "never"
    shown = amount(row["value"], question)
    if row["outcome"] == "open":
        return f"open ({shown} so far)"
    return f"{shown} (equal within 1\N{NO-BREAK SPACE}%)" if row["outcome"] == "equal" else shown


def amount(value: float, question: Question) -> str:
    """A value with its unit."""
    if question.unit == "×":
        return times(value)
    if question.column == "bandwidth_gbps" and is_any(value):
        return "any bandwidth"
    if question.column == "cost":
        return money(value, question.unit)
    return percent(value) if question.unit == "%" else with_unit(rounded(value), question.unit)


def verdict_in_words(outcome: str, value: float) -> str:
    """What a cell's speed-up says: faster, slower, equal within 1 %, or open."""
    if outcome != "decided":
        return {"open": "open", "equal": "equal within 1 %"}.get(outcome, outcome)
    side = "faster" if value > 1 else "slower"
    return f"{side}, by less than 1 %" if abs(value - 1) < NO_DIFFERENCE else side


def who_is_fastest(outcome: str, level: Sequence[str]) -> str:
    """The fastest policy of a cell, or those of which it may be one."""
    if outcome == "decided":
        return level[0]
    return f"tie: {together(level)}" if outcome == "equal" else f"open: {together(level, 'or')}"


FINISHES, GETS_THERE = ("is", "faster", "slower"), ("gets there", "sooner", "later")
"""What is said of an epoch, and of a target."""


def speedup_in_words(row: pd.Series, policy: str, baseline: str, said: tuple[str, str, str] = FINISHES) -> str:
    """A sentence on a cell's speed-up: by how much, how surely, or how many runs would settle it."""
    verb, quicker, slower = said
    both, interval = f"{policy} or {lowered(baseline)}", interval_in_words(row["low"], row["high"])
    if row["outcome"] == "open":
        return f"{both}: open. The speed-up is {times(row['value'])}{interval}{settling([row['runs']])}."
    if row["outcome"] == "equal":
        return f"{together((policy, baseline))} are equal within 1\N{NO-BREAK SPACE}%: {times(row['value'])}{interval}."
    side = f"{times(row['value'])} {quicker}" if row["value"] > 1 else f"{times(1 / row['value'])} {slower}"
    low, high = (row["low"], row["high"]) if row["value"] > 1 else (1 / row["high"], 1 / row["low"])
    small = ", which makes no practical difference" if abs(row["value"] - 1) < NO_DIFFERENCE else ""
    return f"{policy} {verb} {side} than {lowered(baseline)}{interval_in_words(low, high)}{small}."


def interval_in_words(low: float, high: float) -> str:
    """The interval in brackets, where there is one with two ends."""
    if np.isnan(low):
        return " (no interval)"
    return f" ({' to '.join(ends(low, high))})" if low < high else " (exactly)"


def cell_in_words(table: pd.DataFrame, cell: dict, question: Question, policies: Sequence[str], runs: int) -> str:
    """What a cell of a map says.

    Args:
        table: of the whole map.
        cell: its value of each parameter, by dotted name.
        question: what is asked.
        policies: whom it is asked of; of a speed-up, the baseline first.
        runs: how many each policy has.

    """
    here = table[(table[list(cell)] == list(cell.values())).all(axis=1) & (table["refused"] == "")]
    if here.empty:
        return "This cell has no figures."
    if not question.column:
        return fastest_in_words(here, list(cell))
    baseline, *others = policies
    gains = {}
    if question.column in ("speedup", "time_to_target_ms"):
        gains = {policy: rows.iloc[0] for policy in others if len(rows := answers(here, SPEEDUP, policy))}
    if question.column == "speedup":
        said = [speedup_in_words(row, policy, baseline) for policy, row in gains.items()]
        return " ".join(said) or "There is nothing to compare with in this cell."
    amounts = {policy: rows.iloc[0] for policy in policies if len(rows := answers(here, question, policy))}
    said = [amount_in_words(row, policy, question, runs) for policy, row in amounts.items()]
    if gains:
        said += [speedup_in_words(row, policy, baseline, GETS_THERE) for policy, row in gains.items()]
    return " ".join(said)


def fastest_in_words(here: pd.DataFrame, axes: Sequence[str]) -> str:
    """A sentence on the fastest policy of a cell."""
    (best,) = winners(here, axes).to_dict("records")
    if best["outcome"] == "equal":
        return f"{together(best['level'])} tie: equal within 1\N{NO-BREAK SPACE}%."
    if best["outcome"] == "open":
        return f"{together(best['level'], 'or')}: open which is fastest{settling([best['runs']])}."
    rest = here[here["policy"] != best["policy"]].sort_values("epoch_ms", kind="stable")["policy"]
    if rest.empty:
        return f"{best['policy']} is the only one with figures here."
    lead = pd.Series({"value": best["lead"], "low": best["lead_low"], "high": best["lead_high"], "outcome": "decided"})
    said = speedup_in_words(lead, best["policy"], rest.iloc[0]).removesuffix(".")
    return f"{said}{', the next' if len(rest) > 1 else ''}."


def amount_in_words(row: pd.Series, policy: str, question: Question, runs: int) -> str:
    """A sentence on an amount in a cell: its mean, and between which values the runs lie."""
    what = f"{question.label} of {lowered(policy)}: "
    if np.isnan(row["value"]):
        if question.missed:
            return f"{what}{question.missed}."
        return f"{what}the target is reached in {row['reached']:.0f} of {counted(int(row['trained']), 'run')}."
    low, high = amount(row["low"], question), amount(row["high"], question)
    if runs == 1 or low == high or question.missed:
        return f"{what}{amount(row['value'], question)}{' in one run' if runs == 1 and not question.missed else ''}."
    return f"{what}{amount(row['value'], question)} on average, {low} to {high} in {most_of(runs)}."


def most_of(runs: int) -> str:
    """Which runs a range covers: all of them, or the middle 95 %."""
    if runs >= FEWEST_FOR_TAILS:
        return f"the middle 95\N{NO-BREAK SPACE}% of {runs:,} runs"
    return "both runs" if runs == 2 else f"all {runs} runs"


def bands_in_words(question: Question, runs: int, policies: int) -> str:
    """What the lines and bands of a line chart are."""
    if question.column == "speedup":
        if runs == 1:
            return "Ratios of the epoch times of one pair of runs, which has no interval."
        together = "" if policies < 3 else ", all pairs of policies judged together"
        return (
            f"Ratios of mean epoch times of {runs:,} paired runs, in bands of their 95\N{NO-BREAK SPACE}% "
            f"intervals{together}; they narrow with more runs."
        )
    if question.column == "bandwidth_gbps":
        return "The least bandwidth at which workers compute 90\N{NO-BREAK SPACE}% of their time, on the same draws."
    if runs == 1:
        return "One run at each point."
    kind = "Geometric means" if question.column == "time_to_target_ms" else "Means"
    return f"{kind} of {runs:,} runs, in bands that hold {most_of(runs)}: how much single runs differ."


def marks_in_words(outcomes: Collection[str]) -> str:
    """What the marks of cells mean, and what chance may do among many of them."""
    said = {
        "open": "≈ marks open cells: the interval of the ratio of mean epoch times contains 1; more runs are needed.",
        "equal": "= marks ties: any difference is at most 1\N{NO-BREAK SPACE}%.",
    }
    marks = [text for outcome, text in said.items() if outcome in outcomes]
    if "decided" in outcomes:
        marks.append(
            "Cells without a mark are decided; of cells without a real difference, chance alone still decides about "
            "5\N{NO-BREAK SPACE}%."
        )
    return " ".join(marks)


def rare_hiccups(workload: Workload, cells: Iterable[dict], runs: int) -> str:
    """In how many cells hiccups are so rare that the verdict may rest on none of them; nothing where in none.

    Args:
        workload: what all cells have in common.
        cells: the value of each parameter, by dotted name.
        runs: of each policy in each cell.

    """
    few = 0
    for cell in cells:
        try:
            here = changed(workload, cell)
        except ScenarioError:
            continue
        expected = here.workers * here.batches * runs * here.stragglers.hiccup_probability
        few += here.stragglers.transient and expected < FEWEST_EVENTS
    if not few:
        return ""
    return (
        f"In {counted(few, 'cell')} fewer than {FEWEST_EVENTS} hiccups are expected in all runs together: these "
        "verdicts may change with the first of them, so use more runs."
    )


def map_in_words(said: pd.Series, up: pd.Series, title: str) -> str:
    """The verdicts of a map, row by row, for people who cannot see it."""
    lines = []
    for value, here in said.groupby(up):
        counts = [f"{what} in {count:,}" for what, count in here.value_counts().items()]
        lines.append(f"{title} {four_digits(value)}: {listed(counts)}.")
    return " ".join(lines)


def break_even_in_words(rows: pd.DataFrame, titles: Sequence[str]) -> str:
    """Between which values of the first axis a speed-up passes 1, for each value of the second; empty where nowhere.

    Args:
        rows: a row for each cell: v0 and v1, its values on the axes, and value, the speed-up.
        titles: what people call the axes.

    """
    said = []
    for up, row in rows.sort_values(["v1", "v0"]).groupby("v1"):
        side = np.sign(row["value"].to_numpy() - 1)
        pairs = zip(row["v0"], row["v0"][1:], side[:-1] * side[1:], strict=False)
        passed = [f"{four_digits(low)}–{four_digits(high)}" for low, high, product in pairs if product < 0]
        said += [f"{listed(passed)} at {four_digits(up)}"] if passed else []
    return f"{titles[0]} at break-even by {lowered(titles[1])}: {', '.join(said)}." if said else ""


def refusals(table: pd.DataFrame) -> list[str]:
    """Why cells have no figures: for each setting that is out of range, how many rows, and the first row's reason."""
    by_field: dict[str, list[str]] = {}
    for why in filter(None, table["refused"]):
        by_field.setdefault(why.partition(":")[0], []).append(why)
    said = []
    for field, reasons in by_field.items():
        name = field.rpartition(".")[2]
        about = reasons[0].replace(field, name_of(name), 1) if name in PARAMETERS else reasons[0]
        such = "For example: " if len(set(reasons)) > 1 else ""
        said.append(f"{counted(len(reasons), 'row')} left out. {such}{about}")
    return said
