"""What would flip an answer, in words: at which values another policy wins."""

from collections.abc import Sequence

from core.common.wording import listed, lowered
from core.flips import Crossing, Flip
from core.report.parameters import amount_of, name_of, short, shown_of

MOST_VALUES = 3  # that are named in a sentence


def headline(flips: Sequence[Flip]) -> str:
    """What would flip the answer, in a sentence; that nothing would, where nothing does."""
    found = [f"{name_of(flip.key).lower()} {where(flip)}" for flip in flips if flip.crossings]
    if not found:
        return "No single parameter that was tried flips the answer on this network model."
    return f"The answer flips with {listed(found, 'or')}."


def no_winner(runs: int, outcome: str, contenders: tuple[str, str], policies: int) -> str:
    """Why there is no winner that could change, and what to do about it.

    Args:
        runs: of each policy.
        outcome: equal or open, of the two that are ahead.
        contenders: their labels.
        policies: how many are compared.

    """
    if runs == 1:
        return "A single run does not decide who wins, so nothing can be said of what would flip it: compare more runs."
    one, other = map(lowered, contenders)
    why = f"{one} and {other} are equal" if outcome == "equal" else f"whether {one} or {other} wins is open"
    leave = " Leave one of them out to see what would flip the answer between the others." if policies > 2 else ""
    return f"There is no winner that could change: {why}.{leave}"


def in_words(flip: Flip) -> str:
    """What one parameter does to the answer: Bandwidth: asynchronous wins above 59 Gb/s (57 to 61)."""
    now = f"**{name_of(flip.key)}**, now {amount_of(flip.key, flip.now)}"
    said = f"{now}: {winner_elsewhere(flip)} wins {where(flip, sure=True)}"
    elsewhere = [
        value for value in flip.undecided if not any(each.low <= value <= each.high for each in flip.crossings)
    ]
    return f"{said}; too close to call {at_values(flip, elsewhere)}." if elsewhere else f"{said}."


def the_rest(flips: Sequence[Flip], winner: str) -> str:
    """The parameters that flip nothing, with the range that was tried; empty where there are none.

    A parameter that can take no other value here is not among them.
    """
    still = [flip for flip in flips if not flip.crossings and flip.tried > 1]
    tried = {flip.key: f"{name_of(flip.key).lower()} ({tried_of(flip)})" for flip in still}
    sure = [tried[flip.key] for flip in still if not flip.undecided]
    close = [f"{tried[flip.key]} {at_values(flip, flip.undecided)}" for flip in still if flip.undecided]
    said = [f"{winner} stays ahead whatever the {listed(sure, 'or')}."] if sure else []
    said += [f"These flip nothing, but are too close to call: {'; '.join(close)}."] if close else []
    return " ".join(said)


def tried_of(flip: Flip) -> str:
    """From which value to which it was tried."""
    return f"{shown_of(flip.key, flip.least)} to {amount_of(flip.key, flip.most)}"


def at_values(flip: Flip, values: Sequence[float]) -> str:
    """Some values at which nobody wins for sure, and whether they are all that were tried."""
    if len(values) == flip.tried:
        return "wherever it was tried"
    if len(values) > MOST_VALUES:
        return f"at {len(values)} values"
    *others, last = values
    return f"at {listed([*(shown_of(flip.key, value) for value in others), amount_of(flip.key, last)])}"


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
        around = [between(end) for end in (low, high) if end and sure and end.high - end.low > 1]
        close = f" (too close to call {listed(around)})" if around else ""
        most = amount_of(flip.key, high.low) if high else ""
        if low is None:
            return (f"with {most} or fewer" if sure else f"≤ {most}") + close
        least = amount_of(flip.key, low.high)
        if high:
            return (f"from {short(low.high)} to {most}" if least != most else f"at {least}") + close
        return (f"with {least} or more" if sure else f"≥ {least}") + close
    ends = [(side, end) for side, end in (("above", low), ("below", high)) if end]
    return " and ".join(f"{side} {amount_of(flip.key, end.value)}{interval(flip, end, sure)}" for side, end in ends)


def between(end: Crossing) -> str:
    """The whole numbers around a crossing at which nobody is sure to win."""
    least, most = short(end.low + 1), short(end.high - 1)
    return f"at {least}" if least == most else f"from {least} to {most}"


def interval(flip: Flip, end: Crossing, sure: bool) -> str:
    """Between which values it is open who wins."""
    ends = shown_of(flip.key, end.low), shown_of(flip.key, end.high)
    return f" ({' to '.join(ends)})" if sure and ends[0] != ends[1] else ""
