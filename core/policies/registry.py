"""Every policy, by name: adding one is a class and its name here."""

from collections.abc import Sequence

from core.common.parameters import OneOf, Whole, parameters
from core.common.validation import ScenarioError, shown
from core.policies.barrier import BackupWorkers, LocalSGD, Rebalanced, Synchronous
from core.policies.base import Policy
from core.policies.push import Asynchronous, KAsync, StaleSynchronous

__all__ = [
    "POLICIES",
    "Asynchronous",
    "BackupWorkers",
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
    for policy in (Synchronous, Asynchronous, StaleSynchronous, BackupWorkers, KAsync, LocalSGD, Rebalanced)
}
CODES = {policy.code: policy for policy in POLICIES.values()}


def policy_from_text(text: str) -> Policy:
    """The policy that `Policy.text` names: "ssp 3", "async shared"; parameters that are left out take their defaults.

    Args:
        text: a policy's code and its parameters, with spaces between.

    Raises:
        ScenarioError: for a name or a parameter that no policy knows.

    Example:
        >>> policy_from_text("ssp 3")
        StaleSynchronous(bound=3)

    """
    if not isinstance(text, str):
        raise ScenarioError(f"policies: {shown(text)} is not a text that names a policy.")
    code, *words = text[:40].lower().split() or [""]
    values = fields_from_words(CODES[code], words) if code in CODES else None
    if values is None:
        known = "sync, async, async shared, async 4, ssp 1, backup 7, k-async 4, local 8, rebalanced"
        raise ScenarioError(f"policies: {shown(text)} is not a policy; write, for example, {known}.")
    return CODES[code](**values)


def fields_from_words(kind: type[Policy], words: Sequence[str]) -> dict | None:
    """The fields of a policy that words stand for: a number for the one that takes whole numbers, others for the rest.

    None where a word stands for no field, or two stand for the same.
    """
    values: dict = {}
    for word in words:
        rule = Whole if word.isdecimal() else OneOf
        name = next((name for name, parameter in parameters(kind).items() if isinstance(parameter.rule, rule)), None)
        if name is None or name in values:
            return None
        values[name] = int(word) if rule is Whole else word
    return values
