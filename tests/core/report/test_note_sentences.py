"""What is said of files that were read, and of devices: each sentence recomputed from the rows that were written.

A note that no pattern here knows fails, so that nothing is said unchecked.
"""

import io
import re
from statistics import median

import numpy as np
import pytest

from core import Trace
from core.report.traces import collectives_table
from core.traces.profiles.devices import hidden_collectives, host_limit
from core.traces.reading import read_trace
from tests.core.report.test_caption_sentences import NUMBER, close, plain
from tests.core.report.test_sentences import shows, value_of
from tests.examples import examples

STEPS = r"((?:\d+(?:, )?)+(?: and [\d,]+ more)?)"


def made_log(rng):
    """Rows of a log with all that may be wrong in one, {(worker, step): {column: ms}}, and the file that holds them."""
    workers, steps, first = int(rng.integers(2, 6)), int(rng.integers(4, 30)), int(rng.integers(0, 50))
    compute = 100 * np.exp(rng.normal(0, 0.1, (steps, workers)))
    if rng.random() < 0.4:
        compute[: rng.integers(1, 3)] *= 8
    if rng.random() < 0.3:
        compute[0, rng.permutation(workers)[: rng.integers(1, workers + 1)]] *= 9
    times, kind = {"compute_ms": compute}, rng.choice(["compute", "network", "both"])
    if kind != "compute":
        times["comm_ms"] = rng.uniform(1, 50, compute.shape)
    if kind == "both":
        times["wait_ms"] = compute.max(axis=1, keepdims=True) - compute
        times["wait_ms"][0, rng.integers(workers)] += rng.choice([0, 5_000])
    lacks = rng.random(compute.shape) < rng.choice([0, 0, 0.02, 0.1])
    bad = rng.random(compute.shape) < rng.choice([0, 0, 0.02])
    compute[bad] = -1
    rows = {
        (worker, first + step): {name: float(f"{of[step, worker]:.6f}") for name, of in times.items()}
        for step in range(steps)
        for worker in range(workers)
        if not lacks[step, worker]
    }
    lines = [
        ",".join(["worker", "step", *times]),
        *(",".join(map(str, [*at, *row.values()])) for at, row in rows.items()),
    ]
    file = io.BytesIO("\n".join(lines).encode())
    file.name = "log.csv"
    return rows, file


class Log:
    """The rows that count, as one sentence after the other says what is left out."""

    def __init__(self, rows):
        self.rows = rows
        self.workers = sorted({worker for worker, _ in rows})
        self.bad = [at for at, row in rows.items() if row["compute_ms"] < 0]
        kept = {at: row for at, row in rows.items() if row["compute_ms"] > 0}
        self.all_steps = sorted({step for _, step in kept})
        self.lacks = {worker: sum((worker, step) not in kept for step in self.all_steps) for worker in self.workers}
        self.missing = [step for step in self.all_steps if any((worker, step) not in kept for worker in self.workers)]
        self.steps = [step for step in self.all_steps if step not in self.missing]
        self.warm_up = []
        while len(self.steps) > 2 and len(self.slow_at_first()) == len(self.workers):
            self.warm_up.append(self.steps.pop(0))
        self.apart = False
        if "wait_ms" in next(iter(rows.values())) and len(self.steps) > 2:
            longest = [max(self.of("wait_ms", step)) for step in self.steps]
            first = self.of("compute_ms", self.steps[0])
            self.apart = longest[0] > 3 * max(max(first) - min(first), *longest[1:])

    def of(self, name, step):
        return [self.rows[worker, step][name] for worker in self.workers]

    def usually(self, worker):
        """The median of a worker's later steps."""
        return median(self.rows[worker, step]["compute_ms"] for step in self.steps[1:])

    def slow_at_first(self):
        """The workers whose first step is over three times what is usual."""
        first = self.steps[0]
        return [w for w in self.workers if self.rows[w, first]["compute_ms"] > 3 * self.usually(w)]


def same_steps(text, steps):
    """The first five, and how many more."""
    shown, _, more = text.partition(" and ")
    assert [int(step) for step in shown.split(", ")] == steps[:5]
    assert int(re.sub(r"\D", "", more) or 0) == max(0, len(steps) - 5)


