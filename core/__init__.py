"""Batch scheduler simulator: who waits for whom when N workers train in parallel, and what it costs.

A *worker* computes one *mini-batch* (or *batch*) after the other, B of them in an *epoch*; the gradient of each becomes
part of an *update* of the shared parameters. With a barrier, the batches that all workers compute between two barriers
are an *iteration*; in a measured run it is a *step*. *Row* k of an array holds the k-th batch of every worker.
"""

from core.common.validation import ScenarioError
from core.learning import best_period, learn, replay
from core.money import Cost, Costs, Prices, cost, costs
from core.policies import (
    Asynchronous,
    BackupWorkers,
    ElasticSynchronous,
    KAsync,
    LocalSGD,
    Rebalanced,
    StaleSynchronous,
    Synchronous,
)
from core.scenario import Scenario
from core.simulation.bandwidth import required_bandwidth
from core.simulation.paired import compare, replicate
from core.simulation.run import Run, simulate
from core.simulation.sweeps import sweep
from core.statistics.pairs import verdict
from core.statistics.verdicts import Verdict
from core.traces import Trace, diagnose, read_trace, what_if
from core.workload.compute_laws import Constant, Gumbel, LogNormal, Measured, Pareto, ShiftedExponential, Uniform
from core.workload.failures import Failures
from core.workload.networks import AlphaBeta, FlatLatency
from core.workload.stragglers import Stragglers
from core.workload.workload import Workload

__version__ = "0.9"

__all__ = [
    "AlphaBeta",
    "Asynchronous",
    "BackupWorkers",
    "Constant",
    "Cost",
    "Costs",
    "ElasticSynchronous",
    "Failures",
    "FlatLatency",
    "Gumbel",
    "KAsync",
    "LocalSGD",
    "LogNormal",
    "Measured",
    "Pareto",
    "Prices",
    "Rebalanced",
    "Run",
    "Scenario",
    "ScenarioError",
    "ShiftedExponential",
    "StaleSynchronous",
    "Stragglers",
    "Synchronous",
    "Trace",
    "Uniform",
    "Verdict",
    "Workload",
    "__version__",
    "best_period",
    "compare",
    "cost",
    "costs",
    "diagnose",
    "learn",
    "read_trace",
    "replay",
    "replicate",
    "required_bandwidth",
    "simulate",
    "sweep",
    "verdict",
    "what_if",
]
