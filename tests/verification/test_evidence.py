"""Revocation data inside a CMS: its own fields, the CAdES values, Adobe's archival attribute; and lists that are special."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest
from asn1crypto import cms, core
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from pyhanko.sign import signers
from pyhanko_certvalidator.registry import SimpleCertificateStore

from agent.verification.chain import check_chain
from agent.verification.trust import Evidence, Trust, evidence_in, load_certificates, load_fetched
from tests.pki import DAY, NOW, Site
from tests.verification.conftest import Verifier, blank_pdf, codes

VALUES = "1.2.840.113549.1.9.16.2.24"


@pytest.fixture
def judge(tmp_path: Path, site: Site) -> Verifier:
    """Verification with the root of the site as the only anchor."""
    return Verifier(tmp_path, (site.pem(),))


def detached(site: Site, name: str = "good") -> cms.ContentInfo:
    """A CAdES signature over `b"text"`."""
    store = SimpleCertificateStore.from_certs([site.certificate("ca")])
    signer = signers.SimpleSigner(signing_cert=site.certificate(name), signing_key=site.key(name), cert_registry=store)
    made: cms.ContentInfo = asyncio.run(signer.async_sign_general_data(b"text", "sha256", detached=True, use_cades=True))
    return cms.ContentInfo.load(made.dump())


def beside(tmp_path: Path, signature: cms.ContentInfo) -> Path:
    """The file, with its signature beside it."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"text")
    (tmp_path / "a.txt.p7s").write_bytes(signature.dump(force=True))
    return path


def test_values_in_a_cades_signature_are_heard(judge: Verifier, site: Site, tmp_path: Path) -> None:
    plain = judge(beside(tmp_path, detached(site)))
    assert (plain["verdict"], codes(plain)) == ("indeterminate", {"revocation_unasked"})
    signature = detached(site)
    basic = site.ocsp("good").basic_ocsp_response
    parts = (_explicit(0, [site.crl("root").dump()]), _explicit(1, [basic.dump()]))
    inner = core.Any(core.load(_wrapped(0x30, b"".join(parts))))
    attribute = cms.CMSAttribute({"type": VALUES, "values": [inner]})
    signature["content"]["signer_infos"][0]["unsigned_attrs"] = cms.CMSAttributes([attribute])
    document = judge(beside(tmp_path, signature))
    assert (document["verdict"], document["signatures"][0]["revocation"], codes(document)) == ("passed", "good", set())


def _explicit(tag: int, items: list[bytes]) -> bytes:
    return _wrapped(0xA0 | tag, _wrapped(0x30, b"".join(items)))


def _wrapped(tag: int, body: bytes) -> bytes:
    length = len(body)
    size = (length.bit_length() + 7) // 8
    return bytes([tag]) + (bytes([length]) if length < 128 else bytes([0x80 | size]) + length.to_bytes(size, "big")) + body


def test_lists_and_answers_in_the_cms_itself_are_heard(judge: Verifier, site: Site, tmp_path: Path) -> None:
    signature = detached(site, "listed")
    other = cms.OtherRevocationInfoFormat({"other_rev_info_format": "ocsp_response", "other_rev_info": site.ocsp("listed")})
    choices = [
        cms.RevocationInfoChoice("crl", site.crl("root")),
        cms.RevocationInfoChoice("crl", site.crl()),
        cms.RevocationInfoChoice("other", other),
    ]
    signature["content"]["crls"] = cms.RevocationInfoChoices(choices)
    signature["content"]["version"] = "v5"
    read = evidence_in(cms.ContentInfo.load(signature.dump(force=True))["content"])
    assert (len(read.certificates), len(read.crls), len(read.ocsps)) == (2, 2, 1)
    assert judge(beside(tmp_path, signature))["signatures"][0]["revocation"] == "good"


