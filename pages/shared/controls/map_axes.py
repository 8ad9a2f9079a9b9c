"""The axes of the map, and what they stand in for."""

from typing import Any

from core.axes import needed
from pages.shared.controls import values


def axes_now() -> tuple[str, ...]:
    """The keys that are axes of the map: whatever their controls say, a map has values of its own for them."""
    across, up = values.value("across"), values.value("up")
    return (across,) if up in ("none", across) else (across, up)


def values_on_map() -> dict[str, Any]:
    """The values of the controls as the map takes them: with the law, network and policies that its axes need."""
    now = values.now()
    return now | needed(now, axes_now())
