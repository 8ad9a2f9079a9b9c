"""Many scenarios around one, each under the same policies and on the same streams of draws, in one tidy table."""

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from core.common.validation import ScenarioError, shown, whole
from core.money import Prices, checked_prices, cost_figures
from core.policies.base import Policy
from core.scenario import Scenario, check_failures
from core.schedule.metrics import FEWEST_FOR_TAILS, FIGURES
from core.simulation.paired import check_policies, most_replicates, paired_figures
from core.statistics.pairs import overall_throughput, spread
from core.statistics.standings import as_columns, standings
from core.workload.workload import Workload

MOST_CELLS = 2_500
W = TypeVar("W", bound=Workload)


def sweep(
    scenario: Workload,
    grid: Mapping[str, Iterable],
    policies: Iterable[Policy] | None = None,
    replicates: int = 100,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
    prices: Prices | None = None,
) -> pd.DataFrame:
    """Figures of every policy in every cell of a grid over one or two parameters: one row a (cell, policy).

    All cells use the scenario's seed: common random numbers. A cell that is refused or fails leaves the others
    standing.

    Args:
        scenario: what all cells have in common: a scenario, or a workload where policies are named.
        grid: different values by parameter, a field of the scenario or of one of its parts: {"workers": [2, 4],
            "compute.jitter": [0.1, 0.3]}. "policy.bound" and the like change every policy that has the field.
        policies: the scenario's own by default; the first is the baseline of the speed-ups.
        replicates: paired runs of each policy in each cell.
        executor: any concurrent.futures.Executor, for example a process pool or Dask's `Client.get_executor()`;
            threads by default. The table does not depend on it.
        progress: called with the cells done and all cells after each.
        prices: what machines cost; with them the table has costs, and the grid may name "prices.worker_per_hour" and
            the like.

    Returns:
        Columns: the grid's parameters, policy, refused (why there are no figures, else empty), then each metric's
        mean with _low and _high, between which the middle 95 % of the runs lie (all of them where there are fewer than
        40). Then verdicts, as `core.statistics.standings.standings` explains them: speedup, the first policy's mean
        epoch time over this one's, with its interval (_low, _high), _outcome (decided, equal, open) and _runs (that
        would settle it); lead, the same over the quickest other policy; standing (fastest, tied, open, slower) and
        standing_runs. With prices: cost of an epoch (its mean, _low and _high) and cost_wasted, of it what waiting,
        network, cancelled work and down time burn, per_million_batches and per_million_samples.

    Raises:
        ScenarioError: for a grid that names no parameter, more than two, an unknown one, a value twice, or over
            2,500 cells.

    Example:
        >>> from core import Asynchronous, Scenario, Synchronous, sweep
        >>> table = sweep(Scenario(), {"workers": [2, 4]}, [Synchronous(), Asynchronous()], replicates=10)
        >>> table[["workers", "policy"]].values.tolist()
        [[2, 'Synchronous'], [2, 'Asynchronous'], [4, 'Synchronous'], [4, 'Asynchronous']]

    """
    if policies is None:
        policies = [Scenario.checked(scenario).policy]
    Workload.checked(scenario)
    policies = check_policies(policies)
    replicates = whole("replicates", replicates, 1, 1_000_000)
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise ScenarioError(f"executor: {shown(executor)} is not a concurrent.futures.Executor.")
    if progress is not None and not callable(progress):
        raise ScenarioError(f"progress: {shown(progress)} cannot be called.")
    if prices is not None:
        checked_prices(prices)
    cells = cells_of(checked_grid(scenario, grid, policies, prices))
    job = partial(cell_rows, scenario, policies=policies, replicates=replicates, prices=prices)
    if executor is None:
        with ThreadPoolExecutor(2) as threads:
            return gathered(threads, job, cells, policies, progress)
    return gathered(executor, job, cells, policies, progress)


