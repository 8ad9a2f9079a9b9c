"""Steps of one rank from its PyTorch profiler trace (Kineto, Chrome trace-event JSON)."""

import codecs
import re
from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from core.common.validation import MAX_BATCHES, ScenarioError, shown
from core.traces.files import Rows, rank_in
from core.traces.json_stream import JsonText

STEP = re.compile(r"ProfilerStep#(\d{1,9})")
GPU_WORK = {"kernel", "gpu_memcpy", "gpu_memset"}
GPU_COLLECTIVE = re.compile(r"nccl|rccl|msccl|oneccl|hccl", re.IGNORECASE)
CPU_COLLECTIVE = re.compile(  # as the back end names them, or a span of the user's own; nccl's are mere launches
    r"(gloo|mpi|ucc):\w+|(mpi_)?(all_?reduce|all_?gather|reduce_?scatter|all_?to_?all|broadcast|barrier)",
    re.IGNORECASE,
)
MAX_TIME_US = 1e18
MAX_SPANS = 2**22  # of one kind in one file


class Spans:
    """The events of one rank that matter, 16 bytes each: its steps, its collectives, its computing (times in µs)."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.steps: dict[str, dict[int, tuple[float, float]]] = {"cpu": {}, "gpu": {}}
        self.collective = {"cpu": array("d"), "gpu": array("d")}
        self.compute = {"cpu": array("d"), "gpu": array("d")}

    def keep(self, event: Any) -> None:
        """Take note of an event, if it matters."""
        if not isinstance(event, dict) or event.get("ph") != "X":
            return
        kind, name = str(event.get("cat", "")).lower(), event.get("name")
        if not isinstance(name, str):
            return
        if kind in GPU_WORK:
            self.add((self.collective if GPU_COLLECTIVE.match(name) else self.compute)["gpu"], event)
        elif kind == "cpu_op" and name.startswith("aten::"):  # others may contain the waiting
            self.add(self.compute["cpu"], event)
        elif step := STEP.fullmatch(name):
            self.keep_step("gpu" if kind.startswith("gpu") else "cpu", int(step[1]), *self.span(event))
        elif kind == "user_annotation" and CPU_COLLECTIVE.fullmatch(name):
            self.add(self.collective["cpu"], event)

    def add(self, spans: array, event: dict) -> None:
        """Keep when an event started and ended; ScenarioError where there are too many."""
        if len(spans) >= 2 * MAX_SPANS:
            raise ScenarioError(f"{self.file} has more than {MAX_SPANS:,} events that matter; record fewer steps.")
        spans.extend(self.span(event))

    def keep_step(self, where: str, number: int, start: float, end: float) -> None:
        """A step spans what its streams on the GPU span together; on the CPU it comes once."""
        known = self.steps[where].get(number)
        if known and where == "cpu":
            raise ScenarioError(f"{self.file}: ProfilerStep#{number} is there twice; give one file per rank.")
        if len(self.steps[where]) > MAX_BATCHES:
            raise ScenarioError(f"{self.file} has more than {MAX_BATCHES:,} steps; record fewer.")
        self.steps[where][number] = (min(start, known[0]), max(end, known[1])) if known else (start, end)

    def span(self, event: dict) -> tuple[float, float]:
        """When an event started and ended, µs; ScenarioError where it does not say."""
        start, duration = event.get("ts"), event.get("dur")
        if (
            not isinstance(start, int | float)
            or not isinstance(duration, int | float)
            or not abs(start) <= MAX_TIME_US
            or not 0 <= duration <= MAX_TIME_US
        ):
            raise ScenarioError(
                f"{self.file}: event {shown(event['name'])} has ts {shown(start)} and dur {shown(duration)}, "
                "not two times in µs."
            )
        return start, start + duration


def read_kineto(file: str, pieces: Iterator[bytes]) -> Rows:
    """The steps of one rank: compute_ms is what collectives leave of a step, comm_ms what they take, waiting included.

    Only time in which nothing is computed counts as a collective's. Where collectives run on the GPU, a step goes
    from the end of the step before to its own end there. Raises ScenarioError for a file without ProfilerStep# spans.
    """
    spans = Spans(file)
    text = JsonText(file, codecs.iterdecode(pieces, "utf-8-sig", errors="replace"))
    about = {}
    if text.peek() == "[":
        for event in text.elements():
            spans.keep(event)
    else:
        for key in text.members():
            if key == "traceEvents":
                for event in text.elements():
                    spans.keep(event)
            elif (value := text.value()) and key == "distributedInfo" and isinstance(value, dict):
                about = value
    return rows_of(spans, about)


def rows_of(spans: Spans, about: dict) -> Rows:
    """One row a step, from the events of a rank and what its file says about the job."""
    if not spans.steps["cpu"] and not spans.steps["gpu"]:
        raise ScenarioError(f"{spans.file} has no ProfilerStep# spans: call prof.step() after every mini-batch.")
    collective_on = "gpu" if spans.collective["gpu"] or "nccl" in str(about.get("backend")) else "cpu"
    compute_on = "gpu" if spans.compute["gpu"] else "cpu"
    numbers, start, end = windows(spans, collective_on)
    collective, compute = intervals(spans.collective[collective_on]), intervals(spans.compute[compute_on])
    exposed_us = exposed(collective, compute, start, end)
    rank = about.get("rank")
    table = pd.DataFrame({"step": numbers, "compute_ms": (end - start - exposed_us) / 1000})
    return Rows(
        file=spans.file,
        table=table.assign(comm_ms=exposed_us / 1000) if len(collective) else table,
        rank=rank if type(rank) is int and rank >= 0 else rank_in(spans.file),
        whole_steps=not len(collective),
    )


def windows(spans: Spans, collective_on: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers, starts and ends of the steps, by the clock that the collectives go by where there is one."""
    on_gpu = collective_on == "gpu" and bool(spans.steps["gpu"])
    steps = spans.steps["gpu" if on_gpu else "cpu"] or spans.steps["gpu"]
    numbers = np.array(sorted(steps))
    start, end = np.array([steps[number] for number in numbers.tolist()], dtype=float).T
    if on_gpu:  # its span begins with the first kernel: the time to get there belongs to the step
        follows = np.diff(numbers, prepend=numbers[0]) == 1
        start = np.where(follows, np.roll(end, 1), start)
    return numbers, start, end


