"""What happened in one run, as arrays and tables: segments, gradients, barriers, contributions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.schedule.schedule import HIDDEN, PHASES, REASONS, Beside, Schedule, one_run


@dataclass(frozen=True, eq=False)
class Segments:
    """Phases of one run that took any time, by worker and start: arrays of one length, times in ms."""

    worker: np.ndarray
    row: np.ndarray
    """Of the schedule."""
    batch: np.ndarray
    """Which of its worker's mini-batches it is: that of the row, unless something is done again."""
    kind: np.ndarray
    """Which of the stretches it is."""
    start_ms: np.ndarray
    end_ms: np.ndarray
    phases: tuple[str, ...]
    """The phase of each kind."""
    reasons: tuple[str, ...]
    """The reason of each kind; empty but for waits."""

    def __len__(self) -> int:
        return len(self.worker)

    def started_before(self, until_ms: float) -> "Segments":
        """Those that start before a time."""
        names = ("worker", "row", "batch", "kind", "start_ms", "end_ms")
        chosen = self.start_ms < until_ms
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})

    def table(self) -> pd.DataFrame:
        """Columns: worker, batch, phase, reason (of a wait, else empty), start_ms, end_ms."""
        return pd.DataFrame(
            {
                "worker": self.worker,
                "batch": self.batch,
                "phase": named(self.kind, self.phases, (*PHASES, HIDDEN)),
                "reason": named(self.kind, self.reasons, REASONS),
                "start_ms": self.start_ms,
                "end_ms": self.end_ms,
            }
        )


def segments(
    schedule: Schedule,
    run: int = 0,
    *,
    since_ms: float = 0.0,
    until_ms: float = np.inf,
    workers: Sequence[int] | np.ndarray | None = None,
) -> Segments:
    """Every phase of one run that took any time: all, or what touches a window of time.

    Network time beside them, which is in no worker's own time, has a phase of its own: `HIDDEN`. Takes memory for what
    is in the window only.

    Args:
        schedule: of one run or more.
        run: which of them.
        since_ms: where the window begins, ms.
        until_ms: where it ends, ms.
        workers: the numbers of those that are wanted; all by default.

    """
    workers = np.arange(schedule.shape[1]) if workers is None else np.sort(workers)
    first, last = under_way(schedule, since_ms, until_ms, workers, run)
    count = last - first
    worker = np.repeat(workers, count)
    batch = np.arange(len(worker)) - np.repeat(np.cumsum(count) - last, count)
    start, end = (
        np.column_stack([one_run(schedule, run, times)[0][worker, batch] for times in lives])
        for lives in zip(*((stretch.start_ms, stretch.end_ms) for stretch in schedule.stretches), strict=True)
    )
    row, kind = np.nonzero((end > start) & (end > since_ms) & (start < until_ms))
    found = Segments(
        worker=worker[row],
        row=batch[row],
        batch=one_run(schedule, run, schedule.batches)[0][worker[row], batch[row]],
        kind=kind,
        start_ms=start[row, kind],
        end_ms=end[row, kind],
        phases=tuple(stretch.phase for stretch in schedule.stretches),
        reasons=tuple(stretch.reason for stretch in schedule.stretches),
    )
    if schedule.failures is not None:
        found = joined_pauses(found)
    if schedule.hidden is None:
        return found
    return with_hidden(found, schedule.hidden, schedule.shape, run, since_ms, until_ms, workers)


def with_hidden(
    found: Segments,
    hidden: Beside,
    shape: tuple[int, int, int],
    run: int,
    since_ms: float,
    until_ms: float,
    workers: np.ndarray,
) -> Segments:
    """Segments with the network time beside them, by worker and start."""
    whole = (len(hidden.start_ms), *shape[1:])
    sent = hidden.row if hidden.row.ndim == 3 else hidden.row[:, None, None]
    start, end, batch = (
        np.broadcast_to(values, whole)[..., run][:, workers].T for values in (hidden.start_ms, hidden.end_ms, sent)
    )
    row, exchange = np.nonzero((end > start) & (end > since_ms) & (start < until_ms))
    at = (row, exchange)
    new = [workers[row], batch[at], batch[at], np.full(len(row), len(found.phases)), start[at], end[at]]
    names = ("worker", "row", "batch", "kind", "start_ms", "end_ms")
    columns = {name: np.concatenate([getattr(found, name), more]) for name, more in zip(names, new, strict=True)}
    order = np.lexsort((columns["start_ms"], columns["worker"]))
    return Segments(
        **{name: column[order] for name, column in columns.items()},
        phases=(*found.phases, HIDDEN),
        reasons=(*found.reasons, ""),
    )


def joined_pauses(found: Segments) -> Segments:
    """The segments, with what a worker is down or waits for a restart in one piece where rows cut it in several."""
    names = list(zip(found.phases, found.reasons, strict=True))
    of = np.array([names.index(name) for name in names])[found.kind]
    pause = np.array([phase == "down" or reason in ("restart", "regroup") for phase, reason in names])[found.kind]
    goes_on = np.zeros(len(found), dtype=bool)
    goes_on[1:] = (
        pause[1:] & (of[1:] == of[:-1]) & (found.worker[1:] == found.worker[:-1])
        & (found.start_ms[1:] == found.end_ms[:-1])
    )  # fmt: skip
    (first,) = np.nonzero(~goes_on)
    last = np.append(first[1:], len(found)) - 1
    kept = {name: getattr(found, name)[first] for name in ("worker", "row", "batch", "kind", "start_ms")}
    return replace(found, **kept, end_ms=found.end_ms[last]) if len(first) else found


