"""What is said of a job's pipeline stages, resumed runs and missing ranks: recomputed from the rows that were written.

A note that no pattern here knows fails, and so does one that is missing.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

import numpy as np
import pandas as pd

from core.traces.files import Origin, Rows
from core.traces.profiles.workers import identified
from core.traces.reading import cleaned, read_trace
from tests.core.report.test_caption_sentences import close, plain
from tests.trace_files import Upload

STAGE_NAMES = ("stage", "pp_rank", "pipeline_stage")
TIME = r"(\S+ m?s)"


@dataclass
class Row:
    """A line of a file."""

    worker: int
    stage: int
    attempt: int
    step: int
    compute_ms: float


@dataclass
class Job:
    """Some ranks of a job, whose stages have different work, and which went back to one of its steps now and then."""

    parts: list[list[Row]]
    """Of every time it started, in order."""
    size: int
    way: str
    """How starts are told apart: by file, by a column, or by steps alone; "once" where there was one only."""
    stages: int
    wrong: list[Row] = field(default_factory=list)
    """Whose time is none."""

    @classmethod
    def made(cls, rng):
        workers, stages = int(rng.integers(2, 10)), int(rng.choice([1, 2, 3, 8]))
        of_stage = 100 * (1 + 0.3 * rng.permutation(stages))
        way = str(rng.choice(["once", "files", "attempts", "rows"]))
        starts, first, parts = int(rng.integers(2, 4)) if way != "once" else 1, int(rng.integers(0, 30)), []
        begin = end = first
        for attempt in range(starts):
            end = max(begin + 4, end + 1) + int(rng.integers(4))
            parts.append(
                [
                    Row(w, w % stages, attempt, s, round(of_stage[w % stages] * rng.uniform(0.9, 1.1), 4))
                    for s in range(begin, end)
                    for w in range(workers)
                ]
            )
            begin = int(rng.integers(begin + 1, end - 1))
        job = cls(parts, workers + int(rng.choice([0, 0, 1, 2_000])), way, min(stages, workers))
        for row in rng.permutation(np.array([row for part in parts for row in part], dtype=object)).tolist():
            if len(job.wrong) < rng.choice([0, 0, 2]):
                row.compute_ms = -1
                job.wrong.append(row)
        return job

    @property
    def workers(self):
        return sorted({row.worker for part in self.parts for row in part})

    def uploads(self, rng):
        """The job as files: a row a line, in a file for each start or in one."""
        stage = str(rng.choice(STAGE_NAMES))
        heads = ["rank", "world_size", "step", "compute_ms"]
        heads += [stage] * (self.stages > 1) + ["attempt"] * (self.way == "attempts")
        files = self.parts if self.way == "files" else [[row for part in self.parts for row in part]]
        return [
            Upload(f"part{number}.csv", "\n".join([",".join(heads), *(self.line(row) for row in rows)]))
            for number, rows in enumerate(files)
        ]

    def line(self, row):
        cells = [row.worker, self.size, row.step, row.compute_ms]
        return ",".join(map(str, cells + [row.stage] * (self.stages > 1) + [row.attempt] * (self.way == "attempts")))

    def last(self):
        """The rows that count: of each worker and step that of the last start."""
        return {(row.worker, row.step): row for part in self.parts for row in part}

    def replaced(self):
        """How many rows a later one stands in for, over all workers."""
        return sum(map(len, self.parts)) - len(self.last())

    def stage_times(self):
        """The median time of each stage, of the rows that count and are times."""
        times = {}
        for row in self.last().values():
            if row.compute_ms > 0:
                times.setdefault(row.stage, []).append(row.compute_ms)
        return {stage: median(of) for stage, of in times.items()}

    def compared(self):
        """The workers of the slowest stage."""
        times = self.stage_times()
        slowest = max(times, key=times.__getitem__)
        return [worker for worker in self.workers if worker % len(times) == slowest]


def check_note(note, job):
    """Which of the sentences it is, once it is found true."""
    if found := re.fullmatch(
        rf"Pipeline stages have different work by design, so only workers of one stage are compared: those of stage "
        rf"(\d+), which takes longest \({TIME} per step; stage (.*)\)\.",
        note,
    ):
        times = job.stage_times()
        shown = {int(found[1]): found[2]}
        others, _, more = found[3].partition(" and ")
        shown |= {int(stage): time for stage, time in re.findall(rf"(\d+) {TIME}(?:, |$)", others)}
        assert int(re.sub(r"\D", "", more) or 0) == len(times) - len(shown)
        assert all(close(time, times[stage]) for stage, time in shown.items())
        longest_first = sorted(times, key=times.__getitem__, reverse=True)
        assert list(shown) == longest_first[: len(shown)]
        return "stages"
    if found := re.fullmatch(r"([\d,]+) of ([\d,]+) ranks are here: the slowest may be among the others\.", note):
        assert [int(number.replace(",", "")) for number in found.groups()] == [len(job.workers), job.size]
        return "ranks"
    if found := re.fullmatch(
        r"The run was resumed: where a step is in several files, the last of them counts, in the order given; "
        r"(\d+) rows? left out\.",
        note,
    ):
        assert int(found[1]) == job.replaced()
        assert job.way == "files"
        return "resumed"
    if found := re.fullmatch(
        r"part0\.csv: the run was resumed: where a step is repeated, its last row counts; (\d+) rows? left out\.", note
    ):
        assert int(found[1]) == job.replaced()
        assert job.way == "rows"
        return "resumed"
    if re.fullmatch(r"part0\.csv: of steps that were run again, those of the last 'attempt' count\.", note):
        assert job.way == "attempts"
        return "resumed"
    if found := re.match(r"(\d+) rows? (?:was|were) left out\.", note):
        assert int(found[1]) == sum(row.compute_ms < 0 for row in job.last().values())
        return "wrong"
    assert re.match("Steps left out because some workers lack them: ", note), f"nobody checks this sentence: {note}"
    return "missing"


def expected(job):
    """The sentences that have to be there."""
    lacking = {}
    for row in job.last().values():
        if row.worker in job.compared():
            lacking[row.step] = lacking.get(row.step, 0) + (row.compute_ms < 0)
    conditions = {
        "stages": job.stages > 1,
        "ranks": job.size > len(job.workers),
        "resumed": job.way != "once",
        "wrong": any(row.compute_ms < 0 for row in job.last().values()),
        "missing": any(0 < lacks < len(job.compared()) for lacks in lacking.values()),
    }
    return {name for name, holds in conditions.items() if holds}


def test_what_is_said_of_stages_resumed_runs_and_missing_ranks():
    seen = set()
    for seed in range(15):
        rng = np.random.default_rng(seed)
        job = Job.made(rng)
        trace = read_trace(job.uploads(rng))
        said = [check_note(plain(note), job) for note in trace.notes]
        assert sorted(said) == sorted(expected(job)), (seed, trace.notes)
        assert list(trace.worker_names) == job.compared()
        last = job.last()
        times = [[last[worker, step].compute_ms for worker in job.compared()] for step in trace.step_numbers]
        assert trace.compute_ms.tolist() == times
        seen.update(said, [job.way])
    assert len(seen) == 9


@dataclass
class Profiles:
    """Profiler traces of some ranks of a job, in one file each or several that follow one another."""

    times: dict[int, list[np.ndarray]]
    """Of each rank, file by file, ms a step."""
    first: list[int]
    """The number of the first step of each file."""
    size: int
    stages: int
    tensor: bool
    """Whether ranks hold parts of tensors."""

    @classmethod
    def made(cls, rng):
        size = 2 * int(rng.integers(2, 9))
        ranks = sorted(rng.choice(size, int(rng.integers(1, size + 1)), replace=False).tolist())
        stages = int(rng.choice([1, 2, size // 2]))
        first = [[0], [3, 3], [0, 5, 5], [0, 5, 10]][int(rng.integers(4))]
        of_stage = 100 * (1 + 0.3 * rng.permutation(stages))
        times = {rank: [of_stage[rank % stages] * rng.uniform(0.9, 1.1, 5).round(3) for _ in first] for rank in ranks}
        return cls(times, first, size, stages, tensor=rng.random() < 0.3)

    @property
    def stage(self):
        """Of each rank; empty where the job has no pipeline."""
        return {rank: rank % self.stages for rank in self.times} if self.stages > 1 else {}

    def files(self, rng):
        """What was read of each file, in no order."""
        rows = [
            Rows(
                file=f"host_{rank}.17000000{number:02d}.pt.trace.json",
                table=pd.DataFrame({"step": self.first[number] + np.arange(5), "compute_ms": times, "comm_ms": 5.0}),
                origin=self.origin(rank),
            )
            for rank, files in self.times.items()
            for number, times in enumerate(files)
        ]
        return [rows[place] for place in rng.permutation(len(rows))]

    def origin(self, rank):
        """What a rank's profiler says of it."""
        groups = [("mesh_tp", (), 2)] if self.tensor else []
        if self.stages > 1:
            start = rank - self.stage[rank]
            groups.append(("mesh_pp", tuple(range(start, start + self.stages)), self.stages))
        return Origin(
            rank=rank,
            process=f"host_{rank}",
            world_size=self.size,
            backend="nccl",
            groups=tuple(groups),
            collectives=1.0,
            loader_percent=0.0,
        )

    @property
    def comes_again(self):
        """Whether a number of a step is in two files."""
        return any(after < before + 5 for before, after in pairwise(self.first))

    def stage_times(self):
        """The median time of each stage that is there."""
        times = {}
        for rank, stage in self.stage.items():
            times.setdefault(stage, []).extend(np.concatenate(self.times[rank]).tolist())
        return {stage: median(of) for stage, of in times.items()}

    def compared(self):
        """The ranks of the slowest stage; all where only one is there."""
        times = self.stage_times()
        if len(times) < 2:
            return sorted(self.times)
        slowest = max(times, key=times.__getitem__)
        return [rank for rank in sorted(self.times) if self.stage[rank] == slowest]


