"""Tables in web pages and in LaTeX as text with a row a line; and what to give instead of files of other kinds."""

import csv
import io
import re
from html.parser import HTMLParser

from core.common.validation import ScenarioError
from core.common.wording import counted
from core.traces.tables.delimited import MAX_CELLS

LOOKED_AT = 2**14  # characters in which a kind shows itself
HTML = re.compile(r"(?i)<!doctype html|<html[\s>]|<table[\s>]|<(?:head|body|div|style)[\s>]")
LATEX = re.compile(r"\\begin\{(?:tabular|table|longtable|array|document)[*x]?\}|\\documentclass")
TABULAR = re.compile(r"\\begin\{(?P<kind>tabular[*x]?|longtable)\}.*?\\end\{(?P=kind)\}", re.DOTALL)
OPENING = re.compile(r"\\begin\{\w+[*x]?\}(?:\[[^\]]*\])?(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}){1,2}")
RULES = re.compile(
    r"\\(?:toprule|midrule|bottomrule|hline|endhead|endfirsthead|endfoot|endlastfoot|noalign\{[^}]*\})"
    r"|\\(?:cline|cmidrule)(?:\([^)]*\))?\{[^}]*\}"
)
STYLED = re.compile(r"\\(?:textbf|textit|texttt|mathrm|mathbf|emph|num|text)\{([^{}]*)\}")
YAML = re.compile(r"---\s*$|-?\s*[\w.-]{1,60}:(?:\s+\S.*)?$|-\s+\S{1,60}$|\s*#.*$")
YAML_BEGINS = re.compile(r"(?m)^(?:---\s*|[\w.-]{1,60}:\s*|\s*- [\w.-]{1,60}:(?: .*)?)$")
XML = re.compile(r"<\?xml\b")
MERGED = "has merged cells, so which column a number is in is unclear: export the table as CSV"
INSTEAD = "export the table as CSV, with worker, step, compute_ms"


def html_rows(file: str, text: str) -> str:
    """The one table of a web page as CSV; ScenarioError where there are none or several, or cells are merged."""
    parser = Tables(file)
    parser.feed(text)
    parser.close()
    tables = [table for table in parser.tables if len(table) > 1]
    if not tables:
        raise ScenarioError(f"{file} is a web page (HTML) without a table of times: {INSTEAD}.")
    if len(tables) > 1:
        raise ScenarioError(
            f"{file} is a web page (HTML) with {counted(len(tables), 'table')}, and which of them has the times is "
            f"unclear: {INSTEAD}."
        )
    return as_csv(tables[0])


class Tables(HTMLParser):
    """Takes the tables of a web page in: rows of texts each."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file, self.fields = file, 0
        self.tables: list[list[list[str]]] = []
        self.cell: list[str] | None = None
        """The texts of the cell that is open, None where none is."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a table, a row or a cell."""
        if tag == "table":
            self.end_cell()
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.end_cell()
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables and self.tables[-1]:
            self.end_cell()
            if any(name in ("colspan", "rowspan") and value not in ("1", None) for name, value in attrs):
                raise ScenarioError(f"{self.file} is a web page (HTML) whose table {MERGED}.")
            self.cell = []

    def handle_endtag(self, tag: str) -> None:
        """End a cell."""
        if tag in ("td", "th", "tr", "table"):
            self.end_cell()

    def handle_data(self, data: str) -> None:
        """Take a text in a cell."""
        if self.cell is not None:
            self.cell.append(data)

    def end_cell(self) -> None:
        """Keep the cell that is open."""
        if self.cell is None:
            return
        self.fields += 1
        if self.fields > MAX_CELLS:
            raise ScenarioError(f"{self.file}: a table may have {MAX_CELLS:,} fields at the most.")
        self.tables[-1][-1].append(" ".join("".join(self.cell).split()))
        self.cell = None


def latex_rows(file: str, text: str) -> str:
    """The one table of a text in LaTeX as CSV; ScenarioError where there are none or several, or cells are merged."""
    found = list(TABULAR.finditer(text))
    if len(found) != 1:
        many = f"with {len(found):,} tables, and which of them has the times is unclear" if found else "without a table"
        raise ScenarioError(f"{file} is LaTeX {many}: {INSTEAD}.")
    if re.search(r"\\multi(?:column|row)\b", found[0][0]):
        raise ScenarioError(f"{file} is LaTeX whose table {MERGED}.")
    inside = re.sub(r"(?m)(?<!\\)%.*$", "", found[0][0])
    inside = OPENING.sub("", inside, count=1).rpartition("\\end{")[0]
    inside = RULES.sub("", STYLED.sub(r"\1", inside))
    rows = [row for row in re.split(r"\\\\(?:\[[^\]]*\])?|\\tabularnewline", inside) if row.strip()]
    return as_csv([[plain_latex(field) for field in re.split(r"(?<!\\)&", row)] for row in rows])


def plain_latex(field: str) -> str:
    """A field without signs of LaTeX."""
    field = field.replace("\\,", "").replace("$", "").replace("\\mu", "µ").replace("{", "").replace("}", "")
    return " ".join(re.sub(r"\\([_%&#$])", r"\1", field).replace("~", " ").split())


def as_csv(rows: list[list[str]]) -> str:
    """Rows as lines of CSV."""
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue()


def markup_of(data: bytes) -> str:
    """Whether a text is html, latex, xml or yaml, by its beginning; empty for another."""
    start = data[:LOOKED_AT].decode("utf-8-sig", errors="replace").lstrip()
    if start.startswith("<") and HTML.search(start):
        return "html"
    if start.startswith("<") and XML.match(start):
        return "xml"
    if start.startswith(("\\", "%")) and LATEX.search(start):
        return "latex"
    return "yaml" if is_yaml(start) else ""


def is_yaml(start: str) -> bool:
    """Whether all lines are keys, or points of lists, as in YAML, and some stand above others."""
    lines = [line.rstrip() for line in start.splitlines()[:-1] if line.strip()]
    return len(lines) > 2 and bool(YAML_BEGINS.search(start)) and all(YAML.match(line.lstrip()) for line in lines)


def refuse_markup(file: str, kind: str) -> None:
    """ScenarioError, with what to give instead, for kinds that are not read."""
    if kind == "yaml":
        raise ScenarioError(
            f"{file} is YAML, which is not read. Give it as JSON: json.dump(yaml.safe_load(open('times.yaml')), "
            "open('times.json', 'w'))."
        )
    if kind == "xml":
        raise ScenarioError(f"{file} is XML, which is not read: {INSTEAD}.")
