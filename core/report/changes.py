"""What a change of scenario does, in words: which parameters differ, how the epoch times compare, and why."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from core.changes import Change, Difference
from core.common.parameters import keys
from core.common.wording import counted, duration, listed, lowered, money, rounded
from core.links import DEFAULTS, LAW_CODES
from core.maps import causes
from core.money import Prices, cost_of_time
from core.policies.base import Policy
from core.policies.registry import CODES
from core.report.comparison import made_of
from core.report.parameters import from_to, name_of
from core.report.timeline_data import Outline
from core.report.verdicts import NOT_SEEN, RunsControl, decimals, every, same, to_settle, with_interval, with_level
from core.statistics.verdicts import NO_DIFFERENCE, Ratio
from core.workload.networks import NETWORKS
from core.workload.stragglers import Stragglers
from core.workload.workload import Workload

WHAT = {
    "compute": "computing",
    "wait": "waiting or time after the last batch",
    "comm": "network time",
    "cancelled": "cancelled work",
    "down": "down time",
    "tail": "waiting or time after the last batch",
}
"""What each phase is called where the time saved is taken apart."""
OF_LAWS = {key for law in LAW_CODES.values() for key in keys(law).values()}
OF_KINDS = {
    "mode": {key for kind in CODES.values() for key in keys(kind).values()},
    "network": {key for kind in NETWORKS.values() for key in keys(kind).values()},
    "law": OF_LAWS,
    "times": {"law", *OF_LAWS, *keys(Stragglers).values()},
}
"""The keys of policies, networks and laws, and of what measured times stand in for, by the key that decides on them."""
ALWAYS_SAID = ("latency_ms", "bandwidth_gbps", "message_mb", "slowdown", "hiccup_factor", "episode_factor", "restart_s")
"""Parameters that are named where only one of two scenarios has them, even at their default."""
MOST_ENDS, FEW = 8, 2  # ends of workers, and of epochs, that are named each
WHY_NOT_PAIRED = ("workers", "batches", "seed", "law", "times")
"""Keys of parameters without which two scenarios share no draws."""


def differences_in_words(found: Sequence[Difference]) -> str:
    """The parameters that differ, old → new: Bandwidth 10 → 100 Gb/s; Number of workers 4 → 8.

    What only one of the scenarios has, such as the slowdown of its slow workers, stands in brackets behind what it
    comes with.
    """
    differing = {each.key for each in found}
    with_owner = [(owner_of(each, differing), each) for each in found]
    said = []
    for owner, each in with_owner:
        if owner:
            continue
        mine = [other for its_owner, other in with_owner if its_owner == each.key]
        before, after = from_to(each.key, each.before, each.after)
        old, new = (brackets({other.key: getattr(other, side) for other in mine}) for side in ("before", "after"))
        if old:
            _, before = from_to(each.key, each.after, each.before)  # what stands before a bracket has its unit
        said.append(f"**{name_of(each.key)}** {before}{old} → {after}{new}")
    return "; ".join(said)


def owner_of(one_sided: Difference, differing: Collection[str]) -> str:
    """The key of the parameter that another one, which only one scenario has, comes with; empty for any other."""
    if one_sided.before is not None and one_sided.after is not None:
        return ""
    kinds = [kind for kind, its_keys in OF_KINDS.items() if one_sided.key in its_keys]
    return next((key for key in (*causes(one_sided.key), *kinds) if key in differing), "")


def brackets(values: Mapping[str, Any]) -> str:
    """The parameters that a scenario has and the other one has not, where they say something."""
    said = [
        f"{name_of(key).lower()} {from_to(key, value, value)[1]}"
        for key, value in values.items()
        if value is not None and (key in ALWAYS_SAID or value != DEFAULTS[key])
    ]
    return f" ({', '.join(said)})" if said else ""


def change_in_words(change: Change, control: RunsControl) -> str:
    """What has become of the epoch under a policy, how sure that is, and what the difference is made of.

    Synchronous is 1.70× faster (95 % interval: 1.69× to 1.71×): 4.55 s instead of 7.74 s. All of the 3.19 s saved is
    network time. Epochs of more or fewer mini-batches are compared by the mini-batches of a second.
    """
    before, after, ratio, who = change.before, change.after, change.ratio, change.after.policy
    times_of = f"{duration(after.mean_ms)} instead of {duration(before.mean_ms)}"
    made = made_of(saved_by_what(change), before.mean_ms)
    same_policy = who == before.policy
    as_it, than_it = ("", "") if same_policy else (f"{each} {lowered(before.policy)}" for each in (" as", " than"))
    if before.work != after.work:
        said = claim(ratio, f"{who} does", f"as many mini-batches a second{as_it}", control)
        return (
            f"{said}: {rounded(after.throughput)}/s instead of {rounded(before.throughput)}/s. An epoch, of "
            f"{after.work:,} mini-batches instead of {before.work:,}, takes {times_of}.{made}"
        )
    if same(ratio) or (ratio.runs == 1 and not made):
        return f"{who} takes the same time{as_it}: {duration(after.mean_ms)}."
    if ratio.value >= 1:
        return f"{claim(ratio, f'{who} is', f'faster{than_it}', control)}: {times_of}.{made}"
    return f"{claim(ratio.inverse, f'{who} takes', f'as long{as_it}', control)}: {times_of}.{made}"


def claim(ratio: Ratio, does: str, more: str, control: RunsControl) -> str:
    """A ratio with its interval as a sentence has it, and where it is not decided, or makes no difference, that."""
    value, interval = with_level(ratio)
    said = f"{does} {value} {more}"
    if ratio.runs == 1:
        return said
    if ratio.outcome == "equal":
        return f"{said} ({interval}), which is equal within 1 %"
    if ratio.outcome == "open":
        return f"{said} so far ({interval}), which is open.{to_settle(ratio, control)} So far"
    small = ", which makes no practical difference" if abs(ratio.value - 1) < NO_DIFFERENCE else ""
    return f"{said} ({interval}){small}"


def costs_in_words(
    changes: Sequence[Change], policies: Sequence[Policy], sides: Sequence[tuple[Workload, Prices]]
) -> str:
    """What an epoch costs under each policy instead of what it did; empty unless both have prices in one currency.

    Args:
        changes: of the policies.
        policies: in the same order.
        sides: the pinned scenario with its prices, and the other one with its own.

    """
    if not all(prices.given for _, prices in sides) or len({prices.currency for _, prices in sides}) > 1:
        return ""
    said = []
    for change, policy in zip(changes, policies, strict=True):
        pinned, now = (
            money(cost_of_time(outcome.mean_ms, workload, policy, prices), prices.currency)
            for outcome, (workload, prices) in zip((change.before, change.after), sides, strict=True)
        )
        said.append(f"{now} instead of {pinned} under {lowered(change.after.policy)}")
    return f"An epoch costs {listed(said)}."


def saved_by_what(change: Change) -> dict[str, float]:
    """By how much a worker's mean time has become shorter, ms, by what it went into."""
    saved = dict.fromkeys(WHAT.values(), 0.0)
    for phase, ms in change.saved_ms.items():
        saved[WHAT[phase]] += ms
    return saved


