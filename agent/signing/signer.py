"""Who signs with what, for a whole set: the session on the token, and what the person is asked before it may be used."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.api.errors import ApiError, Code
from agent.governance.decide import Refusal, SignDocuments, decide
from agent.inventory.certificates import CertificateView, views
from agent.inventory.service import Inventory
from agent.signing.order import Order, Rest
from tokens.identity import Identity, meaningful
from tokens.session import Session
from tokens.types import SignatureScheme, Token


@dataclass(frozen=True, slots=True)
class Means:
    """The token and the certificate that a set is signed with."""

    token: Token
    certificate: CertificateView
    scheme: SignatureScheme

    @property
    def public_key(self) -> bytes:
        """DER SubjectPublicKeyInfo of the certificate."""
        return x509.load_der_x509_certificate(self.certificate.der).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def authorise(self, documents: int, at: datetime) -> None:
        """Ask the rules whether so many documents may be signed now; raises `ApiError` (not_allowed)."""
        c = self.certificate
        said = decide(SignDocuments(c.common_name, c.not_before, c.not_after, c.may_sign, c.ca, documents), at)
        if isinstance(said, Refusal):
            raise ApiError(Code.NOT_ALLOWED, reason=said.reason, rule=said.rule, **dict(said.facts))

    def record(self) -> dict[str, Any]:
        """As the intent holds it."""
        token = {"module": self.token.module, "token": self.token.serial, "label": self.token.label}
        return {**token, "certificate": self.certificate.fingerprint, "scheme": str(self.scheme)}


async def means_of(order: Order, inventory: Inventory, now: datetime) -> Means:
    """What the order is to be signed with; what is resumed is signed with the same token and certificate, or not at all.

    Raises `ApiError`: token_absent (reason other_token), certificate_mismatch (reason resumed), mechanism_unsupported, and those of the inventory.
    """
    rest = order.rest
    if rest is None:
        token = await inventory.pick(order.token)
        certificate = await inventory.find_certificate(token, order.certificate, now)
    else:
        token = await inventory.pick(order.token or meaningful(rest.serial) or rest.label)
        certificate = await _same(rest, token, order.certificate, inventory, now)
    scheme = next(iter(token.schemes_for(certificate.key_type)), None)
    if scheme is None:
        raise ApiError(Code.MECHANISM_UNSUPPORTED, token=token.label, key_type=certificate.key_type)
    return Means(token, certificate, scheme)


async def _same(rest: Rest, token: Token, asked: str | None, inventory: Inventory, now: datetime) -> CertificateView:
    """The certificate that the set was begun with, on the token that it was begun on."""
    begun_on = Identity(rest.module, meaningful(rest.serial), rest.label, frozenset({rest.certificate}))
    if not token.identity.same(begun_on):
        raise ApiError(Code.TOKEN_ABSENT, reason="other_token", token=rest.label, serial=rest.serial, present=f"{token.label} ({token.serial})")
    held = next((each for each in views(token) if each.fingerprint == rest.certificate), None)
    if asked is not None:
        held = await inventory.find_certificate(token, asked, now)
    if held is None or held.fingerprint != rest.certificate:
        raise ApiError(Code.CERTIFICATE_MISMATCH, reason="resumed", token=token.label, certificate=rest.certificate[:12])
    return held


@dataclass(frozen=True, slots=True)
class Signer:
    """The means, with a session that is logged in."""

    means: Means
    session: Session
    public_key: bytes

    async def sign(self, attributes: bytes) -> bytes:
        """The signature over `attributes`, checked; raises `TokenError`."""
        return await self.session.sign(self.means.certificate.cka_id, self.means.scheme, attributes, self.public_key)
