"""Starting the agent: which home it takes, and what it must not run."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent.api import launch
from tests.conftest import Yinxin


def test_a_relative_home_means_the_same_folder_to_the_agent(yinxin: Yinxin) -> None:
    yinxin.home.mkdir()
    command = [sys.executable, "-m", "agent.cli.main", "--json", "agent"]
    env = {**yinxin.env(), "YINXIN_HOME": yinxin.home.name}
    started = subprocess.run([*command, "start"], env=env, cwd=yinxin.home.parent, capture_output=True, text=True, timeout=60)
    assert started.returncode == 0, started.stdout
    assert (yinxin.home / "run" / "agent.sock").is_socket()
    assert yinxin("agent", "status").json["running"]


def test_a_home_with_a_tilde_is_read_alike_on_both_sides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("YINXIN_HOME", "~/印信")
    assert launch.command("~/h")[-1] == str(tmp_path / "h")
    assert launch.environment()["YINXIN_HOME"] == str(tmp_path / "印信")


@pytest.mark.promise(2)
def test_an_agent_run_in_a_hostile_folder_runs_nothing_of_it(yinxin: Yinxin, tmp_path: Path) -> None:
    for name in ("json.py", "agent.py", "tokens.py", "structlog.py"):
        (tmp_path / name).write_text("import os\nos.write(2, b'HOSTILE')\nraise SystemExit(99)\n")
    # As the installed program starts: `python -m` would put the folder first for the command line itself.
    program = [
        sys.executable,
        "-P",
        "-c",
        "import sys; from agent.cli.main import main; sys.exit(main())",
        "--home",
        str(yinxin.home),
        "agent",
        "run",
    ]
    running = subprocess.Popen(program, env=yinxin.env(), cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        while not (yinxin.home / "run" / "agent.sock").exists():
            try:
                running.wait(0.02)
                break
            except subprocess.TimeoutExpired:
                continue
        assert running.poll() is None
        assert yinxin("doctor", code=None).json["checks"]
    finally:
        yinxin("agent", "stop")
        told = running.communicate(timeout=30)[1]
    assert b"HOSTILE" not in told
    assert running.returncode == 0
