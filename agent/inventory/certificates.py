"""Certificates as people see them: who, from whom, until when, and whether one may sign with them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tokens.public import UNREADABLE
from tokens.types import Certificate, Token


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A certificate on a token, read once; times are aware UTC."""

    fingerprint: str
    """SHA-256 of the DER, hex."""
    subject: str
    common_name: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    label: str
    cka_id: bytes
    der: bytes
    key_type: str
    ca: bool
    may_sign: bool
    """Key usage allows signatures on documents: digitalSignature or nonRepudiation, or no key usage at all (RFC 5280 4.2.1.3)."""
    has_key: bool

    def problem(self, at: datetime) -> str | None:
        """Why one cannot sign with it at `at`: expired, not_yet_valid, key_usage, key_type, no_key; None where one can."""
        if not self.has_key:
            return "no_key"
        if self.ca or not self.may_sign:
            return "key_usage"
        if self.key_type == "other":
            return "key_type"
        if at > self.not_after:
            return "expired"
        return "not_yet_valid" if at < self.not_before else None

    def entry(self, at: datetime, own: Collection[str]) -> dict[str, Any]:
        """The CERT object of the wire; `own` are the subjects of this home's CAs."""
        return {
            "fingerprint": self.fingerprint,
            "subject": self.subject,
            "common_name": self.common_name,
            "issuer": self.issuer,
            "serial": self.serial,
            "not_before": _iso(self.not_before),
            "not_after": _iso(self.not_after),
            "label": self.label,
            "id": self.cka_id.hex(),
            "usable": self.problem(at) is None,
            "problem": self.problem(at),
            "internal": self.issuer in own,
            "ca": self.ca,
            "key_type": self.key_type,
        }


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")


def views(token: Token) -> tuple[CertificateView, ...]:
    """The readable certificates of a token; one that does not parse is left out, as no key can be used with it."""
    ids = {key.cka_id for key in token.keys}
    # Before login many tokens show neither private nor public keys: then a user certificate stands for its key.
    hidden = not token.keys and token.login_required
    found = (view(cert, cert.cka_id in ids or hidden) for cert in token.certificates)
    return tuple(each for each in found if each is not None)


@lru_cache(maxsize=512)
def view(cert: Certificate, has_key: bool) -> CertificateView | None:
    """The certificate read; None where its bytes do not parse."""
    try:
        parsed = x509.load_der_x509_certificate(cert.der)
        names = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return CertificateView(
            parsed.fingerprint(hashes.SHA256()).hex(),
            parsed.subject.rfc4514_string(),
            str(names[0].value) if names else parsed.subject.rfc4514_string(),
            parsed.issuer.rfc4514_string(),
            f"{parsed.serial_number:x}",
            parsed.not_valid_before_utc,
            parsed.not_valid_after_utc,
            cert.label,
            cert.cka_id,
            cert.der,
            _key_type_of(parsed),
            _is_ca(parsed),
            _may_sign(parsed),
            has_key,
        )
    except UNREADABLE:
        return None


def _key_type_of(cert: x509.Certificate) -> str:
    """`key_type` of its public key; "other" also where the library knows no such key (SM2, which UKeys issued in China often bear)."""
    try:
        return key_type(cert.public_key())
    except UnsupportedAlgorithm:
        return "other"


def key_type(public: object) -> str:
    """rsa2048, p256 and so on; "other" for what we do not sign with."""
    if isinstance(public, rsa.RSAPublicKey):
        return f"rsa{public.key_size}"
    if isinstance(public, ec.EllipticCurvePublicKey):
        return {"secp256r1": "p256", "secp384r1": "p384", "secp521r1": "p521"}.get(public.curve.name, "other")
    return "other"


def _is_ca(cert: x509.Certificate) -> bool:
    try:
        return cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _may_sign(cert: x509.Certificate) -> bool:
    try:
        usage = cert.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment
