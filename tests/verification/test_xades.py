"""XAdES in containers: genuine signatures pass, and whatever is wrapped around, put beside or written into one does not."""

import hashlib
import random
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.verification.conftest import DAY, NOW, Pki, Verifier, codes, issue, rsa_key
from tests.verification.containers import Box, cades, manifest
from tests.verification.test_asic import judged
from tests.verification.test_fuzz import flip, flips
from tests.verification.xmlsign import DS, EXCLUSIVE, INCLUSIVE, MORE, NAME, XADES, Xades, b64, form


@pytest.fixture
def xades(pki: Pki) -> Xades:
    """Two files under one signature."""
    return Xades(pki, pki.signer)


def test_a_genuine_one_passes_and_tells_what_it_covers(check: Verifier, xades: Xades) -> None:
    document = judged(check, xades.box())
    (signature,) = document["signatures"]
    assert (document["verdict"], signature["level"], signature["signer"]) == ("passed", "b-b", "李工")
    assert (signature["covers"], signature["covers_whole_file"], signature["time_source"]) == (["图纸.dwg", "b.txt"], True, "claimed")
    assert "xml_unprotected" in codes(document)


@pytest.mark.parametrize("c14n", [EXCLUSIVE, INCLUSIVE, "http://www.w3.org/2006/12/xml-c14n11"])
@pytest.mark.parametrize(
    ("key", "method"),
    [
        ("rsa", f"{MORE}rsa-sha256"), ("rsa", "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1"), ("p384", f"{MORE}ecdsa-sha384"),
        ("p521", f"{MORE}ecdsa-sha512"),
    ],
)  # fmt: skip
def test_algorithms_in_use_pass(check: Verifier, xades: Xades, pki: Pki, key: str, method: str, c14n: str) -> None:
    made = {"rsa": rsa_key, "p384": lambda: ec.generate_private_key(ec.SECP384R1()), "p521": lambda: ec.generate_private_key(ec.SECP521R1())}
    signer = pki.person("钱工", key=made[key]())
    document = judged(check, xades.but(signer=signer, method=method, c14n=c14n).box())
    assert document["verdict"] == "passed", document["explanation"]


def test_a_second_library_agrees(check: Verifier, xades: Xades, pki: Pki) -> None:
    import signxml
    from lxml import etree

    def opinion(box: Box) -> bool:
        entries = dict(box.entries)
        config = signxml.SignatureConfiguration(expect_references=3, location="./")
        try:
            signxml.XMLVerifier().verify(
                etree.fromstring(entries[NAME])[0], x509_cert=pki.signer.certificate, uri_resolver=lambda uri: entries[unquote(uri)],
                expect_config=config,
            )  # fmt: skip
        except signxml.exceptions.InvalidSignature:
            return False
        return True

    from urllib.parse import unquote

    for box, due in ((xades.box(), True), (xades.box().put("b.txt", b"forged"), False)):
        assert opinion(box) is due
        assert (judged(check, box)["verdict"] == "passed") is due


def test_a_time_stamp_proves_the_time(check: Verifier, xades: Xades, pki: Pki) -> None:
    old = issue("旧证书", pki.ca, start=NOW - 20 * DAY, end=NOW - DAY)
    bare = xades.but(signer=old, when=NOW - 6 * DAY)
    assert judged(check, bare.box())["reason"] == "OUT_OF_BOUNDS_NO_POE"
    document = judged(check, bare.but(stamped=NOW - 5 * DAY).box())
    (signature,) = document["signatures"]
    assert (document["verdict"], signature["level"], signature["time_source"]) == ("passed", "b-t", "timestamp")
    other = bare.but(stamped=NOW - 5 * DAY, over=lambda x: x.replace("<ds:SignatureValue ", "<ds:SignatureValue  x='1' "))
    assert "timestamp_invalid" in codes(judged(check, other.box()))
    early = judged(check, bare.but(stamped=NOW - 8 * DAY).box())
    assert "timestamp_early" in codes(early)


