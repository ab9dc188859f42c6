"""Sessions on a real SoftHSM2: login, signing in every scheme, keys that stay, certificates, initialisation."""

import asyncio
import datetime as dt
import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import NameOID

from tests.tokens.conftest import LABEL, PIN, SO_PIN, Bench, give
from tokens.errors import (
    CertificateMismatch,
    KeyNotFound,
    MechanismUnsupported,
    PinCancelled,
    PinIncorrect,
    PinUnacceptable,
    TokenAbsent,
    TokenFault,
)
from tokens.monitor import Monitor
from tokens.public import from_parts
from tokens.session import Session
from tokens.types import Key, KeyType, PinState, SignatureScheme, TokenState
from tokens.wire import to_bytes

TBS = "施工图 A-01".encode() * 50
KINDS = [KeyType.RSA2048, KeyType.P256]


def _verify(public_key: bytes, scheme: SignatureScheme, signature: bytes) -> None:
    key = load_der_public_key(public_key)
    digest: hashes.HashAlgorithm = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[scheme.rsplit("_", 1)[1]]
    if isinstance(key, rsa.RSAPublicKey):
        pad = padding.PSS(padding.MGF1(digest), digest.digest_size) if "pss" in scheme else padding.PKCS1v15()
        key.verify(signature, TBS, pad, digest)
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        utils.decode_dss_signature(signature)
        key.verify(signature, TBS, ec.ECDSA(digest))


@pytest.mark.parametrize("kind", KINDS)
def test_every_scheme_the_token_offers(bench: Bench, keys: dict[KeyType, Key], kind: KeyType) -> None:
    async def run() -> None:
        async with await bench.logged_in() as session:
            cka_id = keys[kind].cka_id
            public_key = await session.public_key(cka_id)
            schemes = await session.schemes(cka_id)
            assert len(schemes) == (6 if kind == KeyType.RSA2048 else 3)
            assert schemes[0] == (SignatureScheme.RSA_PKCS1_SHA256 if kind == KeyType.RSA2048 else SignatureScheme.ECDSA_SHA256)
            for scheme in schemes:
                _verify(public_key, scheme, await session.sign(cka_id, scheme, TBS, public_key))
            wrong = SignatureScheme.ECDSA_SHA256 if kind == KeyType.RSA2048 else SignatureScheme.RSA_PKCS1_SHA256
            with pytest.raises(MechanismUnsupported):
                await session.sign(cka_id, wrong, TBS)

    asyncio.run(run())


@pytest.mark.parametrize("combined", ["40", "43"])
def test_the_raw_mechanism_serves_where_the_combined_one_is_missing(shim: Bench, keys: dict[KeyType, Key], combined: str) -> None:
    async def run() -> None:
        shim.say(f"hide {combined}")
        async with await shim.logged_in() as session:
            cka_id = keys[KeyType.RSA2048].cka_id
            for scheme in (SignatureScheme.RSA_PKCS1_SHA256, SignatureScheme.RSA_PSS_SHA256):
                _verify(await session.public_key(cka_id), scheme, await session.sign(cka_id, scheme, TBS))

    asyncio.run(run())


