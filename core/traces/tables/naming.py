"""Names of columns as they may stand in a message."""

import re
from collections.abc import Iterable

from core.common.wording import listed

UNNAMED = re.compile(r"column \d{1,4}")
MAX_SHOWN = 60  # characters of a column's name


def called(name: object) -> str:
    """The name of a column, or a value in one, as it may stand in a message."""
    name = str(name)
    return repr(name if len(name) <= MAX_SHOWN else f"{name[: MAX_SHOWN - 3]}...")


def some(names: Iterable[str], most: int = 5) -> str:
    """The first few of these names."""
    each = list(map(called, names)) or ["none"]
    return listed(each) if len(each) <= most else f"{', '.join(each[:most])} and {len(each) - most:,} more"


def unnamed(columns: int) -> list[str]:
    """Names for the columns of a table that has none."""
    return [f"column {number}" for number in range(1, columns + 1)]


def is_unnamed(names: Iterable[str]) -> bool:
    """Whether columns have such names."""
    return all(map(UNNAMED.fullmatch, names))
