"""How parameters move: what gradients, or averages of the workers' parameters, do to them.

Parameters of some runs at some learning rates are (runs, learning rates, size).
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import chain

import numpy as np

from core.common.parameters import Checked, Flag, Real, takes
from core.learning.problem import Problem
from core.schedule.schedule import Averages, Schedule


@dataclass(frozen=True, kw_only=True)
class Optimizer(Checked):
    """What is added to plain SGD; by default nothing.

    Attributes:
        momentum: μ of SGD, from 0 to below 1; 0 by default. A velocity, μ times itself + gradient, takes the place of
            the gradient: at the server, or, of local steps, on each worker, which keeps its own.
        outer_rate: how far parameters that are averaged move from the last average to the new one; 1 by default, all
            the way.
        outer_momentum: Nesterov momentum of these moves, from 0 to below 1; 0 by default.
        staleness_aware: whether a gradient that is τ updates stale counts 1/(τ + 1); no by default.

    Source:
        Outer SGD: Douillard et al. 2023, arXiv 2311.08105 (DiLoCo: outer rate 0.7, momentum 0.9). Staleness: Zhang et
        al. 2015, arXiv 1511.05950.

    """

    momentum: float = takes(Real(0, 1, below=True), 0.0)
    outer_rate: float = takes(Real(0, 10, above=True), 1.0)
    outer_momentum: float = takes(Real(0, 1, below=True), 0.0)
    staleness_aware: bool = takes(Flag(), False)

    @property
    def averages_alone(self) -> bool:
        """Whether parameters that are averaged become their average."""
        return self.outer_rate == 1 and not self.outer_momentum

    def fitting(self, schedule: Schedule) -> "Optimizer":
        """The same without what makes no difference on a schedule."""
        if schedule.averaged:
            return Optimizer(momentum=self.momentum, outer_rate=self.outer_rate, outer_momentum=self.outer_momentum)
        stale = self.staleness_aware and bool((schedule.staleness > 0).any())
        return Optimizer(momentum=self.momentum, staleness_aware=stale)


CHOICES: dict[str, tuple[Optimizer, ...]] = {
    "plain": (Optimizer(),),
    "momentum": (Optimizer(momentum=0.9),),
    "diloco": (Optimizer(outer_rate=0.7, outer_momentum=0.9),),
    "staleness-aware": (Optimizer(staleness_aware=True),),
}
CHOICES["best"] = tuple(chain.from_iterable(CHOICES.values()))
"""What a link calls some optimizers; of several each policy has its own best."""
NEVER = -1  # no number of steps
SETTINGS = tuple(field.name for field in fields(Optimizer))
"""The names of what is added to plain SGD."""


@dataclass(frozen=True, eq=False)
class Gradients:
    """The gradients that updates use, (runs, gradients), in the order of the updates; in one, worker by worker."""

    batches: np.ndarray
    """The mini-batch of each, (runs, gradients, *batch_shape)."""
    version: np.ndarray
    """How many updates the parameters had seen when they were read."""
    first: np.ndarray
    """Where each update's gradients begin, and after the last one, (updates + 1,)."""


def by_gradients(
    problem: Problem, start: np.ndarray, rates: np.ndarray, gradients: Gradients, kept: int, optimizer: Optimizer
) -> Iterator[np.ndarray]:
    """The parameters after each update that takes learning rate × the mean of its gradients off them.

    Args:
        problem: what is trained.
        start: the parameters to begin with.
        rates: the learning rates.
        gradients: what the updates use.
        kept: how many versions of the parameters are read at a time.
        optimizer: what is added to plain SGD.

    """
    versions = np.empty((kept, *start.shape))  # version v is versions[v % kept]
    versions[0] = start
    step, first, version = rates[:, None], gradients.first, gradients.version
    slots, newest = version % kept, np.arange(len(first) - 1).repeat(np.diff(first))
    fresh = np.logical_and.reduceat((version == newest).all(axis=0), first[:-1])
    weights = 1 / (newest - version + 1) if optimizer.staleness_aware else None
    velocity = np.zeros_like(start) if optimizer.momentum else None
    for update in range(len(first) - 1):
        mine = slice(first[update], first[update + 1])
        batches, now, after = gradients.batches[:, mine], versions[update % kept], versions[(update + 1) % kept]
        if fresh[update]:
            slope = problem.gradient(now, batches)
        else:
            counts = None if weights is None else weights[:, mine]
            slope = mean_gradient(problem, versions, slots[:, mine], batches, counts)
        if velocity is not None:
            velocity = optimizer.momentum * velocity + slope
            slope = velocity.copy()
        np.subtract(now, np.multiply(step, slope, out=slope), out=after)
        yield after


