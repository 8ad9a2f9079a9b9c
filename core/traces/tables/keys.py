"""Which worker and which step a row of a table is about."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from core.common.validation import MAX_WORKERS
from core.traces.files import rank_in
from core.traces.tables.cells import missing
from core.traces.tables.draft import Draft
from core.traces.tables.headings import STATISTIC, words
from core.traces.tables.naming import called, some
from core.traces.tables.wide import named

STATISTICS = STATISTIC | words("all sum total overall p50 p90 p95 p99 25% 50% 75%")
MOST_BAD = 0.1  # of the rows of a table whose workers have numbers
ADVICE = 'say which counts, as in columns={"worker": "rank"}'


def add_keys(draft: Draft) -> pd.DataFrame:
    """The worker, step and epoch of each row, as far as the table knows them; rows without them are left out."""
    parts = draft.with_role("label", "part", "attempt")
    candidates = [(worker, step) for worker in workers(draft) for step in steps(draft, worker)]
    for more in ([], parts):
        for worker, step in candidates:
            if not step or not repeated(draft, [*worker, *step, *more]).any():
                return labelled(draft, worker, step)
    likeliest = [each for each in candidates if each[0] == candidates[0][0]]
    return labelled(draft, *min(likeliest, key=lambda each: repeated(draft, [*each[0], *each[1]]).sum()))


def repeated(draft: Draft, names: list[str]) -> pd.Series:
    """Which rows have the same in these columns as one before."""
    there = ~pd.concat([missing(draft.table[name]) for name in names], axis=1).any(axis=1)
    return draft.table[names].duplicated() & there


def workers(draft: Draft) -> Iterator[list[str]]:
    """Columns that may name a worker together, the likeliest first."""
    if draft.asked["worker"]:
        yield list(draft.asked["worker"])
        return
    rank = one_rank(draft)
    place, local, pid = (those_that_differ(draft, role) for role in ("place", "local", "pid"))
    if rank:
        several = place and (draft.table.groupby(rank)[place[0]].nunique() > 1).any()
        if not (several and not draft.with_role("step", "epoch")):
            yield rank
        if place:
            yield place + rank
        if local:
            yield rank + local
            yield place + rank + local
    elif local:
        yield place + local
    elif place:
        yield place
        if pid:
            yield place + pid
    elif pid:
        yield pid
    elif labels := [name for name in draft.with_role("label") if are_workers(draft, name)]:
        yield labels[:1]
    elif runs := [name for name in draft.with_role("attempt") if names_runs(draft, name)]:
        yield runs[:1]
    else:
        yield draft.with_role("stage", "dp", "tp", "ep")


def names_runs(draft: Draft, name: str) -> bool:
    """Whether a column names runs, as experiment trackers do: each worker's is one."""
    return not draft.is_numeric(name) and 1 < draft.table[name].nunique() <= MAX_WORKERS


def are_workers(draft: Draft, name: str) -> bool:
    """Whether a column of labels holds names such as rank0 and rank1."""
    labels = draft.table[name].dropna().astype("str").unique().tolist()
    return 1 < len(labels) <= MAX_WORKERS and all((cell := named(label)) and not cell.measure for label in labels)


def those_that_differ(draft: Draft, role: str) -> list[str]:
    """The column of a role; none where it is the same in all rows of a file whose name says which worker it is."""
    named = rank_in(draft.file) is not None
    return [name for name in draft.with_role(role)[:1] if not named or draft.table[name].nunique() > 1]


def one_rank(draft: Draft) -> list[str]:
    """The column of ranks; ScenarioError where two differ and neither says more."""
    ranks = draft.with_role("rank")
    if len(ranks) > 1 and draft.meanings[ranks[0]].strength == draft.meanings[ranks[1]].strength:
        first, second = (draft.table[name].astype("str") for name in ranks[:2])
        pairs = pd.DataFrame({"first": first, "second": second}).drop_duplicates()
        one_to_one = pairs["first"].is_unique and pairs["second"].is_unique
        numeric = [name for name in ranks[:2] if draft.is_numeric(name)]
        if not (one_to_one and (len(numeric) == 1 or (first == second).all())):
            raise draft.refused(f"{called(ranks[0])} and {called(ranks[1])} are both columns of worker; {ADVICE}")
        return numeric[:1]
    return ranks[:1]


def steps(draft: Draft, worker: list[str]) -> Iterator[list[str]]:
    """Columns that may number the steps together, the likeliest first; none: the order of the rows."""
    if draft.asked["step"]:
        yield list(draft.asked["step"])
        return
    epochs = [name for name in draft.with_role("epoch") if draft.whole_numbers(name) is not None]
    numbered = draft.with_role("step")
    for name in numbered:
        yield [name]
    for name in numbered:
        for epoch in epochs[:1]:
            yield [epoch, name]
    if not numbered:
        yield from ([epoch] for epoch in epochs[:1])
        if not epochs:
            yield from ([name] for name in fallback_steps(draft) if counts_steps(draft, name, worker))
            yield []


def fallback_steps(draft: Draft) -> list[str]:
    """Columns that may number the steps although their headings do not say so: time, idx, or a word that is unknown."""
    weak = [
        name for name in draft.with_role("whole") if draft.meanings[name].strength == 1 and not unit_of(draft, name)
    ]
    timed = [
        *draft.with_role("whole", "compute", "core"),
        *(name for name in draft.with_role("") if unit_of(draft, name)),
    ]
    return [*weak, *draft.with_role("other", "")] if len(timed) > len(weak) else []


