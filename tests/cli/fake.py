"""A small agent to talk to: real HTTP on a real Unix socket, answers by the test's own functions, and faults on purpose."""

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent import __version__
from agent.api.home import Home, locate
from tokens import platform


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


Answer = Iterable[bytes]
"""Raw bytes of an answer; a connection that ends early is a fault on purpose."""


@dataclass(eq=False)
class FakeAgent:
    """Answers on the home's socket until closed; `asked` keeps what came."""

    top: Path
    answer: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list)

    @property
    def home(self) -> Home:
        return locate(str(self.top))

    def __enter__(self) -> "FakeAgent":
        home = self.home.make()
        with suppress(FileNotFoundError):
            home.socket.unlink()
        self._listener = platform.listen_private(str(home.socket))
        self._workers: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._thread.join()
        for worker in self._workers:
            worker.join()

    def close(self) -> None:
        """Stop listening: the next caller finds nobody."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.home.socket.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            worker = threading.Thread(target=self._serve, args=(connection,))
            self._workers.append(worker)
            worker.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(ConnectionError, BrokenPipeError):
            asked = _request(connection)
            if asked is not None:
                self.asked.append(asked)
                for part in self.answer(asked):
                    connection.sendall(part)


def _request(connection: socket.socket) -> Asked | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        if not (more := connection.recv(65536)):
            return None
        raw += more
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    method, path, _ = first.split(" ")
    return Asked(method, path, headers, json.loads(body) if body else None)


def ok(document: Any) -> Answer:
    """200 with a JSON document."""
    raw = json.dumps(document).encode()
    return [f"HTTP/1.1 200 OK\r\nYinxin-Agent: {__version__}\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw]


def problem(status: int, code: str, **facts: Any) -> Answer:
    """A problem+json answer."""
    document = {
        "type": f"urn:yinxin:{code}",
        "title": code,
        "status": status,
        "detail": f"said {code}",
        "code": code,
        "hint": "do this",
        "facts": facts,
    }
    raw = json.dumps(document).encode()
    return [f"HTTP/1.1 {status} No\r\nContent-Type: application/problem+json\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw]


def library_head() -> bytes:
    """The beginning of a shared library for this machine, and nothing behind it."""
    with open(sys.executable, "rb") as program:
        head = bytearray(program.read(64))
    head[16:18] = (3).to_bytes(2, sys.byteorder)  # ET_DYN
    return bytes(head)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(raw: bytes) -> bytes:
    """One chunk of a chunked body."""
    return f"{len(raw):x}\r\n".encode() + raw + b"\r\n"


def event(name: str, **data: Any) -> bytes:
    """One server-sent event as a chunk."""
    return chunk(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
