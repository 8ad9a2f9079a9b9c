"""Learning: real SGD on the schedule's own stale gradients; who reaches the target first."""

import streamlit as st

from core import ScenarioError, Workload
from core.common.wording import counted
from core.learning.experiment import FEWEST_EACH, for_training, gradients_for
from core.learning.problem import Problem
from core.learning.registry import PROBLEMS
from core.policies.base import Policy
from core.report import learning as learning_report
from pages.shared import app
from pages.shared.answers.learning import Learned, learned
from pages.shared.answers.training import learning
from pages.shared.asked import policies, scenario
from pages.shared.controls.widgets import control
from pages.shared.views.charts import draw
from pages.shared.views.comparison import titled
from pages.shared.views.downloads import csv_button
from pages.shared.views.training import RATES, train, with_control

RATE = {"Learning rate": st.column_config.NumberColumn(format="%.3g")}
Question = tuple[Problem, tuple[float, ...] | None, int]  # what is trained, at which rates, how often
EVIDENCE = """
- The gradients are **real**, on real data, each taken at the parameters that its worker read: staleness is not a factor
  here, it happens.
- It shows how much of a shorter epoch survives staleness, once every policy has its best learning rate.
- It is **one small problem** and plain SGD. The mechanism carries over to large models; the size need not.
- Each policy's rate is chosen on some seeds and judged on others, so the choice flatters nobody; another choice among
  rates a factor of 2 apart could still move the answer.
- The seconds are the simulator's: look at the network model before you trust them.
"""


def show() -> None:
    """Draw the page."""
    asked, chosen = scenario(), policies()
    with st.container(horizontal=True):
        problem, seeds, rates = PROBLEMS[control("problem")], control("train_seeds"), RATES[control("rate")]
    try:
        short = for_training(asked.workload, gradients_for(asked.workers, problem))
    except ScenarioError as refused:
        st.header("Too many workers to train for real.")
        st.error(with_control(refused) + learning_report.rooms(FEWEST_EACH, problem), icon=":material/block:")
        return
    question = (problem, rates, seeds)

    def so_far(text: str, done: list) -> None:
        """The policies that have trained, while others are training."""
        st.progress(len(done) / len(chosen), text)
        found = learned(short, tuple(done), *question)
        if found.curves:
            st.header(found.headline)
            draw(found.curves["time", "loss"].chart, "curves so far", found.headline)

    trained = tuple(train(short, chosen, *question, so_far))
    if not trained:
        return
    answer = learned(short, trained, *question)

    st.header(answer.headline)
    if not answer.curves:
        st.error(
            "Every run diverged: there is nothing to draw. Choose a smaller learning rate.", icon=":material/block:"
        )
        st.dataframe(answer.all_rates, hide_index=True)
        return
    show_answer(answer, question, short, trained)


def show_answer(answer: Learned, question: Question, short: Workload, trained: tuple[Policy, ...]) -> None:
    """The curves, who reaches the target when, and how much that is evidence for."""
    problem, rates, seeds = question
    st.markdown(answer.reasons)
    if answer.advice:
        st.info(answer.advice, icon=":material/lightbulb:")
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        over, of = control("curves_over"), control("curves_of", answer.measures)
    drawn = answer.curves[over, of]
    draw(drawn.chart, "curves", drawn.words)
    own = f"all at learning rate {rates[0]:g}" if rates else "each policy at its own learning rate"
    st.caption(
        f"Medians of {counted(seeds, 'seed')} in the band of all of them, {own}. Same initial parameters, same samples "
        f"in the same order, {counted(short.work, 'mini-batch', 'mini-batches')} of {problem.batch} for each policy, "
        f"{short.batches:,} a worker whatever the epoch."
    )

    st.subheader("Time to target")
    st.dataframe(answer.targets, hide_index=True, height="content", column_config=RATE)
    st.caption(
        f"{answer.judged} Times are geometric means over the seeds, in brackets their range. *Sooner* is the first "
        "policy's time over this one's, seed by seed on the same draws: the geometric mean, so also the ratio of the "
        "two mean times, and in brackets its 95 % interval (Student's t on the logarithms, corrected for all pairs of "
        "policies). Staleness is the mean, in updates."
    )

    left, right = st.columns(2, gap="large")
    with left:
        assert answer.rates  # there are curves
        titled(answer.rates, "rates")
        st.caption(
            "Large dots: the rate that was chosen. Crosses: rates at which seeds diverge (the loss ends above its "
            "start) or get stuck (no better than a guess). The staler a policy's gradients are, the lower its rates "
            "begin."
        )
    with right:
        st.subheader("What this is evidence for")
        st.markdown(EVIDENCE)
    with st.expander("All learning rates"):
        st.dataframe(answer.all_rates, hide_index=True, column_config=RATE)
        csv_button("Curves (CSV)", lambda: learning(short, trained, *question).curves, "learning-curves.csv")
        csv_button("Runs (CSV)", lambda: learning(short, trained, *question).runs, "learning-runs.csv")


app.through_app()
show()
