"""In which order the gradients of all workers reach the server."""

import numpy as np


def update_order(applied_ms: np.ndarray) -> np.ndarray:
    """Rank of each gradient in the order of application, 0 first; ties go to the lower worker number.

    Many runs: two in-place sorts of integers, with no gathers. Non-negative doubles sort like their bit patterns, so
    the lowest bits of each time can carry its worker number. A run in which two times agree in all the bits that are
    left (exact ties, mostly) is done again by the stable sort that a single run has.

    Args:
        applied_ms: (batches, workers, runs), 0 or more, rising along batches, ms.

    Returns:
        Whole numbers of the same shape.

    """
    batches, workers, runs = applied_ms.shape
    events = workers * batches
    if runs == 1:
        return order_of_one(applied_ms[..., 0].T).T[..., None]
    low = (workers - 1).bit_length()
    keys = np.array(applied_ms.view(np.int64).transpose(2, 1, 0), order="C")
    keys >>= low
    keys <<= low
    keys |= np.arange(workers)[:, None]
    keys = keys.reshape(runs, events)
    keys.sort(axis=-1)

    place = (events - 1).bit_length()
    small = (workers << place) < 2**31
    by_worker = (keys & ((1 << low) - 1)).astype(np.int32 if small else np.int64)
    by_worker <<= place
    by_worker |= np.arange(events, dtype=by_worker.dtype)
    by_worker.sort(axis=-1)
    by_worker &= (1 << place) - 1

    keys >>= low
    for run in np.flatnonzero((keys[:, 1:] == keys[:, :-1]).any(axis=-1)):
        by_worker[run] = order_of_one(applied_ms[..., run].T).ravel()
    return by_worker.reshape(runs, workers, batches).transpose(2, 1, 0)


def order_of_one(applied_ms: np.ndarray) -> np.ndarray:
    """The ranks of one run, (workers, batches), by one stable sort."""
    rank = np.empty(applied_ms.size, dtype=np.int32)
    rank[np.argsort(applied_ms, axis=None, kind="stable")] = np.arange(applied_ms.size, dtype=np.int32)
    return rank.reshape(applied_ms.shape)


def after_own(update: np.ndarray) -> np.ndarray:
    """Version read by workers that read at the instant of their own last update, and at first the initial one."""
    version = np.zeros_like(update)
    np.add(update[:-1], 1, out=version[1:])
    return version


def when_full(arrived: np.ndarray, rank: np.ndarray, size: int, total: int) -> np.ndarray:
    """When the update that each gradient is part of was made: at the arrival of its last one.

    Args:
        arrived: when each gradient arrives, (rows, workers, runs), ms.
        rank: its place in the order of application, 0 first, of the same shape.
        size: gradients of an update.
        total: gradients that updates use in all; the last update takes what is left.

    Returns:
        Times of the same shape, ms.

    """
    if size == 1:
        return arrived
    rows, workers, runs = arrived.shape
    by_rank = np.zeros((runs, rows * workers))
    flat_rank = rank.transpose(2, 1, 0).reshape(runs, -1)
    np.put_along_axis(by_rank, flat_rank, arrived.transpose(2, 1, 0).reshape(runs, -1), axis=-1)
    last = np.minimum(flat_rank // size * size + size, total) - 1
    return np.take_along_axis(by_rank, last, axis=-1).reshape(runs, workers, rows).transpose(2, 1, 0)
