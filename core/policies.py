"""Every policy, by name: adding one is a class and its name here."""

from core.barrier_policies import BackupWorkers, LocalSGD, Rebalanced, Synchronous
from core.policy import Policy
from core.push_policies import Asynchronous, KAsync, StaleSynchronous

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
]

POLICIES = {
    policy.__name__: policy
    for policy in (Synchronous, Asynchronous, StaleSynchronous, BackupWorkers, KAsync, LocalSGD, Rebalanced)
}
