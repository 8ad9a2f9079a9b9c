"""Learning: real SGD on the schedule's own stale gradients; who reaches the target first."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import Scenario, ScenarioError, Workload
from core.common.wording import counted
from core.learning.experiment import FEWEST_EACH, for_training, gradients_for
from core.learning.registry import PROBLEMS
from core.policies.base import Policy
from core.report import learning as learning_report
from pages.shared import app
from pages.shared.answers.learning import Learned, learned, measures_of
from pages.shared.answers.training import Settings, learning
from pages.shared.asked import policies, prices, scenario
from pages.shared.controls import values
from pages.shared.controls.widgets import control
from pages.shared.session import session
from pages.shared.views import pinned
from pages.shared.views.caveats import caveat
from pages.shared.views.charts import draw
from pages.shared.views.downloads import csv_button
from pages.shared.views.periods import which_period
from pages.shared.views.training import RATES, kept_place, train, with_control

RATE = {"Learning rate": st.column_config.NumberColumn(format="%.3g")}
OPTIMIZERS = {
    "plain": "with plain SGD",
    "momentum": "with momentum 0.9",
    "diloco": "with DiLoCo's outer optimizer where parameters are averaged, and plain SGD elsewhere",
    "staleness-aware": "with staleness-aware rates",
    "best": "with the optimizer that is best for it",
}
EVIDENCE = """
- The gradients are **real**, each computed at the parameters that its worker had read: staleness is not a penalty
  factor here, it happens.
- The page shows how much of a shorter epoch survives staleness once every policy has its best learning rate.
- It is **one small problem** and SGD, with what *Optimizer* adds to it. The mechanism carries over to large models; the
  size of the effect may not.
- Each policy's learning rate is chosen on some seeds and judged on others, so no policy profits from the choice;
  another choice among rates a factor of 2 apart could still change the answer.
- The seconds come from the simulator: check the network model before you trust them.
"""


def show() -> None:
    """Draw the page: which policy learns fastest, or which period does."""
    headline, which = kept_place(), values.value("learn_ask")
    asked = scenario()
    chosen = policies() if which == "policies" else ()
    pinned.on_learning(asked.workload)
    with st.container(horizontal=True):
        control("learn_ask")
        problem, seeds = PROBLEMS[control("problem")], control("train_seeds")
        if which == "policies":
            rates, optimizer = RATES[control("rate")], control("optimizer")
    if which == "period":
        which_period(asked, problem, seeds, headline)
    else:
        which_policy(asked, chosen, Settings(problem=problem, rates=rates, seeds=seeds, optimizer=optimizer), headline)


def which_policy(
    asked: Scenario, chosen: tuple[Policy, ...], settings: Settings, headline: Callable[[], DeltaGenerator]
) -> None:
    """Draw the answer, the curves, and then what they mean; headline: the place of the answer."""
    problem, spent = settings.problem, prices()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measures = measures_of(problem)
        axes = control("curves_over"), control("curves_of", measures) if len(measures) > 1 else measures[0]
        progress = st.empty()
    picture = kept_place()
    try:
        short = for_training(asked.workload, gradients_for(asked.workers, problem))
    except ScenarioError as refused:
        with headline():
            st.header("Too many workers to train for real.")
        st.error(with_control(refused) + learning_report.rooms(FEWEST_EACH, problem), icon=":material/block:")
        return

    def show_picture(trained: tuple[Policy, ...]) -> Learned:
        """The answer of those who have trained, and their curves."""
        found = learned(short, trained, settings, spent if spent.given else None)
        with headline():
            st.header(found.headline)
        with picture():
            if found.curves:
                draw(found.curves[axes].chart, "curves", found.curves[axes].words)
        return found

    trained = tuple(train(short, chosen, settings, progress, lambda done: show_picture(tuple(done))))
    if not trained:
        return
    answer = show_picture(trained)
    session().answered = True
    if not answer.curves:
        st.error(
            "Every run diverged, so there is nothing to draw. Choose a smaller learning rate.", icon=":material/block:"
        )
        st.dataframe(answer.all_rates, hide_index=True)
        return
    show_answer(answer, settings, short, trained)


def show_answer(answer: Learned, settings: Settings, short: Workload, trained: tuple[Policy, ...]) -> None:
    """What the curves mean, who reaches the target when, and, folded away, how it is judged."""
    rates = settings.rates
    own = f"all at learning rate {rates[0]:g}" if rates else "each policy at its own learning rate"
    seeds = settings.seeds
    bands = f"Medians of {counted(seeds, 'seed')} in bands that hold all of them" if seeds > 1 else "One seed"
    caveat("curves", f"{bands}, {own}, {OPTIMIZERS[settings.optimizer]}. {answer.drawn}")
    st.markdown(answer.reasons)
    if answer.costs:
        st.markdown(answer.costs)
    if answer.advice:
        st.info(answer.advice, icon=":material/lightbulb:")
    st.subheader("Time to target")
    st.dataframe(answer.targets, hide_index=True, height="content", column_config=RATE)

    with st.expander("How it is measured", icon=":material/straighten:"):
        st.markdown(
            f"{answer.judged} Times are geometric means over the seeds, with their range in brackets. *Speed-up to "
            "target* is the first policy's time divided by this one's, seed by seed on the same draws: the geometric "
            "mean, so also the ratio of the two mean times, with its 95 % interval in brackets (Student's t on the "
            "logarithms, corrected for all pairs of policies)."
        )
        st.markdown(
            "All policies start from the same parameters and use the same samples in the same order: "
            f"{counted(short.work, 'mini-batch', 'mini-batches')} of {settings.problem.batch} for each policy, "
            f"{short.batches:,} per worker, whatever the length of the epoch."
        )
        st.dataframe(answer.trainings, hide_index=True, height="content")
    with st.expander("Learning rates", icon=":material/tune:"):
        assert answer.rates  # there are curves
        draw(answer.rates.chart, "rates", answer.rates.words)
        st.caption(
            "Large dots: the rate that was chosen. Crosses: rates at which seeds diverge (the loss ends above its "
            "start) or get stuck (no better than a guess). The staler a policy's gradients, the lower its rates begin."
        )
        st.dataframe(answer.all_rates, hide_index=True, column_config=RATE)
        csv_button("Curves (CSV)", lambda: learning(short, trained, settings).curves, "learning-curves.csv")
        csv_button("Runs (CSV)", lambda: learning(short, trained, settings).runs, "learning-runs.csv")
    with st.expander("What this is evidence for", icon=":material/science:"):
        st.markdown(EVIDENCE)


app.through_app()
show()
