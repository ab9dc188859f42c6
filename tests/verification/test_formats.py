"""Signatures over files: several signers, counter-signatures, content inside, time-stamps alone, and what is no file signature at all."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import core, tsp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.sign.general import as_signing_certificate_v2

from tests.verification.conftest import DAY, NOW, Issued, Pki, Verifier, blank_pdf, codes, issue
from tests.verification.containers import cades, token
from tests.verification.test_cms import openssl

TEXT = "合同正文\n第二行\n".encode()


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A file to sign."""
    path = tmp_path / "合同.txt"
    path.write_bytes(TEXT)
    return path


def signed(content: Path, data: bytes, ext: str = ".p7s") -> Path:
    """A signature beside it."""
    path = content.with_name(content.name + ext)
    path.write_bytes(data)
    return path


def counter(value: bytes, who: Issued, *, over: bytes | None = None, ess: bool = True, kind: bool = False) -> asn1_cms.SignerInfo:
    """A counter-signature over a signature value (or over something else); `kind` gives it the content type it must not have."""
    digest = hashlib.sha256(value if over is None else over).digest()
    attributes = [{"type": "message_digest", "values": [digest]}]
    if ess:
        attributes.append({"type": "signing_certificate_v2", "values": [as_signing_certificate_v2(who.asn1)]})
    if kind:
        attributes.append({"type": "content_type", "values": ["data"]})
    both = asn1_cms.CMSAttributes(attributes)
    assert isinstance(who.key, ec.EllipticCurvePrivateKey)
    return asn1_cms.SignerInfo(
        {
            "version": "v1",
            "sid": asn1_cms.SignerIdentifier(
                "issuer_and_serial_number", {"issuer": who.asn1.issuer, "serial_number": who.asn1.serial_number}
            ),
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": asn1_cms.CMSAttributes.load(both.dump()),
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": who.key.sign(both.dump(), ec.ECDSA(hashes.SHA256())),
        }
    )  # fmt: skip


def element(tag: int, body: bytes) -> bytes:
    """One DER element; asn1crypto takes exponential time to write nested counter-signatures."""
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (bytes([len(body)]) if len(body) < 0x80 else bytes([0x80 | len(size)]) + size) + body


def hung_on(*counters: bytes) -> bytes:
    """Unsigned attributes with these counter-signatures."""
    return element(0xA1, element(0x30, asn1_cms.CMSAttributeType("counter_signature").dump() + element(0x31, b"".join(counters))))


def with_unsigned(data: bytes, certificates: list[Issued], make: Callable[[bytes], list[asn1_cms.SignerInfo]]) -> bytes:
    """The signature with counter-signatures on its only signer."""
    body = asn1_cms.ContentInfo.load(data)["content"]
    (signer,) = body["signer_infos"]
    signer = element(0x30, signer.contents + hung_on(*(c.dump() for c in make(signer["signature"].native))))
    known = sorted([*(c.dump() for c in body["certificates"]), *(c.asn1.dump() for c in certificates)])
    parts = (body["version"].dump(), body["digest_algorithms"].dump(), body["encap_content_info"].dump(), element(0xA0, b"".join(known)))
    whole = element(0x30, b"".join(parts) + element(0x31, signer))
    return element(0x30, asn1_cms.ContentType("signed_data").dump() + element(0xA0, whole))


def merged(*parts: bytes) -> bytes:
    """One SignedData with the signers and certificates of all."""
    infos = [asn1_cms.ContentInfo.load(p) for p in parts]
    body = infos[0]["content"]
    certificates = {c.dump(): c for i in infos for c in i["content"]["certificates"]}
    body["certificates"] = asn1_cms.CertificateSet(list(certificates.values()))
    body["signer_infos"] = asn1_cms.SignerInfos([s for i in infos for s in i["content"]["signer_infos"]])
    return bytes(infos[0].dump(force=True))


def told(document: dict[str, Any]) -> list[tuple[str, str, int | None]]:
    """Kind, verdict, and what is counter-signed, of each signature."""
    return [(s["kind"], str(s["verdict"]), s["counter_signs"]) for s in document["signatures"]]


def test_each_of_three_signers_is_judged(check: Verifier, pki: Pki, content: Path) -> None:
    stranger = issue("陌生人", issue("陌生 CA", ca=True))
    parts = [cades(pki, TEXT), cades(pki, TEXT, stranger), cades(pki, b"other", pki.person("张工"))]
    document = check(signed(content, merged(*parts)))
    by_name = {s["signer"]: s["verdict"] for s in document["signatures"]}
    assert by_name == {"李工": "passed", "陌生人": "indeterminate", "张工": "failed"}
    assert document["verdict"] == "failed"


