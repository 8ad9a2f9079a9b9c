"""Fields that say what they take: checked when an object is made, and read by links, controls and tests.

A field's range, its key in a link, its label and what it means are declared at the field, and nowhere else.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any, TypeVar

from core.common.validation import ScenarioError, one_of, real, refuse_unknown, shown, whole

R = TypeVar("R")


class Rule(ABC):
    """What a value may be."""

    @property
    @abstractmethod
    def allowed(self) -> str:
        """What it takes, in words: a whole number from 1 to 64."""

    @abstractmethod
    def checked(self, name: str, value: object) -> Any:
        """The value in its own type.

        Args:
            name: what the message calls it.
            value: anything.

        Raises:
            ScenarioError: where it is not allowed; the message names the field.

        """

    def read(self, name: str, texts: Sequence[str]) -> Any:
        """The value of a key in a link.

        Args:
            name: what the message calls it.
            texts: what the link says, once for each time that the key stands there.

        Raises:
            ScenarioError: where it is not allowed, or stands there more than once.

        """
        if len(texts) != 1:
            raise ScenarioError(f"{name} is named {len(texts)} times.")
        return self.checked(name, texts[0])

    def accepts(self, texts: Sequence[str]) -> bool:
        """Whether `read` takes these texts."""
        try:
            self.read("", texts)
        except ScenarioError:
            return False
        return True


class Number(Rule):
    """A number in a range."""

    low: float
    high: float
    kind: type[int] | type[float]

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest value that is allowed."""
        return self.kind(self.low), self.kind(self.high)

    def nearest(self, value: float) -> float:
        """The value, or the end that it is beyond."""
        least, most = self.ends
        return self.kind(min(max(value, least), most))

    def read(self, name: str, texts: Sequence[str]) -> Any:
        text = texts[0] if len(texts) == 1 else super().read(name, texts)
        try:
            number: float | str = float(text)
        except ValueError:
            number = text
        if self.kind is int and isinstance(number, float) and number.is_integer():
            number = int(text) if text.strip().isdecimal() else int(number)
        try:
            return self.checked(name, number)
        except ScenarioError:
            raise ScenarioError(f"{name}: {shown(text)} is not {self.allowed}.") from None


@dataclass(frozen=True)
class Real(Number):
    """A number from low to high; above and below exclude an end."""

    low: float
    high: float
    above: bool = False
    below: bool = False
    unit: str = ""
    kind = float

    @property
    def allowed(self) -> str:
        lower = f"above {self.low:,g}" if self.above else f"from {self.low:,g}"
        upper = f"to below {self.high:,g}" if self.below else f"to {self.high:,g}"
        return f"a number {lower} {upper}{self.unit and ' ' + self.unit}"

    @property
    def ends(self) -> tuple[float, float]:
        low, high = float(self.low), float(self.high)
        return math.nextafter(low, high) if self.above else low, math.nextafter(high, low) if self.below else high

    def checked(self, name: str, value: object) -> float:
        return real(name, value, self.low, self.high, above=self.above, below=self.below, unit=self.unit)


@dataclass(frozen=True)
class Whole(Number):
    """A whole number from low to high."""

    low: int
    high: int
    kind = int

    @property
    def allowed(self) -> str:
        return f"a whole number from {self.low:,} to {self.high:,}"

    def checked(self, name: str, value: object) -> int:
        return whole(name, value, self.low, self.high)


MOST_LISTED = 20  # choices that an error message lists in full


@dataclass(frozen=True)
class OneOf(Rule):
    """One of some texts."""

    choices: tuple[str, ...]

    @property
    def allowed(self) -> str:
        if len(self.choices) > MOST_LISTED:
            return f"one of {len(self.choices):,} names, such as {', '.join(self.choices[:2])} or {self.choices[2]}"
        return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"

    def checked(self, name: str, value: object) -> str:
        return one_of(name, value, self.choices)


@dataclass(frozen=True)
class Flag(Rule):
    """True or false."""

    @property
    def allowed(self) -> str:
        return "true or false"

    def checked(self, name: str, value: object) -> bool:
        if isinstance(value, bool):
            return value
        return one_of(name, value.lower() if isinstance(value, str) else value, ("true", "false")) == "true"


@dataclass(frozen=True)
class Text(Rule):
    """A few words."""

    most: int

    @property
    def allowed(self) -> str:
        return f"up to {self.most} characters"

    def checked(self, name: str, value: object) -> str:
        if not isinstance(value, str) or len(value) > self.most:
            raise ScenarioError(f"{name}: {shown(value)} is not a text of {self.allowed}.")
        return value


@dataclass(frozen=True)
class Several(Rule):
    """A tuple of values, each of which a rule allows."""

    each: Rule
    least: int
    most: int

    @property
    def allowed(self) -> str:
        how_many = f"at most {self.most:,}" if self.least == 0 else f"{self.least:,} to {self.most:,}"
        return f"a tuple of {how_many}, each {self.each.allowed}"

    def checked(self, name: str, value: object) -> tuple:
        if not isinstance(value, tuple) or not self.least <= len(value) <= self.most:
            raise ScenarioError(f"{name}: {shown(value)} is not {self.allowed}.")
        return tuple(self.each.checked(name, each) for each in value)


