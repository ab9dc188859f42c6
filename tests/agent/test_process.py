"""The agent as a process: one per home, its socket, its limits, its end."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import __version__
from agent.api.home import Home, locate
from tests.conftest import ROOT
from tokens import platform

DEADLINE = 30.0


class Connection(http.client.HTTPConnection):
    """HTTP over the home's socket."""

    def __init__(self, home: Home) -> None:
        super().__init__("agent", timeout=DEADLINE)
        self._home = home

    def connect(self) -> None:
        self.sock = platform.connect(str(self._home.socket), DEADLINE)


class Agent:
    """An agent process under test."""

    def __init__(self, top: Path, *extra: str) -> None:
        self.home = locate(str(top))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agent.main", "--home", str(top), *extra], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def ready(self) -> "Agent":
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            try:
                platform.connect(str(self.home.socket), 1.0).close()
                return self
            except OSError:
                with contextlib.suppress(subprocess.TimeoutExpired):  # wait for its end or a moment, whichever comes first
                    self.process.wait(0.02)
                    break
        raise AssertionError(f"agent did not start: {self.process.returncode}")

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, http.client.HTTPMessage]:
        connection = Connection(self.home)
        try:
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            raw = response.read()
            return response.status, json.loads(raw) if raw else None, response.headers
        finally:
            connection.close()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(DEADLINE)
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "h")
    yield made.ready()
    made.end()


@pytest.mark.obligation("S46")
def test_socket_and_folders_are_for_this_user_only(agent: Agent) -> None:
    assert stat.S_IMODE(os.stat(agent.home.socket).st_mode) == 0o600
    for folder in (agent.home.run, agent.home.state, agent.home.data, agent.home.config):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(agent.home.state / "agent.log").st_mode) == 0o600


def test_sigterm_stops_cleanly_and_takes_the_socket_along(agent: Agent) -> None:
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(DEADLINE) == 0
    assert not agent.home.socket.exists()


def test_a_second_agent_of_the_same_home_leaves_at_once_and_the_first_answers_on(agent: Agent) -> None:
    second = subprocess.run([sys.executable, "-m", "agent.main", "--home", str(agent.home.data.parent)], timeout=DEADLINE)
    assert second.returncode == 0
    status, body, _ = agent.ask("GET", "/v1/status")
    assert (status, body["pid"]) == (200, agent.process.pid)


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    home = locate(str(tmp_path / "h")).make()
    dead = socket.socket(socket.AF_UNIX)  # noqa: TID251 - a test makes the leftover of a killed agent
    dead.bind(str(home.socket))
    dead.close()
    (home.run / "pin-0123").touch()
    agent = Agent(tmp_path / "h")
    assert agent.ready().ask("GET", "/v1/status")[0] == 200
    assert not list(home.run.glob("pin-*"))
    agent.end()


def test_two_homes_side_by_side(agent: Agent, tmp_path: Path) -> None:
    other = Agent(tmp_path / "other").ready()
    pids = {agent.ask("GET", "/v1/status")[1]["pid"], other.ask("GET", "/v1/status")[1]["pid"]}
    assert pids == {agent.process.pid, other.process.pid}
    other.end()


def test_a_home_on_a_deep_path_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("深" * 30) / ("x" * 120)
    agent = Agent(deep).ready()
    assert len(os.fsencode(agent.home.socket)) <= platform.SOCKET_PATH_MAX
    assert stat.S_IMODE(os.stat(agent.home.run).st_mode) == 0o700
    agent.end()


def test_an_idle_agent_leaves(tmp_path: Path) -> None:
    agent = Agent(tmp_path / "h", "--idle", "0.5").ready()
    assert agent.process.wait(DEADLINE) == 0
    agent.end()


def test_an_agent_whose_home_vanished_leaves(agent: Agent) -> None:
    agent.home.socket.unlink()
    assert agent.process.wait(DEADLINE) == 0


def test_an_agent_whose_socket_lies_elsewhere_leaves_with_its_home_too(tmp_path: Path) -> None:
    agent = Agent(tmp_path / ("x" * 120)).ready()
    assert not agent.home.socket.is_relative_to(tmp_path)
    shutil.rmtree(tmp_path / ("x" * 120))
    assert agent.process.wait(DEADLINE) == 0
    assert not agent.home.socket.exists()
    agent.end()


@pytest.mark.obligation("S46")
@pytest.mark.promise(2)
def test_a_wrong_request_is_not_echoed(agent: Agent) -> None:
    status, body, headers = agent.ask("POST", "/v1/keys/generate", b'{"type": "marker-4711-pin", "label": 7}', content_type="application/json")
    assert status == 422
    assert headers["content-type"] == "application/problem+json"
    assert body["code"] == "usage"
    assert "marker-4711-pin" not in json.dumps(body)
    assert "marker-4711-pin" not in (agent.home.state / "agent.log").read_text()


