"""What Map says, tables and draws of its cells."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from core import Workload, charts, replicate
from core.common.wording import lowered
from core.links import PARAMETERS
from core.maps import (
    SPEEDUP,
    Checkpoints,
    Ideal,
    Question,
    answers,
    break_even,
    checkpoints_beside,
    ideal_scaling,
    winners,
)
from core.policies.base import Policy
from core.report import maps as map_report
from core.report.bandwidth import is_any
from core.scenario import under
from pages.shared.answers.drawn import Drawn, ready, tabled

BREAK_EVEN = "The thick line is break-even, where the ratio of mean epoch times passes 1."
HEALTHY_RUNS, MOST_HEALTHY = 20, 200_000  # runs without failures that theory starts from, and their mini-batches
FEW_ROWS = 8  # of a map, to say of each where it breaks even


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of a map: a question, over one axis or two."""

    question: Question
    keys: tuple[str, ...]
    """What a link calls the axes: across, then up."""
    names: tuple[str, ...]
    """The same as `sweep` names them, with dots."""
    values: tuple[tuple, ...]
    """The values of each."""
    labels: tuple[str, ...]
    """The policies as the table calls them; the first is the baseline."""
    about: str | None
    """The policy that the map is about; None where it asks which is fastest, or draws a line for each."""
    runs: int
    """Of each policy in each cell."""
    workload: Workload
    """What all cells have in common."""
    policies: tuple[Policy, ...] = ()
    """In the order of their labels; none where nothing but their figures is wanted."""

    @property
    def titles(self) -> list[str]:
        """The axes as people read them."""
        return [PARAMETERS[key].label for key in self.keys]

    @property
    def colors(self) -> dict[str, str]:
        """The colour of each policy."""
        return dict(zip(self.labels, charts.POLICY_COLORS, strict=False))


@dataclass(frozen=True, kw_only=True)
class MapAnswer:
    """Everything that the page shows of a map."""

    table: pd.DataFrame
    cells: pa.Table
    """The same, to show."""
    refusals: list[str]
    drawn: Drawn | None
    """Its title is the headline; None where every cell is refused."""
    caption: str


def nothing(table: pd.DataFrame) -> MapAnswer:
    """A map of which every cell is refused, or none is done."""
    refusals = map_report.refusals(table) if len(table) else []
    return MapAnswer(table=table, cells=tabled(table), refusals=refusals, drawn=None, caption="")


def map_answer(table: pd.DataFrame, asked: Asked) -> MapAnswer:
    """The answer that these rows give."""
    if table.empty or not (table["refused"] == "").any():
        return nothing(table)
    answer = lines(table, asked) if len(asked.keys) == 1 else grid(table, asked)
    if asked.question.column not in ("", "speedup"):
        return answer
    cells = table[list(asked.names)].drop_duplicates().to_dict("records")
    warning = map_report.rare_hiccups(asked.workload, cells, asked.runs)
    return replace(answer, caption=f"{warning} {answer.caption}".strip())


def lines(table: pd.DataFrame, asked: Asked) -> MapAnswer:
    """A line a policy; with throughput over workers, the ideal too."""
    question = asked.question if asked.question.column else SPEEDUP
    (name,) = asked.names
    rows = pd.concat(answers(table, question, policy) for policy in asked.labels)
    words, caption = (
        map_report.lines_headline(table, question, name, asked.keys[0]),
        map_report.bands_in_words(question, asked.runs, len(asked.labels)),
    )
    headline, ideal = where_it_turns(rows, asked) or words, None
    if not asked.question.column:
        headline = map_report.fastest_headline(table, asked.names)
    elif question.column == "throughput" and name == "workers" and (ideal := ideal_scaling(table)):
        headline = map_report.scaling_headline(table, ideal)
        caption = f"{caption} {map_report.ideal_in_words(ideal)}"
    if question.column == "bandwidth_gbps" and (anything := rows["value"].map(is_any)).any():
        rows = rows[~anything]
        caption = f"{caption} Where any bandwidth is enough, nothing is drawn."
    saving = checkpoints(table, asked)
    if saving:
        caption = f"{caption} {map_report.checkpoints_in_words(saving)}"
    chart = charts.lines(
        rows.rename(columns={name: "x", "value": "middle"})[["policy", "x", "middle", "low", "high"]].dropna(
            subset=["middle"]
        ),
        asked.titles[0],
        f"{question.label} ({question.unit})",
        asked.colors,
        level=1.0 if question.unit == "×" else None,
        ideal=dashed(table, ideal) if ideal else saving.line if saving else None,
        upright=(saving.best, "Young") if saving else None,
    )
    return MapAnswer(
        table=table,
        cells=tabled(table),
        refusals=map_report.refusals(table),
        drawn=Drawn(title=headline, chart=ready(chart), words=f"Lines over {name}. {words}"),
        caption=caption,
    )


