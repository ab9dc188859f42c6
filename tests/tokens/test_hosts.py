"""What a host may do and how it ends: limits, network, garbage, leaks, and the same after many rounds as after the first."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import descriptors
from tests.tokens.conftest import PIN, Bench, give
from tokens import monitor as monitors
from tokens.errors import ModuleTimeout, ModuleUnusable, TokenError, TokenFault
from tokens.hosts import Deadlines
from tokens.monitor import Monitor
from tokens.profiles import GENERIC, NETWORK, PROFILES, init_args_of, network_allowed, profile_of
from tokens.session import Session
from tokens.types import Key, KeyType, ModuleRef, SignatureScheme

pytestmark = pytest.mark.promise(8)
ECDSA = SignatureScheme.ECDSA_SHA256
ROOT = Path(__file__).resolve().parents[2]


def _limits(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): line[26:].split() for line in lines}


def _status(pid: int, name: str) -> str:
    return next(line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name + ":"))


def test_a_host_is_limited_and_has_no_network(bench: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(bench.ref)
        assert (await monitor.status()).network == "denied"
        async with await bench.open() as session:
            for pid in (monitor.host.pid, session.host.pid):
                assert pid is not None
                seen = _limits(pid)
                assert seen["Max core file size"][:2] == ["0", "0"]
                assert seen["Max open files"][:2] == ["256", "256"]
                assert seen["Max address space"][:2] == [str(2048 << 20)] * 2
                assert (_status(pid, "Seccomp"), _status(pid, "NoNewPrivs")) == ("2", "1")
        await monitor.close()

    asyncio.run(run())


def test_the_network_is_given_by_profile_or_by_the_user(bench: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(replace(bench.ref, env=(*bench.ref.env, (NETWORK, "allow"))))
        assert (await monitor.status()).network == "allowed"
        assert monitor.host.pid is not None
        assert _status(monitor.host.pid, "Seccomp") == "0"
        await monitor.close()

    asyncio.run(run())
    assert network_allowed(ModuleRef("hsm", "/usr/safenet/lunaclient/lib/libCryptoki2_64.so", "known"))
    assert not network_allowed(ModuleRef("x", "/opt/any.so", "added"))


_SEALED = """
import errno, socket
from tokens import platform
platform.harden()
assert platform.deny_network()
for family, kind in ((socket.AF_INET, 1), (socket.AF_INET, 2), (socket.AF_INET6, 1), (17, 3)):
    try:
        socket.socket(family, kind)
    except OSError as exc:
        assert exc.errno == errno.EAFNOSUPPORT, exc
    else:
        raise AssertionError(family)
