"""Fields of a table as numbers: with a unit or without, and as people of any country write them."""

import re
import unicodedata

import numpy as np
import pandas as pd

UNITS_MS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3, "min": 6e4, "h": 3.6e6}
UNIT_NAMES = {
    "ns": "ns нс 纳秒 nsec nsecs nanos nanosec nanosecs nanosecond nanoseconds",
    "us": "us μs мкс 微秒 usec usecs μsec micros microsec microsecs microsecond microseconds",
    "ms": "ms мс 毫秒 ミリ秒 millisekunden millisecondes milisegundos "
    "msec msecs millis millisec millisecs millisecond milliseconds",
    "s": "s с сек 秒 sek sekunden secondes segundos secondi sec secs second seconds",
    "min": "min mins minute minutes",
    "h": "h hr hrs hour hours",
}
UNITS = {name: unit for unit, names in UNIT_NAMES.items() for name in names.split()}
MAX_NUMBER = 60  # characters of a number with its unit
SAMPLE_COLUMNS = 200  # that show which sign stands before decimals
MISSING = {
    "",
    *["-", "--", "---", "–", "—", "?", ".", "nan", "na", "n/a", "n.a.", "#n/a", "null", "none", "nil", "missing"],
}
DIGITS = re.compile(r"([-+−]?)((?:\d[\d.,'’_\s]*)?\d|\d*[.,]\d+|\d+[.,])(e[-+]?\d+)?\s*([a-zμ]*)\.?", re.IGNORECASE)
TIME_OF_CLOCK = re.compile(r"(?:(\d+)\s*d(?:ays?)?,?\s*)?(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")
SPENT = re.compile(r"(?:(\d+)\s*h\s*)?(?:(\d+)\s*m(?:in)?\s*)(\d+(?:[.,]\d+)?)\s*s")
PER_STEP = re.compile(r"(?<=[a-zμ])\s*/\s*(?:it|iter|iteration|step|batch)$", re.IGNORECASE)
INDIAN = re.compile(r"\d{1,2}(?:,\d\d)+,\d{3}(?:\.\d+)?")
STEP_NUMBER = re.compile(r"^(?:step|iteration|iter|it|batch|epoch)?[ _#:=-]*(\d{1,15})(?: *(?:/|of) *\d+)?$")
DAY = r"(?:\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[/.]\d\d?[/.]\d{4})"
DATE = re.compile(rf"{DAY}[T ]\d\d:\d\d(?::\d\d(?:[.,:]\d+)?)? ?(?:Z|UTC|[-+]\d\d:?\d\d)?")


def plain(text: str) -> str:
    """The text with one sign for every kind of space, digit and micro."""
    return unicodedata.normalize("NFKC", text).replace("Âμ", "μ").strip()


def missing(column: pd.Series) -> pd.Series:
    """Where a column says nothing."""
    if pd.api.types.is_numeric_dtype(column):
        return column.isna()
    codes, texts = distinct(column)
    return pd.Series(np.append(texts.str.lower().isin(MISSING).to_numpy(), True)[codes], column.index)


def distinct(column: pd.Series) -> tuple[np.ndarray, pd.Series]:
    """Which of its distinct texts each field of a column is, -1 where there is none; and these texts."""
    codes, values = pd.factorize(column)
    return codes, pd.Series(values, dtype="str").str.strip()


def numbers(column: pd.Series, decimal: str = ".") -> tuple[pd.Series, pd.Series]:
    """The column as numbers, NaN where a field is none; and where a field said its unit, so that its number is ms.

    Args:
        column: numbers or texts.
        decimal: the sign before decimals, "." or ",".

    """
    if pd.api.types.is_bool_dtype(column):
        return pd.Series(np.nan, column.index), pd.Series(False, column.index)
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(float), pd.Series(False, column.index)
    codes, texts = distinct(column)
    sure = ~(texts.str.lower().isin(MISSING) | (texts.str.len() > MAX_NUMBER)).to_numpy()
    plain_digits = sure & ~texts.str.contains("[.,]").to_numpy() if decimal == "," else sure
    values = pd.to_numeric(texts.where(plain_digits).to_numpy(dtype=object), errors="coerce").astype(float)
    in_ms, written = np.zeros(len(texts), dtype=bool), texts.to_numpy(dtype=object)
    for place in np.flatnonzero(np.isnan(values) & sure).tolist():
        values[place], in_ms[place] = number(written[place], decimal)
    return (
        pd.Series(np.append(values, np.nan)[codes], column.index),
        pd.Series(np.append(in_ms, False)[codes], column.index),
    )


def step_numbers(column: pd.Series) -> pd.Series:
    """The numbers of steps in a column of texts, such as "step 7" or 7/100; NaN where there is none."""
    values, _ = numbers(column)
    found = column.astype("str").str.strip().str.extract(STEP_NUMBER.pattern, flags=re.IGNORECASE)[0]
    return values.where(values.notna(), pd.to_numeric(found.astype(object), errors="coerce").astype(float))


