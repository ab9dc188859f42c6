"""The one-shot PIN socket: whoever the agent named may write the secrets here, once; the agent never sees them.

The socket is 0600 in the agent's 0700 folder under a random name.  A caller of another user, of another process than the one
expected, with a wrong nonce or with anything else than one JSON line of at most 4 KiB is dropped without a word, and the
socket goes on listening; several callers may be connected, so that a silent one holds up nobody: it is dropped after
`CALLER_SECONDS`, and at once when there are too many.
"""

import contextlib
import hmac
import json
import os
import secrets
import selectors
import socket
import time
from dataclasses import dataclass, field

from tokens import platform
from tokens.errors import PinCancelled
from tokens.wire import Link, Message

LINE_MAX = 4096
"""Bytes in the one line, newline included."""

CALLER_SECONDS = 5.0
"""How long a caller may take for its one line; who has a PIN to give has typed it before."""

_CALLERS_MAX = 16


def wipe(buffer: bytearray) -> None:
    """Overwrite in place (other copies may exist: Python and JSON make some; the process ends soon)."""
    for place in range(len(buffer)):
        buffer[place] = 0


@dataclass(slots=True)
class _Caller:
    until: float
    """When it is dropped (monotonic clock)."""
    line: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class Offer:
    """An open socket that waits for `wanted` secrets."""

    path: str
    nonce: str
    wanted: tuple[str, ...]
    expect_pid: int | None
    listener: socket.socket
    callers: dict[socket.socket, _Caller] = field(default_factory=dict)
    """Those who have connected and not written their line, in the order they came."""

    @classmethod
    def open(cls, run_dir: str, wanted: tuple[str, ...], expect_pid: int | None) -> "Offer":
        """Bind the socket; OSError where the folder does not let us."""
        path = os.path.join(run_dir, "pin-" + secrets.token_hex(16))
        listener = platform.listen_private(path, backlog=_CALLERS_MAX)
        listener.setblocking(False)
        return cls(path, secrets.token_hex(16), wanted, expect_pid, listener)

    def close(self) -> None:
        """Unlink and close; callers that are still connected are dropped and what they wrote is overwritten."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener.close()
        for caller in list(self.callers):
            self._drop(caller)

    def wait(self, link: Link, seconds: float) -> dict[str, bytearray]:
        """The secrets, once; raises `PinCancelled` (reason: time, agent, declined).

        A message of the agent ends the wait: the agent sends nothing else while it waits, but "cancel".
        """
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self.listener, selectors.EVENT_READ)
                selector.register(link.sock, selectors.EVENT_READ)
                return self._wait(selector, link, time.monotonic() + seconds)
        finally:
            self.close()

    def _wait(self, selector: selectors.BaseSelector, link: Link, until: float) -> dict[str, bytearray]:
        while (now := time.monotonic()) < until:
            if link.waiting:
                raise PinCancelled(reason="agent")
            for caller in [caller for caller, about in self.callers.items() if about.until <= now]:
                self._drop(caller, selector)
            for ready, _ in selector.select(min([until, *(about.until for about in self.callers.values())]) - now):
                sock = ready.fileobj
                assert isinstance(sock, socket.socket)
                if sock is link.sock:
                    raise PinCancelled(reason="agent")
                if sock is self.listener:
                    self._admit(selector)
                elif sock in self.callers and (given := self._hear(selector, sock)) is not None:
                    return given
        raise PinCancelled(reason="time")

    def _admit(self, selector: selectors.BaseSelector) -> None:
        try:
            caller, _ = self.listener.accept()
        except OSError:
            return
        peer = platform.peer_of(caller)
        if peer.uid != os.getuid() or self.expect_pid not in (None, peer.pid):
            caller.close()
            return
        if len(self.callers) >= _CALLERS_MAX:  # the one who has been silent longest makes room: the right one speaks at once
            self._drop(next(iter(self.callers)), selector)
        caller.setblocking(False)
        self.callers[caller] = _Caller(time.monotonic() + CALLER_SECONDS)
        selector.register(caller, selectors.EVENT_READ)

    def _drop(self, caller: socket.socket, selector: selectors.BaseSelector | None = None) -> None:
        """End a conversation; what was written is overwritten."""
        wipe(self.callers.pop(caller).line)
        if selector is not None:
            selector.unregister(caller)
        caller.close()

    def _hear(self, selector: selectors.BaseSelector, caller: socket.socket) -> dict[str, bytearray] | None:
        line = self.callers[caller].line
        try:
            data = caller.recv(LINE_MAX + 1 - len(line))
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        line += data
        whole = line.endswith(b"\n")
        if data and not whole and len(line) < LINE_MAX:
            return None
        try:
            given = self._read(line) if whole and len(line) <= LINE_MAX else None
            with contextlib.suppress(OSError):
                if given is not None:
                    caller.sendall(b'{"ok":true}\n')
        finally:
            self._drop(caller, selector)
        return given

    def _read(self, line: bytearray) -> dict[str, bytearray] | None:
        """The secrets in a right line; None for a wrong one.  Raises `PinCancelled` where the right caller gives none (secrets null)."""
        try:
            message: Message = json.loads(line)
            nonce, given = message["nonce"], message["secrets"]
            if not hmac.compare_digest(nonce.encode(), self.nonce.encode()):
                return None
            if given is None:
                raise PinCancelled(reason="declined")
            if set(given) != set(self.wanted):
                return None
            return {name: bytearray(given[name].encode("utf-8")) for name in self.wanted}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
