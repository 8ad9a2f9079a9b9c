"""What would flip the answer of Compare: found on a click, parameter by parameter."""

from collections.abc import Sequence

import streamlit as st

from core import ScenarioError, Workload
from core.flips import RUNS, Flip, acting_keys, flip_of, runs_of
from core.policies.base import Policy
from core.report import flips as report
from pages.shared.answers.comparison import Answer
from pages.shared.caching.results import remembered
from pages.shared.controls.widgets import control
from pages.shared.menu import page_link
from pages.shared.views.comparison import own_link

LINE = {"ask": "speedup", "across_values": "", "up": "none", "up_values": ""}
"""What Map is asked about one parameter."""


def show(workload: Workload, policies: Sequence[Policy], answer: Answer) -> None:
    """The question, and on a click the values at which another policy wins, each with a link to Map."""
    if not control("flips"):
        return
    if answer.outcome != "decided":
        st.caption(report.no_winner(answer.runs, answer.outcome, answer.contenders, len(policies)))
        return
    by_label = {policy.label: policy for policy in policies}
    pair = tuple(by_label[label] for label in answer.contenders)
    try:
        runs = runs_of(workload, pair)
    except ScenarioError as refused:
        st.caption(str(refused))
        return
    found = all_flips(workload, *pair)
    with st.container(border=True):
        st.markdown(f"**{report.headline(found)}**")
        for flip in found:
            if flip.crossings:
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.markdown(report.in_words(flip), width="stretch")
                    page_link("map", "On Map", LINE | {"across": flip.key})
        servers = [flip for flip in found if flip.key == "servers" and flip.crossings and flip.now == 1]
        for flip in servers:  # with several, the headline has it
            own_link(workload, pair, int(flip.most))
        crossed = any(flip.crossings for flip in found)
        brackets = " In brackets after a crossing: the range that is too close to call." if crossed else ""
        st.caption(
            f"{report.the_rest(found, answer.contenders[0])} One parameter at a time, everything else unchanged, over "
            f"{min(runs, RUNS)} paired runs at each value on the same draws; the verdicts are corrected for testing "
            f"so many values.{brackets}"
        )


def all_flips(workload: Workload, one: Policy, other: Policy) -> list[Flip]:
    """What each parameter does to the answer, with progress."""
    keys, found = acting_keys(workload, (one, other)), []
    place = st.empty()
    for number, key in enumerate(keys):
        place.progress(number / len(keys), "Looking for what would flip the answer")
        found.append(one_flip(workload, one, other, key))
    place.empty()
    return found


@remembered(entries=2_000, size="16MiB")
def one_flip(workload: Workload, one: Policy, other: Policy, key: str) -> Flip:
    """What one parameter does to the answer."""
    return flip_of(workload, one, other, key)
