"""A run too large to draw block by block: all of it at a glance, and whom to draw of it in full."""

import numpy as np
import pandas as pd

from core.schedule.schedule import PHASES, Schedule, one_run
from core.schedule.tables import Segments, segments, under_way

MAX_BLOCKS = 4_000  # marks that a browser draws without delay, all on a page together
MOST_ROWS, MOST_BINS, MOST_CELLS, CLOSEUP_BLOCKS = 64, 300, 2_048, 1_000
CHUNK = 2**18  # mini-batches looked at together


def groups(order: np.ndarray) -> list[np.ndarray]:
    """The workers, in order, in at most 64 groups of neighbours, all of one size except for the last."""
    size = -(-len(order) // MOST_ROWS)
    return [order[first : first + size] for first in range(0, len(order), size)]


def group_of(rows: list[np.ndarray]) -> np.ndarray:
    """The number of each worker's group."""
    number = np.empty(sum(map(len, rows)), dtype=np.int64)
    for row, workers in enumerate(rows):
        number[workers] = row
    return number


def group_names(rows: list[np.ndarray]) -> list[str]:
    """What to call each group: W3, W0–W19, or, where its workers do not follow each other, their places: 1–20."""
    if len(rows[0]) == 1:
        return [f"W{workers[0]}" for workers in rows]
    if all((np.diff(workers) == 1).all() for workers in rows):
        return [f"W{workers[0]}–W{workers[-1]}" for workers in rows]
    ends = np.cumsum([len(workers) for workers in rows])
    return [f"{end - len(workers) + 1}–{end}" for workers, end in zip(rows, ends, strict=True)]


def overview(schedule: Schedule, rows: list[np.ndarray], run: int = 0) -> pd.DataFrame:
    """How each group of workers spent each stretch of a run, the same stretches for all: at most 2,048 cells.

    Takes memory for the cells only.

    Args:
        schedule: of one run or more.
        rows: the groups, each worker in one of them.
        run: which of the runs.

    Returns:
        Columns: row (0 first), workers (how many are in it), from_ms, to_ms, and the percent of the row's time in each
        phase and in the tail.

    """
    epoch, bins = schedule.finish_ms[:, run].max(), min(MOST_BINS, max(1, MOST_CELLS // len(rows)))
    row_of, workers = group_of(rows), np.array([[len(row)] for row in rows])

    def after(times_ms: np.ndarray) -> np.ndarray:
        """How much of each cell comes after a time, summed over the mini-batches, (rows, bins)."""
        of_run = np.broadcast_to(times_ms, (*times_ms.shape[:2], schedule.shape[2]))[..., run]
        if of_run.shape[1] == 1:  # the same for all workers
            return workers * rest_of_cells(of_run, bins / epoch, np.zeros(1, dtype=np.int64), bins)
        return rest_of_cells(of_run, bins / epoch, row_of, bins)

    known: list[tuple[np.ndarray, np.ndarray]] = []

    def after_once(times_ms: np.ndarray) -> np.ndarray:
        """The same, worked out once for each array: a stretch ends where another one starts."""
        for array, rest in known:
            if array is times_ms:
                return rest
        known.append((times_ms, after(times_ms)))
        return known[-1][1]

    share = {phase: np.zeros((len(rows), bins)) for phase in PHASES}
    for stretch in schedule.stretches:
        share[stretch.phase] += after_once(stretch.start_ms) - after_once(stretch.end_ms)
    share["tail"] = after(schedule.finish_ms[None])
    edges = np.linspace(0, epoch, bins + 1)
    return pd.DataFrame(
        {
            "row": np.repeat(np.arange(len(rows)), bins),
            "workers": np.repeat(workers, bins),
            "from_ms": np.tile(edges[:-1], len(rows)),
            "to_ms": np.tile(edges[1:], len(rows)),
            **{phase: np.maximum(0, 100 * cells / workers).ravel() for phase, cells in share.items()},
        }
    )


def rest_of_cells(times: np.ndarray, scale: float, row_of: np.ndarray, bins: int) -> np.ndarray:
    """For every time, how much of each of its row's cells comes after it, summed.

    A cell holds its own share of the times that lie in it, and all of those before it: counts, whose sums are exact.

    Args:
        times: (batches, workers), ms.
        scale: cells per ms.
        row_of: the row of each worker, (workers,).
        bins: cells in a row.

    Returns:
        Sums in cells, (rows, bins).

    """
    rows, width = row_of.max() + 1, bins + 1  # what lies at the very end has a column of its own
    parts, counts = np.zeros(rows * width), np.zeros(rows * width, dtype=np.int64)
    step = max(1, CHUNK // times.shape[1])
    for first in range(0, len(times), step):
        scaled = times[first : first + step] * scale
        column = np.minimum(scaled.astype(np.int64), bins)
        cell = (column + width * row_of).ravel()
        parts += np.bincount(cell, (column + 1 - scaled).ravel(), minlength=parts.size)
        counts += np.bincount(cell, minlength=counts.size)
    parts, counts = parts.reshape(rows, width), counts.reshape(rows, width)
    return (parts + np.cumsum(counts, axis=1) - counts)[:, :-1]


def slowness(schedule: Schedule, since_ms: float = 0.0, until_ms: float = np.inf, run: int = 0) -> np.ndarray:
    """Mean compute time of each worker's mini-batches that touch a window of time, ms; 0 for who has none there.

    What is cancelled the moment it starts does not count.

    Args:
        schedule: of one run or more.
        since_ms: where the window begins, ms.
        until_ms: where it ends, ms.
        run: which of the runs.

    Returns:
        (workers,), ms.

    """
    everybody = np.arange(schedule.shape[1])
    first, last = under_way(schedule, since_ms, until_ms, everybody, run)
    spent = [stretch for stretch in schedule.stretches if stretch.phase in ("compute", "cancelled")]
    total, count, step = np.zeros(len(everybody)), np.zeros(len(everybody)), max(1, CHUNK // len(everybody))
    for begin in range(first.min(), last.max(), step):
        here = slice(begin, min(begin + step, last.max()))
        row = np.arange(here.start, here.stop)
        inside = (row >= first[:, None]) & (row < last[:, None])
        took = np.zeros(inside.shape)
        for stretch in spent:
            start, end = one_run(schedule, run, stretch.start_ms, stretch.end_ms)
            took += end[:, here] - start[:, here]
        took = np.where(inside, took, 0)
        total += took.sum(axis=1)
        count += np.count_nonzero(took, axis=1)
    return total / np.maximum(count, 1)


def slowest(schedule: Schedule, most: int, since_ms: float = 0.0, until_ms: float = np.inf) -> np.ndarray:
    """The workers that are slowest in a window of time, the slowest first; ties go to the lower number.

    Args:
        schedule: of one run or more, of which the first counts.
        most: how many workers.
        since_ms: where the window begins, ms.
        until_ms: where it ends, ms.

    """
    return np.argsort(-slowness(schedule, since_ms, until_ms), kind="stable")[:most]


def closeup(
    schedule: Schedule,
    workers: np.ndarray,
    since_ms: float = 0.0,
    until_ms: float = np.inf,
    most: int = CLOSEUP_BLOCKS,
    run: int = 0,
) -> tuple[Segments, float]:
    """The segments of some workers in a window of time, at most so many.

    Where there are more, the window ends early. Takes memory for what is found only.

    Args:
        schedule: of one run or more.
        workers: their numbers.
        since_ms: where the window begins, ms.
        until_ms: where it ends, ms; at the end of the run at the latest.
        most: how many segments there may be.
        run: which of the runs.

    Returns:
        The segments, and where the window ends, ms.

    """
    until_ms = min(until_ms, schedule.finish_ms[:, run].max())
    first, last = under_way(schedule, since_ms, until_ms, workers, run)
    (start,) = one_run(schedule, run, schedule.stretches[0].start_ms)
    enough = most + len(workers)  # mini-batches; one of each worker may have begun before the window
    starts = [start[worker, a : min(b, a + enough + 1)] for worker, a, b in zip(workers, first, last, strict=True)]
    until_ms = nth(np.concatenate(starts), enough, until_ms)
    found = segments(schedule, run, since_ms=since_ms, until_ms=until_ms, workers=workers)
    until_ms = nth(found.start_ms, most, until_ms)
    return found.started_before(until_ms), until_ms


def whole(schedule: Schedule, run: int = 0) -> Segments | None:
    """All segments of a run, or None where there are more workers or blocks, tails among them, than fit one picture."""
    if schedule.shape[1] > MOST_ROWS or schedule.gradients > MAX_BLOCKS:
        return None
    found = segments(schedule, run)
    return found if len(found) + schedule.shape[1] <= MAX_BLOCKS else None


def nth(times: np.ndarray, n: int, otherwise: float) -> float:
    """The time that n of the times come before, or another where there are not so many."""
    return float(np.partition(times, n)[n]) if len(times) > n else otherwise
