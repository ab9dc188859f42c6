"""Who may issue, who may speak of revocation, and for whom: certificates and lists made so that a careless reader believes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from pyhanko_certvalidator.registry import SimpleCertificateStore

from tests.verification.conftest import DAY, NOW, Issued, Pki, Verifier, codes, issue, usage

URL = x509.UniformResourceIdentifier("http://127.0.0.1:9/x")
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
Extensions = Sequence[tuple[Any, bool]]


def name(text: str) -> x509.Name:
    """A subject."""
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.COMMON_NAME, text)])


def made(
    text: str, issuer: Issued, more: Extensions = (), *, ca: bool = False, depth: int | None = None, bits: tuple[str, ...] | None = None,
    key: Any = None, plain: bool = False,
) -> Issued:  # fmt: skip
    """A certificate with any extensions; `plain` has no basic constraints and no key usage, as those of version 1."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    bits = bits or (("key_cert_sign", "crl_sign") if ca else ("digital_signature", "content_commitment"))
    builder = x509.CertificateBuilder().subject_name(name(text)).issuer_name(issuer.certificate.subject).public_key(own.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - 30 * DAY).not_valid_after(NOW + 300 * DAY)
    base: Extensions = [] if plain else [(x509.BasicConstraints(ca, depth), True), (usage(*bits), True)]
    identifiers: Extensions = [
        (x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False),
    ]
    for extension, critical in (*base, *identifiers, *more):
        builder = builder.add_extension(extension, critical)
    return Issued(own, builder.sign(issuer.key, hashes.SHA256()))


@dataclass(frozen=True)
class Judge:
    """Verifies a text signed by somebody, with the certificates the signature brings along."""

    check: Verifier

    def __call__(self, signer: Issued, chain: Sequence[Issued], *crls: bytes) -> dict[str, Any]:
        import asyncio

        from pyhanko.sign import signers

        store = SimpleCertificateStore.from_certs([c.asn1 for c in chain])
        simple = signers.SimpleSigner(signing_cert=signer.asn1, signing_key=signer.asn1_key, cert_registry=store)
        cms = asyncio.run(simple.async_sign_general_data(b"text", "sha256", detached=True, use_cades=True))
        path = self.check.folder / "a.txt"
        path.write_bytes(b"text")
        path.with_name("a.txt.p7s").write_bytes(cms.dump())
        return self.check(path, crls=crls)


@pytest.fixture
def judge(check: Verifier) -> Judge:
    """With the session's root as the only anchor."""
    return Judge(check)


def permitted(country: str) -> x509.NameConstraints:
    """Only names of that country."""
    return x509.NameConstraints([x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, country)]))], None)


AUTHORITIES: dict[str, dict[str, Any]] = {
    "no CA": {"ca": False},
    "may not sign certificates": {"ca": True, "bits": ("digital_signature",)},
    "of version 1": {"plain": True},
    "for another country": {"ca": True, "more": [(permitted("DE"), True)]},
    "not for this country": {"ca": True, "more": [(x509.NameConstraints(None, permitted("CN").permitted_subtrees), True)]},
    "demands a policy": {"ca": True, "more": [(x509.PolicyConstraints(0, None), True)]},
    "something critical and unknown": {"ca": True, "more": [(UNKNOWN, True)]},
}


@pytest.mark.promise(10)
@pytest.mark.parametrize("kind", AUTHORITIES)
def test_an_authority_that_may_not_issue_this_is_none(judge: Judge, pki: Pki, kind: str) -> None:
    authority = made("越权 CA", pki.root, **AUTHORITIES[kind])
    document = judge(made("冒名", authority), [authority])
    assert (document["verdict"], codes(document)) == ("indeterminate", {"chain_invalid"})


def test_an_authority_in_order_is_one(judge: Judge, pki: Pki) -> None:
    for more in ([], [(permitted("CN"), True)]):
        authority = made("好 CA", pki.root, more, ca=True, depth=0)
        assert judge(made("好人", authority), [authority])["verdict"] == "passed"
    deeper = made("深 CA", authority, ca=True)
    assert judge(made("坏人", deeper), [authority, deeper])["verdict"] == "indeterminate"
    assert judge(made("坏人", pki.ca, [(UNKNOWN, True)]), [pki.ca])["verdict"] == "indeterminate"
    twin = issue("测试根 CA", ca=True)  # the anchor's name, another key
    assert judge(made("坏人", twin), [twin])["verdict"] == "indeterminate"


