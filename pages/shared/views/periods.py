"""The question after how many batches to average: who trains, how far it is, and the answer."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import Scenario, ScenarioError
from core.learning.experiment import FEWEST_EACH, for_training
from core.learning.periods import PERIODS, SYNC, batches_for, contenders
from core.learning.problem import Problem
from core.report import learning as learning_report
from pages.shared.answers.periods import PeriodsAnswer, answered, judged, trained
from pages.shared.session import session
from pages.shared.views.charts import draw
from pages.shared.views.downloads import csv_button
from pages.shared.views.training import kept_place, with_control

MOMENTUM = (
    "Here every method, including synchronous, uses momentum if that gets it to the target sooner; under *Which "
    "policy?* SGD has none unless *Optimizer* asks for it, which is one reason why the times differ."
)
EVIDENCE = """
- The gradients are **real**, and so is what parameters lose by drifting apart between two averages and by averages that
  are taken in late.
- It is **one small problem**: how long a period may be depends on the model and the data. The bytes and the seconds of
  an exchange are those of your network; the number of exchanges that learning takes is this problem's.
- Momentum, outer rate, outer momentum and learning rate are chosen from a small grid on other seeds, for every period
  of every way; so is the best period of each way.
"""


def which_period(asked: Scenario, problem: Problem, seeds: int, headline: Callable[[], DeltaGenerator]) -> None:
    """Train every contender that has not been, and draw the answer; headline: its place."""
    progress, picture = st.empty(), kept_place()
    try:
        workload = for_training(asked.workload, batches_for(asked.workers, problem, PERIODS) * asked.workers)
    except ScenarioError as refused:
        with headline():
            st.header("Too many workers to train for real.")
        st.error(with_control(refused) + learning_report.rooms(FEWEST_EACH, problem), icon=":material/block:")
        return
    everyone, refusals, done = contenders(workload, PERIODS), {}, []
    for number, contender in enumerate(everyone):
        progress.progress(number / len(everyone), f"Training {contender.name} ({number + 1} of {len(everyone)})")
        try:
            trained(workload, contender, problem, seeds)
            done.append(contender)
        except ScenarioError as refused:
            if contender.way == SYNC:
                progress.empty()
                st.error(with_control(refused), icon=":material/block:")
                return
            refusals[contender.name] = str(refused)
    progress.empty()
    asks = (workload, tuple(done), problem, seeds, PERIODS, refusals)
    answer = answered(*asks)
    with headline():
        st.header(answer.headline)
    with picture():
        show_charts(answer, seeds)
    session().answered = True
    st.subheader("Time to target")
    st.dataframe(answer.targets, hide_index=True, height="content")
    with st.expander("How it is measured", icon=":material/straighten:"):
        st.markdown(answer.judged)
        st.dataframe(answer.all_rates, hide_index=True)
        csv_button("Periods (CSV)", lambda: judged(*asks).table, "learning-periods.csv")
    with st.expander("What this is evidence for", icon=":material/science:"):
        st.markdown(EVIDENCE)


def show_charts(answer: PeriodsAnswer, seeds: int) -> None:
    """Times to the target and what is sent, side by side, and what they mean."""
    if answer.times and answer.sent:
        for column, drawn, key in zip(
            st.columns(2), (answer.times, answer.sent), ("period_times", "sent"), strict=True
        ):
            with column:
                draw(drawn.chart, key, drawn.words)
        each = "Bars: 95 % interval of each mean on its own. " if seeds > 1 else ""
        st.caption(
            f"Geometric means of the seeds. {each}Large dots: each method's best period on the seeds used to choose "
            "it. Dashed: synchronous. Periods that are missing do not reach the target in every seed."
        )
    st.caption(f"{answer.too_long} {MOMENTUM}".strip())
    st.markdown("\n".join(f"- {said}" for said in answer.reasons))
