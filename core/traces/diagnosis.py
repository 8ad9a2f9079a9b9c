"""What a measured run says about its stragglers: what they cost, and whether it is always the same worker."""

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from core.schedule.metrics import figure
from core.traces.fits import Fit, fits, found_hiccups, slowest_ratio
from core.traces.trace import Trace

EVEN = 1.02  # a slowdown up to this is not worth a remedy
ALIKE = 0.01  # below this within-step CV all workers seem to take the same time
APART = 0.001  # of the compute time: less waiting and network than this is none
TOGETHER = 3.0  # steps that vary so many times more than workers do look as if a barrier had evened them out

INSTEAD = (
    "Record instead what each worker computes before the barrier: the time until it enters the all-reduce "
    "(compute_ms), or a profiler trace with the collectives in it."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Diagnosis:
    """The figures of a trace, a table of its workers and what kind of stragglers it has.

    What each figure means stands with its unit in `table()`.

    Attributes:
        kind: of stragglers: alone (one worker), unclear (see suspicion), even (they cost next to nothing), persistent
            (always the same workers), transient (any worker) or both.
        suspicion: why these data may not tell who is slow and what to record instead; empty where there is no doubt.
        workers: a row a worker: worker, mean_ms, relative (its time over its step's mean, on average), last,
            last_percent (of the steps), hiccups.
        fits: compute laws with stragglers in the place of the trace, for more workers; the best first.

    """

    slowdown: float = figure(
        "Slowdown", "×", "Mean slowest mini-batch of a step over the mean one: what barriers cost."
    )
    idle_percent: float = figure(
        "Idle", "%", "Waiting that follows, as a share of computing + waiting: 1 − 1/slowdown."
    )
    wait_percent: float = figure(
        "Measured wait", "%", "Share of the workers' time measured as waiting; NaN if unknown."
    )
    comm_percent: float = figure("Network", "%", "Share of the workers' time measured as network; NaN if unknown.")
    worker_share: float = figure(
        "Worker share", "", "Share of the variance within steps that workers keep: 1 always the same, 0 anybody."
    )
    chance_share: float = figure(
        "Worker share by chance", "", "Worker share that equal workers have by chance: 1/steps."
    )
    within_percent: float = figure("Spread within a step", "%", "Standard deviation of a time over its step's mean.")
    together_percent: float = figure(
        "Spread of whole steps",
        "%",
        "Standard deviation of the steps' means over the mean: what hits all workers at once.",
    )
    lag_1: float = figure(
        "Autocorrelation", "", "Whether a slow mini-batch follows a slow one of the same worker: 1 always, 0 by chance."
    )
    hiccup_percent: float = figure("Hiccups", "%", "Mini-batches above twice what is usual for their worker and step.")
    kind: str
    suspicion: str
    workers: pd.DataFrame
    fits: list[Fit]

    @property
    def slowest(self) -> pd.Series:
        """The row of the worker with the highest mean."""
        return self.workers.loc[self.workers["relative"].idxmax()]

    @property
    def slowest_factor(self) -> float:
        """How many times as long as the mean of the others the slowest worker takes."""
        others = self.workers["mean_ms"].drop(self.slowest.name)
        return self.slowest["mean_ms"] / others.mean() if len(others) else 1.0

    def table(self) -> pd.DataFrame:
        """A row per figure: figure, value, unit, meaning."""
        return pd.DataFrame(
            [(each["label"], getattr(self, name), each["unit"], each["meaning"]) for name, each in FIGURES.items()],
            columns=["figure", "value", "unit", "meaning"],
        )


FIGURES = {f.name: f.metadata for f in fields(Diagnosis) if f.metadata}
"""Label, unit and meaning of every figure of a diagnosis, by name."""


def diagnose(trace: Trace) -> Diagnosis:
    """What stragglers cost in a trace, and whether they are persistent or transient.

    Worker share: each time over its step's mean, then variance of the workers' means over the whole variance. Equal
    workers have 1/steps of it by chance; `kind` goes by what is beyond that, (share − 1/steps) / (1 − 1/steps):
    above 2/3 persistent, below 1/3 transient.

    Args:
        trace: what was measured, of two steps or more.

    Returns:
        The figures, what kind of stragglers there are, a table of the workers and fitted compute laws.

    Raises:
        ScenarioError: for what is not a trace, and for a single step, which says nothing about stragglers.

    Example:
        >>> import numpy as np
        >>> from core import Trace, diagnose
        >>> compute_ms = np.tile([100, 100, 200], (10, 1))  # 10 steps of 3 workers
        >>> trace = Trace(compute_ms=compute_ms, worker_names=("a", "b", "c"), step_numbers=tuple(range(10)))
        >>> found = diagnose(trace)
        >>> found.kind, found.slowdown, found.slowest["worker"]
        ('persistent', 1.5, 'c')

    """
    Trace.checked(trace, least_steps=2)
    compute, workers = trace.compute_ms, trace.workers
    relative = compute / compute.mean(axis=1, keepdims=True)
    of_worker = relative.mean(axis=0)
    rest, variance = relative - of_worker, relative.var()
    share, by_chance = over(of_worker.var(), variance), 1 / len(compute)
    slowdown, hiccups = slowest_ratio(compute), found_hiccups(compute)
    doubt = suspicion(trace)
    last = np.bincount(compute.argmax(axis=1), minlength=workers)
    spent = sum(times.sum() for times in (compute, trace.wait_ms, trace.comm_ms) if times is not None)
    table = {
        "worker": np.array(trace.worker_names, dtype=object),
        "mean_ms": compute.mean(axis=0),
        "relative": of_worker,
        "last": last,
        "last_percent": 100 * last / len(compute),
        "hiccups": hiccups.sum(axis=0),
    }
    return Diagnosis(
        slowdown=slowdown,
        idle_percent=100 * (1 - 1 / slowdown),
        wait_percent=np.nan if trace.wait_ms is None else 100 * trace.wait_ms.sum() / spent,
        comm_percent=np.nan if trace.comm_ms is None else 100 * trace.comm_ms.sum() / spent,
        worker_share=share,
        chance_share=by_chance,
        within_percent=100 * np.sqrt(variance),
        together_percent=100 * compute.mean(axis=1).std() / compute.mean(),
        lag_1=over((rest[1:] * rest[:-1]).sum(), (rest**2).sum()),
        hiccup_percent=100 * hiccups.mean(),
        kind="unclear" if doubt else kind_of(workers, slowdown, (share - by_chance) / (1 - by_chance)),
        suspicion=doubt,
        workers=pd.DataFrame(table),
        fits=fits(compute),
    )


def kind_of(workers: int, slowdown: float, share: float) -> str:
    """What kind of stragglers it is, by the workers' share beyond chance."""
    if workers == 1:
        return "alone"
    if slowdown <= EVEN:
        return "even"
    if share > 2 / 3:
        return "persistent"
    return "transient" if share < 1 / 3 else "both"


def suspicion(trace: Trace) -> str:
    """Whether a barrier has evened out the times, so that they cannot tell who is slow; empty if it has not.

    Whole steps: workers differ by less than 1 % within a step (median of its CV). Times that claim to be compute, with
    next to no waiting and network beside them: the same, and whole steps vary more than three times as much as workers
    within a step; equal workers that work for themselves vary more than their mean does.
    """
    compute = trace.compute_ms
    apart = sum(np.median(times) for times in (trace.wait_ms, trace.comm_ms) if times is not None)
    if compute.shape[1] == 1 or apart > APART * np.median(compute):
        return ""
    mean = compute.mean(axis=1)
    within, between = np.median(compute.std(axis=1) / mean), mean.std() / mean.mean()
    if within >= ALIKE:
        return ""
    if trace.whole_steps:
        why = "and these are times of whole steps: with a barrier they include the wait for the slowest"
    elif between > TOGETHER * within:
        why = (
            f"while steps differ by {100 * between:.2g} %: so look times that include the wait at a barrier. "
            "If they are compute times, the workers are equal; if not"
        )
    else:
        return ""
    alike = f"Within a step all workers take the same time, to {100 * within:.2g} %"
    return f"{alike}, {why}, they cannot tell who is slow. {INSTEAD}"


def over(part: float, whole: float) -> float:
    """The share, 0 where there is nothing to share."""
    return float(part / whole) if whole > 1e-24 else 0.0
