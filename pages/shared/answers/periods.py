"""What Learning says of periods, tables and draws: contenders are trained one by one, and kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from core import Workload, charts
from core.learning.judging import Trained
from core.learning.periods import (
    DILOCO,
    DILOCO_DELAYED,
    LOCAL,
    LOCAL_DELAYED,
    SYNC,
    Contender,
    Periods,
    judged_periods,
    train,
)
from core.learning.problem import Problem
from core.report import learning as learning_report
from core.report import periods as periods_report
from pages.shared.answers.drawn import Drawn, ready, tabled
from pages.shared.caching.results import remembered

PLACES = {SYNC: 0, LOCAL: 1, LOCAL_DELAYED: 5, DILOCO: 2, DILOCO_DELAYED: 4}
COLORS = {way: charts.POLICY_COLORS[place] for way, place in PLACES.items()}


@dataclass(frozen=True, kw_only=True)
class PeriodsAnswer:
    """Everything that the page shows of periods."""

    headline: str
    reasons: list[str]
    """A sentence or two each."""
    too_long: str
    """Which periods were left out as the training is too short; empty where none."""
    judged: str
    """What counts as reached, and on which seeds settings are chosen and judged."""
    times: Drawn | None
    """None where no contender reaches the target in every seed."""
    sent: Drawn | None
    targets: pa.Table
    all_rates: pa.Table


@remembered(entries=256, size="128MiB", own=20)
def trained(workload: Workload, contender: Contender, problem: Problem, seeds: int) -> Trained:
    """A contender's trainings on all of the workload's batches."""
    return train(workload, contender, problem, seeds)


def judged(
    workload: Workload,
    contenders: Sequence[Contender],
    problem: Problem,
    seeds: int,
    asked: Sequence[int],
    refused: dict[str, str],
) -> Periods:
    """The contenders, trained and judged."""
    each = {contender: trained(workload, contender, problem, seeds) for contender in contenders}
    return judged_periods(workload, each, problem, seeds, asked, refused=refused)


@remembered(entries=64, size="32MiB", own=4)
def answered(
    workload: Workload,
    contenders: Sequence[Contender],
    problem: Problem,
    seeds: int,
    asked: Sequence[int],
    refused: dict[str, str],
) -> PeriodsAnswer:
    """The answer of contenders that have trained."""
    found = judged(workload, contenders, problem, seeds, asked, refused)
    rows = periods_report.drawn(found)
    times, sent = (chart(rows, found, column) for column in ("time_s", "sent")) if len(rows) else (None, None)
    learning = found.all
    return PeriodsAnswer(
        headline=periods_report.headline(found),
        reasons=periods_report.reasons(found),
        too_long=periods_report.too_long(found),
        judged=f"{periods_report.how_settings_are_chosen(found)} {learning_report.how_it_is_judged(learning)}",
        times=times,
        sent=sent,
        targets=tabled(periods_report.targets(found)),
        all_rates=tabled(learning_report.all_rates(learning)),
    )


def chart(rows: pd.DataFrame, found: Periods, column: str) -> Drawn:
    """The chart of times, with intervals, or of what is sent."""
    times = column == "time_s"
    title = f"Time to {learning_report.goal_in_words(found.all)} (s)" if times else periods_report.what_is_sent(found)
    ends = {"low": "low_s", "high": "high_s"} if times else {}
    return Drawn(
        title=title,
        chart=ready(charts.by_period(rows.assign(value=rows[column]), title, COLORS, baseline=SYNC, **ends)),
        words=periods_report.times_in_words(found) if times else periods_report.sent_of_each_in_words(found),
    )
