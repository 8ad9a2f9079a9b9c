"""Charts are declared in Altair and compiled once for each shape; after that only their values and data change.

Altair builds and validates a chart in tens of milliseconds, again at every rerun, although its shape is nearly always
the same. So a declaration is a function of its shape (what phases there are, whether there are barriers) and of the
values in it (the ends of an axis, labels, titles). It is compiled with blanks in place of the values; to draw a chart,
the blanks are filled in and the data are sent by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import altair as alt
import pandas as pd

MOST_SHAPES = 512

Columns: TypeAlias = Mapping[str, Any]
"""A table to draw: its columns by name, arrays or lists of one length."""


class Blanks:
    """Stands in for a chart's values while it is compiled."""

    def __getitem__(self, name: str) -> str:
        return f"<{name}>"

    def several(self, name: str) -> list[str]:
        """A blank that is filled in by a list."""
        return [self[name]]


class Values(dict[str, Any]):
    """A chart's values by name, as a declaration takes them."""

    def several(self, name: str) -> list[Any]:
        """A value that is a list."""
        return list(self[name])


Given: TypeAlias = Values | Blanks
"""What a declaration takes for its values: those of one chart, or blanks for those of any."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Chart:
    """A chart to draw: its declaration, its shape, the values in it, its data, and its height where it has one."""

    declare: Callable
    """(*shape, values) → an Altair chart whose data have names."""
    shape: tuple
    values: Mapping[str, Any]
    data: Mapping[str, Columns | bytes]
    """Tables by their names in the declaration; bytes where they have been packed for sending."""
    height: int

    @property
    def spec(self) -> dict[str, Any]:
        """The Vega-Lite spec, a copy of one's own."""
        blanks = {f"<{name}>": value for name, value in self.values.items()}
        return filled(compiled(self.declare, self.shape), blanks) | {"height": self.height}


@lru_cache(maxsize=MOST_SHAPES)
def compiled(declare: Callable, shape: tuple) -> dict[str, Any]:
    """What Altair makes of a declaration, with blanks for its values."""
    return as_spec(declare(*shape, Blanks()))


def as_spec(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """The Vega-Lite spec of an Altair chart, without the sizes that Altair's default theme puts into it."""
    spec = chart.to_dict()
    spec.pop("config", None)
    return spec


def filled(node: Any, blanks: Mapping[str, Any]) -> Any:
    """A copy of a part of a spec with its blanks filled in."""
    if isinstance(node, dict):
        return {key: filled(value, blanks) for key, value in node.items()}
    if isinstance(node, list):
        if len(node) == 1 and isinstance(node[0], str) and isinstance(blanks.get(node[0]), list | tuple):
            return list(blanks[node[0]])
        return [filled(value, blanks) for value in node]
    return blanks.get(node, node) if isinstance(node, str) else node


def columns(table: pd.DataFrame, *names: str) -> dict[str, Any]:
    """A data frame's columns to draw: those that are named, or all."""
    return {name: table[name].to_numpy() for name in names or table.columns}
