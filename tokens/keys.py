"""Token keys as `cryptography` sees private keys, so that its builders of requests, certificates, CRLs and PKCS#7 take them.

A key is a public key and a synchronous callable that signs: ``sign(scheme, tbs) -> signature`` (PKCS#1/PSS octets or DER
Ecdsa-Sig-Value).  An asyncio caller runs the builder in a thread and bridges with ``run_coroutine_threadsafe``.  Everything that
would need the private number raises `KeyStaysInToken`.
"""

from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tokens.errors import MechanismUnsupported
from tokens.types import SignatureScheme

Sign: TypeAlias = Callable[[SignatureScheme, bytes], bytes]


class KeyStaysInToken(TypeError):
    """The private key is not here and cannot be: it stays in its token."""


class _Stays:
    """What no token key does."""

    def private_bytes(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        raise KeyStaysInToken("the private key stays in its token")

    def private_numbers(self) -> NoReturn:
        """Refused."""
        raise KeyStaysInToken("the private key stays in its token")

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: Any) -> Any:
        return self


def _digest(algorithm: object) -> str:
    if not isinstance(algorithm, hashes.SHA256 | hashes.SHA384 | hashes.SHA512):
        raise MechanismUnsupported(algorithm=str(getattr(algorithm, "name", algorithm)))
    return algorithm.name


class TokenRSAPrivateKey(_Stays, rsa.RSAPrivateKey):
    """An RSA key in a token: PKCS#1 v1.5 and PSS (salt as long as the digest) with SHA-256, 384, 512."""

    def __init__(self, public_key: rsa.RSAPublicKey, sign: Sign) -> None:
        self._public_key = public_key
        self._sign = sign

    @property
    def key_size(self) -> int:
        """Bits of the modulus."""
        return self._public_key.key_size

    def public_key(self) -> rsa.RSAPublicKey:
        """The public key."""
        return self._public_key

    def decrypt(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: a signing key decrypts nothing."""
        raise KeyStaysInToken("a signing key decrypts nothing")

    def sign(self, data: Any, padding: padding.AsymmetricPadding, algorithm: object) -> bytes:
        """Sign `data`; raises `MechanismUnsupported` for other paddings, digests and for Prehashed (the token floor signs no bare digests)."""
        return self._sign(SignatureScheme(f"rsa_{_padding(padding, algorithm)}_{_digest(algorithm)}"), bytes(data))


def _padding(pad: padding.AsymmetricPadding, algorithm: object) -> str:
    if isinstance(pad, padding.PKCS1v15):
        return "pkcs1"
    if isinstance(pad, padding.PSS) and isinstance(algorithm, hashes.HashAlgorithm):
        salts = (algorithm.digest_size, padding.PSS.DIGEST_LENGTH, padding.PSS.AUTO)
        if pad.mgf._algorithm.name == algorithm.name and pad._salt_length in salts:  # cryptography shows neither publicly
            return "pss"
    raise MechanismUnsupported(padding=pad.name)


class TokenECPrivateKey(_Stays, ec.EllipticCurvePrivateKey):
    """An elliptic-curve key in a token: ECDSA with SHA-256, 384, 512."""

    def __init__(self, public_key: ec.EllipticCurvePublicKey, sign: Sign) -> None:
        self._public_key = public_key
        self._sign = sign

    @property
    def curve(self) -> ec.EllipticCurve:
        """The curve."""
        return self._public_key.curve

    @property
    def key_size(self) -> int:
        """Bits of the curve."""
        return self._public_key.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public key."""
        return self._public_key

    def exchange(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: a signing key agrees on no secrets."""
        raise KeyStaysInToken("a signing key agrees on no secrets")

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """Sign `data`; raises `MechanismUnsupported` for other digests and for Prehashed."""
        return self._sign(SignatureScheme(f"ecdsa_{_digest(signature_algorithm.algorithm)}"), bytes(data))


def token_key(public_key_der: bytes, sign: Sign) -> TokenRSAPrivateKey | TokenECPrivateKey:
    """The token key that belongs to a DER SubjectPublicKeyInfo; raises `MechanismUnsupported` for other kinds of key."""
    public_key = load_der_public_key(public_key_der)
    if isinstance(public_key, rsa.RSAPublicKey):
        return TokenRSAPrivateKey(public_key, sign)
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return TokenECPrivateKey(public_key, sign)
    raise MechanismUnsupported(key_type=type(public_key).__name__)
