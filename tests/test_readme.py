"""Every line of Python and every command of the README and of what it refers to runs, and what they name exists."""

import importlib
import re
import shlex
import subprocess
import sys
from urllib.request import urlopen

import pytest

from core import Scenario, simulate
from core.cli import main
from core.policies.registry import CODES, POLICIES, policy_from_text
from core.report.run import run_answer, timeline_in_words
from core.report.timeline_data import picture
from core.traces import sample_files
from tests.benchmarks.__main__ import MEASURES
from tests.browser.conftest import free_port, wait_for_start
from tests.paths import ROOT

PLACES = ("README.md", ".github/PAGES.md", ".github/BENCHMARKS.md")
README = "\n".join((ROOT / place).read_text(encoding="utf-8") for place in PLACES)
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
RECIPE = next(code for code in PYTHON if "(Policy)" in code)
UNIT = re.search(r"```ini\n(.*?)```", README, re.DOTALL).group(1).replace("\\\n", " ")
COMMANDS = dict.fromkeys(
    command.strip()
    for line in re.sub(r" \\\n +", " ", README).splitlines()
    if re.match(r"    (pip|python|streamlit) ", line)
    for command in re.sub(r" +# .*", "", line).split("&&")
)


def commands(start):
    """The commands that begin so."""
    return [command for command in COMMANDS if command.startswith(start)]


def test_every_command_is_of_a_kind_that_is_tried_below():
    kinds = ("pip install ", "streamlit run ", "python -m core ", "python -m pytest", "python -m tests.benchmarks")
    assert [command for command in COMMANDS if not command.startswith(kinds)] == []
    assert all(commands(kind) for kind in kinds)


def test_the_python_runs(capsys):
    """One block after the other, as somebody types them; the recipe has a test of its own."""
    names = {}
    for code in PYTHON:
        if code is not RECIPE:
            exec(compile(code, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    for word in ("staleness", "Asynchronous", "decided", "time_ms", "hiccups", "as measured"):
        assert word in printed


def test_a_policy_is_added_as_the_recipe_says(monkeypatch):
    names = {"__name__": "recipe"}
    exec(compile(RECIPE, "README.md", "exec"), names)
    policy = names["TakingTurns"]()
    monkeypatch.setitem(POLICIES, "TakingTurns", names["TakingTurns"])
    monkeypatch.setitem(CODES, "turns", names["TakingTurns"])
    assert policy_from_text("turns") == policy
    run = simulate(Scenario(policy=policy))
    assert run.metrics.max_staleness == 0
    assert run.metrics.updates == 40
    alone = simulate(Scenario(workers=1, batches=40, policy=policy)).metrics
    assert run.metrics.utilization_percent == pytest.approx(alone.utilization_percent / 4, rel=0.1)
    table = run.gradients().sort_values("update_number")
    assert (table["read_ms"].to_numpy()[1:] == table["applied_ms"].to_numpy()[:-1]).all()  # nothing is parallel
    assert "waits: its turn" in set(picture(run).blocks["what"])
    assert "taking turns" in timeline_in_words(run)
    assert "its turn" in run_answer(run)[1]


@pytest.mark.parametrize("command", commands("pip install"))
def test_what_is_installed_is_there(command):
    named = re.findall(r"-[rc] (\S+)", command)
    assert named
    assert all((ROOT / file).is_file() for file in named)


@pytest.mark.parametrize("command", commands("python -m core"))
def test_the_command_line(command, capsys, tmp_path):
    arguments = shlex.split(command)[3:]
    if arguments[0] == "trace":
        arguments = ["trace", *map(str, sample_files())]
    if arguments[0] == "failures":
        (tmp_path / arguments[1]).write_text("start,end,worker\n0,600,3\n90000,90300,7\n")
        arguments[1] = str(tmp_path / arguments[1])
    assert main(arguments) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("command", commands("python -m pytest "))
def test_the_other_test_commands_find_tests(command):
    """With their options, of this file alone, and without running them; the first one is what runs this."""
    asked = [sys.executable, *shlex.split(command)[1:], "--collect-only", "-q", "-n", "0", "tests/test_readme.py"]
    found = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("command", commands("python -m tests.benchmarks"))
def test_benchmarks_are_there(command):
    """They take minutes, so they are not run here."""
    _, _, module, *arguments = shlex.split(command)
    assert importlib.import_module("tests.benchmarks.__main__" if module == "tests.benchmarks" else module).__doc__
    if module == "tests.benchmarks":
        assert set(arguments) <= MEASURES.keys()


def starts(arguments, path=""):
    """Whether this Python's streamlit answers under a path when it is started so, on a free port."""
    port = str(free_port())
    if "--server.port" in arguments:
        arguments[arguments.index("--server.port") + 1] = port
    else:
        arguments += ["--server.port", port, "--server.headless", "true"]
    command = [sys.executable, "-m", "streamlit", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for_start(server)
            return urlopen(f"http://127.0.0.1:{port}{path}/_stcore/health").read() == b"ok"
        finally:
            server.terminate()
            server.wait()


@pytest.mark.parametrize("command", commands("streamlit run"))
def test_the_app_starts(command):
    assert starts(shlex.split(command)[1:])


def test_the_service_starts():
    """The command of the systemd unit."""
    assert starts(re.search(r"ExecStart=\S+/bin/streamlit (.*)", UNIT).group(1).split(), "/scheduler")


def test_every_file_it_names_exists():
    names = re.findall(r"`((?:core|pages|tests|\.github)/[\w/.]*|streamlit_app\.py)`|\((\.github/[\w.]+)\)", README)
    assert len(names) > 10
    for name in names:
        assert (ROOT / "".join(name)).exists(), name
