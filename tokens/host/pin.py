"""The one-shot PIN socket: whoever the agent named may write the secrets here, once; the agent never sees them.

The socket is 0600 in the agent's 0700 folder under a random name.  A caller of another user, of another process than the one
expected, with a wrong nonce or with anything else than one JSON line of at most 4 KiB is dropped without a word, and the
socket goes on listening; several callers may be connected, so that a silent one holds up nobody.
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

_CALLERS_MAX = 16


def wipe(buffer: bytearray) -> None:
    """Overwrite in place (other copies may exist: Python and JSON make some; the process ends soon)."""
    for place in range(len(buffer)):
        buffer[place] = 0


@dataclass(slots=True)
class Offer:
    """An open socket that waits for `wanted` secrets."""

    path: str
    nonce: str
    wanted: tuple[str, ...]
    expect_pid: int | None
    listener: socket.socket
    callers: dict[socket.socket, bytearray] = field(default_factory=dict)

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
        for caller, buffer in self.callers.items():
            wipe(buffer)
            caller.close()
        self.callers.clear()

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
        while (left := until - time.monotonic()) > 0:
            if link.waiting:
                raise PinCancelled(reason="agent")
            for ready, _ in selector.select(left):
                sock = ready.fileobj
                assert isinstance(sock, socket.socket)
                if sock is link.sock:
                    raise PinCancelled(reason="agent")
                if sock is self.listener:
                    self._admit(selector)
                elif (given := self._hear(selector, sock)) is not None:
                    return given
        raise PinCancelled(reason="time")

    def _admit(self, selector: selectors.BaseSelector) -> None:
        try:
            caller, _ = self.listener.accept()
        except OSError:
            return
        peer = platform.peer_of(caller)
        if peer.uid != os.getuid() or self.expect_pid not in (None, peer.pid) or len(self.callers) >= _CALLERS_MAX:
            caller.close()
            return
        caller.setblocking(False)
        self.callers[caller] = bytearray()
        selector.register(caller, selectors.EVENT_READ)

    def _hear(self, selector: selectors.BaseSelector, caller: socket.socket) -> dict[str, bytearray] | None:
        buffer = self.callers[caller]
        try:
            data = caller.recv(LINE_MAX + 1 - len(buffer))
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        buffer += data
        whole = buffer.endswith(b"\n")
        if data and not whole and len(buffer) < LINE_MAX:
            return None
        given = self._read(buffer) if whole and len(buffer) <= LINE_MAX else None
        wipe(buffer)
        with contextlib.suppress(OSError):
            if given is not None:
                caller.sendall(b'{"ok":true}\n')
        selector.unregister(caller)
        del self.callers[caller]
        caller.close()
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
