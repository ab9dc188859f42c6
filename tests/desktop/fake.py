"""A small agent on a real Unix socket: it speaks the wire as the real one does, and its story is told by the test."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from tests.desktop.fake_ledger import FakeLedger
from tokens import platform

RIGHT_PIN = "246810"
CERTIFICATE = {
    "fingerprint": "ab" * 32, "subject": "CN=王芳,O=示范设计院,C=CN", "common_name": "王芳", "issuer": "CN=示范设计院内部CA", "serial": "0a1b",
    "not_before": "2025-01-01T00:00:00Z", "not_after": "2035-01-01T00:00:00Z", "label": "sign", "id": "01", "usable": True, "problem": None,
    "internal": True, "ca": False, "key_type": "rsa2048",
}  # fmt: skip


def token(label: str = "王芳的UKey", **changes: Any) -> dict[str, Any]:
    """A TOKEN object."""
    return {
        "module": "fake", "slot_description": "reader 0", "label": label, "serial": "7F00A1", "manufacturer": "Fake", "model": "F1", "state": "ready",
        "pin_state": "ok", "so_pin_state": "ok", "pin_to_be_changed": False, "protected_path": False, "write_protected": False, "emulated": False,
        "practice": False, "firmware_version": "1.2", "login": None, "profile": None, "keys": [], "certificates": [CERTIFICATE], **changes,
    }  # fmt: skip


def problem(code: str, status: int = 409, **facts: Any) -> dict[str, Any]:
    """A problem+json object."""
    return {"type": f"urn:yinxin:{code}", "title": code, "status": status, "detail": code, "code": code, "hint": "", "facts": facts}


Emit: TypeAlias = Callable[[str, dict[str, Any]], None]
Story: TypeAlias = Callable[["FakeAgent", Emit, dict[str, Any]], None]


class FakeAgent:
    """Answers until `close`; what it was asked stands in `requests`, what PINs it was given in `pins`."""

    def __init__(self, folder: Path) -> None:
        self.folder = platform.private_folder(folder)
        self.socket = str(folder / "agent.sock")
        self.requests: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.pins: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.tokens: list[dict[str, Any]] = [token()]
        self.refuse: dict[str, Any] | None = None
        self.question: dict[str, Any] = {}
        self.before_done = threading.Event()
        self.before_done.set()
        self.cancelled = threading.Event()
        self.verification: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: {"documents": []}
        self.run: list[dict[str, Any]] = []
        """The verdicts of the last verification."""
        self.answered: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
        """Short calls by their path; an answer with a status is a problem."""
        self.ledger = FakeLedger()
        self.modules: list[dict[str, Any]] = []
        self.troubles: list[dict[str, Any]] = []
        self.stories: dict[str, Story] = {}
        """What a job on a token does, by its path; one that has none asks for the PIN and is done."""
        self.pulled_after: int | None = None
        """After so many documents of the next set the token is pulled."""
        self._left: list[str] = []
        self._changed = threading.Condition()
        self._generation = 0
        self._open = True
        self._server = platform.listen_private(self.socket)
        threading.Thread(target=self._accept, daemon=True).start()

    def asked(self, path: str) -> list[Any]:
        """The bodies of all requests at `path`."""
        return [body for _, asked, body in self.requests if asked == path]

    def show(self, *tokens: dict[str, Any], troubles: list[dict[str, Any]] | None = None) -> None:
        """Other tokens are there now."""
        self.troubles = troubles or []
        with self._changed:
            self.tokens = list(tokens)
            self._generation += 1
            self._changed.notify_all()

    def close(self) -> None:
        """No more answers; streams end."""
        if not self._open:
            return
        with self._changed:
            self._open = False
            self._changed.notify_all()
        platform.connect(self.socket).close()
        self._server.close()
        Path(self.socket).unlink(missing_ok=True)

    def _accept(self) -> None:
        while self._open:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Any) -> None:
        agent = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def _handle(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                agent.requests.append((self.command, self.path, body))
                agent.headers.append(dict(self.headers.items()))
                agent.answer(self, self.command, self.path, body)

            do_GET = do_POST = do_DELETE = _handle

        with connection:
            try:
                Handler(connection, ("", 0), None)  # type: ignore[arg-type]
            except (OSError, ValueError):
                pass  # the client went away

    def answer(self, http: BaseHTTPRequestHandler, method: str, path: str, body: Any) -> None:
        """Answer one request."""
        if self.refuse is not None and path not in ("/v1/status", "/v1/stop"):
            self._json(http, self.refuse, self.refuse["status"])
        elif path == "/v1/tokens/events":
            self._token_events(http)
        elif path in ("/v1/tokens/inspect", "/v1/tokens/pin/change", "/v1/tokens/pin/unblock"):
            emit = self._stream(http)
            http.close_connection = True
            emit("job", {"job": "t1"})
            self.stories.get(path, _asks_for_a_pin)(self, emit, body)
        elif path == "/v1/modules":
            self._json(http, {"modules": self.modules})
        elif path == "/v1/tokens/lock":
            self._json(http, {"locked": [t["label"] for t in self.tokens]})
        elif path in ("/v1/tokens/pull", "/v1/tokens/insert"):
            self._json(http, {"token": self.tokens[0]})
            self.show({**self.tokens[0], "state": "removed" if path.endswith("pull") else "ready"})
        elif path == "/v1/signatures":
            self._sign(http, body)
        elif path == "/v1/verifications":
            emit = self._stream(http)
            http.close_connection = True
            emit("job", {"job": "v1"})
            self._verify(emit, body)
        elif path in ("/v1/ledger/verifications", "/v1/ledger/exports"):
            emit = self._stream(http)
            http.close_connection = True
            emit("job", {"job": "l1"})
            self._ledger_job(path, emit, body)
        elif path.startswith("/v1/ledger"):
            told = self.ledger.answer(path)
            self._json(http, told, told.get("status", 200))
        elif path.startswith("/v1/verifications/runs/"):
            self._json(http, self._page(path))
        elif path in self.answered:
            told = self.answered[path](body)
            self._json(http, told, told.get("status", 200))
        elif path.endswith("/answers"):
            self.answers.append(body)
            self._json(http, None, 204)
        elif method == "DELETE":
            self.cancelled.set()
            self.before_done.set()
            self._json(http, None, 204)
        else:
            self._json(http, {"version": "0", "jobs": 0})

    def _ledger_job(self, path: str, emit: Emit, body: dict[str, Any]) -> None:
        self.cancelled.clear()
        stage = "ledger" if path.endswith("verifications") else "export"
        emit("progress", {"stage": stage, "done": 7, "total": self.ledger.size, "rate": 1000.0})
        self.before_done.wait(30)
        if self.cancelled.is_set():
            emit("failed", {"problem": problem("cancelled"), "result": None})
        elif stage == "ledger":
            emit("done", {"result": self.ledger.checked})
        else:
            readme = "file:///x/README" if body["format"] == "jsonl" else None
            emit("done", {"result": {"output": body["output"], "format": body["format"], "entries": self.ledger.size, "readme": readme}})

    def _verify(self, emit: Emit, body: dict[str, Any]) -> None:
        self.cancelled.clear()
        emit("run", {"run": "V1"})
        told = self.verification(body)
        documents, waiting = told["documents"], told.pop("waiting", 0)
        self.run = documents
        for number, entry in enumerate(documents, 1):
            if (body.get("collect") or entry["verdict"] != "passed") and not body.get("resume"):
                emit("document", entry)
            emit("progress", {"stage": "verify", "done": number, "total": len(documents) + waiting, "rate": 12.5, "left": 60})
        self.before_done.wait(30)
        verdicts = [entry["verdict"] for entry in documents]
        counts = {verdict: verdicts.count(verdict) for verdict in ("passed", "failed", "indeterminate")} | {"waiting": waiting}
        result = {"run": "V1", "counts": counts, "left_out": told.get("left_out", {})}
        if self.cancelled.is_set():
            emit("failed", {"problem": problem("cancelled", reason="verification", run="V1"), "result": result})
        elif told.get("dies") is None:
            emit("done", {"result": result})

    def _page(self, path: str) -> dict[str, Any]:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        kept = [(n, d) for n, d in enumerate(self.run) if n > float(asked["after"]) and (asked["exceptions"] != "true" or d["verdict"] != "passed")]
        page = kept[: int(asked["limit"])]
        return {"documents": [d for _, d in page], "next": page[-1][0] if len(page) == int(asked["limit"]) else None}

    def _json(self, http: BaseHTTPRequestHandler, body: Any, status: int = 200) -> None:
        raw = b"" if body is None else json.dumps(body).encode()
        http.send_response(status)
        http.send_header("Content-Type", "application/problem+json" if status >= 400 else "application/json")
        http.send_header("Content-Length", str(len(raw)))
        http.end_headers()
        http.wfile.write(raw)

    def _stream(self, http: BaseHTTPRequestHandler) -> Callable[[str, dict[str, Any]], None]:
        http.send_response(200)
        http.send_header("Content-Type", "text/event-stream")
        http.send_header("Connection", "close")
        http.end_headers()

        def emit(event: str, data: dict[str, Any]) -> None:
            http.wfile.write(f": alive\n\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode())
            http.wfile.flush()

        return emit

    def _token_events(self, http: BaseHTTPRequestHandler) -> None:
        emit = self._stream(http)
        while True:
            with self._changed:
                seen, tokens, troubles = self._generation, self.tokens, self.troubles
            emit("tokens", {"tokens": tokens, "troubles": troubles})
            with self._changed:
                self._changed.wait_for(lambda seen=seen: self._generation != seen or not self._open)
                if not self._open:
                    http.close_connection = True
                    return

    def _sign(self, http: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        emit = self._stream(http)
        http.close_connection = True
        inputs = self._left if body.get("resume") else body["inputs"]
        names = [unquote(uri.rsplit("/", 1)[1]) for uri in inputs]
        emit("job", {"job": "s1"})
        emit("batch", {"batch": "b"})
        self.cancelled.clear()
        emit("progress", {"stage": "snapshot", "done": len(names), "total": len(names), "rate": None})
        listed = [
            {"name": n, "uri": u, "sha256": f"{i:02x}" * 32, "size": 123456, "pages": 1}
            for i, (n, u) in enumerate(zip(names, inputs, strict=True), 1)
        ]
        given = self.ask(emit, {"purpose": "sign", "documents": listed, **self.question})
        if given is None:
            emit("failed", {"problem": problem("pin_cancelled"), "result": None})
            return
        if given and given["secrets"]["pin"] != RIGHT_PIN:
            skipped = [{"input": u, "output": None, "state": "skipped", "error": None} for u in inputs]
            emit("failed", {"problem": problem("pin_incorrect", token="王芳的UKey"), "result": {"batch": "b", "documents": skipped}})
            return
        for done in range(1, len(names) + 1):
            emit("progress", {"stage": "sign", "done": done, "total": len(names), "rate": 12.5})
        self.before_done.wait(30)
        out = [{"input": u, "output": u.removesuffix(".pdf") + ".signed.pdf", "state": "published", "error": None} for u in inputs]
        if self.pulled_after is not None:
            done, self.pulled_after = self.pulled_after, None
            out[done:] = [{**entry, "output": None, "state": "skipped"} for entry in out[done:]]
            self._left = [entry["input"] for entry in out[done:]]
            told = problem("token_removed", token="王芳的UKey", published=done, remaining=len(out) - done)
            emit("failed", {"problem": told, "result": {"batch": "b", "documents": out}})
            self.show()
            return
        if self.cancelled.is_set():
            out[-1] |= {"output": None, "state": "skipped"}
            self._left = [out[-1]["input"]]
            emit("failed", {"problem": problem("cancelled"), "result": {"batch": "b", "documents": out}})
            return
        emit("done", {"result": {"batch": "b", "documents": out}})

    def ask(self, emit: Emit, question: dict[str, Any]) -> dict[str, Any] | None:
        """What the person gives to a question: the line at the PIN socket, {} for a plain yes, None for "cancel"."""
        path = str(self.folder / "pin")
        about = {"question": f"q{len(self.answers) + 1}", "kind": "pin", "documents": [], "token": self.tokens[0], "secrets": ["pin"], **question}
        listener = platform.listen_private(path)
        where = {"socket": path, "nonce": "n0nce", "deadline_seconds": 120} if about["secrets"] else {"pad": True}
        emit("question", about | (where if about["kind"] == "pin" else {"secrets": []}))
        given = self._pin(listener, about["question"])
        if given:
            self.pins.append(given)
        return given

    def _pin(self, listener: Any, question: str) -> dict[str, Any] | None:
        """What comes to the PIN socket, {} when the answer was yes, or None when it was to cancel."""
        listener.settimeout(0.05)
        try:
            while not (said := [a["answer"] for a in self.answers if a["question"] == question]):
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    line = connection.makefile().readline()
                return dict(json.loads(line)) if line else None
            return None if said[0] == "cancel" else {}
        finally:
            listener.close()
            (self.folder / "pin").unlink()


def _asks_for_a_pin(agent: FakeAgent, emit: Emit, body: dict[str, Any]) -> None:
    if agent.ask(emit, {"purpose": "pin_change", "secrets": ["pin", "new_pin"]}) is None:
        emit("failed", {"problem": problem("pin_cancelled"), "result": None})
    else:
        emit("done", {"result": {"token": agent.tokens[0]}})
