"""How fast: `python -m tests.benchmarks` prints our times beside the alternatives', measured in one run.

`python -m tests.benchmarks browser` measures the app instead: from a slider's key press to new numbers, beside a bare
page.
`python -m tests.benchmarks rerun` measures the server: what a change of a control costs on each page, or on those that
are named, beside a bare page with as many elements.
`python -m tests.benchmarks traces` reads a profiler trace of 200 MB.
"""

import asyncio
import gzip
import io
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    FlatLatency,
    KAsync,
    LocalSGD,
    Measured,
    Rebalanced,
    Scenario,
    ScenarioError,
    StaleSynchronous,
    Synchronous,
    Uniform,
    compare,
    read_trace,
    simulate,
    sweep,
)
from core.common.validation import MAX_WORK
from core.learning.digits import Digits
from core.learning.experiment import FRESH_GRID, SEEDS, TRIAL_SEEDS, learn
from core.learning.training import replay
from core.links import link_values
from tests.benchmarks import reruns, rivals
from tests.benchmarks.visitor import Visitor
from tests.paths import ROOT

LARGEST = Scenario(workers=8, batches=30, compute=Uniform(mean_ms=1000), network=FlatLatency(latency_ms=500))
POLICIES = [Synchronous(), Asynchronous()]
REPLICATES = 10_000


def seconds(act, times: int) -> float:
    """Median time of an act, after one to warm up."""
    act()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def draw_only() -> None:
    """What NumPy needs merely to draw the random numbers of every replicate."""
    rng = np.random.default_rng(1)
    shape = (REPLICATES, LARGEST.batches, LARGEST.workers)
    rng.uniform(800, 1200, shape)
    rng.uniform(0, 150, shape)


def one_by_one(epoch, runs: int) -> None:
    """Some runs of both policies by a rival."""
    rng = random.Random(1)
    for asynchronous in (False, True):
        for _ in range(runs):
            epoch(rng, LARGEST.workers, LARGEST.batches, 1000, 0.2, 500, asynchronous)


def compare_speed() -> None:
    """The table of `compare` against its rivals."""
    ours = seconds(lambda: compare(LARGEST, POLICIES, REPLICATES), 9)
    single = seconds(lambda: compare(LARGEST, POLICIES, REPLICATES, threads=1), 5)
    draw = seconds(draw_only, 9)
    plain = seconds(lambda: one_by_one(rivals.plain_epoch, 100), 3) * REPLICATES / 100
    simpy = seconds(lambda: one_by_one(rivals.simpy_epoch, 50), 3) * REPLICATES / 50
    print(f"{REPLICATES:,} replicates of {LARGEST.workers} workers × {LARGEST.batches} batches, sync and async\n")
    rows = [
        ("compare, all 13 metrics", ours, "(medians of several runs)"),
        ("compare on one thread", single, ""),
        ("NumPy, merely drawing the numbers", draw, ""),
        ("plain Python event loop", plain, "(100 replicates, scaled up)"),
        ("SimPy", simpy, "(50 replicates, scaled up)"),
    ]
    for name, taken, note in rows:
        print(f"{name:36}{1000 * taken:12,.0f} ms{taken / ours:9.2f} × compare  {note}")
    print(f"\ncompare takes {ours / draw:.1f} × the draw")


def policy_speed() -> None:
    """Every policy on 1,000 replicates of 32 × 100, as a multiple of drawing the compute times."""
    scenario = Scenario(workers=32, batches=100, compute=Uniform(mean_ms=100), network=FlatLatency(latency_ms=20))
    served = replace(scenario, network=AlphaBeta(latency_ms=0.1, bandwidth_gbps=10, message_mb=2))
    policies = [
        Synchronous(),
        Rebalanced(),
        LocalSGD(period=4),
        BackupWorkers(wait_for=30),
        StaleSynchronous(bound=2),
        Asynchronous(),
        Asynchronous(accumulate=4),
        Asynchronous(assignment="shared"),
        KAsync(wait_for=8),
    ]
    draw = seconds(lambda: np.random.default_rng(1).uniform(80, 120, (1000, 100, 32)), 5)
    print(f"\n1,000 replicates of 32 workers × 100 batches; drawing their compute times takes {1000 * draw:.0f} ms\n")
    questions = [(policy, scenario, "") for policy in policies]
    questions += [(policy, served, ", server") for policy in (Asynchronous(), StaleSynchronous(bound=2))]
    for policy, asked, note in questions:
        taken = seconds(partial(compare, asked, [policy], 1000), 2)
        print(f"{policy.label + note:48}{1000 * taken:8,.0f} ms{taken / draw:8.1f} × the draw")


