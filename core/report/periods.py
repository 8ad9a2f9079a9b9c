"""Which period is best, and whether DiLoCo is worth it: in words and in a table."""

import math
from collections.abc import Sequence

import pandas as pd

from core.common.wording import NBSP, counted, listed, lowered, rounded, times
from core.learning.periods import DILOCO, DILOCO_DELAYED, LOCAL, LOCAL_DELAYED, ROUNDS, SYNC, Periods
from core.report.learning import (
    all_of,
    compared,
    first_against,
    goal_in_words,
    happens,
    in_every_seed,
    interval_in_words,
    nobody_is_sure,
    optimizer_in_words,
    ranged,
    reached_by,
    seeds_of,
    sent_in_words,
    what_would_decide,
)
from core.statistics.log_ratios import LogRatio
from core.statistics.verdicts import NO_DIFFERENCE

WHICH_DILOCO = {
    (DILOCO_DELAYED, LOCAL): f"{DILOCO} with a delay",
    (DILOCO_DELAYED, LOCAL_DELAYED): f"{DILOCO} with a delay (against local SGD with a delay)",
}
"""What DiLoCo is called in the verdict, by its own method and that of local SGD; otherwise it has no delay."""
WITHOUT_SIZE = (
    "Messages on this network have no size; choose a ring, a tree or a parameter server under *Network model* to see "
    "how many MB each worker sends."
)


def headline(found: Periods) -> str:
    """Who reaches the target first at which period, how much sooner than sync, and whether DiLoCo is worth it."""
    learning, sure = found.chosen, in_every_seed(found.chosen)
    if not sure:
        return nobody_is_sure(learning)
    first, seeds, goal = sure[0], seeds_of(learning), goal_in_words(learning)
    if first != SYNC and SYNC in sure:
        said = first_against(learning, first, SYNC)
    elif first != SYNC:
        said = f"{first} reaches {goal} in {all_of(seeds)}; {reached_by(learning, [SYNC])}"
    elif len(sure) > 1:
        said = first_against(learning, SYNC, sure[1])
    else:
        said = f"Only synchronous reaches {goal} in {all_of(seeds)}"
    return f"{'; '.join(filter(None, [said, verdict_on_diloco(found)]))}."


def best_of(found: Periods, way: str) -> str:
    """The name of a way's chosen period; empty where none was trained, or it does not reach the target in all seeds."""
    mine = found.table[(found.table["way"] == way) & found.table["chosen"]]
    names = mine.loc[mine["reached"] == mine["of"], "policy"]
    return str(names.iloc[0]) if len(names) else ""


def sooner_way(found: Periods, ways: tuple[str, str]) -> str:
    """The sooner of two methods, one without and one with a delay, on the seeds used for choosing.

    Empty if neither reaches the target in all seeds.
    """
    names = {best_of(found, way): way for way in ways if best_of(found, way)}
    tried = found.all.rates[found.all.rates["best"]].set_index("policy")["time_to_target_ms"]
    if not names:
        return ""
    return names[str(tried[[*names]].idxmin())] if tried[[*names]].notna().any() else next(iter(names.values()))


def judged_ways(found: Periods) -> tuple[str, str]:
    """The runs by which DiLoCo and local SGD are judged, each with or without a delay; empty if there is none."""
    return sooner_way(found, (DILOCO, DILOCO_DELAYED)), sooner_way(found, (LOCAL, LOCAL_DELAYED))


def diloco_over_local(found: Periods) -> LogRatio | None:
    """Local SGD's time over DiLoCo's, each at its best period; None where one does not reach the target in all seeds.

    Each with or without a delay: whichever was sooner on the seeds used for choosing.
    """
    diloco, local = (best_of(found, way) for way in judged_ways(found))
    return found.chosen.ratios[local, diloco] if local and diloco else None


def verdict_on_diloco(found: Periods) -> str:
    """Whether DiLoCo is worth it, in a few words; empty where that is not known."""
    ratio = diloco_over_local(found)
    if ratio is None:
        return ""
    name = WHICH_DILOCO.get(judged_ways(found), DILOCO)
    if ratio.outcome == "open":
        return f"whether {name} is worth it is open"
    if ratio.outcome == "equal" or abs(math.log(ratio.value)) < math.log1p(NO_DIFFERENCE):
        return f"{name} makes no practical difference"
    return f"{name} is {'worth it' if ratio.value > 1 else 'not worth it'}"