def test_chains_in_circles_and_in_thousands_of_ways_come_to_an_end(judge: Judge, pki: Pki) -> None:
    one, two = (Issued(ec.generate_private_key(ec.SECP256R1()), issue(n, ca=True).certificate) for n in ("圈一", "圈二"))
    first, second = made("圈一", two, ca=True, key=one.key), made("圈二", one, ca=True, key=two.key)
    assert judge(made("坏人", first), [first, second])["verdict"] == "indeterminate"
    above, every = issue("陌生 CA", ca=True), []
    for depth in range(4):
        key = ec.generate_private_key(ec.SECP256R1())
        layer = [made(f"层 {depth}", above, ca=True, key=key) for _ in range(4)]
        every, above = every + layer, layer[0]
    assert judge(made("坏人", above), every)["verdict"] == "indeterminate"  # 256 ways; a worker's time is bounded elsewhere


def revocations(issuer: Issued, *serials: int, more: Extensions = (), number: int = 5, entries: Sequence[Any] = ()) -> bytes:
    """A list (DER)."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject).last_update(NOW - DAY).next_update(NOW + 30 * DAY)
    key = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    for extension, critical in ((key, False), (x509.CRLNumber(number), False), *more):
        builder = builder.add_extension(extension, critical)
    for each in (*(entry(s) for s in serials), *entries):
        builder = builder.add_revoked_certificate(each)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def entry(serial: int, of: Issued | None = None) -> x509.RevokedCertificate:
    """Revoked ten days ago; a certificate of the authority `of`, as indirect lists have it."""
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - 10 * DAY)
    if of is not None:
        builder = builder.add_extension(x509.CertificateIssuer([x509.DirectoryName(of.certificate.subject)]), True)
    return builder.build()


POINT = x509.DistributionPoint([URL], None, None, None)
LISTED: Extensions = [(x509.CRLDistributionPoints([POINT]), False)]
DELTA: Extensions = [(x509.DeltaCRLIndicator(5), True)]
FRESHEST: Extensions = [(x509.FreshestCRL([POINT]), False)]


def scope(**changes: Any) -> Extensions:
    """An issuing distribution point."""
    told = {
        "full_name": [URL], "relative_name": None, "only_contains_user_certs": False, "only_contains_ca_certs": False, "only_some_reasons": None,
        "indirect_crl": False, "only_contains_attribute_certs": False,
    }  # fmt: skip
    return [(x509.IssuingDistributionPoint(**{**told, **changes}), True)]


def test_an_anchor_past_its_term_is_told(check: Verifier) -> None:
    old = issue("旧根", ca=True, start=NOW - 300 * DAY, end=NOW - DAY)
    authority = made("CA", old, ca=True)
    document = Judge(Verifier(check.folder, (old.pem,)))(made("李工", authority), [authority])
    assert (document["verdict"], codes(document)) == ("passed", {"anchor_expired"})
    assert "旧根" in document["explanation"]["zh"]


@pytest.mark.promise(10)
def test_a_list_of_changes_is_heard(judge: Judge, pki: Pki) -> None:
    signer = made("李工", pki.ca, LISTED)
    serial = signer.certificate.serial_number
    delta, quiet = revocations(pki.ca, serial, more=DELTA, number=6), revocations(pki.ca, more=DELTA, number=6)
    assert judge(signer, [pki.ca], revocations(pki.ca))["verdict"] == "passed"
    for base in ([], [revocations(pki.ca)], [revocations(pki.ca, more=FRESHEST)]):
        document = judge(signer, [pki.ca], *base, delta)
        assert (document["verdict"], codes(document)) == ("indeterminate", {"revoked_claimed"})
    assert judge(signer, [pki.ca], quiet)["verdict"] == "indeterminate"  # it says nothing of who is not on it
    assert judge(signer, [pki.ca], revocations(pki.ca, more=FRESHEST))["verdict"] == "indeterminate"
    forged = revocations(Issued(signer.key, pki.ca.certificate), more=DELTA, number=6)
    assert judge(signer, [pki.ca], revocations(pki.ca), forged)["verdict"] == "passed"


def test_an_entry_of_another_authority_is_not_held_against_the_signer(judge: Judge, pki: Pki) -> None:
    """In indirect lists an entry belongs to the issuer that the last entry before it has named (RFC 5280 clause 5.3.3)."""
    signer = made("李工", pki.ca, LISTED)
    serial = signer.certificate.serial_number
    indirect = scope(indirect_crl=True)
    other = revocations(pki.ca, more=indirect, entries=[entry(4711, pki.root), entry(serial)])
    assert "revoked_claimed" not in codes(judge(signer, [pki.ca], other))
    for entries in ([entry(serial)], [entry(4711, pki.root), entry(serial, pki.ca)]):
        document = judge(signer, [pki.ca], revocations(pki.ca, more=indirect, entries=entries))
        assert "revoked_claimed" in codes(document), entries


UNFIT: dict[str, Extensions] = {
    "something critical and unknown": [(UNKNOWN, True)],
    "some reasons": scope(only_some_reasons=frozenset({x509.ReasonFlags.ca_compromise})),
    "another place": scope(full_name=[x509.UniformResourceIdentifier("http://other/")]),
    "authorities only": scope(only_contains_ca_certs=True),
    "attribute certificates only": scope(only_contains_attribute_certs=True),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_a_list_about_something_else_says_nothing_good(judge: Judge, pki: Pki, kind: str) -> None:
    signer = made("李工", pki.ca, LISTED)
    assert judge(signer, [pki.ca], revocations(pki.ca, more=UNFIT[kind]))["verdict"] == "indeterminate"


def test_a_list_by_somebody_else_says_nothing_good(judge: Judge, pki: Pki) -> None:
    signer = made("李工", pki.ca, LISTED)
    namesake, appointed = issue("测试签发 CA", ca=True), made("间接 CRL", pki.ca, bits=("crl_sign",))
    for speaker in (namesake, appointed, made("测试签发 CA", pki.root, ca=True)):
        said = revocations(speaker, more=scope(indirect_crl=True) if speaker is appointed else ())
        assert judge(signer, [pki.ca, speaker], said)["verdict"] == "indeterminate"


def answer(by: Issued, about: Issued, issuer: Issued, *, brings: bool = True, **options: Any) -> bytes:
    """An OCSP response: good, since an hour."""
    told = {"algorithm": hashes.SHA1(), "cert_status": ocsp.OCSPCertStatus.GOOD, "this_update": NOW - DAY / 24, "next_update": NOW + DAY, **options}
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=about.certificate, issuer=issuer.certificate, revocation_time=None, revocation_reason=None, **told
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
    if brings:
        builder = builder.certificates([by.certificate])
    return builder.sign(by.key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_only_who_was_appointed_answers(judge: Judge, pki: Pki) -> None:
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, URL)
    signer = made("李工", pki.ca, [(x509.AuthorityInformationAccess([access]), False)])
    appointed: Extensions = [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False), (x509.OCSPNoCheck(), False)]
    responder = made("应答", pki.ca, appointed)
    assert judge(signer, [pki.ca], answer(responder, signer, pki.ca))["verdict"] == "passed"
    assert judge(signer, [pki.ca], answer(pki.ca, signer, pki.ca, brings=False))["verdict"] == "passed"
    lies = {
        "not appointed": answer(made("旁人", pki.ca), signer, pki.ca),
        "the signer himself": answer(signer, signer, pki.ca),
        "appointed by another authority": answer(made("应答", pki.root, appointed), signer, pki.ca),
        "a namesake": answer(issue("测试签发 CA", ca=True), signer, pki.ca),
        "about a certificate of another authority": answer(responder, signer, pki.root),
        "the same, named by another digest": answer(responder, signer, pki.root, algorithm=hashes.SHA384()),
        "does not know": answer(responder, signer, pki.ca, cert_status=ocsp.OCSPCertStatus.UNKNOWN),
        "of last week": answer(responder, signer, pki.ca, this_update=NOW - 8 * DAY, next_update=NOW - 7 * DAY),
        "of tomorrow": answer(responder, signer, pki.ca, this_update=NOW + DAY, next_update=NOW + 2 * DAY),
    }
    for kind, lie in lies.items():
        assert judge(signer, [pki.ca], lie)["verdict"] == "indeterminate", kind
