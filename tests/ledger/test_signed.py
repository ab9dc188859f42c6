"""Signatures of statements: what OpenSSL takes, who is named, and everything that somebody could try to pass for one."""

import asyncio
import hashlib
import subprocess
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from asn1crypto import cms as reference
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from agent.api.errors import ApiError
from agent.cades import check as cades
from agent.cades import cms, der, oids
from agent.ledger import signed, statement
from agent.ledger.signed import CheckFailed, check, prepare, sign_with
from agent.ledger.statement import StatementError
from agent.signing.signer import Signer
from agent.verification import cms as documents
from agent.verification.signer import load_signed_data
from tests.signing.pen import NOW, Person, person
from tests.signing.test_cms import KINDS
from tokens.types import SignatureScheme

RAW = statement.make("use.approved", {"name": "图纸 A-01"}, org="a" * 64, device="W1", actor="P1", at=NOW).canonical()
ECDSA = SignatureScheme.ECDSA_SHA256


@dataclass(frozen=True)
class Key:
    """A person's key as `sign_with` wants one."""

    who: Person
    scheme: SignatureScheme = ECDSA

    @property
    def certificate(self) -> bytes:
        return self.who.der

    async def sign(self, data: bytes) -> bytes:
        return self.who.sign(self.scheme, data)


@pytest.fixture(scope="module")
def people() -> dict[str, Person]:
    return {"rsa": person("rsa"), "p256": person("SECP256R1"), "p384": person("SECP384R1"), "p521": person("SECP521R1")}


@pytest.fixture(scope="module")
def who(people: dict[str, Person]) -> Person:
    return people["p256"]


@pytest.fixture(scope="module")
def whole(who: Person) -> bytes:
    return asyncio.run(sign_with(Key(who), RAW, NOW))


def why(signature: bytes, raw: bytes = RAW) -> str:
    """Why it is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cryptography's, of odd certificates
        with pytest.raises(CheckFailed) as failed:
            check(raw, signature)
    return failed.value.reason


@pytest.mark.parametrize(("scheme", "kind"), KINDS)
def test_openssl_accepts_every_scheme(scheme: SignatureScheme, kind: str, people: dict[str, Person], tmp_path: Path) -> None:
    """The command that the README of an export shows; a statement's own eContentType is no hindrance."""
    made = asyncio.run(sign_with(Key(people[kind], scheme), RAW, NOW))
    signer = check(RAW, made)
    assert (signer.certificate, signer.signing_time, signer.scheme) == (people[kind].der, NOW, scheme)
    assert signer.fingerprint == people[kind].certificate.fingerprint(hashes.SHA256()).hex()
    (tmp_path / "1.p7s").write_bytes(made)
    (tmp_path / "1.json").write_bytes(RAW)
    (tmp_path / "root.pem").write_bytes(people[kind].root.public_bytes(Encoding.PEM))
    command = "openssl cms -verify -cades -binary -inform DER -in 1.p7s -content 1.json -CAfile root.pem -purpose any -out out"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").read_bytes() == RAW
    (tmp_path / "1.json").write_bytes(RAW.replace(b"A-01", b"A-02"))
    assert subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_it_is_what_the_standards_ask_for(whole: bytes, who: Person) -> None:
    info = reference.ContentInfo.load(whole, strict=True)
    content = info["content"]
    assert content["version"].native == "v3"  # RFC 5652, 5.1: any content but id-data
    assert content["encap_content_info"]["content_type"].dotted == oids.STATEMENT
    (signer,) = content["signer_infos"]
    assert signer["version"].native == "v1"
    attributes = {each["type"].native: each["values"] for each in signer["signed_attrs"]}
    assert attributes["content_type"][0].dotted == oids.STATEMENT
    assert attributes["signing_time"].native == [NOW]
    assert attributes["message_digest"].native == [hashlib.sha256(RAW).digest()]
    assert isinstance(signer["unsigned_attrs"], core.Void)


def test_a_signed_statement_costs_little(whole: bytes) -> None:
    assert len(RAW) + len(whole) < 1500


@pytest.mark.promise(7)
def test_every_byte_counts(whole: bytes, times: Callable[[int, int], int]) -> None:
    """Not one bit of a signature can be other: its bytes are not in the tree, so they must be their own proof."""
    warnings.simplefilter("ignore")
    for at in range(len(whole)):
        for bit in range(8) if times(0, 1) else (at % 8,):
            changed = bytearray(whole)
            changed[at] ^= 1 << bit
            with pytest.raises(CheckFailed):
                check(RAW, bytes(changed))
    for at in range(len(RAW)):
        changed = bytearray(RAW)
        changed[at] ^= 1 << at % 8
        with pytest.raises(CheckFailed):
            check(bytes(changed), whole)


