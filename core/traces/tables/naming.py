"""Names of columns as they may stand in a message."""

from collections.abc import Iterable

from core.common.wording import listed

MAX_SHOWN = 60  # characters of a column's name


def called(name: str) -> str:
    """The name of a column as it may stand in a message."""
    return repr(name if len(name) <= MAX_SHOWN else f"{name[: MAX_SHOWN - 3]}...")


def some(names: Iterable[str], most: int = 5) -> str:
    """The first few of these names."""
    each = list(map(called, names)) or ["none"]
    return listed(each) if len(each) <= most else f"{', '.join(each[:most])} and {len(each) - most:,} more"
