"""Files signed by other programs that can be had here: none is called forged, and with its root known each passes."""

import hashlib
import io
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.verification.conftest import Issued, Pki, Signing, Verifier, blank_pdf, codes, rsa_key
from tests.verification.containers import cades, extended

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


def test_an_encrypted_drawing_that_opens_without_password(check: Verifier, signing: Signing) -> None:
    """The signature is the one string of it that is not encrypted."""
    import pikepdf

    for method in ({"R": 6}, {"R": 4, "aes": True}, {"R": 3, "aes": False, "metadata": False}):
        out = io.BytesIO()
        with pikepdf.open(io.BytesIO(blank_pdf())) as pdf:
            pdf.save(out, encryption=pikepdf.Encryption(owner="owner", user="", **method))
        document = check(signing.sign(out.getvalue()))
        assert document["verdict"] == "passed", (method, document["explanation"])


def without_null(signer: Issued, data: bytes) -> bytes:
    """A PKCS#1 v1.5 signature with SHA-256 whose DigestInfo leaves out the NULL, by the key's own numbers."""
    assert isinstance(signer.key, rsa.RSAPrivateKey)
    numbers = signer.key.private_numbers()
    n, size = numbers.public_numbers.n, signer.key.key_size // 8
    info = bytes.fromhex("302f300b0609608648016503040201" + "0420") + hashlib.sha256(data).digest()
    padded = b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info
    return pow(int.from_bytes(padded, "big"), numbers.d, n).to_bytes(size, "big")


def test_rsa_signatures_whose_digest_is_named_without_null(check: Verifier, pki: Pki, tmp_path: Path) -> None:
    """As some national tokens sign; with junk in its place it is no signature."""
    from agent.verification.digestinfo import signs_without_null

    signer = pki.person("冯工", key=rsa_key())
    path = tmp_path / "a.txt"
    path.write_bytes(b"content")
    made = asn1_cms.ContentInfo.load(cades(pki, b"content", signer))
    info = made["content"]["signer_infos"][0]
    attributes, value = info["signed_attrs"].untag().dump(), info["signature"].native
    path.with_name("a.txt.p7s").write_bytes(made.dump().replace(value, without_null(signer, attributes)))
    assert check(path)["verdict"] == "passed"
    assert not signs_without_null(signer.key.public_key(), "sha256", b"other", without_null(signer, attributes))
    assert not signs_without_null(signer.key.public_key(), "sha256", b"x", b"\0" * 256)
    assert not signs_without_null(pki.signer.key.public_key(), "sha256", b"x", b"")
    path.write_bytes(b"other")
    assert check(path)["verdict"] == "failed"


def test_an_algorithm_that_names_another_digest_leaves_doubt_and_is_no_forgery(check: Verifier, pki: Pki, tmp_path: Path) -> None:
    """As DSS writes for combinations of digests; openssl takes it for good."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"content")
    made = asn1_cms.ContentInfo.load(cades(pki, b"content"))
    made["content"]["signer_infos"][0]["signature_algorithm"] = {"algorithm": "sha512_ecdsa"}
    path.with_name("a.txt.p7s").write_bytes(made.dump(force=True))
    document = check(path)
    assert (document["verdict"], codes(document) & {"cms_structure", "signature_invalid"}) == ("indeterminate", {"cms_structure"})


def test_containers_that_name_the_unpacked_size_before_and_the_rest_behind(check: Verifier, pki: Pki, tmp_path: Path) -> None:
    """Streamed by programs that know the size of the file, but not yet what it packs to."""
    data = b""
    directory: list[bytes] = []
    for name, content in extended(pki).entries:
        raw, packer = name.encode(), zlib.compressobj(wbits=-15)
        packed = packer.compress(content) + packer.flush()
        told = struct.pack("<LLL", zlib.crc32(content), len(packed), len(content))
        head = struct.pack("<HHHHH", 20, 0x808, 8, 0, 0)
        directory.append(b"PK\1\2" + struct.pack("<H", 20) + head + told + struct.pack("<HHHHHLL", len(raw), 0, 0, 0, 0, 0, len(data)) + raw)
        data += b"PK\3\4" + head + struct.pack("<LLLHH", 0, 0, len(content), len(raw), 0) + raw + packed + b"PK\7\x08" + told
    listed = b"".join(directory)
    path = tmp_path / "x.asice"
    path.write_bytes(data + listed + b"PK\5\6" + struct.pack("<4H2LH", 0, 0, len(directory), len(directory), len(listed), len(data), 0))
    document = check(path)
    assert document["verdict"] == "passed", codes(document)