@given(data=st.data())
def test_cut_doubled_and_filled_up(data: st.DataObject, whole: bytes) -> None:
    at = data.draw(st.integers(0, len(whole) - 1))
    how = data.draw(st.sampled_from(["cut", "drop", "insert", "double"]))
    more = data.draw(st.binary(min_size=1, max_size=8))
    changed = {
        "cut": whole[:at], "drop": whole[:at] + whole[at + len(more) :], "insert": whole[:at] + more + whole[at:],
        "double": whole[:at] + whole[at : at + 20] + whole[at:],
    }[how]  # fmt: skip
    if changed != whole:
        why(changed)


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_in_one_way(data: bytes) -> None:
    why(data)
    why(der.tlv(0x30, der.oid("1.2.840.113549.1.7.2"), der.tlv(0xA0, data)))


def test_nothing_may_follow_or_go_before(whole: bytes) -> None:
    assert why(whole + b"\0") == "not_cms"
    assert why(whole + b"\n") == "not_cms"
    assert why(b"\0" + whole) == "not_cms"
    assert why(whole + whole) == "not_cms"
    assert why(b"") == "not_cms"
    assert why(b"0" * 70_000) == "not_cms"


@pytest.mark.promise(3)
def test_a_document_signature_is_no_statement_nor_the_reverse(who: Person, whole: bytes, tmp_path: Path) -> None:
    """A person who is brought to sign a file with exactly the bytes of an approval has approved nothing."""
    for attributes in ((), (cms.attribute(der.oid(oids.WITNESS), der.tlv(0x30)),)):
        made = cms.template(who.der, (), ECDSA, False, attributes=attributes)
        asked = made.signed_attributes(hashlib.sha256(RAW).digest(), NOW)
        document = made.assemble(asked, who.sign(ECDSA, asked))
        assert why(document) == "content_type"
        # Its outer frame rewritten to say that it is a statement: what was signed still says that it is none.
        lie = _replaced(document, der.oid(cms.DATA), der.oid(oids.STATEMENT), first_only=True)
        assert why(lie) in ("content_type", "form")
        assert why(_replaced(document, der.oid(cms.DATA), der.oid(oids.STATEMENT))) in ("signature", "form")
    pades = cms.template(who.der, (), ECDSA, True)
    asked = pades.signed_attributes(hashlib.sha256(RAW).digest())
    assert why(pades.assemble(asked, who.sign(ECDSA, asked))) == "content_type"
    signed_data, _ = load_signed_data(whole)
    assert signed_data["encap_content_info"]["content_type"].native != "data"
    assert not documents.has_content(signed_data)


def test_other_people_s_kinds_of_content_are_no_statements(who: Person) -> None:
    for other in ("1.2.840.113549.1.9.16.1.4", oids.WITNESS, oids.STATEMENT + ".1"):  # a time-stamp's among them
        made = cms.template(who.der, (), ECDSA, False, content_type=other)
        asked = made.signed_attributes(hashlib.sha256(RAW).digest(), NOW)
        assert why(made.assemble(asked, who.sign(ECDSA, asked))) == "content_type"


def _replaced(data: bytes, old: bytes, new: bytes, first_only: bool = False) -> bytes:
    """An OID replaced and all lengths around it mended, by asn1crypto."""
    info = reference.ContentInfo.load(data)
    dotted = core.ObjectIdentifier.load(new).dotted
    content = info["content"]
    content["encap_content_info"] = {"content_type": dotted}
    if not first_only:
        (signer,) = content["signer_infos"]
        for attribute in signer["signed_attrs"]:
            if attribute["type"].native == "content_type":
                attribute["values"] = [dotted]
    info["content"] = content
    return info.dump(force=True)


