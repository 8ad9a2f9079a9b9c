"""Columns without a heading that says something: what they are by their numbers alone."""

import json
from collections.abc import Collection

import numpy as np
import pandas as pd

from core.common.validation import MAX_WORKERS
from core.traces.files import rank_in
from core.traces.tables.cells import missing
from core.traces.tables.corrections import ROLES
from core.traces.tables.delimited import INDEX
from core.traces.tables.draft import Draft
from core.traces.tables.headings import Meaning, split_unit
from core.traces.tables.naming import called, is_unnamed, some
from core.traces.tables.times import since_1970
from core.traces.tables.wide import Cell, are_rows_workers, in_order

APART = 3.0  # times the smallest, the largest of the medians of columns that are one worker's each
FEWER = 2  # times as many steps as workers, so that either can be told from the other
FEWEST_ROWS = 4
FEWEST_ALIKE = 3  # columns of times, so that whole numbers among them are no worker and no step
MOST_BAD = 0.1  # of the fields of a column that says who or when
MOST_GAPS = 0.1  # of the pairs of worker and step
TRANSPOSE = "transpose the table (times.T in NumPy and pandas)"
WORKER = "worker"  # the column of workers, where rows are not numbered
WHO = ("rank", "local", "place", "pid", "stage", "dp", "tp", "ep", "step", "epoch")


def by_numbers(draft: Draft) -> dict[str, Cell] | None:
    """What columns without headings are, put into the draft, and those that are one worker's times each.

    None where columns have headings, or somebody said what they are; the columns of one step each where rows are the
    workers, whose column is then in the draft.

    Whole numbers that grow row by row number the steps; of two columns whose pairs all differ the one with far fewer
    values names the worker; the rest is times. ScenarioError, with what to do, where that leaves any doubt.
    """
    if not is_unnamed(draft.table.columns):
        is_matrix = is_numbered_matrix(draft)
        if is_matrix and (steps := rows_as_workers(draft, list(draft.table))):
            return steps
        keys_by_numbers(draft)
        if is_matrix and not draft.with_role(*WHO):
            say_workers(draft)
        return None
    asked = {name for names in draft.asked.columns.values() for name in names}
    if draft.asked["time"] or draft.asked["compute"] or draft.asked["workers"]:
        return None
    clocks = [name for name in draft.table if draft.is_numeric(name) and since_1970(draft.numbers(name)[0].dropna())]
    names = [name for name in draft.table if name not in asked and name not in clocks]
    for name in clocks:
        draft.meanings[name] = Meaning("clock")
    if steps := rows_as_workers(draft, names):
        return steps
    keys = [name for name in names[:-1] if is_key(draft, name)]
    if len(keys) > 1 and all(grows(draft, name) for name in keys) and same_size(draft, names):
        keys = []
    keys = without_times(draft, keys, names)
    times = [name for name in names if name not in keys and draft.is_numeric(name)]
    if len(draft.table) < FEWEST_ROWS and len(names) > 1 and not asked:
        raise draft.refused(no_header(draft))
    if len(keys) == 2 and len(times) == 1 and len(names) == 3:
        found = worker_and_step(draft, *keys) or None
    elif len(keys) == 1:
        found = {keys[0]: "step" if grows(draft, keys[0]) else "rank"}
    else:
        found = {} if not keys else None
    unclear = "rank" not in (found or {}).values() and len(names) > len(keys) + len(times)
    if (
        found is None
        or unclear
        or not times
        or (len(times) > 1 and ("rank" in found.values() or not same_size(draft, times)))
    ):
        raise draft.refused(no_header(draft))
    take(draft, found)
    if len(times) == 1:
        draft.meanings[times[0]] = Meaning("whole", strength=3)
        said = [
            f"{some([name])} {'names the worker' if role == 'rank' else 'numbers the steps'}"
            for name, role in found.items()
        ]
        draft.say(f"no headings; by their numbers, {'; '.join([*said, f'{some(times)} is the time'])}.")
        return {}
    if draft.asked["worker"]:
        draft.say(f"no headings; {some(times)} are alike and are read as one step each, step 0 first.")
        return {name: Cell(str(place), "") for place, name in enumerate(times)}
    draft.say(
        f"no headings; {some(times)} are alike and are read as one worker each, worker 0 first. If each row is a "
        f"worker, {TRANSPOSE}."
    )
    return {name: Cell(str(place), "") for place, name in enumerate(times)}


