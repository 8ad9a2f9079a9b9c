"""What Compare says, tables and draws of an answer: worked out once, with it, and kept with it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import pandas as pd
import pyarrow as pa

from core import Prices, Workload, charts, compare
from core.changes import Outcome, outcome
from core.common.wording import duration, lowered
from core.policies.base import Policy
from core.presets.cards import Figures
from core.report import comparison
from core.report.failures import failures_compared
from core.report.money import money_compared
from core.report.parameters import setting
from core.report.race import race_data
from core.report.run import HEADLINE
from core.report.timeline_data import PHASE_ORDER, Picture, pictures
from core.statistics.pairs import Paired, means, verdict
from pages.shared.answers.drawn import Drawn, ready, tabled
from pages.shared.caching.results import remembered
from pages.shared.caching.simulations import turn

BLOCKS, MOST_BLOCKS = 8_000, 2_500  # of all pictures together, and of one


@dataclass(frozen=True, kw_only=True)
class Timeline(Drawn):
    """The timeline of one run under a policy, which is its title."""

    epoch_ms: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Everything that a page shows of paired runs."""

    runs: int
    """Of each policy."""
    headline: str
    setting: str
    """What was simulated, in a few words."""
    costs: str
    """What the winner costs, in a sentence."""
    also: str
    """What failures and machines cost, as far as there are any."""
    favours_async: bool
    """Whether the network costs those less who push on their own."""
    reasons: str
    caveats: str
    summary: str
    """To paste; a link to the page belongs below it."""
    means: pd.DataFrame
    """The headline figures, one row per policy."""
    outcome: str
    """decided, equal or open: the first policy against the fastest other."""
    figures: Figures
    """Every mean, for a card of the gallery."""
    contenders: tuple[str, str]
    """Labels of the first policy and of the fastest other, the quicker one first."""
    ranking: pa.Table
    metrics: pa.Table
    outcomes: list[Outcome]
    """Of each policy, in their order, to compare with those of another scenario."""
    timelines: list[Timeline]
    phases: list[str]
    """Those that the timelines draw."""
    is_whole: bool
    """Whether the timelines draw the epochs to their ends."""
    until_ms: float
    """Where their time axis ends."""
    race: dict[str, Any] | None
    """The epochs that play together; None where they cannot."""
    parts: Drawn
    """Of what the mean epochs are made."""
    drawn: str
    """What the timelines are of."""
    epochs: Drawn
    """How the epoch times spread."""
    speedups: Drawn
    """How the speed-ups over the baseline spread."""
    cost_ms: float
    """What the runs took to simulate."""
    computed_at: float