def surgery(whole: bytes, frame: Mapping[int, bytes] | None = None, info: Mapping[int, bytes] | None = None) -> bytes:
    """The signature with parts of its SignedData (by their places in RFC 5652, 5.1) or of its SignerInfo (5.3) changed, and all lengths right."""

    def inside(data: bytes) -> list[bytes]:
        _, start, end = der.element(data)
        return [each for _, _, each in der.children(data[start:end])]

    kind, wrapped = inside(whole)
    parts = inside(inside(wrapped)[0])
    (signer,) = inside(parts[4])
    fields = [(info or {}).get(n, each) for n, each in enumerate(inside(signer))] + [(info or {}).get(6, b"")]
    parts[4] = der.tlv(der.SET, der.tlv(der.SEQUENCE, *fields))
    changed = [(frame or {}).get(n, each) for n, each in enumerate(parts)] + [(frame or {}).get(5, b"")]
    return der.tlv(der.SEQUENCE, kind, der.tlv(0xA0, der.tlv(der.SEQUENCE, *changed)))


def test_surgery_on_the_frame(whole: bytes, who: Person, people: dict[str, Person]) -> None:
    kind, sha256 = der.oid(oids.STATEMENT), der.oid("2.16.840.1.101.3.4.2.1")
    digest, info = cms.digest_algorithm("sha256"), reference.ContentInfo.load(whole)["content"]["signer_infos"][0].dump()
    issuer = reference.ContentInfo.load(whole)["content"]["signer_infos"][0]["sid"].chosen["issuer"].dump()
    tries = {
        "content inside": (surgery(whole, {2: der.tlv(0x30, kind, der.tlv(0xA0, der.tlv(4, RAW)))}), "content_inside"),
        "empty content inside": (surgery(whole, {2: der.tlv(0x30, kind, der.tlv(0xA0, der.tlv(4, b"")))}), "content_inside"),
        "no kind": (surgery(whole, {2: der.tlv(0x30)}), "content_type"),
        "two signers": (surgery(whole, {4: der.tlv(der.SET, info, info)}), "signers"),
        "no signer": (surgery(whole, {4: der.tlv(der.SET)}), "signers"),
        "two certificates": (surgery(whole, {3: der.tlv(0xA0, *sorted((who.der, people["p384"].der)))}), "certificate"),
        "the same one twice": (surgery(whole, {3: der.tlv(0xA0, who.der, who.der)}), "certificate"),
        "no certificate": (surgery(whole, {3: der.tlv(0xA0)}), "certificate"),
        "another's certificate": (surgery(whole, {3: der.tlv(0xA0, person("SECP256R1").der)}), "form"),
        "none at all": (surgery(whole, {3: b""}), "not_cms"),
        "a certificate that is none": (surgery(whole, {3: der.tlv(0xA0, der.tlv(0x30, b"\x02\x01\x01"))}), "certificate"),
        "revocation lists": (surgery(whole, {3: der.tlv(0xA0, who.der) + der.tlv(0xA1)}), "form"),
        "something after the signers": (surgery(whole, {5: der.NULL}), "form"),
        "version 1": (surgery(whole, {0: der.integer(1)}), "form"),
        "version 3, longer": (surgery(whole, {0: b"\x02\x02\x00\x03"}), "form"),
        "signer of version 3": (surgery(whole, info={0: der.integer(3)}), "form"),
        "two digests": (surgery(whole, {1: der.tlv(der.SET, digest, cms.digest_algorithm("sha512"))}), "form"),
        "digest with parameters": (surgery(whole, {1: der.tlv(der.SET, der.tlv(0x30, sha256, der.NULL))}), "form"),
        "signer's digest with parameters": (surgery(whole, info={2: der.tlv(0x30, sha256, der.NULL)}), "form"),
        "signer's digest another": (surgery(whole, info={2: cms.digest_algorithm("sha512")}), "form"),
        "another scheme": (surgery(whole, info={4: cms.signature_algorithm(SignatureScheme.ECDSA_SHA512)}), "digest"),
        "a scheme of RSA": (surgery(whole, info={4: cms.signature_algorithm(SignatureScheme.RSA_PSS_SHA256)}), "algorithm"),
        "an unknown scheme": (surgery(whole, info={4: der.tlv(0x30, der.oid("1.2.840.10045.4.1"))}), "algorithm"),
        "scheme with parameters": (surgery(whole, info={4: der.tlv(0x30, der.oid("1.2.840.10045.4.3.2"), der.NULL)}), "algorithm"),
        "unsigned attributes": (surgery(whole, info={6: der.tlv(0xA1, cms.attribute(der.oid("1.2.3"), der.NULL))}), "form"),
        "no unsigned attributes": (surgery(whole, info={6: der.tlv(0xA1)}), "form"),
        "another serial number": (surgery(whole, info={1: der.tlv(0x30, issuer, der.integer(5))}), "form"),
        "named by key identifier": (surgery(whole, info={1: der.tlv(0x80, b"x" * 20)}), "form"),
        "no attributes": (surgery(whole, info={3: b""}), "form"),
        "empty attributes": (surgery(whole, info={3: der.tlv(0xA0)}), "content_type"),
        "indefinite length": (whole[:1] + b"\x80" + whole[4:] + b"\0\0", "not_cms"),
        "length in more bytes": (whole[:1] + b"\x83\0" + whole[2:4] + whole[4:], "form"),
    }
    assert check(RAW, surgery(whole))
    assert {name: why(made) for name, (made, _) in tries.items()} == {name: reason for name, (_, reason) in tries.items()}


