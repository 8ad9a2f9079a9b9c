"""What Method explains the model with: its texts, and every policy on one small epoch."""

from functools import cache
from pathlib import Path

from core import charts
from core.common.wording import counted
from core.presets.examples import examples
from core.report.timeline_data import picture
from pages.shared.answers.drawn import Drawn, ready


@cache
def prose(name: str) -> str:
    """One of the texts."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


@cache
def drawn_examples() -> list[tuple[str, Drawn]]:
    """Each policy's rule, and its epoch on the time axis of all."""
    runs = examples()
    until_ms = max(run.metrics.epoch_ms for run in runs)
    found = []
    for run in runs:
        policy, figures, shown = run.scenario.policy, run.metrics, picture(run).until(until_ms)
        title = (
            f"**{policy.label}**: {figures.epoch_ms:.0f} ms, {counted(figures.updates, 'update')}, mean "
            f"staleness {figures.mean_staleness:.2f}"
        )
        found.append((policy.rule, Drawn(title=title, chart=ready(charts.small_timeline(shown)), words=shown.words)))
    return found