def how_compared(changes: Sequence[Change], found: Sequence[Difference]) -> str:
    """On which draws the two scenarios were compared, in how many runs, and why not in pairs."""
    change = changes[0]
    runs, pinned_runs = len(change.after.epoch_ms), len(change.before.epoch_ms)
    differing = [name_of(each.key).lower() for each in found if each.key in WHY_NOT_PAIRED]
    why = f", as they differ in {listed([f'the {name}' for name in differing])}" if differing else ""
    if runs == pinned_runs == 1:
        return f"One run each, {'on the same draws' if change.paired else f'on their own draws{why}'}."
    level = f"; intervals are corrected for {every(len(changes))} policies" if len(changes) > 1 else ""
    if change.paired:
        return f"Both scenarios on the same draws, in {counted(runs, 'paired run')}{level}."
    each = f"{runs:,} runs of each" if runs == pinned_runs else f"{runs:,} runs, and {pinned_runs:,} of the pinned one"
    return f"Each scenario on its own draws{why}: {each}, treated as independent{level}."


def summary_text(changes: Sequence[Change], found: Sequence[Difference], control: RunsControl) -> str:
    """What has changed as plain text, for a chat or a terminal: the parameters, each policy on a line, and how sure."""
    lines = [f"Against the pinned scenario: {differences_in_words(found).replace('**', '')}"]
    lines += [f"- {change_in_words(change, control)}" for change in changes]
    return "\n".join([*lines, how_compared(changes, found)])


