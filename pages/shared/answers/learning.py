"""What Learning says, tables and draws of a training: worked out once, and kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from core import Prices, Workload, charts
from core.learning.judging import Learning
from core.learning.problem import Problem
from core.policies.base import Policy
from core.report import learning as learning_report
from pages.shared.answers import training
from pages.shared.answers.drawn import Drawn, ready, tabled
from pages.shared.caching.results import remembered

AGAINST = {"time": ("time_s", "Time (s)"), "samples processed": ("samples", "Samples processed")}
MEASURES = {"accuracy": "Test accuracy (%)", "loss": "Training loss"}


@dataclass(frozen=True, kw_only=True)
class Learned:
    """Everything that the page shows of policies that have trained."""

    headline: str
    reasons: str
    costs: str
    """What reaching the target costs; empty where no price is set."""
    advice: str
    """What to do where not every seed reaches the target."""
    judged: str
    """What counts as reached, and on which seeds rates are chosen and judged."""
    drawn: str
    """How the curves are drawn."""
    curves: dict[tuple[str, str], Drawn]
    """By what they are drawn against, and the measure; none where every run diverged."""
    targets: pa.Table
    trainings: pa.Table
    """What each training consists of."""
    rates: Drawn | None
    """How sensitive policies are to the learning rate; None where every run diverged."""
    all_rates: pa.Table


@remembered(entries=64, size="64MiB", own=4)
def learned(asked: Workload, policies: Sequence[Policy], settings: training.Settings, prices: Prices | None) -> Learned:
    """The answer of policies that have trained on all of the scenario's mini-batches; of money, where it has prices."""
    spending = learning_report.Spending(prices=prices, workload=asked, policies=policies) if prices else None
    learning = training.learning(asked, policies, settings)
    colors = dict(zip([policy.label for policy in policies], charts.POLICY_COLORS, strict=False))
    measures = measures_of(settings.problem)
    headline, all_rates = learning_report.headline(learning), tabled(learning_report.all_rates(learning))
    if learning.runs["diverged"].all():
        return Learned(
            headline=headline,
            reasons="",
            costs="",
            advice="",
            judged="",
            drawn="",
            curves={},
            targets=tabled(pd.DataFrame()),
            trainings=tabled(pd.DataFrame()),
            rates=None,
            all_rates=all_rates,
        )
    words = learning_report.curves_in_words(learning)
    return Learned(
        headline=headline,
        reasons=learning_report.reasons(learning),
        costs=spending.in_words(learning) if spending else "",
        advice=learning_report.advice(learning, asked.workers, settings.problem),
        judged=f"{learning_report.how_rates_are_chosen(learning)} {learning_report.how_it_is_judged(learning)}",
        drawn=learning_report.how_it_is_drawn(learning),
        curves={
            (against, measure): Drawn(title="", chart=ready(chart(learning, against, measure, colors)), words=words)
            for against in AGAINST
            for measure in measures
        },
        targets=tabled(learning_report.targets(learning, spending)),
        trainings=tabled(learning_report.trainings(learning)),
        rates=Drawn(
            title="How sensitive to the learning rate",
            chart=ready(charts.sensitivity(learning_report.sensitivity(learning), colors)),
            words=learning_report.rates_in_words(learning),
        ),
        all_rates=all_rates,
    )


def measures_of(problem: Problem) -> tuple[str, ...]:
    """What can be drawn of a problem, the goal first."""
    return ("accuracy", "loss") if problem.goal == "accuracy" else ("loss",)


def chart(learning: Learning, against: str, measure: str, colors: dict[str, str]) -> charts.Chart:
    """Learning curves, with a line at the target where it is one of this measure, and where it is crossed."""
    column, title = AGAINST[against]
    return charts.curves(
        learning_report.bands(learning, column, measure),
        learning_report.lost_runs(learning, column, measure),
        learning_report.crossings(learning, column),
        (title, MEASURES[measure]),
        colors,
        level=learning_report.scale_of(measure) * learning.target if measure == learning.goal else None,
        percent=measure == "accuracy",
    )
