"""Another program of the same user at the sockets: it learns no PIN, answers no question, and the agent goes on."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import SIGN, Asked, Desk
from tests.e2e.looks import agent_of, assert_signed, tree, until
from tokens import platform

pytestmark = pytest.mark.promise(2)


class Raw(http.client.HTTPConnection):
    """HTTP over the home's socket, one request."""

    def __init__(self, home: Path) -> None:
        super().__init__("agent", timeout=60)
        self._path = str(home / "run" / "agent.sock")

    def connect(self) -> None:
        self.sock = platform.connect(self._path, 60)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        with contextlib.closing(self):
            raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
            self.request(method, path, raw, {"Content-Type": "application/json", **headers})
            response = self.getresponse()
            return response.status, response.read()


def problem(answer: tuple[int, bytes]) -> dict[str, Any]:
    """A problem+json answer."""
    status, raw = answer
    told: dict[str, Any] = json.loads(raw)
    assert status >= 400
    assert told["status"] == status
    assert told["code"]
    assert told["detail"]
    assert told["hint"]
    assert "Traceback" not in raw.decode()
    return told


@pytest.fixture(autouse=True)
def same_agent(desk: Desk) -> Iterator[None]:
    """Whatever a test does, the agent of before answers after it."""
    if not (desk.home / "run" / "agent.sock").exists():
        desk.yinxin("agent", "start")
    before = json.loads(Raw(desk.home).ask("GET", "/v1/status")[1])
    yield
    until(lambda: json.loads(Raw(desk.home).ask("GET", "/v1/status")[1])["jobs"] == 0)
    assert json.loads(Raw(desk.home).ask("GET", "/v1/status")[1])["pid"] == before["pid"]


def test_another_program_answers_no_question_and_gets_nothing_of_a_job(desk: Desk, drawing: Path) -> None:
    with Asked(desk.yinxin, drawing) as (process, writing):
        _, raw = Raw(desk.home).ask("GET", "/v1/jobs")
        assert b"nonce" not in raw
        assert b"question" not in raw
        (job,) = json.loads(raw)["jobs"]
        for question in ("", "0" * 16, "pin", job["job"]):
            told = problem(Raw(desk.home).ask("POST", f"/v1/jobs/{job['job']}/answers", {"question": question, "answer": "yes"}))
            assert told["code"] == "not_found"
        assert problem(Raw(desk.home).ask("POST", "/v1/jobs/none/answers", {"question": "x", "answer": "yes"}))["code"] == "not_found"
        os.write(writing, desk.token.pin.encode() + b"\n")
        assert process.wait(60) == 0
    assert_signed(drawing.with_suffix(".signed.pdf"))


ATTACK = """
import json, socket, sys, time
path, sent, until = sys.argv[1], 0, time.monotonic() + 20
while time.monotonic() < until:  # the name is there an instant before the socket listens
    try:
        socket.socket(socket.AF_UNIX).connect(path)
        break
    except ConnectionRefusedError:
        continue
lines = [b'', b'\\n', b'{}\\n', b'[]\\n', b'null\\n', b'{"nonce":null,"secrets":null}\\n', b'{"nonce":"x","secrets":{"pin":"000000"}}\\n',
         b'{"nonce":"' + b'0' * 32 + b'","secrets":null}\\n', b'[' * 4000 + b'\\n', b'x' * 100000 + b'\\n', bytes(range(256)) * 15]
held = []
for line in lines * 20:
    try:
        s = socket.socket(socket.AF_UNIX); s.connect(path); s.settimeout(20)  # a connect that waits: a full queue is no refusal
        s.sendall(line)
        if len(held) < 100: held.append(s)
        else: s.close()
        sent += 1
    except OSError:
        pass
print(sent, flush=True)
sys.stdin.read()
"""


