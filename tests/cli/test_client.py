"""The client against an agent that misbehaves: nothing hangs, nothing is a traceback, every end has its reason."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent import __version__
from agent.api import client as client_module
from agent.api.client import Client, Told
from agent.api.errors import ApiError, Code
from tests.cli.fake import END, HEAD, Answer, Asked, FakeAgent, chunk, event, ok, problem
from tokens import platform


class Listener:
    """A conversation that gives the same answer to everything and keeps what it heard."""

    def __init__(self, answer: str | Mapping[str, str] = "cancel") -> None:
        self.reply = answer
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def answer(self, question: dict[str, Any]) -> str | Mapping[str, str]:
        self.heard.append(("question", question))
        return self.reply

    def tell(self, event: str, data: dict[str, Any]) -> None:
        self.heard.append((event, data))


def _client(home: Path, autostart: bool = False) -> Client:
    return Client.of(str(home), "zh", autostart=autostart)


def test_a_call_and_its_headers(home: Path) -> None:
    with FakeAgent(home, lambda asked: ok({"path": asked.path, "got": asked.body})) as agent:
        assert _client(home).get("/v1/tokens") == {"path": "/v1/tokens", "got": None}
        assert _client(home).post("/v1/modules", {"name": "图"})["got"] == {"name": "图"}
    assert agent.asked[0].headers["yinxin-client"] == __version__
    assert agent.asked[0].headers["accept-language"] == "zh"


def test_a_problem_keeps_the_agents_own_words(home: Path) -> None:
    with FakeAgent(home, lambda _: problem(409, "token_absent", token="x")), pytest.raises(Told) as caught:
        _client(home).get("/v1/tokens")
    assert (caught.value.code, caught.value.facts) == (Code.TOKEN_ABSENT, {"token": "x"})
    assert (caught.value.message, caught.value.hint) == ("said token_absent", "do this")


def test_an_unknown_code_is_internal(home: Path) -> None:
    with FakeAgent(home, lambda _: problem(409, "from_the_future")), pytest.raises(Told) as caught:
        _client(home).get("/v1/tokens")
    assert caught.value.code is Code.INTERNAL


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [b"HTTP/1.1 200 OK\r\nContent-Le"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"],
        [b"nonsense\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n["],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"],
    ],
)
def test_an_agent_that_dies_in_mid_answer(home: Path, answer: list[bytes]) -> None:
    with FakeAgent(home, lambda _: answer), pytest.raises(ApiError) as caught:
        _client(home).post("/v1/modules", {})
    assert (caught.value.code, caught.value.facts["reason"]) == (Code.AGENT_UNREACHABLE, "died")


@pytest.mark.parametrize(
    "answer",
    [
        [HEAD],
        [HEAD, event("job", job="j")],
        [HEAD, event("job", job="j"), END],
        [HEAD, event("job", job="j"), chunk(b"event: done\ndata: {")],
        [HEAD, chunk(b"data: nonsense\n\n"), END],
    ],
)
def test_an_agent_that_dies_in_mid_job(home: Path, answer: list[bytes]) -> None:
    with FakeAgent(home, lambda _: answer), pytest.raises(ApiError) as caught:
        _client(home).job("/v1/signatures", {}, Listener())
    assert caught.value.facts["reason"] == "died"


def test_a_silent_agent_is_left(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(client_module, "SILENCE_SECONDS", 0.05)
    leave = threading.Event()

    def silent(asked: Asked) -> Iterator[bytes]:
        if asked.method == "POST":
            yield HEAD
        leave.wait(30)

    with FakeAgent(home, silent):
        for call in (lambda: _client(home).get("/v1/tokens"), lambda: _client(home).job("/v1/signatures", {}, Listener())):
            with pytest.raises(ApiError) as caught:
                call()
            assert caught.value.facts["reason"] == "silent"
        leave.set()


def test_a_job_with_its_events_and_result(home: Path) -> None:
    answer = [
        HEAD,
        event("job", job="j1"),
        chunk(b": alive\n\n"),
        event("progress", stage="sign", done=1, total=2),
        event("done", result={"batch": "b"}),
        END,
    ]
    listener = Listener()
    with FakeAgent(home, lambda _: answer):
        assert _client(home).job("/v1/signatures", {"inputs": []}, listener) == {"batch": "b"}
    assert [name for name, _ in listener.heard] == ["job", "progress"]


def test_a_failed_job_brings_what_was_done(home: Path) -> None:
    failed = {"code": "token_removed", "detail": "weg", "hint": "stecken", "facts": {"published": 1}}
    with FakeAgent(home, lambda _: [HEAD, event("failed", problem=failed, result={"documents": [1]}), END]), pytest.raises(Told) as caught:
        _client(home).job("/v1/signatures", {}, Listener())
    assert (caught.value.code, caught.value.result) == (Code.TOKEN_REMOVED, {"documents": [1]})


def test_secrets_go_past_the_agent(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    pin_socket = str(home / "pin.sock")
    listening = platform.listen_private(pin_socket)
    got: list[bytes] = []
    written = threading.Event()

    def receive() -> None:
        connection, _ = listening.accept()
        with connection:
            got.append(connection.makefile("rb").readline())
        written.set()

    def answer(asked: Asked) -> Iterator[bytes]:
        yield HEAD + event("job", job="j") + event("question", question="q", kind="pin", secrets=["pin"], socket=pin_socket, nonce="n0")
        written.wait(30)
        yield event("done", result={}) + END

    thread = threading.Thread(target=receive)
    thread.start()
    with listening, FakeAgent(home, answer) as agent:
        assert _client(home).job("/v1/keys/generate", {"label": "k"}, Listener({"pin": "739-MARK"})) == {}
        thread.join()
    assert got == [b'{"nonce": "n0", "secrets": {"pin": "739-MARK"}}\n']
    assert "739-MARK" not in repr(agent.asked)


def test_declining_is_an_answer(home: Path) -> None:
    declined = threading.Event()

    def answer(asked: Asked) -> Iterator[bytes]:
        if asked.path.endswith("/answers"):
            declined.set()
            yield b"HTTP/1.1 204 No Content\r\n\r\n"
            return
        yield HEAD + event("job", job="j7") + event("question", question="q1", kind="pin", secrets=["pin"], socket="/nowhere", nonce="n")
        declined.wait(30)
        yield event("failed", problem={"code": "pin_cancelled", "detail": "d", "hint": "h", "facts": {}}, result=None) + END

    with FakeAgent(home, answer) as agent, pytest.raises(Told) as caught:
        _client(home).job("/v1/keys/generate", {}, Listener("cancel"))
    assert caught.value.code is Code.PIN_CANCELLED
    assert (agent.asked[1].path, agent.asked[1].body) == ("/v1/jobs/j7/answers", {"question": "q1", "answer": "cancel"})


def test_a_bug_in_the_conversation_is_no_dead_agent(home: Path) -> None:
    class Broken(Listener):
        def answer(self, question: dict[str, Any]) -> str | Mapping[str, str]:
            raise KeyError("ours")

    with FakeAgent(home, lambda _: [HEAD, event("question", question="q", kind="pin"), END]), pytest.raises(KeyError):
        _client(home).job("/v1/keys/generate", {}, Broken())


def test_a_busy_agent_of_another_version_stays(home: Path) -> None:
    def answer(asked: Asked) -> Answer:
        return ok({"jobs": 1}) if asked.path == "/v1/status" else problem(503, "agent_unreachable", reason="version", agent="9.9")

    with FakeAgent(home, answer) as agent, pytest.raises(Told) as caught:
        _client(home, autostart=True).get("/v1/tokens")
    assert caught.value.facts["reason"] == "version"
    assert "/v1/stop" not in [asked.path for asked in agent.asked]


def test_an_idle_agent_of_another_version_is_replaced(home: Path) -> None:
    box: list[FakeAgent] = []

    def answer(asked: Asked) -> Answer:
        if asked.path == "/v1/status":
            return ok({"jobs": 0})
        if asked.path == "/v1/stop":
            box[0].close()
            return ok({})
        return problem(503, "agent_unreachable", reason="version", agent="9.9")

    with FakeAgent(home, answer) as agent:
        box.append(agent)
        status = _client(home, autostart=True).get("/v1/modules")
    assert "modules" in status
    assert [asked.path for asked in agent.asked][-1] == "/v1/stop"


def test_nobody_there_and_not_to_be_started(home: Path) -> None:
    assert _client(home).running() is None
    assert _client(home).stop() is False
    with pytest.raises(ApiError) as caught:
        _client(home).get("/v1/tokens")
    assert caught.value.code is Code.AGENT_UNREACHABLE


def test_a_socket_that_nobody_may_use(home: Path) -> None:
    home.mkdir()
    (home / "run").write_text("a file where a folder should be")
    with pytest.raises(ApiError) as caught:
        _client(home, autostart=True).get("/v1/tokens")
    assert (caught.value.code, caught.value.facts["reason"]) == (Code.AGENT_UNREACHABLE, "refused")


@pytest.mark.parametrize("reason", ["question", "job"])
def test_an_answer_that_comes_too_late_leaves_the_word_to_the_stream(home: Path, reason: str) -> None:
    """A PIN was typed on the reader's own keys before the answer arrived, or the token was pulled: what follows says which."""
    answered = threading.Event()

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/answers"):
            answered.set()
            yield from problem(404, "not_found", reason=reason)
            return
        yield HEAD + event("job", job="j") + event("question", question="q", kind="pin", secrets=[], pad=True)
        assert answered.wait(60)
        yield event("done", result={"token": "t"}) + END

    with FakeAgent(home, answer):
        assert _client(home).job("/v1/keys/list", {}, Listener("shown")) == {"token": "t"}
