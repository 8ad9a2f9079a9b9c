"""The scenario that is pinned: the buttons, what has changed against it, and its outline behind the timelines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core import Run, Scenario, ScenarioError, Workload, charts
from core.axes import needed
from core.changes import Change, Difference, Outcome, changes, differences, shares_draws
from core.charts import Chart
from core.links import DEFAULTS, OF_SCENARIO, pin_text, pinned_values, values_of
from core.policies.base import Policy
from core.report import changes as report
from core.report.comparison import paired_runs, rare_events
from core.report.timeline_data import Outline, Picture
from pages.shared.answers.comparison import Answer
from pages.shared.answers.maps import Asked, MapAnswer, picked_in_words, place_in_words
from pages.shared.answers.pinned import outcome_of, pinned_answer, pinned_run
from pages.shared.asked import Pinned, described, pinned, prices
from pages.shared.controls import values
from pages.shared.errors import action
from pages.shared.views.caveats import caveat

FEW = 2  # policies, of which each has a sentence
MOST_STRETCHED = 2.5  # times as long as without it may a time axis get for an outline


def pin_button(changes_of_page: Mapping[str, Any] | None = None) -> None:
    """The button that pins the scenario, where none is pinned.

    changes_of_page: values that a page has in place of those of the controls.
    """
    if not values.value("pin"):
        st.button(
            "Pin this scenario",
            on_click=pin,
            args=(changes_of_page,),
            icon=":material/push_pin:",
            type="tertiary",
            help="From then on Timeline, Compare, Learning and Map say what has changed against it.",
        )


@action
def pin(changes_of_page: Mapping[str, Any] | None) -> None:
    """Pin the scenario that the page shows."""
    found = values_of(described(changes_of_page), prices()) | {"times": values.value("times")}
    values.put({"pin": pin_text(found)})


@action
def unpin() -> None:
    """Compare with nothing any more."""
    values.put({"pin": ""})


@action
def go_back() -> None:
    """Set the controls to the pinned scenario."""
    there = pinned_values(values.value("pin"))
    values.put({key: there.get(key, DEFAULTS[key]) for key in OF_SCENARIO})


def heading(words: str, differs: Sequence[Difference]) -> None:
    """What is said of the pinned scenario, and the buttons to let go of it and, where this is another, to go back."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/push_pin: {words}", width="stretch")
        with st.container(horizontal=True, width="content"):
            if differs:
                st.button("Go back to the pinned one", on_click=go_back, icon=":material/undo:", type="tertiary")
            st.button("Unpin", on_click=unpin, icon=":material/keep_off:", type="tertiary")


def against(differs: Sequence[Difference]) -> str:
    """Which parameters differ from the pinned scenario, or that this is it."""
    if not differs:
        return "This is the pinned scenario."
    return f"Against the pinned scenario: {report.differences_in_words(differs)}"


def differing(there: Pinned, now: Workload) -> list[Difference]:
    """The parameters in which a scenario, or a workload whatever its policy, differs from the pinned one."""
    return differences(there.scenario, now, (there.prices, prices()), (there.times, values.value("times")))


@dataclass(frozen=True)
class Against:
    """What Compare shows of the pinned scenario beside the box; nothing where there is none, or this is it."""

    outlines: Sequence[Outline] = ()
    """One a policy, to stand behind the timelines."""
    summary: str = ""
    """What has changed, to paste."""


def on_compare(asked: Workload, policies: Sequence[Policy], answer: Answer) -> Against:
    """What has changed under each policy against the pinned scenario."""
    there = pinned()
    if there is None:
        return Against()
    found = differing(there, asked)
    with st.container(border=True, key="pinned"):
        heading(against(found), found)
        if not found:
            return Against()
        try:
            before = pinned_answer(there.scenario.workload, tuple(policies), values.value("replicates"))
        except ScenarioError as refused:
            st.caption(f"The pinned scenario cannot be compared under these policies. {refused}")
            return Against()
        changed = changes(before.outcomes, answer.outcomes, shares_draws(there.scenario, asked))
        if before.headline:
            st.markdown(
                f"The pinned scenario, with these policies: **{before.headline}** Each policy against itself there:"
            )
        say(changed, there, asked, policies)
        sides = ((asked, answer.outcomes), (there.scenario, before.outcomes))
        found_rare = (rare_events(workload, answer.runs, min(each.mean_ms for each in of)) for workload, of in sides)
        rare = next(filter(None, found_rare), "")
        caveat("pinned", f"{report.how_compared(changed, found)}{rare}")
    return Against(before.outlines, report.summary_text(changed, found, paired_runs(asked, policies)) + "\n")