def learning_speed() -> None:
    """The default question of `learn`, sync against async on handwritten digits."""
    print()
    for workers in (4, 8, 16, 32, 64):
        taken = seconds(partial(learn, Scenario(workers=workers), POLICIES, Digits()), 3)
        print(
            f"learn, {workers} workers: {1000 * taken:,.0f} ms, "
            f"{len(FRESH_GRID)} learning rates × {TRIAL_SEEDS} seeds, then {SEEDS} seeds, × 2 policies"
        )


REFUSED = {
    "a scenario of 400 million mini-batches": lambda: Scenario(workers=4_096, batches=100_000),
    "a whole number of 5,000 digits": lambda: Scenario(workers=10**5_000),
    "20 million replicates": lambda: compare(LARGEST, POLICIES, MAX_WORK),
    "an array of 10^9 rows": lambda: simulate(Scenario(), compute_ms=np.broadcast_to(1.0, (10**9, 3))),
    "a measured table of 10^9 rows": lambda: Measured(compute_ms=np.broadcast_to(1.0, (10**9, 4))),
    "a sweep of 10^24 cells": lambda: sweep(LARGEST, {"workers": range(10**12), "batches": range(10**12)}),
    "a training of 800,000 gradients": lambda: replay(long_run(), Digits(), range(1, 33)),
    "a link of 5 MB": lambda: link_values("workers=" + "9" * 5_000_000),
    "a link with 5,000 digits": lambda: link_values("workers=" + "9" * 4_990),
    "a table of 16 million rows, 32 MiB": lambda: read_trace([io.BytesIO(b"compute_ms\n" + b"1\n" * 16_777_000)]),
    "a table of 100,000 columns": lambda: read_trace([io.BytesIO(b"a," * 100_000 + b"\n1\n")]),
    "a bomb of 96 MiB of zeros": lambda: read_trace([io.BytesIO(zeros())]),
    "a bomb of 96 MiB that looks like a table": lambda: read_trace([io.BytesIO(rows())]),
}


@cache
def long_run():
    return simulate(replace(LARGEST, batches=100_000))


@cache
def zeros() -> bytes:
    return gzip.compress(b"compute_ms\n" + bytes(96 * 2**20), 1)


@cache
def rows() -> bytes:
    row = b"1.250000000000,1.250000000000,1.250000000000,1.250000000000\n"
    return gzip.compress(b"compute_ms\n" + row * 1_600_000, 1)


def refused_speed() -> None:
    """What it costs to say no: the dearest refusals, each with making up what is refused."""
    print()
    for what, act in REFUSED.items():
        print(f"refused: {what:54}{1000 * seconds(partial(said, act), 3):10,.2f} ms")


def said(act) -> str:
    """Why an act is refused."""
    try:
        act()
    except ScenarioError as refused:
        return str(refused)
    raise AssertionError("it was not refused")


def browser_speed() -> None:
    """Slider to new numbers in a real browser, for the largest scenario of the reference, beside a bare page.

    The bare page has as many elements of every kind as ours. Both go by turns, so that whatever else the machine does
    hits them alike.
    """
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import ARGUMENTS, SIZE, installed_browser, served

    link = "?workers=8&batches=30&batch_ms=1000&latency_ms=500"
    with tempfile.TemporaryDirectory() as folder, served() as ours:
        elements = asyncio.run(elements_of(ours, link[1:]))
        tile = 'st.metric("Tile 0", "1 s", "2 s")'
        page = reruns.bare_page(elements).replace(tile, 'st.metric("Tile 0", st.session_state.moved)')
        (Path(folder) / "streamlit_app.py").write_text(page)
        shutil.copytree(ROOT / ".streamlit", Path(folder) / ".streamlit")
        with served(folder) as bare, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=installed_browser(), args=ARGUMENTS)
            taken: dict[str, list[float]] = {"ours": [], "a bare page": []}
            for _ in range(2):
                for name, address, key in (("ours", f"{ours}/{link}", "batch_ms"), ("a bare page", bare, "moved")):
                    taken[name] += moves_ms(browser.new_page(viewport=SIZE), address, key)
            browser.close()
    for name, times in taken.items():
        low, median, high = np.percentile(times, (5, 50, 95))
        print(
            f"slider to new numbers, {name}: median {median:.0f} ms, 5–95 % {low:.0f}–{high:.0f} ms, {len(times)} moves"
        )