socket.socket(socket.AF_UNIX).close()
socket.socket(16, socket.SOCK_RAW).close()
import subprocess, sys
child = "import socket\\ntry: socket.socket()\\nexcept OSError: print('sealed too')"
assert subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout == "sealed too\\n"
import ctypes, ctypes.util
libc = ctypes.CDLL(None, use_errno=True)
assert libc.syscall(425, 1, None) == -1 and ctypes.get_errno() == errno.ENOSYS
"""


def test_a_sealed_process_and_its_children_reach_nobody() -> None:
    done = subprocess.run([sys.executable, "-c", _SEALED], cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr


LISTING = ("C_Initialize", "C_GetInfo", "C_GetSlotList", "C_GetSlotInfo", "C_GetTokenInfo", "C_GetMechanismList", "C_OpenSession",
           "C_FindObjectsInit", "C_FindObjects", "C_GetAttributeValue")  # fmt: skip
SIGNING = ("C_OpenSession", "C_Login", "C_FindObjectsInit", "C_FindObjects", "C_GetAttributeValue", "C_SignInit", "C_Sign", "C_GenerateKeyPair")


@pytest.mark.parametrize("name", LISTING)
@pytest.mark.parametrize("fault", ["hang", "crash", "fail", "garbage"])
def test_whatever_a_module_does_while_it_is_listed(shim: Bench, name: str, fault: str) -> None:
    """It is reported in time, or listed as far as it goes; then the module works again."""

    async def run() -> None:
        monitor = Monitor(shim.ref, Deadlines(load=1, list=1))
        shim.say(f"{fault} {name}" + (" 80000001" if fault == "fail" else ""))
        async with asyncio.timeout(20):
            outcome = (await asyncio.gather(monitor.list(), return_exceptions=True))[0]
        kinds = {"hang": ModuleTimeout, "crash": ModuleUnusable, "fail": (ModuleUnusable, TokenFault, tuple), "garbage": (TokenError, tuple)}
        assert isinstance(outcome, kinds[fault])
        assert not isinstance(outcome, TokenError) or not outcome.facts.get("try_spent")
        shim.say()
        assert [token.label for token in await monitor.list() if token.label]
        await monitor.close()

    asyncio.run(run())


@pytest.mark.parametrize("name", SIGNING)
@pytest.mark.parametrize("fault", ["hang", "crash", "fail", "garbage"])
def test_whatever_a_module_does_while_it_signs(shim: Bench, keys: dict[KeyType, Key], name: str, fault: str) -> None:
    """An error in time that says whether a try may be spent, and never a signature that is none."""

    async def run() -> None:
        token = await shim.token()
        shim.say(f"{fault} {name}" + (" 80000001" if fault == "fail" else ""))
        short = Deadlines(list=1, login=1, sign=1, generate=1)

        async def work() -> None:
            async with await Session.open(shim.ref, token, shim.run, short) as session:
                await give(session, pin=PIN)
                await session.login()
                await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
                await session.generate(KeyType.P256, "x")

        async with asyncio.timeout(30):
            with pytest.raises(TokenError) as caught:
                await work()
        if fault in ("hang", "crash"):
            assert isinstance(caught.value, ModuleTimeout if fault == "hang" else ModuleUnusable)
            assert caught.value.facts["try_spent"] is (name == "C_Login") or caught.value.facts["during"] == "login"
        shim.say()
        async with await shim.logged_in() as session:
            await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")

    asyncio.run(run())


def test_a_host_that_grows_is_replaced(shim: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(shim.ref)
        shim.say("leak")
        pids = set()
        for _ in range(40):
            assert [token.label for token in await monitor.list(refresh=True) if token.label]
            pids.add(monitor.host.pid)
            if monitor.renewed >= 2:
                break
        assert monitor.renewed >= 2
        assert len(pids) >= 2
        await monitor.close()

    asyncio.run(run())


def test_a_module_that_takes_all_memory_or_descriptors_hurts_only_its_host(shim: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitors, "GROWN_KB", 10**9)
    monkeypatch.setattr(monitors, "GROWN_FILES", 10**9)

    async def run() -> None:
        monitor = Monitor(shim.ref)
        shim.say("leak")
        for _ in range(200):  # 256 descriptors are gone after some twenty lists, 2 GiB after two hundred
            try:
                assert monitor.host.pid is None or not monitor.host.alive or descriptors(monitor.host.pid) <= 256
                await monitor.list(refresh=True)
            except TokenError:
                break
        shim.say()
        await monitor.close()
        assert [token.label for token in await monitor.list() if token.label]
        await monitor.close()

    asyncio.run(run())


def card_of(shim: Bench) -> Bench:
    """The shim under another maker's name: then it is asked for its cards each time, and nobody watches SoftHSM2's token folder."""
    return replace(shim, ref=replace(shim.ref, env=(*shim.ref.env, ("SHIM_NAME", "Card"))))


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_many_rounds_leave_nothing_behind(shim: Bench, keys: dict[KeyType, Key], times: Callable[[int, int], int]) -> None:
    """20 insertions and removals, 100 logins with a signature (`make soak`: 200 and 1,000): descriptors, processes and memory stay as they were."""

    async def run() -> None:
        us = os.getpid()
        earlier = _children(us)
        card = card_of(shim)

        def size() -> tuple[int, int, int]:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            return len(os.listdir("/proc/self/fd")), len(_children(us)), pages * 4

        monitor = Monitor(card.ref)
        assert [token.label for token in await monitor.list() if token.label]

        async def insertion(number: int) -> None:
            shim.say("absent")
            assert not await monitor.list()
            shim.say(f"generation {number}")
            assert [token.label for token in await monitor.list() if token.label]

        await insertion(1)
        before = size()
        host_before = int(_status(monitor.host.pid or 0, "VmRSS"))
        rounds = times(20, 200)
        for number in range(2, 2 + rounds):
            await insertion(number)
        assert size()[:2] == before[:2]
        assert int(_status(monitor.host.pid or 0, "VmRSS")) - host_before < 8_000 or monitor.renewed
        shim.say()
        cka_id = keys[KeyType.P256].cka_id
        async with await card.logged_in() as session:
            pid = session.host.pid or 0

            async def login() -> None:
                await session.logout()
                await give(session, pin=PIN)
                await session.login()
                await session.sign(cka_id, ECDSA, b"x")

            for _ in range(5):
                await login()
            files, memory, inside = descriptors(pid), int(_status(pid, "VmRSS")), size()
            for _ in range(times(100, 1000)):
                await login()
            assert descriptors(pid) == files
            assert int(_status(pid, "VmRSS")) - memory < 8_000
            assert size()[:2] == inside[:2]
        await monitor.close()
        assert not [child for child in _children(us) if child not in earlier and _status(int(child), "State") == "Z"]
        assert size()[2] - before[2] < 16_000

    asyncio.run(run())


def test_profiles_are_well_formed_and_found() -> None:
    for row in (*PROFILES, GENERIC):
        Deadlines.of(row)
        assert row.zh
        assert row.en
    assert len({row.name for row in PROFILES}) == len(PROFILES)
    assert profile_of(ModuleRef("x", "/usr/lib/softhsm/libsofthsm2.so", "known")).name == "softhsm2"
    assert profile_of(ModuleRef("x", "/nowhere/libunheard.so", "known")) is GENERIC
    watchdata = profile_of(ModuleRef("x", "/usr/lib/libwdpkcs.so", "known"))
    assert (watchdata.name, watchdata.network) == ("watchdata", False)


def test_deadlines_by_profile_and_by_the_user() -> None:
    opensc = profile_of(ModuleRef("x", "/usr/lib/opensc-pkcs11.so", "known"))
    assert Deadlines.of(opensc).list == 20.0
    assert Deadlines.of(opensc, {"list": 3, "sign": 4}) == Deadlines(list=3, sign=4)
    for wrong in ({"lists": 1.0}, {"list": 0.0}, {"list": -1.0}, {"list": float("inf")}):
        with pytest.raises(ValueError, match="no such deadline"):
            Deadlines.of(GENERIC, wrong)


def test_the_string_of_nss_is_its_own_unless_the_user_gave_one() -> None:
    nss = ModuleRef("nss", "/usr/lib/x86_64-linux-gnu/libsoftokn3.so", "added")
    assert "configdir='sql:/home/w/.pki/nssdb'" in (init_args_of(nss, "/home/w") or "")
    assert init_args_of(replace(nss, init_args="configdir='{home}'"), "/home/w") == "configdir='{home}'"
    assert init_args_of(ModuleRef("x", "/opt/any.so", "added"), "/home/w") is None
