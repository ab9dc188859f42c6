"""A small agent on a real Unix socket: it speaks the wire as the real one does, and its story is told by the test."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

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
        "pin_state": "ok", "protected_path": False, "emulated": False, "keys": [], "certificates": [CERTIFICATE], **changes,
    }  # fmt: skip


def problem(code: str, status: int = 409, **facts: Any) -> dict[str, Any]:
    """A problem+json object."""
    return {"type": f"urn:yinxin:{code}", "title": code, "status": status, "detail": code, "code": code, "hint": "", "facts": facts}


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
        self._changed = threading.Condition()
        self._generation = 0
        self._open = True
        self._server = platform.listen_private(self.socket)
        threading.Thread(target=self._accept, daemon=True).start()

    def show(self, *tokens: dict[str, Any]) -> None:
        """Other tokens are there now."""
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
        elif path == "/v1/signatures":
            self._sign(http, body)
        elif path == "/v1/verifications":
            emit = self._stream(http)
            emit("job", {"job": "v1"})
            emit("done", {"result": self.verification(body)})
            http.close_connection = True
        elif path.endswith("/answers"):
            self.answers.append(body)
            self._json(http, None, 204)
        elif method == "DELETE":
            self.cancelled.set()
            self.before_done.set()
            self._json(http, None, 204)
        else:
            self._json(http, {"version": "0", "jobs": 0})

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
                seen, tokens = self._generation, self.tokens
            emit("tokens", {"tokens": tokens})
            with self._changed:
                self._changed.wait_for(lambda seen=seen: self._generation != seen or not self._open)
                if not self._open:
                    http.close_connection = True
                    return

    def _sign(self, http: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        emit = self._stream(http)
        http.close_connection = True
        names = [unquote(uri.rsplit("/", 1)[1]) for uri in body["inputs"]]
        emit("job", {"job": "s1"})
        emit("progress", {"stage": "snapshot", "done": len(names), "total": len(names), "rate": None})
        listener = platform.listen_private(str(self.folder / "pin"))
        listed = [
            {"name": n, "uri": u, "sha256": f"{i:02x}" * 32, "size": 123456, "pages": 1}
            for i, (n, u) in enumerate(zip(names, body["inputs"], strict=True), 1)
        ]
        about = {"question": "q1", "kind": "pin", "purpose": "sign", "documents": listed, "token": self.tokens[0], "secrets": ["pin"]}
        emit("question", {**about, "socket": str(self.folder / "pin"), "nonce": "n0nce", "deadline_seconds": 120, **self.question})
        given = self._pin(listener)
        if given is None:
            emit("failed", {"problem": problem("pin_cancelled"), "result": None})
            return
        self.pins.append(given)
        if given["secrets"]["pin"] != RIGHT_PIN:
            skipped = [{"input": u, "output": None, "state": "skipped", "error": None} for u in body["inputs"]]
            emit("failed", {"problem": problem("pin_incorrect", token="王芳的UKey"), "result": {"batch": "b", "documents": skipped}})
            return
        for done in range(1, len(names) + 1):
            emit("progress", {"stage": "sign", "done": done, "total": len(names), "rate": 12.5})
        self.before_done.wait(30)
        out = [{"input": u, "output": u.removesuffix(".pdf") + ".signed.pdf", "state": "published", "error": None} for u in body["inputs"]]
        if self.cancelled.is_set():
            out[-1] |= {"output": None, "state": "skipped"}
            emit("failed", {"problem": problem("cancelled"), "result": {"batch": "b", "documents": out}})
            return
        emit("done", {"result": {"batch": "b", "documents": out}})

    def _pin(self, listener: Any) -> dict[str, Any] | None:
        """What comes to the PIN socket, or None when the answer was to cancel."""
        listener.settimeout(0.05)
        try:
            while not any(a["answer"] == "cancel" for a in self.answers):
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    line = connection.makefile().readline()
                return dict(json.loads(line)) if line else None
            return None
        finally:
            listener.close()
            (self.folder / "pin").unlink()
