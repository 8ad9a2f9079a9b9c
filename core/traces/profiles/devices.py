"""What a trace says about devices and the host that feeds them."""

import numpy as np

from core.common.wording import duration, percent
from core.traces.trace import Trace

HOST_LIMITED = 30.0  # percent of the time with nothing to run
CLEARLY_MORE = 1.05  # exposed over blocking


def about_devices(trace: Trace) -> list[str]:
    """Whether the host is the limit, and how much of the collectives' exposed time holds nothing up."""
    idle = trace.gpu_idle_percent
    if idle is None:
        return []
    said = []
    if idle >= HOST_LIMITED:
        said.append(
            f"The host is the limit: devices have nothing to run for {percent(idle)} of the time, since the CPU has "
            "not launched it yet. Your GPUs wait for Python, not for each other."
        )
    if trace.exposed_ms is not None and trace.comm_ms is not None:
        waits = 0 if trace.wait_ms is None else trace.wait_ms
        exposed, blocking = (float(np.median(times)) for times in (trace.exposed_ms, trace.comm_ms + waits))
        if exposed > max(CLEARLY_MORE * blocking, 1e-3):
            held = f"{duration(blocking)} of it" if blocking >= 1e-3 else "next to nothing of it"
            said.append(
                f"Collectives run for {duration(exposed)} a step (median) with nothing computed beside them (exposed); "
                f"{held} holds something up (blocking), launched work or the host that waits for it. Only what blocks "
                "counts as waiting and network."
            )
    return said