def test_another_certificate_of_the_same_key_is_another_signer(who: Person, whole: bytes) -> None:
    """The certificate is bound by its digest: one that says something else of the same key cannot take its place."""
    start = datetime.now(UTC) - timedelta(days=1)
    old = who.certificate
    other = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number, start, start + timedelta(days=9))
    made = other.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER)
    assert why(surgery(whole, {3: der.tlv(0xA0, made)})) == "form"


def remade(who: Person, attributes: Callable[[list[bytes]], bytes], raw: bytes = RAW, scheme: SignatureScheme = ECDSA) -> bytes:
    """A signature whose signed attributes are others, really signed by the key: the person wrote it with other software."""
    made = cms.template(who.der, (), scheme, False, content_type=oids.STATEMENT)
    usual = made.signed_attributes(hashlib.new(made.digest, raw).digest(), NOW)
    _, start, end = der.element(usual)
    asked = attributes([each for _, _, each in der.children(usual[start:end])])
    value = cades.low(who.sign(scheme, asked), who.key.curve.name) if isinstance(who.key, ec.EllipticCurvePrivateKey) else who.sign(scheme, asked)
    return made.assemble(asked, value)


def test_validly_signed_attributes_that_are_not_ours_are_refused(who: Person) -> None:
    assert check(RAW, remade(who, lambda parts: der.set_of(*parts)))
    more = cms.attribute(der.oid("1.2.3.4"), der.NULL)
    second_time = cms.attribute(der.oid("1.2.840.113549.1.9.5"), der.tlv(0x17, b"300101000000Z"))
    time = next(part for part in cms.template(who.der, (), ECDSA, False)._fixed_attributes)
    tries = {
        "reversed": lambda parts: der.tlv(der.SET, *reversed(parts)),
        "one more": lambda parts: der.set_of(*parts, more),
        "twice": lambda parts: der.set_of(*parts, parts[0]),
        "two times": lambda parts: der.set_of(*parts, second_time),
        "no time": lambda parts: der.set_of(*(p for p in parts if der.oid("1.2.840.113549.1.9.5") not in p)),
        "no digest": lambda parts: der.set_of(*(p for p in parts if der.oid("1.2.840.113549.1.9.4") not in p)),
        "no certificate": lambda parts: der.set_of(*(p for p in parts if der.oid("1.2.840.113549.1.9.16.2.47") not in p)),
        "no protection": lambda parts: der.set_of(*(p for p in parts if der.oid("1.2.840.113549.1.9.52") not in p)),
        "data too": lambda parts: der.set_of(*parts, time),
    }
    assert {name: why(remade(who, each)) for name, each in tries.items()} == {
        "reversed": "form", "one more": "form", "twice": "attributes", "two times": "attributes", "no time": "attributes", "no digest": "attributes",
        "no certificate": "form", "no protection": "form", "data too": "attributes",
    }  # fmt: skip


@pytest.mark.parametrize(
    "told",
    [b"\x17\x0b2611220334Z", b"\x17\x112611220334+0000", b"\x18\x0f20261122033444Z", b"\x18\x13" + b"20261122033444.500Z", b"\x17\x0d261322033444Z",
     b"\x17\x0d261122033460Z", b"\x17\x0d 61122033444Z", b"\x17\x0d26112203344 Z", b"\x0c\x0d261122033444Z", b"\x17\x0d500101000000Z"],
)  # fmt: skip
def test_a_time_in_another_form_is_refused(told: bytes, who: Person) -> None:
    """RFC 5652, 11.3: one form for each moment."""
    kind = der.oid("1.2.840.113549.1.9.5")

    def other(parts: list[bytes]) -> bytes:
        return der.set_of(*(cms.attribute(kind, told) if kind in part else part for part in parts))

    assert why(remade(who, other)) in ("attributes", "form", "not_cms")


