"""The monitor on a real SoftHSM2: what other programs do is seen, and nothing is read twice for nothing."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tokens.conftest import LABEL, PIN, SO_PIN, Bench
from tokens.errors import ModuleTimeout, ModuleUnusable
from tokens.host.monitor import MonitorProgram
from tokens.hosts import Deadlines
from tokens.monitor import Monitor
from tokens.types import Key, KeyType, PinState, SignatureScheme, Token, TokenState


def _util(bench: Bench, *arguments: str) -> None:
    subprocess.run(["softhsm2-util", *arguments], env={"PATH": "/usr/bin", **dict(bench.ref.env)}, check=True, capture_output=True)


def test_status(bench: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(bench.ref)
        status = await monitor.status()
        assert (status.usable, status.problem, status.manufacturer) == (True, None, "SoftHSM")
        assert status.library_version.startswith("2.")
        await monitor.close()

    asyncio.run(run())


def test_a_token_with_its_public_view(bench: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        monitor = Monitor(bench.ref)
        token, free = sorted(await monitor.list(), key=lambda token: token.state, reverse=True)
        assert (token.label, token.state, token.pin_state, token.emulated, token.module) == (LABEL, TokenState.READY, PinState.OK, True, "emulated")
        assert {key.cka_id: (key.type, key.label) for key in token.keys} == {key.cka_id: (key.type, key.label) for key in keys.values()}
        assert not any(key.private for key in token.keys)
        assert free.state == TokenState.NOT_INITIALISED
        await monitor.close()

    asyncio.run(run())


def test_what_other_programs_do_is_seen(empty: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(empty.ref)

        async def ready() -> dict[str, Token]:
            return {token.label: token for token in await monitor.list() if token.state == TokenState.READY}

        assert await ready() == {}
        _util(empty, "--init-token", "--free", "--label", "one", "--pin", PIN, "--so-pin", SO_PIN)
        assert set(await ready()) == {"one"}
        _util(empty, "--init-token", "--free", "--label", "二", "--pin", PIN, "--so-pin", SO_PIN)
        assert set(await ready()) == {"one", "二"}
        tool = [
            "pkcs11-tool",
            "--module",
            empty.ref.path,
            "--token-label",
            "二",
            "--login",
            "--pin",
            PIN,
            "--keypairgen",
            "--key-type",
            "EC:prime256v1",
        ]
        subprocess.run([*tool, "--id", "07", "--label", "theirs"], env={"PATH": "/usr/bin", **dict(empty.ref.env)}, check=True, capture_output=True)
        assert [(key.cka_id, key.label, key.type) for key in (await ready())["二"].keys] == [(b"\x07", "theirs", KeyType.P256)]
        _util(empty, "--delete-token", "--token", "one")
        assert set(await ready()) == {"二"}
        await monitor.close()

    asyncio.run(run())


def test_an_unchanged_folder_is_not_read_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # In this process: the module is real, the host's loop is not needed.
    monkeypatch.setenv("SOFTHSM2_CONF", dict(bench.ref.env)["SOFTHSM2_CONF"])
    program = MonitorProgram()
    program.load({"path": bench.ref.path})
    first = program.list({})
    assert program.list({}) is first
    assert program.list({"refresh": True}) is not first
    program.module.returns("C_Finalize", None)


def test_asked_by_many_at_once(bench: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(bench.ref)
        lists = await asyncio.gather(*[monitor.list() for _ in range(10)])
        assert all(len(tokens) == 2 for tokens in lists)
        await monitor.close()
        assert len(await monitor.list()) == 2  # starts again by itself
        await monitor.close()

    asyncio.run(run())


def _card(shim: Bench) -> Bench:
    return replace(shim, ref=replace(shim.ref, env=(*shim.ref.env, ("SHIM_NAME", "Card"))))


async def _labels(monitor: Monitor) -> list[str]:
    return [token.label for token in await monitor.list() if token.label]


def test_a_change_is_told_unasked(bench: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(bench.ref)
        changed = asyncio.Event()
        end = monitor.on_event(changed.set)
        await monitor.list()
        _util(bench, "--init-token", "--free", "--label", "two", "--pin", PIN, "--so-pin", SO_PIN)
        async with asyncio.timeout(30):
            await changed.wait()
        assert sorted(await _labels(monitor)) == sorted([LABEL, "two"])
        assert monitor.host.pid is not None
        os.kill(monitor.host.pid, signal.SIGKILL)  # another host watches as well
        with contextlib.suppress(ModuleUnusable):
            await monitor.list()
        await monitor.list()
        changed.clear()
        _util(bench, "--delete-token", "--token", "two")
        async with asyncio.timeout(30):
            await changed.wait()
        end()
        end()
        await monitor.close()

    asyncio.run(run())


def test_a_module_tells_by_slot_events(shim: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(_card(shim).ref)
        changed = asyncio.Event()
        monitor.on_event(changed.set)
        shim.say("events")
        assert await _labels(monitor) == [LABEL]
        shim.say("events", "absent")
        async with asyncio.timeout(30):
            await changed.wait()
        assert await _labels(monitor) == []
        changed.clear()
        shim.say("events", "generation 1")
        async with asyncio.timeout(30):
            await changed.wait()
        assert await _labels(monitor) == [LABEL]
        await monitor.close()

    asyncio.run(run())


def test_a_module_that_hangs_when_asked_for_events_is_not_asked_again(shim: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(_card(shim).ref, Deadlines(list=1.5))
        shim.say("hang C_WaitForSlotEvent")
        monitor.on_event(lambda: None)

        async def until_it_hangs() -> None:
            while await monitor.list():
                await asyncio.sleep(0.05)

        async with asyncio.timeout(30):
            with pytest.raises(ModuleTimeout):  # after the first list, or before it
                await until_it_hangs()
        seen = shim.calls("C_WaitForSlotEvent")
        for _ in range(3):
            assert await _labels(monitor) == [LABEL]
        assert shim.calls("C_WaitForSlotEvent") == seen
        await monitor.close()

    asyncio.run(run())


def test_a_card_that_shows_only_after_a_new_start_is_seen(shim: Bench) -> None:
    """And a module that shows nothing is not started anew at every look: at most a tenth of the time goes into that."""

    async def run() -> None:
        monitor = Monitor(_card(shim).ref)
        shim.say("blind", "absent", "delay C_Initialize 100")
        assert await _labels(monitor) == []
        for _ in range(20):
            assert await _labels(monitor) == []
        assert shim.calls("C_Initialize") <= 3
        shim.say("blind")
        async with asyncio.timeout(30):
            while await _labels(monitor) != [LABEL]:
                await asyncio.sleep(0.05)
        await monitor.close()

    asyncio.run(run())


def test_a_service_that_went_and_came_is_found_again(shim: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(_card(shim).ref)
        assert await _labels(monitor) == [LABEL]
        shim.say("stale C_GetSlotList 30")  # as a module answers whose pcscd was restarted
        assert await _labels(monitor) == [LABEL]
        assert shim.calls("C_Finalize") == 1
        await monitor.close()

    asyncio.run(run())


def test_a_login_elsewhere_lives_through_a_new_start_of_the_monitor(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        card = _card(shim)
        async with await card.logged_in() as session:
            monitor = Monitor(card.ref)
            assert await _labels(monitor) == [LABEL]
            shim.say("stale C_GetSlotList 30")
            assert await _labels(monitor) == [LABEL]
            await session.sign(keys[KeyType.P256].cka_id, SignatureScheme.ECDSA_SHA256, b"x")
            await monitor.close()

    asyncio.run(run())


def test_objects_come_in_one_order(bench: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(bench.ref)
        (first, *_) = [token for token in await monitor.list() if token.label]
        (again, *_) = [token for token in await monitor.list(refresh=True) if token.label]
        assert [key.cka_id for key in first.keys] == sorted(key.cka_id for key in first.keys) == [key.cka_id for key in again.keys]
        await monitor.close()

    asyncio.run(run())


def test_a_module_whose_slot_list_hangs_does_not_work(shim: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(shim.ref, Deadlines(list=1))
        shim.say("hang C_GetSlotList")
        status = await monitor.status()
        assert (status.usable, status.problem, status.profile) == (False, "module_timeout", "generic")
        shim.say()
        assert (await monitor.status()).usable
        await monitor.close()

    asyncio.run(run())


def test_texts_of_a_token_command_no_terminal(shim: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(_card(shim).ref)
        shim.say("label \x1b[2J设计\x07", "serial \x00")
        (label,) = await _labels(monitor)
        assert label == "\ufffd[2J设计\ufffd"
        await monitor.close()

    asyncio.run(run())


def test_a_pin_whose_state_the_make_does_not_tell_is_not_called_well(shim: Bench, tmp_path: Path) -> None:
    tpm = Path(shutil.copy(shim.ref.path, tmp_path / "libtpm2_pkcs11.so.1"))

    async def run() -> None:
        monitor = Monitor(replace(_card(shim).ref, path=str(tpm)))
        assert [token.pin_state for token in await monitor.list() if token.label] == [PinState.UNKNOWN]
        shim.say("flags 40000")
        assert [token.pin_state for token in await monitor.list() if token.label] == [PinState.LOCKED]
        await monitor.close()

    asyncio.run(run())