def test_the_pin_socket_hears_only_the_process_that_was_named(desk: Desk, drawing: Path) -> None:
    """Another process knocks two hundred times, stays connected, sends nonsense and refusals: the right one is heard all the same."""
    with Asked(desk.yinxin, drawing) as (process, writing):
        (path,) = (desk.home / "run").glob("pin-*")
        assert path.stat().st_mode & 0o777 == 0o600
        with subprocess.Popen([sys.executable, "-c", ATTACK, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as attacker:
            assert attacker.stdout
            assert attacker.stdin
            assert int(attacker.stdout.readline()) > 0
            os.write(writing, desk.token.pin.encode() + b"\n")
            stdout, stderr = process.communicate(timeout=60)
            attacker.stdin.close()
        assert process.returncode == 0, stdout + stderr
    assert_signed(drawing.with_suffix(".signed.pdf"))


def test_connections_that_say_little_or_nothing_block_nobody(desk: Desk, drawing: Path) -> None:
    path = str(desk.home / "run" / "agent.sock")
    starts = (b"", b"G", b"POST /v1/signatures HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{", b"GET / HTTP/1.1\r\nX: ")
    with contextlib.ExitStack() as stack:
        for n in range(600):
            until(lambda first=starts[n % 4]: _knock(stack, path, first))
        assert desk.yinxin("sign", drawing, *SIGN).json["documents"][0]["state"] == "published"
    assert desk.yinxin("token", "list").json["tokens"]


def _knock(stack: contextlib.ExitStack, path: str, first: bytes) -> bool:
    try:
        sock = stack.enter_context(platform.connect(path, 30))
    except BlockingIOError:  # more callers than the queue holds: the agent is still taking them in
        return False
    sock.sendall(first)
    return True


@pytest.mark.parametrize(
    "request_",
    [
        b"\x00" * 5000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # a TLS greeting
        b"GET /v1/status\r\n\r\n",
        b"GET /v1/status HTTP/9.9\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nHost: a\r\n" + b"X-Y: " + b"z" * 200_000 + b"\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(20_000)) + b"\r\n",
        b"POST /v1/signatures HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
        b"POST /v1/signatures HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/signatures HTTP/1.1\r\nHost: a\r\nContent-Length: \xb2\r\n\r\n",
        b"POST /v1/signatures HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /v1/signatures HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"CONNECT evil:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
        b"GET http://evil/v1/status HTTP/1.1\r\nHost: evil\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/tokens/%00%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/certificates?token=%ff%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"DELETE /v1/modules/%2e%2e%2f%2e%2e HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/tokens HTTP/1.1\r\nHost: a\r\nAccept-Language: \xff\xfe\xfd\r\nYinxin-Client: \xff\r\n\r\n",
    ],
    ids=lambda raw: ascii(raw[:24]),
)
def test_broken_http_is_refused(desk: Desk, request_: bytes) -> None:
    with platform.connect(str(desk.home / "run" / "agent.sock"), 30) as sock:
        with contextlib.suppress(ConnectionError):
            sock.sendall(request_)
            sock.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while part := sock.recv(65536):
                answer += part
    assert b"Traceback" not in answer
    assert not answer or answer.startswith(b"HTTP/1.1 ")
    assert b"HTTP/1.1 5" not in answer or b"agent_unreachable" in answer  # another version; nothing else may be a fault of ours


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'"x"',
        b"{",
        DEEP,
        b'{"inputs":' + DEEP,
        b'{"inputs": ["file:///x"], "places": [' + b'"1:1,1",' * 2000 + b'"1:1,1"]}',
        b'{"inputs": ["file:///x"], "reason": "' + b"r" * 501 + b'"}',
        b'{"inputs": []}',
        b'{"inputs": [' + b'"file:///x",' * 100_001 + b'"file:///x"]}',
        b'{"inputs": "file:///x"}',
        b'{"inputs": [1, null, {}]}',
        b'{"inputs": ["file:///x"], "interaction": {"mode": "god"}}',
        b'{"inputs": ["file:///x"], "format": "exe"}',
        b'{"inputs": ["file:///x"], "force": "perhaps"}',
        b'{"inputs": ["file:///x"], "token": {"a": 1}}',
        b'{"inputs": ["\xff\xfe"]}',
        b'{"inputs": [' + b"9" * 5000 + b"]}",
        *(
            json.dumps({"inputs": [uri]}).encode()
            for uri in (
                "",
                "/etc/passwd",
                "file:relative",
                "file://evil.example/x",
                "http://x/y",
                "file:///a%00b",
                "file://",
                "FILE:///x",
                "file:///x\x00",
                "file://localhost",
            )
        ),
    ],
    ids=lambda raw: ascii(raw[:40]),
)
def test_a_request_that_makes_no_sense(desk: Desk, body: bytes) -> None:
    told = problem(Raw(desk.home).ask("POST", "/v1/signatures", body))
    assert told["code"] == "usage"
    assert told["status"] in (400, 413, 422)


