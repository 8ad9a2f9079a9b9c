"""Who waits for whom: the mode of Timeline, and the policies that the other pages compare."""

import streamlit as st

from core.common.parameters import Flag, Number, OneOf, keys, parameters
from core.links import DEFAULTS, MOST_POLICIES, PARAMETERS
from core.policies.barrier import BackupWorkers
from core.policies.base import Policy
from core.policies.registry import CODES, policy_from_text
from core.report.parameters import NAMES
from pages.shared.controls import values
from pages.shared.controls.widgets import control
from pages.shared.errors import action


def mode_and_its_parameters() -> None:
    """The policy of Timeline, its rule, and its own parameters."""
    mode = control("mode", on_change=propose)
    for key in keys(CODES[mode]).values():
        control(key)
    st.caption(policy_of_mode().rule)


def policy_of_mode() -> Policy:
    """The policy that the controls of Timeline describe."""
    now, kind = values.now(), CODES[values.value("mode")]
    return kind.nearest(**{name: now[key] for name, key in keys(kind).items()}).fitted(now["workers"])


@action
def propose() -> None:
    """Parameters that make sense for the mode that was picked, where nobody has set them."""
    kind, now = CODES[values.value("mode")], values.now()
    proposed = kind.proposed(now["workers"])
    untouched = {name: key for name, key in keys(kind).items() if now[key] == DEFAULTS[key]}
    values.put({key: getattr(proposed, name) for name, key in untouched.items()})


def policies() -> None:
    """The policies to compare, and a way to add one with its number."""
    control("policies")
    if len(values.value("policies")) < MOST_POLICIES:
        with st.popover("Add a policy", icon=":material/add:", width="stretch"):
            add_a_policy()


def add_a_policy() -> None:
    """A policy by its name, its rule, and its number as people say it."""
    workers = values.value("workers")
    code = st.selectbox("Policy", list(CODES), format_func=lambda code: NAMES["mode"][code], key="new_policy", index=2)
    kind = CODES[code]
    fields = {name: field_of(kind, name, workers) for name in keys(kind)}
    policy = kind.nearest(**fields).fitted(workers)
    st.caption(policy.rule)
    there = policy.text in [policy_from_text(text).text for text in values.value("policies") if is_policy(text)]
    st.button(
        "Already there" if there else "Add",
        on_click=add,
        args=(policy.text,),
        disabled=there,
        type="primary",
        icon=":material/add:",
    )


def field_of(kind: type[Policy], name: str, workers: int) -> object:
    """The widget of a policy's parameter, at what is proposed, and its value."""
    parameter, key = parameters(kind)[name], f"new_{kind.code}_{name}_{workers}"
    proposed = getattr(kind.proposed(workers), name)
    if isinstance(parameter.rule, OneOf):
        return st.selectbox(parameter.label, parameter.rule.choices, key=key, help=parameter.help)
    if isinstance(parameter.rule, Flag):
        return st.toggle(parameter.label, proposed, key=key, help=parameter.help)
    assert isinstance(parameter.rule, Number)
    least, most = parameter.rule.ends
    if kind is BackupWorkers:
        label = f"Drop the slowest (of {workers:,})"
        return workers - st.number_input(label, 0, workers - 1, workers - proposed, key=key)
    if "wait_for" in name:
        most = workers
    return st.number_input(parameter.label, least, most, proposed, key=key, help=parameter.help)


def is_policy(text: str) -> bool:
    """Whether a text names a policy."""
    return PARAMETERS["policies"].rule.accepts([text, "sync" if text != "sync" else "async"])


@action
def add(text: str) -> None:
    """One more policy to compare."""
    values.put({"policies": (*values.value("policies"), text)})
