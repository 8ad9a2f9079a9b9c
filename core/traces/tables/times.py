"""Which columns of a table are times, and what of a mini-batch each of them measures."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.common.validation import ScenarioError
from core.traces.tables.cells import UNITS_MS
from core.traces.tables.draft import Draft
from core.traces.tables.headings import OWN_TIMES, Meaning, meaning, phase_of, tokens, words
from core.traces.tables.naming import called, some

MAIN = {"compute", "core", "own", "whole"}
SUM_WITHIN = 0.01  # by which a total may differ from the sum of its parts
CLOCK_STEPS = 5  # of every worker, so that times that only grow are no chance
CLOCK_STEPS_OF_TIME = 8  # where a column is called time and no more
THIS_CENTURY = 1e9, 4e9  # s since 1970
MOST_OF_CENTURY = 0.01  # of the time since 1970 that a run may take
NEAR_START = 3.0  # a clock that began with the job shows at first no more than so many usual steps
FEWEST_PASSED = 4  # readings of a clock after the first, so that it says how long steps are
OF_CLOCK = 0.5, 1.1  # share of the time by the clock that all steps together take, in the right unit
ADDED_UP = words("cum cumsum cumulative cumulated accumulated")
ELAPSED = ADDED_UP | words(
    "elapsed since wall wallclock walltime clock timestamp timestamps ts date uptime runtime total"
)
PARTS = {
    "compute": "compute",
    "core": "compute",
    "own": "compute",
    "whole": "whole step",
    "comm": "network",
    "wait": "waiting",
}
TAKEN = {"compute": "computing", "whole step": "a whole step", "network": "the network", "waiting": "waiting"}
CHOOSE = 'say which counts, as in columns={"time": "step_time"}'
BETWEEN = " − "
SPAN = f"end{BETWEEN}start"

Kinds = dict[str, str]
"""What the columns of times are, by name: compute, core or own (time of a phase), whole, comm or wait."""


def choose_times(draft: Draft) -> Kinds:
    """The columns of times that count; ScenarioError where there are none, or several with nothing to choose by."""
    are_clocks(draft)
    named = {name: each.role for name, each in draft.meanings.items() if each.role in OWN_TIMES}
    roles = asked_for(draft, {name: role for name, role in named.items() if draft.is_numeric(name)})
    if not MAIN & set(roles.values()):
        roles |= span(draft) or only_number(draft) or only_clock(draft)
    texts = [name for name, role in named.items() if role in MAIN and name not in roles]
    if texts and not MAIN & set(roles.values()):
        raise ScenarioError(f"{draft.file}: {draft.field(texts[0], 0)} is no number.")
    if not MAIN & set(roles.values()):
        rates = [name for name in draft.with_role("rate") if draft.is_numeric(name)]
        are_rates = f" ({some(rates)}: a rate; give the time of each step)" if rates else ""
        none = f"none of the columns {some(draft.meanings, 12)} is compute_ms or step_time_ms{are_rates}"
        raise draft.refused(f"{none}; {CHOOSE}")
    strengths = {name: draft.meanings[name].strength for name in roles}
    values = pd.DataFrame({name: draft.numbers(name)[0].to_numpy() for name in roles})
    one_unit = len({draft.numbers(name)[1] for name in roles}) == 1
    kinds, why = those_that_count(draft.file, roles, strengths, values if one_unit else None)
    for name, reason in why.items():
        draft.take(name, "", why=reason)
    return kinds


def are_clocks(draft: Draft) -> None:
    """Take columns that are called time, and hold moments, for clocks."""
    for name in draft.with_role("whole"):
        said = draft.meanings[name]
        if said.strength == 1 and not said.unit and name not in draft.asked["time"] and draft.is_numeric(name):
            values = draft.numbers(name)[0].dropna()
            if since_1970(values) and values.max() - values.min() <= MOST_OF_CENTURY * values.min():
                draft.meanings[name] = Meaning("clock")


def asked_for(draft: Draft, roles: Kinds) -> Kinds:
    """The roles with those that were asked for in the place of what headings say."""
    asked = {role: draft.asked[role] for role in ("time", "compute", "comm", "wait") if draft.asked[role]}
    if not asked:
        return roles
    instead = MAIN if {"time", "compute"} & set(asked) else set()
    kept = {name: role for name, role in roles.items() if role not in instead and role not in asked}
    for role, names in asked.items():
        for name in names:
            said = draft.meanings[name].role
            kept[name] = role if role != "time" else said if said in MAIN else "whole"
    return kept


def span(draft: Draft) -> Kinds:
    """The times between starts and ends, a column each: of the step, and of the phases that have both.

    Computing that says only when it ended began with the step.
    """
    starts, ends = moments(draft, "start"), moments(draft, "end")
    if len(starts) == len(ends) == 1:
        ends = dict(zip(starts, ends.values(), strict=True))
    begun = {phase: starts.get(phase) or (starts.get(()) if kind_of(phase) in MAIN else None) for phase in ends}
    kinds: Kinds = {}
    for phase, end in ends.items():
        if start := begun[phase]:
            kinds[between(draft, start, end, kind_of(phase))] = kind_of(phase)
    return kinds


def moments(draft: Draft, role: str) -> dict[tuple[str, ...], str]:
    """The columns of starts, or of ends, by the phase that they are about."""
    found: dict[tuple[str, ...], str] = {}
    for name in draft.with_role(role):
        if draft.is_numeric(name):
            found.setdefault(phase_of(name), name)
    return found


def kind_of(phase: tuple[str, ...]) -> str:
    """Which time it is that goes from the start of a phase to its end."""
    role = meaning(f"{' '.join(phase)} time").role if phase else "whole"
    return role if role in OWN_TIMES else "whole"


def between(draft: Draft, start: str, end: str, kind: str) -> str:
    """The name of a new column, from one clock to another."""
    (begun, unit), (ended, other) = draft.numbers(start), draft.numbers(end)
    if unit != other:
        raise draft.refused(f"{called(start)} and {called(end)} have different units")
    name = SPAN if kind == "whole" else f"{end}{BETWEEN}{start}"
    draft.table = draft.table.assign(**{name: ended - begun})
    draft.meanings[name] = Meaning(kind, unit, strength=3)
    what = "a row" if kind == "whole" else TAKEN[PARTS[kind]]
    for each in (start, end):
        draft.take(each, PARTS[kind], unit, why=f"{what} takes from its start to its end")
    draft.say(f"{what} takes from {called(start)} to {called(end)}.")
    return name


def only_number(draft: Draft) -> Kinds:
    """The one column of numbers that no heading explains."""
    left = [name for name, each in draft.meanings.items() if not each.role and draft.is_numeric(name)]
    if len(left) > 1:
        timed = [name for name in left if draft.numbers(name)[1]]
        left = timed if len(timed) == 1 else left
    if len(left) > 1:
        raise draft.refused(f"none of the columns {some(left, 12)} is compute_ms or step_time_ms; {CHOOSE}")
    return dict.fromkeys(left, "whole")


def only_clock(draft: Draft) -> Kinds:
    """The one column of a clock."""
    clocks = [name for name in draft.with_role("clock", "end", "start") if draft.is_numeric(name)]
    return {clocks[0]: "whole"} if len(clocks) == 1 else {}


def those_that_count(
    file: str, roles: Kinds, strengths: Mapping[str, int], values: pd.DataFrame | None
) -> tuple[Kinds, dict[str, str]]:
    """The columns of times that count, and why others do not: parts of another, totals of others, less exact ones.

    Computing is what a column of that name says, with phases beside it such as data; or a whole step without network
    and waiting; or the sum of its phases. `values` are the times where all have one unit.
    """
    kinds, why = dict(roles), {}
    known = pd.DataFrame() if values is None else values

    def leave_out(names: list[str], reason: str) -> None:
        for name in names:
            why[name] = reason
            del kinds[name]

    def of(*wanted: str) -> list[str]:
        return [name for name, kind in kinds.items() if kind in wanted]

    for kind in ("compute", "whole"):
        strongest = max((strengths[name] for name in of(kind)), default=0)
        leave_out([name for name in of(kind) if strengths[name] < strongest], "another column says more exactly")
    for kind in ("comm", "wait"):
        strongest = max((strengths[name] for name in of(kind)), default=0)
        if strongest > 1:
            leave_out([name for name in of(kind) if strengths[name] < strongest], "another column says more exactly")
    for parts in (("comm",), ("wait",), ("core", "own")):
        for name in of(*parts) if len(known) else []:
            others = [each for each in of(*parts) if each != name]
            if len(others) > 1 and same(known[name], known[others].sum(axis=1)):
                leave_out([name], f"the sum of {some(others)}")
                break
    for kind in ("compute", "whole"):
        if len(of(kind)) > 1:
            first, second = of(kind)[:2]
            raise ScenarioError(
                f"{file}: {called(first)} and {called(second)} are both columns of {PARTS[kind]}; {CHOOSE}."
            )
    if of("compute"):
        inside = of("core")
        total, own = of("whole"), of("own")
        if own and len(known):
            rest = of("compute", "comm", "wait")
            within = bool(total) and same(known[total[0]], known[rest].sum(axis=1))
            inside += own if within or same(known[of("compute")[0]], known[[*own, *of("core")]].sum(axis=1)) else []
        leave_out(inside, f"part of {called(of('compute')[0])}")
        leave_out(total, f"{called(of('compute')[0])} is more exact")
    elif of("whole"):
        leave_out(of("core", "own"), f"part of {called(of('whole')[0])}")
    return kinds, why


def same(total: pd.Series, parts: pd.Series) -> bool:
    """Whether one is the other, give or take a percent of the usual."""
    return bool(((total - parts).abs().median() <= SUM_WITHIN * total.abs().median()) and total.abs().median() > 0)


def say_times(draft: Draft, kinds: Kinds) -> None:
    """Note which columns the times come from, where that is not plain from documented headings."""
    for part in dict.fromkeys(PARTS.values()):
        names = [name for name, kind in kinds.items() if PARTS[kind] == part]
        if len(names) > 1:
            draft.say(f"{TAKEN[part]} is {' + '.join(map(called, names))}.")
        for name in names:
            plain = draft.meanings[name].exact and part != "whole step"
            if len(names) == 1 and BETWEEN not in name and not plain:
                draft.say(f"{called(name)} is taken for the time of {TAKEN[part]}.")
            if name in draft.columns or BETWEEN not in name:
                unit = draft.numbers(name)[1]
                guessed = not draft.meanings[name].role and not draft.asked["time"]
                draft.take(name, part, unit, guessed=guessed, why="measures a time")


def label_kind(label: str) -> tuple[str, int | None]:
    """What rows of a label measure, as a column of that name would, and the number of the step if it has one."""
    parts = tokens(label)
    number = [int(part) for part in parts if part.isdecimal()]
    bare = " ".join(part for part in parts if not part.isdecimal())
    role = meaning(f"{bare} time").role
    if role == "whole" and not set(parts) & words("step steps iteration iter batch total minibatch whole"):
        role = ""
    return role, number[0] if role == "whole" and len(number) == 1 and number[0] < 2**53 else None


def since_1970(values: pd.Series) -> bool:
    """Whether values look like moments of this century: s, ms, µs or ns since 1970."""
    low, high = THIS_CENTURY
    return any(bool(values.between(low * scale, high * scale).all()) for scale in (1, 1e3, 1e6, 1e9))


def scale_since_1970(values: pd.Series) -> str:
    """The unit in which values are moments of this century: s, ms, us or ns; empty where they are none."""
    low, high = THIS_CENTURY
    scales = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
    return next((unit for unit, scale in scales.items() if values.between(low * scale, high * scale).all()), "")


def unit_by_clock(draft: Draft, rows: pd.DataFrame, kinds: Kinds) -> tuple[str, str] | None:
    """The unit in which the steps take as long as a clock beside them says, and the clock; None where none says it.

    Args:
        draft: the table, row for row that of `rows`.
        rows: the worker and step of every row, and its times without a unit.
        kinds: the columns of times.

    """
    if not len(rows) or any(draft.numbers(name)[1] for name in kinds):
        return None
    time = rows[list(kinds)].sum(axis=1, min_count=1)
    for name, each in draft.meanings.items():
        elapsed = each.unit and set(tokens(name)) & ELAPSED
        is_clock = (each.role == "clock" or elapsed) and name not in kinds and name in draft.table
        if not is_clock or not draft.is_numeric(name):
            continue
        values, unit = draft.numbers(name)
        unit = unit or scale_since_1970(values.dropna())
        if unit and (found := unit_that_fits(rows, time, values.to_numpy() * UNITS_MS[unit])):
            return found, name
    return None


def unit_that_fits(rows: pd.DataFrame, time: pd.Series, clock_ms: np.ndarray) -> str:
    """The unit in which all steps together take most of what passes by a clock, ms; empty where there is no such."""
    read = pd.DataFrame({"time": time.to_numpy(), "clock": clock_ms}).assign(worker=0, step=np.arange(len(rows)))
    read = read.assign(**{key: rows[key].to_numpy() for key in ("worker", "step") if key in rows}).dropna()
    read = read.sort_values("clock", kind="stable")
    by_worker = read.groupby("worker", sort=False)
    passed, steps = by_worker["clock"].diff(), by_worker["step"].diff() if "step" in rows else 1
    known = passed.notna() & (steps > 0 if "step" in rows else True)
    took = (read["time"] * steps)[known].sum()
    if known.sum() < FEWEST_PASSED or not took > 0:
        return ""
    share = {unit: took * ms / passed[known].sum() for unit, ms in UNITS_MS.items() if passed[known].sum() > 0}
    low, high = OF_CLOCK
    return next((unit for unit, part in share.items() if low <= part <= high), "")


def differences(values: pd.Series, groups: list[np.ndarray], name: str, is_clock: bool) -> tuple[pd.Series | None, str]:
    """The steps between the readings of a clock, if that is what the values are, and what to say of it.

    Rows are in the order of their steps. A clock only grows on every worker. One that began with the job shows the
    first step at once; of another, which its name must give away, the first step is unknown.
    """
    each = values.groupby(groups)
    ahead = each.diff()
    counts = each.transform("count")
    is_clock = is_clock or since_1970(values)
    least = 2 if is_clock else CLOCK_STEPS
    if not len(values) or counts.min() < least or (ahead.dropna() <= 0).any():
        return None, ""
    grows = f"{called(name) if name else 'every column'} keeps increasing on every worker"
    reading = f"{grows}, so it is read as a clock: step times are the differences between rows"
    usual = ahead.groupby(groups).transform("median")  # of each worker
    first = ahead.isna()
    if ((values[first] > 0) & (values[first] <= NEAR_START * usual[first])).all():
        return ahead.where(~first, values), f"{reading}."
    if is_clock or set(tokens(name)) & ELAPSED or (tokens(name) == ["time"] and counts.min() >= CLOCK_STEPS_OF_TIME):
        return (
            ahead,
            f"{reading}; the first is unknown.",
        )
    return None, f"{grows}: if it is a clock, give the differences between rows instead."
