"""The agent as the window sees it: JSON, problem+json and server-sent events over its Unix socket, by Qt's own HTTP.

Nothing here blocks: answers arrive in the window's event loop.  Needs Qt 6.8 (`unix+http`, FullLocalServerNameAttribute).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from PySide6.QtCore import QByteArray, QObject, QTimer, QUrl, Signal
from PySide6.QtNetwork import QNetworkAccessManager, QNetworkProxy, QNetworkReply, QNetworkRequest

from agent import __version__
from agent.api.errors import SETS_PIN

_CALL_MILLISECONDS: Final = 60_000
"""Silence after which a call counts as lost; in a job the agent breathes every 10 s."""
_RETRY_MILLISECONDS: Final = 150
_START_TRIES: Final = 200
"""Tries to reach an agent that is starting: 30 s, since a first start compiles and migrates."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request failed (RFC 9457 with our code, hint and facts); `status` is 0 where nobody answered."""

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""
    hint: str = ""
    status: int = 0

    @classmethod
    def from_wire(cls, body: Any, status: int = 0) -> "Problem":
        """What a problem+json object says; anything else is `internal`."""
        if not isinstance(body, dict) or not isinstance(body.get("code"), str):
            return cls("internal", {"status": status}, status=status)
        facts = body.get("facts")
        detail = str(body.get("detail") or body.get("message") or "")
        return cls(body["code"], facts if isinstance(facts, dict) else {}, detail, str(body.get("hint") or ""), status)

    @property
    def declined(self) -> bool:
        """Whether it is only that the person said no."""
        return self.code in ("pin_cancelled", "cancelled") and self.facts.get("reason") in (None, "declined", "no_consent")


UNREACHABLE: Final = Problem("agent_unreachable")
DIED: Final = Problem("agent_unreachable", {"reason": "died"})