def test_a_claimed_time_that_cannot_be_true_is_told(check: Verifier, xades: Xades) -> None:
    for when, code in ((NOW + 9 * DAY, "claimed_future"), (NOW - 90 * DAY, "claimed_outside"), (NOW, None)):
        document = judged(check, xades.but(when=when).box())
        assert (document["verdict"], codes(document) & {"claimed_future", "claimed_outside"}) == ("passed", {code} - {None})


def test_an_archive_manifest_keeps_it_alive(check: Verifier, xades: Xades, pki: Pki) -> None:
    from tests.verification.containers import token

    old = issue("旧证书", pki.ca, start=NOW - 20 * DAY, end=NOW - DAY)
    box = xades.but(signer=old, when=NOW - 6 * DAY).box()
    archive = manifest("META-INF/archive1.tst", box.entries[1:])
    box.put("META-INF/ASiCArchiveManifest1.xml", archive).put("META-INF/archive1.tst", token(pki, archive, NOW - 5 * DAY))
    assert judged(check, box)["verdict"] == "passed"


def test_altered_missing_and_added_files_are_named(check: Verifier, xades: Xades) -> None:
    altered = judged(check, xades.box().put("b.txt", b"C" * 300))
    assert (altered["verdict"], altered["reason"]) == ("failed", "HASH_FAILURE")
    assert "b.txt" in altered["explanation"]["zh"]
    missing = judged(check, xades.box().drop("b.txt"))
    assert (missing["verdict"], missing["reason"]) == ("indeterminate", "SIGNED_DATA_NOT_FOUND")
    added = judged(check, xades.box().put("paid.txt", b"x"))
    assert added["verdict"] == "indeterminate"
    assert "container_not_covered" in codes(added)


def test_several_signatures_are_judged_one_by_one(check: Verifier, xades: Xades, pki: Pki) -> None:
    second = xades.but(ident="S1", signer=pki.person("孙工"))
    one, two = xades.xml().decode(), second.xml().decode()
    start, end = two.index("<ds:Signature "), two.index("</asic:")
    both = one.replace("</asic:", two[start:end] + "</asic:")
    document = judged(check, xades.box().put(NAME, both.encode()))
    assert [s["verdict"] for s in document["signatures"]] == ["passed", "passed"]
    assert {s["signer"] for s in document["signatures"]} == {"李工", "孙工"}
    damaged = both.replace("S1-SP", "S1-XX", 1)
    document = judged(check, xades.box().put(NAME, damaged.encode()))
    assert [s["verdict"] for s in document["signatures"]] == ["passed", "indeterminate"]
    assert [s["verdict"] for s in judged(check, xades.box().put(NAME, one.encode()).put("META-INF/signatures9.xml", b"<a"))["signatures"]] == [
        "passed", "indeterminate",
    ]  # fmt: skip


def test_both_kinds_live_in_one_container(check: Verifier, xades: Xades, pki: Pki) -> None:
    named = manifest("META-INF/s1.p7s", [("b.txt", b"B" * 300)])
    box = xades.box().put("META-INF/ASiCManifest1.xml", named).put("META-INF/s1.p7s", cades(pki, named))
    document = judged(check, box)
    assert (document["verdict"], len(document["signatures"])) == ("passed", 2)


def part(xml: str, tag: str) -> str:
    """The first element with that name, as written."""
    end = f"</{tag}>"
    start = xml.index(f"<{tag}")
    return xml[start : xml.index(end, start) + len(end)]


def _twice(xml: str, *, fake: str, where: str) -> str:
    """A second element that a careless reader would take for the signed properties, before or after the true ones."""
    return xml.replace(where, fake + where, 1)


def _properties(xml: str) -> str:
    return part(xml, "xades:SignedProperties")


