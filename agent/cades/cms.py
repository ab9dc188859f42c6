"""CMS SignedData (RFC 5652) for detached CAdES-BES (EN 319 122-1) and PAdES B-B (EN 319 142-1), as DER.

Everything but the digest, the time and the signature is the same for all documents of a batch, so it is encoded once.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from agent.cades import der
from tokens.types import SignatureScheme

DATA: Final = "1.2.840.113549.1.7.1"
"""id-data: the eContentType of documents."""
_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
_CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
_SIGNING_TIME = der.oid("1.2.840.113549.1.9.5")
_SIGNING_CERTIFICATE_V2 = der.oid("1.2.840.113549.1.9.16.2.47")
_ALGORITHM_PROTECTION = der.oid("1.2.840.113549.1.9.52")
_MGF1 = der.oid("1.2.840.113549.1.1.8")
_PSS = der.oid("1.2.840.113549.1.1.10")
_HASHES: Final[Mapping[str, str]] = {
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_SIGNATURES: Final[Mapping[SignatureScheme, str]] = {
    SignatureScheme.RSA_PKCS1_SHA256: "1.2.840.113549.1.1.11",
    SignatureScheme.RSA_PKCS1_SHA384: "1.2.840.113549.1.1.12",
    SignatureScheme.RSA_PKCS1_SHA512: "1.2.840.113549.1.1.13",
    SignatureScheme.ECDSA_SHA256: "1.2.840.10045.4.3.2",
    SignatureScheme.ECDSA_SHA384: "1.2.840.10045.4.3.3",
    SignatureScheme.ECDSA_SHA512: "1.2.840.10045.4.3.4",
}
_GENERALIZED_TIME = 0x18
_UTC_TIME = 0x17
_IMPLICIT_0 = 0xA0
_IMPLICIT_1 = 0xA1
_IMPLICIT_2 = 0xA2


class SchemeMismatch(ValueError):
    """The signature scheme cannot go with the signer's public key."""


def digest_name(scheme: SignatureScheme) -> str:
    """The hash of a scheme, as hashlib calls it; the message digest uses the same one (RFC 5652, 5.4)."""
    return scheme.value.rsplit("_", 1)[1]


def digest_algorithm(name: str) -> bytes:
    """AlgorithmIdentifier of a hash, parameters absent (RFC 5754, 2)."""
    return der.tlv(der.SEQUENCE, der.oid(_HASHES[name]))


def signature_algorithm(scheme: SignatureScheme) -> bytes:
    """AlgorithmIdentifier of a signature: RFC 8017 A.2 (PKCS#1 v1.5 with NULL, PSS with its parameters), RFC 5758 3.2 (ECDSA, none)."""
    if scheme in (SignatureScheme.RSA_PSS_SHA256, SignatureScheme.RSA_PSS_SHA384, SignatureScheme.RSA_PSS_SHA512):
        name = digest_name(scheme)
        hashed = der.tlv(der.SEQUENCE, der.oid(_HASHES[name]), der.NULL)
        parameters = der.tlv(
            der.SEQUENCE,
            der.tlv(_IMPLICIT_0, hashed),
            der.tlv(_IMPLICIT_1, der.tlv(der.SEQUENCE, _MGF1, hashed)),
            der.tlv(_IMPLICIT_2, der.integer(hashlib.new(name).digest_size)),
        )
        return der.tlv(der.SEQUENCE, _PSS, parameters)
    identifier = der.oid(_SIGNATURES[scheme])
    return der.tlv(der.SEQUENCE, identifier, der.NULL) if scheme.value.startswith("rsa") else der.tlv(der.SEQUENCE, identifier)


def signature_size(key: CertificatePublicKeyTypes, scheme: SignatureScheme) -> int:
    """The most bytes a signature can take (ECDSA as Ecdsa-Sig-Value); raises `SchemeMismatch`."""
    if isinstance(key, rsa.RSAPublicKey) and scheme.value.startswith("rsa"):
        return (key.key_size + 7) // 8
    if isinstance(key, ec.EllipticCurvePublicKey) and scheme.value.startswith("ecdsa"):
        longest = der.tlv(der.INTEGER, b"\0" * ((key.key_size + 7) // 8 + 1))
        return len(der.tlv(der.SEQUENCE, longest, longest))
    raise SchemeMismatch(f"{scheme.value} with {type(key).__name__}")


def attribute(kind: bytes, *values: bytes) -> bytes:
    """One Attribute (RFC 5652, 5.3): its type as an encoded OID, its values encoded."""
    return der.tlv(der.SEQUENCE, kind, der.set_of(*values))


def _time(moment: datetime) -> bytes:
    """Time as RFC 5652, 11.3 wants it: UTCTime from 1950 to 2049, GeneralizedTime otherwise."""
    utc = moment.astimezone(UTC)
    if 1950 <= utc.year < 2050:
        return der.tlv(_UTC_TIME, utc.strftime("%y%m%d%H%M%SZ").encode("ascii"))
    return der.tlv(_GENERALIZED_TIME, utc.strftime("%Y%m%d%H%M%SZ").encode("ascii"))


def _signing_certificate(signer_der: bytes, issuer: bytes, serial: bytes) -> bytes:
    """SigningCertificateV2 (RFC 5035, 3): SHA-256 is the default hash and so left out."""
    general_names = der.tlv(der.SEQUENCE, der.tlv(0xA4, issuer))
    certificate = der.tlv(
        der.SEQUENCE,
        der.tlv(der.OCTET_STRING, hashlib.sha256(signer_der).digest()),
        der.tlv(der.SEQUENCE, general_names, serial),
    )
    return der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, certificate))


