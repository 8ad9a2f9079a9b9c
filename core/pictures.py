"""What is drawn of a run: its blocks and barriers in a stretch of time, in words and numbers. The run may be let go."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.overview import MOST_ROWS, closeup, slowest
from core.policies import Policy
from core.report import timeline_in_words
from core.scenario import Scenario
from core.simulate import Run, simulate

REASONS = {
    "barrier": "waits at the barrier",
    "staleness bound": "waits: too far ahead of the slowest worker",
    "server queue": "waits in the queue of the server",
    "update": "waits for the other gradients of its update",
}
DOES = {
    "compute": "computes",
    "comm": "network: the push, and the server's answer",
    "cancelled": "computes for nothing: cancelled when the epoch had all its gradients",
    "tail": "done for good, while others go on",
}
DOES_WITH_BARRIERS = DOES | {
    "comm": "network: all exchange after the barrier",
    "cancelled": "computes for nothing: cancelled when enough others had finished",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """Some workers of a run, a row each in this order, in a stretch of time."""

    label: str
    """Of the policy."""
    epoch_ms: float
    workers: Sequence[int]
    domain_ms: tuple[float, float]
    blocks: pd.DataFrame
    """A row a block: label (W0…), phase, what, batch (− for a tail), start_ms, end_ms, duration_ms, and others."""
    barriers_ms: np.ndarray
    words: str
    """What is seen, for people who cannot see it."""

    def until(self, until_ms: float) -> "Picture":
        """The same, ending at another time."""
        blocks, barriers_ms = self.blocks[self.blocks["start_ms"] < until_ms], self.barriers_ms
        barriers_ms = barriers_ms[barriers_ms <= until_ms]
        return replace(self, blocks=blocks, barriers_ms=barriers_ms, domain_ms=(self.domain_ms[0], until_ms))


def picture(
    run: Run,
    segments: pd.DataFrame | None = None,
    workers: Sequence[int] | None = None,
    domain_ms: tuple[float, float] | None = None,
    words: str = "",
) -> Picture:
    """A run, or some of its segments and workers in a stretch of time, in words of ours where none are given."""
    workers = range(run.scenario.workers) if workers is None else workers
    domain_ms = (0.0, run.metrics.epoch_ms) if domain_ms is None else domain_ms
    barriers_ms = run.barriers()["barrier_ms"].to_numpy(dtype=float)
    return Picture(
        label=run.scenario.policy.label,
        epoch_ms=run.metrics.epoch_ms,
        workers=workers,
        domain_ms=domain_ms,
        blocks=blocks(run, run.segments() if segments is None else segments, workers, domain_ms[1]),
        barriers_ms=barriers_ms[(barriers_ms >= domain_ms[0]) & (barriers_ms <= domain_ms[1])],
        words=words or timeline_in_words(run),
    )


def pictures(scenario: Scenario, policies: Sequence[Policy], most: int) -> list[Picture]:
    """The beginning of a run under each policy, all to the same time, with at most so many blocks each.

    Where there are many workers, those that are slowest under the first policy. One run is in memory at a time.
    """
    found, workers, ends = [], None, []  # of those that are cut
    for policy in policies:
        run = simulate(replace(scenario, policy=policy))
        if workers is None:
            workers = sorted(slowest(run.schedule, MOST_ROWS))
        segments, end = closeup(run.schedule, np.array(workers), most=most - len(workers))  # a tail of each is a block
        found.append(picture(run, segments, workers, (0.0, end)))
        if end < run.metrics.epoch_ms:
            ends.append(end)
        del run
    until_ms = min(ends, default=max(each.epoch_ms for each in found))
    return [each.until(until_ms) for each in found]


def blocks(run: Run, segments: pd.DataFrame, workers: Sequence[int], until_ms: float) -> pd.DataFrame:
    """Segments, and the tails of some workers that have begun by then, in words."""
    found = pd.concat(
        [segments.astype({"phase": str, "reason": str}), tails(run, workers, until_ms)], ignore_index=True
    )
    barriers = run.barriers().set_index("batch")["straggler"]
    straggler = found["batch"].map(barriers).fillna(-1).astype(int)
    phase, reason = found["phase"].astype(str), found["reason"].astype(str)
    last = phase.eq("compute") & straggler.eq(found["worker"])
    what = phase.map(DOES_WITH_BARRIERS if len(barriers) else DOES).mask(last, "computes, the slowest of its batch")
    what = what.mask(phase.eq("wait"), reason.map(REASONS).fillna("waits: " + reason))
    what = what.mask(reason.eq("barrier"), what + " for W" + straggler.astype(str))
    return found.assign(
        label="W" + found["worker"].astype(str),
        batch=found["batch"].astype(str).mask(phase.eq("tail"), "–"),
        phase=phase,
        what=what,
        duration_ms=found["end_ms"] - found["start_ms"],
        straggler=last,
    )


def tails(run: Run, workers: Sequence[int], until_ms: float) -> pd.DataFrame:
    """When workers were done for good while others went on, as segments of the phase tail: one each at the most."""
    epoch, workers = run.metrics.epoch_ms, np.asarray(workers)
    finish = np.broadcast_to(run.schedule.finish_ms[:, 0], run.scenario.workers)[workers]
    early = (finish < epoch * (1 - 1e-9)) & (finish < until_ms)
    table = pd.DataFrame({"worker": workers[early], "start_ms": finish[early]})
    return table.assign(batch=-1, phase="tail", reason="", end_ms=epoch)
