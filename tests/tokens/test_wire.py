"""The wire: what is packed comes out, whatever the pieces; what is no message is refused; a channel survives its peer."""

import asyncio
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokens import platform, wire
from tokens.errors import PinIncorrect
from tokens.wire import Channel, ChannelClosed, Link, Message, Unpacker, WireError

_scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=()), max_size=20)
_messages = st.dictionaries(st.text(max_size=5), st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5), max_size=4)


@given(st.lists(_messages, max_size=6), st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_any_messages_in_any_pieces(messages: list[Message], sizes: list[int]) -> None:
    stream = b"".join(map(wire.pack, messages))
    unpacker, out, at, step = Unpacker(), [], 0, 0
    while at < len(stream):
        size = sizes[step % len(sizes)]
        out += unpacker.feed(stream[at : at + size])
        at, step = at + size, step + 1
    assert out == messages
    assert not unpacker.partial


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else_happens(data: bytes) -> None:
    try:
        messages = Unpacker().feed(data)
    except WireError:
        return
    assert all(isinstance(message, dict) for message in messages)


def test_a_lone_surrogate_survives() -> None:
    name = b"\xff\xfe.pdf".decode("utf-8", "surrogateescape")
    assert Unpacker().feed(wire.pack({"name": name})) == [{"name": name}]


def test_the_length_is_bounded_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WireError):
        Unpacker().feed((wire.MESSAGE_MAX + 1).to_bytes(4, "big"))
    monkeypatch.setattr(wire, "MESSAGE_MAX", 100)
    with pytest.raises(WireError):
        wire.pack({"x": "y" * 100})


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        Unpacker().feed(len(body).to_bytes(4, "big") + body)


def test_base64_is_strict() -> None:
    assert wire.to_bytes(wire.to_text(b"\0\xff")) == b"\0\xff"
    with pytest.raises(WireError):
        wire.to_bytes("a?==")


def test_link_tells_the_end_from_half_a_message() -> None:
    ours, theirs = platform.socket_pair()
    with ours, theirs:
        theirs.sendall(wire.pack({"a": 1}) + wire.pack({"b": 2})[:-1])
        theirs.shutdown(socket.SHUT_WR)
        link = Link(ours)
        assert link.receive() == {"a": 1}
        with pytest.raises(WireError):
            link.receive()


def _child(sock: socket.socket) -> None:
    def answer(op: str, args: Message) -> Message:
        if op == "fail":
            raise PinIncorrect(ckr="CKR_PIN_INCORRECT")
        return {"op": op, **args}

    with sock:
        wire.serve(Link(sock), answer)


def test_channel_keeps_replies_apart_and_in_order() -> None:
    async def run() -> None:
        ours, theirs = platform.socket_pair()
        child = threading.Thread(target=_child, args=(theirs,))
        child.start()
        channel = await Channel.over(ours)
        replies = await asyncio.gather(*[channel.request("echo", {"n": n}) for n in range(50)])
        assert [reply["result"]["n"] for reply in replies] == list(range(50))
        assert (await channel.request("fail"))["error"] == {"code": "pin_incorrect", "facts": {"ckr": "CKR_PIN_INCORRECT"}}
        dropped = channel.post("echo")
        dropped.cancel()
        assert (await channel.request("echo", {"n": 1}))["result"]["n"] == 1
        channel.close()
        await channel.closed
        with pytest.raises(ChannelClosed):
            await channel.request("echo")
        await asyncio.to_thread(child.join)

    asyncio.run(run())


def test_channel_gives_events_and_ends_with_its_peer() -> None:
    async def run() -> None:
        ours, theirs = platform.socket_pair()
        theirs.settimeout(20)
        events: list[Message] = []
        channel = await Channel.over(ours, events.append)
        waiting = channel.post("never")
        await asyncio.to_thread(theirs.recv, 1000)
        theirs.sendall(wire.pack({"event": "progress", "done": 1}))
        theirs.close()
        with pytest.raises(ChannelClosed):
            await waiting
        await channel.closed
        assert events == [{"event": "progress", "done": 1}]

    asyncio.run(run())


def test_channel_closes_at_nonsense() -> None:
    async def run() -> None:
        ours, theirs = platform.socket_pair()
        with theirs:
            channel = await Channel.over(ours)
            waiting = channel.post("x")
            theirs.sendall(b"\xff\xff\xff\xff")
            with pytest.raises(ChannelClosed):
                await waiting

    asyncio.run(run())
