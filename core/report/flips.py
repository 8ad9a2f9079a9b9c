"""What would flip an answer, in words: at which values another policy wins."""

import math
from collections.abc import Sequence

from core.common.wording import listed, lowered
from core.flips import Crossing, Flip
from core.links import PARAMETERS

MOST_VALUES = 3  # that are named in a sentence


def headline(flips: Sequence[Flip]) -> str:
    """What would flip the answer, in a sentence; that nothing would, where nothing does."""
    found = [f"{name_of(flip).lower()} {where(flip)}" for flip in flips if flip.crossings]
    if not found:
        return "Nothing that was tried flips the answer."
    return f"The answer flips with {listed(found, 'or')}."


def in_words(flip: Flip) -> str:
    """What one parameter does to the answer: Bandwidth: asynchronous wins above 59 Gb/s (57 to 61)."""
    elsewhere = winner_elsewhere(flip)
    return f"**{name_of(flip)}**, now {amount(flip, flip.now)}: {elsewhere} wins {where(flip, sure=True)}."


def the_rest(flips: Sequence[Flip], winner: str) -> str:
    """The parameters that flip nothing, with the range that was tried; empty where there are none."""
    still = [flip for flip in flips if not flip.crossings]
    if not still:
        return ""
    tried = [f"{name_of(flip).lower()} ({number(flip.least)} to {amount(flip, flip.most)})" for flip in still]
    said = f"{winner} stays ahead whatever the {listed(tried, 'or')}."
    close = [f"{name_of(flip).lower()} {values(flip)}" for flip in still if flip.undecided]
    return f"{said} Too close to call: {listed(close)}." if close else said


def name_of(flip: Flip) -> str:
    """What people call the parameter."""
    return PARAMETERS[flip.key].label.partition(" (")[0]


def unit_of(flip: Flip) -> str:
    """Its unit, where it has one that can stand behind a number."""
    unit = PARAMETERS[flip.key].label.partition(" (")[2].rstrip(")")
    return unit if unit in ("ms", "s", "Gb/s", "MB", "×") else ""


def number(value: float) -> str:
    """Three significant figures, and no more zeros than it takes: 59, 0.335, 1,200."""
    return f"{float(f'{value:.3g}'):,.6g}"


def amount(flip: Flip, value: float) -> str:
    """A value with its unit."""
    return f"{number(value)} {unit_of(flip)}".rstrip()


def values(flip: Flip) -> str:
    """Some values at which nobody wins for sure."""
    shown = [number(value) for value in flip.undecided[:MOST_VALUES]]
    return f"at {listed(shown)}" if len(flip.undecided) <= MOST_VALUES else f"at {len(flip.undecided)} values"


def winner_elsewhere(flip: Flip) -> str:
    """The policy that wins where the one that wins now does not."""
    return lowered(next(winner for _, _, winner in regions(flip) if winner != winner_now(flip)))


def winner_now(flip: Flip) -> str:
    """The policy that wins at the present value."""
    return next(winner for low, high, winner in regions(flip) if holds(flip, low, high))


def holds(flip: Flip, low: Crossing | None, high: Crossing | None) -> bool:
    """Whether the present value lies between two crossings; of whole numbers the lower one is inside."""
    after = low is None or (flip.now >= low.value if flip.is_whole else flip.now > low.value)
    return after and (high is None or flip.now < high.value or (not flip.is_whole and flip.now == high.value))


def regions(flip: Flip) -> list[tuple[Crossing | None, Crossing | None, str]]:
    """The stretches between crossings, and who wins there."""
    ends: list[Crossing | None] = [None, *flip.crossings, None]
    winners = [flip.crossings[0].below, *(each.above for each in flip.crossings)]
    return [(low, high, winner) for low, high, winner in zip(ends[:-1], ends[1:], winners, strict=True)]


def where(flip: Flip, sure: bool = False) -> str:
    """Where the policy wins that does not win now: above 59 Gb/s, below 3 or between 4 and 9.

    sure: whether to say from where on it is decided.
    """
    mine = winner_now(flip)
    found = [stretch(flip, low, high, sure) for low, high, winner in regions(flip) if winner != mine]
    return listed(found, "or")


def stretch(flip: Flip, low: Crossing | None, high: Crossing | None, sure: bool) -> str:
    """A stretch of values in words."""
    if flip.is_whole:
        most = number(high.value - 1) if high else ""
        if low is None:
            return f"with {most} or fewer" if sure else f"≤ {most}"
        least = number(low.value)
        if high:
            return f"from {least} to {most}"
        return f"with {least} or more" if sure else f"≥ {least}"
    ends = [(side, end) for side, end in (("above", low), ("below", high)) if end]
    return " and ".join(f"{side} {amount(flip, end.value)}{interval(end, sure)}" for side, end in ends)


def interval(end: Crossing, sure: bool) -> str:
    """Between which values it is open who wins."""
    if not sure:
        return ""
    if math.isnan(end.low) or math.isnan(end.high):
        return " (too close to call around it)"
    ends = number(end.low), number(end.high)
    return f" ({' to '.join(ends)})" if ends[0] != ends[1] else ""