def worth(found: Periods) -> str:
    """How much sooner DiLoCo is than local SGD, and how surely; empty where that is not known."""
    ratio = diloco_over_local(found)
    if ratio is None:
        return ""
    diloco, local = (best_of(found, way) for way in judged_ways(found))
    shown = interval_in_words(ratio if ratio.value >= 1 else ratio.inverse)
    said = f"{diloco} is {compared(ratio.value, 'sooner', 'later')} than {lowered(local)} ({shown}"
    outcome = {"open": f"): open, and {what_would_decide(ratio)}", "equal": "): equal"}.get(ratio.outcome, ")")
    return f"{said}{outcome}."


def reasons(found: Periods) -> list[str]:
    """What each worker sends, what delay and outer momentum do, how much the period matters, and who was left out."""
    said = [
        sent(found),
        worth(found),
        made_by(found, "What the delay does", ((DILOCO_DELAYED, DILOCO), (LOCAL_DELAYED, LOCAL))),
        made_by(found, "What the outer optimizer does", ((DILOCO, LOCAL), (DILOCO_DELAYED, LOCAL_DELAYED))),
        *(around(found, way) for way in (LOCAL, LOCAL_DELAYED, DILOCO, DILOCO_DELAYED)),
        *(f"{name} is left out. {why}" for name, why in found.refused.items()),
    ]
    return [each for each in said if each]


def too_long(found: Periods) -> str:
    """Which periods were left out as the training is too short for them; empty where none."""
    if not found.too_long:
        return ""
    periods = listed([f"{period:,}" for period in found.too_long])
    return (
        f"Left out: {'a period' if len(found.too_long) == 1 else 'periods'} of {periods} batches, because a training "
        f"run of {counted(found.batches, 'batch', 'batches')} per worker would average fewer than {ROUNDS} times; the "
        "best period may be longer than any that was tried."
    )


def sent(found: Periods) -> str:
    """What a worker sends until the first policy reaches the target, beside what it sends under sync."""
    sure, table = in_every_seed(found.chosen), found.table.set_index("policy")
    if not sure:
        return ""
    first, exchanges = sure[0], table["exchanges"]
    if table["sent_mb"].isna().all():
        said = f"To get there, each worker exchanges all parameters {rounded(exchanges[first])} times"
        if SYNC in sure and first != SYNC:
            said += f", under synchronous {rounded(exchanges[SYNC])} times"
        return f"{said}. {WITHOUT_SIZE}"
    mb = table["sent_mb"]
    said = f"To get there, each worker sends {rounded(mb[first])}{NBSP}MB"
    if SYNC not in sure or first == SYNC:
        return f"{said}."
    ratio = mb[SYNC] / mb[first]
    factor = f"{rounded(ratio)} times as much" if ratio >= 1 else f"{rounded(1 / ratio)} times less"
    return f"{said}; under synchronous {rounded(mb[SYNC])}{NBSP}MB, {factor}."


def made_by(found: Periods, what: str, pairs: Sequence[tuple[str, str]]) -> str:
    """What one part of DiLoCo does on its own: methods with it against those without, each at its best period.

    Leaves out the pair by which DiLoCo is judged; empty if nothing is known.
    """
    known = [pair for pair in pairs if pair != judged_ways(found) and all(best_of(found, way) for way in pair)]
    said = [over(found, *(best_of(found, way) for way in pair)) for pair in known]
    return f"{what}: {'; '.join([said[0], *map(lowered, said[1:])])}." if said else ""


def over(found: Periods, policy: str, other: str) -> str:
    """How much sooner or later one chosen policy is than another, and how surely."""
    ratio = found.chosen.ratios[other, policy]
    outcome = "" if ratio.decided else f": {ratio.outcome}"
    shown = interval_in_words(ratio if ratio.value >= 1 else ratio.inverse)
    return f"{policy} is {compared(ratio.value, 'sooner', 'later')} than {lowered(other)} ({shown}{outcome})"


def around(found: Periods, way: str) -> str:
    """How much later other periods of a way are than its best one; empty where there are none."""
    mine = found.table[found.table["way"] == way].set_index("period")
    best = mine[mine["chosen"]]
    if len(mine) < 2 or not best_of(found, way):
        return ""
    period = int(best.index[0])
    said = f"{way}: {period} was the best period on the seeds used to choose it"
    if period == mine.index.max():
        said += ", and the longest that was tried"
    level = [str(other) for other, row in mine.iterrows() if row["outcome"] in ("open", "equal")]
    decided = mine[mine["outcome"] == "decided"]
    parts = []
    if level:
        parts.append(f"{listed(level)} cannot be told apart from it")
    if len(decided):
        nearest = decided["over_chosen"].idxmin()
        later = compared(1 / decided.loc[nearest, "over_chosen"], "sooner", "later")
        closest = f"of the others, {nearest} comes closest and is" if len(decided) > 1 else f"{nearest} is"
        parts.append(f"{closest} {later}")
    return f"{said}; {', and '.join(parts)}." if parts else f"{said}."


