"""What a certificate in a statement says, as far as the rules need it: pure, from its bytes alone."""

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.cades import check


@dataclass(frozen=True, slots=True)
class Facts:
    """A certificate read; times as statements write them."""

    fingerprint: str
    """SHA-256 of the DER, hex."""
    key: str
    """SHA-256 of the public key (SubjectPublicKeyInfo), hex: one key belongs to one person, whatever certificates it has."""
    subject: str
    not_before: str
    not_after: str
    may_sign: bool
    """No CA, and its key usage allows signatures (RFC 5280, 4.2.1.3)."""
    sound: bool
    """Its key is one whose signatures are taken (`agent.cades.check.sound`): what another one signed would never take effect."""


@lru_cache(maxsize=1024)
def facts(text: str) -> Facts | None:
    """The facts of a certificate in base 64; None where it cannot be read."""
    try:
        der = base64.b64decode(text, validate=True)
        cert = x509.load_der_x509_certificate(der)
        public = cert.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        subject = cert.subject.rfc4514_string()
        may_sign, sound = _may_sign(cert), check.sound(cert.public_key())
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it names nobody
        return None
    return Facts(
        hashlib.sha256(der).hexdigest(),
        hashlib.sha256(public).hexdigest(),
        subject,
        moment(cert.not_valid_before_utc.isoformat()),
        moment(cert.not_valid_after_utc.isoformat()),
        may_sign,
        sound,
    )


def moment(iso: str) -> str:
    """A time of ISO 8601 in UTC to the second, in the one form that statements have."""
    return iso.replace("+00:00", "") + ".000000Z"


def _may_sign(cert: x509.Certificate) -> bool:
    try:
        if cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
    except x509.ExtensionNotFound:
        pass
    try:
        usage = cert.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature or usage.content_commitment
