"""Habits of the house that a machine can see."""

import ast
import re
import subprocess
import sys
from functools import cache

import pytest

import core
from tests.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
CORE = re.findall(r"^\| `(core/\w+)(?:/|\.py)` \|", README, re.MULTILINE)
"""The rooms of core from the bottom to the top, as the README lists them."""
SHARED = [
    f"pages/shared/{room}"
    for room in (
        *("session", "controls", "errors", "caching", "menu", "answers"),
        *("uploaded_trace", "asked", "views", "sidebar", "app"),
    )
]


def modules(folder):
    """Every module below a folder: the path of its file, and its name with slashes."""
    return {file: str(file.relative_to(ROOT).with_suffix("")) for file in (ROOT / folder).rglob("*.py")}


@cache
def imported(file):
    """What a file imports when it runs, with slashes; not what it imports for type checkers alone."""
    found = []
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [name.name.replace(".", "/") for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}/{name.name}".replace(".", "/") for name in node.names]
    return found


def room_of(name, rooms):
    """The room that a module is in, or None."""
    return next((room for room in rooms if name == room or name.startswith(f"{room}/")), None)


def test_every_file_of_core_and_of_pages_shared_is_in_a_room():
    rooms = [*CORE, *SHARED, "core/__init__", "core/__main__", "pages/shared/__init__"]
    assert [
        name for name in [*modules("core").values(), *modules("pages/shared").values()] if not room_of(name, rooms)
    ] == []


@pytest.mark.parametrize(("folder", "rooms"), [("core", CORE), ("pages/shared", SHARED)])
def test_rooms_import_from_rooms_below_them(folder, rooms):
    upward = [
        (name, other)
        for file, name in modules(folder).items()
        if (room := room_of(name, rooms))
        for other in imported(file)
        if (below := room_of(other, rooms)) and rooms.index(below) > rooms.index(room)
    ]
    assert upward == []


def test_who_may_import_what():
    """core knows no Streamlit and no page; only its charts know Altair; nothing imports a page."""
    for file, name in modules("core").items():
        for other in imported(file):
            assert other.partition("/")[0] not in ("streamlit", "pages"), name
            assert not other.startswith("altair") or name.startswith("core/charts/"), name
    for file, name in modules("pages").items():
        assert not [other for other in imported(file) if re.match(r"pages/(?!shared)", other)], name


def test_the_first_chart_waits_for_nothing_that_other_pages_need():
    """No table of checks, no reader of Parquet, no second process."""
    heavy = ("core.theory.checks", "core.theory.steady_state", "pyarrow.parquet", "multiprocessing.pool", "scipy")
    check = (
        "import sys; from streamlit.testing.v1 import AppTest;"
        "app = AppTest.from_file('streamlit_app.py', default_timeout=60).run();"
        f"print(len(app.header), [name for name in {heavy} if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "1 []"


def test_core_reads_no_clock_and_has_no_global_generator():
    for file in (ROOT / "core").rglob("*.py"):
        assert not re.search(r"import time\b|datetime|np\.random\.(seed|rand|normal|uniform)\(", file.read_text()), file


def test_public_names_exist_and_have_docstrings():
    for name in core.__all__:
        assert getattr(core, name).__doc__, name


def test_run_time_needs_four_packages_and_no_other():
    lines = (ROOT / "requirements.txt").read_text().split()
    assert [re.match(r"\w+", line).group() for line in lines] == ["streamlit", "numpy", "pandas", "altair"]


def test_the_lowest_versions_are_those_that_are_allowed():
    """In tests/lowest.txt, which the suite passes too; their last part may be higher, where pip finds none below."""
    allowed = re.findall(r"^(\w+)>=([\d.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    lowest = re.findall(r"^(\w+)==(\d+\.\d+)", (ROOT / "tests" / "lowest.txt").read_text(), re.MULTILINE)
    assert lowest == allowed


def test_the_entry_and_the_pages_stay_small():
    assert len((ROOT / "streamlit_app.py").read_text().splitlines()) <= 80
    for page in (ROOT / "pages").glob("*.py"):
        assert len(page.read_text().splitlines()) <= 150, page
