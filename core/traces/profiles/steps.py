"""From where to where a step goes.

On a device, from the end of the last work that was launched in the step before to the end of the last that this step
launched. The device's own annotation of a step covers only part of it, and the host runs ahead.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from core.common.wording import counted
from core.traces.profiles.events import NO_ID, LinkedSpans, Process
from core.traces.profiles.intervals import covered

ROUNDING_US = 1.0  # by which a span may seem to go on into the next: of a start since 1970 and its duration
QUEUED = 0.05  # of a step: a first launch that waits so long waits for work that was not recorded
MOST_OUTSIDE = 0.05  # of a device's time that its annotations may leave out
FEW = 0.8  # of the usual work: a first or last step with less is not whole
LOST = 0.02  # of a step's launches


@dataclass(eq=False)
class Steps:
    """The steps of one rank: numbers, (n, 2) windows in µs, and how much of what lies in each."""

    numbers: np.ndarray
    windows: np.ndarray
    work: np.ndarray
    """Events of computing in each."""
    collectives: np.ndarray
    lost: np.ndarray
    """Launches in each whose work was not recorded."""
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers)

    def some(self, which: np.ndarray) -> "Steps":
        """Those steps only."""
        names = ("numbers", "windows", "work", "collectives", "lost")
        return replace(self, **{name: getattr(self, name)[which] for name in names})


@dataclass(eq=False)
class Launched:
    """Work of a device, and when the host had launched it."""

    times: np.ndarray
    """(n, 2)"""
    is_collective: np.ndarray
    at: np.ndarray
    """When its launch began; not a number where none was recorded."""
    until: np.ndarray
    """When its launch had ended."""

    @property
    def computing(self) -> np.ndarray:
        """Work that is no collective."""
        return self.times[~self.is_collective]

    @property
    def collectives(self) -> np.ndarray:
        """Work that is one."""
        return self.times[self.is_collective]

    def pending(self) -> np.ndarray:
        """From its launch to its start, for all computing; from the beginning on where nothing says when."""
        mine, until = self.times[~self.is_collective], self.until[~self.is_collective]
        spans = np.column_stack([np.where(np.isnan(until), self.times.min(initial=0), until), mine[:, 0]])
        return spans[spans[:, 0] < spans[:, 1]]


def launched_work(process: Process) -> tuple[Launched, np.ndarray]:
    """The work of a process's devices with its launches, and when launches began whose work was not recorded."""
    work, collective, launch = (process.spans[kind] for kind in ("work", "collective", "launch"))
    assert isinstance(work, LinkedSpans)
    assert isinstance(collective, LinkedSpans)
    assert isinstance(launch, LinkedSpans)
    times = np.concatenate([work.times(), collective.times()])
    at, until = (np.full(len(times), np.nan) for _ in "12")
    used = np.zeros(len(launch), dtype=bool)
    for link in ("correlation", "external"):
        ids = np.concatenate([work.column(link), collective.column(link)])
        open_ = np.isnan(at) & (ids != NO_ID)
        found = launches_of(ids[open_], times[open_, 0], launch.column(link), launch.column("start"))
        rows = np.flatnonzero(open_)[found >= 0]
        found = found[found >= 0]
        at[rows], until[rows] = launch.column("start")[found], launch.column("end")[found]
        used[found] = True
    is_collective = np.arange(len(times)) >= len(work)
    lost = launch.column("start")[(launch.column("tag") == 1) & ~used]
    return Launched(times, is_collective, at, until), lost


def launches_of(ids: np.ndarray, starts: np.ndarray, launch_ids: np.ndarray, launch_starts: np.ndarray) -> np.ndarray:
    """Which launch each piece of work is from, -1 for none: of several with its number the last before it starts."""
    order = np.lexsort((launch_starts, launch_ids))
    known = np.unique(launch_ids[launch_ids != NO_ID])
    if not len(known) or not len(ids):
        return np.full(len(ids), -1)
    place = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    is_known = known[place] == ids
    by_time = np.sort(launch_starts)
    key = np.searchsorted(known, launch_ids[order]) * (len(by_time) + 1.0)
    key = np.where(launch_ids[order] == NO_ID, -1, key + np.searchsorted(by_time, launch_starts[order], side="right"))
    wanted = place * (len(by_time) + 1.0) + np.searchsorted(by_time, starts, side="right")
    first = np.searchsorted(key, place * (len(by_time) + 1.0))
    last_before = np.searchsorted(key, wanted, side="right") - 1
    return np.where(is_known, order[np.minimum(np.maximum(first, last_before), len(order) - 1)], -1)


