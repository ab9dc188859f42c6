"""Token keys in cryptography's builders, checked by cryptography and by openssl; nothing private is given out."""

import asyncio
import copy
import datetime as dt
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, pkcs7
from cryptography.x509.oid import NameOID

from tests.tokens.conftest import Bench
from tokens.errors import MechanismUnsupported
from tokens.keys import KeyStaysInToken, TokenECPrivateKey, TokenRSAPrivateKey, token_key
from tokens.session import Session
from tokens.types import Key, KeyType, SignatureScheme

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "云桥内部 CA")])
DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def _with_key(bench: Bench, key: Key, use: Callable[[Any], Any]) -> Any:
    """`use` in a thread with a token key that is bridged to the loop, as the agent does it."""

    async def run() -> Any:
        async with await bench.logged_in() as session:
            return await asyncio.to_thread(use, await _bridged(session, key.cka_id))

    return asyncio.run(run())


async def _bridged(session: Session, cka_id: bytes) -> TokenRSAPrivateKey | TokenECPrivateKey:
    loop = asyncio.get_running_loop()
    public_key = await session.public_key(cka_id)

    def sign(scheme: SignatureScheme, tbs: bytes) -> bytes:
        return asyncio.run_coroutine_threadsafe(session.sign(cka_id, scheme, tbs, public_key), loop).result()

    return token_key(public_key, sign)


def _certificate(key: Any, **sign: Any) -> x509.Certificate:
    builder = x509.CertificateBuilder(NAME, NAME, key.public_key(), 1, DAY, DAY + dt.timedelta(3650))
    return builder.add_extension(x509.BasicConstraints(True, None), critical=True).sign(key, hashes.SHA256(), **sign)


@pytest.mark.parametrize("kind", [KeyType.RSA2048, KeyType.P256])
def test_builders(bench: Bench, keys: dict[KeyType, Key], kind: KeyType, tmp_path: Path) -> None:
    def use(key: Any) -> None:
        certificate = _certificate(key)
        certificate.verify_directly_issued_by(certificate)
        request = x509.CertificateSigningRequestBuilder(NAME).sign(key, hashes.SHA384())
        assert request.is_signature_valid
        crl = x509.CertificateRevocationListBuilder(NAME, DAY, DAY + dt.timedelta(7)).sign(key, hashes.SHA512())
        assert crl.is_signature_valid(key.public_key())
        signed = pkcs7.PKCS7SignatureBuilder().set_data(b"drawing").add_signer(certificate, key, hashes.SHA256()).sign(Encoding.PEM, [])
        (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        (tmp_path / "r.pem").write_bytes(request.public_bytes(Encoding.PEM))
        (tmp_path / "s.pem").write_bytes(signed)
        for command in (
            ["verify", "-CAfile", "ca.pem", "-attime", "1780000000", "ca.pem"],
            ["req", "-in", "r.pem", "-noout", "-verify"],
            ["smime", "-verify", "-in", "s.pem", "-inform", "PEM", "-CAfile", "ca.pem", "-attime", "1780000000", "-purpose", "any"],
        ):
            done = subprocess.run(["openssl", *command], cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr

    _with_key(bench, keys[kind], use)


def test_pss(bench: Bench, keys: dict[KeyType, Key]) -> None:
    def use(key: Any) -> None:
        digest = hashes.SHA256()
        for salt in (digest.digest_size, padding.PSS.DIGEST_LENGTH):
            certificate = _certificate(key, rsa_padding=padding.PSS(padding.MGF1(digest), salt))
            certificate.verify_directly_issued_by(certificate)
        for pad in (padding.PSS(padding.MGF1(hashes.SHA512()), 32), padding.PSS(padding.MGF1(digest), 20)):
            with pytest.raises(MechanismUnsupported):
                key.sign(b"x", pad, digest)

    _with_key(bench, keys[KeyType.RSA2048], use)


@pytest.mark.promise(1)
def test_nothing_private_is_given_out() -> None:
    def never(*_: object) -> bytes:
        raise AssertionError

    rsa_key = TokenRSAPrivateKey(rsa.generate_private_key(65537, 2048).public_key(), never)
    ec_key = TokenECPrivateKey(ec.generate_private_key(ec.SECP384R1()).public_key(), never)
    assert (rsa_key.key_size, ec_key.key_size, ec_key.curve.name) == (2048, 384, "secp384r1")
    for key in (rsa_key, ec_key):
        assert copy.copy(key) is key
        assert copy.deepcopy(key) is key
        for encryption in (NoEncryption(), BestAvailableEncryption(b"x")):
            with pytest.raises(KeyStaysInToken):
                key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        with pytest.raises(KeyStaysInToken):
            key.private_numbers()
    with pytest.raises(KeyStaysInToken):
        rsa_key.decrypt(b"x", padding.PKCS1v15())
    with pytest.raises(KeyStaysInToken):
        ec_key.exchange(ec.ECDH(), ec_key.public_key())
    for algorithm in (hashes.SHA1(), utils.Prehashed(hashes.SHA256())):
        with pytest.raises(MechanismUnsupported):
            rsa_key.sign(b"x" * 32, padding.PKCS1v15(), algorithm)
        with pytest.raises(MechanismUnsupported):
            ec_key.sign(b"x" * 32, ec.ECDSA(algorithm))
    with pytest.raises(MechanismUnsupported):
        rsa_key.sign(b"x", padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None), hashes.SHA256())