def in_short(changes: Sequence[Change]) -> str:
    """What has become of several policies, in a sentence: of 5 policies, 4 are faster (1.05× to 1.70×), 1 is open."""
    groups: dict[str, list[float]] = {"faster": [], "slower": [], "the same": [], "open": []}
    for change in changes:
        ratio = change.ratio
        level = ratio.outcome == "equal" or abs(ratio.value - 1) < (NOT_SEEN if ratio.runs == 1 else NO_DIFFERENCE)
        kind = "the same" if level else "faster" if ratio.value > 1 else "slower"
        groups["open" if ratio.outcome == "open" and ratio.runs > 1 else kind].append(ratio.value)
    said = []
    for kind, values in groups.items():
        if values:
            ends = list(dict.fromkeys(decimals((min(values), max(values)))))
            between = f" ({' to '.join(ends)} the speed)" if kind in ("faster", "slower") else ""
            if len(values) == len(changes):
                return f"All {len(changes)} policies are {kind}{between}{of_other_epochs(changes)}."
            said.append(f"{len(values)} {'is' if len(values) == 1 else 'are'} {kind}{between}")
    return f"Of {len(changes)} policies, {listed(said)}{of_other_epochs(changes)}."


def of_other_epochs(changes: Sequence[Change]) -> str:
    """What is compared where the epoch has another number of mini-batches than before; empty where it has as many."""
    before, after = changes[0].before.work, changes[0].after.work
    if before == after:
        return ""
    return f" in mini-batches per second, as the epoch now has {after:,} of them instead of {before:,}"


def changes_table(changes: Sequence[Change]) -> pd.DataFrame:
    """What has become of each policy, as text with units: its epoch times, their ratio, and where the time went."""
    rows = []
    for change in changes:
        value, interval = with_interval(change.ratio)
        sure = "" if change.ratio.runs == 1 else f" ({interval}), {change.ratio.outcome}"
        more = {f"More {what}": -ms for what, ms in saved_by_what(change).items()}
        rows.append(
            {
                "Policy": change.after.policy,
                "Pinned epoch": duration(change.before.mean_ms),
                "Epoch now": duration(change.after.mean_ms),
                "Speed now": f"{value}{sure}",
                **{what: f"{'+' if ms > 0 else ''}{duration(ms)}" for what, ms in more.items()},
            }
        )
    table = pd.DataFrame(rows).set_index("Policy")
    return table.loc[:, (table != duration(0)).any()]


def outline_in_words(outline: Outline, labels: Sequence[str]) -> str:
    """When the pinned run behind a timeline ended, for people who cannot see its outline.

    Args:
        outline: of the pinned run.
        labels: of the timeline's rows, W0 and so on; none of an overview, which has only a line at the end.

    """
    finish_ms = outline.finish_ms
    ends = {label: duration(finish_ms[row]) for label in labels if (row := int(label[1:])) < len(finish_ms)}
    said = f"Behind it, the pinned scenario's epoch ends at {duration(outline.epoch_ms)}"
    if len({*ends.values()}) > 1:
        named = [f"{label} at {end}" for label, end in ends.items()]
        said += f": {listed(named)}" if len(named) <= MOST_ENDS else ", some workers earlier"
    return f"{said}. {not_framed(outline, labels)}".rstrip()


def how_to_read_outline(outlines: Sequence[Outline], labels: Sequence[str], until_ms: float) -> str:
    """What the frames and the dotted lines behind timelines are, and what of the pinned scenario they do not show.

    Args:
        outlines: one behind each timeline.
        labels: of the timelines' rows.
        until_ms: where their time axis ends.

    """
    ends = [outline.epoch_ms for outline in outlines]
    when = f" ({' and '.join(map(duration, ends))})" if len(ends) <= FEW else ""
    said = f"Frames are the pinned scenario; the dotted line is the end of its epoch{when}."
    if max(ends) > until_ms:
        said += f" At {duration(max(ends))} it is beyond this axis."
    return f"{said} {not_framed(outlines[0], labels)}".rstrip()


def not_framed(outline: Outline, labels: Sequence[str]) -> str:
    """That rows have no frame, as the pinned scenario has fewer workers; empty where all have one."""
    if all(int(label[1:]) < len(outline.finish_ms) for label in labels):
        return ""
    return f"It has {counted(len(outline.finish_ms), 'worker')}, so the others have no frame."