def say(changed: Sequence[Change], there: Pinned, asked: Workload, policies: Sequence[Policy]) -> None:
    """What has become of each policy: a sentence each, or one for all and a table where they are many."""
    if len(changed) > FEW:
        st.markdown(report.in_short(changed))
        with st.expander("Policy by policy, against the pinned scenario"):
            st.dataframe(report.changes_table(changed), height="content")
        return
    control = paired_runs(asked, policies)
    for change in changed:
        st.markdown(report.change_in_words(change, control))
    if costs := report.costs_in_words(changed, policies, ((there.scenario, there.prices), (asked, prices()))):
        st.markdown(costs)


def before_run(asked: Scenario) -> tuple[Outcome, Outline] | None:
    """The one run of the pinned scenario; None where none is pinned, or nothing differs from it."""
    there = pinned()
    if there is None or not differing(there, asked):
        return None
    try:
        return pinned_run(there.scenario)
    except ScenarioError as refused:
        st.caption(f"The pinned scenario cannot be run. {refused}")
        return None


def on_timeline(run: Run, before: tuple[Outcome, Outline] | None) -> Outline | None:
    """What has changed in this run; the pinned one's outline."""
    there = pinned()
    if there is None:
        pin_button()
        return None
    found = differing(there, run.scenario)
    with st.container(border=True, key="pinned"):
        heading(against(found), found)
        if before is None:
            return None
        changed = changes([before[0]], [outcome_of(run)], shares_draws(there.scenario, run.scenario))
        say(changed, there, run.scenario, [run.scenario.policy])
        caveat("pinned", f"{report.how_compared(changed, found)} Compare says how sure that is, over many runs.")
    return before[1]


def on_map(asked: Workload, policies: Sequence[Policy], found: Asked, answer: MapAnswer) -> dict | None:
    """Where the pinned scenario lies on the map, by the dotted names of the axes, and its answer.

    None where it does not lie there: it differs in more than the axes, or has a value that is not on one of them.
    """
    there = pinned()
    if there is None:
        pin_button(needed(values.now(), found.keys))
        return None
    differs = differing(there, asked)
    more = [each for each in differs if each.key not in found.keys]
    its_values = values_of(there.scenario.workload, there.prices)
    cell = {name: its_values.get(key) for key, name in zip(found.keys, found.names, strict=True)}
    on_axes = all(value in axis for value, axis in zip(cell.values(), found.values, strict=True))
    with st.container(border=True, key="pinned"):
        if more:
            heading(f"The pinned scenario is not on this map. Against it: {report.differences_in_words(more)}", differs)
        elif on_axes:
            at = place_in_words(cell, found, ", ")
            heading(f"The pinned scenario is marked with a dotted frame or line: {at}.", differs)
            st.markdown(picked_in_words(answer.table, cell, found))
        else:
            why = (
                "has no value of an axis"
                if None in cell.values()
                else "lies between the values of this map or beyond them"
            )
            heading(f"The pinned scenario {why}, so it is not marked.", differs)
        headline = headline_of(there, policies)
        if headline:
            caveat("pinned", f"Compare says of it: {headline}")
    return cell if on_axes and not more else None


def headline_of(there: Pinned, policies: Sequence[Policy]) -> str:
    """What Compare says of the pinned scenario, or why it says nothing."""
    try:
        return pinned_answer(there.scenario.workload, tuple(policies), values.value("replicates")).headline
    except ScenarioError as refused:
        return str(refused)


def on_learning(asked: Workload) -> None:
    """What differs from the pinned scenario; its training is not repeated."""
    there = pinned()
    if there is None:
        pin_button()
        return
    differs = differing(there, asked)
    with st.container(border=True, key="pinned"):
        heading(against(differs), differs)
        if differs:
            caveat(
                "pinned",
                "The pinned scenario is not trained here, so this page does not say what the change does to learning. "
                "Compare says what it does to the epoch.",
            )


def behind(chart: Chart, words: str, outline: Outline | None, until_ms: float | None) -> tuple[Chart, str]:
    """A timeline and its words, with the pinned run's outline behind it if there is one."""
    if outline is None:
        return chart, words
    said = report.outline_in_words(outline, chart.values["labels"])
    return charts.with_outline(chart, outline, until_ms), f"{words} {said}"


def room_for(outlines: Sequence[Outline], epochs_ms: Sequence[float]) -> float:
    """Where a time axis ends that shows epochs, and outlines unless they are much longer."""
    longest = max(epochs_ms)
    return min(max(longest, *(outline.epoch_ms for outline in outlines)), MOST_STRETCHED * longest)


def how_to_read(outline: Outline | None, whole_run: Picture) -> str:
    """What the outline behind the timeline of a whole run is; empty where there is none."""
    if outline is None:
        return ""
    labels = [f"W{worker}" for worker in whole_run.workers]
    return report.how_to_read_outline([outline], labels, room_for([outline], [whole_run.epoch_ms]))
