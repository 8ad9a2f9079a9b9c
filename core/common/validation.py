"""Checks of values, and what is said of those that are refused."""

import numbers
import reprlib
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

TIME_RANGE_MS = (1e-9, 1e12)
MAX_WORKERS, MAX_BATCHES = 4_096, 100_000
MAX_WORK = 20_000_000  # mini-batches of one call
PUSH_WEIGHT = 5  # what one counts where long runs go push by push: in time and in memory


class ScenarioError(ValueError):
    """A value was refused; the message names the field, the value and what is allowed."""


def whole(field: str, value: Any, low: int, high: int) -> int:
    """The value as an int, checked to be a whole number in [low, high].

    Args:
        field: what the message calls it.
        value: anything.
        low: the least that is allowed.
        high: the most that is allowed.

    Raises:
        ScenarioError: where it is something else; True and False are no numbers.

    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not low <= int(value) <= high:
        raise ScenarioError(f"{field}: {shown(value)} is not a whole number from {low:,} to {high:,}.")
    return int(value)


def real(
    field: str, value: Any, low: float, high: float, *, above: bool = False, below: bool = False, unit: str = ""
) -> float:
    """The value as a float, checked to be a real number in [low, high].

    Args:
        field: what the message calls it.
        value: anything.
        low: the lower end of the range.
        high: the upper end of the range.
        above: whether the lower end itself is excluded.
        below: whether the upper end itself is excluded.
        unit: what the message says after the range.

    Raises:
        ScenarioError: where it is something else; True and False are no numbers.

    """
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    value = float(value) if isinstance(value, np.floating) else value  # half precision has no room for the bounds
    good = number and low <= value <= high
    if not good or (above and value == low) or (below and value == high):
        lower = f"above {low:g}" if above else f"from {low:g}"
        upper = f"to below {high:g}" if below else f"to {high:g}"
        raise ScenarioError(f"{field}: {shown(value)} is not a number {lower} {upper}{unit and ' ' + unit}.")
    return float(value)


def one_of(field: str, value: object, choices: Collection[str]) -> str:
    """The value, checked to be one of some texts.

    Args:
        field: what the message calls it.
        value: anything.
        choices: the texts that are allowed, at least two.

    Raises:
        ScenarioError: where it is none of them.

    """
    if not isinstance(value, str) or value not in choices:
        *others, last = choices
        raise ScenarioError(f"{field}: {shown(value)} is not {', '.join(others)} or {last}.")
    return value


def as_table(
    field: str,
    values: Any,
    wanted: str,
    columns: int | None = None,
    least_rows: int = 1,
    most_rows: int | None = None,
    most: int = MAX_WORK,
) -> np.ndarray:
    """The values as a two-dimensional array of float64, its first rows only where there are more than `most_rows`.

    Nothing is copied before shape and size are known to fit.

    Args:
        field: what the message calls them.
        values: anything: an array, nested lists, a table.
        wanted: what the message says they should be.
        columns: how many there must be; any number by default.
        least_rows: how many there must be at least.
        most_rows: how many are kept; all by default.
        most: how many numbers may be kept.

    Raises:
        ScenarioError: for what is not a table of numbers, does not have that shape, or is too large.

    """
    try:
        listed = 0 if hasattr(values, "__array__") else sum(map(len, values))
        array = np.asarray(values) if listed <= most else np.broadcast_to(0.0, (listed, 1))
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        raise ScenarioError(f"{field}: {shown(values)} is not {wanted}.") from error
    if array.dtype.kind not in "iuf" or array.ndim != 2 or not array.size:
        raise ScenarioError(f"{field}: {shown(values)} is not {wanted}.")
    if len(array) < least_rows or columns not in (None, array.shape[1]):
        raise ScenarioError(f"{field}: an array of shape {array.shape} is not {wanted}.")
    array = array[:most_rows]
    if array.size > most:
        raise ScenarioError(f"{field}: an array of shape {array.shape} has more than {most:,} numbers.")
    with np.errstate(over="ignore"):  # what is beyond float64 becomes infinite
        return array.astype(float)


class Brief(reprlib.Repr):
    """Values as they may stand in a message: shortened before they are written out, as their size is anybody's."""

    def repr_int(self, x: int, level: int) -> str:
        """The digits, or how many bits where there are very many."""
        return super().repr_int(x, level) if x.bit_length() < 10_000 else f"<whole number of {x.bit_length():,} bits>"

    def repr_bytes(self, x: bytes | bytearray, level: int) -> str:
        """The first and the last bytes, as of texts."""
        return self.repr_str(bytes(x[: 2 * self.maxstring]), level)  # type: ignore[arg-type]  # it shortens bytes, too

    repr_bytearray = repr_bytes

    def repr_ndarray(self, x: np.ndarray, level: int) -> str:
        """Its shape and type, without its numbers."""
        return f"<array of shape {x.shape}, {x.dtype}>"

    def repr_DataFrame(self, x: Any, level: int) -> str:  # noqa: N802 - reprlib asks for the name of the type
        """Its shape, without its values."""
        return f"<{type(x).__name__} of shape {x.shape}>"

    repr_Series = repr_DataFrame  # noqa: N815


def shown(value: object) -> str:
    """The value as it may stand in a message: shortened, whatever its size and kind."""
    try:
        return Brief().repr(value)
    except Exception:  # anybody's __repr__ may fail
        return f"<{type(value).__name__}>"


def refuse_unknown(prefix: str, given: Iterable, known: Collection[str]) -> None:
    """Check that all given names are known.

    Args:
        prefix: what the message puts before a name.
        given: the names, which may be anything.
        known: the names that are allowed.

    Raises:
        ScenarioError: for the first one that is not among them.

    """
    for name in given:
        if name not in known:
            label = name if isinstance(name, str) and len(name) <= 40 else shown(name)
            raise ScenarioError(f"{prefix}{label} is not a known field; known are {', '.join(known) or 'none'}.")


def check_work(workers: int, batches: int, rows: list[int], replicates: int = 1, pushes: int = 0) -> None:
    """Check that a call simulates no more than 20 million mini-batches.

    Args:
        workers: how many there are.
        batches: mini-batches of each worker in one epoch.
        rows: how many mini-batches each policy lets every worker start; more than batches where work is thrown away.
        replicates: how many runs of each policy.
        pushes: how many of the rows go push by push in long runs, which counts five times.

    Raises:
        ScenarioError: where it simulates more.

    """
    work = workers * sum(rows) * replicates
    if work + (PUSH_WEIGHT - 1) * workers * pushes * replicates > MAX_WORK:
        factors = f"{workers:,} workers × {batches:,} batches"
        if replicates > 1:
            factors += f" × {replicates:,} replicates"
        if len(rows) > 1:
            factors += f" × {len(rows)} policies"
        if max(rows) > batches:
            factors += f" (of which one starts {max(rows):,} batches a worker)"
        field_name = "replicates" if replicates > 1 else "workers × batches"
        slow = f", {PUSH_WEIGHT} times that where a policy goes push by push" if pushes else ""
        raise ScenarioError(
            f"{field_name}: {factors} are {work:,} mini-batches{slow}; one call takes at most {MAX_WORK:,}."
        )
