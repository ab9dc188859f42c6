"""A PKI, drawings and signatures made for each session, so that no test needs a file of somebody else's."""

import asyncio
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore
from reportlab.pdfgen.canvas import Canvas

from agent.verification.document import check_document
from agent.verification.trust import Trust, load_certificates, load_revocation
from tests.pki import Site

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    @cached_property
    def asn1(self) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(self.certificate.public_bytes(Encoding.DER))

    @cached_property
    def asn1_key(self) -> asn1_keys.PrivateKeyInfo:
        der = self.key.private_bytes(Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return asn1_keys.PrivateKeyInfo.load(der)


def usage(*names: str) -> x509.KeyUsage:
    """A KeyUsage with only these bits."""
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
        "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: name in names for name in every})


_serial = iter(range(1000, 1_000_000))


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    ca: bool = False,
    key_usage: x509.KeyUsage | None = usage("digital_signature", "content_commitment"),  # noqa: B008
    purposes: list[x509.ObjectIdentifier] | None = None,
    start: datetime = NOW - 30 * DAY,
    end: datetime = NOW + 300 * DAY,
    crl_url: str | None = None,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
) -> Issued:
    """A certificate for `name`; self-signed without `issuer`."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(next(_serial))
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer is not None:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    wanted = usage("key_cert_sign", "crl_sign") if ca else key_usage
    if wanted is not None:
        builder = builder.add_extension(wanted, critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=purposes == [ExtendedKeyUsageOID.TIME_STAMPING])
    if crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    signed_by = issuer.key if issuer else key
    return Issued(key, builder.sign(signed_by, hashes.SHA256()))


def revocation_list(issuer: Issued, revoked: dict[int, datetime], *, made: datetime = NOW - DAY, until: datetime = NOW + 30 * DAY) -> bytes:
    """A CRL (DER): serial numbers and when they were revoked."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject).last_update(made).next_update(until)
    builder = builder.add_extension(x509.CRLNumber(1), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    for serial, when in revoked.items():
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when).build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


@dataclass(frozen=True)
class Pki:
    """A root, an issuing CA below it, a signer, and a time-stamp authority."""

    root: Issued
    ca: Issued
    signer: Issued
    tsa: Issued

    def person(self, name: str = "张工", **options: Any) -> Issued:
        """A further certificate of the issuing CA."""
        return issue(name, self.ca, **options)


def rsa_key() -> rsa.RSAPrivateKey:
    """A key for pyHanko's time-stamper, which knows RSA only."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def pki() -> Pki:
    """The PKI of this session."""
    root = issue("测试根 CA", ca=True)
    ca = issue("测试签发 CA", root, ca=True)
    tsa = issue("测试时间戳", ca, key_usage=usage("digital_signature"), purposes=[ExtendedKeyUsageOID.TIME_STAMPING], key=rsa_key())
    return Pki(root, ca, issue("李工", ca), tsa)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A PKI in every state, with its services on this machine."""
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.close()


def blank_pdf(lines: int = 10, pages: int = 1, note: str = "Ground floor plan") -> bytes:
    """An A4 PDF with text in its upper half; everything below 140 mm is blank."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), invariant=1)
    for page in range(pages):
        canvas.setFont("Helvetica", 12)
        for line in range(lines):
            canvas.drawString(72, 780 - 24 * line, f"{note}, page {page}, line {line}")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Signing:
    """How to sign; `sign` does it."""

    pki: Pki
    signer: Issued
    field: str = "Sig1"
    box: Box | None = None
    subfilter: fields.SigSeedSubFilter = fields.SigSeedSubFilter.PADES
    digest: str = "sha256"
    certify: fields.MDPPerm | None = None
    stamper: Any = None
    text: str = "Signed"

    def but(self, **changes: Any) -> "Signing":
        """The same with something different."""
        return replace(self, **changes)

    def sign(self, pdf: bytes) -> bytes:
        """`pdf` with one more signature, as an incremental update."""
        return asyncio.run(self._sign(pdf))

    async def _sign(self, pdf: bytes) -> bytes:
        from pyhanko.stamp import TextStampStyle

        store = SimpleCertificateStore.from_certs([self.pki.ca.asn1])
        simple = signers.SimpleSigner(signing_cert=self.signer.asn1, signing_key=self.signer.asn1_key, cert_registry=store)
        meta = signers.PdfSignatureMetadata(
            field_name=self.field, md_algorithm=self.digest, subfilter=self.subfilter, certify=self.certify is not None,
            docmdp_permissions=self.certify or fields.MDPPerm.FILL_FORMS,
        )  # fmt: skip
        spec = fields.SigFieldSpec(self.field, on_page=0, box=self.box) if self.box else None
        style = TextStampStyle(stamp_text=self.text, border_width=1)
        pdf_signer = signers.PdfSigner(meta, simple, timestamper=self.stamper, new_field_spec=spec, stamp_style=style)
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
        if writer.prev.encrypted:
            writer.encrypt("")
        out = await pdf_signer.async_sign_pdf(writer)
        return bytes(out.getbuffer())


@pytest.fixture
def signing(pki: Pki) -> Signing:
    """An invisible PAdES signature of the session's signer."""
    return Signing(pki, pki.signer)


def stamper(authority: Issued, chain: list[Issued], when: datetime) -> DummyTimeStamper:
    """A time-stamp authority whose clock stands at `when`."""
    store = SimpleCertificateStore.from_certs([c.asn1 for c in chain])
    return DummyTimeStamper(authority.asn1, authority.asn1_key, certs_to_embed=store, fixed_dt=when)


@dataclass(frozen=True)
class Verifier:
    """Verifies in this process: `check(bytes)` gives the document of the contract."""

    folder: Path
    anchors: tuple[str, ...]

    def __call__(
        self,
        data: bytes | Path,
        *,
        signature: Path | None = None,
        trust: tuple[str, ...] | None = None,
        crls: tuple[bytes, ...] = (),
        at: datetime | None = None,
    ) -> dict[str, Any]:
        if isinstance(data, bytes):
            path = self.folder / "file.pdf"
            path.write_bytes(data)
        else:
            path = data
        anchors = tuple(c for text in (self.anchors if trust is None else trust) for c in load_certificates(text.encode()))
        supplied = [load_revocation(crl) for crl in crls]
        lists, answers = tuple(c for some, _ in supplied for c in some), tuple(r for _, some in supplied for r in some)
        return asyncio.run(check_document(str(path), str(signature) if signature else None, Trust(anchors, lists, at, ocsps=answers)))


@pytest.fixture
def check(tmp_path: Path, pki: Pki) -> Verifier:
    """Verification with the session's root as the only anchor."""
    return Verifier(tmp_path, (pki.root.pem,))


def codes(document: dict[str, Any]) -> set[str]:
    """The codes of all findings."""
    return {f["code"] for s in document["signatures"] for f in s["findings"]}


@contextmanager
def patched(holder: Any, name: str, value: Any) -> Iterator[None]:
    """`holder.name` is `value` meanwhile."""
    before = getattr(holder, name)
    setattr(holder, name, value)
    try:
        yield
    finally:
        setattr(holder, name, before)


Make = Callable[..., bytes]
