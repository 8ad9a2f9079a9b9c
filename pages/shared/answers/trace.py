"""What Your trace says, tables and draws of a measured run: worked out once, with it."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import pyarrow as pa

from core import Trace, charts
from core.report import traces as trace_report
from core.scenario import Scenario
from core.traces.diagnosis import Diagnosis, diagnose
from core.traces.profiles.devices import host_limit
from core.traces.remedies import Remedy, as_measured, measured_scenario, replayed, what_if, what_if_table
from pages.shared.answers.drawn import Drawn, ready, tabled


@dataclass(frozen=True, kw_only=True)
class Cures:
    """What would save time."""

    best: str
    more_workers: str
    drawn: Drawn
    table: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class TraceAnswer:
    """Everything that the page shows of a trace."""

    headline: str
    reasons: str
    """Beside the picture."""
    further: str
    """For those who want to know more; empty where there is no more."""
    slowness: Drawn
    workers: pa.Table
    episodes: pa.Table | None
    """None where there are none."""
    host: str
    """That the host is the limit; empty where it is not."""
    collectives: pa.Table | None
    """None where launches of devices' work were not recorded."""
    wait_percent: float | None
    """Share of the workers' time in the measured epoch that goes into waiting for the slowest; None where there is one
    worker, or where the timings cannot identify stragglers."""
    cures: Cures | None
    """None where there is one worker, or where the timings cannot identify stragglers."""
    summary: str
    figures: pa.Table
    fits: pa.Table


def trace_answer(trace: Trace, diagnosis: Diagnosis, remedies: list[Remedy]) -> TraceAnswer:
    """The answer of a diagnosis and of its remedies."""
    collectives = trace_report.collectives_table(trace)
    known = trace.workers > 1 and not diagnosis.suspicion
    return TraceAnswer(
        headline=trace_report.headline(diagnosis),
        reasons=" ".join(trace_report.main_reasons(diagnosis, trace)),
        further=" ".join(trace_report.further_reasons(diagnosis, trace)),
        slowness=Drawn(
            title="Who is slow, and when",
            chart=ready(charts.slowness(trace, diagnosis)),
            words=trace_report.workers_in_words(diagnosis),
        ),
        workers=tabled(trace_report.workers_table(diagnosis)),
        episodes=None if diagnosis.episodes.empty else tabled(trace_report.episodes_table(diagnosis)),
        host=host_limit(trace),
        collectives=tabled(collectives) if collectives is not None else None,
        wait_percent=as_measured(remedies).metrics.wait_percent if known else None,
        cures=cures(trace, remedies) if known else None,
        summary=trace_report.summary_text(trace, diagnosis, remedies),
        figures=tabled(diagnosis.table()),
        fits=tabled(trace_report.fits_table(diagnosis)),
    )


def cures(trace: Trace, remedies: list[Remedy]) -> Cures:
    """What the remedies save."""
    table = what_if_table(remedies)
    return Cures(
        best=trace_report.best_remedies(remedies),
        more_workers=trace_report.more_workers_in_words(trace),
        drawn=Drawn(
            title="What would save time",
            chart=ready(charts.remedies(table)),
            words=trace_report.remedies_in_words(table),
        ),
        table=trace_report.remedies_table(table).set_index("Remedy"),
    )


@dataclass(frozen=True, eq=False)
class Measurement:
    """A trace, and what is known of it; each is worked out once."""

    trace: Trace
    files: int
    """How many files it was read from."""
    is_sample: bool = False

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """What its stragglers cost."""
        return diagnose(self.trace)

    @cached_property
    def remedies(self) -> list[Remedy]:
        """What each policy and each repair would make of it."""
        return what_if(self.trace)

    @cached_property
    def answer(self) -> TraceAnswer:
        """All that its page shows."""
        return trace_answer(self.trace, self.diagnosis, self.remedies)

    @cached_property
    def scenario(self) -> Scenario:
        """A barrier after each step, on the mean of the measured network cost."""
        return measured_scenario(self.trace)

    @property
    def step_ms(self) -> float:
        """Mean time of a measured step, ms."""
        return as_measured(self.remedies).epoch_ms / self.trace.steps

    def measured_segments(self) -> pd.DataFrame:
        """The simulated schedule of the run as it was measured."""
        return replayed(self.trace).segments()
