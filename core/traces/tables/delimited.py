"""Text as a table of texts: how it is encoded, what separates its fields, and which of its lines are rows."""

import csv
import io
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

import pandas as pd

from core.common.validation import ScenarioError
from core.traces.tables.cells import MISSING, UNITS, decimal_sign, plain
from core.traces.tables.headings import ABROAD
from core.traces.tables.left_out import LeftOut
from core.traces.tables.naming import called, unnamed

MAX_CELLS = 2**23
MAX_COLUMNS = 4_100
MAX_LINE = 2**20  # characters
SAMPLE = 100  # lines that show what separates fields
SAMPLE_ROWS = 2_000  # that show which sign stands before decimals
TITLES = 10  # rows that may stand above the headings
ROWS_AT_ONCE = 1_000
MOST_FOREIGN = 0.1  # of the bytes that may be outside ASCII in a text that is not UTF-8
SAMPLE_BYTES = 4_096  # that show the code page
CODE_PAGES = ("cp1252", "gb18030", "shift_jis", "cp949", "cp1251")
FOREIGN = {name for names in ABROAD.values() for name in names.split() if not name.isascii()}
INDEX = "index"  # the name of a first column that has none
COMMENT = re.compile(r"\s*(?:#(?![,;|\t]\S)|//|%)")
RULER = re.compile(r"[\s|+:=-]*[-=]{2,}[\s|+:=-]*")
NUMBER = re.compile(r"[-+]?[\d.,]+(?:e[-+]?\d+)?", re.IGNORECASE)
BOXES = {ord(sign): "|" for sign in "│┃┆┇┊┋║╎╏"} | {ord(sign): "-" for sign in "─━═╌╍┄┅┈┉"}
BOXES |= {ord(sign): "+" for sign in "┌┐└┘├┤┬┴┼╭╮╯╰╒╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡╢╣╤╥╦╧╨╩╪╫╬┏┓┗┛┣┫┳┻╋┡┢┩┪╇╈"}
NO_UNIT = MISSING | {"#", "1", "no", "unit", "units", "id", "index"}
SEPARATORS = ("\t", ";", "|", ",", "  ", " ")
"""One that comes first is taken where two would do; two spaces are two or more, one is any white space."""


def read_delimited(file: str, data: bytes, left_out: LeftOut) -> tuple[pd.DataFrame, str]:
    """The table in a text, its index the lines that its rows are in; and the sign before decimals.

    Comments, rulers, titles above the headings and headings that come again are no rows. Rows with more fields than
    there are headings are left out and counted; fields that are missing at the end of a row are empty.
    """
    encoding = encoding_of(file, data)
    separator, names, above = dialect(file, Lines(file, data, encoding))
    if len(names) > MAX_COLUMNS:
        raise ScenarioError(f"{file}: a table may have {MAX_COLUMNS:,} columns at the most.")
    if len(names) * data.count(b"\n") > MAX_CELLS:
        raise ScenarioError(f"{file}: a table may have {MAX_CELLS:,} fields at the most.")
    sample = parsed(Body(Lines(file, data, encoding), separator, names, above, LeftOut(), SAMPLE_ROWS), dtype="str")
    decimal = decimal_sign(sample, separator)
    left_out.notes += said_of_dots(sample, names) if separator == ";" and decimal == "." else []
    body = Body(Lines(file, data, encoding), separator, names, above, left_out)
    table = parsed(body, dtype=None if decimal == "." else "str")
    if not len(table):
        why = f" is not a table: {left_out.reasons()}" if left_out.rows else " has no rows"
        raise ScenarioError(f"{file}{why}.")
    if not names[0] and INDEX not in names:  # as data frames are exported
        names = [INDEX, *names[1:]]
    table.columns = pd.Index(names, dtype=object)
    return table.loc[:, [bool(name) for name in names]], decimal


def said_of_dots(sample: pd.DataFrame, names: list[str]) -> list[str]:
    """What to say of numbers that are all like 101.300 where no comma is a separator: either sign may be meant."""
    three = [
        name
        for name, (_, column) in zip(names, sample.items(), strict=False)
        if column.notna().any() and column.dropna().str.strip().str.fullmatch(r"[1-9]\d{0,2}\.\d{3}").all()
    ]
    return [
        f"{called(name)}: the dot is taken for the sign before decimals; if it stands between thousands, leave it out."
        for name in three
    ]


def encoding_of(file: str, data: bytes) -> str:
    """UTF-8, or a code page for a text that is mostly ASCII; ScenarioError for what is no text."""
    foreign = len(data) - len(data.translate(None, bytes(range(128, 256))))
    page = code_page(data[:SAMPLE_BYTES])
    pages = (page, "cp1252") if foreign <= MOST_FOREIGN * len(data) else (page,) if page else ()
    for encoding in filter(None, ("utf-8-sig", *pages)):
        text = io.TextIOWrapper(io.BytesIO(data), encoding)
        try:
            while text.read(MAX_LINE):
                pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise ScenarioError(f"{file} is neither JSON, Parquet, nor text in UTF-8.")


