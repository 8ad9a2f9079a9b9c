"""Tables in web pages and in LaTeX as text with a row a line; and what to give instead of files of other kinds."""

import csv
import io
import re
from html.parser import HTMLParser

from core.common.validation import ScenarioError
from core.common.wording import counted

MAX_TEXT = 2**23  # characters of a web page, or of LaTeX
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
    refuse_large(file, text, "a web page (HTML)")
    parser = Tables(file)
    parser.feed(text)
    parser.close()
    parser.end_row()
    tables = [lines for lines, rows in parser.tables if rows > 1]
    if not tables:
        raise ScenarioError(f"{file} is a web page (HTML) without a table of times: {INSTEAD}.")
    if len(tables) > 1:
        raise ScenarioError(
            f"{file} is a web page (HTML) with {counted(len(tables), 'table')}, and which of them has the times is "
            f"unclear: {INSTEAD}."
        )
    return tables[0].getvalue()


def refuse_large(file: str, text: str, what: str) -> None:
    """ScenarioError for a text that is larger than its kind may be."""
    if len(text) > MAX_TEXT:
        raise ScenarioError(f"{file} is {what} of more than {MAX_TEXT / 2**20:g} MiB: {INSTEAD}.")


class Tables(HTMLParser):
    """Takes the tables of a web page in, as CSV each."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file
        self.tables: list[tuple[io.StringIO, int]] = []
        """The lines of each, and how many there are."""
        self.row: list[str] = []
        self.cell: list[str] | None = None
        """The texts of the cell that is open, None where none is."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a table, a row or a cell."""
        if tag in ("table", "tr"):
            self.end_row()
        if tag == "table":
            self.tables.append((io.StringIO(), 0))
        elif tag in ("td", "th") and self.tables:
            self.end_cell()
            if any(name in ("colspan", "rowspan") and value not in ("1", None) for name, value in attrs):
                raise ScenarioError(f"{self.file} is a web page (HTML) whose table {MERGED}.")
            self.cell = []

    def handle_endtag(self, tag: str) -> None:
        """End a cell or a row."""
        if tag in ("td", "th"):
            self.end_cell()
        elif tag in ("tr", "table"):
            self.end_row()

    def handle_data(self, data: str) -> None:
        """Take a text in a cell."""
        if self.cell is not None:
            self.cell.append(data)

    def end_cell(self) -> None:
        """Keep the cell that is open."""
        if self.cell is not None:
            self.row.append(" ".join("".join(self.cell).split()))
            self.cell = None

    def end_row(self) -> None:
        """Keep the row that is open."""
        self.end_cell()
        if self.row:
            lines, rows = self.tables[-1]
            csv.writer(lines, lineterminator="\n").writerow(self.row)
            self.tables[-1] = lines, rows + 1
            self.row = []


def latex_rows(file: str, text: str) -> str:
    """The one table of a text in LaTeX as CSV; ScenarioError where there are none or several, or cells are merged."""
    refuse_large(file, text, "LaTeX")
    found = list(TABULAR.finditer(text))
    if len(found) != 1:
        many = f"with {len(found):,} tables, and which of them has the times is unclear" if found else "without a table"
        raise ScenarioError(f"{file} is LaTeX {many}: {INSTEAD}.")
    if re.search(r"\\multi(?:column|row)\b", found[0][0]):
        raise ScenarioError(f"{file} is LaTeX whose table {MERGED}.")
    inside = re.sub(r"(?m)(?<!\\)%.*$", "", found[0][0])
    inside = OPENING.sub("", inside, count=1).rpartition("\\end{")[0]
    inside = RULES.sub("", STYLED.sub(r"\1", inside))
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    for row in re.split(r"\\\\(?:\[[^\]]*\])?|\\tabularnewline", inside):
        if row.strip():
            writer.writerow([plain_latex(field) for field in re.split(r"(?<!\\)&", row)])
    return lines.getvalue()


def plain_latex(field: str) -> str:
    """A field without signs of LaTeX."""
    field = field.replace("\\,", "").replace("$", "").replace("\\mu", "µ").replace("{", "").replace("}", "")
    return " ".join(re.sub(r"\\([_%&#$])", r"\1", field).replace("~", " ").split())


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
