"""Settings of the whole suite: no test is judged by its speed, and all of them answer the same way every time."""

import gc
import os

if "PYTEST_XDIST_WORKER" in os.environ:  # a worker has one core: threads that wait for another take time from it
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings

from tests.examples import DEEP, SUITE

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=SUITE)
settings.register_profile("deep", deadline=None, max_examples=DEEP)  # pytest --hypothesis-profile=deep
settings.load_profile("suite")

FIRST = ("tests/browser/", "tests/pages/")
TOGETHER = {
    "browser": ("tests/browser/",),  # one server and one browser, whose windows are warm
    "checks": (  # sampled once
        "tests/core/theory/test_checks.py",
        "tests/pages/test_method.py",
        "tests/pages/test_fuzz_links.py",
    ),
    "sentences of Learning": ("tests/core/report/test_learning_sentences.py",),  # trained once
}
"""Tests that share what is dear to make: one worker runs them all."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """A worker for each core, and none for a single test or a few by name: alone, they begin sooner."""
    return 0 if all("::" in name for name in config.args) else min(8, os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests that belong together go to one worker, others one by one to whoever is free.

    Marks of pytest-xdist would say the same, but it writes them into the ids of tests, which pytest 9 does not allow.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return next((name for name, where in TOGETHER.items() if nodeid.startswith(where)), nodeid)

    return Together(config, log)


def pytest_collection_modifyitems(items):
    """What takes longest comes first, so that no worker sits idle at the end while another has long tests to do.

    Before all of it comes what needs a server that nobody has visited: later it would have to start another.
    """
    items.sort(key=lambda item: ("cold_server" not in item.fixturenames, not item.nodeid.startswith(FIRST)))


def pytest_collection_finish():
    """What has been imported by now stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