@dataclass(frozen=True, eq=False)
class OfKind(Rule):
    """An object of a class; known are those that can be read from a plain dict, by name."""

    kind: type
    known: Mapping[str, type]

    @property
    def allowed(self) -> str:
        return f"one of {', '.join(self.known)}"

    def checked(self, name: str, value: object) -> Any:
        if not isinstance(value, self.kind):
            raise ScenarioError(f"{name}: {shown(value)} is not {self.allowed}.")
        return value

    def from_dict(self, name: str, data: object) -> Any:
        """The object that `Part.to_dict` described.

        Args:
            name: what the message calls it.
            data: {"kind": class name, field: value, …}; fields with a default may be left out.

        Raises:
            ScenarioError: for an unknown kind or field, a missing field, or a value out of bounds.

        """
        kind = data.get("kind") if isinstance(data, dict) else data
        if not isinstance(data, dict) or not isinstance(kind, str) or kind not in self.known:
            raise ScenarioError(f"{name}: {shown(kind)} is unknown; known kinds are {', '.join(self.known)}.")
        values, made = {key: value for key, value in data.items() if key != "kind"}, self.known[kind]
        takes = [f for f in fields(made) if f.init]
        refuse_unknown(f"{name}.", values, [f.name for f in takes])
        for f in takes:
            if f.name not in values and f.default is f.default_factory is MISSING:
                raise ScenarioError(f"{name}.{f.name} is missing.")
        return made(**values)


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """What a field takes, and what people and links call it."""

    rule: Rule
    default: Any = None
    """The value where a link omits this key."""
    key: str = ""
    """What a link calls it, frozen from the first release; empty where links do not carry it."""
    label: str = ""
    """What people call it, in the control that sets it."""
    help: str = ""
    """What it means."""
    usual: tuple[float, float] | None = None
    """The part of its range that a slider spans; all of it can be typed."""
    step: float | None = None
    """From one position of a slider to the next."""
    format: str | None = None
    """How a control writes it."""
    acts_with: str = ""
    """The key of another parameter, a number: while that one is at its least, this one changes nothing."""
    axis: tuple[float, ...] = ()
    """Values to start from where it is an axis of a map; none where it cannot be one."""


def takes(
    rule: Rule, default: Any = MISSING, *, default_factory: Any = MISSING, in_links: Any = None, **about: Any
) -> Any:
    """A field of a `Checked` class.

    Args:
        rule: what it takes.
        default: as `dataclasses.field` has it.
        default_factory: as `dataclasses.field` has it.
        in_links: the value where a link omits it, where that is not the default.
        about: the other fields of `Parameter`.

    Returns:
        What `dataclasses.field` returns, with the `Parameter` in its metadata.

    """
    meant = default if in_links is None else in_links
    parameter = Parameter(rule=rule, default=None if meant is MISSING else meant, **about)
    if default is not MISSING:
        return field(default=default, metadata={"parameter": parameter})
    if default_factory is not MISSING:
        return field(default_factory=default_factory, metadata={"parameter": parameter})
    return field(metadata={"parameter": parameter})


def once_per_class(answer: Callable[[type], R]) -> Callable[[type], R]:
    """The same function, its answer for each class kept."""
    return cache(answer)  # mypy takes classes for unhashable, and so refuses them as arguments of what `cache` returns


@once_per_class
def parameters(kind: type) -> dict[str, Parameter]:
    """The parameters of a `Checked` class, by the names of their fields."""
    return {f.name: f.metadata["parameter"] for f in fields(kind) if f.init and "parameter" in f.metadata}


@once_per_class
def by_key(kind: type) -> dict[str, Parameter]:
    """The parameters of a `Checked` class that a link carries, by what it calls them."""
    return {parameter.key: parameter for parameter in parameters(kind).values() if parameter.key}


@once_per_class
def keys(kind: type) -> dict[str, str]:
    """The fields of a `Checked` class that a link carries: what it calls each."""
    return {name: parameter.key for name, parameter in parameters(kind).items() if parameter.key}


@dataclass(frozen=True)
class Checked:
    """Base of frozen dataclasses whose fields are checked, and put into their own type, when an object is made."""

    prefix = ""
    """What stands before a field's name in a message: compute. or network."""

    def __post_init__(self) -> None:
        for name, parameter in parameters(type(self)).items():
            value = parameter.rule.checked(f"{self.prefix}{name}", getattr(self, name))
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Part(Checked):
    """A named piece of a scenario (a law, a network, a policy) with a plain-dict form."""

    def to_dict(self) -> dict:
        """Its class and its fields in a plain dict: {"kind": class name, field: value, …}."""
        return {"kind": type(self).__name__, **{f.name: getattr(self, f.name) for f in fields(self) if f.init}}
