"""What every piece of a scenario has in common: checked values, a name, a plain-dict form."""

import numbers
import reprlib
from dataclasses import fields

TIME_RANGE_MS = (1e-9, 1e12)
MAX_WORK = 20_000_000  # mini-batches of one call
PUSH_WEIGHT = 10  # what one counts where pushes of long runs are looked at one by one: in time and in memory


class ScenarioError(ValueError):
    """A value was refused; the message names the field, the value and what is allowed."""


def whole(field: str, value, low: int, high: int) -> int:
    """The value as an int, or ScenarioError when it is not a whole number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not low <= value <= high:
        raise ScenarioError(f"{field}: {shown(value)} is not a whole number from {low:,} to {high:,}.")
    return int(value)


def real(
    field: str, value, low: float, high: float, *, above: bool = False, below: bool = False, unit: str = ""
) -> float:
    """The value as a float, or ScenarioError when it is not in [low, high]; `above`, `below` exclude an end."""
    good = isinstance(value, numbers.Real) and not isinstance(value, bool) and low <= value <= high
    if not good or (above and value == low) or (below and value == high):
        lower = f"above {low:g}" if above else f"from {low:g}"
        upper = f"to below {high:g}" if below else f"to {high:g}"
        raise ScenarioError(f"{field}: {shown(value)} is not a number {lower} {upper}{unit and ' ' + unit}.")
    return float(value)


def shown(value) -> str:
    """The value as it may stand in a message: shortened, whatever its size."""
    return reprlib.repr(value)


class Part:
    """A named piece of a scenario (a law, a network, a policy) with a plain-dict form."""

    def to_dict(self) -> dict:
        """{"kind": class name, field: value, ...}"""
        return {"kind": type(self).__name__, **{f.name: getattr(self, f.name) for f in fields(self) if f.init}}


def part_from_dict(field: str, data, kinds: dict[str, type[Part]]) -> Part:
    """The part that `to_dict` described; ScenarioError names an unknown kind or field."""
    kind = data.get("kind") if isinstance(data, dict) else data
    if not isinstance(data, dict) or not isinstance(kind, str) or kind not in kinds:
        raise ScenarioError(f"{field}: {shown(kind)} is unknown; known kinds are {', '.join(kinds)}.")
    values = {key: value for key, value in data.items() if key != "kind"}
    part = kinds[kind]
    refuse_unknown(f"{field}.", values, [f.name for f in fields(part) if f.init])
    return part(**values)


def refuse_unknown(prefix: str, given, known) -> None:
    """ScenarioError for the first given name that is not among the known ones."""
    for name in given:
        if name not in known:
            label = name if isinstance(name, str) and len(name) <= 40 else shown(name)
            raise ScenarioError(f"{prefix}{label} is not a known field; known are {', '.join(known) or 'none'}.")


def check_work(workers: int, batches: int, rows: list[int], replicates: int = 1, pushes: int = 0) -> None:
    """ScenarioError when a call would simulate more than 20 million mini-batches.

    rows: how many mini-batches each policy lets every worker start; more than batches where work is thrown away.
    pushes: how many of all these are simulated one by one, which counts ten times.
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
