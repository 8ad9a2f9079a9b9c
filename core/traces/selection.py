"""Files that somebody drops together need not belong together: which of them make one run, and why others do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.common.validation import ScenarioError
from core.traces.files import MAX_BYTES, Budget, File, Rows, file_name
from core.traces.reading import read_file, read_trace
from core.traces.tables.corrections import Corrections
from core.traces.trace import Trace


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A trace, the places of the files that it was read from, and why each other file was left out, in a sentence."""

    trace: Trace
    places: list[int]
    left_out: list[str]


def read_one_run(
    files: Sequence[File],
    fresh: Sequence[int],
    columns: Mapping[str, str | list[str]] | None = None,
    unit: str | None = None,
) -> Selection:
    """The trace of all files, or else of the fresh ones, or else of those among them that are of the commonest kind.

    Args:
        files: as `read_trace` takes them.
        fresh: places of those that were added last; the others were there before.
        columns: as `read_trace` takes them.
        unit: as `read_trace` takes it.

    Raises:
        ScenarioError: where none of these can be read; what it says is about the fresh files.

    """
    everything = list(range(len(files)))
    try:
        return Selection(trace=read_trace(list(files), columns=columns, unit=unit), places=everything, left_out=[])
    except ScenarioError as error:
        refused = error
    before = [f"{file_name(files[place])} was there before and is not part of this run." for place in everything]
    fresh = list(fresh) or everything
    earlier = [before[place] for place in everything if place not in fresh]
    if earlier:
        try:
            trace = read_trace([files[place] for place in fresh], columns=columns, unit=unit)
            return Selection(trace=trace, places=fresh, left_out=earlier)
        except ScenarioError as error:
            refused = error
    fitting, left_out = of_one_kind(files, fresh, Corrections.checked(columns, unit))
    if not fitting or not left_out:
        raise refused
    try:
        trace = read_trace([files[place] for place in fitting], columns=columns, unit=unit)
    except ScenarioError:
        raise refused from None
    return Selection(trace=trace, places=fitting, left_out=left_out + earlier)


def of_one_kind(files: Sequence[File], places: list[int], asked: Corrections) -> tuple[list[int], list[str]]:
    """Which of some files can be read and are of the commonest kind, and why the others are not among them."""
    kinds: dict[str, list[int]] = {}
    left_out = []
    for place in places:
        try:
            read = read_file(files[place], Budget(MAX_BYTES), asked)
        except ScenarioError as error:
            left_out.append(str(error))
        else:
            kinds.setdefault("a profiler trace" if isinstance(read, Rows) else "a table of times", []).append(place)
    if not kinds:
        return [], left_out
    commonest = max(kinds, key=lambda kind: len(kinds[kind]))
    others = [(place, kind) for kind, those in kinds.items() if kind != commonest for place in those]
    left_out += [f"{file_name(files[place])} is {kind}, the others are not." for place, kind in sorted(others)]
    return kinds[commonest], left_out
