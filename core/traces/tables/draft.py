"""A table on its way to be understood: its rows, what its headings say, and what was made of each column."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from core.common.validation import ScenarioError, shown
from core.traces.tables.cells import UNITS_MS, instants, missing, numbers, step_numbers
from core.traces.tables.corrections import Corrections
from core.traces.tables.headings import Meaning
from core.traces.tables.left_out import LeftOut
from core.traces.tables.naming import called
from core.traces.trace import Column

MOSTLY = 0.5  # of its fields that are there and must be numbers for a column to be one of numbers


@dataclass(kw_only=True)
class Draft:
    """One file's table."""

    file: str
    table: pd.DataFrame
    """Its index says which line or row of the file each row is, and is called so."""
    asked: Corrections
    decimal: str = "."
    columns_of_file: list[str] = field(default_factory=list)
    """The headings of the file, whatever became of the table."""
    meanings: dict[str, Meaning] = field(default_factory=dict)
    """What the heading of each column says."""
    guessed: set[str] = field(default_factory=set)
    """Columns whose meaning is a guess by their values."""
    unit_of_all: str = ""
    """The unit that a column of units says, for times that say none themselves."""
    notes: list[str] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    columns: dict[str, Column] = field(default_factory=dict)
    known_numbers: dict[str, tuple[pd.Series, str]] = field(default_factory=dict)

    def with_role(self, *roles: str) -> list[str]:
        """The columns whose headings say one of these roles, those that say most of it first."""
        names = [name for name, each in self.meanings.items() if each.role in roles]
        return sorted(names, key=lambda name: -self.meanings[name].strength)

    def numbers(self, name: str) -> tuple[pd.Series, str]:
        """A column as numbers, NaN where it has none, and their unit; "" where neither heading nor fields say it."""
        if name not in self.known_numbers:
            self.known_numbers[name] = self.read_numbers(name)
        return self.known_numbers[name]

    def read_numbers(self, name: str) -> tuple[pd.Series, str]:
        """The same, read from the fields."""
        moments = instants(self.table[name])
        if moments is not None:
            return moments, "s"
        if self.meanings[name].role in ("step", "epoch") and not pd.api.types.is_numeric_dtype(self.table[name]):
            return step_numbers(self.table[name]), ""
        values, in_ms = numbers(self.table[name], self.decimal)
        unit = self.meanings[name].unit or self.unit_of_all
        if not in_ms.any():
            return values, unit
        if unit:
            return values.where(~in_ms, values / UNITS_MS[unit]), unit
        return values.where(in_ms), "ms"

    def is_numeric(self, name: str) -> bool:
        """Whether most fields of a column that are there are numbers."""
        values = self.numbers(name)[0]
        good = values.notna().sum()
        return bool(good) and (good == len(values) or good > MOSTLY * (~missing(self.table[name])).sum())

    def whole_numbers(self, name: str) -> pd.Series | None:
        """A column as whole numbers, NaN where it has none; None where it is something else."""
        if not self.is_numeric(name):
            return None
        values = self.numbers(name)[0]
        whole = values.where((values % 1 == 0) & (values.abs() < 2**53))
        return whole if whole.notna().sum() > MOSTLY * values.notna().sum() else None

    def keep(self, good: pd.Series, kind: str, words: Callable[[int], str]) -> None:
        """Keep these rows, and count the others as left out; `words` says of one, by its place, what was wrong."""
        if good.all():
            return
        bad = int((~good).to_numpy().argmax())
        self.left_out.add(int((~good).sum()), kind, words(bad))
        if not good.any():
            raise self.refused("no row is left that can be read")
        self.only(good)

    def only(self, good: pd.Series) -> None:
        """Keep these rows."""
        where = good.to_numpy()
        self.table = self.table[where]
        self.known_numbers = {name: (values[where], unit) for name, (values, unit) in self.known_numbers.items()}

    def keep_numbers(self, name: str) -> None:
        """Leave out rows whose field in a column of numbers is something else; ScenarioError where most are."""
        values = self.numbers(name)[0]
        if values.notna().all():
            return
        there = ~missing(self.table[name])
        bad = values.isna() & there
        if bad.sum() > MOSTLY * there.sum():
            raise ScenarioError(f"{self.file}: {self.field(name, int(bad.to_numpy().argmax()))} is no number.")
        self.keep(~bad, f"number {name}", lambda at: f"{self.field(name, at)} is no number")

    def field(self, name: str, at: int) -> str:
        """A field as a message names it."""
        value = self.table[name].iloc[at]
        return f"{shown(value)} in {called(name)}, {self.where(at)},"

    def where(self, at: int) -> str:
        """The line or row of the file that a row comes from."""
        return f"{self.table.index.name} {self.table.index[at]:,}"

    def take(self, name: str, role: str, unit: str = "", guessed: bool = False, why: str = "") -> None:
        """Note what a column was taken for, or why it was left out."""
        self.columns[name] = Column(name=name, role=role, unit=unit, guessed=guessed, why=why)

    def say(self, sentence: str) -> None:
        """Note a sentence."""
        self.notes.append(f"{self.file}: {sentence}")

    def refused(self, why: str) -> ScenarioError:
        """What to raise where the table cannot be understood."""
        left_out = f" {self.left_out.note(self.file)}" if self.left_out.rows else ""
        return ScenarioError(f"{self.file}: {why}.{left_out}")
