"""What whoever knows the files says about their columns: it goes before what was understood."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.common.validation import ScenarioError, one_of, refuse_unknown, shown
from core.traces.tables.cells import UNITS_MS
from core.traces.tables.naming import some

ROLES = ("worker", "workers", "step", "time", "compute", "comm", "wait", "ignore")


@dataclass(frozen=True)
class Corrections:
    """Which columns are what, by role, and the unit of the times; nothing where it was left to the files."""

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unit: str = ""

    @classmethod
    def checked(cls, columns: Any, unit: Any) -> "Corrections":
        """The corrections as they are given to `read_trace`; ScenarioError for what they cannot be."""
        if unit is not None:
            one_of("unit", unit, UNITS_MS)
        if columns is None:
            return cls(unit=unit or "")
        if not isinstance(columns, Mapping):
            raise ScenarioError(f"columns: {shown(columns)} is not a dict from {', '.join(ROLES)} to names of columns.")
        refuse_unknown("columns: ", columns, ROLES)
        return cls({role: names_of(role, names) for role, names in columns.items()}, unit or "")

    def check(self, file: str, names: list[str]) -> None:
        """ScenarioError for a column that a file does not have."""
        for role, asked in self.columns.items():
            for name in asked:
                if name not in names:
                    raise ScenarioError(
                        f"columns: {file} has no column {shown(name)} for {role}; it has {some(names, 12)}."
                    )

    def __getitem__(self, role: str) -> tuple[str, ...]:
        return self.columns.get(role, ())


def names_of(role: str, names: Any) -> tuple[str, ...]:
    """One name or several, as a tuple."""
    names = (names,) if isinstance(names, str) else names
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
        raise ScenarioError(f"columns: {shown(names)} for {role} is neither a name of a column nor a list of names.")
    return tuple(names)
