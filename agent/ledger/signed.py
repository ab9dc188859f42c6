"""Signing a statement, and checking who signed it: detached CAdES over its bytes, with the eContentType that only statements have."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from agent.cades import check as cades
from agent.cades import cms, oids
from agent.cades.check import CheckFailed, Signer
from agent.ledger import statement
from tokens.types import SignatureScheme

__all__ = ["CheckFailed", "Prepared", "Signer", "SigningKey", "check", "prepare", "sign_with"]


class SigningKey(Protocol):
    """A key that signs bytes: a device's, or a person's on a token."""

    @property
    def certificate(self) -> bytes:
        """DER."""

    @property
    def scheme(self) -> SignatureScheme: ...

    async def sign(self, data: bytes) -> bytes:
        """The signature over `data`, hashed by the scheme's digest: RSA octets, or a DER Ecdsa-Sig-Value."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement about to be signed: the key signs `to_sign`, and `finish` makes the whole of it."""

    raw: bytes
    to_sign: bytes
    _template: cms.Template
    _curve: str | None

    def finish(self, signature: bytes) -> bytes:
        """The CMS; raises `CheckFailed` where `signature` is not valid: nothing unchecked is ever recorded."""
        value = signature if self._curve is None else cades.low(signature, self._curve)
        whole = self._template.assemble(self.to_sign, value)
        check(self.raw, whole)
        return whole


def prepare(raw: bytes, certificate: bytes, scheme: SignatureScheme, at: datetime | None = None) -> Prepared:
    """What is to be signed for the statement `raw`; `at` is the signing time, else now.

    Raises `StatementError` (nothing but a statement is signed as one), `cms.SchemeMismatch` and ValueError (certificate).
    """
    statement.parse(raw)
    made = cms.template(certificate, (), scheme, False, content_type=oids.STATEMENT)
    moment = (at or datetime.now(UTC)).replace(microsecond=0)
    key = x509.load_der_x509_certificate(certificate).public_key()
    curve = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else None
    return Prepared(raw, made.signed_attributes(hashlib.new(made.digest, raw).digest(), moment), made, curve)


async def sign_with(key: SigningKey, raw: bytes, at: datetime | None = None) -> bytes:
    """The signature of `key` over the statement `raw`, checked; raises as `prepare` and `Prepared.finish` do, and what `key.sign` raises."""
    prepared = prepare(raw, key.certificate, key.scheme, at)
    return prepared.finish(await key.sign(prepared.to_sign))


def check(raw: bytes, signature: bytes) -> Signer:
    """Who signed the statement `raw`; raises `CheckFailed`.  The statement itself is for `statement.parse`."""
    return cades.check(raw, signature, oids.STATEMENT)
