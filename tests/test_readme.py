"""The README's Python runs, and its names exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_python_example_runs(capsys):
    example = re.search(r"## In Python\n\n```python\n(.*?)```", README, re.DOTALL).group(1)
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "staleness" in printed
    assert "Asynchronous" in printed


def test_every_file_it_names_exists():
    names = re.findall(r"`((?:core|pages|tests)/[\w/.]*|streamlit_app\.py)`|\((\.github/[\w.]+)\)", README)
    assert len(names) > 10
    for name in names:
        assert (ROOT / "".join(name)).exists(), name
