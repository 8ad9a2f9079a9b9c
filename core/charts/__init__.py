"""Charts from tables: each function returns a `Chart`, a Vega-Lite spec and the data that it draws by name."""

from core.charts.colors import PHASE_COLORS, POLICY_COLORS, RULE_COLOR, STALENESS_COLOR, phase_legend
from core.charts.common import PLAIN
from core.charts.comparisons import epoch_parts, histogram, intervals
from core.charts.learning import curves, sensitivity
from core.charts.maps import Coloring, amounts, heatmap, lines, outline, speedups, vertical, winners
from core.charts.periods import by_period
from core.charts.specs import Chart, Values, as_spec, columns
from core.charts.timelines import (
    PINNED,
    contributions,
    overview,
    shares,
    small_timeline,
    staleness,
    timeline,
    with_end,
    with_outline,
)
from core.charts.traces import remedies, slowness

__all__ = [
    "PHASE_COLORS",
    "PINNED",
    "PLAIN",
    "POLICY_COLORS",
    "RULE_COLOR",
    "STALENESS_COLOR",
    "Chart",
    "Coloring",
    "Values",
    "amounts",
    "as_spec",
    "by_period",
    "columns",
    "contributions",
    "curves",
    "epoch_parts",
    "heatmap",
    "histogram",
    "intervals",
    "lines",
    "outline",
    "overview",
    "phase_legend",
    "remedies",
    "sensitivity",
    "shares",
    "slowness",
    "small_timeline",
    "speedups",
    "staleness",
    "timeline",
    "vertical",
    "winners",
    "with_end",
    "with_outline",
]
