"""Pushes one after the other through a first-come-first-served server: an event loop over pushes, for many runs."""

from collections.abc import Callable

import numpy as np

from core.draws import Draws
from core.schedule import Schedule, Stretch
from core.single_run import ReleaseOne, serve_one
from core.stations import Stations

Released = tuple[np.ndarray, np.ndarray]
Release = Callable[[int, np.ndarray, np.ndarray], Released]


def serve(draws: Draws, pushes: int, size: int, release: Release) -> Stations:
    """Runs of workers that push to one server, until it has applied so many pushes; an update is `size` of them.

    release(number, worker, finished) says who goes on after push `number` (0 first) of that worker in each run, as
    (workers, runs) to index by; finished counts every worker's applied pushes, (workers, runs).
    """
    workers, rows = draws.scenario.workers, draws.scenario.batches
    service, pull = draws.scenario.network.service_ms, draws.scenario.network.pull_ms
    compute, push = draws.compute_rows(rows), draws.push_rows(rows)
    shape, every = (rows, workers, draws.runs), np.arange(draws.runs)
    times = {name: np.zeros(shape) for name in ("read", "start", "ready", "arrived", "served", "applied", "go_on")}
    counts = {"rank": np.full(shape, -1), "version": np.zeros(shape, dtype=np.int64)}
    times["ready"][0], times["arrived"][0] = compute[0], compute[0] + push[0]
    finished, free = np.zeros(shape[1:], dtype=np.int64), np.zeros(draws.runs)
    pending = times["arrived"][0].copy()
    for number in range(pushes):
        worker = pending.argmin(axis=0)  # ties: the lower worker number
        served = np.maximum(pending[worker, every], free)
        free = served + service
        mine = finished[worker, every], worker, every
        times["served"][mine], times["applied"][mine], times["go_on"][mine] = served, free, free
        counts["rank"][mine] = number
        finished[worker, every] += 1
        pending[worker, every] = np.inf
        who, run = release(number, worker, finished)
        if not len(who):
            continue
        now, batch = free[run], finished[who, run]
        times["go_on"][batch - 1, who, run] = now
        if batch.max() == rows:
            rows = draws.more_rows(rows)
            compute, push = draws.compute_rows(rows), draws.push_rows(rows)
            times = {name: lengthened(array, rows, 0.0) for name, array in times.items()}
            counts = {"rank": lengthened(counts["rank"], rows, -1), "version": lengthened(counts["version"], rows, 0)}
        next_one = batch, who, run
        ready = now + pull + compute[next_one]
        times["read"][next_one], times["start"][next_one], times["ready"][next_one] = now, now + pull, ready
        times["arrived"][next_one] = pending[who, run] = ready + push[next_one]
        counts["version"][next_one] = (number + 1) // size
    started = np.arange(rows)[:, None, None] < finished + np.isfinite(pending)
    return Stations(**times, **counts, started=started)


def through_server(
    draws: Draws, pushes: int, size: int, release: Release, release_one: ReleaseOne, reason: str = ""
) -> Schedule:
    """The schedule of such runs: what is in flight when the last push has been applied is cancelled there.

    release and release_one are the same rule, for many runs and for a single one.
    """
    pull = draws.scenario.network.pull_ms
    at = serve_one(draws, pushes, size, release_one) if draws.runs == 1 else serve(draws, pushes, size, release)
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


def when_full(arrived: np.ndarray, rank: np.ndarray, size: int, total: int) -> np.ndarray:
    """When the update that each gradient is part of was made: at the arrival of its last one."""
    if size == 1:
        return arrived
    rows, workers, runs = arrived.shape
    by_rank = np.zeros((runs, rows * workers))
    flat_rank = rank.transpose(2, 1, 0).reshape(runs, -1)
    np.put_along_axis(by_rank, flat_rank, arrived.transpose(2, 1, 0).reshape(runs, -1), axis=-1)
    last = np.minimum(flat_rank // size * size + size, total) - 1
    return np.take_along_axis(by_rank, last, axis=-1).reshape(runs, workers, rows).transpose(2, 1, 0)


def lengthened(array: np.ndarray, rows: int, value) -> np.ndarray:
    """The array with rows of a value added to its end."""
    longer = np.full((rows, *array.shape[1:]), value, dtype=array.dtype)
    longer[: len(array)] = array
    return longer
