"""The asyncio end of the wire (`tokens.wire`), for the agent: requests with a future each, events, and an end that is noticed."""

import asyncio
import socket
from collections.abc import Callable

from tokens.wire import Message, Unpacker, WireError, pack


class ChannelClosed(ConnectionError):
    """The other side has gone, or the channel was closed, before the reply came."""


_READ_MAX = 65536


class Channel(asyncio.BufferedProtocol):
    """The asyncio end: requests go out in order, each with a future for its reply.

    Use as ``channel = await Channel.over(sock)``.  When the other side goes, every open request gets `ChannelClosed`.
    """

    def __init__(self, on_event: Callable[[Message], None] | None = None) -> None:
        self._on_event = on_event
        self._unpacker = Unpacker()
        self._open: dict[int, tuple[asyncio.Future[Message], Callable[[], None] | None]] = {}
        self._next = 0
        self._outgoing: list[bytes] | None = None
        self._incoming = bytearray(_READ_MAX)  # read into again and again: a fresh 256 KiB for every reply would cost more than the reply
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

    def post(self, op: str, args: Message | None = None, served: Callable[[], None] | None = None) -> asyncio.Future[Message]:
        """Send a request at once; the future gives the whole reply ({"result"} or {"error"}) or raises `ChannelClosed`.

        Cancelling the future does not stop the other side; its reply is then dropped.  `served` is called once, when the reply has come
        (to a cancelled future too) or the other side has gone.
        """
        reply: asyncio.Future[Message] = self._loop.create_future()
        if self._transport is None or self._transport.is_closing():
            reply.set_exception(ChannelClosed("the other side has gone"))
            if served is not None:
                self._loop.call_soon(served)
            return reply
        self._next += 1
        data = pack({"id": self._next, "op": op, "args": args or {}})
        self._open[self._next] = (reply, served)
        if self._outgoing is None:  # the first of a turn leaves at once, the others of the same turn in one system call
            self._outgoing = []
            self._loop.call_soon(self._flush)
            self._transport.write(data)
        else:
            self._outgoing.append(data)
        return reply

    def _flush(self) -> None:
        data, self._outgoing = self._outgoing, None
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(data))

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

    def get_buffer(self, sizehint: int) -> bytearray:
        """asyncio.BufferedProtocol."""
        return self._incoming

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio.BufferedProtocol."""
        try:
            messages = self._unpacker.feed(memoryview(self._incoming)[:nbytes])
        except WireError:
            self.close()
            return
        for message in messages:
            number = message.get("id")
            if number is None:
                if self._on_event is not None:
                    self._on_event(message)
                continue
            waiting = self._open.pop(number, None) if isinstance(number, int) else None
            if waiting is not None:
                reply, served = waiting
                if not reply.done():
                    reply.set_result(message)
                if served is not None:
                    served()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio.Protocol."""
        left, self._open = self._open, {}
        for reply, served in left.values():
            if not reply.done():
                reply.set_exception(ChannelClosed("the other side has gone"))
                reply.exception()  # seen: a caller that stopped listening must not make the loop complain
            if served is not None:
                served()
        if not self.closed.done():
            self.closed.set_result(None)
