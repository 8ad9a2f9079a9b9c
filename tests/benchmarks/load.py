"""Many visitors at once, over raw websockets of this machine: 50 that change controls, 200 that only look.

Prints the time of a rerun (median, 95th percentile), how many reruns a second the server makes, and its memory before,
with everybody there, and after they left: what the system has given it, and how many blocks of that Python has in use.
A visitor who sees another's control, an error, or a tenth more blocks in use after everybody has left end it with a
message.
"""

import asyncio
import signal
import statistics
import subprocess
import time
from pathlib import Path

from core import Asynchronous, Scenario, Synchronous, compare, simulate
from core.report import comparison, run
from tests.benchmarks.visitor import Visitor
from tests.browser.conftest import served_process

ACTIVE, IDLE, CHANGES = 50, 200, 4
WAVES, KEPT = 3, 125
WATCHED = """
import gc, signal, sys
from streamlit.web.cli import main

def count(*_):
    gc.collect()
    print(sys.getallocatedblocks(), flush=True)

signal.signal(signal.SIGUSR1, count)
main()
"""


PAGES = {"Timeline": ("", "mode=sync"), "Compare": ("compare", "")}
"""The pages on which controls are changed, and the query by which they are opened."""


def answers() -> dict[str, list[str]]:
    """What the headline of each page says with so many workers; these answers are not from the server."""
    scenarios = [Scenario(workers=workers) for workers in range(1, 62)]
    runs = [run.run_answer(simulate(scenario))[0] for scenario in scenarios]
    pairs = [comparison.headline(compare(scenario, [Synchronous(), Asynchronous()], 1000)) for scenario in scenarios]
    return {"Timeline": ["", *runs], "Compare": ["", *pairs]}


async def change(address: str, first: int, right: dict[str, list[str]], page: str) -> list[float]:
    """One visitor to a page who moves a slider a few times, and must see the own answer each time."""
    took = []
    async with Visitor(address, *PAGES[page]) as me:
        await me.look()
        for step in range(CHANGES):
            workers = 2 + (first + 7 * step) % 60
            took.append(await me.look(workers=workers))
            if me.headline != right[page][workers]:
                raise AssertionError(f"asked for {workers} workers, saw: {me.headline}")
    return took


async def idle(address: str, arrived: asyncio.Semaphore, leave: asyncio.Event) -> None:
    """One visitor who looks, and stays."""
    async with Visitor(address) as me:
        await me.look()
        arrived.release()
        await leave.wait()


def memory_mb(process) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def blocks_in_use(process) -> int:
    """How many blocks of memory Python has in use in the server: each a small object."""
    process.send_signal(signal.SIGUSR1)
    return next(int(line) for line in process.stdout if line.strip().isdigit())


async def wave(address: str, process, right: dict[str, list[str]], page: str) -> None:
    """Everybody comes, works and leaves."""
    arrived, leave = asyncio.Semaphore(0), asyncio.Event()
    async with asyncio.TaskGroup() as lookers:
        for _ in range(IDLE):
            lookers.create_task(idle(address, arrived, leave))
        for _ in range(IDLE):
            await arrived.acquire()
        changing = [change(address, i, right, page) for i in range(ACTIVE)]
        start = time.perf_counter()
        took = [t for times in await asyncio.gather(*changing) for t in times]
        seconds, most = time.perf_counter() - start, memory_mb(process)
        leave.set()
    print(f"{ACTIVE} visitors change controls on {page} at once, {IDLE} look on: {len(took)} reruns, none mixed up")
    print(
        f"rerun: median {statistics.median(took):.2f} s, 95th percentile {statistics.quantiles(took, n=20)[-1]:.2f} s"
    )
    print(f"{(len(took) + ACTIVE) / seconds:.1f} reruns a second; memory {most:.0f} MB with everybody", flush=True)


async def visit(address: str, process) -> None:
    """Waves of visitors; a server that keeps nothing of them has as much memory in use after each as before the first.

    What the system has given it may stay: Python gives back only what no object at all is left in. Streamlit keeps
    the sessions of who has left for two minutes, in case they come back, and lets go of them when the next visitor
    comes.
    """
    right = answers()
    for page in PAGES:
        await change(address, 0, right, page)
    before = blocks_in_use(process)
    print(f"memory: {memory_mb(process):.0f} MB, {before:,} blocks in use with one visitor", flush=True)
    for number in range(WAVES):
        await wave(address, process, right, [*PAGES][number % len(PAGES)])
        await asyncio.sleep(KEPT)
        for page in PAGES:
            await change(address, 0, right, page)
        after = blocks_in_use(process)
        print(f"memory: {memory_mb(process):.0f} MB, {after:,} blocks in use after they left", flush=True)
        if after > 1.1 * before:
            raise AssertionError("the server keeps something of those who left")


def main() -> None:
    """Start a server, and let them in."""
    with served_process(start=("-c", WATCHED), stdout=subprocess.PIPE) as (address, process):
        asyncio.run(visit(address, process))


if __name__ == "__main__":
    main()
