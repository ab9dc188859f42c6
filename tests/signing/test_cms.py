"""The CMS that we encode by hand, read by asn1crypto, OpenSSL and pyHanko."""

import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import cms as reference
from asn1crypto import tsp  # noqa: F401  it makes asn1crypto know signing-certificate-v2
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from agent.cades import der
from agent.cades.cms import SchemeMismatch, template
from agent.signing import check
from tests.signing.pen import NOW, Person
from tokens.types import SignatureScheme

KINDS = [
    (scheme, kind) for scheme in SignatureScheme for kind in ("rsa", "p256", "p384", "p521") if scheme.value.startswith("rsa") == (kind == "rsa")
]
CONTENT = "图纸 A-01 的内容".encode() * 1000


def build(who: Person, scheme: SignatureScheme, pades: bool = False) -> tuple[bytes, int]:
    made = template(who.der, (who.root.public_bytes(Encoding.DER),), scheme, pades)
    moment = None if pades else NOW
    attributes = made.signed_attributes(hashlib.new(made.digest, CONTENT).digest(), moment)
    return made.assemble(attributes, who.sign(scheme, attributes)), made.max_size(moment)


@pytest.mark.parametrize(("scheme", "kind"), KINDS)
def test_openssl_accepts_every_scheme_as_cades(scheme: SignatureScheme, kind: str, people: dict[str, Person], tmp_path: Path) -> None:
    data, longest = build(people[kind], scheme)
    assert len(data) <= longest
    (tmp_path / "s.p7s").write_bytes(data)
    (tmp_path / "content").write_bytes(CONTENT)
    (tmp_path / "root.pem").write_bytes(people[kind].root.public_bytes(Encoding.PEM))
    command = ["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "s.p7s", "-content", "content", "-CAfile", "root.pem"]
    done = subprocess.run([*command, "-purpose", "any", "-out", "out"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").read_bytes() == CONTENT


@pytest.mark.parametrize("pades", [True, False])
@pytest.mark.parametrize(("scheme", "kind"), KINDS)
def test_it_is_der_with_the_attributes_that_the_profiles_ask_for(scheme: SignatureScheme, kind: str, pades: bool, people: dict[str, Person]) -> None:
    who = people[kind]
    data, _ = build(who, scheme, pades)
    info = reference.ContentInfo.load(data, strict=True)
    signed = info["content"]
    assert signed["encap_content_info"]["content"].native is None
    assert {c.chosen.dump() for c in signed["certificates"]} == {who.der, who.root.public_bytes(Encoding.DER)}
    (signer,) = signed["signer_infos"]
    attributes = {attribute["type"].native: attribute["values"] for attribute in signer["signed_attrs"]}
    wanted = {"content_type", "message_digest", "signing_certificate_v2", "cms_algorithm_protection"} | (set() if pades else {"signing_time"})
    assert set(attributes) == wanted
    certificate = attributes["signing_certificate_v2"][0]["certs"][0]
    assert certificate["cert_hash"].native == hashlib.sha256(who.der).digest()
    assert certificate["issuer_serial"]["serial_number"].native == who.certificate.serial_number
    assert certificate["issuer_serial"]["issuer"][0].chosen.chosen.dump() == signer["sid"].chosen["issuer"].chosen.dump()
    protection = attributes["cms_algorithm_protection"][0]
    assert protection["digest_algorithm"].native == signer["digest_algorithm"].native
    assert protection["signature_algorithm"].native == signer["signature_algorithm"].native
    assert info.dump(force=True) == data
    check.check_cms(data, attributes["message_digest"][0].native, check.Signer(who.certificate.public_key(), scheme))


def test_a_scheme_of_the_wrong_key_type_is_refused(people: dict[str, Person]) -> None:
    with pytest.raises(SchemeMismatch):
        template(people["p256"].der, (), SignatureScheme.RSA_PKCS1_SHA256, True)


def test_the_time_stands_in_cades_only(rsa_person: Person) -> None:
    for pades, moment in ((True, NOW), (False, None)):
        with pytest.raises(ValueError, match="signing-time"):
            template(rsa_person.der, (), SignatureScheme.RSA_PKCS1_SHA256, pades).signed_attributes(b"\0" * 32, moment)
    late = template(rsa_person.der, (), SignatureScheme.RSA_PKCS1_SHA256, False).signed_attributes(b"\0" * 32, datetime(2050, 1, 1, tzinfo=UTC))
    assert b"\x18\x0f20500101000000Z" in late


@pytest.mark.parametrize("spoil", ["digest", "signature", "attribute", "truncate", "other key"])
def test_the_check_refuses_what_is_not_right(spoil: str, people: dict[str, Person]) -> None:
    who, scheme = people["p256"], SignatureScheme.ECDSA_SHA256
    data, _ = build(who, scheme)
    digest = hashlib.sha256(CONTENT).digest()
    signer = check.Signer(people["p384" if spoil == "other key" else "p256"].certificate.public_key(), scheme)
    if spoil == "digest":
        digest = hashlib.sha256(b"another").digest()
    elif spoil == "signature":
        data = data[:-1] + bytes([data[-1] ^ 1])
    elif spoil == "attribute":
        data = data.replace(b"\x17\x0d26", b"\x17\x0d27")
    elif spoil == "truncate":
        data = data[:-3]
    with pytest.raises(check.CheckFailed):
        check.check_cms(data, digest, signer)


@given(st.binary(max_size=300))
def test_the_check_refuses_any_other_bytes(data: bytes) -> None:
    with pytest.raises(check.CheckFailed):
        check.check_cms(data, b"\0" * 32, check.Signer(None, SignatureScheme.ECDSA_SHA256))  # type: ignore[arg-type]


@given(st.integers(min_value=0, max_value=1 << 300), st.binary(max_size=70_000))
def test_der_elements_are_read_back(number: int, body: bytes) -> None:
    whole = der.tlv(der.SEQUENCE, der.integer(number), der.tlv(der.OCTET_STRING, body))
    _, start, end = der.element(whole)
    (_, first, _), (_, second, _) = der.children(whole[start:end])
    assert (int.from_bytes(first, "big"), second, end) == (number, body, len(whole))
    assert first[0] < 0x80
