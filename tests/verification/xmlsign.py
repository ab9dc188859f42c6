"""XAdES signatures made for the tests, whole and with what a forger would do at each step; own templates, since no signer writes such files."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from tests.verification.conftest import NOW, Issued, Pki
from tests.verification.containers import MIME, SHA256, Box, token

DS, XADES, ASIC = "http://www.w3.org/2000/09/xmldsig#", "http://uri.etsi.org/01903/v1.3.2#", "http://uri.etsi.org/02918/v1.2.1#"
EXCLUSIVE, INCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
NAME = "META-INF/signatures0.xml"
Change = Callable[[str], str]


def _same(xml: str) -> str:
    return xml


def b64(data: bytes) -> str:
    """As XML has it."""
    return base64.b64encode(data).decode("ascii")


def form(xml: str, tag: str, algorithm: str = EXCLUSIVE) -> bytes:
    """The canonical form of the first element with that name in its document, the slow way."""
    (element, *_) = etree.fromstring(xml.encode()).iter(f"{{*}}{tag}")
    alone = etree.fromstring(etree.tostring(element, with_tail=False))
    return etree.tostring(alone, method="c14n", exclusive=algorithm == EXCLUSIVE)


def raw_signature(who: Issued, data: bytes, method: str) -> bytes:
    """A signature value as XML wants it."""
    name = next(n for n in ("SHA1", "SHA256", "SHA384", "SHA512", "MD5") if n.lower() in method.rpartition("#")[2])
    digest = getattr(hashes, name)()
    if isinstance(who.key, ec.EllipticCurvePrivateKey):
        size = (who.key.curve.key_size + 7) // 8
        return b"".join(n.to_bytes(size, "big") for n in decode_dss_signature(who.key.sign(data, ec.ECDSA(digest))))
    assert isinstance(who.key, rsa.RSAPrivateKey)
    scheme = padding.PSS(padding.MGF1(digest), digest.digest_size) if "MGF1" in method else padding.PKCS1v15()
    return who.key.sign(data, scheme, digest)


@dataclass(frozen=True)
class Xades:
    """How to sign; `xml` writes the signature file, `box` the container around it."""

    pki: Pki
    signer: Issued
    files: Mapping[str, bytes] = field(default_factory=lambda: {"图纸.dwg": b"A" * 300, "b.txt": b"B" * 300})
    method: str = f"{MORE}ecdsa-sha256"
    c14n: str = EXCLUSIVE
    when: datetime = NOW
    ident: str = "S0"
    digest: tuple[str, str] = (SHA256, "sha256")
    named: Issued | None = None
    """Whose certificate the signed properties name; the signer's."""
    extra_references: str = ""
    extra_objects: str = ""
    reference_properties: bool = True
    transforms: str = ""
    """Inside each reference to a file."""
    properties: Change = _same
    """What becomes of the signed properties before they are signed."""
    info: Change = _same
    """What becomes of SignedInfo before it is signed."""
    after: Change = _same
    """What becomes of the finished file."""
    stamped: datetime | None = None
    over: Change = _same
    """What the time-stamp is over, instead of the file with the signature value."""

    def but(self, **changes: object) -> "Xades":
        """The same with something different."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def _properties(self) -> str:
        der = (self.named or self.signer).certificate.public_bytes(Encoding.DER)
        return self.properties(
            f'<xades:SignedProperties Id="{self.ident}-SP"><xades:SignedSignatureProperties>'
            f"<xades:SigningTime>{self.when.strftime('%Y-%m-%dT%H:%M:%SZ')}</xades:SigningTime>"
            f'<xades:SigningCertificateV2><xades:Cert><xades:CertDigest><ds:DigestMethod Algorithm="{SHA256}"/>'
            f"<ds:DigestValue>{b64(hashlib.sha256(der).digest())}</ds:DigestValue></xades:CertDigest></xades:Cert></xades:SigningCertificateV2>"
            f"</xades:SignedSignatureProperties></xades:SignedProperties>"
        )

    def _file(self, info: str, value: str, unsigned: str = "") -> str:
        der = self.signer.certificate.public_bytes(Encoding.DER), self.pki.ca.certificate.public_bytes(Encoding.DER)
        certificates = "".join(f"<ds:X509Certificate>{b64(c)}</ds:X509Certificate>" for c in der)
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<asic:XAdESSignatures xmlns:asic="{ASIC}" xmlns:ds="{DS}" xmlns:xades="{XADES}">'
            f'<ds:Signature Id="{self.ident}">{info}<ds:SignatureValue Id="{self.ident}-SV">{value}</ds:SignatureValue>'
            f"<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>"
            f'<ds:Object><xades:QualifyingProperties Target="#{self.ident}">{self._properties()}'
            f"{unsigned}</xades:QualifyingProperties></ds:Object>{self.extra_objects}</ds:Signature></asic:XAdESSignatures>"
        )

    def _reference(self, uri: str, digest: bytes, more: str = "", inside: str = "") -> str:
        return (
            f"<ds:Reference {more}URI={quoteattr(uri)}>{inside}"
            f'<ds:DigestMethod Algorithm="{self.digest[0]}"/><ds:DigestValue>{b64(digest)}</ds:DigestValue></ds:Reference>'
        )

    def _info(self) -> str:
        rows = "".join(
            self._reference(quote(name), hashlib.new(self.digest[1], data).digest(), inside=self.transforms) for name, data in self.files.items()
        )
        if self.reference_properties:
            covered = form(self._file("", ""), "SignedProperties", self.c14n)
            step = f'<ds:Transforms><ds:Transform Algorithm="{self.c14n}"/></ds:Transforms>'
            kind = 'Type="http://uri.etsi.org/01903#SignedProperties" '
            rows += self._reference(f"#{self.ident}-SP", hashlib.new(self.digest[1], covered).digest(), kind, step)
        return self.info(
            f'<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{self.c14n}"/><ds:SignatureMethod Algorithm="{self.method}"/>'
            f"{rows}{self.extra_references}</ds:SignedInfo>"
        )

    def _unsigned(self, info: str, value: str) -> str:
        if self.stamped is None:
            return ""
        covered = form(self.over(self._file(info, value)), "SignatureValue", self.c14n)
        return (
            "<xades:UnsignedProperties><xades:UnsignedSignatureProperties><xades:SignatureTimeStamp>"
            f'<ds:CanonicalizationMethod Algorithm="{self.c14n}"/><xades:EncapsulatedTimeStamp>{b64(token(self.pki, covered, self.stamped))}'
            "</xades:EncapsulatedTimeStamp></xades:SignatureTimeStamp></xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
        )

    def xml(self) -> bytes:
        """The signature file."""
        info = self._info()
        value = b64(raw_signature(self.signer, form(self._file(info, ""), "SignedInfo", self.c14n), self.method))
        return self.after(self._file(info, value, self._unsigned(info, value))).encode()

    def box(self, **more: bytes) -> Box:
        """An ASiC-E with the files and the signature."""
        return Box([("mimetype", MIME["e"].encode()), *self.files.items(), (NAME, self.xml()), *more.items()])
