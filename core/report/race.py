"""Epochs that play together: what a browser needs to draw them as time goes on."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.common.wording import counted, duration
from core.report.timeline_data import PHASE_ORDER, Picture

STEPS = 20_000  # of the time axis; as fine as anybody sees
MOST_BLOCKS = 3_000  # of all lanes


def race_data(pictures: Sequence[Picture], whose: str = "") -> dict[str, Any] | None:
    """What the browser needs to play some epochs; None where they are not whole, or are too many blocks.

    whose: said before the time, where this is one run of several.
    """
    until_ms = max(picture.epoch_ms for picture in pictures)
    blocks = sum(len(picture.blocks["phase"]) for picture in pictures)
    if blocks > MOST_BLOCKS or pictures[0].domain_ms[1] < until_ms:
        return None
    unit, of_ms = ("ms", 1) if duration(until_ms).endswith("ms") else ("s", 1000)
    lanes = [lane(picture, until_ms) for picture in pictures]
    first = min(picture.epoch_ms for picture in pictures)
    for each, picture in zip(lanes, pictures, strict=True):
        each["first"] = len(pictures) > 1 and picture.epoch_ms == first
    return {
        "id": f"{zlib.crc32(repr(lanes).encode()):x}",
        "lanes": lanes,
        "steps": STEPS,
        "until": until_ms / of_ms,
        "unit": unit,
        "whose": whose,
        "words": " ".join(map(finish_in_words, pictures)),
    }


def finish_in_words(picture: Picture) -> str:
    """When an epoch is over, and how many failures it met."""
    failures = len(picture.failures["at_ms"])
    met = f", with {counted(failures, 'failure')} on the way" if failures else ""
    return f"{picture.label} finishes after {duration(picture.epoch_ms)}{met}."


def lane(picture: Picture, until_ms: float) -> dict[str, Any]:
    """One epoch: its blocks by row, phase, start and end, its barriers and failures, in steps of the time axis."""
    scale = STEPS / until_ms
    rows = {worker: row for row, worker in enumerate(picture.workers)}
    phases = {phase: number for number, phase in enumerate(PHASE_ORDER)}
    return {
        "title": picture.label,
        "time": duration(picture.epoch_ms),
        "epoch": round(picture.epoch_ms * scale),
        "rows": len(rows),
        "row": [rows[worker] for worker in picture.blocks["worker"].tolist()],
        "phase": [phases[phase] for phase in picture.blocks["phase"].tolist()],
        "start": in_steps(picture.blocks["start_ms"] * scale),
        "end": in_steps(picture.blocks["end_ms"] * scale),
        "barriers": in_steps(picture.barriers_ms * scale),
        "failed_row": [rows[int(label[1:])] for label in picture.failures["label"].tolist()],
        "failed": in_steps(picture.failures["at_ms"] * scale),
    }


def in_steps(times: np.ndarray) -> list[int]:
    """Whole steps of the time axis."""
    return np.rint(times).astype(int).tolist()
