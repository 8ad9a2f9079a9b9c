"""The life of a mini-batch that goes through a server."""

from dataclasses import dataclass

import numpy as np


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