@pytest.mark.parametrize("body", [b"not json", b"[]", b"{}", b"\xff\xfe", b'{"inputs": [1e999]}'])
def test_nonsense_is_a_usage_error(agent: Agent, body: bytes) -> None:
    status, told, _ = agent.ask("POST", "/v1/signatures", body, content_type="application/json")
    assert status in (400, 422)
    assert told["code"] == "usage"
    assert told["detail"]
    assert told["hint"]


def test_a_body_beyond_the_limit_is_refused(agent: Agent) -> None:
    status, told, _ = agent.ask("POST", "/v1/signatures", b" " * (9 * 1024 * 1024), content_type="application/json")
    assert (status, told["code"]) == (413, "usage")
    assert agent.ask("GET", "/v1/status")[0] == 200


def test_a_client_of_another_version_is_told_so_and_may_stop_the_agent(agent: Agent) -> None:
    status, told, headers = agent.ask("GET", "/v1/tokens", yinxin_client="99.0", accept_language="zh")
    assert (status, told["code"], told["facts"]["reason"]) == (503, "agent_unreachable", "version")
    assert headers["yinxin-agent"] == __version__
    assert agent.ask("GET", "/v1/status", yinxin_client="99.0")[0] == 200
    assert agent.ask("POST", "/v1/stop", yinxin_client="99.0")[0] == 200
    assert agent.process.wait(DEADLINE) == 0


def test_unknown_routes_and_jobs_are_problems_in_the_language_asked(agent: Agent) -> None:
    status, zh, _ = agent.ask("GET", "/v1/nothing", accept_language="zh-CN,zh")
    assert (status, zh["code"]) == (404, "not_found")
    en = agent.ask("DELETE", "/v1/jobs/none", accept_language="en")[1]
    assert en["code"] == "not_found"
    assert zh["detail"] != en["detail"]


def test_openapi_is_served_and_names_every_route(agent: Agent) -> None:
    paths = agent.ask("GET", "/openapi.json")[1]["paths"]
    assert {"/v1/status", "/v1/tokens", "/v1/signatures", "/v1/verifications", "/v1/jobs/{job_id}/answers"} <= paths.keys()


@pytest.mark.promise(2)
@pytest.mark.skipif(
    os.getuid() == 0, reason="what belongs to root in /proc tells nothing where everything is root's; an ordinary user's run shows it"
)
def test_the_agent_cannot_be_dumped_or_traced(agent: Agent) -> None:
    # A process that is not dumpable belongs to root in /proc, so that no other program of its user may look into it.
    assert os.stat(f"/proc/{agent.process.pid}/mem").st_uid == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_not_answered_even_where_the_path_is_open(agent: Agent) -> None:
    for path, mode in ((agent.home.run, 0o755), (agent.home.socket, 0o666)):
        path.chmod(mode)
    top = agent.home.data.parent
    for folder in (top, *top.parents):
        if Path(tempfile.gettempdir()) in folder.parents:
            folder.chmod(folder.stat().st_mode | 0o055)
    script = f"""
import os, socket
os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect({str(agent.home.socket)!r})
try:
    s.sendall(b"GET /v1/status HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    print(len(s.recv(100)))
except OSError:
    print(0)
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=DEADLINE)
    assert said.stdout.strip() == "0", said.stderr
    assert agent.ask("GET", "/v1/status")[0] == 200


def test_an_agent_that_is_leaving_is_waited_for_and_another_one_comes(tmp_path: Path) -> None:
    """The lock is held although nobody answers: the moment between an agent's last answer and its end."""
    top = tmp_path / "h"
    home = locate(str(top)).make()
    lock = platform.lock_file(home.lock)
    assert lock is not None
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "agent.cli.main", "--home", str(top), "agent", "start"]
    starting = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with contextlib.suppress(subprocess.TimeoutExpired):  # as long as the first try takes to see that the home is taken
        starting.wait(1.5)
    os.close(lock)
    said, _ = starting.communicate(timeout=60)
    assert starting.returncode == 0, said
    stop = [sys.executable, "-m", "agent.cli.main", "--home", str(top), "agent", "stop"]
    assert subprocess.run(stop, env=environment, timeout=60, check=False).returncode == 0
    free = platform.lock_file(home.lock)
    assert free is not None, "`agent stop` came back before the agent had let go of its home"
    os.close(free)
