"""The life of a mini-batch that goes through a server."""

from dataclasses import dataclass

import numpy as np

from core.workload.draws import Draws


@dataclass(frozen=True)
class Stations:
    """When each mini-batch passed what, (rows, workers, runs); `rank` is −1 for what was never applied."""

    read: np.ndarray
    start: np.ndarray
    ready: np.ndarray
    arrived: np.ndarray
    served: np.ndarray
    applied: np.ndarray
    go_on: np.ndarray
    rank: np.ndarray
    version: np.ndarray
    started: np.ndarray


def stations(
    draws: Draws,
    size: int,
    finished: np.ndarray,
    under_way: np.ndarray,
    served_ms: np.ndarray,
    rank: np.ndarray,
    go_on_ms: np.ndarray,
    went_after: np.ndarray,
) -> Stations:
    """When each mini-batch passed what, from when it was served, as which push, and how its worker went on after it.

    finished: how many mini-batches of each worker were applied, (workers, runs), and under_way: whether one more was
    begun; the log, (rows, workers, runs), may hold anything beyond. go_on_ms is 0 where nothing followed, went_after
    the number of pushes served by then; an update is `size` of them.
    """
    rows, network = len(rank), draws.workload.network
    row = np.arange(rows)[:, None, None]
    used, started = row < finished, row < finished + under_way
    read, version = np.zeros_like(go_on_ms), np.zeros_like(rank)
    read[1:], version[1:] = go_on_ms[:-1], went_after[:-1] // size
    start = read + network.pull_ms
    start[0] = 0
    ready = start + draws.compute_rows(rows)
    applied = np.where(used, served_ms + network.service_ms, 0)
    return Stations(
        read=np.where(started, read, 0),
        start=np.where(started, start, 0),
        ready=np.where(started, ready, 0),
        arrived=np.where(started, ready + draws.push_rows(rows), 0),
        served=np.where(used, served_ms, 0),
        applied=applied,
        go_on=np.where(used, np.maximum(applied, go_on_ms), 0),
        rank=np.where(used, rank, -1),
        version=np.where(started, version, 0),
        started=started,
    )