def under_way(
    schedule: Schedule, since_ms: float, until_ms: float, workers: np.ndarray, run: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Which mini-batches of these workers touch a window of time, as rows of the schedule.

    A worker's rows follow each other in time, so that nothing outside the window is looked at.

    Args:
        schedule: of one run or more.
        since_ms: where the window begins, ms.
        until_ms: where it ends, ms.
        workers: their numbers.
        run: which of the runs.

    Returns:
        The first row of each worker and the one after its last, (workers,) each.

    """
    start, end = one_run(schedule, run, schedule.stretches[0].start_ms, schedule.stretches[-1].end_ms)
    begun = np.full(schedule.shape[1], schedule.shape[0])
    if schedule.started is not None:
        begun = rows_lived(schedule, run)
    first = np.array([np.searchsorted(end[worker], since_ms, side="right") for worker in workers], dtype=np.int64)
    last = np.array([np.searchsorted(start[worker], until_ms) for worker in workers], dtype=np.int64)
    last = np.minimum(last, begun[workers])
    return np.minimum(first, last), last


def rows_lived(schedule: Schedule, run: int) -> np.ndarray:
    """How many rows each worker lived through, (workers,): up to its last mini-batch, or down time after it."""
    assert schedule.started is not None
    (lived,) = one_run(schedule, run, schedule.started)
    if schedule.failures is not None:
        start, end = one_run(schedule, run, schedule.stretches[0].start_ms, schedule.stretches[-1].end_ms)
        lived = lived | (end > start)
    return np.where(lived.any(axis=1), schedule.shape[0] - np.argmax(lived[:, ::-1], axis=1), 0)


def named(kind: np.ndarray, names: Sequence[str], known: Sequence[str]) -> pd.Categorical:
    """The name of each row's kind, stored once however many rows there are; the type is the same for all policies."""
    categories = list(dict.fromkeys([*known, *names]))
    codes = np.array([categories.index(name) for name in names], np.int8)
    return pd.Categorical.from_codes(codes[kind], categories)


def gradients(schedule: Schedule, run: int = 0) -> pd.DataFrame:
    """Every gradient that was begun in one run, by worker and time; batch counts each worker's own.

    What is lost to a failure and done again is there each time.

    Args:
        schedule: of one run or more.
        run: which of them.

    Returns:
        Columns: worker, batch, read_ms, ready_ms, applied_ms, update_number (0 first, −1 for those that were not
        used), staleness (updates, −1 for those that were not used), used, and update, which is update_number by its
        old name: a data frame has a method of that name, so that it cannot be had as an attribute.

    """
    rows, workers, _ = schedule.shape
    worker, batch = np.indices((workers, rows))
    fields = one_run(
        schedule,
        run,
        schedule.read_ms,
        schedule.ready_ms,
        schedule.applied_ms,
        schedule.update_number,
        schedule.staleness,
    )
    names = ("read_ms", "ready_ms", "applied_ms", "update_number", "staleness")
    used = np.broadcast_to(True if schedule.used is None else schedule.used, schedule.shape)[..., run].T
    if schedule.batch is not None:
        (batch,) = one_run(schedule, run, schedule.batches)
    columns = {"worker": worker, "batch": batch, **dict(zip(names, fields, strict=True)), "used": used}
    table = pd.DataFrame({name: np.ravel(values) for name, values in columns.items()})
    table = table.astype({"update_number": np.int64, "staleness": np.int64})
    table["update"] = table["update_number"]
    if schedule.started is None:
        return table
    return table[np.ravel(one_run(schedule, run, schedule.started)[0])].reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class Contributions:
    """How many gradients of each worker were used in one run, and how many thrown away: (workers,) each."""

    used: np.ndarray
    cancelled: np.ndarray

    def table(self) -> pd.DataFrame:
        """Columns: worker, used, cancelled."""
        return pd.DataFrame({"worker": range(len(self.used)), "used": self.used, "cancelled": self.cancelled})


def contributions(schedule: Schedule, run: int = 0) -> Contributions:
    """Whose gradients the updates of one run used."""
    rows, workers, _ = schedule.shape
    used, begun = (
        np.full(workers, rows) if kept is None else np.count_nonzero(kept[..., run], axis=0)
        for kept in (schedule.used, schedule.started)
    )
    return Contributions(used, begun - used)


def staleness_counts(schedule: Schedule, run: int = 0) -> np.ndarray:
    """How many of the gradients used in one run were 0, 1, 2 … updates stale."""
    staleness = np.broadcast_to(schedule.staleness, schedule.shape)[..., run]
    return np.bincount(staleness.ravel() + 1)[1:]  # those that were not used have -1


@dataclass(frozen=True, eq=False)
class Barriers:
    """The barriers of one run: arrays of one length."""

    batch: np.ndarray
    barrier_ms: np.ndarray
    straggler: np.ndarray
    """The worker that others waited for, −1 if nobody did."""

    def table(self) -> pd.DataFrame:
        """Columns: batch, barrier_ms, straggler."""
        return pd.DataFrame({"batch": self.batch, "barrier_ms": self.barrier_ms, "straggler": self.straggler})


def barriers(schedule: Schedule, run: int = 0) -> Barriers | None:
    """Every barrier of one run, or None where the policy has none."""
    if schedule.barrier_ms is None:
        return None
    ready, barrier = one_run(schedule, run, schedule.ready_ms, schedule.barrier_ms)
    if schedule.used is not None:
        ready = np.where(one_run(schedule, run, schedule.used)[0], ready, -np.inf)
    straggler = np.where((barrier > ready).any(axis=0), ready.argmax(axis=0), -1)
    (batch,) = np.nonzero(np.isfinite(barrier[0]))
    return Barriers(batch, barrier[0][batch], straggler[batch])