def code_page(start: bytes) -> str:
    """The code page in which the headings at the beginning of a text have a word that is known; else empty."""
    if start.isascii():
        return ""
    for encoding in CODE_PAGES:
        text = start.decode(encoding, errors="ignore").lower()
        if not FOREIGN.isdisjoint(re.split(r"[\W_]+", text)):
            return encoding
    return ""


class Lines:
    """The lines of a text that are no comments, rulers or empty, and what was passed over to get to the last one."""

    def __init__(self, file: str, data: bytes, encoding: str) -> None:
        self.file = file
        self.text = io.TextIOWrapper(io.BytesIO(data), encoding, newline=None)
        self.number = 0
        """Of the last line that was taken."""
        self.comment = ""
        """The last comment so far."""

    def __iter__(self) -> Iterator[str]:
        while line := self.text.readline(MAX_LINE + 1):
            self.number += 1
            if len(line) > MAX_LINE:
                where = "its first rows have" if self.number <= 2 else f"line {self.number:,} has"
                raise ScenarioError(f"{self.file} is not a table: {where} over {MAX_LINE:,} characters.")
            line = line.translate(BOXES) if not line.isascii() else line
            if not line[0].isalnum():  # as in most lines, which need not be looked at twice
                if line.isspace() or RULER.fullmatch(line):
                    continue
                if COMMENT.match(line):
                    self.comment = line
                    continue
            if '"' in line and line.count('"') % 2:  # a quote that is never closed, or lines later
                yield line.replace('"', "")
            else:
                yield line


