"""Batch scheduler simulator: who waits for whom when N workers train in parallel, and what it costs."""

from core.compute import Constant, Uniform
from core.network import FlatLatency
from core.parts import ScenarioError
from core.policies import Asynchronous, Synchronous
from core.scenario import Scenario
from core.simulate import Run, compare, replicate, simulate

__all__ = [
    "Asynchronous",
    "Constant",
    "FlatLatency",
    "Run",
    "Scenario",
    "ScenarioError",
    "Synchronous",
    "Uniform",
    "compare",
    "replicate",
    "simulate",
]
