"""Tables with a column per worker: which columns look alike, and the same times with a row each."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.traces.tables.cells import plain
from core.traces.tables.headings import OWN_TIMES, STEP, meaning, split_unit, tokens

WORKER = r"(?:rank|worker|gpu|device|node|host|process|proc|npu|machine|server|replica|trainer|pod|card|[wrgn])"
ONE = rf"(?<![a-z]){WORKER}(?:[ _.:#='\"-]*\d+|\[\d+\]|\(\d+\))"
WORKERS = re.compile(rf"(?:global|local)?[ _-]*{ONE}(?:[ _./:-]*{ONE})*", re.IGNORECASE)
EDGES = " _-.:/|"
NOT_WORKERS = {"statistic", "rate", "quality", "size", "part", "epoch", "clock", "start", "end", "attempt", "other"}


MANY, FEWEST_STEPS = 4, 8  # times as many columns as rows, and so many at least: then columns are steps
STEP_NAME = re.compile(r"(?:step|iteration|iter|it|batch)[ _.#:-]*(\d{1,9})", re.IGNORECASE)


@dataclass(frozen=True)
class Cell:
    """What the name of a column in a wide table says."""

    worker: str
    """Or the number of the step, where a step has a column."""
    measure: str
    """The rest of the name, with its unit: "" or "ms" or "step_time (s)"."""


def are_rows_workers(rows: int, columns: int) -> bool:
    """Whether a matrix has a row per worker, by its shape: few rows and many columns, since runs have many steps."""
    return columns >= max(MANY * rows, FEWEST_STEPS)


def in_order(names: list[str]) -> bool:
    """Whether names are 0, 1, 2 or 1, 2, 3."""
    return names in ([*map(str, range(at, at + len(names)))] for at in (0, 1))


def alike(names: list[str]) -> dict[str, Cell]:
    """The columns that are one worker's each, by name: those whose names differ in the worker alone.

    rank0_ms and rank1_ms; "w0 step_time" and "w1 step_time"; "rank-0 - step_time", as W&B exports; 0, 1, 2; a_ms and
    b_ms; dgx01 and dgx02.
    """
    found = {name: cell for name in names if (cell := named(name))}
    rest = [name for name in names if name not in found and not is_other(name, names)]
    return found | numbered(rest) or lettered(rest)


def begun_and_ended(names: list[str]) -> dict[str, Cell]:
    """The columns that say when a worker's step, or a phase of it, began and ended, where every worker has both.

    rank0_start and rank0_end; start_0 and end_0; "gpu 1 fwd_start (s)".
    """
    found = {name: cell for name in names if (cell := named(name) or one_number(name)) and moment_of(cell)}
    both: dict[str, set[str]] = {}
    for cell in found.values():
        both.setdefault(cell.worker, set()).add(moment_of(cell))
    return found if all(moments == {"start", "end"} for moments in both.values()) else {}


def one_number(name: str) -> Cell | None:
    """The worker and the measure of a name that has one number in it, such as start_0."""
    heading, unit = split_unit(name)
    numbers = re.findall(r"\d+", heading or "")
    bare = re.sub(r"[\[(]?\d+[\])]?", " ", heading or "").strip(EDGES)
    return Cell(numbers[0], f"{bare} ({unit})" if unit else bare) if len(numbers) == 1 and bare else None


def moment_of(cell: Cell) -> str:
    """Whether a column says when something began or ended: start, end, or nothing."""
    role = meaning(cell.measure).role
    return role if role in ("start", "end") else ""


def a_column_per_step(names: list[str]) -> dict[str, Cell]:
    """The columns that are one step's each, in a table with a row per worker: step1, step2; or 1, 2, 3."""
    found = {}
    for name in names:
        heading, unit = split_unit(name)
        number = re.fullmatch(r"(?:step|iteration|iter|it|batch|s)?[ _.#-]*(\d{1,9})", heading or "", re.IGNORECASE)
        if number:
            found[name] = Cell(number[1], unit)
    return found if len(found) > 1 and len({cell.measure for cell in found.values()}) == 1 else {}


def is_other(name: str, names: list[str]) -> bool:
    """Whether a column is no worker's by its name; p50 is a percentile, unless there is a p49 or p51."""
    if re.fullmatch(r"p\d{1,6}", split_unit(name)[0] or "", re.IGNORECASE):
        numbers = [int(found[1]) for each in names if (found := re.match(r"p(\d{1,6})", each, re.IGNORECASE))]
        place = int(re.findall(r"\d+", name)[0])
        return place - 1 not in numbers and place + 1 not in numbers
    return meaning(name).role in NOT_WORKERS


def named(name: str) -> Cell | None:
    """The worker and the measure of a name that names both, such as "rank-0 - step_time"."""
    run, dash, measure = plain(name).rpartition(" - ")
    if dash and run:
        return Cell(run, measure)
    found = WORKERS.search(plain(name))
    if not found:
        return None
    rest = f"{plain(name)[: found.start()]} {plain(name)[found.end() :]}"
    worker = re.sub(r"[='\"]+", " ", found[0]).strip(EDGES + "[]()")
    return Cell(worker, re.sub(r"[(\[{][\s'\"]*[)\]}]", "", rest).strip(EDGES))


def numbered(names: list[str]) -> dict[str, Cell]:
    """The columns whose names differ in numbers alone, where there are two or more of a kind."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        if re.search(r"\d", name):
            kinds.setdefault(re.sub(r"\d+", "#", plain(name)), []).append(name)
    found = {}
    for kind, members in kinds.items():
        bare = kind.replace("#", " ")
        role = meaning(bare).role
        if len(members) < 2 or role in NOT_WORKERS or set(tokens(bare)) & STEP:
            continue
        for name in members:
            if role in OWN_TIMES:
                found[name] = Cell(" ".join(re.findall(r"\d+", name)), bare.strip(EDGES))
            else:
                host, unit = split_unit(name)
                found[name] = Cell((host or name).strip(EDGES), unit)
    return found


def lettered(names: list[str]) -> dict[str, Cell]:
    """The columns that are called by one letter each, or by names with one word of several that differs."""
    parts = {name: split_unit(name) for name in names}
    hosts = {name: (host or "").strip(EDGES) for name, (host, _) in parts.items()}
    split = [re.split(r"[ _.:-]+", host) for host in hosts.values()]
    one_letter = all(len(host) == 1 for host in hosts.values())
    same_length = len({len(words) for words in split}) == 1 and len(split) > 1
    differ = sum(len(set(words)) > 1 for words in zip(*split, strict=False)) if same_length else 0
    if len(names) > 1 and (one_letter or (differ == 1 and len(split[0]) > 1)):
        return {name: Cell(hosts[name], parts[name][1]) for name in names}
    return {}


def melted(table: pd.DataFrame, cells: dict[str, Cell], key: str, others: list[str]) -> pd.DataFrame:
    """A row for each worker (in the column `key`) and row of the table, a column for each measure; others repeated."""
    workers = list(dict.fromkeys(cell.worker for cell in cells.values()))
    place = {(cell.worker, cell.measure): name for name, cell in cells.items()}
    measures = list(dict.fromkeys(cell.measure for cell in cells.values()))
    missing = pd.Series(pd.NA, table.index, dtype=object)
    columns = {name: [table[name]] * len(workers) for name in others}
    for measure in measures:
        names = [place.get((worker, measure)) for worker in workers]
        columns[measure] = [missing if name is None else table[name] for name in names]
    of_worker = np.repeat(np.array(workers, dtype=object), len(table))
    return pd.DataFrame({key: of_worker} | {name: pd.concat(series) for name, series in columns.items()})
