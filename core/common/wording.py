"""Numbers and lists as people write them."""

import math
from collections.abc import Sequence

NBSP = "\N{NO-BREAK SPACE}"
PEOPLE = ("Gumbel", "Pareto")  # after whom laws are called


def duration(ms: float) -> str:
    """A time in seconds, or in milliseconds where it is short: 7.47 s, 0.534 s, 1,234 s, 53.4 ms."""
    return f"{rounded(ms)}{NBSP}ms" if 0 < abs(ms) < 100 else f"{rounded(ms / 1000)}{NBSP}s"


def rounded(value: float) -> str:
    """Three significant figures, or all the whole ones where there are more: 7.47, 0.0534, 1,234, 3."""
    if value == int(value) or abs(value) >= 999.5:
        return f"{value + 0.0:,.0f}"
    return f"{value:#.3g}".rstrip(".") if abs(value) >= 1e-4 else f"{value:.0e}"


def four_digits(value: float) -> str:
    """A number with up to four significant figures, or all the whole ones: 0.528, 200, 12,500."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def money(value: float, currency: str) -> str:
    """An amount of money, to the hundredth where that says something: $7.47, 0.0534 EUR, -$12.30, $1,235."""
    size = abs(value)
    number = f"{size:,.2f}" if 0.995 <= size < 1000 or not size else rounded(size)
    sign = "-" if value < 0 else ""
    return f"{sign}{number}{NBSP}{currency}" if currency[-1:].isalpha() else f"{sign}{currency}{number}"


def with_unit(number: str, unit: str) -> str:
    """A number with its unit: 3 updates, 5.36/s, 2×; alone where there is no unit."""
    return f"{number}{unit if unit.startswith(('/', '×')) else f'{NBSP}{unit}'}".rstrip()


def times(ratio: float) -> str:
    """A ratio with two decimals, or three where it is close to 1: 1.38×, 1.006×."""
    return f"{ratio:.{3 if abs(ratio - 1) < 0.05 else 2}f}×"


def percent(value: float, decimals: int = 1, signed: bool = False) -> str:
    """A share with one decimal, or as many as are asked for: 10.7 %; with its sign, +10.7 %. Nothing is 0.0 %."""
    value = round(value, decimals) + 0.0  # of -0.0 it makes 0.0
    return f"{value:{'+' if signed and value else ''}.{decimals}f}{NBSP}%"


def adding_up(values: Sequence[float], total: float, step: float = 0.1) -> list[float]:
    """Values in whole steps, each at most one step off, that add up to a total which they make up (largest remainders).

    Percents of 33.33, 33.33 and 33.33 are shown as 33.4, 33.3 and 33.3.
    """
    steps = [math.floor(value / step) for value in values]
    missing = round(total / step) - sum(steps)
    by_remainder = sorted(range(len(values)), key=lambda place: steps[place] - values[place] / step)
    for place in by_remainder[: max(0, missing)]:
        steps[place] += 1
    return [count * step for count in steps]


def counted(number: int, noun: str, plural: str = "") -> str:
    """1 worker, 4 workers; 2 mini-batches, where the plural is given."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(parts: list[str], last: str = "and") -> str:
    """a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def lowered(sentence: str) -> str:
    """The sentence as it goes on after a semicolon; K-async, SSP, DiLoCo and people keep their capitals."""
    word = sentence.partition(" ")[0]
    as_it_is = word in PEOPLE or word[1:2] == "-" or any(letter.isupper() for letter in word[1:])
    return sentence if as_it_is else sentence[0].lower() + sentence[1:]
