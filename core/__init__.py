"""Batch scheduler simulator: who waits for whom when N workers train in parallel, and what it costs."""

from core.compute import Constant, Gumbel, LogNormal, Measured, Pareto, ShiftedExponential, Uniform
from core.network import AlphaBeta, FlatLatency
from core.parts import ScenarioError
from core.policies import Asynchronous, BackupWorkers, KAsync, LocalSGD, Rebalanced, StaleSynchronous, Synchronous
from core.scenario import Scenario
from core.simulate import Run, compare, replicate, simulate
from core.stragglers import Stragglers
from core.sweeps import sweep
from core.traces import Trace, read_trace

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