def is_numbered_matrix(draft: Draft) -> bool:
    """Whether headings are 0, 1, 2 and so on, beside an index at the most: they may be workers or steps."""
    if any(draft.asked[role] for role in ROLES) or draft.with_role(*WHO):
        return False
    names = [split_unit(name)[0] or "" for name in draft.table if name != INDEX]
    return len(names) > 1 and in_order(names) and (INDEX not in draft.table or counts_up(draft, INDEX))


def say_workers(draft: Draft) -> None:
    """Note that columns whose headings are numbers are taken for workers, and how to say that they are steps."""
    names = [name for name in draft.table if name != INDEX]
    how = f'say columns={{"worker": "{INDEX}"}}' if INDEX in draft.table else TRANSPOSE
    draft.say(f"its columns {some(names)} are read as workers and its rows as steps. If each row is a worker, {how}.")


def rows_as_workers(draft: Draft, names: list[str]) -> dict[str, Cell]:
    """The columns as one step's each, with a column that numbers the workers in the draft; none for another table.

    Args:
        draft: the table.
        names: its columns, of which the first may number the rows.

    """
    if draft.asked["step"] or draft.asked["worker"] or not all(map(draft.is_numeric, names)):
        return {}
    own = names[:1] if names and counts_up(draft, names[0]) else []
    times, rows = names[len(own) :], len(draft.table)
    if not are_rows_workers(rows, len(times)) or not alike_in_rows(draft, times):
        return {}
    units = {draft.numbers(name)[1] for name in times}
    if len(units) > 1:
        return {}
    if not own and rows > 1:
        own = [WORKER]
        draft.table = pd.concat([draft.table, pd.Series(range(rows), draft.table.index, name=WORKER)], axis=1)
    for name in own:
        draft.meanings[name] = Meaning("rank")
        draft.guessed.add(name)
    other = f'say columns={{"step": "{own[0]}"}}' if own and own[0] in draft.columns_of_file else TRANSPOSE
    if rows == 1:
        draft.say(f"its one row is read as one worker's times for {len(times):,} steps.")
    else:
        draft.say(
            f"its {rows:,} rows are read as workers and its {len(times):,} columns of times as steps, since a run has "
            f"many more steps than workers. If each column is a worker, {other}."
        )
    unit, unnamed = units.pop(), is_unnamed(times)
    return {name: Cell(str(at) if unnamed else split_unit(name)[0] or name, unit) for at, name in enumerate(times)}


def counts_up(draft: Draft, name: str) -> bool:
    """Whether a column numbers two rows or more: 0, 1, 2 or 1, 2, 3."""
    if not draft.is_numeric(name):
        return False
    values = draft.numbers(name)[0].to_numpy()
    return len(values) > 1 and values[0] in (0, 1) and bool((np.diff(values) == 1).all())


def alike_in_rows(draft: Draft, times: list[str]) -> bool:
    """Whether rows hold times of about the same length, and nearly all columns do, too: a first step may be slow."""
    values = np.column_stack([draft.numbers(name)[0].to_numpy() for name in times])
    if np.isnan(values).mean() > MOST_GAPS or np.isnan(values).all(axis=1).any():
        return False
    rows, usual = np.nanmedian(values, axis=1), np.nanmedian(values)
    near = (values >= usual / APART) & (values <= APART * usual)
    return bool(rows.min() > 0 and rows.max() <= APART * rows.min() and near.mean() >= 1 - MOST_BAD)


def no_header(draft: Draft) -> str:
    """That there are no headings, and what to do."""
    first = draft.table.iloc[0].astype("str").tolist()
    return (
        f"has no header: its first row, {some(first)}, is like the others. Put names above the columns, such as "
        'worker,step,compute_ms, or say which is which: columns={"worker": "column 1", "step": "column 2", "time": '
        '"column 3"}'
    )


def keys_by_numbers(draft: Draft) -> None:
    """Columns that no heading explains as worker and step, where no other says them and their pairs all differ."""
    if draft.with_role(*WHO) or draft.asked["worker"] or draft.asked["step"] or len(draft.table) < FEWEST_ROWS:
        return
    left = [name for name, each in draft.meanings.items() if not each.role and not each.unit and is_key(draft, name)]
    times = [name for name in draft.table if name not in left and draft.is_numeric(name)]
    found = worker_and_step(draft, *left) if len(left) == 2 and times else {}
    if found is None:
        raise draft.refused(
            f"{some(left)} seem to say worker and step, but not which is which; say it, as in "
            f'columns={{"worker": "{left[0][:40]}", "step": "{left[1][:40]}"}}'
        )
    take(draft, found)
    if found:
        who, when = sorted(found, key=lambda name: found[name] != "rank")
        draft.say(f"by their values, {some([who])} names the worker and {some([when])} numbers the steps.")


