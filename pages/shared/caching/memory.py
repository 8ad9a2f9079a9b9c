"""Memory that large work has freed goes back to the system."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def given_back() -> Iterator[None]:
    """After the work inside, return what it freed: left alone, glibc keeps hundreds of megabytes for the next time."""
    try:
        yield
    finally:
        if sys.platform == "linux":
            trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, other libraries need it less
            if trim:
                trim(0)
