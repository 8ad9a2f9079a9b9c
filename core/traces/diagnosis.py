"""What a measured run says about its stragglers: what they cost, who causes it, and since when."""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from core.schedule.metrics import figure
from core.traces.episodes import Episode, found_episodes
from core.traces.fits import Fit, fits, found_hiccups, slowest_ratio
from core.traces.network import barrier_costs_ms
from core.traces.trace import Trace

EVEN = 1.02  # a slowdown up to this is not worth a remedy
ALIKE = 0.01  # below this within-step CV all workers seem to take the same time
APART = 0.001  # of the compute time: less waiting and network than this is none
TOGETHER = 3.0  # steps that vary so many times more than workers do look as if a barrier had evened them out
ROUNDING = 1e-9  # of a step's slowest time: who is closer to it is as slow
BY_CHANCE = 0.05  # a share of the cost that one of equal workers has more seldom is no chance
MOST_DRAWS, FEWEST_DRAWS, DRAWN_STEPS = 2_000, 200, 2 * 10**7  # random culprits of all steps
AT_ONCE = 10**6  # of them

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
        caution: why these data may hide who is slow in most steps; empty where there is no doubt.
        step_numbers: of the trace.
        workers: a row for each worker: worker, mean_ms, relative (its time over its step's mean, on average), last and
            last_percent (steps in which it was last; several that were last together share the step), cost_percent (its
            share of what barriers cost: max − mean of each step goes to who was last), repair_percent (what it would
            save of the epoch if this worker alone were never slower than the median of the others), hiccups.
        episodes: a row for each stretch of steps in which a worker was slower than at its own fastest sustained level,
            relative to its peers: worker, first_step, last_step (both inside), factor, cost_percent (of what all
            barriers cost).
        fits: compute laws with stragglers in the place of the trace, for more workers; the best first.

    """

    slowdown: float = figure(
        "Slowdown", "×", "Mean slowest mini-batch of a step over the mean one: what barriers cost."
    )
    idle_percent: float = figure(
        "Idle", "%", "Waiting that follows, as a share of computing + waiting: 1 − 1/slowdown."
    )
    wait_percent: float = figure("Measured wait", "%", "Share of the workers' time that was measured as waiting.")
    comm_percent: float = figure("Network", "%", "Share of the workers' time that was measured as network.")
    worker_share: float = figure(
        "Worker share", "", "Share of the variance within steps that workers keep: 1 always the same, 0 anybody."
    )
    chance_share: float = figure(
        "Worker share by chance",
        "",
        "Worker share that equal workers have by chance: 1/steps, more where slowness lasts for several steps.",
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
    hiccup_percent: float = figure(
        "Hiccups", "%", "Single mini-batches above twice what is usual for their worker, then, and for their step."
    )
    chance_percent: float = figure(
        "Costliest by chance",
        "%",
        "Runs of equal workers that stay slow for as long in which one accounts for as much of the cost as here.",
    )
    kind: str
    suspicion: str
    caution: str
    step_numbers: tuple[int, ...]
    workers: pd.DataFrame
    episodes: pd.DataFrame
    fits: list[Fit]

    @property
    def slowest(self) -> pd.Series:
        """The row of the worker that accounts for most of what barriers cost."""
        return self.costliest_first.iloc[0]

    @property
    def costliest_first(self) -> pd.DataFrame:
        """The workers by what they account for; of equal ones, the slowest on average first."""
        return self.workers.sort_values(["cost_percent", "relative"], ascending=False, kind="stable")

    @property
    def culprits(self) -> pd.DataFrame:
        """The rows of the workers to name, the costliest first; none where it may be anybody.

        The costliest worker, and all that account for at least half as much. Its share has to be more than chance, or
        half of the whole (of two workers, three quarters), or half of it has to come from a single episode.
        """
        ordered = self.costliest_first
        worker, most = ordered[["worker", "cost_percent"]].iloc[0]
        by_chance = self.chance_percent > 100 * BY_CHANCE and most < max(50, 150 / len(ordered))
        stretches = self.episodes.loc[self.episodes["worker"] == worker, "cost_percent"]
        by_chance = by_chance and not (stretches >= most / 2).any()
        return ordered[(ordered["cost_percent"] >= most / 2) & (most > 0) & (not by_chance)]

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
    workers have some of it by chance: 1/steps, times the number of steps for which slowness lasts (see `persistence`).
    `kind` goes by what is beyond that: above 2/3 persistent, below 1/3 transient.

    Args:
        trace: what was measured, of two steps or more.

    Returns:
        The figures, what kind of stragglers there are, tables of the workers and of the episodes, and fitted compute
        laws.

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
    share, by_chance = over(of_worker.var(), variance), min(1.0, persistence(rest) / len(compute))
    beyond = (share - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
    episodes = found_episodes(compute)
    slowdown, hiccups = slowest_ratio(compute), found_hiccups(compute, episodes)
    doubt, cost = suspicion(trace), costs(compute)
    epoch_ms = float(compute.max(axis=1).sum() + barrier_costs_ms(trace).sum())
    last = were_last(compute).sum(axis=0)
    spent = sum(times.sum() for times in (compute, trace.wait_ms, trace.comm_ms) if times is not None)
    cost_percent = 100 * over(cost.sum(axis=0), cost.sum())
    table = {
        "worker": np.array(trace.worker_names, dtype=object),
        "mean_ms": compute.mean(axis=0),
        "relative": of_worker,
        "last": last,
        "last_percent": 100 * last / len(compute),
        "cost_percent": cost_percent,
        "repair_percent": 100 * over(repaired_ms(compute), epoch_ms),
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
        chance_percent=100 * chance_of(cost),
        kind="unclear" if doubt else kind_of(workers, slowdown, beyond),
        suspicion=doubt,
        caution="" if doubt else caution(trace),
        step_numbers=trace.step_numbers,
        workers=pd.DataFrame(table),
        episodes=episodes_table(trace, episodes, cost),
        fits=fits(compute),
    )


def costs(compute_ms: np.ndarray) -> np.ndarray:
    """What it costs each step that a worker is last, (steps, workers) in ms: max − mean, shared by equal times."""
    return were_last(compute_ms) * (compute_ms.max(axis=1) - compute_ms.mean(axis=1))[:, None]


def were_last(compute_ms: np.ndarray) -> np.ndarray:
    """Who was last in each step, (steps, workers): 1, or its part of 1 where several took as long."""
    last = compute_ms >= compute_ms.max(axis=1, keepdims=True) * (1 - ROUNDING)
    return last / last.sum(axis=1, keepdims=True)


def repaired_ms(compute_ms: np.ndarray) -> np.ndarray:
    """What the steps would save, ms in all, if one worker alone took the median time of the others: for each worker.

    Where it was not last nothing is saved; where it was, the second slowest is last then.
    """
    if compute_ms.shape[1] < 2:
        return np.zeros(1)
    second, slowest = np.partition(compute_ms, -2, axis=1)[:, -2:].T
    return np.bincount(compute_ms.argmax(axis=1), slowest - second, compute_ms.shape[1])


def chance_of(cost_ms: np.ndarray) -> float:
    """The share of runs with random culprits in which one of equal workers accounts for as much of the cost.

    What a worker costs may go on from step to step, so a culprit is drawn for a block of steps: twice as many as it
    lasts, as the end of a run cuts short what would have gone on (the estimate is low in short runs).
    """
    (steps, workers), whole = cost_ms.shape, cost_ms.sum()
    if workers == 1 or whole <= 0:
        return 1.0
    share = cost_ms.sum(axis=0).max() / whole
    beyond_equal = cost_ms - cost_ms.mean(axis=1, keepdims=True)
    lasts = persistence(beyond_equal - beyond_equal.mean(axis=0))
    length = math.ceil(2 * lasts) if lasts > 1 else 1
    blocks = np.add.reduceat(cost_ms.sum(axis=1), np.arange(0, steps, length))
    rng = np.random.default_rng(0)
    draws = int(np.clip(DRAWN_STEPS // len(blocks), FEWEST_DRAWS, MOST_DRAWS))
    at_once = max(1, AT_ONCE // len(blocks))
    most = [most_costly(rng, blocks, workers, min(at_once, draws - done)) for done in range(0, draws, at_once)]
    return float((np.concatenate(most) >= share * whole * (1 - ROUNDING)).mean())


def most_costly(rng: np.random.Generator, blocks: np.ndarray, workers: int, draws: int) -> np.ndarray:
    """What the worker accounts for that costs most, (draws,), where each block of steps has a random culprit."""
    culprits = rng.integers(workers, size=(draws, len(blocks))) + workers * np.arange(draws)[:, None]
    return np.bincount(culprits.ravel(), np.tile(blocks, draws), workers * draws).reshape(draws, workers).max(axis=1)


def persistence(rest: np.ndarray) -> float:
    """For how many steps slowness lasts: 1 + 2 × the sum of its autocorrelations, up to the first that is not positive.

    The variance of a mean over many steps is as many times that of independent ones.
    """
    correlation = autocorrelations(rest)
    ends = np.flatnonzero(correlation <= 2 / np.sqrt(rest.size))
    return float(1 + 2 * correlation[: ends[0] if len(ends) else None].sum())


def autocorrelations(rest: np.ndarray) -> np.ndarray:
    """The autocorrelation of workers' times at lags 1, 2, …, (steps − 1,); zeros where nothing varies."""
    steps = len(rest)
    padded = np.fft.rfft(rest, 2 * steps, axis=0)
    products = np.fft.irfft((padded * padded.conj()).real, 2 * steps, axis=0)[:steps].sum(axis=1)
    return products[1:] / products[0] if products[0] > 1e-24 else np.zeros(steps - 1)


def episodes_table(trace: Trace, episodes: list[Episode], cost: np.ndarray) -> pd.DataFrame:
    """The episodes by the trace's own names of workers and numbers of steps."""
    whole = cost.sum()
    rows = [
        (
            trace.worker_names[episode.worker],
            int(trace.step_numbers[episode.first]),
            int(trace.step_numbers[episode.last]),
            episode.factor,
            100 * over(cost[episode.rows, episode.worker].sum(), whole),
        )
        for episode in episodes
    ]
    table = pd.DataFrame(rows, columns=["worker", "first_step", "last_step", "factor", "cost_percent"])
    return table.astype({"worker": object, "first_step": int, "last_step": int, "factor": float, "cost_percent": float})


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
    """Whether a barrier has evened out the times, so that they do not show who is slow; empty if it has not.

    Workers differ by less than 1 % within a step, by the root mean square over all steps, and `evened` tells why that
    may be. One step in which a worker is slow is enough for data that can tell.
    """
    spread = step_spreads(trace)
    within = float(np.sqrt((spread**2).mean()))
    why = evened(trace, within) if within < ALIKE else ""
    if not why:
        return ""
    alike = f"Within a step all workers take the same time, to {100 * within:.2g} %"
    return f"{alike}, {why} they do not show who is slow. {INSTEAD}"


def caution(trace: Trace) -> str:
    """Whether a barrier may have evened out the times of most steps, where others tell; empty if it has not."""
    spread = step_spreads(trace)
    within, alike = float(np.median(spread)), int((spread < ALIKE).sum())
    why = evened(trace, within) if within < ALIKE else ""
    if not why:
        return ""
    most = f"In {alike:,} of {trace.steps:,} steps all workers take the same time, to {100 * within:.2g} % (median)"
    return f"{most}, {why} those steps do not show who is slow."


def evened(trace: Trace, within: float) -> str:
    """Why times that differ by so little within a step may include the wait at a barrier; empty if they do not.

    Whole steps do. So may times that claim to be compute, with next to no waiting and network beside them, where what
    is typical of a step (its median) varies more than three times as much as workers within one: equal workers that
    work for themselves vary more than that.
    """
    typical = np.median(trace.compute_ms, axis=1)
    apart = sum(np.median(times) for times in (trace.wait_ms, trace.comm_ms) if times is not None)
    if trace.workers == 1 or apart > APART * np.median(trace.compute_ms):
        return ""
    if trace.whole_steps:
        return "and these are times of whole steps: with a barrier they include the wait for the slowest,"
    between = typical.std() / typical.mean()
    if between <= TOGETHER * within:
        return ""
    return (
        f"while steps differ by {100 * between:.2g} %: times that include the wait at a barrier look like this. "
        "If they are compute times, the workers are equal; if not,"
    )


def step_spreads(trace: Trace) -> np.ndarray:
    """Coefficient of variation within each step."""
    return trace.compute_ms.std(axis=1) / trace.compute_ms.mean(axis=1)


def over(part: Any, whole: float) -> Any:
    """The share, or several; 0 where there is nothing to share."""
    return part / whole if whole > 1e-24 else 0.0 * part
