"""What a map is asked, its cells, done one after the other, and what is picked of the chart of them.

They are kept in the session as they come, so that stopping keeps what is done.
"""

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
import streamlit as st

from core import Prices, ScenarioError, Workload, charts
from core.axes import has, offered, thinned, to_act_on, together, usual_values
from core.charts.specs import Columns
from core.learning.problem import Problem
from core.links import FRESH, PARAMETERS, prices_of
from core.maps import QUESTIONS, axes_for, bandwidth_rows, names_of_axes, target_rows, values_from
from core.policies.base import Policy
from core.simulation import sweeps
from core.simulation.sweeps import cell_rows, name_of
from pages.shared import uploaded_trace
from pages.shared.answers.bandwidth import by_utilization
from pages.shared.answers.maps import Asked, MapAnswer, map_answer, place_in_words
from pages.shared.caching.results import remembered
from pages.shared.controls import values
from pages.shared.controls.map_axes import axes_now
from pages.shared.errors import action
from pages.shared.session import session
from pages.shared.views.charts import draw

BETWEEN = 0.2  # seconds from one sign of progress to the next


@dataclass(frozen=True)
class Done:
    """The cells of a map that are done; all else determines their rows, so answers can be looked up without them."""

    asked: tuple
    """What the cells depend on."""
    cells: int
    rows: list[dict] = field(repr=False)


def mapped(
    workload: Workload, policies: Sequence[Policy], cells: list[dict], runs: int, problem: Problem | None, ask: str
) -> Done:
    """The cells that are done, in their order; with a problem, each cell trains.

    While cells are missing for longer, progress and a button to stop are shown; after a stop, one to resume.
    """
    searches, paid = ask == "bandwidth", prices_of(values.now())
    key = (repr(workload), repr(cells), tuple(policies), runs, problem, searches, paid)
    at = session().map
    if at.asked != key:
        at.asked, at.rows, at.stopped = key, {}, False
    missing = [i for i in range(len(cells)) if i not in at.rows]
    if missing and at.stopped:
        st.info(f"Stopped after {len(at.rows):,} of {len(cells):,} cells.")
        st.button("Resume", on_click=stop, args=(False,), icon=":material/play_arrow:")
    elif missing:
        work(workload, cells, missing, tuple(policies), runs, problem, searches, paid)
    return Done(key, len(at.rows), [row for i in sorted(at.rows) for row in at.rows[i]])


def work(
    workload: Workload,
    cells: list[dict],
    missing: list[int],
    policies: tuple[Policy, ...],
    runs: int,
    problem: Problem | None,
    searches: bool,
    prices: Prices,
) -> None:
    """Do the missing cells, with progress and time left."""
    progress, stopping = st.empty(), st.empty()
    rows = session().map.rows
    start, shown = time.monotonic(), 0.0
    for done, i in enumerate(missing):
        now = time.monotonic()
        if problem or now - max(start, shown) > BETWEEN:
            if not shown:
                stopping.button("Stop", key="map_stop", on_click=stop, args=(True,), icon=":material/stop:")
            shown, left = now, (now - start) / max(1, done) * (len(missing) - done)
            text = f"{len(rows):,} of {len(cells):,} cells{f', about {left:,.0f} s left' if done else ''}"
            progress.progress(len(rows) / len(cells), text)
        rows[i] = rows_of(workload, cells[i], policies, runs, problem, searches, prices)
    progress.empty()
    stopping.empty()


def bandwidths_at(cell: dict, found: Asked, chosen: tuple[Policy, ...]) -> None:
    """What each policy needs for other utilizations, at the cell that is picked or the first one."""
    with st.expander("Bandwidth by utilization", icon=":material/speed:", expanded=True):
        st.markdown(place_in_words(cell, found))
        words, table = by_utilization(found.workload, chosen, cell, found.runs)
        st.markdown(words)
        if table is not None:
            st.table(table)


def runs_that_fit(workload: Workload, policies: tuple[Policy, ...], cells: list[dict], runs: int) -> int:
    """How many runs each cell can have; kept in the session, as looking through all cells takes some milliseconds."""
    at, key = session().map, (repr(workload), policies, repr(cells), runs)
    if at.fitting is None or at.fitting[0] != key:
        at.fitting = (key, sweeps.runs_that_fit(workload, policies, cells, runs))
    return at.fitting[1]


