"""Who waits for whom: every policy."""

from core.policies.barrier import BackupWorkers, ElasticSynchronous, LocalSGD, Rebalanced, Synchronous
from core.policies.base import Policy
from core.policies.push import Asynchronous, KAsync, StaleSynchronous

__all__ = [
    "Asynchronous",
    "BackupWorkers",
    "ElasticSynchronous",
    "KAsync",
    "LocalSGD",
    "Policy",
    "Rebalanced",
    "StaleSynchronous",
    "Synchronous",
]
