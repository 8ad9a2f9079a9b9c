"""The address bar: the one place that reads it and writes it.

What it says always opens the same words and numbers, on this machine or another, after a reload, and by Back and
Forward: it names every control that is not at its default. Links from page to page carry it along.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from core.common.validation import ScenarioError
from core.links import (
    DEFAULTS,
    OF_MAP,
    PARAMETERS,
    as_text,
    keys_that_matter,
    meant,
    pin_text,
    pinned_values,
    scenario_of,
    to_name,
    values_of,
    with_card,
)
from core.report.changes import OF_KINDS
from pages.shared.controls import values
from pages.shared.session import session

TIMELINE = ""
"""The address of the page that the server opens first."""
OF_A_TRACE = ("workers", "batches", "network", "latency_ms", "async_fraction", "async_least")
"""What a trace sets when it becomes the scenario."""


def take(page: str) -> None:
    """At the start of a run: the controls follow the address if that is what has changed, by Back, Forward or a link.

    A browser may send an address that is about to be replaced, together with a quick move of a control, a press of a
    button or a click on a link that was drawn before the last move; or that of the page before, whose run ended after
    its link was pressed. Those take precedence over the address; but a new address, such as that of a card, takes
    precedence over them.
    """
    known = session()
    known.asked = asked = query()
    before, is_here, comes = known.address, asked == known.address, page != known.page
    moved = values.take_over(by_widget=not known.acted and is_here and not comes) or known.acted
    outdated = asked in known.left_behind or (page, asked) in known.links
    late = not comes and asked in (known.came_by, known.came_from)
    stays = is_here or (comes and outdated) or (moved and (outdated or late))
    if known.values is None or not stays:
        read(asked, page)
    if comes:
        known.page, known.came_by, known.came_from = page, asked, before
        known.left_behind, known.links = [], []
        known.answered, known.map.clicked = False, None
    known.acted = False
    known.on_page.clear()
    for complaint in known.complaints:
        st.warning(complaint, icon=":material/link_off:")


def read(asked: dict[str, list[str]], page: str) -> None:
    """Set every control to what the address of a page says or means; what is refused is said."""
    known, accepted = session(), {}
    known.address, known.left_behind, known.complaints = asked, [], []
    for key, texts in asked.items():
        try:
            accepted[key] = PARAMETERS[key].rule.read(key, texts)
        except KeyError:
            known.complaints.append(f"The link names {as_code(key)}, which no control knows; it is ignored.")
        except ScenarioError as refused:
            known.complaints.append(refusal(key, texts, refused))
    if accepted.get("times") == "trace" and not known.upload.measurement:
        for key in ("times", *OF_A_TRACE):
            accepted.pop(key, None)
        known.complaints.append(
            "The uploaded trace behind this scenario is gone: it exists only in the session that uploaded it. Compute "
            "times, workers, batches and network are back at their defaults. To use the trace again, upload its files "
            "on Your trace."
        )
    if pins_own_trace(accepted.get("pin", "")) and not known.upload.measurement:
        del accepted["pin"]
        known.complaints.append(
            "The pinned scenario has the compute times of an uploaded trace, which exists only in the session that "
            "uploaded it. Nothing is pinned."
        )
    values.put(meant(asked, page) | with_card(accepted))
    known.address_values = None if known.complaints else values.now()


def write() -> None:
    """At the end of a run: the address says what is shown, and what is not on the page is kept."""
    session().complaints = []
    values.forget_widgets()
    say()


def say() -> None:
    """Have the address say what is shown; also in the middle of a page, after a part of it has run by itself."""
    known, now = session(), values.now()
    is_bare = known.page == TIMELINE and not known.address
    if now == known.address_values and query() == known.address and not is_bare:
        return
    said = short_query()
    if said != known.address:
        known.left_behind.append(known.address)
    st.query_params.from_dict(said)
    known.address, known.address_values = said, now


def query() -> dict[str, list[str]]:
    """The query of the address."""
    return {key: st.query_params.get_all(key) for key in st.query_params}


def short_query(page: str | None = None, changes: Mapping[str, Any] | None = None) -> dict[str, list[str]]:
    """The query that says what is shown on a page, or on this one, or would be with some values changed.

    Timeline's is never empty, as its address without any query opens Compare.
    """
    page = (session().page or TIMELINE) if page is None else page
    now = {**values.now(), **(changes or {})}
    said = {key: texts(value) for key, value in to_name(now, page).items()}
    return said or ({"mode": texts(now["mode"])} if page == TIMELINE else {})


def query_of_link(page: str) -> dict[str, list[str]]:
    """The query of a link to a page with the controls as they are, remembered in case it is pressed after a move."""
    said, links = short_query(page), session().links
    if (page, said) not in links:
        links.append((page, said))
    return said


def link() -> str:
    """A link to this page that says what matters even where it is the default, so that it outlives a changed default.

    A visitor's own trace stays behind: instead of its times there is the distribution that was fitted to them.
    """
    now, page = with_fitted_times(values.now()), session().page or ""
    kept = {"policies", "replicates", *keys_that_matter(now), *(OF_MAP if page == "map" else ())}
    named = {key: value for key, value in now.items() if key in kept} | to_name(now, page)
    if now["pin"]:
        pinned = {**DEFAULTS, **pinned_values(now["pin"])}
        named["pin"] = pin_text(pinned, keys_that_matter(pinned))
    if pins_own_trace(now["pin"]):
        del named["pin"]
    base = (st.context.url or "").split("?")[0]
    return f"{base}?{urlencode({key: texts(value) for key, value in named.items()}, doseq=True)}"


def with_fitted_times(now: dict[str, Any]) -> dict[str, Any]:
    """The controls with the distribution and stragglers fitted to the visitor's own trace, if its times are used."""
    measurement = session().upload.measurement
    if now["times"] != "trace" or measurement is None:
        return now
    fit = measurement.diagnosis.fits[0]
    stragglers = fit.stragglers_of(now["workers"])
    found = values_of(replace(scenario_of(now), compute=fit.compute, stragglers=stragglers))
    times = values.within_range({key: found[key] for key in OF_KINDS["times"] if key in found})
    return {**now, **times, "times": "controls"}


def texts(value: Any) -> list[str]:
    """A value as an address has it; whole numbers without decimals."""
    return list(value) if isinstance(value, tuple) else [as_text(value)]


def refusal(key: str, texts: list[str], refused: ScenarioError) -> str:
    """Why the value of a key of the address is not taken."""
    control, default = PARAMETERS[key], DEFAULTS[key]
    asked = f"The link asks for {as_code(key)} = {as_code(', '.join(texts))}, but {control.label} takes"
    if key == "pin":
        return f"{asked} {control.rule.allowed}. {inert(str(refused))} Nothing is pinned."
    used = ", ".join(default) if isinstance(default, tuple) else default
    return f"{asked} {control.rule.allowed}. The default, {used}, is used instead."


def pins_own_trace(pin: str) -> bool:
    """Whether a pinned scenario has the compute times of a trace of the visitor's own, which no link carries."""
    return "times trace" in pin


def as_code(text: str) -> str:
    """A stranger's text, short and inert in Markdown."""
    clean = "".join(c if c.isprintable() and c != "`" else "?" for c in text[:60])
    return f"`{clean or ' '}`"


def inert(text: str) -> str:
    """A stranger's text as Markdown that shows it and does nothing else."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>$~:])", r"\\\1", text)