def answer(workload: Workload, policies: Sequence[Policy], replicates: int, prices: Prices | None) -> Answer:
    """The answer to a comparison; the first policy is the baseline."""
    start = time.perf_counter()
    table = compare(workload, policies, replicates)
    cost_ms = 1000 * (time.perf_counter() - start)
    paired, without = Paired.of(table), without_failures(workload, policies, replicates)
    shown = pictures(workload, policies, min(MOST_BLOCKS, BLOCKS // len(policies)))
    colors = dict(zip([policy.label for policy in policies], charts.POLICY_COLORS, strict=False))
    pair = len(policies) == 2
    phases = {phase for picture in shown for phase in picture.phases}
    return Answer(
        runs=replicates,
        headline=comparison.headline(paired),
        setting=setting(workload),
        costs=comparison.costs(paired, policies, workload),
        also="\n\n".join(
            said
            for said in (
                failures_compared(paired, workload, policies, without, prices),
                money_compared(paired, workload, policies, prices),
            )
            if said
        ),
        favours_async=comparison.favours_async(workload, paired),
        reasons=comparison.reasons(paired, policies, workload),
        caveats=comparison.caveats(workload, paired),
        summary=comparison.summary_text(paired, policies, workload, prices, without),
        means=means(paired)[list(HEADLINE)],
        outcome=verdict(paired).outcome,
        figures=Figures.of(paired, policies),
        contenders=(verdict(paired).winner, verdict(paired).runner_up),
        ranking=tabled(comparison.ranking(paired)),
        metrics=tabled(comparison.summary(paired).round(3)),
        outcomes=[outcome(policy, workload.work, figures) for policy, figures in paired.runs.items()],
        timelines=[timeline(picture, shown if pair else None, verdict(paired).winner, replicates) for picture in shown],
        is_whole=is_whole(shown),
        until_ms=shown[0].domain_ms[1],
        race=race_data(shown, "" if replicates == 1 else "run 1 "),
        parts=Drawn(
            title="Where the epoch goes, on average",
            chart=ready(charts.epoch_parts(comparison.epoch_parts(paired))),
            words=comparison.parts_in_words(paired),
        ),
        phases=[phase for phase in PHASE_ORDER if phase in phases],
        drawn=comparison.what_is_drawn(workload, shown, paired),
        epochs=(histogram_of_epochs if pair else intervals_of_epochs)(paired, colors),
        speedups=(histogram_of_speedups if pair else intervals_of_speedups)(paired, colors),
        cost_ms=cost_ms,
        computed_at=time.time(),
    )


def without_failures(workload: Workload, policies: Sequence[Policy], replicates: int) -> Paired | None:
    """As many runs of the same draws in which nobody fails; None where nobody may."""
    return Paired.of(compare(workload.without_failures, policies, replicates)) if workload.failures.any else None


def is_whole(shown: Sequence[Picture]) -> bool:
    """Whether pictures show epochs to their ends."""
    return max(picture.epoch_ms for picture in shown) <= shown[0].domain_ms[1]


def timeline(picture: Picture, pair: Sequence[Picture] | None, winner: str, runs: int) -> Timeline:
    """The timeline of a picture: in full where it is one of a pair, else small.

    The time that the winner saves is marked, where it does so in this run, too.
    """
    words = picture.words
    if pair is None:
        chart = charts.small_timeline(picture)
    else:
        slower_ms, gap = max(each.epoch_ms for each in pair), None
        if picture.label == winner and picture.epoch_ms < slower_ms and is_whole(pair):
            saved = duration(slower_ms - picture.epoch_ms)
            gap, words = (picture.epoch_ms, slower_ms, saved), f"{words} It ends {saved} sooner than the other."
        chart = charts.timeline(picture, gap, whose="the epoch" if runs == 1 else f"run 1 of {runs:,}")
    return Timeline(title=picture.label, chart=ready(chart), words=words, epoch_ms=picture.epoch_ms)


def histogram_of_epochs(paired: Paired, colors: dict[str, str]) -> Drawn:
    """Two policies' epoch times, over the same bins."""
    epochs = {policy: runs["epoch_ms"] / 1000 for policy, runs in paired.runs.items()}
    return Drawn(
        title="Epoch time, run by run",
        chart=ready(charts.histogram(epochs, "Epoch time (s)", colors)),
        words=comparison.distribution_in_words(paired),
    )


def histogram_of_speedups(paired: Paired, colors: dict[str, str]) -> Drawn:
    """The speed-ups of the second policy over the first in single runs; marked, that of the means with its interval."""
    baseline, other = paired.runs
    ratio = paired.speedups[baseline, other]
    marks = (ratio.value,) if isnan(ratio.low) else (ratio.low, ratio.value, ratio.high)
    title = f"{baseline} time / {lowered(other)} time (×)"
    return Drawn(
        title=f"Speed-up of {lowered(other)}, run by run",
        chart=ready(charts.histogram({other: paired.ratios(baseline, other)}, title, colors, marks=marks)),
        words=comparison.ratios_in_words(paired, baseline, other),
    )


def intervals_of_epochs(paired: Paired, colors: dict[str, str]) -> Drawn:
    """Each policy's epoch times."""
    spread = charts.columns(comparison.epoch_intervals(paired))
    return Drawn(
        title="Epoch time, its mean and single runs",
        chart=ready(charts.intervals(spread, "Epoch time (s)", colors)),
        words=comparison.distribution_in_words(paired),
    )


def intervals_of_speedups(paired: Paired, colors: dict[str, str]) -> Drawn:
    """Each policy's speed-up over the first, with its interval."""
    gains = comparison.speedup_intervals(paired)
    return Drawn(
        title=f"Speed-up over {lowered(paired.baseline)}, on average",
        chart=ready(charts.intervals(charts.columns(gains), "Speed-up (×)", colors, mark=1.0)),
        words=comparison.speedups_in_words(paired),
    )


def compared(workload: Workload, policies: tuple[Policy, ...], replicates: int, prices: Prices) -> tuple[Answer, bool]:
    """The answer to a comparison, and whether it was there before."""
    asked_at = time.time()
    found = comparison_answer(workload, policies, replicates, prices if prices.given else None)
    return found, found.computed_at < asked_at


@remembered(entries=64, size="128MiB", spinner="Running the paired epochs…")
def comparison_answer(
    workload: Workload, policies: tuple[Policy, ...], replicates: int, prices: Prices | None
) -> Answer:
    """The answer to a comparison; large ones are worked out one after the other."""
    with turn(workload):
        return answer(workload, policies, replicates, prices)
