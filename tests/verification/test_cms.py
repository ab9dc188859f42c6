"""Detached signatures: DER and PEM, by this program's own signer and by openssl, with the attacks that CMS invites."""

import shutil
import subprocess
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from tests.verification.conftest import Issued, Pki, Verifier, codes, issue, revocation_list

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl")
TEXT = "合同正文\n".encode()


def openssl(pki: Pki, content: Path, *options: str, signer: Issued | None = None, encap: bool = False) -> Path:
    """`content`.p7s made by openssl."""
    who = signer or pki.signer
    folder = content.parent
    (folder / "signer.pem").write_text(who.pem)
    (folder / "key.pem").write_bytes(who.key_pem)
    (folder / "ca.pem").write_text(pki.ca.pem)
    out = content.with_name(content.name + ".p7s")
    inside = ["-nodetach"] if encap else []
    subprocess.run(
        ["openssl", "cms", "-sign", "-binary", "-in", content, "-signer", folder / "signer.pem", "-inkey", folder / "key.pem",
         "-certfile", folder / "ca.pem",
         "-outform", "DER", "-md", "sha256", *inside, *options, "-out", out], check=True, capture_output=True)  # fmt: skip
    return out


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A file to sign."""
    path = tmp_path / "合同.dwg"
    path.write_bytes(TEXT)
    return path


def test_cades_by_openssl_passes_however_it_is_named(check: Verifier, pki: Pki, content: Path) -> None:
    p7s = openssl(pki, content, "-cades")
    for document in (check(p7s), check(content), check(content, signature=p7s)):
        assert (document["verdict"], document["signatures"][0]["level"]) == ("passed", "b-b")
        assert document["signatures"][0]["signer"] == "李工"
        assert document["signatures"][0]["covers_whole_file"] is True


def test_pem_passes_and_plain_cms_has_no_level(check: Verifier, pki: Pki, content: Path) -> None:
    p7s = openssl(pki, content)
    pem = content.with_name("x.pem")
    subprocess.run(["openssl", "cms", "-cmsout", "-inform", "DER", "-in", p7s, "-outform", "PEM", "-out", pem], check=True)
    document = check(content, signature=pem)
    assert (document["verdict"], document["signatures"][0]["level"]) == ("passed", None)


def test_pdf_can_have_a_signature_beside_it(check: Verifier, pki: Pki, tmp_path: Path) -> None:
    from tests.verification.conftest import blank_pdf

    path = tmp_path / "a.pdf"
    path.write_bytes(blank_pdf())
    assert check(path, signature=openssl(pki, path, "-cades"))["verdict"] == "passed"


def test_altered_content_fails(check: Verifier, pki: Pki, content: Path) -> None:
    p7s = openssl(pki, content, "-cades")
    content.write_bytes(TEXT + b"x")
    document = check(p7s)
    assert (document["verdict"], document["reason"]) == ("failed", "HASH_FAILURE")
    assert document["signatures"][0]["covers_whole_file"] is False
    content.unlink()
    assert check(p7s)["reason"] == "SIGNED_DATA_NOT_FOUND"


def test_content_inside_is_judged_without_a_file_and_against_one(check: Verifier, pki: Pki, content: Path) -> None:
    p7s = openssl(pki, content, "-cades", encap=True)
    assert check(p7s)["verdict"] == "passed"
    content.write_bytes(b"another")
    assert check(p7s)["verdict"] == "failed"
    content.unlink()
    assert check(p7s)["verdict"] == "passed"


def test_without_signed_attributes_it_does_not_pass(check: Verifier, pki: Pki, content: Path) -> None:
    document = check(openssl(pki, content, "-noattr"))
    assert (document["verdict"], codes(document)) == ("indeterminate", {"attributes_missing"})


def test_attributes_shown_as_content_fail(check: Verifier, pki: Pki, content: Path) -> None:
    """The signature over the attributes of one file is also one over a file that consists of those attributes, without any attributes."""
    p7s = openssl(pki, content, "-cades")
    info = asn1_cms.ContentInfo.load(p7s.read_bytes())
    signer = info["content"]["signer_infos"][0]
    attributes = signer["signed_attrs"].untag().dump()
    bare = ("version", "sid", "digest_algorithm", "signature_algorithm", "signature")
    info["content"]["signer_infos"] = asn1_cms.SignerInfos([asn1_cms.SignerInfo({name: signer[name] for name in bare})])
    forged = content.with_name("forged.bin")
    forged.write_bytes(attributes)
    beside = content.with_name("forged.bin.p7s")
    beside.write_bytes(info.dump(force=True))
    document = check(forged)
    assert document["verdict"] == "failed"
    assert "attributes_as_content" in codes(document)


def test_exchanged_certificate_fails(check: Verifier, pki: Pki, content: Path) -> None:
    p7s = openssl(pki, content, "-cades")
    twin = issue("冒名者", pki.ca, key=pki.signer.key)
    info = asn1_cms.ContentInfo.load(p7s.read_bytes())
    data = info["content"]
    data["certificates"] = asn1_cms.CertificateSet([asn1_cms.CertificateChoices("certificate", c.asn1) for c in (twin, pki.ca)])
    data["signer_infos"][0]["sid"] = asn1_cms.SignerIdentifier(
        "issuer_and_serial_number", {"issuer": twin.asn1.issuer, "serial_number": twin.asn1.serial_number}
    )
    p7s.write_bytes(info.dump(force=True))
    document = check(p7s)
    assert (document["verdict"], codes(document)) == ("failed", {"ess_mismatch"})


def test_several_signers_each_get_a_verdict(check: Verifier, pki: Pki, content: Path) -> None:
    stranger = issue("陌生人", issue("陌生 CA", ca=True))
    builder = pkcs7.PKCS7SignatureBuilder().set_data(TEXT)
    for who in (pki.signer, stranger):
        key = serialization.load_pem_private_key(who.key_pem, None)
        builder = builder.add_signer(who.certificate, key, hashes.SHA256())  # type: ignore[arg-type]
    p7s = content.with_name(content.name + ".p7s")
    p7s.write_bytes(
        builder.add_certificate(pki.ca.certificate).sign(
            serialization.Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
        )
    )
    document = check(p7s)
    assert sorted(s["verdict"] for s in document["signatures"]) == ["indeterminate", "passed"]
    assert document["verdict"] == "indeterminate"


def test_revoked_by_a_supplied_list(check: Verifier, pki: Pki, content: Path) -> None:
    from tests.verification.conftest import DAY, NOW

    p7s = openssl(pki, content, "-cades")
    crl = revocation_list(pki.ca, {pki.signer.certificate.serial_number: NOW - DAY})
    assert check(p7s, crls=(crl,))["signatures"][0]["revocation"] == "revoked"


def test_what_is_no_signature(check: Verifier, tmp_path: Path) -> None:
    for name, data, reason in (("a.txt", b"text", "NO_SIGNATURE"), ("a.txt.p7s", b"text", "FORMAT_FAILURE"), ("empty", b"", "NO_SIGNATURE")):
        path = tmp_path / name
        path.write_bytes(data)
        assert check(path, signature=None)["verdict"] == "indeterminate"
        if name != "a.txt":
            assert check(path)["reason"] == reason
    assert check(tmp_path / "absent.pdf")["verdict"] == "indeterminate"
    assert check(tmp_path)["verdict"] == "indeterminate"


def test_bytes_after_the_signature_are_told(check: Verifier, pki: Pki, content: Path) -> None:
    p7s = openssl(pki, content, "-cades")
    p7s.write_bytes(p7s.read_bytes() + b"junk")
    assert check(p7s)["verdict"] == "indeterminate"


def test_openssl_agrees(pki: Pki, content: Path, tmp_path: Path, check: Verifier) -> None:
    p7s = openssl(pki, content, "-cades")
    root = tmp_path / "root.pem"
    root.write_text(pki.root.pem)
    command = [
        "openssl",
        "cms",
        "-verify",
        "-cades",
        "-binary",
        "-inform",
        "DER",
        "-in",
        p7s,
        "-content",
        content,
        "-CAfile",
        root,
        "-purpose",
        "any",
        "-out",
        "/dev/null",
    ]
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert check(p7s)["verdict"] == "passed"
    content.write_bytes(b"other")
    assert subprocess.run(command, capture_output=True).returncode != 0
    assert check(p7s)["verdict"] == "failed"