def issued(site: Site, *, digest: Any = None, extensions: tuple[Any, ...] = (), revoked: tuple[Any, ...] = ()) -> bytes:
    """A list of the site's CA, made by hand."""
    key: Any = serialization.load_der_private_key(site.key("ca").dump(), None)
    name = x509.load_der_x509_certificate(site.certificate("ca").dump()).subject
    builder = x509.CertificateRevocationListBuilder().issuer_name(name).last_update(NOW - DAY).next_update(NOW + DAY)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    for entry in revoked:
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, digest or hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def scope(**options: Any) -> x509.IssuingDistributionPoint:
    """The scope of a list."""
    plain: dict[str, Any] = {
        "full_name": None, "relative_name": None, "only_contains_user_certs": False, "only_contains_ca_certs": False, "only_some_reasons": None,
        "indirect_crl": False, "only_contains_attribute_certs": False,
    }  # fmt: skip
    return x509.IssuingDistributionPoint(**plain | options)


def place(url: str) -> list[x509.GeneralName]:
    """A place of publication."""
    return [x509.UniformResourceIdentifier(url)]


@pytest.mark.parametrize("kind", ["answer", "list"])
def test_damaged_evidence_clears_nobody_and_hides_nothing(site: Site, kind: str) -> None:
    """Whatever bit is turned in what a document brings, a certificate is at most unknown by it, and a genuine word beside it is heard."""
    root, genuine = site.crl("root"), site.ocsp("revoked")
    anchors, random = tuple(load_certificates(site.pem().encode())), Random(4)
    whole = genuine.dump() if kind == "answer" else site.crl().dump()
    for _ in range(60):
        data = bytearray(whole)
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        crls, ocsps = load_fetched([bytes(data)])
        brought = Evidence((site.certificate("ca"),), (root, *crls), tuple(ocsps))
        alone = asyncio.run(check_chain(site.certificate("revoked"), Trust(anchors), brought, None))
        assert alone.revocation in ("unknown", "revoked")
        beside_genuine = asyncio.run(check_chain(site.certificate("revoked"), Trust(anchors, ocsps=(genuine,)), brought, None))
        assert beside_genuine.revocation == "revoked"


def test_only_a_list_that_speaks_for_the_certificate_clears_it(judge: Verifier, site: Site) -> None:
    data, root = site.sign(blank_pdf(), "listed"), site.crl("root").dump()
    points: Any = x509.load_der_x509_certificate(site.certificate("listed").dump()).extensions.get_extension_for_class(x509.CRLDistributionPoints)
    due = {
        "users": (scope(only_contains_user_certs=True), "good"),
        "own place": (scope(full_name=points.value[0].full_name), "good"),
        "another place": (scope(full_name=place("http://else.where/")), "unknown"),
        "authorities": (scope(only_contains_ca_certs=True), "unknown"),
        "some reasons": (scope(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise})), "unknown"),
    }
    for name, (extension, state) in due.items():
        document = judge(data, crls=(issued(site, extensions=(extension,)), root))
        assert document["signatures"][0]["revocation"] == state, name
    entry = x509.RevokedCertificateBuilder().serial_number(site.certificate("listed").serial_number).revocation_date(NOW - 2 * DAY).build()
    for name, (extension, _) in due.items():
        document = judge(data, crls=(issued(site, extensions=(extension,), revoked=(entry,)), root))
        assert document["signatures"][0]["revocation"] == "revoked", name


def test_a_list_with_something_critical_and_unknown_clears_nobody(judge: Verifier, site: Site) -> None:
    odd = issued(site, extensions=(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),))
    document = judge(site.sign(blank_pdf(), "listed"), crls=(odd, site.crl("root").dump()))
    assert document["signatures"][0]["revocation"] == "unknown"


def test_a_weakly_signed_list_clears_nobody_but_warns(judge: Verifier, site: Site) -> None:
    from certomancer.services import CRLBuilder, choose_signed_digest

    weak = CRLBuilder(
        site.certificate("ca").subject, site.key("ca"), choose_signed_digest("sha1", site.certificate("ca").public_key),
        site.certificate("ca").key_identifier_value,
    )  # fmt: skip
    root = site.crl("root").dump()

    def listing(*serials: int) -> bytes:
        entries = [weak.format_revoked_cert(s, None, NOW - 2 * DAY) for s in serials]
        return bytes(weak.build_crl(1, NOW - DAY, NOW + DAY, entries).dump())

    data = site.sign(blank_pdf(), "listed")
    assert codes(judge(data, crls=(listing(), root))) == {"revocation_untrusted"}
    assert codes(judge(data, crls=(listing(site.certificate("listed").serial_number), root))) == {"revoked_claimed"}
