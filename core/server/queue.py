"""The schedule of runs whose pushes queue at a first-come-first-served server."""

import numpy as np

from core.schedule.schedule import Schedule, Stretch
from core.schedule.update_order import when_full
from core.server.failing import serve_failing
from core.server.failing_free import step_by_step
from core.server.failing_shared import serve_shared
from core.server.heap import serve_one
from core.server.interruptions import Interruptions
from core.server.lives import schedule_of_lives
from core.server.release import Release
from core.server.timestamps import Timestamps
from core.server.windows import serve
from core.workload.draws import FEW_PUSHES, Draws


def through_server(draws: Draws, pushes: int, size: int, rule: Release) -> Schedule:
    """The schedule of runs whose pushes queue at a server.

    What is in flight when the last push has been applied is cancelled at that moment.

    Args:
        draws: compute and network times of the runs.
        pushes: how many the server applies in each run.
        size: how many make an update; the last one takes what is left.
        rule: who goes on after which push.

    Raises:
        ScenarioError: where the draws have fewer rows than the runs need.
        TooManyRuns: where the runs need too much memory together, and fewer at a time would do.

    """
    if draws.fails:
        passed, interruptions = served_with_failures(draws, pushes, size, rule)
        return schedule_of_lives(passed, interruptions, draws, pushes, size, rule)
    passed = served(draws, pushes, size, rule)
    used, begun, in_flight = passed.used, passed.started, passed.in_flight
    applied_ms = when_full(passed.applied, passed.rank, size, pushes)
    if rule.reason == "update":
        passed = passed.released_with_updates(applied_ms, draws.workload.network, draws.workload.workers)
    end_of_run = np.where(used, applied_ms, 0).max(axis=(0, 1))
    finish_ms = np.where(in_flight.any(axis=0), end_of_run, np.where(used, passed.end, 0).max(axis=0))
    passed = passed.cut_off(finish_ms)
    return Schedule(
        stretches=(
            Stretch("compute", passed.start, np.where(in_flight, passed.start, passed.ready)),
            Stretch("cancelled", passed.start, np.where(in_flight, passed.ready, passed.start)),
            Stretch("comm", passed.ready, passed.arrived),
            Stretch("wait", passed.arrived, passed.served, reason="server queue"),
            Stretch("comm", passed.served, passed.applied),
            Stretch("wait", passed.applied, passed.go_on, reason=rule.reason),
            Stretch("comm", passed.go_on, passed.end),
        ),
        read_ms=passed.read,
        ready_ms=passed.ready,
        applied_ms=np.where(used, applied_ms, finish_ms),
        finish_ms=finish_ms,
        update=passed.rank // size,
        version=passed.version,
        updates=-(-pushes // size),
        used=None if used.all() else used,
        started=None if begun.all() else begun,
    )


def served_with_failures(draws: Draws, pushes: int, size: int, rule: Release) -> tuple[Timestamps, Interruptions]:
    """The timestamps of every mini-batch, and what failures did: in the way that fits the rule."""
    if rule.quota is None and rule.reason != "update":
        return serve_shared(draws, size)
    if rule.quota is not None and draws.workload.network.answers_at_once:
        return step_by_step(draws, size, rule.ahead)
    return serve_failing(draws, pushes, size, rule)


def served(draws: Draws, pushes: int, size: int, rule: Release) -> Timestamps:
    """The timestamps of every mini-batch: window by window, or from a heap where there are few pushes at a time."""
    few = draws.runs == 1 and draws.workload.workers < FEW_PUSHES
    by_windows = None if few else serve(draws, pushes, size, rule)
    return by_windows or serve_one(draws, pushes, size, rule)
