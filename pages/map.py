"""Map: where does which policy win? Every cell of a grid over one or two parameters, on the same draws."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from core import Scenario, ScenarioError
from core.axes import idle_in_words, needed, switch_in_words
from core.learning.registry import PROBLEMS
from core.maps import MOST_TRAINED, QUESTIONS, TARGET_SEEDS
from core.policies.base import Policy
from core.policies.registry import policy_from_text
from core.presets.cards import Figures
from core.report import comparison
from core.report.failures import recovery_in_words
from core.simulation.sweeps import MOST_CELLS, at_first_cell, cells_of, name_of
from pages.shared import app
from pages.shared.answers.maps import Asked, MapAnswer, picked_in_words, place_in_words
from pages.shared.asked import policies, prices, scenario
from pages.shared.controls import values
from pages.shared.controls.map_axes import axes_now
from pages.shared.controls.widgets import control
from pages.shared.sidebar.handover import open_cell
from pages.shared.views import cards, maps, pinned
from pages.shared.views.caveats import caveat
from pages.shared.views.downloads import csv_button


def show() -> None:
    """Draw the page: the answer, what is asked, the map with what is picked of it, and the figures."""
    headline, asking, picture = st.container(), st.container(horizontal=True), st.container()
    with asking:
        ask = maps.question()
        maps.axis("across")
        maps.axis("up")
    keys = axes_now()
    with st.expander("Values and runs", icon=":material/tune:"):
        typed, runs = values_and_runs(len(keys), trains=ask == "target")
    with picture:
        asked, chosen = what_is_mapped(keys)
        try:
            names = maps.names_of(keys, asked, chosen)
            axes = maps.values_of_axes(keys, typed, MOST_TRAINED // len(chosen) if ask == "target" else MOST_CELLS)
        except ScenarioError as refused:
            st.error(str(refused), icon=":material/block:")
            return
        if maps.price_is_missing(ask, keys):
            return
    cells = cells_of(dict(zip(names, axes, strict=True)))
    wanted, runs = runs, maps.runs_that_fit(asked.workload, chosen, cells, runs)
    with asking:
        problem = PROBLEMS[control("problem")] if ask == "target" else None
        policy = maps.about(chosen, keys, cells[0], ask) if len(keys) == 2 and QUESTIONS[ask].column else None
    found = Asked(
        question=replace(QUESTIONS[ask], unit=prices().currency) if ask == "cost" else QUESTIONS[ask],
        keys=keys,
        names=names,
        values=axes,
        policies=chosen,
        labels=tuple(name_of(policy, cells[0]) for policy in chosen),
        about=policy,
        runs=TARGET_SEEDS if problem else runs,
        workload=asked.workload,
    )
    with picture:
        chart, beside = st.columns([3, 1], gap="medium")
        with beside:
            done = maps.mapped(*at_first_cell(asked.workload, chosen, cells[0]), cells, runs, problem, ask)
            answer = maps.answered(done, found)
            picked = maps.pick(found) if answer.drawn else None
            if answer.drawn:
                show_picked(answer, found, picked, asked, chosen)
        if not answer.drawn:
            for said in answer.refusals:
                st.error(said)
            return
        with headline:
            if len(keys) == 1 and done.cells == len(cells):
                texts = dict(zip(found.labels, [each.text for each in chosen], strict=True))
                cards.answered(Figures.over(answer.table, names[0], texts))
            st.header(answer.drawn.title)
            if said := switch_in_words(values.now(), keys):
                st.markdown(said)
            there = pinned.on_map(asked.workload, chosen, found, answer)
        with chart:
            maps.map_chart(answer, found, picked, there)
        servers = max(dict(zip(keys, axes, strict=True)).get("servers", (0,)))
        if said := comparison.flat_caveat(asked, chosen, keys) or comparison.servers_caveat(asked, chosen, servers):
            st.markdown(said)
        caveat("map", answer.caption)
        idle = idle_in_words(values.now(), keys, ask)
        rates = "" if {"workers", "mtbf_hours", "checkpoint_s"} & {*keys} else recovery_in_words(asked)
        fewer = comparison.fewer_runs_of_cells(runs, wanted)
        for number, said in enumerate((fewer, rates, idle, *answer.refusals)):
            if said:
                caveat(f"axes {number}", said)
    if ask == "bandwidth":
        maps.bandwidths_at(picked or cells[0], found, chosen)
    with st.expander("Every cell", icon=":material/table:"):
        st.dataframe(answer.cells, hide_index=True)
        csv_button("Map (CSV)", lambda: answer.table, "map.csv")


def what_is_mapped(keys: Sequence[str]) -> tuple[Scenario, tuple[Policy, ...]]:
    """The scenario and the policies, with the law, network and policies that these axes need."""
    changes = needed(values.now(), keys)
    texts = [text for text in changes.pop("policies", ()) if text not in values.value("policies")]
    asked, chosen = scenario(changes, fits="workers" in keys), policies()
    return asked, (*chosen, *(policy_from_text(text).fitted(asked.workers) for text in texts))


def values_and_runs(axes: int, *, trains: bool) -> tuple[list[str], int]:
    """What is typed as the values of each axis, and how many runs each cell has; trains: they are trainings."""
    columns = st.columns(3)
    typed = []
    for column, which in zip(columns, ("across", "up")[:axes], strict=False):
        with column:
            typed.append(control(f"{which}_values"))
    with columns[2]:
        if trains:
            st.caption(f"{TARGET_SEEDS} trainings of each policy in each cell.")
            return typed, TARGET_SEEDS
        return typed, control("map_runs")


def show_picked(
    answer: MapAnswer, found: Asked, picked: dict | None, asked: Scenario, chosen: tuple[Policy, ...]
) -> None:
    """What is picked of the map, what it says, and a link that opens it."""
    if not picked:
        st.caption("Click a cell to see its figures and to open it in Compare.")
        return
    with st.container(border=True):
        st.markdown(place_in_words(picked, found))
        st.markdown(picked_in_words(answer.table, picked, found))
        open_cell(asked, chosen, picked)


app.through_app()
show()
