"""How the agent and its child processes speak: a 4-byte big-endian length, then one JSON object (UTF-8, ASCII-escaped).

A request is ``{"id", "op", "args"}``; its reply ``{"id", "result"}`` or ``{"id", "error": {"code", "facts"}}``; a message
without ``id`` is an event (progress).  A child serves its requests in order, so several may be under way.  The child side is
synchronous (`Link`, `serve`), the agent side is `Channel`; both take any connected stream socket.  `Channel` lives in
`tokens.channel` and is found here too, but loaded only when asked for: asyncio would double the start of a child process.
"""

import binascii
import json
import select
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from tokens.channel import Channel, ChannelClosed

__all__ = ("MESSAGE_MAX", "Channel", "ChannelClosed", "Link", "Message", "Unpacker", "WireError", "pack", "serve", "to_bytes", "to_text")

Message: TypeAlias = dict[str, Any]

MESSAGE_MAX = 16 * 1024 * 1024
"""Bytes of JSON in one message; a longer one ends the conversation."""

_HEADER = 4
_READ_MAX = 65536
_decode = json.JSONDecoder().raw_decode
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), check_circular=False).encode


class WireError(Exception):
    """The other side broke the protocol: an oversized or malformed message, or half of one before the end."""


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

    def feed(self, data: bytes | bytearray | memoryview) -> list[Message]:
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
        text = body.decode("utf-8")
        message, end = _decode(text)
    except (ValueError, RecursionError) as exc:
        raise WireError("not JSON") from exc
    if not isinstance(message, dict) or end != len(text):
        raise WireError("not an object")
    return message


def to_text(data: bytes) -> str:
    """Bytes as they travel in a message (base64)."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def to_bytes(text: str) -> bytes:
    """Bytes back from a message; raises `WireError`."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)  # base64.b64decode would look with a regular expression first
    except (ValueError, TypeError) as exc:
        raise WireError("not base64") from exc


class Link:
    """The synchronous end, for child processes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._unpacker = Unpacker()
        self._ready: list[Message] = []
        self._incoming = memoryview(bytearray(_READ_MAX))

    @property
    def waiting(self) -> bool:
        """Whether a whole message was read already, so that the socket may be silent although one is there."""
        return bool(self._ready)

    def quiet(self, seconds: float) -> bool:
        """Whether nothing came for so long."""
        return not self._ready and not select.select([self.sock], [], [], seconds)[0]

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one message; raises OSError when the other side has gone."""
        self.sock.sendall(pack(message))

    def receive(self) -> Message | None:
        """The next message, or None at the end; raises `WireError` at half a message or at nonsense."""
        while not self._ready:
            count = self.sock.recv_into(self._incoming)
            if not count:
                if self._unpacker.partial:
                    raise WireError("the stream ended inside a message")
                return None
            self._ready = self._unpacker.feed(self._incoming[:count])
        return self._ready.pop(0)


def serve(link: Link, answer: Callable[[str, Message], Message], idle: Callable[[], float | None] | None = None) -> None:
    """Answer requests in order until the other side closes.

    `idle`, called whenever nothing is asked, does a little and says in how many seconds it wants to be called again; None: after the next request.

    `answer(op, args)` returns the result; it raises an exception with `code` and `facts` (as `tokens.errors.TokenError` has)
    for an error of the domain.  Any other exception ends the process: its traceback goes to stderr, the channel closes.
    """
    while True:
        while idle is not None and link.quiet(0) and (seconds := idle()) is not None and link.quiet(seconds):
            pass
        if (request := link.receive()) is None:
            return
        try:
            reply: Message = {"id": request.get("id"), "result": answer(str(request.get("op")), request.get("args") or {})}
        except Exception as exc:
            code = getattr(exc, "code", None)
            if not isinstance(code, str):
                raise
            reply = {"id": request.get("id"), "error": {"code": code, "facts": dict(getattr(exc, "facts", {}))}}
        link.send(reply)


def __getattr__(name: str) -> Any:
    """`Channel` and `ChannelClosed`, on demand (PEP 562)."""
    if name in ("Channel", "ChannelClosed"):
        from tokens import channel

        return getattr(channel, name)
    raise AttributeError(name)
