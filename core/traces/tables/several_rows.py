"""Tables with several rows for a worker and step: phases, micro-batches, runs that were resumed, or a mistake."""

from dataclasses import replace

import numpy as np
import pandas as pd

from core.common.validation import ScenarioError
from core.common.wording import counted
from core.traces.files import rank_in
from core.traces.tables.draft import Draft
from core.traces.tables.headings import EVALUATION, OWN_TIMES, TRAINING, meaning, tokens, words
from core.traces.tables.naming import called, some
from core.traces.tables.times import SPAN, Kinds, label_kind, those_that_count

MOST_LABELS, MAX_LABEL = 1_000, 200
MOST_WORDS = 5  # of a label; more are a remark
NO_TIMES = {"quality", "rate", "statistic", "size"}
YES, NO = words("true yes 1"), words("false no 0")
WHO = ("rank", "local", "place", "pid", "step", "epoch", "attempt")
KEYS = ("worker", "stage", "epoch", "step")


def one_row_each(draft: Draft, rows: pd.DataFrame, kinds: Kinds) -> tuple[pd.DataFrame, Kinds]:
    """A row for each worker and step, and what its times are; ScenarioError where it is open how.

    Args:
        draft: the table that the rows come from, row for row.
        rows: their keys and times.
        kinds: of the columns of times.

    """
    keys = [key for key in KEYS if key in rows]
    empty = rows[list(kinds)].isna().all(axis=1)
    if "step" in keys and empty.any() and rows.duplicated(keys).any():
        draft.only(~empty)
        rows = rows[~empty]
    label = label_column(draft)
    if "step" not in rows:
        return of_ranges(draft, rows, kinds, label) if label else (rows, kinds)
    if not rows.duplicated(keys).any():
        return rows, kinds
    if label and len(kinds) == 1:
        return of_phases(draft, rows.assign(label=labels(draft, label)), kinds, label)
    part = draft.with_role("part")
    if part and not rows.assign(part=draft.table[part[0]].to_numpy()).duplicated([*keys, "part"]).any():
        draft.say(f"a step has a row for each {called(part[0])}: they are added up.")
        return rows.groupby(keys, sort=False, dropna=False)[list(kinds)].sum(min_count=1).reset_index(), kinds
    later = later_rows(draft, rows, keys)
    if later is not None:
        return rows[later], kinds
    again = rows.duplicated([*keys, *kinds]).to_numpy()
    if "worker" in keys and not rows[~again].duplicated(keys).any():
        first = int(again.argmax())
        draft.left_out.add(int(again.sum()), "again", f"{draft.where(first)} has what a row before it has")
        return rows[~again], kinds
    rounds = begun_again(rows, keys) if "worker" in keys or rank_in(draft.file) is not None else None
    if rounds is not None:
        draft.say("steps begin again at the same number on every worker: taken for epochs that follow one another.")
        return rows.assign(epoch=rounds), kinds
    raise repeated(draft, rows, keys)


def begun_again(rows: pd.DataFrame, keys: list[str]) -> pd.Series | None:
    """How often a worker's steps had begun again before each row; None where they do not all begin at one step."""
    by = [rows[key] for key in keys if key != "step"] or [np.zeros(len(rows))]
    begins = ~(rows.groupby(by, sort=False)["step"].diff() > 0)
    rounds = begins.groupby(by, sort=False).cumsum().astype(int) - 1
    counts = rounds.groupby(by).max()
    lengths = rounds.groupby([*by, rounds]).size()
    if rows["step"][begins].nunique() > 1 or counts.nunique() > 1 or lengths.min() < 2:
        return None
    return rounds


def leave_out_evaluation(draft: Draft) -> None:
    """Leave out rows of validation where a column says which rows are training: they are no steps of it."""
    for name, said in draft.meanings.items():
        asks = set(tokens(name)) & (TRAINING | EVALUATION)
        texts = not pd.api.types.is_numeric_dtype(draft.table[name]) or asks
        if said.role in WHO or not texts or not 1 < draft.table[name].nunique() <= MOST_LABELS:
            continue
        names = labels(draft, name)
        trains = {label: is_training(name, label) for label in dict.fromkeys(names.tolist())}
        if {True, False} <= set(trains.values()):
            others = [label for label, training in trains.items() if training is False]
            if said.role != "label" and None not in trains.values():
                draft.meanings[name] = replace(said, role="other")
            draft.only(pd.Series(~np.isin(names, others)))
            draft.say(f"rows with {some(others)} in {called(name)} are left out: no training.")
            return


