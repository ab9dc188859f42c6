"""Whatever a session asks: where the module hangs, dies or talks nonsense, an error names it and says truly whether a try may be spent."""

import asyncio
import contextlib

import pytest

from tests.tokens.conftest import PIN, Bench, give
from tokens.errors import ModuleTimeout, ModuleUnusable, TokenError
from tokens.hosts import Deadlines
from tokens.monitor import Monitor
from tokens.session import Session
from tokens.types import Key, KeyType, SignatureScheme, Token

pytestmark = pytest.mark.promise(8)
STOPS = ("C_OpenSession", "C_Login", "C_FindObjectsInit", "C_Sign", "C_GenerateKeyPair")
LIES = (
    "C_OpenSession", "C_GetAttributeValue", "C_FindObjects", "C_FindObjectsFinal", "C_GenerateKeyPair", "C_CopyObject", "C_WrapKey",
    "C_SetAttributeValue", "C_GetSessionInfo", "C_Logout",
)  # fmt: skip
WITH_PIN = frozenset({"C_Login"})
SOON = Deadlines(load=3, list=1, login=1, sign=1, generate=1, write=1)


async def _everything(shim: Bench, token: Token, key: Key) -> None:
    """All that a session does."""
    async with await Session.open(shim.ref, token, shim.run, SOON) as session:
        await give(session, pin=PIN)
        await session.login()
        await session.keys()
        await session.certificates()
        scheme = (await session.schemes(key.cka_id))[0]
        await session.sign(key.cka_id, scheme, b"x")
        await session.protection(key.cka_id)
        await session.generate(KeyType.P256, "x")
        await session.logout()


@pytest.mark.parametrize("how", ["hang", "crash"])
@pytest.mark.parametrize("name", STOPS)
def test_hang_and_crash(shim: Bench, keys: dict[KeyType, Key], name: str, how: str) -> None:
    async def run() -> None:
        token = await shim.token()
        shim.say(f"{how} {name}")
        with pytest.raises(ModuleTimeout if how == "hang" else ModuleUnusable) as caught:
            await _everything(shim, token, keys[KeyType.P256])
        facts = caught.value.facts
        assert facts["module"] == "shim"
        assert facts["during"]
        assert bool(facts["try_spent"]) == (name in WITH_PIN)
        if how == "crash":
            assert facts["signal"] == "SIGSEGV"
        if name == "C_Sign":
            shim.say()
            await _everything(shim, token, keys[KeyType.P256])  # the next one is served

    asyncio.run(run())


@pytest.mark.parametrize("name", LIES)
def test_nonsense(shim: Bench, keys: dict[KeyType, Key], name: str) -> None:
    async def run() -> None:
        token = await shim.token()
        shim.say(f"garbage {name}")
        with contextlib.suppress(TokenError):
            await _everything(shim, token, keys[KeyType.P256])
        monitor = Monitor(shim.ref, SOON)
        with contextlib.suppress(TokenError):
            await monitor.list()
        await monitor.close()
        assert shim.calls("C_Login") <= 1

    asyncio.run(run())


@pytest.mark.parametrize("scheme", [SignatureScheme.ECDSA_SHA256, SignatureScheme.RSA_PSS_SHA256])
def test_a_signature_of_nonsense_is_not_returned(shim: Bench, keys: dict[KeyType, Key], scheme: SignatureScheme) -> None:
    async def run() -> None:
        key = keys[KeyType.P256 if scheme.startswith("ecdsa") else KeyType.RSA2048]
        async with await shim.logged_in() as session:
            await session.signer(key.cka_id)
            shim.say("garbage C_Sign")
            with pytest.raises(TokenError):
                await session.sign(key.cka_id, scheme, b"x")

    asyncio.run(run())