def unit_of(draft: Draft, name: str) -> str:
    """The unit of a column, if heading or fields say one."""
    return draft.meanings[name].unit or draft.numbers(name)[1]


def counts_steps(draft: Draft, name: str, worker: list[str]) -> bool:
    """Whether a column holds whole numbers that grow on each worker and are the same on most of them."""
    values = draft.whole_numbers(name)
    if values is None or not worker or draft.numbers(name)[1]:
        return False
    keys = draft.table[worker].astype("str").agg(" ".join, axis=1) if len(worker) > 1 else draft.table[worker[0]]
    grows = values.groupby(keys).diff().dropna().gt(0).all()
    shared = keys.groupby(values).nunique()
    return bool(grows) and keys.nunique() > 1 and shared.median() > keys.nunique() / 2


def labelled(draft: Draft, worker: list[str], step: list[str]) -> pd.DataFrame:
    """The worker and step of every row from these columns; rows without them, and rows of statistics, left out."""
    for name in step:
        keep_whole(draft, name)
    if worker:
        there = ~pd.concat([missing(draft.table[name].replace(np.inf, np.nan)) for name in worker], axis=1).any(axis=1)
        draft.keep(there, "worker", lambda at: f"{draft.where(at)} has no worker")
    if len(worker) == 1 and draft.meanings[worker[0]].role in ("rank", "local", "place"):
        keep_numbered(draft, worker[0])
    keys = pd.DataFrame(index=draft.table.index)
    if worker:
        keys["worker"] = worker_names(draft, worker)
    if step:
        keys["step"] = draft.numbers(step[-1])[0].astype(np.int64)
    stage = draft.with_role("stage")
    if stage and stage[0] not in draft.asked["worker"]:
        keys["stage"] = draft.table[stage[0]].astype("str").str.strip()
        draft.take(stage[0], "stage", why="workers of a stage are peers")
    if len(step) > 1:
        keys["epoch"] = draft.numbers(step[0])[0].astype(np.int64)
    say_keys(draft, worker, step)
    return keys


def leave_out_statistics(draft: Draft) -> None:
    """Leave out rows that are called mean or max where others have the name of a worker, or a number."""
    for name in draft.with_role("rank", "place", "local", "other"):
        if not pd.api.types.is_numeric_dtype(draft.table[name]):
            kind = draft.table[name].astype("str").str.strip().str.lower().isin(STATISTICS)
            draft.keep(~kind, f"statistic {name}", is_statistic(draft, name))


def is_statistic(draft: Draft, name: str) -> Callable[[int], str]:
    """What is wrong with a row whose worker is called mean or max, by its place."""
    return lambda at: f"{draft.field(name, at)} is a statistic"


def keep_whole(draft: Draft, name: str) -> None:
    """Leave out rows whose step is not a whole number."""
    values, none = draft.numbers(name)[0], missing(draft.table[name]).to_numpy()

    def what_is_wrong(at: int) -> str:
        value = draft.table[name].iloc[at]
        if none[at]:
            return f"{draft.where(at)} has no step"
        said = f"{value:g}" if isinstance(value, float) else str(value)[:40]
        return f"step {said} in {draft.where(at)} is not a whole number"

    draft.keep((values.abs() < 2**53) & (values % 1 == 0), f"step {name}", what_is_wrong)


def keep_numbered(draft: Draft, name: str) -> None:
    """Leave out rows whose worker is a text, where nearly all are numbers: a message among the rows, a broken one."""
    values = draft.numbers(name)[0]
    if 0 < values.isna().sum() <= MOST_BAD * len(values):
        draft.keep(values.notna(), f"worker {name}", lambda at: f"{draft.field(name, at)} is no number of a worker")


def worker_names(draft: Draft, names: list[str]) -> pd.Series:
    """The worker of each row, None where a row does not say it."""
    columns = [draft.table[name] for name in names]
    if len(columns) == 1:
        column = columns[0]
        return column if pd.api.types.is_numeric_dtype(column) else column.astype("str").str.strip()
    label = columns[0].astype("str").str.strip()
    for column in columns[1:]:
        label = label + " " + column.astype("str").str.strip()
    return label.where(~pd.concat([missing(column) for column in columns], axis=1).any(axis=1))


def say_keys(draft: Draft, worker: list[str], step: list[str]) -> None:
    """Note which columns name worker and step, where that is not plain."""
    for name in worker:
        guessed = name in draft.guessed or (len(worker) > 1 and not draft.asked["worker"])
        draft.take(name, "worker", guessed=guessed, why="names the worker")
    if any(draft.meanings[name].role == "ep" for name in worker):
        draft.say("ranks of different experts may have different work by design; compare ranks that do the same work.")
    if len(worker) > 1:
        draft.say(f"a worker is {some(worker)} together.")
    for name in step:
        guessed = draft.meanings[name].role not in ("step", "epoch") and not draft.asked["step"]
        draft.take(name, "step", guessed=guessed or name in draft.guessed, why="numbers the steps")
        if guessed:
            draft.say(f"{called(name)} numbers the steps: whole numbers that grow on every worker.")
    if len(step) == 1 and draft.meanings[step[0]].role == "epoch":
        draft.say("a row is an epoch: there is no column of steps.")
    if len(step) > 1:
        draft.say(f"{called(step[1])} begins again in every {called(step[0])}: steps are renumbered from 0.")