def _moved(xml: str) -> str:
    """The signed properties put away in an object of their own, forged ones in their place."""
    true = _properties(xml)
    forged = true.replace('Id="S0-SP"', 'Id="S0-XX"').replace("<xades:SigningTime>2", "<xades:SigningTime>1")
    return xml.replace(true, forged).replace("</ds:Signature>", f"<ds:Object>{true}</ds:Object></ds:Signature>")


def _second_properties(xml: str) -> str:
    return xml.replace("<ds:Object>", '<ds:Object><xades:QualifyingProperties Target="#S0"/></ds:Object><ds:Object>', 1)


def _nested(xml: str) -> str:
    """The whole signature inside an object of another one."""
    start, end = xml.index("<ds:Signature "), xml.index("</asic:")
    inner = xml[start:end]
    return xml[:start] + inner.replace("</ds:Signature>", f"<ds:Object>{inner}</ds:Object></ds:Signature>") + xml[end:]


def _entity(xml: str) -> str:
    return xml.replace("?>\n", '?>\n<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>', 1).replace("<ds:KeyInfo>", "<ds:KeyInfo>&a;", 1)


def _laughs(xml: str) -> str:
    lines = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha"}">' for n in range(10))
    return xml.replace("?>\n", f"?>\n<!DOCTYPE x [{lines}]>", 1).replace("<ds:KeyInfo>", "<ds:KeyInfo>&a9;", 1)


FORGED: dict[str, Callable[[str], str]] = {
    "a twin of the signed properties before them": lambda x: _twice(x, fake=_properties(x).replace("2", "1"), where="<ds:KeyInfo>"),
    "a twin of the signed properties after them": lambda x: _twice(x, fake=_properties(x), where="</xades:QualifyingProperties>"),
    "another element with the same id": lambda x: x.replace("<ds:KeyInfo>", '<ds:KeyInfo Id="S0-SP">'),
    "the same id under another name": lambda x: x.replace("<ds:KeyInfo>", '<ds:KeyInfo xml:id="S0-SP">'),
    "signed properties moved away": _moved,
    "two sets of properties": _second_properties,
    "a signature inside a signature": _nested,
    "a reference added later": lambda x: x.replace("</ds:SignedInfo>", part(x, "ds:Reference") + "</ds:SignedInfo>"),
    "a reference taken out": lambda x: x.replace(part(x, "ds:Reference"), ""),
    "two SignedInfo": lambda x: x.replace("</ds:SignedInfo>", "</ds:SignedInfo>" + part(x, "ds:SignedInfo")),
    "two values": lambda x: x.replace("<ds:KeyInfo>", "<ds:SignatureValue>AAAA</ds:SignatureValue><ds:KeyInfo>"),
    "a SignedInfo of another namespace": lambda x: x.replace("<ds:SignedInfo>", '<s:SignedInfo xmlns:s="urn:x"/><ds:SignedInfo>'),
    "a signing time changed": lambda x: x.replace("<xades:SigningTime>2", "<xades:SigningTime>1"),
    "properties for another signature": lambda x: x.replace('Target="#S0"', 'Target="#S1"'),
    "properties somewhere else": lambda x: x.replace("<ds:Object>", '<ds:Object><xades:QualifyingPropertiesReference URI="x.xml"/>', 1),
    "an attribute that canonical forms inherit": lambda x: x.replace("<ds:Signature ", '<ds:Signature xml:lang="en" '),
    "text between elements": lambda x: x.replace("<ds:SignedInfo>", "<ds:SignedInfo>pay"),
    "a value in two spellings": lambda x: x.replace("</ds:SignatureValue>", "=</ds:SignatureValue>"),
    "an external entity": _entity,
    "a billion laughs": _laughs,
    "another encoding": lambda x: x.replace("UTF-8", "UTF-7", 1),
    "a root of its own": lambda x: x.replace("asic:XAdESSignatures", "ds:Signatures"),
    "no certificate": lambda x: x.replace(part(x, "ds:KeyInfo"), ""),
}