def check_note(note, log):
    """Which of the sentences it is, once it is found true."""
    if found := re.fullmatch(
        rf"Steps left out because some workers lack them: {STEPS}; worker (\d+) lacks (\d+) of (\d+) steps\.", note
    ):
        same_steps(found[1], log.missing)
        assert log.lacks[int(found[2])] == int(found[3]) == max(log.lacks.values())
        assert int(found[4]) == len(log.all_steps)
        return "missing"
    if found := re.fullmatch(
        rf"Warm-up left out, steps? {STEPS}: above 3 times the median of the others on every worker\.", note
    ):
        same_steps(found[1], log.warm_up)
        return "warm-up"
    if found := re.fullmatch(
        r"(\d+) rows? (?:was|were) left out\. log\.csv: worker (\d+), step (\d+) has compute_ms -1, not a number from "
        r"\S+ to \S+\.",
        note,
    ):
        assert int(found[1]) == len(log.bad)
        assert (int(found[2]), int(found[3])) in log.bad
        return "bad"
    if found := re.match(rf"The network costs {NUMBER} ms a step \(median\): a step's shortest collective", note):
        assert value_of(found[1]) == pytest.approx(median(min(log.of("comm_ms", step)) for step in log.steps), rel=6e-3)
        return "network"
    if found := re.match(
        r"Step (\d+) left out: workers did not begin it together\. Worker (\d+) waited (\S+ m?s) in it, far longer",
        note,
    ):
        assert int(found[1]) == log.steps[0]
        waited = log.rows[int(found[2]), log.steps[0]]["wait_ms"]
        assert close(found[3], waited)
        assert waited == max(log.of("wait_ms", log.steps[0]))
        log.steps.pop(0)
        return "apart"
    found = re.match(
        r"Step (\d+) is far slower than later ones on worker (\d+) (?:and (\d+) more|alone) "
        r"\((\S+ m?s) against (\S+ m?s) usually\)\.",
        note,
    )
    assert found, f"nobody checks this sentence: {note}"
    slow, worst = log.slow_at_first(), int(found[2])
    assert int(found[1]) == log.steps[0]
    assert worst in slow
    assert int(found[3] or 0) == len(slow) - 1 < len(log.workers) - 1
    assert close(found[4], log.rows[worst, log.steps[0]]["compute_ms"])
    assert close(found[5], log.usually(worst))
    return "slow at first"


def test_what_is_said_of_files_that_were_read():
    """And nothing that was left out goes unsaid."""
    seen = set()
    for seed in examples(50):
        rows, file = made_log(np.random.default_rng(seed))
        log = Log(rows)
        expected = {name for name in ("missing", "bad", "apart") if getattr(log, name)} | (
            {"warm-up"} if log.warm_up else set()
        )
        if "comm_ms" in next(iter(rows.values())) and "wait_ms" not in next(iter(rows.values())):
            expected.add("network")
        trace = read_trace([file])
        said = {check_note(plain(note), log) for note in trace.notes}
        if len(log.steps) > 2 and 0 < len(log.slow_at_first()) < len(log.workers):
            expected.add("slow at first")
        assert said == expected
        assert list(trace.step_numbers) == log.steps
        seen |= said
    assert len(seen) == 6


def made_devices(rng):
    """A trace with what a profiler tells of collectives and devices."""
    shape = int(rng.integers(2, 40)), int(rng.choice([1, 2, 5, 12]))
    compute, network = rng.uniform(5, 100, shape), rng.uniform(0, 1, shape) * rng.choice([0, 1e-4, 1, 20])
    exposed = network * (1 + rng.uniform(0, 1, shape) * rng.choice([0, 0.01, 3])) + rng.choice([0, 0, 10])
    idle = (compute + network) * rng.uniform(0, 1, shape) * rng.choice([0, 0.2, 0.9])
    waits = network * rng.uniform(0, 1, shape) if rng.random() < 0.5 else None
    return Trace(
        compute_ms=compute,
        worker_names=tuple(f"rank{worker}" for worker in range(shape[1])),
        step_numbers=tuple(range(shape[0])),
        comm_ms=network if waits is None else network - waits,
        wait_ms=waits,
        exposed_ms=exposed,
        gpu_idle_ms=idle,
    )


def test_what_is_said_of_devices():
    """Whether the host is the limit, what collectives hold up, and each worker's row of the table."""
    for seed in range(120):
        trace = made_devices(np.random.default_rng(seed))
        held = trace.comm_ms if trace.wait_ms is None else trace.comm_ms + trace.wait_ms
        step, idle = trace.compute_ms + held, trace.gpu_idle_ms
        share = 100 * idle.sum() / step.sum()
        said = plain(host_limit(trace))
        assert bool(said) == (share >= 30)
        if said:
            assert shows(re.search(rf"nothing to run for {NUMBER} % of the time", said)[1], share)
        said = plain(hidden_collectives(trace))
        exposed, blocking = median(trace.exposed_ms.ravel().tolist()), median(held.ravel().tolist())
        if said:
            runs, part = re.match(
                r"Collectives run for (\S+ m?s) a step \(median\) with no computing alongside \(exposed\); "
                r"(almost none|\S+ m?s) of that is blocking",
                said,
            ).groups()
            assert close(runs, exposed)
            assert blocking < 1e-3 if part == "almost none" else close(part, blocking)
            assert exposed > blocking
        else:
            assert exposed <= 1.05 * blocking or exposed <= 1e-3
        for column, row in enumerate(collectives_table(trace).itertuples(index=False)):
            assert row[0] == f"rank{column}"
            mean = [of[:, column].mean() for of in (step, held, trace.exposed_ms)]
            assert row[1:4] == pytest.approx(tuple(mean), abs=5.1e-3)
            assert row[4] == pytest.approx(100 * idle[:, column].sum() / step[:, column].sum(), abs=0.051)
