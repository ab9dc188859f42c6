"""The one-shot PIN socket: only the right caller, once, and silent callers hold up nobody."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokens.conftest import PIN, Bench, line_for, write
from tokens import platform
from tokens.errors import PinCancelled
from tokens.host import pin
from tokens.host.pin import LINE_MAX, Offer, wipe
from tokens.types import PinOffer
from tokens.wire import Link

pytestmark = pytest.mark.promise(2)


@given(st.binary(max_size=200))
def test_any_line_is_survived(data: bytes) -> None:
    ours, theirs = platform.socket_pair()
    with ours, theirs:
        assert Offer("/nowhere", "00" * 16, ("pin",), None, ours)._read(bytearray(data)) is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"[]\n",
        b'{"nonce":"%s"}\n',
        b'{"nonce":"0","secrets":{"pin":"1"}}\n',
        b'{"nonce":null,"secrets":{"pin":"1"}}\n',
        b'{"nonce":"%s","secrets":{"pin":1}}\n',
        b'{"nonce":"%s","secrets":{"other":"1"}}\n',
        b'{"nonce":"%s","secrets":{"pin":"1","more":"1"}}\n',
        b'{"nonce":"%s","secrets":{"pin":"\\ud800"}}\n',
        b'{"nonce":"%s","secrets":"pin"}\n',
        b"x" * LINE_MAX + b"\n",
    ],
)
def test_a_wrong_line_is_dropped_and_the_socket_goes_on_listening(bench: Bench, line: bytes) -> None:
    async def run() -> None:
        async with await bench.open() as session:
            offer = await session.offer()
            waiting = asyncio.create_task(session.secrets_received(20))

            def wrong() -> bytes:
                with platform.connect(offer.path, 10) as sock:
                    sock.sendall(line.replace(b"%s", offer.nonce.encode()))
                    sock.shutdown(socket.SHUT_WR)
                    try:
                        return sock.recv(100)
                    except ConnectionError:
                        return b""

            assert await asyncio.to_thread(wrong) == b""
            assert not waiting.done()
            assert await asyncio.to_thread(write, offer, line_for(offer, pin=PIN)) == b'{"ok":true}\n'
            await waiting
            await session.login()

    asyncio.run(run())


def test_silent_callers_hold_up_nobody_and_the_socket_is_gone_afterwards(bench: Bench) -> None:
    async def run() -> None:
        async with await bench.open() as session:
            offer = await session.offer()
            assert Path(offer.path).stat().st_mode & 0o777 == 0o600
            assert len(Path(offer.path).name) == len("pin-") + 32
            waiting = asyncio.create_task(session.secrets_received(20))
            silent = [platform.connect(offer.path, 10) for _ in range(5)]
            silent[0].sendall(b'{"nonce":')
            await asyncio.to_thread(write, offer, line_for(offer, pin=PIN))
            await waiting
            assert not Path(offer.path).exists()
            with pytest.raises(FileNotFoundError):
                platform.connect(offer.path)
            for sock in silent:
                sock.close()

    asyncio.run(run())


def _room(monkeypatch: pytest.MonkeyPatch, run: Path, seconds: float) -> tuple[Offer, Thread, dict[str, bytearray]]:
    """An offer that a thread waits for."""
    monkeypatch.setattr(pin, "CALLER_SECONDS", seconds)
    offer, given, (ours, theirs) = Offer.open(str(run), ("pin",), None), {}, platform.socket_pair()

    def wait() -> None:
        with ours, theirs:
            given.update(offer.wait(Link(theirs), 60))

    thread = Thread(target=wait)
    thread.start()
    return offer, thread, given


def _say(offer: Offer) -> bytes:
    return write(PinOffer(offer.path, offer.nonce, ("pin",)), line_for(PinOffer(offer.path, offer.nonce, ("pin",)), pin=PIN))


def test_a_silent_caller_is_dropped_after_a_while(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    offer, thread, given = _room(monkeypatch, bench.run, 0.05)
    silent = [platform.connect(offer.path, 10) for _ in range(16)]
    silent[3].sendall(b'{"nonce":')
    assert [sock.recv(1) for sock in silent] == [b""] * 16  # each hears that it was dropped
    assert _say(offer) == b'{"ok":true}\n'
    thread.join()
    assert given == {"pin": bytearray(PIN.encode())}
    for sock in silent:
        sock.close()


def test_many_silent_callers_keep_the_right_one_from_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    offer, thread, given = _room(monkeypatch, bench.run, 3600)
    silent = [platform.connect(offer.path, 10) for _ in range(17)]
    assert silent[0].recv(1) == b""  # the first made room for the seventeenth
    assert _say(offer) == b'{"ok":true}\n'
    thread.join()
    assert given == {"pin": bytearray(PIN.encode())}
    for sock in silent:
        sock.close()


def test_only_the_process_that_was_named_is_heard(bench: Bench) -> None:
    async def run() -> None:
        async with await bench.open() as session:
            offer = await session.offer(expect_pid=os.getpid())
            waiting = asyncio.create_task(session.secrets_received(20))
            program = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode()); print(s.recv(9))"
            line = line_for(offer, pin="another's").decode()
            done = await asyncio.to_thread(
                subprocess.run, [sys.executable, "-c", program, offer.path, line], capture_output=True, text=True, check=False
            )  # fmt: skip
            assert "ok" not in done.stdout
            assert not waiting.done()
            await asyncio.to_thread(write, offer, line_for(offer, pin=PIN))
            await waiting
            await session.login()

    asyncio.run(run())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can speak as another user")
def test_another_user_is_not_heard(bench: Bench) -> None:
    async def run() -> None:
        async with await bench.open() as session:
            offer = await session.offer()
            waiting = asyncio.create_task(session.secrets_received(20))
            program = (
                "import os,socket,sys; s=socket.socket(socket.AF_UNIX); os.setresuid(65534,65534,65534)\n"
                "try: s.connect(sys.argv[1])\nexcept PermissionError: sys.exit('refused')\n"
                "s.sendall(sys.argv[2].encode()); print(s.recv(9))"
            )
            args = [sys.executable, "-c", program, offer.path, line_for(offer, pin="x").decode()]
            done = await asyncio.to_thread(subprocess.run, args, capture_output=True, text=True, check=False)
            assert "refused" in done.stderr  # by the folder's mode
            bench.run.chmod(0o755)
            bench.folder.chmod(0o755)
            Path(offer.path).chmod(0o666)
            done = await asyncio.to_thread(subprocess.run, args, capture_output=True, text=True, check=False)
            assert "ok" not in done.stdout  # by the host
            assert "refused" not in done.stderr
            assert not waiting.done()
            await asyncio.to_thread(write, offer, line_for(offer, pin=PIN))
            await waiting

    asyncio.run(run())


def test_time_decline_and_withdrawal(bench: Bench) -> None:
    async def run() -> None:
        async with await bench.open() as session:
            offer = await session.offer()
            with pytest.raises(PinCancelled, match="time"):
                await session.secrets_received(0.05)
            assert not Path(offer.path).exists()

            offer = await session.offer()
            waiting = asyncio.create_task(session.secrets_received(20))
            await asyncio.to_thread(write, offer, json.dumps({"nonce": offer.nonce, "secrets": None}).encode() + b"\n")
            with pytest.raises(PinCancelled, match="declined"):
                await waiting

            offer = await session.offer()
            waiting = asyncio.create_task(session.secrets_received(20))
            await asyncio.sleep(0)
            await session.cancel_offer()
            with pytest.raises(PinCancelled, match="agent"):
                await waiting
            assert not Path(offer.path).exists()

            offer = await session.offer()
            waiting = asyncio.create_task(session.secrets_received(20))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            with pytest.raises(PinCancelled):
                await session.login()
            assert not Path(offer.path).exists()

            await session.offer()
            again = await session.offer()
            assert [path.name for path in bench.run.iterdir()] == [Path(again.path).name]
            await session.cancel_offer()
            with pytest.raises(PinCancelled):
                await session.secrets_received(1)
            assert list(bench.run.iterdir()) == []

    asyncio.run(run())


def test_wipe() -> None:
    secret = bytearray(b"123456")
    wipe(secret)
    assert secret == bytearray(6)
