"""PyKCS11 in its host: the same token by another binding, mechanisms by their numbers, the same care for the PIN."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tokens.conftest import PIN, Bench, line_for, write
from tokens import public, vendor
from tokens.errors import KeyNotFound, MechanismUnsupported, ModuleUnusable, PinFinalTry, PinIncorrect, PinLocked, TokenFault
from tokens.monitor import Monitor
from tokens.types import Key, KeyType, ModuleRef, SignatureScheme
from tokens.vendor import VendorSession

ROOT = Path(__file__).resolve().parents[2]
_SHA256_RSA_PKCS, _ECDSA, _CKK_RSA, _CKK_EC = 0x40, 0x1041, 0, 3
needs_pykcs11 = pytest.mark.skipif(not vendor.available(), reason="PyKCS11 is not installed (pip install 'yinxin[pykcs11]')")


async def _open(bench: Bench) -> VendorSession:
    return await VendorSession.open(bench.ref, await bench.token(), bench.run)


async def _give(session: VendorSession, pin: str) -> None:
    offer = await session.offer()
    waiting = asyncio.create_task(session.secrets_received(10))
    assert await asyncio.to_thread(write, offer, line_for(offer, pin=pin)) == b'{"ok":true}\n'
    await waiting


@needs_pykcs11
def test_a_second_opinion_of_the_same_token(bench: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await _open(bench) as second, await bench.logged_in() as first:
            seen = {each.number: each for each in await second.mechanisms()}
            assert seen[_ECDSA].name == "CKM_ECDSA"
            assert not any(each.vendor for each in seen.values())
            assert 0x1D not in seen
            await _give(second, PIN)
            await second.login()
            theirs = {(key.cka_id, key.type, key.vendor) for key in await second.keys() if key.private}
            assert theirs == {(keys[KeyType.P256].cka_id, _CKK_EC, False), (keys[KeyType.RSA2048].cka_id, _CKK_RSA, False)}
            signature = await second.sign(keys[KeyType.RSA2048].cka_id, _SHA256_RSA_PKCS, b"x")
            der = await first.public_key(keys[KeyType.RSA2048].cka_id)
            assert public.checked(der, SignatureScheme.RSA_PKCS1_SHA256, signature, b"x") == signature
            assert signature == await first.sign(keys[KeyType.RSA2048].cka_id, SignatureScheme.RSA_PKCS1_SHA256, b"x")
            with pytest.raises(MechanismUnsupported):
                await second.sign(keys[KeyType.P256].cka_id, 0x80000101, b"x" * 32, b"1234567812345678")
            with pytest.raises(KeyNotFound):
                await second.sign(b"none", _ECDSA, b"x" * 32)

    asyncio.run(run())


@needs_pykcs11
@pytest.mark.promise(2)
def test_the_pin_is_sent_once_here_too(shim: Bench) -> None:
    async def run() -> None:
        async with await _open(shim) as session:
            await _give(session, "00000000")
            with pytest.raises(PinIncorrect):
                await session.login()
            assert shim.calls("C_Login") == 1
            for flags, error in (("20000", PinFinalTry), ("40000", PinLocked), ("80000", TokenFault)):
                shim.say(f"flags {flags}")
                await _give(session, PIN)
                with pytest.raises(error):
                    await session.login()
            assert shim.calls("C_Login") == 1

    asyncio.run(run())


def test_without_the_extra_it_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "available", lambda: False)

    async def run() -> None:
        monitor = Monitor(bench.ref)
        token = (await monitor.list())[0]
        await monitor.close()
        with pytest.raises(ModuleUnusable, match="no_pykcs11"):
            await VendorSession.open(ModuleRef("m", bench.ref.path, "added"), token, bench.run)

    asyncio.run(run())


def test_nothing_else_loads_it() -> None:
    """PyKCS11 is GPL: neither the agent nor a session host has it in its process."""
    code = "import sys, agent.main, tokens.session, tokens.vendor, tokens.host.session, tokens.host.monitor; print('PyKCS11' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