def host_steps(process: Process) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Numbers and windows of the steps on the host, in order; empty where nothing delimits steps."""
    for kind, note in (
        ("step", ""),
        ("own step", "There are no ProfilerStep# spans: the spans that are named as numbered steps were taken."),
        ("device step", ""),
    ):
        steps = process.steps[kind]
        if steps:
            numbers = np.array(sorted(steps, key=lambda number: steps[number]))
            windows = np.array([steps[number] for number in numbers.tolist()], dtype=float)
            if kind != "own step" or (len(numbers) > 1 and (np.diff(windows.ravel()) >= -ROUNDING_US).all()):
                return numbers, windows, [note] if note else []
    for name, times in sorted(process.once_a_step.items(), key=lambda item: (item[0][:1] != "O", -len(item[1]))):
        if len(times) > 2:
            ends = np.sort(np.array(times, dtype=float)[:, int(name.startswith("Optimizer"))])
            note = (
                f"There are no ProfilerStep# spans: a step goes from one {name} to the next, numbered from 1. Call "
                "prof.step() after every mini-batch to be sure."
            )
            return np.arange(1, len(ends)), np.column_stack([ends[:-1], ends[1:]]), [note]
    return np.empty(0, dtype=int), np.empty((0, 2)), []


def lost_steps(process: Process) -> np.ndarray:
    """The numbers of steps whose event says no time that can be used, in order."""
    kind = "step" if process.steps["step"] else "own step"
    return np.array(sorted(process.lost_steps[kind] - set(process.steps[kind])), dtype=int)


def with_stand_ins(numbers: np.ndarray, windows: np.ndarray, lost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The steps with a window for those that were lost between two of them, so that nobody else gets their work."""
    gaps = zip(windows[:-1, 1].tolist(), windows[1:, 0].tolist(), strict=True) if len(lost) else ()
    for begun, ended in gaps:
        at = np.searchsorted(windows[:, 0], ended)
        between = lost[(lost > numbers[at - 1]) & (lost < numbers[at])]
        if len(between) and begun < ended:
            numbers = np.insert(numbers, at, between[0])
            windows = np.insert(windows, at, [begun, ended], axis=0)
    return numbers, windows


def without_lost(steps: Steps, lost: np.ndarray) -> Steps:
    """The steps without those that were lost, which is said."""
    if not len(lost):
        return steps
    kept = steps.some(~np.isin(steps.numbers, lost))
    kept.notes.append(f"Left out, as its event in the file has no usable ts or dur: {few(lost.tolist())}.")
    return kept


def steps_by_launches(numbers: np.ndarray, host: np.ndarray, launched: Launched, lost: np.ndarray) -> Steps | None:
    """Steps of a device by what was launched when; None where launches were not recorded, or not with steps."""
    step = step_of_launch(launched, host)
    inside = (step >= 0) & (step < len(host))
    has = np.bincount(step[inside], minlength=len(host)) > 0
    lost_in = step_at(lost, host)
    lost_in = np.bincount(lost_in[(lost_in >= 0) & (lost_in < len(host))], minlength=len(host))
    if not has.any() or 2 * (has | (lost_in > 0)).sum() < len(host):
        return None
    last = np.full(len(host) + 2, -np.inf)
    np.maximum.at(last, step + 1, launched.times[:, 1])
    end = np.maximum.accumulate(last)
    begin = np.full(len(host), np.inf)
    np.minimum.at(begin, step[inside], launched.times[inside, 0])
    launch = np.full(len(host), np.inf)
    np.fmin.at(launch, step[inside], launched.until[inside])
    usual = np.median(np.diff(end[1:-1][has])) if has.sum() > 1 else np.inf
    follows = (np.diff(numbers, prepend=numbers[0] - 2) == 1) & np.append(False, has[:-1])
    queued = np.subtract(begin, launch, out=np.zeros(len(host)), where=has) > QUEUED * usual
    alone = np.where(queued, begin, np.minimum(host[:, 0], begin))
    start = np.where(follows, end[:-2], np.maximum(alone, end[:-2]))
    windows = np.column_stack([start, end[1:-1]])
    steps = Steps(
        numbers=numbers,
        windows=windows,
        work=counted_in(step, ~launched.is_collective, len(host)),
        collectives=counted_in(step, launched.is_collective, len(host)),
        lost=lost_in,
    )
    keep = has & (windows[:, 1] > windows[:, 0])
    if not keep.all():
        steps.notes.append(f"Left out, as no work of the device was recorded in it: {few(numbers[~keep].tolist())}.")
    return steps.some(keep)


def step_at(times: np.ndarray, host: np.ndarray) -> np.ndarray:
    """The step in which each time lies, or the last that began before it; behind the last step's end one more."""
    step = np.searchsorted(host[:, 0], times, side="right") - 1
    return np.where(times > host[-1, 1], len(host), step) if len(host) else step


def step_of_launch(launched: Launched, host: np.ndarray) -> np.ndarray:
    """The step that launched each piece of work, -1 before the first.

    Where a launch is missing, the step of the work that started before it.
    """
    step = step_at(np.nan_to_num(launched.at, nan=-np.inf), host)
    if not len(step):
        return step
    order = np.argsort(launched.times[:, 0], kind="stable")
    known = ~np.isnan(launched.at[order])
    before = np.maximum.accumulate(np.where(known, np.arange(len(order)), -1))
    filled = np.where(before >= 0, step[order][before], -1)
    step[order] = np.where(known, step[order], filled)
    return step


