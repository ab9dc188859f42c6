"""Public keys and signatures: from a token's raw parts to DER, and the check every signature passes before anybody uses it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from tokens.errors import KeyNotFound, MechanismUnsupported, TokenFault
from tokens.types import SignatureScheme

_HASHES: Mapping[str, hashes.HashAlgorithm] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_CURVES: Mapping[bytes, ec.EllipticCurve] = {
    bytes.fromhex("06082a8648ce3d030107"): ec.SECP256R1(),
    bytes.fromhex("06052b81040022"): ec.SECP384R1(),
    bytes.fromhex("06052b81040023"): ec.SECP521R1(),
}

UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What `cryptography` raises over certificates, requests, revocation lists and their keys that it cannot read; not all of it is a ValueError."""


def hash_of(scheme: SignatureScheme) -> hashes.HashAlgorithm:
    """The scheme's digest."""
    return _HASHES[scheme.value.rsplit("_", 1)[1]]


def to_der(key: PublicKeyTypes) -> bytes:
    """SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def type_of(public_key_der: bytes) -> str:
    """The key's type in the words of `KeyType` ("rsa2048", "p256"); any other RSA size as "rsa…", "other" for what we do not sign with."""
    key = _load(public_key_der)
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return {"secp256r1": "p256", "secp384r1": "p384", "secp521r1": "p521"}.get(key.curve.name, "other")
    return "other"


def from_parts(parts: Mapping[str, bytes]) -> bytes:
    """SubjectPublicKeyInfo from what a token gives: modulus and exponent, curve and point, or a certificate.

    Raises `MechanismUnsupported` for a curve that we do not use (SM2), `KeyNotFound` where the parts make no key.
    """
    try:
        if "modulus" in parts:
            numbers = rsa.RSAPublicNumbers(int.from_bytes(parts["exponent"], "big"), int.from_bytes(parts["modulus"], "big"))
            return to_der(numbers.public_key())
        if "point" in parts:
            if parts["curve"] not in _CURVES:
                raise MechanismUnsupported(curve=parts["curve"].hex())
            curve = _CURVES[parts["curve"]]
            return to_der(ec.EllipticCurvePublicKey.from_encoded_point(curve, _bare_point(parts["point"], curve)))
        return to_der(x509.load_der_x509_certificate(parts["certificate"]).public_key())
    except UnsupportedAlgorithm as exc:
        raise MechanismUnsupported(key_type="other") from exc
    except (KeyError, *UNREADABLE) as exc:
        raise KeyNotFound(reason="public_key_unreadable") from exc


def _bare_point(value: bytes, curve: ec.EllipticCurve) -> bytes:
    """CKA_EC_POINT is a DER OCTET STRING around the point (v2.40 2.3.3); some modules give the bare point."""
    length = 1 + 2 * ((curve.key_size + 7) // 8)
    return value if len(value) == length else value[-length:]


@lru_cache(maxsize=256)
def _load(der: bytes) -> PublicKeyTypes:
    return load_der_public_key(der)


def checked(public_key_der: bytes, scheme: SignatureScheme, raw: bytes, tbs: bytes) -> bytes:
    """The token's `raw` signature in its standard form, after it verified over `tbs`; raises `TokenFault` (reason "wrong_signature")."""
    key = _load(public_key_der)
    digest = hash_of(scheme)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and scheme.value.startswith("ecdsa"):
            half = len(raw) // 2
            signature = utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
            key.verify(signature, tbs, ec.ECDSA(digest))
            return signature
        if isinstance(key, rsa.RSAPublicKey) and scheme.value.startswith("rsa"):
            pss = scheme.value.startswith("rsa_pss")
            pad = padding.PSS(padding.MGF1(digest), digest.digest_size) if pss else padding.PKCS1v15()
            key.verify(raw, tbs, pad, digest)
            return raw
    except (InvalidSignature, ValueError):
        pass
    raise TokenFault(reason="wrong_signature", scheme=scheme.value)