def intervals(pairs: array) -> np.ndarray:
    """(n, 2) starts and ends."""
    return np.frombuffer(pairs).reshape(-1, 2) if pairs else np.empty((0, 2))


def exposed(collective: np.ndarray, compute: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """How much of each window from start to end lies in collectives, with nothing computed beside them."""
    if not len(collective):
        return np.zeros(len(start))
    begin, until = merged(collective)
    before = np.searchsorted(begin, compute[:, 1])  # collectives that begin before a span ends
    beside = compute[(before > 0) & (until[before - 1] > compute[:, 0])]
    return covered(np.concatenate([collective, beside]), start, end) - covered(beside, start, end)


def covered(spans: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """How much of each window from start to end lies in at least one span."""
    if not len(spans):
        return np.zeros(len(start))
    begin, until = merged(spans)
    total = np.append(0, np.cumsum(until - begin))

    def up_to(time: np.ndarray) -> np.ndarray:
        begun = np.searchsorted(begin, time)
        return total[begun] - np.where(begun > 0, np.maximum(until[begun - 1] - time, 0), 0)

    return up_to(end) - up_to(start)


def merged(spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of the time that the spans (at least one) cover together, in order."""
    spans = spans[np.argsort(spans[:, 0])]
    reach = np.maximum.accumulate(spans[:, 1])
    apart = spans[1:, 0] > reach[:-1]
    return spans[np.append(True, apart), 0], reach[np.append(apart, True)]
