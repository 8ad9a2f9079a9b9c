"""What a trace says about devices and the host that feeds them."""

import numpy as np

from core.common.wording import duration, percent
from core.traces.trace import Trace

HOST_LIMITED = 30.0  # percent of the time with nothing to run
CLEARLY_MORE = 1.05  # exposed over blocking
LEAST_MS = 1e-3  # that is worth a word


def host_limit(trace: Trace) -> str:
    """That the host is the limit, or nothing where it is not, or where it is not known."""
    idle = trace.gpu_idle_percent
    if idle is None or idle < HOST_LIMITED:
        return ""
    return (
        f"The host is the limit: devices have nothing to run for {percent(idle)} of the time, since the CPU has not "
        "launched it yet. Your GPUs wait for Python, not for each other."
    )


def hidden_collectives(trace: Trace) -> str:
    """That collectives run for longer than they hold something up, or nothing where they do not."""
    blocking = trace.blocking_ms
    if trace.exposed_ms is None or blocking is None:
        return ""
    exposed, held = float(np.median(trace.exposed_ms)), float(np.median(blocking))
    if exposed <= max(CLEARLY_MORE * held, LEAST_MS):
        return ""
    part = f"{duration(held)} of that is" if held >= LEAST_MS else "almost none of that is"
    return (
        f"Collectives run for {duration(exposed)} a step (median) with no computing alongside (exposed); {part} "
        "blocking: launched work, or the host, has to wait for it. Only blocking time counts as waiting and network."
    )
