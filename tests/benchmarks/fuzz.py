"""Hostile input by the thousand: `python -m tests.benchmarks.fuzz --links 1000` opens so many links on every page.

Prints what did not stand, with the link, and how long pages took; ends with 1 if anything did not.
`--files 10000` reads so many damaged files. Both take `--seed`.
"""

import argparse
import itertools
import logging
import random
import sys
import time

import numpy as np


def on_pages(count: int, seed: int) -> int:
    """How many (page, link) did not stand."""
    from tests.links import links
    from tests.pages.conftest import PAGES, opened_link
    from tests.pages.helpers import stands

    logging.disable(logging.WARNING)
    failures = 0
    for page in PAGES if count else ():
        taken = []
        for query in itertools.islice(links(seed), count):
            start = time.perf_counter()
            try:
                good, why = stands(opened_link(page, query)), "does not stand"
            except Exception as error:  # of the tester itself: a page that takes more than a minute
                good, why = False, f"{type(error).__name__}: {error}"
            taken.append((time.perf_counter() - start, query))
            if not good:
                failures += 1
                print(f"{page}: {why}: {query}", flush=True)
        (longest, which), median = max(taken), np.median([each for each, _ in taken])
        print(
            f"{page}: {count:,} links, median {1000 * median:,.0f} ms, longest {1000 * longest:,.0f} ms: {which[:500]}"
        )
    return failures


def on_files(count: int, seed: int) -> int:
    """How many damaged files ended in anything but a trace or a refusal."""
    from tests.test_fuzz_traces import GOOD, damaged, fine, read

    dice, failures, accepted = random.Random(seed), 0, 0
    for _ in range(count):
        content = damaged(dice.choice(GOOD), dice)
        try:
            trace = read(content)
            if trace:
                accepted += 1
                fine(trace)
        except Exception as error:
            failures += 1
            print(f"{type(error).__name__}: {error}: {content[:2_000]!r}", flush=True)
    print(f"{count:,} damaged files, {accepted:,} accepted and shown")
    return failures


if __name__ == "__main__":
    asked = argparse.ArgumentParser("python -m tests.benchmarks.fuzz")
    for name in ("links", "files", "seed"):
        asked.add_argument(f"--{name}", type=int, default=0)
    asked = asked.parse_args()
    sys.exit(min(1, on_pages(asked.links, asked.seed) + on_files(asked.files, asked.seed)))