class EventParser:
    """Server-sent events from a byte stream (WHATWG HTML 9.2.6), as far as the agent uses them: `event`, `data`, comments."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[tuple[str, Any]]:
        """The events that `chunk` completes, as (event, decoded JSON); a block that is no JSON is left out."""
        *blocks, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n\n")
        return [event for block in blocks if (event := _event(block)) is not None]


def _event(block: bytes) -> tuple[str, Any] | None:
    name, data = "message", []
    for line in block.split(b"\n"):
        key, _, value = line.partition(b":")
        if key == b"event":
            name = value.strip().decode("utf-8", "replace")
        elif key == b"data":
            data.append(value.removeprefix(b" "))
    try:
        return (name, json.loads(b"\n".join(data))) if data else None
    except ValueError:
        return None


class Stream(QObject):
    """A request whose answer is a stream of events; `heard` brings each one decoded, `ended` comes once, with the problem or None."""

    heard = Signal(str, object)
    ended = Signal(object)

    def __init__(self, reply: QNetworkReply, parent: QObject) -> None:
        super().__init__(parent)
        self._reply: QNetworkReply | None = reply
        self._parser = EventParser()
        reply.readyRead.connect(self._read)
        reply.finished.connect(self._finished)

    def close(self) -> None:
        """Go away without a word: the agent sees the client leave, and no signal comes any more."""
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.readyRead.disconnect(self._read)
            reply.finished.disconnect(self._finished)
            reply.abort()
            reply.deleteLater()
        self.deleteLater()

    def _read(self) -> None:
        reply = self._reply
        if reply is None or not _is_stream(reply):
            return
        for name, data in self._parser.feed(_bytes(reply.readAll())):
            self.heard.emit(name, data)
            if self._reply is None:  # closed by one who heard the event
                return

    def _finished(self) -> None:
        self._read()
        reply, self._reply = self._reply, None
        if reply is None:
            return
        problem = None if _is_stream(reply) and reply.error() == QNetworkReply.NetworkError.NoError else _problem(reply)
        reply.deleteLater()
        self.ended.emit(problem)
        self.deleteLater()


class Job(QObject):
    """Long work in the agent that lives as long as this connection; ends with `done` or `failed`, once."""

    question = Signal(dict)
    progress = Signal(dict)
    document = Signal(dict)
    waiting = Signal(dict)
    batch = Signal(str)
    """The name of the set being signed, as soon as it has one."""
    heard = Signal(str, dict)
    """Any other event, by its name."""
    done = Signal(dict)
    failed = Signal(object, object)
    """(Problem, result so far or None)."""
    over = Signal(object)

    def __init__(self, agent: "Agent", path: str, body: Mapping[str, Any]) -> None:
        super().__init__(agent)
        self._id, self._ended, self._stop, self._path = "", False, False, path
        self._stream = agent.stream("POST", path, body)
        self._stream.heard.connect(self._event)
        self._stream.ended.connect(self._cut_off)

    def answer(self, question: str, answer: str) -> None:
        """Answer a question that is not a PIN."""
        self._agent().call("POST", f"/v1/jobs/{self._id}/answers", {"question": question, "answer": answer})

    def stop(self) -> None:
        """Ask the agent to stop at the next resting point (between documents); the job still ends by itself."""
        self._stop = True
        if self._id and not self._ended:
            self._agent().call("DELETE", f"/v1/jobs/{self._id}")

    def abandon(self) -> None:
        """Leave: the connection ends and the agent cancels the job; no signal comes any more."""
        if not self._ended:
            self._ended = True
            self._stream.close()
            self.over.emit(self)
            self.deleteLater()

    def _agent(self) -> "Agent":
        """Our owner; a child that held the last reference to its owner would be deleted within its own end."""
        return cast(Agent, self.parent())

    def _event(self, name: str, data: Any) -> None:
        if self._ended or not isinstance(data, dict):
            return
        if name == "job":
            self._id = str(data.get("job", ""))
            if self._stop:
                self.stop()
        elif name == "question":
            self.question.emit(data)
        elif name == "progress":
            self.progress.emit(data)
        elif name == "document":
            self.document.emit(data)
        elif name == "waiting":
            self.waiting.emit(data)
        elif name == "batch":
            self.batch.emit(str(data.get("batch") or ""))
        elif name == "done":
            self._ended = True
            self.done.emit(data.get("result") or {})
        elif name == "failed":
            self._ended = True
            self.failed.emit(Problem.from_wire(data.get("problem")), data.get("result"))
        else:
            self.heard.emit(name, data)

    def _cut_off(self, problem: Problem | None) -> None:
        if not self._ended:
            self._ended = True
            told = problem or DIED
            self.failed.emit(Problem("agent_unreachable", {"reason": "died_pin"}) if told == DIED and self._path in SETS_PIN else told, None)
        self.over.emit(self)
        self.deleteLater()


class Agent(QObject):
    """One agent at one socket.  `live` follows its tokens and keeps it running: it is started by `start` when nobody answers."""

    state = Signal(str)
    """connecting, up, down (it did not start in time), version (another version answers)."""
    tokens = Signal(list)
    troubles = Signal(list)
    """Modules whose tokens cannot be listed, and why."""

    def __init__(self, socket_path: str, lang: str, start: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._socket_path, self._lang, self._start = socket_path, lang, start
        self._net = QNetworkAccessManager(self)
        self._net.setProxy(QNetworkProxy(QNetworkProxy.ProxyType.NoProxy))
        self._tries = 0
        self._live: Stream | None = None
        self._retry = QTimer(self, singleShot=True, interval=_RETRY_MILLISECONDS)
        self._retry.timeout.connect(self._connect)
        self._calls: set[QNetworkReply] = set()
        self._jobs: set[Job] = set()

    def live(self) -> None:
        """Follow the tokens from now on; start the agent if need be."""
        self._tries = 0
        self.state.emit("connecting")
        self._connect()

    def close(self) -> None:
        """End every connection; nothing is told any more.  Called before the application's objects go."""
        self._retry.stop()
        if self._live is not None:
            self._live.close()
            self._live = None
        for job in list(self._jobs):
            job.abandon()
        self._jobs.clear()
        for reply in list(self._calls):
            reply.finished.disconnect()
            reply.abort()
            reply.deleteLater()
        self._calls.clear()

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        then: Callable[[dict[str, Any]], None] | None = None,
        failed: Callable[[Problem], None] | None = None,
        silence: int = _CALL_MILLISECONDS,
    ) -> None:
        """A short request; `then` gets the JSON object, `failed` the problem, after `silence` milliseconds without a word too."""
        reply = self._send(method, path, body, silence)
        self._calls.add(reply)

        def finished() -> None:
            self._calls.discard(reply)
            reply.deleteLater()
            if reply.error() != QNetworkReply.NetworkError.NoError:
                if failed is not None:
                    failed(_problem(reply))
            elif then is not None:
                answer = _json(reply)
                then(answer if isinstance(answer, dict) else {})

        reply.finished.connect(finished)

    def stream(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Stream:
        """A request that answers with events."""
        # Only a job breathes; the stream of tokens is silent while none comes or goes, and ends when the agent does.
        return Stream(self._send(method, path, body, 0 if method == "GET" else _CALL_MILLISECONDS), self)

    def job(self, path: str, body: Mapping[str, Any]) -> Job:
        """Start long work; the answers to its questions come from this process."""
        job = Job(self, path, {**body, "interaction": {"mode": "caller"}})
        self._jobs.add(job)
        job.over.connect(self._jobs.discard)
        return job

    def restart(self) -> None:
        """End the agent that answers (it may be of another version) and start ours."""
        self.state.emit("connecting")
        self._tries = 0
        again = lambda *_: self._retry.start()  # noqa: E731
        self.call("POST", "/v1/stop", {}, again, again)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None, silence: int = _CALL_MILLISECONDS) -> QNetworkReply:
        request = QNetworkRequest(QUrl(f"unix+http://agent{path}"))
        request.setAttribute(QNetworkRequest.Attribute.FullLocalServerNameAttribute, self._socket_path)
        request.setAttribute(QNetworkRequest.Attribute.CookieLoadControlAttribute, QNetworkRequest.LoadControl.Manual)
        request.setAttribute(QNetworkRequest.Attribute.CacheLoadControlAttribute, QNetworkRequest.CacheLoadControl.AlwaysNetwork)
        request.setTransferTimeout(silence)
        request.setRawHeader(b"Accept-Language", self._lang.encode())
        request.setRawHeader(b"Yinxin-Client", __version__.encode())
        if body is None:
            return self._net.sendCustomRequest(request, method.encode())
        request.setHeader(QNetworkRequest.KnownHeaders.ContentTypeHeader, "application/json")
        return self._net.sendCustomRequest(request, method.encode(), QByteArray(json.dumps(body).encode()))

    def _connect(self) -> None:
        if self._live is not None:
            self._live.close()
        self._live = self.stream("GET", "/v1/tokens/events")
        self._live.heard.connect(self._token_event)
        self._live.ended.connect(self._lost)

    def _token_event(self, name: str, data: Any) -> None:
        if name != "tokens" or not isinstance(data, dict):
            return
        self._tries = 0
        self.state.emit("up")
        self.tokens.emit(data.get("tokens") or [])
        if "troubles" in data:
            self.troubles.emit(data["troubles"] or [])

    def _lost(self, problem: Problem | None) -> None:
        self._live = None
        if problem is not None and problem.status:  # somebody answered, and refused
            self.state.emit("version" if problem.facts.get("reason") == "version" else "down")
            return
        # Qt (6.8 to 6.12) never takes back the connection of a local socket that nobody listened on: the seventh request would wait for ever.
        self._net.clearConnectionCache()
        if self._tries == 0:
            self.state.emit("connecting")
            self._start()
        self._tries += 1
        if self._tries > _START_TRIES:
            self.state.emit("down")
        else:
            self._retry.start()


def _bytes(data: QByteArray) -> bytes:
    return bytes(data.data())


def _json(reply: QNetworkReply) -> Any:
    try:
        return json.loads(_bytes(reply.readAll()) or b"null")
    except ValueError:
        return None


def _is_stream(reply: QNetworkReply) -> bool:
    kind = reply.header(QNetworkRequest.KnownHeaders.ContentTypeHeader)
    return isinstance(kind, str) and kind.startswith("text/event-stream")


def _problem(reply: QNetworkReply) -> Problem:
    status = reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute)
    if status is None:
        return UNREACHABLE
    if _is_stream(reply):
        return DIED
    return Problem.from_wire(_json(reply), int(status))
