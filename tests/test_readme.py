"""The README's Python runs, and its names exist."""

import re
import subprocess
import sys
from urllib.request import urlopen

from tests.browser.conftest import free_port, wait_for_start
from tests.paths import ROOT

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


def test_the_service_starts():
    """The command of the systemd unit, with this Python's streamlit and a free port, answers under its path."""
    unit = re.search(r"```ini\n(.*?)```", README, re.DOTALL).group(1).replace("\\\n", " ")
    command = re.search(r"ExecStart=\S+/bin/streamlit (.*)", unit).group(1).split()
    port = str(free_port())
    command[command.index("--server.port") + 1] = port
    with subprocess.Popen([sys.executable, "-m", "streamlit", *command], cwd=ROOT, stdout=subprocess.PIPE) as server:
        try:
            wait_for_start(server)
            assert urlopen(f"http://127.0.0.1:{port}/scheduler/_stcore/health").read() == b"ok"
        finally:
            server.terminate()
            server.wait()