def where_it_turns(rows: pd.DataFrame, asked: Asked) -> str:
    """Of speed-ups of one policy, from where on it is faster, if that changes once; else empty."""
    if asked.question.column != "speedup" or len(asked.labels) != 2:
        return ""
    baseline, policy = asked.labels
    mine = rows[rows["policy"] == policy]
    mine = mine.assign(v0=mine[asked.names[0]], v1=0)
    said = map_report.speedup_headline(mine, policy, baseline, asked.keys)
    return said if map_report.from_where_on(mine, asked.keys) else ""


def dashed(table: pd.DataFrame, ideal: Ideal) -> dict:
    """The line of ideal scaling, at each number of workers that has figures."""
    workers = np.unique(table.loc[table["refused"] == "", "workers"].to_numpy())
    return {"x": workers, "ideal": ideal.line(workers)}


def checkpoints(table: pd.DataFrame, asked: Asked) -> Checkpoints | None:
    """What theory says of epoch times over the distance of checkpoints; None on any other map."""
    failures = asked.workload.failures
    saves = [p for p in asked.policies if p.has_barrier and not p.goes_on_without(failures.recovery)]
    here = asked.names == ("failures.checkpoint_batches",) and asked.question.column == "epoch_ms"
    if not here or not saves or not failures.any or not failures.checkpoint_ms:
        return None
    scenario = under(asked.workload.without_failures, saves[0])
    runs = max(1, min(HEALTHY_RUNS, MOST_HEALTHY // scenario.work))
    without_ms = float(replicate(scenario, runs)["epoch_ms"].mean())
    rows = table[(table["policy"] == asked.labels[asked.policies.index(saves[0])]) & (table["refused"] == "")]
    return checkpoints_beside(rows, under(asked.workload, saves[0]), without_ms) if len(rows) else None


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The cells of a map, and what their colours and marks mean."""

    headline: str
    rows: pd.DataFrame
    """A row a cell: its parameters, shown (what is coloured), mark, said (what it says), and the columns of the
    tooltip."""
    coloring: charts.Coloring
    tooltip: list[tuple[str, str, str]]
    """Field, title and format."""
    edges: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["x", "y", "x2", "y2"]))
    """The line of break-even."""
    caption: str = ""


def grid(table: pd.DataFrame, asked: Asked) -> MapAnswer:
    """A heatmap; of speed-ups with the break-even line. Cells that are not decided are marked."""
    if asked.about is None:
        cells = fastest_cells(table, asked)
    elif asked.question.column == "speedup":
        cells = speedup_cells(table, asked, asked.about)
    else:
        cells = amount_cells(table, asked, asked.about)
    titles, rows = asked.titles, cells.rows
    places = [(f"v{i}:Q", title, charts.PLAIN) for i, title in enumerate(titles)]
    chart = charts.heatmap(rows, titles, asked.values, cells.coloring, [*places, *cells.tooltip], cells.edges)
    row_by_row = map_report.map_in_words(rows["said"], rows["v1"], titles[1]) if "said" in rows else ""
    return MapAnswer(
        table=table,
        cells=tabled(table),
        refusals=map_report.refusals(table),
        drawn=Drawn(
            title=cells.headline,
            chart=ready(chart),
            words=f"Map of {asked.question.label.lower()} over {titles[0]} and {titles[1]}. {cells.headline} "
            f"{row_by_row}".strip(),
        ),
        caption=cells.caption,
    )


def placed(rows: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """The rows of cells with their places on the axes, x and y, the values there, v0 and v1, and their marks."""
    (across, up), (across_values, up_values) = asked.names, asked.values
    return rows.assign(
        x=rows[across].map(list(across_values).index),
        y=rows[up].map(list(up_values).index),
        v0=rows[across],
        v1=rows[up],
        mark=[map_report.MARKS.get(outcome, "") for outcome in rows["outcome"]],
    )


def fastest_cells(table: pd.DataFrame, asked: Asked) -> Cells:
    """Which policy is fastest where, where some tie, and where it is open."""
    best = winners(table, asked.names)
    undecided = {"equal": map_report.TIE, "open": map_report.OPEN}
    shown = [undecided.get(row.outcome, row.policy) for row in best.itertuples()]
    said = [map_report.who_is_fastest(row.outcome, row.level) for row in best.itertuples()]
    called = [label for label in (*asked.labels, *undecided.values()) if label in shown]
    return Cells(
        headline=map_report.fastest_headline(table, asked.names),
        rows=placed(best.assign(shown=shown, said=said), asked),
        coloring=charts.winners(called, asked.colors, tuple(undecided.values())),
        tooltip=[
            ("said:N", "Fastest", ""),
            ("policy:N", "Quickest on average", ""),
            ("lead:Q", "Its lead over the next (×)", ".3f"),
            ("lead_low:Q", "From (×)", ".3f"),
            ("lead_high:Q", "To (×)", ".3f"),
        ],
        caption=map_report.marks_in_words(set(best["outcome"])),
    )


def speedup_cells(table: pd.DataFrame, asked: Asked, policy: str) -> Cells:
    """Where a policy is faster than the baseline, with the line of break-even."""
    baseline, rows = asked.labels[0], answers(table, asked.question, policy)
    said = [map_report.verdict_in_words(row.outcome, row.value) for row in rows.itertuples()]
    rows = placed(rows.assign(shown=rows["value"].where(rows["outcome"] != "equal", 1.0), said=said), asked)
    title = f"Speed-up over {lowered(baseline)} (×)"
    across, up = (range(len(values)) for values in asked.values)
    ratios = rows.pivot(index="y", columns="x", values="value").reindex(index=up, columns=across)
    edges = break_even(ratios.to_numpy())
    return Cells(
        headline=map_report.speedup_headline(rows, policy, baseline, asked.keys),
        rows=rows,
        coloring=charts.speedups(asked.colors[baseline], asked.colors[policy], title),
        tooltip=[("said:N", policy, ""), *amounts_in_tooltip(asked.question)],
        edges=edges,
        caption=" ".join(
            filter(
                None,
                (
                    BREAK_EVEN if len(edges) else "",
                    map_report.break_even_in_words(rows, asked.titles) if len(asked.values[1]) <= FEW_ROWS else "",
                    map_report.marks_in_words(set(rows["outcome"])),
                ),
            )
        ),
    )


def amount_cells(table: pd.DataFrame, asked: Asked, policy: str) -> Cells:
    """How much of something there is under a policy."""
    question, rows = asked.question, placed(answers(table, asked.question, policy), asked)
    return Cells(
        headline=map_report.amount_headline(rows, question, policy),
        rows=rows.assign(shown=rows["value"]),
        coloring=charts.amounts(f"{question.label} ({question.unit})", rows["value"]),
        tooltip=amounts_in_tooltip(question),
        caption=of_the_ends(asked.runs),
    )


def of_the_ends(runs: int) -> str:
    """What low and high are, where cells have them; empty for a single run."""
    return (
        f"Means; in tooltips and in the table, {map_report.most_of(runs)} lie between low and high." if runs > 1 else ""
    )


def amounts_in_tooltip(question: Question) -> list[tuple[str, str, str]]:
    """The value of a cell, and between which values the runs lie, or of a speed-up its interval."""
    return [
        (f"{name}:Q", f"{title} ({question.unit})", charts.PLAIN)
        for name, title in (("value", question.label), ("low", "Low"), ("high", "High"))
    ]


def place_in_words(cell: dict, asked: Asked, between: str = "  \n") -> str:
    """The values of a cell on the axes, a line for each or with something else between."""
    return between.join(f"{title}: **{value:,.10g}**" for title, value in zip(asked.titles, cell.values(), strict=True))


def picked_in_words(table: pd.DataFrame, cell: dict, asked: Asked) -> str:
    """What the cell that is picked says, of the policies that the map is about."""
    policies = asked.labels
    if asked.about is not None and asked.question.column != "time_to_target_ms":
        policies = (asked.labels[0], asked.about) if asked.question.column == "speedup" else (asked.about,)
    return map_report.cell_in_words(table, cell, asked.question, policies, asked.runs)