def price_is_missing(ask: str, keys: Sequence[str]) -> bool:
    """Whether what an epoch costs is asked without a price, which is then said."""
    if ask != "cost" or prices_of(values.now()).given or {"worker_per_hour", "server_per_hour"} & {*keys}:
        return False
    st.info("Set a price per worker (under *More*) to see what an epoch costs.", icon=":material/payments:")
    return True


@action
def stop(stopped: bool) -> None:
    """Stop computing the map, or resume it."""
    session().map.stopped = stopped


@remembered(entries=20_000, size="64MiB", own=0)
def rows_of(
    workload: Workload,
    cell: dict,
    policies: tuple[Policy, ...],
    runs: int,
    problem: Problem | None,
    searches: bool,
    prices: Prices,
) -> list[dict]:
    """The rows of one cell; searches: whether it is asked for a bandwidth."""
    if searches:
        return bandwidth_rows(workload, cell, policies, runs)
    if problem:
        return target_rows(workload, cell, policies, problem)
    return cell_rows(workload, cell, policies, runs, prices)


@remembered(entries=256, size="64MiB")
def answered(done: Done, asked: Asked) -> MapAnswer:
    """What the page shows of these cells, which `mapped` gave it."""
    return map_answer(pd.DataFrame(done.rows), asked)


def choice(key: str, options: Sequence[str], name: Callable[[str], str], on_change: Callable | None = None) -> str:
    """A control with its options by name; what a link asks for is one of them."""
    parameter, now = PARAMETERS[key], values.value(key)
    options = list(dict.fromkeys([*options, now]))
    then: dict[str, Any] = {"on_change": on_change, "args": (key, now)} if on_change else {}
    with values.mounted(key):
        return st.selectbox(
            parameter.label,
            options,
            index=options.index(now),
            format_func=name,
            key=key,
            help=parameter.help,
            **then,
        )


def question() -> str:
    """What is asked of every cell."""
    return choice("ask", tuple(QUESTIONS), lambda ask: QUESTIONS[ask].label)


def axis(which: str) -> str:
    """The parameter of the x-axis (across) or the y-axis (up): only those that the map can have."""
    measured = uploaded_trace.in_use() is not None
    beside = values.value("across") if which == "up" else "none"
    keys = offered(values.value("ask"), measured, beside)
    options = keys if which == "across" else ["none", *keys]
    return choice(which, options, lambda key: PARAMETERS[key].label if key in PARAMETERS else "none", picked_axis)


@action
def picked_axis(which: str, before: str) -> None:
    """After an axis was picked: it starts with its usual values, changes something, and goes together with the other.

    Picked for x, the parameter of y changes places with the one before.
    """
    now, other = values.value(which), "up" if which == "across" else "across"
    changes, beside = {f"{which}_values": ""}, values.value(other)
    if now == beside:
        changes |= {other: before, f"{other}_values": ""}
    elif "none" not in (now, beside) and not together(now, beside):
        changes |= {"up": "none", "up_values": ""}
    values.put(changes)
    values.put(to_act_on(values.now(), axes_now()))


def names_of(keys: Sequence[str], asked: Workload, policies: Sequence[Policy]) -> tuple[str, ...]:
    """The axes as `sweep` names them.

    Raises:
        ScenarioError: for one that this scenario and these policies do not have.

    """
    known = names_of_axes(asked, policies, prices_of(values.now()))
    for key in keys:
        if key not in known:
            labels = [PARAMETERS[each].label for each in axes_for(asked, policies)]
            raise ScenarioError(
                f"{PARAMETERS[key].label} cannot be an axis of this map. Choose another: {', '.join(labels)}."
            )
    return tuple(known[key] for key in keys)


def values_of_axes(keys: Sequence[str], typed: Sequence[str], most: int) -> tuple[tuple, ...]:
    """The values of each axis: those that are typed, or usual ones, of these no more than the cells that there may be.

    Raises:
        ScenarioError: for text that is no values, and for too many cells.

    """
    now, usual = values.now(), [not text.strip() for text in typed]
    found = [
        usual_values(now, key, keys[1 - i] if len(keys) == 2 else "none") if usual[i] else values_from(key, typed[i])
        for i, key in enumerate(keys)
    ]
    may_lose = [own or text == FRESH["up_values"] for own, text in zip(usual, typed, strict=True)]
    found = thinned(found, may_lose, most)
    cells = math.prod(map(len, found))
    if cells > most:
        raise ScenarioError(f"{cells:,} cells are more than {most:,}, the most for this question: type fewer values.")
    return tuple(found)