def check_profile_note(note, job):
    """Which of the sentences it is, once it is found true."""
    if note.startswith("Pipeline stages"):
        return check_note(note, job)
    if found := re.match(
        r"(\d+) of (\d+) ranks (is|are) here: the slowest may be among the others\. Even a step's shortest collective",
        note,
    ):
        assert [int(number) for number in found.groups()[:2]] == [len(job.times), job.size]
        assert found[3] == ("is" if len(job.times) == 1 else "are")
        return "ranks"
    if note == "Step numbers restart in a worker's later files: they are renumbered, by the times in the file names.":
        assert job.comes_again
        return "again"
    if found := re.match(r"The job has process groups of some of its ranks, (.*): ranks of different", note):
        groups = ["mesh_pp"] * (bool(job.stage) and len(job.stage_times()) < 2) + ["mesh_tp"] * job.tensor
        assert re.findall(r"mesh_\w+", found[1]) == groups
        return "groups"
    assert note.startswith("The network costs 5 ms"), f"nobody checks this sentence: {note}"
    return "network"


def test_what_is_said_of_stages_files_and_missing_ranks_of_profiler_traces():
    seen = set()
    for seed in range(15):
        rng = np.random.default_rng(seed)
        job = Profiles.made(rng)
        trace = cleaned(identified(job.files(rng)))
        conditions = {
            "network": True,
            "ranks": len(job.times) < job.size,
            "again": job.comes_again,
            "stages": len(job.stage_times()) > 1,
            "groups": job.tensor or len(job.stage_times()) == 1,
        }
        said = {check_profile_note(plain(note), job) for note in trace.notes}
        assert said == {name for name, holds in conditions.items() if holds}, (seed, trace.notes)
        assert list(trace.worker_names) == job.compared()
        assert trace.compute_ms.T.tolist() == [np.concatenate(job.times[rank]).tolist() for rank in job.compared()]
        seen |= said
    assert len(seen) == 5