@pytest.mark.promise(10)
@pytest.mark.parametrize("name", FORGED)
def test_no_tampering_with_the_file_passes(check: Verifier, xades: Xades, name: str) -> None:
    document = judged(check, xades.but(after=FORGED[name]).box())
    assert document["verdict"] != "passed"
    assert "not_checked" not in codes(document), "a check that breaks down says nothing"


def _file_transform(algorithm: str) -> dict[str, Any]:
    return {"transforms": f'<ds:Transforms><ds:Transform Algorithm="{algorithm}"/></ds:Transforms>'}


def _more(reference: str) -> dict[str, Any]:
    method = f'<ds:DigestMethod Algorithm="{MORE}sha384"/>'
    return {"extra_references": f"<ds:Reference {reference}>{method}<ds:DigestValue>AAAA</ds:DigestValue></ds:Reference>"}


DISHONEST: dict[str, tuple[dict[str, Any], str]] = {
    "base64 over a file": (_file_transform(f"{DS}base64"), "cms_structure"),
    "XSLT over a file": (_file_transform("http://www.w3.org/TR/1999/REC-xslt-19991116"), "cms_structure"),
    "XPath over a file": (_file_transform("http://www.w3.org/TR/1999/REC-xpath-19991116"), "cms_structure"),
    "the whole document": (_more('URI=""'), "cms_structure"),
    "an xpointer": (_more('URI="#xpointer(/)"'), "cms_structure"),
    "nothing at all": (_more('Type="x"'), "cms_structure"),
    "a page in the net": (_more('URI="http://example.org/a"'), "container_file_missing"),
    "a file outside": (_more('URI="../../etc/passwd"'), "container_file_missing"),
    "no signed properties": ({"reference_properties": False}, "ess_missing"),
    "an HMAC": ({"info": lambda x: x.replace(f"{MORE}ecdsa-sha256", f"{MORE}hmac-sha256")}, "algorithm_unknown"),
    "a truncated HMAC": (
        {"info": lambda x: x.replace('ecdsa-sha256"/>', 'hmac-sha256"><ds:HMACOutputLength>0</ds:HMACOutputLength></ds:SignatureMethod>')},
        "cms_structure",
    ),
    "a canonical form of its own": ({"info": lambda x: x.replace(f'Method Algorithm="{EXCLUSIVE}"', 'Method Algorithm="urn:x"')}, "cms_structure"),
    "SHA-1 digests": ({"digest": ("http://www.w3.org/2000/09/xmldsig#sha1", "sha1")}, "algorithm_weak"),
    "MD5 digests": ({"digest": (f"{MORE}md5", "md5")}, "algorithm_broken"),
    "SHA3 digests": ({"digest": ("http://www.w3.org/2007/05/xmldsig-more#sha3-256", "sha3_256")}, "algorithm_unknown"),
}
"""What a signer could sign, and the finding it leads to."""


@pytest.mark.promise(10)
@pytest.mark.parametrize("name", DISHONEST)
def test_no_signature_over_something_odd_passes(check: Verifier, xades: Xades, name: str) -> None:
    changes, code = DISHONEST[name]
    document = judged(check, xades.but(**changes).box())
    assert document["verdict"] != "passed"
    assert code in codes(document), codes(document)


def test_another_certificate_for_the_same_key_is_noticed(check: Verifier, xades: Xades, pki: Pki) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    twin = issue("张董事长", pki.ca, key=pki.signer.key)
    mine, other = (b64(i.certificate.public_bytes(Encoding.DER)) for i in (pki.signer, twin))
    document = judged(check, xades.but(after=lambda x: x.replace(mine, other)).box())
    assert (document["verdict"], "ess_mismatch" in codes(document)) == ("failed", True)
    named = judged(check, xades.but(named=twin).box())
    assert named["verdict"] == "failed"
    tag = "<ds:X509Certificate>"
    both = judged(check, xades.but(after=lambda x: x.replace(tag, f"{tag}{other}</ds:X509Certificate>{tag}", 1)).box())
    assert (both["verdict"], both["signatures"][0]["signer"]) == ("passed", "李工")


