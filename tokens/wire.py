"""How the agent and its child processes speak: a 4-byte big-endian length, then one JSON object (UTF-8, ASCII-escaped).

A request is ``{"id", "op", "args"}``; its reply ``{"id", "result"}`` or ``{"id", "error": {"code", "facts"}}``; a message
without ``id`` is an event (progress).  A child serves its requests in order, so several may be under way.  The child side is
synchronous (`Link`, `serve`), the agent side is `Channel`; both take any connected stream socket.
"""

import asyncio
import base64
import json
import socket
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]

MESSAGE_MAX = 16 * 1024 * 1024
"""Bytes of JSON in one message; a longer one ends the conversation."""

_HEADER = 4
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), check_circular=False).encode


class WireError(Exception):
    """The other side broke the protocol: an oversized or malformed message, or half of one before the end."""


class ChannelClosed(ConnectionError):
    """The other side has gone, or the channel was closed, before the reply came."""


def pack(message: Mapping[str, Any]) -> bytes:
    """One framed message; raises `WireError` when it is longer than `MESSAGE_MAX`."""
    body = _encode(message).encode("ascii")
    if len(body) > MESSAGE_MAX:
        raise WireError(f"message of {len(body)} bytes")
    return len(body).to_bytes(_HEADER, "big") + body


class Unpacker:
    """Cuts a byte stream into messages; raises `WireError` at the first thing that is not one."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes, in order."""
        buffer = self._buffer
        buffer += data
        out: list[Message] = []
        start = 0
        while len(buffer) - start >= _HEADER:
            length = int.from_bytes(buffer[start : start + _HEADER], "big")
            if length > MESSAGE_MAX:
                raise WireError(f"message of {length} bytes")
            end = start + _HEADER + length
            if len(buffer) < end:
                break
            out.append(_parse(bytes(buffer[start + _HEADER : end])))
            start = end
        if start:
            del buffer[:start]
        return out

    @property
    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer)


def _parse(body: bytes) -> Message:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise WireError("not JSON") from exc
    if not isinstance(message, dict):
        raise WireError("not an object")
    return message


def to_text(data: bytes) -> str:
    """Bytes as they travel in a message (base64)."""
    return base64.b64encode(data).decode("ascii")


def to_bytes(text: str) -> bytes:
    """Bytes back from a message; raises `WireError`."""
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, TypeError) as exc:
        raise WireError("not base64") from exc


class Link:
    """The synchronous end, for child processes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._unpacker = Unpacker()
        self._ready: list[Message] = []

    @property
    def waiting(self) -> bool:
        """Whether a whole message was read already, so that the socket may be silent although one is there."""
        return bool(self._ready)

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one message; raises OSError when the other side has gone."""
        self.sock.sendall(pack(message))

    def receive(self) -> Message | None:
        """The next message, or None at the end; raises `WireError` at half a message or at nonsense."""
        while not self._ready:
            data = self.sock.recv(65536)
            if not data:
                if self._unpacker.partial:
                    raise WireError("the stream ended inside a message")
                return None
            self._ready = self._unpacker.feed(data)
        return self._ready.pop(0)


def serve(link: Link, answer: Callable[[str, Message], Message]) -> None:
    """Answer requests in order until the other side closes.

    `answer(op, args)` returns the result; it raises an exception with `code` and `facts` (as `tokens.errors.TokenError` has)
    for an error of the domain.  Any other exception ends the process: its traceback goes to stderr, the channel closes.
    """
    while (request := link.receive()) is not None:
        try:
            reply: Message = {"id": request.get("id"), "result": answer(str(request.get("op")), request.get("args") or {})}
        except Exception as exc:
            code = getattr(exc, "code", None)
            if not isinstance(code, str):
                raise
            reply = {"id": request.get("id"), "error": {"code": code, "facts": dict(getattr(exc, "facts", {}))}}
        link.send(reply)


class Channel(asyncio.Protocol):
    """The asyncio end: requests go out in order, each with a future for its reply.

    Use as ``channel = await Channel.over(sock)``.  When the other side goes, every open request gets `ChannelClosed`.
    """

    def __init__(self, on_event: Callable[[Message], None] | None = None) -> None:
        self._on_event = on_event
        self._unpacker = Unpacker()
        self._open: dict[int, asyncio.Future[Message]] = {}
        self._next = 0
        self._outgoing: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        """Done when the connection has ended, for whatever reason."""

    @classmethod
    async def over(cls, sock: socket.socket, on_event: Callable[[Message], None] | None = None) -> "Channel":
        """A channel on a connected stream socket, which it then owns."""
        sock.setblocking(False)
        _, channel = await asyncio.get_running_loop().create_connection(lambda: cls(on_event), sock=sock)
        return channel

    def post(self, op: str, args: Message | None = None) -> asyncio.Future[Message]:
        """Send a request at once; the future gives the whole reply ({"result"} or {"error"}) or raises `ChannelClosed`.

        Cancelling the future does not stop the other side; its reply is then dropped.
        """
        reply: asyncio.Future[Message] = self._loop.create_future()
        if self._transport is None or self._transport.is_closing():
            reply.set_exception(ChannelClosed("the other side has gone"))
            return reply
        self._next += 1
        data = pack({"id": self._next, "op": op, "args": args or {}})
        self._open[self._next] = reply
        if not self._outgoing:  # what is posted in one turn of the loop leaves in one system call
            self._loop.call_soon(self._flush)
        self._outgoing.append(data)
        return reply

    def _flush(self) -> None:
        data, self._outgoing = b"".join(self._outgoing), []
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def request(self, op: str, args: Message | None = None, timeout: float | None = None) -> Message:
        """`post` and wait; raises TimeoutError after `timeout` seconds, `ChannelClosed` when the other side goes."""
        async with asyncio.timeout(timeout):
            return await self.post(op, args)

    def close(self) -> None:
        """Close at once; open requests raise `ChannelClosed`."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio.Protocol."""
        try:
            messages = self._unpacker.feed(data)
        except WireError:
            self.close()
            return
        for message in messages:
            number = message.get("id")
            if number is None:
                if self._on_event is not None:
                    self._on_event(message)
                continue
            reply = self._open.pop(number, None) if isinstance(number, int) else None
            if reply is not None and not reply.done():
                reply.set_result(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio.Protocol."""
        waiting, self._open = self._open, {}
        for reply in waiting.values():
            if not reply.done():
                reply.set_exception(ChannelClosed("the other side has gone"))
                reply.exception()  # seen: a caller that stopped listening must not make the loop complain
        if not self.closed.done():
            self.closed.set_result(None)
