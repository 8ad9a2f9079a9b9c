"""The schedule of runs whose pushes queue at a first-come-first-served server."""

import numpy as np

from core.schedule.schedule import Schedule, Stretch
from core.schedule.update_order import when_full
from core.server.heap import ReleaseOne, serve_one
from core.server.windows import Release, serve
from core.workload.draws import FEW_PUSHES, Draws


def through_server(
    draws: Draws, pushes: int, size: int, release: Release, release_one: ReleaseOne, reason: str = ""
) -> Schedule:
    """The schedule of such runs: what is in flight when the last push has been applied is cancelled there.

    release and release_one are the same rule, for windows of pushes and for one push after the other.
    """
    pull = draws.workload.network.pull_ms
    few = draws.runs == 1 and draws.workload.workers < FEW_PUSHES
    at = None if few else serve(draws, pushes, size, release)
    at = at or serve_one(draws, pushes, size, release_one)
    used, begun = at.rank >= 0, at.started
    applied = when_full(at.applied, at.rank, size, pushes)
    end_of_run = np.where(used, applied, 0).max(axis=(0, 1))
    go_on = np.maximum(at.go_on, applied) if reason == "update" else at.go_on
    passed = (at.read, at.start, at.ready, at.arrived, at.served, at.applied, go_on, go_on + pull)
    done_at = np.where(used, passed[-1], 0).max(axis=0)
    finish = np.where((begun & ~used).any(axis=0), end_of_run, done_at)
    read, start, ready, arrived, served, done, released, end = (
        np.where(begun, np.minimum(time, finish), finish) for time in passed
    )
    in_flight = begun & ~used
    served, done, released, end = (np.where(in_flight, finish, time) for time in (served, done, released, end))
    return Schedule(
        stretches=(
            Stretch("compute", start, np.where(in_flight, start, ready)),
            Stretch("cancelled", start, np.where(in_flight, ready, start)),
            Stretch("comm", ready, arrived),
            Stretch("wait", arrived, served, reason="server queue"),
            Stretch("comm", served, done),
            Stretch("wait", done, released, reason=reason),
            Stretch("comm", released, end),
        ),
        read_ms=read,
        ready_ms=ready,
        applied_ms=np.where(used, applied, finish),
        finish_ms=finish,
        update=np.where(used, at.rank // size, -1),
        version=at.version,
        updates=-(-pushes // size),
        used=None if used.all() else used,
        started=None if begun.all() else begun,
    )