def about(policies: Sequence[Policy], keys: Sequence[str], cell: dict, ask: str) -> str:
    """The label of the policy that a map is about; one that has the axes, where that is why it is there."""
    labels = {policy.text: name_of(policy, cell) for policy in policies}
    options = list(labels)[1 if ask == "speedup" else 0 :]
    if len(policies) > len(values.value("policies")):
        options = [text for text in options if any(has(text, key) for key in keys)]
    if values.value("against") not in options:
        values.put({"against": options[0]})
    return labels[choice("against", options, labels.__getitem__)]


def map_chart(answer: MapAnswer, asked: Asked, picked: dict | None, pinned: dict | None) -> None:
    """The chart of a map, with what is picked of it, and where the pinned scenario lies on it."""
    drawn = answer.drawn
    assert drawn  # the page ends where nothing can be drawn
    marks = {"picked": mark_of(asked, picked), "pinned": mark_of(asked, pinned)}
    chart, words = replace(drawn.chart, data={**drawn.chart.data, **marks}), drawn.words
    if pinned:
        words += f" The pinned scenario lies at {place_in_words(pinned, asked, ', ')}."
    if len(asked.names) == 1:
        draw(chart, "map", words)
    else:
        draw(chart, chart_key(asked), words, on_select="rerun", selection_mode="cell")


def mark_of(asked: Asked, cell: dict | None) -> Columns:
    """What marks a cell of a map, or a point of its only axis; nothing where there is none."""
    if len(asked.names) == 1:
        return charts.vertical(cell[asked.names[0]] if cell else None)
    x, y = (axis.index(cell[name]) for name, axis in zip(asked.names, asked.values, strict=True)) if cell else (0, 0)
    return charts.outline((x, y) if cell else None)


def chart_key(asked: Asked) -> str:
    """What Streamlit calls the chart of a map over these axes: over others, nothing is picked yet."""
    return f"map {asked.names} {asked.values}"


def pick(asked: Asked) -> dict | None:
    """The cell that is picked: by a click, or of a single axis by a slider; by its dotted names."""
    if len(asked.names) == 1:
        return {asked.names[0]: picked_point(asked)}
    return picked_cell(clicked(asked), asked)


def clicked(asked: Asked) -> tuple[int, int] | None:
    """The place of the cell that the chart says is selected."""
    event = st.session_state.get(chart_key(asked))
    cells = event["selection"].get("cell") if event else None
    return (int(cells[0]["x"]), int(cells[0]["y"])) if cells else None


def picked_point(asked: Asked) -> float:
    """The point of an axis that is picked: as the address has it, or where the slider was moved to."""
    (name,), (axis,), (title,) = asked.names, asked.values, asked.titles
    progress, said = session().map, values.value("cell")
    if progress.point != said:
        named = [value for value in axis if as_text([value]) == said]
        if named:
            st.session_state[f"point {name}"] = named[0]
        progress.point = said
    point = st.select_slider(title, axis, key=f"point {name}", format_func=lambda value: f"{value:,g}")
    progress.point = as_text([point]) if point != axis[0] else ""
    if progress.point != said:
        values.put({"cell": progress.point})
    return point


def picked_cell(clicked: tuple[int, int] | None, asked: Asked) -> dict | None:
    """The cell that the address names, or that has just been clicked; none once a click has let go of it."""
    progress, said = session().map, values.value("cell")
    if clicked != progress.clicked:
        progress.clicked = clicked
        said = as_text([axis[place] for axis, place in zip(asked.values, clicked, strict=True)]) if clicked else ""
    cells = {as_text(cell): cell for cell in itertools.product(*asked.values)}
    if said not in cells:
        said = ""
    if said != values.value("cell"):
        values.put({"cell": said})
    return dict(zip(asked.names, cells[said], strict=True)) if said else None


def as_text(cell: Sequence[float]) -> str:
    """What a link calls a cell: its values with commas between."""
    return ",".join(f"{value:g}" for value in cell)
