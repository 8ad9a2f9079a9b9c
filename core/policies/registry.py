"""Every policy, by name: adding one is a class and its name here."""

from dataclasses import fields

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

POLICIES = {
    policy.__name__: policy
    for policy in (Synchronous, Asynchronous, StaleSynchronous, BackupWorkers, KAsync, LocalSGD, Rebalanced)
}
CODES = {policy.code: policy for policy in POLICIES.values()}


def policy_from_text(text: str) -> Policy:
    """The policy that `Policy.text` names: "ssp 3", "async shared"; parameters that are left out take their defaults.

    Raises ScenarioError for a name or a parameter that no policy knows.
    """
    if not isinstance(text, str):
        raise ScenarioError(f"policies: {shown(text)} is not a text that names a policy.")
    code, *words = text[:40].lower().split() or [""]
    kind, values = CODES.get(code), {}
    for word in words if kind else []:
        sort = int if word.isdecimal() else str
        values[next((field.name for field in fields(kind) if field.type is sort), None)] = sort(word)
    if kind is None or None in values or len(values) < len(words):
        known = "sync, async, async shared, async 4, ssp 1, backup 7, k-async 4, local 8, rebalanced"
        raise ScenarioError(f"policies: {shown(text)} is not a policy; write, for example, {known}.")
    return kind(**values)
