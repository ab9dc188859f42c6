"""The certificate of a device key: made by itself, good for nothing but saying which key it is.  The ledger says whose it is."""

import hashlib
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_YEARS = 10
_BACKDATE = timedelta(minutes=5)


def device_id(public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> str:
    """The id of a device that begins with this key: W and 20 hex digits of its digest."""
    encoded = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "W" + hashlib.sha256(encoded).hexdigest()[:20]


def self_signed(id: str, private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, at: datetime | None = None) -> bytes:
    """A certificate, DER, that names the device by its id and tells nothing of the computer or the person."""
    moment = (at or datetime.now(UTC)).replace(microsecond=0)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Yinxin device {id}")])
    public = private.public_key()
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(public).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(moment - _BACKDATE).not_valid_after(moment + timedelta(days=365 * _YEARS))
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return builder.add_extension(usage, critical=True).sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
