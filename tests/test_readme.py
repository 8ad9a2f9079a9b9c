"""The README's Python runs, and its names exist."""

import re
import socket
import subprocess
import sys
from pathlib import Path

from tests.browser.conftest import wait_for

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


def test_the_service_starts():
    """The command of the systemd unit, with this Python's streamlit and a free port, answers under its path."""
    unit = re.search(r"```ini\n(.*?)```", README, re.DOTALL).group(1).replace("\\\n", " ")
    command = re.search(r"ExecStart=\S+/bin/streamlit (.*)", unit).group(1).split()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command[command.index("--server.port") + 1] = port
    with subprocess.Popen([sys.executable, "-m", "streamlit", *command], cwd=ROOT, stdout=subprocess.DEVNULL) as server:
        try:
            address = f"http://127.0.0.1:{port}/scheduler/_stcore/health"
            assert wait_for(address).read() == b"ok"
        finally:
            server.terminate()