def split(file: str, lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    """The fields of every row."""
    if separator == " ":
        yield from (line.split() for line in lines)
    elif separator == "  ":
        yield from (re.split(r"\s{2,}|\t", line.strip()) for line in lines)
    else:
        reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
        try:
            for row in reader:
                fields = [field.strip() for field in row]
                framed = separator == "|" and len(fields) > 2 and not fields[0] and not fields[-1]
                yield fields[1:-1] if framed else fields
        except csv.Error as error:
            raise ScenarioError(f"{file} is not a table: {error}.") from error


def dialect(file: str, lines: Lines) -> tuple[str, list[str], int]:
    """What separates the fields, the headings, and how many rows there are down to the headings.

    The separator is the one by which most rows have equally many fields. The headings are the first row that has as
    many and is not all numbers, or a comment above the first row, as NumPy writes them.
    """
    sample: list[str] = []
    comment = ""
    for line in lines:
        comment = comment if sample else lines.comment
        sample.append(line)
        if len(sample) == SAMPLE or sum(map(len, sample)) > MAX_LINE:
            break
    separator, names, above = likeliest(file, sample, comment)
    rows = list(split(file, sample[above - 1 : above + 4], separator))
    if without_names(names, rows[1] if len(rows) > 1 else []):
        return separator, unnamed(len(names)), above - 1
    names, more = below(names, rows[1:])
    above, rows = above + more, rows[more:]
    units = units_below(rows[1], len(names)) if len(rows) > 2 else []
    if units and any(units):
        return (
            separator,
            [f"{name} ({unit})" if unit else name for name, unit in zip(names, units, strict=True)],
            above + 1,
        )
    return separator, names, above


def likeliest(file: str, sample: list[str], comment: str) -> tuple[str, list[str], int]:
    """The separator, the headings and how many rows there are down to them, where every table has headings."""
    best: tuple[float, str, list[str], int] = (0, "", [], 0)
    for separator in SEPARATORS:
        if not any(separator in line for line in sample[: TITLES + 1]):
            continue
        rows = list(split(file, sample, separator))
        fields, times = Counter(map(len, rows[1:] or rows)).most_common(1)[0] if rows else (0, 0)
        found = headings(file, rows, fields, comment, separator)
        if not found and separator in ("  ", " ") and rows and len(rows[0]) == fields - 1 > 1:
            found = [INDEX, *rows[0]], 1  # a data frame as it is printed
        if fields > 1 and found and times / len(rows) > best[0]:
            best = times / len(rows), separator, *found
    if best[1]:
        return best[1:]
    separator = max(",;\t", key=sample[0].count) if sample else ","
    return separator, next(split(file, sample, separator), []), 1


def without_names(names: list[str], row: list[str]) -> bool:
    """Whether what stands above the rows is a row itself: numbers, or a host's name and numbers as in the row below.

    A column each for workers or steps may be called 0, 1, 2 or 1, 2, 3.
    """
    numbers = [name for name in names if NUMBER.fullmatch(name)]
    if not numbers or numbers in ([*map(str, range(at, at + len(numbers)))] for at in (0, 1)):
        return False
    if len(numbers) == len(names):
        return True
    texts = [(name, field) for name, field in zip(names, row, strict=False) if not NUMBER.fullmatch(name)]
    alike = all(re.sub(r"\d+", "#", name) == re.sub(r"\d+", "#", field) for name, field in texts)
    return alike and len(row) == len(names) and all(name for name, _ in texts)


def below(names: list[str], rows: list[list[str]]) -> tuple[list[str], int]:
    """The headings with what further rows say of the columns, as in pivot tables, and how many rows these are.

    A second row of headings, where those of the first come again or stand for several columns; and a row that has the
    name of the first column alone, where the heading above it is the name of all others.
    """
    more = 0
    if rows and is_second(names, rows[0]):
        above = pd.Series(names[1:], dtype=object).replace("", None).ffill().fillna("")
        names = [rows[0][0] or names[0], *(f"{a} {b}".strip() for a, b in zip(above, rows[0][1:], strict=True))]
        more = 1
    first, *others = rows[more] if len(rows) > more + 1 else [""]
    alone = bool(first) and not NUMBER.fullmatch(first) and not any(others)
    if alone and len(names) > 2 and all(re.search(r"\d", name) for name in names[1:]):
        return [first, *names[1:]], more + 1
    return names, more


def is_second(names: list[str], row: list[str]) -> bool:
    """Whether a row below the headings is a second one of them."""
    several = [name for name in names[1:] if name]
    if len(row) != len(names) or len(names) < 3 or NUMBER.fullmatch(row[0]) or not several or not all(row[1:]):
        return False
    numbers = any(map(NUMBER.fullmatch, row[1:]))
    again = len(set(several)) < len(several)
    return len(set(zip(names[1:], row[1:], strict=True))) == len(row) - 1 and (
        again or (len(several) < len(names) - 1 and not numbers)
    )


def units_below(row: list[str], columns: int) -> list[str]:
    """The unit of each column, where a row below the headings has units and nothing else; empty where it is no such."""
    bare = [plain(field).strip("()[]{}").strip().lower() for field in row]
    return [UNITS.get(field, "") for field in bare] if len(row) == columns and set(bare) <= NO_UNIT | set(UNITS) else []


def headings(
    file: str, rows: list[list[str]], fields: int, comment: str, separator: str
) -> tuple[list[str], int] | None:
    """The headings of so many columns, and how many rows there are down to them; None where there are none."""
    for at, row in enumerate(rows[:TITLES]):
        if len(row) == fields:
            if not (any if at else all)(map(NUMBER.fullmatch, row)):
                return row, at + 1
            commented = next(split(file, [COMMENT.sub("", comment, count=1)], separator), [])
            if len(commented) == fields and not any(map(NUMBER.fullmatch, commented)):
                return commented, at
            return (row, 1) if at == 0 else None
    return None


class Body:
    """The rows below the headings as lines with one separator, which pandas reads, and the numbers of these lines."""

    def __init__(
        self, lines: Lines, separator: str, names: list[str], above: int, left_out: LeftOut, most: int | None = None
    ) -> None:
        self.lines, self.separator, self.names, self.above = lines, separator, names, above
        self.left_out = left_out
        self.numbers = array("q")
        self.rows = islice(self, most)

    @property
    def written(self) -> str:
        """What separates the fields of the rows as they are given on."""
        return self.separator if self.separator in ",;\t" else "\t"

    def __iter__(self) -> Iterator[str]:
        known, order, separator, columns = set(self.names), None, self.separator, len(self.names)
        as_written = separator in ",;\t"
        for line in islice(self.lines, self.above, None):
            plain = as_written and '"' not in line and not order and line.count(separator) < columns
            if plain and line.partition(separator)[0].strip() not in known:
                self.numbers.append(self.lines.number)
                yield line
                continue
            row = next(split(self.lines.file, [line], self.separator))
            if len(row) == len(self.names) and set(row) == known:
                self.left_out.headings += 1
                order = None if row == self.names else [row.index(name) for name in self.names]
            elif any(row[len(self.names) :]):
                self.left_out.add(1, "long", f"line {self.lines.number:,} has more fields than its header")
            else:
                row = row[: len(self.names)]
                row = [row[place] for place in order] if order and len(row) == len(order) else row
                self.numbers.append(self.lines.number)
                yield quoted(row, self.written)

    def read(self, _: int = -1) -> str:
        """The next few rows."""
        return "".join(islice(self.rows, ROWS_AT_ONCE))


def quoted(row: list[str], separator: str) -> str:
    """The fields as a line of CSV."""
    if any(separator in field or '"' in field for field in row):
        row = ['"' + field.replace('"', '""') + '"' for field in row]
    return (separator.join(row) or '""') + "\n"


def parsed(body: Body, dtype: str | None = None) -> pd.DataFrame:
    """The rows as a table: columns of numbers where all fields are, else of texts."""
    try:
        table = pd.read_csv(
            body, sep=body.written, header=None, names=range(len(body.names)), index_col=False, dtype=dtype,
            skipinitialspace=True, skip_blank_lines=False, low_memory=False,
        )  # fmt: skip
    except (ValueError, OverflowError) as error:
        raise ScenarioError(f"{body.lines.file} is not a table: {error}.") from error
    if len(table) != len(body.numbers):
        raise ScenarioError(f"{body.lines.file} is not a table: its rows cannot be told apart.")
    return table.set_axis(pd.Index(body.numbers, name="line", dtype="int64"))
