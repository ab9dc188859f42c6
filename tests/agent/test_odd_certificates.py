"""Certificates that a library refuses by other means than a ValueError: they are left out or refused by name, and nothing fails with them."""

import base64
import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from agent.api.errors import ApiError, Code
from agent.api.home import Home, locate
from agent.authority import anchors, service, trust_routes
from agent.inventory.certificates import view
from agent.organisation.acting import bound_pem
from agent.verification import routes
from tokens.errors import KeyNotFound
from tokens.public import from_parts
from tokens.types import Certificate


def _made() -> bytes:
    key, name, at = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "甲")]),
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(at).not_valid_after(at + dt.timedelta(days=9))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.add_extension(x509.KeyUsage(*[True] * 7, False, False), critical=True).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


MADE = _made()
VERSION = bytes.fromhex("a003020102")
ODD = {
    "version": MADE.replace(VERSION, VERSION[:-1] + b"\x07", 1),
    "twice": MADE.replace(bytes.fromhex("0603551d0f"), bytes.fromhex("0603551d13"), 1),
}
"""Of a version that is none; with one extension two times."""
odd = pytest.mark.parametrize("der", ODD.values(), ids=ODD.keys())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return locate(str(tmp_path / "home"))


def _pem(der: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"


@odd
def test_on_a_token_it_is_left_out(der: bytes) -> None:
    assert view(Certificate(b"\x01", "x", MADE), True) is not None
    assert view(Certificate(b"\x01", "x", der), True) is None


def test_it_gives_no_key() -> None:
    with pytest.raises(KeyNotFound):
        from_parts({"certificate": ODD["version"]})


@odd
def test_it_is_no_anchor(der: bytes, home: Home, tmp_path: Path) -> None:
    file = tmp_path / "odd.cer"
    file.write_bytes(der)
    with pytest.raises(ApiError) as caught:
        trust_routes._authorities(file.as_uri())
    assert caught.value.code is Code.INPUT_UNUSABLE
    anchors.folder(home).mkdir(parents=True)
    (anchors.folder(home) / "odd.pem").write_text(_pem(ODD["version"]))
    assert anchors.trusted(home) == {}
    assert anchors.chain_of(home, MADE, [ODD["version"]]) == []


def test_it_is_refused_by_name(tmp_path: Path) -> None:
    for refusing in (bound_pem, service.read_certificate):
        with pytest.raises(ApiError) as caught:
            refusing(_pem(ODD["version"]))
        assert (caught.value.code, caught.value.facts["reason"]) == (Code.USAGE, "certificate")
    file = tmp_path / "odd.cer"
    file.write_bytes(ODD["version"])
    for reading in (routes._certificates, routes._revocation_data):
        with pytest.raises(ApiError) as caught:
            reading(str(file))
        assert caught.value.code is Code.INPUT_UNUSABLE
