"""A profiler trace as arrays: what matters of its events, by the process that they are from."""

import math
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.common.validation import MAX_BATCHES, MAX_WORKERS, ScenarioError
from core.traces.profiles.json_stream import JsonText, MalformedError
from core.traces.profiles.names import OWN_STEP, STEP, event_kind

MAX_TIME_US = 1e18
MAX_SPANS = 2**22  # of one kind in one process
MAX_KINDS = 2**16  # names that are remembered
MAX_OPEN = 2**16  # events whose end has not come yet
MAX_SEEN = 1_000  # names of events that do not matter
LINKS = ("correlation", "External id", "external id")
EVENTS = ("traceEvents", "trace_events", "events")
NO_ID = ANY_THREAD = -1
Key = int | str
"""What a file calls a process."""


class Spans:
    """When events of one kind started and ended, µs: 16 bytes an event."""

    def __init__(self) -> None:
        self.start, self.end = array("d"), array("d")

    def __len__(self) -> int:
        return len(self.start)

    def add(self, start: float, end: float, args: Any = None, tag: int = 0) -> None:
        """Keep an event."""
        self.start.append(start)
        self.end.append(end)

    def extend(self, other: Any) -> None:
        """Keep another's events, too."""
        for name, values in vars(self).items():
            values.extend(getattr(other, name))

    def times(self) -> np.ndarray:
        """(n, 2) starts and ends."""
        return np.column_stack([self.column("start"), self.column("end")])

    def column(self, name: str) -> np.ndarray:
        """One of the arrays, for NumPy."""
        values = getattr(self, name)
        return np.frombuffer(values, values.typecode) if values else np.empty(0, values.typecode)


class LinkedSpans(Spans):
    """And what links a launch with its work, and a small number: 36 bytes an event."""

    def __init__(self) -> None:
        super().__init__()
        self.correlation, self.external, self.tag = array("q"), array("q"), array("i")

    def add(self, start: float, end: float, args: Any = None, tag: int = 0) -> None:
        """Keep an event."""
        super().add(start, end)
        about = args if isinstance(args, dict) else {}
        self.correlation.append(as_id(about.get("correlation")))
        self.external.append(as_id(about.get("External id", about.get("external id"))))
        self.tag.append(tag)