def cells_of(grid: Mapping[str, Sequence]) -> list[dict]:
    """Every cell of a grid: its value of each parameter."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def gathered(
    executor: Executor,
    rows_of: Callable[[dict], list[dict]],
    cells: Sequence[dict],
    policies: Sequence[Policy],
    progress: Callable[[int, int], None] | None,
) -> pd.DataFrame:
    """The rows of all cells, in the order of the grid, whatever the order in which they are done."""
    jobs = {executor.submit(rows_of, cell): i for i, cell in enumerate(cells)}
    rows: list[list[dict]] = [[]] * len(cells)
    try:
        for done, job in enumerate(as_completed(jobs), start=1):
            try:
                rows[jobs[job]] = job.result()
            except Exception as error:  # whatever a worker process dies of, the other cells stand
                rows[jobs[job]] = refused(cells[jobs[job]], policies, f"failed: {type(error).__name__}: {error}")
            if progress:
                progress(done, len(cells))
    finally:
        for job in jobs:
            job.cancel()
    return as_table([row for cell in rows for row in cell])


def as_table(rows: list[dict]) -> pd.DataFrame:
    """A table of these rows; a column with a whole number beyond 64 bits, which is refused anyway, has objects."""
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pd.Series(values)
        except OverflowError:  # before pandas 3.1
            columns[name] = pd.Series(values, dtype=object)
    return pd.DataFrame(columns)


def cell_rows(
    scenario: Workload, cell: dict, policies: Sequence[Policy], replicates: int, prices: Prices | None = None
) -> list[dict]:
    """The rows of one cell; where it or a policy is refused, rows that say why.

    Args:
        scenario: what all cells have in common.
        cell: the cell's value of each parameter, by dotted name.
        policies: at least one; the first is the baseline of the speed-ups.
        replicates: paired runs of each.
        prices: what machines cost, where costs are wanted.

    """
    try:
        here = changed(scenario, cell)
        paid = None if prices is None else changed_prices(prices, cell)
    except ScenarioError as error:
        return refused(cell, policies, str(error))
    rows, fitting = {}, []
    for i, policy in enumerate(policies):
        try:
            adapted = changed_policy(policy, cell)
            adapted.check(here.workers)
            check_failures(here, adapted)
            fitting.append((i, adapted))
        except ScenarioError as error:
            rows[i] = refused(cell, [policy], str(error))[0]
    try:
        runs = paired_figures(here, [policy for _, policy in fitting], replicates, threads=1) if fitting else []
    except ScenarioError as error:
        return refused(cell, policies, str(error))
    for (i, policy), mine, verdicts in zip(fitting, runs, standings([run["epoch_ms"] for run in runs]), strict=True):
        if fitting[0][0] != 0:  # the baseline is refused here
            verdicts |= as_columns("speedup", None)
        spent = {} if paid is None else costs_of(mine, here, policy, paid)
        rows[i] = {**cell, "policy": name_of(policies[i], cell), "refused": "", **figures(mine), **verdicts, **spent}
    return [rows[i] for i in range(len(policies))]


def figures(runs: dict[str, np.ndarray]) -> dict[str, float]:
    """The mean of each metric, and between which values the middle 95 % of the runs lie.

    The throughput is that of all runs together, as `compare`'s tables are summed up.
    """
    values = np.column_stack([runs[name] for name in FIGURES])
    tail = 0.025 if len(values) >= FEWEST_FOR_TAILS else 0
    low, high = np.quantile(values, (tail, 1 - tail), axis=0)
    mean = dict(zip(FIGURES, values.mean(axis=0).tolist(), strict=True)) | overall_throughput(runs)
    return {
        name + ending: value
        for i, name in enumerate(FIGURES)
        for ending, value in (("", mean[name]), ("_low", low[i]), ("_high", high[i]))
    }


def costs_of(runs: dict[str, np.ndarray], workload: Workload, policy: Policy, prices: Prices) -> dict[str, float]:
    """What an epoch costs on average, and between which values the middle 95 % of the runs lie; what is wasted."""
    found = cost_figures(runs, workload, policy, prices)
    low, high = spread(found["epoch"])
    mean = {name: float(np.mean(values)) for name, values in found.items()}
    return {
        "cost": mean["epoch"],
        "cost_low": float(low),
        "cost_high": float(high),
        "cost_wasted": mean["wasted"],
        **{name: mean[name] for name in ("per_million_batches", "per_million_samples")},
    }


def refused(cell: dict, policies: Sequence[Policy], why: str) -> list[dict]:
    """Rows without figures, one for each policy, that say why there are none."""
    return [{**cell, "policy": name_of(policy, cell), "refused": why} for policy in policies]


def name_of(policy: Policy, cell: dict) -> str:
    """The policy's label, without a parameter that the grid changes."""
    return policy.name if changed_fields(policy, cell) else policy.label


def changed_fields(policy: Policy, cell: dict) -> dict:
    """The cell's values for fields that the policy has."""
    mine = {f"policy.{field.name}": field.name for field in fields(policy)}
    return {mine[name]: value for name, value in cell.items() if name in mine}