async def elements_of(address: str, query: str):
    """How many elements of every kind Timeline has."""
    async with Visitor(address, "", query) as me:
        await me.look()
        return me.elements


def moves_ms(page, address: str, key: str) -> list[float]:
    """How long each of 40 moves of a slider takes from the key press to the frame in which a tile has changed, ms."""
    stopwatch = """() => {
        const tile = () => document.querySelector('[data-testid=stMetricValue]').innerText;
        window.taken = [];
        document.addEventListener('keydown', () => {
            const start = performance.now(), before = tile();
            const look = () => tile() === before ? requestAnimationFrame(look)
                                                 : window.taken.push(performance.now() - start);
            requestAnimationFrame(look);
        }, true);
    }"""
    page.goto(address)
    page.wait_for_timeout(3000)
    page.evaluate(stopwatch)
    slider = page.locator(f".st-key-{key} input[type=range]")
    slider.focus()
    for i in range(40):
        slider.press("ArrowLeft" if i % 2 else "ArrowRight")
        page.wait_for_timeout(600)
    taken = page.evaluate("window.taken")
    page.close()
    return taken


class LongTrace:
    """A profiler trace of 100 steps and about 200 MB, made while it is read: it is never whole anywhere."""

    name = "rank0.json"
    size = 200_000_000

    def seek(self, _):
        self.parts = self.made()

    def read(self, _):
        return next(self.parts, b"")

    def made(self):
        yield b'{"schemaVersion": 1, "distributedInfo": {"backend": "nccl", "rank": 0}, "traceEvents": ['
        kernels = ["ncclDevKernel_AllReduce_Sum_f32_RING_LL", *["void at::native::vectorized_elementwise_kernel"] * 9]
        args = {"External id": 2021, "device": 0, "context": 1, "stream": 7, "correlation": 2021, "grid": [512, 1, 1]}
        shape = {"ph": "X", "pid": 0, "tid": 7, "args": args}
        for step in range(100):
            start = 1e6 * step
            yield json.dumps(
                shape | {"cat": "user_annotation", "name": f"ProfilerStep#{step}", "ts": start, "dur": 1e6}
            ).encode()
            made = 0
            while made < self.size / 100:
                block = [
                    {"cat": "kernel", "name": name, "ts": start + made / 2 + 10 * i, "dur": 9.5}
                    for i, name in enumerate(kernels)
                ]
                text = ",\n" + ",\n".join(json.dumps(shape | event) for event in block)
                made += len(text)
                yield text.encode()
            yield b",\n"
        yield b"{}]}"


def trace_speed() -> None:
    """A long trace, nearly all of it kernels: how long it takes to read, and how much the process grows by it."""
    import resource  # not everywhere

    making = seconds(lambda: sum(len(part) for part in LongTrace().made()), 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = seconds(lambda: read_trace([LongTrace()]), 1) - making
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"a trace of {LongTrace.size / 1e6:.0f} MB: read in {taken:.1f} s; the process grew by {grown:.0f} MiB")


def own_speed() -> None:
    """Our times beside the alternatives'."""
    compare_speed()
    policy_speed()
    learning_speed()
    refused_speed()


MEASURES = {"browser": browser_speed, "rerun": reruns.main, "traces": trace_speed}

if __name__ == "__main__":
    if len(sys.argv) == 1:
        own_speed()
    elif sys.argv[1] not in MEASURES:
        sys.exit(f"{sys.argv[1]} is not measured; there are {', '.join(MEASURES)}.")
    else:
        MEASURES[sys.argv[1]](*[sys.argv[2:]] if sys.argv[1] == "rerun" else [])
