"""Spans of time: how much of windows they cover, alone and together. All arrays are (n, 2): starts and ends."""

import numpy as np


def merged(spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of the time that the spans (at least one) cover together, in order."""
    spans = spans[np.argsort(spans[:, 0])]
    reach = np.maximum.accumulate(spans[:, 1])
    apart = spans[1:, 0] > reach[:-1]
    return spans[np.append(True, apart), 0], reach[np.append(apart, True)]


def covered(spans: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """How much of each window lies in at least one span."""
    if not len(spans):
        return np.zeros(len(windows))
    begin, until = merged(spans)
    total = np.append(0, np.cumsum(until - begin))

    def up_to(time: np.ndarray) -> np.ndarray:
        begun = np.searchsorted(begin, time)
        return total[begun] - np.where(begun > 0, np.maximum(until[begun - 1] - time, 0), 0)

    return up_to(windows[:, 1]) - up_to(windows[:, 0])


def touching(spans: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Those of the spans that share time with one of the others."""
    if not len(spans) or not len(others):
        return spans[:0]
    begin, until = merged(others)
    before = np.searchsorted(begin, spans[:, 1])  # others that begin before a span ends
    return spans[(before > 0) & (until[before - 1] > spans[:, 0])]


def outside(spans: np.ndarray, others: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """How much of each window lies in the spans and in none of the others."""
    others = touching(others, spans)
    alone = covered(np.concatenate([spans, others]), windows) - covered(others, windows)
    return np.maximum(alone, 0)


def outside_while(spans: np.ndarray, others: np.ndarray, holding: np.ndarray, windows: np.ndarray) -> np.ndarray:
    r"""How much of each window lies in the spans and in one that holds, and in none of the others.

    |A ∩ H \ O| = |A \ O| + |H \ O| - |(A ∪ H) \ O|, so that no span has to be cut.
    """
    others = touching(others, spans)
    together = covered(np.concatenate([holding, others]), windows) + covered(np.concatenate([spans, others]), windows)
    either = covered(np.concatenate([spans, holding, others]), windows) + covered(others, windows)
    return np.maximum(together - either, 0)