def counted_in(step: np.ndarray, which: np.ndarray, steps: int) -> np.ndarray:
    """How many of those are of each step."""
    return np.bincount(step[which & (step >= 0) & (step < steps)], minlength=steps)


def steps_by_spans(numbers: np.ndarray, windows: np.ndarray, computing: np.ndarray, collectives: np.ndarray) -> Steps:
    """Steps as their spans go, with what starts in them."""

    def starts_in(spans: np.ndarray) -> np.ndarray:
        edges = np.searchsorted(np.sort(spans[:, 0]), windows)
        return edges[:, 1] - edges[:, 0]

    counts = starts_in(computing), starts_in(collectives)
    return Steps(numbers, windows, *counts, lost=np.zeros(len(numbers), dtype=int))


def steps_by_annotations(process: Process, launched: Launched) -> tuple[np.ndarray, np.ndarray] | None:
    """A device's own annotations of steps, from the end of the step before, where they leave out next to nothing."""
    steps = process.steps["device step"]
    numbers = np.array(sorted(steps), dtype=int)
    windows = np.array([steps[number] for number in numbers.tolist()], dtype=float).reshape(-1, 2)
    if not len(numbers) or (np.diff(windows, axis=0) < 0).any():
        return None
    whole = np.array([[windows[0, 0], windows[-1, 1]]])
    busy = covered(launched.times, whole)
    if busy - covered(launched.times, windows).sum() > MOST_OUTSIDE * busy or not len(launched.times):
        return None
    follows = np.diff(numbers, prepend=numbers[0]) == 1
    windows[:, 0] = np.where(follows, np.roll(windows[:, 1], 1), windows[:, 0])
    return numbers, windows


def joined(steps: Steps) -> Steps:
    """Steps up to and with the next collective, as one; what is not whole at either end is left out.

    With accumulated gradients only every k-th step has one. The first of them has as many steps as is usual, or is not
    whole.
    """
    has = steps.collectives > 0
    if has.all() or has.sum() < 2:
        return steps
    begins_run = np.append(True, np.diff(steps.numbers) != 1)
    first = np.flatnonzero(begins_run | np.append(False, has[:-1]))
    last = np.append(first[1:], len(steps)) - 1
    usual = int(np.median((last - first + 1)[has[last]]))
    first = np.where(begins_run[first], np.maximum(first, last - usual + 1), first)
    whole = has[last] & ~(begins_run[first] & (last - first + 1 < usual))
    if whole.sum() < 2:
        return steps
    together = Steps(
        numbers=steps.numbers[last],
        windows=np.column_stack([steps.windows[first, 0], steps.windows[last, 1]]),
        work=summed(steps.work, first, last),
        collectives=summed(steps.collectives, first, last),
        lost=summed(steps.lost, first, last),
        notes=steps.notes,
    ).some(whole)
    if (last > first)[whole].any():
        every = f"every {ordinal(usual)}" if usual > 1 else f"{has.sum():,} of {len(steps):,}"
        together.notes.append(
            f"Not every step has a collective, only {every} (gradient accumulation?): steps up to and with the next "
            f"collective are joined to {counted(len(together), 'update')}, numbered by their last step."
        )
    edges = np.bincount(first[whole], minlength=len(steps) + 1) - np.bincount(last[whole] + 1, minlength=len(steps) + 1)
    left_out = steps.numbers[np.cumsum(edges)[:-1] == 0].tolist()
    if left_out:
        together.notes.append(
            f"Left out at the start or end, as they are not a whole step or update with a collective: {few(left_out)}."
        )
    return together


def summed(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The sums of values from the first to the last of each group."""
    total = np.append(0, np.cumsum(values))
    return total[last + 1] - total[first]


def ordinal(number: int) -> str:
    """2nd, 3rd, 4th."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def few(numbers: list[int]) -> str:
    """The first few steps of a list: step 3, or steps 3, 4, 5 and 7 more."""
    said = ", ".join(map(str, numbers[:5])) + (f" and {len(numbers) - 5:,} more" if len(numbers) > 5 else "")
    return f"step {said}" if len(numbers) == 1 else f"steps {said}"


def without_partial(steps: Steps) -> Steps:
    """Without a first and a last step that hold clearly less than the others: the recording began or ended in them."""
    if len(steps) < 3:
        return steps
    keep = np.ones(len(steps), dtype=bool)
    for edge in (0, len(steps) - 1):
        others = np.arange(1, len(steps) - 1) if len(steps) > 3 else np.delete(np.arange(len(steps)), edge)
        lost = steps.lost[edge] - np.median(steps.lost[others])
        keep[edge] = not (
            steps.work[edge] < FEW * np.median(steps.work[others])
            or steps.collectives[edge] < FEW * np.median(steps.collectives[others])
            or lost > LOST * steps.work[edge]
        )
    if keep.all() or keep.sum() < 2:
        return steps
    whole = steps.some(keep)
    whole.notes.append(f"Left out, as the recording began or ended in it: {few(steps.numbers[~keep].tolist())}.")
    return whole