def test_an_ecdsa_signature_has_one_form(whole: bytes, people: dict[str, Person]) -> None:
    """r, n − s is valid wherever r, s is: whoever has no key could make a second signature out of one, and nobody would miss the first."""
    for kind, scheme in (("p256", ECDSA), ("p384", SignatureScheme.ECDSA_SHA384), ("p521", SignatureScheme.ECDSA_SHA512)):
        key = people[kind].key
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert cades._ORDERS[key.curve.name] == key.curve.group_order
        prepared = prepare(RAW, people[kind].der, scheme, NOW)
        value = cades.low(people[kind].sign(scheme, prepared.to_sign), key.curve.name)
        assert check(RAW, prepared.finish(value))
        frame = cms.template(people[kind].der, (), scheme, False, content_type=oids.STATEMENT)
        r, s = decode_dss_signature(value)
        order = key.curve.group_order
        assert s <= order // 2
        assert cades.low(encode_dss_signature(r, order - s), key.curve.name) == value
        others = [(r, order - s), (order + r, s), (r, order + s), (0, s), (r, 0), (0, 0)]
        for other in (
            *map(encode_dss_signature, *zip(*others, strict=True)),
            b"",
            b"\x30\x00",
            value + b"\0",
            der.tlv(0x30, b"\x02\x01\xff", b"\x02\x01\x01"),
            b"\x30\x81" + value[1:],
        ):
            assert why(frame.assemble(prepared.to_sign, other)) in ("form", "signature")


def test_weak_keys_say_nothing() -> None:
    def with_key(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Person:
        start = datetime.now(UTC) - timedelta(days=1)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
        builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=9))
        certificate = builder.sign(key, hashes.SHA256())
        return Person(key, certificate, certificate)

    for key in (rsa.generate_private_key(65537, 1024), rsa.generate_private_key(3, 2048)):
        weak = with_key(key)
        scheme = SignatureScheme.RSA_PKCS1_SHA256
        made = cms.template(weak.der, (), scheme, False, content_type=oids.STATEMENT)
        asked = made.signed_attributes(hashlib.sha256(RAW).digest(), NOW)
        assert why(made.assemble(asked, weak.sign(scheme, asked))) == "weak_key"
    for curve in (ec.SECP256K1(), ec.SECP224R1(), ec.BrainpoolP256R1()):
        weak = with_key(ec.generate_private_key(curve))
        made = cms.template(weak.der, (), ECDSA, False, content_type=oids.STATEMENT)
        asked = made.signed_attributes(hashlib.sha256(RAW).digest(), NOW)
        assert why(made.assemble(asked, weak.sign(ECDSA, asked))) == "weak_key"


def test_openssl_s_own_signature_of_a_statement_is_refused_and_so_is_its_sha1(who: Person, tmp_path: Path) -> None:
    """Anybody's CMS over the bytes is none of ours: it has attributes that say nothing (S/MIME capabilities), or a weak digest."""
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    (tmp_path / "key.pem").write_bytes(who.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "c.pem").write_bytes(who.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "1.json").write_bytes(RAW)
    for digest, reason in (("sha256", "form"), ("sha1", "algorithm"), ("sha224", "algorithm")):
        command = ["openssl", "cms", "-sign", "-cades", "-binary", "-in", "1.json", "-signer", "c.pem", "-inkey", "key.pem", "-outform", "DER"]
        subprocess.run([*command, "-econtent_type", oids.STATEMENT, "-md", digest, "-out", "o.p7s"], cwd=tmp_path, check=True, capture_output=True)
        assert why((tmp_path / "o.p7s").read_bytes()) == reason


def test_nothing_but_a_statement_is_signed_as_one(who: Person) -> None:
    for raw in (b"", b"{}", RAW + b"\n", RAW[:-1], b"\x31" + RAW, NOTE):
        with pytest.raises(StatementError):
            prepare(raw, who.der, ECDSA)


NOTE = b"yinxin/a\n17\nAAAA\n"


def test_a_signature_by_another_key_is_never_recorded(people: dict[str, Person]) -> None:
    """A token that signs with another key than it says (or a module that lies) is caught before anything is kept."""
    prepared = prepare(RAW, people["p256"].der, ECDSA, NOW)
    for wrong in (
        person("SECP256R1").sign(ECDSA, prepared.to_sign),
        people["p256"].sign(ECDSA, prepared.to_sign + b"x"),
        b"",
        b"\x30\x06\x02\x01\x01\x02\x01\x01",
    ):
        with pytest.raises(CheckFailed):
            prepared.finish(wrong)
    with pytest.raises(cms.SchemeMismatch):
        prepare(RAW, people["p256"].der, SignatureScheme.RSA_PKCS1_SHA256)
    with pytest.raises(ValueError, match="parsing"):
        prepare(RAW, b"no certificate", ECDSA)


