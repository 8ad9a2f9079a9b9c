"""Memory after one visitor has looked at runs of 1,000 × 1,000 on every page: `python -m tests.benchmarks.large`."""

import asyncio

from tests.benchmarks.load import memory_mb
from tests.benchmarks.visitor import Visitor
from tests.browser.conftest import served_process

QUERY = "workers=1000&batches=1000&replicates=2&problem=quadratic&train_seeds=1&map_runs=1&across=jitter"
PAGES = ("", "compare", "learning", "trace", "map", "method")


async def visit(address: str, process) -> None:
    """Go through the pages, and back to the first."""
    print(f"memory: {memory_mb(process):.0f} MB before anybody comes")
    for page in (*PAGES, ""):
        for query in ("", "&mode=async", "&mode=k-async&wait_for=500"):
            async with Visitor(address, page, QUERY + query) as me:
                took = await me.look()
            print(f"/{page:10} {query:28} {took:5.1f} s, {memory_mb(process):5.0f} MB, {me.headline[:60]}", flush=True)


def main() -> None:
    """Start a server, and visit it."""
    with served_process() as (address, process):
        asyncio.run(visit(address, process))


if __name__ == "__main__":
    main()