def test_many_signatures_under_way_come_back_each_to_its_own(bench: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await bench.logged_in() as session:
            cka_id = keys[KeyType.P256].cka_id
            texts = [b"%d" % number for number in range(100)]
            signatures = await asyncio.gather(*[session.sign(cka_id, SignatureScheme.ECDSA_SHA256, text) for text in texts])
            key = load_der_public_key(await session.public_key(cka_id))
            assert isinstance(key, ec.EllipticCurvePublicKey)
            for text, signature in zip(texts, signatures, strict=True):
                key.verify(signature, text, ec.ECDSA(hashes.SHA256()))

    asyncio.run(run())


def test_wrong_pin_then_right_pin(bench: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await bench.open() as session:
            await give(session, pin="00000000")
            with pytest.raises(PinIncorrect) as caught:
                await session.login()
            assert caught.value.facts == {"ckr": "CKR_PIN_INCORRECT", "during": "C_Login", "pin_state": "low"}
            with pytest.raises(PinCancelled):
                await session.login()  # the wrong PIN is gone: no second try with it
            with pytest.raises(KeyNotFound):
                await session.sign(keys[KeyType.P256].cka_id, SignatureScheme.ECDSA_SHA256, TBS)
            await give(session, pin=PIN)
            await session.login()
            await session.login()
            await session.sign(keys[KeyType.P256].cka_id, SignatureScheme.ECDSA_SHA256, TBS)
            await session.logout()
            with pytest.raises(KeyNotFound):
                await session.sign(keys[KeyType.P256].cka_id, SignatureScheme.ECDSA_SHA256, TBS)
            await give(session, pin=PIN)
            await session.login()
            await session.sign(keys[KeyType.P256].cka_id, SignatureScheme.ECDSA_SHA256, TBS)

    asyncio.run(run())


def test_the_wrong_public_key_is_noticed(bench: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await bench.logged_in() as session:
            other = await session.public_key(keys[KeyType.RSA2048].cka_id)
            with pytest.raises(TokenFault, match="wrong_signature"):
                await session.sign(keys[KeyType.P256].cka_id, SignatureScheme.ECDSA_SHA256, TBS, other)
            with pytest.raises(KeyNotFound):
                await session.sign(b"no such key", SignatureScheme.ECDSA_SHA256, TBS)

    asyncio.run(run())


@pytest.mark.promise(1)
@pytest.mark.parametrize("kind", [KeyType.RSA2048, KeyType.P256, KeyType.P384, KeyType.P521])
def test_generated_keys_stay_in_the_token(bench: Bench, kind: KeyType) -> None:
    async def run() -> None:
        async with await bench.logged_in() as session:
            made = await session.generate(kind, "设计 签名")
            assert made.key == Key(made.key.cka_id, "设计 签名", kind, True, True, False)
            assert len(made.key.cka_id) == 20
            expected = {"local": True, "sensitive": True, "always_sensitive": True, "extractable": False, "never_extractable": True}
            assert made.attributes == expected == await session.attributes(made.key.cka_id)
            assert set(made.export_attempts) == {"read", "wrap", "copy", "make_extractable", "make_readable"}
            assert all(outcome.startswith("CKR_") for outcome in made.export_attempts.values()), made.export_attempts
            assert made.key in await session.keys()
            scheme = (await session.schemes(made.key.cka_id))[0]
            await session.sign(made.key.cka_id, scheme, TBS, made.public_key)

    asyncio.run(run())


def test_a_new_key_is_told_though_no_search_would_find_it_yet(shim: Bench) -> None:
    async def run() -> None:
        async with await shim.logged_in() as session:
            shim.say("fail C_FindObjectsInit 5")
            made = await session.generate(KeyType.P256, "x")
            shim.say("")
            fresh = await session.host.call("public_key", {"id": made.key.cka_id.hex()}, deadline=10)
            assert made.public_key == from_parts({name: to_bytes(value) for name, value in fresh.items()})

    asyncio.run(run())


def test_a_key_type_that_is_none_is_refused(bench: Bench) -> None:
    async def run() -> None:
        async with await bench.logged_in() as session:
            with pytest.raises(MechanismUnsupported):
                await session.generate(KeyType.OTHER, "x")

    asyncio.run(run())


def test_a_token_that_makes_no_keys_is_not_called_broken(shim: Bench) -> None:
    """As most UKeys issued by a certification authority."""

    async def run() -> None:
        async with await shim.logged_in() as session:
            for answer, reason in (("54", "no_generation"), ("70", None)):  # CKR_FUNCTION_NOT_SUPPORTED, CKR_MECHANISM_INVALID
                shim.say(f"fail C_GenerateKeyPair {answer}")
                with pytest.raises(MechanismUnsupported) as caught:
                    await session.generate(KeyType.P256, "x")
                assert caught.value.facts.get("reason") == reason

    asyncio.run(run())


def _certificate(public_key: bytes) -> bytes:
    issuer = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "李工")])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, load_der_public_key(public_key), 2**158 + 7, now, now + dt.timedelta(365))  # type: ignore[arg-type]
    return builder.sign(issuer, hashes.SHA256()).public_bytes(Encoding.DER)