def targets(found: Periods) -> pd.DataFrame:
    """Time to the target of every way at every period, with what each worker sends."""
    known = found.table["sent_mb"].notna().any()
    return pd.DataFrame(
        {
            "Policy": row["policy"],
            f"Time to {goal_in_words(found.all)} (s)": ranged(
                rounded, row["time_to_target_ms"] / 1000, row["time_low_ms"] / 1000, row["time_high_ms"] / 1000
            ),
            **(
                {"Each worker sends (MB)": sent_in_words(row["sent_mb"])}
                if known
                else {"Exchanges": sent_in_words(row["exchanges"])}
            ),
            f"Of {counted(seeds_of(found.all), 'seed')}": happens(trained),
            "Against the best period": against_best(row),
            "Optimizer": optimizer_in_words(row),
            "Learning rate": row["learning_rate"],
        }
        for (_, row), (_, trained) in zip(found.table.iterrows(), found.all.policies.iterrows(), strict=True)
    )


def against_best(row: pd.Series) -> str:
    """1.24× as long (1.06× – 1.46×): decided; best of its way; a dash where it is not known."""
    if row["chosen"]:
        return "–" if row["way"] == SYNC else "chosen"
    shown = ranged(times, row["over_chosen"], row["over_chosen_low"], row["over_chosen_high"])
    return f"{shown}: {row['outcome']}" if row["outcome"] else shown


def drawn(found: Periods) -> pd.DataFrame:
    """What to draw of each contender: way, period, policy, time_s with low_s and high_s, sent, chosen."""
    table = found.table
    sent_or_exchanged = table["sent_mb"] if table["sent_mb"].notna().any() else table["exchanges"]
    return pd.DataFrame(
        {
            **table[["way", "period", "policy", "chosen"]],
            "time_s": table["time_to_target_ms"] / 1000,
            "low_s": (table["time_low_ms"] / 1000).fillna(table["time_to_target_ms"] / 1000),
            "high_s": (table["time_high_ms"] / 1000).fillna(table["time_to_target_ms"] / 1000),
            "sent": sent_or_exchanged,
        }
    ).dropna(subset=["time_s"])


def what_is_sent(found: Periods) -> str:
    """The title of the axis of what is sent: MB where messages have a size, else exchanges."""
    return "Each worker sends (MB)" if found.table["sent_mb"].notna().any() else "Exchanges of each worker"


def times_in_words(found: Periods) -> str:
    """What the chart of times shows, for people who cannot see it."""
    return f"Time to {goal_in_words(found.all)} by period. {each_in_words(found, 'time_s', 's')} {headline(found)}"


def sent_of_each_in_words(found: Periods) -> str:
    """What the chart of bytes shows, for people who cannot see it."""
    unit = "MB" if found.table["sent_mb"].notna().any() else "exchanges"
    return f"What each worker sends until the target is reached, by period. {each_in_words(found, 'sent', unit)}"


def each_in_words(found: Periods, column: str, unit: str) -> str:
    """A sentence for each way: its value at every period that reaches the target in all seeds."""
    said = []
    for way, rows in drawn(found).groupby("way", sort=False):
        parts = [
            f"{rounded(value)}{NBSP}{unit} at {period}"
            for period, value in zip(rows["period"], rows[column], strict=True)
        ]
        said.append(f"{way}: {listed(parts)}.")
    return " ".join(said)


def how_settings_are_chosen(found: Periods) -> str:
    """On which seeds settings and periods are chosen, and on which they are judged."""
    trials = counted(int(found.all.rates["of"].max()), "seed")
    return (
        "For each method and period, the learning rate, momentum, outer rate and outer momentum are those of a small "
        f"grid that reach the target first on {trials}, and each method's period is chosen in the same way; all are "
        f"judged on {counted(seeds_of(found.all), 'other seed')}. Each worker trains on "
        f"{counted(found.batches, 'mini-batch', 'mini-batches')}, the same ones in the same order whatever the period. "
        "DiLoCo has an outer optimizer with Nesterov momentum; with a delay, workers carry on during an exchange and "
        "apply the average just late enough to hide it, at most half a period late. The best periods of all methods "
        "are judged together (corrected for all pairs), and so are the periods of each method against its best."
    )