def _events(raw: bytes) -> list[tuple[str, dict[str, Any]]]:
    from agent.api.sse import events

    return [(event.name, event.data) for event in events([raw])]


@pytest.mark.parametrize(
    "fields",
    [
        {"places": ["1:1e400,1"]},
        {"places": ["-1:1,1"]},
        {"places": ["999999999999999999999:1,1"]},
        {"places": ["1:nan,inf"]},
        {"places": ["1:" + "9" * 5000 + ",1"]},
        {"places": ["x" * 100_000]},
        {"places": ["1:-500,-500"]},
        {"places": ["1:0,0,0,0"]},
        {"places": ["1:10,10"] * 1000},
        {"reason": "\u202e\x1b[31m\x00" * 100},
        {"location": "𝕏" * 500},
        {"out": "file:///dev/null"},
        {"out": "file:///proc/self/mem"},
        {"out_dir": "file:///proc"},
        {"certificate": "x" * 1_000_000},
        {"token": "x" * 1_000_000},
        {"token": "\ud800"},
        {"certificate": "\udcff"},
        {"reason": "\udcff"},
    ],
    ids=lambda fields: ascii(fields)[:50],
)
def test_a_job_that_cannot_be_done_ends_with_a_problem_of_the_users(desk: Desk, drawing: Path, fields: dict[str, Any]) -> None:
    """Sharper than the command line lets anybody ask: a bad place, text or output is told before the PIN, and never as a fault of ours."""
    before = tree(drawing.parent)
    uri = drawing.as_uri()
    body = {"inputs": [uri], "appearance": "text", "interaction": {"mode": "prompter", "display": {}}, **fields}
    status, raw = Raw(desk.home).ask("POST", "/v1/signatures", body)
    if status != 200:
        assert problem((status, raw))["code"] == "usage"
    else:
        name, data = _events(raw)[-1]
        assert name == "failed"
        assert data["problem"]["code"] not in ("internal", "token_fault", "module_unusable"), data["problem"]
    assert tree(drawing.parent) == before


def test_a_prompter_gets_no_environment_but_the_display(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    """A caller may not have the agent run programs of its choice by way of the display's variables."""
    evil = {
        "LD_PRELOAD": str(tmp_path / "x.so"),
        "PYTHONPATH": str(tmp_path),
        "QT_PLUGIN_PATH": str(tmp_path),
        "PATH": str(tmp_path),
        "PYTHONSTARTUP": "/x",
    }
    (tmp_path / "desktop").mkdir()
    (tmp_path / "desktop" / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    body = {"inputs": [drawing.as_uri()], "interaction": {"mode": "prompter", "display": {"DISPLAY": ":4711", **evil}}}
    _, raw = Raw(desk.home).ask("POST", "/v1/signatures", body)
    assert _events(raw)[-1][1]["problem"]["code"] == "no_prompter"
    assert not (tmp_path / "ran").exists()


def test_many_inputs_that_do_not_exist(desk: Desk, tmp_path: Path) -> None:
    inputs = [f"file://{tmp_path}/{n}.pdf" for n in range(3000)]
    body = {"inputs": inputs, "interaction": {"mode": "prompter", "display": {}}}
    _, raw = Raw(desk.home).ask("POST", "/v1/signatures", body)
    name, data = _events(raw)[-1]
    assert name == "failed"
    assert data["problem"]["facts"]["reason"] == "none"
    assert len(data["result"]["documents"]) == len(inputs)


def test_verify_takes_no_device_or_pipe_for_a_file(desk: Desk, drawing: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for bad in (fifo, Path("/dev/zero"), tmp_path, tmp_path / "none"):
        result = desk.yinxin("verify", drawing, "--trust", bad, code=5, timeout=60)
        assert result.error["code"] == "input_unusable"
        result = desk.yinxin("verify", drawing, "--crl", bad, code=5, timeout=60)
        assert result.error["code"] == "input_unusable"
        result = desk.yinxin("verify", drawing, "--signature", bad, code=None, timeout=90)
        assert result.code in (1, 5)
        result = desk.yinxin("verify", bad, code=None, timeout=90)
        assert result.code in (1, 5)
        assert "Traceback" not in result.out + result.err
    agent = agent_of(desk.home)
    assert agent
    assert desk.yinxin("verify", drawing, code=1).json["documents"][0]["reason"] == "NO_SIGNATURE"