def test_a_counter_signature_passes_with_its_signer_named(check: Verifier, pki: Pki, content: Path) -> None:
    witness = pki.person("王工")
    p7s = signed(content, with_unsigned(cades(pki, TEXT), [witness], lambda value: [counter(value, witness)]))
    document = check(p7s)
    assert told(document) == [("signature", "passed", None), ("countersignature", "passed", 1)]
    assert document["verdict"] == "passed"
    assert "副署" in document["signatures"][1]["explanation"]["zh"]
    assert document["signatures"][1]["signer"] == "王工"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [({"over": b"other"}, "failed"), ({"kind": True}, "indeterminate"), ({"ess": False}, "passed")],
)
def test_a_bad_counter_signature_does_not_hide_the_signature(check: Verifier, pki: Pki, content: Path, changes: dict[str, Any], verdict: str) -> None:
    witness = pki.person("王工")
    p7s = signed(content, with_unsigned(cades(pki, TEXT), [witness], lambda value: [counter(value, witness, **changes)]))
    assert told(check(p7s)) == [("signature", "passed", None), ("countersignature", verdict, 1)]


def test_counter_signatures_of_counter_signatures_end_somewhere(check: Verifier, pki: Pki, content: Path) -> None:
    witness = pki.person("王工")

    def nested(value: bytes, depth: int = 6) -> list[asn1_cms.SignerInfo]:
        info = counter(value, witness)
        if not depth:
            return [info]
        (inner,) = nested(info["signature"].native, depth - 1)
        return [asn1_cms.SignerInfo.load(element(0x30, info.contents + hung_on(inner.dump())))]

    document = check(signed(content, with_unsigned(cades(pki, TEXT), [witness], nested)))
    assert told(document)[0] == ("signature", "passed", None)
    assert [n for _, _, n in told(document)[1:]] == [1, 2, 3, 4]
    assert told(document)[4][1] == "indeterminate"


def test_without_the_witness_certificate_it_cannot_be_confirmed(check: Verifier, pki: Pki, content: Path) -> None:
    witness = pki.person("王工")
    p7s = signed(content, with_unsigned(cades(pki, TEXT), [], lambda value: [counter(value, witness)]))
    document = check(p7s)
    assert document["signatures"][1]["reason"] == "NO_SIGNING_CERTIFICATE_FOUND"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl")
def test_content_inside_is_found_whatever_the_file_is_called(check: Verifier, pki: Pki, content: Path) -> None:
    p7m = openssl(pki, content, "-cades", "-stream", encap=True)  # streamed: BER with indefinite lengths and a content in pieces
    data = p7m.read_bytes()
    assert b"\x24\x80" in data
    other = content.with_name("somewhere.bin")
    other.write_bytes(data)
    document = check(other)
    assert (document["verdict"], document["signatures"][0]["level"]) == ("passed", "b-b")
    other.write_bytes(data.replace("合同".encode(), "合伙".encode()))
    assert check(other)["verdict"] == "failed"


def test_a_bag_of_certificates_is_no_signature(check: Verifier, pki: Pki, tmp_path: Path) -> None:
    info = asn1_cms.ContentInfo.load(cades(pki, TEXT))
    info["content"]["signer_infos"] = asn1_cms.SignerInfos([])
    (tmp_path / "chain.p7b").write_bytes(info.dump(force=True))
    assert check(tmp_path / "chain.p7b")["reason"] == "NO_SIGNATURE"
    (tmp_path / "x.p7s").write_bytes(info.dump(force=True))
    (tmp_path / "x").write_bytes(TEXT)
    assert check(tmp_path / "x.p7s")["verdict"] == "indeterminate"


def test_time_stamps_alone(check: Verifier, pki: Pki, content: Path) -> None:
    tst = signed(content, token(pki, TEXT), ".tst")
    for document in (check(tst), check(content), check(content, signature=tst)):
        (stamp,) = document["signatures"]
        assert (document["verdict"], stamp["kind"], stamp["time_source"]) == ("passed", "timestamp", "timestamp")
    answer = tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": asn1_cms.ContentInfo.load(token(pki, TEXT))})
    tst.unlink()
    tsr = signed(content, answer.dump(), ".tsr")
    assert check(tsr)["verdict"] == "passed"
    content.write_bytes(b"other")
    assert (check(tsr)["verdict"], check(tsr)["reason"]) == ("failed", "HASH_FAILURE")
    content.unlink()
    assert check(tsr)["reason"] == "SIGNED_DATA_NOT_FOUND"
    refusal = element(0x30, element(0x30, element(0x02, b"\x02")))
    content.write_bytes(TEXT)
    assert check(signed(content, refusal, ".tsr"))["verdict"] == "indeterminate"


def test_time_stamps_by_whoever(check: Verifier, pki: Pki, content: Path) -> None:
    from cryptography.x509.oid import ExtendedKeyUsageOID

    from tests.verification.conftest import rsa_key, usage

    elsewhere = issue("别处 CA", ca=True)
    purposes = {"key_usage": usage("digital_signature"), "purposes": [ExtendedKeyUsageOID.TIME_STAMPING]}
    stranger = issue("陌生时间戳", elsewhere, key=rsa_key(), **purposes)
    assert check(signed(content, token(pki, TEXT, authority=stranger), ".tst"))["verdict"] == "indeterminate"
    signer = pki.person("不是时间戳", key=rsa_key())
    assert "timestamp_purpose" in codes(check(signed(content, token(pki, TEXT, authority=signer), ".tst")))
    assert check(signed(content, token(pki, TEXT, NOW + DAY), ".tst"))["verdict"] == "indeterminate"


