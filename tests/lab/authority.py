"""An issuer of certificates for the lab's tokens, one for a test run; what a public CA is to real ones."""

import datetime as dt
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Token Lab CA"), x509.NameAttribute(NameOID.COUNTRY_NAME, "CN")])
_USAGES = ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _builder(subject: x509.Name, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_NAME)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=3650))
    )


@cache
def anchor() -> bytes:
    """The issuer's own certificate, PEM."""
    usage = {**dict.fromkeys(_USAGES, False), "key_cert_sign": True, "crl_sign": True}
    own = _builder(_NAME, _key().public_key())
    own = own.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    own = own.add_extension(x509.KeyUsage(digital_signature=False, content_commitment=False, **usage), critical=True)
    return own.sign(_key(), hashes.SHA256()).public_bytes(Encoding.PEM)


def certificate(name: str, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, declares_intent: bool = True) -> bytes:
    """An end-entity certificate for signing, ten years long, DER; `declares_intent`: nonRepudiation beside digitalSignature."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.COUNTRY_NAME, "CN")])
    usage = dict.fromkeys(_USAGES, False)
    made = _builder(subject, key)
    made = made.add_extension(x509.KeyUsage(digital_signature=True, content_commitment=declares_intent, **usage), critical=True)
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    return made.sign(_key(), hashes.SHA256()).public_bytes(Encoding.DER)
