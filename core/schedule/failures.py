"""What failures did in one run: who failed when, for how long, and what work was lost with it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.schedule.schedule import Schedule, one_run


@dataclass(frozen=True, eq=False)
class Failed:
    """The failures of one run in the order of time: arrays of one length, times in ms."""

    worker: np.ndarray
    failed_ms: np.ndarray
    back_ms: np.ndarray
    """When the worker is back, or when the epoch ends, if that is sooner."""
    lost_batches: np.ndarray
    """How many mini-batches have to be done again because of it, whole ones and those that were under way."""
    lost_ms: np.ndarray
    """How long they had been computed for, all workers together."""

    def __len__(self) -> int:
        return len(self.worker)

    def table(self) -> pd.DataFrame:
        """Columns: worker, failed_ms, back_ms, down_ms, lost_batches, lost_ms."""
        table = pd.DataFrame(vars(self))
        table.insert(3, "down_ms", table["back_ms"] - table["failed_ms"])
        return table


def failures(schedule: Schedule, run: int = 0) -> Failed:
    """Every failure of one run, and the work that was lost with it.

    Args:
        schedule: of one run or more.
        run: which of them.

    """
    found, none = schedule.outages, np.zeros(0)
    if found is None:
        return Failed(none.astype(np.int64), none, none, none.astype(np.int64), none)
    mine = np.flatnonzero(found.run == run)
    mine = mine[np.lexsort((found.worker[mine], found.failed_ms[mine]))]
    worker, failed_ms = found.worker[mine], found.failed_ms[mine]
    epoch_ms = schedule.finish_ms.max(axis=0)[run]
    of, took_ms = lost_work(schedule, run, worker, failed_ms) if len(mine) else (none.astype(np.int64), none)
    return Failed(
        worker=worker,
        failed_ms=failed_ms,
        back_ms=np.minimum(found.back_ms[mine], epoch_ms),
        lost_batches=np.bincount(of, minlength=len(mine)),
        lost_ms=np.bincount(of, took_ms, minlength=len(mine)),
    )


def lost_work(schedule: Schedule, run: int, worker: np.ndarray, failed_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mini-batches that failures cost.

    Where all go back to a checkpoint, whatever nobody's gradient was used of is lost to the failure that came next;
    otherwise a worker loses its own mini-batches that the failure cut.

    Args:
        schedule: of one run or more.
        run: which of them.
        worker: who failed, in the order of time.
        failed_ms: when, ms.

    Returns:
        Of each lost mini-batch the number of its failure, and for how long it had been computed, ms.

    """
    assert schedule.used is not None
    assert schedule.started is not None
    used, started, read_ms, applied_ms = one_run(
        schedule, run, schedule.used, schedule.started, schedule.read_ms, schedule.applied_ms
    )
    all_go_back = any(stretch.reason == "restart" for stretch in schedule.stretches)
    lost = started & ~used & (~used.any(axis=0) if all_go_back else True)
    who, row = np.nonzero(lost)
    if all_go_back:
        of = np.searchsorted(failed_ms, read_ms[who, row])
        meant = of < len(failed_ms)
    else:
        of = next_of_own(who, read_ms[who, row], worker, failed_ms)
        meant = failed_ms[of] <= applied_ms[who, row]
        meant &= (worker[of] == who) & (failed_ms[of] >= read_ms[who, row])
    took_ms = np.zeros(len(who))
    for stretch in schedule.stretches:
        if stretch.phase == "cancelled":
            start, end = one_run(schedule, run, stretch.start_ms, stretch.end_ms)
            took_ms += end[who, row] - start[who, row]
    return of[meant], took_ms[meant]


def next_of_own(who: np.ndarray, since_ms: np.ndarray, worker: np.ndarray, failed_ms: np.ndarray) -> np.ndarray:
    """The number of each one's first own failure from a time on; of no meaning where there is none.

    Args:
        who: some workers.
        since_ms: a time for each, ms.
        worker: who failed, in the order of time.
        failed_ms: when, ms.

    """
    of = np.zeros(len(who), dtype=np.int64)
    for one in np.unique(worker):
        (own,) = np.nonzero(worker == one)
        (mine,) = np.nonzero(who == one)
        place = np.searchsorted(failed_ms[own], since_ms[mine])
        of[mine] = own[np.minimum(place, len(own) - 1)]
    return of
