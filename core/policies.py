"""Who waits for whom: each policy turns draws into a Schedule, for many runs at once."""

from dataclasses import dataclass

import numpy as np

from core.draws import Draws
from core.order import update_order
from core.parts import Part
from core.schedule import Schedule, Stretch


@dataclass(frozen=True, kw_only=True)
class Policy(Part):
    """A rule that decides when each worker may start its next mini-batch."""

    label = ""
    """What people call it."""

    def schedule(self, draws: Draws) -> Schedule:
        """The schedule of every run in the draws."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Synchronous(Policy):
    """Bulk-synchronous (BSP): after each batch all wait for the slowest, then pay the network once."""

    label = "Synchronous"

    def schedule(self, draws):
        compute = draws.compute_ms
        slowest = compute.max(axis=-2)
        end = np.cumsum(slowest + draws.barrier_ms, axis=-1)
        start = shifted(end)
        barrier = start + slowest
        start, barrier, end = (x[:, None, :] for x in (start, barrier, end))
        ready = start + compute
        batches = np.arange(compute.shape[-1])[None, None, :]
        return Schedule(
            stretches=(
                Stretch("compute", start, ready),
                Stretch("wait", ready, barrier, reason="barrier"),
                Stretch("comm", barrier, end),
            ),
            read_ms=start,
            ready_ms=ready,
            applied_ms=end,
            finish_ms=end[..., -1],
            update=batches,
            version=batches,
            updates=compute.shape[-1],
        )


@dataclass(frozen=True, kw_only=True)
class Asynchronous(Policy):
    """Asynchronous (ASP): nobody waits; each gradient is an update of its own, B batches for every worker."""

    label = "Asynchronous"

    def schedule(self, draws):
        applied = np.cumsum(draws.compute_ms + draws.push_ms, axis=-1)
        start = shifted(applied)
        ready = start + draws.compute_ms
        update = update_order(applied)
        return Schedule(
            stretches=(Stretch("compute", start, ready), Stretch("comm", ready, applied)),
            read_ms=start,
            ready_ms=ready,
            applied_ms=applied,
            finish_ms=applied[..., -1],
            update=update,
            version=shifted(update + 1),  # a worker reads at the instant of its own update
            updates=update.shape[-1] * update.shape[-2],
        )


def shifted(ends: np.ndarray) -> np.ndarray:
    """When each step starts, if it starts where the one before it ended and the first starts at 0."""
    starts = np.empty_like(ends)
    starts[..., 0] = 0
    starts[..., 1:] = ends[..., :-1]
    return starts


POLICIES = {policy.__name__: policy for policy in (Synchronous, Asynchronous)}
