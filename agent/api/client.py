"""The synchronous client of the agent, for the command line and for other programs: HTTP/1.1 over its Unix socket.

    with one call                get, post, delete
    long work                    job: streams its events, puts its questions to a `Conversation`, carries PINs past the agent

Starts the agent when there is none and replaces an idle one of another version.  A dead or silent agent never hangs a
caller: every wait on the socket has an end (the agent sends a sign of life every ten seconds in a job's stream).
"""

import errno
import json
import socket
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import h11

from agent import __version__
from agent.api import launch
from agent.api.errors import SETS_PIN, ApiError, Code
from agent.api.home import Home, locate
from agent.api.sse import Event, events
from tokens import platform

ANSWER_SECONDS = 90.0
"""The longest wait for the answer to one call: listing waits for slow modules, whose own deadlines are shorter."""
SILENCE_SECONDS = 45.0
"""The longest silence within a job's stream."""
CANCEL = "cancel"


class Told(ApiError):
    """An error that the agent reported, with its own sentences, and with what was done before it in a job (`result`)."""

    def __init__(self, code: Code, facts: Mapping[str, Any], message: str, hint: str, result: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.facts = dict(facts)
        self.message = message
        self.hint = hint
        self.result = result


class Conversation(Protocol):
    """One who answers the questions of a job and hears of its progress."""

    def answer(self, question: dict[str, Any]) -> str | Mapping[str, str]:
        """The answer; to a question of kind "pin" the secrets by name, or "cancel"."""

    def tell(self, event: str, data: dict[str, Any]) -> None:
        """Hear of `job`, `progress`, `document` or `waiting`."""


@dataclass(frozen=True, slots=True)
class Client:
    """A way to one home's agent; every call has a connection of its own."""

    home: Home
    folder: str | None = None
    """The home as the user named it (None: `YINXIN_HOME` or the XDG folders); what a new agent is started with."""
    lang: str = "en"
    without: frozenset[str] = frozenset()
    """Variables that a new agent must not inherit: the sources of PINs."""
    autostart: bool = True

    @classmethod
    def of(cls, folder: str | None, lang: str = "en", without: frozenset[str] = frozenset(), autostart: bool = True) -> "Client":
        """The client for the home that `folder` names."""
        return cls(locate(folder), folder, lang, without, autostart)

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object at `path`; raises `Told` or `ApiError` (agent_unreachable)."""
        return self._call("GET", path, None, repeat=True)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Post `body`; raises `Told` or `ApiError` (agent_unreachable)."""
        return self._call("POST", path, dict(body or {}), repeat=False)

    def delete(self, path: str) -> dict[str, Any]:
        """Delete what is at `path`; raises `Told` or `ApiError` (agent_unreachable)."""
        return self._call("DELETE", path, None, repeat=False)

    def job(self, path: str, body: Mapping[str, Any], conversation: Conversation) -> dict[str, Any]:
        """Do long work and return its result; leaving by an exception cancels it.  Raises `Told` (with `result`) or `ApiError`."""
        try:
            return self._heard_out(path, body, conversation)
        except ApiError as error:
            if error.facts.get("reason") == "died" and path in SETS_PIN:
                raise ApiError(Code.AGENT_UNREACHABLE, reason="died_pin") from error
            raise

    def _heard_out(self, path: str, body: Mapping[str, Any], conversation: Conversation) -> dict[str, Any]:
        job_id = ""
        with self._open("POST", path, dict(body), SILENCE_SECONDS, repeat=True) as chunks:
            for event, data in _heard(chunks):
                if event == "question":
                    self._answer(job_id, data, conversation)
                elif event == "done":
                    return dict(data["result"])
                elif event == "failed":
                    raise _told(data["problem"], data.get("result"))
                else:
                    if event == "job":
                        job_id = str(data["job"])
                    conversation.tell(event, data)
        raise ApiError(Code.AGENT_UNREACHABLE, reason="died")

    def cancel(self, job_id: str) -> None:
        """Ask for the end of a job between two documents; no error where it has ended."""
        with suppress(ApiError):
            self.delete(f"/v1/jobs/{job_id}")

    def running(self) -> dict[str, Any] | None:
        """The status of the agent, or None where none runs; starts none."""
        try:
            return Client(self.home, self.folder, self.lang, autostart=False).get("/v1/status")
        except ApiError as error:
            if isinstance(error, Told) or error.facts.get("reason") != "absent":
                raise
            return None

    def stop(self) -> bool:
        """Stop the agent between two documents and wait for its end; False where none ran.  Raises `ApiError` (agent_unreachable: silent)."""
        if self.running() is None:
            return False
        with suppress(ApiError):  # it may be gone before it answers
            Client(self.home, self.folder, self.lang, autostart=False).post("/v1/stop")
        if not launch.wait_until_gone(self.home):
            raise ApiError(Code.AGENT_UNREACHABLE, reason="silent")
        return True

    def _answer(self, job_id: str, question: dict[str, Any], conversation: Conversation) -> None:
        answer = conversation.answer(question)
        if isinstance(answer, str):
            try:
                self.post(f"/v1/jobs/{job_id}/answers", {"question": question["question"], "answer": answer})
            except Told as told:
                if told.code is not Code.NOT_FOUND:  # the job ended at its question (token pulled, locked): its last event says why
                    raise
        else:
            deliver(str(question["socket"]), str(question["nonce"]), answer)

    def _call(self, method: str, path: str, body: dict[str, Any] | None, repeat: bool) -> dict[str, Any]:
        with self._open(method, path, body, ANSWER_SECONDS, repeat) as chunks, _speaking():
            raw = b"".join(chunks)
            found = json.loads(raw) if raw else {}
            if not isinstance(found, dict):
                raise ValueError("answer is no object")
            return found

    @contextmanager
    def _open(self, method: str, path: str, body: dict[str, Any] | None, seconds: float, repeat: bool) -> Generator[Iterator[bytes]]:
        """The body of a successful answer, in chunks.  A new agent is tried once: for a version that differs, and for one that left as we came."""
        for again in (True, False):
            with self._connected(seconds) as sock:
                try:
                    status, chunks = _request(sock, method, path, body, self.lang)
                except (ConnectionError, h11.RemoteProtocolError) as error:
                    if again and repeat and self.autostart:
                        continue  # no byte of an answer came: nothing was begun
                    raise ApiError(Code.AGENT_UNREACHABLE, reason="died") from error
                except TimeoutError as error:
                    raise ApiError(Code.AGENT_UNREACHABLE, reason="silent") from error
                if status < 300:
                    yield chunks
                    return
                with _speaking():
                    told = _told(json.loads(b"".join(chunks)))
            if not (again and self.autostart and told.code is Code.AGENT_UNREACHABLE and told.facts.get("reason") == "version"):
                raise told
            self._replace_idle(told)

    @contextmanager
    def _connected(self, seconds: float) -> Generator[socket.socket]:
        sock = self._connect()
        try:
            sock.settimeout(seconds)
            yield sock
        finally:
            sock.close()

    def _connect(self) -> socket.socket:
        end = time.monotonic() + 5.0
        while True:
            try:
                return platform.connect(str(self.home.socket), timeout=5.0)
            except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
                if not self.autostart:
                    raise ApiError(Code.AGENT_UNREACHABLE, reason="absent") from error
                return launch.start(self.home, self.folder, self.without)
            except OSError as error:
                if error.errno != errno.EAGAIN or time.monotonic() > end:  # EAGAIN: more callers than its queue holds
                    raise ApiError(Code.AGENT_UNREACHABLE, reason="refused", path=str(self.home.socket), detail=error.strerror) from error
                time.sleep(0.01)

    def _replace_idle(self, told: Told) -> None:
        status = self.running()
        if status and status.get("jobs"):
            raise told
        self.stop()


def deliver(path: str, nonce: str, secrets: Mapping[str, str]) -> None:
    """Write secrets to a session host's one-shot socket, past the agent; no error where it was closed meanwhile (the job then says so)."""
    end = time.monotonic() + 10.0
    while True:
        try:
            with platform.connect(path, timeout=10.0) as sock:
                sock.sendall(json.dumps({"nonce": nonce, "secrets": dict(secrets)}).encode() + b"\n")
            return
        except BlockingIOError:  # more callers than its queue holds: somebody else knocks there
            if time.monotonic() > end:
                return
            time.sleep(0.01)
        except OSError:
            return


def _request(sock: socket.socket, method: str, path: str, body: dict[str, Any] | None, lang: str) -> tuple[int, Iterator[bytes]]:
    """Send a request and return the status and the body's chunks; raises OSError and h11.RemoteProtocolError."""
    raw = b"" if body is None else json.dumps(body).encode()
    headers = [
        ("Host", "yinxin"),
        ("Connection", "close"),
        ("Accept-Language", lang),
        ("Yinxin-Client", __version__),
        ("Content-Length", str(len(raw))),
    ]
    if body is not None:
        headers.append(("Content-Type", "application/json"))
    wire = h11.Connection(h11.CLIENT)
    head = h11.Request(method=method, target=path, headers=headers)
    out = [wire.send(head), wire.send(h11.Data(data=raw)), wire.send(h11.EndOfMessage())]
    with suppress(BrokenPipeError):  # refused early, for its size: the answer is already there
        sock.sendall(b"".join(part for part in out if part))
    response = _next(sock, wire)
    if not isinstance(response, h11.Response):
        raise ConnectionResetError("no answer")
    return response.status_code, _body(sock, wire)


def _body(sock: socket.socket, wire: h11.Connection) -> Iterator[bytes]:
    while isinstance(event := _next(sock, wire), h11.Data):
        yield bytes(event.data)


def _next(sock: socket.socket, wire: h11.Connection) -> Any:
    while (event := wire.next_event()) is h11.NEED_DATA:
        wire.receive_data(sock.recv(262144))
    return event


def _heard(chunks: Iterator[bytes]) -> Iterator[Event]:
    with _speaking():
        yield from events(chunks)


@contextmanager
def _speaking() -> Generator[None]:
    """Within an answer: whatever breaks it off is the agent's end, or its silence."""
    try:
        yield
    except TimeoutError as error:
        raise ApiError(Code.AGENT_UNREACHABLE, reason="silent") from error
    except (ConnectionError, h11.RemoteProtocolError, ValueError, KeyError) as error:
        raise ApiError(Code.AGENT_UNREACHABLE, reason="died") from error


def _told(problem: Mapping[str, Any], result: dict[str, Any] | None = None) -> Told:
    """The error in a problem+json object; a code that this version does not know is `internal`."""
    try:
        code = Code(problem.get("code", "internal"))
    except ValueError:
        code = Code.INTERNAL
    return Told(code, problem.get("facts") or {}, str(problem.get("detail", "")), str(problem.get("hint", "")), result)
