"""How several policies stand in paired runs: over the first, over the nearest rival, and whether one is fastest."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from core.statistics.verdicts import Ratio, ratios

FASTEST, TIED, OPEN, SLOWER = "fastest", "tied", "open", "slower"
NOTHING = {"": math.nan, "_low": math.nan, "_high": math.nan, "_outcome": "", "_runs": math.nan}


def standings(epochs: Sequence[np.ndarray]) -> list[dict]:
    """The verdict on each policy in turn, all pairs of them judged together (Holm).

    Args:
        epochs: epoch times of each policy in the same paired runs; the first policy is the baseline.

    Returns:
        For each policy:

        - speedup, speedup_low, speedup_high, speedup_outcome, speedup_runs: the first policy's mean epoch time over
          this one's, its interval, decided, equal or open, and with about how many runs it would be settled (NaN where
          it is settled, or where the runs do not tell); of the first policy itself 1, baseline.
        - lead, lead_low, …: the same for the quickest other policy's mean epoch time over this one's.
        - standing, of the quickest on average: fastest where it is decided against each other one; else tied, where
          those that it is not decided against are equal to it within 1 %; else open. Of another policy: slower where
          the quickest is decided against it; else tied or open.
        - standing_runs: with about how many runs an open standing would be settled.

    """
    over = over_each_other(epochs)
    means = [float(epoch.mean()) for epoch in epochs]
    by_mean = sorted(range(len(epochs)), key=means.__getitem__)
    quickest, rows = by_mean[0], []
    for mine in range(len(epochs)):
        others = [policy for policy in by_mean if policy != mine]
        gain = as_columns("speedup", over[0, mine]) if mine else same_as_itself()
        lead = as_columns("lead", over[others[0], mine] if others else None)
        rivals = [over[other, mine] for other in (others if mine == quickest else [quickest])]
        rows.append({**gain, **lead, **standing(rivals, mine == quickest)})
    return rows


def over_each_other(epochs: Sequence[np.ndarray]) -> dict[tuple[int, int], Ratio]:
    """The mean of each over that of each other one, by their numbers."""
    pairs = list(combinations(range(len(epochs)), 2))
    both: dict[tuple[int, int], Ratio] = {}
    if pairs:
        for (one, other), ratio in zip(pairs, ratios([(epochs[i], epochs[j]) for i, j in pairs]), strict=True):
            both[one, other], both[other, one] = ratio, ratio.inverse
    return both


def standing(rivals: Sequence[Ratio], quickest: bool) -> dict:
    """How the quickest policy stands against all others, or another one against the quickest."""
    left = [rival for rival in rivals if not rival.decided]
    if not left:
        return {"standing": FASTEST if quickest else SLOWER, "standing_runs": math.nan}
    if all(rival.outcome == "equal" for rival in left):
        return {"standing": TIED, "standing_runs": math.nan}
    runs = [rival.runs_to_decide or math.nan for rival in left if rival.outcome == "open"]
    return {"standing": OPEN, "standing_runs": float(max(runs) if not any(map(math.isnan, runs)) else math.nan)}


def as_columns(name: str, ratio: Ratio | None) -> dict:
    """A ratio as the columns of a table."""
    if ratio is None:
        return {name + ending: value for ending, value in NOTHING.items()}
    return {
        name: ratio.value,
        f"{name}_low": ratio.low,
        f"{name}_high": ratio.high,
        f"{name}_outcome": ratio.outcome,
        f"{name}_runs": float(ratio.runs_to_decide or math.nan),
    }


def same_as_itself() -> dict:
    """The speed-up of the first policy over itself."""
    return dict(zip((f"speedup{ending}" for ending in NOTHING), (1.0, 1.0, 1.0, "baseline", math.nan), strict=True))
