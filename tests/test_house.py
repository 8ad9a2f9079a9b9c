"""Habits of the house that a machine can see."""

import re
import subprocess
import sys

import core
from tests.paths import ROOT


def test_core_takes_no_streamlit_and_no_altair():
    check = "import core, sys; print([name for name in ('streamlit', 'altair') if name in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


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
