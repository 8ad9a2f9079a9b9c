"""Workers that fail where no pushes queue: a recurrence over mini-batches, for static shards and a staleness bound."""

import numpy as np

from core.schedule.update_order import after_own, update_order
from core.server.interruptions import Idle, Interruptions, Loss
from core.server.timestamps import Timestamps
from core.workload.draws import Draws
from core.workload.next_failures import NextFailures


def step_by_step(draws: Draws, size: int, bound: int) -> tuple[Timestamps, Interruptions]:
    """Runs whose pushes are applied and answered when they arrive, each worker's own mini-batches one after the other.

    Args:
        draws: compute and network times, and failures.
        size: gradients of an update.
        bound: how many batches a worker may be ahead of the slowest.

    """
    compute, step = draws.compute_ms, draws.compute_ms + draws.push_ms
    following, restart_ms = NextFailures(draws), draws.workload.failures.restart_ms
    found = Interruptions(following)
    start, applied = np.zeros_like(step), np.empty_like(step)
    released = np.full((len(step), *step.shape[2:]), -np.inf)  # when everybody has finished a batch
    go_on = np.zeros(step.shape) if bound < len(step) else applied
    fails_ms = following.next_ms.min()
    for batch in range(len(step)):
        if batch:
            start[batch] = applied[batch - 1]
        if batch > bound:
            np.maximum(start[batch], released[batch - bound - 1], out=start[batch])
        if batch and go_on is not applied:
            go_on[batch - 1] = start[batch]
        np.add(start[batch], step[batch], out=applied[batch])
        while fails_ms < applied[batch].max():
            hit = following.next_ms < applied[batch]
            if not hit.any():
                break
            lanes = np.nonzero(hit)
            failed_ms = following.next_ms[lanes]
            back_ms = failed_ms + restart_ms
            following.meet(lanes, back_ms)
            fails_ms = following.next_ms.min()
            begun = start[batch][lanes]
            lost, again = begun <= failed_ms, begun < back_ms
            again |= lost
            for worker, run, failed, back, read, loses in zip(
                *(each.tolist() for each in (*lanes, failed_ms, back_ms, begun, lost)), strict=True
            ):
                if loses:
                    found.losses.append(Loss(run, worker, batch, failed, back, read, read))
                else:
                    found.idles.append(Idle(run, worker, batch - 1, failed, back))
                if loses or read < back:
                    found.restarts[batch, worker, run] = back
            start[batch][lanes] = np.where(again, back_ms, begun)
            applied[batch][lanes] = start[batch][lanes] + step[batch][lanes]
        released[batch] = applied[batch].max(axis=0)
    if go_on is not applied:
        go_on[-1] = applied[-1]
    rank = update_order(applied)
    version = after_own(rank)
    if bound + 1 < len(rank):  # the update that released a worker came before its read
        freed_by = rank[: -bound - 1].max(axis=1, keepdims=True) + 1
        np.maximum(version[bound + 1 :], freed_by, out=version[bound + 1 :])
    ready = start + compute
    passed = Timestamps(
        read=start,
        start=start,
        ready=ready,
        arrived=applied,
        served=applied,
        applied=applied,
        go_on=go_on,
        end=go_on,
        rank=rank,
        version=version // size,
        started=np.ones(step.shape, dtype=bool),
    )
    return found.corrected(passed, draws, size), found