def mean_gradient(
    problem: Problem, versions: np.ndarray, read_at: np.ndarray, batches: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """The mean gradient of an update's mini-batches, each at the version that its worker read.

    Args:
        problem: what is trained.
        versions: the last versions of the parameters, (versions, runs, learning rates, size).
        read_at: which of them each gradient read, (runs, gradients).
        batches: the mini-batches, (runs, gradients, *batch_shape).
        weights: what each gradient counts, (runs, gradients); 1 by default.

    """
    every = np.arange(len(read_at))
    if read_at.shape[1] == 1:
        slope = problem.gradient(versions[read_at[:, 0], every], batches)
        return slope if weights is None else slope * weights[:, :, None]
    read = versions[read_at, every[:, None]]
    slopes = problem.gradient(merged(read), merged(batches)[:, None]).reshape(read.shape)
    return slopes.mean(axis=1) if weights is None else (slopes * weights[:, :, None, None]).mean(axis=1)


def by_averages(
    problem: Problem,
    start: np.ndarray,
    rates: np.ndarray,
    samples: np.ndarray,
    averages: Averages,
    optimizer: Optimizer,
) -> Iterator[np.ndarray]:
    """The parameters after each average of what workers have made of them, each by steps of its own.

    Args:
        problem: what is trained.
        start: the parameters to begin with.
        rates: the learning rates.
        samples: the mini-batches of every worker, (runs, rows, workers, *batch_shape).
        averages: after which steps workers send their parameters, how much later they take averages in, and of how
            many parts each is one; `ends` is (averages, runs, workers) here.
        optimizer: what is added to plain SGD.

    """
    runs, rows, workers = samples.shape[:3]
    ends, delay, parts, size = averages.ends, averages.delay, averages.fragments, start.shape[-1]
    equal, last = not averages.balanced, len(averages.ends) - 1
    common, own = start.copy(), np.repeat(start[:, None], workers, axis=1)  # own: (runs, workers, rates, size)
    velocity, outer = np.zeros_like(own) if optimizer.momentum else None, np.zeros_like(common)
    step, run, worker = rates[:, None], np.arange(runs)[:, None], np.arange(workers)
    under_way: list[Change] = []
    done = np.zeros((runs, workers), dtype=np.int64)
    for number, end in enumerate(ends):
        for turn in range(int((end - done).max())):
            place = done + turn
            works = None if equal else place < end
            under_way = taken_in(own, under_way, place, works)
            batches = samples[run, np.minimum(place, rows - 1), worker]
            slope = problem.gradient(merged(own), merged(batches)[:, None]).reshape(own.shape)
            if velocity is not None:
                slope += optimizer.momentum * velocity
                velocity = slope.copy() if works is None else np.where(works[:, :, None, None], slope, velocity)
            moved = own - step * slope
            own = moved if works is None else np.where(works[:, :, None, None], moved, own)
        if not equal:  # in balanced rounds it is taken in before the same part is sent again
            again = [each for each in under_way if each.number + parts <= number]
            others = [each for each in under_way if each.number + parts > number]
            under_way = [*taken_in(own, again, end), *others]
        part = fragment(number % parts, parts, size)
        sent = own[..., part].copy()
        mean = sent.mean(axis=1)
        if not equal:
            steps = (end - (ends[number - parts] if number >= parts else 0))[:, :, None, None]
            mean = (sent * steps).sum(axis=1) / steps.sum(axis=1)
        if optimizer.averages_alone:
            common[..., part] = mean
        else:
            move = common[..., part] - mean
            outer[..., part] = optimizer.outer_momentum * outer[..., part] + move
            common[..., part] -= optimizer.outer_rate * (move + optimizer.outer_momentum * outer[..., part])
        yield common
        if not delay:
            own[..., part] = common[:, None, :, part]
        elif number < last:
            due = end + delay
            if not equal:
                following = ends[min(number + parts, last)]
                due = np.where((number + parts >= last) & (due > ends[-1]), NEVER, np.minimum(due, following))
            under_way.append(Change(number, due, part, common[:, None, :, part] - sent))
        done = end


def fragment(number: int, fragments: int, size: int) -> slice:
    """One of so many parts of the parameters."""
    return slice(size * number // fragments, size * (number + 1) // fragments)


@dataclass(frozen=True, eq=False)
class Change:
    """What an average has changed, under way to the workers."""

    number: int
    """Of the average."""
    due: np.ndarray
    """After which step each worker takes it in, (runs, workers); `NEVER` where it does not, or has done so."""
    part: slice
    """Of the parameters."""
    change: np.ndarray
    """What is added to them, (runs, workers, learning rates, size of the part)."""


def taken_in(
    own: np.ndarray, under_way: list[Change], place: np.ndarray, who: np.ndarray | None = None
) -> list[Change]:
    """Add to workers' parameters what averages have changed that they take in now, and return those still under way.

    Args:
        own: the parameters of every worker, (runs, workers, learning rates, size); changed in place.
        under_way: what averages have changed.
        place: how many steps each worker has done, (runs, workers).
        who: which of them take a step; all by default.

    """
    left = []
    for each in under_way:
        now = each.due == place if who is None else (each.due == place) & who
        if now.all():
            own[..., each.part] += each.change
            continue
        if now.any():
            own[..., each.part][now] += each.change[now]
        due = np.where(now, NEVER, each.due)
        if (due != NEVER).any():
            left.append(replace(each, due=due))
    return left


def merged(array: np.ndarray) -> np.ndarray:
    """Its first two axes as one: what workers do side by side looks like more runs."""
    return array.reshape(-1, *array.shape[2:])