@dataclass(frozen=True, slots=True)
class Template:
    """A SignedData with holes for digest, time and signature.  Make it with `template`."""

    scheme: SignatureScheme
    pades: bool
    _fixed_attributes: tuple[bytes, ...]
    _before: bytes
    """version (3 for any content but id-data: RFC 5652, 5.1), digestAlgorithms, encapContentInfo and certificates of the SignedData."""
    _signer: bytes
    """version, sid and digestAlgorithm of the SignerInfo."""
    _signature_algorithm: bytes
    _signature_max: int

    def carrying(self, *attributes: bytes) -> "Template":
        """The same with more signed attributes (see `attribute`)."""
        return replace(self, _fixed_attributes=(*self._fixed_attributes, *attributes))

    @property
    def digest(self) -> str:
        """Name of the hash that the message digest and the signature use."""
        return digest_name(self.scheme)

    def signed_attributes(self, digest: bytes, signing_time: datetime | None = None) -> bytes:
        """The signed attributes as the DER SET OF that is to be signed (RFC 5652, 5.4).

        PAdES keeps the claimed time in the signature dictionary's /M, so `signing_time` must be None there (EN 319 142-1, 6.3);
        CAdES must have it (EN 319 122-1, 6.3).
        """
        if (signing_time is None) != self.pades:
            raise ValueError("signing-time belongs to CAdES, and only there")
        attributes = [*self._fixed_attributes, attribute(_MESSAGE_DIGEST, der.tlv(der.OCTET_STRING, digest))]
        if signing_time is not None:
            attributes.append(attribute(_SIGNING_TIME, _time(signing_time)))
        return der.set_of(*attributes)

    def assemble(self, signed_attributes: bytes, signature: bytes) -> bytes:
        """The whole ContentInfo; `signature` is the raw RSA block or a DER Ecdsa-Sig-Value (RFC 3279, 2.2.3)."""
        signer_info = der.tlv(
            der.SEQUENCE,
            self._signer,
            bytes((_IMPLICIT_0,)) + signed_attributes[1:],
            self._signature_algorithm,
            der.tlv(der.OCTET_STRING, signature),
        )
        signed_data = der.tlv(der.SEQUENCE, self._before, der.tlv(der.SET, signer_info))
        return der.tlv(der.SEQUENCE, _SIGNED_DATA, der.tlv(_IMPLICIT_0, signed_data))

    def max_size(self, signing_time: datetime | None = None, extra: int = 0) -> int:
        """Bytes that `assemble` can need at most, plus `extra` for what may be added later (unsigned attributes)."""
        attributes = self.signed_attributes(b"\0" * hashlib.new(self.digest).digest_size, signing_time)
        return len(self.assemble(attributes, b"\0" * self._signature_max)) + extra


def template(
    signer_der: bytes, chain: tuple[bytes, ...], scheme: SignatureScheme, pades: bool, *, content_type: str = DATA, attributes: tuple[bytes, ...] = ()
) -> Template:
    """A template for one signer; `chain` are the certificates above, DER, which travel along.

    `content_type` is the eContentType (a document's is id-data); `attributes` are signed attributes that all have in common (see `attribute`).

    Raises ValueError for bytes that are no certificate and `SchemeMismatch`.
    """
    signer = x509.load_der_x509_certificate(signer_der)
    serial, issuer = _identity(signer_der)
    hashed = digest_algorithm(digest_name(scheme))
    signing = signature_algorithm(scheme)
    fixed = (
        attribute(_CONTENT_TYPE, der.oid(content_type)),
        attribute(_SIGNING_CERTIFICATE_V2, _signing_certificate(signer_der, issuer, serial)),
        attribute(_ALGORITHM_PROTECTION, der.tlv(der.SEQUENCE, hashed, bytes((_IMPLICIT_1,)) + signing[1:])),
        *attributes,
    )
    version = der.integer(1)  # of the SignerInfo: its sid is an issuerAndSerialNumber (RFC 5652, 5.3)
    certificates = b"".join(sorted({signer_der, *chain}))
    before = (
        der.integer(1 if content_type == DATA else 3)
        + der.tlv(der.SET, hashed)
        + der.tlv(der.SEQUENCE, der.oid(content_type))
        + der.tlv(_IMPLICIT_0, certificates)
    )
    sid = der.tlv(der.SEQUENCE, issuer, serial)
    return Template(scheme, pades, fixed, before, version + sid + hashed, signing, signature_size(signer.public_key(), scheme))


def _identity(certificate: bytes) -> tuple[bytes, bytes]:
    """serialNumber and issuer as they stand in the certificate: its very bytes count, not an encoding of our own."""
    _, start, end = der.element(certificate)
    _, tbs, _ = next(der.children(certificate[start:end]))
    fields = [whole for tag, _, whole in der.children(tbs) if tag != _IMPLICIT_0]
    return fields[0], fields[2]