def number(text: str, decimal: str) -> tuple[float, bool]:
    """The number that a text is, and whether it came with a unit, so that it is in ms; NaN for what is none."""
    text = PER_STEP.sub("", plain(text).partition(" #")[0].rstrip())
    spent = SPENT.fullmatch(text)
    if spent and text:
        hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in spent.groups())
        return 1000 * ((hours * 60 + minutes) * 60 + seconds), True
    clock = TIME_OF_CLOCK.fullmatch(text)
    if clock:
        days, hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in clock.groups())
        return 1000 * (((days * 24 + hours) * 60 + minutes) * 60 + seconds), True
    found = DIGITS.fullmatch(text)
    unit = UNITS.get(found[4].lower()) if found and found[4] else ""
    digits = as_digits(found[2], decimal) if found else ""
    if not found or unit is None or not digits:
        return np.nan, False
    sign = "-" if found[1] in ("-", "−") else ""
    return float(sign + digits + (found[3] or "")) * (UNITS_MS[unit] if unit else 1), bool(unit)


def as_digits(text: str, decimal: str) -> str:
    """The digits with a dot before decimals and nothing between thousands; empty where they are no one number."""
    text = re.sub(r"(?<=\d)[\s'’_](?=\d{3}(?!\d))", "", text)
    text = text.replace(",", "") if INDIAN.fullmatch(text) else text
    last = max(text.rfind("."), text.rfind(","))
    if last < 0:
        return text if text.isdecimal() else ""
    mark, other = text[last], "," if text[last] == "." else "."
    is_decimal = other in text or (text.count(mark) == 1 and (mark == decimal or len(text) - last != 4))
    head, tail = (text[:last], text[last + 1 :]) if is_decimal else (text, "")
    groups = re.split("[.,]", head)
    good = len(groups) == 1 or (len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:]))
    whole = "".join(groups)
    return f"{whole or '0'}.{tail or '0'}" if good and (whole + tail).isdecimal() else ""


def decimal_sign(table: pd.DataFrame, separator: str) -> str:
    """The sign before decimals: a comma where one cannot stand between thousands; a dot otherwise.

    1,5 and 0,125 have decimals. 10,500 may be either: where fields are separated by semicolons, and every number of the
    column has three digits behind a comma, they are decimals. Where some numbers of a column have no dot and all others
    three digits behind one, as 987 and 1.234, dots stand between thousands, and a comma would be before decimals.
    """
    for name in table.columns[:SAMPLE_COLUMNS]:
        texts = table[name].dropna().astype("str").str.strip()
        if separator != "," and texts.str.fullmatch(r"[1-9]\d{0,2}(?:\.\d{3})*|0").all():
            dots = texts.str.contains(".", regex=False)
            if dots.any() and not dots.all() and texts[~dots].str.len().max() == 3:
                return ","
        if not texts.str.contains(",", regex=False).any():
            continue
        commas = texts[texts.str.fullmatch(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?\s*\D{0,12}", na=False)]
        if not len(commas):
            continue
        if not commas.str.fullmatch(r"[-+]?[1-9]\d{0,2},\d{3}\s*\D{0,12}").all():
            return ","
        if separator == ";" and len(commas) == len(texts):
            return ","
    return "."


def year_first(dates: pd.Series) -> pd.Series:
    """Dates as ISO 8601 has them. The day goes first behind dots, or where any first number is no month."""
    if dates.str.fullmatch(r"\d{4}-\d\d-\d\d\D.{0,99}").all():
        return dates.str.replace(",", ".")
    day, time = dates.str[:10].str.extract(r"([\d/.-]+)")[0], dates.str.extract(r"[T ](.*)")[0]
    parts = day.str.split("[-/.]", regex=True, expand=True)
    if (parts[2].str.len() == 4).all():
        days_first = day.str.contains(".", regex=False).any() or (parts[0].astype(int) > 12).any()
        parts = parts[[2, 1, 0] if days_first else [2, 0, 1]].set_axis([0, 1, 2], axis=1)
    parts[1], parts[2] = parts[1].str.zfill(2), parts[2].str.zfill(2)
    time = time.str.replace(",", ".").str.replace(r"^(\d+:\d+:\d+):", r"\1.", regex=True)
    return parts[0] + "-" + parts[1] + "-" + parts[2] + "T" + time


def instants(column: pd.Series) -> pd.Series | None:
    """The moments that a column of dates with times holds, s; None where it does not."""
    if pd.api.types.is_numeric_dtype(column):
        return None
    codes, texts = distinct(column)
    dates = texts.str.fullmatch(DATE.pattern).to_numpy(dtype=bool)
    if dates.sum() <= len(texts) / 2:
        return None
    try:
        moments = pd.DatetimeIndex(year_first(texts[dates]).tolist(), tz="UTC").as_unit("ns").asi8
    except ValueError:
        return None
    seconds = np.full(len(texts) + 1, np.nan)
    seconds[:-1][dates] = moments / 1e9
    return pd.Series(seconds[codes], column.index)