def test_a_time_stamp_is_never_shown_as_a_signature(check: Verifier, pki: Pki, content: Path) -> None:
    document = check(signed(content, token(pki, TEXT), ".p7s"))
    assert document["signatures"][0]["kind"] == "timestamp"


def test_what_is_signed_must_be_a_file(check: Verifier, pki: Pki, content: Path) -> None:
    info = asn1_cms.EncapsulatedContentInfo({"content_type": "1.3.6.1.4.1.311.2.1.4", "content": core.ParsableOctetString(TEXT)})
    import asyncio

    from pyhanko.sign import signers

    simple = signers.SimpleSigner(signing_cert=pki.signer.asn1, signing_key=pki.signer.asn1_key, cert_registry=None)
    made = asyncio.run(simple.async_sign_general_data(info, "sha256", detached=False))
    document = check(signed(content, made.dump()))
    assert (document["verdict"], codes(document)) == ("indeterminate", {"content_type_wrong"})


def test_signature_and_time_stamp_beside_a_file_are_both_judged(check: Verifier, pki: Pki, content: Path) -> None:
    signed(content, cades(pki, TEXT))
    signed(content, token(pki, TEXT), ".tst")
    document = check(content)
    assert [(s["kind"], s["field"]) for s in document["signatures"]] == [("signature", "合同.txt.p7s"), ("timestamp", "合同.txt.tst")]
    signed(content, b"junk")
    assert [s["verdict"] for s in check(content)["signatures"]] == ["indeterminate", "passed"]


def test_a_pdf_without_signatures_is_judged_by_what_stands_beside_it(check: Verifier, pki: Pki, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(blank_pdf())
    assert check(path)["reason"] == "NO_SIGNATURE"
    signed(path, cades(pki, path.read_bytes()))
    assert check(path)["verdict"] == "passed"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl")
def test_text_signed_with_other_line_ends_is_not_called_forged(check: Verifier, pki: Pki, content: Path) -> None:
    p7s = openssl(pki, content, "-cades")
    content.write_bytes(TEXT.replace(b"\n", b"\r\n"))
    document = check(p7s)
    assert (document["verdict"], codes(document)) == ("indeterminate", {"line_ends"})
    content.write_bytes(TEXT.replace(b"\n", b"\r\n") + b"x")
    assert check(p7s)["verdict"] == "failed"


def test_attributes_written_in_another_order_are_still_what_was_signed(check: Verifier, pki: Pki, content: Path) -> None:
    data = cades(pki, TEXT)
    info = asn1_cms.ContentInfo.load(data)
    attributes = info["content"]["signer_infos"][0]["signed_attrs"]
    parts = [a.dump() for a in attributes]
    whole = b"".join(parts)
    assert data.count(whole) == 1
    document = check(signed(content, data.replace(whole, b"".join(reversed(parts)))))
    assert document["verdict"] == "passed"
    assert "unsigned_part" in codes(document)


def test_signed_xml_is_said_to_be_out_of_reach(check: Verifier, tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_bytes(b'<?xml version="1.0"?><a><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></a>')
    assert "XAdES" in check(path)["explanation"]["zh"]
    path.write_bytes(b"<a/>")
    assert check(path)["reason"] == "NO_SIGNATURE"


def test_what_all_signers_share_is_looked_at_once(check: Verifier, pki: Pki, content: Path) -> None:
    from agent.verification import cms as ours
    from tests.verification.conftest import patched

    asked: list[int] = []
    frame = ours.check_frame
    data = with_unsigned(cades(pki, TEXT), [], lambda value: [counter(value, pki.signer)] * 30)
    with patched(ours, "check_frame", lambda s: (asked.append(1), frame(s))[1]):
        document = check(signed(content, data))
    assert len(document["signatures"]) == 31
    assert len(asked) == 1


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl")
def test_openssl_agrees_on_time_stamps(check: Verifier, pki: Pki, content: Path, tmp_path: Path) -> None:
    tst = signed(content, token(pki, TEXT), ".tst")
    root = tmp_path / "root.pem"
    root.write_text(pki.root.pem)
    (tmp_path / "ca.pem").write_text(pki.ca.pem)
    command = ["openssl", "ts", "-verify", "-data", content, "-in", tst, "-token_in", "-CAfile", root, "-untrusted", tmp_path / "ca.pem"]
    for text in (TEXT, b"other"):
        content.write_bytes(text)
        theirs = subprocess.run(command, capture_output=True).returncode == 0
        assert (check(tst)["verdict"] == "passed") is theirs