def changed_policy(policy: Policy, cell: dict) -> Policy:
    """The policy with the cell's values."""
    return replace(policy, **changed_fields(policy, cell))


def changed(scenario: W, cell: dict) -> W:
    """The scenario with the cell's values, except for those of policies.

    All at once: what two of them may be together, such as 8 slow workers of 16, need not be allowed one by one.
    """
    parts: dict[str, Any] = {}
    within: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in cell.items():
        part, _, field = name.partition(".")
        if part in ("policy", "prices"):
            continue
        if field:
            within[part][field] = value
        else:
            parts[part] = value
    scenario = replace(scenario, **{part: parts.pop(part) for part in parts.keys() & within.keys()})
    return replace(scenario, **parts, **{part: replace(getattr(scenario, part), **within[part]) for part in within})


def changed_prices(prices: Prices, cell: dict) -> Prices:
    """The prices with the cell's values of them."""
    mine = {name.removeprefix("prices."): value for name, value in cell.items() if name.startswith("prices.")}
    return replace(prices, **mine)


def runs_that_fit(workload: Workload, policies: Sequence[Policy], cells: Sequence[dict], runs: int) -> int:
    """How many runs each cell can have: no more than the largest of them leaves room for.

    Args:
        workload: what all cells have in common.
        policies: those that run in each.
        cells: dotted names and values.
        runs: how many are wanted.

    Returns:
        As many, or fewer. A cell that leaves room for not even two, or is refused, does not count.

    """
    most = [runs]
    for cell in cells:
        with suppress(ScenarioError):  # such a cell has no figures, and sweep says why
            here = changed(workload, cell)
            fitting = [changed_policy(policy, cell).fitted(here.workers) for policy in policies]
            most.append(most_replicates(here, fitting))
    return min(each for each in most if each >= min(2, runs))


def at_first_cell(scenario: W, policies: Sequence[Policy], cell: dict) -> tuple[W, tuple[Policy, ...]]:
    """Scenario and policies at a cell, so that sweeps that differ only in what the grid overrides share a key."""
    try:
        return changed(scenario, cell), tuple(changed_policy(policy, cell) for policy in policies)
    except ScenarioError:
        return scenario, tuple(policies)


def checked_grid(
    scenario: Workload, grid: object, policies: Sequence[Policy], prices: Prices | None = None
) -> dict[str, list]:
    """The grid with its values as lists; ScenarioError where it cannot be swept."""
    if not isinstance(grid, Mapping) or not 1 <= len(grid) <= 2:
        raise ScenarioError(f"grid: {shown(grid)} does not name one or two parameters with their values.")
    known, lists = parameters(scenario, policies), {}
    known += [] if prices is None else [f"prices.{field.name}" for field in fields(prices)]
    for name, values in grid.items():
        if name not in known:
            raise ScenarioError(f"grid: {shown(name)} is unknown; known are {', '.join(known)}.")
        lists[name] = several(name, values)
    cells = math.prod(map(len, lists.values()))
    if cells > MOST_CELLS:
        raise ScenarioError(f"grid: {cells:,} cells are more than {MOST_CELLS:,}.")
    return lists


def several(name: str, values: Any) -> list:
    """The values of a parameter as a list, all different; at most one more than is allowed, enough to refuse it."""
    try:
        found = [] if isinstance(values, str | bytes | Mapping) else list(islice(values, MOST_CELLS + 1))
    except TypeError:
        found = []
    if not found:
        raise ScenarioError(f"grid: {name}: {shown(values)} is not a list of values.")
    if len(found) <= MOST_CELLS:
        refuse_repeated(name, found)
    return found


def refuse_repeated(name: str, values: list) -> None:
    """ScenarioError for the first value that is there a second time; no parameter takes what has no hash."""
    seen = set()
    for value in values:
        if not isinstance(value, Hashable):
            continue
        if value in seen:
            raise ScenarioError(f"grid: {name}: {shown(value)} is there twice.")
        seen.add(value)


def parameters(scenario: Workload, policies: Sequence[Policy]) -> list[str]:
    """Every parameter that a grid may name, by its dotted name."""
    known: list[str] = []
    for field in fields(scenario):
        value = getattr(scenario, field.name)
        if field.name == "policy":
            known += dict.fromkeys(f"policy.{f.name}" for policy in policies for f in fields(policy))
        elif is_dataclass(value):
            known += [f"{field.name}.{f.name}" for f in fields(value) if f.init]
        else:
            known.append(field.name)
    return known
