"""Checking a detached CAdES signature of our own making, over bytes that have an eContentType of their own (statements).

There is one way to write such a signature: what `cms.template` writes.  The parts are read out, the whole is written anew from them,
and every byte must be the same; then the signature is verified.  So nothing can be added, left out, reordered or written otherwise.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from agent.cades import cms, der, layout
from tokens.types import SignatureScheme

SIGNATURE_MAX: Final = 64 * 1024
"""Bytes of a whole signature at most: one certificate, attributes of fixed form."""
_RSA_BITS: Final = (2048, 8192)
_RSA_EXPONENT: Final = 65537
_SIGNING_TIME = der.oid("1.2.840.113549.1.9.5")
_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
_CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
_SCHEMES: Final = {cms.signature_algorithm(scheme): scheme for scheme in SignatureScheme}
_ORDERS: Final = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "secp521r1": 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
}
"""Orders of the base points (FIPS 186-5 by SP 800-186, 3.2.1), by the names of `cryptography`."""
_HASHES: Final = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_LAYOUTS: Final = layout.Layouts()
_CONTEXT_0: Final = 0xA0
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18


class CheckFailed(ValueError):
    """No valid signature of the wanted kind.  `reason`: not_cms, content_type, content_inside, signers, certificate, weak_key, algorithm,
    attributes, digest, form, signature."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed.  Whether he may is not said here: that is for whoever knows the certificate."""

    certificate: bytes
    """DER, as it came with the signature and is bound by it."""
    signing_time: datetime
    """By the signer's clock, in whole seconds."""
    scheme: SignatureScheme

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the certificate."""
        return hashlib.sha256(self.certificate).hexdigest()


def check(content: bytes, signature: bytes, content_type: str) -> Signer:
    """Who signed `content` as the kind of thing that `content_type` (an OID, dotted) names; raises `CheckFailed`."""
    if len(signature) > SIGNATURE_MAX:
        raise CheckFailed("not_cms")
    if signer := _alike(content, signature, content_type):
        return signer
    try:
        parts = _read(signature, der.oid(content_type))
    except der.DerError as error:
        raise CheckFailed("not_cms") from error
    key, template = _known(parts.certificate, parts.scheme, content_type)
    digest = hashlib.new(template.digest, content).digest()
    if digest != parts.digest:
        raise CheckFailed("digest")
    attributes = template.signed_attributes(digest, parts.time)
    if template.assemble(attributes, parts.value) != signature:
        raise CheckFailed("form")
    _verify(key, parts.scheme, parts.value, attributes)
    if isinstance(key, ec.EllipticCurvePublicKey):
        hashed, order, who = _HASHES[template.digest], _ORDERS[key.curve.name], (parts.certificate, parts.scheme)
        _LAYOUTS.keep(content_type, signature, layout.make(signature, attributes, digest, parts.value, key, order, hashed, who))
    return Signer(parts.certificate, parts.time, parts.scheme)


def _alike(content: bytes, signature: bytes, content_type: str) -> Signer | None:
    """Who signed, where all but digest, time and value is as in a signature that was checked before; None: it has to be taken apart."""
    known = _LAYOUTS.find(content_type, signature)
    told = known.read(signature) if known is not None else None
    if known is None or told is None or hashlib.new(known.digest.name, content).digest() != told[0] or not known.holds(signature):
        return None
    certificate, scheme = known.signer
    return Signer(certificate, told[1], scheme)


@dataclass(frozen=True, slots=True)
class _Parts:
    certificate: bytes
    scheme: SignatureScheme
    digest: bytes
    time: datetime
    value: bytes


def _read(signature: bytes, content_type: bytes) -> _Parts:
    kind, wrapped = _sequence(signature, 0x30, _CONTEXT_0, first=0x06)
    if kind != _SIGNED_DATA:
        raise CheckFailed("not_cms")
    inside = list(der.children(_content(_only(wrapped))))
    if len(inside) < 5 or inside[2][0] != der.SEQUENCE:
        raise CheckFailed("not_cms")
    encapsulated = [whole for _, _, whole in der.children(inside[2][1])]
    if not encapsulated or encapsulated[0] != content_type:
        raise CheckFailed("content_type")
    if len(encapsulated) != 1:
        raise CheckFailed("content_inside")
    if [tag for tag, _, _ in inside] != [der.INTEGER, der.SET, der.SEQUENCE, _CONTEXT_0, der.SET]:
        raise CheckFailed("form")
    certificates = [whole for _, _, whole in der.children(inside[3][1])]
    if len(certificates) != 1:
        raise CheckFailed("certificate")
    infos = list(der.children(inside[4][1]))
    if len(infos) != 1:
        raise CheckFailed("signers")
    info = list(der.children(infos[0][1]))
    if [tag for tag, _, _ in info] != [der.INTEGER, der.SEQUENCE, der.SEQUENCE, _CONTEXT_0, der.SEQUENCE, der.OCTET_STRING]:
        raise CheckFailed("form")
    scheme = _SCHEMES.get(info[4][2])
    if scheme is None:
        raise CheckFailed("algorithm")
    digest, time = _attributes(info[3][1], content_type)
    return _Parts(certificates[0], scheme, digest, time, info[5][1])


def _attributes(encoded: bytes, content_type: bytes, timed: bool = True) -> tuple[bytes, datetime]:
    """Message digest and signing time (a document's can lack one); what else is among them shows when the whole is written anew."""
    found: dict[bytes, bytes] = {}
    for tag, content, _ in der.children(encoded):
        if tag != der.SEQUENCE:
            raise CheckFailed("attributes")
        parts = list(der.children(content))
        if len(parts) != 2 or parts[1][0] != der.SET or parts[0][2] in found:
            raise CheckFailed("attributes")
        found[parts[0][2]] = parts[1][1]
    if found.get(_CONTENT_TYPE) != content_type:
        raise CheckFailed("content_type")
    tag, digest, _ = _first(found.get(_MESSAGE_DIGEST, b""))
    if tag != der.OCTET_STRING:
        raise CheckFailed("attributes")
    if not timed and _SIGNING_TIME not in found:
        return digest, datetime.min.replace(tzinfo=UTC)
    tag, told, _ = _first(found.get(_SIGNING_TIME, b""))
    form = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}.get(tag)
    if form is None:
        raise CheckFailed("attributes")
    try:
        # The years 50 to 68 are of another century in Python than in X.509: written anew they look otherwise, and are refused.
        return digest, datetime.strptime(told.decode("ascii"), form).replace(tzinfo=UTC)
    except ValueError as error:
        raise CheckFailed("attributes") from error