def is_training(heading: str, label: str) -> bool | None:
    """Whether rows with this in a column are training (True) or validation (False), if it says either."""
    about = set(tokens(label[:MAX_LABEL]))
    if label.lower() in YES | NO:
        training, evaluates = (bool(set(tokens(heading)) & each) for each in (TRAINING, EVALUATION))
        return None if training == evaluates else training == (label.lower() in YES)
    if len(about) > MOST_WORDS or not about & (TRAINING | EVALUATION):
        return None
    return not about & EVALUATION


def keep_times(draft: Draft) -> None:
    """Leave out rows that measure no time by their label, such as loss; a single label says what its values are."""
    name = next((name for name in draft.with_role("label") if not draft.is_numeric(name)), None)
    values = [each for each, said in draft.meanings.items() if not said.role and draft.is_numeric(each)]
    if not name or len(values) != 1 or draft.table[name].nunique() > MOST_LABELS:
        return
    names = labels(draft, name)
    roles = {label: meaning(label[:MAX_LABEL]).role for label in dict.fromkeys(names.tolist())}
    times = [label for label, role in roles.items() if role in OWN_TIMES]
    others = [label for label, role in roles.items() if role in NO_TIMES]
    if times and others:
        draft.only(pd.Series(~np.isin(names, others)))
        draft.say(f"rows called {some(others)} are left out: no times.")
    if len(times) == 1 and len(times) + len(others) == len(roles):
        draft.meanings[values[0]] = replace(meaning(times[0][:MAX_LABEL]), strength=3)
        draft.say(f"{called(values[0])} is what {called(name)} says, {called(times[0])}.")
        draft.known_numbers.pop(values[0], None)


def label_column(draft: Draft) -> str | None:
    """The column of texts that says what a row measures, where they differ."""
    for name in draft.with_role("label"):
        taken = draft.columns.get(name)
        if (
            not (taken and taken.role == "worker")
            and not draft.is_numeric(name)
            and 1 < draft.table[name].nunique() <= MOST_LABELS
        ):
            return name
    return None


def labels(draft: Draft, name: str) -> np.ndarray:
    """What each row measures."""
    return draft.table[name].astype("str").fillna("").str.strip().to_numpy(dtype=object)


def of_ranges(draft: Draft, rows: pd.DataFrame, kinds: Kinds, label: str) -> tuple[pd.DataFrame, Kinds]:
    """Rows without a step, which are ranges of different names: the steps among them, or one of each name a step."""
    names = labels(draft, label)
    found = {name: label_kind(name) for name in dict.fromkeys(names.tolist())}
    steps = {name for name, (kind, _) in found.items() if kind == "whole"}
    if steps:
        inside = [name for name in found if name not in steps]
        is_step = np.isin(names, list(steps))
        if inside:
            draft.say(f"a step is a row called {some(sorted(steps))}; rows called {some(inside)} are left out.")
        rows = rows[is_step]
        numbers = [found[name][1] for name in names[is_step].tolist()]
        numbered = rows.assign(step=numbers) if None not in numbers else rows
        return numbered, kinds
    if all(kind for kind, _ in found.values()) and len(kinds) == 1:
        by = [key for key in ("worker",) if key in rows]
        rows = rows.assign(label=names)
        rows["step"] = rows.groupby([*by, "label"]).cumcount()
        draft.say(f"the first rows called {some(list(found))} are the first step, and so on.")
        return of_phases(draft, rows, kinds, label)
    raise draft.refused(
        f"{called(label)} has {counted(len(found), 'value')} ({some(list(found))}), so a row is not a step: keep the "
        "rows of whole steps, or add a column step"
    )


def of_phases(draft: Draft, rows: pd.DataFrame, kinds: Kinds, label: str) -> tuple[pd.DataFrame, Kinds]:
    """A row a step from one for each phase: the times of computing added up, network and waiting apart."""
    keys, (time,) = [key for key in KEYS if key in rows], kinds
    roles = {name: label_kind(name)[0] for name in dict.fromkeys(rows["label"].tolist())}
    if sorted(roles.values()) == ["end", "start"]:
        return from_start_to_end(draft, rows, time, label, roles)
    if not set(roles.values()) <= OWN_TIMES:
        raise repeated(draft, rows, keys, f"{label}: {some(list(roles))}")
    sums = rows.groupby([*keys, "label"], sort=False, dropna=False)[time].sum(min_count=1).unstack("label")
    phases, why = those_that_count(draft.file, roles, dict.fromkeys(roles, 1), sums)
    unit = draft.numbers(time)[1]
    for name in phases:
        draft.meanings[name] = draft.meanings[time]
        draft.known_numbers[name] = draft.numbers(time)[0], meaning(name).unit or unit
    computing = [name for name, kind in phases.items() if kind in ("compute", "core", "own", "whole")]
    others = [name for name in phases if name not in computing]
    said = f"computing is the rows called {some(computing)} of {called(label)}, added up"
    said += f"; network or waiting: {some(others)}" if others else ""
    said += f"; left out: {some(list(why))}" if why else ""
    draft.say(f"{said}.")
    draft.take(label, "phase", why="says what a row measures")
    draft.take(time, "compute", unit, why="measures a time")
    return sums[list(phases)].reset_index(), phases


