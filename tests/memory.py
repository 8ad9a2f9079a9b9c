"""How much memory something takes."""

import ctypes
import tracemalloc
from collections.abc import Callable
from pathlib import Path

PROCESS = Path("/proc/self")


def peak_bytes(act: Callable[[], object]) -> int:
    """The most memory that a call takes at once: of the process where Linux tells, or else what Python knows of.

    Python's own count makes the call several times as slow.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)  # what is free goes back first, or the call could take it unseen
        (PROCESS / "clear_refs").write_text("5")  # the peak is now what there is
    except (OSError, AttributeError):
        tracemalloc.start()
        try:
            act()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    before = resident("VmRSS")
    act()
    return resident("VmHWM") - before


def resident(which: str) -> int:
    """Bytes that the process has in memory, or had at its peak."""
    line = next(line for line in (PROCESS / "status").read_text().splitlines() if line.startswith(which))
    return 1024 * int(line.split()[1])
