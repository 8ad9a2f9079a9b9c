"""Every policy, by name: adding one is a class and its name here."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.common.parameters import Flag, OneOf, Parameter, Whole, parameters
from core.common.validation import ScenarioError, shown
from core.policies.barrier import BackupWorkers, ElasticSynchronous, LocalSGD, Rebalanced, Synchronous
from core.policies.base import Policy
from core.policies.push import Asynchronous, KAsync, StaleSynchronous

__all__ = [
    "POLICIES",
    "Asynchronous",
    "BackupWorkers",
    "ElasticSynchronous",
    "KAsync",
    "LocalSGD",
    "Policy",
    "Rebalanced",
    "StaleSynchronous",
    "Synchronous",
    "policy_from_text",
]

POLICIES: dict[str, type[Policy]] = {
    policy.__name__: policy
    for policy in (
        *(Synchronous, Asynchronous, StaleSynchronous, BackupWorkers),
        *(KAsync, LocalSGD, Rebalanced, ElasticSynchronous),
    )
}
CODES = {policy.code: policy for policy in POLICIES.values()}


def policy_from_text(text: str) -> Policy:
    """The policy that `Policy.text` names: "ssp 3", "async shared"; parameters that are left out take their defaults.

    Args:
        text: a policy's code and its parameters, with spaces between; those after the first go by their names:
            "local 8 delay 2 fragments 4".

    Raises:
        ScenarioError: for a name or a parameter that no policy knows.

    Example:
        >>> policy_from_text("ssp 3")
        StaleSynchronous(bound=3)

    """
    if not isinstance(text, str):
        raise ScenarioError(f"policies: {shown(text)} is not a text that names a policy.")
    code, *words = text[:60].lower().split() or [""]
    values = fields_from_words(CODES[code], words) if code in CODES else None
    if values is None:
        known = "sync, async, async shared, async 4, ssp 1, backup 7, k-async 4, local 8, local 8 delay 2, rebalanced"
        raise ScenarioError(f"policies: {shown(text)} is not a policy; write, for example, {known}, elastic.")
    return CODES[code](**values)


def fields_from_words(kind: type[Policy], words: Sequence[str]) -> dict | None:
    """The fields of a policy that words stand for.

    A number is for the first field that takes whole numbers, another word for one that takes it; a field's name comes
    before its number, or alone where it is one that is true or false. None where a word stands for no field, or two
    stand for the same.
    """
    known, values, left = parameters(kind), {}, list(words)
    while left:
        word = left.pop(0)
        found = field_of(known, word, left)
        if found is None or found[0] in values:
            return None
        values[found[0]] = found[1]
    return values


def field_of(known: Mapping[str, Parameter], word: str, left: list[str]) -> tuple[str, Any] | None:
    """The field that a word stands for, and its value, which may be the next of the words that are left."""
    named = known.get(word)
    if named and isinstance(named.rule, Flag):
        return word, True
    if named and isinstance(named.rule, Whole) and left and left[0].isdecimal():
        return word, int(left.pop(0))
    rule = Whole if word.isdecimal() else OneOf
    name = next((name for name, parameter in known.items() if isinstance(parameter.rule, rule)), None)
    return None if name is None else (name, int(word) if rule is Whole else word)