def take(draft: Draft, found: dict[str, str]) -> None:
    """Note what columns were found to be."""
    for name, role in found.items():
        draft.meanings[name] = Meaning(role)
        draft.guessed.add(name)


def without_times(draft: Draft, keys: list[str], names: list[str]) -> list[str]:
    """The keys without columns that are times in whole numbers, some of which come again: as large as all others."""
    if len(keys) == 2 and worker_and_step(draft, *keys):
        return keys
    likely = [
        name for name in keys if draft.is_numeric(name) and not grows(draft, name) and not from_start(draft, name)
    ]
    others = [name for name in names if name not in keys]
    if len(likely) + len(others) < FEWEST_ALIKE or not all(map(draft.is_numeric, others)):
        return keys
    return [name for name in keys if name not in likely] if same_size(draft, likely + others) else keys


def from_start(draft: Draft, name: str) -> bool:
    """Whether the values of a column are 0, 1, 2 or 1, 2, 3, in any order and as often as they like."""
    values = np.unique(draft.numbers(name)[0].dropna().to_numpy())
    return len(values) > 0 and values[0] in (0, 1) and bool((np.diff(values) == 1).all())


def worker_and_step(draft: Draft, first: str, second: str) -> dict[str, str] | None:
    """Which of two columns names the worker and which the step; nothing where they do neither, None in doubt."""
    good = is_said(draft, first) & is_said(draft, second)
    pairs = draft.table.loc[good.to_numpy(), [first, second]].astype("str")
    counts = {name: pairs[name].nunique() for name in (first, second)}
    cells = counts[first] * counts[second]
    if pairs.duplicated().any() or min(counts.values()) < 2 or len(pairs) < (1 - MOST_GAPS) * cells:
        return {}
    texts = [name for name in (first, second) if not draft.is_numeric(name)]
    few, many = sorted(counts, key=lambda name: counts[name])
    if len(texts) == 1:
        few, many = texts[0], next(name for name in counts if name != texts[0])
    elif counts[many] < FEWER * counts[few]:
        return None
    return {few: "rank", many: "step"}


def is_key(draft: Draft, name: str) -> bool:
    """Whether a column may say who or when: whole numbers or texts that come again, or that grow evenly."""
    good = is_said(draft, name)
    if not len(good) or (~good).mean() > MOST_BAD:
        return False
    values = draft.numbers(name)[0] if draft.is_numeric(name) else draft.table[name]
    return values[good].nunique() <= good.sum() / 2 or (draft.is_numeric(name) and grows(draft, name))


def is_said(draft: Draft, name: str) -> pd.Series:
    """Which fields of a column may say who or when: whole numbers, or texts where most are no numbers."""
    if not draft.is_numeric(name):
        return ~missing(draft.table[name])
    values = draft.numbers(name)[0]
    return (values % 1 == 0) & (values >= 0) & (values < 2**53)


def refuse_unexplained(draft: Draft, times: Collection[str]) -> None:
    """ScenarioError where nothing says which worker rows are of, and a column that was not understood looks like it."""
    if rank_in(draft.file) is not None or len(draft.table) < FEWEST_ROWS:
        return
    for name, said in draft.meanings.items():
        counts = draft.table[name].value_counts()
        even = 1 < len(counts) <= MAX_WORKERS and counts.max() <= (1 + MOST_GAPS) * counts.median()
        if not said.role and name not in times and even and is_key(draft, name):
            raise draft.refused(
                f"no column says which worker a row is of, but {called(name)} may: each of its {len(counts):,} values "
                f'comes equally often. Say what it is, as in columns={{"worker": {json.dumps(name[:60])}}} or '
                f'{{"ignore": {json.dumps(name[:60])}}}'
            )


def grows(draft: Draft, name: str) -> bool:
    """Whether a column grows by the same from row to row."""
    values = draft.numbers(name)[0].to_numpy() if draft.is_numeric(name) else np.empty(0)
    ahead = np.diff(values)
    return len(ahead) > 0 and bool((ahead == ahead[0]).all() and ahead[0] > 0)


def same_size(draft: Draft, names: list[str]) -> bool:
    """Whether columns hold times of about the same length."""
    usual = pd.Series([draft.numbers(name)[0].median() for name in names])
    return bool(usual.min() > 0 and usual.max() <= APART * usual.min())
