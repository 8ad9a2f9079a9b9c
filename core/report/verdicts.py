"""Mean times compared in words: who is first, how sure that is, and how much single runs differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.common.wording import NBSP, counted, duration, listed, lowered, percent, times
from core.schedule.metrics import FEWEST_FOR_TAILS
from core.statistics.pairs import Paired, Table
from core.statistics.verdicts import NO_DIFFERENCE, Ratio

NOT_SEEN = 5e-4  # a ratio that is closer to 1 reads as 1.000×
MOST_NAMED = 3  # in a headline
ENOUGH_DECIMALS, MOST_DECIMALS = 3, 12  # of a ratio; of one that is decided but hardly differs from 1


@dataclass(frozen=True)
class RunsControl:
    """What sets the number of paired runs, and how far it goes."""

    name: str
    most: int


def headline(table: Table) -> str:
    """Which policy finishes first and by how much, that some are level, or that the runs leave it open."""
    paired = Paired.of(table)
    of_all = of_two if len(paired.runs) == 2 else of_several
    return of_all(paired) if paired.replicates > 1 else f"In one run, {lowered(of_all(paired))}"


def of_two(paired: Paired) -> str:
    """The headline of two policies."""
    first, second = paired.order
    ratio, both = paired.speedups[second, first], f"{paired.baseline} and {lowered(paired.best_other)}"
    if same(ratio) or (ratio.runs == 1 and len(tied_for_first(paired)) == 2):
        return f"{both} take the same time."
    if ratio.outcome == "equal":
        return f"{both} take the same time, within 1 %."
    if (ratio.outcome == "decided" or ratio.runs == 1) and slight(ratio):
        return f"No practical difference: {lowered(first)} is {sooner(ratio)}."
    if ratio.outcome == "decided" or ratio.runs == 1:
        return f"{first} finishes the epoch {sooner(ratio)}{in_time(paired, first, second)}."
    after = f"Open after {counted(ratio.runs, 'paired run')}"
    if ratio.value < 1 + NOT_SEEN:
        return f"{after}: {lowered(both)} are level so far."
    return f"{after}: {lowered(first)} is {sooner(ratio)} so far."


def of_several(paired: Paired) -> str:
    """The headline of three policies or more: the first, and those that the runs do not put behind it."""
    tied, policies = tied_for_first(paired), f"{len(paired.runs)} policies"
    if len(tied) == len(paired.runs):
        return f"All {policies} take the same time."
    if all(ratio.outcome == "equal" for ratio in paired.speedups.values()):
        return f"All {policies} take the same time, within 1 %."
    others = list(map(lowered, tied[1:])) if len(tied) <= MOST_NAMED else [f"{len(tied) - 1} others"]
    first, level, undecided = listed([tied[0], *others]), *not_behind(paired)
    ahead = margin(paired, {*level, *undecided})
    if not level and not undecided:
        return f"{first} {'finishes' if len(tied) == 1 else 'finish'} first of {policies}{ahead}."
    parts = [f"{first} {'leads' if len(tied) == 1 else 'lead'} the {policies}{ahead}"]
    if level:
        parts.append(f"{named(paired, level)} {'is' if len(level) == 1 else 'are'} level within 1 %")
    if undecided:
        parts.append(f"still open against {named(paired, undecided)}")
    return "; ".join(parts) + "."


def tied_for_first(paired: Paired) -> list[str]:
    """The policies whose mean epoch time is the shortest: one, unless some are exactly the same."""
    return [policy for policy, rank in paired.ranks.items() if rank == 1]


def not_behind(paired: Paired) -> tuple[list[str], list[str]]:
    """The policies that are level with the first within 1 %, and those that may be, quickest first; none of one run."""
    first, *others = paired.order
    behind = [policy for policy in others if paired.ranks[policy] > 1 and paired.replicates > 1]
    outcomes = {policy: paired.speedups[policy, first].outcome for policy in behind}
    level, undecided = ([p for p, outcome in outcomes.items() if outcome == of] for of in ("equal", "open"))
    return level, undecided


def margin(paired: Paired, not_behind: set[str]) -> str:
    """How far the first is ahead of the baseline, or of the next where it is the baseline; nothing if that is open."""
    first, behind = paired.order[0], [policy for policy in paired.order if paired.ranks[policy] > 1]
    leads = paired.ranks[paired.baseline] == 1
    whom = behind[0] if leads else paired.baseline
    if (leads and not_behind) or whom in not_behind:
        return ""
    ratio = paired.speedups[whom, first]
    small = ", no practical difference" if slight(ratio) else in_time(paired, first, whom)
    return f", {sooner(ratio)} than {'the next, ' if leads else ''}{lowered(whom)}{small}"


def named(paired: Paired, policies: Sequence[str]) -> str:
    """Some policies, each with its time over that of the first; their number where they are too many for a headline."""
    if len(policies) > MOST_NAMED:
        return f"{len(policies)} others"
    first = paired.order[0]
    return listed([f"{lowered(each)} at {times(paired.speedups[each, first].value)} the time" for each in policies])


def same(ratio: Ratio) -> bool:
    """Whether two times are the same in every run."""
    return ratio.value == ratio.low == ratio.high == 1


def slight(ratio: Ratio) -> bool:
    """Whether a ratio above 1 makes no difference in practice."""
    return ratio.value < 1 + NO_DIFFERENCE


def sooner(ratio: Ratio) -> str:
    """A ratio above 1 as the time that is saved: 28 % sooner for 1.38×."""
    return f"{share_saved(ratio.value)} sooner"


def share_saved(ratio: float) -> str:
    """What share of the longer time is saved, for a ratio of 1 or more: 28 % for 1.38×."""
    if ratio < 1 + NOT_SEEN:
        return f"less than 0.1{NBSP}%"
    saved, places = 100 * (1 - 1 / ratio), 0
    while round(saved, places) == 100 or (saved < 10 and places == 0):
        places += 1
    return percent(saved, places)


def in_time(paired: Paired, quicker: str, slower: str) -> str:
    """Two mean epoch times: 5.49 s instead of 7.60 s; nothing where they read the same."""
    ours, theirs = (duration(paired.means[policy]["epoch_ms"]) for policy in (quicker, slower))
    return f": {ours} instead of {theirs}" if ours != theirs else ""


def how_sure(paired: Paired, slower: str, quicker: str, control: RunsControl, exact: bool = True) -> str:
    """The ratio of two mean epoch times with its interval, and what would settle it where it is open.

    exact: whether a ratio that is the same in all runs cannot be another.
    """
    ratio, runs = paired.speedups[slower, quicker], counted(paired.replicates, "paired run")
    if ratio.runs == 1:
        one = f"This is one pair of runs, {times(ratio.value)}, without an interval"
        return f"{one}: only more runs can show how sure that is ({control.name})."
    if same(ratio):
        return f"In each of {runs} {lowered(slower)} and {lowered(quicker)} take the same time."
    if ratio.deviation == 0:
        said = f"In each of {runs} {lowered(slower)} takes {times(ratio.value)} the time of {lowered(quicker)}"
        return f"{said}: the ratio is exact." if exact else f"{said}."
    pairs = len(paired.speedups) // 2
    level = "95 % interval" if pairs == 1 else f"95 % interval, corrected for all {pairs} pairs"
    value, interval = with_interval(ratio)
    said = f"Over {runs} {lowered(slower)} takes on average {value} the time of {lowered(quicker)} "
    return f"{said}({level}: {interval}){what_follows(ratio, control)}"


def with_interval(ratio: Ratio) -> tuple[str, str]:
    """A ratio and its interval, with three decimals at most, or as many as tell it from 1 where it is decided."""
    if ratio.deviation == 0:
        return times(ratio.value), "the same in each run"
    if math.isnan(ratio.low):
        return times(ratio.value), "no interval, the runs vary too much"
    value, low, high = decimals((ratio.value, ratio.low, ratio.high), unlike_one=ratio.decided)
    return value, f"{low} to {high}" if low != high else "narrower than 0.001"


def ends(low: float, high: float) -> list[str]:
    """The ends of an interval, with as many decimals as tell them apart, three at most; one if those do not."""
    short = [times(low), times(high)]
    return list(dict.fromkeys(short if short[0] != short[1] else decimals((low, high))))


def with_level(ratio: Ratio) -> tuple[str, str]:
    """A ratio and its interval, as a bracket has it: 95 % interval: 1.69× to 1.71×; or why there is none."""
    value, interval = with_interval(ratio)
    if ratio.runs == 1:
        return value, "one run, so no interval"
    return value, interval if ratio.deviation == 0 or math.isnan(ratio.low) else f"95 % interval: {interval}"


def decimals(values: Sequence[float], unlike_one: bool = False) -> list[str]:
    """Ratios, all with the same decimals: two, or three where that tells them apart; as many as tell them from 1."""
    apart, ones = len(set(values)), {f"{1:.{places}f}×" for places in range(MOST_DECIMALS)} if unlike_one else set()
    for places in range(3 if any(abs(value - 1) < 0.05 for value in values) else 2, MOST_DECIMALS):
        texts = [f"{value:,.{places}f}×" for value in values]
        if (len(set(texts)) == apart or places >= ENOUGH_DECIMALS) and not ones & set(texts):
            break
    return texts


def what_follows(ratio: Ratio, control: RunsControl) -> str:
    """What an interval says, and what would settle it where it leaves it open."""
    if ratio.outcome == "decided":
        return ", no practical difference." if slight(ratio) else "."
    return ": equal within 1 %." if ratio.outcome == "equal" else f": open.{to_settle(ratio, control)}"


def to_settle(ratio: Ratio, control: RunsControl) -> str:
    """About how many runs would settle what is open, and where to ask for them; empty where nothing tells."""
    needed = ratio.runs_to_decide
    if needed is None:
        return ""
    step = 10 ** max(0, len(str(needed)) - 2)
    about = -(-needed // step) * step
    if about > control.most:
        return f" About {about:,} runs would settle it, more than the {control.most:,} that fit here."
    return f" About {about:,} runs would settle it ({control.name})."


def run_by_run(paired: Paired, slower: str, quicker: str) -> str:
    """In how many of the runs the quicker one is ahead, and how far the ratios of single runs spread."""
    if paired.replicates == 1 or paired.speedups[slower, quicker].deviation == 0:
        return ""
    lead, (low, high) = paired.lead_of(quicker, slower), paired.spread_of_ratios(slower, quicker)
    ahead = f"{every(lead.runs)} runs" if lead.ahead == lead.runs else f"{lead.ahead:,} of {lead.runs:,} runs"
    level = f", level in {lead.tied:,}" if lead.tied else ""
    least, most = decimals((low, high))
    where = f"lie between {least} and {most}" if least != most else f"are {least}"
    ends = f"{which_runs(lead.runs)} ratios {where}"
    return f" Run by run, {lowered(quicker)} is faster in {ahead}{level}; {ends}."


def which_runs(runs: int) -> str:
    """Which of some runs, or of their ratios, a spread holds."""
    return "the middle 95 % of the" if runs >= FEWEST_FOR_TAILS else every(runs)


def every(runs: int) -> str:
    """All of so many."""
    return "both" if runs == 2 else f"all {runs:,}"


def the_others(paired: Paired, control: RunsControl) -> str:
    """Of several policies, those that are close to the first and the one that is next, each with its own ratio."""
    first, told = paired.order[0], {paired.baseline, paired.best_other}
    if len(paired.runs) == 2 or paired.replicates == 1:
        return ""
    close = [policy for policies in not_behind(paired) for policy in policies]
    next_ones = [policy for policy in paired.order if paired.ranks[policy] > 1 and policy not in close][:1]
    said = ""
    for policy in [policy for policy in [*close, *next_ones] if policy not in told]:
        ratio = paired.speedups[policy, first]
        value, interval = with_interval(ratio)
        who = policy if policy in close else f"Next comes {lowered(policy)}, which"
        said += f" {who} takes {value} the time of {lowered(first)} ({interval}){what_follows(ratio, control)}"
    return said


def over_baseline(paired: Paired, policy: str) -> str:
    """A policy's speed-up over the baseline with its interval, as a table has it: 1.380 (1.379 to 1.381)."""
    if policy == paired.baseline:
        return "baseline"
    ratio = paired.speedups[paired.baseline, policy]
    value, interval = with_interval(ratio)
    said = value if math.isnan(ratio.low) or ratio.deviation == 0 else f"{value} ({interval})"
    return f"{said}{'' if ratio.runs == 1 or ratio.outcome == 'decided' else f', {ratio.outcome}'}".replace("×", "")
