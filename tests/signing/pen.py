"""What the signing tests share: a software key in the token's place, a driver of the worker's operations, and hand-made PDFs."""

import datetime as dt
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from agent.api.errors import ApiError
from tokens.types import SignatureScheme
from tokens.wire import Message, to_bytes, to_text

HASHES: Mapping[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
NOW = dt.datetime(2026, 11, 22, 3, 34, 44, tzinfo=dt.UTC)
Answer = Callable[[str, Message], Message]


@dataclass(frozen=True)
class Person:
    """A key with a certificate of a self-made CA."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    root: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def sign(self, scheme: SignatureScheme, data: bytes) -> bytes:
        """As the token would."""
        algorithm = HASHES[scheme.value[-3:]]
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(algorithm))
        pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
        return self.key.sign(data, pss if "_pss_" in scheme.value else padding.PKCS1v15(), algorithm)


def person(kind: str, cn: str = "李工") -> Person:
    """A new one; `kind` is rsa or a curve."""

    def key() -> Any:
        return rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(getattr(ec, kind)())

    def name(cn: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "云桥建筑设计院"), x509.NameAttribute(NameOID.COMMON_NAME, cn)])

    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)

    def certificate(subject: x509.Name, public: Any, signing: Any, ca: bool) -> x509.Certificate:
        usage = x509.KeyUsage(not ca, not ca, False, False, False, ca, ca, False, False)
        builder = x509.CertificateBuilder(name("测试根"), subject, public, x509.random_serial_number(), start, start + dt.timedelta(days=90))
        return builder.add_extension(x509.BasicConstraints(ca, None), True).add_extension(usage, True).sign(signing, hashes.SHA256())

    top, own = key(), key()
    return Person(own, certificate(name(cn), own.public_key(), top, False), certificate(name("测试根"), top.public_key(), top, True))


@dataclass
class Pen:
    """Signs documents through the worker's operations."""

    answer: Answer
    who: Person
    scheme: SignatureScheme

    def set_up(self, **more: Any) -> None:
        common = {"scheme": self.scheme.value, "language": "zh", "appearance": "text", "signing_time": NOW.isoformat()}
        shown = {"reason": "审核", "location": "北京", "signer_name": "李工"}
        certificates = {"signer_der": to_text(self.who.der), "chain": [to_text(self.who.root.public_bytes(Encoding.DER))]}
        self.answer("setup", {**certificates, **common, **shown, **more})

    def snapshot(self, source: Path, target: Path, n: int = 0, places: Sequence[str] = (), **more: Any) -> Message:
        args = {"n": n, "input": str(source), "output": str(target), "format": "pades", "places": list(places), "force": False, "repair": False}
        return self.answer("snapshot", {**args, **more})

    def complete(self, n: int = 0, witness: bytes | None = None) -> Message:
        """Prepare, sign, finish and publish."""
        tbs = to_bytes(self.answer("prepare", {"n": n, "witness": witness and to_text(witness)})["tbs"])
        done = self.answer("finish", {"n": n, "signature": to_text(self.who.sign(self.scheme, tbs))})
        return {**done, **self.answer("publish", {"n": n})}

    def attempt(self, source: Path, target: Path, **more: Any) -> Message | ApiError:
        """Sign, or the error that said why not."""
        try:
            return self.sign(source, target, **more)
        except ApiError as error:
            return error

    def sign(self, source: Path, target: Path, **more: Any) -> Message:
        return {**self.snapshot(source, target, **more), **self.complete()}


def pdfsig(path: Path) -> list[str]:
    """poppler's word on each signature of a file."""
    said = subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, encoding="utf-8", errors="replace", check=False).stdout
    return said.split("Signature #")[1:]


def accepted(path: Path) -> None:
    """Assert that poppler finds the newest signature valid, over the whole file."""
    whole = [said for said in pdfsig(path) if "Total document signed" in said]
    assert len(whole) == 1
    assert "Signature is Valid" in whole[0]


def qpdf_check(path: Path) -> int:
    """qpdf's exit: 0 clean, 3 warnings, 2 errors."""
    return subprocess.run(["qpdf", "--check", str(path)], capture_output=True, check=False).returncode


def make_pdf(
    page: bytes = b"/MediaBox[0 0 420 300]", header: bytes = b"%PDF-1.4\n", entry: bytes = b"%010d %05d n \n", range_: bytes = b"0 4",
    startxref: int = 0, trailer: bytes = b"", size: int = 4, end: bytes = b"%%EOF\n", free: int = 65535, pages: bytes = b"", catalog: bytes = b"",
    filler: int = 0,
) -> bytes:  # fmt: skip
    """A one-page PDF, bent in one way or another."""
    out = bytearray(header)
    offsets = []
    bodies = (b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog, b"<</Type/Pages/Kids[3 0 R]/Count 1%s>>" % pages, b"<</Type/Page/Parent 2 0 R%s>>" % page)
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    out += b"%" + b"x" * filler + b"\n" if filler else b""
    at = len(out)
    out += b"xref\n" + range_ + b"\n" + entry.replace(b"n", b"f") % (0, free) + b"".join(entry % (offset, 0) for offset in offsets)
    return bytes(out + b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n" % (size, trailer, at + startxref) + end)
