"""Timeline: one run, who computes, waits and communicates when."""

import streamlit as st

from core import Run, Scenario, charts, simulate
from core.presets.cards import Figures
from core.report import run as run_report
from core.report.failures import cost_of_failures_in_words, failures_table, recovery_in_words, saves_work
from core.report.money import cost_in_words
from core.report.race import race_data
from core.report.timeline_data import contribution_bars, picture, share_bars, staleness_bars
from core.schedule.downsampling import whole
from core.schedule.failures import failures
from core.theory import closed_forms
from pages.shared import app
from pages.shared.asked import prices, scenario
from pages.shared.caching.simulations import epoch_without_failures_ms, simulated
from pages.shared.controls import copied
from pages.shared.views import cards, kept_runs, large_run, pinned
from pages.shared.views.caveats import caveat
from pages.shared.views.charts import draw
from pages.shared.views.downloads import MOST_EXPORTED, csv_button, perfetto_button
from pages.shared.views.race import race
from pages.shared.views.tiles import metric_tiles, theory_notes, timeline_chart


def failures_cost(run: Run) -> str:
    """What failures cost of the epoch; empty where nobody may fail."""
    if not run.scenario.failures.any:
        return ""
    return cost_of_failures_in_words(run, epoch_without_failures_ms(run.scenario), prices())


def batch_ms(scenario: Scenario) -> float | None:
    """How long a mini-batch takes without failures, if the policy goes back to checkpoints, ms."""
    if not saves_work(scenario, scenario.policy):
        return None
    return epoch_without_failures_ms(scenario) / scenario.batches


app.through_app()
asked = scenario()
before = pinned.before_run(asked)
run = simulated(asked)
headline, detail = run_report.run_answer(run)

cards.answered(Figures(rows={asked.policy.text: vars(run.metrics)}))
st.header(headline)
st.markdown(f"{detail} {failures_cost(run)}")
outline = pinned.on_timeline(run, before)

segments = whole(run.schedule)
if segments is None:
    large_run.timelines(run, outline)
else:
    whole_run = picture(run, segments)
    timeline_chart(whole_run, "timeline", outline)
    reading = run_report.how_to_read(run, 0.0, run.metrics.epoch_ms, asked.workers)
    st.caption(f"{reading} {pinned.how_to_read(outline, whole_run)}".rstrip())
    race(race_data([whole_run]), "race")

tiles = {name: getattr(run.metrics, name) for name in run_report.HEADLINE}
metric_tiles(tiles, theory_notes(tiles, closed_forms.expected(asked)))
if spent := cost_in_words(run, prices()):
    st.markdown(spent)
if rates := recovery_in_words(asked, batch_ms(asked)):
    caveat("recovery", rates)
if run.metrics.failures:
    with st.expander("Failures, one by one", icon=":material/report:"):
        st.dataframe(failures_table(failures(run.schedule)), hide_index=True)
if said := run_report.idle_in_words(run):
    caveat("idle", said)

left, right = st.columns([3, 2], gap="large")
with left:
    st.subheader("Where each worker's epoch went")
    draw(charts.shares(*share_bars(run)), "shares", run_report.shares_in_words(run))
with right:
    st.subheader("Summary")
    copied.shown(run_report.text_summary(run, prices()))
    kept_runs.keep_button(run)
    name = f"{asked.policy.text.replace(' ', '-')}-{asked.workers}x{asked.batches}-seed{asked.seed}"
    if asked.work > MOST_EXPORTED:
        st.caption(f"No files of more than {MOST_EXPORTED:,} mini-batches here; in Python: `simulate(…).segments()`.")
    else:
        with st.container(horizontal=True):
            csv_button("Segments (CSV)", lambda: simulate(asked).segments(), f"{name}.csv")
            title = f"{asked.policy.label}, seed {asked.seed}"
            perfetto_button("Trace (JSON)", lambda: simulate(asked).segments(), title, f"{name}.trace.json")

left, right = st.columns([3, 2], gap="large")
with left:
    st.subheader("How stale the gradients are")
    words = run_report.staleness_in_words(run)
    st.markdown(words)
    if run.metrics.max_staleness:
        draw(charts.staleness(*staleness_bars(run)), "staleness", words)
with right:
    st.subheader("Gradients per worker")
    words = run_report.contributions_in_words(run)
    st.markdown(words)
    if run_report.contribute_unevenly(run):
        draw(charts.contributions(*contribution_bars(run)), "contributions", words)
kept_runs.show()
