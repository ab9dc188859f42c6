"""Keys that are already there: what they are, whether they can be got out, and those that ask for the PIN each time."""

import asyncio
import os
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.tokens.conftest import LABEL, PIN, Bench, give
from tokens.errors import KeyNotFound, ModuleTimeout, PinFinalTry, PinIncorrect, PinLocked, TokenFault, TokenRemoved
from tokens.hosts import Deadlines
from tokens.types import Key, KeyFacts, KeyType, SignatureScheme

ECDSA = SignatureScheme.ECDSA_SHA256
NAMES = {"read", "wrap", "copy", "make_extractable", "make_readable"}


@pytest.mark.promise(1)
@pytest.mark.parametrize("kind", [KeyType.RSA2048, KeyType.P256])
def test_a_key_that_stays(bench: Bench, keys: dict[KeyType, Key], kind: KeyType) -> None:
    async def run() -> None:
        async with await bench.logged_in() as session:
            cka_id = keys[kind].cka_id
            seen = await session.protection(cka_id)
            assert seen.attributes == {"local": True, "sensitive": True, "always_sensitive": True, "extractable": False, "never_extractable": True}
            assert set(seen.attempts) == NAMES
            assert seen.leaks == ()
            assert all(outcome.startswith("CKR_") for outcome in seen.attempts.values()), seen.attempts
            assert seen.attempts["read"] == "CKR_ATTRIBUTE_SENSITIVE"
            assert await session.attributes(cka_id) == seen.attributes  # the attempts left nothing behind
            before = await session.keys()
            assert len(before) == 2
            await session.sign(cka_id, (await session.schemes(cka_id))[0], b"x")
            with pytest.raises(KeyNotFound):
                await session.protection(b"none")

    asyncio.run(run())