def test_certificates_are_written_beside_their_key(bench: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        async with await bench.logged_in() as session:
            cka_id = keys[KeyType.P256].cka_id
            der = _certificate(await session.public_key(cka_id))
            await session.write_certificate(cka_id, der, "李工")
            await session.write_certificate(cka_id, der, "李工")
            assert [(c.cka_id, c.label, c.der) for c in await session.certificates()] == [(cka_id, "李工", der)]
            with pytest.raises(CertificateMismatch):
                await session.write_certificate(keys[KeyType.RSA2048].cka_id, der, "李工")
            with pytest.raises(CertificateMismatch):
                await session.write_certificate(cka_id, b"nonsense", "李工")
            with pytest.raises(KeyNotFound):
                await session.write_certificate(b"none", der, "李工")
        token = await bench.token()
        assert token.certificates[0].der == der

    asyncio.run(run())


def test_initialise(empty: Bench) -> None:
    async def run() -> None:
        monitor = Monitor(empty.ref)
        (free,) = await monitor.list()
        assert (free.state, free.pin_state, free.emulated) == (TokenState.NOT_INITIALISED, PinState.NOT_INITIALISED, True)
        async with await Session.open(empty.ref, free, empty.run) as session:
            for label in ("长" * 11, "", "   "):
                with pytest.raises(TokenFault, match="label_too_long"):
                    await session.initialise(label)
            with pytest.raises(PinCancelled):
                await session.initialise("x")
            await give(session, so_pin=SO_PIN, pin="1")
            with pytest.raises(PinUnacceptable, match="too_short"):
                await session.initialise("x")
            await give(session, so_pin=SO_PIN, pin=PIN)
            token = await session.initialise("长" * 10)
            assert (token.label, token.state, token.pin_state) == ("长" * 10, TokenState.READY, PinState.OK)
            await give(session, pin=PIN)
            await session.login()
        listed = [entry for entry in await monitor.list() if entry.label]
        assert [entry.identity for entry in listed] == [token.identity]
        await monitor.close()

    asyncio.run(run())


def test_a_token_that_may_hold_keys_is_not_erased(bench: Bench) -> None:
    async def run() -> None:
        async with await bench.open() as session:
            for erase in (None, "", "another"):
                await give(session, so_pin=SO_PIN, pin=PIN)
                with pytest.raises(TokenFault, match="holds_keys"):
                    await session.initialise("new", erase)
            await give(session, so_pin="wrong SO PIN", pin=PIN)
            with pytest.raises(PinIncorrect):
                await session.initialise("new", session.token.serial)
        assert len((await bench.token()).keys) == 2
        async with await bench.open() as session:
            await give(session, so_pin=SO_PIN, pin=PIN)
            assert (await session.initialise("new", session.token.serial)).label == "new"
            assert await session.keys() == ()

    asyncio.run(run())


def test_a_token_that_is_not_there(bench: Bench) -> None:
    async def run() -> None:
        token = await bench.token()
        for path in sorted((bench.folder / "tokens").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        with pytest.raises(TokenAbsent) as caught:
            await Session.open(bench.ref, token, bench.run)
        assert caught.value.facts["label"] == LABEL

    asyncio.run(run())


def test_two_sessions_on_one_token(bench: Bench, keys: dict[KeyType, Key]) -> None:
    async def run() -> None:
        first, second = await bench.logged_in(), await bench.logged_in()
        await first.close()
        await second.sign(keys[KeyType.P256].cka_id, SignatureScheme.ECDSA_SHA256, TBS)
        await second.close()

    asyncio.run(run())


@pytest.mark.promise(2)
def test_the_pin_is_in_no_environment_and_no_command_line(bench: Bench, tmp_path: Path) -> None:
    async def run() -> None:
        async with await bench.logged_in() as session:
            shown = Path(f"/proc/{session.host.pid}/cmdline").read_bytes() + repr(session.host).encode() + session.host.tail.encode()
            if os.getuid() == 0:  # undumpable: its environment is closed to the user himself
                shown += Path(f"/proc/{session.host.pid}/environ").read_bytes()
                assert b"SOFTHSM2_CONF" in shown
            else:
                with pytest.raises(PermissionError):
                    Path(f"/proc/{session.host.pid}/environ").read_bytes()
            assert PIN.encode() not in shown
            assert list(bench.run.iterdir()) == []
            status = Path(f"/proc/{session.host.pid}/limits").read_text()
            assert "Max core file size        0                    0" in status

    asyncio.run(run())