def is_about(attributes: bytes, content_type: str) -> bool:
    """Whether signed attributes that somebody wants signed say of themselves, once and well-formed, that what they are over is of this kind."""
    try:
        tag, start, end = der.element(attributes)
        if tag != der.SET or end != len(attributes):
            return False
        _attributes(attributes[start:end], der.oid(content_type), timed=False)
    except (der.DerError, CheckFailed):
        return False
    return True


def _first(data: bytes) -> tuple[int, bytes, bytes]:
    return next(der.children(data), (0, b"", b""))


def _only(data: bytes) -> bytes:
    """`data`, which must be one SEQUENCE and nothing after it."""
    tag, _, end = der.element(data)
    if tag != der.SEQUENCE or end != len(data):
        raise CheckFailed("not_cms")
    return data


def _content(data: bytes) -> bytes:
    _, start, end = der.element(data)
    return data[start:end]


def _sequence(data: bytes, tag: int, second: int, first: int) -> tuple[bytes, bytes]:
    """The two elements of the SEQUENCE that `data` is: the first one whole, the second one's content."""
    found, start, end = der.element(data)
    parts = list(der.children(data[start:end]))
    if found != tag or end != len(data) or [each for each, _, _ in parts] != [first, second]:
        raise CheckFailed("not_cms")
    return parts[0][2], parts[1][1]


def sound(key: object) -> bool:
    """Whether signatures by a public key are taken at all: P-256, P-384, P-521, and RSA from 2048 bits with an exponent of 65537 or more."""
    if isinstance(key, rsa.RSAPublicKey):
        return _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1] and _RSA_EXPONENT <= key.public_numbers().e < 2**64
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _ORDERS


@lru_cache(maxsize=256)
def _known(certificate: bytes, scheme: SignatureScheme, content_type: str) -> tuple[rsa.RSAPublicKey | ec.EllipticCurvePublicKey, cms.Template]:
    """The certificate's key and what its signatures look like; raises `CheckFailed` (certificate, weak_key, algorithm)."""
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except Exception as error:  # whatever is wrong with it, it names nobody
        raise CheckFailed("certificate") from error
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) or not sound(key):
        raise CheckFailed("weak_key")
    try:
        return key, cms.template(certificate, (), scheme, False, content_type=content_type)
    except cms.SchemeMismatch as error:
        raise CheckFailed("algorithm") from error
    except (ValueError, TypeError, IndexError) as error:
        raise CheckFailed("certificate") from error


def _verify(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, scheme: SignatureScheme, value: bytes, signed: bytes) -> None:
    name = cms.digest_name(scheme)
    digest = _HASHES[name]
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            if low(value, key.curve.name) != value:
                raise CheckFailed("form")
            key.verify(value, signed, ec.ECDSA(digest))
        elif scheme.value.startswith("rsa_pss"):
            key.verify(value, signed, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        else:
            key.verify(value, signed, padding.PKCS1v15(), digest)
    except (InvalidSignature, ValueError) as error:
        if isinstance(error, CheckFailed):
            raise
        raise CheckFailed("signature") from error


def low(value: bytes, curve: str) -> bytes:
    """An Ecdsa-Sig-Value with the smaller of the two s that are valid alike: nobody but the signer can make a second signature out of one.

    Raises `CheckFailed` (signature) for bytes that are none.
    """
    try:
        tag, start, end = der.element(value)
        parts = list(der.children(value[start:end]))
    except der.DerError as error:
        raise CheckFailed("signature") from error
    if tag != der.SEQUENCE or end != len(value) or [each for each, _, _ in parts] != [der.INTEGER, der.INTEGER]:
        raise CheckFailed("signature")
    r, s = (int.from_bytes(content, "big", signed=True) for _, content, _ in parts)
    order = _ORDERS[curve]
    if not (0 < r < order and 0 < s < order):
        raise CheckFailed("signature")
    return der.tlv(der.SEQUENCE, der.integer(r), der.integer(min(s, order - s)))