@pytest.mark.promise(3)
def test_a_statement_of_one_organisation_is_not_another_s(who: Person, whole: bytes) -> None:
    """The organisation is in what is signed: the same words in another one are other bytes."""
    elsewhere = RAW.replace(b"a" * 64, b"b" * 64)
    assert statement.parse(elsewhere).org == "b" * 64
    assert why(whole, elsewhere) == "digest"


def document_attributes(who: Person, *more: bytes, pades: bool = False) -> bytes:
    made = cms.template(who.der, (), ECDSA, pades, attributes=more)
    return made.signed_attributes(hashlib.sha256(RAW).digest(), None if pades else NOW)


def bad_attributes(who: Person) -> dict[str, bytes]:
    """What a worker that a hostile file took over might want a person's token to sign."""
    usual = document_attributes(who)
    _, start, end = der.element(usual)
    parts = [each for _, _, each in der.children(usual[start:end])]
    decision = prepare(RAW, who.der, ECDSA, NOW).to_sign
    as_statement = cms.attribute(der.oid("1.2.840.113549.1.9.3"), der.oid(oids.STATEMENT))
    both = cms.attribute(der.oid("1.2.840.113549.1.9.3"), der.oid(cms.DATA), der.oid(oids.STATEMENT))
    return {
        "a decision": decision,
        "a decision in another frame": b"\x31\x82" + len(decision[3:]).to_bytes(2, "big") + decision[3:],
        "both kinds": der.set_of(*parts, as_statement),
        "two values": der.set_of(both, *(p for p in parts if der.oid(cms.DATA) not in p)),
        "no kind": der.set_of(*(p for p in parts if der.oid(cms.DATA) not in p)),
        "no digest": der.set_of(*(p for p in parts if der.oid("1.2.840.113549.1.9.4") not in p)),
        "something behind": usual + b"\0",
        "a sequence": b"\x30" + usual[1:],
        "a request for a certificate": who.certificate.tbs_certificate_bytes,
        "nothing": b"",
        "text": RAW,
    }


@pytest.mark.promise(3)
def test_a_worker_cannot_have_a_decision_signed(who: Person) -> None:
    """Workers read strangers' files and say what the token is to sign: the agent looks at it first."""
    witness = cms.attribute(der.oid(oids.WITNESS), der.tlv(0x30))
    for good in (document_attributes(who), document_attributes(who, witness), document_attributes(who, pades=True)):
        assert cades.is_about(good, cms.DATA)
        assert not cades.is_about(good, oids.STATEMENT)
    assert {name: cades.is_about(each, cms.DATA) for name, each in bad_attributes(who).items()} == dict.fromkeys(bad_attributes(who), False)


@pytest.mark.promise(3)
def test_the_token_is_not_asked_for_what_a_worker_made_up(who: Person) -> None:
    asked: list[bytes] = []

    class Session:
        async def sign(self, _key: bytes, scheme: SignatureScheme, tbs: bytes, _public: bytes) -> bytes:
            asked.append(tbs)
            return who.sign(scheme, tbs)

    means = SimpleNamespace(certificate=SimpleNamespace(cka_id=b"1"), scheme=ECDSA, public_key=b"")
    inventory = SimpleNamespace(settings=SimpleNamespace(pin_scope="set"))
    signer = Signer(means, Session(), None, inventory)  # type: ignore[arg-type]
    assert asyncio.run(signer.sign(None, document_attributes(who)))  # type: ignore[arg-type]
    for bad in bad_attributes(who).values():
        with pytest.raises(ApiError):
            asyncio.run(signer.sign(None, bad))  # type: ignore[arg-type]
    assert asked == [document_attributes(who)]


def test_what_the_device_signs_otherwise_is_no_statement(who: Person) -> None:
    """Signed notes, self-tests, requests for certificates: none begins as signed attributes do."""
    for other in (NOTE, b"Yinxin self-test: no declaration of intent", who.certificate.tbs_certificate_bytes, RAW):
        assert other[:1] != bytes((der.SET,))
    assert signed.prepare(RAW, who.der, ECDSA).to_sign[:1] == bytes((der.SET,))
