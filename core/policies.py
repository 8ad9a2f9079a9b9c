"""Who waits for whom: each policy turns draws into a Schedule, for many runs at once."""

from dataclasses import dataclass, fields

import numpy as np

from core.draws import Draws
from core.order import update_order
from core.parts import Part
from core.schedule import Schedule, Stretch


@dataclass(frozen=True, kw_only=True)
class Policy(Part):
    """A rule that decides when each worker may start its next mini-batch."""

    name = ""
    """What people call it."""

    @property
    def label(self) -> str:
        """Its name, with its parameters where it has any: no two policies share a label."""
        parameters = ", ".join(f"{f.name} {getattr(self, f.name)}" for f in fields(self))
        return f"{self.name} ({parameters})" if parameters else self.name

    def schedule(self, draws: Draws) -> Schedule:
        """The schedule of every run in the draws."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Synchronous(Policy):
    """Bulk-synchronous (BSP): after each batch all wait for the slowest, then pay the network once."""

    name = "Synchronous"

    def schedule(self, draws):
        compute = draws.compute_ms
        slowest = compute.max(axis=1, keepdims=True)
        start, end = back_to_back(slowest + draws.barrier_ms)
        ready, barrier = start + compute, start + slowest
        batch = np.arange(len(compute))[:, None, None]
        return Schedule(
            stretches=(
                Stretch("compute", start, ready),
                Stretch("wait", ready, barrier, reason="barrier"),
                Stretch("comm", barrier, end),
            ),
            read_ms=start,
            ready_ms=ready,
            applied_ms=end,
            finish_ms=end[-1],
            update=batch,
            version=batch,
            updates=len(compute),
        )


@dataclass(frozen=True, kw_only=True)
class Asynchronous(Policy):
    """Asynchronous (ASP): nobody waits; each gradient is an update of its own, B batches for every worker."""

    name = "Asynchronous"

    def schedule(self, draws):
        start, applied = back_to_back(draws.compute_ms + draws.push_ms)
        ready = start + draws.compute_ms
        update = update_order(applied)
        return Schedule(
            stretches=(Stretch("compute", start, ready), Stretch("comm", ready, applied)),
            read_ms=start,
            ready_ms=ready,
            applied_ms=applied,
            finish_ms=applied[-1],
            update=update,
            version=after_own(update),
            updates=update.shape[0] * update.shape[1],
        )


def back_to_back(durations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of steps along the first axis, each starting where the one before it ended, the first at 0."""
    clock = np.zeros((len(durations) + 1, *durations.shape[1:]))
    if durations[0].size < 32:
        np.cumsum(durations, axis=0, out=clock[1:])
    else:  # the same sums, several times faster on wide rows
        for step, duration in enumerate(durations):
            np.add(clock[step], duration, out=clock[step + 1])
    return clock[:-1], clock[1:]


def after_own(update: np.ndarray) -> np.ndarray:
    """Version read by workers that read at the instant of their own last update, and at first the initial one."""
    version = np.zeros_like(update)
    np.add(update[:-1], 1, out=version[1:])
    return version


POLICIES = {policy.__name__: policy for policy in (Synchronous, Asynchronous)}
