"""A token is known by its serial and certificates wherever it is plugged in, and never by the slot; the shim moves it about."""

import asyncio
import datetime as dt
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import NameOID

from tests.tokens.conftest import Bench
from tokens.errors import KeyNotFound, TokenAbsent, TokenRemoved
from tokens.identity import Identity, fingerprints, meaningful
from tokens.session import Session
from tokens.types import Certificate, Key, KeyType, PinState, SignatureScheme, Token, TokenState

ECDSA = SignatureScheme.ECDSA_SHA256
SIGNER = ec.generate_private_key(ec.SECP256R1())


def _certificate(name: str, *, authority: bool | None = None, critical: bool = True, public_key: bytes | None = None) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    key = load_der_public_key(public_key) if public_key else SIGNER.public_key()
    builder = x509.CertificateBuilder(subject, subject, key, 7, now, now + dt.timedelta(365))  # type: ignore[arg-type]
    if authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical)
    return builder.sign(SIGNER, hashes.SHA256()).public_bytes(Encoding.DER)


def _token(serial: str, label: str, *certificates: bytes, module: str = "m", slot: int = 0) -> Token:
    shown = tuple(Certificate(b"1", "", der) for der in certificates)
    return Token(module, slot, f"slot {slot}", label, serial, "", "", TokenState.READY, PinState.OK, certificates=shown)


A, B, CA = _certificate("李工"), _certificate("王芳"), _certificate("CA", authority=True)
ZERO = "0000000000000000"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (_token("1234", "a"), _token("1234", "b", slot=7), True),  # another reader, another label
        (_token("1234", "a", A), _token("1234", "a", B), False),  # one serial for all, other certificates
        (_token("1234", "a", A, B), _token("1234", "a", B), True),
        (_token("1234", "a", A), _token("1234", "a"), True),
        (_token("1234", "a", A), _token("5678", "a", A), False),
        (_token("1234", "a", module="n"), _token("1234", "a"), False),
        *[(_token(zero, "a"), _token(zero, "a"), True) for zero in ("", ZERO, "0", "123", "   ")],
        *[(_token(zero, "a"), _token(zero, "b"), False) for zero in ("", ZERO, "0", "123")],
        (_token(ZERO, "a", A), _token("0", "a", A, CA), True),
        (_token(ZERO, "a", A), _token(ZERO, "a", B), False),
        (_token(ZERO, "a", A, CA), _token(ZERO, "a", B, CA), False),  # many tokens hold their authority's certificate
        (_token("1234", "a", CA), _token(ZERO, "a", CA), False),
    ],
)
def test_the_same_token(one: Token, other: Token, same: bool) -> None:
    assert one.same(other) is other.same(one) is same
    assert one.same(one)
    assert len({one.identity, other.identity}) <= 2  # may be kept in a set


def test_serials_that_say_something() -> None:
    assert [meaningful(word) for word in ("1234", " A1B2 ", "00001", "000", "0000", "123", "")] == ["1234", "A1B2", "00001", "", "", "", ""]


def test_certificates_of_authorities_are_no_mark() -> None:
    every = [
        _certificate("x", authority=authority, critical=critical) for authority in (True, False) for critical in (True, False)
    ]  # fmt: skip
    assert fingerprints(every) == fingerprints(every[2:])
    assert len(fingerprints(every)) == 2
    assert fingerprints([b"", b"\x06\x03\x55\x1d\x13", b"\x06\x03\x55\x1d\x13\x01\x01\xff\x04"]) != frozenset()  # nonsense hurts nobody


def test_identity_of_what_is_shown() -> None:
    assert _token("1234", "a", A, CA).identity == Identity("m", "1234", "a", fingerprints([A]))
    assert _token(ZERO, "a").identity == Identity("m", "", "a")


async def _with_certificate(shim: Bench, key: Key) -> Token:
    async with await shim.logged_in() as session:
        await session.write_certificate(key.cka_id, _certificate("李工", public_key=await session.public_key(key.cka_id)), "李工")
    return await shim.token()


def test_it_is_found_in_another_reader(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        token = await _with_certificate(shim, keys[KeyType.P256])
        shim.say("generation 5", "slot another reader")
        async with await Session.open(shim.ref, token, shim.run) as session:
            assert session.token.slot_id != token.slot_id
            assert session.token.slot_description != token.slot_description
            assert session.token.same(token)
        shim.say("label another name", "generation 6")  # the serial number and a certificate are the same
        await (await Session.open(shim.ref, token, shim.run)).close()

    asyncio.run(run())


def test_another_token_in_the_same_reader_is_refused(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        token = await _with_certificate(shim, keys[KeyType.P256])
        shim.say("serial 99887766")
        with pytest.raises(TokenAbsent) as caught:
            await Session.open(shim.ref, token, shim.run)
        assert caught.value.facts == {"label": token.label, "serial": token.serial, "reason": "other_token"}
        shim.say("serial 0")
        unnumbered = await shim.token()
        await (await Session.open(shim.ref, unnumbered, shim.run)).close()
        other = replace(unnumbered, certificates=(Certificate(b"1", "", A),))
        with pytest.raises(TokenAbsent, match="other_token"):  # same slot, same label, no serial: the certificates tell
            await Session.open(shim.ref, other, shim.run)
        with pytest.raises(TokenAbsent, match="other_token"):
            await Session.open(shim.ref, replace(token, certificates=other.certificates, serial=unnumbered.serial), shim.run)
        assert shim.calls("C_Login") == 1  # the one that wrote the certificate

    asyncio.run(run())


@pytest.mark.promise(2)
def test_a_token_put_back_within_a_session_has_lost_the_login(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        cka_id = keys[KeyType.P256].cka_id
        async with await shim.logged_in() as session:
            await session.sign(cka_id, ECDSA, b"x")
            assert await session.present()
            shim.say("generation 2")
            outcomes = await asyncio.gather(*[session.sign(cka_id, ECDSA, b"x") for _ in range(5)], return_exceptions=True)
            assert all(isinstance(outcome, TokenRemoved) for outcome in outcomes), outcomes
            assert not await session.present()
            with pytest.raises(TokenRemoved):
                await session.login()
            assert shim.calls("C_Login") == 1

    asyncio.run(run())


@pytest.mark.parametrize("answer", ["fail C_Sign 101", "fail C_Sign 5", "fail C_FindObjectsInit 30"])
def test_a_login_lost_with_the_token_in_place_is_told(shim: Bench, keys: dict[KeyType, Key], answer: str) -> None:
    async def run() -> None:
        async with await shim.logged_in() as session:
            shim.say(answer, "fail C_GetSessionInfo b3")  # reset by another program, or asleep with the computer
            with pytest.raises(TokenRemoved, match="login_lost"):
                await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")

    asyncio.run(run())


def test_a_module_that_says_nothing_of_its_sessions_is_believed(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        shim.say("fail C_GetSessionInfo 54")
        async with await shim.logged_in() as session:
            assert await session.present()
            await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")
            with pytest.raises(KeyNotFound):
                await session.sign(b"none", ECDSA, b"x", b"")

    asyncio.run(run())


def test_whether_it_is_there(shim: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await shim.open() as session:
            assert await session.present()
            shim.say("absent")
            assert not await session.present()
            shim.say()
            with pytest.raises((KeyNotFound, TokenRemoved)):
                await session.sign(keys[KeyType.P256].cka_id, ECDSA, b"x")

    asyncio.run(run())