def from_start_to_end(
    draft: Draft, rows: pd.DataFrame, time: str, label: str, roles: dict[str, str]
) -> tuple[pd.DataFrame, Kinds]:
    """A row a step from two, one with the moment at which it began and one with that at which it ended."""
    start, end = sorted(roles, key=lambda name: roles[name] != "start")
    keys = [key for key in KEYS if key in rows]
    if rows.duplicated([*keys, "label"]).any():
        raise repeated(draft, rows, [*keys, "label"])
    moments = rows.set_index([*keys, "label"])[time].unstack("label")
    draft.meanings[SPAN] = replace(draft.meanings[time], role="whole")
    draft.known_numbers[SPAN] = draft.numbers(time)
    draft.say(f"a step takes from the row called {called(start)} of {called(label)} to the one called {called(end)}.")
    draft.take(label, "phase", why="says what a row measures")
    return (moments[end] - moments[start]).rename(SPAN).reset_index(), {SPAN: "whole"}


def later_rows(draft: Draft, rows: pd.DataFrame, keys: list[str]) -> np.ndarray | None:
    """Which rows count of a run that was started again from one of its steps; None where it does not look like one."""
    again = rows.duplicated(keys, keep="last").to_numpy()
    attempt = draft.with_role("attempt")
    if attempt and draft.is_numeric(attempt[0]):
        number = draft.numbers(attempt[0])[0].to_numpy()
        latest = rows.assign(attempt=number).groupby(keys, dropna=False)["attempt"].transform("max").to_numpy()
        if not rows[number == latest].duplicated(keys).any():
            draft.say(f"of steps that were run again, those of the last {called(attempt[0])} count.")
            return number == latest
    if not resumed(rows, keys):
        return None
    left_out = counted(int(again.sum()), "row")
    draft.say(f"the run was resumed: where a step is repeated, its last row counts; {left_out} left out.")
    return ~again


def resumed(rows: pd.DataFrame, keys: list[str]) -> bool:
    """Whether steps that come twice are those of runs that went back to one of their steps and on from there."""
    step = rows["step"] if "epoch" not in rows else pd.Series(rows.groupby(["epoch", "step"]).ngroup(), rows.index)
    for _, steps in step.groupby(rows["worker"] if "worker" in rows else np.zeros(len(rows))):
        if not steps.duplicated().any():
            continue
        if (steps.diff() <= 0).sum() > len(steps) / 2:
            return False
        runs = np.split(steps.to_numpy(), np.flatnonzero(np.diff(steps) <= 0) + 1)
        if not all(
            len(run) > 1 and runs[0][0] < run[0] <= max(each[-1] for each in runs[:at])
            for at, run in enumerate(runs)
            if at
        ):
            return False
    return True


def repeated(draft: Draft, rows: pd.DataFrame, keys: list[str], differ: str = "") -> ScenarioError:
    """What to raise where a worker has several rows for a step, and nothing says how to add them up."""
    first = int(rows.duplicated(keys).to_numpy().argmax())
    key = rows.iloc[first]
    alike = (rows[keys] == key[keys]).all(axis=1).to_numpy()
    where = ", ".join(f"{name} {str(rows[name].iloc[first])[:40]}" for name in ("worker", "step") if name in keys)
    if not differ and "worker" not in keys:
        return draft.refused(
            f"{where} is there twice, and no column says which worker a row is of: add one, or give a file per worker"
        )
    if not differ:
        texts = [
            name
            for name, each in draft.meanings.items()
            if each.role in ("", "attempt", "label", "part", "other") and name not in draft.columns
        ]
        for name in texts:
            values = draft.table[name][alike].astype("str").unique().tolist() if name in draft.table else []
            if len(values) > 1:
                differ = f"{name}: {some(values)}"
                break
    if not differ:
        return draft.refused(f"{where} is there twice")
    return draft.refused(
        f"{where} has {alike.sum():,} rows ({differ}); one row is one mini-batch: add them up first, or keep one each"
    )