def test_what_belongs_to_the_signature_may_be_signed_too(check: Verifier, xades: Xades) -> None:
    """KeyInfo and objects: banks sign attestations there; a manifest there covers no file of the container."""
    inner = '<ds:Object Id="extra"><ds:Manifest><ds:Reference URI="paid.txt"/></ds:Manifest></ds:Object>'
    frame = f'<a xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="{DS}" xmlns:xades="{XADES}">{inner}</a>'
    digest = b64(hashlib.sha256(form(frame, "Object", INCLUSIVE)).digest())
    method = '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
    row = f'<ds:Reference URI="#extra">{method}<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>'
    made = xades.but(extra_objects=inner, extra_references=row)
    assert judged(check, made.box())["verdict"] == "passed"
    assert "container_not_covered" in codes(judged(check, made.box(**{"paid.txt": b"x"})))
    assert judged(check, made.but(after=lambda x: x.replace("paid.txt", "paye.txt")).box())["verdict"] == "failed"


def test_comments_change_nothing(check: Verifier, xades: Xades) -> None:
    """Canonical forms leave them out, and what is read is the canonical form."""

    def split(xml: str) -> str:
        at = xml.index("<ds:DigestValue>") + len("<ds:DigestValue>") + 5
        xml = xml[:at] + "<!-- x -->" + xml[at:]
        at = xml.index("<xades:SigningTime>") + len("<xades:SigningTime>") + 4
        return xml[:at] + "<!-- x -->" + xml[at:]

    plain, commented = judged(check, xades.box()), judged(check, xades.but(after=split).box())
    assert commented["verdict"] == "passed"
    assert facts(plain) == facts(commented)


def facts(document: dict[str, Any]) -> Any:
    """What a reader is told of the signatures."""
    keys = ("verdict", "reason", "signer", "signing_time", "time_source", "level", "covers", "revocation", "certificate")
    return [[s[k] for k in keys] for s in document["signatures"]]


@pytest.mark.promise(10)
def test_no_flipped_bit_changes_what_a_passed_verdict_tells(check: Verifier, xades: Xades, times: Callable[[int, int], int]) -> None:
    box = xades.but(stamped=NOW).box()
    data = dict(box.entries)[NAME]
    told = facts(judged(check, box))
    chance = random.Random(6)
    for at, by in flips(data, chance, times(200, 0)):
        document = judged(check, box.put(NAME, flip(data, at, by)))
        if document["verdict"] == "passed":
            level = [row[5] for row in facts(document)]
            assert facts(document) == told or (level == ["b-b"] and "unsigned_part" in codes(document)), (at, by)


def test_office_documents_are_named(check: Verifier) -> None:
    root = b'<document-signatures xmlns="urn:oasis:names:tc:opendocument:xmlns:digitalsignature:1.0"/>'
    box = Box([("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", b"<x/>"), ("META-INF/documentsignatures.xml", root)])
    document = judged(check, box, "x.odt")
    assert document["verdict"] == "indeterminate"
    assert "OpenDocument" in document["explanation"]["en"]


def test_an_issuer_with_an_odd_serial_number_is_no_trouble(check: Verifier, xades: Xades) -> None:
    """Old signing certificate property: digest, and issuer with serial number, which has to be the certificate's."""

    def old(right: int) -> Callable[[str], str]:
        number = f"<ds:X509IssuerName>CN=x</ds:X509IssuerName><ds:X509SerialNumber>{right}</ds:X509SerialNumber>"
        more = f"</xades:CertDigest><xades:IssuerSerial>{number}</xades:IssuerSerial>"
        return lambda x: x.replace("CertificateV2>", "Certificate>").replace("</xades:CertDigest>", more)

    serial = xades.signer.certificate.serial_number
    assert judged(check, xades.but(properties=old(serial)).box())["verdict"] == "passed"
    assert "ess_mismatch" in codes(judged(check, xades.but(properties=old(serial + 1)).box()))
