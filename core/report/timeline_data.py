"""What is drawn of a run: its blocks and barriers in a stretch of time, in words and numbers, but not the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.common.wording import duration
from core.policies.base import Policy
from core.report.failures import MOST_FAILURES, lost_in_words
from core.report.run import Workers, timeline_in_words
from core.scenario import under
from core.schedule.downsampling import MOST_ROWS, closeup, group_names, group_of, groups, slowest
from core.schedule.failures import Failed, failures
from core.schedule.metrics import phase_ms
from core.schedule.schedule import HIDDEN, PHASES, Schedule
from core.schedule.tables import Barriers, Segments, barriers, contributions, segments, staleness_counts
from core.simulation.run import Run, simulate
from core.workload.workload import Workload

PHASE_ORDER = (*PHASES, "tail")
"""In which phases are listed everywhere."""
MOST_BARS = 150  # of a histogram
REASONS = {
    "barrier": "waits at the barrier",
    "staleness bound": "waits: too far ahead of the slowest worker",
    "server queue": "waits in the queue of the server",
    "update": "waits for the other gradients of its update",
    "restart": "waits until the worker that failed is back",
    "regroup": "waits to go on in another group",
    "empty queue": "waits for a batch that a failed worker gives back",
}
DOES = {
    "compute": "computes",
    "comm": "network: the push, and the server's answer",
    "cancelled": "computes for nothing: cancelled when the epoch had all its gradients",
    "down": "down: it has failed and is not back yet",
    "tail": "finished, while others go on",
    HIDDEN: "network, while workers go on",
}
DOES_WITH_BARRIERS = DOES | {
    "comm": "network: all exchange after the barrier",
    "cancelled": "computes for nothing: cancelled when enough others had finished",
}
LOST = "computes for nothing: thrown away, or lost to a failure"
DOES_WITH_AVERAGES = DOES | {
    "comm": "network: waits for the average of all parameters",
    "barrier": "waits until the slowest has sent its parameters",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """Some workers of a run, a row each in this order, in a stretch of time."""

    label: str
    """Of the policy."""
    epoch_ms: float
    workers: Workers
    domain_ms: tuple[float, float]
    blocks: dict[str, np.ndarray]
    """A block at each place of these columns: worker, label (W0…), batch (– for a tail), phase, what (in words),
    start_ms, end_ms, duration_ms, straggler (whether it is the last to finish its batch)."""
    hidden: dict[str, np.ndarray]
    """Network time beside the blocks, in the same columns: a thinner bar, as it takes no worker's time."""
    barriers_ms: np.ndarray
    failures: dict[str, np.ndarray]
    """A failure at each place of these columns: label (its row), worker (W0…), at_ms, and in words at,
    down (for how long) and lost (what work)."""
    words: str
    """What is seen, for people who cannot see it."""

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases that occur, in the order in which they are listed everywhere."""
        return tuple(phase for phase in PHASE_ORDER if (self.blocks["phase"] == phase).any())

    def until(self, until_ms: float) -> "Picture":
        """The same, ending at another time."""
        return replace(
            self,
            blocks=started_before(self.blocks, until_ms),
            hidden=started_before(self.hidden, until_ms),
            barriers_ms=self.barriers_ms[self.barriers_ms <= until_ms],
            failures=of_places(self.failures, self.failures["at_ms"] <= until_ms),
            domain_ms=(self.domain_ms[0], until_ms),
        )


@dataclass(frozen=True)
class Outline:
    """When a run that others are compared with ended, ms: each of its workers, and its epoch."""

    finish_ms: tuple[float, ...]
    epoch_ms: float

    @classmethod
    def of(cls, run: Run) -> "Outline":
        """That of a run."""
        finish_ms = np.broadcast_to(run.schedule.finish_ms[:, 0], run.scenario.workers)
        return cls(tuple(finish_ms.tolist()), run.metrics.epoch_ms)


def started_before(blocks: dict[str, np.ndarray], until_ms: float) -> dict[str, np.ndarray]:
    """Those that start before a time."""
    return of_places(blocks, blocks["start_ms"] < until_ms)


def of_places(columns: dict[str, np.ndarray], kept: np.ndarray) -> dict[str, np.ndarray]:
    """The same columns with some of their places."""
    return {name: column[kept] for name, column in columns.items()}


def picture(
    run: Run,
    found: Segments | None = None,
    workers: Workers | None = None,
    domain_ms: tuple[float, float] | None = None,
    words: str = "",
) -> Picture:
    """A run, or some of its segments and workers in a stretch of time; described by `timeline_in_words` by default."""
    workers = range(run.scenario.workers) if workers is None else workers
    domain_ms = (0.0, run.metrics.epoch_ms) if domain_ms is None else domain_ms
    met = barriers(run.schedule)
    barriers_ms = np.zeros(0) if met is None else met.barrier_ms
    drawn = blocks(run, segments(run.schedule) if found is None else found, met, workers, domain_ms[1])
    thin = drawn["phase"] == HIDDEN
    return Picture(
        label=run.scenario.policy.label,
        epoch_ms=run.metrics.epoch_ms,
        workers=workers,
        domain_ms=domain_ms,
        blocks=of_places(drawn, ~thin),
        hidden=of_places(drawn, thin) | {"phase": np.full(thin.sum(), "comm", object)},
        barriers_ms=barriers_ms[(barriers_ms >= domain_ms[0]) & (barriers_ms <= domain_ms[1])],
        failures=marks_of_failures(failures(run.schedule), {worker: f"W{worker}" for worker in workers}, domain_ms),
        words=words or timeline_in_words(run),
    )


def marks_of_failures(
    found: Failed, labels: Mapping[int, str], domain_ms: tuple[float, float]
) -> dict[str, np.ndarray]:
    """The failures of some workers in a stretch of time, the first few of them where they are very many, in words.

    Args:
        found: all of a run.
        labels: the row of each worker that is drawn.
        domain_ms: the stretch of time, ms.

    """
    inside = (found.failed_ms >= domain_ms[0]) & (found.failed_ms <= domain_ms[1]) & np.isin(found.worker, [*labels])
    places = np.flatnonzero(inside)[:MOST_FAILURES]
    down_ms = found.back_ms - found.failed_ms
    return {
        "label": np.array([labels[worker] for worker in found.worker[places].tolist()], dtype=object),
        "worker": np.array([f"W{worker}" for worker in found.worker[places].tolist()], dtype=object),
        "at_ms": found.failed_ms[places],
        "at": np.array([duration(at) for at in found.failed_ms[places]], dtype=object),
        "down": np.array([duration(ms) for ms in down_ms[places]], dtype=object),
        "lost": np.array([lost_in_words(found, place) for place in places.tolist()], dtype=object),
    }


def pictures(workload: Workload, policies: Sequence[Policy], most: int) -> list[Picture]:
    """The beginning of a run under each policy, all to the same time, with at most so many blocks each.

    Where there are many workers, those that are slowest under the first policy. One run is in memory at a time.
    """
    drawn, workers, ends = [], None, []  # of those that are cut
    for policy in policies:
        run = simulate(under(workload, policy))
        if workers is None:
            workers = sorted(slowest(run.schedule, MOST_ROWS))
        found, end = closeup(run.schedule, np.array(workers), most=most - len(workers))  # a tail of each is a block
        drawn.append(picture(run, found, workers, (0.0, end)))
        if end < run.metrics.epoch_ms:
            ends.append(end)
        del run
    until_ms = min(ends, default=max(each.epoch_ms for each in drawn))
    return [each.until(until_ms) for each in drawn]


def blocks(run: Run, found: Segments, met: Barriers | None, workers: Workers, until_ms: float) -> dict[str, np.ndarray]:
    """Segments, and the tails of some workers that have begun by then, in words."""
    straggler = np.full(run.schedule.shape[0], -1)
    if met is not None:
        straggler[met.batch] = met.straggler
    for_whom = straggler[found.row]
    phase, reason = (np.array(names, dtype=object)[found.kind] for names in (found.phases, found.reasons))
    does = does_of(run.schedule, met)
    what = np.array([doing(*kind, does) for kind in zip(found.phases, found.reasons, strict=True)], object)[found.kind]
    last = (phase == "compute") & (for_whom == found.worker)
    what[last] = "computes, the slowest of its batch"
    at_barrier = (reason == "barrier") & (for_whom >= 0)
    what[at_barrier] += np.array([f" for W{worker}" for worker in range(run.scenario.workers)], object)[
        for_whom[at_barrier]
    ]
    tails, finish_ms = early(run, workers, until_ms)
    names = {worker: f"W{worker}" for worker in workers}
    start_ms = np.concatenate([found.start_ms, finish_ms])
    end_ms = np.concatenate([found.end_ms, np.full(len(tails), run.metrics.epoch_ms)])
    return {
        "worker": np.concatenate([found.worker, tails]),
        "label": np.array([names[worker] for worker in (*found.worker.tolist(), *tails.tolist())], dtype=object),
        "batch": np.array([*map(str, found.batch.tolist()), *["–"] * len(tails)], dtype=object),
        "phase": np.concatenate([phase, np.full(len(tails), "tail", dtype=object)]),
        "what": np.concatenate([what, np.full(len(tails), DOES["tail"], dtype=object)]),
        "start_ms": start_ms,
        "end_ms": end_ms,
        "duration_ms": end_ms - start_ms,
        "straggler": np.concatenate([last, np.zeros(len(tails), dtype=bool)]),
    }


def does_of(schedule: Schedule, met: Barriers | None) -> dict[str, str]:
    """What workers do in each phase of a schedule, and what some of its waits are for."""
    does = DOES if met is None else DOES_WITH_BARRIERS
    if met is None and schedule.averages:
        does = DOES_WITH_AVERAGES
    return does if schedule.failures is None else does | {"cancelled": LOST}


def doing(phase: str, reason: str, does: dict[str, str]) -> str:
    """What a worker does in a kind of segment."""
    if phase == "wait":
        return does.get(reason, REASONS.get(reason, f"waits: {reason}"))
    return does[phase]


def early(run: Run, workers: Workers, until_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """Those of the workers that were done for good by a time while others went on, and when they were, ms."""
    some = np.asarray(workers)
    finish_ms = np.broadcast_to(run.schedule.finish_ms[:, 0], run.scenario.workers)[some]
    done = (finish_ms < run.metrics.epoch_ms * (1 - 1e-9)) & (finish_ms < until_ms)
    return some[done], finish_ms[done]


def share_bars(run: Run) -> tuple[list[str], dict[str, np.ndarray]]:
    """Where each worker's epoch went, or a group's on average: labels, and columns label, phase, order, ms, percent."""
    labels, group, size = grouped(run.scenario.workers)
    phases = list(PHASE_ORDER)
    ms = np.stack([each[:, 0] for each in phase_ms(run.schedule).values()])  # in the order of phases
    mean_ms = np.stack([np.bincount(group, each) / size for each in ms])
    phase, row = np.nonzero(mean_ms > 0)
    return labels, {
        "label": np.array(labels, dtype=object)[row],
        "phase": np.array(phases, dtype=object)[phase],
        "order": phase,
        "ms": mean_ms[phase, row],
        "percent": 100 * mean_ms[phase, row] / run.metrics.epoch_ms,
    }


def contribution_bars(run: Run) -> tuple[list[str], dict[str, np.ndarray]]:
    """Gradients of each worker, or group: labels, and columns label, used (used|cancelled), gradients, percent."""
    labels, group, _ = grouped(run.scenario.workers)
    found = contributions(run.schedule)
    count = np.stack([np.bincount(group, each) for each in (found.used, found.cancelled)])
    kind, row = np.nonzero(count)
    gradients = count[kind, row].astype(np.int64)
    return labels, {
        "label": np.array(labels, dtype=object)[row],
        "used": np.array(["used", "cancelled"], dtype=object)[kind],
        "gradients": gradients,
        "percent": 100 * gradients / count.sum(axis=1)[kind],
    }


def staleness_bars(run: Run) -> tuple[int, dict[str, np.ndarray]]:
    """How many of the gradients used were how stale: values in a bar, and columns staleness, gradients, percent."""
    counts = staleness_counts(run.schedule)
    wide = 1 if np.count_nonzero(counts) <= MOST_BARS else -(-len(counts) // MOST_BARS)
    gradients = np.add.reduceat(counts, np.arange(0, len(counts), wide))
    (occurs,) = np.nonzero(gradients)
    return wide, {
        "staleness": occurs * wide,
        "gradients": gradients[occurs],
        "percent": 100 * gradients[occurs] / counts.sum(),
    }


def grouped(workers: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """A label for each worker, or for each group where they are too many to draw; each worker's group; their sizes."""
    rows = groups(np.arange(workers))
    group = group_of(rows)
    return group_names(rows), group, np.bincount(group)