def _brought(bench: Bench, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *options: str) -> bytes:
    """A key that was made elsewhere and written to the token by another program; its CKA_ID."""
    (bench.folder / "key.der").write_bytes(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    tool = ["pkcs11-tool", "--module", bench.ref.path, "--token-label", LABEL, "--login", "--pin", PIN, "--write-object", f"{bench.folder}/key.der"]
    env = {"PATH": os.environ["PATH"], **dict(bench.ref.env)}
    for kind in ("privkey", "pubkey"):
        if kind == "pubkey":
            (bench.folder / "key.der").write_bytes(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        more = options if kind == "privkey" else ()
        subprocess.run([*tool, "--type", kind, "--id", "abcd", "--label", "brought", *more], env=env, check=True, capture_output=True)
    return bytes.fromhex("abcd")


@pytest.mark.promise(1)
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_key_that_can_be_taken_out_is_found_and_left_as_it_was(bench: Bench, kind: str) -> None:
    async def run() -> None:
        key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
        cka_id = _brought(bench, key, "--extractable")
        async with await bench.logged_in() as session:
            before = await session.attributes(cka_id), await session.keys()
            assert before[0]["local"] is False
            assert before[0]["never_extractable"] is False
            assert before[0]["extractable"] is True
            seen = await session.protection(cka_id)
            assert {"wrap", "make_extractable"} <= set(seen.leaks), seen.attempts
            assert (await session.attributes(cka_id), await session.keys()) == before

    asyncio.run(run())


def test_a_key_brought_from_outside_shows_it(bench: Bench) -> None:
    async def run() -> None:
        cka_id = _brought(bench, ec.generate_private_key(ec.SECP256R1()), "--sensitive")
        async with await bench.logged_in() as session:
            seen = await session.protection(cka_id)
            assert seen.attributes["local"] is False
            assert seen.leaks == (), seen.attempts

    asyncio.run(run())


def test_an_answer_of_a_token_that_is_gone_refuses_nothing(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        cka_id = keys[KeyType.P256].cka_id
        async with await shim.logged_in() as session:
            await session.signer(cka_id)
            shim.say("fail C_CopyObject 32")
            with pytest.raises(TokenRemoved):
                await session.protection(cka_id)
        async with await shim.logged_in() as session:
            await session.signer(cka_id)
            shim.say("fail C_CopyObject 30", "fail C_SetAttributeValue 54")
            assert (await session.protection(cka_id)).attempts["copy"] == "CKR_DEVICE_ERROR"
            assert (await session.protection(cka_id)).attempts["make_readable"] == "not_offered"
            shim.say("fail C_CopyObject 30", "absent")
            with pytest.raises(TokenRemoved):
                await session.protection(cka_id)

    asyncio.run(run())


@pytest.mark.promise(2)
def test_a_key_that_asks_each_time(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        shim.say("always")
        cka_id = keys[KeyType.P256].cka_id
        async with await shim.logged_in() as session:
            facts = await session.signer(cka_id)
            assert facts == KeyFacts("p256", (ECDSA, SignatureScheme.ECDSA_SHA384, SignatureScheme.ECDSA_SHA512), True)
            assert {key.always_authenticate for key in await session.keys()} == {True}
            for number in range(3):
                await session.sign(cka_id, ECDSA, b"%d" % number)
            assert (shim.calls("C_Login"), shim.calls("C_Login.context"), shim.calls("C_Sign")) == (1, 3, 3)
            await session.logout()
            with pytest.raises(KeyNotFound):
                await session.sign(cka_id, ECDSA, b"x")
            assert shim.calls("C_Login.context") == 3

    asyncio.run(run())


def test_other_keys_do_not(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await shim.logged_in() as session:
            assert not (await session.signer(keys[KeyType.RSA2048].cka_id)).always_authenticate
            assert (await session.signer(keys[KeyType.RSA2048].cka_id)).type == "rsa2048"
            assert {key.always_authenticate for key in await session.keys()} == {False}
            await session.self_test(keys[KeyType.P256].cka_id, ECDSA)
            shim.say("wrong C_Sign")
            with pytest.raises(TokenFault, match="wrong_signature"):
                await session.self_test(keys[KeyType.P256].cka_id, ECDSA)
            assert shim.calls("C_Login.context") == 0

    asyncio.run(run())


@pytest.mark.promise(2)
@pytest.mark.parametrize(("ckr", "error"), [("a0", PinIncorrect), ("a4", PinLocked), ("5", TokenFault)])
def test_the_first_pin_refused_within_a_batch_ends_it(shim: Bench, keys: dict[KeyType, Key], ckr: str, error: type[Exception]) -> None:
    async def run() -> None:
        shim.say("always")
        cka_id = keys[KeyType.P256].cka_id
        async with await shim.logged_in() as session:
            await session.sign(cka_id, ECDSA, b"x")
            shim.say("always", f"fail C_Login.context {ckr}")
            outcomes = await asyncio.gather(*[session.sign(cka_id, ECDSA, b"x") for _ in range(50)], return_exceptions=True)
            assert all(type(outcome) is error for outcome in outcomes), outcomes
            assert (shim.calls("C_Login"), shim.calls("C_Login.context"), shim.calls("C_Sign")) == (1, 2, 1)
            shim.say("always")
            with pytest.raises(error):
                await session.sign(cka_id, ECDSA, b"x")  # the PIN is gone
            await session.logout()
            await give(session, pin=PIN)
            await session.login()
            await session.sign(cka_id, ECDSA, b"x")
            assert (shim.calls("C_Login"), shim.calls("C_Login.context")) == (2, 3)

    asyncio.run(run())


@pytest.mark.promise(2)
def test_the_last_try_is_not_spent_between_two_signatures(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        shim.say("always")
        cka_id = keys[KeyType.P256].cka_id
        async with await shim.logged_in() as session:
            await session.sign(cka_id, ECDSA, b"x")
            shim.say("always", "flags 20000")  # somebody else tried meanwhile
            with pytest.raises(PinFinalTry):
                await session.sign(cka_id, ECDSA, b"x")
            shim.say("always", "flags 40000")
            with pytest.raises(PinLocked):
                await session.sign(cka_id, ECDSA, b"x")
            assert shim.calls("C_Login.context") == 1

    asyncio.run(run())


def test_a_hang_in_the_context_login_may_have_cost_a_try(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        shim.say("always")
        async with await shim.logged_in(Deadlines(sign=0.3)) as session:
            await session.signer(keys[KeyType.P256].cka_id)
            shim.say("always", "hang C_Login.context")
            with pytest.raises(ModuleTimeout) as caught:
                await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
            assert caught.value.facts["try_spent"] is True

    asyncio.run(run())


def test_a_key_that_asks_each_time_on_a_pad(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        shim.say("always", f"pad {PIN}")
        async with await shim.open() as session:
            await session.login()
            for _ in range(2):
                await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
            assert (shim.calls("C_Login.context"), shim.calls("SENT")) == (2, 0)
            shim.say("always", f"pad {PIN}", "fail C_Login.context 50")
            outcomes = await asyncio.gather(*[session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x") for _ in range(3)], return_exceptions=True)
            assert all(type(outcome).__name__ == "PinCancelled" for outcome in outcomes)
            assert shim.calls("C_Login.context") == 3

    asyncio.run(run())
