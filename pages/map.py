"""Map: where does which policy win? Every cell of a grid over one or two parameters, on the same draws."""

from dataclasses import replace

import streamlit as st

from core import ScenarioError
from core.learning.registry import PROBLEMS
from core.maps import AXES, MOST_TRAINED, QUESTIONS, TARGET_SEEDS, axes_for, names_of_axes, values_from
from core.report.failures import recovery_in_words
from core.simulation.sweeps import MOST_CELLS, at_first_cell, cells_of, name_of
from pages.shared import app, uploaded_trace
from pages.shared.answers.maps import Asked, picked_in_words
from pages.shared.asked import policies, prices, scenario
from pages.shared.controls.widgets import control
from pages.shared.sidebar.handover import open_cell
from pages.shared.views.downloads import csv_button
from pages.shared.views.maps import answered, map_chart, mapped, of_policy


def show() -> None:
    """Draw the page."""
    asked, chosen, paid = scenario(), policies(), prices()
    chosen_axes = {}
    first, second, third = st.columns(3)
    with first:
        ask, runs = control("ask"), control("map_runs")
    for column, key in ((second, "across"), (third, "up")):
        with column:
            chosen_axes[key] = control(key)
            usual = ", ".join(f"{value:g}" for value in AXES.get(chosen_axes[key], ()))
            chosen_axes[f"{key}_values"] = control(
                f"{key}_values", disabled=chosen_axes[key] == "none", placeholder=usual
            )
    question, keys = QUESTIONS[ask], [chosen_axes["across"]]
    if ask == "cost":
        question = replace(question, unit=paid.currency)
        if not paid.given:
            st.caption("A worker costs nothing so far: set its price under *Money and samples*, or make it an axis.")
    if chosen_axes["up"] not in ("none", chosen_axes["across"]):
        keys.append(chosen_axes["up"])
    if "workers" in keys and uploaded_trace.in_use():
        asked = uploaded_trace.fitted(asked)
        st.caption(uploaded_trace.fitted_in_words())
    known = axes_for(asked, chosen, paid)
    try:
        for key in keys:
            if key not in known:
                raise ScenarioError(
                    f"{key}: no parameter of these policies, laws and networks; there are {', '.join(known)}."
                )
        values = [
            values_from(key, chosen_axes[f"{where}_values"]) for key, where in zip(keys, ("across", "up"), strict=False)
        ]
    except ScenarioError as refused:
        st.error(str(refused), icon=":material/block:")
        return

    names = [names_of_axes(asked, chosen, paid)[key] for key in keys]
    cells = cells_of(dict(zip(names, values, strict=True)))
    most = MOST_TRAINED // len(chosen) if ask == "target" else MOST_CELLS
    if len(cells) > most:
        st.error(f"{len(cells):,} cells are more than {most:,}, the most for this question.", icon=":material/block:")
        return
    trained_on = PROBLEMS[control("problem")] if ask == "target" else None
    rows = mapped(*at_first_cell(asked.workload, chosen, cells[0]), cells, runs, trained_on, paid)
    labels, about = {name_of(policy, cells[0]): policy.text for policy in chosen}, None
    if len(keys) == 2 and question.column:
        about = of_policy(dict(list(labels.items())[1 if question.column == "speedup" else 0 :]))
    asked_map = Asked(
        question=question,
        keys=tuple(keys),
        names=tuple(names),
        values=tuple(values),
        labels=tuple(labels),
        about=about,
        runs=TARGET_SEEDS if trained_on else runs,
        workload=asked.workload,
    )
    answer = answered(rows, asked_map)
    if answer.drawn is None:
        for said in answer.refusals:
            st.error(said)
        return

    st.header(answer.drawn.title)
    if rates := recovery_in_words(asked):
        st.caption(rates)
    picked = map_chart(answer, asked_map)
    for said in answer.refusals:
        st.caption(said)
    if picked:
        open_cell(asked, chosen, picked)
        st.markdown(picked_in_words(answer.table, picked, asked_map))
    with st.expander("Every cell"):
        st.dataframe(answer.cells, hide_index=True)
    csv_button("Map (CSV)", lambda: answer.table, "map.csv")


app.through_app()
show()
