"""Batch scheduler simulator: who waits for whom when N workers train in parallel, and what it costs."""

from core.common.validation import ScenarioError
from core.policies import Asynchronous, BackupWorkers, KAsync, LocalSGD, Rebalanced, StaleSynchronous, Synchronous
from core.scenario import Scenario
from core.simulation.paired import compare, replicate
from core.simulation.run import Run, simulate
from core.simulation.sweeps import sweep
from core.traces.reading import read_trace
from core.traces.trace import Trace
from core.workload.compute_laws import Constant, Gumbel, LogNormal, Measured, Pareto, ShiftedExponential, Uniform
from core.workload.networks import AlphaBeta, FlatLatency
from core.workload.stragglers import Stragglers

__all__ = [
    "AlphaBeta",
    "Asynchronous",
    "BackupWorkers",
    "Constant",
    "FlatLatency",
    "Gumbel",
    "KAsync",
    "LocalSGD",
    "LogNormal",
    "Measured",
    "Pareto",
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
    "compare",
    "read_trace",
    "replicate",
    "simulate",
    "sweep",
]
