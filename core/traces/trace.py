"""A measured run: how long every worker computed, waited and communicated in every step."""

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.common.validation import TIME_RANGE_MS, ScenarioError, as_table, shown
from core.schedule.schedule import PHASES, REASONS
from core.schedule.tables import named
from core.workload.compute_laws import Measured

TIMES = ("compute_ms", "wait_ms", "comm_ms", "exposed_ms", "gpu_idle_ms")


@dataclass(frozen=True, kw_only=True)
class Column:
    """What a column of a table was taken for.

    Attributes:
        name: its heading.
        role: worker, step, compute, whole step, network, waiting, stage, or "" where it was left out.
        unit: of its times: ns, us, ms, s, min, h; "" where it holds none.
        guessed: whether heading and values leave room for doubt, so that somebody should look.
        why: how it was understood, or why it was left out.

    """

    name: str
    role: str = ""
    unit: str = ""
    guessed: bool = False
    why: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """What was measured of a run with a barrier after each step; arrays are (steps, workers) in ms.

    Attributes:
        compute_ms: how long each worker computed in each step, ms.
        worker_names: the workers' numbers or names, column by column.
        step_numbers: the numbers of the steps, row by row.
        wait_ms: how long each worker waited, ms; None where it was not measured.
        comm_ms: network time without waiting, ms; None where it was not measured.
        exposed_ms: time in collectives with nothing computed beside them, ms; wait_ms and comm_ms are the part of it
            that holds something up. None where launches of a device's work were not recorded.
        gpu_idle_ms: how long each worker's device had nothing to run, and nothing launched, ms; None as before.
        whole_steps: whether compute_ms holds whole steps, in which waiting may hide.
        notes: what was done to the data, in plain sentences.
        columns: what each column of the tables was taken for; none for profiler traces.

    Raises:
        ScenarioError: naming the field, for arrays of another shape than steps × workers and for values that are no
            times.

    """

    compute_ms: np.ndarray
    worker_names: tuple
    step_numbers: tuple[int, ...]
    wait_ms: np.ndarray | None = None
    comm_ms: np.ndarray | None = None
    exposed_ms: np.ndarray | None = None
    gpu_idle_ms: np.ndarray | None = None
    whole_steps: bool = False
    notes: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()

    def __post_init__(self) -> None:
        for name in ("worker_names", "step_numbers"):
            if not isinstance(getattr(self, name), tuple):
                raise ScenarioError(f"{name}: {shown(getattr(self, name))} is not a tuple.")
        if not all(isinstance(step, numbers.Integral) for step in self.step_numbers):
            raise ScenarioError(f"step_numbers: {shown(self.step_numbers)} are not whole numbers.")
        for name in TIMES:
            if getattr(self, name) is not None or name == "compute_ms":
                least = TIME_RANGE_MS[0] if name == "compute_ms" else 0
                wanted = f"a table of {self.steps:,} step_numbers × {self.workers:,} worker_names"
                times = as_table(name, getattr(self, name), wanted, self.workers, max(1, self.steps), self.steps + 1)
                if len(times) > self.steps or not ((times >= least) & (times <= TIME_RANGE_MS[1])).all():
                    raise ScenarioError(
                        f"{name}: {shown(times)} are not times from {least:g} to {TIME_RANGE_MS[1]:g} ms of "
                        f"{self.steps:,} step_numbers × {self.workers:,} worker_names."
                    )
                object.__setattr__(self, name, times)

    @classmethod
    def checked(cls, value: Any, least_steps: int = 1) -> "Trace":
        """The value, or ScenarioError when it is not a trace of so many steps."""
        if not isinstance(value, cls):
            raise ScenarioError(f"trace: {shown(value)} is not a Trace.")
        if value.steps < least_steps:
            raise ScenarioError(f"trace: {value.steps} step says nothing about stragglers; {least_steps} or more do.")
        return value

    @property
    def steps(self) -> int:
        """Rows of the arrays."""
        return len(self.step_numbers)

    @property
    def workers(self) -> int:
        """Columns of the arrays."""
        return len(self.worker_names)

    @property
    def work(self) -> int:
        """Mini-batches that were measured."""
        return self.steps * self.workers

    @property
    def network_ms(self) -> float:
        """What the network costs after a barrier, ms: the median of comm_ms; 0 where it was not measured."""
        return 0.0 if self.comm_ms is None else float(np.median(self.comm_ms))

    @property
    def gpu_idle_percent(self) -> float | None:
        """Share of the time in which devices have nothing to run as the host has launched nothing; None if unknown."""
        if self.gpu_idle_ms is None:
            return None
        blocking = 0.0 if self.blocking_ms is None else self.blocking_ms.sum()
        return float(100 * self.gpu_idle_ms.sum() / (self.compute_ms.sum() + blocking))

    @property
    def blocking_ms(self) -> np.ndarray | None:
        """What collectives hold up, waiting and network together, ms; None where it was not measured."""
        if self.comm_ms is None:
            return None
        return self.comm_ms if self.wait_ms is None else self.comm_ms + self.wait_ms

    def to_law(self) -> Measured:
        """The compute times as a law that replays them."""
        return Measured(compute_ms=tuple(map(tuple, self.compute_ms.tolist())))

    def table(self) -> pd.DataFrame:
        """A row per mini-batch: worker, step, compute_ms, wait_ms and comm_ms where known. Its CSV reads back."""
        times = {"compute_ms": self.compute_ms, "wait_ms": self.wait_ms, "comm_ms": self.comm_ms}
        columns = {"worker": list(self.worker_names) * self.steps, "step": np.repeat(self.step_numbers, self.workers)}
        return pd.DataFrame(columns | {name: table.ravel() for name, table in times.items() if table is not None})

    def segments(self) -> pd.DataFrame:
        """Phases as a run has them: worker (0 first), batch (its step), phase, reason, start_ms, end_ms.

        Each worker's steps follow one another from 0 on. Waiting that was not measured is what a barrier would cost.
        """
        compute = self.compute_ms
        wait = compute.max(axis=1, keepdims=True) - compute if self.wait_ms is None else self.wait_ms
        comm = np.zeros_like(compute) if self.comm_ms is None else self.comm_ms
        spent = np.stack([compute, wait, comm], axis=2).transpose(1, 0, 2).reshape(compute.shape[1], -1)
        end = spent.cumsum(axis=1)
        worker, place = np.nonzero(spent)
        return pd.DataFrame(
            {
                "worker": worker,
                "batch": np.array(self.step_numbers)[place // 3],
                "phase": named(place % 3, ("compute", "wait", "comm"), PHASES),
                "reason": named(place % 3, ("", "barrier", ""), REASONS),
                "start_ms": (end - spent)[worker, place],
                "end_ms": end[worker, place],
            }
        )
