"""A bad module cannot hurt: hangs, crashes, wrong answers and pulled tokens, by a module that injects them."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tokens.conftest import PIN, Bench, give
from tokens.errors import (
    KeyNotFound,
    ModuleTimeout,
    ModuleUnusable,
    PinFinalTry,
    PinIncorrect,
    PinLocked,
    TokenFault,
    TokenRemoved,
)
from tokens.hosts import Deadlines
from tokens.monitor import Monitor
from tokens.types import Key, KeyType, ModuleRef, PinState, SignatureScheme

pytestmark = pytest.mark.promise(8)
ECDSA = SignatureScheme.ECDSA_SHA256
SHORT = Deadlines(list=5, login=0.3, sign=0.3)


@pytest.mark.promise(2)
def test_one_login_for_one_pin(shim: Bench) -> None:
    async def run() -> None:
        async with await shim.open() as session:
            await give(session, pin="00000000")
            with pytest.raises(PinIncorrect):
                await session.login()
            assert shim.calls("C_Login") == 1
            await give(session, pin=PIN)
            await session.login()
            await session.login()
            assert shim.calls("C_Login") == 2

    asyncio.run(run())


@pytest.mark.promise(2)
def test_the_last_try_is_not_spent_unasked(shim: Bench) -> None:
    async def run() -> None:
        shim.say("flags 20000")
        assert (await shim.token()).pin_state == PinState.FINAL_TRY
        async with await shim.open() as session:
            await give(session, pin=PIN)
            with pytest.raises(PinFinalTry):
                await session.login()
            assert shim.calls("C_Login") == 0
            await session.login(confirm_final_try=True)  # with the PIN given before
            assert shim.calls("C_Login") == 1

    asyncio.run(run())


def test_locked_and_low(shim: Bench) -> None:
    async def run() -> None:
        shim.say("flags 40000")
        assert (await shim.token()).pin_state == PinState.LOCKED
        async with await shim.open() as session:
            await give(session, pin=PIN)
            with pytest.raises(PinLocked):
                await session.login(confirm_final_try=True)
        assert shim.calls("C_Login") == 0
        shim.say("flags 10000")
        assert (await shim.token()).pin_state == PinState.LOW
        shim.say("fail C_Login a4")  # locked without any flag, as TPMs do
        async with await shim.open() as session:
            await give(session, pin=PIN)
            with pytest.raises(PinLocked):
                await session.login()

    asyncio.run(run())


def test_a_hang_in_login_says_that_a_try_may_be_spent(shim: Bench) -> None:
    async def run() -> None:
        async with await shim.open(SHORT) as session:
            await give(session, pin=PIN)
            shim.say("hang C_Login")
            with pytest.raises(ModuleTimeout) as caught:
                await session.login()
            assert caught.value.facts == {"module": "shim", "during": "login", "try_spent": True}
            assert not session.host.alive
            with pytest.raises(ModuleTimeout):
                await session.keys()

    asyncio.run(run())


def test_a_hang_in_sign_ends_what_was_under_way(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        cka_id = keys[KeyType.P256].cka_id
        async with await shim.logged_in(SHORT) as session:
            await session.sign(cka_id, ECDSA, b"1")
            shim.say("hang C_Sign")
            outcomes = await asyncio.gather(*[session.sign(cka_id, ECDSA, b"2") for _ in range(5)], return_exceptions=True)
            assert all(isinstance(outcome, ModuleTimeout) and outcome.facts["try_spent"] is False for outcome in outcomes)
            shim.say()
        async with await shim.logged_in() as session:  # the next command works
            await session.sign(cka_id, ECDSA, b"3")

    asyncio.run(run())


def test_a_crash_is_reported_with_its_signal(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await shim.logged_in() as session:
            await session.public_key(keys[KeyType.P256].cka_id)
            shim.say("abort C_Sign")
            with pytest.raises(ModuleUnusable) as caught:
                await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
            assert caught.value.facts["reason"] == "crashed"
            assert caught.value.facts["signal"] == "SIGABRT"
            assert caught.value.facts["during"] == "sign"

    asyncio.run(run())


def test_a_module_that_closes_our_descriptor_keeps_nobody_waiting(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await shim.logged_in() as session:
            shim.say("leave C_Sign")
            async with asyncio.timeout(20):
                with pytest.raises(ModuleUnusable, match="crashed"):
                    await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x", await session.public_key(keys[KeyType.P256].cka_id))

    asyncio.run(run())


@pytest.mark.parametrize("kind", [KeyType.P256, KeyType.RSA2048])
def test_a_wrong_signature_is_never_returned(shim: Bench, keys: dict[KeyType, Key], kind: KeyType) -> None:
    async def run() -> None:
        async with await shim.logged_in() as session:
            scheme = (await session.schemes(keys[kind].cka_id))[0]
            shim.say("wrong C_Sign")
            with pytest.raises(TokenFault, match="wrong_signature"):
                await session.sign(keys[kind].cka_id, scheme, b"x")

    asyncio.run(run())


@pytest.mark.parametrize("ckr", ["3", "5", "6", "30", "32", "60", "82", "91", "b0", "b3", "e0", "e1", "101", "190", "80000001"])
def test_a_token_pulled_while_signing(shim: Bench, keys: dict[KeyType, Key], ckr: str) -> None:
    async def run() -> None:
        async with await shim.logged_in() as session:
            await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
            shim.say(f"fail C_Sign {ckr}", "absent")
            with pytest.raises(TokenRemoved):
                await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
            assert shim.calls("C_Login") == 1

    asyncio.run(run())


@pytest.mark.promise(2)
def test_what_waits_behind_a_pulled_token_never_reaches_it(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        cka_id = keys[KeyType.P256].cka_id
        async with await shim.logged_in() as session:
            await session.sign(cka_id, ECDSA, b"x")
            shim.say("pulled 2")  # inside the second signature
            outcomes = await asyncio.gather(*[session.sign(cka_id, ECDSA, b"x") for _ in range(50)], return_exceptions=True)
            assert all(isinstance(outcome, TokenRemoved) for outcome in outcomes)
            assert (shim.calls("C_Sign"), shim.calls("C_Login")) == (2, 1)
            shim.say()
            with pytest.raises(TokenRemoved):  # put back: another session, another PIN
                await session.sign(cka_id, ECDSA, b"x")

    asyncio.run(run())


def test_the_same_error_with_the_token_in_place_is_a_fault(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await shim.logged_in() as session:
            shim.say("fail C_Sign 5")
            with pytest.raises(TokenFault) as caught:
                await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
            assert (caught.value.facts["ckr"], caught.value.facts["during"]) == ("CKR_GENERAL_ERROR", "C_Sign")
            shim.say("fail C_Sign 80000001")
            with pytest.raises(TokenFault, match="CKR_0x80000001"):
                await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
            shim.say("fail C_GenerateKeyPair 30")
            with pytest.raises(TokenFault, match="CKR_DEVICE_ERROR"):
                await session.generate(KeyType.P256, "x")
            shim.say("fail C_GenerateKeyPair 80000001")
            with pytest.raises(TokenFault, match="CKR_0x80000001"):
                await session.generate(KeyType.P256, "x")

    asyncio.run(run())


def test_the_monitor_lives_through_all_of_it(shim: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(shim.ref, Deadlines(list=0.5))
        assert len(await monitor.list()) == 2
        first = monitor.host.pid
        shim.say("absent")
        assert await monitor.list(refresh=True) == ()
        shim.say("abort C_GetSlotList")
        with pytest.raises(ModuleUnusable):
            await monitor.list(refresh=True)
        shim.say()
        assert len(await monitor.list()) == 2
        assert monitor.host.pid != first
        shim.say("hang C_GetSlotList")
        with pytest.raises(ModuleTimeout) as caught:
            await monitor.list(refresh=True)
        assert caught.value.facts["during"] == "list"
        shim.say("fail C_FindObjectsInit 5")
        assert [len(token.keys) for token in await monitor.list()] == [0, 0]
        shim.say("fail C_GetTokenInfo 30")
        assert {token.state for token in await monitor.list(refresh=True)} == {"unusable"}
        await monitor.close()

    asyncio.run(run())


def test_a_module_that_talks_fills_no_memory(shim: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(shim.ref)
        shim.say("noise")
        assert len(await monitor.list()) == 2
        await monitor.close()
        assert 0 < len(monitor.host.tail) <= 4096

    asyncio.run(run())


def test_a_host_killed_from_outside(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await shim.logged_in() as session:
            assert session.host.pid is not None
            os.kill(session.host.pid, signal.SIGKILL)
            with pytest.raises(ModuleUnusable, match="SIGKILL"):
                await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")

    asyncio.run(run())


def test_a_closed_session_is_unusable(bench: Bench) -> None:
    async def run() -> None:
        session = await bench.logged_in()
        pid = session.host.pid
        await session.close()
        await session.close()
        with pytest.raises(ModuleUnusable):
            await session.keys()
        with pytest.raises(ProcessLookupError):
            os.kill(pid or 0, 0)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("conf", "reason"),
    [("/nonexistent/softhsm2.conf", "configuration"), (None, "configuration")],
)
def test_missing_configuration_is_said_in_plain_words(bench: Bench, conf: str | None, reason: str) -> None:
    async def run() -> None:
        path = conf or str(bench.folder / "bad.conf")
        (bench.folder / "bad.conf").write_text(f"directories.tokendir = {bench.folder}/none\nobjectstore.backend = file\n")
        monitor = Monitor(replace(bench.ref, env=(("SOFTHSM2_CONF", path),)))
        status = await monitor.status()
        assert (status.usable, status.problem) == (False, reason)
        with pytest.raises(ModuleUnusable):
            await monitor.list()
        await monitor.close()

    asyncio.run(run())


def test_modules_that_are_none(tmp_path_factory: pytest.TempPathFactory, shim_library: object) -> None:
    async def run() -> None:
        folder = tmp_path_factory.mktemp("modules")
        (folder / "text.so").write_text("no library")
        import _ctypes

        for path, problem in (
            (str(folder / "none.so"), "missing"),
            (str(folder / "text.so"), "not_a_module"),
            (_ctypes.__file__, "not_a_module"),  # a library without C_GetFunctionList
            (str(shim_library), "failed"),  # C_GetFunctionList fails: no SHIM_TARGET
        ):
            monitor = Monitor(ModuleRef("m", path, "added"))
            status = await monitor.status()
            assert (status.usable, status.problem) == (False, problem), path
            await monitor.close()

    asyncio.run(run())


def test_the_environment_is_an_allow_list(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        for name, value in (("LD_PRELOAD_X", "1"), ("YX_PIN", PIN), ("PYTHONPATH", "/nowhere"), ("LC_TIME", "C"), ("TZ", "Asia/Shanghai")):
            monkeypatch.setenv(name, value)
        from tokens.hosts import environment

        seen = environment(bench.ref)
        assert set(seen) <= {"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "SOFTHSM2_CONF"} | {name for name in seen if name.startswith("LC_")}
        assert seen["TZ"] == "Asia/Shanghai"
        assert (await bench.token()).label

    asyncio.run(run())


def test_no_key_after_logout_or_before_login(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await shim.open() as session:
            assert [key.private for key in await session.keys()] == [False, False]
            with pytest.raises(KeyNotFound):
                await session.attributes(keys[KeyType.P256].cka_id)

    asyncio.run(run())


_PARENT = """
import asyncio, sys
from tokens.monitor import Monitor
from tokens.types import ModuleRef

async def main():
    monitor = Monitor(ModuleRef("m", sys.argv[1], "emulated", env=(("SOFTHSM2_CONF", sys.argv[2]),)))
    await monitor.list()
    print(monitor.host.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_host_ends_with_its_agent(bench: Bench) -> None:
    root = Path(__file__).resolve().parent.parent.parent
    command = [sys.executable, "-c", _PARENT, bench.ref.path, dict(bench.ref.env)["SOFTHSM2_CONF"]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}) as parent:
        assert parent.stdout is not None
        host = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        readable, _, _ = select.select([host], [], [], 30)  # a pidfd is readable when its process has ended
        os.close(host)
        assert readable