def as_id(value: Any) -> int:
    """A number that links two events, or NO_ID."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        value = int(value)
    return value if type(value) is int and 0 <= value < 2**63 else NO_ID


def as_time(value: Any) -> float:
    """A time in µs, also where it is a text; not a number where it is none."""
    if isinstance(value, str) and len(value) < 40:
        try:
            value = float(value)
        except ValueError:
            return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_TIME_US:
        return math.nan
    return float(value)


LINKED, ALONE = ("work", "collective", "launch", "blocks"), ("op", "host collective", "loader")


@dataclass(eq=False)
class Process:
    """What one process, or one device, did."""

    spans: dict[str, Spans] = field(
        default_factory=lambda: {kind: LinkedSpans() for kind in LINKED} | {kind: Spans() for kind in ALONE}
    )
    steps: dict[str, dict[int, tuple[float, float]]] = field(
        default_factory=lambda: {"step": {}, "device step": {}, "own step": {}}
    )
    lost_steps: dict[str, set[int]] = field(default_factory=lambda: {"step": set(), "own step": set()})
    """Numbers of steps whose event says no time that can be used."""
    once_a_step: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    launched: set[str] = field(default_factory=set)
    """Names of launches of collectives that run on a device."""
    threads: set[int] = field(default_factory=set)
    """Which threads launch work or go through the steps."""

    def absorb(self, other: "Process") -> None:
        """Take over what another did."""
        for kind, spans in other.spans.items():
            self.spans[kind].extend(spans)
        for kind, steps in other.steps.items():
            self.steps[kind].update(steps)
        for kind, numbers in other.lost_steps.items():
            self.lost_steps[kind] |= numbers
        for name, times in other.once_a_step.items():
            self.once_a_step.setdefault(name, []).extend(times)
        self.launched |= other.launched
        self.threads |= other.threads


@dataclass(eq=False)
class Recording:
    """One file: its processes, what it says about the job, and what was wrong with it."""

    file: str
    processes: dict[Key, Process] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    """distributedInfo."""
    names: dict[Key, str] = field(default_factory=dict)
    """What processes are called."""
    keys: set[str] = field(default_factory=set)
    """Of the outermost object, by which tools are told apart."""
    seen: set[str] = field(default_factory=set)
    """Some names of events that do not matter."""
    groups: set[tuple[str, int]] = field(default_factory=set)
    """Process groups that collectives name, with their size."""
    events: int = 0
    without_time: int = 0
    passed_over: int = 0
    cut_off: bool = False
    damage: str = ""
    """What to say if nothing in it is of use."""

    def of_all(self) -> Process:
        """All processes as one."""
        if not self.processes:
            return Process()
        first, *others = self.processes.values()
        for other in others:
            first.absorb(other)
        self.processes = {next(iter(self.processes)): first}
        return first


class Reader:
    """Takes events in, one by one."""

    def __init__(self, file: str) -> None:
        self.recording = Recording(file)
        self.kinds: dict[tuple[Any, str], str] = {}
        self.threads: dict[tuple[Any, Any], int] = {}
        self.begun: dict[tuple[Key, Key], list[dict]] = {}
        self.open_events = 0

    def take(self, event: Any) -> None:
        """Keep of an event what matters."""
        if not isinstance(event, dict):
            return
        recording, phase, name = self.recording, event.get("ph"), event.get("name")
        recording.events += 1
        if phase == "E":
            self.end(event)
            return
        if not isinstance(name, str):
            return
        if phase == "B":
            self.begin(event)
            return
        if phase != "X":
            self.take_other(phase, name, event)
            return
        kind = self.kind_of(event.get("cat"), name)
        start, duration = event.get("ts"), event.get("dur")
        if type(start) is not float or type(duration) is not float:
            start, duration = as_time(start), as_time(duration)
        if not (0 <= start <= MAX_TIME_US and 0 <= duration <= MAX_TIME_US):
            recording.without_time += 1
            if kind in ("step", "own step"):
                self.lose_step(kind, name, event)
        elif kind:
            self.keep(kind, name, event, start, start + duration)

    def begin(self, event: dict) -> None:
        """Keep the beginning of an event whose end is an event of its own; no more than so many at a time."""
        self.see(event["name"])
        thread, args, category = thread_of(event), event.get("args"), event.get("cat")
        if self.open_events >= MAX_OPEN:
            return
        self.open_events += 1
        links = {key: as_id(args.get(key)) for key in LINKS} if isinstance(args, dict) else None
        known = {"name": event["name"][:10_000], "cat": category[:100] if isinstance(category, str) else ""}
        self.begun.setdefault(thread, []).append(known | {"ph": "X", "ts": as_time(event.get("ts")), "args": links})

    def end(self, event: dict) -> None:
        """Take an event in whose beginning was kept: the last one of its thread that is open."""
        open_ = self.begun.get(thread_of(event))
        if open_:
            self.open_events -= 1
            begun = open_.pop()
            whole = {"pid": event.get("pid"), "tid": event.get("tid"), "dur": as_time(event.get("ts")) - begun["ts"]}
            self.recording.events -= 1  # two halves
            self.take(begun | whole)

    def see(self, name: str) -> None:
        """Take note of the name of an event that does not matter, by which tools are told apart."""
        if len(self.recording.seen) < MAX_SEEN:
            self.recording.seen.add(name[:100])

    def kind_of(self, category: Any, name: str) -> str:
        """What an event is, looked up where it was seen before."""
        key = (category if isinstance(category, str) else "", name)
        kind = self.kinds.get(key)
        if kind is None:
            if len(self.kinds) >= MAX_KINDS:
                self.kinds.clear()
            kind = self.kinds[key] = event_kind(key[0][:100], name[:10_000])
            if not kind:
                self.see(name)
        return kind

    def take_other(self, phase: Any, name: str, event: dict) -> None:
        """Take note of what a process is called, and of what other tools write."""
        args = event.get("args")
        if phase == "M" and name in ("process_name", "process_labels"):
            label = args.get("name", args.get("labels")) if isinstance(args, dict) else None
            if isinstance(label, str) and len(self.recording.names) < MAX_WORKERS:
                self.recording.names.setdefault(as_key(event.get("pid")), label[:200])
        else:
            self.see(name)

    def process_of(self, event: dict) -> Process:
        """The process that an event is from."""
        key, processes = as_key(event.get("pid")), self.recording.processes
        if key not in processes:
            if len(processes) >= MAX_WORKERS:
                raise ScenarioError(f"{self.recording.file} is of more than {MAX_WORKERS:,} processes.")
            processes[key] = Process()
        return processes[key]

    def keep(self, kind: str, name: str, event: dict, start: float, end: float) -> None:
        """Keep an event of a kind that matters."""
        process, args = self.process_of(event), event.get("args")
        if kind in ("step", "device step", "own step"):
            self.keep_step(process, kind, name, start, end)
        elif kind == "once a step":
            times = process.once_a_step.setdefault(name[:100], [])
            if len(times) < MAX_BATCHES:
                times.append((start, end))
        elif kind == "launched collective":
            process.launched.add(name[:100])
            return
        elif kind in ("work", "collective"):
            self.add(process.spans[kind], start, end, args)
            if kind == "collective" and isinstance(args, dict) and len(self.recording.groups) < 100:
                self.note_group(args)
            return
        thread = self.thread_of(event)
        if kind.startswith("launch"):
            self.add(process.spans["launch"], start, end, args, int(kind == "launch that counts"))
        elif kind == "op that blocks":
            self.add(process.spans["op"], start, end)
        elif kind in ("op", "host collective", "loader"):
            self.add(process.spans[kind], start, end)
        if kind == "host blocks":
            self.add(process.spans["blocks"], start, end, None, ANY_THREAD)
        elif kind.endswith("blocks"):
            self.add(process.spans["blocks"], start, end, None, thread)
        elif kind.startswith("launch") or kind == "step":
            process.threads.add(thread)

    def add(self, spans: Spans, start: float, end: float, args: Any = None, tag: int = 0) -> None:
        """Keep an event; ScenarioError where there are too many."""
        if len(spans) >= MAX_SPANS:
            raise ScenarioError(
                f"{self.recording.file} has more than {MAX_SPANS:,} events that matter; record fewer steps."
            )
        spans.add(start, end, args, tag)

    def keep_step(self, process: Process, kind: str, name: str, start: float, end: float) -> None:
        """A step spans what its streams on a device span together; on the host it comes once."""
        found = STEP.fullmatch(name) or OWN_STEP.fullmatch(name)
        assert found
        number, steps = int(found[1]), process.steps[kind]
        known = steps.get(number)
        if known and known != (start, end) and kind == "step":
            raise ScenarioError(f"{self.recording.file}: ProfilerStep#{number} is there twice; give one file per rank.")
        if len(steps) > MAX_BATCHES:
            raise ScenarioError(f"{self.recording.file} has more than {MAX_BATCHES:,} steps; record fewer.")
        steps[number] = (min(start, known[0]), max(end, known[1])) if known else (start, end)

    def lose_step(self, kind: str, name: str, event: dict) -> None:
        """Take note of a step whose event says no time that can be used."""
        found = STEP.fullmatch(name) or OWN_STEP.fullmatch(name)
        lost = self.process_of(event).lost_steps[kind]
        if found and len(lost) < MAX_BATCHES:
            lost.add(int(found[1]))

    def thread_of(self, event: dict) -> int:
        """A small number for a thread."""
        key = thread_of(event)
        if len(self.threads) >= MAX_KINDS:
            self.threads.clear()
        return self.threads.setdefault(key, len(self.threads))

    def note_group(self, args: dict) -> None:
        """Take note of the process group that a collective is of."""
        size = args.get("Group size", args.get("group size"))
        named = args.get("Process Group Description", args.get("Process Group Name"))
        if type(size) is int and isinstance(named, str):
            self.recording.groups.add((named[:100], size))


def as_key(value: Any) -> Key:
    """A process or a thread as it is called, short."""
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\d{1,9}", value) else value[:100]
    return value if type(value) is int and abs(value) < 2**63 else -1


def thread_of(event: dict) -> tuple[Key, Key]:
    """The process and the thread of an event."""
    return as_key(event.get("pid")), as_key(event.get("tid"))


def read_recording(file: str, pieces: Iterator[str]) -> Recording:
    """What matters of one file. Raises ScenarioError where nothing of it can be read."""
    text, reader = JsonText(file, pieces), Reader(file)
    recording = reader.recording
    try:
        take_text(text, reader)
    except MalformedError:
        if not recording.events:
            raise
        recording.cut_off = True
    recording.passed_over = text.passed_over
    recording.cut_off = recording.cut_off or text.cut_off
    if recording.cut_off or recording.passed_over:
        recording.damage = str(text.malformed())
    return recording


def take_text(text: JsonText, reader: Reader) -> None:
    """Take all events in, from an array of them or from an object that has one."""
    if text.peek() == "[":
        for event in text.elements():
            reader.take(event)
        return
    for key in text.members():
        if isinstance(key, str) and len(reader.recording.keys) < 1_000:
            reader.recording.keys.add(key[:100])
        if key in EVENTS and text.peek() == "[":
            for event in text.elements():
                reader.take(event)
        elif (value := text.value()) and key == "distributedInfo" and isinstance(value, dict):
            reader.recording.about = value
