"""Files signed by other programs that can be had here: none is called forged, and with its root known each passes."""

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.verification.conftest import Issued, Pki, Signing, Verifier, blank_pdf, codes, rsa_key

JARS = [Path(f"/usr/share/java/{name}.jar") for name in ("pdfbox2", "commons-logging", "fontbox2", "bcprov", "bcpkix", "bcutil")]
PASSWORD = "test-only"


def p12(pki: Pki, signer: Issued, path: Path) -> Path:
    """The signer's key and chain for other programs."""
    secret = serialization.BestAvailableEncryption(PASSWORD.encode())
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"signer", signer.key, signer.certificate, [pki.ca.certificate], secret))
    return path


def run(*command: object, folder: Path) -> None:
    """Run another program; its words are told when it fails."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    """A plain page."""
    path = tmp_path / "in.pdf"
    path.write_bytes(blank_pdf())
    return path


@pytest.mark.skipif(shutil.which("pdfsig") is None or shutil.which("pk12util") is None, reason="poppler-utils and libnss3-tools")
def test_signed_by_poppler_and_nss(check: Verifier, pki: Pki, drawing: Path, tmp_path: Path) -> None:
    signer = pki.person("周工", key=rsa_key())
    store = f"sql:{tmp_path}"
    run("certutil", "-N", "-d", store, "--empty-password", folder=tmp_path)
    run("pk12util", "-i", p12(pki, signer, tmp_path / "s.p12"), "-d", store, "-W", PASSWORD, "-K", "", folder=tmp_path)
    out = tmp_path / "out.pdf"
    run("pdfsig", "-nssdir", tmp_path, "-add-signature", "-nick", "signer", drawing, out, folder=tmp_path)
    document = check(out)
    assert document["verdict"] == "passed", (document["explanation"], codes(document))


@pytest.mark.skipif(shutil.which("java") is None or not all(j.exists() for j in JARS), reason="libpdfbox2-java, libbcpkix-java, a JDK")
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_signed_by_pdfbox_and_bouncycastle(check: Verifier, pki: Pki, drawing: Path, tmp_path: Path, kind: str) -> None:
    signer = pki.person("吴工", **({"key": rsa_key()} if kind == "rsa" else {}))
    source, out = Path(__file__).with_name("genuine") / "PdfBoxSign.java", tmp_path / "out.pdf"
    keys = p12(pki, signer, tmp_path / "s.p12")
    run("java", "-cp", ":".join(map(str, JARS)), source, keys, PASSWORD, drawing, out, folder=tmp_path)
    document = check(out)
    assert document["verdict"] == "passed", (document["explanation"], codes(document))


def test_saved_anew_by_qpdf_before_signing(check: Verifier, signing: Signing) -> None:
    """Linearised, with object streams, and what pikepdf writes: whatever a producer hands over."""
    import pikepdf

    for settings in ({"linearize": True}, {"object_stream_mode": pikepdf.ObjectStreamMode.generate}, {"qdf": True}):
        out = io.BytesIO()
        with pikepdf.open(io.BytesIO(blank_pdf(pages=3))) as pdf:
            pdf.save(out, **settings)
        once = signing.but(box=(100, 100, 300, 160)).sign(out.getvalue())
        assert check(once)["verdict"] == "passed", settings
        assert check(signing.but(field="Sig2", box=(320, 100, 500, 160)).sign(once))["verdict"] == "passed", settings


def test_comments_in_a_later_revision_are_a_change_and_no_forgery(check: Verifier, signing: Signing) -> None:
    from tests.verification.test_pdf import annotate, updated

    assert check(updated(signing.sign(blank_pdf()), annotate))["verdict"] == "indeterminate"


def test_a_last_revision_that_some_program_wrote_badly_is_no_forgery(check: Verifier, signing: Signing) -> None:
    """Seen in the test data of DSS: `/Prev 0` in the trailer of a document time-stamp, and an older signature that is fine."""
    once = signing.sign(blank_pdf())
    twice = signing.but(field="Sig2").sign(once)
    at = twice.rindex(b"/Prev ")
    end = twice.index(b"\n", at)
    document = check(twice[:at] + b"/Prev 1".ljust(end - at) + twice[end:])
    assert document["verdict"] == "indeterminate"
    assert "tail_unreadable" in codes(document)
    assert [s["field"] for s in document["signatures"]] == ["Sig1"]
